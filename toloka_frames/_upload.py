"""A frame comes in, tasks are created from it in chunks, and one result row for each input row goes out.

The way up: `_cells` makes JSON of the rows and refuses what cannot go, `_chunks` makes requests of them, each with an
operation of its own, whose log says what became of each row.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toloka_frames import _operations, _specifications
from toloka_frames._cells import cells_of, plain_values
from toloka_frames._chunks import Chunk, cut
from toloka_frames._client import AsyncTolokaClient
from toloka_frames._errors import (
    ApiError,
    InputError,
    OperationFailed,
    QuotaExceeded,
    TooLarge,
    UploadError,
    UploadInterrupted,
)
from toloka_frames._filters import checked, flag_or_none, path_part, positive, text
from toloka_frames._progress import Meter, ProgressArg, showing
from toloka_frames._results import Results, first_error
from toloka_frames._roles import roles_of
from toloka_frames._sync import run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from toloka_frames._cells import Cells

# the service makes one operation's tasks in seconds; more requests at once meet its quota sooner than they save time
CONCURRENCY = 4
BAD_REQUEST = 400
GO_ON = (
    "`.results` of this error has a row for each input row. The same call again settles UNKNOWN and NOT_SENT rows; "
    "mend the others and send only what is missing: df[(error.results['status'] != 'CREATED').to_numpy()]. "
    "Where the cause was elsewhere (the project, the pool) and is mended, give these rows an upload_id= of their own."
)


def create_tasks(
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
    concurrency: int = CONCURRENCY,
    progress: ProgressArg = "auto",
) -> pd.DataFrame:
    """Create a task from each row of a frame.

    The columns are the project's input fields; or those of the platform's own upload files: `INPUT:*`, `GOLDEN:*` (a known
    solution), `HINT:text`, `TASK:overlap`. Missing cells are left out. Everything is converted and checked before anything is
    sent.

    The same call again (same rows, pool and parameters) creates nothing twice: each request has an operation id that is derived
    from its content, and the service refuses a second one.

    Args:
        df: The rows, on any index.
        client: The account.
        pool_id: The pool; or give a column `pool_id`.
        allow_defaults: Whether the overlap comes from the pool's defaults where a task has none.
        open_pool: Whether the pool is opened when all tasks are there.
        skip_invalid_items: Whether valid rows are created though others are not valid; the service then tells what is wrong
            with each of these.
        overlap: Answers wanted for each task, 1 to 30,000, where no `TASK:overlap` says it.
        input_columns: The columns that hold input values, when the frame has others too.
        upload_id: A name of yours that makes this another upload of the same rows.
        concurrency: Requests in flight at once.
        progress: "auto", "notebook", "text", "log", False or a callable that gets `tf.Progress`.

    Returns:
        A frame on df's index, in df's order, with string columns `status` (CREATED, INVALID, FAILED, UNKNOWN, NOT_SENT),
        `task_id`, `error_field`, `error_code`, `error_message`, `operation_id`, and Int64 `chunk`.

    Raises:
        InputError: A column or row cannot be sent; nothing was sent.
        UploadError: A row was not created (other than INVALID ones with skip_invalid_items); `.results` is the whole frame.
        UploadInterrupted: Stop was pressed; `.results` says what is known.

    Source: Toloka API, "Create a task or multiple tasks": at most 1,048,576 bytes of input_values a request; Toloka-Kit 1.2.3:
    at most 10,000 tasks.
    """
    flags = {"allow_defaults": allow_defaults, "open_pool": open_pool, "skip_invalid_items": skip_invalid_items}
    upload = Upload(df, client, pool_id, flags, overlap, input_columns, upload_id, concurrency)
    try:
        return run(upload.go(progress))
    except KeyboardInterrupt as stop:
        raise UploadInterrupted(upload.stopped(), results=upload.results.frame()) from stop


@dataclass
class Upload:
    """One upload while it goes on; its results can be read at any time."""

    df: pd.DataFrame
    client: AsyncTolokaClient
    pool_id: str | None
    flags: Mapping[str, bool | None]
    overlap: int | None
    input_columns: Sequence[str] | None
    upload_id: str | None
    concurrency: int

    def __post_init__(self) -> None:
        self._roles = roles_of(self.df, self.input_columns, has_pool=self.pool_id is not None)
        checked("concurrency", positive, self.concurrency)
        for name, flag in self.flags.items():
            checked(name, flag_or_none, flag)
        if not isinstance(self.client, AsyncTolokaClient):
            raise InputError(f"client is a {type(self.client).__name__}, not an AsyncTolokaClient.", column="client")
        self._service = self.client.service
        self._skips = bool(self.flags["skip_invalid_items"])
        self._error: Exception | None = None
        self.results = Results(self.df.index)

    async def go(self, progress: ProgressArg) -> pd.DataFrame:
        """Check all rows, then send them; raise when one was not created."""
        with showing(progress, "tasks", total=len(self.df)) as meter:
            chunks = await self._prepare()
            meter.chunks["waiting"] = len(chunks)
            # a pool is opened by the last request for it, which goes when all others have ended
            await self._send([chunk for chunk in chunks if not chunk.opens_pool], meter)
            await self._send([chunk for chunk in chunks if chunk.opens_pool], meter)
            meter.note = self.results.summary()
            self._raise_for_results()
        return self.results.frame()

    def stopped(self) -> str:
        """What to say when it was stopped."""
        return f"{self.results.summary()} The same call again goes on."

    async def _prepare(self) -> list[Chunk]:
        upload = f"{self._service.url}\n{self.upload_id!r}"
        chunks: list[Chunk] = []
        for pool_id, rows in self._pools():
            cells = await self._cells(pool_id, rows)
            parts = list(cut(cells.input_bytes))
            for part in parts:
                opens_pool = bool(self.flags["open_pool"]) and part is parts[-1]
                chunks.append(Chunk(len(chunks), pool_id, rows[part], cells.tasks[part], upload, opens_pool))
        return chunks

    def _pools(self) -> Iterator[tuple[str, Sequence[int]]]:
        if self.pool_id is not None:
            yield checked("pool_id", text, self.pool_id), range(len(self.df))
            return
        pools: dict[str, list[int]] = {}
        for position, pool_id in enumerate(plain_values(self.df[self._roles.pool])):
            if not isinstance(pool_id, str) or not pool_id:
                raise InputError(f"pool_id={pool_id!r} in row {position}: text is needed.", column="pool_id", rows=[position])
            pools.setdefault(pool_id, []).append(position)
        yield from pools.items()

    async def _cells(self, pool_id: str, rows: Sequence[int]) -> Cells:
        pool, specification = await _specifications.of_pool(self._service, pool_id)
        _check_pool(pool)
        frame = self.df if len(rows) == len(self.df) else self.df.iloc[list(rows)]
        return cells_of(
            frame,
            self._roles,
            specification,
            pool_id=pool_id,
            overlap=self.overlap,
            positions=rows,
            strict=not self._skips,
        )

    async def _send(self, chunks: Sequence[Chunk], meter: Meter) -> None:
        queue = iter(chunks)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self.concurrency, len(chunks))):
                group.create_task(self._work(queue, meter))

    async def _work(self, queue: Iterator[Chunk], meter: Meter) -> None:
        """Send chunk after chunk until there is none, or one has failed."""
        # an iterator shared by the workers is a queue: between two awaits nobody else runs
        for chunk in queue:
            if self._error:
                return
            meter.chunks.update(waiting=-1, sent=1)
            try:
                await self._create(chunk, meter)
                meter.chunks.update(sent=-1, done=1)
            except Exception as error:  # noqa: BLE001 -- whatever it is, it must not hide what was created
                self._error = self._error or error
                meter.chunks.update(sent=-1, failed=1)

    async def _create(self, chunk: Chunk, meter: Meter) -> None:
        """One request and what follows from it."""
        await self._service.quota.tasks(len(chunk.rows), lambda seconds: _waiting(meter, seconds))
        try:
            operation = await self._start(chunk, meter)
        except TooLarge:
            if len(chunk.rows) == 1:
                raise
            for half in chunk.halves():
                await self._create(half, meter)
            return
        operation = await _operations.ended(self._service, operation)
        others = self.results.log(chunk.rows, await _operations.log(self._service, operation["id"]))
        meter.rows += len(chunk.rows)
        if self.results.end(chunk.rows, failed=operation["status"] == "FAIL"):
            raise _failed(operation)
        _raise_for_pool(others)
        if chunk.opens_pool and not _asked_with(operation, {"open_pool": "true"}):
            await self._open(chunk.pool_id)

    async def _start(self, chunk: Chunk, meter: Meter) -> dict[str, Any]:
        """The operation of a chunk: a new one, or the one that an earlier call began."""
        flags = {name: str(flag).lower() for name, flag in self.flags.items() if flag is not None and name != "open_pool"}
        operation = await self._post(chunk, chunk.operation_id, flags, meter)
        asked = dict.fromkeys(("allow_defaults", "skip_invalid_items"), "false") | flags
        # what ended with FAIL created nothing, so that asking in another way is a new try; in the same way it is the same FAIL
        if operation["status"] == "FAIL" and not _asked_with(operation, asked):
            operation = await self._post(chunk, chunk.second_id(flags), flags, meter)
        return operation

    async def _post(self, chunk: Chunk, operation_id: str, flags: Mapping[str, str], meter: Meter) -> dict[str, Any]:
        self.results.put(chunk.rows, status="UNKNOWN", operation_id=operation_id, chunk=chunk.number)
        query = {**flags, "async_mode": "true", "operation_id": operation_id}
        query |= {"open_pool": "true"} if chunk.opens_pool else {}
        meter.waiting = ""
        try:
            return await _operations.begin(
                self._service, "/v1/tasks", query, chunk.body, lambda reason: _retried(meter, reason)
            )
        except ApiError as error:
            if error.code == _operations.ALREADY_EXISTS:
                return await _operations.ended(self._service, await _operations.get(self._service, operation_id))
            self._refused(chunk, error)
            raise

    def _refused(self, chunk: Chunk, error: ApiError) -> None:
        """Say of a chunk what a refusal says: an odd answer of 2xx, or one of a service in trouble, says nothing."""
        if isinstance(error, TooLarge | QuotaExceeded):
            self.results.put(chunk.rows, status="NOT_SENT", operation_id=None)
        elif error.status >= BAD_REQUEST and not error.retryable:
            self.results.put(chunk.rows, status="FAILED", error_code=error.code, error_message=str(error))

    async def _open(self, pool_id: str) -> None:
        """Open the pool of tasks that an earlier call created without that wish."""
        operation = await self._service.act(f"/v1/pools/{path_part(pool_id)}/open")
        if operation and (await _operations.ended(self._service, operation))["status"] == "FAIL":
            raise OperationFailed("The tasks are there, but the pool was not opened.", operation=operation)

    def _raise_for_results(self) -> None:
        fine = {"CREATED", "INVALID"} if self._skips else {"CREATED"}
        if self._error or set(self.results.counts()) - fine:
            said = (self.results.summary(), self.results.commonest_error(), str(self._error or ""))
            raise UploadError(" ".join(filter(None, said)), results=self.results.frame(), hint=GO_ON) from self._error


def _asked_with(operation: Mapping[str, Any], flags: Mapping[str, str]) -> bool:
    """Whether an operation was begun with these flags, as far as it tells (Toloka API, Operation.parameters)."""
    parameters = operation.get("parameters")
    return not isinstance(parameters, dict) or all(
        bool(parameters.get(name, False)) == (flag == "true") for name, flag in flags.items()
    )


def _failed(operation: Mapping[str, Any]) -> OperationFailed:
    return OperationFailed(
        f"The operation {operation['id']} ended with {operation['status']}, and not all its rows are accounted for.",
        operation=operation,
        hint="One INVALID row has its whole request refused; with skip_invalid_items=True the others are created.",
    )


def _raise_for_pool(others: Sequence[Mapping[str, Any]]) -> None:
    for entry in others:
        if entry.get("type") == "POOL_OPEN" and not entry.get("success"):
            why = first_error(entry.get("output"))
            raise OperationFailed(
                f"The tasks are there, but the pool was not opened: {why.get('error_code')}: {why.get('error_message')}",
                operation=entry,
                hint="Open it with client.open_pool(pool_id).",
            )


def _check_pool(pool: Mapping[str, Any]) -> None:
    """Refuse a pool that takes no tasks (Toloka API, "Create a task")."""
    name = f"The pool {pool.get('id')} ({pool.get('private_name')})"
    if pool.get("status") == "ARCHIVED":
        raise InputError(f"{name} is archived and takes no tasks.", column="pool_id")
    if not pool.get("mixer_config"):
        raise InputError(
            f"{name} has no mixer_config, so it takes task suites, not tasks.",
            column="pool_id",
            hint="Make the pool with smart mixing: mixer_config={'real_tasks_count': ..., 'golden_tasks_count': ...}.",
        )


def _waiting(meter: Meter, seconds: float) -> None:
    meter.waiting = f"quota, {seconds:,.0f} s"


def _retried(meter: Meter, reason: str) -> None:
    meter.retries += 1
    meter.waiting = reason
