"""Send the chunks of an upload, follow their operations, and record what became of each row.

Every request is recorded in the ledger before it is sent. What an earlier call has sent is looked up first and never sent again
blindly.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from toloka_frames._errors import (
    ApiError,
    BadAnswer,
    NotFound,
    OperationFailed,
    OutcomeUnknown,
    QuotaExceeded,
    TolokaError,
    TooLarge,
)
from toloka_frames._runtime.concurrency import WorkerPool
from toloka_frames._runtime.event_loop import in_thread
from toloka_frames._runtime.tracker import READING, RUNNING, SENDING
from toloka_frames._transport import operations
from toloka_frames._transport.operations import POSITION, OperationPoller
from toloka_frames._transport.responses import to_text
from toloka_frames._uploading import ledger_reading
from toloka_frames._uploading.ledger_entry import ChunkTakenError
from toloka_frames._uploading.requests import body_of, retry_operation_id
from toloka_frames._uploading.results import NO_ERROR
from toloka_frames._validation import path_part

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from toloka_frames._runtime.tracker import ProgressTracker
    from toloka_frames._transport.http import ApiClient
    from toloka_frames._transport.operations import OperationLog
    from toloka_frames._uploading.ledger import Ledger
    from toloka_frames._uploading.ledger_entry import ChunkState, LedgerEntry
    from toloka_frames._uploading.requests import Chunk
    from toloka_frames._uploading.results import Results

# Seconds before each further request for a log that is not complete; 4 s in all.
LOG_PAUSES = (0.1, 0.3, 0.6, 1.0, 2.0)
SAMPLE_ROWS = 5
ODD_LOG_HINT = "Nothing is sent again. Compare the rows with client.get_operation_log(operation_id), and ask Toloka's support."
# Seconds before each request for an operation that a proxy has rejected as too large. The halves get other ids, so a second
# request follows, when the service has certainly processed what reached it.
HALVING_PAUSES = (0.0, 1.0)


class ChunkSender(ABC):
    """Sends the chunks of one upload.

    Attributes:
        flags: The flags of each request.
    """

    def __init__(
        self,
        service: ApiClient,
        ledger: Ledger,
        entry: LedgerEntry,
        flags: Mapping[str, str],
        results: Results,
        tracker: ProgressTracker,
        *,
        retry_failed: bool = False,
    ) -> None:
        self._retry_failed = retry_failed
        self._service, self._ledger, self._entry, self.flags = service, ledger, entry, flags
        self._results, self._tracker = results, tracker
        self._workers = WorkerPool(tracker)

    @property
    def error(self) -> Exception | None:
        """The first error, after which nothing new was sent."""
        return self._workers.error

    async def send(self, chunks: list[Chunk], concurrency: int) -> None:
        """Send chunks, at most `concurrency` at once, and remove them from the list: together they take much memory."""
        await self._workers.do(chunks, concurrency, self._create_or_follow)

    @abstractmethod
    async def look_up(self, chunks: Sequence[Chunk]) -> None:
        """Look up the outcome of chunks that an earlier call sent, and send nothing."""

    @abstractmethod
    async def open(self, pool_id: str) -> None:
        """Open a pool, or start the batch that takes its place."""

    @abstractmethod
    async def _create(self, chunk: Chunk, release: Callable[[], None]) -> None:
        """Send a chunk and record its outcome; `release` lets the next chunk start before this one ends."""

    async def _create_or_follow(self, chunk: Chunk, release: Callable[[], None]) -> None:
        """Send a chunk and record its outcome; if another process has it, go on with what that process makes of it."""
        try:
            await self._create(chunk, release)
        except ChunkTakenError:
            await self._follow(chunk, release)

    async def _follow(self, chunk: Chunk, release: Callable[[], None]) -> None:
        """Continue with a chunk that another process has changed; its operation has the same id and is created once."""
        left = await self._read_again(chunk)
        self._tracker.settle(len(chunk.positions) - sum(len(part.positions) for part in left))
        for part in left:
            await self._create_or_follow(part, release)

    async def _read_again(self, chunk: Chunk) -> list[Chunk]:
        """Write what the ledger has of a chunk's rows to the results; return the chunks of those that are not settled."""
        chunks, outcomes = await in_thread(ledger_reading.read_again, self._ledger, self._entry.id, chunk, self.flags)
        self._results.put(chunk.positions, **NO_ERROR, status="NOT_SENT", operation_id=None, batch_id=None, chunk=None)
        for positions, columns in outcomes:
            self._results.put(positions, **columns)
        return chunks

    async def _send_halves(self, chunk: Chunk) -> None:
        halves = chunk.halves()
        await in_thread(self._ledger.split_chunk, self._entry.id, chunk, halves)
        for half in halves:
            await self._create(half, _keep_slot)

    async def _record_sending(self, chunk: Chunk, operation_id: str) -> None:
        """Record that a chunk is about to be sent under this id; its rows are UNKNOWN from now on."""
        await in_thread(self._ledger.begin_chunk, self._entry.id, chunk, operation_id, self.flags, self._service.now())
        columns = {"operation_id": operation_id, "batch_id": chunk.pool_id or None, "chunk": chunk.number}
        self._results.put(chunk.positions, **NO_ERROR, status="UNKNOWN", **columns)

    async def _record_not_sent(self, chunk: Chunk) -> None:
        """Record that a chunk did not take effect."""
        await in_thread(self._ledger.withdraw_chunk, self._entry.id, chunk)
        self._results.put(chunk.positions, **NO_ERROR, status="NOT_SENT", operation_id=None, batch_id=None, chunk=None)

    async def _record_rejection(self, chunk: Chunk, error: TolokaError) -> None:
        """Record that a chunk did not take effect, and the error if the same request would be rejected again."""
        if isinstance(error, ApiError) and not isinstance(error, QuotaExceeded) and not is_divisible(chunk, error):
            self._fail(chunk, error)
            await self._record_end(chunk, "refused")
        else:
            await self._record_not_sent(chunk)

    async def _record_end(self, chunk: Chunk, state: ChunkState) -> None:
        """Record how a chunk ended, and the outcome of its objects."""
        outcomes = self._results.for_ledger(chunk.positions)
        await in_thread(self._ledger.end_chunk, self._entry.id, chunk, state, *outcomes)

    def _fail(self, chunk: Chunk, error: ApiError) -> None:
        self._results.put(chunk.positions, status="FAILED", error_code=to_text(error.code), error_message=to_text(error))


