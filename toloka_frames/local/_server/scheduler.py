"""Run the scheduled jobs that are due, in the order of their times; each acts as of its own time.

A job that raises is dropped, and its operation, if it has one, fails: a client waits until each operation has ended.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING

from toloka_frames.local._api.aggregation import aggregate
from toloka_frames.local._api.analytics import find_figures
from toloka_frames.local._api.app_batches import halt_batch, label_batch, process_batch
from toloka_frames.local._api.app_items import label_items, take_items
from toloka_frames.local._api.apps import ready_app_project
from toloka_frames.local._api.bulk_create import create_due
from toloka_frames.local._api.operations import fail_operation, fail_unfinished, run_operation
from toloka_frames.local._api.pool_lifecycle import change_pool, reopen_pool
from toloka_frames.local._api.projects import archive_due_project
from toloka_frames.local._api.task_suites import SUITE_CREATION
from toloka_frames.local._api.tasks import TASK_CREATION
from toloka_frames.local._api.user_bonuses import BONUS_CREATION
from toloka_frames.local._simulation.auto_accept import auto_accept
from toloka_frames.local._simulation.completion import close_completed
from toloka_frames.local._simulation.live_work import live_work, pool_opened

if TYPE_CHECKING:
    from collections.abc import Callable

    from toloka_frames.local._store.store import DueJob, Store

_logger = logging.getLogger("toloka_frames.local")
# these names are stored in state files, so they stay as they are
_JOBS: dict[str, Callable[[Store, DueJob], None]] = {
    "run_operation": run_operation,
    "fail_operation": fail_operation,
    "change_pool": change_pool,
    "reopen_pool": reopen_pool,
    "archive_project": archive_due_project,
    "aggregate": aggregate,
    "find_figures": find_figures,
    "create_tasks": partial(create_due, creation=TASK_CREATION),
    "create_task_suites": partial(create_due, creation=SUITE_CREATION),
    "create_user_bonuses": partial(create_due, creation=BONUS_CREATION),
    "ready_app_project": ready_app_project,
    "take_items": take_items,
    "label_items": label_items,
    "process_batch": process_batch,
    "label_batch": label_batch,
    "halt_batch": halt_batch,
    "live_work": live_work,
    "pool_opened": pool_opened,
    "close_completed": close_completed,
    "auto_accept": auto_accept,
}


def run_due_jobs(store: Store) -> None:
    """Run all jobs that are due, so that a service without recent requests appears to have worked all the time.

    Those that become due meanwhile are left to the next request: on a slow machine, live work of a large pool is due again at
    once, and the request would wait until all of it is done.
    """
    with store.lock:
        until = time.time()
        while True:
            try:
                with store.transaction():
                    # removed and run in one transaction, because a kill between the two would lose the job
                    job = store.pop_due_job(until)
                    if job is None:
                        return
                    _JOBS[job.name](store, job)
            except Exception:
                _logger.exception("A scheduled job failed and is dropped")
                # the rollback has scheduled the job again, and it would fail forever
                _drop_due_job(store, until)


def _drop_due_job(store: Store, until: float) -> None:
    with store.transaction():
        job = store.pop_due_job(until)
        if job and "operation_id" in job.argument:
            fail_unfinished(store, job)
