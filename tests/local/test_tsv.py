from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.raw_client import RawClient

    from toloka_frames.local import LocalToloka


@pytest.fixture
def path(toloka: LocalToloka, api: RawClient) -> str:
    """The path of the export of a pool with six tasks, two per assignment, three answers each."""
    pool_id = api.create_pool(mixer_config={"real_tasks_count": 2, "golden_tasks_count": 0, "training_tasks_count": 0})
    api.create_tasks(pool_id, 6)
    api.run_operation(f"/v1/pools/{pool_id}/open")
    toloka.answer(pool_id)
    return f"/new/requester/pools/{pool_id}/assignments.tsv"


def get_lines(api: RawClient, path: str, **query: str) -> list[list[str]]:
    response = api.http.get(path, params=query)
    assert response.headers["Content-Type"] == "text/tab-separated-values;charset=UTF-8"
    return list(csv.reader(io.StringIO(response.text, newline=""), delimiter="\t"))


def test_each_line_is_a_task_of_an_assignment(api: RawClient, path: str) -> None:
    header, *rows = get_lines(api, path)
    assert header[:6] == ["INPUT:image", "INPUT:note", "OUTPUT:result", "GOLDEN:result", "HINT:text", "HINT:default_language"]
    assert header[6:9] == ["ASSIGNMENT:link", "ASSIGNMENT:task_id", "ASSIGNMENT:assignment_id"]
    found = api.get("/v1/assignments", pool_id=path.split("/")[4], limit=1000)["items"]
    expected = sorted((row["id"], task["id"], row["reward"]) for row in found for task in row["tasks"])
    names = ("ASSIGNMENT:assignment_id", "ASSIGNMENT:task_id", "ASSIGNMENT:reward")
    cells = [[row[header.index(name)] for name in names] for row in rows]
    assert sorted((assignment_id, task_id, float(reward)) for assignment_id, task_id, reward in cells) == expected
    assert {row[header.index("ASSIGNMENT:status")] for row in rows} == {"APPROVED"}


def test_an_empty_line_follows_each_assignment_on_request(api: RawClient, path: str) -> None:
    rows = get_lines(api, path, addRowDelimiter="true")
    count = len(api.get("/v1/assignments", pool_id=path.split("/")[4], limit=1000)["items"])
    assert rows.count([]) == count
    assert [row for row in rows if row] == get_lines(api, path, addRowDelimiter="false")


def test_only_requested_fields_and_statuses_are_exported(api: RawClient, path: str) -> None:
    [header] = get_lines(api, path, field="ASSIGNMENT:worker_id,ASSIGNMENT:status", status="REJECTED,SKIPPED")
    assert header[6:] == ["ASSIGNMENT:worker_id", "ASSIGNMENT:status"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"field": "ASSIGNMENT:colour"}, "UNKNOWN_ENUM_VALUE"),
        ({"status": "ACCEPTED"}, "UNKNOWN_ENUM_VALUE"),
        ({"startTimeFrom": "soon"}, "INVALID_DATE_TIME_SYNTAX"),
        ({"excludeBanned": "yes"}, "BOOLEAN_EXPECTED"),
    ],
)
def test_invalid_parameters_are_rejected(api: RawClient, path: str, query: dict[str, str], code: str) -> None:
    response = api.http.get(path, params=query)
    assert (response.status_code, response.json()["payload"][next(iter(query))]["code"]) == (400, code)


def test_a_missing_pool_has_no_export(api: RawClient) -> None:
    assert api.http.get("/new/requester/pools/1/assignments.tsv").status_code == 404
