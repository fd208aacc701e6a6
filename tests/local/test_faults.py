"""Every fault as a plain HTTP client sees it, and what of its request has taken effect."""

from __future__ import annotations

import logging
import socket
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
import pytest
from support.raw_client import PROJECT, Wire, task

from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from toloka_frames.local import Request

T = TypeVar("T")
RESET = (httpx.ReadError, httpx.WriteError)
A_WHILE = 20
FOR_EVER = 300


def begin(wire: Wire, pool_id: str, count: int = 1, operation_id: str | None = None) -> httpx.Response:
    """Have tasks made by an operation."""
    query = {"allow_defaults": "true", "async_mode": "true", "operation_id": operation_id or str(uuid.uuid4())}
    return wire.post("/v1/tasks", [{"pool_id": pool_id, **task(number)} for number in range(count)], **query)


def count(wire: Wire, pool_id: str) -> int:
    return len(wire.get("/v1/tasks", pool_id=pool_id, limit=1000)["items"])


def names(wire: Wire) -> list[str]:
    return [project["public_name"] for project in wire.get("/v1/projects")["items"]]


def raw(toloka: LocalToloka, path: str, method: str = "GET") -> tuple[bytes, bool]:
    """What comes back on a socket of its own until it ends, and whether it ends with a reset."""
    url = httpx.URL(toloka.url)
    lines = (f"{method} /api{path} HTTP/1.1", "Host: local", f"Authorization: ApiKey {toloka.token}", "", "")
    received = b""
    with socket.create_connection((url.host, url.port), A_WHILE) as pipe:
        pipe.sendall("\r\n".join(lines).encode())
        try:
            while part := pipe.recv(65_536):
                received += part
        except ConnectionResetError:
            return received, True
    return received, False


def until(look: Callable[[], T], enough: Callable[[T], bool]) -> Iterator[T]:
    """What is seen, look after look, up to the one that is enough."""
    deadline = time.monotonic() + A_WHILE
    while time.monotonic() < deadline:
        seen = look()
        yield seen
        if enough(seen):
            return
        time.sleep(0.01)
    pytest.fail("that does not happen")


def wait_for(wire: Wire) -> None:
    """Until the service answers again."""
    insist(lambda: wire.http.get("/v1/requester"), {200})


# What goes wrong


def test_a_lost_reply_is_a_reset_after_the_effect(toloka: LocalToloka, wire: Wire) -> None:
    lost = toloka.faults.lose_reply("POST /v1/projects", nth=1)
    with pytest.raises(RESET):
        wire.project(public_name="Lost")
    assert names(wire) == ["Lost"]
    assert lost.struck == 1
    assert wire.project(public_name="Kept")


def test_a_lost_request_is_a_reset_without_effect(toloka: LocalToloka, wire: Wire) -> None:
    toloka.faults.lose_reply("POST /v1/projects", when="before")
    with pytest.raises(RESET):
        wire.project()
    assert names(wire) == []


def test_nothing_of_a_lost_reply_goes_out(toloka: LocalToloka) -> None:
    toloka.faults.lose_reply("GET /v1/pools")
    assert raw(toloka, "/v1/pools") == (b"", True)


def test_a_refusal_is_the_service_s_own_and_has_no_effect(toloka: LocalToloka, wire: Wire) -> None:
    toloka.faults.answer(429, "POST /v1/projects", retry_after=1.5, interval="MIN", times=1)
    reply = wire.post("/v1/projects", PROJECT)
    assert (reply.status_code, reply.headers["Retry-After"]) == (429, "1.5")
    assert reply.headers["Content-Type"] == "application/json"
    said = reply.json()
    assert set(said) == {"request_id", "code", "message", "payload"}
    assert (said["code"], said["payload"]) == ("TOO_MANY_REQUESTS", {"interval": "MIN"})
    assert names(wire) == []


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "ACCESS_DENIED"), (413, "ENTITY_TOO_LARGE"), (500, "INTERNAL_ERROR"), (503, "REMOTE_SERVICE_UNAVAILABLE")],
)
def test_each_status_has_its_code(toloka: LocalToloka, wire: Wire, status: int, code: str) -> None:
    toloka.faults.answer(status, "GET /v1/pools")
    reply = wire.http.get("/v1/pools")
    assert (reply.status_code, reply.json()["code"]) == (status, code)
    assert set(reply.json()) == {"request_id", "code", "message"}
    assert "Retry-After" not in reply.headers


