"""What the card of an upload showed over time: read ten times a second in the page, and taken apart here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from support.jupyterlab import SHOWN

if TYPE_CHECKING:
    from support.jupyterlab import Notebook

UNIT_SECONDS = {"h": 3_600, "min": 60, "s": 1}
ROWS = re.compile(r"([\d,]+) of ([\d,]+) rows")
SENT = re.compile(r"(\d+) sent")
LEFT = re.compile(r"((?:[\d.]+ (?:h|min|s) ?)+)left")

PERIOD_MS = 100
RECORD = f"""
    index => {{
        window.samples = [];
        window.sampling = setInterval(() => window.samples.push([Date.now() / 1000, {SHOWN}]), {PERIOD_MS});
    }}
"""
END = """
    () => { clearInterval(window.sampling); return window.samples; }
"""


@dataclass(frozen=True)
class Sample:
    """What a card showed.

    Attributes:
        at: Unix seconds.
        text: The text of the cell's output.
    """

    at: float
    text: str

    @property
    def rows(self) -> int:
        """The rows that the card shows as done."""
        shown = ROWS.search(self.text)
        return number(shown[1]) if shown else 0

    @property
    def sent(self) -> int:
        """The requests that the card shows as sent and not ended."""
        shown = SENT.search(self.text)
        return int(shown[1]) if shown else 0

    @property
    def seconds_left(self) -> float | None:
        """The time left, None if the card shows none."""
        shown = LEFT.search(self.text)
        return None if shown is None else seconds(shown[1])


def start_recording(notebook: Notebook, cell: int) -> None:
    """Record from now on what a cell's output shows."""
    notebook.page.evaluate(RECORD, cell)


def end_recording(notebook: Notebook) -> list[Sample]:
    """Return what was recorded."""
    return [Sample(at, text) for at, text in notebook.page.evaluate(END)]


def number(text: str) -> int:
    return int(text.replace(",", ""))


def seconds(text: str) -> float:
    return sum(float(count) * UNIT_SECONDS[unit] for count, unit in re.findall(r"([\d.]+) (h|min|s)", text))
