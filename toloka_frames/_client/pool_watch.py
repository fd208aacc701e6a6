"""Watch pools while other code runs: a card with charts that is updated in the background."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import pandas as pd

from toloka_frames._client.pool_answers import PoolAnswers
from toloka_frames._client.pool_progress import (
    MAX_STATISTICS_SECONDS,
    Figures,
    check_client,
    check_every,
    check_pool_ids,
    fetch_figures,
    fetch_pools,
    is_refusal,
    no_answer,
    state_of,
    was_opened,
    without_old_percents,
)
from toloka_frames._client.watch_card import WatchedPool, WatchReport
from toloka_frames._errors import TolokaError
from toloka_frames._errors.tracebacks import first_line
from toloka_frames._runtime.displays import in_notebook
from toloka_frames._runtime.event_loop import in_thread, public_class, run
from toloka_frames._runtime.line_charts import SERIES_COLOURS
from toloka_frames._runtime.live_card import LiveCard

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from toloka_frames._client.client import BaseClient
    from toloka_frames._client.pool_progress import PoolIds
    from toloka_frames._runtime.cards import State
    from toloka_frames._schema.row import Row

# the answers of a day of a large pool take longer to read; they are then shown a little later
FIRST_ANSWERS_SECONDS = 10.0
NUMBERS = {
    "percent": "float64",
    "submitted": "Int64",
    "accepted": "Int64",
    "spent": "float64",
    "answers_an_hour": "float64",
    "control_answers": "Int64",
    "control_right": "Int64",
    "control_share": "float64",
}

logger = logging.getLogger("toloka_frames")
# A cell that is run again watches the same pools again; the watch of its earlier run then ends.
_watches: WeakValueDictionary[tuple[str, frozenset[str]], Watching] = WeakValueDictionary()


def watch(client: BaseClient, pool_ids: PoolIds, *, every: float | timedelta = 60.0) -> PoolWatch:
    """Show a card of pools that is updated while other cells run: status, statistics, and charts of their work.

    The charts show answers an hour, the share of right answers to control tasks, and the rewards of the answers. The call
    returns after the first requests. From then on the card is updated in the background until every pool is closed, or until
    `.stop()`. Its last state stays in the saved notebook. Outside a notebook each state is a line of the logger
    `toloka_frames` (INFO), and `print(watch)` shows the last one. To wait for pools, use `tf.wait_pool`.

    A second watch of the same pools, as when the cell is run again, ends the first one. A lost connection does not end a watch:
    the card says since when there is no answer. A pool that was not opened yet is watched until it is opened and closed.

    Each time, the status of each pool and its statistics are requested, and the assignments that were submitted since: at first
    those since the pool was opened, at most those of the last 24 hours.

    Args:
        client: A client of the account.
        pool_ids: A pool: its id or the pool. Or a list of these, for example a scan of pools or a DataFrame with a column `id`.
        every: Seconds between two updates, at least 1, or a timedelta.

    Returns:
        The watch.

    Raises:
        InputError: If an argument is not valid; nothing was sent.
        NotFound: If a pool does not exist.
        TolokaError: If another of the first requests fails.

    Example:
        >>> watch = tf.watch(client, pool)
        >>> watch.pools["status"].tolist()
        ['CLOSED']
        >>> watch.stop()

    Source: Toloka API, "Get pool by ID" and "Get list of responses"; Toloka-Kit 1.2.3 for the statistics.
    """
    check_client(client)
    ids, _ = check_pool_ids(pool_ids)
    seconds = check_every(every)
    return PoolWatch(run(started_watching(client, ids, seconds)))


async def started_watching(client: BaseClient, pool_ids: Sequence[str], every: float) -> Watching:
    """Make the first requests of a watch, and start the others; runs on the package's loop."""
    made = Watching(client, pool_ids, every)
    key = (client.service.url, frozenset(pool_ids))
    await made.begin()
    # in one step, because another thread may begin a watch of them while the earlier one ends
    before, _watches[key] = _watches.get(key), made
    if before:
        await before.end("stopped", "Continued by a later watch of the same pools.")
    return made


