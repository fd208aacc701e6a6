"""A list behind an address comes in; the stages of its sequential pull go out, each alone and in CPU: where the time goes.

The stages of a real pull lie side by side, on the loop's thread, on a thread that reads pages, and in the kernel.
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
from toloka_frames._reading.page import last_id, read_page
from toloka_frames._reading.sinks import ParquetFile, to_frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from pulls import Pull

    from toloka_frames._schema.columns import Layout

WHOLE = "the whole pull: Scan.to_dataframe(concurrency=1)"


def stages(pull: Pull) -> list[Contender]:
    """The whole, its stages, and those of the floor."""
    layout = tf.run(pull.scan()._source.layout())  # noqa: SLF001 -- the stages are inside
    bodies: list[bytes] = []
    pull.undecoded(bodies.append)
    table = pa.Table.from_batches([read_page(body, layout).batch for body in bodies])
    work: dict[str, Callable[[], object]] = {
        WHOLE: partial(pull.frame, concurrency=1),
        "bytes by httpx": pull.undecoded,
        "the next page's cursor": lambda: [last_id(body, layout) for body in bodies],
        "a page to a record batch": lambda: [read_page(body, layout).has_more for body in bodies],
        "of that, Arrow's JSON reader": lambda: [_read(body, layout) for body in bodies],
        "record batches to a frame": lambda: to_frame(table),
        "record batches to a Parquet file": lambda: _written(table),
        "of the floor, orjson.loads": lambda: [orjson.loads(body)["has_more"] for body in bodies],
    }
    return [Contender(name, partial(cpu_seconds, each)) for name, each in work.items()]


def _written(table: pa.Table) -> None:
    with tempfile.TemporaryDirectory() as folder, ParquetFile(Path(folder) / "rows.parquet", table.schema) as file:
        for batch in table.to_batches():
            file.write(batch)


def _read(body: bytes, layout: Layout) -> int:
    table = pa_json.read_json(
        pa.BufferReader(body),
        read_options=pa_json.ReadOptions(use_threads=False, block_size=len(body) + 1),
        parse_options=pa_json.ParseOptions(layout.page_schema, newlines_in_values=True),
    )
    return int(table.num_rows)
