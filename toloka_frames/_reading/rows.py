"""Rows from elsewhere, or a scan, come in from ordinary code; a frame, a table or a Parquet file goes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from toloka_frames._reading.inference import SAMPLE_ROWS, Framing, Rows, batches
from toloka_frames._reading.scan import Scan
from toloka_frames._reading.sinks import DtypeBackend, FilePath, ParquetFile, check_dtype_backend, check_resume, to_frame

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from toloka_frames._runtime.progress import ProgressArg


def to_dataframe(
    rows: Scan | Rows,
    *,
    dtype_backend: DtypeBackend | None = None,
    concurrency: int | None = None,
    progress: ProgressArg = "auto",
) -> pd.DataFrame:
    """Rows from anywhere as a pandas frame.

    Args:
        rows: A scan, or any iterable or async generator of dicts or of objects with `unstructure()`, as Toloka-Kit's.
        dtype_backend: As in `Scan.to_dataframe`.
        concurrency: Of a scan, as in `Scan.to_dataframe`.
        progress: Of a scan, as in `Scan.to_dataframe`.

    Returns:
        A frame with a RangeIndex; of a scan as `Scan.to_dataframe`. Else nested dicts are flattened with dots, the fields of
        `input_values`, `output_values`, `input_data` and `output_data` are `INPUT:*` and `OUTPUT:*`, text stays text, and a
        field has the type of its first value, a float where ints and floats mix; what does not fit is in `extra` as JSON.

    Raises:
        InputError: The rows are no dicts.
        LoopError: The rows come from an async generator whose running loop cannot be entered a second time (uvloop).

    Source: Toloka-Kit 1.2.3 for `unstructure()`.
    """
    check_dtype_backend(dtype_backend)
    return to_frame(to_arrow(rows, concurrency=concurrency, progress=progress), dtype_backend)


def to_arrow(rows: Scan | Rows, *, concurrency: int | None = None, progress: ProgressArg = "auto") -> pa.Table:
    """Rows from anywhere as an Arrow table; arguments, columns, units, errors and source as in `to_dataframe`."""
    if isinstance(rows, Scan):
        return rows.to_arrow(concurrency=concurrency, progress=progress)
    framing = Framing(None)
    collected = list(batches(rows, framing))
    return pa.Table.from_batches(collected, framing.schema)


def to_parquet(rows: Scan | Rows, path: FilePath, *, resume: bool = False, progress: ProgressArg = "auto") -> Path:
    """Rows from anywhere as a Parquet file, in bounded memory.

    Args:
        rows: As in `to_dataframe`; the first 10,000 rows settle the columns, what fits none of them later is in `extra`.
        path: The file; it is there when it is whole.
        resume: Of a scan, pull into a folder and go on there after a kill, as in `Scan.to_parquet`.
        progress: Of a scan, as in `Scan.to_dataframe`.

    Returns:
        The path. Errors and source as in `to_dataframe`.
    """
    if isinstance(rows, Scan):
        return rows.to_parquet(path, resume=resume, progress=progress)
    check_resume(resume)
    framing = Framing(SAMPLE_ROWS)
    stream = batches(rows, framing)
    # before the schema is asked for, which would settle the columns without a row
    first = next(stream)
    with ParquetFile(path, framing.schema) as file:
        file.write(first)
        for batch in stream:
            file.write(batch)
    return file.path
