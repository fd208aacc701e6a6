"""Rows that are not a scan: columns are inferred, text stays text, and no value is lost."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.all_cases import examples
from support.text_dtype import TEXT_NAME

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


class KitObject:
    """An object like those of Toloka-Kit."""

    def __init__(self, **fields: Any) -> None:
        self._fields = fields

    def unstructure(self) -> dict[str, Any]:
        return self._fields


ROWS = [
    {"id": "1", "input_values": {"image": "u", "n": None}, "meta": {}, "owner": {"id": "o"}},
    {"id": "2", "input_values": {"image": "007", "n": 5, "late": True}, "tags": ["a"], "reward": Decimal("0.05")},
]


async def async_generator(rows: Any) -> AsyncIterator[Any]:
    for row in rows:
        await asyncio.sleep(0)
        yield row


def test_nested_fields_are_named_as_in_a_scan() -> None:
    frame = tf.to_dataframe(ROWS)
    assert list(frame) == ["id", "INPUT:image", "INPUT:n", "meta", "owner.id", "INPUT:late", "tags", "reward", "extra"]
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        "id": TEXT_NAME,
        "INPUT:image": TEXT_NAME,
        "INPUT:n": "Int64",
        "meta": TEXT_NAME,
        "owner.id": TEXT_NAME,
        "INPUT:late": "object",
        "tags": "object",
        "reward": "object",
        "extra": TEXT_NAME,
    }
    assert frame["INPUT:image"].tolist() == ["u", "007"]
    assert frame["extra"].isna().all()


@pytest.mark.parametrize(
    "rows",
    [ROWS, tuple(ROWS), iter(ROWS), (KitObject(**row) for row in ROWS), async_generator(ROWS)],
    ids=["list", "tuple", "iterator", "Toloka-Kit objects", "async generator"],
)
def test_any_iterable_of_dicts_or_objects_is_accepted(rows: Any, tmp_path: Path) -> None:
    path = tf.to_parquet(rows, tmp_path / "rows.parquet")
    assert pq.read_table(path).equals(tf.to_arrow(ROWS))


def test_async_code_reads_iterables_and_async_generators(tmp_path: Path) -> None:
    async def use() -> None:
        assert (await tf.aio.to_arrow(async_generator(ROWS))).equals(tf.to_arrow(ROWS))
        assert (await tf.aio.to_arrow(ROWS)).equals(tf.to_arrow(ROWS))
        pd.testing.assert_frame_equal(await tf.aio.to_dataframe(async_generator(ROWS)), tf.to_dataframe(ROWS))
        path = await tf.aio.to_parquet(async_generator(ROWS), tmp_path / "rows.parquet")
        assert pq.read_table(path).equals(tf.to_arrow(ROWS))

    asyncio.run(use())


def test_a_scan_is_accepted(client: tf.AsyncTolokaClient, pool_id: str, tmp_path: Path) -> None:
    del pool_id
    scan = client.get_pools()
    assert tf.to_arrow(scan).equals(scan.to_arrow())
    assert len(tf.to_dataframe(scan, dtype_backend="pyarrow")) == 1
    assert tf.to_parquet(scan, tmp_path / "pools.parquet").exists()


@pytest.mark.parametrize(
    ("values", "expected", "extra"),
    [
        (["2022-01-01", "x"], ["2022-01-01", "x"], None),
        ([1, 2.5], [1.0, 2.5], None),
        ([1, "2"], [1, None], '{"a":"2"}'),
        (["1", 2], ["1", None], '{"a":2}'),
        ([None, None], [None, None], None),
        ([[1], [2, None]], [[1], [2, None]], None),
        ([[1, "a"], []], ['[1,"a"]', "[]"], None),
        ([[{"b": 1}]], ['[{"b":1}]'], None),
        ([[], ["a"]], [[], ["a"]], None),
        ([[], [None]], [[], [None]], None),
        ([[None], [2]], [[None], [2]], None),
        ([10**30, 5], [Decimal(10**30), Decimal(5)], None),
        ([datetime(2022, 1, 1, tzinfo=UTC)], [datetime(2022, 1, 1, tzinfo=UTC)], None),
        ([{}, {"b": 1}], None, None),
    ],
)
def test_a_column_has_the_type_of_its_first_value(values: list[Any], expected: list[Any] | None, extra: str | None) -> None:
    table = tf.to_arrow([{"a": value} for value in values])
    if expected is None:
        assert table["a.b"].to_pylist() == [None, 1]
    else:
        assert table["a"].to_pylist() == expected
        assert table["extra"].to_pylist()[-1] == extra


@pytest.mark.parametrize("row", [{"extra": 1, "b": 2}, {"a.b": 1, "a": {"b": 2}}], ids=["extra", "a dotted key"])
def test_a_field_named_like_another_column_is_kept_in_extra(row: dict[str, Any]) -> None:
    (read,) = tf.to_arrow([row]).to_pylist()
    names = tf.to_arrow([row]).schema.names
    assert len(names) == len(set(names))
    assert read["extra"] in ('{"extra":1}', '{"a":{"b":2}}')


def test_no_rows_give_an_empty_frame(tmp_path: Path) -> None:
    assert list(tf.to_dataframe([])) == ["extra"]
    assert len(pq.read_table(tf.to_parquet([], tmp_path / "none.parquet"))) == 0


def test_values_that_do_not_fit_the_sample_of_a_stream_are_kept_in_extra(tmp_path: Path) -> None:
    rows = ({"a": number} if number < 25_000 else {"a": "late", "b": [1]} for number in range(25_001))
    table = pq.read_table(tf.to_parquet(rows, tmp_path / "long.parquet"))
    assert table["a"].to_pylist()[:-1] == list(range(25_000))
    assert json.loads(table["extra"][-1].as_py()) == {"a": "late", "b": [1]}


def test_a_stream_that_fails_leaves_no_file(tmp_path: Path) -> None:
    def rows() -> Any:
        yield {"a": 1}
        raise OSError("lost")

    with pytest.raises(OSError, match="lost"):
        tf.to_parquet(rows(), tmp_path / "x.parquet")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("rows", [5, "text", b"bytes", {"a": 1}, [1], [None], [{1: "a"}], ["text"]], ids=str)
def test_invalid_rows_are_rejected(rows: Any) -> None:
    with pytest.raises(tf.InputError, match="iterable or async generator of dicts"):
        tf.to_dataframe(rows)


SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(), SCALARS, max_size=3)


@settings(max_examples=examples(200))
@given(st.lists(st.dictionaries(st.sampled_from("abc"), VALUES), max_size=5))
def test_every_value_is_in_its_column_or_in_extra(rows: list[dict[str, Any]]) -> None:
    table = tf.to_arrow(rows)
    assert len(table) == len(rows)
    for row, read in zip(rows, table.to_pylist(), strict=True):
        extra = json.loads(read["extra"]) if read["extra"] else {}
        for key, value in row.items():
            if not isinstance(value, dict) and value is not None:
                assert read.get(key) is not None or extra[key] == value
