"""A frame or its values come in; what is wrong with them goes out as an error that names column, rows and reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from toloka_frames._errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SHOWN_ROWS = 5


def check_frame(frame: Any) -> None:
    """Refuse what is no frame.

    Raises:
        InputError: It is none.
    """
    if not isinstance(frame, pd.DataFrame):
        came = type(frame).__name__
        raise InputError(f"A pandas DataFrame is needed, and a {came} came.", hint="A Scan gives one by .to_dataframe().")


def refuse(
    column: str,
    values: Sequence[Any],
    wrong: Callable[[Any], bool],
    why: str,
    hint: str = "",
    *,
    positions: Sequence[int] | None = None,
) -> None:
    """Refuse a column with values that are wrong.

    Args:
        column: Its name.
        values: Its values.
        wrong: Tells that one is wrong.
        why: What is wrong with it.
        hint: What to do about it.
        positions: The values' positions in the upload, where they are not all of it.

    Raises:
        InputError: There are some; it names column and rows.
    """
    bad = [index for index, value in enumerate(values) if wrong(value)]
    if bad:
        rows = bad if positions is None else [positions[index] for index in bad]
        raise InputError(
            f"Column {column!r}, rows {shown(rows)}: the value {why} (as {_seen(values[bad[0]])}).",
            column=column,
            rows=rows[:SHOWN_ROWS],
            hint=hint,
        )


def shown(rows: Sequence[int]) -> str:
    """The first of rows, and how many more there are."""
    more = f" and {len(rows) - SHOWN_ROWS:,} more" if len(rows) > SHOWN_ROWS else ""
    return ", ".join(map(str, rows[:SHOWN_ROWS])) + more


def _seen(value: Any) -> str:
    try:
        text = str(value)[:60]
    except (ValueError, RecursionError):  # thousands of digits, or of lists in each other
        text = "..."
    return f"{text!r}, {type(value).__name__}"
