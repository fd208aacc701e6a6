"""Subscriptions to events of a pool (Toloka API, Webhooks). No event is sent, because nothing leaves this machine."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

from toloka_frames.local._api.pool_lifecycle import find_pool
from toloka_frames.local._base.errors import field_error, invalid, invalid_field
from toloka_frames.local._base.field_specs import check_values
from toloka_frames.local._base.ids_and_timestamps import format_timestamp
from toloka_frames.local._base.responses import Response, json_response

if TYPE_CHECKING:
    from toloka_frames.local._api.request import ApiRequest
    from toloka_frames.local._base.errors import FieldErrors
    from toloka_frames.local._base.field_specs import Json, Spec
    from toloka_frames.local._store.store import Row, Store

_ASSIGNMENT_EVENTS = ("CREATED", "SUBMITTED", "SKIPPED", "EXPIRED", "APPROVED", "REJECTED")
_EVENTS = ("POOL_CLOSED", "DYNAMIC_OVERLAP_COMPLETED", *(f"ASSIGNMENT_{name}" for name in _ASSIGNMENT_EVENTS), "TEST_EVENT")
_FORM: Spec = {
    "event_type": {"type": "string"},
    "webhook_url": {"type": "url"},
    "pool_id": {"type": "string"},
    "secret_key": {"type": "string", "required": False},
}


def set_subscriptions(store: Store, request: ApiRequest) -> Response:
    """Respond with 201 and a new subscription, 200 and an existing one, or 200 and those of an array by position.

    400 for an invalid subscription, or an array without a valid one.
    """
    body = request.json()
    if isinstance(body, list):
        return _set_many(store, body)
    errors = _check(store, body)
    if errors:
        raise invalid(errors)
    row, new = _set(store, body, time.time())
    return json_response(row, 201 if new else 200)


def _set_many(store: Store, forms: list[Json]) -> Response:
    if not forms:
        raise invalid_field("body", "VALUES_REQUIRED")
    at = time.time()  # all have the same `created`
    errors = {str(position): found for position, form in enumerate(forms) if (found := _check(store, form))}
    if len(errors) == len(forms):
        raise invalid(errors)
    rows = {str(position): _set(store, form, at)[0] for position, form in enumerate(forms) if str(position) not in errors}
    return json_response({"items": rows, "validation_errors": errors})


def _check(store: Store, form: Json) -> FieldErrors:
    if not isinstance(form, dict):
        return {"webhook_subscription": field_error("OBJECT_EXPECTED")}
    errors = {path.removeprefix("."): error for path, error in check_values(form, _FORM, "").items()}
    if "event_type" not in errors and form["event_type"] not in _EVENTS:
        errors["event_type"] = field_error("UNKNOWN_ENUM_VALUE")
    if "pool_id" not in errors and find_pool(store, form["pool_id"]) is None:
        errors["pool_id"] = field_error("ENTITY_DOES_NOT_EXIST")
    return errors


def _set(store: Store, form: Row, at: float) -> tuple[Row, bool]:
    """Return the row of a subscription, without its secret, and whether it is new."""
    key = {name: form[name] for name in ("event_type", "webhook_url", "pool_id")}
    old = store.find_by("webhook_subscriptions", **{**key, "pool_id": int(form["pool_id"])})
    if old:
        return old, False
    return store.add(
        "webhook_subscriptions", {"id": store.object_ids.new_without_pool(at), **key, "created": format_timestamp(at)}
    ), True


def test_subscription(store: Store, request: ApiRequest) -> Response:
    """Respond with 200 and a connection error, because this service sends nothing to the subscriber."""
    store.get("webhook_subscriptions", request.path_params["id"])
    now = format_timestamp(time.time())
    return json_response(
        {"success": False, "responseReceivedAt": now, "errorType": "CONNECTION_ERROR", "uuids": [str(uuid.uuid4())]}
    )