class OperationSender(ChunkSender):
    """Sends chunks as operations whose ids we choose, so that a request can be repeated and looked up."""

    def __init__(self, service: ApiClient, *args: Any, **options: Any) -> None:
        super().__init__(service, *args, **options)
        self._poller = OperationPoller(service)
        self._started: set[str] = set()
        # of requests whose log was not read, by the id of their chunk
        self._samples: dict[str, dict[int, dict[str, Any]]] = {}

    async def send(self, chunks: list[Chunk], concurrency: int) -> None:
        """Send chunks, at most `concurrency` at once, and remove them from the list."""
        async with self._poller:
            await super().send(chunks, concurrency)

    async def look_up(self, chunks: Sequence[Chunk]) -> None:
        """Look up the operations of chunks that an earlier call sent, and send nothing."""
        async with self._poller:
            for chunk in chunks:
                try:
                    await self._look_up(chunk)
                except ChunkTakenError:
                    await self._read_again(chunk)

    async def open(self, pool_id: str) -> None:
        """Open a pool and wait until it is open."""
        operation = await self._service.act(f"/v1/pools/{path_part(pool_id)}/open")
        with self._tracker.wait("the pool to open"):
            async with self._poller:
                ended = await self._poller.ended(operation) if operation else None
        if ended and ended["status"] == "FAIL":
            raise operations.operation_failed(ended)

    async def _look_up(self, chunk: Chunk) -> None:
        operation = await self._pending_operation(chunk)
        if operation is None:
            await self._record_not_sent(chunk)
        else:
            with contextlib.suppress(OperationFailed):  # the results show it row by row
                await self._settle(chunk, *await self._ended(chunk, operation, _keep_slot))

    async def _create(self, chunk: Chunk, release: Callable[[], None]) -> None:
        operation = await self._pending_operation(chunk)
        if operation is None:
            operation = await self._start(chunk, chunk.pending_operation_id or chunk.operation_id)
        if operation is not None:
            await self._finish(chunk, operation, release)

    async def _finish(self, chunk: Chunk, operation: dict[str, Any], release: Callable[[], None]) -> None:
        """Wait for the end of a chunk's operation, start another one where that is worth it, and record the outcome."""
        ended, log = await self._ended(chunk, operation, release)
        # A failed operation created nothing. Equal flags mostly fail again, so a retry needs other flags or retry_failed=True.
        while ended["status"] == "FAIL" and not len(log.ids):
            found = await self._find_operation(retry_operation_id(ended["id"]))
            if found is not None:
                await self._record_sending(chunk, found["id"])
            elif _has_flags(ended, self.flags) and (not self._retry_failed or ended["id"] in self._started):
                break
            elif (found := await self._start(chunk, retry_operation_id(ended["id"]))) is None:
                return
            ended, log = await self._ended(chunk, found, release)
        await self._settle(chunk, ended, log)

    async def _pending_operation(self, chunk: Chunk) -> dict[str, Any] | None:
        """Return the operation that an earlier call started for a chunk; None if the service has none."""
        return None if chunk.pending_operation_id is None else await self._find_operation(chunk.pending_operation_id)

    async def _find_operation(self, operation_id: str) -> dict[str, Any] | None:
        try:
            return await operations.get(self._service, operation_id)
        except NotFound as error:
            if error.code is None:  # the response of a proxy, which proves nothing about the operation
                raise
            return None

    async def _start(self, chunk: Chunk, operation_id: str) -> dict[str, Any] | None:
        """Start the operation of a chunk and return it, or the one that exists under this id.

        If the chunk is too large for one request, send its halves and return None.
        """
        if self._entry.kind.quota:
            await self._service.rate_limiter.objects(self._entry.kind.quota, len(chunk.positions))
        if self._workers.stopping:
            raise asyncio.CancelledError
        await self._record_sending(chunk, operation_id)
        query = {**self.flags, "async_mode": "true", "operation_id": operation_id}
        self._started.add(operation_id)
        self._tracker.enter(SENDING, len(chunk.positions))
        try:
            return await operations.start(self._service, self._entry.kind.path, query, self._body(chunk))
        except TolokaError as error:
            if not error.may_have_taken_effect:
                self._started.remove(operation_id)
            if (operation := await self._operation_despite(error, chunk, operation_id)) is not None:
                return operation
            await self._record_rejection(chunk, error)
            if not is_divisible(chunk, error):
                raise
            await self._send_halves(chunk)
            return None

    def _body(self, chunk: Chunk) -> bytes:
        """Return the JSON text of a request; keep a sample of it, because decompressing the text again takes time."""
        text = chunk.text
        self._samples[chunk.operation_id] = _sample(text)
        return body_of(text)

    async def _operation_despite(self, error: TolokaError, chunk: Chunk, operation_id: str) -> dict[str, Any] | None:
        """Return the operation that a request has started although it ended with an error; None if it has started none.

        Raises:
            TolokaError: The same error, if the operation may exist.
        """
        may_exist = _may_exist(error)
        # a proxy that limits the size of requests sends its own page with 413, and only halves get past it
        halves_may_be_sent = is_divisible(chunk, error) and not error.earlier_attempt_may_have
        try:
            for pause in HALVING_PAUSES if may_exist and halves_may_be_sent else (0.0,):
                await asyncio.sleep(pause)
                # without a response to the request, there is none to another one either
                operation = await self._find_operation(operation_id) if isinstance(error, ApiError) else None
                if operation is not None:
                    return operation
        except TolokaError:  # the error of the request itself is more useful
            if may_exist:
                raise error from None
            return None
        if may_exist and not halves_may_be_sent:
            raise error
        return None

    async def _ended(
        self, chunk: Chunk, operation: Mapping[str, Any], release: Callable[[], None]
    ) -> tuple[dict[str, Any], OperationLog]:
        self._tracker.enter(RUNNING, len(chunk.positions))
        ended = await self._poller.ended(operation)
        self._tracker.enter(READING)
        if ended["status"] == "SUCCESS":
            release()  # the log is read while the next chunk is sent
        return ended, await self._read_log(chunk, ended)

    async def _read_log(self, chunk: Chunk, ended: Mapping[str, Any]) -> OperationLog:
        """Return the log of an operation that has ended, read again while it is not complete.

        Raises:
            OutcomeUnknown: If an entry repeats another row than the one that was sent with its position.
            ApiError: If the log cannot be read.
        """
        sample = self._samples.pop(chunk.operation_id, None) or _sample(chunk.text)
        for pause in (*LOG_PAUSES, None):
            try:
                log = await operations.read_log(self._service, ended["id"], self._entry.kind.object_id, list(sample))
            except (NotFound, BadAnswer):
                if pause is None:
                    raise
            else:
                # a failed operation may have written nothing
                if pause is None or ended["status"] == "FAIL" or log.mentions(chunk.positions):
                    break
            with self._tracker.wait("the operation's log"):
                await asyncio.sleep(pause)
        _check_log(log, sample, ended["id"])
        return log

    async def _settle(self, chunk: Chunk, operation: Mapping[str, Any], log: OperationLog) -> None:
        """Record the outcome of a chunk; rows that the log does not mention stay UNKNOWN and are looked up by the next call."""
        failed = operation["status"] == "FAIL"
        unmentioned = await in_thread(self._results.settle, chunk.positions, log, failed=failed)
        if failed or not unmentioned:
            # with skip_invalid_items, a request in which every row is INVALID has done its work although it failed
            skipped = not unmentioned and "skip_invalid_items" in self.flags
            state: ChunkState = "failed" if failed and not skipped else "done"
            await self._record_end(chunk, state)
        self._tracker.settle(len(chunk.positions))
        if unmentioned:
            raise upload_operation_failed(operation)


