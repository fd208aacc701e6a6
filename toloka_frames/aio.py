"""The functions of `toloka_frames` for async code: same names, arguments, results and errors, as coroutines.

Cancelling the awaiting task raises `UploadCancelled` where a synchronous call raises `UploadInterrupted`. To limit the time of
an upload, use its `timeout=`, or `asyncio.wait_for`: on Python 3.11, `asyncio.timeout` does not turn `UploadCancelled` into a
`TimeoutError`.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, overload

import pyarrow as pa

from toloka_frames._client.pool_metrics import DEFAULT_METRICS, measured
from toloka_frames._client.pool_progress import check_client, check_every, check_pool_ids
from toloka_frames._client.pool_wait import waited_pools
from toloka_frames._client.pool_watch import PoolWatch, started_watching
from toloka_frames._reading.column_selection import Columns, check_columns, reject_columns, select_columns
from toloka_frames._reading.follow import WithoutNames, followed
from toloka_frames._reading.foreign_rows import SAMPLE_ROWS, Rows, SchemaInferrer, reject_resume, to_batches_async
from toloka_frames._reading.outputs import check_output
from toloka_frames._reading.parquet_file import ParquetFile, ParquetOptions
from toloka_frames._reading.scan import Scan, check_scan
from toloka_frames._reading.sinks import ROW_GROUP_ROWS, DtypeBackend, check_dtype_backend, to_frame
from toloka_frames._reading.sync import DEFAULT_LAG, Synced, awaited_sync
from toloka_frames._runtime.event_loop import AsyncItems, public_call, run_on_loop
from toloka_frames._uploading import app_items, bonuses, known_rows, recovery, row_updates, tasks
from toloka_frames._uploading.preflight import examined
from toloka_frames._uploading.preflight import preflight as ordinary_preflight
from toloka_frames._uploading.upload import awaited

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
    from datetime import timedelta
    from pathlib import Path

    import pandas as pd

    from toloka_frames._client.client import BaseClient
    from toloka_frames._client.pool_metrics import Metric
    from toloka_frames._client.pool_progress import PoolIds
    from toloka_frames._client.pool_wait import WaitProgressArg
    from toloka_frames._reading.follow_until import Until
    from toloka_frames._reading.output_paths import FilePath
    from toloka_frames._reading.outputs import Destination
    from toloka_frames._runtime.progress import ProgressArg
    from toloka_frames._schema.row import Row
    from toloka_frames._transport.operations import Timeout
    from toloka_frames._uploading.preflight import Verb
    from toloka_frames._uploading.preflight_report import Preflight
    from toloka_frames._validation import Id

__all__ = [
    "accept_assignments",
    "create_app_batch",
    "create_app_items",
    "create_task_suites",
    "create_tasks",
    "create_user_bonuses",
    "follow",
    "head",
    "new_rows",
    "pool_metrics",
    "preflight",
    "reconcile",
    "reject_assignments",
    "resume",
    "set_user_restrictions",
    "set_user_skills",
    "sync",
    "to_arrow",
    "to_dataframe",
    "to_parquet",
    "wait_pool",
    "watch",
]


async def head(
    scan: Scan, n: int = 5, *, columns: Columns | None = None, dtype_backend: DtypeBackend | None = None
) -> pd.DataFrame:
    """Async version of `Scan.head`; arguments, result, errors and source as there.

    Example:
        >>> tasks = await tf.aio.head(client.get_tasks(pool.id), 2)
        >>> tasks["INPUT:image"].tolist()
        ['https://example.com/0.jpg', 'https://example.com/1.jpg']
    """
    check_dtype_backend(dtype_backend)
    check_scan(scan, "tf.aio.head reads")
    return to_frame(await run_on_loop(scan._fetch_head(n, columns)), dtype_backend)


async def to_dataframe(
    rows: Scan | Rows,
    *,
    columns: Columns | None = None,
    dtype_backend: DtypeBackend | None = None,
    concurrency: int | None = None,
    progress: ProgressArg = "auto",
) -> pd.DataFrame:
    """Async version of `tf.to_dataframe`; a scan also takes concurrency and progress. Units, errors and source as there.

    Example:
        >>> answers = await tf.aio.to_dataframe(client.get_assignments(pool.id), columns=["INPUT:image", "OUTPUT:result"])
        >>> list(answers)
        ['INPUT:image', 'OUTPUT:result']
    """
    check_dtype_backend(dtype_backend)
    table = await to_arrow(rows, columns=columns, concurrency=concurrency, progress=progress)
    return to_frame(table, dtype_backend)


async def to_arrow(
    rows: Scan | Rows,
    *,
    columns: Columns | None = None,
    concurrency: int | None = None,
    progress: ProgressArg = "auto",
) -> pa.Table:
    """Async version of `tf.to_arrow`; a scan also takes concurrency and progress. Units, errors and source as there.

    Example:
        >>> tasks = await tf.aio.to_arrow(client.get_tasks(pool.id))
        >>> tasks.num_rows
        9
    """
    check_columns(columns)
    if isinstance(rows, Scan):
        return await run_on_loop(rows._fetch_table(columns, concurrency, progress))
    inferrer = SchemaInferrer(None)
    batches = [batch async for batch in to_batches_async(rows, inferrer)]
    return select_columns(pa.Table.from_batches(batches, inferrer.schema), columns)


async def to_parquet(
    rows: Scan | Rows,
    path: Destination,
    *,
    columns: Columns | None = None,
    resume: bool = False,
    compression: str | None = "zstd",
    row_group_rows: int = ROW_GROUP_ROWS,
    filesystem: Any = None,
    progress: ProgressArg = "auto",
) -> Path | Any:
    """Async version of `tf.to_parquet`; a scan also takes columns and progress. Units, errors and source as there.

    Example:
        >>> path = await tf.aio.to_parquet(client.get_tasks(pool.id), "tasks.parquet")
        >>> len(pd.read_parquet(path))
        9
    """
    options = ParquetOptions(compression, row_group_rows, filesystem)
    if isinstance(rows, Scan):
        return await run_on_loop(rows._write_parquet(path, columns, resume, options, progress))
    reject_columns(columns)
    reject_resume(resume)
    output = check_output(path, filesystem)
    inferrer = SchemaInferrer(SAMPLE_ROWS)
    stream = to_batches_async(rows, inferrer)
    first = await anext(stream)
    with ParquetFile(output, inferrer.schema, options) as file:
        file.write(first)
        async for batch in stream:
            file.write(batch)
    return file.path


async def sync(scan: Scan, folder: FilePath, *, lag: timedelta = DEFAULT_LAG, progress: ProgressArg = "auto") -> Synced:
    """Async version of `tf.sync`; arguments, result, units, errors and source as there.

    Example:
        >>> synced = await tf.aio.sync(client.get_tasks(pool.id), "tasks")
        >>> synced.added + synced.too_young
        9
    """
    return await run_on_loop(awaited_sync(scan, folder, lag, progress))


@overload
def follow(
    scan: Scan,
    *,
    by: str = "created",
    every: float | timedelta = 60.0,
    cursor: FilePath | None = None,
    until: Until = None,
    lag: float | timedelta | None = None,
    empty: bool = False,
    dtype_backend: DtypeBackend | None = None,
    progress: ProgressArg = "auto",
) -> AsyncIterator[pd.DataFrame]: ...
@overload
def follow(
    scan: Mapping[str, Scan],
    *,
    by: str | Mapping[str, str] = "created",
    every: float | timedelta = 60.0,
    cursor: FilePath | None = None,
    until: Until = None,
    lag: float | timedelta | None = None,
    empty: bool = False,
    dtype_backend: DtypeBackend | None = None,
    progress: ProgressArg = "auto",
) -> AsyncIterator[tuple[str, pd.DataFrame]]: ...
def follow(
    scan: Scan | Mapping[str, Scan],
    *,
    by: str | Mapping[str, str] = "created",
    every: float | timedelta = 60.0,
    cursor: FilePath | None = None,
    until: Until = None,
    lag: float | timedelta | None = None,
    empty: bool = False,
    dtype_backend: DtypeBackend | None = None,
    progress: ProgressArg = "auto",
) -> AsyncIterator[pd.DataFrame] | AsyncIterator[tuple[str, pd.DataFrame]]:
    """Async version of `tf.follow`, for `async for`; arguments, frames, units, errors and source as there.

    Cancelling the task that waits for a frame ends the iteration; the cursor is kept.

    Example:
        >>> async def statuses():
        ...     async for frame in tf.aio.follow(client.get_assignments(pool.id), by="submitted", until=tf.closed(pool)):
        ...         return frame["ASSIGNMENT:status"].unique().tolist()
        >>> found = await statuses()
        >>> found
        ['SUBMITTED', 'ACCEPTED']
    """
    frames = followed(scan, by, every, cursor, until, lag, empty, dtype_backend, progress)
    return AsyncItems(_singly(frames if isinstance(scan, Mapping) else WithoutNames(frames)))


async def _singly(items: Any) -> AsyncGenerator[tuple[Any], None]:
    """Yield each item as a tuple of its own."""
    async with aclosing(items):
        async for item in items:
            yield (item,)


async def new_rows(
    df: pd.DataFrame,
    client: BaseClient,
    pool_id: Id | None = None,
    *,
    app_project_id: Id | None = None,
    input_columns: Sequence[str] | None = None,
    ledger: FilePath | None = None,
) -> pd.DataFrame:
    """Async version of `tf.new_rows`; arguments, result, units, errors and source as there.

    Example:
        >>> results = await df.head(1).pipe(tf.aio.create_tasks, client, pool.id, overlap=3)
        >>> rest = await tf.aio.new_rows(df, client, pool.id)
        >>> len(rest)
        2
    """
    return await run_on_loop(known_rows.chosen_rows(df, client, pool_id, app_project_id, input_columns, ledger))


@overload
async def wait_pool(  # type: ignore[overload-overlap]  # text is an iterable of text, too
    client: BaseClient,
    pool_ids: Id,
    *,
    every: float | timedelta = 60.0,
    timeout: Timeout = None,
    progress: WaitProgressArg = "auto",
) -> Row: ...
@overload
async def wait_pool(
    client: BaseClient,
    pool_ids: Iterable[Id],
    *,
    every: float | timedelta = 60.0,
    timeout: Timeout = None,
    progress: WaitProgressArg = "auto",
) -> list[Row]: ...
async def wait_pool(
    client: BaseClient,
    pool_ids: PoolIds,
    *,
    every: float | timedelta = 60.0,
    timeout: Timeout = None,
    progress: WaitProgressArg = "auto",
) -> Row | list[Row]:
    """Async version of `tf.wait_pool`; arguments, result, errors and source as there.

    Example:
        >>> pool = await tf.aio.wait_pool(client, pool, progress=False)
    """
    check_client(client)
    ids, is_list = check_pool_ids(pool_ids)
    pools = await run_on_loop(waited_pools(client, ids, every, timeout, progress))
    return pools if is_list else pools[0]


async def preflight(
    df: pd.DataFrame,
    client: BaseClient,
    *args: Any,
    verb: Verb = tasks.create_tasks,
    fee: float | None = None,
    **arguments: Any,
) -> Preflight:
    """Async version of `tf.preflight`; arguments, result, units, errors and source as there.

    Example:
        >>> report = await tf.aio.preflight(df, client, pool.id, overlap=3)
        >>> report.ok, report.created, report.price
        (True, 3, 0.15)
    """
    return await run_on_loop(examined(df, client, args, arguments, verb, fee))


preflight.__signature__ = inspect.signature(ordinary_preflight)  # type: ignore[attr-defined]


async def watch(client: BaseClient, pool_ids: PoolIds, *, every: float | timedelta = 60.0) -> PoolWatch:
    """Async version of `tf.watch`; arguments, result, errors and source as there.

    Example:
        >>> watch = await tf.aio.watch(client, pool)
        >>> watch.state
        'done'
    """
    check_client(client)
    ids, _ = check_pool_ids(pool_ids)
    return PoolWatch(await run_on_loop(started_watching(client, ids, check_every(every))))


async def pool_metrics(
    client: BaseClient,
    pool_ids: PoolIds,
    what: Metric | Sequence[Metric] = DEFAULT_METRICS,
    *,
    history: FilePath | None = None,
) -> pd.DataFrame:
    """Async version of `tf.pool_metrics`; arguments, result, units, errors and source as there.

    Example:
        >>> metrics = await tf.aio.pool_metrics(client, pool, "submitted_assignments_count")
        >>> metrics["value"].tolist()
        [4.0]
    """
    return await run_on_loop(measured(client, pool_ids, what, history))


create_tasks = awaited(tasks.create_tasks)
create_task_suites = awaited(tasks.create_task_suites)
create_user_bonuses = awaited(bonuses.create_user_bonuses)
create_app_items = awaited(app_items.create_app_items)
create_app_batch = awaited(app_items.create_app_batch)
set_user_skills = awaited(row_updates.set_user_skills)
set_user_restrictions = awaited(row_updates.set_user_restrictions)
accept_assignments = awaited(row_updates.accept_assignments)
reject_assignments = awaited(row_updates.reject_assignments)
resume = awaited(recovery.resume)
reconcile = awaited(recovery.reconcile)

for _name in __all__:
    globals()[_name] = public_call(globals()[_name])
