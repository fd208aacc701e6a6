"""Convert JSON rows to record batches: one column for each declared one, and `extra` for everything that fits no column."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from toloka_frames._schema.columns import BOOLEAN, EXTRA, FLOAT, INTEGER, TEXT, TIMESTAMP, Column, PathStep, in_datetime_range
from toloka_frames._schema.field_types import SCALAR_TYPES
from toloka_frames._schema.timestamps import parse_timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from toloka_frames._schema.columns import ValuePath

Row: TypeAlias = "dict[str, Any]"

INT64 = range(-(2**63), 2**63)
NAIVE_TIMESTAMP = pa.timestamp("us")
# values of these types become a column without a check of each value
COLUMN_JSON_TYPES = {kind.arrow: kind.json_types for kind in SCALAR_TYPES.values()} | {TIMESTAMP: frozenset({str})}


def _encode_other(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)


# not orjson, which rejects integers beyond 64 bits and lone surrogates
UTF8_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_encode_other)
ASCII_JSON = json.JSONEncoder(separators=(",", ":"), default=_encode_other)


def batch_of(rows: Sequence[Row], columns: Sequence[Column]) -> pa.RecordBatch:
    """Convert rows to a record batch with the declared columns and `extra`.

    A value that does not fit the type of its column is null there, and is in `extra` instead, together with the undeclared
    fields of its row. `extra` is a JSON object, nested like the row.
    """
    declared = _declared([_steps(column) for column in columns])
    # a dict for each row; a column adds the values that do not fit it
    extras = [_undeclared(row, declared) for row in rows]
    reader = _ValueReader(rows)
    arrays = [_array(reader, column, extras) for column in columns]
    arrays.append(pa.array([json_text(extra) if extra else None for extra in extras], TEXT))
    names = [*(column.name for column in columns), EXTRA]
    return pa.RecordBatch.from_arrays(arrays, names=names)


def json_text(value: Any) -> str:
    """Return compact JSON text; characters beyond ASCII are escaped only if UTF-8 cannot encode the text."""
    text = UTF8_JSON.encode(value)
    return text if _is_encodable(text) else ASCII_JSON.encode(value)


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which JSON can escape and UTF-8 cannot encode
        return False
    return True


@dataclass(frozen=True)
class _Declared:
    """The declared part of an object.

    Attributes:
        keys: Its declared keys.
        inside: For keys of objects and lists, the declared part of their value.
        first: For a list, the declared part of its first element.
    """

    keys: frozenset[str | PathStep]
    inside: Mapping[str | PathStep, _Declared]
    first: _Declared | None


def _declared(paths: Sequence[ValuePath]) -> _Declared:
    groups: dict[str | PathStep, list[ValuePath]] = {}
    for step, *rest in paths:
        groups.setdefault(step, []).extend([tuple(rest)] if rest else [])
    inside = {step: _declared(group) for step, group in groups.items() if group}
    return _Declared(frozenset(groups), inside, inside.get(PathStep.FIRST))


def _steps(column: Column) -> ValuePath:
    """Return the path to a value in an exploded row, which has an element in place of each list."""
    return tuple(step for step in column.path if step is not PathStep.EACH)


def _undeclared(row: Mapping[Any, Any], declared: _Declared) -> Row:
    """Return the part of a row that has no column, nested like the row."""
    undeclared = {} if row.keys() <= declared.keys else {key: row[key] for key in row if key not in declared.keys}
    for key, inside in declared.inside.items():
        value = row.get(key)
        if value is None:
            continue
        if inside.first is None and isinstance(value, dict):
            if rest := _undeclared(value, inside):
                undeclared[key] = rest
        elif not _is_fully_declared(value, inside.first):
            undeclared[key] = value
    return undeclared


def _is_fully_declared(value: Any, first: _Declared | None) -> bool:
    """Return whether a value is a list of at most one element, all of which is declared."""
    if not isinstance(value, list) or first is None or len(value) > 1:
        return False
    return all(item is None or (isinstance(item, dict) and not _undeclared(item, first)) for item in value)


class _ValueReader:
    """The values of rows by path; reads each nested object once."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self._objects: dict[ValuePath, Sequence[Mapping[Any, Any]]] = {(): rows}

    def values(self, path: ValuePath) -> Sequence[Any]:
        """Return the value of each row, None where a row has none."""
        key = path[-1]
        if key is PathStep.FIRST:
            return [value[0] if isinstance(value, list) and value else None for value in self.values(path[:-1])]
        return [item.get(key) for item in self._objects_at(path[:-1])]

    def _objects_at(self, path: ValuePath) -> Sequence[Mapping[Any, Any]]:
        if path not in self._objects:
            self._objects[path] = [value if isinstance(value, dict) else {} for value in self.values(path)]
        return self._objects[path]


