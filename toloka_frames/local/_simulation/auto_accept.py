"""Submitted assignments that the requester does not judge in time are accepted (Toloka API, Pool.auto_accept_period_day)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from toloka_frames.local._api.assignments import judge
from toloka_frames.local._api.quality_control import QualityControl
from toloka_frames.local._base.ids_and_timestamps import format_timestamp, parse_timestamp, sortable_timestamp

if TYPE_CHECKING:
    from toloka_frames.local._store.store import DueJob, Row, Store

_DAY_SECONDS = 86_400
_WAITING = "FROM assignments WHERE pool_id = ? AND status = 'SUBMITTED'"


def schedule_auto_accept(store: Store, pool: Row) -> None:
    """Schedule the acceptance of the assignment that has been waiting longest, if the pool has a period for it."""
    period = _period(pool)
    if not period or store.has_job("auto_accept", pool_id=pool["id"]):
        return
    [(first,)] = store.select(f"SELECT min(submitted) {_WAITING}", (int(pool["id"]),))
    if first:
        store.schedule(parse_timestamp(first) + period, "auto_accept", pool_id=pool["id"])


def auto_accept(store: Store, job: DueJob) -> None:
    """Accept the assignments whose period has ended, each at its end."""
    pool = store.get("pools", job.argument["pool_id"])
    period, quality = _period(pool), QualityControl(store, pool)
    last = sortable_timestamp(format_timestamp(job.at - period, 6))
    found = store.select(f"SELECT body {_WAITING} AND submitted <= ? ORDER BY submitted", (int(pool["id"]), last))
    for assignment in (orjson.loads(body) for (body,) in found if period):
        at = parse_timestamp(assignment["submitted"]) + period
        quality.record("ACCEPTED", judge(store, assignment, "ACCEPTED", at), at)
    schedule_auto_accept(store, pool)


def _period(pool: Row) -> float:
    """Return the period in seconds; 0 if there is none."""
    accepts_at_once = pool.get("auto_accept_solutions", True)
    return 0.0 if accepts_at_once else float(pool.get("auto_accept_period_day") or 0) * _DAY_SECONDS
