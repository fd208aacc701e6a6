"""What a list of the API is, as data: path, keywords, sort keys, limits, columns.

The lists themselves stand in `_pool_resources`, `_people_resources` and `_app_resources`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cached_property
from string import Formatter
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from toloka_frames._schema import keywords
from toloka_frames._schema.columns import (
    BOOLEAN,
    FLOAT,
    INSTANT,
    INTEGER,
    TEXT,
    TEXTS,
    Column,
    JsonShape,
    Path,
    PathStep,
    SpecFields,
)
from toloka_frames._schema.filters import filters_of
from toloka_frames._validation import Filter, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa

    from toloka_frames._schema.columns import Path
    from toloka_frames._validation import Filter

# A page is held whole, as JSON and as Arrow: of the lists that allow 100,000 rows a page, whose rows can be kilobytes, a walk
# asks for fewer at once, which costs one more request in ten thousand rows and keeps memory and read timeouts in bounds.
PAGE_ROWS = 10_000


@dataclass(frozen=True)
class RowLifecycle:
    """Which columns tell how a row of a list lives.

    Attributes:
        id: Its id.
        created: When it was made, which the list can be compared by; None where it cannot.
        status: Its state; None where it has none, so that every row is final.
        final: The states that it does not leave.
        passing: What is another each time it is asked for.
        fluid: Whether rows change, or go away, and no state tells of it, so that no copy can be kept up to date.
    """

    id: str = "id"
    created: str | None = None
    status: str | None = None
    final: tuple[str, ...] = ()
    passing: tuple[str, ...] = ()
    fluid: bool = False


@dataclass(frozen=True)
class Resource:
    """A list of the API.

    Attributes:
        name: Its name in messages, as "app batches".
        path: Its path behind `/api`, with the names of its path parameters in braces.
        rows: The key of its rows in a page.
        max_limit: The most rows a page can have.
        keywords: Its filters, as a TypedDict of `_keywords`.
        sort: Sort keys.
        columns: The columns of its frames.
        one_of: Filters of which at least one is needed; empty when none is.
        needs: For a filter's value, another filter that it needs.
        cursor: What a walk goes by: a key of the rows that no two share, to sort by and to compare with.
        life: How its rows live.
    """

    name: str
    path: str
    rows: Literal["items", "content"]
    max_limit: int
    keywords: type
    sort: tuple[str, ...]
    columns: tuple[Column | SpecFields, ...]
    one_of: tuple[str, ...] = ()
    needs: Mapping[tuple[str, str], str] = field(default_factory=dict)
    cursor: str = "id"
    life: RowLifecycle = RowLifecycle()

    def __getstate__(self) -> dict[str, Any]:
        # a pickle without what is made from the rest
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @cached_property
    def filters(self) -> Mapping[str, Filter]:
        """Query parameters and what they take."""
        return {**dict.fromkeys(self.one_of, text), **filters_of(self.keywords)}

    @cached_property
    def places(self) -> tuple[str, ...]:
        """The names of the path parameters."""
        return tuple(name for _, name, _, _ in Formatter().parse(self.path) if name)

    @property
    def needed(self) -> tuple[str, ...]:
        """What it cannot be asked without."""
        return self.places or (self.one_of if len(self.one_of) == 1 else ())

    @property
    def page_rows(self) -> int:
        """Rows a page of a walk has unless batch_size says otherwise."""
        return min(self.max_limit, PAGE_ROWS)


def flat_columns(arrow_type: pa.DataType, *names: str, json: JsonShape | None = None) -> Iterator[Column]:
    """Columns of a type, named as their places in a row, dotted."""
    for name in names:
        yield Column(name, tuple(name.split(".")), arrow_type, json)


def nested_columns(
    prefix: str, base: Path, arrow_type: pa.DataType, *names: str, json: JsonShape | None = None
) -> Iterator[Column]:
    """The same behind a path, with a prefix of their own."""
    for name in names:
        yield Column(f"{prefix}{name}", (*base, *name.split(".")), arrow_type, json)


OWNER = (*flat_columns(TEXT, "owner.id"), *flat_columns(BOOLEAN, "owner.myself"), *flat_columns(TEXT, "owner.company_id"))


PROJECTS = Resource(
    name="projects",
    path="/v1/projects",
    rows="items",
    max_limit=300,
    keywords=keywords.Projects,
    sort=("id", "created", "public_name", "private_comment"),
    columns=(
        *flat_columns(TEXT, "id", "public_name", "public_description", "status"),
        *flat_columns(INSTANT, "created"),
        *flat_columns(TEXT, "private_comment", "public_instructions"),
        *flat_columns(TEXT, "task_spec.input_spec", "task_spec.output_spec", "task_spec.view_spec", json="object"),
        *flat_columns(TEXT, "assignments_issuing_type"),
        *flat_columns(TEXT, "assignments_issuing_view_config", json="object"),
        *flat_columns(BOOLEAN, "assignments_automerge_enabled"),
        *flat_columns(INTEGER, "max_active_assignments_count"),
        *flat_columns(TEXT, "quality_control", "localization_config", "metadata", json="object"),
        *flat_columns(BOOLEAN, "sensitive"),
        *OWNER,
    ),
    life=RowLifecycle(created="created", status="status", final=("ARCHIVED",)),
)

POOLS = Resource(
    name="pools",
    path="/v1/pools",
    rows="items",
    max_limit=300,
    keywords=keywords.Pools,
    sort=("id", "created", "last_started"),
    columns=(
        *flat_columns(TEXT, "id", "project_id", "private_name", "status", "last_close_reason", "type"),
        *flat_columns(FLOAT, "reward_per_assignment"),
        *flat_columns(INSTANT, "created", "last_started", "last_stopped", "will_expire"),
        *flat_columns(TEXT, "private_comment", "public_description", "public_instructions"),
        *flat_columns(BOOLEAN, "may_contain_adult_content"),
        *flat_columns(INTEGER, "auto_close_after_complete_delay_seconds", "assignment_max_duration_seconds"),
        *flat_columns(BOOLEAN, "auto_accept_solutions"),
        *flat_columns(INTEGER, "auto_accept_period_day", "priority"),
        *flat_columns(INTEGER, "defaults.default_overlap_for_new_task_suites", "defaults.default_overlap_for_new_tasks"),
        *flat_columns(BOOLEAN, "assignments_issuing_config.issue_task_suites_in_creation_order"),
        *flat_columns(TEXT, "filter", "quality_control", "mixer_config", "dynamic_overlap_config", json="object"),
        *flat_columns(TEXT, "dynamic_pricing_config", "training_config", "speed_quality_balance", "metadata", json="object"),
        *OWNER,
    ),
    life=RowLifecycle(created="created", status="status", final=("ARCHIVED",)),
)

TRAININGS = Resource(
    name="trainings",
    path="/v1/trainings",
    rows="items",
    max_limit=300,
    keywords=keywords.Trainings,
    sort=("id", "created", "last_started"),
    columns=(
        *flat_columns(TEXT, "id", "project_id", "private_name", "status", "last_close_reason"),
        *flat_columns(INSTANT, "created", "last_started", "last_stopped"),
        *flat_columns(BOOLEAN, "inherited_instructions"),
        *flat_columns(TEXT, "public_instructions"),
        *flat_columns(BOOLEAN, "may_contain_adult_content"),
        *flat_columns(INTEGER, "assignment_max_duration_seconds"),
        *flat_columns(BOOLEAN, "mix_tasks_in_creation_order", "shuffle_tasks_in_task_suite"),
        *flat_columns(
            INTEGER, "training_tasks_in_task_suite_count", "task_suites_required_to_pass", "retry_training_after_days"
        ),
        *flat_columns(TEXT, "metadata", json="object"),
        *OWNER,
    ),
    life=RowLifecycle(created="created", status="status", final=("ARCHIVED",)),
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
        yield from nested_columns(prefix, base, arrow_type, name)
    known = (*base, "known_solutions", PathStep.FIRST, "correctness_weight")
    yield Column(f"{prefix}known_solutions.correctness_weight", known, FLOAT)
    yield from nested_columns(prefix, base, TEXT, "baseline_solutions", json="array")


def _values(base: Path) -> Iterator[Column | SpecFields]:
    """A task's known solution and hint, wherever it stands, under the names of the platform's own files."""
    # the first of several only, as in those files, which have one column for it; the others are in `extra`
    yield SpecFields("GOLDEN", (*base, "known_solutions", PathStep.FIRST, "output_values"), "output")
    yield Column("HINT:text", (*base, "message_on_unknown_solution"), TEXT)
    yield Column("HINT:default_language", (*base, "localization_config", "default_language"), TEXT)


TASKS = Resource(
    name="tasks",
    path="/v1/tasks",
    rows="items",
    max_limit=100_000,
    keywords=keywords.Tasks,
    sort=("id", "created"),
    columns=(
        *flat_columns(TEXT, "id", "pool_id"),
        SpecFields("INPUT", ("input_values",), "input"),
        *_values(()),
        *_task("", ()),
    ),
    one_of=("pool_id",),
    life=RowLifecycle(created="created"),
)

IN_TASK: Path = ("tasks", PathStep.EACH)

TASK_SUITES = Resource(
    name="task suites",
    path="/v1/task-suites",
    rows="items",
    max_limit=100_000,
    keywords=keywords.TaskSuites,
    sort=("id", "created"),
    columns=(
        SpecFields("INPUT", (*IN_TASK, "input_values"), "input"),
        *_values(IN_TASK),
        *nested_columns("TASK:", IN_TASK, TEXT, "id", "pool_id"),
        *_task("TASK:", IN_TASK),
        *nested_columns("SUITE:", (), TEXT, "id", "pool_id"),
        *nested_columns("SUITE:", (), INSTANT, "created"),
        *nested_columns("SUITE:", (), INTEGER, "overlap"),
        *nested_columns("SUITE:", (), BOOLEAN, "infinite_overlap"),
        *nested_columns("SUITE:", (), INTEGER, "remaining_overlap"),
        *nested_columns(
            "SUITE:", (), TEXTS, "reserved_for", "unavailable_for", "traits_all_of", "traits_any_of", "traits_none_of_any"
        ),
        *nested_columns("SUITE:", (), FLOAT, "issuing_order_override", "longitude", "latitude"),
        *nested_columns("SUITE:", (), BOOLEAN, "mixed", "automerged"),
    ),
    one_of=("pool_id", "task_id"),
    life=RowLifecycle(id="SUITE:id", created="SUITE:created"),
)

ASSIGNMENTS = Resource(
    name="assignments",
    path="/v1/assignments",
    rows="items",
    max_limit=100_000,
    keywords=keywords.Assignments,
    sort=("id", "created", "submitted", "accepted", "rejected", "skipped", "expired"),
    columns=(
        SpecFields("INPUT", (*IN_TASK, "input_values"), "input"),
        SpecFields("OUTPUT", ("solutions", PathStep.EACH, "output_values"), "output"),
        *_values(IN_TASK),
        Column("ASSIGNMENT:link", ("id",), TEXT, link="/task/"),
        Column("ASSIGNMENT:task_id", (*IN_TASK, "id"), TEXT),
        Column("ASSIGNMENT:assignment_id", ("id",), TEXT),
        Column("ASSIGNMENT:task_suite_id", ("task_suite_id",), TEXT),
        Column("ASSIGNMENT:worker_id", ("user_id",), TEXT),
        Column("ASSIGNMENT:status", ("status",), TEXT),
        # `created` is called so in the platform's files
        Column("ASSIGNMENT:started", ("created",), INSTANT),
        *nested_columns("ASSIGNMENT:", (), INSTANT, "submitted", "accepted", "rejected", "skipped", "expired"),
        *nested_columns("ASSIGNMENT:", (), FLOAT, "reward"),
        *nested_columns("ASSIGNMENT:", (), TEXT, "pool_id", "public_comment"),
        *nested_columns("ASSIGNMENT:", (), TEXTS, "bonus_ids"),
        *nested_columns("ASSIGNMENT:", (), BOOLEAN, "mixed", "automerged"),
        *nested_columns("ASSIGNMENT:", (), TEXT, "owner.id"),
        *nested_columns("ASSIGNMENT:", (), BOOLEAN, "owner.myself"),
        *nested_columns("ASSIGNMENT:", (), TEXT, "owner.company_id"),
        Column(
            "ASSIGNMENT:first_declined_solution_attempt", ("first_declined_solution_attempt", PathStep.EACH), TEXT, "object"
        ),
        *nested_columns("TASK:", IN_TASK, TEXT, "pool_id"),
        *_task("TASK:", IN_TASK),
    ),
    one_of=("pool_id", "task_id", "task_suite_id"),
    life=RowLifecycle(
        id="ASSIGNMENT:assignment_id",
        created="ASSIGNMENT:started",
        status="ASSIGNMENT:status",
        final=("ACCEPTED", "SKIPPED", "EXPIRED"),  # what is REJECTED can still be accepted
    ),
)

AGGREGATED_SOLUTIONS = Resource(
    name="aggregated solutions",
    path="/v1/aggregated-solutions/{operation_id}",
    rows="items",
    max_limit=100_000,
    keywords=keywords.AggregatedSolutions,
    sort=("task_id",),
    columns=(
        *flat_columns(TEXT, "task_id", "pool_id"),
        SpecFields("OUTPUT", ("output_values",), "output"),
        *flat_columns(FLOAT, "confidence"),
    ),
    cursor="task_id",
    life=RowLifecycle(id="task_id"),
)

ATTACHMENTS = Resource(
    name="attachments",
    path="/v1/attachments",
    rows="items",
    max_limit=100,
    keywords=keywords.Attachments,
    sort=("id", "created"),
    columns=(
        *flat_columns(TEXT, "id", "name", "media_type", "attachment_type"),
        *flat_columns(TEXT, "details.pool_id", "details.assignment_id", "details.user_id"),
        *flat_columns(INSTANT, "created"),
        *OWNER,
    ),
    one_of=("pool_id", "assignment_id"),
    life=RowLifecycle(created="created"),
)


OPERATIONS = Resource(
    name="operations",
    path="/v1/operations",
    rows="items",
    max_limit=500,
    keywords=keywords.Operations,
    sort=("id", "submitted", "finished"),
    columns=(
        *flat_columns(TEXT, "id", "type", "status"),
        *flat_columns(INSTANT, "submitted", "started", "finished"),
        *flat_columns(INTEGER, "progress"),
        *flat_columns(TEXT, "parameters", "details", json="object"),
    ),
)

SKILLS = Resource(
    name="skills",
    path="/v1/skills",
    rows="items",
    max_limit=100,
    keywords=keywords.Skills,
    sort=("id", "created"),
    columns=(
        *flat_columns(TEXT, "id", "name"),
        *flat_columns(TEXT, "public_name", "public_requester_description", json="object"),
        *flat_columns(TEXT, "private_comment"),
        *flat_columns(BOOLEAN, "hidden"),
        *flat_columns(INTEGER, "skill_ttl_hours"),
        *flat_columns(BOOLEAN, "training", "deprecated", "global"),
        *flat_columns(INSTANT, "created"),
        *OWNER,
    ),
    life=RowLifecycle(created="created", fluid=True),
)

USER_SKILLS = Resource(
    name="user skills",
    path="/v1/user-skills",
    rows="items",
    max_limit=1_000,
    keywords=keywords.UserSkills,
    sort=("id", "created", "modified"),
    columns=(
        *flat_columns(TEXT, "id", "skill_id", "user_id"),
        *flat_columns(INTEGER, "value"),
        *flat_columns(FLOAT, "exact_value"),
        *flat_columns(INSTANT, "created", "modified"),
    ),
    life=RowLifecycle(created="created", fluid=True),
)

USER_RESTRICTIONS = Resource(
    name="user restrictions",
    path="/v1/user-restrictions",
    rows="items",
    max_limit=500,
    keywords=keywords.UserRestrictions,
    sort=("id", "created"),
    columns=(
        *flat_columns(TEXT, "id", "scope", "user_id", "project_id", "pool_id", "private_comment"),
        *flat_columns(INSTANT, "created", "will_expire"),
    ),
    needs={("scope", "PROJECT"): "project_id", ("scope", "POOL"): "pool_id"},
    life=RowLifecycle(created="created", fluid=True),
)

USER_BONUSES = Resource(
    name="user bonuses",
    path="/v1/user-bonuses",
    rows="items",
    max_limit=300,
    keywords=keywords.UserBonuses,
    sort=("id", "created"),
    columns=(
        *flat_columns(TEXT, "id", "user_id"),
        *flat_columns(FLOAT, "amount"),
        *flat_columns(TEXT, "assignment_id", "private_comment"),
        *flat_columns(TEXT, "public_title", "public_message", json="object"),
        *flat_columns(BOOLEAN, "without_message"),
        *flat_columns(INSTANT, "created"),
    ),
    life=RowLifecycle(created="created"),
)

MESSAGE_THREADS = Resource(
    name="message threads",
    path="/v1/message-threads",
    rows="items",
    max_limit=300,
    keywords=keywords.MessageThreads,
    sort=("id", "created"),
    columns=(
        *flat_columns(TEXT, "id", "parent_id"),
        *flat_columns(TEXT, "topic", json="object"),
        *flat_columns(TEXTS, "folders"),
        *flat_columns(BOOLEAN, "answerable"),
        *flat_columns(INSTANT, "created"),
        *flat_columns(TEXT, "meta.pool_id", "meta.project_id", "meta.assignment_id"),
        *flat_columns(BOOLEAN, "interlocutors_inlined"),
        *flat_columns(TEXT, "interlocutors", json="array"),
        *flat_columns(BOOLEAN, "messages_inlined"),
        *flat_columns(TEXT, "messages", json="array"),
        *flat_columns(TEXT, "compose_details.recipients_select_type"),
        *flat_columns(TEXTS, "compose_details.recipients_ids"),
        *flat_columns(TEXT, "compose_details.recipients_filter", json="object"),
    ),
    life=RowLifecycle(created="created", fluid=True),
)

# Toloka-Kit walks these by `created`, which a PUT of several gives to all of them, and so loses rows; ids are no two rows' own.
WEBHOOK_SUBSCRIPTIONS = Resource(
    name="webhook subscriptions",
    path="/v1/webhook-subscriptions",
    rows="items",
    max_limit=300,
    keywords=keywords.WebhookSubscriptions,
    sort=("id", "created"),
    columns=(
        *flat_columns(TEXT, "id", "event_type", "pool_id", "webhook_url"),
        *flat_columns(INSTANT, "created"),
    ),
    life=RowLifecycle(created="created", fluid=True),
)


APPS = Resource(
    name="apps",
    path="/app/v0/apps",
    rows="content",
    max_limit=1_000,
    keywords=keywords.Apps,
    sort=("id",),
    columns=(
        *flat_columns(TEXT, "id", "name", "image", "description"),
        *flat_columns(FLOAT, "default_item_price"),
        *flat_columns(TEXT, "examples", json="array"),
    ),
)

APP_PROJECTS = Resource(
    name="app projects",
    path="/app/v0/app-projects",
    rows="content",
    max_limit=5_000,
    keywords=keywords.AppProjects,
    sort=("id", "name", "created"),
    columns=(
        *flat_columns(TEXT, "id", "app_id", "parent_app_project_id", "name", "status"),
        *flat_columns(INSTANT, "created"),
        *flat_columns(FLOAT, "item_price"),
        *flat_columns(TEXT, "parameters", json="object"),
        *flat_columns(TEXT, "errors", json="array"),
        *flat_columns(BOOLEAN, "read_only"),
        *flat_columns(TEXT, "app.id", "app.name"),
    ),
    # the Apps API's document has both spellings of the archive
    life=RowLifecycle(created="created", status="status", final=("ARCHIVED", "ARCHIVE", "ERROR")),
)

APP_ITEMS = Resource(
    name="app items",
    path="/app/v0/app-projects/{app_project_id}/items",
    rows="content",
    max_limit=1_000,
    keywords=keywords.AppItems,
    sort=("id", "created", "finished", "status"),
    columns=(
        *flat_columns(TEXT, "id", "app_project_id", "batch_id", "status"),
        SpecFields("INPUT", ("input_data",), "input"),
        SpecFields("OUTPUT", ("output_data",), "output"),
        *flat_columns(TEXT, "errors", json="array"),
        *flat_columns(INSTANT, "created_at", "started_at", "finished_at"),
    ),
    life=RowLifecycle(created="created_at", status="status", final=("COMPLETED", "ERROR", "CANCELLED", "ARCHIVE")),
)

ITEM_STATES = ("NEW", "QUEUED", "PROCESSING", "COMPLETED", "ERROR", "CANCELLED", "NO_MONEY", "ARCHIVE", "STOPPED")

APP_BATCHES = Resource(
    name="app batches",
    path="/app/v0/app-projects/{app_project_id}/batches",
    rows="content",
    max_limit=1_000,
    keywords=keywords.AppBatches,
    sort=("id", "name", "created", "status"),
    columns=(
        *flat_columns(TEXT, "id", "app_project_id", "name", "status"),
        # so in nearly all examples of the Apps API and in Toloka-Kit 1.2.3; the schema has item_count
        *flat_columns(INTEGER, "items_count", "items_processed_count"),
        *flat_columns(FLOAT, "item_price", "cost", "cost_of_processed", "confidence_avg"),
        *flat_columns(INSTANT, "created_at", "started_at", "finished_at"),
        *flat_columns(BOOLEAN, "read_only"),
        *flat_columns(TEXT, "priority_order"),
        *flat_columns(INTEGER, *(f"items_per_state.{state}" for state in ITEM_STATES)),
        *flat_columns(TEXT, "last_items_import.id"),
        *flat_columns(
            INTEGER,
            "last_items_import.records_count",
            "last_items_import.records_processed",
            "last_items_import.records_skipped",
        ),
        *flat_columns(TEXT, "last_items_import.errors", "validation_errors", json="object"),
        *flat_columns(INSTANT, "eta", "etd", "app_project_eta", "current_time"),
    ),
    life=RowLifecycle(
        created="created_at",
        status="status",
        final=("COMPLETED", "ERROR", "CANCELLED", "ARCHIVE"),
        # the service's clock when it answered
        passing=("current_time",),
    ),
)


def creation_key(resource: Resource) -> tuple[str, str] | None:
    """What a list can be compared and sorted by that tells when a row was made and never changes, and its column."""
    for key, column in (("created", resource.life.created), ("submitted", "submitted")):
        if column is not None and key in resource.sort and f"{key}_gte" in resource.filters:
            return key, column
    return None
