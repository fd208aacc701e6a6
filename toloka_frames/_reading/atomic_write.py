"""Write a file under a temporary name and move it to its destination only when it is complete.

Devices, FIFOs and sockets are written to directly: a file in their place would remove `/dev/null` from the machine. A symbolic
link stays, and the file it points to is replaced. The new file has the owner and the permissions of the old one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import time
from typing import TYPE_CHECKING, BinaryIO

from toloka_frames._errors import TolokaError, WriteFailed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

# A reader that is started together with the writer has opened the FIFO by then.
READER_SECONDS = 5.0
POLL_SECONDS = 0.02


@contextlib.contextmanager
def atomic_path(destination: Path, temporary: Path | None = None) -> Iterator[Path]:
    """Yield a path to write to, and replace the destination with that file when the block ends without an error.

    After an error the temporary file is deleted and the destination is unchanged. The block must close the file: Windows
    cannot move an open one.

    Args:
        destination: The path of the complete file. If it is a device, a FIFO or a socket, this path itself is yielded.
        temporary: The path to write to, in the same folder. By default a name that no other call uses.

    Raises:
        WriteFailed: If the file cannot be moved to the destination.
    """
    if is_special(destination):
        yield destination
        return
    target = destination.resolve() if destination.is_symlink() else destination
    temporary = temporary or _unique_sibling(target)
    try:
        yield temporary
        with as_write_failed(destination):
            _keep_owner_and_mode(target, temporary)
            temporary.replace(target)
    finally:
        with contextlib.suppress(OSError):  # already moved, or never created
            temporary.unlink()


def is_special(path: Path) -> bool:
    """Whether a path exists and is neither a file nor a folder: a device, a FIFO or a socket."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def open_to_write(path: Path) -> BinaryIO:
    """Open a file, device or FIFO for writing.

    Raises:
        OSError: If it cannot be opened, or no process has opened a FIFO for reading within READER_SECONDS.
    """
    if not is_special(path):
        return path.open("wb")
    deadline = time.monotonic() + READER_SECONDS
    while True:
        try:
            # blocking, it would wait without end for a reader
            descriptor = os.open(path, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
        except OSError as error:
            if error.errno != errno.ENXIO or not stat.S_ISFIFO(path.stat().st_mode):
                raise
            if time.monotonic() > deadline:
                raise OSError(errno.ENXIO, "no process has opened this FIFO for reading") from None
            time.sleep(POLL_SECONDS)
        else:
            if hasattr(os, "O_NONBLOCK"):
                os.set_blocking(descriptor, True)
            return os.fdopen(descriptor, "wb")


@contextlib.contextmanager
def as_write_failed(path: object) -> Iterator[None]:
    """Raise an OSError of the block as a WriteFailed that names the path."""
    try:
        yield
    except TolokaError:
        raise
    except OSError as error:
        raise WriteFailed(
            f"{path} cannot be written ({type(error).__name__}: {error}).", path=path, errno=error.errno
        ) from error


def write_durably(destination: Path, content: bytes | pa.Buffer) -> None:
    """Write a file atomically and flush it and its folder to disk, so that it survives a power failure."""
    with atomic_path(destination, destination.with_name(f"{destination.name}.new")) as temporary, temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    flush_folder(destination.parent)


def flush_folder(folder: Path) -> None:
    """Flush the names in a folder to disk."""
    with contextlib.suppress(OSError):  # Windows cannot open folders, and flushes them itself
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _keep_owner_and_mode(target: Path, temporary: Path) -> None:
    try:
        old = target.stat()
    except OSError:  # a new file
        return
    if hasattr(os, "chown"):  # not on Windows
        with contextlib.suppress(OSError):  # only root can give a file to another user
            os.chown(temporary, old.st_uid, old.st_gid)
    # after the owner, whose change clears some permissions; a file system without permissions rejects both
    with contextlib.suppress(OSError):
        temporary.chmod(stat.S_IMODE(old.st_mode))


def _unique_sibling(destination: Path) -> Path:
    # shortened, because file systems limit the length of names
    return destination.with_name(f"{destination.name[:50]}.{os.getpid()}-{secrets.token_hex(4)}.part")
