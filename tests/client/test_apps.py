"""Apps: a project, its items and batches, from the first call to the last."""

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


def item(client: tf.AsyncTolokaClient, project_id: str) -> dict[str, Any]:
    """Input data that the project's app takes."""
    app = tf.run(client.get_app(tf.run(client.get_app_project(project_id))["app_id"]))
    return {name: "https://example.com/1.jpg" for name, spec in app["input_spec"].items() if spec["required"]}


def test_a_batch_goes_through_its_states(client: tf.AsyncTolokaClient, project_id: str) -> None:
    batch = tf.run(client.create_app_batch(project_id, {"items": [item(client, project_id)]}))
    id_ = batch["id"]
    changed = tf.run(client.patch_app_batch(project_id, id_, {"name": "Other", "priority_order": "ONE"}))
    assert (changed["name"], changed["priority_order"]) == ("Other", "ONE")
    with pytest.raises(tf.Conflict):
        tf.run(client.resume_app_batch(project_id, id_))
    with pytest.raises(tf.Conflict):
        tf.run(client.stop_app_batch(project_id, id_))
    tf.run(client.archive_app_batch(project_id, id_))
    assert tf.run(client.get_app_batch(project_id, id_))["status"] == "ARCHIVE"
    tf.run(client.unarchive_app_batch(project_id, id_))
    assert client.get_app_batches(project_id).to_dataframe()["status"].tolist() == ["NEW"]


@pytest.mark.parametrize("action", ["start", "stop", "resume", "archive", "unarchive"])
@pytest.mark.parametrize("body", [b"", b"{}"], ids=["no body", "an empty object"])
def test_an_action_on_a_batch_tells_nothing_but_that_it_is_done(scripted: Scripted, action: str, body: bytes) -> None:
    scripted.answers = [reply(body)]
    call = getattr(scripted.client(), f"{action}_app_batch")
    assert tf.run(call("P", "B")) is None
    assert scripted.requests == [f"POST /api/app/v0/app-projects/P/batches/B/{action}"]


def test_a_single_item_is_labelled(client: tf.AsyncTolokaClient, project_id: str) -> None:
    made = tf.run(client.create_app_item(project_id, {"input_data": item(client, project_id)}))
    assert tf.run(client.get_app_item(project_id, made["id"]))["input_data"] == item(client, project_id)


def test_an_app_project_is_archived_and_brought_back(client: tf.AsyncTolokaClient, project_id: str) -> None:
    tf.run(client.archive_app_project(project_id))
    assert tf.run(client.get_app_project(project_id))["status"] == "ARCHIVED"
    tf.run(client.unarchive_app_project(project_id))
    assert client.get_app_projects(status="READY").to_dataframe()["id"].tolist() == [project_id]


def test_many_items_are_made_at_once_and_have_ids_in_their_order(client: tf.AsyncTolokaClient, project_id: str) -> None:
    good = item(client, project_id)
    batch = tf.run(client.create_app_batch(project_id, {"items": [good]}))
    sent = [{name: f"{value}?{number}" for name, value in good.items()} for number in range(5)]
    ids = tf.run(client.create_app_items(project_id, {"batch_id": batch["id"], "items": sent}))
    assert [tf.run(client.get_app_item(project_id, each))["input_data"] for each in ids] == sent
    with pytest.raises(tf.ValidationFailed):
        tf.run(client.create_app_items(project_id, {"items": [{}]}))


@pytest.mark.parametrize("body", ["", "{}", "[1]", "<html>"])
def test_what_is_no_list_of_ids_is_a_bad_answer_to_items_that_may_be_there(scripted: Scripted, body: str) -> None:
    scripted.answers = [reply(body)]
    with pytest.raises(tf.BadAnswer) as caught:
        tf.run(scripted.client().create_app_items("P", {"items": []}))
    assert caught.value.may_have_taken_effect
    assert scripted.requests == ["POST /api/app/v0/app-projects/P/items/bulk"]


def test_a_synchronous_batch_comes_back_with_its_labelled_items(client: tf.AsyncTolokaClient, project_id: str) -> None:
    done = tf.run(client.start_sync_batch_processing(project_id, {"name": "Now", "items": [item(client, project_id)] * 3}))
    assert (done["batch"]["name"], done["batch"]["status"], len(done["items"])) == ("Now", "COMPLETED", 3)
    assert all(each["output_data"] for each in done["items"])
