"""Draw bars, points and steps with matplotlib, so that nothing is cut, hidden or overlapping, whatever the size of the axes.

Colours are those of the current style: the first two of its colour cycle, and its text colour. A figure of the package's own
has matplotlib's constrained layout. On axes of the caller without a layout engine, the axes become smaller until their labels
are inside the figure.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import dates
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgba
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, MaxNLocator, PercentFormatter
from matplotlib.transforms import Bbox

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    Colour = tuple[float, float, float, float]
    Numbers = np.ndarray[Any, np.dtype[np.float64]]

MOST_BARS = 30
BAR_INCHES = 0.3
MARGIN_INCHES = 1.5  # title, axis, its name and a legend
POINTS_PER_INCH = 72
# steps of time between ticks: pandas' name, seconds, and the format of a tick
TIME_STEPS = (
    ("1s", 1, "%H:%M:%S"),
    ("10s", 10, "%H:%M:%S"),
    ("30s", 30, "%H:%M:%S"),
    ("1min", 60, "%H:%M"),
    ("2min", 120, "%H:%M"),
    ("5min", 300, "%H:%M"),
    ("10min", 600, "%H:%M"),
    ("30min", 1_800, "%H:%M"),
    ("1h", 3_600, "%H:%M"),
    ("2h", 7_200, "%H:%M"),
    ("3h", 10_800, "%H:%M"),
    ("6h", 21_600, "%H:%M"),
    ("12h", 43_200, "%H:%M"),
    ("1D", 86_400, "%d %b"),
    ("2D", 172_800, "%d %b"),
    ("7D", 604_800, "%d %b"),
    ("14D", 1_209_600, "%d %b"),
    ("MS", 2_592_000, "%b %Y"),
    ("3MS", 7_776_000, "%b %Y"),
    ("6MS", 15_552_000, "%b %Y"),
    ("YS", 31_536_000, "%Y"),
    ("10YS", 315_360_000, "%Y"),
)
date2num: Any = dates.date2num  # it has no types
GAP_POINTS = 3  # between labels and the edge
TICK_POINTS = 60  # the width of "12:00" or "100k" and a gap
SMALLEST_POINT = 36.0  # the area of a point, in square points
MOST_POINTS = 500  # more cannot be told apart
GRID = (40, 20)  # the cells in which more are joined
SHARE_LIMITS = (-0.05, 1.05)  # slightly beyond 0 and 1, so that points there are whole


def number_of_bars(ax: Axes | None) -> int:
    """Return how many bars with a label fit on the axes; `MOST_BARS` on a figure of the package's own."""
    if ax is None:
        return MOST_BARS
    return int(np.clip(_inches(ax)[1] * POINTS_PER_INCH / (1.6 * _font_size("ytick.labelsize")), 2, MOST_BARS))


def draw_bars(parts: pd.DataFrame, texts: Sequence[str], title: str, xlabel: str, *, ax: Axes | None, share: bool) -> Axes:
    """Draw a horizontal bar for each row, the first one on top, from a part for each column.

    Args:
        parts: Numbers from 0, with the names of the bars as index and the names of the parts as columns, at most three.
        texts: A text at the end of each bar.
        title: The title.
        xlabel: What the numbers are.
        ax: The axes; None for a new figure.
        share: Whether the numbers are shares from 0 to 1.
    """
    axes = _axes(ax, MARGIN_INCHES + BAR_INCHES * len(parts))
    positions, lengths = np.arange(len(parts)), np.zeros(len(parts))
    for name, colour in zip(parts.columns, _ordered_colours(), strict=False):
        axes.barh(positions, parts[name], left=lengths, color=colour, height=0.7, label=name)
        lengths += parts[name].to_numpy(float)
    for position, length, text in zip(positions, lengths, texts, strict=True):
        axes.annotate(text, (length, position), (4, 0), textcoords="offset points", va="center", parse_math=False)
    _name_bars(axes, list(parts.index))
    axes.set_ylim(len(parts) - 0.4, -0.6)
    axes.set_xlim(0, 1 if share else max(lengths.max() * 1.02, 1))
    set_ticks = _share_ticks if share else _count_ticks
    set_ticks(axes.xaxis, _inches(axes)[0])
    _finish(axes, title, xlabel, "")
    if len(parts.columns) > 1:
        _legend(axes)
    _fit(axes)
    set_ticks(axes.xaxis, _inches(axes)[0])
    return axes


