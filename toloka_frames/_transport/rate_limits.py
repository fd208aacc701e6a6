"""Wait until the service's rate limits allow a request.

Usage is counted in sliding windows, one set for each account in a process, so that limits are kept before they are exceeded.
If the service rejects a request all the same (429), every client of the account waits.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from toloka_frames._runtime.current_tracker import CURRENT, QUOTA, current_progress
from toloka_frames._transport.responses import used_up
from toloka_frames._transport.retries import Retries, waits_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from toloka_frames._errors import QuotaExceeded
    from toloka_frames._runtime.progress import Quota
    from toloka_frames._transport.auth import TokenAuth

SECOND_MS, MINUTE_MS, DAY_MS = 1_000, 60_000, 86_400_000
INTERVALS = {SECOND_MS: None, MINUTE_MS: "MIN", DAY_MS: "DAY"}

# Toloka API, "Rate limiting": 300 requests a second. For tasks its pages say 200,000 a minute and 4,000,000 a day, and
# Toloka-Kit 1.2.3 says half of that; the lower figures are safe under both.
CREATIONS = ((100_000, MINUTE_MS), (2_000_000, DAY_MS))
REQUESTS_PER_SECOND = 300
RATES = {"requests": ((REQUESTS_PER_SECOND, SECOND_MS),), "tasks": CREATIONS, "task suites": CREATIONS}
COUNTED = {"POST /v1/tasks": "tasks", "POST /v1/task-suites": "task suites"}


class RateLimiter(NamedTuple):
    """The rate limits of an account, as one of its clients keeps them.

    Attributes:
        token: The account's token, of which only a digest is used.
        url: Host.
        acts_under: The id of the account that shared its access, or "".
        retries: How long to wait for the end of a limit.
        workers: The number of processes that send requests at the same time. Each counts a request for all of them, and so
            keeps to its share.
    """

    token: TokenAuth
    url: str
    acts_under: str
    retries: Retries
    workers: int = 1

    async def request(self, call: str) -> None:
        """Wait until one more request of this method and path is allowed.

        Raises:
            QuotaExceeded: If that takes longer than the client may wait.
        """
        await self._use("requests", self.workers, _counted_as(call))

    async def objects(self, what: str, count: int) -> None:
        """Wait until `count` more "tasks" or "task suites" are allowed; errors as in `request`."""
        usage, progress = await self.usage(), CURRENT.get()
        if progress is not None:
            progress.use_quota(usage.last_minute(what))  # before it is waited for
        await self._use(what, count, what)
        if progress is not None:
            progress.use_quota(usage.last_minute(what), count)

    async def record_rejection(self, call: str, error: QuotaExceeded) -> None:
        """Make all clients of the account wait for the time in a rejection (429)."""
        # no source gives an interval or a time for 300 a second: a 429 without them is taken as that limit
        what = "requests" if error.interval is None else _counted_as(call)
        (await self.usage()).close(what, error.interval, 1.0 if error.retry_after is None else error.retry_after)

    async def frame(self) -> pd.DataFrame:
        """Return one row per limit, as documented in `client.quota()`."""
        from toloka_frames._schema.pandas_values import TEXT_DTYPE  # noqa: PLC0415 -- requests do not need it

        dtypes: dict[str, Any] = {
            "what": TEXT_DTYPE,
            "interval": TEXT_DTYPE,
            "most": "Int64",
            "used": "Int64",
            "left": "Int64",
            "closed_until": "datetime64[us, UTC]",
            "refusals": "Int64",
        }
        return pd.DataFrame((await self.usage()).rows(), columns=list(dtypes)).astype(dtypes)

    async def usage(self) -> AccountUsage:
        """Return what the account's clients in this process have used up."""
        return usage_of(await self.token.digest(), self.url, self.acts_under)

    async def _use(self, what: str, count: int, counted_as: str) -> None:
        usage = await self.usage()
        while (delay := usage.use(what, count, counted_as)) is not None:
            if not waits_for(self.retries, delay.interval, delay.seconds):
                raise used_up(delay.what, delay.interval, delay.seconds)
            with current_progress().wait(QUOTA, delay.seconds):
                await asyncio.sleep(delay.seconds)


class Delay(NamedTuple):
    """How long a limit holds a request back, and which limit."""

    seconds: float
    what: str
    interval: str | None


class QuotaClosure:
    """A limit that the service has reported as used up.

    Attributes:
        until: When it ends, on the event loop's clock.
        refusals: The number of rejections.
    """

    def __init__(self) -> None:
        self.until, self.refusals = 0.0, 0


class Window:
    """How much of a limit was used in the latest interval; all times are milliseconds of the loop's clock.

    Attributes:
        limit: The most in an interval.
        interval: The length of an interval.
        used: How much is used, since the last `forget`.
    """

    def __init__(self, limit: int, interval: int) -> None:
        self.limit, self.interval, self.used = limit, interval, 0
        self._uses = deque[tuple[int, int]]()

    def forget(self, now: int) -> None:
        """Forget what is older than the interval."""
        while self._uses and self._uses[0][0] < now - self.interval:
            self.used -= self._uses.popleft()[1]

    def add(self, now: int, count: int) -> None:
        """Use up `count`."""
        self._uses.append((now, count))
        self.used += count

    def time_with_capacity(self, count: int) -> int:
        """Return when there is capacity for `count`; 0 if there is now."""
        excess = self.used + count - self.limit
        for at, released in self._uses if excess > 0 else ():
            excess -= released
            if excess <= 0:
                # a millisecond more, because a window still counts what is as old as its interval
                return at + self.interval + 1
        return 0

    def releases(self, now: int) -> tuple[tuple[float, int], ...]:
        """Return in how many seconds how much of the limit will be free again."""
        by_time = groupby(self._uses, key=lambda use: use[0])
        return tuple(((at + self.interval - now) / SECOND_MS, sum(count for _, count in uses)) for at, uses in by_time)


