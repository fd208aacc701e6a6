"""Create and replace trainings, and show and replace them as pools (Toloka API, Trainings, Pools)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from toloka_frames.local._api.pool_lifecycle import (
    check_not_archived,
    check_project,
    next_pool_id,
    service_fields,
    without_service_fields,
)
from toloka_frames.local._base.errors import field_error, invalid
from toloka_frames.local._base.field_specs import check_number
from toloka_frames.local._base.ids_and_timestamps import format_timestamp
from toloka_frames.local._base.responses import Response, json_response

if TYPE_CHECKING:
    from toloka_frames.local._api.request import ApiRequest
    from toloka_frames.local._base.errors import FieldErrors
    from toloka_frames.local._base.field_specs import Json
    from toloka_frames.local._store.store import Row, Store

# not inherited_instructions, although the Toloka API's document requires it: an executed notebook of Toloka-Kit
# (benchmarks/text_classification_imdb) creates a training without it
_REQUIRED = ("project_id", "private_name", "training_tasks_in_task_suite_count")
_DEFAULTS = {
    "inherited_instructions": False,
    "may_contain_adult_content": False,
    "mix_tasks_in_creation_order": True,
    "shuffle_tasks_in_task_suite": True,
}
_BOUNDS = {
    "training_tasks_in_task_suite_count": (0, 500),
    "task_suites_required_to_pass": (0, 500),
    "assignment_max_duration_seconds": (5, 2_147_483_647),
    "retry_training_after_days": (1, None),
}
# the fields of a training that a pool has, too
_POOL_FIELDS = (
    "project_id",
    "private_name",
    "public_instructions",
    "may_contain_adult_content",
    "assignment_max_duration_seconds",
    "metadata",
)
# SQL for a training's row without the priority that PATCH of a pool sets, which only a pool shows
TRAINING_BODY = "json_remove(body, '$.priority')"


def create_training(store: Store, request: ApiRequest) -> Response:
    """Respond with 201 and the new training, which is closed."""
    form = _checked(store, request.json_object(*_REQUIRED))
    fields = {"id": next_pool_id(store), "owner": store.owner, "status": "CLOSED", "created": format_timestamp(time.time())}
    return json_response(store.add("trainings", {**form, **fields}), 201)


def replace_training(store: Store, request: ApiRequest) -> Response:
    """Respond with 200 and the training with its new settings; 409 for an archived one."""
    old = store.get("trainings", request.path_params["id"])
    check_not_archived(old)
    form = _checked(store, request.json_object(*_REQUIRED))
    new = store.save("trainings", {**form, **service_fields(old), **_priority(old)})
    return json_response({name: value for name, value in new.items() if name != "priority"})


def as_pool(training: Row) -> Row:
    """Return a training with the fields of a pool."""
    days = training.get("retry_training_after_days")
    return {
        **{name: training[name] for name in _POOL_FIELDS if name in training},
        **service_fields(training),
        "type": "TRAINING",
        "training": True,
        **({} if days is None else {"training_config": {"training_skill_ttl_days": days}}),
        "reward_per_assignment": 0.0,
        "auto_accept_solutions": True,
        "auto_close_after_complete_delay_seconds": 0,
        "priority": 0,
        **_priority(training),
        "mixer_config": {
            "real_tasks_count": 0,
            "golden_tasks_count": 0,
            "training_tasks_count": training["training_tasks_in_task_suite_count"],
        },
    }


def replace_as_pool(store: Store, training: Row, pool: Row) -> Row:
    """Take those settings of a pool that a training has; return the training as a pool."""
    form = {**without_service_fields(training), **{name: pool[name] for name in _POOL_FIELDS if pool.get(name) is not None}}
    mixer = pool.get("mixer_config")
    if isinstance(mixer, dict) and "training_tasks_count" in mixer:
        form["training_tasks_in_task_suite_count"] = mixer["training_tasks_count"]
    return as_pool(store.save("trainings", {**_checked(store, form), **service_fields(training), **_priority(training)}))


def _priority(training: Row) -> Row:
    return {name: value for name, value in training.items() if name == "priority"}


def _checked(store: Store, form: Row) -> Row:
    """Return the settings of a training, with defaults; raise ServiceError 400 for invalid ones."""
    errors = check_project(store, form["project_id"])
    for name, bounds in _BOUNDS.items():
        errors |= _check_count(name, form.get(name), *bounds)
    if not isinstance(form.get("inherited_instructions") or False, bool):
        errors["inherited_instructions"] = field_error("BOOLEAN_EXPECTED")
    if errors:
        raise invalid(errors)
    return {**_DEFAULTS, **without_service_fields(form)}


def _check_count(name: str, value: Json, minimum: int, maximum: int | None) -> FieldErrors:
    if value is None:
        return {}
    error = check_number(value, minimum, maximum, "integer")
    return {name: error} if error else {}
