"""Method and path -> the function that answers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from starlette.routing import Route

from toloka_frames.local._api import (
    aggregation,
    analytics,
    app_batches,
    app_items,
    apps,
    assignments,
    attachments,
    list_specs,
    messages,
    operations,
    overlaps,
    pools,
    trainings,
    tsv,
    user_restrictions,
    users,
    webhooks,
)
from toloka_frames.local._api import projects as _projects
from toloka_frames.local._api import skills as _skills
from toloka_frames.local._api.bulk_create import create
from toloka_frames.local._api.list_query import delete_row, list_rows, show_row
from toloka_frames.local._api.pool_lifecycle import POOLS, TRAININGS, Kind, archive_pool, clone_pool, close_pool, open_pool
from toloka_frames.local._api.quota import SUITES_PER_MINUTE, TASKS_PER_MINUTE, Quota
from toloka_frames.local._api.task_suites import SUITES
from toloka_frames.local._api.tasks import TASKS
from toloka_frames.local._api.user_bonuses import BONUSES

if TYPE_CHECKING:
    from collections.abc import Callable

    from toloka_frames.local._api.list_query import Listing
    from toloka_frames.local._api.request import Call
    from toloka_frames.local._base.answers import Answer
    from toloka_frames.local._store.store import Store


def routes() -> list[Route]:
    """Every call that the service knows; the names in a path are columns of the row it is about."""
    return [*_requester_routes(), *_task_routes(), *_user_routes(), *_other_routes(), *_app_routes()]


def _requester_routes() -> list[Route]:
    return [
        *_rows("/api/v1/projects", list_specs.PROJECTS),
        _route("POST", "/api/v1/projects", _projects.create_project),
        _route("PUT", "/api/v1/projects/{id}", _projects.replace_project),
        _route("POST", "/api/v1/projects/{id}/archive", _projects.archive_project),
        *_rows("/api/v1/pools", list_specs.POOLS),
        _route("POST", "/api/v1/pools", pools.create_pool),
        _route("PUT", "/api/v1/pools/{id}", pools.replace_pool),
        _route("PATCH", "/api/v1/pools/{id}", pools.patch_pool),
        *_opening_routes("/api/v1/pools/{id}", POOLS),
        *_rows("/api/v1/trainings", list_specs.TRAININGS),
        _route("POST", "/api/v1/trainings", trainings.create_training),
        _route("PUT", "/api/v1/trainings/{id}", trainings.replace_training),
        *_opening_routes("/api/v1/trainings/{id}", TRAININGS),
        _route("POST", "/api/staging/projects/{id}/check", _projects.compare_project),
        _route("POST", "/api/staging/analytics-2", analytics.analyse),
        *_rows("/api/v1/operations", list_specs.OPERATIONS),
        _route("GET", "/api/v1/operations/{id}/log", operations.operation_log),
        _route("GET", "/api/v1/requester", _projects.show_requester),
    ]


def _opening_routes(path: str, kind: Kind) -> list[Route]:
    return [
        _route("POST", f"{path}/open", partial(open_pool, kind=kind)),
        _route("POST", f"{path}/close", partial(close_pool, kind=kind, reason="MANUAL")),
        _route("POST", f"{path}/close-for-update", partial(close_pool, kind=kind, reason="FOR_UPDATE")),
        _route("POST", f"{path}/archive", partial(archive_pool, kind=kind)),
        _route("POST", f"{path}/clone", partial(clone_pool, kind=kind)),
    ]


def _task_routes() -> list[Route]:
    tasks, suites = "/api/v1/tasks", "/api/v1/task-suites"
    return [
        *_rows(tasks, list_specs.TASKS),
        _route("POST", tasks, partial(create, kind=TASKS, quota=Quota(TASKS_PER_MINUTE, 60, "MIN"))),
        *_overlap_routes(tasks, "tasks"),
        *_rows(suites, list_specs.TASK_SUITES),
        _route("POST", suites, partial(create, kind=SUITES, quota=Quota(SUITES_PER_MINUTE, 60, "MIN"))),
        *_overlap_routes(suites, "task_suites"),
        *_rows("/api/v1/assignments", list_specs.ASSIGNMENTS),
        _route("PATCH", "/api/v1/assignments/{id}", assignments.judge_assignment),
        _route("GET", "/api/new/requester/pools/{pool_id}/assignments.tsv", tsv.export_assignments),
    ]


def _overlap_routes(path: str, table: str) -> list[Route]:
    return [
        _route("PATCH", f"{path}/{{id}}", partial(overlaps.patch_overlap, table=table)),
        _route("PATCH", f"{path}/{{id}}/set-overlap-or-min", partial(overlaps.set_overlap_or_min, table=table)),
    ]


def _user_routes() -> list[Route]:
    bonuses, skills, levels, bans = (
        f"/api/v1/{name}" for name in ("user-bonuses", "skills", "user-skills", "user-restrictions")
    )
    return [
        *_rows(bonuses, list_specs.BONUSES),
        _route("POST", bonuses, partial(create, kind=BONUSES)),
        *_rows(skills, list_specs.SKILLS),
        _route("POST", skills, _skills.create_skill),
        _route("PUT", f"{skills}/{{id}}", _skills.replace_skill),
        *_rows(levels, list_specs.USER_SKILLS),
        _route("PUT", levels, _skills.set_user_skill),
        _route("DELETE", f"{levels}/{{id}}", partial(delete_row, table="user_skills")),
        _route("GET", bans, partial(user_restrictions.list_restrictions, listing=list_specs.RESTRICTIONS)),
        _route("GET", f"{bans}/{{id}}", partial(show_row, table="user_restrictions")),
        _route("PUT", bans, user_restrictions.set_restriction),
        _route("DELETE", f"{bans}/{{id}}", partial(delete_row, table="user_restrictions")),
        _route("GET", "/api/v1/user-metadata/{id}", users.show_user),
    ]


def _other_routes() -> list[Route]:
    solutions, files, threads, hooks = (
        f"/api/v1/{name}" for name in ("aggregated-solutions", "attachments", "message-threads", "webhook-subscriptions")
    )
    return [
        _route("POST", f"{solutions}/aggregate-by-pool", aggregation.aggregate_pool),
        _route("POST", f"{solutions}/aggregate-by-task", aggregation.aggregate_task),
        _route("GET", f"{solutions}/{{operation_id}}", partial(list_rows, listing=list_specs.SOLUTIONS)),
        *_rows(files, list_specs.ATTACHMENTS),
        _route("GET", f"{files}/{{id}}/download", attachments.download_attachment),
        _route("GET", threads, partial(list_rows, listing=list_specs.MESSAGES)),
        _route("POST", f"{threads}/compose", messages.compose_message),
        _route("POST", f"{threads}/{{id}}/reply", messages.reply_to_message),
        _route("POST", f"{threads}/{{id}}/add-to-folders", messages.add_to_folders),
        _route("POST", f"{threads}/{{id}}/remove-from-folders", messages.remove_from_folders),
        *_rows(hooks, list_specs.WEBHOOKS),
        _route("PUT", hooks, webhooks.set_subscriptions),
        _route("DELETE", f"{hooks}/{{id}}", partial(delete_row, table="webhook_subscriptions")),
        _route("POST", f"{hooks}/{{id}}/test", webhooks.test_subscription),
    ]


def _app_routes() -> list[Route]:
    projects = "/api/app/v0/app-projects"
    items = f"{projects}/{{app_project_id}}/items"
    batches = f"{projects}/{{app_project_id}}/batches"
    batch_actions = {
        "start": app_batches.start_batch,
        "stop": app_batches.stop_batch,
        "resume": app_batches.resume_batch,
        "archive": app_batches.archive_batch,
        "unarchive": app_batches.unarchive_batch,
    }
    return [
        *_rows("/api/app/v0/apps", list_specs.APPS),
        _route("GET", projects, partial(apps.list_app_projects, listing=list_specs.APP_PROJECTS)),
        _route("GET", f"{projects}/{{id}}", partial(show_row, table="app_projects")),
        _route("POST", projects, apps.create_app_project),
        _route("POST", f"{projects}/{{id}}/archive", apps.archive_app_project),
        _route("POST", f"{projects}/{{id}}/unarchive", apps.unarchive_app_project),
        *_rows(items, list_specs.ITEMS),
        _route("POST", items, app_items.create_item),
        _route("POST", f"{items}/bulk", app_items.create_items),
        *_rows(batches, list_specs.BATCHES, list_specs.BATCH_BODY),
        _route("POST", batches, app_batches.create_batch),
        _route("POST", f"{batches}/sync", app_batches.create_batch_at_once),
        _route("PATCH", f"{batches}/{{id}}", app_batches.patch_batch),
        *(_route("POST", f"{batches}/{{id}}/{name}", action) for name, action in batch_actions.items()),
    ]


def _rows(path: str, listing: Listing, body: str = "body") -> list[Route]:
    return [
        _route("GET", path, partial(list_rows, listing=listing)),
        _route("GET", f"{path}/{{id}}", partial(show_row, table=listing.table, body=body)),
    ]


def _route(method: str, path: str, handler: Callable[[Store, Call], Answer]) -> Route:
    return Route(path, handler, methods=[method])
