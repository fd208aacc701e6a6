"""Which Tolokers exist, and their metadata (Toloka API, User metadata)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from toloka_frames.local._base import seeded_random
from toloka_frames.local._base.errors import does_not_exist, field_error
from toloka_frames.local._base.responses import Response, json_response

if TYPE_CHECKING:
    from toloka_frames.local._api.request import ApiRequest
    from toloka_frames.local._base.errors import FieldErrors
    from toloka_frames.local._base.field_specs import Json
    from toloka_frames.local._store.store import Row, Store

_USER_ID = re.compile("[0-9a-f]{32}")
_COUNTRIES = ("BR", "ES", "IN", "KE", "PH", "TR", "US")
_LANGUAGES = ("EN", "ES", "FR", "HI", "PT", "TR")
_SYSTEMS = (("ANDROID", 11, 0), ("ANDROID", 13, 0), ("IOS", 16, 4), ("WINDOWS", 10, 0))


def is_user(store: Store, user_id: str) -> bool:
    """Return whether a Toloker exists: any id of the usual form does, and the id of any assignment."""
    if _USER_ID.fullmatch(user_id):
        return True
    return bool(store.select("SELECT 1 FROM assignments WHERE user_id = ? LIMIT 1", (user_id,)))


def check_user(store: Store, user_id: Json) -> FieldErrors:
    """Check the `user_id` of an object."""
    if not isinstance(user_id, str):
        return {"user_id": field_error("VALUE_REQUIRED" if user_id is None else "STRING_EXPECTED")}
    return {} if is_user(store, user_id) else {"user_id": field_error("ENTITY_DOES_NOT_EXIST")}


def show_user(store: Store, request: ApiRequest) -> Response:
    """Respond with a Toloker's metadata, which depends only on the id; 404 for a Toloker that does not exist."""
    user_id = request.path_params["id"]
    if not is_user(store, user_id):
        raise does_not_exist("user", user_id)
    return json_response(user_metadata(user_id))


@lru_cache(maxsize=10_000)
def user_metadata(user_id: str) -> Row:
    """Return what the service knows of a Toloker; the caller must not change it."""
    languages = ["EN", seeded_random.choose(_LANGUAGES, user_id, "language")]
    return {
        "id": user_id,
        "country": seeded_random.choose(_COUNTRIES, user_id, "country"),
        "languages": sorted(set(languages)),
        "adult_allowed": seeded_random.uniform(user_id, "adult") < 0.5,  # noqa: PLR2004  # half of the Tolokers
        "attributes": _attributes(user_id),
    }


def _attributes(user_id: str) -> Row:
    family, major, minor = seeded_random.choose(_SYSTEMS, user_id, "system")
    mobile = family != "WINDOWS"
    return {
        "country_by_phone": seeded_random.choose(_COUNTRIES, user_id, "country"),
        "country_by_ip": seeded_random.choose(_COUNTRIES, user_id, "country"),
        "client_type": "TOLOKA_APP" if mobile else "BROWSER",
        "user_agent_type": "MOBILE_BROWSER" if mobile else "BROWSER",
        "device_category": "SMARTPHONE" if mobile else "PERSONAL_COMPUTER",
        "os_family": family,
        "os_version": major + minor / 10,
        "os_version_major": major,
        "os_version_minor": minor,
        "os_version_bugfix": 0,
    }
