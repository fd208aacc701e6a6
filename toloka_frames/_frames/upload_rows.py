"""Select rows of an uploaded frame by their results: those that failed, and those whose outcome is not known yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toloka_frames._errors import InputError
from toloka_frames._frames.columns import check_columns
from toloka_frames._validation import check_frame

if TYPE_CHECKING:
    import pandas as pd

REASON_COLUMNS = ("status", "error_field", "error_code", "error_message")


def failed(frame: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of an upload that were rejected, with the reasons, to correct them and upload them again.

    Args:
        frame: The uploaded frame, with any columns.
        results: What the upload returned for it: a row for each row of `frame` in the same order, with column `status` (text).

    Returns:
        The rows of `frame` that are INVALID or FAILED, on its index, followed by the columns `status`, `error_field`,
        `error_code` and `error_message` (text); `[frame.columns]` removes these again. Rows are matched by position, so the
        index may have duplicates.

    Raises:
        InputError: If the results do not belong to this frame, a column is missing, or the frame already has a column of one of
            these names.

    Example:
        >>> pictures = pd.DataFrame({"image": ["https://example.com/1.jpg", "none"]})
        >>> results = pd.DataFrame({"status": ["CREATED", "INVALID"], "error_code": [None, "INVALID_URL_SYNTAX"]})
        >>> pictures.pipe(tf.failed, results)
          image   status          error_code
        1  none  INVALID  INVALID_URL_SYNTAX

    Source: `create_tasks`, whose results have these columns.
    """
    return _rows_with_status(frame, results, ["INVALID", "FAILED"])


def pending(frame: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of an upload whose outcome is not known yet. The same upload call again continues with them.

    Args:
        frame: The uploaded frame, with any columns.
        results: What the upload returned for it: a row for each row of `frame` in the same order, with column `status` (text).

    Returns:
        The rows of `frame` that are UNKNOWN or NOT_SENT, on its index, followed by the same columns as in `failed`.

    Raises:
        InputError: If the results do not belong to this frame, a column is missing, or the frame already has a column of one of
            these names.

    Example:
        >>> pictures = pd.DataFrame({"image": ["https://example.com/1.jpg", "https://example.com/2.jpg"]})
        >>> results = pd.DataFrame({"status": ["CREATED", "NOT_SENT"]})
        >>> pictures.pipe(tf.pending, results)
                               image    status
        1  https://example.com/2.jpg  NOT_SENT

    Source: `create_tasks`, whose results have these columns.
    """
    return _rows_with_status(frame, results, ["UNKNOWN", "NOT_SENT"])


def _rows_with_status(frame: pd.DataFrame, results: pd.DataFrame, statuses: list[str]) -> pd.DataFrame:
    frame, results = check_frame(frame), check_frame(results)
    check_columns(results, ["status"])
    _check_same_index(frame, results)
    reasons = [name for name in REASON_COLUMNS if name in results.columns]
    for name in reasons:
        if name in frame.columns:
            raise InputError(f"The frame already has a column {name!r}.", column=name, hint="Rename it first.")
    selected = results["status"].isin(statuses).to_numpy()
    # as arrays: pandas would align Series by the index, which may have duplicates
    return frame[selected].assign(**{name: results.loc[selected, name].array for name in reasons})


def _check_same_index(frame: pd.DataFrame, results: pd.DataFrame) -> None:
    # as objects: an index read back from a file can have another dtype, and Int64 does not equal int64 of the same numbers
    if frame.index.astype(object).equals(results.index.astype(object)):
        return
    rows = f"the results have {len(results):,} rows, the frame has {len(frame):,}"
    raise InputError(
        f"These are not the results of this frame: {rows}{', with another index' if len(results) == len(frame) else ''}.",
        hint="If their rows are in the same order, use results.set_axis(df.index).",
    )
