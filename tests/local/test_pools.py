from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.raw_client import POOL, PROJECT

if TYPE_CHECKING:
    from support.raw_client import Wire


@pytest.fixture
def wire(wire_of_module: Wire) -> Wire:
    return wire_of_module


def test_a_project_comes_back_with_what_the_service_adds(wire: Wire) -> None:
    project = wire.project()
    assert {name: project[name] for name in PROJECT} == PROJECT
    assert project["status"] == "ACTIVE"
    assert project["owner"]["myself"]
    assert project["id"].isdecimal()
    assert wire.get(f"/v1/projects/{project['id']}") == project


def test_a_project_needs_its_fields_and_known_types(wire: Wire) -> None:
    reply = wire.post("/v1/projects", {"public_name": "x"})
    assert set(reply.json()["payload"]) == {"task_spec", "assignments_issuing_type"}
    fields = {"a": {"type": "picture", "min_value": "3"}, "b": "string", "c": {"type": "string", "allowed_values": "x"}}
    spec = {"input_spec": fields, "output_spec": None}
    payload = wire.post("/v1/projects", {**PROJECT, "task_spec": spec}).json()["payload"]
    assert payload["task_spec.input_spec.a.type"]["code"] == "UNKNOWN_ENUM_VALUE"
    assert payload["task_spec.input_spec.a.min_value"]["code"] == "FLOAT_EXPECTED"
    assert payload["task_spec.input_spec.b"]["code"] == "OBJECT_EXPECTED"
    assert payload["task_spec.input_spec.c.allowed_values"]["code"] == "ARRAY_EXPECTED"
    assert payload["task_spec.output_spec"]["code"] == "OBJECT_EXPECTED"


def test_a_project_is_replaced_but_keeps_what_the_service_set(wire: Wire) -> None:
    project = wire.project()
    reply = wire.http.put(f"/v1/projects/{project['id']}", json={**PROJECT, "public_name": "New", "status": "ARCHIVED"})
    assert reply.json()["public_name"] == "New"
    assert {name: reply.json()[name] for name in ("id", "status", "created", "owner")} == {
        name: project[name] for name in ("id", "status", "created", "owner")
    }


def test_a_new_pool_is_closed(wire: Wire) -> None:
    pool = wire.get(f"/v1/pools/{wire.pool()}")
    assert {name: pool[name] for name in POOL} == POOL
    assert pool["status"] == "CLOSED"
    assert pool["type"] == "REGULAR"
    assert not {"last_started", "last_stopped", "last_close_reason"} & set(pool)


WRONG = [
    ({"project_id": "1"}, "project_id", "ENTITY_DOES_NOT_EXIST"),
    ({"private_name": None}, "private_name", "VALUE_REQUIRED"),
    ({"reward_per_assignment": 0.001}, "reward_per_assignment", "VALUE_LESS_THAN_MIN"),
    ({"reward_per_assignment": "1"}, "reward_per_assignment", "FLOAT_EXPECTED"),
    ({"assignment_max_duration_seconds": 1}, "assignment_max_duration_seconds", "VALUE_LESS_THAN_MIN"),
    ({"defaults": 3}, "defaults", "OBJECT_EXPECTED"),
    ({"will_expire": "soon"}, "will_expire", "INVALID_DATE_TIME_SYNTAX"),
    ({"mixer_config": {"real_tasks_count": 1}}, "mixer_config.golden_tasks_count", "INTEGER_EXPECTED"),
]


def test_a_pool_form_that_cannot_be_is_refused(wire: Wire) -> None:
    form = {**POOL, "project_id": wire.project()["id"]}
    for change, field, code in WRONG:
        reply = wire.post("/v1/pools", {**form, **change})
        assert reply.status_code == 400
        assert reply.json()["payload"][field]["code"] == code


