"""Real exports of pools' results: read as text, and with their values as the API has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from support.text_dtype import TEXT

if TYPE_CHECKING:
    from pathlib import Path

EXPORTS = [
    "mera/bps_assignments_from_pool_41554142.tsv",
    "mera/rwsd_assignments_from_pool_41266267.tsv",
    "scratchplot/ending_assignments.tsv",
]


def read_file(path: Path) -> pd.DataFrame:
    """Read a file of the platform with all cells as text; empty cells are missing."""
    frame = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, na_values=[""])
    return frame.astype(TEXT).where(frame.notna(), None)


def as_in_api(cells: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column of the file with the values and the dtype that a pull of the list gives."""
    if cells.name == "ASSIGNMENT:status":
        return cells.replace("APPROVED", "ACCEPTED")
    if cells.name == "ASSIGNMENT:link":  # files from before 2022 name a host that the platform no longer uses
        return cells.str.replace("https://toloka.yandex.ru/", "https://platform.toloka.ai/")
    if cells.name == "ASSIGNMENT:reward":
        return cells.astype("float64")
    if cells.name in ("ASSIGNMENT:started", "ASSIGNMENT:submitted", "ASSIGNMENT:accepted"):
        return pd.to_datetime(cells, format="ISO8601", utc=True).astype("datetime64[us, UTC]")
    return cells
