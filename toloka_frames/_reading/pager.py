"""Iterate over the pages of a list, without duplicate rows and without looping forever.

The next page is requested before the caller needs it. If the service is slow and ids are spread evenly, many ranges of ids are
requested at once, and their rows yielded in the list's order.
"""

from __future__ import annotations

import asyncio
import math
import operator
from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from toloka_frames._errors import ApiError, ScanInterrupted, TolokaError
from toloka_frames._reading.id_ranges import between, split_after
from toloka_frames._reading.page import last_id
from toloka_frames._runtime.current_tracker import current_progress
from toloka_frames._runtime.event_loop import in_thread, shield_until_done
from toloka_frames._transport.auth import shown_content
from toloka_frames._transport.failures import was_late_or_cut
from toloka_frames._transport.http import uncount

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping, Sequence

    from toloka_frames._reading.id_ranges import IdRangeSplitter
    from toloka_frames._schema.columns import Layout
    from toloka_frames._transport.http import ApiClient, Response

# Ascending by accident: the ids of 20 rows in random order do so once in 20! lists.
MIN_ROWS_FOR_ORDER = 20
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
# A service that does not manage this many rows is in trouble whatever the number.
MIN_ROWS = 100
# After this many pages in a row, twice the rows are tried again; after each try that failed, twice as many pages.
PAGES_BEFORE_GROWTH = 8


class Handover(Enum):
    """What becomes of the rows before an interruption; the value is the error's hint."""

    STREAM = "The rows before it were handed over: continue after them with {after}. If your call returned none, make it again."
    COPY = "The rows before it are kept: make the same call again to resume."
    FOLLOWED = "The frames before it were handed over: make the same call again to continue."
    FRAMES = "The frames before it were handed over. With cursor=path, the same call would continue after them."
    NOTHING = (
        "Nothing was returned: make the same call again. A long pull that resumes by itself is to_parquet(folder, resume=True)."
    )


class PageLike(Protocol):
    """What the pager needs of a page."""

    @property
    def ids(self) -> list[str]:
        """Cursor values of its rows."""

    @property
    def has_more(self) -> bool:
        """Whether the list has rows after this page."""

    def keep(self, wanted: Sequence[bool]) -> Self:
        """Return the page with the wanted rows only."""


PageT = TypeVar("PageT", bound="PageLike")
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
        layout: The name of the cursor, and how pages are parsed.
        read: Parses the body of a page.
        handover: What becomes of the pages before an interruption.
    """

    service: ApiClient
    path: str
    query: Mapping[str, str]
    size: PageSize
    layout: Layout
    read: Callable[[bytes, Layout], PageT]
    handover: Handover = Handover.STREAM


@dataclass
class Concurrency:
    """How many requests of a list are in flight at once.

    Attributes:
        connections: The maximum; None means one, and MAX_CONNECTIONS once the service turns out to be slow.
        uses_id_ranges: Whether the rest of the list is requested in ranges of ids; None until that is decided.
        prefetches: Whether the next page is requested before the caller needs it.
    """

    connections: int | None = None
    uses_id_ranges: bool | None = None
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
        if self.uses_id_ranges is not None or self.maximum == 1:
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
    key = request.layout.cursor
    guard = _OrderGuard(key, request.query.get(f"{key}_gt"), request.handover)
    prefetcher = Prefetcher(request, concurrency)
    try:
        while prefetcher.has_more:
            try:
                page = await prefetcher.page_after(guard.cursor)
            except TolokaError as error:
                if guard.rows:
                    raise guard.interrupted(str(error)) from error
                raise
            is_new = guard.check(page)
            yield guard.cursor, page if all(is_new) else page.keep(is_new)
    finally:
        await prefetcher.cancel_pending()


def interruption(why: str, rows: int, handover: Handover, key: str, cursor: str | None) -> ScanInterrupted:
    """Return the error of a pull that ended early.

    Args:
        why: What happened.
        rows: The number of rows received.
        handover: What became of these rows.
        key: The name of the cursor in filters.
        cursor: The id of the last row received, or the cursor that the list was requested from.
    """
    if not rows:
        handover = Handover.NOTHING
    if handover is Handover.NOTHING:
        cursor = None
    return ScanInterrupted(
        f"The pull ended after {rows:,} rows: {why}",
        cursor=cursor,
        rows=rows,
        hint=handover.value.format(after=f"{key}_gt={cursor!r}"),
    )


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
    """

    def __init__(self, key: str, cursor: str | None, handover: Handover) -> None:
        self._name = key
        self._handover = handover
        self.cursor = cursor
        self.rows = 0
        # a service may return the row of the cursor again
        self._seen: dict[str, None] = {} if cursor is None else {cursor: None}
        # the orders in which all rows so far ascend: the first numbers of a list may ascend both as numbers and as text
        self._orders: list[Callable[[str], Any]] = []
        self._order_is_known = False

    def check(self, page: PageLike) -> list[bool]:
        """Return which rows of the page are new."""
        ascending = [order for order in self._orders if _is_ascending([self.cursor or "", *page.ids], order)]
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
            self.cursor = max(ids, key=self._orders[0]) if self._orders and not is_ascending else ids[-1]
        if not self._order_is_known and len(self._seen) >= MIN_ROWS_FOR_ORDER:
            self._order_is_known, self._orders = True, _orders_of(list(self._seen))
        if self._orders:
            self._seen = dict.fromkeys(ids)

    def interrupted(self, why: str) -> ScanInterrupted:
        return interruption(why, self.rows, self._handover, self._name, self.cursor)


