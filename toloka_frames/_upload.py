"""A frame comes in, tasks are created from it in chunks, and one result row for each input row goes out.

The way up: `_plan` makes checked JSON of the rows and cuts it into requests, `_ledger` has them on disk, `_sending` sends what
is not yet settled. The same call again, `resume` and `reconcile` find in the ledger what is left to do.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pandas as pd

from toloka_frames import _operations
from toloka_frames._client import AsyncTolokaClient
from toloka_frames._errors import InputError, OperationFailed, TolokaError, UploadError, UploadInterrupted
from toloka_frames._filters import checked, flag_or_none, path_part, positive, text
from toloka_frames._ledger import Ledger
from toloka_frames._plan import check_pool, planned
from toloka_frames._progress import Meter, ProgressArg, showing
from toloka_frames._results import TEXT, Results
from toloka_frames._roles import roles_of
from toloka_frames._sending import Sending, failure
from toloka_frames._sync import in_thread, run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence

    from toloka_frames._chunks import Chunk
    from toloka_frames._ledger import Record, UploadLock
    from toloka_frames._plan import Plan
    from toloka_frames._sinks import FilePath

# the service makes one operation's tasks in seconds; more requests at once meet its quota sooner than they save time
CONCURRENCY = 4
LOCK_LOOK_SECONDS = 0.2
SHOWN_ROWS = 5
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
    ledger: FilePath | None = None,
    concurrency: int = CONCURRENCY,
    progress: ProgressArg = "auto",
) -> pd.DataFrame:
    """Create a task from each row of a frame.

    The columns are the project's input fields; or those of the platform's own upload files: `INPUT:*`, `GOLDEN:*` (a known
    solution), `HINT:text`, `TASK:overlap`. Missing cells are left out. Everything is converted and checked before anything is
    sent, and is in the ledger before it is sent.

    The same call again (same rows in the same order, same account and pool) creates nothing twice, also after a restart, a lost
    answer or a killed process: it goes on where the first one ended, and returns the same results without sending when that was
    the end. Flags are not part of this: rows that are there stay as they are.

    Args:
        df: The rows, on any index.
        client: The account.
        pool_id: The pool; or give a column `pool_id`.
        allow_defaults: Whether the overlap comes from the pool's defaults where a task has none.
        open_pool: Whether the pool is opened, once, when all tasks are there.
        skip_invalid_items: Whether valid rows are created though others are not valid; the service then tells what is wrong
            with each of these.
        overlap: Answers wanted for each task, 1 to 30,000, where no `TASK:overlap` says it.
        input_columns: The columns that hold input values, when the frame has others too.
        upload_id: A name of yours. With another name the same rows are another upload; other rows under a name that the ledger
            has are refused.
        ledger: The SQLite file that holds what was sent; by default `uploads.db` in the user's data folder.
        concurrency: Requests in flight at once.
        progress: "auto", "notebook", "text", "log", False or a callable that gets `tf.Progress`.

    Returns:
        A frame on df's index, in df's order, with string columns `status` (CREATED, INVALID, FAILED, UNKNOWN, NOT_SENT),
        `task_id`, `error_field`, `error_code`, `error_message`, `operation_id`, and Int64 `chunk`.

    Raises:
        InputError: A column or row cannot be sent, or the name is that of other rows; nothing was sent.
        LedgerError: The ledger cannot be used; nothing was sent.
        UploadError: A row was not created (other than INVALID ones with skip_invalid_items); `.results` is the whole frame.
        UploadInterrupted: Stop was pressed; `.results` says what is known.

    Source: Toloka API, "Create a task or multiple tasks": at most 1,048,576 bytes of input_values a request, and an
    operation_id is refused a second time; Toloka-Kit 1.2.3: at most 10,000 tasks.
    """
    flags = {"allow_defaults": allow_defaults, "open_pool": open_pool, "skip_invalid_items": skip_invalid_items}
    upload = Upload(client, ledger, concurrency)
    return _finished(upload, upload.create(df, pool_id, flags, overlap, input_columns, upload_id, progress))


def resume(
    upload_id: str,
    client: AsyncTolokaClient,
    *,
    ledger: FilePath | None = None,
    concurrency: int = CONCURRENCY,
    progress: ProgressArg = "auto",
) -> pd.DataFrame:
    """Go on with an upload without its frame; the rows that are not settled are in the ledger.

    Args:
        upload_id: Its name, as `tf.uploads()` and the errors of an upload tell it.
        client: The account that began it.
        ledger: As in `create_tasks`.
        concurrency: Requests in flight at once.
        progress: As in `create_tasks`.

    Returns:
        The results as of `create_tasks`, a row for each row of its frame, on a RangeIndex; errors as there.

    Raises:
        InputError: This account has no upload of this name in the ledger.
    """
    upload = Upload(client, ledger, concurrency)
    return _finished(upload, upload.resume(upload_id, progress))


def reconcile(
    upload_id: str, client: AsyncTolokaClient, *, ledger: FilePath | None = None, progress: ProgressArg = "auto"
) -> pd.DataFrame:
    """Ask the service what became of every UNKNOWN row of an upload, and send nothing.

    Args:
        upload_id: Its name, as `tf.uploads()` and the errors of an upload tell it.
        client: The account that began it.
        ledger: As in `create_tasks`.
        progress: As in `create_tasks`.

    Returns:
        The results as of `create_tasks`, a row for each row of its frame, on a RangeIndex. What the service does not know of is
        NOT_SENT; a row stays UNKNOWN only where an operation's log does not tell of it.

    Raises:
        InputError: This account has no upload of this name in the ledger.
        ApiError: The service refused to tell.
    """
    upload = Upload(client, ledger, CONCURRENCY)
    return _finished(upload, upload.reconcile(upload_id, progress))


def uploads(ledger: FilePath | None = None) -> pd.DataFrame:
    """All uploads of the ledger, the oldest first.

    Args:
        ledger: As in `create_tasks`.

    Returns:
        A row for each: string columns `upload_id`, `account`, `kind` ("tasks"), `state` (DONE, FAILED, UNFINISHED), `pool_ids`
        (comma list); Int64 counts of its `rows`, and of those `created`, `invalid`, `failed`, `unknown`, `not_sent`; and
        `begun`, `ended` (datetime64[us, UTC], missing while rows are not settled).

    Raises:
        LedgerError: The ledger cannot be used.
    """
    with Ledger(_file(ledger)) as opened:
        frame = pd.DataFrame(opened.uploads(), columns=list(UPLOADS))
    return frame.astype(UPLOADS)


UPLOADS: dict[str, Any] = {
    **dict.fromkeys(("upload_id", "account", "kind", "state", "pool_ids"), TEXT),
    **dict.fromkeys(("rows", "created", "invalid", "failed", "unknown", "not_sent"), "Int64"),
    **dict.fromkeys(("begun", "ended"), "datetime64[us, UTC]"),
}


def _finished(upload: Upload, work: Coroutine[Any, Any, pd.DataFrame]) -> pd.DataFrame:
    try:
        return run(work)
    except KeyboardInterrupt as stop:
        raise UploadInterrupted(upload.stopped(), results=upload.results.frame(), upload_id=upload.upload_id) from stop


class Upload:
    """One upload while it goes on; its results can be read at any time."""

    def __init__(self, client: AsyncTolokaClient, ledger: FilePath | None, concurrency: int) -> None:
        if not isinstance(client, AsyncTolokaClient):
            raise InputError(f"client is a {type(client).__name__}, not an AsyncTolokaClient.", column="client")
        checked("concurrency", positive, concurrency)
        self._service = client.service
        self._ledger = _file(ledger)
        self._concurrency = concurrency
        self.upload_id = ""
        self.results = Results(pd.RangeIndex(0))

    async def create(
        self,
        frame: pd.DataFrame,
        pool_id: str | None,
        flags: Mapping[str, bool | None],
        overlap: int | None,
        input_columns: Sequence[str] | None,
        upload_id: str | None,
        progress: ProgressArg,
    ) -> pd.DataFrame:
        """Check all rows, then send them; raise when one was not created."""
        roles = roles_of(frame, input_columns, has_pool=pool_id is not None)
        for name, flag in flags.items():
            checked(name, flag_or_none, flag)
        if upload_id is not None:
            checked("upload_id", text, upload_id)
        self.results = Results(frame.index)
        strict = not flags["skip_invalid_items"]
        with showing(progress, "tasks", total=len(frame)) as meter:
            plan = await planned(
                self._service, frame, roles, pool_id=pool_id, overlap=overlap, upload_id=upload_id, strict=strict
            )
            async with self._opened(plan.account, plan.upload_id, meter) as ledger:
                record = await in_thread(_entered, ledger, plan, flags)
                del plan  # its JSON is in the ledger now, and need not be in memory twice
                return await self._carry_out(ledger, record, flags, meter)

    async def resume(self, upload_id: str, progress: ProgressArg) -> pd.DataFrame:
        """Send what the ledger says is left; raise when a row was not created."""
        with showing(progress, "tasks") as meter:
            async with self._kept(upload_id, meter) as (ledger, record):
                return await self._carry_out(ledger, record, record.flags, meter)

    async def reconcile(self, upload_id: str, progress: ProgressArg) -> pd.DataFrame:
        """Look at what was begun, and send nothing."""
        with showing(progress, "tasks") as meter:
            async with self._kept(upload_id, meter) as (ledger, record):
                sending, chunks = await self._begun(ledger, record, record.flags, meter)
                await sending.look([chunk for chunk in chunks if chunk.sent_as])
                meter.note = self.results.summary()
                return self.results.frame()

    def stopped(self) -> str:
        """What to say when it was stopped."""
        without = f" Without the frame: tf.resume({self.upload_id!r}, client)." if self.upload_id else ""
        return f"{self.results.summary()} Running the same cell again goes on.{without}"

    @asynccontextmanager
    async def _kept(self, upload_id: str, meter: Meter) -> AsyncIterator[tuple[Ledger, Record]]:
        """An upload that the ledger has."""
        checked("upload_id", text, upload_id)
        account = await self._service.account()
        async with self._opened(account, upload_id, meter) as ledger:
            record = await in_thread(_found, ledger, account, upload_id)
            self.results = Results(pd.RangeIndex(record.rows))
            yield ledger, record

    @asynccontextmanager
    async def _opened(self, account: str, upload_id: str, meter: Meter) -> AsyncIterator[Ledger]:
        """The ledger, while nobody else works on this upload."""
        with Ledger(self._ledger) as ledger:
            lock = ledger.lock(account, upload_id)
            try:
                await _taken(lock, meter)
                self.upload_id = upload_id
                yield ledger
            except asyncio.CancelledError:
                meter.note = self.stopped()
                raise
            finally:
                lock.give_back()

    async def _carry_out(self, ledger: Ledger, record: Record, flags: Mapping[str, bool | None], meter: Meter) -> pd.DataFrame:
        sending, chunks = await self._begun(ledger, record, flags, meter)
        # an operation that failed in an earlier call does not keep the other rows back, but it is told at the end
        failed = await in_thread(ledger.failures, record.id, sending.flags)
        await sending.send(chunks, self._concurrency)
        meter.note = self.results.summary()
        earlier = failure({"id": failed[0], "status": "FAIL"}) if failed else None
        self._raise_for_results(sending.error or earlier, skips=bool(flags["skip_invalid_items"]))
        if flags["open_pool"]:
            await self._open(ledger, record)
        if record.ended and not chunks:
            meter.note += f" All of it was settled on {record.ended:%Y-%m-%d %H:%M} UTC; nothing was sent."
        return self.results.frame()

    async def _begun(
        self, ledger: Ledger, record: Record, flags: Mapping[str, bool | None], meter: Meter
    ) -> tuple[Sending, list[Chunk]]:
        """What earlier calls have settled stands in the results; what is left goes out."""
        sent = {name: str(flag).lower() for name, flag in flags.items() if flag is not None and name != "open_pool"}
        await in_thread(ledger.ask, record.id, flags)
        self.results.restore(await in_thread(ledger.outcomes, record.id))
        chunks = await in_thread(ledger.chunks, record.id, sent)
        meter.total, meter.rows = record.rows, record.rows - sum(len(chunk.rows) for chunk in chunks)
        return Sending(self._service, ledger, record, sent, self.results, meter), chunks

    async def _open(self, ledger: Ledger, record: Record) -> None:
        """Open each pool once: it may have been closed on purpose since."""
        for pool_id in await in_thread(ledger.pools_to_open, record.id):
            try:
                operation = await self._service.act(f"/v1/pools/{path_part(pool_id)}/open")
                if operation and (await _operations.ended(self._service, operation))["status"] == "FAIL":
                    raise OperationFailed(f"The operation {operation['id']} ended with FAIL.", operation=operation)
            except TolokaError as error:
                raise UploadError(
                    f"{self.results.summary()} The tasks are there, but the pool was not opened: {error}",
                    results=self.results.frame(),
                    upload_id=self.upload_id,
                    hint="Make the same call again, or open it with client.open_pool(pool_id).",
                ) from error
            await in_thread(ledger.open, record.id, pool_id)

    def _raise_for_results(self, error: Exception | None, *, skips: bool) -> None:
        fine = {"CREATED", "INVALID"} if skips else {"CREATED"}
        if error or set(self.results.counts()) - fine:
            said = " ".join(filter(None, (self.results.summary(), self.results.commonest_error(), str(error or ""))))
            raise UploadError(said, results=self.results.frame(), upload_id=self.upload_id, hint=GO_ON) from error


def _entered(ledger: Ledger, plan: Plan, flags: Mapping[str, bool | None]) -> Record:
    """The plan's place in the ledger: a new one, or that of an earlier call."""
    record = ledger.find(plan.account, plan.upload_id)
    if record is None:
        for pool in plan.pools.values():
            check_pool(pool)
        ledger.add(plan, flags)
        return _found(ledger, plan.account, plan.upload_id)
    if record.content != plan.content:
        raise InputError(
            f"upload_id={plan.upload_id!r} is in the ledger with other rows: {_difference(record, plan)}.",
            column="upload_id",
            hint="Give these rows another upload_id=, or send the rows of then.",
        )
    return record


