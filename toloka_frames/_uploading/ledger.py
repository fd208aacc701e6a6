"""What is about to be sent and what became of it comes in; it is on disk before it is sent, and what is left to do goes out.

One SQLite file holds all uploads: a row for each upload, a row for each chunk with the ids of what was made of its rows, a row
for each input row that has none. What is not yet settled keeps the JSON of its objects, so that an upload can go on without the
frame. No token is ever in it.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from toloka_frames._schema.bulk import BULK_CREATIONS, CREATE_APP_BATCH
from toloka_frames._uploading.json_text import dumps
from toloka_frames._uploading.ledger_db import LedgerFile, UploadLock
from toloka_frames._uploading.requests import Chunk

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

    from toloka_frames._schema.bulk import BulkCreation
    from toloka_frames._uploading.requests import UploadPlan
    from toloka_frames._uploading.results import Other


class Ledger(LedgerFile):
    """What is asked of a ledger and written to it."""

    def lock(self, account: str, upload_id: str) -> UploadLock:
        """The lock of one upload, so that two processes do not send it at once."""
        name = hashlib.sha256(f"{account}\n{upload_id}".encode()).hexdigest()[:16]
        return UploadLock(self.path.with_name(f"{self.path.name}-{name}.lock"), self.path)

    def find(self, account: str, upload_id: str) -> LedgerEntry | None:
        """The upload of this name, if there is one."""
        found = self._read(
            "select id, upload_id, path, rows, content, digests, flags, ended, place, object_of_row from uploads"
            " where account = ? and upload_id = ?",
            (account, upload_id),
        )
        if not found:
            return None
        number, name, path, rows, content, digests, flags, ended, place, objects = found[0]
        ended_at = datetime.fromisoformat(ended) if ended else None
        return LedgerEntry(
            id=number,
            upload_id=name,
            kind=BULK_CREATIONS[path],
            rows=rows,
            content=content,
            digests=array("I", digests),
            flags=json.loads(flags),
            ended=ended_at,
            place=json.loads(place),
            object_of_row=range(rows) if objects is None else array("I", objects),
        )

    def add(self, plan: UploadPlan, flags: Flags) -> None:
        """Write down an upload and all its chunks."""
        with self._change() as sqlite:
            upload = sqlite.execute(
                "insert into uploads"
                " (account, upload_id, path, key, rows, content, digests, flags, begun, place, object_of_row)"
                " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    plan.account,
                    plan.upload_id,
                    plan.kind.path,
                    plan.key,
                    plan.objects,
                    plan.content,
                    plan.digests.tobytes(),
                    json.dumps(dict(flags)),
                    _now(),
                    json.dumps(dict(plan.place)),
                    # where each row is an object, there is nothing to remember
                    None if isinstance(plan.object_of_row, range) else array("I", plan.object_of_row).tobytes(),
                ),
            ).lastrowid
            _insert(sqlite, upload, plan.chunks)

    def ask(self, upload: int, flags: Flags) -> None:
        """Write down what this call asks for; chunks that failed when asked for in another way are to be tried again."""
        with self._change() as sqlite:
            sqlite.execute("update uploads set flags = ? where id = ?", (json.dumps(dict(flags)), upload))

    def chunks(self, upload: int, flags: Mapping[str, str], planned: Iterable[Chunk] = ()) -> list[Chunk]:
        """The chunks that are left to be sent or looked at; those that failed with other flags are among them.

        The objects of those that are `planned` are not read again.
        """
        known = {chunk.operation_id: chunk for chunk in planned}
        sql = (
            "select operation_id, pool_id, iif(state in ('begun', 'failed'), sent_as, null) from chunks"
            " where upload = ? and (state in ('waiting', 'begun', 'refused') or (state = 'failed' and flags <> ?))"
            " order by state = 'refused', number, rowid"
        )
        return [
            _as_it_is(known.get(operation_id) or self._chunk(upload, operation_id), *facts)
            for operation_id, *facts in self._read(sql, (upload, _said(flags)))
        ]

    def outcomes(self, upload: int) -> list[tuple[Sequence[int], dict[str, Any]]]:
        """What is known of rows that were sent: positions, and columns of the result for all of them; later ones count more."""
        sql = (
            "select spans, iif(state = 'begun', 'UNKNOWN', 'CREATED'), object_ids, sent_as, nullif(pool_id, ''), number"
            " from chunks where upload = ? and (state = 'begun' or object_ids is not null)"
        )
        known: list[tuple[Sequence[int], dict[str, Any]]] = [
            (
                rows_of(spans),
                {
                    "status": status,
                    "object_id": ids and json.loads(ids),
                    "operation_id": sent_as,
                    "batch_id": batch_id,
                    "chunk": number,
                },
            )
            for spans, status, ids, sent_as, batch_id, number in self._read(sql, (upload,))
        ]
        columns = "row", "status", "error_field", "error_code", "error_message"
        others = self._read(f"select {', '.join(columns)} from outcomes where upload = ?", (upload,))  # noqa: S608 -- names of ours
        rows, *facts = map(list, zip(*others, strict=True)) if others else [[] for _ in columns]
        return [*known, (rows, dict(zip(columns[1:], facts, strict=True)))]

    def failures(self, upload: int, flags: Mapping[str, str]) -> list[str]:
        """The operations of these flags that ended with FAIL."""
        sql = "select sent_as from chunks where upload = ? and state = 'failed' and flags = ?"
        return [each for (each,) in self._read(sql, (upload, _said(flags)))]

    def begin(self, upload: int, chunk: Chunk, operation_id: str, flags: Mapping[str, str], at: datetime) -> None:
        """Write down that a chunk is about to be sent as this operation, at an instant by the service's clock."""
        with self._change() as sqlite:
            sqlite.execute("delete from outcomes where upload = ? and operation_id = ?", (upload, chunk.operation_id))
            sqlite.execute(
                "update chunks set state = 'begun', sent_as = ?, flags = ?, begun = ?, ended = null, object_ids = null"
                " where upload = ? and operation_id = ?",
                (operation_id, _said(flags), at.isoformat(), upload, chunk.operation_id),
            )

    def begun_at(self, upload: int, chunk: Chunk) -> datetime:
        """When a chunk was begun, by the service's clock."""
        sql = "select begun from chunks where upload = ? and operation_id = ?"
        [(begun,)] = self._read(sql, (upload, chunk.operation_id))
        return datetime.fromisoformat(begun)

    def doubt(self, upload: int, chunk: Chunk, at: datetime) -> datetime:
        """Since when a chunk that has no answer is looked for: since now, if it was not before."""
        key = (upload, chunk.operation_id)
        with self._change() as sqlite:
            doubted = "update chunks set ended = coalesce(ended, ?) where upload = ? and operation_id = ? returning ended"
            [(since,)] = sqlite.execute(doubted, (at.isoformat(), *key)).fetchall()
        return datetime.fromisoformat(since)

    def put_in_batch(self, upload: int, batch_id: str) -> None:
        """Write down the batch that was made for all chunks of an upload."""
        with self._change() as sqlite:
            sqlite.execute("update chunks set pool_id = ? where upload = ?", (batch_id, upload))

    def app_objects(self, upload: int) -> set[str]:
        """The ids of all app items that uploads of this upload's account have made, and of the batches."""
        sql = (
            "with apps as (select id, path from uploads where place <> '{}'"
            " and account = (select account from uploads where id = ?1))"
            " select value from chunks join apps on upload = apps.id join json_each(object_ids) where value is not null"
            " union select pool_id from chunks join apps on upload = id where path = ?2"
        )
        return {each for (each,) in self._read(sql, (upload, CREATE_APP_BATCH.path))}

    def in_doubt(self, upload: int, chunk: Chunk) -> list[Chunk]:
        """All other requests for the same app project that were begun and have no answer, those of other uploads too."""
        sql = (
            "with place as (select account, json_extract(place, '$.app_project_id') as project from uploads where id = ?)"
            " select upload, operation_id from chunks join uploads on upload = id join place"
            " on place.account = uploads.account and project = json_extract(uploads.place, '$.app_project_id')"
            " where state = 'begun' and operation_id <> ?"
        )
        return [self._chunk(*each) for each in self._read(sql, (upload, chunk.operation_id))]

    def withdraw(self, upload: int, chunk: Chunk) -> None:
        """Write down that a chunk that was begun did not reach the service."""
        with self._change() as sqlite:
            sqlite.execute(
                "update chunks set state = 'waiting', sent_as = null, begun = null, ended = null"
                " where upload = ? and operation_id = ?",
                (upload, chunk.operation_id),
            )

    def split(self, upload: int, chunk: Chunk, halves: Sequence[Chunk]) -> None:
        """Write down that other chunks take the place of one that was too large."""
        with self._change() as sqlite:
            for table in ("chunks", "objects"):
                sqlite.execute(f"delete from {table} where upload = ? and operation_id = ?", (upload, chunk.operation_id))  # noqa: S608 -- names of ours
            _insert(sqlite, upload, halves)

    def end(
        self, upload: int, chunk: Chunk, state: ChunkState, object_ids: Sequence[str | None], others: Iterable[Other] = ()
    ) -> None:
        """Write down what became of a chunk and its rows; of one that is done the tasks are no longer needed.

        Args:
            upload: The upload.
            chunk: The chunk.
            state: How it ended.
            object_ids: What was made of each of its rows.
            others: What became of those of which nothing was made.
        """
        key = (upload, chunk.operation_id)
        created = len(object_ids) - object_ids.count(None)
        with self._change() as sqlite:
            sqlite.executemany(
                "insert or replace into outcomes values (?, ?, ?, ?, ?, ?, ?)", ((*key, *other) for other in others)
            )
            sqlite.execute(
                "update chunks set state = ?, ended = ?, created = ?, object_ids = ? where upload = ? and operation_id = ?",
                (state, _now(), created, dumps(object_ids).decode(), *key),
            )
            if state == "done":
                sqlite.execute("delete from objects where upload = ? and operation_id = ?", key)
            sqlite.execute(
                "update uploads set ended = ? where id = ?"
                " and not exists (select 1 from chunks where upload = uploads.id and state <> 'done')",
                (_now(), upload),
            )

    def pools_to_open(self, upload: int) -> list[str]:
        """The pools of this upload that it has not opened yet."""
        sql = "select pool_id from chunks where upload = ?1 and created > 0 except select pool_id from opened where upload = ?1"
        return [pool for (pool,) in self._read(sql, (upload,))]

    def pool_was_opened(self, upload: int, pool_id: str) -> None:
        """Write down that this upload has opened a pool."""
        with self._change() as sqlite:
            sqlite.execute("insert or ignore into opened values (?, ?)", (upload, pool_id))

    def uploads(self) -> list[dict[str, Any]]:
        """All uploads with their counts of rows, the oldest first."""
        uploads = self._read_dicts(
            """
            with ends as (
                select upload, sum(status = 'INVALID') as invalid, sum(status = 'FAILED') as failed
                from outcomes group by upload
            )
            select upload_id, account, path as kind,
                case when uploads.ended is not null then 'DONE' when sum(state in ('refused', 'failed')) then 'FAILED'
                    else 'UNFINISHED' end as state,
                group_concat(distinct pool_id) as pool_ids, uploads.rows, sum(created) as created,
                coalesce(invalid, 0) as invalid, coalesce(failed, 0) as failed,
                sum(iif(state = 'begun', chunks.rows, 0)) as unknown, sum(iif(state = 'waiting', chunks.rows, 0)) as not_sent,
                uploads.begun, uploads.ended
            from uploads join chunks on chunks.upload = id left join ends on ends.upload = id group by id order by id
            """,
            (),
        )
        return [{**each, "kind": BULK_CREATIONS[each["kind"]].name} for each in uploads]

    def _chunk(self, upload: int, operation_id: str) -> Chunk:
        """A chunk that is not settled, as it was planned."""
        sql = (
            "select number, pool_id, spans, text, key"
            " from chunks join uploads on upload = id join objects using (upload, operation_id)"
            " where upload = ? and operation_id = ?"
        )
        [(number, pool_id, spans, text, key)] = self._read(sql, (upload, operation_id))
        return Chunk(number, pool_id, rows_of(spans), text, key)


