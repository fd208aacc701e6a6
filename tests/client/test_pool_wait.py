"""`tf.wait_pool`: what ends a wait and what does not, what it returns, shows and sends."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import threading
import uuid
from collections import Counter
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from support.leftovers import never_ends_on_our_loop, threads
from support.scripted_server import Scripted, reply
from support.virtual_clock import api_clients, loop_time, run_virtual

import toloka_frames as tf
from toloka_frames._client.pool_progress import TimeLeft, format_seconds, pool_title
from toloka_frames._client.pool_wait import PoolWait

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toloka_frames.local import LocalToloka

OPENED = {"last_started": "2026-01-01T00:00:00"}
OPEN = {"status": "OPEN"} | OPENED
COMPLETE = {"status": "CLOSED", "last_close_reason": "COMPLETED"} | OPENED


def closed(reason: str, status: str = "CLOSED") -> dict[str, Any]:
    return {"status": status, "last_close_reason": reason} | OPENED


RETURNED = {
    "complete": COMPLETE,
    "closed by hand": closed("MANUAL"),
    "complete and archived": closed("COMPLETED", "ARCHIVED"),
}
FAILED: dict[str, tuple[dict[str, Any], str]] = {
    "no money": (closed("NOT_ENOUGH_BALANCE"), "ran out of money"),
    "expired": (closed("EXPIRED"), "will_expire has passed"),
    "blocked": (closed("BLOCKED"), "blocked the account"),
    "limit": (closed("ASSIGNMENTS_LIMIT_EXCEEDED"), "limit of assignments"),
    "a reason of later": (closed("ECLIPSE"), "does not say that it is complete"),
    "no reason": ({"status": "CLOSED"} | OPENED, "does not say that it is complete"),
    "never opened": ({"status": "CLOSED"}, "never opened"),
    "archived, never opened": ({"status": "ARCHIVED"}, "never opened"),
    "expired and archived": (closed("EXPIRED", "ARCHIVED"), "will_expire has passed"),
}
WAITED_FOR = {
    "open": OPEN,
    "locked": {"status": "LOCKED"} | OPENED,
    "closed for editing": closed("FOR_UPDATE"),
    "open again after it was complete": COMPLETE | {"status": "OPEN"},
    "a status of later": {"status": "DREAMING"},
}


class Pools:
    """Responds with the states of pools, one after another, and with statistics; a state may be a response or a status code.

    Attributes:
        requests: The requests by method and path, without ids of operations.
        times: When the status of a pool was requested.
    """

    def __init__(self, states: dict[str, Sequence[Any]], percents: Sequence[float] = (10,)) -> None:
        self._states = {pool_id: list(states) for pool_id, states in states.items()}
        self._percents = list(percents)
        self.requests: Counter[str] = Counter()
        self.times: list[float] = []
        self.analytics: bytes | None = None

    def __call__(self, head: str) -> bytes:
        method, path = head.split(" ")[:2]
        *_, kind, name = path.split("/")
        self.requests[f"{method} {kind}"] += 1
        if kind == "pools":
            self.times.append(loop_time())
            return self._state(name)
        if method == "POST" and self.analytics is not None:
            return self.analytics
        return reply({"id": "1", "status": "SUCCESS", "details": {"value": self._statistics()}})

    def _state(self, pool_id: str) -> bytes:
        states = self._states[pool_id]
        state = states.pop(0) if len(states) > 1 else states[0]
        if isinstance(state, int):
            return reply({"code": "SOME_CODE", "message": "Not now"}, state)
        return state if isinstance(state, bytes) else reply({"id": pool_id, "private_name": "Cats"} | state)

    def _statistics(self) -> list[dict[str, Any]]:
        percent = self._percents.pop(0) if len(self._percents) > 1 else self._percents[0]
        values = [{"value": percent, "approximate": True}, 2 * percent, percent, percent / 100]
        return [{"result": value, "finished": True} for value in values * 2]


def waited(
    pools: Pools, ids: Sequence[str] = ("1",), *, every: float = 60, timeout: float | None = None, progress: Any = False
) -> tuple[list[tf.Row], float]:
    """Wait in virtual time; return the pools and how long it took."""

    async def work() -> tuple[list[tf.Row], float]:
        async with api_clients(pools, retries=1) as [service]:
            wait = PoolWait(service, ids, every)
            return await wait.result(timeout, progress), loop_time()

    return run_virtual(work())


# -- What ends a wait


@pytest.mark.parametrize("state", RETURNED.values(), ids=RETURNED)
def test_a_pool_that_is_done_is_returned_at_once(state: dict[str, Any], scripted: Scripted) -> None:
    scripted.answers = [reply({"id": "1"} | state)]
    assert tf.wait_pool(scripted.async_client(), "1", progress=False) == {"id": "1"} | state
    assert scripted.requests == ["GET /api/v1/pools/1"]


@pytest.mark.parametrize(("state", "message"), FAILED.values(), ids=FAILED)
@pytest.mark.parametrize("before", [(), (OPEN, OPEN)], ids=["at once", "later"])
def test_a_pool_that_will_not_be_completed_is_an_error(
    state: dict[str, Any], message: str, before: Sequence[dict[str, Any]]
) -> None:
    with pytest.raises(tf.PoolFailed, match=message) as caught:
        waited(Pools({"1": [*before, state]}))
    assert (caught.value.pool_id, caught.value.status) == ("1", state["status"])
    assert caught.value.reason == state.get("last_close_reason")


@pytest.mark.parametrize("state", WAITED_FOR.values(), ids=WAITED_FOR)
def test_a_pool_that_tolokers_may_still_complete_is_waited_for(state: dict[str, Any]) -> None:
    pools = Pools({"1": [state, state, state, COMPLETE]})
    (pool,), seconds = waited(pools, every=60)
    assert pool.last_close_reason == "COMPLETED"
    assert pools.times == [pytest.approx(60 * poll, abs=1) for poll in range(4)]
    assert seconds == pytest.approx(180, abs=1)


def test_the_hint_for_a_pool_that_was_never_opened_is_true_when_followed(toloka: LocalToloka) -> None:
    client, pool, images = toloka.client(), toloka.example_pool(), pd.DataFrame({"image": ["https://example.com/1.jpg"]})
    images.pipe(tf.create_tasks, client, pool_id=pool, allow_defaults=True, progress=False)
    with pytest.raises(tf.PoolFailed) as caught:
        tf.wait_pool(client, pool, progress=False)
    (code,) = re.findall(r"client\.open_pool\('\d+'\)", caught.value.hint)
    assert eval(code, {"client": client}).status == "OPEN"  # noqa: S307 -- the package's own hint
    toloka.answer(pool)
    assert tf.wait_pool(client, pool, progress=False).last_close_reason == "COMPLETED"


def test_the_end_of_the_time_is_an_error_that_names_the_pools_that_are_open() -> None:
    pools = Pools({"1": [OPEN], "2": [COMPLETE], "3": [OPEN]})
    with pytest.raises(tf.PoolTimeout, match=r"after 10 min: pools 1, 3\.") as caught:
        waited(pools, ["1", "2", "3"], timeout=600)
    assert caught.value.pool_ids == ("1", "3")
    assert isinstance(caught.value, TimeoutError)
    assert max(pools.times) == pytest.approx(600, abs=61)


def test_the_first_pool_that_fails_ends_the_wait_for_all() -> None:
    with pytest.raises(tf.PoolFailed) as caught:
        waited(Pools({"1": [OPEN], "2": [OPEN, closed("NOT_ENOUGH_BALANCE")], "3": [COMPLETE]}), ["1", "2", "3"])
    assert caught.value.pool_id == "2"


# -- Failures of the network and of the service

LOST = b""
HTML = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>"
# what a hotel's network says to everything
FORBIDDEN_BY_A_PROXY = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\n<html>"
TEMPORARY: dict[str, Any] = {
    "500": 500,
    "503": 503,
    "429": 429,
    "connection lost": LOST,
    "page of a proxy": HTML,
    "403 of a proxy": FORBIDDEN_BY_A_PROXY,
    "no status": {"status": None},
}
REFUSED = {400: tf.ValidationFailed, 401: tf.AuthenticationFailed, 403: tf.AccessDenied, 404: tf.NotFound}


@pytest.mark.parametrize("failure", TEMPORARY.values(), ids=TEMPORARY)
def test_a_failure_in_the_night_is_shown_and_waited_out(failure: Any) -> None:
    reports: list[tf.PoolProgress] = []
    wait: list[PoolWait] = []

    async def work() -> list[tf.Row]:
        pools = Pools({"1": [OPEN, *[failure] * 20, OPEN, COMPLETE], "2": [OPEN] * 25 + [COMPLETE]})
        async with api_clients(pools, retries=1) as [service]:
            wait.append(PoolWait(service, ["1", "2"], 600))
            result = asyncio.create_task(wait[0].result(None, False))
            for at in (100, 6_100, 13_900):
                await asyncio.sleep(at - loop_time())
                reports.append(wait[0].report())
            return await result

    assert [pool.last_close_reason for pool in run_virtual(work())] == ["COMPLETED"] * 2
    assert ["Trying again" in str(report) for report in reports] == [False, True, False]
    assert [report.state for report in reports] == ["running"] * 3
    assert reports[1].age == pytest.approx(6_100, rel=0.1)
    assert re.match(r"2 pools: 2 open · no answer for 1 h \d+ min · waiting for 1 h \d+ min · No answer: ", str(reports[1]))
    assert "no answer for 1 h" in reports[1]._repr_html_()


@pytest.mark.parametrize("failure", TEMPORARY.values(), ids=TEMPORARY)
def test_at_the_beginning_every_failure_is_raised(failure: Any) -> None:
    with pytest.raises(tf.TolokaError):
        waited(Pools({"1": [OPEN], "2": [failure]}), ["1", "2"])


@pytest.mark.parametrize(("status", "kind"), REFUSED.items(), ids=map(str, REFUSED))
def test_a_refusal_of_the_service_ends_the_wait_also_later(status: int, kind: type[tf.TolokaError]) -> None:
    for before in ([], [OPEN, OPEN]):
        with pytest.raises(kind):
            waited(Pools({"1": [*before, status]}))


def test_the_time_limit_holds_while_the_service_does_not_respond() -> None:
    with pytest.raises(tf.PoolTimeout):
        waited(Pools({"1": [OPEN, LOST]}), timeout=3_600)


# -- Statistics

NO_STATISTICS: dict[str, bytes] = {
    "403": reply({"code": "ACCESS_DENIED", "message": "No"}, 403),
    "500": reply({"code": "INTERNAL_ERROR", "message": "Oh"}, 500),
    "lost": b"",
    "failed": reply({"id": "1", "status": "FAIL"}),
    "never ends": reply({"id": "1", "status": "RUNNING"}),
    "other shapes": reply({"id": "1", "status": "SUCCESS", "details": {"value": [None, 5, {"result": "many"}]}}),
}


@pytest.mark.parametrize("answer", NO_STATISTICS.values(), ids=NO_STATISTICS)
def test_a_wait_without_statistics_is_as_good(answer: bytes) -> None:
    pools = Pools({"1": [OPEN, OPEN, COMPLETE]})
    pools.analytics = answer
    respond = (lambda head: answer if "/operations/" in head else pools(head)) if b"RUNNING" in answer else pools
    assert waited(respond, progress=str)[0][0].status == "CLOSED"  # type: ignore[arg-type]


def test_a_pool_that_was_closed_is_not_shown_with_its_earlier_percentage() -> None:
    async def work() -> list[tf.PoolProgress]:
        pools = Pools({"1": [OPEN, COMPLETE]}, [50])
        async with api_clients(pools, retries=1) as [service]:
            wait = PoolWait(service, ["1"], 60)
            result = asyncio.create_task(wait.result(None, str))
            await asyncio.sleep(30)
            reports, pools.analytics = [wait.report()], NO_STATISTICS["500"]
            await result
            return [*reports, wait.report()]

    texts = [str(report) for report in run_virtual(work())]
    assert texts[0].startswith("pool 1: open · 50 % · 100 submitted")
    assert texts[1].startswith("pool 1: complete · 100 submitted")


def test_a_refusal_of_statistics_is_not_asked_for_again() -> None:
    pools = Pools({"1": [OPEN] * 9 + [COMPLETE]})
    pools.analytics = NO_STATISTICS["403"]
    waited(pools, progress=str)
    assert pools.requests == {"GET pools": 10, "POST staging": 1}


def test_nothing_but_the_status_is_requested_where_nothing_is_shown() -> None:
    pools = Pools({"1": [OPEN, OPEN, COMPLETE]})
    waited(pools, progress=False)
    assert pools.requests == {"GET pools": 3}


def test_only_open_pools_are_requested_again() -> None:
    pools = Pools({"1": [OPEN, COMPLETE], "2": [OPEN, OPEN, OPEN, COMPLETE]})
    assert [pool.id for pool in waited(pools, ["2", "1", "2"])[0]] == ["2", "1", "2"]
    assert pools.requests == {"GET pools": 6}


def test_a_request_has_the_statistics_of_two_pools(scripted: Scripted) -> None:
    names = ["completion_percentage", "submitted_assignments_count", "approved_assignments_count", "spent_budget"]
    ids = [str(number) for number in range(5)]

    def respond(head: str) -> bytes:
        if "/pools/" in head:
            return reply({"id": head.split(" ")[1].rsplit("/", maxsplit=1)[-1]} | COMPLETE)
        return reply({"id": "1", "status": "SUCCESS", "details": {"value": [{"result": 1}] * 10}})

    scripted.answers = [respond]
    tf.wait_pool(scripted.async_client(), ids, progress=str)
    bodies = [json.loads(body) for body in scripted.bodies if body]
    assert [[(one["subject_id"], one["name"]) for one in body] for body in bodies] == [
        [(pool_id, name) for pool_id in part for name in names] for part in (ids[:2], ids[2:4], ids[4:])
    ]


# -- The time left


def test_the_time_left_follows_the_last_ten_points() -> None:
    left = TimeLeft()
    assert left.seconds(0) is None
    for minute, percent in enumerate([20, 20, 21]):
        left.add(60 * minute, percent)
        assert left.seconds(60 * minute) is None
    left.add(180, 22)
    assert left.seconds(180) == pytest.approx(78 * 180 / 2)
    for step in range(1, 16):  # ten times as fast: a point in nine seconds
        left.add(180 + 9 * step, 22 + step)
    assert left.seconds(315) == pytest.approx(63 * 9, rel=0.01)
    assert left.seconds(375) == pytest.approx(63 * 9 - 60, rel=0.01)  # it counts down without a new percentage
    assert left.seconds(99_999) == 0.0


def test_new_tasks_begin_the_estimate_anew() -> None:
    left = TimeLeft()
    for time, percent in [(0, 50.0), (60, 60.0), (120, 30.0)]:
        left.add(time, percent)
    assert left.seconds(120) is None
    left.add(180, None)
    left.add(240, 35)
    assert left.seconds(240) == pytest.approx(65 * 120 / 5)
    left.add(300, 100)
    assert left.seconds(300) is None


def test_durations_are_as_exact_as_is_of_use() -> None:
    texts = {0: "0 s", 99: "99 s", 119: "2 min", 5_940: "99 min", 6_000: "1 h 40 min", 35_990: "10 h 0 min", 200_000: "2 days"}
    assert {seconds: format_seconds(seconds) for seconds in texts} == texts


# -- What is shown


def test_a_pool_that_closes_some_time_after_its_last_answer_says_so(scripted: Scripted) -> None:
    pool = OPEN | {"id": "1", "auto_close_after_complete_delay_seconds": 600}
    done = {"id": "1", "status": "SUCCESS", "details": {"value": [{"result": {"value": 100}}, {"result": 7}]}}
    scripted.answers = [lambda head: reply(pool if "/pools/" in head else done)]
    texts: list[str] = []

    def close_when_shown(report: tf.PoolProgress) -> None:
        texts.append(str(report))
        if "100 %" in texts[-1]:
            pool.update(COMPLETE)

    tf.wait_pool(scripted.async_client(), 1, every=1, progress=close_when_shown)
    shown = [text for text in texts if "100 %" in text]
    assert "pool 1: open · 100 % · 7 submitted · closes 10 min after its last answer · " in shown[0]


def reports_of(toloka: LocalToloka, client: Any, pool_ids: Any, then: Callable[[], object]) -> list[tf.PoolProgress]:
    """Wait for pools, do something after the first report with statistics, and return all reports."""
    reports: list[tf.PoolProgress] = []

    def keep(report: tf.PoolProgress) -> None:
        nonlocal then
        reports.append(report)
        if report.pools and report.pools[0].figures.percent is not None:
            then()
            then = bool

    tf.wait_pool(client, pool_ids, every=1, progress=keep)
    assert toloka.requests
    return reports


def test_the_card_and_the_line_show_each_pool_to_the_end(toloka: LocalToloka) -> None:
    client = toloka.client()
    pools = [open_pool(toloka, client, rows) for rows in (10, 25)]
    reports = reports_of(toloka, client, pools, lambda: [toloka.answer(pool) for pool in pools])
    first = next(report for report in reports if report.pools and report.pools[0].figures.percent is not None)
    assert re.fullmatch(
        r"2 pools: 2 open · 0 submitted · 0 accepted · \$0\.00 spent · waiting for \d+ s · status \d+ s ago", str(first)
    )
    last = reports[-1]
    assert re.fullmatch(r"2 pools: 2 complete · 21 submitted · 21 accepted · \$0\.42 spent · waited \d+ s", str(last))
    html = last._repr_html_()
    assert html.count("width:100.0%") == 2
    for pool in pools:
        assert f"({pool.id}): complete" in html
    assert [report.state for report in reports[-2:]] == ["running", "done"]
    methods = {(request.method, request.path.split("/")[-2]) for request in toloka.requests[-6:]}
    assert methods <= {("GET", "pools"), ("POST", "staging"), ("GET", "operations")}


def open_pool(toloka: LocalToloka, client: tf.TolokaClient, rows: int) -> tf.Row:
    pool = toloka.example_pool()
    images = pd.DataFrame({"image": [f"https://example.com/{number}.jpg" for number in range(rows)]})
    images.pipe(tf.create_tasks, client, pool_id=pool, allow_defaults=True, open_pool=True, progress=False)
    return pool


def test_the_name_of_a_pool_is_text_of_its_own_length_in_the_card(scripted: Scripted) -> None:
    scripted.answers = [reply({"id": "1", "private_name": "<b>" + 99 * "x"} | COMPLETE), NO_STATISTICS["403"]]
    reports: list[tf.PoolProgress] = []
    tf.wait_pool(scripted.async_client(), 1, progress=reports.append)
    assert "&lt;b&gt;" + 36 * "x" + "…" in reports[-1]._repr_html_()


def test_a_failure_and_the_end_of_the_time_are_said_in_the_card(scripted: Scripted) -> None:
    reports: list[tf.PoolProgress] = []
    scripted.answers = [reply({"id": "1"} | closed("EXPIRED"))]
    with pytest.raises(tf.PoolFailed):
        tf.wait_pool(scripted.async_client(), 1, progress=reports.append)
    assert (reports[-1].state, reports[-1].note) == ("failed", "The pool 1 is CLOSED: its will_expire has passed (EXPIRED).")
    assert str(reports[-1]).count("will_expire") == 2
    scripted.answers = [reply({"id": "1"} | OPEN)]
    with pytest.raises(tf.PoolTimeout):
        tf.wait_pool(scripted.async_client(), 1, timeout=timedelta(milliseconds=300), progress=reports.append)
    assert (reports[-1].state, reports[-1].note) == ("failed", "Not complete after 0 s: pool 1.")


# -- Stop


def test_stop_ends_the_wait_and_not_the_pool(scripted: Scripted) -> None:
    scripted.answers = [reply({"id": "1"} | OPEN)]
    client, before = scripted.async_client(), threads()
    tf.run(client.get_pool("1"))
    reports: list[tf.PoolProgress] = []

    def stop(report: tf.PoolProgress) -> None:
        reports.append(report)
        if report.pools and report.state == "running":
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match=r"Stopped waiting\. Tolokers continue to work"):
        tf.wait_pool(client, "1", progress=stop)
    assert (reports[-1].state, reports[-1].note[:15]) == ("stopped", "Stopped waiting")
    assert not never_ends_on_our_loop()
    assert threads() - before <= {thread for thread in threading.enumerate() if thread.name == "toloka_frames"}
    assert {request.split()[0] for request in scripted.requests if "staging" not in request} == {"GET"}


def test_a_wait_in_async_code_is_awaited_and_cancelled(toloka: LocalToloka) -> None:
    async def work() -> tuple[tf.Row, list[tf.Row]]:
        client = toloka.async_client()
        pool, other = [await asyncio.to_thread(open_pool, toloka, toloka.client(), 5) for _ in range(2)]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(tf.aio.wait_pool(client, pool, progress=False), 0.3)
        await asyncio.to_thread(lambda: [toloka.answer(pool), toloka.answer(other)])
        return await tf.aio.wait_pool(client, pool), await tf.aio.wait_pool(client, [pool, other], progress=False)

    one, both = asyncio.run(work())
    assert both[0] == one
    assert [pool.last_close_reason for pool in both] == ["COMPLETED"] * 2
    assert not never_ends_on_our_loop()


# -- Arguments


class PoolId(Enum):
    CATS = 1


class KitPool:
    id = "1"


ONE: list[Any] = ["1", 1, np.int64(1), {"id": "1"}, tf.Row(id="1"), PoolId.CATS, KitPool()]
UUID_ID = uuid.UUID(int=1)


@pytest.mark.parametrize("pool_id", ONE, ids=lambda value: type(value).__name__)
def test_a_pool_is_named_in_every_form_of_an_id(pool_id: Any, scripted: Scripted) -> None:
    scripted.answers = [reply({"id": "1"} | COMPLETE)]
    assert tf.wait_pool(scripted.async_client(), pool_id, progress=False).id == "1"
    assert tf.wait_pool(scripted.async_client(), [pool_id], progress=False)[0].id == "1"
    assert set(scripted.requests) == {"GET /api/v1/pools/1"}


def test_several_pools_are_named_in_every_form_of_a_list(toloka: LocalToloka) -> None:
    client = toloka.client()
    pools = [open_pool(toloka, client, 5) for _ in range(2)]
    for pool in pools:
        toloka.answer(pool)
    ids = [pool.id for pool in pools]
    frame = client.get_pools().to_dataframe()
    for several in (ids, tuple(ids), iter(ids), pools, frame, frame["id"], frame["id"].to_numpy(), client.get_pools()):
        assert [pool.id for pool in tf.wait_pool(client, several, progress=False)] == ids


BAD: dict[str, tuple[tuple[Any, ...], dict[str, Any], str]] = {
    "no ids": (([],), {}, "no ids"),
    "no column": ((pd.DataFrame({"pool": ["1"]}),), {}, "without a column 'id'"),
    "bytes": ((b"12",), {}, "not empty"),  # as a list they are 49 and 50
    "float": ((1.5,), {}, "not a float"),
    "empty": (("",), {}, "not empty"),
    "one of several": ((["1", None],), {}, "not empty"),
    "every": (("1",), {"every": 0.5}, "from 1"),
    "every, none": (("1",), {"every": None}, "from 1"),
    "every, text": (("1",), {"every": "60"}, "number of seconds"),
    "every, yes": (("1",), {"every": True}, "number of seconds"),
    "timeout": (("1",), {"timeout": 0}, "above 0"),
    "progress": (("1",), {"progress": "bar"}, "not a way to show progress"),
}


@pytest.mark.parametrize(("args", "keywords", "message"), BAD.values(), ids=BAD)
def test_bad_arguments_are_refused_before_anything_is_sent(
    args: tuple[Any, ...], keywords: dict[str, Any], message: str, scripted: Scripted
) -> None:
    with pytest.raises(tf.InputError, match=message):
        tf.wait_pool(scripted.async_client(), *args, **keywords)
    assert scripted.requests == []


SECONDS: list[Any] = [60, 60.0, np.int64(60), np.float32(60), pd.Timedelta("1min"), timedelta(minutes=1)]


@pytest.mark.parametrize("seconds", SECONDS, ids=repr)
def test_times_are_given_in_every_form_of_a_number(seconds: Any, scripted: Scripted) -> None:
    scripted.answers = [reply({"id": "1"} | COMPLETE)]
    assert tf.wait_pool(scripted.async_client(), "1", every=seconds, timeout=seconds, progress=False).id == "1"


TITLES = {
    "Cats": "Cats (1)",
    None: "Pool 1",
    "two\nlines": "two lines (1)",
    "\x1b[2JCats\r": "[2JCats (1)",
    "\x1b": "Pool 1",
    "Кошки 🐈": "Кошки 🐈 (1)",
}


@pytest.mark.parametrize(("name", "title"), TITLES.items(), ids=repr)
def test_the_name_of_a_pool_is_one_line_that_does_not_move_the_cursor(name: str | None, title: str) -> None:
    assert pool_title({"id": "1", "private_name": name}) == title


def test_swapped_arguments_are_explained(scripted: Scripted) -> None:
    client: Any = scripted.async_client()
    with pytest.raises(tf.InputError, match="client, pool_ids"):
        tf.wait_pool("1", client)  # type: ignore[call-overload]
