from __future__ import annotations

import io
import operator
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from support.raw_client import Wire, task

from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Iterator

BOUNDS = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}

CREATED = ("id", "created")
# each list: what must be asked for, what is compared, what it sorts by
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


def test_a_page_has_the_default_size_and_says_that_there_is_more(wire: Wire) -> None:
    pool_id = wire.pool()
    rows = wire.tasks(pool_id, 60)
    page = wire.get("/v1/tasks", pool_id=pool_id)
    assert set(page) == {"items", "has_more"}
    assert page["items"] == rows[:50]
    assert page["has_more"]


def test_a_walk_by_id_sees_each_row_once(wire: Wire) -> None:
    pool_id = wire.pool()
    rows = wire.tasks(pool_id, 25)
    seen = []
    page = wire.get("/v1/tasks", pool_id=pool_id, limit=10, sort="id")
    while True:
        seen += page["items"]
        if not page["has_more"]:
            break
        page = wire.get("/v1/tasks", pool_id=pool_id, limit=10, sort="id", id_gt=seen[-1]["id"])
    assert seen == rows


def test_another_pools_tasks_are_not_listed(wire: Wire) -> None:
    project = wire.project()
    first, second = wire.pool(project), wire.pool(project)
    wire.tasks(first, 2)
    assert wire.get("/v1/tasks", pool_id=second) == {"items": [], "has_more": False}


def test_limits_keep_their_bounds(wire: Wire) -> None:
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
        assert wire.http.get(f"{url}{maximum}").status_code == 200
        errors = {limit: wire.http.get(f"{url}{limit}").json()["payload"]["limit"] for limit in (maximum + 1, 0, -1, "x", "")}
        assert errors[maximum + 1]["code"] == "VALUE_GREATER_THAN_MAX"
        assert errors[maximum + 1]["params"] == [maximum]
        assert errors[0]["code"] == errors[-1]["code"] == "VALUE_LESS_THAN_MIN"
        assert errors["x"]["code"] == errors[""]["code"] == "INTEGER_EXPECTED"


def test_decimal_ids_compare_as_numbers(toloka: LocalToloka, wire: Wire) -> None:
    lines = ["INPUT:a\tASSIGNMENT:task_id\tASSIGNMENT:link"]
    for pool_id in (9, 10, 100):
        rows = [*lines, f"x\ttask-{pool_id}\thttps://platform.toloka.ai/task/{pool_id}/assignment-{pool_id}"]
        toloka.load_export(frame(rows))
    ids = [pool["id"] for pool in wire.get("/v1/pools", sort="id")["items"]]
    assert ids == ["9", "10", "100"]
    assert [pool["id"] for pool in wire.get("/v1/pools", sort="-id", id_gt="9")["items"]] == ["100", "10"]
    assert wire.http.get("/v1/pools", params={"id_gt": "x"}).json()["payload"]["id_gt"]["code"] == "INTEGER_EXPECTED"


def test_each_comparison_means_what_its_name_says(wire: Wire) -> None:
    project = wire.project()
    ids = [wire.pool(project) for _ in range(3)]
    found = {bound: [row["id"] for row in wire.get("/v1/pools", **{f"id_{bound}": ids[1]})["items"]] for bound in BOUNDS}
    assert found == {"gt": ids[2:], "gte": ids[1:], "lt": ids[:1], "lte": ids[:2]}


def test_instants_compare_in_every_spelling(wire: Wire) -> None:
    project = wire.project()
    created = project["created"]
    assert "." in created or len(created) == 19
    padded = f"{created}.000000" if len(created) == 19 else f"{created}000"
    for spelling in (created, padded, f"{created}Z", created.replace("T", " ")):
        assert wire.get("/v1/projects", created_gte=spelling, created_lte=spelling)["items"] == [project]
        assert wire.get("/v1/projects", created_gt=spelling)["items"] == []
    assert wire.get("/v1/projects", created_gte=created[:10])["items"] == [project]
    reply = wire.http.get("/v1/projects", params={"created_gt": "yesterday"})
    assert reply.json()["payload"]["created_gt"]["code"] == "INVALID_DATE_TIME_SYNTAX"


