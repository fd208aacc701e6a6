"""Plot progress, workers, agreement and time with matplotlib (the extra `plot`)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd

from toloka_frames._errors import InputError
from toloka_frames._frames.columns import ITEMS_COUNT, ITEMS_PROCESSED, TASK_ID, WORKER_ID, check_columns
from toloka_frames._frames.labels import to_crowdkit
from toloka_frames._frames.over_time import check_freq, next_period, over_time
from toloka_frames._runtime.progress import counted
from toloka_frames._validation import check_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from toloka_frames._frames.over_time import Frequency

PERIOD_NAMES = {"s": "second", "min": "minute", "h": "hour", "D": "day", "W-SUN": "week", "MS": "month", "ME": "month"}
MAJORITY = 0.5
LEVELS = ["all agree", "majority agrees", "no majority"]
MOST_STEPS = 150


def plot_progress(progress: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Plot the result of `progress_by_status`: a horizontal bar for each status, the most frequent one on top.

    If there are items, a bar is as long as the number of items, in two parts: processed and left. Otherwise it is as long as
    `count`. The numbers are written at the ends of the bars. At most 30 rows are drawn, or as many as fit on `ax`: the last row
    then has the sum of the others, as a number without a bar.

    Args:
        progress: The result of `progress_by_status`: column `count`, or `items_count` and `items_processed_count` (integers).
        ax: The axes to draw on; None creates a figure.

    Returns:
        The axes, for titles and `.figure.savefig`. Colours are those of matplotlib's current style, as
        `plt.style.use("dark_background")` sets it.

    Raises:
        InputError: If a column is missing, or there are no rows.
        ImportError: If matplotlib is not installed.

    Example:
        >>> batches = pd.DataFrame({"status": ["NEW", "COMPLETED"], "items_count": [4, 6], "items_processed_count": [0, 6]})
        >>> ax = batches.pipe(tf.progress_by_status).pipe(tf.plot_progress)
        >>> ax.get_title()
        'Items by status: 6 of 10 processed'

    Source: Apps API, "Get batch by ID" (`status`, `items_count`, `items_processed_count`).
    """
    progress = check_frame(progress)
    names = [ITEMS_COUNT, ITEMS_PROCESSED] if ITEMS_COUNT in progress.columns else ["count"]
    _check_drawable(progress, names)
    from toloka_frames._frames import drawing  # noqa: PLC0415 -- matplotlib is an extra that only plots need

    counts = _folded(_numbers(progress, names), drawing.number_of_bars(ax), "others")
    if names == ["count"]:
        texts = [f"{count:,.0f}" for count in counts["count"]]
        title = f"By status: {counts['count'].sum():,.0f} in all"
        return drawing.draw_bars(_without_sum(counts, progress), texts, title, "count", ax=ax, share=False)
    everything, processed = counts[ITEMS_COUNT], counts[ITEMS_PROCESSED]
    parts = pd.DataFrame({"processed": processed, "left": (everything - processed).clip(lower=0)})
    texts = [f"{part / (whole or 1):.0%} of {whole:,.0f}" for part, whole in zip(processed, everything, strict=True)]
    title = f"Items by status: {processed.sum():,.0f} of {everything.sum():,.0f} processed"
    return drawing.draw_bars(_without_sum(parts, progress), texts, title, "items", ax=ax, share=False)


