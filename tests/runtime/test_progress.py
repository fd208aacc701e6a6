"""Progress: counted by the work, displayed in the chosen way by the waiting thread; a broken display never stops the work."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.all_cases import examples
from support.sample_project import create_pool
from support.scripted_server import Scripted, reply
from support.virtual_clock import run_virtual

import toloka_frames as tf
from toloka_frames._runtime.concurrency import WorkerPool
from toloka_frames._runtime.current_tracker import current_progress
from toloka_frames._runtime.displays import LineDisplay, LogDisplay, choose
from toloka_frames._runtime.event_loop import run
from toloka_frames._runtime.progress import Quota
from toloka_frames._runtime.tracker import READING, RUNNING, SENDING, ProgressTracker, track_progress
from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import pandas as pd

A_WHILE = 60


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


class Clock:
    """A clock that tests advance."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_the_line_shows_rows_requests_waits_and_retries() -> None:
    clock = Clock()
    tracker = ProgressTracker("tasks", 100, retries=2, upload_id="cats", clock=clock)
    tracker.begin(4)
    for _ in range(2):
        with tracker.request():
            tracker.enter(SENDING, 15)
            tracker.progress()
            clock.now += 2
            tracker.settle(15)
    with tracker.request():
        tracker.enter(RUNNING, 15)
        progress = tracker.progress()
        assert str(progress) == (
            "tasks: 30 of 100 rows · 10 s left · 7.5 rows/s · requests: 1 waiting, 1 running at the service, 2 done · "
            "2 retries · the same call again, or tf.resume('cats', client), continues"
        )
        with tracker.wait("the quota", 41):
            clock.now += 12
            progress = tracker.progress()
    assert "waiting for the quota, 12 s so far, 29 s to go" in str(progress).split(" · ")
    assert progress.chunks == {"waiting": 1, "waiting for the quota": 1, "done": 2}
    assert progress.waited == {"the quota": 12}
    assert progress.rate == 7.5
    assert "waiting for" not in str(tracker.progress())
    assert ProgressTracker("x").progress().seconds_left is None


@pytest.mark.parametrize(("retries", "text"), [(0, ""), (1, "1 retry"), (2, "2 retries"), (1_000, "1,000 retries")])
def test_nouns_agree_with_their_number(retries: int, text: str) -> None:
    shown = str(ProgressTracker("tasks", retries=retries).progress()).split(" · ")
    assert [part for part in shown if "retr" in part] == [text][: bool(text)]


def test_the_end_says_how_long_it_took_and_how_much_of_that_was_waiting() -> None:
    clock = Clock()
    tracker = ProgressTracker("tasks", 100, retries=1, clock=clock)
    clock.now += 10
    with tracker.wait("the quota", 60):
        clock.now += 41
    with tracker.wait("the service", 10), tracker.wait("the service", 10):
        clock.now += 10
    tracker.rows, tracker.note = 100, "100 CREATED."
    tracker.end("done")
    clock.now += 1_000
    assert str(tracker.progress()) == (
        "tasks: 100 of 100 rows · done in 1 min 1 s, of which 41 s waiting for the quota and 10 s waiting for the service · "
        "10 rows/s · 1 retry · 100 CREATED."
    )


def test_the_time_in_which_a_request_is_at_work_is_not_waited() -> None:
    clock = Clock()
    tracker = ProgressTracker("tasks", 100, clock=clock)
    tracker.begin(2)
    with tracker.request():
        tracker.enter(RUNNING, 50)

        async def other() -> None:
            with tracker.request(), tracker.wait("the quota", 60):
                clock.now += 20

        asyncio.run(other())
        assert tracker.progress().waited == {}


def test_the_longest_of_several_waits_is_shown() -> None:
    tracker = ProgressTracker("tasks", clock=Clock())
    with tracker.wait("the service", 3):
        with tracker.wait("the quota", 60), tracker.wait("the quota", 60):
            assert tracker.waiting == "the quota, 1 min to go"
        assert tracker.waiting == "the service, 3 s to go"
        with tracker.wait("another process"):
            assert tracker.waiting == "another process"
    with pytest.raises(OSError, match="disk"), tracker.wait("the quota", 60):
        raise OSError("disk")
    assert tracker.waiting == ""


