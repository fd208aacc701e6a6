"""A rate limit: requests or objects above it are rejected with 429 (Toloka API, Rate limiting)."""

from __future__ import annotations

import time
from collections import deque

from toloka_frames.local._base.errors import ServiceError

REQUESTS_PER_SECOND = 300
# Toloka API, "Create single/multiple tasks"; Toloka-Kit 1.2.3 documents half of it, and clients that keep to half pass too
TASKS_PER_MINUTE = 200_000
SUITES_PER_MINUTE = 100_000


class RateLimit:
    """A limit of `limit` in any window of `seconds`; `interval` is its name in the payload of a rejection."""

    def __init__(self, limit: int, seconds: float, interval: str | None = None) -> None:
        self._limit = limit
        self._seconds = seconds
        self._payload = {"interval": interval} if interval else None
        self._spent: deque[tuple[float, int]] = deque()
        self._sum = 0

    def spend(self, amount: int) -> None:
        """Count `amount`; raise ServiceError 429 and count nothing if it exceeds the limit."""
        now = time.monotonic()
        while self._spent and self._spent[0][0] <= now - self._seconds:
            self._sum -= self._spent.popleft()[1]
        if self._sum + amount > self._limit:
            raise ServiceError(429, "TOO_MANY_REQUESTS", f"More than {self._limit} in {self._seconds} s", self._payload)
        self._spent.append((now, amount))
        self._sum += amount
