"""A frame comes in; the JSON of each row's values goes out, or an error that names column, rows and reason."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa

from toloka_frames._errors import InputError
from toloka_frames._schema.field_types import FIELD_TYPES
from toloka_frames._schema.pandas_values import plain_values
from toloka_frames._uploading.json_text import dumps, lengths, object_texts, records, text_array, text_list
from toloka_frames._validation import MAX_SHOWN, format_rows, nearest_hint, reject_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from toloka_frames._schema.columns import Specification
    from toloka_frames._schema.field_types import FieldType
    from toloka_frames._uploading.frame_columns import ColumnRoles
    from toloka_frames._uploading.json_text import Pieces, Values

MAX_INPUT_BYTES = 1_048_576  # Toloka API, "Create single/multiple tasks": all input_values of one request
MAX_OVERLAP = 30_000  # Toloka API, Task.overlap
MAX_LEVELS = 200  # orjson writes 254, of which a task has some around its values
JSON_TYPES = {str, bool, int, float, list, dict, tuple}
NUMPY_KINDS: dict[Any, type] = {np.dtype("bool"): bool, np.dtype("int64"): int, np.dtype("float64"): float}

AnyValues = TypeVar("AnyValues")
Written = TypeVar("Written")


@dataclass(frozen=True)
class Cells:
    """The rows of a frame as JSON.

    Attributes:
        texts: JSON text of each row's `input_values`, and what stands behind it to the end of the row's task: `}`, or more
            members and `}`.
        input_bytes: Bytes of each row's `input_values`.
    """

    texts: Pieces
    input_bytes: list[int]


def cells_of(
    frame: pd.DataFrame,
    roles: ColumnRoles,
    specification: Specification,
    *,
    overlap: int | None,
    positions: Sequence[int],
    strict: bool,
) -> Cells:
    """Turn the rows of one pool into JSON.

    Args:
        frame: The rows.
        roles: What its columns are.
        specification: The project's fields.
        overlap: Answers wanted where no TASK:overlap says it, or None.
        positions: The rows' positions in the whole upload.
        strict: Whether what the project's specification does not allow is refused here; else the service tells it row by row.

    Raises:
        InputError: Something cannot be sent; it names the column and rows.
    """
    check = _Check(frame, positions, strict=strict)
    inputs = check.inputs(roles.inputs, specification.input)
    golden = check.fields(roles.golden, specification.output, "output", check.column)
    hints = {name: check.column(column, "string") for name, column in _extras(roles)}
    overlaps = check.overlaps(roles.overlap, overlap)
    if golden or hints or roles.overlap:
        rest: Pieces = [text_array(check.written(lambda: [_behind(each) for each in _rests(golden, hints, overlaps)]))]
    else:
        rest = ["}" if overlap is None else f',"overlap":{overlap}}}']
    values = check.written(lambda: object_texts(inputs, len(frame)))
    sizes = lengths(values)
    check.sizes(sizes)
    return Cells([*values, *rest], sizes)


def objects_of(values: Mapping[str, Sequence[Any]], declared: Mapping[str, str]) -> list[bytes]:
    """The JSON object of each row, without what is missing.

    Args:
        values: The columns that are members.
        declared: The type that each is of.

    Raises:
        InputError: Something cannot be sent.
    """
    frame = pd.DataFrame({name: pd.Series(list(cells), dtype=object) for name, cells in values.items()})
    check = _Check(frame, range(len(frame)), strict=True)
    fields = {name: check.column(name, declared[name]) for name in values}
    return text_list(check.written(lambda: object_texts(fields, len(frame))))


def _extras(roles: ColumnRoles) -> Iterator[tuple[str, str]]:
    if roles.hint is not None:
        yield "message_on_unknown_solution", roles.hint
    if roles.language is not None:
        yield "default_language", roles.language


def _rests(
    golden: Mapping[str, list[Any]], texts: Mapping[str, list[Any]], overlaps: list[int | None]
) -> Iterator[dict[str, Any]]:
    """What each task has besides its input values."""
    known = records(golden, len(overlaps))
    told = records(texts, len(overlaps))
    for solution, rest, overlap in zip(known, told, overlaps, strict=True):
        if solution:
            rest["known_solutions"] = [{"output_values": solution, "correctness_weight": 1}]
        if "default_language" in rest:
            rest["localization_config"] = {"default_language": rest.pop("default_language")}
        if overlap is not None:
            rest["overlap"] = overlap
        yield rest


def _behind(members: Mapping[str, Any]) -> bytes:
    """More members of an object, to its end."""
    return b"," + dumps(members)[1:] if members else b"}"


class _Check:
    """The frame's cells as JSON values, column by column; every complaint names column and rows."""

    def __init__(self, frame: pd.DataFrame, positions: Sequence[int], *, strict: bool) -> None:
        self._frame = frame
        self._positions = positions
        self._strict = strict
        self._columns: dict[str, list[Any]] = {}
        self.missing: set[str] = set()

    def inputs(self, columns: Mapping[str, str], specs: Mapping[str, Mapping[str, Any]]) -> dict[str, Values]:
        """Values of input fields, checked against their specification."""
        fields = self.fields(columns, specs, "input", self._values)
        if self._strict:
            self._required(columns, specs)
        return fields

    def fields(
        self,
        columns: Mapping[str, str],
        specs: Mapping[str, Mapping[str, Any]],
        kind: str,
        read: Callable[[str, str], AnyValues],
    ) -> dict[str, AnyValues]:
        """Values of fields, each read and checked as the type that its specification says."""
        fields = {}
        for field, column in columns.items():
            if self._strict and field not in specs:
                raise InputError(
                    f"Column {column!r}: the project has no {kind} field {field!r}{nearest_hint(field, list(specs))}.",
                    column=column,
                    hint=f"Its {kind} fields are {', '.join(specs) or 'none'}.",
                )
            fields[field] = read(column, str(specs.get(field, {}).get("type", "json")))
        return fields

    def column(self, name: str, declared: str) -> list[Any]:
        """The values of a column, None where they are missing, of the type that the field is declared with."""
        values = plain_values(self._frame[name])
        kinds = set(map(type, values))
        if type(None) in kinds:
            self.missing.add(name)
            kinds.remove(type(None))
        if kinds - JSON_TYPES:
            self._complain_where(name, values, _is_foreign, "is of a type that JSON has not", CONVERT)
        if float in kinds and (math.inf in values or -math.inf in values):
            self._complain_where(name, values, _infinite, "is infinite, which JSON cannot say")
        if float in kinds and declared == "integer":
            values = [int(each) if type(each) is float and each.is_integer() else each for each in values]
            kinds = set(map(type, values)) - {type(None)}
        nested = kinds & {list, dict, tuple}
        if nested:
            why = f"holds what JSON cannot say, or more than {MAX_LEVELS} levels"
            self._complain_where(name, values, _holds_unsayable, why)
        field = FIELD_TYPES[declared]
        if self._strict and not kinds <= field.json_types:
            self._complain_where(
                name,
                values,
                lambda each: each is not None and not _accepts(field, each),
                f"is no {declared}",
                CONVERSIONS.get(declared, CONVERT),
            )
        self._columns[name] = values
        return values

    def overlaps(self, column: str | None, default: int | None) -> list[int | None]:
        """The overlap of each row."""
        if default is not None and not _is_overlap(default):
            raise InputError(f"overlap={default!r}: a whole number from 1 to {MAX_OVERLAP:,} is needed.", column="overlap")
        if column is None:
            return [default] * len(self._frame)
        values = self.column(column, "integer")
        self._complain_where(
            column, values, lambda each: each is not None and not _is_overlap(each), f"is not from 1 to {MAX_OVERLAP:,}"
        )
        return [default if each is None else each for each in values]

    def written(self, write: Callable[[], Written]) -> Written:
        """JSON text of each row, as it is written of checked values."""
        try:
            return write()
        except TypeError as error:
            why = f"cannot be written as JSON: {error}"
            for column, cells in self._columns.items():
                self._complain_where(column, cells, partial(_is_unwritable, column), why)
            raise

    def sizes(self, sizes: Sequence[int]) -> None:
        """Refuse rows that no request can hold."""
        if max(sizes, default=0) <= MAX_INPUT_BYTES:
            return
        large = [self._positions[index] for index, size in enumerate(sizes) if size > MAX_INPUT_BYTES]
        raise InputError(
            f"Rows {format_rows(large)}: their input values are over {MAX_INPUT_BYTES:,} bytes, the most one request can hold.",
            rows=large[:MAX_SHOWN],
            hint="Put large contents at a URL and send that.",
        )

    def _values(self, name: str, declared: str) -> Values:
        """The values of a column, as an array where its type alone says that they are what they shall be."""
        array = _array_of(self._frame[name], declared, strict=self._strict)
        if array is None:
            return self.column(name, declared)
        if array.null_count:
            self.missing.add(name)
        return array

    def _required(self, columns: Mapping[str, str], specs: Mapping[str, Mapping[str, Any]]) -> None:
        for field, spec in specs.items():
            if not spec.get("required", True):
                continue
            if field not in columns:
                raise InputError(f"The project's input field {field!r} is required, and no column holds it.", column=field)
            if columns[field] in self.missing:
                why = "is missing, and the field is required"
                values = plain_values(self._frame[columns[field]])
                self._complain_where(columns[field], values, lambda each: each is None, why)

    def _complain_where(
        self, column: str, values: Sequence[Any], wrong: Callable[[Any], bool], why: str, hint: str = ""
    ) -> None:
        reject_rows(column, values, wrong, why, hint, positions=self._positions)


