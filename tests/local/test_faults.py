"""Each fault as a plain HTTP client sees it, and whether the request has taken effect."""

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
from support.raw_client import PROJECT, RawClient, task

from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from toloka_frames.local import Request

T = TypeVar("T")
RESET = (httpx.ReadError, httpx.WriteError)
A_WHILE = 20
FOREVER = 300


def begin(api: RawClient, pool_id: str, count_tasks: int = 1, operation_id: str | None = None) -> httpx.Response:
    """Begin an operation that creates tasks."""
    query = {"allow_defaults": "true", "async_mode": "true", "operation_id": operation_id or str(uuid.uuid4())}
    return api.post("/v1/tasks", [{"pool_id": pool_id, **task(number)} for number in range(count_tasks)], **query)


def count_tasks(api: RawClient, pool_id: str) -> int:
    return len(api.get("/v1/tasks", pool_id=pool_id, limit=1000)["items"])


def project_names(api: RawClient) -> list[str]:
    return [project["public_name"] for project in api.get("/v1/projects")["items"]]


def receive_raw(toloka: LocalToloka, path: str, method: str = "GET") -> tuple[bytes, bool]:
    """Send a request on a new socket; return everything received, and whether the connection ends with a reset."""
    url = httpx.URL(toloka.url)
    lines = (
        f"{method} /api{path} HTTP/1.1",
        f"Host: {toloka.url.removeprefix('http://')}",
        f"Authorization: ApiKey {toloka.token}",
        "",
        "",
    )
    received = b""
    with socket.create_connection((url.host, url.port), A_WHILE) as pipe:
        pipe.sendall("\r\n".join(lines).encode())
        try:
            while part := pipe.recv(65_536):
                received += part
        except ConnectionResetError:
            return received, True
    return received, False


def poll(get: Callable[[], T], is_last: Callable[[T], bool]) -> Iterator[T]:
    """Yield values until one is the last."""
    deadline = time.monotonic() + A_WHILE
    while time.monotonic() < deadline:
        value = get()
        yield value
        if is_last(value):
            return
        time.sleep(0.01)
    pytest.fail("no value was the last")


def wait_for_service(api: RawClient) -> None:
    """Wait until the service responds again."""
    retry_until(lambda: api.http.get("/v1/requester"), {200})


# Each fault


def test_lose_reply_resets_after_the_effect(toloka: LocalToloka, api: RawClient) -> None:
    lost = toloka.faults.lose_reply("POST /v1/projects", nth=1)
    with pytest.raises(RESET):
        api.create_project(public_name="Lost")
    assert project_names(api) == ["Lost"]
    assert lost.struck == 1
    assert api.create_project(public_name="Kept")


def test_lose_reply_before_resets_without_effect(toloka: LocalToloka, api: RawClient) -> None:
    toloka.faults.lose_reply("POST /v1/projects", when="before")
    with pytest.raises(RESET):
        api.create_project()
    assert project_names(api) == []


def test_lose_reply_sends_no_byte(toloka: LocalToloka) -> None:
    toloka.faults.lose_reply("GET /v1/pools")
    assert receive_raw(toloka, "/v1/pools") == (b"", True)


def test_answer_sends_the_service_s_envelope_without_effect(toloka: LocalToloka, api: RawClient) -> None:
    toloka.faults.answer(429, "POST /v1/projects", retry_after=1.5, interval="MIN", times=1)
    response = api.post("/v1/projects", PROJECT)
    assert (response.status_code, response.headers["Retry-After"]) == (429, "1.5")
    assert response.headers["Content-Type"] == "application/json"
    body = response.json()
    assert set(body) == {"request_id", "code", "message", "payload"}
    assert (body["code"], body["payload"]) == ("TOO_MANY_REQUESTS", {"interval": "MIN"})
    assert project_names(api) == []


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "ACCESS_DENIED"), (413, "ENTITY_TOO_LARGE"), (500, "INTERNAL_ERROR"), (503, "REMOTE_SERVICE_UNAVAILABLE")],
)
def test_each_status_has_its_error_code(toloka: LocalToloka, api: RawClient, status: int, code: str) -> None:
    toloka.faults.answer(status, "GET /v1/pools")
    response = api.http.get("/v1/pools")
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert set(response.json()) == {"request_id", "code", "message"}
    assert "Retry-After" not in response.headers


