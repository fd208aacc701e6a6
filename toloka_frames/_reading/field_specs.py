"""A pool or an app project comes in, the specification of its input and output fields goes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toloka_frames._schema.columns import NO_FIELDS, SpecFields, Specification
from toloka_frames._validation import path_part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toloka_frames._reading.list_request import ListRequest
    from toloka_frames._transport.http import ApiClient


async def of_list(service: ApiClient, question: ListRequest) -> Specification:
    """The specification behind a list's dynamic columns; empty for a list that has none."""
    if not any(isinstance(column, SpecFields) for column in question.resource.columns):
        return NO_FIELDS
    if "app_project_id" in question.places:
        return await of_app_project(service, question.places["app_project_id"])
    return (await of_pool(service, await _pool_id(service, {**question.places, **question.query})))[1]


async def of_pool(service: ApiClient, pool_id: str) -> tuple[dict[str, Any], Specification]:
    """A pool and the specification of its project (Toloka API, Project.task_spec)."""
    pool = await service.get(f"/v1/pools/{path_part(pool_id)}")
    project = await service.get(f"/v1/projects/{path_part(str(pool.get('project_id')))}")
    spec = project.get("task_spec")
    return pool, _specification(spec if isinstance(spec, dict) else {})


async def of_app_project(service: ApiClient, app_project_id: str) -> Specification:
    """The specification of an app project's app (Apps API, App.input_spec and output_spec)."""
    project = await service.get(f"/app/v0/app-projects/{path_part(app_project_id)}")
    app = await service.get(f"/app/v0/apps/{path_part(str(project.get('app_id')))}")
    return _specification(app)


async def _pool_id(service: ApiClient, given: Mapping[str, str]) -> str:
    if "pool_id" in given:
        return given["pool_id"]
    if "operation_id" in given:
        # an aggregation names its pool among its parameters (Toloka API, "Aggregate responses in pool")
        operation = await service.get(f"/v1/operations/{path_part(given['operation_id'])}")
        return str((operation.get("parameters") or {}).get("pool_id"))
    kind, id_ = ("tasks", given["task_id"]) if "task_id" in given else ("task-suites", given["task_suite_id"])
    return str((await service.get(f"/v1/{kind}/{path_part(id_)}")).get("pool_id"))


def _specification(specs: Mapping[str, Any]) -> Specification:
    return Specification(specs.get("input_spec") or {}, specs.get("output_spec") or {})
