"""`tf.to_dataframe`, `tf.to_arrow` and `tf.to_parquet`: convert a scan, or rows from any other source."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

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

# a Parquet file needs its schema before the first row group; what this sample does not show is kept in `extra`
SAMPLE_ROWS = 10_000
ROWS_HINT = "Pass an iterable or async generator of dicts, or of Toloka-Kit objects."
ARROW_TYPES: dict[type, pa.DataType] = {str: TEXT, bool: BOOLEAN, float: FLOAT, Decimal: FLOAT, datetime: TIMESTAMP}

Rows: TypeAlias = Iterable[Any] | AsyncIterable[Any]


def to_dataframe(
    rows: Scan | Rows,
    *,
    dtype_backend: DtypeBackend | None = None,
    concurrency: int | None = None,
    progress: ProgressArg = "auto",
) -> pd.DataFrame:
    """Return a scan, or rows from any other source, as a DataFrame.

    Args:
        rows: A scan, or an iterable or async generator of dicts, or of objects with an `unstructure()` method such as
            Toloka-Kit's.
        dtype_backend: As in `Scan.to_dataframe`.
        concurrency: As in `Scan.to_dataframe`; only used for a scan.
        progress: As in `Scan.to_dataframe`; only used for a scan.

    Returns:
        A DataFrame with a RangeIndex. A scan gives the columns of `Scan.to_dataframe`. For other rows the columns are
        inferred: nested dicts are flattened with dots; the fields of `input_values`, `output_values`, `input_data` and
        `output_data` become `INPUT:*` and `OUTPUT:*`; text stays text; a column has the type of its first value, or float64 if
        it mixes ints and floats. A value that does not fit its column is in `extra`, as JSON.

    Raises:
        InputError: If the rows are not dicts.
        LoopError: If the rows come from an async generator whose running event loop cannot be re-entered (uvloop).

    Source: Toloka-Kit 1.2.3 for `unstructure()`.
    """
    check_dtype_backend(dtype_backend)
    return to_frame(to_arrow(rows, concurrency=concurrency, progress=progress), dtype_backend)


def to_arrow(rows: Scan | Rows, *, concurrency: int | None = None, progress: ProgressArg = "auto") -> pa.Table:
    """Return a scan, or rows from any other source, as an Arrow table.

    Arguments, columns, units, errors and source as in `to_dataframe`.
    """
    if isinstance(rows, Scan):
        return rows.to_arrow(concurrency=concurrency, progress=progress)
    inferrer = SchemaInferrer(None)
    batches = list(to_batches(rows, inferrer))
    return pa.Table.from_batches(batches, inferrer.schema)


def to_parquet(rows: Scan | Rows, path: FilePath, *, resume: bool = False, progress: ProgressArg = "auto") -> Path:
    """Write a scan, or rows from any other source, to a Parquet file, in bounded memory.

    Args:
        rows: As in `to_dataframe`. The columns are inferred from the first 10,000 rows; later values that do not fit them are
            in `extra`.
        path: The file. It appears when it is complete.
        resume: Only for a scan: pull into a folder, and resume there after a kill, as in `Scan.to_parquet`.
        progress: As in `Scan.to_dataframe`; only used for a scan.

    Returns:
        The path. Errors and source as in `to_dataframe`.
    """
    if isinstance(rows, Scan):
        return rows.to_parquet(path, resume=resume, progress=progress)
    reject_resume(resume)
    inferrer = SchemaInferrer(SAMPLE_ROWS)
    batches = to_batches(rows, inferrer)
    # reading `schema` fixes the columns, so the first batch must come before
    first = next(batches)
    with ParquetFile(path, inferrer.schema) as file:
        file.write(first)
        for batch in batches:
            file.write(batch)
    return file.path


def reject_resume(resume: bool) -> None:
    """Reject `resume=True` for rows that are not a scan.

    Raises:
        InputError: If `resume` is true.
    """
    if resume:
        raise InputError("resume=True needs a scan: other rows cannot be requested again.", column="resume")


def to_batches(rows: Rows, inferrer: SchemaInferrer) -> Iterator[pa.RecordBatch]:
    """Convert an iterable or async generator of rows to record batches, from sync code.

    Raises:
        InputError: If the rows are not dicts.
        LoopError: If the event loop of an async generator cannot be re-entered (uvloop).
    """
    for row in iterate_callers(aiter(rows)) if isinstance(rows, AsyncIterable) else _iterable(rows):
        if batch := inferrer.add(row):
            yield batch
    yield inferrer.flush()


async def to_batches_async(rows: Rows, inferrer: SchemaInferrer) -> AsyncIterator[pa.RecordBatch]:
    """Convert an iterable or async generator of rows to record batches, on the caller's event loop."""
    if isinstance(rows, AsyncIterable):
        async for row in rows:
            if batch := inferrer.add(row):
                yield batch
        yield inferrer.flush()
    else:
        for batch in to_batches(rows, inferrer):
            yield batch


