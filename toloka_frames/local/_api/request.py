"""One HTTP request, its path and query taken apart -> one HTTP answer."""

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
    """A request whose sender is known: the names in its path, its query, its body."""

    path_params: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    # asked by lists alone, because to ask counts as a strike of a fault: for how many seconds they hide a new row; float() is 0
    hidden_seconds: Callable[[], float] = float

    def json(self) -> Json:
        """The body's value; ServiceError 400 when it is missing or no JSON."""
        if not self.body:
            raise invalid_field("body", "NOT_NULL_BODY")
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise ServiceError(400, "VALIDATION_ERROR", f"Body is not valid JSON: {error}") from error

    def json_object(self, *required: str) -> Row:
        """The body as an object in which the `required` fields have values; ServiceError 400 otherwise."""
        body = self.json()
        if not isinstance(body, dict):
            raise invalid_field("body", "OBJECT_EXPECTED")
        missing = {name: field_error("VALUE_REQUIRED") for name in required if body.get(name) is None}
        if missing:
            raise invalid(missing)
        return body

    def flag(self, name: str) -> bool:
        """A boolean query parameter, false when it is absent; ServiceError 400 for another spelling."""
        value = self.query.get(name, "false").lower()
        if value not in {"true", "false"}:
            raise invalid_field(name, "BOOLEAN_EXPECTED")
        return value == "true"
