"""Check values against the field specification of a project or app; errors are keyed by path.

Types and limits: Toloka API, Create a project (`input_spec`, `output_spec`); codes: Toloka-Kit 1.2.3.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from toloka_frames.local._base.errors import FieldError, FieldErrors, field_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Json = Any  # a value of a JSON document; its type is known only after a check
Spec = dict[str, dict[str, Json]]

SCALAR_TYPES = frozenset({"boolean", "string", "integer", "float", "url", "coordinates", "json", "file"})
_ARRAY_PREFIX = "array_"
_BOUNDS = ("min_value", "max_value", "min_length", "max_length", "min_size", "max_size")
_MAX_LATITUDE, _MAX_LONGITUDE = 90, 180
_URL = re.compile(r"(?:[a-z][a-z0-9+.-]*:/)?/\S+", re.IGNORECASE)
_COORDINATES = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*")


def field_type(field: Mapping[str, Any]) -> str:
    """Return the type of a field in lower case; some examples of the API write it in capitals."""
    return str(field.get("type", "")).lower()


def element_type(field: Mapping[str, Any]) -> str | None:
    """Return the type of the elements of an array field; None for other fields."""
    type_ = field_type(field)
    return type_.removeprefix(_ARRAY_PREFIX) if type_.startswith(_ARRAY_PREFIX) else None


def check_spec(spec: object, path: str) -> FieldErrors:
    """Check that a specification is an object of fields with known types and valid bounds."""
    if not isinstance(spec, dict):
        return {path: field_error("OBJECT_EXPECTED")}
    errors: FieldErrors = {}
    for name, field in spec.items():
        errors |= _check_definition(field, f"{path}.{name}")
    return errors


def _check_definition(field: Json, path: str) -> FieldErrors:
    if not isinstance(field, dict):
        return {path: field_error("OBJECT_EXPECTED")}
    errors: FieldErrors = {}
    if (element_type(field) or field_type(field)) not in SCALAR_TYPES:
        errors[f"{path}.type"] = field_error("UNKNOWN_ENUM_VALUE")
    if not isinstance(field.get("allowed_values") or [], list):
        errors[f"{path}.allowed_values"] = field_error("ARRAY_EXPECTED")
    for name in _BOUNDS:
        if not isinstance(field.get(name) or 0, int | float):
            errors[f"{path}.{name}"] = field_error("FLOAT_EXPECTED")
    return errors


def check_values(values: object, spec: Spec, path: str, *, complete: bool = True) -> FieldErrors:
    """Check an object of values; with `complete`, required fields must be present."""
    if not isinstance(values, dict):
        return {path: field_error("OBJECT_EXPECTED" if values is not None else "VALUE_REQUIRED")}
    errors: FieldErrors = {}
    for name, field in spec.items():
        error = _check_field(values.get(name), field, complete=complete)
        if error:
            errors[f"{path}.{name}"] = error
    for name in values.keys() - spec.keys():
        errors[f"{path}.{name}"] = field_error("VALUE_NOT_ALLOWED")
    return errors


def _check_field(value: object, field: Mapping[str, Any], *, complete: bool) -> FieldError | None:
    if value is None:
        return field_error("VALUE_REQUIRED") if complete and field.get("required", True) else None
    element = element_type(field)
    return _check_scalar(value, field_type(field), field) if element is None else _check_array(value, element, field)


def _check_array(value: object, element: str, field: Mapping[str, Any]) -> FieldError | None:
    if not isinstance(value, list):
        return field_error("ARRAY_EXPECTED")
    size_error = _check_bounds(len(value), field.get("min_size"), field.get("max_size"), "ARRAY_SIZE")
    return size_error or next((error for item in value if (error := _check_scalar(item, element, field))), None)


def _check_scalar(value: object, type_: str, field: Mapping[str, Any]) -> FieldError | None:
    code = _CHECKS[type_](value)
    if code:
        return field_error(code)
    allowed = field.get("allowed_values")
    if allowed and value not in allowed:
        return field_error("VALUE_NOT_ALLOWED")
    if isinstance(value, str):
        return _check_bounds(len(value), field.get("min_length"), field.get("max_length"), "STRING_LENGTH")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _check_bounds(value, field.get("min_value"), field.get("max_value"), "VALUE")
    return None


def check_number(
    value: Json, minimum: float, maximum: float | None, type_: Literal["float", "integer"] = "float"
) -> FieldError | None:
    """Check the type and the bounds of a number; `maximum=None` is no upper bound."""
    code = _CHECKS[type_](value)
    return field_error(code) if code else _check_bounds(value, minimum, maximum, "VALUE")


def _check_bounds(value: float, minimum: float | None, maximum: float | None, code_prefix: str) -> FieldError | None:
    if minimum is not None and value < minimum:
        return field_error(f"{code_prefix}_LESS_THAN_MIN", minimum)
    if maximum is not None and value > maximum:
        return field_error(f"{code_prefix}_GREATER_THAN_MAX", maximum)
    return None


def _expect(code: str, *types: type) -> Callable[[object], str | None]:
    def check(value: object) -> str | None:
        # in Python, but not in JSON, True is an int
        return None if isinstance(value, types) and (bool in types or not isinstance(value, bool)) else code

    return check


def _url(value: object) -> str | None:
    if not isinstance(value, str):
        return "STRING_EXPECTED"
    return None if _URL.fullmatch(value) else "INVALID_URL_SYNTAX"


def _coordinates(value: object) -> str | None:
    if not isinstance(value, str):
        return "STRING_EXPECTED"
    match = _COORDINATES.fullmatch(value)
    on_earth = match is not None and abs(float(match[1])) <= _MAX_LATITUDE and abs(float(match[2])) <= _MAX_LONGITUDE
    return None if on_earth else "INVALID_COORDINATES_SYNTAX"


_CHECKS: dict[str, Callable[[object], str | None]] = {
    "boolean": _expect("BOOLEAN_EXPECTED", bool),
    "string": _expect("STRING_EXPECTED", str),
    "integer": _expect("INTEGER_EXPECTED", int),
    "float": _expect("FLOAT_EXPECTED", int, float),
    "url": _url,
    "coordinates": _coordinates,
    "json": lambda _value: None,
    "file": _expect("STRING_EXPECTED", str),
}
