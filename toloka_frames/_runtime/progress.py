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

LOG_SECONDS = 10.0
TEXT_SECONDS = 0.2

logger = logging.getLogger("toloka_frames")


@dataclass(frozen=True)
class Progress:
    """How far a piece of work is, as a progress callable gets it.

    Attributes:
        title: What is being done, as "tasks".
        state: "running", "done", "failed" or "stopped".
        rows: Rows done, or another unit.
        total: Rows in all, or None when the service does not say (its lists have no count).
        unit: What is counted: "rows", or "%" for an operation.
        chunks: Requests of an upload by their state ("waiting", "sent", "done", "failed"); empty for a pull.
        waiting: What is waited for, as "quota, 41 s", or "".
        retries: Requests that were repeated.
        seconds: Time since the start.
        note: What the reader should know at the end, or "".
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
        """Rows a second since the start."""
        return self.rows / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Time left at the present rate, in seconds; None when it cannot be told."""
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
    """What the work writes to while it goes on; read from another thread, which may see a moment between two writes."""

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
        """Say during the block what is waited for, and how long where it is known; several workers may wait at once."""
        wait = (time.monotonic() + seconds if seconds is not None else math.inf, reason)
        self.waits.append(wait)
        try:
            yield
        finally:
            self.waits.remove(wait)

    @property
    def waiting(self) -> str:
        """The longest of the waits with the seconds that are left of it, or ""."""
        # a copy: other workers' waits come and go in the loop's thread while this one reads
        end, reason = max(tuple(self.waits), default=(math.inf, ""))
        return reason if end == math.inf else f"{reason}, {math.ceil(max(end - time.monotonic(), 0.0)):,} s"

    def end(self, state: State) -> None:
        """Stop the clock."""
        self.state, self.ended = state, time.monotonic()

    def progress(self) -> Progress:
        """The present state, frozen."""
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


_present: ContextVar[ProgressTracker | None] = ContextVar("present meter", default=None)


def current_progress() -> ProgressTracker:
    """The meter that is shown for the present work; where nothing is shown, one that nobody looks at."""
    return _present.get() or ProgressTracker("")


class Display(Protocol):
    """Anything that can show a progress."""

    def show(self, progress: Progress) -> object:
        """Show it, as often as the caller likes; the last one has a state other than "running"."""


@contextmanager
def track_progress(
    progress: ProgressArg, title: str, *, total: int | None = None, unit: str = "rows", quiet: float = 0.0
) -> Iterator[ProgressTracker]:
    """Show progress until the end of the block; it is `current_progress` there and in tasks started there.

    Args:
        progress: How: "auto", "notebook", "text", "log", False or a callable that gets `Progress`.
        title: What is being done.
        total: Rows in all, where known.
        unit: What is counted.
        quiet: Seconds before which nothing is shown, so that quick work leaves the screen alone.

    Yields:
        The meter to write to.
    """
    meter = ProgressTracker(title, total, unit)
    on_tick(_Drawing(meter, choose(progress), quiet).draw)
    before = _present.get()
    _present.set(meter)
    try:
        yield meter
    except BaseException as error:
        meter.end("failed" if isinstance(error, Exception) else "stopped")
        raise
    else:
        meter.end("done")
    finally:
        # an async generator can be closed in another context than it was begun in, where another meter is present
        if _present.get() is meter:
            _present.set(before)


def choose(progress: ProgressArg) -> Display:
    """The display for a `progress` argument.

    Raises:
        InputError: It is none of the ways to show progress.
    """
    if progress == "auto":
        progress = "notebook" if _in_notebook() else "text" if sys.stderr.isatty() else False
    if progress is False:
        return _NoDisplay()
    if callable(progress):
        return _CallbackDisplay(progress)
    displays: dict[str, type[Display]] = {"notebook": CardDisplay, "text": TextDisplay, "log": LogDisplay}
    if not isinstance(progress, str) or progress not in displays:
        raise InputError(
            f"progress={progress!r} is no way to show progress.",
            hint=f"One of 'auto', {list(displays)}, False, or a callable.",
        )
    return displays[progress]()


class _Drawing:
    """A meter and its display: draws until the end was drawn or the display failed."""

    def __init__(self, meter: ProgressTracker, display: Display, quiet: float) -> None:
        self._meter = meter
        self._display: Display | None = display
        self._quiet = quiet

    def draw(self) -> None:
        progress = self._meter.progress()
        if self._display is None or progress.seconds < self._quiet:
            return
        try:
            self._display.show(progress)
        except Exception:
            logger.warning("The progress display failed and is put away; the work goes on.", exc_info=True)
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
    """A line of the logger `toloka_frames` every ten seconds and one at the end."""

    def __init__(self) -> None:
        self._next = LOG_SECONDS

    def show(self, progress: Progress) -> None:
        """Write a line when one is due."""
        if progress.state != "running" or progress.seconds >= self._next:
            logger.info("%s", progress)
            self._next = progress.seconds + LOG_SECONDS


class TextDisplay:
    """One line on standard error that is written over; where it is no terminal, the last one only."""

    def __init__(self) -> None:
        self._next = 0.0
        self._width = 0

    def show(self, progress: Progress) -> None:
        """Write the line when it is due."""
        ended = progress.state != "running"
        if not ended and (progress.seconds < self._next or not sys.stderr.isatty()):
            return
        line = str(progress)
        sys.stderr.write(f"\r{line.ljust(self._width)}" + ("\n" if ended else ""))
        sys.stderr.flush()
        self._width, self._next = len(line), progress.seconds + TEXT_SECONDS


class CardDisplay:
    """A card of ipywidgets; at the end static HTML and plain text take its place, so that a saved notebook shows them."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, progress: Progress) -> None:
        """Draw the card, in the kernel's thread."""
        if self._handle is None:
            self._open()
        # the bound first: ipywidgets cuts a value down to the bound that it finds
        self._bar.max = progress.total or max(progress.rows, 1)
        self._bar.value = self._bar.max if progress.state == "done" else progress.rows
        self._bar.bar_style = {"running": "info", "done": "success", "failed": "danger", "stopped": "warning"}[progress.state]
        self._text.value = html.escape(str(progress))
        # a widget's view is empty where its model is gone, as in a saved notebook: static output takes its place
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


def _in_notebook() -> bool:
    # not imported: a process that has not loaded it is no notebook
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    # IPython in a terminal has a shell, too, but without a kernel
    return hasattr(shell, "kernel")
