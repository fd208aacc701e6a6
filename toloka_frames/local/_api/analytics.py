"""Questions about pools -> an operation that ends with their figures (Toloka-Kit 1.2.3, analytics_request)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toloka_frames.local._api.operations import begin, finish
from toloka_frames.local._base.errors import field_error, invalid, invalid_field

if TYPE_CHECKING:
    from toloka_frames.local._api.request import ApiRequest
    from toloka_frames.local._base.errors import FieldErrors
    from toloka_frames.local._base.field_specs import Json
    from toloka_frames.local._base.responses import Response
    from toloka_frames.local._store.store import DueJob, Row, Store

_MOST = 10
_DONE = "status IN ('SUBMITTED', 'ACCEPTED', 'REJECTED')"
_DAYS = "julianday(submitted) - julianday(created)"
_OF_ASSIGNMENTS = {
    "submitted_assignments_count": f"count(*) FILTER (WHERE {_DONE})",
    "skipped_assignments_count": "count(*) FILTER (WHERE status = 'SKIPPED')",
    "rejected_assignments_count": "count(*) FILTER (WHERE status = 'REJECTED')",
    "approved_assignments_count": "count(*) FILTER (WHERE status = 'ACCEPTED')",
    "avg_submit_assignment_millis": f"CAST(coalesce(avg({_DAYS}) * 86400000, 0) AS INTEGER)",
    "spent_budget": "round(coalesce(sum(body ->> '$.reward') FILTER (WHERE status = 'ACCEPTED'), 0), 6)",
    "unique_workers_count": "count(DISTINCT user_id)",
    "unique_submitters_count": f"count(DISTINCT user_id) FILTER (WHERE {_DONE})",
    "active_workers_by_filter_count": (
        "count(DISTINCT user_id) FILTER (WHERE julianday(submitted) > julianday('now') - :hours / 24.0)"
    ),
    "estimated_assignments_count": "count(*)",
}
_OF_TASKS = {
    "real_tasks_count": "count(*) FILTER (WHERE body -> '$.known_solutions' IS NULL)",
    "completion_percentage": (
        "CAST(coalesce(100 * (1 - 1.0 * sum(body ->> '$.remaining_overlap') / sum(overlap)), 0) AS INTEGER)"
    ),
}
# figures that are told with what they are worth
_ESTIMATES = frozenset({"completion_percentage", "estimated_assignments_count"})


def analyse(store: Store, request: ApiRequest) -> Response:
    """Answer 202 with an operation; ServiceError 400 for a question that cannot be."""
    asked = request.json()
    if not isinstance(asked, list) or not asked:
        raise invalid_field("body", "VALUES_REQUIRED")
    if len(asked) > _MOST:
        raise invalid_field("body", "ARRAY_SIZE_GREATER_THAN_MAX", _MOST)
    errors = {str(position): wrong for position, one in enumerate(asked) if (wrong := _check(store, one))}
    if errors:
        raise invalid(errors)
    return begin(store, "ANALYTICS", {"value": asked}, "find_figures", {"asked": asked})


def _check(store: Store, asked: Json) -> FieldErrors:
    if not isinstance(asked, dict):
        return {"request": field_error("OBJECT_EXPECTED")}
    errors: FieldErrors = {}
    if asked.get("name") not in _OF_ASSIGNMENTS | _OF_TASKS:
        errors["name"] = field_error("UNKNOWN_ENUM_VALUE")
    if asked.get("subject") != "POOL":
        errors["subject"] = field_error("UNKNOWN_ENUM_VALUE")
    if store.find("pools", asked.get("subject_id")) is None:
        errors["subject_id"] = field_error("ENTITY_DOES_NOT_EXIST")
    if asked.get("name") == "active_workers_by_filter_count" and not isinstance(asked.get("interval_hours"), int):
        errors["interval_hours"] = field_error("INTEGER_EXPECTED")
    return errors


def find_figures(store: Store, job: DueJob) -> None:
    """The operation's moment: each question has its figure."""
    figures = [{"request": asked, "result": _figure(store, asked), "finished": True} for asked in job.argument["asked"]]
    finish(store, job, details={"value": figures})


def _figure(store: Store, asked: Row) -> float | Row:
    name = asked["name"]
    table, figures = ("tasks", _OF_TASKS) if name in _OF_TASKS else ("assignments", _OF_ASSIGNMENTS)
    sql = f"SELECT {figures[name]} FROM {table} WHERE pool_id = :pool"  # noqa: S608  # all names are ours
    [(value,)] = store.select(sql, {"pool": int(asked["subject_id"]), "hours": asked.get("interval_hours")})
    return {"value": value, "infinite": False, "approximate": False} if name in _ESTIMATES else value
