"""Pull millions of app items to Parquet: in one process, by Dask on two workers, and by Ray Data on two.

`large.py --rows 1000000 10000000 --into FILE` runs in .venv-large; `make bench-large` creates it. Each pull has a process of
its own and the same page server, which generates rows when they are requested and answers after 100 ms.
"""

from __future__ import annotations

import argparse
import os
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rows import APP_PROJECT
from turns import serving, tally

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    import toloka_frames as tf

LATENCY_MS = 100
WORKERS = 2
PARTITION_ROWS = 100_000
TOKEN = f"{1:022}.bench.{1:032}"
HEAD = """# Results of `make bench-large`

App items to Parquet, pages of 1,000 rows, {latency} ms latency, on {cores} cores that the page server shares. Memory is the
peak of the process that pulls; for Dask, of the largest worker; for Ray, not measured. Seconds include the cluster's start.

| How | rows | distinct ids | seconds | at 300 requests/s | requests | max. in 1 s | peak MiB |
|---|---|---|---|---|---|---|---|
"""


def main() -> None:
    """Measure each way with each number of rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--into", type=Path)
    options = parser.parse_args()
    text = HEAD.format(latency=LATENCY_MS, cores=os.cpu_count())
    for rows in options.rows:
        with serving("large_pages.py", str(rows)) as server:
            for way in options.ways:
                line = _measured(way, server, rows)
                print(line, flush=True)
                text += line + "\n"
                if options.into:
                    options.into.write_text(text, "utf-8")


def _measured(way: str, server: str, rows: int) -> str:
    needed = NEEDS.get(way)
    if needed and find_spec(needed) is None:
        return f"| {way} | {rows:,} | left out: {needed} is not installed | | | | | |"
    with tempfile.TemporaryDirectory() as folder:
        tally(server)
        command = [sys.executable, __file__, "pull", way, f"{server}/{LATENCY_MS}/0", folder, str(rows)]
        variables = os.environ | {"TOLOKA_TOKEN": TOKEN, "RAY_USAGE_STATS_ENABLED": "0"}
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, env=variables)
        seconds, peak = map(float, done.stdout.splitlines()[-1].split())
        counts = tally(server)
        count, distinct = _counted(folder)
    assert count == distinct == rows, (way, count, distinct, rows)
    return (
        f"| {way} | {count:,} | {distinct:,} | {seconds:.0f} | {counts['requests'] / 300:.0f} | {counts['requests']:,} "
        f"| {counts['busiest_second']} | {f'{peak:,.0f}' if peak else ''} |"
    )


def _counted(folder: str) -> tuple[int, int]:
    """Return the number of rows in the files of a folder, and of their distinct ids."""
    import pyarrow.compute as pc  # noqa: PLC0415 -- its memory is not part of a pull
    import pyarrow.dataset as ds  # noqa: PLC0415 -- the same

    ids = ds.dataset(folder, format="parquet").to_table(columns=["id"])["id"]
    return len(ids), pc.count_distinct(ids).as_py()


def _pull(way: str, url: str, folder: str, rows: str) -> None:
    import toloka_frames as tf  # noqa: PLC0415 -- the process that only starts others does not need it

    scan = tf.TolokaClient(url=url).get_app_items(APP_PROJECT)
    started = time.perf_counter()
    peak = WAYS[way](scan, Path(folder), max(WORKERS, int(rows) // PARTITION_ROWS))
    print(time.perf_counter() - started, peak)


def _parquet(scan: tf.Scan, folder: Path, partitions: int) -> float:
    del partitions
    scan.to_parquet(folder / "items.parquet", progress=False)
    return _peak()


def _dask(scan: tf.Scan, folder: Path, partitions: int) -> float:
    import toloka_frames as tf  # noqa: PLC0415 -- as above

    distributed: Any = import_module("distributed")
    local = distributed.LocalCluster(n_workers=WORKERS, threads_per_worker=2, dashboard_address="127.0.0.1:0")
    with local as cluster, distributed.Client(cluster) as client:
        lazy: Any = tf.to_dask(scan, npartitions=partitions)
        lazy.to_parquet(str(folder))
        return float(max(client.run(_peak).values()))


def _ray(scan: tf.Scan, folder: Path, partitions: int) -> float:
    ray: Any = import_module("ray")
    import_module("ray.data")
    ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False)
    parts = scan.partitions(partitions, workers=WORKERS)
    # pickled, because Ray would make an array of them
    dataset = ray.data.from_items([pickle.dumps(part) for part in parts], override_num_blocks=len(parts))
    dataset.map_batches(_partition_rows, batch_size=1).write_parquet(str(folder))
    ray.shutdown()
    return 0  # Ray's workers are not children of this process


def _partition_rows(batch: dict[str, Any]) -> pa.Table:
    (pickled,) = batch["item"]
    table: pa.Table = pickle.loads(pickled).to_arrow(progress=False)  # noqa: S301 -- made above
    return table


def _peak() -> float:
    """Return the peak memory of this process in MiB (Linux)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


PARQUET, DASK, RAY = "scan.to_parquet(path)", "tf.to_dask(scan), 2 workers", "scan.partitions(n), Ray Data, 2 CPUs"
WAYS: dict[str, Callable[[tf.Scan, Path, int], float]] = {PARQUET: _parquet, DASK: _dask, RAY: _ray}
NEEDS = {DASK: "distributed", RAY: "ray"}

if __name__ == "__main__":
    _pull(*sys.argv[2:]) if sys.argv[1:2] == ["pull"] else main()
