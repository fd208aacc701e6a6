"""Create items of an app project, alone or in a batch, and label them (Toloka Apps API, Items)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from toloka_frames.local._base import seeded_random
from toloka_frames.local._base.errors import FieldErrors, conflict, invalid, invalid_field, too_large
from toloka_frames.local._base.field_specs import check_values
from toloka_frames.local._base.ids_and_timestamps import format_timestamp, new_app_id
from toloka_frames.local._base.responses import Response, json_response

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from toloka_frames.local._api.request import ApiRequest
    from toloka_frames.local._store.store import DueJob, Row, Store

MAX_ITEMS = 10_000
# the Apps API has started_at and finished_at with six digits of fraction, other timestamps with three
MICROSECONDS = 6
_DEFAULT_CLASSES = ("first", "second", "third")


@dataclass(frozen=True)
class ItemImport:
    """The items of one request: rows of the valid ones, errors of the others by path, and the number of all."""

    rows: list[Row]
    count: int
    errors: FieldErrors


def create_item(store: Store, request: ApiRequest) -> Response:
    """Respond with 200 and the new item; 400 for input data that does not match the app's specification."""
    project = open_project(store, request)
    form = request.json_object("input_data")
    errors = check_values(form["input_data"], store.get("apps", project["app_id"])["input_spec"], "input_data")
    if errors:
        raise invalid(errors)
    batch = _batch(store, project, form)
    [row] = _rows(project["id"], [form["input_data"]], form.get("batch_id"), time.time())
    _add(store, [row], batch)
    return json_response(row)


def create_items(store: Store, request: ApiRequest) -> Response:
    """Respond with 200 and the ids of the new items, in the order of the request."""
    project = open_project(store, request)
    form = request.json_object("items")
    batch = _batch(store, project, form)
    # Apps API, "Add items in bulk": ignore_errors needs batch_id
    if form.get("ignore_errors") and batch is None:
        raise invalid_field("ignore_errors", "VALUE_NOT_ALLOWED")
    item_import = read_items(store, project, form, form.get("batch_id"))
    _add(store, item_import.rows, batch)
    if batch is not None:
        # read again, because _add has updated its counts
        counted = store.get("app_batches", batch["id"])
        store.save("app_batches", {**counted, **import_fields(item_import)})
    return json_response([row["id"] for row in item_import.rows])


def open_project(store: Store, request: ApiRequest) -> Row:
    """Return the app project of the path; raise ServiceError 409 if it is archived."""
    project = store.get("app_projects", request.path_params["app_project_id"])
    if project["status"] == "ARCHIVED":
        raise conflict("CONFLICT_STATE", f"App project {project['id']} is archived")
    return project


def _batch(store: Store, project: Row, form: Row) -> Row | None:
    if not form.get("batch_id"):
        return None
    batch = store.get("app_batches", form["batch_id"])
    if batch["app_project_id"] != project["id"]:
        raise invalid_field("batch_id", "ENTITY_DOES_NOT_EXIST")
    if batch["status"] != "NEW":
        raise conflict("CONFLICT_STATE", f"Batch {batch['id']} is {batch['status']} and takes no more items")
    return batch


def read_items(store: Store, project: Row, form: Row, batch_id: str | None) -> ItemImport:
    """Check the `items` of a form and make their rows.

    Raises ServiceError 400 for invalid items unless `ignore_errors`, 413 for too many items.
    """
    items = form["items"]
    if not isinstance(items, list):
        raise invalid_field("items", "ARRAY_EXPECTED")
    if len(items) > MAX_ITEMS:
        raise too_large(f"One request may contain {MAX_ITEMS} items, this one has {len(items)}")
    spec = store.get("apps", project["app_id"])["input_spec"]
    errors_by_item = [check_values(item, spec, f"input_data.{position}") for position, item in enumerate(items)]
    errors = {path: error for item_errors in errors_by_item for path, error in item_errors.items()}
    if errors and not form.get("ignore_errors"):
        raise invalid(errors)
    valid = [item for item, item_errors in zip(items, errors_by_item, strict=True) if not item_errors]
    return ItemImport(_rows(project["id"], valid, batch_id, time.time()), len(items), errors)


