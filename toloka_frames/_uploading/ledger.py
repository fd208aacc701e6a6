"""The ledger: one SQLite file that records every request of an upload before it is sent, and what became of its rows.

It has a row for each upload, a row for each chunk with the ids of the objects created from it and hashes of its rows, and a row
for each input row from which nothing was created. Chunks that are not settled keep the JSON of their objects, so that an upload
can be resumed without its frame. The ledger never holds a token.

Several processes may use one ledger, also under different names of its file: SQLite's rollback journal locks the file itself. A
call changes a chunk only if no other process has changed it since the call read it; otherwise `ChunkTakenError` is raised.
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
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, TypeAlias

import numpy as np

from toloka_frames._errors import InputError, LedgerError
from toloka_frames._runtime.concurrency import FileLock
from toloka_frames._schema.bulk import BULK_CREATIONS, CREATE_APP_BATCH, CREATE_USER_BONUSES
from toloka_frames._uploading.ledger_schema import APPLICATION_ID, MIGRATED_VERSION, SCHEMA, SCHEMA_VERSION
from toloka_frames._uploading.requests import COUNT, HASH, Chunk, positions_of, spans_of
from toloka_frames._uploading.results import packed_ids, unpacked_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from toloka_frames._schema.bulk import BulkCreation
    from toloka_frames._uploading.requests import UploadPlan
    from toloka_frames._uploading.results import UncreatedObject

# waiting: not sent; begun: sent, end not known; refused: rejected by the service; done, failed: how the operation ended
ChunkState: TypeAlias = Literal["waiting", "begun", "refused", "done", "failed"]
Hashes: TypeAlias = "np.ndarray[Any, np.dtype[np.uint64]]"
Flags: TypeAlias = "Mapping[str, bool | str | None]"

PAGE_BYTES = 32_768
MIN_FREE_PAGES = 32  # a megabyte; to return fewer would take a fifth of the time of a small upload
BUSY_SECONDS = 10.0
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
IN_USE_HINT = "Another program is using it: close that program, then make the same call again."
DISK_HINT = (
    "Free space on its disk or make the file writable, then make the same call again: it creates nothing twice. Do not start "
    "another ledger: it does not know which rows were sent."
)
NEWER_HINT = "Update toloka_frames. With another file (ledger=...) app items that this one records would be created again."
OTHER_FILE_HINT = (
    "Move it away or give another file with ledger=...; the same rows keep their operation ids and are created once. "
    "App items have no such ids: without the ledger they would be created again."
)
HINTS = {
    **dict.fromkeys((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED), IN_USE_HINT),
    **dict.fromkeys((sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY), DISK_HINT),
}
OF_CHUNK = "where upload = :upload and operation_id = :operation_id"
BEGUN = "from chunks where upload = :upload and state = 'begun'"
OF_NUMBER = "where upload = :upload and (:number is null or number = :number)"
OUTCOME_COLUMNS = ("row", "status", "error_field", "error_code", "error_message")


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


class LedgerFile:
    """The ledger's SQLite file, in a `with` block. Once open, any thread may use it; a change is on disk when it returns."""

    def __init__(self, path: Path | None) -> None:
        # the file itself, so that links to it share its lock files
        self.path = Path(os.path.realpath(_default_path() if path is None else path))
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. It shrinks by what was deleted, which can take seconds."""
        with self._lock:
            if self._connection is not None:
                with contextlib.suppress(sqlite3.Error):  # the next call can do it
                    self._clean_up(self._connection)
                self._connection.close()

    def open(self, *, read_only: bool = False) -> Self:
        """Open the file; create it if it does not exist, and migrate it if an earlier version of the package wrote it.

        Args:
            read_only: Whether the file is only read; it is written only to create or to migrate it.

        Raises:
            LedgerError: If the file cannot be used; it is left unchanged.
        """
        with self._lock, self._explained():
            if not (read_only and self._open_read_only()):
                self._connect(str(self.path))
                self._prepare()
        return self

    def _open_read_only(self) -> bool:
        """Return whether the file could be opened without writing to it."""
        if not self.path.exists():
            return False
        self._connect(f"{self.path.as_uri()}?mode=ro", uri=True)
        with contextlib.suppress(sqlite3.OperationalError):  # a killed process has left a journal to roll back
            if self._checked_version() == SCHEMA_VERSION:
                return True
        self._sqlite.close()
        return False

    def _connect(self, database: str, *, uri: bool = False) -> None:
        self._connection = sqlite3.connect(
            database, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, uri=uri
        )
        self._connection.row_factory = sqlite3.Row

    @property
    def _sqlite(self) -> sqlite3.Connection:
        assert self._connection is not None  # noqa: S101 -- callers open the file first
        return self._connection

    def _prepare(self) -> None:
        sqlite = self._sqlite
        # checked before anything is written, so that another program's file stays as it is
        version = self._checked_version()
        # A request has a megabyte of objects: on large pages, writing and deleting it takes half the time.
        sqlite.execute(f"pragma page_size = {PAGE_BYTES}")
        sqlite.execute("pragma auto_vacuum = incremental")
        # Version 3 used WAL, whose locks are in files named like the ledger: two names of one file would not share them. A
        # journal that is overwritten takes half the time of one that is created and deleted with each transaction.
        sqlite.execute("pragma journal_mode = persist")
        # with less, a power cut could lose the record of a request that was already sent
        sqlite.execute("pragma synchronous = full")
        if version == 0:
            self._create_tables()
        elif version < SCHEMA_VERSION:
            self._migrate()

    def _checked_version(self) -> int:
        """Return the version of the file's tables; 0 if it has none.

        Raises:
            LedgerError: If the file is not a ledger, or was written by a newer version.
        """
        (tables,) = self._sqlite.execute("select count(*) from sqlite_schema").fetchone()
        (application_id,) = self._sqlite.execute("pragma application_id").fetchone()
        (version,) = self._sqlite.execute("pragma user_version").fetchone()
        if tables and application_id != APPLICATION_ID:
            raise LedgerError(
                f"{self.path} is not a ledger, and is left unchanged.", path=self.path, hint="Give another file with ledger=..."
            )
        if tables and version not in (MIGRATED_VERSION, SCHEMA_VERSION):
            problem = "was written by another version of toloka_frames, and is left unchanged"
            raise LedgerError(f"{self.path} {problem}.", path=self.path, hint=NEWER_HINT)
        return int(version) if tables else 0

    def _create_tables(self) -> None:
        with self._transaction() as sqlite:
            if sqlite.execute("select count(*) from sqlite_schema").fetchone()[0]:
                return  # another process created them first
            create_tables(sqlite)

    def _migrate(self) -> None:
        from toloka_frames._uploading.ledger_migration import migrate  # noqa: PLC0415 -- only an earlier version's file needs it

        with self._transaction() as sqlite:
            if self._checked_version() < SCHEMA_VERSION:  # otherwise another process migrated it first
                migrate(sqlite)
        with contextlib.suppress(sqlite3.Error):  # it only makes the file smaller, and needs free space on the disk
            self._sqlite.execute("vacuum")

    def _clean_up(self, sqlite: sqlite3.Connection) -> None:
        """Return free pages to the file system if they are many, and delete the journal."""
        (pages,) = sqlite.execute("pragma freelist_count").fetchone()
        if pages >= MIN_FREE_PAGES:
            # `execute` would take one step, which returns one page
            sqlite.executescript("pragma incremental_vacuum")
        sqlite.execute("pragma journal_mode = delete")

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
            return self._rows(sql, **parameters)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """Let the statements of a block read one state of the file."""
        with self._lock, self._explained():
            self._sqlite.execute("begin")
            try:
                yield
            finally:
                self._sqlite.execute("commit")

    def _rows(self, sql: str, **parameters: object) -> list[Any]:
        return self._sqlite.execute(sql, parameters).fetchall()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            problem = "is damaged or not a ledger, and is left unchanged" if code in DAMAGED else "cannot be used"
            hint = HINTS.get(code, OTHER_FILE_HINT)
            raise LedgerError(f"The ledger {self.path} {problem}: {error}.", path=self.path, hint=hint) from error


class Ledger(LedgerFile):
    """The ledger's uploads, chunks and outcomes, as one call uses them.

    Attributes:
        check_rows: Called with chunks that are about to be added or begun, and the like of their rows in other uploads, within
            the transaction that records it; raises an error to refuse them. None accepts all.
    """

    def __init__(self, path: Path | None) -> None:
        super().__init__(path)
        self.check_rows: Callable[[Sequence[Chunk], Sequence[CreatedRows]], None] | None = None
        self._data_version = -1  # SQLite's, when rows were last checked
        # the version of each chunk when this call last read or changed it; 0 for a chunk that it has added
        self._versions: dict[tuple[int, str], int] = {}

    def lock(self, account: str, upload_id: str) -> UploadLock:
        """Return the lock that keeps two processes from sending the same upload at once."""
        name = hashlib.sha256(f"{account}\n{upload_id}".encode()).hexdigest()[:16]
        return UploadLock(self.path.with_name(f"{self.path.name}-{name}.lock"), self.path)

    def find(self, account: str, upload_id: str) -> LedgerEntry | None:
        """Return the account's upload of this name, or None."""
        rows = self._read(
            "select * from uploads where upload_id = :upload_id and account = :account", account=account, upload_id=upload_id
        )
        return _entry(rows[0]) if rows else None

    def find_name(self, upload_id: str) -> list[LedgerEntry]:
        """Return the uploads of this name, of any account."""
        rows = self._read("select * from uploads where upload_id = :upload_id order by id", upload_id=upload_id)
        return list(map(_entry, rows))

    def find_content(self, kind: BulkCreation, content_hash: str) -> list[LedgerEntry]:
        """Return the uploads of these objects, of any account and name."""
        rows = self._read(
            "select * from uploads where content = :content and path = :path order by id", content=content_hash, path=kind.path
        )
        return list(map(_entry, rows))

    def add(self, plan: UploadPlan, flags: Flags, url: str | None = None) -> LedgerEntry | None:
        """Record an upload with all its chunks, and return its entry.

        Args:
            plan: The upload.
            flags: The flags of the call.
            url: The service's URL, as `ApiClient.normal_url`.

        Returns:
            The entry; None if another process has just recorded an upload of this account and name.

        Raises:
            RowsAlreadyCreated: From `check_rows`; nothing was recorded.
        """
        values = {
            "account": plan.account,
            "url": url,
            "upload_id": plan.upload_id,
            "path": plan.kind.path,
            "key": plan.key,
            "destination": json.dumps(dict(plan.destination)),
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
            cursor = sqlite.execute(f"insert into uploads ({columns}) values ({named}) on conflict do nothing", values)
            if not cursor.rowcount:
                return None
            self._check(cursor.lastrowid, plan.chunks)
            entry = _entry({"id": cursor.lastrowid, **values})
            _insert_chunks(sqlite, entry, plan.chunks)
        return entry

    def set_flags(self, upload: int, flags: Flags) -> None:
        """Record the flags of the current call."""
        self._write("update uploads set flags = :flags where id = :upload", flags=json.dumps(dict(flags)), upload=upload)

    def open_chunks(
        self, upload: int, flags: Mapping[str, str] | None, planned: Iterable[Chunk] = (), number: int | None = None
    ) -> list[Chunk]:
        """Return the chunks to send or to look up, among them those that failed under other flags.

        Args:
            upload: The upload.
            flags: The flags of the call's requests; None for all that failed.
            planned: Chunks in memory, which are not read again.
            number: The number of the chunks; None for all.
        """
        known = {chunk.operation_id: chunk for chunk in planned}
        with self._reading():
            rows = self._rows(
                "select operation_id, pool_id, iif(state in ('begun', 'failed'), sent_as, null) as pending, version from chunks"
                f" {OF_NUMBER}"
                " and (state in ('waiting', 'begun', 'refused') or (state = 'failed' and flags <> :flags))"
                " order by state = 'refused', number, rowid",
                upload=upload,
                number=number,
                flags=_flags_text(flags),
            )
            self._versions |= {(upload, operation_id): version for operation_id, _, _, version in rows}
            return [
                _updated(known.get(operation_id) or self._read_chunk(upload, operation_id), pool_id, pending)
                for operation_id, pool_id, pending, _ in rows
            ]

    def outcomes(self, upload: int, number: int | None = None) -> list[tuple[Sequence[int], dict[str, Any]]]:
        """Return what is known of rows that were sent: positions, and columns of the results for them.

        Args:
            upload: The upload.
            number: The number of the chunks; None for all.
        """
        chunks = self._read(
            "select spans, iif(state = 'begun', 'UNKNOWN', 'CREATED') as status, object_ids, sent_as,"
            " nullif(pool_id, '') as batch_id, number"
            f" from chunks {OF_NUMBER} and (state = 'begun' or object_ids is not null)",
            upload=upload,
            number=number,
        )
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
        uncreated = self._read(
            f"select {', '.join(OUTCOME_COLUMNS)} from outcomes where upload = :upload and (:number is null or operation_id in"
            " (select operation_id from chunks where upload = :upload and number = :number))",
            upload=upload,
            number=number,
        )
        positions, *columns = map(list, zip(*uncreated, strict=True)) if uncreated else [[] for _ in OUTCOME_COLUMNS]
        return [*known, (positions, dict(zip(OUTCOME_COLUMNS[1:], columns, strict=True)))]

    def created_contents(
        self, places: Iterable[str], account: str | None = None, except_upload: int | None = None
    ) -> list[CreatedRows]:
        """Return the rows in these places that were created, or whose outcome is not known.

        Args:
            places: What rows are compared within, as `place_of` returns it.
            account: The account; None if it is not known, for the rows of any account.
            except_upload: An upload whose rows are left out.
        """
        with self._reading():
            return self._created_contents(places, account, except_upload)

    def check_chunks(self, upload: int, chunks: Sequence[Chunk]) -> None:
        """Pass chunks that are not sent yet to `check_rows`."""
        with self._reading():
            begun = {id_ for (id_,) in self._rows(f"select operation_id {BEGUN}", upload=upload)}
            self._check(upload, [chunk for chunk in chunks if chunk.operation_id not in begun])

    def _check(self, upload: int | None, chunks: Sequence[Chunk]) -> None:
        """Pass chunks to `check_rows`, if another connection has changed the file since rows were last checked."""
        [(version,)] = self._rows("pragma data_version")
        if self.check_rows is None or version == self._data_version:
            return
        [(account, path, destination)] = self._rows("select account, path, destination from uploads where id = :id", id=upload)
        kind, where = BULK_CREATIONS[path], json.loads(destination)
        # '' is the account of an upload of version 3, whose account is not known
        places = {place_of(kind, name, where, chunk.pool_id) for name in (account, "") for chunk in chunks}
        self.check_rows(chunks, self._created_contents(places, account or None, upload))
        self._data_version = version

    def _created_contents(self, places: Iterable[str], account: str | None, except_upload: int | None) -> list[CreatedRows]:
        rows = self._rows(
            "select upload_id, uploads.begun, contents.place, hashes, counts,"
            " iif(chunks.created < chunks.rows, object_ids, null)"
            " from contents join chunks using (upload, operation_id) join uploads on id = upload"
            " where contents.place in (select value from json_each(:places)) and state in ('begun', 'done', 'failed')"
            " and (:account is null or account in (:account, '')) and upload is not :except_upload",
            places=json.dumps(list(places)),
            account=account,
            except_upload=except_upload,
        )
        return [
            CreatedRows(upload_id, datetime.fromisoformat(begun), place, _created_hashes(hashes, counts, ids))
            for upload_id, begun, place, hashes, counts, ids in rows
        ]

    def read_again(
        self, upload: int, chunk: Chunk, flags: Mapping[str, str]
    ) -> tuple[list[Chunk], list[tuple[Sequence[int], dict[str, Any]]]]:
        """Return what another process has made of a chunk: the chunks of its rows that are not settled, and their outcomes."""
        rows = set(chunk.positions)
        chunks = self.open_chunks(upload, flags, [chunk], chunk.number)
        outcomes = [_within(rows, *outcome) for outcome in self.outcomes(upload, chunk.number)]
        return [part for part in chunks if rows.issuperset(part.positions)], outcomes

    def failed_operations(self, upload: int, flags: Mapping[str, str] | None) -> list[str]:
        """Return the ids of the operations that ended with FAIL under these flags."""
        rows = self._read(
            "select sent_as from chunks where upload = :upload and state = 'failed' and flags = :flags",
            upload=upload,
            flags=_flags_text(flags),
        )
        return [operation_id for (operation_id,) in rows]

    def begin_chunk(self, upload: int, chunk: Chunk, operation_id: str, flags: Mapping[str, str], at: datetime) -> None:
        """Record that a chunk is about to be sent as this operation, at a time by the service's clock.

        Raises:
            ChunkTakenError: If another process has changed the chunk since this call read it.
            RowsAlreadyCreated: From `check_rows`.
        """
        values = {"sent_as": operation_id, "flags": _flags_text(flags), "begun": at.isoformat()}
        with self._chunk_change(upload, chunk) as (sqlite, key):
            self._check(upload, [chunk])
            sqlite.execute(f"delete from outcomes {OF_CHUNK}", key)
            sqlite.execute(
                "update chunks set state = 'begun', sent_as = :sent_as, flags = :flags, begun = :begun, ended = null,"
                f" created = 0, invalid = 0, failed = 0, object_ids = null {OF_CHUNK}",
                key | values,
            )

    def begun_at(self, upload: int, chunk: Chunk) -> datetime:
        """Return when a chunk was begun, by the service's clock; `ChunkTakenError` as in `begin_chunk`."""
        sql = f"select begun from chunks {OF_CHUNK} and version = :version"
        return self._timestamp(self._read(sql, **self._key_and_version(upload, chunk)), chunk)

    def first_missing_at(self, upload: int, chunk: Chunk, at: datetime) -> datetime:
        """Return when a chunk without a response was first looked for and not found; record `at` if it is now.

        Raises:
            ChunkTakenError: As in `begin_chunk`.
        """
        sql = f"update chunks set ended = coalesce(ended, :at) {OF_CHUNK} and version = :version returning ended"
        return self._timestamp(self._write(sql, at=at.isoformat(), **self._key_and_version(upload, chunk)), chunk)

    def hold_chunk(self, upload: int, chunk: Chunk) -> None:
        """Record that a chunk is still being sent, and so is not missing; `ChunkTakenError` as in `begin_chunk`."""
        sql = f"update chunks set ended = null {OF_CHUNK} and version = :version returning begun"
        self._timestamp(self._write(sql, **self._key_and_version(upload, chunk)), chunk)

    def batch_of(self, upload: int) -> str:
        """Return the batch of an upload's chunks, "" if there is none yet."""
        [(batch_id,)] = self._read("select max(pool_id) from chunks where upload = :upload", upload=upload)
        return str(batch_id)

    def set_batch(self, upload: int, batch_id: str) -> None:
        """Record the batch that was created for all chunks of an upload."""
        self._write("update chunks set pool_id = :batch_id where upload = :upload", batch_id=batch_id, upload=upload)

    def created_app_ids(self, upload: int) -> set[str]:
        """Return the ids of all app items and batches that uploads to this upload's app project have created."""
        rows = self._read(
            "select object_ids, iif(path = :batches, pool_id, null) from contents join chunks using (upload, operation_id)"
            " join uploads on id = upload where contents.place = (select place from contents where upload = :upload)",
            upload=upload,
            batches=CREATE_APP_BATCH.path,
        )
        created = {id_ for ids, _ in rows if ids is not None for id_ in unpacked_ids(ids) if id_ is not None}
        return created | {batch_id for _, batch_id in rows if batch_id is not None}

    def other_pending_chunks(self, upload: int, chunk: Chunk) -> list[Chunk]:
        """Return all other chunks for the same app project that have no response, those of other uploads too."""
        with self._reading():
            rows = self._rows(
                "select upload, operation_id from contents join chunks using (upload, operation_id)"
                " where contents.place = (select place from contents where upload = :upload) and state = 'begun'"
                " and not (upload = :upload and operation_id = :operation_id)",
                **_key(upload, chunk),
            )
            return [self._read_chunk(other, operation_id) for other, operation_id in rows]

    def withdraw_chunk(self, upload: int, chunk: Chunk) -> None:
        """Record that a chunk that was begun did not take effect; `ChunkTakenError` as in `begin_chunk`."""
        with self._chunk_change(upload, chunk) as (sqlite, key):
            sqlite.execute(f"update chunks set state = 'waiting', sent_as = null, begun = null, ended = null {OF_CHUNK}", key)

    def split_chunk(self, upload: int, chunk: Chunk, halves: Sequence[Chunk]) -> None:
        """Replace a chunk that was too large by others; `ChunkTakenError` as in `begin_chunk`."""
        with self._chunk_change(upload, chunk) as (sqlite, key):
            [row] = sqlite.execute("select * from uploads where id = :upload", key)
            for table in ("chunks", "objects", "contents"):
                sqlite.execute(f"delete from {table} {OF_CHUNK}", key)
            _insert_chunks(sqlite, _entry(row), halves)

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

        Raises:
            ChunkTakenError: As in `begin_chunk`.
        """
        uncreated = list(uncreated)
        statuses, ended = [status for _, status, *_ in uncreated], _now()
        values = {
            "state": state,
            "ended": ended,
            "created": len(object_ids) - object_ids.count(None),
            "invalid": statuses.count("INVALID"),
            "failed": statuses.count("FAILED"),
            "object_ids": packed_ids(object_ids),
        }
        assignments = ", ".join(f"{name} = :{name}" for name in values)
        with self._chunk_change(upload, chunk) as (sqlite, key):
            named = ", ".join(f":{name}" for name in (*key, *OUTCOME_COLUMNS))
            rows = (key | dict(zip(OUTCOME_COLUMNS, outcome, strict=True)) for outcome in uncreated)
            sqlite.executemany(f"insert or replace into outcomes values ({named})", rows)
            sqlite.execute(f"update chunks set {assignments} {OF_CHUNK}", key | values)
            if state == "done":
                sqlite.execute(f"delete from objects {OF_CHUNK}", key)
            settle_uploads(sqlite, upload, ended)

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

    @contextlib.contextmanager
    def _chunk_change(self, upload: int, chunk: Chunk) -> Iterator[tuple[sqlite3.Connection, dict[str, Any]]]:
        """Change a chunk in one transaction, if no other process has changed it since this call read it."""
        key = self._key_and_version(upload, chunk)
        version = key.pop("version")
        with self._change() as sqlite:
            sql = f"update chunks set version = version + 1 {OF_CHUNK} and version = :version"
            if not sqlite.execute(sql, key | {"version": version}).rowcount:
                raise ChunkTakenError(chunk.operation_id)
            yield sqlite, key
        self._versions[upload, chunk.operation_id] = version + 1

    def _key_and_version(self, upload: int, chunk: Chunk) -> dict[str, Any]:
        return {**_key(upload, chunk), "version": self._versions.get((upload, chunk.operation_id), 0)}

    def _timestamp(self, rows: list[Any], chunk: Chunk) -> datetime:
        if not rows or rows[0][0] is None:
            raise ChunkTakenError(chunk.operation_id)
        return datetime.fromisoformat(rows[0][0])

    def _read_chunk(self, upload: int, operation_id: str) -> Chunk:
        """Return a chunk that is not settled, as it was planned; within `_reading`."""
        rows = self._rows(
            "select number, pool_id, spans, text, key, hashes, counts"
            " from chunks join uploads on upload = id join objects using (upload, operation_id)"
            " join contents using (upload, operation_id)"
            f" {OF_CHUNK}",
            upload=upload,
            operation_id=operation_id,
        )
        [(number, pool_id, spans, text, key, hashes, counts)] = rows
        return Chunk(number, pool_id, positions_of(spans), text, key, contents=hashes, content_counts=counts or b"")


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


def place_of(kind: BulkCreation, account: str, destination: Mapping[str, str], pool_id: str) -> str:
    """Return what rows are compared within: a pool, an app project, or the bonuses of an account."""
    if project := destination.get("app_project_id"):
        return f"app project {project}"
    return f"user bonuses {account}" if kind is CREATE_USER_BONUSES else f"pool {pool_id}"


def _created_hashes(hashes: bytes, counts: bytes | None, object_ids: bytes | str | None) -> Hashes:
    """Return the hashes of the rows of a chunk whose object has an id, all if the ids are None; without zeros."""
    rows: Hashes = np.frombuffer(hashes, HASH)
    if object_ids is not None and len(rows):
        created = np.array([id_ is not None for id_ in unpacked_ids(object_ids)])
        rows = rows[created if counts is None else np.repeat(created, np.frombuffer(counts, COUNT))]
    wanted: Hashes = rows[rows != 0]
    return wanted


def settle_uploads(sqlite: sqlite3.Connection, upload: int | None, ended: str | None) -> None:
    """Record that an upload is settled if all its chunks are done, and the sums of their rows.

    Args:
        sqlite: The connection, in a transaction.
        upload: The upload; None for all that have an end already.
        ended: Its end; None for the one that is recorded.
    """
    sqlite.execute(
        "update uploads set ended = coalesce(:ended, ended), (created, invalid, failed, pool_ids) ="
        " (select sum(created), sum(invalid), sum(failed), group_concat(distinct pool_id) from chunks where upload = id)"
        " where iif(:upload is null, ended is not null, id = :upload)"
        " and not exists (select 1 from chunks where upload = id and state <> 'done')",
        {"upload": upload, "ended": ended},
    )


def create_tables(sqlite: sqlite3.Connection) -> None:
    """Create the tables of a ledger."""
    for statement in filter(str.strip, SCHEMA.split(";")):
        sqlite.execute(statement)
    sqlite.execute(f"pragma application_id = {APPLICATION_ID}")
    sqlite.execute(f"pragma user_version = {SCHEMA_VERSION}")


def _entry(row: sqlite3.Row | Mapping[str, Any]) -> LedgerEntry:
    objects = row["object_of_row"]
    return LedgerEntry(
        id=row["id"],
        account=row["account"],
        url=row["url"],
        upload_id=row["upload_id"],
        kind=BULK_CREATIONS[row["path"]],
        object_count=row["rows"],
        content_hash=row["content"],
        digests=array("I", row["digests"]),
        flags=json.loads(row["flags"]),
        ended=datetime.fromisoformat(row["ended"]) if row["ended"] else None,
        destination=json.loads(row["destination"]),
        object_of_row=range(row["rows"]) if objects is None else array("I", objects),
    )


def _insert_chunks(sqlite: sqlite3.Connection, entry: LedgerEntry, chunks: Iterable[Chunk]) -> None:
    for chunk in chunks:
        values = {
            **_key(entry.id, chunk),
            "number": chunk.number,
            "pool_id": chunk.pool_id,
            "spans": spans_of(chunk.positions),
            "rows": len(chunk.positions),
            "text": chunk.text,
            "place": place_of(entry.kind, entry.account, entry.destination, chunk.pool_id),
            "hashes": chunk.contents,
            "counts": chunk.content_counts or None,
        }
        sqlite.execute(
            "insert into chunks (upload, operation_id, number, pool_id, spans, rows, state)"
            " values (:upload, :operation_id, :number, :pool_id, :spans, :rows, 'waiting')",
            values,
        )
        # in tables of their own, because a change of the chunk's state would write them again
        sqlite.execute("insert into objects values (:upload, :operation_id, :text)", values)
        sqlite.execute("insert into contents values (:upload, :operation_id, :place, :hashes, :counts)", values)


def _within(rows: set[int], positions: Sequence[int], columns: Mapping[str, Any]) -> tuple[Sequence[int], dict[str, Any]]:
    """Return the outcomes of these rows only."""
    wanted = [index for index, position in enumerate(positions) if position in rows]
    some = {
        name: [values[index] for index in wanted] if isinstance(values, list) else values for name, values in columns.items()
    }
    return [positions[index] for index in wanted], some


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
