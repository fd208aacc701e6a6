"""Plots show the numbers of their frame, and nothing of them is cut, hidden or overlapping, on axes of any size."""

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
from matplotlib.patches import Rectangle, StepPatch
from matplotlib.text import Annotation, Text
from support.all_cases import ALL_CASES
from support.plot_pictures import PLOTS, STYLES, TOLERANCE, answers, difference, grey

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

PROGRESS = pd.DataFrame(
    {"count": [5, 3, 2], "items_count": [500, 300, 200], "items_processed_count": [500, 90, 0]},
    index=pd.Index(["COMPLETED", "PROCESSING", "NEW"], name="status"),
)
WORKERS = pd.DataFrame(
    {"control_answers": [10, 20, 40], "right": [10, 10, 0], "share": [1.0, 0.5, 0.0]},
    index=pd.Index(["anna", "boris", "carla"], name="worker"),
)
BLUE, PALE = "#1f77b4", "#9ac0db"

DRAWN: list[tuple[Callable[..., Axes], pd.DataFrame]] = [
    (tf.plot_progress, PROGRESS),
    (tf.plot_workers, WORKERS),
    (tf.plot_over_time, answers()),
    (tf.plot_agreement, answers()),
]

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


def end_texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts if isinstance(text, Annotation)]


def has_colour(picture: np.ndarray[Any, Any], colour: str) -> np.ndarray[Any, Any]:
    """Return for each pixel whether it has this colour."""
    rgb = np.array([int(colour[start : start + 2], 16) for start in (1, 3, 5)])
    found: np.ndarray[Any, Any] = (abs(picture - rgb) <= 2).all(axis=2)
    return found


def length_of_bar(axes: Axes, row: int, colour: str) -> float:
    """Return the length of a row's bar in the plot, in units of the axis."""
    axes.figure.canvas.draw()  # which lays it out
    height = axes.figure.bbox.height
    y = round(height - axes.transData.transform((0, row))[1])
    units = axes.transData.transform((1, 0))[0] - axes.transData.transform((0, 0))[0]
    return float(has_colour(pixels(axes), colour)[y].sum() / units)


def test_a_bar_is_as_long_as_its_items_and_blue_for_those_processed(
    form: Callable[[pd.DataFrame], pd.DataFrame],
) -> None:
    axes = form(PROGRESS).pipe(tf.plot_progress)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["COMPLETED", "PROCESSING", "NEW"]
    assert end_texts(axes) == ["100% of 500", "30% of 300", "0% of 200"]
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["processed", "left"]
    legend.remove()
    for row, (blue, pale) in enumerate([(500, 0), (90, 210), (0, 200)]):
        assert length_of_bar(axes, row, BLUE) == pytest.approx(blue, abs=5)
        assert length_of_bar(axes, row, PALE) == pytest.approx(pale, abs=5)


