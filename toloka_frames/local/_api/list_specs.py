"""What each list understands: filters, comparisons, sort keys and limits (Toloka API; else Toloka-Kit 1.2.3)."""

from __future__ import annotations

from toloka_frames.local._api.list_query import FilterKind, ListSpec

_CREATED = ("id", "created")
_TASK_LIMIT = 100_000
# filters of the Java SDK, which no document tells of
_OWNER: dict[str, FilterKind] = {"owner_id": "owner", "owner_company_id": "equal"}

PROJECTS = ListSpec(
    "projects",
    {"status": "any_of", "owner": "equal", **_OWNER},
    compared=_CREATED,
    sort_keys=(*_CREATED, "public_name", "private_comment"),
    maximum=300,
)
POOLS = ListSpec(
    "pools",
    {"status": "any_of", "project_id": "equal", **_OWNER},
    compared=(*_CREATED, "last_started"),
    sort_keys=(*_CREATED, "last_started"),
    maximum=300,
    # Toloka-Kit 1.2.3; for the others of /v1 the API's general 50
    default=20,
)
TRAININGS = ListSpec(
    "trainings",
    {"status": "any_of", "project_id": "equal"},
    compared=(*_CREATED, "last_started"),
    sort_keys=(*_CREATED, "last_started"),
    maximum=300,
)
TASKS = ListSpec(
    "tasks",
    {"pool_id": "equal", "overlap": "equal", **_OWNER},
    compared=(*_CREATED, "overlap"),
    sort_keys=_CREATED,
    maximum=_TASK_LIMIT,
    required=("pool_id",),
)
TASK_SUITES = ListSpec(
    "task_suites",
    {"pool_id": "equal", "task_id": "holds_task", "overlap": "equal", **_OWNER},
    compared=(*_CREATED, "overlap"),
    sort_keys=_CREATED,
    maximum=_TASK_LIMIT,
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
    maximum=_TASK_LIMIT,
    required=("pool_id", "task_id", "task_suite_id"),
)
SOLUTIONS = ListSpec(
    "aggregated_solutions",
    {"operation_id": "equal"},
    compared=("task_id",),
    sort_keys=("task_id",),
    maximum=_TASK_LIMIT,
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
    maximum=100,
    required=("pool_id", "assignment_id"),
)
MESSAGES = ListSpec(
    "message_threads",
    {"folder": "in_folder", "folder_ne": "not_in_folder"},
    compared=_CREATED,
    sort_keys=_CREATED,
    maximum=300,
)
WEBHOOKS = ListSpec(
    "webhook_subscriptions",
    {"event_type": "equal", "pool_id": "equal"},
    compared=_CREATED,
    sort_keys=_CREATED,
    maximum=300,
)
BONUSES = ListSpec(
    "user_bonuses",
    {"user_id": "equal", "assignment_id": "equal", "private_comment": "equal"},
    compared=_CREATED,
    sort_keys=_CREATED,
    maximum=300,
)
SKILLS = ListSpec(
    "skills",
    {"name": "equal", "global": "equal", **_OWNER},
    compared=(*_CREATED, "modified"),
    sort_keys=_CREATED,
    maximum=100,
)
USER_SKILLS = ListSpec(
    "user_skills",
    {"user_id": "equal", "skill_id": "equal"},
    compared=(*_CREATED, "modified"),
    sort_keys=(*_CREATED, "modified"),
    maximum=1_000,
)
RESTRICTIONS = ListSpec(
    "user_restrictions",
    {"scope": "equal", "user_id": "equal", "project_id": "equal", "pool_id": "equal"},
    compared=_CREATED,
    sort_keys=_CREATED,
    maximum=500,
)
OPERATIONS = ListSpec(
    "operations",
    {"type": "equal", "status": "any_of"},
    compared=("id", "submitted", "finished"),
    sort_keys=("id", "submitted", "finished"),
    maximum=500,
)


APP_PROJECTS = ListSpec(
    "app_projects",
    {"app_id": "equal", "parent_app_project_id": "equal", "status": "any_of"},
    compared=("id", "name", "created"),
    sort_keys=("id", "name", "created"),
    maximum=5_000,
    default=100,
    rows="content",
    cursor=True,
)
APPS = ListSpec(
    "apps",
    {},
    compared=("id",),
    sort_keys=("id",),
    maximum=1_000,
    default=100,
    rows="content",
    cursor=True,
    # the Apps API shows these of a single app only
    body="json_remove(body, '$.constraints_description', '$.param_spec', '$.input_spec', '$.output_spec',"
    " '$.input_format_info')",
)
ITEMS = ListSpec(
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
BATCH_BODY = "json_set(body, '$.current_time', strftime('%Y-%m-%dT%H:%M:%f', 'now'))"
BATCHES = ListSpec(
    "app_batches",
    {"app_project_id": "equal", "status": "any_of"},
    compared=("id", "name", "created"),
    sort_keys=("id", "name", "created", "status"),
    maximum=1_000,
    default=100,
    rows="content",
    cursor=True,
    parent=("app_projects", "app_project_id"),
    body=BATCH_BODY,
)
