"""Why no worker of a crowd got a page, although tasks wait for answers, and what to do."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from toloka_frames.local._api.pool_lifecycle import find_pool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toloka_frames.local._simulation.issuing import WorkItem
    from toloka_frames.local._simulation.work import Work
    from toloka_frames.local._store.store import Store

_REFUSED = "are kept out by bans, the filter or the training requirement"
_DONE = "have done all of these"
_RESERVED = "may not have what they have not done (reserved_for, unavailable_for)"
_TOO_FEW = "would get a page of fewer tasks than mixer_config allows"
_HINTS = {
    _REFUSED: "answer(training) lets workers with the same seed pass a training.",
    _DONE: "Send more workers, or others by another seed=: answer(pool, workers={more}).",
    _RESERVED: "The workers of a crowd have the ids that they have in all pools, as in ASSIGNMENT:worker_id.",
    _TOO_FEW: "Add tasks, or leave out force_last_assignment=False.",
}


def why_idle(store: Store, pool_id: str, work: Work) -> str:
    """Return why no worker got a page, as a sentence, and what to do; "" if one did, nothing waits, or there are no workers.

    A training waits for nobody: workers who have passed it have done what they can.
    """
    waiting = work.issuing.waiting()
    if work.created or work.is_training or not work.workers or not waiting:
        return ""
    begin = f"No worker may work on pool {pool_id}, where {len(waiting):,} {_unit(waiting)} for answers"
    if (find_pool(store, pool_id) or {}).get("last_close_reason") == "NOT_ENOUGH_BALANCE" and not work.is_open:
        return f"{begin}: the balance does not pay a page, and the pool was closed with NOT_ENOUGH_BALANCE."
    counts = Counter(_obstacle(work, waiting, worker.id) for worker in work.workers)
    reasons = ", ".join(f"{count:,} {obstacle}" for obstacle, count in counts.most_common())
    hints = dict.fromkeys(_HINTS[obstacle].format(more=2 * len(work.workers)) for obstacle, _ in counts.most_common())
    return f"{begin}: of {len(work.workers):,} workers, {reasons}. {' '.join(hints)}"


def _unit(waiting: Sequence[WorkItem]) -> str:
    """Return what waits, with its verb."""
    name = "task suite" if "tasks" in waiting[0].row else "task"
    return f"{name} waits" if len(waiting) == 1 else f"{name}s wait"


def _obstacle(work: Work, waiting: Sequence[WorkItem], user_id: str) -> str:
    """Return what keeps a worker from what waits."""
    if user_id in work.refused:
        return _REFUSED
    done = work.issuing.done_by(user_id)
    left = [item for item in waiting if item.id not in done]
    if not left:
        return _DONE
    return _TOO_FEW if any(item.is_open_to(user_id) for item in left) else _RESERVED
