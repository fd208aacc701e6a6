"""An upload that is killed at any line, or whose service is killed, resumes and creates every row exactly once.

`SOAK_POINTS=200` kills that number of uploads of 4,000 rows (`make soak`); the usual run kills a few smaller ones.
"""

from __future__ import annotations

import os
import random
import re
import signal
import sqlite3
import sys
from contextlib import contextmanager
from functools import cache
from itertools import chain, count, repeat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.child_process import child_process
from support.deleted_locks import locks_deleted
from support.free_ports import free_port
from support.killed_uploads import Uploads, killed_uploads
from support.sample_project import create_pool
from support.self_killing_upload import create, frame_of

import toloka_frames as tf
from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from toloka_frames import AsyncTolokaClient
    from toloka_frames.local import Fault, Faults

POINTS = int(os.environ.get("SOAK_POINTS", "12"))
ROWS = 4_000 if "SOAK_POINTS" in os.environ else 600
MANY_ROWS = 4_000 if "SOAK_POINTS" in os.environ else 2_000
SERVICE_KILLS = 20 if "SOAK_POINTS" in os.environ else 2
SEED = int(os.environ.get("SOAK_SEED", "0"))
PATHS = {"tasks": "tasks", "task suites": "task-suites", "bonuses": "user-bonuses"}
FAULTS: list[list[Callable[[Faults, str], Fault]]] = [
    [],
    [lambda faults, post: faults.lose_reply(post, nth=2), lambda faults, post: faults.answer(413, post, nth=3)],
    [lambda faults, post: faults.answer(403, post, nth=4)],
    [lambda faults, post: faults.restart(post, nth=3), lambda faults, post: faults.fail_operation(post, nth=6)],
]


@pytest.fixture(scope="module")
def uploads() -> Iterator[Uploads]:
    with killed_uploads() as uploads:
        yield uploads


@pytest.fixture(scope="module")
def lines(uploads: Uploads, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], int]:
    """Return the number of lines that a complete upload of a kind executes; it runs once for each kind that is needed."""

    @cache
    def lines(kind: str) -> int:
        with LocalToloka(operation_seconds=0.02) as toloka:
            pool_id, home = destination(kind, toloka.async_client()), tmp_path_factory.mktemp("whole")
            return uploads.run(toloka.url, toloka.token, pool_id, ROWS, home, kind=kind).lines

    return lines


def destination(kind: str, client: AsyncTolokaClient) -> str:
    """Create a pool that takes objects of a kind."""
    return create_pool(client, **({"mixer_config": None} if kind == "task suites" else {}))


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


def repeat_until_done(client: AsyncTolokaClient, pool_id: str, *, without_frame: bool, kind: str = "tasks") -> None:
    """Repeat the call as a user does, until it completes; after the first call with skip_invalid_items."""
    for attempt in range(10):
        flags = {"skip_invalid_items": True} if attempt else {}
        try:
            uploads = tf.uploads()
            if without_frame and len(uploads) and not attempt:
                tf.resume(uploads["upload_id"].iloc[-1], client, progress=False)
            else:
                create(kind, frame_of(ROWS), client, pool_id, **flags)
        except tf.UploadError as error:
            print(f"  {error.results['status'].value_counts().to_dict()}")  # noqa: T201 -- shown if the test fails
        else:
            return
    pytest.fail("The upload is not complete after ten more calls.")


def created_rows(kind: str, client: AsyncTolokaClient, pool_id: str) -> dict[str, list[str]]:
    """Return what identifies each created row of the frame, by the id of the object that holds it."""
    if kind == "bonuses":
        return {bonus["id"]: [bonus["user_id"]] for bonus in client.get_user_bonuses()}
    if kind == "task suites":
        suites = client.get_task_suites(pool_id)
        return {suite["id"]: [task["input_values"]["image"] for task in suite["tasks"]] for suite in suites}
    return {task["id"]: [task["input_values"]["image"]] for task in client.get_tasks(pool_id)}


def check_exactly_once(client: AsyncTolokaClient, pool_id: str, rows: int = ROWS, kind: str = "tasks") -> None:
    """Check that each row is created once, that the results name its object, and that the same call again creates nothing."""
    frame, found = frame_of(rows), created_rows(kind, client, pool_id)
    key = [f"{row + 1:032x}" for row in range(rows)] if kind == "bonuses" else frame["image"].tolist()
    assert sorted(chain.from_iterable(found.values())) == sorted(key)
    results = create(kind, frame, client, pool_id)
    assert results["status"].eq("CREATED").all()
    ids = results[{"tasks": "task_id", "task suites": "task_suite_id", "bonuses": "user_bonus_id"}[kind]]
    assert all(row in found[created] for row, created in zip(key, ids, strict=True))
    assert created_rows(kind, client, pool_id).keys() == found.keys()


