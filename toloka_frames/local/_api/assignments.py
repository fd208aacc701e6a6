"""What a Toloker made of a suite -> its row; a verdict -> the row accepted or rejected (Toloka API, Assignments)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from toloka_frames.local._base.errors import ServiceError, field_error, invalid
from toloka_frames.local._base.ids_and_timestamps import format_timestamp, parse_timestamp
from toloka_frames.local._base.responses import Response, json_response

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toloka_frames.local._api.request import ApiRequest
    from toloka_frames.local._store.store import Row, Store

# Toloka API, "Update task suite response": what is ACCEPTED is paid for and stays so
_FROM = {"ACCEPTED": ("SUBMITTED", "REJECTED"), "REJECTED": ("SUBMITTED",)}
_LONGEST_COMMENT = 2048


def judge_assignment(store: Store, request: ApiRequest) -> Response:
    """Answer 200 with the assignment in its new status.

    ServiceError 400 for another status or too long a comment, 409 when the assignment's status does not allow it.
    """
    row = store.get("assignments", request.path_params["id"])
    verdict = request.json_object("status")
    status, comment = verdict["status"], verdict.get("public_comment")
    if status not in _FROM:
        raise invalid({"status": field_error("UNKNOWN_ENUM_VALUE")})
    if comment is not None and len(str(comment)) > _LONGEST_COMMENT:
        raise invalid({"public_comment": field_error("STRING_LENGTH_GREATER_THAN_MAX", _LONGEST_COMMENT)})
    if row["status"] not in _FROM[status]:
        allowed = {"appropriate_statuses": list(_FROM[status])}
        raise ServiceError(409, "INAPPROPRIATE_STATUS", f"Assignment {row['id']} is {row['status']}", allowed)
    # simulated Tolokers run ahead of the clock, and a verdict comes after the work it judges
    at = max(time.time(), parse_timestamp(row.get("submitted") or row["created"]) + 0.001)
    row |= {"status": status, status.lower(): format_timestamp(at)}
    return json_response(store.save("assignments", row if comment is None else {**row, "public_comment": comment}))


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
    """An assignment; `solutions` are output values in the order of `tasks`, `timestamps` those that it has."""
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
