"""Quality on control tasks, progress and cost equal what is counted by hand, for frames with any dtypes."""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toloka_frames.local import LocalToloka

TEXT = pd.StringDtype("pyarrow")
DAY = pd.Timestamp("2026-01-31", tz="UTC")

FORMS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "to_dataframe": lambda frame: frame,
    "objects": lambda frame: frame.astype(object),
    "numpy_nullable": lambda frame: frame.convert_dtypes(dtype_backend="numpy_nullable"),
    "pyarrow": lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
}


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return FORMS[request.param]


def control_answers() -> pd.DataFrame:
    """Return answers to control tasks with one and two known fields, and to tasks without a known solution."""
    return pd.DataFrame(
        {
            "OUTPUT:result": pd.array(["cat", "cat", "dog", "cat", None, "dog"], dtype=TEXT),
            "OUTPUT:sure": pd.array([True, False, None, None, None, True], dtype="boolean"),
            "GOLDEN:result": pd.array(["cat", "cat", "dog", None, "cat", None], dtype=TEXT),
            "GOLDEN:sure": pd.array([True, True, None, None, None, False], dtype="boolean"),
            "ASSIGNMENT:worker_id": pd.array(["anna", "anna", "boris", "carla", "carla", "boris"], dtype=TEXT),
        }
    )


