"""Labels for crowd-kit, long answers and wide answers, from frames with any dtypes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.text_dtype import TEXT

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toloka_frames.local import LocalToloka


TEXTS = ("OUTPUT:result", "ASSIGNMENT:task_id", "ASSIGNMENT:worker_id", "ASSIGNMENT:status")


def answers() -> pd.DataFrame:
    """Return answers of four workers to two tasks, one of them rejected, and a skipped assignment."""
    return pd.DataFrame(
        {
            "OUTPUT:result": pd.array(["cat", "dog", "cat", "dog", None, "007"], dtype=TEXT),
            "OUTPUT:tags": pd.Series([("a", "b"), (), None, ("a",), None, ("c",)], dtype=object).array,
            "OUTPUT:stars": pd.array([5, 1, None, 4, None, 3], dtype="Int64"),
            "OUTPUT:sure": pd.array([True, False, None, True, None, True], dtype=object),
            "ASSIGNMENT:task_id": pd.array(["t1", "t1", "t2", "t2", "t2", "t2"], dtype=TEXT),
            "ASSIGNMENT:worker_id": pd.array(["anna", "boris", "anna", "boris", "carla", "diana"], dtype=TEXT),
            "ASSIGNMENT:status": pd.array(["ACCEPTED", "SUBMITTED", "ACCEPTED", "REJECTED", "SKIPPED", "APPROVED"], dtype=TEXT),
        },
        index=[0, 0, 7, 7, 8, 9],
    )


def through_parquet(frame: pd.DataFrame, folder: Path, **options: Any) -> pd.DataFrame:
    """Return the frame as read from a file that another tool wrote: without pandas' own metadata on dtypes."""
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata()
    pq.write_table(table, folder / "frame.parquet")
    return pd.read_parquet(folder / "frame.parquet", **options)


FORMS: dict[str, Callable[[pd.DataFrame, Path], pd.DataFrame]] = {
    "to_dataframe": lambda frame, _: frame,
    "nullable and Arrow": lambda frame, _: frame.astype(
        {
            "OUTPUT:sure": "boolean",
            "OUTPUT:tags": pd.ArrowDtype(pa.list_(pa.string())),
            **dict.fromkeys(TEXTS, "string[pyarrow]"),
        }
    ),
    "objects": lambda frame, _: frame.astype(object),
    "pyarrow": lambda frame, _: frame.convert_dtypes(dtype_backend="pyarrow"),
    "parquet, numpy_nullable": lambda frame, folder: through_parquet(frame, folder, dtype_backend="numpy_nullable"),
    "parquet, pyarrow": lambda frame, folder: through_parquet(frame, folder, dtype_backend="pyarrow"),
}


@pytest.fixture(params=FORMS)
def frame(request: pytest.FixtureRequest, tmp_path: Path) -> pd.DataFrame:
    return FORMS[request.param](answers(), tmp_path)


def test_labels_are_those_of_all_answers_that_were_not_rejected(frame: pd.DataFrame) -> None:
    labels = frame.pipe(tf.to_crowdkit, "result")
    assert list(labels) == ["task", "worker", "label"]
    assert labels.to_numpy().tolist() == [
        ["t1", "anna", "cat"],
        ["t1", "boris", "dog"],
        ["t2", "anna", "cat"],
        ["t2", "diana", "007"],
    ]
    assert labels.index.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(("output", "kind"), [("result", "O"), ("stars", "i"), ("OUTPUT:sure", "b")])
def test_labels_have_types_that_crowd_kit_can_compute_with(frame: pd.DataFrame, output: str, kind: str) -> None:
    labels = frame.pipe(tf.to_crowdkit, output)
    assert labels["label"].to_numpy().dtype.kind == kind
    assert {type(value) for value in labels["task"]} == {str}


@pytest.mark.parametrize("output", ["result", "stars", "sure"])
@pytest.mark.parametrize(("aggregator", "options"), [("MajorityVote", {}), ("DawidSkene", {"n_iter": 10})])
def test_crowd_kit_aggregates_the_labels(
    frame: pd.DataFrame, output: str, aggregator: str, options: dict[str, int], crowd_kit: Any
) -> None:
    best = frame[frame["ASSIGNMENT:worker_id"] == "anna"].pipe(tf.to_crowdkit, output)
    aggregated = getattr(crowd_kit, aggregator)(**options).fit_predict(best)
    assert aggregated.to_dict() == dict(zip(best["task"], best["label"], strict=True))


def test_labels_can_be_lists(frame: pd.DataFrame) -> None:
    assert frame.pipe(tf.to_crowdkit, "tags")["label"].tolist() == [("a", "b"), (), ("c",)]


