"""Convert JSON rows to record batches: one column for each declared one, and `extra` for everything that fits no column."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import pyarrow as pa

from toloka_frames._schema.columns import BOOLEAN, EXTRA, FLOAT, INTEGER, TEXT, TIMESTAMP, Column, PathStep, in_datetime_range
from toloka_frames._schema.field_types import SCALAR_TYPES
from toloka_frames._schema.timestamps import parse_timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toloka_frames._schema.columns import ValuePath

Row: TypeAlias = "dict[str, Any]"
Cast: TypeAlias = Callable[[Any], Any]
# returns the array of a column, null for values that do not fit it, and the numbers of the rows with such values
ToArray: TypeAlias = Callable[[Sequence[Any], Column], tuple[pa.Array, Sequence[int]]]

INT64 = range(-(2**63), 2**63)
NAIVE_TIMESTAMP = pa.timestamp("us")
# values of these types become a column without a check of each value
COLUMN_JSON_TYPES = {kind.arrow: kind.json_types for kind in SCALAR_TYPES.values()} | {TIMESTAMP: frozenset({str})}


# Not orjson, which rejects integers beyond 64 bits and lone surrogates. Python's floats beyond JSON, and values of other types,
# are errors: `json_text` then writes them itself.
UTF8_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
ASCII_JSON = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
NONE_KNOWN: Mapping[str, pa.Array] = MappingProxyType({})
EMPTY_JSON: dict[type, str] = {dict: "{}", list: "[]"}


class BeyondFloat(float):
    """A number of a JSON text that is not a finite float: 1e400 as infinity, and NaN and Infinity, which JSON does not have.

    Attributes:
        json: Valid JSON text for it: 1e400, "NaN" or "Infinity".
        is_rounded: Whether the float differs from the number.
    """

    def __new__(cls, json_text: str) -> Self:
        return super().__new__(cls, json_text.strip('"'))

    def __init__(self, json_text: str) -> None:
        self.json = json_text
        self.is_rounded = not json_text.startswith('"')

    def __reduce__(self) -> tuple[type[BeyondFloat], tuple[str]]:
        return BeyondFloat, (self.json,)


class NotJsonError(ValueError):
    """A value that JSON cannot represent exactly.

    Attributes:
        value: The value.
        path: The keys and positions that lead to it.
        row: The number of its row.
    """

    def __init__(self, value: Any, path: tuple[str | int, ...] = (), row: int = 0) -> None:
        super().__init__(value)
        self.value, self.path, self.row = value, path, row


def parse_json(text: str | bytes, objects: type[Row] | None = None) -> Any:
    """Return the value of JSON text; numbers that no finite float represents are a `BeyondFloat`.

    Args:
        text: The text.
        objects: The type of objects; None for dict.

    Raises:
        ValueError: If it is not JSON.
        RecursionError: If it is nested too deeply.
    """
    # not orjson, which turns integers beyond 64 bits into floats
    return json.loads(text, parse_float=_parse_float, parse_constant=_parse_constant, object_hook=objects)


def _parse_float(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else BeyondFloat(text)


def _parse_constant(name: str) -> float:
    return BeyondFloat(f'"{name}"')


def batch_of(
    rows: Sequence[Row], columns: Sequence[Column], to_array: ToArray | None = None, known: Mapping[str, pa.Array] = NONE_KNOWN
) -> pa.RecordBatch:
    """Convert rows to a record batch with the declared columns and `extra`.

    A value that does not fit the type of its column is null there, and is in `extra` instead, together with the undeclared
    fields of its row. `extra` is a JSON object, nested like the row.

    Args:
        rows: The rows.
        columns: The declared columns.
        to_array: How a column's values become an array; by default as values of JSON.
        known: Arrays of columns, by name, that are not to be made again.

    Raises:
        NotJsonError: If JSON cannot represent a value that does not fit its column, or has none.
    """
    declared = _declared([_steps(column) for column in columns])
    # a dict for each row; a column adds the values that do not fit it
    extras = [_undeclared(row, declared) for row in rows]
    arrays = _arrays(rows, columns, extras, to_array or json_array, known)
    arrays.append(pa.array(json_texts([extra or None for extra in extras]), TEXT))
    names = [*(column.name for column in columns), EXTRA]
    return pa.RecordBatch.from_arrays(arrays, names=names)


def batch_without_extra(
    rows: Sequence[Row], columns: Sequence[Column], known: Mapping[str, pa.Array] = NONE_KNOWN
) -> pa.RecordBatch:
    """Convert some fields of rows to the columns that `batch_of` makes of them; arguments as there."""
    arrays = _arrays(rows, columns, None, json_array, known)
    return pa.RecordBatch.from_arrays(arrays, names=[column.name for column in columns])


def json_texts(values: Sequence[Any]) -> list[str | None]:
    """Return the JSON text of each value; None stays None."""
    texts: list[str | None] = []
    try:
        for value in values:
            texts.append(None if value is None else json_text(value))  # noqa: PERF401 -- the error needs the row
    except NotJsonError as error:
        error.row = len(texts)
        raise
    return texts


def json_text(value: Any) -> str:
    """Return compact JSON text; characters beyond ASCII are escaped only if UTF-8 cannot encode the text.

    Raises:
        NotJsonError: If it holds a value that JSON cannot represent.
    """
    if not value and (empty := EMPTY_JSON.get(type(value))):
        return empty
    try:
        text = UTF8_JSON.encode(value)
        return text if _is_encodable(text) else ASCII_JSON.encode(value)
    except (TypeError, ValueError):
        text = _exact_json(value, UTF8_JSON)
        return text if _is_encodable(text) else _exact_json(value, ASCII_JSON)


def _exact_json(value: Any, encoder: json.JSONEncoder, path: tuple[str | int, ...] = ()) -> str:
    """Return JSON text with the digits of decimals and of numbers beyond floats."""
    if isinstance(value, dict):
        items = [f"{encoder.encode(key)}:{_exact_json(item, encoder, (*path, key))}" for key, item in value.items()]
        return f"{{{','.join(items)}}}"
    if isinstance(value, list):
        return f"[{','.join(_exact_json(item, encoder, (*path, position)) for position, item in enumerate(value))}]"
    if isinstance(value, BeyondFloat):
        return value.json
    if isinstance(value, Decimal) and value.is_finite():
        return str(value)
    try:
        return encoder.encode(value)
    except (TypeError, ValueError):
        raise NotJsonError(value, path) from None


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
    undeclared = {} if declared.keys.issuperset(row) else {key: row[key] for key in row if key not in declared.keys}
    for key, inside in declared.inside.items():
        value = row.get(key)
        # most objects hold no others and are fully declared: without a call for each
        if value is None or (type(value) is dict and not inside.inside and inside.keys.issuperset(value)):
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


class ValueReader:
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


def _arrays(
    rows: Sequence[Row], columns: Sequence[Column], extras: list[Row] | None, to_array: ToArray, known: Mapping[str, pa.Array]
) -> list[pa.Array]:
    """Return the arrays of columns: the known ones, and those of the others."""
    reader = ValueReader(rows)
    return [known[column.name] if column.name in known else _array(reader, column, extras, to_array) for column in columns]


def _array(reader: ValueReader, column: Column, extras: list[Row] | None, to_array: ToArray) -> pa.Array:
    if column.link is not None:
        return pa.array([_link(column.link, row) for row in reader.rows], TEXT)
    steps = _steps(column)
    array, misfits = to_array(reader.values(steps), column)
    if extras is not None:
        for row in misfits:
            _copy_value(reader.rows[row], steps, extras[row])
    return array


def json_array(values: Sequence[Any], column: Column) -> tuple[pa.Array, Sequence[int]]:
    """Return the array of a column of JSON values, and the numbers of the rows whose values do not fit it."""
    if column.json is not None:
        return pa.array(json_texts(values), TEXT), ()
    array = uniform_array(values, column.type)
    return (array, ()) if array is not None else checked_array(values, column.type, json_cast(column.type))


def uniform_array(values: Sequence[Any], declared: pa.DataType) -> pa.Array | None:
    """Return the array of values that all have the JSON type of a column; None if they have to be checked one by one."""
    # the exact type, because isinstance(True, int) holds
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return pa.nulls(len(values), declared)
    if pa.types.is_list(declared):
        # Arrow would convert elements of other types
        fits = (
            kinds == {list} and uniform_array(list(chain.from_iterable(filter(None, values))), declared.value_type) is not None
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


def checked_array(values: Sequence[Any], declared: pa.DataType, cast: Cast) -> tuple[pa.Array, Sequence[int]]:
    """Return the array of the values that `cast` takes, and the numbers of the rows with the others."""
    fitting, misfits = [], []
    for row, value in enumerate(values):
        try:
            fitting.append(None if value is None else cast(value))
        except (ValueError, TypeError, OverflowError):
            fitting.append(None)
            misfits.append(row)
    return pa.array(fitting, declared), misfits


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


def json_cast(declared: pa.DataType) -> Cast:
    """Return the function that converts a JSON value to a value of a column; it raises if the value does not fit."""
    if pa.types.is_list(declared):
        element = json_cast(declared.value_type)
        return lambda value: cast_list(value, element)
    return JSON_CASTS[declared]


def cast_list(value: Any, cast: Cast) -> list[Any]:
    """Convert each element of a list.

    Raises:
        TypeError: If it is not a list.
    """
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
    number = float(value)
    is_rounded = value.is_rounded if isinstance(value, BeyondFloat) else number != value
    if is_rounded and not math.isnan(number):  # the float would be a different number
        raise ValueError(value)
    return number


def _cast_boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


JSON_CASTS: dict[pa.DataType, Cast] = {
    TEXT: _cast_text,
    INTEGER: _cast_integer,
    FLOAT: _cast_float,
    BOOLEAN: _cast_boolean,
    TIMESTAMP: parse_timestamp,
}
