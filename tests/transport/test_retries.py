"""Retries: which failed requests are repeated, how often, and after how long."""

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
from toloka_frames._runtime.tracker import track_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from toloka_frames._transport.http import ApiClient

LONG_AGO = "Wed, 21 Oct 2015 07:28:00 GMT"
OK = reply({"id": "1"})
NO_RESPONSE = b""
RETRYABLE = (408, 429, 500, 502, 503, 504)
FINAL = (400, 401, 403, 404, 405, 409, 413, 415, 422, 501)


def rejection(status: int, interval: str | None = None, **headers: str) -> bytes:
    payload = {"interval": interval} if interval else None
    return reply({"code": "CODE", "message": "m", "payload": payload}, status, **headers)


def get(service: ApiClient) -> Coroutine[Any, Any, dict[str, Any]]:
    return service.get("/v1/pools/1")


def create_with_key(service: ApiClient) -> Coroutine[Any, Any, dict[str, Any]]:
    return service.post("/v1/tasks", {"operation_id": "op"}, b"[]", repeatable=True)


def create_without_key(service: ApiClient) -> Coroutine[Any, Any, dict[str, Any]]:
    return service.post("/v1/projects", {}, b"{}", repeatable=False)


def times(
    call: Callable[[ApiClient], Coroutine[Any, Any, object]], *responses: bytes, retries: int | tf.Retries = 5
) -> list[float]:
    """Return the times of the attempts of a call that succeeds, in seconds."""

    async def send() -> list[float]:
        responder = ScriptedResponses(*responses)
        async with api_clients(responder, retries=retries) as (service,):
            assert await call(service) == {"id": "1"}
        return responder.times

    return run_virtual(send())


def failure(
    call: Callable[[ApiClient], Coroutine[Any, Any, object]], *responses: bytes, retries: int | tf.Retries = 5
) -> tuple[tf.TolokaError, int]:
    """Return the error of a call and the number of attempts."""

    async def send() -> tuple[tf.TolokaError, int]:
        responder = ScriptedResponses(*responses)
        async with api_clients(responder, retries=retries) as (service,):
            with pytest.raises(tf.TolokaError) as caught:
                await call(service)
        return caught.value, len(responder.calls)

    return run_virtual(send())


# -- which requests are repeated


@pytest.mark.parametrize("status", RETRYABLE)
@pytest.mark.parametrize("call", [get, create_with_key])
def test_a_repeatable_request_is_repeated_after_status(call: Callable[[ApiClient], Any], status: int) -> None:
    assert len(times(call, rejection(status), reply("<html>", status), OK)) == 3


@pytest.mark.parametrize("call", [get, create_with_key])
def test_a_repeatable_request_is_repeated_after_a_lost_response(call: Callable[[ApiClient], Any]) -> None:
    assert len(times(call, NO_RESPONSE, NO_RESPONSE, OK)) == 3


@pytest.mark.parametrize("status", FINAL)
@pytest.mark.parametrize("call", [get, create_with_key, create_without_key])
def test_no_request_is_repeated_after_status(call: Callable[[ApiClient], Any], status: int) -> None:
    error, attempts_made = failure(call, rejection(status), OK)
    assert isinstance(error, tf.ApiError)
    assert (error.status, error.retryable, attempts_made) == (status, False, 1)


def test_a_request_without_a_key_is_repeated_after_429() -> None:
    assert len(times(create_without_key, rejection(429), OK)) == 2


@pytest.mark.parametrize("response", [NO_RESPONSE, *(rejection(status) for status in RETRYABLE if status != 429)])
def test_a_request_without_a_key_is_not_repeated_after_other_failures(response: bytes) -> None:
    error, attempts_made = failure(create_without_key, response, OK)
    assert isinstance(error, tf.OutcomeUnknown)
    assert attempts_made == 1


@pytest.mark.parametrize("attempts", [1, 2, 4, 12])
def test_a_request_is_sent_at_most_the_configured_number_of_times(attempts: int) -> None:
    for retries in (attempts, tf.Retries(attempts=attempts)):
        error, attempts_made = failure(get, rejection(503), retries=retries)
        assert isinstance(error, tf.ApiError)
        assert (error.status, error.retryable, attempts_made) == (503, True, attempts)


def test_the_default_is_five_attempts() -> None:
    assert failure(get, rejection(500))[1] == 5


# -- how long to wait


def test_waits_without_retry_after_are_random_with_a_doubling_bound() -> None:
    runs = [times(get, *[rejection(503)] * 9, OK, retries=10) for _ in range(12)]
    waits = [[later - earlier for earlier, later in pairwise(attempts)] for attempts in runs]
    for number, same_wait in enumerate(zip(*waits, strict=True)):
        bound = min(0.5 * 2**number, 30)
        assert bound / 4 < max(same_wait) <= bound + 1e-6  # all twelve in the lowest quarter: probability 4**-12
        assert len(set(same_wait)) == len(same_wait)


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
@pytest.mark.parametrize("seconds", [7, 60])
def test_retry_after_in_seconds_is_waited(status: int, seconds: int) -> None:
    assert times(get, rejection(status, Retry_After=str(seconds)), OK) == [0, seconds]


