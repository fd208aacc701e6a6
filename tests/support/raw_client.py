"""The service as a plain HTTP client sees it, and what it is asked for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from toloka_frames.local import LocalToloka

PROJECT = {
    "public_name": "Cat or dog",
    "public_description": "Look at the picture",
    "assignments_issuing_type": "AUTOMATED",
    "task_spec": {
        "input_spec": {
            "image": {"type": "url", "required": True},
            "note": {"type": "string", "required": False, "max_length": 10},
        },
        "output_spec": {"result": {"type": "string", "allowed_values": ["cat", "dog"]}},
        "view_spec": {"type": "classic"},
    },
}
POOL = {
    "private_name": "Pool",
    "may_contain_adult_content": False,
    "will_expire": "2050-01-01T00:00:00",
    "reward_per_assignment": 0.05,
    "assignment_max_duration_seconds": 600,
    "defaults": {"default_overlap_for_new_task_suites": 1, "default_overlap_for_new_tasks": 3},
    "mixer_config": {"real_tasks_count": 4, "golden_tasks_count": 1, "training_tasks_count": 0},
}


class Wire:
    """The service as seen from outside: one method per thing that many tests do."""

    def __init__(self, toloka: LocalToloka) -> None:
        headers = {"Authorization": f"ApiKey {toloka.token}"}
        self.http = httpx.Client(base_url=f"{toloka.url}/api", headers=headers, timeout=30)

    def get(self, path: str, **query: Any) -> Any:
        """What the service shows, or the failed assertion that it does not."""
        reply = self.http.get(path, params=query)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def post(self, path: str, body: Any = None, **query: Any) -> httpx.Response:
        if body is None:
            return self.http.post(path, params=query)
        return self.http.post(path, json=body, params=query)

    def project(self, **changes: Any) -> dict[str, Any]:
        reply = self.post("/v1/projects", {**PROJECT, **changes})
        assert reply.status_code == 201, reply.text
        return reply.json()

    def pool(self, project: dict[str, Any] | None = None, **changes: Any) -> str:
        """The id of a new pool, of a new project if none is given."""
        project_id = (project or self.project())["id"]
        reply = self.post("/v1/pools", {**POOL, "project_id": project_id, **changes})
        assert reply.status_code == 201, reply.text
        return reply.json()["id"]

    def finished(self, operation_id: str) -> dict[str, Any]:
        """The operation at its end."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            operation = self.get(f"/v1/operations/{operation_id}")
            if operation["status"] in {"SUCCESS", "FAIL"}:
                return operation
            time.sleep(0.01)
        pytest.fail(f"operation {operation_id} does not end")

    def done(self, path: str) -> dict[str, Any]:
        """The operation that an action began, at its end."""
        reply = self.post(path)
        assert reply.status_code == 202, reply.text
        return self.finished(reply.json()["id"])

    def tasks(self, pool_id: str, count: int, **changes: Any) -> list[dict[str, Any]]:
        """New tasks of a pool, made at once."""
        sent = [{"pool_id": pool_id, **task(number), **changes} for number in range(count)]
        reply = self.post("/v1/tasks", sent, allow_defaults="true")
        assert reply.status_code == 201, reply.text
        return list(reply.json()["items"].values())


def task(number: int) -> dict[str, Any]:
    return {"input_values": {"image": f"https://example.com/{number}.png"}}
