"""What is given for a list becomes its path and its query, and nothing else does."""

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

ASKED: dict[str, tuple[Resource, dict[str, Any], str, dict[str, str]]] = {
    "all of a list": (POOLS, {}, "/v1/pools", {}),
    "what is None is not asked": (POOLS, {"status": None, "id_gt": None}, "/v1/pools", {}),
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
    "a word of Python's own": (SKILLS, {"global_": False}, "/v1/skills", {"global": "false"}),
    "a scope with its project": (
        USER_RESTRICTIONS,
        {"scope": "PROJECT", "project_id": "1"},
        "/v1/user-restrictions",
        {"scope": "PROJECT", "project_id": "1"},
    ),
    "an operation in the path": (AGGREGATED_SOLUTIONS, {"operation_id": "a"}, "/v1/aggregated-solutions/a", {}),
    "a place in the path": (APP_BATCHES, {"app_project_id": "Q2d"}, "/app/v0/app-projects/Q2d/batches", {}),
    "a place that is quoted": (
        APP_ITEMS,
        {"app_project_id": "a/b?x=1 {c}", "batch_id": "a/b"},
        "/app/v0/app-projects/a%2Fb%3Fx%3D1%20%7Bc%7D/items",
        {"batch_id": "a/b"},
    ),
}


@pytest.mark.parametrize(("resource", "given", "path", "query"), ASKED.values(), ids=ASKED)
def test_a_question_has_a_path_and_a_query(resource: Resource, given: dict[str, Any], path: str, query: dict[str, str]) -> None:
    asked = list_request(resource, given)
    assert asked.path == path
    assert asked.query == query


def test_a_question_says_in_words_what_it_asks() -> None:
    asked = list_request(APP_BATCHES, {"app_project_id": "Q2d", "status": "NEW", "id_gt": None})
    assert str(asked) == "app batches(app_project_id='Q2d', status='NEW')"


@pytest.mark.parametrize(
    ("resource", "given", "column"),
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
def test_a_question_that_cannot_be_asked_is_refused(resource: Resource, given: dict[str, Any], column: str) -> None:
    with pytest.raises(tf.InputError) as caught:
        list_request(resource, given)
    assert caught.value.column == column


@pytest.mark.parametrize("one", ["pool_id", "task_id", "task_suite_id"])
def test_any_one_of_three_ids_is_enough_for_assignments(one: str) -> None:
    assert list_request(ASSIGNMENTS, {one: "1", "user_id": "a"}).query == {one: "1", "user_id": "a"}
