"""A try that failed comes in; whether there is another one, and after how long, goes out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toloka_frames._errors import ApiError, ConfigurationError, ConnectionFailed, QuotaExceeded
from toloka_frames._runtime.progress import current_progress
from toloka_frames._transport.responses import INTERVAL_SECONDS, Interval

if TYPE_CHECKING:
    from tenacity import AsyncRetrying, RetryCallState


@dataclass(frozen=True)
class Retries:
    """How often and for what a request is repeated.

    Attributes:
        attempts: Tries in all, at least 1. Between them the client waits with exponential backoff and full jitter (up to 0.5 s,
            1 s, 2 s ... 30 s), and at least as long as the service's Retry-After says; where that is longer than the longest of
            `wait_for`, the error is raised at once.
        wait_for: Quotas whose end is waited for (`payload.interval` of a 429, Toloka-Kit 1.2.3 `retry_quotas`): "MIN" is a
            minute, "HOUR" and "DAY" as much. Another quota raises `QuotaExceeded` at once.
    """

    attempts: int = 5
    wait_for: tuple[Interval, ...] = ("MIN",)

    def __post_init__(self) -> None:
        if not isinstance(self.attempts, int) or self.attempts < 1:
            raise ConfigurationError(f"retries={self.attempts!r}: tries are counted from 1.")
        if unknown := set(self.wait_for) - set(INTERVAL_SECONDS):
            raise ConfigurationError(f"wait_for={sorted(unknown)!r}: the service's quotas are of a MIN, an HOUR or a DAY.")


def retrying(retries: Retries, *, repeatable: bool) -> AsyncRetrying:
    """Calls a coroutine function until it succeeds, or fails in a way that another try does not mend."""
    import tenacity  # noqa: PLC0415 -- it looks for Tornado, which takes long, and only a request pays for it

    backoff = tenacity.wait_random_exponential(multiplier=0.5, max=30)
    return tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(lambda error: _may_repeat(error, repeatable, retries)),
        wait=lambda state: max(_told(state), backoff(state)),
        stop=tenacity.stop_after_attempt(retries.attempts),
        sleep=_pause,
        reraise=True,
    )


def waits_for(retries: Retries, interval: str | None, seconds: float) -> bool:
    """Whether the end of a quota of an interval (None: of a second) is waited for, when it is so many seconds away."""
    patience = max((INTERVAL_SECONDS[each] for each in retries.wait_for), default=INTERVAL_SECONDS["MIN"])
    # a second more, because windows end a moment late
    return seconds < patience + 1.0 and (interval is None or interval in retries.wait_for)


def _may_repeat(error: BaseException, repeatable: bool, retries: Retries) -> bool:
    if isinstance(error, QuotaExceeded):
        return waits_for(retries, error.interval, error.retry_after or 0.0)
    if isinstance(error, ApiError):
        return error.retryable and repeatable and waits_for(retries, None, error.retry_after or 0.0)
    # where a second try could do harm, the error of a lost answer is OutcomeUnknown
    return isinstance(error, ConnectionFailed)


def _told(state: RetryCallState) -> float:
    """For how many seconds the service wants no other try."""
    error = state.outcome.exception() if state.outcome else None
    # the end of a quota is waited for where all requests pass it
    told = error.retry_after if isinstance(error, ApiError) and not isinstance(error, QuotaExceeded) else None
    return told or 0.0


async def _pause(seconds: float) -> None:
    meter = current_progress()
    meter.retries += 1
    with meter.wait("the service", seconds):
        await asyncio.sleep(seconds)
