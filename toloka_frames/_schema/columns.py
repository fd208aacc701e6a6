"""Columns of a list: their declaration, the Arrow schemas built from it, and reading JSON with such a schema."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import pyarrow as pa

from toloka_frames._schema.field_types import FIELD_TYPES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    import numpy as np

    from toloka_frames._schema.field_types import JsonShape

BOOLEAN = pa.bool_()
FLOAT = pa.float64()
INTEGER = pa.int64()
TEXT = pa.string()
TEXTS = pa.list_(pa.string())
# the services write at most six digits of a second
TIMESTAMP = pa.timestamp("us", tz="UTC")
# the years 1 to 9999, in microseconds since 1970
DATETIME_RANGE_US = range(-62_135_596_800_000_000, 253_402_300_800_000_000)

EXTRA = "extra"


class PathStep(Enum):
    """A step of a path into a list: the first element only, or every element in a row of its own."""

    FIRST = "first"
    EACH = "each"


ValuePath: TypeAlias = tuple["str | PathStep", ...]


class Column(NamedTuple):
    """A column of a frame, and where the JSON row has its value.

    Attributes:
        name: The column's name in the frame.
        path: Keys from the JSON row to the value.
        type: Arrow type.
        json: For free-form values, which are kept as JSON text: the shape of an empty value.
        link: For a web address made of the row's `pool_id` and `id`: the part before them.
    """

    name: str
    path: ValuePath
    type: pa.DataType
    json: JsonShape | None = None
    link: str | None = None


class SpecFields(NamedTuple):
    """A placeholder for columns that only the specification of a project or an app defines.

    Attributes:
        prefix: The prefix of the column names, as in the platform's exports: "INPUT", "OUTPUT" or "GOLDEN".
        path: Keys from the JSON row to the object with the fields.
        spec: Which half of the specification defines the fields.
    """

    prefix: str
    path: ValuePath
    spec: Literal["input", "output"]


class Specification(NamedTuple):
    """The fields of a project or an app, by name: `{"type": ..., "required": ...}`; a field of type None has no column.

    Source: Toloka API, Project.task_spec; Apps API, App.
    """

    input: Mapping[str, Mapping[str, Any]]
    output: Mapping[str, Mapping[str, Any]]


NO_FIELDS = Specification({}, {})


@dataclass(frozen=True)
class Layout:
    """How to read a page of a list.

    Attributes:
        rows_key: The page's key of the list of rows.
        cursor: The row's key of the value that pages are sorted and resumed by.
        columns: The columns to read, without `extra`.
        all_columns: If other columns of the list are not read, all of them: then there is no `extra`.
    """

    rows_key: str
    cursor: str
    columns: tuple[Column, ...]
    all_columns: tuple[Column, ...] | None = None

    def __getstate__(self) -> dict[str, Any]:
        # the cached schemas are cheaper to rebuild than to send to another process
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def narrowed(self, names: Collection[str]) -> Layout:
        """Return the layout that reads only these columns; `extra` depends on all columns, so with it nothing is left out."""
        if EXTRA in names:
            return self
        return replace(self, columns=tuple(column for column in self.columns if column.name in names), all_columns=self.columns)

    @cached_property
    def plain(self) -> Layout:
        """The layout that reads neither free-form values nor `extra`."""
        plain = tuple(column for column in self.columns if column.json is None)
        return replace(self, columns=plain, all_columns=self.all_columns or self.columns)

    @cached_property
    def has_extra(self) -> bool:
        """Whether all columns are read, so that it is known what fits none of them."""
        return self.all_columns is None

    @cached_property
    def api_names(self) -> Mapping[str, str]:
        """The column of a value by its own name in the API, if one column has that value and no column is called so."""
        names: dict[str, list[str]] = {}
        for column in self.columns:
            if column.link is None:
                names.setdefault(".".join(step for step in column.path if isinstance(step, str)), []).append(column.name)
        own = {column.name for column in self.columns}
        return {path: columns[0] for path, columns in names.items() if len(columns) == 1 and path not in own}

    @cached_property
    def schema(self) -> pa.Schema:
        """The schema of every batch: the columns, then `extra`, JSON text of everything that fits no column."""
        extra = [(EXTRA, TEXT)] if self.has_extra else []
        return pa.schema([*((column.name, column.type) for column in self.columns), *extra])

    @cached_property
    def page_schema(self) -> pa.Schema:
        """The schema of a page's JSON, read as one object."""
        row = {field.name: field for field in _json_struct(self.columns)}
        # needed for the cursor, the links and the number of rows, even if no column is read from them
        row.setdefault(self.cursor, pa.field(self.cursor, TEXT))
        if any(column.link is not None for column in self.columns):
            row.setdefault("pool_id", pa.field("pool_id", TEXT))
        for name in self.exploded_lists:
            row.setdefault(name, pa.field(name, pa.list_(pa.struct([]))))
        return pa.schema([(self.rows_key, pa.list_(pa.struct(list(row.values())))), ("has_more", BOOLEAN)])

    @cached_property
    def exploded_lists(self) -> tuple[str, ...]:
        """Keys of the lists of a JSON row whose elements become rows of the frame."""
        columns = self.columns if self.all_columns is None else self.all_columns
        names = [str(column.path[0]) for column in columns if column.path[1:2] == (PathStep.EACH,)]
        return tuple(dict.fromkeys(names))


