from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from support.raw_client import RawClient

PATH = "/v1/webhook-subscriptions"


@pytest.fixture
def api(module_api: RawClient) -> RawClient:
    return module_api


def form(pool_id: str, event_type: str = "POOL_CLOSED", **more: Any) -> dict[str, Any]:
    return {"event_type": event_type, "webhook_url": "https://example.com/hook", "pool_id": pool_id, **more}


def test_a_subscription_is_created_once_and_hides_its_secret(api: RawClient) -> None:
    sent = form(api.create_pool()) | {"secret_key": "whisper"}
    first, again = (api.http.put(PATH, json=sent) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert set(first.json()) == {"id", "event_type", "webhook_url", "pool_id", "created"}
    assert api.get(f"{PATH}/{first.json()['id']}") == first.json()


def test_subscriptions_of_an_array_share_a_timestamp_and_errors_have_positions(api: RawClient) -> None:
    pool_id = api.create_pool()
    events = ("ASSIGNMENT_CREATED", "ASSIGNMENT_DREAMT", "ASSIGNMENT_APPROVED")
    response = api.http.put(PATH, json=[form(pool_id, event) for event in events])
    body = response.json()
    assert (response.status_code, set(body["items"])) == (200, {"0", "2"})
    assert body["validation_errors"]["1"]["event_type"]["code"] == "UNKNOWN_ENUM_VALUE"
    assert len({row["created"] for row in body["items"].values()}) == 1
    rows = api.get(PATH, pool_id=pool_id, sort="created")["items"]
    assert rows == list(body["items"].values())
    assert api.get(PATH, pool_id=pool_id, event_type="ASSIGNMENT_APPROVED")["items"] == rows[1:]
    assert api.get(PATH, pool_id=pool_id, created_gt=rows[0]["created"])["items"] == []


def test_an_invalid_subscription_is_rejected(api: RawClient) -> None:
    payload = api.http.put(PATH, json=form("1", webhook_url="nowhere", event_type=None)).json()["payload"]
    assert {name: error["code"] for name, error in payload.items()} == {
        "event_type": "VALUE_REQUIRED",
        "webhook_url": "INVALID_URL_SYNTAX",
        "pool_id": "ENTITY_DOES_NOT_EXIST",
    }


def test_a_subscription_is_tested_without_a_request_and_deleted(api: RawClient) -> None:
    row = api.http.put(PATH, json=form(api.create_pool())).json()
    tested = api.post(f"{PATH}/{row['id']}/test")
    assert (tested.status_code, tested.json()["success"], tested.json()["errorType"]) == (200, False, "CONNECTION_ERROR")
    assert api.http.delete(f"{PATH}/{row['id']}").status_code == 204
    assert api.http.get(f"{PATH}/{row['id']}").status_code == 404
