"""Connections: each process opens its own, and no pickle, display, error or log record contains the token."""

from __future__ import annotations

import asyncio
import copy
import logging
import multiprocessing
import os
import pickle
import ssl
import subprocess
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx
import pytest
from support.forked_scripts import run_script
from support.scripted_server import Scripted, reply

import toloka_frames as tf
from toloka_frames._transport.connections import normal_url
from toloka_frames._transport.http import LargeReads

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    import pandas as pd

    from toloka_frames.local import LocalToloka

Client: TypeAlias = tf.AsyncTolokaClient
Call: TypeAlias = "Callable[[Client], Coroutine[Any, Any, Any]]"

TOKEN = "t0kenthatnobodymaysee1.second.third"  # noqa: S105 -- not a real token
HERE = "http://127.0.0.1:9"
TLS = ssl.create_default_context()  # shared: creating a context reads all certificates, and these tests use none
PACKAGE = str(Path(tf.__file__).parent)


@pytest.fixture
def client_of(scripted: Scripted) -> Iterator[Callable[..., Client]]:
    """Return a function that makes clients of the scripted server; they are closed after the test."""
    clients: list[Client] = []

    def make(**options: Any) -> Client:
        clients.append(Client(**{"token": TOKEN, "url": scripted.url, "verify": TLS} | options))
        return clients[-1]

    yield make
    for client in clients:
        tf.run(client.aclose())


def echo(head: str) -> bytes:
    """Return a pool with the requested id."""
    return reply({"id": head.split(" ")[1].rpartition("/")[2]})


# -- reads


def test_a_body_is_read_in_chunks_of_more_than_64_kib(client_of: Callable[..., Client], scripted: Scripted) -> None:
    """httpx has no argument for it, so another version of httpx could make the reads small again."""
    scripted.answers = [echo]
    response = tf.run(client_of().service.send("GET", "/v1/pools/1", repeatable=True))
    assert isinstance(response.extensions["network_stream"], LargeReads)


# -- after a fork


FORKING = """
import asyncio, os, sys
import toloka_frames as tf

client = tf.AsyncTolokaClient("token-that-nobody-may-see", url=sys.argv[1])

async def get_pools(names):
    return [pool["id"] for pool in await asyncio.gather(*map(client.get_pool, names))]

def check(process):
    names = [f"{process}-{number}" for number in range(50)]
    assert tf.run(get_pools(names)) == names

check("before")
child = os.fork()
check("parent" if child else "child")
if child:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    check("after")
print("done")
"""

FORKING_DURING_REQUESTS = """
import asyncio, gc, os, sys, threading
import toloka_frames as tf

client = tf.AsyncTolokaClient("token-that-nobody-may-see", url=sys.argv[1])
stopped = threading.Event()

def send_requests():
    while not stopped.is_set():
        assert tf.run(client.get_pool("1"))["id"] == "1"

sender = threading.Thread(target=send_requests)
sender.start()
for number in range(10):
    if not (child := os.fork()):
        assert tf.run(client.get_pool(f"child-{number}"))["id"] == f"child-{number}"
        del client
        gc.collect()
        tf.run(asyncio.sleep(0.02))  # enough time to close the parent's connections by mistake
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
stopped.set()
sender.join()
print("done")
"""

FORKING_WHILE_A_LOCK_IS_HELD = """
import os, threading, time
import toloka_frames as tf

lock, held = threading.Lock(), threading.Event()

async def hold():
    with lock:
        held.set()
        time.sleep(0.2)

holder = threading.Thread(target=lambda: tf.run(hold()))
holder.start()
held.wait()
if not (child := os.fork()):
    os._exit(not lock.acquire(timeout=60))
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
holder.join()
print("done")
"""

FORKING_WITH_A_TRANSPORT = """
import os, sys
import httpx
import toloka_frames as tf

client = tf.AsyncTolokaClient("token-that-nobody-may-see", url=sys.argv[1], transport=httpx.AsyncHTTPTransport())
tf.run(client.get_pool("1"))
if not (child := os.fork()):
    try:
        tf.run(client.get_pool("2"))
    except tf.ConfigurationError as error:
        os._exit("each process" not in str(error))
    os._exit(1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
tf.run(client.get_pool("3"))
print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize(
    ("script", "printed"),
    {
        FORKING: ["done"] * 2,
        FORKING_DURING_REQUESTS: ["done"],
        FORKING_WHILE_A_LOCK_IS_HELD: ["done"],
        FORKING_WITH_A_TRANSPORT: ["done"],
    }.items(),
    ids=["idle", "during requests", "while a lock is held", "with a transport"],
)
def test_a_forked_process_opens_its_own_connections(scripted: Scripted, script: str, printed: list[str]) -> None:
    scripted.answers = [echo]
    process = run_script(script, scripted.url)
    assert (process.stdout.split(), process.returncode) == (printed, 0), process.stderr


# -- with httpx2

WITHOUT_HTTPX = """
import sys