def test_a_failure_says_why_in_one_line() -> None:
    updates: list[tf.Progress] = []
    with pytest.raises(tf.TolokaError):
        run(work(updates.append, error=tf.TolokaError("The service refused: no access.", hint="Ask for it.")))
    assert updates[-1].reason == "The service refused: no access."
    assert re.search(r"failed in \d+\.\d s · The service refused: no access\.", str(updates[-1]))
    assert "The service refused: no access." in updates[-1]._repr_html_()
    assert "Ask for it" not in str(updates[-1])


@dataclass(frozen=True)
class Schedule:
    """An upload whose requests take given times.

    Attributes:
        requests: Their number.
        rows: Rows of each.
        seconds: How long they take, one after the other; the last one repeats.
        concurrency: How many are at work at once.
        quota: Rows that are allowed within a minute; 0 for any number.
        foretold: Whether the quota is known before it is used up.
        outage: When the service is gone for a minute; None if it is not.
    """

    requests: int
    rows: int
    seconds: tuple[float, ...]
    concurrency: int = 5
    quota: int = 0
    foretold: bool = True
    outage: float | None = None

    @property
    def slack(self) -> float:
        """How wrong the time left may be, because nobody knows how long the last request takes."""
        return max(2.0, *self.seconds)


async def follow(schedule: Schedule, step: float = 0.5) -> tuple[list[tf.Progress], list[int]]:
    """Run a schedule in virtual time; return what is shown every `step` seconds, and how many rows are done then."""
    loop, done, used = asyncio.get_running_loop(), [0], list[float]()
    tracker = ProgressTracker("tasks", schedule.requests * schedule.rows, clock=loop.time)
    pool = WorkerPool(tracker)
    shown, truth = [], []

    async def take_quota() -> None:
        while schedule.quota:
            recent = [at for at in used if at > loop.time() - 60]
            free_in = recent[0] + 60 - loop.time() if recent else 0.0
            if schedule.foretold:
                releases = tuple((at + 60 - loop.time(), schedule.rows) for at in recent)
                tracker.use_quota(Quota("tasks", len(recent) * schedule.rows, schedule.quota, releases))
            if (len(recent) + 1) * schedule.rows <= schedule.quota:
                used.append(loop.time())
                return
            with tracker.wait("the quota", free_in):
                await asyncio.sleep(free_in)

    async def send(number: int, _: object) -> None:
        await take_quota()
        tracker.enter(SENDING, schedule.rows)
        if schedule.outage is not None and schedule.outage <= loop.time() < schedule.outage + 60:
            with tracker.wait("the service"):
                await asyncio.sleep(schedule.outage + 60 - loop.time())
        tracker.enter(RUNNING)
        await asyncio.sleep(schedule.seconds[min(number, len(schedule.seconds) - 1)])
        done[0] += schedule.rows
        tracker.settle(schedule.rows)

    async def look() -> None:
        while True:
            shown.append(tracker.progress())
            truth.append(done[0])
            await asyncio.sleep(step)

    looking = asyncio.create_task(look())
    await pool.do(range(schedule.requests), schedule.concurrency, send)
    tracker.end("done")
    looking.cancel()
    return [*shown, tracker.progress()], [*truth, done[0]]


STEADY = st.builds(
    Schedule,
    requests=st.integers(15, 120),
    rows=st.sampled_from([1, 50, 10_000]),
    seconds=st.tuples(st.sampled_from([0.5, 3.0, 20.0, 240.0]), st.lists(st.floats(0.8, 1.25), min_size=120, max_size=120)).map(
        lambda drawn: tuple(drawn[0] * share for share in drawn[1])
    ),
    concurrency=st.integers(1, 8),
)


@given(STEADY)
@settings(max_examples=examples(50))
def test_shown_rows_are_true_and_the_time_left_is_within_a_factor_of_two_after_the_first_tenth(schedule: Schedule) -> None:
    shown, truth = run_virtual(follow(schedule, step=schedule.slack / 8))
    assert [progress.rows for progress in shown] == truth
    assert_time_left(shown, schedule)


@pytest.mark.parametrize("foretold", [True, False], ids=["foretold", "noticed when it is used up"])
@pytest.mark.parametrize("quota", [30_000, 50_000, 100_000])
@pytest.mark.parametrize("seconds", [0.5, 2.0, 8.0])
def test_the_time_left_counts_waits_for_the_quota(quota: int, seconds: float, foretold: bool) -> None:
    schedule = Schedule(45, 10_000, (seconds,), quota=quota, foretold=foretold)
    shown, truth = run_virtual(follow(schedule))
    assert [progress.rows for progress in shown] == truth
    first = next(number for number, progress in enumerate(shown) if foretold or progress.waited)
    assert_time_left(shown[first:], schedule)
    assert [progress.quota is not None for progress in shown if progress.rows == 200_000] == [foretold] * truth.count(200_000)


