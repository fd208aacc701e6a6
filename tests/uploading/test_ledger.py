"""The ledger: uploads, chunks and outcomes are recorded in one SQLite file and read back from it."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import uuid
from array import array
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from support.child_process import child_process
from support.forked_scripts import run_script

import toloka_frames as tf
from toloka_frames._schema.bulk import CREATE_APP_ITEMS, CREATE_TASK_SUITES, CREATE_TASKS, CREATE_USER_BONUSES
from toloka_frames._schema.pandas_values import TEXT_DTYPE
from toloka_frames._uploading import ledger_app_items, ledger_reading
from toloka_frames._uploading.ledger import Ledger, place_of
from toloka_frames._uploading.ledger_entry import ChunkTakenError
from toloka_frames._uploading.requests import Chunk, UploadPlan, pack
from toloka_frames._uploading.results import Results, packed_ids, unpacked_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from toloka_frames._schema.bulk import BulkCreation
    from toloka_frames._uploading.ledger_entry import ChunkState, LedgerEntry
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
    for positions, columns in ledger_reading.outcomes(ledger, entry.id):
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
        left = ledger_reading.open_chunks(again, entry.id, FLAGS)
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
    assert tf.uploads(ledger.path)["account"].tolist() == ["me", "you"]
    assert [entry.account for entry in ledger.find_name("mine")] == ["me", "you"]
    assert [entry.account for entry in ledger.find_content(CREATE_TASKS, "content")] == ["me", "you"]
    assert ledger.find_content(CREATE_USER_BONUSES, "content") == []


def test_an_upload_that_another_process_has_just_added_is_not_added_again(ledger: Ledger) -> None:
    added(ledger, chunk(0, range(3)))
    assert ledger.add(plan(chunk(0, range(3))), CALL_FLAGS) is None
    assert tf.uploads(ledger.path)["not_sent"].tolist() == [3]


def test_a_begun_chunk_stays_open_with_its_operation_and_unknown_rows(ledger: Ledger) -> None:
    first, second = chunk(0, range(2)), chunk(1, range(2, 4))
    entry = added(ledger, first, second)
    ledger.begin_chunk(entry.id, second, "an-operation", FLAGS, NOW)
    assert [part.pending_operation_id for part in ledger_reading.open_chunks(ledger, entry.id, FLAGS)] == [None, "an-operation"]
    assert known_results(ledger, entry) == {
        **dict.fromkeys(("task_id", "error_field", "error_code", "error_message"), [None] * 4),
        "status": ["NOT_SENT", "NOT_SENT", "UNKNOWN", "UNKNOWN"],
        "operation_id": [None, None, "an-operation", "an-operation"],
        "chunk": [None, None, 1, 1],
    }
    ledger.withdraw_chunk(entry.id, second)
    assert [part.pending_operation_id for part in ledger_reading.open_chunks(ledger, entry.id, FLAGS)] == [None, None]
    assert known_results(ledger, entry)["status"] == ["NOT_SENT"] * 4


def test_a_done_chunk_is_closed_and_its_tasks_are_deleted(ledger: Ledger) -> None:
    first, second = chunk(0, range(2)), chunk(1, range(2, 4))
    entry = added(ledger, first, second)
    for part in (first, second):
        ledger.begin_chunk(entry.id, part, part.operation_id, FLAGS, NOW)
    ledger.end_chunk(entry.id, first, "done", ids(first.positions))
    assert [part.number for part in ledger_reading.open_chunks(ledger, entry.id, FLAGS)] == [1]
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
    assert ledger_reading.open_chunks(ledger, entry.id, FLAGS) == []
    assert ledger_reading.failed_operations(ledger, entry.id, FLAGS) == ["an-operation"]
    others = FLAGS | {"skip_invalid_items": "true"}
    assert [part.pending_operation_id for part in ledger_reading.open_chunks(ledger, entry.id, others)] == ["an-operation"]
    assert ledger_reading.failed_operations(ledger, entry.id, others) == []
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
    left = ledger_reading.open_chunks(ledger, entry.id, FLAGS, [first, second])
    assert [part is planned for part, planned in zip(left, [first, second], strict=True)] == [True, True]
    ledger.begin_chunk(entry.id, first, first.operation_id, FLAGS, NOW)
    ledger_app_items.set_batch(ledger, entry.id, "a batch")
    left = ledger_reading.open_chunks(ledger, entry.id, FLAGS, [first, second])
    assert left == ledger_reading.open_chunks(ledger, entry.id, FLAGS)
    assert [(part.pool_id, part.pending_operation_id) for part in left] == [("a batch", first.operation_id), ("a batch", None)]


def test_a_rejected_chunk_is_open_without_an_operation(ledger: Ledger) -> None:
    only = chunk(0, range(2))
    entry = added(ledger, only)
    ledger.begin_chunk(entry.id, only, only.operation_id, FLAGS, NOW)
    ledger.end_chunk(entry.id, only, "refused", [None] * 2, uncreated(only.positions, "FAILED"))
    assert [part.pending_operation_id for part in ledger_reading.open_chunks(ledger, entry.id, FLAGS)] == [None]


def test_halves_replace_a_chunk(ledger: Ledger) -> None:
    first, second = chunk(0, range(5)), chunk(1, range(5, 7))
    entry = added(ledger, first, second)
    ledger.split_chunk(entry.id, first, first.halves())
    left = ledger_reading.open_chunks(ledger, entry.id, FLAGS)
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
    texts = ("upload_id", "account", "environment", "url", "kind", "state", "pool_ids", "app_project_id")
    assert frame.dtypes.astype(str).to_dict() == {
        **dict.fromkeys(texts, str(TEXT_DTYPE)),
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


PLACES = {
    "tasks": (CREATE_TASKS, {}, "pool 7"),
    "suites": (CREATE_TASK_SUITES, {}, "pool 7"),
    "bonuses": (CREATE_USER_BONUSES, {}, "user bonuses me"),
    "items": (CREATE_APP_ITEMS, {"app_project_id": "abc", "batch_id": "7"}, "app project abc"),
}


@pytest.mark.parametrize(("kind", "destination", "place"), PLACES.values(), ids=PLACES)
def test_rows_are_compared_within_a_place(kind: BulkCreation, destination: dict[str, str], place: str) -> None:
    assert place_of(kind, "me", destination, "7") == place


def hashed(number: int, rows: Sequence[int], counts: Sequence[int] = (), pool_id: str = "1") -> Chunk:
    """Return a chunk whose rows have the hashes 100, 101 ..., 0 for every seventh row, which is not looked for."""
    first = rows[0]
    hashes = [100 + first + row for row in range(sum(counts) if counts else len(rows))]
    contents = np.array([value if value % 7 else 0 for value in hashes], "<u8").tobytes()
    return replace(chunk(number, rows, pool_id), contents=contents, content_counts=np.array(counts, "<u4").tobytes())


def contents(ledger: Ledger, places: Sequence[str] = ("pool 1",), **options: Any) -> list[int]:
    return sorted(number for rows in ledger.created_contents(places, **options) for number in rows.hashes.tolist())


CONTENTS: dict[str, tuple[Sequence[int], list[str | None] | None, str, list[int]]] = {
    "waiting": ((), None, "waiting", []),
    "begun": ((), None, "begun", [100, 101, 102, 103]),
    "done": ((), ["a", "b", "c", "d"], "done", [100, 101, 102, 103]),
    "done in part": ((), ["a", None, None, "d"], "done", [100, 103]),
    "failed": ((), [None] * 4, "failed", []),
    "failed in part": ((), [None, "b", None, None], "failed", [101]),
    "rejected": ((), [None] * 4, "refused", []),
    "suites": ((2, 0, 5, 2), None, "begun", [100, 101, 102, 103, 104, 106, 107, 108]),
    "suites in part": ((2, 0, 5, 2), ["a", "b", None, "d"], "done", [100, 101, 107, 108]),
}


@pytest.mark.parametrize(("counts", "object_ids", "state", "found"), CONTENTS.values(), ids=CONTENTS)
def test_contents_are_those_of_rows_that_exist_or_may_exist(
    counts: Sequence[int], object_ids: list[str | None] | None, state: ChunkState, found: list[int], ledger: Ledger
) -> None:
    only = hashed(0, range(4), counts)
    entry = added(ledger, only)
    if state != "waiting":
        ledger.begin_chunk(entry.id, only, only.operation_id, FLAGS, NOW)
    if object_ids is not None:
        ledger.end_chunk(entry.id, only, state, object_ids)
    assert contents(ledger) == found
    assert [rows.upload_id for rows in ledger.created_contents(["pool 1"]) if len(rows.hashes)] == ["mine"] * bool(found)


def test_contents_are_read_by_place_account_and_upload(ledger: Ledger) -> None:
    for account, pool_id, first in [("me", "1", 1), ("me", "2", 8), ("you", "1", 15), ("", "1", 22)]:
        only = hashed(0, range(first, first + 2), pool_id=pool_id)
        entry = ledger.add(plan(only, account=account, upload_id=str(first)), CALL_FLAGS)
        assert entry is not None
        ledger.begin_chunk(entry.id, only, only.operation_id, FLAGS, NOW)
    assert contents(ledger) == [101, 102, 115, 116, 122, 123]
    assert contents(ledger, account="me") == [101, 102, 122, 123]
    assert contents(ledger, ("pool 1", "pool 2"), account="me") == [101, 102, 108, 109, 122, 123]
    assert contents(ledger, account="me", except_upload=1) == [122, 123]
    assert contents(ledger, ("pool 3", "app project 1")) == []


IDS: dict[str, list[str | None]] = {
    "ids of Toloka": [f"000016c290--64382dfc97aa9547{row:08x}" for row in range(20)],
    "UUIDs": [str(uuid.UUID(int=row)) for row in range(20)],
    "with rows without an id": [None, *(str(uuid.UUID(int=row)) for row in range(9)), None, None],
    "an odd number of digits": ["t000", "t001", "t002"],
    "one": ["000016c290--64382dfc97aa954700000000"],
    "ids of several forms": ["000016c290--64382dfc97aa954700000000", str(uuid.uuid4())],
    "numbers of several lengths": ["1", "12", "123"],
    "capital letters": ["64382DFC", "64382DFD"],
    "one capital letter": ["64382dfc", "64382dfC"],
    "other separators": ["12-34", "12:34"],
    "letters that are not hexadecimal": ["yYwKTbWPFqIxDK2qKy4h", "Q2d15QBjpwWuDz8Z321g"],
    "not ASCII": ["12é4", "12é5"],
    "whitespace": ["12 4", "1234"],
    "none": [None, None],
    "empty": [],
}


@pytest.mark.parametrize("object_ids", IDS.values(), ids=IDS)
def test_ids_are_read_back_as_they_were_packed(object_ids: list[str | None]) -> None:
    assert unpacked_ids(packed_ids(object_ids)) == object_ids


@pytest.mark.parametrize("kind", ["ids of Toloka", "UUIDs"])
def test_ids_of_36_characters_are_packed_into_17_bytes(kind: str) -> None:
    created = IDS[kind] * 100
    assert len(packed_ids(created)) <= 17 * len(created) + 100


# The calls of a process that saw a chunk before another process changed it.
LATE: dict[str, Callable[[Ledger, int, Chunk], object]] = {
    "begin": lambda ledger, upload, part: ledger.begin_chunk(upload, part, part.operation_id, FLAGS, NOW),
    "begun at": ledger_app_items.begun_at,
    "first missing": lambda ledger, upload, part: ledger_app_items.first_missing_at(ledger, upload, part, NOW),
    "hold": ledger_app_items.hold_chunk,
    "withdraw": lambda ledger, upload, part: ledger.withdraw_chunk(upload, part),
    "split": lambda ledger, upload, part: ledger.split_chunk(upload, part, part.halves()),
    "end": lambda ledger, upload, part: ledger.end_chunk(upload, part, "done", ids(part.positions)),
}
EARLIER = {name: LATE[name] for name in ("begin", "withdraw", "split", "end")}


@pytest.mark.parametrize("late", LATE.values(), ids=LATE)
@pytest.mark.parametrize("earlier", EARLIER.values(), ids=EARLIER)
def test_a_chunk_that_another_process_has_changed_is_not_changed(
    earlier: Callable[[Ledger, int, Chunk], object], late: Callable[[Ledger, int, Chunk], object], ledger: Ledger
) -> None:
    only = chunk(0, range(4))
    entry = added(ledger, only)
    ledger.begin_chunk(entry.id, only, only.operation_id, FLAGS, NOW)
    with Ledger(ledger.path) as other:
        [same] = ledger_reading.open_chunks(other.open(), entry.id, FLAGS)
        earlier(other, entry.id, same)
        known = list(dump(ledger.path))
        with pytest.raises(ChunkTakenError):
            late(ledger, entry.id, only)
        assert list(dump(ledger.path)) == known
    left, _ = ledger_reading.read_again(ledger, entry.id, only, FLAGS)
    for part in left:
        late(ledger, entry.id, part) if part.pending_operation_id else EARLIER["begin"](ledger, entry.id, part)


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as sqlite:
        return list(sqlite.iterdump())


def test_a_chunk_that_is_still_being_sent_is_not_missing(ledger: Ledger) -> None:
    """The time after which a request counts as lost starts anew with each sign of life of the process that sends it."""
    only, later = chunk(0, range(2)), NOW + timedelta(minutes=4)
    entry = added(ledger, only)
    ledger.begin_chunk(entry.id, only, only.operation_id, FLAGS, NOW)
    with Ledger(ledger.path) as other:
        [same] = ledger_reading.open_chunks(other.open(), entry.id, FLAGS)
        assert ledger_app_items.first_missing_at(other, entry.id, same, NOW) == NOW
        assert ledger_app_items.first_missing_at(other, entry.id, same, later) == NOW
        ledger_app_items.hold_chunk(ledger, entry.id, only)
        assert ledger_app_items.first_missing_at(other, entry.id, same, later) == later
        other.withdraw_chunk(entry.id, same)
    with pytest.raises(ChunkTakenError):
        ledger_app_items.hold_chunk(ledger, entry.id, only)


def test_what_another_process_made_of_a_chunk_is_read_again_without_other_rows(ledger: Ledger) -> None:
    first, second = chunk(0, range(4)), chunk(0, range(4, 8))
    entry = added(ledger, first, second)
    with Ledger(ledger.path) as other:
        _, same = ledger_reading.open_chunks(other.open(), entry.id, FLAGS)
        halves = same.halves()
        other.split_chunk(entry.id, same, halves)
        other.end_chunk(entry.id, halves[0], "done", ["a", None], uncreated([5], "INVALID"))
        other.end_chunk(
            entry.id,
            ledger_reading.open_chunks(other, entry.id, FLAGS)[0],
            "done",
            [*ids(range(3)), None],
            uncreated([3], "INVALID"),
        )
    left, outcomes = ledger_reading.read_again(ledger, entry.id, second, FLAGS)
    assert [list(part.positions) for part in left] == [[6, 7]]
    assert sorted(position for positions, _ in outcomes for position in positions) == [4, 5, 5]
    assert [columns["error_code"] for positions, columns in outcomes if columns["status"] == ["INVALID"]] == [["CODE"]]


def large_chunk() -> Chunk:
    """Return a chunk whose objects are compressed."""
    plain = chunk(0, range(1_000))
    return replace(plain, packed=pack(plain.text))


def test_objects_are_compressed_in_the_file_and_read_as_they_were(ledger: Ledger) -> None:
    large = large_chunk()
    entry = added(ledger, large)
    assert len(dumped(ledger.path)) < len(large.text) / 2
    [read] = ledger_reading.open_chunks(ledger, entry.id, FLAGS)
    assert (read.text, read.operation_id) == (large.text, large.operation_id)


DAMAGES = {
    "a byte of the frame": lambda packed: packed[:9] + b"x" + packed[10:],
    "the end": lambda packed: packed[:50],
    "the size": lambda packed: packed[:1] + b"\xff" * 8 + packed[9:],
    "all but the mark": lambda packed: packed[:1],
    "other objects": lambda _: pack(b'{"__item_idx":"0"}\n' * 1_000),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_objects_that_are_damaged_are_never_sent(ledger: Ledger, damage: Callable[[bytes], bytes]) -> None:
    large = large_chunk()
    entry = added(ledger, large)
    ledger.write("update objects set text = :text", text=damage(large.packed))
    with pytest.raises(tf.LedgerError, match="a chunk that is not settled cannot be read"):
        ledger_reading.open_chunks(ledger, entry.id, FLAGS)


@pytest.mark.parametrize("fresh", [False, True], ids=["settled", "a new ledger"])
def test_the_file_shrinks_when_rows_are_settled(fresh: bool, tmp_path: Path) -> None:
    parts = [replace(chunk(number, range(number, number + 1)), packed=b"%d" % number * 1_000_000) for number in range(5)]
    with Ledger(tmp_path / "uploads.db") as ledger:
        ledger.open()
        if not fresh:
            entry = added(ledger, *parts)
            assert ledger.path.stat().st_size > 5_000_000
            for part in parts:
                ledger.end_chunk(entry.id, part, "done", ids(part.positions))
    assert ledger.path.stat().st_size < 700_000
    assert list(tmp_path.iterdir()) == [ledger.path]


def test_forgotten_uploads_are_gone(ledger: Ledger) -> None:
    for upload_id in ("done", "not done"):
        entry = ledger.add(plan(chunk(0, range(2)), upload_id=upload_id), CALL_FLAGS)
        assert entry is not None
        if upload_id == "done":
            ledger.begin_chunk(entry.id, chunk(0, range(2)), "an-operation", FLAGS, NOW)
            ledger.end_chunk(entry.id, chunk(0, range(2)), "done", ["a", None], uncreated([1], "INVALID"))
            ledger.pool_was_opened(entry.id, "1")
    with pytest.raises(tf.InputError, match="not settled"):
        tf.forget("not done", ledger=ledger.path)
    assert tf.forget(before="2020-01-01", ledger=ledger.path) == 0
    assert tf.forget(before=datetime.now(UTC), ledger=ledger.path) == 1
    assert tf.uploads(ledger.path)["upload_id"].tolist() == ["not done"]
    assert tf.forget(before=datetime.now(UTC), ledger=ledger.path) == 0
    assert tf.forget("not done", unsettled=True, ledger=ledger.path) == 1
    assert [line for line in dump(ledger.path) if line.startswith("INSERT")] == []
    with pytest.raises(tf.InputError, match="has no upload 'done'"):
        tf.forget("done", ledger=ledger.path)


@pytest.mark.parametrize(
    "arguments", [{}, {"upload_id": "a", "before": "2026-01-01"}, {"before": "yesterday"}, {"upload_id": ""}]
)
def test_forget_needs_a_name_or_a_time(arguments: Any, tmp_path: Path) -> None:
    with pytest.raises(tf.InputError):
        tf.forget(**arguments, ledger=tmp_path / "uploads.db")
    assert not (tmp_path / "uploads.db").exists()


def test_uploads_shows_the_service(ledger: Ledger) -> None:
    urls = ["https://toloka.dev", "https://sandbox.toloka.dev", "http://127.0.0.1:8080", None]
    for number, url in enumerate(urls):
        ledger.add(plan(chunk(0, range(2)), upload_id=str(number)), CALL_FLAGS, url)
    frame = tf.uploads(ledger.path)
    assert frame["url"].tolist()[:3] == urls[:3]
    assert frame["url"].isna().tolist() == [False, False, False, True]
    assert frame["environment"].tolist() == ["PRODUCTION", "SANDBOX", "", ""]


READER = """
import os, sys
import toloka_frames as tf

