"""Split answers into the groups that have all their answers and those that wait for more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from toloka_frames._errors import InputError
from toloka_frames._frames.columns import check_columns
from toloka_frames._validation import check_frame, positive, validate

if TYPE_CHECKING:
    from collections.abc import Sequence


def complete(
    answers: pd.DataFrame, by: str | Sequence[str] = "ASSIGNMENT:task_id", *, overlap: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split answers into those whose group has at least `overlap` of them, and those that wait for more.

    A group is the rows with equal values in `by`, such as the answers to a task. Rows are counted as they are: a frame with the
    same answers twice counts them twice. Keep the second frame, and add the next answers to it:
    `ready, waiting = pd.concat([waiting, frame]).pipe(tf.complete, "INPUT:image", overlap=3)`.

    Args:
        answers: Any frame of answers, such as those of `tf.follow`, with the column `by` (any dtype with hashable values).
        by: The column that tells groups apart, or a list of columns. By default the task.
        overlap: Answers of a complete group, at least 1.

    Returns:
        Two frames, `ready` and `waiting`: copies of the rows in their order, with their index and dtypes. Rows with a missing
        value in `by` belong to no group, and wait.

    Raises:
        InputError: If a column is missing, or `overlap` is not a positive whole number.

    Example:
        >>> answers = pd.DataFrame({"INPUT:image": ["a", "b", "a"], "OUTPUT:result": ["cat", "dog", "cat"]})
        >>> ready, waiting = answers.pipe(tf.complete, by="INPUT:image", overlap=2)
        >>> ready["INPUT:image"].tolist(), waiting["INPUT:image"].tolist()
        (['a', 'a'], ['b'])

    Source: Toloka-Kit's example notebooks of `streaming`, which keep such a table by hand.
    """
    answers = check_frame(answers)
    columns = _columns(by)
    check_columns(answers, columns)
    most = int(validate("overlap", positive, overlap))
    is_ready = _group_sizes(answers, columns) >= most
    return answers.loc[is_ready].copy(), answers.loc[~is_ready].copy()


def _columns(by: Any) -> list[str]:
    columns = [by] if isinstance(by, str) else list(by) if isinstance(by, list | tuple | pd.Index) else []
    if not columns or not all(isinstance(column, str) for column in columns):
        raise InputError(f"by={by!r}: the name of a column is needed, or a list of names.", column="by")
    return columns


def _group_sizes(answers: pd.DataFrame, columns: Sequence[str]) -> Any:
    """Return for each row the number of rows in its group as an array; 0 for a row without a group."""
    # by position, because the index of concatenated frames repeats itself
    keys = [answers[column].reset_index(drop=True) for column in columns]
    groups = pd.Series(1, index=pd.RangeIndex(len(answers))).groupby(keys, observed=True, dropna=True)
    return groups.transform("size").fillna(0).to_numpy()
