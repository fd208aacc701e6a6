"""A request goes out once or again, and what comes back is an answer or an error that says what to do."""

from __future__ import annotations

import logging
import pickle
import socket
import ssl
import threading
import time
import traceback
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx
import pytest
from scripted import Scripted, reply

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

Client: TypeAlias = tf.AsyncTolokaClient
Call: TypeAlias = "Callable[[Client], Coroutine[Any, Any, Any]]"

TOKEN = "t0kenthatnobodymaysee1.second.third"  # noqa: S105 -- it opens nothing
KEY = "7a1c1f6e-5f53-4f0c-9d5c-6c3d6a4a8f10"
PROJECT = {"public_name": "Animals"}
TASK = tf.Task(pool_id="1", input_values={"image": "https://example.com/1.jpg"})
TLS = ssl.create_default_context()  # one for all clients: each would read the certificates anew, and here no one needs them
LONG_AGO = "Wed, 21 Oct 2015 07:28:00 GMT"

NOTHING = b""
HALF_A_HEAD = b"HTTP/1.1 200 OK\r\nContent-Le"
HALF_A_BODY = b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"id": "1"'
NO_HTTP = b"220 mail.example.com ESMTP\r\n\r\n"
BROKEN = {"no answer": NOTHING, "half a head": HALF_A_HEAD, "half a body": HALF_A_BODY, "another protocol": NO_HTTP}


def refusal(status: int, **headers: str) -> bytes:
    return reply({"code": "CODE", "message": "m"}, status, **headers)


def over_quota(interval: str, **headers: str) -> bytes:
    return reply({"code": "TOO_MANY_REQUESTS", "message": "m", "payload": {"interval": interval}}, 429, **headers)


class Heads:
    """A server that keeps the head of each request, in small letters, and answers all alike."""

    def __init__(self, scripted: Scripted, answer: bytes) -> None:
        self.heads: list[str] = []
        self._answer = answer
        scripted.answers = [self._keep]

    def _keep(self, head: str) -> bytes:
        self.heads.append(head)
        return self._answer

    def header(self, name: str) -> str | None:
        lines = [line.partition(": ") for line in self.heads[-1].splitlines()]
        return next((value for found, _, value in lines if found.lower() == name.lower()), None)


@pytest.fixture
def closing() -> Iterator[Callable[[Client], Client]]:
    """Closes the clients that it is given."""
    clients: list[Client] = []

    def keep(client: Client) -> Client:
        clients.append(client)
        return client

    yield keep
    for client in clients:
        tf.run(client.aclose())


@pytest.fixture
def client_of(scripted: Scripted, closing: Callable[[Client], Client]) -> Callable[..., Client]:
    return lambda **options: closing(scripted.client(verify=TLS, **options))


# -- what is repeated


def test_a_get_is_repeated_until_the_service_is_well(scripted: Scripted) -> None:
    scripted.answers = [reply(b"", 503, Retry_After="0"), reply(b"", 502, Retry_After="0"), reply({"id": "1"})]
    assert tf.run(scripted.client().get_pool("1")) == {"id": "1"}
    assert len(scripted.requests) == 3


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_get_is_repeated_after(scripted: Scripted, client_of: Callable[..., Client], status: int) -> None:
    scripted.answers = [refusal(status, Retry_After="0"), reply("<html>", status, Retry_After="0"), reply({"id": "1"})]
    assert tf.run(client_of().get_pool("1")) == {"id": "1"}
    assert scripted.requests == ["GET /api/v1/pools/1"] * 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 415, 422, 501])
