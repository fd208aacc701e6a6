from __future__ import annotations

import re
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from support.cpu import cpu_seconds
from support.raw_client import RawClient, task

from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from pathlib import Path

ID = re.compile(r"[0-9a-f]{10}--[0-9a-f]{24}")
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?")


@pytest.fixture
def api(module_api: RawClient) -> RawClient:
    return module_api


def run_creation(api: RawClient, tasks: list[dict[str, Any]], **query: Any) -> dict[str, Any]:
    response = api.post("/v1/tasks", tasks, async_mode="true", **query)
    assert response.status_code == 202, response.text
    return api.wait_operation(response.json()["id"])


def invalid_task(pool_id: str) -> dict[str, Any]:
    return {"pool_id": pool_id, "input_values": {"note": "no image", "other": 1}, "overlap": 1}


def valid_task(pool_id: str, number: int = 0, **more: Any) -> dict[str, Any]:
    return {"pool_id": pool_id, "overlap": 2, **task(number), **more}


def test_a_single_task_returns_its_row(api: RawClient) -> None:
    pool_id = api.create_pool()
    response = api.post("/v1/tasks", valid_task(pool_id, message_on_unknown_solution=None))
    row = response.json()
    assert response.status_code == 201
    assert ID.fullmatch(row.pop("id"))
    assert TIMESTAMP.fullmatch(row.pop("created"))
    assert row == {
        "pool_id": pool_id,
        "input_values": {"image": "https://example.com/0.png"},
        "overlap": 2,
        "remaining_overlap": 2,
        "infinite_overlap": False,
        "reserved_for": [],
        "unavailable_for": [],
    }


def test_ids_start_with_the_pool_and_increase(api: RawClient) -> None:
    pool_id = api.create_pool()
    ids = [row["id"] for row in api.create_tasks(pool_id, 20)]
    assert ids == sorted(ids)
    assert {int(row_id[:10], 16) for row_id in ids} == {int(pool_id)}


def test_a_control_task_has_infinite_overlap_and_a_weight(api: RawClient) -> None:
    sent = {
        "pool_id": api.create_pool(),
        "infinite_overlap": True,
        "known_solutions": [{"output_values": {"result": "cat"}}],
        **task(1),
    }
    row = api.post("/v1/tasks", sent).json()
    assert row["known_solutions"] == [{"output_values": {"result": "cat"}, "correctness_weight": 1.0}]
    assert row["infinite_overlap"]
    assert "overlap" not in row
    assert "remaining_overlap" not in row


def test_a_synchronous_array_is_keyed_by_position(api: RawClient) -> None:
    pool_id = api.create_pool()
    sent = [valid_task(pool_id), invalid_task(pool_id), valid_task(pool_id, 2)]
    response = api.post("/v1/tasks", sent, skip_invalid_items="true")
    body = response.json()
    assert response.status_code == 201
    assert set(body["items"]) == {"0", "2"}
    assert set(body["validation_errors"]) == {"1"}
    assert body["validation_errors"]["1"]["input_values.image"]["code"] == "VALUE_REQUIRED"
    assert body["validation_errors"]["1"]["input_values.other"]["code"] == "VALUE_NOT_ALLOWED"
    assert "validation_errors" not in api.post("/v1/tasks", [valid_task(pool_id)]).json()


def test_one_invalid_task_rejects_the_request(api: RawClient) -> None:
    pool_id = api.create_pool()
    single = api.post("/v1/tasks", invalid_task(pool_id))
    several = api.post("/v1/tasks", [valid_task(pool_id), invalid_task(pool_id)])
    none_valid = api.post("/v1/tasks", [invalid_task(pool_id)], skip_invalid_items="true")
    assert [response.status_code for response in (single, several, none_valid)] == [400] * 3
    assert set(single.json()["payload"]) == {"input_values.image", "input_values.other"}
    assert set(several.json()["payload"]) == {"1"}
    assert api.get("/v1/tasks", pool_id=pool_id)["items"] == []


def test_an_operation_is_pending_then_runs_then_ends(api: RawClient) -> None:
    pool_id = api.create_pool()
    response = api.post("/v1/tasks", [valid_task(pool_id)], async_mode="true", allow_defaults="true")
    operation = response.json()
    assert response.status_code == 202
    assert (operation["type"], operation["status"]) == ("TASK.BATCH_CREATE", "PENDING")
    assert operation["parameters"] == {"skip_invalid_items": False, "allow_defaults": True, "open_pool": False}
    assert "started" not in operation
    ended = api.wait_operation(operation["id"])
    assert ended["status"] == "SUCCESS"
    assert ended["submitted"] < ended["started"] < ended["finished"]
    assert ended["progress"] == 100
    assert ended["details"] == {
        "total_count": 1,
        "valid_count": 1,
        "not_valid_count": 0,
        "success_count": 1,
        "failed_count": 0,
    }


