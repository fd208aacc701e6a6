"""The ids of a list as an axis: their order, and positions by which a range of ids can be cut.

No two rows have the same id, and pages are requested in the order of ids, so a list can be cut between any two ids, whatever
they mean: those of the Apps API and UUIDs are in no order of time, those of tasks, suites and assignments begin with the pool
and the second of creation, others are numbers. Positions only estimate where rows are; rows are compared by their ids.
"""

from __future__ import annotations

import operator
import string
from bisect import bisect_left
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# The digits of ids, in the order of text.
ALPHABETS = ["0123456789abcdef", "0123456789ABCDEF", string.digits + string.ascii_uppercase + string.ascii_lowercase]
# Evenly distributed ids exceed this Kolmogorov-Smirnov statistic, sqrt(n) * D, with a probability of
# 2 * exp(-2 * 2.2**2), about 1e-4.
MAX_KS_STATISTIC = 2.2
# The position of an id takes microseconds to compute, and more of them would hardly change the statistic.
MAX_SAMPLE = 500


@dataclass(frozen=True)
class IdAxis:
    """Positions of ids.

    Attributes:
        alphabet: The digits of ids; empty if ids are numbers.
        form: An id of the list; characters of it that are no digits are the same in all ids.
    """

    alphabet: str
    form: str

    @property
    def order(self) -> Callable[[str], Any]:
        """The key by which ids ascend."""
        return str if self.alphabet else number

    @property
    def end(self) -> int:
        """The position after the last possible id, if ids are text."""
        return int(len(self.alphabet) ** sum(map(str.isalnum, self.form)))

    def position(self, id_: str) -> int:
        """Return the position of an id, from 0; it may be incomplete."""
        if not self.alphabet:
            return int(id_) if id_.isdecimal() else 0
        position, base = 0, len(self.alphabet)
        for part, symbol in zip(self.form, id_.ljust(len(self.form), self.alphabet[0]), strict=False):
            if part.isalnum():
                position = position * base + min(bisect_left(self.alphabet, symbol), base - 1)
        return position

    def id_at(self, position: int) -> str:
        """Return the id at a position, in the form of the list's ids."""
        if not self.alphabet:
            return str(position)
        symbols = list(self.form)
        for place in reversed(range(len(symbols))):
            if symbols[place].isalnum():
                position, digit = divmod(position, len(self.alphabet))
                symbols[place] = self.alphabet[digit]
        return "".join(symbols)

    def between(self, ids: Sequence[str], low: str, high: str | None) -> bool:
        """Whether ids ascend from above `low` up to `high`."""
        within = high is None or not ids or self.order(ids[-1]) <= self.order(high)
        return within and is_ascending([low, *ids], self.order)


def axis_of(ids: Sequence[str]) -> IdAxis | None:
    """Return the axis of a list's first ids; None if they do not ascend, or their form is unknown."""
    are_numbers = all(map(str.isdecimal, ids))
    if not ids or not is_ascending(ids, number if are_numbers else str):
        return None
    if are_numbers:
        return IdAxis("", ids[-1])
    letters = set(filter(str.isalnum, "".join(ids)))
    alphabet = next((alphabet for alphabet in ALPHABETS if letters <= set(alphabet)), None)
    return IdAxis(alphabet, ids[-1]) if alphabet and len(set(map(len, ids))) == 1 else None


def are_even(axis: IdAxis, ids: Sequence[str], rows: int, low: str) -> bool:
    """Test whether rows are evenly distributed among all possible ids up to the last one (Kolmogorov-Smirnov).

    Args:
        axis: The axis of the ids.
        ids: The ids of the last rows.
        rows: The number of rows up to the last one.
        low: The lower bound of the list; empty if it has none.
    """
    if not axis.alphabet:  # consecutive numbers are even, too, but where they end is unknown
        return False
    start, step = axis.position(low), len(ids) // MAX_SAMPLE + 1
    length = axis.position(ids[-1]) - start
    sample = zip(range(rows - len(ids) + 1, rows + 1, step), ids[::step], strict=True)
    return (
        length > 0
        and sqrt(rows) * max(abs((axis.position(id_) - start) / length - count / rows) for count, id_ in sample)
        <= MAX_KS_STATISTIC
    )


def bounds_of(key: str, low: str | None, high: str | None) -> dict[str, str]:
    """Return the filters of ids above `low` up to `high`; None leaves a side without a bound."""
    bounds = {f"{key}_gt": low, f"{key}_lte": high}
    return {name: bound for name, bound in bounds.items() if bound is not None}


def lower_bound(query: Mapping[str, str], key: str) -> str:
    """Return the lower bound of ids in a query; empty if there is none."""
    return query.get(f"{key}_gt", query.get(f"{key}_gte", ""))


def orders_of(ids: Sequence[str]) -> list[Callable[[str], Any]]:
    """Return the keys by which ids ascend: as numbers, as text, both or neither."""
    orders: list[Callable[[str], Any]] = [number, str] if all(map(str.isdecimal, ids)) else [str]
    return [order for order in orders if is_ascending(ids, order)]


def is_ascending(ids: Sequence[str], key: Callable[[str], Any]) -> bool:
    """Return whether ids ascend by a key."""
    # numbers of one length ascend as their text does, which needs no key for each
    keys: Sequence[Any] = ids if key is str or len(set(map(len, ids))) == 1 else list(map(key, ids))
    return all(map(operator.lt, keys, keys[1:]))


def number(text: str) -> tuple[int, str]:
    """Return the key of numbers of any length."""
    return len(text), text
