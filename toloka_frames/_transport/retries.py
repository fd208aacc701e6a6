"""Retry policy: whether to retry a failed attempt, and after how long."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from toloka_frames._errors import ApiError, ConfigurationError, ConnectionFailed, QuotaExceeded
from toloka_frames._runtime.current_tracker import SERVICE, current_progress
from toloka_frames._runtime.event_loop import public_class

if TYPE_CHECKING:
    from tenacity import AsyncRetrying, RetryCallState

Interval: TypeAlias = Literal["MIN", "HOUR", "DAY"]

INTERVAL_SECONDS = {"MIN": 60.0, "HOUR": 3_600.0, "DAY": 86_400.0}


@public_class
@dataclass(frozen=True)
class Retries:
    """How often and for what a request is repeated.

    Attributes:
        attempts: Attempts in all, at least 1. Between them the client waits with exponential backoff and full jitter (up to
            0.5 s, 1 s, 2 s ... 30 s), and at least for the time in the service's Retry-After header; if that is longer than
            the longest interval of `wait_for`, the error is raised at once.
        wait_for: Quotas whose end is waited for (`payload.interval` of a 429, Toloka-Kit 1.2.3 `retry_quotas`): "MIN", "HOUR"
            and "DAY". A 429 of any other quota raises `QuotaExceeded` at once.

    Example:
        >>> patient = tf.Retries(attempts=10, wait_for=("MIN", "HOUR"))
        >>> client = tf.TolokaClient(toloka.token, url=toloka.url, retries=patient)
    """

    attempts: int = 5
    wait_for: tuple[Interval, ...] = ("MIN",)

    def __post_init__(self) -> None:
        if not isinstance(self.attempts, int) or self.attempts < 1:
            raise ConfigurationError(f"retries={self.attempts!r}: the number of attempts is at least 1.")
        if unknown := set(self.wait_for) - set(INTERVAL_SECONDS):
            raise ConfigurationError(f"wait_for={sorted(unknown)!r}: the service's quotas are per MIN, HOUR or DAY.")


def retrying(retries: Retries, *, repeatable: bool) -> AsyncRetrying:
    """Return the attempts of a request: they end with a success, or with an error that another attempt does not mend."""
    import tenacity  # noqa: PLC0415 -- it looks for Tornado, which takes long, and only a request pays for it

    backoff = tenacity.wait_random_exponential(multiplier=0.5, max=30)
    return tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(lambda error: _may_repeat(error, repeatable, retries)),
        wait=lambda state: max(_retry_after(state), backoff(state)),
        stop=tenacity.stop_after_attempt(retries.attempts),
        sleep=_pause,
        reraise=True,
    )


def waits_for(retries: Retries, interval: str | None, seconds: float) -> bool:
    """Return whether to wait `seconds` for the end of a quota of an interval (None: of a second)."""
    patience = max((INTERVAL_SECONDS[name] for name in retries.wait_for), default=INTERVAL_SECONDS["MIN"])
    # a second more, because intervals end a moment late
    return seconds < patience + 1.0 and (interval is None or interval in retries.wait_for)


def _may_repeat(error: BaseException, repeatable: bool, retries: Retries) -> bool:
    if isinstance(error, QuotaExceeded):
        return waits_for(retries, error.interval, error.retry_after or 0.0)
    if isinstance(error, ApiError):
        return error.retryable and repeatable and waits_for(retries, None, error.retry_after or 0.0)
    # where a second attempt could do harm, a lost response is an OutcomeUnknown
    return isinstance(error, ConnectionFailed)


def _retry_after(state: RetryCallState) -> float:
    """Return how many seconds the service wants no other attempt."""
    error = state.outcome.exception() if state.outcome else None
    # the end of a quota is waited for by the rate limiter, which every request passes
    wait = error.retry_after if isinstance(error, ApiError) and not isinstance(error, QuotaExceeded) else None
    return wait or 0.0


async def _pause(seconds: float) -> None:
    progress = current_progress()
    progress.retries += 1
    with progress.wait(SERVICE, seconds):
        await asyncio.sleep(seconds)
