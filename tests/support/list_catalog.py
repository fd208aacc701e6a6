"""Every list of the API, by the name that its methods have, and the tables of docs/lists.md, which are made from that.

`python tests/support/list_catalog.py` writes them into the page.
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
    """Its filters that compare nothing, its own first."""
    names = [name for name in resource.filters if not name.endswith(COMPARISONS)]
    return sorted(names, key=lambda name: name.startswith("owner_"))


def compared(resource: Resource) -> list[str]:
    """What it can be compared by."""
    return [name.removesuffix("_gt") for name in resource.filters if name.endswith("_gt")]


def tables() -> str:
    """What stands in the page."""
    return "\n".join([BEGIN, *_facts(), "\n## The columns\n", *_columns()]) + "\n"


def _facts() -> Iterator[str]:
    yield "| `get_` and `find_` | needs | filters | compared (`_gt`, `_gte`, `_lt`, `_lte`) | sort keys | rows a page |"
    yield "|---|---|---|---|---|---|"
    for name, each in RESOURCES.items():
        cells = [
            _names([name]),
            " or ".join(f"`{one}`" for one in each.places or each.one_of) or "-",
            _names(one for one in plain(each) if one not in each.needed),
            _names(compared(each)),
            _names(each.sort),
            f"{each.max_limit:,}",
        ]
        yield f"| {' | '.join(cells)} |"


def _columns() -> Iterator[str]:
    yield "| list | columns, before `extra` |"
    yield "|---|---|"
    for name, each in RESOURCES.items():
        columns = (f"{one.prefix}:*" if isinstance(one, SpecFields) else one.name for one in each.columns)
        yield f"| `{name}` | {_names(columns)} |"


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "-"


if __name__ == "__main__":
    PAGE.write_text(PAGE.read_text("utf-8").partition(BEGIN)[0] + tables(), "utf-8")
