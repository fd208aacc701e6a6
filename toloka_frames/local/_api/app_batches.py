"""Create, start, stop and archive batches of app items (Toloka Apps API, Batches).

A started batch is QUEUED, then PROCESSING. Its items are labelled in two halves, and after the second it is COMPLETED.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import orjson

from toloka_frames.local._api.app_items import (
    MICROSECONDS,
    count_items,
    finish_items,
    import_fields,
    open_project,
    read_items,
    start_items,
    step_seconds,
)
from toloka_frames.local._base.errors import conflict, does_not_exist, field_error, invalid
from toloka_frames.local._base.ids_and_timestamps import format_timestamp, new_app_id
from toloka_frames.local._base.responses import Response, json_response

if TYPE_CHECKING:
    from toloka_frames.local._api.request import ApiRequest
    from toloka_frames.local._store.store import DueJob, Row, Store

_ITEM_STATES = ("NEW", "PROCESSING", "COMPLETED", "ERROR", "CANCELLED", "NO_MONEY", "ARCHIVE", "STOPPED")
_PRIORITIES = ("ONE", "TWO", "THREE", "FOUR", "FIVE")
_IN_PROGRESS = frozenset({"QUEUED", "PROCESSING", "STOPPING", "LOADING"})


def create_batch(store: Store, request: ApiRequest) -> Response:
    """Respond with 200 and the new batch; 400 for invalid items unless `ignore_errors`, 413 above 10,000 items."""
    batch_id, _ = _add(store, request, open_project(store, request), time.time())
    return _show(count_items(store, batch_id))


def create_batch_at_once(store: Store, request: ApiRequest) -> Response:
    """Respond with 200 and a new batch with all its items labelled, which every app of this service supports."""
    project, at = open_project(store, request), time.time()
    batch_id, items = _add(store, request, project, at)
    start_items(store, items, at)
    finish_items(store, _items(store, batch_id, "PROCESSING"), project, at)
    now = format_timestamp(at, MICROSECONDS)
    done = {"status": "COMPLETED", "started_at": now, "finished_at": now}
    row = store.save("app_batches", {**count_items(store, batch_id), **done})
    return json_response({"batch": _with_time(row), "items": _items(store, batch_id, "COMPLETED")})


def _add(store: Store, request: ApiRequest, project: Row, at: float) -> tuple[str, list[Row]]:
    """Create a batch and its items; return its id and the items."""
    form = request.json_object("items")
    _check(form)
    batch_id = new_app_id()
    item_import = read_items(store, project, form, batch_id)
    store.add("app_batches", {**_batch(batch_id, project, form, at), **import_fields(item_import)})
    store.insert("app_items", map(orjson.dumps, item_import.rows))
    return batch_id, item_import.rows


def _batch(batch_id: str, project: Row, form: Row, at: float) -> Row:
    return {
        "id": batch_id,
        "app_project_id": project["id"],
        "name": form.get("name") or "",
        "status": "NEW",
        "items_count": 0,
        "item_price": project["item_price"],
        "cost": 0.0,
        "cost_of_processed": 0.0,
        "created_at": format_timestamp(at),
        "read_only": False,
        "priority_order": form.get("priority_order") or "FIVE",
        "items_processed_count": 0,
        "items_per_state": dict.fromkeys(_ITEM_STATES, 0),
    }


def _check(form: Row) -> None:
    errors = {}
    if not isinstance(form.get("name") or "", str):
        errors["name"] = field_error("STRING_EXPECTED")
    if (form.get("priority_order") or "FIVE") not in _PRIORITIES:
        errors["priority_order"] = field_error("UNKNOWN_ENUM_VALUE")
    if errors:
        raise invalid(errors)


def _show(row: Row) -> Response:
    return json_response(_with_time(row))


def _with_time(row: Row) -> Row:
    return {**row, "current_time": format_timestamp(time.time())}


def patch_batch(store: Store, request: ApiRequest) -> Response:
    """Respond with 200 and the batch with its new name or priority."""
    row = _find(store, request)
    form = request.json_object()
    _check(form)
    changes = {name: form[name] for name in ("name", "priority_order") if form.get(name) is not None}
    return _show(store.save("app_batches", {**row, **changes}))


def _find(store: Store, request: ApiRequest, *allowed: str) -> Row:
    row = store.get("app_batches", request.path_params["id"])
    if row["app_project_id"] != request.path_params["app_project_id"]:
        raise does_not_exist("batch", row["id"])
    if allowed and row["status"] not in allowed:
        raise conflict("CONFLICT_STATE", f"Batch {row['id']} is {row['status']}, not {' or '.join(allowed)}")
    return row


def _set_status(store: Store, row: Row, status: str, **more: object) -> None:
    store.save("app_batches", {**row, "status": status, **more})


def start_batch(store: Store, request: ApiRequest) -> Response:
    """Queue the batch and respond with 200 and no body; 409 unless it is NEW."""
    return _change_status(store, request, "NEW", "QUEUED", "process_batch")


def _change_status(store: Store, request: ApiRequest, old: str, new: str, job_name: str) -> Response:
    """Set a transitional status, and schedule the job that sets the next one."""
    row = _find(store, request, old)
    _set_status(store, row, new)
    store.schedule(time.time() + store.operation_seconds / 2, job_name, batch_id=row["id"])
    return Response(200)


def process_batch(store: Store, job: DueJob) -> None:
    """Begin the work on a queued batch, once its project is ready."""
    row = store.get("app_batches", job.argument["batch_id"])
    status = store.get("app_projects", row["app_project_id"])["status"]
    if status == "CREATING":
        store.schedule(job.at + step_seconds(store), job.name, **job.argument)
    elif status == "READY":
        _set_status(store, row, "PROCESSING", started_at=row.get("started_at") or format_timestamp(job.at, MICROSECONDS))
        _start_work(store, row["id"], job.at)


def _start_work(store: Store, batch_id: str, at: float) -> None:
    start_items(store, _items(store, batch_id, "NEW", "STOPPED"), at)
    count_items(store, batch_id)
    store.schedule(at + step_seconds(store), "label_batch", batch_id=batch_id)


def _items(store: Store, batch_id: str, *statuses: str) -> list[Row]:
    found = store.select(
        # the statuses are one JSON text, because a parameter of SQLite cannot be a list
        "SELECT body FROM app_items WHERE batch_id = ? AND status IN (SELECT value FROM json_each(?)) ORDER BY id",
        (batch_id, orjson.dumps(statuses).decode()),
    )
    return [orjson.loads(body) for (body,) in found]


def label_batch(store: Store, job: DueJob) -> None:
    """Label the first half of the items, or the second and complete the batch."""
    row = store.get("app_batches", job.argument["batch_id"])
    # the batch was stopped after this job was scheduled
    if row["status"] != "PROCESSING":
        return
    items = _items(store, row["id"], "PROCESSING")
    rest_count = 0 if row["items_processed_count"] else len(items) // 2
    finish_items(store, items[rest_count:], store.get("app_projects", row["app_project_id"]), job.at)
    row = count_items(store, row["id"])
    if rest_count:
        store.schedule(job.at + step_seconds(store), job.name, **job.argument)
    else:
        _set_status(store, row, "COMPLETED", finished_at=format_timestamp(job.at, MICROSECONDS))


def stop_batch(store: Store, request: ApiRequest) -> Response:
    """Begin to stop the batch and respond with 200 and no body; 409 unless it is PROCESSING."""
    return _change_status(store, request, "PROCESSING", "STOPPING", "halt_batch")


def halt_batch(store: Store, job: DueJob) -> None:
    """Stop a stopping batch, unless it was resumed meanwhile."""
    row = store.get("app_batches", job.argument["batch_id"])
    if row["status"] == "STOPPING":
        store.save_all("app_items", ({**item, "status": "STOPPED"} for item in _items(store, row["id"], "PROCESSING")))
        _set_status(store, count_items(store, row["id"]), "STOPPED")


def resume_batch(store: Store, request: ApiRequest) -> Response:
    """Resume the work on the batch and respond with 200 and no body; 409 unless it is STOPPING or STOPPED."""
    row = _find(store, request, "STOPPING", "STOPPED")
    _set_status(store, row, "PROCESSING")
    _start_work(store, row["id"], time.time())
    return Response(200)


def archive_batch(store: Store, request: ApiRequest) -> Response:
    """Archive the batch and respond with 200 and no body; 409 while it is in progress."""
    row = _find(store, request)
    if row["status"] in _IN_PROGRESS:
        raise conflict("CONFLICT_STATE", f"Batch {row['id']} is {row['status']}")
    _set_status(store, row, "ARCHIVE")
    return Response(200)


def unarchive_batch(store: Store, request: ApiRequest) -> Response:
    """Restore the status that the batch had before it was archived, and respond with 200 and no body."""
    row = _find(store, request, "ARCHIVE")
    # its last status (Apps API, "Unarchive batch") is not in the row, but follows from its counts and timestamps
    unfinished = "STOPPED" if row["items_per_state"]["STOPPED"] else "NEW"
    _set_status(store, row, "COMPLETED" if "finished_at" in row else unfinished)
    return Response(200)