def test_an_answer_is_right_if_every_known_field_is_right(form: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    workers = form(control_answers()).pipe(tf.quality)
    assert workers.index.name == "worker"
    assert workers.reset_index().to_numpy().tolist() == [["anna", 2, 1, 0.5], ["boris", 2, 1, 0.5]]
    assert [str(dtype) for dtype in workers.dtypes] == ["int64", "int64", "float64"]


def test_a_field_without_a_known_solution_is_not_wrong() -> None:
    frame = control_answers().iloc[[2]].assign(**{"OUTPUT:sure": pd.array([True], dtype="boolean")})
    assert frame.pipe(tf.quality)["share"].to_dict() == {"boris": 1.0}


def test_an_empty_field_is_wrong_and_an_answer_without_values_does_not_count() -> None:
    blank = control_answers().iloc[[0, 4]].assign(**{"OUTPUT:sure": pd.array([None, None], dtype="boolean")})
    assert blank.pipe(tf.quality).to_dict("index") == {"anna": {"control_answers": 1, "right": 0, "share": 0.0}}


def test_lists_are_right_if_they_are_equal() -> None:
    tags = pd.ArrowDtype(pa.list_(pa.string()))
    frame = pd.DataFrame(
        {
            "OUTPUT:tags": pd.array([["a", "b"], ["a"], []], dtype=tags),
            "GOLDEN:tags": pd.array([["a", "b"], ["b"], []], dtype=tags),
            "ASSIGNMENT:worker_id": ["anna", "anna", "boris"],
        }
    )
    assert frame.pipe(tf.quality)["share"].to_dict() == {"anna": 0.5, "boris": 1.0}


# known solution, answer, and whether they are equal; None for those that cannot be compared
SPELLINGS: list[tuple[Any, Any, bool | None]] = [
    (7, "7", True),
    (7.0, "7", True),
    ("7", 7, True),
    (0.1, "0.10", True),
    ("1e3", 1000, True),
    (7, "8", False),
    (2**53, str(2**53 + 1), False),
    ("007", "7", False),
    ("007", "007", True),
    ("1.0", "1", False),
    (np.float32(0.1), 0.1, True),
    (Decimal("0.1"), 0.1, True),
    (True, "true", True),
    ("True", True, True),
    ("FALSE", False, True),
    (True, "false", False),
    ('{"a": 1, "b": [2, 3]}', '{"b":[2,3.0],"a":1}', True),
    ('{"a": 1}', '{"a": 2}', False),
    ({"a": 1, "b": "c"}, '{"b": "c", "a": 1}', True),
    (["a", "b"], '["a", "b"]', True),
    (["a", "b"], ["b", "a"], False),
    (("a", 1), ["a", 1.0], True),
    (5, "cat", None),
    (["cat"], "cat", None),
    (pd.Timestamp("2026-01-01"), "2026-01-01", None),
]


@pytest.mark.parametrize(("known", "answer", "expected"), SPELLINGS)
def test_answers_are_compared_by_value(known: Any, answer: Any, expected: bool | None) -> None:
    frame = pd.DataFrame(
        {
            "OUTPUT:x": pd.Series([answer, None, answer], dtype=object),
            "GOLDEN:x": pd.Series([known, known, ""], dtype=object),
            "OUTPUT:y": ["z", "z", "z"],
            "ASSIGNMENT:worker_id": "anna",
        }
    )
    if expected is None:
        with pytest.raises(tf.InputError, match=r"Columns 'GOLDEN:x' \(object\) and 'OUTPUT:x' \(object\) cannot be compared"):
            frame.pipe(tf.quality)
        return
    # the second answer is missing and so not right, the third task is not a control task
    assert frame.pipe(tf.quality).to_dict("index") == {
        "anna": {"control_answers": 2, "right": int(expected), "share": expected / 2}
    }


def test_an_answer_of_another_kind_is_wrong_next_to_others_that_can_be_compared() -> None:
    frame = pd.DataFrame({"OUTPUT:x": ["5", "cat"], "GOLDEN:x": [5, 5], "ASSIGNMENT:worker_id": ["anna", "boris"]})
    assert frame.pipe(tf.quality)["share"].to_dict() == {"anna": 1.0, "boris": 0.0}


def test_columns_that_occur_twice_are_rejected() -> None:
    twice = control_answers()
    twice = pd.concat([twice, twice[["OUTPUT:result"]]], axis=1)
    for function in (tf.quality, tf.to_crowdkit, tf.explode):
        with pytest.raises(tf.InputError):
            function(twice)


@pytest.mark.parametrize("convert", [pl.DataFrame, pa.table], ids=["Polars", "Arrow"])
def test_frames_of_other_libraries_are_taken(convert: Callable[[Any], Any]) -> None:
    columns = {"OUTPUT:result": ["cat", "dog"], "GOLDEN:result": ["cat", "cat"], "ASSIGNMENT:worker_id": ["anna", "anna"]}
    assert tf.quality(convert(columns))["share"].to_dict() == {"anna": 0.5}
    labels = tf.to_crowdkit(convert({**columns, "ASSIGNMENT:task_id": ["1", "2"]}))
    assert labels.to_numpy().tolist() == [["1", "anna", "cat"], ["2", "anna", "dog"]]


def test_without_control_tasks_there_are_no_rows(form: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    workers = form(control_answers().iloc[[3]]).pipe(tf.quality)
    assert workers.shape == (0, 3)
    assert [str(dtype) for dtype in workers.dtypes] == ["int64", "int64", "float64"]


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        (["GOLDEN:result", "GOLDEN:sure"], r"no column GOLDEN:\*"),
        (["OUTPUT:sure"], "no column 'OUTPUT:sure'"),
        (["ASSIGNMENT:worker_id"], "no column 'ASSIGNMENT:worker_id'"),
    ],
)
def test_quality_names_a_missing_column(missing: list[str], message: str) -> None:
    with pytest.raises(tf.InputError, match=message):
        control_answers().drop(columns=missing).pipe(tf.quality)


@pytest.fixture
def answered(toloka: LocalToloka, client: tf.AsyncTolokaClient, make_pool: Callable[..., str]) -> str:
    """Return the id of a pool with control tasks, answered by Tolokers who make mistakes."""
    pool_id = make_pool(defaults={"default_overlap_for_new_tasks": 5, "default_overlap_for_new_task_suites": 5})
    tasks = pd.DataFrame({"INPUT:image": [f"https://example.com/{number}.jpg" for number in range(60)]})
    tasks["GOLDEN:result"] = [["cat", "dog"][number % 2] if number < 20 else None for number in range(60)]
    tasks.pipe(tf.create_tasks, client, pool_id, allow_defaults=True, open_pool=True, progress=False)
    toloka.answer(pool_id, workers=8, accuracy=0.7)
    return pool_id