@pytest.mark.parametrize("at", [10.0, 30.0, 50.0])
def test_an_outage_is_not_counted_as_slowness(at: float) -> None:
    schedule = Schedule(100, 10_000, (4.0,), outage=at)
    shown, _ = run_virtual(follow(schedule))
    assert shown[-1].waited == {"the service": pytest.approx(60, abs=5)}
    assert_time_left([progress for progress in shown if progress.seconds > at + 60], schedule)
    assert max(progress.seconds_left or 0 for progress in shown) < 100


def test_a_slow_start_is_forgotten() -> None:
    schedule = Schedule(200, 1_000, (30.0,) * 5 + (3.0,))
    shown, _ = run_virtual(follow(schedule))
    assert_time_left([progress for progress in shown if progress.rows > 20_000], schedule)


def assert_time_left(shown: list[tf.Progress], schedule: Schedule) -> None:
    """Check that after a tenth of the rows the time left is within a factor of two, and does not jump where all is known."""
    end, before = shown[-1].seconds, None
    for progress in shown[:-1]:
        left, estimate = end - progress.seconds, progress.seconds_left
        if progress.rows * 10 >= (progress.total or 0):
            assert estimate is not None, progress
            assert left / 2 - schedule.slack <= estimate <= left * 2 + schedule.slack, (left, progress)
            if before is not None and schedule.foretold:
                assert abs(estimate - before) <= max(before / 3, schedule.slack) + 1, (before, progress)
            before = estimate


def test_no_wait_is_shown_after_the_end() -> None:
    tracker = ProgressTracker("tasks")
    with tracker.wait("the quota", 60):
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


@pytest.mark.parametrize(("name", "kind"), [("text", LineDisplay), ("log", LogDisplay)])
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


class Looks:
    """Gets what is shown while work runs, and compares it with what the service has received."""

    def __init__(self, toloka: LocalToloka) -> None:
        self._toloka = toloka
        self.shown: list[tf.Progress] = []

    @property
    def posted(self) -> int:
        """The number of requests for tasks that the service has received."""
        return sum(request.method == "POST" and request.path == "/api/v1/tasks" for request in self._toloka.requests)

    def __call__(self, progress: tf.Progress) -> None:
        begun = sum(progress.chunks.get(state, 0) for state in (RUNNING, READING, "done"))
        assert begun <= self.posted, progress
        assert progress.rows <= (progress.total or 0)
        assert sum(progress.waited.values()) <= progress.seconds
        self.shown.append(progress)