def test_the_error_code_can_be_set(toloka: LocalToloka, api: RawClient) -> None:
    toloka.faults.answer(409, "GET /v1/*", code="POOL_LOCKED_BY_ANOTHER_OPERATION")
    assert api.http.get("/v1/pools").json()["code"] == "POOL_LOCKED_BY_ANOTHER_OPERATION"


@pytest.mark.parametrize(("when", "made"), [("before", []), ("after", ["Cat or dog"])])
def test_html_sends_a_proxy_s_page(toloka: LocalToloka, api: RawClient, when: Any, made: list[str]) -> None:
    toloka.faults.html("POST /v1/projects", when=when)
    response = api.post("/v1/projects", PROJECT)
    assert (response.status_code, response.headers["Content-Type"]) == (502, "text/html")
    assert response.text.startswith("<html>")
    assert project_names(api) == made


@pytest.mark.parametrize("status", [300, 304, 307, 413, 599])
@pytest.mark.parametrize(("when", "made"), [("before", []), ("after", ["Cat or dog"])])
def test_any_status_can_come_from_the_service_or_a_proxy_before_or_after_the_effect(
    toloka: LocalToloka, api: RawClient, status: int, when: Any, made: list[str]
) -> None:
    toloka.faults.answer(status, "POST /v1/projects", code="SOME_CODE", when=when)
    response = api.post("/v1/projects", PROJECT)
    assert response.status_code == status
    assert status == 304 or response.json()["code"] == "SOME_CODE"
    assert project_names(api) == made
    toloka.faults.clear()
    toloka.faults.html("POST /v1/projects", status=status, when=when)
    response = api.post("/v1/projects", PROJECT)
    assert response.status_code == status
    assert status == 304 or response.text.startswith("<html>")
    assert project_names(api) == made * 2


def test_cut_resets_in_the_middle_of_the_body(toloka: LocalToloka, api: RawClient) -> None:
    api.create_project()
    size = len(api.http.get("/v1/projects").content)
    cut = toloka.faults.cut("GET /v1/projects")
    received, was_reset = receive_raw(toloka, "/v1/projects")
    head, _, body = received.partition(b"\r\n\r\n")
    assert f"content-length: {size}".encode() in head
    assert was_reset
    assert len(body) == size // 2
    assert cut.struck == 1


def test_cut_comes_after_the_effect(toloka: LocalToloka, api: RawClient) -> None:
    toloka.faults.cut("POST /v1/projects")
    with pytest.raises(RESET):
        api.create_project()
    assert project_names(api) == ["Cat or dog"]


def test_cut_sends_nothing_of_a_response_without_body(toloka: LocalToloka, api: RawClient) -> None:
    pool_id = api.create_pool()
    assert api.post(f"/v1/pools/{pool_id}/close").status_code == 204
    toloka.faults.cut("POST /v1/pools/*/close")
    assert receive_raw(toloka, f"/v1/pools/{pool_id}/close", "POST") == (b"", True)


def test_slow_pauses_in_the_middle_of_the_body(toloka: LocalToloka, api: RawClient) -> None:
    toloka.faults.slow("POST /v1/projects", seconds=FOREVER)
    # the timeout applies to the connection and the headers too, so it is not shorter
    with api.http.stream("POST", "/v1/projects", json=PROJECT, timeout=2) as response:
        parts = response.iter_raw()
        assert response.status_code == 201
        assert len(next(parts)) == int(response.headers["Content-Length"]) // 2
        with pytest.raises(httpx.ReadTimeout):
            next(parts)
    assert project_names(api) == ["Cat or dog"]


def test_slow_sends_the_whole_response(toloka: LocalToloka, api: RawClient) -> None:
    project = api.create_project()
    slow = toloka.faults.slow("GET /v1/projects/*", seconds=0.05)
    assert api.get(f"/v1/projects/{project['id']}") == project
    assert slow.struck == 1


