"""The pager requests pages after the last row, returns each row once, and never loops forever."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.all_cases import examples
from support.scripted_server import Scripted, reply
from support.wire_rows import ANY_TEXT, FIELDS, SPECIFICATION, columns_of, is_preserved, rows_of

import toloka_frames as tf
from toloka_frames._schema.lists import TASKS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def page(*ids: str, has_more: bool = False) -> bytes:
    return reply({"items": [{"id": id_} for id_ in ids], "has_more": has_more})


def projects_of(scripted: Scripted, *answers: bytes | Callable[[str], bytes], **filters: Any) -> list[str]:
    scripted.answers = list(answers)
    return [row["id"] for row in scripted.async_client(retries=1).get_projects(**filters)]


def cursors(scripted: Scripted) -> list[str | None]:
    queries = [parse_qs(urlsplit(request.split(" ")[1]).query) for request in scripted.requests]
    return [query.get("id_gt", [None])[0] for query in queries]


def serving(ids: Sequence[str], limit: int) -> Callable[[str], bytes]:
    """Return the responses of a service with these rows."""

    def answer(head: str) -> bytes:
        query = parse_qs(urlsplit(head.split(" ")[1]).query)
        after = [id_ for id_ in ids if id_ > query.get("id_gt", [""])[0]]
        return page(*after[:limit], has_more=len(after) > limit)

    return answer


def test_pages_are_requested_after_the_last_row_with_the_same_filters(scripted: Scripted) -> None:
    assert projects_of(scripted, serving("abcdefg", 3), status="ACTIVE") == list("abcdefg")
    assert cursors(scripted) == [None, "c", "f"]
    assert all("status=ACTIVE" in request and "sort=id" in request and "limit=300" in request for request in scripted.requests)


def test_a_given_cursor_is_where_the_list_starts(scripted: Scripted) -> None:
    assert projects_of(scripted, serving("abcdefg", 3), id_gt="c") == list("defg")


def test_the_row_of_a_given_cursor_is_left_out(scripted: Scripted) -> None:
    assert projects_of(scripted, page("c", "d", has_more=True), page("d", "e"), id_gt="c") == ["d", "e"]


def test_numeric_ids_ascend_as_numbers(scripted: Scripted) -> None:
    assert projects_of(scripted, page("9", "10", has_more=True), page("11", "100")) == ["9", "10", "11", "100"]


def test_the_cursor_of_unordered_ids_is_the_last_id(scripted: Scripted) -> None:
    assert projects_of(scripted, page("b", "A", "c", has_more=True), page("B", "d")) == ["b", "A", "c", "B", "d"]
    assert cursors(scripted) == [None, "c"]


@pytest.mark.parametrize("first", [("a", "b"), ("b", "a")], ids=["ordered", "unordered"])
def test_a_repeated_row_is_returned_once(scripted: Scripted, first: tuple[str, ...]) -> None:
    assert projects_of(scripted, page(*first, has_more=True), page(first[-1], "c", "c")) == [*first, "c"]


@pytest.mark.parametrize(
    ("second", "why"),
    [
        pytest.param(page("a", "b", has_more=True), "no new row", id="the same page again"),
        pytest.param(page(has_more=True), "no new row", id="an empty page with has_more"),
        pytest.param(page("0", has_more=True), "no new row", id="a descending cursor"),
    ],
)
def test_a_list_that_repeats_itself_raises_an_error(scripted: Scripted, second: bytes, why: str) -> None:
    with pytest.raises(tf.ScanInterrupted, match=why) as caught:
        projects_of(scripted, page("a", "b", has_more=True), second)
    assert caught.value.rows in (2, 3)
    assert len(scripted.requests) <= 4


def test_a_row_against_the_order_of_many_is_an_error(scripted: Scripted) -> None:
    many = [f"{number:03}" for number in range(100, 130)]
    with pytest.raises(tf.ScanInterrupted, match="against the list's order") as caught:
        projects_of(scripted, page(*many, has_more=True), page("099", has_more=True))
    assert (caught.value.cursor, caught.value.rows) == ("129", 30)


@pytest.mark.parametrize(
    "ids", [["a", "B", "c"], ["1", "2", "x"], ["9", "10", "11"]], ids=["case-insensitive", "mixed", "numbers"]
)
def test_pages_of_one_row_may_be_in_any_order(scripted: Scripted, ids: list[str]) -> None:
    assert projects_of(scripted, *(page(id_, has_more=id_ != ids[-1]) for id_ in ids)) == ids


def test_an_empty_first_page_with_has_more_is_an_error(scripted: Scripted) -> None:
    with pytest.raises(tf.ScanInterrupted):
        projects_of(scripted, page(has_more=True))


def test_the_error_of_a_later_page_has_the_cursor_to_resume_from(scripted: Scripted) -> None:
    with pytest.raises(tf.ScanInterrupted, match="id_gt='b'") as caught:
        projects_of(scripted, page("a", "b", has_more=True), reply({"code": "INTERNAL_ERROR", "message": "oops"}, 500))
    assert (caught.value.cursor, caught.value.rows) == ("b", 2)
    assert isinstance(caught.value.__cause__, tf.ApiError)
    assert projects_of(scripted, serving("abcd", 2), id_gt=caught.value.cursor) == ["c", "d"]


def test_the_cursor_of_aggregated_solutions_is_the_task_id(scripted: Scripted) -> None:
    def solutions(*tasks: str, has_more: bool = False) -> bytes:
        return reply({"items": [{"task_id": task, "pool_id": "1"} for task in tasks], "has_more": has_more})

    server_error = reply({"code": "INTERNAL_ERROR", "message": "oops"}, 500)
    scripted.answers = [solutions("a", "b", has_more=True), solutions("c", has_more=True), server_error]
    rows = []
    with pytest.raises(tf.ScanInterrupted, match="task_id_gt='c'"):
        rows.extend(row["task_id"] for row in scripted.async_client(retries=1).get_aggregated_solutions("op"))
    assert rows == ["a", "b", "c"]
    queries = [parse_qs(urlsplit(request.split(" ")[1]).query) for request in scripted.requests]
    assert [query.get("task_id_gt") for query in queries] == [None, ["b"], ["c"]]
    assert all(query["sort"] == ["task_id"] and "id_gt" not in query for query in queries)


def test_an_error_of_the_first_page_is_raised_as_it_is(scripted: Scripted) -> None:
    with pytest.raises(tf.NotFound):
        projects_of(scripted, reply({"code": "DOES_NOT_EXIST", "message": "no"}, 404))


def test_a_page_prefetched_with_the_wrong_cursor_is_requested_again(scripted: Scripted) -> None:
    first = reply({"items": [{"id": "b"}, {"id": "b"}, {"id": "a"}], "has_more": True})
    assert projects_of(scripted, first, page("c")) == ["b", "a", "c"]
    spaced = reply('{"has_more": true, "items": [{"id": "a"}]}')
    assert projects_of(scripted, spaced, page("c")) == ["a", "c"]


ASCENDING = st.integers(10, 99).map(str)
TASK_ROWS = rows_of(TASKS, ASCENDING | ANY_TEXT)
TASK_PAGES = st.lists(st.tuples(st.lists(TASK_ROWS, max_size=3), st.booleans()), min_size=1, max_size=5)
SPECS = reply({"id": "1", "project_id": "1", "task_spec": {"input_spec": FIELDS, "output_spec": SPECIFICATION.output}})


@settings(max_examples=examples(80))
@given(TASK_PAGES)
def test_every_batch_of_any_pages_has_the_schema_and_every_row_is_returned_once(pages: list[tuple[list[Any], bool]]) -> None:
    with Scripted() as scripted:
        scripted.answers = [SPECS, SPECS, *(reply({"items": rows, "has_more": more}) for rows, more in pages)]
        scan = scripted.async_client(retries=1).get_tasks(pool_id="1")
        schema, batches = scan.schema, []
        with contextlib.suppress(tf.ScanInterrupted, tf.BadAnswer):
            batches.extend(scan.to_reader())
        assert all(batch.schema == schema for batch in batches)
        assert len(scripted.requests) <= 2 + len(pages) + 9
    rows = [row for batch in batches for row in batch.to_pylist()]
    first = {row["id"]: row for page_rows, _ in reversed(pages) for row in reversed(page_rows)}
    assert len({row["id"] for row in rows}) == len(rows)
    assert all(is_preserved(first[row["id"]], columns_of(TASKS), row) for row in rows)


@settings(max_examples=examples(60))
@given(st.lists(st.tuples(st.lists(st.sampled_from("abcdefgh"), max_size=4), st.booleans()), min_size=1, max_size=6))
def test_any_list_ends_and_no_row_is_returned_twice(pages: list[tuple[list[str], bool]]) -> None:
    with Scripted() as scripted:
        answers = [page(*ids, has_more=has_more) for ids, has_more in pages]
        scripted.answers = list(answers)
        scan = scripted.async_client(retries=1).get_projects()
        seen: list[str] = []
        try:
            seen.extend(row["id"] for row in scan)
        except tf.ScanInterrupted as error:
            ended: tf.ScanInterrupted | None = error
        else:
            ended = None
        assert ended is None or ended.rows == len(seen)
        assert len(seen) == len(set(seen))
        assert len(scripted.requests) <= len(answers) + 9
