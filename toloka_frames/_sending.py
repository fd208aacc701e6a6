"""Chunks come in, each is sent once and its operation followed to its end, and what became of each row goes to the results.

Everything is in the ledger before it is sent. What an earlier call has begun is looked at first and never sent blindly.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from toloka_frames import _operations
from toloka_frames._errors import ApiError, ConnectionFailed, NotFound, OperationFailed, QuotaExceeded, TolokaError, TooLarge
from toloka_frames._sync import in_thread

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from toloka_frames._chunks import Chunk
    from toloka_frames._http import Service
    from toloka_frames._ledger import Ledger, Record, State
    from toloka_frames._progress import Meter
    from toloka_frames._results import Results

BAD_REQUEST = 400
UNKNOWN = {"status": "UNKNOWN", "error_field": None, "error_code": None, "error_message": None}
# most of what is in flight ends in that time, and whoever pressed Stop is not kept waiting
GRACE_SECONDS = 1.5


class Sending:
    """The requests of one upload while they go on.

    Attributes:
        flags: What each of them asks for.
        error: The first that stopped it.
    """

    def __init__(
        self, service: Service, ledger: Ledger, record: Record, flags: Mapping[str, str], results: Results, meter: Meter
    ) -> None:
        self._service, self._ledger, self._record, self.flags = service, ledger, record, flags
        self._results, self._meter = results, meter
        self._stopping = False
        self.error: Exception | None = None

    async def send(self, chunks: Sequence[Chunk], concurrency: int) -> None:
        """Send chunks, so many at once; on cancellation send nothing new, and wait briefly for what is in flight."""
        self._meter.chunks["waiting"] = len(chunks)
        queue = iter(chunks)
        workers = [asyncio.create_task(self._work(queue)) for _ in range(min(concurrency, len(chunks)))]
        try:
            await _all_of(workers)
        except asyncio.CancelledError:
            self._stopping = True
            await _all_of(workers, GRACE_SECONDS)
            raise
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def look(self, chunks: Sequence[Chunk]) -> None:
        """Ask for the operations of chunks that were begun, and send nothing."""
        for chunk in chunks:
            operation = await self._known(chunk)
            if operation is None:
                await in_thread(self._ledger.withdraw, self._record.id, chunk)
                self._results.put(chunk.rows, status="NOT_SENT", operation_id=None, chunk=None)
            else:
                with contextlib.suppress(OperationFailed):  # the results tell it row by row
                    await self._settle(chunk, *await self._ended(operation))

    async def _work(self, queue: Iterator[Chunk]) -> None:
        """Take chunk after chunk until there is none, or one has failed."""
        # an iterator shared by the workers is a queue: between two awaits nobody else runs
        for chunk in queue:
            if self.error or self._stopping:
                return
            self._meter.chunks.update(waiting=-1, sent=1)
            try:
                await self._create(chunk)
                self._meter.chunks.update(sent=-1, done=1)
            except Exception as error:  # noqa: BLE001 -- whatever it is, it must not hide what was created
                self.error = self.error or error
                self._meter.chunks.update(sent=-1, failed=1)

    async def _create(self, chunk: Chunk) -> None:
        """One request and what follows from it."""
        operation = await self._known(chunk)
        if operation is None:
            try:
                operation = await self._post(chunk, chunk.sent_as or chunk.operation_id)
            except TooLarge:
                if len(chunk.rows) == 1:
                    raise
                await self._halve(chunk)
                return
        ended, log = await self._ended(operation)
        # what ended with FAIL created nothing, so that asking in another way is a new try; in the same way it is the same FAIL
        if ended["status"] == "FAIL" and not _asked_with(ended, self.flags) and not _has_created(log):
            ended, log = await self._ended(await self._post(chunk, chunk.second_id(self.flags)))
        await self._settle(chunk, ended, log)

    async def _halve(self, chunk: Chunk) -> None:
        halves = chunk.halves()
        await in_thread(self._ledger.split, self._record.id, chunk, halves)
        for half in halves:
            await self._create(half)

    async def _known(self, chunk: Chunk) -> dict[str, Any] | None:
        """The operation that an earlier call began for a chunk; None when the service knows of none."""
        return None if chunk.sent_as is None else await self._found(chunk.sent_as)

    async def _found(self, operation_id: str) -> dict[str, Any] | None:
        try:
            return await _operations.get(self._service, operation_id)
        except NotFound:
            return None

    async def _post(self, chunk: Chunk, operation_id: str) -> dict[str, Any]:
        """The operation of a chunk: a new one, or the one that there is of this id."""
        await self._service.quota.tasks(len(chunk.rows))
        if self._stopping:
            raise asyncio.CancelledError
        await in_thread(self._ledger.begin, self._record.id, chunk, operation_id, self.flags)
        self._results.put(chunk.rows, **UNKNOWN, operation_id=operation_id, chunk=chunk.number)
        query = {**self.flags, "async_mode": "true", "operation_id": operation_id}
        try:
            return await _operations.begin(self._service, self._record.path, query, chunk.body)
        except TolokaError as error:
            if isinstance(error, ApiError) and (error.may_have_taken_effect or error.code == _operations.ALREADY_EXISTS):
                operation = await self._found(operation_id)
                if operation is not None:
                    return operation
            await self._refused(chunk, error)
            raise

    async def _refused(self, chunk: Chunk, error: TolokaError) -> None:
        """Say of a chunk what a refusal says; an answer that never came, or of a service in trouble, says nothing."""
        if isinstance(error, QuotaExceeded) or (isinstance(error, TooLarge) and len(chunk.rows) > 1) or _never_arrived(error):
            await in_thread(self._ledger.withdraw, self._record.id, chunk)
            self._results.put(chunk.rows, status="NOT_SENT", operation_id=None, chunk=None)
        elif isinstance(error, ApiError) and error.status >= BAD_REQUEST and not error.retryable:
            self._results.put(chunk.rows, status="FAILED", error_code=error.code, error_message=str(error))
            await in_thread(self._ledger.end, self._record.id, chunk, "refused", self._results.rows(chunk.rows))

    async def _ended(self, operation: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        ended = await _operations.ended(self._service, operation)
        return ended, await _operations.log(self._service, ended["id"])

    async def _settle(self, chunk: Chunk, operation: Mapping[str, Any], log: Sequence[Mapping[str, Any]]) -> None:
        """Write down what became of a chunk; rows that nobody tells of stay UNKNOWN, to be looked at again."""
        failed = operation["status"] == "FAIL"
        self._results.log(chunk.rows, log)
        unsettled = self._results.end(chunk.rows, failed=failed)
        self._meter.rows += len(chunk.rows)
        if failed or not unsettled:
            state: State = "failed" if failed else "done"
            await in_thread(self._ledger.end, self._record.id, chunk, state, self._results.rows(chunk.rows))
        if unsettled:
            raise failure(operation)


def failure(operation: Mapping[str, Any]) -> OperationFailed:
    """The error of an operation that did not create all its rows."""
    return OperationFailed(
        f"The operation {operation['id']} ended with {operation['status']}, and not all its rows are accounted for.",
        operation=operation,
        hint="One INVALID row has its whole request refused; with skip_invalid_items=True the others are created.",
    )


async def _all_of(workers: Sequence[asyncio.Task[None]], seconds: float | None = None) -> None:
    """Wait for workers without cancelling them when the waiting is cancelled."""
    if workers:
        await asyncio.wait(workers, timeout=seconds)


def _asked_with(operation: Mapping[str, Any], flags: Mapping[str, str]) -> bool:
    """Whether an operation was begun with these flags, as far as it tells (Toloka API, Operation.parameters)."""
    asked = {"allow_defaults": "false", "skip_invalid_items": "false", **flags}
    parameters = operation.get("parameters")
    return not isinstance(parameters, dict) or all(
        bool(parameters.get(name, False)) == (flag == "true") for name, flag in asked.items()
    )


def _has_created(log: Sequence[Mapping[str, Any]]) -> bool:
    return any(entry.get("success") and "task_id" in (entry.get("output") or {}) for entry in log)


def _never_arrived(error: TolokaError) -> bool:
    return isinstance(error, ConnectionFailed) and not error.may_have_taken_effect
