"""Each process has connections of its own, whichever way the client came there, and nobody sees the token on the way."""

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
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx
import pytest
from support.scripted_server import Scripted, reply

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    import pandas as pd

    from toloka_frames.local import LocalToloka

Client: TypeAlias = tf.AsyncTolokaClient
Call: TypeAlias = "Callable[[Client], Coroutine[Any, Any, Any]]"

TOKEN = "t0kenthatnobodymaysee1.second.third"  # noqa: S105 -- it opens nothing
HERE = "http://127.0.0.1:9"
TLS = ssl.create_default_context()  # one for all clients: each would read the certificates anew, and here no one needs them
PACKAGE = str(Path(tf.__file__).parent)


@pytest.fixture
def client_of(scripted: Scripted) -> Iterator[Callable[..., Client]]:
    """Makes clients of the scripted server, and closes them."""
    clients: list[Client] = []

    def make(**options: Any) -> Client:
        clients.append(Client(**{"token": TOKEN, "url": scripted.url, "verify": TLS} | options))
        return clients[-1]

    yield make
    for client in clients:
        tf.run(client.aclose())


def echo(head: str) -> bytes:
    """A pool that has the id that was asked for."""
    return reply({"id": head.split(" ")[1].rpartition("/")[2]})


# -- forked


FORKING = """
import asyncio, os, sys
import toloka_frames as tf

client = tf.AsyncTolokaClient("token-that-nobody-may-see", url=sys.argv[1])

async def ask_for(names):
    return [pool["id"] for pool in await asyncio.gather(*map(client.get_pool, names))]

def ask(who):
    names = [f"{who}-{number}" for number in range(50)]
    assert tf.run(ask_for(names)) == names

ask("before")
child = os.fork()
ask("parent" if child else "child")
if child:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    ask("after")
print("done")
"""

FORKING_UNDER_WAY = """
import asyncio, gc, os, sys, threading
import toloka_frames as tf

client = tf.AsyncTolokaClient("token-that-nobody-may-see", url=sys.argv[1])
over = threading.Event()

def hammer():
    while not over.is_set():
        assert tf.run(client.get_pool("1"))["id"] == "1"

hammering = threading.Thread(target=hammer)
hammering.start()
for number in range(10):
    if not (child := os.fork()):
        assert tf.run(client.get_pool(f"child-{number}"))["id"] == f"child-{number}"
        del client
        gc.collect()
        tf.run(asyncio.sleep(0.02))  # time enough to close what is not its own
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
over.set()
hammering.join()
print("done")
"""

FORKING_WHILE_A_LOCK_IS_TAKEN = """
import os, threading, time
import toloka_frames as tf

lock, taken = threading.Lock(), threading.Event()

async def hold():
    with lock:
        taken.set()
        time.sleep(0.2)

holding = threading.Thread(target=lambda: tf.run(hold()))
holding.start()
taken.wait()
if not (child := os.fork()):
    os._exit(not lock.acquire(timeout=5))
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
holding.join()
print("done")
"""

