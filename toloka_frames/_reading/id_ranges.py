"""The first rows of a list come in; ids at which the rest of it can be cut, into pieces of about a page each, go out.

Ids of the Apps API are twenty letters and digits in no order of time (its examples), so that stretches of them that are equally
long hold about as many rows. Whatever a piece holds, the pieces are all that there is: how rows lie decides only how many
requests it takes.
"""

from __future__ import annotations

import operator
from bisect import bisect_left
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# as many symbols of an id tell a thousand pages of any list apart, and are a number that a float holds
SYMBOLS = 8
# Kolmogorov and Smirnov: evenly spread rows stray further than this from their places once in ten thousand times
STRAY = 2.2
# a page has room for this many standard deviations more rows than a piece is to have, or one in forty takes two pages; with
# more room there are more pieces, with less there are more that do not fit
ROOM = 2.0
# from small pages, pieces of fewer rows than this share of one, there would be many more requests than pages
LEAST_SHARE = 0.8
# and by so many fewer rows than were to come, a list is not an even one
FEWER = 10.0


@dataclass(frozen=True)
class IdScale:
    """Where an id stands among all that there could be.

    Attributes:
        symbols: What ids are made of, in their order.
        rest: What stands behind the first symbols of one of them.
    """

    symbols: str
    rest: str

    @property
    def end(self) -> int:
        """Where ids end."""
        return int(len(self.symbols) ** SYMBOLS)

    def place(self, text: str) -> int:
        """The place of an id, from 0."""
        place = 0
        for symbol in text[:SYMBOLS]:
            place = place * len(self.symbols) + bisect_left(self.symbols, symbol)
        return place * int(len(self.symbols) ** max(SYMBOLS - len(text), 0))

    def id_at(self, place: int) -> str:
        """An id at a place, of the form that ids have."""
        symbols = ""
        for _ in range(SYMBOLS):
            place, symbol = divmod(place, len(self.symbols))
            symbols = self.symbols[symbol] + symbols
        return symbols + self.rest


class IdRangeSplitter:
    """Where the list behind the rows that came is cut.

    Args:
        scale: Of its ids.
        begin: The place at which the rows that came began.
        last: The id of the last of them.
        rows: How many they are.
        page_rows: Rows a page.
        end: The place where the list ends.
    """

    def __init__(self, scale: IdScale, begin: int, last: str, rows: int, page_rows: int, end: int) -> None:
        self._scale, self._page_rows, self._end = scale, page_rows, end
        self._low: str | None = last
        self._rows, self._length = rows, scale.place(last) - begin

    def next(self) -> tuple[str, str | None] | None:
        """The next piece: ids above the first, up to the second or to the end of the list; None when there is no piece left."""
        if (low := self._low) is None:
            return None
        high = self._scale.place(low) + max(int(self._rows_a_piece * self._length / self._rows), 1)
        self._low = self._scale.id_at(high) if high < self._end else None
        return low, self._low

    def record(self, low: str, high: str, rows: int) -> bool:
        """Take in how many rows there are between two ids; whether they are not far fewer than an even list has there."""
        length = self._scale.place(high) - self._scale.place(low)
        expected = length * self._rows / self._length
        self._rows, self._length = self._rows + rows, self._length + length
        return rows >= expected - FEWER * sqrt(self._page_rows)

    @property
    def worthwhile(self) -> bool:
        """Whether pieces are hardly more requests than pages."""
        return self._rows_a_piece >= LEAST_SHARE * self._page_rows

    @property
    def _rows_a_piece(self) -> float:
        # how many rows will come, and how well it is known how many there are
        return self._page_rows - ROOM * sqrt(self._page_rows + self._page_rows**2 / self._rows)


def split_after(ids: Sequence[str], rows: int, page_rows: int, query: Mapping[str, str], key: str) -> IdRangeSplitter | None:
    """How to cut what is behind a page; None where its ids do not lie evenly, or in order of time, as those that are counted.

    Args:
        ids: Those of the page.
        rows: How many rows there were up to its end.
        page_rows: Rows a page.
        query: What bounds the list.
        key: The name of ids in it.
    """
    symbols = "".join(sorted({symbol for each in ids for symbol in each[:SYMBOLS]}))
    # behind a cursor, numbers in a row lie evenly too, but where they end is not known
    if len({len(each) for each in ids}) != 1 or len(ids[0]) < SYMBOLS or len(symbols) == 1 or symbols.isdecimal():
        return None
    # it would give way to that of a piece, which is inside it for those only who compare ids as is done here
    if f"{key}_lte" in query:
        return None
    scale = IdScale(symbols, ids[-1][SYMBOLS:])
    begin = scale.place(query.get(f"{key}_gt", query.get(f"{key}_gte", "")))
    if not _evenly([scale.place(each) - begin for each in ids], rows):
        return None
    end = min(scale.place(query[f"{key}_lt"]), scale.end) if f"{key}_lt" in query else scale.end
    cuts = IdRangeSplitter(scale, begin, ids[-1], rows, page_rows, end)
    return cuts if cuts.worthwhile else None


def _evenly(places: Sequence[int], rows: int) -> bool:
    """Whether the last of so many rows, whose places these are, lie as if drawn by lot."""
    before = rows - len(places)
    strays = (abs(place / places[-1] - (before + number) / rows) for number, place in enumerate(places, 1))
    return places[-1] > 0 and max(strays) <= STRAY / sqrt(rows)


def between(ids: Sequence[str], low: str, high: str | None) -> bool:
    """Whether ids ascend as text, above one and up to another."""
    steps = [low, *ids]
    return all(map(operator.lt, steps, ids)) and (high is None or not ids or ids[-1] <= high)
