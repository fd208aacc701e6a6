"""The memory of streams and copies does not grow with the number of rows, even if the consumer is slower than the service."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.child_process import child_process
from support.scripted_server import Scripted, reply

if TYPE_CHECKING:
    from collections.abc import Iterator

# the larger pull of this test adds at most 4 %; a pull that keeps its rows, as to_arrow does, adds 28 %
MAX_RATIO = 1.1

SERVER = """
import sys
from urllib.parse import parse_qs, urlsplit
from support.scripted_server import Scripted, reply

SPECS = reply({"id": "1", "project_id": "1", "task_spec": {}})
STEP = 7_919 * 2**60  # ids like those of the Apps API: uniformly distributed text

def answer(head):
    url = urlsplit(head.split(" ")[1])
    if "/tasks" not in url.path:
        return SPECS
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    first = int(query.get("id_gt", "0"), 16) // STEP + 1
    last = min(first + int(query["limit"]), int(query["overlap"]) + 1)
    rows = ",".join([f'{{"id":"{number * STEP:024x}","pool_id":"1","infinite_overlap":true}}' for number in range(first, last)])
    return reply('{"items":[%s],"has_more":%s}' % (rows, "true" if last <= int(query["overlap"]) else "false"))

with Scripted() as scripted:
    scripted.answers = [answer]
    print(scripted.url, flush=True)
    sys.stdin.read()
"""

CONSUMER = """
import sys, time
import pyarrow.parquet as pq
import toloka_frames as tf

def read_slowly(batches):
    rows = 0
    for batch in batches:
        rows += len(batch)
        time.sleep(0.005 * len(batch) / 10_000)
    return rows

def pull(rows):
    scan = tf.AsyncTolokaClient("token-that-nobody-may-see", url=url).get_tasks(pool_id="1", overlap=rows)
    if sink == "to_reader":
        return read_slowly(scan.to_reader())
    if sink == "iter_dataframes":
        return read_slowly(scan.iter_dataframes(10_000))
    if sink == "to_parquet":
        return pq.read_metadata(scan.to_parquet(f"{folder}/{rows}")).num_rows
    return tf.verify(scan.to_parquet(f"{folder}/{rows}", resume=True))["rows"].sum()

url, sink, folder, *sizes = sys.argv[1:]
for rows in map(int, sizes):
    read = pull(rows)
    assert read == rows, read
    status = open("/proc/self/status").read()
    print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")))
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Serve a list from another process; the `overlap` filter is its number of rows."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", SERVER]
    with child_process(command, stdin=subprocess.PIPE, env=environment) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()


def test_the_first_batch_is_available_after_the_first_page() -> None:
    page = b'{"items":[{"id":"%d"}],"has_more":true}'
    specification = reply({"id": "1", "project_id": "1", "task_spec": {}})
    with Scripted() as scripted:
        scripted.answers = [specification, specification, *(reply(page % number) for number in range(100, 200))]
        reader = scripted.async_client().get_tasks(pool_id="1").to_reader()
        assert reader.read_next_batch()["id"].to_pylist() == ["100"]
        # the second page may have been prefetched
        assert sum("/tasks" in request for request in scripted.requests) <= 2
        reader.close()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux reports the peak memory of a process")
@pytest.mark.parametrize("sink", ["to_reader", "iter_dataframes", "to_parquet", "to_parquet into parts"])
def test_memory_does_not_grow_with_the_number_of_rows(url: str, sink: str, tmp_path: Path) -> None:
    few, many = peak_kilobytes(url, sink, tmp_path, 100_000, 500_000)
    assert many <= few * MAX_RATIO


def peak_kilobytes(url: str, sink: str, folder: Path, *sizes: int) -> list[int]:
    """Return the peak memory of one process after each of several pulls."""
    options = ["-W", "error", "-W", "ignore::ResourceWarning"]
    command = [sys.executable, *options, "-c", CONSUMER, url, sink, str(folder), *map(str, sizes)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=300)
    return list(map(int, done.stdout.split()))
