"""Tasks handed out together -> what is wrong with each suite, and its row (Toloka API, Create task suites).

The tasks of a suite get ids of their own, by which solutions and aggregation tell them apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toloka_frames.local._api.bulk_create import BulkCreation
from toloka_frames.local._api.overlaps import check_order
from toloka_frames.local._api.pool_lifecycle import refuse_archived
from toloka_frames.local._api.tasks import (
    ASYNC_TASKS,
    SYNC_TASKS,
    check_placed,
    check_task_values,
    pools_of,
    refuse_bytes,
    task_values,
)
from toloka_frames.local._base.errors import conflict, field_error, too_large
from toloka_frames.local._base.ids_and_timestamps import format_timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toloka_frames.local._api.bulk_create import CheckedObject, CreateOptions
    from toloka_frames.local._api.tasks import Place
    from toloka_frames.local._base.errors import FieldErrors
    from toloka_frames.local._base.field_specs import Json
    from toloka_frames.local._store.store import Row, Store

_SHOWN = (
    "id",
    "input_values",
    "known_solutions",
    "message_on_unknown_solution",
    "origin_task_id",
    "localization_config",
)
_KEPT = ("longitude", "latitude", "traits_all_of", "traits_any_of", "traits_none_of_any")


def _admit(store: Store, sent: Sequence[Json], later: bool) -> None:
    tasks = [task for suite in sent if isinstance(suite, dict) for task in _tasks(suite)]
    # Toloka-Kit 1.2.3: 10,000 suites later, or 5,000 tasks in suites at once
    count, most, what = (len(sent), ASYNC_TASKS, "suites") if later else (len(tasks), SYNC_TASKS, "tasks in suites")
    if count > most:
        raise too_large(f"One request may carry {most} {what}, this one has {count}")
    refuse_bytes(tasks)
    for pool in pools_of(store, sent):
        refuse_archived(pool)
        if pool.get("mixer_config"):
            raise conflict("POOL_TASK_TYPE_CONFLICT", f"Pool {pool['id']} has a mixer_config: it takes tasks, not task suites")


def _tasks(suite: Row) -> list[Json]:
    tasks = suite.get("tasks")
    return tasks if isinstance(tasks, list) else []


def _check(store: Store, sent: Sequence[Json], options: CreateOptions) -> list[CheckedObject]:
    return check_placed(store, sent, options, "task_suite", _check_suite)


def _check_suite(suite: Row, place: Place) -> FieldErrors:
    return check_order(suite) | _check_tasks(suite.get("tasks"), place)


def _check_tasks(tasks: Json, place: Place) -> FieldErrors:
    if not isinstance(tasks, list):
        return {"tasks": field_error("VALUE_REQUIRED" if tasks is None else "ARRAY_EXPECTED")}
    if not tasks:
        return {"tasks": field_error("VALUES_REQUIRED")}
    errors: FieldErrors = {}
    for position, task in enumerate(tasks):
        errors |= _check_task(task, place, f"tasks.{position}")
    return errors


def _check_task(task: Json, place: Place, path: str) -> FieldErrors:
    if not isinstance(task, dict):
        return {path: field_error("OBJECT_EXPECTED")}
    if task.get("baseline_solutions") is not None:
        return {f"{path}.baseline_solutions": field_error("VALUE_NOT_ALLOWED")}
    return check_task_values(task, place, f"{path}.")


def _rows(store: Store, valid: Sequence[CheckedObject], at: float) -> list[Row]:
    return [_row(store, one, at) for one in valid]


def _row(store: Store, one: CheckedObject, at: float) -> Row:
    pool_id, overlap = one.sent["pool_id"], one.added["overlap"]
    tasks = [{"id": store.object_ids.new(pool_id, at), **task_values(task)} for task in one.sent["tasks"]]
    row = suite_row(store.object_ids.new(pool_id, at), pool_id, tasks, format_timestamp(at), overlap, mixed=False)
    row |= {name: one.sent[name] for name in _KEPT if one.sent.get(name) is not None}
    row |= {name: one.sent.get(name) or [] for name in ("reserved_for", "unavailable_for")}
    return row | {"issuing_order_override": one.sent.get("issuing_order_override") or 0.0}


def shown_task(task: Mapping[str, Any]) -> Row:
    """What a suite repeats of a task."""
    return {name: task[name] for name in _SHOWN if name in task}


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
    """A suite with `tasks` as from `shown_task`, `overlap` None when it is infinite, and as much `remaining` if not less."""
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
    once=False,
    admit=_admit,
    check=_check,
    rows=_rows,
)
