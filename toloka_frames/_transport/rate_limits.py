"""What a request will use up comes in; it goes on when the service's limits allow it.

The limits are kept as sliding windows, one set for each account in a process, so that they are not discovered by refusals; what
a refusal tells all the same holds for every client of the account.
"""

from __future__ import annotations

import asyncio
import hashlib
from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from toloka_frames._runtime.progress import current_progress
from toloka_frames._schema.series import STRING_DTYPE
from toloka_frames._transport.responses import used_up
from toloka_frames._transport.retries import Retries, waits_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from pyrate_limiter import InMemoryBucket, Rate, RateItem

    from toloka_frames._errors import QuotaExceeded

SECOND_MS, MINUTE_MS, DAY_MS = 1_000, 60_000, 86_400_000
INTERVALS = {SECOND_MS: None, MINUTE_MS: "MIN", DAY_MS: "DAY"}

# Toloka API, "Rate limiting": 300 requests a second. For tasks its pages say 200,000 a minute and 4,000,000 a day, and
# Toloka-Kit 1.2.3 says half of that; the lower figures are safe under both.
CREATIONS = ((100_000, MINUTE_MS), (2_000_000, DAY_MS))
REQUESTS_PER_SECOND = 300
RATES = {"requests": ((REQUESTS_PER_SECOND, SECOND_MS),), "tasks": CREATIONS, "task suites": CREATIONS}
COUNTED = {"POST /v1/tasks": "tasks", "POST /v1/task-suites": "task suites"}

TYPES: dict[str, Any] = {
    "what": STRING_DTYPE,
    "interval": STRING_DTYPE,
    "most": "Int64",
    "used": "Int64",
    "left": "Int64",
    "closed_until": "datetime64[us, UTC]",
    "refusals": "Int64",
}


@dataclass(frozen=True)
class RateLimiter:
    """The limits of an account, and how one of its clients keeps them.

    Attributes:
        limits: Gives those of the account.
        retries: How long is waited for them.
        workers: How many processes ask at the same time. Each counts its request for all of them, and so keeps to its share.
    """

    limits: Callable[[], Awaitable[AccountUsage]]
    retries: Retries
    workers: int = 1

    async def request(self, call: str) -> None:
        """Wait until one more request is allowed, of this method and path.

        Raises:
            QuotaExceeded: That takes longer than the client may wait.
        """
        await self._take("requests", self.workers, _counted(call))

    async def objects(self, what: str, count: int) -> None:
        """Wait until so many more "tasks" or "task suites" are allowed; errors as in `request`."""
        await self._take(what, count, what)

    async def refused(self, call: str, error: QuotaExceeded) -> None:
        """Have all clients of the account heed what a refusal says."""
        # no source tells an interval or a time for 300 a second: a 429 without them is taken for that
        what = "requests" if error.interval is None else _counted(call)
        (await self.limits()).close(what, error.interval, 1.0 if error.retry_after is None else error.retry_after)

    async def frame(self) -> pd.DataFrame:
        """A row for each limit, as `client.quota()` gives it."""
        return pd.DataFrame((await self.limits()).rows(), columns=list(TYPES)).astype(TYPES)

    async def _take(self, what: str, count: int, counted: str) -> None:
        limits = await self.limits()
        while (wait := limits.take(what, count, counted)) is not None:
            if not waits_for(self.retries, wait.interval, wait.seconds):
                raise used_up(wait.what, wait.interval, wait.seconds)
            with current_progress().wait("quota", wait.seconds):
                await asyncio.sleep(wait.seconds)


@dataclass(frozen=True, order=True)
class Delay:
    """What stands against a request, and for how long."""

    seconds: float
    what: str
    interval: str | None = field(compare=False)  # None and text have no order


@dataclass
class QuotaClosure:
    """What refusals said of a limit: until when (of the loop's clock) nothing is allowed, and how many there were."""

    until: float = 0.0
    refusals: int = 0