def test_fail_operation_uses_up_the_operation_id(toloka: LocalToloka, api: RawClient) -> None:
    pool_id, operation_id = api.create_pool(), str(uuid.uuid4())
    toloka.faults.fail_operation("POST /v1/tasks", nth=2)
    unaffected, failed = begin(api, pool_id).json(), begin(api, pool_id, operation_id=operation_id)
    assert (failed.status_code, failed.json()["status"]) == (202, "PENDING")
    assert api.wait_operation(operation_id)["status"] == "FAIL"
    assert api.get(f"/v1/operations/{operation_id}/log") == []
    assert api.wait_operation(unaffected["id"])["status"] == "SUCCESS"
    again = begin(api, pool_id, operation_id=operation_id)
    assert (again.status_code, again.json()["code"]) == (409, "OPERATION_ALREADY_EXISTS")
    assert count_tasks(api, pool_id) == 1


def test_fail_operation_sees_only_requests_that_begin_an_operation(toloka: LocalToloka, api: RawClient) -> None:
    pool_id = api.create_pool()
    fault = toloka.faults.fail_operation("POST /v1/*", nth=1)
    api.create_tasks(pool_id, 2)
    assert (fault.seen, fault.struck) == (0, 0)
    assert api.run_operation(f"/v1/pools/{pool_id}/open")["status"] == "FAIL"
    assert api.get(f"/v1/pools/{pool_id}")["status"] == "CLOSED"
    assert (fault.seen, fault.struck) == (1, 1)


def test_call_gets_the_request_before_the_effect(toloka: LocalToloka, api: RawClient) -> None:
    seen: list[tuple[Request, list[str]]] = []
    toloka.faults.call("POST /v1/projects", lambda request: seen.append((request, project_names(api))), nth=1)
    api.create_project(public_name="First")
    api.create_project(public_name="Second")
    [(request, made)] = seen
    assert (request.method, request.path, request.query, request.status) == ("POST", "/api/v1/projects", {}, None)
    assert made == []


def test_call_gets_the_status_after_the_effect(toloka: LocalToloka, api: RawClient) -> None:
    seen: list[tuple[int | None, list[str]]] = []
    toloka.faults.call("POST /v1/projects", lambda request: seen.append((request.status, project_names(api))), when="after")
    api.create_project()
    assert seen == [(201, ["Cat or dog"])]


def test_any_number_of_called_functions_may_wait_for_each_other(toloka: LocalToloka, api: RawClient) -> None:
    together = threading.Barrier(40, timeout=A_WHILE)
    toloka.faults.call("GET /v1/pools", lambda _: together.wait())
    with ThreadPoolExecutor(40) as threads:
        assert {response.status_code for response in threads.map(lambda _: api.http.get("/v1/pools"), range(40))} == {200}


def test_a_called_function_may_close_the_service(toloka: LocalToloka, api: RawClient) -> None:
    toloka.faults.call("GET /v1/pools", lambda _: toloka.close())
    with pytest.raises(httpx.TransportError):
        api.get("/v1/pools")
    with pytest.raises(httpx.ConnectError):
        api.get("/v1/requester")


def test_an_error_of_a_called_function_is_logged_and_is_a_500(
    toloka: LocalToloka, api: RawClient, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_request: Request) -> None:
        raise AssertionError("not what the test expects")

    toloka.faults.call("GET /v1/pools", fail)
    assert api.http.get("/v1/pools").json()["code"] == "INTERNAL_ERROR"
    assert "not what the test expects" in caplog.text


# Restarts


@pytest.mark.parametrize(("when", "made"), [("before", ["Old"]), ("after", ["Old", "New"])])
def test_a_restarted_service_has_the_same_url_token_and_state(
    toloka: LocalToloka, api: RawClient, when: Any, made: list[str]
) -> None:
    url = toloka.url
    api.create_project(public_name="Old")
    restart = toloka.faults.restart("POST /v1/projects", when=when)
    with pytest.raises(RESET):
        api.create_project(public_name="New")
    wait_for_service(api)
    assert toloka.url == url
    assert project_names(api) == made
    assert restart.struck == 1