def new_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> Path:
    """Set a new data folder, so that each killed upload has its own ledger."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / name))
    return tmp_path / name


def kill_and_repeat(
    kind: str, uploads: Uploads, number: int, kill_at: int, toloka: LocalToloka, home: Path
) -> tuple[int, set[str]]:
    """Kill an upload at a line, repeat the call until done, check; return the exit code and the states at the kill."""
    client = toloka.async_client()
    pool_id = destination(kind, client)
    for plan in FAULTS[number % len(FAULTS)]:
        plan(toloka.faults, f"POST /v1/{PATHS[kind]}")
    exit_code = uploads.run(toloka.url, toloka.token, pool_id, ROWS, home, kill_at, kind).exit_code
    left = states(home)
    print(f"{kind}, line {kill_at:,}: exit {exit_code}, {', '.join(sorted(left))}")  # noqa: T201 -- shows which states were hit
    repeat_until_done(client, pool_id, without_frame=number % 3 == 0, kind=kind)
    check_exactly_once(client, pool_id, kind=kind)
    tf.run(client.aclose())
    return exit_code, left


@pytest.mark.parametrize(("kind", "points"), [("tasks", POINTS // 2), ("task suites", POINTS // 4), ("bonuses", POINTS // 4)])
def test_an_upload_killed_at_any_line_resumes_and_creates_each_row_once(
    kind: str, points: int, uploads: Uploads, lines: Callable[[str], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lock files are deleted all the time: the ledger alone keeps rows from being created twice."""
    print(f"seed {SEED}: {points} points of {lines(kind):,} lines")  # noqa: T201 -- for a repeated run with the same seed
    seen: set[str] = set()
    wanted = {"waiting", "begun", "done"} if kind == "tasks" else set()
    chosen = random.Random(SEED)  # noqa: S311 -- repeatable, not secret
    for number in count():
        if number >= points and wanted <= seen:
            break
        assert number < 3 * points, f"no upload was killed in the states {wanted - seen}"
        # One line in each of equal parts of the upload; an earlier one if the upload ended before it. Then late lines, because
        # on a busy machine an upload waits longer for its operations, and more of its lines come before one of them is done.
        part = (number + chosen.random()) / points if number < points else 0.5 + chosen.random()
        ended, kill_at = 0, int(lines(kind) * part) if number else 1
        for home in map("home{}-{}".format, repeat(number), count()):
            folder = new_home(monkeypatch, tmp_path, home)
            with LocalToloka(operation_seconds=0.02) as toloka, locks_deleted(folder / "toloka_frames"):
                ended, left = kill_and_repeat(kind, uploads, number, kill_at, toloka, folder)
            seen |= left
            if ended == -signal.SIGKILL:
                break
            kill_at = chosen.randrange(1, kill_at)
    assert "no ledger" in seen
    assert "SOAK_POINTS" not in os.environ or kind != "tasks" or {"no upload", "refused", "failed"} <= seen


@contextmanager
def served(db: Path, port: int) -> Iterator[str]:
    """Run the service in its own process, yield its token, and kill it at the end."""
    command = [Path(sys.executable).with_name("toloka-frames"), "serve", "--db", str(db), "--port", str(port)]
    with child_process(command) as process:
        assert process.stdout is not None
        output = process.stdout.readline() + process.stdout.readline()
        yield re.findall(r"TolokaClient\('(.+?)'", output)[0]


@pytest.mark.parametrize("part", [part / SERVICE_KILLS for part in range(SERVICE_KILLS)])
def test_each_row_is_created_once_if_the_service_is_killed_and_restarted(
    part: float, uploads: Uploads, lines: Callable[[str], int], tmp_path: Path, data_home: Path
) -> None:
    db, port = tmp_path / "toloka.db", free_port()
    with served(db, port) as token:
        client = tf.AsyncTolokaClient(token, url=f"http://127.0.0.1:{port}")
        pool_id = create_pool(client)
        uploads.run(client.service.url, token, pool_id, ROWS, data_home, int(lines("tasks") * part))
    with served(db, port):
        repeat_until_done(client, pool_id, without_frame=False)
        check_exactly_once(client, pool_id)


@pytest.mark.parametrize("seed", range(SERVICE_KILLS if "SOAK_POINTS" in os.environ else 1))
def test_each_row_is_created_once_whatever_fails_on_the_network(seed: int, toloka: LocalToloka) -> None:
    client = toloka.async_client(retries=tf.Retries(attempts=12))
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
    client = toloka.async_client()
    pool_id = create_pool(client)
    toloka.faults.fail_operation("POST /v1/tasks", nth=1)
    toloka.faults.lose_reply("POST /v1/tasks", nth=1)
    for _ in range(2):
        with pytest.raises(tf.UploadError) as caught:
            tf.create_tasks(frame_of(10), client, pool_id, allow_defaults=True, progress=False)
        assert caught.value.results["status"].tolist() == ["FAILED"] * 10
        assert isinstance(caught.value.__cause__, tf.OperationFailed)
    assert len(client.get_tasks(pool_id).to_dataframe()) == 0
