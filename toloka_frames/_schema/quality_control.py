"""Quality control: what each collector, condition and action of the API has, and the problems of rules.

Source: Toloka API, "Create pool" (`PipelineConfigDtoV1`); Toloka-Kit 1.2.3 (`collectors`,
`conditions`, `actions`), which says what fits each collector. `history_size` is of either. `TRAINING` is documented by neither:
it has the actions of `GOLDEN_SET`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from toloka_frames._schema import form_values as kinds
from toloka_frames._schema.form_values import COUNT, PERCENTAGE, POSITIVE, Problem, ValueKind, unknown_name, value_problems

if TYPE_CHECKING:
    from collections.abc import Iterator

CONDITIONS: Mapping[str, ValueKind] = {
    "accepted_assignments_count": COUNT,
    "accepted_assignments_rate": PERCENTAGE,
    "assessment_event": kinds.one_of("ACCEPT", "ACCEPT_AFTER_REJECT", "REJECT"),
    "assignments_accepted_count": COUNT,
    "correct_answers_rate": PERCENTAGE,
    "fail_rate": PERCENTAGE,
    "fast_submitted_count": COUNT,
    "golden_set_answers_count": COUNT,
    "golden_set_correct_answers_rate": PERCENTAGE,
    "golden_set_incorrect_answers_rate": PERCENTAGE,
    "income_sum_for_last_24_hours": kinds.AMOUNT,  # US dollars
    "incorrect_answers_rate": PERCENTAGE,
    "next_assignment_available": kinds.FLAG,
    "pending_assignments_count": COUNT,
    "pool_access_revoked_reason": kinds.one_of("SKILL_CHANGE", "RESTRICTION"),
    "rejected_assignments_count": COUNT,
    "rejected_assignments_rate": PERCENTAGE,
    "skill_id": kinds.ID,
    "skipped_in_row_count": COUNT,
    "stored_results_count": COUNT,
    "submitted_assignments_count": COUNT,
    "success_rate": PERCENTAGE,
    "total_answers_count": COUNT,
    "total_assignments_count": COUNT,
    "total_submitted_count": COUNT,
}

# actions of the API's document without a description; their parameters are not known
UNDESCRIBED_ACTIONS = ("CLEAN_ASSIGNMENTS_HISTORY", "CLEAN_COLLECTOR", "SET_POOL_COMPLETE")
RESTRICTIONS = ("RESTRICTION_V2", "RESTRICTION")
VERDICTS = ("APPROVE_ALL_ASSIGNMENTS", "REJECT_ALL_ASSIGNMENTS")
OF_WORKERS = (*RESTRICTIONS, "SET_SKILL", *VERDICTS)
OF_RATES = (*OF_WORKERS, "SET_SKILL_FROM_OUTPUT_FIELD")
PERMANENT = "PERMANENT"
DURATION_UNITS = ("MINUTES", "HOURS", "DAYS", PERMANENT)
SCOPES = ("POOL", "PROJECT", "ALL_PROJECTS")


@dataclass(frozen=True)
class Collector:
    """What a collector has.

    Attributes:
        conditions: The keys of its conditions.
        actions: The types of its actions.
        parameters: Its parameters.
        required: Those without which it counts nothing.
    """

    conditions: Sequence[str]
    actions: Sequence[str] = OF_WORKERS
    parameters: Mapping[str, ValueKind] = field(default_factory=dict)
    required: Sequence[str] = ()


@dataclass(frozen=True)
class Action:
    """The parameters of an action, and those that it needs."""

    parameters: Mapping[str, ValueKind] = field(default_factory=dict)
    required: Sequence[str] = ()


HISTORY: Mapping[str, ValueKind] = {"history_size": POSITIVE}
ANSWERS = ("total_answers_count", "correct_answers_rate", "incorrect_answers_rate")
COLLECTORS: Mapping[str, Collector] = {
    "ACCEPTANCE_RATE": Collector(
        ("total_assignments_count", "accepted_assignments_rate", "rejected_assignments_rate"), OF_RATES, HISTORY
    ),
    "ANSWER_COUNT": Collector(("assignments_accepted_count",)),
    "ASSIGNMENTS_ASSESSMENT": Collector(
        ("pending_assignments_count", "accepted_assignments_count", "rejected_assignments_count", "assessment_event"),
        ("CHANGE_OVERLAP",),
        HISTORY,
    ),
    "ASSIGNMENT_SUBMIT_TIME": Collector(
        ("total_submitted_count", "fast_submitted_count"),
        OF_WORKERS,
        {**HISTORY, "fast_submit_threshold_seconds": POSITIVE},
        ("fast_submit_threshold_seconds",),
    ),
    "CAPTCHA": Collector(("stored_results_count", "success_rate", "fail_rate"), OF_RATES, HISTORY),
    "GOLDEN_SET": Collector(
        (
            *ANSWERS,
            "golden_set_answers_count",
            "golden_set_correct_answers_rate",
            "golden_set_incorrect_answers_rate",
        ),
        OF_RATES,
        HISTORY,
    ),
    "INCOME": Collector(("income_sum_for_last_24_hours",)),
    "MAJORITY_VOTE": Collector(ANSWERS, OF_RATES, {**HISTORY, "answer_threshold": POSITIVE}, ("answer_threshold",)),
    "SKIPPED_IN_ROW_ASSIGNMENTS": Collector(("skipped_in_row_count",)),
    "TRAINING": Collector((*ANSWERS, "submitted_assignments_count", "next_assignment_available"), OF_RATES),
    "USERS_ASSESSMENT": Collector(("pool_access_revoked_reason", "skill_id"), ("CHANGE_OVERLAP",), HISTORY),
}

COMMENT: Mapping[str, ValueKind] = {"private_comment": kinds.TEXT}
SCOPE = kinds.one_of(*SCOPES)
# the API's document calls one of the rates "wrong"
RATES = (*(key for key, kind in CONDITIONS.items() if kind is PERCENTAGE), "wrong_answers_rate")
ACTIONS: Mapping[str, Action] = {
    "RESTRICTION_V2": Action(
        {"scope": SCOPE, "duration": POSITIVE, "duration_unit": kinds.one_of(*DURATION_UNITS), **COMMENT},
        ("scope", "duration_unit"),
    ),
    "RESTRICTION": Action({"scope": SCOPE, "duration_days": POSITIVE, **COMMENT}, ("scope",)),
    "SET_SKILL": Action({"skill_id": kinds.ID, "skill_value": kinds.whole(0, 100)}, ("skill_id", "skill_value")),
    "SET_SKILL_FROM_OUTPUT_FIELD": Action(
        {"skill_id": kinds.ID, "from_field": kinds.one_of(*RATES)},
        ("skill_id", "from_field"),
    ),
    "CHANGE_OVERLAP": Action({"delta": kinds.CHANGE, "open_pool": kinds.FLAG}, ("delta",)),
    "APPROVE_ALL_ASSIGNMENTS": Action(),
    "REJECT_ALL_ASSIGNMENTS": Action({"public_comment": kinds.TEXT}, ("public_comment",)),
}


def quality_control_problems(quality_control: Any) -> Iterator[Problem]:
    """Yield the problems of the rules of a pool or a project; values of other shapes are left to the service."""
    configs = quality_control.get("configs") if isinstance(quality_control, Mapping) else None
    for config in configs if isinstance(configs, Sequence) and not isinstance(configs, str) else ():
        if isinstance(config, Mapping):
            yield from config_problems(config)


def review_problems(quality_control: Any) -> Iterator[Problem]:
    """Yield the problem of each action that judges answers, in a pool that accepts all of them."""
    configs = _object(quality_control).get("configs")
    for config in map(_object, configs if isinstance(configs, list) else ()):
        for type_ in [_object(_object(rule).get("action")).get("type") for rule in config.get("rules") or ()]:
            if type_ in VERDICTS:
                message = f"The action {type_} has no effect in a pool that accepts all answers."
                yield Problem(message, "Set auto_accept_solutions=False.", "auto_accept_solutions")


def config_problems(config: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the problems of a collector and its rules."""
    collector = _object(config.get("collector_config"))
    type_ = collector.get("type")
    known = COLLECTORS.get(type_) if isinstance(type_, str) else None
    if known is None:
        yield unknown_name("There is", "collector", type_, list(COLLECTORS))
        return
    yield from _parameter_problems(f"The collector {type_}", _object(collector.get("parameters")), known)
    for rule in map(_object, config.get("rules") or ()):
        for condition in map(_object, rule.get("conditions") or ()):
            yield from _condition_problems(str(type_), known, condition)
        action = _object(rule.get("action"))
        yield from action_problems(action)
        yield from _fit_problems(str(type_), known, action)


