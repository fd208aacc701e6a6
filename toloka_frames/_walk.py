"""A list and its filters come in, its pages go out one after another, each row once, and never without end."""

from __future__ import annotations

import asyncio
import itertools
import operator
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from toloka_frames._errors import ScanInterrupted, TolokaError
from toloka_frames._page import last_id
from toloka_frames._sync import in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

    from toloka_frames._columns import Layout
    from toloka_frames._http import Service


class AnyPage(Protocol):
    """What the walk needs to know of a page."""

    @property
    def ids(self) -> list[str]:
        """Cursor values of its rows."""

    @property
    def has_more(self) -> bool:
        """Whether the list goes on."""


P = TypeVar("P", bound="AnyPage")


async def walk(
    service: Service,
    path: str,
    query: Mapping[str, str],
    layout: Layout,
    read: Callable[[bytes, Layout], P],
    keep: Callable[[P, Sequence[bool]], P],
) -> AsyncGenerator[P, None]:
    """Ask for page after page, in the order of the cursor, each behind the last row of the one before.

    Raises:
        ApiError: The first page was refused.
        ScanInterrupted: A later page was, or the list's order is broken; rows that came before were handed over.
    """
    guard = _Guard(query.get(f"{layout.cursor}_gt"))
    requests = _Requests(service, path, query, f"{layout.cursor}_gt")
    try:
        while True:
            try:
                body = await requests.page(guard.cursor)
                requests.expect(last_id(body, layout))
                page = await in_thread(read, body, layout)
            except TolokaError as error:
                if guard.rows:
                    raise guard.interrupted(str(error)) from error
                raise
            wanted = guard.check(page)
            yield page if all(wanted) else keep(page, wanted)
            if not page.has_more:
                return
    finally:
        await requests.forget()


class _Requests:
    """The requests of a walk: each next one goes out while the page before it is still being read.

    Its cursor is only expected then; when it turns out to be another one, the answer is dropped and the right one is asked for.
    """

    def __init__(self, service: Service, path: str, query: Mapping[str, str], bound: str) -> None:
        self._service, self._path, self._query, self._bound = service, path, query, bound
        self._ahead: asyncio.Task[bytes] | None = None
        self._expected: str | None = None

    async def page(self, cursor: str | None) -> bytes:
        """The bytes of the page behind a cursor."""
        ahead = self._ahead
        if ahead is not None and self._expected == cursor:
            self._ahead = None
            return await ahead
        await self.forget()
        return await self._ask(cursor)

    def expect(self, cursor: str | None) -> None:
        """Ask for the page behind a cursor before anybody wants it; None expects none."""
        if cursor is not None:
            self._expected, self._ahead = cursor, asyncio.create_task(self._ask(cursor))

    async def forget(self) -> None:
        """Give up the request that is ahead, and wait until it has ended."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)

    async def _ask(self, cursor: str | None) -> bytes:
        query = self._query if cursor is None else {**self._query, self._bound: cursor}
        return (await self._service.send("GET", self._path, query=query, repeatable=True)).content


class _Guard:
    """Where a walk is, and what tells that the list repeats itself.

    While ids ascend (as numbers, or as text), a row that is not behind the last page can only be one of that page again; a list
    whose first page is in no such order is remembered whole.
    """

    def __init__(self, cursor: str | None) -> None:
        self.cursor = cursor
        self.rows = 0
        self._seen: set[str] = set()
        self._key: Callable[[str], Any] | None = None

    def check(self, page: AnyPage) -> list[bool]:
        """Which rows of the page are new."""
        if not self.rows:
            self._key = _order(page.ids)
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
        behind = not self.rows or self._key(self.cursor or "") < keys[0]
        return behind and all(map(operator.lt, keys, keys[1:]))

    def _is_new(self, each: str) -> bool:
        if each in self._seen:
            return False
        if self._key and self.rows and self._key(each) <= self._key(self.cursor or ""):
            raise self.interrupted(f"the row {each!r} came behind {self.cursor!r}, against the list's order.")
        self._seen.add(each)
        return True

    def _remember(self, ids: list[str]) -> None:
        if self._key:
            self._seen = set(ids)
        if ids:
            self.cursor = max(ids, key=self._key) if self._key else ids[-1]

    def interrupted(self, why: str) -> ScanInterrupted:
        return ScanInterrupted(
            f"The pull ended after {self.rows:,} rows: {why}",
            cursor=self.cursor,
            rows=self.rows,
            hint=f"Go on behind the last row with id_gt={self.cursor!r}.",
        )


def _order(ids: list[str]) -> Callable[[str], Any] | None:
    """What the ids of a page ascend by: their number, their text, or nothing."""
    key = int if all(map(str.isdecimal, ids)) else str
    keys: list[Any] = list(map(key, ids))
    return key if all(one <= other for one, other in itertools.pairwise(keys)) else None
