"""What is not simulated stands in one list, in the docs too, and answer() warns of it once."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import pytest
from support.raw_client import RawClient

from toloka_frames.local import LocalToloka
from toloka_frames.local._simulation.not_simulated import NOT_SIMULATED

PAGE = Path(__file__).parents[2] / "docs" / "simulation.md"
MIXER = {"real_tasks_count": 1, "golden_tasks_count": 0, "training_tasks_count": 0}
SKILL_INTERVALS = {
    "scope": "POOL",
    "distribution": "UNIFORM",
    "window_days": 3,
    "intervals": [{"from": 1, "to": 9, "frequency": 2}],
}
RULE = {
    "conditions": [{"key": "assignments_accepted_count", "operator": "GT", "value": 0}],
    "action": {"type": "SET_POOL_COMPLETE", "parameters": {}},
}
# the fields of a project and of a pool that use each of them
USES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "dynamic_pricing_config": ({}, {"dynamic_pricing_config": {"type": "SKILL", "skill_id": "1", "intervals": []}}),
    "speed_quality_balance": ({}, {"speed_quality_balance": {"type": "TOP_PERCENTAGE_BY_QUALITY", "percent": 10}}),
    "mixer_config.golden_task_distribution_function": (
        {},
        {"mixer_config": {**MIXER, "golden_task_distribution_function": SKILL_INTERVALS}},
    ),
    "mixer_config.training_task_distribution_function": (
        {},
        {"mixer_config": {**MIXER, "training_task_distribution_function": SKILL_INTERVALS}},
    ),
    "mixer_config.min_golden_tasks_count": ({}, {"mixer_config": {**MIXER, "min_golden_tasks_count": 1}}),
    "quality_control.configs with TRAINING or USERS_ASSESSMENT": (
        {},
        {"quality_control": {"configs": [{"collector_config": {"type": "USERS_ASSESSMENT"}, "rules": []}]}},
    ),
    "quality_control.configs with SET_POOL_COMPLETE, CLEAN_COLLECTOR or other actions": (
        {},
        {"quality_control": {"configs": [{"collector_config": {"type": "ANSWER_COUNT"}, "rules": [RULE]}]}},
    ),
    "filter by gender, city and other fields": (
        {},
        {"filter": {"and": [{"or": [{"category": "profile", "key": "gender", "operator": "EQ", "value": "FEMALE"}]}]}},
    ),
    "quality_control.checkpoints_config": (
        {},
        {"quality_control": {"configs": [], "checkpoints_config": {"real_settings": {"target_overlap": 5}}}},
    ),
    "training_config": ({}, {"training_config": {"training_skill_ttl_days": 3}}),
    "assignments_issuing_type MAP_SELECTOR": ({"assignments_issuing_type": "MAP_SELECTOR"}, {}),
    "assignments_automerge_enabled": ({"assignments_automerge_enabled": True}, {}),
    "max_active_assignments_count": ({"max_active_assignments_count": 2}, {}),
    "localization_config": ({"localization_config": {"default_language": "EN"}}, {}),
}


@pytest.mark.parametrize("name", USES)
def test_answer_warns_once_of_what_is_not_simulated(toloka: LocalToloka, api: RawClient, name: str) -> None:
    project, pool = USES[name]
    pool_id = open_pool(api, project, pool)
    with pytest.warns(UserWarning, match=f"Pool {pool_id} uses .*{re.escape(name)}") as warned:
        toloka.answer(pool_id, workers=1)
    assert [Path(warning.filename) for warning in warned] == [Path(__file__)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        toloka.answer(pool_id)


def test_work_that_nobody_in_the_process_asks_for_logs_it_once_for_each_pool(caplog: pytest.LogCaptureFixture) -> None:
    with LocalToloka(operation_seconds=0.01, live_speed=0.001) as service:
        api = RawClient(service)
        with api.http:
            for name, (project, pool) in USES.items():
                pool_id = open_pool(api, project, pool)
                api.run_operation(f"/v1/pools/{pool_id}/close")
                api.run_operation(f"/v1/pools/{pool_id}/open")
                [message] = messages_of(caplog, pool_id)
                assert name in message


def test_a_request_of_another_process_logs_it_once_for_each_pool(
    toloka: LocalToloka, api: RawClient, caplog: pytest.LogCaptureFixture
) -> None:
    for name, (project, pool) in USES.items():
        pool_id = open_pool(api, project, pool)
        for live in (True, True, False):
            response = api.http.post(f"{toloka.url}/local/answer", json={"pool_id": pool_id, "live": live, "workers": 1})
            assert response.status_code == 200, response.text
        [message] = messages_of(caplog, pool_id)
        assert name in message


def open_pool(api: RawClient, project: dict[str, Any], pool: dict[str, Any]) -> str:
    pool_id = api.create_pool(api.create_project(**project), **{"mixer_config": MIXER, **pool})
    api.create_tasks(pool_id, 1)
    api.run_operation(f"/v1/pools/{pool_id}/open")
    return pool_id


def messages_of(caplog: pytest.LogCaptureFixture, pool_id: str) -> list[str]:
    return [record.message for record in caplog.records if record.message.startswith(f"Pool {pool_id} uses")]


def test_each_of_them_is_tested_and_in_the_docs() -> None:
    names = [name for name, _, _ in NOT_SIMULATED]
    assert set(names) - set(USES) == {"retry_training_after_days"}
    rows = re.findall(r"^\| `(.+)` \| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert rows == [(name, instead) for name, instead, _ in NOT_SIMULATED]
