"""A server that takes tasks, and whose responses a test can choose."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pandas as pd
from support.scripted_server import Scripted, reply

if TYPE_CHECKING:
    from collections.abc import Callable

POOL = reply({"id": "1", "project_id": "2", "status": "OPEN", "mixer_config": {"real_tasks_count": 1}})
PROJECT = reply({"id": "2", "task_spec": {"input_spec": {"image": {"type": "url"}}, "output_spec": {}}})
REQUESTER = reply({"id": "me"})
# a request holds ten of these rows, so that thirty of them are three requests
LONG_ROWS = pd.DataFrame({"image": [f"https://example.com/{row:03}/{'x' * 100_000}" for row in range(30)]})


class TaskServer(Scripted):
    """A server that takes tasks for the pool 1.

    Attributes:
        respond: Gets the number of a POST and its tasks, and returns the response; None accepts the tasks. Bytes that begin
            with LOST accept the tasks, and what follows is the response.
        received: The tasks of each operation.
        failed: Operations that end with FAIL.
        repeated: The response to a second POST of an operation, instead of 409.
        posts: The number of POSTs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.answers = [self._route]
        self.respond: Callable[[int, list[Any]], bytes | None] = lambda *_: None
        self.received: dict[str, list[Any]] = {}
        self.failed: set[str] = set()
        self.repeated: bytes | None = None
        self.posts = 0

    @property
    def created(self) -> list[str]:
        """The images of all created tasks, sorted."""
        groups = [tasks for operation_id, tasks in self.received.items() if operation_id not in self.failed]
        return sorted(task["input_values"]["image"] for tasks in groups for task in tasks)

    def _route(self, head: str) -> bytes:
        url = urlsplit(head.split(" ")[1])
        name = url.path.removeprefix("/api/v1/")
        if head.startswith("POST") and name == "tasks":
            return self._post(parse_qs(url.query)["operation_id"][0])
        if name.endswith("/log"):
            return reply(self._log(name.split("/")[1]))
        if name.startswith("operations/"):
            return self._operation(name.split("/")[1])
        return {"pools": POOL, "requester": REQUESTER}.get(name.split("/")[0], PROJECT)

    def _post(self, operation_id: str) -> bytes:
        tasks = json.loads(self.bodies[-1])
        self.posts += 1
        if operation_id in self.received:
            return self.repeated or reply({"code": "OPERATION_ALREADY_EXISTS", "message": "again"}, 409)
        response = self.respond(self.posts, tasks)
        if response is None or response.startswith(b"LOST"):
            self.received[operation_id] = tasks
        return reply({"id": operation_id, "status": "RUNNING"}, 202) if response is None else response.removeprefix(b"LOST")

    def _operation(self, operation_id: str) -> bytes:
        if operation_id not in self.received:
            return reply({"code": "DOES_NOT_EXIST", "message": "none"}, 404)
        status = "FAIL" if operation_id in self.failed else "SUCCESS"
        return reply({"id": operation_id, "status": status, "type": "TASK.BATCH_CREATE"})

    def _log(self, operation_id: str) -> list[Any]:
        tasks = [] if operation_id in self.failed else self.received[operation_id]
        return [
            {"type": "TASK_CREATE", "success": True, "input": task, "output": {"task_id": f"t{task['__item_idx']}"}}
            for task in tasks
        ]