def test_a_get_is_not_repeated_after(scripted: Scripted, client_of: Callable[..., Client], status: int) -> None:
    scripted.answers = [refusal(status, Retry_After="0"), reply({"id": "1"})]
    with pytest.raises(tf.ApiError) as caught:
        tf.run(client_of().get_pool("1"))
    assert caught.value.status == status
    assert len(scripted.requests) == 1


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_a_get_is_repeated_over_a_connection_that_broke_with(
    scripted: Scripted, client_of: Callable[..., Client], answer: bytes
) -> None:
    scripted.answers = [answer, reply({"id": "1"})]
    assert tf.run(client_of(retries=2).get_pool("1")) == {"id": "1"}
    assert len(scripted.requests) == 2


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_a_get_without_answer_at_last_is_a_failed_connection(
    scripted: Scripted, client_of: Callable[..., Client], answer: bytes
) -> None:
    scripted.answers = [answer]
    with pytest.raises(tf.ConnectionFailed, match=r"GET .*/api/v1/pools/1: no answer.*\n.*Check the network"):
        tf.run(client_of(retries=2).get_pool("1"))
    assert len(scripted.requests) == 2


def test_an_answer_that_takes_too_long_is_a_failed_connection(closing: Callable[[Client], Client]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = closing(Client(TOKEN, verify=TLS, url=f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.05, retries=1))
        with pytest.raises(tf.ConnectionFailed, match="ReadTimeout"):
            tf.run(client.get_pool("1"))
        with pytest.raises(tf.OutcomeUnknown, match="ReadTimeout"):
            tf.run(client.create_project(PROJECT))


@pytest.mark.parametrize("attempts", [1, 2, 4])
def test_a_request_goes_out_as_often_as_was_said_and_no_oftener(
    scripted: Scripted, client_of: Callable[..., Client], attempts: int
) -> None:
    for retries in (attempts, tf.Retries(attempts=attempts)):
        scripted.requests.clear()
        scripted.answers = [refusal(503, Retry_After="0")]
        with pytest.raises(tf.ApiError) as caught:
            tf.run(client_of(retries=retries).get_pool("1"))
        assert (caught.value.status, caught.value.retryable) == (503, True)
        assert len(scripted.requests) == attempts


def test_five_tries_are_the_default(scripted: Scripted, client_of: Callable[..., Client]) -> None:
    scripted.answers = [refusal(500, Retry_After="0")]
    with pytest.raises(tf.ApiError):
        tf.run(client_of().get_pool("1"))
    assert len(scripted.requests) == 5


KEYED: dict[str, Call] = {"tasks with a key": lambda client: client.create_tasks_async([TASK], KEY)}
UNKEYED: dict[str, Call] = {
    "a project": lambda client: client.create_project(PROJECT),
    "a pool": lambda client: client.create_pool({"project_id": "1"}),
    "an app project": lambda client: client.create_app_project({"app_id": "1"}),
    "an app batch": lambda client: client.create_app_batch("1", {"items": []}),
    "a start": lambda client: client.start_app_batch("1", "2"),
    "an opening": lambda client: client.open_pool("1"),
    "a closing": lambda client: client.close_pool("1"),
    "tasks without a key": lambda client: client.create_tasks_async([TASK]),
    "tasks made at once": lambda client: client.create_tasks_async([TASK], KEY, async_mode=False),
}


@pytest.mark.parametrize("call", UNKEYED.values(), ids=UNKEYED)
@pytest.mark.parametrize("answer", [NOTHING, HALF_A_BODY], ids=["no answer", "half a body"])
def test_what_has_no_key_is_never_sent_twice_when_the_answer_is_lost(
    scripted: Scripted, client_of: Callable[..., Client], call: Call, answer: bytes
) -> None:
    scripted.answers = [answer, reply({"id": "1"})]
    with pytest.raises(tf.OutcomeUnknown, match=r"may have taken effect or not.*\n.*was not repeated") as caught:
        tf.run(call(client_of()))
    assert isinstance(caught.value.__cause__, httpx.TransportError)
    assert len(scripted.requests) == 1


@pytest.mark.parametrize("call", UNKEYED.values(), ids=UNKEYED)
@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_what_has_no_key_is_never_sent_twice_to_a_service_in_trouble(
    scripted: Scripted, client_of: Callable[..., Client], call: Call, status: int
) -> None:
    scripted.answers = [refusal(status, Retry_After="0"), reply({"id": "1"})]
    with pytest.raises(tf.OutcomeUnknown, match=str(status)) as caught:
        tf.run(call(client_of()))
    assert isinstance(caught.value.__cause__, tf.ApiError)
    assert caught.value.__cause__.status == status
    assert len(scripted.requests) == 1


@pytest.mark.parametrize("call", UNKEYED.values(), ids=UNKEYED)
def test_what_was_not_let_in_is_sent_again(scripted: Scripted, client_of: Callable[..., Client], call: Call) -> None:
    scripted.answers = [refusal(429, Retry_After="0"), reply({"id": "1"}, 201)]
    tf.run(call(client_of()))
    assert len(scripted.requests) == 2
    assert scripted.requests[0] == scripted.requests[1]
    assert scripted.bodies[0] == scripted.bodies[1]


@pytest.mark.parametrize("call", KEYED.values(), ids=KEYED)
@pytest.mark.parametrize(
    "answer",
    [NOTHING, HALF_A_BODY, *(refusal(status, Retry_After="0") for status in (408, 429, 500, 502, 503, 504))],
    ids=["no answer", "half a body", "408", "429", "500", "502", "503", "504"],
)
def test_what_has_a_key_is_sent_again_with_the_same_key(
    scripted: Scripted, client_of: Callable[..., Client], call: Call, answer: bytes
) -> None:
    scripted.answers = [answer, reply({"id": KEY, "status": "RUNNING"}, 202)]
    assert tf.run(call(client_of(retries=2)))["id"] == KEY
    assert scripted.requests == [f"POST /api/v1/tasks?async_mode=true&operation_id={KEY}"] * 2
    assert scripted.bodies[0] == scripted.bodies[1]


@pytest.mark.parametrize("call", [*UNKEYED.values(), *KEYED.values()], ids=[*UNKEYED, *KEYED])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413])
def test_what_is_refused_is_not_sent_again(
    scripted: Scripted, client_of: Callable[..., Client], call: Call, status: int
) -> None:
    scripted.answers = [refusal(status, Retry_After="0"), reply({"id": "1"})]
    with pytest.raises(tf.ApiError) as caught:
        tf.run(call(client_of()))
    assert (caught.value.status, caught.value.retryable) == (status, False)
    assert len(scripted.requests) == 1


