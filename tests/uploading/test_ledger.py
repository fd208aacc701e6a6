"""The ledger: uploads, chunks and outcomes are recorded in one SQLite file and read back from it."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from array import array
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from support.child_process import child_process

import toloka_frames as tf
from toloka_frames._schema.bulk import CREATE_TASKS
from toloka_frames._uploading.ledger import Ledger
from toloka_frames._uploading.requests import Chunk, UploadPlan
from toloka_frames._uploading.results import Results

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from toloka_frames._uploading.ledger import LedgerEntry
    from toloka_frames._uploading.results import RowStatus, UncreatedObject

CALL_FLAGS = {"allow_defaults": True, "open_pool": None, "skip_invalid_items": None}
FLAGS = {"allow_defaults": "true"}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def chunk(number: int, rows: Sequence[int], pool_id: str = "1", key: str = "key") -> Chunk:
    return Chunk(number, pool_id, rows, b"\n".join(b'{"__item_idx":"%d","text":"\\n"}' % row for row in rows), key)


def plan(*chunks: Chunk, upload_id: str = "mine", account: str = "me") -> UploadPlan:
    rows = sum(len(part.positions) for part in chunks)
    return UploadPlan(CREATE_TASKS, account, upload_id, "key", "content", rows, array("I", range(rows)), chunks, range(rows))


def ids(rows: Sequence[int]) -> list[str | None]:
    return [f"t{row}" for row in rows]


def uncreated(rows: Sequence[int], status: RowStatus) -> list[UncreatedObject]:
    return [(row, status, "image", "CODE", "no") for row in rows]


def known_results(ledger: Ledger, entry: LedgerEntry) -> dict[str, list[Any]]:
    """Return the results that the ledger has, by column."""
    results = Results(entry.object_count, "task_id")
    for positions, columns in ledger.outcomes(entry.id):
        results.put(positions, **columns)
    frame = results.frame(pd.RangeIndex(entry.object_count), range(entry.object_count)).astype(object)
    return {name: frame[name].where(frame[name].notna(), None).tolist() for name in frame}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "uploads.db") as ledger:
        yield ledger.open()


def added(ledger: Ledger, *chunks: Chunk) -> LedgerEntry:
    return ledger.add(plan(*chunks), CALL_FLAGS)


def test_a_recorded_upload_is_read_back_unchanged(ledger: Ledger) -> None:
    chunks = [chunk(0, range(3)), chunk(1, [3, 5, 6, 9], pool_id="2"), chunk(1, [4, 7, 8])]
    entry = added(ledger, *chunks)
    with Ledger(ledger.path) as again:
        again.open()
        assert again.find("me", "mine") == entry
        left = again.open_chunks(entry.id, FLAGS)
    assert [replace(part, positions=list(part.positions)) for part in left] == [
        replace(part, positions=list(part.positions)) for part in chunks
    ]
    assert [part.operation_id for part in left] == [part.operation_id for part in chunks]
    assert (entry.object_count, entry.flags, list(entry.digests), entry.ended) == (10, CALL_FLAGS, list(range(10)), None)


def test_an_upload_is_found_by_account_and_name(ledger: Ledger) -> None:
    added(ledger, chunk(0, range(3)))
    assert ledger.find("me", "other") is None
    assert ledger.find("you", "mine") is None
    ledger.add(plan(chunk(0, range(3)), account="you"), CALL_FLAGS)
    assert len(ledger.uploads()) == 2


def test_a_begun_chunk_stays_open_with_its_operation_and_unknown_rows(ledger: Ledger) -> None:
    first, second = chunk(0, range(2)), chunk(1, range(2, 4))
    entry = added(ledger, first, second)
    ledger.begin_chunk(entry.id, second, "an-operation", FLAGS, NOW)
    assert [part.pending_operation_id for part in ledger.open_chunks(entry.id, FLAGS)] == [None, "an-operation"]
    assert known_results(ledger, entry) == {
        **dict.fromkeys(("task_id", "error_field", "error_code", "error_message"), [None] * 4),
        "status": ["NOT_SENT", "NOT_SENT", "UNKNOWN", "UNKNOWN"],
        "operation_id": [None, None, "an-operation", "an-operation"],
        "chunk": [None, None, 1, 1],
    }
    ledger.withdraw_chunk(entry.id, second)
    assert [part.pending_operation_id for part in ledger.open_chunks(entry.id, FLAGS)] == [None, None]
    assert known_results(ledger, entry)["status"] == ["NOT_SENT"] * 4


def test_a_done_chunk_is_closed_and_its_tasks_are_deleted(ledger: Ledger) -> None:
    first, second = chunk(0, range(2)), chunk(1, range(2, 4))
    entry = added(ledger, first, second)
    for part in (first, second):
        ledger.begin_chunk(entry.id, part, part.operation_id, FLAGS, NOW)
    ledger.end_chunk(entry.id, first, "done", ids(first.positions))
    assert [part.number for part in ledger.open_chunks(entry.id, FLAGS)] == [1]
    results = known_results(ledger, entry)
    assert results["status"] == ["CREATED", "CREATED", "UNKNOWN", "UNKNOWN"]
    assert results["task_id"] == ["t0", "t1", None, None]
    assert results["operation_id"] == [first.operation_id] * 2 + [second.operation_id] * 2
    assert ledger.find("me", "mine").ended is None  # type: ignore[union-attr]
    ledger.end_chunk(entry.id, second, "done", ids(second.positions))
    assert ledger.find("me", "mine").ended is not None  # type: ignore[union-attr]
    assert b"__item_idx" not in dumped(ledger.path)


def dumped(path: Path) -> bytes:
    with sqlite3.connect(path) as sqlite:
        rows = [*sqlite.execute("select * from chunks"), *sqlite.execute("select * from objects")]
    sqlite.close()
    return "\n".join(map(str, rows)).encode()


def test_a_failed_chunk_is_open_only_for_other_flags(ledger: Ledger) -> None:
    only = chunk(0, range(2))
    entry = added(ledger, only)
    ledger.begin_chunk(entry.id, only, "an-operation", FLAGS, NOW)
    ledger.end_chunk(entry.id, only, "failed", [None] * 2, uncreated(only.positions, "FAILED"))
    assert ledger.open_chunks(entry.id, FLAGS) == []
    assert ledger.failed_operations(entry.id, FLAGS) == ["an-operation"]
    others = FLAGS | {"skip_invalid_items": "true"}
    assert [part.pending_operation_id for part in ledger.open_chunks(entry.id, others)] == ["an-operation"]
    assert ledger.failed_operations(entry.id, others) == []
    ledger.begin_chunk(entry.id, only, "another", others, NOW)
    results = known_results(ledger, entry)
    assert (results["status"], results["operation_id"], results["error_code"]) == (["UNKNOWN"] * 2, ["another"] * 2, [None] * 2)


def test_outcomes_are_recorded_row_by_row(ledger: Ledger) -> None:
    first, second = chunk(0, [0, 2, 4]), chunk(1, [1, 3], pool_id="2")
    entry = added(ledger, first, second)
    ledger.begin_chunk(entry.id, first, "an-operation", FLAGS, NOW)
    ledger.end_chunk(entry.id, first, "done", ["a", None, "c"], uncreated([2], "INVALID"))
    assert known_results(ledger, entry) == {
        "status": ["CREATED", "NOT_SENT", "INVALID", "NOT_SENT", "CREATED"],
        "task_id": ["a", None, None, None, "c"],
        "error_field": [None, None, "image", None, None],
        "error_code": [None, None, "CODE", None, None],
        "error_message": [None, None, "no", None, None],
        "operation_id": ["an-operation", None, "an-operation", None, "an-operation"],
        "chunk": [0, None, 0, None, 0],
    }


def test_planned_chunks_are_reused_with_their_recorded_operation_and_batch(ledger: Ledger) -> None:
    first, second = chunk(0, range(2), pool_id=""), chunk(1, range(2, 4), pool_id="")
    entry = added(ledger, first, second)
    left = ledger.open_chunks(entry.id, FLAGS, [first, second])
    assert [part is planned for part, planned in zip(left, [first, second], strict=True)] == [True, True]
    ledger.begin_chunk(entry.id, first, first.operation_id, FLAGS, NOW)
    ledger.set_batch(entry.id, "a batch")
    left = ledger.open_chunks(entry.id, FLAGS, [first, second])
    assert left == ledger.open_chunks(entry.id, FLAGS)
    assert [(part.pool_id, part.pending_operation_id) for part in left] == [("a batch", first.operation_id), ("a batch", None)]


def test_a_rejected_chunk_is_open_without_an_operation(ledger: Ledger) -> None:
    only = chunk(0, range(2))
    entry = added(ledger, only)
    ledger.begin_chunk(entry.id, only, only.operation_id, FLAGS, NOW)
    ledger.end_chunk(entry.id, only, "refused", [None] * 2, uncreated(only.positions, "FAILED"))
    assert [part.pending_operation_id for part in ledger.open_chunks(entry.id, FLAGS)] == [None]


def test_halves_replace_a_chunk(ledger: Ledger) -> None:
    first, second = chunk(0, range(5)), chunk(1, range(5, 7))
    entry = added(ledger, first, second)
    ledger.split_chunk(entry.id, first, first.halves())
    left = ledger.open_chunks(entry.id, FLAGS)
    assert [(part.number, list(part.positions)) for part in left] == [(0, [0, 1]), (0, [2, 3, 4]), (1, [5, 6])]


def test_a_pool_with_created_objects_is_opened_once(ledger: Ledger) -> None:
    chunks = [chunk(number, [number], pool_id=str(number)) for number in range(3)]
    entry = added(ledger, *chunks)
    for part in chunks[:2]:
        ledger.end_chunk(entry.id, part, "done", ids(part.positions))
    ledger.end_chunk(entry.id, chunks[2], "done", [None], uncreated(chunks[2].positions, "INVALID"))
    assert ledger.pools_to_open(entry.id) == ["0", "1"]
    ledger.pool_was_opened(entry.id, "1")
    ledger.pool_was_opened(entry.id, "1")
    assert ledger.pools_to_open(entry.id) == ["0"]


def test_uploads_counts_rows_by_outcome(ledger: Ledger) -> None:
    chunks = [chunk(0, range(4)), chunk(1, range(4, 7)), chunk(2, range(7, 9)), chunk(3, [9])]
    entry = added(ledger, *chunks)
    for part in chunks[:3]:
        ledger.begin_chunk(entry.id, part, part.operation_id, FLAGS, NOW)
    ledger.end_chunk(entry.id, chunks[0], "done", [*ids(range(3)), None], uncreated([3], "INVALID"))
    ledger.end_chunk(entry.id, chunks[1], "refused", [None] * 3, uncreated(range(4, 7), "FAILED"))
    ledger.add(plan(chunk(0, range(2)), upload_id="other"), CALL_FLAGS)
    frame = tf.uploads(ledger.path)
    assert frame["upload_id"].tolist() == ["mine", "other"]
    assert frame["state"].tolist() == ["FAILED", "UNFINISHED"]
    counts = frame.loc[0, ["rows", "created", "invalid", "failed", "unknown", "not_sent"]]
    assert counts.tolist() == [10, 3, 1, 3, 2, 1]
    assert frame.dtypes.astype(str).to_dict() == {
        **dict.fromkeys(("upload_id", "account", "kind", "state", "pool_ids"), "string"),
        **dict.fromkeys(("rows", "created", "invalid", "failed", "unknown", "not_sent"), "Int64"),
        **dict.fromkeys(("begun", "ended"), "datetime64[us, UTC]"),
    }
    assert frame["begun"].notna().all()
    assert frame["ended"].isna().all()


def test_a_ledger_without_uploads_is_an_empty_frame(tmp_path: Path) -> None:
    frame = tf.uploads(tmp_path / "new.db")
    assert len(frame) == 0
    assert isinstance(frame["begun"].dtype, pd.DatetimeTZDtype)


def test_the_default_ledger_is_in_the_users_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform != "linux":
        pytest.skip("elsewhere the folder does not follow XDG_DATA_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert len(tf.uploads()) == 0
    assert (tmp_path / "data" / "toloka_frames" / "uploads.db").is_file()
    assert (tmp_path / "data" / "toloka_frames").stat().st_mode & 0o077 == 0


def other_sqlite_file(path: Path) -> None:
    with sqlite3.connect(path) as sqlite:
        sqlite.execute("create table uploads (mine text)")
    sqlite.close()


def of_another_version(path: Path) -> None:
    with Ledger(path) as ledger:
        ledger.open()
    with sqlite3.connect(path) as sqlite:
        sqlite.execute("pragma user_version = 999")
    sqlite.close()


def damaged(path: Path) -> None:
    with Ledger(path) as ledger:
        ledger.open()
        added(ledger, *(chunk(number, range(number * 100, number * 100 + 100)) for number in range(20)))
    content = bytearray(path.read_bytes())
    content[100:4096] = b"\xff" * 3996
    path.write_bytes(content)


UNUSABLE = {
    "text": lambda path: path.write_text("not a database " * 100),
    "another SQLite file": other_sqlite_file,
    "a ledger of another version": of_another_version,
    "a damaged ledger": damaged,
}


@pytest.mark.parametrize("make", UNUSABLE.values(), ids=UNUSABLE)
def test_a_file_that_is_not_a_ledger_is_named_and_left_unchanged(make: Any, tmp_path: Path) -> None:
    path = tmp_path / "uploads.db"
    make(path)
    before = path.read_bytes()
    with pytest.raises(tf.LedgerError, match=r"uploads\.db") as caught:
        tf.uploads(path)
    assert caught.value.path == path
    assert "ledger=" in caught.value.hint
    assert path.read_bytes() == before


def test_an_impossible_path_is_named_in_the_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "missing" / "uploads.db", tmp_path / "file" / "uploads.db"):
        with pytest.raises(tf.LedgerError) as caught:
            tf.uploads(path)
        assert str(path) in str(caught.value)
        assert caught.value.__cause__ is not None


def test_the_lock_of_an_upload_has_one_holder(ledger: Ledger) -> None:
    first, second, other = ledger.lock("me", "mine"), ledger.lock("me", "mine"), ledger.lock("me", "other")
    assert first.acquire()
    assert not second.acquire()
    assert other.acquire()
    second.release()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()
    other.release()
    assert list(ledger.path.parent.glob("*.lock")) == []


HOLDER = """
import sys
from pathlib import Path
from toloka_frames._uploading.ledger import Ledger

with Ledger(Path(sys.argv[1])) as ledger:
    ledger.open()
    lock = ledger.lock("me", "mine")
    print(lock.acquire(), flush=True)
    sys.stdin.read()
"""


def test_the_lock_of_a_killed_process_is_released(ledger: Ledger) -> None:
    with child_process([sys.executable, "-c", HOLDER, ledger.path], stdin=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        lock = ledger.lock("me", "mine")
        assert not lock.acquire()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert lock.acquire()
        lock.release()