sys.modules["httpx"] = None  # importing it raises ModuleNotFoundError
import toloka_frames as tf

client = tf.TolokaClient("token-that-nobody-may-see", url=sys.argv[1])
client.get_pool("1")
print(sys.modules["httpx2"].__name__)
"""


def test_httpx2_is_taken_where_httpx_is_not_installed(scripted: Scripted) -> None:
    pytest.importorskip("httpx2")
    scripted.answers = [reply({"id": "1"})]
    command = [sys.executable, "-c", WITHOUT_HTTPX, scripted.url]
    process = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (process.stdout.split(), process.returncode) == (["httpx2"], 0), process.stderr
    assert len(scripted.requests) == 1


# -- in a pickle


def requester_id(client: Client) -> str:
    return str(tf.run(client.get_requester())["id"])


def test_a_client_is_sent_to_a_spawned_process_without_its_token(
    toloka: LocalToloka, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = requester_id(client)
    monkeypatch.setenv("TOLOKA_TOKEN", toloka.token)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(requester_id, (client,)) == expected


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_does_not_contain_the_token(client_of: Callable[..., Client], scripted: Scripted, protocol: int) -> None:
    scripted.answers = [reply({"id": "1"})]
    client = client_of(verify=True, act_under_account_id="another")
    tf.run(client.get_pool("1"))
    pickled = pickle.dumps([client, client.service], protocol)
    for encoding in ("utf-8", "utf-16-le"):
        assert TOKEN.encode(encoding) not in pickled
    assert b"another" in pickled


def test_an_unpickled_client_keeps_its_options_and_takes_the_token_from_the_environment(
    scripted: Scripted, client_of: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    retries = tf.Retries(2, wait_for=("MIN", "DAY"))
    client = client_of(act_under_account_id="another", timeout=7.5, retries=retries, verify=False, proxy=scripted.url)
    monkeypatch.setenv("TOLOKA_TOKEN", "of-this-process")
    monkeypatch.setenv("TOLOKA_URL", "http://elsewhere")
    heads: list[str] = []

    def record(head: str) -> bytes:
        heads.append(head)
        return reply({"id": "1"})

    scripted.answers = [record]
    copied = pickle.loads(pickle.dumps(client))  # noqa: S301 -- pickled by this test
    assert requester_id(copied) == "1"
    assert heads[0].startswith(f"GET {scripted.url}/api/v1/requester ")  # an absolute URL, as sent to a proxy
    assert {"Authorization: OAuth of-this-process", "X-Act-Under-Account-ID: another"} <= set(heads[0].splitlines())
    assert (repr(copied), copied.service.web_url) == (repr(client), client.service.web_url)
    assert copied.service.rate_limiter.retries == retries
    assert copied.service._connections.client().timeout == httpx.Timeout(7.5)
    tf.run(copied.aclose())


def test_an_unpickled_client_raises_without_a_token_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    pickled = pickle.dumps(Client(TOKEN, url=HERE))
    monkeypatch.delenv("TOLOKA_TOKEN", raising=False)
    copied = pickle.loads(pickled)  # noqa: S301 -- pickled by this test
    with pytest.raises(tf.ConfigurationError, match=r"leaves its token behind.*\n.*TOLOKA_TOKEN.*token=callable"):
        tf.run(copied.get_requester())  # only now: a scheduler that passes the client on does not need a token


# -- a token from a callable


class AuthorizationLog:
    """A server that records the Authorization header of each request."""

    def __init__(self, scripted: Scripted) -> None:
        self.headers: list[str] = []
        scripted.answers = [self._respond]

    def _respond(self, head: str) -> bytes:
        self.headers.append(next(line for line in head.splitlines() if line.startswith("Authorization")))
        return reply({"id": "1"})


def test_a_token_callable_is_called_before_each_request_and_not_earlier(
    scripted: Scripted, client_of: Callable[..., Client]
) -> None:
    log, tokens = AuthorizationLog(scripted), ["unused"]
    client = client_of(token=lambda: tokens[-1])
    for token in ("first", "second\n"):
        tokens.append(token)
        requester_id(client)
    assert log.headers == ["Authorization: OAuth first", "Authorization: OAuth second"]


def test_a_new_token_of_the_same_client_keeps_the_used_quota(scripted: Scripted, client_of: Callable[..., Client]) -> None:
    AuthorizationLog(scripted)
    tokens = iter(f"{scripted.token}-{number}" for number in range(9))
    client = client_of(token=lambda: next(tokens))
    tf.run(client.service.rate_limiter.objects("tasks", 5))
    requester_id(client)
    assert client.quota()["used"][1] == 5


def test_a_callable_and_a_string_with_the_same_token_share_one_account(
    scripted: Scripted, client_of: Callable[..., Client]
) -> None:
    tf.run(client_of(token=scripted.token).service.rate_limiter.objects("tasks", 5))
    assert client_of(token=lambda: scripted.token).quota()["used"][1] == 5


def test_a_token_callable_is_pickled_and_called_in_the_new_process(
    scripted: Scripted, client_of: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = AuthorizationLog(scripted)
    monkeypatch.delenv("TOLOKA_TOKEN", raising=False)
    monkeypatch.setenv("SECRET_OF_THE_TEAM", TOKEN)
    pickled = pickle.dumps(client_of(token=partial(os.getenv, "SECRET_OF_THE_TEAM"), verify=True))
    assert TOKEN.encode() not in pickled
    monkeypatch.setenv("SECRET_OF_THE_TEAM", "of-this-process")
    requester_id(pickle.loads(pickled))  # noqa: S301 -- pickled by this test
    assert log.headers == ["Authorization: OAuth of-this-process"]


def fail_to_read() -> str:
    raise OSError("no secret store")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (fail_to_read, r"failed \(OSError\)"),
        (lambda: "", "returned no token"),
        (lambda: None, "returned no token"),
        (lambda: f"{TOKEN}\n{TOKEN}", "characters that no token has"),
        (TOKEN.encode, "is not text"),
        (iter(()).__next__, r"failed \(StopIteration\)"),
    ],
    ids=["fails", "empty", "none", "two lines", "bytes", "StopIteration"],
)
def test_the_result_of_a_token_callable_is_checked_before_a_request_is_sent(
    scripted: Scripted, client_of: Callable[..., Client], source: Callable[[], Any], message: str
) -> None:
    with pytest.raises(tf.ConfigurationError, match=rf"{message}.*\n.*without arguments") as caught:
        requester_id(client_of(token=source))
    assert_no_token_in(caught.value)
    assert scripted.requests == []


def test_no_error_shows_the_token_of_a_callable(scripted: Scripted, client_of: Callable[..., Client]) -> None:
    scripted.answers = [rejection(401)]
    with pytest.raises(tf.AuthenticationFailed) as caught:
        requester_id(client_of(token=lambda: TOKEN))
    assert_no_token_in(caught.value)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"transport": httpx.MockTransport(lambda _: httpx.Response(200))}, "a transport"),
        ({"verify": TLS}, "an SSLContext"),
        ({"proxy": "http://me:pass@127.0.0.1:9"}, "a password for its proxy"),
        ({"proxy": "http://me:pass@127.0.0.1:9", "verify": TLS}, "an SSLContext and a password for its proxy"),
    ],
)
def test_a_client_with_options_that_cannot_be_pickled_raises(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(TypeError, match=f"with {reason} cannot be pickled: make one in each process"):
        pickle.dumps(Client(TOKEN, url=HERE, **options))


# a stand-in, because the other library need not be installed
@pytest.mark.parametrize("name", ["timeout", "transport", "proxy"])
def test_an_object_of_the_other_library_is_refused_by_name(name: str) -> None:
    other = "httpx" if httpx.__name__ == "httpx2" else "httpx2"
    option = type("Option", (), {"__module__": f"{other}._config"})()
    with pytest.raises(tf.ConfigurationError, match=rf"{name}= is an object of {other}, .*\n.*{httpx.__name__}\.Option"):
        requester_id(Client(TOKEN, url=HERE, **{name: option}))


@pytest.mark.parametrize("copy_of", [copy.copy, copy.deepcopy])
def test_a_copy_shares_the_account_and_the_connections(
    client_of: Callable[..., Client], scripted: Scripted, copy_of: Callable[[Client], Client]
) -> None:
    scripted.answers = [reply({"id": "1"})]
    client = client_of()
    assert copy_of(client).service is client.service
    assert requester_id(copy_of(client)) == "1"


# -- threads


def test_eight_threads_can_share_one_client(
    client: Client, make_pool: Callable[..., str], make_frame: Callable[[int], pd.DataFrame]
) -> None:
    def work(number: int) -> None:
        frame, pool_id = make_frame(200).assign(text=f"thread {number}"), make_pool()
        if number % 2:
            created = frame.pipe(tf.create_tasks, client, pool_id, allow_defaults=True, progress=False)
        else:
            created = asyncio.run(tf.aio.create_tasks(frame, client, pool_id, allow_defaults=True, progress=False))
        assert len(client.quota()) == 5
        tasks = client.get_tasks(pool_id=pool_id, batch_size=50).to_dataframe(progress=False)
        assert created["status"].eq("CREATED").all()
        assert sorted(tasks["id"]) == sorted(created["task_id"])
        assert set(tasks["INPUT:text"]) == {f"thread {number}"}

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))


# -- the token is never shown


def strings(value: object, seen: dict[int, object]) -> Iterator[str]:
    """Iterate over all text that is reachable from an object by its attributes, containers and causes."""
    if id(value) in seen:
        return
    seen[id(value)] = value  # a reference, so that no other object gets the same id
    if isinstance(value, str | bytes):
        yield value if isinstance(value, str) else value.decode("latin-1")
    elif isinstance(value, dict):
        for pair in value.items():
            yield from strings(pair, seen)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from strings(item, seen)
    elif hasattr(value, "__dict__") and not isinstance(value, type):
        yield repr(value)
        yield from strings(vars(value), seen)
    if isinstance(value, BaseException):
        yield from strings([value.args, value.__cause__, value.__context__], seen)


def assert_no_token_in(error: BaseException) -> None:
    """Assert that neither the traceback with all variables (except the test's own) nor the error contains the token."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    shown.stack[:] = [frame for frame in shown.stack if frame.filename != __file__]
    text = "".join(shown.format())
    assert PACKAGE in text
    assert TOKEN not in text
    assert not [text for text in strings(error, {}) if TOKEN in text]


def test_no_display_of_a_client_shows_the_token(scripted: Scripted, client_of: Callable[..., Client]) -> None:
    scripted.answers = [reply({"id": "1"}), reply({"code": "CODE", "message": "m"}, 429, Retry_After="0"), reply({"id": "1"})]
    client = client_of()
    requester_id(client)
    requester_id(client)
    service = client.service
    shown = [str(client), repr(client.get_pools()), repr(service._connections.client().auth), client.quota().to_string()]
    shown += strings([client, client.get_pools(), tf.run(service.rate_limiter.usage())], {})
    assert scripted.url in shown
    assert not [text for text in shown if TOKEN in text]


def rejection(status: int, interval: str | None = None, **headers: str) -> bytes:
    return reply({"code": "CODE", "message": "m", "payload": {"interval": interval}}, status, **headers)


NO_RESPONSE = b""
FAILURES: dict[str, tuple[bytes, Call]] = {
    "401": (rejection(401), lambda c: c.get_requester()),
    "HTML": (reply("<html>", 502), lambda c: c.get_requester()),
    "truncated JSON": (reply('{"id'), lambda c: c.get_requester()),
    "no response": (NO_RESPONSE, lambda c: c.get_requester()),
    "half a body": (reply("{}")[:-1], lambda c: c.get_requester()),
    "another protocol": (b"220 mail.example.com ESMTP\r\n\r\n", lambda c: c.get_requester()),
    "a lost response": (NO_RESPONSE, lambda c: c.create_project({})),
    "a server error": (rejection(500), lambda c: c.create_project({})),
    "a quota": (rejection(429, "DAY"), lambda c: c.find_pools()),
    "an invalid page": (reply("[]"), lambda c: tf.aio.to_arrow(c.get_pools(), progress=False)),
    "an invalid operation": (reply("{}"), lambda c: c.create_tasks_async([], "op")),
    "an invalid argument": (NO_RESPONSE, lambda c: c.find_pools(limit=0)),
    "a response that repeats the header": (reply(f"<html>ApiKey {TOKEN}"), lambda c: c.get_requester()),
    "a rejection that repeats the token": (reply(TOKEN, 400), lambda c: c.get_requester()),
}


@pytest.mark.parametrize(("response", "call"), FAILURES.values(), ids=FAILURES)
def test_no_error_shows_the_token(scripted: Scripted, client_of: Callable[..., Client], response: bytes, call: Call) -> None:
    scripted.answers = [response]
    client = client_of(retries=1)
    with pytest.raises(tf.TolokaError) as caught:
        tf.run(call(client))
    assert_no_token_in(caught.value)


class FailingTransport(httpx.AsyncBaseTransport):
    """A transport that fails with the token in its local variables, as every transport does."""

    def __init__(self, error: type[Exception] | None) -> None:
        self._error = error

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        headers = request.headers.raw
        if not self._error:
            await asyncio.sleep(60)
        try:
            return httpx.Response(int(str(headers)))
        except ValueError as cause:
            raise (self._error or OSError)("broken") from cause


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.WriteError, httpx.ReadTimeout, httpx.LocalProtocolError])
def test_no_error_of_a_transport_shows_the_token(client_of: Callable[..., Client], error: type[Exception]) -> None:
    client = client_of(retries=1, transport=FailingTransport(error))
    for call in (client.get_pool("1"), client.create_project({})):
        with pytest.raises(tf.TolokaError, match="broken") as caught:
            tf.run(call)
        assert_no_token_in(caught.value)


