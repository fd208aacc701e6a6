"""Short tracebacks of errors that reach the caller of the local service, as those of the client."""

from __future__ import annotations

from contextlib import ContextDecorator
from typing import TYPE_CHECKING, Self

from toloka_frames._errors.tracebacks import shorten, shown_short

if TYPE_CHECKING:
    from types import TracebackType


class ShortTracebacks(ContextDecorator):
    """Leave out the frames between the caller's line and the message; frames of the caller's own functions stay."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, traceback: TracebackType | None) -> None:
        if error is not None:
            shorten(shown_short(error), traceback)
