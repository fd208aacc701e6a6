"""Parsing a page: the fast and the exact parser agree, and no value is lost."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.all_cases import examples
from support.list_catalog import RESOURCES
from support.wire_rows import ANY, columns_of, is_preserved, rows_of

import toloka_frames as tf
from toloka_frames._reading.page import Page, _plain_columns, _read_exactly, _read_fast, last_id, read_dicts, read_page
from toloka_frames._schema.columns import TIMESTAMP, Column, Layout, Specification, expand_columns
from toloka_frames._schema.json_rows import batch_of, parse_json
from toloka_frames._schema.lists import ASSIGNMENTS, POOLS, PROJECTS, TASK_SUITES, TASKS

if TYPE_CHECKING:
    from pathlib import Path

    from toloka_frames._schema.lists import Resource


def layout_of(resource: Resource) -> Layout:
    return Layout(resource.rows_key, resource.cursor, columns_of(resource))


def body_of(rows: list[dict[str, Any]], key: str = "items", *, has_more: bool = False) -> bytes:
    return json.dumps({key: rows, "has_more": has_more}, ensure_ascii=False).encode()


def read(rows: list[dict[str, Any]], resource: Resource = TASKS) -> list[dict[str, Any]]:
    """Return the parsed rows, without nulls."""
    page = read_page(body_of(rows, resource.rows_key), layout_of(resource))
    return [{name: value for name, value in row.items() if value is not None} for row in page.batch.to_pylist()]


def read_input(**values: Any) -> dict[str, Any]:
    """Return the parsed row of a task with these input values, without its id."""
    (row,) = read([{"id": "a", "input_values": values}])
    del row["id"]
    return row


TASK = {
    "id": "0000000001--000000000000000000000001",
    "pool_id": "1",
    "created": "2022-01-22T07:44:56.309",
    "input_values": {"image": "https://e.com/1.jpg", "number": 7, "tags": ["a", None], "flag": True, "share": 1},
    "known_solutions": [{"output_values": {"result": "cat"}, "correctness_weight": 1}],
    "message_on_unknown_solution": "Look again",
    "overlap": None,
    "infinite_overlap": True,
    "reserved_for": [],
}


def test_a_page_that_fits_its_columns_is_parsed_by_the_fast_parser() -> None:
    assert _read_fast(body_of([TASK, {"id": "b"}]), layout_of(TASKS)) is not None


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
@pytest.mark.parametrize("ids", ["", "a", "ab"], ids=["none", "one bare row", "two bare rows"])
def test_both_parsers_give_the_same_batch_for_empty_and_all_null_pages(resource: Resource, ids: str) -> None:
    layout, body = layout_of(resource), body_of([{resource.cursor: id_} for id_ in ids], resource.rows_key)
    fast, exact = _read_fast(body, layout), _read_exactly(body, layout)
    assert fast is not None
    assert fast.batch.equals(exact.batch)
    assert fast.batch.schema == layout.schema


def test_both_parsers_give_the_same_batch_for_tasks() -> None:
    layout, body = layout_of(TASKS), body_of([TASK, {"id": "b"}, {"id": "c", "known_solutions": [], "input_values": {}}])
    fast, exact = _read_fast(body, layout), _read_exactly(body, layout)
    assert fast is not None
    assert fast.batch.to_pylist() == exact.batch.to_pylist()
    assert fast.ids == exact.ids == [TASK["id"], "b", "c"]


ASSIGNMENT = {
    "id": "A1",
    "pool_id": "1",
    "user_id": "u",
    "status": "ACCEPTED",
    "reward": 0.02,
    "tasks": [TASK, {"id": "t2", "input_values": {"text": "x"}}, {"id": "t3"}],
    "solutions": [{"output_values": {"result": "cat"}}, {"output_values": {"sure": 0.5}}],
    "created": "2022-01-01T00:00:00",
}


def test_both_parsers_give_an_assignment_a_row_per_task() -> None:
    layout, body = layout_of(ASSIGNMENTS), body_of([ASSIGNMENT, {"id": "A2", "status": "SKIPPED"}, {"id": "A3", "tasks": []}])
    fast, exact = _read_fast(body, layout), _read_exactly(body, layout)
    assert fast is not None
    assert fast.batch.to_pylist() == exact.batch.to_pylist()
    assert [row["ASSIGNMENT:assignment_id"] for row in fast.batch.to_pylist()] == ["A1", "A1", "A1", "A2", "A3"]
    assert [row["ASSIGNMENT:task_id"] for row in fast.batch.to_pylist()] == [TASK["id"], "t2", "t3", None, None]
    assert [row["OUTPUT:result"] for row in fast.batch.to_pylist()] == ["cat", None, None, None, None]
    assert [row["GOLDEN:result"] for row in fast.batch.to_pylist()] == ["cat", None, None, None, None]
    assert fast.batch["ASSIGNMENT:link"][0].as_py() == "https://web/task/1/A1"
    assert fast.ids == ["A1", "A2", "A3"]


def test_leaving_out_an_assignment_leaves_out_all_its_rows() -> None:
    page = read_page(body_of([ASSIGNMENT, {"id": "A2"}]), layout_of(ASSIGNMENTS)).keep([False, True])
    assert page.ids == ["A2"]
    assert page.batch["ASSIGNMENT:assignment_id"].to_pylist() == ["A2"]


def test_assignments_can_be_left_out_repeatedly() -> None:
    page = read_page(body_of([{"id": "A0"}, ASSIGNMENT, {"id": "A2"}]), layout_of(ASSIGNMENTS)).keep([False, True, True])
    assert page.keep([True, False]).batch["ASSIGNMENT:assignment_id"].to_pylist() == ["A1", "A1", "A1"]
    assert page.keep([False, True]).keep([True]).batch["ASSIGNMENT:assignment_id"].to_pylist() == ["A2"]


@pytest.mark.parametrize(
    "text", ["007", "NA", "None", "True", "2022-01-01", "[ ]", "{}", "1e5", " ", "a\tb\r\nc", "\x00", "ä😀"]
)
def test_text_stays_text(text: str) -> None:
    assert read_input(text=text) == {"INPUT:text": text}


@pytest.mark.parametrize(
    ("text", "timestamp"),
    [
        ("2022-01-22T07:44:56.309", datetime(2022, 1, 22, 7, 44, 56, 309_000, tzinfo=UTC)),
        ("2022-01-22T07:44:56", datetime(2022, 1, 22, 7, 44, 56, tzinfo=UTC)),
        ("2022-01-22T07:44:56.51", datetime(2022, 1, 22, 7, 44, 56, 510_000, tzinfo=UTC)),
        ("2022-01-22T07:44:56.99999", datetime(2022, 1, 22, 7, 44, 56, 999_990, tzinfo=UTC)),
        ("2022-01-22T07:44:56.123456", datetime(2022, 1, 22, 7, 44, 56, 123_456, tzinfo=UTC)),
        ("2022-01-22T07:44:56Z", datetime(2022, 1, 22, 7, 44, 56, tzinfo=UTC)),
        ("2022-01-22T07:44:56.309Z", datetime(2022, 1, 22, 7, 44, 56, 309_000, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("unknown", [{}, {"new_field": 1}], ids=["fast", "exact"])
def test_every_timestamp_format_is_parsed(text: str, timestamp: datetime, unknown: dict[str, Any]) -> None:
    (row,) = read([{"id": "a", "created": text, **unknown}])
    assert row["created"] == timestamp


MISFITS = [
    pytest.param({"number": "7"}, {"input_values": {"number": "7"}}, id="text in an integer field"),
    pytest.param({"number": 7.5}, {"input_values": {"number": 7.5}}, id="a fraction in an integer field"),
    pytest.param({"number": 10**20}, {"input_values": {"number": 10**20}}, id="an integer over 64 bits"),
    pytest.param({"number": True}, {"input_values": {"number": True}}, id="a boolean in an integer field"),
    pytest.param({"text": 7}, {"input_values": {"text": 7}}, id="a number in a text field"),
    pytest.param({"text": {"a": 1}}, {"input_values": {"text": {"a": 1}}}, id="an object in a text field"),
    pytest.param({"flag": 0}, {"input_values": {"flag": 0}}, id="a number in a boolean field"),
    pytest.param({"share": "1"}, {"input_values": {"share": "1"}}, id="text in a float field"),
    pytest.param({"tags": "a"}, {"input_values": {"tags": "a"}}, id="text in an array field"),
    pytest.param({"tags": ["a", 1]}, {"input_values": {"tags": ["a", 1]}}, id="a number in an array of text"),
    pytest.param({"unheard": [1]}, {"input_values": {"unheard": [1]}}, id="a field that is not in the specification"),
    pytest.param({"text": "\ud800"}, {"input_values": {"text": "\ud800"}}, id="a lone surrogate"),
]


@pytest.mark.parametrize(("values", "extra"), MISFITS)
def test_a_value_that_does_not_fit_its_column_is_in_extra_and_its_column_is_null(
    values: dict[str, Any], extra: dict[str, Any]
) -> None:
    body = json.dumps({"items": [{"id": "a", "input_values": values | {"image": "u"}}], "has_more": False}).encode()
    (row,) = read_page(body, layout_of(TASKS)).batch.to_pylist()
    assert json.loads(row["extra"]) == extra
    assert {name: value for name, value in row.items() if value is not None} == {
        "id": "a",
        "INPUT:image": "u",
        "extra": row["extra"],
    }


# as JSON text
FITTING = {
    "created": [
        *('"2022-01-22T07:44:56"', '"2022-01-22T07:44:56.51"', '"2022-01-22T07:44:56.309"', '"2022-01-22T07:44:56.99999"'),
        *(
            '"2022-01-22T07:44:56.123456"',
            '"2022-01-22T07:44:56Z"',
            '"2022-01-22T07:44:56.309Z"',
            '"2022-01-22T07:44:56+03:00"',
        ),
        *('"2022-01-22"', '"2022-01-22T07:44"', '"0001-01-01T00:00:00"', '"9999-12-31T23:59:59.999999"', "null"),
    ],
    "text": [
        *('"007"', '"NA"', '"NaN"', '"null"', '"2022-01-22"', '"2022-01-22T07:44:56Z"', '"[ ]"', '"{}"', '""', '" "', "null"),
        *('"ä😀"', '"\\ud83d\\ude00"', '"\\u0000"', '"a\\/b\\n"', '"\u2028"', '"1e5"', '"true"'),
    ],
    "number": ["7", "-0", "9007199254740993", "9223372036854775807", "-9223372036854775808", "null"],
    "share": ["0.0700", "1", "0", "-0.0", "1e5", "1E-5", "0.1", "9007199254740991", "5e-324", "0.12345678901234567890", "null"],
    "flag": ["true", "false", "null"],
    "tags": ["[]", '["007",null,""]', "null"],
    "counts": ["[]", "[1,null]", "null"],
    "meta": ["{}", "null"],
}
NOT_FITTING = {
    "created": [
        *('"2022-01-22T07:44:56.1234567"', '"2022-02-30T00:00:00"', '"2022-01-22T07:44:60"', '""', '"NaT"', "1642837496"),
        *('"0000-01-01T00:00:00"', '"0001-01-01T00:00:00+03:00"', '"9999-12-31T23:59:59-03:00"', '"10000-01-01T00:00:00"'),
    ],
    "text": ['"\\ud800"', "7", "0.0700", "true", "[]", "{}"],
    "number": ["7.0", "7.5", "1e2", "9223372036854775808", "-9223372036854775809", str(10**30), '"7"', "true", "[7]"],
    "share": ["9007199254740993", "18446744073709551615", str(10**23), "1e300", '"0.5"', '"NaN"', "false"],
    "flag": ["0", '"true"'],
    "tags": ["[1]", '"a"', '[["a"]]', "{}"],
    "counts": ["[1.0]", "[1.5]", "[true]", "[9223372036854775808]", '["1"]'],
    "meta": ['{"a":1}', "[]", '""', "0"],
}


def page_with_value(field: str, json_text: str) -> bytes:
    """Return a page of two tasks, the first with this value."""
    value = f'"{field}":{json_text}'
    row = value if field == "created" else f'"input_values":{{{value}}}'
    return f'{{"items":[{{"id":"a",{row}}},{{"id":"b"}}],"has_more":false}}'.encode()


def cases(fields: dict[str, list[str]]) -> list[Any]:
    return [pytest.param(field, text, id=f"{field} {text}") for field, texts in fields.items() for text in texts]


@pytest.mark.parametrize(("field", "json_text"), cases(FITTING))
def test_both_parsers_read_a_value_that_fits_in_every_json_notation(field: str, json_text: str) -> None:
    body = page_with_value(field, json_text)
    fast, exact = _read_fast(body, layout_of(TASKS)), _read_exactly(body, layout_of(TASKS))
    assert fast is not None
    assert fast.batch.equals(exact.batch)
    assert exact.batch["extra"].null_count == 2


@pytest.mark.parametrize(("field", "json_text"), cases(NOT_FITTING))
def test_a_value_that_the_fast_parser_would_change_is_read_by_the_exact_one(field: str, json_text: str) -> None:
    body, name = page_with_value(field, json_text), "created" if field == "created" else f"INPUT:{field}"
    assert _read_fast(body, layout_of(TASKS)) is None
    row, empty = read_page(body, layout_of(TASKS)).batch.to_pylist()
    value = json.loads(json_text)
    assert row[name] in (value, json_text) if row[name] is not None else json.loads(row["extra"]) == nested(field, value)
    assert {name for name, value in empty.items() if value is not None} == {"id"}


def nested(field: str, value: Any) -> dict[str, Any]:
    return {field: value} if field == "created" else {"input_values": {field: value}}


def test_undeclared_fields_are_in_extra_nested_as_in_the_response() -> None:
    (row,) = read([{"id": "a", "brand_new": {"deep": [1]}, "localization_config": {"default_language": "EN", "more": ["FR"]}}])
    assert row["HINT:default_language"] == "EN"
    assert json.loads(row["extra"]) == {"brand_new": {"deep": [1]}, "localization_config": {"more": ["FR"]}}


def test_a_second_known_solution_is_in_extra() -> None:
    solutions = [{"output_values": {"result": "cat"}, "correctness_weight": 1}, {"output_values": {"result": "dog"}}]
    (row,) = read([{"id": "a", "known_solutions": solutions}])
    assert row["GOLDEN:result"] == "cat"
    assert json.loads(row["extra"]) == {"known_solutions": solutions}


def test_free_form_values_are_json_text() -> None:
    (row,) = read(
        [{"id": "1", "metadata": {"k": ["ä", 1]}, "filter": {}, "defaults": {"default_overlap_for_new_tasks": 3}}], POOLS
    )
    assert row == {"id": "1", "metadata": '{"k":["ä",1]}', "filter": "{}", "defaults.default_overlap_for_new_tasks": 3}


def test_json_fields_of_a_project_are_json_text() -> None:
    assert read_input(meta={"a": [1, {"b": None}]}) == {"INPUT:meta": '{"a":[1,{"b":null}]}'}


def test_a_whole_number_written_as_a_fraction_is_an_integer() -> None:
    assert read_input(number=7.0) == {"INPUT:number": 7}


def test_the_last_of_duplicate_keys_is_used() -> None:
    body = b'{"items":[{"id":"a","pool_id":"1","pool_id":"2"}],"has_more":false}'
    assert read_page(body, layout_of(TASKS)).batch["pool_id"].to_pylist() == ["2"]


def test_whitespace_and_the_order_of_keys_do_not_matter() -> None:
    body = b'{\n "has_more" : true,\n "items": [\n {"id": "a"},\n {"id": "b"} ]\n}\n'
    page = read_page(body, layout_of(TASKS))
    assert (page.ids, page.has_more) == (["a", "b"], True)


INVALID = {
    "empty body": b"",
    "HTML": b"<html><body>502 Bad Gateway</body></html>",
    "truncated": b'{"items":[{"id":"a"},{"id"',
    "an array": b'[{"id":"a"}]',
    "no rows": b'{"has_more":false}',
    "no has_more": b'{"items":[]}',
    "has_more is not a boolean": b'{"items":[],"has_more":"no"}',
    "rows are null": b'{"items":null,"has_more":false}',
    "a row is null": b'{"items":[null],"has_more":false}',
    "a row without an id": b'{"items":[{}],"has_more":false}',
    "an id that is a number": b'{"items":[{"id":1}],"has_more":false}',
    "an id that cannot be requested": b'{"items":[{"id":"a"},{"id":"\\ud800"}],"has_more":true}',
    "not UTF-8": b'{"items":[{"id":"\xff"}],"has_more":false}',
    "two pages": b'{"items":[],"has_more":false}{"items":[],"has_more":false}',
    "another kind of page": b'{"content":[],"has_more":false}',
}


@pytest.mark.parametrize("body", INVALID.values(), ids=INVALID)
@pytest.mark.parametrize("reader", [read_page, read_dicts])
def test_the_error_of_an_invalid_body_has_an_excerpt(body: bytes, reader: Any) -> None:
    with pytest.raises(tf.BadAnswer) as caught:
        reader(body, layout_of(TASKS))
    assert caught.value.status == 200
    assert repr(body[:10].decode("utf-8", "replace"))[1:-1] in str(caught.value)


def test_last_id_is_the_id_of_the_last_row() -> None:
    rows = [{"id": str(number), "nested": {"id": "no"}, "list": [{"id": "no"}]} for number in range(5)]
    assert last_id(body_of(rows, has_more=True), "id") == "4"
    assert last_id(body_of([{"list": [{"id": "no"}], "id": "yes"}], has_more=True), "id") == "yes"
    assert last_id(body_of([{"text": '"},{"id":"no"', "id": "yes"}], has_more=True), "id") == "yes"


def test_last_id_is_none_after_the_last_page_or_if_the_body_has_another_form() -> None:
    assert last_id(body_of([{"id": "1"}], has_more=False), "id") is None
    assert last_id(b'{"has_more":true,"items":[{"id":"1"}]}', "id") is None
    assert last_id(b"<html>", "id") is None


def test_the_objects_of_the_live_api_fit_the_declared_columns(data: Path) -> None:
    assignments = json.loads((data / "crowdom" / "api__assignments.json").read_text("utf-8"))
    project = json.loads((data / "crowdom" / "api__project.json").read_text("utf-8"))
    spec = project["task_spec"]
    columns = tuple(expand_columns(ASSIGNMENTS.columns, Specification(spec["input_spec"], spec["output_spec"]), "https://web"))
    page = _read_fast(body_of(assignments), Layout("items", "id", columns))
    assert page is not None
    assert page.batch["OUTPUT:choice"].to_pylist() == ["dog", "dog", "cat", "cat"]
    assert page.batch["GOLDEN:choice"].to_pylist() == [None, "dog", None, "cat"]
    assert page.batch["extra"].null_count == 4
    for resource, name in [(PROJECTS, "api__project.json"), (POOLS, "api__pool.json")]:
        saved = json.loads((data / "crowdom" / name).read_text("utf-8"))
        (row,) = read([saved], resource)
        assert "extra" not in row


IDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=5)


ONE_ROW_PER_ITEM = {name: item for name, item in RESOURCES.items() if item not in (ASSIGNMENTS, TASK_SUITES)}


@pytest.mark.parametrize("resource", ONE_ROW_PER_ITEM.values(), ids=ONE_ROW_PER_ITEM)
@settings(max_examples=examples(60))
@given(data=st.data())
def test_any_page_has_the_declared_schema_and_no_value_is_lost(resource: Resource, data: st.DataObject) -> None:
    layout = layout_of(resource)
    rows = data.draw(st.lists(rows_of(resource, IDS), max_size=3))
    page = read_page(json.dumps({resource.rows_key: rows, "has_more": False}).encode(), layout)
    assert page.batch.schema == layout.schema
    assert page.ids == [row[resource.cursor] for row in rows]
    page.batch.validate(full=True)
    assert all(is_preserved(row, layout.columns, read) for row, read in zip(rows, page.batch.to_pylist(), strict=True))


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
@pytest.mark.parametrize("wild", [False, True], ids=["fitting", "wild"])
@settings(max_examples=examples(40))
@given(data=st.data())
def test_both_parsers_agree_on_pages_that_both_can_parse(resource: Resource, wild: bool, data: st.DataObject) -> None:
    layout = layout_of(resource)
    rows = data.draw(st.lists(rows_of(resource, IDS, wild=wild), max_size=3))
    body = json.dumps({resource.rows_key: rows, "has_more": True}).encode()
    fast, exact = _read_fast(body, layout), _read_exactly(body, layout)
    assert fast is not None or wild
    assert exact.batch.schema == layout.schema
    assert fast is None or (fast.ids, fast.has_more, fast.batch.to_pylist()) == (exact.ids, True, exact.batch.to_pylist())


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
@settings(max_examples=examples(20))
@given(data=st.data())
def test_unknown_fields_and_free_form_values_do_not_change_the_other_columns(resource: Resource, data: st.DataObject) -> None:
    """Arrow makes the other columns of such a page, and all columns if nothing else is on it."""
    layout = layout_of(resource)
    free = [column.path[0] for column in layout.columns if column.json is not None and len(column.path) == 1]
    others = st.dictionaries(st.sampled_from(["unknown", *free]), ANY, max_size=2)
    rows = data.draw(st.lists(st.builds(dict.__or__, rows_of(resource, IDS, wild=False), others), max_size=3))
    body = json.dumps({resource.rows_key: rows, "has_more": False}).encode()
    page, exact = read_page(body, layout), _read_exactly(body, layout)
    # Arrow rejects lone surrogates
    if json.dumps(rows, ensure_ascii=False).encode(errors="replace").decode() == json.dumps(rows, ensure_ascii=False):
        assert _plain_columns(body, layout).keys() == {column.name for column in layout.columns if column.json is None}
    assert (page.ids, page.batch.schema, page.batch.to_pylist()) == (exact.ids, exact.batch.schema, exact.batch.to_pylist())


NUMBERS = ("1", "-0", "-0.0", "1.0", "1E5", "1e22", "1e400", "0.1e-400", "123456789012345678", "0.12345678901234567890123")
LONG_NUMBERS = ("18446744073709551615", "18446744073709551616", "-9223372036854775809", "9" * 40, f"{10**20}.5")
OTHERS = ("NaN", "-Infinity", '"\\ud800"', '{"a":1,"a":2}', f'"{10**30}"', '"\\u0000"', "[" * 200 + "]" * 200)


@pytest.mark.parametrize("spaces", ["", " ", "\t", "\r\n"], ids=["none", "space", "tab", "newline"])
@pytest.mark.parametrize("text", [*NUMBERS, *LONG_NUMBERS, *OTHERS])
def test_the_values_of_an_exact_page_are_those_of_pythons_parser(text: str, spaces: str) -> None:
    body = f'{{"items":[{{"id":"a","x":{spaces}{text},"y":[{spaces}{text},{spaces}{text}]}}],"has_more":true}}'
    (row,) = read_dicts(body.encode(), layout_of(TASKS), objects=None).rows
    assert repr(row) == repr(parse_json(body)["items"][0])
    assert list(map(type, row["y"])) == list(map(type, parse_json(body)["items"][0]["y"]))


def test_lists_of_timestamps_are_parsed_in_every_format() -> None:
    timestamp = datetime(2022, 1, 22, 7, 44, 56, tzinfo=UTC)
    rows = [{"at": ["2022-01-22T07:44:56", None]}, {"at": ["2022-01-22T07:44:56Z"]}, {"at": []}, {}]
    batch = batch_of(rows, [Column("at", ("at",), pa.list_(TIMESTAMP))])
    assert batch["at"].to_pylist() == [[timestamp, None], [timestamp], [], None]


def test_a_page_can_be_built_from_a_batch() -> None:
    batch = pa.record_batch({"a": [1, 2, 3]})
    assert Page(["x", "y", "z"], has_more=True, batch=batch).keep([True, False, True]).batch["a"].to_pylist() == [1, 3]
    assert Layout("items", "id", (Column("a", ("a",), pa.int64()),)).schema.names == ["a", "extra"]
