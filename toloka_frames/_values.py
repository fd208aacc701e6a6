"""Rows as dicts come in, a record batch of declared columns goes out; what fits no column is kept in `extra`."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from toloka_frames._columns import BOOLEAN, EXTRA, FLOAT, INSTANT, INTEGER, TEXT, Column, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Row: TypeAlias = "dict[str, Any]"
Tree: TypeAlias = "dict[str | Step, Tree | None]"

INT64 = range(-(2**63), 2**63)
INSTANT_TEXT = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d(:\d\d(:\d\d(\.\d{1,6})?)?)?(Z|[+-]\d\d(:?\d\d)?)?)?")


def batch_of(rows: Sequence[Row], columns: Sequence[Column]) -> pa.RecordBatch:
    """Turn rows into a record batch with one column for each declared one, and `extra`.

    A value of another type than declared is null in its column and stands in `extra`, with the unknown fields of its row, as
    a JSON object of the same nesting as on the wire.
    """
    tree = _tree(columns)
    # one dict a row, to which the columns below add what does not fit them
    extras = [_unknown(row, tree) for row in rows]
    arrays = [_array(rows, column, extras) for column in columns]
    arrays.append(pa.array([json_text(extra) if extra else None for extra in extras], TEXT))
    names = [*(column.name for column in columns), EXTRA]
    return pa.RecordBatch.from_arrays(arrays, names=names)


def json_text(value: Any) -> str:
    """JSON text without blanks; characters beyond ASCII stand as themselves where they can be stored."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)
    return text if _storable(text) else json.dumps(value, separators=(",", ":"), default=_plain)


def instant(value: Any) -> datetime:
    """An instant from any spelling of the API (UTC, with or without fraction, with or without Z), or from a datetime.

    Raises:
        ValueError: It is no instant, or finer than a microsecond.
        OverflowError: It is before the year 1 or after 9999.
    """
    if isinstance(value, str) and INSTANT_TEXT.fullmatch(value):
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime) or value != value or getattr(value, "nanosecond", None):  # noqa: PLR0124 -- NaT is not itself
        raise ValueError(value)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can spell and UTF-8 cannot
        return False
    return True


def _tree(columns: Sequence[Column]) -> Tree:
    tree: Tree = {}
    for column in columns:
        node = tree
        steps = [step for step in column.path if step is not Step.EACH]
        for step in steps[:-1]:
            child = node.setdefault(step, {})
            assert child is not None  # noqa: S101 -- no declared column stands inside another
            node = child
        node[steps[-1]] = None
    return tree


def _unknown(row: Row, tree: Tree) -> Row:
    """The part of a row that no column is declared for, nested as the row is."""
    unknown = {}
    for key, value in row.items():
        if key not in tree:
            unknown[key] = value
        elif (subtree := tree[key]) is None or value is None:
            continue  # a declared value: whether it fits its column is told there
        elif Step.FIRST in subtree or not isinstance(value, dict):
            if not _holds_only(value, subtree):
                unknown[key] = value
        elif rest := _unknown(value, subtree):
            unknown[key] = rest
    return unknown


def _holds_only(value: Any, tree: Tree) -> bool:
    """Whether a list holds at most the one element that columns are declared for, and nothing else."""
    first = tree.get(Step.FIRST)
    if not isinstance(value, list) or first is None or len(value) > 1:
        return False
    return all(each is None or (isinstance(each, dict) and not _unknown(each, first)) for each in value)


def _array(rows: Sequence[Row], column: Column, extras: list[Row]) -> pa.Array:
    if column.link is not None:
        return pa.array([_link(column.link, row) for row in rows], TEXT)
    cast = json_text if column.json else _cast(column.type)
    steps = [step for step in column.path if step is not Step.EACH]
    values = []
    for row, extra in zip(rows, extras, strict=True):
        value = _dig(row, steps)
        try:
            values.append(None if value is None else cast(value))
        except (ValueError, TypeError, OverflowError):
            values.append(None)
            _put(extra, row, steps)
    return pa.array(values, column.type)


def _link(before: str, row: Row) -> str | None:
    parts = row.get("pool_id"), row.get("id")
    return before + "/".join(parts) if all(isinstance(part, str) for part in parts) else None  # type: ignore[arg-type]


def _dig(value: Any, steps: Sequence[str | Step]) -> Any:
    for step in steps:
        if step is Step.FIRST:
            value = value[0] if isinstance(value, list) and value else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
        if value is None:
            return None
    return value


def _put(extra: Row, row: Row, steps: Sequence[str | Step]) -> None:
    """Copy a value of the row into `extra`, nested as it is; the whole list where the value stands inside one."""
    if Step.FIRST in steps:
        steps = steps[: steps.index(Step.FIRST)]
    node = extra
    for step in steps[:-1]:
        node = node.setdefault(str(step), {})
    node[str(steps[-1])] = _dig(row, steps)


def _cast(declared: pa.DataType) -> Callable[[Any], Any]:
    if pa.types.is_list(declared):
        element = _cast(declared.value_type)
        return lambda value: _cast_list(value, element)
    casts = {TEXT: _text, INTEGER: _integer, FLOAT: _float, BOOLEAN: _boolean, INSTANT: instant}
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
