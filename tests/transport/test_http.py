"""Requests over HTTP: which are repeated, what they contain, and how responses and failures are reported."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx
import pytest
from support.scripted_server import Scripted, reply

import toloka_frames as tf
from toloka_frames._runtime.tracker import track_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

Client: TypeAlias = tf.AsyncTolokaClient
Call: TypeAlias = "Callable[[Client], Coroutine[Any, Any, Any]]"

TOKEN = "t0kenthatnobodymaysee1.second.third"  # noqa: S105 -- not a real token
KEY = "7a1c1f6e-5f53-4f0c-9d5c-6c3d6a4a8f10"
PROJECT = {"public_name": "Animals"}
TASK = tf.Task(pool_id="1", input_values={"image": "https://example.com/1.jpg"})
TLS = ssl.create_default_context()  # shared: creating a context reads all certificates, and these tests use none
LONG_AGO = "Wed, 21 Oct 2015 07:28:00 GMT"

SOON = httpx.Timeout(30, read=0.05)  # a busy machine may take longer to connect and to write

NO_RESPONSE = b""
HALF_A_HEAD = b"HTTP/1.1 200 OK\r\nContent-Le"
HALF_A_BODY = b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"id": "1"'
NOT_HTTP = b"220 mail.example.com ESMTP\r\n\r\n"
BROKEN = {"no response": NO_RESPONSE, "half a head": HALF_A_HEAD, "half a body": HALF_A_BODY, "another protocol": NOT_HTTP}


def rejection(status: int, **headers: str) -> bytes:
    return reply({"code": "CODE", "message": "m"}, status, **headers)


def over_quota(interval: str, **headers: str) -> bytes:
    return reply({"code": "TOO_MANY_REQUESTS", "message": "m", "payload": {"interval": interval}}, 429, **headers)


class Heads:
    """A server that records the head of each request and always sends the same response."""

    def __init__(self, scripted: Scripted, response: bytes) -> None:
        self.heads: list[str] = []
        self._response = response
        scripted.answers = [self._respond]

    def _respond(self, head: str) -> bytes:
        self.heads.append(head)
        return self._response

    def header(self, name: str) -> str | None:
        fields = [line.partition(": ") for line in self.heads[-1].splitlines()]
        return next((value for field, _, value in fields if field.lower() == name.lower()), None)


@pytest.fixture
def closing() -> Iterator[Callable[[Client], Client]]:
    """Return a function that registers a client, so that it is closed after the test."""
    clients: list[Client] = []

    def register(client: Client) -> Client:
        clients.append(client)
        return client

    yield register
    for client in clients:
        tf.run(client.aclose())


@pytest.fixture
def client_of(scripted: Scripted, closing: Callable[[Client], Client]) -> Callable[..., Client]:
    return lambda **options: closing(scripted.async_client(verify=TLS, **options))


# -- which requests are repeated


@pytest.mark.parametrize("response", BROKEN.values(), ids=BROKEN)
def test_a_get_is_repeated_after_a_broken_response(
    scripted: Scripted, client_of: Callable[..., Client], response: bytes
) -> None:
    scripted.answers = [response, reply({"id": "1"})]
    assert tf.run(client_of(retries=2).get_pool("1")) == {"id": "1"}
    assert len(scripted.requests) == 2


@pytest.mark.parametrize("response", BROKEN.values(), ids=BROKEN)
def test_a_get_without_a_response_after_all_retries_raises_connection_failed(
    scripted: Scripted, client_of: Callable[..., Client], response: bytes
) -> None:
    scripted.answers = [response]
    with pytest.raises(tf.ConnectionFailed, match=r"GET .*/api/v1/pools/1: no response.*\n.*Check the network"):
        tf.run(client_of(retries=2).get_pool("1"))
    assert len(scripted.requests) == 2


def test_a_response_that_takes_too_long_is_a_timeout(closing: Callable[[Client], Client]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = closing(Client(TOKEN, verify=TLS, url=f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=SOON, retries=1))
        with pytest.raises(tf.ConnectionFailed, match="ReadTimeout"):
            tf.run(client.get_pool("1"))
        with pytest.raises(tf.OutcomeUnknown, match="ReadTimeout"):
            tf.run(client.create_project(PROJECT))


KEYED: dict[str, Call] = {"tasks with a key": lambda client: client.create_tasks_async([TASK], KEY)}
UNKEYED: dict[str, Call] = {
    "a project": lambda client: client.create_project(PROJECT),
    "a pool": lambda client: client.create_pool({"project_id": "1"}),
    "an app project": lambda client: client.create_app_project({"app_id": "1"}),
    "an app batch": lambda client: client.create_app_batch("1", {"items": []}),
    "starting an app batch": lambda client: client.start_app_batch("1", "2"),
    "opening a pool": lambda client: client.open_pool_async("1"),
    "closing a pool": lambda client: client.close_pool_async("1"),
    "tasks in synchronous mode": lambda client: client.create_tasks_async([TASK], KEY, async_mode=False),
}


@pytest.mark.parametrize("call", UNKEYED.values(), ids=UNKEYED)
@pytest.mark.parametrize("response", [NO_RESPONSE, HALF_A_BODY], ids=["no response", "half a body"])
def test_a_request_without_a_key_is_not_repeated_after_a_lost_response(
    scripted: Scripted, client_of: Callable[..., Client], call: Call, response: bytes
) -> None:
    scripted.answers = [response, reply({"id": "1"})]
    with pytest.raises(tf.OutcomeUnknown, match=r"may have taken effect or not.*\n.*was not repeated") as caught:
        tf.run(call(client_of()))
    assert isinstance(caught.value.__cause__, httpx.TransportError)
    assert len(scripted.requests) == 1


@pytest.mark.parametrize("call", UNKEYED.values(), ids=UNKEYED)
@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_request_without_a_key_is_not_repeated_after_a_server_error(
    scripted: Scripted, client_of: Callable[..., Client], call: Call, status: int
) -> None:
    scripted.answers = [rejection(status, Retry_After="0"), reply({"id": "1"})]
    with pytest.raises(tf.OutcomeUnknown, match=str(status)) as caught:
        tf.run(call(client_of()))
    assert isinstance(caught.value.__cause__, tf.ApiError)
    assert caught.value.__cause__.status == status
    assert len(scripted.requests) == 1


def test_a_request_without_a_key_is_repeated_after_429(scripted: Scripted, client_of: Callable[..., Client]) -> None:
    scripted.answers = [rejection(429, Retry_After="0"), reply({"id": "1"}, 201)]
    tf.run(client_of().create_project(PROJECT))
    assert len(scripted.requests) == 2
    assert scripted.requests[0] == scripted.requests[1]
    assert scripted.bodies[0] == scripted.bodies[1]


@pytest.mark.parametrize("call", KEYED.values(), ids=KEYED)
@pytest.mark.parametrize(
    "response",
    [NO_RESPONSE, HALF_A_BODY, rejection(429, Retry_After="0"), rejection(500), rejection(503)],
    ids=["no response", "half a body", "429", "500", "503"],
)
def test_a_request_with_a_key_is_repeated_with_the_same_key(
    scripted: Scripted, client_of: Callable[..., Client], call: Call, response: bytes
) -> None:
    scripted.answers = [response, reply({"id": KEY, "status": "RUNNING"}, 202)]
    assert tf.run(call(client_of(retries=2)))["id"] == KEY
    assert scripted.requests == [f"POST /api/v1/tasks?async_mode=true&operation_id={KEY}"] * 2
    assert scripted.bodies[0] == scripted.bodies[1]


@pytest.mark.parametrize("call", [*UNKEYED.values(), *KEYED.values()], ids=[*UNKEYED, *KEYED])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413])
def test_a_rejected_request_is_not_repeated(
    scripted: Scripted, client_of: Callable[..., Client], call: Call, status: int
) -> None:
    scripted.answers = [rejection(status, Retry_After="0"), reply({"id": "1"})]
    with pytest.raises(tf.ApiError) as caught:
        tf.run(call(client_of()))
    assert (caught.value.status, caught.value.retryable) == (status, False)
    assert len(scripted.requests) == 1


@pytest.fixture
def refusing_socket() -> Iterator[socket.socket]:
    """A bound socket that refuses connections until it listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound


