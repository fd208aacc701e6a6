"""The verbs of `toloka_frames` for async code: the same names, arguments, results and errors, awaited."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pyarrow as pa

from toloka_frames import _upload
from toloka_frames._errors import UploadCancelled
from toloka_frames._inference import SAMPLE_ROWS, Framing, Rows, abatches
from toloka_frames._scan import Scan
from toloka_frames._sinks import DtypeBackend, FilePath, ParquetFile, check_dtype_backend, to_frame
from toloka_frames._sync import on_our_loop

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from toloka_frames._client import AsyncTolokaClient
    from toloka_frames._progress import ProgressArg

__all__ = ["create_tasks", "to_arrow", "to_dataframe", "to_parquet"]


async def to_dataframe(
    rows: Scan | Rows, *, dtype_backend: DtypeBackend | None = None, progress: ProgressArg = "auto"
) -> pd.DataFrame:
    """`tf.to_dataframe` for async code; of a scan with its progress. Units, errors and source as there."""
    check_dtype_backend(dtype_backend)
    return to_frame(await to_arrow(rows, progress=progress), dtype_backend)


async def to_arrow(rows: Scan | Rows, *, progress: ProgressArg = "auto") -> pa.Table:
    """`tf.to_arrow` for async code; of a scan with its progress. Units, errors and source as there."""
    if isinstance(rows, Scan):
        return await on_our_loop(rows.ato_arrow(progress))
    framing = Framing(None)
    collected = [batch async for batch in abatches(rows, framing)]
    return pa.Table.from_batches(collected, framing.schema)


async def to_parquet(rows: Scan | Rows, path: FilePath, *, progress: ProgressArg = "auto") -> Path:
    """`tf.to_parquet` for async code; of a scan with its progress. Units, errors and source as there."""
    if isinstance(rows, Scan):
        return await on_our_loop(rows.ato_parquet(path, progress))
    framing = Framing(SAMPLE_ROWS)
    stream = abatches(rows, framing)
    first = await anext(stream)
    with ParquetFile(path, framing.schema) as file:
        file.write(first)
        async for batch in stream:
            file.write(batch)
    return file.path


async def create_tasks(
    df: pd.DataFrame,
    client: AsyncTolokaClient,
    pool_id: str | None = None,
    *,
    allow_defaults: bool | None = None,
    open_pool: bool | None = None,
    skip_invalid_items: bool | None = None,
    overlap: int | None = None,
    input_columns: Sequence[str] | None = None,
    upload_id: str | None = None,
    concurrency: int = _upload.CONCURRENCY,
    progress: ProgressArg = "auto",
) -> pd.DataFrame:
    """`tf.create_tasks` for async code; arguments, result, units, errors and source as there.

    Raises:
        UploadCancelled: The awaiting task was cancelled, as Stop does; `.results` says what is known.
    """
    flags = {"allow_defaults": allow_defaults, "open_pool": open_pool, "skip_invalid_items": skip_invalid_items}
    upload = _upload.Upload(df, client, pool_id, flags, overlap, input_columns, upload_id, concurrency)
    try:
        return await on_our_loop(upload.go(progress))
    except asyncio.CancelledError as stop:
        raise UploadCancelled(upload.stopped(), results=upload.results.frame()) from stop
