from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from support.raw_client import Wire, task

from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from pathlib import Path

ID = re.compile(r"[0-9a-f]{10}--[0-9a-f]{24}")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?")


@pytest.fixture
def wire(wire_of_module: Wire) -> Wire:
    return wire_of_module


def upload(wire: Wire, tasks: list[dict[str, Any]], **query: Any) -> dict[str, Any]:
    reply = wire.post("/v1/tasks", tasks, async_mode="true", **query)
    assert reply.status_code == 202, reply.text
    return wire.finished(reply.json()["id"])


def bad(pool_id: str) -> dict[str, Any]:
    return {"pool_id": pool_id, "input_values": {"note": "no image", "other": 1}, "overlap": 1}


def good(pool_id: str, number: int = 0, **more: Any) -> dict[str, Any]:
    return {"pool_id": pool_id, "overlap": 2, **task(number), **more}


def test_one_task_made_at_once_is_the_row(wire: Wire) -> None:
    pool_id = wire.pool()
    reply = wire.post("/v1/tasks", good(pool_id, message_on_unknown_solution=None))
    row = reply.json()
    assert reply.status_code == 201
    assert ID.fullmatch(row.pop("id"))
    assert INSTANT.fullmatch(row.pop("created"))
    assert row == {
        "pool_id": pool_id,
        "input_values": {"image": "https://example.com/0.png"},
        "overlap": 2,
        "remaining_overlap": 2,
        "infinite_overlap": False,
        "reserved_for": [],
        "unavailable_for": [],
    }


def test_ids_begin_with_the_pool_and_rise(wire: Wire) -> None:
    pool_id = wire.pool()
    ids = [row["id"] for row in wire.tasks(pool_id, 20)]
    assert ids == sorted(ids)
    assert {int(row_id[:10], 16) for row_id in ids} == {int(pool_id)}


def test_a_control_task_has_infinite_overlap_and_a_weight(wire: Wire) -> None:
    sent = {
        "pool_id": wire.pool(),
        "infinite_overlap": True,
        "known_solutions": [{"output_values": {"result": "cat"}}],
        **task(1),
    }
    row = wire.post("/v1/tasks", sent).json()
    assert row["known_solutions"] == [{"output_values": {"result": "cat"}, "correctness_weight": 1.0}]
    assert row["infinite_overlap"]
    assert "overlap" not in row
    assert "remaining_overlap" not in row


def test_an_array_made_at_once_is_keyed_by_position(wire: Wire) -> None:
    pool_id = wire.pool()
    reply = wire.post("/v1/tasks", [good(pool_id), bad(pool_id), good(pool_id, 2)], skip_invalid_items="true")
    body = reply.json()
    assert reply.status_code == 201
    assert set(body["items"]) == {"0", "2"}
    assert set(body["validation_errors"]) == {"1"}
    assert body["validation_errors"]["1"]["input_values.image"]["code"] == "VALUE_REQUIRED"
    assert body["validation_errors"]["1"]["input_values.other"]["code"] == "VALUE_NOT_ALLOWED"
    assert "validation_errors" not in wire.post("/v1/tasks", [good(pool_id)]).json()


def test_one_bad_task_refuses_all(wire: Wire) -> None:
    pool_id = wire.pool()
    one = wire.post("/v1/tasks", bad(pool_id))
    many = wire.post("/v1/tasks", [good(pool_id), bad(pool_id)])
    none_good = wire.post("/v1/tasks", [bad(pool_id)], skip_invalid_items="true")
    assert [reply.status_code for reply in (one, many, none_good)] == [400] * 3
    assert set(one.json()["payload"]) == {"input_values.image", "input_values.other"}
    assert set(many.json()["payload"]) == {"1"}
    assert wire.get("/v1/tasks", pool_id=pool_id)["items"] == []


def test_an_operation_waits_then_runs_then_ends(wire: Wire) -> None:
    pool_id = wire.pool()
    reply = wire.post("/v1/tasks", [good(pool_id)], async_mode="true", allow_defaults="true")
    operation = reply.json()
    assert reply.status_code == 202
    assert (operation["type"], operation["status"]) == ("TASK.BATCH_CREATE", "PENDING")
    assert operation["parameters"] == {"skip_invalid_items": False, "allow_defaults": True, "open_pool": False}
    assert "started" not in operation
    ended = wire.finished(operation["id"])
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
        wire = Wire(toloka)
        with wire.http:
            pool_id = wire.pool()
            operation = wire.post("/v1/tasks", [good(pool_id)], async_mode="true").json()
            assert wire.get("/v1/tasks", pool_id=pool_id)["items"] == []
            assert wire.get(f"/v1/operations/{operation['id']}/log") == []


