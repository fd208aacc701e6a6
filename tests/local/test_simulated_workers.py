from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from support.cpu import cpu_seconds
from support.raw_client import PROJECT, RawClient, get_assignments, task

from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    import httpx

CONTROL = {"infinite_overlap": True, "known_solutions": [{"output_values": {"result": "cat"}}]}


def open_pool(api: RawClient, count: int = 20, project: dict[str, Any] | None = None, **pool: Any) -> str:
    return api.open_pool(count, project, **pool)


def answers_by_input(api: RawClient, pool_id: str) -> list[tuple[str, Any, Any]]:
    """Return each answer with its worker and its task's input values, in the order of the assignments."""
    return [
        (row["user_id"], task["input_values"], solution["output_values"])
        for row in get_assignments(api, pool_id)
        for task, solution in zip(row["tasks"], row["solutions"], strict=True)
    ]


def get_answers(api: RawClient, pool_id: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (row["user_id"], task["id"]): solution["output_values"]
        for row in get_assignments(api, pool_id)
        for task, solution in zip(row["tasks"], row["solutions"], strict=True)
    }


def test_each_task_is_answered_by_as_many_workers_as_its_overlap(toloka: LocalToloka, api: RawClient) -> None:
    pool_id = open_pool(api, 21)
    made = toloka.answer(pool_id)
    found = get_assignments(api, pool_id)
    given = [(row["user_id"], task["id"]) for row in found for task in row["tasks"]]
    assert made == len(found) == 18
    assert len(set(given)) == len(given)
    assert set(Counter(task_id for _, task_id in given).values()) == {3}
    assert {row["remaining_overlap"] for row in api.get("/v1/tasks", pool_id=pool_id)["items"]} == {0}


def test_a_pool_is_its_id_as_text_or_number_or_its_object(toloka: LocalToloka, api: RawClient) -> None:
    for form in (str, int, toloka.client().get_pool):
        assert toloka.answer(form(open_pool(api, 3))) == 3  # type: ignore[operator]


def test_a_finished_pool_closes(toloka: LocalToloka, api: RawClient) -> None:
    pool_id = open_pool(api)
    toloka.answer(pool_id)
    pool = api.get(f"/v1/pools/{pool_id}")
    assert (pool["status"], pool["last_close_reason"]) == ("CLOSED", "COMPLETED")


def test_tasks_without_enough_workers_remain_for_others(toloka: LocalToloka, api: RawClient) -> None:
    pool_id = open_pool(api)
    toloka.answer(pool_id, workers=2)
    assert api.get(f"/v1/pools/{pool_id}")["status"] == "OPEN"
    assert {row["remaining_overlap"] for row in api.get("/v1/tasks", pool_id=pool_id)["items"]} == {1}
    with pytest.warns(UserWarning, match="2 have done all of these"):
        assert toloka.answer(pool_id, workers=2) == 0
    toloka.answer(pool_id, workers=3)
    assert len(get_answers(api, pool_id)) == 60
    assert api.get(f"/v1/pools/{pool_id}")["status"] == "CLOSED"
    created = [row["created"] for row in get_assignments(api, pool_id)]
    assert created == sorted(created)


def test_an_assignment_has_all_fields(toloka: LocalToloka, api: RawClient) -> None:
    pool_id = open_pool(api)
    toloka.answer(pool_id)
    row = get_assignments(api, pool_id)[0]
    suite = api.get(f"/v1/task-suites/{row['task_suite_id']}")
    assert row["created"] < row["submitted"] < row["accepted"]
    assert (row["status"], row["reward"], row["mixed"]) == ("ACCEPTED", 0.05, True)
    assert len(row["user_id"]) == 32
    assert [task["id"] for task in suite["tasks"]] == [task["id"] for task in row["tasks"]]
    assert row["owner"] == api.get(f"/v1/pools/{pool_id}")["owner"]
    assert api.get(f"/v1/assignments/{row['id']}") == row


