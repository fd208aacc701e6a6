"""Read what earlier calls, or other processes, have recorded of the chunks of an upload."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from toloka_frames._uploading.ledger import OF_CHUNK, OUTCOME_COLUMNS, flags_text
from toloka_frames._uploading.requests import Chunk, positions_of
from toloka_frames._uploading.results import unpacked_ids

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from toloka_frames._uploading.ledger import Ledger

OF_NUMBER = "where upload = :upload and (:number is null or number = :number)"


def open_chunks(
    ledger: Ledger, upload: int, flags: Mapping[str, str] | None, planned: Iterable[Chunk] = (), number: int | None = None
) -> list[Chunk]:
    """Return the chunks to send or to look up, among them those that failed under other flags.

    Args:
        ledger: The ledger.
        upload: The upload.
        flags: The flags of the call's requests; None for all that failed.
        planned: Chunks in memory, which are not read again.
        number: The number of the chunks; None for all.
    """
    known = {chunk.operation_id: chunk for chunk in planned}
    with ledger.reading():
        rows = ledger.rows(
            "select operation_id, pool_id, iif(state in ('begun', 'failed'), sent_as, null) as pending, version from chunks"
            f" {OF_NUMBER}"
            " and (state in ('waiting', 'begun', 'refused') or (state = 'failed' and flags <> :flags))"
            " order by state = 'refused', number, rowid",
            upload=upload,
            number=number,
            flags=flags_text(flags),
        )
        ledger.versions |= {(upload, operation_id): version for operation_id, _, _, version in rows}
        return [
            _updated(known.get(operation_id) or read_chunk(ledger, upload, operation_id), pool_id, pending)
            for operation_id, pool_id, pending, _ in rows
        ]


def outcomes(ledger: Ledger, upload: int, number: int | None = None) -> list[tuple[Sequence[int], dict[str, Any]]]:
    """Return what is known of rows that were sent: positions, and columns of the results for them.

    Args:
        ledger: The ledger.
        upload: The upload.
        number: The number of the chunks; None for all.
    """
    chunks = ledger.read(
        "select spans, iif(state = 'begun', 'UNKNOWN', 'CREATED') as status, object_ids, sent_as,"
        " nullif(pool_id, '') as batch_id, number"
        f" from chunks {OF_NUMBER} and (state = 'begun' or object_ids is not null)",
        upload=upload,
        number=number,
    )
    with ledger.decoding("the ids of created objects"):
        known: list[tuple[Sequence[int], dict[str, Any]]] = [
            (
                positions_of(spans),
                {
                    "status": status,
                    "object_id": None if ids is None else unpacked_ids(ids),
                    "operation_id": sent_as,
                    "batch_id": batch_id,
                    "chunk": chunk_number,
                },
            )
            for spans, status, ids, sent_as, batch_id, chunk_number in chunks
        ]
    uncreated = ledger.read(
        f"select {', '.join(OUTCOME_COLUMNS)} from outcomes where upload = :upload and (:number is null or operation_id in"
        " (select operation_id from chunks where upload = :upload and number = :number))",
        upload=upload,
        number=number,
    )
    positions, *columns = map(list, zip(*uncreated, strict=True)) if uncreated else [[] for _ in OUTCOME_COLUMNS]
    return [*known, (positions, dict(zip(OUTCOME_COLUMNS[1:], columns, strict=True)))]


def read_again(
    ledger: Ledger, upload: int, chunk: Chunk, flags: Mapping[str, str]
) -> tuple[list[Chunk], list[tuple[Sequence[int], dict[str, Any]]]]:
    """Return what another process has made of a chunk: the chunks of its rows that are not settled, and their outcomes."""
    rows = set(chunk.positions)
    chunks = open_chunks(ledger, upload, flags, [chunk], chunk.number)
    known = [_within(rows, *outcome) for outcome in outcomes(ledger, upload, chunk.number)]
    return [part for part in chunks if rows.issuperset(part.positions)], known


def failed_operations(ledger: Ledger, upload: int, flags: Mapping[str, str] | None) -> list[str]:
    """Return the ids of the operations that ended with FAIL under these flags."""
    rows = ledger.read(
        "select sent_as from chunks where upload = :upload and state = 'failed' and flags = :flags",
        upload=upload,
        flags=flags_text(flags),
    )
    return [operation_id for (operation_id,) in rows]


def read_chunk(ledger: Ledger, upload: int, operation_id: str) -> Chunk:
    """Return a chunk that is not settled, as it was planned; within `ledger.reading`."""
    rows = ledger.rows(
        "select number, pool_id, spans, text, key, hashes, counts"
        " from chunks join uploads on upload = id join objects using (upload, operation_id)"
        " join contents using (upload, operation_id)"
        f" {OF_CHUNK}",
        upload=upload,
        operation_id=operation_id,
    )
    with ledger.decoding("a chunk that is not settled"):
        [(number, pool_id, spans, text, key, hashes, counts)] = rows
        chunk = Chunk(number, pool_id, positions_of(spans), text, key, contents=hashes, content_counts=counts or b"")
        if chunk.operation_id != operation_id:
            raise ValueError("its objects are not those that were planned")
        return chunk


def _within(rows: set[int], positions: Sequence[int], columns: Mapping[str, Any]) -> tuple[Sequence[int], dict[str, Any]]:
    """Return the outcomes of these rows only."""
    wanted = [index for index, position in enumerate(positions) if position in rows]
    some = {
        name: [values[index] for index in wanted] if isinstance(values, list) else values for name, values in columns.items()
    }
    return [positions[index] for index in wanted], some


def _updated(chunk: Chunk, pool_id: str, pending_operation_id: str | None) -> Chunk:
    """Return a planned chunk with the batch and the operation that are known since."""
    if (chunk.pool_id, chunk.pending_operation_id) == (pool_id, pending_operation_id):
        return chunk  # the same object, because it has cached its operation id, a hash of all its objects
    return replace(chunk, pool_id=pool_id, pending_operation_id=pending_operation_id)
