"""What the ledger records of chunks of app items, whose requests have no idempotency key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toloka_frames._schema.bulk import CREATE_APP_BATCH
from toloka_frames._uploading.ledger import OF_CHUNK, chunk_key
from toloka_frames._uploading.ledger_reading import read_chunk
from toloka_frames._uploading.results import unpacked_ids

if TYPE_CHECKING:
    from datetime import datetime

    from toloka_frames._uploading.ledger import Ledger
    from toloka_frames._uploading.requests import Chunk


def begun_at(ledger: Ledger, upload: int, chunk: Chunk) -> datetime:
    """Return when a chunk was begun, by the service's clock; `ChunkTakenError` as in `begin_chunk`."""
    sql = f"select begun from chunks {OF_CHUNK} and version = :version"
    return ledger.timestamp(ledger.read(sql, **ledger.key_and_version(upload, chunk)), chunk)


def first_missing_at(ledger: Ledger, upload: int, chunk: Chunk, at: datetime) -> datetime:
    """Return when a chunk without a response was first looked for and not found; record `at` if it is now.

    Raises:
        ChunkTakenError: As in `begin_chunk`.
    """
    sql = f"update chunks set ended = coalesce(ended, :at) {OF_CHUNK} and version = :version returning ended"
    return ledger.timestamp(ledger.write(sql, at=at.isoformat(), **ledger.key_and_version(upload, chunk)), chunk)


def hold_chunk(ledger: Ledger, upload: int, chunk: Chunk) -> None:
    """Record that a chunk is still being sent, and so is not missing; `ChunkTakenError` as in `begin_chunk`."""
    sql = f"update chunks set ended = null {OF_CHUNK} and version = :version returning begun"
    ledger.timestamp(ledger.write(sql, **ledger.key_and_version(upload, chunk)), chunk)


def batch_of(ledger: Ledger, upload: int) -> str:
    """Return the batch of an upload's chunks, "" if there is none yet."""
    [(batch_id,)] = ledger.read("select max(pool_id) from chunks where upload = :upload", upload=upload)
    return str(batch_id)


def set_batch(ledger: Ledger, upload: int, batch_id: str) -> None:
    """Record the batch that was created for all chunks of an upload."""
    ledger.write("update chunks set pool_id = :batch_id where upload = :upload", batch_id=batch_id, upload=upload)


def created_app_ids(ledger: Ledger, upload: int) -> set[str]:
    """Return the ids of all app items and batches that uploads to this upload's app project have created."""
    rows = ledger.read(
        "select object_ids, iif(path = :batches, pool_id, null) from contents join chunks using (upload, operation_id)"
        " join uploads on id = upload where contents.place = (select place from contents where upload = :upload)",
        upload=upload,
        batches=CREATE_APP_BATCH.path,
    )
    with ledger.decoding("the ids of created app items"):
        created = {id_ for ids, _ in rows if ids is not None for id_ in unpacked_ids(ids) if id_ is not None}
    return created | {batch_id for _, batch_id in rows if batch_id is not None}


def other_pending_chunks(ledger: Ledger, upload: int, chunk: Chunk) -> list[Chunk]:
    """Return all other chunks for the same app project that have no response, those of other uploads too."""
    with ledger.reading():
        rows = ledger.rows(
            "select upload, operation_id from contents join chunks using (upload, operation_id)"
            " where contents.place = (select place from contents where upload = :upload) and state = 'begun'"
            " and not (upload = :upload and operation_id = :operation_id)",
            **chunk_key(upload, chunk),
        )
        return [read_chunk(ledger, other, operation_id) for other, operation_id in rows]
