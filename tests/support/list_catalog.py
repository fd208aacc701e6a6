"""All lists of the API by the name in their methods, and the tables of docs/lists.md that are generated from them.

`python tests/support/list_catalog.py` writes the tables into the page.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from toloka_frames._schema import lists
from toloka_frames._schema.columns import SpecFields
from toloka_frames._schema.lists import Resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


RESOURCES = {value.name.replace(" ", "_"): value for value in vars(lists).values() if isinstance(value, Resource)}
COMPARISONS = ("_gt", "_gte", "_lt", "_lte")
PAGE = Path(__file__).parents[2] / "docs" / "lists.md"
BEGIN = "## The lists\n"


def plain(resource: Resource) -> list[str]:
    """Return the filters that are not comparisons, those by owner last."""
    names = [name for name in resource.filters if not name.endswith(COMPARISONS)]
    return sorted(names, key=lambda name: name.startswith("owner_"))


def compared(resource: Resource) -> list[str]:
    """Return the names that have comparison filters, without the suffix."""
    return [name.removesuffix("_gt") for name in resource.filters if name.endswith("_gt")]


def tables() -> str:
    """Return the generated part of the page."""
    return "\n".join([BEGIN, *_filter_table(), "\n## The columns\n", *_column_table()]) + "\n"


def _filter_table() -> Iterator[str]:
    comparisons = "comparisons (`_gt`, `_gte`, `_lt`, `_lte`)"
    yield f"| `get_` and `find_` | first | required | filters | {comparisons} | sort keys | max. page |"
    yield "|---|---|---|---|---|---|---|"
    for name, resource in RESOURCES.items():
        cells = [
            _names([name]),
            _names(resource.positional),
            " or ".join(f"`{required}`" for required in resource.path_params or resource.one_of) or "-",
            _names(filter_name for filter_name in plain(resource) if filter_name not in resource.required),
            _names(compared(resource)),
            _names(resource.sort),
            f"{resource.max_limit:,}",
        ]
        yield f"| {' | '.join(cells)} |"


def _column_table() -> Iterator[str]:
    yield "| list | columns, followed by `extra` |"
    yield "|---|---|"
    for name, resource in RESOURCES.items():
        columns = (f"{column.prefix}:*" if isinstance(column, SpecFields) else column.name for column in resource.columns)
        yield f"| `{name}` | {_names(columns)} |"


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "-"


if __name__ == "__main__":
    PAGE.write_text(PAGE.read_text("utf-8").partition(BEGIN)[0] + tables(), "utf-8")