def test_during_an_outage_connections_are_reset_and_refused(toloka: LocalToloka, api: RawClient) -> None:
    toloka.faults.restart("POST /v1/projects", seconds=FOREVER)
    other = RawClient(toloka)
    with other.http, socket.create_connection((api.http.base_url.host, api.http.base_url.port or 0), A_WHILE) as idle:
        assert other.get("/v1/requester")
        with pytest.raises(RESET):
            api.create_project()
        with pytest.raises(ConnectionResetError):
            idle.recv(1)
        for client in (api, other):
            with pytest.raises(httpx.TransportError):
                client.get("/v1/requester")
            with pytest.raises(httpx.ConnectError):
                client.get("/v1/requester")


def test_requests_in_progress_end_with_the_service(toloka: LocalToloka, api: RawClient) -> None:
    in_progress, may_end = threading.Event(), threading.Event()

    def hold(_request: Request) -> None:
        in_progress.set()
        assert may_end.wait(A_WHILE)

    toloka.faults.call("POST /v1/projects", hold)
    toloka.faults.restart("GET /v1/pools", nth=1)
    with ThreadPoolExecutor() as threads:
        held = threads.submit(api.create_project)
        assert in_progress.wait(A_WHILE)
        with RawClient(toloka).http as other, pytest.raises(RESET):
            other.get("/v1/pools")
        with pytest.raises(RESET):
            held.result(A_WHILE)
        may_end.set()
    wait_for_service(api)
    assert project_names(api) == []
    assert [(request.method, request.status) for request in toloka.requests][:2] == [("GET", None), ("POST", None)]


def test_a_service_can_restart_several_times(toloka: LocalToloka, api: RawClient) -> None:
    restart = toloka.faults.restart("POST /v1/projects", times=5)
    for _ in range(5):
        with pytest.raises(RESET):
            api.create_project()
        wait_for_service(api)
    assert restart.struck == len(project_names(api)) == 5