def upload_operation_failed(operation: Mapping[str, Any]) -> OperationFailed:
    """Return the error for an operation that did not create all its rows."""
    return operations.operation_failed(
        operation,
        "One INVALID row makes the service reject its whole request; with skip_invalid_items=True the other rows are created. "
        "Where no row is INVALID, the service itself failed: the same call with retry_failed=True sends the rows again.",
    )


def _keep_slot() -> None:
    """Do nothing: the next request belongs to the same chunk and needs its slot."""


def _has_flags(operation: Mapping[str, Any], flags: Mapping[str, str]) -> bool:
    """Return whether an operation was started with these flags, as far as it shows them (Toloka API, Operation.parameters)."""
    expected = {"allow_defaults": "false", "skip_invalid_items": "false", **flags}
    parameters = operation.get("parameters")
    return not isinstance(parameters, dict) or all(
        bool(parameters.get(name, False)) == (flag == "true") for name, flag in expected.items()
    )


def _sample(text: bytes) -> dict[int, dict[str, Any]]:
    """Return some objects of a request by position, as they were sent: the first, the last and a few between."""
    sample = {}
    for part in range(SAMPLE_ROWS):
        place = part * (len(text) - 1) // (SAMPLE_ROWS - 1)
        start, end = text.rfind(b"\n", 0, place) + 1, text.find(b"\n", place)
        sent = json.loads(text[start : end if end >= 0 else None])
        sample[int(sent[POSITION])] = sent
    return sample


