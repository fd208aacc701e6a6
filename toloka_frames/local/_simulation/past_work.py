"""Work that has just happened: a crowd works on a pool until nothing is left, at a human pace that ends now.

The work runs twice, because its length is known only at the end: on trial, and then from the start that lets it end now. Work
that follows earlier work in the pool starts after that, and is faster if the time until now is too short for it.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from toloka_frames.local._api.pool_lifecycle import find_pool, is_training, save_pool
from toloka_frames.local._base.ids_and_timestamps import format_timestamp, parse_timestamp
from toloka_frames.local._simulation.answers import Answers
from toloka_frames.local._simulation.clock import Clock
from toloka_frames.local._simulation.completion import last_work
from toloka_frames.local._simulation.work import Work

if TYPE_CHECKING:
    from toloka_frames.local._simulation.answers import Solve
    from toloka_frames.local._simulation.work import Crowd
    from toloka_frames.local._store.store import Row, Store


def answer_pool(store: Store, pool_id: str, crowd: Crowd, solve: Solve | None = None) -> Work:
    """Let a crowd work on an open pool or training; return the work, which has ended.

    Inside of a transaction.

    Raises:
        ValueError: If the pool does not exist or is not open.
    """
    pool = open_pool(store, pool_id)
    answers = Answers(store, pool, crowd.seed, solve)
    # timestamps have milliseconds
    now = math.floor(time.time() * 1000) / 1000
    with store.trial():
        seconds = _work(store, pool, crowd, Clock(now, 1.0), answers).ended_at
    clock = _clock(store, pool, seconds, now)
    _open_before(store, pool, clock.start)
    work = _work(store, pool, crowd, clock, answers)
    work.finish()
    return work


def open_pool(store: Store, pool_id: str) -> Row:
    """Return the row of an open pool or training.

    Raises:
        ValueError: If the pool does not exist or is not open.
    """
    pool = existing_pool(store, pool_id)
    if pool["status"] != "OPEN":
        call = "open_training" if is_training(pool) else "open_pool"
        raise ValueError(f"Pool {pool_id} is {pool['status']}: open it first, by client.{call}({pool_id!r})")
    return pool


def existing_pool(store: Store, pool_id: str) -> Row:
    """Return the row of a pool or training.

    Raises:
        ValueError: If it does not exist.
    """
    pool = find_pool(store, pool_id)
    if pool is None:
        raise ValueError(f"There is no pool {pool_id}")
    return pool


def _work(store: Store, pool: Row, crowd: Crowd, clock: Clock, answers: Answers) -> Work:
    work = Work(store, pool, crowd, clock, answers)
    work.let_arrive()
    work.run(math.inf)
    return work


def _open_before(store: Store, pool: Row, start: float) -> None:
    """Let an open pool have been open when work in it began."""
    if "last_started" in pool and parse_timestamp(pool["last_started"]) > start:
        save_pool(store, {**pool, "last_started": format_timestamp(start)})


def _clock(store: Store, pool: Row, seconds: float, now: float) -> Clock:
    """Return the clock of work of this length that ends now, and starts after earlier work in the pool."""
    start = max(now - seconds, min(now, last_work(store, pool["id"]) or 0))
    room = now - start
    if room >= seconds:
        return Clock(start, 1.0, now)
    return Clock(start, seconds / room if room else math.inf, now)
