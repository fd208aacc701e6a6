"""Choose the cursor after each page, and detect lists that repeat themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from toloka_frames._reading.id_axis import is_ascending, orders_of
from toloka_frames._reading.id_ranges import IdPage
from toloka_frames._reading.interruptions import interruption

if TYPE_CHECKING:
    from collections.abc import Callable

    from toloka_frames._errors import ScanInterrupted
    from toloka_frames._reading.interruptions import Handover

PageT = TypeVar("PageT", bound=IdPage)

# Ascending by accident: the ids of 20 rows in random order do so once in 20! lists.
MIN_ROWS_FOR_ORDER = 20


class OrderGuard:
    """Choose the cursor after each page, and detect a list that repeats itself.

    While ids ascend (as numbers, or as text), a row that is not after the last page can only be a row of that page again. Of a
    list whose first rows are in no such order, all ids are remembered.

    Attributes:
        cursor: The id of the last row so far.
        rows: The number of rows so far.
        first: The id of the first row.
    """

    def __init__(self, key: str, cursor: str | None, handover: Handover) -> None:
        self._name = key
        self._handover = handover
        self.cursor = cursor
        self.rows = 0
        self.first = ""
        # a service may return the row of the cursor again
        self._seen: dict[str, None] = {} if cursor is None else {cursor: None}
        # the orders in which all rows so far ascend: the first numbers of a list may ascend both as numbers and as text
        self._orders: list[Callable[[str], Any]] = []
        self._order_is_known = False

    def accept(self, page: PageT) -> tuple[str | None, PageT]:
        """Return the cursor after a page, and its new rows."""
        is_new = self.check(page)
        return self.cursor, page if all(is_new) else page.keep(is_new)

    def check(self, page: IdPage) -> list[bool]:
        """Return which rows of the page are new."""
        ascending = [order for order in self._orders if is_ascending([self.cursor or "", *page.ids], order)]
        is_new = [True] * len(page.ids) if ascending else [self._is_new(row_id) for row_id in page.ids]
        if page.has_more and not any(is_new):
            raise self.interrupted("a page brought no new row and says that there are more.")
        self.rows += sum(is_new)
        if ascending:
            self._orders = ascending
        self._remember(page.ids, is_ascending=bool(ascending))
        return is_new

    def _is_new(self, row_id: str) -> bool:
        if row_id in self._seen:
            return False
        if self._orders:
            after = [order for order in self._orders if order(row_id) > order(self.cursor or "")]
            if not after:
                raise self.interrupted(f"the row {row_id!r} came after {self.cursor!r}, against the list's order.")
            self._orders = after
        self._seen[row_id] = None
        return True

    def _remember(self, ids: list[str], *, is_ascending: bool) -> None:
        if ids:
            self.first = self.first or ids[0]
            self.cursor = max(ids, key=self._orders[0]) if self._orders and not is_ascending else ids[-1]
        if not self._order_is_known and len(self._seen) >= MIN_ROWS_FOR_ORDER:
            self._order_is_known, self._orders = True, orders_of(list(self._seen))
        if self._orders:
            self._seen = dict.fromkeys(ids)

    def interrupted(self, why: str) -> ScanInterrupted:
        return interruption(why, self.rows, self._handover, self._name, self.cursor)