def _check_log(log: OperationLog, sample: Mapping[int, Mapping[str, Any]], operation_id: str) -> None:
    """Check that the positions in a log are those of the objects that were sent with them.

    Raises:
        OutcomeUnknown: If they are not.
    """
    wrong = [position for position, sent in log.inputs.items() if _differ(_identity(sample[position]), _identity(sent))]
    if not wrong and len(set(log.ids.tolist())) == len(log.ids) == len(set(log.positions.tolist())):
        return
    why = f"repeats another row {wrong[0]} than was sent" if wrong else "names a row or an object twice"
    raise OutcomeUnknown(
        f"The log of the operation {operation_id} {why}, so it does not show which objects the rows became.", hint=ODD_LOG_HINT
    )


def _identity(sent: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields of an object that distinguish it from others: of a task suite those of its first task."""
    tasks = sent.get("tasks")
    first = tasks[0] if isinstance(tasks, list) and tasks and isinstance(tasks[0], dict) else sent
    values = first.get("input_values")
    return values if isinstance(values, dict) else {name: sent[name] for name in ("user_id",) if name in sent}


def _differ(sent: Mapping[str, Any], repeated: Mapping[str, Any]) -> bool:
    """Return whether a field that both have differs."""
    return any(sent[name] != repeated[name] for name in sent.keys() & repeated.keys())


def is_divisible(chunk: Chunk, error: TolokaError) -> bool:
    """Return whether an error says that a chunk is too large, and its halves can be sent instead."""
    return isinstance(error, TooLarge) and len(chunk.positions) > 1


def _may_exist(error: TolokaError) -> bool:
    """Return whether the operation may exist after an error: an attempt may have started it, or the service reports it."""
    return error.may_have_taken_effect or (isinstance(error, ApiError) and error.code == operations.ALREADY_EXISTS)