def expand_columns(columns: Sequence[Column | SpecFields], specification: Specification, web_url: str) -> Iterator[Column]:
    """Replace placeholders by the columns of a specification, and complete links with the host of the web interface."""
    for column in columns:
        if isinstance(column, SpecFields):
            yield from _spec_columns(column, specification)
        else:
            yield column if column.link is None else column._replace(link=web_url + column.link)


def column_name(path: Sequence[str]) -> str:
    """Return the column name of a value: like the platform's exports for fields, dotted for other values."""
    prefix = {"input_values": "INPUT", "output_values": "OUTPUT", "input_data": "INPUT", "output_data": "OUTPUT"}.get(path[0])
    return f"{prefix}:{'.'.join(path[1:])}" if prefix and len(path) > 1 else ".".join(path)


def in_datetime_range(timestamps: pa.Array) -> bool:
    """Return whether Python's datetime can represent all timestamps; Arrow's range is wider."""
    microseconds = raw_values(timestamps, INTEGER)
    return int(microseconds.min(initial=0)) in DATETIME_RANGE_US and int(microseconds.max(initial=0)) in DATETIME_RANGE_US


def raw_values(array: pa.Array, type_: pa.DataType) -> np.ndarray[Any, Any]:
    """Return the numbers of an array without a copy; Arrow writes 0 for nulls.

    NumPy's functions take a fifth of the time of Arrow's for the thousand rows of a page, and do not release the GIL.
    """
    numbers = pa.Array.from_buffers(type_, len(array), [None, array.buffers()[1]], offset=array.offset)
    values: np.ndarray[Any, Any] = numbers.to_numpy()
    return values


def _spec_columns(placeholder: SpecFields, specification: Specification) -> Iterator[Column]:
    for name, spec in (specification.input if placeholder.spec == "input" else specification.output).items():
        type_name = spec.get("type", "json")
        if type_name is not None:
            kind = FIELD_TYPES[type_name]
            yield Column(f"{placeholder.prefix}:{name}", (*placeholder.path, name), kind.arrow, kind.json)


def _json_struct(columns: Sequence[Column], depth: int = 0) -> pa.DataType:
    groups: dict[str, list[Column]] = {}
    for column in columns:
        groups.setdefault(str(column.path[depth]), []).append(column)
    return pa.struct([(key, _json_field(group, depth + 1)) for key, group in groups.items()])


def _json_field(columns: list[Column], depth: int) -> pa.DataType:
    first = columns[0]
    if len(first.path) == depth:
        return _json_leaf(first)
    if isinstance(first.path[depth], str):
        return _json_struct(columns, depth)
    return pa.list_(pa.null() if len(first.path) == depth + 1 else _json_struct(columns, depth + 1))


def _json_leaf(column: Column) -> pa.DataType:
    # Arrow's reader has no type for free-form values. These two types accept empty values only; a page with others raises
    # ArrowInvalid and is read with Python's parser instead.
    shapes = {None: column.type, "object": pa.struct([]), "array": pa.list_(pa.null())}
    return shapes[column.json]
