"""Locks between processes, each on a file of its own."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class FileLock:
    """A lock that at most one process and one holder in it can have; the operating system frees it when the process dies.

    Args:
        path: The lock file. `acquire` creates it.
    """

    def __init__(self, path: Path) -> None:
        import filelock  # noqa: PLC0415 -- slow to load, and only uploads and copies need it

        self._path = path
        # not thread-local: the lock belongs to a call, in whichever thread parts of that call run
        self._lock = filelock.FileLock(path, thread_local=False)

    def acquire(self, seconds: float = 0.0) -> bool:
        """Return whether the lock was acquired within this time; 0 tries once.

        Raises:
            OSError: If the lock file cannot be created or opened.
        """
        try:
            self._lock.acquire(timeout=seconds)
        except TimeoutError:
            return False
        return True

    def release(self, *, remove: bool = False) -> None:
        """Release the lock if it was acquired, and with `remove` delete its file."""
        if not self._lock.is_locked:
            return
        if remove:
            # deleted while held: a waiting process notices that its file is gone and creates a new one
            with contextlib.suppress(OSError):
                self._path.unlink()
        self._lock.release()
