"""A list's declared columns and a project's own specification come in, the schema of every page goes out."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

BOOLEAN = pa.bool_()
FLOAT = pa.float64()
# the finest instants that the services write have six digits
INSTANT = pa.timestamp("us", tz="UTC")
INTEGER = pa.int64()
TEXT = pa.string()
TEXTS = pa.list_(pa.string())

EXTRA = "extra"


class PathStep(Enum):
    """A step of a path into a list: its first element, or each element, which then gets a row of its own."""

    FIRST = "first"
    EACH = "each"


Path: TypeAlias = tuple["str | PathStep", ...]
JsonShape: TypeAlias = Literal["object", "array"]


@dataclass(frozen=True)
class Column:
    """A column of a frame and where its values stand in a row of the wire.

    Attributes:
        name: The column's name in the frame.
        path: Keys from the row down to the value.
        type: Its Arrow type.
        json: For free-form values, kept as JSON text: the shape they have when they are empty.
        link: For an address made of the row's pool_id and id: what stands before them.
    """

    name: str
    path: Path
    type: pa.DataType
    json: JsonShape | None = None
    link: str | None = None


@dataclass(frozen=True)
class SpecFields:
    """The place of columns that only the project's or app's own specification knows.

    Attributes:
        prefix: What stands before the field in a column's name, as in the platform's exports: "INPUT", "OUTPUT", "GOLDEN".
        path: Keys from the row down to the object that holds the fields.
        spec: Which specification names the fields.
    """

    prefix: str
    path: Path
    spec: Literal["input", "output"]


@dataclass(frozen=True)
class Specification:
    """Field specifications, field name to `{"type": ..., "required": ...}` (Toloka API, Project.task_spec; Apps API, App)."""

    input: Mapping[str, Mapping[str, Any]]
    output: Mapping[str, Mapping[str, Any]]


NO_FIELDS = Specification({}, {})


@dataclass(frozen=True)
class Layout:
    """What a page is read with: the key of its rows, the cursor's key, and the columns."""

    rows: str
    cursor: str
    columns: tuple[Column, ...]

    def __getstate__(self) -> dict[str, Any]:
        # a pickle without what is made from the rest
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @cached_property
    def schema(self) -> pa.Schema:
        """The schema of every batch: the columns, then `extra` (JSON text of what fits no column)."""
        return pa.schema([*((column.name, column.type) for column in self.columns), (EXTRA, TEXT)])

    @cached_property
    def wire(self) -> pa.Schema:
        """The schema of a whole page as the JSON reader needs it: one row with the list inside."""
        return pa.schema([(self.rows, pa.list_(_wire_struct(self.columns))), ("has_more", BOOLEAN)])

    @cached_property
    def lists(self) -> tuple[str, ...]:
        """Keys of the row's lists whose elements get a row each."""
        names = [str(column.path[0]) for column in self.columns if column.path[1:2] == (PathStep.EACH,)]
        return tuple(dict.fromkeys(names))


def expanded(columns: Sequence[Column | SpecFields], specification: Specification, web_url: str) -> Iterator[Column]:
    """The columns with the fields of a specification in their places, and with links to a host of the web interface."""
    for column in columns:
        if isinstance(column, SpecFields):
            yield from _fields(column, specification)
        else:
            yield column if column.link is None else replace(column, link=web_url + column.link)


def column_name(path: Sequence[str]) -> str:
    """The name of a value's column: as in the platform's exports for fields, else dotted."""
    prefix = {"input_values": "INPUT", "output_values": "OUTPUT", "input_data": "INPUT", "output_data": "OUTPUT"}.get(path[0])
    return f"{prefix}:{'.'.join(path[1:])}" if prefix and len(path) > 1 else ".".join(path)


def field_type(declared: str) -> tuple[pa.DataType, JsonShape | None]:
    """The Arrow type of a field type of Toloka's specifications; a type not known here is kept as JSON text.

    Source: Toloka API, "Create project": boolean, string, integer, float, url, file, coordinates, json, array_*.
    """
    types = {"boolean": BOOLEAN, "integer": INTEGER, "float": FLOAT}
    types |= dict.fromkeys(("string", "url", "file", "coordinates"), TEXT)
    if declared in types:
        return types[declared], None
    element = types.get(declared.removeprefix("array_"))
    if declared.startswith("array_") and element is not None:
        return pa.list_(element), None
    return TEXT, "array" if declared.startswith("array_") else "object"


def _fields(place: SpecFields, specification: Specification) -> Iterator[Column]:
    for name, spec in (specification.input if place.spec == "input" else specification.output).items():
        arrow_type, json = field_type(str(spec.get("type", "json")))
        yield Column(f"{place.prefix}:{name}", (*place.path, name), arrow_type, json)


def _wire_struct(columns: Sequence[Column], depth: int = 0) -> pa.DataType:
    groups: dict[str, list[Column]] = {}
    for column in columns:
        groups.setdefault(str(column.path[depth]), []).append(column)
    return pa.struct([(key, _wire_field(group, depth + 1)) for key, group in groups.items()])


def _wire_field(columns: list[Column], depth: int) -> pa.DataType:
    first = columns[0]
    if len(first.path) == depth:
        return _wire_leaf(first)
    if isinstance(first.path[depth], str):
        return _wire_struct(columns, depth)
    return pa.list_(pa.null() if len(first.path) == depth + 1 else _wire_struct(columns, depth + 1))


def _wire_leaf(column: Column) -> pa.DataType:
    # Arrow's reader has no type for what is free in form: these two fit it where it is empty; a page in which it is not is
    # refused, and read by the exact way
    shapes = {None: column.type, "object": pa.struct([]), "array": pa.list_(pa.null())}
    return shapes[column.json]
