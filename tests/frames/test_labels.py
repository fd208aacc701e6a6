"""Answers become labels, long and wide frames; the rows of an upload to mend are found; whatever dtypes a frame has."""

from __future__ import annotations

import doctest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import pandas as pd
import pyarrow as pa
import pytest
from crowdkit.aggregation import BinaryRelevance, DawidSkene, MajorityVote
from matplotlib import pyplot as plt

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable

    from toloka_frames.local import LocalToloka

HELPERS = (
    *("cost", "explode", "failed", "pending", "plot_progress", "plot_workers", "progress_by_status", "quality"),
    *("to_crowdkit", "wide"),
)
TEXT = pd.StringDtype("pyarrow")


def answers() -> pd.DataFrame:
    """Three workers, two tasks, an answer that was rejected and an assignment that was skipped."""
    return pd.DataFrame(
        {
            "OUTPUT:result": pd.array(["cat", "dog", "cat", "dog", None, "007"], dtype=TEXT),
            "OUTPUT:tags": pd.array([["a", "b"], [], None, ["a"], None, ["c"]], dtype=pd.ArrowDtype(pa.list_(pa.string()))),
            "OUTPUT:stars": pd.array([5, 1, None, 4, None, 3], dtype="Int64"),
            "OUTPUT:sure": pd.array([True, False, None, True, None, True], dtype="boolean"),
            "ASSIGNMENT:task_id": pd.array(["t1", "t1", "t2", "t2", "t2", "t2"], dtype=TEXT),
            "ASSIGNMENT:worker_id": pd.array(["anna", "boris", "anna", "boris", "carla", "diana"], dtype=TEXT),
            "ASSIGNMENT:status": pd.array(["ACCEPTED", "SUBMITTED", "ACCEPTED", "REJECTED", "SKIPPED", "APPROVED"], dtype=TEXT),
        },
        index=[0, 0, 7, 7, 8, 9],
    )


def through_parquet(frame: pd.DataFrame, folder: Path, **options: Any) -> pd.DataFrame:
    """The frame as a file gives it that another tool wrote: without pandas' own notes on dtypes."""
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata()
    pa.parquet.write_table(table, folder / "frame.parquet")
    return pd.read_parquet(folder / "frame.parquet", **options)


FORMS: dict[str, Callable[[pd.DataFrame, Path], pd.DataFrame]] = {
    "to_dataframe": lambda frame, _: frame,
    "objects": lambda frame, _: frame.astype(object),
    "pyarrow": lambda frame, _: frame.convert_dtypes(dtype_backend="pyarrow"),
    "parquet, numpy_nullable": lambda frame, folder: through_parquet(frame, folder, dtype_backend="numpy_nullable"),
    "parquet, pyarrow": lambda frame, folder: through_parquet(frame, folder, dtype_backend="pyarrow"),
}


@pytest.fixture(params=FORMS)
def given(request: pytest.FixtureRequest, tmp_path: Path) -> pd.DataFrame:
    return FORMS[request.param](answers(), tmp_path)


@pytest.mark.parametrize("name", HELPERS)
def test_the_example_of_a_helper_runs(name: str) -> None:
    (example,) = doctest.DocTestFinder().find(getattr(tf, name), name, module=False, globs={"tf": tf, "pd": pd})
    mpl.use("agg")
    outcome = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example)
    plt.close("all")
    assert (outcome.failed, outcome.attempted >= 2) == (0, True)


@pytest.mark.parametrize("name", HELPERS)
def test_a_helper_tells_what_it_takes_gives_and_refuses(name: str) -> None:
    text = getattr(tf, name).__doc__
    assert [part for part in ("Args:", "Returns:", "Raises:", "InputError", "Example:", "Source: ") if part not in text] == []


@pytest.mark.parametrize("name", HELPERS)
def test_a_helper_is_in_the_docs(name: str) -> None:
    assert f"| `{name}(" in (Path(__file__).parents[2] / "docs" / "frames.md").read_text("utf-8")


def test_labels_are_of_all_who_answered_and_were_not_rejected(given: pd.DataFrame) -> None:
    labels = given.pipe(tf.to_crowdkit, "result")
    assert list(labels) == ["task", "worker", "label"]
    assert labels.to_numpy().tolist() == [
        ["t1", "anna", "cat"],
        ["t1", "boris", "dog"],
        ["t2", "anna", "cat"],
        ["t2", "diana", "007"],
    ]
    assert labels.index.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(("output", "kind"), [("result", "O"), ("stars", "i"), ("OUTPUT:sure", "b")])
