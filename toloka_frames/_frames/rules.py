"""Read rules of quality control from the API's form, and tell which of them can be replayed from answers."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from toloka_frames._errors import InputError
from toloka_frames._schema.condition_text import SIGN_OF
from toloka_frames._schema.form_values import NUMBER, number, refuse
from toloka_frames._schema.quality_control import PERMANENT, RESTRICTIONS, UNDESCRIBED_ACTIONS, config_problems

if TYPE_CHECKING:
    from toloka_frames._frames.collectors import Statistics

Json: TypeAlias = Mapping[str, Any]

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "EQ": operator.eq,
    "NE": operator.ne,
    "GT": operator.gt,
    "GTE": operator.ge,
    "LT": operator.lt,
    "LTE": operator.le,
}
# what answers are not enough for, and why
NOT_REPLAYED = {
    "CAPTCHA": "answers do not say which captchas a Toloker has solved",
    "TRAINING": "answers in a pool do not say how a Toloker did in its training",
    "USERS_ASSESSMENT": "answers do not say when a Toloker has lost access to the pool",
} | dict.fromkeys(UNDESCRIBED_ACTIONS, "the API does not document what it does")

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
        return found is not None and OPERATORS[self.operator](found, self.value)

    def __str__(self) -> str:
        return f"{self.key} {SIGN_OF[self.operator]} {number_text(self.value)}"


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
    def is_ban(self) -> bool:
        """Whether its action is a ban."""
        return self.action in RESTRICTIONS

    @property
    def microseconds(self) -> int | None:
        """How long a ban lasts; None if for ever."""
        days = self.parameters.get("duration_days")
        unit = self.parameters.get("duration_unit", "DAYS" if days else PERMANENT)
        return None if unit == PERMANENT else int(self.parameters.get("duration", days) * UNITS[unit])


@dataclass(frozen=True)
class RuleConfig:
    """The rules of a collector, with its parameters."""

    collector: str
    parameters: Json
    rules: Sequence[Rule]


def read_rules(rules: Any) -> tuple[list[RuleConfig], list[str]]:
    """Return the rules that can be replayed, and for the others why they cannot.

    Raises:
        InputError: If a rule is not valid, or none of them can be replayed.
    """
    configs = [_config(config) for config in _configs(rules)]
    names = dict.fromkeys(name for config in configs for rule in config.rules for name in (rule.collector, rule.action))
    reasons = [f"A rule of {name} cannot be replayed: {NOT_REPLAYED[name]}." for name in names if name in NOT_REPLAYED]
    replayed = [one for config in configs if (one := _replayed(config)).rules]
    if not replayed:
        raise InputError(reasons[0] if reasons else "There are no rules.", column="rules", hint="" if reasons else HINT)
    return replayed, reasons


def _replayed(config: RuleConfig) -> RuleConfig:
    """Return a config with those of its rules that can be replayed."""
    rules = [rule for rule in config.rules if rule.collector not in NOT_REPLAYED and rule.action not in NOT_REPLAYED]
    return RuleConfig(config.collector, config.parameters, rules)


def _configs(rules: Any) -> list[Any]:
    """Return the configs of a pool, of its quality control, of a list, or a single one."""
    rules = rules.unstructure() if hasattr(rules, "unstructure") else rules  # an object of Toloka-Kit
    if isinstance(rules, Mapping):
        rules = rules.get("quality_control", rules)
    if isinstance(rules, Mapping):
        rules = rules.get("configs", [rules])
    if rules is None or isinstance(rules, str) or not isinstance(rules, Iterable):
        raise InputError("There are no rules.", column="rules", hint=HINT)
    return [config.unstructure() if hasattr(config, "unstructure") else config for config in rules]


def _config(config: Any) -> RuleConfig:
    """Return the rules of a config, which is checked first: afterwards each part is there."""
    collector = _part(config, "collector_config", Mapping)
    rules = _part(config, "rules", list | tuple)
    refuse(config_problems(config))
    name, parameters = str(collector["type"]), collector.get("parameters") or {}
    return RuleConfig(name, parameters, [_rule(name, rule) for rule in rules])


def _rule(collector: str, rule: Any) -> Rule:
    conditions = _part(rule, "conditions", list | tuple)
    action = _part(rule, "action", Mapping)
    parts = [Condition(one["key"], one["operator"], _value(one["value"])) for one in conditions]
    return Rule(collector, parts, action["type"], action.get("parameters") or {})


def _value(value: Any) -> Any:
    """Return the value of a condition; in examples of the API, numbers are text."""
    found = float(value) if isinstance(value, str) and NUMBER.fullmatch(value) else number(value)
    return value if found is None else found


def _part(holder: Any, name: str, kind: Any) -> Any:
    value = holder.get(name) if isinstance(holder, Mapping) else None
    if not isinstance(value, kind):
        found = f"{name} is missing" if value is None else f"{name} is {value!r}"
        raise InputError(f"A rule has not the API's form: {found}.", column="rules", hint=HINT)
    return value


def number_text(value: Any) -> str:
    """Return a number of a rule as text: whole ones without a point, rates with at most two digits after it."""
    return f"{round(value, 2):g}" if number(value) is not None else str(value)
