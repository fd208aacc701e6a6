"""Uploads: plan the rows of a DataFrame, record them in the ledger, send what is not settled, return one result per row.

A public upload function prepares an `Upload` and is decorated with `upload_verb`, which runs it. A later call with the same
rows finds the earlier one in the ledger and continues it.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import re
from abc import ABC, abstractmethod
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial, wraps
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import pandas as pd

from toloka_frames._client.client import BaseClient
from toloka_frames._errors import InputError, RowsAlreadyCreated, TolokaError, UploadCancelled, UploadError, UploadInterrupted
from toloka_frames._runtime.event_loop import arguments_checked, both, in_thread, run, run_on_loop
from toloka_frames._runtime.tracker import ProgressTracker, track_progress
from toloka_frames._schema.bulk import CREATE_USER_BONUSES
from toloka_frames._transport.http import account_unknown
from toloka_frames._uploading import ledger_reading
from toloka_frames._uploading.ledger import Ledger, ledger_path
from toloka_frames._uploading.like_rows import reject_created_rows
from toloka_frames._uploading.price import check_price, price_limit
from toloka_frames._uploading.results import Results
from toloka_frames._uploading.send import OperationSender, upload_operation_failed
from toloka_frames._uploading.send_app_items import AppItemSender
from toloka_frames._validation import flag, flag_or_none, format_rows, positive, reject, seconds_or_none, validate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
    from decimal import Decimal
    from pathlib import Path

    from toloka_frames._reading.output_paths import FilePath
    from toloka_frames._runtime.progress import ProgressArg
    from toloka_frames._schema.bulk import BulkCreation
    from toloka_frames._transport.http import ApiClient
    from toloka_frames._uploading.ledger import UploadLock
    from toloka_frames._uploading.ledger_entry import Flags, LedgerEntry
    from toloka_frames._uploading.requests import Chunk, Hashes, UploadPlan
    from toloka_frames._uploading.send import ChunkSender

Parameters = ParamSpec("Parameters")
AnyVerb = TypeVar("AnyVerb", bound="Callable[..., Any]")

# The service creates one operation's tasks in seconds. More requests at once exhaust the quota sooner without saving time: a
# minute's quota is ten full requests of tasks, which is two rounds.
CONCURRENCY = 5
LOCK_POLL_SECONDS = 0.2
PANDAS_WRITES_IN_PLACE = int(pd.__version__.partition(".")[0]) < 3  # noqa: PLR2004 -- a version
RETRY_HINT = (
    "`.results` of this error has a row for each input row. The same call again sends rows that are NOT_SENT or were "
    "rejected, looks up UNKNOWN rows, and creates nothing twice. Correct INVALID rows and send them alone: "
    "df[error.results['status'].eq('INVALID').to_numpy()]. Rows whose operation ended with FAIL are sent again by the same "
    "call with retry_failed=True."
)
TIMEOUT_HINT = (
    "`.results` of this error has a row for each input row. The same call again continues and creates nothing twice; timeout= "
    "is the number of seconds that one call may take."
)
UNEXPECTED_HINT = (
    "`.results` of this error has a row for each input row. The same call again looks up UNKNOWN rows, sends rows that are "
    "NOT_SENT, and creates nothing twice."
)
RETRY_APP_ITEMS_HINT = (
    "`.results` of this error has a row for each input row. The same call again sends rows that are NOT_SENT or were "
    "rejected, looks for UNKNOWN rows among the service's items, and creates nothing twice. Unless ignore_errors=True, one "
    "INVALID row makes the service reject its whole request: correct it and send the rows of these requests alone: "
    "df[error.results['status'].isin(['INVALID', 'FAILED']).to_numpy()]."
)


def upload_verb(prepare: Callable[Parameters, RowJob]) -> Callable[Parameters, pd.DataFrame]:
    """Make a function that prepares a job also run it and return its results."""
    prepare_job = with_client_checked(prepare)

    @wraps(prepare)
    def verb(*args: Parameters.args, **kwargs: Parameters.kwargs) -> pd.DataFrame:
        job = prepare_job(*args, **kwargs)
        try:
            return run(job.run())
        except KeyboardInterrupt as stop:
            raise UploadInterrupted(job.stop_message(), results=job.frame(), upload_id=job.upload_id) from stop

    return _with_frame_signature(verb, prepare)


def awaited(verb: Callable[Parameters, pd.DataFrame]) -> Callable[Parameters, Coroutine[Any, Any, pd.DataFrame]]:
    """Return the async version of an `upload_verb`."""
    prepare: Callable[Parameters, RowJob] = inspect.unwrap(verb)
    prepare_job = with_client_checked(prepare)

    @wraps(prepare)
    async def async_verb(*args: Parameters.args, **kwargs: Parameters.kwargs) -> pd.DataFrame:
        job = prepare_job(*args, **kwargs)
        try:
            return await run_on_loop(job.run())
        except asyncio.CancelledError as stop:
            raise UploadCancelled(job.stop_message(), results=job.frame(), upload_id=job.upload_id) from stop

    async_verb.__module__ = "toloka_frames.aio"
    async_verb.__doc__ = _with_await(prepare.__doc__ or "", prepare.__name__)
    return _with_frame_signature(async_verb, prepare)


def _with_await(doc: str, name: str) -> str:
    """Return the docstring of an upload function with the async version in its example."""
    return re.sub(rf"(>>> \w+ = )(.*\btf\.){name}\b", rf"\1await \2aio.{name}", doc)


def with_client_checked(prepare: Callable[Parameters, RowJob]) -> Callable[Parameters, RowJob]:
    """Check first that the client is where it belongs: swapped arguments have errors of many kinds."""
    signature, checked = inspect.signature(prepare), arguments_checked(prepare)

    def prepare_job(*args: Parameters.args, **kwargs: Parameters.kwargs) -> RowJob:
        with suppress(TypeError):  # the call below explains it
            arguments = signature.bind(*args, **kwargs).arguments
            check_client(arguments["client"], arguments)
        return checked(*args, **kwargs)

    return prepare_job


def _with_frame_signature(verb: AnyVerb, prepare: Callable[..., RowJob]) -> AnyVerb:
    """Set the signature that editors and notebooks show: it returns a DataFrame."""
    verb.__signature__ = inspect.signature(prepare).replace(return_annotation="pd.DataFrame")  # type: ignore[attr-defined]
    return verb


def snapshot(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame as it is now; values inside lists and dicts are shared."""
    # from pandas 3 on, a write to either frame copies what they share
    return frame.copy(deep=PANDAS_WRITES_IN_PLACE)


