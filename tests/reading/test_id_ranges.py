"""The requests for ranges of ids leave no row out, and are few more than the pages that the rows fill."""

from __future__ import annotations

import heapq
import math
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.all_cases import examples

from toloka_frames._reading.id_axis import IdAxis
from toloka_frames._reading.id_ranges import IdRange, RangeQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Microseconds = np.ndarray[Any, np.dtype[np.int64]]

PAGE = 1_000
SECOND = 10**6
YEAR = 365 * 86_400 * SECOND


@dataclass(frozen=True)
class IdPage:
    """A page of ids only."""

    ids: list[str]
    has_more: bool

    def keep(self, wanted: Sequence[bool]) -> IdPage:
        return IdPage([id_ for id_, want in zip(self.ids, wanted, strict=True) if want], self.has_more)

    def reversed(self) -> IdPage:
        return IdPage(self.ids[::-1], self.has_more)


@dataclass
class SimulatedPull:
    """A pull of numbers over several connections, after its first two pages.

    Attributes:
        ids: The ids of the list, ascending.
        connections: The number of requests in flight.
        most_pages: The most pages that the queue holds.
        end: Where the ids end, if they are known to be even.
        fetched: The ids that were taken from the queue.
        requests: The number of requests.
        seconds: The simulated duration.
        held: The most pages that were fetched and not taken.
    """

    ids: list[int]
    connections: int
    seed: int = 0
    most_pages: float = math.inf
    end: int | None = None
    fetched: list[str] = field(default_factory=list)
    requests: int = 2
    seconds: float = 0.0
    held: int = 0

    def run(self) -> SimulatedPull:
        generator = np.random.default_rng(self.seed)
        self.fetched = [str(id_) for id_ in self.ids[: 2 * PAGE]]
        if len(self.ids) <= 2 * PAGE:
            return self
        queue = RangeQueue[IdPage](IdAxis("", ""), self.fetched[0], self.fetched[-1], 2 * PAGE, lambda: PAGE, self.most_pages)
        in_flight: list[tuple[float, int, IdRange[IdPage] | None, IdPage]] = []
        if self.end is not None:
            queue.set_even(0, self.end)
        else:
            self.requests += 1
            in_flight.append((0.11, 0, None, self._last_page()))
        while not queue.is_empty:
            while len(in_flight) < self.connections and (part := queue.next()):
                self.requests += 1
                arrival = self.seconds + generator.uniform(0.1, 0.12)
                heapq.heappush(in_flight, (arrival, self.requests, part, self._page(part)))
            self.seconds, _, part, page = heapq.heappop(in_flight)
            if part is None:
                queue.set_last_page(page)
            else:
                queue.record(part, page)
            self._take(queue)
        return self

    def _take(self, queue: RangeQueue[IdPage]) -> None:
        while (taken := queue.take()) is not None:
            self.fetched += taken.ids
        self.held = max(self.held, sum(len(part.pages) for part in queue._ranges))

    def _page(self, part: IdRange[IdPage]) -> IdPage:
        first = bisect_right(self.ids, int(part.low))
        end = len(self.ids) if part.high is None else bisect_right(self.ids, int(part.high))
        return IdPage([str(id_) for id_ in self.ids[first : min(end, first + PAGE)]], end - first > PAGE)

    def _last_page(self) -> IdPage:
        return IdPage([str(id_) for id_ in self.ids[2 * PAGE :][-PAGE:]], len(self.ids) > 3 * PAGE)


def pull(
    shape: Callable[[np.random.Generator, int], Microseconds],
    rows: int,
    connections: int,
    seed: int = 1,
    most_pages: float = math.inf,
) -> SimulatedPull:
    """Pull numbers that ascend with time, a million a second, as rows that are created at these times get them."""
    created = np.sort(shape(np.random.default_rng(seed), rows))
    # as many rows of a timestamp as there are have consecutive ids
    steps = np.arange(len(created))
    ids = np.maximum.accumulate(created - steps) + steps
    return SimulatedPull([int(id_) for id_ in ids], connections, seed, most_pages).run()


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


