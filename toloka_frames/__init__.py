"""Toloka's lists as DataFrames, and DataFrames as Toloka's tasks.

Down: `client.get_app_batches(...)` is a `Scan`
    _lists -> _question -> _walk -> _http       pages, asked for one behind the other
                           _page | _values      bytes -> record batch of the declared columns (_resources, _columns)
                           _sinks               -> frame | table | stream | Parquet
                           _copy -> _parts      -> a folder of Parquet parts that survives kills; `tf.sync` brings it up to date

Up: `df.pipe(tf.create_tasks, client, pool_id=...)`
    _upload -> _plan -> _roles, _cells          rows -> checked JSON
                        _chunks                 -> requests that keep the limits, each with its operation id
               _ledger                          -> on disk before they are sent
               _sending -> _http, _operations   -> sent once, waited for, their logs read
               _results                         -> one row for each input row

Rows from elsewhere: `tf.to_dataframe(rows)`
    _rows -> _inference -> _values -> _sinks

Both run on one event loop of the package's own (_sync) and show how far they are (_progress).
"""

from toloka_frames import aio
from toloka_frames._client import AsyncTolokaClient, Task
from toloka_frames._copy import Synced
from toloka_frames._errors import (
    AccessDenied,
    ApiError,
    AuthenticationFailed,
    BadAnswer,
    ConfigurationError,
    Conflict,
    ConnectionFailed,
    CopyError,
    InputError,
    LedgerError,
    LoopError,
    NotFound,
    OperationFailed,
    OperationTimeout,
    OutcomeUnknown,
    QuotaExceeded,
    ScanInterrupted,
    TolokaError,
    TooLarge,
    UploadCancelled,
    UploadError,
    UploadInterrupted,
    ValidationFailed,
)
from toloka_frames._manifest import verify
from toloka_frames._progress import Progress
from toloka_frames._retries import Retries
from toloka_frames._rows import to_arrow, to_dataframe, to_parquet
from toloka_frames._scan import Scan, sync
from toloka_frames._sync import run
from toloka_frames._upload import create_tasks, reconcile, resume, uploads
from toloka_frames._version import __version__

__all__ = [
    "AccessDenied",
    "ApiError",
    "AsyncTolokaClient",
    "AuthenticationFailed",
    "BadAnswer",
    "ConfigurationError",
    "Conflict",
    "ConnectionFailed",
    "CopyError",
    "InputError",
    "LedgerError",
    "LoopError",
    "NotFound",
    "OperationFailed",
    "OperationTimeout",
    "OutcomeUnknown",
    "Progress",
    "QuotaExceeded",
    "Retries",
    "Scan",
    "ScanInterrupted",
    "Synced",
    "Task",
    "TolokaError",
    "TooLarge",
    "UploadCancelled",
    "UploadError",
    "UploadInterrupted",
    "ValidationFailed",
    "__version__",
    "aio",
    "create_tasks",
    "reconcile",
    "resume",
    "run",
    "sync",
    "to_arrow",
    "to_dataframe",
    "to_parquet",
    "uploads",
    "verify",
]

for _name in __all__:
    if getattr(globals()[_name], "__module__", "").startswith("toloka_frames._"):
        globals()[_name].__module__ = "toloka_frames"