def draw_points(x: Numbers, y: Numbers, title: str, xlabel: str, ylabel: str, unit: str, *, ax: Axes | None) -> Axes:
    """Draw points of a number and a share from 0 to 1; the area of a point grows with the number of rows at it.

    Args:
        x: The numbers.
        y: The shares.
        title: The title.
        xlabel: What the numbers are.
        ylabel: What the shares are.
        unit: What a row is, in the plural.
        ax: The axes; None for a new figure.
    """
    axes = _axes(ax, plt.rcParams["figure.figsize"][1])
    points = _counted(x, y)
    largest, colour, edge = int(points["count"].max()), _cycle(0), axes.get_facecolor()
    areas = _areas(points["count"], largest, axes)
    axes.scatter(points["x"], points["y"], s=areas, color=colour, alpha=0.7, edgecolors=[edge], linewidths=0.7)
    most = max(float(x.max()), 1.0)
    axes.set(xlim=(-0.04 * most, 1.06 * most), ylim=SHARE_LIMITS)
    _count_ticks(axes.xaxis, _inches(axes)[0])
    _share_ticks(axes.yaxis, _inches(axes)[1])
    _finish(axes, title, xlabel, ylabel)
    if largest > 1:
        steps = sorted({1, _rounded(largest**0.5), largest})
        widths = _areas(np.array(steps), largest, axes) ** 0.5
        handles = [
            Line2D([], [], ls="", marker="o", ms=width, color=colour, alpha=0.7, label=f"{step:,}")
            for step, width in zip(steps, widths, strict=True)
        ]
        _legend(axes, handles, title=unit)
    _fit(axes)
    _count_ticks(axes.xaxis, _inches(axes)[0])
    return axes


def draw_steps(
    edges: pd.DatetimeIndex, counts: pd.DataFrame, shares: Numbers, title: str, ylabel: str, *, ax: Axes | None
) -> Axes:
    """Draw counts by periods of time as steps, the first column filled, and shares as points with an axis on the right.

    Args:
        edges: The starts of the periods, and the end of the last one.
        counts: A row for each period, a column for each line.
        shares: The share of each period, from 0 to 1; NaN for none.
        title: The title.
        ylabel: What the counts are.
        ax: The axes; None for a new figure.
    """
    axes = _axes(ax, plt.rcParams["figure.figsize"][1])
    at = _date_numbers(edges)
    first, *others = counts.columns
    axes.stairs(counts[first], at, fill=True, color=(*_cycle(0)[:3], 0.45), label=first)
    for number, name in enumerate(others):
        axes.stairs(counts[name], at, color=(_cycle(0), _cycle(3))[number], lw=2, label=name)
    axes.set(xlim=(at[0], at[-1]), ylim=(0, max(counts.to_numpy().max() * 1.05, 1)))
    _count_ticks(axes.yaxis, _inches(axes)[1])
    _date_ticks(axes, edges[0], edges[-1])
    handles = axes.get_legend_handles_labels()[0]
    if not np.isnan(shares).all():
        handles += _draw_shares(axes, (at[:-1] + at[1:]) / 2, shares)
    span = f"{edges[0]:%Y-%m-%d %H:%M} to {edges[-1]:%Y-%m-%d %H:%M}"
    _finish(axes, title, f"time (UTC), {span}", ylabel)
    _legend(axes, handles)
    _fit(axes)
    _date_ticks(axes, edges[0], edges[-1])
    return axes


def _draw_shares(axes: Axes, at: Numbers, shares: Numbers) -> list[Any]:
    right = axes.twinx()
    lines = right.plot(at, shares, color=_cycle(1), marker="o", ms=3, lw=1, label="share right")
    right.set(ylim=SHARE_LIMITS, ylabel=_wrapped("share right on control tasks", _inches(axes)[1], "axes.labelsize"))
    _share_ticks(right.yaxis, _inches(axes)[1])
    right.spines["top"].set_visible(False)
    return list(lines)


def _axes(ax: Axes | None, height: float) -> Axes:
    """Return the axes, or those of a new figure of this height in inches."""
    if ax is not None:
        return ax
    return plt.subplots(figsize=(plt.rcParams["figure.figsize"][0], height), layout="constrained")[1]


