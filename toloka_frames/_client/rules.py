"""Quality control rules in a line: a collector, its conditions and an action, as the API's form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from toloka_frames._errors import InputError
from toloka_frames._schema.condition_text import parse_conditions
from toloka_frames._schema.form_values import refuse
from toloka_frames._schema.quality_control import action_problems, config_problems
from toloka_frames._validation import id_text, is_whole, positive, text, validate

if TYPE_CHECKING:
    from toloka_frames._validation import Id

CollectorType: TypeAlias = Literal[
    "ACCEPTANCE_RATE",
    "ANSWER_COUNT",
    "ASSIGNMENTS_ASSESSMENT",
    "ASSIGNMENT_SUBMIT_TIME",
    "CAPTCHA",
    "GOLDEN_SET",
    "INCOME",
    "MAJORITY_VOTE",
    "SKIPPED_IN_ROW_ASSIGNMENTS",
    "TRAINING",
    "USERS_ASSESSMENT",
]
Conditions: TypeAlias = str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]]
Scope: TypeAlias = Literal["POOL", "PROJECT", "ALL_PROJECTS"]
PERMANENT = {"duration_unit": "PERMANENT"}


def rule(
    collector: CollectorType,
    conditions: Conditions,
    action: Mapping[str, Any],
    *,
    history_size: int | None = None,
    fast_submit_threshold_seconds: int | None = None,
    answer_threshold: int | None = None,
) -> dict[str, Any]:
    """Return a quality control rule: when the conditions on what a collector counts are met, the action is carried out.

    The rule is an element of `quality_control.configs` of a pool or a project, which `tf.pool_form(rules=[...])` fills. Names,
    operators and values are checked against what the collector has, and an action that does not fit it is refused.

    Args:
        collector: What is counted: `GOLDEN_SET` (answers to control tasks), `MAJORITY_VOTE`, `ASSIGNMENT_SUBMIT_TIME`,
            `SKIPPED_IN_ROW_ASSIGNMENTS`, `ANSWER_COUNT`, `INCOME`, `ACCEPTANCE_RATE` or `CAPTCHA` of a Toloker;
            `ASSIGNMENTS_ASSESSMENT` of a page of tasks; `USERS_ASSESSMENT`, `TRAINING`.
        conditions: A key, an operator (`<`, `<=`, `>`, `>=`, `==`, `!=`, or the API's `LT`, `EQ`, ...) and a value, such as
            "correct_answers_rate < 60". All have to be met: several in a list, or joined by " and ". Rates are percentages
            from 0 to 100, sums are US dollars.
        action: `tf.ban`, `tf.set_skill`, `tf.change_overlap`, `tf.approve_all` or `tf.reject_all`.
        history_size: How many of the newest answers, or pages, are counted; all of the pool by default.
        fast_submit_threshold_seconds: For `ASSIGNMENT_SUBMIT_TIME`, which needs it: a page that was submitted sooner is fast.
        answer_threshold: For `MAJORITY_VOTE`, which needs it: how many equal answers to a task are a majority.

    Returns:
        A dict with `collector_config` and `rules`, which can be changed.

    Raises:
        InputError: If the collector does not have the condition, operator, parameter or action, or a value is out of range;
            the message names the nearest name.

    Example:
        >>> rule = tf.rule("GOLDEN_SET", "correct_answers_rate < 60 and total_answers_count >= 3", tf.ban(days=1))
        >>> rule["rules"][0]["conditions"][0]
        {'key': 'correct_answers_rate', 'operator': 'LT', 'value': 60}
        >>> form = tf.pool_form(project.id, golden=1, rules=[rule])
        >>> client.create_pool(form).quality_control.configs[0].rules[0].action.type
        'RESTRICTION_V2'

    Source: Toloka API, "Create pool" (quality control rules); Toloka-Kit 1.2.3, `QualityControl.add_action`.
    """
    if not isinstance(action, Mapping):
        hint = (
            "Use tf.ban(days=1), tf.set_skill(skill, value), tf.change_overlap(delta), tf.approve_all() or tf.reject_all(why)."
        )
        raise InputError(f"action={action!r} is not an action.", column="action", hint=hint)
    parameters = {
        "history_size": history_size,
        "fast_submit_threshold_seconds": fast_submit_threshold_seconds,
        "answer_threshold": answer_threshold,
    }
    given = {name: value for name, value in parameters.items() if value is not None}
    config = {
        "collector_config": {"type": collector, **({"parameters": given} if given else {})},
        "rules": [{"conditions": _conditions(conditions), "action": deepcopy(dict(action))}],
    }
    refuse(config_problems(config))
    return config


def _conditions(conditions: Conditions) -> list[dict[str, Any]]:
    if not conditions or not isinstance(conditions, str | Mapping | Sequence):
        hint = "For example 'correct_answers_rate < 60', or a list of such texts."
        raise InputError(f"conditions={conditions!r}: at least one condition is needed.", column="conditions", hint=hint)
    found: list[dict[str, Any]] = []
    for condition in [conditions] if isinstance(conditions, str | Mapping) else conditions:
        if isinstance(condition, Mapping):
            found.append(deepcopy(dict(condition)))
        else:
            parsed = parse_conditions(validate("conditions", text, condition))
            found += [{"key": part.key, "operator": part.operator, "value": _value(part.key, part.values)} for part in parsed]
    return found


def _value(key: str, values: Sequence[Any]) -> Any:
    value = values[0] if len(values) == 1 else list(values)
    return str(value) if key == "skill_id" else value


def ban(
    *,
    days: int | None = None,
    hours: int | None = None,
    minutes: int | None = None,
    permanent: bool = False,
    scope: Scope = "PROJECT",
    comment: str | None = None,
) -> dict[str, Any]:
    """Return the action that bans a Toloker for some time, for `tf.rule`.

    Args:
        days: How long; exactly one of days, hours, minutes and permanent is needed.
        hours: How long.
        minutes: How long.
        permanent: Whether the ban has no end.
        scope: "POOL", "PROJECT" or "ALL_PROJECTS".
        comment: The reason, which only you see.

    Returns:
        An action of type `RESTRICTION_V2`.

    Raises:
        InputError: If the duration or the scope is not valid.

    Example:
        >>> tf.ban(days=1, comment="careless")["parameters"]
        {'scope': 'PROJECT', 'duration': 1, 'duration_unit': 'DAYS', 'private_comment': 'careless'}

    Source: Toloka API, "Create pool" (quality control rules).
    """
    units = {"days": days, "hours": hours, "minutes": minutes}
    given = {name: value for name, value in units.items() if value is not None}
    if len(given) + permanent != 1:
        raise InputError(
            "A ban needs one duration.", column="days", hint="Give one of days=, hours=, minutes= and permanent=True."
        )
    duration: dict[str, Any] = dict(PERMANENT)
    for unit, value in given.items():
        duration = {"duration": int(validate(unit, positive, value)), "duration_unit": unit.upper()}
    return _action("RESTRICTION_V2", scope=scope, **duration, private_comment=comment)


def set_skill(skill: Id, value: int | str) -> dict[str, Any]:
    """Return the action that sets a Toloker's skill, for `tf.rule`.

    Args:
        skill: The skill's id, or the skill.
        value: A whole number from 0 to 100, or the rate of the collector that becomes the value, such as
            "correct_answers_rate".

    Returns:
        An action of type `SET_SKILL`, or `SET_SKILL_FROM_OUTPUT_FIELD` for a rate.

    Raises:
        InputError: If the skill is not an id, or the value is not valid.

    Example:
        >>> tf.set_skill(skill, 80)["type"], tf.set_skill(skill, "correct_answers_rate")["type"]
        ('SET_SKILL', 'SET_SKILL_FROM_OUTPUT_FIELD')
        >>> rule = tf.rule("MAJORITY_VOTE", "total_answers_count > 4", tf.set_skill(skill, 80), answer_threshold=2)

    Source: Toloka API, "Create pool" (quality control rules).
    """
    skill_id = id_text("skill", skill)
    if isinstance(value, str):
        return _action("SET_SKILL_FROM_OUTPUT_FIELD", skill_id=skill_id, from_field=value)
    return _action("SET_SKILL", skill_id=skill_id, skill_value=int(value) if is_whole(value) else value)


def change_overlap(delta: int, *, open_pool: bool | None = None) -> dict[str, Any]:
    """Return the action that changes the overlap of a page of tasks, for `tf.rule`.

    Args:
        delta: The number of answers by which the overlap rises; it falls if the number is negative.
        open_pool: Whether a closed pool is opened; None leaves the choice to the service.

    Returns:
        An action of type `CHANGE_OVERLAP`, which fits the collectors `ASSIGNMENTS_ASSESSMENT` and `USERS_ASSESSMENT`.

    Raises:
        InputError: If the change is not a whole number, or 0.

    Example:
        >>> again = tf.change_overlap(1, open_pool=True)
        >>> rule = tf.rule("ASSIGNMENTS_ASSESSMENT", "assessment_event == REJECT", again)
        >>> rule["rules"][0]["action"]
        {'type': 'CHANGE_OVERLAP', 'parameters': {'delta': 1, 'open_pool': True}}

    Source: Toloka API, "Create pool" (quality control rules).
    """
    return _action("CHANGE_OVERLAP", delta=delta, open_pool=open_pool)


def approve_all() -> dict[str, Any]:
    """Return the action that accepts all pages of a Toloker in the pool, for `tf.rule`.

    Returns:
        An action of type `APPROVE_ALL_ASSIGNMENTS`, for pools with `auto_accept_solutions=False`.

    Example:
        >>> rule = tf.rule("GOLDEN_SET", "correct_answers_rate > 80", tf.approve_all(), history_size=10)

    Source: Toloka API, "Create pool" (quality control rules); Toloka-Kit 1.2.3, `ApproveAllAssignments`.
    """
    return _action("APPROVE_ALL_ASSIGNMENTS")


def reject_all(comment: str) -> dict[str, Any]:
    """Return the action that rejects all pages of a Toloker in the pool, for `tf.rule`.

    Args:
        comment: The reason, which the Toloker sees.

    Returns:
        An action of type `REJECT_ALL_ASSIGNMENTS`, for pools with `auto_accept_solutions=False`.

    Raises:
        InputError: If there is no reason.

    Example:
        >>> too_fast = tf.reject_all("Answers within 5 seconds cannot be right.")
        >>> rule = tf.rule("ASSIGNMENT_SUBMIT_TIME", "fast_submitted_count > 3", too_fast, fast_submit_threshold_seconds=5)

    Source: Toloka API, "Create pool" (quality control rules); Toloka-Kit 1.2.3, `RejectAllAssignments`.
    """
    return _action("REJECT_ALL_ASSIGNMENTS", public_comment=comment)


def _action(type_: str, **parameters: Any) -> dict[str, Any]:
    given = {name: value for name, value in parameters.items() if value is not None}
    action = {"type": type_, **({"parameters": given} if given else {})}
    refuse(action_problems(action))
    return action
