"""Progress: counted by the work, displayed in the chosen way by the waiting thread; a broken display never stops the work."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

import pytest
from support.sample_project import create_pool
from support.scripted_server import Scripted, reply

import toloka_frames as tf
from toloka_frames._runtime.displays import CardDisplay, LineDisplay, LogDisplay, choose
from toloka_frames._runtime.event_loop import run
from toloka_frames._runtime.tracker import ProgressTracker, current_progress, track_progress
from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


async def work(progress: object, steps: int = 3, error: Exception | None = None, quiet: float = 0.0) -> None:
    with track_progress(progress, "tasks", total=steps, quiet=quiet) as tracker:  # type: ignore[arg-type]
        for _ in range(steps):
            tracker.rows += 1
            await asyncio.sleep(0)
        if error:
            raise error


def test_a_callable_receives_updates_and_the_final_state_once() -> None:
    updates: list[tf.Progress] = []
    run(work(updates.append))
    assert (updates[-1].rows, updates[-1].total, updates[-1].state) == (3, 3, "done")
    assert [progress.state for progress in updates].count("done") == 1


def test_a_failure_is_shown_as_failed() -> None:
    updates: list[tf.Progress] = []
    with pytest.raises(OSError, match="disk"):
        run(work(updates.append, error=OSError("disk")))
    assert updates[-1].state == "failed"


def test_a_display_that_raises_is_dropped_and_the_work_continues(caplog: pytest.LogCaptureFixture) -> None:
    calls = []

    def broken(progress: tf.Progress) -> None:
        calls.append(progress)
        raise RuntimeError("no screen")

    run(work(broken))
    assert len(calls) == 1
    assert "is dropped" in caplog.text


def test_work_shorter_than_the_quiet_time_shows_nothing() -> None:
    updates: list[tf.Progress] = []
    run(work(updates.append, quiet=60.0))
    assert updates == []


def test_text_writes_one_line_at_the_end_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    run(work("text"))
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.count("\n") == 1
    assert "tasks: 3 of 3 rows" in written.err
    assert "done in" in written.err


def test_log_writes_one_line_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "toloka_frames"):
        run(work("log"))
    assert [record.getMessage().split(" · ")[0] for record in caplog.records] == ["tasks: 3 of 3 rows"]


def test_nothing_is_shown_by_default_without_a_notebook_or_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(work("auto"))
    run(work(False))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("value", ["bar", 5, None, True])
def test_an_invalid_progress_argument_is_rejected(value: object) -> None:
    with pytest.raises(tf.InputError, match="is not a way to show progress"):
        choose(value)  # type: ignore[arg-type]


def test_the_line_shows_rows_requests_waits_and_retries() -> None:
    tracker = ProgressTracker("tasks", 100, rows=25, retries=2)
    tracker.chunks.update(waiting=3, done=1)
    tracker.started -= 5
    with tracker.wait("quota", 41):
        progress = tracker.progress()
    assert progress.rate == pytest.approx(5, rel=0.1)
    assert progress.seconds_left == pytest.approx(15, rel=0.1)
    parts = str(progress).split(" · ")
    assert parts[0] == "tasks: 25 of 100 rows"
    assert {"requests: 3 waiting, 1 done", "waiting: quota, 41 s", "2 retries"} <= set(parts)
    assert "waiting" not in str(tracker.progress()).replace("3 waiting", "")
    assert ProgressTracker("x").progress().seconds_left is None


def test_the_seconds_of_a_wait_count_down() -> None:
    tracker = ProgressTracker("tasks")

    def left() -> int:
        return int(tracker.waiting.removeprefix("quota, ").removesuffix(" s"))

    with tracker.wait("quota", 60.2):
        first = left()
        while (second := left()) == first:
            time.sleep(0.01)
    assert 60 >= second < first <= 61


def test_the_longest_of_several_waits_is_shown() -> None:
    tracker = ProgressTracker("tasks")
    with tracker.wait("the service", 3):
        with tracker.wait("quota", 60), tracker.wait("quota", 60):
            assert tracker.waiting == "quota, 60 s"
        assert tracker.waiting == "the service, 3 s"
        with tracker.wait("another process"):
            assert tracker.waiting == "another process"
    with pytest.raises(OSError, match="disk"), tracker.wait("quota", 60):
        raise OSError("disk")
    assert tracker.waiting == ""


def test_no_wait_is_shown_after_the_end() -> None:
    tracker = ProgressTracker("tasks")
    with tracker.wait("quota", 60):
        tracker.end("stopped")
        assert tracker.progress().waiting == ""


def test_concurrent_blocks_each_have_their_own_tracker() -> None:
    async def nested_call() -> ProgressTracker:
        await asyncio.sleep(0)
        return current_progress()

    async def block(title: str) -> bool:
        with track_progress(False, title) as tracker:
            inside = await asyncio.gather(nested_call(), asyncio.create_task(nested_call()))
            return all(current is tracker for current in inside)

    async def blocks() -> list[bool]:
        before = current_progress()
        found = await asyncio.gather(*(block(str(number)) for number in range(5)))
        return [*found, current_progress().title == before.title == ""]

    assert run(blocks()) == [True] * 6


def test_a_nested_block_restores_the_outer_tracker_also_after_an_error() -> None:
    with track_progress(False, "outer") as outer:
        with track_progress(False, "inner") as inner:
            assert current_progress() is inner
        assert current_progress() is outer
        with pytest.raises(OSError, match="disk"), track_progress(False, "inner"):
            raise OSError("disk")
        assert current_progress() is outer
    assert current_progress().title == ""


def test_closing_a_generator_in_another_context_keeps_the_tracker_there() -> None:
    async def rows() -> AsyncIterator[ProgressTracker]:
        with track_progress(False, "rows") as tracker:
            yield tracker

    async def elsewhere() -> None:
        stream = rows()
        await asyncio.create_task(anext(stream))
        with track_progress(False, "another") as another:
            await stream.aclose()
            assert current_progress() is another

    run(elsewhere())


def test_reading_a_list_shows_retries_and_waits(scripted: Scripted) -> None:
    updates: list[tf.Progress] = []

    def answer(_: str) -> bytes:
        waited = any(progress.waiting for progress in updates)
        return reply({"items": [], "has_more": False}) if waited else reply({}, 503)

    scripted.answers = [answer]
    scripted.async_client(retries=50).get_pools().to_arrow(progress=updates.append)
    assert {progress.waiting.split(",")[0] for progress in updates} >= {"the service"}
    assert (updates[-1].retries, updates[-1].waiting, updates[-1].state) == (len(scripted.requests) - 1, "", "done")


@pytest.mark.parametrize(("name", "kind"), [("text", LineDisplay), ("log", LogDisplay), ("notebook", CardDisplay)])
def test_a_display_can_be_chosen_by_name(name: str, kind: type) -> None:
    assert isinstance(choose(name), kind)  # type: ignore[arg-type]


def test_an_upload_shows_rows_and_chunks(
    client: tf.AsyncTolokaClient, pool_id: str, make_frame: Callable[[int], object]
) -> None:
    updates: list[tf.Progress] = []
    tf.create_tasks(make_frame(30), client, pool_id, allow_defaults=True, progress=updates.append)  # type: ignore[arg-type]
    assert (updates[-1].rows, updates[-1].total, updates[-1].state, dict(updates[-1].chunks)["done"]) == (30, 30, "done", 1)
    assert updates[-1].note == "30 CREATED."


def test_waiting_for_an_operation_shows_its_progress(make_frame: Callable[[int], object]) -> None:
    updates: list[tf.Progress] = []
    with LocalToloka(operation_seconds=0.5) as toloka:  # shorter ones are not shown
        client = toloka.async_client()
        pool_id = create_pool(client)
        tf.create_tasks(make_frame(3), client, pool_id, allow_defaults=True, progress=False)  # type: ignore[arg-type]
        tf.run(client.open_pool(pool_id, progress=updates.append))
    assert (updates[-1].title, updates[-1].unit, updates[-1].state) == ("POOL.OPEN", "%", "done")