def test_assignments_are_accepted_and_rejected_without_auto_accept(toloka: LocalToloka, api: RawClient) -> None:
    pool_id = open_pool(api, auto_accept_solutions=False)
    toloka.answer(pool_id)
    first, second = get_assignments(api, pool_id)[:2]
    assert first["status"] == "SUBMITTED"
    assert "accepted" not in first

    def judge(row: dict[str, Any], **verdict: str) -> httpx.Response:
        return api.http.patch(f"/v1/assignments/{row['id']}", json=verdict)

    accepted = judge(first, status="ACCEPTED", public_comment="Well done").json()
    assert accepted["accepted"] > accepted["submitted"]
    assert accepted["public_comment"] == "Well done"
    assert judge(second, status="REJECTED", public_comment="No").json()["rejected"]
    assert judge(second, status="ACCEPTED").json()["status"] == "ACCEPTED"
    rejected = judge(first, status="REJECTED")
    assert (rejected.status_code, rejected.json()["code"]) == (409, "INAPPROPRIATE_STATUS")
    assert rejected.json()["payload"] == {"appropriate_statuses": ["SUBMITTED"]}
    assert judge(first, status="SKIPPED").status_code == 400
    assert judge(first, status="ACCEPTED", public_comment="x" * 2049).status_code == 400
    by_status = api.get("/v1/assignments", pool_id=pool_id, status="SUBMITTED,REJECTED", limit=1000)["items"]
    assert len(by_status) == len(get_assignments(api, pool_id)) - 2


def test_control_tasks_are_mixed_in(toloka: LocalToloka, api: RawClient) -> None:
    pool_id = api.create_pool(mixer_config={"real_tasks_count": 4, "golden_tasks_count": 1, "training_tasks_count": 1})
    api.create_tasks(pool_id, 8)
    api.create_tasks(pool_id, 30, **CONTROL)
    api.create_tasks(pool_id, 30, **CONTROL, message_on_unknown_solution="It is a cat")
    api.run_operation(f"/v1/pools/{pool_id}/open")
    toloka.answer(pool_id, accuracy=1.0)
    for row in get_assignments(api, pool_id):
        kinds = Counter(("known_solutions" in item) + ("message_on_unknown_solution" in item) for item in row["tasks"])
        assert kinds == {0: 4, 1: 1, 2: 1}
        for item, solution in zip(row["tasks"], row["solutions"], strict=True):
            if "known_solutions" in item:
                assert solution["output_values"] == {"result": "cat"}


@pytest.mark.parametrize("accuracy", [0.0, 0.8, 1.0])
def test_workers_have_the_requested_accuracy(toloka: LocalToloka, api: RawClient, accuracy: float) -> None:
    pool_id = api.create_pool(mixer_config={"real_tasks_count": 1, "golden_tasks_count": 4, "training_tasks_count": 0})
    api.create_tasks(pool_id, 60)
    api.create_tasks(pool_id, 60, **CONTROL)
    api.run_operation(f"/v1/pools/{pool_id}/open")
    toloka.answer(pool_id, accuracy=accuracy)
    controls = {row["id"] for row in api.get("/v1/tasks", pool_id=pool_id, limit=1000)["items"] if row["infinite_overlap"]}
    right = [values["result"] == "cat" for (_, task_id), values in get_answers(api, pool_id).items() if task_id in controls]
    assert abs(sum(right) / len(right) - accuracy) < 0.08


def test_the_same_seed_gives_the_same_answers_in_every_service() -> None:
    found = []
    for seed in (1, 1, 2):
        with LocalToloka() as toloka:
            api = RawClient(toloka)
            with api.http:
                pool_id = open_pool(api, 40)
                toloka.answer(pool_id, seed=seed)
                found.append(answers_by_input(api, pool_id))
    assert found[0] == found[1]
    assert found[0] != found[2]


def test_every_field_type_gets_values_that_its_specification_allows(toloka: LocalToloka, api: RawClient) -> None:
    output = {
        "flag": {"type": "boolean"},
        "count": {"type": "integer", "min_value": 3, "max_value": 5},
        "share": {"type": "float"},
        "text": {"type": "string", "min_length": 12, "max_length": 14},
        "link": {"type": "url"},
        "place": {"type": "coordinates"},
        "anything": {"type": "json"},
        "file": {"type": "file"},
        "labels": {"type": "array_string", "allowed_values": ["a", "b", "c"], "min_size": 1, "max_size": 2},
        "numbers": {"type": "array_integer", "min_value": 1, "max_value": 9},
    }
    project = api.create_project(task_spec={**PROJECT["task_spec"], "output_spec": output})
    pool_id = open_pool(api, project=project)
    toloka.answer(pool_id, accuracy=0.5)
    checking = api.create_pool(project)
    for values in list(get_answers(api, pool_id).values())[:20]:
        assert set(values) == set(output)
        sent = {
            "pool_id": checking,
            "infinite_overlap": True,
            "input_values": {"image": "/x"},
            "known_solutions": [{"output_values": values}],
        }
        assert api.post("/v1/tasks", sent).status_code == 201