def test_without_items_a_bar_is_as_long_as_its_count(form: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    axes = form(PROGRESS[["count"]]).pipe(tf.plot_progress)
    assert axes.get_xlabel() == "count"
    assert axes.get_legend() is None
    assert [round(length_of_bar(axes, row, BLUE), 1) for row in range(3)] == pytest.approx([5, 3, 2], abs=0.05)


def test_a_worker_is_a_point_at_answers_and_share(form: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    axes = form(WORKERS).pipe(tf.plot_workers)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("answers to control tasks", "share right")
    picture = pixels(axes)
    assert axes.get_xlim()[0] <= 0
    height = picture.shape[0]
    for control, share in [(10, 1.0), (20, 0.5), (40, 0.0)]:
        x, y = axes.transData.transform((control, share))
        red, _, blue = picture[height - round(y), round(x)]
        assert blue > red + 50
    x, y = axes.transData.transform((30, 0.75))
    assert picture[height - round(y), round(x)].tolist() == [255, 255, 255]


@pytest.mark.parametrize(("draw", "frame"), DRAWN)
def test_a_plot_can_be_drawn_on_given_axes(draw: Callable[..., Axes], frame: pd.DataFrame) -> None:
    figure, (left, right) = plt.subplots(ncols=2)
    assert frame.pipe(draw, ax=right) is right
    assert not left.has_data()
    assert figure.axes[:2] == [left, right]
    assert plt.get_fignums() == [figure.number]


@pytest.mark.parametrize(
    ("draw", "frame", "column"),
    [
        (tf.plot_progress, PROGRESS[["count"]].rename(columns={"count": "counts"}), "'count'; the nearest is 'counts'"),
        (tf.plot_progress, PROGRESS.drop(columns="items_processed_count"), "'items_processed_count'"),
        (tf.plot_workers, WORKERS.drop(columns="share"), "'share'"),
        (tf.plot_over_time, answers().drop(columns="ASSIGNMENT:accepted"), "'ASSIGNMENT:accepted'"),
        (tf.plot_agreement, answers().drop(columns="ASSIGNMENT:task_id"), "'ASSIGNMENT:task_id'"),
    ],
)
def test_a_missing_column_is_an_error_and_nothing_is_drawn(draw: Callable[..., Axes], frame: pd.DataFrame, column: str) -> None:
    with pytest.raises(tf.InputError, match=f"no column {column}"):
        draw(frame)
    assert plt.get_fignums() == []


@pytest.mark.parametrize(("draw", "frame"), DRAWN)
def test_a_frame_without_rows_is_an_error(draw: Callable[..., Axes], frame: pd.DataFrame) -> None:
    with pytest.raises(tf.InputError, match="There is nothing to draw"):
        draw(frame.iloc[:0])


NOTHING = {
    "no share": (tf.plot_workers, WORKERS.assign(share=np.nan)),
    "no task with two answers": (tf.plot_agreement, answers().drop_duplicates("ASSIGNMENT:task_id")),
    "no time": (tf.plot_over_time, answers().assign(**{"ASSIGNMENT:submitted": None, "ASSIGNMENT:status": "SUBMITTED"})),
}


@pytest.mark.parametrize(("draw", "frame"), NOTHING.values(), ids=NOTHING)
def test_a_frame_without_values_is_an_error_and_leaves_no_figure(draw: Callable[..., Axes], frame: pd.DataFrame) -> None:
    with pytest.raises(tf.InputError, match="There is nothing to draw"):
        draw(frame)
    assert plt.get_fignums() == []


def test_agreement_has_a_bar_for_all_tasks_for_each_label_and_for_tasks_without_majority() -> None:
    labels = {"t1": "cat cat cat", "t2": "cat cat dog", "t3": "dog dog", "t4": "cat dog", "t5": "cat"}
    rows = [(task, f"w{n}", label) for task, given in labels.items() for n, label in enumerate(given.split())]
    frame = pd.DataFrame(rows, columns=["ASSIGNMENT:task_id", "ASSIGNMENT:worker_id", "OUTPUT:result"])
    axes = frame.pipe(tf.plot_agreement)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["all tasks", "cat", "dog", "no majority"]
    assert end_texts(axes) == ["4 tasks", "2 tasks", "1 task", "1 task"]
    widths = [[bar.get_width() for bar in bars] for bars in axes.containers]  # type: ignore[attr-defined]
    assert widths == [[0.5, 0.5, 1, 0], [0.25, 0.5, 0, 0], [0.25, 0, 0, 1]]


@pytest.mark.parametrize(("draw", "frame"), DRAWN)
def test_a_plot_can_be_drawn_in_a_part_of_a_figure(draw: Callable[..., Axes], frame: pd.DataFrame) -> None:
    figure = plt.figure(figsize=(10, 4))
    left, right = figure.subfigures(1, 2)
    other, axes = left.subplots(), right.subplots()
    before = other.get_position().bounds
    assert frame.pipe(draw, ax=axes) is axes
    figure.canvas.draw()
    box = axes.get_tightbbox()
    assert box is not None
    assert right.bbox.x0 <= box.x0
    assert box.x1 <= right.bbox.x1
    assert other.get_position().bounds == before


def test_a_column_that_holds_no_numbers_is_named() -> None:
    for draw, frame in ((tf.plot_workers, {"control_answers": ["many"], "share": [1]}), (tf.plot_progress, {"count": ["x"]})):
        with pytest.raises(tf.InputError, match=f"Column '{next(iter(frame))}' has values that are not numbers"):
            pd.DataFrame(frame).pipe(draw)


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        ([True, True, 1, 1], ["True", "1"]),
        ([["a", "b"], ["a", "b"], ["c"], ["c"]], ["a, b", "c"]),
        ([{"a": 1, "b": 2}, {"b": 2, "a": 1}, 0.5, 0.5], ['{"a": 1, "b": 2}', "0.5"]),
    ],
)
def test_labels_of_any_type_are_told_apart(labels: list[Any], shown: list[str]) -> None:
    frame = answers(4).assign(**{"OUTPUT:result": pd.Series(labels, dtype=object), "ASSIGNMENT:status": "ACCEPTED"})
    axes = frame.assign(**{"ASSIGNMENT:task_id": ["t1", "t1", "t2", "t2"]}).pipe(tf.plot_agreement)
    assert {label.get_text() for label in axes.get_yticklabels()} == {"all tasks", *shown}


