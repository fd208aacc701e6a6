"""The lists of the API as data: path, filters, sort keys, limits, columns.

Sources: Toloka API and Apps API, the documents of the lists; Toloka-Kit 1.2.3 where they differ from the service.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cached_property
from string import Formatter
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, get_type_hints

from toloka_frames._schema import keywords
from toloka_frames._schema.columns import (
    BOOLEAN,
    FLOAT,
    INTEGER,
    TEXT,
    TEXTS,
    TIMESTAMP,
    Column,
    PathStep,
    SpecFields,
    ValuePath,
)
from toloka_frames._schema.filters import filters_of
from toloka_frames._validation import Id, identifier

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa

    from toloka_frames._schema.field_types import JsonShape
    from toloka_frames._validation import Check

# A page is in memory as JSON and as Arrow at once, and a row can have kilobytes. For lists that allow 100,000 rows per page, a
# smaller page costs one more request per 10,000 rows, and keeps memory and read timeouts bounded.
MAX_PAGE_ROWS = 10_000


class RowLifecycle(NamedTuple):
    """How rows of a list are created and change.

    Attributes:
        id: The column of the id.
        created: The column of the creation time, if the list can be filtered by it.
        status: The column of the status, if rows have one; without a status, a row never changes.
        final: The statuses after which a row does not change.
        volatile_columns: Columns whose value differs on every request.
        untracked: Whether rows can change or disappear without a change of status; a copy of such a list cannot be kept up
            to date.
    """

    id: str = "id"
    created: str | None = None
    status: str | None = None
    final: tuple[str, ...] = ()
    volatile_columns: tuple[str, ...] = ()
    untracked: bool = False


@dataclass(frozen=True)
class Resource:
    """A list of the API.

    Attributes:
        name: The name in messages, as in "app batches".
        path: Path after `/api`, with path parameters in braces.
        rows_key: The page's key of the list of rows.
        max_limit: Maximum number of rows per page.
        keywords: The filters, as a TypedDict of `_schema/keywords.py`, without the positional argument.
        sort: Sort keys.
        columns: Columns of the frames.
        one_of: Filters of which a request needs at least one; empty if a request needs none.
        needs: For a value of a filter, another filter that it needs.
        first: The filter that a list is requested by most often, with its description: an optional positional argument.
        cursor: The unique key that pages are sorted and resumed by.
        life: How rows are created and change.
    """

    name: str
    path: str
    rows_key: Literal["items", "content"]
    max_limit: int
    keywords: type
    sort: tuple[str, ...]
    columns: tuple[Column | SpecFields, ...]
    one_of: tuple[str, ...] = ()
    first: tuple[str, str] | None = None
    needs: Mapping[tuple[str, str], str] = field(default_factory=dict)
    cursor: str = "id"
    life: RowLifecycle = field(default_factory=RowLifecycle)

    # made when they are first used, because most programs use few of the lists
    @cached_property
    def keyword_hints(self) -> Mapping[str, Any]:
        """Type hints of the filters, with their descriptions."""
        # skills are requested by their name
        first_type = Id | None if self.first and self.first[0].endswith("_id") else str | None
        first = {} if self.first is None else {self.first[0]: Annotated[first_type, self.first[1]]}
        return {**first, **get_type_hints(self.keywords, include_extras=True)}

    @cached_property
    def filters(self) -> Mapping[str, Check]:
        """For each filter, the check that converts its value to the text of the query parameter."""
        types = {name: hint.__origin__ for name, hint in self.keyword_hints.items()}
        return {**dict.fromkeys(self.one_of, identifier), **filters_of(types)}

    @cached_property
    def path_params(self) -> tuple[str, ...]:
        """Names of the path parameters."""
        return tuple(name for _, name, _, _ in Formatter().parse(self.path) if name)

    @property
    def required(self) -> tuple[str, ...]:
        """What a request always needs: the path parameters, or the only filter of `one_of`."""
        return self.path_params or (self.one_of if len(self.one_of) == 1 else ())

    @property
    def positional(self) -> tuple[str, ...]:
        """The names of the positional arguments: what is required, or else `first`."""
        return self.required or (() if self.first is None else self.first[:1])

    @cached_property
    def page_rows(self) -> int:
        """Rows per page unless `batch_size` is given."""
        return min(self.max_limit, MAX_PAGE_ROWS)

    @cached_property
    def creation_key(self) -> tuple[str, str] | None:
        """The key that sorts and filters rows by their creation time, and its column; None if there is none."""
        for key, column in (("created", self.life.created), ("submitted", "submitted")):
            if column is not None and key in self.sort and f"{key}_gte" in self.filters:
                return key, column
        return None

    def __reduce__(self) -> tuple[Any, ...]:
        # the checks of the filters are closures, which cannot be pickled
        return Resource, tuple(getattr(self, item.name) for item in fields(self))


def flat_columns(arrow_type: pa.DataType, *names: str, json: JsonShape | None = None) -> Iterator[Column]:
    """Yield columns of one type, each named like its dotted path in the row."""
    for name in names:
        yield Column(name, tuple(name.split(".")), arrow_type, json)


def nested_columns(
    prefix: str, base: ValuePath, arrow_type: pa.DataType, *names: str, json: JsonShape | None = None
) -> Iterator[Column]:
    """Yield columns of one type whose values are below a path, with a prefix in their names."""
    for name in names:
        yield Column(f"{prefix}{name}", (*base, *name.split(".")), arrow_type, json)


# -- Projects, pools and trainings

OWNER = (*flat_columns(TEXT, "owner.id"), *flat_columns(BOOLEAN, "owner.myself"), *flat_columns(TEXT, "owner.company_id"))


PROJECTS = Resource(
    name="projects",
    path="/v1/projects",
    rows_key="items",
    max_limit=300,
    keywords=keywords.Projects,
    sort=("id", "created", "public_name", "private_comment"),
    columns=(
        *flat_columns(TEXT, "id", "public_name", "public_description", "status"),
        *flat_columns(TIMESTAMP, "created"),
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
    rows_key="items",
    max_limit=300,
    keywords=keywords.Pools,
    first=("project_id", "Only pools of this project."),
    sort=("id", "created", "last_started"),
    columns=(
        *flat_columns(TEXT, "id", "project_id", "private_name", "status", "last_close_reason", "type"),
        *flat_columns(FLOAT, "reward_per_assignment"),
        *flat_columns(TIMESTAMP, "created", "last_started", "last_stopped", "will_expire"),
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
    rows_key="items",
    max_limit=300,
    keywords=keywords.Trainings,
    first=("project_id", "Only trainings of this project."),
    sort=("id", "created", "last_started"),
    columns=(
        *flat_columns(TEXT, "id", "project_id", "private_name", "status", "last_close_reason"),
        *flat_columns(TIMESTAMP, "created", "last_started", "last_stopped"),
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

# -- Tasks, task suites and their results

TASK_COLUMNS = (
    ("created", TIMESTAMP),
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


def _task_columns(prefix: str, base: ValuePath) -> Iterator[Column]:
    """Yield the columns of a task except its values."""
    for name, arrow_type in TASK_COLUMNS:
        yield from nested_columns(prefix, base, arrow_type, name)
    known = (*base, "known_solutions", PathStep.FIRST, "correctness_weight")
    yield Column(f"{prefix}known_solutions.correctness_weight", known, FLOAT)
    yield from nested_columns(prefix, base, TEXT, "baseline_solutions", json="array")


def _solution_columns(base: ValuePath) -> Iterator[Column | SpecFields]:
    """Yield the columns of a task's known solution and hint, named like in the platform's files."""
    # those files have one column, for the first known solution; further ones are in `extra`
    yield SpecFields("GOLDEN", (*base, "known_solutions", PathStep.FIRST, "output_values"), "output")
    yield Column("HINT:text", (*base, "message_on_unknown_solution"), TEXT)
    yield Column("HINT:default_language", (*base, "localization_config", "default_language"), TEXT)


TASKS = Resource(
    name="tasks",
    path="/v1/tasks",
    rows_key="items",
    max_limit=100_000,
    keywords=keywords.Tasks,
    sort=("id", "created"),
    columns=(
        *flat_columns(TEXT, "id", "pool_id"),
        SpecFields("INPUT", ("input_values",), "input"),
        *_solution_columns(()),
        *_task_columns("", ()),
    ),
    one_of=("pool_id",),
    life=RowLifecycle(created="created"),
)

IN_TASK: ValuePath = ("tasks", PathStep.EACH)

TASK_SUITES = Resource(
    name="task suites",
    path="/v1/task-suites",
    rows_key="items",
    max_limit=100_000,
    keywords=keywords.TaskSuites,
    first=("pool_id", "Only task suites of this pool. One of pool_id, task_id is needed."),
    sort=("id", "created"),
    columns=(
        SpecFields("INPUT", (*IN_TASK, "input_values"), "input"),
        *_solution_columns(IN_TASK),
        *nested_columns("TASK:", IN_TASK, TEXT, "id", "pool_id"),
        *_task_columns("TASK:", IN_TASK),
        *nested_columns("SUITE:", (), TEXT, "id", "pool_id"),
        *nested_columns("SUITE:", (), TIMESTAMP, "created"),
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
    rows_key="items",
    max_limit=100_000,
    keywords=keywords.Assignments,
    first=("pool_id", "Only assignments in this pool. One of pool_id, task_id, task_suite_id is needed."),
    sort=("id", "created", "submitted", "accepted", "rejected", "skipped", "expired"),
    columns=(
        SpecFields("INPUT", (*IN_TASK, "input_values"), "input"),
        SpecFields("OUTPUT", ("solutions", PathStep.EACH, "output_values"), "output"),
        *_solution_columns(IN_TASK),
        Column("ASSIGNMENT:link", ("id",), TEXT, link="/task/"),
        Column("ASSIGNMENT:task_id", (*IN_TASK, "id"), TEXT),
        Column("ASSIGNMENT:assignment_id", ("id",), TEXT),
        Column("ASSIGNMENT:task_suite_id", ("task_suite_id",), TEXT),
        Column("ASSIGNMENT:worker_id", ("user_id",), TEXT),
        Column("ASSIGNMENT:status", ("status",), TEXT),
        # the name of `created` in the platform's files
        Column("ASSIGNMENT:started", ("created",), TIMESTAMP),
        *nested_columns("ASSIGNMENT:", (), TIMESTAMP, "submitted", "accepted", "rejected", "skipped", "expired"),
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
        *_task_columns("TASK:", IN_TASK),
    ),
    one_of=("pool_id", "task_id", "task_suite_id"),
    life=RowLifecycle(
        id="ASSIGNMENT:assignment_id",
        created="ASSIGNMENT:started",
        status="ASSIGNMENT:status",
        final=("ACCEPTED", "SKIPPED", "EXPIRED"),  # a REJECTED assignment can still be accepted
    ),
)

AGGREGATED_SOLUTIONS = Resource(
    name="aggregated solutions",
    path="/v1/aggregated-solutions/{operation_id}",
    rows_key="items",
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
    rows_key="items",
    max_limit=100,
    keywords=keywords.Attachments,
    first=("pool_id", "Only files of this pool. One of pool_id, assignment_id is needed."),
    sort=("id", "created"),
    columns=(
        *flat_columns(TEXT, "id", "name", "media_type", "attachment_type"),
        *flat_columns(TEXT, "details.pool_id", "details.assignment_id", "details.user_id"),
        *flat_columns(TIMESTAMP, "created"),
        *OWNER,
    ),
    one_of=("pool_id", "assignment_id"),
    life=RowLifecycle(created="created"),
)

# -- Operations

OPERATIONS = Resource(
    name="operations",
    path="/v1/operations",
    rows_key="items",
    max_limit=500,
    keywords=keywords.Operations,
    sort=("id", "submitted", "finished"),
    columns=(
        *flat_columns(TEXT, "id", "type", "status"),
        *flat_columns(TIMESTAMP, "submitted", "started", "finished"),
        *flat_columns(INTEGER, "progress"),
        *flat_columns(TEXT, "parameters", "details", json="object"),
    ),
)

# -- Tolokers, messages and webhooks

SKILLS = Resource(
    name="skills",
    path="/v1/skills",
    rows_key="items",
    max_limit=100,
    keywords=keywords.Skills,
    first=("name", "Only skills of this name."),
    sort=("id", "created"),
    columns=(
        *flat_columns(TEXT, "id", "name"),
        *flat_columns(TEXT, "public_name", "public_requester_description", json="object"),
        *flat_columns(TEXT, "private_comment"),
        *flat_columns(BOOLEAN, "hidden"),
        *flat_columns(INTEGER, "skill_ttl_hours"),
        *flat_columns(BOOLEAN, "training", "deprecated", "global"),
        *flat_columns(TIMESTAMP, "created"),
        *OWNER,
    ),
    life=RowLifecycle(created="created", untracked=True),
)

USER_SKILLS = Resource(
    name="user skills",
    path="/v1/user-skills",
    rows_key="items",
    max_limit=1_000,
    keywords=keywords.UserSkills,
    first=("user_id", "Only skills of this Toloker."),
    sort=("id", "created", "modified"),
    columns=(
        *flat_columns(TEXT, "id", "skill_id", "user_id"),
        *flat_columns(INTEGER, "value"),
        *flat_columns(FLOAT, "exact_value"),
        *flat_columns(TIMESTAMP, "created", "modified"),
    ),
    life=RowLifecycle(created="created", untracked=True),
)

USER_RESTRICTIONS = Resource(
    name="user restrictions",
    path="/v1/user-restrictions",
    rows_key="items",
    max_limit=500,
    keywords=keywords.UserRestrictions,
    first=("user_id", "Only bans of this Toloker."),
    sort=("id", "created"),
    columns=(
        *flat_columns(TEXT, "id", "scope", "user_id", "project_id", "pool_id", "private_comment"),
        *flat_columns(TIMESTAMP, "created", "will_expire"),
    ),
    needs={("scope", "PROJECT"): "project_id", ("scope", "POOL"): "pool_id"},
    life=RowLifecycle(created="created", untracked=True),
)

USER_BONUSES = Resource(
    name="user bonuses",
    path="/v1/user-bonuses",
    rows_key="items",
    max_limit=300,
    keywords=keywords.UserBonuses,
    first=("user_id", "Only bonuses of this Toloker."),
    sort=("id", "created"),
    columns=(
        *flat_columns(TEXT, "id", "user_id"),
        *flat_columns(FLOAT, "amount"),
        *flat_columns(TEXT, "assignment_id", "private_comment"),
        *flat_columns(TEXT, "public_title", "public_message", json="object"),
        *flat_columns(BOOLEAN, "without_message"),
        *flat_columns(TIMESTAMP, "created"),
    ),
    life=RowLifecycle(created="created"),
)

MESSAGE_THREADS = Resource(
    name="message threads",
    path="/v1/message-threads",
    rows_key="items",
    max_limit=300,
    keywords=keywords.MessageThreads,
    sort=("id", "created"),
    columns=(
        *flat_columns(TEXT, "id", "parent_id"),
        *flat_columns(TEXT, "topic", json="object"),
        *flat_columns(TEXTS, "folders"),
        *flat_columns(BOOLEAN, "answerable"),
        *flat_columns(TIMESTAMP, "created"),
        *flat_columns(TEXT, "meta.pool_id", "meta.project_id", "meta.assignment_id"),
        *flat_columns(BOOLEAN, "interlocutors_inlined"),
        *flat_columns(TEXT, "interlocutors", json="array"),
        *flat_columns(BOOLEAN, "messages_inlined"),
        *flat_columns(TEXT, "messages", json="array"),
        *flat_columns(TEXT, "compose_details.recipients_select_type"),
        *flat_columns(TEXTS, "compose_details.recipients_ids"),
        *flat_columns(TEXT, "compose_details.recipients_filter", json="object"),
    ),
    life=RowLifecycle(created="created", untracked=True),
)

# Toloka-Kit pages through this list by `created`, which is the same for all subscriptions of one PUT, and so loses rows. The id
# is unique.
WEBHOOK_SUBSCRIPTIONS = Resource(
    name="webhook subscriptions",
    path="/v1/webhook-subscriptions",
    rows_key="items",
    max_limit=300,
    keywords=keywords.WebhookSubscriptions,
    first=("pool_id", "Only subscriptions to events of this pool."),
    sort=("id", "created"),
    columns=(
        *flat_columns(TEXT, "id", "event_type", "pool_id", "webhook_url"),
        *flat_columns(TIMESTAMP, "created"),
    ),
    life=RowLifecycle(created="created", untracked=True),
)

# -- Apps

APPS = Resource(
    name="apps",
    path="/app/v0/apps",
    rows_key="content",
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
    rows_key="content",
    max_limit=5_000,
    keywords=keywords.AppProjects,
    first=("app_id", "Only projects of this app."),
    sort=("id", "name", "created"),
    columns=(
        *flat_columns(TEXT, "id", "app_id", "parent_app_project_id", "name", "status"),
        *flat_columns(TIMESTAMP, "created"),
        *flat_columns(FLOAT, "item_price"),
        *flat_columns(TEXT, "parameters", json="object"),
        *flat_columns(TEXT, "errors", json="array"),
        *flat_columns(BOOLEAN, "read_only"),
        *flat_columns(TEXT, "app.id", "app.name"),
    ),
    # the Apps API's document spells the status both ways
    life=RowLifecycle(created="created", status="status", final=("ARCHIVED", "ARCHIVE", "ERROR")),
)

APP_ITEMS = Resource(
    name="app items",
    path="/app/v0/app-projects/{app_project_id}/items",
    rows_key="content",
    max_limit=1_000,
    keywords=keywords.AppItems,
    sort=("id", "created", "finished", "status"),
    columns=(
        *flat_columns(TEXT, "id", "app_project_id", "batch_id", "status"),
        SpecFields("INPUT", ("input_data",), "input"),
        SpecFields("OUTPUT", ("output_data",), "output"),
        *flat_columns(TEXT, "errors", json="array"),
        *flat_columns(TIMESTAMP, "created_at", "started_at", "finished_at"),
    ),
    life=RowLifecycle(created="created_at", status="status", final=("COMPLETED", "ERROR", "CANCELLED", "ARCHIVE")),
)

ITEM_STATES = ("NEW", "QUEUED", "PROCESSING", "COMPLETED", "ERROR", "CANCELLED", "NO_MONEY", "ARCHIVE", "STOPPED")

APP_BATCHES = Resource(
    name="app batches",
    path="/app/v0/app-projects/{app_project_id}/batches",
    rows_key="content",
    max_limit=1_000,
    keywords=keywords.AppBatches,
    sort=("id", "name", "created", "status"),
    columns=(
        *flat_columns(TEXT, "id", "app_project_id", "name", "status"),
        # the name in nearly all examples of the Apps API and in Toloka-Kit 1.2.3; the schema says item_count
        *flat_columns(INTEGER, "items_count", "items_processed_count"),
        *flat_columns(FLOAT, "item_price", "cost", "cost_of_processed", "confidence_avg"),
        *flat_columns(TIMESTAMP, "created_at", "started_at", "finished_at"),
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
        *flat_columns(TIMESTAMP, "eta", "etd", "app_project_eta", "current_time"),
    ),
    life=RowLifecycle(
        created="created_at",
        status="status",
        final=("COMPLETED", "ERROR", "CANCELLED", "ARCHIVE"),
        # the service's clock at the time of the response
        volatile_columns=("current_time",),
    ),
)
