"""Plots show the numbers of their frame, as read from the axes and from the pixels of the PNG."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import image
from matplotlib import pyplot as plt

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from matplotlib.axes import Axes

PROGRESS = pd.DataFrame(
    {"count": [5, 3, 2], "items_count": [500, 300, 200], "items_processed_count": [500, 90, 0]},
    index=pd.Index(["COMPLETED", "PROCESSING", "NEW"], name="status"),
)
WORKERS = pd.DataFrame(
    {"control_answers": [10, 20, 40], "right": [10, 10, 0], "share": [1.0, 0.5, 0.0]},
    index=pd.Index(["anna", "boris", "carla"], name="worker"),
)
BLUE, GREY = "#1f77b4", "#d3d3d3"

FORMS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "as returned": lambda frame: frame,
    "numpy_nullable": lambda frame: frame.convert_dtypes(dtype_backend="numpy_nullable"),
    "pyarrow": lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
}


@pytest.fixture(autouse=True)
def no_window() -> Iterator[None]:
    mpl.use("agg")
    yield
    plt.close("all")


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return FORMS[request.param]


def pixels(axes: Axes) -> np.ndarray[Any, Any]:
    """Return the pixels of the plot as a PNG has them: rows of red, green and blue."""
    file = io.BytesIO()
    axes.figure.savefig(file, format="png", dpi=100)
    file.seek(0)
    return np.round(image.imread(file)[:, :, :3] * 255).astype(int)


def has_colour(picture: np.ndarray[Any, Any], colour: str) -> np.ndarray[Any, Any]:
    """Return for each pixel whether it has this colour."""
    rgb = np.array([int(colour[start : start + 2], 16) for start in (1, 3, 5)])
    found: np.ndarray[Any, Any] = (abs(picture - rgb) <= 2).all(axis=2)
    return found


def length_of_bar(axes: Axes, row: int, colour: str) -> float:
    """Return the length of a row's bar in the plot, in units of the axis."""
    height = axes.figure.bbox.height
    y = round(height - axes.transData.transform((0, row))[1])
    units = axes.transData.transform((1, 0))[0] - axes.transData.transform((0, 0))[0]
    return float(has_colour(pixels(axes), colour)[y].sum() / units)


def test_a_bar_is_as_long_as_its_items_and_blue_for_those_processed(
    form: Callable[[pd.DataFrame], pd.DataFrame],
) -> None:
    axes = form(PROGRESS).pipe(tf.plot_progress)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["NEW", "PROCESSING", "COMPLETED"]
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["processed", "left"]
    legend.remove()
    for row, (blue, grey) in enumerate([(0, 200), (90, 210), (500, 0)]):
        assert length_of_bar(axes, row, BLUE) == pytest.approx(blue, abs=5)
        assert length_of_bar(axes, row, GREY) == pytest.approx(grey, abs=5)


def test_without_items_a_bar_is_as_long_as_its_count(form: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    axes = form(PROGRESS[["count"]]).pipe(tf.plot_progress)
    assert axes.get_xlabel() == "count"
    assert axes.get_legend() is None
    assert [round(length_of_bar(axes, row, BLUE), 1) for row in range(3)] == pytest.approx([2, 3, 5], abs=0.05)


def test_a_worker_is_a_point_at_answers_and_share(form: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    axes = form(WORKERS).pipe(tf.plot_workers)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("control answers", "share right")
    picture = pixels(axes)
    height = picture.shape[0]
    for answers, share in [(10, 1.0), (20, 0.5), (40, 0.0)]:
        x, y = axes.transData.transform((answers, share))
        red, _, blue = picture[height - round(y), round(x)]
        assert blue > red + 50
    x, y = axes.transData.transform((30, 0.75))
    assert picture[height - round(y), round(x)].tolist() == [255, 255, 255]


@pytest.mark.parametrize(("draw", "frame"), [(tf.plot_progress, PROGRESS), (tf.plot_workers, WORKERS)])
def test_a_plot_can_be_drawn_on_given_axes(draw: Callable[..., Axes], frame: pd.DataFrame) -> None:
    figure, (left, right) = plt.subplots(ncols=2)
    assert frame.pipe(draw, ax=right) is right
    assert not left.has_data()
    assert figure.axes == [left, right]


@pytest.mark.parametrize(
    ("draw", "frame", "column"),
    [
        (tf.plot_progress, PROGRESS[["count"]].rename(columns={"count": "counts"}), "'count'; the nearest is 'counts'"),
        (tf.plot_progress, PROGRESS.drop(columns="items_processed_count"), "'items_processed_count'"),
        (tf.plot_workers, WORKERS.drop(columns="share"), "'share'"),
    ],
)
def test_a_missing_column_is_an_error_and_nothing_is_drawn(draw: Callable[..., Axes], frame: pd.DataFrame, column: str) -> None:
    with pytest.raises(tf.InputError, match=f"no column {column}"):
        draw(frame)
    assert plt.get_fignums() == []


@pytest.mark.parametrize(("draw", "frame"), [(tf.plot_progress, PROGRESS), (tf.plot_workers, WORKERS)])
def test_a_frame_without_rows_is_an_error(draw: Callable[..., Axes], frame: pd.DataFrame) -> None:
    with pytest.raises(tf.InputError, match="There is nothing to draw"):
        draw(frame.iloc[:0])


def test_without_matplotlib_the_error_says_what_to_install() -> None:
    code = """
import sys
sys.modules["matplotlib"] = None  # as if it were not installed
import pandas as pd, toloka_frames as tf
workers = pd.DataFrame({"control_answers": [1], "share": [1.0]})
try:
    workers.pipe(tf.plot_workers)
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "Plots need matplotlib: pip install 'toloka_frames[plot]'\n"


def test_matplotlib_is_only_imported_by_a_plot() -> None:
    code = "import sys, toloka_frames; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
