"""Fetch the rest of a list over several connections, and hand its pages over in the order of the list.

Each request is for one page of a range of ids. What is left of the range goes back to the queue, which cuts ranges in two while
connections are free. The pages before a failed request are handed over, and then its error is raised.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

from toloka_frames._errors import ApiError
from toloka_frames._reading.id_axis import bounds_of
from toloka_frames._reading.id_ranges import IdPage
from toloka_frames._runtime.event_loop import shield_until_done

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

    from toloka_frames._reading.id_axis import IdAxis
    from toloka_frames._reading.id_ranges import IdRange, RangeQueue

PageT = TypeVar("PageT", bound=IdPage)


class UnsplittableError(Exception):
    """The service ignores or refuses bounds or the sort order, so only paging through the list finds all rows."""


class RangePull(Generic[PageT]):
    """Requests of pages of a queue's ranges.

    Args:
        queue: The ranges.
        axis: The axis of the ids.
        fetch: Requests a page with filters and a sort order, and parses it.
        key: The name of ids in filters.
        most_requests: The most requests at once, with pages that are being parsed.
    """

    def __init__(
        self,
        queue: RangeQueue[PageT],
        axis: IdAxis,
        fetch: Callable[[Mapping[str, str]], Awaitable[PageT]],
        key: str,
        most_requests: int,
    ) -> None:
        self._queue, self._axis, self._fetch, self._key = queue, axis, fetch, key
        self._most_requests = most_requests
        self._requests = set[asyncio.Task[None]]()

    async def pages(self, cursor: str) -> AsyncGenerator[PageT, None]:
        """Yield the pages after a row that have rows, in the order of the list.

        Raises:
            UnsplittableError: If the pages after those yielded have to be requested one after another.
            TolokaError: If a request fails.
        """
        try:
            if not self._queue.is_even:
                self._requests.add(asyncio.create_task(self._fetch_last_page(cursor)))
            while not self._queue.is_empty:
                self._start_requests()
                if (page := self._queue.take()) is not None:
                    yield page
                elif self._requests:
                    done, self._requests = await asyncio.wait(self._requests, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        task.result()
        finally:
            for task in self._requests:
                task.cancel()
            await shield_until_done(asyncio.gather(*self._requests, return_exceptions=True))

    def _start_requests(self) -> None:
        self._requests = {task for task in self._requests if not task.done() or task.exception()}
        while len(self._requests) < self._most_requests and (part := self._queue.next()) is not None:
            self._requests.add(asyncio.create_task(self._fetch_page(part)))

    async def _fetch_page(self, part: IdRange[PageT]) -> None:
        try:
            page = await self._within(bounds_of(self._key, part.low, part.high), part.low, part.high)
        except Exception as error:  # noqa: BLE001 -- raised after the pages before it
            self._queue.fail(part, error)
        else:
            self._queue.record(part, page)

    async def _fetch_last_page(self, cursor: str) -> None:
        order = {f"{self._key}_gt": cursor, "sort": f"-{self._key}"}
        self._queue.set_last_page(await self._within(order, cursor, None, is_descending=True))

    async def _within(self, query: Mapping[str, str], low: str, high: str | None, *, is_descending: bool = False) -> PageT:
        """Return a page in ascending order.

        Raises:
            UnsplittableError: If the service refuses the bounds or the order, or returns other rows.
            TolokaError: If the request fails.
        """
        try:
            page = await self._fetch(query)
        except ApiError as error:
            if error.retryable:
                raise
            raise UnsplittableError from error
        page = page.reversed() if is_descending else page
        if not self._axis.between(page.ids, low, high) or (page.has_more and not page.ids):
            raise UnsplittableError
        return page