def test_the_log_ties_each_task_to_what_was_sent_in_another_order(wire: Wire) -> None:
    pool_id = wire.pool()
    sent = [{**good(pool_id, number), "__item_idx": str(number)} for number in range(5)]
    sent[3] = {**bad(pool_id), "__item_idx": "3"}
    operation = upload(wire, sent, skip_invalid_items="true")
    log = wire.get(f"/v1/operations/{operation['id']}/log")
    assert operation["status"] == "SUCCESS"
    assert operation["details"]["failed_count"] == 1
    assert [entry["input"]["__item_idx"] for entry in log] != ["0", "1", "2", "3", "4"]
    for entry in log:
        position = int(entry["input"]["__item_idx"])
        assert entry["success"] is (position != 3)
        if entry["success"]:
            assert entry["type"] == "TASK_CREATE"
            assert entry["input"] == {**sent[position], "overlap": 2, "infinite_overlap": False}
            row = wire.get(f"/v1/tasks/{entry['output']['task_id']}")
            assert row["input_values"] == sent[position]["input_values"]
            assert "__item_idx" not in row
        else:
            assert entry["type"] == "TASK_VALIDATE"
            assert entry["input"] == sent[3]
            assert entry["output"]["input_values.image"]["code"] == "VALUE_REQUIRED"


def test_a_refused_upload_makes_nothing_and_counts_as_the_documents_say(wire: Wire) -> None:
    pool_id = wire.pool()
    operation = upload(wire, [good(pool_id), bad(pool_id)])
    log = wire.get(f"/v1/operations/{operation['id']}/log")
    assert operation["status"] == "FAIL"
    assert operation["details"] == {
        "total_count": 2,
        "valid_count": 1,
        "not_valid_count": 1,
        "success_count": 0,
        "failed_count": 2,
    }
    assert [(entry["type"], entry["success"]) for entry in log] == [("TASK_VALIDATE", False)]
    assert wire.get("/v1/tasks", pool_id=pool_id)["items"] == []


def test_with_no_good_task_the_operation_fails(wire: Wire) -> None:
    assert upload(wire, [bad(wire.pool())], skip_invalid_items="true")["status"] == "FAIL"


def test_an_operation_id_works_once(wire: Wire) -> None:
    pool_id, operation_id = wire.pool(), str(uuid.uuid4())
    assert upload(wire, [good(pool_id)], operation_id=operation_id)["id"] == operation_id
    again = wire.post("/v1/tasks", [good(pool_id, 1)], async_mode="true", operation_id=operation_id)
    assert (again.status_code, again.json()["code"]) == (409, "OPERATION_ALREADY_EXISTS")
    assert len(wire.get("/v1/tasks", pool_id=pool_id)["items"]) == 1


def test_an_operation_id_must_be_a_uuid(wire: Wire) -> None:
    reply = wire.post("/v1/tasks", [good(wire.pool())], async_mode="true", operation_id="mine")
    assert reply.json()["payload"]["operation_id"]["code"] == "UUID_EXPECTED"


def test_overlap_comes_from_the_task_or_with_leave_from_the_pool(wire: Wire) -> None:
    pool_id = wire.pool()
    bare = {"pool_id": pool_id, **task(1)}
    refused = wire.post("/v1/tasks", bare)
    assert refused.json()["payload"]["overlap"]["code"] == "VALUE_REQUIRED"
    assert wire.post("/v1/tasks", bare, allow_defaults="true").json()["overlap"] == 3
    assert wire.post("/v1/tasks", good(pool_id), allow_defaults="true").json()["overlap"] == 2


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


def test_what_is_wrong_is_named(wire: Wire) -> None:
    pool_id = wire.pool()
    for change, field, code in WRONG:
        reply = wire.post("/v1/tasks", {**good(pool_id), **change})
        assert reply.status_code == 400
        assert reply.json()["payload"][field]["code"] == code


def test_a_task_that_is_no_object_is_named(wire: Wire) -> None:
    reply = wire.post("/v1/tasks", [1])
    assert reply.json()["payload"] == {"0": {"task": {"code": "OBJECT_EXPECTED", "message": "Value must be an object"}}}


def test_an_empty_upload_is_refused(wire: Wire) -> None:
    assert wire.post("/v1/tasks", [], async_mode="true").status_code == 400


def test_pools_that_take_no_tasks_refuse_them(wire: Wire) -> None:
    without_mixer = wire.pool(mixer_config=None)
    archived = wire.pool()
    wire.done(f"/v1/pools/{archived}/archive")
    codes = [wire.post("/v1/tasks", good(pool_id)).json()["code"] for pool_id in (without_mixer, archived)]
    assert codes == ["MIXER_CONFIG_REQUIRED", "POOL_INAPPROPRIATE_STATUS"]


