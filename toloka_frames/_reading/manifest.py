"""The manifest of a copy: a JSON file that lists the part files, what was copied and how far the copy has come."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from toloka_frames._errors import CopyError
from toloka_frames._transport.faults import SPACES, kind_of, syntax_fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

# pyarrow and Spark ignore names that begin with _ or a dot when they read a folder
MANIFEST = "_manifest.json"
LOCK = "_lock"
FORMAT = 1
# a part before the manifest lists it
STAGED = re.compile(r"\.part-\d+\.parquet\..+")
PARQUET_SUFFIXES = {".parquet", ".parq", ".pq"}
PARQUET_MAGIC = {b"PAR1", b"PARE"}  # PARE: encrypted
RESTORE_HINT = "Restore it, or start a new copy in another folder."
UNLISTED_HINT = (
    "Move files that do not belong to the copy elsewhere. If the manifest is lost, start a new copy in another folder."
)


@dataclass(frozen=True)
class PartFile:
    """A Parquet file of a copy.

    Attributes:
        file: Its name.
        rows: Rows in the file.
        list_rows: Rows of the list that they come from: an assignment is one, but has a row in the file for each task.
        open_rows: Rows of the list that can still change.
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
    def staged_name(self) -> str:
        """The name under which it is written, until the manifest lists it."""
        # with the checksum: a file left by a killed call must not pass for a later part with the same number
        return f".{self.file}.{self.sha256[:16]}"

    def path_in(self, folder: Path) -> Path:
        """The path of the file, which may not have been moved from its staged name yet."""
        staged = folder / self.staged_name
        return staged if staged.exists() else folder / self.file


@dataclass(frozen=True)
class Manifest:
    """What a copy contains and how far it has come. The fields are written to disk under these names.

    Attributes:
        made_by: "to_parquet" or "sync".
        list: The name of the list.
        path: Its path in the API.
        query: Its filters.
        account: The requester's id.
        started: When the copy was started (UTC).
        columns: Column names and types; empty until they are known.
        since: Rows created after this timestamp are being fetched; None without a lower bound.
        until: Rows created up to this timestamp are being fetched; None without an upper bound.
        cursor: The id after which to resume; None to begin with the first row.
        complete: Whether the copy has all rows between `since` and `until`.
        ended: When it had all of them (UTC).
        parts: The part files.
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
    parts: tuple[PartFile, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of the list in the copy."""
        return sum(part.list_rows for part in self.parts)

    def to_json(self) -> bytes:
        """Return the content of the manifest file."""
        fields = asdict(self)
        return json.dumps({"format": FORMAT, "checksum": _checksum(fields), **fields}, indent=1).encode()


def is_copy(folder: Path) -> bool:
    """Whether a folder holds a copy (`to_parquet` with resume=True, or `tf.sync`)."""
    return (folder / MANIFEST).exists()


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest of a folder, or None if it has neither a manifest nor Parquet files.

    Raises:
        CopyError: If the manifest is damaged or of a newer version, a part that it lists is missing, or the folder, or a folder
            in it, holds Parquet files that it does not list.
    """
    with as_copy_error(folder):
        try:
            manifest = _from_json((folder / MANIFEST).read_bytes(), folder)
        except FileNotFoundError:
            manifest = None
        parts = {part.file: part for part in manifest.parts} if manifest else {}
        unlisted = sorted(_parquet_files(folder) - parts.keys())
    if unlisted:
        raise CopyError(f"{folder} holds files that no manifest lists: {', '.join(unlisted)}.", path=folder, hint=UNLISTED_HINT)
    if missing := sorted(name for name, part in parts.items() if not part.path_in(folder).exists()):
        raise CopyError(f"{', '.join(missing)} is missing from {folder}.", path=folder, hint=RESTORE_HINT)
    return manifest


def _parquet_files(folder: Path) -> set[str]:
    """Return the paths of all files in a folder that a reader would take for a part of the copy.

    pandas and pyarrow read files of any name, and in any folder below, except for names that begin with _ or a dot. DuckDB,
    Polars and Dask read those too, if they end in .parquet or .parq.
    """
    files = [path for path in _files_in(folder) if not STAGED.fullmatch(path.name)]
    return {
        path.relative_to(folder).as_posix()
        for path in files
        if path.suffix.lower() in PARQUET_SUFFIXES or _begins_like_parquet(path)
    }


def _files_in(folder: Path, *, follow_links: bool = True) -> Iterator[Path]:
    """Yield the files at any depth; of linked folders, those that have no linked folder between, so that loops end."""
    for path in folder.iterdir():
        if path.is_dir():
            is_link = path.is_symlink()
            if follow_links or not is_link:
                yield from _files_in(path, follow_links=follow_links and not is_link)
        elif path.is_file():  # not a FIFO, which would block its reader
            yield path


def _begins_like_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in PARQUET_MAGIC


def verified_bytes(folder: Path, part: PartFile) -> bytes:
    """Return the content of a part.

    Raises:
        CopyError: If its checksum is not the one in the manifest.
    """
    content = part.path_in(folder).read_bytes()
    if hashlib.sha256(content).hexdigest() != part.sha256:
        message = f"{part.file} in {folder} is damaged: its checksum is not the one in the manifest."
        raise CopyError(message, path=folder, hint=RESTORE_HINT)
    return content


@contextlib.contextmanager
def as_copy_error(folder: Path) -> Iterator[None]:
    """Raise errors of the file system and of Parquet as a CopyError."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise _unusable(folder, error) from error


def _unusable(folder: Path, error: Exception) -> CopyError:
    hint = "Complete parts are kept. Fix the cause and run the same call again: it resumes."
    message = f"The copy in {folder} cannot be read or written ({type(error).__name__}: {error})."
    return CopyError(message, path=folder, hint=hint)


def _from_json(content: bytes, folder: Path) -> Manifest:
    try:
        fields = json.loads(content)
        version, checksum = fields.pop("format"), fields.pop("checksum")
        # before the checksum, which a newer version may compute differently
        if version > FORMAT:
            message = f"{folder} was written by a newer version of toloka_frames."
            raise CopyError(message, path=folder, hint="Upgrade toloka_frames.")
        if checksum != _checksum(fields):
            raise _damaged(folder, "its checksum is not that of its content")
        return Manifest(**{**fields, "parts": tuple(PartFile(**part) for part in fields["parts"])})
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(folder, _fault(content, error)) from error


def _damaged(folder: Path, fault: str) -> CopyError:
    return CopyError(f"The manifest of {folder} is damaged: {fault} ({MANIFEST}).", path=folder, hint=RESTORE_HINT)


def _fault(content: bytes, error: Exception) -> str:
    """Return why the content is not a manifest."""
    if not content.strip(b"\0" + SPACES):
        return "it is empty"
    fault = syntax_fault(content, error)
    if fault is not None:
        return f"{fault.reason}{fault.place}" if fault.reason else "it is not JSON"
    fields = json.loads(content)
    if not isinstance(fields, dict):
        return f"it is {kind_of(fields)}, not an object"
    missing = [name for name in ("format", "checksum") if name not in fields]
    return f'it has no "{missing[0]}"' if missing else f"its fields are not those of a manifest ({error})"


def _checksum(fields: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