def test_labels_have_the_types_that_crowd_kit_computes_with(given: pd.DataFrame, output: str, kind: str) -> None:
    labels = given.pipe(tf.to_crowdkit, output)
    assert labels["label"].to_numpy().dtype.kind == kind
    assert {type(value) for value in labels["task"]} == {str}


@pytest.mark.parametrize("output", ["result", "stars", "sure"])
@pytest.mark.parametrize("aggregator", [MajorityVote(), DawidSkene(n_iter=10)], ids=lambda each: type(each).__name__)
def test_crowd_kit_aggregates_the_labels(given: pd.DataFrame, output: str, aggregator: Any) -> None:
    best = given[given["ASSIGNMENT:worker_id"] == "anna"].pipe(tf.to_crowdkit, output)
    aggregated = aggregator.fit_predict(best)
    assert aggregated.to_dict() == dict(zip(best["task"], best["label"], strict=True))


def test_crowd_kit_aggregates_lists_of_labels(given: pd.DataFrame) -> None:
    labels = given.pipe(tf.to_crowdkit, "tags")
    assert labels["label"].tolist() == [["a", "b"], [], ["c"]]
    assert BinaryRelevance().fit_predict(labels)["t2"] == ["c"]


def test_what_tells_tasks_and_workers_apart_can_be_any_column(given: pd.DataFrame) -> None:
    labels = given.assign(picture="p").pipe(tf.to_crowdkit, "result", task="picture", worker="ASSIGNMENT:task_id")
    assert labels["task"].tolist() == ["p"] * 4
    assert labels["worker"].tolist() == ["t1", "t1", "t2", "t2"]


def test_a_computed_column_can_be_the_label(given: pd.DataFrame) -> None:
    assert given.assign(good=True).pipe(tf.to_crowdkit, "good")["label"].tolist() == [True] * 5


def test_long_answers_have_a_row_for_each_field_and_each_element(given: pd.DataFrame) -> None:
    long = given.pipe(tf.explode)
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


def test_the_fields_of_long_answers_are_aggregated_one_by_one(given: pd.DataFrame) -> None:
    fields = given.pipe(tf.explode).dropna().astype(str).groupby("output")
    best = {field: MajorityVote().fit_predict(labels)["t2"] for field, labels in fields if field != "result"}
    assert best == {"tags": "c", "stars": "3", "sure": "true"}


def test_wide_answers_have_a_column_for_each_worker(given: pd.DataFrame) -> None:
    table = given.pipe(tf.wide, "stars")
    assert (table.index.name, table.columns.name) == ("task", "worker")
    assert table.index.tolist() == ["t1", "t2"]
    assert table.astype(object).where(table.notna(), None).to_dict("list") == {
        "anna": [5, None],
        "boris": [1, None],
        "diana": [None, 3],
    }


def test_wide_answers_keep_the_dtype_of_the_answers() -> None:
    for output, dtype in {"stars": "Int64", "sure": "boolean", "result": TEXT}.items():
        assert set(answers().pipe(tf.wide, output).dtypes) == {pd.api.types.pandas_dtype(dtype)}


def test_two_answers_of_a_worker_to_a_task_do_not_go_side_by_side(given: pd.DataFrame) -> None:
    twice = pd.concat([given, given.iloc[:1]])
    with pytest.raises(tf.InputError, match="1 answers are not the first of their worker to their task, as that of anna to t1"):
        twice.pipe(tf.wide, "result")


@pytest.mark.parametrize(
    ("column", "whom", "left"), [("ASSIGNMENT:task_id", "t1", ["cat", "007"]), ("ASSIGNMENT:worker_id", "anna", ["dog", "007"])]
)
def test_an_answer_of_nobody_or_to_nothing_is_left_out(given: pd.DataFrame, column: str, whom: str, left: list[str]) -> None:
    given[column] = given[column].where(given[column] != whom, None)
    assert given.pipe(tf.to_crowdkit, "result")["label"].tolist() == left
    long = given.pipe(tf.explode)
    assert long.loc[long["output"] == "result", "label"].tolist() == left


