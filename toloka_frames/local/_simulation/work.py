"""The work of simulated Tolokers on a pool or training, event by event.

A worker asks for a page, and later submits it, skips it or lets it expire, and asks for the next one. A worker who gets none
waits until tasks come back.
"""

from __future__ import annotations

import heapq
import itertools
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toloka_frames.local._api.assignments import assignment_row
from toloka_frames.local._api.balance import balance, spend
from toloka_frames.local._api.pool_lifecycle import is_training, set_closed
from toloka_frames.local._api.quality_control import QualityControl
from toloka_frames.local._api.task_suites import embedded_task, suite_row
from toloka_frames.local._base import seeded_random
from toloka_frames.local._base.ids_and_timestamps import format_timestamp
from toloka_frames.local._simulation.auto_accept import schedule_auto_accept
from toloka_frames.local._simulation.completion import has_active_assignments
from toloka_frames.local._simulation.dynamic_overlap import DynamicOverlap
from toloka_frames.local._simulation.issuing import Issuing
from toloka_frames.local._simulation.training import Training
from toloka_frames.local._simulation.workers import Worker, make_workers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toloka_frames.local._simulation.answers import Answers
    from toloka_frames.local._simulation.clock import Clock
    from toloka_frames.local._simulation.issuing import Page
    from toloka_frames.local._store.store import Row, Store

_PAUSE_SECONDS = 1.0
# the part of its time in which a worker skips a page
_SKIP_SHARE = 0.2
# between submission and automatic acceptance
_ACCEPT_SECONDS = 0.1
_MAX_SHARE_OF_DURATION = 0.9
_DEFAULT_DURATION = 3600
_logger = logging.getLogger("toloka_frames.local")


@dataclass(frozen=True)
class Crowd:
    """Who works: the arguments of `LocalToloka.answer`.

    Raises:
        ValueError: If one of them is out of its range.
    """

    workers: int = 20
    accuracy: float = 0.9
    seed: int = 0
    dropouts: float = 0.0

    def __post_init__(self) -> None:
        if self.workers < 0:
            raise ValueError(f"workers={self.workers!r} is not a number of people")
        for name in ("accuracy", "dropouts"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}={getattr(self, name)!r} is not a share from 0 to 1")


@dataclass(frozen=True)
class ActivePage:
    """A page that a worker has: its assignment, the ids of its tasks or its suite, and how it will end."""

    assignment: Row
    item_ids: Sequence[str]
    outcome: str


