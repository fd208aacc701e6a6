"""Compute metrics of pools, by an operation (Toloka-Kit 1.2.3, analytics_request)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toloka_frames.local._api.operations import begin_operation, finish_operation
from toloka_frames.local._api.pool_lifecycle import find_pool, get_pool
from toloka_frames.local._base.errors import field_error, invalid, invalid_field
from toloka_frames.local._base.ids_and_timestamps import format_timestamp

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
}
# what Tolokers are to do in a pool: its tasks without control tasks, or the requester's task suites, and the tasks of each
_WORK = """(
    SELECT 1 AS tasks, body FROM tasks WHERE pool_id = :pool AND body -> '$.known_solutions' IS NULL
    UNION ALL
    SELECT (SELECT count(*) FROM json_each(body, '$.tasks') WHERE value -> '$.known_solutions' IS NULL), body
    FROM task_suites WHERE pool_id = :pool AND NOT body ->> '$.mixed')"""
_ASSIGNMENTS = "assignments WHERE pool_id = :pool"
_REMAINING = "body ->> '$.remaining_overlap'"
_DONE_SHARE = f"1 - 1.0 * sum({_REMAINING}) / sum(body ->> '$.overlap')"
_WORK_METRICS = {
    "real_tasks_count": "coalesce(sum(tasks), 0)",
    "completion_percentage": f"CAST(coalesce(100 * ({_DONE_SHARE}), 0) AS INTEGER)",
    # those that were not given up, and full pages of what remains
    "estimated_assignments_count": (
        f"(SELECT count(*) FROM {_ASSIGNMENTS} AND status NOT IN ('SKIPPED', 'EXPIRED'))"  # noqa: S608  # no names from requests
        f" + (coalesce(sum({_REMAINING}), 0) + :tasks_on_page - 1) / :tasks_on_page"
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
    if metric.get("name") not in _ASSIGNMENT_METRICS | _WORK_METRICS:
        errors["name"] = field_error("UNKNOWN_ENUM_VALUE")
    if metric.get("subject") != "POOL":
        errors["subject"] = field_error("UNKNOWN_ENUM_VALUE")
    if find_pool(store, metric.get("subject_id")) is None:
        errors["subject_id"] = field_error("ENTITY_DOES_NOT_EXIST")
    if metric.get("name") == "active_workers_by_filter_count" and not isinstance(metric.get("interval_hours"), int):
        errors["interval_hours"] = field_error("INTEGER_EXPECTED")
    return errors


def find_figures(store: Store, job: DueJob) -> None:
    """Finish an operation: compute its metrics."""
    metrics = job.argument["asked"]
    # an instant, as in the recorded answers of Toloka-Kit's metrics
    finished = format_timestamp(job.at)
    results = [{"request": metric, "result": _compute(store, metric), "finished": finished} for metric in metrics]
    finish_operation(store, job, details={"value": results})


def _compute(store: Store, metric: Row) -> float | Row:
    name = metric["name"]
    table, expressions = (_WORK, _WORK_METRICS) if name in _WORK_METRICS else (_ASSIGNMENTS, _ASSIGNMENT_METRICS)
    sql = f"SELECT {expressions[name]} FROM {table}"  # noqa: S608  # no names from requests
    mixer = get_pool(store, metric["subject_id"]).get("mixer_config") or {}
    size = max(1, mixer.get("real_tasks_count") or 1)
    parameters = {"pool": int(metric["subject_id"]), "hours": metric.get("interval_hours"), "tasks_on_page": size}
    [(value,)] = store.select(sql, parameters)
    # the form that Toloka-Kit 1.2.3's tests record
    return {"type": "NORMAL", "value": value, "infinite": False, "approximate": False} if name in _ESTIMATES else value