def test_another_code_can_be_given(toloka: LocalToloka, wire: Wire) -> None:
    toloka.faults.answer(409, "GET /v1/*", code="POOL_LOCKED_BY_ANOTHER_OPERATION")
    assert wire.http.get("/v1/pools").json()["code"] == "POOL_LOCKED_BY_ANOTHER_OPERATION"


@pytest.mark.parametrize(("when", "made"), [("before", []), ("after", ["Cat or dog"])])
def test_a_proxy_s_page_is_html(toloka: LocalToloka, wire: Wire, when: Any, made: list[str]) -> None:
    toloka.faults.html("POST /v1/projects", when=when)
    reply = wire.post("/v1/projects", PROJECT)
    assert (reply.status_code, reply.headers["Content-Type"]) == (502, "text/html")
    assert reply.text.startswith("<html>")
    assert names(wire) == made


def test_a_cut_answer_ends_with_a_reset_in_the_middle_of_its_body(toloka: LocalToloka, wire: Wire) -> None:
    wire.project()
    whole = len(wire.http.get("/v1/projects").content)
    cut = toloka.faults.cut("GET /v1/projects")
    received, was_reset = raw(toloka, "/v1/projects")
    head, _, body = received.partition(b"\r\n\r\n")
    assert f"content-length: {whole}".encode() in head
    assert was_reset
    assert len(body) == whole // 2
    assert cut.struck == 1


def test_a_cut_answer_has_had_its_effect(toloka: LocalToloka, wire: Wire) -> None:
    toloka.faults.cut("POST /v1/projects")
    with pytest.raises(RESET):
        wire.project()
    assert names(wire) == ["Cat or dog"]


def test_an_answer_without_body_is_cut_before_it_begins(toloka: LocalToloka, wire: Wire) -> None:
    pool_id = wire.pool()
    assert wire.post(f"/v1/pools/{pool_id}/close").status_code == 204
    toloka.faults.cut("POST /v1/pools/*/close")
    assert raw(toloka, f"/v1/pools/{pool_id}/close", "POST") == (b"", True)


def test_a_slow_answer_stops_in_the_middle_of_its_body(toloka: LocalToloka, wire: Wire) -> None:
    toloka.faults.slow("POST /v1/projects", seconds=FOR_EVER)
    with wire.http.stream("POST", "/v1/projects", json=PROJECT, timeout=0.3) as reply:
        parts = reply.iter_raw()
        assert reply.status_code == 201
        assert len(next(parts)) == int(reply.headers["Content-Length"]) // 2
        with pytest.raises(httpx.ReadTimeout):
            next(parts)
    assert names(wire) == ["Cat or dog"]


def test_a_slow_answer_comes_whole(toloka: LocalToloka, wire: Wire) -> None:
    at_once = wire.project()
    slow = toloka.faults.slow("GET /v1/projects/*", seconds=0.05)
    assert wire.get(f"/v1/projects/{at_once['id']}") == at_once
    assert slow.struck == 1


def test_an_operation_can_fail_and_its_id_is_used_up(toloka: LocalToloka, wire: Wire) -> None:
    pool_id, operation_id = wire.pool(), str(uuid.uuid4())
    toloka.faults.fail_operation("POST /v1/tasks", nth=2)
    fine, failed = begin(wire, pool_id).json(), begin(wire, pool_id, operation_id=operation_id)
    assert (failed.status_code, failed.json()["status"]) == (202, "PENDING")
    assert wire.finished(operation_id)["status"] == "FAIL"
    assert wire.get(f"/v1/operations/{operation_id}/log") == []
    assert wire.finished(fine["id"])["status"] == "SUCCESS"
    again = begin(wire, pool_id, operation_id=operation_id)
    assert (again.status_code, again.json()["code"]) == (409, "OPERATION_ALREADY_EXISTS")
    assert count(wire, pool_id) == 1


