"""Measure the stages of a sequential pull one by one, in CPU time.

In a real pull they run concurrently: on the event loop's thread, on a thread that converts pages, and in the kernel.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pyarrow as pa
import pyarrow.json as pa_json
from turns import Contender, cpu_seconds

import toloka_frames as tf
from toloka_frames._reading.outputs import check_output
from toloka_frames._reading.page import last_id, read_page
from toloka_frames._reading.parquet_file import ParquetFile, ParquetOptions
from toloka_frames._reading.sinks import to_frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from pulls import Pull

    from toloka_frames._schema.columns import Layout

WHOLE = "the whole pull: Scan.to_dataframe(concurrency=1)"


def stages(pull: Pull) -> list[Contender]:
    """Return the whole pull, its stages, and a stage of the floor."""
    layout = tf.run(pull.scan()._source.layout())  # noqa: SLF001 -- the stages are internals of the package
    bodies: list[bytes] = []
    pull.undecoded(bodies.append)
    table = pa.Table.from_batches([read_page(body, layout).batch for body in bodies])
    work: dict[str, Callable[[], object]] = {
        WHOLE: partial(pull.frame, concurrency=1),
        "bytes by httpx": pull.undecoded,
        "the next page's cursor": lambda: [last_id(body, layout.cursor) for body in bodies],
        "a page to a record batch": lambda: [read_page(body, layout).has_more for body in bodies],
        "of that, Arrow's JSON reader": lambda: [_read(body, layout) for body in bodies],
        "record batches to a frame": lambda: to_frame(table),
        "record batches to a Parquet file": lambda: _write(table),
        "of the floor, orjson.loads": lambda: [orjson.loads(body)["has_more"] for body in bodies],
    }
    return [Contender(name, partial(cpu_seconds, stage)) for name, stage in work.items()]


def _write(table: pa.Table) -> None:
    with tempfile.TemporaryDirectory() as folder:
        output = check_output(Path(folder) / "rows.parquet")
        with ParquetFile(output, table.schema, ParquetOptions()) as file:
            for batch in table.to_batches():
                file.write(batch)


def _read(body: bytes, layout: Layout) -> int:
    table = pa_json.read_json(
        pa.BufferReader(body),
        read_options=pa_json.ReadOptions(use_threads=False, block_size=len(body) + 1),
        parse_options=pa_json.ParseOptions(layout.page_schema, newlines_in_values=True),
    )
    return int(table.num_rows)