@public_class
class PoolWatch:
    """Pools that are watched in the background; returned by `tf.watch`.

    In a notebook it is shown as its card, elsewhere as text.

    Example:
        >>> watch = tf.watch(client, [pool], every=30)
        >>> watch.state
        'done'
    """

    def __init__(self, watching: Watching) -> None:
        # the card belongs to the cell that is running
        watching.card = LiveCard.open(watching.report())
        self._watching = watching

    @property
    def state(self) -> State:
        """How the watch is: "running"; "done" or "failed" when every pool is closed; "stopped" after `stop()`.

        It is "failed" if a pool is closed for another reason than its completion, or the service has refused a request.

        Example:
            >>> tf.watch(client, pool).state
            'done'
        """
        return self._watching.state

    @property
    def pools(self) -> pd.DataFrame:
        """The pools as they were last seen, a row for each; columns as in `history`.

        Example:
            >>> tf.watch(client, pool).pools[["status", "accepted", "control_share"]].shape
            (1, 3)
        """
        return self._watching.frame(last=True)

    @property
    def history(self) -> pd.DataFrame:
        """All states that the watch has seen, a row for each pool and time.

        Columns: `time` (datetime64[us, UTC]); `pool_id`, `name`, `status`, `last_close_reason` (text); `percent` (float64, 0 to
        100); `submitted` and `accepted` (Int64, assignments); `spent` (float64, US dollars); `answers_an_hour` (float64, of the
        last hour); `control_answers` and `control_right` (Int64) and `control_share` (float64, 0 to 1). Values that the service
        has not sent are missing.

        Example:
            >>> tf.watch(client, pool).history.columns[:3].tolist()
            ['time', 'pool_id', 'name']
        """
        return self._watching.frame()

    def stop(self) -> None:
        """Stop watching; the pools and the card stay as they are.

        Example:
            >>> tf.watch(client, pool).stop()
        """
        run(self._watching.end("stopped", "Stopped watching. Tolokers continue to work."))

    def __repr__(self) -> str:
        return str(self._watching.report())

    def _repr_html_(self) -> str:
        return self._watching.report()._repr_html_()

    def _ipython_display_(self) -> None:
        card = self._watching.card
        if card is None:
            print(self)  # noqa: T201 -- what IPython in a terminal does with a repr
        elif not card.is_in_this_cell:
            card.show(self._watching.report())


