from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from support.raw_client import task

if TYPE_CHECKING:
    from support.raw_client import RawClient


@pytest.fixture
def api(module_api: RawClient) -> RawClient:
    return module_api


@pytest.fixture
def pool_id(api: RawClient) -> str:
    return api.create_pool(mixer_config=None)


def suite(pool_id: str, *numbers: int, **more: Any) -> dict[str, Any]:
    return {"pool_id": pool_id, "tasks": [task(number) for number in numbers or (0,)], "overlap": 2, **more}


def test_a_single_suite_returns_its_row(api: RawClient, pool_id: str) -> None:
    response = api.post("/v1/task-suites", suite(pool_id, 1, 2, issuing_order_override=10.5))
    row = response.json()
    assert response.status_code == 201
    assert [item["input_values"] for item in row["tasks"]] == [task(1)["input_values"], task(2)["input_values"]]
    assert {
        name: row[name] for name in ("overlap", "remaining_overlap", "infinite_overlap", "mixed", "issuing_order_override")
    } == {
        "overlap": 2,
        "remaining_overlap": 2,
        "infinite_overlap": False,
        "mixed": False,
        "issuing_order_override": 10.5,
    }
    assert api.get(f"/v1/task-suites/{row['id']}") == row
    assert api.get("/v1/task-suites", pool_id=pool_id)["items"] == [row]


def test_errors_of_a_suite_name_its_tasks(api: RawClient, pool_id: str) -> None:
    wrong = suite(pool_id, issuing_order_override=100_000)
    wrong["tasks"] += [{"input_values": {"image": 1}, "known_solutions": 1}, "x", {**task(1), "baseline_solutions": []}]
    payload = api.post("/v1/task-suites", wrong).json()["payload"]
    assert {path: error["code"] for path, error in payload.items()} == {
        "issuing_order_override": "VALUE_GREATER_THAN_MAX",
        "tasks.1.input_values.image": "STRING_EXPECTED",
        "tasks.1.known_solutions": "ARRAY_EXPECTED",
        "tasks.2": "OBJECT_EXPECTED",
        "tasks.3.baseline_solutions": "VALUE_NOT_ALLOWED",
    }


@pytest.mark.parametrize(("tasks", "code"), [(None, "VALUE_REQUIRED"), ([], "VALUES_REQUIRED"), ({}, "ARRAY_EXPECTED")])
def test_a_suite_without_tasks_is_rejected(api: RawClient, pool_id: str, tasks: Any, code: str) -> None:
    response = api.post("/v1/task-suites", suite(pool_id) | {"tasks": tasks})
    assert (response.status_code, response.json()["payload"]["tasks"]["code"]) == (400, code)


def test_an_operation_creates_suites_and_logs_their_input(api: RawClient, pool_id: str) -> None:
    sent = [suite(pool_id, number) | {"__item_idx": str(number)} for number in range(4)]
    sent[2]["tasks"][0]["input_values"] = {}
    query = {"async_mode": "true", "skip_invalid_items": "true", "operation_id": str(uuid.uuid4())}
    response = api.post("/v1/task-suites", sent, **query)
    operation = api.wait_operation(response.json()["id"])
    log = api.get(f"/v1/operations/{operation['id']}/log")
    assert response.status_code == 202
    assert (operation["id"], operation["type"]) == (query["operation_id"], "TASK_SUITE.BATCH_CREATE")
    assert (operation["status"], operation["details"]["success_count"]) == ("SUCCESS", 3)
    [failed] = [entry for entry in log if not entry["success"]]
    assert (failed["type"], failed["input"]["__item_idx"]) == ("TASK_SUITE_VALIDATE", "2")
    assert set(failed["output"]) == {"tasks.0.input_values.image"}
    made = {entry["input"]["__item_idx"]: entry["output"]["task_suite_id"] for entry in log if entry["success"]}
    assert {entry["type"] for entry in log if entry["success"]} == {"TASK_SUITE_CREATE"}
    for position, suite_id in made.items():
        tasks = api.get(f"/v1/task-suites/{suite_id}")["tasks"]
        assert tasks[0]["input_values"] == task(int(position))["input_values"]
    assert api.post("/v1/task-suites", sent, **query).json()["code"] == "OPERATION_ALREADY_EXISTS"


