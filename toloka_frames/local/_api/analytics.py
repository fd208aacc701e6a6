"""Compute metrics of pools, by an operation (Toloka-Kit 1.2.3, analytics_request)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toloka_frames.local._api.operations import begin_operation, finish_operation
from toloka_frames.local._base.errors import field_error, invalid, invalid_field

if TYPE_CHECKING:
    from toloka_frames.local._api.request import ApiRequest
    from toloka_frames.local._base.errors import FieldErrors
    from toloka_frames.local._base.field_specs import Json
    from toloka_frames.local._base.responses import Response
    from toloka_frames.local._store.store import DueJob, Row, Store

_MAX_METRICS = 10
_SUBMITTED = "status IN ('SUBMITTED', 'ACCEPTED', 'REJECTED')"
_DAYS = "julianday(submitted) - julianday(created)"
_ASSIGNMENT_METRICS = {
    "submitted_assignments_count": f"count(*) FILTER (WHERE {_SUBMITTED})",
    "skipped_assignments_count": "count(*) FILTER (WHERE status = 'SKIPPED')",
    "rejected_assignments_count": "count(*) FILTER (WHERE status = 'REJECTED')",
    "approved_assignments_count": "count(*) FILTER (WHERE status = 'ACCEPTED')",
    "avg_submit_assignment_millis": f"CAST(coalesce(avg({_DAYS}) * 86400000, 0) AS INTEGER)",
    "spent_budget": "round(coalesce(sum(body ->> '$.reward') FILTER (WHERE status = 'ACCEPTED'), 0), 6)",
    "unique_workers_count": "count(DISTINCT user_id)",
    "unique_submitters_count": f"count(DISTINCT user_id) FILTER (WHERE {_SUBMITTED})",
    "active_workers_by_filter_count": (
        "count(DISTINCT user_id) FILTER (WHERE julianday(submitted) > julianday('now') - :hours / 24.0)"
    ),
    "estimated_assignments_count": "count(*)",
}
_TASK_METRICS = {
    "real_tasks_count": "count(*) FILTER (WHERE body -> '$.known_solutions' IS NULL)",
    "completion_percentage": (
        "CAST(coalesce(100 * (1 - 1.0 * sum(body ->> '$.remaining_overlap') / sum(overlap)), 0) AS INTEGER)"
    ),
}
# metrics whose result is an object that also says how exact the value is
_ESTIMATES = frozenset({"completion_percentage", "estimated_assignments_count"})


def analyse(store: Store, request: ApiRequest) -> Response:
    """Respond with 202 and an operation; 400 for an invalid metric."""
    metrics = request.json()
    if not isinstance(metrics, list) or not metrics:
        raise invalid_field("body", "VALUES_REQUIRED")
    if len(metrics) > _MAX_METRICS:
        raise invalid_field("body", "ARRAY_SIZE_GREATER_THAN_MAX", _MAX_METRICS)
    errors = {str(position): found for position, metric in enumerate(metrics) if (found := _check(store, metric))}
    if errors:
        raise invalid(errors)
    return begin_operation(store, "ANALYTICS", {"value": metrics}, "find_figures", {"asked": metrics})


def _check(store: Store, metric: Json) -> FieldErrors:
    if not isinstance(metric, dict):
        return {"request": field_error("OBJECT_EXPECTED")}
    errors: FieldErrors = {}
    if metric.get("name") not in _ASSIGNMENT_METRICS | _TASK_METRICS:
        errors["name"] = field_error("UNKNOWN_ENUM_VALUE")
    if metric.get("subject") != "POOL":
        errors["subject"] = field_error("UNKNOWN_ENUM_VALUE")
    if store.find("pools", metric.get("subject_id")) is None:
        errors["subject_id"] = field_error("ENTITY_DOES_NOT_EXIST")
    if metric.get("name") == "active_workers_by_filter_count" and not isinstance(metric.get("interval_hours"), int):
        errors["interval_hours"] = field_error("INTEGER_EXPECTED")
    return errors


def find_figures(store: Store, job: DueJob) -> None:
    """Finish an operation: compute its metrics."""
    metrics = job.argument["asked"]
    results = [{"request": metric, "result": _compute(store, metric), "finished": True} for metric in metrics]
    finish_operation(store, job, details={"value": results})


def _compute(store: Store, metric: Row) -> float | Row:
    name = metric["name"]
    table, expressions = ("tasks", _TASK_METRICS) if name in _TASK_METRICS else ("assignments", _ASSIGNMENT_METRICS)
    sql = f"SELECT {expressions[name]} FROM {table} WHERE pool_id = :pool"  # noqa: S608  # no names from requests
    [(value,)] = store.select(sql, {"pool": int(metric["subject_id"]), "hours": metric.get("interval_hours")})
    return {"value": value, "infinite": False, "approximate": False} if name in _ESTIMATES else value
