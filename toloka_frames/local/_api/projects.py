"""Create, replace, compare and archive projects (Toloka API, Projects)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from toloka_frames.local._api.balance import balance
from toloka_frames.local._api.operations import begin_operation, finish_operation
from toloka_frames.local._api.quality_control_form import quality_control_errors
from toloka_frames.local._base.errors import ServiceError, conflict, invalid
from toloka_frames.local._base.field_specs import check_spec
from toloka_frames.local._base.ids_and_timestamps import format_timestamp
from toloka_frames.local._base.responses import Response, json_response

if TYPE_CHECKING:
    from toloka_frames.local._api.request import ApiRequest
    from toloka_frames.local._store.store import DueJob, Row, Store

_FIRST_ID = 150001
_REQUIRED = ("public_name", "task_spec", "assignments_issuing_type")
_DEFAULTS = {"assignments_automerge_enabled": False}
_SERVICE_FIELDS = ("id", "owner", "status", "created")


def create_project(store: Store, request: ApiRequest) -> Response:
    """Respond with 201 and the new project."""
    form = _form(request)
    return json_response(add_project(store, form, time.time()), 201)


def add_project(store: Store, form: Row, at: float) -> Row:
    """Add an active project, created at `at` (Unix seconds)."""
    row = {
        **_DEFAULTS,
        **form,
        "id": store.next_id("projects", _FIRST_ID),
        "owner": store.owner,
        "status": "ACTIVE",
        "created": format_timestamp(at),
    }
    return store.add("projects", row)


def replace_project(store: Store, request: ApiRequest) -> Response:
    """Respond with 200 and the project with its new settings."""
    old = store.get("projects", request.path_params["id"])
    return json_response(store.save("projects", {**_form(request), **{name: old[name] for name in _SERVICE_FIELDS}}))


def compare_project(store: Store, request: ApiRequest) -> Response:
    """Respond with 200 and the level of the change that new settings would make: none, breaking for its fields, or other."""
    old = store.get("projects", request.path_params["id"])
    new = {**_DEFAULTS, **_form(request)}
    old_fields, new_fields = ([form["task_spec"].get(name) for name in ("input_spec", "output_spec")] for form in (old, new))
    if old_fields != new_fields:
        return json_response({"differenceLevel": "BREAKING_CHANGE"})
    same = new == {name: value for name, value in old.items() if name not in _SERVICE_FIELDS}
    return json_response({"differenceLevel": "EQUAL" if same else "NON_BREAKING_CHANGE"})


def archive_project(store: Store, request: ApiRequest) -> Response:
    """Respond with 202 and an operation; 409 for an archived project, or one with pools that are not archived."""
    project = store.get("projects", request.path_params["id"])
    _check_can_archive(store, project)
    argument = {"project_id": project["id"]}
    return begin_operation(store, "PROJECT.ARCHIVE", argument, "archive_project", argument)


def _check_can_archive(store: Store, project: Row) -> None:
    if project["status"] == "ARCHIVED":
        raise conflict("PROJECT_INAPPROPRIATE_STATUS", f"Project {project['id']} is archived")
    for table in ("pools", "trainings"):
        sql = f"SELECT id FROM {table} WHERE project_id = ? AND status != 'ARCHIVED' LIMIT 1"  # noqa: S608  # no names from requests
        if store.select(sql, (int(project["id"]),)):
            raise conflict("UNARCHIVED_POOLS_CONFLICT", f"Project {project['id']} has {table} that are not archived")


def archive_due_project(store: Store, job: DueJob) -> None:
    """Finish an operation: archive the project, or fail if it has a new pool meanwhile."""
    project = store.get("projects", job.argument["project_id"])
    try:
        _check_can_archive(store, project)
    except ServiceError:
        finish_operation(store, job, failed=True, details={})
    else:
        store.save("projects", {**project, "status": "ARCHIVED"})
        finish_operation(store, job, details={})


def _form(request: ApiRequest) -> Row:
    form = request.json_object(*_REQUIRED)
    specs = form["task_spec"] if isinstance(form["task_spec"], dict) else {}
    errors = check_spec(specs.get("input_spec"), "task_spec.input_spec")
    errors |= check_spec(specs.get("output_spec"), "task_spec.output_spec")
    errors |= quality_control_errors(form.get("quality_control"))
    if errors:
        raise invalid(errors)
    return {name: value for name, value in form.items() if name not in _SERVICE_FIELDS}


def show_requester(store: Store, _request: ApiRequest) -> Response:
    """Respond with the account: one requester, with its balance."""
    left = float(balance(store))
    return json_response({"id": store.owner["id"], "balance": left, "public_name": {"EN": "Local requester"}})
