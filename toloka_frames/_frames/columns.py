"""Column names that several helpers read, and checks that a frame has its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toloka_frames._errors import InputError
from toloka_frames._validation import check_frame, nearest_hint

if TYPE_CHECKING:
    from collections.abc import Sequence

TASK_ID = "ASSIGNMENT:task_id"
ASSIGNMENT_ID = "ASSIGNMENT:assignment_id"
WORKER_ID = "ASSIGNMENT:worker_id"
ASSIGNMENT_STATUS = "ASSIGNMENT:status"

ITEMS_COUNT = "items_count"
ITEMS_PROCESSED = "items_processed_count"


def check_columns(frame: Any, names: Sequence[str]) -> None:
    """Check that `frame` is a DataFrame with these columns.

    Raises:
        InputError: If it is not a DataFrame, or a column is missing; the message shows the most similar column.
    """
    check_frame(frame)
    for name in names:
        if name not in frame.columns:
            raise InputError(
                f"There is no column {name!r}{nearest_hint(name, [str(other) for other in frame.columns])}.", column=name
            )


def columns_with_prefix(frame: Any, prefix: str) -> list[str]:
    """Return the columns whose names begin with a prefix, for example `OUTPUT:`.

    Raises:
        InputError: If `frame` is not a DataFrame, or has no column with the prefix.
    """
    check_frame(frame)
    names = [name for name in frame.columns if str(name).startswith(prefix)]
    if not names:
        raise InputError(f"There is no column {prefix}* with a field of the project.", column=prefix)
    return names
