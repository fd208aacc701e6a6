"""An API request, as handlers get it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from toloka_frames.local._base.errors import ServiceError, field_error, invalid, invalid_field

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from toloka_frames.local._base.field_specs import Json
    from toloka_frames.local._store.store import Row


@dataclass(frozen=True)
class ApiRequest:
    """An authenticated request: the parameters of its path, its query and its body."""

    path_params: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    # the age in seconds below which lists hide rows; called only by lists, because each call counts as a strike of a fault
    hidden_seconds: Callable[[], float] = float

    def json(self) -> Json:
        """Return the value of the body; raise ServiceError 400 if it is missing or not valid JSON."""
        if not self.body:
            raise invalid_field("body", "NOT_NULL_BODY")
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise ServiceError(400, "VALIDATION_ERROR", f"Body is not valid JSON: {error}") from error

    def json_object(self, *required: str) -> Row:
        """Return the body as an object with values for the `required` fields; raise ServiceError 400 otherwise."""
        body = self.json()
        if not isinstance(body, dict):
            raise invalid_field("body", "OBJECT_EXPECTED")
        missing = {name: field_error("VALUE_REQUIRED") for name in required if body.get(name) is None}
        if missing:
            raise invalid(missing)
        return body

    def flag(self, name: str) -> bool:
        """Return a boolean query parameter, by default false; raise ServiceError 400 for any other text."""
        value = self.query.get(name, "false").lower()
        if value not in {"true", "false"}:
            raise invalid_field(name, "BOOLEAN_EXPECTED")
        return value == "true"
