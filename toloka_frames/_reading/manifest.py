"""The bytes of a manifest come in, what a copy is of and how far it is goes out; and back, and compared with its parts."""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from toloka_frames._errors import CopyError
from toloka_frames._reading.sinks import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FORMAT = 1
ANEW = "Bring it back, or begin anew in another folder."
FOREIGN = "Move what is not of the copy elsewhere; where the manifest is lost, begin anew in another folder."


@dataclass(frozen=True)
class PartFile:
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
        # with its checksum, so that what a killed call left is not taken for the part of this number that came later
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
    parts: tuple[PartFile, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of the list that are there."""
        return sum(part.list_rows for part in self.parts)


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
        raise CopyError(f"{place} holds {', '.join(foreign)}, which no manifest names.", path=place, hint=FOREIGN)
    if missing := sorted(name for name, part in named.items() if not located(place, part).exists()):
        raise CopyError(f"{', '.join(missing)} is missing in {place}.", path=place, hint=ANEW)
    return manifest


def located(place: Path, part: PartFile) -> Path:
    """Where a part is: one that is staged has not moved to its place yet."""
    staged = place / part.staged
    return staged if staged.exists() else place / part.file


@contextlib.contextmanager
def as_copy_error(place: Path) -> Iterator[None]:
    """Have what the disk or Parquet refuses told as an error of the copy."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise _failed(place, error) from error


def _failed(place: Path, error: Exception) -> CopyError:
    hint = "What is whole stays; the same call goes on when this is mended."
    return CopyError(f"The copy in {place} cannot go on ({type(error).__name__}: {error}).", path=place, hint=hint)


def verified_bytes(place: Path, part: PartFile) -> bytes:
    content = located(place, part).read_bytes()
    if hashlib.sha256(content).hexdigest() != part.sha256:
        raise CopyError(f"{part.file} in {place} is not as it was written: its checksum is another.", path=place, hint=ANEW)
    return content


def spelt(manifest: Manifest) -> bytes:
    said = asdict(manifest)
    return json.dumps({"format": FORMAT, "checksum": _checksum(said), **said}, indent=1).encode()


def _checksum(said: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _parsed(content: bytes, place: Path) -> Manifest:
    damaged = CopyError(f"The manifest of {place} is damaged.", path=place, hint=ANEW)
    try:
        said = json.loads(content)
        version, checksum = said.pop("format"), said.pop("checksum")
        # before the checksum, which a newer version may make of more
        if version > FORMAT:
            raise CopyError(f"{place} was written by a newer version of toloka_frames.", path=place, hint="Update it.")
        if checksum != _checksum(said):
            raise damaged
        return Manifest(**{**said, "parts": tuple(PartFile(**part) for part in said["parts"])})
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise damaged from error
