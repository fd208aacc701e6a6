"""Live work: a crowd works on a pool over real seconds, whenever the pool is open, by jobs of the store's agenda.

The crowd of a pool is stored with what its workers are doing, so that it goes on after a restart of the service. As all jobs,
those of live work run before the next request, and what happens has the time at which it was due.
"""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import orjson

from toloka_frames.local._api.pool_lifecycle import find_pool
from toloka_frames.local._simulation.answers import Answers
from toloka_frames.local._simulation.clock import Clock
from toloka_frames.local._simulation.not_simulated import log_not_simulated
from toloka_frames.local._simulation.past_work import existing_pool
from toloka_frames.local._simulation.work import ActivePage, Crowd, Work

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toloka_frames.local._simulation.answers import Solve
    from toloka_frames.local._store.store import DueJob, Row, Store

# how often workers without a page look for one, in real seconds
_MIN_LOOK_SECONDS, _MAX_LOOK_SECONDS = 0.02, 1.0
# so that the event is due when its job is, however the time was rounded
_ROUNDING_SECONDS = 0.001
_EVERY_POOL = "live_work_on_every_pool"
_logger = logging.getLogger("toloka_frames.local")
# functions cannot be stored in the file
_solves: WeakKeyDictionary[Store, dict[str, Solve]] = WeakKeyDictionary()


@dataclass(frozen=True)
class LiveEvent:
    """What a worker does next, at a time in simulated seconds: ask for a page, or end the page of an assignment."""

    at: float
    worker: int
    assignment_id: str | None = None
    item_ids: tuple[str, ...] = ()
    outcome: str = ""


@dataclass(frozen=True)
class LiveCrowd:
    """A crowd on a pool: who works, how fast (simulated seconds in a second), and what the workers do next.

    `comes_to_every_pool` is for a crowd that nobody has sent to this pool.
    """

    pool_id: str
    crowd: Crowd
    start: float
    speed: float
    has_solve: bool = False
    comes_to_every_pool: bool = False
    events: tuple[LiveEvent, ...] = ()

    @property
    def name(self) -> str:
        """The name under which it is stored; a pool has one crowd for each seed, because the seed says who the workers are."""
        return f"{_prefix(self.pool_id)}{self.crowd.seed}"

    @property
    def clock(self) -> Clock:
        """The clock of its work."""
        return Clock(self.start, self.speed)


def start_live_work(store: Store, pool_id: str, crowd: Crowd, speed: float, solve: Solve | None = None) -> None:
    """Let a crowd work on a pool from now on, whenever it is open, in place of an earlier crowd with the same seed.

    Inside of a transaction.

    Raises:
        ValueError: If the pool does not exist, or `speed` is not a number above 0.
    """
    existing_pool(store, pool_id)
    check_speed(speed)
    live = LiveCrowd(pool_id, crowd, time.time(), speed, has_solve=solve is not None)
    _solves.setdefault(store, {}).pop(live.name, None)
    if solve:
        _solves[store][live.name] = solve
    _begin(store, live)


def check_speed(speed: float) -> None:
    """Raise ValueError if a speed is not a number above 0."""
    if not 0 < speed < math.inf:
        raise ValueError(f"speed={speed!r} is not a number above 0")


def send_to_every_pool(store: Store, crowd: Crowd, speed: float) -> None:
    """Let a crowd work on every pool and training from now on, whenever it is open. Inside of a transaction."""
    check_speed(speed)
    store.change_setting(_EVERY_POOL, orjson.dumps({"crowd": crowd, "speed": speed}).decode())
    for table in ("pools", "trainings"):
        for (pool_id,) in store.select(f"SELECT id FROM {table} WHERE status = 'OPEN'"):  # noqa: S608  # no names from requests
            store.schedule(time.time(), "pool_opened", pool_id=str(pool_id))


def call_back_from_every_pool(store: Store) -> None:
    """Undo `send_to_every_pool`; workers end the pages that they have. Inside of a transaction."""
    store.delete_setting(_EVERY_POOL)
    for live in _crowds(store, ""):
        if live.comes_to_every_pool:
            _save(store, replace(live, crowd=replace(live.crowd, workers=0)))


def pool_opened(store: Store, job: DueJob) -> None:
    """Let the crowds of a pool that has opened look for pages."""
    pool_id = job.argument["pool_id"]
    crowds = list(_crowds(store, pool_id))
    for live in crowds:
        _schedule(store, live, job.at, arrive=True)
    everywhere = store.find_setting(_EVERY_POOL)
    if everywhere and not any(live.crowd.workers for live in crowds):
        form = orjson.loads(everywhere)
        log_not_simulated(store, pool_id)
        _begin(store, LiveCrowd(pool_id, Crowd(**form["crowd"]), job.at, form["speed"], comes_to_every_pool=True))


