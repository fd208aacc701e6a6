from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.raw_client import Wire

    from toloka_frames.local import LocalToloka


@pytest.fixture
def path(toloka: LocalToloka, wire: Wire) -> str:
    """The export of a pool of six tasks, two in an assignment, three answers to each."""
    pool_id = wire.pool(mixer_config={"real_tasks_count": 2, "golden_tasks_count": 0, "training_tasks_count": 0})
    wire.tasks(pool_id, 6)
    wire.done(f"/v1/pools/{pool_id}/open")
    toloka.answer(pool_id)
    return f"/new/requester/pools/{pool_id}/assignments.tsv"


def lines(wire: Wire, path: str, **query: str) -> list[list[str]]:
    reply = wire.http.get(path, params=query)
    assert reply.headers["Content-Type"] == "text/tab-separated-values;charset=UTF-8"
    return list(csv.reader(io.StringIO(reply.text, newline=""), delimiter="\t"))


def test_a_line_is_a_task_of_an_assignment(wire: Wire, path: str) -> None:
    header, *rows = lines(wire, path)
    assert header[:6] == ["INPUT:image", "INPUT:note", "OUTPUT:result", "GOLDEN:result", "HINT:text", "HINT:default_language"]
    assert header[6:9] == ["ASSIGNMENT:link", "ASSIGNMENT:task_id", "ASSIGNMENT:assignment_id"]
    found = wire.get("/v1/assignments", pool_id=path.split("/")[4], limit=1000)["items"]
    told = sorted((row["id"], each["id"], row["reward"]) for row in found for each in row["tasks"])
    names = ("ASSIGNMENT:assignment_id", "ASSIGNMENT:task_id", "ASSIGNMENT:reward")
    cells = [[row[header.index(name)] for name in names] for row in rows]
    assert sorted((one, other, float(reward)) for one, other, reward in cells) == told
    assert {row[header.index("ASSIGNMENT:status")] for row in rows} == {"APPROVED"}


def test_an_empty_line_follows_each_assignment_where_it_is_wanted(wire: Wire, path: str) -> None:
    rows = lines(wire, path, addRowDelimiter="true")
    count = len(wire.get("/v1/assignments", pool_id=path.split("/")[4], limit=1000)["items"])
    assert rows.count([]) == count
    assert [row for row in rows if row] == lines(wire, path, addRowDelimiter="false")


def test_only_the_fields_and_states_that_are_asked_for_are_told(wire: Wire, path: str) -> None:
    [header] = lines(wire, path, field="ASSIGNMENT:worker_id,ASSIGNMENT:status", status="REJECTED,SKIPPED")
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
def test_what_cannot_be_asked_for_is_refused(wire: Wire, path: str, query: dict[str, str], code: str) -> None:
    reply = wire.http.get(path, params=query)
    assert (reply.status_code, reply.json()["payload"][next(iter(query))]["code"]) == (400, code)


def test_a_pool_that_is_not_there_has_no_export(wire: Wire) -> None:
    assert wire.http.get("/new/requester/pools/1/assignments.tsv").status_code == 404
