from __future__ import annotations

import io
import operator
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from support.raw_client import TRAINING, RawClient, task

from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Iterator

BOUNDS = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}

CREATED = ("id", "created")
# for each list: required parameters, compared columns, sort keys
LISTS: dict[str, tuple[dict[str, str], tuple[str, ...], tuple[str, ...]]] = {
    "/v1/projects": ({}, CREATED, (*CREATED, "public_name", "private_comment")),
    "/v1/pools": ({}, (*CREATED, "last_started"), (*CREATED, "last_started")),
    "/v1/trainings": ({}, CREATED, (*CREATED, "last_started")),
    "/v1/tasks": ({"pool_id": "$pool"}, (*CREATED, "overlap"), CREATED),
    "/v1/task-suites": ({"pool_id": "$suites"}, (*CREATED, "overlap"), CREATED),
    "/v1/assignments": ({"pool_id": "$pool"}, (*CREATED, "submitted", "accepted"), (*CREATED, "submitted", "accepted")),
    "/v1/aggregated-solutions/$solutions": ({}, ("task_id",), ("task_id",)),
    "/v1/skills": ({}, CREATED, CREATED),
    "/v1/user-skills": ({}, (*CREATED, "modified"), (*CREATED, "modified")),
    "/v1/user-restrictions": ({}, CREATED, CREATED),
    "/v1/user-bonuses": ({}, CREATED, CREATED),
    "/v1/attachments": ({"pool_id": "$pool"}, CREATED, CREATED),
    "/v1/message-threads": ({}, CREATED, CREATED),
    "/v1/operations": ({}, ("id", "submitted", "finished"), ("id", "submitted", "finished")),
    "/v1/webhook-subscriptions": ({}, CREATED, CREATED),
}


def frame(lines: list[str]) -> pd.DataFrame:
    return pd.read_csv(io.StringIO("\n".join(lines)), sep="\t", dtype=str, keep_default_na=False)


def test_a_page_has_the_default_size_and_has_more(api: RawClient) -> None:
    pool_id = api.create_pool()
    rows = api.create_tasks(pool_id, 60)
    page = api.get("/v1/tasks", pool_id=pool_id)
    assert set(page) == {"items", "has_more"}
    assert page["items"] == rows[:50]
    assert page["has_more"]


def test_paging_by_id_returns_each_row_once(api: RawClient) -> None:
    pool_id = api.create_pool()
    rows = api.create_tasks(pool_id, 25)
    seen = []
    page = api.get("/v1/tasks", pool_id=pool_id, limit=10, sort="id")
    while True:
        seen += page["items"]
        if not page["has_more"]:
            break
        page = api.get("/v1/tasks", pool_id=pool_id, limit=10, sort="id", id_gt=seen[-1]["id"])
    assert seen == rows


def test_another_pools_tasks_are_not_listed(api: RawClient) -> None:
    project = api.create_project()
    first, second = api.create_pool(project), api.create_pool(project)
    api.create_tasks(first, 2)
    assert api.get("/v1/tasks", pool_id=second) == {"items": [], "has_more": False}


def test_limits_have_bounds(api: RawClient) -> None:
    maxima = {
        "/v1/projects": 300,
        "/v1/pools": 300,
        "/v1/tasks?pool_id=1": 100_000,
        "/v1/task-suites?pool_id=1": 100_000,
        "/v1/assignments?pool_id=1": 100_000,
        "/v1/operations": 500,
        "/v1/trainings": 300,
        "/v1/skills": 100,
        "/v1/user-skills": 1_000,
        "/v1/user-restrictions": 500,
        "/v1/user-bonuses": 300,
        "/v1/attachments?pool_id=1": 100,
        "/v1/message-threads": 300,
        "/v1/webhook-subscriptions": 300,
        "/app/v0/apps": 1_000,
        "/app/v0/app-projects": 5_000,
    }
    for path, maximum in maxima.items():
        url = f"{path}{'&' if '?' in path else '?'}limit="
        assert api.http.get(f"{url}{maximum}").status_code == 200
        errors = {limit: api.http.get(f"{url}{limit}").json()["payload"]["limit"] for limit in (maximum + 1, 0, -1, "x", "")}
        assert errors[maximum + 1]["code"] == "VALUE_GREATER_THAN_MAX"
        assert errors[maximum + 1]["params"] == [maximum]
        assert errors[0]["code"] == errors[-1]["code"] == "VALUE_LESS_THAN_MIN"
        assert errors["x"]["code"] == errors[""]["code"] == "INTEGER_EXPECTED"