def live_work(store: Store, job: DueJob) -> None:
    """Let a crowd do what is due, and schedule what comes next."""
    live = _load(orjson.loads(store.setting(job.argument["name"], "")))
    pool = find_pool(store, live.pool_id)
    if pool is None:
        return
    until, is_now = _horizon(store)
    work = Work(store, pool, live.crowd, live.clock, Answers(store, pool, live.crowd.seed, _solve(store, live)), is_live=True)
    _add_events(store, work, live, job)
    work.run(live.clock.simulated(until))
    work.finish(live.clock.simulated(until))
    events = tuple(_events(work))
    _save(store, replace(live, events=events))
    times = [live.clock.exact(event.at) + _ROUNDING_SECONDS for event in events[:1]]
    if work.is_open and live.crowd.workers:
        times.append(until + min(_MAX_LOOK_SECONDS, max(_MIN_LOOK_SECONDS, 1 / live.speed)))
    if times:
        # not at once again, because requests are handled when no job is due
        _schedule(store, live, max(min(times), time.time() + _MIN_LOOK_SECONDS) if is_now else min(times))


def _horizon(store: Store) -> tuple[float, bool]:
    """Return the time up to which a crowd may work, and whether that is now: another job before may change the pool."""
    [(at,)] = store.select("SELECT min(at) FROM agenda WHERE job != 'live_work'")
    now = time.time()
    return (now, True) if at is None or at > now else (at, False)


def _begin(store: Store, live: LiveCrowd) -> None:
    earlier = store.find_setting(live.name)
    if earlier:
        live = replace(live, events=tuple(_pages_of(_load(orjson.loads(earlier)), live.clock)))
    _save(store, live)
    _schedule(store, live, live.start, arrive=True)


def _pages_of(earlier: LiveCrowd, clock: Clock) -> Iterator[LiveEvent]:
    """Return the ends of the pages that the workers of an earlier crowd have, in the seconds of another clock."""
    for event in earlier.events:
        if event.assignment_id:
            yield replace(event, at=clock.simulated(earlier.clock.exact(event.at)))


def _add_events(store: Store, work: Work, live: LiveCrowd, job: DueJob) -> None:
    busy = set()
    for event in live.events:
        page = _page(store, event) if event.assignment_id else None
        if page or (work.is_open and not event.assignment_id):
            work.add_event(event.at, event.worker, page)
            busy.add(event.worker)
    asked = live.clock.simulated(job.at)
    for number in range(live.crowd.workers if work.is_open else 0):
        if number not in busy:
            work.add_event(asked + (work.workers[number].arrival_seconds if job.argument["arrive"] else 0), number)


def _page(store: Store, event: LiveEvent) -> ActivePage | None:
    assignment = store.find("assignments", event.assignment_id)
    if assignment is None or assignment["status"] != "ACTIVE":
        return None
    return ActivePage(assignment, event.item_ids, event.outcome)


def _events(work: Work) -> Iterator[LiveEvent]:
    for at, number, page in work.events:
        if page:
            yield LiveEvent(at, number, page.assignment["id"], tuple(page.item_ids), page.outcome)
        elif work.is_open:
            yield LiveEvent(at, number)


def _solve(store: Store, live: LiveCrowd) -> Solve | None:
    solve = _solves.get(store, {}).get(live.name)
    if live.has_solve and solve is None:
        _logger.warning("Pool %s: solve is lost since the restart; its Tolokers answer as without it", live.pool_id)
    return solve


def _prefix(pool_id: str) -> str:
    return f"live_work/{pool_id}/"


def _crowds(store: Store, pool_id: str) -> Iterator[LiveCrowd]:
    """Return the crowds of a pool, or those of all pools for an empty id."""
    pattern = f"{_prefix(pool_id)}*" if pool_id else "live_work/*"
    for (value,) in store.select("SELECT value FROM settings WHERE name GLOB ? ORDER BY name", (pattern,)):
        yield _load(orjson.loads(value))


def _load(form: Row) -> LiveCrowd:
    events = tuple(LiveEvent(**event) for event in form["events"])
    return LiveCrowd(**{**form, "crowd": Crowd(**form["crowd"]), "events": events})


def _save(store: Store, live: LiveCrowd) -> None:
    store.change_setting(live.name, orjson.dumps(live).decode())


def _schedule(store: Store, live: LiveCrowd, at: float, *, arrive: bool = False) -> None:
    store.cancel_jobs("live_work", name=live.name)
    store.schedule(at, "live_work", name=live.name, arrive=arrive)