def test_no_timeout_of_a_wait_shows_the_token(client_of: Callable[..., Client]) -> None:
    client = client_of(transport=FailingTransport(None))
    operation = {"id": "op", "status": "RUNNING"}
    with pytest.raises(tf.OperationTimeout) as caught:
        tf.run(client.wait_operation(operation, timeout=0.2, progress=False))
    assert "httpx" not in "".join(traceback.format_exception(caught.value))
    assert_no_token_in(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"environment": "MOON"},
        {"environment": None, "url": "ftp://toloka"},
        {"retries": 0},
        {"proxy": "nowhere"},
        {"act_under_account_id": ""},
        {"act_under_account_id": " somebody"},
        {"token": f"{TOKEN}\n{TOKEN}"},
        {"token": TOKEN.encode()},
    ],
    ids=str,
)
def test_no_error_of_the_constructor_shows_the_token(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("URL", "ENVIRONMENT"):
        monkeypatch.delenv(f"TOLOKA_{name}", raising=False)
    with pytest.raises(tf.ConfigurationError) as caught:
        Client(**{"token": TOKEN, "environment": "SANDBOX"} | options)
    assert_no_token_in(caught.value)


def test_no_log_record_shows_the_token(
    scripted: Scripted, client_of: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "httpcore")
    scripted.answers = [NO_RESPONSE, rejection(503), reply({"id": "1"}), rejection(401)]
    client = client_of()
    requester_id(client)
    with pytest.raises(tf.AuthenticationFailed):
        tf.run(client.create_project({}))
    suffix = httpx.__name__.removeprefix("httpx")
    assert {record.name.split(".")[0] for record in caplog.records} >= {f"httpx{suffix}", f"httpcore{suffix}"}
    assert not [record for record in caplog.records if TOKEN in record.getMessage() or TOKEN in repr(vars(record))]


# -- one host, many spellings

SPELLINGS = {
    "https://toloka.dev": ["HTTPS://Toloka.DEV", "https://toloka.dev:443", "https://toloka.dev/", "https://toloka.dev:443/"],
    "http://127.0.0.1:8080": ["http://127.0.0.1:8080/"],
    "http://[::1]/api": ["HTTP://[::1]:80/api/"],
    "4b1d": ["4b1d"],
    "http://": ["http://"],
    "http://a:b": ["http://a:b"],
}


@pytest.mark.parametrize(("normal", "spellings"), SPELLINGS.items(), ids=SPELLINGS)
def test_every_spelling_of_a_host_is_one_host(normal: str, spellings: list[str]) -> None:
    assert {normal_url(spelling) for spelling in spellings} == {normal}