def test_crowd_kit_aggregates_lists_of_labels(frame: pd.DataFrame, crowd_kit: Any) -> None:
    labels = frame.pipe(tf.to_crowdkit, "tags")
    assert crowd_kit.BinaryRelevance().fit_predict(labels)["t2"] == ["c"]


def test_any_column_can_identify_tasks_and_workers(frame: pd.DataFrame) -> None:
    labels = frame.assign(picture="p").pipe(tf.to_crowdkit, "result", task="picture", worker="ASSIGNMENT:task_id")
    assert labels["task"].tolist() == ["p"] * 4
    assert labels["worker"].tolist() == ["t1", "t1", "t2", "t2"]


def test_a_computed_column_can_be_the_label(frame: pd.DataFrame) -> None:
    assert frame.assign(good=True).pipe(tf.to_crowdkit, "good")["label"].tolist() == [True] * 5


def test_explode_returns_a_row_for_each_field_and_each_list_element(frame: pd.DataFrame) -> None:
    long = frame.pipe(tf.explode)
    assert set(long.dtypes) == {TEXT}
    assert long.astype(object).where(long.notna(), None).to_numpy().tolist() == [
        ["t1", "anna", "result", "cat"],
        ["t1", "anna", "tags", "a"],
        ["t1", "anna", "tags", "b"],
        ["t1", "anna", "stars", "5"],
        ["t1", "anna", "sure", "true"],
        ["t1", "boris", "result", "dog"],
        ["t1", "boris", "tags", None],
        ["t1", "boris", "stars", "1"],
        ["t1", "boris", "sure", "false"],
        ["t2", "anna", "result", "cat"],
        ["t2", "anna", "tags", None],
        ["t2", "anna", "stars", None],
        ["t2", "anna", "sure", None],
        ["t2", "diana", "result", "007"],
        ["t2", "diana", "tags", "c"],
        ["t2", "diana", "stars", "3"],
        ["t2", "diana", "sure", "true"],
    ]


def test_the_fields_of_long_answers_can_be_aggregated_separately(frame: pd.DataFrame, crowd_kit: Any) -> None:
    fields = frame.pipe(tf.explode).dropna().astype(str).groupby("output")
    best = {field: crowd_kit.MajorityVote().fit_predict(labels)["t2"] for field, labels in fields if field != "result"}
    assert best == {"tags": "c", "stars": "3", "sure": "true"}


def test_wide_returns_a_column_for_each_worker(frame: pd.DataFrame) -> None:
    table = frame.pipe(tf.wide, "stars")
    assert (table.index.name, table.columns.name) == ("task", "worker")
    assert table.index.tolist() == ["t1", "t2"]
    assert table.astype(object).where(table.notna(), None).to_dict("list") == {
        "anna": [5, None],
        "boris": [1, None],
        "diana": [None, 3],
    }


def test_wide_keeps_the_dtype_of_the_answers() -> None:
    for output, dtype in {"stars": "Int64", "sure": object, "result": TEXT}.items():
        assert set(answers().pipe(tf.wide, output).dtypes) == {pd.api.types.pandas_dtype(dtype)}


def test_wide_rejects_two_answers_of_a_worker_to_a_task(frame: pd.DataFrame) -> None:
    twice = pd.concat([frame, frame.iloc[:1]])
    with pytest.raises(tf.InputError, match="1 answers are repeated, for example that of anna to t1"):
        twice.pipe(tf.wide, "result")


@pytest.mark.parametrize(
    ("column", "value", "left"),
    [("ASSIGNMENT:task_id", "t1", ["cat", "007"]), ("ASSIGNMENT:worker_id", "anna", ["dog", "007"])],
)
def test_answers_without_a_worker_or_a_task_are_left_out(frame: pd.DataFrame, column: str, value: str, left: list[str]) -> None:
    frame[column] = frame[column].where(frame[column] != value, None)
    assert frame.pipe(tf.to_crowdkit, "result")["label"].tolist() == left
    long = frame.pipe(tf.explode)
    assert long.loc[long["output"] == "result", "label"].tolist() == left


def test_no_answers_give_no_labels(frame: pd.DataFrame) -> None:
    empty = frame.iloc[:0]
    assert empty.pipe(tf.to_crowdkit, "result").shape == (0, 3)
    assert empty.pipe(tf.explode).shape == (0, 4)
    assert empty.pipe(tf.wide, "result").shape == (0, 0)


def test_a_file_read_into_numpy_dtypes_gives_labels_too(tmp_path: Path) -> None:
    plain = through_parquet(answers(), tmp_path)
    assert plain.pipe(tf.to_crowdkit, "tags")["label"].tolist() == [("a", "b"), (), ("c",)]
    assert plain.pipe(tf.to_crowdkit, "sure")["label"].tolist() == [True, False, True]
    # pandas reads integers with missing values as floats
    assert plain.pipe(tf.to_crowdkit, "stars")["label"].tolist() == [5.0, 1.0, 3.0]


