"""Record batches come in, a table, a pandas frame or a Parquet file goes out."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Self, TypeAlias

import pandas as pd
import pyarrow as pa

from toloka_frames._errors import InputError
from toloka_frames._schema.columns import BOOLEAN, FLOAT, INTEGER, TEXT
from toloka_frames._schema.series import STRING_DTYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

DtypeBackend: TypeAlias = Literal["numpy_nullable", "pyarrow"]
FilePath: TypeAlias = "str | os.PathLike[str]"

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


@contextlib.contextmanager
def whole_file(path: FilePath) -> Iterator[BinaryIO]:
    """A file that is written beside its place and is moved there when it is whole; errors as in `check_output_file`."""
    place = check_output_file(path)
    part = _part_of(place)
    try:
        with part.open("wb") as file:
            yield file
        part.replace(place)
    finally:
        with contextlib.suppress(OSError):  # it has moved to its place, or is not whole
            part.unlink()


def _part_of(place: Path) -> Path:
    """A name that no other call has, which may write the same file at the same time; and short, as names have a longest."""
    return place.with_name(f"{place.name[:50]}.{os.getpid()}-{secrets.token_hex(4)}.part")


def parquet() -> Any:
    """Arrow's module for Parquet files."""
    import pyarrow.parquet  # noqa: PLC0415 -- it loads the file systems of three clouds, and only a file pays for it

    return pyarrow.parquet


class ParquetFile:
    """A Parquet file that is written row group by row group beside its place and is moved there when it is whole."""

    def __init__(self, path: FilePath, schema: pa.Schema) -> None:
        self.path = check_output_file(path)
        self._part = _part_of(self.path)
        self._schema = schema
        self._groups = Rebatcher(schema, ROW_GROUP_ROWS, ROW_GROUP_BYTES)

    def __enter__(self) -> Self:
        self._writer = parquet().ParquetWriter(self._part, self._schema, **PARQUET)
        return self

    def write(self, batch: pa.RecordBatch) -> None:
        """Take a batch; write a row group when there is one."""
        for table in self._groups.add(batch):
            self._writer.write_table(table)
            release_arrow_memory()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        try:
            if kind is None:
                for table in self._groups.rest():
                    self._writer.write_table(table)
            # the footer comes with it: without it nobody can read the file, and on Windows an open file cannot be moved
            self._writer.close()
            if kind is None:
                self._part.replace(self.path)
        finally:
            with contextlib.suppress(OSError):  # it has moved to its place, or is not whole
                self._part.unlink()