if os.getuid() == 0:
    os.setuid(65534)
try:
    open(sys.argv[1], "ab")
except PermissionError:
    print(len(tf.uploads(sys.argv[1])))
"""


@pytest.mark.parametrize("mode", [0o555, 0o755], ids=["in a read-only folder", "in another folder"])
def test_uploads_reads_a_file_that_it_cannot_write(mode: int) -> None:
    with TemporaryDirectory() as folder:  # another user has no access to the folder of the tests
        path = Path(folder) / "uploads.db"
        with Ledger(path) as ledger:
            ledger.open()
            added(ledger, chunk(0, range(2)))
        path.chmod(0o444)
        Path(folder).chmod(mode)
        before = path.read_bytes(), path.stat().st_mtime_ns
        done = run_script(READER, path)
        Path(folder).chmod(0o755)
        assert done.stdout == "1\n", done.stderr
        assert (path.read_bytes(), path.stat().st_mtime_ns) == before
        assert list(Path(folder).iterdir()) == [path]


def test_a_ledger_whose_process_was_killed_during_a_change_is_read(tmp_path: Path) -> None:
    path = tmp_path / "uploads.db"
    with Ledger(path) as ledger:
        ledger.open()
        added(ledger, chunk(0, range(2)))
    with subprocess.Popen([sys.executable, "-c", INTERRUPTED, path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "changed\n"
        process.kill()
    assert path.with_name("uploads.db-journal").stat().st_size > 0
    assert tf.uploads(path)["upload_id"].tolist() == ["mine"]


INTERRUPTED = """
import sqlite3, sys, time

sqlite = sqlite3.connect(sys.argv[1], isolation_level=None)
sqlite.execute("pragma cache_size = 1")
sqlite.execute("begin immediate")
sqlite.execute("update uploads set upload_id = 'half written'")
sqlite.execute("create table spilled (x)")
for row in range(100):
    sqlite.execute("insert into spilled values (randomblob(100000))")
print("changed", flush=True)
time.sleep(60)
"""


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
