"""A service with a list of user bonuses or app batches: real filters and sort orders. Tests add and change its rows."""

from __future__ import annotations

import operator
import random
import string
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from support.scripted_server import reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = 365 * 86_400 * 10**6
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


class BonusList:
    """Responses for a `Scripted` server: `scripted.answers = [bonuses]`.

    Args:
        created: The creation time of each row, in microseconds since EPOCH.
        digits: The fractional digits of a second that it returns; it compares all six.
        ignores: Query parameters that it ignores.

    Attributes:
        rows: The creation time of each row, by id.
        users: The user of each row's bonus, by id.
        queries: The queries of all requests.
        on_request: Called with the number of each request before its response.
    """

    rows_key = "items"

    def __init__(self, created: Iterable[int], *, digits: int = 3, ignores: Iterable[str] = ()) -> None:
        times = list(created)
        # of one to four digits, in no order of time
        ids = random.Random(0).sample(range(1, 9_999), len(times))  # noqa: S311 -- the same each time
        self.rows = {str(id_): time for id_, time in zip(ids, times, strict=True)}
        self.users = dict.fromkeys(self.rows, "a")
        self.queries: list[dict[str, str]] = []
        self.on_request: Callable[[int], object] = lambda _: None
        self._digits = digits
        self._ignores = set(ignores)

    def __call__(self, head: str) -> bytes:
        query = dict(parse_qsl(urlsplit(head.split(" ")[1]).query))
        self.queries.append(query)
        self.on_request(len(self.queries))
        query = {name: value for name, value in query.items() if name not in self._ignores}
        sort, limit = query.get("sort", "id"), int(query["limit"])
        rows = sorted(self.matching(query), key=self._keys()[sort.removeprefix("-")], reverse=sort.startswith("-"))
        return reply({self.rows_key: [self._row(id_) for id_ in rows[:limit]], "has_more": len(rows) > limit})

    def matching(self, query: Mapping[str, str]) -> list[str]:
        """Return the ids of the rows that match all filters."""
        filters = [
            self._filter(name, value)
            for name, value in query.items()
            if name == "user_id" or name.rpartition("_")[2] in COMPARISONS
        ]
        return [id_ for id_ in self.rows if all(matches(id_) for matches in filters)]

    def _keys(self) -> dict[str, Callable[[str], Any]]:
        return {"id": int, "created": self.rows.__getitem__}

    def _filter(self, name: str, value: str) -> Callable[[str], bool]:
        if name == "user_id":
            return lambda id_: self.users[id_] == value
        name, _, comparison = name.rpartition("_")
        compare, key = COMPARISONS[comparison], self._keys()[name]
        limit = parse_created(value) if name == "created" else key(value)
        return lambda id_: compare(key(id_), limit)

    def _row(self, id_: str) -> dict[str, Any]:
        created = format_created(self.rows[id_])[: 20 + self._digits]
        return {"id": id_, "user_id": self.users[id_], "created": created}


class BatchList(BonusList):
    """The same for app batches, all created at EPOCH.

    Args:
        ids: Their ids.
        ignores: Query parameters that it ignores.
    """

    rows_key = "content"

    def __init__(self, ids: Iterable[str], *, ignores: Iterable[str] = ()) -> None:
        super().__init__([], ignores=ignores)
        self.rows = dict.fromkeys(ids, 0)
        self._sorted_ids: list[str] = []

    def matching(self, query: Mapping[str, str]) -> list[str]:
        """Do the same for lists of many thousand rows: only rows between the bounds of the id are compared."""
        key = self._keys()["id"]
        if len(self._sorted_ids) != len(self.rows):
            self._sorted_ids = sorted(self.rows, key=key)
        ids, low, high = self._sorted_ids, 0, len(self._sorted_ids)
        if "id_gt" in query:
            low = bisect_right(ids, key(query["id_gt"]), key=key)
        if "id_lte" in query:
            high = bisect_right(ids, key(query["id_lte"]), key=key)
        rest = {name: value for name, value in query.items() if name not in ("id_gt", "id_lte")}
        filters = [self._filter(name, value) for name, value in rest.items() if name.rpartition("_")[2] in COMPARISONS]
        return [id_ for id_ in ids[low:high] if all(matches(id_) for matches in filters)] if filters else ids[low:high]

    def _keys(self) -> dict[str, Callable[[str], Any]]:
        return {"id": str, "created": self.rows.__getitem__}

    def _row(self, id_: str) -> dict[str, Any]:
        return {"id": id_, "name": f"Batch {id_}", "created_at": format_created(self.rows[id_])}


def app_ids(rows: int, seed: int = 0) -> list[str]:
    """Return ids like those of the Apps API: letters and digits, in no order of time."""
    generator = random.Random(seed)  # noqa: S311 -- the same each time
    return ["".join(generator.choices(string.digits + string.ascii_letters, k=20)) for _ in range(rows)]


@lru_cache(maxsize=10_000)
def format_created(microseconds: int) -> str:
    """Format microseconds since EPOCH as the service does."""
    return f"{EPOCH + timedelta(microseconds=microseconds):%Y-%m-%dT%H:%M:%S.%f}"


def parse_created(text: str) -> int:
    """Return the microseconds since EPOCH of a filter's timestamp."""
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
