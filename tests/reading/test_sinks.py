"""Record batches of any length become tables, row groups and files with the requested number of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import toloka_frames as tf
from toloka_frames._reading.outputs import check_output
from toloka_frames._reading.parquet_file import ParquetFile, ParquetOptions
from toloka_frames._reading.sinks import ROW_GROUP_ROWS, Rebatcher, check_dtype_backend, to_frame
from toloka_frames._schema.columns import TIMESTAMP

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = pa.schema([("n", pa.int64())])


def parquet_file(path: Any, schema: pa.Schema) -> ParquetFile:
    return ParquetFile(check_output(path), schema, ParquetOptions())


def batch(*numbers: int) -> pa.RecordBatch:
    return pa.record_batch({"n": pa.array(numbers, pa.int64())}, schema=SCHEMA)


@given(st.lists(st.integers(0, 9), max_size=8), st.integers(1, 12))
def test_rebatching_keeps_every_row_in_order_in_tables_of_the_requested_length(lengths: list[int], rows: int) -> None:
    groups = Rebatcher(SCHEMA, rows)
    numbers = iter(range(100))
    out = [table for length in lengths for table in groups.add(batch(*[next(numbers) for _ in range(length)]))]
    out += list(groups.rest())
    assert [number for table in out for number in table["n"].to_pylist()] == list(range(sum(lengths)))
    assert all(len(table) == rows for table in out[:-1])
    assert all(0 < len(table) <= rows for table in out)


@given(st.lists(st.integers(0, 30), max_size=8), st.integers(1, 12), st.integers(1, 200))
def test_rebatching_by_rows_and_bytes_keeps_every_row(lengths: list[int], rows: int, limit: int) -> None:
    groups = Rebatcher(SCHEMA, rows, limit)
    numbers = iter(range(1_000))
    out = [table for length in lengths for table in groups.add(batch(*[next(numbers) for _ in range(length)]))]
    out += list(groups.rest())
    assert [number for table in out for number in table["n"].to_pylist()] == list(range(sum(lengths)))
    assert all(0 < len(table) <= rows for table in out)


def test_a_table_ends_early_at_the_byte_limit() -> None:
    groups = Rebatcher(SCHEMA, 1_000, max_bytes=80)
    assert [len(table) for table in groups.add(batch(*range(10)))] == [10]
    assert list(groups.rest()) == []


def write_many(path: Path, rows: int = 250_000) -> None:
    """Write a file with ascending ids and creation times, like the lists of a pool."""
    numbers = pa.array(range(rows), pa.int64())
    columns = {"n": numbers, "id": pc.cast(pc.add(numbers, 10**9), pa.string()), "created": pc.cast(numbers, TIMESTAMP)}
    table = pa.table(columns)
    with parquet_file(path, table.schema) as file:
        for part in table.to_batches(max_chunksize=1_000):
            file.write(part)


def test_readers_can_skip_row_groups_by_id_and_by_created(tmp_path: Path) -> None:
    write_many(tmp_path / "x.parquet")
    (fragment,) = ds.dataset(tmp_path / "x.parquet").get_fragments()
    assert len(fragment.row_groups) == 3
    late = ds.field("created") > pa.scalar(240_000, TIMESTAMP)
    assert [group.id for group in fragment.subset(late).row_groups] == [2]
    assert [group.id for group in fragment.subset(ds.field("id") == str(10**9 + 7)).row_groups] == [0]


def test_a_file_has_dictionaries_statistics_and_a_page_index(tmp_path: Path) -> None:
    write_many(tmp_path / "x.parquet")
    query = "select stats_min_value, stats_max_value from parquet_metadata(?) where path_in_schema = 'id' order by row_group_id"
    ends = [("1000000000", "1000099999"), ("1000100000", "1000199999"), ("1000200000", "1000249999")]
    assert duckdb.execute(query, [str(tmp_path / "x.parquet")]).fetchall() == ends
    metadata = pq.read_metadata(tmp_path / "x.parquet")
    for column in map(metadata.row_group(0).column, range(3)):
        assert column.has_dictionary_page
        assert column.has_column_index


def test_a_parquet_file_has_row_groups_of_100_000_rows_compressed_with_zstd(tmp_path: Path) -> None:
    write_many(tmp_path / "x.parquet")
    written = pq.ParquetFile(tmp_path / "x.parquet")
    assert [written.metadata.row_group(group).num_rows for group in range(3)] == [ROW_GROUP_ROWS, ROW_GROUP_ROWS, 50_000]
    assert written.read()["n"].to_pylist() == list(range(250_000))
    assert written.metadata.row_group(0).column(0).compression == "ZSTD"


def test_an_existing_file_is_kept_until_the_new_one_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(b"old content")

    def write() -> None:
        with parquet_file(path, SCHEMA) as file:
            file.write(batch(1))
            assert path.read_bytes() == b"old content"
            raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        write()
    assert path.read_bytes() == b"old content"
    assert [file.name for file in tmp_path.iterdir()] == ["x.parquet"]


def test_two_writers_of_one_file_do_not_interfere(tmp_path: Path) -> None:
    with parquet_file(tmp_path / "x.parquet", SCHEMA) as slow:
        slow.write(batch(1))
        with parquet_file(tmp_path / "x.parquet", SCHEMA) as quick:
            quick.write(batch(2, 3))
        assert pq.read_table(tmp_path / "x.parquet")["n"].to_pylist() == [2, 3]
    assert pq.read_table(tmp_path / "x.parquet")["n"].to_pylist() == [1]
    assert [file.name for file in tmp_path.iterdir()] == ["x.parquet"]


def test_integers_with_nulls_stay_integers() -> None:
    table = pa.table({"i": pa.array([1, None]), "b": pa.array([True, None]), "l": pa.array([[1, None], None])})
    frame = to_frame(table)
    assert [str(dtype) for dtype in frame.dtypes] == ["Int64", "object", "object"]
    assert frame["l"].tolist() == [(1, None), None]
    assert frame["b"].tolist() == [True, None]
    assert frame["i"].tolist() == [1, pd.NA]


@pytest.mark.parametrize("name", ["", "missing/x.parquet"], ids=["a folder", "in a missing folder"])
def test_a_path_that_cannot_be_a_file_is_rejected_before_the_first_request(name: str, tmp_path: Path) -> None:
    with pytest.raises(tf.InputError, match="folder"):
        parquet_file(tmp_path / name, SCHEMA)
    with pytest.raises(tf.InputError, match="folder"):
        tf.AsyncTolokaClient("token", url="http://127.0.0.1:1").get_pools().to_parquet(tmp_path / name)


@pytest.mark.parametrize("path", [None, 5, b"x", "a\0b", "~nosuchuser/x", "x" * 5_000], ids=lambda path: repr(path)[:20])
def test_an_invalid_path_is_rejected_before_the_first_request(path: Any) -> None:
    pools = tf.AsyncTolokaClient("token", url="http://127.0.0.1:1").get_pools()
    calls = [pools.to_parquet, lambda path: pools.to_parquet(path, resume=True), lambda path: tf.sync(pools, path), tf.verify]
    for call in calls:
        with pytest.raises(tf.InputError, match="name of a file or folder") as caught:
            call(path)
        assert caught.value.column == "path"


def test_a_relative_path_refers_to_the_working_directory_at_the_time_of_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = parquet_file("x.parquet", SCHEMA)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    with file:
        file.write(batch(1))
    assert file.path == tmp_path / "x.parquet"
    assert file.path.is_file()


def test_an_unknown_dtype_backend_is_rejected() -> None:
    with pytest.raises(tf.InputError, match="numpy_nullable"):
        check_dtype_backend("polars")
