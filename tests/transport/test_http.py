"""A request goes out once or again, and what comes back is an answer or an error that says what to do."""

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
from toloka_frames._runtime.progress import track_progress

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
    with pytest.raises(tf.ConnectionFailed, match=r"GET .*/api/v1/pools/1: no response.*\n.*Check the network"):
        tf.run(client_of(retries=2).get_pool("1"))
    assert len(scripted.requests) == 2


def test_an_answer_that_takes_too_long_is_a_failed_connection(closing: Callable[[Client], Client]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = closing(Client(TOKEN, verify=TLS, url=f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.05, retries=1))
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


def test_what_was_not_let_in_is_sent_again(scripted: Scripted, client_of: Callable[..., Client]) -> None:
    scripted.answers = [refusal(429, Retry_After="0"), reply({"id": "1"}, 201)]
    tf.run(client_of().create_project(PROJECT))
    assert len(scripted.requests) == 2
    assert scripted.requests[0] == scripted.requests[1]
    assert scripted.bodies[0] == scripted.bodies[1]


@pytest.mark.parametrize("call", KEYED.values(), ids=KEYED)
@pytest.mark.parametrize(
    "answer",
    [NOTHING, HALF_A_BODY, refusal(429, Retry_After="0"), refusal(503)],
    ids=["no answer", "half a body", "429", "503"],
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

    def open_the_door(progress: tf.Progress) -> None:
        if progress.retries and not server.ident:
            closed_door.listen()
            server.start()

    async def post() -> dict[str, Any]:
        with track_progress(open_the_door, "projects"):
            return await client.service.post("/v1/projects", {}, b"{}", repeatable=False)

    client = closing(Client(TOKEN, verify=TLS, url=f"http://127.0.0.1:{closed_door.getsockname()[1]}", retries=10))
    assert tf.run(post()) == {"id": "1"}
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
    assert not caught.value.may_have_taken_effect


def a_look(client: Client) -> Coroutine[Any, Any, Any]:
    return client.wait_operation(KEY, progress=False)


TRIES: dict[str, tuple[list[bytes], bool]] = {
    "a refusal": ([refusal(400)], False),
    "a quota": ([over_quota("DAY")], False),
    "a lost answer": ([NOTHING], True),
    "half an answer": ([HALF_A_BODY], True),
    "trouble": ([refusal(500)], True),
    "a gateway's trouble": ([reply("<html>", 502)], True),
    "a gateway that had no patience": ([refusal(408)], True),
    "HTML in place of an answer": ([reply("<html>")], True),
    "an answer that tells nothing": ([reply({})], True),
    "a refusal after a lost answer": ([NOTHING, refusal(403)], True),
    "a refusal after a refusal": ([refusal(429, Retry_After="0"), refusal(403)], False),
    "a quota after a lost answer": ([NOTHING, over_quota("DAY")], True),
}


@pytest.mark.parametrize(("answers", "may"), TRIES.values(), ids=TRIES)
def test_an_error_tells_whether_one_of_its_tries_may_have_taken_effect(
    scripted: Scripted, client_of: Callable[..., Client], answers: list[bytes], may: bool
) -> None:
    for call, changes in ((KEYED["tasks with a key"], True), (a_look, False)):
        scripted.answers = [*answers]
        with pytest.raises(tf.TolokaError) as caught:
            tf.run(call(client_of(retries=len(answers))))
        assert caught.value.may_have_taken_effect is (may and changes)


@pytest.mark.parametrize(
    ("answer", "may"), [(NOTHING, True), (refusal(500), True), (reply("<html>"), True), (refusal(400), False)]
)
def test_an_error_of_what_has_no_key_tells_it_too(
    scripted: Scripted, client_of: Callable[..., Client], answer: bytes, may: bool
) -> None:
    scripted.answers = [answer]
    with pytest.raises(tf.TolokaError) as caught:
        tf.run(client_of().create_project(PROJECT))
    assert caught.value.may_have_taken_effect is may


# -- how long is waited


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


# -- whose the requests are, and what time it is there


def ask_eight_times(client: Client) -> set[str]:
    async def ask() -> list[str]:
        return await asyncio.gather(*(client.service.account() for _ in range(8)))

    return {*tf.run(ask()), *tf.run(ask())}


def test_an_account_is_asked_for_once(scripted: Scripted, client_of: Callable[..., Client]) -> None:
    scripted.answers = [reply({"id": "me", "balance": 1.5})]
    assert ask_eight_times(client_of()) == {"me"}
    assert scripted.requests == ["GET /api/v1/requester"]


@pytest.mark.parametrize("answer", [refusal(404), refusal(403), reply({"balance": 1.5}), reply({"id": None})])
def test_where_an_account_is_not_told_its_address_stands_for_it(
    scripted: Scripted, client_of: Callable[..., Client], answer: bytes
) -> None:
    scripted.answers = [answer]
    assert ask_eight_times(client_of()) == {scripted.url}
    assert ask_eight_times(client_of(act_under_account_id="another")) == {"another"}
    assert len(scripted.requests) == 2


def test_an_account_that_was_not_found_out_is_asked_for_again(scripted: Scripted, client_of: Callable[..., Client]) -> None:
    scripted.answers = [refusal(500), reply({"id": "me"})]
    client = client_of(retries=1)
    with pytest.raises(tf.ApiError):
        tf.run(client.service.account())
    assert tf.run(client.service.account()) == "me"


def test_an_account_outlives_a_cancelled_question(scripted: Scripted, client_of: Callable[..., Client]) -> None:
    scripted.answers = [reply({"id": "me"})]
    client = client_of()

    async def ask() -> str:
        first, second = (asyncio.create_task(client.service.account()) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert tf.run(ask()) == "me"


@pytest.mark.parametrize("seconds", [-100, 0, 100])
@pytest.mark.parametrize("status", [200, 404])
def test_the_clock_is_the_services(scripted: Scripted, client_of: Callable[..., Client], seconds: int, status: int) -> None:
    theirs = datetime.now(UTC) + timedelta(seconds=seconds)
    scripted.answers = [reply({"id": "1"}, status, Date=format_datetime(theirs, usegmt=True)), reply({"id": "1"})]
    client = client_of()
    asked = datetime.now(UTC)
    assert asked <= client.service.now() <= datetime.now(UTC)
    with suppress(tf.NotFound):
        tf.run(client.get_pool("1"))
    passed = datetime.now(UTC) - asked
    assert theirs.replace(microsecond=0) <= client.service.now() <= theirs + passed + timedelta(seconds=1)
    tf.run(client.get_pool("1"))  # an answer without a date changes nothing
    assert abs(client.service.now() - theirs) < timedelta(seconds=30)
    assert client.service.now().tzinfo is UTC


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