class AccountUsage:
    """What an account has used up of its limits, counted over all its clients in this process."""

    def __init__(self) -> None:
        self._windows = {what: [Window(*rate) for rate in rates] for what, rates in RATES.items()}
        self._closures: dict[tuple[str, str | None], QuotaClosure] = {}

    def use(self, what: str, count: int, counted_as: str) -> Delay | None:
        """Use up `count` of a limit, or return what holds the request back.

        Args:
            what: The limit.
            count: How much of it the request uses.
            counted_as: The quota that a rejection of this request would close.
        """
        now = asyncio.get_running_loop().time()
        closed = [
            Delay(closure.until - now, name, interval)
            for (name, interval), closure in self._closures.items()
            if name in (what, counted_as) and closure.until > now
        ]
        return _longest(closed) if closed else self._put(what, count, int(now * SECOND_MS))

    def close(self, what: str, interval: str | None, seconds: float) -> None:
        """Allow nothing for `seconds`."""
        closure = self._closures.setdefault((what, interval), QuotaClosure())
        closure.until = max(closure.until, asyncio.get_running_loop().time() + seconds)
        closure.refusals += 1

    def last_minute(self, what: str) -> Quota:
        """Return how much of a minute's limit is used."""
        from toloka_frames._runtime.progress import Quota  # noqa: PLC0415 -- most requests report nothing

        now = self._now()
        minute = next(window for window in self._windows_at(what, now) if window.interval == MINUTE_MS)
        return Quota(what, minute.used, minute.limit, minute.releases(now))

    def rows(self) -> list[dict[str, Any]]:
        """Return the limits that are counted, and those that rejections reported."""
        rows = {(row["what"], row["interval"]): row for row in self._counted()}
        for (what, interval), closure in self._closures.items():
            name = interval or "second"
            row = rows.setdefault((what, name), {"what": what, "interval": name, "closed_until": 0.0})
            row |= {"refusals": closure.refusals, "closed_until": max(row["closed_until"], closure.until)}
        return [row | {"closed_until": _calendar_time(row["closed_until"])} for row in rows.values()]

    def _put(self, what: str, count: int, now: int) -> Delay | None:
        windows = self._windows_at(what, now)
        # a request of more than a minute's limit is sent when the minute is empty: the service then decides
        count = min(count, windows[0].limit)
        if all(window.used + count <= window.limit for window in windows):
            for window in windows:
                window.add(now, count)
            return None
        times = {INTERVALS[window.interval]: window.time_with_capacity(count) for window in windows}
        return _longest(Delay((at - now) / SECOND_MS, what, interval) for interval, at in times.items())

    def _counted(self) -> Iterator[dict[str, Any]]:
        now = self._now()
        for what in self._windows:
            for window in self._windows_at(what, now):
                yield {
                    "what": what,
                    "interval": INTERVALS[window.interval] or "second",
                    "most": window.limit,
                    "used": window.used,
                    "left": window.limit - window.used,
                    "closed_until": window.time_with_capacity(1) / SECOND_MS,
                    "refusals": 0,
                }

    def _windows_at(self, what: str, now: int) -> list[Window]:
        for window in self._windows[what]:
            window.forget(now)
        return self._windows[what]

    def _now(self) -> int:
        return int(asyncio.get_running_loop().time() * SECOND_MS)


# Kept as long as the process: what one client has used up of a day is used up for the next one, too.
_accounts: dict[bytes, AccountUsage] = {}


def usage_of(*account: str) -> AccountUsage:
    """Return the usage of an account, identified by a digest of its token's digest, host and shared account."""
    key = hashlib.sha256("\n".join(account).encode()).digest()
    # made for the first request only
    return _accounts.get(key) or _accounts.setdefault(key, AccountUsage())


def seconds_for(what: str | None, count: int, requests: int) -> float:
    """Return the seconds in which the limits allow some requests that create `count` objects, if nothing else is sent.

    Args:
        what: The limit of the objects: "tasks" or "task suites"; None if there is none.
        count: The number of objects.
        requests: The number of requests.
    """
    used = [(count, rate) for rate in RATES.get(what or "", ())] + [(requests, rate) for rate in RATES["requests"]]
    # the first interval's share can be sent at once
    return max(max(number - 1, 0) // most * interval / SECOND_MS for number, (most, interval) in used)


def _longest(delays: Iterable[Delay]) -> Delay:
    return max(delays, key=lambda delay: delay.seconds)


def _counted_as(call: str) -> str:
    """Return what the service's quotas per minute and longer count: objects created, or the calls of one method and path."""
    return COUNTED.get(call, call)


def _calendar_time(until: float) -> datetime | None:
    """Convert a time of the loop's clock; None if it has passed."""
    seconds = until - asyncio.get_running_loop().time()
    return datetime.now(UTC) + timedelta(seconds=seconds) if seconds > 0 else None