def check_client(client: Any, arguments: Mapping[str, Any] = MappingProxyType({})) -> None:
    """Raise InputError if an argument is not a client; the other arguments show where it was given instead."""
    if not isinstance(client, BaseClient):
        hint = f"The order of the arguments is {', '.join(list(arguments)[:2])}."
        raise InputError(
            f"client is a {type(client).__name__}, not a TolokaClient or AsyncTolokaClient.",
            column="client",
            hint=hint if any(isinstance(value, BaseClient) for value in arguments.values()) else "",
        )


class RowJob(ABC):
    """A prepared call for the rows of a frame; its results can be read while it runs.

    Attributes:
        upload_id: The upload's name in the ledger; "" until it is entered there, and for jobs without a ledger.
    """

    _results: Results

    def __init__(self, client: BaseClient, concurrency: int, progress: ProgressArg, timeout: float | None) -> None:
        check_client(client)
        validate("concurrency", positive, concurrency)
        validate("timeout", seconds_or_none, timeout)
        self.upload_id = ""
        self._timeout, self._may_have_sent = None if timeout is None else float(timeout), False
        self._service: ApiClient = client.service
        self._concurrency = concurrency
        self._progress = progress

    async def run(self) -> pd.DataFrame:
        """Run the job on the package's event loop and return the results of all rows.

        Raises:
            UploadError: If a row was not created or updated, or the job did not end in time.
        """
        deadline = asyncio.timeout(self._timeout)
        try:
            async with deadline:
                await self._run()
        except TimeoutError:
            if not deadline.expired():
                raise
            # not chained: the local variables of an interrupted request hold the token
            raise UploadError(
                f"{self.stop_message()} The call did not end in {self._timeout:g} s.",
                results=self.frame(),
                upload_id=self.upload_id,
                hint=TIMEOUT_HINT,
            ) from None
        except (UploadError, RowsAlreadyCreated):
            raise
        except Exception as error:
            if not self._may_have_sent:
                raise
            why = error if isinstance(error, TolokaError) else f"{type(error).__name__}: {error}"
            message = f"{self._results.summary()} {why}"
            raise UploadError(message, results=self.frame(), upload_id=self.upload_id, hint=UNEXPECTED_HINT) from error
        return self.frame()

    @abstractmethod
    async def _run(self) -> None:
        """Do the work and keep the results of all rows."""

    @abstractmethod
    def frame(self) -> pd.DataFrame:
        """Return what is known of each input row."""

    @abstractmethod
    def stop_message(self) -> str:
        """Return the message for a job that was stopped."""

    def _raise_for_results(self, error: Exception | None, ok_statuses: set[str], hint: str) -> None:
        """Raise UploadError if an error occurred or a row has another status than these."""
        if error or set(self._results.counts()) - ok_statuses:
            message = " ".join(filter(None, (self._results.summary(), self._results.commonest_error(), str(error or ""))))
            raise UploadError(message, results=self.frame(), upload_id=self.upload_id, hint=hint) from error


