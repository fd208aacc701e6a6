"""The ledger: one SQLite file that records every request of an upload before it is sent, and what became of its rows.

It has a row for each upload, a row for each chunk with the ids of the objects created from it, and a row for each input row
from which nothing was created. Chunks that are not settled keep the JSON of their objects, so that an upload can be resumed
without its frame. The ledger never holds a token.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import threading
from array import array
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

from toloka_frames._errors import InputError, LedgerError
from toloka_frames._runtime.concurrency import FileLock
from toloka_frames._schema.bulk import BULK_CREATIONS, CREATE_APP_BATCH
from toloka_frames._uploading.requests import Chunk, dumps, positions_of, spans_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from toloka_frames._schema.bulk import BulkCreation
    from toloka_frames._uploading.requests import UploadPlan
    from toloka_frames._uploading.results import UncreatedObject

# waiting: not sent; begun: sent, end not known; refused: rejected by the service; done, failed: how the operation ended
ChunkState: TypeAlias = Literal["waiting", "begun", "refused", "done", "failed"]
Flags: TypeAlias = "Mapping[str, bool | str | None]"

APPLICATION_ID = 0x746F6C66  # "tolf", which distinguishes a ledger from other SQLite files
SCHEMA_VERSION = 3
PAGE_BYTES = 32_768
BUSY_SECONDS = 10.0
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
IN_USE_HINT = "Another program is using it: close that program, then make the same call again."
OTHER_FILE_HINT = (
    "Move it away or give another file with ledger=...; the same rows keep their operation ids and are created once. "
    "App items have no such ids: without the ledger they would be created again."
)
SCHEMA = """
create table uploads (
    id integer primary key, account text not null, upload_id text not null, path text not null, key text not null,
    place text not null, rows integer not null, object_of_row blob, content text not null, digests blob not null,
    flags text not null, begun text not null, ended text, unique (account, upload_id)
);
create table chunks (
    upload integer not null references uploads, operation_id text not null, number integer not null, pool_id text not null,
    spans text not null, rows integer not null, state text not null, sent_as text, flags text, begun text, ended text,
    created integer not null default 0, object_ids text, primary key (upload, operation_id)
);
create table objects (
    upload integer not null, operation_id text not null, text blob not null, primary key (upload, operation_id)
);
create table outcomes (
    upload integer not null, operation_id text not null, row integer not null, status text not null,
    error_field text, error_code text, error_message text,
    primary key (upload, operation_id, row)
) without rowid;
create table opened (upload integer not null, pool_id text not null, primary key (upload, pool_id)) without rowid;
"""
OF_CHUNK = "where upload = :upload and operation_id = :operation_id"
OUTCOME_COLUMNS = ("row", "status", "error_field", "error_code", "error_message")


@dataclass(frozen=True)
class LedgerEntry:
    """An upload in the ledger.

    Attributes:
        id: Its number in the ledger.
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
    upload_id: str
    kind: BulkCreation
    object_count: int
    content_hash: str
    digests: array[int]
    flags: Flags
    ended: datetime | None
    destination: Mapping[str, str]
    object_of_row: Sequence[int]