def test_no_answers_are_no_labels(given: pd.DataFrame) -> None:
    none = given.iloc[:0]
    assert none.pipe(tf.to_crowdkit, "result").shape == (0, 3)
    assert none.pipe(tf.explode).shape == (0, 4)
    assert none.pipe(tf.wide, "result").shape == (0, 0)


def test_a_file_that_is_read_into_numpy_gives_labels_too(tmp_path: Path) -> None:
    plain = through_parquet(answers(), tmp_path)
    assert plain.pipe(tf.to_crowdkit, "tags")["label"].tolist() == [["a", "b"], [], ["c"]]
    assert plain.pipe(tf.to_crowdkit, "sure")["label"].tolist() == [True, False, True]
    assert plain.pipe(tf.to_crowdkit, "stars")["label"].tolist() == [5.0, 1.0, 3.0]  # as pandas reads integers with gaps


@pytest.mark.parametrize("helper", [tf.to_crowdkit, tf.wide])
def test_of_several_outputs_one_must_be_named(helper: Callable[..., pd.DataFrame]) -> None:
    with pytest.raises(tf.InputError, match=r"There are 4 outputs: OUTPUT:result, .*\nName one: output='result'"):
        answers().pipe(helper)
    with pytest.raises(tf.InputError, match="There is no column 'OUTPUT:reslut'; the nearest is 'OUTPUT:result'") as caught:
        answers().pipe(helper, "reslut")
    assert caught.value.column == "OUTPUT:reslut"


@pytest.mark.parametrize("helper", [tf.to_crowdkit, tf.explode, tf.wide])
def test_a_missing_column_is_named_with_the_nearest(helper: Callable[..., pd.DataFrame]) -> None:
    renamed = answers()[["OUTPUT:result", "ASSIGNMENT:task_id", "ASSIGNMENT:worker_id"]].set_axis(
        ["OUTPUT:result", "ASSIGNMENT:taskid", "ASSIGNMENT:worker_id"], axis="columns"
    )
    with pytest.raises(tf.InputError, match="no column 'ASSIGNMENT:task_id'; the nearest is 'ASSIGNMENT:taskid'") as caught:
        renamed.pipe(helper)
    assert caught.value.column == "ASSIGNMENT:task_id"
    with pytest.raises(tf.InputError, match=r"There is no column OUTPUT:\*"):
        renamed.iloc[:, 1:].pipe(helper)


def test_a_scan_is_no_frame(client: tf.AsyncTolokaClient) -> None:
    with pytest.raises(tf.InputError, match=r"not a Scan\.\nA Scan gives one by \.to_dataframe\(\)"):
        tf.explode(client.get_assignments(pool_id="1"))  # type: ignore[arg-type]


def test_most_of_many_workers_who_are_mostly_right_agree_with_the_truth(
    toloka: LocalToloka, client: tf.AsyncTolokaClient, make_pool: Callable[..., str], tmp_path: Path
) -> None:
    pool_id = make_pool(defaults={"default_overlap_for_new_tasks": 7, "default_overlap_for_new_task_suites": 7})
    pictures = pd.DataFrame({"image": [f"https://example.com/{number}.jpg" for number in range(40)]})
    pictures.pipe(tf.create_tasks, client, pool_id, allow_defaults=True, open_pool=True, progress=False)
    toloka.answer(pool_id, workers=12, accuracy=1.0)
    scan = client.get_assignments(pool_id=pool_id)
    read = [
        scan.to_dataframe(),
        scan.to_dataframe(dtype_backend="pyarrow"),
        pd.read_parquet(scan.to_parquet(tmp_path / "a.parquet")),
    ]
    for frame in read:
        labels = frame.pipe(tf.to_crowdkit)
        assert len(labels) == 280
        truth = frame.drop_duplicates("ASSIGNMENT:task_id").set_index("ASSIGNMENT:task_id")["OUTPUT:result"].to_dict()
        for aggregator in (MajorityVote(), DawidSkene(n_iter=20)):
            assert aggregator.fit_predict(labels).to_dict() == truth


def test_a_real_export_becomes_labels(data: Path) -> None:
    export = pd.read_csv(data / "mera" / "bps_assignments_from_pool_41554142.tsv", sep="\t")
    labels = export.pipe(tf.to_crowdkit)
    answered = export.dropna(subset=["ASSIGNMENT:worker_id", "OUTPUT:correct"])
    assert len(labels) == len(answered)
    assert labels["label"].tolist() == answered["OUTPUT:correct"].tolist()
    assert export.pipe(tf.wide).notna().sum().sum() == len(answered)


