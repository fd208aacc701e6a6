"""Create and archive app projects, which take some time to be ready (Toloka Apps API, App projects)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from toloka_frames.local._api.app_catalog import APPS
from toloka_frames.local._api.list_query import ListSpec, list_rows
from toloka_frames.local._base.errors import conflict, field_error, invalid, invalid_field
from toloka_frames.local._base.ids_and_timestamps import format_timestamp, new_app_id
from toloka_frames.local._base.responses import Response, json_response

if TYPE_CHECKING:
    from toloka_frames.local._api.request import ApiRequest
    from toloka_frames.local._store.store import DueJob, Row, Store

_SCOPES = frozenset({"MY", "COMPANY", "REQUESTER_LIST"})


def offer_apps(store: Store) -> None:
    """Add the apps of the catalog to a new store."""
    with store.transaction():
        for app in APPS:
            if store.find("apps", app["id"]) is None:
                store.add("apps", app)


def list_app_projects(store: Store, request: ApiRequest, list_spec: ListSpec) -> Response:
    """Respond with a page of app projects; as all belong to one requester, a scope includes all or none."""
    if request.query.get("scope", "MY") not in _SCOPES:
        raise invalid_field("scope", "UNKNOWN_ENUM_VALUE")
    requester_ids = request.query.get("requester_ids", "").split(",")
    if request.query.get("scope") == "REQUESTER_LIST" and store.owner["id"] not in requester_ids:
        return Response(200, b'{"content":[],"has_more":false}')
    return list_rows(store, request, list_spec)


def create_app_project(store: Store, request: ApiRequest) -> Response:
    """Respond with 200 and the project, which is still being created."""
    form = request.json_object("app_id", "name", "parameters")
    app = store.find("apps", form["app_id"])
    errors = {} if app else {"app_id": field_error("ENTITY_DOES_NOT_EXIST")}
    if not isinstance(form["parameters"], dict):
        errors["parameters"] = field_error("OBJECT_EXPECTED")
    if not isinstance(form["name"], str):
        errors["name"] = field_error("STRING_EXPECTED")
    if errors or app is None:
        raise invalid(errors)
    row = store.add("app_projects", _project(form, app, time.time()))
    store.schedule(time.time() + store.operation_seconds, "ready_app_project", project_id=row["id"])
    return json_response(row)


def _project(form: Row, app: Row, at: float) -> Row:
    return {
        "id": new_app_id(),
        "app_id": app["id"],
        "parent_app_project_id": form.get("parent_app_project_id") or "",
        "name": form["name"],
        "parameters": form["parameters"],
        "status": "CREATING",
        "created": format_timestamp(at),
        "item_price": app["default_item_price"],
        "errors": [],
        "read_only": False,
        "app": {"id": app["id"], "name": app["name"]},
    }


def ready_app_project(store: Store, job: DueJob) -> None:
    """Set a project to READY, so that its batches may start."""
    row = store.get("app_projects", job.argument["project_id"])
    store.save("app_projects", {**row, "status": "READY"})


def archive_app_project(store: Store, request: ApiRequest) -> Response:
    """Archive the project and respond with 200 and no body; 409 while it is being created."""
    return _change_status(store, request, "READY", "ARCHIVED")


def unarchive_app_project(store: Store, request: ApiRequest) -> Response:
    """Restore the project and respond with 200 and no body; 409 while it is being created."""
    return _change_status(store, request, "ARCHIVED", "READY")


def _change_status(store: Store, request: ApiRequest, old: str, new: str) -> Response:
    row = store.get("app_projects", request.path_params["id"])
    if row["status"] not in {old, new}:
        raise conflict("CONFLICT_STATE", f"App project {row['id']} is {row['status']}")
    store.save("app_projects", {**row, "status": new})
    return Response(200)
