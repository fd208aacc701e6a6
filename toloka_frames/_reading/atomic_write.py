"""Write a file under a temporary name and move it to its destination only when it is complete."""

from __future__ import annotations

import contextlib
import os
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa


@contextlib.contextmanager
def atomic_path(destination: Path, temporary: Path | None = None) -> Iterator[Path]:
    """Yield a path to write to, and replace the destination with that file when the block ends without an error.

    After an error the temporary file is deleted and the destination is unchanged. The block must close the file: Windows
    cannot move an open one.

    Args:
        destination: The path of the complete file.
        temporary: The path to write to, in the same folder. By default a name that no other call uses.
    """
    temporary = temporary or _unique_sibling(destination)
    try:
        yield temporary
        temporary.replace(destination)
    finally:
        with contextlib.suppress(OSError):  # already moved, or never created
            temporary.unlink()


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


def _unique_sibling(destination: Path) -> Path:
    # shortened, because file systems limit the length of names
    return destination.with_name(f"{destination.name[:50]}.{os.getpid()}-{secrets.token_hex(4)}.part")
