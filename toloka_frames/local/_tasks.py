"""Posted tasks -> rows, at once or by an operation with a log (Toloka API, Create tasks).

An operation is created with the request's body kept on the agenda; the tasks are checked and made when it ends.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import orjson

from ._calls import Answer, Call, answer
from ._errors import ServiceError, conflict, field_error, invalid, invalid_field, too_large
from ._ids import instant
from ._operations import begin, finish
from ._pools import refuse_archived, refuse_opening, set_open
from ._specs import check_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ._errors import FieldErrors
    from ._quota import Quota
    from ._specs import Json, Spec
    from ._store import Due, Row, Store

SYNC_TASKS = 5_000
ASYNC_TASKS = 10_000
INPUT_BYTES = 1_048_576
OUTPUT_BYTES = 4_194_304
_MOST_OVERLAP = 30_000
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
_SOLUTIONS = {"known_solutions": "correctness_weight", "baseline_solutions": "confidence_weight"}


@dataclass(frozen=True)
class _Options:
    skip_invalid_items: bool = False
    allow_defaults: bool = False
    open_pool: bool = False


@dataclass(frozen=True)
class _Place:
    """A pool as tasks see it."""

    pool: Row
    inputs: Spec
    outputs: Spec


@dataclass(frozen=True)
class _Checked:
    """One sent task: what is wrong with it, and with how much overlap it would be made."""

    task: Row
    errors: FieldErrors
    overlap: int | None


def create_tasks(store: Store, call: Call, quota: Quota) -> Answer:
    """Answer 201 with the made tasks, or 202 with the operation that will make them.

    ServiceError 400 for invalid tasks, 409 for a used operation id or a pool that takes none, 413 above the limits,
    429 when the `quota` of tasks is spent.
    """
    options = _Options(*(call.flag(name) for name in ("skip_invalid_items", "allow_defaults", "open_pool")))
    later = call.flag("async_mode")
    operation_id = _operation_id(store, call) if later else None
    body = call.json()
    tasks = _tasks(body, ASYNC_TASKS if later else SYNC_TASKS)
    for pool_id in {str(task.get("pool_id")) for task in tasks if isinstance(task, dict)}:
        _refuse_pool(store.find("pools", pool_id))
    quota.spend(len(tasks))
    if not later:
        return _create_now(store, tasks, options, single=isinstance(body, dict))
    parameters = asdict(options)
    argument = {"tasks": tasks, "options": parameters}
    return begin(store, "TASK.BATCH_CREATE", parameters, "create_tasks", argument, operation_id=operation_id)


def _operation_id(store: Store, call: Call) -> str | None:
    given = call.query.get("operation_id")
    if given is None:
        return None
    try:
        uuid.UUID(given)
    except ValueError:
        raise invalid_field("operation_id", "UUID_EXPECTED") from None
    if store.find("operations", given):
        raise conflict("OPERATION_ALREADY_EXISTS", f"Operation {given} exists already")
    return given


def _tasks(body: object, most: int) -> list[Json]:
    tasks = body if isinstance(body, list) else [body]
    if not tasks:
        raise invalid_field("body", "VALUES_REQUIRED")
    if len(tasks) > most:
        raise too_large(f"One request may carry {most} tasks, this one has {len(tasks)}")
    sent = [task for task in tasks if isinstance(task, dict)]
    inputs = sum(len(orjson.dumps(task.get("input_values"))) for task in sent)
    outputs = sum(len(orjson.dumps(task[name])) for task in sent for name in _SOLUTIONS if name in task)
    for name, size, limit in (("input_values", inputs, INPUT_BYTES), ("output_values", outputs, OUTPUT_BYTES)):
        if size > limit:
            raise too_large(f"All {name} of one request may have {limit} bytes, these have {size}")
    return tasks


def _refuse_pool(pool: Row | None) -> None:
    if pool is None:
        return
    refuse_archived(pool)
    if not pool.get("mixer_config"):
        raise conflict("MIXER_CONFIG_REQUIRED", f"Pool {pool['id']} has no mixer_config: it takes task suites, not tasks")


def _create_now(store: Store, tasks: list[Json], options: _Options, *, single: bool) -> Answer:
    checked = _check(store, tasks, options)
    errors = {str(position): one.errors for position, one in enumerate(checked) if one.errors}
    if errors and (single or not options.skip_invalid_items or len(errors) == len(tasks)):
        raise invalid(errors["0"] if single else errors)
    valid = [one for one in checked if not one.errors]
    rows = _make(store, valid, time.time())
    if options.open_pool:
        _open(store, rows, time.time())
    if single:
        return answer(rows[0], 201)
    positions = (str(position) for position, one in enumerate(checked) if not one.errors)
    body: Row = {"items": dict(zip(positions, rows, strict=True))}
    return answer({**body, "validation_errors": errors} if options.skip_invalid_items else body, 201)


def create_due_tasks(store: Store, due: Due) -> None:
    """The operation's moment: the tasks it holds are checked and made, and its log is written."""
    options = _Options(**due.argument["options"])
    checked = _check(store, due.argument["tasks"], options)
    valid = [one for one in checked if not one.errors]
    failed = not valid or (len(valid) < len(checked) and not options.skip_invalid_items)
    rows = [] if failed else _make(store, valid, due.at)
    log = _log(checked, rows)
    if options.open_pool and not failed:
        log += _open_logged(store, rows, due.at)
    details = {
        "total_count": len(checked),
        "valid_count": len(valid),
        "not_valid_count": len(checked) - len(valid),
        "success_count": len(rows),
        "failed_count": len(checked) - len(rows),
    }
    finish(store, due, failed=failed, details=details, log=orjson.dumps(log))