def _array(reader: _ValueReader, column: Column, extras: list[Row]) -> pa.Array:
    if column.link is not None:
        return pa.array([_link(column.link, row) for row in reader.rows], TEXT)
    values = reader.values(_steps(column))
    if column.json is not None:
        return pa.array([None if value is None else json_text(value) for value in values], TEXT)
    array = _uniform_array(values, column.type)
    return _checked_array(values, column, reader.rows, extras) if array is None else array


def _uniform_array(values: Sequence[Any], declared: pa.DataType) -> pa.Array | None:
    """Return the array of values that all have the JSON type of a column; None if they have to be checked one by one."""
    # the exact type, because isinstance(True, int) holds
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return pa.nulls(len(values), declared)
    if pa.types.is_list(declared):
        # Arrow would convert elements of other types
        fits = (
            kinds == {list} and _uniform_array(list(chain.from_iterable(filter(None, values))), declared.value_type) is not None
        )
    else:
        fits = kinds <= COLUMN_JSON_TYPES[declared]
    if not fits:
        return None
    try:
        if declared != TIMESTAMP:
            return pa.array(values, declared)
        # In two steps: Arrow parses text as timestamps of a zone only if the text has a zone, and rejects text with a zone in
        # the first step.
        timestamps = pa.array(values, TEXT).cast(NAIVE_TIMESTAMP).cast(TIMESTAMP)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError):
        return None
    return timestamps if in_datetime_range(timestamps) else None


def _checked_array(values: Sequence[Any], column: Column, rows: Sequence[Row], extras: list[Row]) -> pa.Array:
    """Return the array of the values that fit a column, and copy the others to `extras`."""
    cast, steps, fitting = _cast(column.type), _steps(column), []
    for value, row, extra in zip(values, rows, extras, strict=True):
        try:
            fitting.append(None if value is None else cast(value))
        except (ValueError, TypeError, OverflowError):
            fitting.append(None)
            _copy_value(row, steps, extra)
    return pa.array(fitting, column.type)


def _link(base: str, row: Row) -> str | None:
    ids = row.get("pool_id"), row.get("id")
    return base + "/".join(ids) if all(isinstance(part, str) for part in ids) else None  # type: ignore[arg-type]


def _copy_value(row: Row, steps: Sequence[str | PathStep], extra: Row) -> None:
    """Copy a value of a row to `extra`, nested like the row; if the value is inside a list, copy the whole list."""
    if PathStep.FIRST in steps:
        steps = steps[: steps.index(PathStep.FIRST)]
    node = extra
    for step in steps[:-1]:
        node = node.setdefault(str(step), {})
    node[str(steps[-1])] = _value_at(row, steps)


def _value_at(value: Any, steps: Sequence[str | PathStep]) -> Any:
    for step in steps:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _cast(declared: pa.DataType) -> Callable[[Any], Any]:
    if pa.types.is_list(declared):
        element = _cast(declared.value_type)
        return lambda value: _cast_list(value, element)
    casts = {TEXT: _cast_text, INTEGER: _cast_integer, FLOAT: _cast_float, BOOLEAN: _cast_boolean, TIMESTAMP: parse_timestamp}
    return casts[declared]


def _cast_list(value: Any, cast: Callable[[Any], Any]) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(value)
    return [None if element is None else cast(element) for element in value]


def _cast_text(value: Any) -> str:
    if not isinstance(value, str) or not _is_encodable(value):
        raise TypeError(value)
    return value


def _cast_integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value) or int(value) not in INT64:
        raise TypeError(value)
    return int(value)


def _cast_float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise TypeError(value)
    if isinstance(value, int) and int(float(value)) != value:  # the float would be a different number
        raise ValueError(value)
    return float(value)


def _cast_boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value