FORKING_A_TRANSPORT = """
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
        FORKING_UNDER_WAY: ["done"],
        FORKING_WHILE_A_LOCK_IS_TAKEN: ["done"],
        FORKING_A_TRANSPORT: ["done"],
    }.items(),
    ids=["at rest", "under way", "while a lock is taken", "with a transport"],
)
def test_a_forked_process_has_connections_of_its_own(scripted: Scripted, script: str, printed: list[str]) -> None:
    scripted.answers = [echo]
    done = subprocess.run([sys.executable, "-c", script, scripted.url], capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout.split(), done.returncode) == (printed, 0), done.stderr


# -- pickled


def requester(client: Client) -> str:
    return str(tf.run(client.get_requester())["id"])


def test_a_client_goes_to_a_spawned_process_without_its_token(
    toloka: LocalToloka, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = requester(client)
    monkeypatch.setenv("TOLOKA_TOKEN", toloka.token)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(requester, client).result() == mine


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_holds_no_token(client_of: Callable[..., Client], scripted: Scripted, protocol: int) -> None:
    scripted.answers = [reply({"id": "1"})]
    client = client_of(verify=True, act_under_account_id="another")
    tf.run(client.get_pool("1"))
    pickled = pickle.dumps([client, client.service], protocol)
    for encoding in ("utf-8", "utf-16-le"):
        assert TOKEN.encode(encoding) not in pickled
    assert b"another" in pickled


def test_a_pickled_client_is_what_it_was_with_the_token_of_where_it_is(
    scripted: Scripted, client_of: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    retries = tf.Retries(2, wait_for=("MIN", "DAY"))
    client = client_of(act_under_account_id="another", timeout=7.5, retries=retries, verify=False, proxy=scripted.url)
    monkeypatch.setenv("TOLOKA_TOKEN", "of-this-place")
    monkeypatch.setenv("TOLOKA_URL", "http://elsewhere")
    heads: list[str] = []

    def keep(head: str) -> bytes:
        heads.append(head)
        return reply({"id": "1"})

    scripted.answers = [keep]
    copied = pickle.loads(pickle.dumps(client))  # noqa: S301 -- it was pickled here
    assert requester(copied) == "1"
    assert heads[0].startswith(f"GET {scripted.url}/api/v1/requester ")  # asked as a proxy is
    assert {"Authorization: OAuth of-this-place", "X-Act-Under-Account-ID: another"} <= set(heads[0].splitlines())
    assert (repr(copied), copied.service.web_url) == (repr(client), client.service.web_url)
    assert copied.service.rate_limiter.retries == retries
    assert copied.service._connections.client().timeout == httpx.Timeout(7.5)
    tf.run(copied.aclose())


def test_a_pickled_client_needs_a_token_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    pickled = pickle.dumps(Client(TOKEN, url=HERE))
    monkeypatch.delenv("TOLOKA_TOKEN", raising=False)
    copied = pickle.loads(pickled)  # noqa: S301 -- it was pickled here
    with pytest.raises(tf.ConfigurationError, match=r"leaves its token behind.*\n.*TOLOKA_TOKEN.*token=callable"):
        tf.run(copied.get_requester())  # not before: a scheduler that only hands it on needs none


# -- from a callable


class Authorised:
    """Keeps what the requests to a scripted server were authorised with."""

    def __init__(self, scripted: Scripted) -> None:
        self.headers: list[str] = []
        scripted.answers = [self._answer]

    def _answer(self, head: str) -> bytes:
        self.headers.append(next(line for line in head.splitlines() if line.startswith("Authorization")))
        return reply({"id": "1"})


def test_a_callable_is_asked_for_the_token_before_each_request_and_not_earlier(
    scripted: Scripted, client_of: Callable[..., Client]
) -> None:
    authorised, tokens = Authorised(scripted), ["made"]
    client = client_of(token=lambda: tokens[-1])
    for token in ("first", "second\n"):
        tokens.append(token)
        requester(client)
    assert authorised.headers == ["Authorization: OAuth first", "Authorization: OAuth second"]


def test_a_token_that_changes_leaves_the_account_what_it_has_used_up(
    scripted: Scripted, client_of: Callable[..., Client]
) -> None:
    Authorised(scripted)
    tokens = iter(f"{scripted.token}-{number}" for number in range(9))
    client = client_of(token=lambda: next(tokens))
    tf.run(client.service.rate_limiter.objects("tasks", 5))
    requester(client)
    assert client.quota()["used"][1] == 5


def test_a_callable_and_a_text_that_are_one_token_are_one_account(scripted: Scripted, client_of: Callable[..., Client]) -> None:
    tf.run(client_of(token=scripted.token).service.rate_limiter.objects("tasks", 5))
    assert client_of(token=lambda: scripted.token).quota()["used"][1] == 5


def test_a_callable_goes_along_in_a_pickle_and_is_asked_where_it_is(
    scripted: Scripted, client_of: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    authorised = Authorised(scripted)
    monkeypatch.delenv("TOLOKA_TOKEN", raising=False)
    monkeypatch.setenv("SECRET_OF_THE_TEAM", TOKEN)
    pickled = pickle.dumps(client_of(token=partial(os.getenv, "SECRET_OF_THE_TEAM"), verify=True))
    assert TOKEN.encode() not in pickled
    monkeypatch.setenv("SECRET_OF_THE_TEAM", "of-this-place")
    requester(pickle.loads(pickled))  # noqa: S301 -- it was pickled here
    assert authorised.headers == ["Authorization: OAuth of-this-place"]


def unreachable() -> str:
    raise OSError("no store of secrets")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (unreachable, r"failed \(OSError\)"),
        (lambda: "", "returned no token"),
        (lambda: None, "returned no token"),
        (lambda: f"{TOKEN}\n{TOKEN}", "characters that no token has"),
        (TOKEN.encode, "is not text"),
        (iter(()).__next__, r"failed \(StopIteration\)"),
    ],
    ids=["fails", "empty", "none", "two lines", "bytes", "nothing more"],
)
def test_what_a_callable_returns_is_checked_before_anything_is_sent(
    scripted: Scripted, client_of: Callable[..., Client], source: Callable[[], Any], says: str
) -> None:
    with pytest.raises(tf.ConfigurationError, match=rf"{says}.*\n.*without arguments") as caught:
        requester(client_of(token=source))
    assert_no_token_in(caught.value)
    assert scripted.requests == []


def test_no_failure_shows_the_token_of_a_callable(scripted: Scripted, client_of: Callable[..., Client]) -> None:
    scripted.answers = [refusal(401)]
    with pytest.raises(tf.AuthenticationFailed) as caught:
        requester(client_of(token=lambda: TOKEN))
    assert_no_token_in(caught.value)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"transport": httpx.MockTransport(lambda _: httpx.Response(200))}, "a transport"),
        ({"verify": TLS}, "an SSLContext"),
        ({"proxy": "http://me:pass@127.0.0.1:9"}, "a password for its proxy"),
        ({"proxy": "http://me:pass@127.0.0.1:9", "verify": TLS}, "an SSLContext and a password for its proxy"),
    ],
)
def test_what_stays_in_its_process_is_not_pickled(options: dict[str, Any], what: str) -> None:
    with pytest.raises(TypeError, match=f"with {what} cannot be pickled: make one in each process"):
        pickle.dumps(Client(TOKEN, url=HERE, **options))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_is_the_same_account_on_the_same_connections(
    client_of: Callable[..., Client], scripted: Scripted, copied: Callable[[Client], Client]
) -> None:
    scripted.answers = [reply({"id": "1"})]
    client = client_of()
    assert copied(client).service is client.service
    assert requester(copied(client)) == "1"


# -- in threads


def test_eight_threads_use_one_client(
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


# -- where the token is not


def strings(thing: object, seen: dict[int, object]) -> Iterator[str]:
    """All text that hangs on an object by its attributes, containers and causes, as displays of objects find it."""
    if id(thing) in seen:
        return
    seen[id(thing)] = thing  # kept, so that nothing else gets its id
    if isinstance(thing, str | bytes):
        yield thing if isinstance(thing, str) else thing.decode("latin-1")
    elif isinstance(thing, dict):
        for pair in thing.items():
            yield from strings(pair, seen)
    elif isinstance(thing, list | tuple | set | frozenset):
        for each in thing:
            yield from strings(each, seen)
    elif hasattr(thing, "__dict__") and not isinstance(thing, type):
        yield repr(thing)
        yield from strings(vars(thing), seen)
    if isinstance(thing, BaseException):
        yield from strings([thing.args, thing.__cause__, thing.__context__], seen)


def assert_no_token_in(error: BaseException) -> None:
    """Not in the traceback with all variables (but the tests' own), nor in what hangs on the error."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    shown.stack[:] = [frame for frame in shown.stack if frame.filename != __file__]
    text = "".join(shown.format())
    assert PACKAGE in text
    assert TOKEN not in text
    assert not [each for each in strings(error, {}) if TOKEN in each]


def test_no_display_of_a_client_shows_the_token(scripted: Scripted, client_of: Callable[..., Client]) -> None:
    scripted.answers = [reply({"id": "1"}), reply({"code": "CODE", "message": "m"}, 429, Retry_After="0"), reply({"id": "1"})]
    client = client_of()
    requester(client)
    requester(client)
    service = client.service
    shown = [str(client), repr(client.get_pools()), repr(service._connections.client().auth), client.quota().to_string()]
    shown += strings([client, client.get_pools(), tf.run(service.rate_limiter.usage())], {})
    assert scripted.url in shown
    assert not [text for text in shown if TOKEN in text]


def refusal(status: int, interval: str | None = None, **headers: str) -> bytes:
    return reply({"code": "CODE", "message": "m", "payload": {"interval": interval}}, status, **headers)


NOTHING = b""
FAILURES: dict[str, tuple[bytes, Call]] = {
    "401": (refusal(401), lambda c: c.get_requester()),
    "HTML": (reply("<html>", 502), lambda c: c.get_requester()),
    "truncated JSON": (reply('{"id'), lambda c: c.get_requester()),
    "no answer": (NOTHING, lambda c: c.get_requester()),
    "half a body": (reply("{}")[:-1], lambda c: c.get_requester()),
    "another protocol": (b"220 mail.example.com ESMTP\r\n\r\n", lambda c: c.get_requester()),
    "a lost answer": (NOTHING, lambda c: c.create_project({})),
    "trouble": (refusal(500), lambda c: c.create_project({})),
    "a quota": (refusal(429, "DAY"), lambda c: c.find_pools()),
    "an odd page": (reply("[]"), lambda c: tf.aio.to_arrow(c.get_pools(), progress=False)),
    "an odd operation": (reply("{}"), lambda c: c.create_tasks_async([], "op")),
    "a wrong value": (NOTHING, lambda c: c.find_pools(limit=0)),
    "an answer that repeats the request": (reply(f"<html>ApiKey {TOKEN}"), lambda c: c.get_requester()),
    "a refusal that repeats the token": (reply(TOKEN, 400), lambda c: c.get_requester()),
}


@pytest.mark.parametrize(("answer", "call"), FAILURES.values(), ids=FAILURES)
def test_no_failure_shows_the_token(scripted: Scripted, client_of: Callable[..., Client], answer: bytes, call: Call) -> None:
    scripted.answers = [answer]
    client = client_of(retries=1)
    with pytest.raises(tf.TolokaError) as caught:
        tf.run(call(client))
    assert_no_token_in(caught.value)


class Careless(httpx.AsyncBaseTransport):
    """Has the token in its variables, as every transport has, when it fails."""

    def __init__(self, error: type[Exception] | None) -> None:
        self._error = error

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        headers = request.headers.raw
        if not self._error:
            await asyncio.sleep(60)
        try:
            return httpx.Response(int(str(headers)))
        except ValueError as deeper:
            raise (self._error or OSError)("broken") from deeper


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.WriteError, httpx.ReadTimeout, httpx.LocalProtocolError])
def test_no_failure_of_a_transport_shows_the_token(client_of: Callable[..., Client], error: type[Exception]) -> None:
    client = client_of(retries=1, transport=Careless(error))
    for call in (client.get_pool("1"), client.create_project({})):
        with pytest.raises(tf.TolokaError, match="broken") as caught:
            tf.run(call)
        assert_no_token_in(caught.value)


