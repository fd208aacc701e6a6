"""What a list of the API is, as data: path, keywords, sort keys, limits, columns.

The lists themselves stand in `_pool_resources`, `_people_resources` and `_app_resources`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cached_property
from string import Formatter
from typing import TYPE_CHECKING, Any, Literal

from toloka_frames._schema.columns import BOOLEAN, TEXT, Column, Fields, JsonShape, Path
from toloka_frames._schema.filters import filters_of, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa

    from toloka_frames._schema.filters import Filter

# A page is held whole, as JSON and as Arrow: of the lists that allow 100,000 rows a page, whose rows can be kilobytes, a walk
# asks for fewer at once, which costs one more request in ten thousand rows and keeps memory and read timeouts in bounds.
PAGE_ROWS = 10_000


@dataclass(frozen=True)
class Life:
    """Which columns tell how a row of a list lives.

    Attributes:
        id: Its id.
        created: When it was made, which the list can be compared by; None where it cannot.
        status: Its state; None where it has none, so that every row is final.
        final: The states that it does not leave.
        passing: What is another each time it is asked for.
        fluid: Whether rows change, or go away, and no state tells of it, so that no copy can be kept up to date.
    """

    id: str = "id"
    created: str | None = None
    status: str | None = None
    final: tuple[str, ...] = ()
    passing: tuple[str, ...] = ()
    fluid: bool = False


@dataclass(frozen=True)
class Resource:
    """A list of the API.

    Attributes:
        name: Its name in messages, as "app batches".
        path: Its path behind `/api`, with the names of its path parameters in braces.
        rows: The key of its rows in a page.
        max_limit: The most rows a page can have.
        keywords: Its filters, as a TypedDict of `_keywords`.
        sort: Sort keys.
        columns: The columns of its frames.
        one_of: Filters of which at least one is needed; empty when none is.
        needs: For a filter's value, another filter that it needs.
        cursor: What a walk goes by: a key of the rows that no two share, to sort by and to compare with.
        life: How its rows live.
    """

    name: str
    path: str
    rows: Literal["items", "content"]
    max_limit: int
    keywords: type
    sort: tuple[str, ...]
    columns: tuple[Column | Fields, ...]
    one_of: tuple[str, ...] = ()
    needs: Mapping[tuple[str, str], str] = field(default_factory=dict)
    cursor: str = "id"
    life: Life = Life()

    def __getstate__(self) -> dict[str, Any]:
        # a pickle without what is made from the rest
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @cached_property
    def filters(self) -> Mapping[str, Filter]:
        """Query parameters and what they take."""
        return {**dict.fromkeys(self.one_of, text), **filters_of(self.keywords)}

    @cached_property
    def places(self) -> tuple[str, ...]:
        """The names of the path parameters."""
        return tuple(name for _, name, _, _ in Formatter().parse(self.path) if name)

    @property
    def needed(self) -> tuple[str, ...]:
        """What it cannot be asked without."""
        return self.places or (self.one_of if len(self.one_of) == 1 else ())

    @property
    def page_rows(self) -> int:
        """Rows a page of a walk has unless batch_size says otherwise."""
        return min(self.max_limit, PAGE_ROWS)


def flat(arrow_type: pa.DataType, *names: str, json: JsonShape | None = None) -> Iterator[Column]:
    """Columns of a type, named as their places in a row, dotted."""
    for name in names:
        yield Column(name, tuple(name.split(".")), arrow_type, json)


def at(prefix: str, base: Path, arrow_type: pa.DataType, *names: str, json: JsonShape | None = None) -> Iterator[Column]:
    """The same behind a path, with a prefix of their own."""
    for name in names:
        yield Column(f"{prefix}{name}", (*base, *name.split(".")), arrow_type, json)


OWNER = (*flat(TEXT, "owner.id"), *flat(BOOLEAN, "owner.myself"), *flat(TEXT, "owner.company_id"))
