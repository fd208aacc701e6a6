"""The service's limits are kept as sliding windows, and a long wait is told."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from scripted import Scripted, reply

import toloka_frames as tf
from toloka_frames._quota import Quota

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

REQUESTS_PER_SECOND = 300
TASKS_PER_MINUTE = 100_000
A_BIT = 0.002  # the windows count in milliseconds


def stamped(acquisitions: Callable[[Callable[[], Awaitable[None]]], Coroutine[Any, Any, object]]) -> list[tuple[float, float]]:
    """When each request was asked for and when it was allowed, in the order of the latter."""
    quota = Quota()
    stamps: list[tuple[float, float]] = []

    async def one() -> None:
        asked = time.monotonic()
        await quota.request()
        stamps.append((asked, time.monotonic()))

    asyncio.run(acquisitions(one))
    return stamps


async def in_a_row(one: Callable[[], Awaitable[None]]) -> None:
    for _ in range(450):
        await one()


async def in_two_bursts(one: Callable[[], Awaitable[None]]) -> None:
    """A limiter that counts by the clock's seconds, and no window that slides, would let too many of the second burst pass."""
    for _ in range(50):
        await one()
    await asyncio.sleep(0.8)
    for _ in range(400):
        await one()


def test_no_second_sees_more_than_three_hundred_requests() -> None:
    stamps = stamped(in_two_bursts)
    assert len(stamps) == 450
    for (asked, _), (_, allowed) in zip(stamps, stamps[REQUESTS_PER_SECOND:], strict=False):
        assert allowed - asked >= 1 - A_BIT


def test_three_hundred_requests_wait_for_nothing_and_the_rest_for_a_second() -> None:
    stamps = stamped(in_a_row)
    start = stamps[0][0]
    assert stamps[REQUESTS_PER_SECOND - 1][1] - start < 1
    assert stamps[REQUESTS_PER_SECOND][1] - start >= 1 - A_BIT
    assert stamps[-1][1] - start < 2


def test_a_client_keeps_the_limit_on_the_wire(scripted: Scripted) -> None:
    arrivals: list[float] = []

    def answer(_: str) -> bytes:
        arrivals.append(time.monotonic())
        return reply({"id": "1"})

    async def ask(client: tf.AsyncTolokaClient) -> None:
        await asyncio.gather(*(client.get_pool("1") for _ in range(REQUESTS_PER_SECOND + 1)))

    scripted.answers = [answer]
    client = scripted.client()
    started = time.monotonic()
    asyncio.run(ask(client))
    assert len(arrivals) == REQUESTS_PER_SECOND + 1
    assert arrivals[-1] - started >= 1 - A_BIT
    tf.run(client.aclose())


def test_two_clients_have_a_limit_each() -> None:
    async def ask(first: Quota, second: Quota) -> float:
        started = time.monotonic()
        for quota in (first, second):
            for _ in range(REQUESTS_PER_SECOND):
                await quota.request()
        return time.monotonic() - started

    assert asyncio.run(ask(Quota(), Quota())) < 1


async def waited(quota: Quota, count: int) -> list[float]:
    """The waits that are told for so many tasks, given up before the first is over."""
    told: list[float] = []
    try:
        async with asyncio.timeout(0.05):
            await quota.tasks(count, told.append)
    except TimeoutError:
        pass
    else:
        assert told == []
    return told


def test_a_wait_for_tasks_says_how_long_it_is() -> None:
    async def upload() -> list[list[float]]:
        quota = Quota()
        return [await waited(quota, count) for count in (10_000, TASKS_PER_MINUTE - 10_000, 1)]

    first, second, third = asyncio.run(upload())
    assert first == second == []
    assert len(third) == 1
    assert 59 < third[0] <= 60


def test_who_gives_up_a_wait_has_used_nothing_up() -> None:
    async def upload() -> list[list[float]]:
        quota = Quota()
        return [await waited(quota, count) for count in (TASKS_PER_MINUTE - 10, 10_000, 10, 1)]

    first, given_up, rest, over = asyncio.run(upload())
    assert first == rest == []
    assert len(given_up) == len(over) == 1


def test_tasks_and_requests_are_counted_apart() -> None:
    async def both() -> float:
        quota = Quota()
        await quota.tasks(TASKS_PER_MINUTE, lambda _: None)
        started = time.monotonic()
        await quota.request()
        return time.monotonic() - started

    assert asyncio.run(both()) < 1
