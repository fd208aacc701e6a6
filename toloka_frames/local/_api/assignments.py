"""Make the rows of assignments, and accept or reject them (Toloka API, Assignments)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from toloka_frames.local._api.balance import spend
from toloka_frames.local._base.errors import ServiceError, field_error, invalid
from toloka_frames.local._base.ids_and_timestamps import format_timestamp
from toloka_frames.local._base.responses import Response, json_response

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toloka_frames.local._api.request import ApiRequest
    from toloka_frames.local._store.store import Row, Store

# new status -> allowed current statuses; an accepted assignment is paid, so it stays accepted (Toloka API, "Update task
# suite response")
_ALLOWED_FROM = {"ACCEPTED": ("SUBMITTED", "REJECTED"), "REJECTED": ("SUBMITTED",)}
_MAX_COMMENT_LENGTH = 2048


def judge_assignment(store: Store, request: ApiRequest) -> Response:
    """Respond with 200 and the assignment with its new status.

    400 for an unknown status or a comment that is too long, 409 if the current status does not allow the change.
    """
    row = store.get("assignments", request.path_params["id"])
    verdict = request.json_object("status")
    status, comment = verdict["status"], verdict.get("public_comment")
    if status not in _ALLOWED_FROM:
        raise invalid({"status": field_error("UNKNOWN_ENUM_VALUE")})
    if comment is not None and len(str(comment)) > _MAX_COMMENT_LENGTH:
        raise invalid({"public_comment": field_error("STRING_LENGTH_GREATER_THAN_MAX", _MAX_COMMENT_LENGTH)})
    if row["status"] not in _ALLOWED_FROM[status]:
        allowed = {"appropriate_statuses": list(_ALLOWED_FROM[status])}
        raise ServiceError(409, "INAPPROPRIATE_STATUS", f"Assignment {row['id']} is {row['status']}", allowed)
    return json_response(judge(store, row if comment is None else {**row, "public_comment": comment}, status, time.time()))


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
