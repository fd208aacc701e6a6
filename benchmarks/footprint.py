"""Measure the import time of the package and the peak memory of streams, each in a new process.

`footprint.py URL SINK` streams app items and prints the peak memory in MiB (Linux only).
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
    """Return the import of the package and its minimum: the imports of pandas, pyarrow and httpx."""
    return [
        Contender(IMPORT_FLOOR, lambda: _printed("-c", TIMED.format(IMPORT_FLOOR))),
        Contender("import toloka_frames", lambda: _printed("-c", TIMED.format("import toloka_frames")), limit=1.15),
    ]


def streams(sink: str, few: str, many: str, rows: int) -> list[Contender]:
    """Return a stream of `rows` rows, and one of ten times as many."""
    return [
        Contender(f"{rows:,} rows", lambda: _printed(__file__, few, sink)),
        Contender(f"{rows * 10:,} rows", lambda: _printed(__file__, many, sink), limit=1.1),
    ]


def _printed(*arguments: str) -> float:
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
    import toloka_frames as tf  # noqa: PLC0415 -- the process that measures imports must not load it

    scan = tf.AsyncTolokaClient("token", url=url).get_app_items(APP_PROJECT)
    with tempfile.TemporaryDirectory() as folder:
        assert SINKS[sink](scan, Path(folder)) > 0
    peak = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    print(int(peak.split()[1]) / 1024)


if __name__ == "__main__":
    _measure(*sys.argv[1:])
