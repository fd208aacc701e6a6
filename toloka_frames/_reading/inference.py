"""Rows from elsewhere (dicts, or objects with `unstructure()`) come in, record batches of one inferred schema go out."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from toloka_frames._errors import InputError
from toloka_frames._runtime.event_loop import iterate_callers
from toloka_frames._schema.columns import BOOLEAN, EXTRA, FLOAT, INSTANT, INTEGER, TEXT, Column, Layout, column_name
from toloka_frames._schema.json_rows import INT64, batch_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from toloka_frames._schema.json_rows import Row

# a stream into a file needs its schema early; what the sample does not show is kept in `extra`
SAMPLE_ROWS = 10_000

Rows = Iterable[Any] | AsyncIterable[Any]


class Framing:
    """Rows come in by `add`; when a sample of them is there, the columns are settled and batches go out.

    Text stays text, whatever it looks like. A field has the type of its first value (a float where ints and floats mix); a
    value of another type, and a field that the sample lacks, is in `extra`.
    """

    def __init__(self, sample_rows: int | None) -> None:
        self._sample_rows = sample_rows
        self._rows: list[Row] = []
        self._layout: Layout | None = None

    @property
    def schema(self) -> pa.Schema:
        """The schema of every batch; settles the columns."""
        return self._settled().schema

    def add(self, row: Any) -> pa.RecordBatch | None:
        """Take a row; a batch when enough rows have come."""
        self._rows.append(plain(row))
        return self.rest() if len(self._rows) == self._sample_rows else None

    def rest(self) -> pa.RecordBatch:
        """A batch of the rows that have come since the last one."""
        # first, because the columns may have to be told from these rows
        layout = self._settled()
        rows, self._rows = self._rows, []
        return batch_of(rows, layout.columns)

    def _settled(self) -> Layout:
        if self._layout is None:
            self._layout = Layout("", "", tuple(infer(self._rows)))
        return self._layout


def batches(rows: Rows, framing: Framing) -> Iterator[pa.RecordBatch]:
    """Batches of rows from any iterable or async generator, read in ordinary code.

    Raises:
        InputError: The rows are no dicts.
        LoopError: An async generator's loop cannot be entered a second time (uvloop).
    """
    for row in iterate_callers(aiter(rows)) if isinstance(rows, AsyncIterable) else _iterable(rows):
        if batch := framing.add(row):
            yield batch
    yield framing.rest()


async def abatches(rows: Rows, framing: Framing) -> AsyncIterator[pa.RecordBatch]:
    """Batches of rows from any iterable or async generator, read on the loop that awaits."""
    if isinstance(rows, AsyncIterable):
        async for row in rows:
            if batch := framing.add(row):
                yield batch
        yield framing.rest()
    else:
        for batch in batches(rows, framing):
            yield batch


def plain(row: Any) -> Row:
    """A row as a dict.

    Raises:
        InputError: It is neither a dict nor an object with `unstructure()`.
    """
    if hasattr(row, "unstructure"):
        row = row.unstructure()
    if not isinstance(row, Mapping) or not all(isinstance(key, str) for key in row):
        raise InputError(
            f"A row is a {type(row).__name__}, not a dict with text keys.",
            hint="Give an iterable or async generator of dicts, or of Toloka-Kit objects.",
        )
    return dict(row)


def infer(rows: Sequence[Row]) -> Iterator[Column]:
    """The columns that hold the rows."""
    samples: dict[tuple[str, ...], Any] = {}
    for row in rows:
        for path, value in _leaves(row):
            known = samples.get(path)
            widens = type(known) is int and isinstance(value, float | Decimal)
            empty = known is None or (known in ([], {}) and type(known) is type(value))
            if empty or widens:
                samples[path] = value
    nested = {path[:depth] for path in samples for depth in range(1, len(path))}
    # what would have the name of another column is, having none of its own, kept in `extra`
    names = {EXTRA}
    for path, sample in samples.items():
        name = column_name(path)
        if path not in nested and name not in names:
            names.add(name)
            arrow_type, json = _inferred(sample)
            yield Column(name, path, arrow_type, json)


def _iterable(rows: Any) -> Iterable[Any]:
    if not isinstance(rows, Iterable) or isinstance(rows, str | bytes | Mapping):
        raise InputError(
            f"{type(rows).__name__} is no iterable of rows.",
            hint="Give an iterable or async generator of dicts, or of Toloka-Kit objects.",
        )
    return rows


def _leaves(row: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in row.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _inferred(sample: Any) -> tuple[pa.DataType, Any]:
    if isinstance(sample, list):
        elements = {_inferred(element)[0] for element in sample if not isinstance(element, list | dict) and element is not None}
        scalar = not any(isinstance(element, list | dict) for element in sample)
        return (pa.list_(elements.pop()), None) if scalar and len(elements) == 1 else (TEXT, "array")
    if isinstance(sample, dict):
        return TEXT, "object"
    types = {str: TEXT, bool: BOOLEAN, float: FLOAT, Decimal: FLOAT, datetime: INSTANT}
    if type(sample) is int and sample in INT64:
        return INTEGER, None
    return (types[type(sample)], None) if type(sample) in types else (TEXT, None if sample is None else "object")
