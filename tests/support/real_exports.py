"""Real pool-result exports: read as text, and spelled as the API spells their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from pathlib import Path

EXPORTS = [
    "mera/bps_assignments_from_pool_41554142.tsv",
    "mera/rwsd_assignments_from_pool_41266267.tsv",
    "scratchplot/ending_assignments.tsv",
]


def read(path: Path) -> pd.DataFrame:
    """A file of the platform, every cell as text, an empty one missing."""
    return pd.read_csv(path, sep="\t", dtype="string[pyarrow]", keep_default_na=False, na_values=[""])


def expected(cells: pd.Series[Any]) -> pd.Series[Any]:
    """A column of the file as the API spells it."""
    if cells.name == "ASSIGNMENT:status":
        return cells.replace("APPROVED", "ACCEPTED")
    if cells.name == "ASSIGNMENT:link":  # files of before 2022 name a host that the platform has left since
        return cells.str.replace("https://toloka.yandex.ru/", "https://platform.toloka.ai/")
    if cells.name == "ASSIGNMENT:reward":
        return cells.astype("float64")
    if cells.name in ("ASSIGNMENT:started", "ASSIGNMENT:submitted", "ASSIGNMENT:accepted"):
        return pd.to_datetime(cells, format="ISO8601", utc=True).astype("datetime64[us, UTC]")
    return cells
