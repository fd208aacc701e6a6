from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from support.raw_client import Wire

    from toloka_frames.local import LocalToloka

BY_POOL, BY_TASK = "/v1/aggregated-solutions/aggregate-by-pool", "/v1/aggregated-solutions/aggregate-by-task"


@pytest.fixture
def pool_id(toloka: LocalToloka, wire: Wire) -> str:
    """A finished pool of twelve tasks with three answers each, and one control task."""
    pool_id = wire.pool()
    wire.tasks(pool_id, 12)
    wire.tasks(pool_id, 1, infinite_overlap=True, known_solutions=[{"output_values": {"result": "cat"}}])
    wire.done(f"/v1/pools/{pool_id}/open")
    toloka.answer(pool_id, accuracy=0.7)
    return pool_id


def form(pool_id: str, **more: Any) -> dict[str, Any]:
    return {"type": "DAWID_SKENE", "pool_id": pool_id, "fields": [{"name": "result"}], **more}


def aggregated(wire: Wire, sent: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    reply = wire.post(BY_POOL, sent)
    assert reply.status_code == 202, reply.text
    operation = wire.finished(reply.json()["id"])
    return operation, wire.get(f"/v1/aggregated-solutions/{operation['id']}")["items"]


def votes(wire: Wire, pool_id: str) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for row in wire.get("/v1/assignments", pool_id=pool_id, limit=1000)["items"]:
        for task, solution in zip(row["tasks"], row["solutions"], strict=True):
            if "known_solutions" not in task:
                found.setdefault(task["id"], Counter())[solution["output_values"]["result"]] += 1
    return found


def test_each_task_gets_the_answer_of_most_with_their_share(wire: Wire, pool_id: str) -> None:
    operation, rows = aggregated(wire, form(pool_id))
    expected = votes(wire, pool_id)
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


def test_solutions_are_walked_by_task(wire: Wire, pool_id: str) -> None:
    operation, rows = aggregated(wire, form(pool_id))
    path, seen = f"/v1/aggregated-solutions/{operation['id']}", []
    page = wire.get(path, sort="task_id", limit=5)
    while True:
        seen += page["items"]
        if not page["has_more"]:
            break
        page = wire.get(path, sort="task_id", limit=5, task_id_gt=seen[-1]["task_id"])
    assert seen == rows == sorted(rows, key=lambda row: row["task_id"])
    assert wire.get(path, sort="-task_id")["items"] == rows[::-1]
    assert wire.http.get("/v1/aggregated-solutions/nothing").status_code == 404


def test_a_skill_weighs_the_answers(wire: Wire, pool_id: str) -> None:
    skill_id = wire.post("/v1/skills", {"name": "Weight"}).json()["id"]
    task_id, counted = next((task_id, count) for task_id, count in votes(wire, pool_id).items() if len(count) > 1)
    [rare] = [answer for answer, count in counted.items() if count == 1]
    for row in wire.get("/v1/assignments", pool_id=pool_id, task_id=task_id)["items"]:
        position = [task["id"] for task in row["tasks"]].index(task_id)
        weight = 90 if row["solutions"][position]["output_values"]["result"] == rare else 10
        sent = {"skill_id": skill_id, "user_id": row["user_id"], "value": weight}
        assert wire.http.put("/v1/user-skills", json=sent).status_code == 201
    weighted = form(pool_id, type="WEIGHTED_DYNAMIC_OVERLAP", answer_weight_skill_id=skill_id)
    reply = wire.post(BY_TASK, {**weighted, "task_id": task_id})
    assert reply.status_code == 200
    assert (reply.json()["output_values"]["result"], reply.json()["confidence"]) == (rare, round(90 / 110, 6))
    operation, rows = aggregated(wire, weighted)
    assert operation["parameters"]["answer_weight_skill_id"] == int(skill_id)
    assert reply.json() in rows


WRONG = [
    ({"type": "GUESS"}, "type", "UNKNOWN_ENUM_VALUE"),
    ({"fields": None}, "fields", "VALUE_REQUIRED"),
    ({"fields": ["result"]}, "fields", "ARRAY_EXPECTED"),
    ({"pool_id": "1"}, "pool_id", "ENTITY_DOES_NOT_EXIST"),
    ({"type": "WEIGHTED_DYNAMIC_OVERLAP"}, "answer_weight_skill_id", "VALUE_REQUIRED"),
]


def test_what_cannot_be_aggregated_is_refused(wire: Wire) -> None:
    pool_id = wire.pool()
    for change, field, code in WRONG:
        reply = wire.post(BY_POOL, {**form(pool_id), **change})
        assert (reply.status_code, reply.json()["payload"][field]["code"]) == (400, code)
    assert wire.post(BY_TASK, form(pool_id, task_id="x")).json()["code"] == "DOES_NOT_EXIST"
    wire.tasks(pool_id, 1)
    wire.done(f"/v1/pools/{pool_id}/open")
    assert wire.post(BY_POOL, form(pool_id)).json()["code"] == "ASSIGNMENTS_AGGREGATION_DENIED"