class AccountUsage:
    """What an account has used up, counted over all its clients in this process."""

    def __init__(self) -> None:
        import pyrate_limiter  # noqa: PLC0415 -- it loads multiprocessing, which takes long, and only a client pays for it

        self._item = pyrate_limiter.RateItem
        # the windows alone: pyrate_limiter's Limiter starts a thread for them, and waits where no meter shows it
        self._windows = {
            what: pyrate_limiter.InMemoryBucket([pyrate_limiter.Rate(*rate) for rate in rates]) for what, rates in RATES.items()
        }
        self._closings: dict[tuple[str, str | None], QuotaClosure] = {}

    def take(self, what: str, count: int, counted: str) -> Delay | None:
        """Use up so much, or say what stands against it; `counted` is what else it counts as."""
        now = asyncio.get_running_loop().time()
        closed = [
            Delay(closing.until - now, name, interval)
            for (name, interval), closing in self._closings.items()
            if name in (what, counted) and closing.until > now
        ]
        return max(closed) if closed else self._put(what, count, int(now * SECOND_MS))

    def close(self, what: str, interval: str | None, seconds: float) -> None:
        """Allow nothing for so long."""
        closing = self._closings.setdefault((what, interval), QuotaClosure())
        closing.until = max(closing.until, asyncio.get_running_loop().time() + seconds)
        closing.refusals += 1

    def rows(self) -> list[dict[str, Any]]:
        """The limits that are kept, and those that refusals told of."""
        rows = {(row["what"], row["interval"]): row for row in self._kept()}
        for (what, interval), closing in self._closings.items():
            name = interval or "second"
            row = rows.setdefault((what, name), {"what": what, "interval": name, "closed_until": 0.0})
            row |= {"refusals": closing.refusals, "closed_until": max(row["closed_until"], closing.until)}
        return [row | {"closed_until": _instant(row["closed_until"])} for row in rows.values()]

    def _put(self, what: str, count: int, now: int) -> Delay | None:
        window = self._windows[what]
        # more than a minute may have at all goes when the minute is empty: the service says what it thinks of that
        item = self._item("", now, min(count, window.rates[0].limit))
        window.leak(now)
        if window.put(item):
            return None
        return max(
            Delay((_room_at(window, rate, item.weight) - now) / SECOND_MS, what, INTERVALS[rate.interval])
            for rate in window.rates
        )

    def _kept(self) -> Iterator[dict[str, Any]]:
        now = int(asyncio.get_running_loop().time() * SECOND_MS)
        for what, window in self._windows.items():
            for rate in window.rates:
                used = len(window.items) - bisect_left(window.items, now - rate.interval, key=_timestamp)
                yield {
                    "what": what,
                    "interval": INTERVALS[rate.interval] or "second",
                    "most": rate.limit,
                    "used": used,
                    "left": rate.limit - used,
                    "closed_until": _room_at(window, rate, 1) / SECOND_MS,
                    "refusals": 0,
                }


# kept as long as the process: what a client has used up of a day is used up for the next one, too
_accounts: dict[bytes, AccountUsage] = {}


def usage_of(*account: str) -> AccountUsage:
    """The limits of an account, told apart by address, token and the like, of which only a digest is kept."""
    return _accounts.setdefault(hashlib.sha256("\n".join(account).encode()).digest(), AccountUsage())


def _counted(call: str) -> str:
    """What the service's quotas of a minute and more count: objects made, or the calls of one method and path."""
    return COUNTED.get(call, call)


def _room_at(window: InMemoryBucket, rate: Rate, count: int) -> int:
    """When a rate has room for so many, in milliseconds of the loop's clock; 0 when it always had."""
    position = len(window.items) - 1 - (rate.limit - count)
    # a millisecond more, because a window counts what is as old as its interval
    return window.items[position].timestamp + rate.interval + 1 if position >= 0 else 0


def _instant(until: float) -> datetime | None:
    """An instant of the loop's clock by the calendar; None when it is over."""
    seconds = until - asyncio.get_running_loop().time()
    return datetime.now(UTC) + timedelta(seconds=seconds) if seconds > 0 else None


def _timestamp(item: RateItem) -> int:
    return item.timestamp
