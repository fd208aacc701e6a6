"""Store and send files that belong to assignments (Toloka API, Attachments)."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from toloka_frames.local._base.ids_and_timestamps import format_timestamp
from toloka_frames.local._base.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toloka_frames.local._api.request import ApiRequest
    from toloka_frames.local._store.store import Store


def attach(store: Store, assignment_id: str, name: str, data: bytes, media_type: str) -> str:
    """Store a file of an assignment and return its id.

    Raises:
        ValueError: If the assignment does not exist.
    """
    with store.transaction():
        assignment = store.find("assignments", assignment_id)
        if assignment is None:
            raise ValueError(f"There is no assignment {assignment_id}")
        return add_attachment(store, assignment, name, data, media_type, time.time())


def add_attachment(store: Store, assignment: Mapping[str, Any], name: str, data: bytes, media_type: str, at: float) -> str:
    """Add a file of an assignment, attached at `at` (Unix seconds), and return its id."""
    row = {
        "id": str(uuid.uuid4()),
        "attachment_type": "ASSIGNMENT_ATTACHMENT",
        "name": name,
        "details": {key: assignment[key] for key in ("user_id", "pool_id")} | {"assignment_id": assignment["id"]},
        "media_type": media_type,
        "created": format_timestamp(at),
        "owner": store.owner,
    }
    store.add("attachments", row)
    store.execute_many("INSERT INTO files VALUES (?, ?)", ((row["id"], data),))
    return str(row["id"])


def download_attachment(store: Store, request: ApiRequest) -> Response:
    """Respond with the content of a file."""
    row = store.get("attachments", request.path_params["id"])
    [(data,)] = store.select("SELECT data FROM files WHERE attachment_id = ?", (row["id"],))
    # RFC 6266: a plain filename= is limited to ASCII
    disposition = f"attachment; filename*=UTF-8''{quote(row['name'], safe='')}"
    return Response(200, data, {"Content-Type": row["media_type"], "Content-Disposition": disposition})
