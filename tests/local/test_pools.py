from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.raw_client import POOL

if TYPE_CHECKING:
    from support.raw_client import RawClient


MIXER = {"real_tasks_count": 1, "golden_tasks_count": 0, "training_tasks_count": 0}
DYNAMIC = {
    "type": "BASIC",
    "max_overlap": 5,
    "min_confidence": 0.9,
    "answer_weight_skill_id": "1",
    "fields": [{"name": "result"}],
}


@pytest.fixture
def api(module_api: RawClient) -> RawClient:
    return module_api


def test_a_new_pool_is_closed(api: RawClient) -> None:
    pool = api.get(f"/v1/pools/{api.create_pool()}")
    assert {name: pool[name] for name in POOL} == POOL
    assert pool["status"] == "CLOSED"
    assert pool["type"] == "REGULAR"
    assert not {"last_started", "last_stopped", "last_close_reason"} & set(pool)


WRONG = [
    ({"project_id": "1"}, "project_id", "ENTITY_DOES_NOT_EXIST"),
    ({"private_name": None}, "private_name", "VALUE_REQUIRED"),
    ({"reward_per_assignment": 0.001}, "reward_per_assignment", "VALUE_LESS_THAN_MIN"),
    ({"reward_per_assignment": "1"}, "reward_per_assignment", "FLOAT_EXPECTED"),
    ({"assignment_max_duration_seconds": 1}, "assignment_max_duration_seconds", "VALUE_LESS_THAN_MIN"),
    ({"defaults": 3}, "defaults", "OBJECT_EXPECTED"),
    ({"will_expire": "soon"}, "will_expire", "INVALID_DATE_TIME_SYNTAX"),
    ({"reward_per_assignment": True}, "reward_per_assignment", "FLOAT_EXPECTED"),
    ({"assignment_max_duration_seconds": True}, "assignment_max_duration_seconds", "INTEGER_EXPECTED"),
    ({"mixer_config": "x"}, "mixer_config", "OBJECT_EXPECTED"),
    ({"mixer_config": {"real_tasks_count": 1}}, "mixer_config.golden_tasks_count", "VALUE_REQUIRED"),
    ({"mixer_config": {**MIXER, "real_tasks_count": "4"}}, "mixer_config.real_tasks_count", "INTEGER_EXPECTED"),
    ({"mixer_config": {**MIXER, "golden_tasks_count": -1}}, "mixer_config.golden_tasks_count", "VALUE_LESS_THAN_MIN"),
    ({"mixer_config": {**MIXER, "min_real_tasks_count": "x"}}, "mixer_config.min_real_tasks_count", "INTEGER_EXPECTED"),
    ({"mixer_config": {**MIXER, "force_last_assignment": "no"}}, "mixer_config.force_last_assignment", "BOOLEAN_EXPECTED"),
    ({"auto_accept_solutions": "no"}, "auto_accept_solutions", "BOOLEAN_EXPECTED"),
    ({"auto_accept_period_day": "x"}, "auto_accept_period_day", "INTEGER_EXPECTED"),
    ({"auto_accept_period_day": 22}, "auto_accept_period_day", "VALUE_GREATER_THAN_MAX"),
    ({"auto_close_after_complete_delay_seconds": [1]}, "auto_close_after_complete_delay_seconds", "INTEGER_EXPECTED"),
    ({"priority": "x"}, "priority", "INTEGER_EXPECTED"),
    ({"dynamic_overlap_config": "x"}, "dynamic_overlap_config", "OBJECT_EXPECTED"),
    ({"dynamic_overlap_config": {**DYNAMIC, "fields": None}}, "dynamic_overlap_config.fields", "VALUE_REQUIRED"),
    ({"dynamic_overlap_config": {**DYNAMIC, "fields": "result"}}, "dynamic_overlap_config.fields", "ARRAY_EXPECTED"),
    ({"dynamic_overlap_config": {**DYNAMIC, "fields": ["result"]}}, "dynamic_overlap_config.fields", "OBJECT_EXPECTED"),
    ({"dynamic_overlap_config": {**DYNAMIC, "max_overlap": "5"}}, "dynamic_overlap_config.max_overlap", "INTEGER_EXPECTED"),
    (
        {"dynamic_overlap_config": {**DYNAMIC, "min_confidence": 2}},
        "dynamic_overlap_config.min_confidence",
        "VALUE_GREATER_THAN_MAX",
    ),
    (
        {"dynamic_overlap_config": {**DYNAMIC, "answer_weight_skill_id": "careful"}},
        "dynamic_overlap_config.answer_weight_skill_id",
        "STRING_EXPECTED",
    ),
]


def test_an_invalid_pool_is_rejected(api: RawClient) -> None:
    form = {**POOL, "project_id": api.create_project()["id"]}
    for change, field, code in WRONG:
        response = api.post("/v1/pools", {**form, **change})
        assert response.status_code == 400
        assert response.json()["payload"][field]["code"] == code


def test_null_is_a_field_that_is_not_set(api: RawClient) -> None:
    form = {**POOL, "project_id": api.create_project()["id"], "auto_accept_solutions": None, "priority": None}
    pool = api.post("/v1/pools", form).json()
    assert (pool["auto_accept_solutions"], pool["priority"]) == (True, 0)


def test_a_pool_is_patched_and_replaced(api: RawClient) -> None:
    pool_id = api.create_pool()
    assert api.http.patch(f"/v1/pools/{pool_id}", json={"priority": 7, "status": "OPEN"}).json()["priority"] == 7
    pool = api.get(f"/v1/pools/{pool_id}")
    assert (pool["priority"], pool["status"]) == (7, "CLOSED")
    assert api.http.patch(f"/v1/pools/{pool_id}", json={"priority": 101}).status_code == 400
    form = {**POOL, "project_id": pool["project_id"], "private_name": "New", "will_expire": "2050-01-01"}
    replaced = api.http.put(f"/v1/pools/{pool_id}", json=form).json()
    assert (replaced["private_name"], replaced["priority"], replaced["created"]) == ("New", 0, pool["created"])
    assert replaced["will_expire"] == "2050-01-01T00:00:00"
