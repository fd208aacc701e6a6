"""The tables: which fields of the rows' JSON are columns, so that lists can filter and sort by them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from toloka_frames.local._base.ids_and_timestamps import sortable_timestamp

_BOOLEANS = ("false", "true")
_INTEGER = re.compile("-?[0-9]{1,18}")  # SQLite's integers hold all of them


@dataclass(frozen=True)
class Column:
    """A column generated from a field of the JSON row; `path` is the field's path if it is not `name`."""

    name: str
    kind: Literal["text", "decimal", "integer", "timestamp", "boolean"] = "text"
    path: str = ""

    @property
    def sql(self) -> str:
        """The column's definition in SQL."""
        field = f"json_extract(body, '$.{self.path or self.name}')"
        match self.kind:
            case "decimal":
                # text in the API, but "9" was created before "10" (no source states that lists compare them as numbers)
                field = f"CAST({field} AS INTEGER)"
            case "timestamp":
                # the API omits a fraction of zero, and texts of different lengths do not sort by time
                field = f"substr({field} || iif(length({field}) = 19, '.000000', '000000'), 1, 26)"
        return f"{self.name} GENERATED ALWAYS AS ({field}) STORED"

    def value(self, text: str) -> str | int:
        """Convert text from a query or path to the column's value; raise ValueError if it is not valid."""
        match self.kind:
            case "timestamp":
                return sortable_timestamp(text)
            case "text":
                return text
            case "boolean":
                # json_extract makes 0 and 1 of JSON's false and true
                return _BOOLEANS.index(text.lower())
        if not _INTEGER.fullmatch(text):
            raise ValueError(text)
        return int(text)


@dataclass(frozen=True)
class Table:
    """A table: `label` names one of its rows in messages, each of `indexes` is a list of columns."""

    label: str
    columns: tuple[Column, ...]
    indexes: tuple[str, ...] = ()

    def column(self, name: str) -> Column:
        """Return the column of this name."""
        return next(column for column in self.columns if column.name == name)


def _timestamps(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, "timestamp") for name in names)


_DECIMAL = Column("id", "decimal")
_TEXT = Column("id")
_POOL = Column("pool_id", "decimal")
_STATUS = Column("status")
_OWNER = (Column("owner_id", path="owner.id"), Column("owner_company_id", path="owner.company_id"))
_APP_PROJECT = Column("app_project_id")
_IN_POOL = ("pool_id, id", "pool_id, created, id")
_IN_APP_PROJECT = ("app_project_id, id", "app_project_id, created, id")

TABLES = {
    "projects": Table(
        "project",
        (
            _DECIMAL,
            _STATUS,
            Column("owner", path="owner.id"),
            Column("public_name"),
            Column("private_comment"),
            *_OWNER,
            *_timestamps("created"),
        ),
    ),
    "pools": Table(
        "pool", (_DECIMAL, _STATUS, Column("project_id", "decimal"), *_OWNER, *_timestamps("created", "last_started"))
    ),
    "trainings": Table(
        "training", (_DECIMAL, _STATUS, Column("project_id", "decimal"), *_timestamps("created", "last_started"))
    ),
    "tasks": Table("task", (_TEXT, _POOL, Column("overlap", "integer"), *_OWNER, *_timestamps("created")), _IN_POOL),
    "task_suites": Table(
        "task suite", (_TEXT, _POOL, Column("overlap", "integer"), *_OWNER, *_timestamps("created")), _IN_POOL
    ),
    "assignments": Table(
        "assignment",
        (
            _TEXT,
            _POOL,
            _STATUS,
            Column("task_suite_id"),
            Column("user_id"),
            *_timestamps("created", "submitted", "accepted", "rejected", "skipped", "expired"),
        ),
        (*_IN_POOL, "pool_id, submitted, id", "task_suite_id", "pool_id, user_id"),
    ),
    "aggregated_solutions": Table(
        "aggregated solution", (_TEXT, Column("operation_id"), Column("task_id")), ("operation_id, task_id",)
    ),
    "attachments": Table(
        "attachment",
        (
            _TEXT,
            Column("name"),
            Column("type", path="attachment_type"),
            Column("pool_id", "decimal", "details.pool_id"),
            Column("assignment_id", path="details.assignment_id"),
            Column("user_id", path="details.user_id"),
            *_OWNER,
            *_timestamps("created"),
        ),
        ("pool_id, id", "assignment_id, id"),
    ),
    "message_threads": Table("message thread", (_TEXT, *_timestamps("created"))),
    "webhook_subscriptions": Table(
        "webhook subscription",
        (_TEXT, Column("event_type"), Column("webhook_url"), _POOL, *_timestamps("created")),
        ("pool_id, id",),
    ),
    "user_bonuses": Table(
        "user bonus",
        (_DECIMAL, Column("user_id"), Column("assignment_id"), Column("private_comment"), *_timestamps("created")),
        ("user_id", "assignment_id"),
    ),
    "skills": Table(
        "skill", (_DECIMAL, Column("name"), Column("global", "boolean"), *_OWNER, *_timestamps("created", "modified"))
    ),
    "user_skills": Table(
        "user skill",
        (_DECIMAL, Column("user_id"), Column("skill_id", "decimal"), *_timestamps("created", "modified")),
        ("skill_id, user_id",),
    ),
    "user_restrictions": Table(
        "user restriction",
        (
            _DECIMAL,
            Column("user_id"),
            Column("scope"),
            Column("project_id", "decimal"),
            _POOL,
            *_timestamps("created"),
        ),
        ("user_id",),
    ),
    "operations": Table("operation", (_TEXT, Column("type"), _STATUS, *_timestamps("submitted", "finished"))),
    "apps": Table("app", (_TEXT,)),
    "app_projects": Table(
        "app project",
        (_TEXT, Column("app_id"), Column("parent_app_project_id"), Column("name"), _STATUS, *_timestamps("created")),
    ),
    "app_items": Table(
        "item",
        (
            _TEXT,
            _APP_PROJECT,
            Column("batch_id"),
            _STATUS,
            Column("created", "timestamp", "created_at"),
            Column("finished", "timestamp", "finished_at"),
        ),
        (*_IN_APP_PROJECT, "batch_id, id"),
    ),
    "app_batches": Table(
        "batch",
        (_TEXT, _APP_PROJECT, Column("name"), _STATUS, Column("created", "timestamp", "created_at")),
        _IN_APP_PROJECT,
    ),
}