@dataclass(frozen=True)
class _FetchedPage(Generic[PageT]):
    """A page that has arrived and is being parsed, and the cursor that is expected after it."""

    next_cursor: str | None
    parsed: asyncio.Task[PageT]


@dataclass(frozen=True)
class _PendingPage(Generic[PageT]):
    """A page in flight: the first one after an id, up to another id; None is an end of the list."""

    low: str | None
    high: str | None
    fetched: asyncio.Task[_FetchedPage[PageT]]


class Prefetcher(Generic[PageT]):
    """Prefetch pages of a list: request the next page before the caller needs it.

    A prefetched page begins where the one before is expected to end; if that ends elsewhere, the prefetched one is dropped, and
    the right one is requested.

    Attributes:
        has_more: Whether there is anything after the last page.
    """

    def __init__(self, request: PageRequest[PageT], concurrency: Concurrency) -> None:
        self._request, self._concurrency = request, concurrency
        self._key = request.layout.cursor
        self._pending: deque[_PendingPage[PageT]] = deque()
        self._expected: str | None = None
        self._splitter: IdRangeSplitter | None = None
        self._rows = 0
        self._connections, self._readers = asyncio.Semaphore(concurrency.maximum), asyncio.Semaphore(MAX_READERS)
        self.has_more = True

    async def page_after(self, cursor: str | None) -> PageT:
        """Return the page after a cursor."""
        if not self._pending or self._expected != cursor:
            await self.cancel_pending()
            self._pending.append(_PendingPage(cursor, None, asyncio.create_task(self._fetch(cursor, None))))
        if self._splitter is not None:
            return await self._page_of_ranges(cursor, self._splitter)
        fetched, is_due = await self._pending[0].fetched, self._concurrency.is_due
        self._pending.popleft()
        # requested before this page is parsed: waiting and parsing then cost the longer of both, not their sum
        if (after := fetched.next_cursor) is not None and not is_due and self._concurrency.prefetches:
            self._pending.append(_PendingPage(after, None, asyncio.create_task(self._fetch(after, None))))
        page = await fetched.parsed
        self._expected, self.has_more, self._rows = fetched.next_cursor, page.has_more, self._rows + len(page.ids)
        if is_due and page.has_more and page.ids:
            self._split(page.ids)
        return page

    async def cancel_pending(self) -> None:
        """Cancel the prefetched pages, and wait until nothing of them is running."""
        pending, self._pending, self._splitter = [*self._pending], deque(), None
        for page in pending:
            page.fetched.cancel()
        await shield_until_done(_ended(pending))

    def _split(self, ids: list[str]) -> None:
        """Request many ranges of ids at once, if the list can be split."""
        query = self._request.query
        self._splitter = split_after(ids, self._rows, self._request.size.most, query, self._key)
        self._concurrency.uses_id_ranges = self._splitter is not None
        self._expected = ids[-1]
        self._request_ranges()

    def _request_ranges(self) -> None:
        rows_ahead = MAX_ROWS_AHEAD // self._request.size.most + 1
        most = min(PAGES_PER_CONNECTION * self._concurrency.maximum, rows_ahead)
        while self._splitter and len(self._pending) < most and (id_range := self._splitter.next()):
            low, high = id_range
            self._pending.append(_PendingPage(low, high, asyncio.create_task(self._fetch(low, high))))

    async def _page_of_ranges(self, cursor: str | None, splitter: IdRangeSplitter) -> PageT:
        """Return the next page that has rows."""
        pending = self._pending[0]
        low, high = str(pending.low), pending.high
        page = await self._page_within(pending)
        if page is None:
            await self._stop_splitting()
            return await self.page_after(cursor)
        self._expected, self.has_more = page.ids[-1] if page.ids else cursor, page.has_more or high is not None
        if page.has_more:
            rest = page.ids[-1]
            self._pending.appendleft(_PendingPage(rest, high, asyncio.create_task(self._fetch(rest, high))))
        end = page.ids[-1] if page.has_more else high
        if end is not None and not splitter.record(low, end, len(page.ids)):
            await self._stop_splitting()
        self._request_ranges()
        return page if page.ids or not self.has_more else await self.page_after(cursor)

    async def _page_within(self, pending: _PendingPage[PageT]) -> PageT | None:
        """Return the page of a range; None if the service ignores the bounds or refuses them."""
        try:
            fetched = await pending.fetched
        except ApiError as error:
            if error.retryable:
                raise
            return None
        self._pending.popleft()
        page = await fetched.parsed
        is_within = between(page.ids, str(pending.low), pending.high) and (page.ids or not page.has_more)
        return page if is_within else None

    async def _stop_splitting(self) -> None:
        """Continue page after page: the list is not as its first rows suggested."""
        self._concurrency.uses_id_ranges = False
        await self.cancel_pending()

    async def _fetch(self, low: str | None, high: str | None) -> _FetchedPage[PageT]:
        bounds = {f"{self._key}_gt": low, f"{self._key}_lte": high}
        query = {**self._request.query, **{name: bound for name, bound in bounds.items() if bound is not None}}
        async with self._connections:
            response = await request_page(self._request.service, self._request.path, query, self._request.size)
        self._concurrency.record(response.extensions.get("waited", 0.0))
        cursor = last_id(response.content, self._request.layout)
        return _FetchedPage(cursor, asyncio.create_task(self._parse(query, response)))

    async def _parse(self, query: Mapping[str, str], response: Response) -> PageT:
        async def parse(body: bytes) -> PageT:
            async with self._readers:
                return await in_thread(self._request.read, body, self._request.layout)

        return await parse_page(self._request.service, self._request.path, query, self._request.size, response, parse)


