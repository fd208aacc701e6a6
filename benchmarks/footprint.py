"""The time to import the package, and the most memory that a stream takes, each measured in a process that is new.

Run as `footprint.py URL SINK`, it streams app items and prints the most MiB that it had (only Linux tells).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rows import APP_PROJECT
from turns import Contender

if TYPE_CHECKING:
    from collections.abc import Callable

    import toloka_frames as tf

STATUS = Path("/proc/self/status")
IMPORT_FLOOR = "import pandas, pyarrow, httpx"
TIMED = "import time; started = time.perf_counter(); {}; print(time.perf_counter() - started)"


def imports() -> list[Contender]:
    """The package, against the three that it cannot do without."""
    return [
        Contender(IMPORT_FLOOR, lambda: _said("-c", TIMED.format(IMPORT_FLOOR))),
        Contender("import toloka_frames", lambda: _said("-c", TIMED.format("import toloka_frames")), limit=1.15),
    ]


def streams(sink: str, few: str, many: str, rows: int) -> list[Contender]:
    """One stream of so many rows, and of ten times as many."""
    return [
        Contender(f"{rows:,} rows", lambda: _said(__file__, few, sink)),
        Contender(f"{rows * 10:,} rows", lambda: _said(__file__, many, sink), limit=1.1),
    ]


def _said(*arguments: str) -> float:
    return float(subprocess.run([sys.executable, *arguments], stdout=subprocess.PIPE, check=True, text=True).stdout)


def _to_reader(scan: tf.Scan, folder: Path) -> int:
    del folder
    return sum(len(batch) for batch in scan.to_reader())


def _iter_dataframes(scan: tf.Scan, folder: Path) -> int:
    del folder
    return sum(len(frame) for frame in scan.iter_dataframes(10_000))


def _to_parquet(scan: tf.Scan, folder: Path) -> int:
    return scan.to_parquet(folder / "items.parquet", progress=False).stat().st_size


def _to_parquet_resume(scan: tf.Scan, folder: Path) -> int:
    return len(list(scan.to_parquet(folder / "items", resume=True, progress=False).iterdir()))


SINKS: dict[str, Callable[[tf.Scan, Path], int]] = {
    "to_reader()": _to_reader,
    "iter_dataframes(10_000)": _iter_dataframes,
    "to_parquet(path)": _to_parquet,
    "to_parquet(path, resume=True)": _to_parquet_resume,
}


def _measure(url: str, sink: str) -> None:
    import toloka_frames as tf  # noqa: PLC0415 -- the process that starts this one must not have it

    scan = tf.AsyncTolokaClient("token", url=url).get_app_items(APP_PROJECT)
    with tempfile.TemporaryDirectory() as folder:
        assert SINKS[sink](scan, Path(folder)) > 0
    peak = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    print(int(peak.split()[1]) / 1024)


if __name__ == "__main__":
    _measure(*sys.argv[1:])
