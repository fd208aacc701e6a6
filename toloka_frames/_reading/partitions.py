"""Split a list into partitions: ranges of creation time with about the same number of rows.

The ranges are half-open and together cover all time that the user's filters allow, so each row is in exactly one partition.
Where the list is split is decided by probes: small requests for the first rows of a range.
"""

from __future__ import annotations

import asyncio
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from toloka_frames._reading.page import read_page
from toloka_frames._reading.pager import PageSize, parse_page, request_page
from toloka_frames._runtime.event_loop import in_thread
from toloka_frames._schema.columns import TEXT, Column, Layout
from toloka_frames._schema.timestamps import (
    EPOCH,
    MICROSECOND,
    MILLISECOND_US,
    format_microseconds,
    format_timestamp,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toloka_frames._reading.scan import Source
    from toloka_frames._schema.lists import Resource

# Chosen with the lists of tests/reading/test_partitions.py: eight partitions of an even list of 1,000 rows take at most 40
# requests, of uploads of many rows at once at most 200.
PROBE_ROWS = 100
MAX_CONCURRENT_PROBES = 16
# A range with too many rows is split in four, repeatedly: a year becomes milliseconds after 18 splits.
SUBRANGES = 4
# With this many ranges, more precision is not worth the requests.
MAX_RANGES = 100
MAX_RANGES_PER_PARTITION = 8


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
    """Return the filters of each partition; a list that is empty or has no creation time is one partition."""
    key, column = _creation_filter(source.request.resource)
    if column is None:
        return [{}]
    prober = _Prober(source, key, column)
    first, last = await asyncio.gather(prober.probe(), prober.probe(descending=True, limit=1))
    bounds = await _split_points(prober, first, last.created[0], max_partitions) if first.created and last.created else []
    filters = [_range_filters(key, start, end) for start, end in pairwise([None, *bounds, None])]
    if not {f"{key}_lt", f"{key}_lte"} & set(source.request.query):
        filters[-1][f"{key}_lte"] = _latest_created(source, last.created)
    return filters


def _creation_filter(resource: Resource) -> tuple[str, Column | None]:
    """Return the name of the filter by creation time, and the column that holds it; None if there is none."""
    if (creation := resource.creation_key) is None:
        return "", None
    key, name = creation
    return key, next(column for column in resource.columns if isinstance(column, Column) and column.name == name)


def _range_filters(key: str, start: int | None, end: int | None) -> dict[str, str]:
    """Return the filters of a half-open range; None leaves a side without a bound."""
    bounds = {f"{key}_gte": start, f"{key}_lt": end}
    return {name: format_microseconds(bound) for name, bound in bounds.items() if bound is not None}


def _latest_created(source: Source, last_created: Sequence[int]) -> str:
    """Return the present time by the later clock, or the creation time of the last row if that is still later."""
    last_rows = [EPOCH + (created + MILLISECOND_US) * MICROSECOND for created in last_created]
    return format_timestamp(max([source.service.latest_now(), *last_rows]))


async def _split_points(prober: _Prober, first: _ProbedRange, last_created: int, max_partitions: int) -> list[int]:
    """Return timestamps that split the list into partitions of about the same number of rows."""
    ranges = [replace(first, end=last_created + MILLISECOND_US)]
    while len(ranges) < MAX_RANGES + MAX_RANGES_PER_PARTITION * max_partitions:
        partition_rows = sum(probed.estimated_rows for probed in ranges) / max_partitions
        too_large = [probed for probed in ranges if probed.estimated_rows > partition_rows and probed.split_points]
        if not too_large:
            break
        refined = dict(zip(too_large, await asyncio.gather(*map(prober.refine, too_large)), strict=True))
        ranges = [part for probed in ranges for part in refined.get(probed, [probed])]
    return _quantiles(ranges, max_partitions)


def _quantiles(ranges: Sequence[_ProbedRange], max_partitions: int) -> list[int]:
    """Return the quantiles of the creation times, in whole milliseconds; fewer if many rows share a millisecond."""
    ranks, timestamps, rank = list[float](), list[int](), 0.0
    for probed in ranges:
        ranks += [rank + position for position in range(len(probed.created))]
        timestamps += probed.created
        rank += probed.estimated_rows
    quantile_ranks = [ceil(rank * number / max_partitions) for number in range(1, max_partitions)]
    quantiles = np.interp(quantile_ranks, [*ranks, rank], [*timestamps, ranges[-1].end])
    whole = {int(quantile) // MILLISECOND_US * MILLISECOND_US for quantile in quantiles}
    # a split at the first row or after the last one would leave a partition without rows
    return sorted(quantile for quantile in whole if timestamps[0] < quantile < ranges[-1].end)


@dataclass(frozen=True)
class _ProbedRange:
    """A range of creation time with a known beginning. Timestamps are microseconds since 1970.

    Attributes:
        end: The end of the range, exclusive.
        created: The creation times of its first rows, ascending.
        has_more: Whether it has rows after these.
    """

    end: int
    created: tuple[int, ...]
    has_more: bool

    @property
    def estimated_rows(self) -> float:
        """The number of rows, if they are as dense everywhere as among the first ones."""
        if not self.has_more:
            return len(self.created)
        sampled = max(self.created[-1] - self.created[0], MILLISECOND_US)
        return len(self.created) * max(1, (self.end - self.created[0]) / sampled)

    @property
    def split_points(self) -> list[int]:
        """Timestamps that split the unknown rest into equal subranges; empty if they would be shorter than a millisecond."""
        length = (self.end - self.created[-1]) // SUBRANGES if self.has_more else 0
        return [self.created[-1] + length * number for number in range(1, SUBRANGES)] if length >= MILLISECOND_US else []


class _Prober:
    """Request the first rows of ranges of creation time."""

    def __init__(self, source: Source, key: str, column: Column) -> None:
        cursor = source.request.resource.cursor
        self._source, self._key, self._columns = source, key, (Column(cursor, (cursor,), TEXT), column)
        self._semaphore = asyncio.Semaphore(MAX_CONCURRENT_PROBES)

    async def probe(
        self, start: int | None = None, end: int | None = None, *, descending: bool = False, limit: int = PROBE_ROWS
    ) -> _ProbedRange:
        """Return a range with its first rows; None leaves a side without a bound."""
        request = self._source.request
        # `after_id` depends on the sort order, which differs here
        query = {name: value for name, value in request.query.items() if name != "after_id"}
        query |= _range_filters(self._key, start, end)
        query |= {"sort": f"-{self._key}" if descending else self._key}
        service, layout = self._source.service, Layout(request.resource.rows_key, request.resource.cursor, self._columns)
        async with self._semaphore:
            size = PageSize(min(limit, request.resource.max_limit))
            response = await request_page(service, request.path, query, size)
            parse = partial(in_thread, partial(read_page, layout=layout, is_sorted_by_id=False))
            page = await parse_page(service, request.path, query, size, response, parse)
        created = page.batch[1].drop_null().cast(pa.int64()).to_pylist()
        return _ProbedRange(end or 0, tuple(created), page.has_more and bool(created))

    async def refine(self, probed: _ProbedRange) -> list[_ProbedRange]:
        """Split a range and probe all subranges but the first, whose first rows are known."""
        bounds = [*probed.split_points, probed.end]
        others = [self.probe(start, end) for start, end in pairwise(bounds)]
        return [replace(probed, end=bounds[0]), *await asyncio.gather(*others)]