def test_tasks_appear_when_the_operation_ends() -> None:
    with LocalToloka(operation_seconds=60) as toloka:
        api = RawClient(toloka)
        with api.http:
            pool_id = api.create_pool()
            operation = api.post("/v1/tasks", [valid_task(pool_id)], async_mode="true").json()
            assert api.get("/v1/tasks", pool_id=pool_id)["items"] == []
            assert api.get(f"/v1/operations/{operation['id']}/log") == []


def test_the_log_has_the_input_of_each_task_in_another_order(api: RawClient) -> None:
    pool_id = api.create_pool()
    sent = [{**valid_task(pool_id, number), "__item_idx": str(number)} for number in range(5)]
    sent[3] = {**invalid_task(pool_id), "__item_idx": "3"}
    operation = run_creation(api, sent, skip_invalid_items="true")
    log = api.get(f"/v1/operations/{operation['id']}/log")
    assert operation["status"] == "SUCCESS"
    assert operation["details"]["failed_count"] == 1
    assert [entry["input"]["__item_idx"] for entry in log] != ["0", "1", "2", "3", "4"]
    for entry in log:
        position = int(entry["input"]["__item_idx"])
        assert entry["success"] is (position != 3)
        if entry["success"]:
            assert entry["type"] == "TASK_CREATE"
            assert entry["input"] == {**sent[position], "overlap": 2, "infinite_overlap": False}
            row = api.get(f"/v1/tasks/{entry['output']['task_id']}")
            assert row["input_values"] == sent[position]["input_values"]
            assert "__item_idx" not in row
        else:
            assert entry["type"] == "TASK_VALIDATE"
            assert entry["input"] == sent[3]
            assert entry["output"]["input_values.image"]["code"] == "VALUE_REQUIRED"


def test_a_failed_operation_creates_nothing_and_has_the_documented_counts(api: RawClient) -> None:
    pool_id = api.create_pool()
    operation = run_creation(api, [valid_task(pool_id), invalid_task(pool_id)])
    log = api.get(f"/v1/operations/{operation['id']}/log")
    assert operation["status"] == "FAIL"
    assert operation["details"] == {
        "total_count": 2,
        "valid_count": 1,
        "not_valid_count": 1,
        "success_count": 0,
        "failed_count": 2,
    }
    assert [(entry["type"], entry["success"]) for entry in log] == [("TASK_VALIDATE", False)]
    assert api.get("/v1/tasks", pool_id=pool_id)["items"] == []


def test_an_operation_without_a_valid_task_fails(api: RawClient) -> None:
    assert run_creation(api, [invalid_task(api.create_pool())], skip_invalid_items="true")["status"] == "FAIL"


def test_an_operation_id_works_once(api: RawClient) -> None:
    pool_id, operation_id = api.create_pool(), str(uuid.uuid4())
    assert run_creation(api, [valid_task(pool_id)], operation_id=operation_id)["id"] == operation_id
    again = api.post("/v1/tasks", [valid_task(pool_id, 1)], async_mode="true", operation_id=operation_id)
    assert (again.status_code, again.json()["code"]) == (409, "OPERATION_ALREADY_EXISTS")
    assert len(api.get("/v1/tasks", pool_id=pool_id)["items"]) == 1


def test_an_operation_id_must_be_a_uuid(api: RawClient) -> None:
    response = api.post("/v1/tasks", [valid_task(api.create_pool())], async_mode="true", operation_id="mine")
    assert response.json()["payload"]["operation_id"]["code"] == "UUID_EXPECTED"


def test_overlap_is_the_task_s_or_with_allow_defaults_the_pool_s(api: RawClient) -> None:
    pool_id = api.create_pool()
    bare = {"pool_id": pool_id, **task(1)}
    rejected = api.post("/v1/tasks", bare)
    assert rejected.json()["payload"]["overlap"]["code"] == "VALUE_REQUIRED"
    assert api.post("/v1/tasks", bare, allow_defaults="true").json()["overlap"] == 3
    assert api.post("/v1/tasks", valid_task(pool_id), allow_defaults="true").json()["overlap"] == 2


