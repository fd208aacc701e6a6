"""Short tracebacks: the caller's lines, one line of this package, the message and the hint.

An error passes through dozens of frames of this package, httpx, anyio and asyncio, and has causes with as many. They are left
out unless the environment variable TOLOKA_FRAMES_TRACEBACK is "full". `event_loop.PublicCall` shortens the traceback where an
error reaches the caller; IPython asks the error itself, which then also leaves out what lies between the caller and this
package, such as `DataFrame.pipe`. Both work on the error only: no hook of Python or IPython is replaced.
"""

from __future__ import annotations

import os
import sys
import traceback as python_traceback
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ErrorT = TypeVar("ErrorT", bound=BaseException)

PACKAGE = __name__.partition(".")[0]
# these only pass a call on
PLUMBING = {f"{PACKAGE}._client.call", f"{PACKAGE}._runtime.event_loop", f"{PACKAGE}._runtime.call_coroutine"}
LIBRARIES = {
    "IPython",
    "anyio",
    "asyncio",
    "concurrent",
    "contextlib",
    "httpcore",
    "httpcore2",
    "httpx",
    "httpx2",
    "ipykernel",
    "pandas",
    "tenacity",
    "threading",
}
# they show the cause of an error with all frames, although the message states it
PRINTERS = {"IPython", "traceback"}


class ShortTraceback(BaseException):
    """Mixin of errors whose traceback is short, and whose cause is not printed, because the message states it.

    `__cause__` is the cause all the same, for `except` clauses, pytest and error trackers.
    """

    _cause: BaseException | None = None

    # for type checkers, it stays an attribute of every exception
    if not TYPE_CHECKING:

        @property
        def __cause__(self) -> BaseException | None:
            reader = sys._getframe().f_back  # noqa: SLF001 -- who reads it decides
            is_printed = reader is not None and _package(reader.f_globals) in PRINTERS
            return _raised_from(self) or (None if is_printed else self._cause)

        @__cause__.setter
        def __cause__(self, cause: BaseException | None) -> None:
            BaseException.__dict__["__cause__"].__set__(self, cause)

    def _render_traceback_(self) -> list[str]:
        return _ipython_lines(self)


def first_line(error: BaseException) -> str:
    """Return what an error says, without its hint."""
    return str(error).partition("\n")[0]


def is_full() -> bool:
    """Return whether the user wants all frames."""
    return os.environ.get("TOLOKA_FRAMES_TRACEBACK", "").lower() == "full"


def shorten(error: BaseException, traceback: TracebackType | None) -> None:
    """Set the traceback of an error that reaches the caller of this package, and hide its causes from printers."""
    if is_full():
        error.__traceback__ = traceback
        return
    error.__traceback__ = _without_libraries(traceback)
    if isinstance(error, ShortTraceback):
        # the interpreter itself reads what `raise ... from` set, not the property
        error._cause = _raised_from(error) or error._cause  # noqa: SLF001 -- of this module
        error.__cause__ = error.__context__ = None


def shown_short(error: ErrorT) -> ErrorT:
    """Return an error of Python's own, which IPython then shows as it shows those of this package."""
    error._render_traceback_ = partial(_ipython_lines, error)  # type: ignore[attr-defined]
    return error


def is_shown_short(error: BaseException) -> bool:
    """Return whether an error is one of this package or went through `shown_short`."""
    return hasattr(error, "_render_traceback_")


def _ipython_lines(error: BaseException) -> list[str]:
    """Return the lines that IPython shows: of each frame, only the line that was running.

    Source: IPython, "Integrating your objects with IPython", section "Custom exception tracebacks".
    """
    from IPython import get_ipython  # noqa: PLC0415 -- only IPython calls this

    shell = get_ipython()
    if shell is None:
        return python_traceback.format_exception(error)
    format_lines = partial(shell.InteractiveTB.structured_traceback, type(error), error)
    if is_full():
        full: list[str] = format_lines(error.__traceback__)
        return full
    entries = list(_entries(_without_libraries(error.__traceback__)))
    lines: list[str] = format_lines(_chained(entries), 0, 1)
    for position, entry in enumerate(entries, start=2):
        # a rule, the headline, a string for each frame, the message; other formats are left as they are
        is_detailed = len(lines) == len(entries) + 3
        # of a cell of a kernel, IPython 9 shows no line at all with one line of context
        if is_detailed and "-> " not in lines[position]:
            lines[position] = format_lines(_chained([entry]), 0, 2)[2]
    return lines


def _without_libraries(traceback: TracebackType | None) -> TracebackType | None:
    """Return a traceback without frames of libraries, and with one frame of this package where several follow each other."""
    kept: list[TracebackType] = []
    was_ours = False
    for entry in _entries(traceback):
        package = _package(entry.tb_frame.f_globals)
        is_ours = package == PACKAGE
        if package in LIBRARIES or (is_ours and (was_ours or entry.tb_frame.f_globals["__name__"] in PLUMBING)):
            continue
        kept.append(entry)
        was_ours = is_ours
    return _chained(kept)


def _chained(entries: Sequence[TracebackType]) -> TracebackType | None:
    """Return a traceback of some entries of another one."""
    chain = None
    for entry in reversed(entries):
        chain = TracebackType(chain, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return chain


def _entries(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _package(variables: dict[str, object]) -> str:
    return str(variables.get("__name__")).partition(".")[0]


def _raised_from(error: BaseException) -> BaseException | None:
    """Return the cause that `raise ... from` set."""
    cause: BaseException | None = BaseException.__dict__["__cause__"].__get__(error)
    return cause