def test_a_pool_that_is_not_open_is_rejected_with_a_hint(toloka: LocalToloka, api: RawClient) -> None:
    with pytest.raises(ValueError, match="open it first"):
        toloka.answer(api.create_pool())
    with pytest.raises(ValueError, match="no pool"):
        toloka.answer("1")


def test_ten_times_as_many_tasks_take_about_ten_times_as_long(toloka: LocalToloka, api: RawClient) -> None:
    assignment_counts = []

    def answer(count: int) -> float:
        pool_id = api.create_pool()
        sent = [{"pool_id": pool_id, "overlap": 1, "input_values": {"image": f"/{number}"}} for number in range(count)]
        api.wait_operation(api.post("/v1/tasks", sent, async_mode="true", open_pool="true").json()["id"])
        return cpu_seconds(lambda: assignment_counts.append(toloka.answer(pool_id)))

    assert answer(10_000) < 40 * answer(1_000)
    assert assignment_counts == [2_500, 250]


def test_suites_of_the_requester_are_answered_as_often_as_their_overlap(toloka: LocalToloka, api: RawClient) -> None:
    pool_id = api.create_pool(mixer_config=None)
    sent = [{"pool_id": pool_id, "overlap": number, "tasks": [task(number), task(9)]} for number in (1, 2, 5)]
    suites = list(api.post("/v1/task-suites", sent).json()["items"].values())
    api.run_operation(f"/v1/pools/{pool_id}/open")
    assert toloka.answer(pool_id, workers=4) == 1 + 2 + 4
    with pytest.warns(UserWarning, match="4 have done all of these"):
        assert toloka.answer(pool_id, workers=4) == 0
    assert api.get(f"/v1/pools/{pool_id}")["status"] == "OPEN"
    assert toloka.answer(pool_id, workers=1, seed=1) == 1
    assert api.get(f"/v1/pools/{pool_id}")["last_close_reason"] == "COMPLETED"
    rows = api.get("/v1/assignments", pool_id=pool_id)["items"]
    task_ids = {suite["id"]: [task["id"] for task in suite["tasks"]] for suite in suites}
    assert all([task["id"] for task in row["tasks"]] == task_ids[row["task_suite_id"]] for row in rows)
    assert len({(row["user_id"], row["task_suite_id"]) for row in rows}) == 8
    assert {row["remaining_overlap"] for row in api.get("/v1/task-suites", pool_id=pool_id)["items"]} == {0}
    assert not any(row["mixed"] for row in rows)


# tasks on a page -> answers of each worker to ten tasks with a known answer
EXAMS = [
    ({"real_tasks_count": 0, "golden_tasks_count": 10, "training_tasks_count": 0}, [10]),
    ({"real_tasks_count": 0, "golden_tasks_count": 4, "training_tasks_count": 0}, [4, 4, 2]),
    ({"real_tasks_count": 0, "golden_tasks_count": 0, "training_tasks_count": 5}, [5, 5]),
]


@pytest.mark.parametrize(("mixer", "pages"), EXAMS)
def test_an_exam_has_only_tasks_whose_answers_are_known(
    toloka: LocalToloka, api: RawClient, mixer: dict[str, int], pages: list[int]
) -> None:
    pool_id = api.create_pool(mixer_config=mixer)
    hint = {"message_on_unknown_solution": "No"} if mixer["training_tasks_count"] else {}
    api.create_tasks(pool_id, 10, **CONTROL, **hint)
    api.run_operation(f"/v1/pools/{pool_id}/open")
    assert toloka.answer(pool_id, workers=3) == 3 * len(pages)
    found = get_assignments(api, pool_id)
    for user_id in {row["user_id"] for row in found}:
        assert [len(row["tasks"]) for row in found if row["user_id"] == user_id] == pages
    assert len(get_answers(api, pool_id)) == 30
