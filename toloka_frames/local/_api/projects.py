"""A project's form -> its row, with the specification that its tasks must keep (Toloka API, Projects)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from toloka_frames.local._api.operations import begin, finish
from toloka_frames.local._base.answers import Answer, answer
from toloka_frames.local._base.errors import ServiceError, conflict, invalid
from toloka_frames.local._base.field_specs import check_spec
from toloka_frames.local._base.ids_and_timestamps import instant

if TYPE_CHECKING:
    from toloka_frames.local._api.request import Call
    from toloka_frames.local._store.store import Due, Row, Store

_FIRST_ID = 150001
_REQUIRED = ("public_name", "task_spec", "assignments_issuing_type")
_DEFAULTS = {"assignments_automerge_enabled": False}
_SERVICE_FIELDS = ("id", "owner", "status", "created")


def create_project(store: Store, call: Call) -> Answer:
    """Answer 201 with the new project."""
    form = _form(call)
    return answer(add_project(store, form, time.time()), 201)


def add_project(store: Store, form: Row, at: float) -> Row:
    """Make an active project as of `at` (Unix seconds)."""
    row = {
        **_DEFAULTS,
        **form,
        "id": store.next_id("projects", _FIRST_ID),
        "owner": store.owner,
        "status": "ACTIVE",
        "created": instant(at),
    }
    return store.add("projects", row)


def replace_project(store: Store, call: Call) -> Answer:
    """Answer 200 with the project in its new form."""
    old = store.get("projects", call.path["id"])
    return answer(store.save("projects", {**_form(call), **{name: old[name] for name in _SERVICE_FIELDS}}))


def compare_project(store: Store, call: Call) -> Answer:
    """Answer 200 with what the project's new form would change: nothing, its fields, or something else."""
    old = store.get("projects", call.path["id"])
    new = {**_DEFAULTS, **_form(call)}
    fields = [[form["task_spec"].get(name) for name in ("input_spec", "output_spec")] for form in (old, new)]
    if fields[0] != fields[1]:
        return answer({"differenceLevel": "BREAKING_CHANGE"})
    same = new == {name: value for name, value in old.items() if name not in _SERVICE_FIELDS}
    return answer({"differenceLevel": "EQUAL" if same else "NON_BREAKING_CHANGE"})


def archive_project(store: Store, call: Call) -> Answer:
    """Answer 202 with an operation; 409 for an archived project and for one with pools that are not."""
    project = store.get("projects", call.path["id"])
    _refuse_archiving(store, project)
    argument = {"project_id": project["id"]}
    return begin(store, "PROJECT.ARCHIVE", argument, "archive_project", argument)


def _refuse_archiving(store: Store, project: Row) -> None:
    if project["status"] == "ARCHIVED":
        raise conflict("PROJECT_INAPPROPRIATE_STATUS", f"Project {project['id']} is archived")
    for table in ("pools", "trainings"):
        sql = f"SELECT id FROM {table} WHERE project_id = ? AND status != 'ARCHIVED' LIMIT 1"  # noqa: S608  # names are ours
        if store.select(sql, (int(project["id"]),)):
            raise conflict("UNARCHIVED_POOLS_CONFLICT", f"Project {project['id']} has {table} that are not archived")


def archive_due_project(store: Store, due: Due) -> None:
    """The operation's moment: the project is archived, unless it has a new pool meanwhile."""
    project = store.get("projects", due.argument["project_id"])
    try:
        _refuse_archiving(store, project)
    except ServiceError:
        finish(store, due, failed=True, details={})
    else:
        store.save("projects", {**project, "status": "ARCHIVED"})
        finish(store, due, details={})


def _form(call: Call) -> Row:
    form = call.object(*_REQUIRED)
    specs = form["task_spec"] if isinstance(form["task_spec"], dict) else {}
    errors = check_spec(specs.get("input_spec"), "task_spec.input_spec")
    errors |= check_spec(specs.get("output_spec"), "task_spec.output_spec")
    if errors:
        raise invalid(errors)
    return {name: value for name, value in form.items() if name not in _SERVICE_FIELDS}


def show_requester(store: Store, _call: Call) -> Answer:
    """Answer the account: one requester with a balance that work does not lower."""
    return answer({"id": store.owner["id"], "balance": 1000.0, "public_name": {"EN": "Local requester"}})
