"""Fields of the forms of pools and projects, and the problems of such forms.

Source: Toloka API, "Create pool", "Create project" (`PoolFormV1`, `PoolViewV1`, `ProjectFormV1`, `ProjectViewV1`); Toloka-Kit
1.2.3 (`Pool`, `Project`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from toloka_frames._schema.form_values import FLAG, Problem, ValueKind, number, unknown_name, value_problems, whole
from toloka_frames._schema.pool_filters import filter_problems
from toloka_frames._schema.quality_control import quality_control_problems, review_problems
from toloka_frames._validation import nearest_hint

if TYPE_CHECKING:
    from collections.abc import Iterator


class PoolFields(TypedDict, total=False):
    """Fields of a pool that `tf.pool_form` takes by their names in the API."""

    private_comment: str
    public_description: str
    public_instructions: str
    auto_close_after_complete_delay_seconds: int
    auto_accept_period_day: int
    priority: int
    dynamic_pricing_config: Mapping[str, Any]
    dynamic_overlap_config: Mapping[str, Any]
    assignments_issuing_config: Mapping[str, Any]
    training_config: Mapping[str, Any]
    speed_quality_balance: Mapping[str, Any]
    metadata: Mapping[str, Any]


class ProjectFields(TypedDict, total=False):
    """Fields of a project that `tf.project_form` takes by their names in the API."""

    private_comment: str
    assignments_issuing_type: str
    assignments_issuing_view_config: Mapping[str, Any]
    assignments_automerge_enabled: bool
    max_active_assignments_count: int
    quality_control: Mapping[str, Any]
    localization_config: Mapping[str, Any]
    metadata: Mapping[str, Any]
    sensitive: bool


class TrainingFields(TypedDict, total=False):
    """Fields of a training that `tf.training_form` takes by their names in the API."""

    public_instructions: str
    retry_training_after_days: int
    metadata: Mapping[str, Any]


# set by the service; a pool or a project that was read has them
OF_THE_SERVICE = ("id", "owner", "status", "created")
POOL_FIELDS = (
    *("project_id", "private_name", "may_contain_adult_content", "will_expire", "reward_per_assignment"),
    *("assignment_max_duration_seconds", "auto_accept_solutions", "defaults", "mixer_config", "filter", "quality_control"),
    *("training", *PoolFields.__annotations__),
)
PROJECT_FIELDS = (*("public_name", "public_description", "public_instructions", "task_spec"), *ProjectFields.__annotations__)
READ_POOL_FIELDS = (*POOL_FIELDS, *OF_THE_SERVICE, "type", "last_close_reason", "last_started", "last_stopped")
READ_PROJECT_FIELDS = (*PROJECT_FIELDS, *OF_THE_SERVICE)

MIN_REWARD = 0.005  # US dollars
MAX_OVERLAP = 30_000
MAX_PAGE_TASKS = 500
OVERLAP = whole(1, MAX_OVERLAP)
PAGE_TASKS = whole(0, MAX_PAGE_TASKS)


def _is_reward(value: Any) -> bool:
    found = number(value)
    return found is not None and (found == 0 or found >= MIN_REWARD)


REWARD = ValueKind(f"US dollars, at least {MIN_REWARD}, or 0 for a pool of only control and training tasks", _is_reward)
POOL_VALUES: Mapping[str, ValueKind] = {
    "reward_per_assignment": REWARD,
    "assignment_max_duration_seconds": whole(5),
    "auto_close_after_complete_delay_seconds": whole(0, 259_200),
    "auto_accept_period_day": whole(1, 21),
    "priority": whole(0, 100),
    "auto_accept_solutions": FLAG,
    "may_contain_adult_content": FLAG,
}
# by the keywords of `tf.training_form`
TRAINING_VALUES: Mapping[str, ValueKind] = {
    "tasks": whole(1, MAX_PAGE_TASKS),
    "pages": whole(1, MAX_PAGE_TASKS),
    "assignment_max_duration_seconds": whole(5),
    "retry_training_after_days": whole(1),
    **dict.fromkeys(
        (
            *("inherited_instructions", "may_contain_adult_content"),
            *("mix_tasks_in_creation_order", "shuffle_tasks_in_task_suite"),
        ),
        FLAG,
    ),
}
TASK_KINDS = ("real", "golden", "training")
DISTRIBUTION = ValueKind("an object", lambda value: isinstance(value, Mapping))
MIXER_VALUES: Mapping[str, ValueKind] = {
    **{f"{kind}_tasks_count": PAGE_TASKS for kind in TASK_KINDS},
    **{f"min_{kind}_tasks_count": PAGE_TASKS for kind in TASK_KINDS},
    "force_last_assignment": FLAG,
    "force_last_assignment_delay_seconds": whole(0, 86_400),
    "mix_tasks_in_creation_order": FLAG,
    "shuffle_tasks_in_task_suite": FLAG,
    "golden_task_distribution_function": DISTRIBUTION,
    "training_task_distribution_function": DISTRIBUTION,
}


def pool_problems(form: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with the names, the page, the filter and the rules of a pool."""
    yield from _misspelt("A pool", form, READ_POOL_FIELDS)
    mixer = form.get("mixer_config")
    if isinstance(mixer, Mapping):
        yield from mixer_problems(mixer)
    yield from filter_problems(form.get("filter"))
    yield from quality_control_problems(form.get("quality_control"))
    # true by default
    yield from review_problems(form.get("quality_control")) if form.get("auto_accept_solutions", True) else ()


def project_problems(form: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with the names and the rules of a project."""
    yield from _misspelt("A project", form, READ_PROJECT_FIELDS)
    yield from quality_control_problems(form.get("quality_control"))


def mixer_problems(mixer: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the problems of a pool's `mixer_config`."""
    yield from value_problems("mixer_config", mixer, MIXER_VALUES)
    for kind in TASK_KINDS:
        least, count = number(mixer.get(f"min_{kind}_tasks_count")), number(mixer.get(f"{kind}_tasks_count"))
        if least is not None and count is not None and least > count:
            message = f"min_{kind}_tasks_count is {least:g}, more than {kind}_tasks_count, which is {count:g}."
            yield Problem(message, "", f"min_{kind}_tasks_count")


def _misspelt(owner: str, form: Mapping[str, Any], known: Sequence[str]) -> Iterator[Problem]:
    """Yield names that are similar to known ones; the service may have others that the documents do not mention."""
    for name in form:
        if name not in known and nearest_hint(str(name), known):
            yield unknown_name(f"{owner} has", "field", name, known)