class Watching:
    """The pools of a watch, as far as the service has shown them; it works on the package's loop.

    Attributes:
        state: As in `PoolWatch`.
        card: The card in a notebook; None elsewhere.
    """

    def __init__(self, client: BaseClient, pool_ids: Sequence[str], every: float) -> None:
        self.state: State = "running"
        self.card: LiveCard | None = None
        self._client = client
        self._ids = list(dict.fromkeys(pool_ids))
        self._every = every
        self._pools: dict[str, Row] = {}
        self._figures: dict[str, Figures] = {}
        self._answers = {pool_id: PoolAnswers(pool_id) for pool_id in self._ids}
        self._history: list[dict[str, Any]] = []
        self._refused: set[str] = set()
        self._note = ""
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Make the first requests, and start the others; errors are raised."""
        await self._look()
        try:
            async with asyncio.timeout(FIRST_ANSWERS_SECONDS):
                await self._read_answers()
        except TimeoutError:
            pass
        self._remember()
        if self._is_over():
            self.state = self._last_state()
            return
        # In an empty context: that of the caller belongs to its cell, and to a display that has ended.
        self._task = asyncio.create_task(self._follow(), context=contextvars.Context())

    async def end(self, state: State, note: str) -> None:
        """End the watch and update its card, unless it has ended."""
        if self.state != "running":
            return
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
            await asyncio.wait({self._task})
        self._note = note
        await self._draw(state)
        # last, so that the card is up to date where code waits for this
        self.state = state

    async def _follow(self) -> None:
        try:
            while not self._is_over():
                await asyncio.sleep(self._every)
                if await self._look():
                    await self._read_answers()
                    self._remember()
                if not self._is_over():
                    await self._draw("running")
            await self.end(self._last_state(), "")
        except TolokaError as error:
            await self.end("failed", first_line(error))
        except Exception as error:
            logger.exception("The watch of %s ends.", ", ".join(self._ids))
            await self.end("failed", f"{type(error).__name__}: {first_line(error)}")

    async def _look(self) -> bool:
        """Request the pools and their statistics, and return whether all pools were received.

        Raises:
            TolokaError: If the next request would fail too; for the first request if it fails.
        """
        found, error = await fetch_pools(self._client.service, self._ids, is_first=not self._pools)
        self._note = no_answer(error) if error else ""
        self._figures = without_old_percents(self._figures, self._pools, found)
        self._pools |= found
        if not error:
            await self._optional("statistics", self._add_figures())
        return not error

    async def _add_figures(self) -> None:
        # the last ones, which stay, delay no other look
        seconds = MAX_STATISTICS_SECONDS if self._is_over() else self._every
        self._figures |= await fetch_figures(self._client.service, self._ids, seconds)

    async def _read_answers(self) -> None:
        for pool_id, answers in self._answers.items():
            if was_opened(self._pools[pool_id]):
                await self._optional("answers", answers.read(self._client, self._pools[pool_id]))

    async def _optional(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Await work whose failure leaves the card with less; what the service refuses is not requested again."""
        if name in self._refused:
            work.close()
            return
        try:
            await work
        except TolokaError as error:
            if is_refusal(error):
                self._refused.add(name)
        except (ValueError, TypeError, AttributeError, KeyError):
            logger.warning("The %s of %s have an unknown form and are not shown.", name, ", ".join(self._ids), exc_info=True)
            self._refused.add(name)

    def _is_over(self) -> bool:
        return all(was_opened(pool) and state_of(pool) != "open" for pool in self._pools.values())

    def _last_state(self) -> State:
        return "failed" if any(state_of(pool) == "failed" for pool in self._pools.values()) else "done"

    def _remember(self) -> None:
        now = datetime.now(UTC)
        for pool_id, pool in self._pools.items():
            figures, answers = self._figures.get(pool_id, Figures()), self._answers[pool_id]
            control, right = answers.control() or (None, None)
            self._history.append(
                {
                    "time": now,
                    "pool_id": pool_id,
                    "name": pool.get("private_name"),
                    "status": pool["status"],
                    "last_close_reason": pool.get("last_close_reason"),
                    "percent": figures.percent,
                    "submitted": _whole(figures.submitted),
                    "accepted": _whole(figures.accepted),
                    "spent": figures.spent,
                    "answers_an_hour": answers.last_hour(now),
                    "control_answers": control,
                    "control_right": right,
                    "control_share": right / control if control and right is not None else None,
                }
            )

    def report(self, state: State | None = None) -> WatchReport:
        """Return what is known now, as in the given state."""
        pools = [
            WatchedPool(self._pools[pool_id], self._answers[pool_id], SERIES_COLOURS[number % len(SERIES_COLOURS)], rows)
            for number, pool_id in enumerate(self._ids)
            if (rows := [row for row in list(self._history) if row["pool_id"] == pool_id])
        ]
        return WatchReport(state or self.state, pools, self._note)

    async def _draw(self, state: State) -> None:
        report = self.report(state)
        if self.card is not None:
            # in a thread, because the kernel may be slow to take it, and requests go on meanwhile
            await in_thread(self.card.update, report)
        elif not in_notebook():
            logger.info("%s", " | ".join(str(report).splitlines()))

    def frame(self, *, last: bool = False) -> pd.DataFrame:
        """Return the history, or only its last rows, one for each pool."""
        frame = pd.DataFrame(self._history[-len(self._ids) if last else 0 :])
        return frame.astype(NUMBERS).assign(time=frame["time"].dt.as_unit("us"))


def _whole(number: float | None) -> int | None:
    return None if number is None else round(number)
