"""Calls about pools and their statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.operations import wait_until_ended
from support.scripted_server import Scripted, reply

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from toloka_frames.local import LocalToloka


def test_a_pool_is_opened_answered_and_read(
    client: tf.AsyncTolokaClient, pool_id: str, toloka: LocalToloka, make_frame: Callable[[int], pd.DataFrame]
) -> None:
    make_frame(8).pipe(tf.create_tasks, client, pool_id, overlap=2, progress=False)
    assert tf.run(client.open_pool(pool_id)).status == "OPEN"
    assert tf.run(client.open_pool_async(pool_id)) is None
    assert toloka.answer(pool_id) == 4
    answers = client.get_assignments(pool_id=pool_id, status=["ACCEPTED"]).to_dataframe()
    assert len(answers) == 16
    assert tf.run(client.get_assignment(answers["ASSIGNMENT:assignment_id"][0]))["status"] == "ACCEPTED"
    assert tf.run(client.close_pool_async(pool_id)) is None
    assert client.get_pools(status="CLOSED").to_dataframe()["last_close_reason"].tolist() == ["COMPLETED"]


def test_a_pool_is_updated_and_cloned(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    pool = tf.run(client.get_pool(pool_id))
    assert tf.run(client.update_pool(pool_id, pool | {"private_name": "Other"}))["private_name"] == "Other"
    assert tf.run(client.patch_pool(pool_id, {"priority": 7}))["priority"] == 7
    clone = tf.run(client.clone_pool(pool_id))
    assert client.get_pools().to_dataframe()["private_name"].tolist() == ["Other", "Other"]
    assert clone.status == "CLOSED"
    assert clone.id != pool_id


def test_an_open_pool_is_closed_for_an_update(
    client: tf.AsyncTolokaClient, pool_id: str, make_frame: Callable[[int], pd.DataFrame]
) -> None:
    make_frame(3).pipe(tf.create_tasks, client, pool_id, overlap=3, open_pool=True, progress=False)
    assert wait_until_ended(client, tf.run(client.close_pool_for_update_async(pool_id)))["type"] == "POOL.CLOSE"
    assert tf.run(client.get_pool(pool_id))["last_close_reason"] == "FOR_UPDATE"
    assert tf.run(client.close_pool_for_update(pool_id)).last_close_reason == "FOR_UPDATE"


def test_the_tier_of_a_new_pool_is_sent_as_its_storage_key(scripted: Scripted) -> None:
    scripted.answers = [reply({"id": "1"}, 201)]
    tf.run(scripted.async_client().create_pool({}, tier="default"))
    assert scripted.requests == ["POST /api/v1/pools?storage_key=default"]


STATS = (
    *("real_tasks_count", "submitted_assignments_count", "skipped_assignments_count", "rejected_assignments_count"),
    *("approved_assignments_count", "completion_percentage", "avg_submit_assignment_millis", "spent_budget"),
    *("unique_workers_count", "unique_submitters_count", "active_workers_by_filter_count", "estimated_assignments_count"),
)


def test_statistics_of_a_pool_agree_with_its_answers(
    client: tf.AsyncTolokaClient, pool_id: str, toloka: LocalToloka, make_frame: Callable[[int], pd.DataFrame]
) -> None:
    make_frame(8).pipe(tf.create_tasks, client, pool_id, overlap=2, open_pool=True, progress=False)
    toloka.answer(pool_id)
    stats = [{"name": name, "subject": "POOL", "subject_id": pool_id, "interval_hours": 24} for name in STATS]
    results = [result for part in (stats[:10], stats[10:]) for result in tf.run(client.get_analytics(part, progress=False))]
    assert [result["request"] for result in results] == stats
    values = dict(zip(STATS, (result["result"] for result in results), strict=True))
    answers = client.get_assignments(pool_id=pool_id).to_dataframe().drop_duplicates("ASSIGNMENT:assignment_id")
    seconds = (answers["ASSIGNMENT:submitted"] - answers["ASSIGNMENT:started"]).dt.total_seconds().mean()
    assert values["real_tasks_count"] == 8
    assert values["submitted_assignments_count"] == values["approved_assignments_count"] == len(answers)
    assert values["skipped_assignments_count"] == values["rejected_assignments_count"] == 0
    assert values["completion_percentage"]["value"] == 100
    assert values["avg_submit_assignment_millis"] == pytest.approx(seconds * 1000, abs=2)
    assert values["spent_budget"] == pytest.approx(answers["ASSIGNMENT:reward"].sum())
    workers = answers["ASSIGNMENT:worker_id"].nunique()
    assert values["unique_workers_count"] == values["unique_submitters_count"] == workers
    assert values["active_workers_by_filter_count"] == workers
    assert values["estimated_assignments_count"]["value"] == len(answers)


@pytest.mark.parametrize("stats", [[], {"name": "spent_budget"}], ids=["none", "not a list"])
def test_statistics_are_requested_by_a_list(scripted: Scripted, stats: Any) -> None:
    with pytest.raises(tf.InputError):
        tf.run(scripted.async_client().get_analytics(stats))
    assert scripted.requests == []


def test_an_unknown_statistic_is_rejected(client: tf.AsyncTolokaClient) -> None:
    with pytest.raises(tf.ValidationFailed) as caught:
        tf.run(client.get_analytics([{"name": "luck", "subject": "TASK", "subject_id": "1"}], progress=False))
    assert sorted(caught.value.payload["0"]) == ["name", "subject", "subject_id"]


def test_the_request_for_statistics_is_repeated_if_its_response_is_lost(scripted: Scripted) -> None:
    ended = {"id": "o", "status": "SUCCESS", "details": {"value": [{"result": 1}]}}
    scripted.answers = [b"", reply(ended, 202)]
    assert tf.run(scripted.async_client().get_analytics([{}], progress=False)) == [{"result": 1}]
    assert scripted.requests == ["POST /api/staging/analytics-2"] * 2


def test_an_operation_without_statistics_is_a_bad_answer(scripted: Scripted) -> None:
    scripted.answers = [reply({"id": "o", "status": "SUCCESS"}, 202)]
    with pytest.raises(tf.BadAnswer):
        tf.run(scripted.async_client().get_analytics([{}], progress=False))