SUITES, TASKS = "default_overlap_for_new_task_suites", "default_overlap_for_new_tasks"
# the pool's defaults -> the overlap of a task, or its error
DEFAULTS: list[tuple[dict[str, Any], Any]] = [
    ({SUITES: 5, TASKS: 3}, 3),
    ({TASKS: 3}, 3),
    # as in the pools of Toloka-Kit's executed notebooks
    ({SUITES: 5}, 5),
    ({SUITES: 5, TASKS: None}, 5),
    ({}, "VALUE_REQUIRED"),
    ({SUITES: None}, "VALUE_REQUIRED"),
    ({SUITES: 0}, "VALUE_LESS_THAN_MIN"),
    ({SUITES: 5, TASKS: 0}, "VALUE_LESS_THAN_MIN"),
    ({SUITES: "5"}, "INTEGER_EXPECTED"),
]


@pytest.mark.parametrize(("defaults", "expected"), DEFAULTS)
def test_tasks_take_the_pool_s_default_for_task_suites_where_it_is_the_only_one(
    api: RawClient, defaults: dict[str, Any], expected: Any
) -> None:
    bare = {"pool_id": api.create_pool(defaults=defaults), **task(1)}
    assert api.post("/v1/tasks", bare).json()["payload"]["overlap"]["code"] == "VALUE_REQUIRED"
    response = api.post("/v1/tasks", bare, allow_defaults="true").json()
    found = response["overlap"] if "overlap" in response else response["payload"]["overlap"]["code"]
    assert found == expected
    own = api.post("/v1/tasks", {**bare, "overlap": 2}, allow_defaults="true").json()
    assert (own["overlap"], own["remaining_overlap"]) == (2, 2)


WRONG = [
    ({"pool_id": "1"}, "pool_id", "ENTITY_DOES_NOT_EXIST"),
    ({"pool_id": None}, "pool_id", "VALUE_REQUIRED"),
    ({"overlap": 0}, "overlap", "VALUE_LESS_THAN_MIN"),
    ({"overlap": 30001}, "overlap", "VALUE_GREATER_THAN_MAX"),
    ({"overlap": "3"}, "overlap", "INTEGER_EXPECTED"),
    ({"overlap": True}, "overlap", "INTEGER_EXPECTED"),
    ({"infinite_overlap": True}, "overlap", "VALUE_NOT_ALLOWED"),
    ({"input_values": None}, "input_values", "VALUE_REQUIRED"),
    ({"input_values": []}, "input_values", "OBJECT_EXPECTED"),
    ({"known_solutions": {}}, "known_solutions", "ARRAY_EXPECTED"),
    ({"known_solutions": [1]}, "known_solutions.0", "OBJECT_EXPECTED"),
    (
        {"known_solutions": [{"output_values": {"result": "cow"}}]},
        "known_solutions.0.output_values.result",
        "VALUE_NOT_ALLOWED",
    ),
    (
        {"known_solutions": [{"output_values": {}, "correctness_weight": 2}]},
        "known_solutions.0.correctness_weight",
        "VALUE_GREATER_THAN_MAX",
    ),
]


def test_errors_name_field_and_code(api: RawClient) -> None:
    pool_id = api.create_pool()
    for change, field, code in WRONG:
        response = api.post("/v1/tasks", {**valid_task(pool_id), **change})
        assert response.status_code == 400
        assert response.json()["payload"][field]["code"] == code


def test_a_task_that_is_not_an_object_is_rejected(api: RawClient) -> None:
    response = api.post("/v1/tasks", [1])
    assert response.json()["payload"] == {"0": {"task": {"code": "OBJECT_EXPECTED", "message": "Value must be an object"}}}


def test_an_empty_request_is_rejected(api: RawClient) -> None:
    assert api.post("/v1/tasks", [], async_mode="true").status_code == 400


def test_pools_that_accept_no_tasks_reject_them(api: RawClient) -> None:
    without_mixer = api.create_pool(mixer_config=None)
    archived = api.create_pool()
    api.run_operation(f"/v1/pools/{archived}/archive")
    codes = [api.post("/v1/tasks", valid_task(pool_id)).json()["code"] for pool_id in (without_mixer, archived)]
    assert codes == ["MIXER_CONFIG_REQUIRED", "POOL_INAPPROPRIATE_STATUS"]


