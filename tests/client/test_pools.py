"""Projects, pools and trainings, from the first call to the last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.scripted_server import Scripted, reply

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from toloka_frames.local import LocalToloka


TRAINING = {"private_name": "First steps", "inherited_instructions": True, "training_tasks_in_task_suite_count": 2}


def wait(client: tf.AsyncTolokaClient, operation: dict[str, Any] | None) -> dict[str, Any]:
    ended = tf.run(client.wait_operation(operation, progress=False))
    assert ended is not None
    return ended


def test_a_project_is_changed_and_archived(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    project_id = tf.run(client.get_pool(pool_id))["project_id"]
    project = tf.run(client.get_project(project_id))
    assert tf.run(client.update_project(project_id, project | {"public_name": "Pets"}))["public_name"] == "Pets"
    with pytest.raises(tf.Conflict):
        tf.run(client.archive_project(project_id))
    wait(client, tf.run(client.archive_pool(pool_id)))
    assert tf.run(client.archive_pool(pool_id)) is None
    assert wait(client, tf.run(client.archive_project(project_id)))["type"] == "PROJECT.ARCHIVE"
    assert client.get_projects(status="ARCHIVED").to_dataframe()["id"].tolist() == [project_id]


def test_a_pool_is_changed_and_cloned(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    pool = tf.run(client.get_pool(pool_id))
    assert tf.run(client.update_pool(pool_id, pool | {"private_name": "Other"}))["private_name"] == "Other"
    assert tf.run(client.patch_pool(pool_id, {"priority": 7}))["priority"] == 7
    clone = wait(client, tf.run(client.clone_pool(pool_id)))["details"]["pool_id"]
    assert client.get_pools().to_dataframe()["private_name"].tolist() == ["Other", "Other"]
    assert tf.run(client.get_pool(clone))["status"] == "CLOSED"


def test_an_open_pool_is_closed_for_a_change(
    client: tf.AsyncTolokaClient, pool_id: str, make_frame: Callable[[int], pd.DataFrame]
) -> None:
    make_frame(3).pipe(tf.create_tasks, client, pool_id, overlap=3, open_pool=True, progress=False)
    assert wait(client, tf.run(client.close_pool_for_update(pool_id)))["type"] == "POOL.CLOSE"
    assert tf.run(client.get_pool(pool_id))["last_close_reason"] == "FOR_UPDATE"
    assert tf.run(client.close_pool_for_update(pool_id)) is None


def test_where_a_pools_data_is_stored_can_be_said(scripted: Scripted) -> None:
    scripted.answers = [reply({"id": "1"}, 201)]
    tf.run(scripted.client().create_pool({}, tier="default"))
    assert scripted.requests == ["POST /api/v1/pools?storage_key=default"]


def test_a_training_lives_as_a_pool_does(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    project_id = tf.run(client.get_pool(pool_id))["project_id"]
    training = tf.run(client.create_training({"project_id": project_id} | TRAINING))
    id_ = training["id"]
    assert tf.run(client.update_training(id_, training | {"private_name": "Second steps"}))["private_name"] == "Second steps"
    clone = wait(client, tf.run(client.clone_training(id_)))["details"]["training_id"]
    assert tf.run(client.get_training(clone))["private_name"] == "Second steps"
    with pytest.raises(tf.Conflict):
        tf.run(client.open_training(id_))
    assert tf.run(client.close_training(id_)) is None
    assert tf.run(client.close_training_for_update(id_)) is None
    wait(client, tf.run(client.archive_training(id_)))
    trainings = client.get_trainings(project_id=project_id).to_dataframe()
    assert dict(zip(trainings["id"], trainings["status"], strict=True)) == {id_: "ARCHIVED", clone: "CLOSED"}
    assert trainings["training_tasks_in_task_suite_count"].tolist() == [2, 2]


def test_what_an_update_of_a_project_would_mean_is_told_before(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    project = tf.run(client.get_project(tf.run(client.get_pool(pool_id))["project_id"]))
    other_field = project["task_spec"] | {"input_spec": {"sound": {"type": "url"}}}
    changes = {
        "EQUAL": {},
        "NON_BREAKING_CHANGE": {"public_name": "Pets"},
        "BREAKING_CHANGE": {"task_spec": other_field},
    }
    for level, change in changes.items():
        said = tf.run(client.check_update_project_for_major_version_change(project["id"], project | change))
        assert said == {"differenceLevel": level}
    assert tf.run(client.get_project(project["id"])) == project


STATS = (
    *("real_tasks_count", "submitted_assignments_count", "skipped_assignments_count", "rejected_assignments_count"),
    *("approved_assignments_count", "completion_percentage", "avg_submit_assignment_millis", "spent_budget"),
    *("unique_workers_count", "unique_submitters_count", "active_workers_by_filter_count", "estimated_assignments_count"),
)


def test_figures_about_a_pool_are_those_of_its_answers(
    client: tf.AsyncTolokaClient, pool_id: str, toloka: LocalToloka, make_frame: Callable[[int], pd.DataFrame]
) -> None:
    make_frame(8).pipe(tf.create_tasks, client, pool_id, overlap=2, open_pool=True, progress=False)
    toloka.answer(pool_id)
    asked = [{"name": name, "subject": "POOL", "subject_id": pool_id, "interval_hours": 24} for name in STATS]
    told = [each for part in (asked[:10], asked[10:]) for each in tf.run(client.get_analytics(part, progress=False))]
    assert [each["request"] for each in told] == asked
    found = dict(zip(STATS, (each["result"] for each in told), strict=True))
    answers = client.get_assignments(pool_id=pool_id).to_dataframe().drop_duplicates("ASSIGNMENT:assignment_id")
    took = (answers["ASSIGNMENT:submitted"] - answers["ASSIGNMENT:started"]).dt.total_seconds().mean()
    assert found["real_tasks_count"] == 8
    assert found["submitted_assignments_count"] == found["approved_assignments_count"] == len(answers)
    assert found["skipped_assignments_count"] == found["rejected_assignments_count"] == 0
    assert found["completion_percentage"]["value"] == 100
    assert found["avg_submit_assignment_millis"] == pytest.approx(took * 1000, abs=2)
    assert found["spent_budget"] == pytest.approx(answers["ASSIGNMENT:reward"].sum())
    workers = answers["ASSIGNMENT:worker_id"].nunique()
    assert found["unique_workers_count"] == found["unique_submitters_count"] == workers
    assert found["active_workers_by_filter_count"] == workers
    assert found["estimated_assignments_count"]["value"] == len(answers)


@pytest.mark.parametrize("stats", [[], [{}] * 11, {"name": "spent_budget"}], ids=["none", "eleven", "no list"])
def test_figures_are_asked_for_ten_at_a_time(scripted: Scripted, stats: Any) -> None:
    with pytest.raises(tf.InputError):
        tf.run(scripted.client().get_analytics(stats))
    assert scripted.requests == []


def test_a_question_that_cannot_be_is_refused(client: tf.AsyncTolokaClient) -> None:
    with pytest.raises(tf.ValidationFailed) as caught:
        tf.run(client.get_analytics([{"name": "luck", "subject": "TASK", "subject_id": "1"}], progress=False))
    assert sorted(caught.value.payload["0"]) == ["name", "subject", "subject_id"]


def test_figures_are_asked_for_again_when_the_answer_was_lost(scripted: Scripted) -> None:
    ended = {"id": "o", "status": "SUCCESS", "details": {"value": [{"result": 1}]}}
    scripted.answers = [b"", reply(ended, 202)]
    assert tf.run(scripted.client().get_analytics([{}], progress=False)) == [{"result": 1}]
    assert scripted.requests == ["POST /api/staging/analytics-2"] * 2


def test_an_operation_without_figures_is_a_bad_answer(scripted: Scripted) -> None:
    scripted.answers = [reply({"id": "o", "status": "SUCCESS"}, 202)]
    with pytest.raises(tf.BadAnswer):
        tf.run(scripted.client().get_analytics([{}], progress=False))
