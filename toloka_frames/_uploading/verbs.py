"""A function that prepares an upload comes in; the verb that carries it out goes out, for ordinary code and for async code."""

from __future__ import annotations

import asyncio
import inspect
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from toloka_frames._errors import UploadCancelled, UploadInterrupted
from toloka_frames._runtime.event_loop import on_our_loop, run
from toloka_frames._uploading import create as _create
from toloka_frames._uploading import create_apps as _create_apps
from toloka_frames._uploading import set as _set

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    import pandas as pd

    from toloka_frames._uploading.job import Work

P = ParamSpec("P")
F = TypeVar("F", bound="Callable[..., Any]")


def ordinary(prepare: Callable[P, Work]) -> Callable[P, pd.DataFrame]:
    """The verb for ordinary code."""

    @wraps(prepare)
    def verb(*args: P.args, **kwargs: P.kwargs) -> pd.DataFrame:
        upload = prepare(*args, **kwargs)
        try:
            return run(upload.go())
        except KeyboardInterrupt as stop:
            raise UploadInterrupted(upload.stopped(), results=upload.frame(), upload_id=upload.upload_id) from stop

    return _told(verb, prepare)


def awaited(prepare: Callable[P, Work]) -> Callable[P, Coroutine[Any, Any, pd.DataFrame]]:
    """The verb for async code."""

    @wraps(prepare)
    async def verb(*args: P.args, **kwargs: P.kwargs) -> pd.DataFrame:
        upload = prepare(*args, **kwargs)
        try:
            return await on_our_loop(upload.go())
        except asyncio.CancelledError as stop:
            raise UploadCancelled(upload.stopped(), results=upload.frame(), upload_id=upload.upload_id) from stop

    verb.__module__ = "toloka_frames.aio"
    return _told(verb, prepare)


def _told(verb: F, prepare: Callable[..., Work]) -> F:
    """The same; the signature that editors and notebooks show says that a frame comes back."""
    verb.__signature__ = inspect.signature(prepare).replace(return_annotation="pd.DataFrame")  # type: ignore[attr-defined]
    return verb


create_tasks = ordinary(_create.create_tasks)
create_task_suites = ordinary(_create.create_task_suites)
create_user_bonuses = ordinary(_create.create_user_bonuses)
create_app_items = ordinary(_create_apps.create_app_items)
create_app_batch = ordinary(_create_apps.create_app_batch)
set_user_skills = ordinary(_set.set_user_skills)
set_user_restrictions = ordinary(_set.set_user_restrictions)
accept_assignments = ordinary(_set.accept_assignments)
reject_assignments = ordinary(_set.reject_assignments)
resume = ordinary(_create.resume)
reconcile = ordinary(_create.reconcile)
