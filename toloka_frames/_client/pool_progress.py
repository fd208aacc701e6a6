"""What the service says of a pool while Tolokers work on it: its status, statistics, and the time left."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import pandas as pd

from toloka_frames._client.client import BaseClient
from toloka_frames._client.pools import read_analytics, start_analytics
from toloka_frames._errors import ApiError, ConnectionFailed, InputError, PoolFailed, TolokaError
from toloka_frames._errors.tracebacks import first_line
from toloka_frames._transport.operations import OperationPoller, in_seconds
from toloka_frames._transport.responses import bad_answer
from toloka_frames._validation import id_text, path_part, seconds_or_none, validate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from toloka_frames._runtime.cards import State
    from toloka_frames._schema.row import Row
    from toloka_frames._transport.http import ApiClient
    from toloka_frames._transport.operations import Timeout
    from toloka_frames._validation import Id

PoolIds: TypeAlias = "Id | Iterable[Id]"
PoolState: TypeAlias = Literal["open", "done", "failed"]

MIN_EVERY_SECONDS = 1.0
# statistics of one request (Toloka-Kit 1.2.3, get_analytics)
MAX_STATISTICS = 10
STATISTICS = ("completion_percentage", "submitted_assignments_count", "approved_assignments_count", "spent_budget")
# statistics only decorate, so they never delay the next look at the status for long
MAX_STATISTICS_SECONDS = 20.0
# The percentage is a whole number. A rise by two points is the least that gives a rate, and the rate over the last ten follows
# the crowd, which is quicker by day than by night.
MIN_RISE, MAX_RISE = 2.0, 10.0
FULL = 100.0
MAX_NAME = 40  # characters of a pool's name on a card
STATES: dict[str, State] = {"open": "running", "done": "done", "failed": "failed"}

DONE_REASONS = {"COMPLETED": "complete", "MANUAL": "closed by its owner"}
# what each reason means (Toloka API, "Get pool by ID"), and what to do about it
FAILURES: dict[str, tuple[str, str]] = {
    "NOT_ENOUGH_BALANCE": (
        "the account ran out of money",
        "Pay money into the account, then open the pool again: client.open_pool({id!r}).",
    ),
    "EXPIRED": (
        "its will_expire has passed",
        "Give it a later will_expire with client.update_pool, then open it again: client.open_pool({id!r}).",
    ),
    "BLOCKED": ("Toloka has blocked the account", "Ask Toloka's support."),
    "ASSIGNMENTS_LIMIT_EXCEEDED": (
        "it has reached the limit of assignments",
        "A clone of the pool takes the remaining tasks: client.clone_pool({id!r}).",
    ),
}


@dataclass(frozen=True)
class Figures:
    """Statistics of a pool, as the service computes them; None for those that it has not sent.

    Attributes:
        percent: Tasks completed, 0 to 100, approximately.
        submitted: Assignments submitted.
        accepted: Assignments accepted.
        spent: US dollars spent.
    """

    percent: float | None = None
    submitted: float | None = None
    accepted: float | None = None
    spent: float | None = None


def without_old_percents(
    figures: Mapping[str, Figures], pools: Mapping[str, Row], found: Mapping[str, Row]
) -> dict[str, Figures]:
    """Return statistics without the percentages of pools that were closed after they were computed.

    Args:
        figures: The statistics.
        pools: The pools when they were computed.
        found: The pools now.
    """
    closed = [pool_id for pool_id, pool in found.items() if pool_id in figures and pool["status"] != pools[pool_id]["status"]]
    return dict(figures) | {pool_id: replace(figures[pool_id], percent=None) for pool_id in closed}


def check_client(client: Any) -> None:
    """Check that an argument is a client.

    Raises:
        InputError: If it is not.
    """
    if not isinstance(client, BaseClient):
        raise InputError(
            f"client is a {type(client).__name__}, not a TolokaClient or AsyncTolokaClient.",
            column="client",
            hint="The order of the arguments is client, pool_ids.",
        )


def check_pool_ids(pool_ids: PoolIds) -> tuple[list[str], bool]:
    """Return ids as text, and whether they were given as a list; a DataFrame is the list of its column `id`.

    Raises:
        InputError: If an id is not valid, or there are none.
    """
    if isinstance(pool_ids, pd.DataFrame):
        if "id" not in pool_ids.columns:
            raise InputError("pool_ids is a DataFrame without a column 'id'.", column="pool_ids")
        pool_ids = pool_ids["id"]
    # bytes are an iterable of numbers, which would be ids of other pools
    if isinstance(pool_ids, str | bytes | bytearray | Mapping | Enum) or not isinstance(pool_ids, Iterable):
        return [id_text("pool_ids", pool_ids)], False
    ids = [id_text("pool_ids", pool_id) for pool_id in pool_ids]
    if not ids:
        raise InputError("pool_ids has no ids.", column="pool_ids")
    return ids, True


def check_every(every: float | timedelta) -> float:
    """Return the seconds between two polls.

    Raises:
        InputError: If it is not a number of seconds, or less than a second.
    """
    seconds = in_seconds(every)
    if seconds is None or float(validate("every", seconds_or_none, seconds)) < MIN_EVERY_SECONDS:
        raise InputError(f"every={every!r}: a number of seconds from {MIN_EVERY_SECONDS:g} is needed.", column="every")
    return float(seconds)


def check_timeout(timeout: Timeout) -> float | None:
    """Return a limit in seconds; None for no limit.

    Raises:
        InputError: If it is not a number of seconds above 0.
    """
    seconds = in_seconds(timeout)
    validate("timeout", seconds_or_none, seconds)
    return seconds


async def fetch_pools(
    service: ApiClient, pool_ids: Sequence[str], *, is_first: bool
) -> tuple[dict[str, Row], TolokaError | None]:
    """Request pools at the same time; return those that were received, and an error that is waited out.

    Raises:
        TolokaError: If the next request would fail too; for the first request if it fails.
    """
    answers = await asyncio.gather(*(_fetch_pool(service, pool_id) for pool_id in pool_ids), return_exceptions=True)
    errors = [answer for answer in answers if isinstance(answer, BaseException)]
    for error in errors:
        if is_first or not is_temporary(error):
            raise error
    found = {pool_id: answer for pool_id, answer in zip(pool_ids, answers, strict=True) if isinstance(answer, dict)}
    return found, next((error for error in errors if isinstance(error, TolokaError)), None)


async def _fetch_pool(service: ApiClient, pool_id: str) -> Row:
    pool = await service.get(f"/v1/pools/{validate('pool_id', path_part, pool_id)}")
    if not isinstance(pool.get("status"), str):
        raise bad_answer(200, pool, "a pool with its status was expected")
    return pool


async def fetch_figures(service: ApiClient, pool_ids: Sequence[str], seconds: float) -> dict[str, Figures]:
    """Return statistics of pools by their ids; without those that cannot be had in time.

    Raises:
        TolokaError: If the service refuses to compute them.
    """
    size = MAX_STATISTICS // len(STATISTICS)
    parts = [pool_ids[start : start + size] for start in range(0, len(pool_ids), size)]
    figures: dict[str, Figures] = {}
    try:
        async with asyncio.timeout(min(seconds, MAX_STATISTICS_SECONDS)):
            for part in parts:
                figures |= await _fetch_part(service, part)
    except TimeoutError:
        pass
    return figures


async def _fetch_part(service: ApiClient, pool_ids: Sequence[str]) -> dict[str, Figures]:
    asked = [{"name": name, "subject": "POOL", "subject_id": pool_id} for pool_id in pool_ids for name in STATISTICS]
    async with OperationPoller(service) as poller:
        ended = await poller.ended(await start_analytics(service, asked))
    answers = iter(read_analytics(ended))
    return {pool_id: Figures(*(_number(next(answers, None)) for _ in STATISTICS)) for pool_id in pool_ids}


def _number(answer: Any) -> float | None:
    result = answer.get("result") if isinstance(answer, Mapping) else None
    value = result.get("value") if isinstance(result, Mapping) else result
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def is_temporary(error: BaseException) -> bool:
    """Return whether a later request may succeed: there was no response, or not the service itself has refused this one."""
    return isinstance(error, ConnectionFailed) or (isinstance(error, ApiError) and not is_refusal(error))


def is_refusal(error: BaseException) -> bool:
    """Return whether the service itself has refused a request, which it would do again."""
    return isinstance(error, ApiError) and not error.retryable and error.code is not None


def no_answer(error: TolokaError) -> str:
    """Return a remark on an error that is waited out."""
    return f"No answer: {first_line(error)} Trying again."


def state_of(pool: Mapping[str, Any]) -> PoolState:
    """Return whether Tolokers work on a pool, or will again without its owner; or else whether all was done that was wanted.

    A pool that is closed for editing opens by itself. One that was never opened, and one that the service has closed for
    another reason than its completion, have failed.
    """
    reason = pool.get("last_close_reason")
    if pool["status"] not in ("CLOSED", "ARCHIVED") or (pool["status"] == "CLOSED" and reason == "FOR_UPDATE"):
        return "open"
    return "done" if reason in DONE_REASONS else "failed"


def describe(pool: Mapping[str, Any]) -> str:
    """Return the state of a pool in a few words."""
    state, reason = state_of(pool), pool.get("last_close_reason")
    if state == "open":
        names = {"CLOSED": "closed for editing, the service opens it again", "LOCKED": "locked by the service"}
        return names.get(pool["status"], str(pool["status"]).lower())
    if state == "done":
        return DONE_REASONS[str(reason)]
    return _cause(pool)


def pool_failed(pool: Mapping[str, Any]) -> PoolFailed:
    """Return the error of a pool on which nobody works although it is not complete."""
    pool_id, status, reason = str(pool.get("id")), str(pool["status"]), pool.get("last_close_reason")
    if was_opened(pool):
        hint = FAILURES.get(str(reason), ("", ""))[1].format(id=pool_id)
    else:
        hint = f"Open it first: client.open_pool({pool_id!r})." if status == "CLOSED" else "An archived pool cannot be opened."
    text = f"The pool {pool_id} is {status}: {_cause(pool)}{f' ({reason})' if reason else ''}."
    return PoolFailed(text, pool_id=pool_id, status=status, reason=reason, hint=hint)


def _cause(pool: Mapping[str, Any]) -> str:
    if not was_opened(pool):
        return "it was never opened"
    return FAILURES.get(str(pool.get("last_close_reason")), ("the service does not say that it is complete", ""))[0]


def was_opened(pool: Mapping[str, Any]) -> bool:
    """Return whether a pool has been open."""
    return bool(pool.get("last_started") or pool.get("last_close_reason"))


def pool_title(pool: Mapping[str, Any]) -> str:
    """Return the name and the id of a pool."""
    # in one line, and without what moves the cursor of a terminal
    name = "".join(filter(str.isprintable, " ".join(str(pool.get("private_name") or "").split())))
    name = name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"
    return f"{name} ({pool.get('id')})" if name else f"Pool {pool.get('id')}"


class Sample(NamedTuple):
    """The percentage of a pool at a time, in seconds."""

    time: float
    percent: float


class TimeLeft:
    """Estimates when a pool will be complete, from how quickly its percentage has risen by the last ten points."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque()

    def add(self, time: float, percent: float | None) -> None:
        """Add the percentage at a time; a fall, by new tasks, begins anew."""
        if percent is None:
            return
        if self._samples and percent < self._samples[-1].percent:
            self._samples.clear()
        self._samples.append(Sample(time, percent))
        while len(self._samples) > 2 and percent - self._samples[1].percent >= MAX_RISE:  # noqa: PLR2004 -- first and last
            self._samples.popleft()

    def seconds(self, time: float) -> float | None:
        """Return the seconds left at a time; None if nothing can be said: not yet, or when all tasks are done."""
        rise = self._samples[-1].percent - self._samples[0].percent if self._samples else 0.0
        if rise < MIN_RISE or self._samples[-1].percent >= FULL:
            return None
        first, last = self._samples[0], self._samples[-1]
        ends = last.time + (FULL - last.percent) * (last.time - first.time) / rise
        return max(ends - time, 0.0)


