"""Calls about trainings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

import toloka_frames as tf

if TYPE_CHECKING:
    from toloka_frames.local import LocalToloka

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


def test_calls_and_functions_of_pools_take_a_training(toloka: LocalToloka) -> None:
    client = toloka.client()
    project_id = toloka.example_pool().project_id
    training = client.create_training({"project_id": project_id} | TRAINING)
    images = [f"https://example.com/{name}.jpg" for name in ("tom", "rex")]
    practice = pd.DataFrame({"INPUT:image": images, "GOLDEN:result": ["cat", "dog"], "HINT:text": ["Whiskers", "Ears"]})
    foreseen = tf.preflight(practice, client, training, allow_defaults=True)
    assert (foreseen.price, foreseen.problems.empty) == (0, True)
    created = practice.pipe(tf.create_tasks, client, training, allow_defaults=True, progress=False)
    assert created["status"].tolist() == ["CREATED", "CREATED"]
    with pytest.raises(tf.InputError, match="takes tasks, not task suites"):
        practice.pipe(tf.create_task_suites, client, training, allow_defaults=True, rows_per_suite=2, progress=False)
    assert (client.open_pool(training).status, client.get_training(training).status) == ("OPEN", "OPEN")
    count = toloka.answer(training, workers=3)
    metrics = tf.pool_metrics(client, training, ["submitted_assignments_count"]).set_index("metric")["value"]
    answers = client.get_assignments(training).to_dataframe()
    assert metrics["submitted_assignments_count"] == count == answers["ASSIGNMENT:assignment_id"].nunique()
    assert client.patch_pool(training, priority=3).priority == 3
    assert client.update_pool(training, client.get_pool(training) | {"private_name": "New"}).private_name == "New"
    assert client.close_pool(training).status == "CLOSED"
    assert client.get_training(client.clone_pool(training).id).private_name == "New"
    assert client.archive_pool(training).status == client.get_training(training).status == "ARCHIVED"
