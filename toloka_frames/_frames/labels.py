"""Frames that the service or an upload gave come in; frames to aggregate, to look at or to mend go out.

Pure functions for `df.pipe`, as those of `_tallies` and `_plots`. They go by the names of columns, as `to_dataframe` and the
platform's own files have them, and take the dtypes of both, of Parquet, and of either `dtype_backend`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd

from toloka_frames._errors import InputError
from toloka_frames._schema.pandas_values import STRING_DTYPE, plain_values
from toloka_frames._validation import MAX_SHOWN, check_frame, nearest_hint

if TYPE_CHECKING:
    from collections.abc import Sequence


TASK = "ASSIGNMENT:task_id"
WORKER = "ASSIGNMENT:worker_id"
STATUS = "ASSIGNMENT:status"

REASONS = ("status", "error_field", "error_code", "error_message")


def to_crowdkit(answers: pd.DataFrame, output: str | None = None, *, task: str = TASK, worker: str = WORKER) -> pd.DataFrame:
    """Answers as crowd-kit's aggregators take them: a row for each label that a worker gave to a task.

    Rows without a label are left out, and those of rejected assignments. Control tasks stay.

    Args:
        answers: Columns `ASSIGNMENT:task_id`, `ASSIGNMENT:worker_id` (text) and `OUTPUT:` (any), as `get_assignments` gives
            them; `ASSIGNMENT:status` where it is there.
        output: The output field, "result" or "OUTPUT:result", or another column; None where there is one output field only.
        task: The column that tells tasks apart, as "INPUT:image" where one picture was several tasks.
        worker: The column that tells workers apart.

    Returns:
        Columns `task`, `worker` and `label` in the order of the answers, on a new index. They hold what crowd-kit computes
        with: plain strings, int64, float64 or bool; or lists, which its BinaryRelevance takes.

    Raises:
        InputError: A column is missing, or it is not clear which output is meant.

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
    label = _output(answers, output)
    given = _given(answers, [task, worker], [label])
    columns = {"task": task, "worker": worker, "label": label}
    return pd.DataFrame({name: plain_values(given[column]) for name, column in columns.items()})


def explode(answers: pd.DataFrame, *, task: str = TASK, worker: str = WORKER) -> pd.DataFrame:
    """Answers in long form: a row for each task, worker and output field, and for each element where the answer is a list.

    A field left blank and an empty list are a row without a label. Answers without any value are left out, and rejected ones.

    Args:
        answers: Columns `ASSIGNMENT:task_id`, `ASSIGNMENT:worker_id` (text) and one or more of `OUTPUT:` (any), as
            `get_assignments` gives them; `ASSIGNMENT:status` where it is there.
        task: The column that tells tasks apart.
        worker: The column that tells workers apart.

    Returns:
        Columns `task`, `worker`, `output` (the field's name) and `label`, on a new index, in the order of the answers. All are
        text, because fields of several types share a column: numbers and booleans as JSON spells them.

    Raises:
        InputError: A column is missing.

    Example:
        >>> answers = pd.DataFrame(
        ...     {
        ...         "OUTPUT:tags": [["red", "round"], []],
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
        3   t1  boris   tags   <NA>
        4   t1  boris   sure  false

    Source: Toloka API, "Create project" (types of fields, `array_*`).
    """
    outputs = named(answers, "OUTPUT:")
    given = _given(answers, [task, worker], outputs)
    texts = {name.removeprefix("OUTPUT:"): [_texts(value) for value in plain_values(given[name])] for name in outputs}
    frame = pd.DataFrame({"task": plain_values(given[task]), "worker": plain_values(given[worker])} | texts)
    # melt puts one field after the other; by the index the fields of an answer come together again, in their order
    long = frame.melt(["task", "worker"], var_name="output", value_name="label", ignore_index=False)
    return long.sort_index(kind="stable").explode("label", ignore_index=True).astype(STRING_DTYPE)


