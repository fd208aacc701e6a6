"""Write record batches to a Parquet file, row group by row group."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from toloka_frames._reading.atomic_write import as_write_failed, atomic_path, is_special
from toloka_frames._reading.output_paths import FilePath, check_output_file
from toloka_frames._reading.sinks import (
    PARQUET,
    ROW_GROUP_BYTES,
    ROW_GROUP_ROWS,
    Rebatcher,
    parquet,
    release_arrow_memory,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import BinaryIO


class ParquetFile:
    """A Parquet file, written row group by row group. It appears at its path only when it is complete.

    Args:
        path: The path of the file, checked as in `check_output_file`.
        schema: The schema of the batches.

    Raises:
        WriteFailed: In the `with` block, from the methods too: if the file cannot be written.
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
            with as_write_failed(self.path):
                self._writer.write_table(table)
            release_arrow_memory()

    @contextlib.contextmanager
    def _open(self) -> Iterator[None]:
        with atomic_path(self.path) as target:
            with as_write_failed(self.path):
                sink = SequentialFile(target.open("wb")) if is_special(target) else pa.OSFile(str(target), "wb")
                self._writer = parquet().ParquetWriter(sink, self._schema, **PARQUET)
            try:
                yield
                with as_write_failed(self.path):
                    for table in self._groups.rest():
                        self._writer.write_table(table)
                    self._writer.close()
                    sink.close()
            except BaseException:
                # the sink first: the writer would add a footer, and a reader of a FIFO would take the rows for all of them
                for output in (sink, self._writer):
                    with contextlib.suppress(OSError, ValueError):
                        output.close()
                raise


class SequentialFile(io.RawIOBase):
    """A file that can only be written from beginning to end, such as a FIFO; it counts its bytes for Arrow's writer."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self._file.write(content)
        self._position += len(content)
        return len(content)

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        if not self._file.closed:
            self._file.flush()

    def close(self) -> None:
        try:
            self._file.close()
        finally:
            super().close()
