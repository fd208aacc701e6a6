"""Random rows as a service might write them, and what of such a row stands where in a frame."""

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

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=6)  # also halves of surrogate pairs
TEXT = st.text(max_size=6)
NUMBERS = st.integers() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | ANY_TEXT | st.sampled_from(["007", "NA", "[ ]", "2022-01-01", "", "1e5"])
ANY = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3), max_leaves=5
)
INSTANTS = st.datetimes().map(lambda at: at.isoformat()) | st.sampled_from(["2022-01-22T07:44:56.51", "2022-01-22T07:44:56Z"])
FITTING: dict[pa.DataType, SearchStrategy[Any]] = {
    pa.string(): TEXT,
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    # from 2**53 on, an integer on the wire may be no float
    pa.float64(): st.floats(-(2.0**53), 2.0**53, exclude_min=True, exclude_max=True),
    pa.bool_(): st.booleans(),
    pa.timestamp("us", tz="UTC"): INSTANTS,
    pa.list_(pa.string()): st.lists(st.none() | TEXT, max_size=3),
    pa.list_(pa.int64()): st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=3),
}


def columns_of(resource: Resource) -> tuple[Column, ...]:
    """The columns of a list whose project has fields of every type."""
    return tuple(expand_columns(resource.columns, SPECIFICATION, "https://web"))


def rows_of(resource: Resource, ids: SearchStrategy[str], *, wild: bool = True) -> SearchStrategy[dict[str, Any]]:
    """Rows of a list in which some fields are absent or null; where they are wild, others are of another type, or not known."""
    tree: dict[Any, Any] = {}
    for column in columns_of(resource):
        # lists of free-form values are never read the fast way
        if (
            column.link is None
            and column.path != (resource.cursor,)
            and (wild or column.json is None or column.path[-1] is not PathStep.EACH)
        ):
            _put(tree, column, wild)
    return st.builds(lambda row, each: {**row, resource.cursor: each}, _object(tree, wild), ids)


def _put(tree: dict[Any, Any], column: Column, wild: bool) -> None:
    node = tree
    for step in column.path[:-1]:
        node = node.setdefault(step, {})
    # free-form values that the fast way reads are empty
    fitting = FITTING[column.type] if column.json is None else st.builds(dict if column.json == "object" else list)
    node[column.path[-1]] = st.none() | fitting | ANY if wild else st.none() | fitting


def _object(tree: dict[Any, Any], wild: bool) -> SearchStrategy[dict[str, Any]]:
    known = st.fixed_dictionaries({}, optional={key: _value(value, wild) for key, value in tree.items()})
    new = st.dictionaries(st.sampled_from(["unheard", "new_one"]), ANY, max_size=1)
    return st.builds(lambda known, new: {**new, **known}, known, new) if wild else known


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
    """Whether every value of a row of the wire stands in its column, or in `extra` as it was."""
    extra = json.loads(frame_row["extra"]) if frame_row["extra"] else {}
    places = {column.path: column for column in columns if column.link is None}
    return all(_value_told(value, (key,), places, frame_row, extra.get(key)) for key, value in row.items())


def _value_told(
    value: Any, path: tuple[Any, ...], places: Mapping[Any, Column], frame_row: Mapping[str, Any], extra: Any
) -> bool:
    if value is None or value == extra:
        return True
    if path in places:
        return _same(frame_row[places[path].name], value, places[path])
    declared = any(place[: len(path)] == path for place in places)
    if isinstance(value, dict) and declared:
        rest = extra if isinstance(extra, dict) else {}
        return all(_value_told(inner, (*path, key), places, frame_row, rest.get(key)) for key, inner in value.items())
    if isinstance(value, list) and declared and len(value) <= 1:
        return all(_value_told(inner, (*path, PathStep.FIRST), places, frame_row, None) for inner in value)
    return False


def _same(typed: Any, value: Any, column: Column) -> bool:
    """Whether a typed value says what the wire said."""
    if typed is None:
        return False
    if column.json:
        return bool(json.loads(typed) == value)
    if isinstance(value, bool) != isinstance(typed, bool):
        return False
    return bool(typed == (parse_timestamp(value) if pa.types.is_timestamp(column.type) else value))