def _insert(sqlite: sqlite3.Connection, upload: int | None, chunks: Iterable[Chunk]) -> None:
    for chunk in chunks:
        sqlite.execute(
            "insert into chunks (upload, operation_id, number, pool_id, spans, rows, state)"
            " values (?, ?, ?, ?, ?, ?, 'waiting')",
            (upload, chunk.operation_id, chunk.number, chunk.pool_id, spans_of(chunk.rows), len(chunk.rows)),
        )
        # in a table of their own: a change of a chunk's state would write its objects again
        sqlite.execute("insert into objects values (?, ?, ?)", (upload, chunk.operation_id, chunk.text))


def _as_it_is(chunk: Chunk, pool_id: str, sent_as: str | None) -> Chunk:
    """A chunk with what has become known of it since it was planned: its batch, and as what it was sent."""
    if (chunk.pool_id, chunk.sent_as) == (pool_id, sent_as):
        return chunk  # it knows its operation id, for which all of it is hashed
    return replace(chunk, pool_id=pool_id, sent_as=sent_as)


def _said(flags: Mapping[str, str]) -> str:
    return json.dumps(flags, sort_keys=True)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


# waiting: not sent; begun: sent, its end not known; refused: not taken; done, failed: how its operation ended
ChunkState: TypeAlias = Literal["waiting", "begun", "refused", "done", "failed"]
Flags: TypeAlias = "Mapping[str, bool | str | None]"


