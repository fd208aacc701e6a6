"""`tf.follow` hands over each row of a growing list once: with late rows, across restarts and kills, and until its end."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import re
import signal
from collections import Counter
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from support.all_cases import ALL_CASES
from support.forked_scripts import run_script
from support.growing_list_server import GrowingList, GrowingRow
from support.leftovers import never_ends_on_our_loop
from support.list_catalog import RESOURCES
from support.scripted_server import Scripted, reply
from support.virtual_clock import loop_time, run_virtual, serve

import toloka_frames as tf
from toloka_frames._reading.follow import followed
from toloka_frames._reading.follow_times import followed_time
from toloka_frames._reading.scan import ListRequest
from toloka_frames._schema.columns import Column
from toloka_frames._schema.lists import ASSIGNMENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from toloka_frames._schema.lists import Resource
    from toloka_frames.local import LocalToloka


ID, STATUS = "ASSIGNMENT:assignment_id", "ASSIGNMENT:status"
HOUR = 3_600.0
DEFAULTS: dict[str, Any] = {
    "by": "created",
    "every": 60.0,
    "cursor": None,
    "until": None,
    "lag": 60.0,
    "empty": False,
    "dtype_backend": None,
    "progress": False,
}
MOST_ENDS = 5
DONE = timedelta(0)  # an end at once
SEEDS = range(60) if ALL_CASES else range(4)  # the first cases find most faults


def answered_pool(toloka: LocalToloka, **settings: Any) -> tf.Row:
    """Return a pool that Tolokers have completed, with three assignments of five tasks each."""
    client, pool = toloka.client(), toloka.example_pool()
    client.update_pool(pool.id, pool | settings | {"auto_accept_period_day": 7})
    images = pd.DataFrame({"image": [f"https://example.com/{number}.jpg" for number in range(5)]})
    images.pipe(tf.create_tasks, client, pool, allow_defaults=True, open_pool=True, progress=False)
    toloka.answer(pool)
    return pool


@pytest.fixture
def assignments(toloka: LocalToloka, client: tf.AsyncTolokaClient) -> tf.Scan:
    """A scan of three assignments with five tasks each."""
    return client.get_assignments(answered_pool(toloka))


class KilledError(Exception):
    """The end of a process, as far as one can end within a test."""


@dataclass
class Loop:
    """A user's loop over the frames of a list, which is started again after each end that was not its own.

    Attributes:
        done: The ids of each frame whose body has ended.
        broken: The ids of each frame whose body was killed.
        ends: The times at which each run ended.
        body: Called with the number of each frame before its body ends.
    """

    body: Callable[[int], object] = lambda _: None
    done: list[list[str]] = field(default_factory=list)
    broken: list[list[str]] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    frames: int = 0

    async def run(
        self, service: GrowingList, *, filters: dict[str, Any], batch_size: int, latency: float = 0.0, **options: Any
    ) -> None:
        async with serve(service, latency) as url:
            while True:
                client = tf.AsyncTolokaClient(f"token-{id(self)}", url=url, timeout=None, retries=1)
                try:
                    await self._once(client.get_assignments(pool_id="1", batch_size=batch_size, **filters), options)
                except (KilledError, tf.TolokaError):
                    if len(self.ends) > MOST_ENDS:
                        raise
                else:
                    return
                finally:
                    self.ends.append(loop_time())
                    await client.aclose()

    async def _once(self, scan: tf.Scan, options: dict[str, Any]) -> None:
        # what tf.follow and tf.aio.follow read, on the running loop, whose time is virtual
        async with aclosing(followed(scan, **DEFAULTS | options)) as frames:
            async for _, frame in frames:
                self.frames += 1
                try:
                    self.body(self.frames)
                except KilledError:
                    self.broken.append(frame[ID].tolist())
                    raise
                self.done.append(frame[ID].tolist())


def follow(service: GrowingList, loop: Loop | None = None, *, batch_size: int = 10, **options: Any) -> Loop:
    """Follow a list in virtual time until the loop ends by itself."""
    loop, filters = loop or Loop(), {"status": options.pop("status")} if "status" in options else {}
    run_virtual(loop.run(service, filters=filters, batch_size=batch_size, **options))
    return loop


def growing(seed: int, rows: int, *, seconds: float, lag: float) -> list[GrowingRow]:
    """Return rows with many equal times, in bursts, of which some become visible late, by up to `lag`."""
    chance = random.Random(seed)  # noqa: S311 -- repeatable
    times = sorted(chance.choice([chance.uniform(0, seconds), seconds * chance.randrange(5) / 5]) for _ in range(rows))
    made = []
    for number, created in enumerate(times):
        submitted = created + chance.choice([0.0, 5.0, chance.uniform(0, seconds / 4)])
        states = {"created": created, "submitted": submitted, chance.choice(["accepted", "rejected"]): submitted + 30.0}
        kept = dict(itertools.islice(states.items(), chance.choice([1, 2, 3])))
        late = chance.choice([0.0, 0.0, lag, chance.uniform(0, lag)])
        made.append(GrowingRow(f"{number:08x}", {name: round(time, 6) for name, time in kept.items()}, late))
    return made


def shuffled(rows: list[GrowingRow], seed: int) -> list[GrowingRow]:
    """Return the rows with ids that are in no order of time, as those of the Apps API."""
    ids = [f"{number:08x}" for number in random.Random(seed).sample(range(2**32), len(rows))]  # noqa: S311 -- repeatable
    return sorted((GrowingRow(id_, row.times, row.late) for id_, row in zip(ids, rows, strict=True)), key=lambda row: row.id)


def having(rows: list[GrowingRow], time: str) -> list[str]:
    return sorted(row.id for row in rows if time in row.times)


def ids_of(frames: list[list[str]]) -> list[str]:
    return sorted(itertools.chain.from_iterable(frames))


@pytest.mark.parametrize("by", ["created", "submitted", "accepted", "rejected"])
@pytest.mark.parametrize("seed", SEEDS)
def test_every_row_is_in_one_frame(seed: int, by: str) -> None:
    chance = random.Random(f"{seed} {by}")  # noqa: S311 -- repeatable
    lag = chance.choice([1.0, 60.0, 300.0])
    rows = growing(seed, chance.choice([1, 10, 40]), seconds=900.0, lag=lag)
    rows = shuffled(rows, seed) if chance.random() < 0.5 else rows
    service = GrowingList(rows, closed=1_200.0)
    every = chance.choice([30.0, 60.0, 500.0])
    loop = follow(service, by=by, every=every, lag=lag, until=tf.closed(1), batch_size=chance.choice([1, 3, 10, 1000]))
    assert ids_of(loop.done) == having(rows, by)


@pytest.mark.parametrize("status", ["SUBMITTED", "ACCEPTED", "REJECTED", "ACTIVE"])
def test_a_list_of_one_status_has_each_row_that_comes_into_it_once(status: str) -> None:
    time = {"ACTIVE": "created"}.get(status, status.lower())
    rows = [GrowingRow(f"{number:04}", {"created": 0.0, time: number * 10.0}) for number in range(100)]
    loop = follow(GrowingList(rows, closed=1_000.0), status=status, until=tf.closed("1"))
    assert ids_of(loop.done) == [row.id for row in rows]
    assert len(loop.done) > 10


@pytest.mark.parametrize("seed", SEEDS)
def test_after_kills_anywhere_a_broken_frame_comes_again_and_no_other_row_does(seed: int, tmp_path: Path) -> None:
    """Kill each request and each body in turn: those of a run without kills are the steps."""
    chance = random.Random(seed)  # noqa: S311 -- repeatable
    rows = growing(seed, 25, seconds=300.0, lag=60.0)
    rows = shuffled(rows, seed) if seed % 2 else rows
    options = {"by": chance.choice(["created", "submitted"]), "until": tf.closed("1"), "batch_size": chance.choice([2, 7])}
    whole = GrowingList(rows, closed=500.0)
    steps = [*(("request", number) for number in range(1, steps_of(whole, options)[0] + 1))]
    steps += [("body", number) for number in range(1, steps_of(whole, options)[1] + 1)]
    for kind, number in steps if ALL_CASES else chance.sample(steps, min(len(steps), 3)):
        service, loop = GrowingList(rows, closed=500.0), Loop()
        if kind == "request":
            service.fault = lambda count, at=number: b"" if count == at else None
        else:
            loop.body = raising_at(number)
        follow(service, loop, cursor=tmp_path / f"{kind}-{number}.json", **options)
        assert ids_of(loop.done) == having(rows, options["by"]), (kind, number)
        assert len(loop.ends) == 2
        for broken in loop.broken:
            assert broken in loop.done


def steps_of(service: GrowingList, options: dict[str, Any]) -> tuple[int, int]:
    """Return the number of requests and of bodies of a run without kills."""
    service.count = 0
    loop = follow(service, **options)
    return service.count, loop.frames


def raising_at(number: int) -> Callable[[int], None]:
    def body(count: int) -> None:
        if count == number:
            raise KilledError

    return body


def test_ten_thousand_rows_of_one_moment_are_handed_over_once() -> None:
    rows = [GrowingRow(f"{number:08}", {"created": 100.0}, late=59.0 * (number % 2)) for number in range(10_000)]
    service = GrowingList(rows, closed=120.0)
    loop = follow(service, until=tf.closed("1"), every=20, batch_size=999)
    assert ids_of(loop.done) == [row.id for row in rows]


def test_100_000_rows_come_in_frames_of_a_page_and_the_cursor_has_only_the_ids_of_the_last_minute(tmp_path: Path) -> None:
    rows = [GrowingRow(f"{number:08}", {"created": number / 10}) for number in range(100_000)]
    service, cursor, known = GrowingList(rows, closed=20_000.0), tmp_path / "cursor.json", list[int]()
    loop = Loop(lambda _: known.append(len(position_in(cursor)["known"]) + len(position_in(cursor)["recent"])))
    follow(service, loop, until=tf.closed("1"), every=9_000, cursor=cursor, batch_size=10_000)
    assert ids_of(loop.done) == [row.id for row in rows]
    assert max(map(len, loop.done)) == 10_000
    # ten rows a second in a minute, and those of the second in which a look begins
    assert max(*known, len(position_in(cursor)["known"])) <= 610


def position_in(cursor: Path) -> dict[str, Any]:
    position: dict[str, Any] = json.loads(cursor.read_text())["lists"][""]["position"]
    return position


# -- Late rows


def test_a_row_that_becomes_visible_later_than_lag_is_missed_and_within_it_is_not() -> None:
    rows = [GrowingRow("1", {"created": 0.0}, late=90.0), GrowingRow("2", {"created": 59.0})]
    missed = follow(GrowingList(rows, closed=60.0), until=tf.closed("1"), lag=30)
    found = follow(GrowingList(rows, closed=60.0), until=tf.closed("1"), lag=timedelta(seconds=90))
    assert (ids_of(missed.done), ids_of(found.done)) == (["2"], ["1", "2"])


def test_a_row_ahead_of_the_clock_hides_no_rows_of_now() -> None:
    rows = [GrowingRow("1", {"created": HOUR}, late=-HOUR), *(GrowingRow(f"2{n}", {"created": n * 10.0}) for n in range(9))]
    assert ids_of(follow(GrowingList(rows), until=timedelta(minutes=5)).done) == [row.id for row in rows]


@pytest.mark.parametrize("clock_ahead", [-HOUR, -1.0, 0.0])
def test_a_row_that_becomes_visible_during_a_look_longer_than_lag_is_in_the_next(clock_ahead: float) -> None:
    """Each response takes 30 s: the first page passes the row after 120 s, the last one has rows that are minutes younger."""
    rows = [GrowingRow("-", {"created": 115.0}, late=59.0), *(GrowingRow(f"{n:04}", {"created": n * 5.0}) for n in range(100))]
    service = GrowingList(rows, clock_ahead=clock_ahead, closed=600.0)
    assert ids_of(follow(service, until=tf.closed("1"), batch_size=4, latency=30.0).done) == [row.id for row in rows]


def test_a_row_that_comes_into_its_state_again_is_handed_over_again(scripted: Scripted) -> None:
    """The pool is opened a second time between two looks."""
    pools = [{"id": "1", "status": "OPEN", "last_started": f"2026-01-0{day}T00:00:00"} for day in (1, 1, 2)]
    scripted.answers = [page([pool]) for pool in pools]
    frames = tf.follow(scripted.async_client().get_pools(status="OPEN"), every=0.01, until=requests_reach(scripted, 3), lag=0)
    assert [frame["last_started"].dt.day.tolist() for frame in frames] == [[1], [2]]


# -- The end


def page(rows: list[dict[str, Any]], *, has_more: bool = False) -> bytes:
    return reply({"items": rows, "has_more": has_more}, Date=format_datetime(datetime.now(UTC), usegmt=True))


def requests_reach(scripted: Scripted, count: int) -> Callable[[], bool]:
    return lambda: len(scripted.requests) >= count


ENDS = {
    "a pool that is closed": (tf.closed("1"), 100.0, 160.0),
    "several pools": (tf.closed(["1", 1]), 100.0, 160.0),
    "a pool that was closed before": (tf.closed(1), -61.0, 0.0),
    "a time that has come": (datetime.now(UTC) - timedelta(days=1), None, 0.0),
    "a time of another zone": (datetime.now(timezone(timedelta(hours=5))) - timedelta(days=1), None, 0.0),
    "a time of pandas": (pd.Timestamp.now("UTC") - pd.Timedelta(days=1), None, 0.0),
    "a time from now": (timedelta(seconds=90), None, 150.0),
    "a time from now of pandas": (pd.Timedelta(seconds=90), None, 150.0),
    "a function": (lambda: True, None, 60.0),
    "a function of NumPy": (lambda: np.bool_(True), None, 60.0),
}


@pytest.mark.parametrize(("until", "closed", "end"), ENDS.values(), ids=ENDS)
def test_the_last_look_begins_when_rows_of_before_the_end_are_visible(until: Any, closed: float | None, end: float) -> None:
    row = GrowingRow("1", {"created": -1_000.0})
    loop = follow(GrowingList([row], closed=closed), until=until, every=45)
    assert loop.done == [["1"]]
    assert loop.ends == [pytest.approx(end, abs=2)]  # the Date header is cut to a second


def test_without_lag_the_last_look_begins_at_once() -> None:
    loop = follow(GrowingList([GrowingRow("1", {"created": 0.0})], closed=100.0), until=tf.closed("1"), lag=0, every=60)
    assert loop.ends == [120.0]


def test_a_pool_that_the_body_opens_again_is_followed_to_its_end() -> None:
    rows = [GrowingRow("1", {"created": 10.0}), GrowingRow("2", {"created": 500.0})]
    service = GrowingList(rows, closed=20.0)

    def open_again(frame: int) -> None:
        service.closed = 1_000.0 if frame == 1 else service.closed

    loop = follow(service, Loop(open_again), until=tf.closed("1"), every=200)
    assert loop.done == [["1"], ["2"]]


def test_rows_that_the_body_causes_in_a_list_of_the_same_look_are_followed(toloka: LocalToloka) -> None:
    """The condition holds before and after the body: its pool was opened and completed meanwhile."""
    client, first, second = toloka.client(), toloka.example_pool(), toloka.example_pool()
    image = pd.DataFrame({"image": ["https://example.com/1.jpg"]})
    image.pipe(tf.create_tasks, client, second, overlap=1, open_pool=True, progress=False)
    toloka.answer(second)
    scans = {"first": client.get_assignments(first), "second": client.get_assignments(second)}
    names = []
    for name, frame in tf.follow(scans, until=tf.closed([first, second]), lag=0, progress=False):
        names += [name] * len(frame)
        if name == "second":
            image.pipe(tf.create_tasks, client, first, overlap=2, open_pool=True, progress=False)
            toloka.answer(first)
    assert names == ["second", "first", "first"]


def test_rows_that_the_body_changes_are_followed_by_their_new_state(toloka: LocalToloka) -> None:
    """Accepting opens no pool, so nothing but another look finds the rows."""
    pool = answered_pool(toloka, auto_accept_solutions=False)
    client = toloka.client()
    answers = client.get_assignments(pool)
    scans, by = {"accepted": answers, "submitted": answers}, {"accepted": "accepted", "submitted": "submitted"}
    names: list[str] = []
    for name, frame in tf.follow(scans, by=by, until=tf.closed(pool), progress=False):
        ids = frame[ID].drop_duplicates().to_frame(name="assignment_id")
        names += [name] * len(ids)
        if name == "submitted":
            ids.pipe(tf.accept_assignments, client, public_comment="Right", progress=False)
    assert names == ["submitted"] * 3 + ["accepted"] * 3


def test_a_function_may_use_a_client(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    frames = tf.follow(client.get_tasks(pool_id), until=lambda: tf.run(client.get_pool(pool_id)).status == "CLOSED", lag=0)
    assert list(frames) == []


# -- Cursors


def test_the_same_call_again_finds_nothing_new(assignments: tf.Scan, tmp_path: Path) -> None:
    first, again = (list(tf.follow(assignments, cursor=tmp_path / "c.json", until=DONE, lag=0)) for _ in range(2))
    assert (len(first), again) == (1, [])
    assert [file.name for file in tmp_path.iterdir()] == ["c.json"]


@pytest.mark.parametrize("how", ["break", "error", "close"])
def test_a_frame_whose_body_did_not_end_comes_again(assignments: tf.Scan, tmp_path: Path, how: str) -> None:
    frame = leave(lambda: tf.follow(assignments, cursor=tmp_path / "c.json", until=DONE, lag=0), how)
    (again,) = tf.follow(assignments, cursor=tmp_path / "c.json", until=DONE, lag=0)
    pd.testing.assert_frame_equal(again, frame)


def leave(frames: Callable[[], Any], how: str) -> pd.DataFrame:
    """Leave a loop within its first body; return that body's frame."""
    seen: list[pd.DataFrame] = []
    if how == "close":
        iterator = frames()
        seen.append(next(iterator))
        iterator.close()
    else:
        with suppress(KilledError):
            for frame in frames():
                seen.append(frame)
                if how == "break":
                    break
                raise KilledError
    (frame,) = seen
    return frame


