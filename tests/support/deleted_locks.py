"""Uploads without lock files: the ledger alone must keep two calls apart."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def locks_deleted(folder: Path) -> Iterator[None]:
    """Delete the lock files in a folder for as long as the block runs, so that each call gets a lock of its own."""
    ended = threading.Event()

    def delete() -> None:
        while not ended.wait(0.001):
            for path in folder.glob("*.lock"):
                path.unlink(missing_ok=True)

    thread = threading.Thread(target=delete)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
