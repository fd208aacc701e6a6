"""Write record batches to a Parquet file, row group by row group."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from toloka_frames._errors import InputError
from toloka_frames._reading.atomic_write import as_write_failed
from toloka_frames._reading.sinks import (
    PARQUET,
    ROW_GROUP_BYTES,
    ROW_GROUP_ROWS,
    Rebatcher,
    parquet,
    release_arrow_memory,
    with_pandas_metadata,
)
from toloka_frames._validation import positive, validate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from toloka_frames._reading.output_paths import FilePath
    from toloka_frames._reading.outputs import Output

DEFAULT_COMPRESSION = "zstd"
COMPRESSIONS = ("zstd", "snappy", "gzip", "brotli", "lz4")


@dataclass(frozen=True)
class ParquetOptions:
    """How a Parquet file is written; checked when it is made.

    Attributes:
        compression: The codec, or None for no compression.
        row_group_rows: The number of rows of a row group; it ends earlier at 64 MiB of Arrow.
        filesystem: The file system of pyarrow or fsspec that the path belongs to; None for a local path or a URL.

    Raises:
        InputError: If the codec is unknown, or the number is not positive.
    """

    compression: str | None = DEFAULT_COMPRESSION
    row_group_rows: int = ROW_GROUP_ROWS
    filesystem: Any = None

    def __post_init__(self) -> None:
        validate("row_group_rows", positive, self.row_group_rows)
        if self.compression is None:
            return
        if str(self.compression).lower() not in COMPRESSIONS or not pa.Codec.is_available(str(self.compression).lower()):
            hint = f"Use one of {', '.join(COMPRESSIONS)}, or None."
            raise InputError(f"compression={self.compression!r} is not a codec of Parquet.", column="compression", hint=hint)

    def copy_path(self, path: Any) -> FilePath:
        """Return the path of the folder of a copy, which takes none of these options.

        Raises:
            InputError: If an option was given, or the path is an open file.
        """
        if hasattr(path, "write"):
            raise InputError(f"resume=True needs the path of a folder, and this is {type(path).__name__}.", column="path")
        defaults = ParquetOptions()
        for name in ("compression", "row_group_rows", "filesystem"):
            if getattr(self, name) != getattr(defaults, name):
                hint = "A copy is a local folder. Write a single file, or upload the folder when it is complete."
                raise InputError(f"{name}= cannot be combined with resume=True.", column=name, hint=hint)
        folder: FilePath = path
        return folder

    @property
    def writer_arguments(self) -> dict[str, Any]:
        """The keyword arguments of Arrow's writer."""
        if self.compression == DEFAULT_COMPRESSION:
            return dict(PARQUET)
        others = {name: value for name, value in PARQUET.items() if name != "compression_level"}
        return {**others, "compression": self.compression or "none"}


class ParquetFile:
    """A Parquet file, written row group by row group. It appears at its destination only when it is complete.

    Args:
        output: The destination, from `check_output`.
        schema: The schema of the batches.
        options: How to write it.

    Attributes:
        path: What `to_parquet` returns for the destination.

    Raises:
        WriteFailed: In the `with` block, from the methods too: if the file cannot be written.
    """

    def __init__(self, output: Output, schema: pa.Schema, options: ParquetOptions) -> None:
        self._options = options
        self._output = output
        self.path = output.name
        self._schema = schema
        self._groups = Rebatcher(schema, self._options.row_group_rows, ROW_GROUP_BYTES)
        self._context = self._open()

    def __enter__(self) -> Self:
        self._context.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._context.__exit__(kind, error, traceback)

    def write(self, batch: pa.RecordBatch) -> None:
        """Add a batch and write the row groups that are now full."""
        for table in self._groups.add(batch):
            self._write_group(table)
            release_arrow_memory()

    def _write_group(self, table: pa.Table) -> None:
        with as_write_failed(self._output.shown):
            self._writer.write_table(table, row_group_size=len(table))

    @contextlib.contextmanager
    def _open(self) -> Iterator[None]:
        with self._output.opened() as file:
            with as_write_failed(self._output.shown):
                schema = with_pandas_metadata(self._schema)
                self._writer = parquet().ParquetWriter(file, schema, **self._options.writer_arguments)
            try:
                yield
                for table in self._groups.rest():
                    self._write_group(table)
                with as_write_failed(self._output.shown):
                    self._writer.close()
            except BaseException:
                # the file first: the writer would add a footer, and a reader of a FIFO would take the rows for all of them
                for output in (file, self._writer):
                    with contextlib.suppress(OSError, ValueError):
                        output.close()
                raise