def _found(ledger: Ledger, account: str, upload_id: str) -> Record:
    record = ledger.find(account, upload_id)
    if record is None:
        raise InputError(
            f"This account has no upload {upload_id!r} in the ledger {ledger.path}.",
            column="upload_id",
            hint="tf.uploads() shows all; another ledger is given with ledger=...",
        )
    return record


def _difference(record: Record, plan: Plan) -> str:
    if record.rows != len(plan.digests):
        return f"it had {record.rows:,} rows, and {len(plan.digests):,} came"
    rows = [row for row, (then, now) in enumerate(zip(record.digests, plan.digests, strict=True)) if then != now]
    more = f" and {len(rows) - SHOWN_ROWS:,} more" if len(rows) > SHOWN_ROWS else ""
    return f"what differs are rows {', '.join(map(str, rows[:SHOWN_ROWS]))}{more} (values, pool or overlap)"


async def _taken(lock: UploadLock, meter: Meter) -> None:
    """Wait for the lock of an upload, which another process may have for hours."""
    if lock.take():
        return
    with meter.wait("another process that sends this upload"):
        while not lock.take():  # noqa: ASYNC110 -- a lock of the system tells nobody when it is free
            await asyncio.sleep(LOCK_LOOK_SECONDS)


def _file(ledger: FilePath | None) -> FilePath | None:
    if ledger is not None and not isinstance(ledger, str | os.PathLike):
        raise InputError(f"ledger={ledger!r} is no path of a file.", column="ledger")
    return ledger
