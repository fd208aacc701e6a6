"""What is asked for next leaves no row out, and is hardly more than the pages that the rows fill."""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toloka_frames._reading.time_ranges import PRECISION, PageStats, UnfetchedRanges

if TYPE_CHECKING:
    from collections.abc import Callable

    from toloka_frames._reading.time_ranges import RangeRequest

    Moments = np.ndarray[Any, np.dtype[np.int64]]

PAGE = 1_000
SECOND = 10**6
YEAR = 365 * 86_400 * SECOND


class Service:
    """Rows by when they were made, in microseconds, of which the last three digits are not shown; and the time it takes."""

    def __init__(self, moments: Moments, seed: int = 0) -> None:
        self.moments = np.sort(moments)
        self.seen = np.zeros(len(moments), dtype=bool)
        self.requests = 0
        self._random = np.random.default_rng(seed)

    def seconds(self, ask: RangeRequest) -> float:
        """How long an answer takes; a walk by id has page after page."""
        first, last = self._rows(ask)
        pages = max(1, math.ceil((last - first) / PAGE)) if ask.by_id else 1
        self.requests += pages
        return float(pages * self._random.uniform(0.1, 0.12))

    def answer(self, ask: RangeRequest) -> PageStats:
        """What a page was like."""
        first, last = self._rows(ask)
        more = last - first > PAGE and not ask.by_id
        if more:
            first, last = (first, first + PAGE) if ask.upward else (last - PAGE, last)
        new = int((~self.seen[first:last]).sum())
        self.seen[first:last] = True
        if first == last:
            return PageStats()
        shown = self.moments[first:last] // 1_000 * 1_000
        shown = shown if ask.upward else shown[::-1]
        again = float((abs(shown - shown[-1]) <= PRECISION).mean())
        return PageStats(float(shown[len(shown) // 4]), float(shown[-1]), len(shown), again, more, new)

    def _rows(self, ask: RangeRequest) -> tuple[int, int]:
        return int(np.searchsorted(self.moments, ask.since)), int(np.searchsorted(self.moments, ask.until, "right"))


def pulled(service: Service, connections: int) -> float:
    """Ask until all is known; the seconds that it took, of a clock that moves when nothing is to be done."""
    gaps, now, asked = UnfetchedRanges(PAGE), 0.0, 0
    flying: list[tuple[float, int, RangeRequest]] = []
    while not gaps.closed:
        while len(flying) < connections and (ask := gaps.next()):
            asked += 1
            heapq.heappush(flying, (now + service.seconds(ask), asked, ask))
        now, _, ask = heapq.heappop(flying)
        came = service.answer(ask)
        if ask.by_id:
            gaps.walked(ask)
        else:
            gaps.record(ask, came)
    return now


def bursts(draw: np.random.Generator, rows: int, starts: Moments, length: int) -> Moments:
    return np.asarray(draw.choice(starts, rows) + draw.integers(0, length, rows))


SHAPES: dict[str, Callable[[np.random.Generator, int], Moments]] = {
    "evenly over a year": lambda draw, rows: draw.integers(0, YEAR, rows),
    "ever more": lambda draw, rows: (YEAR * np.log1p(draw.random(rows) * 400) / 6).astype(np.int64),
    "in office hours": lambda draw, rows: bursts(draw, rows, np.arange(365) * (YEAR // 365), YEAR // 365 // 3),
    "in one second": lambda draw, rows: draw.integers(0, SECOND, rows),
    "in two seconds, a year apart": lambda draw, rows: bursts(draw, rows, np.array([0, YEAR]), SECOND),
    "half of them in one second": lambda draw, rows: np.concatenate(
        [draw.integers(0, YEAR, rows // 2), YEAR // 2 + draw.integers(0, SECOND, rows - rows // 2)]
    ),
    "all but a few in one hour": lambda draw, rows: np.concatenate(
        [draw.integers(0, YEAR, rows // 100), YEAR // 2 + draw.integers(0, 3_600 * SECOND, rows - rows // 100)]
    ),
    "in twenty bursts, besides": lambda draw, rows: np.concatenate(
        [draw.integers(0, YEAR, rows * 3 // 5), bursts(draw, rows * 2 // 5, draw.integers(0, YEAR, 20), 60 * SECOND)]
    ),
}


@pytest.mark.parametrize("connections", [8, 16])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_hundred_pages_take_at_most_three_tenths_more_requests(
    shape: Callable[[np.random.Generator, int], Moments], connections: int
) -> None:
    service = Service(shape(np.random.default_rng(1), 100 * PAGE))
    pulled(service, connections)
    assert service.seen.all()
    assert service.requests <= 130


@pytest.mark.parametrize(("connections", "times"), [(8, 5.5), (16, 8)])
@pytest.mark.parametrize("shape", ["evenly over a year", "in one second", "in office hours", "in twenty bursts, besides"])
def test_many_connections_take_a_fraction_of_the_time_of_one(shape: str, connections: int, times: float) -> None:
    service = Service(SHAPES[shape](np.random.default_rng(1), 100 * PAGE))
    assert pulled(service, connections) <= 100 * 0.11 / times


@pytest.mark.parametrize("shape", ["all but a few in one hour", "in two seconds, a year apart", "ever more"])
def test_where_rows_are_crowded_many_connections_take_a_third_of_the_time_of_one(shape: str) -> None:
    service = Service(SHAPES[shape](np.random.default_rng(1), 100 * PAGE))
    assert pulled(service, 16) <= 100 * 0.11 / 3


CROWDS: dict[str, Callable[[np.random.Generator, int], Moments]] = SHAPES | {
    "at one instant": lambda _, rows: np.zeros(rows, dtype=np.int64),
    "at a few instants": lambda draw, rows: draw.choice(draw.integers(0, YEAR, 5), rows),
    "so many at each instant": lambda draw, rows: draw.choice(draw.integers(0, YEAR, 1 + rows // 500), rows),
    "in a few milliseconds": lambda draw, rows: draw.integers(0, 5_000, rows),
}


@settings(max_examples=150, deadline=None)
@given(
    shape=st.sampled_from(list(CROWDS)),
    rows=st.integers(0, 20 * PAGE),
    connections=st.integers(1, 40),
    seed=st.integers(0, 2**32),
)
def test_whatever_rows_there_are_all_are_seen(shape: str, rows: int, connections: int, seed: int) -> None:
    service = Service(CROWDS[shape](np.random.default_rng(seed), rows), seed)
    pulled(service, connections)
    assert service.seen.all()