@dataclass(frozen=True)
class FrameRows(ABC):
    """The rows of a frame and the checked arguments of the upload function that was called.

    Attributes:
        kind: The bulk creation.
        frame: The rows.
        flags: The options of the requests, and whether pools are opened or a batch is started at the end.
        upload_id: The name that the user gave the upload, or None.
    """

    kind: BulkCreation
    frame: pd.DataFrame
    flags: Flags
    upload_id: str | None

    @property
    def strict(self) -> bool:
        """Whether invalid values are rejected before anything is sent; otherwise the service reports them row by row."""
        return not self.flags.get(self.kind.skip_flag)

    @abstractmethod
    async def plan(self, service: ApiClient) -> UploadPlan:
        """Convert the rows to requests.

        Raises:
            InputError: If a row cannot be sent.
        """

    def check_pools(self, pools: Iterable[Mapping[str, Any]]) -> None:  # noqa: B027 -- only tasks and suites have pools
        """Raise InputError if a pool does not take these objects; called for a new upload only."""

    @abstractmethod
    def new_rows_call(self) -> str:
        """Return the code that chooses the rows that were not created yet."""

    @abstractmethod
    def places(self, account: str) -> set[str]:
        """Return what the rows are compared within, as `place_of` returns it."""

    @abstractmethod
    async def hashes(self, service: ApiClient) -> Hashes:
        """Return a hash of each row, equal for rows that must not be created twice; errors as in `plan`."""


def check_flags(**flags: bool | None) -> dict[str, bool | str | None]:
    """Return the flags.

    Raises:
        InputError: If a flag is not True, False or None.
    """
    for name, value in flags.items():
        validate(name, flag_or_none, value)
    return dict(flags)


@dataclass(frozen=True)
class Caller:
    """Whose uploads a call may continue.

    Attributes:
        account: The account; None if the service does not tell it.
        names: The ids by which the account may have been recorded.
        url: The service's URL, in its normal form.
    """

    account: str | None
    names: frozenset[str | None]
    url: str

    def choose(self, entries: Sequence[LedgerEntry], upload_id: str) -> LedgerEntry | None:
        """Return the caller's upload among these; None if there is none.

        Raises:
            InputError: If several could be the caller's.
        """
        its = [entry for entry in entries if entry.account in self.names] or [
            entry for entry in entries if self._may_own(entry)
        ]
        if len({entry.content_hash for entry in its}) > 1:
            raise InputError(
                f"The ledger has several uploads {upload_id!r}, and the account that would tell them apart is not known.",
                column="upload_id",
                hint="Use a token that may read the requester, or another upload_id=.",
            )
        return its[0] if its else None

    def _may_own(self, entry: LedgerEntry) -> bool:
        """Return whether an upload that is recorded under no id, or under one that cannot be compared, may be the caller's."""
        if entry.url not in (None, self.url):
            return False
        # a pool or an app project belongs to one account, but two accounts may pay the same user
        return not entry.account or (self.account is None and entry.kind is not CREATE_USER_BONUSES)