def import_fields(item_import: ItemImport) -> Row:
    """Return the fields of a batch that describe its latest import."""
    last = {
        "id": new_app_id(),
        "records_count": item_import.count,
        "records_processed": item_import.count,
        "records_skipped": item_import.count - len(item_import.rows),
        "errors": item_import.errors,
    }
    return {"last_items_import": last, "validation_errors": item_import.errors}


def _rows(project_id: str, items: Iterable[Any], batch_id: str | None, at: float) -> list[Row]:
    in_batch = {"batch_id": batch_id} if batch_id else {}
    new = {"status": "NEW", "output_data": {}, "errors": [], "created_at": format_timestamp(at)}
    return [{"id": new_app_id(), "app_project_id": project_id, **in_batch, "input_data": item, **new} for item in items]


def _add(store: Store, rows: Sequence[Row], batch: Row | None) -> None:
    store.insert("app_items", map(orjson.dumps, rows))
    if batch is not None:
        count_items(store, batch["id"])
    elif rows:
        argument = {"project_id": rows[0]["app_project_id"], "item_ids": [row["id"] for row in rows]}
        store.schedule(time.time() + store.operation_seconds / 2, "take_items", **argument)


def take_items(store: Store, job: DueJob) -> None:
    """Begin the work on items without a batch, once their project is ready."""
    status = store.get("app_projects", job.argument["project_id"])["status"]
    if status == "CREATING":
        store.schedule(job.at + step_seconds(store), job.name, **job.argument)
    elif status == "READY":
        start_items(store, [store.get("app_items", item_id) for item_id in job.argument["item_ids"]], job.at)
        store.schedule(job.at + step_seconds(store), "label_items", **job.argument)


def step_seconds(store: Store) -> float:
    """Return the duration of one step of the work on items, in seconds."""
    # above 0, because a job that waits for its project schedules itself again: without delay it would be due again at once,
    # forever if a slower service has left the project in the file
    return max(store.operation_seconds / 2, 0.01)


def label_items(store: Store, job: DueJob) -> None:
    """Label items without a batch."""
    rows = [store.get("app_items", item_id) for item_id in job.argument["item_ids"]]
    finish_items(store, rows, store.get("app_projects", job.argument["project_id"]), job.at)


def start_items(store: Store, rows: Iterable[Row], at: float) -> None:
    """Set items to PROCESSING."""
    started = {"status": "PROCESSING", "started_at": format_timestamp(at, MICROSECONDS)}
    store.save_all("app_items", ({**row, **started} for row in rows))


def finish_items(store: Store, rows: Iterable[Row], project: Row, at: float) -> None:
    """Label items and set them to COMPLETED."""
    spec = store.get("apps", project["app_id"])["output_spec"]
    finished = {"status": "COMPLETED", "finished_at": format_timestamp(at, MICROSECONDS)}
    store.save_all("app_items", ({**row, **finished, "output_data": _labels(spec, project, row)} for row in rows))


def _labels(spec: Row, project: Row, item: Row) -> Row:
    """Return values of the app's output fields; the result is one of the classes in the project's parameters."""
    parameter = project["parameters"].get("instruction_classes")
    entries = parameter if isinstance(parameter, list) else []
    classes = [entry["value"] for entry in entries if isinstance(entry, dict) and "value" in entry] or _DEFAULT_CLASSES
    key = seeded_random.content_key(item["input_data"])
    confidence = round(0.5 + seeded_random.uniform(key) / 2, 4)
    labels = {"result": [seeded_random.choose(classes, key, "result")], "confidence": confidence}
    return {**seeded_random.field_values(spec, key), **labels}


def count_items(store: Store, batch_id: str) -> Row:
    """Update the counts and costs of a batch."""
    batch = store.get("app_batches", batch_id)
    found = store.select(
        "SELECT status, count(*), sum(body ->> '$.output_data.confidence') FROM app_items WHERE batch_id = ? GROUP BY 1",
        (batch_id,),
    )
    states = dict.fromkeys(batch["items_per_state"], 0) | {status: count for status, count, _ in found}
    done, price = states["COMPLETED"], batch["item_price"]
    batch |= {
        "items_count": sum(states.values()),
        "cost": round(sum(states.values()) * price, 4),
        "cost_of_processed": round(done * price, 4),
        "items_processed_count": done,
        "items_per_state": states,
    }
    if done:
        batch["confidence_avg"] = round(sum(confidence or 0 for _, _, confidence in found) / done, 4)
    return store.save("app_batches", batch)
