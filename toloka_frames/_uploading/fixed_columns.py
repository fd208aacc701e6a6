"""Read frames with fixed columns, such as bonuses and bans, and convert their rows to JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from toloka_frames._errors import InputError
from toloka_frames._schema.pandas_values import plain_values
from toloka_frames._uploading.cells import ColumnReader
from toloka_frames._uploading.requests import json_objects, text_list
from toloka_frames._validation import check_column_names, check_frame, identifier, nearest_hint, reject, reject_rows, without

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def read_columns(frame: Any, types: Mapping[str, str], required: Sequence[str]) -> dict[str, list[Any]]:
    """Return the values of each column, None where they are missing.

    Args:
        frame: The rows.
        types: The columns that the frame may have, with their types.
        required: The columns that need a value in each row.

    Raises:
        InputError: If `frame` is not a DataFrame, a column is unknown, or a required value is missing.
    """
    frame = check_frame(frame)
    check_column_names(frame)
    for name in frame.columns:
        if name not in types:
            similar = nearest_hint(str(name), list(types))
            hint = f"The columns are {', '.join(types)}; choose them: df[[...]]."
            reject(InputError(f"Column {name!r} has no meaning here{similar}.", column=str(name), hint=hint))
    values = {name: plain_values(frame[name]) for name in frame.columns if name in types}
    values |= {name: _ids(name, cells) for name, cells in values.items() if name.endswith("_id")}
    for name in required:
        if name not in values:
            raise InputError(f"Column {name!r} is required.", column=name)
        reject_rows(name, values[name], lambda value: value is None or value == "", "is missing")
    return values


def _ids(column: str, cells: Sequence[Any]) -> list[Any]:
    """Return the ids of a column as text, None where they are missing."""
    # missing values turn a column of whole numbers into floats
    has_floats = any(isinstance(cell, float) for cell in cells)
    hint = f"Convert the column first: df[{column!r}] = df[{column!r}].astype('Int64')" if has_floats else ""
    wrong = reject_rows(column, cells, lambda cell: not (cell in (None, "") or is_id(cell)), "is not an id", hint)
    return [cell if cell in (None, "") else identifier(cell) for cell in without(list(cells), wrong)]


def is_id(value: Any) -> bool:
    """Return whether a value is an id."""
    try:
        identifier(value)
    except ValueError:
        return False
    return True


def reject_duplicates(column: str, values: Sequence[Any], what: str, hint: str) -> None:
    """Raise InputError if two rows have equal values; `what` says what they then share."""
    first: dict[Any, int] = {}
    for row, value in enumerate(values):
        if (before := first.setdefault(value, row)) != row:
            error = InputError(f"Rows {before} and {row} are the same {what}.", column=column, rows=[before, row], hint=hint)
            reject(error, [row])


def convert_objects(values: Mapping[str, Sequence[Any]], types: Mapping[str, str]) -> list[bytes]:
    """Return the JSON object of each row, without missing values.

    Args:
        values: The values of each member.
        types: The type of each member.

    Raises:
        InputError: If a value cannot be sent.
    """
    frame = pd.DataFrame({name: pd.Series(list(cells), dtype=object) for name, cells in values.items()})
    reader = ColumnReader(frame, range(len(frame)), strict=True)
    members = {name: reader.column(name, types[name]) for name in values}
    return text_list(reader.dump(lambda: json_objects(members, len(frame))))