def test_quality_equals_a_count_over_the_rows_of_the_api(client: tf.AsyncTolokaClient, answered: str) -> None:
    right = defaultdict(list)
    for row in client.get_assignments(pool_id=answered):
        for task, solution in zip(row["tasks"], row["solutions"], strict=True):
            for known in task.get("known_solutions") or ():
                right[row["user_id"]].append(known["output_values"] == solution["output_values"])
    workers = client.get_assignments(pool_id=answered).to_dataframe().pipe(tf.quality)
    assert workers["control_answers"].to_dict() == {worker: len(outcomes) for worker, outcomes in right.items()}
    assert workers["right"].to_dict() == {worker: sum(outcomes) for worker, outcomes in right.items()}
    assert 0 < workers["share"].mean() < 1


def test_crowd_kit_weights_votes_by_quality(client: tf.AsyncTolokaClient, answered: str, crowd_kit: Any) -> None:
    answers = client.get_assignments(pool_id=answered).to_dataframe()
    skills = answers.pipe(tf.quality)["share"]
    labels = crowd_kit.MajorityVote().fit_predict(answers.pipe(tf.to_crowdkit), skills)
    assert len(labels) == answers["ASSIGNMENT:task_id"].nunique()


def test_quality_of_a_real_export(data: Path) -> None:
    export = pd.read_csv(data / "mera" / "bps_assignments_from_pool_41554142.tsv", sep="\t")
    workers = export.pipe(tf.quality)
    control = export[export["GOLDEN:correct"].notna()]
    assert workers["control_answers"].sum() == len(control) > 0
    assert workers["right"].sum() == (control["GOLDEN:correct"] == control["OUTPUT:correct"]).sum()


def batches() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "status": pd.array(["PROCESSING", "COMPLETED", "COMPLETED", None, "NEW"], dtype=TEXT),
            "items_count": pd.array([20, 10, 10, None, 0], dtype="Int64"),
            "items_processed_count": pd.array([5, 10, 10, None, 0], dtype="Int64"),
        }
    )


