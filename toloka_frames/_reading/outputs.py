"""Where a Parquet file is written: a local path, an object store, any file system of pyarrow or fsspec, or an open file.

A local file is written under a temporary name and moved. For other file systems the file is written to this computer's
temporary folder and uploaded when it is complete, because closing the stream of an object store publishes what was written.
"""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, TypeAlias

import pyarrow as pa

from toloka_frames._errors import InputError
from toloka_frames._reading.atomic_write import as_write_failed, atomic_path, is_special, open_to_write
from toloka_frames._reading.output_paths import FilePath, check_output_file, is_url, local_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

Destination: TypeAlias = FilePath | BinaryIO
SECRETS = re.compile(r"//[^/@]*@")
FSSPEC_HINT = "Install it: pip install fsspec, and the package of the file system, such as gcsfs or adlfs."


class Output(Protocol):
    """A destination that was checked.

    Attributes:
        name: What `to_parquet` returns: an absolute path, a URL or path as it was given, or the open file.
        shown: What errors call it.
    """

    @property
    def name(self) -> Any:
        """What `to_parquet` returns."""

    @property
    def shown(self) -> Any:
        """What errors call it."""

    def opened(self) -> AbstractContextManager[Any]:
        """Return a context whose value is the file to write; the destination gets it when the block ends without an error."""


def check_output(path: Destination, filesystem: Any = None) -> Output:
    """Check a destination before the first request.

    Args:
        path: A path, a URL or a file that is open for writing bytes.
        filesystem: A file system of pyarrow or fsspec that the path belongs to.

    Raises:
        InputError: If nothing can be written there.
        ImportError: If the URL needs a package that is missing.
        WriteFailed: If the object store cannot be reached.
    """
    if hasattr(path, "write"):
        return _check_open_file(path, filesystem)
    if filesystem is None and not is_url(path):
        return LocalOutput(check_output_file(path))
    if filesystem is None and (local := local_path(path)) is not None:
        return LocalOutput(check_output_file(local))
    store, path_in_store = _from_url(str(path)) if filesystem is None else (_arrow_filesystem(filesystem), str(path))
    if store.type_name == "local":
        return LocalOutput(check_output_file(path_in_store))
    if str(path).partition("?")[0].endswith("/") or _is_folder(store, path_in_store):
        message = f"{_without_secrets(str(path))} is a folder; the output is a file."
        raise InputError(message, column="path", hint="Name a file in it.")
    return StoreOutput(str(path), store, path_in_store)


def _is_folder(store: Any, path: str) -> bool:
    try:
        return bool(store.get_file_info(path).type.name == "Directory")
    except OSError:  # a token can permit to write objects, but not to look at them
        return False


def _check_open_file(file: Any, filesystem: Any) -> OpenFile:
    if filesystem is not None:
        raise InputError("filesystem= is for a path, not for an open file.", column="filesystem")
    if isinstance(file, io.TextIOBase) or getattr(file, "closed", False):
        raise InputError(f"{file!r} is not open for writing bytes.", column="path", hint="Open it with open(path, 'wb').")
    return OpenFile(file)


def _from_url(url: str) -> tuple[Any, str]:
    """Return the file system of a URL and the path in it: pyarrow's own if it has one, else fsspec's, as pandas does."""
    from pyarrow import fs  # noqa: PLC0415 -- it loads the file systems of three clouds

    try:
        with as_write_failed(_without_secrets(url)):
            store, path = fs.FileSystem.from_uri(url)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        store, path = _from_fsspec(url)
        return _arrow_filesystem(store), path
    return store, path


def _from_fsspec(url: str) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs  # noqa: PLC0415 -- an optional dependency
    except ImportError as error:
        raise ImportError(f"{url} needs fsspec. {FSSPEC_HINT}") from error
    try:
        store, path = url_to_fs(url)
    except ValueError as error:
        message = f"{_without_secrets(url)} is not the URL of a file: {error}."
        raise InputError(message, column="path", hint="Pass a path or another URL.") from error
    return store, str(path)


