"""A plain HTTP client of the local service, and valid forms of a project, a pool and a task."""

from __future__ import annotations

import time
from datetime import UTC, datetime
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
TRAINING = {"private_name": "Training", "inherited_instructions": True, "training_tasks_in_task_suite_count": 1}


def authorization(toloka: LocalToloka) -> dict[str, str]:
    return {"Authorization": f"ApiKey {toloka.token}"}


class RawClient:
    """A plain HTTP client, with a method for each action that many tests need."""

    def __init__(self, toloka: LocalToloka) -> None:
        self.http = httpx.Client(base_url=f"{toloka.url}/api", headers=authorization(toloka), timeout=120)

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON of a 200 response."""
        response = self.http.get(path, params=query)
        assert response.status_code == 200, response.text
        return response.json()

    def post(self, path: str, body: Any = None, **query: Any) -> httpx.Response:
        if body is None:
            return self.http.post(path, params=query)
        return self.http.post(path, json=body, params=query)

    def create_project(self, **changes: Any) -> dict[str, Any]:
        response = self.post("/v1/projects", {**PROJECT, **changes})
        assert response.status_code == 201, response.text
        return response.json()

    def create_pool(self, project: dict[str, Any] | None = None, **changes: Any) -> str:
        """Return the id of a new pool, by default in a new project."""
        project_id = (project or self.create_project())["id"]
        response = self.post("/v1/pools", {**POOL, "project_id": project_id, **changes})
        assert response.status_code == 201, response.text
        return response.json()["id"]

    def wait_operation(self, operation_id: str) -> dict[str, Any]:
        """Wait until an operation has ended and return it."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            operation = self.get(f"/v1/operations/{operation_id}")
            if operation["status"] in {"SUCCESS", "FAIL"}:
                return operation
            time.sleep(0.01)
        pytest.fail(f"operation {operation_id} has not ended")

    def run_operation(self, path: str) -> dict[str, Any]:
        """Request an action, wait until its operation has ended and return it."""
        response = self.post(path)
        assert response.status_code == 202, response.text
        return self.wait_operation(response.json()["id"])

    def create_tasks(self, pool_id: str, count: int, **changes: Any) -> list[dict[str, Any]]:
        """Create tasks in a pool and return them."""
        sent = [{"pool_id": pool_id, **task(number), **changes} for number in range(count)]
        response = self.post("/v1/tasks", sent, allow_defaults="true")
        assert response.status_code == 201, response.text
        return list(response.json()["items"].values())

    def open_pool(self, count: int, project: dict[str, Any] | None = None, **changes: Any) -> str:
        """Return the id of a new open pool with this number of tasks."""
        pool_id = self.create_pool(project, **changes)
        self.create_tasks(pool_id, count)
        self.run_operation(f"/v1/pools/{pool_id}/open")
        return pool_id


def task(number: int) -> dict[str, Any]:
    return {"input_values": {"image": f"https://example.com/{number}.png"}}


def get_assignments(api: RawClient, pool_id: str) -> list[dict[str, Any]]:
    """Return all assignments of a pool."""
    return api.get("/v1/assignments", pool_id=pool_id, limit=100_000)["items"]


def time_of(text: str) -> datetime:
    """Return the time of a timestamp of the API."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
