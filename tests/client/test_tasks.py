"""Calls about tasks, task suites, assignments and their aggregation."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
from support.operations import wait_until_ended
from support.scripted_server import Scripted, reply

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from toloka_frames.local import LocalToloka

TASK = tf.Task(input_values={"image": "https://example.com/1.jpg"}, overlap=1)


@pytest.fixture
def answered(client: tf.AsyncTolokaClient, pool_id: str, toloka: LocalToloka, make_frame: Callable[[int], pd.DataFrame]) -> str:
    """Return the id of a pool of eight tasks that Tolokers have answered."""
    make_frame(8).pipe(tf.create_tasks, client, pool_id, overlap=3, open_pool=True, progress=False)
    toloka.answer(pool_id)
    return pool_id


def test_tasks_are_created_in_one_request_and_listed_in_the_log_of_their_operation(
    client: tf.AsyncTolokaClient, pool_id: str
) -> None:
    key = str(uuid.uuid4())
    operation = tf.run(client.create_tasks_async([{**TASK, "pool_id": pool_id}], key))
    assert operation["id"] == key
    assert wait_until_ended(client, operation)["details"]["success_count"] == 1
    (entry,) = tf.run(client.get_operation_log(key))
    task = tf.run(client.get_task(entry["output"]["task_id"]))
    assert task["input_values"] == TASK["input_values"]
    assert client.get_operations(type="TASK.BATCH_CREATE").to_dataframe()["id"].tolist() == [key]


def test_a_second_request_with_the_same_operation_id_is_a_conflict(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    key = str(uuid.uuid4())
    tasks = [{**TASK, "pool_id": pool_id}]
    tf.run(client.create_tasks_async(tasks, key))  # type: ignore[arg-type]
    with pytest.raises(tf.Conflict) as caught:
        tf.run(client.create_tasks_async(tasks, key))  # type: ignore[arg-type]
    assert caught.value.code == "OPERATION_ALREADY_EXISTS"


def test_with_an_operation_id_a_lost_response_is_followed_by_the_operation(scripted: Scripted) -> None:
    exists = reply({"code": "OPERATION_ALREADY_EXISTS", "message": "again"}, 409)
    running = {"id": "op", "status": "RUNNING"}
    scripted.answers = [b"", exists, reply(running)]
    assert tf.run(scripted.async_client().create_tasks_async([TASK], "op")) == running
    assert [request.split("?")[0] for request in scripted.requests] == ["POST /api/v1/tasks"] * 2 + [
        "GET /api/v1/operations/op"
    ]


def test_a_synchronous_request_returns_the_tasks(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    task = tf.run(client.create_tasks_async({**TASK, "pool_id": pool_id}, async_mode=False))
    assert task["pool_id"] == pool_id
    invalid = {"pool_id": pool_id, "input_values": {}, "overlap": 1}
    tasks = [{**TASK, "pool_id": pool_id}, invalid]
    several = tf.run(client.create_tasks_async(tasks, async_mode=False, skip_invalid_items=True))  # type: ignore[arg-type]
    assert (set(several["items"]), set(several["validation_errors"])) == ({"0"}, {"1"})


def test_tasks_of_single_requests_count_against_the_rate_limit(scripted: Scripted) -> None:
    scripted.answers = [reply({"id": "op", "status": "RUNNING"})]
    client = scripted.async_client()
    for tasks in ([TASK] * 7, TASK, []):
        tf.run(client.create_tasks_async(tasks, "op"))
    assert client.quota()["used"].tolist() == [3, 8, 8, 0, 0]


def test_the_overlap_of_a_task_is_changed(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    task = tf.run(client.create_tasks_async({**TASK, "pool_id": pool_id, "overlap": 2}, async_mode=False))
    assert tf.run(client.patch_task(task["id"], {"overlap": 5}))["overlap"] == 5
    assert tf.run(client.patch_task_overlap_or_min(task["id"], {"overlap": 0}))["overlap"] == 0
    assert tf.run(client.patch_task(task["id"], {"overlap": 1}, open_pool=True))["overlap"] == 1
    assert client.get_tasks(pool_id, overlap=1).to_dataframe()["id"].tolist() == [task["id"]]


def test_the_list_of_task_suites_has_a_row_for_each_task(client: tf.AsyncTolokaClient, answered: str) -> None:
    suites = client.get_task_suites(pool_id=answered).to_dataframe()
    assignments = client.get_assignments(pool_id=answered).to_dataframe()
    assert set(suites["SUITE:id"]) == set(assignments["ASSIGNMENT:task_suite_id"])
    first = assignments.iloc[0]
    tasks = suites[suites["SUITE:id"] == first["ASSIGNMENT:task_suite_id"]].set_index("TASK:id")
    assert tasks.loc[first["ASSIGNMENT:task_id"], "INPUT:image"] == first["INPUT:image"]
    suite = tf.run(client.get_task_suite(first["ASSIGNMENT:task_suite_id"]))
    assert [task["id"] for task in suite["tasks"]] == tasks.index.tolist()
    of_task = client.get_task_suites(task_id=first["ASSIGNMENT:task_id"])
    assert of_task.schema == client.get_task_suites(pool_id=answered).schema
    assert set(of_task.to_dataframe()["SUITE:id"]) <= set(suites["SUITE:id"])
    assert tf.run(client.patch_task_suite(suite["id"], {"issuing_order_override": 2.5}))["issuing_order_override"] == 2.5
    stopped = tf.run(client.patch_task_suite_overlap_or_min(suite["id"], {"overlap": 0}))
    assert stopped["overlap"] <= suite["overlap"]


def test_suites_are_created_by_a_synchronous_request_or_by_an_operation(
    client: tf.AsyncTolokaClient, make_pool: Callable[..., str]
) -> None:
    pool_id = make_pool(mixer_config=None)
    tasks = [{"input_values": {"image": f"https://example.com/{number}.jpg"}} for number in range(2)]
    suite = {"pool_id": pool_id, "tasks": tasks, "overlap": 1}
    single = tf.run(client.create_task_suites_async(suite, async_mode=False))
    several = tf.run(client.create_task_suites_async([suite, {}], async_mode=False, skip_invalid_items=True))
    operation = tf.run(client.create_task_suites_async([suite], str(uuid.uuid4()), open_pool=True))
    assert wait_until_ended(client, operation)["details"]["success_count"] == 1
    suites = client.get_task_suites(pool_id=pool_id).to_dataframe()
    assert suites["SUITE:id"].nunique() == 3
    assert {single["id"], several["items"]["0"]["id"]} < set(suites["SUITE:id"])
    assert several["validation_errors"]["1"]["pool_id"]["code"] == "VALUE_REQUIRED"


def test_answers_are_aggregated_and_pulled_as_a_frame(client: tf.AsyncTolokaClient, answered: str) -> None:
    tf.run(client.close_pool(answered, progress=False))
    operation = tf.run(client.aggregate_solutions_by_pool(type="DAWID_SKENE", pool_id=answered, fields=[{"name": "result"}]))
    wait_until_ended(client, operation)
    scan = client.get_aggregated_solutions(operation["id"], batch_size=3)
    frame = scan.to_dataframe()
    assert list(frame) == ["task_id", "pool_id", "OUTPUT:result", "confidence", "extra"]
    assert frame["task_id"].tolist() == sorted(client.get_tasks(answered).to_dataframe()["id"])
    assert frame["OUTPUT:result"].isin(["cat", "dog"]).all()
    assert frame["confidence"].between(0.3, 1).all()
    assert frame["extra"].isna().all()
    first = frame.iloc[0]
    skill = tf.run(client.create_skill({"name": "Weight"}))["id"]
    by_task = tf.run(
        client.aggregate_solutions_by_task(
            task_id=first["task_id"], pool_id=answered, fields=[{"name": "result"}], answer_weight_skill_id=skill
        )
    )
    assert by_task["output_values"] == {"result": first["OUTPUT:result"]}


def test_an_assignment_is_rejected_and_then_accepted(
    client: tf.AsyncTolokaClient,
    make_pool: Callable[..., str],
    toloka: LocalToloka,
    make_frame: Callable[[int], pd.DataFrame],
) -> None:
    pool_id = make_pool(auto_accept_solutions=False, auto_accept_period_day=3)
    make_frame(4).pipe(tf.create_tasks, client, pool_id, overlap=1, open_pool=True, progress=False)
    toloka.answer(pool_id)
    id_ = client.get_assignments(pool_id=pool_id, status="SUBMITTED").to_dataframe()["ASSIGNMENT:assignment_id"][0]
    rejected = tf.run(client.reject_assignment(id_, "Look again"))
    assert (rejected["status"], rejected["public_comment"]) == ("REJECTED", "Look again")
    accepted = tf.run(client.accept_assignment(id_, "You were right"))
    assert (accepted["status"], accepted["public_comment"]) == ("ACCEPTED", "You were right")
    with pytest.raises(tf.Conflict) as caught:
        tf.run(client.patch_assignment(id_, {"status": "REJECTED"}))
    assert caught.value.code == "INAPPROPRIATE_STATUS"
