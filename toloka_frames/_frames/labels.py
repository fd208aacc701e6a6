"""Bring answers into the form of labels: for crowd-kit, long, or wide.

The functions are for `df.pipe`. They find columns by the names that `to_dataframe` and the platform's own files use, and accept
the dtypes of both, of Parquet files, and of either `dtype_backend`.
"""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from toloka_frames._errors import InputError
from toloka_frames._frames.columns import ASSIGNMENT_STATUS, TASK_ID, WORKER_ID, check_columns, columns_with_prefix
from toloka_frames._frames.comparison import label, without_empty_text
from toloka_frames._schema.pandas_values import as_text, plain_values
from toloka_frames._validation import MAX_SHOWN, check_frame


def to_crowdkit(
    answers: pd.DataFrame, output: str | None = None, *, task: str = TASK_ID, worker: str = WORKER_ID
) -> pd.DataFrame:
    """Return answers in the form that crowd-kit's aggregators take: a row for each label that a worker gave to a task.

    Rows without a label, which empty text is not, and rows of rejected assignments are left out. Control tasks are included.
    Labels that are JSON objects have their keys sorted, so that equal ones are the same label.

    Args:
        answers: Columns `ASSIGNMENT:task_id`, `ASSIGNMENT:worker_id` (text) and `OUTPUT:` (any), as `get_assignments` returns
            them, and `ASSIGNMENT:status` if rejected assignments must be left out.
        output: The output field, "result" or "OUTPUT:result", or any other column. None if there is only one output field.
        task: The column that identifies tasks, for example "INPUT:image" if one picture was in several tasks.
        worker: The column that identifies workers.

    Returns:
        Columns `task`, `worker` and `label` in the order of the answers, on a new index. Their values are plain strings, int64,
        float64 or bool, which crowd-kit can compute with, or tuples, for its BinaryRelevance.

    Raises:
        InputError: If a column is missing, or there are several output fields and `output` is None.

    Example:
        >>> answers = pd.DataFrame(
        ...     {
        ...         "OUTPUT:result": ["cat", "dog", None],
        ...         "ASSIGNMENT:task_id": ["t1", "t1", "t2"],
        ...         "ASSIGNMENT:worker_id": ["anna", "boris", "anna"],
        ...     }
        ... )
        >>> answers.pipe(tf.to_crowdkit)
          task worker label
        0   t1   anna   cat
        1   t1  boris   dog

    Source: crowd-kit, `BaseClassificationAggregator` (columns); Toloka API, "Get list of aggregated results" (accepted
    responses count).
    """
    answers = check_frame(answers)
    column = _output_column(answers, output)
    rows = _valid_answers(answers, [task, worker], [column])
    labels = [tuple(value) if isinstance(value, list) else label(value) for value in plain_values(rows[column])]
    return pd.DataFrame({"task": plain_values(rows[task]), "worker": plain_values(rows[worker]), "label": labels})


def explode(answers: pd.DataFrame, *, task: str = TASK_ID, worker: str = WORKER_ID) -> pd.DataFrame:
    """Return answers in long form: a row for each task, worker and output field, and for each element of a list.

    An empty field, empty text or an empty list becomes a row without a label. Answers without any value and answers of rejected
    assignments are left out.

    Args:
        answers: Columns `ASSIGNMENT:task_id`, `ASSIGNMENT:worker_id` (text) and one or more of `OUTPUT:` (any), as
            `get_assignments` returns them, and `ASSIGNMENT:status` if rejected assignments must be left out.
        task: The column that identifies tasks.
        worker: The column that identifies workers.

    Returns:
        Columns `task`, `worker`, `output` (the field's name) and `label` in the order of the answers, on a new index. All are
        text, because fields of different types share a column; numbers and booleans are written as in JSON.

    Raises:
        InputError: If a column is missing.

    Example:
        >>> answers = pd.DataFrame(
        ...     {
        ...         "OUTPUT:tags": [["red", "round"], ["red"]],
        ...         "OUTPUT:sure": [True, False],
        ...         "ASSIGNMENT:task_id": ["t1", "t1"],
        ...         "ASSIGNMENT:worker_id": ["anna", "boris"],
        ...     }
        ... )
        >>> answers.pipe(tf.explode)
          task worker output  label
        0   t1   anna   tags    red
        1   t1   anna   tags  round
        2   t1   anna   sure   true
        3   t1  boris   tags    red
        4   t1  boris   sure  false

    Source: Toloka API, "Create project" (types of fields, `array_*`).
    """
    answers = check_frame(answers)
    outputs = columns_with_prefix(answers, "OUTPUT:")
    rows = _valid_answers(answers, [task, worker], outputs)
    texts = {name.removeprefix("OUTPUT:"): [_as_text(value) for value in plain_values(rows[name])] for name in outputs}
    frame = pd.DataFrame({"task": plain_values(rows[task]), "worker": plain_values(rows[worker])} | texts)
    # melt puts one field after the other; a stable sort by the index brings the fields of an answer together again
    long = frame.melt(["task", "worker"], var_name="output", value_name="label", ignore_index=False)
    return long.sort_index(kind="stable").explode("label", ignore_index=True).apply(as_text)