def test_too_many_tasks_or_bytes_are_refused(wire: Wire) -> None:
    pool_id = wire.pool()
    small = {"pool_id": pool_id, "input_values": {}}
    big = {"pool_id": pool_id, "input_values": {"image": "https://example.com/" + "я" * 524_288}}
    replies = [
        wire.post("/v1/tasks", [small] * 5_001),
        wire.post("/v1/tasks", [small] * 10_001, async_mode="true"),
        wire.post("/v1/tasks", [big], async_mode="true"),
    ]
    assert [(reply.status_code, reply.json()["code"]) for reply in replies] == [(413, "ENTITY_TOO_LARGE")] * 3


def test_exactly_the_allowed_bytes_pass(wire: Wire) -> None:
    frame = len('{"image":"https://example.com/"}')
    values = {"image": "https://example.com/" + "x" * (1_048_576 - frame)}
    assert upload(wire, [{**good(wire.pool()), "input_values": values}])["status"] == "SUCCESS"


def test_more_than_200000_tasks_a_minute_are_refused_until_the_minute_is_over() -> None:
    with LocalToloka(operation_seconds=600) as toloka:
        wire = Wire(toloka)
        with wire.http:
            tasks = [{"pool_id": wire.pool(), "input_values": {}}] * 10_000
            replies = [wire.post("/v1/tasks", tasks, async_mode="true") for _ in range(21)]
    assert [reply.status_code for reply in replies] == [202] * 20 + [429]
    assert replies[-1].json()["payload"] == {"interval": "MIN"}


def test_open_pool_opens_the_pool_when_the_tasks_are_there(wire: Wire) -> None:
    now, later = wire.pool(), wire.pool()
    wire.post("/v1/tasks", good(now), open_pool="true")
    upload(wire, [good(later)], open_pool="true")
    assert [wire.get(f"/v1/pools/{pool_id}")["status"] for pool_id in (now, later)] == ["OPEN", "OPEN"]


def test_a_pool_that_cannot_be_opened_is_in_the_log(wire: Wire) -> None:
    pool_id = wire.pool(will_expire="2020-01-01")
    operation = upload(wire, [good(pool_id)], open_pool="true")
    *_, entry = wire.get(f"/v1/operations/{operation['id']}/log")
    assert (entry["type"], entry["success"], entry["input"]) == ("POOL_OPEN", False, {"pool_id": int(pool_id)})
    assert entry["output"]["code"] == "POOL_INAPPROPRIATE_STATUS"
    assert set(entry["output"]) == {"request_id", "code", "message"}
    assert len(wire.get("/v1/tasks", pool_id=pool_id)["items"]) == 1


def test_a_restart_finishes_what_was_begun(tmp_path: Path) -> None:
    toloka = LocalToloka(tmp_path / "toloka.db", operation_seconds=0.3)
    with toloka:
        wire = Wire(toloka)
        with wire.http:
            pool_id = wire.pool()
            operation = wire.post("/v1/tasks", [good(pool_id)], async_mode="true").json()
    with toloka:
        wire = Wire(toloka)
        with wire.http:
            assert wire.finished(operation["id"])["status"] == "SUCCESS"
            assert len(wire.get("/v1/tasks", pool_id=pool_id)["items"]) == 1


def test_ten_thousand_tasks_go_up_and_come_down_quickly(wire: Wire) -> None:
    pool_id = wire.pool()
    tasks = [good(pool_id, number) for number in range(10_000)]
    reply = wire.post("/v1/tasks", tasks, async_mode="true")
    assert reply.elapsed.total_seconds() < 2
    wire.finished(reply.json()["id"])
    page = wire.http.get("/v1/tasks", params={"pool_id": pool_id, "limit": 100_000})
    assert page.elapsed.total_seconds() < 2
    assert len(page.json()["items"]) == 10_000
    assert not page.json()["has_more"]


def test_text_comes_back_as_it_went(wire: Wire) -> None:
    pool_id = wire.pool()
    for text in ("007", "NA", "[ ]", 'a\tb"c', "line\r\nline", "\x00", "я"):
        row = wire.post("/v1/tasks", {**good(pool_id), "input_values": {"image": "/x", "note": text}}).json()
        assert wire.get(f"/v1/tasks/{row['id']}")["input_values"]["note"] == text


def test_a_lost_connection_leaves_the_service_well(toloka: LocalToloka) -> None:
    toloka.faults.slow("POST /v1/tasks", seconds=60)
    wire = Wire(toloka)
    with wire.http:
        for _ in range(5):
            with pytest.raises(httpx.TimeoutException):
                wire.http.post("/v1/tasks", json=[good("1")] * 5_000, timeout=0.001)
        assert wire.get("/v1/requester")