def plot_workers(workers: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Plot the result of `quality`: workers by the number of control answers and the share of right ones.

    Workers with the same numbers are one point, which is the larger the more workers it stands for, as the legend shows. Small
    points lie on top of large ones. More than 500 different points are joined: workers in the same cell of a grid of 40 by 20
    become one point at their mean. Workers without a share are left out.

    Args:
        workers: The result of `quality`: columns `control_answers` (integers) and `share` (0 to 1).
        ax: The axes to draw on; None creates a figure.

    Returns:
        The axes; colours as in `plot_progress`.

    Raises:
        InputError: If a column is missing, or no row has both values.
        ImportError: If matplotlib is not installed.

    Example:
        >>> workers = pd.DataFrame({"control_answers": [10, 20], "share": [0.5, 0.9]}, index=["anna", "boris"])
        >>> ax = workers.pipe(tf.plot_workers)
        >>> ax.get_ylabel()
        'share right'

    Source: Toloka's guide, "Control tasks" (correct responses of the completed control tasks).
    """
    workers = check_frame(workers)
    names = ["control_answers", "share"]
    _check_drawable(workers, names)
    from toloka_frames._frames import drawing  # noqa: PLC0415 -- matplotlib is an extra that only plots need

    known = pd.DataFrame({name: _floats(workers[name]) for name in names}).dropna()
    _check_some(known, "no worker has a share")
    title = f"Quality of {counted(len(known), 'worker')}"
    x, y = (known[name].to_numpy() for name in names)
    return drawing.draw_points(x, y, title, "answers to control tasks", "share right", "workers", ax=ax)


def plot_over_time(answers: pd.DataFrame, freq: Frequency = "1h", *, ax: Axes | None = None) -> Axes:
    """Plot what `over_time` counts: assignments submitted, accepted and rejected by periods, and the share right.

    The filled area is the number of assignments submitted in each period, the lines are the numbers accepted and, if there are
    any, rejected in it. The axis on the right, which is there if control tasks were answered, has the share of right answers.
    Of more than 150 periods, neighbours are joined, and the means of their numbers are drawn.

    Args:
        answers: As for `over_time`.
        freq: The length of a period, as for `over_time`.
        ax: The axes to draw on; None creates a figure.

    Returns:
        The axes of the counts; colours as in `plot_progress`.

    Raises:
        InputError: As of `over_time`, or if there is no event.
        ImportError: If matplotlib is not installed.

    Example:
        >>> answers = pd.DataFrame(
        ...     {
        ...         "ASSIGNMENT:assignment_id": ["a1", "a2"],
        ...         "ASSIGNMENT:worker_id": ["anna", "boris"],
        ...         "ASSIGNMENT:status": ["ACCEPTED", "SUBMITTED"],
        ...         "ASSIGNMENT:submitted": ["2026-01-31T09:50", "2026-01-31T11:10"],
        ...         "ASSIGNMENT:accepted": ["2026-01-31T09:51", None],
        ...         "ASSIGNMENT:reward": [0.02, 0.02],
        ...     }
        ... )
        >>> ax = answers.pipe(tf.plot_over_time, "1h")
        >>> ax.get_ylabel()
        'assignments per hour'

    Source: as of `over_time`.
    """
    frame, offset = over_time(answers, freq), check_freq(freq)
    _check_drawable(frame, [])
    from toloka_frames._frames import drawing  # noqa: PLC0415 -- matplotlib is an extra that only plots need

    step = -(-len(frame) // MOST_STEPS)
    drawn = _joined(frame, step)
    edges = pd.DatetimeIndex([*drawn.index, next_period(frame.index[-1], offset)])
    counts = drawn[["submitted", "accepted", "rejected"] if frame["rejected"].any() else ["submitted", "accepted"]]
    name = PERIOD_NAMES.get(offset.freqstr, offset.freqstr)
    ylabel = f"assignments per {name}" + (f" (means of {step})" if step > 1 else "")
    title = f"Assignments: {frame['submitted'].sum():,} submitted, {frame['spent'].sum():,.2f} dollars spent"
    return drawing.draw_steps(edges, counts, drawn["share_right"].to_numpy(), title, ylabel, ax=ax)


def plot_agreement(
    answers: pd.DataFrame,
    output: str | None = None,
    *,
    task: str = TASK_ID,
    worker: str = WORKER_ID,
    ax: Axes | None = None,
) -> Axes:
    """Plot on which share of tasks workers agree, of all tasks and of those with each label.

    A task's label is the one that a majority, more than half of its answers, have. The first bar is that of all tasks: the
    shares on which all agree, on which a majority agrees, and which have no majority. The next bars are those of the tasks of
    each label, the most frequent label first, and of the tasks without one. The number of tasks is written at the end of each
    bar. Tasks with less than two answers do not count. If there are more labels than fit, the last bar has the others.

    Args:
        answers: As for `to_crowdkit`.
        output: The output field, "result" or "OUTPUT:result", or any other column. None if there is only one output field.
        task: The column that identifies tasks.
        worker: The column that identifies workers.
        ax: The axes to draw on; None creates a figure.

    Returns:
        The axes; colours as in `plot_progress`.

    Raises:
        InputError: As of `to_crowdkit`, or if no task has two answers.
        ImportError: If matplotlib is not installed.

    Example:
        >>> answers = pd.DataFrame(
        ...     {
        ...         "OUTPUT:result": ["cat", "cat", "cat", "dog"],
        ...         "ASSIGNMENT:task_id": ["t1", "t1", "t2", "t2"],
        ...         "ASSIGNMENT:worker_id": ["anna", "boris", "anna", "boris"],
        ...     }
        ... )
        >>> ax = answers.pipe(tf.plot_agreement)
        >>> [label.get_text() for label in ax.get_yticklabels()]
        ['all tasks', 'cat', 'no majority']

    Source: crowd-kit, `MajorityVote` (the label that most workers gave).
    """
    labels = to_crowdkit(answers, output, task=task, worker=worker)
    _check_drawable(labels, [])
    from toloka_frames._frames import drawing  # noqa: PLC0415 -- matplotlib is an extra that only plots need

    levels = _agreement(labels)
    _check_some(levels, "no task has two answers")
    sums = levels.sum().rename("all tasks").to_frame().T
    by_label = _folded(levels, drawing.number_of_bars(ax) - 1, "other labels")
    counts = pd.concat([sums, by_label])
    shares = counts.div(counts.sum(axis=1), axis=0)
    texts = [counted(round(tasks), "task") for tasks in counts.sum(axis=1)]
    title = "Agreement of workers"
    return drawing.draw_bars(shares, texts, title, "share of tasks", ax=ax, share=True)


def _joined(frame: pd.DataFrame, step: int) -> pd.DataFrame:
    """Return means of the counts of this number of periods each, and the share right of them together."""
    right = (frame["share_right"] * frame["control_answers"]).fillna(0)
    groups = frame.assign(right=right, start=frame.index).groupby([position // step for position in range(len(frame))])
    means = groups[["submitted", "accepted", "rejected", "right", "control_answers"]].mean()
    share = means["right"] / means["control_answers"].where(means["control_answers"] > 0)
    return means.assign(share_right=share).set_index(pd.DatetimeIndex(groups["start"].first()))


def _agreement(labels: pd.DataFrame) -> pd.DataFrame:
    """Return the number of tasks by label of the majority and by level of agreement, the most frequent label first."""
    # as text, because True equals 1, and a dict has no hash
    labels = labels.assign(label=[_label_text(label) for label in labels["label"]])
    votes = labels.groupby(["task", "label"]).size().rename("votes").reset_index("label")
    votes["answers"] = votes.groupby("task")["votes"].sum()
    votes = votes[votes["answers"] > 1].sort_values("votes", ascending=False, kind="stable")
    top = votes[~votes.index.duplicated()]
    share = top["votes"] / top["answers"]
    levels = pd.Series(LEVELS[1], top.index).mask(share == 1, LEVELS[0]).mask(share <= MAJORITY, LEVELS[2])
    names = top["label"].where(share > MAJORITY, LEVELS[2])
    table = pd.crosstab(names, levels).reindex(columns=LEVELS, fill_value=0)
    order = table.sum(axis=1).sort_values(ascending=False, kind="stable").index
    return table.loc[[*(name for name in order if name != LEVELS[2]), *(name for name in order if name == LEVELS[2])]]


def _label_text(label: Any) -> str:
    if isinstance(label, tuple):
        return ", ".join(map(_label_text, label))
    return json.dumps(label, ensure_ascii=False, sort_keys=True) if isinstance(label, dict) else str(label)


def _numbers(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return columns of any dtype as floats, 0 where a value is missing, with texts as index."""
    index = ["missing" if pd.api.types.is_scalar(name) and pd.isna(name) else str(name) for name in frame.index.tolist()]
    return pd.DataFrame({name: _floats(frame[name]).fillna(0).to_numpy() for name in names}, index)


def _floats(column: pd.Series[Any]) -> pd.Series[Any]:
    try:
        numbers = pd.to_numeric(column)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"Column {column.name!r} has values that are not numbers: {error}.", column=str(column.name)
        ) from error
    return pd.Series(numbers.to_numpy("float64", na_value=float("nan")), column.index)


def _folded(counts: pd.DataFrame, most: int, others: str) -> pd.DataFrame:
    """Return at most this number of rows; the last one has the sum of those that do not fit."""
    if len(counts) <= most:
        return counts
    rest = counts.iloc[most - 1 :]
    return pd.concat([counts.iloc[: most - 1], rest.sum().rename(f"{len(rest):,} {others}").to_frame().T])


def _without_sum(bars: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the bars of a frame with no length for the sum of those that do not fit, beside which the others would vanish."""
    if len(bars) < len(frame):
        bars = pd.concat([bars.iloc[:-1], bars.iloc[-1:] * 0])
    return bars


def _check_drawable(frame: pd.DataFrame, names: Sequence[str]) -> None:
    """Check that a frame has these columns and some rows, and that matplotlib is installed."""
    check_columns(frame, names)
    _check_some(frame, "the frame has no rows")
    try:
        import matplotlib as mpl  # noqa: F401, PLC0415 -- an extra that only plots need
    except ImportError as error:
        raise ImportError("Plots need matplotlib: pip install 'toloka_frames[plot]'") from error


def _check_some(frame: pd.DataFrame, why: str) -> None:
    if frame.empty:
        raise InputError(f"There is nothing to draw: {why}.")
