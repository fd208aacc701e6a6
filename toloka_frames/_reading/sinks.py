"""Turn record batches into a pandas DataFrame, or into tables of a requested size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import pandas as pd
import pyarrow as pa

from toloka_frames._errors import InputError
from toloka_frames._schema.columns import BOOLEAN, FLOAT, INTEGER, TEXT
from toloka_frames._schema.pandas_values import STRING_DTYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DtypeBackend: TypeAlias = Literal["numpy_nullable", "pyarrow"]

# large enough for readers to skip groups by their statistics, small enough to bound memory
ROW_GROUP_ROWS = 100_000
ROW_GROUP_BYTES = 64 * 2**20
# pyarrow writes dictionaries and statistics by default. zstd level 1: level 3 takes 1.6 times as long and saves an eighth.
PARQUET = {"compression": "zstd", "compression_level": 1, "write_page_index": True}


def to_frame(table: pa.Table, dtype_backend: DtypeBackend | None = None) -> pd.DataFrame:
    """Convert a table to a DataFrame.

    Args:
        table: The rows.
        dtype_backend: None for string, Int64, boolean, float64 and datetime64[us, UTC] columns, with lists Arrow-backed;
            "numpy_nullable" and "pyarrow" (without a copy) as in `pandas.read_*`.
    """
    frame: pd.DataFrame = table.to_pandas(types_mapper=_types_mapper(dtype_backend))
    return frame


def check_dtype_backend(dtype_backend: str | None) -> None:
    """Check the backend before the first request.

    Raises:
        InputError: If it is not None, "numpy_nullable" or "pyarrow".
    """
    if dtype_backend not in (None, "numpy_nullable", "pyarrow"):
        raise InputError(f"dtype_backend={dtype_backend!r}: must be None, 'numpy_nullable' or 'pyarrow'.")


def _types_mapper(dtype_backend: DtypeBackend | None) -> Callable[[pa.DataType], Any]:
    if dtype_backend == "pyarrow":
        return pd.ArrowDtype
    dtypes: dict[pa.DataType, Any] = {
        TEXT: STRING_DTYPE,
        INTEGER: pd.Int64Dtype(),
        BOOLEAN: pd.BooleanDtype(),
    }
    if dtype_backend == "numpy_nullable":
        dtypes[FLOAT] = pd.Float64Dtype()
    # by default pandas makes a numpy array of each list, in which an int next to a null becomes a float
    return lambda arrow_type: pd.ArrowDtype(arrow_type) if pa.types.is_nested(arrow_type) else dtypes.get(arrow_type)


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
