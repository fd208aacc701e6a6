"""The service's limits are kept as sliding windows, one set for an account, and a refusal teaches all its clients."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from support.scripted_server import Scripted, reply
from support.virtual_clock import ScriptedResponses, api_clients, loop_time, run_virtual, serve

import toloka_frames as tf
from toloka_frames._runtime.progress import track_progress
from toloka_frames._transport.auth import TokenAuth
from toloka_frames._transport.rate_limits import RateLimiter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

REQUESTS_PER_SECOND = 300
TASKS_PER_MINUTE, TASKS_PER_DAY = 100_000, 2_000_000
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
PATIENT = tf.Retries(wait_for=("MIN", "HOUR", "DAY"))
A_BIT = 0.0021  # the windows count in milliseconds, and are left when one has begun


def quota(retries: tf.Retries = PATIENT, workers: int = 1) -> RateLimiter:
    """Return the limiter of an account that has used up nothing."""
    return RateLimiter(TokenAuth(uuid.uuid4().hex), "https://example.com", "", retries, workers)


def over(interval: str | None = None, **headers: str) -> bytes:
    payload = {"interval": interval} if interval else None
    return reply({"code": "TOO_MANY_REQUESTS", "message": "m", "payload": payload}, 429, **headers)


# -- the windows


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


async def at_once(one: Callable[[], Awaitable[None]]) -> None:
    await asyncio.gather(*(one() for _ in range(450)))


@pytest.mark.parametrize("pattern", [in_a_row, in_two_bursts, at_once])
def test_no_second_sees_more_than_three_hundred_requests(
    pattern: Callable[[Callable[[], Awaitable[None]]], Coroutine[Any, Any, None]],
) -> None:
    allowed: list[float] = []
    limits = quota()

    async def one() -> None:
        await limits.request("GET /v1/pools")
        allowed.append(loop_time())

    run_virtual(pattern(one))
    assert len(allowed) == 450
    assert all(later - sooner > 1 for sooner, later in zip(allowed, allowed[REQUESTS_PER_SECOND:], strict=False))
    assert allowed[-1] <= 2


def test_three_hundred_requests_wait_for_nothing_and_the_next_for_a_second() -> None:
    async def ask() -> list[float]:
        limits, times = quota(), []
        for _ in range(REQUESTS_PER_SECOND + 1):
            await limits.request("GET /v1/pools")
            times.append(loop_time())
        return times

    *first, last = run_virtual(ask())
    assert set(first) == {0.0}
    assert last == pytest.approx(1, abs=A_BIT)


@pytest.mark.parametrize(
    ("counts", "seconds"),
    {
        (10_000, 90_000): 0.0,
        (10_000, 90_000, 1): MINUTE,
        (60_000, 60_000, 60_000): 2 * MINUTE,
        (150_000, 1): MINUTE,  # more than a minute allows at all: the service says what it thinks of that
        (100_000,) * 20: 19 * MINUTE,
        (100_000,) * 21: DAY,
    }.items(),
)
def test_tasks_wait_for_the_minute_and_for_the_day(counts: tuple[int, ...], seconds: float) -> None:
    async def upload() -> float:
        limits = quota()
        for count in counts:
            await limits.objects("tasks", count)
        return loop_time()

    assert run_virtual(upload()) == pytest.approx(seconds, abs=len(counts) * A_BIT)


def test_who_gives_up_a_wait_has_used_nothing_up() -> None:
    async def upload() -> float:
        limits = quota()
        await limits.objects("tasks", TASKS_PER_MINUTE - 10)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await limits.objects("tasks", 10_000)
        await limits.objects("tasks", 10)
        return loop_time()

    assert run_virtual(upload()) == 1


def test_tasks_and_requests_are_counted_apart() -> None:
    async def both() -> float:
        limits = quota()
        await limits.objects("tasks", TASKS_PER_MINUTE)
        await limits.request("POST /v1/tasks")
        return loop_time()

    assert run_virtual(both()) == 0


def test_a_wait_is_shown_while_it_lasts() -> None:
    async def upload() -> list[str]:
        limits, shown = quota(), []
        with track_progress(False, "tasks") as meter:
            await limits.objects("tasks", TASKS_PER_MINUTE)
            await asyncio.sleep(19.5)
            shown.append(meter.waiting)
            waiting = asyncio.create_task(limits.objects("tasks", 1))
            await asyncio.sleep(1)
            shown.append(meter.waiting)
            await waiting
            return [*shown, meter.waiting]

    assert run_virtual(upload()) == ["", "quota, 41 s", ""]


def test_a_quota_that_is_not_waited_for_is_an_error_that_says_when_to_come_back() -> None:
    async def upload() -> tf.QuotaExceeded:
        limits = quota(tf.Retries())
        for _ in range(TASKS_PER_DAY // TASKS_PER_MINUTE):
            await limits.objects("tasks", TASKS_PER_MINUTE)
        with pytest.raises(tf.QuotaExceeded, match=r"tasks per DAY is used up[^{]*Come back at 20") as caught:
            await limits.objects("tasks", 1)
        return caught.value

    error = run_virtual(upload())
    assert (error.status, error.interval, error.may_have_taken_effect) == (429, "DAY", False)
    assert error.retry_at is not None
    assert abs(error.retry_at - datetime.now(UTC) - timedelta(seconds=DAY - 19 * MINUTE)) < timedelta(seconds=10)


# -- shared out


@pytest.mark.parametrize("workers", [1, 2, 7, 300])
def test_so_many_processes_together_keep_the_quota_and_each_gets_its_share(workers: int) -> None:
    share = REQUESTS_PER_SECOND // workers
    allowed: list[float] = []

    async def process() -> None:
        limits = quota(workers=workers)  # windows of its own, as every process has
        for _ in range(2 * share + 1):
            await limits.request("GET /v1/pools")
            allowed.append(loop_time())

    async def together() -> None:
        await asyncio.gather(*(process() for _ in range(workers)))

    run_virtual(together())
    allowed.sort()
    assert all(later - sooner > 1 for sooner, later in zip(allowed, allowed[REQUESTS_PER_SECOND:], strict=False))
    assert allowed[share * workers - 1] == 0
    assert allowed[-1] == pytest.approx(2, abs=2 * A_BIT)


def test_what_else_a_process_asks_comes_out_of_its_share() -> None:
    async def ask() -> list[float]:
        alone, times = quota(), []
        shared = replace(alone, workers=100)
        for _ in range(200):
            await alone.request("GET /v1/pools")
        for _ in range(2):
            await shared.request("GET /v1/pools")
            times.append(loop_time())
        return times

    assert run_virtual(ask()) == pytest.approx([0, 1], abs=A_BIT)


# -- what refusals tell


@pytest.mark.parametrize(("interval", "seconds"), [("MIN", MINUTE), ("HOUR", HOUR), ("DAY", DAY)])
def test_the_end_of_a_quota_is_waited_for_and_shown(interval: str, seconds: float) -> None:
    async def ask() -> tuple[list[float], list[str]]:
        answer = ScriptedResponses(over(interval), reply({"id": "1"}))
        async with api_clients(answer, retries=PATIENT) as (service,):
            with track_progress(False, "pools") as meter:
                task = asyncio.create_task(service.get("/v1/pools/1"))
                await asyncio.sleep(1)
                shown = [meter.waiting]
                await task
                return answer.times, [*shown, meter.waiting, str(meter.retries)]

    times, shown = run_virtual(ask())
    assert times == [0, seconds]
    assert shown == [f"quota, {seconds:,.0f} s", "", "1"]


def test_what_the_service_says_goes_before_the_length_of_the_quota() -> None:
    async def ask() -> list[float]:
        answer = ScriptedResponses(over("MIN", Retry_After="7"), reply({"id": "1"}))
        async with api_clients(answer) as (service,):
            await service.get("/v1/pools/1")
        return answer.times

    assert run_virtual(ask()) == [0, 7]


def test_after_one_refusal_nobody_of_the_account_asks_before_the_time() -> None:
    async def create() -> list[float]:
        answer = ScriptedResponses(over("MIN"), reply({"id": "1", "status": "RUNNING"}))
        async with api_clients(answer, clients=2) as (one, other):
            first = asyncio.create_task(one.post("/v1/tasks", {}, b"[]", repeatable=True))
            await asyncio.sleep(1)
            posts = [service.post("/v1/tasks", {}, b"[]", repeatable=True) for service in (one, other) for _ in range(4)]
            await asyncio.gather(first, *posts)
        return answer.times

    assert run_virtual(create()) == [0] + [MINUTE] * 9


def test_a_quota_of_a_second_that_is_exceeded_holds_for_every_call() -> None:
    async def ask() -> list[float]:
        answer = ScriptedResponses(over(), reply({"id": "1"}))
        async with api_clients(answer) as (service,):
            first = asyncio.create_task(service.get("/v1/pools/1"))
            await asyncio.sleep(0.1)
            await asyncio.gather(service.get("/v1/projects/1"), first)
        return answer.times

    assert run_virtual(ask())[1] == 1


def test_a_quota_of_one_call_leaves_the_others_alone() -> None:
    async def ask() -> list[tuple[float, str]]:
        answer = ScriptedResponses(over("DAY"), reply({"id": "1"}))
        async with api_clients(answer) as (service,):
            with pytest.raises(tf.QuotaExceeded):
                await service.post("/v1/projects", {}, b"{}", repeatable=False)
            with pytest.raises(tf.QuotaExceeded, match="POST /v1/projects per DAY"):
                await service.post("/v1/projects", {}, b"{}", repeatable=False)
            await service.act("/v1/projects/1/archive")
            await service.get("/v1/projects/1")
            await service.post("/v1/tasks", {}, b"[]", repeatable=False)
        return answer.calls

    assert run_virtual(ask()) == [
        (0, "POST /v1/projects"),
        (0, "POST /v1/projects/1/archive"),
        (0, "GET /v1/projects/1"),
        (0, "POST /v1/tasks"),
    ]


CALLS = {
    "another id": ("/v1/pools/1/open", "/v1/pools/2/open"),
    "another id of an app": ("/app/v0/app-projects/a/items/b", "/app/v0/app-projects/c/items/d"),
}


@pytest.mark.parametrize(("first", "second"), CALLS.values(), ids=CALLS)
def test_a_call_is_the_same_for(first: str, second: str) -> None:
    async def ask() -> int:
        answer = ScriptedResponses(over("DAY"), reply({"id": "1"}))
        async with api_clients(answer) as (service,):
            for path in (first, second):
                with pytest.raises(tf.QuotaExceeded):
                    await service.act(path)
        return len(answer.calls)

    assert run_virtual(ask()) == 1


def test_who_may_not_wait_so_long_is_told_at_once_and_who_may_waits() -> None:
    async def create() -> list[float]:
        answer = ScriptedResponses(over("HOUR"), reply({"id": "1"}))
        async with serve(answer) as url:
            hasty, patient = (
                tf.AsyncTolokaClient("hasty-and-patient", url=url, timeout=None, retries=retries).service
                for retries in (tf.Retries(), PATIENT)
            )
            waiting = asyncio.create_task(patient.post("/v1/tasks", {}, b"[]", repeatable=True))
            await asyncio.sleep(1)
            for work in (hasty.post("/v1/tasks", {}, b"[]", repeatable=True), hasty.rate_limiter.objects("tasks", 1)):
                with pytest.raises(tf.QuotaExceeded) as caught:
                    await work
                assert caught.value.retry_after == pytest.approx(HOUR - 1)
            assert loop_time() == 1
            await waiting
            await hasty.post("/v1/tasks", {}, b"[]", repeatable=True)
            for service in (hasty, patient):
                await service.aclose()
        return answer.times

    assert run_virtual(create()) == [0, HOUR, HOUR]


# -- one account in a process


@pytest.mark.parametrize(
    ("other", "shares"),
    [({}, True), ({"token": "another"}, False), ({"act_under_account_id": "another"}, False), ({"url": "http://b"}, False)],
    ids=str,
)
def test_clients_of_one_account_share_its_limits(other: dict[str, str], shares: bool) -> None:
    one, two = (tf.AsyncTolokaClient(**{"token": "token-of-this", "url": "http://a"} | more) for more in ({}, other))
    before = one.quota()["used"][1]
    tf.run(two.service.rate_limiter.objects("tasks", 5))
    assert one.quota()["used"].tolist()[1:3] == [before + 5 * shares] * 2


def test_the_day_outlives_its_clients(scripted: Scripted) -> None:
    scripted.answers = [over("DAY")]
    for _ in range(2):  # as one cell that is run twice
        client = tf.AsyncTolokaClient("outliving", url=scripted.url)
        with pytest.raises(tf.QuotaExceeded):
            tf.run(client.create_project({}))
        tf.run(client.aclose())
        del client
    assert len(scripted.requests) == 1


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


# -- the frame

TYPES = {
    "what": "string[pyarrow]",
    "interval": "string[pyarrow]",
    "most": "Int64",
    "used": "Int64",
    "left": "Int64",
    "closed_until": "datetime64[us, UTC]",
    "refusals": "Int64",
}


def test_a_frame_tells_of_each_limit_and_asks_nothing(scripted: Scripted) -> None:
    frame = tf.AsyncTolokaClient("new", url=scripted.url).quota()
    assert frame.dtypes.astype(str).to_dict() == {name: str(pd.Series(dtype=kind).dtype) for name, kind in TYPES.items()}
    assert frame.drop(columns="closed_until").to_numpy().tolist() == [
        ["requests", "second", 300, 0, 300, 0],
        ["tasks", "MIN", 100_000, 0, 100_000, 0],
        ["tasks", "DAY", 2_000_000, 0, 2_000_000, 0],
        ["task suites", "MIN", 100_000, 0, 100_000, 0],
        ["task suites", "DAY", 2_000_000, 0, 2_000_000, 0],
    ]
    assert frame["closed_until"].isna().all()
    assert scripted.requests == []


def test_a_frame_tells_what_was_used_and_what_refusals_said() -> None:
    async def use() -> pd.DataFrame:
        answer = ScriptedResponses(over("DAY"), over("DAY"), over("HOUR"), reply({"id": "1"}))
        async with api_clients(answer, retries=1) as (service,):
            await service.rate_limiter.objects("tasks", TASKS_PER_MINUTE)
            for path in ("/v1/tasks", "/v1/projects", "/v1/projects"):
                with pytest.raises(tf.QuotaExceeded):
                    await service.post(path, {}, b"{}", repeatable=False)
            with pytest.raises(tf.QuotaExceeded):
                await service.act("/v1/pools/1/open")
            return await service.rate_limiter.frame()

    frame = run_virtual(use())
    seconds = (frame.pop("closed_until") - pd.Timestamp.now("UTC")).dt.total_seconds()
    assert frame.astype(object).where(frame.notna(), None).to_numpy().tolist() == [
        ["requests", "second", 300, 3, 297, 0],
        ["tasks", "MIN", 100_000, 100_000, 0, 0],
        ["tasks", "DAY", 2_000_000, 100_000, 1_900_000, 1],
        ["task suites", "MIN", 100_000, 0, 100_000, 0],
        ["task suites", "DAY", 2_000_000, 0, 2_000_000, 0],
        ["POST /v1/projects", "DAY", None, None, None, 1],
        ["POST /v1/pools/*/open", "HOUR", None, None, None, 1],
    ]
    assert seconds.fillna(0).tolist() == pytest.approx([0, MINUTE, DAY, 0, 0, DAY, HOUR], abs=10)


def test_a_limit_that_is_open_again_is_closed_until_no_time() -> None:
    async def use() -> pd.DataFrame:
        limits = quota()
        await limits.objects("tasks", TASKS_PER_MINUTE)
        await asyncio.sleep(MINUTE + A_BIT)
        return await limits.frame()

    frame = run_virtual(use())
    assert frame["closed_until"].isna().all()
    assert frame["used"].tolist() == [0, 0, TASKS_PER_MINUTE, 0, 0]


def test_a_frame_can_be_had_where_a_loop_runs(scripted: Scripted) -> None:
    client = scripted.client()

    async def cell() -> pd.DataFrame:
        return client.quota()

    assert len(asyncio.run(cell())) == 5
