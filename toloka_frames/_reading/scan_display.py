"""Show a scan as text and HTML without a request, and say what to do where a DataFrame is expected."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pandas as pd

from toloka_frames._runtime import cards
from toloka_frames._schema.columns import EXTRA, TEXT, Column, SpecFields
from toloka_frames._validation import nearest_hint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toloka_frames._reading.scan import ListRequest

WIDTH = 80
METHODS = ".head(), .to_dataframe(), .to_arrow(), .to_parquet(path), .iter_dataframes(), or iterate over it"
# names of a DataFrame that say something about all rows, which only a pull can find out
COUNTS = ("shape", "size", "len", "count", "empty", "index")
SCHEMA = ("columns", "dtypes", "info", "keys")


def as_text(request: ListRequest, page_rows: int, columns: Sequence[Column | SpecFields]) -> str:
    """Return a plain text of at most 80 characters a line."""
    lines = [f"<Scan of {request.resource.name}: no rows requested yet, pages of {page_rows:,} rows>"]
    given = [f"{name}={value!r}" for name, value in request.given.items()]
    names = [name for name, _ in _columns(columns)]
    for title, items in (("filters", ", ".join(given) or "none"), ("columns", ", ".join(names)), ("rows", METHODS)):
        lines += textwrap.wrap(f"{title}: {items}", WIDTH, subsequent_indent="    ", break_on_hyphens=False)
    return "\n".join(lines)


def as_html(request: ListRequest, page_rows: int, columns: Sequence[Column | SpecFields]) -> str:
    """Return a small table for a notebook: what is requested, and the columns with their types."""
    given = ", ".join(f"<code>{cards.escape(f'{name}={value!r}')}</code>" for name, value in request.given.items())
    named = list(_columns(columns))
    return (
        f'<div class="{cards.NOT_MATHEMATICS}" style="max-width:60em;overflow-wrap:anywhere;line-height:1.5">'
        f"<b>Scan of {cards.escape(request.resource.name)}</b>: no rows requested yet, pages of {page_rows:,} rows<br>"
        f"filters: {given or 'none'}<br>rows: {cards.escape(METHODS)}"
        f"<details><summary>{len(named)} columns</summary>{cards.table(['column', 'type'], named)}</details></div>"
    )


def frame_advice(name: str, known: Sequence[str]) -> str:
    """Return a sentence about an attribute that a scan does not have."""
    if (not name.startswith("_") and hasattr(pd.DataFrame, name)) or name in COUNTS:
        if name in SCHEMA:
            return f"A Scan has no {name!r}: its columns and types are scan.schema, and scan.head() is a DataFrame."
        if name == "len":
            return "A Scan has no len(): Toloka does not count the rows of a list; len(scan.to_dataframe()) requests them all."
        if name in COUNTS:
            return f"A Scan has no {name!r}: Toloka does not count the rows of a list; scan.to_dataframe() requests them."
        return f"A Scan has no {name!r}: it requests rows when they are read; use scan.to_dataframe() or scan.head()."
    return f"'Scan' object has no attribute {name!r}{'' if name.startswith('_') else nearest_hint(name, known)}"


def _columns(columns: Sequence[Column | SpecFields]) -> Iterator[tuple[str, str]]:
    for column in columns:
        if isinstance(column, SpecFields):
            yield f"{column.prefix}:*", f"by the {column.spec} fields of the project or app"
        else:
            yield column.name, str(column.type)
    yield EXTRA, str(TEXT)
