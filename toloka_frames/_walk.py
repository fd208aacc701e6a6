"""A list and its filters come in, its pages go out one after another, each row once, and never without end."""

from __future__ import annotations

import asyncio
import operator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from toloka_frames import _specifications
from toloka_frames._columns import Layout, expanded
from toloka_frames._errors import ScanInterrupted, TolokaError
from toloka_frames._page import DictPage, Page, last_id, read_dicts, read_page
from toloka_frames._sync import in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

    from toloka_frames._http import Service
    from toloka_frames._question import Question


class AnyPage(Protocol):
    """What the walk needs to know of a page."""

    @property
    def ids(self) -> list[str]:
        """Cursor values of its rows."""

    @property
    def has_more(self) -> bool:
        """Whether the list goes on."""


P = TypeVar("P", bound="AnyPage")
T = TypeVar("T")

ORDER_ROWS = 20  # from so many rows on, it is no accident that their ids ascend


class Source:
    """A list and what is asked of it: where the rows of a scan come from, any number of times.

    Attributes:
        service: Whom is asked.
        question: What.
        limit: Rows a page.
    """

    def __init__(self, service: Service, question: Question, limit: str) -> None:
        self.service = service
        self.question = question
        self.limit = limit
        self._layout: Layout | None = None

    async def layout(self) -> Layout:
        """What pages are read with; asks for the specification once."""
        if self._layout is None:
            specification = await _specifications.of_list(self.service, self.question)
            columns = tuple(expanded(self.question.resource.columns, specification, self.service.web_url))
            self._layout = Layout(self.question.resource.rows, self.question.resource.cursor, columns)
        return self._layout

    async def body(self, query: Mapping[str, str]) -> bytes:
        """The bytes of one page; filters and order of `query` go before those of the question and the walk."""
        asked = {**self._query(), **query}
        return (await self.service.send("GET", self.question.path, query=asked, repeatable=True)).content

    async def pages(
        self, filters: Mapping[str, str] | None = None, waits: list[float] | None = None
    ) -> AsyncGenerator[tuple[str | None, Page], None]:
        """Pages as record batches, each with the cursor behind it.

        Args:
            filters: What goes before the filters of the question.
            waits: Gets the seconds until each answer began.
        """
        layout = await self.layout()
        pages = walk(self.service, self.question.path, self._query(filters), layout, read_page, Page.keep, waits)
        async with aclosing(pages):
            async for each in pages:
                yield each

    async def dicts(self) -> AsyncGenerator[DictPage, None]:
        """Pages with their rows as the wire has them."""
        layout = Layout(self.question.resource.rows, self.question.resource.cursor, ())
        pages = walk(self.service, self.question.path, self._query(), layout, read_dicts, DictPage.keep)
        async with aclosing(pages):
            async for _, page in pages:
                yield page

    def _query(self, filters: Mapping[str, str] | None = None) -> dict[str, str]:
        return {**self.question.query, **(filters or {}), "sort": self.question.resource.cursor, "limit": self.limit}


async def walk(
    service: Service,
    path: str,
    query: Mapping[str, str],
    layout: Layout,
    read: Callable[[bytes, Layout], P],
    keep: Callable[[P, Sequence[bool]], P],
    waits: list[float] | None = None,
) -> AsyncGenerator[tuple[str | None, P], None]:
    """Ask for page after page, in the order of the cursor, each behind the last row of the one before.

    Yields:
        The cursor behind the page, and the page.

    Raises:
        ApiError: The first page was refused.
        ScanInterrupted: A later page was, or the list's order is broken; rows that came before were handed over.
    """
    guard = _Guard(layout.cursor, query.get(f"{layout.cursor}_gt"))
    pages = _Pages(service, path, query, layout, read, [] if waits is None else waits)
    try:
        while True:
            try:
                page = await pages.behind(guard.cursor)
            except TolokaError as error:
                if guard.rows:
                    raise guard.interrupted(str(error)) from error
                raise
            wanted = guard.check(page)
            yield guard.cursor, page if all(wanted) else keep(page, wanted)
            if not page.has_more:
                return
    finally:
        await pages.forget()


