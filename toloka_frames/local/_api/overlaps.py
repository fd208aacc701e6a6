"""How many Tolokers do a task or a suite: checked when it is sent, changed later (Toloka API, Tasks, Task suites)."""

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

MOST_OVERLAP = 30_000
_HIGHEST_ORDER = 99_999.99999


def check_overlap(sent: Row, default: Row) -> tuple[Row, FieldErrors]:
    """The overlap of a sent object, that of `default` when it has none, and what is wrong with it."""
    asked = sent if sent.get("overlap") is not None or sent.get("infinite_overlap") else default
    overlap, infinite = asked.get("overlap"), bool(asked.get("infinite_overlap"))
    if infinite:
        error = None if overlap is None else field_error("VALUE_NOT_ALLOWED")
    else:
        error = field_error("VALUE_REQUIRED") if overlap is None else _wrong(overlap, 1)
    added = {"overlap": None if infinite else overlap, "infinite_overlap": infinite}
    return added, {"overlap": error} if error else {}


def _wrong(overlap: Json, least: int) -> FieldError | None:
    return check_number(overlap, least, MOST_OVERLAP, "integer")


def check_order(sent: Row) -> FieldErrors:
    """What is wrong with the order in which a suite is to be given out."""
    error = check_number(sent.get("issuing_order_override") or 0, -_HIGHEST_ORDER, _HIGHEST_ORDER)
    return {"issuing_order_override": error} if error else {}


def patch_overlap(store: Store, request: ApiRequest, table: str) -> Response:
    """Answer 200 with the task or suite in its new overlap and order; 400 for a value that cannot be."""
    row = store.get(table, request.path_params["id"])
    form = request.json_object()
    errors = check_order(form)
    if "overlap" in form or "infinite_overlap" in form:
        found, wrong = check_overlap(form, {"overlap": row.get("overlap")})
        errors |= wrong
        row = row if errors else _with_overlap(row, found["overlap"])
    if errors:
        raise invalid(errors)
    _open_if_asked(store, request, row)
    if table == "task_suites" and form.get("issuing_order_override") is not None:
        row = {**row, "issuing_order_override": form["issuing_order_override"]}
    return json_response(store.save(table, row))


def set_overlap_or_min(store: Store, request: ApiRequest, table: str) -> Response:
    """Answer 200 with the task or suite in the asked overlap, or in as much as has been given out already."""
    row = store.get(table, request.path_params["id"])
    overlap = request.json_object("overlap")["overlap"]
    error = _wrong(overlap, 0)
    if error:
        raise invalid({"overlap": error})
    if row["infinite_overlap"]:
        raise invalid_field("overlap", "VALUE_NOT_ALLOWED")
    _open_if_asked(store, request, row)
    return json_response(store.save(table, _with_overlap(row, max(overlap, _given_out(row)))))


def _open_if_asked(store: Store, request: ApiRequest, row: Row) -> None:
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
        "remaining_overlap": max(0, overlap - _given_out(row)),
    }


def _given_out(row: Row) -> int:
    return int(row.get("overlap", 0) - row.get("remaining_overlap", 0))
