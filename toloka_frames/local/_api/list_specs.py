"""The filters, comparisons, sort keys and limits of each list (Toloka API; else Toloka-Kit 1.2.3)."""

from __future__ import annotations

from toloka_frames.local._api.list_query import FilterKind, ListSpec
from toloka_frames.local._api.trainings import TRAINING_BODY

_CREATED = ("id", "created")
_MAX_TASK_LIMIT = 100_000
# filters of the Java SDK that no document describes
_OWNER: dict[str, FilterKind] = {"owner_id": "owner", "owner_company_id": "equal"}

PROJECTS = ListSpec(
    "projects",
    {"status": "any_of", "owner": "equal", **_OWNER},
    compared=_CREATED,
    sort_keys=(*_CREATED, "public_name", "private_comment"),
    max_limit=300,
)
POOLS = ListSpec(
    "pools",
    {"status": "any_of", "project_id": "equal", **_OWNER},
    compared=(*_CREATED, "last_started"),
    sort_keys=(*_CREATED, "last_started"),
    max_limit=300,
    # Toloka-Kit 1.2.3; other lists of /v1 have the API's general default of 50
    default_limit=20,
)
TRAININGS = ListSpec(
    "trainings",
    {"status": "any_of", "project_id": "equal"},
    compared=(*_CREATED, "last_started"),
    sort_keys=(*_CREATED, "last_started"),
    max_limit=300,
    body=TRAINING_BODY,
)
TASKS = ListSpec(
    "tasks",
    {"pool_id": "equal", "overlap": "equal", **_OWNER},
    compared=(*_CREATED, "overlap"),
    sort_keys=_CREATED,
    max_limit=_MAX_TASK_LIMIT,
    required=("pool_id",),
)
TASK_SUITES = ListSpec(
    "task_suites",
    {"pool_id": "equal", "task_id": "holds_task", "overlap": "equal", **_OWNER},
    compared=(*_CREATED, "overlap"),
    sort_keys=_CREATED,
    max_limit=_MAX_TASK_LIMIT,
    required=("pool_id", "task_id"),
)
_ASSIGNMENT_INSTANTS = (*_CREATED, "submitted", "accepted", "rejected", "skipped", "expired")
ASSIGNMENTS = ListSpec(
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
    max_limit=_MAX_TASK_LIMIT,
    required=("pool_id", "task_id", "task_suite_id"),
)
SOLUTIONS = ListSpec(
    "aggregated_solutions",
    {"operation_id": "equal"},
    compared=("task_id",),
    sort_keys=("task_id",),
    max_limit=_MAX_TASK_LIMIT,
    parent=("operations", "operation_id"),
    body="json_remove(body, '$.id', '$.operation_id')",
    key="task_id",
)
ATTACHMENTS = ListSpec(
    "attachments",
    {
        "pool_id": "equal",
        "assignment_id": "equal",
        "name": "equal",
        "type": "equal",
        "user_id": "equal",
        **_OWNER,
    },
    compared=_CREATED,
    sort_keys=_CREATED,
    max_limit=100,
    required=("pool_id", "assignment_id"),
)
MESSAGES = ListSpec(
    "message_threads",
    {"folder": "in_folder", "folder_ne": "not_in_folder"},
    compared=_CREATED,
    sort_keys=_CREATED,
    max_limit=300,
)
WEBHOOKS = ListSpec(
    "webhook_subscriptions",
    {"event_type": "equal", "pool_id": "equal"},
    compared=_CREATED,
    sort_keys=_CREATED,
    max_limit=300,
)
BONUSES = ListSpec(
    "user_bonuses",
    {"user_id": "equal", "assignment_id": "equal", "private_comment": "equal"},
    compared=_CREATED,
    sort_keys=_CREATED,
    max_limit=300,
)
SKILLS = ListSpec(
    "skills",
    {"name": "equal", "global": "equal", **_OWNER},
    compared=(*_CREATED, "modified"),
    sort_keys=_CREATED,
    max_limit=100,
)
USER_SKILLS = ListSpec(
    "user_skills",
    {"user_id": "equal", "skill_id": "equal"},
    compared=(*_CREATED, "modified"),
    sort_keys=(*_CREATED, "modified"),
    max_limit=1_000,
)
RESTRICTIONS = ListSpec(
    "user_restrictions",
    {"scope": "equal", "user_id": "equal", "project_id": "equal", "pool_id": "equal"},
    compared=_CREATED,
    sort_keys=_CREATED,
    max_limit=500,
)
OPERATIONS = ListSpec(
    "operations",
    {"type": "equal", "status": "any_of"},
    compared=("id", "submitted", "finished"),
    sort_keys=("id", "submitted", "finished"),
    max_limit=500,
)
APP_PROJECTS = ListSpec(
    "app_projects",
    {"app_id": "equal", "parent_app_project_id": "equal", "status": "any_of"},
    compared=("id", "name", "created"),
    sort_keys=("id", "name", "created"),
    max_limit=5_000,
    default_limit=100,
    rows_key="content",
    has_cursor=True,
)
APPS = ListSpec(
    "apps",
    {},
    compared=("id",),
    sort_keys=("id",),
    max_limit=1_000,
    default_limit=100,
    rows_key="content",
    has_cursor=True,
    # the Apps API omits these fields from lists
    body="json_remove(body, '$.constraints_description', '$.param_spec', '$.input_spec', '$.output_spec',"
    " '$.input_format_info')",
)
ITEMS = ListSpec(
    "app_items",
    {"app_project_id": "equal", "batch_id": "equal", "status": "any_of"},
    compared=("id", "created", "finished"),
    sort_keys=("id", "created", "finished", "status"),
    max_limit=1_000,
    default_limit=100,
    rows_key="content",
    has_cursor=True,
    parent=("app_projects", "app_project_id"),
)
BATCH_BODY = "json_set(body, '$.current_time', strftime('%Y-%m-%dT%H:%M:%f', 'now'))"
BATCHES = ListSpec(
    "app_batches",
    {"app_project_id": "equal", "status": "any_of"},
    compared=("id", "name", "created"),
    sort_keys=("id", "name", "created", "status"),
    max_limit=1_000,
    default_limit=100,
    rows_key="content",
    has_cursor=True,
    parent=("app_projects", "app_project_id"),
    body=BATCH_BODY,
)