def test_an_instant_without_fraction_compares_as_time_not_as_text(toloka: LocalToloka, wire: Wire) -> None:
    rows = [
        "INPUT:a\tASSIGNMENT:task_id\tASSIGNMENT:assignment_id\tASSIGNMENT:started",
        "x\ttask-1\tone\t2022-01-01T10:00",
        "x\ttask-1\ttwo\t2022-01-01T10:00:00.001",
        "x\ttask-1\tthree\t2022-01-01T10:00:01",
    ]
    pool_id = toloka.load_export(frame(rows))
    found = wire.get("/v1/assignments", pool_id=pool_id, sort="created", created_gte="2022-01-01T10:00:00.0")["items"]
    assert [row["id"] for row in found] == ["one", "two", "three"]
    found = wire.get("/v1/assignments", pool_id=pool_id, created_gt="2022-01-01T10:00:00.000")["items"]
    assert {row["id"] for row in found} == {"two", "three"}


def test_overlap_filters_and_compares_as_a_number(wire: Wire) -> None:
    pool_id = wire.pool()
    for overlap in (9, 10, 100):
        wire.tasks(pool_id, 1, overlap=overlap)
    wire.tasks(pool_id, 1, infinite_overlap=True)
    assert [row["overlap"] for row in wire.get("/v1/tasks", pool_id=pool_id, overlap=10)["items"]] == [10]
    assert [row["overlap"] for row in wire.get("/v1/tasks", pool_id=pool_id, overlap_gte=10)["items"]] == [10, 100]


def test_sort_takes_several_keys_and_directions(wire: Wire) -> None:
    for name in ("b", "a", "b"):
        wire.project(public_name=name)
    found = wire.get("/v1/projects", sort="-public_name,-id")["items"]
    assert [row["public_name"] for row in found] == ["b", "b", "a"]
    assert int(found[0]["id"]) > int(found[1]["id"])


def test_an_unknown_sort_key_is_refused(wire: Wire) -> None:
    lists = ("/v1/projects", "/v1/pools", "/v1/tasks?pool_id=1", "/v1/operations", "/app/v0/apps", "/app/v0/app-projects")
    for path in lists:
        reply = wire.http.get(f"{path}{'&' if '?' in path else '?'}sort=colour")
        assert reply.status_code == 400
        assert "sort" in reply.json()["payload"]


def test_a_list_of_everything_in_all_pools_is_refused(wire: Wire) -> None:
    for path in ("/v1/tasks", "/v1/task-suites", "/v1/assignments"):
        reply = wire.http.get(path)
        assert reply.status_code == 400
        assert reply.json()["payload"]["pool_id"]["code"] == "VALUE_REQUIRED"


def test_status_takes_a_comma_list(wire: Wire) -> None:
    project = wire.project()
    closed, archived = wire.pool(project), wire.pool(project)
    wire.done(f"/v1/pools/{archived}/archive")
    for status, ids in {"CLOSED": [closed], "ARCHIVED": [archived], "CLOSED,ARCHIVED": [closed, archived]}.items():
        assert [row["id"] for row in wire.get("/v1/pools", status=status)["items"]] == ids


def test_all_that_is_made_here_is_the_accounts_own(wire: Wire) -> None:
    mine, pool_id, suites = wire.get("/v1/requester")["id"], wire.pool(), wire.pool(mixer_config=None)
    wire.tasks(pool_id, 2)
    wire.post("/v1/task-suites", {"pool_id": suites, "overlap": 1, "tasks": [task(1)]})
    wire.post("/v1/skills", {"name": "Cats"})
    places = {"/v1/projects": 2, "/v1/pools": 2, "/v1/skills": 1, "/v1/tasks": 2, "/v1/task-suites": 1}
    needed = {"/v1/tasks": {"pool_id": pool_id}, "/v1/task-suites": {"pool_id": suites}}
    for path, count in places.items():
        for name, value, found in (("owner_id", mine, count), ("owner_id", "b" * 32, 0), ("owner_company_id", mine, 0)):
            assert len(wire.get(path, **needed.get(path, {}), **{name: value})["items"]) == found


def test_operations_are_listed_by_type_and_status(wire: Wire) -> None:
    pool_id = wire.pool()
    wire.tasks(pool_id, 1)
    opened, closed = wire.done(f"/v1/pools/{pool_id}/open"), wire.done(f"/v1/pools/{pool_id}/close")
    assert wire.get("/v1/operations", type="POOL.OPEN")["items"] == [opened]
    assert wire.get("/v1/operations", status="SUCCESS", sort="-finished")["items"] == [closed, opened]


def test_a_parameter_nobody_knows_is_ignored(wire: Wire) -> None:
    assert wire.get("/v1/pools", colour="red") == {"items": [], "has_more": False}


