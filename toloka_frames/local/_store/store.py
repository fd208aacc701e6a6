"""Rows as JSON text in SQLite -> rows by id and by query, and what is due by the clock; kept when the file is given."""

from __future__ import annotations

import secrets
import sqlite3
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from toloka_frames.local._base.errors import does_not_exist
from toloka_frames.local._base.ids_and_timestamps import ObjectIds
from toloka_frames.local._store.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Row = dict[str, Any]

_BUSY_SECONDS = 1


@dataclass(frozen=True)
class Due:
    """Work of the service that the clock has reached: `job` is its name, `at` its moment in Unix seconds."""

    at: float
    job: str
    argument: Row


class Store:
    """The state of the service: one SQLite connection behind one lock, and the file kept from other processes.

    Args:
        path: The file; made when it is not there.
        operation_seconds: How long operations and labelling take, in seconds.
    """

    def __init__(self, path: str, operation_seconds: float) -> None:
        self.operation_seconds = operation_seconds
        self.object_ids = ObjectIds()
        self.lock = threading.RLock()
        # transactions are begun by hand: left to itself, sqlite3 begins one at a change and none at a read
        self._connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            self._connection.execute("PRAGMA locking_mode=EXCLUSIVE")  # by a lock of the system, which dies with its process
            self._connection.execute("PRAGMA journal_mode=WAL")
            # a killed process loses nothing, and no commit waits for the disk; a loss of power need not be survived
            self._connection.execute("PRAGMA synchronous=NORMAL")
            with self.transaction():
                self._create_tables()
        except sqlite3.Error:
            self._connection.close()
            raise
        self.owner = {"id": self.setting("owner_id", secrets.token_hex(16)), "myself": True}

    def close(self) -> None:
        """Let go of the file."""
        with self.lock:
            self._connection.close()

    def _create_tables(self) -> None:
        for name, table in TABLES.items():
            columns = ", ".join(column.sql for column in table.columns)
            made = "made REAL DEFAULT (julianday('now'))"  # unlike `created`, by the clock: Tolokers work ahead of it
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
        """The lock, and all changes within or none."""
        with self.lock:
            self._connection.execute("BEGIN")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def select(self, sql: str, parameters: Sequence[object] | Mapping[str, object] = ()) -> list[Any]:
        """The result rows of a query, as tuples."""
        with self.lock:
            return self._connection.execute(sql, parameters).fetchall()

    def change(self, sql: str, parameters: Iterable[Sequence[object]]) -> None:
        """Run a statement once for each of the parameter tuples."""
        with self.lock:
            self._connection.executemany(sql, parameters)

    def insert(self, table: str, bodies: Iterable[bytes]) -> None:
        """Add rows given as JSON; sqlite3.IntegrityError if an id is there already."""
        sql = f"INSERT INTO {table} (body) VALUES (CAST(? AS TEXT))"  # noqa: S608  # all names are ours
        self.change(sql, ((body,) for body in bodies))

    def add(self, table: str, row: Row) -> Row:
        """Add one row."""
        self.insert(table, (orjson.dumps(row),))
        return row

    def save(self, table: str, row: Row) -> Row:
        """Write back a row that was read and changed."""
        self.save_all(table, (row,))
        return row

    def save_all(self, table: str, rows: Iterable[Row]) -> None:
        """Write back rows that were read and changed."""
        key = TABLES[table].column("id").value
        sql = f"UPDATE {table} SET body = CAST(? AS TEXT) WHERE id = ?"  # noqa: S608  # all names are ours
        self.change(sql, ((orjson.dumps(row), key(row["id"])) for row in rows))

    def find(self, table: str, row_id: object) -> Row | None:
        """The row with that id, if there is one."""
        try:
            key = TABLES[table].column("id").value(str(row_id))
        except ValueError:
            return None
        found = self.select(f"SELECT body FROM {table} WHERE id = ?", (key,))  # noqa: S608  # all names are ours
        return orjson.loads(found[0][0]) if found else None

    def find_by(self, table: str, **values: object) -> Row | None:
        """The first row whose columns have these values, if there is one."""
        same = " AND ".join(f"{name} = ?" for name in values)
        found = self.select(f"SELECT body FROM {table} WHERE {same} LIMIT 1", tuple(values.values()))  # noqa: S608  # all names are ours
        return orjson.loads(found[0][0]) if found else None

    def delete(self, table: str, row: Row) -> None:
        """Take a row away."""
        key = TABLES[table].column("id").value(row["id"])
        self.change(f"DELETE FROM {table} WHERE id = ?", ((key,),))  # noqa: S608  # all names are ours

    def get(self, table: str, row_id: str) -> Row:
        """The row with that id; ServiceError 404 if there is none."""
        row = self.find(table, row_id)
        if row is None:
            raise does_not_exist(TABLES[table].what, row_id)
        return row

    def next_id(self, table: str, first: int) -> str:
        """The next decimal id of a table whose ids count up from `first`."""
        [(highest,)] = self.select(f"SELECT max(id) FROM {table}")  # noqa: S608  # all names are ours
        return str(max(first, (highest or 0) + 1))

    def token(self, given: str | None) -> str:
        """The token clients must present: the one given, else the one kept, else a new one; kept from now on."""
        if given:
            self.change("INSERT OR REPLACE INTO settings VALUES ('token', ?)", ((given,),))
        # 22 characters before the first of two dots: by this shape clients tell an API key from an OAuth token
        return self.setting("token", f"{secrets.token_hex(11)}.{secrets.token_hex(4)}.{secrets.token_hex(16)}")

    def setting(self, name: str, default: str) -> str:
        """A value kept in the file; `default` is written when there is none."""
        self.change("INSERT OR IGNORE INTO settings VALUES (?, ?)", ((name, default),))
        [(value,)] = self.select("SELECT value FROM settings WHERE name = ?", (name,))
        return str(value)

    def schedule(self, at: float, job: str, **argument: object) -> None:
        """Note work for the moment `at` (Unix seconds)."""
        self.change("INSERT INTO agenda VALUES (?, ?, ?)", ((at, job, orjson.dumps(argument).decode()),))

    def due(self) -> Due | None:
        """The earliest work whose moment has come, taken off the agenda."""
        found = self.select(
            "DELETE FROM agenda WHERE rowid = (SELECT rowid FROM agenda WHERE at <= ? ORDER BY at, rowid LIMIT 1)"
            " RETURNING at, job, argument",
            (time.time(),),
        )
        return Due(found[0][0], found[0][1], orjson.loads(found[0][2])) if found else None