def format_seconds(seconds: float) -> str:
    """Return a duration in words, as exact as is of use: "45 s", "12 min", "2 h 5 min", "3 days"."""
    minutes, hours = seconds / 60, seconds / 3600
    if seconds < 100:  # noqa: PLR2004
        return f"{seconds:.0f} s"
    if minutes < 100:  # noqa: PLR2004
        return f"{minutes:.0f} min"
    whole, rest = divmod(round(minutes), 60)
    return f"{whole} h {rest} min" if hours < 48 else f"{hours / 24:.0f} days"  # noqa: PLR2004


def numbers_text(pool: Mapping[str, Any], figures: Figures) -> list[str]:
    """Return the statistics of a pool that are known, in words, and when it will close if all its tasks are done."""
    delay = pool.get("auto_close_after_complete_delay_seconds")
    is_done = state_of(pool) == "open" and figures.percent is not None and figures.percent >= FULL
    closes = [f"closes {format_seconds(delay)} after its last answer"] if is_done and isinstance(delay, int) and delay else []
    return [*figures_text(figures), *closes]


def figures_text(figures: Figures) -> list[str]:
    """Return the statistics that are known, in words."""
    texts = {
        f"{figures.percent or 0:.0f} %": figures.percent,
        f"{figures.submitted or 0:,.0f} submitted": figures.submitted,
        f"{figures.accepted or 0:,.0f} accepted": figures.accepted,
        f"${figures.spent or 0:,.2f} spent": figures.spent,
    }
    return [text for text, value in texts.items() if value is not None]
