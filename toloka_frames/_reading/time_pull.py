"""A list and a number of connections come in; all its rows, pulled over so many at once, go out in the order of their ids.

What to ask for next is told by `_gaps`; what cannot be shared out among connections is walked (`_walk`).
"""

from __future__ import annotations

import asyncio
import math
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toloka_frames._errors import ScanInterrupted, TolokaError, ValidationFailed
from toloka_frames._reading.page import read_page
from toloka_frames._reading.pager import COPY_HINT, MAX_READERS, MIN_ROWS_FOR_ORDER, Concurrency
from toloka_frames._reading.time_ranges import PRECISION, PageStats, UnfetchedRanges
from toloka_frames._runtime.event_loop import in_thread, shield_until_done
from toloka_frames._schema.timestamps import SECOND_US, format_microseconds, parse_timestamp, to_microseconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toloka_frames._reading.page import Page
    from toloka_frames._reading.scan import ListRequest, Source
    from toloka_frames._reading.time_ranges import RangeRequest
    from toloka_frames._runtime.progress import ProgressTracker
    from toloka_frames._schema.columns import Layout

# what is put into order in one piece: a column of text holds at most 2 GiB
PIECE_BYTES = 2**28


class UnsplittableError(Exception):
    """The service does not keep to the order or the bounds that were asked for, so that only a walk finds all rows."""


@dataclass(frozen=True)
class CreationTimeAxis:
    """When the rows of a list were made.

    Attributes:
        key: Its name in filters and in `sort`.
        column: The column that holds it.
        since: The user's own lower bound, in microseconds since 1970, or infinite.
        until: The upper one.
    """

    key: str
    column: str
    since: float
    until: float

    def query(self, ask: RangeRequest) -> dict[str, str]:
        """What asks for a part of it; the user's own bounds stay where they are tighter."""
        query = {}
        if ask.since > self.since:
            query[f"{self.key}_gte"] = _spelt(ask.since)
        if ask.until < self.until:
            query[f"{self.key}_lte"] = _spelt(ask.until)
        return query

    def instants(self, page: Page, ask: RangeRequest) -> Any:
        """When its rows were made, in microseconds since 1970.

        Raises:
            UnsplittableError: That is not told, or not what was asked for.
        """
        column = page.batch.column(self.column)
        instants = column.cast(pa.int64()).to_numpy(zero_copy_only=False)
        if column.null_count or (instants < ask.since - PRECISION).any() or (instants > ask.until + PRECISION).any():
            raise UnsplittableError
        return instants

    def ordered(self, page: Page, ask: RangeRequest) -> Any:
        """The same of a page in the order of creation; errors as there."""
        instants = self.instants(page, ask)
        steps = instants[1:] - instants[:-1]
        if (steps < 0 if ask.upward else steps > 0).any() or (page.has_more and not page.ids):
            raise UnsplittableError
        # shown in whole seconds only, instants do not tell which rows a bound between two of them leaves out
        if page.has_more and len(instants) >= MIN_ROWS_FOR_ORDER and not (instants % SECOND_US).any():
            raise UnsplittableError
        return instants


async def fetch_rest(
    source: Source, batches: Sequence[pa.RecordBatch], cursor: str | None, connections: int, progress: ProgressTracker
) -> pa.Table | None:
    """Fetch the rows after a cursor over several connections; return them with those before, in the order of their ids.

    Return None if the list does not allow it: its pages are then to be requested one after another.
    """
    axis, rows = _axis(source.request), progress.rows
    if axis is None or cursor is None or int(source.limit) < MIN_ROWS_FOR_ORDER:
        return None
    try:
        return await _Pull(source, axis, batches, cursor, progress).table(connections)
    except UnsplittableError:
        progress.rows = rows
        return None


