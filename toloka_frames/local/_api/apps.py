"""A solution and its parameters -> an app project, which is ready after a while (Toloka Apps API, App projects)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from toloka_frames.local._api.app_catalog import APPS
from toloka_frames.local._api.list_query import Listing, list_rows
from toloka_frames.local._base.answers import Answer, answer
from toloka_frames.local._base.errors import conflict, field_error, invalid, invalid_field
from toloka_frames.local._base.ids_and_timestamps import app_id, instant

if TYPE_CHECKING:
    from toloka_frames.local._api.request import Call
    from toloka_frames.local._store.store import Due, Row, Store

_SCOPES = frozenset({"MY", "COMPANY", "REQUESTER_LIST"})


def offer_apps(store: Store) -> None:
    """Put the solutions on offer, once in the life of a store."""
    with store.transaction():
        for app in APPS:
            if store.find("apps", app["id"]) is None:
                store.add("apps", app)


def list_app_projects(store: Store, call: Call, listing: Listing) -> Answer:
    """Answer a page of app projects; all belong to the one requester of this service, so a scope has all or none."""
    if call.query.get("scope", "MY") not in _SCOPES:
        raise invalid_field("scope", "UNKNOWN_ENUM_VALUE")
    others = call.query.get("requester_ids", "").split(",")
    if call.query.get("scope") == "REQUESTER_LIST" and store.owner["id"] not in others:
        return Answer(200, b'{"content":[],"has_more":false}')
    return list_rows(store, call, listing)


def create_app_project(store: Store, call: Call) -> Answer:
    """Answer 200 with the project, still being made."""
    form = call.object("app_id", "name", "parameters")
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
    return answer(row)


def _project(form: Row, app: Row, at: float) -> Row:
    return {
        "id": app_id(),
        "app_id": app["id"],
        "parent_app_project_id": form.get("parent_app_project_id") or "",
        "name": form["name"],
        "parameters": form["parameters"],
        "status": "CREATING",
        "created": instant(at),
        "item_price": app["default_item_price"],
        "errors": [],
        "read_only": False,
        "app": {"id": app["id"], "name": app["name"]},
    }


def ready_app_project(store: Store, due: Due) -> None:
    """The project's moment: its batches may start."""
    row = store.get("app_projects", due.argument["project_id"])
    store.save("app_projects", {**row, "status": "READY"})


def archive_app_project(store: Store, call: Call) -> Answer:
    """Answer 200 with nothing; 409 while the project is being made."""
    return _move(store, call, "READY", "ARCHIVED")


def unarchive_app_project(store: Store, call: Call) -> Answer:
    """Answer 200 with nothing; 409 for a project still being made."""
    return _move(store, call, "ARCHIVED", "READY")


def _move(store: Store, call: Call, old: str, new: str) -> Answer:
    row = store.get("app_projects", call.path["id"])
    if row["status"] not in {old, new}:
        raise conflict("CONFLICT_STATE", f"App project {row['id']} is {row['status']}")
    store.save("app_projects", {**row, "status": new})
    return Answer(200)