def test_a_broken_frame_comes_again_with_rows_that_have_left_its_status(toloka: LocalToloka, tmp_path: Path) -> None:
    client, pool = toloka.client(), answered_pool(toloka, auto_accept_solutions=False)
    submitted = client.get_assignments(pool, status="SUBMITTED")
    for frame in tf.follow(submitted, cursor=tmp_path / "c.json", until=DONE, lag=0):
        frame[[ID]].drop_duplicates().head(2).pipe(tf.accept_assignments, client, progress=False)
        break
    (again,) = tf.follow(submitted, cursor=tmp_path / "c.json", until=DONE, lag=0)
    assert again[ID].tolist() == frame[ID].tolist()
    assert set(again[STATUS]) == {"ACCEPTED", "SUBMITTED"}


def test_two_followers_of_one_cursor_are_told(assignments: tf.Scan, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    (tmp_path / "link.json").symlink_to(path)
    frames = tf.follow(assignments, cursor=path, until=DONE, lag=0)
    next(frames)
    for other in (path, tmp_path / "link.json"):
        with pytest.raises(tf.CursorError, match="in use by another"):
            next(tf.follow(assignments, cursor=other, until=DONE, lag=0))
    assert list(frames) == []


OTHERS: dict[str, Callable[[tf.AsyncTolokaClient, str], tuple[Any, dict[str, Any]]]] = {
    "another list": lambda client, pool: (client.get_tasks(pool), {}),
    "another filter": lambda client, pool: (client.get_assignments(pool, user_id="u"), {}),
    "another pool": lambda client, pool: (client.get_assignments(int(pool) + 1), {}),
    "another time": lambda client, pool: (client.get_assignments(pool), {"by": "submitted"}),
    "a name": lambda client, pool: ({"answers": client.get_assignments(pool)}, {}),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_a_cursor_of_something_else_is_refused_and_kept(
    other: Callable[..., Any], assignments: tf.Scan, client: tf.AsyncTolokaClient, tmp_path: Path
) -> None:
    path = tmp_path / "c.json"
    list(tf.follow(assignments, cursor=path, until=DONE, lag=0))
    before = path.read_bytes()
    scan, options = other(client, assignments._source.request.query["pool_id"])
    with pytest.raises(tf.CursorError, match="the cursor of") as raised:
        list(tf.follow(scan, cursor=path, until=DONE, lag=0, **options))
    assert raised.value.path == path
    assert path.read_bytes() == before


def test_a_cursor_of_another_account_is_refused(tmp_path: Path) -> None:
    service, options = GrowingList([GrowingRow("1", {"created": 0.0})]), {"cursor": tmp_path / "c", "until": timedelta(0)}
    follow(service, **options)
    service.account = "requester-2"
    with pytest.raises(tf.CursorError, match="its account is 'requester-1', not 'requester-2'"):
        follow(service, **options)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"format": 1}', '{"format": 1, "lists": {"": []}, "frame": null}', "\x00"]
)
def test_a_file_that_is_not_a_cursor_is_refused_and_kept(content: str, assignments: tf.Scan, tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(content)
    with pytest.raises(tf.CursorError, match="is not a cursor"):
        list(tf.follow(assignments, cursor=tmp_path / "c.json", until=DONE))
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("c.json", content)]


