"""Restrictions (bans) of Tolokers, one for each Toloker and scope (Toloka API, User restrictions)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from toloka_frames.local._api.list_query import ListSpec, list_rows
from toloka_frames.local._api.pool_lifecycle import POOL
from toloka_frames.local._api.users import check_user
from toloka_frames.local._base.errors import conflict, field_error, invalid
from toloka_frames.local._base.ids_and_timestamps import format_timestamp, parse_timestamp
from toloka_frames.local._base.responses import Response, json_response

if TYPE_CHECKING:
    from toloka_frames.local._api.request import ApiRequest
    from toloka_frames.local._base.errors import FieldErrors
    from toloka_frames.local._store.store import Row, Store

_FIRST_ID = 163295269
_SCOPE_FIELDS = {"SYSTEM": (), "ALL_PROJECTS": (), "PROJECT": ("project_id",), "POOL": ("pool_id",)}
_TABLES = {"project_id": ("projects",), "pool_id": POOL.tables}
_MAX_COMMENT_LENGTH = 499


def list_restrictions(store: Store, request: ApiRequest, list_spec: ListSpec) -> Response:
    """Respond with a page of restrictions; 400 for a scope without its project or pool."""
    missing = [name for name in _SCOPE_FIELDS.get(request.query.get("scope", ""), ()) if not request.query.get(name)]
    if missing:
        raise invalid({name: field_error("VALUE_REQUIRED") for name in missing})
    return list_rows(store, request, list_spec)


def set_restriction(store: Store, request: ApiRequest) -> Response:
    """Respond with 201 and a new restriction, or 200 and a changed one, which the Toloker had in this scope."""
    form = request.json_object("scope", "user_id")
    errors = _check(store, form)
    if errors:
        raise invalid(errors)
    if form["scope"] == "SYSTEM":
        raise conflict("SYSTEM_SCOPE_MODIFICATION", "Bans of the whole system are the service's own")
    scope_fields = {name: form[name] for name in _SCOPE_FIELDS[form["scope"]]}
    key = {"user_id": form["user_id"], "scope": form["scope"]}
    more = {name: form[name] for name in ("private_comment", "will_expire") if form.get(name) is not None}
    row, is_new = save_restriction(store, key, scope_fields, more, time.time())
    return json_response(row, 201 if is_new else 200)


def save_restriction(store: Store, key: Row, scope_fields: Row, more: Row, at: float) -> tuple[Row, bool]:
    """Restrict a Toloker at `at` (Unix seconds); return the row and whether it is new.

    Args:
        store: The store.
        key: The Toloker and the scope.
        scope_fields: The project or pool of the scope.
        more: The comment and the end of the restriction.
        at: When it begins.
    """
    old = store.find_by("user_restrictions", **key, **{name: int(value) for name, value in scope_fields.items()})
    if old:
        service_fields = {name: old[name] for name in ("id", "created")}
        return store.save("user_restrictions", {**service_fields, **key, **scope_fields, **more}), False
    row_id = store.next_id("user_restrictions", _FIRST_ID)
    return store.add("user_restrictions", {"id": row_id, **key, **scope_fields, **more, "created": format_timestamp(at)}), True


def _check(store: Store, form: Row) -> FieldErrors:
    errors = check_user(store, form["user_id"])
    if form["scope"] not in _SCOPE_FIELDS:
        return {**errors, "scope": field_error("UNKNOWN_ENUM_VALUE")}
    for name in _SCOPE_FIELDS[form["scope"]]:
        if form.get(name) is None:
            errors[name] = field_error("VALUE_REQUIRED")
        elif not any(store.find(table, form[name]) for table in _TABLES[name]):
            errors[name] = field_error("ENTITY_DOES_NOT_EXIST")
    if len(str(form.get("private_comment") or "")) > _MAX_COMMENT_LENGTH:
        errors["private_comment"] = field_error("STRING_LENGTH_GREATER_THAN_MAX", _MAX_COMMENT_LENGTH)
    try:
        # in the service's format from here on
        form["will_expire"] = form.get("will_expire") and format_timestamp(parse_timestamp(str(form["will_expire"])))
    except ValueError:
        errors["will_expire"] = field_error("INVALID_DATE_TIME_SYNTAX")
    return errors