def _iterable(rows: Any) -> Iterable[Any]:
    if not isinstance(rows, Iterable) or isinstance(rows, str | bytes | Mapping):
        raise InputError(f"{type(rows).__name__} is not an iterable of rows.", hint=ROWS_HINT)
    return rows


class SchemaInferrer:
    """Collect rows, infer the columns from the first ones, and convert the rows to record batches.

    Text stays text, even if it looks like a number or a date. A column has the type of its first value, or float64 if it mixes
    ints and floats. A value of another type, or of a field that the sample lacks, is in `extra`.

    Args:
        sample_rows: The number of rows to infer the columns from, and of a batch; None for all rows.
    """

    def __init__(self, sample_rows: int | None) -> None:
        self._sample_rows = sample_rows
        self._rows: list[Row] = []
        self._layout: Layout | None = None

    @property
    def schema(self) -> pa.Schema:
        """The schema of every batch. Reading it fixes the columns."""
        return self._fixed_layout().schema

    def add(self, row: Any) -> pa.RecordBatch | None:
        """Add a row; return a batch when `sample_rows` rows have been added since the last one."""
        self._rows.append(_as_dict(row))
        return self.flush() if len(self._rows) == self._sample_rows else None

    def flush(self) -> pa.RecordBatch:
        """Return a batch of the rows added since the last one."""
        # before the rows are removed, because the columns may have to be inferred from them
        layout = self._fixed_layout()
        rows, self._rows = self._rows, []
        return batch_of(rows, layout.columns)

    def _fixed_layout(self) -> Layout:
        if self._layout is None:
            self._layout = Layout("", "", tuple(_infer_columns(self._rows)))
        return self._layout


def _as_dict(row: Any) -> Row:
    if hasattr(row, "unstructure"):
        row = row.unstructure()
    if not isinstance(row, Mapping) or not all(isinstance(key, str) for key in row):
        raise InputError(f"A row is a {type(row).__name__}, not a dict with text keys.", hint=ROWS_HINT)
    return dict(row)


def _infer_columns(rows: Sequence[Row]) -> Iterator[Column]:
    samples = _sample_values(rows)
    parents = {path[:depth] for path in samples for depth in range(1, len(path))}
    # a field whose name another column has already gets no column, so that it is kept in `extra`
    names = {EXTRA}
    for path, sample in samples.items():
        name = column_name(path)
        if path not in parents and name not in names:
            names.add(name)
            arrow_type, json = _infer_type(sample)
            yield Column(name, path, arrow_type, json)


def _sample_values(rows: Sequence[Row]) -> dict[tuple[str, ...], Any]:
    """Return a value of each field that shows its type: the first one that is not empty, or a later float after ints."""
    samples: dict[tuple[str, ...], Any] = {}
    for row in rows:
        for path, value in _leaf_values(row):
            sample = samples.get(path)
            is_wider = type(sample) is int and isinstance(value, float | Decimal)
            is_empty = sample is None or (sample in ([], {}) and type(sample) is type(value))
            if is_empty or is_wider:
                samples[path] = value
    return samples


def _leaf_values(row: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in row.items():
        if isinstance(value, Mapping) and value:
            yield from _leaf_values(value, (*path, key))
        else:
            yield (*path, key), value


def _infer_type(sample: Any) -> tuple[pa.DataType, Any]:
    """Return the type of a column, and the JSON shape of its text if it holds JSON."""
    if isinstance(sample, list):
        scalars = [element for element in sample if not isinstance(element, list | dict)]
        types = {_infer_type(element)[0] for element in scalars if element is not None}
        is_typed_list = len(scalars) == len(sample) and len(types) == 1
        return (pa.list_(types.pop()), None) if is_typed_list else (TEXT, "array")
    if isinstance(sample, dict):
        return TEXT, "object"
    if type(sample) is int and sample in INT64:
        return INTEGER, None
    if type(sample) in ARROW_TYPES:
        return ARROW_TYPES[type(sample)], None
    return TEXT, None if sample is None else "object"