def test_a_request_without_a_key_is_repeated_if_no_connection_was_made(
    refusing_socket: socket.socket, closing: Callable[[Client], Client]
) -> None:
    received: list[bytes] = []

    def serve_once() -> None:
        connection, _ = refusing_socket.accept()
        with connection:
            received.append(connection.recv(65_536))
            connection.sendall(reply({"id": "1"}, 201, Connection="close"))

    server = threading.Thread(target=serve_once, daemon=True)

    def listen_after_first_retry(progress: tf.Progress) -> None:
        if progress.retries and not server.ident:
            refusing_socket.listen()
            server.start()

    async def post() -> dict[str, Any]:
        with track_progress(listen_after_first_retry, "projects"):
            return await client.service.post("/v1/projects", {}, b"{}", repeatable=False)

    client = closing(Client(TOKEN, verify=TLS, url=f"http://127.0.0.1:{refusing_socket.getsockname()[1]}", retries=10))
    assert tf.run(post()) == {"id": "1"}
    server.join()
    assert received[0].startswith(b"POST /api/v1/projects ")


@pytest.mark.parametrize("call", [*UNKEYED.values(), *KEYED.values()], ids=[*UNKEYED, *KEYED])
def test_a_refused_connection_has_a_known_outcome(
    refusing_socket: socket.socket, closing: Callable[[Client], Client], call: Call
) -> None:
    client = closing(Client(TOKEN, verify=TLS, url=f"http://127.0.0.1:{refusing_socket.getsockname()[1]}", retries=1))
    with pytest.raises(tf.ConnectionFailed, match="ConnectError") as caught:
        tf.run(call(client))
    assert isinstance(caught.value.__cause__, httpx.ConnectError)
    assert not caught.value.may_have_taken_effect


