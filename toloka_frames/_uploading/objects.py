"""A frame with a column for each member of an object comes in, checked; what is wrong is named by column and rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toloka_frames._errors import InputError
from toloka_frames._schema.filters import nearest
from toloka_frames._schema.series import plain_values
from toloka_frames._validation import check_frame, refuse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def members_of(frame: Any, members: Mapping[str, str], needed: Sequence[str]) -> dict[str, list[Any]]:
    """The values of each column, None where they are missing.

    Args:
        frame: The rows.
        members: The columns that have a meaning.
        needed: Those of them that have a value in each row.

    Raises:
        InputError: It is no frame or empty, a column has no meaning, or one that is needed lacks a value.
    """
    check_frame(frame)
    if not len(frame):
        raise InputError("The frame has no rows, so there is nothing to do.")
    if frame.columns.has_duplicates:
        raise InputError("Column names must differ.", column=str(frame.columns[frame.columns.duplicated()][0]))
    for name in frame.columns:
        if name not in members:
            meant = nearest(str(name), list(members))
            hint = f"The columns are {', '.join(members)}; choose them: df[[...]]."
            raise InputError(f"Column {name!r} has no meaning here{meant}.", column=str(name), hint=hint)
    values = {name: plain_values(frame[name]) for name in frame.columns}
    for name in needed:
        if name not in values:
            raise InputError(f"No column {name!r}: it is needed.", column=name)
        refuse(name, values[name], lambda value: value is None or value == "", "is missing")
    return values


def refuse_twins(column: str, values: Sequence[Any], what: str, hint: str) -> None:
    """Refuse rows that are the same thing twice.

    Raises:
        InputError: There are some.
    """
    first: dict[Any, int] = {}
    for row, value in enumerate(values):
        if (before := first.setdefault(value, row)) != row:
            raise InputError(f"Rows {before} and {row} are the same {what}.", column=column, rows=[before, row], hint=hint)
