from __future__ import annotations

import pytest
from support.raw_client import POOL, RawClient

from toloka_frames.local import LocalToloka


@pytest.fixture
def api(module_api: RawClient) -> RawClient:
    return module_api


def test_a_pool_opens_and_closes_by_operations(api: RawClient) -> None:
    pool_id = api.create_pool()
    api.create_tasks(pool_id, 1)
    operation = api.run_operation(f"/v1/pools/{pool_id}/open")
    assert (operation["type"], operation["status"]) == ("POOL.OPEN", "SUCCESS")
    assert operation["parameters"] == {"pool_id": pool_id}
    pool = api.get(f"/v1/pools/{pool_id}")
    assert (pool["status"], pool["last_started"]) == ("OPEN", operation["finished"])
    api.run_operation(f"/v1/pools/{pool_id}/close")
    pool = api.get(f"/v1/pools/{pool_id}")
    assert (pool["status"], pool["last_close_reason"]) == ("CLOSED", "MANUAL")
    assert pool["last_stopped"] > pool["last_started"]


def test_an_action_without_effect_needs_no_operation(api: RawClient) -> None:
    pool_id = api.create_pool()
    api.create_tasks(pool_id, 1)
    responses = [api.post(f"/v1/pools/{pool_id}/close")]
    api.run_operation(f"/v1/pools/{pool_id}/open")
    responses.append(api.post(f"/v1/pools/{pool_id}/open"))
    api.run_operation(f"/v1/pools/{pool_id}/close")
    api.run_operation(f"/v1/pools/{pool_id}/archive")
    responses.append(api.post(f"/v1/pools/{pool_id}/archive"))
    assert [(response.status_code, response.content) for response in responses] == [(204, b"")] * 3


def test_an_action_that_the_pool_s_state_forbids_is_a_conflict(api: RawClient) -> None:
    pool_id = api.create_pool()
    assert api.post(f"/v1/pools/{pool_id}/open").json()["code"] == "EMPTY_POOL"
    api.create_tasks(pool_id, 1)
    api.run_operation(f"/v1/pools/{pool_id}/open")
    archive = api.post(f"/v1/pools/{pool_id}/archive")
    assert (archive.status_code, archive.json()["code"]) == (409, "POOL_INAPPROPRIATE_STATUS")
    api.run_operation(f"/v1/pools/{pool_id}/close")
    api.run_operation(f"/v1/pools/{pool_id}/archive")
    for action in ("open", "close"):
        response = api.post(f"/v1/pools/{pool_id}/{action}")
        assert (response.status_code, response.json()["code"]) == (409, "POOL_INAPPROPRIATE_STATUS")
    patch = api.http.patch(f"/v1/pools/{pool_id}", json={"priority": 3})
    assert (patch.status_code, patch.content) == (409, b"")


def test_an_operation_fails_if_the_pool_has_changed_meanwhile(api: RawClient) -> None:
    pool_id = api.create_pool()
    api.create_tasks(pool_id, 1)
    archiving, opening = (api.post(f"/v1/pools/{pool_id}/{action}").json()["id"] for action in ("archive", "open"))
    assert api.wait_operation(archiving)["status"] == "SUCCESS"
    assert api.wait_operation(opening)["status"] == "FAIL"
    assert api.get(f"/v1/pools/{pool_id}")["status"] == "ARCHIVED"


def test_a_pool_closed_for_an_update_opens_after_15_minutes() -> None:
    with LocalToloka(operation_seconds=0) as toloka:
        api = RawClient(toloka)
        with api.http:
            path = f"/v1/pools/{api.create_pool()}"
            api.create_tasks(path.rpartition("/")[2], 1)
            api.run_operation(f"{path}/open")
            assert api.run_operation(f"{path}/close-for-update")["type"] == "POOL.CLOSE"
            assert (api.get(path)["status"], api.get(path)["last_close_reason"]) == ("CLOSED", "FOR_UPDATE")
            assert api.post(f"{path}/close-for-update").status_code == 204
            toloka._service.store.execute_many("UPDATE agenda SET at = at - ?", [(900,)])
            assert api.get(path)["status"] == "OPEN"


def test_a_cloned_pool_is_new_closed_and_empty(api: RawClient) -> None:
    pool_id = api.create_pool(priority=7)
    api.create_tasks(pool_id, 1)
    api.run_operation(f"/v1/pools/{pool_id}/open")
    operation = api.run_operation(f"/v1/pools/{pool_id}/clone")
    clone = api.get(f"/v1/pools/{operation['details']['pool_id']}")
    assert (operation["type"], operation["parameters"]) == ("POOL.CLONE", {"pool_id": pool_id})
    assert {name: clone[name] for name in POOL} == POOL
    assert (clone["priority"], clone["status"], clone["type"]) == (7, "CLOSED", "REGULAR")
    assert int(clone["id"]) > int(pool_id)
