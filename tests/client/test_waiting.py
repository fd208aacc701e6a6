"""Calls that start an operation: the plain name waits and returns the object, the `_async` name returns the operation."""

from __future__ import annotations

import inspect
from datetime import timedelta
from typing import Any

import pytest
from support.scripted_server import Scripted, reply

import toloka_frames as tf

# the methods, the path of the action, and whether the operation creates another object
ACTIONS: dict[str, tuple[str, bool]] = {
    "open_pool": ("/v1/pools/1/open", False),
    "close_pool": ("/v1/pools/1/close", False),
    "close_pool_for_update": ("/v1/pools/1/close-for-update", False),
    "archive_pool": ("/v1/pools/1/archive", False),
    "clone_pool": ("/v1/pools/1/clone", True),
    "open_training": ("/v1/trainings/1/open", False),
    "close_training": ("/v1/trainings/1/close", False),
    "close_training_for_update": ("/v1/trainings/1/close-for-update", False),
    "archive_training": ("/v1/trainings/1/archive", False),
    "clone_training": ("/v1/trainings/1/clone", True),
    "archive_project": ("/v1/projects/1/archive", False),
}
RUNNING = {"id": "5", "status": "RUNNING"}
NOTHING_TO_DO = reply(b"", 204)
each_action = pytest.mark.parametrize(("name", "path", "clones"), [(name, *action) for name, action in ACTIONS.items()])


def ended(name: str) -> dict[str, Any]:
    return RUNNING | {"status": "SUCCESS", "details": {"training_id" if "training" in name else "pool_id": "2"}}


def test_every_call_with_two_forms_is_in_the_table() -> None:
    names = {name for name, _ in inspect.getmembers(tf.AsyncTolokaClient, callable)}
    pairs = {name for name in names if f"{name}_async" in names}
    assert pairs == {*ACTIONS, "create_tasks", "create_task_suites", "create_user_bonuses"}


@each_action
def test_the_plain_name_waits_and_returns_the_object(name: str, path: str, clones: bool, scripted: Scripted) -> None:
    done = {"id": "2" if clones else "1", "status": "DONE"}
    scripted.answers = [reply(RUNNING, 202), reply(RUNNING), reply(ended(name)), reply(done)]
    assert tf.run(getattr(scripted.async_client(), name)("1", progress=False)) == done
    parent = path.rsplit("/", 2)[0]
    assert scripted.requests == [
        f"POST /api{path}",
        "GET /api/v1/operations/5",
        "GET /api/v1/operations/5",
        f"GET /api{parent}/{done['id']}",
    ]


@each_action
def test_the_async_name_returns_the_operation(name: str, path: str, clones: bool, scripted: Scripted) -> None:
    call = getattr(scripted.async_client(), f"{name}_async")
    scripted.answers = [reply(RUNNING, 202)]
    assert tf.run(call("1")) == RUNNING
    assert scripted.requests == [f"POST /api{path}"]
    if not clones:
        scripted.answers = [NOTHING_TO_DO]
        assert tf.run(call("1")) is None


@each_action
def test_an_object_that_is_in_the_state_already_is_returned(name: str, path: str, clones: bool, scripted: Scripted) -> None:
    scripted.answers = [NOTHING_TO_DO, reply({"id": "1", "status": "DONE"})]
    client = scripted.async_client()
    if clones:
        with pytest.raises(tf.BadAnswer):
            tf.run(getattr(client, name)("1"))
    else:
        assert tf.run(getattr(client, name)("1")).status == "DONE"
        assert scripted.requests == [f"POST /api{path}", f"GET /api{path.rsplit('/', 1)[0]}"]


@each_action
def test_the_end_of_an_operation_that_fails_or_takes_too_long_is_an_error(
    name: str, path: str, clones: bool, scripted: Scripted
) -> None:
    call = getattr(scripted.async_client(), name)
    scripted.answers = [reply(RUNNING, 202), reply(ended(name) | {"status": "FAIL"})]
    with pytest.raises(tf.OperationFailed):
        tf.run(call("1", progress=False))
    scripted.answers = [reply(RUNNING, 202), reply(RUNNING)]
    for timeout in (0.01, timedelta(milliseconds=10)):
        with pytest.raises(tf.OperationTimeout):
            tf.run(call("1", timeout=timeout, progress=False))
    assert not any("/1" in request.replace(path, "") for request in scripted.requests)
    if clones:
        scripted.answers = [reply(ended(name) | {"details": {}})]
        with pytest.raises(tf.BadAnswer, match="id of the clone") as caught:
            tf.run(call("1", progress=False))
        assert caught.value.may_have_taken_effect


def test_both_archives_of_an_app_project_return_it(scripted: Scripted) -> None:
    client = scripted.async_client()
    for name in ("archive_app_project", "unarchive_app_project"):
        scripted.answers = [NOTHING_TO_DO, reply({"id": "P", "status": "READY"})]
        assert tf.run(getattr(client, name)("P")).status == "READY"