def test_decimal_ids_compare_as_numbers(toloka: LocalToloka, api: RawClient) -> None:
    lines = ["INPUT:a\tASSIGNMENT:task_id\tASSIGNMENT:link"]
    for pool_id in (9, 10, 100):
        rows = [*lines, f"x\ttask-{pool_id}\thttps://platform.toloka.ai/task/{pool_id}/assignment-{pool_id}"]
        toloka.load_export(frame(rows))
    ids = [pool["id"] for pool in api.get("/v1/pools", sort="id")["items"]]
    assert ids == ["9", "10", "100"]
    assert [pool["id"] for pool in api.get("/v1/pools", sort="-id", id_gt="9")["items"]] == ["100", "10"]
    assert api.http.get("/v1/pools", params={"id_gt": "x"}).json()["payload"]["id_gt"]["code"] == "INTEGER_EXPECTED"


def test_each_comparison_selects_what_its_name_says(api: RawClient) -> None:
    project = api.create_project()
    ids = [api.create_pool(project) for _ in range(3)]
    found = {bound: [row["id"] for row in api.get("/v1/pools", **{f"id_{bound}": ids[1]})["items"]] for bound in BOUNDS}
    assert found == {"gt": ids[2:], "gte": ids[1:], "lt": ids[:1], "lte": ids[:2]}


def test_timestamps_compare_in_every_format(api: RawClient) -> None:
    project = api.create_project()
    created = project["created"]
    assert "." in created or len(created) == 19
    padded = f"{created}.000000" if len(created) == 19 else f"{created}000"
    for text in (created, padded, f"{created}Z", created.replace("T", " ")):
        assert api.get("/v1/projects", created_gte=text, created_lte=text)["items"] == [project]
        assert api.get("/v1/projects", created_gt=text)["items"] == []
    assert api.get("/v1/projects", created_gte=created[:10])["items"] == [project]
    response = api.http.get("/v1/projects", params={"created_gt": "yesterday"})
    assert response.json()["payload"]["created_gt"]["code"] == "INVALID_DATE_TIME_SYNTAX"


def test_timestamps_without_a_fraction_compare_as_times(toloka: LocalToloka, api: RawClient) -> None:
    rows = [
        "INPUT:a\tASSIGNMENT:task_id\tASSIGNMENT:assignment_id\tASSIGNMENT:started",
        "x\ttask-1\tone\t2022-01-01T10:00",
        "x\ttask-1\ttwo\t2022-01-01T10:00:00.001",
        "x\ttask-1\tthree\t2022-01-01T10:00:01",
    ]
    pool_id = toloka.load_export(frame(rows))
    found = api.get("/v1/assignments", pool_id=pool_id, sort="created", created_gte="2022-01-01T10:00:00.0")["items"]
    assert [row["id"] for row in found] == ["one", "two", "three"]
    found = api.get("/v1/assignments", pool_id=pool_id, created_gt="2022-01-01T10:00:00.000")["items"]
    assert {row["id"] for row in found} == {"two", "three"}


def test_overlap_filters_and_compares_as_a_number(api: RawClient) -> None:
    pool_id = api.create_pool()
    for overlap in (9, 10, 100):
        api.create_tasks(pool_id, 1, overlap=overlap)
    api.create_tasks(pool_id, 1, infinite_overlap=True)
    assert [row["overlap"] for row in api.get("/v1/tasks", pool_id=pool_id, overlap=10)["items"]] == [10]
    assert [row["overlap"] for row in api.get("/v1/tasks", pool_id=pool_id, overlap_gte=10)["items"]] == [10, 100]


