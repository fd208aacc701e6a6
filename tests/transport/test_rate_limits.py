"""Rate limits: sliding windows per account; a 429 response applies to all clients of the account."""

from __future__ import annotations

import asyncio
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from support.scripted_server import Scripted, reply
from support.text_dtype import TEXT_NAME
from support.virtual_clock import ScriptedResponses, api_clients, loop_time, run_virtual, serve

import toloka_frames as tf
from toloka_frames._runtime.tracker import track_progress
from toloka_frames._transport.auth import TokenAuth
from toloka_frames._transport.rate_limits import RateLimiter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

REQUESTS_PER_SECOND = 300
TASKS_PER_MINUTE, TASKS_PER_DAY = 100_000, 2_000_000
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
PATIENT = tf.Retries(wait_for=("MIN", "HOUR", "DAY"))
TOLERANCE = 0.0021  # seconds: the windows count in milliseconds, and a wait ends a millisecond after the interval


def limiter(retries: tf.Retries = PATIENT, workers: int = 1) -> RateLimiter:
    """Return the limiter of an account that has used nothing yet."""
    return RateLimiter(TokenAuth(uuid.uuid4().hex), "https://example.com", "", retries, workers)


def over_quota(interval: str | None = None, **headers: str) -> bytes:
    payload = {"interval": interval} if interval else None
    return reply({"code": "TOO_MANY_REQUESTS", "message": "m", "payload": payload}, 429, **headers)


# -- the windows


async def one_after_another(send: Callable[[], Awaitable[None]]) -> None:
    for _ in range(450):
        await send()


async def in_two_bursts(send: Callable[[], Awaitable[None]]) -> None:
    """Send two bursts: a limiter with fixed instead of sliding seconds would allow too many requests of the second."""
    for _ in range(50):
        await send()
    await asyncio.sleep(0.8)
    for _ in range(400):
        await send()


async def at_once(send: Callable[[], Awaitable[None]]) -> None:
    await asyncio.gather(*(send() for _ in range(450)))


@pytest.mark.parametrize("pattern", [one_after_another, in_two_bursts, at_once])
def test_no_second_has_more_than_three_hundred_requests(
    pattern: Callable[[Callable[[], Awaitable[None]]], Coroutine[Any, Any, None]],
) -> None:
    allowed: list[float] = []
    limits = limiter()

    async def send() -> None:
        await limits.request("GET /v1/pools")
        allowed.append(loop_time())

    run_virtual(pattern(send))
    assert len(allowed) == 450
    assert all(later - earlier > 1 for earlier, later in zip(allowed, allowed[REQUESTS_PER_SECOND:], strict=False))
    assert allowed[-1] <= 2


def test_three_hundred_requests_do_not_wait_and_the_next_waits_a_second() -> None:
    async def send_all() -> list[float]:
        limits, times = limiter(), []
        for _ in range(REQUESTS_PER_SECOND + 1):
            await limits.request("GET /v1/pools")
            times.append(loop_time())
        return times

    *first, last = run_virtual(send_all())
    assert set(first) == {0.0}
    assert last == pytest.approx(1, abs=TOLERANCE)


@pytest.mark.parametrize(
    ("counts", "seconds"),
    {
        (10_000, 90_000): 0.0,
        (10_000, 90_000, 1): MINUTE,
        (60_000, 60_000, 60_000): 2 * MINUTE,
        (150_000, 1): MINUTE,  # more than a minute allows: sent alone, for the service to accept or reject
        (100_000,) * 20: 19 * MINUTE,
        (100_000,) * 21: DAY,
    }.items(),
)
def test_tasks_wait_for_the_limits_of_a_minute_and_a_day(counts: tuple[int, ...], seconds: float) -> None:
    async def upload() -> float:
        limits = limiter()
        for count in counts:
            await limits.objects("tasks", count)
        return loop_time()

    assert run_virtual(upload()) == pytest.approx(seconds, abs=len(counts) * TOLERANCE)


def test_a_cancelled_wait_uses_no_quota() -> None:
    async def upload() -> float:
        limits = limiter()
        await limits.objects("tasks", TASKS_PER_MINUTE - 10)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await limits.objects("tasks", 10_000)
        await limits.objects("tasks", 10)
        return loop_time()

    assert run_virtual(upload()) == 1


def test_tasks_and_requests_are_counted_separately() -> None:
    async def both() -> float:
        limits = limiter()
        await limits.objects("tasks", TASKS_PER_MINUTE)
        await limits.request("POST /v1/tasks")
        return loop_time()

    assert run_virtual(both()) == 0


def test_a_wait_is_shown_until_it_ends() -> None:
    async def upload() -> list[str]:
        limits, shown = limiter(), []
        with track_progress(False, "tasks") as tracker:
            await limits.objects("tasks", TASKS_PER_MINUTE)
            await asyncio.sleep(19.5)
            shown.append(tracker.waiting)
            waiting = asyncio.create_task(limits.objects("tasks", 1))
            await asyncio.sleep(1)
            shown.append(tracker.waiting)
            await waiting
            return [*shown, tracker.waiting]

    assert run_virtual(upload()) == ["", "the quota, 41 s to go", ""]


