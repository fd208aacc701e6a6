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
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from toloka_frames._errors import InputError, LedgerError
from toloka_frames._runtime.concurrency import FileLock
from toloka_frames._runtime.user_data import default_ledger_path
from toloka_frames._schema.bulk import BULK_CREATIONS, CREATE_USER_BONUSES
from toloka_frames._uploading.ledger_entry import ChunkTakenError, CreatedRows, LedgerEntry
from toloka_frames._uploading.ledger_schema import APPLICATION_ID, MIGRATED_VERSIONS, SCHEMA, SCHEMA_VERSION, TABLES_VERSION
from toloka_frames._uploading.requests import COUNT, HASH, Chunk, spans_of
from toloka_frames._uploading.results import id_texts, packed_ids, unpacked_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from toloka_frames._schema.bulk import BulkCreation
    from toloka_frames._uploading.ledger_entry import ChunkState, Flags
    from toloka_frames._uploading.requests import Hashes, UploadPlan
    from toloka_frames._uploading.results import IdTexts, UncreatedObject

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
OUTCOME_COLUMNS = ("row", "status", "error_field", "error_code", "error_message")


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
        # A request has a megabyte of objects, less when compressed: on large pages, writing and deleting it is quicker.
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
            self._migrate(version)

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
        if tables and version not in (*MIGRATED_VERSIONS, SCHEMA_VERSION):
            problem = "was written by another version of toloka_frames, and is left unchanged"
            raise LedgerError(f"{self.path} {problem}.", path=self.path, hint=NEWER_HINT)
        return int(version) if tables else 0

    def _create_tables(self) -> None:
        with self._transaction() as sqlite:
            if sqlite.execute("select count(*) from sqlite_schema").fetchone()[0]:
                return  # another process created them first
            create_tables(sqlite)

    def _migrate(self, version: int) -> None:
        from toloka_frames._uploading.ledger_migration import migrate  # noqa: PLC0415 -- only an earlier version's file needs it

        with self._transaction() as sqlite:
            if (found := self._checked_version()) < SCHEMA_VERSION:  # otherwise another process migrated it first
                migrate(sqlite, found)
        if version < TABLES_VERSION:
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
    def change(self) -> Iterator[sqlite3.Connection]:
        """Change the file in one transaction, which is on disk when the block ends."""
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

    def write(self, sql: str, **parameters: object) -> list[Any]:
        """Change the file by one statement, and return its rows."""
        with self.change() as sqlite:
            return sqlite.execute(sql, parameters).fetchall()

    def read(self, sql: str, **parameters: object) -> list[Any]:
        """Return the rows of one statement."""
        with self._lock, self._explained():
            return self.rows(sql, **parameters)

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Let the statements of a block read one state of the file."""
        with self._lock, self._explained():
            self._sqlite.execute("begin")
            try:
                yield
            finally:
                self._sqlite.execute("commit")

    def rows(self, sql: str, **parameters: object) -> list[Any]:
        """Return the rows of a statement, within `reading` or `change`."""
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

    @contextlib.contextmanager
    def decoding(self, what: str) -> Iterator[None]:
        """Raise LedgerError if a block cannot decode a value of the file, which this package has then not written."""
        try:
            yield
        except (
            ValueError,
            LookupError,
            TypeError,
            AttributeError,
            OverflowError,
            RecursionError,
            OSError,
            MemoryError,
        ) as error:
            message = f"The ledger {self.path} is damaged: {what} cannot be read ({type(error).__name__}: {error})."
            raise LedgerError(message, path=self.path, hint=OTHER_FILE_HINT) from error


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
        self.versions: dict[tuple[int, str], int] = {}

    def lock(self, account: str, upload_id: str) -> UploadLock:
        """Return the lock that keeps two processes from sending the same upload at once."""
        name = hashlib.sha256(f"{account}\n{upload_id}".encode()).hexdigest()[:16]
        return UploadLock(self.path.with_name(f"{self.path.name}-{name}.lock"), self.path)

    def find(self, account: str, upload_id: str) -> LedgerEntry | None:
        """Return the account's upload of this name, or None."""
        rows = self.read(
            "select * from uploads where upload_id = :upload_id and account = :account", account=account, upload_id=upload_id
        )
        return next(iter(self._entries(rows)), None)

    def find_name(self, upload_id: str) -> list[LedgerEntry]:
        """Return the uploads of this name, of any account."""
        rows = self.read("select * from uploads where upload_id = :upload_id order by id", upload_id=upload_id)
        return self._entries(rows)

    def find_content(self, kind: BulkCreation, content_hash: str) -> list[LedgerEntry]:
        """Return the uploads of these objects, of any account and name."""
        rows = self.read(
            "select * from uploads where content = :content and path = :path order by id", content=content_hash, path=kind.path
        )
        return self._entries(rows)

    def _entries(self, rows: Iterable[sqlite3.Row]) -> list[LedgerEntry]:
        entries = []
        for row in rows:
            with self.decoding(f"the upload {row['upload_id']!r}"):
                entries.append(_entry(row))
        return entries

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
        with self.change() as sqlite:
            cursor = sqlite.execute(f"insert into uploads ({columns}) values ({named}) on conflict do nothing", values)
            if not cursor.rowcount:
                return None
            self._check(cursor.lastrowid, plan.chunks)
            entry = _entry({"id": cursor.lastrowid, **values})
            _insert_chunks(sqlite, entry, plan.chunks)
        return entry

    def set_flags(self, upload: int, flags: Flags) -> None:
        """Record the flags of the current call."""
        self.write("update uploads set flags = :flags where id = :upload", flags=json.dumps(dict(flags)), upload=upload)

    def created_contents(
        self, places: Iterable[str], account: str | None = None, except_upload: int | None = None
    ) -> list[CreatedRows]:
        """Return the rows in these places that were created, or whose outcome is not known.

        Args:
            places: What rows are compared within, as `place_of` returns it.
            account: The account; None if it is not known, for the rows of any account.
            except_upload: An upload whose rows are left out.
        """
        with self.reading():
            return self._created_contents(places, account, except_upload)

    def check_chunks(self, upload: int, chunks: Sequence[Chunk]) -> None:
        """Pass chunks that are not sent yet to `check_rows`."""
        with self.reading():
            self._check(upload, self.not_begun(upload, chunks))

    def not_begun(self, upload: int, chunks: Sequence[Chunk]) -> list[Chunk]:
        """Return the chunks of an upload that no call has begun to send, within `reading`."""
        begun = {id_ for (id_,) in self.rows(f"select operation_id {BEGUN}", upload=upload)}
        return [chunk for chunk in chunks if chunk.operation_id not in begun]

    def _check(self, upload: int | None, chunks: Sequence[Chunk]) -> None:
        """Pass chunks to `check_rows`, if another connection has changed the file since rows were last checked."""
        [(version,)] = self.rows("pragma data_version")
        if self.check_rows is None or version == self._data_version:
            return
        [(account, path, destination)] = self.rows("select account, path, destination from uploads where id = :id", id=upload)
        with self.decoding("the destination of an upload"):
            kind, where = BULK_CREATIONS[path], json.loads(destination)
            # '' is the account of an upload of version 3, whose account is not known
            places = {place_of(kind, name, where, chunk.pool_id) for name in (account, "") for chunk in chunks}
        if created := self._created_contents(places, account or None, upload):
            self.check_rows(chunks, created)
        self._data_version = version

    def _created_contents(self, places: Iterable[str], account: str | None, except_upload: int | None) -> list[CreatedRows]:
        rows = self.rows(
            "select upload_id, uploads.begun, contents.place, hashes, counts,"
            " iif(chunks.created < chunks.rows, object_ids, null)"
            " from contents join chunks using (upload, operation_id) join uploads on id = upload"
            " where contents.place in (select value from json_each(:places)) and state in ('begun', 'done', 'failed')"
            " and (:account is null or account in (:account, '')) and upload is not :except_upload",
            places=json.dumps(list(places)),
            account=account,
            except_upload=except_upload,
        )
        with self.decoding("the rows of another upload"):
            return [
                CreatedRows(upload_id, datetime.fromisoformat(begun), place, _created_hashes(hashes, counts, ids))
                for upload_id, begun, place, hashes, counts, ids in rows
            ]

    def begin_chunk(self, upload: int, chunk: Chunk, operation_id: str, flags: Mapping[str, str], at: datetime) -> None:
        """Record that a chunk is about to be sent as this operation, at a time by the service's clock.

        Raises:
            ChunkTakenError: If another process has changed the chunk since this call read it.
            RowsAlreadyCreated: From `check_rows`.
        """
        values = {"sent_as": operation_id, "flags": flags_text(flags), "begun": at.isoformat()}
        with self.chunk_change(upload, chunk) as (sqlite, key):
            self._check(upload, [chunk])
            sqlite.execute(f"delete from outcomes {OF_CHUNK}", key)
            sqlite.execute(
                "update chunks set state = 'begun', sent_as = :sent_as, flags = :flags, begun = :begun, ended = null,"
                f" created = 0, invalid = 0, failed = 0, object_ids = null {OF_CHUNK}",
                key | values,
            )

    def withdraw_chunk(self, upload: int, chunk: Chunk) -> None:
        """Record that a chunk that was begun did not take effect; `ChunkTakenError` as in `begin_chunk`."""
        with self.chunk_change(upload, chunk) as (sqlite, key):
            sqlite.execute(f"update chunks set state = 'waiting', sent_as = null, begun = null, ended = null {OF_CHUNK}", key)

    def split_chunk(self, upload: int, chunk: Chunk, halves: Sequence[Chunk]) -> None:
        """Replace a chunk that was too large by others; `ChunkTakenError` as in `begin_chunk`."""
        with self.chunk_change(upload, chunk) as (sqlite, key):
            [row] = sqlite.execute("select * from uploads where id = :upload", key)
            for table in ("chunks", "objects", "contents"):
                sqlite.execute(f"delete from {table} {OF_CHUNK}", key)
            _insert_chunks(sqlite, _entry(row), halves)

    def end_chunk(
        self,
        upload: int,
        chunk: Chunk,
        state: ChunkState,
        object_ids: Sequence[str | None] | IdTexts,
        uncreated: Iterable[UncreatedObject] = (),
    ) -> None:
        """Record what became of a chunk and its objects; the JSON of a chunk that is done is deleted.

        Args:
            upload: The upload.
            chunk: The chunk.
            state: How it ended.
            object_ids: The id of each created object; None, or empty bytes, for the others.
            uncreated: The outcome of the others.

        Raises:
            ChunkTakenError: As in `begin_chunk`.
        """
        uncreated, texts = list(uncreated), id_texts(object_ids)
        statuses, ended = [status for _, status, *_ in uncreated], _now()
        values = {
            "state": state,
            "ended": ended,
            "created": int(np.count_nonzero(texts != b"")),
            "invalid": statuses.count("INVALID"),
            "failed": statuses.count("FAILED"),
            "object_ids": packed_ids(texts),
        }
        assignments = ", ".join(f"{name} = :{name}" for name in values)
        with self.chunk_change(upload, chunk) as (sqlite, key):
            named = ", ".join(f":{name}" for name in (*key, *OUTCOME_COLUMNS))
            rows = (key | dict(zip(OUTCOME_COLUMNS, outcome, strict=True)) for outcome in uncreated)
            sqlite.executemany(f"insert or replace into outcomes values ({named})", rows)
            sqlite.execute(f"update chunks set {assignments} {OF_CHUNK}", key | values)
            if state == "done":
                sqlite.execute(f"delete from objects {OF_CHUNK}", key)
            settle_uploads(sqlite, upload, ended)

    def pools_to_open(self, upload: int) -> list[str]:
        """Return the pools with created objects that this upload has not opened yet."""
        rows = self.read(
            "select pool_id from chunks where upload = :upload and created > 0"
            " except select pool_id from opened where upload = :upload",
            upload=upload,
        )
        return [pool_id for (pool_id,) in rows]

    def pool_was_opened(self, upload: int, pool_id: str) -> None:
        """Record that this upload has opened a pool."""
        self.write("insert or ignore into opened values (:upload, :pool_id)", upload=upload, pool_id=pool_id)

    @contextlib.contextmanager
    def chunk_change(self, upload: int, chunk: Chunk) -> Iterator[tuple[sqlite3.Connection, dict[str, Any]]]:
        """Change a chunk in one transaction, if no other process has changed it since this call read it."""
        key = self.key_and_version(upload, chunk)
        version = key.pop("version")
        with self.change() as sqlite:
            sql = f"update chunks set version = version + 1 {OF_CHUNK} and version = :version"
            if not sqlite.execute(sql, key | {"version": version}).rowcount:
                raise ChunkTakenError(chunk.operation_id)
            yield sqlite, key
        self.versions[upload, chunk.operation_id] = version + 1

    def key_and_version(self, upload: int, chunk: Chunk) -> dict[str, Any]:
        """Return the parameters that select a chunk in the version that this call has read."""
        return {**chunk_key(upload, chunk), "version": self.versions.get((upload, chunk.operation_id), 0)}

    def timestamp(self, rows: list[Any], chunk: Chunk) -> datetime:
        """Return the timestamp in the only row; raise `ChunkTakenError` if there is none."""
        if not rows or rows[0][0] is None:
            raise ChunkTakenError(chunk.operation_id)
        with self.decoding("the timestamp of a request"):
            return datetime.fromisoformat(rows[0][0])


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
    path = default_ledger_path()
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
            **chunk_key(entry.id, chunk),
            "number": chunk.number,
            "pool_id": chunk.pool_id,
            "spans": spans_of(chunk.positions),
            "rows": len(chunk.positions),
            "text": chunk.packed,
            "place": place_of(entry.kind, entry.account, entry.destination, chunk.pool_id),
            "hashes": chunk.contents,
            "counts": chunk.content_counts or None,
        }
        sqlite.execute(
            "insert into chunks (upload, operation_id, number, pool_id, spans, rows, state)"
            " values (:upload, :operation_id, :number, :pool_id, :spans, :rows, 'waiting')",
            values,
        )
        # in tables of their own, because a change of the chunk's state would write them again; the JSON is mostly compressed
        sqlite.execute("insert into objects values (:upload, :operation_id, :text)", values)
        sqlite.execute("insert into contents values (:upload, :operation_id, :place, :hashes, :counts)", values)


def chunk_key(upload: int, chunk: Chunk) -> dict[str, Any]:
    return {"upload": upload, "operation_id": chunk.operation_id}


def flags_text(flags: Mapping[str, str] | None) -> str:
    return json.dumps(flags, sort_keys=True)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