def test_only_requests_that_begin_an_operation_can_fail_it(toloka: LocalToloka, wire: Wire) -> None:
    pool_id = wire.pool()
    fault = toloka.faults.fail_operation("POST /v1/*", nth=1)
    wire.tasks(pool_id, 2)
    assert (fault.seen, fault.struck) == (0, 0)
    assert wire.done(f"/v1/pools/{pool_id}/open")["status"] == "FAIL"
    assert wire.get(f"/v1/pools/{pool_id}")["status"] == "CLOSED"
    assert (fault.seen, fault.struck) == (1, 1)


def test_a_function_is_called_before_the_effect_with_the_request(toloka: LocalToloka, wire: Wire) -> None:
    seen: list[tuple[Request, list[str]]] = []
    toloka.faults.call("POST /v1/projects", lambda request: seen.append((request, names(wire))), nth=1)
    wire.project(public_name="First")
    wire.project(public_name="Second")
    [(request, made)] = seen
    assert (request.method, request.path, request.query, request.status) == ("POST", "/api/v1/projects", {}, None)
    assert made == []


def test_a_function_is_called_after_the_effect_with_the_answer_s_status(toloka: LocalToloka, wire: Wire) -> None:
    seen: list[tuple[int | None, list[str]]] = []
    toloka.faults.call("POST /v1/projects", lambda request: seen.append((request.status, names(wire))), when="after")
    wire.project()
    assert seen == [(201, ["Cat or dog"])]


def test_any_number_of_functions_may_wait_for_each_other(toloka: LocalToloka, wire: Wire) -> None:
    together = threading.Barrier(40, timeout=A_WHILE)
    toloka.faults.call("GET /v1/pools", lambda _: together.wait())
    with ThreadPoolExecutor(40) as threads:
        assert {reply.status_code for reply in threads.map(lambda _: wire.http.get("/v1/pools"), range(40))} == {200}


def test_a_function_may_close_the_service(toloka: LocalToloka, wire: Wire) -> None:
    toloka.faults.call("GET /v1/pools", lambda _: toloka.close())
    with pytest.raises(httpx.TransportError):
        wire.get("/v1/pools")
    with pytest.raises(httpx.ConnectError):
        wire.get("/v1/requester")


def test_what_a_function_raises_is_logged_and_answered(
    toloka: LocalToloka, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_request: Request) -> None:
        raise AssertionError("not what the test expects")

    toloka.faults.call("GET /v1/pools", fail)
    assert wire.http.get("/v1/pools").json()["code"] == "INTERNAL_ERROR"
    assert "not what the test expects" in caplog.text


# A service that is killed and started again


@pytest.mark.parametrize(("when", "made"), [("before", ["Old"]), ("after", ["Old", "New"])])
def test_a_restarted_service_has_the_same_address_token_and_state(
    toloka: LocalToloka, wire: Wire, when: Any, made: list[str]
) -> None:
    url = toloka.url
    wire.project(public_name="Old")
    restart = toloka.faults.restart("POST /v1/projects", when=when)
    with pytest.raises(RESET):
        wire.project(public_name="New")
    wait_for(wire)
    assert toloka.url == url
    assert names(wire) == made
    assert restart.struck == 1


def test_while_a_service_is_away_its_port_refuses_and_all_its_connections_are_reset(toloka: LocalToloka, wire: Wire) -> None:
    toloka.faults.restart("POST /v1/projects", seconds=FOR_EVER)
    other = Wire(toloka)
    with other.http, socket.create_connection((wire.http.base_url.host, wire.http.base_url.port or 0), A_WHILE) as idle:
        assert other.get("/v1/requester")
        with pytest.raises(RESET):
            wire.project()
        with pytest.raises(ConnectionResetError):
            idle.recv(1)
        for client in (wire, other):
            with pytest.raises(httpx.TransportError):
                client.get("/v1/requester")
            with pytest.raises(httpx.ConnectError):
                client.get("/v1/requester")


