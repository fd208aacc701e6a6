"""Frames of progress and of quality come in, pictures go out, through pandas' plotting with matplotlib (the extra `plot`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from toloka_frames._errors import InputError
from toloka_frames._frames.labels import need
from toloka_frames._frames.summaries import ITEMS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes


def plot_progress(progress: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Bars of what `progress_by_status` counted: one for each state, the commonest on top.

    With items, a bar is as long as the state has items, in two parts: processed and left. Without, as long as its `count`.

    Args:
        progress: What `progress_by_status` returned: column `count`, or `items_count` and `items_processed_count` (integers).
        ax: Where to draw; by default a new figure.

    Returns:
        The axes, for titles and `.figure.savefig`.

    Raises:
        InputError: A column is missing, or there are no rows.
        ImportError: There is no matplotlib.

    Example:
        >>> batches = pd.DataFrame({"status": ["NEW", "COMPLETED"], "items_count": [4, 6], "items_processed_count": [0, 6]})
        >>> ax = batches.pipe(tf.progress_by_status).pipe(tf.plot_progress)
        >>> ax.get_xlabel()
        'items'

    Source: pandas, `DataFrame.plot.barh`.
    """
    if ITEMS[0] in progress.columns:
        _check(progress, ITEMS)
        items, processed = (progress[name] for name in ITEMS)
        bars, what = pd.DataFrame({"processed": processed, "left": items - processed}), "items"
    else:
        _check(progress, ["count"])
        bars, what = progress[["count"]], "count"
    # turned round, because matplotlib draws the first bar lowest
    drawn: Axes = bars.iloc[::-1].plot.barh(
        stacked=True, color=["tab:blue", "lightgrey"], legend=what == "items", xlabel=what, ylabel="", ax=ax
    )
    return drawn


def plot_workers(workers: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """A point for each worker of `quality`: how many control tasks were answered, and the share that is right.

    Args:
        workers: What `quality` returned: columns `control_answers` (integers) and `share` (0 to 1).
        ax: Where to draw; by default a new figure.

    Returns:
        The axes, for titles and `.figure.savefig`.

    Raises:
        InputError: A column is missing, or there are no rows.
        ImportError: There is no matplotlib.

    Example:
        >>> workers = pd.DataFrame({"control_answers": [10, 20], "share": [0.5, 0.9]}, index=["anna", "boris"])
        >>> ax = workers.pipe(tf.plot_workers)
        >>> ax.get_ylabel()
        'share right'

    Source: pandas, `DataFrame.plot.scatter`.
    """
    _check(workers, ["control_answers", "share"])
    # a little beyond 0 and 1, so that points there are not cut in half
    drawn: Axes = workers.plot.scatter(x="control_answers", y="share", alpha=0.5, ylim=(-0.03, 1.03), ax=ax)
    drawn.set(xlabel="control answers", ylabel="share right")
    return drawn


def _check(frame: pd.DataFrame, names: Sequence[str]) -> None:
    """Refuse what cannot be drawn, and say what is needed to draw."""
    need(frame, names)
    if frame.empty:
        raise InputError("There is nothing to draw: the frame has no rows.")
    try:
        import matplotlib as mpl  # noqa: F401, PLC0415 -- an extra, and only a plot pays for it
    except ImportError as error:
        raise ImportError("Plots need matplotlib: pip install 'toloka_frames[plot]'") from error
