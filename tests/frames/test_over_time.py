"""`over_time` counts each event in its period, has all periods, and agrees with counts by brute force."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from support.plot_pictures import answers

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable

COLUMNS = {
    "submitted": "int64",
    "accepted": "int64",
    "rejected": "int64",
    "spent": "float64",
    "control_answers": "int64",
    "share_right": "float64",
    "workers": "int64",
}
FORMS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "as returned": lambda frame: frame,
    "objects": lambda frame: frame.astype(object),
    "numpy_nullable": lambda frame: frame.convert_dtypes(dtype_backend="numpy_nullable"),
    "pyarrow": lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
    "text": lambda frame: frame.astype("string"),
    "another zone": lambda frame: frame.assign(
        **{name: frame[name].dt.tz_convert("Asia/Tokyo") for name in frame if frame[name].dtype.kind == "M"}
    ),
    "without a zone": lambda frame: frame.assign(
        **{name: frame[name].dt.tz_localize(None) for name in frame if frame[name].dtype.kind == "M"}
    ),
    "two tasks in each assignment": lambda frame: pd.concat([frame, frame.assign(**{"GOLDEN:result": None})]),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_same_answers_has_the_same_counts(form: str) -> None:
    frame = FORMS[form](answers(300, hours=40)).pipe(tf.over_time, "1h")
    assert frame.dtypes.astype(str).to_dict() == COLUMNS
    assert (str(frame.index.dtype), frame.index.name) == ("datetime64[us, UTC]", "period")
    pd.testing.assert_frame_equal(frame, answers(300, hours=40).pipe(tf.over_time, "1h"))


@pytest.mark.parametrize("freq", ["15min", "1h", "7h", "1D", timedelta(minutes=50), pd.Timedelta("2h"), pd.offsets.Hour(3)])
def test_counts_equal_those_by_brute_force(freq: Any) -> None:
    frame = answers(200, hours=30)
    length = pd.Timedelta(freq if not isinstance(freq, str) else {"1D": "24h"}.get(freq, freq))
    counted = frame.pipe(tf.over_time, freq)
    for period, row in counted.iterrows():
        during = {
            name: frame[frame[f"ASSIGNMENT:{name}"].between(period, period + length, inclusive="left")]
            for name in ("submitted", "accepted", "rejected")
        }
        assert {name: row[name] for name in during} == {name: len(rows) for name, rows in during.items()}
        assert row["spent"] == pytest.approx(0.02 * len(during["accepted"]), abs=1e-9)
        assert row["workers"] == during["submitted"]["ASSIGNMENT:worker_id"].nunique()
        control = during["submitted"].dropna(subset=["GOLDEN:result"])
        right = control["GOLDEN:result"].eq(control["OUTPUT:result"])
        assert row["control_answers"] == len(control)
        np.testing.assert_equal(row["share_right"], right.mean() if len(control) else np.nan)
    assert counted[["submitted", "accepted", "rejected"]].sum().tolist() == [200, 180, 20]
    assert counted.index.to_series().diff().dropna().eq(length).all()


def test_money_adds_up_as_in_cost() -> None:
    frame = answers(1_000, hours=100)
    assert (
        round(frame.pipe(tf.over_time)["spent"].sum(), 4)
        == frame.assign(**{"ASSIGNMENT:pool_id": "1"}).pipe(tf.cost)["total"].sum()
    )


@pytest.mark.parametrize(
    ("freq", "starts"),
    [
        ("W", ["2026-01-26", "2026-02-02"]),  # a Monday
        ("MS", ["2026-01-01", "2026-02-01"]),
        ("ME", ["2026-01-01", "2026-02-01"]),
        ("QS", ["2026-01-01"]),
        ("YE", ["2026-01-01"]),
    ],
)
def test_weeks_and_months_are_named_by_their_start_and_include_their_last_day(freq: str, starts: list[str]) -> None:
    frame = answers(2).assign(**{"ASSIGNMENT:status": "SUBMITTED", "ASSIGNMENT:submitted": ["2026-01-31T23:59", "2026-02-02"]})
    counted = frame.pipe(tf.over_time, freq)
    assert counted.index.strftime("%Y-%m-%d").tolist() == starts
    assert counted["submitted"].tolist() == ([1, 1] if len(starts) == 2 else [2])


def test_a_period_without_events_is_a_row_of_zeros_without_a_share() -> None:
    frame = answers(2).assign(
        **{"ASSIGNMENT:submitted": ["2026-01-31T09:50", "2026-01-31T12:10"], "ASSIGNMENT:status": "SUBMITTED"}
    )
    empty = frame.pipe(tf.over_time, "1h").iloc[1:3]
    assert empty.drop(columns="share_right").to_numpy().tolist() == [[0.0] * 6] * 2
    assert empty["share_right"].isna().all()


def test_answers_without_known_solutions_have_no_share() -> None:
    counted = answers().drop(columns=["GOLDEN:result", "OUTPUT:result"]).pipe(tf.over_time)
    assert counted["control_answers"].sum() == 0
    assert counted["share_right"].isna().all()
    assert counted["submitted"].sum() == 60


def test_no_answers_are_no_periods_with_the_same_columns() -> None:
    counted = answers().iloc[:0].pipe(tf.over_time)
    assert counted.dtypes.astype(str).to_dict() == COLUMNS
    assert str(counted.index.dtype) == "datetime64[us, UTC]"
    assert len(counted) == 0


def test_the_time_of_rejection_is_needed_only_if_an_assignment_was_rejected() -> None:
    without = answers().drop(columns="ASSIGNMENT:rejected")
    accepted = without[without["ASSIGNMENT:status"].eq("ACCEPTED")]
    assert accepted.pipe(tf.over_time)["rejected"].sum() == 0
    with pytest.raises(tf.InputError, match="no column 'ASSIGNMENT:rejected'"):
        without.pipe(tf.over_time)


@pytest.mark.parametrize("name", ["ASSIGNMENT:submitted", "ASSIGNMENT:accepted", "ASSIGNMENT:reward"])
@pytest.mark.parametrize("value", ["yesterday", ["2026-01-31"]], ids=repr)
def test_a_value_of_another_kind_names_its_column(name: str, value: Any) -> None:
    frame = answers().astype({name: object})
    row = frame["ASSIGNMENT:status"].eq("ACCEPTED").tolist().index(True)
    frame[name] = pd.Series([*frame[name][:row], value, *frame[name][row + 1 :]], frame.index, dtype=object)
    with pytest.raises(tf.InputError, match=f"Column '{name}' has values that are no"):
        frame.pipe(tf.over_time)


@pytest.mark.parametrize("name", [name for name in answers() if name.startswith("ASSIGNMENT:") and "task" not in name])
def test_a_missing_column_is_named(name: str) -> None:
    with pytest.raises(tf.InputError, match=f"no column '{name}'"):
        answers().drop(columns=name).pipe(tf.over_time)


@pytest.mark.parametrize(
    "freq", ["1x", "", "0h", "-1h", "hour of power", None, 5, 1.5, True, [], timedelta(0), timedelta(hours=-1), pd.NaT]
)
def test_what_is_no_length_of_time_is_rejected_with_examples(freq: Any) -> None:
    for function in (tf.over_time, tf.plot_over_time):
        with pytest.raises(tf.InputError, match=r"is not a positive length of time(.|\n)*'1h'") as caught:
            function(answers(), freq)
        assert caught.value.column == "freq"


def test_more_than_a_million_periods_are_rejected() -> None:
    with pytest.raises(tf.InputError, match=r"freq='s' makes 1,0.* periods"):
        answers(60, hours=300).pipe(tf.over_time, "1s")
