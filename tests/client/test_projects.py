"""Calls about projects."""

from __future__ import annotations

import pytest

import toloka_frames as tf


def test_a_project_is_updated_and_archived(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    project_id = tf.run(client.get_pool(pool_id))["project_id"]
    project = tf.run(client.get_project(project_id))
    assert tf.run(client.update_project(project_id, project | {"public_name": "Pets"}))["public_name"] == "Pets"
    with pytest.raises(tf.Conflict):
        tf.run(client.archive_project(project_id))
    assert tf.run(client.archive_pool(pool_id)).status == "ARCHIVED"
    assert tf.run(client.archive_pool_async(pool_id)) is None
    assert tf.run(client.archive_project(project_id)).status == "ARCHIVED"
    assert client.get_projects(status="ARCHIVED").to_dataframe()["id"].tolist() == [project_id]


def test_an_update_of_a_project_can_be_checked_before_it_is_made(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    project = tf.run(client.get_project(tf.run(client.get_pool(pool_id))["project_id"]))
    other_field = project["task_spec"] | {"input_spec": {"sound": {"type": "url"}}}
    changes = {
        "EQUAL": {},
        "NON_BREAKING_CHANGE": {"public_name": "Pets"},
        "BREAKING_CHANGE": {"task_spec": other_field},
    }
    for level, change in changes.items():
        result = tf.run(client.check_update_project_for_major_version_change(project["id"], project | change))
        assert result == {"differenceLevel": level}
    assert tf.run(client.get_project(project["id"])) == project