def test_steps_are_the_counts_of_over_time() -> None:
    axes = answers().pipe(tf.plot_over_time, "1h")
    counts = answers().pipe(tf.over_time, "1h")
    drawn = {patch.get_label(): patch.get_data()[0].tolist() for patch in axes.patches if isinstance(patch, StepPatch)}
    assert drawn == {name: counts[name].tolist() for name in ("submitted", "accepted", "rejected")}
    shares = axes.figure.axes[1].lines[0].get_ydata()
    np.testing.assert_array_equal(shares, counts["share_right"])


def test_more_than_150_periods_are_joined_to_their_means() -> None:
    axes = answers(600, hours=400).pipe(tf.plot_over_time, "1h")
    values = axes.patches[0].get_data()[0]  # type: ignore[attr-defined]
    assert len(values) <= 150
    assert axes.get_ylabel() == "assignments per hour (means of 3)"
    np.testing.assert_allclose(values[:-1].sum() * 3, 600, rtol=0.02)


def test_workers_with_the_same_numbers_are_one_point_that_is_larger() -> None:
    axes = pd.DataFrame({"control_answers": [10] * 9 + [20], "share": [0.5] * 9 + [0.7]}).pipe(tf.plot_workers)
    (points,) = axes.collections
    assert np.asarray(points.get_offsets()).tolist() == [[10, 0.5], [20, 0.7]]
    assert points.get_sizes()[0] > 3 * points.get_sizes()[1]
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["1", "3", "9"]


