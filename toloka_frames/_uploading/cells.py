"""Check the columns and cells of a DataFrame and convert its rows to JSON; errors name the column, the rows and the reason."""

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
from toloka_frames._schema.pandas_values import plain_values
from toloka_frames._uploading.requests import (
    MAX_INPUT_BYTES,
    byte_lengths,
    dumps,
    json_objects,
    records,
    text_array,
    text_list,
)
from toloka_frames._validation import MAX_SHOWN, check_frame, format_rows, nearest_hint, reject_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from toloka_frames._schema.columns import Specification
    from toloka_frames._schema.field_types import FieldType
    from toloka_frames._uploading.requests import ColumnValues, RowTexts

MAX_OVERLAP = 30_000  # Toloka API, Task.overlap
PREFIXES = ("INPUT:", "GOLDEN:")
PRIMITIVES = frozenset(
    map(np.dtype, ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float64"))
)
SINGLE_COLUMNS = ("HINT:text", "HINT:default_language", "TASK:overlap")
UNDECLARED = "undeclared"  # the type of a field that the specification does not have; the service decides what to do with it

Cells = TypeVar("Cells")
Json = TypeVar("Json")


@dataclass(frozen=True)
class ColumnRoles:
    """The column of a frame for each part of a task.

    Attributes:
        inputs: Input fields to columns.
        golden: Output fields of known solutions to columns.
        hint: The column of the message on an unknown solution, if any; likewise the next three.
        language: The column of the default language.
        overlap: The column of the overlap.
        pool: The column of the pool.
    """

    inputs: Mapping[str, str]
    golden: Mapping[str, str]
    hint: str | None
    language: str | None
    overlap: str | None
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
    input_bytes: list[int]
    inputs: RowTexts
    known_solutions: list[bytes] | None


def column_roles(frame: pd.DataFrame, input_columns: Sequence[str] | None, *, has_pool: bool) -> ColumnRoles:
    """Return the role of each column: plain names are input fields, prefixed ones are those of the platform's own files.

    Args:
        frame: The rows.
        input_columns: The columns of input fields; None takes all that have no other role.
        has_pool: Whether the pool is given elsewhere; otherwise the frame needs a column `pool_id`.

    Raises:
        InputError: If `frame` is not a DataFrame, is empty, or has a column without a role.
    """
    names = _column_names(frame)
    pool = None if has_pool else "pool_id"
    if pool is not None and pool not in names:
        raise InputError("No pool is given for the tasks.", hint="Give pool_id=, or a column pool_id.")
    if input_columns is not None:
        inputs = _chosen_fields(names, input_columns)
    elif any(name.startswith("INPUT:") for name in names):
        _reject_unprefixed([name for name in names if name != pool and not _is_prefixed(name)])
        inputs = _strip_prefix(names, "INPUT:")
    else:
        inputs = {name: name for name in names if name != pool and not _is_prefixed(name)}
    if not inputs or "" in inputs:
        raise InputError(
            "No column holds input values, or such a column has no name.",
            hint="Name the columns as the project's input fields.",
        )
    special = {name: name for name in names if _is_prefixed(name)}
    return ColumnRoles(
        inputs,
        _strip_prefix(names, "GOLDEN:"),
        special.get("HINT:text"),
        special.get("HINT:default_language"),
        special.get("TASK:overlap"),
        pool,
    )


def convert_rows(
    frame: pd.DataFrame,
    roles: ColumnRoles,
    specification: Specification,
    *,
    overlap: int | None,
    positions: Sequence[int],
    strict: bool,
) -> ConvertedRows:
    """Convert the rows of one pool to JSON.

    Args:
        frame: The rows.
        roles: The roles of the columns.
        specification: The project's fields.
        overlap: The overlap of rows without a TASK:overlap, or None.
        positions: The rows' positions in the upload.
        strict: Whether values that the project's specification does not allow are rejected here; if False, the service reports
            them row by row.

    Raises:
        InputError: If a value cannot be sent; the error names its column and rows.
    """
    reader = _ColumnReader(frame, positions, strict=strict)
    inputs = reader.inputs(roles.inputs, specification.input)
    golden = reader.fields(roles.golden, specification.output, "output", reader.column)
    hints = {member: reader.column(column, "string") for member, column in _hint_columns(roles)}
    overlaps = reader.overlaps(roles.overlap, overlap)
    known_solutions: list[bytes] | None = None
    if golden or hints or roles.overlap:
        members = list(_other_members(golden, hints, overlaps))
        rest: RowTexts = [text_array(reader.dump(lambda: list(map(_rest_of_object, members))))]
        known_solutions = [dumps(task["known_solutions"]) if "known_solutions" in task else b"" for task in members]
    else:
        rest = ["}" if overlap is None else f',"overlap":{overlap}}}']
    values = reader.dump(lambda: json_objects(inputs, len(frame)))
    sizes = byte_lengths(values)
    reader.check_sizes(sizes)
    return ConvertedRows([*values, *rest], sizes, values, known_solutions)


def check_fields(columns: Mapping[str, str], specs: Mapping[str, Mapping[str, Any]], kind: str) -> None:
    """Raise InputError if a column is for a field that the project does not have; `kind` is "input" or "output"."""
    for field, column in columns.items():
        if field not in specs:
            raise InputError(
                f"Column {column!r}: the project has no {kind} field {field!r}{nearest_hint(field, list(specs))}.",
                column=column,
                hint=f"Its {kind} fields are {', '.join(specs) or 'none'}.",
            )


def read_columns(frame: Any, types: Mapping[str, str], required: Sequence[str]) -> dict[str, list[Any]]:
    """Return the values of each column, None where they are missing.

    Args:
        frame: The rows.
        types: The columns that the frame may have, with their types.
        required: The columns that need a value in each row.

    Raises:
        InputError: If `frame` is not a DataFrame or is empty, a column is unknown, or a required value is missing.
    """
    check_frame(frame)
    if not len(frame):
        raise InputError("The frame has no rows, so there is nothing to do.")
    if frame.columns.has_duplicates:
        raise InputError("Column names must differ.", column=str(frame.columns[frame.columns.duplicated()][0]))
    for name in frame.columns:
        if name not in types:
            similar = nearest_hint(str(name), list(types))
            hint = f"The columns are {', '.join(types)}; choose them: df[[...]]."
            raise InputError(f"Column {name!r} has no meaning here{similar}.", column=str(name), hint=hint)
    values = {name: plain_values(frame[name]) for name in frame.columns}
    for name in required:
        if name not in values:
            raise InputError(f"Column {name!r} is required.", column=name)
        reject_rows(name, values[name], lambda value: value is None or value == "", "is missing")
    return values


def reject_duplicates(column: str, values: Sequence[Any], what: str, hint: str) -> None:
    """Raise InputError if two rows have equal values; `what` says what they then share."""
    first: dict[Any, int] = {}
    for row, value in enumerate(values):
        if (before := first.setdefault(value, row)) != row:
            raise InputError(f"Rows {before} and {row} are the same {what}.", column=column, rows=[before, row], hint=hint)


def convert_objects(values: Mapping[str, Sequence[Any]], types: Mapping[str, str]) -> list[bytes]:
    """Return the JSON object of each row, without missing values.

    Args:
        values: The values of each member.
        types: The type of each member.

    Raises:
        InputError: If a value cannot be sent.
    """
    frame = pd.DataFrame({name: pd.Series(list(cells), dtype=object) for name, cells in values.items()})
    reader = _ColumnReader(frame, range(len(frame)), strict=True)
    members = {name: reader.column(name, types[name]) for name in values}
    return text_list(reader.dump(lambda: json_objects(members, len(frame))))


def _column_names(frame: Any) -> list[str]:
    check_frame(frame)
    names = list(frame.columns)
    if not len(frame):
        raise InputError("The frame has no rows, so there is nothing to create.")
    wrong = [name for name in names if not isinstance(name, str)]
    if wrong:
        raise InputError(
            f"Column names must be text; these are not: {wrong[:MAX_SHOWN]!r}.",
            hint="df.columns = df.columns.map(str)",
        )
    duplicates = frame.columns[frame.columns.duplicated()].tolist()
    if duplicates:
        raise InputError(f"Column names must differ; these occur twice: {duplicates[:MAX_SHOWN]!r}.", column=duplicates[0])
    return names


def _is_prefixed(name: str) -> bool:
    return name.startswith(PREFIXES) or name in SINGLE_COLUMNS


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


def _reject_unprefixed(names: Sequence[str]) -> None:
    if names:
        raise InputError(
            f"In a frame with INPUT: columns, these have no meaning for an upload: {', '.join(map(repr, names[:10]))}.",
            column=names[0],
            hint="Drop them, or name the input columns with input_columns=[...].",
        )


def _hint_columns(roles: ColumnRoles) -> Iterator[tuple[str, str]]:
    if roles.hint is not None:
        yield "message_on_unknown_solution", roles.hint
    if roles.language is not None:
        yield "default_language", roles.language


def _other_members(
    golden: Mapping[str, list[Any]], hints: Mapping[str, list[Any]], overlaps: list[int | None]
) -> Iterator[dict[str, Any]]:
    """Iterate over the members of each task other than its input values."""
    solutions = records(golden, len(overlaps))
    members = records(hints, len(overlaps))
    for solution, task, overlap in zip(solutions, members, overlaps, strict=True):
        if solution:
            task["known_solutions"] = solution
        if "default_language" in task:
            task["localization_config"] = {"default_language": task.pop("default_language")}
        if overlap is not None:
            task["overlap"] = overlap
        yield task


def _rest_of_object(members: Mapping[str, Any]) -> bytes:
    """Return the JSON text that adds members to an object and closes it."""
    # the members keep their order, so that uploads of earlier versions have the same content
    texts = (b',"%b":%b' % (name.encode(), _member_text(name, value)) for name, value in members.items())
    return b"".join((*texts, b"}"))


def _member_text(name: str, value: Any) -> bytes:
    return b'[{"output_values":%b,"correctness_weight":1}]' % dumps(value) if name == "known_solutions" else dumps(value)


class _ColumnReader:
    """Reads the columns of a frame as JSON values and rejects cells that cannot be sent.

    Attributes:
        missing: The columns read so far that have missing cells.
    """

    def __init__(self, frame: pd.DataFrame, positions: Sequence[int], *, strict: bool) -> None:
        self._frame = frame
        self._positions = positions
        self._strict = strict
        self._columns: dict[str, list[Any]] = {}
        self.missing: set[str] = set()

    def inputs(self, columns: Mapping[str, str], specs: Mapping[str, Mapping[str, Any]]) -> dict[str, ColumnValues]:
        """Return the values of input fields, checked against their specification."""
        fields = self.fields(columns, specs, "input", self._column_or_array)
        if self._strict:
            self._check_required(columns, specs)
        return fields

    def fields(
        self,
        columns: Mapping[str, str],
        specs: Mapping[str, Mapping[str, Any]],
        kind: str,
        read: Callable[[str, str], Cells],
    ) -> dict[str, Cells]:
        """Return the values of fields, each read by `read(column, type)` with the type in its specification."""
        if self._strict:
            check_fields(columns, specs, kind)
        fields = {}
        for field, column in columns.items():
            fields[field] = read(column, str(specs[field].get("type", "json")) if field in specs else UNDECLARED)
        return fields

    def column(self, name: str, type_name: str) -> list[Any]:
        """Return the values of a column, None where they are missing, if they fit the type of its field."""
        cells = plain_values(self._frame[name])
        field = FIELD_TYPES[type_name]
        values = json_values(cells, field, parse=type_name != UNDECLARED)
        types = set(map(type, values))
        if type(None) in types:
            self.missing.add(name)
            types.remove(type(None))
        if type(UNREPRESENTABLE) in types and any(value is UNREPRESENTABLE for value in values):
            why = f"holds a value that JSON cannot represent, or is nested more than {MAX_LEVELS} levels deep"
            are_wrong = iter([value is UNREPRESENTABLE for value in values])
            self._reject(name, cells, lambda _: next(are_wrong), why)
        if types - JSON_TYPES:
            self._reject(name, values, _is_not_json, "has a type that JSON cannot represent", CONVERT_HINT)
        if float in types and (math.inf in values or -math.inf in values):
            self._reject(name, values, _is_infinite, "is infinite, which JSON cannot represent")
        if self._strict and not types <= field.json_types:
            hint = CONVERT_HINTS.get(type_name, CONVERT_HINT)
            why = f"is not of type {type_name}"
            self._reject(name, values, lambda value: value is not None and not _accepts(field, value), why, hint)
        self._columns[name] = values
        return values

    def overlaps(self, column: str | None, default: int | None) -> list[int | None]:
        """Return the overlap of each row."""
        if default is not None and not _is_overlap(default):
            raise InputError(f"overlap={default!r}: a whole number from 1 to {MAX_OVERLAP:,} is needed.", column="overlap")
        if column is None:
            return [default] * len(self._frame)
        values = self.column(column, "integer")
        why = f"is not from 1 to {MAX_OVERLAP:,}"
        self._reject(column, values, lambda value: value is not None and not _is_overlap(value), why)
        return [default if value is None else value for value in values]

    def dump(self, dump: Callable[[], Json]) -> Json:
        """Return what `dump` writes of columns that were read; if it fails, name the column and its rows."""
        try:
            return dump()
        except TypeError as error:
            why = f"cannot be written as JSON: {error}"
            for column, values in self._columns.items():
                self._reject(column, values, partial(_cannot_be_dumped, column), why)
            raise

    def check_sizes(self, sizes: Sequence[int]) -> None:
        """Raise InputError if a row is too large for any request."""
        if max(sizes, default=0) <= MAX_INPUT_BYTES:
            return
        large = [self._positions[index] for index, size in enumerate(sizes) if size > MAX_INPUT_BYTES]
        raise InputError(
            f"Rows {format_rows(large)}: their input values are over {MAX_INPUT_BYTES:,} bytes, the limit of one request.",
            rows=large[:MAX_SHOWN],
            hint="Put large contents at a URL and send that.",
        )

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
                raise InputError(f"The project's input field {field!r} is required, and no column holds it.", column=field)
            if columns[field] in self.missing:
                values = plain_values(self._frame[columns[field]])
                why = "is missing, and the field is required"
                self._reject(columns[field], values, lambda value: value is None, why)

    def _reject(self, column: str, values: Sequence[Any], is_wrong: Callable[[Any], bool], why: str, hint: str = "") -> None:
        reject_rows(column, values, is_wrong, why, hint, positions=self._positions)


CONVERT_HINT = "Convert the column first: astype('string'), dt.strftime(...); files that hold text are read with dtype=str."
CONVERT_HINTS = {
    "integer": "Convert the column first, as with astype('Int64').",
    "float": "Convert the column first, as with astype('float64').",
    "boolean": "Convert the column first, as with .map({'yes': True, 'no': False}).",
}


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


def _accepts(field: FieldType, value: Any) -> bool:
    """Return whether a value is valid for a field; free-form fields accept every value."""
    if field.element is not None:
        element = field.element
        return isinstance(value, list) and (not element.json_types or element.json_types.issuperset(map(type, value)))
    return not field.json_types or type(value) in field.json_types


def _is_overlap(value: Any) -> bool:
    return type(value) is int and 1 <= value <= MAX_OVERLAP


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