def test_sort_accepts_several_keys_and_directions(api: RawClient) -> None:
    for name in ("b", "a", "b"):
        api.create_project(public_name=name)
    found = api.get("/v1/projects", sort="-public_name,-id")["items"]
    assert [row["public_name"] for row in found] == ["b", "b", "a"]
    assert int(found[0]["id"]) > int(found[1]["id"])


def test_an_unknown_sort_key_is_rejected(api: RawClient) -> None:
    lists = ("/v1/projects", "/v1/pools", "/v1/tasks?pool_id=1", "/v1/operations", "/app/v0/apps", "/app/v0/app-projects")
    for path in lists:
        response = api.http.get(f"{path}{'&' if '?' in path else '?'}sort=colour")
        assert response.status_code == 400
        assert "sort" in response.json()["payload"]


def test_lists_across_all_pools_are_rejected(api: RawClient) -> None:
    for path in ("/v1/tasks", "/v1/task-suites", "/v1/assignments"):
        response = api.http.get(path)
        assert response.status_code == 400
        assert response.json()["payload"]["pool_id"]["code"] == "VALUE_REQUIRED"


def test_status_accepts_a_comma_separated_list(api: RawClient) -> None:
    project = api.create_project()
    closed, archived = api.create_pool(project), api.create_pool(project)
    api.run_operation(f"/v1/pools/{archived}/archive")
    for status, ids in {"CLOSED": [closed], "ARCHIVED": [archived], "CLOSED,ARCHIVED": [closed, archived]}.items():
        assert [row["id"] for row in api.get("/v1/pools", status=status)["items"]] == ids


def test_all_rows_belong_to_the_account(api: RawClient) -> None:
    mine, pool_id, suites = api.get("/v1/requester")["id"], api.create_pool(), api.create_pool(mixer_config=None)
    api.create_tasks(pool_id, 2)
    api.post("/v1/task-suites", {"pool_id": suites, "overlap": 1, "tasks": [task(1)]})
    api.post("/v1/skills", {"name": "Cats"})
    counts = {"/v1/projects": 2, "/v1/pools": 2, "/v1/skills": 1, "/v1/tasks": 2, "/v1/task-suites": 1}
    required = {"/v1/tasks": {"pool_id": pool_id}, "/v1/task-suites": {"pool_id": suites}}
    for path, count in counts.items():
        for name, value, expected in (("owner_id", mine, count), ("owner_id", "b" * 32, 0), ("owner_company_id", mine, 0)):
            assert len(api.get(path, **required.get(path, {}), **{name: value})["items"]) == expected


def test_operations_are_listed_by_type_and_status(api: RawClient) -> None:
    pool_id = api.create_pool()
    api.create_tasks(pool_id, 1)
    opened, closed = api.run_operation(f"/v1/pools/{pool_id}/open"), api.run_operation(f"/v1/pools/{pool_id}/close")
    assert api.get("/v1/operations", type="POOL.OPEN")["items"] == [opened]
    assert api.get("/v1/operations", status="SUCCESS", sort="-finished")["items"] == [closed, opened]


def test_an_unknown_parameter_is_ignored(api: RawClient) -> None:
    assert api.get("/v1/pools", colour="red") == {"items": [], "has_more": False}


@pytest.fixture(scope="module")
def filled_lists() -> Iterator[tuple[RawClient, dict[str, str]]]:
    """A service with rows in every list, and the ids for paths and filters."""
    with LocalToloka(operation_seconds=0) as toloka:
        api = RawClient(toloka)
        with api.http:
            yield api, fill_lists(toloka, api)


