"""Uploads and rows as the ledger has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from array import array
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from toloka_frames._schema.bulk import BulkCreation
    from toloka_frames._uploading.requests import Hashes

# waiting: not sent; begun: sent, end not known; refused: rejected by the service; done, failed: how the operation ended
ChunkState: TypeAlias = Literal["waiting", "begun", "refused", "done", "failed"]
Flags: TypeAlias = "Mapping[str, bool | str | None]"


class ChunkTakenError(Exception):
    """Another process has changed a chunk since this call read it, so the change of this call was not made."""


class CreatedRows(NamedTuple):
    """Rows of one chunk that were created, or whose outcome is not known.

    Attributes:
        upload_id: The name of their upload.
        begun: When the upload was begun.
        place: What they are compared within.
        hashes: A uint64 hash of each row.
    """

    upload_id: str
    begun: datetime
    place: str
    hashes: Hashes


@dataclass(frozen=True)
class LedgerEntry:
    """An upload in the ledger.

    Attributes:
        id: Its number in the ledger.
        account: The account; "" if an earlier version of the ledger did not record it.
        url: The service's URL, as `ApiClient.normal_url`; None likewise.
        upload_id: Its name.
        kind: The bulk creation.
        object_count: The number of its objects.
        content_hash: A hash of all objects.
        digests: A CRC-32 for each object if the user named the upload, otherwise empty.
        flags: The flags of the last call.
        ended: When all rows were settled, or None.
        destination: The app project, and the batch's id or name; empty for objects that name their pool.
        object_of_row: The position of each input row's object.
    """

    id: int
    account: str
    url: str | None
    upload_id: str
    kind: BulkCreation
    object_count: int
    content_hash: str
    digests: array[int]
    flags: Flags
    ended: datetime | None
    destination: Mapping[str, str]
    object_of_row: Sequence[int]
