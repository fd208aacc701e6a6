"""Tasks, task suites and bonuses are created by one request, whose result is theirs, whatever becomes of the response."""

from __future__ import annotations

import uuid
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from support.scripted_server import Scripted, reply

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable

    from toloka_frames.local import LocalToloka


class KitObject(SimpleNamespace):
    """An object of Toloka-Kit."""

    def unstructure(self) -> dict[str, Any]:
        """Return the object as in the API's JSON."""
        return dict(vars(self))


METHODS = {
    "tasks": ("create_task", "create_tasks"),
    "task suites": ("create_task_suite", "create_task_suites"),
    "bonuses": ("create_user_bonus", "create_user_bonuses"),
}
WRONG: dict[str, dict[str, Any]] = {"tasks": {"input_values": {}}, "task suites": {"tasks": []}, "bonuses": {"amount": 0}}
each_kind = pytest.mark.parametrize("kind", METHODS)
each_mode = pytest.mark.parametrize("async_mode", [True, False], ids=["asynchronous", "synchronous"])


@pytest.fixture
def make_objects(
    toloka: LocalToloka, make_pool: Callable[..., str], make_frame: Callable[[int], pd.DataFrame]
) -> Callable[[str, int], list[dict[str, Any]]]:
    """Make a list of objects of a kind that are valid."""

    def make(kind: str, count: int) -> list[dict[str, Any]]:
        if kind == "bonuses":
            user_id = worker(toloka, make_pool(), make_frame(1))
            return [{"user_id": user_id, "amount": (row + 1) / 100, "without_message": True} for row in range(count)]
        pool_id = make_pool() if kind == "tasks" else make_pool(mixer_config=None)
        tasks = [{"input_values": {"image": f"https://example.com/{row}.jpg"}} for row in range(count)]
        return [{"pool_id": pool_id, "overlap": 1} | (task if kind == "tasks" else {"tasks": [task]}) for task in tasks]

    return make


def worker(toloka: LocalToloka, pool_id: str, frame: pd.DataFrame) -> str:
    """Return the id of a Toloker who has answered, and so can be paid."""
    frame.pipe(tf.create_tasks, toloka.client(), pool_id, overlap=1, open_pool=True, progress=False)
    toloka.answer(pool_id)
    return str(toloka.client().get_assignments(pool_id).to_dataframe()["ASSIGNMENT:worker_id"][0])


@each_kind
@each_mode
def test_created_objects_are_returned_in_the_order_of_the_request(
    kind: str, async_mode: bool, toloka: LocalToloka, make_objects: Callable[[str, int], list[dict[str, Any]]]
) -> None:
    one, several = (getattr(toloka.client(), name) for name in METHODS[kind])
    sent, wrong = make_objects(kind, 4), WRONG[kind]
    for forms in (sent, [KitObject(**item) for item in sent]):
        single = one(forms[0], async_mode=async_mode)
        assert has_fields(single, sent[0])
        created = several(forms, async_mode=async_mode, skip_invalid_items=True)
        assert list(created["items"]) == ["0", "1", "2", "3"]
        assert created.validation_errors == {}
        assert all(map(has_fields, created["items"].values(), sent))
        some = several([wrong, *forms[1:]], async_mode=async_mode, skip_invalid_items=True)
        assert (list(some["items"]), list(some.validation_errors)) == (["1", "2", "3"], ["0"])
        with pytest.raises(tf.ValidationFailed) as caught:
            several([*forms, wrong], async_mode=async_mode)
        assert list(caught.value.payload) == ["4"]
        with pytest.raises(tf.ValidationFailed):
            one(wrong, async_mode=async_mode)


def has_fields(row: dict[str, Any], sent: dict[str, Any]) -> bool:
    """Return whether a created object has the values that were sent; the tasks of a suite get more."""
    return all(row[name] == value for name, value in sent.items() if name != "tasks") and bool(row["id"])


@each_kind
def test_a_method_for_one_object_takes_no_list_and_the_other_way_round(kind: str, scripted: Scripted) -> None:
    one, several = (getattr(scripted.async_client(), name) for name in METHODS[kind])
    for method, objects in ((one, [{}]), (several, {}), (one, "a"), (several, "a"), (several, pd.DataFrame({"a": [1]}))):
        with pytest.raises(tf.InputError):
            tf.run(method(objects))
    assert scripted.requests == []


TASK = tf.Task(pool_id="1", input_values={"image": "https://example.com/1.jpg"})
KEY = uuid.UUID("0b8f5b0e-4b42-4d4e-9f2b-0d7c6a5b4c3d")
PARAMETERS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "keywords": ((), {"operation_id": KEY, "allow_defaults": True}),
    "text": ((), {"operation_id": str(KEY), "allow_defaults": True}),
    "a dict": (({"operation_id": KEY, "allow_defaults": True},), {}),
    "an object of Toloka-Kit": ((KitObject(operation_id=str(KEY), async_mode=True, allow_defaults=True),), {}),
    "parameters= and keywords": ((), {"parameters": {"operation_id": KEY}, "allow_defaults": True}),
    "only the id": ((KEY,), {"allow_defaults": True}),
}


