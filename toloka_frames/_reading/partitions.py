"""Split a list into partitions: ranges of ids with about the same number of rows.

The ranges are half-open and together cover all ids that the user's filters allow, so each row is in exactly one partition.
Where the list is split is decided by probes: small requests for the first rows of a range.
"""

from __future__ import annotations

import asyncio
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise, starmap
from math import ceil, isqrt
from typing import TYPE_CHECKING

import numpy as np

from toloka_frames._reading.id_axis import are_even, axis_of, bounds_of, lower_bound
from toloka_frames._reading.page import read_page
from toloka_frames._reading.pager import PageSize, parse_page, request_page
from toloka_frames._runtime.event_loop import in_thread
from toloka_frames._schema.columns import TEXT, Column, Layout
from toloka_frames._schema.timestamps import format_timestamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toloka_frames._reading.id_axis import IdAxis
    from toloka_frames._reading.page import Page
    from toloka_frames._reading.scan import Source

# Chosen with lists like those of tests/reading/test_partitions.py, of 1,000 and of 100,000 rows: eight partitions take 16 to 90
# requests.
PROBE_ROWS = 100
MAX_CONCURRENT_PROBES = 16
# With this many ranges per partition, more precision is not worth the requests.
MAX_RANGES_PER_PARTITION = 16


async def split(source: Source, max_partitions: int, workers: int) -> list[Source]:
    """Split a list into at most this many partitions, for this number of processes; see `Scan.partitions`."""
    await source.layout()  # before the copies, so that they share it
    ranges = await _partition_filters(source, max_partitions)
    service, request = source.service.shared(workers), source.request
    partitions = [copy(source) for _ in ranges]
    for partition, filters in zip(partitions, ranges, strict=True):
        partition.service, partition.request = service, replace(request, query={**request.query, **filters})
    return partitions


async def _partition_filters(source: Source, max_partitions: int) -> list[dict[str, str]]:
    """Return the filters of each partition; a list that is empty or whose ids are in no known order is one partition."""
    key, query = source.request.resource.cursor, source.request.query
    first, last = await asyncio.gather(_probe(source), _probe(source, is_descending=True))
    axis = axis_of(first.ids)
    # a service that ignores the sort order returns a row that is not the last one
    if axis is None or not last.ids or axis.order(last.ids[0]) < axis.order(first.ids[-1]):
        return [{}]
    low = lower_bound(query, key)
    if first.has_more and are_even(axis, first.ids, len(first.ids), low):
        start, end = axis.position(low), axis.position(last.ids[0])
        cuts = [start + (end - start) * number // max_partitions for number in range(1, max_partitions)]
        # their rows are in no order of time
        latest = _latest_created(source)
    else:
        cuts = await _quantiles_by_probes(source, axis, first, axis.position(last.ids[0]), max_partitions)
        latest = {f"{key}_lte": last.ids[0]}
    bounds = [None, *(axis.id_at(cut) for cut in cuts), None]
    return [latest | bounds_of(key, low, high) for low, high in pairwise(bounds)]


def _latest_created(source: Source) -> dict[str, str]:
    """Return the filter of rows created by now, by the later clock; none if there is one, or the list has no such filter."""
    query, creation = source.request.query, source.request.resource.creation_key
    if creation is None or {f"{creation[0]}_lt", f"{creation[0]}_lte"} & set(query):
        return {}
    return {f"{creation[0]}_lte": format_timestamp(source.service.latest_now())}


async def _quantiles_by_probes(source: Source, axis: IdAxis, first: Page, end: int, max_partitions: int) -> list[int]:
    """Return positions that split the list into partitions of about the same number of rows."""
    semaphore = asyncio.Semaphore(MAX_CONCURRENT_PROBES)

    async def probe(low: int, high: int) -> tuple[list[int], bool]:
        async with semaphore:
            page = await _probe(source, axis.id_at(low), axis.id_at(high))
        return list(map(axis.position, page.ids)), page.has_more and bool(page.ids)

    # the first rows after each cut, and whether there are more up to the next one
    probes = {0: (list(map(axis.position, first.ids)), first.has_more)}
    while True:
        ranges = [_ProbedRange(*probes[low], high) for low, high in pairwise([*sorted(probes), end])]
        partition_rows = sum(probed.estimated_rows for probed in ranges) / max_partitions
        too_large = [probed for probed in ranges if probed.estimated_rows > partition_rows]
        parts = [part for probed in too_large for part in pairwise([*probed.cuts, probed.end])]
        if not parts or len(ranges) >= MAX_RANGES_PER_PARTITION * max_partitions:
            return _quantiles(ranges, max_partitions)
        probes |= zip((low for low, _ in parts), await asyncio.gather(*starmap(probe, parts)), strict=True)


def _quantiles(ranges: Sequence[_ProbedRange], max_partitions: int) -> list[int]:
    """Return the positions of quantiles; fewer if there are fewer rows."""
    ranks, positions, rank = list[float](), list[int](), 0.0
    for probed in ranges:
        ranks += [rank + number for number in range(1, len(probed.positions) + 1)]
        positions += probed.positions
        rank += probed.estimated_rows
    quantile_ranks = [ceil(rank * number / max_partitions) for number in range(1, max_partitions)]
    origin, end = positions[0], ranges[-1].end
    # positions of long ids are larger than a float can hold exactly, but not their differences from the first one
    distances = np.interp(quantile_ranks, [*ranks, rank], [float(position - origin) for position in [*positions, end]])
    # a cut before the first row or at the last one would leave a partition without rows
    return sorted({cut for distance in distances if origin <= (cut := origin + int(distance)) < end})


@dataclass(frozen=True)
class _ProbedRange:
    """A range of ids.

    Attributes:
        positions: The positions of its first rows, ascending.
        has_more: Whether it has rows after these.
        end: The position of its last id.
    """

    positions: list[int]
    has_more: bool
    end: int

    @property
    def estimated_rows(self) -> float:
        """The number of rows, if they are as dense everywhere as among the first ones."""
        return len(self.positions) * (1 + self._rest / self._sampled) if self.has_more else len(self.positions)

    @property
    def cuts(self) -> list[int]:
        """Positions that split the rest in the middle, and near the first rows, which may be a burst."""
        distances = [isqrt(self._sampled * self._rest), self._rest // 2] if self.has_more else []
        return sorted({self.positions[-1] + distance for distance in distances if 0 < distance < self._rest})

    @property
    def _sampled(self) -> int:
        return max(self.positions[-1] - self.positions[0], 1)

    @property
    def _rest(self) -> int:
        return self.end - self.positions[-1]


async def _probe(source: Source, low: str | None = None, high: str | None = None, *, is_descending: bool = False) -> Page:
    """Request the ids of the first rows of a range, or of the last row; None leaves a side without a bound."""
    request, service = source.request, source.service
    key = request.resource.cursor
    # `after_id` depends on the sort order, which differs here
    query = {name: value for name, value in request.query.items() if name != "after_id"} | bounds_of(key, low, high)
    query["sort"] = f"-{key}" if is_descending else key
    size = PageSize(1 if is_descending else min(PROBE_ROWS, request.resource.max_limit))
    layout = Layout(request.resource.rows_key, key, (Column(key, (key,), TEXT),))
    response = await request_page(service, request.path, query, size)
    parse = partial(in_thread, partial(read_page, layout=layout, is_sorted_by_id=not is_descending))
    return await parse_page(service, request.path, query, size, response, parse)