ALL_SHAPES: dict[str, Callable[[np.random.Generator, int], Microseconds]] = SHAPES | {
    "at one timestamp": lambda _, rows: np.arange(rows),
    "at a few timestamps": lambda generator, rows: generator.choice(generator.integers(0, YEAR, 5), rows),
    "500 at each timestamp": lambda generator, rows: generator.choice(generator.integers(0, YEAR, 1 + rows // 500), rows),
    "in ten seconds of a year": lambda generator, rows: bursts(generator, rows, generator.integers(0, YEAR, 10), SECOND),
    "in a few milliseconds": lambda generator, rows: generator.integers(0, 5_000, rows),
    "uploads of a page": lambda generator, rows: np.repeat(generator.integers(0, YEAR, rows // PAGE + 1), PAGE)[:rows],
}


@pytest.mark.parametrize("connections", [8, 16])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_100_pages_take_at_most_120_requests(
    shape: Callable[[np.random.Generator, int], Microseconds], connections: int
) -> None:
    assert pull(shape, 100 * PAGE, connections).requests <= 120


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("shape", ["evenly over a year", "in one second", "uploads of a page"])
def test_10_pages_take_at_most_13_requests(shape: str, seed: int) -> None:
    assert pull(ALL_SHAPES[shape], 10 * PAGE, 20, seed).requests <= 13


@pytest.mark.parametrize("seed", range(4))
def test_300_pages_of_even_rows_take_at_most_333_requests(seed: int) -> None:
    ids = np.unique(np.random.default_rng(seed).integers(0, YEAR, 300 * PAGE))
    even = SimulatedPull([int(id_) for id_ in ids], 20, seed, end=YEAR).run()
    assert even.fetched == [str(id_) for id_ in even.ids]
    assert even.requests <= 333
    assert even.seconds <= 300 * 0.11 / 14


SPEEDUPS = {
    "evenly over a year": 7,
    "in one second": 7,
    "in office hours": 7,
    "more and more": 6,
    "all but a few in one hour": 7,
    "partly in twenty bursts": 3,
    "in two seconds, a year apart": 3,
}


@pytest.mark.parametrize(("shape", "speedup"), SPEEDUPS.items())
def test_16_connections_take_a_fraction_of_the_time_of_one(shape: str, speedup: int) -> None:
    assert pull(SHAPES[shape], 100 * PAGE, 16).seconds <= 100 * 0.11 / speedup


@pytest.mark.parametrize("seed", [0, 1])
def test_pages_of_bursts_take_a_sixth_of_the_time_of_one_connection(seed: int) -> None:
    bursty = pull(ALL_SHAPES["in ten seconds of a year"], 334 * PAGE, 20, seed)
    assert bursty.seconds <= 334 * 0.11 / 6
    assert bursty.requests <= 1.3 * 334


STREAMS = {"evenly over a year": 3, "in one second": 3, "at one timestamp": 3, "in two seconds, a year apart": 2}


@pytest.mark.parametrize(("shape", "speedup"), STREAMS.items())
def test_streams_hold_few_pages_and_are_faster_than_one_connection(shape: str, speedup: int) -> None:
    stream = pull(ALL_SHAPES[shape], 100 * PAGE, 16, most_pages=6)
    assert stream.held <= 6 + 1  # and the last page
    assert stream.requests <= 120
    assert stream.seconds <= 100 * 0.11 / speedup


@settings(max_examples=examples(150))
@given(
    shape=st.sampled_from(list(ALL_SHAPES)),
    rows=st.integers(0, 20 * PAGE),
    connections=st.integers(1, 40),
    seed=st.integers(0, 2**32),
    most_pages=st.sampled_from([math.inf, 1, 6]),
)
def test_all_rows_are_fetched_however_they_are_distributed(
    shape: str, rows: int, connections: int, seed: int, most_pages: float
) -> None:
    simulated = pull(ALL_SHAPES[shape], rows, connections, seed, most_pages)
    assert simulated.fetched == [str(id_) for id_ in simulated.ids]


def test_rows_that_were_added_after_the_last_range_was_complete_are_all_left_out() -> None:
    queue = RangeQueue[IdPage](IdAxis("", ""), "1", "20", 20, lambda: 20)
    part = queue.next()
    assert part
    queue.record(part, IdPage(["21", "22"], has_more=False))
    queue.set_last_page(IdPage(["21", "22", "23", "24"], has_more=True))
    taken = queue.take()
    assert taken
    assert taken.ids == ["21", "22"]
    assert queue.take() is None
    assert queue.is_empty
