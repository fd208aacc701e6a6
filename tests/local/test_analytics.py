from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from support.raw_client import TRAINING, task

if TYPE_CHECKING:
    from support.raw_client import RawClient

    from toloka_frames.local import LocalToloka

# the names of Toloka-Kit 1.2.3's analytics requests
METRICS = (
    *("real_tasks_count", "submitted_assignments_count", "skipped_assignments_count", "rejected_assignments_count"),
    *("approved_assignments_count", "completion_percentage", "avg_submit_assignment_millis", "spent_budget"),
    *("unique_workers_count", "unique_submitters_count", "active_workers_by_filter_count", "estimated_assignments_count"),
)
KNOWN = {"known_solutions": [{"output_values": {"result": "cat"}}]}


def analyse(api: RawClient, pool_id: str, *names: str) -> dict[str, Any]:
    """Return the operation that computes metrics of a pool."""
    metrics = [{"name": name, "subject": "POOL", "subject_id": pool_id, "interval_hours": 24} for name in names]
    response = api.post("/staging/analytics-2", metrics)
    assert response.status_code == 202, response.text
    return api.wait_operation(response.json()["id"])


def values(api: RawClient, pool_id: str, *names: str) -> list[Any]:
    results = [row["result"] for row in analyse(api, pool_id, *names)["details"]["value"]]
    return [result["value"] if isinstance(result, dict) else result for result in results]


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("of", ["a pool", "a training"])
def test_each_metric_says_when_it_was_computed(module_api: RawClient, name: str, of: str) -> None:
    api = module_api
    project = api.create_project()
    form = {**TRAINING, "project_id": project["id"]}
    pool_id = api.create_pool(project) if of == "a pool" else api.post("/v1/trainings", form).json()["id"]
    operation = analyse(api, pool_id, name)
    [result] = operation["details"]["value"]
    assert result["request"]["name"] == name
    assert result["finished"] == operation["finished"]
    # Toloka-Kit's metrics read it as a time in UTC, without a zone
    assert datetime.fromisoformat(result["finished"]).tzinfo is None


def test_tasks_count_until_they_have_their_overlap_and_control_tasks_do_not(toloka: LocalToloka, api: RawClient) -> None:
    pool_id = api.create_pool()
    names = ("real_tasks_count", "completion_percentage", "estimated_assignments_count")
    assert values(api, pool_id, *names) == [0, 0, 0]
    api.create_tasks(pool_id, 4, overlap=2)
    api.create_tasks(pool_id, 2, overlap=9, **KNOWN)
    assert values(api, pool_id, *names) == [4, 0, 2]
    api.run_operation(f"/v1/pools/{pool_id}/open")
    toloka.answer(pool_id)
    assert values(api, pool_id, *names) == [4, 100, 2]
    sent = [{"pool_id": pool_id, **task(number), "overlap": 6} for number in range(2)]
    assert api.post("/v1/tasks", sent).status_code == 201
    assert values(api, pool_id, *names) == [6, 40, 5]  # 8 of 20 answers; four on a page


def test_the_requester_s_suites_count_with_their_tasks(toloka: LocalToloka, api: RawClient) -> None:
    pool_id = api.create_pool(mixer_config=None)
    suite = {"pool_id": pool_id, "tasks": [task(1), task(2), {**task(3), **KNOWN}], "overlap": 3}
    assert api.post("/v1/task-suites", suite, open_pool="true").status_code == 201
    names = ("real_tasks_count", "completion_percentage", "submitted_assignments_count", "estimated_assignments_count")
    assert values(api, pool_id, *names) == [2, 0, 0, 3]
    toloka.answer(pool_id, workers=5)
    assert values(api, pool_id, *names) == [2, 100, 3, 3]


def test_infinite_overlap_is_never_complete(api: RawClient) -> None:
    pool_id = api.create_pool()
    api.create_tasks(pool_id, 2, infinite_overlap=True)
    assert values(api, pool_id, "real_tasks_count", "completion_percentage") == [2, 0]


def test_percentages_and_estimates_are_objects(api: RawClient) -> None:
    pool_id = api.create_pool()
    results = analyse(api, pool_id, *METRICS[:10])["details"]["value"]
    results += analyse(api, pool_id, *METRICS[10:])["details"]["value"]
    objects = {row["request"]["name"]: row["result"] for row in results if isinstance(row["result"], dict)}
    # Toloka-Kit 1.2.3, tests/test_operation.py
    zero = {"type": "NORMAL", "value": 0, "infinite": False, "approximate": False}
    assert objects == {"completion_percentage": zero, "estimated_assignments_count": zero}


def test_the_tasks_of_an_export_count_once(toloka: LocalToloka, api: RawClient) -> None:
    rows = [{"INPUT:image": f"{number}", "OUTPUT:result": "cat", "ASSIGNMENT:status": "APPROVED"} for number in range(3)]
    ids = [{f"ASSIGNMENT:{name}_id": f"{name}{number // 2}" for name in ("assignment", "worker")} for number in range(3)]
    tasks = [{"ASSIGNMENT:task_id": f"task{number}", "ASSIGNMENT:reward": "0.1"} for number in range(3)]
    pool_id = toloka.load_export(pd.DataFrame([a | b | c for a, b, c in zip(rows, ids, tasks, strict=True)]))
    names = ("real_tasks_count", "completion_percentage", "approved_assignments_count")
    assert values(api, pool_id, *names) == [3, 100, 2]
