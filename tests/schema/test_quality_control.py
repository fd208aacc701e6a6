"""Rules: what each collector has is accepted in the API's form, and everything else is refused with the nearest name."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies

import toloka_frames as tf
from toloka_frames._schema.condition_text import parse_conditions
from toloka_frames._schema.pool_filters import FILTER_KEYS
from toloka_frames._schema.quality_control import ACTIONS, COLLECTORS, CONDITIONS, UNDESCRIBED_ACTIONS, config_problems

# the conditions of each collector of Toloka-Kit 1.2.3 (`_compatible_conditions`)
OF_COLLECTORS = {
    "ACCEPTANCE_RATE": "total_assignments_count accepted_assignments_rate rejected_assignments_rate",
    "ANSWER_COUNT": "assignments_accepted_count",
    "ASSIGNMENTS_ASSESSMENT": (
        "accepted_assignments_count assessment_event pending_assignments_count rejected_assignments_count"
    ),
    "ASSIGNMENT_SUBMIT_TIME": "fast_submitted_count total_submitted_count",
    "CAPTCHA": "fail_rate stored_results_count success_rate",
    "GOLDEN_SET": (
        "correct_answers_rate incorrect_answers_rate total_answers_count golden_set_answers_count "
        "golden_set_correct_answers_rate golden_set_incorrect_answers_rate"
    ),
    "INCOME": "income_sum_for_last_24_hours",
    "MAJORITY_VOTE": "correct_answers_rate incorrect_answers_rate total_answers_count",
    "SKIPPED_IN_ROW_ASSIGNMENTS": "skipped_in_row_count",
    "TRAINING": (
        "correct_answers_rate incorrect_answers_rate next_assignment_available submitted_assignments_count total_answers_count"
    ),
    "USERS_ASSESSMENT": "pool_access_revoked_reason skill_id",
}
# a rate, the text of a value in a condition, and the value in the API's form
VALUES: dict[str, tuple[str, Any]] = {
    "assessment_event": ("REJECT", "REJECT"),
    "pool_access_revoked_reason": ("SKILL_CHANGE", "SKILL_CHANGE"),
    "skill_id": ("2626", "2626"),
    "next_assignment_available": ("true", True),
    "income_sum_for_last_24_hours": ("20.5", 20.5),
}
OPERATORS = {"<": "LT", "<=": "LTE", ">": "GT", ">=": "GTE", "==": "EQ", "!=": "NE"}
NEEDED = {"ASSIGNMENT_SUBMIT_TIME": {"fast_submit_threshold_seconds": 20}, "MAJORITY_VOTE": {"answer_threshold": 2}}
MAKE = {
    "RESTRICTION_V2": tf.ban(days=1),
    "SET_SKILL": tf.set_skill("42", 80),
    "CHANGE_OVERLAP": tf.change_overlap(1, open_pool=True),
    "APPROVE_ALL_ASSIGNMENTS": tf.approve_all(),
    "REJECT_ALL_ASSIGNMENTS": tf.reject_all("too fast"),
}
PAIRS = [(name, key) for name, keys in OF_COLLECTORS.items() for key in keys.split()]
FOREIGN = [(name, key) for name in OF_COLLECTORS for key in sorted(CONDITIONS) if (name, key) not in PAIRS]


def fitting(collector: str) -> dict[str, Any]:
    """Return an action that fits a collector."""
    return next(action for type_, action in MAKE.items() if type_ in COLLECTORS[collector].actions)


def test_the_collectors_are_those_of_toloka_kit() -> None:
    assert {name: set(collector.conditions) for name, collector in COLLECTORS.items()} == {
        name: set(keys.split()) for name, keys in OF_COLLECTORS.items()
    }


@pytest.mark.parametrize(("collector", "key"), PAIRS)
def test_a_condition_of_a_collector_is_accepted_with_each_operator_in_the_form_of_the_api(collector: str, key: str) -> None:
    text, value = VALUES.get(key, ("60", 60))
    signs = {sign: name for sign, name in OPERATORS.items() if name in CONDITIONS[key].operators}
    assert {"==", "!="} <= signs.keys()
    parameters: Any = NEEDED.get(collector, {})
    for (sign, name), word in itertools.product(signs.items(), (False, True)):
        rule = tf.rule(collector, f"{key} {name if word else sign} {text}", fitting(collector), **parameters)  # type: ignore[arg-type]
        assert rule == {
            "collector_config": {"type": collector, **({"parameters": parameters} if parameters else {})},
            "rules": [{"conditions": [{"key": key, "operator": name, "value": value}], "action": fitting(collector)}],
        }


@pytest.mark.parametrize(("collector", "key"), FOREIGN)
def test_a_condition_of_another_collector_is_refused_and_its_collectors_are_named(collector: str, key: str) -> None:
    with pytest.raises(tf.InputError, match=f"The collector {collector} has no condition '{key}'") as caught:
        tf.rule(collector, f"{key} == 1", fitting(collector), **NEEDED.get(collector, {}))  # type: ignore[arg-type]
    assert any(name in caught.value.hint for name, own in PAIRS if own == key)
    assert all(own in caught.value.hint for own in OF_COLLECTORS[collector].split())


@pytest.mark.parametrize("collector", OF_COLLECTORS)
@pytest.mark.parametrize("type_", MAKE)
def test_an_action_is_accepted_where_toloka_kit_documents_it(collector: str, type_: str) -> None:
    text, _ = VALUES.get(COLLECTORS[collector].conditions[0], ("1", 1))
    condition = f"{COLLECTORS[collector].conditions[0]} == {text}"
    parameters: Any = NEEDED.get(collector, {})
    fits = (type_ == "CHANGE_OVERLAP") == (collector in ("ASSIGNMENTS_ASSESSMENT", "USERS_ASSESSMENT"))
    if fits:
        assert tf.rule(collector, condition, MAKE[type_], **parameters)["rules"][0]["action"] == MAKE[type_]  # type: ignore[arg-type]
    else:
        with pytest.raises(tf.InputError, match=f"The collector {collector} has no action '{type_}'"):
            tf.rule(collector, condition, MAKE[type_], **parameters)  # type: ignore[arg-type]


@pytest.mark.parametrize("collector", OF_COLLECTORS)
@pytest.mark.parametrize("rate", [key for key in CONDITIONS if key.endswith("_rate")])
def test_a_skill_is_set_from_a_rate_that_the_collector_has(collector: str, rate: str) -> None:
    keys = OF_COLLECTORS[collector].split()
    text, _ = VALUES.get(keys[0], ("1", 1))
    make: Any = lambda: tf.rule(collector, f"{keys[0]} == {text}", tf.set_skill(42, rate), **NEEDED.get(collector, {}))  # type: ignore[arg-type] # noqa: E731
    if rate in keys:
        expected = {"type": "SET_SKILL_FROM_OUTPUT_FIELD", "parameters": {"skill_id": "42", "from_field": rate}}
        assert make()["rules"][0]["action"] == expected
    else:
        with pytest.raises(tf.InputError, match=f"The collector {collector} has no "):
            make()


def misspelt(name: str) -> list[str]:
    """Return a name with a letter left out, doubled, in lower case and with another ending."""
    wrong = {name[:2] + name[3:], name[:3] + name[2:], name.swapcase(), name + "s", name.replace("_", "")}
    return sorted(wrong - {name})


def with_type(type_: Any) -> dict[str, Any]:
    return {"collector_config": {"type": type_}, "rules": []}


NAMES = [
    *((name, with_type) for name in COLLECTORS),
    *((name, lambda wrong: rules_of("GOLDEN_SET", action={"type": wrong})) for name in ACTIONS),
    *((key, lambda wrong, name=name: rules_of(name, condition={"key": wrong})) for name, key in PAIRS),
    *((word, lambda wrong: rules_of("ASSIGNMENTS_ASSESSMENT", condition=event(wrong))) for word in ("REJECT", "ACCEPT")),
    ("PROJECT", lambda wrong: rules_of("GOLDEN_SET", action=ban(scope=wrong))),
    ("MINUTES", lambda wrong: rules_of("GOLDEN_SET", action=ban(duration_unit=wrong))),
    ("private_comment", lambda wrong: rules_of("GOLDEN_SET", action=ban(**{wrong: "why"}))),
    ("history_size", lambda wrong: {"collector_config": {"type": "GOLDEN_SET", "parameters": {wrong: 5}}, "rules": []}),
]


def rules_of(collector: str, **parts: Any) -> dict[str, Any]:
    condition = parts.get("condition")
    rule = {"conditions": [condition] if condition else [], "action": parts.get("action", fitting(collector))}
    return {"collector_config": {"type": collector, "parameters": NEEDED.get(collector, {})}, "rules": [rule]}


def event(value: str) -> dict[str, Any]:
    return {"key": "assessment_event", "operator": "EQ", "value": value}


def ban(**parameters: Any) -> dict[str, Any]:
    return {"type": "RESTRICTION_V2", "parameters": {"scope": "POOL", "duration": 1, "duration_unit": "DAYS"} | parameters}


@pytest.mark.parametrize(("name", "config"), NAMES, ids=[f"{number}-{name}" for number, (name, _) in enumerate(NAMES)])
def test_every_misspelt_name_is_refused_with_the_right_one(name: str, config: Any) -> None:
    for wrong in misspelt(name):
        messages = [problem.message for problem in config_problems(config(wrong))]
        assert any(f"the nearest is {name!r}" in message for message in messages), (wrong, messages)


WRONG_RULES: dict[str, tuple[Any, str]] = {
    "a rate above 100": (lambda: tf.rule("GOLDEN_SET", "correct_answers_rate < 101", tf.ban(days=1)), "from 0 to 100"),
    "a share instead of a rate": (lambda: tf.rule("GOLDEN_SET", "correct_answers_rate < 0.6", tf.ban(days=1)), "60 for 60 %"),
    "a negative count": (lambda: tf.rule("ANSWER_COUNT", "assignments_accepted_count > -1", tf.ban(days=1)), "of at least 0"),
    "half a page": (lambda: tf.rule("ANSWER_COUNT", "assignments_accepted_count > 1.5", tf.ban(days=1)), "a whole number"),
    "a comparison of an event": (
        lambda: tf.rule("ASSIGNMENTS_ASSESSMENT", "assessment_event > REJECT", tf.change_overlap(1)),
        "assessment_event has no operator 'GT'",
    ),
    "one equals sign": (lambda: tf.rule("ANSWER_COUNT", "assignments_accepted_count = 1", tf.ban(days=1)), "not a condition"),
    "an or": (lambda: tf.rule("GOLDEN_SET", "correct_answers_rate < 6 or total_answers_count > 1", tf.ban(days=1)), "an 'or'"),
    "no condition": (lambda: tf.rule("GOLDEN_SET", [], tf.ban(days=1)), "at least one condition"),
    "a word": (lambda: tf.rule("GOLDEN_SET", "careless", tf.ban(days=1)), "'careless' is not a condition"),
    "no action": (lambda: tf.rule("GOLDEN_SET", "correct_answers_rate < 60", "ban"), "'ban' is not an action"),  # type: ignore[arg-type]
    "no threshold": (
        lambda: tf.rule("ASSIGNMENT_SUBMIT_TIME", "fast_submitted_count > 1", tf.ban(days=1)),
        "needs fast_submit_threshold_seconds",
    ),
    "no majority": (lambda: tf.rule("MAJORITY_VOTE", "correct_answers_rate < 60", tf.ban(days=1)), "needs answer_threshold"),
    "a parameter too many": (
        lambda: tf.rule("INCOME", "income_sum_for_last_24_hours > 20", tf.ban(days=1), history_size=5),
        "INCOME has no parameters, not 'history_size'",
    ),
    "a history of nothing": (
        lambda: tf.rule("GOLDEN_SET", "correct_answers_rate < 60", tf.ban(days=1), history_size=0),
        "history_size needs a whole number of at least 1",
    ),
    "no duration": (tf.ban, "one duration"),
    "two durations": (lambda: tf.ban(days=1, hours=2), "one duration"),
    "a duration without an end": (lambda: tf.ban(days=1, permanent=True), "one duration"),
    "half a day": (lambda: tf.ban(days=0.5), "a positive whole number"),  # type: ignore[arg-type]
    "an unknown scope": (lambda: tf.ban(days=1, scope="PROJECTS"), "the nearest is 'PROJECT'"),  # type: ignore[arg-type]
    "a skill above 100": (lambda: tf.set_skill(1, 101), "from 0 to 100"),
    "an unknown rate": (lambda: tf.set_skill(1, "correct_answer_rate"), "the nearest is 'correct_answers_rate'"),
    "a skill without an id": (lambda: tf.set_skill("", 1), "an id"),
    "no change": (lambda: tf.change_overlap(0), "not 0"),
    "no reason": (lambda: tf.reject_all(""), "text that is not empty"),
}


@pytest.mark.parametrize("mistake", WRONG_RULES)
def test_a_wrong_rule_is_refused_with_a_message_that_says_what_is_needed(mistake: str) -> None:
    make, message = WRONG_RULES[mistake]
    with pytest.raises(tf.InputError, match=message):
        make()


def test_conditions_are_joined_in_any_of_the_three_forms() -> None:
    expected = [
        {"key": "total_answers_count", "operator": "GT", "value": 2},
        {"key": "correct_answers_rate", "operator": "LT", "value": 62.5},
    ]
    forms: list[Any] = [
        "total_answers_count>2 and correct_answers_rate<62.5",
        "total_answers_count GT 2 AND correct_answers_rate LT 62.5",
        ["total_answers_count > 2", "correct_answers_rate < 62.5"],
        [expected[0], "correct_answers_rate < 62.5"],
    ]
    assert [tf.rule("GOLDEN_SET", form, tf.ban(hours=3))["rules"][0]["conditions"] for form in forms] == [expected] * 4


def test_bans_have_the_units_of_the_api() -> None:
    durations: list[dict[str, Any]] = [{"days": 2}, {"hours": 12}, {"minutes": 30}, {"permanent": True}]
    assert [tf.ban(**duration, scope="POOL")["parameters"] for duration in durations] == [
        {"scope": "POOL", "duration": 2, "duration_unit": "DAYS"},
        {"scope": "POOL", "duration": 12, "duration_unit": "HOURS"},
        {"scope": "POOL", "duration": 30, "duration_unit": "MINUTES"},
        {"scope": "POOL", "duration_unit": "PERMANENT"},
    ]


# from the API's documentation, where numbers are sometimes text, and one rate is called "wrong"
DOCUMENTED: list[dict[str, Any]] = [
    rules_of("ASSIGNMENTS_ASSESSMENT", condition={"key": "rejected_assignments_count", "operator": "GTE", "value": "1"}),
    rules_of("GOLDEN_SET", action=tf.set_skill(42, "wrong_answers_rate")),
    rules_of("GOLDEN_SET", action={"type": "RESTRICTION", "parameters": {"scope": "PROJECT", "duration_days": 10}}),
    rules_of("USERS_ASSESSMENT", condition={"key": "skill_id", "operator": "EQ", "value": "2626"}),
    *(rules_of("GOLDEN_SET", action={"type": type_}) for type_ in UNDESCRIBED_ACTIONS),
    {"collector_config": {"type": "INCOME", "uuid": "38830d4b-930b-43ab-a98f-f52e992fd11a", "parameters": {}}, "rules": []},
]


@pytest.mark.parametrize("config", DOCUMENTED)
def test_rules_of_the_documentation_have_no_problems(config: dict[str, Any]) -> None:
    assert list(config_problems(config)) == []


PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "forms.md").read_text("utf-8")


@pytest.mark.parametrize("collector", COLLECTORS)
def test_the_page_of_forms_has_what_a_collector_has(collector: str) -> None:
    known = COLLECTORS[collector]
    parameters = [f"`{name}`" + (" (needed)" if name in known.required else "") for name in known.parameters]
    cells = [f"`{collector}`", ", ".join(f"`{key}`" for key in known.conditions), ", ".join(parameters)]
    assert f"| {' | '.join(cells)} | ".replace(" |  | ", " | | ") in PAGE


@pytest.mark.parametrize("key", FILTER_KEYS)
def test_the_page_of_forms_has_each_key_of_a_filter_with_its_values(key: str) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith("| ") and f"`{key}`" in line)
    assert ", ".join(FILTER_KEYS[key].kind.names) in row


@pytest.mark.parametrize("key", ["correct_answers_rate", "assessment_event", "skill_id"])
@given(data=strategies.data())
def test_a_condition_can_be_written_with_any_spaces_in_words_or_signs(key: str, data: strategies.DataObject) -> None:
    spaces = strategies.sampled_from([" ", "  ", "\t"])
    signs = {sign: name for sign, name in OPERATORS.items() if name in CONDITIONS[key].operators}
    sign = data.draw(strategies.sampled_from(sorted(signs)))
    value = data.draw(strategies.sampled_from(CONDITIONS[key].names or range(101) if key != "skill_id" else ["2626"]))
    written = data.draw(strategies.sampled_from([sign, signs[sign]]))
    # signs need no spaces around them, words do
    gaps = [data.draw(spaces if written.isalpha() else spaces | strategies.just("")) for _ in range(2)]
    text = f"{key}{gaps[0]}{written}{gaps[1]}{value}"
    assert [(part.key, part.operator, str(part.values[0])) for part in parse_conditions(f"{text} and {text}")] == [
        (key, signs[sign], str(value))
    ] * 2
