"""Read Toloka's lists as pandas DataFrames, Arrow tables and Parquet files, and create Toloka's tasks from DataFrames.

A list method of the client, such as `get_tasks`, returns a `Scan`, which requests its rows when they are read.
`df.pipe(tf.create_tasks, client, ...)` creates a task from each row and returns a result for each row; the same call again
continues where it ended and creates no task twice. Every other call of the API returns its object, a dict
whose keys are attributes too. `AsyncTolokaClient` and `tf.aio` have the same methods and functions as coroutines.

Example:
    >>> import pandas as pd
    >>> import toloka_frames as tf
    >>> from toloka_frames.local import LocalToloka
    >>> toloka = LocalToloka().start()  # Toloka's API in this process
    >>> client = toloka.client()  # with an account: tf.TolokaClient(token)
    >>> app_id = client.get_apps().to_dataframe().set_index("name")["id"]["Image classification"]
    >>> cats = client.create_app_project({"app_id": app_id, "name": "Cats", "parameters": {"name": "Cats"}})
    >>> photos = pd.DataFrame({"image_url": [f"https://example.com/{number}.jpg" for number in range(3)]})
    >>> photos.pipe(tf.create_app_batch, client, cats["id"], name="Monday", start=True, progress=False)["status"].tolist()
    ['CREATED', 'CREATED', 'CREATED']
    >>> list(client.get_app_items(cats["id"]).to_dataframe())[:3]
    ['id', 'app_project_id', 'batch_id']
    >>> toloka.close()

docs/reference/ lists every function and call, the other pages of docs/ explain them, and CONTRIBUTING.md describes how to
work on the code.
"""

from importlib import import_module
from inspect import isfunction
from typing import TYPE_CHECKING

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
    CursorError,
    InputError,
    LedgerError,
    LoopError,
    NotFound,
    OperationFailed,
    OperationTimeout,
    OutcomeUnknown,
    PoolFailed,
    PoolTimeout,
    PriceExceeded,
    QuotaExceeded,
    RowsAlreadyCreated,
    ScanInterrupted,
    TolokaError,
    TooLarge,
    UploadCancelled,
    UploadError,
    UploadInterrupted,
    ValidationFailed,
    WriteFailed,
)
from toloka_frames._runtime.event_loop import public_call, run
from toloka_frames._version import __version__

if TYPE_CHECKING:
    from toloka_frames import aio
    from toloka_frames._client.client import AsyncTolokaClient, TolokaClient
    from toloka_frames._client.doctor import doctor
    from toloka_frames._client.doctor_report import DoctorReport
    from toloka_frames._client.pool_closed import closed
    from toloka_frames._client.pool_forms import pool_form
    from toloka_frames._client.pool_metrics import pool_metrics
    from toloka_frames._client.pool_settings import filter, mixer  # noqa: A004 -- used as tf.filter
    from toloka_frames._client.pool_wait import PoolProgress, wait_pool
    from toloka_frames._client.pool_watch import PoolWatch, watch
    from toloka_frames._client.project_forms import project_form
    from toloka_frames._client.rules import approve_all, ban, change_overlap, reject_all, rule, set_skill
    from toloka_frames._client.tasks import Task
    from toloka_frames._client.training_forms import training_form
    from toloka_frames._frames.compare_pools import compare
    from toloka_frames._frames.complete import complete
    from toloka_frames._frames.excel_and_sql import plain
    from toloka_frames._frames.labels import explode, to_crowdkit, wide
    from toloka_frames._frames.over_time import over_time
    from toloka_frames._frames.plots import plot_agreement, plot_over_time, plot_progress, plot_workers
    from toloka_frames._frames.replay import replay_rules
    from toloka_frames._frames.summaries import cost, progress_by_status, quality
    from toloka_frames._frames.upload_rows import failed, pending
    from toloka_frames._reading.dask import to_dask
    from toloka_frames._reading.follow import follow
    from toloka_frames._reading.foreign_rows import to_arrow, to_dataframe, to_parquet
    from toloka_frames._reading.parts import verify
    from toloka_frames._reading.scan import Scan
    from toloka_frames._reading.sync import Synced, sync
    from toloka_frames._runtime.progress import Progress
    from toloka_frames._schema.row import Row
    from toloka_frames._transport.retries import Retries
    from toloka_frames._uploading.app_items import create_app_batch, create_app_items
    from toloka_frames._uploading.bonuses import create_user_bonuses
    from toloka_frames._uploading.known_rows import new_rows
    from toloka_frames._uploading.preflight import preflight
    from toloka_frames._uploading.preflight_report import Preflight
    from toloka_frames._uploading.recovery import forget, reconcile, resume, uploads
    from toloka_frames._uploading.row_updates import (
        accept_assignments,
        reject_assignments,
        set_user_restrictions,
        set_user_skills,
    )
    from toloka_frames._uploading.tasks import create_task_suites, create_tasks

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
    "CursorError",
    "DoctorReport",
    "InputError",
    "LedgerError",
    "LoopError",
    "NotFound",
    "OperationFailed",
    "OperationTimeout",
    "OutcomeUnknown",
    "PoolFailed",
    "PoolProgress",
    "PoolTimeout",
    "PoolWatch",
    "Preflight",
    "PriceExceeded",
    "Progress",
    "QuotaExceeded",
    "Retries",
    "Row",
    "RowsAlreadyCreated",
    "Scan",
    "ScanInterrupted",
    "Synced",
    "Task",
    "TolokaClient",
    "TolokaError",
    "TooLarge",
    "UploadCancelled",
    "UploadError",
    "UploadInterrupted",
    "ValidationFailed",
    "WriteFailed",
    "__version__",
    "accept_assignments",
    "aio",
    "approve_all",
    "ban",
    "change_overlap",
    "closed",
    "compare",
    "complete",
    "cost",
    "create_app_batch",
    "create_app_items",
    "create_task_suites",
    "create_tasks",
    "create_user_bonuses",
    "doctor",
    "explode",
    "failed",
    "filter",
    "follow",
    "forget",
    "mixer",
    "new_rows",
    "over_time",
    "pending",
    "plain",
    "plot_agreement",
    "plot_over_time",
    "plot_progress",
    "plot_workers",
    "pool_form",
    "pool_metrics",
    "preflight",
    "progress_by_status",
    "project_form",
    "quality",
    "reconcile",
    "reject_all",
    "reject_assignments",
    "replay_rules",
    "resume",
    "rule",
    "run",
    "set_skill",
    "set_user_restrictions",
    "set_user_skills",
    "sync",
    "to_arrow",
    "to_crowdkit",
    "to_dask",
    "to_dataframe",
    "to_parquet",
    "training_form",
    "uploads",
    "verify",
    "wait_pool",
    "watch",
    "wide",
]

