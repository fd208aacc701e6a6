"""What is due by the clock -> done, in the order it fell due, each as of its own moment."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ._apps import ready_app_project
from ._batches import halt_batch, label_batch, process_batch
from ._items import label_items, take_items
from ._operations import fail_operation, run_operation
from ._pools import change_pool
from ._tasks import create_due_tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._store import Due, Store

_logger = logging.getLogger("toloka_frames.local")
_JOBS: dict[str, Callable[[Store, Due], None]] = {
    "run_operation": run_operation,
    "fail_operation": fail_operation,
    "change_pool": change_pool,
    "create_tasks": create_due_tasks,
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
                    due = store.due()
                    if due is None:
                        return
                    _JOBS[due.job](store, due)
            except Exception:
                _logger.exception("Work that was due failed and is given up")
                with store.transaction():  # the failure put it back on the agenda, where it would fail for ever
                    store.due()