def _check(store: Store, tasks: Sequence[Json], options: _Options) -> list[_Checked]:
    places: dict[str, _Place | None] = {}
    return [_check_task(store, task, options, places) for task in tasks]


def _check_task(store: Store, task: Json, options: _Options, places: dict[str, _Place | None]) -> _Checked:
    if not isinstance(task, dict):
        return _Checked({"value": task}, {"task": field_error("OBJECT_EXPECTED")}, None)
    pool_id = task.get("pool_id")
    if not isinstance(pool_id, str):
        code = "VALUE_REQUIRED" if pool_id is None else "STRING_EXPECTED"
        return _Checked(task, {"pool_id": field_error(code)}, None)
    if pool_id not in places:
        places[pool_id] = _place(store, pool_id)
    place = places[pool_id]
    if place is None:
        return _Checked(task, {"pool_id": field_error("ENTITY_DOES_NOT_EXIST")}, None)
    overlap, errors = _overlap(task, place.pool, options)
    errors |= check_values(task.get("input_values"), place.inputs, "input_values")
    for name in _SOLUTIONS:
        errors |= _check_solutions(task.get(name), name, place.outputs)
    return _Checked(task, errors, overlap)


def _place(store: Store, pool_id: str) -> _Place | None:
    pool = store.find("pools", pool_id)
    if pool is None:
        return None
    specs = store.get("projects", pool["project_id"])["task_spec"]
    return _Place(pool, specs["input_spec"], specs["output_spec"])


def _overlap(task: Row, pool: Row, options: _Options) -> tuple[int | None, FieldErrors]:
    overlap = task.get("overlap")
    if task.get("infinite_overlap"):
        return None, {} if overlap is None else {"overlap": field_error("VALUE_NOT_ALLOWED")}
    if overlap is None and options.allow_defaults:
        overlap = pool["defaults"].get("default_overlap_for_new_tasks")
    if overlap is None:
        return None, {"overlap": field_error("VALUE_REQUIRED")}
    if not isinstance(overlap, int) or isinstance(overlap, bool):
        return None, {"overlap": field_error("INTEGER_EXPECTED")}
    if overlap < 1:
        return None, {"overlap": field_error("VALUE_LESS_THAN_MIN", 1)}
    if overlap > _MOST_OVERLAP:
        return None, {"overlap": field_error("VALUE_GREATER_THAN_MAX", _MOST_OVERLAP)}
    return overlap, {}


