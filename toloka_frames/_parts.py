"""Tables come in, a folder of Parquet parts with a manifest goes out, sound after a kill at any moment.

A part is written under a name that readers pass over, then the manifest that names it takes the place of the one before, then
the part moves to its place. From the second step on it counts: whoever opens the folder next makes up for the third.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from toloka_frames._columns import INTEGER, TEXT
from toloka_frames._errors import CopyError, InputError
from toloka_frames._sinks import FilePath, to_frame

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from toloka_frames._resources import Life

FORMAT = 1
MANIFEST = "_manifest.json"
LOCK = "_lock"
ANEW = "Bring it back, or begin anew in another folder."
# a copy is gone on with by a call that has these in common with the one that began it
IDENTITY = ("made_by", "list", "path", "query", "account")
PART_COLUMNS = pa.schema(
    [("file", TEXT), *((name, INTEGER) for name in ("rows", "list_rows", "open_rows", "bytes")), ("sha256", TEXT)]
)


@dataclass(frozen=True)
class Part:
    """A file of a copy.

    Attributes:
        file: Its name.
        rows: Rows of the file.
        list_rows: Rows of the list that they came from.
        open_rows: Those of them that can still change.
        bytes: Its size.
        sha256: Its checksum.
    """

    file: str
    rows: int
    list_rows: int
    open_rows: int
    bytes: int
    sha256: str

    @property
    def staged(self) -> str:
        """Its name until it is in its place."""
        return f".{self.file}.{self.sha256[:16]}"


@dataclass(frozen=True)
class Manifest:
    """What a copy is of and how far it is.

    Attributes:
        made_by: "to_parquet" or "sync".
        list: The list's name.
        path: Its path.
        query: Its filters.
        account: The requester's id.
        started: When the copy was begun (UTC).
        columns: The columns and their types; empty until they are known.
        since: Rows created after this instant are being copied; None for all.
        until: Those created up to this instant; None for all.
        cursor: The id behind which the copy goes on; None at the beginning.
        complete: Whether all rows of these bounds are there.
        ended: When these bounds were complete (UTC).
        parts: Its files.
    """

    made_by: str
    list: str
    path: str
    query: Mapping[str, str]
    account: str
    started: str
    columns: Mapping[str, str] = field(default_factory=dict)
    since: str | None = None
    until: str | None = None
    cursor: str | None = None
    complete: bool = False
    ended: str | None = None
    parts: tuple[Part, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of the list that are there."""
        return sum(part.list_rows for part in self.parts)


def verify(path: FilePath) -> pd.DataFrame:
    """Read every byte of a copy made by `to_parquet(..., resume=True)` or `tf.sync`, and compare it with its manifest.

    Args:
        path: The folder. It is not to be written meanwhile.

    Returns:
        One row for each part: `file` (string), `rows` of the file, `list_rows` (rows of the list: an assignment is one, though
        it has a row for each task), `open_rows` (those that can still change), `bytes` (all Int64), `sha256` (string).

    Raises:
        CopyError: There is no manifest or it is damaged, a part is missing, damaged or not of this copy, or the copy is not
            complete.
    """
    place = Path(path).expanduser()
    manifest = read_manifest(place)
    if manifest is None:
        raise CopyError(f"{place} holds no copy: there is no {MANIFEST}.", path=place)
    for part in manifest.parts:
        with told(place):
            rows = pq.read_metadata(pa.BufferReader(_sound_bytes(place, part))).num_rows
        if rows != part.rows:
            raise CopyError(f"{part.file} has {rows:,} rows, and the manifest says {part.rows:,}.", path=place)
    if not manifest.complete:
        raise CopyError(f"{place} is not complete.", path=place, hint="Run the call that began it again: it goes on.")
    return to_frame(pa.Table.from_pylist([asdict(part) for part in manifest.parts], PART_COLUMNS))


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


def read_manifest(place: Path) -> Manifest | None:
    """The manifest of a folder; None where there is none and nothing else that a reader would take for a part.

    Raises:
        CopyError: It is damaged or of a newer version, a part that it names is missing, or there are other Parquet files.
    """
    try:
        manifest = _parsed((place / MANIFEST).read_bytes(), place)
    except FileNotFoundError:
        manifest = None
    except OSError as error:
        raise _failed(place, error) from error
    named = {part.file: part for part in manifest.parts} if manifest else {}
    if foreign := sorted(file.name for file in place.glob("*.parquet") if file.name not in named):
        raise CopyError(f"{place} holds {', '.join(foreign)}, which no manifest names.", path=place)
    if missing := sorted(name for name, part in named.items() if not located(place, part).exists()):
        raise CopyError(f"{', '.join(missing)} is missing in {place}.", path=place, hint=ANEW)
    return manifest


def located(place: Path, part: Part) -> Path:
    """Where a part is: one that is staged has not moved to its place yet."""
    staged = place / part.staged
    return staged if staged.exists() else place / part.file


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
            return pq.read_table(pa.BufferReader(_sound_bytes(self.path, self.manifest.parts[number])))

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
        _write(self.path / MANIFEST, _spelt(manifest))
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


@contextlib.contextmanager
def told(place: Path) -> Iterator[None]:
    """Have what the disk or Parquet refuses told as an error of the copy."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise _failed(place, error) from error


def _failed(place: Path, error: Exception) -> CopyError:
    hint = "What is whole stays; the same call goes on when this is mended."
    return CopyError(f"The copy in {place} cannot go on ({type(error).__name__}: {error}).", path=place, hint=hint)


def _sound_bytes(place: Path, part: Part) -> bytes:
    content = located(place, part).read_bytes()
    if hashlib.sha256(content).hexdigest() != part.sha256:
        raise CopyError(f"{part.file} in {place} is not as it was written: its checksum is another.", path=place, hint=ANEW)
    return content


def _spelt(manifest: Manifest) -> bytes:
    said = asdict(manifest)
    return json.dumps({"format": FORMAT, "checksum": _checksum(said), **said}, indent=1).encode()


def _checksum(said: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _parsed(content: bytes, place: Path) -> Manifest:
    damaged = CopyError(f"The manifest of {place} is damaged.", path=place, hint=ANEW)
    try:
        said = json.loads(content)
        version, checksum = said.pop("format"), said.pop("checksum")
        if version > FORMAT:
            raise CopyError(f"{place} was written by a newer version of toloka_frames.", path=place, hint="Update it.")
        if checksum != _checksum(said):
            raise damaged
        return Manifest(**{**said, "parts": tuple(Part(**part) for part in said["parts"])})
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise damaged from error


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
