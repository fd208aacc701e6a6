from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from support.raw_client import RawClient

    from toloka_frames.local import LocalToloka

BY_POOL, BY_TASK = "/v1/aggregated-solutions/aggregate-by-pool", "/v1/aggregated-solutions/aggregate-by-task"


@pytest.fixture
def pool_id(toloka: LocalToloka, api: RawClient) -> str:
    """A finished pool of twelve tasks with three answers each, and one control task."""
    pool_id = api.create_pool()
    api.create_tasks(pool_id, 12)
    api.create_tasks(pool_id, 1, infinite_overlap=True, known_solutions=[{"output_values": {"result": "cat"}}])
    api.run_operation(f"/v1/pools/{pool_id}/open")
    toloka.answer(pool_id, accuracy=0.7)
    return pool_id


def form(pool_id: str, **more: Any) -> dict[str, Any]:
    return {"type": "DAWID_SKENE", "pool_id": pool_id, "fields": [{"name": "result"}], **more}


def aggregate(api: RawClient, sent: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    response = api.post(BY_POOL, sent)
    assert response.status_code == 202, response.text
    operation = api.wait_operation(response.json()["id"])
    return operation, api.get(f"/v1/aggregated-solutions/{operation['id']}")["items"]


def count_votes(api: RawClient, pool_id: str) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for row in api.get("/v1/assignments", pool_id=pool_id, limit=1000)["items"]:
        for task, solution in zip(row["tasks"], row["solutions"], strict=True):
            if "known_solutions" not in task:
                found.setdefault(task["id"], Counter())[solution["output_values"]["result"]] += 1
    return found


def test_each_task_gets_the_majority_answer_and_its_share(api: RawClient, pool_id: str) -> None:
    operation, rows = aggregate(api, form(pool_id))
    expected = count_votes(api, pool_id)
    assert (operation["type"], operation["status"], operation["details"]) == ("SOLUTION.AGGREGATE", "SUCCESS", {})
    assert (
        operation["parameters"].items()
        >= {
            "pool_id": pool_id,
            "algorithm": "DAWID_SKENE",
            "input_fields": ["image", "note"],
            "aggregated_output_fields": ["result"],
            "missing_output_fields": [],
        }.items()
    )
    assert len(rows) == len(expected) == 12
    for row in rows:
        [(answer, count), *_] = expected[row["task_id"]].most_common()
        assert row == {
            "pool_id": pool_id,
            "task_id": row["task_id"],
            "output_values": {"result": answer},
            "confidence": round(count / 3, 6),
        }


def test_solutions_are_paged_by_task_id(api: RawClient, pool_id: str) -> None:
    operation, rows = aggregate(api, form(pool_id))
    path, seen = f"/v1/aggregated-solutions/{operation['id']}", []
    page = api.get(path, sort="task_id", limit=5)
    while True:
        seen += page["items"]
        if not page["has_more"]:
            break
        page = api.get(path, sort="task_id", limit=5, task_id_gt=seen[-1]["task_id"])
    assert seen == rows == sorted(rows, key=lambda row: row["task_id"])
    assert api.get(path, sort="-task_id")["items"] == rows[::-1]
    assert api.http.get("/v1/aggregated-solutions/nothing").status_code == 404


def test_answers_are_weighted_by_a_skill(api: RawClient, pool_id: str) -> None:
    skill_id = api.post("/v1/skills", {"name": "Weight"}).json()["id"]
    task_id, counted = next((task_id, count) for task_id, count in count_votes(api, pool_id).items() if len(count) > 1)
    [rare] = [answer for answer, count in counted.items() if count == 1]
    for row in api.get("/v1/assignments", pool_id=pool_id, task_id=task_id)["items"]:
        position = [task["id"] for task in row["tasks"]].index(task_id)
        weight = 90 if row["solutions"][position]["output_values"]["result"] == rare else 10
        sent = {"skill_id": skill_id, "user_id": row["user_id"], "value": weight}
        assert api.http.put("/v1/user-skills", json=sent).status_code == 201
    weighted = form(pool_id, type="WEIGHTED_DYNAMIC_OVERLAP", answer_weight_skill_id=skill_id)
    response = api.post(BY_TASK, {**weighted, "task_id": task_id})
    assert response.status_code == 200
    assert (response.json()["output_values"]["result"], response.json()["confidence"]) == (rare, round(90 / 110, 6))
    operation, rows = aggregate(api, weighted)
    assert operation["parameters"]["answer_weight_skill_id"] == int(skill_id)
    assert response.json() in rows


INVALID_FORMS = [
    ({"type": "GUESS"}, "type", "UNKNOWN_ENUM_VALUE"),
    ({"fields": None}, "fields", "VALUE_REQUIRED"),
    ({"fields": ["result"]}, "fields", "ARRAY_EXPECTED"),
    ({"pool_id": "1"}, "pool_id", "ENTITY_DOES_NOT_EXIST"),
    ({"type": "WEIGHTED_DYNAMIC_OVERLAP"}, "answer_weight_skill_id", "VALUE_REQUIRED"),
]


def test_an_invalid_aggregation_is_rejected(api: RawClient) -> None:
    pool_id = api.create_pool()
    for change, field, code in INVALID_FORMS:
        response = api.post(BY_POOL, {**form(pool_id), **change})
        assert (response.status_code, response.json()["payload"][field]["code"]) == (400, code)
    assert api.post(BY_TASK, form(pool_id, task_id="x")).json()["code"] == "DOES_NOT_EXIST"
    api.create_tasks(pool_id, 1)
    api.run_operation(f"/v1/pools/{pool_id}/open")
    assert api.post(BY_POOL, form(pool_id)).json()["code"] == "ASSIGNMENTS_AGGREGATION_DENIED"
