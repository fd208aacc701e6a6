"""Calls about trainings."""

from __future__ import annotations

import pytest

import toloka_frames as tf

TRAINING = {"private_name": "First steps", "inherited_instructions": True, "training_tasks_in_task_suite_count": 2}


def test_a_training_is_updated_cloned_and_archived(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    project_id = tf.run(client.get_pool(pool_id))["project_id"]
    training = tf.run(client.create_training({"project_id": project_id} | TRAINING))
    id_ = training["id"]
    assert tf.run(client.update_training(id_, training | {"private_name": "Second steps"}))["private_name"] == "Second steps"
    clone = tf.run(client.clone_training(id_))
    assert clone.private_name == "Second steps"
    with pytest.raises(tf.Conflict):
        tf.run(client.open_training(id_))
    assert tf.run(client.close_training_async(id_)) is None
    assert tf.run(client.close_training_for_update_async(id_)) is None
    assert tf.run(client.close_training(id_)).status == "CLOSED"
    assert tf.run(client.archive_training(id_)).status == "ARCHIVED"
    trainings = client.get_trainings(project_id=project_id).to_dataframe()
    assert dict(zip(trainings["id"], trainings["status"], strict=True)) == {id_: "ARCHIVED", clone.id: "CLOSED"}
    assert trainings["training_tasks_in_task_suite_count"].tolist() == [2, 2]
