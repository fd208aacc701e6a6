"""Public functions for uploads that the ledger has: list them, resume one without its frame, look up unknown outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from toloka_frames._schema.pandas_values import STRING_DTYPE
from toloka_frames._uploading.ledger import Ledger, ledger_path
from toloka_frames._uploading.upload import CONCURRENCY, LedgerRows, Upload, upload_verb
from toloka_frames._validation import text, validate

if TYPE_CHECKING:
    from toloka_frames._client.client import AsyncTolokaClient
    from toloka_frames._reading.output_paths import FilePath
    from toloka_frames._runtime.progress import ProgressArg


@upload_verb
def resume(
    upload_id: str,
    client: AsyncTolokaClient,
    *,
    ledger: FilePath | None = None,
    concurrency: int = CONCURRENCY,
    progress: ProgressArg = "auto",
    timeout: float | None = None,
    retry_failed: bool = False,
) -> Upload:
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
    """
    validate("upload_id", text, upload_id)
    return Upload(
        LedgerRows(upload_id, only_check=False), client, ledger, concurrency, progress, timeout, retry_failed=retry_failed
    )


@upload_verb
def reconcile(
    upload_id: str,
    client: AsyncTolokaClient,
    *,
    ledger: FilePath | None = None,
    progress: ProgressArg = "auto",
    timeout: float | None = None,
) -> Upload:
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
    """
    validate("upload_id", text, upload_id)
    return Upload(LedgerRows(upload_id, only_check=True), client, ledger, CONCURRENCY, progress, timeout)


def uploads(ledger: FilePath | None = None) -> pd.DataFrame:
    """Return all uploads of the ledger, oldest first.

    Args:
        ledger: As in `create_tasks`.

    Returns:
        One row per upload. String columns: `upload_id`, `account`, `kind` ("tasks", "task suites", "user bonuses", "app items",
        "app batch items"), `state` (DONE, FAILED, UNFINISHED), `pool_ids` (comma-separated; for app items their batch). Int64
        columns: `rows` (for task suites, the number of suites), of which `created`, `invalid`, `failed`, `unknown`, `not_sent`.
        Timestamp columns (datetime64[us, UTC]): `begun`, and `ended`, which is missing while rows are not settled.

    Raises:
        LedgerError: If the ledger cannot be used.
    """
    with Ledger(ledger_path(ledger)) as opened:
        frame = pd.DataFrame(opened.open().uploads(), columns=list(UPLOAD_DTYPES))
    return frame.astype(UPLOAD_DTYPES)


UPLOAD_DTYPES: dict[str, Any] = {
    **dict.fromkeys(("upload_id", "account", "kind", "state", "pool_ids"), STRING_DTYPE),
    **dict.fromkeys(("rows", "created", "invalid", "failed", "unknown", "not_sent"), "Int64"),
    **dict.fromkeys(("begun", "ended"), "datetime64[us, UTC]"),
}
