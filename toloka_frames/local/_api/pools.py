"""Create, show, replace and patch pools (Toloka API, Pools).

The id of a training is accepted, too: a training then has the fields of a pool, with the type TRAINING.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from toloka_frames.local._api.list_query import show_row
from toloka_frames.local._api.pool_fields import pool_field_errors
from toloka_frames.local._api.pool_lifecycle import (
    check_not_archived,
    check_project,
    get_pool,
    is_training,
    next_pool_id,
    save_pool,
    service_fields,
    without_service_fields,
)
from toloka_frames.local._api.quality_control_form import quality_control_errors
from toloka_frames.local._api.trainings import as_pool, replace_as_pool
from toloka_frames.local._api.worker_filter import filter_errors
from toloka_frames.local._base.errors import field_error, invalid, invalid_field
from toloka_frames.local._base.ids_and_timestamps import format_timestamp, parse_timestamp
from toloka_frames.local._base.responses import Response, json_response

if TYPE_CHECKING:
    from toloka_frames.local._api.request import ApiRequest
    from toloka_frames.local._base.errors import FieldErrors
    from toloka_frames.local._store.store import Row, Store

_REQUIRED = (
    "project_id",
    "private_name",
    "will_expire",
    "reward_per_assignment",
    "assignment_max_duration_seconds",
    "defaults",
)
_DEFAULTS = {
    "may_contain_adult_content": False,
    "auto_close_after_complete_delay_seconds": 0,
    "auto_accept_solutions": True,
    "priority": 0,
}
_MIN_REWARD = 0.005
_MIN_DURATION = 5
_MAX_PRIORITY = 100


def create_pool(store: Store, request: ApiRequest) -> Response:
    """Respond with 201 and the new pool, which is closed."""
    form = _form(store, request)
    row = add_pool(store, form, next_pool_id(store), time.time())
    return json_response(row, 201)


def add_pool(store: Store, form: Row, pool_id: str, at: float, **more: object) -> Row:
    """Add a closed pool, created at `at` (Unix seconds); `more` are fields that only the service sets."""
    row = {
        **_DEFAULTS,
        **form,
        "id": pool_id,
        "owner": store.owner,
        "type": "REGULAR",
        "status": "CLOSED",
        "created": format_timestamp(at),
        **more,
    }
    return store.add("pools", row)


def show_pool(store: Store, request: ApiRequest) -> Response:
    """Respond with the pool, or with a training as a pool; 404 if there is neither."""
    training = store.find("trainings", request.path_params["id"])
    return json_response(as_pool(training)) if training else show_row(store, request, "pools")


def replace_pool(store: Store, request: ApiRequest) -> Response:
    """Respond with 200 and the pool with its new settings; 409 for an archived pool."""
    old = get_pool(store, request.path_params["id"])
    check_not_archived(old)
    if is_training(old):
        return json_response(replace_as_pool(store, old, request.json_object()))
    form = _form(store, request)
    return json_response(store.save("pools", {**_DEFAULTS, **form, **service_fields(old)}))


def patch_pool(store: Store, request: ApiRequest) -> Response:
    """Respond with 200 and the pool with its new priority; 409 without a body for an archived pool."""
    old = get_pool(store, request.path_params["id"])
    if old["status"] == "ARCHIVED":
        # not check_not_archived, because this 409 has an empty body
        return Response(409)
    priority = request.json_object("priority")["priority"]
    if not isinstance(priority, int) or not 0 <= priority <= _MAX_PRIORITY:
        raise invalid_field("priority", "VALUE_NOT_ALLOWED")
    new = save_pool(store, {**old, "priority": priority})
    return json_response(as_pool(new) if is_training(new) else new)


def _form(store: Store, request: ApiRequest) -> Row:
    form = request.json_object(*_REQUIRED)
    errors = _form_errors(form) | pool_field_errors(form) | quality_control_errors(form.get("quality_control"))
    errors |= filter_errors(form.get("filter"), "filter")
    try:
        form["will_expire"] = format_timestamp(parse_timestamp(str(form["will_expire"])))
    except ValueError:
        errors["will_expire"] = field_error("INVALID_DATE_TIME_SYNTAX")
    errors |= check_project(store, form["project_id"])
    if errors:
        raise invalid(errors)
    # by this field the store knows trainings
    rest = {name: value for name, value in without_service_fields(form).items() if name != "training_tasks_in_task_suite_count"}
    return {name: value for name, value in rest.items() if value is not None or name not in _DEFAULTS}


def _form_errors(form: Row) -> FieldErrors:
    errors: FieldErrors = {}
    reward, duration = form["reward_per_assignment"], form["assignment_max_duration_seconds"]
    if not isinstance(reward, int | float) or isinstance(reward, bool):
        errors["reward_per_assignment"] = field_error("FLOAT_EXPECTED")
    # 0 is allowed, for pools of only control or training tasks (Toloka API, Pool.reward_per_assignment)
    elif reward != 0 and reward < _MIN_REWARD:
        errors["reward_per_assignment"] = field_error("VALUE_LESS_THAN_MIN", _MIN_REWARD)
    if not isinstance(duration, int) or isinstance(duration, bool):
        errors["assignment_max_duration_seconds"] = field_error("INTEGER_EXPECTED")
    elif duration < _MIN_DURATION:
        errors["assignment_max_duration_seconds"] = field_error("VALUE_LESS_THAN_MIN", _MIN_DURATION)
    if not isinstance(form["defaults"], dict):
        errors["defaults"] = field_error("OBJECT_EXPECTED")
    return errors