@pytest.mark.parametrize(("args", "kwargs"), PARAMETERS.values(), ids=PARAMETERS)
def test_parameters_are_taken_in_every_form(scripted: Scripted, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    scripted.answers = [reply({"id": str(KEY), "status": "RUNNING"})]
    tf.run(scripted.async_client().create_tasks_async([TASK], *args, **kwargs))
    assert scripted.requests == [f"POST /api/v1/tasks?async_mode=true&allow_defaults=true&operation_id={KEY}"]


WRONG_PARAMETERS: list[dict[str, Any]] = [
    {"parameters": {"allow_default": True}},
    {"parameters": 5},
    {"operation_id": 1.5},
    {"async_mode": "yes"},
    {"open_pool": 1},
]


@pytest.mark.parametrize("wrong", WRONG_PARAMETERS)
def test_wrong_parameters_are_rejected_before_anything_is_sent(scripted: Scripted, wrong: dict[str, Any]) -> None:
    for method in ("create_tasks", "create_tasks_async"):
        with pytest.raises(tf.InputError):
            tf.run(getattr(scripted.async_client(), method)([TASK], **wrong))
    assert scripted.requests == []


@each_kind
@pytest.mark.parametrize("lost", [1, 2], ids=["one response", "all responses"])
def test_lost_responses_create_nothing_twice_without_an_operation_id_of_the_caller(
    kind: str, lost: int, toloka: LocalToloka, make_objects: Callable[[str, int], list[dict[str, Any]]]
) -> None:
    client, sent = toloka.client(retries=max(lost, 2)), make_objects(kind, 3)
    before = len(client.get_operations().to_dataframe())
    fault = toloka.faults.lose_reply("POST /v1/*", times=lost)
    created = getattr(client, METHODS[kind][1])(sent)
    assert fault.struck == lost
    assert len({row["id"] for row in created["items"].values()}) == 3
    assert len(client.get_operations().to_dataframe()) == before + 1


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_error_to_a_request_with_a_key_is_followed_by_the_operation(scripted: Scripted, status: int) -> None:
    running = {"id": str(KEY), "status": "RUNNING"}
    scripted.answers = [reply(b"", status), reply(running)]
    assert tf.run(scripted.async_client(retries=1).create_tasks_async([TASK], KEY)) == running
    assert scripted.requests[1] == f"GET /api/v1/operations/{KEY}"
    scripted.answers = [reply(b"", status), reply({"code": "DOES_NOT_EXIST", "message": "no"}, 404)]
    with pytest.raises(tf.ApiError, match=f"^{status}") as caught:
        tf.run(scripted.async_client(retries=1).create_tasks_async([TASK], KEY))
    assert caught.value.may_have_taken_effect


def test_an_operation_that_has_failed_is_an_error(scripted: Scripted) -> None:
    scripted.answers = [reply({"id": str(KEY), "status": "FAIL", "type": "TASK.BATCH_CREATE"})]
    with pytest.raises(tf.OperationFailed):
        tf.run(scripted.async_client().create_tasks_async([TASK], KEY))


LOG = [{"type": "TASK_CREATE", "success": True, "input": {"__item_idx": "0"}, "output": {"task_id": "a"}}]
ENDS: dict[str, tuple[str, list[Any]]] = {
    "FAIL with an empty log": ("FAIL", []),
    "FAIL with a task": ("FAIL", LOG),
    "SUCCESS with an empty log": ("SUCCESS", []),
    "SUCCESS with a log that leaves a task out": ("SUCCESS", LOG),
}


@pytest.mark.parametrize(("status", "log"), ENDS.values(), ids=ENDS)
def test_an_operation_that_did_not_create_all_is_an_error(scripted: Scripted, status: str, log: list[Any]) -> None:
    scripted.answers = [reply({"id": str(KEY), "status": status}), reply(log)]
    with pytest.raises(tf.OperationFailed) as caught:
        tf.run(scripted.async_client(retries=1).create_tasks([TASK, TASK], KEY, progress=False))
    assert caught.value.operation["id"] == str(KEY)


def test_the_wait_for_an_operation_can_be_limited(scripted: Scripted) -> None:
    scripted.answers = [reply({"id": str(KEY), "status": "RUNNING"})]
    client = scripted.async_client()
    for timeout in (0.01, timedelta(seconds=0.01)):
        with pytest.raises(tf.OperationTimeout):
            tf.run(client.create_tasks([TASK], KEY, timeout=timeout, progress=False))
