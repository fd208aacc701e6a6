"""Settings of a pool in a call: its pages of tasks, and which Tolokers get them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from toloka_frames._errors import InputError
from toloka_frames._schema.condition_text import parse_conditions
from toloka_frames._schema.form_fields import mixer_problems
from toloka_frames._schema.form_values import EQUALITY, refuse, unknown_name
from toloka_frames._schema.pool_filters import ANY_SKILL, FILTER_KEYS, INCLUSION, SKILL, FilterKey, filter_problems

if TYPE_CHECKING:
    from toloka_frames._schema.condition_text import TextCondition

FilterPart: TypeAlias = str | Mapping[str, Any]


def mixer(
    *,
    real: int = 0,
    golden: int = 0,
    training: int = 0,
    min_real: int | None = None,
    min_golden: int | None = None,
    min_training: int | None = None,
    force_last_assignment: bool | None = None,
    force_last_assignment_delay_seconds: int | None = None,
    mix_tasks_in_creation_order: bool | None = None,
    shuffle_tasks_in_task_suite: bool | None = None,
    golden_task_distribution_function: Mapping[str, Any] | None = None,
    training_task_distribution_function: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the settings of a pool's pages: its `mixer_config`.

    Args:
        real: The number of tasks on a page, without control and training tasks.
        golden: The number of control tasks.
        training: The number of training tasks.
        min_real: The number of tasks that the last page needs at least; `real` by default.
        min_golden: The same for control tasks.
        min_training: The same for training tasks.
        force_last_assignment: Whether a last page with fewer tasks than `min_real` is handed out; True at the service.
        force_last_assignment_delay_seconds: How long the service waits before that, in seconds, up to a day.
        mix_tasks_in_creation_order: Whether pages are filled in the order in which tasks were created.
        shuffle_tasks_in_task_suite: Whether the tasks of a page are in random order; True at the service.
        golden_task_distribution_function: How the number of control tasks changes with a Toloker's tasks, as in the API.
        training_task_distribution_function: The same for training tasks.

    Returns:
        A dict with the names of the API.

    Raises:
        InputError: If a number is out of range, or the page has no tasks.

    Example:
        >>> tf.mixer(real=4, golden=1)
        {'real_tasks_count': 4, 'golden_tasks_count': 1, 'training_tasks_count': 0}
        >>> form = tf.pool_form(project.id, mixer=tf.mixer(real=9, golden=1, min_real=1))

    Source: Toloka API, "Create pool" (`MixerConfig`).
    """
    if not (real or golden or training):
        raise InputError("A page needs tasks.", column="real", hint="For example tf.mixer(real=4, golden=1).")
    settings = {
        "real_tasks_count": real,
        "golden_tasks_count": golden,
        "training_tasks_count": training,
        "min_real_tasks_count": min_real,
        "min_golden_tasks_count": min_golden,
        "min_training_tasks_count": min_training,
        "force_last_assignment": force_last_assignment,
        "force_last_assignment_delay_seconds": force_last_assignment_delay_seconds,
        "mix_tasks_in_creation_order": mix_tasks_in_creation_order,
        "shuffle_tasks_in_task_suite": shuffle_tasks_in_task_suite,
        "golden_task_distribution_function": golden_task_distribution_function,
        "training_task_distribution_function": training_task_distribution_function,
    }
    given = {name: value for name, value in settings.items() if value is not None}
    refuse(mixer_problems(given))
    return given


def filter(*conditions: FilterPart | Sequence[FilterPart]) -> dict[str, Any]:  # noqa: A001 -- the API's name; used as tf.filter
    """Return a pool's filter: which Tolokers get its tasks.

    Keys: `languages`, `country`, `citizenship`, `gender`, `education`, `date_of_birth`, `city`, `adult_allowed`, `verified`,
    `region_by_phone`, `region_by_ip`, `client_type`, `device_category`, `os_family`, `user_agent_type`, `user_agent_family`,
    versions such as `os_version_major`, and `skill:` with a skill's id.

    Args:
        *conditions: All have to be met. A condition is text: a key, an operator and a value, such as "languages in EN",
            "country in US, CA", "os_version >= 12" or "skill:1234 >= 80"; "skill:1234 == none" selects Tolokers without the
            skill. Of the conditions in a list, one is enough. A condition can also be a dict of the API.

    Returns:
        A dict as in the API: `{"and": [{"or": [condition, ...]}, ...]}`.

    Raises:
        InputError: If a key, an operator or a value is not valid; the message names the nearest.

    Example:
        >>> expert = f"skill:{skill.id} >= 80"
        >>> page = tf.filter("languages in EN", expert, ["client_type == BROWSER", "client_type == TOLOKA_APP"])
        >>> page["and"][0]
        {'or': [{'category': 'profile', 'key': 'languages', 'operator': 'IN', 'value': 'EN'}]}
        >>> client.create_pool(tf.pool_form(project.id, filter=page)).status
        'CLOSED'

    Source: Toloka API, "Create pool" (filters); Toloka-Kit 1.2.3, `filter`.
    """
    groups = [group for part in conditions for group in (_any_of(part) if _is_list(part) else _all_of(part))]
    if not groups:
        raise InputError("A filter needs a condition.", column="filter", hint="For example tf.filter('languages in EN').")
    found = {"and": groups}
    refuse(filter_problems(found))
    return found


def _is_list(part: Any) -> bool:
    return isinstance(part, Sequence) and not isinstance(part, str)


def _any_of(parts: Any) -> list[dict[str, Any]]:
    """Return the one group of alternatives; an alternative that is several conditions is an "and" within it."""
    alternatives: list[dict[str, Any]] = []
    for part in parts:
        groups = _all_of(part)
        alternatives += groups[0]["or"] if len(groups) == 1 else [{"and": groups}]
    return [{"or": alternatives}] if alternatives else []


def _all_of(part: Any) -> list[dict[str, Any]]:
    """Return a group for each condition that has to be met."""
    if isinstance(part, Mapping):
        return [dict(part)] if part.keys() == {"or"} else [{"or": [dict(part)]}]
    if not isinstance(part, str):
        raise InputError(f"{part!r} is not a condition.", column="filter", hint="For example 'languages in EN'.")
    return [group for condition in parse_conditions(part) for group in _groups(condition)]


def _groups(condition: TextCondition) -> list[dict[str, Any]]:
    """Return a condition as groups: one of them with an alternative for each value, or, for `not in`, one for each value."""
    name, key = _key_of(condition)
    equal, unequal = INCLUSION if key.operators == INCLUSION else EQUALITY
    same = {"EQ": equal, "IN": equal, "NE": unequal, "NOT_IN": unequal}
    operator = same.get(condition.operator, condition.operator)
    if operator not in key.operators:
        raise unknown_name(f"{name} has", "operator", condition.operator, key.operators).error()
    parts = [{"category": key.category, "key": name, "operator": operator, "value": value} for value in condition.values]
    return [{"or": parts}] if operator == equal else [{"or": [part]} for part in parts]


def _key_of(condition: TextCondition) -> tuple[str, FilterKey]:
    category, _, name = condition.key.rpartition(":")
    if category.lower() == SKILL:
        return name, ANY_SKILL
    if condition.key not in FILTER_KEYS:
        raise unknown_name("A filter has", "key", condition.key, [*FILTER_KEYS, "skill:ID"]).error()
    return condition.key, FILTER_KEYS[condition.key]
