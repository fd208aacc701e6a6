"""The benchmark runs, and its own servers do as the service does; its figures are not a matter of tests."""

from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from support.child_process import child_process

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Iterator

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
ROWS = 1_000
MOST_SECONDS = 200
PULLS = (
    "floor: httpx async + orjson.loads, no frame",
    "bytes only: plain socket",
    "httpx + json_normalize",
    "Scan.to_dataframe()",
)
GROUPS = {
    **dict.fromkeys(("app_batches", "app_items", "tasks", "assignments"), PULLS),
    "misfits": ("0 % of the pages", "100 % of the pages"),
    "upload": ("tf.create_tasks up to its chunks", "tf.create_tasks: ledger", "t · n / concurrency"),
    "imports": ("import toloka_frames",),
    "memory": (f"{ROWS:,} rows", f"{ROWS * 10:,} rows") if sys.platform == "linux" else (),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder of results for each group; only one has the environments of other clients beside it, which take their time."""
    folders = {group: tmp_path_factory.mktemp(group) for group in GROUPS}
    alone = shutil.copytree(BENCHMARKS, tmp_path_factory.mktemp("alone") / "benchmarks")

    def run(group: str) -> None:
        scripts = BENCHMARKS if group == "app_items" else alone
        sized = ["--rows", str(ROWS), "--rounds", "1", "--into", folders[group]]
        command = [sys.executable, scripts / "bench.py", group, *sized]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=MOST_SECONDS)
        assert done.returncode == 0, done.stderr

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, GROUPS))
    return folders


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_of_the_benchmark_tells_a_ratio_of_each_contender(results: dict[str, Path], group: str) -> None:
    table = (results[group] / "results.md").read_text("utf-8")
    for contender in GROUPS[group]:
        (line, *_) = [line for line in table.splitlines() if f" | {contender}" in line]
        assert float(line.split("**")[1]) > 0
    assert (results[group] / "results.png").exists() == ("pull " in table)
    assert ("Left out" in table) or (group == "app_items")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    command = [sys.executable, BENCHMARKS / "pages.py", "app_items", str(ROWS)]
    with child_process(command) as server:
        assert server.stdout
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"


def test_its_pages_can_be_cut_by_instants_and_sorted_as_those_of_the_service(url: str) -> None:
    client = tf.AsyncTolokaClient("token", url=f"{url}/0/0")
    whole = client.get_app_items("8lvN9kBN4wwsj47ZqNal").to_dataframe()
    middle = whole["created_at"].sort_values().iloc[ROWS // 2].tz_localize(None).isoformat()

    before = client.get_app_items("8lvN9kBN4wwsj47ZqNal", created_lt=middle, batch_size=100).to_dataframe()
    behind = client.get_app_items("8lvN9kBN4wwsj47ZqNal", created_gte=middle, batch_size=100).to_dataframe()
    newest = tf.run(client.find_app_items("8lvN9kBN4wwsj47ZqNal", sort="-created", limit=1))["content"][0]

    assert len(whole) == ROWS
    assert len(before) == ROWS // 2
    pd.testing.assert_frame_equal(pd.concat([before, behind]).sort_values("id", ignore_index=True), whole)
    assert pd.Timestamp(newest["created_at"], tz="UTC") == whole["created_at"].max()


def test_a_page_that_is_to_be_a_misfit_has_a_field_that_nobody_declared(url: str) -> None:
    frame = tf.AsyncTolokaClient("token", url=f"{url}/0/1").get_app_items("8lvN9kBN4wwsj47ZqNal", batch_size=500).to_dataframe()
    assert frame["extra"].notna().sum() == ROWS / 500
