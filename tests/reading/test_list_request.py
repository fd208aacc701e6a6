"""The arguments of a list become the path and the query of its requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import toloka_frames as tf
from toloka_frames._reading.scan import list_request
from toloka_frames._schema.lists import (
    AGGREGATED_SOLUTIONS,
    APP_BATCHES,
    APP_ITEMS,
    APP_PROJECTS,
    ASSIGNMENTS,
    ATTACHMENTS,
    POOLS,
    SKILLS,
    TASK_SUITES,
    TASKS,
    USER_RESTRICTIONS,
)

if TYPE_CHECKING:
    from toloka_frames._schema.lists import Resource

REQUESTS: dict[str, tuple[Resource, dict[str, Any], str, dict[str, str]]] = {
    "a whole list": (POOLS, {}, "/v1/pools", {}),
    "None is left out": (POOLS, {"status": None, "id_gt": None}, "/v1/pools", {}),
    "filters": (
        POOLS,
        {"status": "OPEN", "created_gte": "2026-01-01", "id_lt": "9"},
        "/v1/pools",
        {"status": "OPEN", "created_gte": "2026-01-01T00:00:00", "id_lt": "9"},
    ),
    "a pool's tasks": (TASKS, {"pool_id": "1", "overlap_gte": 3}, "/v1/tasks", {"pool_id": "1", "overlap_gte": "3"}),
    "several statuses": (
        ASSIGNMENTS,
        {"task_id": "t", "status": ["ACCEPTED", "REJECTED"]},
        "/v1/assignments",
        {"task_id": "t", "status": "ACCEPTED,REJECTED"},
    ),
    "several requesters": (
        APP_PROJECTS,
        {"scope": "REQUESTER_LIST", "requester_ids": ["a", "b"]},
        "/app/v0/app-projects",
        {"scope": "REQUESTER_LIST", "requester_ids": "a,b"},
    ),
    "a Python keyword": (SKILLS, {"global_": False}, "/v1/skills", {"global": "false"}),
    "a scope and its project": (
        USER_RESTRICTIONS,
        {"scope": "PROJECT", "project_id": "1"},
        "/v1/user-restrictions",
        {"scope": "PROJECT", "project_id": "1"},
    ),
    "an operation in the path": (AGGREGATED_SOLUTIONS, {"operation_id": "a"}, "/v1/aggregated-solutions/a", {}),
    "a project in the path": (APP_BATCHES, {"app_project_id": "Q2d"}, "/app/v0/app-projects/Q2d/batches", {}),
    "a quoted path parameter": (
        APP_ITEMS,
        {"app_project_id": "a/b?x=1 {c}", "batch_id": "a/b"},
        "/app/v0/app-projects/a%2Fb%3Fx%3D1%20%7Bc%7D/items",
        {"batch_id": "a/b"},
    ),
}


@pytest.mark.parametrize(("resource", "arguments", "path", "query"), REQUESTS.values(), ids=REQUESTS)
def test_a_request_has_a_path_and_a_query(
    resource: Resource, arguments: dict[str, Any], path: str, query: dict[str, str]
) -> None:
    request = list_request(resource, arguments)
    assert request.path == path
    assert request.query == query


def test_the_text_of_a_request_shows_the_list_and_its_arguments() -> None:
    request = list_request(APP_BATCHES, {"app_project_id": "Q2d", "status": "NEW", "id_gt": None})
    assert str(request) == "app batches(app_project_id='Q2d', status='NEW')"


@pytest.mark.parametrize(
    ("resource", "arguments", "column"),
    [
        (APP_BATCHES, {"app_project_id": None}, "app_project_id"),
        (APP_BATCHES, {"app_project_id": ""}, "app_project_id"),
        (POOLS, {"status": "open"}, "status"),
        (TASKS, {"pool_id": None}, "pool_id"),
        (ASSIGNMENTS, {"user_id": "a"}, "pool_id"),
        (TASK_SUITES, {"overlap": 3}, "pool_id"),
        (ATTACHMENTS, {"user_id": "a"}, "pool_id"),
        (USER_RESTRICTIONS, {"scope": "PROJECT", "pool_id": "1"}, "project_id"),
        (USER_RESTRICTIONS, {"scope": "POOL"}, "pool_id"),
        (SKILLS, {"global_": 1}, "global_"),
    ],
)
def test_invalid_arguments_are_rejected(resource: Resource, arguments: dict[str, Any], column: str) -> None:
    with pytest.raises(tf.InputError) as caught:
        list_request(resource, arguments)
    assert caught.value.column == column


@pytest.mark.parametrize("name", ["pool_id", "task_id", "task_suite_id"])
def test_any_one_of_three_ids_is_enough_for_assignments(name: str) -> None:
    assert list_request(ASSIGNMENTS, {name: "1", "user_id": "a"}).query == {name: "1", "user_id": "a"}