@pytest.fixture
def closed_door() -> Iterator[socket.socket]:
    """A port of our own that refuses connections until it listens."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        yield door


def test_what_has_no_key_is_sent_again_when_no_connection_was_made(
    closed_door: socket.socket, closing: Callable[[Client], Client]
) -> None:
    arrived: list[bytes] = []

    def answer() -> None:
        connection, _ = closed_door.accept()
        with connection:
            arrived.append(connection.recv(65_536))
            connection.sendall(reply({"id": "1"}, 201, Connection="close"))

    server = threading.Thread(target=answer, daemon=True)

    def open_the_door(_: str) -> None:
        if not server.is_alive():
            closed_door.listen()
            server.start()

    client = closing(Client(TOKEN, verify=TLS, url=f"http://127.0.0.1:{closed_door.getsockname()[1]}"))
    post = client.service.post("/v1/projects", {}, b"{}", repeatable=False, retried=open_the_door)
    assert tf.run(post) == {"id": "1"}
    server.join()
    assert arrived[0].startswith(b"POST /api/v1/projects ")


@pytest.mark.parametrize("call", [*UNKEYED.values(), *KEYED.values()], ids=[*UNKEYED, *KEYED])
def test_where_nobody_listens_the_outcome_is_known(
    closed_door: socket.socket, closing: Callable[[Client], Client], call: Call
) -> None:
    client = closing(Client(TOKEN, verify=TLS, url=f"http://127.0.0.1:{closed_door.getsockname()[1]}", retries=1))
    with pytest.raises(tf.ConnectionFailed, match="ConnectError") as caught:
        tf.run(call(client))
    assert isinstance(caught.value.__cause__, httpx.ConnectError)


# -- how long is waited


@pytest.mark.parametrize("when", ["0", LONG_AGO], ids=["seconds", "a date"])
def test_the_service_says_when_to_come_back(scripted: Scripted, client_of: Callable[..., Client], when: str) -> None:
    scripted.answers = [*[refusal(503, Retry_After=when)] * 6, reply({"id": "1"})]
    started = time.monotonic()
    tf.run(client_of(retries=7).get_pool("1"))
    assert time.monotonic() - started < 1  # six waits of our own choice would be up to half a minute


def test_a_wait_is_as_long_as_the_service_says(scripted: Scripted, client_of: Callable[..., Client]) -> None:
    scripted.answers = [refusal(503, Retry_After="1"), reply({"id": "1"})]
    started = time.monotonic()
    tf.run(client_of().get_pool("1"))
    assert time.monotonic() - started >= 1  # a first wait of our own choice is at most half a second


def test_without_a_word_of_the_service_the_first_wait_is_short(scripted: Scripted, client_of: Callable[..., Client]) -> None:
    scripted.answers = [refusal(503), reply({"id": "1"})]
    words: list[str] = []
    answer = tf.run(client_of().service.send("GET", "/v1/pools/1", repeatable=True, retried=words.append))
    assert answer.json() == {"id": "1"}
    assert words == ["the service, 0 s"]


WAITS = {
    "seconds": ("7", 7.0),
    "blanks": (" 7 ", 7.0),
    "a date that is over": (LONG_AGO, 0.0),
    "another time zone": ("Wed, 21 Oct 2015 07:28:00 +0300", 0.0),
    "no number": ("soon", None),
    "a negative number": ("-7", None),
    "half a second": ("0.5", None),
}


@pytest.mark.parametrize(("said", "seconds"), WAITS.values(), ids=WAITS)
def test_both_forms_of_retry_after_are_read(
    scripted: Scripted, client_of: Callable[..., Client], said: str, seconds: float | None
) -> None:
    scripted.answers = [refusal(503, Retry_After=said)]
    with pytest.raises(tf.ApiError) as caught:
        tf.run(client_of(retries=1).get_pool("1"))
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=3))])
def test_a_date_to_come_is_so_many_seconds_away(scripted: Scripted, client_of: Callable[..., Client], zone: timezone) -> None:
    then = datetime.now(zone) + timedelta(seconds=100)
    scripted.answers = [refusal(503, Retry_After=format_datetime(then))]
    with pytest.raises(tf.ApiError) as caught:
        tf.run(client_of(retries=1).get_pool("1"))
    assert caught.value.retry_after is not None
    assert 90 < caught.value.retry_after <= 100


@pytest.mark.parametrize(("interval", "seconds"), [("HOUR", 3_600), ("DAY", 86_400)])
def test_a_long_quota_is_an_error_at_once_that_says_when_to_come_back(
    scripted: Scripted, client_of: Callable[..., Client], interval: str, seconds: float
) -> None:
    scripted.answers = [over_quota(interval), reply({"id": "1"})]
    with pytest.raises(tf.QuotaExceeded) as caught:
        tf.run(client_of().get_pool("1"))
    error = caught.value
    assert error.interval == interval
    assert error.retry_at is not None
    assert error.retry_at.tzinfo is UTC
    assert abs(error.retry_at - datetime.now(UTC) - timedelta(seconds=seconds)) < timedelta(seconds=10)
    assert f"{error.retry_at:%Y-%m-%d %H:%M:%S} UTC" in error.hint
    assert "wait_for" in error.hint
    assert len(scripted.requests) == 1


def test_what_the_service_says_goes_before_the_length_of_the_quota(
    scripted: Scripted, client_of: Callable[..., Client]
) -> None:
    scripted.answers = [over_quota("DAY", Retry_After="100")]
    with pytest.raises(tf.QuotaExceeded) as caught:
        tf.run(client_of().get_pool("1"))
    assert caught.value.retry_at is not None
    assert abs(caught.value.retry_at - datetime.now(UTC) - timedelta(seconds=100)) < timedelta(seconds=10)


QUOTAS: dict[str, tuple[bytes, tuple[str, ...], bool]] = {
    "requests a second": (refusal(429, Retry_After="0"), (), True),
    "an unknown interval": (over_quota("WEEK", Retry_After="0"), (), True),
    "a minute that is waited for": (over_quota("MIN", Retry_After="0"), ("MIN",), True),
    "a minute that is not": (over_quota("MIN", Retry_After="0"), (), False),
    "an hour that is waited for": (over_quota("HOUR", Retry_After="0"), ("MIN", "HOUR"), True),
    "an hour that is not": (over_quota("HOUR", Retry_After="0"), ("MIN",), False),
    "a day that is waited for": (over_quota("DAY", Retry_After="0"), ("DAY",), True),
    "a day that is not": (over_quota("DAY", Retry_After="0"), ("MIN", "HOUR"), False),
}


@pytest.mark.parametrize(("answer", "wait_for", "waits"), QUOTAS.values(), ids=QUOTAS)
def test_the_end_of_a_quota_is_waited_for_as_the_client_was_told(
    scripted: Scripted, client_of: Callable[..., Client], answer: bytes, wait_for: Any, waits: bool
) -> None:
    client = client_of(retries=tf.Retries(wait_for=wait_for))
    calls: list[Call] = [lambda c: c.get_pool("1"), lambda c: c.create_project(PROJECT)]
    for call in calls:
        scripted.answers = [answer, reply({"id": "1"})]
        scripted.requests.clear()
        if waits:
            assert tf.run(call(client)) == {"id": "1"}
        else:
            with pytest.raises(tf.QuotaExceeded):
                tf.run(call(client))
        assert len(scripted.requests) == 1 + waits


def test_a_minute_is_waited_for_by_default(scripted: Scripted, client_of: Callable[..., Client]) -> None:
    scripted.answers = [over_quota("MIN", Retry_After="0"), reply({"id": "1"})]
    assert tf.run(client_of().get_pool("1")) == {"id": "1"}


# -- what a request says

SCHEMES = {
    "an API key": (f"{'a' * 22}.b.c", "ApiKey"),
    "a dot at 23": (f"{'a' * 23}.b.c", "ApiKey"),
    "a dot at 24": (f"{'a' * 24}..", "ApiKey"),
    "a dot too early": (f"{'a' * 21}.b.c", "OAuth"),
    "a dot too late": (f"{'a' * 25}.b.c", "OAuth"),
    "one dot": (f"{'a' * 22}.b", "OAuth"),
    "three dots": (f"{'a' * 22}.b.c.d", "OAuth"),
    "no dot": ("AQAD-q_abc", "OAuth"),
}


@pytest.mark.parametrize(("token", "scheme"), SCHEMES.values(), ids=SCHEMES)
def test_the_dots_of_a_token_tell_its_scheme(
    scripted: Scripted, closing: Callable[[Client], Client], token: str, scheme: str
) -> None:
    heads = Heads(scripted, reply({"id": "1"}))
    tf.run(closing(Client(f" {token}\n", verify=TLS, url=scripted.url)).get_requester())
    assert heads.header("Authorization") == f"{scheme} {token}"


def test_a_request_says_who_asks_and_for_whom(scripted: Scripted, client_of: Callable[..., Client]) -> None:
    heads = Heads(scripted, reply({"id": "1"}))
    tf.run(client_of().get_requester())
    assert heads.header("User-Agent") == f"toloka_frames/{tf.__version__}"
    assert heads.header("X-Act-Under-Account-ID") is None
    tf.run(client_of(act_under_account_id="ac1").get_requester())
    assert heads.header("X-Act-Under-Account-ID") == "ac1"


def test_a_body_is_json_and_says_so(scripted: Scripted, client_of: Callable[..., Client]) -> None:
    heads = Heads(scripted, reply({"id": "1"}))
    tf.run(client_of().create_project({"public_name": "Zw\u00f6lf \U0001f408"}))
    assert heads.header("Content-Type") == "application/json"
    assert scripted.bodies == ['{"public_name":"Zw\u00f6lf \U0001f408"}'.encode()]
    tf.run(client_of().open_pool("1"))
    assert heads.header("Content-Type") is None
    assert scripted.bodies[-1] == b""


def test_a_redirect_is_not_followed_with_the_token(scripted: Scripted, client_of: Callable[..., Client]) -> None:
    scripted.answers = [reply(b"", 307, Location="/elsewhere"), reply({"id": "1"})]
    with pytest.raises(tf.BadAnswer):
        tf.run(client_of().get_pool("1"))
    assert len(scripted.requests) == 1


PATHS: dict[str, tuple[Call, str]] = {
    "a slash and a query": (lambda c: c.get_pool("a/b?x=1"), "GET /api/v1/pools/a%2Fb%3Fx%3D1"),
    "a fragment and a percent": (lambda c: c.get_task("a#b%2F"), "GET /api/v1/tasks/a%23b%252F"),
    "a blank and a letter beyond ASCII": (lambda c: c.get_assignment("a \u00f6"), "GET /api/v1/assignments/a%20%C3%B6"),
    "two ids": (lambda c: c.get_app_item("p/1", "i/2"), "GET /api/app/v0/app-projects/p%2F1/items/i%2F2"),
    "an id to act on": (lambda c: c.open_pool("1/close?"), "POST /api/v1/pools/1%2Fclose%3F/open"),
    "an operation": (lambda c: c.get_operation("a/b"), "GET /api/v1/operations/a%2Fb"),
    "a log": (lambda c: c.get_operation_log("a/b"), "GET /api/v1/operations/a%2Fb/log"),
    "a list's id": (lambda c: c.find_app_batches("a/b?x=1"), "GET /api/app/v0/app-projects/a%2Fb%3Fx%3D1/batches"),
    "an API's own ids": (lambda c: c.get_task("000008c9--5f0e~1:2.3"), "GET /api/v1/tasks/000008c9--5f0e~1%3A2.3"),
}


@pytest.mark.parametrize(("call", "line"), PATHS.values(), ids=PATHS)
def test_an_id_stays_one_part_of_the_path(scripted: Scripted, client_of: Callable[..., Client], call: Call, line: str) -> None:
    scripted.answers = [reply([] if line.endswith("/log") else {"content": [], "has_more": False})]
    tf.run(call(client_of()))
    assert scripted.requests == [line]


QUERIES: dict[str, tuple[Call, dict[str, str]]] = {
    "nothing": (lambda c: c.find_pools(), {}),
    "flags": (
        lambda c: c.create_tasks_async([TASK], allow_defaults=True, open_pool=False, skip_invalid_items=None),
        {"async_mode": "true", "allow_defaults": "true", "open_pool": "false"},
    ),
    "a key": (
        lambda c: c.create_tasks_async([TASK], KEY, async_mode=False),
        {"async_mode": "false", "operation_id": KEY},
    ),
    "an instant of another zone": (
        lambda c: c.find_pools(created_gte=datetime(2026, 1, 1, 2, 30, tzinfo=timezone(timedelta(hours=3)))),
        {"created_gte": "2025-12-31T23:30:00"},
    ),
    "instants as text": (
        lambda c: c.find_pools(created_gte="2026-01-01", last_started_lt="2026-01-01T00:00:00.25Z"),
        {"created_gte": "2026-01-01T00:00:00", "last_started_lt": "2026-01-01T00:00:00.250000"},
    ),
    "a list": (
        lambda c: c.find_assignments(pool_id="1", status=["ACCEPTED", "REJECTED"]),
        {"pool_id": "1", "status": "ACCEPTED,REJECTED"},
    ),
    "a page": (lambda c: c.find_pools(sort=["-created", "id"], limit=10), {"sort": "-created,id", "limit": "10"}),
    "signs": (lambda c: c.find_projects(owner="a&b=c+d e\u00f6%#"), {"owner": "a&b=c+d e\u00f6%#"}),
}


@pytest.mark.parametrize(("call", "query"), QUERIES.values(), ids=QUERIES)
def test_a_query_says(scripted: Scripted, client_of: Callable[..., Client], call: Call, query: dict[str, str]) -> None:
    scripted.answers = [reply({"items": [], "has_more": False})]
    tf.run(call(client_of()))
    assert dict(httpx.URL(scripted.url + scripted.requests[0].split(" ")[1]).params) == query


# -- the environment's variables


def settings(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name in ("TOKEN", "ENVIRONMENT", "URL"):
        monkeypatch.delenv(f"TOLOKA_{name}", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(f"TOLOKA_{name}", value)


HERE = "http://127.0.0.1:8080"
PLACES: dict[str, tuple[dict[str, str], dict[str, Any], str]] = {
    "the sandbox": ({}, {"environment": "SANDBOX"}, "https://sandbox.toloka.dev"),
    "production": ({}, {"environment": "PRODUCTION"}, "https://toloka.dev"),
    "a url with a slash": ({}, {"url": f"{HERE}/"}, HERE),
    "the variable's environment": ({"ENVIRONMENT": "SANDBOX"}, {}, "https://sandbox.toloka.dev"),
    "the variable's url": ({"URL": HERE}, {}, HERE),
    "an environment before the variable's": ({"ENVIRONMENT": "SANDBOX"}, {"environment": "PRODUCTION"}, "https://toloka.dev"),
    "an environment before the variable's url": ({"URL": HERE}, {"environment": "SANDBOX"}, "https://sandbox.toloka.dev"),
    "a url before the variable's environment": ({"ENVIRONMENT": "PRODUCTION"}, {"url": HERE}, HERE),
}


@pytest.mark.parametrize(("variables", "given", "url"), PLACES.values(), ids=PLACES)
def test_a_client_goes_to(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], given: dict[str, Any], url: str) -> None:
    settings(monkeypatch, variables)
    client = Client(TOKEN, **given)
    assert client.service.url == url
    assert repr(client) == f"<AsyncTolokaClient of {url}>"


def test_all_can_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, scripted: Scripted) -> None:
    settings(monkeypatch, {"TOKEN": "from-outside", "URL": scripted.url})
    heads = Heads(scripted, reply({"id": "1"}))
    client = Client()
    tf.run(client.get_requester())
    assert heads.header("Authorization") == "OAuth from-outside"
    tf.run(client.aclose())


def test_a_token_that_is_given_goes_before_the_environments(monkeypatch: pytest.MonkeyPatch, scripted: Scripted) -> None:
    settings(monkeypatch, {"TOKEN": "from-outside", "URL": scripted.url})
    heads = Heads(scripted, reply({"id": "1"}))
    client = Client("given")
    tf.run(client.get_requester())
    assert heads.header("Authorization") == "OAuth given"
    tf.run(client.aclose())


@pytest.mark.parametrize(
    "variables",
    [{}, {"TOKEN": "a"}, {"ENVIRONMENT": "SANDBOX"}, {"TOKEN": "a", "URL": HERE, "ENVIRONMENT": "SANDBOX"}, {"TOKEN": ""}],
)
def test_variables_that_do_not_fit_together_are_refused(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    settings(monkeypatch, variables)
    with pytest.raises(tf.ConfigurationError, match="TOLOKA_"):
        Client()


def test_an_empty_token_is_not_filled_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    settings(monkeypatch, {"TOKEN": "from-outside", "URL": HERE})
    with pytest.raises(tf.ConfigurationError, match="no token"):
        Client("")


# -- where the token is not


def strings(thing: object, seen: set[int]) -> Iterator[str]:
    """All text that hangs on an object by its attributes and containers, as displays of objects find it."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, str | bytes):
        yield thing if isinstance(thing, str) else thing.decode("latin-1")
    elif isinstance(thing, dict):
        for pair in thing.items():
            yield from strings(pair, seen)
    elif isinstance(thing, list | tuple | set | frozenset):
        for each in thing:
            yield from strings(each, seen)
    elif hasattr(thing, "__dict__") and not isinstance(thing, type):
        yield from strings(vars(thing), seen)