@dataclass(frozen=True)
class UploadState:
    """What is left of an upload when a call begins.

    Attributes:
        flags: The flags of the call.
        request_flags: Those that its requests carry.
        chunks: The chunks to send or to look up; `send` removes those that it takes.
        outcomes: Positions, and columns of the results for them; later ones take precedence.
        failed_operations: The operations that ended with FAIL and are not sent again by this call.
    """

    flags: Flags
    request_flags: Mapping[str, str]
    chunks: list[Chunk]
    outcomes: Sequence[tuple[Sequence[int], Mapping[str, Any]]] = ()
    failed_operations: Sequence[str] = ()


class Upload(RowJob):
    """An upload that the ledger records."""

    def __init__(
        self,
        client: BaseClient,
        ledger: FilePath | None,
        concurrency: int,
        progress: ProgressArg,
        timeout: float | None,
        *,
        retry_failed: bool = False,
    ) -> None:
        super().__init__(client, concurrency, progress, timeout)
        validate("retry_failed", flag, retry_failed)
        self._retry_failed = retry_failed
        self._ledger_path = ledger_path(ledger)
        self._ledger_was_read = False

    async def _run(self) -> None:
        with track_progress(self._progress, self._kind.name, total=len(self._index) or None) as tracker:
            ledger = Ledger(self._ledger_path)
            try:
                await self._run_with(ledger, tracker)
            finally:
                await in_thread(ledger.close)

    @abstractmethod
    async def _run_with(self, ledger: Ledger, tracker: ProgressTracker) -> None:
        """Open the ledger, find or enter the upload there, and send its rows or look them up."""

    def frame(self) -> pd.DataFrame:
        """Return what is known of each input row."""
        return self._results.frame(self._index, self._object_of_row)

    def stop_message(self) -> str:
        """Return the message for an upload that was stopped."""
        known = self._results.summary() if self._ledger_was_read else "This call sent nothing."
        without = f" Without the frame: tf.resume({self.upload_id!r}, client)." if self.upload_id else ""
        return f"{known} Run the same cell again to continue.{without}"

    async def _caller(self, account: str | None) -> Caller:
        names = frozenset({account, await self._service.former_account()} - {None})
        return Caller(account, names, self._service.normal_url)

    def _expect(self, kind: BulkCreation, objects: int, object_of_row: Sequence[int], index: pd.Index[int]) -> None:
        """Prepare the results of an upload; an earlier call may have sent any of its rows."""
        self._results = Results(objects, kind.object_id, kind.request_id_column)
        self._kind, self._index, self._object_of_row = kind, index, object_of_row
        self._results.put(range(objects), status="UNKNOWN", error_message="The ledger has not been read yet.")

    @asynccontextmanager
    async def _lock(
        self,
        ledger: Ledger,
        find: Callable[[Ledger], LedgerEntry | None],
        tracker: ProgressTracker,
        *identity: str | None,
    ) -> AsyncIterator[None]:
        """Keep other processes from this upload until the end of the block.

        Args:
            ledger: The ledger.
            find: Returns the upload's entry if the ledger has one.
            tracker: The progress of the call.
            identity: The account and the name of the upload if the ledger does not have it.
        """
        lock = None
        try:
            entry = await in_thread(find, ledger)
            account, self.upload_id = (entry.account, entry.upload_id) if entry else map(str, identity)
            if entry:  # no call continues an upload that the ledger does not have
                tracker.upload_id = self.upload_id
            lock = ledger.lock(account, self.upload_id)
            await _acquire(lock, tracker)
            yield
        except asyncio.CancelledError:
            # a chunk that was settled while the upload stopped has results, but was not counted
            counts = self._results.counts()
            tracker.rows = max(tracker.rows, counts["CREATED"] + counts["INVALID"])
            tracker.note = self.stop_message()
            raise
        finally:
            if lock is not None:
                lock.release()

    async def _send(self, ledger: Ledger, entry: LedgerEntry, state: UploadState, tracker: ProgressTracker) -> None:
        """Send what is not settled; then open the pools, or start the batch."""
        tracker.upload_id = entry.upload_id
        sender = self._sender(ledger, entry, state, tracker)
        self._may_have_sent, is_settled = True, bool(entry.ended and not state.chunks)
        await sender.send(state.chunks, self._concurrency)
        tracker.note = self._results.summary()
        if isinstance(sender.error, RowsAlreadyCreated) and set(self._results.counts()) == {"NOT_SENT"}:
            raise sender.error
        # an operation that failed in an earlier call does not hold up the other rows, but is reported at the end
        failed = state.failed_operations
        earlier = upload_operation_failed({"id": failed[0], "status": "FAIL"}) if failed else None
        ok_statuses = {"CREATED", "INVALID"} if state.flags.get(entry.kind.skip_flag) else {"CREATED"}
        hint = RETRY_HINT if entry.kind.idempotent else RETRY_APP_ITEMS_HINT
        self._raise_for_results(sender.error or earlier, ok_statuses, hint)
        tracker.note = self._results.report()
        if state.flags.get(entry.kind.open_flag):
            await self._open(ledger, entry, sender)
        if entry.ended and is_settled:
            tracker.note += f" All rows were settled on {entry.ended:%Y-%m-%d %H:%M} UTC; nothing was sent."

    def _sender(self, ledger: Ledger, entry: LedgerEntry, state: UploadState, tracker: ProgressTracker) -> ChunkSender:
        """Write what the ledger knows to the results, and return what sends the rest."""
        self._results.put(range(entry.object_count), status="NOT_SENT", error_message=None)
        for positions, columns in state.outcomes:
            self._results.put(positions, **columns)
        self._ledger_was_read = True
        tracker.total = entry.object_count
        tracker.rows = entry.object_count - sum(len(chunk.positions) for chunk in state.chunks)
        sender = OperationSender if entry.kind.idempotent else AppItemSender
        return sender(
            self._service, ledger, entry, state.request_flags, self._results, tracker, retry_failed=self._retry_failed
        )

    async def _open(self, ledger: Ledger, entry: LedgerEntry, sender: ChunkSender) -> None:
        """Open each pool or start the batch, once per upload: it may have been closed or stopped on purpose since."""
        for pool_id in await in_thread(ledger.pools_to_open, entry.id):
            try:
                await sender.open(pool_id)
            except TolokaError as error:
                problem = "the pool was not opened" if entry.kind.idempotent else f"the batch {pool_id} was not started"
                raise UploadError(
                    f"{self._results.summary()} The {entry.kind.name} were created, but {problem}: {error}",
                    results=self.frame(),
                    upload_id=self.upload_id,
                    hint="Make the same call again, or use client.open_pool or client.start_app_batch.",
                ) from error
            await in_thread(ledger.pool_was_opened, entry.id, pool_id)


