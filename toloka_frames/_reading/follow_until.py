"""When `tf.follow` ends: a condition, and after it the last look, which must not begin before late rows are visible."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

import pandas as pd

from toloka_frames._errors import InputError
from toloka_frames._runtime.event_loop import in_thread

if TYPE_CHECKING:
    from toloka_frames._transport.http import ApiClient

HINT = "One of tf.closed(pool_id), a function without arguments, a datetime with a time zone, a timedelta from now, None."


@runtime_checkable
class ServiceCondition(Protocol):
    """A condition that the service is asked for, such as `tf.closed(pool_id)`."""

    async def held_since(self, service: ApiClient) -> datetime | None:
        """Return since when the condition holds, by the service's clock; None if it does not hold."""


Until: TypeAlias = ServiceCondition | Callable[[], Any] | datetime | timedelta | None


@dataclass(frozen=True)
class Held:
    """A condition that holds.

    Attributes:
        since: Since when; by the service's clock, or by that of the event loop.
        seconds: For how long.
    """

    since: datetime | float
    seconds: float


class End:
    """Decides which look is the last one.

    Args:
        until: The condition; None never holds.
        every: Seconds between two looks.
        lag: Returns the seconds after which all rows are visible; the service may say it only with the first rows.
        service: The client that is asked.
    """

    def __init__(self, until: Until, every: float, lag: Callable[[], float], service: ApiClient) -> None:
        self._until = until
        self._every = every
        self._lag = lag
        self._service = service
        self._clock = asyncio.get_running_loop().time
        self._deadline = self._clock() + _seconds_from_now(until) if isinstance(until, datetime | timedelta) else None
        self._held_since: float | None = None

    def is_last(self, before: Held | None, after: Held | None) -> bool:
        """Return whether a look was the last one.

        Args:
            before: The condition when the look began; None if it did not hold.
            after: The same after the look: the loop's body may have opened a pool, which may have been completed again.
        """
        if before is None or after is None or before.since != after.since:
            return False
        return before.seconds >= self._lag()

    def seconds_to_next_look(self, held: Held | None) -> float:
        """Return how long to wait for the next look."""
        if held is not None:
            return min(self._every, max(self._lag() - held.seconds, 0.0))
        return self._every if self._deadline is None else min(self._every, max(self._deadline - self._clock(), 0.0))

    async def held(self) -> Held | None:
        """Return the condition; None if it does not hold."""
        if isinstance(self._until, ServiceCondition):
            since = await self._until.held_since(self._service)
            # the service's clock is known to a second, so that the end can seem to be ahead of it
            return None if since is None else Held(since, max((self._service.now() - since).total_seconds(), 0.0))
        if not await self._holds():
            self._held_since = None
            return None
        if self._held_since is None:
            self._held_since = self._clock() if self._deadline is None else self._deadline
        return Held(self._held_since, self._clock() - self._held_since)

    async def _holds(self) -> bool:
        if self._deadline is not None:
            return self._clock() >= self._deadline
        if self._until is None:
            return False
        # in a thread, because it may use a client, whose calls wait for the loop
        return _answer(await in_thread(self._until))  # type: ignore[arg-type]


def check_until(until: Any) -> None:
    """Check the `until` of a call.

    Raises:
        InputError: If it is not a condition.
    """
    if isinstance(until, datetime):
        if until.tzinfo is None or pd.isna(until):
            hint = "For example datetime.now(UTC) + timedelta(hours=8), or pd.Timestamp('2026-01-31 18:00', tz='UTC')."
            raise InputError(f"until={until!r}: a time needs a time zone.", column="until", hint=hint)
    elif isinstance(until, timedelta):
        if pd.isna(until):
            raise InputError(f"until={until!r} is not a time.", column="until", hint=HINT)
    elif inspect.iscoroutinefunction(until) or not (until is None or isinstance(until, ServiceCondition) or callable(until)):
        shown = type(until).__name__ if isinstance(until, Mapping) else repr(until)
        raise InputError(f"until={shown} is not a condition.", column="until", hint=HINT)


def _seconds_from_now(until: datetime | timedelta) -> float:
    return (until if isinstance(until, timedelta) else until - datetime.now(UTC)).total_seconds()


def _answer(value: Any) -> bool:
    if isinstance(value, Awaitable):
        if inspect.iscoroutine(value):
            value.close()
        raise InputError("until= must return True or False, and returned something to await.", column="until", hint=HINT)
    return bool(value)
