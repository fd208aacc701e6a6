"""Parse the body of a page into an Arrow record batch, or into dicts.

The fast path gives the whole page to Arrow's JSON reader with a schema made of the declared columns; it creates no Python
objects and releases the GIL. That reader rejects unknown fields, values of another type, repeated keys and free-form values
that are not empty, and it rounds some numbers. Such a page takes the exact path: dicts, from which columns are made one by one,
and value by value only where a value does not fit, which then goes into `extra`. Where unknown fields and free-form values are
all that does not fit, Arrow's reader still makes the other columns. Where both paths can parse a page, they return the same
batch.
"""

from __future__ import annotations

import gc
import json
import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from toloka_frames._reading.page_faults import not_a_page
from toloka_frames._schema.columns import FLOAT, TIMESTAMP, Column, Layout, PathStep, ValuePath, in_datetime_range, raw_values
from toloka_frames._schema.json_rows import NONE_KNOWN, batch_of, batch_without_extra, parse_json
from toloka_frames._schema.row import Row
from toloka_frames._transport.http import decode_arrow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from toloka_frames._schema.field_types import JsonShape

# The end of a page that is followed by another one.
TAIL = re.compile(rb'\]\s*,\s*"has_more"\s*:\s*true\s*\}\s*$')
TAIL_BYTES = 100
MAX_LAST_ROW_TRIES = 100
# A number of 19 digits or more, of which orjson makes a float if it has more than 64 bits, once SHAPES has translated the text.
LONG_NUMBER, SHAPES = b":" + b"9" * 19, bytes.maketrans(b"0123456789,[- \t\r\n", b"9999999999:::::::")
# Below it, a float represents every integer exactly.
MAX_EXACT_FLOAT = 2.0**53


@dataclass(frozen=True)
class Page:
    """A page of a list.

    Attributes:
        ids: The cursor value of each row in the page, in the page's order.
        has_more: Whether the list has rows after this page.
        batch: The rows; more than ids if each element of a row's list has a row of its own.
        parents: For each row of the batch, the position in `ids` of the row that it comes from; None if they are the same.
    """

    ids: list[str]
    has_more: bool
    batch: pa.RecordBatch
    parents: np.ndarray[Any, Any] | None = None

    def keep(self, wanted: Sequence[bool]) -> Page:
        """Return the page with the wanted rows only."""
        mask = np.asarray(wanted, dtype=bool)
        ids = [row for row, want in zip(self.ids, wanted, strict=True) if want]
        if self.parents is None:
            return replace(self, batch=self.batch.filter(pa.array(mask)), ids=ids)
        kept = mask[self.parents]
        parents = (np.cumsum(mask) - 1)[self.parents[kept]]
        return replace(self, batch=self.batch.filter(pa.array(kept)), ids=ids, parents=parents)

    def reversed(self) -> Page:
        """Return the page with the rows of its ids in reverse order."""
        parents = np.arange(len(self.ids)) if self.parents is None else self.parents
        order = np.argsort(-parents, kind="stable")  # those of one id stay in order
        reverse = None if self.parents is None else len(self.ids) - 1 - parents[order]
        return replace(self, batch=self.batch.take(pa.array(order)), ids=self.ids[::-1], parents=reverse)


@dataclass(frozen=True)
class DictPage:
    """A page of a list, its rows as dicts as in the API."""

    ids: list[str]
    has_more: bool
    rows: list[Row]

    def keep(self, wanted: Sequence[bool]) -> DictPage:
        """Return the page with the wanted rows only."""
        rows = [row for row, want in zip(self.rows, wanted, strict=True) if want]
        return replace(self, rows=rows, ids=[row for row, want in zip(self.ids, wanted, strict=True) if want])

    def reversed(self) -> DictPage:
        """Return the page with its rows in reverse order."""
        return replace(self, rows=self.rows[::-1], ids=self.ids[::-1])


def read_page(body: bytes, layout: Layout, *, is_sorted_by_id: bool = True) -> Page:
    """Parse a page into a record batch of the layout's schema.

    Args:
        body: The body.
        layout: How to read it.
        is_sorted_by_id: Whether the page was requested in the order of the cursor, which the hint of an error depends on.

    Raises:
        BadAnswer: If the body is not a page of a list.
    """
    try:
        page = _read_fast(body, layout)
        return page or _read_exactly(body, layout, _plain_columns(body, layout), is_sorted_by_id=is_sorted_by_id)
    except RecursionError as error:  # of text that is made from a value
        raise not_a_page(body, layout, error, is_sorted_by_id=is_sorted_by_id) from error


