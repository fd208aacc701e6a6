"""Small line charts as SVG, for cards in notebooks: text and axes have the colour of the notebook's text."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toloka_frames._runtime.cards import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# of Material's palette; each has a contrast of 3 to 1 or more on white and on JupyterLab's dark background
SERIES_COLOURS = ("#1e88e5", "#ef6c00", "#43a047", "#ab47bc", "#00897b", "#e53935")
WIDTH, HEIGHT = 260, 126
LEFT, RIGHT, TOP, BOTTOM = 8, 8, 36, 20  # margins, which hold the title and the ends of the axes
TICKS = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True)
class Line:
    """A line of a chart.

    Attributes:
        colour: Its colour.
        points: Its points: x from 0 to 1, y in the unit of the chart.
    """

    colour: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Chart:
    """A chart whose y axis begins at 0.

    Attributes:
        title: What is shown.
        lines: The lines.
        text: Returns a value of y as text.
        ends: The texts below the left and the right end of the x axis.
        top: The end of the y axis; None for a round number above all points.
    """

    title: str
    lines: Sequence[Line]
    text: Callable[[float], str]
    ends: tuple[str, str]
    top: float | None = None


def chart_row(charts: Sequence[Chart]) -> str:
    """Return charts beside each other, and below each other where there is no room."""
    style = "display:grid;grid-template-columns:repeat(auto-fit,minmax(200px,1fr));gap:8px 16px;margin:6px 0"
    return f'<div style="{style}">{"".join(map(_svg, charts))}</div>'


def _svg(chart: Chart) -> str:
    top = chart.top or _round_up(max((y for line in chart.lines for _, y in line.points), default=0.0))
    base, middle = HEIGHT - BOTTOM, (TOP + HEIGHT - BOTTOM) / 2
    parts = [
        _text(LEFT, 13, chart.title, size=13, weight=600),
        _text(WIDTH - RIGHT, TOP - 4, chart.text(top), anchor="end"),
        _text(LEFT, HEIGHT - 6, chart.ends[0]),
        _text(WIDTH - RIGHT, HEIGHT - 6, chart.ends[1], anchor="end"),
        *(_rule(y, opacity) for y, opacity in ((TOP, 0.2), (middle, 0.2), (base, 0.6))),
        *(_polyline(line, top) for line in chart.lines if line.points),
    ]
    label = escape(f"{chart.title}, at most {chart.text(top)}")
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="100%" role="img" aria-label="{label}" '
        f'style="display:block;max-width:{WIDTH}px">{"".join(parts)}</svg>'
    )


def _round_up(value: float) -> float:
    """Return the next number of 1, 2, 5 times a power of ten; 1 for 0."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next((tick * power for tick in TICKS if tick * power >= value), TICKS[-1] * power)


def _polyline(line: Line, top: float) -> str:
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    points = [(LEFT + wide * min(max(x, 0), 1), HEIGHT - BOTTOM - high * min(y / top, 1)) for x, y in line.points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    (x, y) = points[-1]
    return (
        f'<polyline points="{path}" fill="none" stroke="{line.colour}" stroke-width="2" stroke-linejoin="round"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{line.colour}"/>'
    )


def _rule(y: float, opacity: float) -> str:
    return f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="currentColor" stroke-opacity="{opacity}"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 12, weight: int = 400) -> str:
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}" '
        f'fill="currentColor">{escape(text)}</text>'
    )
