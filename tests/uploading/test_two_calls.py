"""Two calls that send the same rows at once create each row once, even if no lock file keeps them apart."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from support.deleted_locks import locks_deleted
from support.sample_project import create_pool

import toloka_frames as tf
from toloka_frames._uploading import ledger_reading
from toloka_frames._uploading.ledger import Ledger
from toloka_frames._uploading.ledger_entry import ChunkTakenError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from toloka_frames.local import LocalToloka

APP = "M1B0QY7kD5kie8wOyb44"  # takes a text and an image_url, both required
ROWS = 60
# a request holds ten of these rows
ITEMS = pd.DataFrame({"image_url": [f"https://example.com/{row}.jpg" for row in range(ROWS)], "text": "x" * 100_000})
TASKS = ITEMS.rename(columns={"image_url": "image"})
CREATIONS = ("POST /v1/tasks", "POST /app/*")


def same_path(path: Path) -> Path:
    return path


def symlink(path: Path) -> Path:
    link = path.with_name("symlink.db")
    link.symlink_to(path.name)
    return link


def hard_link(path: Path) -> Path:
    """Return another name of the file, which has to exist for it."""
    tf.uploads(path)
    link = path.with_name("hard link.db")
    link.hardlink_to(path)
    return link


def other_spelling(path: Path) -> Path:
    return path.parent / ".." / path.parent.name / path.name


def path_through_a_linked_folder(path: Path) -> Path:
    link = path.parent / "linked"
    link.symlink_to(path.parent, target_is_directory=True)
    return link / path.name


NAMES = (same_path, symlink, hard_link, other_spelling, path_through_a_linked_folder)


@pytest.fixture
def project_id(client: tf.AsyncTolokaClient) -> str:
    return str(tf.run(client.create_app_project({"app_id": APP, "name": "Pairs", "parameters": {}}))["id"])


@pytest.fixture
def slow_toloka(toloka: LocalToloka) -> LocalToloka:
    """Responds to creations so late that two calls overlap."""
    for creation in CREATIONS:
        toloka.faults.slow(creation, seconds=0.1)
    return toloka


def both(calls: list[Callable[[], pd.DataFrame]]) -> list[pd.DataFrame]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(lambda call: call(), calls))


def results_of(create: Any, *args: Any, **options: Any) -> pd.DataFrame:
    """Return the results of an upload, also if it ends with an error."""
    try:
        return create(*args, progress=False, **options)
    except tf.UploadError as error:
        return error.results


@pytest.mark.parametrize("name", NAMES)
def test_threads_with_two_names_of_a_ledger_create_each_task_once(
    name: Callable[[Path], Path], slow_toloka: LocalToloka, client: tf.AsyncTolokaClient, tmp_path: Path
) -> None:
    pool_id, ledger = create_pool(client), tmp_path / "uploads.db"
    ledgers = [ledger, name(ledger)]
    with locks_deleted(tmp_path):
        calls = [
            lambda path=path: results_of(
                tf.create_tasks, TASKS, slow_toloka.async_client(), pool_id, allow_defaults=True, ledger=path
            )
            for path in ledgers
        ]
        one, other = both(calls)
    pd.testing.assert_frame_equal(one, other)
    assert one["status"].eq("CREATED").all()
    assert sorted(client.get_tasks(pool_id).to_dataframe(progress=False)["id"]) == sorted(one["task_id"])


# the ledger is found by its name in the same way as for tasks
@pytest.mark.parametrize("name", [same_path, hard_link])
def test_threads_with_two_names_of_a_ledger_create_each_app_item_once(
    name: Callable[[Path], Path], slow_toloka: LocalToloka, client: tf.AsyncTolokaClient, project_id: str, tmp_path: Path
) -> None:
    ledger = tmp_path / "uploads.db"
    ledgers = [ledger, name(ledger)]
    with locks_deleted(tmp_path):
        calls = [
            lambda path=path: results_of(tf.create_app_items, ITEMS, slow_toloka.async_client(), project_id, ledger=path)
            for path in ledgers
        ]
        frames = both(calls)
    listed = client.get_app_items(project_id).to_dataframe(progress=False)
    assert len(listed) == ROWS
    assert all(set(frame["status"]) <= {"CREATED", "UNKNOWN"} for frame in frames)
    again = tf.create_app_items(ITEMS, client, project_id, ledger=ledger, progress=False)
    assert again["status"].eq("CREATED").all()
    assert sorted(again["item_id"]) == sorted(listed["id"])


def begin_as_another_process(ledger: Path, number: int) -> Callable[[Sequence[str | None]], None]:
    """Begin a chunk as a process does that read the ledger at the same time; the function that is returned ends it."""
    other = Ledger(ledger).open()
    [upload_id] = tf.uploads(ledger)["upload_id"]
    [entry] = other.find_name(upload_id)
    [chunk] = ledger_reading.open_chunks(other, entry.id, {}, number=number)
    other.begin_chunk(entry.id, chunk, chunk.operation_id, {}, datetime.now(UTC))

    def end(ids: Sequence[str | None]) -> None:
        with other:
            other.end_chunk(entry.id, chunk, "done", ids)

    return end


@pytest.mark.parametrize("create", [tf.create_app_items, tf.create_app_batch])
def test_rows_that_another_process_sends_are_waited_for(
    create: Any, toloka: LocalToloka, client: tf.AsyncTolokaClient, project_id: str, tmp_path: Path
) -> None:
    ledger, ids = tmp_path / "uploads.db", [f"i{row}" for row in range(10)]

    others: list[Any] = []
    shown: list[tf.Progress] = []

    def show(progress: tf.Progress) -> None:
        shown.append(progress)
        if "another process" in progress.waiting and others:
            others.pop()(ids)

    toloka.faults.call("POST /app/*", lambda _: others.append(begin_as_another_process(ledger, 5)), nth=1)
    results = create(ITEMS, client, project_id, ledger=ledger, concurrency=1, progress=show)
    assert results["status"].eq("CREATED").all()
    assert results["item_id"].tolist()[50:] == ids
    assert len(client.get_app_items(project_id).to_dataframe(progress=False)) == ROWS - 10
    assert max(progress.rows for progress in shown) == ROWS


@pytest.mark.parametrize("status", ["never begun", "found"])
def test_tasks_that_another_process_sends_are_looked_up_and_created_once(
    status: str, toloka: LocalToloka, client: tf.AsyncTolokaClient, tmp_path: Path
) -> None:
    pool_id, ledger = create_pool(client), tmp_path / "uploads.db"
    create = partial(tf.create_tasks, TASKS, client, pool_id, allow_defaults=True, progress=False, concurrency=1)
    if status == "found":  # the operations are the same in every ledger
        create(ledger=tmp_path / "other.db")
    other: list[Any] = []
    seen = "GET /v1/operations/*" if status == "found" else "POST /v1/tasks"
    toloka.faults.call(seen, lambda _: other.append(begin_as_another_process(ledger, 5)), nth=1)
    results = create(ledger=ledger)
    assert results["status"].eq("CREATED").all()
    assert sorted(client.get_tasks(pool_id).to_dataframe(progress=False)["id"]) == sorted(results["task_id"])
    with pytest.raises(ChunkTakenError):
        other[0](["wrong"] * 10)
    pd.testing.assert_frame_equal(create(ledger=ledger), results)


PROCESS = """
import sys
import pandas as pd
import toloka_frames as tf