def fill_lists(toloka: LocalToloka, api: RawClient) -> dict[str, str]:
    projects = [api.create_project(public_name=name, private_comment=name * 2) for name in ("b", "c", "a")]
    pool_id, suites, _ = (api.create_pool(projects[0], **more) for more in ({}, {"mixer_config": None}, {}))
    for overlap in (3, 1, 2):
        api.create_tasks(pool_id, 2, overlap=overlap)
        api.post("/v1/task-suites", {"pool_id": suites, "overlap": overlap, "tasks": [task(overlap)]})
        api.post("/v1/trainings", {**TRAINING, "project_id": projects[0]["id"]})
    api.run_operation(f"/v1/pools/{suites}/open")
    api.run_operation(f"/v1/pools/{pool_id}/open")
    toloka.answer(pool_id)
    for row in api.get("/v1/assignments", pool_id=pool_id)["items"][:3]:
        toloka.attach(row["id"], "a.png", b"x")
        user = {"user_id": row["user_id"]}
        skill = api.post("/v1/skills", {"name": row["id"]}).json()
        api.http.put("/v1/user-skills", json={**user, "skill_id": skill["id"], "value": 5})
        api.http.put("/v1/user-restrictions", json={**user, "scope": "POOL", "pool_id": pool_id})
        api.post("/v1/user-bonuses", {**user, "amount": 1, "without_message": True})
        message = {"topic": {}, "text": {}, "answerable": True, "recipients_select_type": "ALL"}
        api.post("/v1/message-threads/compose", message)
        hook = {"event_type": "POOL_CLOSED", "webhook_url": f"https://example.com/{row['id']}", "pool_id": pool_id}
        api.http.put("/v1/webhook-subscriptions", json=hook)
    aggregation = {"type": "DAWID_SKENE", "pool_id": pool_id, "fields": [{"name": "result"}]}
    solutions = api.post("/v1/aggregated-solutions/aggregate-by-pool", aggregation).json()["id"]
    assert api.wait_operation(solutions)["status"] == "SUCCESS"
    return {"$pool": pool_id, "$suites": suites, "$solutions": solutions}


def sort_value(row: dict[str, Any], name: str) -> tuple[int, Any]:
    """Return the value by which rows sort: decimal ids and overlaps as numbers, padded timestamps, missing values first."""
    value = row.get(name)
    if value is None:
        return (0, "")
    if isinstance(value, int) or (name == "id" and value.isdecimal()):
        return (1, int(value))
    if name in {"id", "task_id"}:
        return (1, value)
    seconds, _, fraction = value.partition(".")  # there is none in a timestamp of a whole second
    return (1, f"{seconds}.{fraction:0<6}")


@pytest.mark.parametrize("path", LISTS)
def test_every_list_pages_compares_and_sorts_correctly(filled_lists: tuple[RawClient, dict[str, str]], path: str) -> None:
    api, ids = filled_lists
    required, compared, keys = LISTS[path]
    query = {name: ids[value] for name, value in required.items()}
    path = path.replace("$solutions", ids["$solutions"])
    key_column = compared[0]
    rows = api.get(path, **query, sort=key_column)["items"]
    assert len(rows) >= 3
    assert rows == sorted(rows, key=lambda row: sort_value(row, key_column))
    assert page_through(api, path, query, key_column) == rows
    for key in keys:
        found = [sort_value(row, key) for row in api.get(path, **query, sort=f"-{key}")["items"]]
        assert found == sorted((sort_value(row, key) for row in rows), reverse=True)
    for name in compared:
        pivot = next(row for row in rows if row.get(name) is not None)
        for bound, holds in BOUNDS.items():
            with_value = [row for row in rows if row.get(name) is not None]
            expected = [row for row in with_value if holds(sort_value(row, name), sort_value(pivot, name))]
            assert api.get(path, **query, sort=key_column, **{f"{name}_{bound}": pivot[name]})["items"] == expected


def page_through(api: RawClient, path: str, query: dict[str, str], key: str) -> list[dict[str, Any]]:
    page = api.get(path, **query, sort=key, limit=2)
    rows = page["items"]
    while page["has_more"]:
        page = api.get(path, **query, sort=key, limit=2, **{f"{key}_gt": rows[-1][key]})
        rows = rows + page["items"]
    return rows
