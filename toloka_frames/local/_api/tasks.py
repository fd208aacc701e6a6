"""Check tasks and make their rows (Toloka API, Create tasks)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from toloka_frames.local._api.bulk_create import BulkCreation, CheckedObject, not_an_object
from toloka_frames.local._api.overlaps import check_overlap
from toloka_frames.local._api.pool_lifecycle import check_not_archived, find_pool, is_training
from toloka_frames.local._base.errors import conflict, field_error, too_large
from toloka_frames.local._base.field_specs import check_number, check_values
from toloka_frames.local._base.ids_and_timestamps import format_timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from toloka_frames.local._api.bulk_create import CreateOptions
    from toloka_frames.local._base.errors import FieldErrors
    from toloka_frames.local._base.field_specs import Json, Spec
    from toloka_frames.local._store.store import Row, Store

# Toloka API, "Create single/multiple tasks"; 10,000 is only the number that Toloka-Kit 1.2.3 recommends not to exceed
MAX_SYNC_TASKS = 5_000
MAX_ASYNC_TASKS = 10_000
MAX_INPUT_BYTES = 1_048_576
MAX_OUTPUT_BYTES = 4_194_304
_STORED_FIELDS = (
    "input_values",
    "known_solutions",
    "baseline_solutions",
    "message_on_unknown_solution",
    "origin_task_id",
    "localization_config",
    "traits_all_of",
    "traits_any_of",
    "traits_none_of_any",
)
SOLUTION_WEIGHTS = {"known_solutions": "correctness_weight", "baseline_solutions": "confidence_weight"}


@dataclass(frozen=True)
class PoolSpecs:
    """A pool or training, with the field specifications of its project."""

    pool: Row
    inputs: Spec
    outputs: Spec

    def default_overlap(self, name: str) -> Row:
        """Return the pool's default overlap; the tasks of a training have infinite overlap.

        Tasks take that of task suites where it is the only one, as in the pools of Toloka-Kit's executed notebooks.
        """
        if is_training(self.pool):
            return {"infinite_overlap": True}
        defaults: Row = self.pool["defaults"]
        given = (defaults.get(default) for default in (name, "default_overlap_for_new_task_suites"))
        return {"overlap": next((overlap for overlap in given if overlap is not None), None)}


class PoolLookup:
    """Finds the pools of the objects of one request, each only once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._found: dict[str, PoolSpecs | None] = {}

    def find(self, sent: Row) -> tuple[PoolSpecs | None, FieldErrors]:
        """Return the pool of an object, or None and the error of its `pool_id`."""
        pool_id = sent.get("pool_id")
        if not isinstance(pool_id, str):
            return None, {"pool_id": field_error("VALUE_REQUIRED" if pool_id is None else "STRING_EXPECTED")}
        if pool_id not in self._found:
            self._found[pool_id] = self._find(pool_id)
        pool_specs = self._found[pool_id]
        return pool_specs, {} if pool_specs else {"pool_id": field_error("ENTITY_DOES_NOT_EXIST")}

    def _find(self, pool_id: str) -> PoolSpecs | None:
        pool = find_pool(self._store, pool_id)
        if pool is None:
            return None
        specs = self._store.get("projects", pool["project_id"])["task_spec"]
        return PoolSpecs(pool, specs["input_spec"], specs["output_spec"])


def _check_request(store: Store, objects: Sequence[Json], is_async: bool) -> None:
    max_tasks = MAX_ASYNC_TASKS if is_async else MAX_SYNC_TASKS
    if len(objects) > max_tasks:
        raise too_large(f"One request may contain {max_tasks} tasks, this one has {len(objects)}")
    check_size(objects)
    for pool in existing_pools(store, objects):
        check_not_archived(pool)
        if not is_training(pool) and not pool.get("mixer_config"):
            raise conflict("MIXER_CONFIG_REQUIRED", f"Pool {pool['id']} has no mixer_config: it takes task suites, not tasks")


def check_size(tasks: Iterable[Json]) -> None:
    """Raise ServiceError 413 if the values of a request's tasks have too many bytes."""
    rows = [task for task in tasks if isinstance(task, dict)]
    inputs = sum(len(orjson.dumps(row.get("input_values"))) for row in rows)
    outputs = sum(len(orjson.dumps(row[name])) for row in rows for name in SOLUTION_WEIGHTS if name in row)
    for name, size, limit in (("input_values", inputs, MAX_INPUT_BYTES), ("output_values", outputs, MAX_OUTPUT_BYTES)):
        if size > limit:
            raise too_large(f"All {name} of one request may have {limit} bytes, these have {size}")