def test_no_display_of_a_client_shows_the_token(scripted: Scripted, closing: Callable[[Client], Client]) -> None:
    scripted.answers = [reply({"id": "1"})]
    client = closing(Client(TOKEN, verify=TLS, url=scripted.url))
    tf.run(client.get_requester())
    shown = [repr(client), str(client), repr(client.service), repr(client.get_pools()), repr(client.service._client.auth)]
    shown += strings(client, set())
    assert scripted.url in shown
    assert not [text for text in shown if TOKEN in text]


def test_a_client_does_not_go_into_a_pickle(closing: Callable[[Client], Client]) -> None:
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)) as caught:
        pickle.dumps(closing(Client(TOKEN, verify=TLS, url=HERE)))
    assert TOKEN not in str(caught.value)


FAILURES: dict[str, tuple[bytes, Call]] = {
    "401": (refusal(401), lambda c: c.get_requester()),
    "HTML": (reply("<html>", 502), lambda c: c.get_requester()),
    "truncated JSON": (reply('{"id'), lambda c: c.get_requester()),
    "no answer": (NOTHING, lambda c: c.get_requester()),
    "half a body": (HALF_A_BODY, lambda c: c.get_requester()),
    "another protocol": (NO_HTTP, lambda c: c.get_requester()),
    "a lost answer": (NOTHING, lambda c: c.create_project(PROJECT)),
    "trouble": (refusal(500), lambda c: c.create_project(PROJECT)),
    "a quota": (over_quota("DAY"), lambda c: c.find_pools()),
    "an odd page": (reply("[]"), lambda c: tf.aio.to_arrow(c.get_pools(), progress=False)),
    "a wrong value": (NOTHING, lambda c: c.find_pools(limit=0)),
}


