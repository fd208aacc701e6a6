"""Posted input data -> items of an app project, alone or in a batch, and their labels (Toloka Apps API, Items)."""

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

MOST_ITEMS = 10_000
# the Apps API has started_at and finished_at with six digits, other timestamps with three
MICROSECONDS = 6
_CLASSES = ("first", "second", "third")


@dataclass(frozen=True)
class Import:
    """The items of one request: rows of those that may be made, errors of the others by path."""

    rows: list[Row]
    count: int
    errors: FieldErrors


def create_item(store: Store, request: ApiRequest) -> Response:
    """Answer 200 with the new item; 400 for input data that breaks the solution's specification."""
    project = open_project(store, request)
    form = request.json_object("input_data")
    errors = check_values(form["input_data"], store.get("apps", project["app_id"])["input_spec"], "input_data")
    if errors:
        raise invalid(errors)
    batch = _batch(store, project, form)
    [row] = _rows(project["id"], [form["input_data"]], form.get("batch_id"), time.time())
    _take_in(store, [row], batch)
    return json_response(row)


def create_items(store: Store, request: ApiRequest) -> Response:
    """Answer 200 with the ids of the new items, in the order of the request."""
    project = open_project(store, request)
    form = request.json_object("items")
    batch = _batch(store, project, form)
    # Apps API, "Add items in bulk": with batch_id only
    if form.get("ignore_errors") and batch is None:
        raise invalid_field("ignore_errors", "VALUE_NOT_ALLOWED")
    read = read_items(store, project, form, form.get("batch_id"))
    _take_in(store, read.rows, batch)
    if batch is not None:
        # read again, because it was counted and written meanwhile
        counted = store.get("app_batches", batch["id"])
        store.save("app_batches", {**counted, **import_fields(read)})
    return json_response([row["id"] for row in read.rows])


def open_project(store: Store, request: ApiRequest) -> Row:
    """The app project of the path; ServiceError 409 if it is archived."""
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


def read_items(store: Store, project: Row, form: Row, batch_id: str | None) -> Import:
    """Rows for the `items` of a form; ServiceError 400 for bad ones unless `ignore_errors`, 413 for too many."""
    items = form["items"]
    if not isinstance(items, list):
        raise invalid_field("items", "ARRAY_EXPECTED")
    if len(items) > MOST_ITEMS:
        raise too_large(f"One request may carry {MOST_ITEMS} items, this one has {len(items)}")
    spec = store.get("apps", project["app_id"])["input_spec"]
    found = [check_values(item, spec, f"input_data.{position}") for position, item in enumerate(items)]
    errors = {path: error for each in found for path, error in each.items()}
    if errors and not form.get("ignore_errors"):
        raise invalid(errors)
    good = [item for item, each in zip(items, found, strict=True) if not each]
    return Import(_rows(project["id"], good, batch_id, time.time()), len(items), errors)


def import_fields(read: Import) -> Row:
    """What a batch tells about its latest import."""
    last = {
        "id": new_app_id(),
        "records_count": read.count,
        "records_processed": read.count,
        "records_skipped": read.count - len(read.rows),
        "errors": read.errors,
    }
    return {"last_items_import": last, "validation_errors": read.errors}


def _rows(project_id: str, items: Iterable[Any], batch_id: str | None, at: float) -> list[Row]:
    in_batch = {"batch_id": batch_id} if batch_id else {}
    fresh = {"status": "NEW", "output_data": {}, "errors": [], "created_at": format_timestamp(at)}
    return [{"id": new_app_id(), "app_project_id": project_id, **in_batch, "input_data": item, **fresh} for item in items]


def _take_in(store: Store, rows: Sequence[Row], batch: Row | None) -> None:
    store.insert("app_items", map(orjson.dumps, rows))
    if batch is not None:
        count_items(store, batch["id"])
    elif rows:
        argument = {"project_id": rows[0]["app_project_id"], "item_ids": [row["id"] for row in rows]}
        store.schedule(time.time() + store.operation_seconds / 2, "take_items", **argument)


def take_items(store: Store, job: DueJob) -> None:
    """Items without a batch are taken up as soon as their project is ready."""
    status = store.get("app_projects", job.argument["project_id"])["status"]
    if status == "CREATING":
        store.schedule(job.at + step(store), job.name, **job.argument)
    elif status == "READY":
        start_items(store, [store.get("app_items", item_id) for item_id in job.argument["item_ids"]], job.at)
        store.schedule(job.at + step(store), "label_items", **job.argument)


def step(store: Store) -> float:
    """How long a step of the work on items takes, in seconds."""
    # never nothing: a job that puts itself off by nothing would be due again at once, and for ever, where it waits for the
    # project of a slower service that had this file before
    return max(store.operation_seconds / 2, 0.01)


def label_items(store: Store, job: DueJob) -> None:
    """Items without a batch are done."""
    rows = [store.get("app_items", item_id) for item_id in job.argument["item_ids"]]
    finish_items(store, rows, store.get("app_projects", job.argument["project_id"]), job.at)


def start_items(store: Store, rows: Iterable[Row], at: float) -> None:
    """Work on the items begins."""
    started = {"status": "PROCESSING", "started_at": format_timestamp(at, MICROSECONDS)}
    store.save_all("app_items", ({**row, **started} for row in rows))


def finish_items(store: Store, rows: Iterable[Row], project: Row, at: float) -> None:
    """The items have their labels."""
    spec = store.get("apps", project["app_id"])["output_spec"]
    finished = {"status": "COMPLETED", "finished_at": format_timestamp(at, MICROSECONDS)}
    store.save_all("app_items", ({**row, **finished, "output_data": _labels(spec, project, row)} for row in rows))


def _labels(spec: Row, project: Row, item: Row) -> Row:
    """Values of the solution's output; the result is one of the classes that the project's parameters name."""
    given = project["parameters"].get("instruction_classes")
    named = given if isinstance(given, list) else []
    classes = [one["value"] for one in named if isinstance(one, dict) and "value" in one] or _CLASSES
    confidence = round(0.5 + seeded_random.uniform(item["id"]) / 2, 4)
    labels = {"result": [seeded_random.choose(classes, item["id"], "result")], "confidence": confidence}
    return {**seeded_random.field_values(spec, item["id"]), **labels}


def count_items(store: Store, batch_id: str) -> Row:
    """Bring the counts and costs of a batch up to date."""
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
