"""The poller requests several operations as one list, and by id those that the list does not show."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from support.scripted_server import reply

import toloka_frames as tf
from toloka_frames._transport.operations import MIN_EXPECTED_DELAY_SECONDS, OperationPoller, poll_delay

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from support.scripted_server import Scripted

    from toloka_frames.local import LocalToloka

OPERATIONS: list[dict[str, Any]] = [
    {"id": f"op{number}", "type": "TASK.BATCH_CREATE", "status": "RUNNING", "submitted": f"2026-01-01T00:00:0{9 - number}"}
    for number in range(8)
]
LIST = "GET /api/v1/operations?type=TASK.BATCH_CREATE&submitted_gte=2026-01-01T00%3A00%3A02&sort=submitted&limit=500"
BY_ID = [f"GET /api/v1/operations/op{number}" for number in range(8)]
ENDED = [operation | {"status": "SUCCESS"} for operation in OPERATIONS]


class PolledService:
    """Responses of a service whose operations end at the third poll of each.

    Args:
        hidden: Operations that the list leaves out.
        page: The response instead of the list.
        errors: Responses instead of operations, by id.
    """

    def __init__(
        self, *, hidden: Sequence[str] = (), page: bytes | None = None, errors: Mapping[str, bytes] | None = None
    ) -> None:
        self._hidden, self._page, self._errors = hidden, page, errors or {}
        self._polls = dict.fromkeys((operation["id"] for operation in OPERATIONS), 0)

    def __call__(self, head: str) -> bytes:
        path = head.split(" ")[1].removeprefix("/api/v1/operations")
        if path.startswith("/"):
            return self._errors.get(path[1:]) or reply(self._polled(OPERATIONS[int(path[-1])]))
        shown = [operation for operation in OPERATIONS if operation["id"] not in self._hidden]
        return self._page or reply({"items": [self._polled(operation) for operation in shown], "has_more": False})

    def _polled(self, operation: dict[str, Any]) -> dict[str, Any]:
        self._polls[operation["id"]] += 1
        return operation | {"status": "RUNNING" if self._polls[operation["id"]] < 3 else "SUCCESS"}


def wait_for(scripted: Scripted, service: PolledService, operations: Sequence[Mapping[str, Any]] = OPERATIONS) -> list[Any]:
    """Wait for all operations at the same time, and return the ended ones or the errors."""
    scripted.answers = [service]

    async def wait() -> list[Any]:
        async with OperationPoller(scripted.async_client(retries=1).service) as poller:
            return await asyncio.gather(*map(poller.ended, operations), return_exceptions=True)

    return tf.run(wait())


def test_several_operations_are_polled_in_one_request(scripted: Scripted) -> None:
    assert wait_for(scripted, PolledService()) == ENDED
    assert scripted.requests == [LIST] * 3


def test_one_operation_is_requested_by_id(scripted: Scripted) -> None:
    assert wait_for(scripted, PolledService(), OPERATIONS[:1]) == ENDED[:1]
    assert scripted.requests == BY_ID[:1] * 3


def test_ended_operations_are_not_requested(scripted: Scripted) -> None:
    assert wait_for(scripted, PolledService(), ENDED) == ENDED
    assert scripted.requests == []


def test_an_operation_missing_from_the_list_is_requested_by_id(scripted: Scripted) -> None:
    assert wait_for(scripted, PolledService(hidden=["op3"])) == ENDED
    assert scripted.requests == [LIST, BY_ID[3]] * 3


def test_operations_of_the_local_service_are_polled_by_list(
    client: tf.AsyncTolokaClient, pool_id: str, toloka: LocalToloka
) -> None:
    task: tf.Task = {"pool_id": pool_id, "input_values": {"image": "https://example.com/1.jpg"}, "overlap": 1}
    started = [tf.run(client.create_tasks_async([task])) for _ in range(4)]

    async def wait() -> list[dict[str, Any]]:
        async with OperationPoller(client.service) as poller:
            return await asyncio.gather(*map(poller.ended, started))

    assert [(operation["id"], operation["status"]) for operation in tf.run(wait())] == [
        (operation["id"], "SUCCESS") for operation in started
    ]
    paths = [request.path for request in toloka.requests if "operations" in request.path]
    assert paths[0] == "/api/v1/operations"
    assert len(set(paths[1:]) - {paths[0]}) <= 1  # only the last one is requested by id


PAGES = {
    "404": reply({"code": "NOT_FOUND", "message": "no such path"}, 404),
    "an error": reply({"code": "ACCESS_DENIED", "message": "no"}, 403),
    "HTML": reply("<html>"),
    "no rows": reply({"items": 5}),
    "a list": reply([]),
}


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_without_a_list_each_operation_is_requested_by_id(page: bytes, scripted: Scripted) -> None:
    assert wait_for(scripted, PolledService(page=page)) == ENDED
    assert scripted.requests[0] == LIST
    assert sorted(scripted.requests[1:]) == sorted(BY_ID * 3)


def test_list_rows_that_are_not_operations_are_ignored(scripted: Scripted) -> None:
    page = reply({"items": [5, None, {}, {"id": 3}, {"id": "op3"}, {"id": ["op3"], "status": "SUCCESS"}]})
    assert wait_for(scripted, PolledService(page=page), OPERATIONS[:4])[3] == ENDED[3]
    assert sorted(scripted.requests) == sorted([*BY_ID[:4], LIST.replace("A02", "A06")] * 3)


@pytest.mark.parametrize("odd", [{"type": "POOL.OPEN"}, {"submitted": None}], ids=["another type", "no timestamp"])
def test_operations_that_need_several_lists_are_requested_by_id(odd: dict[str, Any], scripted: Scripted) -> None:
    assert len(wait_for(scripted, PolledService(), [OPERATIONS[0], OPERATIONS[1] | odd])) == 2
    assert sorted(scripted.requests) == sorted(BY_ID[:2] * 3)


def test_an_error_reaches_its_own_waiter_only(scripted: Scripted) -> None:
    errors = {"op5": reply({"code": "ACCESS_DENIED", "message": "no"}, 403)}
    results = wait_for(scripted, PolledService(hidden=["op5"], errors=errors))
    assert isinstance(results.pop(5), tf.AccessDenied)
    assert results == ENDED[:5] + ENDED[6:]
    assert scripted.requests.count(BY_ID[5]) == 1


def test_a_cancelled_wait_is_not_polled_and_no_task_is_left_running(scripted: Scripted) -> None:
    scripted.answers = [PolledService()]

    async def cancel_one_wait() -> tuple[Any, int]:
        before = asyncio.all_tasks()
        async with OperationPoller(scripted.async_client().service) as poller:
            cancelled, other = (asyncio.create_task(poller.ended(operation)) for operation in OPERATIONS[:2])
            await asyncio.sleep(0)
            cancelled.cancel()
            ended = await other
        await asyncio.sleep(0)
        return ended, len(asyncio.all_tasks() - before)

    assert tf.run(cancel_one_wait()) == (ENDED[1], 0)
    assert scripted.requests == [BY_ID[1]] * 3


@pytest.mark.parametrize("how", ["cancelled", "failed"])
def test_waiting_ends_with_an_error_if_polling_ends(how: str, scripted: Scripted) -> None:
    scripted.answers = [reply(OPERATIONS[0])]

    async def wait() -> list[Any]:
        async with OperationPoller(scripted.async_client().service) as poller:
            waits = [asyncio.create_task(poller.ended(operation)) for operation in OPERATIONS[:1] * 2]
            await asyncio.sleep(0)
            if how == "cancelled":
                poller._polling.cancel()
            else:
                poller._waiters.append("not a waiter")  # type: ignore[arg-type]
            errors = await asyncio.gather(*waits, return_exceptions=True)
            return [*errors, *await asyncio.gather(poller.ended(OPERATIONS[1]), return_exceptions=True)]

    errors = tf.run(wait())
    assert [type(error) for error in errors] == [tf.TolokaError] * 3
    assert "not polled any more" in str(errors[0])


@pytest.mark.parametrize("progress", [None, "half", [], {}, -1, 1e300, True, "9" * 5_000, 55.5])
def test_an_absurd_progress_does_not_disturb_the_waiting(progress: Any, scripted: Scripted) -> None:
    scripted.answers = [reply(OPERATIONS[0] | {"progress": progress}), reply(ENDED[0])]
    assert tf.run(scripted.async_client().wait_operation(OPERATIONS[0], progress=False)) == ENDED[0]


def poll_times(ends: float, shortest: float | None) -> list[float]:
    """Return when an operation that ends after `ends` seconds is polled, if a poll takes no time."""
    times = [0.0]
    while times[-1] < ends:
        times.append(times[-1] + poll_delay(times[-1], shortest))
    return times[1:]


@pytest.mark.parametrize("seconds", [0.03, 0.05])
def test_a_short_operation_is_seen_at_once(seconds: float) -> None:
    assert poll_times(seconds, None)[-1] <= 0.06


@pytest.mark.parametrize(("seconds", "polls"), [(2.0, 21), (10.0, 54), (60.0, 93), (600.0, 363)])
def test_a_long_operation_is_polled_rarely(seconds: float, polls: int) -> None:
    assert len(poll_times(seconds, None)) <= polls


@pytest.mark.parametrize("seconds", [0.3, 2.0, 30.0, 600.0])
def test_an_operation_like_the_others_is_polled_rarely_before_its_end_and_often_around_it(
    seconds: float,
) -> None:
    known, unknown = poll_times(seconds, seconds * 1.01), poll_times(seconds, None)
    assert known[-1] - seconds <= max(0.05 * seconds / 2, MIN_EXPECTED_DELAY_SECONDS)
    assert len(known) <= max(10, len(unknown) / 2)


@pytest.mark.parametrize("seconds", [0.2, 1.0, 7.0, 200.0])
def test_a_shorter_operation_is_seen_late_by_at_most_a_quarter_of_the_others_time(seconds: float) -> None:
    for shortest in (seconds * 1.5, seconds * 20):
        assert poll_times(seconds, shortest)[-1] - seconds <= shortest / 4


@pytest.mark.parametrize("seconds", [0.2, 1.0, 7.0, 200.0])
def test_a_longer_operation_is_seen_as_early_as_without_knowledge_of_others(seconds: float) -> None:
    for shortest in (seconds / 1.5, seconds / 20, seconds / 1_000):
        assert poll_times(seconds, shortest)[-1] - seconds <= max(seconds * 0.05, 0.1)
        assert len(poll_times(seconds, shortest)) <= len(poll_times(seconds, None)) + 10