def test_progress_of_batches_sums_up_their_items(form: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    progress = form(batches()).pipe(tf.progress_by_status)
    assert [str(dtype) for dtype in progress.dtypes] == ["int64", "int64", "int64", "float64"]
    assert progress.loc["COMPLETED"].tolist() == [2, 20, 20, 1.0]
    assert progress.loc["PROCESSING"].tolist() == [1, 20, 5, 0.25]
    assert progress.index[0] == "COMPLETED"
    assert progress["count"].sum() == len(batches())
    assert progress["share"].isna().sum() == 2


def test_progress_of_pools_is_their_number(client: tf.AsyncTolokaClient, make_pool: Callable[..., str]) -> None:
    for _ in range(3):
        make_pool()
    progress = client.get_pools().to_dataframe().pipe(tf.progress_by_status)
    assert progress.to_dict("index") == {"CLOSED": {"count": 3}}


def test_progress_of_answers_counts_assignments(client: tf.AsyncTolokaClient, answered: str) -> None:
    scan = client.get_assignments(pool_id=answered)
    assert scan.to_dataframe().pipe(tf.progress_by_status)["count"].to_dict() == Counter(row["status"] for row in scan)


def test_empty_rows_between_assignments_do_not_count() -> None:
    with_empty_rows = paid().reindex(range(8))
    assert with_empty_rows.pipe(tf.progress_by_status)["count"].sum() == 5


def test_progress_of_an_empty_frame_has_no_rows() -> None:
    assert batches().iloc[:0].pipe(tf.progress_by_status).shape == (0, 4)


def test_progress_names_a_missing_column() -> None:
    with pytest.raises(tf.InputError, match="no column 'status'; the nearest is 'state'"):
        batches().rename(columns={"status": "state"}).pipe(tf.progress_by_status)
    with pytest.raises(tf.InputError, match="no column 'items_processed_count'"):
        batches().drop(columns="items_processed_count").pipe(tf.progress_by_status)


def paid() -> pd.DataFrame:
    """Return three accepted assignments, one of them with two tasks, a rejected one and a submitted one."""
    accepted = pd.to_datetime(
        ["2026-01-31T23:59:59.999", "2026-01-31T23:59:59.999", "2026-02-01", "2026-02-01", None, None],
        format="ISO8601",
        utc=True,
    )
    return pd.DataFrame(
        {
            "ASSIGNMENT:assignment_id": pd.array(["a1", "a1", "a2", "a3", "a4", "a5"], dtype=TEXT),
            "ASSIGNMENT:pool_id": pd.array(["p1", "p1", "p1", "p2", "p2", "p2"], dtype=TEXT),
            "ASSIGNMENT:worker_id": pd.array(["anna", "anna", "anna", "boris", "boris", "anna"], dtype=TEXT),
            "ASSIGNMENT:status": pd.array(
                ["ACCEPTED", "ACCEPTED", "ACCEPTED", "APPROVED", "REJECTED", "SUBMITTED"], dtype=TEXT
            ),
            "ASSIGNMENT:reward": [0.1, 0.1, 0.2, 0.019, 5.0, 5.0],
            "ASSIGNMENT:accepted": accepted.as_unit("us"),
        }
    )


def bonuses() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "user_id": pd.array(["anna", "boris", "diana"], dtype=TEXT),
            "amount": [0.2, 0.005, 1.0],
            "assignment_id": pd.array(["a1", "a4", None], dtype=TEXT),
            "created": pd.to_datetime(["2026-01-31T12:00", "2026-02-02T12:00", "2026-02-02T13:00"], utc=True).as_unit("us"),
        }
    )


def rows(frame: pd.DataFrame) -> list[list[Any]]:
    with_index = frame.reset_index()
    return with_index.astype(object).where(with_index.notna(), None).to_numpy().tolist()