@pytest.mark.parametrize("helper", [tf.to_crowdkit, tf.wide])
def test_one_of_several_outputs_must_be_chosen(helper: Callable[..., pd.DataFrame]) -> None:
    with pytest.raises(
        tf.InputError, match=r"There are 4 outputs: OUTPUT:result, .*\nChoose one, for example output='result',"
    ):
        answers().pipe(helper)
    with pytest.raises(tf.InputError, match="There is no column 'OUTPUT:reslut'; the nearest is 'OUTPUT:result'") as caught:
        answers().pipe(helper, "reslut")
    assert caught.value.column == "OUTPUT:reslut"


@pytest.mark.parametrize("helper", [tf.to_crowdkit, tf.explode, tf.wide])
def test_the_error_for_a_missing_column_names_the_nearest(helper: Callable[..., pd.DataFrame]) -> None:
    renamed = answers()[["OUTPUT:result", "ASSIGNMENT:task_id", "ASSIGNMENT:worker_id"]].set_axis(
        ["OUTPUT:result", "ASSIGNMENT:taskid", "ASSIGNMENT:worker_id"], axis="columns"
    )
    with pytest.raises(tf.InputError, match="no column 'ASSIGNMENT:task_id'; the nearest is 'ASSIGNMENT:taskid'") as caught:
        renamed.pipe(helper)
    assert caught.value.column == "ASSIGNMENT:task_id"
    with pytest.raises(tf.InputError, match=r"There is no column OUTPUT:\*"):
        renamed.iloc[:, 1:].pipe(helper)


def test_a_scan_is_rejected_with_a_hint(client: tf.AsyncTolokaClient) -> None:
    with pytest.raises(tf.InputError, match=r"not a Scan\.\nA Scan gives one by \.to_dataframe\(\)"):
        tf.explode(client.get_assignments(pool_id="1"))  # type: ignore[arg-type]


def test_crowd_kit_finds_the_truth_from_answers_of_reliable_workers(
    toloka: LocalToloka, client: tf.AsyncTolokaClient, make_pool: Callable[..., str], tmp_path: Path, crowd_kit: Any
) -> None:
    pool_id = make_pool(defaults={"default_overlap_for_new_tasks": 7, "default_overlap_for_new_task_suites": 7})
    pictures = pd.DataFrame({"image": [f"https://example.com/{number}.jpg" for number in range(40)]})
    pictures.pipe(tf.create_tasks, client, pool_id, allow_defaults=True, open_pool=True, progress=False)
    toloka.answer(pool_id, workers=12, accuracy=1.0)
    scan = client.get_assignments(pool_id=pool_id)
    frames = [
        scan.to_dataframe(),
        scan.to_dataframe(dtype_backend="pyarrow"),
        pd.read_parquet(scan.to_parquet(tmp_path / "a.parquet")),
    ]
    for frame in frames:
        labels = frame.pipe(tf.to_crowdkit)
        assert len(labels) == 280
        truth = frame.drop_duplicates("ASSIGNMENT:task_id").set_index("ASSIGNMENT:task_id")["OUTPUT:result"].to_dict()
        for aggregator in (crowd_kit.MajorityVote(), crowd_kit.DawidSkene(n_iter=20)):
            assert aggregator.fit_predict(labels).to_dict() == truth


def test_labels_of_a_real_export(data: Path) -> None:
    export = pd.read_csv(data / "mera" / "bps_assignments_from_pool_41554142.tsv", sep="\t")
    labels = export.pipe(tf.to_crowdkit)
    answered = export.dropna(subset=["ASSIGNMENT:worker_id", "OUTPUT:correct"])
    assert len(labels) == len(answered)
    assert labels["label"].tolist() == answered["OUTPUT:correct"].tolist()
    assert export.pipe(tf.wide).notna().sum().sum() == len(answered)


def test_empty_text_is_no_label_and_equal_objects_are_one_label() -> None:
    answers = pd.DataFrame(
        {
            "OUTPUT:box": ['{"x": 1, "y": 2}', '{"y":2,"x":1}', "", None, "[ 1 ]"],
            "ASSIGNMENT:task_id": "t",
            "ASSIGNMENT:worker_id": list("abcde"),
        }
    )
    labels = ['{"x":1,"y":2}', '{"x":1,"y":2}', "[1]"]
    assert answers.pipe(tf.to_crowdkit)["label"].tolist() == labels
    assert answers.pipe(tf.explode)["label"].tolist() == labels
    assert answers.pipe(tf.wide).columns.tolist() == ["a", "b", "e"]
    both = answers.assign(**{"OUTPUT:text": ["", "x", "", "", ""]})
    assert both.pipe(tf.explode)["label"].isna().tolist() == [False, True, False, False, False, True]
