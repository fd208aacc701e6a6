"""Each call of the API is a method that gives what the service has."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING

import pytest
from support.scripted_server import Scripted, reply

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from toloka_frames.local import LocalToloka

TASK = tf.Task(input_values={"image": "https://example.com/1.jpg"}, overlap=1)


def test_tasks_are_created_in_one_request_and_their_operation_tells_of_them(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    key = str(uuid.uuid4())
    operation = tf.run(client.create_tasks_async([{**TASK, "pool_id": pool_id}], key))
    assert operation["id"] == key
    ended = tf.run(client.wait_operation(operation, progress=False))
    assert ended is not None
    assert ended["details"]["success_count"] == 1
    (entry,) = tf.run(client.get_operation_log(key))
    task = tf.run(client.get_task(entry["output"]["task_id"]))
    assert task["input_values"] == TASK["input_values"]
    assert client.get_operations(type="TASK.BATCH_CREATE").to_dataframe()["id"].tolist() == [key]


def test_an_operation_id_makes_a_request_that_the_service_refuses_twice(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    key = str(uuid.uuid4())
    tasks = [{**TASK, "pool_id": pool_id}]
    tf.run(client.create_tasks_async(tasks, key))  # type: ignore[arg-type]
    with pytest.raises(tf.Conflict) as caught:
        tf.run(client.create_tasks_async(tasks, key))  # type: ignore[arg-type]
    assert caught.value.code == "OPERATION_ALREADY_EXISTS"


def test_a_lost_answer_to_an_operation_id_is_its_operation(scripted: Scripted) -> None:
    exists = reply({"code": "OPERATION_ALREADY_EXISTS", "message": "again"}, 409)
    running = {"id": "op", "status": "RUNNING"}
    scripted.answers = [b"", exists, reply(running)]
    assert tf.run(scripted.client().create_tasks_async([TASK], "op")) == running
    assert [request.split("?")[0] for request in scripted.requests] == ["POST /api/v1/tasks"] * 2 + [
        "GET /api/v1/operations/op"
    ]


def test_tasks_can_be_created_before_the_answer_comes(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    made = tf.run(client.create_tasks_async({**TASK, "pool_id": pool_id}, async_mode=False))
    assert made["pool_id"] == pool_id
    bad = {"pool_id": pool_id, "input_values": {}, "overlap": 1}
    several = tf.run(client.create_tasks_async([{**TASK, "pool_id": pool_id}, bad], async_mode=False, skip_invalid_items=True))  # type: ignore[list-item]
    assert (set(several["items"]), set(several["validation_errors"])) == ({"0"}, {"1"})


def test_a_pool_is_opened_answered_and_read(
    client: tf.AsyncTolokaClient, pool_id: str, toloka: LocalToloka, make_frame: Callable[[int], pd.DataFrame]
) -> None:
    make_frame(8).pipe(tf.create_tasks, client, pool_id, overlap=2, progress=False)
    tf.run(client.wait_operation(tf.run(client.open_pool(pool_id)), progress=False))
    assert tf.run(client.open_pool(pool_id)) is None
    assert toloka.answer(pool_id) == 4
    answers = client.get_assignments(pool_id=pool_id, status=["ACCEPTED"]).to_dataframe()
    assert len(answers) == 16
    assert tf.run(client.get_assignment(answers["ASSIGNMENT:assignment_id"][0]))["status"] == "ACCEPTED"
    assert tf.run(client.close_pool(pool_id)) is None
    assert client.get_pools(status="CLOSED").to_dataframe()["last_close_reason"].tolist() == ["COMPLETED"]


def test_one_page_is_found_as_the_wire_has_it(client: tf.AsyncTolokaClient, make_pool: Callable[..., str]) -> None:
    pools = [make_pool() for _ in range(3)]
    page = tf.run(client.find_pools(sort="-id", limit=2))
    assert [row["id"] for row in page["items"]] == pools[:0:-1]
    assert page["has_more"] is True


def test_another_account_must_have_shared_its_access(toloka: LocalToloka, client: tf.AsyncTolokaClient) -> None:
    mine = tf.run(client.get_requester())["id"]
    assert tf.run(toloka.client(act_under_account_id=mine).get_requester())["id"] == mine
    with pytest.raises(tf.AccessDenied, match="act_under_account_id"):
        tf.run(toloka.client(act_under_account_id="another").get_requester())


def test_a_client_that_was_closed_says_so_and_may_be_closed_again(scripted: Scripted) -> None:
    client = scripted.client()
    for _ in range(2):
        tf.run(client.aclose())
    with pytest.raises(tf.ConfigurationError, match=r"was closed.\nMake another one"):
        tf.run(client.get_requester())
    assert scripted.requests == []


def test_a_client_closes_its_connections(scripted: Scripted) -> None:
    scripted.answers = [reply({"id": "me"})]

    async def use() -> dict[str, object]:
        async with scripted.client() as client:
            return await client.get_requester()

    assert asyncio.run(use()) == {"id": "me"}


def test_data_that_holds_the_word_that_is_the_token_comes_as_it_is(scripted: Scripted) -> None:
    scripted.answers = [reply({"id": "1", "private_name": "token-that-nobody-may-see of thanks"})]
    assert tf.run(scripted.client().get_pool("1"))["private_name"] == "token-that-nobody-may-see of thanks"


def test_tasks_of_single_requests_count_in_the_quota(scripted: Scripted) -> None:
    scripted.answers = [reply({"id": "op", "status": "RUNNING"})]
    client = scripted.client()
    for tasks in ([TASK] * 7, TASK, []):
        tf.run(client.create_tasks_async(tasks))
    assert client.quota()["used"].tolist() == [3, 8, 8, 0, 0]


def test_what_is_shown_of_a_client_is_its_address(scripted: Scripted) -> None:
    assert repr(scripted.client()) == f"<AsyncTolokaClient of {scripted.url}>"
    assert repr(tf.AsyncTolokaClient("token", "SANDBOX")) == "<AsyncTolokaClient of https://sandbox.toloka.dev>"


@pytest.mark.parametrize("wrong", ["", None, 5])
def test_an_id_that_is_none_is_refused(wrong: object, scripted: Scripted) -> None:
    with pytest.raises(tf.InputError, match="id="):
        tf.run(scripted.client().get_pool(wrong))  # type: ignore[arg-type]
    assert scripted.requests == []
