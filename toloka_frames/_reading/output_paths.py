"""Check the path of an output file or folder before the first request."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit
from urllib.request import url2pathname

from toloka_frames._errors import InputError
from toloka_frames._reading.manifest import LOCK, MANIFEST, as_copy_error, is_copy

FilePath: TypeAlias = str | os.PathLike[str]

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
# files that a killed call can leave in a folder before its first manifest; a part without a manifest has its own error
LEFTOVER = re.compile(rf"{LOCK}|{re.escape(MANIFEST)}\.new|\.?part-\d+\.parquet.*")


def check_output_file(path: FilePath) -> Path:
    """Return the absolute path of a file that can be written.

    Raises:
        InputError: If it is a folder, or its folder is missing or in a copy.
    """
    file = resolve_path(path)
    if file.is_dir():
        hint = "To resume the copy in it, pass resume=True." if is_copy(file) else "Name a file in it."
        raise InputError(f"{file} is a folder; the output is a file.", hint=hint)
    _check_parents(file)
    return file


def check_output_folder(path: FilePath) -> Path:
    """Return the absolute path of a folder that a copy can be written to; it may be missing.

    Raises:
        InputError: If it is a file, its parent is missing or in a copy, or it holds files other than those of a copy.
    """
    folder = resolve_path(path)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; the output is a folder.")
    _check_parents(folder)
    with as_copy_error(folder):
        names = sorted(file.name for file in folder.iterdir()) if folder.exists() and not is_copy(folder) else []
    if others := [name for name in names if not LEFTOVER.fullmatch(name)]:
        hint = f"Name a new folder, such as {str(folder / 'copy')!r}; it is created."
        raise InputError(f"{folder} is not a copy and not empty: it holds {others[0]}.", column="path", hint=hint)
    return folder


def resolve_path(path: FilePath) -> Path:
    """Return a path made absolute, so that a later change of the working directory does not affect it.

    Raises:
        InputError: If no file can have this path.
    """
    if is_url(path):
        local = local_path(path)
        if local is None:
            hint = "Use a local path, and copy the files when they are complete."
            raise InputError(f"{path} is a URL; this call needs a path of this computer.", column="path", hint=hint)
        path = local
    try:
        resolved = Path(path).expanduser().absolute()
        # the operating system rejects names that are too long or contain a zero byte
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            resolved.stat()
    except (TypeError, ValueError, RuntimeError, OSError) as error:
        hint = "Pass a str or pathlib.Path, such as 'data/tasks'."
        raise InputError(f"{path!r} cannot be the name of a file or folder: {error}.", column="path", hint=hint) from error
    return resolved


def is_url(path: Any) -> bool:
    """Return whether a path is a URL, such as s3://bucket/rows.parquet."""
    return isinstance(path, str) and URL.match(path) is not None


def local_path(url: Any) -> str | None:
    """Return the path of a file:// URL of this computer; None for other URLs."""
    parts = urlsplit(url)
    return url2pathname(parts.path) if parts.scheme == "file" and parts.netloc in ("", "localhost") else None


def _check_parents(path: Path) -> None:
    parent = path.resolve().parent  # of the file that a symbolic link points to
    if not parent.is_dir():
        hint = f"Create it: Path({str(parent)!r}).mkdir(parents=True)"
        raise InputError(f"The folder {parent} does not exist.", hint=hint)
    if copy := next((folder for folder in (parent, *parent.parents) if is_copy(folder)), None):
        hint = "Choose another folder: readers of the copy would take the file for a part of it."
        raise InputError(f"{copy} holds a copy, so no other file can be written to it.", hint=hint)