def existing_pools(store: Store, objects: Iterable[Json]) -> list[Row]:
    """Return those pools of a request's objects that exist."""
    pool_ids = {str(item.get("pool_id")) for item in objects if isinstance(item, dict)}
    return [pool for pool_id in sorted(pool_ids) if (pool := find_pool(store, pool_id))]


def check_pool_objects(
    store: Store, objects: Sequence[Json], options: CreateOptions, label: str, check: Callable[[Row, PoolSpecs], FieldErrors]
) -> list[CheckedObject]:
    """Check the pool and the overlap of each task or task suite (`label`), and what `check` checks."""
    lookup = PoolLookup(store)
    return [_check_pool_object(item, options, label, check, lookup) for item in objects]


def _check_pool_object(
    sent: Json, options: CreateOptions, label: str, check: Callable[[Row, PoolSpecs], FieldErrors], lookup: PoolLookup
) -> CheckedObject:
    if not isinstance(sent, dict):
        return not_an_object(sent, label)
    pool_specs, errors = lookup.find(sent)
    if pool_specs is None:
        return CheckedObject(sent, errors, {})
    default = pool_specs.default_overlap(f"default_overlap_for_new_{label}s") if options.allow_defaults else {}
    added, errors = check_overlap(sent, default)
    return CheckedObject(sent, errors | check(sent, pool_specs), added)


def _check_objects(store: Store, objects: Sequence[Json], options: CreateOptions) -> list[CheckedObject]:
    return check_pool_objects(store, objects, options, "task", check_task_values)


def check_task_values(task: Row, pool_specs: PoolSpecs, prefix: str = "") -> FieldErrors:
    """Check the values and solutions of one task; `prefix` is the prefix of its paths, such as `tasks.0.`."""
    errors = check_values(task.get("input_values"), pool_specs.inputs, f"{prefix}input_values")
    for name in SOLUTION_WEIGHTS:
        errors |= _check_solutions(task.get(name), name, pool_specs.outputs, prefix)
    return errors


def _check_solutions(solutions: Json, name: str, outputs: Spec, prefix: str) -> FieldErrors:
    if solutions is None:
        return {}
    if not isinstance(solutions, list):
        return {f"{prefix}{name}": field_error("ARRAY_EXPECTED")}
    errors: FieldErrors = {}
    for position, solution in enumerate(solutions):
        errors |= _check_solution(solution, f"{prefix}{name}.{position}", SOLUTION_WEIGHTS[name], outputs)
    return errors


def _check_solution(solution: Json, path: str, weight_name: str, outputs: Spec) -> FieldErrors:
    if not isinstance(solution, dict):
        return {path: field_error("OBJECT_EXPECTED")}
    errors = check_values(solution.get("output_values"), outputs, f"{path}.output_values", complete=False)
    if weight_error := check_number(solution.get(weight_name, 1), 0, 1):
        errors[f"{path}.{weight_name}"] = weight_error
    return errors


def _make_rows(store: Store, valid: Sequence[CheckedObject], at: float) -> list[Row]:
    new_id, created = store.object_ids.new, format_timestamp(at)
    return [task_row(new_id(item.sent["pool_id"], at), item.sent, item.added["overlap"], created) for item in valid]


def task_row(task_id: str, task: Mapping[str, Json], overlap: int | None, created: str) -> Row:
    """Return the row of a task; `overlap=None` is infinite overlap. Fields without a value are omitted."""
    row = {"id": task_id, "pool_id": task["pool_id"], "created": created, **task_values(task)}
    if overlap is not None:
        row |= {"overlap": overlap, "remaining_overlap": overlap}
    row["infinite_overlap"] = overlap is None
    row["reserved_for"] = task.get("reserved_for") or []
    row["unavailable_for"] = task.get("unavailable_for") or []
    return row


def task_values(task: Mapping[str, Json]) -> Row:
    """Return the stored fields of a task besides its pool and overlap, with weights added to the solutions."""
    row = {name: task[name] for name in _STORED_FIELDS if task.get(name) is not None}
    for name, weight in SOLUTION_WEIGHTS.items():
        if name in row:
            row[name] = [{weight: 1.0, **solution} for solution in row[name]]
    return row


TASK_CREATION = BulkCreation(
    "TASK",
    "tasks",
    verb="CREATE",
    options=("skip_invalid_items", "allow_defaults", "open_pool"),
    sync_operation_id=False,
    check_request=_check_request,
    check_objects=_check_objects,
    make_rows=_make_rows,
)
