"""The tracker of the current work, for code of any layer; what counts and shows it is loaded only for work that is tracked."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toloka_frames._runtime.tracker import ProgressTracker

# what a request waits for
QUOTA, SERVICE = "the quota", "the service"

CURRENT: ContextVar[ProgressTracker | None] = ContextVar("current progress", default=None)


def current_progress() -> ProgressTracker:
    """Return the tracker of the current work; without one, a tracker that no display shows."""
    from toloka_frames._runtime.tracker import ProgressTracker  # noqa: PLC0415 -- most requests report nothing

    return CURRENT.get() or ProgressTracker("")
