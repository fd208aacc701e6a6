"""What the work counts is shown by whoever waits for it, in the way that was chosen, and never stops the work."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

import toloka_frames as tf
from toloka_frames._progress import Card, Meter, Text, choose, showing
from toloka_frames._sync import run

if TYPE_CHECKING:
    from collections.abc import Callable


async def work(progress: object, steps: int = 3, error: Exception | None = None, quiet: float = 0.0) -> None:
    with showing(progress, "tasks", total=steps, quiet=quiet) as meter:  # type: ignore[arg-type]
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
    assert "put away" in caplog.text


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
    with pytest.raises(tf.InputError, match="no way to show progress"):
        choose(wrong)  # type: ignore[arg-type]


def test_the_line_tells_what_is_waited_for_and_how_long_it_takes() -> None:
    meter = Meter("tasks", 100, rows=25, retries=2, waiting="quota, 41 s")
    meter.chunks.update(waiting=3, done=1)
    meter.started -= 5
    progress = meter.progress()
    assert progress.rate == pytest.approx(5, rel=0.1)
    assert progress.seconds_left == pytest.approx(15, rel=0.1)
    parts = str(progress).split(" · ")
    assert parts[0] == "tasks: 25 of 100 rows"
    assert {"requests: 3 waiting, 1 done", "waiting: quota, 41 s", "2 retries"} <= set(parts)
    assert Meter("x").progress().seconds_left is None


@pytest.mark.parametrize(("name", "kind"), [("text", Text), ("notebook", Card)])
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
