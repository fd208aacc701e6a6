"""The columns of a frame come in; what each is for an upload goes out, or an error that names those that are nothing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toloka_frames._errors import InputError
from toloka_frames._schema.pandas_values import plain_values
from toloka_frames._validation import MAX_SHOWN, check_frame, nearest_hint, reject_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

PREFIXES = ("INPUT:", "GOLDEN:")
SINGLE = ("HINT:text", "HINT:default_language", "TASK:overlap")


@dataclass(frozen=True)
class ColumnRoles:
    """Which column of a frame is what: field names to column names."""

    inputs: Mapping[str, str]
    golden: Mapping[str, str]
    hint: str | None
    language: str | None
    overlap: str | None
    pool: str | None


def roles_of(frame: pd.DataFrame, input_columns: Sequence[str] | None, *, has_pool: bool) -> ColumnRoles:
    """Tell the columns' roles from their names: plain field names, or the prefixes of the platform's own files.

    Raises:
        InputError: The frame is none, is empty, or has columns that have no role.
    """
    names = _names(frame)
    pool = None if has_pool else "pool_id"
    if pool is not None and pool not in names:
        raise InputError("No pool to put the tasks in.", hint="Give pool_id=, or a column pool_id.")
    if input_columns is not None:
        inputs = _chosen(names, input_columns)
    elif any(name.startswith("INPUT:") for name in names):
        _refuse_others([name for name in names if name != pool and not _is_prefixed(name)])
        inputs = _stripped(names, "INPUT:")
    else:
        inputs = {name: name for name in names if name != pool and not _is_prefixed(name)}
    if not inputs or "" in inputs:
        raise InputError("No column with a name holds input values.", hint="Name the columns as the project's input fields.")
    special = {name: name for name in names if _is_prefixed(name)}
    return ColumnRoles(
        inputs,
        _stripped(names, "GOLDEN:"),
        special.get("HINT:text"),
        special.get("HINT:default_language"),
        special.get("TASK:overlap"),
        pool,
    )


def _names(frame: Any) -> list[str]:
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
    twice = frame.columns[frame.columns.duplicated()].tolist()
    if twice:
        raise InputError(f"Column names must differ; these stand twice: {twice[:MAX_SHOWN]!r}.", column=twice[0])
    return names


def _is_prefixed(name: str) -> bool:
    return name.startswith(PREFIXES) or name in SINGLE


def _stripped(names: Sequence[str], prefix: str) -> dict[str, str]:
    return {name.removeprefix(prefix): name for name in names if name.startswith(prefix)}


def _chosen(names: Sequence[str], input_columns: Sequence[str]) -> dict[str, str]:
    many = isinstance(input_columns, Collection) and not isinstance(input_columns, str)
    if not many or not all(isinstance(name, str) for name in input_columns):
        raise InputError(f"input_columns={input_columns!r}: a list of column names is needed.")
    for name in input_columns:
        if name not in names:
            raise InputError(f"input_columns names {name!r}, which the frame lacks{nearest_hint(name, names)}.", column=name)
    fields = {name.removeprefix("INPUT:"): name for name in input_columns}
    if len(fields) < len(input_columns):
        raise InputError(f"input_columns={list(input_columns)!r}: two of them are the same field.")
    return fields


def _refuse_others(others: Sequence[str]) -> None:
    if others:
        raise InputError(
            f"Beside INPUT: columns these have no meaning for an upload: {', '.join(map(repr, others[:10]))}.",
            column=others[0],
            hint="Drop them, or name the input columns with input_columns=[...].",
        )


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
            meant = nearest_hint(str(name), list(members))
            hint = f"The columns are {', '.join(members)}; choose them: df[[...]]."
            raise InputError(f"Column {name!r} has no meaning here{meant}.", column=str(name), hint=hint)
    values = {name: plain_values(frame[name]) for name in frame.columns}
    for name in needed:
        if name not in values:
            raise InputError(f"No column {name!r}: it is needed.", column=name)
        reject_rows(name, values[name], lambda value: value is None or value == "", "is missing")
    return values


def reject_duplicates(column: str, values: Sequence[Any], what: str, hint: str) -> None:
    """Refuse rows that are the same thing twice.

    Raises:
        InputError: There are some.
    """
    first: dict[Any, int] = {}
    for row, value in enumerate(values):
        if (before := first.setdefault(value, row)) != row:
            raise InputError(f"Rows {before} and {row} are the same {what}.", column=column, rows=[before, row], hint=hint)
