"""A skill's form -> its row; a Toloker's value in a skill -> set, changed, taken away (Toloka API, Skills, User skills)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from toloka_frames.local._api.users import check_user
from toloka_frames.local._base.errors import field_error, invalid
from toloka_frames.local._base.field_specs import check_number
from toloka_frames.local._base.ids_and_timestamps import format_timestamp
from toloka_frames.local._base.responses import Response, json_response

if TYPE_CHECKING:
    from toloka_frames.local._api.request import ApiRequest
    from toloka_frames.local._base.errors import FieldErrors
    from toloka_frames.local._store.store import Row, Store

# ids of the Toloka API's own examples
_FIRST_SKILL = 37825
_FIRST_USER_SKILL = 1813606616
_FORM = ("name", "public_name", "public_requester_description", "private_comment", "hidden", "skill_ttl_hours")
_BY_LANGUAGE = ("public_name", "public_requester_description")
_LOWEST, _HIGHEST = 0, 100


def create_skill(store: Store, request: ApiRequest) -> Response:
    """Answer 201 with the new skill."""
    form = _skill_form(request)
    service = {
        "id": store.next_id("skills", _FIRST_SKILL),
        "owner": store.owner,
        "training": False,
        "deprecated": False,
        "global": False,
        "created": format_timestamp(time.time()),
    }
    return json_response(store.add("skills", {**form, **service}), 201)


def replace_skill(store: Store, request: ApiRequest) -> Response:
    """Answer 200 with the skill in its new form."""
    old = store.get("skills", request.path_params["id"])
    kept = {name: old[name] for name in ("id", "owner", "training", "global", "created")}
    deprecated = request.json_object().get("deprecated", old["deprecated"])
    return json_response(store.save("skills", {**_skill_form(request), "deprecated": bool(deprecated), **kept}))


def _skill_form(request: ApiRequest) -> Row:
    form = request.json_object("name")
    errors: FieldErrors = {}
    if not isinstance(form["name"], str):
        errors["name"] = field_error("STRING_EXPECTED")
    for name in _BY_LANGUAGE:
        if not isinstance(form.get(name) or {}, dict):
            errors[name] = field_error("OBJECT_EXPECTED")
    if not isinstance(form.get("hidden", True), bool):
        errors["hidden"] = field_error("BOOLEAN_EXPECTED")
    if not isinstance(form.get("skill_ttl_hours") or 1, int):
        errors["skill_ttl_hours"] = field_error("INTEGER_EXPECTED")
    if errors:
        raise invalid(errors)
    return {"hidden": True} | {name: form[name] for name in _FORM if form.get(name) is not None}


def set_user_skill(store: Store, request: ApiRequest) -> Response:
    """Answer 201 with a Toloker's first value in a skill, 200 with another one."""
    form = request.json_object("skill_id", "user_id", "value")
    errors = check_user(store, form["user_id"])
    if wrong := check_number(form["value"], _LOWEST, _HIGHEST):
        errors["value"] = wrong
    if store.find("skills", form["skill_id"]) is None:
        errors["skill_id"] = field_error("ENTITY_DOES_NOT_EXIST")
    if errors:
        raise invalid(errors)
    now = format_timestamp(time.time())
    # not round(), which takes a half to the even number
    level = {"value": int(form["value"] + 0.5), "exact_value": float(form["value"]), "modified": now}
    old = store.find_by("user_skills", skill_id=int(form["skill_id"]), user_id=form["user_id"])
    if old:
        return json_response(store.save("user_skills", {**old, **level}))
    row_id = store.next_id("user_skills", _FIRST_USER_SKILL)
    who = {"id": row_id, "skill_id": form["skill_id"], "user_id": form["user_id"]}
    return json_response(store.add("user_skills", {**who, **level, "created": now}), 201)