def _parameter_problems(owner: str, values: Mapping[str, Any], known: Collector | Action) -> Iterator[Problem]:
    for problem in value_problems(owner, values, known.parameters):
        yield problem if known.parameters else Problem(f"{owner} has no parameters, not {problem.name!r}.", "", problem.name)
    for name in known.required:
        if values.get(name) is None:
            yield Problem(f"{owner} needs {name}: {known.parameters[name].needed}.", "", name)


def _condition_problems(collector: str, known: Collector, condition: Mapping[str, Any]) -> Iterator[Problem]:
    key, operator = str(condition.get("key")), condition.get("operator")
    if key not in known.conditions:
        yield _unknown_condition(collector, known, key)
        return
    kind = CONDITIONS[key]
    if operator not in kind.operators:
        yield unknown_name(f"{key} has", "operator", operator, kind.operators)
    if not kinds.accepts_in_condition(kind, condition.get("value")):
        yield kinds.wrong_value(key, condition.get("value"), kind)


def _unknown_condition(collector: str, known: Collector, key: str) -> Problem:
    problem = unknown_name(f"The collector {collector} has", "condition", key, known.conditions)
    if key not in CONDITIONS:
        return problem
    others = [name for name, other in COLLECTORS.items() if key in other.conditions]
    return Problem(problem.message, f"{problem.hint} It is a condition of {', '.join(others)}.", key)


def action_problems(action: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the problems of an action that do not depend on its collector."""
    type_, parameters = str(action.get("type")), _object(action.get("parameters"))
    if type_ in UNDESCRIBED_ACTIONS:
        return
    if type_ not in ACTIONS:
        yield unknown_name("There is", "action", type_, list(ACTIONS))
        return
    yield from _parameter_problems(f"The action {type_}", parameters, ACTIONS[type_])
    unit = parameters.get("duration_unit")
    if unit in DURATION_UNITS and unit != PERMANENT and parameters.get("duration") is None:
        yield Problem(f"A restriction of {unit} needs a duration.", "", "duration")


def _fit_problems(collector: str, known: Collector, action: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield why an action does not fit a collector."""
    if action.get("type") in ACTIONS and action["type"] not in known.actions:
        yield unknown_name(f"The collector {collector} has", "action", action["type"], known.actions)
    yield from _rate_problems(collector, known, _object(action.get("parameters")).get("from_field"))


def _rate_problems(collector: str, known: Collector, rate: Any) -> Iterator[Problem]:
    rates = [key for key in known.conditions if CONDITIONS[key] is PERCENTAGE]
    key = "incorrect_answers_rate" if rate == "wrong_answers_rate" else rate
    if rates and key in RATES and key not in rates:
        yield unknown_name(f"The collector {collector} has", "rate", rate, rates)


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
