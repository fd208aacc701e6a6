from __future__ import annotations

import math
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from toloka_frames.local._api.dawid_skene import dawid_skene

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


def test_each_task_gets_its_most_probable_answer(api: RawClient, pool_id: str) -> None:
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
    expected_rows = by_definition(votes_of(api, pool_id))
    for row in rows:
        beliefs = expected_rows[row["task_id"]]
        answer = max(beliefs, key=lambda name: beliefs[name])
        assert row["output_values"] == {"result": answer}
        assert row["confidence"] == pytest.approx(beliefs[answer], abs=1e-3)


Vote = tuple[str, str, str]


def votes_of(api: RawClient, pool_id: str) -> list[Vote]:
    """Return the task, worker and answer of each vote of a pool."""
    return [
        (task["id"], row["user_id"], solution["output_values"]["result"])
        for row in api.get("/v1/assignments", pool_id=pool_id, limit=1000)["items"]
        for task, solution in zip(row["tasks"], row["solutions"], strict=True)
        if "known_solutions" not in task
    ]


def by_definition(votes: list[Vote], rounds: int = 300) -> dict[str, dict[str, float]]:
    """Dawid and Skene's formulas (2.3) to (2.5) of 1979, written out."""
    tasks, labels = {task for task, _, _ in votes}, {label for _, _, label in votes}
    own = {task: [(worker, label) for other, worker, label in votes if other == task] for task in tasks}
    beliefs = {
        task: {true: [label for _, label in own[task]].count(true) / len(own[task]) for true in labels} for task in tasks
    }
    for _ in range(rounds):
        error = {}
        for worker in {worker for _, worker, _ in votes}:
            given = [(task, label) for task, other, label in votes if other == worker]
            for true in labels:
                sums = {
                    answer: max(sum(beliefs[task][true] for task, label in given if label == answer), 1e-10)
                    for answer in {label for _, label in given}
                }
                error.update({(worker, true, answer): value / sum(sums.values()) for answer, value in sums.items()})
        prior = {true: max(sum(beliefs[task][true] for task in tasks) / len(tasks), 1e-10) for true in labels}
        for task in tasks:
            products = {
                true: prior[true] * math.prod(error[worker, true, label] for worker, label in own[task]) for true in labels
            }
            beliefs[task] = {true: product / sum(products.values()) for true, product in products.items()}
    return beliefs


def random_votes(seed: int) -> list[Vote]:
    """Return the votes of five workers of different accuracy on 40 tasks with three answers."""
    generator, labels = random.Random(seed), ["a", "b", "c"]  # noqa: S311  # the same each time
    votes = []
    for number in range(40):
        true = generator.choice(labels)
        for worker, accuracy in enumerate((0.95, 0.8, 0.6, 0.4, 0.2)):
            label = true if generator.random() < accuracy else generator.choice(labels)
            votes.append((f"t{number}", f"w{worker}", label))
    return votes


@pytest.mark.parametrize("seed", range(5))
def test_probabilities_are_those_of_the_paper(seed: int) -> None:
    votes = random_votes(seed)
    found, expected = dawid_skene(votes), by_definition(votes, 100)
    for task, beliefs in expected.items():
        assert {label: found[task].get(label, 0.0) for label in beliefs} == pytest.approx(beliefs, abs=1e-3)


def test_a_worker_who_is_always_wrong_is_understood() -> None:
    votes = [
        (f"t{number}", worker, "ab"[number % 2 ^ (worker == "liar")]) for number in range(40) for worker in ("w1", "w2", "liar")
    ]
    votes += [("last", "liar", "a"), ("last", "w1", "b")]
    beliefs = dawid_skene(votes)["last"]
    assert beliefs["b"] > 0.99


def test_free_text_keeps_the_shares_of_its_votes() -> None:
    votes = [(f"t{number}", f"w{worker}", f"{number}/{worker // 2}") for number in range(60) for worker in range(3)]
    assert dawid_skene(votes)["t7"] == pytest.approx({"7/0": 2 / 3, "7/1": 1 / 3})


@pytest.mark.parametrize("seed", range(5))
def test_crowd_kit_finds_the_same(seed: int) -> None:
    reason = "crowd-kit is not installed; make test-newest installs it"
    aggregation, votes = pytest.importorskip("crowdkit.aggregation", reason=reason), random_votes(seed)
    # without its bound, by which it ends early
    model = aggregation.DawidSkene(n_iter=100, tol=-math.inf)
    theirs = model.fit_predict_proba(pd.DataFrame(votes, columns=["task", "worker", "label"]))
    ours = pd.DataFrame.from_dict(dawid_skene(votes), orient="index").fillna(0.0)
    assert ours.loc[theirs.index, theirs.columns].to_numpy() == pytest.approx(theirs.to_numpy(), abs=1e-3)


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
