"""Read rules of quality control from the API's form, and check that answers are enough to replay them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from toloka_frames._errors import InputError
from toloka_frames._frames.collectors import COLLECTORS, Statistics, is_number
from toloka_frames._validation import nearest_hint

Json: TypeAlias = Mapping[str, Any]

OPERATORS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "EQ": ("==", operator.eq),
    "NE": ("!=", operator.ne),
    "GT": (">", operator.gt),
    "GTE": (">=", operator.ge),
    "LT": ("<", operator.lt),
    "LTE": ("<=", operator.le),
}
# collectors that answers are not enough for, and why
NOT_REPLAYED = {
    "CAPTCHA": "answers do not say which captchas a Toloker has solved",
    "TRAINING": "answers in a pool do not say how a Toloker did in its training",
    "USERS_ASSESSMENT": "answers do not say when a Toloker has lost access to the pool",
}
RESTRICTIONS = ("RESTRICTION", "RESTRICTION_V2")
REVIEWS = ("APPROVE_ALL_ASSIGNMENTS", "REJECT_ALL_ASSIGNMENTS")
ACTIONS = (*RESTRICTIONS, *REVIEWS, "SET_SKILL", "SET_SKILL_FROM_OUTPUT_FIELD", "CHANGE_OVERLAP")
SCOPES = ("POOL", "PROJECT", "ALL_PROJECTS")

MINUTE = 60_000_000  # times are in microseconds
UNITS = {"MINUTES": MINUTE, "HOURS": 60 * MINUTE, "DAYS": 24 * 60 * MINUTE}
HINT = "Give what tf.rule returns, a list of these, or the quality_control of a pool."


@dataclass(frozen=True)
class Condition:
    """A condition on a statistic of a collector."""

    key: str
    operator: str
    value: Any

    def holds(self, statistics: Statistics) -> bool:
        """Return whether it holds; never for a statistic without a value, such as a rate of no answers."""
        found = statistics.get(self.key)
        return found is not None and OPERATORS[self.operator][1](found, self.value)

    def __str__(self) -> str:
        return f"{self.key} {OPERATORS[self.operator][0]} {number_text(self.value)}"


@dataclass(frozen=True)
class Rule:
    """A rule of a collector: an action, and conditions that must all hold."""

    collector: str
    conditions: Sequence[Condition]
    action: str
    parameters: Json

    def __str__(self) -> str:
        return f"{self.collector}: {' and '.join(map(str, self.conditions))}"

    @property
    def microseconds(self) -> int | None:
        """How long its restriction lasts; None if for ever."""
        unit = self.parameters.get("duration_unit", "DAYS" if self.parameters.get("duration_days") else "PERMANENT")
        duration = self.parameters.get("duration", self.parameters.get("duration_days"))
        return None if unit == "PERMANENT" or duration is None else int(duration * UNITS[unit])


@dataclass(frozen=True)
class RuleConfig:
    """The rules of a collector, with its parameters."""

    collector: str
    parameters: Json
    rules: Sequence[Rule]


def read_rules(rules: Any) -> tuple[list[RuleConfig], list[str]]:
    """Return the rules that can be replayed, and for the others why they cannot.

    Raises:
        InputError: If a rule has not the API's form, or none of them can be replayed.
    """
    configs = [_config(config) for config in _configs(rules)]
    replayed = [config for config in configs if config.collector not in NOT_REPLAYED]
    left_out = list(dict.fromkeys(config.collector for config in configs if config.collector in NOT_REPLAYED))
    reasons = [f"A rule of {name} cannot be replayed: {NOT_REPLAYED[name]}." for name in left_out]
    if not replayed:
        raise InputError(reasons[0] if reasons else "There are no rules.", column="rules", hint="" if reasons else HINT)
    return replayed, reasons


def _configs(rules: Any) -> list[Any]:
    """Return the list of configs of each form: of a pool, of its quality control, of a config, of a list."""
    if isinstance(rules, Mapping):
        rules = rules.get("quality_control", rules)
    if isinstance(rules, Mapping):
        rules = rules.get("configs", [rules])
    if rules is None or isinstance(rules, str) or not isinstance(rules, Iterable):
        raise InputError("There are no rules.", column="rules", hint=HINT)
    return list(rules)


def _config(config: Any) -> RuleConfig:
    collector = _part(config, "collector_config", Mapping)
    name = _part(collector, "type", str)
    _check_name("collector", name, [*COLLECTORS, *NOT_REPLAYED])
    if name in NOT_REPLAYED:
        return RuleConfig(name, {}, [])
    parameters = collector.get("parameters") or {}
    for needed in COLLECTORS[name].needs_parameters:
        _part(parameters, needed, int | float)
    return RuleConfig(name, parameters, [_rule(name, rule) for rule in _part(config, "rules", list | tuple)])


def _rule(collector: str, rule: Any) -> Rule:
    conditions = [_condition(collector, condition) for condition in _part(rule, "conditions", list | tuple)]
    action = _part(rule, "action", Mapping)
    name = _part(action, "type", str)
    parameters = action.get("parameters") or {}
    _check_name("action", name, ACTIONS)
    _check_action(collector, name, parameters)
    return Rule(collector, conditions, name, parameters)


def _condition(collector: str, condition: Any) -> Condition:
    key, name = _part(condition, "key", str), _part(condition, "operator", str)
    _check_name(f"condition of {collector}", key, COLLECTORS[collector].keys)
    _check_name("operator", name, OPERATORS)
    value = condition.get("value")
    if key == "assessment_event":
        _check_name("assessment_event", value, ("ACCEPT", "ACCEPT_AFTER_REJECT", "REJECT"))
    elif not is_number(value):
        raise InputError(f"{key}: a number is needed, not {value!r}.", column="rules")
    return Condition(key, name, value)


def _check_action(collector: str, name: str, parameters: Json) -> None:
    """Check the parameters that a replay reads."""
    if name in RESTRICTIONS:
        _check_name("scope", _part(parameters, "scope", str), SCOPES)
        unit = parameters.get("duration_unit", "PERMANENT")
        _check_name("duration_unit", unit, [*UNITS, "PERMANENT"])
        if name == "RESTRICTION_V2" and unit != "PERMANENT":
            _part(parameters, "duration", int | float)
    if name == "SET_SKILL":
        _part(parameters, "skill_value", int | float)
    if name == "SET_SKILL_FROM_OUTPUT_FIELD":
        _check_name(f"from_field of {collector}", _part(parameters, "from_field", str), COLLECTORS[collector].keys)
    if name == "CHANGE_OVERLAP":
        _part(parameters, "delta", int)


def _part(holder: Any, name: str, kind: Any) -> Any:
    """Return a part of a rule, which must have this type."""
    value = holder.get(name) if isinstance(holder, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, kind):
        found = f"{name} is missing" if value is None else f"{name} is {value!r}"
        raise InputError(f"A rule has not the API's form: {found}.", column="rules", hint=HINT)
    return value


def _check_name(what: str, name: Any, known: Iterable[str]) -> None:
    if name not in (names := list(known)):
        hint = f"Known: {', '.join(names)}."
        raise InputError(f"{name!r} is no {what}{nearest_hint(str(name), names)}.", column="rules", hint=hint)


def number_text(value: Any) -> str:
    """Return a number of a rule as text: whole ones without a point, rates with at most two digits after it."""
    return f"{round(value, 2):g}" if is_number(value) else str(value)
