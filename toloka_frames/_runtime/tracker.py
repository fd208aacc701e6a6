"""The progress of running work: code of any layer updates `current_progress`, and `track_progress` shows it."""

from __future__ import annotations

import math
import time
from collections import Counter
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toloka_frames._runtime.displays import show_while_waiting
from toloka_frames._runtime.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toloka_frames._runtime.cards import State
    from toloka_frames._runtime.progress import ProgressArg


@dataclass
class ProgressTracker:
    """The state that running work updates; another thread reads it, possibly between two updates."""

    title: str
    total: int | None = None
    unit: str = "rows"
    rows: int = 0
    retries: int = 0
    note: str = ""
    state: State = "running"
    chunks: Counter[str] = field(default_factory=Counter)
    started: float = field(default_factory=time.monotonic)
    ended: float | None = None
    waits: list[tuple[float, str]] = field(default_factory=list)

    @contextmanager
    def wait(self, reason: str, seconds: float | None = None) -> Iterator[None]:
        """Show what the block waits for, and how long if known; several workers may wait at once."""
        wait = (time.monotonic() + seconds if seconds is not None else math.inf, reason)
        self.waits.append(wait)
        try:
            yield
        finally:
            self.waits.remove(wait)

    @property
    def waiting(self) -> str:
        """The longest wait with its remaining seconds, or ""."""
        # a copy, because the loop's thread adds and removes waits meanwhile
        end, reason = max(tuple(self.waits), default=(math.inf, ""))
        return reason if end == math.inf else f"{reason}, {math.ceil(max(end - time.monotonic(), 0.0)):,} s"

    def end(self, state: State) -> None:
        """Stop the clock."""
        self.state, self.ended = state, time.monotonic()

    def progress(self) -> Progress:
        """Return a frozen copy of the current state."""
        seconds = (self.ended or time.monotonic()) - self.started
        return Progress(
            self.title,
            self.state,
            self.rows,
            self.total,
            self.unit,
            dict(self.chunks),
            self.waiting if self.state == "running" else "",
            self.retries,
            seconds,
            self.note,
        )


_current: ContextVar[ProgressTracker | None] = ContextVar("current progress", default=None)


def current_progress() -> ProgressTracker:
    """Return the tracker of the current work; without one, a tracker that no display shows."""
    return _current.get() or ProgressTracker("")


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
    before = _current.get()
    _current.set(tracker)
    try:
        yield tracker
    except BaseException as error:
        tracker.end("failed" if isinstance(error, Exception) else "stopped")
        raise
    else:
        tracker.end("done")
    finally:
        # an async generator can be closed in another context than it was started in, which has another tracker
        if _current.get() is tracker:
            _current.set(before)