class _Pull:
    """A pull of the rest of a list, over several ranges of creation time."""

    def __init__(
        self,
        source: Source,
        axis: CreationTimeAxis,
        batches: Sequence[pa.RecordBatch],
        cursor: str,
        progress: ProgressTracker,
    ) -> None:
        self._source = source
        self._axis = axis
        self._progress = progress
        self._gaps = UnfetchedRanges(int(source.limit))
        self._readers = asyncio.Semaphore(MAX_READERS)
        self._batches = [*batches]
        self._after = {f"{source.request.resource.cursor}_gt": cursor}
        # where the list begins and ends, if that is a page of one instant
        self._ends: dict[bool, float] = {}

    async def table(self, connections: int) -> pa.Table:
        """Return all rows.

        Raises:
            UnsplittableError: If the service ignores the order or the bounds, or refuses them.
            ScanInterrupted: If it fails otherwise.
        """
        schema = (await self._source.layout()).schema
        try:
            await self._share_out(connections)
        except ValidationFailed as error:  # a request without bounds and sort may be allowed
            raise UnsplittableError from error
        except TolokaError as error:
            raise self._interrupted(error) from error
        table = await in_thread(sort_by_id, self._batches, schema, self._source.request.resource.life.id)
        self._progress.rows = len(table)
        return table

    async def _share_out(self, connections: int) -> None:
        """Have so many connections ask until everything is known; nothing goes on behind the end of this."""
        asking: set[asyncio.Task[None]] = set()
        try:
            while not self._gaps.closed:
                while len(asking) < connections and (ask := self._gaps.next()):
                    asking.add(asyncio.create_task(self._ask(ask)))
                done, _ = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
                for each in done:
                    each.result()
                asking -= done
        finally:
            for each in asking:
                each.cancel()
            await shield_until_done(asyncio.gather(*asking, return_exceptions=True))

    async def _ask(self, ask: RangeRequest) -> None:
        query = {**self._after, **self._axis.query(ask)}
        if ask.by_id:
            await self._walk(ask, query)
            return
        query["sort"] = self._axis.key if ask.upward else f"-{self._axis.key}"
        body = await self._source.body(query)
        async with self._readers:
            page, instants = await in_thread(self._read, ask, body, await self._source.layout())
        new = self._gaps.new(instants)
        came = _page_stats(page, instants, new)
        self._check_ends(ask, came)
        self._add(page.batch, new)
        self._gaps.record(ask, came)

    def _check_ends(self, ask: RangeRequest, came: PageStats) -> None:
        """Refuse an order that pages of one instant each do not show: the list's last page must be later than its first."""
        if came.has_more and came.again == 1 and math.isinf(ask.since if ask.upward else ask.until):
            self._ends[ask.upward] = came.last
        if len(self._ends) > 1 and self._ends[True] >= self._ends[False] - PRECISION:
            raise UnsplittableError

    def _read(self, ask: RangeRequest, body: bytes, layout: Layout) -> tuple[Page, Any]:
        page = read_page(body, layout)
        instants = self._axis.ordered(page, ask)
        if len(set(page.ids)) < len(page.ids):
            rows = {each: row for row, each in reversed([*enumerate(page.ids)])}
            page = page.keep([rows[each] == row for row, each in enumerate(page.ids)])
        return page, instants

    async def _walk(self, ask: RangeRequest, query: dict[str, str]) -> None:
        """Pull what is too close together, in the order of ids."""
        try:
            async with aclosing(await self._source.pages(query, Concurrency(1))) as pages:
                async for _, page in pages:
                    self._axis.instants(page, ask)
                    self._add(page.batch)
        except ScanInterrupted as error:
            if error.__cause__ is None:
                raise UnsplittableError from error
            raise
        self._gaps.walked(ask)

    def _add(self, batch: pa.RecordBatch, new: float = 1.0) -> None:
        """Keep rows, of which such a share had probably not come before."""
        self._batches.append(batch)
        self._progress.rows += round(len(batch) * new)

    def _interrupted(self, error: TolokaError) -> ScanInterrupted:
        why = error.__cause__ if isinstance(error, ScanInterrupted) else error
        return ScanInterrupted(
            f"The pull ended after {self._progress.rows:,} rows: {why}",
            cursor=None,
            rows=self._progress.rows,
            hint=f"It went on from several points, so there is no row to go on behind: run it again; {COPY_HINT}",
        )


def _axis(request: ListRequest) -> CreationTimeAxis | None:
    """What a list can be shared out by; None where there is nothing."""
    query, told = request.query, request.resource.creation_key
    # `after_id` is behind a row in the order that is asked for, so it means another thing in another order
    if told is None or "after_id" in query:
        return None
    key, column = told
    since, until = query.get(f"{key}_gte"), query.get(f"{key}_lte")
    return CreationTimeAxis(
        key,
        column,
        to_microseconds(parse_timestamp(since)) if since else -math.inf,
        to_microseconds(parse_timestamp(until)) if until else math.inf,
    )


def _page_stats(page: Page, instants: Any, new: float) -> PageStats:
    if not page.ids:
        return PageStats()
    last, rows = instants[-1], len(page.ids)
    again = (abs(instants - last) <= PRECISION).mean()
    return PageStats(float(instants[len(instants) // 4]), float(last), rows, float(again), page.has_more, new * rows)


def _spelt(at: float) -> str:
    """An instant as filters spell it."""
    try:
        return format_microseconds(at)
    except OverflowError as error:  # beside the first or the last instant that there is
        raise UnsplittableError from error


def sort_by_id(batches: Sequence[pa.RecordBatch], schema: pa.Schema, column: str) -> pa.Table:
    """Rows in the order of their ids, which are numbers or text; of an id that several batches hold, those of the first."""
    table = pa.Table.from_batches(batches, schema)
    ids = table[column]
    keys = {"digits": pc.utf8_length(ids), "id": ids} if pc.all(pc.utf8_is_decimal(ids)).as_py() else {"id": ids}
    order = pc.sort_indices(pa.table(keys), sort_keys=[(name, "ascending") for name in keys]).to_numpy()
    order = order[_first(ids, np.repeat(np.arange(len(batches)), list(map(len, batches))), order)]
    if table.nbytes <= PIECE_BYTES:
        return _taken(table, pa.array(order))
    ranks, rows = np.full(len(table), -1), len(table) * PIECE_BYTES // table.nbytes + 1
    ranks[order] = np.arange(len(order))
    return pa.concat_tables([_piece(table, ranks - start, rows) for start in range(0, len(order), rows)])


def _first(ids: pa.ChunkedArray, batches: Any, order: Any) -> Any:
    """Which of the ordered rows come from the first batch that holds their id."""
    codes = np.concatenate([chunk.indices.to_numpy() for chunk in ids.dictionary_encode().chunks])[order]
    begins = np.r_[True, codes[1:] != codes[:-1]]
    return batches[order] == batches[order][begins][np.cumsum(begins) - 1]


def _piece(table: pa.Table, ranks: Any, rows: int) -> pa.Table:
    """The rows whose ranks are from 0 to so many, by rank."""
    chosen = (ranks >= 0) & (ranks < rows)
    return _taken(table.filter(pa.array(chosen)), pa.array(ranks[chosen].argsort()))


def _taken(table: pa.Table, rows: pa.Array) -> pa.Table:
    """Rows by their positions; columns side by side, which Arrow does not do by itself."""
    with ThreadPoolExecutor() as threads:
        columns = threads.map(lambda column: column.combine_chunks().take(rows), table.columns)
    return pa.Table.from_arrays(list(columns), schema=table.schema)
