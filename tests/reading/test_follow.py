"""`tf.follow` hands over each row of a growing list once, at any page size, with late rows, and across restarts and kills."""

from __future__ import annotations

import itertools
import random
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from support.all_cases import ALL_CASES
from support.growing_list_server import GrowingList, GrowingRow
from support.virtual_clock import loop_time, run_virtual, serve

import toloka_frames as tf
from toloka_frames._reading.follow import followed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


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
SEEDS = range(60) if ALL_CASES else range(5)


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

    async def run(self, service: GrowingList, *, filters: dict[str, Any], batch_size: int, **options: Any) -> None:
        async with serve(service) as url:
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
    for kind, number in steps if ALL_CASES else chance.sample(steps, min(len(steps), 6)):
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


def test_100_000_rows_come_in_frames_of_about_a_page_and_only_the_ids_of_the_last_minute_are_kept(tmp_path: Path) -> None:
    rows = [GrowingRow(f"{number:08}", {"created": number / 10}) for number in range(100_000)]
    service, cursor, sizes = GrowingList(rows, closed=20_000.0), tmp_path / "cursor.json", []
    loop = follow(
        service,
        Loop(lambda _: sizes.append(cursor.stat().st_size)),
        until=tf.closed("1"),
        every=9_000,
        cursor=cursor,
        batch_size=10_000,
    )
    assert ids_of(loop.done) == [row.id for row in rows]
