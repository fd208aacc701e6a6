"""The benchmark runs, and its own servers behave like the service; its figures depend on the machine and are not tested."""

from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from support.all_cases import ALL_CASES
from support.child_process import child_process

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
ROWS = 1_000
MAX_SECONDS = 500
TABLE_COLUMNS = 9
PULLS = (
    "floor: httpx async + orjson.loads, no frame, no garbage collection",
    "bytes only: plain socket",
    "Scan.to_dataframe()",
)
# The start of a group's works in the table, and some of their contenders. The groups of the lists differ in the rows of their
# page server only: one of them runs here, and the pages of the others are pulled by a test of their own.
OTHER_LISTS = ("app_batches", "assignments", "tasks")
LISTS = {name: (f"pull 1,000 {name.replace('_', ' ')}", PULLS) for name in ("app_items", *(OTHER_LISTS if ALL_CASES else ()))}
LISTS["alternatives"] = ("pull 1,000 tasks", ("httpx + json_normalize",))
OTHERS = {
    "misfits": ("pages with an unknown field", ("0 % of the pages", "100 % of the pages")),
    "upload": (
        "upload",
        ("tf.create_tasks up to its chunks", "tf.create_tasks: ledger", "tf.create_tasks: the", "t · n / concurrency"),
    ),
    "small": ("upload 10 rows", ("tf.create_tasks", "floor: pool, project, POST", "0.09 s")),
    "large": (f"upload {ROWS * 10:,} rows", ("tf.create_tasks", "the ledger") if sys.platform == "linux" else ()),
    "ledger": ("find 1,000 rows", ("floor: columns zipped to dicts", "rows that the ledger has")),
    "imports": ("import", ("from toloka_frames import TolokaClient",)),
    "memory": ("peak memory", (f"{ROWS:,} rows", f"{ROWS * 10:,} rows") if sys.platform == "linux" else ()),
    "rows_overhead": ("iterate over 1,000 app batches", ("httpx async + json.loads", "for row in scan")),
    "call_overhead": ("a call", ("await client.get_requester()", "client.get_requester()", "httpx async")),
}


def bench(scripts: Path, folder: Path, groups: Iterable[str]) -> str:
    """Run groups of the benchmark and return what they write."""
    command = [sys.executable, scripts / "bench.py", *groups, "--rows", str(ROWS), "--rounds", "1", "--into", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=MAX_SECONDS)
    assert done.returncode == 0, done.stderr
    return (folder / "results.md").read_text("utf-8")


def ratios(text: str, work: str) -> dict[str, float]:
    """Return the ratios of all contenders of works whose name starts like this."""
    found, work_of_row = {}, ""
    for row in (line.split(" | ") for line in text.splitlines() if line.count(" | ") == TABLE_COLUMNS - 1):
        work_of_row = row[0].removeprefix("| ") or work_of_row
        if work_of_row.startswith(work):
            found[row[1]] = float(row[2].strip("*"))
    return found


def test_each_group_has_a_ratio_of_each_contender_and_only_pulls_are_plotted(tmp_path: Path) -> None:
    """One test: tests that share the results would run the benchmark once in each worker of pytest-xdist.

    Two processes, because pulls with latency mostly wait, and not one for each group, which would spend its time on imports.
    They leave out the environments of other clients, which take long.
    """
    alone = shutil.copytree(BENCHMARKS, tmp_path / "alone" / "benchmarks")
    folders = [tmp_path / "lists", tmp_path / "others"]
    for path in folders:
        path.mkdir()
    with ThreadPoolExecutor(2) as pool:
        texts = list(pool.map(bench, [alone] * 2, folders, [LISTS, OTHERS]))
    for text, groups in zip(texts, [LISTS, OTHERS], strict=True):
        assert "Left out" in text
        for work, contenders in groups.values():
            found = ratios(text, work)
            for contender in contenders:
                assert any(name.startswith(contender) for name in found), (work, contender, found)
    assert [path.parent.name for path in tmp_path.glob("*/results.png")] == ["lists"]


@pytest.mark.skipif(not any(BENCHMARKS.parent.glob(".venv-[kd]*/.made")), reason="no other client: make kit dlt")
def test_other_clients_take_part_if_they_are_installed(tmp_path: Path) -> None:
    found = ratios(bench(BENCHMARKS, tmp_path, ["alternatives"]), LISTS["app_items"][0])
    assert any(name.startswith(("Toloka-Kit", "dlt")) for name in found)