@pytest.mark.parametrize(("answer", "call"), FAILURES.values(), ids=FAILURES)
def test_no_traceback_shows_the_token_even_with_all_variables(
    scripted: Scripted, closing: Callable[[Client], Client], answer: bytes, call: Call
) -> None:
    scripted.answers = [answer]
    client = closing(Client(TOKEN, verify=TLS, url=scripted.url, retries=1))
    with pytest.raises(tf.TolokaError) as caught:
        tf.run(call(client))
    text = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "AsyncTolokaClient of" in text
    assert TOKEN not in text
    assert TOKEN not in repr(vars(caught.value)) + repr(caught.value)


def test_no_traceback_of_a_refused_connection_shows_the_token(
    closed_door: socket.socket, closing: Callable[[Client], Client]
) -> None:
    client = closing(Client(TOKEN, verify=TLS, url=f"http://127.0.0.1:{closed_door.getsockname()[1]}", retries=1))
    with pytest.raises(tf.ConnectionFailed) as caught:
        tf.run(client.get_requester())
    text = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "ConnectError" in text
    assert TOKEN not in text


def test_no_log_record_of_any_logger_shows_the_token(
    scripted: Scripted, closing: Callable[[Client], Client], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    scripted.answers = [NOTHING, refusal(503, Retry_After="0"), reply({"id": "1"}), refusal(401)]
    client = closing(Client(TOKEN, verify=TLS, url=scripted.url))
    tf.run(client.get_requester())
    with pytest.raises(tf.AuthenticationFailed):
        tf.run(client.create_project(PROJECT))
    assert {record.name.split(".")[0] for record in caplog.records} >= {"httpx", "httpcore"}
    assert not [record for record in caplog.records if TOKEN in record.getMessage() or TOKEN in repr(vars(record))]
