"""Where a walk is comes in; the page behind it goes out, which was asked for before it was wanted.

One page is ahead of a walk. Of a slow service, where the rest of a list can be cut by ids (`_cuts`), up to twice as many are
ahead as there may be requests at once: the rows are the same, in the same order.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from toloka_frames._errors import ApiError
from toloka_frames._reading.id_ranges import between, split_after
from toloka_frames._reading.page import last_id
from toloka_frames._runtime.event_loop import in_thread, shield_until_done

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from toloka_frames._reading.id_ranges import IdRangeSplitter
    from toloka_frames._schema.columns import Layout
    from toloka_frames._transport.http import ApiClient

# more do not make a list come faster where a page takes 100 ms, and are not many for the service
MAX_CONNECTIONS = 20
# more of them read no more pages a second: they wait for each other, and the requests wait for them
MAX_READERS = 2
# of a service that takes longer than this to begin each of its first answers, most of the time goes into waiting
SLOW_SECONDS = 0.025
SLOW_PAGES = 2
# twice as many pages are ahead as are asked for at once, because one that takes long holds up those behind it; so few rows
# that streams stay in bounds
PAGES_PER_CONNECTION = 2
MAX_ROWS_AHEAD = 50_000


class PageLike(Protocol):
    """What the walk needs to know of a page."""

    @property
    def ids(self) -> list[str]:
        """Cursor values of its rows."""

    @property
    def has_more(self) -> bool:
        """Whether the list goes on."""


PageT = TypeVar("PageT", bound="PageLike")


@dataclass
class Concurrency:
    """How many requests of a walk are on their way at once.

    Attributes:
        connections: So many at most; None is one, and more where the service is slow.
        shared: Whether the list is asked for in pieces; None before that is tried.
    """

    connections: int | None = None
    shared: bool | None = None
    _answers: int = 0
    _fastest: float = math.inf

    @property
    def most(self) -> int:
        """How many they can become."""
        return self.connections or MAX_CONNECTIONS

    @property
    def due(self) -> bool:
        """Whether it is time to decide."""
        if self.shared is not None or self.most == 1:
            return False
        return self.connections is not None or (self._answers >= SLOW_PAGES and self._fastest >= SLOW_SECONDS)

    def answered(self, seconds: float) -> None:
        """Take in how long an answer took to begin."""
        self._answers, self._fastest = self._answers + 1, min(self._fastest, seconds)


@dataclass(frozen=True)
class PageRequest(Generic[PageT]):
    """A list as it is walked.

    Attributes:
        service: Whom is asked.
        path: Where the list is.
        query: What is asked of it.
        layout: Its cursor, and what pages are read with.
        read: Makes a page of an answer's bytes.
        keep: Leaves rows out of a page.
    """

    service: ApiClient
    path: str
    query: Mapping[str, str]
    layout: Layout
    read: Callable[[bytes, Layout], PageT]
    keep: Callable[[PageT, Sequence[bool]], PageT]


@dataclass(frozen=True)
class _FetchedPage(Generic[PageT]):
    """A page that has come and is being read, and the cursor that is expected behind it."""

    next_cursor: str | None
    reading: asyncio.Task[PageT]


@dataclass(frozen=True)
class _PendingPage(Generic[PageT]):
    """A page on its way: the first behind an id, up to another; None is an end of the list. A cut was made by `_cuts`."""

    low: str | None
    high: str | None
    cut: bool
    begun: asyncio.Task[_FetchedPage[PageT]]


class Prefetcher(Generic[PageT]):
    """The pages of a walk.

    What is ahead begins where a page is expected to end; when it turns out to end elsewhere, that is dropped, and the right
    page is asked for.

    Attributes:
        more: Whether there is something behind the page that came last.
    """

    def __init__(self, asked: PageRequest[PageT], pace: Concurrency) -> None:
        self._asked, self._pace = asked, pace
        self._key = asked.layout.cursor
        self._pieces: deque[_PendingPage[PageT]] = deque()
        self._expected: str | None = None
        self._cuts: IdRangeSplitter | None = None
        self._rows = 0
        self._asking, self._reading = asyncio.Semaphore(pace.most), asyncio.Semaphore(MAX_READERS)
        self.more = True

    async def page_after(self, cursor: str | None) -> PageT:
        """The page behind a cursor."""
        if not self._pieces or self._expected != cursor:
            await self.cancel_pending()
            self._ask(cursor)
        return await (self._of_cut(cursor) if self._pieces[0].cut else self._of_walk())

    async def cancel_pending(self) -> None:
        """Give up what is ahead, and wait until nothing of it goes on."""
        pieces, self._pieces, self._cuts = [*self._pieces], deque(), None
        for piece in pieces:
            piece.begun.cancel()
        await shield_until_done(_ended(pieces))

    async def _of_walk(self) -> PageT:
        begun = await self._pieces[0].begun
        self._pieces.popleft()
        due = self._pace.due
        # the next request is on its way before this page is read: reading and waiting cost the longer of both, not their sum
        if begun.next_cursor is not None and not due:
            self._ask(begun.next_cursor)
        page = await begun.reading
        self._expected, self.more, self._rows = begun.next_cursor, page.has_more, self._rows + len(page.ids)
        if due and page.has_more and page.ids:
            self._share_out(page.ids)
        return page

    def _share_out(self, ids: list[str]) -> None:
        """Have many pages ahead, if the list can be cut."""
        query = self._asked.query
        self._cuts = split_after(ids, self._rows, int(query["limit"]), query, self._key)
        self._pace.shared = self._cuts is not None
        self._expected = ids[-1]
        self._fill()

    def _fill(self) -> None:
        most = min(PAGES_PER_CONNECTION * self._pace.most, MAX_ROWS_AHEAD // int(self._asked.query["limit"]) + 1)
        while self._cuts and len(self._pieces) < most and (piece := self._cuts.next()):
            self._pieces.append(self._piece(*piece, cut=True))

    async def _of_cut(self, cursor: str | None) -> PageT:
        """The next page that has rows."""
        piece = self._pieces[0]
        page = await self._kept_to(piece)
        if page is None or self._cuts is None:
            await self._give_up()
            return await self.page_after(cursor)
        self._expected, self.more = page.ids[-1] if page.ids else cursor, page.has_more or piece.high is not None
        if page.has_more:
            self._pieces.appendleft(self._piece(page.ids[-1], piece.high, cut=True))
        end = page.ids[-1] if page.has_more else piece.high
        if end is not None and not self._cuts.record(str(piece.low), end, len(page.ids)):
            await self._give_up()
        self._fill()
        return page if page.ids or not self.more else await self.page_after(cursor)

    async def _kept_to(self, piece: _PendingPage[PageT]) -> PageT | None:
        """The page of a piece; None where the service does not keep to its bounds, though it may to those of a walk."""
        try:
            begun = await piece.begun
        except ApiError as error:
            if error.retryable:
                raise
            return None
        self._pieces.popleft()
        page = await begun.reading
        kept = between(page.ids, str(piece.low), piece.high) and (page.ids or not page.has_more)
        return page if kept else None

    async def _give_up(self) -> None:
        """Go on as a walk: the list is not as it was thought to be."""
        self._pace.shared = False
        await self.cancel_pending()

    def _ask(self, cursor: str | None) -> None:
        self._pieces.append(self._piece(cursor, None, cut=False))

    def _piece(self, low: str | None, high: str | None, *, cut: bool) -> _PendingPage[PageT]:
        bounds = {f"{self._key}_gt": low, f"{self._key}_lte": high}
        query = {**self._asked.query, **{name: bound for name, bound in bounds.items() if bound is not None}}
        return _PendingPage(low, high, cut, asyncio.create_task(self._begin(query)))

    async def _begin(self, query: Mapping[str, str]) -> _FetchedPage[PageT]:
        async with self._asking:
            answer = await self._asked.service.send("GET", self._asked.path, query=query, repeatable=True)
        body = answer.content
        self._pace.answered(answer.extensions.get("waited", 0.0))
        return _FetchedPage(last_id(body, self._asked.layout), asyncio.create_task(self._read(body)))

    async def _read(self, body: bytes) -> PageT:
        async with self._reading:
            return await in_thread(self._asked.read, body, self._asked.layout)


async def _ended(pieces: Sequence[_PendingPage[PageT]]) -> None:
    """Wait for requests that are cancelled; those that were answered before are no longer read."""
    answers = await asyncio.gather(*(piece.begun for piece in pieces), return_exceptions=True)
    readings = [answer.reading for answer in answers if isinstance(answer, _FetchedPage)]
    for reading in readings:
        reading.cancel()
    await asyncio.gather(*readings, return_exceptions=True)
