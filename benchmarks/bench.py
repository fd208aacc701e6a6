"""Pulls and uploads are timed in turns, in one run; a table of ratios to the floor goes out.

The floor is the least that any client does: httpx's async client and `orjson.loads` of the same pages, without a frame; for the
upload, columns zipped to dicts and `orjson.dumps`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pandas as pd

import toloka_frames as tf
from toloka_frames._cells import cells_of
from toloka_frames._columns import Specification
from toloka_frames._kinds import TASKS
from toloka_frames._plan import Part, planned
from toloka_frames._roles import roles_of
from toloka_frames._tasks import tasks_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PAGE_ROWS = 1_000
PATH = "/api/app/v0/app-projects/P/batches"


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with page_server(options.rows) as url:
        pulls: dict[str, Callable[[], object]] = {
            "floor: httpx async + orjson.loads": lambda: asyncio.run(floor(url)),
            "bytes only: httpx async": lambda: asyncio.run(floor(url, decode=len)),
            "httpx + json_normalize": lambda: normalised(url),
            "Scan.to_dataframe": lambda: scan(url).to_dataframe(progress=False),
            "Scan.to_dataframe, dtype_backend='pyarrow'": lambda: scan(url).to_dataframe(
                dtype_backend="pyarrow", progress=False
            ),
            "Scan.to_arrow": lambda: scan(url).to_arrow(progress=False),
        }
        table(f"{options.rows:,} app batches, pages of {PAGE_ROWS:,}, no latency", measured(pulls, options.rounds))
    frame = uploads(options.rows)
    ups = {
        "floor: columns zipped to dicts + orjson.dumps": lambda: dumped(frame),
        "tf.create_tasks, up to the bytes of its chunks": lambda: prepared(frame),
    }
    table(f"{options.rows:,} rows of ten fields to JSON chunks", measured(ups, options.rounds))


@contextlib.contextmanager
def page_server(rows: int, latency: float = 0.0) -> Iterator[str]:
    """The bench's own page server, in a process of its own."""
    command = [sys.executable, str(Path(__file__).with_name("pages.py")), str(rows), str(PAGE_ROWS), str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.terminate()


async def floor(url: str, decode: Callable[[bytes], Any] = orjson.loads) -> int:
    """Page after page; the cursor is known beforehand where pages are not decoded."""
    requests, query = 0, {"sort": "id", "limit": str(PAGE_ROWS)}
    async with httpx.AsyncClient(base_url=url) as client:
        while True:
            body = (await client.get(PATH, params=query)).content
            page = decode(body)
            requests += 1
            last, more = (page["content"][-1]["id"], page["has_more"]) if isinstance(page, dict) else _tail(body)
            if not more:
                return requests
            query["id_gt"] = last


def _tail(body: bytes) -> tuple[str, bool]:
    start = body.rfind(b'{"id":"A') + len(b'{"id":"')
    return body[start : body.index(b'"', start)].decode(), body.endswith(b'"has_more":true}')


def normalised(url: str) -> pd.DataFrame:
    """What a careful loop by hand does."""
    rows, query = [], {"sort": "id", "limit": str(PAGE_ROWS)}
    with httpx.Client(base_url=url) as client:
        while True:
            page = client.get(PATH, params=query).json()
            rows += page["content"]
            if not page["has_more"]:
                return pd.json_normalize(rows)
            query["id_gt"] = rows[-1]["id"]


def scan(url: str) -> tf.Scan:
    """The same list as a scan."""
    return tf.AsyncTolokaClient("token", url=url).get_app_batches("P")


def uploads(rows: int) -> pd.DataFrame:
    """Ten fields of text, numbers and addresses."""
    numbers = range(rows)
    texts = {f"text_{field}": [f"text {field} of row {number}" for number in numbers] for field in range(6)}
    return pd.DataFrame(
        texts
        | {
            "image": [f"https://example.com/{number}.jpg" for number in numbers],
            "number": list(numbers),
            "share": [number / 7 for number in numbers],
            "flag": [number % 2 == 0 for number in numbers],
        }
    )


SPECIFICATION = Specification(
    {f"text_{field}": {"type": "string"} for field in range(6)}
    | {"image": {"type": "url"}, "number": {"type": "integer"}, "share": {"type": "float"}, "flag": {"type": "boolean"}},
    {},
)


def dumped(frame: pd.DataFrame) -> int:
    """JSON of 10,000 rows at a time, without a check."""
    columns = [frame[name].tolist() for name in frame]
    names = list(frame)
    tasks = [{"pool_id": "1", "input_values": dict(zip(names, row, strict=True))} for row in zip(*columns, strict=True)]
    return sum(len(orjson.dumps(tasks[start : start + 10_000])) for start in range(0, len(tasks), 10_000))


def prepared(frame: pd.DataFrame) -> int:
    """What create_tasks does before it sends: check, convert, measure, hash, cut."""
    rows = range(len(frame))
    roles = roles_of(frame, None, has_pool=True)
    cells = cells_of(frame, roles, SPECIFICATION, overlap=None, positions=rows, strict=True)
    part = Part("1", rows, list(tasks_of("1", rows, cells)), cells.input_bytes)
    return sum(len(chunk.body) for chunk in planned(TASKS, "me", [part], rows, None).chunks)


def measured(contenders: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each contender in each round, in turns, after one round that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        for name, work in contenders.items():
            started = time.perf_counter()
            work()
            if turn:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def table(title: str, seconds: dict[str, list[float]]) -> None:
    """Print medians of the ratios to the first contender, round by round."""
    base = next(iter(seconds.values()))
    print(f"\n{title} ({os.cpu_count()} cores, median of {len(base)} rounds in turns)\n")
    print("| | x the floor | min | max |\n|---|---|---|---|")
    for name, times in seconds.items():
        ratios = [one / other for one, other in zip(times, base, strict=True)]
        print(f"| {name} | {statistics.median(ratios):.2f} | {min(ratios):.2f} | {max(ratios):.2f} |")


if __name__ == "__main__":
    main()