def wide(answers: pd.DataFrame, output: str | None = None, *, task: str = TASK_ID, worker: str = WORKER_ID) -> pd.DataFrame:
    """Return answers in wide form: a row for each task, a column for each worker.

    Rows without a label, which empty text is not, and rows of rejected assignments are left out.

    Args:
        answers: As for `to_crowdkit`.
        output: The output field, "result" or "OUTPUT:result", or any other column. None if there is only one output field.
        task: The column that identifies tasks.
        worker: The column that identifies workers.

    Returns:
        A column for each worker (the columns are named `worker`), with the tasks as index (named `task`), both sorted. The
        dtype is that of the answers; a cell is missing if the worker did not do the task.

    Raises:
        InputError: If a column is missing, there are several output fields and `output` is None, or a worker answered a task
            twice.

    Example:
        >>> answers = pd.DataFrame(
        ...     {
        ...         "OUTPUT:result": pd.array([4, 5, 1], dtype="Int64"),
        ...         "ASSIGNMENT:task_id": ["t1", "t1", "t2"],
        ...         "ASSIGNMENT:worker_id": ["anna", "boris", "anna"],
        ...     }
        ... )
        >>> answers.pipe(tf.wide)
        worker  anna  boris
        task
        t1         4      5
        t2         1   <NA>

    Source: Toloka API, "Get list of responses".
    """
    answers = check_frame(answers)
    column = _output_column(answers, output)
    rows = _valid_answers(answers, [task, worker], [column])
    repeated = rows.duplicated([task, worker])
    if repeated.any():
        first_task, first_worker = rows.loc[repeated, [task, worker]].iloc[0].tolist()
        raise InputError(
            f"{repeated.sum()} answers are repeated, for example that of {first_worker} to {first_task}.",
            column=column,
            hint=f"Keep one answer for each worker and task, for example with drop_duplicates([{task!r}, {worker!r}]).",
        )
    table = rows.pivot(index=task, columns=worker, values=column)  # noqa: PD010 -- pivot_table would aggregate
    return table.rename_axis(index="task", columns="worker")


def _output_column(answers: pd.DataFrame, output: str | None) -> str:
    """Return the column of an output field; if `output` is None, the only `OUTPUT:` column."""
    if output is not None:
        name = output if output in answers.columns else f"OUTPUT:{output.removeprefix('OUTPUT:')}"
        check_columns(answers, [name])
        return name
    names = columns_with_prefix(answers, "OUTPUT:")
    if len(names) > 1:
        raise InputError(
            f"There are {len(names)} outputs: {', '.join(names[:MAX_SHOWN])}.",
            column="output",
            hint=f"Choose one, for example output={names[0].removeprefix('OUTPUT:')!r}, or use tf.explode for all of them.",
        )
    return names[0]


def _valid_answers(answers: pd.DataFrame, keys: list[str], values: list[str]) -> pd.DataFrame:
    """Return the rows with all keys and at least one value, without those of rejected assignments."""
    check_columns(answers, [*keys, *values])
    rows = without_empty_text(answers, values).dropna(subset=keys).dropna(subset=values, how="all")
    # not `!= "REJECTED"`, which is missing for a missing status and would drop its row
    return rows[~rows[ASSIGNMENT_STATUS].isin(["REJECTED"])] if ASSIGNMENT_STATUS in rows.columns else rows


def _as_text(value: Any) -> Any:
    """Return a value as text, and a list as a list of texts; None stays None."""
    if isinstance(value, list):
        return [_as_text(element) for element in value]
    return label(value) if value is None or isinstance(value, str) else json.dumps(value, sort_keys=True)
