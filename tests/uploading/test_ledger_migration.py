"""A ledger of an earlier version is converted when it is opened, and each of its uploads continues.

`ledger_version_3.sql` is the dump of a ledger that version 0.1 has written, and `ledger_version_4.sql` that of the same ledger
after its migration to version 4.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from support.task_server import TaskServer

import toloka_frames as tf
from toloka_frames._schema.bulk import CREATE_APP_ITEMS
from toloka_frames._uploading import ledger_app_items, ledger_reading
from toloka_frames._uploading.ledger import Ledger
from toloka_frames._uploading.requests import HASH

if TYPE_CHECKING:
    from collections.abc import Iterator

JOURNAL_MODES = {3: "wal", 4: "delete"}
FRAMES = {
    name: pd.DataFrame({"image": [f"https://example.com/{name}/{row}.jpg" for row in range(3)]})
    for name in ("settled", "named", "rejected", "not sent", "begun", "failed")
}
IDS = [f"000016c290--64382dfc97aa9547ff8a2{row:03}" for row in range(3)]


@pytest.fixture(params=JOURNAL_MODES)
def old_ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path, version = tmp_path / "uploads.db", request.param
    with closing(sqlite3.connect(path)) as sqlite:
        # as that version wrote it
        sqlite.execute("pragma page_size = 32768")
        if version > 3:
            sqlite.execute("pragma auto_vacuum = incremental")
        sqlite.execute(f"pragma journal_mode = {JOURNAL_MODES[version]}")
        sqlite.executescript(Path(__file__).with_name(f"ledger_version_{version}.sql").read_text("utf-8"))
    return path


@pytest.fixture
def service() -> Iterator[TaskServer]:
    with TaskServer() as server:
        yield server


def bodies(path: Path) -> dict[str, list[Any]]:
    """Return the objects of each chunk that is not settled, by its operation."""
    with closing(sqlite3.connect(path)) as sqlite:
        rows = sqlite.execute("select operation_id, text from objects").fetchall()
    return {operation_id: [json.loads(line) for line in text.split(b"\n")] for operation_id, text in rows}


def operations(path: Path, state: str) -> list[str]:
    with closing(sqlite3.connect(path)) as sqlite:
        return [id_ for (id_,) in sqlite.execute("select operation_id from chunks where state = ? order by upload", [state])]


def test_uploads_of_an_earlier_version_are_listed(old_ledger: Path) -> None:
    frame = tf.uploads(old_ledger)
    columns = ["account", "kind", "state", "rows", "created", "invalid", "failed", "unknown", "not_sent"]
    assert frame[columns].to_numpy().tolist() == [
        ["me", "tasks", "DONE", 3, 3, 0, 0, 0, 0],
        ["me", "tasks", "DONE", 3, 3, 0, 0, 0, 0],
        ["me", "tasks", "FAILED", 3, 0, 0, 3, 0, 0],
        ["me", "tasks", "UNFINISHED", 3, 0, 0, 0, 0, 3],
        ["me", "tasks", "UNFINISHED", 3, 0, 0, 0, 3, 0],
        ["me", "tasks", "FAILED", 3, 0, 0, 3, 0, 0],
        ["me", "app items", "UNFINISHED", 4, 2, 1, 0, 1, 0],
        ["", "user bonuses", "UNFINISHED", 2, 0, 0, 0, 0, 2],
        ["me", "task suites", "UNFINISHED", 2, 0, 0, 0, 2, 0],
    ]  # fmt: skip
    # version 3 recorded the URL instead of an account that it did not know
    assert frame["url"].dropna().tolist() == ["https://toloka.dev"]
    assert frame["environment"].tolist() == [""] * 7 + ["PRODUCTION", ""]
    assert frame["pool_ids"].tolist()[:2] == ["1", "1"]
    assert frame["app_project_id"].dropna().tolist() == ["Q2d15QBjpwWuDz8Z321g"]
    assert frame["ended"].notna().tolist() == [True] * 2 + [False] * 7


@pytest.mark.parametrize("with_frame", [True, False], ids=["the same call", "resume"])
def test_uploads_of_an_earlier_version_continue(with_frame: bool, old_ledger: Path, service: TaskServer) -> None:
    tasks, names = bodies(old_ledger), dict(zip(FRAMES, tf.uploads(old_ledger)["upload_id"], strict=False))
    [failed], [begun, *_] = operations(old_ledger, "failed"), operations(old_ledger, "begun")
    service.received = {begun: tasks[begun], failed: tasks[failed]}
    service.failed = {failed}
    statuses = {}
    for name, frame in FRAMES.items():
        options: dict[str, Any] = {"ledger": old_ledger, "progress": False}
        if name == "failed":
            options["retry_failed"] = True
        if with_frame:
            options |= {"allow_defaults": True, "upload_id": "monday" if name == "named" else None}
            results = tf.create_tasks(frame, service.async_client(), "1", **options)
        else:
            results = tf.resume(names[name], service.async_client(), **options)
        statuses[name] = results["status"].tolist()
        if name in ("settled", "named"):
            assert results["task_id"].tolist() == IDS
    assert statuses == dict.fromkeys(FRAMES, ["CREATED"] * 3)
    assert service.posts == 3  # rejected, not sent, failed
    images = [image for name in ("rejected", "not sent", "begun", "failed") for image in FRAMES[name]["image"]]
    assert service.created == sorted(images)


def test_pending_items_of_an_earlier_version_are_still_looked_for(old_ledger: Path) -> None:
    with Ledger(old_ledger) as ledger:
        ledger.open()
        [entry] = ledger.find_name("items")
        assert entry.kind is CREATE_APP_ITEMS
        [chunk] = ledger_reading.open_chunks(ledger, entry.id, {})
        assert (chunk.pending_operation_id, list(chunk.positions)) == (chunk.operation_id, [3])
        assert ledger_app_items.begun_at(ledger, entry.id, chunk).isoformat() == "2026-01-01T00:00:00+00:00"
        assert ledger_app_items.created_app_ids(ledger, entry.id) == {"i0", "i2"}


def test_rows_of_an_earlier_version_that_may_exist_are_known_by_content(old_ledger: Path, service: TaskServer) -> None:
    """Rows of a request that ended cannot be known: version 3 has deleted them."""
    shuffled = FRAMES["begun"].iloc[::-1]
    with pytest.raises(tf.RowsAlreadyCreated):
        tf.create_tasks(shuffled, service.async_client(), "1", allow_defaults=True, ledger=old_ledger, progress=False)
    suites = pd.DataFrame({"image": [f"https://example.com/suite/{row}.jpg" for row in range(4)]})
    with Ledger(old_ledger) as ledger:
        [found] = [rows for rows in ledger.open().created_contents(["pool 1"], "me") if len(rows.hashes) == len(suites)]
        assert len(np.unique(found.hashes.astype(HASH))) == len(suites)
    assert service.posts == 0


def test_a_converted_ledger_stays_as_it_is(old_ledger: Path) -> None:
    first = tf.uploads(old_ledger)
    content = old_ledger.read_bytes()
    pd.testing.assert_frame_equal(tf.uploads(old_ledger), first)
    assert old_ledger.read_bytes() == content
    assert list(old_ledger.parent.iterdir()) == [old_ledger]
    with closing(sqlite3.connect(old_ledger)) as sqlite:
        assert [sqlite.execute(f"pragma {name}").fetchone()[0] for name in ("journal_mode", "auto_vacuum", "user_version")] == [
            "delete",
            2,
            5,
        ]
        tables = {name for (name,) in sqlite.execute("select name from sqlite_schema where type = 'table'")}
    assert tables == {"uploads", "chunks", "objects", "contents", "outcomes", "opened"}


def test_a_ledger_in_use_by_the_earlier_version_is_left_as_it_is(old_ledger: Path) -> None:
    with closing(sqlite3.connect(old_ledger)) as other:
        other.execute("begin immediate")
        with pytest.raises(tf.LedgerError, match="locked"):
            tf.uploads(old_ledger)
        other.rollback()
        [version] = other.execute("pragma user_version").fetchone()
        assert version in JOURNAL_MODES
    assert len(tf.uploads(old_ledger)) == 9