def test_no_wait_that_is_given_up_shows_the_token(client_of: Callable[..., Client]) -> None:
    client = client_of(transport=Careless(None))
    operation = {"id": "op", "status": "RUNNING"}
    with pytest.raises(tf.OperationTimeout) as caught:
        tf.run(client.wait_operation(operation, timeout=0.2, progress=False))
    assert "httpx" not in "".join(traceback.format_exception(caught.value))
    assert_no_token_in(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"environment": None},
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
def test_no_refusal_to_make_a_client_shows_the_token(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("URL", "ENVIRONMENT"):
        monkeypatch.delenv(f"TOLOKA_{name}", raising=False)
    with pytest.raises(tf.ConfigurationError) as caught:
        Client(**{"token": TOKEN, "environment": "SANDBOX"} | options)
    assert_no_token_in(caught.value)


def test_no_log_record_of_any_logger_shows_the_token(
    scripted: Scripted, client_of: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    scripted.answers = [NOTHING, refusal(503), reply({"id": "1"}), refusal(401)]
    client = client_of()
    requester(client)
    with pytest.raises(tf.AuthenticationFailed):
        tf.run(client.create_project({}))
    assert {record.name.split(".")[0] for record in caplog.records} >= {"httpx", "httpcore"}
    assert not [record for record in caplog.records if TOKEN in record.getMessage() or TOKEN in repr(vars(record))]
