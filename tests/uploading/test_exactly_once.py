"""An upload that is killed at any line, or whose service is killed, resumes and creates every row exactly once.

`SOAK_POINTS=200` kills that number of uploads of 4,000 rows (`make soak`); the usual run kills a few smaller ones.
"""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import sqlite3
import sys
from contextlib import contextmanager
from itertools import count, repeat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.child_process import child_process
from support.killed_uploads import Uploads, killed_uploads
from support.sample_project import create_pool
from support.self_killing_upload import frame_of

import toloka_frames as tf
from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from toloka_frames import AsyncTolokaClient
    from toloka_frames.local import Fault, Faults

POINTS = int(os.environ.get("SOAK_POINTS", "12"))
ROWS = 4_000 if "SOAK_POINTS" in os.environ else 600
MANY_ROWS = 4_000 if "SOAK_POINTS" in os.environ else 2_000
SERVICE_KILLS = 20 if "SOAK_POINTS" in os.environ else 3
SEED = int(os.environ.get("SOAK_SEED", "0"))
POST = "POST /v1/tasks"
FAULTS: list[list[Callable[[Faults], Fault]]] = [
    [],
    [lambda faults: faults.lose_reply(POST, nth=2), lambda faults: faults.answer(413, POST, nth=3)],
    [lambda faults: faults.answer(403, POST, nth=4)],
    [lambda faults: faults.restart(POST, nth=3), lambda faults: faults.fail_operation(POST, nth=6)],
]


@pytest.fixture(scope="module")
def uploads() -> Iterator[Uploads]:
    with killed_uploads() as uploads:
        yield uploads


@pytest.fixture(scope="module")
def lines(uploads: Uploads, tmp_path_factory: pytest.TempPathFactory) -> int:
    """The number of lines that a complete upload executes."""
    with LocalToloka(operation_seconds=0.02) as toloka:
        pool_id = create_pool(toloka.client())
        return uploads.run(toloka.url, toloka.token, pool_id, ROWS, tmp_path_factory.mktemp("whole")).lines


def states(data_home: Path) -> set[str]:
    """Return the states of chunks in the ledger of a killed process."""
    ledger = data_home / "toloka_frames" / "uploads.db"
    if not ledger.exists():
        return {"no ledger"}
    with sqlite3.connect(ledger) as sqlite:
        tables = sqlite.execute("select count(*) from sqlite_schema where name = 'chunks'").fetchone()[0]
        found = {state for (state,) in sqlite.execute("select distinct state from chunks")} if tables else set()
    sqlite.close()
    return found or {"no upload"}


def repeat_until_done(client: AsyncTolokaClient, pool_id: str, *, without_frame: bool) -> None:
    """Repeat the call as a user does, until it completes; after the first call with skip_invalid_items."""
    for attempt in range(10):
        flags = {"allow_defaults": True, "skip_invalid_items": True if attempt else None}
        try:
            uploads = tf.uploads()
            if without_frame and len(uploads) and not attempt:
                tf.resume(uploads["upload_id"].iloc[-1], client, progress=False)
            else:
                tf.create_tasks(frame_of(ROWS), client, pool_id, **flags, progress=False)
        except tf.UploadError as error:
            print(f"  {error.results['status'].value_counts().to_dict()}")  # noqa: T201 -- shown if the test fails
        else:
            return
    pytest.fail("The upload is not complete after ten more calls.")


def check_exactly_once(client: AsyncTolokaClient, pool_id: str, rows: int = ROWS) -> None:
    frame = frame_of(rows)
    tasks = client.get_tasks(pool_id).to_dataframe(progress=False)
    assert len(tasks) == rows
    assert set(tasks["INPUT:text"]) == set(frame["text"])
    results = tf.create_tasks(frame, client, pool_id, allow_defaults=True, progress=False)
    assert results["status"].eq("CREATED").all()
    assert tasks.set_index("id").loc[results["task_id"], "INPUT:image"].tolist() == frame["image"].tolist()