url, token, pool_id, project_id, ledger = sys.argv[1:]
client = tf.AsyncTolokaClient(token, url=url)
items = pd.DataFrame({"image_url": [f"https://example.com/{row}.jpg" for row in range(60)], "text": "x" * 100_000})
tasks = items.rename(columns={"image_url": "image"})
print("ready", flush=True)
sys.stdin.readline()
for create, frame, place, flags in [
    (tf.create_tasks, tasks, pool_id, {"allow_defaults": True}), (tf.create_app_items, items, project_id, {})
]:
    try:
        results = create(frame, client, place, ledger=ledger, progress=False, **flags)
    except tf.UploadError as error:
        results = error.results
    print(results["status"].value_counts().to_dict(), flush=True)
"""


def run_together(commands: list[list[str]]) -> list[list[str]]:
    """Run processes that begin at the same moment, and return the lines that they print."""
    processes = [
        subprocess.Popen([sys.executable, "-c", PROCESS, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for command in commands
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return [process.communicate(timeout=120)[0].splitlines() for process in processes]


@contextmanager
def bind_mount(path: Path) -> Iterator[Path]:
    """Mount a folder in another place, and yield the file's path there."""
    mounted = path.parent.with_name("mounted")
    mounted.mkdir()
    made = subprocess.run(["/bin/mount", "--bind", path.parent, mounted], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"a bind mount needs the rights of root: {made.stderr.strip()}")
    try:
        yield mounted / path.name
    finally:
        subprocess.run(["/bin/umount", mounted], check=True)


@contextmanager
def linked(path: Path) -> Iterator[Path]:
    yield hard_link(path)


@pytest.mark.parametrize("second_name", [linked, bind_mount])
def test_processes_with_two_names_of_a_ledger_create_each_row_once(
    second_name: Any, slow_toloka: LocalToloka, client: tf.AsyncTolokaClient, project_id: str, tmp_path: Path
) -> None:
    pool_id, folder = create_pool(client), tmp_path / "ledger"
    folder.mkdir()
    with second_name(folder / "uploads.db") as second, locks_deleted(folder):
        arguments = [slow_toloka.url, slow_toloka.token, pool_id, project_id]
        outputs = run_together([[*arguments, os.fspath(path)] for path in (folder / "uploads.db", second)])
    assert [tasks for tasks, _ in outputs] == [str({"CREATED": ROWS})] * 2
    assert str({"CREATED": ROWS}) in [items for _, items in outputs]
    assert len(client.get_tasks(pool_id).to_dataframe(progress=False)) == ROWS
    assert len(client.get_app_items(project_id).to_dataframe(progress=False)) == ROWS
