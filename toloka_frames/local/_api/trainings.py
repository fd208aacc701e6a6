"""Create and replace trainings (Toloka API, Trainings)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from toloka_frames.local._api.pool_lifecycle import check_not_archived, next_pool_id, service_fields, without_service_fields
from toloka_frames.local._api.pools import check_project
from toloka_frames.local._base.errors import field_error, invalid
from toloka_frames.local._base.field_specs import check_number
from toloka_frames.local._base.ids_and_timestamps import format_timestamp
from toloka_frames.local._base.responses import Response, json_response

if TYPE_CHECKING:
    from toloka_frames.local._api.request import ApiRequest
    from toloka_frames.local._base.errors import FieldErrors
    from toloka_frames.local._base.field_specs import Json
    from toloka_frames.local._store.store import Row, Store

_REQUIRED = ("project_id", "private_name", "inherited_instructions", "training_tasks_in_task_suite_count")
_DEFAULTS = {
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


def create_training(store: Store, request: ApiRequest) -> Response:
    """Respond with 201 and the new training, which is closed."""
    form = _form(store, request)
    fields = {"id": next_pool_id(store), "owner": store.owner, "status": "CLOSED", "created": format_timestamp(time.time())}
    return json_response(store.add("trainings", {**form, **fields}), 201)


def replace_training(store: Store, request: ApiRequest) -> Response:
    """Respond with 200 and the training with its new settings; 409 for an archived one."""
    old = store.get("trainings", request.path_params["id"])
    check_not_archived(old)
    return json_response(store.save("trainings", {**_form(store, request), **service_fields(old)}))


def _form(store: Store, request: ApiRequest) -> Row:
    form = request.json_object(*_REQUIRED)
    errors = check_project(store, form["project_id"])
    for name, bounds in _BOUNDS.items():
        errors |= _check_count(name, form.get(name), *bounds)
    if not isinstance(form["inherited_instructions"], bool):
        errors["inherited_instructions"] = field_error("BOOLEAN_EXPECTED")
    if errors:
        raise invalid(errors)
    return {**_DEFAULTS, **without_service_fields(form)}


def _check_count(name: str, value: Json, minimum: int, maximum: int | None) -> FieldErrors:
    if value is None:
        return {}
    error = check_number(value, minimum, maximum, "integer")
    return {name: error} if error else {}
