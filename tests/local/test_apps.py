from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from support.raw_client import Wire

from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

ID = re.compile(r"[0-9A-Za-z]{20}")
PROJECTS = "/app/v0/app-projects"
STATES = {"NEW", "PROCESSING", "COMPLETED", "ERROR", "CANCELLED", "NO_MONEY", "ARCHIVE", "STOPPED"}


def until(ask: Callable[[], Any], holds: Callable[[Any], bool]) -> Any:
    """The first answer for which something holds."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = ask()
        if holds(found):
            return found
        time.sleep(0.01)
    pytest.fail("it does not come to hold")


def new_project(wire: Wire, **changes: Any) -> dict[str, Any]:
    [app] = [app for app in wire.get("/app/v0/apps")["content"] if app["name"] == "Text classification"]
    classes = [{"value": "good", "label": "Good"}, {"value": "bad", "label": "Bad"}]
    form = {"app_id": app["id"], "name": "Texts", "parameters": {"name": "Texts", "instruction_classes": classes}}
    reply = wire.post(PROJECTS, {**form, **changes})
    assert reply.status_code == 200, reply.text
    return reply.json()


def ready_project(wire: Wire) -> dict[str, Any]:
    made = new_project(wire)
    return until(lambda: wire.get(f"{PROJECTS}/{made['id']}"), lambda row: row["status"] == "READY")


def texts(count: int) -> list[dict[str, Any]]:
    return [{"id": str(number), "text": f"text {number}"} for number in range(count)]


def new_batch(wire: Wire, project: dict[str, Any], count: int = 4, **more: Any) -> dict[str, Any]:
    reply = wire.post(f"{PROJECTS}/{project['id']}/batches", {"items": texts(count), **more})
    assert reply.status_code == 200, reply.text
    return reply.json()


def batch_in(wire: Wire, batch: dict[str, Any], status: str) -> dict[str, Any]:
    path = f"{PROJECTS}/{batch['app_project_id']}/batches/{batch['id']}"
    return until(lambda: wire.get(path), lambda row: row["status"] == status)


def act(wire: Wire, batch: dict[str, Any], action: str) -> httpx.Response:
    return wire.post(f"{PROJECTS}/{batch['app_project_id']}/batches/{batch['id']}/{action}")


def test_apps_are_on_offer(wire: Wire) -> None:
    page = wire.get("/app/v0/apps", lang="en")
    assert [row["id"] for row in page["content"]] == sorted(row["id"] for row in page["content"])
    assert set(page["content"][0]) == {"id", "name", "image", "description", "default_item_price", "examples"}
    app = wire.get(f"/app/v0/apps/{page['content'][0]['id']}")
    assert {"param_spec", "input_spec", "output_spec"} < set(app)
    assert app["output_spec"]["result"]["type"] == "array_string"


def test_an_app_project_is_made_and_then_ready(wire: Wire) -> None:
    made = new_project(wire)
    assert ID.fullmatch(made["id"])
    assert made["status"] == "CREATING"
    assert made["parent_app_project_id"] == ""
    assert (made["item_price"], made["errors"], made["read_only"]) == (0.05, [], False)
    assert made["app"]["name"] == "Text classification"
    ready = until(lambda: wire.get(f"{PROJECTS}/{made['id']}"), lambda row: row["status"] == "READY")
    assert ready == {**made, "status": "READY"}


def test_an_app_project_form_that_cannot_be_is_refused(wire: Wire) -> None:
    assert set(wire.post(PROJECTS, {}).json()["payload"]) == {"app_id", "name", "parameters"}
    payload = wire.post(PROJECTS, {"app_id": "x", "name": "x", "parameters": 1}).json()["payload"]
    assert (payload["app_id"]["code"], payload["parameters"]["code"]) == ("ENTITY_DOES_NOT_EXIST", "OBJECT_EXPECTED")


def test_app_projects_are_listed_filtered_and_archived(wire: Wire) -> None:
    first, second = ready_project(wire), ready_project(wire)
    assert wire.post(f"{PROJECTS}/{first['id']}/archive").status_code == 200
    assert [row["id"] for row in wire.get(PROJECTS, status="ARCHIVED")["content"]] == [first["id"]]
    assert [row["id"] for row in wire.get(PROJECTS, sort="-created")["content"]] == [second["id"], first["id"]]
    assert len(wire.get(PROJECTS, app_id=first["app_id"], scope="MY", name_gte="T")["content"]) == 2
    assert wire.get(PROJECTS, scope="REQUESTER_LIST", requester_ids="other")["content"] == []
    mine = wire.get("/v1/requester")["id"]
    assert len(wire.get(PROJECTS, scope="REQUESTER_LIST", requester_ids=f"other,{mine}")["content"]) == 2
    refused = wire.post(f"{PROJECTS}/{first['id']}/items", {"input_data": texts(1)[0]})
    assert (refused.status_code, refused.json()["code"]) == (409, "CONFLICT_STATE")
    assert wire.post(f"{PROJECTS}/{first['id']}/unarchive").status_code == 200
    assert wire.get(f"{PROJECTS}/{first['id']}")["status"] == "READY"


def test_a_new_batch_is_complete(wire: Wire) -> None:
    project = ready_project(wire)
    batch = new_batch(wire, project, name="First", priority_order="ONE")
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
    [listed] = wire.get(f"{PROJECTS}/{project['id']}/batches")["content"]
    assert {**listed, "current_time": None} == {**batch, "current_time": None}
    assert new_batch(wire, project)["priority_order"] == "FIVE"


def test_a_started_batch_is_labelled(wire: Wire) -> None:
    batch = new_batch(wire, ready_project(wire), 5)
    items = f"{PROJECTS}/{batch['app_project_id']}/items"
    new = wire.get(items, batch_id=batch["id"], status="NEW")["content"]
    assert len(new) == 5
    assert (new[0]["output_data"], new[0]["errors"]) == ({}, [])
    assert act(wire, batch, "start").status_code == 200
    done = batch_in(wire, batch, "COMPLETED")
    assert done["items_per_state"]["COMPLETED"] == done["items_processed_count"] == 5
    assert done["cost_of_processed"] == done["cost"] == 0.25
    assert 0.5 <= done["confidence_avg"] <= 1
    assert done["created_at"] < done["started_at"] < done["finished_at"]
    rows = wire.get(items, batch_id=batch["id"])["content"]
    assert {row["status"] for row in rows} == {"COMPLETED"}
    for row in rows:
        assert set(row["output_data"]) == {"result", "confidence"}
        assert row["output_data"]["result"][0] in {"good", "bad"}
        assert re.fullmatch(r".*\.\d{6}|.{19}", row["finished_at"])
        assert wire.get(f"{items}/{row['id']}") == row
    assert act(wire, batch, "start").status_code == 409


def test_a_batch_waits_for_its_project(wire: Wire) -> None:
    batch = new_batch(wire, new_project(wire))
    act(wire, batch, "start")
    assert batch_in(wire, batch, "COMPLETED")


def test_a_batch_stops_and_goes_on() -> None:
    with LocalToloka(operation_seconds=0.4) as toloka:
        wire = Wire(toloka)
        with wire.http:
            batch = new_batch(wire, ready_project(wire))
            assert act(wire, batch, "stop").status_code == 409
            act(wire, batch, "start")
            batch_in(wire, batch, "PROCESSING")
            assert act(wire, batch, "archive").status_code == 409
            assert act(wire, batch, "stop").status_code == 200
            stopped = batch_in(wire, batch, "STOPPED")
            assert stopped["items_per_state"]["STOPPED"] > 0
            act(wire, batch, "archive")
            assert batch_in(wire, batch, "ARCHIVE")
            act(wire, batch, "unarchive")
            assert batch_in(wire, batch, "STOPPED")
            act(wire, batch, "resume")
            assert batch_in(wire, batch, "COMPLETED")["items_per_state"]["COMPLETED"] == 4


def test_a_batch_is_renamed(wire: Wire) -> None:
    batch = new_batch(wire, ready_project(wire))
    path = f"{PROJECTS}/{batch['app_project_id']}/batches/{batch['id']}"
    changed = wire.http.patch(path, json={"name": "New", "priority_order": "TWO", "status": "COMPLETED"}).json()
    assert (changed["name"], changed["priority_order"], changed["status"]) == ("New", "TWO", "NEW")
    assert wire.http.patch(path, json={"priority_order": "SIX"}).status_code == 400


def test_bad_items_refuse_all_or_are_skipped(wire: Wire) -> None:
    project = ready_project(wire)
    items = [{"text": "good"}, {"id": "1"}, {"text": 5}]
    refused = wire.post(f"{PROJECTS}/{project['id']}/batches", {"items": items})
    assert refused.status_code == 400
    assert {path: error["code"] for path, error in refused.json()["payload"].items()} == {
        "input_data.1.text": "VALUE_REQUIRED",
        "input_data.2.text": "STRING_EXPECTED",
    }
    batch = wire.post(f"{PROJECTS}/{project['id']}/batches", {"items": items, "ignore_errors": True}).json()
    assert batch["items_count"] == 1
    assert set(batch["validation_errors"]) == {"input_data.1.text", "input_data.2.text"}
    assert batch["last_items_import"]["errors"] == batch["validation_errors"]
    assert batch["last_items_import"]["records_skipped"] == 2
    assert len(wire.get(f"{PROJECTS}/{project['id']}/batches")["content"]) == 1


def test_items_without_a_batch_are_labelled_at_once(wire: Wire) -> None:
    project = ready_project(wire)
    path = f"{PROJECTS}/{project['id']}/items"
    item = wire.post(path, {"input_data": {"text": "a"}}).json()
    assert item["status"] == "NEW"
    assert "batch_id" not in item
    done = until(lambda: wire.get(f"{path}/{item['id']}"), lambda row: row["status"] == "COMPLETED")
    assert done["output_data"]["result"]
    refused = wire.post(path, {"input_data": {"other": 1}})
    assert set(refused.json()["payload"]) == {"input_data.text", "input_data.other"}


def test_items_in_bulk_answer_ids_in_order(wire: Wire) -> None:
    project = ready_project(wire)
    path = f"{PROJECTS}/{project['id']}/items"
    ids = wire.post(f"{path}/bulk", {"items": texts(3)}).json()
    assert [wire.get(f"{path}/{item_id}")["input_data"]["id"] for item_id in ids] == ["0", "1", "2"]
    batch = new_batch(wire, project)
    added = wire.post(f"{path}/bulk", {"items": [*texts(2), {}], "batch_id": batch["id"], "ignore_errors": True})
    assert len(added.json()) == 2
    now = wire.get(f"{PROJECTS}/{project['id']}/batches/{batch['id']}")
    assert now["items_count"] == 6
    assert now["last_items_import"]["records_skipped"] == 1
    assert wire.post(f"{path}/bulk", {"items": texts(1), "ignore_errors": True}).status_code == 400
    assert wire.post(f"{path}/bulk", {"items": [{}] * 10_001}).status_code == 413


def test_after_id_walks_in_any_order(wire: Wire) -> None:
    project = ready_project(wire)
    path = f"{PROJECTS}/{project['id']}/items"
    done = wire.post(f"{path}/bulk", {"items": texts(7)}).json()
    until(lambda: wire.get(path, status="COMPLETED")["content"], lambda rows: len(rows) == 7)
    new_batch(wire, project, 6)
    for sort in ("id", "-id", "created", "-created", "finished", "-finished", "status,-created", "finished,status,-id"):
        whole = [row["id"] for row in wire.get(path, sort=sort)["content"]]
        walked, page = [], wire.get(path, sort=sort, limit=4)
        while True:
            walked += [row["id"] for row in page["content"]]
            if not page["has_more"]:
                break
            page = wire.get(path, sort=sort, limit=4, after_id=walked[-1])
        assert walked == whole
        assert len(set(walked)) == 13
    assert {row["id"] for row in wire.get(path, finished_gte="2020-01-01")["content"]} == set(done)
    assert wire.http.get(path, params={"after_id": "x"}).json()["payload"]["after_id"]["code"] == "ENTITY_DOES_NOT_EXIST"


def test_the_lists_of_a_project_that_is_not_are_not(wire: Wire) -> None:
    project, other = ready_project(wire), ready_project(wire)
    for kind in ("items", "batches"):
        assert wire.http.get(f"{PROJECTS}/x/{kind}").json()["code"] == "DOES_NOT_EXIST"
    batch = new_batch(wire, project)
    assert wire.http.get(f"{PROJECTS}/{other['id']}/batches/{batch['id']}").status_code == 404
    assert wire.post(f"{PROJECTS}/{other['id']}/batches/{batch['id']}/start").status_code == 404
    assert (
        wire.post(f"{PROJECTS}/{other['id']}/items", {"input_data": {"text": "a"}, "batch_id": batch["id"]}).status_code == 400
    )


def test_a_batch_at_once_comes_back_labelled(wire: Wire) -> None:
    project = new_project(wire)
    reply = wire.post(f"/app/v0/app-projects/{project['id']}/batches/sync", {"name": "Now", "items": texts(2)})
    batch, items = reply.json()["batch"], reply.json()["items"]
    assert (reply.status_code, batch["name"], batch["status"], batch["items_processed_count"]) == (200, "Now", "COMPLETED", 2)
    assert {one["status"] for one in items} == {"COMPLETED"}
    assert all(one["output_data"]["result"] for one in items)
    assert wire.get(f"/app/v0/app-projects/{project['id']}/items", batch_id=batch["id"])["content"] == items
