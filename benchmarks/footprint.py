"""Measure the import time of the package and the peak memory of streams and uploads, each in a new process.

`footprint.py URL SINK` streams app items and prints the peak memory in MiB (Linux only). `footprint.py URL FILE ROWS` uploads
the rows of a Feather file and prints the frame's own memory, the peak memory above that of the process without the frame, and
the size of the ledger, in MiB.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from rows import APP_PROJECT, POOL, ten_values
from turns import Contender

if TYPE_CHECKING:
    from collections.abc import Callable

    import toloka_frames as tf

STATUS = Path("/proc/self/status")
MIB = 2**20
BLOCK_ROWS = 20_000
UPLOADED, OWN, LEDGER = "tf.create_tasks", "the frame", "the ledger, all rows settled"
LEDGER_ROW_BYTES = 60
IMPORT_FLOOR = "import pandas, pyarrow, httpx"
IMPORT_CLIENT = "from toloka_frames import TolokaClient"
TIMED = "import time; started = time.process_time(); {}; print(time.process_time() - started)"


def imports() -> list[Contender]:
    """Return the import of a client and its minimum: the imports of pandas, pyarrow and httpx.

    `import toloka_frames` alone would load no client.
    """
    return [
        Contender(IMPORT_FLOOR, lambda: _printed("-c", TIMED.format(IMPORT_FLOOR))),
        Contender(IMPORT_CLIENT, lambda: _printed("-c", TIMED.format(IMPORT_CLIENT)), limit=1.1),
    ]


def streams(sink: str, few: str, many: str, rows: int) -> list[Contender]:
    """Return a stream of `rows` rows, and one of ten times as many."""
    return [
        Contender(f"{rows:,} rows", lambda: _printed(__file__, few, sink)),
        Contender(f"{rows * 10:,} rows", lambda: _printed(__file__, many, sink), limit=1.1),
    ]


class LargeUpload:
    """The upload of a frame of ten fields by a process of its own, in MiB, after `peak` has run it."""

    def __init__(self, server: str, rows: int) -> None:
        self._server, self._rows = server, rows
        self._folder = tempfile.TemporaryDirectory()
        self._own = self._ledger = 0.0

    def memory(self) -> list[Contender]:
        """Return the peak memory of the upload, and the memory of the frame."""
        return [Contender(UPLOADED, self.peak, limit=2.5), Contender(OWN, lambda: self._own)]

    def ledger(self) -> list[Contender]:
        """Return the size of the ledger after the last upload, and what it may be."""
        allowed = self._rows * LEDGER_ROW_BYTES / MIB
        return [
            Contender(LEDGER, lambda: self._ledger, limit=1.0),
            Contender(f"{LEDGER_ROW_BYTES} bytes a row", lambda: allowed),
        ]

    def peak(self) -> float:
        """Upload the frame; return the peak memory, and remember the rest."""
        file = Path(self._folder.name) / "rows.feather"
        if not file.exists():
            blocks = range(0, self._rows, BLOCK_ROWS)
            rows = (pd.DataFrame(map(ten_values, range(start, min(start + BLOCK_ROWS, self._rows)))) for start in blocks)
            pd.concat(rows, ignore_index=True).to_feather(file, compression="uncompressed")
        command = [sys.executable, __file__, self._server, str(file), str(self._rows)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
        self._own, peak, self._ledger = map(float, done.stdout.split())
        return peak


def _printed(*arguments: str) -> float:
    # installed packages have their bytecode; an editable one would be compiled each time where Python may not write it
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, *arguments]
    return float(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, env=environment).stdout)


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
    print(_memory("VmHWM:"))


def _measure_upload(url: str, file: str, rows: str) -> None:
    import toloka_frames as tf  # noqa: PLC0415 -- as in `_measure`
    from toloka_frames._transport import rate_limits  # noqa: PLC0415

    # the quota of a minute would make the upload of a million rows wait ten minutes
    rate_limits.RATES["tasks"] = ((int(rows) * 2, rate_limits.MINUTE_MS),)
    client = tf.AsyncTolokaClient("token", url=url)
    options: dict[str, Any] = {"pool_id": POOL, "allow_defaults": True, "progress": False}
    with tempfile.TemporaryDirectory() as folder:
        # loads all modules, and opens connections
        tf.create_tasks(pd.DataFrame([ten_values(-1)]), client, ledger=Path(folder) / "first.db", **options)
        before = _memory("VmRSS:")
        frame = pd.read_feather(file)
        results = tf.create_tasks(frame, client, ledger=Path(folder) / "uploads.db", **options)
        ledger = (Path(folder) / "uploads.db").stat().st_size
    assert results["status"].eq("CREATED").sum() == int(rows)
    print(frame.memory_usage(deep=True).sum() / MIB, _memory("VmHWM:") - before, ledger / MIB)


def _memory(name: str) -> float:
    """Return a figure of this process's memory in MiB."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    (_measure if len(sys.argv) == len(("script", "url", "sink")) else _measure_upload)(*sys.argv[1:])
