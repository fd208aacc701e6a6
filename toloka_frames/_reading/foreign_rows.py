"""Rows from elsewhere, or a scan, come in from ordinary code; a frame, a table or a Parquet file goes out."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from toloka_frames._errors import InputError
from toloka_frames._reading.scan import Scan
from toloka_frames._reading.sinks import DtypeBackend, ParquetFile, check_dtype_backend, to_frame
from toloka_frames._runtime.event_loop import iterate_callers
from toloka_frames._schema.columns import BOOLEAN, EXTRA, FLOAT, INTEGER, TEXT, TIMESTAMP, Column, Layout, column_name
from toloka_frames._schema.json_rows import INT64, batch_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from pathlib import Path

    import pandas as pd

    from toloka_frames._reading.output_paths import FilePath
    from toloka_frames._runtime.progress import ProgressArg
    from toloka_frames._schema.json_rows import Row


def to_dataframe(
    rows: Scan | Rows,
    *,
    dtype_backend: DtypeBackend | None = None,
    concurrency: int | None = None,
    progress: ProgressArg = "auto",
) -> pd.DataFrame:
    """Rows from anywhere as a pandas frame.

    Args:
        rows: A scan, or any iterable or async generator of dicts or of objects with `unstructure()`, as Toloka-Kit's.
        dtype_backend: As in `Scan.to_dataframe`.
        concurrency: Of a scan, as in `Scan.to_dataframe`.
        progress: Of a scan, as in `Scan.to_dataframe`.

    Returns:
        A frame with a RangeIndex; of a scan as `Scan.to_dataframe`. Else nested dicts are flattened with dots, the fields of
        `input_values`, `output_values`, `input_data` and `output_data` are `INPUT:*` and `OUTPUT:*`, text stays text, and a
        field has the type of its first value, a float where ints and floats mix; what does not fit is in `extra` as JSON.

    Raises:
        InputError: The rows are no dicts.
        LoopError: The rows come from an async generator whose running loop cannot be entered a second time (uvloop).

    Source: Toloka-Kit 1.2.3 for `unstructure()`.
    """
    check_dtype_backend(dtype_backend)
    return to_frame(to_arrow(rows, concurrency=concurrency, progress=progress), dtype_backend)


def to_arrow(rows: Scan | Rows, *, concurrency: int | None = None, progress: ProgressArg = "auto") -> pa.Table:
    """Rows from anywhere as an Arrow table; arguments, columns, units, errors and source as in `to_dataframe`."""
    if isinstance(rows, Scan):
        return rows.to_arrow(concurrency=concurrency, progress=progress)
    framing = SchemaInferrer(None)
    collected = list(batches(rows, framing))
    return pa.Table.from_batches(collected, framing.schema)


def to_parquet(rows: Scan | Rows, path: FilePath, *, resume: bool = False, progress: ProgressArg = "auto") -> Path:
    """Rows from anywhere as a Parquet file, in bounded memory.

    Args:
        rows: As in `to_dataframe`; the first 10,000 rows settle the columns, what fits none of them later is in `extra`.
        path: The file; it is there when it is whole.
        resume: Of a scan, pull into a folder and go on there after a kill, as in `Scan.to_parquet`.
        progress: Of a scan, as in `Scan.to_dataframe`.

    Returns:
        The path. Errors and source as in `to_dataframe`.
    """
    if isinstance(rows, Scan):
        return rows.to_parquet(path, resume=resume, progress=progress)
    check_resume(resume)
    framing = SchemaInferrer(SAMPLE_ROWS)
    stream = batches(rows, framing)
    # before the schema is asked for, which would settle the columns without a row
    first = next(stream)
    with ParquetFile(path, framing.schema) as file:
        file.write(first)
        for batch in stream:
            file.write(batch)
    return file.path


# a stream into a file needs its schema early; what the sample does not show is kept in `extra`
SAMPLE_ROWS = 10_000

Rows = Iterable[Any] | AsyncIterable[Any]


class SchemaInferrer:
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


def batches(rows: Rows, framing: SchemaInferrer) -> Iterator[pa.RecordBatch]:
    """Batches of rows from any iterable or async generator, read in ordinary code.

    Raises:
        InputError: The rows are no dicts.
        LoopError: An async generator's loop cannot be entered a second time (uvloop).
    """
    for row in iterate_callers(aiter(rows)) if isinstance(rows, AsyncIterable) else _iterable(rows):
        if batch := framing.add(row):
            yield batch
    yield framing.rest()


async def abatches(rows: Rows, framing: SchemaInferrer) -> AsyncIterator[pa.RecordBatch]:
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
    types = {str: TEXT, bool: BOOLEAN, float: FLOAT, Decimal: FLOAT, datetime: TIMESTAMP}
    if type(sample) is int and sample in INT64:
        return INTEGER, None
    return (types[type(sample)], None) if type(sample) in types else (TEXT, None if sample is None else "object")


def check_resume(resume: bool) -> None:
    """Refuse to go on with rows that cannot be asked for again.

    Raises:
        InputError: It is asked for.
    """
    if resume:
        raise InputError("resume=True is for a scan: rows from elsewhere cannot be asked for again.", column="resume")
