"""The routes: which function handles each method and path."""

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
    attachments,
    list_specs,
    messages,
    operations,
    overlaps,
    pools,
    projects,
    skills,
    trainings,
    tsv,
    user_restrictions,
    users,
    verdicts,
    webhooks,
)
from toloka_frames.local._api.bulk_create import create
from toloka_frames.local._api.list_query import delete_row, list_rows, show_row
from toloka_frames.local._api.pool_lifecycle import POOL, TRAINING, PoolType, archive_pool, clone_pool, close_pool, open_pool
from toloka_frames.local._api.rate_limit import SUITES_PER_MINUTE, TASKS_PER_MINUTE, RateLimit
from toloka_frames.local._api.task_suites import SUITE_CREATION
from toloka_frames.local._api.tasks import TASK_CREATION
from toloka_frames.local._api.user_bonuses import BONUS_CREATION
from toloka_frames.local._simulation import answer_requests

if TYPE_CHECKING:
    from collections.abc import Callable

    from toloka_frames.local._api.list_query import ListSpec
    from toloka_frames.local._api.request import ApiRequest
    from toloka_frames.local._base.responses import Response
    from toloka_frames.local._store.store import Store


def routes() -> list[Route]:
    """Return a route for each call of the API; the names in a path are columns of the requested row."""
    return [*_requester_routes(), *_task_routes(), *_user_routes(), *_other_routes(), *_app_routes()]


def _requester_routes() -> list[Route]:
    return [
        *_rows("/api/v1/projects", list_specs.PROJECTS),
        _route("POST", "/api/v1/projects", projects.create_project),
        _route("PUT", "/api/v1/projects/{id}", projects.replace_project),
        _route("POST", "/api/v1/projects/{id}/archive", projects.archive_project),
        _route("GET", "/api/v1/pools", partial(list_rows, list_spec=list_specs.POOLS)),
        _route("GET", "/api/v1/pools/{id}", pools.show_pool),
        _route("POST", "/api/v1/pools", pools.create_pool),
        _route("PUT", "/api/v1/pools/{id}", pools.replace_pool),
        _route("PATCH", "/api/v1/pools/{id}", pools.patch_pool),
        *_lifecycle_routes("/api/v1/pools/{id}", POOL),
        *_rows("/api/v1/trainings", list_specs.TRAININGS, trainings.TRAINING_BODY),
        _route("POST", "/api/v1/trainings", trainings.create_training),
        _route("PUT", "/api/v1/trainings/{id}", trainings.replace_training),
        *_lifecycle_routes("/api/v1/trainings/{id}", TRAINING),
        _route("POST", "/api/staging/projects/{id}/check", projects.compare_project),
        _route("POST", "/api/staging/analytics-2", analytics.analyse),
        *_rows("/api/v1/operations", list_specs.OPERATIONS),
        _route("GET", "/api/v1/operations/{id}/log", operations.operation_log),
        _route("GET", "/api/v1/requester", projects.show_requester),
    ]


def _lifecycle_routes(path: str, pool_type: PoolType) -> list[Route]:
    return [
        _route("POST", f"{path}/open", partial(open_pool, pool_type=pool_type)),
        _route("POST", f"{path}/close", partial(close_pool, pool_type=pool_type, reason="MANUAL")),
        _route("POST", f"{path}/close-for-update", partial(close_pool, pool_type=pool_type, reason="FOR_UPDATE")),
        _route("POST", f"{path}/archive", partial(archive_pool, pool_type=pool_type)),
        _route("POST", f"{path}/clone", partial(clone_pool, pool_type=pool_type)),
    ]


def _task_routes() -> list[Route]:
    tasks, suites = "/api/v1/tasks", "/api/v1/task-suites"
    return [
        *_rows(tasks, list_specs.TASKS),
        _route("POST", tasks, partial(create, creation=TASK_CREATION, rate_limit=RateLimit(TASKS_PER_MINUTE, 60, "MIN"))),
        *_overlap_routes(tasks, "tasks"),
        *_rows(suites, list_specs.TASK_SUITES),
        _route("POST", suites, partial(create, creation=SUITE_CREATION, rate_limit=RateLimit(SUITES_PER_MINUTE, 60, "MIN"))),
        *_overlap_routes(suites, "task_suites"),
        *_rows("/api/v1/assignments", list_specs.ASSIGNMENTS),
        _route("PATCH", "/api/v1/assignments/{id}", verdicts.judge_assignment),
        _route("GET", "/api/new/requester/pools/{pool_id}/assignments.tsv", tsv.export_assignments),
    ]


def _overlap_routes(path: str, table: str) -> list[Route]:
    return [
        _route("PATCH", f"{path}/{{id}}", partial(overlaps.patch_overlap, table=table)),
        _route("PATCH", f"{path}/{{id}}/set-overlap-or-min", partial(overlaps.set_overlap_or_min, table=table)),
    ]


