"""The ranges of ids of a list that have not been fetched yet, which one to request next, and where to cut one in two.

The ranges are in the order of the list and leave no id out, wherever they are cut: estimates only affect the number of requests
and the time. This module sends no request and waits for nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import inf, sqrt
from typing import TYPE_CHECKING, Generic, Protocol, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toloka_frames._reading.id_axis import IdAxis

# Doubling or halving one of these changes the requests for the lists of tests/reading/test_id_ranges.py by 3 % on average.

# A range that is to hold a page is cut this many standard deviations before it is full, so that 1 in 40 needs a second request.
MARGIN_DEVIATIONS = 2.0
# The margin of small pages is large: below this share of a page per range, cutting in halves takes fewer requests.
MIN_SHARE_OF_PAGE = 0.8
# Each cut leaves a page that is not full. It is not worthwhile for fewer pages than these.
MIN_PAGES_TO_CUT = 4.0
# The share of pages that cuts at wrong places may waste. Until its rows are here, a request for a new range counts as a wasted
# page, or as this much of one if it is for the rows that are expected next.
MAX_WASTED_SHARE = 0.12
NEAR_GUESS_RISK = 0.5
# Where a range would have more than this multiple of all rows seen, its first rows are a burst, and tell nothing of the others.
MAX_GROWTH = 100


class IdPage(Protocol):
    """What is needed of a page."""

    @property
    def ids(self) -> list[str]:
        """The ids of its rows."""

    @property
    def has_more(self) -> bool:
        """Whether the list has rows after this page."""

    def keep(self, wanted: Sequence[bool]) -> Self:
        """Return the page with the wanted rows only."""

    def reversed(self) -> Self:
        """Return the page with its rows in reverse order."""


PageT = TypeVar("PageT", bound=IdPage)


@dataclass(eq=False)
class IdRange(Generic[PageT]):
    """A range of ids, and the pages that were fetched from its beginning.

    Attributes:
        low: The id that it begins after: of the last fetched row, or where it was cut.
        high: The last id that belongs to it; None is the end of the list.
        start: The position of `low`.
        end: The position of `high`, or where the list is expected to end; None if that is not known yet.
        density: The expected number of rows per position.
        is_guess: Whether no row of it has been fetched.
        is_requested: Whether a request for a page of it is in flight, or has failed.
        is_complete: Whether all its rows have been fetched.
        pages: The fetched pages that were not taken yet.
        error: The error of its last request.
    """

    low: str
    high: str | None
    start: int
    end: int | None
    density: float
    is_guess: bool = False
    is_requested: bool = False
    is_complete: bool = False
    pages: list[PageT] = field(default_factory=list)
    error: Exception | None = None

    @property
    def expected_rows(self) -> float:
        """The number of rows if all of it is as dense as its first rows."""
        return 0.0 if self.end is None or self.is_complete else (self.end - self.start) * self.density


class RangeQueue(Generic[PageT]):
    """The rest of a list after its first pages, in ranges.

    Args:
        axis: The axis of its ids.
        first: The id of the first row.
        last: The id of the last row of the first pages.
        rows: The number of their rows.
        page_rows: Returns the rows per page.
        most_pages: The most pages that may be requested, or fetched and not taken yet. If given, the ranges that come next in
            the list are requested first.
    """

    def __init__(
        self, axis: IdAxis, first: str, last: str, rows: int, page_rows: Callable[[], int], most_pages: float = inf
    ) -> None:
        self._axis, self._page_rows, self._most_pages = axis, page_rows, most_pages
        self.is_even = False
        self._rows, self._requests, self._wasted = rows, 0, 0.0
        start = axis.position(last)
        self._length = max(start - axis.position(first), 1)
        self._ranges = [IdRange[PageT](last, None, start, None, rows / self._length)]

    def set_even(self, start: int, end: int) -> None:
        """Expect rows to be evenly distributed between two positions."""
        self.is_even, first = True, self._ranges[0]
        self._length = first.start - start
        first.density, first.end = self._rows / self._length, end

    def set_last_page(self, page: PageT) -> None:
        """Set the last page of the list, so that ranges before it can be cut."""
        if not self._ranges or self._ranges[-1].is_complete:
            return
        part, order = self._ranges[-1], self._axis.order
        fetched = bisect_right(page.ids, order(part.low), key=order)
        ids = page.ids[fetched:]
        if not ids:
            return
        # the first one stays in the range before, whose end it is
        rest = page.keep([row > fetched for row in range(len(page.ids))])
        self._ranges.append(replace(part, low=ids[0], is_guess=False, is_requested=False, is_complete=True, pages=[rest]))
        part.high, part.end = ids[0], self._axis.position(ids[0])

    @property
    def is_empty(self) -> bool:
        """Whether all pages were fetched and taken."""
        return not self._ranges

    def next(self) -> IdRange[PageT] | None:
        """Return the range to request a page of: the first idle one, or a part of another; None if that is not worthwhile."""
        idle = next((part for part in self._ranges if not part.is_requested and not part.is_complete), None)
        pages = sum(len(part.pages) + part.is_requested for part in self._ranges)
        if pages >= self._most_pages and idle is not self._ranges[0]:
            return None
        if (part := idle or self._cut_off()) is not None:
            part.is_requested = True
        return part

    def take(self) -> PageT | None:
        """Return the next page in the order of the list; None if it was not fetched yet.

        Raises:
            Exception: The error of the range whose page would be next.
        """
        while self._ranges:
            first = self._ranges[0]
            if first.pages:
                return first.pages.pop(0)
            if first.error is not None:
                raise first.error
            if not first.is_complete:
                return None
            self._ranges.pop(0)
        return None

    def fail(self, part: IdRange[PageT], error: Exception) -> None:
        """Record the error of a request; ranges after it are not fetched any more."""
        if part in self._ranges:
            part.error = error
            del self._ranges[self._ranges.index(part) + 1 :]

    def record(self, part: IdRange[PageT], page: PageT) -> None:
        """Record the page that a request for a range has returned."""
        if part not in self._ranges:  # a request before it failed meanwhile
            return
        inside = self._inside(part, page)
        part.is_requested, part.is_complete = False, inside is not page or not page.has_more
        self._requests, self._wasted = self._requests + 1, self._wasted + max(1 - len(inside.ids) / self._rows_per_cut, 0)
        if inside.ids:
            self._follow(part, inside)
        part.is_guess = False

    def _inside(self, part: IdRange[PageT], page: PageT) -> PageT:
        """Return the rows of a page that belong to its range, which may have been cut since the request."""
        if part.high is None:
            return page
        order = self._axis.order
        rows = bisect_right(page.ids, order(part.high), key=order)
        return page if rows == len(page.ids) else page.keep([row < rows for row in range(len(page.ids))])

    def _follow(self, part: IdRange[PageT], page: PageT) -> None:
        """Expect the rest of a range to be as dense as this page, and that of an even list as dense as all pages."""
        start = self._axis.position(page.ids[0]) if part.is_guess else part.start
        end = self._axis.position(page.ids[-1])
        self._rows, self._length = self._rows + len(page.ids), self._length + end - part.start
        part.low, part.start, part.density = page.ids[-1], end, len(page.ids) / max(end - start, 1)
        if self.is_even:
            self._ranges[-1].density = self._rows / self._length
        part.pages.append(page)

    def _cut_off(self) -> IdRange[PageT] | None:
        """Cut the range with the most expected rows in two, or the last one; return the upper part."""
        parts = [part for part in self._ranges if not part.is_complete and not part.error]
        by_rows = sorted(parts, key=lambda part: part.expected_rows, reverse=True)
        for part in parts[-1:] if self._is_in_order else by_rows:
            rows = 0 if self._is_wasteful(part) else self._rows_to_keep(part)
            if not rows:
                continue
            at = part.start + int(rows / part.density)
            low = self._axis.id_at(at)
            if self._axis.between([low], part.low, part.high):
                upper = replace(part, low=low, start=at, is_guess=True, pages=[])
                part.high, part.end = low, at
                self._ranges.insert(self._ranges.index(part) + 1, upper)
                return upper
        return None

    def _rows_to_keep(self, part: IdRange[PageT]) -> float:
        """Return the expected rows of the lower part if a range is cut in two; 0 if it is not to be cut."""
        page_rows, is_burst = self._page_rows(), self._begins_with_burst(part)
        pages = part.expected_rows / page_rows
        if self._is_in_order:
            return self._rows_per_cut if pages > 1 and self._are_pages_large else 0
        if pages < MIN_PAGES_TO_CUT or (is_burst and part.is_guess):
            return 0
        # other bursts are looked for, and the end of this one where there is none behind it
        return page_rows * (MIN_PAGES_TO_CUT if is_burst and self._is_before_gap(part) else round(pages / 2))

    def _is_before_gap(self, part: IdRange[PageT]) -> bool:
        """Whether the range after a range has no rows."""
        return any(low is part and high.is_complete and not high.pages for low, high in pairwise(self._ranges))

    @property
    def _is_in_order(self) -> bool:
        return self._most_pages < inf or (self.is_even and self._are_pages_large)

    def _is_wasteful(self, part: IdRange[PageT]) -> bool:
        """Whether cuts have wasted many pages, or may do so."""
        guesses = sum(other.is_guess for other in self._ranges)
        is_near = self._is_in_order and not self._begins_with_burst(part)
        risk = 0 if self.is_even else NEAR_GUESS_RISK if is_near else 1
        return self._wasted + risk * guesses > MAX_WASTED_SHARE * (self._requests + guesses)

    def _begins_with_burst(self, part: IdRange[PageT]) -> bool:
        return part.expected_rows > MAX_GROWTH * self._rows

    @property
    def _rows_per_cut(self) -> float:
        # the variance of the rows in a range, plus that of the estimated density
        page_rows = self._page_rows()
        return max(page_rows - MARGIN_DEVIATIONS * sqrt(page_rows + page_rows**2 / self._rows), 1)

    @property
    def _are_pages_large(self) -> bool:
        return self._rows_per_cut >= MIN_SHARE_OF_PAGE * self._page_rows()
