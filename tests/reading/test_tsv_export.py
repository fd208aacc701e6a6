"""The platform's export of a pool becomes the same DataFrame as the list of assignments."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pandas as pd
import pytest
from support.real_exports import EXPORTS, as_in_api, read_file
from support.scripted_server import Scripted, reply

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toloka_frames.local import LocalToloka

TYPES = ("string", "integer", "float", "boolean", "array_string", "json")
INPUTS = {name: {"type": name, "required": False} for name in TYPES}
POOL = {"id": "1", "project_id": "2"}
PROJECT = {"task_spec": {"input_spec": INPUTS, "output_spec": {"result": {"type": "string"}}}}
HEADER = "INPUT:string\tINPUT:integer\tOUTPUT:result\tASSIGNMENT:status\tASSIGNMENT:submitted\tACCEPT:verdict"


# not the defaults of Toloka-Kit
EVERYTHING: dict[str, Any] = {"status": None, "field": None}


def read_body(scripted: Scripted, body: bytes | str, **arguments: Any) -> pd.DataFrame:
    scripted.answers = [reply(POOL), reply(PROJECT), reply(body)]
    return tf.run(scripted.async_client(retries=1).get_assignments_df("1", **(EVERYTHING | arguments)))


@pytest.mark.parametrize("name", EXPORTS)
def test_a_real_export_loaded_into_the_service_is_exported_unchanged(
    name: str, data: Path, toloka: LocalToloka, client: tf.AsyncTolokaClient
) -> None:
    pool_id = toloka.load_export(data / name)
    keys = ["ASSIGNMENT:assignment_id", "ASSIGNMENT:task_id"]
    frame = tf.run(client.get_assignments_df(pool_id, **EVERYTHING)).sort_values(keys, ignore_index=True)
    file = read_file(data / name).sort_values(keys, ignore_index=True)
    assert len(frame) == len(file)
    for column in file:
        pd.testing.assert_series_equal(frame[column], as_in_api(file[column]), check_names=False)
    assert frame["extra"].isna().all()


@pytest.mark.parametrize("name", EXPORTS)
def test_a_real_export_is_read_unchanged(name: str, data: Path, scripted: Scripted) -> None:
    frame, file = read_body(scripted, (data / name).read_bytes()), read_file(data / name)
    for column in file:
        cells = file[column] if column == "ASSIGNMENT:link" else as_in_api(file[column])
        pd.testing.assert_series_equal(frame[column], cells, check_names=False)


def test_values_of_every_type_equal_those_of_the_list(
    client: tf.AsyncTolokaClient, make_pool: Callable[..., str], toloka: LocalToloka
) -> None:
    pool_id = make_pool(INPUTS)
    values = [
        {"string": "007", "integer": 7, "float": 0.5, "boolean": True, "array_string": ["a", "b"], "json": {"a": [1]}},
        {"string": 'say "x"\ta\r\nb\rc', "boolean": False, "array_string": []},
        *({"string": text} for text in ("NA", "None", "2022-01-01", "[ ]", " ", "я", '"')),
    ]
    tasks = [tf.Task(pool_id=pool_id, input_values=value, overlap=1) for value in values]
    tf.run(client.create_tasks_async(tasks, open_pool=True, async_mode=False))
    toloka.answer(pool_id)
    frame = tf.run(client.get_assignments_df(pool_id, **EVERYTHING))
    keys = ["ASSIGNMENT:assignment_id", "ASSIGNMENT:task_id"]
    listed = client.get_assignments(pool_id=pool_id).to_dataframe()[list(frame)]
    assert len(frame) == len(values)
    pd.testing.assert_frame_equal(frame.sort_values(keys, ignore_index=True), listed.sort_values(keys, ignore_index=True))


def test_an_export_without_rows_has_the_same_columns_and_types(
    client: tf.AsyncTolokaClient, make_pool: Callable[..., str], scripted: Scripted
) -> None:
    frame = tf.run(client.get_assignments_df(make_pool(INPUTS), **EVERYTHING))
    assert len(frame) == 0
    for body in ("", HEADER.replace("\tACCEPT:verdict", "")):
        pd.testing.assert_frame_equal(read_body(scripted, body), frame)


def test_the_request_uses_the_parameter_names_of_the_export(scripted: Scripted) -> None:
    fields = ["ASSIGNMENT:status", "ASSIGNMENT:reward"]
    arguments = {"status": ["ACCEPTED", "SUBMITTED"], "start_time_from": "2026-01-01", "exclude_banned": True, "field": fields}
    frame = read_body(scripted, HEADER, **arguments)
    assert scripted.requests[-1] == (
        "GET /api/new/requester/pools/1/assignments.tsv?status=APPROVED%2CSUBMITTED"
        "&field=ASSIGNMENT%3Astatus%2CASSIGNMENT%3Areward&excludeBanned=true&addRowDelimiter=false"
        "&startTimeFrom=2026-01-01T00%3A00%3A00"
    )
    chosen = [name for name in frame if name.startswith("ASSIGNMENT:")]
    assert chosen == [
        *sorted(fields, reverse=True),
        "ASSIGNMENT:submitted",
    ]  # the file has the last one, though it was not requested


DEFAULT_FIELDS = "ASSIGNMENT:link,ASSIGNMENT:assignment_id,ASSIGNMENT:worker_id,ASSIGNMENT:status,ASSIGNMENT:started"
PARAMETERS = {"status": "APPROVED,REJECTED", "field": "ASSIGNMENT:status", "startTimeTo": "2026-01-01", "excludeBanned": True}
QUERIES: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "the defaults of Toloka-Kit": ({}, {"status": "APPROVED", "field": DEFAULT_FIELDS}),
    "everything": (EVERYTHING, {"status": "ACTIVE,SUBMITTED,APPROVED,REJECTED,SKIPPED,EXPIRED"}),
    "the API's spelling": ({"status": "ACCEPTED"}, {"status": "APPROVED"}),
    "the file's spelling": ({"status": ["APPROVED", "REJECTED"]}, {"status": "APPROVED,REJECTED"}),
    "both spellings": ({"status": ["ACCEPTED", "APPROVED"]}, {"status": "APPROVED"}),
    "Toloka-Kit's parameters": (
        {"parameters": PARAMETERS | {"addRowDelimiter": False}},
        {
            "status": "APPROVED,REJECTED",
            "field": "ASSIGNMENT:status",
            "startTimeTo": "2026-01-01T00:00:00",
            "excludeBanned": "true",
        },
    ),
    "parameters by the names of the arguments": ({"parameters": {"exclude_banned": False}}, {"excludeBanned": "false"}),
}


@pytest.mark.parametrize(("arguments", "query"), QUERIES.values(), ids=QUERIES)
def test_statuses_and_parameters_of_toloka_kit_are_taken(
    scripted: Scripted, arguments: dict[str, Any], query: dict[str, str]
) -> None:
    scripted.answers = [reply(POOL), reply(PROJECT), reply("")]
    tf.run(scripted.async_client(retries=1).get_assignments_df("1", **arguments))
    sent = dict(parse_qsl(urlsplit(scripted.requests[-1].split(" ")[1]).query))
    assert sent | query == sent
    assert ("excludeBanned" in sent) == ("excludeBanned" in query)


def test_the_frame_can_be_aggregated_by_crowd_kit(
    client: tf.AsyncTolokaClient,
    pool_id: str,
    toloka: LocalToloka,
    make_frame: Callable[[int], pd.DataFrame],
    crowd_kit: Any,
) -> None:
    make_frame(8).pipe(tf.create_tasks, client, pool_id, overlap=3, open_pool=True, progress=False)
    toloka.answer(pool_id)
    names = {"INPUT:image": "task", "OUTPUT:result": "label", "ASSIGNMENT:worker_id": "worker"}
    labels = crowd_kit.DawidSkene(n_iter=10).fit_predict(tf.run(client.get_assignments_df(pool_id)).rename(columns=names))
    assert sorted(labels.index) == sorted(make_frame(8)["image"])


def test_empty_lines_between_assignments_are_skipped(scripted: Scripted) -> None:
    lines = [
        HEADER,
        "a\t1\tx\tAPPROVED\t2026-01-01T10:00\t+",
        "",
        "\t\t\t\t\t",
        '"b\nc"\t2\t\tSKIPPED\t\t',
        "",
    ]
    for end in ("\n", "\r\n"):
        frame = read_body(scripted, "\ufeff" + end.join(lines))
        assert frame["INPUT:string"].tolist() == ["a", "b\nc"]
        assert frame["ASSIGNMENT:status"].tolist() == ["ACCEPTED", "SKIPPED"]
        assert frame["ASSIGNMENT:submitted"][0] == pd.Timestamp("2026-01-01T10:00", tz="UTC")
        assert frame["ACCEPT:verdict"][0] == "+"


def test_a_cell_that_does_not_fit_its_column_is_in_extra(scripted: Scripted) -> None:
    frame = read_body(scripted, f"{HEADER}\na\t007\tx\tAPPROVED\tyesterday\t\nb\t7\tx\tAPPROVED\t2026-01-01\t")
    assert frame["INPUT:integer"].tolist() == [pd.NA, 7]
    assert json.loads(frame["extra"][0]) == {"INPUT:integer": "007", "ASSIGNMENT:submitted": "yesterday"}
    assert pd.isna(frame["extra"][1])


@pytest.mark.parametrize(
    "body",
    ["<html>Sign in</html>", b"ASSIGNMENT:status\n\xff\n", HEADER + "\na\t1\n", "ASSIGNMENT:link\tASSIGNMENT:link\n", "{}"],
)
def test_a_body_that_is_not_an_export_is_a_bad_answer(scripted: Scripted, body: bytes | str) -> None:
    with pytest.raises(tf.BadAnswer):
        read_body(scripted, body)


LONG = "\n".join(["a\t1\tx\tAPPROVED\t2026-01-01\t"] * 40)
FAULTS: dict[str, tuple[str | bytes, str, int]] = {
    "a byte that is not UTF-8": (
        f"{HEADER}\n{LONG}\ncaf".encode() + b"\xe9\t1\tx\tAPPROVED\t2026-01-01\t",
        "the byte 0xe9 at position {position:,}, in line 42, is not UTF-8",
        len(f"{HEADER}\n{LONG}\ncaf"),
    ),
    "the same after a byte order mark": (
        f"\ufeff{HEADER}\ncaf".encode() + b"\xe9\t1\tx\tAPPROVED\t2026-01-01\t",
        "the byte 0xe9 at position {position:,}, in line 2, is not UTF-8",
        len(f"\ufeff{HEADER}\ncaf".encode()),
    ),
    "a byte of the header": (
        f"{HEADER}\tx".encode() + b"\xe9\n",
        "the byte 0xe9 at position {position:,}, in line 1, is not UTF-8",
        len(f"{HEADER}\tx"),
    ),
    "too few cells": (f"{HEADER}\n{LONG}\nb\n{LONG}", "line 42 has 1 cell, and the header has 6", len(f"{HEADER}\n{LONG}\n")),
    "too many cells": (
        f'\ufeff{HEADER}\n"b\n"{chr(9) * 6}\n',
        "line 3 has 7 cells, and the header has 6",
        len(f"\ufeff{HEADER}\n".encode()) + 3,
    ),
    "a column twice": (f"{HEADER}\tINPUT:string\n", "it has more than one column 'INPUT:string'", 0),
}


@pytest.mark.parametrize(("body", "fault", "position"), FAULTS.values(), ids=FAULTS)
def test_the_error_of_a_faulty_export_states_the_fault_and_its_line(
    scripted: Scripted, body: str | bytes, fault: str, position: int
) -> None:
    with pytest.raises(tf.BadAnswer) as caught:
        read_body(scripted, body)
    fault = fault.format(position=position)
    assert f"200: an export of assignments was expected (TSV), but {fault}: '" in str(caught.value)
    assert (caught.value.fault, caught.value.position) == (fault, position)
    assert caught.value.hint == "client.get_assignments(pool_id) gives the same answers, page by page."


@pytest.mark.parametrize(
    "arguments",
    [
        {"status": "GOOD"},
        {"status": []},
        {"parameters": {"starttime": 1}},
        {"field": "status"},
        {"start_time_to": "soon"},
        {"exclude_banned": 1},
    ],
)
def test_invalid_arguments_are_rejected_before_the_first_request(scripted: Scripted, arguments: dict[str, Any]) -> None:
    with pytest.raises(tf.InputError):
        read_body(scripted, "", **arguments)
    assert scripted.requests == []


def test_exports_can_be_filtered_by_banned_tolokers_and_by_time(
    client: tf.AsyncTolokaClient, pool_id: str, toloka: LocalToloka, make_frame: Callable[[int], pd.DataFrame]
) -> None:
    make_frame(12).pipe(tf.create_tasks, client, pool_id, overlap=2, open_pool=True, progress=False)
    toloka.answer(pool_id)
    all_rows = tf.run(client.get_assignments_df(pool_id, status="ACCEPTED", field=None))
    banned = all_rows["ASSIGNMENT:worker_id"][0]
    tf.run(client.set_user_restriction({"scope": "POOL", "user_id": banned, "pool_id": pool_id}))
    rest = tf.run(client.get_assignments_df(pool_id, exclude_banned=True, **EVERYTHING))
    assert set(rest["ASSIGNMENT:worker_id"]) == set(all_rows["ASSIGNMENT:worker_id"]) - {banned}
    middle = sorted(all_rows["ASSIGNMENT:submitted"])[len(all_rows) // 2]
    late = tf.run(client.get_assignments_df(pool_id, start_time_from=middle, **EVERYTHING))
    early = tf.run(client.get_assignments_df(pool_id, start_time_to=middle - pd.Timedelta("1ms"), **EVERYTHING))
    assert sorted([*late["ASSIGNMENT:task_id"], *early["ASSIGNMENT:task_id"]]) == sorted(all_rows["ASSIGNMENT:task_id"])
    assert tf.run(client.get_assignments_df(pool_id, status="REJECTED")).empty
