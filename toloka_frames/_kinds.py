"""What the API's documents say of each bulk creation stands here as data.

Sources: Toloka API, "Create a task or multiple tasks", "Create task suites", "Issue a bonus"; Toloka-Kit 1.2.3 for the numbers
of objects in an asynchronous request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Kind:
    """A bulk creation whose requests have an operation id.

    Attributes:
        name: What is made, as "task suites".
        path: Its path behind `/api`.
        object_id: Where an operation's log has the id of an object that was made; the results' column of it, too.
        quota: What of the account's quota an object uses up, if it does.
        most: The most objects that one request carries.
    """

    name: str
    path: str
    object_id: str
    quota: Literal["tasks", "task suites"] | None
    most: int


TASKS = Kind("tasks", "/v1/tasks", "task_id", "tasks", 10_000)
TASK_SUITES = Kind("task suites", "/v1/task-suites", "task_suite_id", "task suites", 10_000)
# a hundred is the limit of a synchronous request; none is told for others
USER_BONUSES = Kind("user bonuses", "/v1/user-bonuses", "user_bonus_id", None, 100)

KINDS = {kind.path: kind for kind in (TASKS, TASK_SUITES, USER_BONUSES)}
