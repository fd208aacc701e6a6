"""Fetch the specification of a project's or app's input and output fields.

A list can outlive what its fields are specified by, and a specification can hold anything. Fields whose type is not known have
no column: their values are in `extra`.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toloka_frames._errors import ApiError, NotFound
from toloka_frames._errors.tracebacks import first_line
from toloka_frames._schema.columns import NO_FIELDS, SpecFields, Specification
from toloka_frames._validation import path_part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toloka_frames._reading.scan import ListRequest
    from toloka_frames._transport.http import ApiClient

# not permitted, not found, gone
UNREADABLE = (403, 404, 410)
# what a list is requested by; with other filters an empty list is no sign that this does not exist
REFERENCES = {"pool_id", "operation_id", "task_id", "task_suite_id"}


@dataclass
class UnreadableSpecification:
    """A specification that the service does not let be read, or not any more.

    Attributes:
        error: The error of the request for it.
        was_reported: Whether the user was warned.
    """

    error: ApiError
    was_reported: bool = False

    def report(self, where: str) -> None:
        """Warn once that fields have no column of their own, and say where their values are."""
        if not self.was_reported:
            self.was_reported = True
            why = first_line(self.error).rstrip(".")
            warnings.warn(f"The specification of the fields cannot be read ({why}): {where}.", stacklevel=2)

    def check_reference(self, request: ListRequest) -> None:
        """Check a list that turned out to be empty.

        Raises:
            ApiError: If it has no filters: then the id may be wrong.
        """
        if request.query.keys() <= REFERENCES:
            raise self.error


async def of_list(service: ApiClient, request: ListRequest) -> tuple[Specification, UnreadableSpecification | None]:
    """Return the specification of a list's field columns; empty, without a request, if it has none.

    If it cannot be read any more, it is empty, and the second value says why.
    """
    if not any(isinstance(column, SpecFields) for column in request.resource.columns):
        return NO_FIELDS, None
    try:
        if "app_project_id" in request.path_params:
            return await of_app_project(service, request.path_params["app_project_id"]), None
        pool_id = await _pool_id(service, request.given)
        return (await of_pool(service, pool_id))[1], None
    except ApiError as error:
        if error.status not in UNREADABLE:
            raise
        return NO_FIELDS, UnreadableSpecification(error)


async def of_pool(service: ApiClient, pool_id: str) -> tuple[dict[str, Any], Specification]:
    """Return a pool or training and the specification of its project (Toloka API, Project.task_spec)."""
    pool = await _pool_or_training(service, path_part(pool_id))
    project = await service.get(f"/v1/projects/{path_part(_reference(pool, 'project_id'))}")
    return pool, _specification(project.get("task_spec"))


async def _pool_or_training(service: ApiClient, pool_id: str) -> dict[str, Any]:
    """Return what tasks refer to by `pool_id`, which may be a training, too (Toloka-Kit's examples create such tasks)."""
    try:
        return await service.get(f"/v1/pools/{pool_id}")
    except NotFound as no_pool:
        try:
            return await service.get(f"/v1/trainings/{pool_id}")
        except NotFound:
            raise no_pool from None


async def of_app_project(service: ApiClient, app_project_id: str) -> Specification:
    """Return the specification of an app project's app (Apps API, App.input_spec and output_spec)."""
    project = await service.get(f"/app/v0/app-projects/{path_part(app_project_id)}")
    return _specification(await service.get(f"/app/v0/apps/{path_part(_reference(project, 'app_id'))}"))


async def _pool_id(service: ApiClient, parameters: Mapping[str, str]) -> str:
    """Return the pool of the list: given, or that of the given operation, task or task suite."""
    if "pool_id" in parameters:
        return parameters["pool_id"]
    if "operation_id" in parameters:
        # an aggregation has the pool among its parameters (Toloka API, "Aggregate responses in pool")
        operation = await service.get(f"/v1/operations/{path_part(parameters['operation_id'])}")
        return _reference(operation.get("parameters"), "pool_id")
    name, id_ = ("tasks", parameters["task_id"]) if "task_id" in parameters else ("task-suites", parameters["task_suite_id"])
    return _reference(await service.get(f"/v1/{name}/{path_part(id_)}"), "pool_id")


def _reference(value: Any, key: str) -> str:
    """Return the id under a key; "None", which nothing has as its id, if there is none."""
    id_ = value.get(key) if isinstance(value, dict) else None
    return id_ if isinstance(id_, str) and id_ not in ("", ".", "..") else "None"


def _specification(specs: Any) -> Specification:
    specs = specs if isinstance(specs, dict) else {}
    return Specification(_fields(specs.get("input_spec")), _fields(specs.get("output_spec")))


def _fields(specs: Any) -> dict[str, dict[str, Any]]:
    """Return the fields of one half of a specification; the type of a field is text, or None if it is not known."""
    fields = specs if isinstance(specs, dict) else {}
    return {name: _field(field) for name, field in fields.items()}


def _field(spec: Any) -> dict[str, Any]:
    # without a type, a field is free-form
    field = {"type": "json", **spec} if isinstance(spec, dict) else {"type": None, "required": False}
    return field if isinstance(field["type"], str) else {**field, "type": None}