def wide(answers: pd.DataFrame, output: str | None = None, *, task: str = TASK, worker: str = WORKER) -> pd.DataFrame:
    """Answers side by side: a row for each task, a column for each worker.

    Rows without a label are left out, and those of rejected assignments.

    Args:
        answers: As for `to_crowdkit`.
        output: The output field, "result" or "OUTPUT:result", or another column; None where there is one output field only.
        task: The column that tells tasks apart.
        worker: The column that tells workers apart.

    Returns:
        A column for each worker (their ids, named `worker`), on the tasks as index (named `task`), both sorted. The dtype is
        that of the answers; missing where a worker did not do a task.

    Raises:
        InputError: A column is missing, it is not clear which output is meant, or a worker answered a task twice.

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
    label = _output(answers, output)
    given = _given(answers, [task, worker], [label])
    twice = given.duplicated([task, worker])
    if twice.any():
        first = given.loc[twice, [task, worker]].iloc[0].tolist()
        raise InputError(
            f"{twice.sum()} answers are not the first of their worker to their task, as that of {first[1]} to {first[0]}.",
            column=label,
            hint=f"Choose, as by drop_duplicates([{task!r}, {worker!r}]).",
        )
    table = given.pivot(index=task, columns=worker, values=label)  # noqa: PD010 -- pivot_table would aggregate
    return table.rename_axis(index="task", columns="worker")


def failed(frame: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    """The rows of an upload that were refused, with the reasons: those to mend and to send again.

    Args:
        frame: What was uploaded, any columns.
        results: What the upload returned for it, a row for each row in the same order; `status` (text).

    Returns:
        The rows of `frame` that are INVALID or FAILED, on its index, with `status`, `error_field`, `error_code` and
        `error_message` (text) behind its columns; `[frame.columns]` takes these off again. Rows go together by position, so
        an index may have duplicates.

    Raises:
        InputError: The results are not those of this frame, or a column is missing, or one of the frame's has a name of theirs.

    Example:
        >>> pictures = pd.DataFrame({"image": ["https://example.com/1.jpg", "none"]})
        >>> results = pd.DataFrame({"status": ["CREATED", "INVALID"], "error_code": [None, "INVALID_URL_SYNTAX"]})
        >>> pictures.pipe(tf.failed, results)
          image   status          error_code
        1  none  INVALID  INVALID_URL_SYNTAX

    Source: `create_tasks`, whose results have these columns.
    """
    return _with_reasons(frame, results, "INVALID", "FAILED")


def pending(frame: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    """The rows of an upload that have no end yet; the same call of the upload again goes on with them.

    Args:
        frame: What was uploaded, any columns.
        results: What the upload returned for it, a row for each row in the same order; `status` (text).

    Returns:
        The rows of `frame` that are UNKNOWN or NOT_SENT, with the same columns behind its own as `failed` has.

    Raises:
        InputError: The results are not those of this frame, or a column is missing, or one of the frame's has a name of theirs.

    Example:
        >>> pictures = pd.DataFrame({"image": ["https://example.com/1.jpg", "https://example.com/2.jpg"]})
        >>> results = pd.DataFrame({"status": ["CREATED", "NOT_SENT"]})
        >>> pictures.pipe(tf.pending, results)
                               image    status
        1  https://example.com/2.jpg  NOT_SENT

    Source: `create_tasks`, whose results have these columns.
    """
    return _with_reasons(frame, results, "UNKNOWN", "NOT_SENT")


def need(frame: Any, names: Sequence[str]) -> None:
    """Refuse what is no frame or lacks a column."""
    check_frame(frame)
    for name in names:
        if name not in frame.columns:
            raise InputError(
                f"There is no column {name!r}{nearest_hint(name, [str(other) for other in frame.columns])}.", column=name
            )


def named(frame: Any, prefix: str) -> list[str]:
    """The columns with this prefix, of which there must be one."""
    need(frame, [])
    names = [name for name in frame.columns if str(name).startswith(prefix)]
    if not names:
        raise InputError(f"There is no column {prefix}* with a field of the project.", column=prefix)
    return names


def _output(answers: pd.DataFrame, output: str | None) -> str:
    """The one column that is meant."""
    if output is not None:
        need(answers, [])
        name = output if output in answers.columns else f"OUTPUT:{output.removeprefix('OUTPUT:')}"
        need(answers, [name])
        return name
    names = named(answers, "OUTPUT:")
    if len(names) > 1:
        raise InputError(
            f"There are {len(names)} outputs: {', '.join(names[:MAX_SHOWN])}.",
            column="output",
            hint=f"Name one: output={names[0].removeprefix('OUTPUT:')!r}; tf.explode takes all.",
        )
    return names[0]


def _given(answers: pd.DataFrame, keys: list[str], values: list[str]) -> pd.DataFrame:
    """The rows that are an answer by somebody to something and were not rejected."""
    need(answers, [*keys, *values])
    given = answers.dropna(subset=keys).dropna(subset=values, how="all")
    # not by !=, in which a missing status is missing and its row would go
    return given[~given[STATUS].isin(["REJECTED"])] if STATUS in given.columns else given


def _texts(value: Any) -> Any:
    """What a text column can hold of a value, element by element where it is a list."""
    if isinstance(value, list):
        return [_texts(element) for element in value]
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _with_reasons(frame: pd.DataFrame, results: pd.DataFrame, *statuses: str) -> pd.DataFrame:
    need(frame, [])
    need(results, ["status"])
    # as objects: a file gives an index back in another dtype, and Int64 does not equal int64 of the same numbers
    if not frame.index.astype(object).equals(results.index.astype(object)):
        raise InputError(
            f"These are not the results of this frame: {len(results):,} rows and {len(frame):,}, or another index.",
            hint="results.set_axis(df.index), if their rows are in the same order.",
        )
    reasons = [name for name in REASONS if name in results.columns]
    for name in reasons:
        if name in frame.columns:
            raise InputError(f"The frame has a column {name!r} of its own.", column=name, hint="Rename it before.")
    chosen = results["status"].isin(statuses).to_numpy()
    # arrays, because pandas puts a column in its place by the index, in which a label may stand twice
    return frame[chosen].assign(**{name: results.loc[chosen, name].array for name in reasons})
