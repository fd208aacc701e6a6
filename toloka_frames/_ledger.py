"""What is about to be sent and what became of it comes in; it is on disk before it is sent, and what is left to do goes out.

One SQLite file holds all uploads: a row for each upload, a row for each chunk, a row for what became of each input row. What
is not yet settled keeps the JSON of its objects, so that an upload can go on without the frame. No token is ever in it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import threading
from array import array
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

from toloka_frames._chunks import Chunk
from toloka_frames._errors import InputError, LedgerError
from toloka_frames._kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from toloka_frames._kinds import Kind
    from toloka_frames._plan import Plan

# waiting: not sent; begun: sent, its end not known; refused: not taken; done, failed: how its operation ended
State: TypeAlias = Literal["waiting", "begun", "refused", "done", "failed"]
Flags: TypeAlias = "Mapping[str, bool | str | None]"

APPLICATION_ID = 0x746F6C66  # "tolf": tells our file from any other SQLite file
VERSION = 2
BUSY_SECONDS = 10.0
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
OUTCOME = itemgetter("status", "object_id", "error_field", "error_code", "error_message", "row")
SCHEMA = """
create table uploads (
    id integer primary key, account text not null, upload_id text not null, path text not null, key text not null,
    place text not null, rows integer not null, object_of_row blob, content text not null, digests blob not null,
    flags text not null, begun text not null, ended text, unique (account, upload_id)
);
create table chunks (
    upload integer not null references uploads, operation_id text not null, number integer not null, pool_id text not null,
    spans text not null, rows integer not null, state text not null, sent_as text, flags text, begun text, ended text,
    created integer not null default 0, primary key (upload, operation_id)
);
create table objects (
    upload integer not null, operation_id text not null, text blob not null, primary key (upload, operation_id)
);
create table outcomes (
    upload integer not null, row integer not null, operation_id text not null, status text not null, object_id text,
    error_field text, error_code text, error_message text,
    primary key (upload, row)
) without rowid;
create table opened (upload integer not null, pool_id text not null, primary key (upload, pool_id)) without rowid;
"""


@dataclass(frozen=True)
class Record:
    """An upload as the ledger has it.

    Attributes:
        id: Its number in the ledger.
        upload_id: Its name.
        kind: What it makes.
        rows: How many objects it has.
        content: A hash of all of them.
        digests: Four bytes for each.
        flags: What the last call asked for.
        ended: When all its rows were settled, or None.
        place: Where it goes, as far as its objects do not say it.
        object_of_row: The position of each input row's object.
    """

    id: int
    upload_id: str
    kind: Kind
    rows: int
    content: str
    digests: array[int]
    flags: Flags
    ended: datetime | None
    place: Mapping[str, str]
    object_of_row: Sequence[int]


class Ledger:
    """A ledger, in a `with` block; when it is open, any thread may call it, and each change is on disk when it returns."""

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

    def lock(self, account: str, upload_id: str) -> UploadLock:
        """The lock of one upload, so that two processes do not send it at once."""
        name = hashlib.sha256(f"{account}\n{upload_id}".encode()).hexdigest()[:16]
        return UploadLock(self.path.with_name(f"{self.path.name}-{name}.lock"), self.path)

    def find(self, account: str, upload_id: str) -> Record | None:
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
        return Record(
            id=number,
            upload_id=name,
            kind=KINDS[path],
            rows=rows,
            content=content,
            digests=array("I", digests),
            flags=json.loads(flags),
            ended=ended_at,
            place=json.loads(place),
            object_of_row=range(rows) if objects is None else array("I", objects),
        )

    def add(self, plan: Plan, flags: Flags) -> None:
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
                    len(plan.digests),
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

    def chunks(self, upload: int, flags: Mapping[str, str]) -> list[Chunk]:
        """The chunks that are left to be sent or looked at; those that failed with other flags are among them."""
        sql = (
            "select number, pool_id, spans, text, key, iif(state in ('begun', 'failed'), sent_as, null)"
            " from chunks join uploads on upload = id join objects using (upload, operation_id)"
            " where upload = ? and (state in ('waiting', 'begun', 'refused') or (state = 'failed' and chunks.flags <> ?))"
            " order by state = 'refused', number, chunks.rowid"
        )
        left = self._read(sql, (upload, _said(flags)))
        return [Chunk(number, pool_id, _rows(spans), *rest) for number, pool_id, spans, *rest in left]

    def outcomes(self, upload: int) -> list[dict[str, Any]]:
        """What is known of each row that was sent: its position as `row`, and its columns of the result."""
        sql = (
            "select row, status, object_id, error_field, error_code, error_message, sent_as as operation_id,"
            " nullif(pool_id, '') as batch_id, number as chunk"
            " from outcomes join chunks using (upload, operation_id) where upload = ?"
        )
        begun = "select spans, sent_as, nullif(pool_id, ''), number from chunks where upload = ? and state = 'begun'"
        unknown = [
            {"row": row, "status": "UNKNOWN", "operation_id": sent_as, "batch_id": batch_id, "chunk": number}
            for spans, sent_as, batch_id, number in self._read(begun, (upload,))
            for row in _rows(spans)
        ]
        return self._read_dicts(sql, (upload,)) + unknown

    def failures(self, upload: int, flags: Mapping[str, str]) -> list[str]:
        """The operations of these flags that ended with FAIL."""
        sql = "select sent_as from chunks where upload = ? and state = 'failed' and flags = ?"
        return [each for (each,) in self._read(sql, (upload, _said(flags)))]

    def begin(self, upload: int, chunk: Chunk, operation_id: str, flags: Mapping[str, str], at: datetime) -> None:
        """Write down that a chunk is about to be sent as this operation, at an instant by the service's clock."""
        with self._change() as sqlite:
            _forget_outcomes(sqlite, upload, chunk)
            sqlite.execute(
                "update chunks set state = 'begun', sent_as = ?, flags = ?, begun = ?, ended = null"
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
        """The ids of all app items and batches that are known to be of uploads of this upload's account."""
        sql = (
            "with apps as (select id from uploads where place <> '{}' and account = (select account from uploads where id = ?))"
            " select object_id from outcomes where upload in apps and object_id is not null"
            " union select pool_id from chunks where upload in apps"
        )
        return {each for (each,) in self._read(sql, (upload,))}

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

    def end(self, upload: int, chunk: Chunk, state: State, outcomes: Iterable[Mapping[str, Any]]) -> None:
        """Write down what became of a chunk and its rows; of one that is done the tasks are no longer needed."""
        rows = [(*OUTCOME(outcome), upload, chunk.operation_id) for outcome in outcomes]
        created = sum(status == "CREATED" for status, *_ in rows)
        with self._change() as sqlite:
            sqlite.executemany(
                "insert or replace into outcomes"
                " (status, object_id, error_field, error_code, error_message, row, upload, operation_id)"
                " values (?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
            sqlite.execute(
                "update chunks set state = ?, ended = ?, created = ? where upload = ? and operation_id = ?",
                (state, _now(), created, upload, chunk.operation_id),
            )
            if state == "done":
                sqlite.execute("delete from objects where upload = ? and operation_id = ?", (upload, chunk.operation_id))
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
        return [{**each, "kind": KINDS[each["kind"]].name} for each in uploads]

    def _prepare(self) -> None:
        sqlite = self._sqlite
        # what is no file of ours is found out before anything is written to it
        (tables,) = sqlite.execute("select count(*) from sqlite_schema").fetchone()
        (mine,) = sqlite.execute("pragma application_id").fetchone()
        (version,) = sqlite.execute("pragma user_version").fetchone()
        if tables and (mine, version) != (APPLICATION_ID, VERSION):
            what = "was written by another version of toloka_frames" if mine == APPLICATION_ID else "holds something else"
            raise LedgerError(f"{self.path} {what}, and is left as it is.", path=self.path, hint=ANOTHER)
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
        lock.take(BUSY_SECONDS)
        try:
            self._sqlite.execute("pragma journal_mode = wal")
        finally:
            lock.give_back()

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


IN_USE = "Another program holds it: end that, and make the same call again."
ANOTHER = "Move it away or give another file with ledger=...; the same rows keep their operation ids and are created once."


class UploadLock:
    """Held by the one process that sends an upload or makes a ledger; the system lets go of it when that process dies."""

    def __init__(self, path: Path, ledger: Path) -> None:
        import filelock  # noqa: PLC0415 -- it takes long to load, and only an upload pays for it

        # not thread-local: it may be taken in one thread and given back in another
        self._lock = filelock.FileLock(path, thread_local=False)
        self._ledger = ledger

    def take(self, seconds: float = 0.0) -> bool:
        """Take it, if nobody has it for so long."""
        try:
            self._lock.acquire(timeout=seconds)
        except TimeoutError:
            return False
        except OSError as error:
            why = f"The lock of an upload cannot be made beside the ledger {self._ledger}: {error}."
            raise LedgerError(why, path=self._ledger, hint=ANOTHER) from error
        return True

    def give_back(self) -> None:
        """Let go of it, if it was taken."""
        if not self._lock.is_locked:
            return
        # removed while it is held: whoever waits for it sees that its file is gone and makes a new one
        with contextlib.suppress(OSError):
            Path(self._lock.lock_file).unlink()
        self._lock.release()


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


def _insert(sqlite: sqlite3.Connection, upload: int | None, chunks: Iterable[Chunk]) -> None:
    for chunk in chunks:
        sqlite.execute(
            "insert into chunks (upload, operation_id, number, pool_id, spans, rows, state)"
            " values (?, ?, ?, ?, ?, ?, 'waiting')",
            (upload, chunk.operation_id, chunk.number, chunk.pool_id, _spans(chunk.rows), len(chunk.rows)),
        )
        # in a table of their own: a change of a chunk's state would write its objects again
        sqlite.execute("insert into objects values (?, ?, ?)", (upload, chunk.operation_id, chunk.text))


def _forget_outcomes(sqlite: sqlite3.Connection, upload: int, chunk: Chunk) -> None:
    # the key of outcomes begins with upload and row: without the rows, all of an upload would be looked through
    sql = "delete from outcomes where upload = ? and row between ? and ? and operation_id = ?"
    sqlite.execute(sql, (upload, min(chunk.rows), max(chunk.rows), chunk.operation_id))


def _spans(rows: Sequence[int]) -> str:
    """Positions as runs, first and behind the last: [[0, 10000]]."""
    if isinstance(rows, range):
        return json.dumps([[rows.start, rows.stop]])
    runs = ([row for _, row in run] for _, run in groupby(enumerate(rows), lambda each: each[1] - each[0]))
    return json.dumps([[run[0], run[-1] + 1] for run in runs])


def _rows(spans: str) -> Sequence[int]:
    runs = [range(*run) for run in json.loads(spans)]
    return runs[0] if len(runs) == 1 else [row for run in runs for row in run]


def _said(flags: Mapping[str, str]) -> str:
    return json.dumps(flags, sort_keys=True)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
