"""Calls of the Apps API: app projects, items and batches."""

from __future__ import annotations

import time
from typing import Any

import pytest
from support.scripted_server import Scripted, reply

import toloka_frames as tf


@pytest.fixture
def project_id(client: tf.AsyncTolokaClient) -> str:
    app = tf.run(client.get_app(client.get_apps().to_dataframe()["id"][0], lang="EN"))
    project = tf.run(client.create_app_project({"app_id": app["id"], "name": "First", "parameters": {}}))
    while tf.run(client.get_app_project(project["id"]))["status"] != "READY":
        time.sleep(0.01)
    return str(project["id"])


def item_for(client: tf.AsyncTolokaClient, project_id: str) -> dict[str, Any]:
    """Return input data for the project's app."""
    app = tf.run(client.get_app(tf.run(client.get_app_project(project_id))["app_id"]))
    return {name: "https://example.com/1.jpg" for name, spec in app["input_spec"].items() if spec["required"]}


def test_a_batch_is_changed_archived_and_restored(client: tf.AsyncTolokaClient, project_id: str) -> None:
    batch = tf.run(client.create_app_batch(project_id, {"items": [item_for(client, project_id)]}))
    batch_id = batch["id"]
    changed = tf.run(client.patch_app_batch(project_id, batch_id, {"name": "Other", "priority_order": "ONE"}))
    assert (changed["name"], changed["priority_order"]) == ("Other", "ONE")
    with pytest.raises(tf.Conflict):
        tf.run(client.resume_app_batch(project_id, batch_id))
    with pytest.raises(tf.Conflict):
        tf.run(client.stop_app_batch(project_id, batch_id))
    tf.run(client.archive_app_batch(project_id, batch_id))
    assert tf.run(client.get_app_batch(project_id, batch_id))["status"] == "ARCHIVE"
    tf.run(client.unarchive_app_batch(project_id, batch_id))
    assert client.get_app_batches(project_id).to_dataframe()["status"].tolist() == ["NEW"]


@pytest.mark.parametrize("action", ["start", "stop", "resume", "archive", "unarchive"])
@pytest.mark.parametrize("body", [b"", b"{}"], ids=["no body", "an empty object"])
def test_an_action_on_a_batch_returns_none(scripted: Scripted, action: str, body: bytes) -> None:
    scripted.answers = [reply(body)]
    call = getattr(scripted.async_client(), f"{action}_app_batch")
    assert tf.run(call("P", "B")) is None
    assert scripted.requests == [f"POST /api/app/v0/app-projects/P/batches/B/{action}"]


def test_a_single_item_is_created(client: tf.AsyncTolokaClient, project_id: str) -> None:
    created = tf.run(client.create_app_item(project_id, {"input_data": item_for(client, project_id)}))
    assert tf.run(client.get_app_item(project_id, created["id"]))["input_data"] == item_for(client, project_id)


def test_an_app_project_is_archived_and_restored(client: tf.AsyncTolokaClient, project_id: str) -> None:
    tf.run(client.archive_app_project(project_id))
    assert tf.run(client.get_app_project(project_id))["status"] == "ARCHIVED"
    tf.run(client.unarchive_app_project(project_id))
    assert client.get_app_projects(status="READY").to_dataframe()["id"].tolist() == [project_id]


def test_several_items_are_created_in_one_request_and_their_ids_are_in_order(
    client: tf.AsyncTolokaClient, project_id: str
) -> None:
    valid = item_for(client, project_id)
    batch = tf.run(client.create_app_batch(project_id, {"items": [valid]}))
    sent = [{name: f"{value}?{number}" for name, value in valid.items()} for number in range(5)]
    ids = tf.run(client.create_app_items(project_id, {"batch_id": batch["id"], "items": sent}))
    assert [tf.run(client.get_app_item(project_id, item_id))["input_data"] for item_id in ids] == sent
    with pytest.raises(tf.ValidationFailed):
        tf.run(client.create_app_items(project_id, {"items": [{}]}))


@pytest.mark.parametrize("body", ["", "{}", "[1]", "<html>"])
def test_a_response_without_ids_is_a_bad_answer_and_the_items_may_exist(scripted: Scripted, body: str) -> None:
    scripted.answers = [reply(body)]
    with pytest.raises(tf.BadAnswer) as caught:
        tf.run(scripted.async_client().create_app_items("P", {"items": []}))
    assert caught.value.may_have_taken_effect
    assert scripted.requests == ["POST /api/app/v0/app-projects/P/items/bulk"]


def test_a_synchronous_batch_returns_its_labelled_items(client: tf.AsyncTolokaClient, project_id: str) -> None:
    result = tf.run(
        client.start_sync_batch_processing(project_id, {"name": "Now", "items": [item_for(client, project_id)] * 3})
    )
    assert (result["batch"]["name"], result["batch"]["status"], len(result["items"])) == ("Now", "COMPLETED", 3)
    assert all(item["output_data"] for item in result["items"])
