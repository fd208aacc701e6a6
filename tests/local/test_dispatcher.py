from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx
import pytest
from support.raw_client import authorization

if TYPE_CHECKING:
    from support.raw_client import RawClient

    from toloka_frames.local import LocalToloka


def test_a_missing_or_wrong_token_is_rejected(toloka: LocalToloka) -> None:
    for credentials in ({}, {"Authorization": "ApiKey other"}, {"Authorization": toloka.token}):
        response = httpx.get(f"{toloka.url}/api/v1/requester", headers=credentials)
        assert response.status_code == 401
        assert response.json()["code"] == "AUTHENTICATION_ERROR"
        assert set(response.json()) == {"request_id", "code", "message"}


def test_both_authorization_schemes_are_accepted(toloka: LocalToloka) -> None:
    for kind in ("ApiKey", "OAuth"):
        response = httpx.get(f"{toloka.url}/api/v1/requester", headers={"Authorization": f"{kind} {toloka.token}"})
        assert response.status_code == 200
        assert set(response.json()) >= {"id", "balance", "public_name"}


def test_each_invalid_request_has_its_error_code(api: RawClient) -> None:
    http = api.http
    responses = {
        (404, "NOT_FOUND"): http.get("/v1/nothing"),
        (404, "DOES_NOT_EXIST"): http.get("/v1/pools/1"),
        (405, "METHOD_NOT_ALLOWED"): http.delete("/v1/pools"),
        (415, "UNSUPPORTED_MEDIA_TYPE"): http.post("/v1/projects", content=b"{}"),
        (400, "VALIDATION_ERROR"): http.post("/v1/projects", content=b"{", headers={"Content-Type": "application/json"}),
    }
    for (status, code), response in responses.items():
        assert (response.status_code, response.json()["code"]) == (status, code)


def test_an_invalid_id_is_not_found(api: RawClient) -> None:
    for path in ("/v1/pools/abc", "/v1/pools/1_0", "/v1/pools/99999999999999999999", "/v1/tasks/x", "/v1/operations/x"):
        assert api.http.get(path).json()["code"] == "DOES_NOT_EXIST"


def test_a_missing_body_is_rejected(api: RawClient) -> None:
    response = api.post("/v1/projects")
    assert response.status_code == 400
    assert response.json()["payload"]["body"]["code"] == "NOT_NULL_BODY"


def test_requests_are_recorded_with_query_status_and_size(toloka: LocalToloka, api: RawClient) -> None:
    api.get("/v1/pools", limit=3, status="OPEN")
    api.http.get("/v1/nothing")
    first, second = toloka.requests
    assert (first.method, first.path, first.query, first.status) == (
        "GET",
        "/api/v1/pools",
        {"limit": "3", "status": "OPEN"},
        200,
    )
    assert first.size == len(b'{"items":[],"has_more":false}')
    assert second.status == 404


def test_more_than_300_requests_per_second_are_rejected(toloka: LocalToloka, api: RawClient) -> None:
    for _ in range(20):
        toloka._service.dispatcher._rate_limit.spend(299)
        allowed, rejected = api.http.get("/v1/requester"), api.http.get("/v1/requester")
        assert allowed.status_code == 200
        if rejected.status_code == 429:
            break
        time.sleep(1)  # on a busy machine the two requests may take a second, and the limit allows more again
    assert (rejected.status_code, rejected.json()["code"]) == (429, "TOO_MANY_REQUESTS")
    assert "payload" not in rejected.json()


def test_a_body_nested_too_deeply_is_rejected(api: RawClient) -> None:
    pool_id = api.create_pool()
    deep = "[" * 400 + "1" + "]" * 400
    body = f'{{"pool_id": "{pool_id}", "overlap": 1, "input_values": {{"image": "/x"}}, "localization_config": {deep}}}'
    response = api.http.post("/v1/tasks", content=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["code"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_a_request_for_this_machine_is_accepted(toloka: LocalToloka, host: str) -> None:
    headers = authorization(toloka) | {"Host": f"{host}:{httpx.URL(toloka.url).port}"}
    assert httpx.get(f"{toloka.url}/api/v1/requester", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example.com",
        "evil.example.com:{port}",
        "127.0.0.1.example.com:{port}",
        "localhost.example.com:{port}",
        "user@localhost:{port}",
        "localhost",
        "127.0.0.1:1",
        "0.0.0.0:{port}",
        "[::2]:{port}",
        "::1:{port}",
        "localhost:{port}, evil.example.com",
        "",
    ],
)
def test_a_request_for_another_host_is_rejected(toloka: LocalToloka, host: str) -> None:
    """A page whose name points to this machine (DNS rebinding) sends its own name, here with the right token."""
    port = httpx.URL(toloka.url).port
    toloka.faults.answer(503, "GET /v1/requester")
    given = host.format(port=port)
    response = httpx.get(f"{toloka.url}/api/v1/requester", headers=authorization(toloka) | {"Host": given})
    assert response.status_code == 421
    assert response.json()["code"] == "MISDIRECTED_REQUEST"
    assert response.json()["message"] == (
        f"Host is {given!r}, but this service is only at 127.0.0.1:{port}, localhost:{port}, [::1]:{port}; "
        "send one of these in the Host header"
    )
    # a fault that was planned for the service's own requests is still there
    assert httpx.get(f"{toloka.url}/api/v1/requester", headers=authorization(toloka)).status_code == 503
