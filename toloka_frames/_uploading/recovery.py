"""Public functions for uploads that the ledger has: list them, forget some, resume one without its frame, look up outcomes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from toloka_frames._errors import InputError
from toloka_frames._runtime.event_loop import in_thread
from toloka_frames._schema.bulk import CREATE_TASKS
from toloka_frames._schema.pandas_values import DEFAULT_DTYPES
from toloka_frames._schema.timestamps import format_timestamp
from toloka_frames._transport.connections import ENVIRONMENTS
from toloka_frames._transport.http import account_unknown
from toloka_frames._uploading.ledger import ledger_path
from toloka_frames._uploading.ledger_listing import UploadList
from toloka_frames._uploading.like_rows import reject_created_rows
from toloka_frames._uploading.listed_uploads import ListedUploads
from toloka_frames._uploading.upload import CONCURRENCY, Upload, begin_call, upload_verb
from toloka_frames._validation import flag, id_or_none, id_text, validate

if TYPE_CHECKING:
    from toloka_frames._client.client import BaseClient
    from toloka_frames._reading.output_paths import FilePath
    from toloka_frames._runtime.progress import ProgressArg
    from toloka_frames._runtime.tracker import ProgressTracker
    from toloka_frames._schema.timestamps import TimestampLike
    from toloka_frames._uploading.ledger import Ledger
    from toloka_frames._uploading.ledger_entry import LedgerEntry
    from toloka_frames._uploading.upload import Caller, UploadState
    from toloka_frames._validation import Id

LIST_HINT = "tf.uploads() lists all; give another ledger with ledger=..."


@upload_verb
def resume(
    upload_id: Id,
    client: BaseClient,
    *,
    ledger: FilePath | None = None,
    concurrency: int = CONCURRENCY,
    progress: ProgressArg = "auto",
    timeout: float | None = None,
    retry_failed: bool = False,
) -> RecordedUpload:
    """Resume an upload without its frame; the ledger holds the rows that are not settled.

    Args:
        upload_id: The upload's name, as in `tf.uploads()` and in the errors of an upload.
        client: The account that began the upload.
        ledger: As in `create_tasks`.
        concurrency: The number of requests in flight at once.
        progress: As in `create_tasks`.
        timeout: As in `create_tasks`.
        retry_failed: As in `create_tasks`.

    Returns:
        The results as of `create_tasks`, one row per row of the upload's frame, on a RangeIndex; errors as there.

    Raises:
        InputError: If this account has no upload with this name in the ledger.

    Example:
        >>> results = df.pipe(tf.create_tasks, client, pool.id, overlap=3, upload_id="monday")
        >>> results = tf.resume("monday", client)
        >>> results["status"].tolist()
        ['CREATED', 'CREATED', 'CREATED']
    """
    return RecordedUpload(
        id_text("upload_id", upload_id), client, ledger, concurrency, progress, timeout, retry_failed=retry_failed
    )


@upload_verb
def reconcile(
    upload_id: Id,
    client: BaseClient,
    *,
    ledger: FilePath | None = None,
    progress: ProgressArg = "auto",
    timeout: float | None = None,
) -> RecordedUpload:
    """Look up the outcome of every UNKNOWN row of an upload, and send nothing.

    Args:
        upload_id: The upload's name, as in `tf.uploads()` and in the errors of an upload.
        client: The account that began the upload.
        ledger: As in `create_tasks`.
        progress: As in `create_tasks`.
        timeout: As in `create_tasks`.

    Returns:
        The results as of `create_tasks`, one row per row of the upload's frame, on a RangeIndex. A row that the service does
        not have is NOT_SENT. A row stays UNKNOWN only if its operation's log does not mention it, or if it is an app item and
        the service's list does not prove yet whether it exists.

    Raises:
        InputError: If this account has no upload with this name in the ledger.
        ApiError: If the service rejects a request.

    Example:
        >>> results = df.pipe(tf.create_tasks, client, pool.id, overlap=3, upload_id="monday")
        >>> results = tf.reconcile("monday", client)
        >>> results["status"].tolist()
        ['CREATED', 'CREATED', 'CREATED']
    """
    return RecordedUpload(id_text("upload_id", upload_id), client, ledger, CONCURRENCY, progress, timeout, only_check=True)


class RecordedUpload(Upload):
    """The upload that an earlier call has recorded under a name.

    Args:
        upload_id: The upload's name in the ledger.
        args: Those of `Upload`.
        only_check: Whether chunks with an unknown outcome are only looked up, and nothing is sent.
        options: Those of `Upload`.
    """

    def __init__(self, upload_id: str, *args: Any, only_check: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self._name, self._only_check = upload_id, only_check
        self._expect(CREATE_TASKS, 0, range(0), pd.RangeIndex(0))  # until the ledger is read

    async def _run_with(self, ledger: Ledger, tracker: ProgressTracker) -> None:
        """Find the upload in the ledger, and send what is not settled or look it up."""
        find = partial(_find, upload_id=self._name, caller=await self._caller(await self._service.account()))
        await in_thread(ledger.open)
        async with self._lock(ledger, find, tracker):
            entry = await in_thread(find, ledger)
            tracker.title = entry.kind.name
            self._expect(entry.kind, entry.object_count, entry.object_of_row, pd.RangeIndex(len(entry.object_of_row)))
            if not entry.digests:
                ledger.check_rows = partial(
                    reject_created_rows, entry.kind, entry.object_of_row, "tf.new_rows(df, client, ...)"
                )
            state = await in_thread(begin_call, ledger, entry, entry.flags, self._retry_failed)
            if self._only_check:
                await self._look_up(ledger, entry, state, tracker)
            else:
                await in_thread(ledger.check_chunks, entry.id, state.chunks)
                await self._send(ledger, entry, state, tracker)

    async def _look_up(self, ledger: Ledger, entry: LedgerEntry, state: UploadState, tracker: ProgressTracker) -> None:
        """Look up the chunks that an earlier call sent and whose outcome is not known."""
        sender = self._sender(ledger, entry, state, tracker)
        await sender.look_up([chunk for chunk in state.chunks if chunk.pending_operation_id])
        tracker.note = self._results.summary()


def _find(ledger: Ledger, *, upload_id: str, caller: Caller) -> LedgerEntry:
    entries = ledger.find_name(upload_id)
    entry = caller.choose(entries, upload_id)
    if entry is None and entries and caller.account is None:
        raise account_unknown()
    if entry is None:
        raise InputError(
            f"This account has no upload {upload_id!r} in the ledger {ledger.path}.",
            column="upload_id",
            hint="tf.uploads() lists all; give another ledger with ledger=...",
        )
    return entry


def uploads(ledger: FilePath | None = None) -> pd.DataFrame:
    """Return all uploads of the ledger, oldest first.

    A notebook shows the latest 20 as a table, with what is not settled and how to go on.

    Args:
        ledger: As in `create_tasks`.

    Returns:
        One row per upload. String columns: `upload_id`, `account`, `environment` ("PRODUCTION", "SANDBOX", "" for another
        host), `url`, `kind` ("tasks", "task suites", "user bonuses", "app items", "app batch items"), `state` (DONE, FAILED,
        UNFINISHED), `pool_ids` (comma-separated; for app items their batch), `app_project_id`. Int64 columns: `rows` (for task
        suites, the number of suites), of which `created`, `invalid`, `failed`, `unknown`, `not_sent`. Timestamp columns
        (datetime64[us, UTC]): `begun`, and `ended`, which is missing while rows are not settled. `url` is missing for uploads
        of version 0.1, which did not record it.

    Raises:
        LedgerError: If the ledger cannot be used. A file that exists is only read.

    Example:
        >>> results = df.pipe(tf.create_tasks, client, pool.id, overlap=3, upload_id="monday")
        >>> tf.uploads()["upload_id"].tolist()
        ['monday']
    """
    with UploadList(ledger_path(ledger)) as opened:
        columns: dict[str, Any] = opened.open(read_only=True).uploads()
        columns["environment"] = [ENVIRONMENTS.get(url, "") for url in columns["url"]]
        # Arrow parses text and times in a tenth of the time that pandas takes
        with opened.decoding("the list of uploads"):
            table = pa.table({name: pa.array(columns[name]).cast(dtype) for name, dtype in UPLOAD_TYPES.items()})
    return ListedUploads(table.to_pandas(types_mapper=DEFAULT_DTYPES.get))


def forget(
    upload_id: Id | None = None,
    *,
    before: TimestampLike | None = None,
    unsettled: bool = False,
    ledger: FilePath | None = None,
) -> int:
    """Delete uploads from the ledger, which makes its file smaller.

    What is forgotten can be paid again: the ledger no longer knows that these rows were created, and a call with one of them
    sends it.

    Args:
        upload_id: The upload's name. Either it is given, or:
        before: A time; uploads that were begun before it are deleted. ISO 8601 text in UTC, a datetime or a date.
        unsettled: Whether to delete also uploads with rows that are not settled: UNKNOWN, NOT_SENT or FAILED. They cannot be
            resumed afterwards. Without it, `before` leaves them in the ledger.
        ledger: As in `create_tasks`.

    Returns:
        The number of deleted uploads.

    Raises:
        InputError: If not exactly one of `upload_id` and `before` is given, the ledger has no such upload, or some of its rows
            are not settled.
        LedgerError: If the ledger cannot be used.

    Example:
        >>> results = df.pipe(tf.create_tasks, client, pool.id, overlap=3, upload_id="monday")
        >>> tf.forget("monday")
        1
    """
    if (upload_id is None) == (before is None):
        raise InputError("Exactly one of upload_id and before is needed.")
    upload_id = id_or_none("upload_id", upload_id)
    begun_before = None if before is None else validate("before", format_timestamp, before)
    validate("unsettled", flag, unsettled)
    with UploadList(ledger_path(ledger)) as opened:
        opened.open()
        if upload_id is not None and not unsettled and opened.unsettled(upload_id):
            raise InputError(
                f"The upload {upload_id!r} has rows that are not settled.",
                column="upload_id",
                hint="tf.resume or tf.reconcile settles them; with unsettled=True they are forgotten and may be paid again.",
            )
        count = opened.forget(upload_id, begun_before, unsettled=unsettled)
        if upload_id is not None and not count:
            raise InputError(f"The ledger {opened.path} has no upload {upload_id!r}.", column="upload_id", hint=LIST_HINT)
    return count


UPLOAD_TYPES = {  # in an order in which pandas' text shows state and name: it leaves out the columns in the middle
    **dict.fromkeys(("state", "kind"), pa.large_string()),
    **dict.fromkeys(("rows", "created", "invalid", "failed", "unknown", "not_sent"), pa.int64()),
    **dict.fromkeys(("begun", "ended"), pa.timestamp("us", "UTC")),
    **dict.fromkeys(("environment", "url", "account", "pool_ids", "app_project_id", "upload_id"), pa.large_string()),
}
