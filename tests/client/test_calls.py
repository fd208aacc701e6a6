"""Single calls say in one request what is wanted, and what was done by a try whose answer was lost is done."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from support.scripted_server import Scripted, reply

import toloka_frames as tf

if TYPE_CHECKING:
    from toloka_frames.local import LocalToloka

GONE = reply({"code": "DOES_NOT_EXIST", "message": "no"}, 404)
IN_THAT_STATE = reply({"code": "INAPPROPRIATE_STATUS", "message": "no"}, 409)


def submitted() -> pd.DataFrame:
    """An export with one assignment that nobody has judged."""
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


def test_ids_are_quoted(scripted: Scripted) -> None:
    scripted.answers = [reply({})]
    tf.run(scripted.client().update_skill("a/b?x=1 {c}", {"name": "a"}))
    assert scripted.requests == ["PUT /api/v1/skills/a%2Fb%3Fx%3D1%20%7Bc%7D"]
    assert json.loads(scripted.bodies[0]) == {"name": "a"}


def test_what_is_set_twice_is_set(scripted: Scripted) -> None:
    scripted.answers = [b"", reply({"id": "1", "value": 5}, 201)]
    assert tf.run(scripted.client().set_user_skill(skill_id="1", user_id="a", value=5))["value"] == 5
    assert scripted.requests == ["PUT /api/v1/user-skills"] * 2
    assert json.loads(scripted.bodies[0]) == {"skill_id": "1", "user_id": "a", "value": 5}


def test_what_a_lost_try_deleted_is_deleted(scripted: Scripted) -> None:
    scripted.answers = [b"", GONE]
    tf.run(scripted.client().delete_user_skill("1"))
    assert scripted.requests == ["DELETE /api/v1/user-skills/1"] * 2


def test_what_was_never_there_cannot_be_deleted(scripted: Scripted) -> None:
    scripted.answers = [GONE]
    with pytest.raises(tf.NotFound):
        tf.run(scripted.client().delete_webhook_subscription("1"))


def test_a_deletion_has_no_answer(scripted: Scripted) -> None:
    scripted.answers = [b"HTTP/1.1 204 No Content\r\n\r\n"]
    tf.run(scripted.client(retries=1).delete_user_restriction("1"))
    assert scripted.requests == ["DELETE /api/v1/user-restrictions/1"]


def test_a_clone_whose_answer_is_lost_is_not_asked_for_again(scripted: Scripted) -> None:
    scripted.answers = [b""]
    with pytest.raises(tf.OutcomeUnknown):
        tf.run(scripted.client().clone_pool("1"))
    assert scripted.requests == ["POST /api/v1/pools/1/clone"]


def test_a_clone_without_an_operation_is_a_bad_answer(scripted: Scripted) -> None:
    scripted.answers = [reply(b"", 202)]
    with pytest.raises(tf.BadAnswer):
        tf.run(scripted.client().clone_training("1"))


def test_a_conflict_may_come_without_a_body(scripted: Scripted) -> None:
    scripted.answers = [reply(b"", 409)]
    with pytest.raises(tf.Conflict):
        tf.run(scripted.client().patch_pool("1", {"priority": 3}))


def test_an_assignment_that_a_lost_try_accepted_is_accepted(toloka: LocalToloka) -> None:
    pool_id = toloka.load_export(submitted())
    lost = toloka.faults.lose_reply("PATCH /v1/assignments/*", times=1)
    client = toloka.client()
    assignment = tf.run(client.accept_assignment("one", "Thank you"))
    assert lost.struck == 1
    assert (assignment["status"], assignment["public_comment"]) == ("ACCEPTED", "Thank you")
    assert client.get_assignments(pool_id=pool_id).to_dataframe()["ASSIGNMENT:status"].tolist() == ["ACCEPTED"]


def test_an_assignment_in_another_state_after_a_lost_try_is_a_conflict(scripted: Scripted) -> None:
    scripted.answers = [b"", IN_THAT_STATE, reply({"id": "1", "status": "ACCEPTED", "public_comment": "By another"})]
    with pytest.raises(tf.Conflict):
        tf.run(scripted.client().reject_assignment("1", "Too late"))
    assert [request.partition(" ")[0] for request in scripted.requests] == ["PATCH", "PATCH", "GET"]


def test_a_refused_change_of_an_assignment_is_not_looked_after(scripted: Scripted) -> None:
    scripted.answers = [IN_THAT_STATE]
    with pytest.raises(tf.Conflict):
        tf.run(scripted.client().accept_assignment("1", ""))
    assert len(scripted.requests) == 1
