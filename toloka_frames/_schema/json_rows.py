"""Rows as dicts come in, a record batch of declared columns goes out; what fits no column is kept in `extra`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from toloka_frames._schema.columns import BOOLEAN, EXTRA, FLOAT, INSTANT, INTEGER, TEXT, Column, PathStep
from toloka_frames._schema.timestamps import NAIVE, in_calendar, parse_timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from toloka_frames._schema.columns import Path

Row: TypeAlias = "dict[str, Any]"

INT64 = range(-(2**63), 2**63)
# what values of JSON must be so that a column can be made of them without a look at each
KINDS: dict[pa.DataType, set[type]] = {TEXT: {str}, INTEGER: {int}, FLOAT: {int, float}, BOOLEAN: {bool}, INSTANT: {str}}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)


# not orjson, which knows no integers beyond 64 bits and no halves of surrogate pairs
UTF8_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain)
ASCII_JSON = json.JSONEncoder(separators=(",", ":"), default=_plain)


def batch_of(rows: Sequence[Row], columns: Sequence[Column]) -> pa.RecordBatch:
    """Turn rows into a record batch with one column for each declared one, and `extra`.

    A value of another type than declared is null in its column and stands in `extra`, with the unknown fields of its row, as
    a JSON object of the same nesting as on the wire.
    """
    declared = _declared([_steps(column) for column in columns])
    # one dict a row, to which the columns below add what does not fit them
    extras = [_unknown(row, declared) for row in rows]
    taken = _Taken(rows)
    arrays = [_array(taken, column, extras) for column in columns]
    arrays.append(pa.array([json_text(extra) if extra else None for extra in extras], TEXT))
    names = [*(column.name for column in columns), EXTRA]
    return pa.RecordBatch.from_arrays(arrays, names=names)


def json_text(value: Any) -> str:
    """JSON text without blanks; characters beyond ASCII stand as themselves where they can be stored."""
    text = UTF8_JSON.encode(value)
    return text if _storable(text) else ASCII_JSON.encode(value)


def _storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can spell and UTF-8 cannot
        return False
    return True


@dataclass(frozen=True)
class _Declared:
    """What columns are declared for in an object: its keys, what is declared inside of them, and of a list's first element."""

    keys: frozenset[str | PathStep]
    inside: Mapping[str | PathStep, _Declared]
    first: _Declared | None


def _declared(paths: Sequence[Path]) -> _Declared:
    groups: dict[str | PathStep, list[Path]] = {}
    for step, *rest in paths:
        groups.setdefault(step, []).extend([tuple(rest)] if rest else [])
    inside = {step: _declared(group) for step, group in groups.items() if group}
    return _Declared(frozenset(groups), inside, inside.get(PathStep.FIRST))


def _steps(column: Column) -> Path:
    """The way to a value in a row whose lists were spread, so that their element stands in their place."""
    return tuple(step for step in column.path if step is not PathStep.EACH)


def _unknown(row: Mapping[Any, Any], declared: _Declared) -> Row:
    """The part of a row that no column is declared for, nested as the row is."""
    unknown = {} if row.keys() <= declared.keys else {key: row[key] for key in row if key not in declared.keys}
    for key, inside in declared.inside.items():
        value = row.get(key)
        if value is None:
            continue
        if inside.first is None and isinstance(value, dict):
            if rest := _unknown(value, inside):
                unknown[key] = rest
        elif not _holds_only(value, inside.first):
            unknown[key] = value
    return unknown


def _holds_only(value: Any, first: _Declared | None) -> bool:
    """Whether a list holds at most the one element that columns are declared for, and nothing else."""
    if not isinstance(value, list) or first is None or len(value) > 1:
        return False
    return all(each is None or (isinstance(each, dict) and not _unknown(each, first)) for each in value)


