"""The name of a list comes in; where the time of its sequential pull goes comes out, as a table: CPU of each stage, alone.

Run as `stages.py [LIST ...] [--rows N]`. The stages of a real pull lie side by side in two threads and the kernel, so that the
whole is less than their sum.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pyarrow.json as pa_json
from pulls import Pull
from rows import LISTS, ListName
from turns import serving

import toloka_frames as tf
from toloka_frames._page import last_id, read_page
from toloka_frames._sinks import to_frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from toloka_frames._columns import Layout

TIMES = 3


def main() -> None:
    """A column for each list."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lists", nargs="*", metavar="LIST", help=f"of {', '.join(LISTS)}; all by default")
    parser.add_argument("--rows", type=int, default=100_000)
    options = parser.parse_args()
    columns = {name: stages(name, options.rows) for name in options.lists or LISTS}
    print(f"| | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for stage in next(iter(columns.values())):
        print(f"| {stage} | {' | '.join(f'{column[stage]:.2f}' for column in columns.values())} |")


def stages(name: ListName, rows: int) -> dict[str, float]:
    """Seconds of each stage: CPU of all threads, the best of a few times."""
    with serving("pages.py", name, str(rows)) as server:
        pull = Pull(name, f"{server}/0/0", rows)
        layout = tf.run(pull.scan()._source.layout())  # noqa: SLF001 -- the stages are inside
        bodies: list[bytes] = []
        pull.undecoded(bodies.append)
        batches = [read_page(body, layout).batch for body in bodies]
        table = pa.Table.from_batches(batches)
        return {
            "MB of JSON": sum(map(len, bodies)) / 1e6,
            "floor: all of it": best(pull.decoded),
            "floor: bytes by httpx": best(pull.undecoded),
            "floor: orjson.loads": best(lambda: [orjson.loads(body) and None for body in bodies]),
            "cursor of the next page": best(lambda: [last_id(body, layout) for body in bodies]),
            "Arrow's JSON reader": best(partial(arrow, bodies, layout)),
            "page to batch (with that reader)": best(lambda: [read_page(body, layout) and None for body in bodies]),
            "batches to frame": best(lambda: to_frame(table)),
            "batches to frame, pyarrow": best(lambda: to_frame(table, "pyarrow")),
            "pull to frame: CPU": best(lambda: pull.frame(concurrency=1)),
            "pull to frame: wall": best(lambda: pull.frame(concurrency=1), time.perf_counter),
            "floor: wall": best(pull.decoded, time.perf_counter),
        }


def best(work: Callable[[], Any], clock: Callable[[], float] = time.process_time) -> float:
    """The shortest of a few times by a clock."""
    took = []
    for _ in range(TIMES):
        started = clock()
        result = work()
        took.append(clock() - started)
        del result
    return min(took)


def arrow(bodies: list[bytes], layout: Layout) -> None:
    """What Arrow's reader alone takes for the pages."""
    for body in bodies:
        pa_json.read_json(
            pa.BufferReader(body),
            read_options=pa_json.ReadOptions(use_threads=False, block_size=len(body) + 1),
            parse_options=pa_json.ParseOptions(layout.wire, newlines_in_values=True),
        )


if __name__ == "__main__":
    main()
