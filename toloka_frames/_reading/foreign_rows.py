"""`tf.to_dataframe`, `tf.to_arrow` and `tf.to_parquet`: convert a scan, or rows from any other source."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from toloka_frames._errors import InputError
from toloka_frames._reading.column_selection import Columns, check_columns, reject_columns, select_columns
from toloka_frames._reading.foreign_values import foreign_array, infer_type, plain_row
from toloka_frames._reading.outputs import check_output
from toloka_frames._reading.parquet_file import ParquetFile, ParquetOptions
from toloka_frames._reading.scan import Scan
from toloka_frames._reading.sinks import ROW_GROUP_ROWS, DtypeBackend, check_dtype_backend, to_frame
from toloka_frames._runtime.event_loop import iterate_callers
from toloka_frames._schema.columns import EXTRA, TEXT, Column, Layout, column_name
from toloka_frames._schema.json_rows import NotJsonError, ValueReader, batch_of, json_text, parse_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from pathlib import Path

    import pandas as pd

    from toloka_frames._reading.outputs import Destination
    from toloka_frames._runtime.progress import ProgressArg
    from toloka_frames._schema.json_rows import Row

# a Parquet file needs its schema before the first row group; what this sample does not show is kept in `extra`
SAMPLE_ROWS = 10_000
ROWS_HINT = "Pass an iterable or async generator of dicts, or of Toloka-Kit objects."
MAX_SHOWN = 60
HINTS = {
    "float": "JSON has no NaN and no infinity: replace it by None or by text.",
    "Period": "Convert it first, for example with .to_timestamp() or str().",
    "bytes": "Decode it first, for example with .decode().",
    "int": "The keys of a dict must be text.",
}

Rows: TypeAlias = Iterable[Any] | AsyncIterable[Any]


def to_dataframe(
    rows: Scan | Rows,
    *,
    columns: Columns | None = None,
    dtype_backend: DtypeBackend | None = None,
    concurrency: int | None = None,
    progress: ProgressArg = "auto",
) -> pd.DataFrame:
    """Return a scan, or rows from any other source, as a DataFrame.

    Args:
        rows: A scan, or an iterable or async generator of dicts, or of objects with an `unstructure()` method such as
            Toloka-Kit's.
        columns: Names, or a function of a name, as in `Scan.to_dataframe`.
        dtype_backend: As in `Scan.to_dataframe`.
        concurrency: As in `Scan.to_dataframe`; only used for a scan.
        progress: As in `Scan.to_dataframe`; only used for a scan.

    Returns:
        A DataFrame with a RangeIndex. A scan gives the columns of `Scan.to_dataframe`. For other rows the columns are
        inferred: nested dicts are flattened with dots; the fields of `input_values`, `output_values`, `input_data` and
        `output_data` become `INPUT:*` and `OUTPUT:*`; text stays text. A column has the type of its first value: text, bool,
        integer, float, `Decimal`, timestamp, date, time, timedelta, bytes, UUID or a list; of numbers, float64 if one is a
        float, and `Decimal` if one is a `Decimal` or an integer beyond 64 bits. Timestamps keep their zone (UTC if a column has
        several) and their nanoseconds. NumPy scalars and arrays, enums and subclasses become the values that they equal, and
        NaN, NaT and NA are missing values. Text, a bool, a number, a list or a dict that does not fit its column is in
        `extra`, as JSON.

    Raises:
        InputError: If the rows are not dicts, or a value can be kept exactly neither in its column nor as JSON: a timestamp in
            a column of text, a `pandas.Period`, or NaN inside a dict in a list. The error names its column and row.
        LoopError: If the rows come from an async generator whose running event loop cannot be re-entered (uvloop).

    Example:
        >>> tf.to_dataframe(client.find_pools(project.id)["items"])["private_name"].tolist()
        ['Monday', 'Pages']

    Source: Toloka-Kit 1.2.3 for `unstructure()`.
    """
    check_dtype_backend(dtype_backend)
    table = to_arrow(rows, columns=columns, concurrency=concurrency, progress=progress)
    return to_frame(table, dtype_backend)


def to_arrow(
    rows: Scan | Rows,
    *,
    columns: Columns | None = None,
    concurrency: int | None = None,
    progress: ProgressArg = "auto",
) -> pa.Table:
    """Return a scan, or rows from any other source, as an Arrow table.

    Arguments, columns, units, errors and source as in `to_dataframe`.

    Example:
        >>> tf.to_arrow(client.find_pools(project.id)["items"], columns=["id", "private_name"]).num_rows
        2
    """
    check_columns(columns)
    if isinstance(rows, Scan):
        return rows.to_arrow(columns=columns, concurrency=concurrency, progress=progress)
    inferrer = SchemaInferrer(None)
    batches = list(to_batches(rows, inferrer))
    return select_columns(pa.Table.from_batches(batches, inferrer.schema), columns)


def to_parquet(
    rows: Scan | Rows,
    path: Destination,
    *,
    columns: Columns | None = None,
    resume: bool = False,
    compression: str | None = "zstd",
    row_group_rows: int = ROW_GROUP_ROWS,
    filesystem: Any = None,
    progress: ProgressArg = "auto",
) -> Path | Any:
    """Write a scan, or rows from any other source, to a Parquet file, in bounded memory.

    Args:
        rows: As in `to_dataframe`. The columns are inferred from the first 10,000 rows; later values that do not fit them are
            in `extra`.
        path: The file: a path, a URL, or an open file, as in `Scan.to_parquet`. It appears when it is complete.
        columns: Only for a scan: as in `Scan.to_dataframe`.
        resume: Only for a scan: pull into a folder, and resume there after a kill, as in `Scan.to_parquet`.
        compression: As in `Scan.to_parquet`.
        row_group_rows: As in `Scan.to_parquet`.
        filesystem: As in `Scan.to_parquet`.
        progress: As in `Scan.to_dataframe`; only used for a scan.

    Returns:
        The path, as in `Scan.to_parquet`. Errors and source as in `to_dataframe`.

    Example:
        >>> path = tf.to_parquet(client.find_pools(project.id)["items"], "pools.parquet")
        >>> pd.read_parquet(path)["private_name"].tolist()
        ['Monday', 'Pages']
    """
    if isinstance(rows, Scan):
        return rows.to_parquet(
            path,
            columns=columns,
            resume=resume,
            compression=compression,
            row_group_rows=row_group_rows,
            filesystem=filesystem,
            progress=progress,
        )
    reject_columns(columns)
    reject_resume(resume)
    options = ParquetOptions(compression, row_group_rows, filesystem)
    output = check_output(path, filesystem)
    inferrer = SchemaInferrer(SAMPLE_ROWS)
    batches = to_batches(rows, inferrer)
    # reading `schema` fixes the columns, so the first batch must come before
    first = next(batches)
    with ParquetFile(output, inferrer.schema, options) as file:
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
        # the text in `extra` of rows of one of our frames
        self._extras: list[str | None] = []
        # the path of each value, with the type that a missing value shows
        self._fields: dict[tuple[str, ...], pa.DataType | None] = {}
        self._row_count = 0
        self._layout: Layout | None = None

    @property
    def schema(self) -> pa.Schema:
        """The schema of every batch. Reading it fixes the columns."""
        return self._fixed_layout().schema

    def add(self, row: Any) -> pa.RecordBatch | None:
        """Add a row; return a batch when `sample_rows` rows have been added since the last one."""
        try:
            plain = plain_row(_as_mapping(row), self._fields)
        except NotJsonError as error:
            raise _inexact(error, (), self._row_count + len(self._rows)) from None
        self._extras.append(_pop_extra(plain))
        self._rows.append(plain)
        return self.flush() if len(self._rows) == self._sample_rows else None

    def flush(self) -> pa.RecordBatch:
        """Return a batch of the rows added since the last one."""
        # before the rows are removed, because the columns may have to be inferred from them
        columns = self._fixed_layout().columns
        rows, self._rows = self._rows, []
        extras, self._extras = self._extras, []
        first_row, self._row_count = self._row_count, self._row_count + len(rows)
        try:
            return _with_extras(batch_of(rows, columns, foreign_array), extras)
        except NotJsonError as error:
            raise _inexact(error, columns, first_row + error.row) from None

    def _fixed_layout(self) -> Layout:
        if self._layout is None:
            self._layout = Layout("", "", tuple(_infer_columns(self._rows, self._fields)))
        return self._layout


def _as_mapping(row: Any) -> Mapping[Any, Any]:
    if hasattr(row, "unstructure"):
        row = row.unstructure()
    if not isinstance(row, Mapping) or not all(isinstance(key, str) for key in row):
        raise InputError(f"A row is a {type(row).__name__}, not a dict with text keys.", hint=ROWS_HINT)
    return row


def _infer_columns(rows: Sequence[Row], fields: Mapping[tuple[str, ...], pa.DataType | None]) -> Iterator[Column]:
    reader = ValueReader(rows)
    parents = {path[:depth] for path in fields for depth in range(1, len(path))}
    # a field whose name another column has already gets no column, so that it is kept in `extra`
    names = {EXTRA}
    for path, missing in fields.items():
        name = column_name(path)
        if path not in parents and name not in names:
            names.add(name)
            arrow_type, json_shape = infer_type(reader.values(path), missing)
            yield Column(name, path, arrow_type, json_shape)


def _pop_extra(row: Row) -> str | None:
    """Remove and return the `extra` of a row of one of our frames: missing, or the text of a JSON object."""
    extra = row.get(EXTRA)
    is_object = isinstance(extra, str) and extra.startswith("{") and isinstance(_parsed(extra), dict)
    if is_object or extra is None:
        row.pop(EXTRA, None)
        return extra
    return None


def _parsed(text: str) -> Any:
    try:
        return parse_json(text)
    except (ValueError, RecursionError):
        return None


def _with_extras(batch: pa.RecordBatch, extras: Sequence[str | None]) -> pa.RecordBatch:
    """Return a batch with what its rows had in `extra` before."""
    if not any(extras):
        return batch
    added = batch.column(EXTRA).to_pylist()
    merged = [_merged(old, new) if old and new else old or new for old, new in zip(extras, added, strict=True)]
    return pa.RecordBatch.from_arrays([*batch.columns[:-1], pa.array(merged, TEXT)], schema=batch.schema)


def _merged(old: str, new: str) -> str:
    return json_text({**parse_json(old), **parse_json(new)})


def _inexact(error: NotJsonError, columns: Sequence[Column], row: int) -> InputError:
    """Return the error about a value that no column and no JSON text can hold exactly."""
    value, path = error.value, error.path
    column = next((column for column in columns if column.path == path[: len(column.path)]), None)
    name = column.name if column else column_name([str(step) for step in path]) if path else None
    kind, shown = type(value).__name__, repr(value)
    shown = f"{shown[:MAX_SHOWN]}..." if len(shown) > MAX_SHOWN else shown
    where = "in JSON" if column is None or column.json or len(path) > len(column.path) else f"in a column of {column.type}"
    hint = HINTS.get(kind, f"Convert the values of type {kind} first, for example with str().")
    message = f"Column {name!r}, row {row:,}: {shown} ({kind}) cannot be kept exactly {where}."
    return InputError(message, column=name, rows=[row], hint=hint)
