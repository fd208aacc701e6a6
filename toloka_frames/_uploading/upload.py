"""Uploads: create the objects of a plan in chunks and return one result row per input row.

`FrameUpload` starts from a frame, `ResumedUpload` from an upload id; both read from the ledger what is left to send.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pandas as pd

from toloka_frames._errors import InputError, TolokaError, UploadError
from toloka_frames._runtime.event_loop import in_thread
from toloka_frames._runtime.progress import ProgressArg, ProgressTracker, track_progress
from toloka_frames._schema.bulk import CREATE_TASKS
from toloka_frames._uploading.job import RowJob
from toloka_frames._uploading.ledger import Ledger
from toloka_frames._uploading.ledger_db import ledger_place
from toloka_frames._uploading.results import Results
from toloka_frames._uploading.send import OperationSender, failure
from toloka_frames._uploading.send_app_items import AppItemSender
from toloka_frames._uploading.tasks import check_pool
from toloka_frames._validation import format_rows, text, validate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from toloka_frames._client.client import AsyncTolokaClient
    from toloka_frames._reading.output_paths import FilePath
    from toloka_frames._schema.bulk import BulkCreation
    from toloka_frames._transport.http import ApiClient
    from toloka_frames._uploading.ledger import Flags, LedgerEntry
    from toloka_frames._uploading.ledger_db import UploadLock
    from toloka_frames._uploading.requests import Chunk, UploadPlan
    from toloka_frames._uploading.send import ChunkSender

# the service makes one operation's tasks in seconds; more requests at once meet its quota sooner than they save time: what it
# allows in a minute are ten full requests of tasks, and so two rounds
CONCURRENCY = 5
LOCK_LOOK_SECONDS = 0.2
GO_ON = (
    "`.results` of this error has a row for each input row. The same call again sends what is NOT_SENT or was refused, asks "
    "what became of UNKNOWN rows, and creates nothing twice. Mend INVALID rows and send them alone: "
    "df[error.results['status'].eq('INVALID').to_numpy()]. Rows whose operation ended with FAIL are tried again when the same "
    "call is made with another flag, as skip_invalid_items=True."
)
GO_ON_UNKEYED = (
    "`.results` of this error has a row for each input row. The same call again sends what is NOT_SENT or was refused, looks "
    "for UNKNOWN rows among what is there, and creates nothing twice. One INVALID row has its whole request refused, unless "
    "ignore_errors=True: mend it and send these alone: df[error.results['status'].isin(['INVALID', 'FAILED']).to_numpy()]."
)


class Upload(RowJob):
    """One upload."""

    def __init__(self, client: AsyncTolokaClient, ledger: FilePath | None, concurrency: int, progress: ProgressArg) -> None:
        super().__init__(client, concurrency, progress)
        self._ledger = ledger_place(ledger)
        self._index: pd.Index[int] = pd.RangeIndex(0)
        self._object_of_row: Sequence[int] = ()
        self._results = Results(0, CREATE_TASKS.object_id)
        self._known = False

    def frame(self) -> pd.DataFrame:
        """What is known of each input row."""
        return self._results.frame(self._index, self._object_of_row)

    def stop_message(self) -> str:
        """What to say when it was stopped."""
        known = self._results.summary() if self._known else "Nothing was sent by this call."
        without = f" Without the frame: tf.resume({self.upload_id!r}, client)." if self.upload_id else ""
        return f"{known} Running the same cell again goes on.{without}"

    def _expect(self, kind: BulkCreation, objects: int, object_of_row: Sequence[int], index: pd.Index[int]) -> None:
        self._results, self._index, self._object_of_row = (
            Results(objects, kind.object_id, kind.request_id_column),
            index,
            object_of_row,
        )
        # until the ledger was read, an earlier call may have sent any of them
        self._results.put(range(objects), status="UNKNOWN", error_message="The ledger was not read yet.")

    @asynccontextmanager
    async def _opened(self, account: str, upload_id: str, meter: ProgressTracker) -> AsyncIterator[Ledger]:
        """The ledger, while nobody else works on this upload."""
        ledger = Ledger(self._ledger)
        lock = ledger.lock(account, upload_id)
        with ledger:
            try:
                await in_thread(ledger.open)
                self.upload_id = upload_id
                await _taken(lock, meter)
                yield ledger
            except asyncio.CancelledError:
                meter.note = self.stop_message()
                raise
            finally:
                lock.release()

    async def _carry_out(
        self, ledger: Ledger, record: LedgerEntry, flags: Flags, meter: ProgressTracker, planned: Sequence[Chunk] = ()
    ) -> None:
        sending, chunks = await self._begun(ledger, record, flags, meter, planned)
        # an operation that failed in an earlier call does not keep the other rows back, but it is told at the end
        failed = await in_thread(ledger.failures, record.id, sending.flags)
        await sending.send(chunks, self._concurrency)
        meter.note = self._results.summary()
        earlier = failure({"id": failed[0], "status": "FAIL"}) if failed else None
        fine = {"CREATED", "INVALID"} if flags.get(record.kind.skip_flag) else {"CREATED"}
        self._raise_for_results(sending.error or earlier, fine, GO_ON if record.kind.idempotent else GO_ON_UNKEYED)
        if flags.get(record.kind.open_flag):
            await self._open(ledger, record, sending)
        if record.ended and not chunks:
            meter.note += f" All of it was settled on {record.ended:%Y-%m-%d %H:%M} UTC; nothing was sent."

    async def _begun(
        self, ledger: Ledger, record: LedgerEntry, flags: Flags, meter: ProgressTracker, planned: Sequence[Chunk] = ()
    ) -> tuple[ChunkSender, list[Chunk]]:
        """What earlier calls have settled stands in the results; what is left goes out."""
        wished = {name: flag for name, flag in flags.items() if flag and name != record.kind.open_flag}
        sent = {name: "true" if flag is True else str(flag) for name, flag in wished.items()}
        await in_thread(ledger.ask, record.id, flags)
        self._results.put(range(record.rows), status="NOT_SENT", error_message=None)
        for rows, facts in await in_thread(ledger.outcomes, record.id):
            self._results.put(rows, **facts)
        self._known = True
        chunks = await in_thread(ledger.chunks, record.id, sent, planned)
        meter.total, meter.rows = record.rows, record.rows - sum(len(chunk.rows) for chunk in chunks)
        way = OperationSender if record.kind.idempotent else AppItemSender
        return way(self._service, ledger, record, sent, self._results, meter), chunks

    async def _open(self, ledger: Ledger, record: LedgerEntry, sending: ChunkSender) -> None:
        """Open each pool, or start the batch, once: it may have been closed or stopped on purpose since."""
        for pool_id in await in_thread(ledger.pools_to_open, record.id):
            try:
                await sending.open(pool_id)
            except TolokaError as error:
                what = "the pool was not opened" if record.kind.idempotent else f"the batch {pool_id} was not started"
                raise UploadError(
                    f"{self._results.summary()} The {record.kind.name} are there, but {what}: {error}",
                    results=self.frame(),
                    upload_id=self.upload_id,
                    hint="Make the same call again, or do it with client.open_pool or client.start_app_batch.",
                ) from error
            await in_thread(ledger.pool_was_opened, record.id, pool_id)


class FrameUpload(Upload):
    """An upload of a frame: `plan` makes it, on the package's own loop."""

    def __init__(
        self,
        kind: BulkCreation,
        index: pd.Index[int],
        plan: Callable[[ApiClient], Awaitable[UploadPlan]],
        flags: Flags,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self._kind, self._plan, self._flags = kind, plan, flags
        self._expect(kind, len(index), range(len(index)), index)

    async def run(self) -> pd.DataFrame:
        """Check all rows, then send them; raise when one was not created."""
        with track_progress(self._progress, self._kind.name, total=len(self._index)) as meter:
            plan = await self._plan(self._service)
            self._expect(self._kind, plan.objects, plan.object_of_row, self._index)
            async with self._opened(plan.account, plan.upload_id, meter) as ledger:
                record = await in_thread(_entered, ledger, plan, self._flags)
                await self._carry_out(ledger, record, self._flags, meter, plan.chunks)
            return self.frame()


class ResumedUpload(Upload):
    """An upload that the ledger has, without its frame: gone on with, or with `asks` only looked at."""

    def __init__(self, upload_id: str, *, asks: bool, **common: Any) -> None:
        super().__init__(**common)
        validate("upload_id", text, upload_id)
        self._name, self._asks = upload_id, asks

    async def run(self) -> pd.DataFrame:
        """Send what the ledger says is left, and raise when a row was not created; or look at what was begun."""
        with track_progress(self._progress, CREATE_TASKS.name) as meter:
            account = await self._service.account()
            async with self._opened(account, self._name, meter) as ledger:
                record = await in_thread(_found, ledger, account, self._name)
                meter.title = record.kind.name
                self._expect(record.kind, record.rows, record.object_of_row, pd.RangeIndex(len(record.object_of_row)))
                await (self._look if self._asks else self._carry_out)(ledger, record, record.flags, meter)
            return self.frame()

    async def _look(self, ledger: Ledger, record: LedgerEntry, flags: Flags, meter: ProgressTracker) -> None:
        sending, chunks = await self._begun(ledger, record, flags, meter)
        await sending.look([chunk for chunk in chunks if chunk.sent_as])
        meter.note = self._results.summary()


def _entered(ledger: Ledger, plan: UploadPlan, flags: Flags) -> LedgerEntry:
    """The plan's place in the ledger: a new one, or that of an earlier call."""
    record = ledger.find(plan.account, plan.upload_id)
    if record is None:
        for pool in plan.pools:
            check_pool(pool, plan.kind)
        ledger.add(plan, flags)
        return _found(ledger, plan.account, plan.upload_id)
    if record.content != plan.content:
        raise InputError(
            f"upload_id={plan.upload_id!r} is in the ledger with other rows: {_difference(record, plan)}.",
            column="upload_id",
            hint="Give these rows another upload_id=, or send the rows of then.",
        )
    return record


def _found(ledger: Ledger, account: str, upload_id: str) -> LedgerEntry:
    record = ledger.find(account, upload_id)
    if record is None:
        raise InputError(
            f"This account has no upload {upload_id!r} in the ledger {ledger.path}.",
            column="upload_id",
            hint="tf.uploads() shows all; another ledger is given with ledger=...",
        )
    return record


def _difference(record: LedgerEntry, plan: UploadPlan) -> str:
    if (record.kind, record.rows) != (plan.kind, plan.objects):
        return f"it had {record.rows:,} {record.kind.name}, and {plan.objects:,} {plan.kind.name} came"
    if record.place != plan.place:
        return "they went to another app project or batch"
    if not (record.digests and plan.digests):
        return f"what differs are values, pools or overlaps of {plan.kind.name}"
    rows = [row for row, (then, now) in enumerate(zip(record.digests, plan.digests, strict=True)) if then != now]
    return f"what differs are {plan.kind.name} {format_rows(rows)} (values, pool or overlap)"


async def _taken(lock: UploadLock, meter: ProgressTracker) -> None:
    """Wait for the lock of an upload, which another process may have for hours."""
    if lock.acquire():
        return
    with meter.wait("another process that sends this upload"):
        while not lock.acquire():  # noqa: ASYNC110 -- a lock of the system tells nobody when it is free
            await asyncio.sleep(LOCK_LOOK_SECONDS)
