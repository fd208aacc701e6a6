"""A list comes in, the same list in disjoint parts goes out: windows of `created` with about as many rows each.

Windows are half-open, and together they are all time that the user's own filters leave: each row is in exactly one, whatever
the probes say. These only tell where to cut.
"""

from __future__ import annotations

import asyncio
from copy import copy
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from toloka_frames._reading.page import read_page
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

    from toloka_frames._reading.pager import Source
    from toloka_frames._schema.lists import Resource

PROBE_ROWS, AT_ONCE = 100, 16
# a stretch with too many rows is cut in four, and again; a year is milliseconds after eighteen times
PIECES = 4
STRETCHES, STRETCHES_A_PART = 100, 8  # from so many on, what else could be known is not worth the requests


async def split(source: Source, parts: int, workers: int) -> list[Source]:
    """At most so many parts of a list, for so many processes; see `Scan.partitions`."""
    await source.layout()  # now, so that all parts have it
    windows = await _windows(source, parts)
    service, asked = source.service.shared(workers), source.question
    sources = [copy(source) for _ in windows]
    for each, window in zip(sources, windows, strict=True):
        each.service, each.question = service, replace(asked, query={**asked.query, **window})
    return sources


async def _windows(source: Source, parts: int) -> list[dict[str, str]]:
    """The filters of each part besides the user's own; of a list that cannot be cut, and of one without rows, there is one."""
    key, column = _born(source.question.resource)
    if column is None:
        return [{}]
    probes = _Probes(source, key, column)
    first, last = await asyncio.gather(probes.rows(), probes.rows(falling=True, limit=1))
    cuts = await _cuts(probes, first, last.seen[0], parts) if first.seen and last.seen else []
    windows = [_window(key, begin, end) for begin, end in pairwise([None, *cuts, None])]
    if not {f"{key}_lt", f"{key}_lte"} & set(source.question.query):
        windows[-1][f"{key}_lte"] = _until(source, last.seen)
    return windows


def _born(resource: Resource) -> tuple[str, Column | None]:
    """What a list can be cut by, and its column."""
    if (told := resource.creation_key) is None:
        return "", None
    key, name = told
    return key, next(each for each in resource.columns if isinstance(each, Column) and each.name == name)


def _window(key: str, begin: int | None, end: int | None) -> dict[str, str]:
    """The filters of a window; a side without an instant is open."""
    bounds = {f"{key}_gte": begin, f"{key}_lt": end}
    return {name: format_microseconds(bound) for name, bound in bounds.items() if bound is not None}


def _until(source: Source, last: Sequence[int]) -> str:
    """Now, by the later of the service's clock and ours, or the last row, should it be later still."""
    return format_timestamp(
        max([source.service.latest_now(), *(EPOCH + (each + MILLISECOND_US) * MICROSECOND for each in last)])
    )


@dataclass(frozen=True)
class Stretch:
    """A stretch of time, and what is known of its rows; instants are microseconds since 1970.

    Attributes:
        end: Where it ends; its rows are before that.
        seen: When its first rows were made, in order.
        more: Whether it has others behind these.
    """

    end: int
    seen: tuple[int, ...]
    more: bool

    @property
    def rows(self) -> float:
        """How many it has, if they go on as they begin."""
        if not self.more:
            return len(self.seen)
        return len(self.seen) * max(1, (self.end - self.seen[0]) / max(self.seen[-1] - self.seen[0], MILLISECOND_US))

    @property
    def points(self) -> list[int]:
        """Where it can be cut to be known better."""
        step = (self.end - self.seen[-1]) // PIECES if self.more else 0
        return [self.seen[-1] + step * piece for piece in range(1, PIECES)] if step >= MILLISECOND_US else []


class _Probes:
    """Asks a list for the first rows of stretches of time."""

    def __init__(self, source: Source, key: str, column: Column) -> None:
        cursor = source.question.resource.cursor
        self._source, self._key, self._columns = source, key, (Column(cursor, (cursor,), TEXT), column)
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def rows(
        self, begin: int | None = None, end: int | None = None, *, falling: bool = False, limit: int = PROBE_ROWS
    ) -> Stretch:
        """A stretch; without bounds, the list."""
        asked = self._source.question
        # a cursor that goes by the order of the sort, which is another one here
        query = {name: value for name, value in asked.query.items() if name != "after_id"}
        query |= _window(self._key, begin, end)
        query |= {"sort": f"-{self._key}" if falling else self._key, "limit": str(min(limit, asked.resource.max_limit))}
        async with self._turns:
            body = (await self._source.service.send("GET", asked.path, query=query, repeatable=True)).content
        page = read_page(body, Layout(asked.resource.rows_key, asked.resource.cursor, self._columns))
        seen = page.batch[1].drop_null().cast(pa.int64()).to_pylist()
        return Stretch(end or 0, tuple(seen), page.has_more and bool(seen))

    async def known_better(self, stretch: Stretch) -> list[Stretch]:
        """The pieces of a stretch, of which only the first is known."""
        bounds = [*stretch.points, stretch.end]
        others = [self.rows(begin, end) for begin, end in pairwise(bounds)]
        return [replace(stretch, end=bounds[0]), *await asyncio.gather(*others)]


async def _cuts(probes: _Probes, first: Stretch, last: int, parts: int) -> list[int]:
    """Where to cut, so that parts have about as many rows each, as far as a few requests tell."""
    stretches = [replace(first, end=last + MILLISECOND_US)]
    while len(stretches) < STRETCHES + STRETCHES_A_PART * parts:
        bearable = sum(each.rows for each in stretches) / parts
        wide = [each for each in stretches if each.rows > bearable and each.points]
        if not wide:
            break
        better = dict(zip(wide, await asyncio.gather(*map(probes.known_better, wide)), strict=True))
        stretches = [piece for each in stretches for piece in better.get(each, [each])]
    return _quantiles(stretches, parts)


def _quantiles(stretches: Sequence[Stretch], parts: int) -> list[int]:
    """Whole milliseconds that cut the rows of stretches into as many parts, or fewer where rows were made at once."""
    ranks, instants, rank = list[float](), list[int](), 0.0
    for each in stretches:
        ranks += [rank + position for position in range(len(each.seen))]
        instants += each.seen
        rank += each.rows
    wanted = [ceil(rank * part / parts) for part in range(1, parts)]
    cuts = np.interp(wanted, [*ranks, rank], [*instants, stretches[-1].end])
    whole = {int(cut) // MILLISECOND_US * MILLISECOND_US for cut in cuts}
    # a cut at the first row, or behind the last, would leave a part without rows
    return sorted(cut for cut in whole if instants[0] < cut < stretches[-1].end)
