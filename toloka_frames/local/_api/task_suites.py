"""Check task suites and make their rows (Toloka API, Create task suites).

The tasks of a suite get their own ids, to which solutions and aggregation refer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toloka_frames.local._api.bulk_create import BulkCreation
from toloka_frames.local._api.overlaps import check_order
from toloka_frames.local._api.pool_lifecycle import check_not_archived, is_training
from toloka_frames.local._api.tasks import (
    MAX_ASYNC_TASKS,
    MAX_SYNC_TASKS,
    check_pool_objects,
    check_size,
    check_task_values,
    existing_pools,
    task_values,
)
from toloka_frames.local._base.errors import conflict, field_error, too_large
from toloka_frames.local._base.ids_and_timestamps import format_timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toloka_frames.local._api.bulk_create import CheckedObject, CreateOptions
    from toloka_frames.local._api.tasks import PoolSpecs
    from toloka_frames.local._base.errors import FieldErrors
    from toloka_frames.local._base.field_specs import Json
    from toloka_frames.local._store.store import Row, Store

_EMBEDDED_TASK_FIELDS = (
    "id",
    "input_values",
    "known_solutions",
    "message_on_unknown_solution",
    "origin_task_id",
    "localization_config",
)
_STORED_FIELDS = ("longitude", "latitude", "traits_all_of", "traits_any_of", "traits_none_of_any")


def _check_request(store: Store, objects: Sequence[Json], is_async: bool) -> None:
    tasks = [task for suite in objects if isinstance(suite, dict) for task in _tasks(suite)]
    # Toloka-Kit 1.2.3: 10,000 suites with async_mode, else 5,000 tasks in suites
    limit = (len(objects), MAX_ASYNC_TASKS, "suites") if is_async else (len(tasks), MAX_SYNC_TASKS, "tasks in suites")
    count, max_count, label = limit
    if count > max_count:
        raise too_large(f"One request may contain {max_count} {label}, this one has {count}")
    check_size(tasks)
    for pool in existing_pools(store, objects):
        check_not_archived(pool)
        if is_training(pool):
            raise conflict("POOL_TASK_TYPE_CONFLICT", f"Pool {pool['id']} is a training: it takes tasks, not task suites")
        if pool.get("mixer_config"):
            raise conflict("POOL_TASK_TYPE_CONFLICT", f"Pool {pool['id']} has a mixer_config: it takes tasks, not task suites")


def _tasks(suite: Row) -> list[Json]:
    tasks = suite.get("tasks")
    return tasks if isinstance(tasks, list) else []


def _check_objects(store: Store, objects: Sequence[Json], options: CreateOptions) -> list[CheckedObject]:
    return check_pool_objects(store, objects, options, "task_suite", _check_suite)


def _check_suite(suite: Row, pool_specs: PoolSpecs) -> FieldErrors:
    return check_order(suite) | _check_tasks(suite.get("tasks"), pool_specs)


def _check_tasks(tasks: Json, pool_specs: PoolSpecs) -> FieldErrors:
    if not isinstance(tasks, list):
        return {"tasks": field_error("VALUE_REQUIRED" if tasks is None else "ARRAY_EXPECTED")}
    if not tasks:
        return {"tasks": field_error("VALUES_REQUIRED")}
    errors: FieldErrors = {}
    for position, task in enumerate(tasks):
        errors |= _check_task(task, pool_specs, f"tasks.{position}")
    return errors


def _check_task(task: Json, pool_specs: PoolSpecs, path: str) -> FieldErrors:
    if not isinstance(task, dict):
        return {path: field_error("OBJECT_EXPECTED")}
    if task.get("baseline_solutions") is not None:
        return {f"{path}.baseline_solutions": field_error("VALUE_NOT_ALLOWED")}
    return check_task_values(task, pool_specs, f"{path}.")


def _make_rows(store: Store, valid: Sequence[CheckedObject], at: float) -> list[Row]:
    return [_make_row(store, item, at) for item in valid]


def _make_row(store: Store, item: CheckedObject, at: float) -> Row:
    suite, overlap = item.sent, item.added["overlap"]
    pool_id = suite["pool_id"]
    tasks = [{"id": store.object_ids.new(pool_id, at), **task_values(task)} for task in suite["tasks"]]
    row = suite_row(store.object_ids.new(pool_id, at), pool_id, tasks, format_timestamp(at), overlap, mixed=False)
    row |= {name: suite[name] for name in _STORED_FIELDS if suite.get(name) is not None}
    row |= {name: suite.get(name) or [] for name in ("reserved_for", "unavailable_for")}
    return row | {"issuing_order_override": suite.get("issuing_order_override") or 0.0}


def embedded_task(task: Mapping[str, Any]) -> Row:
    """Return the fields of a task that its suite repeats."""
    return {name: task[name] for name in _EMBEDDED_TASK_FIELDS if name in task}


def suite_row(
    suite_id: str,
    pool_id: str,
    tasks: Sequence[Any],
    created: str,
    overlap: int | None,
    *,
    remaining: int | None = None,
    mixed: bool,
) -> Row:
    """Return the row of a suite of embedded tasks; `overlap=None` is infinite, and `remaining` is by default the overlap."""
    left = overlap if remaining is None else remaining
    return {
        "id": suite_id,
        "pool_id": pool_id,
        "tasks": tasks,
        **({} if overlap is None else {"overlap": overlap, "remaining_overlap": left}),
        "infinite_overlap": overlap is None,
        "reserved_for": [],
        "unavailable_for": [],
        "issuing_order_override": 0.0,
        "mixed": mixed,
        "automerged": False,
        "created": created,
    }


SUITE_CREATION = BulkCreation(
    "TASK_SUITE",
    "task_suites",
    verb="CREATE",
    options=("skip_invalid_items", "allow_defaults", "open_pool"),
    sync_operation_id=False,
    check_request=_check_request,
    check_objects=_check_objects,
    make_rows=_make_rows,
)