@pytest.fixture(scope="module")
def full() -> Iterator[tuple[Wire, dict[str, str]]]:
    """A service with some rows in every list, and the ids that paths and filters need."""
    with LocalToloka(operation_seconds=0) as toloka:
        wire = Wire(toloka)
        with wire.http:
            yield wire, filled(toloka, wire)


def filled(toloka: LocalToloka, wire: Wire) -> dict[str, str]:
    projects = [wire.project(public_name=name, private_comment=name * 2) for name in ("b", "c", "a")]
    pool_id, suites, _ = (wire.pool(projects[0], **more) for more in ({}, {"mixer_config": None}, {}))
    for overlap in (3, 1, 2):
        wire.tasks(pool_id, 2, overlap=overlap)
        wire.post("/v1/task-suites", {"pool_id": suites, "overlap": overlap, "tasks": [task(overlap)]})
        wire.post("/v1/trainings", {**TRAINING, "project_id": projects[0]["id"]})
    wire.done(f"/v1/pools/{suites}/open")
    wire.done(f"/v1/pools/{pool_id}/open")
    toloka.answer(pool_id)
    for row in wire.get("/v1/assignments", pool_id=pool_id)["items"][:3]:
        toloka.attach(row["id"], "a.png", b"x")
        user = {"user_id": row["user_id"]}
        skill = wire.post("/v1/skills", {"name": row["id"]}).json()
        wire.http.put("/v1/user-skills", json={**user, "skill_id": skill["id"], "value": 5})
        wire.http.put("/v1/user-restrictions", json={**user, "scope": "POOL", "pool_id": pool_id})
        wire.post("/v1/user-bonuses", {**user, "amount": 1, "without_message": True})
        message = {"topic": {}, "text": {}, "answerable": True, "recipients_select_type": "ALL"}
        wire.post("/v1/message-threads/compose", message)
        hook = {"event_type": "POOL_CLOSED", "webhook_url": f"https://example.com/{row['id']}", "pool_id": pool_id}
        wire.http.put("/v1/webhook-subscriptions", json=hook)
    aggregation = {"type": "DAWID_SKENE", "pool_id": pool_id, "fields": [{"name": "result"}]}
    solutions = wire.post("/v1/aggregated-solutions/aggregate-by-pool", aggregation).json()["id"]
    assert wire.finished(solutions)["status"] == "SUCCESS"
    return {"$pool": pool_id, "$suites": suites, "$solutions": solutions}


TRAINING = {"private_name": "Training", "inherited_instructions": True, "training_tasks_in_task_suite_count": 1}


def order(row: dict[str, Any], name: str) -> tuple[int, Any]:
    """How rows compare: decimal ids and overlaps as numbers, instants padded, the absent before all."""
    value = row.get(name)
    if value is None:
        return (0, "")
    if isinstance(value, int) or (name == "id" and value.isdecimal()):
        return (1, int(value))
    return (1, value.ljust(26, "0") if name not in {"id", "task_id"} else value)


@pytest.mark.parametrize("path", LISTS)
def test_every_list_is_walked_compared_and_sorted_as_its_rows_are(full: tuple[Wire, dict[str, str]], path: str) -> None:
    wire, ids = full
    needed, compared, keys = LISTS[path]
    query = {name: ids[value] for name, value in needed.items()}
    path = path.replace("$solutions", ids["$solutions"])
    main = compared[0]
    rows = wire.get(path, **query, sort=main)["items"]
    assert len(rows) >= 3
    assert rows == sorted(rows, key=lambda row: order(row, main))
    assert walked(wire, path, query, main) == rows
    for key in keys:
        found = [order(row, key) for row in wire.get(path, **query, sort=f"-{key}")["items"]]
        assert found == sorted((order(row, key) for row in rows), reverse=True)
    for name in compared:
        pivot = next(row for row in rows if row.get(name) is not None)
        for bound, holds in BOUNDS.items():
            expected = [row for row in rows if row.get(name) is not None and holds(order(row, name), order(pivot, name))]
            assert wire.get(path, **query, sort=main, **{f"{name}_{bound}": pivot[name]})["items"] == expected


def walked(wire: Wire, path: str, query: dict[str, str], key: str) -> list[dict[str, Any]]:
    page = wire.get(path, **query, sort=key, limit=2)
    rows = page["items"]
    while page["has_more"]:
        page = wire.get(path, **query, sort=key, limit=2, **{f"{key}_gt": rows[-1][key]})
        rows = rows + page["items"]
    return rows
