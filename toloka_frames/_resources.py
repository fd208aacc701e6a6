"""What the API's documents say of each list stands here as data: path, filters, sort keys, limits, columns.

Sources: the Toloka API's OpenAPI document for `/v1`, with the maxima of Toloka-Kit 1.2.3's docstrings; the Apps API's OpenAPI
document for `/app/v0`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from toloka_frames._columns import (
    BOOLEAN,
    FLOAT,
    INSTANT,
    INTEGER,
    TEXT,
    TEXTS,
    Column,
    Fields,
    JsonShape,
    Path,
    Step,
)
from toloka_frames._filters import compared, integer, moment, one_of, some_of, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa

    from toloka_frames._filters import Filter

ProjectStatus: TypeAlias = Literal["ACTIVE", "ARCHIVED"]
PoolStatus: TypeAlias = Literal["OPEN", "CLOSED", "ARCHIVED", "LOCKED"]
AssignmentStatus: TypeAlias = Literal["ACTIVE", "SUBMITTED", "ACCEPTED", "REJECTED", "SKIPPED", "EXPIRED"]
OperationStatus: TypeAlias = Literal["PENDING", "RUNNING", "SUCCESS", "FAIL"]
OperationType: TypeAlias = Literal[
    "TASK.BATCH_CREATE",
    "TASK_SUITE.BATCH_CREATE",
    "USER_BONUS.BATCH_CREATE",
    "POOL.OPEN",
    "POOL.CLOSE",
    "POOL.ARCHIVE",
    "POOL.CLONE",
    "TRAINING.OPEN",
    "TRAINING.CLOSE",
    "TRAINING.ARCHIVE",
    "TRAINING.CLONE",
    "PROJECT.ARCHIVE",
    "SOLUTION.AGGREGATE",
    "ANALYTICS",
    "KNOWN_SOLUTIONS.GENERATE",
]
AppProjectStatus: TypeAlias = Literal["CREATING", "READY", "ARCHIVED", "ARCHIVE", "ERROR"]
AppProjectScope: TypeAlias = Literal["MY", "COMPANY", "REQUESTER_LIST"]
AppItemStatus: TypeAlias = Literal["NEW", "PROCESSING", "COMPLETED", "ERROR", "CANCELLED", "ARCHIVE", "NO_MONEY", "STOPPED"]
AppBatchStatus: TypeAlias = Literal[
    "NEW",
    "QUEUED",
    "PROCESSING",
    "COMPLETED",
    "ERROR",
    "CANCELLED",
    "NO_MONEY",
    "ARCHIVE",
    "LOADING",
    "STOPPING",
    "STOPPED",
]

# A page is held whole, as JSON and as Arrow: of the lists that allow 100,000 rows a page, whose rows can be kilobytes, a walk
# asks for fewer at once, which costs one more request in ten thousand rows and keeps memory and read timeouts in bounds.
PAGE_ROWS = 10_000


@dataclass(frozen=True)
class Life:
    """Which columns tell how a row of a list lives.

    Attributes:
        id: Its id.
        created: When it was made, which the list can be compared by; None where it cannot.
        status: Its state; None where it has none, so that every row is final.
        final: The states that it does not leave.
        passing: What is another each time it is asked for.
    """

    id: str = "id"
    created: str | None = None
    status: str | None = None
    final: tuple[str, ...] = ()
    passing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Resource:
    """A list of the API.

    Attributes:
        name: Its name in messages, as "app batches".
        path: Its path behind `/api`, with the names of its path parameters in braces.
        rows: The key of its rows in a page.
        max_limit: The most rows a page can have.
        filters: Query parameters and what they take.
        sort: Sort keys.
        columns: The columns of its frames.
        one_of: Filters of which at least one is needed; empty when none is.
        life: How its rows live.
    """

    name: str
    path: str
    rows: Literal["items", "content"]
    max_limit: int
    filters: Mapping[str, Filter]
    sort: tuple[str, ...]
    columns: tuple[Column | Fields, ...]
    one_of: tuple[str, ...] = ()
    life: Life = Life()

    @property
    def page_rows(self) -> int:
        """Rows a page of a walk has unless batch_size says otherwise."""
        return min(self.max_limit, PAGE_ROWS)


def _flat(arrow_type: pa.DataType, *names: str, json: JsonShape | None = None) -> Iterator[Column]:
    for name in names:
        yield Column(name, tuple(name.split(".")), arrow_type, json)


def _at(prefix: str, base: Path, arrow_type: pa.DataType, *names: str, json: JsonShape | None = None) -> Iterator[Column]:
    for name in names:
        yield Column(f"{prefix}{name}", (*base, *name.split(".")), arrow_type, json)


OWNER = (*_flat(TEXT, "owner.id"), *_flat(BOOLEAN, "owner.myself"), *_flat(TEXT, "owner.company_id"))

PROJECTS = Resource(
    name="projects",
    path="/v1/projects",
    rows="items",
    max_limit=300,
    filters={"status": one_of(ProjectStatus), "owner": text} | compared({"id": text, "created": moment}),
    sort=("id", "created", "public_name", "private_comment"),
    columns=(
        *_flat(TEXT, "id", "public_name", "public_description", "status"),
        *_flat(INSTANT, "created"),
        *_flat(TEXT, "private_comment", "public_instructions"),
        *_flat(TEXT, "task_spec.input_spec", "task_spec.output_spec", "task_spec.view_spec", json="object"),
        *_flat(TEXT, "assignments_issuing_type"),
        *_flat(TEXT, "assignments_issuing_view_config", json="object"),
        *_flat(BOOLEAN, "assignments_automerge_enabled"),
        *_flat(INTEGER, "max_active_assignments_count"),
        *_flat(TEXT, "quality_control", "localization_config", "metadata", json="object"),
        *_flat(BOOLEAN, "sensitive"),
        *OWNER,
    ),
    life=Life(created="created", status="status", final=("ARCHIVED",)),
)

POOLS = Resource(
    name="pools",
    path="/v1/pools",
    rows="items",
    max_limit=300,
    filters={"status": one_of(PoolStatus), "project_id": text}
    | compared({"id": text, "created": moment, "last_started": moment}),
    sort=("id", "created", "last_started"),
    columns=(
        *_flat(TEXT, "id", "project_id", "private_name", "status", "last_close_reason", "type"),
        *_flat(FLOAT, "reward_per_assignment"),
        *_flat(INSTANT, "created", "last_started", "last_stopped", "will_expire"),
        *_flat(TEXT, "private_comment", "public_description", "public_instructions"),
        *_flat(BOOLEAN, "may_contain_adult_content"),
        *_flat(INTEGER, "auto_close_after_complete_delay_seconds", "assignment_max_duration_seconds"),
        *_flat(BOOLEAN, "auto_accept_solutions"),
        *_flat(INTEGER, "auto_accept_period_day", "priority"),
        *_flat(INTEGER, "defaults.default_overlap_for_new_task_suites", "defaults.default_overlap_for_new_tasks"),
        *_flat(BOOLEAN, "assignments_issuing_config.issue_task_suites_in_creation_order"),
        *_flat(TEXT, "filter", "quality_control", "mixer_config", "dynamic_overlap_config", json="object"),
        *_flat(TEXT, "dynamic_pricing_config", "training_config", "speed_quality_balance", "metadata", json="object"),
        *OWNER,
    ),
    life=Life(created="created", status="status", final=("ARCHIVED",)),
)

TASK_COLUMNS = (
    ("created", INSTANT),
    ("overlap", INTEGER),
    ("infinite_overlap", BOOLEAN),
    ("remaining_overlap", INTEGER),
    ("reserved_for", TEXTS),
    ("unavailable_for", TEXTS),
    ("traits_all_of", TEXTS),
    ("traits_any_of", TEXTS),
    ("traits_none_of_any", TEXTS),
    ("origin_task_id", TEXT),
)


def _task(prefix: str, base: Path) -> Iterator[Column]:
    """What a task has besides its values, wherever it stands."""
    for name, arrow_type in TASK_COLUMNS:
        yield from _at(prefix, base, arrow_type, name)
    known = (*base, "known_solutions", Step.FIRST, "correctness_weight")
    yield Column(f"{prefix}known_solutions.correctness_weight", known, FLOAT)
    yield from _at(prefix, base, TEXT, "baseline_solutions", json="array")


def _values(base: Path) -> Iterator[Column | Fields]:
    """A task's known solution and hint, wherever it stands, under the names of the platform's own files."""
    yield Fields("GOLDEN", (*base, "known_solutions", Step.FIRST, "output_values"), "output")
    yield Column("HINT:text", (*base, "message_on_unknown_solution"), TEXT)
    yield Column("HINT:default_language", (*base, "localization_config", "default_language"), TEXT)


TASKS = Resource(
    name="tasks",
    path="/v1/tasks",
    rows="items",
    max_limit=100_000,
    filters={"pool_id": text, "overlap": integer} | compared({"id": text, "created": moment, "overlap": integer}),
    sort=("id", "created"),
    columns=(
        *_flat(TEXT, "id", "pool_id"),
        Fields("INPUT", ("input_values",), "input"),
        *_values(()),
        *_task("", ()),
    ),
    one_of=("pool_id",),
    life=Life(created="created"),
)

IN_TASK: Path = ("tasks", Step.EACH)

ASSIGNMENTS = Resource(
    name="assignments",
    path="/v1/assignments",
    rows="items",
    max_limit=100_000,
    filters={
        "pool_id": text,
        "task_id": text,
        "task_suite_id": text,
        "user_id": text,
        "status": some_of(one_of(AssignmentStatus)),
    }
    | compared(
        {
            "id": text,
            "created": moment,
            "submitted": moment,
            "accepted": moment,
            "rejected": moment,
            "skipped": moment,
            "expired": moment,
        }
    ),
    sort=("id", "created", "submitted", "accepted", "rejected", "skipped", "expired"),
    columns=(
        Fields("INPUT", (*IN_TASK, "input_values"), "input"),
        Fields("OUTPUT", ("solutions", Step.EACH, "output_values"), "output"),
        *_values(IN_TASK),
        Column("ASSIGNMENT:link", ("id",), TEXT, link="/task/"),
        Column("ASSIGNMENT:task_id", (*IN_TASK, "id"), TEXT),
        Column("ASSIGNMENT:assignment_id", ("id",), TEXT),
        Column("ASSIGNMENT:task_suite_id", ("task_suite_id",), TEXT),
        Column("ASSIGNMENT:worker_id", ("user_id",), TEXT),
        Column("ASSIGNMENT:status", ("status",), TEXT),
        Column("ASSIGNMENT:started", ("created",), INSTANT),
        *_at("ASSIGNMENT:", (), INSTANT, "submitted", "accepted", "rejected", "skipped", "expired"),
        *_at("ASSIGNMENT:", (), FLOAT, "reward"),
        *_at("ASSIGNMENT:", (), TEXT, "pool_id", "public_comment"),
        *_at("ASSIGNMENT:", (), TEXTS, "bonus_ids"),
        *_at("ASSIGNMENT:", (), BOOLEAN, "mixed", "automerged"),
        *_at("ASSIGNMENT:", (), TEXT, "owner.id"),
        *_at("ASSIGNMENT:", (), BOOLEAN, "owner.myself"),
        *_at("ASSIGNMENT:", (), TEXT, "owner.company_id"),
        Column("ASSIGNMENT:first_declined_solution_attempt", ("first_declined_solution_attempt", Step.EACH), TEXT, "object"),
        *_at("TASK:", IN_TASK, TEXT, "pool_id"),
        *_task("TASK:", IN_TASK),
    ),
    one_of=("pool_id", "task_id", "task_suite_id"),
    life=Life(
        id="ASSIGNMENT:assignment_id",
        created="ASSIGNMENT:started",
        status="ASSIGNMENT:status",
        final=("ACCEPTED", "SKIPPED", "EXPIRED"),  # what is REJECTED can still be accepted
    ),
)

OPERATIONS = Resource(
    name="operations",
    path="/v1/operations",
    rows="items",
    max_limit=500,
    filters={"type": one_of(OperationType), "status": one_of(OperationStatus)}
    | compared({"id": text, "submitted": moment, "finished": moment}),
    sort=("id", "submitted", "finished"),
    columns=(
        *_flat(TEXT, "id", "type", "status"),
        *_flat(INSTANT, "submitted", "started", "finished"),
        *_flat(INTEGER, "progress"),
        *_flat(TEXT, "parameters", "details", json="object"),
    ),
)

APPS = Resource(
    name="apps",
    path="/app/v0/apps",
    rows="content",
    max_limit=1_000,
    filters={"lang": text, "after_id": text} | compared({"id": text}),
    sort=("id",),
    columns=(
        *_flat(TEXT, "id", "name", "image", "description"),
        *_flat(FLOAT, "default_item_price"),
        *_flat(TEXT, "examples", json="array"),
    ),
)

APP_PROJECTS = Resource(
    name="app projects",
    path="/app/v0/app-projects",
    rows="content",
    max_limit=5_000,
    filters={
        "app_id": text,
        "parent_app_project_id": text,
        "status": one_of(AppProjectStatus),
        "scope": one_of(AppProjectScope),
        "requester_ids": some_of(text),
        "after_id": text,
    }
    | compared({"id": text, "name": text, "created": moment}),
    sort=("id", "name", "created"),
    columns=(
        *_flat(TEXT, "id", "app_id", "parent_app_project_id", "name", "status"),
        *_flat(INSTANT, "created"),
        *_flat(FLOAT, "item_price"),
        *_flat(TEXT, "parameters", json="object"),
        *_flat(TEXT, "errors", json="array"),
        *_flat(BOOLEAN, "read_only"),
        *_flat(TEXT, "app.id", "app.name"),
    ),
    life=Life(created="created", status="status", final=("ARCHIVED", "ARCHIVE", "ERROR")),
)

APP_ITEMS = Resource(
    name="app items",
    path="/app/v0/app-projects/{app_project_id}/items",
    rows="content",
    max_limit=1_000,
    filters={"batch_id": text, "status": one_of(AppItemStatus), "after_id": text}
    | compared({"id": text, "created": moment, "finished": moment}),
    sort=("id", "created", "finished", "status"),
    columns=(
        *_flat(TEXT, "id", "app_project_id", "batch_id", "status"),
        Fields("INPUT", ("input_data",), "input"),
        Fields("OUTPUT", ("output_data",), "output"),
        *_flat(TEXT, "errors", json="array"),
        *_flat(INSTANT, "created_at", "started_at", "finished_at"),
    ),
    life=Life(created="created_at", status="status", final=("COMPLETED", "ERROR", "CANCELLED", "ARCHIVE")),
)

ITEM_STATES = ("NEW", "QUEUED", "PROCESSING", "COMPLETED", "ERROR", "CANCELLED", "NO_MONEY", "ARCHIVE", "STOPPED")

APP_BATCHES = Resource(
    name="app batches",
    path="/app/v0/app-projects/{app_project_id}/batches",
    rows="content",
    max_limit=1_000,
    filters={"status": one_of(AppBatchStatus), "after_id": text} | compared({"id": text, "name": text, "created": moment}),
    sort=("id", "name", "created", "status"),
    columns=(
        *_flat(TEXT, "id", "app_project_id", "name", "status"),
        *_flat(INTEGER, "items_count", "items_processed_count"),
        *_flat(FLOAT, "item_price", "cost", "cost_of_processed", "confidence_avg"),
        *_flat(INSTANT, "created_at", "started_at", "finished_at"),
        *_flat(BOOLEAN, "read_only"),
        *_flat(TEXT, "priority_order"),
        *_flat(INTEGER, *(f"items_per_state.{state}" for state in ITEM_STATES)),
        *_flat(TEXT, "last_items_import.id"),
        *_flat(
            INTEGER,
            "last_items_import.records_count",
            "last_items_import.records_processed",
            "last_items_import.records_skipped",
        ),
        *_flat(TEXT, "last_items_import.errors", "validation_errors", json="object"),
        *_flat(INSTANT, "eta", "etd", "app_project_eta", "current_time"),
    ),
    life=Life(
        created="created_at",
        status="status",
        final=("COMPLETED", "ERROR", "CANCELLED", "ARCHIVE"),
        passing=("current_time",),
    ),
)