def create_project(client: Client) -> Coroutine[Any, Any, Any]:
    return client.create_project(PROJECT)


def poll_operation(client: Client) -> Coroutine[Any, Any, Any]:
    return client.wait_operation(KEY, progress=False)


ATTEMPTS: dict[str, tuple[list[bytes], bool]] = {
    "a rejection": ([rejection(400)], False),
    "a quota": ([over_quota("DAY")], False),
    "a lost response": ([NO_RESPONSE], True),
    "half a response": ([HALF_A_BODY], True),
    "a server error": ([rejection(500)], True),
    "an error page of a gateway": ([reply("<html>", 502)], True),
    "a request timeout": ([rejection(408)], True),
    "HTML instead of JSON": ([reply("<html>")], True),
    "a response without data": ([reply({})], True),
    "a rejection after a lost response": ([NO_RESPONSE, rejection(403)], True),
    "a rejection after a rejection": ([rejection(429, Retry_After="0"), rejection(403)], False),
    "a quota after a lost response": ([NO_RESPONSE, over_quota("DAY")], True),
}


@pytest.mark.parametrize(("responses", "may_have"), ATTEMPTS.values(), ids=ATTEMPTS)
def test_an_error_shows_whether_any_attempt_may_have_taken_effect(
    scripted: Scripted, client_of: Callable[..., Client], responses: list[bytes], may_have: bool
) -> None:
    for call, changes in ((KEYED["tasks with a key"], True), (poll_operation, False)):
        scripted.answers = [*responses]
        with pytest.raises(tf.TolokaError) as caught:
            tf.run(call(client_of(retries=len(responses))))
        assert caught.value.may_have_taken_effect is (may_have and changes)


@pytest.mark.parametrize(
    ("response", "may_have"), [(NO_RESPONSE, True), (rejection(500), True), (reply("<html>"), True), (rejection(400), False)]
)
def test_an_error_of_a_request_without_a_key_shows_whether_it_may_have_taken_effect(
    scripted: Scripted, client_of: Callable[..., Client], response: bytes, may_have: bool
) -> None:
    scripted.answers = [response]
    with pytest.raises(tf.TolokaError) as caught:
        tf.run(client_of().create_project(PROJECT))
    assert caught.value.may_have_taken_effect is may_have


