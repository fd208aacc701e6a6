"""Make the rows of assignments, and accept or reject them, as the service does (Toloka API, Assignments)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toloka_frames.local._api.balance import spend
from toloka_frames.local._base.ids_and_timestamps import format_timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toloka_frames.local._store.store import Row, Store


def judge(store: Store, assignment: Row, status: str, at: float) -> Row:
    """Accept or reject an assignment at `at` (Unix seconds), pay an accepted one, and return the stored row."""
    if status == "ACCEPTED":
        spend(store, assignment["reward"])
    return store.save("assignments", {**assignment, "status": status, status.lower(): format_timestamp(at)})


def assignment_row(
    assignment_id: str,
    suite_id: str,
    pool: Mapping[str, Any],
    *,
    user_id: str,
    status: str,
    tasks: Sequence[Any],
    solutions: Sequence[Mapping[str, Any]] | None,
    timestamps: Mapping[str, str],
    reward: float,
    mixed: bool = True,
) -> Row:
    """Return the row of an assignment; `solutions` are output values in the order of `tasks`."""
    row = {
        "id": assignment_id,
        "task_suite_id": suite_id,
        "pool_id": pool["id"],
        "user_id": user_id,
        "status": status,
        "reward": reward,
        "tasks": tasks,
        "mixed": mixed,
        "automerged": False,
        "owner": pool["owner"],
        **timestamps,
    }
    if solutions is not None:
        row["solutions"] = [{"output_values": values} for values in solutions]
    return row
