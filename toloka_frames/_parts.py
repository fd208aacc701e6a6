"""Tables come in, a folder of Parquet parts with a manifest goes out, sound after a kill at any moment.

A part is written under a name that readers pass over, then the manifest that names it takes the place of the one before, then
the part moves to its place. From the second step on it counts: whoever opens the folder next makes up for the third.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from toloka_frames._columns import TEXT
from toloka_frames._errors import CopyError, InputError
from toloka_frames._manifest import MANIFEST, Manifest, Part, read_manifest, sound_bytes, spelt, told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toloka_frames._resources import Life
    from toloka_frames._sinks import FilePath

LOCK = "_lock"
# a copy is gone on with by a call that has these in common with the one that began it
IDENTITY = ("made_by", "list", "path", "query", "account")


def folder_place(path: FilePath) -> Path:
    """Where a folder of parts will be, checked before anything is asked.

    Raises:
        InputError: It is a file, or the folder that it is to be in is not there.
    """
    place = Path(path).expanduser()
    if place.exists() and not place.is_dir():
        raise InputError(f"{place} is a file, and a folder is to be written.")
    if not place.parent.is_dir():
        raise InputError(f"The folder {place.parent} is not there.", hint=f"Path({str(place.parent)!r}).mkdir(parents=True)")
    return place


class Folder:
    """A folder of parts that this process alone writes to, in a `with` block.

    Attributes:
        path: The folder.
        life: How its rows live.
        manifest: What it holds, on disk too.
    """

    def __init__(self, path: Path, life: Life, wanted: Manifest) -> None:
        self.path = path
        self.manifest = wanted
        self.life = life
        self._lock = FileLock(path / LOCK, thread_local=False)

    def __enter__(self) -> Self:
        with told(self.path):
            self.path.mkdir(exist_ok=True)
            read_manifest(self.path)  # a folder that cannot be gone on with is left alone, without a lock too
            self._acquire()
            try:
                self._open()
            except BaseException:
                self._lock.release()
                raise
        return self

    def __exit__(self, *error: object) -> None:
        self._lock.release()

    def match(self, schema: pa.Schema) -> None:
        """Go on with these columns only.

        Raises:
            CopyError: The copy has others.
        """
        columns = {column.name: str(column.type) for column in schema}
        there = self.manifest.columns or columns
        if apart := sorted(name for name in {*there, *columns} if there.get(name) != columns.get(name)):
            raise self._other(f"its columns differ in {', '.join(apart)}")
        self.manifest = replace(self.manifest, columns=columns)

    def put(self, number: int, table: pa.Table, **changes: Any) -> None:
        """Have a table as the part of that number, in place of the one before or as a new one; other changes with it."""
        with told(self.path):
            parts = list(self.manifest.parts)
            parts[number : number + 1] = [self._stage(f"part-{number:05}.parquet", table)]
            self._commit(replace(self.manifest, parts=tuple(parts), **changes))

    def note(self, **changes: Any) -> None:
        """Change what the manifest says."""
        with told(self.path):
            self._commit(replace(self.manifest, **changes))

    def read(self, number: int) -> pa.Table:
        """The rows of a part, which are as they were written."""
        with told(self.path):
            return pq.read_table(pa.BufferReader(sound_bytes(self.path, self.manifest.parts[number])))

    def read_columns(self, number: int, columns: Sequence[str]) -> pa.Table:
        """Some columns of a part."""
        with told(self.path):
            return pq.read_table(self.path / self.manifest.parts[number].file, columns=list(columns), partitioning=None)

    def _acquire(self) -> None:
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            raise CopyError(f"{self.path} is being written by another call.", path=self.path) from None

    def _open(self) -> None:
        found = read_manifest(self.path)
        if found is None:
            return
        for name in IDENTITY:
            there, here = getattr(found, name), getattr(self.manifest, name)
            if there != here:
                raise self._other(f"its {name} is {there!r}, and not {here!r}")
        self.manifest = found
        self._settle()

    def _other(self, what: str) -> CopyError:
        return CopyError(f"{self.path} is a copy of something else: {what}.", path=self.path, hint="Take another folder.")

    def _stage(self, file: str, table: pa.Table) -> Part:
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        content, ids = sink.getvalue(), table[self.life.id]
        list_rows, open_rows = len(pc.unique(ids)), len(pc.unique(ids.filter(is_open(table, self.life))))
        part = Part(file, len(table), list_rows, open_rows, content.size, hashlib.sha256(content).hexdigest())
        _write(self.path / part.staged, content)
        return part

    def _commit(self, manifest: Manifest) -> None:
        _write(self.path / MANIFEST, spelt(manifest))
        self.manifest = manifest
        self._settle()

    def _settle(self) -> None:
        """Move what the manifest names to its place, and remove what a kill left."""
        for part in self.manifest.parts:
            if (staged := self.path / part.staged).exists():
                staged.replace(self.path / part.file)
        for left in self.path.glob(".part-*"):
            left.unlink()
        _flush_folder(self.path)


def is_open(table: pa.Table, life: Life) -> pa.ChunkedArray:
    """Which rows can still change and can be asked for again by when they were made."""
    if life.created is None or life.status is None:
        return pa.chunked_array([pa.repeat(pa.scalar(value=False), len(table))])
    final = pc.is_in(table[life.status], value_set=pa.array(life.final, TEXT))
    return pc.and_not(pc.is_valid(table[life.created]), final)


def _write(place: Path, content: Any) -> None:
    """Have a file in its place, on disk, whole or not at all."""
    written = place.with_name(f"{place.name}.new")
    try:
        with written.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        written.replace(place)
    finally:
        with contextlib.suppress(OSError):  # it has moved to its place, or is not whole
            written.unlink()
    _flush_folder(place.parent)


def _flush_folder(path: Path) -> None:
    with contextlib.suppress(OSError):  # where folders cannot be opened, as on Windows, the system flushes them itself
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
