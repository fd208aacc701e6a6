"""Whatever a connection raises and whatever headers say: every call ends, with an error of this package or with its result."""

from __future__ import annotations

import asyncio
from itertools import cycle, product
from typing import TYPE_CHECKING, Any

import httpx
import pandas as pd
import pytest
from support.sample_project import create_pool
from support.scripted_server import reply

import toloka_frames as tf
from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.scripted_server import Scripted

APP = "M1B0QY7kD5kie8wOyb44"
ERRORS: list[BaseException] = [OSError("odd"), RuntimeError("odd"), MemoryError("odd"), asyncio.CancelledError("odd")]
# three requests, so that their operations are listed
BONUSES = pd.DataFrame({"user_id": [f"{row:032x}" for row in range(201)], "amount": 0.5})


@pytest.fixture(scope="module")
def toloka() -> Iterator[LocalToloka]:
    with LocalToloka(operation_seconds=0.01) as service:
        yield service


class OddConnection(httpx.AsyncHTTPTransport):
    """A connection that raises an error instead of sending requests to a path, or sets headers of each response.

    Attributes:
        seen: The methods and paths of all requests.
    """

    def __init__(self, path: str = "", error: BaseException | None = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(verify=False)
        self._path, self._error, self._headers = path, error, headers or {}
        self.seen: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        # ids are masked: those of operations are other ones in each upload
        self.seen.append("/".join("*" if any(map(str.isdigit, part)) else part for part in request.url.path.split("/")[3:]))
        if self.seen[-1] == self._path and self._error:
            raise self._error
        response = await super().handle_async_request(request)
        odd = [(name.lower().encode(), value.encode()) for name, value in self._headers.items()]
        usual = [(name, value) for name, value in response.headers.raw if name.lower() not in dict(odd)]
        response.headers = httpx.Headers(usual + odd)
        return response


@pytest.fixture(scope="module")
def calls(toloka: LocalToloka, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Callable[..., Any]]:
    """The calls by name; each takes a client, a mark of its rows and a ledger."""
    client = toloka.async_client()
    pool_id, suites = create_pool(client), create_pool(client, mixer_config=None)
    project_id = tf.run(client.create_app_project({"app_id": APP, "name": "a", "parameters": {}}))["id"]
    skill_id = tf.run(client.create_skill({"name": "careful"}))["id"]
    options: dict[str, Any] = {"progress": False, "timeout": 60}

    def images(mark: str, column: str = "image") -> pd.DataFrame:
        return pd.DataFrame({column: [f"https://example.com/{mark}/{row}" for row in range(3)]})

    def tasks(client: tf.AsyncTolokaClient, mark: str, ledger: Path) -> Any:
        return tf.aio.create_tasks(images(mark), client, pool_id, allow_defaults=True, ledger=ledger, **options)

    def task_suites(client: tf.AsyncTolokaClient, mark: str, ledger: Path) -> Any:
        more = {"rows_per_suite": 2, "allow_defaults": True, "ledger": ledger}
        return tf.aio.create_task_suites(images(mark), client, suites, **more, **options)

    def bonuses(client: tf.AsyncTolokaClient, mark: str, ledger: Path) -> Any:
        texts = {"public_title": mark, "public_message": "Good"}
        return tf.aio.create_user_bonuses(BONUSES.assign(private_comment=mark), client, ledger=ledger, **texts, **options)

    def app_items(client: tf.AsyncTolokaClient, mark: str, ledger: Path) -> Any:
        frame = images(mark, "image_url").assign(text=mark)
        return tf.aio.create_app_items(frame, client, project_id, ledger=ledger, **options)

    def app_batch(client: tf.AsyncTolokaClient, mark: str, ledger: Path) -> Any:
        frame = images(mark, "image_url").assign(text=mark)
        return tf.aio.create_app_batch(frame, client, project_id, name=mark, start=True, ledger=ledger, **options)

    def skills(client: tf.AsyncTolokaClient, mark: str, _: Path) -> Any:
        frame = pd.DataFrame({"user_id": BONUSES["user_id"].head(3), "skill_id": skill_id, "value": 5, "reason": mark})
        return tf.aio.set_user_skills(frame, client, **options)

    # only bonuses of one user are pulled: the other calls add thousands to the list
    reader = "f" * 32
    paid = BONUSES.assign(user_id=reader, private_comment=[f"bonus {row}" for row in BONUSES.index])
    texts = {"public_title": "Thanks", "public_message": "Good"}
    tf.create_user_bonuses(paid, client, ledger=tmp_path_factory.mktemp("paid") / "uploads.db", **texts, progress=False)

    async def pull(client: tf.AsyncTolokaClient, _: str, __: Path) -> pd.DataFrame:
        return await tf.aio.to_dataframe(client.get_user_bonuses(user_id=reader, batch_size=50), concurrency=4, progress=False)

    named = (tasks, task_suites, bonuses, app_items, app_batch, skills, pull)
    return {call.__name__: call for call in named}


NAMES = ["tasks", "task_suites", "bonuses", "app_items", "app_batch", "skills", "pull"]


@pytest.mark.parametrize("name", NAMES)
def test_every_call_ends_whatever_a_connection_raises(
    name: str, calls: dict[str, Callable[..., Any]], toloka: LocalToloka, tmp_path: Path
) -> None:
    call, normal = calls[name], OddConnection()
    tf.run(call(toloka.async_client(transport=normal), f"{name}-normal", tmp_path / "normal"))
    pairs = product(sorted(set(normal.seen)), ERRORS)
    cases = {f"{name}-{number}": pair for number, pair in enumerate(pairs)}

    async def call_all() -> list[Any]:
        clients = [toloka.async_client(retries=1, transport=OddConnection(*case)) for case in cases.values()]
        work = (call(client, mark, tmp_path / mark) for mark, client in zip(cases, clients, strict=True))
        return await asyncio.gather(*work, return_exceptions=True)

    for mark, outcome in zip(cases, tf.run(call_all()), strict=True):
        assert isinstance(outcome, pd.DataFrame | tf.TolokaError), (mark, outcome)
        assert "did not end" not in str(outcome), mark


DATES = ["Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", "Sat, 01 Jan 0000 00:00:00 GMT", "no date", ""]
DATES += [f"Fri, 31 Dec {10**30} 23:59:59 GMT", f"Fri, {10**30} Dec 2026 23:59:59 GMT", "Fri, 31 Dec 9999 23:59:59 -2359", "99"]
DATES += ["Thu, 01 Jan 2026 00:00:00 +9999", "Thu, 01 Jan 2026 99:99:99 GMT", ",,,", "1 1 1 1 1", "\u00e9", "x" * 5_000]
TIMES = [*DATES, "1" + "0" * 30, "9" * 5_000, "-1", "1e999", "nan", "\u0663", "0.5"]
HEADERS = [{"Date": value} for value in DATES] + [{"Retry-After": value} for value in TIMES]
CONTENT_TYPES = [
    {"Content-Type": value} for value in ("", "text/html; charset=none", "x" * 5_000, "application/json; charset=utf-16")
]
CALLED = ["tasks", "app_items", "skills", "pull"]


@pytest.mark.parametrize("name", CALLED)
def test_no_header_disturbs_a_call(
    name: str, calls: dict[str, Callable[..., Any]], toloka: LocalToloka, tmp_path: Path
) -> None:
    # the clock and the retries are those of every call, so each of these headers is sent to one kind of call only
    cases = HEADERS[CALLED.index(name) :: len(CALLED)] + CONTENT_TYPES

    async def call_all() -> list[Any]:
        marks = [f"{name}-headers-{number}" for number in range(len(cases))]
        clients = [toloka.async_client(transport=OddConnection(headers=headers)) for headers in cases]
        return await asyncio.gather(
            *(calls[name](client, mark, tmp_path / mark) for client, mark in zip(clients, marks, strict=True))
        )

    for results in tf.run(call_all()):
        assert name == "pull" or results["status"].isin(["CREATED", "DONE"]).all()


@pytest.mark.parametrize("status", [429, 503])
def test_absurd_headers_of_rejections_are_errors_of_this_package(status: int, scripted: Scripted) -> None:
    odd = [value for value in TIMES if value.isascii() and value.isprintable()]
    for number, (date, wait) in enumerate(zip(cycle(DATES[:-2]), odd, strict=False)):
        scripted.answers = [reply({"code": "SOME_CODE", "message": "no"}, status, Date=date, Retry_After=wait)]
        # each with its own account, because a 429 holds back the next calls
        client = tf.AsyncTolokaClient(f"{scripted.token}-{number}", url=scripted.url, retries=1)
        with pytest.raises(tf.ApiError) as caught:
            tf.run(client.get_project("1"))
        assert caught.value.status == status
    assert len(scripted.requests) == len(odd)


@pytest.mark.parametrize("length", ["-1", "x", "1" + "0" * 30, "", "5, 6", "0x5", "9" * 5_000])
def test_an_absurd_length_is_a_failed_connection(length: str, scripted: Scripted) -> None:
    scripted.answers = [f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{{}}".encode()]
    with pytest.raises(tf.ConnectionFailed):
        tf.run(scripted.async_client(retries=1).get_project("1"))
