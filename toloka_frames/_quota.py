"""What a request will use up comes in; it goes on when the service's limits allow it.

The limits are kept by the client, as sliding windows, so that they are not discovered by refusals.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pyrate_limiter import InMemoryBucket, Rate, RateItem

if TYPE_CHECKING:
    from collections.abc import Callable

SECOND, MINUTE, DAY = 1_000, 60_000, 86_400_000

# Toloka API, "Restrictions": 300 requests a second. For tasks its pages say 200,000 a minute and 4,000,000 a day, and
# Toloka-Kit 1.2.3 says half of that; the lower figures are safe under both.
REQUESTS = (Rate(300, SECOND),)
TASKS = (Rate(100_000, MINUTE), Rate(2_000_000, DAY))


class Quota:
    """The limits of one client."""

    def __init__(self) -> None:
        self._requests = InMemoryBucket(list(REQUESTS))
        self._tasks = InMemoryBucket(list(TASKS))

    async def request(self) -> None:
        """Wait until one more request is allowed."""
        await _acquire(self._requests, 1, _unseen)

    async def tasks(self, count: int, waiting: Callable[[float], object]) -> None:
        """Wait until so many more tasks are allowed; `waiting` is told how many seconds that takes."""
        await _acquire(self._tasks, count, waiting)


async def _acquire(bucket: InMemoryBucket, weight: int, waiting: Callable[[float], object]) -> None:
    while True:
        item = RateItem("", _now(bucket), weight)
        bucket.leak(item.timestamp)
        if bucket.put(item):
            return
        milliseconds = bucket.waiting(item)
        assert isinstance(milliseconds, int)  # noqa: S101 -- a bucket in memory waits for nothing to tell it
        seconds = max(milliseconds, 1) / SECOND
        waiting(seconds)
        await asyncio.sleep(seconds)


def _now(bucket: InMemoryBucket) -> int:
    now = bucket.now()  # type: ignore[no-untyped-call]
    assert isinstance(now, int)  # noqa: S101 -- a bucket in memory has no clock that must be awaited
    return now


def _unseen(seconds: float) -> None:
    """A wait of less than a second is not worth a word."""
