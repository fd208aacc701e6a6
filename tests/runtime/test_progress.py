"""What the work counts is shown by whoever waits for it, in the way that was chosen, and never stops the work."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

import pytest
from support.scripted_server import Scripted, reply

import toloka_frames as tf
from toloka_frames._runtime.event_loop import run
from toloka_frames._runtime.progress import CardDisplay, ProgressTracker, TextDisplay, choose, current_progress, track_progress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


async def work(progress: object, steps: int = 3, error: Exception | None = None, quiet: float = 0.0) -> None:
    with track_progress(progress, "tasks", total=steps, quiet=quiet) as meter:  # type: ignore[arg-type]
        for _ in range(steps):
            meter.rows += 1
            await asyncio.sleep(0)
        if error:
            raise error


def test_a_callable_gets_every_state_and_the_end() -> None:
    seen: list[tf.Progress] = []
    run(work(seen.append))
    assert (seen[-1].rows, seen[-1].total, seen[-1].state) == (3, 3, "done")
    assert [progress.state for progress in seen].count("done") == 1


def test_a_failure_is_shown_as_one() -> None:
    seen: list[tf.Progress] = []
    with pytest.raises(OSError, match="disk"):
        run(work(seen.append, error=OSError("disk")))
    assert seen[-1].state == "failed"


def test_a_display_that_fails_is_put_away_and_the_work_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    calls = []

    def broken(progress: tf.Progress) -> None:
        calls.append(progress)
        raise RuntimeError("no screen")

    run(work(broken))
    assert len(calls) == 1
    assert "is dropped" in caplog.text


def test_quick_work_leaves_the_screen_alone() -> None:
    seen: list[tf.Progress] = []
    run(work(seen.append, quiet=60.0))
    assert seen == []


def test_text_is_one_line_at_the_end_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    run(work("text"))
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.count("\n") == 1
    assert "tasks: 3 of 3 rows" in written.err
    assert "done in" in written.err


def test_log_writes_a_line_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "toloka_frames"):
        run(work("log"))
    assert [record.getMessage().split(" · ")[0] for record in caplog.records] == ["tasks: 3 of 3 rows"]


def test_nothing_is_shown_by_default_where_there_is_neither_a_notebook_nor_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(work("auto"))
    run(work(False))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("wrong", ["bar", 5, None, True])
def test_another_way_to_show_progress_is_refused(wrong: object) -> None:
    with pytest.raises(tf.InputError, match="is not a way to show progress"):
        choose(wrong)  # type: ignore[arg-type]


def test_the_line_tells_what_is_waited_for_and_how_long_it_takes() -> None:
    meter = ProgressTracker("tasks", 100, rows=25, retries=2)
    meter.chunks.update(waiting=3, done=1)
    meter.started -= 5
    with meter.wait("quota", 41):
        progress = meter.progress()
    assert progress.rate == pytest.approx(5, rel=0.1)
    assert progress.seconds_left == pytest.approx(15, rel=0.1)
    parts = str(progress).split(" · ")
    assert parts[0] == "tasks: 25 of 100 rows"
    assert {"requests: 3 waiting, 1 done", "waiting: quota, 41 s", "2 retries"} <= set(parts)
    assert "waiting" not in str(meter.progress()).replace("3 waiting", "")
    assert ProgressTracker("x").progress().seconds_left is None


def test_the_seconds_of_a_wait_are_counted_down() -> None:
    meter = ProgressTracker("tasks")

    def left() -> int:
        return int(meter.waiting.removeprefix("quota, ").removesuffix(" s"))

    with meter.wait("quota", 60.2):
        first = left()
        while (second := left()) == first:
            time.sleep(0.01)
    assert 60 >= second < first <= 61


def test_of_several_waits_the_longest_is_shown_until_it_is_over() -> None:
    meter = ProgressTracker("tasks")
    with meter.wait("the service", 3):
        with meter.wait("quota", 60), meter.wait("quota", 60):
            assert meter.waiting == "quota, 60 s"
        assert meter.waiting == "the service, 3 s"
        with meter.wait("another process"):
            assert meter.waiting == "another process"
    with pytest.raises(OSError, match="disk"), meter.wait("quota", 60):
        raise OSError("disk")
    assert meter.waiting == ""


def test_what_has_ended_waits_for_nothing() -> None:
    meter = ProgressTracker("tasks")
    with meter.wait("quota", 60):
        meter.end("stopped")
        assert meter.progress().waiting == ""


def test_the_work_of_a_block_writes_to_its_meter_and_other_work_does_not() -> None:
    async def deep_down() -> ProgressTracker:
        await asyncio.sleep(0)
        return current_progress()

    async def block(title: str) -> bool:
        with track_progress(False, title) as meter:
            inside = await asyncio.gather(deep_down(), asyncio.create_task(deep_down()))
            return all(each is meter for each in inside)

    async def blocks() -> list[bool]:
        before = current_progress()
        found = await asyncio.gather(*(block(str(number)) for number in range(5)))
        return [*found, current_progress().title == before.title == ""]

    assert run(blocks()) == [True] * 6


def test_a_block_in_a_block_is_present_until_it_ends_however_it_does() -> None:
    with track_progress(False, "outer") as outer:
        with track_progress(False, "inner") as inner:
            assert current_progress() is inner
        assert current_progress() is outer
        with pytest.raises(OSError, match="disk"), track_progress(False, "inner"):
            raise OSError("disk")
        assert current_progress() is outer
    assert current_progress().title == ""


def test_a_generator_that_is_closed_elsewhere_leaves_the_meter_there_alone() -> None:
    async def rows() -> AsyncIterator[ProgressTracker]:
        with track_progress(False, "rows") as meter:
            yield meter

    async def elsewhere() -> None:
        stream = rows()
        await asyncio.create_task(anext(stream))
        with track_progress(False, "another") as another:
            await stream.aclose()
            assert current_progress() is another

    run(elsewhere())


def test_a_pull_shows_retries_and_waits(scripted: Scripted) -> None:
    seen: list[tf.Progress] = []

    def answer(_: str) -> bytes:
        waited = any(progress.waiting for progress in seen)
        return reply({"items": [], "has_more": False}) if waited else reply({}, 503)

    scripted.answers = [answer]
    scripted.client(retries=50).get_pools().to_arrow(progress=seen.append)
    assert {progress.waiting.split(",")[0] for progress in seen} >= {"the service"}
    assert (seen[-1].retries, seen[-1].waiting, seen[-1].state) == (len(scripted.requests) - 1, "", "done")


@pytest.mark.parametrize(("name", "kind"), [("text", TextDisplay), ("notebook", CardDisplay)])
def test_a_way_can_be_asked_for_by_name(name: str, kind: type) -> None:
    assert isinstance(choose(name), kind)  # type: ignore[arg-type]


def test_an_upload_shows_rows_and_chunks(
    client: tf.AsyncTolokaClient, pool_id: str, make_frame: Callable[[int], object]
) -> None:
    seen: list[tf.Progress] = []
    tf.create_tasks(make_frame(30), client, pool_id, allow_defaults=True, progress=seen.append)  # type: ignore[arg-type]
    assert (seen[-1].rows, seen[-1].total, seen[-1].state, dict(seen[-1].chunks)["done"]) == (30, 30, "done", 1)
    assert seen[-1].note == "30 CREATED."


def test_waiting_for_an_operation_shows_its_progress(
    client: tf.AsyncTolokaClient, pool_id: str, make_frame: Callable[[int], object]
) -> None:
    tf.create_tasks(make_frame(3), client, pool_id, allow_defaults=True, progress=False)  # type: ignore[arg-type]
    seen: list[tf.Progress] = []
    operation = tf.run(client.open_pool(pool_id))
    tf.run(client.wait_operation(operation, progress=seen.append))
    assert (seen[-1].title, seen[-1].unit, seen[-1].state) == ("POOL.OPEN", "%", "done")