def _finish(axes: Axes, title: str, xlabel: str, ylabel: str) -> None:
    width, height = _inches(axes)
    axes.set_title(_wrapped(title, width, "axes.titlesize"))
    axes.set_xlabel(_wrapped(xlabel, width, "axes.labelsize"))
    axes.set_ylabel(_wrapped(ylabel, height, "axes.labelsize"))
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)


def _legend(axes: Axes, handles: Sequence[Any] | None = None, title: str | None = None) -> None:
    """Add a legend below the axis and its name, in as many columns as fit."""
    handles = axes.get_legend_handles_labels()[0] if handles is None else handles
    size = _font_size("legend.fontsize")
    widths = [(0.55 * len(str(handle.get_label())) + 4.8) * size for handle in handles]
    room = 1.1 * _inches(axes)[0] * POINTS_PER_INCH
    columns = len(handles) if sum(widths) <= room else max(int(room / max(widths)), 1)
    lines = 1.3 * _font_size("xtick.labelsize") + 1.3 * (axes.get_xlabel().count("\n") + 1) * _font_size("axes.labelsize")
    axes.legend(
        handles=handles,
        title=title,
        ncols=columns,
        frameon=False,
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        borderaxespad=(lines + 10) / size,
    )


def _count_ticks(axis: Any, inches: float) -> None:
    """Set ticks at whole round numbers, as many as fit; 10,000 is 10k."""
    axis.set_major_locator(MaxNLocator(_number_of_ticks(inches), integer=True, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(EngFormatter(sep=""))


def _share_ticks(axis: Any, inches: float) -> None:
    axis.set_ticks(np.linspace(0, 1, 5 if _number_of_ticks(inches) >= 4 else 3))  # noqa: PLR2004 -- steps of 25 or 50 %
    axis.set_major_formatter(PercentFormatter(1, decimals=0))


def _date_ticks(axes: Axes, start: pd.Timestamp, end: pd.Timestamp) -> None:
    """Set ticks at round times, as many as fit; midnight has the date."""
    most = _number_of_ticks(_inches(axes)[0])
    span = (end - start).total_seconds()
    step, form = next(((step, form) for step, seconds, form in TIME_STEPS if span <= most * seconds), TIME_STEPS[-1][::2])
    ticks = pd.date_range(start.normalize(), end, freq=step)
    ticks = ticks[ticks >= start]
    names = [tick.strftime("%d %b" if form.startswith("%H") and tick == tick.normalize() else form) for tick in ticks]
    axes.set_xticks(_date_numbers(ticks), names)


def _number_of_ticks(inches: float) -> int:
    return int(np.clip(inches * POINTS_PER_INCH / TICK_POINTS, 1, 8))


def _date_numbers(times: pd.DatetimeIndex) -> Numbers:
    numbers: Numbers = date2num(times.tz_convert(None).to_numpy())
    return numbers


def _name_bars(axes: Axes, names: Sequence[str]) -> None:
    """Write the names left of the bars; of one that is wider than half of the axes, the middle is left out."""
    positions, lines = list(range(len(names))), [" ".join(name.split()) for name in names]
    axes.set_yticks(positions, lines, parse_math=False)
    room = axes.bbox.width / 2
    widths = [label.get_window_extent().width for label in axes.get_yticklabels()]
    shares = [room / width if width > room else 1.0 for width in widths]
    axes.set_yticks(positions, [_shortened(*named) for named in zip(lines, shares, strict=True)], parse_math=False)
    axes.tick_params(axis="y", length=0)


def _shortened(name: str, share: float) -> str:
    """Return this share of a name, from its beginning and its end, because ends tell names apart."""
    most = max(int(share * len(name)), 4)
    return name if share == 1 else f"{name[: most // 2]}…{name[most // 2 - most + 1 :]}"


def _wrapped(text: str, inches: float, size: str) -> str:
    """Return a text in lines of this length at the font size with this name."""
    return textwrap.fill(text, max(int(inches * POINTS_PER_INCH / (0.55 * _font_size(size))), 12))


def _counted(x: Numbers, y: Numbers) -> pd.DataFrame:
    """Return the different points with the number of rows at each, the largest number first, so that few lie on top of many.

    More points than can be told apart are joined to the mean point of each cell of a grid.
    """
    points = pd.DataFrame({"x": x, "y": y, "count": 1})
    keys = [points["x"], points["y"]]
    if len(points.drop_duplicates()) > MOST_POINTS:
        keys = [(points["x"] * (GRID[0] / max(float(x.max()), 1.0))).round(), (points["y"] * GRID[1]).round()]
    cells = points.groupby([key.to_numpy() for key in keys]).agg({"x": "mean", "y": "mean", "count": "sum"})
    return cells.sort_values("count", ascending=False, kind="stable")


def _areas(counts: Any, largest: int, axes: Axes) -> Numbers:
    """Return areas of points in square points, from the smallest for 1 to that of a fifteenth of the axes' height."""
    most = max((min(_inches(axes)) * POINTS_PER_INCH / 15) ** 2, SMALLEST_POINT)
    grown: Numbers = np.sqrt(np.asarray(counts, np.float64)) - 1
    areas: Numbers = SMALLEST_POINT + (most - SMALLEST_POINT) * grown / max(largest**0.5 - 1, 1)
    return areas


def _rounded(number: float) -> int:
    """Return a number with one digit that is not zero."""
    return int(float(f"{number:.0e}"))


def _fit(axes: Axes) -> None:
    """Make the axes smaller until their labels lie in their part of the figure, if no layout engine does it."""
    figure: Any = axes.get_figure()
    if figure.get_layout_engine() is None:
        place = _place(axes, figure)
        others = [other for other in figure.axes if other.get_figure() is figure]  # a subfigure names those of all
        twins = [other for other in others if np.array_equal(_place(other, figure), place)]
        low, high = _cell(place, [_place(other, figure) for other in others])
        for _ in range(2):  # because a text at the end of a bar does not move as far as the edge of the axes
            box = Bbox.union([twin.get_tightbbox() for twin in twins]).transformed(figure.transSubfigure.inverted())
            _shrink(axes, low - box.min, box.max - high, GAP_POINTS / POINTS_PER_INCH * figure.dpi / figure.bbox.size)
        for twin in twins:  # what has a position is left out of later layouts, and of bbox_inches="tight"
            twin.set_in_layout(True)


def _shrink(axes: Axes, over_low: Numbers, over_high: Numbers, gap: Numbers) -> None:
    """Make axes smaller by what is over at their left and bottom and at their right and top, unless nothing would be left."""
    low, high = axes.get_position().get_points()
    low, high = low + np.where(over_low > 0, over_low + gap, 0), high - np.where(over_high > 0, over_high + gap, 0)
    if (low < high).all():
        axes.set_position((*low, *(high - low)))


def _place(axes: Axes, figure: Any) -> Numbers:
    """Return the corners of the place that axes were given, before they became smaller."""
    spec = axes.get_subplotspec()
    box = axes.get_position(original=True) if spec is None else spec.get_position(figure)
    return np.array([box.min, box.max])


def _cell(place: Numbers, others: Sequence[Numbers]) -> tuple[Numbers, Numbers]:
    """Return the corners of the part of the figure that is nearer to a place than to those left, right, above and below."""
    low = [np.where(other[1] <= place[0], (other[1] + place[0]) / 2, 0) for other in others]
    high = [np.where(other[0] >= place[1], (other[0] + place[1]) / 2, 1) for other in others]
    return np.max(low, axis=0), np.min(high, axis=0)


def _inches(axes: Axes) -> tuple[float, float]:
    """Return the width and height of the axes."""
    dpi = axes.get_figure().dpi  # type: ignore[union-attr]  # axes that are drawn on have a figure
    return axes.bbox.width / dpi, axes.bbox.height / dpi


def _font_size(name: str) -> float:
    """Return the font size of the current style in points; the style may name it by a word, such as "medium"."""
    parameters: Any = mpl.rcParams  # its type lists the names of one version of matplotlib
    return float(FontProperties(size=parameters[name]).get_size_in_points())


def _ordered_colours() -> list[Colour]:
    """Return three colours from strong to weak, on light and on dark backgrounds."""
    strong, text = _cycle(0), _text_colour()
    return [strong, (*strong[:3], 0.45), (*text[:3], 0.2)]


def _cycle(number: int) -> Colour:
    return to_rgba(f"C{number}")


def _text_colour() -> Colour:
    return to_rgba(mpl.rcParams["text.color"])
