"""Record batches come in, a table, a pandas frame or a Parquet file goes out."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

import pandas as pd
import pyarrow as pa

from toloka_frames._errors import InputError
from toloka_frames._reading.atomic_write import atomic_path
from toloka_frames._schema.columns import BOOLEAN, FLOAT, INTEGER, TEXT
from toloka_frames._schema.pandas_values import STRING_DTYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

DtypeBackend: TypeAlias = Literal["numpy_nullable", "pyarrow"]
FilePath: TypeAlias = str | os.PathLike[str]

MANIFEST = "_manifest.json"

# large enough that readers skip by statistics, small enough that memory does not grow with the number of rows
ROW_GROUP_ROWS = 100_000
ROW_GROUP_BYTES = 64 * 2**20
# beside dictionaries and statistics, which pyarrow writes by itself; zstd's first level, because the third takes 1.6 times as
# long for an eighth less
PARQUET = {"compression": "zstd", "compression_level": 1, "write_page_index": True}


def to_frame(table: pa.Table, dtype_backend: DtypeBackend | None = None) -> pd.DataFrame:
    """A pandas frame of a table: string, Int64, boolean, float64, datetime64[us, UTC]; lists stay Arrow-backed.

    Args:
        table: The rows.
        dtype_backend: None, "numpy_nullable" or "pyarrow" (no copy), as in `pandas.read_*`.
    """
    frame: pd.DataFrame = table.to_pandas(types_mapper=_mapper(dtype_backend))
    return frame


def check_dtype_backend(dtype_backend: str | None) -> None:
    """Refuse a backend that pandas does not have, before anything is asked.

    Raises:
        InputError: It is none of None, "numpy_nullable" and "pyarrow".
    """
    if dtype_backend not in (None, "numpy_nullable", "pyarrow"):
        raise InputError(f"dtype_backend={dtype_backend!r} is none of None, 'numpy_nullable', 'pyarrow'.")


def check_resume(resume: bool) -> None:
    """Refuse to go on with rows that cannot be asked for again.

    Raises:
        InputError: It is asked for.
    """
    if resume:
        raise InputError("resume=True is for a scan: rows from elsewhere cannot be asked for again.", column="resume")


def _mapper(dtype_backend: DtypeBackend | None) -> Callable[[pa.DataType], Any]:
    if dtype_backend == "pyarrow":
        return pd.ArrowDtype
    dtypes: dict[pa.DataType, Any] = {
        TEXT: STRING_DTYPE,
        INTEGER: pd.Int64Dtype(),
        BOOLEAN: pd.BooleanDtype(),
    }
    if dtype_backend == "numpy_nullable":
        dtypes[FLOAT] = pd.Float64Dtype()
    # pandas would make a numpy array of each list, and a float of an int beside a null
    return lambda arrow_type: pd.ArrowDtype(arrow_type) if pa.types.is_nested(arrow_type) else dtypes.get(arrow_type)


class Rebatcher:
    """Batches of any height come in by `add`, tables of at most so many rows go out, the rest by `rest`."""

    def __init__(self, schema: pa.Schema, rows: int, max_bytes: int | None = None) -> None:
        self._schema = schema
        self._rows = rows
        self._max_bytes = max_bytes
        self._batches: list[pa.RecordBatch] = []
        self._height = self._bytes = 0

    def add(self, batch: pa.RecordBatch) -> Iterator[pa.Table]:
        """Take a batch; yield what is full."""
        self._batches.append(batch)
        self._height, self._bytes = self._height + len(batch), self._bytes + batch.nbytes
        while self._height >= self._rows:
            yield self._cut()
        if self._max_bytes is not None and self._bytes >= self._max_bytes:
            yield from self.rest()

    def rest(self) -> Iterator[pa.Table]:
        """Yield what is left, which is less than a whole table."""
        if self._height:
            yield self._cut()

    def _cut(self) -> pa.Table:
        table = pa.Table.from_batches(self._batches, self._schema)
        left = table.slice(self._rows)
        self._batches, self._height, self._bytes = left.to_batches(), len(left), left.nbytes
        return table.slice(0, self._rows)


def release_arrow_memory() -> None:
    """Have what this thread has freed go back to the system: Arrow keeps it for the thread, and another one writes next."""
    pa.default_memory_pool().release_unused()


def resolve_path(path: FilePath) -> Path:
    """A path as it was given, made absolute, so that it stays the same place when the working folder changes.

    Raises:
        InputError: Nothing can have this name.
    """
    try:
        place = Path(path).expanduser().absolute()
        # the system tells whether there can be such a name: one too long, or with a zero byte, is refused here
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            place.lstat()
    except (TypeError, ValueError, RuntimeError, OSError) as error:
        hint = "A path as 'data/tasks' is needed, text or pathlib.Path."
        raise InputError(f"{path!r} cannot be the name of a file or folder: {error}.", column="path", hint=hint) from error
    return place


def check_output_file(path: FilePath) -> Path:
    """Where a file will be written, checked before anything is asked.

    Raises:
        InputError: It is a folder, its folder is not there, or that is a copy.
    """
    place = resolve_path(path)
    if place.is_dir():
        hint = "resume=True goes on with it." if is_copy(place) else "Name a file in it."
        raise InputError(f"{place} is a folder, and a file is to be written.", hint=hint)
    if not place.parent.is_dir():
        raise InputError(f"The folder {place.parent} is not there.", hint=f"Path({str(place.parent)!r}).mkdir(parents=True)")
    if is_copy(place.parent):
        hint = "Its readers would take the file for a part: take another folder."
        raise InputError(f"{place.parent} is a copy, and a file is to be written into it.", hint=hint)
    return place


def is_copy(folder: Path) -> bool:
    """Whether it holds the manifest of a copy (`to_parquet` with resume=True, `tf.sync`)."""
    return (folder / MANIFEST).exists()


def parquet() -> Any:
    """Arrow's module for Parquet files."""
    import pyarrow.parquet  # noqa: PLC0415 -- it loads the file systems of three clouds, and only a file pays for it

    return pyarrow.parquet


class ParquetFile:
    """A Parquet file that is written row group by row group beside its place and is moved there when it is whole."""

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
        """Take a batch; write a row group when there is one."""
        for table in self._groups.add(batch):
            self._writer.write_table(table)
            release_arrow_memory()

    @contextlib.contextmanager
    def _open(self) -> Iterator[None]:
        # the inner block ends first: closing the writer adds the footer that makes the file readable
        with atomic_path(self.path) as temporary, parquet().ParquetWriter(temporary, self._schema, **PARQUET) as self._writer:
            yield
            for table in self._groups.rest():
                self._writer.write_table(table)