FAULTS: dict[str, Callable[[LocalToloka], object]] = {
    "nothing": lambda _: None,
    "it refuses now and then": lambda toloka: toloka.faults.answer(503, "* /v1/*", share=0.2),
    "its quota is used up": lambda toloka: toloka.faults.answer(429, "POST /v1/tasks", interval="MIN", retry_after=1, times=2),
    "responses are lost": lambda toloka: toloka.faults.lose_reply("POST /v1/tasks", share=0.5),
    "it is slow": lambda toloka: toloka.faults.slow("POST /v1/tasks", seconds=0.3),
    "it is gone for a moment": lambda toloka: toloka.faults.restart("GET /v1/operations*", nth=2, seconds=0.5),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_an_upload_never_shows_more_than_there_is_and_never_goes_back(
    fault: Callable[[LocalToloka], object], make_frame: Callable[[int], pd.DataFrame]
) -> None:
    with LocalToloka(operation_seconds=0.3) as toloka:
        client = toloka.client(retries=20)
        pool_id, looks = create_pool(client), Looks(toloka)
        fault(toloka)
        tf.create_tasks(make_frame(11_000), client, pool_id, allow_defaults=True, concurrency=2, progress=looks)
        for name in ("rows", "seconds", "retries"):
            values = [getattr(progress, name) for progress in looks.shown]
            assert values == sorted(values)
        done = [progress.chunks.get("done", 0) for progress in looks.shown]
        assert done == sorted(done)
        assert (looks.shown[-1].rows, looks.shown[-1].chunks) == (11_000, {"done": 2})


def test_nothing_is_shown_as_sent_while_the_quota_is_waited_for(make_frame: Callable[[int], pd.DataFrame]) -> None:
    with LocalToloka() as toloka:
        client = toloka.client()
        pool_id, looks = create_pool(client), Looks(toloka)

        async def use_up() -> None:
            for _ in range(10):
                await client.service.rate_limiter.objects("tasks", 10_000)

        def show(progress: tf.Progress) -> None:
            looks(progress)
            if progress.chunks.get("waiting for the quota") == 2 and progress.state == "running":
                raise KeyboardInterrupt

        run(use_up())
        with pytest.raises(tf.UploadInterrupted) as stopped:
            tf.create_tasks(make_frame(20_000), client, pool_id, allow_defaults=True, progress=show)
        assert looks.posted == 0
        assert stopped.value.results["status"].eq("NOT_SENT").all()
        waiting, end = looks.shown[-2:]
        assert waiting.waiting.startswith("the quota, ")
        assert str(waiting.quota) == "quota: 100,000 of 100,000 tasks a minute"
        assert (end.state, end.chunks, end.rows) == ("stopped", {"interrupted": 2}, 0)
        assert "20,000 NOT_SENT. Run the same cell again to continue." in str(end)
        assert f"tf.resume({end.upload_id!r}, client)" in str(end)


def test_a_failed_upload_says_why_and_how_to_go_on(make_frame: Callable[[int], pd.DataFrame]) -> None:
    with LocalToloka() as toloka:
        client = toloka.client()
        pool_id, looks = create_pool(client), Looks(toloka)
        toloka.faults.answer(403, "POST /v1/tasks", code="ACCESS_DENIED")
        with pytest.raises(tf.UploadError) as failed:
            tf.create_tasks(make_frame(5), client, pool_id, allow_defaults=True, progress=looks)
        end = looks.shown[-1]
        assert end.reason == str(failed.value).partition("\n")[0]
        assert "403 ACCESS_DENIED" in end.reason
        for shown in (str(end), end._repr_html_().replace("&#x27;", "'")):
            assert f"the same call again, or tf.resume({end.upload_id!r}, client), continues" in shown
            assert toloka.token not in shown


@pytest.mark.parametrize(("rows", "max_price"), [(slice(3), None), (slice(5, 9), 0.01)])
def test_a_refused_upload_that_the_ledger_does_not_have_is_not_said_to_continue(
    make_frame: Callable[[int], pd.DataFrame], rows: slice, max_price: float | None
) -> None:
    with LocalToloka() as toloka:
        client = toloka.client()
        pool_id, looks = create_pool(client), Looks(toloka)
        tf.create_tasks(make_frame(5), client, pool_id, allow_defaults=True, progress=False)
        with pytest.raises(tf.InputError, match=r"created before|max_price"):
            tf.create_tasks(make_frame(9)[rows], client, pool_id, allow_defaults=True, max_price=max_price, progress=looks)
        end = looks.shown[-1]
        assert (end.state, end.upload_id) == ("failed", "")
        assert "tf.resume(" not in str(end) + end._repr_html_()
        assert len(tf.uploads()) == 1


def test_a_pull_shows_pages_and_about_how_many_rows_there_are_where_one_request_says_so() -> None:
    shown: list[tf.Progress] = []
    half_is_shown = threading.Event()

    def show(progress: tf.Progress) -> None:
        shown.append(progress)
        if "2 of about 6 rows" in str(progress):
            half_is_shown.set()

    with LocalToloka() as toloka:
        client = toloka.client()
        app = client.get_apps().to_dataframe().set_index("name")["id"]["Image classification"]
        project = client.create_app_project({"app_id": app, "name": "Cats", "parameters": {}})["id"]
        items = [{"image_url": f"https://example.com/{number}.jpg"} for number in range(6)]
        batch = client.create_app_batch(project, items=items)["id"]
        toloka.faults.call("GET /app/v0/app-projects/*/items", lambda _: half_is_shown.wait(A_WHILE), nth=2)
        frame = client.get_app_items(project, batch_id=batch, batch_size=2).to_dataframe(progress=show)
        assert [request.path for request in toloka.requests].count(f"/api/app/v0/app-projects/{project}/batches/{batch}") == 1
    assert len(frame) == shown[-1].rows == 6
    assert "app items: 2 of about 6 rows" in {str(progress).split(" · ")[0] for progress in shown}
    assert str(shown[-1]).startswith("app items: 6 rows · done in ")
    assert "3 pages" in str(shown[-1])
    assert all((progress._fraction() or 0) < 1 for progress in shown if progress.state == "running")