class _Pages(Generic[P]):
    """The pages of a walk: while one is being read, the next is asked for and begun to be read.

    Its cursor is only expected then; when it turns out to be another one, the page is dropped and the right one is asked for.
    """

    def __init__(
        self,
        service: Service,
        path: str,
        query: Mapping[str, str],
        layout: Layout,
        read: Callable[[bytes, Layout], P],
        waits: list[float],
    ) -> None:
        self._service, self._path, self._query, self._layout, self._read = service, path, query, layout, read
        self._waits = waits
        self._expected: str | None = None
        self._ahead: asyncio.Task[_Begun[P]] | None = None

    async def behind(self, cursor: str | None) -> P:
        """The page behind a cursor."""
        if self._ahead is None or self._expected != cursor:
            await self.forget()
            self._ahead = asyncio.create_task(self._begin(cursor))
        begun = await self._ahead
        # the next request is on its way before this page is read: reading and waiting cost the longer of both, not their sum
        self._ahead, self._expected = None, begun.next_cursor
        if begun.next_cursor is not None:
            self._ahead = asyncio.create_task(self._begin(begun.next_cursor))
        return await begun.reading

    async def forget(self) -> None:
        """Give up the page that is ahead, and wait until nothing of it goes on."""
        ahead, self._ahead = self._ahead, None
        if ahead is None:
            return
        ahead.cancel()
        (begun,) = await asyncio.gather(ahead, return_exceptions=True)
        if isinstance(begun, _Begun):
            begun.reading.cancel()
            await asyncio.gather(begun.reading, return_exceptions=True)

    async def _begin(self, cursor: str | None) -> _Begun[P]:
        query = self._query if cursor is None else {**self._query, f"{self._layout.cursor}_gt": cursor}
        answer = await self._service.send("GET", self._path, query=query, repeatable=True)
        body = answer.content
        self._waits.append(answer.extensions.get("waited", 0.0))
        return _Begun(last_id(body, self._layout), asyncio.create_task(in_thread(self._read, body, self._layout)))


@dataclass(frozen=True)
class _Begun(Generic[P]):
    """A page that has come and is being read, and the cursor that is expected behind it."""

    next_cursor: str | None
    reading: asyncio.Task[P]


class _Guard:
    """Where a walk is, and what tells that the list repeats itself.

    While ids ascend (as numbers, or as text), a row that is not behind the last page can only be one of that page again; a list
    whose first rows are in no such order is remembered whole.
    """

    def __init__(self, key: str, cursor: str | None) -> None:
        self._name = key
        self.cursor = cursor
        self.rows = 0
        # a service may give the row of the cursor again
        self._seen: dict[str, None] = {} if cursor is None else {cursor: None}
        self._key: Callable[[str], Any] | None = None
        self._settled = False

    def check(self, page: AnyPage) -> list[bool]:
        """Which rows of the page are new."""
        wanted = [True] * len(page.ids) if self._all_behind(page.ids) else [self._is_new(each) for each in page.ids]
        if page.has_more and not any(wanted):
            raise self.interrupted("a page brought no new row and says that there are more.")
        self.rows += sum(wanted)
        self._remember(page.ids)
        return wanted

    def _all_behind(self, ids: list[str]) -> bool:
        if self._key is None or not ids:
            return False
        keys = list(map(self._key, ids))
        return self._key(self.cursor or "") < keys[0] and all(map(operator.lt, keys, keys[1:]))

    def _is_new(self, each: str) -> bool:
        if each in self._seen:
            return False
        if self._key and self._key(each) <= self._key(self.cursor or ""):
            raise self.interrupted(f"the row {each!r} came behind {self.cursor!r}, against the list's order.")
        self._seen[each] = None
        return True

    def _remember(self, ids: list[str]) -> None:
        if ids:
            self.cursor = max(ids, key=self._key) if self._key else ids[-1]
        if not self._settled and len(self._seen) >= ORDER_ROWS:
            self._settled, self._key = True, order_of(list(self._seen))
        if self._key:
            self._seen = dict.fromkeys(ids)

    def interrupted(self, why: str) -> ScanInterrupted:
        return ScanInterrupted(
            f"The pull ended after {self.rows:,} rows: {why}",
            cursor=self.cursor,
            rows=self.rows,
            hint=f"Go on behind the last row with {self._name}_gt={self.cursor!r}; a copy in a folder (to_parquet with "
            "resume=True, tf.sync) goes on by itself when the same call is run again.",
        )


def order_of(ids: list[str]) -> Callable[[str], Any] | None:
    """What ids ascend by: their number, their text, or nothing."""
    key = _number if all(map(str.isdecimal, ids)) else str
    keys: list[Any] = list(map(key, ids))
    return key if all(map(operator.lt, keys, keys[1:])) else None


def _number(text: str) -> tuple[int, str]:
    return len(text), text