CONVERT = "Convert the column first: astype('string'), dt.strftime(...); files that hold text are read with dtype=str."
CONVERSIONS = {
    "integer": "Convert the column first, as with astype('Int64').",
    "float": "Convert the column first, as with astype('float64').",
    "boolean": "Convert the column first, as with .map({'yes': True, 'no': False}).",
}


def _array_of(series: pd.Series[Any], declared: str, *, strict: bool) -> pa.Array | None:
    """A column whose type says of each cell that it fits its field; None where each has to be looked at."""
    kind = str if isinstance(series.dtype, pd.StringDtype) else NUMPY_KINDS.get(series.dtype)
    if kind is None or (kind is float and (declared == "integer" or np.isinf(series).any())):
        return None
    field = FIELD_TYPES[declared]
    if strict and (field.element is not None or kind not in (field.json_types or {kind})):
        return None
    try:
        array = pa.array(series, from_pandas=True)
    except ValueError:  # half a character
        return None
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _accepts(field: FieldType, value: Any) -> bool:
    """Return whether a value is valid for a field; free-form fields accept every value."""
    if field.element is not None:
        return isinstance(value, list | tuple) and all(_accepts(field.element, item) for item in value)
    return not field.json_types or type(value) in field.json_types


def _is_overlap(value: Any) -> bool:
    return type(value) is int and 1 <= value <= MAX_OVERLAP


def _infinite(value: Any) -> bool:
    return type(value) is float and math.isinf(value)


def _is_foreign(value: Any) -> bool:
    return value is not None and type(value) not in JSON_TYPES


def _is_unwritable(name: str, value: Any) -> bool:
    try:
        dumps({} if value is None else {name: value})
    except TypeError:
        return True
    return False


def _holds_unsayable(value: Any, levels: int = MAX_LEVELS) -> bool:
    """Whether a list or dict holds what JSON has no word for, at any depth, or is too deep."""
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            return True
        value = list(value.values())
    if isinstance(value, list | tuple):
        return not levels or any(_holds_unsayable(each, levels - 1) for each in value)
    return _is_foreign(value) or (type(value) is float and not math.isfinite(value))