def progress_of(names: list[str], items: int = 1_000) -> pd.DataFrame:
    count = [items * (len(names) - position) for position in range(len(names))]
    counts = pd.DataFrame({"count": count, "items_count": count, "items_processed_count": [number // 3 for number in count]})
    return counts.set_axis(pd.Index(names, name="status"))


def workers_of(rows: int) -> pd.DataFrame:
    random = np.random.default_rng(0)
    control = random.integers(1, 300, rows)
    return pd.DataFrame({"control_answers": control, "share": random.binomial(control, 0.8) / control})


LONG = [f"a status with a name that is longer than all statuses of the service, number {number}" for number in range(300)]
ODD_NAMES = ["$a_b$ and $", "", "two\nlines", "Ж" * 60, "W" * 60, "50 % \\frac"]
HARD: dict[str, Callable[[Axes | None], Axes]] = {
    "300 long statuses": lambda ax: progress_of(LONG, 10**9).pipe(tf.plot_progress, ax=ax),
    "100,000 workers": lambda ax: workers_of(100_000).pipe(tf.plot_workers, ax=ax),
    "a year of hours": lambda ax: answers(3_000, hours=9_000).pipe(tf.plot_over_time, ax=ax),
    "300 long labels": lambda ax: answers(3_000, labels=tuple(LONG)).pipe(tf.plot_agreement, ax=ax),
}
INPUTS: dict[str, Callable[[Axes | None], Axes]] = HARD | {
    "100,000 answers": lambda ax: answers(100_000, hours=9_000).pipe(tf.plot_over_time, ax=ax),
    "one status": lambda ax: progress_of(["NEW"]).pipe(tf.plot_progress, ax=ax),
    "nothing done": lambda ax: (progress_of(["NEW", "DONE"]) * 0).pipe(tf.plot_progress, ax=ax),
    "odd names": lambda ax: progress_of(ODD_NAMES).pipe(tf.plot_progress, ax=ax),
    "counts": lambda ax: progress_of(LONG)[["count"]].pipe(tf.plot_progress, ax=ax),
    "missing status and numbers": lambda ax: (
        progress_of(["NEW", "DONE"])
        .astype("Int64")
        .set_axis([None, "DONE"])
        .replace(1_000, pd.NA)
        .pipe(tf.plot_progress, ax=ax)
    ),
    "one worker": lambda ax: workers_of(1).pipe(tf.plot_workers, ax=ax),
    "missing shares": lambda ax: workers_of(300).replace(1.0, np.nan).pipe(tf.plot_workers, ax=ax),
    "one answer": lambda ax: answers(1).pipe(tf.plot_over_time, ax=ax),
    "a second": lambda ax: answers(60, hours=1 / 60).pipe(tf.plot_over_time, "1s", ax=ax),
    "weeks": lambda ax: answers(600, hours=20_000).pipe(tf.plot_over_time, "W", ax=ax),
    "no control tasks": lambda ax: answers().drop(columns="GOLDEN:result").pipe(tf.plot_over_time, ax=ax),
    "odd labels": lambda ax: answers(600, labels=tuple(ODD_NAMES)).pipe(tf.plot_agreement, ax=ax),
    "one task": lambda ax: answers(3).pipe(tf.plot_agreement, ax=ax),
}
PLACES: dict[str, Callable[[], Axes]] = {
    "axes of a figure": lambda: plt.subplots()[1],
    "right of two": lambda: plt.subplots(ncols=2, figsize=(10, 4.8))[1][1],
    "left of two": lambda: plt.subplots(ncols=2, figsize=(10, 4.8))[1][0],
    "upper one of a constrained grid": lambda: plt.subplots(2, 2, figsize=(11, 8), layout="constrained")[1][0, 0],
}


@pytest.mark.parametrize("name", INPUTS)
def test_on_a_figure_of_its_own_no_text_is_cut_or_overlaps(name: str) -> None:
    assert faults_of_layout(INPUTS[name](None)) == []


# half of the pairs by default: each input in two places, and each place with two inputs
PAIRS = [
    (name, place)
    for row, name in enumerate(HARD)
    for column, place in enumerate(PLACES)
    if ALL_CASES or (row + column) % 2 == 0
]


@pytest.mark.parametrize(("name", "place"), PAIRS)
def test_on_given_axes_no_text_is_cut_or_overlaps(name: str, place: str) -> None:
    assert faults_of_layout(HARD[name](PLACES[place]())) == []


def test_a_cut_and_an_overlapping_label_are_faults() -> None:
    axes = PROGRESS.plot.barh(y="count", legend=False)
    axes.set_yticks([0, 0.05, 2], ["one", "two", "a name that is far longer than the margin"])
    faults = " ".join(faults_of_layout(axes))
    assert "outside: a name that is far longer" in faults
    assert "'one' and 'two'" in faults


def faults_of_layout(axes: Axes) -> list[str]:
    """Return which texts of the plot are outside the figure, or lie on each other or on the axes beside."""
    figure: Any = axes.figure
    figure.canvas.draw()
    drawn = [other for other in figure.axes if other.bbox.bounds == axes.bbox.bounds]
    boxes = [(text.get_text(), text.get_window_extent()) for other in drawn for text in visible_texts(other)]
    assert len(boxes) >= 6
    faults = [
        f"outside: {text}" for text, box in boxes if not figure.bbox.padded(1).contains(*box.min) or not inside(figure, box)
    ]
    for position, (text, box) in enumerate(boxes):
        faults += [f"{text!r} and {other!r}" for other, its in boxes[position + 1 :] if box.padded(-1).overlaps(its.padded(-1))]
    beside = [other.bbox for other in figure.axes if other not in drawn]
    return faults + [f"on other axes: {text}" for text, box in boxes if any(box.overlaps(other) for other in beside)]


def inside(figure: Any, box: Any) -> bool:
    return bool(figure.bbox.padded(1).contains(*box.max))


def visible_texts(axes: Axes) -> list[Text]:
    """Return the texts that are drawn; ticks beyond the limits of an axis are not."""
    found: list[Artist] = axes.findobj(lambda artist: isinstance(artist, Text) and artist.get_visible())
    ticks = {id(tick.label1) for axis in (axes.xaxis, axes.yaxis) for tick in axis.get_major_ticks()}
    ticks |= {id(tick.label2) for axis in (axes.xaxis, axes.yaxis) for tick in axis.get_major_ticks()}
    frame = axes.bbox.padded(1)
    shown = []
    for text in found:
        assert isinstance(text, Text)
        position = text.get_transform().transform(text.get_position())
        is_tick_beyond = id(text) in ticks and not (frame.x0 <= position[0] <= frame.x1 or frame.y0 <= position[1] <= frame.y1)
        if text.get_text().strip() and not is_tick_beyond:
            shown.append(text)
    return shown


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_looks_like_its_reference_picture(name: str, style: str) -> None:
    with plt.style.context(STYLES[style]):
        assert difference(grey(PLOTS[name]()), name, style) < TOLERANCE


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_without_one_of_its_bars_points_or_texts_differs_from_the_picture(name: str) -> None:
    with plt.style.context(STYLES["light"]):
        axes = PLOTS[name]()
        grey(axes)
        axes.figure.set_layout_engine("none")  # type: ignore[union-attr]  # so that nothing else moves
        missing = [artist for other in axes.figure.axes for artist in drawn_artists(other)]
        assert len(missing) >= 10
        if not ALL_CASES:  # a third of them: neighbours are of one kind, such as the labels of an axis
            missing = missing[::3]
        unnoticed = [artist for artist in missing if not is_missed(axes, artist, name)]
    assert unnoticed == []


def drawn_artists(axes: Axes) -> list[Any]:
    bars = [bar for bar in axes.patches if not isinstance(bar, Rectangle) or bar.get_width()]
    return [*visible_texts(axes), *bars, *axes.lines, *axes.collections]


def is_missed(axes: Axes, artist: Any, name: str) -> bool:
    """Return whether the plot differs from the picture while something of it is not drawn."""
    before = artist.get_alpha()
    artist.set_alpha(0)
    differs = difference(grey(axes), name, "light") > TOLERANCE
    artist.set_alpha(before)
    return differs


def test_a_plot_shows_no_window_and_follows_the_style() -> None:
    with plt.style.context("dark_background"):
        axes = PROGRESS.pipe(tf.plot_progress)
        assert axes.title.get_color() == "white"
        assert tuple(axes.patches[0].get_facecolor()) == mpl.colors.to_rgba("C0")
    assert len(plt.get_fignums()) == 1


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
