"""Write the JSON body of a request from dicts, lists, Python's own values and objects of Toloka-Kit."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any, Protocol, TypeAlias, runtime_checkable
from uuid import UUID

from toloka_frames._errors import InputError
from toloka_frames._schema.timestamps import format_timestamp


@runtime_checkable
class Unstructurable(Protocol):
    """An object that becomes dicts and lists, such as `toloka.client.Pool` of Toloka-Kit."""

    def unstructure(self) -> Any:
        """Return the object as in the API's JSON."""


JsonObject: TypeAlias = Mapping[str, Any] | Unstructurable


def as_dict(name: str, value: Any) -> dict[str, Any]:
    """Return an object of the API as a dict: a dict, a row, or an object of Toloka-Kit.

    Raises:
        InputError: If it is none of these; names the argument.
    """
    # a row has every name as an attribute, so a dict is a dict first
    fields = value.unstructure() if isinstance(value, Unstructurable) and not isinstance(value, Mapping | type) else value
    if not isinstance(fields, Mapping):
        raise InputError(f"{name} must be a dict or an object of Toloka-Kit, not a {type(value).__name__}.", column=name)
    return dict(fields)


def json_body(body: Any) -> bytes:
    """Return the JSON text of a request's body.

    Besides the types of JSON, it can hold objects of Toloka-Kit, UUIDs, enums, decimals, datetimes, dates and NumPy's values.

    Raises:
        InputError: If the body holds a value that JSON cannot express.
    """
    try:
        # beyond ASCII a letter of two bytes would become six, and the service's limits are in bytes
        return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_json_value).encode()
    except (TypeError, ValueError) as error:
        raise InputError(
            f"The body cannot be sent as JSON: {error}.", hint="Use text, numbers, booleans, lists and dicts."
        ) from error


def as_json(value: Any) -> Any:
    """Return a value as a response would have it: JSON's own types only; errors as in `json_body`."""
    return json.loads(json_body(value))


def _json_value(value: Any) -> Any:
    """Return a value that JSON has, in place of one that it does not have."""
    for kind, convert in CONVERSIONS.items():
        if isinstance(value, kind) and not isinstance(value, type):
            return convert(value)
    # NumPy's longest complex numbers stay as they are
    if type(value).__module__ == "numpy" and type(plain := _from_numpy(value)) is not type(value):
        return plain
    raise TypeError(f"{type(value).__name__} is not a type of JSON")


def _from_numpy(value: Any) -> Any:
    """Return a NumPy scalar or array as Python values; a float of any precision has the digits that it is shown with."""
    if value.dtype.kind != "f" or value.dtype == float:
        return value.tolist()
    if value.ndim:
        return list(value)
    number = float(value)
    # 0.05, and not 0.05000000074505806; a whole number keeps all of its digits
    return number if number.is_integer() else float(str(value))


def _number(value: Decimal) -> int | float:
    number = int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
    if number == number and Decimal(repr(number)) != value:  # noqa: PLR0124 -- NaN is not equal to itself, and JSON rejects it
        raise ValueError(f"the decimal {value} has more digits than a number of JSON keeps")
    return number


CONVERSIONS: dict[type, Callable[[Any], Any]] = {
    Mapping: dict,
    Enum: lambda value: value.value,
    UUID: str,
    date: format_timestamp,
    Decimal: _number,
    Unstructurable: lambda value: value.unstructure(),
}
