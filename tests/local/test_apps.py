from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from support.broad_run import pass_time
from support.raw_client import RawClient

from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

ID = re.compile(r"[0-9A-Za-z]{20}")
PROJECTS = "/app/v0/app-projects"
STATES = {"NEW", "PROCESSING", "COMPLETED", "ERROR", "CANCELLED", "NO_MONEY", "ARCHIVE", "STOPPED"}


def wait_until(get: Callable[[], Any], condition: Callable[[Any], bool]) -> Any:
    """Return the first value that meets the condition."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        value = get()
        if condition(value):
            return value
        time.sleep(0.01)
    pytest.fail("the condition is never met")


def create_project(api: RawClient, **changes: Any) -> dict[str, Any]:
    [app] = [app for app in api.get("/app/v0/apps")["content"] if app["name"] == "Text classification"]
    classes = [{"value": "good", "label": "Good"}, {"value": "bad", "label": "Bad"}]
    form = {"app_id": app["id"], "name": "Texts", "parameters": {"name": "Texts", "instruction_classes": classes}}
    response = api.post(PROJECTS, {**form, **changes})
    assert response.status_code == 200, response.text
    return response.json()


def create_ready_project(api: RawClient) -> dict[str, Any]:
    project = create_project(api)
    return wait_until(lambda: api.get(f"{PROJECTS}/{project['id']}"), lambda row: row["status"] == "READY")


def texts(count: int) -> list[dict[str, Any]]:
    return [{"id": str(number), "text": f"text {number}"} for number in range(count)]


def create_batch(api: RawClient, project: dict[str, Any], count: int = 4, **more: Any) -> dict[str, Any]:
    response = api.post(f"{PROJECTS}/{project['id']}/batches", {"items": texts(count), **more})
    assert response.status_code == 200, response.text
    return response.json()


def wait_for_status(api: RawClient, batch: dict[str, Any], status: str) -> dict[str, Any]:
    return wait_until(lambda: get_batch(api, batch), lambda row: row["status"] == status)


def get_batch(api: RawClient, batch: dict[str, Any]) -> dict[str, Any]:
    return api.get(f"{PROJECTS}/{batch['app_project_id']}/batches/{batch['id']}")


def post_action(api: RawClient, batch: dict[str, Any], action: str) -> httpx.Response:
    return api.post(f"{PROJECTS}/{batch['app_project_id']}/batches/{batch['id']}/{action}")


def test_the_catalog_lists_apps(api: RawClient) -> None:
    page = api.get("/app/v0/apps", lang="en")
    assert [row["id"] for row in page["content"]] == sorted(row["id"] for row in page["content"])
    assert set(page["content"][0]) == {"id", "name", "image", "description", "default_item_price", "examples"}
    app = api.get(f"/app/v0/apps/{page['content'][0]['id']}")
    assert {"param_spec", "input_spec", "output_spec"} < set(app)
    assert app["output_spec"]["result"]["type"] == "array_string"


def test_a_new_app_project_becomes_ready(api: RawClient) -> None:
    made = create_project(api)
    assert ID.fullmatch(made["id"])
    assert made["status"] == "CREATING"
    assert made["parent_app_project_id"] == ""
    assert (made["item_price"], made["errors"], made["read_only"]) == (0.05, [], False)
    assert made["app"]["name"] == "Text classification"
    ready = wait_until(lambda: api.get(f"{PROJECTS}/{made['id']}"), lambda row: row["status"] == "READY")
    assert ready == {**made, "status": "READY"}


def test_an_invalid_app_project_is_rejected(api: RawClient) -> None:
    assert set(api.post(PROJECTS, {}).json()["payload"]) == {"app_id", "name", "parameters"}
    payload = api.post(PROJECTS, {"app_id": "x", "name": "x", "parameters": 1}).json()["payload"]
    assert (payload["app_id"]["code"], payload["parameters"]["code"]) == ("ENTITY_DOES_NOT_EXIST", "OBJECT_EXPECTED")


def test_app_projects_are_listed_filtered_and_archived(api: RawClient) -> None:
    first, second = create_ready_project(api), create_ready_project(api)
    assert api.post(f"{PROJECTS}/{first['id']}/archive").status_code == 200
    assert [row["id"] for row in api.get(PROJECTS, status="ARCHIVED")["content"]] == [first["id"]]
    assert [row["id"] for row in api.get(PROJECTS, sort="-created")["content"]] == [second["id"], first["id"]]
    assert len(api.get(PROJECTS, app_id=first["app_id"], scope="MY", name_gte="T")["content"]) == 2
    assert api.get(PROJECTS, scope="REQUESTER_LIST", requester_ids="other")["content"] == []
    mine = api.get("/v1/requester")["id"]
    assert len(api.get(PROJECTS, scope="REQUESTER_LIST", requester_ids=f"other,{mine}")["content"]) == 2
    rejected = api.post(f"{PROJECTS}/{first['id']}/items", {"input_data": texts(1)[0]})
    assert (rejected.status_code, rejected.json()["code"]) == (409, "CONFLICT_STATE")
    assert api.post(f"{PROJECTS}/{first['id']}/unarchive").status_code == 200
    assert api.get(f"{PROJECTS}/{first['id']}")["status"] == "READY"


def test_a_new_batch_has_all_fields(api: RawClient) -> None:
    project = create_ready_project(api)
    batch = create_batch(api, project, name="First", priority_order="ONE")
    assert ID.fullmatch(batch["id"])
    assert set(batch["items_per_state"]) == STATES
    assert batch["items_per_state"]["NEW"] == batch["items_count"] == 4
    assert (batch["status"], batch["name"], batch["priority_order"]) == ("NEW", "First", "ONE")
    assert (batch["item_price"], batch["cost"], batch["cost_of_processed"]) == (0.05, 0.2, 0.0)
    assert batch["validation_errors"] == {}
    assert {name: batch["last_items_import"][name] for name in ("records_count", "records_skipped", "errors")} == {
        "records_count": 4,
        "records_skipped": 0,
        "errors": {},
    }
    assert "current_time" in batch
    assert not {"started_at", "finished_at"} & set(batch)
    [listed] = api.get(f"{PROJECTS}/{project['id']}/batches")["content"]
    assert {**listed, "current_time": None} == {**batch, "current_time": None}
    assert create_batch(api, project)["priority_order"] == "FIVE"


def test_a_started_batch_is_labelled(api: RawClient) -> None:
    batch = create_batch(api, create_ready_project(api), 5)
    items = f"{PROJECTS}/{batch['app_project_id']}/items"
    new = api.get(items, batch_id=batch["id"], status="NEW")["content"]
    assert len(new) == 5
    assert (new[0]["output_data"], new[0]["errors"]) == ({}, [])
    assert post_action(api, batch, "start").status_code == 200
    done = wait_for_status(api, batch, "COMPLETED")
    assert done["items_per_state"]["COMPLETED"] == done["items_processed_count"] == 5
    assert done["cost_of_processed"] == done["cost"] == 0.25
    assert 0.5 <= done["confidence_avg"] <= 1
    assert done["created_at"] < done["started_at"] < done["finished_at"]
    rows = api.get(items, batch_id=batch["id"])["content"]
    assert {row["status"] for row in rows} == {"COMPLETED"}
    for row in rows:
        assert set(row["output_data"]) == {"result", "confidence"}
        assert row["output_data"]["result"][0] in {"good", "bad"}
        assert re.fullmatch(r".*\.\d{6}|.{19}", row["finished_at"])
        assert api.get(f"{items}/{row['id']}") == row
    assert post_action(api, batch, "start").status_code == 409


def test_a_batch_waits_for_its_project(api: RawClient) -> None:
    batch = create_batch(api, create_project(api))
    post_action(api, batch, "start")
    assert wait_for_status(api, batch, "COMPLETED")


def test_a_batch_is_stopped_and_resumed() -> None:
    with LocalToloka(operation_seconds=3600) as toloka:
        api = RawClient(toloka)
        with api.http:
            project = create_project(api)
            pass_time(toloka, 3600)
            batch = create_batch(api, project)
            assert post_action(api, batch, "stop").status_code == 409
            post_action(api, batch, "start")
            pass_time(toloka, 1800)
            assert get_batch(api, batch)["status"] == "PROCESSING"
            assert post_action(api, batch, "archive").status_code == 409
            assert post_action(api, batch, "stop").status_code == 200
            pass_time(toloka, 1800)
            stopped = get_batch(api, batch)
            assert (stopped["status"], stopped["items_per_state"]["STOPPED"]) == ("STOPPED", 4)
            post_action(api, batch, "archive")
            assert get_batch(api, batch)["status"] == "ARCHIVE"
            post_action(api, batch, "unarchive")
            assert get_batch(api, batch)["status"] == "STOPPED"
            post_action(api, batch, "resume")
            pass_time(toloka, 3600)
            completed = get_batch(api, batch)
            assert (completed["status"], completed["items_per_state"]["COMPLETED"]) == ("COMPLETED", 4)


def test_a_batch_is_renamed(api: RawClient) -> None:
    batch = create_batch(api, create_ready_project(api))
    path = f"{PROJECTS}/{batch['app_project_id']}/batches/{batch['id']}"
    changed = api.http.patch(path, json={"name": "New", "priority_order": "TWO", "status": "COMPLETED"}).json()
    assert (changed["name"], changed["priority_order"], changed["status"]) == ("New", "TWO", "NEW")
    assert api.http.patch(path, json={"priority_order": "SIX"}).status_code == 400


def test_invalid_items_reject_the_batch_or_are_skipped(api: RawClient) -> None:
    project = create_ready_project(api)
    items = [{"text": "good"}, {"id": "1"}, {"text": 5}]
    rejected = api.post(f"{PROJECTS}/{project['id']}/batches", {"items": items})
    assert rejected.status_code == 400
    assert {path: error["code"] for path, error in rejected.json()["payload"].items()} == {
        "input_data.1.text": "VALUE_REQUIRED",
        "input_data.2.text": "STRING_EXPECTED",
    }
    batch = api.post(f"{PROJECTS}/{project['id']}/batches", {"items": items, "ignore_errors": True}).json()
    assert batch["items_count"] == 1
    assert set(batch["validation_errors"]) == {"input_data.1.text", "input_data.2.text"}
    assert batch["last_items_import"]["errors"] == batch["validation_errors"]
    assert batch["last_items_import"]["records_skipped"] == 2
    assert len(api.get(f"{PROJECTS}/{project['id']}/batches")["content"]) == 1


def test_items_without_a_batch_are_labelled(api: RawClient) -> None:
    project = create_ready_project(api)
    path = f"{PROJECTS}/{project['id']}/items"
    item = api.post(path, {"input_data": {"text": "a"}}).json()
    assert item["status"] == "NEW"
    assert "batch_id" not in item
    done = wait_until(lambda: api.get(f"{path}/{item['id']}"), lambda row: row["status"] == "COMPLETED")
    assert done["output_data"]["result"]
    rejected = api.post(path, {"input_data": {"other": 1}})
    assert set(rejected.json()["payload"]) == {"input_data.text", "input_data.other"}


def test_bulk_creation_returns_ids_in_order(api: RawClient) -> None:
    project = create_ready_project(api)
    path = f"{PROJECTS}/{project['id']}/items"
    ids = api.post(f"{path}/bulk", {"items": texts(3)}).json()
    assert [api.get(f"{path}/{item_id}")["input_data"]["id"] for item_id in ids] == ["0", "1", "2"]
    batch = create_batch(api, project)
    added = api.post(f"{path}/bulk", {"items": [*texts(2), {}], "batch_id": batch["id"], "ignore_errors": True})
    assert len(added.json()) == 2
    now = api.get(f"{PROJECTS}/{project['id']}/batches/{batch['id']}")
    assert now["items_count"] == 6
    assert now["last_items_import"]["records_skipped"] == 1
    assert api.post(f"{path}/bulk", {"items": texts(1), "ignore_errors": True}).status_code == 400
    assert api.post(f"{path}/bulk", {"items": [{}] * 10_001}).status_code == 413


def test_after_id_pages_in_any_order(api: RawClient) -> None:
    project = create_ready_project(api)
    path = f"{PROJECTS}/{project['id']}/items"
    done = api.post(f"{path}/bulk", {"items": texts(7)}).json()
    wait_until(lambda: api.get(path, status="COMPLETED")["content"], lambda rows: len(rows) == 7)
    create_batch(api, project, 6)
    for sort in ("id", "-id", "created", "-created", "finished", "-finished", "status,-created", "finished,status,-id"):
        expected = [row["id"] for row in api.get(path, sort=sort)["content"]]
        paged, page = [], api.get(path, sort=sort, limit=4)
        while True:
            paged += [row["id"] for row in page["content"]]
            if not page["has_more"]:
                break
            page = api.get(path, sort=sort, limit=4, after_id=paged[-1])
        assert paged == expected
        assert len(set(paged)) == 13
    assert {row["id"] for row in api.get(path, finished_gte="2020-01-01")["content"]} == set(done)
    assert api.http.get(path, params={"after_id": "x"}).json()["payload"]["after_id"]["code"] == "ENTITY_DOES_NOT_EXIST"


def test_lists_of_a_missing_project_are_not_found(api: RawClient) -> None:
    project, other = create_ready_project(api), create_ready_project(api)
    for kind in ("items", "batches"):
        assert api.http.get(f"{PROJECTS}/x/{kind}").json()["code"] == "DOES_NOT_EXIST"
    batch = create_batch(api, project)
    assert api.http.get(f"{PROJECTS}/{other['id']}/batches/{batch['id']}").status_code == 404
    assert api.post(f"{PROJECTS}/{other['id']}/batches/{batch['id']}/start").status_code == 404
    assert (
        api.post(f"{PROJECTS}/{other['id']}/items", {"input_data": {"text": "a"}, "batch_id": batch["id"]}).status_code == 400
    )


def test_a_synchronous_batch_returns_labelled(api: RawClient) -> None:
    project = create_project(api)
    response = api.post(f"/app/v0/app-projects/{project['id']}/batches/sync", {"name": "Now", "items": texts(2)})
    batch, items = response.json()["batch"], response.json()["items"]
    assert (response.status_code, batch["name"], batch["status"], batch["items_processed_count"]) == (
        200,
        "Now",
        "COMPLETED",
        2,
    )
    assert {item["status"] for item in items} == {"COMPLETED"}
    assert all(item["output_data"]["result"] for item in items)
    assert api.get(f"/app/v0/app-projects/{project['id']}/items", batch_id=batch["id"])["content"] == items
