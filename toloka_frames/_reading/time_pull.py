"""Fetch a list over several connections at once, by ranges of creation time, and sort the rows by id at the end.

`time_ranges` picks the ranges. If a list cannot be split this way, the caller requests its pages one after another.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from toloka_frames._errors import ScanInterrupted, TolokaError, ValidationFailed
from toloka_frames._reading.page import read_page
from toloka_frames._reading.pager import (
    MAX_READERS,
    MIN_ROWS_FOR_ORDER,
    Concurrency,
    Handover,
    interruption,
    parse_page,
    request_page,
)
from toloka_frames._reading.row_order import sort_by_id
from toloka_frames._reading.time_ranges import PRECISION_US, PageStats, UnfetchedRanges
from toloka_frames._runtime.event_loop import in_thread, shield_until_done
from toloka_frames._schema.timestamps import SECOND_US, format_microseconds, parse_timestamp, to_microseconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toloka_frames._reading.page import Page
    from toloka_frames._reading.scan import ListRequest, Source
    from toloka_frames._reading.time_ranges import RangeRequest
    from toloka_frames._runtime.tracker import ProgressTracker
    from toloka_frames._schema.columns import Layout


class UnsplittableError(Exception):
    """The service ignores the requested order or bounds, so only paging through the list finds all rows."""


async def fetch_rest(
    source: Source, batches: Sequence[pa.RecordBatch], cursor: str | None, connections: int, progress: ProgressTracker
) -> pa.Table | None:
    """Fetch the rows after a cursor over several connections; return them with those before, sorted by id.

    Return None if the list cannot be split by creation time: its pages must then be requested one after another.
    """
    axis = _creation_time_axis(source.request)
    if axis is None or cursor is None or source.page_size.most < MIN_ROWS_FOR_ORDER:
        return None
    try:
        return await _TimePull(source, axis, batches, cursor, progress).fetch(connections)
    except UnsplittableError:
        return None


def _creation_time_axis(request: ListRequest) -> CreationTimeAxis | None:
    """Return the creation time to split a list by; None if it cannot be filtered and sorted by it."""
    query, creation = request.query, request.resource.creation_key
    # `after_id` depends on the sort order
    if creation is None or "after_id" in query:
        return None
    key, column = creation
    since, until = query.get(f"{key}_gte"), query.get(f"{key}_lte")
    return CreationTimeAxis(
        key,
        column,
        to_microseconds(parse_timestamp(since)) if since else -math.inf,
        to_microseconds(parse_timestamp(until)) if until else math.inf,
    )


class _TimePull:
    """Fetch the rest of a list by ranges of creation time."""

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
        self._ranges = UnfetchedRanges(source.page_size.most)
        self._readers = asyncio.Semaphore(MAX_READERS)
        self._batches = [*batches]
        # ranges overlap where rows share a timestamp, and each row is kept and counted once
        self._ids = set[str]()
        self._after_cursor = {f"{source.request.resource.cursor}_gt": cursor}
        # the creation time of the last row of the first page in each order, if all its rows share a timestamp
        self._end_pages: dict[bool, float] = {}

    async def fetch(self, connections: int) -> pa.Table:
        """Return all rows.

        Raises:
            UnsplittableError: If the service ignores or rejects the sort order or the bounds.
            ScanInterrupted: If a request fails for another reason.
        """
        schema = (await self._source.layout()).schema
        try:
            await self._fetch_ranges(connections)
        except ValidationFailed as error:  # requests without these bounds and this sort order may be valid
            raise UnsplittableError from error
        except TolokaError as error:
            raise self._interrupted(error) from error
        return await in_thread(sort_by_id, self._batches, schema, self._source.request.resource.life.id)

    async def _fetch_ranges(self, connections: int) -> None:
        """Send up to this number of requests at once until all ranges are fetched; cancel the rest at the end."""
        fetching: set[asyncio.Task[None]] = set()
        try:
            while not self._ranges.is_complete:
                while len(fetching) < connections and (request := self._ranges.next_request()):
                    fetching.add(asyncio.create_task(self._fetch_range(request)))
                done, _ = await asyncio.wait(fetching, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
                fetching -= done
        finally:
            for task in fetching:
                task.cancel()
            await shield_until_done(asyncio.gather(*fetching, return_exceptions=True))

    async def _fetch_range(self, request: RangeRequest) -> None:
        query = {**self._after_cursor, **self._axis.query(request)}
        if request.by_id:
            await self._page_by_id(request, query)
            return
        query["sort"] = self._axis.key if request.is_ascending else f"-{self._axis.key}"
        page, timestamps = await self._fetch_page(request, query)
        new_share = self._ranges.unfetched_share(timestamps)
        stats = _page_stats(page, timestamps, new_share)
        self._check_ends(request, stats)
        self._add(page)
        self._ranges.record_page(request, stats)

    async def _fetch_page(self, request: RangeRequest, filters: Mapping[str, str]) -> tuple[Page, Any]:
        layout = await self._source.layout()

        async def parse(body: bytes) -> tuple[Page, Any]:
            async with self._readers:
                return await in_thread(self._read, request, body, layout)

        service, path, query = self._source.service, self._source.request.path, {**self._source.query(), **filters}
        response = await request_page(service, path, query, self._source.page_size)
        return await parse_page(service, path, query, self._source.page_size, response, parse)

    def _read(self, request: RangeRequest, body: bytes, layout: Layout) -> tuple[Page, Any]:
        page = read_page(body, layout, is_sorted_by_id=False)
        timestamps = self._axis.ordered_timestamps(page, request)
        if len(set(page.ids)) < len(page.ids):
            first_row = {id_: row for row, id_ in reversed([*enumerate(page.ids)])}
            page = page.keep([first_row[id_] == row for row, id_ in enumerate(page.ids)])
        return page, timestamps

    def _check_ends(self, request: RangeRequest, stats: PageStats) -> None:
        """Detect an ignored sort order that pages of a single timestamp do not show.

        Raises:
            UnsplittableError: If the last page of the list is not later than the first.
        """
        is_end_page = math.isinf(request.since if request.is_ascending else request.until)
        if stats.has_more and stats.repeated_share == 1 and is_end_page:
            self._end_pages[request.is_ascending] = stats.last
        if len(self._end_pages) > 1 and self._end_pages[True] >= self._end_pages[False] - PRECISION_US:
            raise UnsplittableError

    async def _page_by_id(self, request: RangeRequest, query: dict[str, str]) -> None:
        """Fetch a window whose rows share timestamps, page after page by id."""
        try:
            async with aclosing(await self._source.pages(query, Concurrency(1))) as pages:
                async for _, page in pages:
                    self._axis.timestamps(page, request)
                    self._add(page)
        except ScanInterrupted as error:
            if error.__cause__ is None:  # the order of the list is broken
                raise UnsplittableError from error
            raise
        self._ranges.record_id_window(request)

    def _add(self, page: Page) -> None:
        """Keep and count the rows that are fetched for the first time."""
        is_new = [id_ not in self._ids for id_ in page.ids]
        batch = page.batch if all(is_new) else page.keep(is_new).batch
        self._ids.update(page.ids)
        self._batches.append(batch)
        self._progress.add_page(len(batch))

    def _interrupted(self, error: TolokaError) -> ScanInterrupted:
        why = error.__cause__ if isinstance(error, ScanInterrupted) else error
        return interruption(str(why), self._progress.rows, Handover.NOTHING, self._source.request.resource.cursor, None)


@dataclass(frozen=True)
class CreationTimeAxis:
    """The creation time of a list's rows.

    Attributes:
        key: Its name in filters and in `sort`.
        column: Its column.
        since: The user's own lower bound, in microseconds since 1970, or infinite.
        until: The user's own upper bound.
    """

    key: str
    column: str
    since: float
    until: float

    def query(self, request: RangeRequest) -> dict[str, str]:
        """Return the filters of a range, without bounds that would widen the user's own."""
        query = {}
        if request.since > self.since:
            query[f"{self.key}_gte"] = _format(request.since)
        if request.until < self.until:
            query[f"{self.key}_lte"] = _format(request.until)
        return query

    def timestamps(self, page: Page, request: RangeRequest) -> Any:
        """Return the creation times of a page, in microseconds since 1970.

        Raises:
            UnsplittableError: If a row has none, or it is outside the requested range.
        """
        column = page.batch.column(self.column)
        timestamps = column.cast(pa.int64()).to_numpy(zero_copy_only=False)
        is_outside = (timestamps < request.since - PRECISION_US) | (timestamps > request.until + PRECISION_US)
        if column.null_count or is_outside.any():
            raise UnsplittableError
        return timestamps

    def ordered_timestamps(self, page: Page, request: RangeRequest) -> Any:
        """Return the creation times of a page that was sorted by them.

        Raises:
            UnsplittableError: If they are not in order, too coarse, missing or outside the requested range.
        """
        timestamps = self.timestamps(page, request)
        steps = timestamps[1:] - timestamps[:-1]
        if (steps < 0 if request.is_ascending else steps > 0).any() or (page.has_more and not page.ids):
            raise UnsplittableError
        # in whole seconds, timestamps do not show on which side of a bound a row is
        if page.has_more and len(timestamps) >= MIN_ROWS_FOR_ORDER and not (timestamps % SECOND_US).any():
            raise UnsplittableError
        return timestamps


def _page_stats(page: Page, timestamps: Any, new_share: float) -> PageStats:
    if not page.ids:
        return PageStats()
    last, rows = timestamps[-1], len(page.ids)
    repeated_share = (abs(timestamps - last) <= PRECISION_US).mean()
    quarter = float(timestamps[len(timestamps) // 4])
    return PageStats(quarter, float(last), rows, float(repeated_share), page.has_more, new_share * rows)


def _format(at: float) -> str:
    try:
        return format_microseconds(at)
    except OverflowError as error:  # beyond the first or last timestamp of the calendar
        raise UnsplittableError from error
