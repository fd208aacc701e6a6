"""Tasks, task suites and the answers to them, from the first call to the last."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from toloka_frames.local import LocalToloka


@pytest.fixture
def answered(client: tf.AsyncTolokaClient, pool_id: str, toloka: LocalToloka, make_frame: Callable[[int], pd.DataFrame]) -> str:
    """A pool of eight tasks that Tolokers have done."""
    make_frame(8).pipe(tf.create_tasks, client, pool_id, overlap=3, open_pool=True, progress=False)
    toloka.answer(pool_id)
    return pool_id


def test_overlaps_are_changed_one_by_one(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    made = tf.run(
        client.create_tasks_async(
            {"pool_id": pool_id, "input_values": {"image": "https://example.com/1.jpg"}, "overlap": 2}, async_mode=False
        )
    )
    assert tf.run(client.patch_task(made["id"], {"overlap": 5}))["overlap"] == 5
    assert tf.run(client.patch_task_overlap_or_min(made["id"], {"overlap": 0}))["overlap"] == 0
    assert tf.run(client.patch_task(made["id"], {"overlap": 1}, open_pool=True))["overlap"] == 1
    assert client.get_tasks(pool_id, overlap=1).to_dataframe()["id"].tolist() == [made["id"]]


def test_task_suites_have_a_row_for_each_task(client: tf.AsyncTolokaClient, answered: str) -> None:
    suites = client.get_task_suites(pool_id=answered).to_dataframe()
    assignments = client.get_assignments(pool_id=answered).to_dataframe()
    assert set(suites["SUITE:id"]) == set(assignments["ASSIGNMENT:task_suite_id"])
    one = assignments.iloc[0]
    found = suites[suites["SUITE:id"] == one["ASSIGNMENT:task_suite_id"]].set_index("TASK:id")
    assert found.loc[one["ASSIGNMENT:task_id"], "INPUT:image"] == one["INPUT:image"]
    suite = tf.run(client.get_task_suite(one["ASSIGNMENT:task_suite_id"]))
    assert [task["id"] for task in suite["tasks"]] == found.index.tolist()
    of_task = client.get_task_suites(task_id=one["ASSIGNMENT:task_id"])
    assert of_task.schema == client.get_task_suites(pool_id=answered).schema
    assert set(of_task.to_dataframe()["SUITE:id"]) <= set(suites["SUITE:id"])
    assert tf.run(client.patch_task_suite(suite["id"], {"issuing_order_override": 2.5}))["issuing_order_override"] == 2.5
    stopped = tf.run(client.patch_task_suite_overlap_or_min(suite["id"], {"overlap": 0}))
    assert stopped["overlap"] <= suite["overlap"]


def test_suites_are_made_at_once_or_by_an_operation(client: tf.AsyncTolokaClient, make_pool: Callable[..., str]) -> None:
    pool_id = make_pool(mixer_config=None)
    tasks = [{"input_values": {"image": f"https://example.com/{number}.jpg"}} for number in range(2)]
    suite = {"pool_id": pool_id, "tasks": tasks, "overlap": 1}
    one = tf.run(client.create_task_suites_async(suite, async_mode=False))
    mixed = tf.run(client.create_task_suites_async([suite, {}], async_mode=False, skip_invalid_items=True))
    operation = tf.run(client.create_task_suites_async([suite], str(uuid.uuid4()), open_pool=True))
    assert tf.run(client.wait_operation(operation, progress=False))["details"]["success_count"] == 1
    suites = client.get_task_suites(pool_id=pool_id).to_dataframe()
    assert suites["SUITE:id"].nunique() == 3
    assert {one["id"], mixed["items"]["0"]["id"]} < set(suites["SUITE:id"])
    assert mixed["validation_errors"]["1"]["pool_id"]["code"] == "VALUE_REQUIRED"


def test_answers_are_aggregated_and_read_as_a_frame(client: tf.AsyncTolokaClient, answered: str) -> None:
    tf.run(client.wait_operation(tf.run(client.close_pool(answered)), progress=False))
    operation = tf.run(client.aggregate_solutions_by_pool(type="DAWID_SKENE", pool_id=answered, fields=[{"name": "result"}]))
    tf.run(client.wait_operation(operation, progress=False))
    scan = client.get_aggregated_solutions(operation["id"], batch_size=3)
    frame = scan.to_dataframe()
    assert list(frame) == ["task_id", "pool_id", "OUTPUT:result", "confidence", "extra"]
    assert frame["task_id"].tolist() == sorted(client.get_tasks(answered).to_dataframe()["id"])
    assert frame["OUTPUT:result"].isin(["cat", "dog"]).all()
    assert frame["confidence"].between(0.3, 1).all()
    assert frame["extra"].isna().all()
    one = frame.iloc[0]
    skill = tf.run(client.create_skill({"name": "Weight"}))["id"]
    by_task = tf.run(
        client.aggregate_solutions_by_task(
            task_id=one["task_id"], pool_id=answered, fields=[{"name": "result"}], answer_weight_skill_id=skill
        )
    )
    assert by_task["output_values"] == {"result": one["OUTPUT:result"]}


def test_an_answer_is_rejected_and_then_accepted(
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
