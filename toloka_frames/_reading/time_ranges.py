"""What came of a list comes in, what to ask for next goes out: the parts of the axis of creation time that are not pulled yet.

A page in the order of creation tells all that there is between the edge that it was asked from and its last row, so that an
edge moves to where rows really are. Nothing is asked here, and nothing waited for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# in microseconds; a service that keeps six digits of a second and prints three compares by what it keeps
PRECISION = 1_000
# where rows are too close for the order of creation to tell them apart, so much is walked by id: the longer of both
WINDOW = 16 * PRECISION
WINDOW_PAGES = 4.0
# rows of a page that the next one would bring again, as a share of it
CROWDED = 0.25
# a part of the axis is shared out among more connections while so many pages are expected of it beyond those asked for
PAGES_TO_JOIN = 1.0
PAGES_TO_SPLIT = 3.0
# how many times the rows that so long a time has elsewhere are believed between bursts, and how many pages in any case
TIMES_ELSEWHERE = 1.5
PAGES_BETWEEN_BURSTS = 4.0
# rows so many times as close together as elsewhere are a burst; how many times as many as came are expected of it still
BURST = 20.0
TIMES_A_BURST = 2.0
# a list is not more times as long as what is known of it
LIST_TIMES = 50.0
# and while of all requests no more than this share, and these few, brought nothing
WASTE_SHARE = 0.1
WASTE_PAGES = 12.0


@dataclass(eq=False)
class Boundary:
    """Where what is known ends.

    Attributes:
        at: The instant, in microseconds since 1970, that belongs to what is not known; infinite before the list's own end.
        density: Rows a microsecond in what is known beside it.
        asked: Whether a request from here is on its way.
        walk: How much is to be walked by id, because rows here are too close for the order of creation; else 0.
        guessed: Whether nothing is known beside it yet.
        burst_rows: How many rows it came through that are much closer together than elsewhere.
        burst_length: In how many microseconds.
    """

    at: float
    density: float = 0.0
    asked: bool = False
    walk: float = 0.0
    guessed: bool = False
    burst_rows: float = 0.0
    burst_length: float = 0.0


@dataclass(eq=False)
class UnfetchedRange:
    """A part of the axis that is not known, from one edge to the other, both included."""

    low: Boundary = field(default_factory=lambda: Boundary(-math.inf))
    high: Boundary = field(default_factory=lambda: Boundary(math.inf))

    @property
    def length(self) -> float:
        """In microseconds."""
        return self.high.at - self.low.at

    @property
    def bounded(self) -> bool:
        """Whether rows were seen on both sides."""
        return math.isfinite(self.length)

    @property
    def asked(self) -> int:
        """How many requests from its edges are on their way."""
        return self.low.asked + self.high.asked


@dataclass(frozen=True, eq=False)
class RangeRequest:
    """What to ask for.

    Attributes:
        edge: Where it begins.
        upward: The order: by creation, or the other way round.
        since: The earliest creation, in microseconds since 1970, or infinite.
        until: The latest.
        by_id: Whether all of it is to be walked by id, instead of one page in the order of creation.
    """

    edge: Boundary
    upward: bool
    since: float
    until: float
    by_id: bool = False


@dataclass(frozen=True)
class PageStats:
    """What a page was like.

    Attributes:
        early: The creation of the row behind its first quarter, in microseconds since 1970.
        last: That of its last row.
        rows: How many rows it had.
        again: The share of them that the next page would bring again.
        has_more: Whether there are more in what was asked for.
        new: How many of the rows had probably not come before.
    """

    early: float = math.nan
    last: float = math.nan
    rows: int = 0
    again: float = 0.0
    has_more: bool = False
    new: float = 0.0


class UnfetchedRanges:
    """What is not known of a list that is pulled in pages of so many rows."""

    def __init__(self, page_rows: int) -> None:
        self._page_rows = page_rows
        self._gaps = [UnfetchedRange()]
        self._walks = 0
        self._requests = 0
        self._new = 0.0
        # what is known: rows, and microseconds
        self._rows = 0
        self._length = 1.0

    @property
    def closed(self) -> bool:
        """Whether everything is known, whatever is still on its way."""
        return not self._gaps and not self._walks

    def next(self) -> RangeRequest | None:
        """What a free connection should ask for; None while what is on its way is enough."""
        for gap in sorted(self._gaps, key=self._expected, reverse=True):
            if ask := self._asked(gap):
                return ask
        return None

    def new(self, instants: Any) -> float:
        """The share of rows, by when they were made, that are in what is not known."""
        unknown = [(instants >= gap.low.at) & (instants <= gap.high.at) for gap in self._gaps]
        return float(np.any(unknown, axis=0).mean()) if unknown and len(instants) else 0.0

    def record(self, ask: RangeRequest, page: PageStats) -> None:
        """Take in what a page told."""
        ask.edge.asked = ask.edge.guessed = False
        self._requests, self._new = self._requests + 1, self._new + page.new
        if not page.has_more:
            self._seen(page.rows, ask.until - ask.since)
            self._gaps = [gap for gap in self._gaps if gap.low.at < ask.since or gap.high.at > ask.until]
            return
        start = ask.since if ask.upward else ask.until
        most = abs(page.last - page.early)
        length = abs(page.last - start) if math.isfinite(start) else most
        self._seen(page.rows, length)
        self._came_through(ask.edge, page.rows, length)
        if page.again > CROWDED or length <= PRECISION:
            ask.edge.walk = max(WINDOW, WINDOW_PAGES * most)
        # a row's instant is known to the service's precision only
        self._know(ask, page.last - PRECISION if ask.upward else page.last + PRECISION)

    def walked(self, ask: RangeRequest) -> None:
        """Take in that all was walked that was to be walked by id."""
        ask.edge.asked = ask.edge.guessed = False
        self._walks -= 1

    def _asked(self, gap: UnfetchedRange) -> RangeRequest | None:
        """A request for rows of a gap that are not on their way; from its middle, when both edges are asked from."""
        left = min(self._expected(gap) / self._page_rows, gap.length / WINDOW) - gap.asked
        if gap.asked and (left < PAGES_TO_JOIN or self._wasteful):
            return None
        if not gap.low.asked:
            return self._from(gap, gap.low)
        if not gap.high.asked:
            return self._from(gap, gap.high)
        if gap.bounded and left >= PAGES_TO_SPLIT:
            above = self._split(gap)
            return self._from(above, above.low)
        return None

    def _expected(self, gap: UnfetchedRange) -> float:
        """Rows that are probably there: as many as beside it, but between bursts hardly more than elsewhere in so long a time.

        A burst that was not seen to end is expected to go on for some times as long as it has been.
        """
        if not gap.bounded:
            return math.inf
        sparser, denser = sorted((gap.low.density, gap.high.density))
        if self._in_one_burst(gap):
            return gap.length * sparser
        elsewhere = TIMES_ELSEWHERE * gap.length * self._rows / self._length
        burst = TIMES_A_BURST * max(gap.low.burst_rows, gap.high.burst_rows)
        beside = min(gap.length * sparser, max(elsewhere, PAGES_BETWEEN_BURSTS * self._page_rows))
        return beside + min(gap.length * denser, burst)

    def _in_one_burst(self, gap: UnfetchedRange) -> bool:
        """Whether the bursts on both sides are one: between two, so many rows as would be there if it were are no list's."""
        low, high = gap.low, gap.high
        rows = gap.length * min(low.density, high.density)
        return low.burst_rows > 0 and high.burst_rows > 0 and rows <= LIST_TIMES * self._rows

    def _came_through(self, edge: Boundary, rows: int, length: float) -> None:
        edge.density = rows / max(length, 1.0)
        if edge.density > BURST * self._rows / self._length:
            edge.burst_rows, edge.burst_length = edge.burst_rows + rows, edge.burst_length + length
        else:
            edge.burst_rows = edge.burst_length = 0.0

    def _seen(self, rows: int, length: float) -> None:
        if math.isfinite(length):
            self._rows, self._length = self._rows + rows, self._length + length

    @property
    def _wasteful(self) -> bool:
        speculative = sum(edge.asked and edge.guessed for gap in self._gaps for edge in (gap.low, gap.high))
        return self._requests + speculative - self._new / self._page_rows > WASTE_PAGES + WASTE_SHARE * self._requests

    def _split(self, gap: UnfetchedRange) -> UnfetchedRange:
        """Cut a gap in two, in its middle or where a burst is that goes on for as long as it has been; the upper one."""
        low, high = gap.low, gap.high
        density, rows, half = (low.density + high.density) / 2, min(low.burst_rows, high.burst_rows), gap.length / 2
        burst = max(low, high, key=lambda edge: edge.burst_rows)
        length = half if self._in_one_burst(gap) else min(burst.burst_length or half, half)
        at = (low.at + length if burst is low else high.at - length) // 1
        above = UnfetchedRange(Boundary(at, density, guessed=True, burst_rows=rows), high)
        gap.high = Boundary(at, density, guessed=True, burst_rows=rows)
        self._gaps.append(above)
        return above

    def _from(self, gap: UnfetchedRange, edge: Boundary) -> RangeRequest:
        upward = edge is gap.low
        edge.asked = True
        if not edge.walk:
            return RangeRequest(edge, upward, gap.low.at, gap.high.at)
        since = gap.low.at if upward else max(gap.low.at, gap.high.at - edge.walk)
        until = min(gap.high.at, gap.low.at + edge.walk) if upward else gap.high.at
        ask = RangeRequest(edge, upward, since, until, by_id=True)
        edge.walk = 0.0
        self._walks += 1
        # nobody else asks for what this walk will bring
        self._know(ask, until + 1 if upward else since - 1)
        return ask

    def _know(self, ask: RangeRequest, end: float) -> None:
        """Move the edges between where a request began and where its answer ended."""
        for gap in self._gaps:
            if ask.upward and ask.since <= gap.low.at < end:
                gap.low.at = end
            elif not ask.upward and ask.until >= gap.high.at > end:
                gap.high.at = end
        self._gaps = [gap for gap in self._gaps if gap.low.at <= gap.high.at]