def test_requests_in_hand_die_with_the_service(toloka: LocalToloka, wire: Wire) -> None:
    in_hand, go_on = threading.Event(), threading.Event()

    def hold(_request: Request) -> None:
        in_hand.set()
        assert go_on.wait(A_WHILE)

    toloka.faults.call("POST /v1/projects", hold)
    toloka.faults.restart("GET /v1/pools", nth=1)
    with ThreadPoolExecutor() as threads:
        held = threads.submit(wire.project)
        assert in_hand.wait(A_WHILE)
        with Wire(toloka).http as other, pytest.raises(RESET):
            other.get("/v1/pools")
        with pytest.raises(RESET):
            held.result(A_WHILE)
        go_on.set()
    wait_for(wire)
    assert names(wire) == []
    assert [(request.method, request.status) for request in toloka.requests][:2] == [("GET", None), ("POST", None)]


def test_a_service_can_be_killed_again_and_again(toloka: LocalToloka, wire: Wire) -> None:
    restart = toloka.faults.restart("POST /v1/projects", times=5)
    for _ in range(5):
        with pytest.raises(RESET):
            wire.project()
        wait_for(wire)
    assert restart.struck == len(names(wire)) == 5


@pytest.mark.parametrize("fault", ["slow", "restart"])
def test_a_service_that_is_slow_or_away_closes_promptly_and_without_a_word(
    fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    toloka = LocalToloka().start()
    getattr(toloka.faults, fault)("GET /v1/pools", seconds=FOR_EVER)
    with Wire(toloka).http as http, pytest.raises(httpx.TransportError):
        http.get("/v1/pools", timeout=0.3)
    toloka.close()
    assert caplog.text == ""


def test_a_service_closes_although_someone_waits_for_a_slow_answer(toloka: LocalToloka, wire: Wire) -> None:
    asked = threading.Event()
    toloka.faults.slow("GET /v1/pools", seconds=FOR_EVER)
    toloka.faults.call("GET /v1/pools", lambda _: asked.set(), when="after")
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(wire.get, "/v1/pools")
        assert asked.wait(A_WHILE)
        toloka.close()
        with pytest.raises(httpx.TransportError):
            waiting.result(A_WHILE)


# Rows that become visible late


def test_hidden_rows_are_in_no_list_but_are_there(toloka: LocalToloka, wire: Wire) -> None:
    pool_id = wire.pool()
    toloka.faults.hide(seconds=FOR_EVER)
    made = wire.tasks(pool_id, 2)
    assert count(wire, pool_id) == 0
    assert wire.get(f"/v1/tasks/{made[0]['id']}") == made[0]
    toloka.faults.clear()
    assert count(wire, pool_id) == 2


def test_hidden_rows_come_in_the_order_in_which_they_were_made(toloka: LocalToloka, wire: Wire) -> None:
    made = ["First", "Second", "Third"]
    hidden = toloka.faults.hide("GET /v1/projects", seconds=0.2)
    for name in made:
        wire.project(public_name=name)
    for seen in until(lambda: names(wire), lambda seen: seen == made):
        assert seen == made[: len(seen)]
    assert hidden.struck > 0


def test_work_ahead_of_the_clock_is_hidden_only_that_long(toloka: LocalToloka, wire: Wire) -> None:
    pool_id = wire.pool()
    wire.tasks(pool_id, 1)
    wire.done(f"/v1/pools/{pool_id}/open")
    toloka.answer(pool_id)
    toloka.faults.hide("GET /v1/assignments", seconds=0.05)
    for _ in until(lambda: wire.get("/v1/assignments", pool_id=pool_id)["items"], lambda seen: len(seen) == 3):
        pass


def test_only_lists_hide(toloka: LocalToloka, wire: Wire) -> None:
    project = wire.project()
    hidden = toloka.faults.hide(seconds=FOR_EVER)
    wire.get(f"/v1/projects/{project['id']}")
    wire.get("/v1/requester")
    assert hidden.seen == 0
    assert names(wire) == []
    assert (hidden.seen, hidden.struck) == (1, 1)


# Which requests


def statuses(wire: Wire, number: int, path: str = "/v1/pools") -> list[int]:
    return [wire.http.get(path).status_code for _ in range(number)]


CHOICES: dict[str, tuple[dict[str, Any], list[int]]] = {
    "all": ({}, [500] * 5),
    "one": ({"nth": 2}, [200, 500, 200, 200, 200]),
    "some": ({"nth": {1, 4}}, [500, 200, 200, 500, 200]),
    "a range": ({"nth": range(2, 4)}, [200, 500, 500, 200, 200]),
    "the first": ({"times": 2}, [500, 500, 200, 200, 200]),
    "certainly": ({"share": 1}, [500] * 5),
}


@pytest.mark.parametrize(("which", "expected"), CHOICES.values(), ids=CHOICES)
def test_requests_are_chosen_by_number(toloka: LocalToloka, wire: Wire, which: dict[str, Any], expected: list[int]) -> None:
    fault = toloka.faults.answer(500, "GET /v1/pools", **which)
    assert statuses(wire, 5) == expected
    assert (fault.seen, fault.struck) == (5, expected.count(500))


def test_a_fault_counts_only_its_requests_and_from_when_it_was_planned(toloka: LocalToloka, wire: Wire) -> None:
    statuses(wire, 3)
    toloka.faults.answer(500, "GET /v1/pools", nth=2)
    assert statuses(wire, 1) == [200]
    assert statuses(wire, 3, "/v1/projects") == [200, 200, 200]
    assert statuses(wire, 2) == [500, 200]


def test_a_share_is_the_same_for_the_same_seed(toloka: LocalToloka, wire: Wire) -> None:
    def struck(**seed: int) -> list[int]:
        toloka.faults.clear()
        toloka.faults.answer(500, "GET /v1/pools", share=0.3, **seed)
        return statuses(wire, 60)

    assert struck() == struck(seed=0) == struck()
    assert struck(seed=1) != struck(seed=0)
    assert 6 <= struck(seed=1).count(500) <= 30


def test_two_faults_of_one_share_strike_each_their_own(toloka: LocalToloka, wire: Wire) -> None:
    before = toloka.faults.html("GET /v1/pools", share=0.5)
    after = toloka.faults.lose_reply("GET /v1/pools", share=0.5)
    for _ in range(40):
        with suppress(*RESET):
            wire.http.get("/v1/pools")
    assert before.seen == 40
    assert after.seen == 40 - before.struck
    assert 0 < after.struck < after.seen


PATTERNS = {
    "POST /v1/projects": ["POST /v1/projects"],
    "GET /v1/projects": ["GET /v1/projects"],
    "* /v1/projects": ["POST /v1/projects", "GET /v1/projects"],
    "GET /v1/*": ["GET /v1/projects", "GET /v1/projects/1", "GET /v1/pools"],
    "GET /*projects*": ["GET /v1/projects", "GET /v1/projects/1", "GET /app/v0/app-projects"],
    "* /*": ["POST /v1/projects", "GET /v1/projects", "GET /v1/projects/1", "GET /v1/pools", "GET /app/v0/app-projects"],
    "GET /v1/p": [],
    "GET /v1/pool.": [],
}


@pytest.mark.parametrize(("pattern", "matching"), PATTERNS.items(), ids=PATTERNS)
def test_a_star_stands_for_anything(wire: Wire, toloka: LocalToloka, pattern: str, matching: list[str]) -> None:
    toloka.faults.answer(500, pattern)
    asked = [request.split() for request in PATTERNS["* /*"]]
    assert [f"{method} {path}" for method, path in asked if wire.http.request(method, path).status_code == 500] == matching


def test_the_query_does_not_matter(toloka: LocalToloka, wire: Wire) -> None:
    toloka.faults.answer(500, "GET /v1/pools")
    assert wire.http.get("/v1/pools", params={"limit": 1}).status_code == 500


# Several faults


def test_the_fault_planned_first_strikes_and_later_ones_do_not_see_the_request(toloka: LocalToloka, wire: Wire) -> None:
    first = toloka.faults.answer(500, "GET /v1/*", nth=(1, 2))
    second = toloka.faults.answer(503, "GET /v1/pools", nth=1)
    assert statuses(wire, 4) == [500, 500, 503, 200]
    assert (first.seen, second.seen) == (4, 2)


def test_a_request_without_effect_is_not_seen_by_what_comes_after_effects(toloka: LocalToloka, wire: Wire) -> None:
    lost = toloka.faults.lose_reply("GET /v1/pools", nth=1)
    toloka.faults.answer(500, "GET /v1/pools", nth=1)
    assert statuses(wire, 1) == [500]
    with pytest.raises(RESET):
        wire.get("/v1/pools")
    assert (lost.seen, lost.struck) == (1, 1)


def test_what_lets_a_request_go_on_comes_on_top(toloka: LocalToloka, wire: Wire) -> None:
    called: list[str] = []
    pool_id, operation_id = wire.pool(), str(uuid.uuid4())
    toloka.faults.lose_reply("POST /v1/tasks", nth=1)
    toloka.faults.call("POST /v1/tasks", lambda request: called.append(f"{request.status}"))
    toloka.faults.call("POST /v1/tasks", lambda request: called.append(f"{request.status}"), when="after")
    toloka.faults.fail_operation("POST /v1/tasks", nth=1)
    with pytest.raises(RESET):
        begin(wire, pool_id, operation_id=operation_id)
    assert called == ["None", "202"]
    assert wire.finished(operation_id)["status"] == "FAIL"
    assert begin(wire, pool_id, operation_id=operation_id).status_code == 409
    assert all(fault.struck for fault in toloka.faults.plan)


def test_a_slow_answer_can_be_cut(toloka: LocalToloka, wire: Wire) -> None:
    wire.project()
    toloka.faults.slow("GET /v1/projects", seconds=0.05)
    toloka.faults.cut("GET /v1/projects")
    with pytest.raises(RESET):
        wire.get("/v1/projects")


def test_whoever_repeats_with_an_operation_id_gets_through_everything_at_once(toloka: LocalToloka, wire: Wire) -> None:
    pool_id = wire.pool()
    toloka.faults.answer(429, "POST /v1/tasks", retry_after=0, interval="MIN", share=0.2)
    toloka.faults.html("POST /v1/tasks", share=0.2)
    toloka.faults.lose_reply("POST /v1/tasks", share=0.3)
    toloka.faults.cut("* /v1/*", share=0.2)
    toloka.faults.slow("GET /v1/*", seconds=0.01, share=0.2)
    toloka.faults.lose_reply("POST /v1/tasks", share=0.1, when="before")
    toloka.faults.restart("POST /v1/tasks", nth=7)
    for _ in range(25):
        operation_id = str(uuid.uuid4())
        insist(lambda: begin(wire, pool_id, 2, operation_id), {202, 409})  # noqa: B023  # called at once
        while insist(lambda: wire.http.get(f"/v1/operations/{operation_id}"), {200}).json()["progress"] < 100:  # noqa: B023
            pass
    assert all(fault.struck for fault in toloka.faults.plan), toloka.faults
    toloka.faults.clear()
    assert count(wire, pool_id) == 50


def insist(ask: Callable[[], httpx.Response], enough: set[int]) -> httpx.Response:
    """Ask again and again, as a client with endless patience does."""
    for reply in until(partial(attempt, ask), lambda reply: reply is not None and reply.status_code in enough):
        last = reply
    assert last is not None
    return last


def attempt(ask: Callable[[], httpx.Response]) -> httpx.Response | None:
    try:
        return ask()
    except httpx.TransportError:
        return None


# What is noted and told


def test_a_request_is_noted_with_what_went_out(toloka: LocalToloka, wire: Wire) -> None:
    toloka.faults.lose_reply("GET /v1/pools", nth=1)
    toloka.faults.html("GET /v1/pools", nth=1)
    toloka.faults.cut("GET /v1/pools", nth=1)
    toloka.faults.restart("GET /v1/projects")
    page = wire.http.get("/v1/pools")
    for path in ("/v1/pools", "/v1/pools", "/v1/projects"):
        with pytest.raises(RESET):
            wire.get(path)
    whole = len(b'{"items":[],"has_more":false}')
    noted = [(request.path, request.status, request.size) for request in toloka.requests]
    assert noted == [
        ("/api/v1/pools", 502, len(page.content)),
        ("/api/v1/pools", None, 0),
        ("/api/v1/pools", 200, whole // 2),
        ("/api/v1/projects", None, 0),
    ]


def test_the_plan_tells_what_has_happened(toloka: LocalToloka, wire: Wire) -> None:
    assert repr(toloka.faults) == "no faults are planned"
    first = toloka.faults.answer(500, "GET /v1/*", nth=(2, 3))
    second = toloka.faults.lose_reply("POST /v1/tasks", share=0.3, seed=5)
    assert toloka.faults.plan == [first, second]
    statuses(wire, 2)
    assert repr(first) == "answer('GET /v1/*', nth=(2, 3)): struck 1 of 2"
    assert repr(toloka.faults).splitlines()[1] == "lose_reply('POST /v1/tasks', share=0.3, seed=5): struck 0 of 0"


def test_a_cleared_plan_does_nothing(toloka: LocalToloka, wire: Wire) -> None:
    fault = toloka.faults.answer(500, "* /*")
    assert statuses(wire, 1) == [500]
    toloka.faults.clear()
    assert statuses(wire, 1) == [200]
    assert toloka.faults.plan == []
    assert fault.struck == 1


def test_a_plan_can_be_made_before_the_start_and_outlives_a_close() -> None:
    toloka = LocalToloka()
    fault = toloka.faults.answer(500, "GET /v1/pools")
    for _ in range(2):
        with toloka, Wire(toloka).http as http:
            assert http.get("/v1/pools").status_code == 500
    assert fault.struck == 2


NONSENSE: dict[str, Callable[[LocalToloka], object]] = {
    "no method": lambda toloka: toloka.faults.cut("/v1/tasks"),
    "an unknown method": lambda toloka: toloka.faults.cut("FETCH /v1/tasks"),
    "a method in small letters": lambda toloka: toloka.faults.cut("get /v1/tasks"),
    "no path": lambda toloka: toloka.faults.cut("GET"),
    "a path that is none": lambda toloka: toloka.faults.cut("GET v1/tasks"),
    "a path with its prefix": lambda toloka: toloka.faults.cut("GET /api/v1/tasks"),
    "a query": lambda toloka: toloka.faults.cut("GET /v1/tasks?limit=1"),
    "a blank in the path": lambda toloka: toloka.faults.cut("GET /v1/tasks "),
    "two choices": lambda toloka: toloka.faults.cut("* /*", nth=1, times=2),
    "the request before the first": lambda toloka: toloka.faults.cut("* /*", nth=0),
    "no request": lambda toloka: toloka.faults.cut("* /*", nth=[]),
    "a number in words": lambda toloka: toloka.faults.cut("* /*", nth="2"),  # type: ignore[arg-type]
    "a truth as number": lambda toloka: toloka.faults.cut("* /*", times=True),
    "no times": lambda toloka: toloka.faults.cut("* /*", times=0),
    "half a time": lambda toloka: toloka.faults.cut("* /*", times=1.5),  # type: ignore[arg-type]
    "more than all": lambda toloka: toloka.faults.cut("* /*", share=30),
    "no share": lambda toloka: toloka.faults.cut("* /*", share=0),
    "not a number": lambda toloka: toloka.faults.cut("* /*", share=float("nan")),
    "a seed for nothing": lambda toloka: toloka.faults.cut("* /*", times=1, seed=1),
    "a moment that is none": lambda toloka: toloka.faults.lose_reply("* /*", when="during"),  # type: ignore[arg-type]
    "a status of success": lambda toloka: toloka.faults.answer(200, "* /*"),
    "a status that is none": lambda toloka: toloka.faults.html("* /*", status=5020),
    "a status without code": lambda toloka: toloka.faults.answer(418, "* /*"),
    "an interval without quota": lambda toloka: toloka.faults.answer(503, "* /*", interval="MIN"),
    "an interval that is none": lambda toloka: toloka.faults.answer(429, "* /*", interval="SEC"),  # type: ignore[arg-type]
    "seconds that go back": lambda toloka: toloka.faults.slow("* /*", seconds=-1),
    "seconds without end": lambda toloka: toloka.faults.hide(seconds=float("inf")),
    "a pause that is no number": lambda toloka: toloka.faults.restart("* /*", seconds="1"),  # type: ignore[arg-type]
    "no function": lambda toloka: toloka.faults.call("* /*", None),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("plan", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_refused_at_once(plan: Callable[[LocalToloka], object]) -> None:
    toloka = LocalToloka()
    with pytest.raises(ValueError, match=r"\w"):
        plan(toloka)
    assert toloka.faults.plan == []
