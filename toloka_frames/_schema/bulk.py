"""The API's bulk creations as data.

Sources: Toloka API, "Create single/multiple tasks", "Create single/multiple task suites", "Issue bonuses"; Toloka-Kit 1.2.3 for
the number of objects in an asynchronous request; Apps API, "Add items in bulk", "Create batch with items".
"""

from __future__ import annotations

from typing import Literal, NamedTuple


class BulkCreation(NamedTuple):
    """A bulk creation of the API.

    Attributes:
        name: The objects that it creates, as in "task suites".
        path: Path after `/api`, with braces for an app project. The ledger stores it to identify the bulk creation.
        object_id: The key of a created object's id in an operation's log; also its column in the results.
        quota: The account's quota that the objects count towards, if any.
        max_objects: Maximum number of objects per request.
        request_id_column: The results' column of what a request became: an operation, or a batch of app items.
        skip_flag: The flag that creates the valid objects if others are not valid.
        open_flag: The flag that opens the pools, or starts the batch, after all objects are created.
        idempotent: Whether a request has an operation id chosen by the client, so that it can be repeated and looked up.
    """

    name: str
    path: str
    object_id: str
    quota: Literal["tasks", "task suites"] | None
    max_objects: int
    request_id_column: Literal["operation_id", "batch_id"] = "operation_id"
    skip_flag: str = "skip_invalid_items"
    open_flag: str = "open_pool"
    idempotent: bool = True


CREATE_TASKS = BulkCreation("tasks", "/v1/tasks", "task_id", "tasks", 10_000)
CREATE_TASK_SUITES = BulkCreation("task suites", "/v1/task-suites", "task_suite_id", "task suites", 10_000)
# 100 is the documented limit of a synchronous request; none is documented for asynchronous ones
CREATE_USER_BONUSES = BulkCreation("user bonuses", "/v1/user-bonuses", "user_bonus_id", None, 100)
CREATE_APP_ITEMS = BulkCreation(
    "app items",
    "/app/v0/app-projects/{}/items/bulk",
    "item_id",
    None,
    10_000,
    "batch_id",
    skip_flag="ignore_errors",
    open_flag="start",
    idempotent=False,
)
# only the first request creates the batch; the others add app items to it
CREATE_APP_BATCH = CREATE_APP_ITEMS._replace(name="app batch items", path="/app/v0/app-projects/{}/batches")

BULK_CREATIONS = {
    creation.path: creation
    for creation in (CREATE_TASKS, CREATE_TASK_SUITES, CREATE_USER_BONUSES, CREATE_APP_ITEMS, CREATE_APP_BATCH)
}
