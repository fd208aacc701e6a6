"""The progress of running work: code of any layer updates `current_progress`, and `track_progress` shows it."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toloka_frames._errors.tracebacks import first_line
from toloka_frames._runtime.current_tracker import CURRENT, QUOTA, SERVICE
from toloka_frames._runtime.displays import show_while_waiting
from toloka_frames._runtime.pace import AVERAGED_REQUESTS, Pace, Work, binding_quota, seconds_left
from toloka_frames._runtime.progress import Progress, duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from toloka_frames._runtime.cards import State
    from toloka_frames._runtime.progress import ProgressArg, Quota

WAITING, SENDING, RUNNING, READING = "waiting", "sending", "running at the service", "reading results"
AT_WORK = (SENDING, RUNNING, READING)
# in the order in which a request passes through them
STATES = (WAITING, f"{WAITING} for {QUOTA}", f"{WAITING} for {SERVICE}", *AT_WORK, "done", "failed", "interrupted")


@dataclass(eq=False)
class Request:
    """A request of an upload, from the moment in which a worker takes it.

    Attributes:
        state: What it is doing; one of `STATES`.
        rows: Its rows that are not done yet.
        settled: Its rows that are done.
        seconds: How long it was at work until it entered the state.
        since: When it entered the state, in seconds of work.
    """

    state: str = WAITING
    rows: int = 0
    settled: int = 0
    seconds: float = 0.0
    since: float = 0.0

    @property
    def is_at_work(self) -> bool:
        """Whether it is sent, or waits for the service to process it."""
        return self.state in AT_WORK

    def age(self, now: float) -> float:
        """Return how long it has been at work."""
        return self.seconds + max(now - self.since, 0.0) if self.is_at_work else self.seconds

    def enter(self, state: str, now: float) -> None:
        """Enter another state."""
        self.seconds, self.since = self.age(now), now
        self.state = state


@dataclass(frozen=True, eq=False)
class Wait:
    """Something that is waited for.

    Attributes:
        reason: What it is.
        since: When the waiting began.
        end: When it ends; infinite if that is unknown.
    """

    reason: str
    since: float
    end: float


@dataclass(frozen=True, eq=False)
class Idle:
    """The time in which nothing was at work.

    Attributes:
        before: How long that was, by what was waited for, until `since`.
        reason: What is waited for since then, or "" if there is work since then.
        since: A time.
    """

    before: Mapping[str, float]
    reason: str = ""
    since: float = 0.0

    def until(self, now: float) -> dict[str, float]:
        """Return how long it was until now."""
        if not self.reason:
            return dict(self.before)
        return {**self.before, self.reason: self.before.get(self.reason, 0.0) + max(now - self.since, 0.0)}


@dataclass
class ProgressTracker:
    """The state that running work updates; another thread reads it, possibly between two updates.

    Attributes:
        title: What is being done.
        total: All rows, if known.
        unit: Unit of the rows.
        rows: Rows done.
        pages: Pages read.
        estimate: About how many rows there are in all, if only that is known.
        retries: Number of retries.
        upload_id: The name of an upload, once it is known.
        note: A remark to show at the end.
        clock: Returns the time in seconds.
    """

    title: str
    total: int | None = None
    unit: str = "rows"
    rows: int = 0
    pages: int = 0
    estimate: int | None = None
    retries: int = 0
    upload_id: str = ""
    note: str = ""
    clock: Callable[[], float] = time.monotonic
    state: State = field(default="running", init=False)
    reason: str = field(default="", init=False)
    chunks: dict[str, int] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._started, self._ended = self.clock(), math.inf
        self._requests: list[Request] = []
        self._waits: list[Wait] = []
        # how long all work has waited, for what, and what it waits for now: replaced at once
        self._idle = Idle({})
        # the seconds of work and the rows before the first request
        self._begun = (0.0, 0)
        self._pace: Pace | None = None
        # rows and seconds of the latest requests that have ended; None for work that has none that are followed
        self._ended_requests: tuple[tuple[int, float], ...] | None = None
        self._request_seconds = 0.0
        self._quota: Quota | None = None
        self._quota_since = 0.0
        # how many waits for the quota there were, and the rows that were done before the latest
        self._quota_waits = (0, 0)

    # -- what the work reports

    def begin(self, requests: int) -> None:
        """Count requests that are to be sent; the rows that are done already say nothing about the rate."""
        self._count(WAITING, requests)
        if self._ended_requests is None:
            self._ended_requests, self._begun = (), (self.work_seconds(self.clock()), self.rows)

    @contextmanager
    def request(self) -> Iterator[None]:
        """Follow one of the requests that are to be sent, in the block and in the functions that it calls."""
        request, end = Request(), "interrupted"
        before = _request.set(request)
        self._requests = [*self._requests, request]
        try:
            yield
        except Exception:
            end = "failed"
            raise
        else:
            end = "done"
        finally:
            _request.reset(before)
            self._requests = [other for other in self._requests if other is not request]
            self._move(request, end)
            self._learn(request)

    def enter(self, state: str, rows: int | None = None) -> None:
        """Move the request that the running code belongs to, if there is one, to another state; `rows` are those it has."""
        if (request := _request.get()) is not None:
            request.rows = request.rows if rows is None else rows
            self._move(request, state)

    def settle(self, rows: int) -> None:
        """Count rows as done, of the request that the running code belongs to."""
        if (request := _request.get()) is not None:
            request.rows, request.settled = max(request.rows - rows, 0), request.settled + rows
        self.rows += rows

    def add_page(self, rows: int) -> None:
        """Count a page of a list and its rows."""
        self.pages, self.rows = self.pages + 1, self.rows + rows

    @contextmanager
    def wait(self, reason: str, seconds: float | None = None) -> Iterator[None]:
        """Show what the block waits for, and how long if known; several workers may wait at once."""
        now, request = self.clock(), _request.get()
        wait = Wait(reason, now, math.inf if seconds is None else now + seconds)
        state = request.state if request else ""
        # lists are replaced and not changed, because the thread that draws reads them meanwhile
        self._waits = [*self._waits, wait]
        self.enter(f"{WAITING} for {reason}")
        self._note_idle()
        try:
            yield
        finally:
            self._waits = [other for other in self._waits if other is not wait]
            self.enter(state)
            self._note_idle()

    def use_quota(self, quota: Quota, rows: int = 0) -> None:
        """Note how much of a quota is used, and that the request which the running code belongs to has used it for its rows."""
        self._quota, self._quota_since = quota, self.clock()
        if rows and (request := _request.get()) is not None:
            request.rows = rows

    def end(self, state: State, error: BaseException | None = None) -> None:
        """Stop the clock, and note why the work has failed."""
        self._waits = []
        self._note_idle()
        self._ended = self.clock()
        if state == "failed" and error is not None:
            self.reason = first_line(error) or type(error).__name__
        self.state = state

    # -- what displays show

    @property
    def waiting(self) -> str:
        """The longest wait, how long it has been and how long it will be, or ""."""
        waits, now = self._waits, self.clock()
        if not waits:
            return ""
        longest = max(waits, key=lambda wait: wait.end)
        so_far = now - min(wait.since for wait in waits if wait.reason == longest.reason)
        to_go = max(longest.end - now, 0.0)
        parts = [
            longest.reason,
            f"{duration(math.floor(so_far))} so far" if so_far >= 1.0 else "",
            f"{duration(math.ceil(to_go))} to go" if to_go < math.inf else "",
        ]
        return ", ".join(filter(None, parts))

    def work_seconds(self, now: float) -> float:
        """Return how long the work has taken without the time in which all of it waited."""
        return now - self._started - sum(self._idle.until(now).values())

    def progress(self) -> Progress:
        """Return a frozen copy of the current state."""
        # the state first: once it says that the work has ended, everything else is final
        state, now = self.state, min(self._ended, self.clock())
        is_running = state == "running"
        seconds, waited, work = now - self._started, self._idle.until(now), self._work(now)
        rate = self._rate(work) if is_running else work.rows / work.seconds if work.seconds > 0 else 0.0
        return Progress(
            self.title,
            state,
            self.rows,
            self.total,
            self.unit,
            seconds,
            rate=rate,
            seconds_left=seconds_left(work, rate) if is_running else None,
            chunks=_in_order(self.chunks),
            pages=self.pages,
            estimate=self.estimate,
            waiting=self.waiting if is_running else "",
            waited=waited,
            quota=self._shown_quota(work, rate) if is_running else None,
            retries=self.retries,
            upload_id=self.upload_id,
            reason=self.reason,
            note=self.note,
        )

    def _rate(self, work: Work) -> float:
        if self._pace is None or self._pace.start != self._begun[0]:
            self._pace = Pace(self._begun[0])
        return self._pace.rate(work)

    def _shown_quota(self, work: Work, rate: float) -> Quota | None:
        return work.quota if self._idle.reason == QUOTA else binding_quota(work, rate)

    def _work(self, now: float) -> Work:
        at_work = [(request.rows, request.age(self.work_seconds(now))) for request in self._requests if request.is_at_work]
        idle, begun = self._idle, self._begun
        ends = [wait.end - now for wait in self._waits if idle.reason and wait.end < math.inf]
        return Work(
            self.work_seconds(now),
            self.rows - begun[1],
            None if self.total is None else self.total - begun[1],
            self._ended_requests,
            self._request_seconds + sum(age for _, age in at_work),
            at_work,
            max(ends, default=0.0),
            self._quota and self._quota.after(now - self._quota_since),
            (*self._quota_waits, idle.until(now).get(QUOTA, 0.0)),
            sum(request.rows for request in self._requests if not request.is_at_work),
        )

    # -- how they are counted

    def _count(self, state: str, number: int, before: str = "") -> None:
        # replaced at once, so that another thread never reads a request twice or not at all
        changed = {**self.chunks, state: self.chunks.get(state, 0) + number}
        if before:
            changed[before] -= number
        self.chunks = changed

    def _move(self, request: Request, state: str) -> None:
        if state != request.state:
            self._count(state, 1, before=request.state)
            request.enter(state, self.work_seconds(self.clock()))
            self._note_idle()

    def _learn(self, request: Request) -> None:
        """Learn from a request that has ended how long the others take."""
        self._request_seconds += request.seconds
        if self._ended_requests is not None and request.seconds and request.settled:
            latest = self._ended_requests[1 - AVERAGED_REQUESTS :]
            self._ended_requests = (*latest, (request.settled, request.seconds))

    def _note_idle(self) -> None:
        """Note since when all work waits, and for what."""
        now, waits = self.clock(), self._waits
        is_idle = bool(waits) and not any(request.is_at_work for request in self._requests)
        reason = max(waits, key=lambda wait: wait.end).reason if is_idle else ""
        if reason == self._idle.reason:
            return
        self._idle = Idle(self._idle.until(now), reason, now)
        if reason == QUOTA:
            self._quota_waits = (self._quota_waits[0] + 1, self.rows - self._begun[1])


def _in_order(chunks: Mapping[str, int]) -> dict[str, int]:
    names = [*STATES, *(name for name in chunks if name not in STATES)]
    return {name: chunks[name] for name in names if chunks.get(name)}


_request: ContextVar[Request | None] = ContextVar("current request", default=None)


@contextmanager
def track_progress(
    progress: ProgressArg, title: str, *, total: int | None = None, unit: str = "rows", quiet: float = 0.0
) -> Iterator[ProgressTracker]:
    """Show progress until the end of the block; it is `current_progress` there and in tasks started there.

    Args:
        progress: "auto", "notebook", "text", "log", False or a callable that gets `Progress`.
        title: What is being done.
        total: All rows, if known.
        unit: Unit of the rows.
        quiet: Seconds before which nothing is shown, so that quick work does not flicker.

    Yields:
        The tracker to update.
    """
    tracker = ProgressTracker(title, total, unit)
    if progress is not False:
        show_while_waiting(progress, tracker.progress, quiet)
    with as_current(tracker):
        try:
            yield tracker
        except BaseException as error:
            tracker.end("failed" if isinstance(error, Exception) else "stopped", error)
            raise
        else:
            tracker.end("done")


@contextmanager
def as_current(tracker: ProgressTracker) -> Iterator[None]:
    """Make a tracker `current_progress` in the block and in tasks started there."""
    before = CURRENT.get()
    CURRENT.set(tracker)
    try:
        yield
    finally:
        # an async generator can be closed in another context than it was started in, which has another tracker
        if CURRENT.get() is tracker:
            CURRENT.set(before)