def test_a_quota_beyond_wait_for_raises_with_the_time_of_its_end() -> None:
    async def upload() -> tf.QuotaExceeded:
        limits = limiter(tf.Retries())
        for _ in range(TASKS_PER_DAY // TASKS_PER_MINUTE):
            await limits.objects("tasks", TASKS_PER_MINUTE)
        with pytest.raises(tf.QuotaExceeded, match=r"tasks per DAY is used up[^{]*Come back at 20") as caught:
            await limits.objects("tasks", 1)
        return caught.value

    error = run_virtual(upload())
    assert (error.status, error.interval, error.may_have_taken_effect) == (429, "DAY", False)
    assert error.retry_at is not None
    assert abs(error.retry_at - datetime.now(UTC) - timedelta(seconds=DAY - 19 * MINUTE)) < timedelta(seconds=10)


# -- shared by several processes


@pytest.mark.parametrize("workers", [1, 2, 7, 300])
def test_several_processes_keep_the_quota_together_and_each_gets_its_share(workers: int) -> None:
    share = REQUESTS_PER_SECOND // workers
    allowed: list[float] = []

    async def process() -> None:
        limits = limiter(workers=workers)  # its own windows, as in a separate process
        for _ in range(2 * share + 1):
            await limits.request("GET /v1/pools")
            allowed.append(loop_time())

    async def together() -> None:
        await asyncio.gather(*(process() for _ in range(workers)))

    run_virtual(together())
    allowed.sort()
    assert all(later - earlier > 1 for earlier, later in zip(allowed, allowed[REQUESTS_PER_SECOND:], strict=False))
    assert allowed[share * workers - 1] == 0
    assert allowed[-1] == pytest.approx(2, abs=2 * TOLERANCE)


def test_other_requests_of_a_process_count_against_its_share() -> None:
    async def send_all() -> list[float]:
        unshared, times = limiter(), []
        shared = unshared._replace(workers=100)
        for _ in range(200):
            await unshared.request("GET /v1/pools")
        for _ in range(2):
            await shared.request("GET /v1/pools")
            times.append(loop_time())
        return times

    assert run_virtual(send_all()) == pytest.approx([0, 1], abs=TOLERANCE)


# -- after a 429 response


@pytest.mark.parametrize(
    ("interval", "seconds", "text"), [("MIN", MINUTE, "1 min"), ("HOUR", HOUR, "1 h"), ("DAY", DAY, "24 h")]
)
def test_the_wait_for_the_end_of_a_quota_is_shown(interval: str, seconds: float, text: str) -> None:
    async def send_all() -> tuple[list[float], list[str]]:
        response = ScriptedResponses(over_quota(interval), reply({"id": "1"}))
        async with api_clients(response, retries=PATIENT) as (service,):
            with track_progress(False, "pools") as tracker:
                task = asyncio.create_task(service.get("/v1/pools/1"))
                await asyncio.sleep(1)
                shown = [tracker.waiting]
                await task
                return response.times, [*shown, tracker.waiting, str(tracker.retries)]

    times, shown = run_virtual(send_all())
    assert times == [0, seconds]
    assert shown == [f"the quota, {text} to go", "", "1"]


def test_retry_after_takes_precedence_over_the_length_of_the_quota() -> None:
    async def send_all() -> list[float]:
        response = ScriptedResponses(over_quota("MIN", Retry_After="7"), reply({"id": "1"}))
        async with api_clients(response) as (service,):
            await service.get("/v1/pools/1")
        return response.times

    assert run_virtual(send_all()) == [0, 7]


def test_after_a_429_no_client_of_the_account_sends_before_the_quota_ends() -> None:
    async def create() -> list[float]:
        response = ScriptedResponses(over_quota("MIN"), reply({"id": "1", "status": "RUNNING"}))
        async with api_clients(response, clients=2) as (one, other):
            first = asyncio.create_task(one.post("/v1/tasks", {}, b"[]", repeatable=True))
            await asyncio.sleep(1)
            posts = [service.post("/v1/tasks", {}, b"[]", repeatable=True) for service in (one, other) for _ in range(4)]
            await asyncio.gather(first, *posts)
        return response.times

    assert run_virtual(create()) == [0] + [MINUTE] * 9


def test_an_exceeded_quota_of_a_second_applies_to_every_call() -> None:
    async def send_all() -> list[float]:
        response = ScriptedResponses(over_quota(), reply({"id": "1"}))
        async with api_clients(response) as (service,):
            first = asyncio.create_task(service.get("/v1/pools/1"))
            await asyncio.sleep(0.1)
            await asyncio.gather(service.get("/v1/projects/1"), first)
        return response.times

    assert run_virtual(send_all())[1] == 1


def test_a_quota_of_one_call_does_not_affect_other_calls() -> None:
    async def send_all() -> list[tuple[float, str]]:
        response = ScriptedResponses(over_quota("DAY"), reply({"id": "1", "status": "RUNNING"}))
        async with api_clients(response) as (service,):
            with pytest.raises(tf.QuotaExceeded):
                await service.post("/v1/projects", {}, b"{}", repeatable=False)
            with pytest.raises(tf.QuotaExceeded, match="POST /v1/projects per DAY"):
                await service.post("/v1/projects", {}, b"{}", repeatable=False)
            await service.act("/v1/projects/1/archive")
            await service.get("/v1/projects/1")
            await service.post("/v1/tasks", {}, b"[]", repeatable=False)
        return response.calls

    assert run_virtual(send_all()) == [
        (0, "POST /v1/projects"),
        (0, "POST /v1/projects/1/archive"),
        (0, "GET /v1/projects/1"),
        (0, "POST /v1/tasks"),
    ]


CALLS = {
    "another id": ("/v1/pools/1/open", "/v1/pools/2/open"),
    "other ids of an app": ("/app/v0/app-projects/a/items/b", "/app/v0/app-projects/c/items/d"),
}


@pytest.mark.parametrize(("first", "second"), CALLS.values(), ids=CALLS)
def test_calls_with_other_ids_share_a_quota(first: str, second: str) -> None:
    async def send_all() -> int:
        response = ScriptedResponses(over_quota("DAY"), reply({"id": "1"}))
        async with api_clients(response) as (service,):
            for path in (first, second):
                with pytest.raises(tf.QuotaExceeded):
                    await service.act(path)
        return len(response.calls)

    assert run_virtual(send_all()) == 1


def test_the_same_quota_raises_at_once_or_is_waited_for_as_each_client_allows() -> None:
    async def create() -> list[float]:
        response = ScriptedResponses(over_quota("HOUR"), reply({"id": "1"}))
        async with serve(response) as url:
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
        return response.times

    assert run_virtual(create()) == [0, HOUR, HOUR]


# -- clients of one account


@pytest.mark.parametrize(
    ("options", "shared"),
    [({}, True), ({"token": "another"}, False), ({"act_under_account_id": "another"}, False), ({"url": "https://b"}, False)],
    ids=str,
)
def test_clients_of_one_account_share_its_limits(options: dict[str, str], shared: bool) -> None:
    one, two = (tf.AsyncTolokaClient(**{"token": "token-of-one", "url": "https://a"} | more) for more in ({}, options))
    before = one.quota()["used"][1]
    tf.run(two.service.rate_limiter.objects("tasks", 5))
    assert one.quota()["used"].tolist()[1:3] == [before + 5 * shared] * 2


def test_the_quota_of_a_day_is_remembered_after_the_client_is_closed(scripted: Scripted) -> None:
    scripted.answers = [over_quota("DAY")]
    for _ in range(2):  # like a notebook cell that is run twice
        client = tf.AsyncTolokaClient("outliving", url=scripted.url)
        with pytest.raises(tf.QuotaExceeded):
            tf.run(client.create_project({}))
        tf.run(client.aclose())
        del client
    assert len(scripted.requests) == 1


def test_a_real_client_keeps_the_limit(scripted: Scripted) -> None:
    arrivals: list[float] = []

    def response(_: str) -> bytes:
        arrivals.append(time.monotonic())
        return reply({"id": "1"})

    async def send_all(client: tf.AsyncTolokaClient) -> None:
        await asyncio.gather(*(client.get_pool("1") for _ in range(REQUESTS_PER_SECOND + 1)))

    scripted.answers = [response]
    client = scripted.async_client()
    started = time.monotonic()
    asyncio.run(send_all(client))
    assert len(arrivals) == REQUESTS_PER_SECOND + 1
    assert arrivals[-1] - started >= 1 - TOLERANCE
    tf.run(client.aclose())


# -- the DataFrame

TYPES = {
    "what": TEXT_NAME,
    "interval": TEXT_NAME,
    "most": "Int64",
    "used": "Int64",
    "left": "Int64",
    "closed_until": "datetime64[us, UTC]",
    "refusals": "Int64",
}


def test_the_frame_has_a_row_per_limit_and_needs_no_request(scripted: Scripted) -> None:
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


def test_the_frame_shows_the_usage_and_the_429_responses() -> None:
    async def use() -> pd.DataFrame:
        response = ScriptedResponses(over_quota("DAY"), over_quota("DAY"), over_quota("HOUR"), reply({"id": "1"}))
        async with api_clients(response, retries=1) as (service,):
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


def test_closed_until_is_missing_for_a_limit_that_is_open_again() -> None:
    async def use() -> pd.DataFrame:
        limits = limiter()
        await limits.objects("tasks", TASKS_PER_MINUTE)
        await asyncio.sleep(MINUTE + TOLERANCE)
        return await limits.frame()

    frame = run_virtual(use())
    assert frame["closed_until"].isna().all()
    assert frame["used"].tolist() == [0, 0, TASKS_PER_MINUTE, 0, 0]


def test_the_frame_is_available_inside_a_running_event_loop(scripted: Scripted) -> None:
    client = scripted.async_client()

    async def cell() -> pd.DataFrame:
        return client.quota()

    assert len(asyncio.run(cell())) == 5