def test_retry_after_may_be_a_date() -> None:
    now = datetime.now(UTC)
    headers = {"Date": format_datetime(now), "Retry_After": format_datetime(now + timedelta(seconds=40))}
    assert times(get, rejection(503, **headers), OK) == [0, 40]


def test_a_retry_after_date_is_relative_to_the_date_of_the_response() -> None:
    headers = {"Date": LONG_AGO, "Retry_After": LONG_AGO.replace(":00 GMT", ":40 GMT")}
    assert times(get, rejection(503, **headers), OK) == [0, 40]


@pytest.mark.parametrize("retry_after", ["0", LONG_AGO], ids=["seconds", "a date"])
@pytest.mark.parametrize("status", [429, 503])
def test_a_retry_after_of_zero_still_waits_between_attempts(status: int, retry_after: str) -> None:
    attempts = times(get, *[rejection(status, Retry_After=retry_after)] * 11, OK, retries=12)
    assert len(set(attempts)) == 12
    assert attempts[-1] > 5  # a minute and a half on average


def test_a_longer_wait_than_allowed_raises_at_once() -> None:
    error, attempts_made = failure(get, rejection(503, Retry_After="100"), OK)
    assert isinstance(error, tf.ApiError)
    assert (error.retry_after, attempts_made) == (100, 1)
    assert times(get, rejection(503, Retry_After="100"), OK, retries=tf.Retries(wait_for=("HOUR",))) == [0, 100]


def test_waits_and_retries_are_shown() -> None:
    async def send() -> list[object]:
        responder = ScriptedResponses(rejection(503, Retry_After="30"), OK)
        async with api_clients(responder) as (service,):
            with track_progress(False, "pools") as tracker:
                task = asyncio.create_task(get(service))
                await asyncio.sleep(10)
                shown = [tracker.waiting, tracker.retries]
                await task
                return [*shown, tracker.waiting, tracker.retries, loop_time()]

    assert run_virtual(send()) == ["the service, 30 s to go", 1, "", 1, 30]


# -- quotas

QUOTAS: dict[str, tuple[bytes, tuple[str, ...], bool]] = {
    "requests a second": (rejection(429), (), True),
    "an unknown interval": (rejection(429, "WEEK"), (), True),
    "a minute that is waited for": (rejection(429, "MIN"), ("MIN",), True),
    "a minute that is not waited for": (rejection(429, "MIN"), (), False),
    "an hour that is waited for": (rejection(429, "HOUR"), ("MIN", "HOUR"), True),
    "an hour that is not waited for": (rejection(429, "HOUR"), ("MIN",), False),
    "a day that is waited for": (rejection(429, "DAY"), ("DAY",), True),
    "a day that is not waited for": (rejection(429, "DAY"), ("MIN", "HOUR"), False),
    "a day with Retry-After: 0": (rejection(429, "DAY", Retry_After="0"), ("MIN", "HOUR"), False),
}


@pytest.mark.parametrize(("response", "wait_for", "waits"), QUOTAS.values(), ids=QUOTAS)
@pytest.mark.parametrize("call", [get, create_with_key, create_without_key])
def test_quotas_in_wait_for_are_waited_for_and_others_raise(
    call: Callable[[ApiClient], Any], response: bytes, wait_for: Any, waits: bool
) -> None:
    retries = tf.Retries(wait_for=wait_for)
    if waits:
        assert len(times(call, response, OK, retries=retries)) == 2
    else:
        error, attempts_made = failure(call, response, OK, retries=retries)
        assert isinstance(error, tf.QuotaExceeded)
        assert attempts_made == 1


def test_the_quota_of_a_minute_is_waited_for_by_default() -> None:
    assert times(get, rejection(429, "MIN"), OK) == [0, 60]


# -- validation


@pytest.mark.parametrize("attempts", [0, -1, "3", 2.5, None])
def test_attempts_must_be_a_whole_number_from_one(attempts: Any) -> None:
    with pytest.raises(tf.ConfigurationError, match="the number of attempts is at least 1"):
        tf.Retries(attempts=attempts)


@pytest.mark.parametrize("wait_for", [("WEEK",), "MIN", ("MIN", "min")])
def test_wait_for_accepts_a_tuple_of_min_hour_and_day_only(wait_for: Any) -> None:
    with pytest.raises(tf.ConfigurationError, match="per MIN, HOUR or DAY"):
        tf.Retries(wait_for=wait_for)
