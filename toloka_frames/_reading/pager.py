"""Iterate over the pages of a list, without duplicate rows and without looping forever.

The next page is requested before the caller needs it. If the service is slow, many ranges of ids are requested at once, and
their rows yielded in the order of the list.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from toloka_frames._errors import ScanInterrupted, TolokaError
from toloka_frames._reading.id_axis import are_even, axis_of, is_ascending, lower_bound, orders_of
from toloka_frames._reading.id_ranges import IdPage, RangeQueue
from toloka_frames._reading.interruptions import Handover, interruption
from toloka_frames._reading.page import last_id
from toloka_frames._reading.range_pull import RangePull, UnsplittableError
from toloka_frames._runtime.current_tracker import current_progress
from toloka_frames._runtime.event_loop import shield_until_done
from toloka_frames._transport.auth import shown_content
from toloka_frames._transport.failures import was_late_or_cut
from toloka_frames._transport.http import uncount

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping

    from toloka_frames._schema.columns import Layout
    from toloka_frames._transport.http import ApiClient, Response

# Measured with 100 ms a page: more connections do not make a list faster. 20 are few for the service, which allows 300 requests
# a second.
MAX_CONNECTIONS = 20
# Measured: more threads parse no more pages a second; they wait for each other, and the requests wait for them.
MAX_READERS = 2
# If each of the first responses takes longer than this to begin, latency dominates.
SLOW_SECONDS = 0.025
SLOW_PAGES = 2
# Twice as many pages are in flight as connections, because a slow page holds up those after it; their rows are limited, so that
# the memory of streams is bounded.
PAGES_PER_CONNECTION = 2
MAX_ROWS_AHEAD = 50_000

# Ascending by accident: the ids of 20 rows in random order do so once in 20! lists.
MIN_ROWS_FOR_ORDER = 20
# A service that does not manage this many rows is in trouble whatever the number.
MIN_ROWS = 100
# After this many pages in a row, twice the rows are tried again; after each try that failed, twice as many pages.
PAGES_BEFORE_GROWTH = 8

PageT = TypeVar("PageT", bound=IdPage)
ParsedT = TypeVar("ParsedT")


@dataclass
class PageSize:
    """How many rows to request per page: at first the most, fewer after a page that the service could not manage.

    Attributes:
        most: The most rows per page.
        rows: The rows per page of the next request.
    """

    most: int
    rows: int = field(init=False)
    _managed: int = field(default=0, init=False)
    _pages_before_growth: int = field(default=PAGES_BEFORE_GROWTH, init=False)
    _is_trying: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.rows = self.most

    def note_failure(self, error: TolokaError, query: Mapping[str, str]) -> bool:
        """Reduce the rows if a page was late or ended early; return whether the next request is for fewer rows."""
        if not was_late_or_cut(error):
            return False
        rows = int(query["limit"])
        if rows > self.rows:  # of several requests in flight, another one failed before
            return True
        if self.rows <= MIN_ROWS:
            if self.most > MIN_ROWS:
                error.args = (f"{error}\nSmaller pages did not help: this one was to have {rows:,} rows.",)
            return False
        if self._is_trying:
            self._pages_before_growth *= 2
        self.rows, self._managed, self._is_trying = max(rows // 2, MIN_ROWS), 0, False
        current_progress().note = f"pages of {rows:,} rows were too large for the service, so smaller ones were requested"
        return True

    def note_success(self, query: Mapping[str, str]) -> None:
        """Count a page that the service has managed, and try twice the rows after enough of them."""
        if int(query["limit"]) < self.rows or self.rows == self.most:
            return
        self._managed, self._is_trying = self._managed + 1, False
        if self._managed >= self._pages_before_growth:
            self.rows, self._managed, self._is_trying = min(2 * self.rows, self.most), 0, True


@dataclass(frozen=True)
class PageRequest(Generic[PageT]):
    """What the requests of all pages of a list have in common.

    Attributes:
        service: The client of the API.
        path: Path of the list.
        query: Filters and sort.
        size: The rows per page that the service manages.
        cursor: The row's key of the value that pages are sorted and resumed by.
        layout: How pages are parsed, which may be requested while the first page is.
        read: Parses the body of a page.
        handover: What becomes of the pages before an interruption.
    """

    service: ApiClient
    path: str
    query: Mapping[str, str]
    size: PageSize
    cursor: str
    layout: asyncio.Future[Layout]
    read: Callable[[bytes, Layout], Awaitable[PageT]]
    handover: Handover = Handover.STREAM


@dataclass
class Concurrency:
    """How many requests of a list are in flight at once.

    Attributes:
        connections: The maximum; None means one, and MAX_CONNECTIONS once the service turns out to be slow.
        is_stream: Whether pages are handed over one by one, so that few may be held until those before them are here.
        uses_ranges: Whether the rest of the list is requested in ranges of ids; None until that is decided.
        prefetches: Whether the next page is requested before the caller needs it.
    """

    connections: int | None = None
    is_stream: bool = True
    uses_ranges: bool | None = None
    prefetches: bool = True
    _responses: int = 0
    _fastest: float = math.inf

    @property
    def maximum(self) -> int:
        """The most requests that can be in flight."""
        return self.connections or MAX_CONNECTIONS

    @property
    def is_due(self) -> bool:
        """Whether it is time to decide about ranges of ids."""
        if self.uses_ranges is not None or self.maximum == 1:
            return False
        return self.connections is not None or (self._responses >= SLOW_PAGES and self._fastest >= SLOW_SECONDS)

    def record(self, seconds: float) -> None:
        """Record how long a response took to begin."""
        self._responses, self._fastest = self._responses + 1, min(self._fastest, seconds)


async def pages_of(request: PageRequest[PageT], concurrency: Concurrency) -> AsyncGenerator[tuple[str | None, PageT], None]:
    """Yield page after page in the order of the cursor, each with the cursor after it.

    Raises:
        ApiError: If the first page is refused.
        ScanInterrupted: If a later page is refused, or the list's order is broken; the rows before were yielded.
    """
    key = request.cursor
    guard = _OrderGuard(key, request.query.get(f"{key}_gt"), request.handover)
    prefetcher = Prefetcher(request, concurrency)
    try:
        while prefetcher.has_more:
            page = await prefetcher.page_after(guard.cursor)
            yield guard.accept(page)
            if page.has_more and page.ids and concurrency.is_due and not prefetcher.is_prefetching:
                pull = _range_pull(request, concurrency, prefetcher, page.ids, guard)
                concurrency.uses_ranges = pull is not None
                if pull is not None:
                    with suppress(UnsplittableError):  # the rest is requested page after page
                        async with aclosing(pull.pages(page.ids[-1])) as pages:
                            async for page in pages:
                                yield guard.accept(page)
                        return
    except ScanInterrupted:
        raise
    except TolokaError as error:
        if guard.rows:
            raise guard.interrupted(str(error)) from error
        raise
    finally:
        await prefetcher.cancel_pending()


def _range_pull(
    request: PageRequest[PageT], concurrency: Concurrency, prefetcher: Prefetcher[PageT], ids: list[str], guard: _OrderGuard
) -> RangePull[PageT] | None:
    """Return the pull of the rest of a list in ranges; None if its ids are in no known order."""
    axis, size, key, filters = axis_of(ids), request.size, request.cursor, request.query
    # `after_id` depends on the sort order
    if axis is None or len(ids) < MIN_ROWS_FOR_ORDER or "after_id" in filters:
        return None
    # a bound of the user that is replaced must mean to the service what it means here
    upper = filters.get(f"{key}_lte")
    if upper is not None and axis.id_at(axis.position(upper)) != upper:
        return None
    most_pages = math.inf
    if concurrency.is_stream:
        most_pages = min(PAGES_PER_CONNECTION * concurrency.maximum, MAX_ROWS_AHEAD // size.most + 1)
    queue = RangeQueue[PageT](axis, guard.first, ids[-1], guard.rows, lambda: size.rows, most_pages)
    low = lower_bound(filters, key)
    if are_even(axis, ids, guard.rows, low):
        ends = [axis.position(filters[bound]) for bound in (f"{key}_lt", f"{key}_lte") if bound in filters]
        queue.set_even(axis.position(low), min([axis.end, *ends]))
    return RangePull(queue, axis, prefetcher.page_within, key, concurrency.maximum + MAX_READERS)


def request_page(service: ApiClient, path: str, query: Mapping[str, str], size: PageSize) -> Coroutine[Any, Any, Response]:
    """Request a page of a list: again with half the rows if the response was late or ended early.

    Raises:
        ApiError: If the service rejects the request, or cannot manage a page of MIN_ROWS rows.
        ConnectionFailed: If no response arrives.
    """
    return service.send(
        "GET", path, query=lambda: {**query, "limit": str(size.rows)}, repeatable=True, change=size.note_failure
    )


async def parse_page(
    service: ApiClient,
    path: str,
    query: Mapping[str, str],
    size: PageSize,
    response: Response,
    parse: Callable[[bytes], Awaitable[ParsedT]],
) -> ParsedT:
    """Parse a page. If its JSON ends early, request it again, with half the rows.

    Raises:
        BadAnswer: If the last attempt is not a page of a list either.
        ApiError, ConnectionFailed: As in `request_page`.
    """
    is_cut = False
    async for attempt in service.attempts():
        if is_cut:
            response = await request_page(service, path, query, size)
        with attempt:
            try:
                if (shown := shown_content(response)) is not response.content:
                    await parse(shown)  # if it is not a page, its error does not show the token
                parsed = await parse(response.content)
            except TolokaError as error:
                is_cut = True
                if size.note_failure(error, response.request.url.params):
                    uncount(attempt)
                raise
    size.note_success(response.request.url.params)
    return parsed


class _OrderGuard:
    """Choose the cursor after each page, and detect a list that repeats itself.

    While ids ascend (as numbers, or as text), a row that is not after the last page can only be a row of that page again. Of a
    list whose first rows are in no such order, all ids are remembered.

    Attributes:
        cursor: The id of the last row so far.
        rows: The number of rows so far.
        first: The id of the first row.
    """

    def __init__(self, key: str, cursor: str | None, handover: Handover) -> None:
        self._name = key
        self._handover = handover
        self.cursor = cursor
        self.rows = 0
        self.first = ""
        # a service may return the row of the cursor again
        self._seen: dict[str, None] = {} if cursor is None else {cursor: None}
        # the orders in which all rows so far ascend: the first numbers of a list may ascend both as numbers and as text
        self._orders: list[Callable[[str], Any]] = []
        self._order_is_known = False

    def accept(self, page: PageT) -> tuple[str | None, PageT]:
        """Return the cursor after a page, and its new rows."""
        is_new = self.check(page)
        return self.cursor, page if all(is_new) else page.keep(is_new)

    def check(self, page: IdPage) -> list[bool]:
        """Return which rows of the page are new."""
        ascending = [order for order in self._orders if is_ascending([self.cursor or "", *page.ids], order)]
        is_new = [True] * len(page.ids) if ascending else [self._is_new(row_id) for row_id in page.ids]
        if page.has_more and not any(is_new):
            raise self.interrupted("a page brought no new row and says that there are more.")
        self.rows += sum(is_new)
        if ascending:
            self._orders = ascending
        self._remember(page.ids, is_ascending=bool(ascending))
        return is_new

    def _is_new(self, row_id: str) -> bool:
        if row_id in self._seen:
            return False
        if self._orders:
            after = [order for order in self._orders if order(row_id) > order(self.cursor or "")]
            if not after:
                raise self.interrupted(f"the row {row_id!r} came after {self.cursor!r}, against the list's order.")
            self._orders = after
        self._seen[row_id] = None
        return True

    def _remember(self, ids: list[str], *, is_ascending: bool) -> None:
        if ids:
            self.first = self.first or ids[0]
            self.cursor = max(ids, key=self._orders[0]) if self._orders and not is_ascending else ids[-1]
        if not self._order_is_known and len(self._seen) >= MIN_ROWS_FOR_ORDER:
            self._order_is_known, self._orders = True, orders_of(list(self._seen))
        if self._orders:
            self._seen = dict.fromkeys(ids)

    def interrupted(self, why: str) -> ScanInterrupted:
        return interruption(why, self.rows, self._handover, self._name, self.cursor)


@dataclass(frozen=True)
class _FetchedPage(Generic[PageT]):
    """A page that has arrived and is being parsed, and the cursor that is expected after it."""

    next_cursor: str | None
    parsed: asyncio.Task[PageT]


class Prefetcher(Generic[PageT]):
    """Prefetch pages of a list: request the next page before the caller needs it.

    A prefetched page begins where the one before is expected to end; if that ends elsewhere, the prefetched one is dropped, and
    the right one is requested.

    Attributes:
        has_more: Whether there is anything after the last page.
    """

    def __init__(self, request: PageRequest[PageT], concurrency: Concurrency) -> None:
        self._request, self._concurrency = request, concurrency
        self._key = request.cursor
        self._pending: asyncio.Task[_FetchedPage[PageT]] | None = None
        self._expected: str | None = None
        self._connections, self._readers = asyncio.Semaphore(concurrency.maximum), asyncio.Semaphore(MAX_READERS)
        self.has_more = True

    async def page_after(self, cursor: str | None) -> PageT:
        """Return the page after a cursor."""
        if self._pending is None or self._expected != cursor:
            await self.cancel_pending()
            self._pending = asyncio.create_task(self._fetch(self._after(cursor)))
        fetched, self._pending = await self._pending, None
        # requested before this page is parsed: waiting and parsing then cost the longer of both, not their sum
        if (after := fetched.next_cursor) is not None and not self._concurrency.is_due and self._concurrency.prefetches:
            self._pending = asyncio.create_task(self._fetch(self._after(after)))
        page = await fetched.parsed
        self._expected, self.has_more = fetched.next_cursor, page.has_more
        return page

    async def page_within(self, bounds: Mapping[str, str]) -> PageT:
        """Return the first page within bounds, which may have another sort order."""
        return await (await self._fetch(bounds)).parsed

    @property
    def is_prefetching(self) -> bool:
        """Whether the next page has been requested."""
        return self._pending is not None

    async def cancel_pending(self) -> None:
        """Cancel the prefetched page, and wait until nothing of it is running."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.cancel()
            await shield_until_done(_ended(pending))

    def _after(self, cursor: str | None) -> dict[str, str]:
        return {} if cursor is None else {f"{self._key}_gt": cursor}

    async def _fetch(self, bounds: Mapping[str, str]) -> _FetchedPage[PageT]:
        query = {**self._request.query, **bounds}
        async with self._connections:
            response = await request_page(self._request.service, self._request.path, query, self._request.size)
        self._concurrency.record(response.extensions.get("waited", 0.0))
        cursor = last_id(response.content, self._key)
        return _FetchedPage(cursor, asyncio.create_task(self._parse(query, response)))

    async def _parse(self, query: Mapping[str, str], response: Response) -> PageT:
        layout = await self._request.layout

        async def parse(body: bytes) -> PageT:
            async with self._readers:
                return await self._request.read(body, layout)

        return await parse_page(self._request.service, self._request.path, query, self._request.size, response, parse)


async def _ended(pending: asyncio.Task[_FetchedPage[PageT]]) -> None:
    """Wait for a cancelled request; what had arrived before is not parsed any more."""
    (page,) = await asyncio.gather(pending, return_exceptions=True)
    if isinstance(page, _FetchedPage):
        page.parsed.cancel()
        await asyncio.gather(page.parsed, return_exceptions=True)
