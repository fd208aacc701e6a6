"""Track which ranges of creation time of a list have not been fetched yet, and pick the next request.

A page sorted by creation time contains all rows between the boundary that it was requested from and its last row, so the
boundary moves to where rows really are. This module sends no request and waits for nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# A service may keep timestamps in microseconds but return milliseconds, and compare by what it keeps. All lengths of time here
# are microseconds.
PRECISION_US = 1_000

# The values below were found with the simulated lists of tests/reading/test_time_ranges.py, of 100 pages each, which take 105
# to 130 requests. Halving or doubling any one of them changes the average number of requests there by about 5 % at most, and
# the average time by at most a quarter.

# If more than this share of a page would be repeated by the next page, because too many rows share a timestamp, a window is
# paged through by id instead. It has at least this length, and this many times the length of (three quarters of) the page.
MAX_REPEATED_SHARE = 0.25
MIN_ID_WINDOW_US = 16 * PRECISION_US
ID_WINDOW_PAGES = 4.0
# A range is requested from its other boundary too, or split between more connections, while at least this many pages are
# expected in it beyond those already requested.
MIN_PAGES_TO_JOIN = 1.0
MIN_PAGES_TO_SPLIT = 3.0
# The rows expected between bursts are limited to this multiple of the average density, but not to fewer than these pages.
MAX_TIMES_AVERAGE = 1.5
MIN_PAGES_LIMIT = 4.0
# Rows this many times denser than the average are a burst. A burst whose end is unknown is expected to have up to this multiple
# of its rows seen so far.
MIN_BURST_DENSITY = 20.0
MAX_BURST_GROWTH = 2.0
# A list is never assumed to be longer than this multiple of the rows fetched so far.
MAX_LIST_GROWTH = 50.0
# Further speculative requests need that no more than these pages, and this share of all requests, have brought no new rows.
MAX_WASTED_PAGES = 12.0
MAX_WASTED_SHARE = 0.1


@dataclass(eq=False)
class Boundary:
    """A boundary of an unfetched range.

    Attributes:
        at: The timestamp, in microseconds since 1970, which belongs to the range; infinite if the end of the list is unknown.
        density: Rows per microsecond of the fetched rows next to it.
        is_requested: Whether a request from here is in flight.
        id_window: The length of the window to page through by id, because rows share timestamps here; 0 for none.
        is_guess: Whether no rows next to it have been fetched yet.
        burst_rows: The number of fetched rows of the burst next to it.
        burst_length: The length of these.
    """

    at: float
    density: float = 0.0
    is_requested: bool = False
    id_window: float = 0.0
    is_guess: bool = False
    burst_rows: float = 0.0
    burst_length: float = 0.0


@dataclass(eq=False)
class UnfetchedRange:
    """A range of creation time that has not been fetched, including both boundaries."""

    low: Boundary = field(default_factory=lambda: Boundary(-math.inf))
    high: Boundary = field(default_factory=lambda: Boundary(math.inf))

    @property
    def length(self) -> float:
        """Its length; infinite if an end of the list is unknown."""
        return self.high.at - self.low.at

    @property
    def is_bounded(self) -> bool:
        """Whether rows have been fetched on both sides."""
        return math.isfinite(self.length)

    @property
    def requests(self) -> int:
        """The number of requests in flight from its boundaries."""
        return self.low.is_requested + self.high.is_requested


@dataclass(frozen=True, eq=False)
class RangeRequest:
    """A request for rows of an unfetched range.

    Attributes:
        boundary: Where it starts.
        is_ascending: Whether rows are sorted by creation time from the lower boundary, or in reverse from the upper one.
        since: The earliest creation time, in microseconds since 1970, or infinite.
        until: The latest creation time.
        by_id: Whether to page through all of it by id, instead of requesting one page sorted by creation time.
    """

    boundary: Boundary
    is_ascending: bool
    since: float
    until: float
    by_id: bool = False


@dataclass(frozen=True)
class PageStats:
    """The rows of a page that was sorted by creation time.

    Attributes:
        quarter: The creation time of the row after the first quarter, in microseconds since 1970.
        last: The creation time of the last row.
        rows: The number of rows.
        repeated_share: The share of the rows that the next page would repeat.
        has_more: Whether the requested range has more rows.
        new_rows: The number of rows that are probably fetched for the first time.
    """

    quarter: float = math.nan
    last: float = math.nan
    rows: int = 0
    repeated_share: float = 0.0
    has_more: bool = False
    new_rows: float = 0.0


class UnfetchedRanges:
    """The unfetched ranges of a list.

    Args:
        page_rows: Rows per page.
    """

    def __init__(self, page_rows: int) -> None:
        self._page_rows = page_rows
        self._ranges = [UnfetchedRange()]
        self._id_requests = 0
        self._requests = 0
        self._new_rows = 0.0
        self._fetched_rows = 0
        self._fetched_length = 1.0

    @property
    def is_complete(self) -> bool:
        """Whether all rows have been fetched, so that requests in flight can be cancelled."""
        return not self._ranges and not self._id_requests

    def next_request(self) -> RangeRequest | None:
        """Return the next request for a free connection; None while the requests in flight are enough."""
        for unfetched in sorted(self._ranges, key=self._expected_rows, reverse=True):
            if request := self._request_in(unfetched):
                return request
        return None

    def unfetched_share(self, timestamps: Any) -> float:
        """Return the share of rows, given their creation times, that are in unfetched ranges."""
        inside = [(timestamps >= unfetched.low.at) & (timestamps <= unfetched.high.at) for unfetched in self._ranges]
        return float(np.any(inside, axis=0).mean()) if inside and len(timestamps) else 0.0

    def record_page(self, request: RangeRequest, page: PageStats) -> None:
        """Record the page that a request has returned."""
        boundary = request.boundary
        boundary.is_requested = boundary.is_guess = False
        self._requests, self._new_rows = self._requests + 1, self._new_rows + page.new_rows
        if not page.has_more:
            self._add_fetched(page.rows, request.until - request.since)
            self._ranges = [
                unfetched for unfetched in self._ranges if unfetched.low.at < request.since or unfetched.high.at > request.until
            ]
            return
        start = request.since if request.is_ascending else request.until
        most_of_page = abs(page.last - page.quarter)
        length = abs(page.last - start) if math.isfinite(start) else most_of_page
        self._add_fetched(page.rows, length)
        self._set_density(boundary, page.rows, length)
        if page.repeated_share > MAX_REPEATED_SHARE or length <= PRECISION_US:
            boundary.id_window = max(MIN_ID_WINDOW_US, ID_WINDOW_PAGES * most_of_page)
        # a timestamp is only known to the service's precision
        self._move_boundaries(request, page.last - PRECISION_US if request.is_ascending else page.last + PRECISION_US)

    def record_id_window(self, request: RangeRequest) -> None:
        """Record that a window has been paged through by id."""
        request.boundary.is_requested = request.boundary.is_guess = False
        self._id_requests -= 1

    def _request_in(self, unfetched: UnfetchedRange) -> RangeRequest | None:
        """Return a request from a free boundary of a range, or from a new one inside it if both have a request in flight."""
        pages = min(self._expected_rows(unfetched) / self._page_rows, unfetched.length / MIN_ID_WINDOW_US)
        pages_left = pages - unfetched.requests
        if unfetched.requests and (pages_left < MIN_PAGES_TO_JOIN or self._is_wasteful):
            return None
        if not unfetched.low.is_requested:
            return self._request_from(unfetched, unfetched.low)
        if not unfetched.high.is_requested:
            return self._request_from(unfetched, unfetched.high)
        if unfetched.is_bounded and pages_left >= MIN_PAGES_TO_SPLIT:
            upper = self._split(unfetched)
            return self._request_from(upper, upper.low)
        return None

    def _expected_rows(self, unfetched: UnfetchedRange) -> float:
        """Estimate the rows of a range: as dense as next to it, but between bursts hardly denser than the list's average.

        A burst whose end has not been seen is expected to grow by a multiple of its rows.
        """
        if not unfetched.is_bounded:
            return math.inf
        sparser, denser = sorted((unfetched.low.density, unfetched.high.density))
        if self._is_within_burst(unfetched):
            return unfetched.length * sparser
        average_rows = unfetched.length * self._fetched_rows / self._fetched_length
        limit = max(MAX_TIMES_AVERAGE * average_rows, MIN_PAGES_LIMIT * self._page_rows)
        burst_limit = MAX_BURST_GROWTH * max(unfetched.low.burst_rows, unfetched.high.burst_rows)
        return min(unfetched.length * sparser, limit) + min(unfetched.length * denser, burst_limit)

    def _is_within_burst(self, unfetched: UnfetchedRange) -> bool:
        """Whether the bursts on both sides are probably the same: unless the range would then have implausibly many rows."""
        low, high = unfetched.low, unfetched.high
        rows = unfetched.length * min(low.density, high.density)
        return low.burst_rows > 0 and high.burst_rows > 0 and rows <= MAX_LIST_GROWTH * self._fetched_rows

    def _set_density(self, boundary: Boundary, rows: int, length: float) -> None:
        boundary.density = rows / max(length, 1.0)
        if boundary.density > MIN_BURST_DENSITY * self._fetched_rows / self._fetched_length:
            boundary.burst_rows, boundary.burst_length = boundary.burst_rows + rows, boundary.burst_length + length
        else:
            boundary.burst_rows = boundary.burst_length = 0.0

    def _add_fetched(self, rows: int, length: float) -> None:
        if math.isfinite(length):
            self._fetched_rows, self._fetched_length = self._fetched_rows + rows, self._fetched_length + length

    @property
    def _is_wasteful(self) -> bool:
        boundaries = [boundary for unfetched in self._ranges for boundary in (unfetched.low, unfetched.high)]
        speculative = sum(boundary.is_requested and boundary.is_guess for boundary in boundaries)
        wasted = self._requests + speculative - self._new_rows / self._page_rows
        return wasted > MAX_WASTED_PAGES + MAX_WASTED_SHARE * self._requests

    def _split(self, unfetched: UnfetchedRange) -> UnfetchedRange:
        """Split a range in the middle, or at the expected end of a burst; return the upper part."""
        low, high = unfetched.low, unfetched.high
        density, burst_rows = (low.density + high.density) / 2, min(low.burst_rows, high.burst_rows)
        half = unfetched.length / 2
        burst = max(low, high, key=lambda boundary: boundary.burst_rows)
        # a burst is expected to continue for as long as it has been followed
        length = half if self._is_within_burst(unfetched) else min(burst.burst_length or half, half)
        at = (low.at + length if burst is low else high.at - length) // 1
        upper = UnfetchedRange(Boundary(at, density, is_guess=True, burst_rows=burst_rows), high)
        unfetched.high = Boundary(at, density, is_guess=True, burst_rows=burst_rows)
        self._ranges.append(upper)
        return upper

    def _request_from(self, unfetched: UnfetchedRange, boundary: Boundary) -> RangeRequest:
        is_ascending = boundary is unfetched.low
        boundary.is_requested = True
        if not boundary.id_window:
            return RangeRequest(boundary, is_ascending, unfetched.low.at, unfetched.high.at)
        since = unfetched.low.at if is_ascending else max(unfetched.low.at, unfetched.high.at - boundary.id_window)
        until = min(unfetched.high.at, unfetched.low.at + boundary.id_window) if is_ascending else unfetched.high.at
        request = RangeRequest(boundary, is_ascending, since, until, by_id=True)
        boundary.id_window = 0.0
        self._id_requests += 1
        # excluded at once, so that no other request fetches the same rows
        self._move_boundaries(request, until + 1 if is_ascending else since - 1)
        return request

    def _move_boundaries(self, request: RangeRequest, end: float) -> None:
        """Move the boundaries between the start of a request and the end of the rows that it fetches; drop empty ranges."""
        for unfetched in self._ranges:
            if request.is_ascending and request.since <= unfetched.low.at < end:
                unfetched.low.at = end
            elif not request.is_ascending and request.until >= unfetched.high.at > end:
                unfetched.high.at = end
        self._ranges = [unfetched for unfetched in self._ranges if unfetched.low.at <= unfetched.high.at]
