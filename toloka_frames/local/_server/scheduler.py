"""What is due by the clock -> done, in the order it fell due, each as of its own moment."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from toloka_frames.local._api.aggregation import aggregate
from toloka_frames.local._api.analytics import find_figures
from toloka_frames.local._api.app_batches import halt_batch, label_batch, process_batch
from toloka_frames.local._api.app_items import label_items, take_items
from toloka_frames.local._api.apps import ready_app_project
from toloka_frames.local._api.bulk_create import create_due
from toloka_frames.local._api.operations import fail_operation, run_operation
from toloka_frames.local._api.pool_lifecycle import change_pool, reopen_pool
from toloka_frames.local._api.projects import archive_due_project
from toloka_frames.local._api.task_suites import SUITES
from toloka_frames.local._api.tasks import TASKS
from toloka_frames.local._api.user_bonuses import BONUSES

if TYPE_CHECKING:
    from collections.abc import Callable

    from toloka_frames.local._store.store import Due, Store

_logger = logging.getLogger("toloka_frames.local")
_JOBS: dict[str, Callable[[Store, Due], None]] = {
    "run_operation": run_operation,
    "fail_operation": fail_operation,
    "change_pool": change_pool,
    "reopen_pool": reopen_pool,
    "archive_project": archive_due_project,
    "aggregate": aggregate,
    "find_figures": find_figures,
    **{f"create_{kind.table}": partial(create_due, kind=kind) for kind in (TASKS, SUITES, BONUSES)},
    "ready_app_project": ready_app_project,
    "take_items": take_items,
    "label_items": label_items,
    "process_batch": process_batch,
    "label_batch": label_batch,
    "halt_batch": halt_batch,
}


def settle(store: Store) -> None:
    """Do all that is due, so that a service nobody asked for a while looks as if it had worked all along."""
    with store.lock:
        while True:
            try:
                with store.transaction():
                    # taken off and done in one transaction: a kill between them would lose it
                    due = store.due()
                    if due is None:
                        return
                    _JOBS[due.job](store, due)
            except Exception:
                _logger.exception("Work that was due failed and is given up")
                with store.transaction():  # the failure put it back on the agenda, where it would fail for ever
                    store.due()