def test_any_damage_of_a_cursor_is_an_error_of_ours_or_none(assignments: tf.Scan, tmp_path: Path) -> None:
    """Each value of the file is replaced by values of other types."""
    path = tmp_path / "c.json"
    next(tf.follow(assignments, cursor=path, until=DONE))
    whole = json.loads(path.read_text())
    for keys in paths_of(whole):
        for wrong in (None, 7, "x", [], {}, [7], {"x": 7}):
            path.write_text(json.dumps(replaced(whole, keys, wrong)))
            with suppress(tf.CursorError):
                list(tf.follow(assignments, cursor=path, until=DONE, lag=0))


def paths_of(value: Any) -> Iterator[tuple[Any, ...]]:
    yield ()
    if isinstance(value, dict):
        for key, inner in list(value.items())[:8]:
            yield from ((key, *path) for path in paths_of(inner))


def replaced(value: Any, keys: tuple[Any, ...], new: Any) -> Any:
    return new if not keys else value | {keys[0]: replaced(value[keys[0]], keys[1:], new)}


# -- Exactly once

CHAIN = """
import os, pathlib, sys, pandas as pd, toloka_frames as tf
url, token, pool, checks, home = sys.argv[1:]
os.environ["XDG_DATA_HOME"] = home
pathlib.Path(home, "pid").write_text(str(os.getpid()))
client = tf.TolokaClient(token, url=url)
answers = client.get_assignments(pool, batch_size=2)
for frame in tf.follow(answers, by="submitted", cursor=f"{home}/c.json", until=tf.closed(pool), lag=0, progress=False):
    tasks = pd.DataFrame({"image": frame["INPUT:image"] + "?" + frame["ASSIGNMENT:assignment_id"]})
    tasks.pipe(tf.create_tasks, client, checks, allow_defaults=True, progress=False)
    print(len(frame))
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_with_create_tasks_in_its_body_a_loop_killed_at_any_request_creates_each_row_once(
    when: Any, toloka: LocalToloka, tmp_path: Path
) -> None:
    pool = answered_pool(toloka)
    numbers = range(1, 1 + run_chain(toloka, pool, toloka.example_pool(), tmp_path / "whole"))
    for number in numbers if ALL_CASES else random.Random(when).sample(numbers, 2):  # noqa: S311 -- repeatable
        home, checks = tmp_path / f"{number}", toloka.example_pool()
        toloka.faults.call("* /*", partial(kill_process_of, home), when=when, nth=number)
        run_chain(toloka, pool, checks, home)
        toloka.faults.clear()
        run_chain(toloka, pool, checks, home)
        created = Counter(toloka.client().get_tasks(checks).to_dataframe()["INPUT:image"])
        assert len(created) == len(toloka.client().get_assignments(pool).to_dataframe())
        assert set(created.values()) == {1}


def kill_process_of(home: Path, _: object) -> None:
    os.kill(int((home / "pid").read_text()), signal.SIGKILL)


def run_chain(toloka: LocalToloka, pool: tf.Row, checks: tf.Row, home: Path) -> int:
    """Run the loop in a process of its own, until its end or until it is killed; return the number of its requests."""
    home.mkdir(exist_ok=True)
    before = len(toloka.requests)
    done = run_script(CHAIN, toloka.url, toloka.token, pool.id, checks.id, home)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return len(toloka.requests) - before


# -- Arguments


KEYS = {
    "projects": ["created"],
    "pools": ["created", "last_started"],
    "trainings": ["created", "last_started"],
    "tasks": ["created"],
    "task suites": ["created"],
    "assignments": ["created", "submitted", "accepted", "rejected", "skipped", "expired"],
    "aggregated solutions": [],
    "attachments": ["created"],
    "operations": ["submitted", "finished"],
    "skills": ["created"],
    "user skills": ["created", "modified"],
    "user restrictions": ["created"],
    "user bonuses": ["created"],
    "message threads": ["created"],
    "webhook subscriptions": ["created"],
    "apps": [],
    "app projects": ["created"],
    "app items": ["created", "finished"],
    "app batches": ["created"],
}


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
def test_a_list_is_followed_by_the_times_that_it_can_be_filtered_and_sorted_by(resource: Resource) -> None:
    request, keys = ListRequest(resource, {}, {}), KEYS[resource.name]
    assert [key for key in resource.sort if is_accepted(request, key)] == keys
    columns = {column.name: column for column in resource.columns if isinstance(column, Column)}
    assert {str(columns[followed_time(request, key).column].type) for key in keys} <= {"timestamp[us, tz=UTC]"}
    if keys:
        assert followed_time(request, "created").key == ("submitted" if resource.name == "operations" else "created")


def is_accepted(request: ListRequest, by: str) -> bool:
    try:
        return followed_time(request, by).key == by
    except tf.InputError:
        return False


# the time of each combination of statuses; None where rows that come into them would be missed
STATUSES = {
    "ACTIVE": "created",
    "SUBMITTED": "submitted",
    "ACCEPTED": "accepted",
    "REJECTED": "rejected",
    "SKIPPED": "skipped",
    "EXPIRED": "expired",
    "SUBMITTED,ACCEPTED": "submitted",
    "SUBMITTED,ACCEPTED,REJECTED": "submitted",
    "ACTIVE,SUBMITTED": "created",
    "ACTIVE,SUBMITTED,ACCEPTED,REJECTED,SKIPPED,EXPIRED": "created",
    "ACCEPTED,REJECTED": None,
    "SUBMITTED,SKIPPED": None,
    "SKIPPED,EXPIRED": None,
}


@pytest.mark.parametrize(("statuses", "key"), STATUSES.items())
@pytest.mark.parametrize("by", ["created", "submitted", "accepted", "rejected", "skipped", "expired"])
def test_assignments_of_a_status_are_followed_by_the_time_at_which_they_come_into_it(
    statuses: str, key: str | None, by: str
) -> None:
    request = ListRequest(ASSIGNMENTS, {}, {"pool_id": "1", "status": statuses})
    if key is not None and by in ("created", key):
        assert followed_time(request, by).key == key
    else:
        with pytest.raises(tf.InputError) as raised:
            followed_time(request, by)
        assert raised.value.hint


REFUSED: dict[str, tuple[Callable[[tf.AsyncTolokaClient], Any], dict[str, Any], str, str]] = {
    "no scan": (lambda client: client, {}, "scan", "tf.follow takes a Scan"),
    "a frame": (lambda _: pd.DataFrame(), {}, "scan", "tf.follow takes a Scan"),
    "a dict without scans": (lambda _: {}, {}, "scan", "a dict without scans"),
    "a dict with something else": (lambda client: {"a": client}, {}, "scan", "tf.follow takes a Scan"),
    "a list without a time": (lambda client: client.get_apps(), {}, "scan", "no time to follow them by"),
    "a time of another list": (
        lambda client: client.get_tasks("1"),
        {"by": "submitted"},
        "by",
        "tasks can be followed by created",
    ),
    "a misspelt time": (lambda client: client.get_assignments("1"), {"by": "submited"}, "by", "the nearest is 'submitted'"),
    "no time": (lambda client: client.get_tasks("1"), {"by": None}, "by", "can be followed by created"),
    "a time of an unknown name": (lambda client: {"a": client.get_tasks("1")}, {"by": {"b": "created"}}, "by", "has 'b'"),
    "a filter of another time": (
        lambda client: client.get_assignments("1", submitted_gte="2026-01-01"),
        {"by": "accepted"},
        "submitted_gte",
        "filtered by submitted_gte",
    ),
    "a filter that can change": (
        lambda client: client.get_tasks("1", overlap_gt=3),
        {},
        "overlap_gt",
        "filtered by overlap_gt",
    ),
    "a status without a time": (lambda client: client.get_pools(status="CLOSED"), {}, "status", "no single time"),
    "no wait": (lambda client: client.get_tasks("1"), {"every": 0}, "every", "every=0"),
    "an endless wait": (lambda client: client.get_tasks("1"), {"every": float("inf")}, "every", "every=inf"),
    "a wait of None": (lambda client: client.get_tasks("1"), {"every": None}, "every", "every=None"),
    "a wait of text": (lambda client: client.get_tasks("1"), {"every": "60"}, "every", "every='60'"),
    "a negative lag": (lambda client: client.get_tasks("1"), {"lag": -1}, "lag", "lag=-1"),
    "a lag of years": (lambda client: client.get_tasks("1"), {"lag": timedelta(days=366)}, "lag", "from 0 s to 365 days"),
    "a lag of text": (lambda client: client.get_tasks("1"), {"lag": "1min"}, "lag", "lag='1min'"),
    "a time without a zone": (lambda client: client.get_tasks("1"), {"until": datetime(2026, 1, 1)}, "until", "time zone"),  # noqa: DTZ001
    "no time at all": (lambda client: client.get_tasks("1"), {"until": pd.NaT}, "until", "until=NaT"),
    "a number": (lambda client: client.get_tasks("1"), {"until": 3}, "until", "until=3 is not a condition"),
    "text": (lambda client: client.get_tasks("1"), {"until": "2026-01-01"}, "until", "is not a condition"),
    "a pool": (lambda client: client.get_tasks("1"), {"until": {"id": "1"}}, "until", "until=dict is not a condition"),
    "empty as a number": (lambda client: client.get_tasks("1"), {"empty": 1}, "empty", "True or False"),
    "a backend": (lambda client: client.get_tasks("1"), {"dtype_backend": "numpy"}, None, "dtype_backend"),
    "a display": (lambda client: client.get_tasks("1"), {"progress": "card"}, None, "progress='card'"),
    "a cursor in no folder": (lambda client: client.get_tasks("1"), {"cursor": "no/c.json"}, None, "does not exist"),
    "a cursor elsewhere": (lambda client: client.get_tasks("1"), {"cursor": "s3://b/c"}, "path", "is a URL"),
}


@pytest.mark.parametrize(("scan", "options", "column", "message"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("follow_", [tf.follow, tf.aio.follow], ids=["ordinary", "async"])
def test_wrong_arguments_are_refused_by_the_call_before_anything_is_sent(
    follow_: Any, scan: Any, options: Any, column: str | None, message: str, scripted: Scripted
) -> None:
    with pytest.raises(tf.InputError, match=message) as raised:
        follow_(scan(scripted.async_client()), **options)
    assert column in (raised.value.column, None)
    assert scripted.requests == []


async def never() -> bool:
    return True


@pytest.mark.parametrize("until", [never, partial(never)])
def test_a_condition_that_has_to_be_awaited_is_refused(until: Any, assignments: tf.Scan) -> None:
    with pytest.raises(tf.InputError, match="until"):
        list(tf.follow(assignments, until=until))


# -- What is yielded


@pytest.mark.parametrize("backend", [None, "numpy_nullable", "pyarrow"])
def test_frames_are_those_of_to_dataframe(backend: Any, assignments: tf.Scan) -> None:
    (frame,) = tf.follow(assignments, until=DONE, lag=0, dtype_backend=backend)
    pd.testing.assert_frame_equal(frame, assignments.to_dataframe(dtype_backend=backend))
    assert type(frame.index) is pd.RangeIndex
    (first, second) = tf.follow(assignments, until=counting_to(2), every=0.01, lag=0, dtype_backend=backend, empty=True)
    assert (len(second), second.dtypes.equals(assignments.to_dataframe(dtype_backend=backend).head(0).dtypes)) == (0, True)
    pd.testing.assert_frame_equal(first, frame)


def counting_to(looks: int) -> Callable[[], bool]:
    numbers = itertools.count(1)
    return lambda: next(numbers) >= looks


def test_several_lists_are_followed_in_one_loop(toloka: LocalToloka, client: tf.AsyncTolokaClient, tmp_path: Path) -> None:
    pool = answered_pool(toloka)
    scans = {"tasks": client.get_tasks(pool), "answers": client.get_assignments(pool)}
    options: dict[str, Any] = {"by": {"answers": "accepted"}, "cursor": tmp_path / "c.json", "until": tf.closed(pool), "lag": 0}
    assert [(name, len(frame)) for name, frame in tf.follow(scans, **options)] == [("tasks", 5), ("answers", 15)]
    assert [name for name, _ in tf.follow(scans, **options)] == []


def test_frames_are_awaited_on_any_loop(assignments: tf.Scan, tmp_path: Path) -> None:
    async def sizes() -> list[int]:
        frames = tf.aio.follow(assignments, until=DONE, lag=0, cursor=tmp_path / "c.json")
        return [len(frame) async for frame in frames]

    assert (asyncio.run(sizes()), tf.run(sizes()), asyncio.run(sizes())) == ([15], [], [])


@pytest.mark.parametrize("every", [np.int64(1), np.float32(0.01), 1, timedelta(milliseconds=10), pd.Timedelta("10ms")])
def test_the_wait_is_any_number_or_timedelta(every: Any, assignments: tf.Scan) -> None:
    assert len(list(tf.follow(assignments, every=every, until=counting_to(2), lag=np.float64(0)))) == 1


# -- Stop, and errors


def test_stop_ends_a_wait_at_once_and_keeps_the_cursor(assignments: tf.Scan, tmp_path: Path) -> None:
    frames = tf.follow(assignments, cursor=tmp_path / "c.json", every=3_600, progress=stop_while_waiting)
    next(frames)
    with pytest.raises(KeyboardInterrupt):
        next(frames)
    assert list(tf.follow(assignments, cursor=tmp_path / "c.json", until=DONE, lag=0)) == []
    assert never_ends_on_our_loop() == set()


def stop_while_waiting(progress: tf.Progress) -> None:
    if progress.state == "running" and "new rows" in progress.waiting:
        signal.raise_signal(signal.SIGINT)


def test_cancelling_the_task_that_waits_ends_the_iteration(assignments: tf.Scan, tmp_path: Path) -> None:
    async def cancelled() -> None:
        frames = tf.aio.follow(assignments, cursor=tmp_path / "c.json", every=3_600)
        await anext(frames)
        waiting = asyncio.ensure_future(anext(frames))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(cancelled())
    assert list(tf.follow(assignments, cursor=tmp_path / "c.json", until=DONE, lag=0)) == []
    assert never_ends_on_our_loop() == set()


def test_an_outage_raises_and_the_same_call_continues(toloka: LocalToloka, tmp_path: Path) -> None:
    pool = answered_pool(toloka)
    scan = toloka.client(retries=1).get_assignments(pool, batch_size=1)
    toloka.faults.answer(503, "GET /v1/assignments", nth=2)
    with pytest.raises(tf.ScanInterrupted) as raised:
        list(tf.follow(scan, cursor=tmp_path / "c.json", until=DONE, lag=0))
    assert raised.value.hint == "The frames before it were handed over: make the same call again to continue."
    assert [len(frame) for frame in tf.follow(scan, cursor=tmp_path / "c.json", until=DONE, lag=0)] == [15]


def test_progress_shows_the_rows_the_latest_and_what_is_waited_for(assignments: tf.Scan) -> None:
    shown: list[str] = []

    def the_wait_is_shown() -> bool:
        return any("waiting for new rows" in text for text in shown)

    list(tf.follow(assignments, every=0.2, until=the_wait_is_shown, lag=0, progress=lambda report: shown.append(str(report))))
    assert shown[-1].startswith("assignments: 15 rows · done in ")
    assert re.search(r" · latest row: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$", shown[-1])


def test_a_cursor_that_cannot_be_written_is_an_error_of_ours(assignments: tf.Scan, tmp_path: Path) -> None:
    (tmp_path / "c.json.new").mkdir()
    with pytest.raises(tf.CursorError, match="cannot be read or written"):
        list(tf.follow(assignments, cursor=tmp_path / "c.json", until=DONE))


# -- How late rows are, by the service


def test_the_local_service_says_that_rows_are_visible_at_once_and_a_loop_ends_without_a_wait(assignments: tf.Scan) -> None:
    waits: list[str] = []
    frames = tf.follow(assignments, until=DONE, progress=lambda progress: waits.append(progress.waiting))
    assert [len(frame) for frame in frames] == [15]
    assert not [wait for wait in waits if "rows" in wait]


def test_rows_that_the_local_service_hides_are_waited_for(toloka: LocalToloka) -> None:
    pool = answered_pool(toloka)
    toloka.faults.hide("GET /v1/assignments", seconds=2)
    frames = tf.follow(toloka.client().get_assignments(pool), until=tf.closed(pool), every=0.1)
    assert sum(map(len, frames)) == 15


@pytest.mark.parametrize(
    ("said", "end"), {"0": 0, "7.5": 7.5, "": 60, "x": 60, "-1": 60, "nan": 60, "1e9": 60, "99999999": 60}.items()
)
def test_the_lag_is_what_the_service_says_or_a_minute(said: str, end: float) -> None:
    service = GrowingList([GrowingRow("1", {"created": 0.0})], visible_after=said)
    assert follow(service, until=timedelta(0), lag=None).ends == [end]
    assert follow(service, until=timedelta(0), lag=30).ends == [30]
