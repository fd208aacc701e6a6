"""Reference pictures of the plots: how they are drawn, stored and compared.

`python tests/support/plot_pictures.py` draws them anew; look at them before you commit them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import image
from matplotlib import pyplot as plt

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

    Pixels = np.ndarray[Any, np.dtype[np.float64]]

FOLDER = Path(__file__).parents[1] / "frames" / "pictures"
# versions of matplotlib hint glyphs differently, which moves them by pixels
UNHINTED = {"text.hinting": "no_hinting"}
STYLES: dict[str, list[Any]] = {"light": ["default", UNHINTED], "dark": ["default", "dark_background", UNHINTED]}
DPI = 60
WINDOW, SHIFT = 7, 2  # pixels; another version of matplotlib moves glyphs by less than the shift
TOLERANCE = 0.08  # matplotlib 3.8 and 3.11 differ by 0.07; the smallest missing thing makes 0.09


def progress() -> pd.DataFrame:
    index = pd.Index(["COMPLETED", "PROCESSING", "NEW"], name="status")
    return pd.DataFrame({"items_count": [500, 300, 200], "items_processed_count": [500, 90, 0]}, index)


def workers() -> pd.DataFrame:
    return pd.DataFrame({"control_answers": [10, 20, 20, 20, 20, 40], "share": [1.0, 0.5, 0.5, 0.5, 0.5, 0.1]})


def answers(rows: int = 60, hours: float = 12.0, labels: tuple[str, ...] = ("cat", "dog")) -> pd.DataFrame:
    """Return answers of five workers, three to each task; every seventh is wrong, every tenth rejected."""
    number = np.arange(rows)
    submitted = pd.Timestamp("2026-01-31T09:10", tz="UTC") + pd.to_timedelta((number / rows) ** 2 * hours, unit="h")
    truth, given = number // 3 % len(labels), np.where(number % 7 == 0, number, number // 3) % len(labels)
    status = np.where(number % 10 == 0, "REJECTED", "ACCEPTED")
    return pd.DataFrame(
        {
            "OUTPUT:result": np.array(labels, dtype=object)[given],
            "GOLDEN:result": np.where(number // 3 % 2 == 0, np.array(labels, dtype=object)[truth], None),
            "ASSIGNMENT:task_id": [f"t{task}" for task in number // 3],
            "ASSIGNMENT:assignment_id": [f"a{assignment}" for assignment in number],
            "ASSIGNMENT:worker_id": [f"w{worker}" for worker in number % 5],
            "ASSIGNMENT:status": status,
            "ASSIGNMENT:submitted": submitted,
            "ASSIGNMENT:accepted": (submitted + pd.Timedelta("1h")).where(status == "ACCEPTED"),
            "ASSIGNMENT:rejected": (submitted + pd.Timedelta("2h")).where(status == "REJECTED"),
            "ASSIGNMENT:reward": 0.02,
        }
    )


PLOTS: dict[str, Callable[[], Axes]] = {
    "progress": lambda: progress().pipe(tf.plot_progress),
    "workers": lambda: workers().pipe(tf.plot_workers),
    "over_time": lambda: answers().pipe(tf.plot_over_time, "1h"),
    "agreement": lambda: answers().pipe(tf.plot_agreement),
}


def grey(axes: Axes) -> Pixels:
    """Return the plot as rows of pixels, from 0 for black to 1 for white."""
    figure: Any = axes.figure
    figure.set_dpi(DPI)
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba(), np.float64)[:, :, :3].mean(axis=2) / 255


def stored(name: str, style: str) -> Pixels:
    """Return the reference picture."""
    return np.asarray(image.imread(FOLDER / f"{name}_{style}.png"), np.float64)[:, :, 0]


def difference(picture: Pixels, name: str, style: str) -> float:
    """Return the largest difference in brightness of any small part from the reference, from 0 to 1; small shifts are none."""
    darkest, brightest = bounds(name, style)
    part = _means(picture)
    assert part.shape == darkest.shape
    return float(np.maximum(part - brightest, darkest - part).max())


@cache
def bounds(name: str, style: str) -> tuple[Pixels, Pixels]:
    """Return for each small part of a reference picture its brightness where it is shifted: the least and the most."""
    means, shifts = _means(stored(name, style)), range(-SHIFT, SHIFT + 1)
    shifted = [np.roll(means, (down, right), (0, 1)) for down in shifts for right in shifts]
    return np.min(shifted, axis=0), np.max(shifted, axis=0)


def _means(picture: Pixels) -> Pixels:
    """Return for each pixel the mean of the window that begins there."""
    sums = np.pad(picture, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    rows = sums[WINDOW:] - sums[:-WINDOW]
    return np.asarray((rows[:, WINDOW:] - rows[:, :-WINDOW]) / WINDOW**2)


if __name__ == "__main__":
    mpl.use("agg")
    FOLDER.mkdir(exist_ok=True)
    for shown, style in STYLES.items():
        for name, draw in PLOTS.items():
            with plt.style.context(style):
                image.imsave(FOLDER / f"{name}_{shown}.png", grey(draw()), cmap="gray", vmin=0, vmax=1)
