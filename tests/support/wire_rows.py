"""Random JSON rows of a list, and a check that a frame has all their values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from hypothesis import strategies as st

from toloka_frames._schema.columns import Column, PathStep, Specification, expand_columns
from toloka_frames._schema.timestamps import parse_timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hypothesis.strategies import SearchStrategy

    from toloka_frames._schema.lists import Resource

FIELDS = {
    "image": {"type": "url"},
    "text": {"type": "string"},
    "number": {"type": "integer"},
    "share": {"type": "float"},
    "flag": {"type": "boolean"},
    "tags": {"type": "array_string"},
    "counts": {"type": "array_integer"},
    "meta": {"type": "json"},
}
SPECIFICATION = Specification(FIELDS, {"result": {"type": "string"}, "sure": {"type": "float"}})

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=6)  # with lone surrogates
TEXT = st.text(max_size=6)
NUMBERS = st.integers() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | ANY_TEXT | st.sampled_from(["007", "NA", "[ ]", "2022-01-01", "", "1e5"])
ANY = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3), max_leaves=5
)
TIMESTAMPS = st.datetimes().map(lambda at: at.isoformat()) | st.sampled_from(["2022-01-22T07:44:56.51", "2022-01-22T07:44:56Z"])
FITTING: dict[pa.DataType, SearchStrategy[Any]] = {
    pa.string(): TEXT,
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    # above 2**53, not every integer is a float
    pa.float64(): st.floats(-(2.0**53), 2.0**53, exclude_min=True, exclude_max=True),
    pa.bool_(): st.booleans(),
    pa.timestamp("us", tz="UTC"): TIMESTAMPS,
    pa.list_(pa.string()): st.lists(st.none() | TEXT, max_size=3),
    pa.list_(pa.int64()): st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=3),
}


def columns_of(resource: Resource) -> tuple[Column, ...]:
    """Return the columns of a list of a project with a field of every type."""
    return tuple(expand_columns(resource.columns, SPECIFICATION, "https://web"))


def rows_of(resource: Resource, ids: SearchStrategy[str], *, wild: bool = True) -> SearchStrategy[dict[str, Any]]:
    """Return rows of a list with some fields absent or null; wild rows also have values of wrong types and unknown fields."""
    tree: dict[Any, Any] = {}
    for column in columns_of(resource):
        # Arrow's reader never accepts lists of free-form values
        if (
            column.link is None
            and column.path != (resource.cursor,)
            and (wild or column.json is None or column.path[-1] is not PathStep.EACH)
        ):
            _put(tree, column, wild)
    return st.builds(lambda row, row_id: {**row, resource.cursor: row_id}, _object(tree, wild), ids)


def _put(tree: dict[Any, Any], column: Column, wild: bool) -> None:
    node = tree
    for step in column.path[:-1]:
        node = node.setdefault(step, {})
    # Arrow's reader accepts only empty free-form values
    fitting = FITTING[column.type] if column.json is None else st.builds(dict if column.json == "object" else list)
    node[column.path[-1]] = st.none() | fitting | ANY if wild else st.none() | fitting


def _object(tree: dict[Any, Any], wild: bool) -> SearchStrategy[dict[str, Any]]:
    known = st.fixed_dictionaries({}, optional={key: _value(value, wild) for key, value in tree.items()})
    undeclared = st.dictionaries(st.sampled_from(["unknown", "new_field"]), ANY, max_size=1)
    return st.builds(lambda known, undeclared: {**undeclared, **known}, known, undeclared) if wild else known


def _value(tree: Any, wild: bool) -> SearchStrategy[Any]:
    if not isinstance(tree, dict):
        return tree  # type: ignore[no-any-return]
    if set(tree) & set(PathStep):
        (inner,) = tree.values()
        shaped: SearchStrategy[Any] = st.none() | st.lists(
            _value(inner, wild), max_size=2 if wild or PathStep.EACH in tree else 1
        )
    else:
        shaped = st.none() | _object(tree, wild)
    return shaped | ANY if wild else shaped


def is_preserved(row: Mapping[str, Any], columns: Sequence[Column], frame_row: Mapping[str, Any]) -> bool:
    """Return whether every value of a JSON row is in its column, or unchanged in `extra`."""
    extra = json.loads(frame_row["extra"]) if frame_row["extra"] else {}
    by_path = {column.path: column for column in columns if column.link is None}
    return all(_is_value_preserved(value, (key,), by_path, frame_row, extra.get(key)) for key, value in row.items())


def _is_value_preserved(
    value: Any, path: tuple[Any, ...], by_path: Mapping[Any, Column], frame_row: Mapping[str, Any], extra: Any
) -> bool:
    if value is None or value == extra:
        return True
    if path in by_path:
        return _is_same(frame_row[by_path[path].name], value, by_path[path])
    declared = any(known[: len(path)] == path for known in by_path)
    if isinstance(value, dict) and declared:
        rest = extra if isinstance(extra, dict) else {}
        return all(_is_value_preserved(inner, (*path, key), by_path, frame_row, rest.get(key)) for key, inner in value.items())
    if isinstance(value, list) and declared and len(value) <= 1:
        return all(_is_value_preserved(inner, (*path, PathStep.FIRST), by_path, frame_row, None) for inner in value)
    return False


def _is_same(typed: Any, value: Any, column: Column) -> bool:
    """Return whether a typed value has the meaning of the JSON value."""
    if typed is None:
        return False
    if column.json:
        return bool(json.loads(typed) == value)
    if isinstance(value, bool) != isinstance(typed, bool):
        return False
    return bool(typed == (parse_timestamp(value) if pa.types.is_timestamp(column.type) else value))
