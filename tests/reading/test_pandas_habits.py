"""What people do with frames of pandas works on the frames of every list: habits x lists x dtype backends."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from io import BytesIO, StringIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from support.all_cases import ALL_CASES
from support.list_catalog import RESOURCES
from support.text_dtype import TEXT
from support.wire_rows import columns_of

import toloka_frames as tf
from toloka_frames._reading.outputs import check_output
from toloka_frames._reading.parquet_file import ParquetFile, ParquetOptions
from toloka_frames._reading.sinks import to_frame
from toloka_frames._schema.columns import EXTRA, Layout

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toloka_frames._reading.sinks import DtypeBackend

FIRST = datetime(1, 1, 1, tzinfo=UTC)
# the first and the third row are equal; each column has a missing value, and text that is easily taken for something else
VALUES: dict[pa.DataType, list[Any]] = {
    pa.string(): ["007", "ü", "007", None, "NA"],
    pa.int64(): [2**53 + 1, -1, 2**53 + 1, None, 2**63 - 1],
    pa.float64(): [0.1, -2.5, 0.1, None, 0.0],
    pa.bool_(): [True, False, True, None, False],
    pa.timestamp("us", "UTC"): [*(datetime(2026, 1, day, 1, 2, 3, 4, UTC) for day in (1, 2, 1)), None, FIRST],
    pa.list_(pa.string()): [["a", "b"], [], ["a", "b"], None, ["NA"]],
    pa.list_(pa.int64()): [[2**53 + 1, 1], [], [2**53 + 1, 1], None, [5]],
}
ROWS = 5
LISTS = [pa.list_(pa.string()), pa.list_(pa.int64())]
NULLABLE = ("string", "boolean", "Float64")


def table_of(name: str, rows: int = ROWS) -> pa.Table:
    """Return rows of a list with a project that has fields of every type."""
    resource = RESOURCES[name]
    schema = Layout(resource.rows_key, resource.cursor, columns_of(resource)).schema
    return pa.table([pa.array(VALUES[field.type], field.type) for field in schema], schema=schema).slice(0, rows)


def nothing_but_nulls(name: str) -> pa.Table:
    return table_of(name).slice(3, 1)


def columns_by_dtype(frame: pd.DataFrame) -> list[str]:
    """Return a column of each dtype and kind of cells, because each habit is the same for all of them."""
    kinds = {(str(frame[name].dtype), *map(type, frame[name].head(1))): name for name in frame}
    return list(kinds.values())


def merged(frame: pd.DataFrame, _: Path) -> None:
    for column in columns_by_dtype(frame):
        known = frame.dropna(subset=[column])[[column]].drop_duplicates()
        assert len(frame.merge(known, on=column)) == frame[column].notna().sum()


def grouped(frame: pd.DataFrame, _: Path) -> None:
    for column in columns_by_dtype(frame):
        assert frame.groupby(column).size().sum() == frame[column].notna().sum()
        assert frame[column].value_counts(dropna=False).sum() == len(frame)


def sorted_by_each_column(frame: pd.DataFrame, _: Path) -> None:
    for column in columns_by_dtype(frame):
        assert frame.sort_values(column)[column].isna().tolist() == sorted(frame[column].isna())


def compared(frame: pd.DataFrame, _: Path) -> None:
    assert frame.equals(frame.copy())
    assert frame.eq(frame).shape == frame.shape
    for column in columns_by_dtype(frame) if len(frame) == ROWS else ():
        value, dtype = frame[column].iloc[0], frame[column].dtype
        mask = frame[column].isin([value]) if isinstance(value, tuple) else frame[column] == value
        assert (frame[mask].index[:2].tolist(), (mask & ~mask).any()) == ([0, 2], False)
        if dtype == "Int64":  # NumPy has no missing integers
            mask = mask.fillna(value=False)
        if not isinstance(dtype, pd.ArrowDtype) and str(dtype) not in NULLABLE:
            assert np.flatnonzero(mask)[:2].tolist() == np.where(mask)[0][:2].tolist() == [0, 2]


def deduplicated(frame: pd.DataFrame, _: Path) -> None:
    assert len(frame.drop_duplicates()) == len(frame) - (len(frame) >= 3)
    assert frame.duplicated().sum() == (len(frame) >= 3)


def counted(frame: pd.DataFrame, _: Path) -> None:
    assert set(frame.nunique()) <= {ROWS: {2, 3}, 1: {0}, 0: {0}}[len(frame)]


def described(frame: pd.DataFrame, _: Path) -> None:
    if len(frame):
        assert frame.describe(include="all").loc["count"].tolist() == frame.count().tolist()


def pickled(frame: pd.DataFrame, _: Path) -> None:
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(frame)), frame)  # noqa: S301 -- our own bytes


def through_parquet(frame: pd.DataFrame, folder: Path) -> None:
    frame.to_parquet(folder / "frame.parquet")
    check_read(pd.read_parquet(folder / "frame.parquet"), frame)
    some = list(frame)[::2]
    check_read(pd.read_parquet(folder / "frame.parquet", columns=some), frame[some])
    for backend in ("numpy_nullable", "pyarrow"):
        assert pd.read_parquet(folder / "frame.parquet", dtype_backend=backend).shape == frame.shape


def through_feather(frame: pd.DataFrame, folder: Path) -> None:
    frame.to_feather(folder / "frame.feather")
    check_read(pd.read_feather(folder / "frame.feather"), frame)


def through_json(frame: pd.DataFrame, _: Path) -> None:
    assert pd.read_json(StringIO(frame.to_json(orient="records", date_format="iso")), dtype=False).shape[0] == len(frame)


def through_csv(frame: pd.DataFrame, _: Path) -> None:
    assert pd.read_csv(StringIO(frame.to_csv(index=False)), dtype=str).shape == frame.shape


def made_plain(frame: pd.DataFrame, _: Path) -> None:
    plain = tf.plain(frame)
    plain.to_csv(BytesIO())
    assert plain.shape == frame.shape
    assert not {type(value) for name in plain for value in plain[name].tolist()} & {tuple, list, np.ndarray}


def check_read(read: pd.DataFrame, frame: pd.DataFrame) -> None:
    """Check that a file has the dtypes and values of a frame; only its lists are arrays."""
    assert list(read) == list(frame)
    for name in frame:
        if type(frame[name].dtype) is pd.ArrowDtype:  # pandas notes its string[pyarrow] as the other dtype of this name
            continue
        # pandas before 3 reads text of the dtype `string` as that of Python objects
        assert str(read[name].dtype) == str(frame[name].dtype)
        if any(isinstance(cell, tuple) for cell in frame[name]):
            read[name] = read[name].map(tuple, na_action="ignore")
        pd.testing.assert_series_equal(read[name].astype(frame[name].dtype), frame[name])


HABITS: dict[str, Callable[[pd.DataFrame, Path], None]] = {
    "merge": merged,
    "groupby and value_counts": grouped,
    "sort_values": sorted_by_each_column,
    "==": compared,
    "drop_duplicates": deduplicated,
    "nunique": counted,
    "describe": described,
    "pickle": pickled,
    "parquet": through_parquet,
    "feather": through_feather,
    "json": through_json,
    "csv": through_csv,
    "plain": made_plain,
}
every_list = pytest.mark.parametrize("name", RESOURCES)
BACKENDS: list[DtypeBackend | None] = [None, "numpy_nullable", "pyarrow"]


def lists_of_every_type() -> list[str]:
    """Return lists that have a column of every type between them: few, because the one with the most types is taken first."""
    chosen, missing = [], set(VALUES)
    while missing:
        chosen.append(max(RESOURCES, key=lambda name: len(missing & set(table_of(name).schema.types))))
        missing -= set(table_of(chosen[-1]).schema.types)
    return chosen


# A habit depends on the types of the columns. Every list is tested with the default dtypes and values in each column; lists
# without a column of some type add nothing where the dtypes differ or all values are missing.
SOME_LISTS = list(RESOURCES) if ALL_CASES else lists_of_every_type()
CASES = [(name, backend) for backend in BACKENDS for name in (RESOURCES if backend is None else SOME_LISTS)]


@pytest.mark.parametrize("habit", HABITS.values(), ids=HABITS)
@pytest.mark.parametrize(("name", "backend"), CASES)
def test_a_habit_works_on_the_frame_of_a_list(name: str, backend: DtypeBackend | None, habit: Any, tmp_path: Path) -> None:
    empty = [nothing_but_nulls(name), table_of(name, 0)] if backend is None and name in SOME_LISTS else []
    for table in (table_of(name), *empty):
        frame = to_frame(table, backend)
        if backend is not None:
            frame = frame[columns_by_dtype(frame)]
        if backend == "pyarrow":  # pandas cannot hash Arrow lists, and computes quantiles of large integers as floats
            wrong = [*LISTS, *([pa.int64()] if habit is described else [])]
            frame = frame[[name for name in frame if table.schema.field(name).type not in wrong]]
        habit(frame, tmp_path)


@every_list
def test_a_file_has_the_dtypes_of_the_frame(name: str, tmp_path: Path) -> None:
    for table in (table_of(name), nothing_but_nulls(name), table_of(name, 0), table_of(name).select([EXTRA])):
        with ParquetFile(check_output(tmp_path / "rows.parquet"), table.schema, ParquetOptions()) as file:
            for batch in table.to_batches():
                file.write(batch)
        check_read(pd.read_parquet(tmp_path / "rows.parquet"), to_frame(table))
        some = table.column_names[::3]
        check_read(pd.read_parquet(tmp_path / "rows.parquet", columns=some), to_frame(table.select(some)))


@every_list
def test_values_are_exact_and_lists_have_a_hash(name: str) -> None:
    table = table_of(name)
    for backend in (None, "numpy_nullable"):
        frame = to_frame(table, backend)  # type: ignore[arg-type]
        for field in table.schema:
            cells = [None if pd.api.types.is_scalar(cell) and pd.isna(cell) else cell for cell in frame[field.name].tolist()]
            expected = [tuple(cell) if isinstance(cell, list) else cell for cell in VALUES[field.type]]
            assert cells == expected
            assert list(map(type, cells[:1])) == [pd.Timestamp if isinstance(expected[0], datetime) else type(expected[0])]


LABELS: dict[str, pa.Array] = {
    "text": pa.array(["cat", "dog", "cat", "cat", None, "dog"]),
    "booleans": pa.array([True, False, True, True, None, False]),
    "integers": pa.array([1, 2, 1, 1, None, 2]),
    "floats": pa.array([0.5, 1.0, 0.5, 0.5, None, 1.0]),
}
AGGREGATORS: dict[str, dict[str, int]] = {
    "MajorityVote": {},
    "Wawa": {},
    "ZeroBasedSkill": {"n_iter": 2},
    "DawidSkene": {"n_iter": 2},
    "OneCoinDawidSkene": {"n_iter": 2},
    "MACE": {"n_restarts": 1, "n_iter": 2},
    "GLAD": {"n_iter": 2},
    "MMSR": {"n_iter": 2},
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("aggregator", AGGREGATORS)
def test_crowd_kit_aggregates_three_renamed_columns(aggregator: str, labels: pa.Array) -> None:
    aggregation = pytest.importorskip("crowdkit.aggregation", reason="crowd-kit is a large package")
    ids = [pa.array(values) for values in (["t1", "t1", "t1", "t2", "t2", "t2"], ["anna", "boris", "carla"] * 2)]
    frame = to_frame(pa.table([*ids, labels], ["task", "worker", "label"])).dropna()
    plain = pd.DataFrame({name: pd.Series(frame[name].tolist(), dtype=object).infer_objects() for name in frame})
    results = []
    for given in (plain, frame):
        try:
            results.append(getattr(aggregation, aggregator)(**AGGREGATORS[aggregator]).fit_predict(given).tolist())
        except Exception as error:
            if given is frame:
                raise
            pytest.skip(f"crowd-kit fails on lists of Python values, too: {error}")
    assert results[0] == results[1]


def test_crowd_kit_finds_the_skills_of_control_tasks() -> None:
    aggregation = pytest.importorskip("crowdkit.aggregation", reason="crowd-kit is a large package")
    ids = [pa.array(values) for values in (["t1", "t1", "t2", "t2"], ["anna", "boris"] * 2)]
    frame = to_frame(pa.table([*ids, pa.array(["cat", "dog", "cat", "cat"])], ["task", "worker", "label"]))
    known = frame.drop_duplicates("task").set_index("task")["label"]
    fitted = aggregation.GoldMajorityVote().fit(frame, known)
    assert fitted.skills_.to_dict() == {"anna": 1.0, "boris": 0.5}


def test_the_text_of_a_frame_has_pandas_own_dtype() -> None:
    assert to_frame(pa.table({"a": ["x", None]})).dtypes["a"] == TEXT
