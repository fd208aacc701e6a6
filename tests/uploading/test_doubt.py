"""Whatever the status of a response and whoever sent it: no row is created twice, and none that exists is called FAILED."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain, combinations, product
from typing import TYPE_CHECKING, Any

import httpx
import pandas as pd
import pytest
from support.all_cases import ALL_CASES
from support.sample_project import create_pool

import toloka_frames as tf
from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

APP = "M1B0QY7kD5kie8wOyb44"
ROWS = 4
# each class of statuses, and each status that somebody on the way may send
COMMON = "300 301 302 304 307 308 400 401 403 404 405 408 409 410 411 413 415 418 422 425 429 451 499 500 502 503 504 511 599"
SOME = [200, 404, 409, 413]
# uploads that run together: the local service takes 300 requests a second, and these clients do not repeat what it rejects
AT_ONCE = 25
STATUSES = range(300, 600) if ALL_CASES else [int(status) for status in COMMON.split()]


@dataclass(frozen=True)
class Kind:
    """A kind of upload.

    Attributes:
        upload: Sends the rows of a frame.
        frame: Returns a frame whose rows are marked.
        requests: The end of the path of its requests.
        objects: Returns the scan of its objects.
        is_idempotent: Whether its requests have an id, so that the same one can be sent again.
    """

    upload: Callable[..., Any]
    frame: Callable[[str], pd.DataFrame]
    requests: tuple[str, ...]
    objects: Callable[[tf.AsyncTolokaClient], Any]
    is_idempotent: bool = True


def marks(mark: str) -> list[str]:
    return [f"https://example.com/{mark}/{row}" for row in range(ROWS)]


def images(mark: str) -> pd.DataFrame:
    return pd.DataFrame({"image": marks(mark)})


def items(mark: str) -> pd.DataFrame:
    return pd.DataFrame({"image_url": marks(mark), "text": "the same"})


def bonuses(mark: str) -> pd.DataFrame:
    return pd.DataFrame({"user_id": [f"{row:032x}" for row in range(ROWS)], "amount": 1.0, "private_comment": marks(mark)})


@pytest.fixture(scope="module")
def toloka() -> Iterator[LocalToloka]:
    # thousands of requests: their logs take a third of the time
    loggers = [logging.getLogger(name) for name in ("httpcore", "httpx")]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    with LocalToloka(operation_seconds=0) as service:
        yield service
    for logger in loggers:
        logger.setLevel(logging.NOTSET)


@pytest.fixture(scope="module")
def kinds(toloka: LocalToloka) -> dict[str, Kind]:
    client = toloka.async_client()
    tasks, suites = create_pool(client), create_pool(client, mixer_config=None)
    streamed, batched = (
        tf.run(client.create_app_project({"app_id": APP, "name": name, "parameters": {}}))["id"] for name in "ab"
    )
    texts = {"public_title": "Thanks", "public_message": "Good"}
    flags = {"allow_defaults": True}
    create_suites = partial(tf.aio.create_task_suites, pool_id=suites, rows_per_suite=1, **flags)
    return {
        "tasks": Kind(
            partial(tf.aio.create_tasks, pool_id=tasks, **flags), images, ("/v1/tasks",), lambda client: client.get_tasks(tasks)
        ),
        "suites": Kind(create_suites, images, ("/task-suites",), lambda client: client.get_task_suites(pool_id=suites)),
        "bonuses": Kind(
            partial(tf.aio.create_user_bonuses, **texts), bonuses, ("/user-bonuses",), lambda client: client.get_user_bonuses()
        ),
        "items": Kind(
            partial(tf.aio.create_app_items, app_project_id=streamed),
            items,
            ("/bulk",),
            lambda client: client.get_app_items(streamed),
            is_idempotent=False,
        ),
        "batch": Kind(
            partial(tf.aio.create_app_batch, app_project_id=batched),
            items,
            ("/batches", "/bulk"),
            lambda client: client.get_app_items(batched),
            is_idempotent=False,
        ),
    }


class OneOddResponse(httpx.AsyncHTTPTransport):
    """A connection that replaces the response to the first creation, before or after its effect."""

    def __init__(self, requests: tuple[str, ...], status: int, moment: str, body: bytes) -> None:
        super().__init__(verify=False)  # contexts for TLS take long to make, and there are hundreds
        self._requests, self._status, self._moment, self._body = requests, status, moment, body

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        is_hit = self._moment != "used" and request.method == "POST" and request.url.path.endswith(self._requests)
        if not is_hit:
            return await super().handle_async_request(request)
        moment, self._moment = self._moment, "used"
        if moment == "after":
            response = await super().handle_async_request(request)
            await response.aread()
            await response.aclose()
        # a 429 would hold back the other calls of this account
        return httpx.Response(self._status, content=self._body, headers={"Retry-After": "0"}, request=request)


ENVELOPE = json.dumps({"request_id": "1", "code": "SOME_CODE", "message": "no"}).encode()
BODIES = {"envelope": (ENVELOPE, STATUSES), "page": (b"<html>no</html>", STATUSES)}
BODIES |= {"nothing": (b"", SOME), "json": (b'{"code": 7}', SOME), "list": (b"[]", SOME)}
MOMENTS = ("before", "after")
NAMES = ("tasks", "suites", "bonuses", "items", "batch")


def chosen_statuses(name: str, body: str, moment: str) -> Sequence[int]:
    """Return the statuses of a case: all of them with ALL_CASES, or a quarter of them.

    The quarters are chosen so that every pair of kind, body, moment and status occurs: what a status proves depends
    on the body, and what is done then on the kind.
    """
    statuses = BODIES[body][1]
    if ALL_CASES:
        return statuses
    case = NAMES.index(name) + 2 * list(BODIES).index(body) + MOMENTS.index(moment)
    return statuses[case % 4 :: 4]


def test_the_chosen_cases_have_every_pair_of_kind_body_moment_and_status() -> None:
    kinds = list(product(NAMES, BODIES, MOMENTS))
    chosen = [(*kind, status) for kind in kinds for status in chosen_statuses(*kind)]
    every = [(*kind, status) for kind in kinds for status in BODIES[kind[1]][1]]
    assert pairs(chosen) == pairs(every)


def pairs(cases: Sequence[tuple[str | int, ...]]) -> set[tuple[tuple[int, str | int], ...]]:
    return {pair for case in cases for pair in combinations(enumerate(case), 2)}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("name", NAMES)
def test_each_row_is_created_once_or_unknown(
    name: str, body: str, moment: str, kinds: dict[str, Kind], toloka: LocalToloka, tmp_path: Path
) -> None:
    kind = kinds[name]
    content, statuses = BODIES[body][0], chosen_statuses(name, body, moment)
    uploads = {}
    for status in statuses:
        mark = f"{name}-{body}-{moment}-{status}"
        client = toloka.async_client(retries=1, transport=OneOddResponse(kind.requests, status, moment, content))
        options = {"name": mark} if name == "batch" else {}
        uploads[mark] = partial(kind.upload, kind.frame(mark), client, ledger=tmp_path / mark, progress=False, **options)
    first, made = tf.run(call_all(uploads)), created(kind, toloka)
    for mark in uploads:
        check(mark, first[mark], made)
    again, made = tf.run(call_all(uploads)), created(kind, toloka)
    for mark in uploads:
        check(mark, again[mark], made)
    unknown = [mark for mark in uploads if "UNKNOWN" in again[mark]]
    assert not unknown or (moment == "before" and not kind.is_idempotent)
    for mark in unknown:
        let_five_minutes_pass(tmp_path / mark)
    again |= tf.run(call_all({mark: uploads[mark] for mark in unknown}))
    assert set(chain(*again.values())) == {"CREATED"}
    tf.run(close(*(upload.args[1] for upload in uploads.values())))
    made = created(kind, toloka)
    assert [made[name] for mark in uploads for name in marks(mark)] == [1] * ROWS * len(uploads)


async def call_all(uploads: dict[str, Callable[[], Any]]) -> dict[str, list[str]]:
    """Run all uploads, some at a time; return the statuses of the rows of each."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def call(upload: Callable[[], Any]) -> list[str]:
        async with slots:
            return await statuses_of(upload())

    return dict(zip(uploads, await asyncio.gather(*map(call, uploads.values())), strict=True))


async def close(*clients: tf.AsyncTolokaClient) -> None:
    for client in clients:
        await client.aclose()


async def statuses_of(call: Any) -> list[str]:
    try:
        results = await call
    except tf.UploadError as error:
        results = error.results
    return list(results["status"])


def created(kind: Kind, toloka: LocalToloka) -> Counter[str]:
    """Return how often each row exists."""
    return Counter(re.findall(r"https://example\.com/[\w-]+/\d", json.dumps(list(kind.objects(toloka.async_client())))))


def check(mark: str, statuses: list[str], made: Counter[str]) -> None:
    for name, status in zip(marks(mark), statuses, strict=True):
        if made[name]:
            assert (name, made[name], status) in [(name, 1, "CREATED"), (name, 1, "UNKNOWN")]
        else:
            assert (name, status) != (name, "CREATED")


def let_five_minutes_pass(ledger: Path) -> None:
    """Change a ledger as if each missing request had been looked for more than five minutes ago."""
    with closing(sqlite3.connect(ledger)) as sqlite, sqlite:
        sqlite.execute("update chunks set ended = '2026-01-01T00:00:00+00:00' where state = 'begun' and ended is not null")
