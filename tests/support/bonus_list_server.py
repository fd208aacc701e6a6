"""A list of user bonuses as the service keeps it, with real filters and order; rows come and change when a test says so."""

from __future__ import annotations

import operator
import random
import string
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from support.scripted_server import reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = 365 * 86_400 * 10**6
HOWS: dict[str, Callable[[Any, Any], bool]] = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}


class Listing:
    """What a `Scripted` server answers from: `scripted.answers = [listing]`.

    Args:
        moments: When each row was made, in microseconds of 2026.
        digits: Of the fraction of a second that it shows; it compares by all six.
        ignores: Query parameters that it does not know.

    Attributes:
        rows: When each row was made, by its id.
        users: To whom each row's bonus went.
        asked: The queries that came.
        at: Called with the number of each request, before it is answered.
    """

    place = "items"

    def __init__(self, moments: Iterable[int], *, digits: int = 3, ignores: Iterable[str] = ()) -> None:
        made = list(moments)
        # of one to four digits, in no order of time
        ids = random.Random(0).sample(range(1, 9_999), len(made))  # noqa: S311 -- the same each time
        self.rows = {str(each): moment for each, moment in zip(ids, made, strict=True)}
        self.users = dict.fromkeys(self.rows, "a")
        self.asked: list[dict[str, str]] = []
        self.at: Callable[[int], object] = lambda _: None
        self._digits = digits
        self._ignores = set(ignores)

    def __call__(self, head: str) -> bytes:
        query = dict(parse_qsl(urlsplit(head.split(" ")[1]).query))
        self.asked.append(query)
        self.at(len(self.asked))
        query = {name: value for name, value in query.items() if name not in self._ignores}
        sort, limit = query.get("sort", "id"), int(query["limit"])
        rows = sorted(self.passing(query), key=self._keys()[sort.removeprefix("-")], reverse=sort.startswith("-"))
        return reply({self.place: [self._row(each) for each in rows[:limit]], "has_more": len(rows) > limit})

    def passing(self, query: Mapping[str, str]) -> list[str]:
        """Ids of the rows that filters let pass."""
        passes = [
            self._filter(name, value) for name, value in query.items() if name == "user_id" or name.rpartition("_")[2] in HOWS
        ]
        return [each for each in self.rows if all(one(each) for one in passes)]

    def _keys(self) -> dict[str, Callable[[str], Any]]:
        return {"id": int, "created": self.rows.__getitem__}

    def _filter(self, name: str, value: str) -> Callable[[str], bool]:
        if name == "user_id":
            return lambda each: self.users[each] == value
        key, _, how = name.rpartition("_")
        compare, of = HOWS[how], self._keys()[key]
        limit = microseconds(value) if key == "created" else of(value)
        return lambda each: compare(of(each), limit)

    def _row(self, each: str) -> dict[str, Any]:
        shown = moment(self.rows[each])[: 20 + self._digits]
        return {"id": each, "user_id": self.users[each], "created": shown}


class Batches(Listing):
    """The same with app batches, which are made at any time of a year.

    Args:
        ids: Theirs.
        ignores: As above.
    """

    place = "content"

    def __init__(self, ids: Iterable[str], *, ignores: Iterable[str] = ()) -> None:
        super().__init__([], ignores=ignores)
        self.rows = dict.fromkeys(ids, 0)

    def _keys(self) -> dict[str, Callable[[str], Any]]:
        return {"id": str, "created": self.rows.__getitem__}

    def _row(self, each: str) -> dict[str, Any]:
        return {"id": each, "name": f"Batch {each}", "created_at": moment(self.rows[each])}


def app_ids(rows: int, seed: int = 0) -> list[str]:
    """Ids as the Apps API has them: letters and digits, in no order of time."""
    draw = random.Random(seed)  # noqa: S311 -- the same each time
    return ["".join(draw.choices(string.digits + string.ascii_letters, k=20)) for _ in range(rows)]


def moment(microsecond: int) -> str:
    """An instant as the service writes it."""
    return f"{EPOCH + timedelta(microseconds=microsecond):%Y-%m-%dT%H:%M:%S.%f}"


def microseconds(text: str) -> int:
    """An instant as a filter spells it."""
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
