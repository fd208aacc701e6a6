"""Find the role of each column of a frame, and convert its rows to JSON; errors name the column, the rows and the reason."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from toloka_frames._errors import InputError
from toloka_frames._schema.field_types import FIELD_TYPES
from toloka_frames._schema.field_values import (
    JSON_START,
    JSON_TYPES,
    MAX_EXACT_FLOAT,
    MAX_LEVELS,
    UNREPRESENTABLE,
    json_values,
)
from toloka_frames._schema.pandas_values import plain_values, task_values
from toloka_frames._schema.task_columns import READ_COLUMNS, RESERVED_PREFIXES, SUITE_COLUMNS, TASK_COLUMNS
from toloka_frames._uploading import task_members
from toloka_frames._uploading.hints import conversion_hint
from toloka_frames._uploading.requests import MAX_INPUT_BYTES, byte_lengths, concatenate, dumps, json_objects, text_array
from toloka_frames._validation import MAX_SHOWN, check_column_names, format_rows, nearest_hint, reject, reject_rows, without

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toloka_frames._schema.columns import Specification
    from toloka_frames._schema.field_types import FieldType
    from toloka_frames._uploading.requests import ColumnValues, Lengths, RowTexts
    from toloka_frames._uploading.tasks import DefaultOverlap

PRIMITIVES = frozenset(
    map(np.dtype, ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float64"))
)
UNDECLARED = "undeclared"  # the type of a field that the specification does not have; the service decides what to do with it

Cells = TypeVar("Cells")
Json = TypeVar("Json")


@dataclass(frozen=True)
class ColumnRoles:
    """The column of a frame for each part of a task.

    Attributes:
        inputs: Input fields to columns.
        golden: Output fields of known solutions to columns.
        members: Names in `TASK_COLUMNS` to columns.
        suite: Names in `SUITE_COLUMNS` to columns.
        extra: The column of values that fit no other column of a read frame, if any.
        pool: The column of the pool, if the pool is not given elsewhere.
    """

    inputs: Mapping[str, str]
    golden: Mapping[str, str]
    members: Mapping[str, str]
    suite: Mapping[str, str]
    extra: str | None
    pool: str | None


@dataclass(frozen=True)
class ConvertedRows:
    """The rows of a frame as JSON.

    Attributes:
        texts: The JSON text of each row's `input_values` and of what follows it in the task: `}`, or more members and `}`.
        input_bytes: The bytes of each row's `input_values`.
        inputs: The JSON text of each row's `input_values`.
        known_solutions: The JSON text of each row's known solutions, empty if it has none; None if no row has any.
    """

    texts: RowTexts
    input_bytes: Lengths
    inputs: RowTexts
    known_solutions: list[bytes] | None


def column_roles(frame: pd.DataFrame, input_columns: Sequence[str] | None, *, has_pool: bool) -> ColumnRoles:
    """Return the role of each column.

    Plain names are input fields. Prefixed ones are those of the platform's own files and of read frames; in a frame with
    `INPUT:` columns, the other columns of read frames are ignored.

    Args:
        frame: The rows.
        input_columns: The columns of input fields; None takes all that have no other role.
        has_pool: Whether the pool is given elsewhere; otherwise the frame needs a column `pool_id`.

    Raises:
        InputError: If the frame has a column without a role, or none of input values.
    """
    check_column_names(frame)
    names = list(frame.columns)
    pool = None if has_pool else "pool_id"
    if pool is not None and pool not in names:
        raise InputError("No pool is given for the tasks.", hint="Give pool_id=, or a column pool_id.")
    is_read = input_columns is None and any(name.startswith("INPUT:") for name in names)
    members = _members(names, is_read=is_read)
    others = [name for name in names if name != pool and name not in members.values()]
    if input_columns is not None:
        inputs = _chosen_fields(names, input_columns)
    elif is_read:
        _reject_unknown([name for name in others if not name.startswith(("INPUT:", "GOLDEN:"))], names)
        inputs = _strip_prefix(names, "INPUT:")
    else:
        _reject_unknown([name for name in others if name.startswith(RESERVED_PREFIXES[1:])], names)
        inputs = {name: name for name in others if not name.startswith(RESERVED_PREFIXES)}
    if not inputs or "" in inputs:
        raise InputError(
            "No column holds input values, or such a column has no name.",
            hint="Name the columns as the project's input fields.",
        )
    return ColumnRoles(
        inputs,
        _strip_prefix(names, "GOLDEN:"),
        {role: name for role, name in members.items() if role in TASK_COLUMNS},
        {role: name for role, name in members.items() if role in SUITE_COLUMNS},
        "extra" if is_read and "extra" in names else None,
        pool,
    )


def convert_rows(
    frame: pd.DataFrame,
    roles: ColumnRoles,
    specification: Specification,
    *,
    overlap: DefaultOverlap | None,
    positions: Sequence[int],
    strict: bool,
) -> ConvertedRows:
    """Convert the rows of one pool to JSON.

    Args:
        frame: The rows.
        roles: The roles of the columns.
        specification: The project's fields.
        overlap: The overlap of tasks without one of their own; None for rows that have none: tasks of suites, app items.
        positions: The rows' positions in the upload.
        strict: Whether values that the project's specification does not allow are rejected here; if False, the service reports
            them row by row.

    Raises:
        InputError: If a value cannot be sent; the error names its column and rows.
    """
    reader = ColumnReader(frame, positions, strict=strict)
    inputs = reader.inputs(roles.inputs, specification.input, roles.extra)
    rest: RowTexts
    known_solutions = None
    if roles.golden or roles.members or roles.extra:
        texts, known_solutions = task_members.of_tasks(reader, roles, specification, overlap)
        rest = [text_array(texts)]
    else:
        rest = ["}" if overlap is None else overlap.text + "}"]
    # joined once, for the hashes of the rows and for their requests
    values = [concatenate(reader.dump(lambda: json_objects(inputs, len(frame))))]
    sizes = byte_lengths(values)
    reader.check_sizes(sizes)
    return ConvertedRows([*values, *rest], sizes, values, known_solutions)


def check_fields(columns: Mapping[str, str], specs: Mapping[str, Mapping[str, Any]], kind: str) -> None:
    """Raise InputError if a column is for a field that the project does not have; `kind` is "input" or "output"."""
    for field, column in columns.items():
        if field not in specs:
            error = InputError(
                f"Column {column!r}: the project has no {kind} field {field!r}{nearest_hint(field, list(specs))}.",
                column=column,
                hint=f"Its {kind} fields are {', '.join(specs) or 'none'}.",
            )
            reject(error)


def _members(names: Sequence[str], *, is_read: bool) -> dict[str, str]:
    """Return the column of each member of a task or suite; `get_tasks` has those of tasks without `TASK:`."""
    members = {name: name for name in names if name in TASK_COLUMNS or name in SUITE_COLUMNS}
    for name in names if is_read else ():
        if (role := f"TASK:{name}") in TASK_COLUMNS:
            if role in members:
                raise InputError(f"The columns {name!r} and {role!r} are the same.", column=name, hint="Drop one of them.")
            members[role] = name
    return members


def _reject_unknown(others: Sequence[str], names: Sequence[str]) -> None:
    """Reject columns that have no meaning for an upload and that no read frame has."""
    # only assignments have answers; elsewhere, an OUTPUT: column is more likely a misspelt GOLDEN: column
    answers = ("OUTPUT:",) if any(name.startswith("ASSIGNMENT:") for name in names) else ()
    unknown = [name for name in others if name not in READ_COLUMNS and not name.startswith(answers)]
    if unknown:
        place = "In a frame with INPUT: columns" if any(name.startswith("INPUT:") for name in names) else "With a prefix"
        similar = nearest_hint(unknown[0], [*TASK_COLUMNS, *SUITE_COLUMNS])
        error = InputError(
            f"{place}, these have no meaning for an upload: {', '.join(map(repr, unknown[:10]))}{similar}.",
            column=unknown[0],
            hint="Drop them, or name the input columns with input_columns=[...].",
        )
        reject(error)


def _strip_prefix(names: Sequence[str], prefix: str) -> dict[str, str]:
    return {name.removeprefix(prefix): name for name in names if name.startswith(prefix)}


def _chosen_fields(names: Sequence[str], input_columns: Sequence[str]) -> dict[str, str]:
    is_collection = isinstance(input_columns, Collection) and not isinstance(input_columns, str)
    if not is_collection or not all(isinstance(name, str) for name in input_columns):
        raise InputError(f"input_columns={input_columns!r}: a list of column names is needed.")
    for name in input_columns:
        if name not in names:
            raise InputError(f"input_columns: the frame has no column {name!r}{nearest_hint(name, names)}.", column=name)
    fields = {name.removeprefix("INPUT:"): name for name in input_columns}
    if len(fields) < len(input_columns):
        raise InputError(f"input_columns={list(input_columns)!r}: two of them are the same field.")
    return fields


class ColumnReader:
    """Reads the columns of a frame as JSON values and rejects cells that cannot be sent.

    Args:
        frame: The rows.
        positions: The rows' positions in the upload.
        strict: Whether values of another type than their field's are rejected.

    Attributes:
        height: The number of rows.
        missing: The columns read so far that have missing cells.
    """

    def __init__(self, frame: pd.DataFrame, positions: Sequence[int], *, strict: bool) -> None:
        self._frame = frame
        self._positions = positions
        self._strict = strict
        self._columns: dict[str, list[Any]] = {}
        self.height = len(frame)
        self.missing: set[str] = set()

    def inputs(
        self, columns: Mapping[str, str], specs: Mapping[str, Mapping[str, Any]], extra: str | None
    ) -> dict[str, ColumnValues]:
        """Return the values of input fields, checked against their specification.

        Args:
            columns: The columns of the fields.
            specs: The specification of the fields.
            extra: The column of a read frame with values that do not fit their own column, or None.
        """
        fields = self._fields(columns, specs, "input", self._column_or_array)
        if extra is not None and any(value is not None for value in self.task_column(extra, "string")):
            for field, values in task_members.extra_inputs(self, extra, columns).items():
                fields[field] = self._filled(columns[field], values, _type_of(field, specs))
        if self._strict:
            self._check_required(columns, specs)
        return fields

    def golden(self, columns: Mapping[str, str], specs: Mapping[str, Mapping[str, Any]]) -> dict[str, list[Any]]:
        """Return the values of output fields in known solutions, None where they are missing or empty text."""
        return self._fields(columns, specs, "output", self.task_column)

    def column(self, name: str, type_name: str) -> list[Any]:
        """Return the values of a column, None where they are missing, if they fit the type of its field."""
        return self._checked(name, plain_values(self._frame[name]), type_name)

    def task_column(self, name: str, type_name: str) -> list[Any]:
        """Return the values of a column of tasks as `column` does, None also for empty text."""
        return self._checked(name, task_values(self._frame[name]), type_name)

    def reject(
        self, column: str, values: Sequence[Any], is_wrong: Callable[[Any], bool], why: str, hint: str = ""
    ) -> list[int]:
        """Raise InputError if a column has wrong values, as `reject_rows` does, and return what it returns."""
        return reject_rows(column, values, is_wrong, why, hint, positions=self._positions)

    def reject_where(
        self, column: str, values: Sequence[Any], are_wrong: Sequence[bool], why: str, hint: str = ""
    ) -> list[int]:
        """Raise InputError if a column has wrong values, given for each row; return what `reject_rows` returns."""
        wrong = iter(are_wrong)
        return self.reject(column, values, lambda _: next(wrong), why, hint)

    def _fields(
        self,
        columns: Mapping[str, str],
        specs: Mapping[str, Mapping[str, Any]],
        kind: str,
        read: Callable[[str, str], Cells],
    ) -> dict[str, Cells]:
        """Return the values of fields, each read by `read(column, type)` with the type in its specification."""
        if self._strict:
            check_fields(columns, specs, kind)
        return {field: read(column, _type_of(field, specs)) for field, column in columns.items()}

    def _checked(self, name: str, cells: list[Any], type_name: str) -> list[Any]:
        field = FIELD_TYPES[type_name]
        values = json_values(cells, field, parse=type_name != UNDECLARED)
        types = set(map(type, values))
        if type(None) in types:
            self.missing.add(name)
            types.remove(type(None))
        if type(UNREPRESENTABLE) in types:
            why = f"holds a value that JSON cannot represent, or is nested more than {MAX_LEVELS} levels deep"
            values = without(values, self.reject_where(name, cells, [value is UNREPRESENTABLE for value in values], why))
        if types - JSON_TYPES:
            why = "has a type that JSON cannot represent"
            values = without(values, self._reject_type(name, type_name, values, _is_not_json, why))
        if float in types and (math.inf in values or -math.inf in values):
            values = without(values, self.reject(name, values, _is_infinite, "is infinite, which JSON cannot represent"))
        if self._strict and not types <= field.json_types:
            is_wrong = partial(_is_of_another_type, field)
            self._reject_type(name, type_name, values, is_wrong, f"is not of type {type_name}")
        self._columns[name] = values
        return values

    def _reject_type(
        self, name: str, type_name: str, values: Sequence[Any], is_wrong: Callable[[Any], bool], why: str
    ) -> list[int]:
        for value in values:
            if is_wrong(value):
                return self.reject(name, values, is_wrong, why, conversion_hint(name, type_name, value))
        return []

    def _filled(self, name: str, others: Sequence[Any], type_name: str) -> list[Any]:
        """Return the values of a column, with others where they are missing."""
        cells = plain_values(self._frame[name])
        self.missing.discard(name)
        return self._checked(
            name, [other if cell is None else cell for cell, other in zip(cells, others, strict=True)], type_name
        )

    def dump(self, dump: Callable[[], Json]) -> Json:
        """Return what `dump` writes of columns that were read; if it fails, name the column and its rows."""
        try:
            return dump()
        except TypeError as error:
            why = f"cannot be written as JSON: {error}"
            for column, values in self._columns.items():
                for row in self.reject(column, values, partial(_cannot_be_dumped, column), why):
                    values[row] = None
            return dump()

    def check_sizes(self, sizes: Lengths) -> None:
        """Raise InputError if a row is too large for any request."""
        large = [self._positions[index] for index in np.flatnonzero(sizes > MAX_INPUT_BYTES).tolist()]
        if not large:
            return
        error = InputError(
            f"Rows {format_rows(large)}: their input values are over {MAX_INPUT_BYTES:,} bytes, the limit of one request.",
            rows=large[:MAX_SHOWN],
            hint="Put large contents at a URL and send that.",
        )
        reject(error, large)

    def _column_or_array(self, name: str, type_name: str) -> ColumnValues:
        """Return a column as an array if its dtype alone proves that all cells fit, otherwise as checked values."""
        array = _array_if_valid(self._frame[name], type_name, strict=self._strict)
        if array is None:
            return self.column(name, type_name)
        if array.null_count:
            self.missing.add(name)
        return array

    def _check_required(self, columns: Mapping[str, str], specs: Mapping[str, Mapping[str, Any]]) -> None:
        for field, spec in specs.items():
            if not spec.get("required", True):
                continue
            if field not in columns:
                reject(InputError(f"The project's input field {field!r} is required, and no column holds it.", column=field))
            elif columns[field] in self.missing:
                values = self._columns.get(columns[field]) or plain_values(self._frame[columns[field]])
                why = "is missing, and the field is required"
                self.reject(columns[field], values, lambda value: value is None, why)


def _type_of(field: str, specs: Mapping[str, Mapping[str, Any]]) -> str:
    return str(specs[field].get("type", "json")) if field in specs else UNDECLARED


def _array_if_valid(series: pd.Series[Any], type_name: str, *, strict: bool) -> pa.Array | None:
    """Return a column as an array of JSON values if its dtype proves that each cell fits its field; None if cells must be read.

    Equal values must have the JSON text that `json_values` gives them one by one.
    """
    if not _is_primitive(series.dtype):
        return None
    try:
        array = pa.array(series, from_pandas=True)
    except ValueError:  # a lone surrogate
        return None
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    kind, field = _cell_type(array.type), FIELD_TYPES[type_name]
    if kind is None or field.element is not None or (strict and kind not in (field.json_types or {kind})):
        return None
    if kind in (int, float):
        return _number_array(array, field)
    return None if kind is str and not field.json_types and type_name != UNDECLARED and _may_be_json(array) else array


def _is_primitive(dtype: Any) -> bool:
    """Return whether the cells of a dtype are text, numbers or booleans."""
    if isinstance(dtype, pd.ArrowDtype):
        return _cell_type(dtype.pyarrow_dtype) is not None
    return isinstance(dtype, pd.StringDtype) or getattr(dtype, "numpy_dtype", dtype) in PRIMITIVES


def _cell_type(arrow_type: pa.DataType) -> type | None:
    if arrow_type in (pa.string(), pa.large_string()):
        return str
    if pa.types.is_integer(arrow_type):
        return int
    return {pa.bool_(): bool, pa.float64(): float}.get(arrow_type)


def _number_array(array: pa.Array, field: FieldType) -> pa.Array | None:
    """Return numbers as integers or floats, as their field has them; None if the cells must be read one by one."""
    is_integer = pa.types.is_integer(array.type)
    if is_integer and float not in field.json_types:
        return array
    if is_integer:
        ends = pc.min_max(array)
        largest = max(abs(ends["min"].as_py() or 0), abs(ends["max"].as_py() or 0))
        return array.cast(pa.float64()) if largest <= MAX_EXACT_FLOAT else None
    numbers = array.to_numpy(zero_copy_only=False)
    if float not in field.json_types or np.isinf(numbers).any():
        return None
    return pa.array(numbers + 0.0, from_pandas=True)  # -0.0 + 0.0 is 0.0; and NaN is a missing cell


def _may_be_json(array: pa.Array) -> bool:
    return bool(pc.any(pc.match_substring_regex(array, JSON_START)).as_py())


def _is_of_another_type(field: FieldType, value: Any) -> bool:
    """Return whether a value is not valid for a field; free-form fields accept every value."""
    if value is None:
        return False
    if field.element is not None:
        types = field.element.json_types
        return not isinstance(value, list) or (bool(types) and not types.issuperset(map(type, value)))
    return bool(field.json_types) and type(value) not in field.json_types


def _is_infinite(value: Any) -> bool:
    return type(value) is float and math.isinf(value)


def _is_not_json(value: Any) -> bool:
    return value is not None and type(value) not in JSON_TYPES


def _cannot_be_dumped(name: str, value: Any) -> bool:
    try:
        dumps({} if value is None else {name: value})
    except TypeError:
        return True
    return False