def _arrow_filesystem(filesystem: Any) -> Any:
    """Return a file system of pyarrow or fsspec as one of pyarrow."""
    from pyarrow import fs  # noqa: PLC0415 -- it loads the file systems of three clouds

    if isinstance(filesystem, fs.FileSystem):
        return filesystem
    if type(filesystem).__name__ == "LocalFileSystem":  # of fsspec
        return fs.LocalFileSystem()
    if not all(hasattr(filesystem, name) for name in ("protocol", "open", "info")):
        hint = "Pass a file system of pyarrow.fs or fsspec."
        raise InputError(f"filesystem={filesystem!r} is not a file system.", column="filesystem", hint=hint)
    try:
        return fs.PyFileSystem(fs.FSSpecHandler(filesystem))
    except ImportError as error:
        raise ImportError(f"This file system needs fsspec. {FSSPEC_HINT}") from error


def _without_secrets(url: str) -> str:
    """Return a URL without the key and the password that those of object stores can have."""
    return SECRETS.sub("//***@", url)


@dataclass(frozen=True)
class LocalOutput:
    """A file of this computer; a device or a FIFO is written to directly."""

    name: Path

    @property
    def shown(self) -> Path:
        """The path."""
        return self.name

    @contextlib.contextmanager
    def opened(self) -> Iterator[Any]:
        """Yield the file to write."""
        with atomic_path(self.name) as path:
            with as_write_failed(self.name):
                file = SequentialFile(open_to_write(path)) if is_special(path) else pa.OSFile(str(path), "wb")
            with _closing(file, self.name):
                yield file


@dataclass(frozen=True)
class StoreOutput:
    """A file of an object store or another file system."""

    name: str
    store: Any
    path: str

    @property
    def shown(self) -> str:
        """The URL or path, without secrets."""
        return _without_secrets(self.name)

    @contextlib.contextmanager
    def opened(self) -> Iterator[Any]:
        """Yield a file of this computer, and upload it."""
        from pyarrow import fs  # noqa: PLC0415 -- it loads the file systems of three clouds

        with contextlib.ExitStack() as stack:
            with as_write_failed(tempfile.gettempdir()):
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="toloka_frames-"))
                path = Path(folder) / "rows.parquet"
                file = pa.OSFile(str(path), "wb")
            with _closing(file, path):
                yield file
            with as_write_failed(self.shown):
                # one call of Arrow, which Ctrl-C does not interrupt: a stream that is closed early publishes half a file
                fs.copy_files(str(path), self.path, fs.LocalFileSystem(), self.store)


@dataclass(frozen=True)
class OpenFile:
    """A file that the caller has opened, and closes."""

    name: BinaryIO

    @property
    def shown(self) -> BinaryIO:
        """The file."""
        return self.name

    @contextlib.contextmanager
    def opened(self) -> Iterator[Any]:
        """Yield the file to write, which does not close the caller's."""
        file = SequentialFile(self.name, closes=False)
        with _closing(file, self.name):
            yield file


class SequentialFile(io.RawIOBase):
    """A file that can only be written from beginning to end, such as a FIFO; it counts its bytes for Arrow's writer.

    Args:
        file: The file.
        closes: Whether closing this closes the file.
    """

    def __init__(self, file: BinaryIO, *, closes: bool = True) -> None:
        self._file = file
        self._closes = closes
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        if self.closed:
            raise ValueError("The file is closed.")
        self._file.write(content)
        self._position += len(content)
        return len(content)

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        try:
            if self._closes:
                self._file.close()
        finally:
            super().close()


@contextlib.contextmanager
def _closing(file: Any, name: object) -> Iterator[None]:
    try:
        yield
        with as_write_failed(name):
            file.close()
    finally:
        with contextlib.suppress(OSError, ValueError):
            file.close()
