"""Rows for every list, with ties, gaps and every value of every filter; and what a service must answer, by brute force."""

from __future__ import annotations

import operator
from datetime import date
from itertools import cycle
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from support.list_catalog import RESOURCES, compared, plain

from toloka_frames._schema.timestamps import parse_timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Row = dict[str, Any]

ROWS = 25
STRANGERS = 3
MINE = "r000"
HOWS = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}
# every spelling of a fraction, and instants that several rows have
INSTANTS = [f"2026-01-01T00:00:0{second}{fraction}" for second in range(3) for fraction in ("", ".25", ".5", ".000001")]
TEXTS = ["a", "b", "B", "10", "9"]
NUMBERED = ("projects", "pools", "trainings", "skills", "user_skills", "user_restrictions", "user_bonuses")
# where a filter's value stands in a row, unless under the filter's own name
OWNER = {"owner_id": "owner.id", "owner_company_id": "owner.company_id"}
PLACES = {
    "projects": {"owner": "owner.id", **OWNER},
    "pools": OWNER,
    "tasks": OWNER,
    "attachments": {
        "pool_id": "details.pool_id",
        "assignment_id": "details.assignment_id",
        "user_id": "details.user_id",
        "type": "attachment_type",
        **OWNER,
    },
    "skills": {"global_": "global", **OWNER},
    "message_threads": {"folder": "folders", "folder_ne": "folders"},
    "task_suites": {"task_id": "tasks", **OWNER},
    "assignments": {"task_id": "tasks"},
    "app_items": {"created": "created_at", "finished": "finished_at"},
    "app_batches": {"created": "created_at"},
}
# filters that are not about a field of the rows
ABOUT_NO_FIELD = {
    "apps": {"lang", "after_id"},
    "app_projects": {"scope", "requester_ids", "after_id"},
    "app_items": {"after_id"},
    "app_batches": {"after_id"},
}


class Kept:
    """The rows of a list that a service keeps.

    Attributes:
        rows: All of them.
        given: What the list cannot be asked without.
        filters: Filters that compare nothing, and the values that rows have.
    """

    def __init__(self, name: str) -> None:
        self.resource = resource = RESOURCES[name]
        self._name = name
        self._hints = get_type_hints(resource.keywords)
        # an app project, or an operation, that is there
        self.given = dict.fromkeys(resource.path_params, MINE) | dict.fromkeys(resource.one_of[:1], "1")
        asked = [*plain(resource), *compared(resource), *resource.sort]
        self._keys = [each for each in dict.fromkeys(asked) if each not in ABOUT_NO_FIELD.get(name, ())]
        self.rows = list(self._rows())

    @property
    def filters(self) -> Iterator[tuple[str, Any]]:
        """Each filter that compares nothing, with each of its values."""
        for key in plain(self.resource):
            if key in self._keys:
                for value in dict.fromkeys(each for row in self.rows for each in self._held(row, key)):
                    yield key, value

    @property
    def comparisons(self) -> Iterator[tuple[str, Any, Callable[[Any, Any], bool]]]:
        """Each filter that compares, with the values of some rows, as the wire has them, and how it compares."""
        for key in compared(self.resource):
            values = [value for row in self.rows[::7] for value in self._held(row, key)]
            for how, compare in HOWS.items():
                for value in values:
                    yield f"{key}_{how}", value, compare

    def passing(self, key: str, value: Any) -> list[str]:
        """Ids of the rows that a filter lets pass."""
        return self.ids(lambda row: (value in self._held(row, key)) != (key == "folder_ne"))

    def beyond(self, key: str, value: Any, compare: Callable[[Any, Any], bool]) -> list[str]:
        """Ids of the rows that compare so with a value."""
        field = key.rpartition("_")[0]
        limit = self._comparable(field, value)
        return self.ids(lambda row: any(compare(self._comparable(field, each), limit) for each in self._held(row, field)))

    def ids(self, where: Callable[[Row], bool] = lambda _: True) -> list[str]:
        """Ids of the rows that can be asked for and pass, in the order of a walk."""
        cursor = self.resource.cursor
        asked = [row for row in self.rows if self._is_asked_for(row) and where(row)]
        return [row[cursor] for row in sorted(asked, key=lambda row: self._comparable(cursor, row[cursor]))]

    def keys(self, rows: list[Row], key: str) -> list[Any]:
        """What rows of the wire have at a sort key, as it compares."""
        return [self._comparable(key, each) for row in rows for each in self._held(row, key)]

    def _is_asked_for(self, row: Row) -> bool:
        return all(value in self._held(row, key) for key, value in self.given.items())

    def _held(self, row: Row, key: str) -> list[Any]:
        """The values that a row has for a filter: none, one, or several."""
        value: Any = row
        for step in PLACES.get(self._name, {}).get(key, key).split("."):
            value = (value or {}).get(step)
        if isinstance(value, list):
            return [each["id"] if isinstance(each, dict) else each for each in value]
        return [] if value is None else [value]

    def _comparable(self, key: str, value: Any) -> Any:
        if key == "id" and self._name in NUMBERED:
            return int(value)
        return parse_timestamp(value) if date in get_args(self._hints.get(f"{key}_gt")) else value

    def _rows(self) -> Iterator[Row]:
        values = {key: cycle(self._values(key)) for key in self._keys}
        for number in range(ROWS + STRANGERS):
            row: Row = {}
            for key, each in values.items():
                _put(row, PLACES.get(self._name, {}).get(key, key), next(each))
            for key, value in self.given.items():
                _put(row, PLACES.get(self._name, {}).get(key, key), value if number < ROWS else f"{value}2")
            # from 88 to 115: as text they ascend in another order than as numbers
            row["id"] = f"{number + 88}" if self._name in NUMBERED else f"r{number:03}"
            yield row | {self.resource.cursor: row["id"]}

    def _values(self, key: str) -> list[Any]:
        """What rows have for a filter or sort key, one after another."""
        hint = self._hints.get(f"{key}_gt", self._hints.get(key, str | None))
        kind = get_args(hint)[0]
        if PLACES.get(self._name, {}).get(key) == "folders":
            return [[], *([one] for one in get_args(kind)), list(get_args(kind))[:2]]
        if PLACES.get(self._name, {}).get(key) == "tasks":
            return [[{"id": "a"}], [], [{"id": "a"}, {"id": "b"}]]
        if get_origin(kind) is Literal:
            return list(get_args(kind))
        if date in get_args(hint):
            always = "submitted" if self._name == "operations" else "created"
            return INSTANTS if key == always else [*INSTANTS, None]
        numbers = {bool: [True, False, False], int: [1, 2, None, 10]}
        return numbers.get(kind, ["1", "2", "1"] if key in ("pool_id", "project_id", "skill_id") else TEXTS)


def _put(row: Row, place: str, value: Any) -> None:
    *path, last = place.split(".")
    for step in path:
        row = row.setdefault(step, {})
    if value is not None:
        row[last] = value