@dataclass(frozen=True)
class LedgerEntry:
    """An upload as the ledger has it.

    Attributes:
        id: Its number in the ledger.
        upload_id: Its name.
        kind: What it makes.
        rows: How many objects it has.
        content: A hash of all of them.
        digests: Four bytes for each, where the user named the upload.
        flags: What the last call asked for.
        ended: When all its rows were settled, or None.
        place: Where it goes, as far as its objects do not say it.
        object_of_row: The position of each input row's object.
    """

    id: int
    upload_id: str
    kind: BulkCreation
    rows: int
    content: str
    digests: array[int]
    flags: Flags
    ended: datetime | None
    place: Mapping[str, str]
    object_of_row: Sequence[int]


def spans_of(rows: Sequence[int]) -> str:
    """Positions as runs, first and behind the last: [[0, 10000]]."""
    if isinstance(rows, range):
        return json.dumps([[rows.start, rows.stop]])
    runs = ([row for _, row in run] for _, run in groupby(enumerate(rows), lambda each: each[1] - each[0]))
    return json.dumps([[run[0], run[-1] + 1] for run in runs])


def rows_of(spans: str) -> Sequence[int]:
    """The positions in such runs."""
    runs = [range(*run) for run in json.loads(spans)]
    return runs[0] if len(runs) == 1 else [row for run in runs for row in run]
