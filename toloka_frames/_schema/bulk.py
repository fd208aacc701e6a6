"""What the API's documents say of each bulk creation stands here as data.

Sources: Toloka API, "Create single/multiple tasks", "Create single/multiple task suites", "Issue bonuses"; Toloka-Kit 1.2.3 for
the numbers of objects in an asynchronous request; Apps API, "Add items in bulk", "Create batch with items".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True)
class BulkCreation:
    """A bulk creation.

    Attributes:
        name: What is made, as "task suites".
        path: Its path behind `/api`, with braces for an app project; tells kinds apart in a ledger.
        object_id: Where an operation's log has the id of an object that was made; the results' column of it, too.
        quota: What of the account's quota an object uses up, if it does.
        most: The most objects that one request carries.
        carrier: The results' column of what carries an object: an operation, or a batch of app items.
        skip: The flag with which valid objects are made though others are not valid.
        open: The flag that opens the pools, or starts the batch, when all is there.
    """

    name: str
    path: str
    object_id: str
    quota: Literal["tasks", "task suites"] | None
    most: int
    carrier: Literal["operation_id", "batch_id"] = "operation_id"
    skip: str = "skip_invalid_items"
    open: str = "open_pool"

    @property
    def keyed(self) -> bool:
        """Whether a request has an id of ours, an operation's, so that it may be repeated and looked for."""
        return self.carrier == "operation_id"


CREATE_TASKS = BulkCreation("tasks", "/v1/tasks", "task_id", "tasks", 10_000)
CREATE_TASK_SUITES = BulkCreation("task suites", "/v1/task-suites", "task_suite_id", "task suites", 10_000)
# a hundred is the limit of a synchronous request; none is told for others
CREATE_USER_BONUSES = BulkCreation("user bonuses", "/v1/user-bonuses", "user_bonus_id", None, 100)
CREATE_APP_ITEMS = BulkCreation(
    "app items", "/app/v0/app-projects/{}/items/bulk", "item_id", None, 10_000, "batch_id", skip="ignore_errors", open="start"
)
# what its first request makes is the batch; what is left goes into it as app items
CREATE_APP_BATCH = replace(CREATE_APP_ITEMS, name="app batch items", path="/app/v0/app-projects/{}/batches")

BULK_CREATIONS = {
    kind.path: kind for kind in (CREATE_TASKS, CREATE_TASK_SUITES, CREATE_USER_BONUSES, CREATE_APP_ITEMS, CREATE_APP_BATCH)
}
