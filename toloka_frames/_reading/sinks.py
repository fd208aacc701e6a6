"""Turn record batches into a pandas DataFrame, or into tables of a requested size."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from toloka_frames._errors import InputError
from toloka_frames._schema.columns import BOOLEAN, FLOAT, INTEGER, TEXT
from toloka_frames._schema.pandas_values import DEFAULT_DTYPES

if TYPE_CHECKING:
    from collections.abc import Iterator

DtypeBackend: TypeAlias = Literal["numpy_nullable", "pyarrow"]

NULLABLE_DTYPES: dict[pa.DataType, Any] = {
    TEXT: pd.StringDtype("pyarrow"),
    INTEGER: pd.Int64Dtype(),
    BOOLEAN: pd.BooleanDtype(),
    FLOAT: pd.Float64Dtype(),
}
# an array, because NumPy takes a bare tuple for a sequence of values
NO_ELEMENTS = np.empty(1, dtype=object)
NO_ELEMENTS[0] = ()

# large enough for readers to skip groups by their statistics, small enough to bound memory
ROW_GROUP_ROWS = 100_000
ROW_GROUP_BYTES = 64 * 2**20
# pyarrow writes statistics by default, and dictionaries of up to 1 MiB, with which columns of distinct values take twice the
# time and a third more bytes. zstd level 1: level 3 takes 1.3 times as long and saves at most a tenth.
PARQUET = {"compression": "zstd", "compression_level": 1, "write_page_index": True, "dictionary_pagesize_limit": 32 * 1024}


def to_frame(table: pa.Table, dtype_backend: DtypeBackend | None = None) -> pd.DataFrame:
    """Convert a table to a DataFrame.

    Args:
        table: The rows.
        dtype_backend: None for the dtypes that `Scan.to_dataframe` describes; "numpy_nullable" and "pyarrow" (without a copy)
            as in `pandas.read_*`, except that lists are tuples with "numpy_nullable" too.
    """
    if dtype_backend == "pyarrow":
        frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
        return frame
    dtypes = DEFAULT_DTYPES if dtype_backend is None else NULLABLE_DTYPES
    # Arrow makes a NumPy array of each list: it has no hash, and an integer next to a null becomes a float
    lists = [position for position, field in enumerate(table.schema) if pa.types.is_list(field.type)]
    others = table
    for position in lists:
        others = others.set_column(position, table.schema.names[position], pa.nulls(len(table)))
    frame = others.to_pandas(types_mapper=dtypes.get)
    for position in lists:
        if (cells := _tuples(table.column(position))) is not None:
            frame.isetitem(position, cells)
    return frame


def _tuples(lists: pa.ChunkedArray) -> np.ndarray[Any, Any] | None:
    """Return a column of lists as tuples, None for nulls; None if all are null."""
    if lists.null_count == len(lists):
        return None
    lengths = pc.list_value_length(lists).to_numpy()  # NaN for nulls
    cells = np.full(len(lists), None, dtype=object)
    cells[lengths == 0] = NO_ELEMENTS
    rows = np.flatnonzero(lengths > 0)
    stops = lengths[rows].cumsum().astype(np.int64).tolist()
    elements = tuple(_elements(lists))
    tuples = [elements[start:stop] for start, stop in pairwise([0, *stops])]
    cells[rows] = np.fromiter(tuples, object, len(tuples))
    return cells


def _elements(lists: pa.ChunkedArray) -> list[Any]:
    """Return the elements of all lists, one after another, as Python values."""
    elements = pa.chunked_array([chunk.flatten() for chunk in lists.chunks], lists.type.value_type)
    if pa.types.is_list(elements.type):
        nested = _tuples(elements)
        return [None] * len(elements) if nested is None else list(nested)
    # to_pylist makes an Arrow scalar of each element first
    is_plain = pa.types.is_string(elements.type) or (pa.types.is_primitive(elements.type) and not elements.null_count)
    to_list = elements.to_numpy().tolist if is_plain and not pa.types.is_temporal(elements.type) else elements.to_pylist
    values: list[Any] = to_list()
    return values


def with_pandas_metadata(schema: pa.Schema) -> pa.Schema:
    """Return a schema that shows `pandas.read_parquet` the dtypes of default frames.

    Source: pandas, "Storing pandas DataFrame objects in Apache Parquet format".
    """
    frame = to_frame(schema.empty_table())
    noted = pa.Schema.from_pandas(frame, preserve_index=False).pandas_metadata
    for field, column in zip(schema, noted["columns"], strict=True):
        if field.type == TEXT:
            # pandas before 3 takes it for object
            column.update(pandas_type="unicode", numpy_type="str")
    return schema.with_metadata({**(schema.metadata or {}), b"pandas": json.dumps(noted).encode()})


def check_dtype_backend(dtype_backend: str | None) -> None:
    """Check the backend before the first request.

    Raises:
        InputError: If it is not None, "numpy_nullable" or "pyarrow".
    """
    if dtype_backend not in (None, "numpy_nullable", "pyarrow"):
        raise InputError(f"dtype_backend={dtype_backend!r}: must be None, 'numpy_nullable' or 'pyarrow'.")


class Rebatcher:
    """Regroup record batches of any length into tables of exactly `rows` rows; `rest` returns the remaining rows.

    Args:
        schema: The schema of the batches.
        rows: Rows of each table.
        max_bytes: Also end a table at this Arrow size; it then has fewer rows.
    """

    def __init__(self, schema: pa.Schema, rows: int, max_bytes: int | None = None) -> None:
        self._schema = schema
        self._rows = rows
        self._max_bytes = max_bytes
        self._batches: list[pa.RecordBatch] = []
        self._pending_rows = self._pending_bytes = 0

    def add(self, batch: pa.RecordBatch) -> Iterator[pa.Table]:
        """Add a batch and yield the tables that are now full."""
        self._batches.append(batch)
        self._pending_rows, self._pending_bytes = self._pending_rows + len(batch), self._pending_bytes + batch.nbytes
        while self._pending_rows >= self._rows:
            yield self._next_table()
        if self._max_bytes is not None and self._pending_bytes >= self._max_bytes:
            yield from self.rest()

    def rest(self) -> Iterator[pa.Table]:
        """Yield the remaining rows, if there are any."""
        if self._pending_rows:
            yield self._next_table()

    def _next_table(self) -> pa.Table:
        table = pa.Table.from_batches(self._batches, self._schema)
        left = table.slice(self._rows)
        self._batches, self._pending_rows, self._pending_bytes = left.to_batches(), len(left), left.nbytes
        return table.slice(0, self._rows)


def parquet() -> Any:
    """Return Arrow's Parquet module."""
    import pyarrow.parquet  # noqa: PLC0415 -- it loads the file systems of three clouds, which only files need

    return pyarrow.parquet


def release_arrow_memory() -> None:
    """Return freed memory to the operating system: Arrow caches it per thread, and the next write may run in another thread."""
    pa.default_memory_pool().release_unused()