def test_a_pool_opens_and_closes_by_operations(wire: Wire) -> None:
    pool_id = wire.pool()
    wire.tasks(pool_id, 1)
    operation = wire.done(f"/v1/pools/{pool_id}/open")
    assert (operation["type"], operation["status"]) == ("POOL.OPEN", "SUCCESS")
    assert operation["parameters"] == {"pool_id": pool_id}
    pool = wire.get(f"/v1/pools/{pool_id}")
    assert (pool["status"], pool["last_started"]) == ("OPEN", operation["finished"])
    wire.done(f"/v1/pools/{pool_id}/close")
    pool = wire.get(f"/v1/pools/{pool_id}")
    assert (pool["status"], pool["last_close_reason"]) == ("CLOSED", "MANUAL")
    assert pool["last_stopped"] > pool["last_started"]


def test_what_is_so_already_needs_no_operation(wire: Wire) -> None:
    pool_id = wire.pool()
    wire.tasks(pool_id, 1)
    replies = [wire.post(f"/v1/pools/{pool_id}/close")]
    wire.done(f"/v1/pools/{pool_id}/open")
    replies.append(wire.post(f"/v1/pools/{pool_id}/open"))
    wire.done(f"/v1/pools/{pool_id}/close")
    wire.done(f"/v1/pools/{pool_id}/archive")
    replies.append(wire.post(f"/v1/pools/{pool_id}/archive"))
    assert [(reply.status_code, reply.content) for reply in replies] == [(204, b"")] * 3


def test_what_a_pools_state_forbids_is_a_conflict(wire: Wire) -> None:
    pool_id = wire.pool()
    assert wire.post(f"/v1/pools/{pool_id}/open").json()["code"] == "EMPTY_POOL"
    wire.tasks(pool_id, 1)
    wire.done(f"/v1/pools/{pool_id}/open")
    archive = wire.post(f"/v1/pools/{pool_id}/archive")
    assert (archive.status_code, archive.json()["code"]) == (409, "POOL_INAPPROPRIATE_STATUS")
    wire.done(f"/v1/pools/{pool_id}/close")
    wire.done(f"/v1/pools/{pool_id}/archive")
    for action in ("open", "close"):
        reply = wire.post(f"/v1/pools/{pool_id}/{action}")
        assert (reply.status_code, reply.json()["code"]) == (409, "POOL_INAPPROPRIATE_STATUS")
    patch = wire.http.patch(f"/v1/pools/{pool_id}", json={"priority": 3})
    assert (patch.status_code, patch.content) == (409, b"")


def test_a_pool_is_changed_and_replaced(wire: Wire) -> None:
    pool_id = wire.pool()
    assert wire.http.patch(f"/v1/pools/{pool_id}", json={"priority": 7, "status": "OPEN"}).json()["priority"] == 7
    pool = wire.get(f"/v1/pools/{pool_id}")
    assert (pool["priority"], pool["status"]) == (7, "CLOSED")
    assert wire.http.patch(f"/v1/pools/{pool_id}", json={"priority": 101}).status_code == 400
    form = {**POOL, "project_id": pool["project_id"], "private_name": "New", "will_expire": "2050-01-01"}
    replaced = wire.http.put(f"/v1/pools/{pool_id}", json=form).json()
    assert (replaced["private_name"], replaced["priority"], replaced["created"]) == ("New", 0, pool["created"])
    assert replaced["will_expire"] == "2050-01-01T00:00:00"


def test_an_action_that_its_pool_overtook_fails(wire: Wire) -> None:
    pool_id = wire.pool()
    wire.tasks(pool_id, 1)
    archiving, opening = (wire.post(f"/v1/pools/{pool_id}/{action}").json()["id"] for action in ("archive", "open"))
    assert wire.finished(archiving)["status"] == "SUCCESS"
    assert wire.finished(opening)["status"] == "FAIL"
    assert wire.get(f"/v1/pools/{pool_id}")["status"] == "ARCHIVED"