def _check_solutions(solutions: Json, name: str, outputs: Spec) -> FieldErrors:
    if solutions is None:
        return {}
    if not isinstance(solutions, list):
        return {name: field_error("ARRAY_EXPECTED")}
    errors: FieldErrors = {}
    for position, solution in enumerate(solutions):
        path = f"{name}.{position}"
        errors |= _check_solution(solution, path, _SOLUTIONS[name], outputs)
    return errors


def _check_solution(solution: Json, path: str, weight_name: str, outputs: Spec) -> FieldErrors:
    if not isinstance(solution, dict):
        return {path: field_error("OBJECT_EXPECTED")}
    errors = check_values(solution.get("output_values"), outputs, f"{path}.output_values", complete=False)
    weight = solution.get(weight_name, 1)
    if not isinstance(weight, int | float) or isinstance(weight, bool):
        errors[f"{path}.{weight_name}"] = field_error("FLOAT_EXPECTED")
    elif not 0 <= weight <= 1:
        bound = ("VALUE_LESS_THAN_MIN", 0) if weight < 0 else ("VALUE_GREATER_THAN_MAX", 1)
        errors[f"{path}.{weight_name}"] = field_error(*bound)
    return errors


def _make(store: Store, valid: Sequence[_Checked], at: float) -> list[Row]:
    created = instant(at)
    rows = [task_row(store.object_ids.new(one.task["pool_id"], at), one.task, one.overlap, created) for one in valid]
    store.insert("tasks", map(orjson.dumps, rows))
    return rows


def task_row(task_id: str, task: Mapping[str, Json], overlap: int | None, created: str) -> Row:
    """The row of a task; an `overlap` of None is infinite and absent, as are fields without value."""
    row = {"id": task_id, "pool_id": task["pool_id"], "created": created}
    row |= {name: task[name] for name in _KEPT if task.get(name) is not None}
    for name, weight in _SOLUTIONS.items():
        if name in row:
            row[name] = [{weight: 1.0, **solution} for solution in row[name]]
    if overlap is not None:
        row |= {"overlap": overlap, "remaining_overlap": overlap}
    row["infinite_overlap"] = overlap is None
    row["reserved_for"] = task.get("reserved_for") or []
    row["unavailable_for"] = task.get("unavailable_for") or []
    return row


def _log(checked: Sequence[_Checked], rows: Sequence[Row]) -> list[Row]:
    """No order is promised, so the log has one no client can take for the request's: bad first, good backwards."""
    log = [
        {"type": "TASK_VALIDATE", "success": False, "input": one.task, "output": one.errors} for one in checked if one.errors
    ]
    valid = [one for one in checked if not one.errors]
    if not rows:
        return log + [_entry("TASK_VALIDATE", one, {}) for one in reversed(valid)]
    made = zip(valid, rows, strict=True)
    return log + [_entry("TASK_CREATE", one, {"task_id": row["id"]}) for one, row in reversed(list(made))]


def _entry(kind: str, one: _Checked, output: Row) -> Row:
    overlap = {"overlap": one.overlap, "infinite_overlap": one.overlap is None}
    return {"type": kind, "success": True, "input": {**one.task, **overlap}, "output": output}


def _open(store: Store, rows: Sequence[Row], at: float) -> None:
    for pool_id in sorted({row["pool_id"] for row in rows}):
        pool = store.get("pools", pool_id)
        if pool["status"] != "OPEN":
            refuse_opening(store, pool)
            set_open(store, pool, at)


def _open_logged(store: Store, rows: Sequence[Row], at: float) -> list[Row]:
    try:
        _open(store, rows, at)
    except ServiceError as error:
        given = {"pool_id": int(rows[0]["pool_id"])}
        return [{"type": "POOL_OPEN", "success": False, "input": given, "output": error.envelope()}]
    return []
