"""Clone a project with its trainings and pools, or report what was created."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import toloka_frames as tf

if TYPE_CHECKING:
    from toloka_frames.local import LocalToloka

TRAINING = {"private_name": "First steps", "inherited_instructions": True, "training_tasks_in_task_suite_count": 2}
CONFIG = {"collector_config": {"type": "SKIPPED_IN_ROW_ASSIGNMENTS", "uuid": "u"}, "rules": []}


@pytest.fixture
def project(client: tf.AsyncTolokaClient, pool_id: str) -> dict[str, Any]:
    """Create a project with two trainings and two pools, one of which requires the second training."""
    pool = tf.run(client.get_pool(pool_id))
    trainings = [tf.run(client.create_training(TRAINING | {"project_id": pool["project_id"]})) for _ in range(2)]
    requirement = {"training_pool_id": trainings[1]["id"], "training_passing_skill_value": 80}
    control = {"training_requirement": requirement, "configs": [CONFIG]}
    tf.run(client.create_pool(pool | {"private_name": "Trained", "quality_control": control}))
    project = tf.run(client.get_project(pool["project_id"]))
    return tf.run(client.update_project(project["id"], project | {"quality_control": {"configs": [CONFIG]}}))


def test_a_clone_has_the_same_trainings_and_pools(client: tf.AsyncTolokaClient, project: dict[str, Any]) -> None:
    created = tf.run(client.clone_project(project["id"]))
    clone = created["project"]
    assert clone["id"] != project["id"]
    assert {**clone, "id": "", "created": ""} == {**project, "id": "", "created": ""}
    assert [row["private_name"] for row in created["trainings"]] == ["First steps"] * 2
    assert [row["private_name"] for row in created["pools"]] == ["Pool", "Trained"]
    assert "quality_control" not in created["pools"][0]
    control = created["pools"][1]["quality_control"]
    assert control["training_requirement"]["training_pool_id"] == created["trainings"][1]["id"]
    assert control["configs"] == [CONFIG]
    assert [row["id"] for row in client.get_pools(project_id=clone["id"])] == [row["id"] for row in created["pools"]]
    assert len(list(client.get_pools(project_id=project["id"]))) == 2


def test_a_clone_can_have_its_own_controllers(client: tf.AsyncTolokaClient, project: dict[str, Any]) -> None:
    created = tf.run(client.clone_project(project["id"], reuse_controllers=False))
    for control in (created["project"]["quality_control"], created["pools"][1]["quality_control"]):
        assert control["configs"] == [{**CONFIG, "collector_config": {"type": "SKIPPED_IN_ROW_ASSIGNMENTS"}}]


def test_an_incomplete_clone_is_an_error_that_says_what_was_created(
    toloka: LocalToloka, client: tf.AsyncTolokaClient, project: dict[str, Any]
) -> None:
    toloka.faults.lose_reply("POST /v1/pools", nth=2)
    with pytest.raises(tf.CloneInterrupted) as caught:
        tf.run(client.clone_project(project["id"]))
    created = caught.value.made
    assert (len(created["trainings"]), len(created["pools"])) == (2, 1)
    assert isinstance(caught.value.__cause__, tf.OutcomeUnknown)
    assert caught.value.may_have_taken_effect
    for row in (created["project"], *created["trainings"], *created["pools"]):
        assert row["id"] in str(caught.value)
    assert len(list(client.get_pools(project_id=created["project"]["id"]))) == 2  # one more than known: its response was lost


def test_nothing_is_created_for_a_project_that_does_not_exist(toloka: LocalToloka, client: tf.AsyncTolokaClient) -> None:
    with pytest.raises(tf.NotFound):
        tf.run(client.clone_project("1"))
    assert [request.method for request in toloka.requests] == ["GET"]
