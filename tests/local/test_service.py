from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from pathlib import Path

    from support.raw_client import Wire


def headers(toloka: LocalToloka) -> dict[str, str]:
    return {"Authorization": f"ApiKey {toloka.token}"}


def test_the_token_is_asked_for(toloka: LocalToloka) -> None:
    for credentials in ({}, {"Authorization": "ApiKey other"}, {"Authorization": toloka.token}):
        reply = httpx.get(f"{toloka.url}/api/v1/requester", headers=credentials)
        assert reply.status_code == 401
        assert reply.json()["code"] == "AUTHENTICATION_ERROR"
        assert set(reply.json()) == {"request_id", "code", "message"}


def test_both_kinds_of_token_are_taken(toloka: LocalToloka) -> None:
    for kind in ("ApiKey", "OAuth"):
        reply = httpx.get(f"{toloka.url}/api/v1/requester", headers={"Authorization": f"{kind} {toloka.token}"})
        assert reply.status_code == 200
        assert set(reply.json()) >= {"id", "balance", "public_name"}


def test_a_new_token_has_the_shape_of_an_api_key(toloka: LocalToloka) -> None:
    assert toloka.token.count(".") == 2
    assert toloka.token.index(".") == 22


def test_a_token_can_be_given() -> None:
    with LocalToloka(token="mine") as toloka:  # noqa: S106  # no secret: the service dies with the test
        assert toloka.token == "mine"  # noqa: S105  # as above
        assert httpx.get(f"{toloka.url}/api/v1/requester", headers=headers(toloka)).status_code == 200


def test_unknown_paths_objects_methods_types_and_bodies_have_their_errors(wire: Wire) -> None:
    wire_http = wire.http
    replies = {
        (404, "NOT_FOUND"): wire_http.get("/v1/nothing"),
        (404, "DOES_NOT_EXIST"): wire_http.get("/v1/pools/1"),
        (405, "METHOD_NOT_ALLOWED"): wire_http.delete("/v1/pools"),
        (415, "UNSUPPORTED_MEDIA_TYPE"): wire_http.post("/v1/projects", content=b"{}"),
        (400, "VALIDATION_ERROR"): wire_http.post("/v1/projects", content=b"{", headers={"Content-Type": "application/json"}),
    }
    for (status, code), reply in replies.items():
        assert (reply.status_code, reply.json()["code"]) == (status, code)


def test_an_id_that_cannot_be_is_an_object_that_is_not(wire: Wire) -> None:
    for path in ("/v1/pools/abc", "/v1/pools/1_0", "/v1/pools/99999999999999999999", "/v1/tasks/x", "/v1/operations/x"):
        assert wire.http.get(path).json()["code"] == "DOES_NOT_EXIST"


def test_a_missing_body_is_an_error(wire: Wire) -> None:
    reply = wire.post("/v1/projects")
    assert reply.status_code == 400
    assert reply.json()["payload"]["body"]["code"] == "NOT_NULL_BODY"


def test_requests_are_counted_with_what_they_asked_and_got(toloka: LocalToloka, wire: Wire) -> None:
    wire.get("/v1/pools", limit=3, status="OPEN")
    wire.http.get("/v1/nothing")
    first, second = toloka.requests
    assert (first.method, first.path, first.query, first.status) == (
        "GET",
        "/api/v1/pools",
        {"limit": "3", "status": "OPEN"},
        200,
    )
    assert first.size == len(b'{"items":[],"has_more":false}')
    assert second.status == 404


def test_more_than_300_requests_a_second_are_refused(toloka: LocalToloka) -> None:
    lines = ("GET /api/v1/requester HTTP/1.1", "Host: local", f"Authorization: ApiKey {toloka.token}", "", "")
    with socket.create_connection(("127.0.0.1", httpx.URL(toloka.url).port)) as pipe:
        begun = time.monotonic()
        pipe.sendall("\r\n".join(lines).encode() * 400)
        replies = b""
        while replies.count(b"HTTP/1.1 ") < 400 or not replies.endswith(b"}"):
            replies += pipe.recv(65_536)
    if (seconds := time.monotonic() - begun) >= 1:
        pytest.skip(f"this machine needs {seconds:.1f} s for 400 requests, so that no second sees more than 300")
    assert replies.count(b"HTTP/1.1 200") >= 300
    assert replies.count(b"HTTP/1.1 429") == replies.count(b'"code":"TOO_MANY_REQUESTS"') > 0
    assert b"payload" not in replies


