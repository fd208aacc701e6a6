"""Convert the cells of a field to JSON values, so that equal values have one JSON text.

A float field holds floats, an integer field integers, and a free-form field has whole numbers as integers at every depth.
NumPy scalars and arrays, decimals, enums and subclasses of str become plain values. A value of another type than the field's
stays as it is, for the caller to reject.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import pandas as pd

from toloka_frames._schema.pandas_values import DOUBLE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from toloka_frames._schema.field_types import FieldType

MAX_LEVELS = 200  # orjson writes 254 levels; a task adds some around its values
MAX_EXACT_FLOAT = 2**53  # up to it, a float represents every integer exactly
MAX_INTEGER = 2**64  # orjson writes integers below it
JSON_TYPES = {str, bool, int, float, list, dict}
JSON_START = r"^\s*(?:[\[{\"\d-]|true|false|null)"  # also for Arrow
PAIR = 2


UNREPRESENTABLE = object()  # in place of a list or dict that JSON cannot represent


class _UnrepresentableError(ValueError):
    """JSON cannot represent a value, or it is nested more than `MAX_LEVELS` levels deep."""


def json_values(values: list[Any], field: FieldType, *, parse: bool = True) -> list[Any]:
    """Return the JSON value of each cell of a field; None stays None, and a list or dict can become `UNREPRESENTABLE`.

    Args:
        values: The cells as Python values.
        field: The type of the field.
        parse: Whether text in a free-form field or array field that is JSON is that JSON.
    """
    kinds = set(map(type, values)) - {type(None)}
    convert = _converter(field, parse=parse)
    if kinds <= _UNCHANGED.get(convert, set()):
        return values
    return [None if value is None else _converted(value, convert) for value in values]


def _converted(value: Any, convert: Callable[[Any], Any]) -> Any:
    try:
        return convert(value)
    except _UnrepresentableError:
        return UNREPRESENTABLE


def _converter(field: FieldType, *, parse: bool) -> Callable[[Any], Any]:
    if field.element is not None:
        return _array_converter(_converter(field.element, parse=False), parse=parse)
    if field.is_coordinates:
        return _coordinates
    if not field.json_types:
        return _parsed if parse else _free_form
    return _BY_JSON_TYPES[field.json_types]


def plain(value: Any, levels: int = MAX_LEVELS) -> Any:
    """Return a value with plain Python types at every depth: str, bool, int, float, list and dict.

    Raises:
        _UnrepresentableError: If a list or dict holds a value that JSON cannot represent, or is nested too deeply.
    """
    kind = type(value)
    if kind is str or kind is int or kind is float or kind is bool or value is None:
        return value
    if isinstance(value, list | tuple | np.ndarray | Mapping):
        return _plain_container(value, levels)
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Any:
    if isinstance(value, Enum):
        return _plain_scalar(value.value)
    if isinstance(value, np.generic):
        return _from_numpy(value)
    if isinstance(value, Decimal):
        return int(value) if value.is_finite() and abs(value) < MAX_INTEGER and value == int(value) else float(value)
    # not str(value) and its like, which a subclass can override
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return value if isinstance(value, bool) else int.__int__(value)
    return float.__float__(value) if isinstance(value, float) else value


def _from_numpy(value: Any) -> Any:
    if value.dtype.kind in "mM":  # item() of a datetime64 in nanoseconds is a bare number
        return value
    if value.dtype.kind == "f" and value.dtype.itemsize < DOUBLE_BYTES and not float(value).is_integer():
        return float(str(value))  # 0.1, not 0.10000000149011612
    return value.item()


def _plain_container(value: Any, levels: int) -> Any:
    if isinstance(value, np.ndarray):
        value = list(value) if value.ndim else value[()]
        if not isinstance(value, list):
            return plain(value, levels)
    if not levels:
        raise _UnrepresentableError
    if isinstance(value, Mapping):
        return {_plain_key(key): _plain_item(item, levels - 1) for key, item in value.items()}
    return [_plain_item(item, levels - 1) for item in value]


def _plain_item(value: Any, levels: int) -> Any:
    item = plain(value, levels)
    if item is not None and (type(item) not in JSON_TYPES or (type(item) is float and not math.isfinite(item))):
        raise _UnrepresentableError
    return item


def _plain_key(key: Any) -> str:
    key = _plain_scalar(key)
    if not isinstance(key, str):
        raise _UnrepresentableError
    return key


def _boolean(value: Any) -> Any:
    return plain(value)


def _integer(value: Any) -> Any:
    value = plain(value)
    return int(value) if type(value) is float and value.is_integer() else value


def _float(value: Any) -> Any:
    value = plain(value)
    if type(value) is float:
        return value + 0.0  # -0.0 + 0.0 is 0.0
    if type(value) is not int:
        return value
    try:
        number = float(value)
    except OverflowError:
        return value
    return number if number == value else value


def _text(value: Any) -> Any:
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    if isinstance(value, date):  # also datetime and pandas.Timestamp
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else plain(value)


def _coordinates(value: Any) -> Any:
    """Return a pair of numbers as `latitude,longitude`, the form of coordinates in the API."""
    value = _text(value)
    if isinstance(value, list) and len(value) == PAIR and all(type(number) in (int, float) for number in value):
        return ",".join(json.dumps(_whole_as_integer(number)) for number in value)
    return value


def _free_form(value: Any) -> Any:
    return value if _is_canonical(value, MAX_LEVELS) else _with_integers(plain(value))


def _is_canonical(value: Any, levels: int) -> bool:
    """Return whether a value is plain JSON without a whole number that is a float; quicker than making a copy that is."""
    kind = type(value)
    if kind in (str, int, bool, type(None)):
        return True
    if kind is float:
        return not value.is_integer() and math.isfinite(value)
    if kind is dict and levels:
        return all(type(key) is str for key in value) and all(_is_canonical(item, levels - 1) for item in value.values())
    return kind is list and bool(levels) and all(_is_canonical(item, levels - 1) for item in value)


def _with_integers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_integers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_integers(item) for item in value]
    return _whole_as_integer(value)


def _whole_as_integer(value: Any) -> Any:
    is_whole = type(value) is float and -MAX_EXACT_FLOAT <= value <= MAX_EXACT_FLOAT and value.is_integer()
    return int(value) if is_whole else value


def _parsed(value: Any) -> Any:
    return _free_form(parse_json(value))


def parse_json(value: Any) -> Any:
    """Return the value of text that is JSON; other text, and other values, as they are."""
    if not isinstance(value, str) or not re.match(JSON_START, value):
        return value
    try:
        return json.loads(value, parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        return value


def _reject_constant(name: str) -> Any:
    raise ValueError(name)  # NaN and Infinity, which Python reads and JSON does not have


def _array_converter(element: Callable[[Any], Any], *, parse: bool) -> Callable[[Any], Any]:
    unchanged = _UNCHANGED.get(element, set())

    def convert(value: Any) -> Any:
        value = parse_json(value) if parse else value
        if type(value) is list and unchanged.issuperset(map(type, value)):
            return value
        value = plain(value)
        return list(map(element, value)) if isinstance(value, list) else value

    return convert


_BY_JSON_TYPES: dict[frozenset[type], Callable[[Any], Any]] = {
    frozenset({bool}): _boolean,
    frozenset({int}): _integer,
    frozenset({int, float}): _float,
    frozenset({str}): _text,
}
# values of these types are JSON values already
_UNCHANGED: dict[Callable[[Any], Any], set[type]] = {
    _boolean: {str, bool, int, float},
    _integer: {str, bool, int},
    _float: {str, bool},
    _text: {str, bool, int, float},
    _coordinates: {str, bool, int, float},
    _free_form: {str, bool, int},
    _parsed: {bool, int},
}
