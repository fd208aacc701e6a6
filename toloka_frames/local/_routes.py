"""Method and path -> the function that answers, and what each list understands."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from starlette.routing import Route

from . import _apps, _assignments, _batches, _items, _operations, _pools, _projects, _tasks
from ._lists import Listing, list_rows, show_row
from ._quota import TASKS_PER_MINUTE, Quota

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._calls import Answer, Call
    from ._store import Store

_CREATED = ("id", "created")
_TASK_LIMIT = 100_000

_PROJECTS = Listing(
    "projects",
    {"status": "any_of", "owner": "equal"},
    compared=_CREATED,
    sort_keys=(*_CREATED, "public_name", "private_comment"),
    maximum=300,
)
_POOLS = Listing(
    "pools",
    {"status": "any_of", "project_id": "equal"},
    compared=(*_CREATED, "last_started"),
    sort_keys=(*_CREATED, "last_started"),
    maximum=300,
    default=20,
)
_TASKS = Listing(
    "tasks",
    {"pool_id": "equal", "overlap": "equal"},
    compared=(*_CREATED, "overlap"),
    sort_keys=_CREATED,
    maximum=_TASK_LIMIT,
    required=("pool_id",),
)
_TASK_SUITES = Listing(
    "task_suites",
    {"pool_id": "equal", "task_id": "holds_task", "overlap": "equal"},
    compared=(*_CREATED, "overlap"),
    sort_keys=_CREATED,
    maximum=_TASK_LIMIT,
    required=("pool_id", "task_id"),
)
_ASSIGNMENT_INSTANTS = (*_CREATED, "submitted", "accepted", "rejected", "skipped", "expired")
_ASSIGNMENTS = Listing(
    "assignments",
    {
        "pool_id": "equal",
        "task_id": "holds_task",
        "task_suite_id": "equal",
        "status": "any_of",
        "user_id": "equal",
    },
    compared=_ASSIGNMENT_INSTANTS,
    sort_keys=_ASSIGNMENT_INSTANTS,
    maximum=_TASK_LIMIT,
    required=("pool_id", "task_id", "task_suite_id"),
)
_OPERATIONS = Listing(
    "operations",
    {"type": "equal", "status": "any_of"},
    compared=("id", "submitted", "finished"),
    sort_keys=("id", "submitted", "finished"),
    maximum=500,
)


_APP_PROJECTS = Listing(
    "app_projects",
    {"app_id": "equal", "parent_app_project_id": "equal", "status": "any_of"},
    compared=("id", "name", "created"),
    sort_keys=("id", "name", "created"),
    maximum=5_000,
    default=100,
    rows="content",
    cursor=True,
)
_APPS = Listing(
    "apps",
    {},
    compared=("id",),
    sort_keys=("id",),
    maximum=1_000,
    default=100,
    rows="content",
    cursor=True,
    body="json_remove(body, '$.constraints_description', '$.param_spec', '$.input_spec', '$.output_spec',"
    " '$.input_format_info')",
)
_ITEMS = Listing(
    "app_items",
    {"app_project_id": "equal", "batch_id": "equal", "status": "any_of"},
    compared=("id", "created", "finished"),
    sort_keys=("id", "created", "finished", "status"),
    maximum=1_000,
    default=100,
    rows="content",
    cursor=True,
    parent=("app_projects", "app_project_id"),
)
_BATCH_BODY = "json_set(body, '$.current_time', strftime('%Y-%m-%dT%H:%M:%f', 'now'))"
_BATCHES = Listing(
    "app_batches",
    {"app_project_id": "equal", "status": "any_of"},
    compared=("id", "name", "created"),
    sort_keys=("id", "name", "created", "status"),
    maximum=1_000,
    default=100,
    rows="content",
    cursor=True,
    parent=("app_projects", "app_project_id"),
    body=_BATCH_BODY,
)


def routes() -> list[Route]:
    """Every call that the service knows; the names in a path are columns of the row it is about."""
    return [*_requester_routes(), *_app_routes()]


def _requester_routes() -> list[Route]:
    create_tasks = partial(_tasks.create_tasks, quota=Quota(TASKS_PER_MINUTE, 60, "MIN"))
    return [
        *_rows("/api/v1/projects", _PROJECTS),
        _route("POST", "/api/v1/projects", _projects.create_project),
        _route("PUT", "/api/v1/projects/{id}", _projects.replace_project),
        *_rows("/api/v1/pools", _POOLS),
        _route("POST", "/api/v1/pools", _pools.create_pool),
        _route("PUT", "/api/v1/pools/{id}", _pools.replace_pool),
        _route("PATCH", "/api/v1/pools/{id}", _pools.patch_pool),
        _route("POST", "/api/v1/pools/{id}/open", _pools.open_pool),
        _route("POST", "/api/v1/pools/{id}/close", _pools.close_pool),
        _route("POST", "/api/v1/pools/{id}/archive", _pools.archive_pool),
        *_rows("/api/v1/tasks", _TASKS),
        _route("POST", "/api/v1/tasks", create_tasks),
        *_rows("/api/v1/task-suites", _TASK_SUITES),
        *_rows("/api/v1/assignments", _ASSIGNMENTS),
        _route("PATCH", "/api/v1/assignments/{id}", _assignments.judge_assignment),
        *_rows("/api/v1/operations", _OPERATIONS),
        _route("GET", "/api/v1/operations/{id}/log", _operations.operation_log),
        _route("GET", "/api/v1/requester", _projects.show_requester),
    ]


def _app_routes() -> list[Route]:
    projects = "/api/app/v0/app-projects"
    items = f"{projects}/{{app_project_id}}/items"
    batches = f"{projects}/{{app_project_id}}/batches"
    batch_actions = {
        "start": _batches.start_batch,
        "stop": _batches.stop_batch,
        "resume": _batches.resume_batch,
        "archive": _batches.archive_batch,
        "unarchive": _batches.unarchive_batch,
    }
    return [
        *_rows("/api/app/v0/apps", _APPS),
        _route("GET", projects, partial(_apps.list_app_projects, listing=_APP_PROJECTS)),
        _route("GET", f"{projects}/{{id}}", partial(show_row, table="app_projects")),
        _route("POST", projects, _apps.create_app_project),
        _route("POST", f"{projects}/{{id}}/archive", _apps.archive_app_project),
        _route("POST", f"{projects}/{{id}}/unarchive", _apps.unarchive_app_project),
        *_rows(items, _ITEMS),
        _route("POST", items, _items.create_item),
        _route("POST", f"{items}/bulk", _items.create_items),
        *_rows(batches, _BATCHES, _BATCH_BODY),
        _route("POST", batches, _batches.create_batch),
        _route("PATCH", f"{batches}/{{id}}", _batches.patch_batch),
        *(_route("POST", f"{batches}/{{id}}/{name}", action) for name, action in batch_actions.items()),
    ]


def _rows(path: str, listing: Listing, body: str = "body") -> list[Route]:
    return [
        _route("GET", path, partial(list_rows, listing=listing)),
        _route("GET", f"{path}/{{id}}", partial(show_row, table=listing.table, body=body)),
    ]


def _route(method: str, path: str, handler: Callable[[Store, Call], Answer]) -> Route:
    return Route(path, handler, methods=[method])