def test_close_ends_the_connections_that_clients_keep() -> None:
    toloka = LocalToloka().start()
    with socket.create_connection(("127.0.0.1", httpx.URL(toloka.url).port), timeout=60) as pipe:
        lines = ("GET /api/v1/requester HTTP/1.1", "Host: local", f"Authorization: ApiKey {toloka.token}", "", "")
        pipe.sendall("\r\n".join(lines).encode())
        assert pipe.recv(65_536).startswith(b"HTTP/1.1 200")
        toloka.close()
        with contextlib.suppress(ConnectionResetError):
            assert pipe.recv(65_536) == b""
    toloka.close()


def test_a_service_that_does_not_run_says_so() -> None:
    toloka = LocalToloka()
    for ask in (lambda: toloka.url, lambda: toloka.token, lambda: toloka.requests):
        with pytest.raises(RuntimeError, match="start"):
            ask()


def test_a_taken_port_is_an_error(toloka: LocalToloka) -> None:
    with pytest.raises(OSError, match=r"[Aa]ddress"):
        LocalToloka(port=httpx.URL(toloka.url).port).start()


def test_a_file_keeps_token_and_state(tmp_path: Path) -> None:
    path = tmp_path / "toloka.db"
    with LocalToloka(path) as toloka:
        token = toloka.token
        assert toloka.start() is toloka
        spec = {"input_spec": {}, "output_spec": {}}
        form = {"public_name": "Kept", "task_spec": spec, "assignments_issuing_type": "AUTOMATED"}
        made = httpx.post(f"{toloka.url}/api/v1/projects", json=form, headers=headers(toloka)).json()
    with toloka:
        assert toloka.token == token
        kept = httpx.get(f"{toloka.url}/api/v1/projects/{made['id']}", headers=headers(toloka))
        assert kept.json() == made


def test_a_file_serves_one_service_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "toloka.db"
    with LocalToloka(path) as toloka:
        with pytest.raises(OSError, match=r"toloka\.db.* another service is using it"):
            LocalToloka(path).start()
        assert httpx.get(f"{toloka.url}/api/v1/requester", headers=headers(toloka)).status_code == 200
    with LocalToloka(path):
        pass


def test_a_temporary_state_is_gone_after_close() -> None:
    toloka = LocalToloka().start()
    first = toloka.token
    toloka.close()
    with toloka:
        assert toloka.token != first


def test_without_its_servers_the_service_says_what_to_install() -> None:
    for missing in ("starlette", "uvicorn"):
        code = f"import sys; sys.modules[{missing!r}] = None; import toloka_frames.local"
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert "ImportError" in run.stderr
        assert "pip install 'toloka_frames[local]'" in run.stderr


def test_work_that_cannot_be_done_is_given_up_and_the_service_goes_on(
    toloka: LocalToloka, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    toloka._service.store.schedule(0, "a job nobody knows")
    assert wire.get("/v1/requester")
    assert "A scheduled job failed and is dropped" in caplog.text


def test_a_body_nested_too_deeply_is_refused(wire: Wire) -> None:
    pool_id = wire.pool()
    deep = "[" * 400 + "1" + "]" * 400
    body = f'{{"pool_id": "{pool_id}", "overlap": 1, "input_values": {{"image": "/x"}}, "localization_config": {deep}}}'
    reply = wire.http.post("/v1/tasks", content=body, headers={"Content-Type": "application/json"})
    assert (reply.status_code, reply.json()["code"]) == (400, "VALIDATION_ERROR")
