"""Progress displays: a notebook card, a line of text, log lines or a callback.

Code of any layer updates the `current_progress` tracker. The thread that waits for the work draws it (`event_loop.on_tick`).
A display that fails is dropped; it never stops the work.
"""

from __future__ import annotations

import html
import logging
import math
import sys
import time
from collections import Counter
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from toloka_frames._errors import InputError
from toloka_frames._runtime.event_loop import on_tick

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

State: TypeAlias = Literal["running", "done", "failed", "stopped"]

# one line every 10 s is enough for work that takes hours
LOG_SECONDS = 10.0
# Slow enough that a terminal over a network keeps up.
TEXT_SECONDS = 0.2

logger = logging.getLogger("toloka_frames")


@dataclass(frozen=True)
class Progress:
    """How far work has got; the argument of a progress callable.

    Attributes:
        title: What is being done, for example "tasks".
        state: "running", "done", "failed" or "stopped".
        rows: Rows done.
        total: All rows, or None if unknown (the service's lists have no count).
        unit: Unit of `rows`: "rows", or "%" for an operation.
        chunks: Number of an upload's requests by state ("waiting", "sent", "done", "failed"); empty for a pull.
        waiting: What the work waits for, for example "quota, 41 s", or "".
        retries: Number of retries.
        seconds: Time since the start.
        note: A remark shown at the end, or "".
    """

    title: str
    state: State
    rows: int
    total: int | None
    unit: str
    chunks: Mapping[str, int]
    waiting: str
    retries: int
    seconds: float
    note: str

    @property
    def rate(self) -> float:
        """Rows per second since the start."""
        return self.rows / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Time left at the current rate, in seconds; None if unknown."""
        if self.total is None or not self.rows or self.state != "running":
            return None
        return max(self.total - self.rows, 0) / self.rate

    def __str__(self) -> str:
        return " · ".join(filter(None, self._parts()))

    def _parts(self) -> Iterator[str]:
        total = "" if self.total is None else f" of {self.total:,}"
        yield f"{self.title}: {self.rows:,}{total} {self.unit}"
        yield f"{self.rate:,.0f} {self.unit}/s" if self.seconds else ""
        yield f"{self.seconds_left:,.0f} s left" if self.seconds_left is not None else ""
        requests = ", ".join(f"{count} {state}" for state, count in self.chunks.items() if count)
        yield f"requests: {requests}" if requests else ""
        yield f"waiting: {self.waiting}" if self.waiting else ""
        yield f"{self.retries} retries" if self.retries else ""
        yield f"{self.state} in {self.seconds:,.1f} s" if self.state != "running" else ""
        yield self.note


ProgressArg: TypeAlias = "Literal['auto', 'notebook', 'text', 'log', False] | Callable[[Progress], object]"


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


class Display(Protocol):
    """A way to show progress."""

    def show(self, progress: Progress) -> object:
        """Show the progress; called repeatedly, the last time with a state other than "running"."""


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
    on_tick(_Drawing(tracker, choose(progress), quiet).draw)
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


def choose(progress: ProgressArg) -> Display:
    """Return the display for a `progress` argument.

    Raises:
        InputError: If it is not a way to show progress.
    """
    if progress == "auto":
        progress = "notebook" if in_notebook() else "text" if sys.stderr.isatty() else False
    if progress is False:
        return _NoDisplay()
    if callable(progress):
        return _CallbackDisplay(progress)
    displays: dict[str, type[Display]] = {"notebook": CardDisplay, "text": TextDisplay, "log": LogDisplay}
    if not isinstance(progress, str) or progress not in displays:
        raise InputError(
            f"progress={progress!r} is not a way to show progress.",
            hint=f"One of 'auto', {list(displays)}, False, or a callable.",
        )
    return displays[progress]()


class _Drawing:
    """A tracker and its display: draw until the end was drawn or the display failed."""

    def __init__(self, tracker: ProgressTracker, display: Display, quiet: float) -> None:
        self._tracker = tracker
        self._display: Display | None = display
        self._quiet = quiet

    def draw(self) -> None:
        progress = self._tracker.progress()
        if self._display is None or progress.seconds < self._quiet:
            return
        try:
            self._display.show(progress)
        except Exception:
            logger.warning("The progress display failed and is dropped; the work continues.", exc_info=True)
            self._display = None
        if progress.state != "running":
            self._display = None


class _NoDisplay:
    def show(self, progress: Progress) -> None:
        """Show nothing."""


class _CallbackDisplay:
    def __init__(self, function: Callable[[Progress], object]) -> None:
        self._function = function

    def show(self, progress: Progress) -> None:
        self._function(progress)


class LogDisplay:
    """Write a line to the logger `toloka_frames` every ten seconds and one at the end."""

    def __init__(self) -> None:
        self._next = LOG_SECONDS

    def show(self, progress: Progress) -> None:
        """Write a line if one is due."""
        if progress.state != "running" or progress.seconds >= self._next:
            logger.info("%s", progress)
            self._next = progress.seconds + LOG_SECONDS


class TextDisplay:
    """Rewrite one line on standard error; if it is not a terminal, write only the last line."""

    def __init__(self) -> None:
        self._next = 0.0
        self._width = 0

    def show(self, progress: Progress) -> None:
        """Write the line if it is due."""
        ended = progress.state != "running"
        if not ended and (progress.seconds < self._next or not sys.stderr.isatty()):
            return
        line = str(progress)
        sys.stderr.write(f"\r{line.ljust(self._width)}" + ("\n" if ended else ""))
        sys.stderr.flush()
        self._width, self._next = len(line), progress.seconds + TEXT_SECONDS


class CardDisplay:
    """Show a card of ipywidgets; at the end static HTML and plain text replace it, so that a saved notebook shows them."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, progress: Progress) -> None:
        """Draw the card, in the kernel's thread."""
        if self._handle is None:
            self._open()
        # the maximum first: ipywidgets cuts a value to the current maximum
        self._bar.max = progress.total or max(progress.rows, 1)
        self._bar.value = self._bar.max if progress.state == "done" else progress.rows
        self._bar.bar_style = {"running": "info", "done": "success", "failed": "danger", "stopped": "warning"}[progress.state]
        self._text.value = html.escape(str(progress))
        # without its model, as in a saved notebook, a widget's view is empty: static output replaces it
        if progress.state != "running":
            self._handle.update({"text/plain": str(progress), "text/html": _static(progress)}, raw=True)

    def _open(self) -> None:
        import ipywidgets  # noqa: PLC0415 -- only a notebook pays for it
        from IPython.display import display  # noqa: PLC0415 -- only a notebook has it

        self._bar = ipywidgets.IntProgress(min=0, layout=ipywidgets.Layout(width="100%"))
        self._text = ipywidgets.HTML()
        self._handle = display(  # type: ignore[no-untyped-call]
            ipywidgets.VBox([self._bar, self._text]), display_id=True
        )


def _static(progress: Progress) -> str:
    colour = {"done": "#2e7d32", "failed": "#c62828", "stopped": "#ef6c00"}.get(progress.state, "#1565c0")
    return f'<div style="border-left:4px solid {colour};padding:2px 8px">{html.escape(str(progress))}</div>'


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook."""
    # not imported: a process that has not loaded it is not a notebook
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    # IPython in a terminal has a shell too, but no kernel
    return hasattr(shell, "kernel")
