"""`compare` measures pools as other functions and crowd-kit do; its intervals hold what they promise, in simulated pools."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from support.all_cases import examples

import toloka_frames as tf
from toloka_frames._frames.intervals import Estimate, agreement_of, median_of, share_of

if TYPE_CHECKING:
    from collections.abc import Callable

MEASURES = ("share_right", "agreement", "seconds")
COLUMNS = {
    "assignments": "int64",
    "tasks": "int64",
    "workers": "int64",
    "control_answers": "int64",
    "banned": "Int64",
    **{f"{name}{end}": "float64" for name in MEASURES for end in ("", "_low", "_high")},
    **{f"{name}_differs": "bool" for name in MEASURES},
    "dollars": "float64",
    "dollars_per_task": "float64",
}


def answers(seed: int, *, pages: int = 120, skill: float = 0.8, seconds: float = 40, pool: str = "7") -> pd.DataFrame:
    """Return answers of twelve workers: pages of a control task and two others, each task answered three times.

    Args:
        seed: The seed of the random numbers.
        pages: The number of pages.
        skill: The mean share of right answers; workers differ by 0.15.
        seconds: The median time for a page; workers differ by a quarter.
        pool: The pool's id.
    """
    chance = np.random.default_rng(seed)
    skills = np.clip(chance.normal(skill, 0.15, 12), 0, 1)
    paces = seconds * np.exp(chance.normal(0, 0.25, 12))
    rows = []
    for page in range(pages):
        worker = (page // 3 + page % 3 * 5 + page // 36) % 12
        time = pd.Timestamp("2026-01-31T09:00", tz="UTC") + pd.Timedelta(minutes=page)
        submitted = time + pd.Timedelta(seconds=round(paces[worker] * math.exp(chance.normal(0, 0.2)), 3))
        for number, golden in enumerate(("cat", None, None)):
            truth = golden or ("cat" if (page // 3 + number) % 2 else "dog")
            is_right = chance.random() < skills[worker]
            rows.append(
                {
                    "OUTPUT:result": truth if is_right else "cat" if truth == "dog" else "dog",
                    "GOLDEN:result": golden,
                    "ASSIGNMENT:task_id": f"{page // 3}-{number}",
                    "ASSIGNMENT:assignment_id": f"a{page:04}",
                    "ASSIGNMENT:worker_id": f"w{worker}",
                    "ASSIGNMENT:status": "REJECTED" if page % 10 == 9 else "ACCEPTED",
                    "ASSIGNMENT:started": time,
                    "ASSIGNMENT:submitted": submitted,
                    "ASSIGNMENT:reward": 0.03,
                    "ASSIGNMENT:pool_id": pool,
                }
            )
    return pd.DataFrame(rows)


def row(frame: pd.DataFrame, **options: Any) -> Any:
    """Return what is said of a pool."""
    return tf.compare([frame], **options).iloc[0]


# -- What is measured


def test_a_pool_is_measured_as_by_hand() -> None:
    frame = answers(1)
    measured = row(frame)
    control = frame.dropna(subset=["GOLDEN:result"])
    once = frame.drop_duplicates("ASSIGNMENT:assignment_id")
    seconds = (once["ASSIGNMENT:submitted"] - once["ASSIGNMENT:started"]).dt.total_seconds() / 3
    assert measured[["assignments", "tasks", "workers", "control_answers"]].tolist() == [120, 120, 12, 120]
    assert measured["share_right"] == pytest.approx((control["OUTPUT:result"] == control["GOLDEN:result"]).mean())
    assert measured["share_right"] == pytest.approx(frame.pipe(tf.quality)["right"].sum() / 120)
    assert measured["seconds"] == pytest.approx(seconds.median())
    assert measured["dollars"] == pytest.approx(frame.pipe(tf.cost)["total"].sum()) == pytest.approx(108 * 0.03)
    accepted = frame[frame["ASSIGNMENT:status"].eq("ACCEPTED") & frame["GOLDEN:result"].isna()]
    assert measured["dollars_per_task"] == pytest.approx(108 * 0.03 / accepted["ASSIGNMENT:task_id"].nunique(), abs=1e-4)
    for name in MEASURES:
        assert measured[f"{name}_low"] < measured[name] < measured[f"{name}_high"]


def test_agreement_is_that_of_crowd_kit(crowd_kit: Any) -> None:  # noqa: ARG001 -- skips where it is not installed
    from crowdkit.metrics.data import alpha_krippendorff  # noqa: PLC0415 -- an optional package

    for seed in range(5):
        frame = answers(seed, skill=0.5 + seed / 10).assign(**{"ASSIGNMENT:status": "ACCEPTED"})
        labels = frame[frame["GOLDEN:result"].isna()].pipe(tf.to_crowdkit)
        assert row(frame)["agreement"] == pytest.approx(alpha_krippendorff(labels))


SUMMARIES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "compare": lambda frame: tf.compare([frame]),
    "quality": tf.quality,
    "over_time": lambda frame: tf.over_time(frame, "1h"),
    "cost": lambda frame: tf.cost(frame, by="worker"),
    "progress_by_status": tf.progress_by_status,
}


@pytest.mark.parametrize("name", SUMMARIES)
def test_a_row_that_is_there_twice_counts_once(name: str) -> None:
    frame = answers(1)
    frame["ASSIGNMENT:accepted"] = frame["ASSIGNMENT:rejected"] = frame["ASSIGNMENT:submitted"]
    for twice in (pd.concat([frame, frame.tail(50)]), frame.loc[frame.index.repeat(2)]):
        pd.testing.assert_frame_equal(SUMMARIES[name](twice), SUMMARIES[name](frame))


ALPHAS = {
    "workers always agree": (["aa", "bb", "aaa"], 1),
    "workers never agree": (["ab", "ab"], -0.5),
    "the example of Krippendorff's paper, nominal data": (
        ["111", "22", "3333", "333", "222", "23", "44", "1121", "22", "55", "33", "3"],
        None,
    ),
    "all labels are the same": (["aa", "aa"], math.nan),
    "no task has two labels": (["a", "b"], math.nan),
    "no tasks": ([], math.nan),
}


@pytest.mark.parametrize("name", ALPHAS)
def test_agreement_equals_the_definition(name: str) -> None:
    tasks, value = ALPHAS[name]
    alpha = agreement_of(tasks).value
    np.testing.assert_allclose(alpha, value if value is not None else by_definition(tasks))


def by_definition(tasks: list[str]) -> float:
    """Return alpha from the table of coincidences: each pair of labels of a task, with the weight 1 / (labels - 1)."""
    coincidences: Counter[tuple[str, str]] = Counter()
    for task in tasks:
        for pair in itertools.permutations(task, 2):
            coincidences[pair] += 1 / (len(task) - 1)  # type: ignore[assignment]
    totals: Counter[str] = Counter()
    for (first, _), weight in coincidences.items():
        totals[first] += weight
    count = totals.total()
    observed = sum(weight for (first, second), weight in coincidences.items() if first != second)
    expected = sum(totals[first] * totals[second] for first, second in itertools.permutations(totals, 2)) / (count - 1)
    return 1 - observed / expected


def test_a_pool_without_control_tasks_has_no_share() -> None:
    frame = answers(1)
    expected = row(frame)
    for other in (frame.drop(columns="GOLDEN:result"), frame.assign(**{"GOLDEN:result": None})):
        measured = row(other)
        assert measured["control_answers"] == 0
        assert measured[["share_right", "share_right_low", "share_right_high"]].isna().all()
        assert measured["seconds"] == expected["seconds"]


def test_several_outputs_agree_where_all_of_them_do() -> None:
    frame = answers(1)
    same = frame.assign(**{"OUTPUT:sure": frame["OUTPUT:result"] == "cat"})
    other = frame.assign(**{"OUTPUT:sure": np.arange(len(frame)).astype(str)})
    assert row(same)["agreement"] == row(frame)["agreement"]
    assert row(other)["agreement"] < row(frame)["agreement"]


def test_assignments_without_an_answer_do_not_count() -> None:
    frame = answers(1)
    skipped = frame.head(3).assign(
        **{"ASSIGNMENT:assignment_id": "b", "ASSIGNMENT:status": "SKIPPED", "ASSIGNMENT:submitted": None, "OUTPUT:result": None}
    )
    pd.testing.assert_series_equal(row(pd.concat([frame, skipped.astype(frame.dtypes)])), row(frame))


BANS: dict[str, tuple[dict[str, Any], int]] = {
    "of other workers": ({"user_id": ["x", "y"], "scope": "PROJECT"}, 0),
    "of the project": ({"user_id": ["w1", "w2", "w2", "x"], "scope": "PROJECT", "pool_id": None}, 2),
    "of this pool": ({"user_id": ["w1", "w2"], "scope": "POOL", "pool_id": ["7", "8"]}, 1),
    "of a replay": ({"worker_id": ["w1", "w2", "w3"], "scope": ["POOL", "PROJECT", None], "pool_id": ["7", "8", "7"]}, 2),
    "none": ({"user_id": [], "scope": []}, 0),
}


@pytest.mark.parametrize("kind", BANS)
def test_banned_workers_are_counted(kind: str) -> None:
    columns, expected = BANS[kind]
    assert row(answers(1), bans=pd.DataFrame(columns))["banned"] == expected


def test_without_bans_nothing_is_said_of_them() -> None:
    assert tf.compare([answers(1)])["banned"].isna().tolist() == [True]


# -- Forms

FORMS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "objects": lambda frame: frame.astype(object),
    "numpy_nullable": lambda frame: frame.convert_dtypes(dtype_backend="numpy_nullable"),
    "pyarrow": lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
    "text": lambda frame: frame.astype("string"),
    "rows in another order": lambda frame: frame.sample(frac=1, random_state=1),
    "other columns": lambda frame: frame.assign(**{"INPUT:image": "https://example.com", "extra": None}),
    "statuses of exports": lambda frame: frame.replace({"ASSIGNMENT:status": {"ACCEPTED": "APPROVED"}}),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_same_answers_has_the_same_row(form: str) -> None:
    pools = [answers(1), answers(2, skill=0.9)]
    measured = tf.compare([FORMS[form](pool) for pool in pools])
    pd.testing.assert_frame_equal(measured, tf.compare(pools))
    assert measured.dtypes.astype(str).to_dict() == COLUMNS


@pytest.mark.parametrize(
    ("pools", "names", "index"),
    [
        (["7", "8"], None, ["7", "8"]),
        (["7", "7"], None, ["1", "2"]),
        (["7", None], None, ["1", "2"]),
        (["7", "8"], ["before", "after"], ["before", "after"]),
        (["7", "8"], (1, 2), ["1", "2"]),
    ],
)
def test_pools_are_named_by_their_ids_unless_names_are_given(pools: list[Any], names: Any, index: list[str]) -> None:
    frames = (answers(1).assign(**{"ASSIGNMENT:pool_id": pool}) for pool in pools)
    measured = tf.compare(frames, names=names)
    assert (measured.index.tolist(), measured.index.name) == (index, "pool")


BAD = {
    "a frame": (lambda frame: (frame, None), "A list with a frame for each pool is needed"),
    "frames by name": (lambda frame: ({"a": frame}, None), "A list with a frame for each pool is needed"),
    "no frames": (lambda _: ([], None), "no pools to compare"),
    "a list of something else": (lambda _: (["7"], None), "A DataFrame is needed"),
    "too few names": (lambda frame: ([frame, frame], ["a"]), "a list of 2 names is needed"),
    "names as text": (lambda frame: ([frame, frame], "ab"), "a list of 2 names is needed"),
    "a missing column": (lambda frame: ([frame.drop(columns="ASSIGNMENT:started")], None), "ASSIGNMENT:started"),
    "no outputs": (lambda frame: ([frame.drop(columns=["OUTPUT:result", "GOLDEN:result"])], None), "OUTPUT:"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_compared_is_refused(name: str) -> None:
    arguments, message = BAD[name]
    pools, names = arguments(answers(1))
    with pytest.raises(tf.InputError) as refused:
        tf.compare(pools, names=names)
    assert message in str(refused.value)


def test_bans_without_workers_are_refused() -> None:
    with pytest.raises(tf.InputError, match="'user_id'"):
        tf.compare([answers(1)], bans=pd.DataFrame({"user": ["w1"]}))


# -- What is noise


def test_a_share_without_clusters_has_the_interval_of_wilson() -> None:
    """The classical example: 81 of 263 (Newcombe 1998, table I)."""
    positive = np.array([1.0] * 81 + [0.0] * 182)
    rng = np.random.default_rng(3)
    estimate = share_of(positive, rng.permutation(263))
    assert (round(estimate.low, 4), round(estimate.high, 4)) == (0.2553, 0.3662)


def test_the_difference_of_shares_is_that_of_newcombe() -> None:
    """56 of 70 and 48 of 80: the interval of the difference is 0.0524 to 0.3339 (Newcombe 1998, table II, method 10)."""
    first = share_of(np.array([1.0] * 56 + [0.0] * 14), np.arange(70))
    second = share_of(np.array([1.0] * 48 + [0.0] * 32), np.arange(80))
    limit = first.value - second.value - math.hypot(first.value - first.low, second.high - second.value)
    assert limit == pytest.approx(0.0524, abs=5e-5)
    assert first.differs(second)
    assert second.differs(first)
    assert not first.differs(Estimate(second.value, second.low, second.high + 0.07))
    assert not first.differs(Estimate())


@pytest.mark.parametrize(("measure", "least"), [("share", 0.9), ("median", 0.9), ("agreement", 0.9)])
def test_intervals_hold_the_truth_nearly_as_often_as_they_promise(measure: str, least: float) -> None:
    """Of many pools of thirty unequal workers; without the clusters the share of the first two would be about 0.6."""
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(examples(300)):
        workers = np.repeat(np.arange(30), 20)
        if measure == "share":
            positive = rng.random(600) < rng.beta(4, 1.5, 30)[workers]
            estimate, truth = share_of(positive.astype(float), workers), 4 / 5.5
        elif measure == "median":
            estimate, truth = median_of(np.exp(rng.normal(0, 0.5, 30)[workers] + rng.normal(0, 0.4, 600)), workers), 1.0
        else:
            given = rng.random((150, 3)) < 0.85
            estimate, truth = (
                agreement_of(["".join("cd"[right ^ task % 2] for right in row) for task, row in enumerate(given)]),
                0.49,
            )
        hits += estimate.low <= truth <= estimate.high
    assert least <= hits / examples(300) <= 1


def test_equal_pools_rarely_differ_and_unequal_ones_do() -> None:
    equal = [tf.compare([answers(seed), answers(seed + 100)]).iloc[1] for seed in range(20)]
    assert sum(measured["share_right_differs"] + measured["seconds_differs"] for measured in equal) <= 4
    unequal = [
        tf.compare([answers(seed, pages=360), answers(seed + 100, pages=360, skill=0.5, seconds=90)]).iloc[1]
        for seed in range(5)
    ]
    assert all(measured[f"{name}_differs"] for measured in unequal for name in MEASURES)


def test_the_first_pool_differs_from_none_and_the_same_call_has_the_same_result() -> None:
    pools = [answers(1), answers(2, skill=0.5)]
    measured = tf.compare(pools)
    assert not measured.iloc[0][[f"{name}_differs" for name in MEASURES]].any()
    pd.testing.assert_frame_equal(measured, tf.compare(pools))
