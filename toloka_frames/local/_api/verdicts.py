"""Accept or reject an assignment, as the requester does (Toloka API, "Update task suite response")."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from toloka_frames.local._api.assignments import judge
from toloka_frames.local._api.pool_lifecycle import find_pool
from toloka_frames.local._api.quality_control import QualityControl
from toloka_frames.local._base.errors import ServiceError, field_error, invalid
from toloka_frames.local._base.responses import Response, json_response

if TYPE_CHECKING:
    from toloka_frames.local._api.request import ApiRequest
    from toloka_frames.local._store.store import Store

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
    at = time.time()
    judged = judge(store, row if comment is None else {**row, "public_comment": comment}, status, at)
    pool = find_pool(store, row["pool_id"])
    if pool:
        QualityControl(store, pool).record(status, judged, at)
    return json_response(judged)
