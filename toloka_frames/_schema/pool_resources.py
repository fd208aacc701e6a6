"""The lists of projects and of all that is done in their pools, as data.

Sources: the Toloka API's OpenAPI document, with the maxima of Toloka-Kit 1.2.3's docstrings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toloka_frames._schema import keywords as keywords
from toloka_frames._schema.columns import BOOLEAN, FLOAT, INSTANT, INTEGER, TEXT, TEXTS, Column, Fields, Path, Step
from toloka_frames._schema.resources import OWNER, Life, Resource, at, flat

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECTS = Resource(
    name="projects",
    path="/v1/projects",
    rows="items",
    max_limit=300,
    keywords=keywords.Projects,
    sort=("id", "created", "public_name", "private_comment"),
    columns=(
        *flat(TEXT, "id", "public_name", "public_description", "status"),
        *flat(INSTANT, "created"),
        *flat(TEXT, "private_comment", "public_instructions"),
        *flat(TEXT, "task_spec.input_spec", "task_spec.output_spec", "task_spec.view_spec", json="object"),
        *flat(TEXT, "assignments_issuing_type"),
        *flat(TEXT, "assignments_issuing_view_config", json="object"),
        *flat(BOOLEAN, "assignments_automerge_enabled"),
        *flat(INTEGER, "max_active_assignments_count"),
        *flat(TEXT, "quality_control", "localization_config", "metadata", json="object"),
        *flat(BOOLEAN, "sensitive"),
        *OWNER,
    ),
    life=Life(created="created", status="status", final=("ARCHIVED",)),
)

POOLS = Resource(
    name="pools",
    path="/v1/pools",
    rows="items",
    max_limit=300,
    keywords=keywords.Pools,
    sort=("id", "created", "last_started"),
    columns=(
        *flat(TEXT, "id", "project_id", "private_name", "status", "last_close_reason", "type"),
        *flat(FLOAT, "reward_per_assignment"),
        *flat(INSTANT, "created", "last_started", "last_stopped", "will_expire"),
        *flat(TEXT, "private_comment", "public_description", "public_instructions"),
        *flat(BOOLEAN, "may_contain_adult_content"),
        *flat(INTEGER, "auto_close_after_complete_delay_seconds", "assignment_max_duration_seconds"),
        *flat(BOOLEAN, "auto_accept_solutions"),
        *flat(INTEGER, "auto_accept_period_day", "priority"),
        *flat(INTEGER, "defaults.default_overlap_for_new_task_suites", "defaults.default_overlap_for_new_tasks"),
        *flat(BOOLEAN, "assignments_issuing_config.issue_task_suites_in_creation_order"),
        *flat(TEXT, "filter", "quality_control", "mixer_config", "dynamic_overlap_config", json="object"),
        *flat(TEXT, "dynamic_pricing_config", "training_config", "speed_quality_balance", "metadata", json="object"),
        *OWNER,
    ),
    life=Life(created="created", status="status", final=("ARCHIVED",)),
)

TRAININGS = Resource(
    name="trainings",
    path="/v1/trainings",
    rows="items",
    max_limit=300,
    keywords=keywords.Trainings,
    sort=("id", "created", "last_started"),
    columns=(
        *flat(TEXT, "id", "project_id", "private_name", "status", "last_close_reason"),
        *flat(INSTANT, "created", "last_started", "last_stopped"),
        *flat(BOOLEAN, "inherited_instructions"),
        *flat(TEXT, "public_instructions"),
        *flat(BOOLEAN, "may_contain_adult_content"),
        *flat(INTEGER, "assignment_max_duration_seconds"),
        *flat(BOOLEAN, "mix_tasks_in_creation_order", "shuffle_tasks_in_task_suite"),
        *flat(INTEGER, "training_tasks_in_task_suite_count", "task_suites_required_to_pass", "retry_training_after_days"),
        *flat(TEXT, "metadata", json="object"),
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
        yield from at(prefix, base, arrow_type, name)
    known = (*base, "known_solutions", Step.FIRST, "correctness_weight")
    yield Column(f"{prefix}known_solutions.correctness_weight", known, FLOAT)
    yield from at(prefix, base, TEXT, "baseline_solutions", json="array")


def _values(base: Path) -> Iterator[Column | Fields]:
    """A task's known solution and hint, wherever it stands, under the names of the platform's own files."""
    # the first of several only, as in those files, which have one column for it; the others are in `extra`
    yield Fields("GOLDEN", (*base, "known_solutions", Step.FIRST, "output_values"), "output")
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
        *flat(TEXT, "id", "pool_id"),
        Fields("INPUT", ("input_values",), "input"),
        *_values(()),
        *_task("", ()),
    ),
    one_of=("pool_id",),
    life=Life(created="created"),
)

IN_TASK: Path = ("tasks", Step.EACH)

TASK_SUITES = Resource(
    name="task suites",
    path="/v1/task-suites",
    rows="items",
    max_limit=100_000,
    keywords=keywords.TaskSuites,
    sort=("id", "created"),
    columns=(
        Fields("INPUT", (*IN_TASK, "input_values"), "input"),
        *_values(IN_TASK),
        *at("TASK:", IN_TASK, TEXT, "id", "pool_id"),
        *_task("TASK:", IN_TASK),
        *at("SUITE:", (), TEXT, "id", "pool_id"),
        *at("SUITE:", (), INSTANT, "created"),
        *at("SUITE:", (), INTEGER, "overlap"),
        *at("SUITE:", (), BOOLEAN, "infinite_overlap"),
        *at("SUITE:", (), INTEGER, "remaining_overlap"),
        *at("SUITE:", (), TEXTS, "reserved_for", "unavailable_for", "traits_all_of", "traits_any_of", "traits_none_of_any"),
        *at("SUITE:", (), FLOAT, "issuing_order_override", "longitude", "latitude"),
        *at("SUITE:", (), BOOLEAN, "mixed", "automerged"),
    ),
    one_of=("pool_id", "task_id"),
    life=Life(id="SUITE:id", created="SUITE:created"),
)

ASSIGNMENTS = Resource(
    name="assignments",
    path="/v1/assignments",
    rows="items",
    max_limit=100_000,
    keywords=keywords.Assignments,
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
        # `created` is called so in the platform's files
        Column("ASSIGNMENT:started", ("created",), INSTANT),
        *at("ASSIGNMENT:", (), INSTANT, "submitted", "accepted", "rejected", "skipped", "expired"),
        *at("ASSIGNMENT:", (), FLOAT, "reward"),
        *at("ASSIGNMENT:", (), TEXT, "pool_id", "public_comment"),
        *at("ASSIGNMENT:", (), TEXTS, "bonus_ids"),
        *at("ASSIGNMENT:", (), BOOLEAN, "mixed", "automerged"),
        *at("ASSIGNMENT:", (), TEXT, "owner.id"),
        *at("ASSIGNMENT:", (), BOOLEAN, "owner.myself"),
        *at("ASSIGNMENT:", (), TEXT, "owner.company_id"),
        Column("ASSIGNMENT:first_declined_solution_attempt", ("first_declined_solution_attempt", Step.EACH), TEXT, "object"),
        *at("TASK:", IN_TASK, TEXT, "pool_id"),
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

AGGREGATED_SOLUTIONS = Resource(
    name="aggregated solutions",
    path="/v1/aggregated-solutions/{operation_id}",
    rows="items",
    max_limit=100_000,
    keywords=keywords.AggregatedSolutions,
    sort=("task_id",),
    columns=(
        *flat(TEXT, "task_id", "pool_id"),
        Fields("OUTPUT", ("output_values",), "output"),
        *flat(FLOAT, "confidence"),
    ),
    cursor="task_id",
    life=Life(id="task_id"),
)

ATTACHMENTS = Resource(
    name="attachments",
    path="/v1/attachments",
    rows="items",
    max_limit=100,
    keywords=keywords.Attachments,
    sort=("id", "created"),
    columns=(
        *flat(TEXT, "id", "name", "media_type", "attachment_type"),
        *flat(TEXT, "details.pool_id", "details.assignment_id", "details.user_id"),
        *flat(INSTANT, "created"),
        *OWNER,
    ),
    one_of=("pool_id", "assignment_id"),
    life=Life(created="created"),
)
