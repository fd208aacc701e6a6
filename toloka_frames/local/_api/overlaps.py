"""Check and change the overlap of tasks and suites: how many Tolokers do each (Toloka API, Tasks, Task suites)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from toloka_frames.local._api.pool_lifecycle import open_pools
from toloka_frames.local._base.errors import FieldError, field_error, invalid, invalid_field
from toloka_frames.local._base.field_specs import check_number
from toloka_frames.local._base.responses import Response, json_response

if TYPE_CHECKING:
    from toloka_frames.local._api.request import ApiRequest
    from toloka_frames.local._base.errors import FieldErrors
    from toloka_frames.local._base.field_specs import Json
    from toloka_frames.local._store.store import Row, Store

MAX_OVERLAP = 30_000
_MAX_ORDER = 99_999.99999


def check_overlap(sent: Row, default: Row) -> tuple[Row, FieldErrors]:
    """Return the overlap of an object, or of `default` if the object has none, and its errors."""
    source = sent if sent.get("overlap") is not None or sent.get("infinite_overlap") else default
    overlap, infinite = source.get("overlap"), bool(source.get("infinite_overlap"))
    if infinite:
        error = None if overlap is None else field_error("VALUE_NOT_ALLOWED")
    else:
        error = field_error("VALUE_REQUIRED") if overlap is None else _check_count(overlap, 1)
    added = {"overlap": None if infinite else overlap, "infinite_overlap": infinite}
    return added, {"overlap": error} if error else {}


def _check_count(overlap: Json, minimum: int) -> FieldError | None:
    return check_number(overlap, minimum, MAX_OVERLAP, "integer")


def check_order(sent: Row) -> FieldErrors:
    """Check the order in which a suite is assigned to Tolokers."""
    error = check_number(sent.get("issuing_order_override") or 0, -_MAX_ORDER, _MAX_ORDER)
    return {"issuing_order_override": error} if error else {}


def patch_overlap(store: Store, request: ApiRequest, table: str) -> Response:
    """Respond with 200 and the task or suite with its new overlap and order; 400 for an invalid value."""
    row = store.get(table, request.path_params["id"])
    form = request.json_object()
    errors = check_order(form)
    if "overlap" in form or "infinite_overlap" in form:
        checked, overlap_errors = check_overlap(form, {"overlap": row.get("overlap")})
        errors |= overlap_errors
        row = row if errors else _with_overlap(row, checked["overlap"])
    if errors:
        raise invalid(errors)
    _open_if_requested(store, request, row)
    if table == "task_suites" and form.get("issuing_order_override") is not None:
        row = {**row, "issuing_order_override": form["issuing_order_override"]}
    return json_response(store.save(table, row))


def set_overlap_or_min(store: Store, request: ApiRequest, table: str) -> Response:
    """Respond with 200 and the task or suite with the requested overlap, at least the number of assignments it has."""
    row = store.get(table, request.path_params["id"])
    overlap = request.json_object("overlap")["overlap"]
    error = _check_count(overlap, 0)
    if error:
        raise invalid({"overlap": error})
    if row["infinite_overlap"]:
        raise invalid_field("overlap", "VALUE_NOT_ALLOWED")
    _open_if_requested(store, request, row)
    return json_response(store.save(table, _with_overlap(row, max(overlap, _assigned_count(row)))))


def _open_if_requested(store: Store, request: ApiRequest, row: Row) -> None:
    if request.flag("open_pool"):
        open_pools(store, [row["pool_id"]], time.time())


def _with_overlap(row: Row, overlap: int | None) -> Row:
    rest = {name: value for name, value in row.items() if name not in {"overlap", "remaining_overlap"}}
    if overlap is None:
        return {**rest, "infinite_overlap": True}
    return {
        **rest,
        "infinite_overlap": False,
        "overlap": overlap,
        "remaining_overlap": max(0, overlap - _assigned_count(row)),
    }


def with_more_overlap(row: Row, count: int) -> Row:
    """Return a row with an overlap that is `count` higher, but not below the number of its assignments."""
    return _with_overlap(row, max(row["overlap"] + count, _assigned_count(row)))


def _assigned_count(row: Row) -> int:
    return int(row.get("overlap", 0) - row.get("remaining_overlap", 0))
