"""Plot progress and quality with pandas and matplotlib (the extra `plot`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from toloka_frames._errors import InputError
from toloka_frames._frames.columns import ITEMS_COUNT, ITEMS_PROCESSED, check_columns
from toloka_frames._validation import check_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes


def plot_progress(progress: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Plot the result of `progress_by_status`: a horizontal bar for each status, the most frequent one on top.

    If there are items, a bar is as long as the number of items, in two parts: processed and left. Otherwise it is as long as
    `count`.

    Args:
        progress: The result of `progress_by_status`: column `count`, or `items_count` and `items_processed_count` (integers).
        ax: The axes to draw on; None creates a figure.

    Returns:
        The axes, for titles and `.figure.savefig`.

    Raises:
        InputError: If a column is missing, or there are no rows.
        ImportError: If matplotlib is not installed.

    Example:
        >>> batches = pd.DataFrame({"status": ["NEW", "COMPLETED"], "items_count": [4, 6], "items_processed_count": [0, 6]})
        >>> ax = batches.pipe(tf.progress_by_status).pipe(tf.plot_progress)
        >>> ax.get_xlabel()
        'items'

    Source: pandas, `DataFrame.plot.barh`.
    """
    progress = check_frame(progress)
    if ITEMS_COUNT in progress.columns:
        _check_drawable(progress, [ITEMS_COUNT, ITEMS_PROCESSED])
        left = progress[ITEMS_COUNT] - progress[ITEMS_PROCESSED]
        bars, unit = pd.DataFrame({"processed": progress[ITEMS_PROCESSED], "left": left}), "items"
    else:
        _check_drawable(progress, ["count"])
        bars, unit = progress[["count"]], "count"
    # reversed, because matplotlib draws the first bar at the bottom
    axes: Axes = bars.iloc[::-1].plot.barh(
        stacked=True, color=["tab:blue", "lightgrey"], legend=unit == "items", xlabel=unit, ylabel="", ax=ax
    )
    return axes


def plot_workers(workers: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Plot the result of `quality`: a point for each worker, the share of right answers over the number of control answers.

    Args:
        workers: The result of `quality`: columns `control_answers` (integers) and `share` (0 to 1).
        ax: The axes to draw on; None creates a figure.

    Returns:
        The axes, for titles and `.figure.savefig`.

    Raises:
        InputError: If a column is missing, or there are no rows.
        ImportError: If matplotlib is not installed.

    Example:
        >>> workers = pd.DataFrame({"control_answers": [10, 20], "share": [0.5, 0.9]}, index=["anna", "boris"])
        >>> ax = workers.pipe(tf.plot_workers)
        >>> ax.get_ylabel()
        'share right'

    Source: pandas, `DataFrame.plot.scatter`.
    """
    workers = check_frame(workers)
    _check_drawable(workers, ["control_answers", "share"])
    axes: Axes = workers.plot.scatter(
        x="control_answers",
        y="share",
        alpha=0.5,
        ylim=(-0.03, 1.03),  # slightly beyond 0 and 1, so that points there are not cut off
        xlabel="control answers",
        ylabel="share right",
        ax=ax,
    )
    return axes


def _check_drawable(frame: pd.DataFrame, names: Sequence[str]) -> None:
    """Check that a frame has these columns and some rows, and that matplotlib is installed."""
    check_columns(frame, names)
    if frame.empty:
        raise InputError("There is nothing to draw: the frame has no rows.")
    try:
        import matplotlib as mpl  # noqa: F401, PLC0415 -- an extra that only plots need
    except ImportError as error:
        raise ImportError("Plots need matplotlib: pip install 'toloka_frames[plot]'") from error