class FrameUpload(Upload):
    """The upload of a frame's rows, new or of an earlier call."""

    def __init__(self, rows: FrameRows, *args: Any, max_price: float | Decimal | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._max_price = None if max_price is None else price_limit(max_price)
        self._rows = rows = replace(rows, frame=snapshot(rows.frame))
        index: pd.Index[int] = rows.frame.index
        self._expect(rows.kind, len(index), range(len(index)), index)

    async def _run(self) -> None:
        # in a loop over frames, such as those of tf.follow, some have no rows
        if len(self._rows.frame):
            await super()._run()

    async def _run_with(self, ledger: Ledger, tracker: ProgressTracker) -> None:
        """Plan the rows, find them in the ledger or enter them there, and send what is not settled."""
        rows = self._rows
        plan, _ = await both(rows.plan(self._service), in_thread(ledger.open))
        caller = await self._caller(plan.account)
        if plan.object_count != len(rows.frame):
            self._expect(rows.kind, plan.object_count, plan.object_of_row, rows.frame.index)
        self._object_of_row = plan.object_of_row
        find = partial(_earlier, plan=plan, caller=caller)
        async with self._lock(ledger, find, tracker, plan.account, plan.upload_id):
            check_price = partial(_check_price, plan, rows, self._max_price)
            entry, state = await in_thread(_enter, ledger, plan, caller, rows, self._retry_failed, check_price)
            await self._send(ledger, entry, state, tracker)

    async def look_ahead(self) -> Outlook:
        """Plan the rows, and look in the ledger for what is left of them to send; nothing is sent or recorded."""
        plan = await self._rows.plan(self._service)
        caller = await self._caller(plan.account)
        return await in_thread(_look_ahead, self._ledger_path, plan, caller, self._rows, self._retry_failed)


@dataclass(frozen=True)
class Outlook:
    """What a call would do, as far as its rows and the ledger tell.

    Attributes:
        rows: The rows.
        plan: Their requests.
        unsent: The requests that no call has begun to send.
        failed: The positions of objects that an earlier call has sent, that were not created, and that this one does not send
            again.
    """

    rows: FrameRows
    plan: UploadPlan
    unsent: Sequence[Chunk]
    failed: Sequence[int] = ()


def _look_ahead(path: Path | None, plan: UploadPlan, caller: Caller, rows: FrameRows, retry_failed: bool) -> Outlook:
    """Make the checks of `_enter` and return what is left to send."""
    with Ledger(path) as ledger:
        entry = _earlier(ledger.open(read_only=True), plan, caller)
        unsent: Sequence[Chunk] = plan.chunks
        failed: Sequence[int] = ()
        if entry is None:
            rows.check_pools(plan.pools)
        elif entry.content_hash != plan.content_hash:
            _check_same_rows(entry, plan)
        else:
            final = None if retry_failed else _request_flags(plan.kind, rows.flags)
            chunks = ledger_reading.open_chunks(ledger, entry.id, final, plan.chunks)
            failed = _failed(ledger, entry, chunks, rows.strict)
            with ledger.reading():
                unsent = ledger.not_begun(entry.id, chunks)
        if rows.upload_id is None:
            account = plan.account or None
            created = ledger.created_contents(rows.places(plan.account or ""), account, entry.id if entry else None)
            reject_created_rows(plan.kind, plan.object_of_row, rows.new_rows_call(), unsent, created)
    return Outlook(rows, plan, unsent, failed)


def _failed(ledger: Ledger, entry: LedgerEntry, chunks: Sequence[Chunk], strict: bool) -> Sequence[int]:
    """Return the positions of objects that earlier calls have not created, except those of chunks that are still open."""
    positions, columns = ledger_reading.outcomes(ledger, entry.id)[-1]
    wrong = {"INVALID", "FAILED"} if strict else {"FAILED"}
    found = {position for position, status in zip(positions, columns["status"], strict=True) if status in wrong}
    return sorted(found.difference(*(chunk.positions for chunk in chunks)))


def _check_price(plan: UploadPlan, rows: FrameRows, max_price: Decimal | None, chunks: Sequence[Chunk]) -> None:
    """Raise PriceExceeded if the rows of these chunks cost more than `max_price`, as if the service accepted all of them."""
    if max_price is None:
        return
    sent: dict[str, list[Any]] = {}
    for chunk in chunks:
        sent.setdefault(chunk.pool_id, []).extend(map(json.loads, chunk.object_texts))
    allow_defaults = bool(rows.flags.get("allow_defaults"))
    check_price(plan.kind, sent, plan.pools_by_id, max_price, allow_defaults=allow_defaults)


def _enter(
    ledger: Ledger,
    plan: UploadPlan,
    caller: Caller,
    rows: FrameRows,
    retry_failed: bool,
    check_price: Callable[[Sequence[Chunk]], None],
) -> tuple[LedgerEntry, UploadState]:
    """Return the ledger's entry of a plan, new or of an earlier call, and what is left to send."""
    if rows.upload_id is None:
        ledger.check_rows = partial(reject_created_rows, plan.kind, plan.object_of_row, rows.new_rows_call())
    entry = _earlier(ledger, plan, caller)
    if entry is None:
        rows.check_pools(plan.pools)
        check_price(plan.chunks)
        if added := ledger.add(plan, rows.flags, caller.url):
            return added, UploadState(rows.flags, _request_flags(plan.kind, rows.flags), plan.chunks)
        return _enter(ledger, plan, caller, rows, retry_failed, check_price)  # another process has just added it
    _check_same_rows(entry, plan)
    state = begin_call(ledger, entry, rows.flags, retry_failed, plan.chunks)
    ledger.check_chunks(entry.id, state.chunks)
    check_price(state.chunks)
    return entry, state


def _check_same_rows(entry: LedgerEntry, plan: UploadPlan) -> None:
    """Raise InputError if an upload of the same name has other rows."""
    if entry.content_hash != plan.content_hash:
        error = InputError(
            f"upload_id={plan.upload_id!r} is in the ledger with other rows: {_difference(entry, plan)}.",
            column="upload_id",
            hint="Give these rows another upload_id=, or send the original rows.",
        )
        reject(error)


def _earlier(ledger: Ledger, plan: UploadPlan, caller: Caller) -> LedgerEntry | None:
    """Return the entry of an earlier call with the same rows, or of the same name if the user gave one; None if there is none.

    Raises:
        ConfigurationError: If the account must be known to decide that, or to record a new upload.
    """
    if plan.digests:
        entries = ledger.find_name(plan.upload_id)
    else:
        entries = [
            entry
            for entry in ledger.find_content(plan.kind, plan.content_hash)
            if not entry.digests or entry.upload_id == plan.upload_id
        ]
    entry = caller.choose(entries, plan.upload_id)
    if entry is None and caller.account is None:
        raise account_unknown()
    return entry


def begin_call(
    ledger: Ledger, entry: LedgerEntry, flags: Flags, retry_failed: bool, planned: Sequence[Chunk] = ()
) -> UploadState:
    """Record the flags of a call, and return what is left for it to do; chunks that are planned already are not read again."""
    sent = _request_flags(entry.kind, flags)
    ledger.set_flags(entry.id, flags)
    # chunks that failed under these flags are not sent again
    final = None if retry_failed else sent
    chunks, outcomes = ledger_reading.open_chunks(ledger, entry.id, final, planned), ledger_reading.outcomes(ledger, entry.id)
    return UploadState(flags, sent, chunks, outcomes, ledger_reading.failed_operations(ledger, entry.id, final))


def _request_flags(kind: BulkCreation, flags: Flags) -> dict[str, str]:
    """Return the flags as query parameters: those that are set, without the one that opens pools or starts the batch."""
    return {name: "true" if flag is True else str(flag) for name, flag in flags.items() if flag and name != kind.open_flag}


def _difference(entry: LedgerEntry, plan: UploadPlan) -> str:
    if (entry.kind, entry.object_count) != (plan.kind, plan.object_count):
        return f"it had {entry.object_count:,} {entry.kind.name}, and this call has {plan.object_count:,} {plan.kind.name}"
    if entry.destination != plan.destination:
        return "they went to another app project or batch"
    if not (entry.digests and plan.digests):
        return f"values, pools or overlaps of {plan.kind.name} differ"
    changed = [row for row, (old, new) in enumerate(zip(entry.digests, plan.digests, strict=True)) if old != new]
    return f"{plan.kind.name} {format_rows(changed)} differ in values, pool or overlap"


async def _acquire(lock: UploadLock, tracker: ProgressTracker) -> None:
    """Wait for the lock of an upload; another process may hold it for hours."""
    if lock.acquire():
        return
    with tracker.wait("another process that sends this upload"):
        while not lock.acquire():  # noqa: ASYNC110 -- the operating system's lock sends no event when it is released
            await asyncio.sleep(LOCK_POLL_SECONDS)