def read_dicts(
    body: bytes, layout: Layout, *, is_sorted_by_id: bool = True, objects: type[dict[str, Any]] | None = Row
) -> DictPage:
    """Parse a page into rows of type `objects`, None for dict; other arguments as in `read_page`.

    Raises:
        BadAnswer: If the body is not a page of a list.
    """
    try:
        with _uncollected():
            page = _parse_quickly(body) if objects is None else parse_json(body, objects)
        rows, has_more = page[layout.rows_key], page["has_more"]
        ids = [row[layout.cursor] for row in rows]
        "\n".join(ids).encode()  # an id must be text that a query can hold
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise not_a_page(body, layout, error, is_sorted_by_id=is_sorted_by_id) from error
    if not isinstance(rows, list) or not isinstance(has_more, bool):
        raise not_a_page(body, layout, is_sorted_by_id=is_sorted_by_id)
    return DictPage(ids, has_more, rows)


def _parse_quickly(body: bytes) -> Any:
    """Return what `parse_json` does, in half the time: by orjson, which rejects what only Python's parser accepts."""
    if LONG_NUMBER not in body.translate(SHAPES):
        with suppress(orjson.JSONDecodeError):
            return orjson.loads(body)
    return parse_json(body)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Postpone garbage collection, which a third of a parser's time goes to: it traverses new objects again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def last_id(body: bytes, key: str) -> str | None:
    """Return the cursor after a page by parsing its last row only; None if there is no next page, or it cannot be told cheaply.

    The last row starts at the last brace from which the text up to the end of the list is one JSON object.
    """
    end = TAIL.search(body, max(len(body) - TAIL_BYTES, 0))
    start = end.start() if end else 0
    for _ in range(MAX_LAST_ROW_TRIES):
        start = body.rfind(b"{", 0, start)
        if end is None or start < 1:
            return None
        if body[start - 1 : start] == b":":  # the value of a key, so not a row of the list
            continue
        try:
            cursor: str | None = json.loads(body[start : end.start()]).get(key)
        except (ValueError, RecursionError):
            continue
        return cursor
    return None


def _read_fast(body: bytes, layout: Layout) -> Page | None:
    try:
        table = decode_arrow(body, layout.page_schema, unknown_fields="error" if layout.has_extra else "ignore")
    except pa.ArrowInvalid:
        return None
    if table.num_rows != 1:
        return None
    rows, has_more = table.column(0).chunk(0), table.column(1)[0].as_py()
    if rows.null_count or has_more is None:
        return None
    structs = rows.flatten()
    ids = structs.field(layout.cursor)
    if structs.null_count or ids.null_count:
        return None
    reading = _Reading(structs, layout)
    try:
        columns = [reading.column(column) for column in layout.columns]
    except _InexactError:
        return None
    extra = [pa.nulls(reading.height, pa.string())] if layout.has_extra else []
    batch = pa.RecordBatch.from_arrays([*columns, *extra], schema=layout.schema)
    return Page(ids.to_pylist(), has_more, batch, reading.parents)


class _InexactError(Exception):
    """Arrow's reader would lose a part of the page."""


