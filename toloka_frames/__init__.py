"""Toloka's lists as DataFrames, and DataFrames as Toloka's tasks.

Down: `client.get_app_batches(...)` is a `Scan`
    _lists -> _question -> _walk -> _http       pages, asked for one behind the other
                           _page | _values      bytes -> record batch of the declared columns (_resources, _columns)
                           _sinks               -> frame | table | stream | Parquet

Up: `df.pipe(tf.create_tasks, client, pool_id=...)`
    _upload -> _roles -> _cells                 rows -> checked JSON
               _chunks                          -> requests that keep the limits, each with its operation id
               _http, _operations               -> sent, waited for, their logs read
               _results                         -> one row for each input row

Rows from elsewhere: `tf.to_dataframe(rows)`
    _rows -> _inference -> _values -> _sinks

Both run on one event loop of the package's own (_sync) and show how far they are (_progress).
"""

from toloka_frames import aio
from toloka_frames._client import AsyncTolokaClient, Task
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
from toloka_frames._http import Retries
from toloka_frames._progress import Progress
from toloka_frames._rows import to_arrow, to_dataframe, to_parquet
from toloka_frames._scan import Scan
from toloka_frames._sync import run
from toloka_frames._upload import create_tasks
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
    "run",
    "to_arrow",
    "to_dataframe",
    "to_parquet",
]

for _name in __all__:
    if getattr(globals()[_name], "__module__", "").startswith("toloka_frames._"):
        globals()[_name].__module__ = "toloka_frames"