@pytest.mark.parametrize("call", [create_project, KEYED["tasks with a key"]], ids=["create_project", "tasks with a key"])
@pytest.mark.parametrize(
    "status", [300, 301, 304, 307, 400, 401, 403, 404, 405, 408, 409, 410, 413, 418, 429, 451, 500, 502, 599]
)
def test_only_a_rejection_in_the_service_s_own_form_proves_that_nothing_was_made(
    scripted: Scripted, client_of: Callable[..., Client], status: int, call: Call
) -> None:
    bodies: list[Any] = [b"", b"<html>", b"[]", b"null", {"code": 5}, {"code": None}, {"user_id": {"code": "ENTITY_CONFLICT"}}]
    for body in [*bodies, {"code": "SOME_CODE", "message": "no"}]:
        # after a 429 without this header, the account's next request would wait for a second
        scripted.answers = [reply(b"" if status == 304 else body, status, Retry_After="0")]
        with pytest.raises(tf.TolokaError) as caught:
            tf.run(call(client_of(retries=1)))
        is_proof = body not in bodies and status not in (304, 408) and 400 <= status < 500
        assert caught.value.may_have_taken_effect is not is_proof
    # a request that must not be repeated was sent once, whatever limit a proxy reports; one with a key is followed by a GET
    assert len([request for request in scripted.requests if request.startswith("POST ")]) == len(bodies) + 1


def test_a_429_of_a_proxy_is_not_repeated_without_a_key(scripted: Scripted, client_of: Callable[..., Client]) -> None:
    scripted.answers = [reply("<html>", 429, Retry_After="0"), reply({"id": "1"}, 201)]
    with pytest.raises(tf.OutcomeUnknown):
        tf.run(client_of(retries=5).create_project(PROJECT))
    scripted.answers = [rejection(429, Retry_After="0"), reply({"id": "1"}, 201)]
    assert tf.run(client_of(retries=5).create_project(PROJECT)) == {"id": "1"}


@pytest.mark.parametrize("responses", [[reply("<html>", 404)], [NO_RESPONSE, reply("<html>", 404)]])
def test_a_404_of_a_proxy_does_not_show_that_an_object_was_deleted(
    scripted: Scripted, client_of: Callable[..., Client], responses: list[bytes]
) -> None:
    scripted.answers = responses
    with pytest.raises(tf.NotFound) as caught:
        tf.run(client_of(retries=2).delete_user_skill("1"))
    assert caught.value.may_have_taken_effect


# -- how long to wait


WAITS = {
    "seconds": ("7", 7.0),
    "spaces": (" 7 ", 7.0),
    "a date in the past": (LONG_AGO, 0.0),
    "another time zone": ("Wed, 21 Oct 2015 07:28:00 +0300", 0.0),
    "not a number": ("soon", None),
    "a negative number": ("-7", None),
    "half a second": ("0.5", None),
}


@pytest.mark.parametrize(("retry_after", "seconds"), WAITS.values(), ids=WAITS)
def test_retry_after_is_read_in_seconds_and_as_a_date(
    scripted: Scripted, client_of: Callable[..., Client], retry_after: str, seconds: float | None
) -> None:
    scripted.answers = [rejection(503, Retry_After=retry_after)]
    with pytest.raises(tf.ApiError) as caught:
        tf.run(client_of(retries=1).get_pool("1"))
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=3))])
def test_a_date_in_the_future_becomes_seconds(scripted: Scripted, client_of: Callable[..., Client], zone: timezone) -> None:
    then = datetime.now(zone) + timedelta(seconds=100)
    scripted.answers = [rejection(503, Retry_After=format_datetime(then))]
    with pytest.raises(tf.ApiError) as caught:
        tf.run(client_of(retries=1).get_pool("1"))
    assert caught.value.retry_after is not None
    assert 90 < caught.value.retry_after <= 100


