"""The error of a page that is not a page of a list states the fault, its row, and how to pull the other rows."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from support.list_catalog import RESOURCES
from support.scripted_server import Scripted, reply

import toloka_frames as tf
from toloka_frames._reading.page import read_page
from toloka_frames._schema.columns import Layout

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = [
    {"id": f"id-{number}", "name": f"the name of row {number} is long enough for an excerpt to be cut"} for number in range(9)
]
DEEP = "[" * 50_000 + "]" * 50_000


def page_with(row: str | bytes, *, key: str = "items", has_more: str = "false") -> bytes:
    """Return a page of nine rows, the fourth of which is this text."""
    texts = [json.dumps(other).encode() for other in ROWS]
    texts[3] = row if isinstance(row, bytes) else row.encode()
    return b'{"%b":[%b],"has_more":%b}' % (key.encode(), b",".join(texts), has_more.encode())


def position_of(body: bytes, text: bytes) -> int:
    assert body.count(text) == 1
    return body.index(text)


BY_ID = ["id_lt='id-3' gives those before it", "id_gt='id-3' those after it"]
BY_NEIGHBOURS = ["id_lte='id-2' gives those before it", "id_gte='id-4' gives those after it"]
# the fourth row, the text at the position, the fault, its path, the id, the hint
ROW_FAULTS: dict[str, tuple[str | bytes, bytes, str, str, str | None, list[str]]] = {
    "a row without id": ('{"ID":"x"}', b'{"ID"', 'it has no "id"', "items[3]", None, BY_NEIGHBOURS),
    "a null row": ("null", b"null", "a row is null, not an object", "items[3]", None, BY_NEIGHBOURS),
    "a row that is text": ('"X"', b'"X"', "a row is the text 'X', not an object", "items[3]", None, BY_NEIGHBOURS),
    "a row that is a list": ("[1]", b"[1]", "a row is a list, not an object", "items[3]", None, BY_NEIGHBOURS),
    "a row that is a number": ("1.5", b"1.5", "a row is the number 1.5, not an object", "items[3]", None, BY_NEIGHBOURS),
    "an id that is null": ('{"id":null}', b"null", '"id" is null, not text', "items[3].id", None, BY_NEIGHBOURS),
    "an id that is a number": ('{"id":7}', b"7}", '"id" is the number 7, not text', "items[3].id", None, BY_NEIGHBOURS),
    "an id that is an object": ('{"id":{"a":1}}', b'{"a"', '"id" is an object, not text', "items[3].id", None, BY_NEIGHBOURS),
    "an id given twice": (
        '{"id":"id-3","id":true}',
        b"true",
        '"id" is true, not text (the last of 2 values of this key)',
        "items[3].id",
        "id-3",
        BY_ID,
    ),
    "an id that no request can hold": (
        '{"id":"\\ud800"}',
        b'"\\ud800',
        '"id" has half a surrogate pair, which no request can hold',
        "items[3].id",
        None,
        BY_NEIGHBOURS,
    ),
    "a byte that is not UTF-8": (
        b'{"id":"id-3","in":{"text":"caf\xe9 au lait"}}',
        b"\xe9",
        "the byte 0xe9 at position {position} is not UTF-8",
        "items[3].in.text",
        "id-3",
        BY_ID,
    ),
    "a byte that is not UTF-8, before the id": (
        b'{"in":["caf\xe9 au lait"],"id":"id-3"}',
        b"\xe9",
        "the byte 0xe9 at position {position} is not UTF-8",
        "items[3].in[0]",
        "id-3",
        BY_ID,
    ),
    "no comma between two fields": (
        '{"id":"id-3" "x":1}',
        b'"x"',
        "it is not JSON from position {position} on (Expecting ',' delimiter)",
        "items[3].id",
        "id-3",
        BY_ID,
    ),
    "a control character": (
        b'{"id":"id-3","x":"a\x01"}',
        b"\x01",
        "it is not JSON from position {position} on (Invalid control character)",
        "items[3].x",
        "id-3",
        BY_ID,
    ),
    "nesting": (
        f'{{"id":"id-3","in":{{"meta":{DEEP}}}}}',
        b"[]",
        "a value is nested 50,003 levels deep, too deep to be parsed",
        "items[3].in.meta[0]",
        "id-3",
        BY_ID,
    ),
    "a number of too many digits": (
        f'{{"id":"id-3","in":{{"number":{"1" * 5_000}}}}}',
        b"1" * 5_000,
        "a number has 5,000 digits, more than can be parsed",
        "items[3].in.number",
        "id-3",
        BY_ID,
    ),
}
WAYS: dict[str, Callable[[tf.AsyncTolokaClient], object]] = {
    "to_dataframe": lambda client: client.get_skills().to_dataframe(progress=False),
    "columns": lambda client: client.get_skills().to_dataframe(columns=["name"], progress=False),
    "dicts": lambda client: list(client.get_skills()),
    "dicts, awaited": lambda client: tf.run(dicts_of(client)),
    "reader": lambda client: client.get_skills().to_reader().read_all(),
}


async def dicts_of(client: tf.AsyncTolokaClient) -> list[dict[str, Any]]:
    return [row async for row in client.get_skills()]


@pytest.mark.parametrize("way", ["to_dataframe", "dicts, awaited"])
@pytest.mark.parametrize("case", ROW_FAULTS)
def test_error_names_the_row_and_its_fault(scripted: Scripted, case: str, way: str) -> None:
    row, text, fault, path, id_, hints = ROW_FAULTS[case]
    body = page_with(row)
    position = position_of(body, text) if text != b"[]" else body.index(b"[]")
    scripted.answers = [reply(body)]
    with pytest.raises(tf.BadAnswer) as caught:
        WAYS[way](scripted.async_client(retries=1))
    error = caught.value
    assert (error.status, error.row, error.row_id, error.retryable) == (200, 3, id_, False)
    assert (error.fault, error.position) == (fault.format(position=position), position)
    named = "" if id_ is None else f" (id {id_!r})"
    assert f"but {error.fault}, at {path}, in row 4 of the page{named}: " in str(error)
    assert text[:50].decode("utf-8", "replace").replace("\\", "\\\\").replace("\x01", "\\x01") in str(error)
    assert "…" in str(error)
    assert len(str(error)) < 900
    assert [hint for hint in hints if hint not in error.hint] == []
    assert "proxy" not in error.hint


PAGE_FAULTS = {
    "an object as rows": ('{"items":{"a":1},"has_more":false}', '"items" is an object, not a list, at items: ', False),
    "no rows but null": ('{"items":null,"has_more":false}', '"items" is null, not a list, at items: ', False),
    "rows twice": (
        '{"items":[],"has_more":false,"items":null}',
        '"items" is null, not a list (the last of 2 values of this key), at items: ',
        False,
    ),
    "has_more that is text": ('{"items":[],"has_more":"no"}', "\"has_more\" is the text 'no', not true or false", False),
    "has_more that is null": ('{"items":[{"id":"1"}],"has_more":null}', '"has_more" is null, not true or false', False),
    "no has_more": ('{"items":[{"id":"1"}]}', 'but it has no "has_more": ', False),
    "two pages": ('{"items":[],"has_more":false}{}', "it is not JSON from position 29 on (Extra data)", False),
    "a list": ('[{"id":"1"}]', "but it is a list: ", True),
    "another object": ('{"content":[],"has_more":false}', 'but it has no "items": ', True),
    "text": ('"ok"', "but it is the text 'ok': ", True),
    "HTML": ("<html>login</html>", "but the response was '<html>login</html>'.", True),
    "nothing": ("", "but the response was an empty body.", True),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("body", "sentence", "is_foreign"), PAGE_FAULTS.values(), ids=PAGE_FAULTS)
def test_error_of_a_page_states_the_fault(scripted: Scripted, body: str, sentence: str, is_foreign: bool, way: str) -> None:
    scripted.answers = [reply(body)]
    with pytest.raises(tf.BadAnswer) as caught:
        WAYS[way](scripted.async_client(retries=1))
    assert sentence in str(caught.value)
    assert (caught.value.row, caught.value.row_id) == (None, None)
    assert ("check url= and proxy=" in caught.value.hint) == is_foreign
    assert ("Toloka's support" in caught.value.hint) != is_foreign


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
def test_error_names_the_row_of_every_list(resource: Any) -> None:
    rows = [{resource.cursor: "a"}, None, {resource.cursor: "c"}]
    body = json.dumps({resource.rows_key: rows, "has_more": False}).encode()
    with pytest.raises(tf.BadAnswer) as caught:
        read_page(body, Layout(resource.rows_key, resource.cursor, ()))
    assert (caught.value.row, caught.value.fault) == (1, "a row is null, not an object")
    assert re.findall(r"\w+_[lg]te='\w'", caught.value.hint) == [f"{resource.cursor}_lte='a'", f"{resource.cursor}_gte='c'"]


@pytest.mark.parametrize("ids", [["b", None, "a"], ["9", None, "7"]])
def test_the_hint_for_a_row_without_id_needs_a_page_in_the_order_of_ids(ids: list[str | None]) -> None:
    layout = Layout("items", "id", ())
    for order, is_sorted in ((ids, True), (sorted(filter(None, ids)), False)):
        rows = [{} if id_ is None else {"id": id_} for id_ in ([order[0], None, order[-1]])]
        with pytest.raises(tf.BadAnswer, match='it has no "id"') as caught:
            read_page(json.dumps({"items": rows, "has_more": False}).encode(), layout, is_sorted_by_id=is_sorted)
        assert "id_" not in caught.value.hint


def test_a_truncated_page_of_partitions_is_requested_again(scripted: Scripted) -> None:
    page = reply({"items": [{"id": "1", "created": "2026-01-01T00:00:00"}], "has_more": False})
    scripted.answers = [reply('{"items":[{"id"'), page]
    assert len(scripted.async_client(retries=2).get_user_bonuses().partitions(2)) == 1


def faulty_list(head: str) -> bytes:
    """Return the rows that match the bounds of a request, the fourth without its id."""
    bounds = dict(re.findall(r"[?&]id_(\w+)=([^& ]+)", head))
    checks = {"lt": lambda a, b: a < b, "lte": lambda a, b: a <= b, "gt": lambda a, b: a > b, "gte": lambda a, b: a >= b}
    rows = [row for row in ROWS if all(checks[name](row["id"], bound) for name, bound in bounds.items())]
    return reply({"items": [{"name": ""} if row is ROWS[3] else row for row in rows], "has_more": False})


def test_following_the_hint_gives_all_rows_but_the_faulty_one(scripted: Scripted) -> None:
    scripted.answers = [faulty_list]
    client = scripted.async_client(retries=1)
    with pytest.raises(tf.BadAnswer) as caught:
        client.get_skills().to_dataframe(progress=False)
    bounds = re.findall(r"(id_\w+)='([^']+)'", caught.value.hint)
    ids = [id_ for name, bound in bounds for id_ in client.get_skills(**{name: bound}).to_dataframe(progress=False)["id"]]
    assert ids == [row["id"] for row in ROWS if row is not ROWS[3]]


def test_error_on_a_later_page_keeps_the_rows_before_and_names_the_row(scripted: Scripted) -> None:
    first = reply({"items": [{"id": "a"}], "has_more": True})
    scripted.answers = [first, reply(page_with("null"))]
    with pytest.raises(tf.ScanInterrupted, match="a row is null, not an object, at items\\[3\\], in row 4") as caught:
        list(scripted.async_client(retries=1).get_skills())
    assert isinstance(caught.value.__cause__, tf.BadAnswer)
    assert (caught.value.cursor, caught.value.__cause__.row) == ("a", 3)


def test_a_page_that_ends_early_is_requested_again_and_then_named(scripted: Scripted) -> None:
    body = page_with('{"id":"id-3"}')[:400]
    scripted.answers = [reply(body)]
    with pytest.raises(tf.BadAnswer) as caught:
        scripted.async_client(retries=tf.Retries(2)).get_skills().to_dataframe(progress=False)
    assert len(scripted.requests) == 2
    assert caught.value.fault == "it ends early, after 400 bytes"
    assert "batch_size=" in caught.value.hint


@pytest.mark.parametrize("form", ["OAuth {}", "{}", "[{}]", "https://e.com?token={}"])
@pytest.mark.parametrize("way", sorted(WAYS.keys() - {"columns"}))  # which does not read the field
def test_the_token_is_in_no_excerpt(scripted: Scripted, way: str, form: str) -> None:
    header = form.format(scripted.token)
    scripted.answers = [reply(page_with(b'{"id":"id-3","header":"%b","text":"\xff"}' % header.encode()))]
    with pytest.raises(tf.BadAnswer, match=r"0xff.*\(id 'id-3'\).*\*\*\*") as caught:
        WAYS[way](scripted.async_client(retries=1))
    assert scripted.token not in str(caught.value)


def test_rows_that_hold_the_token_are_kept(scripted: Scripted) -> None:
    scripted.answers = [reply({"items": [{"id": scripted.token}], "has_more": False})]
    assert list(scripted.async_client().get_skills()) == [{"id": scripted.token}]
    assert scripted.async_client().get_skills().to_arrow(progress=False)["id"].to_pylist() == [scripted.token]