# What is imported when it is first used, because most programs use little of it, and a command or the local service none: the
# public names of each module. The imports above tell type checkers and editors the same.
_LATER: dict[str, tuple[str, ...]] = {
    "aio": ("aio",),
    "_client.client": ("AsyncTolokaClient", "TolokaClient"),
    "_client.doctor": ("doctor",),
    "_client.doctor_report": ("DoctorReport",),
    "_client.pool_closed": ("closed",),
    "_client.pool_forms": ("pool_form",),
    "_client.pool_metrics": ("pool_metrics",),
    "_client.pool_settings": ("filter", "mixer"),
    "_client.pool_wait": ("PoolProgress", "wait_pool"),
    "_client.pool_watch": ("PoolWatch", "watch"),
    "_client.project_forms": ("project_form",),
    "_client.rules": ("approve_all", "ban", "change_overlap", "reject_all", "rule", "set_skill"),
    "_client.tasks": ("Task",),
    "_client.training_forms": ("training_form",),
    "_frames.compare_pools": ("compare",),
    "_frames.complete": ("complete",),
    "_frames.excel_and_sql": ("plain",),
    "_frames.labels": ("explode", "to_crowdkit", "wide"),
    "_frames.over_time": ("over_time",),
    "_frames.plots": ("plot_agreement", "plot_over_time", "plot_progress", "plot_workers"),
    "_frames.replay": ("replay_rules",),
    "_frames.summaries": ("cost", "progress_by_status", "quality"),
    "_frames.upload_rows": ("failed", "pending"),
    "_reading.dask": ("to_dask",),
    "_reading.follow": ("follow",),
    "_reading.foreign_rows": ("to_arrow", "to_dataframe", "to_parquet"),
    "_reading.parts": ("verify",),
    "_reading.scan": ("Scan",),
    "_reading.sync": ("Synced", "sync"),
    "_runtime.progress": ("Progress",),
    "_schema.row": ("Row",),
    "_transport.retries": ("Retries",),
    "_uploading.app_items": ("create_app_batch", "create_app_items"),
    "_uploading.bonuses": ("create_user_bonuses",),
    "_uploading.known_rows": ("new_rows",),
    "_uploading.preflight": ("preflight",),
    "_uploading.preflight_report": ("Preflight",),
    "_uploading.recovery": ("forget", "reconcile", "resume", "uploads"),
    "_uploading.row_updates": ("accept_assignments", "reject_assignments", "set_user_restrictions", "set_user_skills"),
    "_uploading.tasks": ("create_task_suites", "create_tasks"),
}


def __getattr__(name: str) -> object:
    module = next((module for module, names in _LATER.items() if name in names), None)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    loaded = import_module(f"{__name__}.{module}")
    for own in _LATER[module]:
        _publish(own, getattr(loaded, own, loaded))
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _publish(name: str, public: object) -> None:
    """Make an object a public name of this package; classes are decorated with `public_class`."""
    if isfunction(public):
        public = public_call(public)
    if getattr(public, "__module__", "").startswith("toloka_frames._"):
        public.__module__ = "toloka_frames"
    globals()[name] = public


for _name in set(__all__) & set(globals()):
    _publish(_name, globals()[_name])
