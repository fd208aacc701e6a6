"""Write the figures of all contenders as a Markdown table and a plot."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from turns import Figures

HEAD = (
    "| Work | How | ratio | target | min, max | median | rounds | requests | max. in 1 s |\n"
    "|---|---|---|---|---|---|---|---|---|\n"
)


NO_LATENCY = ", no latency"
SMALL_RATIO = 0.005


def table(figures: Sequence[Figures]) -> str:
    """Return a row for each contender; the first row of each work names it and the base of its ratios."""
    lines = []
    for work, group in groupby(figures, key=lambda row: row.work):
        for index, row in enumerate(group):
            lines.append(_line(f"{work}; ratio to *{row.base}*" if index == 0 else "", row))
    return HEAD + "".join(lines)


def together(figures: Sequence[Figures]) -> list[Figures]:
    """Return the figures with those of one work next to each other: the alternatives of a pull are measured after others."""
    works = list(dict.fromkeys(row.work for row in figures))
    first: dict[tuple[str, str], Figures] = {}
    for row in figures:
        first.setdefault((row.work, row.name), row)  # the floor takes part with the alternatives, too
    return sorted(first.values(), key=lambda row: works.index(row.work))


def matrix(figures: Sequence[Figures]) -> str:
    """Return the pulls without latency as ratios to the floor: a row for each contender, a column for each list."""
    pulls: dict[str, dict[str, str]] = {
        row.work: {} for row in figures if row.work.startswith("pull ") and row.work.endswith(NO_LATENCY)
    }
    for row in figures:
        if row.work in pulls:
            pulls[row.work][row.name] = _ratio(row.ratio)
    names = dict.fromkeys(name for ratios in pulls.values() for name in ratios)
    lines = [["", *(work.removeprefix("pull ").removesuffix(NO_LATENCY) for work in pulls)], ["---"] * (len(pulls) + 1)]
    lines += [[name, *(ratios.get(name, "") for ratios in pulls.values())] for name in names]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def goals(figures: Sequence[Figures]) -> str:
    """Return the ratios that have a target, in a row each."""
    lines = [["Work", "How", "ratio to", "ratio", "target"], ["---"] * 5]
    lines += [
        [row.work, row.name, row.base, f"**{_ratio(row.ratio)}**", _target(row)] for row in figures if row.limit is not None
    ]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def machine() -> str:
    """Return the machine and the versions that the figures were measured with."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("httpx", "orjson", "pandas", "pyarrow"))
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, {packages}"


def write(folder: Path, figures: Sequence[Figures], summary: str) -> None:
    """Write results.md and results.png."""
    text = (
        "# Results of `make bench`\n\n"
        f"{summary}\n\n![Ratios of pulls](results.png)\n\n"
        f"{matrix(figures)}\n"
        "How this is measured, and where the time goes: [docs/performance.md](../docs/performance.md).\n\n"
        f"## Targets\n\n{goals(figures)}\n"
        "## Everything that was measured\n\n<details>\n<summary>All contenders, with spread and requests</summary>\n\n"
        f"{table(figures)}\n</details>\n"
    )
    (folder / "results.md").write_text(text, "utf-8")
    _plot(folder / "results.png", [row for row in figures if row.work.startswith("pull ") and row.unit == "s"])


def _line(work: str, row: Figures) -> str:
    limit = "" if row.limit is None else _target(row)
    spread = f"{_ratio(min(row.ratios))}, {_ratio(max(row.ratios))}"
    requests = sum(number for name, number in row.tally.items() if name in ("requests", "creations", "others")) or ""
    cells = (work, row.name, f"**{_ratio(row.ratio)}**", limit, spread, f"{median(row.taken):.2f} {row.unit}", len(row.taken))
    return "| " + " | ".join(map(str, (*cells, requests, row.tally.get("busiest_second", "")))) + " |\n"


def _target(row: Figures) -> str:
    limit = row.limit or 0.0
    return f"≤ {limit:.3g}: {'reached' if row.ratio <= limit else '**missed**'}"


def _ratio(ratio: float) -> str:
    # two decimal places would show a small ratio as 0.00
    return f"{ratio:.2f}" if ratio >= SMALL_RATIO else f"{ratio:.1g}"


def _plot(path: Path, figures: Sequence[Figures]) -> None:
    """Draw a panel for each pull, with its bars on a logarithmic scale."""
    if not figures:
        return
    panels = [list(group) for _, group in groupby(figures, key=lambda row: row.work)]
    with mpl.rc_context({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(11, 2.4 * len(panels) / 2 + 1), layout="constrained")
        for axes, panel in zip(figure.subplots(-(-len(panels) // 2), 2, squeeze=False).flat, panels, strict=False):
            _bars(axes, panel)
        figure.savefig(path, dpi=110)


def _bars(axes: Axes, panel: Sequence[Figures]) -> None:
    names = [row.name for row in panel][::-1]
    ratios = [row.ratio for row in panel][::-1]
    colours = ["tab:blue" if name.startswith("Scan") else "lightgrey" for name in names]
    bars = axes.barh(names, ratios, color=colours)
    axes.bar_label(bars, fmt="%.2f", padding=2)
    axes.axvline(1, color="black", linewidth=0.6)
    axes.set_xscale("log")
    axes.set_xlim(min(*ratios, 1) / 1.3, max(ratios) * 2)
    axes.xaxis.set_major_formatter(NullFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    what, _, latency = panel[0].work.rpartition(", ")
    axes.set_title(f"{what.removeprefix('pull ')}\n{latency}; logarithmic ratios", loc="left", fontsize=8)