def results_of(statuses: list[str], index: list[Any] | None = None) -> pd.DataFrame:
    frame = pd.DataFrame({"status": statuses, "error_field": None, "error_code": None, "error_message": None}, index=index)
    frame.loc[(frame["status"] == "INVALID").to_numpy(), ["error_field", "error_code"]] = ["image", "BAD_URL"]
    return frame.assign(task_id=None, operation_id="o", chunk=0)


STATUSES = ["CREATED", "INVALID", "FAILED", "UNKNOWN", "NOT_SENT"]


def test_failed_rows_come_with_their_reasons_and_pending_ones_with_their_state() -> None:
    frame = pd.DataFrame({"image": list("abcde")})
    refused = frame.pipe(tf.failed, results_of(STATUSES))
    assert list(refused) == ["image", "status", "error_field", "error_code", "error_message"]
    assert refused["image"].tolist() == ["b", "c"]
    assert refused["status"].tolist() == ["INVALID", "FAILED"]
    assert refused["error_code"].isna().tolist() == [False, True]
    assert refused.index.tolist() == [1, 2]
    assert frame.pipe(tf.pending, results_of(STATUSES))[["image", "status"]].to_numpy().tolist() == [
        ["d", "UNKNOWN"],
        ["e", "NOT_SENT"],
    ]


def test_rows_and_results_go_together_by_position_not_by_label() -> None:
    index = [7, 7, 7, 7, 7]
    frame = pd.DataFrame({"image": list("abcde")}, index=index)
    refused = frame.pipe(tf.failed, results_of(STATUSES, index))
    assert refused["image"].tolist() == ["b", "c"]
    assert refused["status"].tolist() == ["INVALID", "FAILED"]
    assert refused.index.tolist() == [7, 7]


@pytest.mark.parametrize("helper", [tf.failed, tf.pending])
def test_results_of_another_frame_are_refused(helper: Callable[..., pd.DataFrame]) -> None:
    frame = pd.DataFrame({"image": list("abcde")})
    with pytest.raises(tf.InputError, match="not the results of this frame: 5 rows and 4"):
        frame.iloc[:4].pipe(helper, results_of(STATUSES))
    with pytest.raises(tf.InputError, match="another index"):
        frame.iloc[::-1].pipe(helper, results_of(STATUSES))
    with pytest.raises(tf.InputError, match="no column 'status'"):
        frame.pipe(helper, results_of(STATUSES).drop(columns="status"))


def test_a_column_of_the_frame_is_not_overwritten_by_a_reason() -> None:
    frame = pd.DataFrame({"status": list("abcde")})
    with pytest.raises(tf.InputError, match=r"a column 'status' of its own\.\nRename it before\.") as caught:
        frame.pipe(tf.failed, results_of(STATUSES))
    assert caught.value.column == "status"


def test_what_failed_is_mended_and_sent(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    mixed = pd.DataFrame({"image": ["https://example.com/a.jpg", "none", "https://example.com/b.jpg"]}, index=[3, 3, 4])
    results = mixed.pipe(tf.create_tasks, client, pool_id, allow_defaults=True, skip_invalid_items=True, progress=False)
    refused = mixed.pipe(tf.failed, results)
    assert refused[["image", "error_field"]].to_numpy().tolist() == [["none", "input_values.image"]]
    assert len(mixed.pipe(tf.pending, results)) == 0
    mended = refused[mixed.columns].assign(image="https://example.com/c.jpg")
    again = mended.pipe(tf.create_tasks, client, pool_id, allow_defaults=True, progress=False)
    assert again["status"].tolist() == ["CREATED"]
    assert len(mended.pipe(tf.failed, again)) == 0


def test_results_that_were_kept_in_a_file_still_belong_to_their_frame(tmp_path: Path) -> None:
    frame = pd.DataFrame({"image": list("abcde")}, index=[f"row {number}" for number in range(5)])
    results_of(STATUSES, list(frame.index)).to_parquet(tmp_path / "results.parquet")
    for backend in ({}, {"dtype_backend": "pyarrow"}, {"dtype_backend": "numpy_nullable"}):
        kept = pd.read_parquet(tmp_path / "results.parquet", **backend)
        assert frame.pipe(tf.failed, kept)["error_code"].fillna("").tolist() == ["BAD_URL", ""]
