"""Wait until Tolokers have completed pools, with a card of how far they are."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, overload

from toloka_frames._client.pool_progress import (
    STATES,
    Figures,
    TimeLeft,
    check_client,
    check_every,
    check_pool_ids,
    check_timeout,
    describe,
    fetch_figures,
    fetch_pools,
    figures_text,
    format_seconds,
    is_refusal,
    no_answer,
    numbers_text,
    pool_failed,
    pool_title,
    state_of,
    without_old_percents,
)
from toloka_frames._errors import PoolTimeout, TolokaError
from toloka_frames._errors.tracebacks import first_line
from toloka_frames._runtime import cards
from toloka_frames._runtime.displays import show_while_waiting
from toloka_frames._runtime.event_loop import public_class, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import timedelta

    from toloka_frames._client.client import BaseClient
    from toloka_frames._client.pool_progress import PoolIds
    from toloka_frames._runtime.cards import State
    from toloka_frames._runtime.displays import DisplayName
    from toloka_frames._schema.row import Row
    from toloka_frames._transport.http import ApiClient
    from toloka_frames._transport.operations import Timeout
    from toloka_frames._validation import Id

MAX_NAMED = 5  # pools in a message
# when all pools are closed, the last statistics are worth a moment, and no more
LAST_FIGURES_SECONDS = 5.0
STOPPED = "Stopped waiting. Tolokers continue to work; client.close_pool(pool_id) closes a pool."
WaitProgressArg: TypeAlias = "DisplayName | Callable[[PoolProgress], object]"


@overload
def wait_pool(  # type: ignore[overload-overlap]  # text is an iterable of text, too
    client: BaseClient,
    pool_ids: Id,
    *,
    every: float | timedelta = 60.0,
    timeout: Timeout = None,
    progress: WaitProgressArg = "auto",
) -> Row: ...
@overload
def wait_pool(
    client: BaseClient,
    pool_ids: Iterable[Id],
    *,
    every: float | timedelta = 60.0,
    timeout: Timeout = None,
    progress: WaitProgressArg = "auto",
) -> list[Row]: ...
def wait_pool(
    client: BaseClient,
    pool_ids: PoolIds,
    *,
    every: float | timedelta = 60.0,
    timeout: Timeout = None,
    progress: WaitProgressArg = "auto",
) -> Row | list[Row]:
    """Wait until Tolokers have completed a pool, or several, and show how far they are.

    Open the pool before, with `client.open_pool(pool_id)`. The wait ends when the pool is closed because it is complete, or
    because its owner has closed it (`last_close_reason` COMPLETED or MANUAL). A pool that is closed for editing is waited for:
    the service opens it again. Stop (Ctrl+C) ends the wait, not the work: the pool stays open.

    At the beginning every error is raised. Later, a lost connection or a failure of the service does not end the wait, however
    long it lasts: the card shows it. An error that the service sends for the request itself, such as 401 or 404, is raised.

    Each time, the status of each open pool is requested, and where progress is shown also its statistics: percentage,
    submitted and accepted assignments, US dollars spent. The time left is estimated from the last ten points of the percentage.

    Args:
        client: A client of the account.
        pool_ids: A pool: its id or the pool. Or a list of these, for example a scan of pools or a DataFrame with a column `id`.
        every: Seconds between two requests for the status, at least 1, or a timedelta.
        timeout: Maximum seconds to wait, or a timedelta; None waits without a limit.
        progress: "auto", "notebook", "text", "log", False or a callable that gets a `tf.PoolProgress`.

    Returns:
        The pool as it is then; for a list a list, in its order.

    Raises:
        PoolFailed: If a pool is closed for another reason (NOT_ENOUGH_BALANCE, EXPIRED, BLOCKED, ASSIGNMENTS_LIMIT_EXCEEDED or
            an unknown one), or was never opened. Raised at once, also if other pools are still open.
        PoolTimeout: If a pool is not completed in time; Tolokers continue to work on it.
        InputError: If an argument is not valid; nothing was sent.
        NotFound: If a pool does not exist.

    Example:
        >>> tf.wait_pool(client, pool, progress=False).last_close_reason
        'COMPLETED'

    Source: Toloka API, "Get pool by ID"; Toloka-Kit 1.2.3 for the statistics.
    """
    check_client(client)
    ids, is_list = check_pool_ids(pool_ids)
    try:
        pools = run(waited_pools(client, ids, every, timeout, progress))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(STOPPED) from None
    return pools if is_list else pools[0]


async def waited_pools(
    client: BaseClient, pool_ids: Sequence[str], every: float | timedelta, timeout: Timeout, progress: WaitProgressArg
) -> list[Row]:
    """Wait until pools are completed and return them, in the order of the ids; arguments and errors as in `wait_pool`."""
    seconds = check_timeout(timeout)
    wait = PoolWait(client.service, pool_ids, check_every(every))
    return await wait.result(seconds, progress)


class PoolWait:
    """The pools of a wait, as far as the service has shown them.

    Args:
        service: The API of the account.
        pool_ids: The pools.
        every: Seconds between two requests for the status.
    """

    def __init__(self, service: ApiClient, pool_ids: Sequence[str], every: float) -> None:
        self._service = service
        self._ids = pool_ids
        self._every = every
        self._clock = asyncio.get_running_loop().time
        self._began = self._answered = self._clock()
        self._pools: dict[str, Row] = {}
        self._figures: dict[str, Figures] = {}
        self._left = {pool_id: TimeLeft() for pool_id in pool_ids}
        self._wants_figures = True
        self._state: State = "running"
        self._ended: float | None = None
        self._note = ""

    async def result(self, timeout: float | None, progress: WaitProgressArg) -> list[Row]:
        """Wait and return the pools; arguments and errors as in `wait_pool`."""
        self._wants_figures = progress is not False
        show_while_waiting(progress, self.report)
        with self._ending():
            await self._within(timeout)
        return [self._pools[pool_id] for pool_id in self._ids]

    def report(self) -> PoolProgress:
        """Return how far the pools are now; called from the thread that draws."""
        now = self._ended or self._clock()
        pools = [self._line(pool_id, pool, now) for pool_id, pool in list(self._pools.items())]
        return PoolProgress(self._state, now - self._began, now - self._answered, tuple(pools), self._note)

    def _line(self, pool_id: str, pool: Row, now: float) -> PoolLine:
        left = self._left[pool_id].seconds(now) if state_of(pool) == "open" else None
        return PoolLine(pool, self._figures.get(pool_id, Figures()), left)

    @contextmanager
    def _ending(self) -> Iterator[None]:
        """Keep how the block ends for the last report."""
        try:
            yield
        except TolokaError as error:
            self._end("failed", first_line(error))
            raise
        except BaseException as error:
            self._end("failed" if isinstance(error, Exception) else "stopped", STOPPED)
            raise
        else:
            self._end("done", "")

    def _end(self, state: State, note: str) -> None:
        self._note, self._ended, self._state = note, self._clock(), state

    async def _within(self, timeout: float | None) -> None:
        try:
            async with asyncio.timeout(timeout):
                await self._until_closed()
        except TimeoutError:
            raise self._timed_out(timeout) from None

    def _timed_out(self, timeout: float | None) -> PoolTimeout:
        pool_ids = self._open_ids()
        return PoolTimeout(
            f"Not complete after {format_seconds(timeout or 0.0)}: {named(pool_ids)}.",
            pool_ids=pool_ids,
            hint="Tolokers continue to work: call tf.wait_pool again to wait longer.",
        )

    async def _until_closed(self) -> None:
        await self._look()
        while self._open_ids():
            await asyncio.sleep(self._every)
            await self._look()

    def _open_ids(self) -> list[str]:
        return [pool_id for pool_id in self._left if pool_id not in self._pools or state_of(self._pools[pool_id]) == "open"]

    async def _look(self) -> None:
        """Request the pools that were open; raise an error if one of them will not be completed."""
        found, error = await fetch_pools(self._service, self._open_ids(), is_first=not self._pools)
        self._note = no_answer(error) if error else ""
        if not error:
            self._answered = self._clock()
        self._figures = without_old_percents(self._figures, self._pools, found)
        self._pools = {pool_id: (self._pools | found)[pool_id] for pool_id in self._left}
        if failed := [pool for pool in found.values() if state_of(pool) == "failed"]:
            raise pool_failed(failed[0])
        if self._wants_figures and found:
            await self._add_figures(list(found))

    async def _add_figures(self, pool_ids: Sequence[str]) -> None:
        seconds = self._every if self._open_ids() else LAST_FIGURES_SECONDS
        try:
            figures = await fetch_figures(self._service, pool_ids, seconds)
        except TolokaError as error:
            # a refusal stays one; after a failure, the next attempt may succeed
            self._wants_figures = not is_refusal(error)
            return
        self._figures |= figures
        for pool_id, known in figures.items():
            self._left[pool_id].add(self._clock(), known.percent)


@dataclass(frozen=True)
class PoolLine:
    """A pool on the card.

    Attributes:
        pool: The pool, as in the API.
        figures: Its statistics, as far as they are known.
        seconds_left: The seconds until it is complete, estimated; None if unknown, and for a pool that is closed.
    """

    pool: Row
    figures: Figures
    seconds_left: float | None

    def text(self) -> str:
        """Return the statistics in words."""
        return " · ".join([*numbers_text(self.pool, self.figures), *left_text(self.seconds_left)])

    def blocks(self) -> Iterator[str]:
        """Yield the HTML of the pool."""
        state, percent = STATES[state_of(self.pool)], self.figures.percent
        yield cards.line(f"{pool_title(self.pool)}: {describe(self.pool)}", strong=True)
        if percent is not None:
            yield cards.bar(percent / 100, state)
        if text := self.text():
            yield cards.line(text)


@public_class
@dataclass(frozen=True)
class PoolProgress:
    """How far the pools are that are waited for.

    Attributes:
        state: "running", "done", "failed" or "stopped".
        seconds: Seconds since the waiting began.
        age: Seconds since the service last sent the status of every pool.
        pools: The pools, in the order given; empty until the first answer.
        note: A remark, or "".

    Example:
        >>> reports = []
        >>> pools = tf.wait_pool(client, [pool], progress=reports.append)
        >>> str(reports[-1]).partition(" · ")[0] == f"pool {pool.id}: complete"
        True
    """

    state: State
    seconds: float
    age: float
    pools: tuple[PoolLine, ...]
    note: str

    def __str__(self) -> str:
        # a narrow terminal leaves out the last parts
        head, *numbers = [*self._summary(), ""]
        return " · ".join(filter(None, [head, *self._silence(), *numbers, self._waited(), self.note]))

    def _repr_html_(self) -> str:
        blocks = [block for pool in self.pools for block in pool.blocks()]
        note = [cards.line(self.note)] if self.note else []
        return cards.card(self.state, *blocks, *note, cards.line(" · ".join([self._waited(), *self._silence()]), muted=True))

    def _summary(self) -> Iterator[str]:
        if len(self.pools) == 1:
            yield f"pool {self.pools[0].pool.get('id')}: {describe(self.pools[0].pool)}"
            yield self.pools[0].text()
        elif self.pools:
            states = [state_of(pool.pool) for pool in self.pools]
            counts = {"open": states.count("open"), "complete": states.count("done"), "failed": states.count("failed")}
            yield f"{len(states)} pools: {', '.join(f'{count} {name}' for name, count in counts.items() if count)}"
            yield self._totals()

    def _totals(self) -> str:
        """Return the sums of the statistics, and the time that the slowest pool needs."""
        known = [pool.figures for pool in self.pools]
        sums = Figures(
            None, *(_sum(getattr(figures, name) for figures in known) for name in ("submitted", "accepted", "spent"))
        )
        left = [pool.seconds_left for pool in self.pools if pool.seconds_left is not None]
        return " · ".join([*figures_text(sums), *left_text(max(left, default=None))])

    def _waited(self) -> str:
        if self.state != "running":
            return f"waited {format_seconds(self.seconds)}"
        age = f" · status {format_seconds(self.age)} ago" if self.pools and not self.note else ""
        return f"waiting for {format_seconds(self.seconds)}{age}"

    def _silence(self) -> list[str]:
        return [f"no answer for {format_seconds(self.age)}"] if self.note and self.state == "running" else []


def named(pool_ids: Sequence[str]) -> str:
    """Return the first ids, with the number of the others."""
    more = f" and {len(pool_ids) - MAX_NAMED:,} more" if len(pool_ids) > MAX_NAMED else ""
    return f"pool{'s' if len(pool_ids) > 1 else ''} {', '.join(pool_ids[:MAX_NAMED])}{more}"


def left_text(seconds: float | None) -> list[str]:
    """Return the time left in words, as a list that is empty if it is unknown."""
    return [] if seconds is None else [f"about {format_seconds(seconds)} left"]


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
