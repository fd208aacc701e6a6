"""Turn record batches into a pandas DataFrame or a Parquet file."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

import pandas as pd
import pyarrow as pa

from toloka_frames._errors import InputError
from toloka_frames._reading.atomic_write import atomic_path
from toloka_frames._reading.output_paths import FilePath, check_output_file
from toloka_frames._schema.columns import BOOLEAN, FLOAT, INTEGER, TEXT
from toloka_frames._schema.pandas_values import STRING_DTYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

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


class ParquetFile:
    """A Parquet file, written row group by row group. It appears at its path only when it is complete.

    Args:
        path: The path of the file, checked as in `check_output_file`.
        schema: The schema of the batches.
    """

    def __init__(self, path: FilePath, schema: pa.Schema) -> None:
        self.path = check_output_file(path)
        self._schema = schema
        self._groups = Rebatcher(schema, ROW_GROUP_ROWS, ROW_GROUP_BYTES)
        self._context = self._open()

    def __enter__(self) -> Self:
        self._context.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._context.__exit__(kind, error, traceback)

    def write(self, batch: pa.RecordBatch) -> None:
        """Add a batch and write the row groups that are now full."""
        for table in self._groups.add(batch):
            self._writer.write_table(table)
            release_arrow_memory()

    @contextlib.contextmanager
    def _open(self) -> Iterator[None]:
        # the inner context ends first: closing the writer adds the footer, without which nothing can read the file
        with atomic_path(self.path) as temporary, parquet().ParquetWriter(temporary, self._schema, **PARQUET) as self._writer:
            yield
            for table in self._groups.rest():
                self._writer.write_table(table)


def parquet() -> Any:
    """Return Arrow's Parquet module."""
    import pyarrow.parquet  # noqa: PLC0415 -- it loads the file systems of three clouds, which only files need

    return pyarrow.parquet


def release_arrow_memory() -> None:
    """Return freed memory to the operating system: Arrow caches it per thread, and the next write may run in another thread."""
    pa.default_memory_pool().release_unused()
