"""A scan sends no request before its rows are read; every output has the same rows and the same schema."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.leftovers import never_ends_on_our_loop
from support.scripted_server import Scripted, reply
from support.text_dtype import TEXT_NAME

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toloka_frames.local import LocalToloka

ROWS = 250


@pytest.fixture
def scan(client: tf.AsyncTolokaClient, make_pool: Callable[..., str]) -> tf.Scan:
    """A scan of tasks in pages of 20 rows."""
    pool_id = make_pool()
    rows = range(ROWS)
    frame = pd.DataFrame(
        {
            "image": [f"https://example.com/{row}.jpg" for row in rows],
            "text": pd.Series([None if row % 3 else f"00{row}" for row in rows], dtype="string"),
            "number": pd.Series([None if row % 2 else row for row in rows], dtype="Int64"),
            "flag": [row % 5 == 0 for row in rows],
            "tags": [["a", str(row)] for row in rows],
        }
    )
    frame.pipe(tf.create_tasks, client, pool_id, allow_defaults=True, progress=False)
    return client.get_tasks(pool_id, batch_size=20)


def requests_to(toloka: LocalToloka, path: str) -> int:
    return sum(request.path == path for request in toloka.requests)


def test_creating_and_showing_a_scan_sends_no_request(client: tf.AsyncTolokaClient, toloka: LocalToloka) -> None:
    scan = client.get_app_batches("Q2d15QBjpwWuDz8Z321g", status="NEW", created_gte="2026-01-01")
    text = repr(scan)
    assert "app batches" in text
    assert "items_per_state.NEW" in text
    assert "INPUT:*" in repr(client.get_tasks("1"))
    assert toloka.requests == []


def test_a_frame_has_the_types_of_the_specification(scan: tf.Scan) -> None:
    frame = scan.to_dataframe(progress=False)
    assert len(frame) == ROWS
    expected = {
        "id": TEXT_NAME,
        "INPUT:text": TEXT_NAME,
        "INPUT:number": "Int64",
        "INPUT:share": "float64",
        "INPUT:flag": "bool",
        "created": "datetime64[us, UTC]",
        "overlap": "Int64",
        "extra": TEXT_NAME,
    }
    assert {name: str(frame[name].dtype) for name in expected} == expected
    assert frame["INPUT:text"][3] == "003"
    assert frame["INPUT:text"].isna().sum() == ROWS - len(range(0, ROWS, 3))
    assert frame["INPUT:tags"][7] == ("a", "7")
    assert list(frame.columns)[-1] == "extra"


def test_every_output_has_the_same_rows(scan: tf.Scan, tmp_path: Path) -> None:
    table = scan.to_arrow(progress=False)
    assert table.schema == scan.schema
    assert scan.to_reader().read_all().equals(table)
    assert pa.table(scan).equals(table)
    folder = tmp_path / "files"
    folder.mkdir()
    path = scan.to_parquet(folder / "tasks.parquet", progress=False)
    assert path == folder / "tasks.parquet"
    assert pq.read_table(path).equals(table)
    assert [file.name for file in folder.iterdir()] == ["tasks.parquet"]
    assert pq.read_table(scan.to_parquet(folder / "parts", resume=True)).equals(table)
    dtypes = scan.to_dataframe(progress=False).dtypes
    for written in (folder / "tasks.parquet", folder / "parts"):
        assert pd.read_parquet(written).dtypes.tolist() == dtypes.tolist()
    frames = list(scan.iter_dataframes(100))
    assert [len(frame) for frame in frames] == [100, 100, 50]
    pd.testing.assert_frame_equal(pd.concat(frames, ignore_index=True), scan.to_dataframe(progress=False))
    assert [row["id"] for row in scan] == table["id"].to_pylist()


def test_the_dtype_backend_works_as_in_pandas(scan: tf.Scan) -> None:
    arrow = scan.to_dataframe(dtype_backend="pyarrow", progress=False)
    assert {type(dtype) for dtype in arrow.dtypes} == {pd.ArrowDtype}
    nullable = scan.to_dataframe(dtype_backend="numpy_nullable", progress=False)
    assert str(nullable["INPUT:share"].dtype) == "Float64"


def test_an_empty_list_has_the_same_columns_and_types(scan: tf.Scan, client: tf.AsyncTolokaClient, make_pool: Any) -> None:
    empty = client.get_tasks(make_pool())
    assert empty.schema == scan.schema
    pd.testing.assert_series_equal(empty.to_dataframe().dtypes, scan.to_dataframe(progress=False).dtypes)
    assert list(empty.iter_dataframes()) == []


def test_an_empty_list_is_a_parquet_file_with_its_columns(client: tf.AsyncTolokaClient, pool_id: str, tmp_path: Path) -> None:
    scan = client.get_tasks(pool_id)
    assert pq.read_schema(scan.to_parquet(tmp_path / "none.parquet")).names == scan.schema.names


def test_the_specification_is_requested_once_per_scan(scan: tf.Scan, toloka: LocalToloka) -> None:
    before = requests_to(toloka, "/api/v1/tasks")
    scan.to_arrow(concurrency=1, progress=False)
    scan.to_arrow(concurrency=1, progress=False)
    assert requests_to(toloka, "/api/v1/tasks") - before == 2 * 13
    paths = [request.path for request in toloka.requests if request.method == "GET" and "/projects/" in request.path]
    assert len(paths) == 2  # once by the upload, once by the scan


def test_batch_size_is_the_limit_of_every_page(scan: tf.Scan, toloka: LocalToloka) -> None:
    scan.to_arrow(progress=False)
    queries = [request.query for request in toloka.requests if request.path == "/api/v1/tasks" and request.method == "GET"]
    assert {query["limit"] for query in queries} == {"20"}


def test_a_pull_that_fails_leaves_no_file(scripted: Scripted, tmp_path: Path) -> None:
    scripted.answers = [reply({"items": [{"id": "a"}], "has_more": True}), reply({"code": "X", "message": "no"}, 403)]
    with pytest.raises(tf.ScanInterrupted):
        scripted.async_client().get_projects().to_parquet(tmp_path / "p.parquet")
    assert list(tmp_path.iterdir()) == []


def test_async_code_awaits_functions_with_the_same_names(scan: tf.Scan, tmp_path: Path) -> None:
    table = scan.to_arrow(progress=False)

    async def use() -> None:
        assert (await tf.aio.to_arrow(scan)).equals(table)
        assert len(await tf.aio.to_dataframe(scan, dtype_backend="pyarrow")) == ROWS
        assert pq.read_table(await tf.aio.to_parquet(scan, tmp_path / "t.parquet")).equals(table)
        assert [row["id"] async for row in scan] == table["id"].to_pylist()
        assert scan.to_arrow(progress=False).equals(table)  # a sync call inside a running loop

    asyncio.run(use())


def test_iterating_yields_rows_as_the_api_returns_them(scan: tf.Scan) -> None:
    row = next(iter(scan))
    assert row["input_values"] == {
        "image": "https://example.com/0.jpg",
        "text": "000",
        "number": 0,
        "flag": True,
        "tags": ["a", "0"],
    }


def test_duckdb_reads_a_scan(scan: tf.Scan) -> None:
    tasks = scan
    result = duckdb.sql('select count(*), sum("INPUT:number"), max(created) is not null from tasks').fetchall()
    assert tasks is scan
    assert result == [(ROWS, sum(range(0, ROWS, 2)), True)]


def test_polars_reads_a_scan(scan: tf.Scan) -> None:
    frame = pl.DataFrame(scan)
    assert frame.shape == (ROWS, len(scan.schema))
    assert frame["INPUT:flag"].sum() == len(range(0, ROWS, 5))


def test_duckdb_requests_few_pages_for_one_row(scan: tf.Scan, toloka: LocalToloka) -> None:
    before = requests_to(toloka, "/api/v1/tasks")
    tasks = scan
    assert len(duckdb.sql("select id from tasks limit 1").fetchall()) == 1
    del tasks
    gc.collect()
    assert requests_to(toloka, "/api/v1/tasks") - before <= 6


def test_a_closed_reader_sends_no_more_requests(scan: tf.Scan, toloka: LocalToloka) -> None:
    before = requests_to(toloka, "/api/v1/tasks")
    reader = scan.to_reader()
    assert reader.read_next_batch().num_rows == 20
    reader.close()
    del reader
    assert requests_to(toloka, "/api/v1/tasks") - before <= 2


def test_async_iteration_that_ends_early_leaves_no_task(scan: tf.Scan, caplog: pytest.LogCaptureFixture) -> None:
    async def read(rows: int) -> None:
        left = rows
        async for _ in scan:
            left -= 1
            if not left:
                break

    for rows in (1, 19, 20, 45):
        asyncio.run(read(rows))
    gc.collect()
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio" and record.levelname == "ERROR"] == []
    assert never_ends_on_our_loop() == set()


async def kept_open(scan: tf.Scan, kept: list[Any]) -> None:
    rows = aiter(scan)
    kept.append(rows)
    await anext(rows)


async def dropped(scan: tf.Scan, _: list[Any]) -> None:
    await anext(aiter(scan))


async def left_by_break(scan: tf.Scan, _: list[Any]) -> None:
    async for _row in scan:
        break


async def of_a_task_that_waits(scan: tf.Scan, kept: list[Any]) -> None:
    is_reading = asyncio.Event()

    async def read() -> None:
        async for _ in scan:
            is_reading.set()
            await asyncio.Event().wait()

    kept.append(asyncio.create_task(read()))
    await is_reading.wait()


async def of_a_task_in_a_request(scan: tf.Scan, kept: list[Any]) -> None:
    async def read() -> None:
        async for _ in scan:
            pass

    kept.append(asyncio.create_task(read()))
    await asyncio.sleep(0.01)


async def of_a_task_that_was_cancelled(scan: tf.Scan, kept: list[Any]) -> None:
    await of_a_task_in_a_request(scan, kept)
    kept[0].cancel()


LEFT_OPEN = [kept_open, dropped, left_by_break, of_a_task_that_waits, of_a_task_in_a_request, of_a_task_that_was_cancelled]


@pytest.mark.parametrize("leave", LEFT_OPEN, ids=lambda leave: leave.__name__)
def test_async_iteration_left_open_at_the_end_of_its_loop_is_silent(
    scan: tf.Scan, leave: Callable[..., Any], caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    kept: list[Any] = []
    asyncio.run(leave(scan, kept))
    kept.clear()
    gc.collect()
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio" and record.levelname == "ERROR"] == []
    assert capsys.readouterr().err == ""
    assert never_ends_on_our_loop() == set()


def test_app_items_have_the_fields_of_their_app(client: tf.AsyncTolokaClient) -> None:
    app = tf.run(client.find_apps(limit=1))["content"][0]
    project = tf.run(client.create_app_project({"app_id": app["id"], "name": "P", "parameters": {}}))
    spec = tf.run(client.get_app(app["id"]))["input_spec"]
    items = [dict.fromkeys(spec, f"https://example.com/{number}") for number in range(7)]
    batch = tf.run(client.create_app_batch(project["id"], {"items": items, "name": "B"}))
    frame = client.get_app_items(project["id"], batch_id=batch["id"], batch_size=3).to_dataframe()
    assert len(frame) == 7
    assert {f"INPUT:{name}" for name in spec} <= set(frame)
    assert frame["extra"].isna().all()
    batches = client.get_app_batches(project["id"]).to_dataframe()
    assert batches["items_count"].tolist() == [7]
    assert batches["extra"].isna().all()
    assert client.get_apps().to_dataframe()["extra"].isna().all()
    assert client.get_app_projects().to_dataframe()["id"].tolist() == [project["id"]]
    item = tf.run(client.get_app_item(project["id"], frame["id"][0]))
    assert item["id"] == frame["id"][0]


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_one_client_works_in_several_event_loops_and_in_sync_code(
    scan: tf.Scan, client: tf.AsyncTolokaClient, loop: str
) -> None:
    async def use() -> int:
        requester = await client.get_requester()
        return len(scan.to_dataframe(progress=False)) + len(requester["id"])

    new_loop = asyncio.new_event_loop()
    if loop == "uvloop":
        new_loop.close()
        new_loop = pytest.importorskip("uvloop", reason="uvloop is not available for this system").new_event_loop()
    with contextlib.closing(new_loop):
        assert (
            new_loop.run_until_complete(use())
            == new_loop.run_until_complete(use())
            == ROWS + len(tf.run(client.get_requester())["id"])
        )