@pytest.mark.parametrize("fault", ["slow", "restart"])
def test_a_slow_or_absent_service_closes_promptly_and_logs_nothing(fault: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    toloka = LocalToloka().start()
    getattr(toloka.faults, fault)("GET /v1/pools", seconds=FOREVER)
    with RawClient(toloka).http as http, pytest.raises(httpx.TransportError):
        http.get("/v1/pools", timeout=0.3)
    toloka.close()
    assert caplog.text == ""


def test_a_service_closes_while_a_client_waits_for_a_slow_response(toloka: LocalToloka, api: RawClient) -> None:
    requested = threading.Event()
    toloka.faults.slow("GET /v1/pools", seconds=FOREVER)
    toloka.faults.call("GET /v1/pools", lambda _: requested.set(), when="after")
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(api.get, "/v1/pools")
        assert requested.wait(A_WHILE)
        toloka.close()
        with pytest.raises(httpx.TransportError):
            waiting.result(A_WHILE)


# Hidden rows


def test_hidden_rows_are_in_no_list_but_exist(toloka: LocalToloka, api: RawClient) -> None:
    pool_id = api.create_pool()
    toloka.faults.hide(seconds=FOREVER)
    made = api.create_tasks(pool_id, 2)
    assert count_tasks(api, pool_id) == 0
    assert api.get(f"/v1/tasks/{made[0]['id']}") == made[0]
    toloka.faults.clear()
    assert count_tasks(api, pool_id) == 2


def test_hidden_rows_appear_in_the_order_of_creation(toloka: LocalToloka, api: RawClient) -> None:
    created: list[str] = []
    for seconds in (0.2, 5):  # a busy machine may look after the first has passed
        hidden = toloka.faults.hide("GET /v1/projects", seconds=seconds)
        for name in ("First", "Second", "Third"):
            api.create_project(public_name=f"{name}, hidden for {seconds} s")
            created.append(f"{name}, hidden for {seconds} s")
        for visible in poll(lambda: project_names(api), lambda visible: visible == created):
            assert visible == created[: len(visible)]
        if hidden.struck:
            break
    assert hidden.struck


def test_rows_of_simulated_work_are_hidden_as_long_as_others(toloka: LocalToloka, api: RawClient) -> None:
    pool_id = api.create_pool()
    api.create_tasks(pool_id, 1)
    api.run_operation(f"/v1/pools/{pool_id}/open")
    toloka.answer(pool_id)
    toloka.faults.hide("GET /v1/assignments", seconds=0.05)
    for _ in poll(lambda: api.get("/v1/assignments", pool_id=pool_id)["items"], lambda rows: len(rows) == 3):
        pass


def test_only_lists_hide_rows(toloka: LocalToloka, api: RawClient) -> None:
    project = api.create_project()
    hidden = toloka.faults.hide(seconds=FOREVER)
    api.get(f"/v1/projects/{project['id']}")
    api.get("/v1/requester")
    assert hidden.seen == 0
    assert project_names(api) == []
    assert (hidden.seen, hidden.struck) == (1, 1)


# Selection of requests


def statuses(api: RawClient, number: int, path: str = "/v1/pools") -> list[int]:
    return [api.http.get(path).status_code for _ in range(number)]


SELECTIONS: dict[str, tuple[dict[str, Any], list[int]]] = {
    "all": ({}, [500] * 5),
    "a number": ({"nth": 2}, [200, 500, 200, 200, 200]),
    "a set": ({"nth": {1, 4}}, [500, 200, 200, 500, 200]),
    "a range": ({"nth": range(2, 4)}, [200, 500, 500, 200, 200]),
    "the first ones": ({"times": 2}, [500, 500, 200, 200, 200]),
    "a share of 1": ({"share": 1}, [500] * 5),
}


@pytest.mark.parametrize(("selection", "expected"), SELECTIONS.values(), ids=SELECTIONS)
def test_requests_are_selected_by_number(
    toloka: LocalToloka, api: RawClient, selection: dict[str, Any], expected: list[int]
) -> None:
    fault = toloka.faults.answer(500, "GET /v1/pools", **selection)
    assert statuses(api, 5) == expected
    assert (fault.seen, fault.struck) == (5, expected.count(500))


def test_a_fault_counts_only_matching_requests_since_it_was_planned(toloka: LocalToloka, api: RawClient) -> None:
    statuses(api, 3)
    toloka.faults.answer(500, "GET /v1/pools", nth=2)
    assert statuses(api, 1) == [200]
    assert statuses(api, 3, "/v1/projects") == [200, 200, 200]
    assert statuses(api, 2) == [500, 200]


def test_a_share_depends_only_on_the_seed(toloka: LocalToloka, api: RawClient) -> None:
    def struck(**seed: int) -> list[int]:
        toloka.faults.clear()
        toloka.faults.answer(500, "GET /v1/pools", share=0.3, **seed)
        return statuses(api, 60)

    assert struck() == struck(seed=0) == struck()
    assert struck(seed=1) != struck(seed=0)
    assert 6 <= struck(seed=1).count(500) <= 30


def test_two_faults_of_the_same_share_select_different_requests(toloka: LocalToloka, api: RawClient) -> None:
    before = toloka.faults.html("GET /v1/pools", share=0.5)
    after = toloka.faults.lose_reply("GET /v1/pools", share=0.5)
    for _ in range(40):
        with suppress(*RESET):
            api.http.get("/v1/pools")
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
def test_a_star_matches_anything(api: RawClient, toloka: LocalToloka, pattern: str, matching: list[str]) -> None:
    toloka.faults.answer(500, pattern)
    requests = [request.split() for request in PATTERNS["* /*"]]
    assert [f"{method} {path}" for method, path in requests if api.http.request(method, path).status_code == 500] == matching


def test_patterns_ignore_the_query(toloka: LocalToloka, api: RawClient) -> None:
    toloka.faults.answer(500, "GET /v1/pools")
    assert api.http.get("/v1/pools", params={"limit": 1}).status_code == 500


# Several faults together


def test_the_fault_planned_first_strikes_and_later_ones_do_not_see_the_request(toloka: LocalToloka, api: RawClient) -> None:
    first = toloka.faults.answer(500, "GET /v1/*", nth=(1, 2))
    second = toloka.faults.answer(503, "GET /v1/pools", nth=1)
    assert statuses(api, 4) == [500, 500, 503, 200]
    assert (first.seen, second.seen) == (4, 2)


def test_faults_after_the_effect_do_not_see_requests_without_effect(toloka: LocalToloka, api: RawClient) -> None:
    lost = toloka.faults.lose_reply("GET /v1/pools", nth=1)
    toloka.faults.answer(500, "GET /v1/pools", nth=1)
    assert statuses(api, 1) == [500]
    with pytest.raises(RESET):
        api.get("/v1/pools")
    assert (lost.seen, lost.struck) == (1, 1)


def test_faults_that_do_not_end_a_request_come_in_addition(toloka: LocalToloka, api: RawClient) -> None:
    called: list[str] = []
    pool_id, operation_id = api.create_pool(), str(uuid.uuid4())
    toloka.faults.lose_reply("POST /v1/tasks", nth=1)
    toloka.faults.call("POST /v1/tasks", lambda request: called.append(f"{request.status}"))
    toloka.faults.call("POST /v1/tasks", lambda request: called.append(f"{request.status}"), when="after")
    toloka.faults.fail_operation("POST /v1/tasks", nth=1)
    with pytest.raises(RESET):
        begin(api, pool_id, operation_id=operation_id)
    assert called == ["None", "202"]
    assert api.wait_operation(operation_id)["status"] == "FAIL"
    assert begin(api, pool_id, operation_id=operation_id).status_code == 409
    assert all(fault.struck for fault in toloka.faults.plan)


def test_slow_and_cut_combine(toloka: LocalToloka, api: RawClient) -> None:
    api.create_project()
    toloka.faults.slow("GET /v1/projects", seconds=0.05)
    toloka.faults.cut("GET /v1/projects")
    with pytest.raises(RESET):
        api.get("/v1/projects")


def test_retries_with_an_operation_id_succeed_despite_all_faults_together(toloka: LocalToloka, api: RawClient) -> None:
    pool_id = api.create_pool()
    toloka.faults.answer(429, "POST /v1/tasks", retry_after=0, interval="MIN", share=0.2)
    toloka.faults.html("POST /v1/tasks", share=0.2)
    toloka.faults.lose_reply("POST /v1/tasks", share=0.3)
    toloka.faults.cut("* /v1/*", share=0.2)
    toloka.faults.slow("GET /v1/*", seconds=0.01, share=0.2)
    toloka.faults.lose_reply("POST /v1/tasks", share=0.1, when="before")
    toloka.faults.restart("POST /v1/tasks", nth=7)
    for _ in range(25):
        operation_id = str(uuid.uuid4())
        retry_until(lambda: begin(api, pool_id, 2, operation_id), {202, 409})  # noqa: B023  # called at once
        while retry_until(lambda: api.http.get(f"/v1/operations/{operation_id}"), {200}).json()["progress"] < 100:  # noqa: B023
            pass
    assert all(fault.struck for fault in toloka.faults.plan), toloka.faults
    toloka.faults.clear()
    assert count_tasks(api, pool_id) == 50


def retry_until(send: Callable[[], httpx.Response], statuses: set[int]) -> httpx.Response:
    """Send a request again until its response has one of the statuses."""
    for response in poll(partial(attempt, send), lambda response: response is not None and response.status_code in statuses):
        last = response
    assert last is not None
    return last


def attempt(send: Callable[[], httpx.Response]) -> httpx.Response | None:
    try:
        return send()
    except httpx.TransportError:
        return None


# Recorded requests and the plan


def test_requests_record_what_was_sent(toloka: LocalToloka, api: RawClient) -> None:
    toloka.faults.lose_reply("GET /v1/pools", nth=1)
    toloka.faults.html("GET /v1/pools", nth=1)
    toloka.faults.cut("GET /v1/pools", nth=1)
    toloka.faults.restart("GET /v1/projects")
    page = api.http.get("/v1/pools")
    for path in ("/v1/pools", "/v1/pools", "/v1/projects"):
        with pytest.raises(RESET):
            api.get(path)
    size = len(b'{"items":[],"has_more":false}')
    recorded = [(request.path, request.status, request.size) for request in toloka.requests]
    assert recorded == [
        ("/api/v1/pools", 502, len(page.content)),
        ("/api/v1/pools", None, 0),
        ("/api/v1/pools", 200, size // 2),
        ("/api/v1/projects", None, 0),
    ]


def test_the_plan_shows_its_counts(toloka: LocalToloka, api: RawClient) -> None:
    assert repr(toloka.faults) == "no faults are planned"
    first = toloka.faults.answer(500, "GET /v1/*", nth=(2, 3))
    second = toloka.faults.lose_reply("POST /v1/tasks", share=0.3, seed=5)
    assert toloka.faults.plan == [first, second]
    statuses(api, 2)
    assert repr(first) == "answer('GET /v1/*', nth=(2, 3)): struck 1 of 2"
    assert repr(toloka.faults).splitlines()[1] == "lose_reply('POST /v1/tasks', share=0.3, seed=5): struck 0 of 0"


def test_a_cleared_plan_does_nothing(toloka: LocalToloka, api: RawClient) -> None:
    fault = toloka.faults.answer(500, "* /*")
    assert statuses(api, 1) == [500]
    toloka.faults.clear()
    assert statuses(api, 1) == [200]
    assert toloka.faults.plan == []
    assert fault.struck == 1


def test_a_plan_is_independent_of_start_and_close() -> None:
    toloka = LocalToloka()
    fault = toloka.faults.answer(500, "GET /v1/pools")
    for _ in range(2):
        with toloka, RawClient(toloka).http as http:
            assert http.get("/v1/pools").status_code == 500
    assert fault.struck == 2


INVALID_PLANS: dict[str, Callable[[LocalToloka], object]] = {
    "no method": lambda toloka: toloka.faults.cut("/v1/tasks"),
    "an unknown method": lambda toloka: toloka.faults.cut("FETCH /v1/tasks"),
    "a method in lower case": lambda toloka: toloka.faults.cut("get /v1/tasks"),
    "no path": lambda toloka: toloka.faults.cut("GET"),
    "a path without a slash": lambda toloka: toloka.faults.cut("GET v1/tasks"),
    "a path with its prefix": lambda toloka: toloka.faults.cut("GET /api/v1/tasks"),
    "a query": lambda toloka: toloka.faults.cut("GET /v1/tasks?limit=1"),
    "a space in the path": lambda toloka: toloka.faults.cut("GET /v1/tasks "),
    "two selections": lambda toloka: toloka.faults.cut("* /*", nth=1, times=2),
    "the number 0": lambda toloka: toloka.faults.cut("* /*", nth=0),
    "no number": lambda toloka: toloka.faults.cut("* /*", nth=[]),
    "a number as text": lambda toloka: toloka.faults.cut("* /*", nth="2"),  # type: ignore[arg-type]
    "a boolean as number": lambda toloka: toloka.faults.cut("* /*", times=True),
    "zero times": lambda toloka: toloka.faults.cut("* /*", times=0),
    "a fraction of times": lambda toloka: toloka.faults.cut("* /*", times=1.5),  # type: ignore[arg-type]
    "a share above 1": lambda toloka: toloka.faults.cut("* /*", share=30),
    "a share of 0": lambda toloka: toloka.faults.cut("* /*", share=0),
    "a share of NaN": lambda toloka: toloka.faults.cut("* /*", share=float("nan")),
    "a seed without share": lambda toloka: toloka.faults.cut("* /*", times=1, seed=1),
    "an unknown moment": lambda toloka: toloka.faults.lose_reply("* /*", when="during"),  # type: ignore[arg-type]
    "a success status": lambda toloka: toloka.faults.answer(200, "* /*"),
    "an unknown status": lambda toloka: toloka.faults.html("* /*", status=5020),
    "a status without an error code": lambda toloka: toloka.faults.answer(418, "* /*"),
    "an interval without 429": lambda toloka: toloka.faults.answer(503, "* /*", interval="MIN"),
    "an unknown interval": lambda toloka: toloka.faults.answer(429, "* /*", interval="SEC"),  # type: ignore[arg-type]
    "negative seconds": lambda toloka: toloka.faults.slow("* /*", seconds=-1),
    "infinite seconds": lambda toloka: toloka.faults.hide(seconds=float("inf")),
    "seconds as text": lambda toloka: toloka.faults.restart("* /*", seconds="1"),  # type: ignore[arg-type]
    "no function": lambda toloka: toloka.faults.call("* /*", None),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("plan", INVALID_PLANS.values(), ids=INVALID_PLANS)
def test_invalid_arguments_are_rejected_when_planned(plan: Callable[[LocalToloka], object]) -> None:
    toloka = LocalToloka()
    with pytest.raises(ValueError, match=r"\w"):
        plan(toloka)
    assert toloka.faults.plan == []
