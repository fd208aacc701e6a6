"""An operation is waited for until it ends, and a FAIL is a FAIL."""

from __future__ import annotations

import pytest
from scripted import Scripted, reply

import toloka_frames as tf

RUNNING = {"id": "op", "type": "POOL.OPEN", "status": "RUNNING", "progress": 40}


def wait(scripted: Scripted, *, timeout: float | None = None) -> dict[str, object] | None:
    return tf.run(scripted.client(retries=1).wait_operation(RUNNING, timeout, progress=False))


def test_it_is_looked_at_until_it_ends(scripted: Scripted) -> None:
    scripted.answers = [reply(RUNNING), reply(RUNNING | {"status": "SUCCESS", "progress": 100})]
    ended = wait(scripted)
    assert ended is not None
    assert ended["status"] == "SUCCESS"
    assert scripted.requests == ["GET /api/v1/operations/op"] * 2


def test_a_fail_is_an_error_that_holds_the_operation(scripted: Scripted) -> None:
    scripted.answers = [reply(RUNNING | {"status": "FAIL"})]
    with pytest.raises(tf.OperationFailed, match="get_operation_log") as caught:
        wait(scripted)
    assert caught.value.operation["status"] == "FAIL"


def test_time_runs_out_with_a_way_to_go_on(scripted: Scripted) -> None:
    scripted.answers = [reply(RUNNING)]
    with pytest.raises(tf.OperationTimeout, match="wait again") as caught:
        wait(scripted, timeout=0.3)
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.operation["id"] == "op"


def test_an_operation_that_has_ended_is_not_asked_for(scripted: Scripted) -> None:
    ended = RUNNING | {"status": "SUCCESS"}
    assert tf.run(scripted.client().wait_operation(ended, progress=False)) == ended
    assert scripted.requests == []


def test_an_id_will_do_and_nothing_started_is_nothing_to_wait_for(scripted: Scripted) -> None:
    scripted.answers = [reply(RUNNING | {"status": "SUCCESS"})]
    client = scripted.client()
    assert tf.run(client.wait_operation("op", progress=False)) == RUNNING | {"status": "SUCCESS"}
    assert tf.run(client.wait_operation(None)) is None


def test_what_is_no_operation_is_refused(scripted: Scripted) -> None:
    with pytest.raises(tf.InputError, match="no operation"):
        tf.run(scripted.client().wait_operation({"status": "RUNNING"}))
    assert scripted.requests == []
