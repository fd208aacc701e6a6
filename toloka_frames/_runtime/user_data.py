"""The folder of the user's own data, where the ledger of uploads is."""

from __future__ import annotations

import os
from pathlib import Path


def default_ledger_path() -> Path:
    """Return the path of the ledger that uploads use unless they name another one; nothing is created."""
    import platformdirs  # noqa: PLC0415 -- only an upload needs it

    return Path(platformdirs.user_data_path("toloka_frames", appauthor=False)) / "uploads.db"


def is_writable(path: Path) -> bool:
    """Return whether a file can be written, or created together with its folders; nothing is changed."""
    existing = next(parent for parent in (path, *path.parents) if parent.exists())
    if existing != path:
        return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
    try:
        # not os.access, which knows nothing of a program that holds the file, as Windows lets it
        with path.open("r+b"):
            return True
    except OSError:
        return False
