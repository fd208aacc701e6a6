"""A requester's verdict -> the assignment accepted or rejected (Toloka API, Update an assignment)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ._calls import Answer, Call, answer
from ._errors import ServiceError, field_error, invalid
from ._ids import instant, moment

if TYPE_CHECKING:
    from ._store import Store

_FROM = {"ACCEPTED": ("SUBMITTED", "REJECTED"), "REJECTED": ("SUBMITTED",)}
_LONGEST_COMMENT = 2048


def judge_assignment(store: Store, call: Call) -> Answer:
    """Answer 200 with the assignment in its new status.

    ServiceError 400 for another status or too long a comment, 409 when the assignment's status does not allow it.
    """
    row = store.get("assignments", call.path["id"])
    verdict = call.object("status")
    status, comment = verdict["status"], verdict.get("public_comment")
    if status not in _FROM:
        raise invalid({"status": field_error("UNKNOWN_ENUM_VALUE")})
    if comment is not None and len(str(comment)) > _LONGEST_COMMENT:
        raise invalid({"public_comment": field_error("STRING_LENGTH_GREATER_THAN_MAX", _LONGEST_COMMENT)})
    if row["status"] not in _FROM[status]:
        allowed = {"appropriate_statuses": list(_FROM[status])}
        raise ServiceError(409, "INAPPROPRIATE_STATUS", f"Assignment {row['id']} is {row['status']}", allowed)
    # simulated Tolokers run ahead of the clock, and a verdict comes after the work it judges
    at = max(time.time(), moment(row["submitted"]) + 0.001)
    row |= {"status": status, status.lower(): instant(at)}
    return answer(store.save("assignments", row if comment is None else {**row, "public_comment": comment}))
