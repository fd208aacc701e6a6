"""The service's state in SQLite: rows as JSON, found by id or by query, and jobs that run at a scheduled time."""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from toloka_frames.local._base.errors import does_not_exist
from toloka_frames.local._base.ids_and_timestamps import ObjectIds
from toloka_frames.local._store.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Row = dict[str, Any]

_BUSY_SECONDS = 1
_OWNER_ONLY = 0o600
# SQLite's own files beside the database; it creates them with the permissions of the database
_JOURNALS = ("-wal", "-shm", "-journal")


@dataclass(frozen=True)
class DueJob:
    """A scheduled job whose time has come; `at` is its scheduled time in Unix seconds."""

    at: float
    name: str
    argument: Row


class Store:
    """The state of the service: one SQLite connection with one lock; the file is locked against other processes.

    Args:
        path: The file; created if it does not exist. Only its owner can read it, because it has the token.
        operation_seconds: Duration of operations and of labelling, in seconds.
    """

    def __init__(self, path: str, operation_seconds: float) -> None:
        self.operation_seconds = operation_seconds
        self.object_ids = ObjectIds()
        self.lock = threading.RLock()
        _make_private(path)
        # transactions begin explicitly, because sqlite3 by itself begins one before a change but not before a read
        self._connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            self._connection.execute("PRAGMA locking_mode=EXCLUSIVE")  # the system releases this lock when the process dies
            self._connection.execute("PRAGMA journal_mode=WAL")
            # survives a killed process but not a power failure; commits do not wait for the disk
            self._connection.execute("PRAGMA synchronous=NORMAL")
            with self.transaction():
                self._create_tables()
        except sqlite3.Error:
            self._connection.close()
            raise
        self.owner = {"id": self.setting("owner_id", secrets.token_hex(16)), "myself": True}

    def close(self) -> None:
        """Close the file."""
        with self.lock:
            self._connection.close()

    def _create_tables(self) -> None:
        for name, table in TABLES.items():
            columns = ", ".join(column.sql for column in table.columns)
            # the real time of creation; `created` of simulated work lies before it
            made = "made REAL DEFAULT (julianday('now'))"
            self._connection.execute(f"CREATE TABLE IF NOT EXISTS {name} (body TEXT NOT NULL, {made}, {columns})")
            self._connection.execute(f"CREATE UNIQUE INDEX IF NOT EXISTS {name}_id ON {name} (id)")
            for number, columns in enumerate(table.indexes):
                self._connection.execute(f"CREATE INDEX IF NOT EXISTS {name}_{number} ON {name} ({columns})")
        self._connection.execute("CREATE TABLE IF NOT EXISTS logs (operation_id TEXT PRIMARY KEY, body TEXT NOT NULL)")
        self._connection.execute("CREATE TABLE IF NOT EXISTS files (attachment_id TEXT PRIMARY KEY, data BLOB NOT NULL)")
        self._connection.execute("CREATE TABLE IF NOT EXISTS agenda (at REAL, job TEXT, argument TEXT)")
        self._connection.execute("CREATE INDEX IF NOT EXISTS agenda_at ON agenda (at)")
        self._connection.execute("CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the lock, and apply all changes made meanwhile or, on an exception, none."""
        with self.lock:
            self._connection.execute("BEGIN")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Undo at the end all changes made meanwhile; inside of a transaction."""
        self._connection.execute("SAVEPOINT trial")
        try:
            yield
        finally:
            self._connection.execute("ROLLBACK TO trial")
            self._connection.execute("RELEASE trial")

    def select(self, sql: str, parameters: Sequence[object] | Mapping[str, object] = ()) -> list[Any]:
        """Return the result rows of a query as tuples."""
        with self.lock:
            return self._connection.execute(sql, parameters).fetchall()

    def execute_many(self, sql: str, parameters: Iterable[Sequence[object]]) -> None:
        """Run a statement once for each of the parameter tuples."""
        with self.lock:
            self._connection.executemany(sql, parameters)

    def insert(self, table: str, bodies: Iterable[bytes]) -> None:
        """Add rows, each as JSON; raise sqlite3.IntegrityError if an id exists already."""
        sql = f"INSERT INTO {table} (body) VALUES (CAST(? AS TEXT))"  # noqa: S608  # no names from requests
        self.execute_many(sql, ((body,) for body in bodies))

    def add(self, table: str, row: Row) -> Row:
        """Add one row and return it."""
        self.insert(table, (orjson.dumps(row),))
        return row

    def save(self, table: str, row: Row) -> Row:
        """Write back a changed row and return it."""
        self.save_all(table, (row,))
        return row

    def save_all(self, table: str, rows: Iterable[Row]) -> None:
        """Write back changed rows."""
        key = TABLES[table].column("id").value
        sql = f"UPDATE {table} SET body = CAST(? AS TEXT) WHERE id = ?"  # noqa: S608  # no names from requests
        self.execute_many(sql, ((orjson.dumps(row), key(row["id"])) for row in rows))

    def find(self, table: str, row_id: object) -> Row | None:
        """Return the row with this id; None if there is no such row."""
        try:
            key = TABLES[table].column("id").value(str(row_id))
        except ValueError:
            return None
        found = self.select(f"SELECT body FROM {table} WHERE id = ?", (key,))  # noqa: S608  # no names from requests
        return orjson.loads(found[0][0]) if found else None

    def find_by(self, table: str, **values: object) -> Row | None:
        """Return the first row whose columns have these values; None if there is no such row."""
        equal = " AND ".join(f"{name} = ?" for name in values)
        found = self.select(f"SELECT body FROM {table} WHERE {equal} LIMIT 1", tuple(values.values()))  # noqa: S608  # no names from requests
        return orjson.loads(found[0][0]) if found else None

    def delete(self, table: str, row: Row) -> None:
        """Delete a row."""
        key = TABLES[table].column("id").value(row["id"])
        self.execute_many(f"DELETE FROM {table} WHERE id = ?", ((key,),))  # noqa: S608  # no names from requests

    def get(self, table: str, row_id: str) -> Row:
        """Return the row with this id; raise ServiceError 404 if there is no such row."""
        row = self.find(table, row_id)
        if row is None:
            raise does_not_exist(TABLES[table].label, row_id)
        return row

    def next_id(self, table: str, first: int) -> str:
        """Return the next decimal id of a table whose ids count up from `first`."""
        [(highest,)] = self.select(f"SELECT max(id) FROM {table}")  # noqa: S608  # no names from requests
        return str(max(first, (highest or 0) + 1))

    def save_token(self, token: str | None) -> str:
        """Return the token that clients must send: `token`, else the stored one, else a new one; store it."""
        if token:
            self.change_setting("token", token)
        # 22 characters before the first of two dots: clients recognize an API key, unlike an OAuth token, by this form
        return self.setting("token", f"{secrets.token_hex(11)}.{secrets.token_hex(4)}.{secrets.token_hex(16)}")

    def setting(self, name: str, default: str) -> str:
        """Return a value stored in the file; store `default` first if there is none."""
        self.execute_many("INSERT OR IGNORE INTO settings VALUES (?, ?)", ((name, default),))
        [(value,)] = self.select("SELECT value FROM settings WHERE name = ?", (name,))
        return str(value)

    def find_setting(self, name: str) -> str | None:
        """Return a value stored in the file; None if there is none."""
        found = self.select("SELECT value FROM settings WHERE name = ?", (name,))
        return str(found[0][0]) if found else None

    def delete_setting(self, name: str) -> None:
        """Remove a value from the file."""
        self.execute_many("DELETE FROM settings WHERE name = ?", ((name,),))

    def change_setting(self, name: str, value: str) -> None:
        """Store a value in the file."""
        self.execute_many("INSERT OR REPLACE INTO settings VALUES (?, ?)", ((name, value),))

    def schedule(self, at: float, job_name: str, **argument: object) -> None:
        """Schedule a job for `at` (Unix seconds)."""
        self.execute_many("INSERT INTO agenda VALUES (?, ?, ?)", ((at, job_name, orjson.dumps(argument).decode()),))

    def has_job(self, job_name: str, **argument: str) -> bool:
        """Return whether such a job is scheduled whose argument has these values."""
        equal = "".join(f" AND argument ->> '{name}' = ?" for name in argument)
        sql = f"SELECT 1 FROM agenda WHERE job = ?{equal} LIMIT 1"  # noqa: S608  # no names from requests
        return bool(self.select(sql, (job_name, *argument.values())))

    def cancel_jobs(self, job_name: str, **argument: str) -> None:
        """Remove such jobs from the agenda whose argument has these values."""
        equal = "".join(f" AND argument ->> '{name}' = ?" for name in argument)
        sql = f"DELETE FROM agenda WHERE job = ?{equal}"  # noqa: S608  # no names from requests
        self.execute_many(sql, ((job_name, *argument.values()),))

    def pop_due_job(self, until: float) -> DueJob | None:
        """Remove the earliest job that is scheduled until a time, in Unix seconds, and return it; None if there is none."""
        found = self.select(
            "DELETE FROM agenda WHERE rowid = (SELECT rowid FROM agenda WHERE at <= ? ORDER BY at, rowid LIMIT 1)"
            " RETURNING at, job, argument",
            (until,),
        )
        return DueJob(found[0][0], found[0][1], orjson.loads(found[0][2])) if found else None


def _make_private(path: str) -> None:
    """Create the file if it does not exist, and let only its owner read it and its journals."""
    with suppress(FileExistsError):
        # an existing file is not opened: closing it would end the lock that another service in this process has on it
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _OWNER_ONLY))
    for suffix in ("", *_JOURNALS):
        with suppress(FileNotFoundError, PermissionError):  # a file of another user stays as it is
            Path(f"{path}{suffix}").chmod(_OWNER_ONLY)
