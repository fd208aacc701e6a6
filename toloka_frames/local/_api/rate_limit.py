"""How much of something was asked for lately -> 429 when it is too much (Toloka API, Rate limiting)."""

from __future__ import annotations

import time
from collections import deque

from toloka_frames.local._base.errors import ServiceError

REQUESTS_PER_SECOND = 300
# Toloka API, "Create single/multiple tasks"; Toloka-Kit 1.2.3 says half of it, and who keeps to that passes both
TASKS_PER_MINUTE = 200_000
SUITES_PER_MINUTE = 100_000


class RateLimit:
    """At most `most` in any `seconds`; `interval` is the name of that time in the payload of a refusal."""

    def __init__(self, most: int, seconds: float, interval: str | None = None) -> None:
        self._most = most
        self._seconds = seconds
        self._payload = {"interval": interval} if interval else None
        self._spent: deque[tuple[float, int]] = deque()
        self._sum = 0

    def spend(self, amount: int) -> None:
        """Count `amount`; ServiceError 429, and nothing counted, when that would be too much."""
        now = time.monotonic()
        while self._spent and self._spent[0][0] <= now - self._seconds:
            self._sum -= self._spent.popleft()[1]
        if self._sum + amount > self._most:
            raise ServiceError(429, "TOO_MANY_REQUESTS", f"More than {self._most} in {self._seconds} s", self._payload)
        self._spent.append((now, amount))
        self._sum += amount