class Work:
    """The work of a crowd on one pool or training; times are simulated seconds of the clock.

    Args:
        is_live: Whether assignments are stored as ACTIVE while their page is worked on.
    """

    def __init__(self, store: Store, pool: Row, crowd: Crowd, clock: Clock, answers: Answers, *, is_live: bool = False) -> None:
        self._store = store
        self._pool = pool
        self._crowd = crowd
        self._clock = clock
        self._answers = answers
        self._is_live = is_live
        self.workers = make_workers(crowd.workers, crowd.accuracy, crowd.seed)
        self.issuing = Issuing(store, pool)
        self._quality = QualityControl(store, pool, clock.speed)
        self._lowers_overlaps = _lowers_overlaps(pool) or _lowers_overlaps(store.get("projects", pool["project_id"]))
        self._dynamic = DynamicOverlap(store, pool, self.issuing) if pool.get("dynamic_overlap_config") else None
        self._training = Training(store, pool, answers) if is_training(pool) else None
        self._accepts = bool(self._training) or pool["auto_accept_solutions"]
        self._reward = 0.0 if self._training else pool["reward_per_assignment"]
        self.is_training = self._training is not None
        self.is_open = pool["status"] == "OPEN"
        self._events: list[tuple[float, int, int, ActivePage | None]] = []
        self._numbers = itertools.count()
        self._idle: set[int] = set()
        self._active = 0
        self.created = 0
        self.refused: set[str] = set()
        self.ended_at = 0.0

    def add_event(self, at: float, worker: int, page: ActivePage | None = None) -> None:
        """Let a worker end a page at a time, or ask for one."""
        heapq.heappush(self._events, (at, next(self._numbers), worker, page))
        self._active += page is not None

    def let_arrive(self) -> None:
        """Let every worker ask for a first page."""
        for number, worker in enumerate(self.workers):
            self.add_event(worker.arrival_seconds, number)

    @property
    def events(self) -> list[tuple[float, int, ActivePage | None]]:
        """The time and the worker of what will happen, with the page that then ends; the earliest first."""
        return [(at, number, page) for at, _, number, page in sorted(self._events, key=lambda event: event[:2])]

    def run(self, until: float) -> None:
        """Let everything happen up to a time."""
        while self._events and self._events[0][0] <= until:
            at, _, number, page = heapq.heappop(self._events)
            if page is None:
                self._ask(number, at)
            else:
                self._active -= 1
                self._end(number, page, at)
                if number < self._crowd.workers:
                    self.add_event(at + _PAUSE_SECONDS, number)

    def finish(self, at: float | None = None) -> None:
        """Store the remaining overlaps, and close a pool that is complete: at `at`, by default at the end of the work."""
        self.issuing.save()
        schedule_auto_accept(self._store, self._pool)
        if self.is_open and not self._training and self._is_complete():
            self._complete(self.ended_at if at is None else at)

    def _is_complete(self) -> bool:
        if not self.issuing.is_exhausted or has_active_assignments(self._store, self._pool["id"]):
            return False
        # tasks with infinite overlap are complete when no worker can do more of them
        return not (self.issuing.has_infinite and self._events)

    def _ask(self, number: int, at: float) -> None:
        worker = self._worker(number)
        page = self._next_page(worker, at)
        if page is None:
            self._idle.add(number)
            return
        outcome, seconds = self._outcome(worker, page)
        assignment = self._make_assignment(worker, page, self._clock.real(at))
        self.created += 1
        self.add_event(at + seconds, number, ActivePage(assignment, [item.id for item in page.items], outcome))

    def _next_page(self, worker: Worker, at: float) -> Page | None:
        if not self.is_open or (self._training and self._training.is_passed_by(worker.id)):
            return None
        if not self._quality.may_work(worker.id, self._clock.real(at)):
            self.refused.add(worker.id)
            return None
        if self._is_short_of_money():
            self._close(at, "NOT_ENOUGH_BALANCE")
            return None
        return self.issuing.next_page(worker.id)

    def _is_short_of_money(self) -> bool:
        # pages that are worked on will be paid, too
        return bool(self._reward) and balance(self._store) < self._reward * (1 + self._active)

    def _worker(self, number: int) -> Worker:
        if number >= len(self.workers):  # with a page from a time in which the crowd was larger
            self.workers = make_workers(number + 1, self._crowd.accuracy, self._crowd.seed)
        return self.workers[number]

    def _outcome(self, worker: Worker, page: Page) -> tuple[str, float]:
        """Return how a page will end and after how many seconds."""
        longest = self._pool.get("assignment_max_duration_seconds") or _DEFAULT_DURATION
        seconds = min(worker.page_seconds(page.content), _MAX_SHARE_OF_DURATION * longest)
        chance = seeded_random.uniform(self._crowd.seed, worker.id, page.content, "dropout")
        if chance >= self._crowd.dropouts:
            return "SUBMITTED", seconds
        return ("SKIPPED", _SKIP_SHARE * seconds) if chance < self._crowd.dropouts / 2 else ("EXPIRED", longest)

    def _make_assignment(self, worker: Worker, page: Page, at: float) -> Row:
        pool_id, created = self._pool["id"], format_timestamp(at)
        suite_id = page.suite_id or self._store.object_ids.new(pool_id, at)
        mixed = page.suite_id is None
        if mixed:
            embedded = [embedded_task(task) for task in page.tasks]
            self._store.add("task_suites", suite_row(suite_id, pool_id, embedded, created, 1, remaining=0, mixed=True))
        row = assignment_row(
            self._store.object_ids.new(pool_id, at),
            suite_id,
            self._pool,
            user_id=worker.id,
            status="ACTIVE",
            tasks=page.tasks,
            solutions=None,
            timestamps={"created": created},
            reward=self._reward,
            mixed=mixed,
        )
        return self._store.add("assignments", row) if self._is_live else row

    def _end(self, number: int, page: ActivePage, at: float) -> None:
        worker, when = self._worker(number), self._clock.real(at - _ACCEPT_SECONDS * self._accepts)
        row = self._ended(worker, page, when, accepted=self._clock.real(at))
        if self._is_live:
            self._store.save("assignments", row)
        else:
            self._store.add("assignments", row)
        self.ended_at = at
        if "submitted" not in row:
            self.issuing.give_back(page.item_ids)
            self._apply_rules(row["status"], row, at)
            self._wake(at)
            return
        if self._training:
            self._training.record(worker.id, when)
        raised = self._dynamic is not None and self._dynamic.record(row)
        raised |= self._apply_rules("SUBMITTED", row, at)
        if self._accepts:
            raised |= self._apply_rules("ACCEPTED", row, at)
        if raised:
            self._wake(at)

    def _apply_rules(self, kind: str, assignment: Row, at: float) -> bool:
        """Apply quality control; return whether an overlap has changed."""
        if not self._lowers_overlaps:
            return self.issuing.reload_overlaps({*self._quality.record(kind, assignment, self._clock.real(at))})
        # rules do not lower an overlap below the number of assignments, which they read from the store
        self.issuing.save()
        raised = self._quality.record(kind, assignment, self._clock.real(at))
        own = [task["id"] for task in assignment["tasks"]] if assignment["mixed"] else [assignment["task_suite_id"]]
        return self.issuing.reload_overlaps({*own, *raised})

    def _ended(self, worker: Worker, page: ActivePage, when: float, accepted: float) -> Row:
        """Return the row of an assignment that ends."""
        if page.outcome == "SUBMITTED":
            try:
                return self._answered(worker, page.assignment | {"submitted": format_timestamp(when)}, when, accepted)
            except Exception:
                if not self._is_live:
                    raise
                _logger.exception("solve has failed; the page is skipped")
        outcome = page.outcome if page.outcome == "EXPIRED" else "SKIPPED"
        return {**page.assignment, "status": outcome, outcome.lower(): format_timestamp(when)}

    def _answered(self, worker: Worker, row: Row, when: float, accepted: float) -> Row:
        answers = [self._answers.give(worker, task) for task in row["tasks"]]
        if self._training:
            row |= self._training.first_attempts(row["tasks"], answers)
            answers = self._training.corrected(row["tasks"], answers)
        row["solutions"] = [{"output_values": values} for values in self._answers.attach(row, answers, when)]
        if not self._accepts:
            return {**row, "status": "SUBMITTED"}
        spend(self._store, self._reward)
        return {**row, "status": "ACCEPTED", "accepted": format_timestamp(accepted)}

    def _wake(self, at: float) -> None:
        """Let the workers without a page ask again."""
        for number in sorted(self._idle):
            self.add_event(at, number)
        self._idle.clear()

    def _complete(self, at: float) -> None:
        delay = self._pool.get("auto_close_after_complete_delay_seconds") or 0
        if not delay:
            self._close(at, "COMPLETED")
        elif not self._store.has_job("close_completed", pool_id=self._pool["id"]):
            self._store.schedule(self._clock.real(at) + delay, "close_completed", pool_id=self._pool["id"])

    def _close(self, at: float, reason: str) -> None:
        self.is_open = False
        set_closed(self._store, self._store.get("pools", self._pool["id"]), self._clock.real(at), reason)


def _lowers_overlaps(owner: Row) -> bool:
    """Return whether a rule of a pool or project lowers overlaps."""
    configs = (owner.get("quality_control") or {}).get("configs") or ()
    actions = [rule["action"] for config in configs for rule in config.get("rules") or ()]
    return any(action["type"] == "CHANGE_OVERLAP" and action["parameters"]["delta"] < 0 for action in actions)