@pytest.mark.parametrize(("interval", "seconds"), [("HOUR", 3_600), ("DAY", 86_400)])
def test_a_long_quota_raises_at_once_and_shows_when_it_ends(
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


def test_retry_after_takes_precedence_over_the_length_of_the_quota(
    scripted: Scripted, client_of: Callable[..., Client]
) -> None:
    scripted.answers = [over_quota("DAY", Retry_After="100")]
    with pytest.raises(tf.QuotaExceeded) as caught:
        tf.run(client_of().get_pool("1"))
    assert caught.value.retry_at is not None
    assert abs(caught.value.retry_at - datetime.now(UTC) - timedelta(seconds=100)) < timedelta(seconds=10)


# -- the account and the clock of the service


def account_eight_times_twice(client: Client) -> set[str | None]:
    async def gather_accounts() -> list[str | None]:
        return await asyncio.gather(*(client.service.account() for _ in range(8)))

    return {*tf.run(gather_accounts()), *tf.run(gather_accounts())}


def test_the_account_is_requested_once(scripted: Scripted, client_of: Callable[..., Client]) -> None:
    scripted.answers = [reply({"id": "me", "balance": 1.5})]
    assert account_eight_times_twice(client_of()) == {"me"}
    assert scripted.requests == ["GET /api/v1/requester"]


def test_a_shared_account_is_its_own_id_without_a_request(scripted: Scripted, client_of: Callable[..., Client]) -> None:
    assert account_eight_times_twice(client_of(act_under_account_id="another")) == {"another"}
    assert scripted.requests == []


@pytest.mark.parametrize("status", [403, 404])
def test_the_account_is_unknown_only_while_the_service_refuses_to_tell_it(
    scripted: Scripted, client_of: Callable[..., Client], status: int
) -> None:
    scripted.answers = [rejection(status), reply({"id": "me"})]
    client = client_of()
    assert [tf.run(client.service.account()) for _ in range(3)] == [None, "me", "me"]


NO_REQUESTER = {
    "without an id": reply({"balance": 1.5}),
    "without a value": reply({"id": None}),
    "an empty id": reply({"id": ""}),
    "a list": reply([]),
    "a proxy's 403": reply("<html>", 403),
    "a proxy's 404": reply("", 404),
    "an outage": rejection(500),
}


@pytest.mark.parametrize("response", NO_REQUESTER.values(), ids=NO_REQUESTER)
def test_a_response_that_is_not_the_services_own_is_an_error_not_an_account(
    scripted: Scripted, client_of: Callable[..., Client], response: bytes
) -> None:
    scripted.answers = [response]
    with pytest.raises(tf.ApiError):
        tf.run(client_of(retries=1).service.account())


def test_the_account_is_requested_again_after_an_error(scripted: Scripted, client_of: Callable[..., Client]) -> None:
    scripted.answers = [rejection(500), reply({"id": "me"})]
    client = client_of(retries=1)
    with pytest.raises(tf.ApiError):
        tf.run(client.service.account())
    assert tf.run(client.service.account()) == "me"


def test_cancelling_one_caller_does_not_cancel_the_request_for_the_account(
    scripted: Scripted, client_of: Callable[..., Client]
) -> None:
    scripted.answers = [reply({"id": "me"})]
    client = client_of()

    async def cancel_the_first() -> str | None:
        first, second = (asyncio.create_task(client.service.account()) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert tf.run(cancel_the_first()) == "me"


@pytest.mark.parametrize("seconds", [-100, 0, 100])
@pytest.mark.parametrize("status", [200, 404])
def test_now_is_the_time_of_the_service(
    scripted: Scripted, client_of: Callable[..., Client], seconds: int, status: int
) -> None:
    service_time = datetime.now(UTC) + timedelta(seconds=seconds)
    scripted.answers = [reply({"id": "1"}, status, Date=format_datetime(service_time, usegmt=True)), reply({"id": "1"})]
    client = client_of()
    before = datetime.now(UTC)
    assert before <= client.service.now() <= datetime.now(UTC)
    with suppress(tf.NotFound):
        tf.run(client.get_pool("1"))
    elapsed = datetime.now(UTC) - before
    assert service_time.replace(microsecond=0) <= client.service.now() <= service_time + elapsed + timedelta(seconds=1)
    tf.run(client.get_pool("1"))  # a response without a Date header changes nothing
    assert abs(client.service.now() - service_time) < timedelta(seconds=30)
    assert client.service.now().tzinfo is UTC


# -- what a request contains

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
def test_the_dots_of_a_token_determine_its_scheme(
    scripted: Scripted, closing: Callable[[Client], Client], token: str, scheme: str
) -> None:
    heads = Heads(scripted, reply({"id": "1"}))
    tf.run(closing(Client(f" {token}\n", verify=TLS, url=scripted.url)).get_requester())
    assert heads.header("Authorization") == f"{scheme} {token}"


def test_a_request_names_the_package_and_the_account_to_act_under(scripted: Scripted, client_of: Callable[..., Client]) -> None:
    heads = Heads(scripted, reply({"id": "1"}))
    tf.run(client_of().get_requester())
    assert heads.header("User-Agent") == f"toloka_frames/{tf.__version__}"
    assert heads.header("X-Act-Under-Account-ID") is None
    tf.run(client_of(act_under_account_id="ac1").get_requester())
    assert heads.header("X-Act-Under-Account-ID") == "ac1"


def test_a_body_is_sent_as_json_with_its_content_type(scripted: Scripted, client_of: Callable[..., Client]) -> None:
    heads = Heads(scripted, reply({"id": "1", "status": "RUNNING"}))
    tf.run(client_of().create_project({"public_name": "Zw\u00f6lf \U0001f408"}))
    assert heads.header("Content-Type") == "application/json"
    assert scripted.bodies == ['{"public_name":"Zw\u00f6lf \U0001f408"}'.encode()]
    tf.run(client_of().open_pool_async("1"))
    assert heads.header("Content-Type") is None
    assert scripted.bodies[-1] == b""


def test_a_redirect_is_not_followed(scripted: Scripted, client_of: Callable[..., Client]) -> None:
    scripted.answers = [reply(b"", 307, Location="/elsewhere"), reply({"id": "1"})]
    with pytest.raises(tf.BadAnswer):
        tf.run(client_of().get_pool("1"))
    assert len(scripted.requests) == 1


PATHS: dict[str, tuple[Call, str]] = {
    "a slash and a query": (lambda c: c.get_pool("a/b?x=1"), "GET /api/v1/pools/a%2Fb%3Fx%3D1"),
    "a fragment and a percent": (lambda c: c.get_task("a#b%2F"), "GET /api/v1/tasks/a%23b%252F"),
    "a space and a non-ASCII letter": (lambda c: c.get_assignment("a \u00f6"), "GET /api/v1/assignments/a%20%C3%B6"),
    "two ids": (lambda c: c.get_app_item("p/1", "i/2"), "GET /api/app/v0/app-projects/p%2F1/items/i%2F2"),
    "an id before an action": (lambda c: c.open_pool_async("1/close?"), "POST /api/v1/pools/1%2Fclose%3F/open"),
    "an operation": (lambda c: c.get_operation("a/b"), "GET /api/v1/operations/a%2Fb"),
    "an operation log": (lambda c: c.get_operation_log("a/b"), "GET /api/v1/operations/a%2Fb/log"),
    "an id in the path of a list": (
        lambda c: c.find_app_batches("a/b?x=1"),
        "GET /api/app/v0/app-projects/a%2Fb%3Fx%3D1/batches",
    ),
    "an id as the API writes it": (lambda c: c.get_task("000008c9--5f0e~1:2.3"), "GET /api/v1/tasks/000008c9--5f0e~1%3A2.3"),
}


@pytest.mark.parametrize(("call", "request_line"), PATHS.values(), ids=PATHS)
def test_an_id_is_quoted_as_one_segment_of_the_path(
    scripted: Scripted, client_of: Callable[..., Client], call: Call, request_line: str
) -> None:
    operation = {"id": "1", "status": "RUNNING"}
    scripted.answers = [reply([] if request_line.endswith("/log") else {"content": [], "has_more": False} | operation)]
    tf.run(call(client_of()))
    assert scripted.requests == [request_line]


QUERIES: dict[str, tuple[Call, dict[str, str]]] = {
    "no parameters": (lambda c: c.find_pools(), {}),
    "flags": (
        lambda c: c.create_tasks_async([TASK], KEY, allow_defaults=True, open_pool=False, skip_invalid_items=None),
        {"async_mode": "true", "allow_defaults": "true", "open_pool": "false", "operation_id": KEY},
    ),
    "a key": (
        lambda c: c.create_tasks_async([TASK], KEY, async_mode=False),
        {"async_mode": "false", "operation_id": KEY},
    ),
    "a timestamp in another time zone": (
        lambda c: c.find_pools(created_gte=datetime(2026, 1, 1, 2, 30, tzinfo=timezone(timedelta(hours=3)))),
        {"created_gte": "2025-12-31T23:30:00"},
    ),
    "timestamps as text": (
        lambda c: c.find_pools(created_gte="2026-01-01", last_started_lt="2026-01-01T00:00:00.25Z"),
        {"created_gte": "2026-01-01T00:00:00", "last_started_lt": "2026-01-01T00:00:00.250000"},
    ),
    "a list": (
        lambda c: c.find_assignments(pool_id="1", status=["ACCEPTED", "REJECTED"]),
        {"pool_id": "1", "status": "ACCEPTED,REJECTED"},
    ),
    "sort and limit": (lambda c: c.find_pools(sort=["-created", "id"], limit=10), {"sort": "-created,id", "limit": "10"}),
    "special characters": (lambda c: c.find_projects(owner="a&b=c+d e\u00f6%#"), {"owner": "a&b=c+d e\u00f6%#"}),
}


@pytest.mark.parametrize(("call", "query"), QUERIES.values(), ids=QUERIES)
def test_arguments_become_the_query(
    scripted: Scripted, client_of: Callable[..., Client], call: Call, query: dict[str, str]
) -> None:
    scripted.answers = [reply({"items": [], "has_more": False, "id": KEY, "status": "RUNNING"})]
    tf.run(call(client_of()))
    assert dict(httpx.URL(scripted.url + scripted.requests[0].split(" ")[1]).params) == query


# -- environment variables


def set_variables(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name in ("TOKEN", "ENVIRONMENT", "URL"):
        monkeypatch.delenv(f"TOLOKA_{name}", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(f"TOLOKA_{name}", value)


HERE = "http://127.0.0.1:8080"
TARGETS: dict[str, tuple[dict[str, str], dict[str, Any], str]] = {
    "production by default": ({}, {}, "https://toloka.dev"),
    "the sandbox": ({}, {"environment": "SANDBOX"}, "https://sandbox.toloka.dev"),
    "production": ({}, {"environment": "PRODUCTION"}, "https://toloka.dev"),
    "a url with a trailing slash": ({}, {"url": f"{HERE}/"}, HERE),
    "the environment from its variable": ({"ENVIRONMENT": "SANDBOX"}, {}, "https://sandbox.toloka.dev"),
    "the url from its variable": ({"URL": HERE}, {}, HERE),
    "an argument overrides the environment variable": (
        {"ENVIRONMENT": "SANDBOX"},
        {"environment": "PRODUCTION"},
        "https://toloka.dev",
    ),
    "environment= overrides the variable of the url": ({"URL": HERE}, {"environment": "SANDBOX"}, "https://sandbox.toloka.dev"),
    "url= overrides the variable of the environment": ({"ENVIRONMENT": "PRODUCTION"}, {"url": HERE}, HERE),
}


@pytest.mark.parametrize(("variables", "options", "url"), TARGETS.values(), ids=TARGETS)
def test_a_client_uses_the_url_of_its_arguments_or_variables(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], options: dict[str, Any], url: str
) -> None:
    set_variables(monkeypatch, variables)
    client = Client(TOKEN, **options)
    assert client.service.url == url
    name = {"https://toloka.dev": "PRODUCTION, ", "https://sandbox.toloka.dev": "SANDBOX, "}.get(url, "")
    assert repr(client) == f"<AsyncTolokaClient of {name}{url}>"


def test_token_and_url_can_come_from_environment_variables(monkeypatch: pytest.MonkeyPatch, scripted: Scripted) -> None:
    set_variables(monkeypatch, {"TOKEN": "from-the-variable", "URL": scripted.url})
    heads = Heads(scripted, reply({"id": "1"}))
    client = Client()
    tf.run(client.get_requester())
    assert heads.header("Authorization") == "OAuth from-the-variable"
    tf.run(client.aclose())


def test_a_token_argument_overrides_the_environment_variable(monkeypatch: pytest.MonkeyPatch, scripted: Scripted) -> None:
    set_variables(monkeypatch, {"TOKEN": "from-the-variable", "URL": scripted.url})
    heads = Heads(scripted, reply({"id": "1"}))
    client = Client("given")
    tf.run(client.get_requester())
    assert heads.header("Authorization") == "OAuth given"
    tf.run(client.aclose())


@pytest.mark.parametrize(
    "variables",
    [{}, {"ENVIRONMENT": "SANDBOX"}, {"TOKEN": "a", "URL": HERE, "ENVIRONMENT": "SANDBOX"}, {"TOKEN": ""}],
)
def test_missing_or_conflicting_variables_raise(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    set_variables(monkeypatch, variables)
    with pytest.raises(tf.ConfigurationError, match="TOLOKA_"):
        Client()


def test_an_empty_token_is_not_replaced_by_the_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, {"TOKEN": "from-the-variable", "URL": HERE})
    with pytest.raises(tf.ConfigurationError, match="no token"):
        Client("")
