"""When simulated work happens: seconds since its start, at a human pace, and the real times they stand for."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Clock:
    """Real times of simulated work.

    Attributes:
        start: When the work begins, in Unix seconds.
        speed: Simulated seconds in a real second.
        latest: No real time is later than this (Unix seconds).
    """

    start: float
    speed: float
    latest: float = math.inf

    def real(self, at: float) -> float:
        """Return the Unix seconds, in whole milliseconds, of a time in simulated seconds."""
        # downwards, because no timestamp may lie ahead of the clock
        return math.floor(min(self.exact(at), self.latest) * 1000 + 1e-3) / 1000

    def exact(self, at: float) -> float:
        """Return the Unix seconds of a time in simulated seconds."""
        return self.start + at / self.speed

    def simulated(self, at: float) -> float:
        """Return the simulated seconds at a real time in Unix seconds."""
        return (at - self.start) * self.speed
