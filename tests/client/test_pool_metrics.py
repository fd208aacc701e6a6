"""`pool_metrics`: a row for each pool and metric, as the service computes them, and a history that grows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from support.scripted_server import Scripted, reply

import toloka_frames as tf
from toloka_frames._client.pool_metrics import DEFAULT_METRICS, METRICS

if TYPE_CHECKING:
    from pathlib import Path

    from toloka_frames.local import LocalToloka

COLUMNS = {
    "time": "datetime64[us, UTC]",
    "pool_id": str(pd.Series(["text"]).dtype),
    "metric": str(pd.Series(["text"]).dtype),
    "value": "float64",
}


def open_pool(toloka: LocalToloka) -> tf.Row:
    pool = toloka.example_pool()
    images = pd.DataFrame({"image": [f"https://example.com/{row}.jpg" for row in range(8)]})
    images.pipe(tf.create_tasks, toloka.client(), pool_id=pool, overlap=2, open_pool=True, progress=False)
    return pool


@pytest.fixture
def pools(toloka: LocalToloka) -> list[tf.Row]:
    """Two pools: one with answers, one without."""
    made = [open_pool(toloka), open_pool(toloka)]
    toloka.answer(made[0], workers=2)
    return made


def test_values_are_those_of_the_answers(toloka: LocalToloka, pools: list[tf.Row]) -> None:
    client = toloka.client()
    answers = client.get_assignments(pools[0]).to_dataframe()
    once = answers.drop_duplicates("ASSIGNMENT:assignment_id")
    values = tf.pool_metrics(client, pools[0], METRICS).set_index("metric")["value"]
    seconds = (once["ASSIGNMENT:submitted"] - once["ASSIGNMENT:started"]).dt.total_seconds()
    assert values["submitted_assignments_count"] == len(once) > 0
    assert values["approved_assignments_count"] == once["ASSIGNMENT:accepted"].notna().sum()
    assert values["unique_submitters_count"] == once["ASSIGNMENT:worker_id"].nunique() == 2
    assert values["spent_budget"] == answers.pipe(tf.cost)["total"].sum()
    assert values["avg_submit_assignment_millis"] == pytest.approx(1000 * seconds.mean(), abs=1)
    assert values["completion_percentage"] == 100
    assert values["rejected_assignments_count"] == values["pool_bans_count"] == 0
    assert values.index.tolist() == list(METRICS)


def test_bans_count_where_they_hold(toloka: LocalToloka, pools: list[tf.Row]) -> None:
    client = toloka.client()
    users = client.get_assignments(pools[0]).to_dataframe()["ASSIGNMENT:worker_id"].unique()
    client.set_user_restriction(scope="POOL", user_id=users[0], pool_id=pools[0].id)
    for user in users:
        client.set_user_restriction(scope="PROJECT", user_id=user, project_id=pools[0].project_id)
    table = tf.pool_metrics(client, pools, ["pool_bans_count", "project_bans_count"])
    same_project = pools[0].project_id == pools[1].project_id
    assert table["value"].tolist() == [1, 2, 0, 2 if same_project else 0]


def test_rows_are_in_the_given_order_by_ten_a_request(toloka: LocalToloka) -> None:
    client, pools = toloka.client(), [open_pool(toloka) for _ in range(4)]
    names = list(DEFAULT_METRICS)[::-1]
    before = len(toloka.requests)
    frame = tf.pool_metrics(client, pd.DataFrame({"id": [pool.id for pool in pools]}), names)
    assert frame[["pool_id", "metric"]].to_numpy().tolist() == [[pool.id, name] for pool in pools for name in names]
    posts = [request for request in toloka.requests[before:] if request.method == "POST"]
    assert len(posts) == 4
    assert frame.dtypes.astype(str).to_dict() == COLUMNS
    assert frame.index.equals(pd.RangeIndex(32))


def test_the_default_is_a_set_of_metrics_and_a_pool_or_a_metric_counts_once(toloka: LocalToloka, pools: list[tf.Row]) -> None:
    client = toloka.client()
    assert tf.pool_metrics(client, pools[0])["metric"].tolist() == list(DEFAULT_METRICS)
    twice = tf.pool_metrics(client, [pools[0], pools[0].id], ["spent_budget", "spent_budget"])
    assert len(twice) == len(tf.pool_metrics(client, int(pools[0].id), "spent_budget")) == 1


def test_times_are_those_of_the_service(toloka: LocalToloka, pools: list[tf.Row]) -> None:
    begin = pd.Timestamp.now("UTC")
    frame = tf.pool_metrics(toloka.client(), pools, ["spent_budget", "pool_bans_count"])
    assert len(set(frame["time"])) == 1
    assert frame["time"].between(begin - pd.Timedelta(seconds=1), pd.Timestamp.now("UTC") + pd.Timedelta(seconds=1)).all()


RESULTS: dict[str, tuple[Any, float]] = {
    "a number": (7, 7),
    "a fraction": (0.3, 0.3),
    "an object": ({"type": "EXACT", "value": 55, "infinite": False, "approximate": False}, 55),
    "an approximate one": ({"value": 55, "infinite": False, "approximate": True}, 55),
    "an infinite one": ({"value": None, "infinite": True, "approximate": False}, math.inf),
    "no value": ({"infinite": False}, math.nan),
    "null": (None, math.nan),
    "text": ("many", math.nan),
}


@pytest.mark.parametrize("form", RESULTS)
def test_results_of_every_form_are_numbers(form: str, scripted: Scripted) -> None:
    result, value = RESULTS[form]
    answer = {"request": {}, "result": result, "finished": "2021-11-18T09:33:54.388"}
    ended = {"id": "op", "type": "ANALYTICS", "status": "SUCCESS", "details": {"value": [answer]}}
    scripted.answers = [reply(ended, 202), reply(ended)]
    frame = tf.pool_metrics(scripted.async_client(), "7", "completion_percentage")
    np.testing.assert_equal(frame["value"].tolist(), [value])
    assert frame["time"].tolist() == [pd.Timestamp("2021-11-18T09:33:54.388", tz="UTC")]


def test_a_service_that_leaves_a_result_out_is_an_error(scripted: Scripted) -> None:
    ended = {"id": "op", "type": "ANALYTICS", "status": "SUCCESS", "details": {"value": []}}
    scripted.answers = [reply(ended, 202), reply(ended)]
    with pytest.raises(tf.BadAnswer, match="statistics"):
        tf.pool_metrics(scripted.async_client(), "7", "spent_budget")


# -- What is refused

BAD: dict[str, tuple[dict[str, Any], str]] = {
    "a wrong name": ({"what": ["spent_budjet"]}, "'spent_budjet' is no metric; the nearest is 'spent_budget'"),
    "no names": ({"what": []}, "a list of metrics is needed"),
    "a number": ({"what": 3}, "a list of metrics is needed"),
    "no pools": ({"pool_ids": []}, "pool_ids has no ids"),
    "another client": ({"client": "7"}, "not a TolokaClient"),
    "a folder": ({"history": "."}, "is a folder"),
    "a missing folder": ({"history": "missing/metrics.parquet"}, "does not exist"),
    "another file": ({"history": "text.csv"}, "is not a history of metrics"),
    "another table": ({"history": "other.parquet"}, "is not a history of metrics"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_valid_is_refused_before_anything_is_sent(
    name: str, scripted: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.csv").write_text("time,value\n")
    pd.DataFrame({"time": [1]}).to_parquet(tmp_path / "other.parquet")
    options, message = BAD[name]
    arguments = {"client": scripted.async_client(), "pool_ids": "7", "what": "spent_budget"} | options
    with pytest.raises(tf.InputError) as refused:
        tf.pool_metrics(**arguments)
    assert message in str(refused.value)
    assert scripted.requests == []


def test_an_unknown_pool_is_an_error_and_the_history_stays(toloka: LocalToloka, pools: list[tf.Row], tmp_path: Path) -> None:
    client, path = toloka.client(), tmp_path / "metrics.parquet"
    before = tf.pool_metrics(client, pools, "spent_budget", history=path)
    for what, error in (("spent_budget", tf.ValidationFailed), ("pool_bans_count", tf.NotFound)):
        with pytest.raises(error):
            tf.pool_metrics(client, "999", what, history=path)
    pd.testing.assert_frame_equal(pd.read_parquet(path), before)


# -- The history


def test_a_history_has_all_that_was_measured(toloka: LocalToloka, pools: list[tf.Row], tmp_path: Path) -> None:
    client, path = toloka.client(), tmp_path / "metrics.parquet"
    first = tf.pool_metrics(client, pools[0], ["spent_budget"], history=path)
    second = tf.pool_metrics(client, pools, ["spent_budget", "pool_bans_count"], history=str(path))
    assert (len(first), len(second)) == (1, 5)
    pd.testing.assert_frame_equal(second.head(1), first)
    assert second["time"].is_monotonic_increasing
    assert second["time"].nunique() == 2
    assert second.dtypes.astype(str).to_dict() == COLUMNS
    pd.testing.assert_frame_equal(pd.read_parquet(path), second)
    assert [file.name for file in tmp_path.iterdir()] == ["metrics.parquet"]


def test_a_history_that_pandas_has_written_grows_too(toloka: LocalToloka, pools: list[tf.Row], tmp_path: Path) -> None:
    client, path = toloka.client(), tmp_path / "metrics.parquet"
    tf.pool_metrics(client, pools, history=path).query("value > 0").to_parquet(path)
    kept = pd.read_parquet(path).reset_index(drop=True)
    grown = tf.pool_metrics(client, pools[0], "spent_budget", history=path)
    pd.testing.assert_frame_equal(grown.head(-1), kept)
    assert grown.dtypes.astype(str).to_dict() == COLUMNS


def test_it_can_be_awaited(toloka: LocalToloka, pools: list[tf.Row], tmp_path: Path) -> None:
    client, path = toloka.async_client(), tmp_path / "metrics.parquet"
    frame = tf.run(tf.aio.pool_metrics(client, pools, "submitted_assignments_count", history=path))
    expected = tf.pool_metrics(toloka.client(), pools, "submitted_assignments_count")
    pd.testing.assert_frame_equal(frame.drop(columns="time"), expected.drop(columns="time"))
    pd.testing.assert_frame_equal(pd.read_parquet(path), frame)
