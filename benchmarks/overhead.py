"""Measure what rows with attributes cost beside plain dicts, and what a synchronous call costs beside an awaited one."""

from __future__ import annotations

import asyncio
import json
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
from turns import Contender, cpu_seconds, seconds

import toloka_frames as tf
from toloka_frames._reading.page import read_dicts
from toloka_frames._schema.columns import Layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pulls import Pull

MAX_ROW_RATIO = 1.2  # the target of this project
CALLS = 300
MICROSECONDS = 1_000_000


def iteration(pull: Pull) -> list[Contender]:
    """Return a loop over all rows of a list as plain dicts, and as rows of a scan."""
    return [
        Contender("httpx async + json.loads, plain dicts", partial(seconds, lambda: asyncio.run(_iterate_dicts(pull)))),
        Contender("for row in scan", partial(seconds, lambda: _iterate(pull.scan())), MAX_ROW_RATIO),
    ]


def parsing(pull: Pull) -> list[Contender]:
    """Return the parsing of all pages of a list into plain dicts, and into rows."""
    bodies: list[bytes] = []
    pull.undecoded(bodies.append)
    key = pull.rows_key
    layout = Layout(key, "id", ())
    ways: dict[str, Callable[[bytes], Iterable[Any]]] = {
        "json.loads, plain dicts": lambda body: json.loads(body)[key],
        "pages of a scan, rows": lambda body: read_dicts(body, layout).rows,
    }
    limits = (None, MAX_ROW_RATIO)
    return [
        Contender(name, partial(cpu_seconds, partial(_parse, bodies, way)), limit)
        for (name, way), limit in zip(ways.items(), limits, strict=True)
    ]


def calls(url: str) -> list[Contender]:
    """Return calls of the two clients, one after another, and the same request by httpx, in microseconds each."""
    return [
        Contender("await client.get_requester(), AsyncTolokaClient", lambda: asyncio.run(_await_calls(url))),
        Contender("client.get_requester(), TolokaClient", lambda: _make_calls(url)),
        Contender("the same in a running event loop", lambda: asyncio.run(_make_calls_in_loop(url))),
        Contender("httpx async + json.loads", lambda: asyncio.run(_request(url))),
    ]


async def _iterate_dicts(pull: Pull) -> None:
    query, more = dict(pull.query), True
    async with httpx.AsyncClient(base_url=pull.url) as client:
        while more:
            page = json.loads((await client.get(f"/api{pull.path}", params=query)).content)
            _iterate(page[pull.rows_key])
            more, query["id_gt"] = page["has_more"], page[pull.rows_key][-1]["id"]


def _iterate(rows: Iterable[Any]) -> None:
    for row in rows:
        assert row["id"]


def _parse(bodies: Iterable[bytes], parse: Callable[[bytes], Iterable[Any]]) -> None:
    for body in bodies:
        _iterate(parse(body))


async def _await_calls(url: str) -> float:
    async with tf.AsyncTolokaClient("token", url=url) as client:
        await client.get_requester()  # opens the connection
        started = time.perf_counter()
        for _ in range(CALLS):
            await client.get_requester()
        return _each(started)


def _make_calls(url: str) -> float:
    with tf.TolokaClient("token", url=url) as client:
        client.get_requester()
        started = time.perf_counter()
        for _ in range(CALLS):
            client.get_requester()
        return _each(started)


async def _make_calls_in_loop(url: str) -> float:
    return _make_calls(url)


async def _request(url: str) -> float:
    async with httpx.AsyncClient(base_url=url) as client:
        await client.get("/api/v1/requester")
        started = time.perf_counter()
        for _ in range(CALLS):
            json.loads((await client.get("/api/v1/requester")).content)
        return _each(started)


def _each(started: float) -> float:
    return (time.perf_counter() - started) / CALLS * MICROSECONDS
