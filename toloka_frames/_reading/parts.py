"""Tables come in, a folder of Parquet parts with a manifest goes out, sound after a kill at any moment.

A part is written under a name that readers pass over, then the manifest that names it takes the place of the one before, then
the part moves to its place. From the second step on it counts: whoever opens the folder next makes up for the third.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from toloka_frames._errors import CopyError, InputError
from toloka_frames._reading.atomic_write import flush_folder, write_durably
from toloka_frames._reading.manifest import Manifest, PartFile, as_copy_error, read_manifest, spelt, verified_bytes
from toloka_frames._reading.sinks import MANIFEST, PARQUET, is_copy, parquet, release_arrow_memory, resolve_path, to_frame
from toloka_frames._runtime.file_lock import FileLock
from toloka_frames._schema.columns import INTEGER, TEXT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from toloka_frames._reading.sinks import FilePath
    from toloka_frames._schema.lists import RowLifecycle

# readers of a folder (pyarrow, Spark) pass over names that begin with _ or a dot
LOCK = "_lock"
STAGED = ".part-[0-9]*.parquet.*"
# what a call that was killed can leave; parts without a manifest are told as such
OURS = re.compile(rf"{LOCK}|{re.escape(MANIFEST)}\.new|\.?part-\d+\.parquet.*")
# a copy is gone on with by a call that has these in common with the one that began it
IDENTITY = ("made_by", "list", "path", "query", "account")
PART_COLUMNS = pa.schema(
    [("file", TEXT), *((name, INTEGER) for name in ("rows", "list_rows", "open_rows", "bytes")), ("sha256", TEXT)]
)


def verify(path: FilePath) -> pd.DataFrame:
    """Read every byte of a copy made by `to_parquet(..., resume=True)` or `tf.sync`, and compare it with its manifest.

    Args:
        path: The folder. It is not to be written meanwhile.

    Returns:
        One row for each part: `file` (string), `rows` of the file, `list_rows` (rows of the list: an assignment is one, though
        it has a row for each task), `open_rows` (those that can still change), `bytes` (all Int64), `sha256` (string).

    Raises:
        InputError: The path is no folder.
        CopyError: There is no manifest or it is damaged, a part is missing, damaged or not of this copy, the copy is not
            complete, or another call is writing it.
    """
    place = resolve_path(path)
    if not place.is_dir():
        raise InputError(f"{place} is no folder, and so no copy.", column="path", hint="Give the folder of parts.")
    manifest = None
    with contextlib.suppress(CopyError):
        manifest = _verified(place)
    if manifest is None:
        manifest = _verified_alone(place) if (place / LOCK).exists() else _verified(place)
    return to_frame(pa.Table.from_pylist([asdict(part) for part in manifest.parts], PART_COLUMNS))


def _verified_alone(place: Path) -> Manifest:
    """Look again where no other call can be in the midst of its work: then what was seen is so."""
    lock = FileLock(place / LOCK)
    with contextlib.suppress(OSError):  # nobody can write here
        if not lock.acquire():
            raise _busy(place)
    try:
        return _verified(place)
    finally:
        lock.release()


def _verified(place: Path) -> Manifest:
    manifest = read_manifest(place)
    if manifest is None:
        raise CopyError(f"{place} holds no copy: there is no {MANIFEST}.", path=place)
    for part in manifest.parts:
        with as_copy_error(place):
            rows = parquet().read_metadata(pa.BufferReader(verified_bytes(place, part))).num_rows
        if rows != part.rows:
            raise CopyError(f"{part.file} has {rows:,} rows, and the manifest says {part.rows:,}.", path=place)
    # until the last part is in its place, readers do not see it
    if not manifest.complete or any((place / part.staged).exists() for part in manifest.parts):
        raise CopyError(f"{place} is not complete.", path=place, hint="Run the call that began it again: it goes on.")
    return manifest


def check_output_folder(path: FilePath) -> Path:
    """Where a folder of parts will be, checked before anything is asked.

    Raises:
        InputError: It is a file or holds other things than a copy, or the folder that it is to be in is not there.
    """
    place = resolve_path(path)
    if place.exists() and not place.is_dir():
        raise InputError(f"{place} is a file, and a folder is to be written.")
    if not place.parent.is_dir():
        raise InputError(f"The folder {place.parent} is not there.", hint=f"Path({str(place.parent)!r}).mkdir(parents=True)")
    with as_copy_error(place):
        names = sorted(file.name for file in place.iterdir()) if place.exists() and not is_copy(place) else []
    if others := [name for name in names if not OURS.fullmatch(name)]:
        hint = f"Name a new folder, as {str(place / 'copy')!r}: it is made."
        raise InputError(f"{place} is no copy and not empty: it holds {others[0]}.", column="path", hint=hint)
    return place


class Folder:
    """A folder of parts that this process alone writes to, in a `with` block.

    Attributes:
        path: The folder.
        life: How its rows live.
        manifest: What it holds, on disk too.
        schema: Its columns, once they were matched.
    """

    def __init__(self, path: Path, life: RowLifecycle, wanted: Manifest) -> None:
        self.path = path
        self.manifest = wanted
        self.schema = pa.schema([])
        self.life = life
        self._lock = FileLock(path / LOCK)

    def __enter__(self) -> Self:
        with as_copy_error(self.path):
            self.path.mkdir(exist_ok=True)
            self._acquire(finished=self._look())
            try:
                self._open()
            except BaseException:
                self._lock.release()
                raise
        return self

    def __exit__(self, *error: object) -> None:
        self._lock.release()

    def match(self, schema: pa.Schema) -> None:
        """Go on with these columns only, in the order of those that are there.

        Raises:
            CopyError: The copy has others.
        """
        columns = {column.name: str(column.type) for column in schema}
        there = self.manifest.columns or columns
        if apart := sorted(name for name in {*there, *columns} if there.get(name) != columns.get(name)):
            hint = "The project's fields have changed since the copy was begun: begin anew in another folder."
            raise self._other(f"its columns differ in {', '.join(apart)}", hint)
        self.schema = pa.schema([schema.field(name) for name in there])
        self.manifest = replace(self.manifest, columns=dict(there))

    def put(self, number: int, table: pa.Table, **changes: Any) -> None:
        """Have a table as the part of that number, in place of the one before or as a new one; other changes with it."""
        with as_copy_error(self.path):
            parts = list(self.manifest.parts)
            parts[number : number + 1] = [self._stage(f"part-{number:05}.parquet", table)]
            self._commit(replace(self.manifest, parts=tuple(parts), **changes))

    def note(self, **changes: Any) -> None:
        """Change what the manifest says."""
        with as_copy_error(self.path):
            self._commit(replace(self.manifest, **changes))

    def read(self, number: int) -> pa.Table:
        """The rows of a part, which are as they were written."""
        with as_copy_error(self.path):
            return parquet().read_table(pa.BufferReader(verified_bytes(self.path, self.manifest.parts[number])))

    def read_columns(self, number: int, columns: Sequence[str]) -> pa.Table:
        """Some columns of a part."""
        with as_copy_error(self.path):
            part = self.manifest.parts[number]
            try:
                # without partitioning: in a folder as id=5 pyarrow 17 takes id for a column of its own, and fails
                return parquet().read_table(self.path / part.file, columns=list(columns), partitioning=None)
            except (OSError, pa.ArrowException):
                verified_bytes(self.path, part)  # tells it where the part is not as it was written
                raise

    def _look(self) -> bool:
        """Leave a folder that cannot be gone on with alone, without a lock too; whether nothing is left to be written."""
        try:
            found = read_manifest(self.path)
        except CopyError:
            # where a lock is, another call may be between its manifest and its parts: who has the lock sees what is so
            if not (self.path / LOCK).exists():
                raise
            return False
        return found is not None and found.made_by == "to_parquet" and found.complete

    def _acquire(self, *, finished: bool) -> None:
        try:
            acquired = self._lock.acquire()
        except OSError:
            if not finished:  # a pull that is complete can be in a folder that nobody can write to
                raise
            return
        if not acquired:
            raise _busy(self.path)

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

    def _other(self, what: str, hint: str = "Take another folder.") -> CopyError:
        return CopyError(f"{self.path} is a copy of something else: {what}.", path=self.path, hint=hint)

    def _stage(self, file: str, table: pa.Table) -> PartFile:
        # in memory first, because the name that it is written under has its checksum
        sink = pa.BufferOutputStream()
        parquet().write_table(table, sink, **PARQUET)
        content, ids = sink.getvalue(), table[self.life.id]
        list_rows, open_rows = len(pc.unique(ids)), len(pc.unique(ids.filter(is_open(table, self.life))))
        part = PartFile(file, len(table), list_rows, open_rows, content.size, hashlib.sha256(content).hexdigest())
        write_durably(self.path / part.staged, content)
        del content, sink
        release_arrow_memory()
        return part

    def _commit(self, manifest: Manifest) -> None:
        write_durably(self.path / MANIFEST, spelt(manifest))
        self.manifest = manifest
        self._settle()

    def _settle(self) -> None:
        """Move what the manifest names to its place, and remove what a kill left."""
        for part in self.manifest.parts:
            if (staged := self.path / part.staged).exists():
                staged.replace(self.path / part.file)
        for left in self.path.glob(STAGED):
            left.unlink()
        flush_folder(self.path)


def _busy(place: Path) -> CopyError:
    return CopyError(f"{place} is being written by another call.", path=place, hint="Wait until that has ended.")


def is_open(table: pa.Table, life: RowLifecycle) -> pa.ChunkedArray:
    """Which rows can still change and can be asked for again by when they were made."""
    if life.created is None or life.status is None:
        return pa.chunked_array([pa.repeat(pa.scalar(value=False), len(table))])
    final = pc.is_in(table[life.status], value_set=pa.array(life.final, TEXT))
    return pc.and_not(pc.is_valid(table[life.created]), final)
