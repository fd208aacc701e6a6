"""Ways to show a report while work runs: a notebook's card, a line of a terminal, lines of a log or a file, or a callable.

The thread that waits for the work draws (`event_loop.on_tick`). A display that fails is dropped; it never stops the work.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import time
import unicodedata
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar

from toloka_frames._errors import InputError
from toloka_frames._runtime import cards
from toloka_frames._runtime.event_loop import on_tick

if TYPE_CHECKING:
    from collections.abc import Callable

    from toloka_frames._runtime.cards import State

# Lines of a log or a file: the first after ten seconds, the next after as long again, and then one every ten minutes.
LINE_SECONDS, MAX_LINE_SECONDS = 10.0, 600.0
# Slow enough that a terminal over a network keeps up.
TEXT_SECONDS = 0.2
# A card's text is stored in the notebook, and each of its updates marks the notebook as changed: often at first, then less.
MIN_STORED_SECONDS, MAX_STORED_SECONDS = 0.5, 5.0
SEPARATOR = " · "

logger = logging.getLogger("toloka_frames")


class Report(Protocol):
    """What a display shows: how far some work has got at one moment.

    `str(report)` is one line whose parts are separated by " · ", the most important first: a narrow terminal leaves out the
    last ones. `_repr_html_()` is a card (`_runtime/cards.py`).
    """

    @property
    def state(self) -> State:
        """Whether the work is running, or how it ended."""

    @property
    def seconds(self) -> float:
        """The time since its start."""

    def __str__(self) -> str: ...

    def _repr_html_(self) -> str: ...


ReportT = TypeVar("ReportT", bound=Report)
DisplayName: TypeAlias = Literal["auto", "notebook", "text", "log", False]


class Display(Protocol):
    """A way to show reports."""

    def show(self, report: Any) -> object:
        """Show a `Report`; called often, and a last time with a state other than "running"."""


def show_while_waiting(
    progress: DisplayName | Callable[[ReportT], object], report: Callable[[], ReportT], quiet: float = 0.0
) -> None:
    """Show reports until one has another state than "running", while the caller waits for the current work.

    Args:
        progress: "auto", "notebook", "text", "log", False or a callable that gets each report.
        report: Returns the report of this moment; called in the caller's thread.
        quiet: Seconds before which nothing is shown, so that quick work does not flicker.

    Raises:
        InputError: If `progress` is not a way to show it.
    """
    if progress is not False:
        on_tick(drawing(progress, report, quiet))


def drawing(
    progress: DisplayName | Callable[[ReportT], object], report: Callable[[], ReportT], quiet: float = 0.0
) -> Callable[[], None]:
    """Return a function that shows the report of the moment, as long as there is something to show.

    It is for work of several steps, each of which calls `on_tick` with it; arguments and errors as in `show_while_waiting`.
    """
    return _Drawing(report, choose(progress), quiet).draw


def choose(progress: DisplayName | Callable[[Any], object]) -> Display | None:
    """Return the display for a `progress` argument, or None for False.

    Raises:
        InputError: If it is not a way to show progress.
    """
    if progress is False:
        return None
    if callable(progress):
        return _CallbackDisplay(progress)
    displays: dict[str, Callable[[], Display]] = {
        "auto": lambda: _LaterDisplay(_automatic),
        "notebook": lambda: _LaterDisplay(_of_notebook),
        "text": _of_stderr,
        "log": LogDisplay,
    }
    if not isinstance(progress, str) or progress not in displays:
        raise InputError(
            f"progress={progress!r} is not a way to show progress.",
            hint=f"One of {list(displays)}, False, or a callable.",
        )
    return displays[progress]()


def _automatic() -> Display:
    return _of_notebook() if in_notebook() or in_marimo() else LineDisplay() if not _is_terminal() else TextDisplay()


def _of_notebook() -> Display:
    return MarimoDisplay() if in_marimo() else CardDisplay()


def _of_stderr() -> Display:
    return TextDisplay() if _is_terminal() else LineDisplay(always_last=True)


class _Drawing:
    """Reports and their display: draw until the end was drawn or the display failed."""

    def __init__(self, report: Callable[[], Report], display: Display | None, quiet: float) -> None:
        self._report = report
        self._display = display
        self._quiet = quiet

    def draw(self) -> None:
        if self._display is None:
            return
        report = self._report()
        if report.seconds < self._quiet:
            return
        try:
            self._display.show(report)
        except Exception:
            logger.warning("The progress display failed and is dropped; the work continues.", exc_info=True)
            self._display = None
        if report.state != "running":
            self._display = None


class _LaterDisplay:
    """A display that is chosen when it is drawn: only the thread of a cell of marimo knows that it is one."""

    def __init__(self, choose: Callable[[], Display]) -> None:
        self._choose = choose
        self._display: Display | None = None

    def show(self, report: Report) -> None:
        self._display = self._display or self._choose()
        self._display.show(report)


class _CallbackDisplay:
    def __init__(self, function: Callable[[Any], object]) -> None:
        self._function = function

    def show(self, report: Report) -> None:
        self._function(report)


class LineDisplay:
    """Write a line to standard error now and then, for a file or the log of a CI job.

    Args:
        always_last: Whether the last line is written also if no other was written before.
    """

    def __init__(self, *, always_last: bool = False) -> None:
        self._next = LINE_SECONDS
        self._was_written = always_last

    def show(self, report: Report) -> None:
        """Write a line if one is due."""
        ended = report.state != "running"
        if report.seconds >= self._next or (ended and self._was_written):
            self._write(str(report))
            self._was_written = True
            self._next = report.seconds + min(report.seconds, MAX_LINE_SECONDS)

    def _write(self, line: str) -> None:
        if sys.stderr is not None:  # a program without a console has none
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()


class LogDisplay(LineDisplay):
    """Write lines to the logger `toloka_frames` now and then, and one at the end."""

    def __init__(self) -> None:
        super().__init__(always_last=True)

    def _write(self, line: str) -> None:
        logger.info("%s", line)


class TextDisplay:
    """Rewrite one line of a terminal, which is never longer than the terminal is wide; the last report is written whole."""

    def __init__(self) -> None:
        self._next = 0.0
        self._columns = 0

    def show(self, report: Report) -> None:
        """Write the line if it is due."""
        ended = report.state != "running"
        if not ended and report.seconds < self._next:
            return
        self._next = report.seconds + TEXT_SECONDS
        # a character in the last column makes some terminals begin another line
        width = _columns() - 1
        first, *others = lines_of(str(report), width) if ended else [fitted(str(report), width)]
        # spaces erase the rest of the line in any terminal; sequences that erase are not known to all on Windows
        rest = " " * max(min(self._columns, width) - _columns_of(first), 0)
        self._columns = _columns_of(first)
        sys.stderr.write("\r" + "\n".join([first + rest, *others]) + ("\n" if ended else ""))
        sys.stderr.flush()


class CardDisplay:
    """Show a card, which is a widget while the work runs, and text beside it that a saved notebook keeps.

    At the end, static HTML takes the widget's place and the widget is closed: the view of a widget is empty without its model,
    as in a notebook that was saved and is opened again.
    """

    def __init__(self) -> None:
        self._widget: Any = None
        self._next = 0.0

    def show(self, report: Report) -> None:
        """Draw the card, in the kernel's thread."""
        if self._widget is None:
            self._open(report)
        if report.state != "running":
            self._close(report)
            return
        self._widget.value = report._repr_html_()
        if report.seconds >= self._next:
            self._next = report.seconds + min(max(report.seconds, MIN_STORED_SECONDS), MAX_STORED_SECONDS)
            self._stored.update(_stored(report), raw=True)

    def _open(self, report: Report) -> None:
        import ipywidgets  # noqa: PLC0415 -- only a notebook pays for it
        from IPython.display import display  # noqa: PLC0415 -- only a notebook has it

        self._widget = ipywidgets.HTML(report._repr_html_())
        self._card = display(self._widget, display_id=True)  # type: ignore[no-untyped-call]
        self._stored = display(_stored(report), raw=True, display_id=True)  # type: ignore[no-untyped-call]

    def _close(self, report: Report) -> None:
        html = report._repr_html_()
        self._card.update({"text/plain": str(report), "text/html": html}, raw=True)
        self._stored.update({}, raw=True)
        for widget in (self._widget, self._widget.layout, self._widget.style):
            widget.close()


