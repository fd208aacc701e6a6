"""Fetch the specification of a project's or app's input and output fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toloka_frames._schema.columns import NO_FIELDS, SpecFields, Specification
from toloka_frames._validation import path_part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toloka_frames._reading.scan import ListRequest
    from toloka_frames._transport.http import ApiClient


async def of_list(service: ApiClient, request: ListRequest) -> Specification:
    """Return the specification of a list's field columns; empty, without a request, if it has none."""
    if not any(isinstance(column, SpecFields) for column in request.resource.columns):
        return NO_FIELDS
    if "app_project_id" in request.path_params:
        return await of_app_project(service, request.path_params["app_project_id"])
    pool_id = await _pool_id(service, {**request.path_params, **request.query})
    return (await of_pool(service, pool_id))[1]


async def of_pool(service: ApiClient, pool_id: str) -> tuple[dict[str, Any], Specification]:
    """Return a pool and the specification of its project (Toloka API, Project.task_spec)."""
    pool = await service.get(f"/v1/pools/{path_part(pool_id)}")
    project = await service.get(f"/v1/projects/{path_part(str(pool.get('project_id')))}")
    spec = project.get("task_spec")
    return pool, _specification(spec if isinstance(spec, dict) else {})


async def of_app_project(service: ApiClient, app_project_id: str) -> Specification:
    """Return the specification of an app project's app (Apps API, App.input_spec and output_spec)."""
    project = await service.get(f"/app/v0/app-projects/{path_part(app_project_id)}")
    app = await service.get(f"/app/v0/apps/{path_part(str(project.get('app_id')))}")
    return _specification(app)


async def _pool_id(service: ApiClient, parameters: Mapping[str, str]) -> str:
    """Return the pool of the list: given, or that of the given operation, task or task suite."""
    if "pool_id" in parameters:
        return parameters["pool_id"]
    if "operation_id" in parameters:
        # an aggregation has the pool among its parameters (Toloka API, "Aggregate responses in pool")
        operation = await service.get(f"/v1/operations/{path_part(parameters['operation_id'])}")
        return str((operation.get("parameters") or {}).get("pool_id"))
    name, id_ = ("tasks", parameters["task_id"]) if "task_id" in parameters else ("task-suites", parameters["task_suite_id"])
    return str((await service.get(f"/v1/{name}/{path_part(id_)}")).get("pool_id"))


def _specification(specs: Mapping[str, Any]) -> Specification:
    return Specification(specs.get("input_spec") or {}, specs.get("output_spec") or {})