def test_an_accepted_assignment_is_paid_once(form: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    spent = form(paid()).pipe(tf.cost)
    assert rows(spent) == [["p1", 2, 0.3, 0.0, 0.3], ["p2", 1, 0.019, 0.0, 0.019]]
    assert list(spent) == ["assignments", "reward", "bonus", "total"]
    assert [str(dtype) for dtype in spent.dtypes] == ["int64", "float64", "float64", "float64"]


def test_bonuses_are_added_to_their_worker_pool_and_day(form: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    both = form(paid()), form(bonuses())
    assert rows(tf.cost(*both, by="worker")) == [
        ["anna", 2, 0.3, 0.2, 0.5],
        ["boris", 1, 0.019, 0.005, 0.024],
        ["diana", 0, 0.0, 1.0, 1.0],
    ]
    assert rows(tf.cost(*both, by="pool")) == [
        ["p1", 2, 0.3, 0.2, 0.5],
        ["p2", 1, 0.019, 0.005, 0.024],
        [None, 0, 0.0, 1.0, 1.0],
    ]
    day = pd.Timedelta(days=1)
    assert rows(tf.cost(*both, by="day")) == [
        [DAY, 1, 0.1, 0.2, 0.3],
        [DAY + day, 2, 0.219, 0.0, 0.219],
        [DAY + 2 * day, 0, 0.0, 1.005, 1.005],
    ]


def test_cost_by_several_keys_has_an_index_of_several_levels(form: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    spent = form(paid()).pipe(tf.cost, form(bonuses()), by=["worker", "day"])
    assert spent.index.names == ["worker", "day"]
    assert spent.loc[("anna", DAY)].tolist() == [1, 0.1, 0.2, 0.3]
    assert spent["total"].sum() == pytest.approx(1.524)
    assert spent.reset_index()["day"].dtype == "datetime64[us, UTC]"


def test_many_small_rewards_sum_up_exactly() -> None:
    many = pd.DataFrame(
        {
            "ASSIGNMENT:assignment_id": [f"a{number}" for number in range(100_000)],
            "ASSIGNMENT:pool_id": "p",
            "ASSIGNMENT:status": "ACCEPTED",
            "ASSIGNMENT:reward": 0.0123,
        }
    )
    assert many.pipe(tf.cost)["reward"].tolist() == [1230.0]


def test_half_of_the_last_digit_is_rounded_up() -> None:
    halves = paid().iloc[[0]].assign(**{"ASSIGNMENT:reward": 0.00015})
    assert halves.pipe(tf.cost)["reward"].tolist() == [0.0002]


def test_an_assignment_without_a_reward_costs_nothing(form: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    free = form(paid().assign(**{"ASSIGNMENT:reward": [None] * 6}))
    assert free.pipe(tf.cost)["reward"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("by", ["pool", "day", "worker", ["day", "pool"]])
def test_an_empty_frame_costs_nothing(by: Any, form: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    empty = form(paid().iloc[:0])
    assert empty.pipe(tf.cost, by=by).shape == (0, 4)
    assert empty.pipe(tf.cost, form(bonuses().iloc[:0]), by=by).shape == (0, 4)
    assert empty.pipe(tf.cost, form(bonuses()), by=by)["bonus"].sum() == pytest.approx(1.205)


def test_cost_equals_the_sum_over_the_rows_of_the_api(client: tf.AsyncTolokaClient, answered: str, tmp_path: Path) -> None:
    scan = client.get_assignments(pool_id=answered)
    rewards: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in scan:
        rewards[row["user_id"]] += Decimal(str(row["reward"]))
    expected = {worker: float(reward) for worker, reward in rewards.items()}
    for frame in (scan.to_dataframe(), pd.read_parquet(scan.to_parquet(tmp_path / "answers.parquet"))):
        assert frame.pipe(tf.cost, by="worker")["reward"].to_dict() == expected
        assert frame.pipe(tf.cost, by=["pool", "day"])["total"].sum() == pytest.approx(sum(expected.values()))


def test_cost_of_a_real_export(data: Path) -> None:
    export = pd.read_csv(data / "mera" / "bps_assignments_from_pool_41554142.tsv", sep="\t")
    spent = export.pipe(tf.cost, by=["day", "worker"])
    assignments = export.dropna(subset=["ASSIGNMENT:assignment_id"]).drop_duplicates("ASSIGNMENT:assignment_id")
    assert spent["assignments"].sum() == len(assignments)
    assert spent["reward"].sum() == pytest.approx(assignments["ASSIGNMENT:reward"].sum())
    with pytest.raises(tf.InputError, match="no column 'ASSIGNMENT:pool_id'"):
        export.pipe(tf.cost)


@pytest.mark.parametrize("by", ["wroker", [], ["pool", "pool"], ["pool", 3]])
def test_cost_rejects_other_keys(by: Any) -> None:
    with pytest.raises(tf.InputError, match="pool, day, worker") as caught:
        paid().pipe(tf.cost, by=by)
    assert caught.value.column == "by"


@pytest.mark.parametrize("by", [("pool", "assignment_id"), ("day", "created"), ("worker", "user_id")])
def test_cost_names_a_missing_column_of_the_bonuses(by: tuple[Any, str]) -> None:
    key, column = by
    with pytest.raises(tf.InputError, match=f"no column '{column}'"):
        paid().pipe(tf.cost, bonuses().drop(columns=column), by=key)
