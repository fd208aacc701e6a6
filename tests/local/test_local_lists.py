from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from wire import Wire

    from toloka_frames.local import LocalToloka

BOUNDS = ("gt", "gte", "lt", "lte")


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


def test_operations_are_listed_by_type_and_status(wire: Wire) -> None:
    pool_id = wire.pool()
    wire.tasks(pool_id, 1)
    opened, closed = wire.done(f"/v1/pools/{pool_id}/open"), wire.done(f"/v1/pools/{pool_id}/close")
    assert wire.get("/v1/operations", type="POOL.OPEN")["items"] == [opened]
    assert wire.get("/v1/operations", status="SUCCESS", sort="-finished")["items"] == [closed, opened]


def test_a_parameter_nobody_knows_is_ignored(wire: Wire) -> None:
    assert wire.get("/v1/pools", colour="red") == {"items": [], "has_more": False}
