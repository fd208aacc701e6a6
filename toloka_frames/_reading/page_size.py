"""How many rows to request per page: fewer where the service could not manage a page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from toloka_frames._errors import TolokaError
from toloka_frames._runtime.current_tracker import current_progress
from toloka_frames._transport.auth import shown_content
from toloka_frames._transport.failures import was_late_or_cut
from toloka_frames._transport.http import uncount

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping

    from toloka_frames._transport.http import ApiClient, Response

ParsedT = TypeVar("ParsedT")

# A service that does not manage this many rows is in trouble whatever the number.
MIN_ROWS = 100
# After this many pages in a row, twice the rows are tried again; after each try that failed, twice as many pages.
PAGES_BEFORE_GROWTH = 8


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
