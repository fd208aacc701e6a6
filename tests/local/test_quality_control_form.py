"""Rules and filters that the local service cannot apply are refused when they are sent; those it takes let Tolokers work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.raw_client import POOL, PROJECT

if TYPE_CHECKING:
    from support.raw_client import RawClient

    from toloka_frames.local import LocalToloka

MIXER = {"real_tasks_count": 1, "golden_tasks_count": 0, "training_tasks_count": 0}
CONDITION = {"key": "assignments_accepted_count", "operator": "GTE", "value": 1}
ACTION = {"type": "RESTRICTION_V2", "parameters": {"scope": "POOL", "duration_unit": "PERMANENT"}}


def control(
    condition: Any = None, action: Any = None, collector: Any = None, parameters: Any = None, **more: Any
) -> dict[str, Any]:
    """Return quality control with one rule."""
    collector_config = collector or {"type": "ANSWER_COUNT", "parameters": parameters or {}}
    rule = {"conditions": [CONDITION if condition is None else condition], "action": ACTION if action is None else action}
    return {"configs": [{"collector_config": collector_config, "rules": [rule]}], **more}


def acts(type_: str, **parameters: Any) -> dict[str, Any]:
    return control(action={"type": type_, "parameters": parameters})


def requires(**fields: Any) -> dict[str, Any]:
    return {"configs": [], "training_requirement": fields}


CONFIG = "configs.0"
PARAMETERS = f"{CONFIG}.rules.0.action.parameters"
VALUE = f"{CONFIG}.rules.0.conditions.0"
# quality control, the path of its error below quality_control, and the code
WRONG: dict[str, tuple[Any, str, str]] = {
    "text": ("x", "", "OBJECT_EXPECTED"),
    "a list": ([], "", "OBJECT_EXPECTED"),
    "an object of configs": ({"configs": {}}, "configs", "ARRAY_EXPECTED"),
    "a config that is text": ({"configs": ["x"]}, CONFIG, "OBJECT_EXPECTED"),
    "no collector": ({"configs": [{"rules": []}]}, f"{CONFIG}.collector_config", "VALUE_REQUIRED"),
    "no type": ({"configs": [{"collector_config": {}}]}, f"{CONFIG}.collector_config.type", "VALUE_REQUIRED"),
    "a size as text": (
        control(parameters={"history_size": "5"}),
        f"{CONFIG}.collector_config.parameters.history_size",
        "INTEGER_EXPECTED",
    ),
    "a threshold of 0": (
        control(parameters={"answer_threshold": 0}),
        f"{CONFIG}.collector_config.parameters.answer_threshold",
        "VALUE_LESS_THAN_MIN",
    ),
    "a rule that is text": (
        {"configs": [{"collector_config": {"type": "INCOME"}, "rules": ["x"]}]},
        f"{CONFIG}.rules.0",
        "OBJECT_EXPECTED",
    ),
    "no action": (
        {"configs": [{"collector_config": {"type": "INCOME"}, "rules": [{"conditions": []}]}]},
        f"{CONFIG}.rules.0.action",
        "VALUE_REQUIRED",
    ),
    "no type of an action": (control(action={"parameters": {}}), f"{CONFIG}.rules.0.action.type", "VALUE_REQUIRED"),
    "a condition that is text": (control("x"), VALUE, "OBJECT_EXPECTED"),
    "no key": (control({"operator": "GT", "value": 1}), f"{VALUE}.key", "VALUE_REQUIRED"),
    "no operator": (control({"key": "x_count", "value": 1}), f"{VALUE}.operator", "VALUE_REQUIRED"),
    "an unknown operator": (control(CONDITION | {"operator": "LIKE"}), f"{VALUE}.operator", "UNKNOWN_ENUM_VALUE"),
    "an operator that is a list": (control(CONDITION | {"operator": ["GT"]}), f"{VALUE}.operator", "UNKNOWN_ENUM_VALUE"),
    "no value": (control({"key": "x_count", "operator": "GT"}), f"{VALUE}.value", "VALUE_REQUIRED"),
    "a word for a number": (control(CONDITION | {"value": "many"}), f"{VALUE}.value", "FLOAT_EXPECTED"),
    "a flag for a number": (control(CONDITION | {"value": True}), f"{VALUE}.value", "FLOAT_EXPECTED"),
    "a number for an event": (
        control({"key": "assessment_event", "operator": "EQ", "value": 3}),
        f"{VALUE}.value",
        "STRING_EXPECTED",
    ),
    "a ban without a scope": (acts("RESTRICTION_V2", duration_unit="DAYS"), f"{PARAMETERS}.scope", "VALUE_REQUIRED"),
    "a ban without parameters": (control(action={"type": "RESTRICTION"}), f"{PARAMETERS}.scope", "VALUE_REQUIRED"),
    "an unknown scope": (acts("RESTRICTION", scope="MOON"), f"{PARAMETERS}.scope", "UNKNOWN_ENUM_VALUE"),
    "an unknown unit": (
        acts("RESTRICTION_V2", scope="POOL", duration=1, duration_unit="WEEKS"),
        f"{PARAMETERS}.duration_unit",
        "UNKNOWN_ENUM_VALUE",
    ),
    "a duration as text": (acts("RESTRICTION_V2", scope="POOL", duration="1"), f"{PARAMETERS}.duration", "INTEGER_EXPECTED"),
    "no skill": (acts("SET_SKILL", skill_value=1), f"{PARAMETERS}.skill_id", "VALUE_REQUIRED"),
    "the name of a skill": (acts("SET_SKILL", skill_id="s", skill_value=1), f"{PARAMETERS}.skill_id", "STRING_EXPECTED"),
    "no value of a skill": (acts("SET_SKILL", skill_id="1"), f"{PARAMETERS}.skill_value", "VALUE_REQUIRED"),
    "a skill above 100": (
        acts("SET_SKILL", skill_id="1", skill_value=101),
        f"{PARAMETERS}.skill_value",
        "VALUE_GREATER_THAN_MAX",
    ),
    "no field": (acts("SET_SKILL_FROM_OUTPUT_FIELD", skill_id="1"), f"{PARAMETERS}.from_field", "VALUE_REQUIRED"),
    "no change": (acts("CHANGE_OVERLAP", open_pool=True), f"{PARAMETERS}.delta", "VALUE_REQUIRED"),
    "half a change": (acts("CHANGE_OVERLAP", delta=0.5), f"{PARAMETERS}.delta", "INTEGER_EXPECTED"),
    "no training": (
        requires(training_passing_skill_value=80),
        "training_requirement.training_pool_id",
        "VALUE_REQUIRED",
    ),
    "a requirement as text": (
        requires(training_pool_id="1", training_passing_skill_value="80"),
        "training_requirement.training_passing_skill_value",
        "FLOAT_EXPECTED",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_rule_is_refused_with_its_path_in_a_pool_and_in_a_project(api: RawClient, name: str) -> None:
    value, path, code = WRONG[name]
    project = api.create_project()
    for response in (
        api.post("/v1/pools", {**POOL, "project_id": project["id"], "quality_control": value}),
        api.post("/v1/projects", {**PROJECT, "quality_control": value}),
    ):
        assert response.status_code == 400
        error = response.json()
        assert error["code"] == "VALIDATION_ERROR"
        assert {key: found["code"] for key, found in error["payload"].items()} == {f"quality_control.{path}".rstrip("."): code}


FILTERS: dict[str, tuple[Any, str, str]] = {
    "text": ("x", "filter", "OBJECT_EXPECTED"),
    "a list": ([], "filter", "OBJECT_EXPECTED"),
    "an object of conditions": ({"and": {}}, "filter.and", "ARRAY_EXPECTED"),
    "a condition that is text": ({"and": [{"or": [{}, "x"]}]}, "filter.and.0.or.1", "OBJECT_EXPECTED"),
    "a key that is a list": ({"and": [{"key": ["country"], "value": 1}]}, "filter.and.0.key", "STRING_EXPECTED"),
    "a value that is an object": ({"or": [{"key": "country", "value": {"a": 1}}]}, "filter.or.0.value", "VALUE_NOT_ALLOWED"),
    "a value with a list in it": ({"key": "country", "value": [["US"]]}, "filter.value", "VALUE_NOT_ALLOWED"),
}


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_of_another_shape_is_refused(api: RawClient, name: str) -> None:
    value, path, code = FILTERS[name]
    response = api.post("/v1/pools", {**POOL, "project_id": api.create_project()["id"], "filter": value})
    assert response.status_code == 400
    assert {key: found["code"] for key, found in response.json()["payload"].items()} == {path: code}


def only(key: str, operator: str, value: Any, category: str = "computed") -> dict[str, Any]:
    return {"filter": {"and": [{"or": [{"category": category, "key": key, "operator": operator, "value": value}]}]}}


# fields of a pool that the service takes, and how many of two Tolokers then work
TAKEN: dict[str, tuple[dict[str, Any], int]] = {
    "a skill in place of its id, as Toloka-Kit's AutoQuality sends it": (
        only({"id": "26366", "name": "Careful"}, "NE", 1, "skill"),  # type: ignore[arg-type]
        2,
    ),
    "no configs": ({"quality_control": {"configs": None}}, 2),
    "no rules": ({"quality_control": {"configs": [{"collector_config": {"type": "INCOME"}, "rules": None}]}}, 2),
    "an unknown key": ({"quality_control": control(CONDITION | {"key": "next_year"})}, 2),
    "a number as text": ({"quality_control": control(CONDITION | {"value": "1"})}, 2),
    "a collector without what it needs": (
        {"quality_control": control(collector={"type": "ASSIGNMENT_SUBMIT_TIME", "parameters": None})},
        2,
    ),
    "a collector with null for what it needs": (
        {
            "quality_control": {
                "configs": [
                    control(collector={"type": type_, "parameters": {name: None}})["configs"][0]
                    for type_, name in (
                        ("ASSIGNMENT_SUBMIT_TIME", "fast_submit_threshold_seconds"),
                        ("MAJORITY_VOTE", "answer_threshold"),
                        ("GOLDEN_SET", "history_size"),
                    )
                ]
            }
        },
        2,
    ),
    "a ban until after the last timestamp": (
        {"quality_control": acts("RESTRICTION_V2", scope="POOL", duration=10**9, duration_unit="DAYS")},
        2,
    ),
    "a skill from a statistic that is unknown": (
        {"quality_control": acts("SET_SKILL_FROM_OUTPUT_FIELD", skill_id="26366", from_field="mood")},
        2,
    ),
    "a skill from a statistic that is text": (
        {
            "quality_control": control(
                {"key": "assessment_event", "operator": "EQ", "value": "ACCEPT"},
                {"type": "SET_SKILL_FROM_OUTPUT_FIELD", "parameters": {"skill_id": "26366", "from_field": "assessment_event"}},
                {"type": "ASSIGNMENTS_ASSESSMENT"},
            )
        },
        2,
    ),
    "a version as text": (only("os_version_major", "GTE", "1"), 2),
    "a version that is a word": (only("os_version_major", "GTE", "new"), 0),
    "a version that equals its text": (only("os_version_bugfix", "EQ", "0"), 2),
    "a list that is compared": (only("os_version_major", "LT", [99]), 0),
    "languages that are compared": (only("languages", "GT", "A", "profile"), 0),
    # each Toloker has passed the test of English
    "a skill as text": (only("26366", "GTE", "5", "skill"), 2),
}


@pytest.mark.filterwarnings("ignore:No worker may work on pool:UserWarning")
@pytest.mark.parametrize("name", TAKEN)
def test_what_is_taken_lets_tolokers_work(toloka: LocalToloka, api: RawClient, name: str) -> None:
    fields, workers = TAKEN[name]
    pool_id = api.create_pool(api.create_project(), **{"mixer_config": MIXER, **fields})
    api.create_tasks(pool_id, 1, overlap=2)
    api.run_operation(f"/v1/pools/{pool_id}/open")
    assert toloka.answer(pool_id, workers=2) == workers