def new_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> Path:
    """Set a new data folder, so that each killed upload has its own ledger."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / name))
    return tmp_path / name


def kill_and_repeat(uploads: Uploads, number: int, kill_at: int, toloka: LocalToloka, home: Path) -> tuple[int, set[str]]:
    """Kill an upload at a line, repeat the call until done, check; return the exit code and the states at the kill."""
    client = toloka.client()
    pool_id = create_pool(client)
    for plan in FAULTS[number % len(FAULTS)]:
        plan(toloka.faults)
    exit_code = uploads.run(toloka.url, toloka.token, pool_id, ROWS, home, kill_at).exit_code
    left = states(home)
    print(f"line {kill_at:,}: exit {exit_code}, {', '.join(sorted(left))}")  # noqa: T201 -- shows which states were hit
    repeat_until_done(client, pool_id, without_frame=number % 3 == 0)
    check_exactly_once(client, pool_id)
    tf.run(client.aclose())
    return exit_code, left


def test_an_upload_killed_at_any_line_resumes_and_creates_each_row_once(
    uploads: Uploads, lines: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    print(f"seed {SEED}: {POINTS} points of {lines:,} lines")  # noqa: T201 -- for a repeated run with the same seed
    seen: set[str] = set()
    chosen = random.Random(SEED)  # noqa: S311 -- repeatable, not secret
    for number in range(POINTS):
        # one line in each of equal parts of the upload; an earlier one if a fault ended the upload before it
        ended, kill_at = 0, int(lines * (number + chosen.random()) / POINTS) if number else 1
        for home in map("home{}-{}".format, repeat(number), count()):
            with LocalToloka(operation_seconds=0.02) as toloka:
                ended, left = kill_and_repeat(uploads, number, kill_at, toloka, new_home(monkeypatch, tmp_path, home))
            seen |= left
            if ended == -signal.SIGKILL:
                break
            kill_at = chosen.randrange(1, kill_at)
    assert {"no ledger", "waiting", "begun", "done"} <= seen
    assert "SOAK_POINTS" not in os.environ or {"no upload", "refused", "failed"} <= seen


@contextmanager
def served(db: Path, port: int) -> Iterator[str]:
    """Run the service in its own process, yield its token, and kill it at the end."""
    command = [Path(sys.executable).with_name("toloka-frames"), "serve", "--db", str(db), "--port", str(port)]
    with child_process(command) as process:
        assert process.stdout is not None
        output = process.stdout.readline() + process.stdout.readline()
        yield re.findall(r"AsyncTolokaClient\('(.+?)'", output)[0]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("part", [part / SERVICE_KILLS for part in range(SERVICE_KILLS)])
def test_each_row_is_created_once_if_the_service_is_killed_and_restarted(
    part: float, uploads: Uploads, lines: int, tmp_path: Path, data_home: Path
) -> None:
    db, port = tmp_path / "toloka.db", free_port()
    with served(db, port) as token:
        client = tf.AsyncTolokaClient(token, url=f"http://127.0.0.1:{port}")
        pool_id = create_pool(client)
        uploads.run(client.service.url, token, pool_id, ROWS, data_home, int(lines * part))
    with served(db, port):
        repeat_until_done(client, pool_id, without_frame=False)
        check_exactly_once(client, pool_id)


@pytest.mark.parametrize("seed", range(SERVICE_KILLS if "SOAK_POINTS" in os.environ else 1))
def test_each_row_is_created_once_whatever_fails_on_the_network(seed: int, toloka: LocalToloka) -> None:
    client = toloka.client(retries=tf.Retries(attempts=12))
    pool_id = create_pool(client)
    planned = [
        toloka.faults.lose_reply("POST /v1/tasks", share=0.3, seed=seed),
        toloka.faults.answer(429, "* /v1/*", retry_after=0.1, share=0.1, seed=seed + 1),
        toloka.faults.html("* /v1/*", status=502, share=0.1, seed=seed + 2),
        toloka.faults.cut("GET /v1/*", share=0.1, seed=seed + 3),
        toloka.faults.slow("GET /v1/operations/*", seconds=0.2, nth=(2, 4)),
        toloka.faults.lose_reply("GET /v1/*", nth=(3, 11)),
    ]
    for attempt in range(10):
        try:
            tf.create_tasks(frame_of(MANY_ROWS), client, pool_id, allow_defaults=True, progress=False)
        except tf.TolokaError as error:
            print(f"{attempt}: {error}")  # noqa: T201 -- shown if the test fails
        else:
            break
    print(toloka.faults)  # noqa: T201 -- shown if the test fails
    assert all(fault.struck for fault in planned)
    toloka.faults.clear()
    check_exactly_once(client, pool_id, MANY_ROWS)


def test_an_existing_operation_that_failed_is_reported_as_failed(toloka: LocalToloka) -> None:
    client = toloka.client()
    pool_id = create_pool(client)
    toloka.faults.fail_operation("POST /v1/tasks", nth=1)
    toloka.faults.lose_reply("POST /v1/tasks", nth=1)
    for _ in range(2):
        with pytest.raises(tf.UploadError) as caught:
            tf.create_tasks(frame_of(10), client, pool_id, allow_defaults=True, progress=False)
        assert caught.value.results["status"].tolist() == ["FAILED"] * 10
        assert isinstance(caught.value.__cause__, tf.OperationFailed)
    assert len(client.get_tasks(pool_id).to_dataframe()) == 0
