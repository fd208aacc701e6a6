"""Posted tasks -> what is wrong with each, and their rows (Toloka API, Create tasks)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from toloka_frames.local._api.bulk_create import BulkCreation, CheckedObject, not_an_object
from toloka_frames.local._api.overlaps import check_overlap
from toloka_frames.local._api.pool_lifecycle import find_pool, refuse_archived
from toloka_frames.local._base.errors import conflict, field_error, too_large
from toloka_frames.local._base.field_specs import check_number, check_values
from toloka_frames.local._base.ids_and_timestamps import format_timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from toloka_frames.local._api.bulk_create import CreateOptions
    from toloka_frames.local._base.errors import FieldErrors
    from toloka_frames.local._base.field_specs import Json, Spec
    from toloka_frames.local._store.store import Row, Store

# Toloka API, "Create single/multiple tasks"; only the 10,000 are less firm: Toloka-Kit 1.2.3 recommends no more
SYNC_TASKS = 5_000
ASYNC_TASKS = 10_000
INPUT_BYTES = 1_048_576
OUTPUT_BYTES = 4_194_304
_KEPT = (
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
SOLUTIONS = {"known_solutions": "correctness_weight", "baseline_solutions": "confidence_weight"}


@dataclass(frozen=True)
class Place:
    """A pool as tasks see it."""

    pool: Row
    inputs: Spec
    outputs: Spec

    def default(self, name: str) -> Row:
        """The overlap that the pool gives; a training gives its tasks to everybody."""
        if "defaults" not in self.pool:
            return {"infinite_overlap": True}
        return {"overlap": self.pool["defaults"].get(name)}


class Places:
    """The pools that the objects of one request name, each looked up once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._found: dict[str, Place | None] = {}

    def find(self, sent: Row) -> tuple[Place | None, FieldErrors]:
        """The place that an object names, or what is wrong with the name."""
        pool_id = sent.get("pool_id")
        if not isinstance(pool_id, str):
            return None, {"pool_id": field_error("VALUE_REQUIRED" if pool_id is None else "STRING_EXPECTED")}
        if pool_id not in self._found:
            self._found[pool_id] = self._look_up(pool_id)
        place = self._found[pool_id]
        return place, {} if place else {"pool_id": field_error("ENTITY_DOES_NOT_EXIST")}

    def _look_up(self, pool_id: str) -> Place | None:
        pool = find_pool(self._store, pool_id)
        if pool is None:
            return None
        specs = self._store.get("projects", pool["project_id"])["task_spec"]
        return Place(pool, specs["input_spec"], specs["output_spec"])


def _admit(store: Store, sent: Sequence[Json], later: bool) -> None:
    most = ASYNC_TASKS if later else SYNC_TASKS
    if len(sent) > most:
        raise too_large(f"One request may carry {most} tasks, this one has {len(sent)}")
    refuse_bytes(sent)
    for pool in pools_of(store, sent):
        refuse_archived(pool)
        # a training, which has no defaults, mixes without being told how
        if "defaults" in pool and not pool.get("mixer_config"):
            raise conflict("MIXER_CONFIG_REQUIRED", f"Pool {pool['id']} has no mixer_config: it takes task suites, not tasks")


def refuse_bytes(tasks: Iterable[Json]) -> None:
    """ServiceError 413 if the values of a request's tasks are too many bytes."""
    sent = [task for task in tasks if isinstance(task, dict)]
    inputs = sum(len(orjson.dumps(task.get("input_values"))) for task in sent)
    outputs = sum(len(orjson.dumps(task[name])) for task in sent for name in SOLUTIONS if name in task)
    for name, size, limit in (("input_values", inputs, INPUT_BYTES), ("output_values", outputs, OUTPUT_BYTES)):
        if size > limit:
            raise too_large(f"All {name} of one request may have {limit} bytes, these have {size}")


