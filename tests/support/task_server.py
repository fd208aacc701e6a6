"""A service that takes tasks, and whose answers a test can tell."""

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
LONG = pd.DataFrame({"image": [f"https://example.com/{row:03}/{'x' * 100_000}" for row in range(30)]})


class Service(Scripted):
    """Takes tasks for the pool 1; what it says to each POST can be told.

    `refuse` gets the number of the POST and its tasks: None takes them, bytes are the answer instead; bytes that begin with
    LOST are what is left of the answer after the tasks were taken. `failed` are operations that end with FAIL,
    `late` is what is said to a second POST of an operation in place of 409.
    """

    def __init__(self) -> None:
        super().__init__()
        self.answers = [self._route]
        self.refuse: Callable[[int, list[Any]], bytes | None] = lambda *_: None
        self.taken: dict[str, list[Any]] = {}
        self.failed: set[str] = set()
        self.late: bytes | None = None
        self.posts = 0

    def _route(self, head: str) -> bytes:
        url = urlsplit(head.split(" ")[1])
        name = url.path.removeprefix("/api/v1/")
        if head.startswith("POST") and name == "tasks":
            return self._take(parse_qs(url.query)["operation_id"][0])
        if name.endswith("/log"):
            return reply(self._log(name.split("/")[1]))
        if name.startswith("operations/"):
            return self._operation(name.split("/")[1])
        return {"pools": POOL, "requester": REQUESTER}.get(name.split("/")[0], PROJECT)

    def _take(self, operation_id: str) -> bytes:
        tasks = json.loads(self.bodies[-1])
        self.posts += 1
        if operation_id in self.taken:
            return self.late or reply({"code": "OPERATION_ALREADY_EXISTS", "message": "again"}, 409)
        refusal = self.refuse(self.posts, tasks)
        if refusal is None or refusal.startswith(b"LOST"):
            self.taken[operation_id] = tasks
        return reply({"id": operation_id, "status": "RUNNING"}, 202) if refusal is None else refusal.removeprefix(b"LOST")

    def _operation(self, operation_id: str) -> bytes:
        if operation_id not in self.taken:
            return reply({"code": "DOES_NOT_EXIST", "message": "none"}, 404)
        status = "FAIL" if operation_id in self.failed else "SUCCESS"
        return reply({"id": operation_id, "status": status, "type": "TASK.BATCH_CREATE"})

    def _log(self, operation_id: str) -> list[Any]:
        tasks = [] if operation_id in self.failed else self.taken[operation_id]
        return [
            {"type": "TASK_CREATE", "success": True, "input": task, "output": {"task_id": f"t{task['__item_idx']}"}}
            for task in tasks
        ]

    @property
    def created(self) -> list[str]:
        taken = [tasks for operation_id, tasks in self.taken.items() if operation_id not in self.failed]
        return sorted(task["input_values"]["image"] for tasks in taken for task in tasks)
