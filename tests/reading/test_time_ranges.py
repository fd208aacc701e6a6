"""The requests for ranges of creation time leave no row out, and are few more than the pages that the rows fill."""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.all_cases import examples

from toloka_frames._reading.time_ranges import PRECISION_US, PageStats, UnfetchedRanges

if TYPE_CHECKING:
    from collections.abc import Callable

    from toloka_frames._reading.time_ranges import RangeRequest

    Microseconds = np.ndarray[Any, np.dtype[np.int64]]

PAGE = 1_000
SECOND = 10**6
YEAR = 365 * 86_400 * SECOND


class SimulatedService:
    """A service with rows of these creation times in microseconds; it returns milliseconds. It also simulates latency."""

    def __init__(self, created: Microseconds, seed: int = 0) -> None:
        self.created = np.sort(created)
        self.fetched = np.zeros(len(created), dtype=bool)
        self.requests = 0
        self._random = np.random.default_rng(seed)

    def seconds(self, request: RangeRequest) -> float:
        """Return the latency of a request; one by id takes several pages."""
        first, last = self._rows(request)
        pages = max(1, math.ceil((last - first) / PAGE)) if request.by_id else 1
        self.requests += pages
        return float(pages * self._random.uniform(0.1, 0.12))

    def page(self, request: RangeRequest) -> PageStats:
        """Return the statistics of the response."""
        first, last = self._rows(request)
        has_more = last - first > PAGE and not request.by_id
        if has_more:
            first, last = (first, first + PAGE) if request.is_ascending else (last - PAGE, last)
        new_rows = int((~self.fetched[first:last]).sum())
        self.fetched[first:last] = True
        if first == last:
            return PageStats()
        timestamps = self.created[first:last] // 1_000 * 1_000
        timestamps = timestamps if request.is_ascending else timestamps[::-1]
        repeated_share = float((abs(timestamps - timestamps[-1]) <= PRECISION_US).mean())
        return PageStats(
            float(timestamps[len(timestamps) // 4]), float(timestamps[-1]), len(timestamps), repeated_share, has_more, new_rows
        )

    def _rows(self, request: RangeRequest) -> tuple[int, int]:
        return int(np.searchsorted(self.created, request.since)), int(np.searchsorted(self.created, request.until, "right"))


def fetch_all(service: SimulatedService, connections: int) -> float:
    """Send requests until all rows are fetched; return the simulated seconds."""
    ranges, now, requests = UnfetchedRanges(PAGE), 0.0, 0
    in_flight: list[tuple[float, int, RangeRequest]] = []
    while not ranges.is_complete:
        while len(in_flight) < connections and (request := ranges.next_request()):
            requests += 1
            heapq.heappush(in_flight, (now + service.seconds(request), requests, request))
        now, _, request = heapq.heappop(in_flight)
        page = service.page(request)
        if request.by_id:
            ranges.record_id_window(request)
        else:
            ranges.record_page(request, page)
    return now


def bursts(generator: np.random.Generator, rows: int, starts: Microseconds, length: int) -> Microseconds:
    return np.asarray(generator.choice(starts, rows) + generator.integers(0, length, rows))


SHAPES: dict[str, Callable[[np.random.Generator, int], Microseconds]] = {
    "evenly over a year": lambda generator, rows: generator.integers(0, YEAR, rows),
    "more and more": lambda generator, rows: (YEAR * np.log1p(generator.random(rows) * 400) / 6).astype(np.int64),
    "in office hours": lambda generator, rows: bursts(generator, rows, np.arange(365) * (YEAR // 365), YEAR // 365 // 3),
    "in one second": lambda generator, rows: generator.integers(0, SECOND, rows),
    "in two seconds, a year apart": lambda generator, rows: bursts(generator, rows, np.array([0, YEAR]), SECOND),
    "half of them in one second": lambda generator, rows: np.concatenate(
        [generator.integers(0, YEAR, rows // 2), YEAR // 2 + generator.integers(0, SECOND, rows - rows // 2)]
    ),
    "all but a few in one hour": lambda generator, rows: np.concatenate(
        [generator.integers(0, YEAR, rows // 100), YEAR // 2 + generator.integers(0, 3_600 * SECOND, rows - rows // 100)]
    ),
    "partly in twenty bursts": lambda generator, rows: np.concatenate(
        [
            generator.integers(0, YEAR, rows * 3 // 5),
            bursts(generator, rows * 2 // 5, generator.integers(0, YEAR, 20), 60 * SECOND),
        ]
    ),
}


@pytest.mark.parametrize("connections", [8, 16])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_100_pages_take_at_most_130_requests(
    shape: Callable[[np.random.Generator, int], Microseconds], connections: int
) -> None:
    service = SimulatedService(shape(np.random.default_rng(1), 100 * PAGE))
    fetch_all(service, connections)
    assert service.fetched.all()
    assert service.requests <= 130


@pytest.mark.parametrize(("connections", "speedup"), [(8, 5.5), (16, 8)])
@pytest.mark.parametrize("shape", ["evenly over a year", "in one second", "in office hours", "partly in twenty bursts"])
def test_several_connections_take_a_fraction_of_the_time_of_one(shape: str, connections: int, speedup: float) -> None:
    service = SimulatedService(SHAPES[shape](np.random.default_rng(1), 100 * PAGE))
    assert fetch_all(service, connections) <= 100 * 0.11 / speedup


@pytest.mark.parametrize("shape", ["all but a few in one hour", "in two seconds, a year apart", "more and more"])
def test_16_connections_take_at_most_a_third_of_the_time_of_one_for_clustered_rows(shape: str) -> None:
    service = SimulatedService(SHAPES[shape](np.random.default_rng(1), 100 * PAGE))
    assert fetch_all(service, 16) <= 100 * 0.11 / 3


ALL_SHAPES: dict[str, Callable[[np.random.Generator, int], Microseconds]] = SHAPES | {
    "at one timestamp": lambda _, rows: np.zeros(rows, dtype=np.int64),
    "at a few timestamps": lambda generator, rows: generator.choice(generator.integers(0, YEAR, 5), rows),
    "500 at each timestamp": lambda generator, rows: generator.choice(generator.integers(0, YEAR, 1 + rows // 500), rows),
    "in a few milliseconds": lambda generator, rows: generator.integers(0, 5_000, rows),
}


@settings(max_examples=examples(150), deadline=None)
@given(
    shape=st.sampled_from(list(ALL_SHAPES)),
    rows=st.integers(0, 20 * PAGE),
    connections=st.integers(1, 40),
    seed=st.integers(0, 2**32),
)
def test_all_rows_are_fetched_however_they_are_distributed(shape: str, rows: int, connections: int, seed: int) -> None:
    service = SimulatedService(ALL_SHAPES[shape](np.random.default_rng(seed), rows), seed)
    fetch_all(service, connections)
    assert service.fetched.all()
