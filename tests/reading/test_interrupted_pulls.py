"""Whatever sink a pull breaks in, and at whatever page: following the error's hint gives each row of the list once."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.scripted_server import Scripted, reply

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PAGE = 4
IDS = [f"{number:02}" for number in range(18)]
PAGES = -(-len(IDS) // PAGE)
DENIED = reply({"code": "ACCESS_DENIED", "message": "no"}, 403)


@dataclass
class BreakingList:
    """A list of skills whose page with a number, from 1, is not served the first time.

    Attributes:
        page: The number of the page.
        instead: The response instead of it, made from its body.
        queries: The queries so far.
    """

    page: int
    instead: Callable[[bytes], bytes] = lambda _: DENIED
    queries: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, head: str) -> bytes:
        url = urlsplit(head.split(" ")[1])
        if url.path.endswith("/requester"):
            return reply({"id": "r"})
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.queries.append(query)
        after = [id_ for id_ in IDS if id_ > query.get("id_gt", "")][:PAGE]
        body = json.dumps({"items": [{"id": id_} for id_ in after], "has_more": after[-1] != IDS[-1]}).encode()
        return self.instead(body) if len(self.queries) == self.page else reply(body)


def by_iteration(scan: tf.Scan, _: Path) -> Iterator[str]:
    return (row["id"] for row in scan)


def by_async_iteration(scan: tf.Scan, _: Path) -> Iterator[str]:
    received: list[str] = []

    async def read() -> None:
        async for row in scan:
            received.append(row["id"])  # noqa: PERF401 -- what was received before an error counts

    try:
        asyncio.run(read())
    finally:
        yield from received


def by_frames(scan: tf.Scan, _: Path) -> Iterator[str]:
    return (id_ for frame in scan.iter_dataframes(chunk_rows=7) for id_ in frame["id"])


def by_reader(scan: tf.Scan, _: Path) -> Iterator[str]:
    return (id_ for batch in scan.to_reader() for id_ in batch["id"].to_pylist())


def by_arrow_stream(scan: tf.Scan, _: Path) -> Iterator[str]:
    return (id_ for batch in pa.RecordBatchReader.from_stream(scan) for id_ in batch["id"].to_pylist())


def by_duckdb(scan: tf.Scan, _: Path) -> list[str]:
    tasks = scan
    assert tasks is scan  # DuckDB finds the variable by its name
    return [id_ for (id_,) in duckdb.sql("select id from tasks").fetchall()]


def by_polars(scan: tf.Scan, _: Path) -> list[str]:
    return pl.DataFrame(scan)["id"].to_list()


def by_arrow_table(scan: tf.Scan, _: Path) -> list[str]:
    return list(pa.table(scan)["id"].to_pylist())


def by_to_dataframe(scan: tf.Scan, _: Path) -> list[str]:
    return list(scan.to_dataframe()["id"])


def by_to_arrow(scan: tf.Scan, _: Path) -> list[str]:
    return list(scan.to_arrow()["id"].to_pylist())


def by_awaited_to_dataframe(scan: tf.Scan, _: Path) -> list[str]:
    return list(asyncio.run(tf.aio.to_dataframe(scan))["id"])


def by_file(scan: tf.Scan, folder: Path) -> list[str]:
    return list(pq.read_table(scan.to_parquet(folder / "list.parquet"))["id"].to_pylist())


def by_copy(scan: tf.Scan, folder: Path) -> list[str]:
    return list(pq.read_table(scan.to_parquet(folder / "copy", resume=True))["id"].to_pylist())


PIECE_BY_PIECE = [by_iteration, by_async_iteration, by_frames, by_reader, by_arrow_stream]
ALL_AT_ONCE = [by_to_dataframe, by_to_arrow, by_awaited_to_dataframe, by_file]
QUERIES = [by_arrow_table, by_duckdb, by_polars]
every_page = pytest.mark.parametrize("page", range(1, PAGES + 1))


def name_of(sink: Callable[..., Any]) -> str:
    return sink.__name__.removeprefix("by_")


@dataclass
class Pull:
    """A pull that follows the hints of its errors until the end of the list.

    Attributes:
        ids: The ids of the rows that were handed over.
        errors: The errors.
    """

    ids: list[str] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    def run(self, client: tf.AsyncTolokaClient, sink: Callable[..., Any], folder: Path) -> Pull:
        filters: Any = {}
        while True:
            received: list[str] = []
            try:
                for id_ in sink(client.get_skills(batch_size=PAGE, **filters), folder):
                    received.append(id_)  # noqa: PERF402 -- what was received before an error counts
            except Exception as error:  # noqa: BLE001 -- DuckDB and Polars raise errors of their own
                self.errors.append(error)
                # without rows, the hint is to make the same call again
                if received:
                    filters = {"id_gt": re.findall("id_gt='([^']*)'", str(error))[0]}
            else:
                return self
            finally:
                self.ids += received


@every_page
@pytest.mark.parametrize("sink", [*PIECE_BY_PIECE, *QUERIES, *ALL_AT_ONCE, by_copy], ids=name_of)
def test_following_the_hint_of_an_error_gives_each_row_once(
    sink: Callable[..., Any], page: int, scripted: Scripted, tmp_path: Path
) -> None:
    scripted.answers = [BreakingList(page)]
    pull = Pull().run(scripted.async_client(), sink, tmp_path)
    assert pull.ids == IDS
    assert len(pull.errors) == 1
    assert "id_gt=None" not in str(pull.errors[0])


@every_page
@pytest.mark.parametrize("sink", [by_iteration, by_async_iteration, by_frames, by_reader], ids=name_of)
def test_a_sink_that_hands_over_piece_by_piece_hands_over_all_rows_before_the_cursor_of_its_error(
    sink: Callable[..., Any], page: int, scripted: Scripted, tmp_path: Path
) -> None:
    scripted.answers = [BreakingList(page)]
    error = Pull().run(scripted.async_client(), sink, tmp_path).errors[0]
    if page == 1:
        assert isinstance(error, tf.AccessDenied)
    else:
        assert isinstance(error, tf.ScanInterrupted)
        assert (error.cursor, error.rows) == (IDS[PAGE * (page - 1) - 1], PAGE * (page - 1))


@pytest.mark.parametrize("sink", ALL_AT_ONCE, ids=name_of)
def test_an_error_of_a_sink_that_hands_over_nothing_has_no_cursor(
    sink: Callable[..., Any], scripted: Scripted, tmp_path: Path
) -> None:
    scripted.answers = [BreakingList(3)]
    (error,) = Pull().run(scripted.async_client(), sink, tmp_path).errors
    assert isinstance(error, tf.ScanInterrupted)
    assert (error.cursor, error.rows) == (None, 2 * PAGE)
    assert "make the same call again" in error.hint
    assert "to_parquet(folder, resume=True)" in error.hint


CUTS: dict[str, Callable[[bytes], bytes]] = {
    "to nothing": lambda _: b"",
    "in a key": lambda body: body[:14],
    "in an id": lambda body: body[: body.index(b'"}') - 1],
    "after a row": lambda body: body[: body.index(b"}") + 1],
    "after a comma": lambda body: body[: body.index(b"},") + 2],
    "after the rows": lambda body: body[: body.index(b"]") + 1],
    "in a literal": lambda body: body[:-3],
    "before the last brace": lambda body: body[:-1],
    "in a letter": lambda body: body.replace(b'"id": "', b'"name": "\xd0\x94", "id": "')[:22],
}


@every_page
@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_a_truncated_page_is_requested_again(cut: Callable[[bytes], bytes], page: int, scripted: Scripted) -> None:
    scripted.answers = [served := BreakingList(page, lambda body: reply(cut(body)))]
    scan = scripted.async_client().get_skills(batch_size=PAGE)
    assert [row["id"] for row in scan] == IDS
    assert served.queries[page - 1] in served.queries[page:]


def test_a_page_that_is_always_truncated_is_requested_as_often_as_after_a_cut_connection(scripted: Scripted) -> None:
    scripted.answers = [reply(b'{"items": [{"id": ')]
    with pytest.raises(tf.BadAnswer, match="a page"):
        scripted.async_client(retries=2).get_skills().to_dataframe()
    assert len(scripted.requests) == 2


@pytest.mark.parametrize("body", [b"<html>a proxy's page</html>", b'{"rows": []}', b'{"items": [], "has_more": 1}'])
def test_a_whole_response_that_is_not_a_page_is_not_requested_again(body: bytes, scripted: Scripted) -> None:
    scripted.answers = [reply(body)]
    with pytest.raises(tf.BadAnswer, match="a page"):
        scripted.async_client().get_skills().to_dataframe()
    assert len(scripted.requests) == 1


@pytest.mark.parametrize("sink", [*PIECE_BY_PIECE, *QUERIES, *ALL_AT_ONCE], ids=name_of)
def test_an_empty_first_page_with_has_more_names_no_cursor(
    sink: Callable[..., Any], scripted: Scripted, tmp_path: Path
) -> None:
    scripted.answers = [reply({"items": [], "has_more": True})]
    with pytest.raises(Exception, match="no new row") as caught:
        list(sink(scripted.async_client().get_skills(), tmp_path))
    assert "id_gt" not in str(caught.value)
    assert "make the same call again" in str(caught.value)


def test_a_list_whose_numeric_ids_are_sorted_as_text_is_pulled_whatever_the_page_size(scripted: Scripted) -> None:
    ids = sorted([*map(str, range(100, 112)), *map(str, range(995, 1115))])
    for page_rows in (1, 2, 3, 7, 19, 20, 21, 25, 40, 100):

        def serve(head: str, page_rows: int = page_rows) -> bytes:
            query = parse_qs(urlsplit(head.split(" ")[1]).query)
            after = [id_ for id_ in ids if id_ > query.get("id_gt", [""])[0]]
            return reply({"items": [{"id": id_} for id_ in after[:page_rows]], "has_more": len(after) > page_rows})

        scripted.answers = [serve]
        assert [row["id"] for row in scripted.async_client(retries=1).get_skills(batch_size=page_rows)] == ids
