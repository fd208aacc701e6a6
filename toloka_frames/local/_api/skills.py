"""Create and replace skills, and set their values for Tolokers (Toloka API, Skills, User skills)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from toloka_frames.local._api.users import check_user
from toloka_frames.local._base.errors import ServiceError, field_error, invalid
from toloka_frames.local._base.field_specs import check_number
from toloka_frames.local._base.ids_and_timestamps import format_timestamp
from toloka_frames.local._base.responses import Response, json_response

if TYPE_CHECKING:
    from toloka_frames.local._api.request import ApiRequest
    from toloka_frames.local._base.errors import FieldErrors
    from toloka_frames.local._store.store import Row, Store

# ids from the examples of the Toloka API
_FIRST_SKILL_ID = 37825
_FIRST_USER_SKILL_ID = 1813606616
_FIELDS = ("name", "public_name", "public_requester_description", "private_comment", "hidden", "skill_ttl_hours")
_TRANSLATED_FIELDS = ("public_name", "public_requester_description")
_MIN_VALUE, _MAX_VALUE = 0, 100


def create_skill(store: Store, request: ApiRequest) -> Response:
    """Respond with 201 and the new skill."""
    return json_response(add_skill(store, _skill_form(request), time.time()), 201)


def add_skill(store: Store, form: Row, at: float, *, training: bool = False) -> Row:
    """Add a skill, created at `at` (Unix seconds); `training` is for the skill of a training."""
    service_fields = {
        "id": store.next_id("skills", _FIRST_SKILL_ID),
        "owner": store.owner,
        "training": training,
        "deprecated": False,
        "global": False,
        "created": format_timestamp(at),
    }
    return store.add("skills", {**form, **service_fields})


def replace_skill(store: Store, request: ApiRequest) -> Response:
    """Respond with 200 and the skill with its new settings; 403 for a global skill, which the account does not own."""
    old = store.get("skills", request.path_params["id"])
    if old["global"]:
        raise ServiceError(403, "ACCESS_DENIED", f"Skill {old['id']} is global")
    service_fields = {name: old[name] for name in ("id", "owner", "training", "global", "created")}
    deprecated = request.json_object().get("deprecated", old["deprecated"])
    return json_response(store.save("skills", {**_skill_form(request), "deprecated": bool(deprecated), **service_fields}))


def _skill_form(request: ApiRequest) -> Row:
    form = request.json_object("name")
    errors: FieldErrors = {}
    if not isinstance(form["name"], str):
        errors["name"] = field_error("STRING_EXPECTED")
    for name in _TRANSLATED_FIELDS:
        if not isinstance(form.get(name) or {}, dict):
            errors[name] = field_error("OBJECT_EXPECTED")
    if not isinstance(form.get("hidden", True), bool):
        errors["hidden"] = field_error("BOOLEAN_EXPECTED")
    if not isinstance(form.get("skill_ttl_hours") or 1, int):
        errors["skill_ttl_hours"] = field_error("INTEGER_EXPECTED")
    if errors:
        raise invalid(errors)
    return {"hidden": True} | {name: form[name] for name in _FIELDS if form.get(name) is not None}


def set_user_skill(store: Store, request: ApiRequest) -> Response:
    """Respond with 201 and a Toloker's first value of a skill, or 200 and a changed value."""
    form = request.json_object("skill_id", "user_id", "value")
    errors = check_user(store, form["user_id"])
    if value_error := check_number(form["value"], _MIN_VALUE, _MAX_VALUE):
        errors["value"] = value_error
    if store.find("skills", form["skill_id"]) is None:
        errors["skill_id"] = field_error("ENTITY_DOES_NOT_EXIST")
    if errors:
        raise invalid(errors)
    row, is_new = save_user_skill(store, form["skill_id"], form["user_id"], form["value"], time.time())
    return json_response(row, 201 if is_new else 200)


def save_user_skill(store: Store, skill_id: str, user_id: str, value: float, at: float) -> tuple[Row, bool]:
    """Set a Toloker's value of a skill at `at` (Unix seconds); return its row and whether it is the first value."""
    now = format_timestamp(at)
    # not round(), which rounds a half to the even number
    values = {"value": int(value + 0.5), "exact_value": float(value), "modified": now}
    old = store.find_by("user_skills", skill_id=int(skill_id), user_id=user_id)
    if old:
        return store.save("user_skills", {**old, **values}), False
    row_id = store.next_id("user_skills", _FIRST_USER_SKILL_ID)
    key = {"id": row_id, "skill_id": skill_id, "user_id": user_id}
    return store.add("user_skills", {**key, **values, "created": now}), True
