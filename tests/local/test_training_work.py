"""Trainings: first attempts, the skill, and the gate of a pool that requires it."""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import pytest
from support.raw_client import TRAINING, RawClient, get_assignments, task

if TYPE_CHECKING:
    from toloka_frames.local import LocalToloka

HINT = {
    "infinite_overlap": True,
    "message_on_unknown_solution": "Look again",
    "known_solutions": [{"output_values": {"result": "cat"}}],
}


def open_training(api: RawClient, project: dict[str, Any], tasks: int = 10, **form: Any) -> str:
    sent = {**TRAINING, "project_id": project["id"], "training_tasks_in_task_suite_count": 2, **form}
    training_id: str = api.post("/v1/trainings", sent).json()["id"]
    api.create_tasks(training_id, tasks, **HINT)
    api.run_operation(f"/v1/trainings/{training_id}/open")
    return training_id


def training_skill(api: RawClient) -> dict[str, Any]:
    [skill] = [row for row in api.get("/v1/skills", limit=100)["items"] if row["training"]]
    return skill


@pytest.mark.parametrize(("required", "pages"), [(3, 3), (None, 5), (9, 5)])
def test_each_worker_does_the_required_pages(toloka: LocalToloka, api: RawClient, required: int | None, pages: int) -> None:
    form = {} if required is None else {"task_suites_required_to_pass": required}
    training_id = open_training(api, api.create_project(), **form)
    assert toloka.answer(training_id, workers=4) == 4 * pages
    rows = get_assignments(api, training_id)
    assert set(Counter(row["user_id"] for row in rows).values()) == {pages}
    assert {(row["status"], row["reward"], len(row["tasks"])) for row in rows} == {("ACCEPTED", 0.0, 2)}
    assert toloka.answer(training_id, workers=4) == 0
    assert api.get(f"/v1/trainings/{training_id}")["status"] == "OPEN"
    assert api.get("/v1/requester")["balance"] == 1000


def test_the_skill_is_the_share_of_right_first_answers(toloka: LocalToloka, api: RawClient) -> None:
    training_id = open_training(api, api.create_project(), private_name="Practice")
    toloka.answer(training_id, workers=8, accuracy=0.6)
    right: dict[str, list[bool]] = defaultdict(list)
    for row in get_assignments(api, training_id):
        final = [solution["output_values"] for solution in row["solutions"]]
        assert final == [{"result": "cat"}] * 2
        first = [attempt["output_values"] for attempt in row.get("first_declined_solution_attempt", row["solutions"])]
        assert ("first_declined_solution_attempt" in row) == (first != final)
        right[row["user_id"]] += [values == {"result": "cat"} for values in first]
    skill = training_skill(api)
    assert skill["name"] == "Practice"
    given = api.get("/v1/user-skills", skill_id=skill["id"])["items"]
    values = {row["user_id"]: row["exact_value"] for row in given}
    last_pages = {row["user_id"]: row["submitted"] for row in get_assignments(api, training_id)}
    assert {row["user_id"]: row["created"] for row in given} == last_pages
    assert values == {user_id: 100 * sum(results) / len(results) for user_id, results in right.items()}
    assert len(set(values.values())) > 1


def test_a_pool_admits_those_who_passed_its_training(toloka: LocalToloka, api: RawClient) -> None:
    project = api.create_project()
    training_id = open_training(api, project)
    requirement = {"training_pool_id": training_id, "training_passing_skill_value": 60}
    pool_id = api.create_pool(project, quality_control={"configs": [], "training_requirement": requirement})
    api.create_tasks(pool_id, 40)
    api.run_operation(f"/v1/pools/{pool_id}/open")
    with pytest.warns(UserWarning, match="No worker may work"):
        assert toloka.answer(pool_id, workers=10, accuracy=0.6) == 0
    toloka.answer(training_id, workers=10, accuracy=0.6)
    skill = training_skill(api)
    values = api.get("/v1/user-skills", skill_id=skill["id"])["items"]
    passed = {row["user_id"] for row in values if row["value"] >= 60}
    assert 0 < len(passed) < 10
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        toloka.answer(pool_id, workers=10, accuracy=0.6)
    assert {row["user_id"] for row in get_assignments(api, pool_id)} == passed


def test_a_training_that_is_not_open_is_rejected_with_a_hint(toloka: LocalToloka, api: RawClient) -> None:
    training_id = api.post("/v1/trainings", {**TRAINING, "project_id": api.create_project()["id"]}).json()["id"]
    api.post("/v1/tasks", {"pool_id": training_id, **task(1), **HINT})
    with pytest.raises(ValueError, match=r"open it first, by client\.open_training"):
        toloka.answer(training_id)
