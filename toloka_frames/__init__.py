"""Toloka's lists as DataFrames, and DataFrames as Toloka's tasks.

Down: `client.get_app_batches(...)` is a `Scan`
    _lists -> _question -> _walk -> _http       pages, asked for one behind the other
                           _page | _values      bytes -> record batch of the declared columns (_resources, _columns)
                           _sinks               -> frame | table | stream | Parquet
                           _copy -> _parts      -> a folder of Parquet parts that survives kills; `tf.sync` brings it up to date
                           _partitions, _dask   -> scans of its parts, for other processes and machines

Up: `df.pipe(tf.create_tasks, client, pool_id=...)`
    _verbs -> _create                           arguments, checked
    _upload -> _tasks | _bonuses | _app_items -> _cells    rows -> checked JSON
               _plan -> _chunks                 -> requests that keep the limits, each with its operation id
               _ledger                          -> on disk before they are sent
               _sending -> _http, _operations   -> sent once, waited for, their logs read
               _app_sending -> _matching        -> app items, which have no operations: looked for where an answer was lost
               _results                         -> one row for each input row

Rows from elsewhere: `tf.to_dataframe(rows)`
    _rows -> _inference -> _values -> _sinks

What came, looked at: `answers.pipe(tf.to_crowdkit)`
    _frames                                     -> labels, and the rows of an upload to mend
    _tallies -> _plots                          -> counts of what is good, done and paid, and pictures of them

Both ways run on one event loop of the package's own (_sync) and show how far they are (_progress).
"""

from toloka_frames import aio
from toloka_frames._client.client import AsyncTolokaClient
from toloka_frames._client.tasks import Task
from toloka_frames._errors import (
    AccessDenied,
    ApiError,
    AuthenticationFailed,
    BadAnswer,
    CloneInterrupted,
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
from toloka_frames._frames.labels import explode, to_crowdkit, wide
from toloka_frames._frames.plots import plot_progress, plot_workers
from toloka_frames._frames.summaries import cost, progress_by_status, quality
from toloka_frames._frames.upload_rows import failed, pending
from toloka_frames._reading.dask import to_dask
from toloka_frames._reading.foreign_rows import to_arrow, to_dataframe, to_parquet
from toloka_frames._reading.parts import verify
from toloka_frames._reading.scan import Scan
from toloka_frames._reading.sync import Synced, sync
from toloka_frames._runtime.event_loop import run
from toloka_frames._runtime.progress import Progress
from toloka_frames._transport.retries import Retries
from toloka_frames._uploading.create import uploads
from toloka_frames._uploading.verbs import (
    accept_assignments,
    create_app_batch,
    create_app_items,
    create_task_suites,
    create_tasks,
    create_user_bonuses,
    reconcile,
    reject_assignments,
    resume,
    set_user_restrictions,
    set_user_skills,
)
from toloka_frames._version import __version__

__all__ = [
    "AccessDenied",
    "ApiError",
    "AsyncTolokaClient",
    "AuthenticationFailed",
    "BadAnswer",
    "CloneInterrupted",
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
    "accept_assignments",
    "aio",
    "cost",
    "create_app_batch",
    "create_app_items",
    "create_task_suites",
    "create_tasks",
    "create_user_bonuses",
    "explode",
    "failed",
    "pending",
    "plot_progress",
    "plot_workers",
    "progress_by_status",
    "quality",
    "reconcile",
    "reject_assignments",
    "resume",
    "run",
    "set_user_restrictions",
    "set_user_skills",
    "sync",
    "to_arrow",
    "to_crowdkit",
    "to_dask",
    "to_dataframe",
    "to_parquet",
    "uploads",
    "verify",
    "wide",
]

for _name in __all__:
    if getattr(globals()[_name], "__module__", "").startswith("toloka_frames._"):
        globals()[_name].__module__ = "toloka_frames"
