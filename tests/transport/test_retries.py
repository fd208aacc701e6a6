"""A try that failed is followed by another where that may help, as often as was said, and never at once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from support.scripted_server import reply
from support.virtual_clock import ScriptedResponses, api_clients, loop_time, run_virtual

import toloka_frames as tf
from toloka_frames._runtime.progress import track_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from toloka_frames._transport.http import ApiClient

LONG_AGO = "Wed, 21 Oct 2015 07:28:00 GMT"
DONE = reply({"id": "1"})
LOST = b""
RETRYABLE = (408, 429, 500, 502, 503, 504)
FINAL = (400, 401, 403, 404, 405, 409, 413, 415, 422, 501)


def refusal(status: int, interval: str | None = None, **headers: str) -> bytes:
    payload = {"interval": interval} if interval else None
    return reply({"code": "CODE", "message": "m", "payload": payload}, status, **headers)


def get(service: ApiClient) -> Coroutine[Any, Any, dict[str, Any]]:
    return service.get("/v1/pools/1")


def create(service: ApiClient) -> Coroutine[Any, Any, dict[str, Any]]:
    return service.post("/v1/tasks", {"operation_id": "op"}, b"[]", repeatable=True)


def make(service: ApiClient) -> Coroutine[Any, Any, dict[str, Any]]:
    return service.post("/v1/projects", {}, b"{}", repeatable=False)


def times(
    call: Callable[[ApiClient], Coroutine[Any, Any, object]], *answers: bytes, retries: int | tf.Retries = 5
) -> list[float]:
    """When the tries of a call that succeeds came, in seconds."""

    async def ask() -> list[float]:
        answer = ScriptedResponses(*answers)
        async with api_clients(answer, retries=retries) as (service,):
            assert await call(service) == {"id": "1"}
        return answer.times

    return run_virtual(ask())


def failure(
    call: Callable[[ApiClient], Coroutine[Any, Any, object]], *answers: bytes, retries: int | tf.Retries = 5
) -> tuple[tf.TolokaError, int]:
    """The error of a call and how many tries there were."""

    async def ask() -> tuple[tf.TolokaError, int]:
        answer = ScriptedResponses(*answers)
        async with api_clients(answer, retries=retries) as (service,):
            with pytest.raises(tf.TolokaError) as caught:
                await call(service)
        return caught.value, len(answer.calls)

    return run_virtual(ask())


# -- what is repeated


@pytest.mark.parametrize("status", RETRYABLE)
@pytest.mark.parametrize("call", [get, create])
def test_what_may_go_twice_is_repeated_after(call: Callable[[ApiClient], Any], status: int) -> None:
    assert len(times(call, refusal(status), reply("<html>", status), DONE)) == 3


@pytest.mark.parametrize("call", [get, create])
def test_what_may_go_twice_is_repeated_after_a_lost_answer(call: Callable[[ApiClient], Any]) -> None:
    assert len(times(call, LOST, LOST, DONE)) == 3


@pytest.mark.parametrize("status", FINAL)
@pytest.mark.parametrize("call", [get, create, make])
def test_nothing_is_repeated_after(call: Callable[[ApiClient], Any], status: int) -> None:
    error, tries = failure(call, refusal(status), DONE)
    assert isinstance(error, tf.ApiError)
    assert (error.status, error.retryable, tries) == (status, False, 1)


def test_what_was_not_let_in_is_repeated_even_without_a_key() -> None:
    assert len(times(make, refusal(429), DONE)) == 2


@pytest.mark.parametrize("answer", [LOST, *(refusal(status) for status in RETRYABLE if status != 429)])
def test_what_has_no_key_is_not_repeated_else(answer: bytes) -> None:
    error, tries = failure(make, answer, DONE)
    assert isinstance(error, tf.OutcomeUnknown)
    assert tries == 1


@pytest.mark.parametrize("attempts", [1, 2, 4, 12])
def test_a_request_goes_out_as_often_as_was_said_and_no_oftener(attempts: int) -> None:
    for retries in (attempts, tf.Retries(attempts=attempts)):
        error, tries = failure(get, refusal(503), retries=retries)
        assert isinstance(error, tf.ApiError)
        assert (error.status, error.retryable, tries) == (503, True, attempts)


def test_five_tries_are_the_default() -> None:
    assert failure(get, refusal(500))[1] == 5


# -- how long is waited


def test_waits_of_our_own_choice_are_random_and_their_bound_doubles() -> None:
    tries = [times(get, *[refusal(503)] * 9, DONE, retries=10) for _ in range(12)]
    waits = [[later - sooner for sooner, later in pairwise(each)] for each in tries]
    for number, same in enumerate(zip(*waits, strict=True)):
        bound = min(0.5 * 2**number, 30)
        assert bound / 4 < max(same) <= bound + 1e-6  # that all of twelve are in the lowest quarter is no chance
        assert len(set(same)) == len(same)


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
@pytest.mark.parametrize("said", [7, 60])
def test_a_wait_is_at_least_as_long_as_the_service_says(status: int, said: int) -> None:
    assert times(get, refusal(status, Retry_After=str(said)), DONE) == [0, said]


def test_the_service_may_say_a_date() -> None:
    now = datetime.now(UTC)
    headers = {"Date": format_datetime(now), "Retry_After": format_datetime(now + timedelta(seconds=40))}
    assert times(get, refusal(503, **headers), DONE) == [0, 40]


def test_a_date_is_read_by_the_clock_that_wrote_it() -> None:
    headers = {"Date": LONG_AGO, "Retry_After": LONG_AGO.replace(":00 GMT", ":40 GMT")}
    assert times(get, refusal(503, **headers), DONE) == [0, 40]


@pytest.mark.parametrize("when", ["0", LONG_AGO], ids=["seconds", "a date"])
@pytest.mark.parametrize("status", [429, 503])
def test_come_at_once_is_no_invitation_to_come_a_thousand_times(status: int, when: str) -> None:
    tries = times(get, *[refusal(status, Retry_After=when)] * 11, DONE, retries=12)
    assert len(set(tries)) == 12
    assert tries[-1] > 5  # on average a minute and a half


def test_a_longer_wait_than_the_client_may_have_is_an_error_at_once() -> None:
    error, tries = failure(get, refusal(503, Retry_After="100"), DONE)
    assert isinstance(error, tf.ApiError)
    assert (error.retry_after, tries) == (100, 1)
    assert times(get, refusal(503, Retry_After="100"), DONE, retries=tf.Retries(wait_for=("HOUR",))) == [0, 100]


def test_waits_and_repeats_are_shown() -> None:
    async def ask() -> list[object]:
        answer = ScriptedResponses(refusal(503, Retry_After="30"), DONE)
        async with api_clients(answer) as (service,):
            with track_progress(False, "pools") as meter:
                task = asyncio.create_task(get(service))
                await asyncio.sleep(10)
                shown = [meter.waiting, meter.retries]
                await task
                return [*shown, meter.waiting, meter.retries, loop_time()]

    assert run_virtual(ask()) == ["the service, 30 s", 1, "", 1, 30]


# -- quotas

QUOTAS: dict[str, tuple[bytes, tuple[str, ...], bool]] = {
    "requests a second": (refusal(429), (), True),
    "an unknown interval": (refusal(429, "WEEK"), (), True),
    "a minute that is waited for": (refusal(429, "MIN"), ("MIN",), True),
    "a minute that is not": (refusal(429, "MIN"), (), False),
    "an hour that is waited for": (refusal(429, "HOUR"), ("MIN", "HOUR"), True),
    "an hour that is not": (refusal(429, "HOUR"), ("MIN",), False),
    "a day that is waited for": (refusal(429, "DAY"), ("DAY",), True),
    "a day that is not": (refusal(429, "DAY"), ("MIN", "HOUR"), False),
    "a day that is nearly over": (refusal(429, "DAY", Retry_After="0"), ("MIN", "HOUR"), False),
}


@pytest.mark.parametrize(("answer", "wait_for", "waits"), QUOTAS.values(), ids=QUOTAS)
@pytest.mark.parametrize("call", [get, create, make])
def test_the_end_of_a_quota_is_waited_for_as_the_client_was_told(
    call: Callable[[ApiClient], Any], answer: bytes, wait_for: Any, waits: bool
) -> None:
    retries = tf.Retries(wait_for=wait_for)
    if waits:
        assert len(times(call, answer, DONE, retries=retries)) == 2
    else:
        error, tries = failure(call, answer, DONE, retries=retries)
        assert isinstance(error, tf.QuotaExceeded)
        assert tries == 1


def test_a_minute_is_waited_for_by_default() -> None:
    assert times(get, refusal(429, "MIN"), DONE) == [0, 60]


# -- what a client is told


@pytest.mark.parametrize("attempts", [0, -1, "3", 2.5, None])
def test_tries_are_counted_from_one(attempts: Any) -> None:
    with pytest.raises(tf.ConfigurationError, match="the number of attempts is at least 1"):
        tf.Retries(attempts=attempts)


@pytest.mark.parametrize("wait_for", [("WEEK",), "MIN", ("MIN", "min")])
def test_quotas_are_of_a_minute_an_hour_or_a_day(wait_for: Any) -> None:
    with pytest.raises(tf.ConfigurationError, match="per MIN, HOUR or DAY"):
        tf.Retries(wait_for=wait_for)