@contextmanager
def pages_of(name: str) -> Iterator[str]:
    """Run the page server of a list; yield its URL."""
    with child_process([sys.executable, BENCHMARKS / "pages.py", name, str(ROWS)]) as server:
        assert server.stdout
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with pages_of("app_items") as url:
        yield url


@pytest.mark.parametrize("name", OTHER_LISTS)
def test_the_pages_of_each_list_are_pulled_completely(name: str) -> None:
    with pages_of(name) as url:
        client = tf.AsyncTolokaClient("token", url=f"{url}/0/0")
        scan = {
            "app_batches": lambda: client.get_app_batches("8lvN9kBN4wwsj47ZqNal"),
            "assignments": lambda: client.get_assignments(pool_id="36502086"),
            "tasks": lambda: client.get_tasks(pool_id="36502086"),
        }[name]()
        tasks_each = 5 if name == "assignments" else 1
        assert len(scan.to_dataframe(progress=False)) == ROWS * tasks_each
        tf.run(client.aclose())


def test_its_pages_can_be_filtered_by_time_and_sorted_like_those_of_the_service(url: str) -> None:
    client = tf.AsyncTolokaClient("token", url=f"{url}/0/0")
    whole = client.get_app_items("8lvN9kBN4wwsj47ZqNal").to_dataframe()
    middle = whole["created_at"].sort_values().iloc[ROWS // 2].tz_localize(None).isoformat()

    before = client.get_app_items("8lvN9kBN4wwsj47ZqNal", created_lt=middle, batch_size=100).to_dataframe()
    after = client.get_app_items("8lvN9kBN4wwsj47ZqNal", created_gte=middle, batch_size=100).to_dataframe()
    newest = tf.run(client.find_app_items("8lvN9kBN4wwsj47ZqNal", sort="-created", limit=1))["content"][0]

    assert len(whole) == ROWS
    assert len(before) == ROWS // 2
    pd.testing.assert_frame_equal(pd.concat([before, after]).sort_values("id", ignore_index=True), whole)
    assert pd.Timestamp(newest["created_at"], tz="UTC") == whole["created_at"].max()


def test_a_misfit_page_has_an_undeclared_field(url: str) -> None:
    frame = tf.AsyncTolokaClient("token", url=f"{url}/0/1").get_app_items("8lvN9kBN4wwsj47ZqNal", batch_size=500).to_dataframe()
    assert frame["extra"].notna().sum() == ROWS / 500


def test_millions_of_rows_that_are_made_on_request_are_pulled_once_each(tmp_path: Path) -> None:
    """Without Dask and Ray, which `make bench-large` installs; the script itself compares rows and distinct ids."""
    into = tmp_path / "large.md"
    command = [sys.executable, BENCHMARKS / "large.py", "--rows", "3000", "--ways", "scan.to_parquet(path)", "--into", into]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=MAX_SECONDS)
    assert done.returncode == 0, done.stderr
    assert "| scan.to_parquet(path) | 3,000 | 3,000 |" in into.read_text("utf-8")


def test_rows_made_on_request_have_the_fields_filters_and_times_of_stored_rows(url: str) -> None:
    with child_process([sys.executable, BENCHMARKS / "large_pages.py", str(ROWS)]) as server:
        assert server.stdout
        client = tf.AsyncTolokaClient("token", url=f"http://127.0.0.1:{server.stdout.readline().strip()}/0/0")
        made = client.get_app_items("8lvN9kBN4wwsj47ZqNal").to_dataframe(progress=False)
        parts = client.get_app_items("8lvN9kBN4wwsj47ZqNal").partitions(4, workers=1)
        parted = pd.concat([part.to_dataframe(progress=False) for part in parts])
    stored = tf.AsyncTolokaClient("token", url=f"{url}/0/0").get_app_items("8lvN9kBN4wwsj47ZqNal").to_dataframe(progress=False)
    assert not made.sort_values("created_at")["id"].is_monotonic_increasing
    pd.testing.assert_frame_equal(parted.sort_values("id", ignore_index=True), made)
    by_time = [frame.drop(columns="id").sort_values("INPUT:text", ignore_index=True) for frame in (made, stored)]
    pd.testing.assert_frame_equal(*by_time)
