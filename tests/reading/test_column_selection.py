"""`columns=` of every sink: the same values as in the whole frame, and only these columns are parsed."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.all_cases import examples
from support.bonus_list_server import BonusList
from support.scripted_server import Scripted, reply
from support.wire_rows import ANY_TEXT, columns_of, rows_of

import toloka_frames as tf
from toloka_frames._reading.column_selection import selected_names
from toloka_frames._reading.page import _read_fast, read_page
from toloka_frames._schema.columns import Layout
from toloka_frames._schema.lists import APP_ITEMS, ASSIGNMENTS, TASK_SUITES, TASKS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toloka_frames._schema.lists import Resource

ROWS = [
    {"id": f"{number:02}", "name": f"skill {number}", "hidden": number % 2 == 0, "created": "2026-01-01T00:00:00", "new": {}}
    for number in range(10)
]
PAGE = 4


@pytest.fixture
def scan(scripted: Scripted) -> tf.Scan:
    """A scan of skills in pages of four rows."""

    def serve(head: str) -> bytes:
        after = [row for row in ROWS if str(row["id"]) > (head.partition("id_gt=")[2][:2] or "")]
        return reply({"items": after[:PAGE], "has_more": len(after) > PAGE})

    scripted.answers = [serve]
    return scripted.async_client().get_skills(batch_size=PAGE)


def awaited(coroutine: Any) -> Any:
    return asyncio.run(coroutine)


SINKS: dict[str, Callable[[tf.Scan, Any, Path], pa.Table]] = {
    "to_dataframe": lambda scan, columns, _: pa.Table.from_pandas(scan.to_dataframe(columns=columns)),
    "to_arrow": lambda scan, columns, _: scan.to_arrow(columns=columns),
    "to_reader": lambda scan, columns, _: scan.to_reader(columns=columns).read_all(),
    "iter_dataframes": lambda scan, columns, _: pa.Table.from_pandas(
        pd.concat(scan.iter_dataframes(3, columns=columns), ignore_index=True)
    ),
    "to_parquet": lambda scan, columns, folder: pq.read_table(scan.to_parquet(folder / "x.parquet", columns=columns)),
    "head": lambda scan, columns, _: pa.Table.from_pandas(scan.head(10, columns=columns)),
    "tf.to_dataframe": lambda scan, columns, _: pa.Table.from_pandas(tf.to_dataframe(scan, columns=columns)),
    "tf.to_arrow": lambda scan, columns, _: tf.to_arrow(scan, columns=columns),
    "tf.to_parquet": lambda scan, columns, folder: pq.read_table(tf.to_parquet(scan, folder / "x.parquet", columns=columns)),
    "tf.aio.to_dataframe": lambda scan, columns, _: pa.Table.from_pandas(awaited(tf.aio.to_dataframe(scan, columns=columns))),
    "tf.aio.to_arrow": lambda scan, columns, _: awaited(tf.aio.to_arrow(scan, columns=columns)),
    "tf.aio.to_parquet": lambda scan, columns, folder: pq.read_table(
        awaited(tf.aio.to_parquet(scan, folder / "x.parquet", columns=columns))
    ),
    "tf.aio.head": lambda scan, columns, _: pa.Table.from_pandas(awaited(tf.aio.head(scan, 10, columns=columns))),
}
every_sink = pytest.mark.parametrize("sink", SINKS.values(), ids=SINKS)
SELECTIONS: dict[str, tuple[Any, list[str]]] = {
    "names in another order": (["hidden", "id"], ["id", "hidden"]),
    "a repeated name": (("name", "name"), ["name"]),
    "an index": (pd.Index(["name"]), ["name"]),
    "a function": (lambda name: name.startswith("owner"), ["owner.id", "owner.myself", "owner.company_id"]),
    "extra": (["extra", "id"], ["id", "extra"]),
}


@every_sink
@pytest.mark.parametrize(("columns", "names"), SELECTIONS.values(), ids=SELECTIONS)
def test_every_sink_has_the_selected_columns_in_the_order_of_the_frame(
    scan: tf.Scan, sink: Callable[..., pa.Table], columns: Any, names: list[str], tmp_path: Path
) -> None:
    table = sink(scan, columns, tmp_path)
    assert table.column_names == names
    assert table.to_pylist() == scan.to_arrow().select(names).to_pylist()


WRONG: dict[str, tuple[Any, str]] = {
    "an unknown name": (["nam"], "no column 'nam'; the nearest is 'name'"),
    "a position": ([0], "no column 0"),
    "one name": ("id", "columns='id' is not a list of names"),
    "a number": (3, "columns=3 is not a list of names"),
    "no name": ([], "no column is selected"),
    "a function that selects none": (lambda _: False, "no column is selected"),
}


@every_sink
@pytest.mark.parametrize(("columns", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_selection_is_rejected_before_the_first_request(
    scan: tf.Scan, sink: Callable[..., pa.Table], columns: Any, message: str, scripted: Scripted, tmp_path: Path
) -> None:
    with pytest.raises(tf.InputError, match=message) as caught:
        sink(scan, columns, tmp_path)
    assert caught.value.column == "columns"
    assert scripted.requests == []


@pytest.mark.parametrize(
    ("resource", "names"),
    [
        (
            ASSIGNMENTS,
            {
                "id": "ASSIGNMENT:assignment_id",
                "user_id": "ASSIGNMENT:worker_id",
                "created": "ASSIGNMENT:started",
                "tasks.id": "ASSIGNMENT:task_id",
                "tasks.input_values.image": "INPUT:image",
                "solutions.output_values.result": "OUTPUT:result",
            },
        ),
        (TASK_SUITES, {"id": "SUITE:id", "tasks.id": "TASK:id", "overlap": "SUITE:overlap"}),
        (TASKS, {"input_values.image": "INPUT:image", "message_on_unknown_solution": "HINT:text"}),
        (APP_ITEMS, {"input_data.image": "INPUT:image"}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_the_names_of_the_api_select_columns_too(resource: Resource, names: dict[str, str]) -> None:
    layout = layout_of(resource)
    for api_name, name in names.items():
        assert selected_names([api_name], layout.schema.names, layout.api_names) == [name]
        assert selected_names([api_name, name], layout.schema.names, layout.api_names) == [name]
    assert not layout.api_names.keys() & set(layout.schema.names)


def test_a_column_of_assignments_is_selected_by_the_name_of_the_api(scripted: Scripted, tmp_path: Path) -> None:
    project = {"task_spec": {"input_spec": {}, "output_spec": {}}}
    page = reply({"items": [{"id": "a", "user_id": "u", "tasks": [{"id": "t"}]}], "has_more": False})
    scripted.answers = [reply({"id": "1", "project_id": "2"}), reply(project), page, page, page]
    scan = scripted.async_client().get_assignments("1")
    assert scan.to_dataframe(columns=["id"]).to_dict("list") == {"ASSIGNMENT:assignment_id": ["a"]}
    file = scan.to_parquet(tmp_path / "x.parquet", columns=["user_id", "ASSIGNMENT:task_id"])
    assert pd.read_parquet(file).to_dict("list") == {"ASSIGNMENT:task_id": ["t"], "ASSIGNMENT:worker_id": ["u"]}
    assert list(scan.head(columns=["id"])) == ["ASSIGNMENT:assignment_id"]
    with pytest.raises(tf.InputError, match="no column 'usr_id'; the nearest is 'user_id'"):
        scan.head(columns=["usr_id"])


def test_the_columns_of_an_empty_list_are_typed(scripted: Scripted) -> None:
    scripted.answers = [reply({"items": [], "has_more": False})]
    frame = scripted.async_client().get_skills().to_dataframe(columns=["hidden", "created", "id"])
    assert frame.dtypes.equals(scripted.async_client().get_skills().to_dataframe().dtypes[["id", "hidden", "created"]])
    assert len(frame) == 0


def test_a_copy_has_all_columns(scan: tf.Scan, tmp_path: Path) -> None:
    with pytest.raises(tf.InputError, match="all columns"):
        scan.to_parquet(tmp_path / "copy", columns=["id"], resume=True)


def test_rows_of_another_source_have_the_selected_columns() -> None:
    rows = [{"a": 1, "b": {"c": 2}}]
    assert tf.to_dataframe(rows, columns=["b.c"]).to_dict("list") == {"b.c": [2]}
    with pytest.raises(tf.InputError, match="no column 'b'"):
        tf.to_arrow(rows, columns=["b"])


def test_several_connections_return_the_selected_columns(scripted: Scripted) -> None:
    scripted.answers = [bonuses := BonusList(range(0, 300 * 10**6, 10**6))]
    scan = scripted.async_client().get_user_bonuses(batch_size=20)
    assert scan.to_arrow(columns=["user_id"], concurrency=4).to_pydict() == {"user_id": ["a"] * 300}
    assert any("id_lte" in query for query in bonuses.queries)


LISTS = [TASKS, ASSIGNMENTS, APP_ITEMS]


def layout_of(resource: Resource) -> Layout:
    return Layout(resource.rows_key, resource.cursor, columns_of(resource))


@settings(max_examples=examples(60))
@given(st.data(), st.sampled_from(LISTS), st.booleans())
def test_the_values_of_any_columns_of_any_page_are_those_of_the_whole_frame(
    data: st.DataObject, resource: Resource, wild: bool
) -> None:
    layout = layout_of(resource)
    rows = data.draw(st.lists(rows_of(resource, ANY_TEXT.filter(is_encodable), wild=wild), max_size=4))
    names = data.draw(st.lists(st.sampled_from(layout.schema.names), min_size=1, max_size=4))
    body = json.dumps({resource.rows_key: rows, "has_more": False}).encode()
    whole, part = read_page(body, layout), read_page(body, layout.narrowed(names))
    assert part.ids == whole.ids
    assert part.batch.select(names).equals(whole.batch.select(names))


def is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@pytest.mark.parametrize("resource", LISTS, ids=lambda resource: resource.name)
def test_a_page_of_unknown_and_free_form_values_is_read_by_the_fast_parser_if_none_of_them_is_selected(
    resource: Resource,
) -> None:
    row = {
        resource.cursor: "1",
        "new": [{"a": {}}],
        "errors": [{"code": "X"}],
        "solutions": [{"output_values": {"x": [1]}}, {}],
        "tasks": [{"id": "t", "known_solutions": [{}, {}], "traits_all_of": 5}],
    }
    body = json.dumps({resource.rows_key: [row], "has_more": False}).encode()
    layout = layout_of(resource)
    assert _read_fast(body, layout) is None
    page = _read_fast(body, layout.narrowed([resource.life.id]))
    assert page is not None
    assert page.batch.to_pydict() == {resource.life.id: ["1"] * len(read_page(body, layout).batch)}
