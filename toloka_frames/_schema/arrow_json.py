"""The text of a JSON object and a schema come in; the object goes out as a table of one row."""

from __future__ import annotations

from typing import Literal

import pyarrow as pa
import pyarrow.json as pa_json


def read_object(text: bytes, schema: pa.Schema, *, unknown_fields: Literal["error", "ignore"]) -> pa.Table:
    """Read an object by Arrow's reader, which makes no Python object and holds no lock of Python's.

    Raises:
        pa.ArrowInvalid: It does not fit the schema, or is no text in UTF-8.
    """
    table = pa_json.read_json(
        pa.BufferReader(text),
        # one block, so that the object is one row; no threads of its own, because texts are read side by side
        read_options=pa_json.ReadOptions(use_threads=False, block_size=len(text) + 1),
        parse_options=pa_json.ParseOptions(
            schema,
            # where there may be some, the reader can go through all of it twice, at first only to find its end
            newlines_in_values=b"\n" in text or b"\r" in text,
            unexpected_field_behavior=unknown_fields,
        ),
        # Arrow's own pool keeps what is freed for the thread that had it, and texts are read by many threads
        memory_pool=pa.system_memory_pool(),
    )
    table.validate(full=True)  # the reader lets bytes pass that are no UTF-8
    return table