class LedgerFile:
    """The ledger's SQLite file, in a `with` block. Once open, any thread may use it; a change is on disk when it returns."""

    def __init__(self, path: Path | None) -> None:
        self.path = _default_path() if path is None else path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()

    def open(self) -> Self:
        """Open the file; create it if it does not exist.

        Raises:
            LedgerError: If the file cannot be used; it is left unchanged.
        """
        with self._lock, self._explained():
            self._connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            self._connection.row_factory = sqlite3.Row
            self._prepare()
        return self

    @property
    def _sqlite(self) -> sqlite3.Connection:
        assert self._connection is not None  # noqa: S101 -- callers open the file first
        return self._connection

    def _prepare(self) -> None:
        sqlite = self._sqlite
        # checked before anything is written, so that another program's file stays as it is
        (tables,) = sqlite.execute("select count(*) from sqlite_schema").fetchone()
        (application_id,) = sqlite.execute("pragma application_id").fetchone()
        (version,) = sqlite.execute("pragma user_version").fetchone()
        if tables and (application_id, version) != (APPLICATION_ID, SCHEMA_VERSION):
            is_ledger = application_id == APPLICATION_ID
            problem = "was written by another version of toloka_frames" if is_ledger else "is not a ledger"
            raise LedgerError(f"{self.path} {problem}, and is left unchanged.", path=self.path, hint=OTHER_FILE_HINT)
        # A request has a megabyte of objects: on large pages, writing and deleting it takes half the time.
        sqlite.execute(f"pragma page_size = {PAGE_BYTES}")
        self._enable_wal()
        # with less, a power cut could lose the record of a request that was already sent
        sqlite.execute("pragma synchronous = full")
        if not tables:
            self._create_tables()

    def _enable_wal(self) -> None:
        """Switch the file to WAL mode; under a lock, because two processes that switch at once block each other."""
        if tuple(self._sqlite.execute("pragma journal_mode").fetchone()) == ("wal",):
            return
        lock = UploadLock(self.path.with_name(f"{self.path.name}.lock"), self.path)
        lock.acquire(BUSY_SECONDS)
        try:
            self._sqlite.execute("pragma journal_mode = wal")
        finally:
            lock.release()

    def _create_tables(self) -> None:
        with self._transaction() as sqlite:
            if sqlite.execute("select count(*) from sqlite_schema").fetchone()[0]:
                return  # another process created them first
            for statement in filter(str.strip, SCHEMA.split(";")):
                sqlite.execute(statement)
            sqlite.execute(f"pragma application_id = {APPLICATION_ID}")
            sqlite.execute(f"pragma user_version = {SCHEMA_VERSION}")

    @contextlib.contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._explained(), self._transaction() as sqlite:
            yield sqlite

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._sqlite.execute("begin immediate")
        try:
            yield self._sqlite
            self._sqlite.execute("commit")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # on a full disk, SQLite has already rolled back
                self._sqlite.execute("rollback")
            raise

    def _write(self, sql: str, **parameters: object) -> list[Any]:
        with self._change() as sqlite:
            return sqlite.execute(sql, parameters).fetchall()

    def _read(self, sql: str, **parameters: object) -> list[Any]:
        with self._lock, self._explained():
            return self._sqlite.execute(sql, parameters).fetchall()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            problem = "is damaged or not a ledger, and is left unchanged" if code in DAMAGED else "cannot be used"
            hint = IN_USE_HINT if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) else OTHER_FILE_HINT
            raise LedgerError(f"The ledger {self.path} {problem}: {error}.", path=self.path, hint=hint) from error