def _user_routes() -> list[Route]:
    user_skills, restrictions = "/api/v1/user-skills", "/api/v1/user-restrictions"
    return [
        *_rows("/api/v1/user-bonuses", list_specs.BONUSES),
        _route("POST", "/api/v1/user-bonuses", partial(create, creation=BONUS_CREATION)),
        *_rows("/api/v1/skills", list_specs.SKILLS),
        _route("POST", "/api/v1/skills", skills.create_skill),
        _route("PUT", "/api/v1/skills/{id}", skills.replace_skill),
        *_rows(user_skills, list_specs.USER_SKILLS),
        _route("PUT", user_skills, skills.set_user_skill),
        _route("DELETE", f"{user_skills}/{{id}}", partial(delete_row, table="user_skills")),
        _route("GET", restrictions, partial(user_restrictions.list_restrictions, list_spec=list_specs.RESTRICTIONS)),
        _route("GET", f"{restrictions}/{{id}}", partial(show_row, table="user_restrictions")),
        _route("PUT", restrictions, user_restrictions.set_restriction),
        _route("DELETE", f"{restrictions}/{{id}}", partial(delete_row, table="user_restrictions")),
        _route("GET", "/api/v1/user-metadata/{id}", users.show_user),
    ]


def _other_routes() -> list[Route]:
    solutions, threads = "/api/v1/aggregated-solutions", "/api/v1/message-threads"
    subscriptions = "/api/v1/webhook-subscriptions"
    return [
        _route("POST", f"{solutions}/aggregate-by-pool", aggregation.aggregate_pool),
        _route("POST", f"{solutions}/aggregate-by-task", aggregation.aggregate_task),
        _route("GET", f"{solutions}/{{operation_id}}", partial(list_rows, list_spec=list_specs.SOLUTIONS)),
        *_rows("/api/v1/attachments", list_specs.ATTACHMENTS),
        _route("GET", "/api/v1/attachments/{id}/download", attachments.download_attachment),
        _route("GET", threads, partial(list_rows, list_spec=list_specs.MESSAGES)),
        _route("POST", f"{threads}/compose", messages.compose_message),
        _route("POST", f"{threads}/{{id}}/reply", messages.reply_to_message),
        _route("POST", f"{threads}/{{id}}/add-to-folders", messages.add_to_folders),
        _route("POST", f"{threads}/{{id}}/remove-from-folders", messages.remove_from_folders),
        *_rows(subscriptions, list_specs.WEBHOOKS),
        _route("PUT", subscriptions, webhooks.set_subscriptions),
        _route("DELETE", f"{subscriptions}/{{id}}", partial(delete_row, table="webhook_subscriptions")),
        _route("POST", f"{subscriptions}/{{id}}/test", webhooks.test_subscription),
        _route("POST", "/local/answer", answer_requests.answer),
    ]


def _app_routes() -> list[Route]:
    app_projects = "/api/app/v0/app-projects"
    items = f"{app_projects}/{{app_project_id}}/items"
    batches = f"{app_projects}/{{app_project_id}}/batches"
    batch_actions = {
        "start": app_batches.start_batch,
        "stop": app_batches.stop_batch,
        "resume": app_batches.resume_batch,
        "archive": app_batches.archive_batch,
        "unarchive": app_batches.unarchive_batch,
    }
    return [
        *_rows("/api/app/v0/apps", list_specs.APPS),
        _route("GET", app_projects, partial(apps.list_app_projects, list_spec=list_specs.APP_PROJECTS)),
        _route("GET", f"{app_projects}/{{id}}", partial(show_row, table="app_projects")),
        _route("POST", app_projects, apps.create_app_project),
        _route("POST", f"{app_projects}/{{id}}/archive", apps.archive_app_project),
        _route("POST", f"{app_projects}/{{id}}/unarchive", apps.unarchive_app_project),
        *_rows(items, list_specs.ITEMS),
        _route("POST", items, app_items.create_item),
        _route("POST", f"{items}/bulk", app_items.create_items),
        *_rows(batches, list_specs.BATCHES, list_specs.BATCH_BODY),
        _route("POST", batches, app_batches.create_batch),
        _route("POST", f"{batches}/sync", app_batches.create_batch_at_once),
        _route("PATCH", f"{batches}/{{id}}", app_batches.patch_batch),
        *(_route("POST", f"{batches}/{{id}}/{name}", action) for name, action in batch_actions.items()),
    ]


def _rows(path: str, list_spec: ListSpec, body: str = "body") -> list[Route]:
    return [
        _route("GET", path, partial(list_rows, list_spec=list_spec)),
        _route("GET", f"{path}/{{id}}", partial(show_row, table=list_spec.table, body=body)),
    ]


def _route(method: str, path: str, handler: Callable[[Store, ApiRequest], Response]) -> Route:
    return Route(path, handler, methods=[method])