class _Reading:
    """The struct array of a page, from which columns are extracted; each nested part is extracted once."""

    def __init__(self, structs: pa.StructArray, layout: Layout) -> None:
        self._extracted: dict[ValuePath, pa.Array] = {(): structs}
        self.parents: np.ndarray[Any, Any] | None = None
        self.height = len(structs)
        # each task of an assignment gets a row, as in the platform's exports
        if layout.exploded_lists:
            self._spread(structs, layout.exploded_lists)

    def _spread(self, structs: pa.StructArray, lists: tuple[str, ...]) -> None:
        lengths = [pc.list_value_length(structs.field(name)).fill_null(0).to_numpy() for name in lists]
        # at least one row, so that an assignment without tasks is not lost
        heights = np.maximum.reduce([*lengths, np.ones(len(structs), dtype=np.int64)])
        self.height = int(heights.sum())
        self.parents = np.repeat(np.arange(len(structs)), heights)
        self._positions = np.arange(self.height) - np.repeat(np.cumsum(heights) - heights, heights)

    def column(self, column: Column) -> pa.Array:
        array = self._array(column.path)
        if not _is_exact(array):
            raise _InexactError
        if column.json is not None:
            array = _empty_json(array, column.json)
        if column.link is not None:
            array = pc.binary_join_element_wise(column.link, self._array(("pool_id",)), "/", array, "")
        if self.parents is not None and PathStep.EACH not in column.path:
            array = array.take(pa.array(self.parents))
        return array

    def _array(self, path: ValuePath) -> pa.Array:
        if path not in self._extracted:
            self._extracted[path] = self._step(self._array(path[:-1]), path)
        return self._extracted[path]

    def _step(self, parent: pa.Array, path: ValuePath) -> pa.Array:
        step = path[-1]
        if step is PathStep.FIRST:
            return _first(parent)
        if step is PathStep.EACH:
            return self._each(parent)
        # all fields at once: each call of Arrow releases the GIL, and other readers then hold it
        for field, array in zip(parent.type, parent.flatten(), strict=True):
            self._extracted[(*path[:-1], field.name)] = array
        return self._extracted[path]

    def _each(self, lists: pa.ListArray) -> pa.Array:
        lengths = pc.list_value_length(lists).fill_null(0).to_numpy()[self.parents]
        starts = lists.offsets.to_numpy()[:-1][self.parents]
        # values and not flatten(), which omits elements that the offsets count: those of a null or before a slice
        return lists.values.take(pa.array(starts + self._positions, mask=self._positions >= lengths))


def _is_exact(array: pa.Array) -> bool:
    """Return whether the reader kept the values: it rounds large integers to floats, and takes timestamps after 9999."""
    if pa.types.is_list(array.type):
        return _is_exact(array.flatten())
    if array.type == FLOAT:
        numbers = raw_values(array, FLOAT)
        return bool(numbers.min(initial=0) > -MAX_EXACT_FLOAT and numbers.max(initial=0) < MAX_EXACT_FLOAT)
    return array.type != TIMESTAMP or in_datetime_range(array)


def _empty_json(array: pa.Array, shape: JsonShape) -> pa.Array:
    """Return the JSON text of free-form values, all of which are empty."""
    if pa.types.is_list(array.type) and pc.sum(pc.list_value_length(array)).as_py():
        raise _InexactError
    return pc.if_else(array.is_valid(), "{}" if shape == "object" else "[]", pa.scalar(None, pa.string()))


def _first(lists: pa.ListArray) -> pa.Array:
    lengths = pc.list_value_length(lists).fill_null(0).to_numpy()
    if (lengths > 1).any():
        raise _InexactError
    return lists.values.take(pa.array(lists.offsets.to_numpy()[:-1], mask=lengths == 0))


def _plain_columns(body: bytes, layout: Layout) -> dict[str, pa.Array]:
    """Return the columns that Arrow's reader can make, whatever the page has beside them; none if it cannot make all."""
    page = _read_fast(body, layout.plain)
    return {} if page is None else dict(zip(page.batch.schema.names, page.batch.columns, strict=True))


def _read_exactly(
    body: bytes, layout: Layout, known: Mapping[str, pa.Array] = NONE_KNOWN, *, is_sorted_by_id: bool = True
) -> Page:
    """Parse a page by Python, except for the known columns."""
    page = read_dicts(body, layout, is_sorted_by_id=is_sorted_by_id, objects=None)
    to_batch = partial(batch_of if layout.has_extra else batch_without_extra, columns=layout.columns, known=known)
    if not layout.exploded_lists:
        return Page(page.ids, page.has_more, to_batch(page.rows))
    heights = [_height(row, layout.exploded_lists) for row in page.rows]
    rows = [
        _element(row, layout.exploded_lists, index)
        for row, height in zip(page.rows, heights, strict=True)
        for index in range(height)
    ]
    parents = np.repeat(np.arange(len(heights)), np.asarray(heights, dtype=np.int64))
    return Page(page.ids, page.has_more, to_batch(rows), parents)


def _height(row: dict[str, Any], lists: tuple[str, ...]) -> int:
    return max(1, *(len(row[name]) for name in lists if isinstance(row.get(name), list)), 0)


def _element(row: dict[str, Any], lists: tuple[str, ...], index: int) -> dict[str, Any]:
    """Return the row with each list replaced by its element at an index."""
    spread = dict(row)
    for name in lists:
        elements = row.get(name)
        if isinstance(elements, list):
            spread[name] = elements[index] if index < len(elements) else None
    return spread
