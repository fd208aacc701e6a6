"""The benchmark runs; its figures are not a matter of tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[1] / "benchmarks" / "bench.py"


def test_the_benchmark_runs_and_prints_a_ratio_for_each_contender() -> None:
    command = [sys.executable, BENCH, "--rows", "2000", "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    for contender in ("Scan.to_dataframe", "httpx + json_normalize", "tf.create_tasks, up to the bytes of its chunks"):
        assert f"| {contender} | " in done.stdout
