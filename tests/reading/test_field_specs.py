"""The fields of a list are those of the project that its filters refer to."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from support.scripted_server import Scripted, reply
from support.virtual_clock import api_clients, loop_time, run_virtual

import toloka_frames as tf
from toloka_frames._reading.parquet_file import ParquetOptions
from toloka_frames._runtime.current_tracker import current_progress
from toloka_frames._schema.lists import APP_ITEMS, ASSIGNMENTS, TASKS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    import pyarrow as pa

    from toloka_frames._reading.scan import Source
    from toloka_frames._schema.lists import Resource
    from toloka_frames.local import LocalToloka


def test_assignments_of_a_task_or_suite_have_the_fields_of_its_pool(
    client: tf.AsyncTolokaClient, pool_id: str, toloka: LocalToloka, make_frame: Callable[[int], pd.DataFrame]
) -> None:
    make_frame(8).pipe(tf.create_tasks, client, pool_id, overlap=2, open_pool=True, progress=False)
    toloka.answer(pool_id)
    of_pool = client.get_assignments(pool_id=pool_id)
    row = of_pool.to_dataframe().iloc[0]
    of_task = client.get_assignments(task_id=row["ASSIGNMENT:task_id"])
    of_suite = client.get_assignments(task_suite_id=row["ASSIGNMENT:task_suite_id"])
    assert of_task.schema == of_suite.schema == of_pool.schema
    assert of_task.to_dataframe()["ASSIGNMENT:assignment_id"].nunique() == 2
    assert len(of_suite.to_dataframe()) == 4


def test_a_list_without_field_columns_requests_no_specification(scripted: Scripted) -> None:
    assert "items_per_state.NEW" in scripted.async_client().get_app_batches("P").schema.names
    assert scripted.requests == []


def test_a_pool_that_is_not_an_object_is_a_bad_answer(scripted: Scripted) -> None:
    scripted.answers = [reply([1])]
    with pytest.raises(tf.BadAnswer, match="an object"):
        tf.run(tf.aio.to_arrow(scripted.async_client().get_tasks("1")))


def test_a_project_without_a_specification_has_no_field_columns(scripted: Scripted) -> None:
    scripted.answers = [reply({"id": "1", "project_id": "2"}), reply({"id": "2", "task_spec": None})]
    assert [name for name in scripted.async_client().get_tasks("1").schema.names if ":" in name] == [
        "HINT:text",
        "HINT:default_language",
    ]


def test_aggregated_solutions_have_the_fields_of_the_operations_pool(scripted: Scripted) -> None:
    operation = {"id": "op", "status": "SUCCESS", "parameters": {"pool_id": "1"}}
    spec = {"output_spec": {"result": {"type": "string"}, "sure": {"type": "float"}}}
    scripted.answers = [reply(operation), reply({"id": "1", "project_id": "2"}), reply({"id": "2", "task_spec": spec})]
    names = scripted.async_client().get_aggregated_solutions("op").schema.names
    assert names == ["task_id", "pool_id", "OUTPUT:result", "OUTPUT:sure", "confidence", "extra"]
    assert [request.partition("/v1/")[2] for request in scripted.requests] == ["operations/op", "pools/1", "projects/2"]


def test_task_suites_of_a_task_have_the_fields_of_its_pool(scripted: Scripted) -> None:
    spec = {"input_spec": {"image": {"type": "url"}}}
    task = {"id": "t", "pool_id": "1"}
    scripted.answers = [reply(task), reply({"id": "1", "project_id": "2"}), reply({"id": "2", "task_spec": spec})]
    assert "INPUT:image" in scripted.async_client().get_task_suites(task_id="t").schema.names


# -- Odd specifications: the list is pulled, and fields without a type are in `extra`

VALUES = {"image": "u", "number": 7, "meta": {"a": [1]}}
ODD_SPECS: dict[str, tuple[Any, dict[str, Any]]] = {
    "no specification": (None, {}),
    "a list": ([{"image": "url"}], {}),
    "text": ("image", {}),
    "a number": (5, {}),
    "a list of fields": ([], {}),
    "a field that is null": ({"image": None, "number": {"type": "integer"}}, {"number": 7}),
    "a field that is text": ({"image": "url", "number": {"type": "integer"}}, {"number": 7}),
    "a field that is a list": ({"image": ["url"], "number": {"type": "integer"}}, {"number": 7}),
    "a type that is null": ({"image": {"type": None}, "number": {"type": "integer"}}, {"number": 7}),
    "a type that is an object": ({"image": {"type": {"url": 1}}, "number": {"type": "integer"}}, {"number": 7}),
    "a type that is unknown": ({"image": {"type": "hologram"}}, {"image": '"u"'}),
    "no type": ({"image": {}}, {"image": '"u"'}),
    "odd allowed values": (
        {"image": {"type": "url", "allowed_values": 5}, "number": {"type": "integer", "max_value": "x", "required": "y"}},
        {"image": "u", "number": 7},
    ),
    "odd names": ({"": {"type": "string"}, "a\x00": {"type": "url"}, "image": {"type": "url"}}, {"image": "u"}),
}
# the path of each specification, how it is requested, and its rows and values
INPUT, OUTPUT = "input_spec", "output_spec"
FIELD_LISTS: dict[str, tuple[Callable[[tf.AsyncTolokaClient], tf.Scan], dict[str, Any], str, str, str]] = {
    "tasks": (lambda client: client.get_tasks("1"), {"id": "a", "input_values": VALUES}, "input_values", INPUT, "INPUT"),
    "task suites": (
        lambda client: client.get_task_suites(pool_id="1"),
        {"id": "a", "tasks": [{"id": "t", "input_values": VALUES}]},
        "input_values",
        INPUT,
        "INPUT",
    ),
    "assignments, input": (
        lambda client: client.get_assignments("1"),
        {"id": "a", "tasks": [{"id": "t", "input_values": VALUES}]},
        "input_values",
        INPUT,
        "INPUT",
    ),
    "assignments, output": (
        lambda client: client.get_assignments("1"),
        {"id": "a", "tasks": [{"id": "t"}], "solutions": [{"output_values": VALUES}]},
        "output_values",
        OUTPUT,
        "OUTPUT",
    ),
    "aggregated solutions": (
        lambda client: client.get_aggregated_solutions("op"),
        {"task_id": "a", "output_values": VALUES},
        "output_values",
        OUTPUT,
        "OUTPUT",
    ),
    "app items": (lambda client: client.get_app_items("P"), {"id": "a", "input_data": VALUES}, "input_data", INPUT, "INPUT"),
    "app items, output": (
        lambda client: client.get_app_items("P"),
        {"id": "a", "output_data": VALUES},
        "output_data",
        OUTPUT,
        "OUTPUT",
    ),
}


def service_of(rows: list[dict[str, Any]], spec: Any = None, **refused: bytes) -> Callable[[str], bytes]:
    """Return a service that has the rows, and a project with the specification; requests of some paths are refused."""

    def respond(head: str) -> bytes:
        path = head.split(" ")[1].partition("?")[0].removeprefix("/api/")
        objects = {
            "v1/pools/1": {"id": "1", "project_id": "2"},
            "v1/projects/2": {"id": "2", "task_spec": spec},
            "v1/operations/op": {"id": "op", "status": "SUCCESS", "parameters": {"pool_id": "1"}},
            "app/v0/app-projects/P": {"id": "P", "app_id": "A"},
            "app/v0/apps/A": {"id": "A", **(spec if isinstance(spec, dict) else {})},
        }
        kind = path.split("/")[-2].replace("-", "_")
        if path in objects:
            return refused.get(kind) or reply(objects[path])
        if kind == "trainings":
            return REFUSALS["404"]
        return reply({"items": rows, "content": rows, "has_more": False})

    return respond


@pytest.mark.parametrize("half_is_odd", [True, False], ids=["the half", "the whole"])
@pytest.mark.parametrize("case", ODD_SPECS)
@pytest.mark.parametrize("name", FIELD_LISTS)
def test_a_list_of_an_odd_specification_has_untyped_fields_in_extra(
    scripted: Scripted, name: str, case: str, half_is_odd: bool
) -> None:
    scan_of, row, _, half, prefix = FIELD_LISTS[name]
    spec, expected = ODD_SPECS[case]
    scripted.answers = [
        service_of([row], {half: spec} if half_is_odd else (spec if not isinstance(spec, dict) else {half: spec}))
    ]
    (read,) = scan_of(scripted.async_client()).to_arrow(progress=False).to_pylist()
    typed = {field: read.get(f"{prefix}:{field}") for field in VALUES if read.get(f"{prefix}:{field}") is not None}
    assert typed == expected
    assert untyped_values(read["extra"]) == {field: value for field, value in VALUES.items() if field not in expected}


def untyped_values(extra: str | None) -> dict[str, Any]:
    """Return the fields in `extra`, wherever they are nested."""
    found: Any = json.loads(extra or "{}")
    while found and not found.keys() & VALUES.keys():
        found = next(iter(found.values()))
        found = found[0] if isinstance(found, list) else found
    return dict(found)


# -- A specification that cannot be read any more

REFUSALS = {
    "403": reply({"code": "ACCESS_DENIED", "message": "Not yours"}, 403),
    "404": reply({"code": "DOES_NOT_EXIST", "message": "Not here"}, 404),
    "410": reply({"code": "GONE", "message": "Removed"}, 410),
    "404 without a body": reply(b"", 404),
    "410 without a body": reply(b"", 410),
}
REFERRED = {
    "tasks": ["pools", "projects"],
    "assignments, input": ["pools", "projects"],
    "task suites": ["pools", "projects"],
    "aggregated solutions": ["operations", "pools", "projects"],
    "app items": ["app_projects", "apps"],
}
UNREADABLE = [pytest.param(name, kind, id=f"{name}, {kind}") for name, kinds in REFERRED.items() for kind in kinds]


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize(("name", "kind"), UNREADABLE)
def test_a_list_is_pulled_without_field_columns_if_their_specification_cannot_be_read(
    scripted: Scripted, name: str, kind: str, refusal: str
) -> None:
    scan_of, row, key, half, prefix = FIELD_LISTS[name]
    service = service_of([row], {half: {"image": {"type": "url"}}}, **{kind: REFUSALS[refusal]})
    scripted.answers = [service]
    scan = scan_of(scripted.async_client(retries=1))
    with pytest.warns(UserWarning, match="specification of the fields cannot be read") as warned:
        frame, again = [scan.to_arrow(progress=False) for _ in range(2)]
    assert frame.equals(again)
    assert len(warned) == 1
    assert refusal[:3] in str(warned[0].message)
    assert "in `extra`" in str(warned[0].message)
    assert [column for column in frame.column_names if column.startswith(f"{prefix}:")] == []
    assert untyped_values(frame["extra"][0].as_py()) == VALUES
    assert frame.schema == scan.schema
    assert key in frame["extra"][0].as_py()


@pytest.mark.parametrize("way", ["fetch_head", "fetch_table", "batches", "to_parquet"])
@pytest.mark.parametrize(
    ("resource", "given"),
    [(TASKS, {"pool_id": "1"}), (ASSIGNMENTS, {"pool_id": "1"}), (APP_ITEMS, {"app_project_id": "P"})],
    ids=lambda value: getattr(value, "name", None),
)
def test_the_first_page_is_requested_while_fields_are_looked_up(
    resource: Resource, given: dict[str, str], way: str, tmp_path: Path
) -> None:
    async def first_batch(source: Source) -> pa.RecordBatch:
        async with aclosing(source.batches()) as batches:
            return await anext(batches)

    async def written(scan: tf.Scan) -> pa.Table:
        return pq.read_table(await scan._write_parquet(tmp_path / "rows.parquet", None, False, ParquetOptions(), False))

    async def seconds(scan: tf.Scan) -> float:
        source = scan._source
        ways: dict[str, Callable[[], Awaitable[Any]]] = {
            "fetch_head": lambda: source.fetch_head(5),
            "fetch_table": lambda: source.fetch_table(None, current_progress()),
            "batches": lambda: first_batch(source),
            "to_parquet": lambda: written(scan),
        }
        start = loop_time()
        assert len(await ways[way]()) == 1
        return loop_time() - start

    async def work() -> None:
        async with api_clients(service_of([{"id": "a"}]), latency=1.0) as (service,):
            scan = tf.Scan(service, resource, given)
            # two objects, one after the other, are requested for the fields, and only once
            assert await seconds(scan) == pytest.approx(2.0, abs=0.1)
            assert await seconds(scan) == pytest.approx(1.0, abs=0.1)

    run_virtual(work())


@pytest.mark.parametrize("way", ["to_arrow", "head"])
def test_a_page_is_requested_once_if_its_fields_cannot_be_looked_up(scripted: Scripted, way: str) -> None:
    scripted.answers = [service_of([{"id": "a"}], pools=reply({"code": "UNAVAILABLE", "message": "later"}, 503))]
    with pytest.raises(tf.ApiError) as caught:
        getattr(scripted.async_client(retries=2).get_tasks("1"), way)()
    assert caught.value.status == 503
    assert len([request for request in scripted.requests if "/v1/tasks" in request]) == 1
    assert len([request for request in scripted.requests if "/v1/pools" in request]) == 2


@pytest.mark.parametrize("parameters", [None, [], "text", {}, {"pool_id": None}, {"pool_id": 5}, {"pool_id": ".."}])
def test_a_list_is_pulled_if_its_operation_names_no_pool(scripted: Scripted, parameters: Any) -> None:
    rows = service_of([{"task_id": "a", "output_values": VALUES}])
    operation = reply({"id": "op", "status": "SUCCESS", "parameters": parameters})
    others = {"operations": operation, "pools": REFUSALS["404"], "trainings": REFUSALS["404"]}
    scripted.answers = [lambda head: others.get(head.split("/")[3]) or rows(head)]
    with pytest.warns(UserWarning, match="cannot be read"):
        frame = scripted.async_client().get_aggregated_solutions("op").to_arrow(progress=False)
    assert untyped_values(frame["extra"][0].as_py()) == VALUES
    assert "GET /api/v1/pools/None" in scripted.requests


@pytest.mark.parametrize("way", ["to_arrow", "head", "to_reader", "iter_dataframes", "to_parquet", "resume"])
def test_every_way_warns_once_of_an_unreadable_specification(scripted: Scripted, tmp_path: Path, way: str) -> None:
    ways: dict[str, Callable[[tf.Scan], object]] = {
        "to_arrow": lambda scan: scan.to_arrow(progress=False),
        "head": lambda scan: scan.head(),
        "to_reader": lambda scan: scan.to_reader().read_all(),
        "iter_dataframes": lambda scan: list(scan.iter_dataframes()),
        "to_parquet": lambda scan: scan.to_parquet(tmp_path / "file.parquet", progress=False),
        "resume": lambda scan: scan.to_parquet(tmp_path / "copy", resume=True, progress=False),
    }
    service = service_of([{"id": "a", "input_values": VALUES}], pools=REFUSALS["404"])
    scripted.answers = [lambda head: reply({"id": "me"}) if "/requester" in head else service(head)]
    with pytest.warns(UserWarning, match="cannot be read") as warned:
        ways[way](scripted.async_client().get_tasks("1"))
    assert len(warned) == 1


def test_the_specification_of_a_training_is_that_of_its_project(toloka: LocalToloka) -> None:
    with toloka.client() as client:
        project_id = toloka.example_pool().project_id
        training = client.create_training(
            {
                "project_id": project_id,
                "private_name": "Practice",
                "inherited_instructions": True,
                "training_tasks_in_task_suite_count": 1,
            }
        )
        practice = pd.DataFrame({"image": ["https://example.com/tom.jpg"], "GOLDEN:result": ["cat"], "HINT:text": ["Whiskers"]})
        results = practice.pipe(tf.create_tasks, client, pool_id=training, infinite_overlap=True, progress=False)
        (read,) = client.get_tasks(training).to_dataframe().to_dict("records")
    assert results["status"].tolist() == ["CREATED"]
    assert (read["INPUT:image"], read["GOLDEN:result"], read["HINT:text"]) == ("https://example.com/tom.jpg", "cat", "Whiskers")


def test_an_empty_list_of_a_pool_that_does_not_exist_raises_the_error_of_the_pool(scripted: Scripted) -> None:
    scripted.answers = [service_of([], pools=REFUSALS["404"])]
    with pytest.raises(tf.NotFound, match="Not here"):
        scripted.async_client().get_tasks("1").to_dataframe(progress=False)
    # with a filter, an empty list is no sign of a wrong id
    assert scripted.async_client().get_tasks("1", created_gt="2026-01-01").to_arrow(progress=False).num_rows == 0


@pytest.mark.parametrize("status", [401, 429, 500])
def test_other_refusals_of_the_specification_are_raised(scripted: Scripted, status: int) -> None:
    refusal = reply({"code": "NO", "message": "no", "payload": {"interval": "DAY"}}, status)
    scripted.answers = [service_of([{"id": "a"}], pools=refusal)]
    with pytest.raises(tf.ApiError) as caught:
        scripted.async_client(retries=1).get_tasks("1").to_dataframe(progress=False)
    assert caught.value.status == status


def test_dicts_need_no_specification(scripted: Scripted) -> None:
    scripted.answers = [service_of([{"id": "a"}], pools=REFUSALS["404"])]
    assert list(scripted.async_client().get_tasks("1")) == [{"id": "a"}]


def test_an_export_of_an_unreadable_pool_has_text_columns(scripted: Scripted) -> None:
    table = reply("INPUT:image\tINPUT:number\tASSIGNMENT:assignment_id\nu\t7\ta\n")
    service = service_of([], pools=REFUSALS["403"])
    scripted.answers = [lambda head: table if "assignments.tsv" in head else service(head)]
    with pytest.warns(UserWarning, match=r"Not yours.*their columns are text"):
        frame = tf.run(scripted.async_client().get_assignments_df("1"))
    assert (frame["INPUT:image"].tolist(), frame["INPUT:number"].tolist()) == (["u"], ["7"])