def test_too_many_tasks_or_bytes_are_rejected(api: RawClient) -> None:
    pool_id = api.create_pool()
    empty = {"pool_id": pool_id, "input_values": {}}
    big = {"pool_id": pool_id, "input_values": {"image": "https://example.com/" + "я" * 524_288}}
    responses = [
        api.post("/v1/tasks", [empty] * 5_001),
        api.post("/v1/tasks", [empty] * 10_001, async_mode="true"),
        api.post("/v1/tasks", [big], async_mode="true"),
    ]
    assert [(response.status_code, response.json()["code"]) for response in responses] == [(413, "ENTITY_TOO_LARGE")] * 3


def test_exactly_the_allowed_bytes_are_accepted(api: RawClient) -> None:
    frame = len('{"image":"https://example.com/"}')
    values = {"image": "https://example.com/" + "x" * (1_048_576 - frame)}
    assert run_creation(api, [{**valid_task(api.create_pool()), "input_values": values}])["status"] == "SUCCESS"


def test_more_than_200000_tasks_per_minute_are_rejected() -> None:
    with LocalToloka(operation_seconds=600) as toloka:
        api = RawClient(toloka)
        with api.http:
            tasks = [{"pool_id": api.create_pool(), "input_values": {}}] * 10_000
            responses = [api.post("/v1/tasks", tasks, async_mode="true") for _ in range(21)]
    assert [response.status_code for response in responses] == [202] * 20 + [429]
    assert responses[-1].json()["payload"] == {"interval": "MIN"}


def test_open_pool_opens_the_pool_after_the_creation(api: RawClient) -> None:
    now, later = api.create_pool(), api.create_pool()
    api.post("/v1/tasks", valid_task(now), open_pool="true")
    run_creation(api, [valid_task(later)], open_pool="true")
    assert [api.get(f"/v1/pools/{pool_id}")["status"] for pool_id in (now, later)] == ["OPEN", "OPEN"]


def test_a_pool_that_cannot_be_opened_is_in_the_log(api: RawClient) -> None:
    pool_id = api.create_pool(will_expire="2020-01-01")
    operation = run_creation(api, [valid_task(pool_id)], open_pool="true")
    *_, entry = api.get(f"/v1/operations/{operation['id']}/log")
    assert (entry["type"], entry["success"], entry["input"]) == ("POOL_OPEN", False, {"pool_id": int(pool_id)})
    assert entry["output"]["code"] == "POOL_INAPPROPRIATE_STATUS"
    assert set(entry["output"]) == {"request_id", "code", "message"}
    assert len(api.get("/v1/tasks", pool_id=pool_id)["items"]) == 1


def test_a_restarted_service_finishes_its_operations(tmp_path: Path) -> None:
    toloka = LocalToloka(tmp_path / "toloka.db", operation_seconds=0.3)
    with toloka:
        api = RawClient(toloka)
        with api.http:
            pool_id = api.create_pool()
            operation = api.post("/v1/tasks", [valid_task(pool_id)], async_mode="true").json()
    with toloka:
        api = RawClient(toloka)
        with api.http:
            assert api.wait_operation(operation["id"])["status"] == "SUCCESS"
            assert len(api.get("/v1/tasks", pool_id=pool_id)["items"]) == 1


def test_ten_times_as_many_tasks_take_about_ten_times_as_long(api: RawClient) -> None:
    def create_and_get(count: int) -> None:
        pool_id = api.create_pool()
        run_creation(api, [valid_task(pool_id, number) for number in range(count)])
        page = api.get("/v1/tasks", pool_id=pool_id, limit=100_000)
        assert (len(page["items"]), page["has_more"]) == (count, False)

    many, few = (cpu_seconds(partial(create_and_get, count)) for count in (10_000, 1_000))
    assert many < 40 * few


def test_text_is_returned_unchanged(api: RawClient) -> None:
    pool_id = api.create_pool()
    for text in ("007", "NA", "[ ]", 'a\tb"c', "line\r\nline", "\x00", "я"):
        row = api.post("/v1/tasks", {**valid_task(pool_id), "input_values": {"image": "/x", "note": text}}).json()
        assert api.get(f"/v1/tasks/{row['id']}")["input_values"]["note"] == text


def test_the_service_survives_lost_connections(toloka: LocalToloka) -> None:
    toloka.faults.slow("POST /v1/tasks", seconds=60)
    api = RawClient(toloka)
    with api.http:
        for _ in range(5):
            with pytest.raises(httpx.TimeoutException):
                api.http.post("/v1/tasks", json=[valid_task("1")] * 5_000, timeout=0.001)
        assert api.get("/v1/requester")
