"""Projects, pools and trainings, from the first call to the last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from scripted import Scripted, reply

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd


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
