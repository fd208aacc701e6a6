"""A list and its filters come in, its pages go out one after another, each row once, and never without end."""

from __future__ import annotations

import operator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from toloka_frames._errors import ScanInterrupted, TolokaError
from toloka_frames._reading import field_specs
from toloka_frames._reading.page import DictPage, Page, read_dicts, read_page
from toloka_frames._reading.prefetch import Concurrency, PageRequest, PageT, Prefetcher
from toloka_frames._schema.columns import Layout, expand_columns

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from toloka_frames._reading.list_request import ListRequest
    from toloka_frames._reading.prefetch import PageLike
    from toloka_frames._transport.http import ApiClient

COPY_HINT = "a copy in a folder (to_parquet with resume=True, tf.sync) goes on by itself when the same call is run again."
MIN_ROWS_FOR_ORDER = 20  # from so many rows on, it is no accident that their ids ascend


class Source:
    """A list and what is asked of it: where the rows of a scan come from, any number of times.

    Attributes:
        service: Whom is asked.
        question: What.
        limit: Rows a page.
    """

    def __init__(self, service: ApiClient, question: ListRequest, limit: str) -> None:
        self.service = service
        self.question = question
        self.limit = limit
        self._layout: Layout | None = None

    async def layout(self) -> Layout:
        """What pages are read with; asks for the specification once."""
        if self._layout is None:
            specification = await field_specs.of_list(self.service, self.question)
            columns = tuple(expand_columns(self.question.resource.columns, specification, self.service.web_url))
            self._layout = Layout(self.question.resource.rows_key, self.question.resource.cursor, columns)
        return self._layout

    async def body(self, query: Mapping[str, str]) -> bytes:
        """The bytes of one page; filters and order of `query` go before those of the question and the walk."""
        asked = {**self._query(), **query}
        return (await self.service.send("GET", self.question.path, query=asked, repeatable=True)).content

    async def pages(
        self, filters: Mapping[str, str] | None = None, pace: Concurrency | None = None
    ) -> AsyncGenerator[tuple[str | None, Page], None]:
        """Pages as record batches, each with the cursor behind it.

        Args:
            filters: What goes before the filters of the question.
            pace: How many requests are on their way at once; when not given, more than one where the service is slow.
        """
        asked = PageRequest(self.service, self.question.path, self._query(filters), await self.layout(), read_page, Page.keep)
        async with aclosing(pages_of(asked, pace or Concurrency())) as pages:
            async for each in pages:
                yield each

    async def dicts(self) -> AsyncGenerator[DictPage, None]:
        """Pages with their rows as the wire has them."""
        layout = Layout(self.question.resource.rows_key, self.question.resource.cursor, ())
        asked = PageRequest(self.service, self.question.path, self._query(), layout, read_dicts, DictPage.keep)
        async with aclosing(pages_of(asked, Concurrency())) as pages:
            async for _, page in pages:
                yield page

    def _query(self, filters: Mapping[str, str] | None = None) -> dict[str, str]:
        return {**self.question.query, **(filters or {}), "sort": self.question.resource.cursor, "limit": self.limit}


async def pages_of(asked: PageRequest[PageT], pace: Concurrency) -> AsyncGenerator[tuple[str | None, PageT], None]:
    """Ask for page after page, in the order of the cursor, each behind the last row of the one before.

    Yields:
        The cursor behind the page, and the page.

    Raises:
        ApiError: The first page was refused.
        ScanInterrupted: A later page was, or the list's order is broken; rows that came before were handed over.
    """
    key = asked.layout.cursor
    guard, pages = _OrderGuard(key, asked.query.get(f"{key}_gt")), Prefetcher(asked, pace)
    try:
        while pages.more:
            try:
                page = await pages.page_after(guard.cursor)
            except TolokaError as error:
                if guard.rows:
                    raise guard.interrupted(str(error)) from error
                raise
            wanted = guard.check(page)
            yield guard.cursor, page if all(wanted) else asked.keep(page, wanted)
    finally:
        await pages.cancel_pending()


class _OrderGuard:
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

    def check(self, page: PageLike) -> list[bool]:
        """Which rows of the page are new."""
        behind = self._all_behind(page.ids)
        wanted = [True] * len(page.ids) if behind else [self._is_new(each) for each in page.ids]
        if page.has_more and not any(wanted):
            raise self.interrupted("a page brought no new row and says that there are more.")
        self.rows += sum(wanted)
        self._remember(page.ids, ascend=behind)
        return wanted

    def _all_behind(self, ids: list[str]) -> bool:
        return self._key is not None and _is_ascending([self.cursor or "", *ids], self._key)

    def _is_new(self, each: str) -> bool:
        if each in self._seen:
            return False
        if self._key and self._key(each) <= self._key(self.cursor or ""):
            raise self.interrupted(f"the row {each!r} came behind {self.cursor!r}, against the list's order.")
        self._seen[each] = None
        return True

    def _remember(self, ids: list[str], *, ascend: bool) -> None:
        if ids:
            self.cursor = max(ids, key=self._key) if self._key and not ascend else ids[-1]
        if not self._settled and len(self._seen) >= MIN_ROWS_FOR_ORDER:
            self._settled, self._key = True, sort_key_of(list(self._seen))
        if self._key:
            self._seen = dict.fromkeys(ids)

    def interrupted(self, why: str) -> ScanInterrupted:
        return ScanInterrupted(
            f"The pull ended after {self.rows:,} rows: {why}",
            cursor=self.cursor,
            rows=self.rows,
            hint=f"Go on behind the last row with {self._name}_gt={self.cursor!r}; {COPY_HINT}",
        )


def sort_key_of(ids: list[str]) -> Callable[[str], Any] | None:
    """What ids ascend by: their number, their text, or nothing."""
    key = _number if all(map(str.isdecimal, ids)) else str
    return key if _is_ascending(ids, key) else None


def _is_ascending(ids: list[str], key: Callable[[str], Any]) -> bool:
    # numbers of one length ascend as their text does, which is told without a key for each
    keys: list[Any] = ids if key is str or len(set(map(len, ids))) == 1 else list(map(key, ids))
    return all(map(operator.lt, keys, keys[1:]))


def _number(text: str) -> tuple[int, str]:
    return len(text), text