class MarimoDisplay:
    """Show the card as the output of the running cell of marimo, which has no widgets that are replaced at the end."""

    def __init__(self) -> None:
        self._next = 0.0

    def show(self, report: Report) -> None:
        """Draw the card if it is due."""
        if report.state == "running" and report.seconds < self._next:
            return
        self._next = report.seconds + TEXT_SECONDS
        marimo = sys.modules["marimo"]
        marimo.output.replace(marimo.Html(report._repr_html_()))


def _stored(report: Report) -> dict[str, str]:
    """Return the text beside a card, with the time at which it was true."""
    text = f"{time.strftime('%H:%M:%S')} · {report}"
    return {"text/plain": text, "text/html": cards.line(text, muted=True)}


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook."""
    # not imported: a process that has not loaded it is not a notebook
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    # IPython in a terminal has a shell too, but no kernel
    return hasattr(shell, "kernel")


def in_marimo() -> bool:
    """Return whether this code runs in a notebook of marimo."""
    marimo = sys.modules.get("marimo")
    return marimo is not None and bool(marimo.running_in_notebook())


def fitted(line: str, width: int) -> str:
    """Return as many parts of a line as fit in a number of columns, and at least the beginning of the first one."""
    while _columns_of(line) > width and SEPARATOR in line:
        line = line.rpartition(SEPARATOR)[0]
    if _columns_of(line) <= width:
        return line
    while line and _columns_of(line) > width - 1:
        line = line[:-1]
    return f"{line}…" if width > 0 else ""


def lines_of(text: str, width: int) -> list[str]:
    """Break a line between its parts, so that each line fits if its parts do."""
    lines: list[str] = []
    for part in text.split(SEPARATOR):
        if lines and _columns_of(lines[-1] + SEPARATOR + part) <= width:
            lines[-1] += SEPARATOR + part
        else:
            lines.append(part)
    return lines


def _columns_of(text: str) -> int:
    """Return how many columns of a terminal a text takes: wide characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def _columns() -> int:
    """Return the width of the terminal at this moment."""
    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError):  # not a terminal of this system, as in an editor's console
        columns = 0
    return columns or shutil.get_terminal_size().columns


def _is_terminal() -> bool:
    """Return whether standard error is a terminal that can rewrite a line."""
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
