"""Chunks come in, each is sent once and its operation followed to its end, and what became of each row goes to the results.

Everything is in the ledger before it is sent. What an earlier call has begun is looked at first and never sent blindly.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from toloka_frames._errors import ApiError, ConnectionFailed, NotFound, OperationFailed, QuotaExceeded, TolokaError, TooLarge
from toloka_frames._runtime.event_loop import in_thread
from toloka_frames._runtime.worker_pool import WorkerPool
from toloka_frames._transport import operations
from toloka_frames._transport.operations import OperationPoller
from toloka_frames._uploading.requests import next_id
from toloka_frames._uploading.results import NO_ERROR
from toloka_frames._validation import path_part

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from toloka_frames._runtime.progress import ProgressTracker
    from toloka_frames._transport.http import ApiClient
    from toloka_frames._transport.operations import OperationLog
    from toloka_frames._uploading.ledger import ChunkState, Ledger, LedgerEntry
    from toloka_frames._uploading.requests import Chunk
    from toloka_frames._uploading.results import Results

BAD_REQUEST = 400


class ChunkSender(ABC):
    """The requests of one upload while they go on.

    Attributes:
        flags: What each of them asks for.
    """

    def __init__(
        self,
        service: ApiClient,
        ledger: Ledger,
        record: LedgerEntry,
        flags: Mapping[str, str],
        results: Results,
        meter: ProgressTracker,
    ) -> None:
        self._service, self._ledger, self._record, self.flags = service, ledger, record, flags
        self._results, self._meter = results, meter
        self._crew = WorkerPool(meter)

    @property
    def error(self) -> Exception | None:
        """The first that stopped it."""
        return self._crew.error

    async def send(self, chunks: Sequence[Chunk], concurrency: int) -> None:
        """Send chunks, so many at once."""
        await self._crew.do(chunks, concurrency, self._create)

    @abstractmethod
    async def look(self, chunks: Sequence[Chunk]) -> None:
        """Ask what became of chunks that were begun, and send nothing."""

    @abstractmethod
    async def open(self, pool_id: str) -> None:
        """Open a pool, or start the batch that stands in its place."""

    @abstractmethod
    async def _create(self, chunk: Chunk, free: Callable[[], None]) -> None:
        """One request and what follows from it; `free` lets the next one begin."""

    async def _halve(self, chunk: Chunk) -> None:
        halves = chunk.halves()
        await in_thread(self._ledger.split, self._record.id, chunk, halves)
        for half in halves:
            await self._create(half, _keep)

    async def _begun(self, chunk: Chunk, sent_as: str) -> None:
        """Write down as what a chunk goes, before it does."""
        await in_thread(self._ledger.begin, self._record.id, chunk, sent_as, self.flags, self._service.now())
        self._results.put(
            chunk.rows, **NO_ERROR, status="UNKNOWN", operation_id=sent_as, batch_id=chunk.pool_id or None, chunk=chunk.number
        )

    async def _withdraw(self, chunk: Chunk) -> None:
        """Write down that a chunk that was begun is not there."""
        await in_thread(self._ledger.withdraw, self._record.id, chunk)
        self._results.put(chunk.rows, **NO_ERROR, status="NOT_SENT", operation_id=None, batch_id=None, chunk=None)

    async def _refused(self, chunk: Chunk, error: TolokaError) -> None:
        """Say of a chunk what a refusal says; an answer that never came, or of a service in trouble, says nothing."""
        if isinstance(error, QuotaExceeded | ConnectionFailed) or (isinstance(error, TooLarge) and len(chunk.rows) > 1):
            await self._withdraw(chunk)
        elif isinstance(error, ApiError) and error.status >= BAD_REQUEST and not error.retryable:
            self._fail(chunk, error)
            await self._write_down(chunk, "refused")

    async def _write_down(self, chunk: Chunk, state: ChunkState) -> None:
        """Write down how a chunk ended, and its rows."""
        await in_thread(self._ledger.end, self._record.id, chunk, state, *self._results.outcomes(chunk.rows))

    def _fail(self, chunk: Chunk, error: ApiError) -> None:
        self._results.put(chunk.rows, status="FAILED", error_code=error.code, error_message=str(error))


class OperationSender(ChunkSender):
    """Requests that are operations: each has an id of ours, so that it may be repeated and looked for."""

    def __init__(self, service: ApiClient, *args: Any) -> None:
        super().__init__(service, *args)
        self._watch = OperationPoller(service)

    async def send(self, chunks: Sequence[Chunk], concurrency: int) -> None:
        """Send chunks, so many at once."""
        async with self._watch:
            await super().send(chunks, concurrency)

    async def look(self, chunks: Sequence[Chunk]) -> None:
        """Ask for the operations of chunks that were begun, and send nothing."""
        async with self._watch:
            for chunk in chunks:
                operation = await self._known(chunk)
                if operation is None:
                    await self._withdraw(chunk)
                else:
                    with contextlib.suppress(OperationFailed):  # the results tell it row by row
                        await self._settle(chunk, *await self._ended(operation, _keep))

    async def open(self, pool_id: str) -> None:
        """Open a pool, and wait until it is."""
        operation = await self._service.act(f"/v1/pools/{path_part(pool_id)}/open")
        async with self._watch:
            ended = await self._watch.ended(operation) if operation else None
        if ended and ended["status"] == "FAIL":
            raise operations.operation_failed(ended)

    async def _create(self, chunk: Chunk, free: Callable[[], None]) -> None:
        operation = await self._known(chunk)
        if operation is None:
            try:
                operation = await self._post(chunk, chunk.sent_as or chunk.operation_id)
            except TooLarge as error:
                if len(chunk.rows) == 1 or error.may_have_taken_effect:
                    raise
                await self._halve(chunk)
                return
        ended, log = await self._ended(operation, free)
        # what ended with FAIL created nothing, so that asking in another way is a new try; in the same way it is the same FAIL
        while ended["status"] == "FAIL" and not len(log.ids):
            operation = await self._found(next_id(ended["id"]))
            if operation is not None:
                await self._begun(chunk, operation["id"])
            elif _asked_with(ended, self.flags):
                break
            else:
                operation = await self._post(chunk, next_id(ended["id"]))
            ended, log = await self._ended(operation, free)
        await self._settle(chunk, ended, log)

    async def _known(self, chunk: Chunk) -> dict[str, Any] | None:
        """The operation that an earlier call began for a chunk; None when the service knows of none."""
        return None if chunk.sent_as is None else await self._found(chunk.sent_as)

    async def _found(self, operation_id: str) -> dict[str, Any] | None:
        try:
            return await operations.get(self._service, operation_id)
        except NotFound as error:
            if error.code is None:  # somebody between answered, who knows nothing of operations
                raise
            return None

    async def _post(self, chunk: Chunk, operation_id: str) -> dict[str, Any]:
        """The operation of a chunk: a new one, or the one that there is of this id."""
        if self._record.kind.quota:
            await self._service.rate_limiter.objects(self._record.kind.quota, len(chunk.rows))
        if self._crew.stopping:
            raise asyncio.CancelledError
        await self._begun(chunk, operation_id)
        query = {**self.flags, "async_mode": "true", "operation_id": operation_id}
        try:
            return await operations.start(self._service, self._record.kind.path, query, chunk.body)
        except TolokaError as error:
            if not _is_doubtful(error):
                await self._refused(chunk, error)
                raise
            operation = await self._found(operation_id) if isinstance(error, ApiError) else None
            if operation is None:
                raise
            return operation

    async def _ended(self, operation: Mapping[str, Any], free: Callable[[], None]) -> tuple[dict[str, Any], OperationLog]:
        ended = await self._watch.ended(operation)
        if ended["status"] == "SUCCESS":
            free()  # its log is read while the next request goes out
        return ended, await operations.read_log(self._service, ended["id"], self._record.kind.object_id)

    async def _settle(self, chunk: Chunk, operation: Mapping[str, Any], log: OperationLog) -> None:
        """Write down what became of a chunk; rows that nobody tells of stay UNKNOWN, to be looked at again."""
        failed = operation["status"] == "FAIL"
        unsettled = await in_thread(self._results.settle, chunk.rows, log, failed=failed)
        self._meter.rows += len(chunk.rows)
        if failed or not unsettled:
            # where invalid rows are to be skipped, a request of nothing else has done what it was to do
            skipped = not unsettled and "skip_invalid_items" in self.flags
            state: ChunkState = "failed" if failed and not skipped else "done"
            await self._write_down(chunk, state)
        if unsettled:
            raise failure(operation)


def failure(operation: Mapping[str, Any]) -> OperationFailed:
    """The error of an operation that did not create all its rows."""
    return operations.operation_failed(
        operation, "One INVALID row has its whole request refused; with skip_invalid_items=True the others are created."
    )


def _keep() -> None:
    """The slot is not given away: the next request belongs to the same chunk."""


def _asked_with(operation: Mapping[str, Any], flags: Mapping[str, str]) -> bool:
    """Whether an operation was begun with these flags, as far as it tells (Toloka API, Operation.parameters)."""
    asked = {"allow_defaults": "false", "skip_invalid_items": "false", **flags}
    parameters = operation.get("parameters")
    return not isinstance(parameters, dict) or all(
        bool(parameters.get(name, False)) == (flag == "true") for name, flag in asked.items()
    )


def _is_doubtful(error: TolokaError) -> bool:
    """Whether the operation may exist: an earlier try may have begun it, or the service says that it does."""
    return error.may_have_taken_effect or (isinstance(error, ApiError) and error.code == operations.ALREADY_EXISTS)
