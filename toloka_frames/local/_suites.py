"""Tasks handed out together, and what a Toloker made of them -> rows of a suite and of an assignment.

Shapes: Toloka API, Get a list of task suites, Get a list of assignments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ._store import Row

_SHOWN = (
    "id",
    "input_values",
    "known_solutions",
    "message_on_unknown_solution",
    "origin_task_id",
    "localization_config",
)


def shown_task(task: Mapping[str, Any]) -> Row:
    """What a suite repeats of a task."""
    return {name: task[name] for name in _SHOWN if name in task}


def suite_row(suite_id: str, pool_id: str, tasks: Sequence[Any], created: str, overlap: int) -> Row:
    """A suite that smart mixing made and that has its `overlap` answers; `tasks` as from `shown_task`."""
    return {
        "id": suite_id,
        "pool_id": pool_id,
        "tasks": tasks,
        "overlap": overlap,
        "infinite_overlap": False,
        "remaining_overlap": 0,
        "reserved_for": [],
        "unavailable_for": [],
        "issuing_order_override": 0.0,
        "mixed": True,
        "automerged": False,
        "created": created,
    }


def assignment_row(
    assignment_id: str,
    suite_id: str,
    pool: Mapping[str, Any],
    *,
    user_id: str,
    status: str,
    tasks: Sequence[Any],
    solutions: Sequence[Mapping[str, Any]] | None,
    instants: Mapping[str, str],
    reward: float,
) -> Row:
    """An assignment; `solutions` are output values in the order of `tasks`, `instants` those that it has."""
    row = {
        "id": assignment_id,
        "task_suite_id": suite_id,
        "pool_id": pool["id"],
        "user_id": user_id,
        "status": status,
        "reward": reward,
        "tasks": tasks,
        "mixed": True,
        "automerged": False,
        "owner": pool["owner"],
        **instants,
    }
    if solutions is not None:
        row["solutions"] = [{"output_values": values} for values in solutions]
    return row