async def _ended(pending: Sequence[_PendingPage[PageT]]) -> None:
    """Wait for cancelled requests; what had arrived before is not parsed any more."""
    pages = await asyncio.gather(*(page.fetched for page in pending), return_exceptions=True)
    parsing = [page.parsed for page in pages if isinstance(page, _FetchedPage)]
    for task in parsing:
        task.cancel()
    await asyncio.gather(*parsing, return_exceptions=True)


def is_in_id_order(ids: list[str]) -> bool:
    """Return whether ids ascend: as numbers if all are numbers, else as text."""
    return _orders_of(ids)[:1] == [_number if all(map(str.isdecimal, ids)) else str]


def _orders_of(ids: list[str]) -> list[Callable[[str], Any]]:
    """Return the keys by which ids ascend: as numbers, as text, both or neither."""
    orders: list[Callable[[str], Any]] = [_number, str] if all(map(str.isdecimal, ids)) else [str]
    return [order for order in orders if _is_ascending(ids, order)]


def _is_ascending(ids: list[str], key: Callable[[str], Any]) -> bool:
    # numbers of one length ascend as their text does, which needs no key for each
    keys: list[Any] = ids if key is str or len(set(map(len, ids))) == 1 else list(map(key, ids))
    return all(map(operator.lt, keys, keys[1:]))


def _number(text: str) -> tuple[int, str]:
    return len(text), text