def pools_of(store: Store, sent: Iterable[Json]) -> list[Row]:
    """Those of the pools named in a request that exist."""
    names = {str(one.get("pool_id")) for one in sent if isinstance(one, dict)}
    return [pool for name in sorted(names) if (pool := find_pool(store, name))]


def check_placed(
    store: Store, sent: Sequence[Json], options: CreateOptions, what: str, check: Callable[[Row, Place], FieldErrors]
) -> list[CheckedObject]:
    """What is wrong with each of the sent tasks or suites (`what`): its pool, its overlap, and what `check` finds."""
    places = Places(store)
    return [_check_one(one, options, what, check, places) for one in sent]


def _check_one(
    sent: Json, options: CreateOptions, what: str, check: Callable[[Row, Place], FieldErrors], places: Places
) -> CheckedObject:
    if not isinstance(sent, dict):
        return not_an_object(sent, what)
    place, errors = places.find(sent)
    if place is None:
        return CheckedObject(sent, errors, {})
    added, errors = check_overlap(sent, place.default(f"default_overlap_for_new_{what}s") if options.allow_defaults else {})
    return CheckedObject(sent, errors | check(sent, place), added)


def _check(store: Store, sent: Sequence[Json], options: CreateOptions) -> list[CheckedObject]:
    return check_placed(store, sent, options, "task", check_task_values)


def check_task_values(task: Row, place: Place, path: str = "") -> FieldErrors:
    """Errors of the values and solutions of one task; `path` is where it stands, such as `tasks.0.`."""
    errors = check_values(task.get("input_values"), place.inputs, f"{path}input_values")
    for name in SOLUTIONS:
        errors |= _check_solutions(task.get(name), name, place.outputs, path)
    return errors


def _check_solutions(solutions: Json, name: str, outputs: Spec, path: str) -> FieldErrors:
    if solutions is None:
        return {}
    if not isinstance(solutions, list):
        return {f"{path}{name}": field_error("ARRAY_EXPECTED")}
    errors: FieldErrors = {}
    for position, solution in enumerate(solutions):
        errors |= _check_solution(solution, f"{path}{name}.{position}", SOLUTIONS[name], outputs)
    return errors


def _check_solution(solution: Json, path: str, weight_name: str, outputs: Spec) -> FieldErrors:
    if not isinstance(solution, dict):
        return {path: field_error("OBJECT_EXPECTED")}
    errors = check_values(solution.get("output_values"), outputs, f"{path}.output_values", complete=False)
    if wrong := check_number(solution.get(weight_name, 1), 0, 1):
        errors[f"{path}.{weight_name}"] = wrong
    return errors


def _rows(store: Store, valid: Sequence[CheckedObject], at: float) -> list[Row]:
    new_id, created = store.object_ids.new, format_timestamp(at)
    return [task_row(new_id(one.sent["pool_id"], at), one.sent, one.added["overlap"], created) for one in valid]


def task_row(task_id: str, task: Mapping[str, Json], overlap: int | None, created: str) -> Row:
    """The row of a task; an `overlap` of None is infinite and absent, as are fields without value."""
    row = {"id": task_id, "pool_id": task["pool_id"], "created": created, **task_values(task)}
    if overlap is not None:
        row |= {"overlap": overlap, "remaining_overlap": overlap}
    row["infinite_overlap"] = overlap is None
    row["reserved_for"] = task.get("reserved_for") or []
    row["unavailable_for"] = task.get("unavailable_for") or []
    return row


def task_values(task: Mapping[str, Json]) -> Row:
    """What a row keeps of a sent task besides its place and overlap; solutions have their weights."""
    row = {name: task[name] for name in _KEPT if task.get(name) is not None}
    for name, weight in SOLUTIONS.items():
        if name in row:
            row[name] = [{weight: 1.0, **solution} for solution in row[name]]
    return row


TASK_CREATION = BulkCreation(
    "TASK",
    "tasks",
    verb="CREATE",
    options=("skip_invalid_items", "allow_defaults", "open_pool"),
    once=False,
    admit=_admit,
    check=_check,
    rows=_rows,
)
