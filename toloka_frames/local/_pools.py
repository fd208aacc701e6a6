"""A pool's form -> its row; open, close and archive it through operations (Toloka API, Pools)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ._calls import Answer, Call, answer
from ._errors import ServiceError, conflict, field_error, invalid, invalid_field
from ._ids import instant, moment
from ._operations import begin, finish

if TYPE_CHECKING:
    from ._errors import FieldErrors
    from ._store import Due, Row, Store

_FIRST_ID = 42000001
_REQUIRED = (
    "project_id",
    "private_name",
    "will_expire",
    "reward_per_assignment",
    "assignment_max_duration_seconds",
    "defaults",
)
_SERVICE_FIELDS = ("id", "owner", "type", "status", "created", "last_started", "last_stopped", "last_close_reason")
_DEFAULTS = {
    "may_contain_adult_content": False,
    "auto_close_after_complete_delay_seconds": 0,
    "auto_accept_solutions": True,
    "priority": 0,
}
_MIXER_COUNTS = ("real_tasks_count", "golden_tasks_count", "training_tasks_count")
_LEAST_REWARD = 0.005
_LEAST_DURATION = 5
_HIGHEST_PRIORITY = 100


def create_pool(store: Store, call: Call) -> Answer:
    """Answer 201 with the new pool, which is closed."""
    form = _form(store, call)
    row = add_pool(store, form, store.next_id("pools", _FIRST_ID), time.time())
    return answer(row, 201)


def add_pool(store: Store, form: Row, pool_id: str, at: float, **more: object) -> Row:
    """Make a closed pool as of `at` (Unix seconds); `more` are fields only the service sets."""
    row = {
        **_DEFAULTS,
        **form,
        "id": pool_id,
        "owner": store.owner,
        "type": "REGULAR",
        "status": "CLOSED",
        "created": instant(at),
        **more,
    }
    return store.add("pools", row)


def replace_pool(store: Store, call: Call) -> Answer:
    """Answer 200 with the pool in its new form; 409 for an archived pool."""
    old = store.get("pools", call.path["id"])
    refuse_archived(old)
    form = _form(store, call)
    return answer(store.save("pools", {**_DEFAULTS, **form, **_service_fields(old)}))


def patch_pool(store: Store, call: Call) -> Answer:
    """Answer 200 with the pool in its new priority; 409 without a body for an archived pool."""
    old = store.get("pools", call.path["id"])
    if old["status"] == "ARCHIVED":
        return Answer(409)
    priority = call.object("priority")["priority"]
    if not isinstance(priority, int) or not 0 <= priority <= _HIGHEST_PRIORITY:
        raise invalid_field("priority", "VALUE_NOT_ALLOWED")
    return answer(store.save("pools", {**old, "priority": priority}))


def _service_fields(row: Row) -> Row:
    return {name: row[name] for name in _SERVICE_FIELDS if name in row}


def _form(store: Store, call: Call) -> Row:
    form = call.object(*_REQUIRED)
    errors = _form_errors(form)
    try:
        form["will_expire"] = instant(moment(str(form["will_expire"])))
    except ValueError:
        errors["will_expire"] = field_error("INVALID_DATE_TIME_SYNTAX")
    if store.find("projects", form["project_id"]) is None:
        errors["project_id"] = field_error("ENTITY_DOES_NOT_EXIST")
    if errors:
        raise invalid(errors)
    return {name: value for name, value in form.items() if name not in _SERVICE_FIELDS}


def _form_errors(form: Row) -> FieldErrors:
    errors: FieldErrors = {}
    reward, duration = form["reward_per_assignment"], form["assignment_max_duration_seconds"]
    if not isinstance(reward, int | float):
        errors["reward_per_assignment"] = field_error("FLOAT_EXPECTED")
    elif reward != 0 and reward < _LEAST_REWARD:
        errors["reward_per_assignment"] = field_error("VALUE_LESS_THAN_MIN", _LEAST_REWARD)
    if not isinstance(duration, int):
        errors["assignment_max_duration_seconds"] = field_error("INTEGER_EXPECTED")
    elif duration < _LEAST_DURATION:
        errors["assignment_max_duration_seconds"] = field_error("VALUE_LESS_THAN_MIN", _LEAST_DURATION)
    if not isinstance(form["defaults"], dict):
        errors["defaults"] = field_error("OBJECT_EXPECTED")
    mixer = form.get("mixer_config")
    for name in _MIXER_COUNTS if mixer is not None else ():
        if not isinstance(mixer, dict) or not isinstance(mixer.get(name), int):
            errors[f"mixer_config.{name}"] = field_error("INTEGER_EXPECTED")
    return errors


def refuse_archived(pool: Row) -> None:
    """ServiceError 409 if the pool is archived."""
    if pool["status"] == "ARCHIVED":
        raise conflict("POOL_INAPPROPRIATE_STATUS", f"Pool {pool['id']} is archived")


def open_pool(store: Store, call: Call) -> Answer:
    """Answer 202 with an operation, 204 for an open pool, 409 for one that cannot be opened."""
    pool = store.get("pools", call.path["id"])
    if pool["status"] == "OPEN":
        return Answer(204)
    refuse_opening(store, pool)
    return _begin(store, pool, "OPEN")


def close_pool(store: Store, call: Call) -> Answer:
    """Answer 202 with an operation, 204 for a closed pool, 409 for an archived one."""
    pool = store.get("pools", call.path["id"])
    if pool["status"] == "CLOSED":
        return Answer(204)
    refuse_archived(pool)
    return _begin(store, pool, "CLOSE")


def archive_pool(store: Store, call: Call) -> Answer:
    """Answer 202 with an operation, 204 for an archived pool, 409 for one that is not closed."""
    pool = store.get("pools", call.path["id"])
    if pool["status"] == "ARCHIVED":
        return Answer(204)
    if pool["status"] != "CLOSED":
        raise conflict("POOL_INAPPROPRIATE_STATUS", f"Close pool {pool['id']} before you archive it")
    return _begin(store, pool, "ARCHIVE")


def _begin(store: Store, pool: Row, action: str) -> Answer:
    argument = {"pool_id": pool["id"]}
    return begin(store, f"POOL.{action}", argument, "change_pool", {**argument, "action": action})


def change_pool(store: Store, due: Due) -> None:
    """The operation's moment: the pool changes its state, or has meanwhile got into one that forbids it."""
    pool = store.get("pools", due.argument["pool_id"])
    try:
        match due.argument["action"]:
            case "OPEN":
                refuse_opening(store, pool)
                set_open(store, pool, due.at)
            case "CLOSE":
                refuse_archived(pool)
                set_closed(store, pool, due.at, "MANUAL")
            case "ARCHIVE":
                store.save("pools", {**pool, "status": "ARCHIVED"})
    except ServiceError:
        finish(store, due, failed=True)
    else:
        finish(store, due)


def refuse_opening(store: Store, pool: Row) -> None:
    """ServiceError 409 if the pool is archived, has expired or has nothing to work on."""
    refuse_archived(pool)
    if moment(pool["will_expire"]) < time.time():
        raise conflict("POOL_INAPPROPRIATE_STATUS", f"Pool {pool['id']} has expired: {pool['will_expire']}")
    work = "SELECT 1 FROM tasks WHERE pool_id = :pool UNION ALL SELECT 1 FROM task_suites WHERE pool_id = :pool LIMIT 1"
    if not store.select(work, {"pool": int(pool["id"])}):
        raise conflict("EMPTY_POOL", f"Pool {pool['id']} has no tasks")


def set_open(store: Store, pool: Row, at: float) -> None:
    """Tolokers get tasks from now on."""
    store.save("pools", {**pool, "status": "OPEN", "last_started": instant(at)})


def set_closed(store: Store, pool: Row, at: float, reason: str) -> None:
    """Tolokers get no more tasks."""
    row = {**pool, "status": "CLOSED", "last_close_reason": reason, "last_stopped": instant(at)}
    store.save("pools", row)
