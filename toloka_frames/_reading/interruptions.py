"""The error of a pull that ended early, and what becomes of its rows."""

from __future__ import annotations

from enum import Enum

from toloka_frames._errors import ScanInterrupted


class Handover(Enum):
    """What becomes of the rows before an interruption; the value is the error's hint."""

    STREAM = "The rows before it were handed over: continue after them with {after}. If your call returned none, make it again."
    COPY = "The rows before it are kept: make the same call again to resume."
    FOLLOWED = "The frames before it were handed over: make the same call again to continue."
    FRAMES = "The frames before it were handed over. With cursor=path, the same call would continue after them."
    NOTHING = (
        "Nothing was returned: make the same call again. A long pull that resumes by itself is to_parquet(folder, resume=True)."
    )


def interruption(why: str, rows: int, handover: Handover, key: str, cursor: str | None) -> ScanInterrupted:
    """Return the error of a pull that ended early.

    Args:
        why: What happened.
        rows: The number of rows received.
        handover: What became of these rows.
        key: The name of the cursor in filters.
        cursor: The id of the last row received, or the cursor that the list was requested from.
    """
    if not rows:
        handover = Handover.NOTHING
    if handover is Handover.NOTHING:
        cursor = None
    return ScanInterrupted(
        f"The pull ended after {rows:,} rows: {why}",
        cursor=cursor,
        rows=rows,
        hint=handover.value.format(after=f"{key}_gt={cursor!r}"),
    )
