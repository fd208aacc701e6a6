"""From the ids of the first rows, estimate id boundaries that split the rest of a list into page-sized ranges.

Ids of the Apps API are twenty letters and digits in no order of time (its examples), so ranges of ids of equal length hold
about the same number of rows. The ranges cover the whole list whatever the estimate: it only affects the number of requests.
"""

from __future__ import annotations

import operator
from bisect import bisect_left
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Only this prefix of an id is used: enough to tell a thousand pages of any list apart, and as a number in base 62 less than
# 2**53, so that a float holds it exactly.
PREFIX_LENGTH = 8
# Uniformly distributed ids exceed this Kolmogorov-Smirnov statistic, sqrt(n) * D, with a probability of
# 2 * exp(-2 * 2.2**2), about 1e-4.
MAX_KS_STATISTIC = 2.2
# Ranges are sized this many standard deviations below a full page, so that 1 in 40 needs a second request. With a larger margin
# there are more ranges, with a smaller one more second requests.
MARGIN_DEVIATIONS = 2.0
# The margin of small pages is large: below this share of a page per range there would be many more requests than pages.
MIN_SHARE_OF_PAGE = 0.8
# A range with fewer rows than expected by this many standard deviations means that the ids are not uniform.
MAX_MISSING_DEVIATIONS = 10.0


@dataclass(frozen=True)
class IdScale:
    """The position of ids on a scale of all possible ids.

    Attributes:
        symbols: The characters of ids, sorted.
        suffix: The rest of an id after its prefix, to build ids from.
    """

    symbols: str
    suffix: str

    @property
    def end(self) -> int:
        """The position after the last possible id."""
        return int(len(self.symbols) ** PREFIX_LENGTH)

    def position(self, id_: str) -> int:
        """Return the position of an id, from 0; it may be incomplete."""
        position = 0
        for symbol in id_[:PREFIX_LENGTH]:
            position = position * len(self.symbols) + bisect_left(self.symbols, symbol)
        return position * int(len(self.symbols) ** max(PREFIX_LENGTH - len(id_), 0))

    def id_at(self, position: int) -> str:
        """Return an id at a position, in the form of the list's ids."""
        prefix = ""
        for _ in range(PREFIX_LENGTH):
            position, symbol = divmod(position, len(self.symbols))
            prefix = self.symbols[symbol] + prefix
        return prefix + self.suffix


class IdRangeSplitter:
    """Split the rest of a list into ranges of ids, each with a little less than a page of rows.

    Args:
        scale: The scale of its ids.
        start: The position at which the fetched rows start.
        last_id: The id of the last fetched row.
        rows: The number of fetched rows.
        page_rows: Rows per page.
        end: The position at which the list ends.
    """

    def __init__(self, scale: IdScale, start: int, last_id: str, rows: int, page_rows: int, end: int) -> None:
        self._scale, self._page_rows, self._end = scale, page_rows, end
        self._low: str | None = last_id
        self._rows, self._length = rows, scale.position(last_id) - start

    def next(self) -> tuple[str, str | None] | None:
        """Return the next range: ids above the first up to the second, or to the end of the list; None after the last."""
        if (low := self._low) is None:
            return None
        high = self._scale.position(low) + max(int(self._rows_per_range * self._length / self._rows), 1)
        self._low = self._scale.id_at(high) if high < self._end else None
        return low, self._low

    def record(self, low: str, high: str, rows: int) -> bool:
        """Add the number of rows between two ids to the estimate; return False if they are too few for uniform ids."""
        length = self._scale.position(high) - self._scale.position(low)
        expected_rows = length * self._rows / self._length
        self._rows, self._length = self._rows + rows, self._length + length
        return rows >= expected_rows - MAX_MISSING_DEVIATIONS * sqrt(self._page_rows)

    @property
    def worthwhile(self) -> bool:
        """Whether there are not many more ranges than pages."""
        return self._rows_per_range >= MIN_SHARE_OF_PAGE * self._page_rows

    @property
    def _rows_per_range(self) -> float:
        # the variance of the rows in a range, plus that of the estimated density
        return self._page_rows - MARGIN_DEVIATIONS * sqrt(self._page_rows + self._page_rows**2 / self._rows)


def split_after(ids: Sequence[str], rows: int, page_rows: int, query: Mapping[str, str], key: str) -> IdRangeSplitter | None:
    """Return how to split the list after a page; None if its ids are not uniformly distributed, such as ids by time or counted.

    Args:
        ids: The ids of the page.
        rows: The number of rows up to the end of the page.
        page_rows: Rows per page.
        query: The filters of the list.
        key: The name of ids in filters.
    """
    symbols = "".join(sorted({symbol for id_ in ids for symbol in id_[:PREFIX_LENGTH]}))
    # consecutive numbers are uniform too, but where they end is unknown
    if len({len(id_) for id_ in ids}) != 1 or len(ids[0]) < PREFIX_LENGTH or len(symbols) == 1 or symbols.isdecimal():
        return None
    # the upper bound of a range would replace the user's, and be tighter only if the service compares ids as text
    if f"{key}_lte" in query:
        return None
    scale = IdScale(symbols, ids[-1][PREFIX_LENGTH:])
    start = scale.position(query.get(f"{key}_gt", query.get(f"{key}_gte", "")))
    if not _is_uniform([scale.position(id_) - start for id_ in ids], rows):
        return None
    end = min(scale.position(query[f"{key}_lt"]), scale.end) if f"{key}_lt" in query else scale.end
    splitter = IdRangeSplitter(scale, start, ids[-1], rows, page_rows, end)
    return splitter if splitter.worthwhile else None


def _is_uniform(positions: Sequence[int], rows: int) -> bool:
    """Test whether rows are uniformly distributed up to the last one (Kolmogorov-Smirnov).

    Args:
        positions: The positions of the last rows, from the start of the list.
        rows: The number of rows up to the last one.
    """
    rows_before = rows - len(positions)
    distances = (abs(position / positions[-1] - (rows_before + number) / rows) for number, position in enumerate(positions, 1))
    return positions[-1] > 0 and sqrt(rows) * max(distances) <= MAX_KS_STATISTIC


def between(ids: Sequence[str], low: str, high: str | None) -> bool:
    """Whether ids ascend as text, from above `low` up to `high`."""
    steps = [low, *ids]
    return all(map(operator.lt, steps, ids)) and (high is None or not ids or ids[-1] <= high)
