"""The path of a ledger comes in; its SQLite file goes out, opened and fit for use, and the locks that lie beside it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from toloka_frames._errors import InputError, LedgerError
from toloka_frames._runtime.file_lock import FileLock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

APPLICATION_ID = 0x746F6C66  # "tolf": tells our file from any other SQLite file
VERSION = 3
PAGE_BYTES = 32_768
BUSY_SECONDS = 10.0
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
IN_USE = "Another program holds it: end that, and make the same call again."
ANOTHER = (
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


class LedgerFile:
    """A ledger's file, in a `with` block; once open, any thread may use it, and each change is on disk when it returns."""

    def __init__(self, path: Path | None) -> None:
        self.path = _default_place() if path is None else path
        self._lock = threading.Lock()
        self._opened: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        with self._lock:
            if self._opened is not None:
                self._opened.close()

    def open(self) -> Self:
        """Open the file; made where it is not there.

        Raises:
            LedgerError: It cannot be used; it is left as it is.
        """
        with self._lock, self._explained():
            self._opened = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            self._prepare()
        return self

    @property
    def _sqlite(self) -> sqlite3.Connection:
        assert self._opened is not None  # noqa: S101 -- it is opened before anything is asked of it
        return self._opened

    def _prepare(self) -> None:
        sqlite = self._sqlite
        # what is no file of ours is found out before anything is written to it
        (tables,) = sqlite.execute("select count(*) from sqlite_schema").fetchone()
        (mine,) = sqlite.execute("pragma application_id").fetchone()
        (version,) = sqlite.execute("pragma user_version").fetchone()
        if tables and (mine, version) != (APPLICATION_ID, VERSION):
            what = "was written by another version of toloka_frames" if mine == APPLICATION_ID else "holds something else"
            raise LedgerError(f"{self.path} {what}, and is left as it is.", path=self.path, hint=ANOTHER)
        # a request has a megabyte of tasks: on large pages it is written and forgotten in half the time
        sqlite.execute(f"pragma page_size = {PAGE_BYTES}")
        self._log_ahead()
        # a change is on disk when it returns: with less, a power cut could forget what was already sent
        sqlite.execute("pragma synchronous = full")
        if not tables:
            self._build()

    def _log_ahead(self) -> None:
        """Have the file in WAL mode; two that both bring it there at once would keep each other out."""
        if self._sqlite.execute("pragma journal_mode").fetchone() == ("wal",):
            return
        lock = UploadLock(self.path.with_name(f"{self.path.name}.lock"), self.path)
        lock.acquire(BUSY_SECONDS)
        try:
            self._sqlite.execute("pragma journal_mode = wal")
        finally:
            lock.release()

    def _build(self) -> None:
        with self._transaction() as sqlite:
            if sqlite.execute("select count(*) from sqlite_schema").fetchone()[0]:
                return  # another process was first
            for statement in filter(str.strip, SCHEMA.split(";")):
                sqlite.execute(statement)
            sqlite.execute(f"pragma application_id = {APPLICATION_ID}")
            sqlite.execute(f"pragma user_version = {VERSION}")

    @contextlib.contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._explained(), self._transaction() as sqlite:
            yield sqlite

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All changes of the block or none."""
        self._sqlite.execute("begin immediate")
        try:
            yield self._sqlite
            self._sqlite.execute("commit")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # SQLite itself has rolled back what a full disk stopped
                self._sqlite.execute("rollback")
            raise

    def _read(self, sql: str, parameters: Sequence[object]) -> list[Any]:
        with self._lock, self._explained():
            return self._sqlite.execute(sql, parameters).fetchall()

    def _read_dicts(self, sql: str, parameters: Sequence[object]) -> list[dict[str, Any]]:
        with self._lock, self._explained():
            cursor = self._sqlite.execute(sql, parameters)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            what = "is damaged or no ledger, and is left as it is" if code in DAMAGED else "cannot be used"
            hint = IN_USE if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) else ANOTHER
            raise LedgerError(f"The ledger {self.path} {what}: {error}.", path=self.path, hint=hint) from error


class UploadLock:
    """Held by the one process that sends an upload or makes a ledger; the system lets go of it when that process dies."""

    def __init__(self, path: Path, ledger: Path) -> None:
        self._lock = FileLock(path)
        self._ledger = ledger

    def acquire(self, seconds: float = 0.0) -> bool:
        """Take it, if nobody has it for so long."""
        try:
            return self._lock.acquire(seconds)
        except OSError as error:
            why = f"The lock of an upload cannot be made beside the ledger {self._ledger}: {error}."
            raise LedgerError(why, path=self._ledger, hint=ANOTHER) from error

    def release(self) -> None:
        """Let go of it, if it was taken."""
        self._lock.release(remove=True)


def ledger_place(ledger: Any) -> Path | None:
    """Where a ledger shall be; None for the user's data folder.

    Raises:
        InputError: It is no path.
    """
    if ledger is not None and (not isinstance(ledger, str | os.PathLike) or "\0" in os.fsdecode(ledger)):
        raise InputError(f"ledger={ledger!r} is no path of a file.", column="ledger")
    try:
        # absolute, so that a later change of folder does not make it another, and no name has a meaning of its own to SQLite
        return None if ledger is None else Path(os.fsdecode(ledger)).expanduser().absolute()
    except RuntimeError as error:
        raise InputError(f"ledger={ledger!r}: {error}", column="ledger") from error


def _default_place() -> Path:
    import platformdirs  # noqa: PLC0415 -- only an upload pays for it

    place = platformdirs.user_data_path("toloka_frames", appauthor=False) / "uploads.db"
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerError(f"The folder of the ledger cannot be made: {error}.", path=place, hint=ANOTHER) from error
    return place
