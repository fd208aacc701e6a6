"""The figures of all contenders come in; one table in Markdown and a plot go out."""

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
    "| Work | How | ratio | to reach | min, max | median | rounds | requests | most in 1 s |\n"
    "|---|---|---|---|---|---|---|---|---|\n"
)


NO_LATENCY = ", no latency"


def table(figures: Sequence[Figures]) -> str:
    """A row for each contender; the work and what its ratios are to stand in the first row of each."""
    lines = []
    for work, group in groupby(figures, key=lambda one: one.work):
        for place, one in enumerate(group):
            lines.append(_line(f"{work}; ratio to *{one.base}*" if place == 0 else "", one))
    return HEAD + "".join(lines)


def matrix(figures: Sequence[Figures]) -> str:
    """What the pulls without latency took as ratios to the floor: a row for each contender, a column for each list."""
    pulls: dict[str, dict[str, str]] = {
        one.work: {} for one in figures if one.work.startswith("pull ") and one.work.endswith(NO_LATENCY)
    }
    for one in figures:
        if one.work in pulls:
            pulls[one.work][one.name] = f"{one.ratio:.2f}"
    names = dict.fromkeys(name for ratios in pulls.values() for name in ratios)
    lines = [["", *(work.removeprefix("pull ").removesuffix(NO_LATENCY) for work in pulls)], ["---"] * (len(pulls) + 1)]
    lines += [[name, *(ratios.get(name, "") for ratios in pulls.values())] for name in names]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def machine() -> str:
    """Where the figures come from."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("httpx", "orjson", "pandas", "pyarrow"))
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, {packages}"


def write(folder: Path, figures: Sequence[Figures], said: str) -> None:
    """Write results.md and results.png."""
    text = (
        "# Results of `make bench`\n\n"
        f"{said}\n\n![Ratios of pulls](results.png)\n\n"
        f"{matrix(figures)}\n"
        "How it is measured, and where the time goes: [docs/performance.md](../docs/performance.md).\n\n"
    )
    (folder / "results.md").write_text(text + table(figures), "utf-8")
    _plot(folder / "results.png", [one for one in figures if one.work.startswith("pull ") and one.unit == "s"])


def _line(work: str, one: Figures) -> str:
    limit = "" if one.limit is None else f"≤ {one.limit:.3g}: {'reached' if one.ratio <= one.limit else '**missed**'}"
    spread = f"{min(one.ratios):.2f}, {max(one.ratios):.2f}"
    requests = sum(number for name, number in one.tally.items() if name in ("requests", "creations", "others")) or ""
    cells = (work, one.name, f"**{one.ratio:.2f}**", limit, spread, f"{median(one.taken):.2f} {one.unit}", len(one.taken))
    return "| " + " | ".join(map(str, (*cells, requests, one.tally.get("busiest_second", "")))) + " |\n"


def _plot(path: Path, figures: Sequence[Figures]) -> None:
    """A panel for each pull, its bars on one logarithmic scale."""
    if not figures:
        return
    panels = [list(group) for _, group in groupby(figures, key=lambda one: one.work)]
    with mpl.rc_context({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(11, 2.4 * len(panels) / 2 + 1), layout="constrained")
        for axes, panel in zip(figure.subplots(-(-len(panels) // 2), 2, squeeze=False).flat, panels, strict=False):
            _bars(axes, panel)
        figure.savefig(path, dpi=110)


def _bars(axes: Axes, panel: Sequence[Figures]) -> None:
    names = [one.name for one in panel][::-1]
    ratios = [one.ratio for one in panel][::-1]
    colours = ["tab:blue" if name.startswith("Scan") else "lightgrey" for name in names]
    bars = axes.barh(names, ratios, color=colours)
    axes.bar_label(bars, fmt="%.2f", padding=2)
    axes.axvline(1, color="black", linewidth=0.6)
    axes.set_xscale("log")
    axes.set_xlim(min(*ratios, 1) / 1.3, max(ratios) * 2)
    axes.xaxis.set_major_formatter(NullFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    what, _, latency = panel[0].work.rpartition(", ")
    axes.set_title(f"{what}\n{latency}; ratio to the first, on a logarithmic scale", loc="left", fontsize=8)