class _Taken:
    """The values of rows by their path, each nested part taken out once."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self._objects: dict[Path, Sequence[Mapping[Any, Any]]] = {(): rows}

    def at(self, path: Path) -> Sequence[Any]:
        """The value of each row; None where there is none."""
        key = path[-1]
        if key is PathStep.FIRST:
            return [each[0] if isinstance(each, list) and each else None for each in self.at(path[:-1])]
        return [each.get(key) for each in self._objects_at(path[:-1])]

    def _objects_at(self, path: Path) -> Sequence[Mapping[Any, Any]]:
        if path not in self._objects:
            self._objects[path] = [each if isinstance(each, dict) else {} for each in self.at(path)]
        return self._objects[path]


def _array(taken: _Taken, column: Column, extras: list[Row]) -> pa.Array:
    if column.link is not None:
        return pa.array([_link(column.link, row) for row in taken.rows], TEXT)
    values = taken.at(_steps(column))
    if column.json is not None:
        return pa.array([None if value is None else json_text(value) for value in values], TEXT)
    array = _at_once(values, column.type)
    return _one_by_one(values, column, taken.rows, extras) if array is None else array


def _at_once(values: Sequence[Any], declared: pa.DataType) -> pa.Array | None:
    """The array of values that are all of the kind that JSON has for a type; None where each must be looked at."""
    # types and not isinstance, to which True is an int
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return pa.nulls(len(values), declared)
    if pa.types.is_list(declared):
        # Arrow would take what is no such element for one
        fits = kinds == {list} and _at_once(list(chain.from_iterable(filter(None, values))), declared.value_type) is not None
    else:
        fits = kinds <= KINDS[declared]
    if not fits:
        return None
    try:
        if declared != INSTANT:
            return pa.array(values, declared)
        # in two steps, because Arrow makes instants of a zone only of text with a zone; such text it refuses in the first
        instants = pa.array(values, TEXT).cast(NAIVE).cast(INSTANT)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError):
        return None
    return instants if in_calendar(instants) else None


def _one_by_one(values: Sequence[Any], column: Column, rows: Sequence[Row], extras: list[Row]) -> pa.Array:
    cast, steps, fitting = _cast(column.type), _steps(column), []
    for value, row, extra in zip(values, rows, extras, strict=True):
        try:
            fitting.append(None if value is None else cast(value))
        except (ValueError, TypeError, OverflowError):
            fitting.append(None)
            _put(extra, row, steps)
    return pa.array(fitting, column.type)


def _link(before: str, row: Row) -> str | None:
    parts = row.get("pool_id"), row.get("id")
    return before + "/".join(parts) if all(isinstance(part, str) for part in parts) else None  # type: ignore[arg-type]


def _dig(value: Any, steps: Sequence[str | PathStep]) -> Any:
    for step in steps:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _put(extra: Row, row: Row, steps: Sequence[str | PathStep]) -> None:
    """Copy a value of the row into `extra`, nested as it is; the whole list where the value stands inside one."""
    if PathStep.FIRST in steps:
        steps = steps[: steps.index(PathStep.FIRST)]
    node = extra
    for step in steps[:-1]:
        node = node.setdefault(str(step), {})
    node[str(steps[-1])] = _dig(row, steps)


def _cast(declared: pa.DataType) -> Callable[[Any], Any]:
    if pa.types.is_list(declared):
        element = _cast(declared.value_type)
        return lambda value: _cast_list(value, element)
    casts = {TEXT: _text, INTEGER: _integer, FLOAT: _float, BOOLEAN: _boolean, INSTANT: parse_timestamp}
    return casts[declared]


def _cast_list(value: Any, cast: Callable[[Any], Any]) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(value)
    return [None if element is None else cast(element) for element in value]


def _text(value: Any) -> str:
    if not isinstance(value, str) or not _storable(value):
        raise TypeError(value)
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value) or int(value) not in INT64:
        raise TypeError(value)
    return int(value)


def _float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise TypeError(value)
    if isinstance(value, int) and int(float(value)) != value:  # a float would be another number
        raise ValueError(value)
    return float(value)


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value
