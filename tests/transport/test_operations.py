"""Operations: starting one under a chosen id, and waiting until it ends."""

from __future__ import annotations

from typing import Any

import pytest
from support.scripted_server import Scripted, reply

import toloka_frames as tf
from toloka_frames._transport import operations

RUNNING = {"id": "op", "type": "POOL.OPEN", "status": "RUNNING", "progress": 40}
EXISTS = reply({"code": "OPERATION_ALREADY_EXISTS", "message": "again"}, 409)
LOST = b""


def start(scripted: Scripted, *responses: bytes) -> dict[str, object]:
    scripted.answers = list(responses)
    service = scripted.async_client(retries=len(responses)).service
    return tf.run(operations.start(service, "/v1/tasks", {"operation_id": "op"}, b"[]"))


def test_an_operation_with_a_lost_response_is_looked_up(scripted: Scripted) -> None:
    assert start(scripted, LOST, EXISTS, reply(RUNNING)) == RUNNING
    assert scripted.requests == ["POST /api/v1/tasks?operation_id=op"] * 2 + ["GET /api/v1/operations/op"]


@pytest.mark.parametrize(
    "rejections", [[], [reply({"code": "CODE", "message": "m"}, 429, Retry_After="0")]], ids=["none", "429"]
)
def test_an_operation_of_an_earlier_call_raises_conflict(scripted: Scripted, rejections: list[bytes]) -> None:
    with pytest.raises(tf.Conflict) as caught:
        start(scripted, *rejections, EXISTS)
    assert caught.value.code == "OPERATION_ALREADY_EXISTS"
    assert not caught.value.may_have_taken_effect


def test_a_response_that_is_not_an_operation_may_have_taken_effect(scripted: Scripted) -> None:
    with pytest.raises(tf.BadAnswer, match=r"an operation .*was expected") as caught:
        start(scripted, reply({"id": "op"}))
    assert caught.value.may_have_taken_effect
    with pytest.raises(tf.BadAnswer) as requested:
        tf.run(operations.get(scripted.async_client().service, "op"))
    assert not requested.value.may_have_taken_effect


def wait(scripted: Scripted, *, timeout: float | None = None) -> dict[str, object] | None:
    return tf.run(scripted.async_client(retries=1).wait_operation(RUNNING, timeout, progress=False))


def test_an_operation_is_polled_until_it_ends(scripted: Scripted) -> None:
    scripted.answers = [reply(RUNNING), reply(RUNNING | {"status": "SUCCESS", "progress": 100})]
    ended = wait(scripted)
    assert ended is not None
    assert ended["status"] == "SUCCESS"
    assert scripted.requests == ["GET /api/v1/operations/op"] * 2


def test_a_failed_operation_raises_an_error_with_the_operation(scripted: Scripted) -> None:
    scripted.answers = [reply(RUNNING | {"status": "FAIL"})]
    with pytest.raises(tf.OperationFailed, match="get_operation_log") as caught:
        wait(scripted)
    assert caught.value.operation["status"] == "FAIL"


def test_a_timeout_says_how_to_wait_again(scripted: Scripted) -> None:
    scripted.answers = [reply(RUNNING)]
    with pytest.raises(tf.OperationTimeout, match="wait again") as caught:
        wait(scripted, timeout=0.3)
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.operation["id"] == "op"


def test_an_ended_operation_is_not_requested(scripted: Scripted) -> None:
    ended = RUNNING | {"status": "SUCCESS"}
    assert tf.run(scripted.async_client().wait_operation(ended, progress=False)) == ended
    assert scripted.requests == []


def test_an_operation_can_be_given_by_id_or_be_none(scripted: Scripted) -> None:
    scripted.answers = [reply(RUNNING | {"status": "SUCCESS"})]
    client = scripted.async_client()
    assert tf.run(client.wait_operation("op", progress=False)) == RUNNING | {"status": "SUCCESS"}
    assert tf.run(client.wait_operation(None)) is None


@pytest.mark.parametrize(
    ("operation", "message"), [({"status": "RUNNING"}, "not an operation"), ("..", "is not an id"), ("", "not empty")]
)
def test_an_invalid_operation_is_rejected(operation: Any, message: str, scripted: Scripted) -> None:
    with pytest.raises(tf.InputError, match=message):
        tf.run(scripted.async_client().wait_operation(operation))
    assert scripted.requests == []
