"""Errors of requests, and the envelope in which the service sends them.

Codes and messages are those of the Toloka API's OpenAPI document and of Toloka-Kit 1.2.3.
"""

from __future__ import annotations

import uuid
from typing import Any

import orjson

FieldError = dict[str, Any]
FieldErrors = dict[str, FieldError]

_FIELD_MESSAGES = {
    "ARRAY_EXPECTED": "Value must be an array",
    "ARRAY_SIZE_GREATER_THAN_MAX": "Array must not be longer than {}",
    "ARRAY_SIZE_LESS_THAN_MIN": "Array must not be shorter than {}",
    "BOOLEAN_EXPECTED": "Value must be a boolean",
    "ENTITY_DOES_NOT_EXIST": "Entity does not exist",
    "FLOAT_EXPECTED": "Value must be a number",
    "INTEGER_EXPECTED": "Value must be an integer",
    "INVALID_COORDINATES_SYNTAX": "Value must be in valid coordinates format",
    "INVALID_DATE_TIME_SYNTAX": "Value must be in valid date and time format",
    "INVALID_URL_SYNTAX": "Value must be in valid url format",
    "NOT_NULL_BODY": "Request must have a body",
    "OBJECT_EXPECTED": "Value must be an object",
    "STRING_EXPECTED": "Value must be a string",
    "STRING_LENGTH_GREATER_THAN_MAX": "String must not be longer than {}",
    "STRING_LENGTH_LESS_THAN_MIN": "String must not be shorter than {}",
    "UNKNOWN_ENUM_VALUE": "Value must be one of the known values",
    "UUID_EXPECTED": "Value must be a valid UUID",
    "VALUES_REQUIRED": "At least one value must be present",
    "VALUE_GREATER_THAN_MAX": "Value must be less than or equal to {}",
    "VALUE_LESS_THAN_MIN": "Value must be greater than or equal to {}",
    "VALUE_NOT_ALLOWED": "Value is not allowed",
    "VALUE_REQUIRED": "Value must be present and not equal to null",
}


class ServiceError(Exception):
    """A request that the service rejects; the dispatcher responds with its envelope."""

    def __init__(self, status: int, code: str, message: str, payload: object = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.payload = payload

    def envelope(self) -> dict[str, Any]:
        """Return the body `{request_id, code, message, payload?}`."""
        body = {"request_id": str(uuid.uuid4()), "code": self.code, "message": self.message}
        return body if self.payload is None else {**body, "payload": self.payload}

    def body(self) -> bytes:
        """Return the envelope as JSON."""
        return orjson.dumps(self.envelope())


class BareError(ServiceError):
    """An error whose body is its payload alone, without the envelope."""

    def envelope(self) -> dict[str, Any]:
        """Return the payload."""
        return dict(self.payload) if isinstance(self.payload, dict) else {}


def field_error(code: str, *params: float) -> FieldError:
    """Return one `{code, message, params?}`, the form of errors in payloads, logs and `validation_errors`."""
    error: FieldError = {"code": code, "message": _FIELD_MESSAGES[code].format(*params)}
    return {**error, "params": list(params)} if params else error


def invalid(payload: object) -> ServiceError:
    """Return a 400 for invalid values; `payload` maps fields (or positions) to field errors."""
    return ServiceError(400, "VALIDATION_ERROR", "Validation failed", payload)


def invalid_field(name: str, code: str, *params: float) -> ServiceError:
    """Return a 400 for one field or query parameter."""
    return invalid({name: field_error(code, *params)})


def does_not_exist(what: str, row_id: str) -> ServiceError:
    """Return a 404 for an object that does not exist."""
    return ServiceError(404, "DOES_NOT_EXIST", f"There is no {what} with id {row_id}")


def conflict(code: str, message: str) -> ServiceError:
    """Return a 409 for an action that the current state does not allow."""
    return ServiceError(409, code, message)


def too_large(message: str) -> ServiceError:
    """Return a 413 for more objects or bytes than one request may contain."""
    return ServiceError(413, "ENTITY_TOO_LARGE", message)
