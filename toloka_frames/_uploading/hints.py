"""Code that converts a column whose values cannot be sent, for the hints of errors."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np

from toloka_frames._schema.field_types import FIELD_TYPES

DECODE = ".map(lambda value: value.decode() if isinstance(value, bytes) else value)"
PARSE_EACH = ".map(lambda items: list(map({}, items)), na_action='ignore')"
PYTHON_TYPES = {"string": "str", "url": "str", "file": "str", "integer": "int", "float": "float", "boolean": "bool"}


def conversion_hint(column: str, type_name: str, value: Any) -> str:
    """Return a hint with code that converts a column to the type of its field; without code if there is no way that fits all.

    Args:
        column: The column's name.
        type_name: The type of the field.
        value: A value that cannot be sent.
    """
    code = _code(type_name, value)
    if code is None:
        return f"Drop the rows, or correct the values: the field is of type {type_name}."
    return f"Convert the column first: df[{column!r}] = df[{column!r}]{code}"


def _code(type_name: str, value: Any) -> str | None:
    field = FIELD_TYPES[type_name]
    if isinstance(value, bytes):
        return DECODE
    if isinstance(value, set | frozenset):
        return ".map(sorted, na_action='ignore')"
    if field.element is not None:
        return _code_for_lists(type_name.removeprefix("array_"), value)
    convert = BY_JSON_TYPES.get(field.json_types)
    return convert(value) if convert else ".astype('string')"


def _code_for_lists(element: str, value: Any) -> str | None:
    python_type = PYTHON_TYPES.get(element)
    if isinstance(value, str):
        split = ".str.split(',')"
        return split if python_type in (None, "str") else split + PARSE_EACH.format(python_type)
    return PARSE_EACH.format(python_type) if isinstance(value, list) and python_type else None


def _code_for_integers(value: Any) -> str | None:
    if isinstance(value, float):
        return ".astype('Float64').round().astype('Int64')"
    return ".astype('Int64')" if isinstance(value, bool) or (isinstance(value, str) and value.strip().isdecimal()) else None


def _code_for_floats(value: Any) -> str | None:
    if isinstance(value, timedelta | np.timedelta64):
        return ".dt.total_seconds()"
    return ".astype('float64')" if isinstance(value, bool) or (isinstance(value, str) and _is_number(value)) else None


def _code_for_booleans(value: Any) -> str | None:
    if isinstance(value, str):
        return ".map({'true': True, 'false': False})" if value in ("true", "false") else ".map({'yes': True, 'no': False})"
    return ".astype('boolean')" if value in (0, 1) else None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


BY_JSON_TYPES = {
    frozenset({int}): _code_for_integers,
    frozenset({int, float}): _code_for_floats,
    frozenset({bool}): _code_for_booleans,
}
