"""Pools that are complete: when their tasks are done, and when they close."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toloka_frames.local._api.pool_lifecycle import set_closed
from toloka_frames.local._base.ids_and_timestamps import parse_timestamp

if TYPE_CHECKING:
    from toloka_frames.local._store.store import DueJob, Store

_UNFINISHED = (
    "SELECT 1 FROM tasks WHERE pool_id = :pool AND body -> '$.known_solutions' IS NULL AND body ->> '$.remaining_overlap' > 0"
    " UNION ALL SELECT 1 FROM task_suites WHERE pool_id = :pool AND body ->> '$.remaining_overlap' > 0 LIMIT 1"
)
_TIMES = ("created", "submitted", "skipped", "expired")


def last_work(store: Store, pool_id: str) -> float | None:
    """Return the last time at which a Toloker has done something in a pool, in Unix seconds; None if there is none."""
    latest = ", ".join(f"max(coalesce({name}, ''))" for name in _TIMES)
    [(last,)] = store.select(f"SELECT max({latest}) FROM assignments WHERE pool_id = ?", (int(pool_id),))  # noqa: S608  # no names from requests
    return parse_timestamp(last) if last else None


def has_active_assignments(store: Store, pool_id: str) -> bool:
    """Return whether a Toloker is working on a page of the pool."""
    return bool(store.select("SELECT 1 FROM assignments WHERE pool_id = ? AND status = 'ACTIVE' LIMIT 1", (int(pool_id),)))


def close_completed(store: Store, job: DueJob) -> None:
    """Close a pool that has been complete for its `auto_close_after_complete_delay_seconds`."""
    pool = store.get("pools", job.argument["pool_id"])
    unfinished = store.select(_UNFINISHED, {"pool": int(pool["id"])}) or has_active_assignments(store, pool["id"])
    if pool["status"] != "OPEN" or unfinished:
        return
    due = (last_work(store, pool["id"]) or 0) + pool["auto_close_after_complete_delay_seconds"]
    if due > job.at:  # tasks were added and done meanwhile
        store.schedule(due, "close_completed", pool_id=pool["id"])
    else:
        set_closed(store, pool, job.at, "COMPLETED")
