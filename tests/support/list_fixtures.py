"""Rows for every list, with ties, gaps and every value of every filter, and what a service must return, by brute force."""

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
OUTSIDE_ROWS = 3
OWN_ID = "r000"
OPERATORS = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}
# each form of a fraction; several rows have the same timestamp
TIMESTAMPS = [f"2026-01-01T00:00:0{second}{fraction}" for second in range(3) for fraction in ("", ".25", ".5", ".000001")]
TEXTS = ["a", "b", "B", "10", "9"]
LISTS_WITH_NUMERIC_IDS = ("projects", "pools", "trainings", "skills", "user_skills", "user_restrictions", "user_bonuses")
# the path to a filter's value in a row, if it is not the filter's own name
OWNER = {"owner_id": "owner.id", "owner_company_id": "owner.company_id"}
PATHS = {
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
FILTERS_WITHOUT_FIELD = {
    "apps": {"lang", "after_id"},
    "app_projects": {"scope", "requester_ids", "after_id"},
    "app_items": {"after_id"},
    "app_batches": {"after_id"},
}


class ListFixture:
    """The rows of a list in a service.

    Attributes:
        rows: All rows, including some that a request with `required` does not return.
        required: The path parameters and filters that a request needs.
    """

    def __init__(self, name: str) -> None:
        self.resource = resource = RESOURCES[name]
        self._name = name
        self._paths = PATHS.get(name, {})
        self._hints = get_type_hints(resource.keywords)
        self.required = dict.fromkeys(resource.path_params, OWN_ID) | dict.fromkeys(resource.one_of[:1], "1")
        keys = dict.fromkeys([*plain(resource), *compared(resource), *resource.sort])
        self._keys = [key for key in keys if key not in FILTERS_WITHOUT_FIELD.get(name, ())]
        self.rows = list(self._rows())

    @property
    def filters(self) -> Iterator[tuple[str, Any]]:
        """Each filter that is not a comparison, with each of its values."""
        for key in plain(self.resource):
            if key in self._keys:
                for value in dict.fromkeys(value for row in self.rows for value in self._values_of(row, key)):
                    yield key, value

    @property
    def comparisons(self) -> Iterator[tuple[str, Any, Callable[[Any, Any], bool]]]:
        """Each comparison filter, with the values of some rows and Python's operator for it."""
        for key in compared(self.resource):
            values = [value for row in self.rows[::7] for value in self._values_of(row, key)]
            for suffix, compare in OPERATORS.items():
                for value in values:
                    yield f"{key}_{suffix}", value, compare

    def matching(self, key: str, value: Any) -> list[str]:
        """Return the ids of the rows that match a filter."""
        return self.ids(lambda row: (value in self._values_of(row, key)) != (key == "folder_ne"))

    def comparing(self, key: str, value: Any, compare: Callable[[Any, Any], bool]) -> list[str]:
        """Return the ids of the rows that match a comparison filter."""
        field = key.rpartition("_")[0]
        limit = self._comparable(field, value)
        return self.ids(lambda row: any(compare(self._comparable(field, own), limit) for own in self._values_of(row, field)))

    def ids(self, where: Callable[[Row], bool] = lambda _: True) -> list[str]:
        """Return the ids of the rows that a request returns and that match a condition, in the order of the cursor."""
        cursor = self.resource.cursor
        rows = [row for row in self.rows if self._is_returned(row) and where(row)]
        return [row[cursor] for row in sorted(rows, key=lambda row: self._comparable(cursor, row[cursor]))]

    def sort_values(self, rows: list[Row], key: str) -> list[Any]:
        """Return the values of rows by which a sort key orders them."""
        return [self._comparable(key, value) for row in rows for value in self._values_of(row, key)]

    def _is_returned(self, row: Row) -> bool:
        return all(value in self._values_of(row, key) for key, value in self.required.items())

    def _values_of(self, row: Row, key: str) -> list[Any]:
        """Return the values of a row that a filter applies to: none, one, or several."""
        value: Any = row
        for step in self._paths.get(key, key).split("."):
            value = (value or {}).get(step)
        if isinstance(value, list):
            return [item["id"] if isinstance(item, dict) else item for item in value]
        return [] if value is None else [value]

    def _comparable(self, key: str, value: Any) -> Any:
        if key == "id" and self._name in LISTS_WITH_NUMERIC_IDS:
            return int(value)
        return parse_timestamp(value) if date in get_args(self._hints.get(f"{key}_gt")) else value

    def _rows(self) -> Iterator[Row]:
        values = {key: cycle(self._sample_values(key)) for key in self._keys}
        for number in range(ROWS + OUTSIDE_ROWS):
            row: Row = {}
            for key, samples in values.items():
                _put(row, self._paths.get(key, key), next(samples))
            for key, value in self.required.items():
                _put(row, self._paths.get(key, key), value if number < ROWS else f"{value}2")
            # from 88 to 115, whose order as text differs from their order as numbers
            row["id"] = f"{number + 88}" if self._name in LISTS_WITH_NUMERIC_IDS else f"r{number:03}"
            yield row | {self.resource.cursor: row["id"]}

    def _sample_values(self, key: str) -> list[Any]:
        """Return the values that rows have, in turn, for a filter or a sort key."""
        hint = self._hints.get(f"{key}_gt", self._hints.get(key, str | None))
        kind = get_args(hint)[0]
        if self._paths.get(key) == "folders":
            return [[], *([folder] for folder in get_args(kind)), list(get_args(kind))[:2]]
        if self._paths.get(key) == "tasks":
            return [[{"id": "a"}], [], [{"id": "a"}, {"id": "b"}]]
        if get_origin(kind) is Literal:
            return list(get_args(kind))
        if date in get_args(hint):
            never_missing = "submitted" if self._name == "operations" else "created"
            return TIMESTAMPS if key == never_missing else [*TIMESTAMPS, None]
        numbers = {bool: [True, False, False], int: [1, 2, None, 10]}
        return numbers.get(kind, ["1", "2", "1"] if key in ("pool_id", "project_id", "skill_id") else TEXTS)


def _put(row: Row, path: str, value: Any) -> None:
    *keys, last = path.split(".")
    for key in keys:
        row = row.setdefault(key, {})
    if value is not None:
        row[last] = value
