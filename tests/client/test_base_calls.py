"""Requests for single objects: paths and bodies, and retries after a lost response."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from support.scripted_server import Scripted, reply

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable

    from toloka_frames.local import LocalToloka

NOT_FOUND = reply({"code": "DOES_NOT_EXIST", "message": "no"}, 404)
WRONG_STATUS = reply({"code": "INAPPROPRIATE_STATUS", "message": "no"}, 409)


def export_with_submitted_assignment() -> pd.DataFrame:
    """Return an export with one assignment that is neither accepted nor rejected."""
    return pd.DataFrame(
        {
            "INPUT:a": ["x"],
            "ASSIGNMENT:task_id": ["task-1"],
            "ASSIGNMENT:assignment_id": ["one"],
            "ASSIGNMENT:status": ["SUBMITTED"],
            "ASSIGNMENT:started": ["2022-01-01T10:00:00"],
            "ASSIGNMENT:submitted": ["2022-01-01T10:01:00"],
            "ASSIGNMENT:link": ["https://platform.toloka.ai/task/9/one"],
        }
    )


def test_ids_are_percent_encoded(scripted: Scripted) -> None:
    scripted.answers = [reply({"id": "a/b?x=1 {c}"})]
    tf.run(scripted.async_client().update_skill("a/b?x=1 {c}", {"name": "a"}))
    assert scripted.requests == ["PUT /api/v1/skills/a%2Fb%3Fx%3D1%20%7Bc%7D"]
    assert json.loads(scripted.bodies[0]) == {"name": "a"}


def test_a_put_is_repeated_if_its_response_is_lost(scripted: Scripted) -> None:
    scripted.answers = [b"", reply({"id": "1", "value": 5}, 201)]
    assert tf.run(scripted.async_client().set_user_skill(skill_id="1", user_id="a", value=5))["value"] == 5
    assert scripted.requests == ["PUT /api/v1/user-skills"] * 2
    assert json.loads(scripted.bodies[0]) == {"skill_id": "1", "user_id": "a", "value": 5}


def test_a_deletion_succeeds_if_only_its_response_was_lost(scripted: Scripted) -> None:
    scripted.answers = [b"", NOT_FOUND]
    tf.run(scripted.async_client().delete_user_skill("1"))
    assert scripted.requests == ["DELETE /api/v1/user-skills/1"] * 2


def test_deleting_what_does_not_exist_is_an_error(scripted: Scripted) -> None:
    scripted.answers = [NOT_FOUND]
    with pytest.raises(tf.NotFound):
        tf.run(scripted.async_client().delete_webhook_subscription("1"))


def test_the_response_to_a_deletion_may_be_empty(scripted: Scripted) -> None:
    scripted.answers = [b"HTTP/1.1 204 No Content\r\n\r\n"]
    tf.run(scripted.async_client(retries=1).delete_user_restriction("1"))
    assert scripted.requests == ["DELETE /api/v1/user-restrictions/1"]


def test_a_clone_is_not_requested_again_if_its_response_is_lost(scripted: Scripted) -> None:
    scripted.answers = [b""]
    with pytest.raises(tf.OutcomeUnknown):
        tf.run(scripted.async_client().clone_pool_async("1"))
    assert scripted.requests == ["POST /api/v1/pools/1/clone"]


def test_a_clone_without_an_operation_is_a_bad_answer(scripted: Scripted) -> None:
    scripted.answers = [reply(b"", 202)]
    with pytest.raises(tf.BadAnswer):
        tf.run(scripted.async_client().clone_training_async("1"))


def test_a_conflict_without_a_body_is_a_conflict(scripted: Scripted) -> None:
    scripted.answers = [reply(b"", 409)]
    with pytest.raises(tf.Conflict):
        tf.run(scripted.async_client().patch_pool("1", {"priority": 3}))


def test_accepting_succeeds_if_only_the_response_was_lost(toloka: LocalToloka) -> None:
    pool_id = toloka.load_export(export_with_submitted_assignment())
    lost = toloka.faults.lose_reply("PATCH /v1/assignments/*", times=1)
    client = toloka.async_client()
    assignment = tf.run(client.accept_assignment("one", "Thank you"))
    assert lost.struck == 1
    assert (assignment["status"], assignment["public_comment"]) == ("ACCEPTED", "Thank you")
    assert client.get_assignments(pool_id=pool_id).to_dataframe()["ASSIGNMENT:status"].tolist() == ["ACCEPTED"]


def test_after_a_lost_response_another_status_is_a_conflict(scripted: Scripted) -> None:
    scripted.answers = [b"", WRONG_STATUS, reply({"id": "1", "status": "ACCEPTED", "public_comment": "By another"})]
    with pytest.raises(tf.Conflict):
        tf.run(scripted.async_client().reject_assignment("1", "Too late"))
    assert [request.partition(" ")[0] for request in scripted.requests] == ["PATCH", "PATCH", "GET"]


def test_a_rejected_change_of_an_assignment_is_not_checked_again(scripted: Scripted) -> None:
    scripted.answers = [WRONG_STATUS]
    with pytest.raises(tf.Conflict):
        tf.run(scripted.async_client().accept_assignment("1", ""))
    assert len(scripted.requests) == 1


OPERATION = {"id": "5", "status": "RUNNING"}
POOL = {"id": "1", "status": "OPEN"}
ACCEPT = {"status": "ACCEPTED", "public_comment": "Good"}
EMPTY = b"204"
# calls that change something, the responses that they accept, and responses that show another object or state
CHANGES: dict[str, tuple[Callable[[tf.AsyncTolokaClient], Any], list[Any], list[Any]]] = {
    "create_project": (lambda client: client.create_project({}), [{"id": "1"}], [EMPTY]),
    "create_pool": (lambda client: client.create_pool({}), [POOL], [EMPTY]),
    "create_training": (lambda client: client.create_training({}), [POOL], [EMPTY]),
    "create_skill": (lambda client: client.create_skill({}), [{"id": "1"}], [EMPTY]),
    "create_app_item": (lambda client: client.create_app_item("p", {}), [{"id": "1"}], [EMPTY]),
    "create_app_batch": (lambda client: client.create_app_batch("p", {}), [{"id": "1"}], [EMPTY]),
    "create_task": (lambda client: client.create_tasks_async({}, async_mode=False), [{"id": "1"}], [EMPTY, {"items": {}}]),
    "create_tasks": (lambda client: client.create_tasks_async([{}], async_mode=False), [{"items": {}}], [EMPTY, {"id": "1"}]),
    "create_tasks_async": (lambda client: client.create_tasks_async([{}], "5"), [OPERATION], [EMPTY, {"id": "1"}]),
    "compose_message_thread": (lambda client: client.compose_message_thread({}), [{"id": "1"}], [EMPTY]),
    "upsert_webhook_subscriptions": (
        lambda client: client.upsert_webhook_subscriptions([{}]),
        [{"items": {}}],
        [EMPTY, {"id": "1"}],
    ),
    "update_pool": (lambda client: client.update_pool("1", {}), [POOL], [EMPTY, POOL | {"id": "2"}]),
    "update_project": (lambda client: client.update_project("1", {}), [{"id": "1"}], [EMPTY, {"id": "2"}]),
    "patch_pool": (lambda client: client.patch_pool("1", {"priority": 5}), [POOL], [EMPTY, POOL | {"id": "2"}]),
    "patch_task": (lambda client: client.patch_task("1", {"overlap": 5}), [POOL], [EMPTY, POOL | {"id": "2"}]),
    "patch_app_batch": (lambda client: client.patch_app_batch("p", "1", {}), [POOL], [EMPTY, {"id": "p"}]),
    "patch_assignment": (
        lambda client: client.patch_assignment("1", ACCEPT),
        [{"id": "1", **ACCEPT}],
        [EMPTY, {"id": "2", **ACCEPT}, {"id": "1", "status": "SUBMITTED"}],
    ),
    "open_pool_async": (lambda client: client.open_pool_async("1"), [OPERATION, EMPTY], [{"id": "1"}]),
    "close_pool_async": (lambda client: client.close_pool_async("1"), [OPERATION, EMPTY], [{"id": "1"}]),
    "archive_pool_async": (lambda client: client.archive_pool_async("1"), [OPERATION, EMPTY], [{"id": "1"}]),
    "archive_project_async": (lambda client: client.archive_project_async("1"), [OPERATION, EMPTY], [{"id": "1"}]),
    "open_training_async": (lambda client: client.open_training_async("1"), [OPERATION, EMPTY], [{"id": "1"}]),
    "clone_pool_async": (lambda client: client.clone_pool_async("1"), [OPERATION], [EMPTY, {"id": "1"}]),
}
NEVER: list[Any] = [{}, {"status": "SUBMITTED"}, {"id": 1}, {"id": None, "status": None}, [], b"null", b"", b"<html>"]


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_done_only_if_the_response_shows_its_object(name: str, scripted: Scripted) -> None:
    call, accepted, rejected = CHANGES[name]
    client = scripted.async_client(retries=1)

    def respond(body: Any) -> None:
        scripted.answers = [reply(b"", 204) if body == EMPTY else reply(body)]

    for body in accepted:
        respond(body)
        assert tf.run(call(client)) == (None if body == EMPTY else body)
    for body in [*NEVER, *rejected]:
        respond(body)
        with pytest.raises(tf.BadAnswer) as caught:
            tf.run(call(client))
        assert caught.value.may_have_taken_effect, body
