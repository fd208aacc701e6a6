"""The verbs of `toloka_frames` for async code: the same names, arguments, results and errors, awaited."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from toloka_frames._errors import UploadCancelled
from toloka_frames._inference import SAMPLE_ROWS, Framing, Rows, abatches
from toloka_frames._scan import LAG, Scan
from toloka_frames._sinks import DtypeBackend, FilePath, ParquetFile, check_dtype_backend, check_resume, to_frame
from toloka_frames._sync import on_our_loop
from toloka_frames._upload import CONCURRENCY, Upload

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from datetime import timedelta
    from pathlib import Path

    import pandas as pd

    from toloka_frames._client import AsyncTolokaClient
    from toloka_frames._copy import Synced
    from toloka_frames._progress import ProgressArg

__all__ = ["create_tasks", "reconcile", "resume", "sync", "to_arrow", "to_dataframe", "to_parquet"]


async def to_dataframe(
    rows: Scan | Rows, *, dtype_backend: DtypeBackend | None = None, progress: ProgressArg = "auto"
) -> pd.DataFrame:
    """`tf.to_dataframe` for async code; of a scan with its progress. Units, errors and source as there."""
    check_dtype_backend(dtype_backend)
    return to_frame(await to_arrow(rows, progress=progress), dtype_backend)


async def to_arrow(rows: Scan | Rows, *, progress: ProgressArg = "auto") -> pa.Table:
    """`tf.to_arrow` for async code; of a scan with its progress. Units, errors and source as there."""
    if isinstance(rows, Scan):
        return await on_our_loop(rows._awaited_arrow(progress))
    framing = Framing(None)
    collected = [batch async for batch in abatches(rows, framing)]
    return pa.Table.from_batches(collected, framing.schema)


async def to_parquet(rows: Scan | Rows, path: FilePath, *, resume: bool = False, progress: ProgressArg = "auto") -> Path:
    """`tf.to_parquet` for async code; of a scan with its progress. Units, errors and source as there."""
    if isinstance(rows, Scan):
        return await on_our_loop(rows._awaited_parquet(path, resume, progress))
    check_resume(resume)
    framing = Framing(SAMPLE_ROWS)
    stream = abatches(rows, framing)
    first = await anext(stream)
    with ParquetFile(path, framing.schema) as file:
        file.write(first)
        async for batch in stream:
            file.write(batch)
    return file.path


async def sync(scan: Scan, folder: FilePath, *, lag: timedelta = LAG, progress: ProgressArg = "auto") -> Synced:
    """`tf.sync` for async code; arguments, result, units, errors and source as there."""
    return await on_our_loop(scan._awaited_sync(folder, lag, progress))


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
    ledger: FilePath | None = None,
    concurrency: int = CONCURRENCY,
    progress: ProgressArg = "auto",
) -> pd.DataFrame:
    """`tf.create_tasks` for async code; arguments, result, units, errors and source as there.

    Raises:
        UploadCancelled: The awaiting task was cancelled, as Stop does; `.results` says what is known.
    """
    flags = {"allow_defaults": allow_defaults, "open_pool": open_pool, "skip_invalid_items": skip_invalid_items}
    upload = Upload(client, ledger, concurrency)
    return await _finished(upload, upload.create(df, pool_id, flags, overlap, input_columns, upload_id, progress))


async def resume(
    upload_id: str,
    client: AsyncTolokaClient,
    *,
    ledger: FilePath | None = None,
    concurrency: int = CONCURRENCY,
    progress: ProgressArg = "auto",
) -> pd.DataFrame:
    """`tf.resume` for async code; arguments, result, errors and source as there, `UploadCancelled` as in `create_tasks`."""
    upload = Upload(client, ledger, concurrency)
    return await _finished(upload, upload.resume(upload_id, progress))


async def reconcile(
    upload_id: str, client: AsyncTolokaClient, *, ledger: FilePath | None = None, progress: ProgressArg = "auto"
) -> pd.DataFrame:
    """`tf.reconcile` for async code; arguments, result, errors and source as there."""
    upload = Upload(client, ledger, CONCURRENCY)
    return await _finished(upload, upload.reconcile(upload_id, progress))


async def _finished(upload: Upload, work: Coroutine[Any, Any, pd.DataFrame]) -> pd.DataFrame:
    try:
        return await on_our_loop(work)
    except asyncio.CancelledError as stop:
        raise UploadCancelled(upload.stopped(), results=upload.results.frame(), upload_id=upload.upload_id) from stop