def test_suites_get_the_pool_s_default_overlap_and_open_it(api: RawClient, pool_id: str) -> None:
    sent = {"pool_id": pool_id, "tasks": [task(1)]}
    assert api.post("/v1/task-suites", sent).json()["payload"]["overlap"]["code"] == "VALUE_REQUIRED"
    response = api.post("/v1/task-suites", sent, allow_defaults="true", open_pool="true")
    assert response.json()["overlap"] == 1
    assert api.get(f"/v1/pools/{pool_id}")["status"] == "OPEN"


def test_a_pool_accepts_either_tasks_or_suites(api: RawClient, pool_id: str) -> None:
    mixing = api.post("/v1/task-suites", suite(api.create_pool()))
    plain = api.post("/v1/tasks", {"pool_id": pool_id, "overlap": 1, **task(1)})
    assert (mixing.status_code, mixing.json()["code"]) == (409, "POOL_TASK_TYPE_CONFLICT")
    assert (plain.status_code, plain.json()["code"]) == (409, "MIXER_CONFIG_REQUIRED")


def test_a_synchronous_request_is_limited_to_5000_tasks_in_suites(api: RawClient, pool_id: str) -> None:
    full = suite(pool_id) | {"tasks": [{"input_values": {"image": "/a"}}] * 2500}
    assert api.post("/v1/task-suites", [full, full]).status_code == 201
    response = api.post("/v1/task-suites", [full, full, suite(pool_id)])
    assert (response.status_code, response.json()["code"]) == (413, "ENTITY_TOO_LARGE")


def test_suites_are_filtered_by_task(api: RawClient, pool_id: str) -> None:
    first, second = api.post("/v1/task-suites", [suite(pool_id, 1, 2), suite(pool_id, 3)]).json()["items"].values()
    assert api.get("/v1/task-suites", task_id=first["tasks"][1]["id"])["items"] == [first]
    assert api.get("/v1/task-suites", pool_id=pool_id, overlap=2)["items"] == [first, second]


def test_overlap_and_order_of_a_suite_are_patched(api: RawClient, pool_id: str) -> None:
    row = api.post("/v1/task-suites", suite(pool_id)).json()
    path = f"/v1/task-suites/{row['id']}"
    changed = api.http.patch(path, json={"overlap": 5, "infinite_overlap": False, "issuing_order_override": -3}).json()
    assert changed == {**row, "overlap": 5, "remaining_overlap": 5, "issuing_order_override": -3}
    endless = api.http.patch(path, json={"infinite_overlap": True}).json()
    assert endless["infinite_overlap"]
    assert "overlap" not in endless
    assert api.http.patch(path, json={"infinite_overlap": False}).json()["payload"]["overlap"]["code"] == "VALUE_REQUIRED"
    assert api.http.patch(path, json={"overlap": 30_001}).json()["payload"]["overlap"]["code"] == "VALUE_GREATER_THAN_MAX"
    assert api.get(path) == endless


def test_set_overlap_or_min_is_limited_by_existing_assignments(api: RawClient) -> None:
    pool_id = api.create_pool()
    [row] = api.create_tasks(pool_id, 1)
    path = f"/v1/tasks/{row['id']}"
    assert api.http.patch(path, json={"overlap": 7}, params={"open_pool": "true"}).json()["remaining_overlap"] == 7
    assert api.get(f"/v1/pools/{pool_id}")["status"] == "OPEN"
    response = api.http.patch(f"{path}/set-overlap-or-min", json={"overlap": 0})
    assert (response.json()["overlap"], response.json()["remaining_overlap"]) == (0, 0)
    assert api.http.patch(f"{path}/set-overlap-or-min", json={"overlap": -1}).status_code == 400
