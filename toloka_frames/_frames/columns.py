"""Column names that several helpers read, and checks that a frame has its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toloka_frames._errors import InputError
from toloka_frames._validation import check_column_names, nearest_hint

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

TASK_ID = "ASSIGNMENT:task_id"
ASSIGNMENT_ID = "ASSIGNMENT:assignment_id"
WORKER_ID = "ASSIGNMENT:worker_id"
ASSIGNMENT_STATUS = "ASSIGNMENT:status"

ITEMS_COUNT = "items_count"
ITEMS_PROCESSED = "items_processed_count"


def check_columns(frame: pd.DataFrame, names: Sequence[str], hint: str = "") -> None:
    """Check that a frame has each of these columns once.

    Args:
        frame: The frame.
        names: The columns.
        hint: Where a missing column comes from.

    Raises:
        InputError: If a column is missing or occurs twice; the message shows the most similar column.
    """
    if frame.columns.nlevels > 1:
        check_column_names(frame)
    for name in names:
        if name in frame.columns and not isinstance(frame.columns.get_loc(name), int):
            raise InputError(f"There are several columns {name!r}.", column=name, hint="Keep one of them.")
        if name not in frame.columns:
            similar = nearest_hint(name, [str(other) for other in frame.columns])
            raise InputError(f"There is no column {name!r}{similar}.", column=name, hint=hint)


def answers_once(answers: pd.DataFrame) -> pd.DataFrame:
    """Return answers without repeated rows: the first row of each task of an assignment, if the frame has both ids.

    Frames that are put together from several pulls can have a row twice.
    """
    keys = [ASSIGNMENT_ID, TASK_ID]
    if not set(keys) <= set(answers.columns):
        return answers
    is_repeated = answers[keys].duplicated() & answers[keys].notna().all(axis=1)
    return answers[~is_repeated.to_numpy(bool)]


def names_with_prefix(frame: pd.DataFrame, prefix: str) -> list[str]:
    """Return the columns whose names begin with a prefix, for example `OUTPUT:`; there may be none."""
    return [name for name in frame.columns if str(name).startswith(prefix)]


def columns_with_prefix(frame: pd.DataFrame, prefix: str) -> list[str]:
    """Return the columns whose names begin with a prefix, of which there must be one.

    Raises:
        InputError: If no column has the prefix.
    """
    names = names_with_prefix(frame, prefix)
    if not names:
        raise InputError(f"There is no column {prefix}* with a field of the project.", column=prefix)
    return names