class Ledger(LedgerFile):
    """The ledger's uploads, chunks and outcomes."""

    def lock(self, account: str, upload_id: str) -> UploadLock:
        """Return the lock that keeps two processes from sending the same upload at once."""
        name = hashlib.sha256(f"{account}\n{upload_id}".encode()).hexdigest()[:16]
        return UploadLock(self.path.with_name(f"{self.path.name}-{name}.lock"), self.path)

    def find(self, account: str, upload_id: str) -> LedgerEntry | None:
        """Return the account's upload of this name, or None."""
        rows = self._read(
            "select * from uploads where account = :account and upload_id = :upload_id", account=account, upload_id=upload_id
        )
        return _entry(rows[0]) if rows else None

    def add(self, plan: UploadPlan, flags: Flags) -> LedgerEntry:
        """Record an upload with all its chunks, and return its entry."""
        values = {
            "account": plan.account,
            "upload_id": plan.upload_id,
            "path": plan.kind.path,
            "key": plan.key,
            "place": json.dumps(dict(plan.destination)),
            "rows": plan.object_count,
            # null where each row is an object
            "object_of_row": None if isinstance(plan.object_of_row, range) else array("I", plan.object_of_row).tobytes(),
            "content": plan.content_hash,
            "digests": plan.digests.tobytes(),
            "flags": json.dumps(dict(flags)),
            "begun": _now(),
            "ended": None,
        }
        columns, named = ", ".join(values), ", ".join(f":{name}" for name in values)
        with self._change() as sqlite:
            cursor = sqlite.execute(f"insert into uploads ({columns}) values ({named})", values)
            _insert_chunks(sqlite, cursor.lastrowid, plan.chunks)
        return _entry({"id": cursor.lastrowid, **values})

    def set_flags(self, upload: int, flags: Flags) -> None:
        """Record the flags of the current call."""
        self._write("update uploads set flags = :flags where id = :upload", flags=json.dumps(dict(flags)), upload=upload)

    def open_chunks(self, upload: int, flags: Mapping[str, str] | None, planned: Iterable[Chunk] = ()) -> list[Chunk]:
        """Return the chunks to send or to look up, among them those that failed under other flags; None: all that failed."""
        known = {chunk.operation_id: chunk for chunk in planned}
        rows = self._read(
            "select operation_id, pool_id, iif(state in ('begun', 'failed'), sent_as, null) as pending from chunks"
            " where upload = :upload"
            " and (state in ('waiting', 'begun', 'refused') or (state = 'failed' and flags <> :flags))"
            " order by state = 'refused', number, rowid",
            upload=upload,
            flags=_flags_text(flags),
        )
        return [
            _updated(known.get(operation_id) or self._read_chunk(upload, operation_id), pool_id, pending)
            for operation_id, pool_id, pending in rows
        ]

    def outcomes(self, upload: int) -> list[tuple[Sequence[int], dict[str, Any]]]:
        """Return what is known of rows that were sent: positions, and columns of the results for them."""
        chunks = self._read(
            "select spans, iif(state = 'begun', 'UNKNOWN', 'CREATED') as status, object_ids, sent_as,"
            " nullif(pool_id, '') as batch_id, number"
            " from chunks where upload = :upload and (state = 'begun' or object_ids is not null)",
            upload=upload,
        )
        known: list[tuple[Sequence[int], dict[str, Any]]] = [
            (
                positions_of(spans),
                {
                    "status": status,
                    "object_id": ids and json.loads(ids),
                    "operation_id": sent_as,
                    "batch_id": batch_id,
                    "chunk": number,
                },
            )
            for spans, status, ids, sent_as, batch_id, number in chunks
        ]
        uncreated = self._read(f"select {', '.join(OUTCOME_COLUMNS)} from outcomes where upload = :upload", upload=upload)
        positions, *columns = map(list, zip(*uncreated, strict=True)) if uncreated else [[] for _ in OUTCOME_COLUMNS]
        return [*known, (positions, dict(zip(OUTCOME_COLUMNS[1:], columns, strict=True)))]

    def failed_operations(self, upload: int, flags: Mapping[str, str] | None) -> list[str]:
        """Return the ids of the operations that ended with FAIL under these flags."""
        rows = self._read(
            "select sent_as from chunks where upload = :upload and state = 'failed' and flags = :flags",
            upload=upload,
            flags=_flags_text(flags),
        )
        return [operation_id for (operation_id,) in rows]

    def begin_chunk(self, upload: int, chunk: Chunk, operation_id: str, flags: Mapping[str, str], at: datetime) -> None:
        """Record that a chunk is about to be sent as this operation, at a time by the service's clock."""
        key = _key(upload, chunk)
        values = {"sent_as": operation_id, "flags": _flags_text(flags), "begun": at.isoformat()}
        with self._change() as sqlite:
            sqlite.execute(f"delete from outcomes {OF_CHUNK}", key)
            sqlite.execute(
                "update chunks set state = 'begun', sent_as = :sent_as, flags = :flags, begun = :begun, ended = null,"
                f" object_ids = null {OF_CHUNK}",
                key | values,
            )

    def begun_at(self, upload: int, chunk: Chunk) -> datetime:
        """Return when a chunk was begun, by the service's clock."""
        [(begun,)] = self._read(f"select begun from chunks {OF_CHUNK}", **_key(upload, chunk))
        return datetime.fromisoformat(begun)

    def first_missing_at(self, upload: int, chunk: Chunk, at: datetime) -> datetime:
        """Return when a chunk without a response was first looked for and not found; record `at` if it is now."""
        [(since,)] = self._write(
            f"update chunks set ended = coalesce(ended, :at) {OF_CHUNK} returning ended",
            at=at.isoformat(),
            **_key(upload, chunk),
        )
        return datetime.fromisoformat(since)

    def set_batch(self, upload: int, batch_id: str) -> None:
        """Record the batch that was created for all chunks of an upload."""
        self._write("update chunks set pool_id = :batch_id where upload = :upload", batch_id=batch_id, upload=upload)

    def created_app_ids(self, upload: int) -> set[str]:
        """Return the ids of all app items and batches that uploads of this upload's account have created."""
        rows = self._read(
            "with apps as (select id, path from uploads where place <> '{}'"
            " and account = (select account from uploads where id = :upload))"
            " select value from chunks join apps on upload = apps.id join json_each(object_ids) where value is not null"
            " union select pool_id from chunks join apps on upload = id where path = :batches",
            upload=upload,
            batches=CREATE_APP_BATCH.path,
        )
        return {created for (created,) in rows}

    def other_pending_chunks(self, upload: int, chunk: Chunk) -> list[Chunk]:
        """Return all other chunks for the same app project that have no response, those of other uploads too."""
        rows = self._read(
            "with mine as"
            " (select account, json_extract(place, '$.app_project_id') as project from uploads where id = :upload)"
            " select upload, operation_id from chunks join uploads on upload = id join mine"
            " on mine.account = uploads.account and project = json_extract(uploads.place, '$.app_project_id')"
            " where state = 'begun' and operation_id <> :operation_id",
            **_key(upload, chunk),
        )
        return [self._read_chunk(other, operation_id) for other, operation_id in rows]

    def withdraw_chunk(self, upload: int, chunk: Chunk) -> None:
        """Record that a chunk that was begun did not take effect."""
        sql = f"update chunks set state = 'waiting', sent_as = null, begun = null, ended = null {OF_CHUNK}"
        self._write(sql, **_key(upload, chunk))

    def split_chunk(self, upload: int, chunk: Chunk, halves: Sequence[Chunk]) -> None:
        """Replace a chunk that was too large by others."""
        with self._change() as sqlite:
            for table in ("chunks", "objects"):
                sqlite.execute(f"delete from {table} {OF_CHUNK}", _key(upload, chunk))
            _insert_chunks(sqlite, upload, halves)

    def end_chunk(
        self,
        upload: int,
        chunk: Chunk,
        state: ChunkState,
        object_ids: Sequence[str | None],
        uncreated: Iterable[UncreatedObject] = (),
    ) -> None:
        """Record what became of a chunk and its objects; the JSON of a chunk that is done is deleted.

        Args:
            upload: The upload.
            chunk: The chunk.
            state: How it ended.
            object_ids: The id of each created object, None for the others.
            uncreated: The outcome of the others.
        """
        key = _key(upload, chunk)
        values = {
            "state": state,
            "ended": _now(),
            "created": len(object_ids) - object_ids.count(None),
            "object_ids": dumps(object_ids).decode(),
        }
        named = ", ".join(f":{name}" for name in (*key, *OUTCOME_COLUMNS))
        rows = (key | dict(zip(OUTCOME_COLUMNS, outcome, strict=True)) for outcome in uncreated)
        with self._change() as sqlite:
            sqlite.executemany(f"insert or replace into outcomes values ({named})", rows)
            sqlite.execute(
                f"update chunks set state = :state, ended = :ended, created = :created, object_ids = :object_ids {OF_CHUNK}",
                key | values,
            )
            if state == "done":
                sqlite.execute(f"delete from objects {OF_CHUNK}", key)
            sqlite.execute(
                "update uploads set ended = :ended where id = :upload"
                " and not exists (select 1 from chunks where upload = uploads.id and state <> 'done')",
                {"upload": upload, "ended": _now()},
            )

    def pools_to_open(self, upload: int) -> list[str]:
        """Return the pools with created objects that this upload has not opened yet."""
        rows = self._read(
            "select pool_id from chunks where upload = :upload and created > 0"
            " except select pool_id from opened where upload = :upload",
            upload=upload,
        )
        return [pool_id for (pool_id,) in rows]

    def pool_was_opened(self, upload: int, pool_id: str) -> None:
        """Record that this upload has opened a pool."""
        self._write("insert or ignore into opened values (:upload, :pool_id)", upload=upload, pool_id=pool_id)

    def uploads(self) -> list[dict[str, Any]]:
        """Return all uploads with the number of their rows in each state, oldest first."""
        uploads = self._read(
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
            """
        )
        return [{**dict(upload), "kind": BULK_CREATIONS[upload["kind"]].name} for upload in uploads]

    def _read_chunk(self, upload: int, operation_id: str) -> Chunk:
        """Return a chunk that is not settled, as it was planned."""
        rows = self._read(
            "select number, pool_id, spans, text, key"
            " from chunks join uploads on upload = id join objects using (upload, operation_id)"
            f" {OF_CHUNK}",
            upload=upload,
            operation_id=operation_id,
        )
        [(number, pool_id, spans, text, key)] = rows
        return Chunk(number, pool_id, positions_of(spans), text, key)


class UploadLock:
    """A lock beside the ledger that one process holds at a time; the operating system frees it when the process dies."""

    def __init__(self, path: Path, ledger: Path) -> None:
        self._lock = FileLock(path)
        self._ledger = ledger

    def acquire(self, seconds: float = 0.0) -> bool:
        """Return whether the lock was acquired within this time."""
        try:
            return self._lock.acquire(seconds)
        except OSError as error:
            why = f"The lock file of an upload cannot be created next to the ledger {self._ledger}: {error}."
            raise LedgerError(why, path=self._ledger, hint=OTHER_FILE_HINT) from error

    def release(self) -> None:
        """Release the lock if it was acquired."""
        self._lock.release(remove=True)


def ledger_path(ledger: Any) -> Path | None:
    """Return the path of a ledger, or None for the one in the user's data folder.

    Raises:
        InputError: If `ledger` is not a path.
    """
    if ledger is not None and (not isinstance(ledger, str | os.PathLike) or "\0" in os.fsdecode(ledger)):
        raise InputError(f"ledger={ledger!r} is not the path of a file.", column="ledger")
    try:
        # Absolute: a later change of the working directory does not change the file, and SQLite sees no special name.
        return None if ledger is None else Path(os.fsdecode(ledger)).expanduser().absolute()
    except RuntimeError as error:
        raise InputError(f"ledger={ledger!r}: {error}", column="ledger") from error


def _default_path() -> Path:
    import platformdirs  # noqa: PLC0415 -- only an upload needs it

    path = platformdirs.user_data_path("toloka_frames", appauthor=False) / "uploads.db"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerError(f"The folder of the ledger cannot be created: {error}.", path=path, hint=OTHER_FILE_HINT) from error
    return path


def _entry(row: sqlite3.Row | Mapping[str, Any]) -> LedgerEntry:
    objects = row["object_of_row"]
    return LedgerEntry(
        id=row["id"],
        upload_id=row["upload_id"],
        kind=BULK_CREATIONS[row["path"]],
        object_count=row["rows"],
        content_hash=row["content"],
        digests=array("I", row["digests"]),
        flags=json.loads(row["flags"]),
        ended=datetime.fromisoformat(row["ended"]) if row["ended"] else None,
        destination=json.loads(row["place"]),
        object_of_row=range(row["rows"]) if objects is None else array("I", objects),
    )


def _insert_chunks(sqlite: sqlite3.Connection, upload: int | None, chunks: Iterable[Chunk]) -> None:
    for chunk in chunks:
        key = {"upload": upload, "operation_id": chunk.operation_id}
        values = {
            **key,
            "number": chunk.number,
            "pool_id": chunk.pool_id,
            "spans": spans_of(chunk.positions),
            "rows": len(chunk.positions),
        }
        sqlite.execute(
            "insert into chunks (upload, operation_id, number, pool_id, spans, rows, state)"
            " values (:upload, :operation_id, :number, :pool_id, :spans, :rows, 'waiting')",
            values,
        )
        # in a table of their own, because a change of the chunk's state would write its objects again
        sqlite.execute("insert into objects values (:upload, :operation_id, :text)", {**key, "text": chunk.text})


def _key(upload: int, chunk: Chunk) -> dict[str, Any]:
    return {"upload": upload, "operation_id": chunk.operation_id}


def _updated(chunk: Chunk, pool_id: str, pending_operation_id: str | None) -> Chunk:
    """Return a planned chunk with the batch and the operation that are known since."""
    if (chunk.pool_id, chunk.pending_operation_id) == (pool_id, pending_operation_id):
        return chunk  # the same object, because it has cached its operation id, a hash of all its objects
    return replace(chunk, pool_id=pool_id, pending_operation_id=pending_operation_id)


def _flags_text(flags: Mapping[str, str] | None) -> str:
    return json.dumps(flags, sort_keys=True)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
