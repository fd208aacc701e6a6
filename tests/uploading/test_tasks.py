"""Rows become task suites; each row of a suite has the outcome of its suite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable

    from toloka_frames.local import LocalToloka

    Pool = Callable[..., str]


def frame_of(rows: int, **columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"image": [f"https://example.com/{row}.jpg" for row in range(rows)], **columns})


def create_suites(frame: pd.DataFrame, client: tf.AsyncTolokaClient, pool_id: str | None, **options: Any) -> pd.DataFrame:
    return tf.create_task_suites(frame, client, pool_id, **({"allow_defaults": True, "progress": False} | options))


@pytest.fixture
def suite_pool(make_pool: Pool) -> str:
    return make_pool(mixer_config=None)


def suites_at(client: tf.AsyncTolokaClient, suite_ids: list[str]) -> list[list[str]]:
    """Return the images of each suite."""
    suites = [tf.run(client.service.get(f"/v1/task-suites/{suite_id}")) for suite_id in suite_ids]
    return [[task["input_values"]["image"][len("https://example.com/") :] for task in suite["tasks"]] for suite in suites]


def test_consecutive_rows_become_suites(client: tf.AsyncTolokaClient, suite_pool: str) -> None:
    results = create_suites(frame_of(5), client, suite_pool, rows_per_suite=2)
    assert results["status"].tolist() == ["CREATED"] * 5
    ids = results["task_suite_id"].tolist()
    assert ids[0] == ids[1] != ids[2] == ids[3] != ids[4]
    assert suites_at(client, ids[::2]) == [["0.jpg", "1.jpg"], ["2.jpg", "3.jpg"], ["4.jpg"]]


def test_a_column_groups_rows_into_suites_in_any_order(client: tf.AsyncTolokaClient, suite_pool: str) -> None:
    frame = frame_of(4, page=["b", "a", "b", "a"]).set_axis(["w", "x", "w", "y"])
    results = create_suites(frame, client, suite_pool, suite_column="page")
    assert results.index.tolist() == ["w", "x", "w", "y"]
    ids = results["task_suite_id"].tolist()
    assert (ids[0], ids[1]) == (ids[2], ids[3])
    assert suites_at(client, ids[:2]) == [["0.jpg", "2.jpg"], ["1.jpg", "3.jpg"]]


def test_an_invalid_row_makes_its_suite_invalid_and_other_suites_are_created(
    client: tf.AsyncTolokaClient, suite_pool: str
) -> None:
    frame = frame_of(6)
    frame.loc[3, "image"] = "no address"
    results = create_suites(frame, client, suite_pool, rows_per_suite=2, skip_invalid_items=True)
    assert results["status"].tolist() == ["CREATED", "CREATED", "INVALID", "INVALID", "CREATED", "CREATED"]
    assert results["error_field"].dropna().unique().tolist() == ["tasks.1.input_values.image"]
    assert results["error_code"].dropna().unique().tolist() == ["INVALID_URL_SYNTAX"]


def test_resumed_results_have_a_row_for_each_row_of_the_frame(client: tf.AsyncTolokaClient, suite_pool: str) -> None:
    frame = frame_of(4, page=["b", "a", "b", "a"])
    results = create_suites(frame, client, suite_pool, suite_column="page", upload_id="pages")
    for verb in (tf.resume, tf.reconcile):
        pd.testing.assert_frame_equal(verb("pages", client, progress=False), results)


def test_the_same_suites_again_are_not_sent_and_resume_without_the_frame(
    client: tf.AsyncTolokaClient, suite_pool: str, toloka: LocalToloka
) -> None:
    toloka.faults.answer(403, "POST /v1/task-suites", nth=1)
    with pytest.raises(tf.UploadError) as caught:
        create_suites(frame_of(6), client, suite_pool, rows_per_suite=3)
    assert caught.value.results["status"].tolist() == ["FAILED"] * 6
    resumed = tf.resume(caught.value.upload_id, client, progress=False)
    assert resumed["status"].tolist() == ["CREATED"] * 6
    again = create_suites(frame_of(6), client, suite_pool, rows_per_suite=3)
    pd.testing.assert_frame_equal(again, resumed)
    assert tf.uploads()["kind"].tolist() == ["task suites"]


def test_suites_may_name_their_pools(client: tf.AsyncTolokaClient, make_pool: Pool) -> None:
    pools = [make_pool(mixer_config=None) for _ in range(2)]
    frame = frame_of(4, pool_id=[pools[0], pools[1], pools[0], pools[1]], page=["x"] * 4)
    results = create_suites(frame, client, None, suite_column="page")
    assert results["task_suite_id"].nunique() == 2
    ids = results["task_suite_id"].tolist()
    assert suites_at(client, ids[:2]) == [["0.jpg", "2.jpg"], ["1.jpg", "3.jpg"]]


def test_known_solutions_and_overlap_are_sent_with_the_suite(client: tf.AsyncTolokaClient, suite_pool: str) -> None:
    frame = pd.DataFrame({"INPUT:image": ["https://example.com/0.jpg"], "GOLDEN:result": ["cat"], "HINT:text": ["A cat!"]})
    results = create_suites(frame, client, suite_pool, rows_per_suite=1, overlap=7, allow_defaults=None)
    suite = tf.run(client.service.get(f"/v1/task-suites/{results['task_suite_id'][0]}"))
    assert suite["overlap"] == 7
    assert suite["tasks"][0]["known_solutions"][0]["output_values"] == {"result": "cat"}
    assert suite["tasks"][0]["message_on_unknown_solution"] == "A cat!"


INVALID: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "neither suite argument": ({}, {}, "Exactly one"),
    "both suite arguments": ({"page": [1, 1]}, {"suite_column": "page", "rows_per_suite": 1}, "Exactly one"),
    "no such column": ({}, {"suite_column": "page"}, "no such column"),
    "a row without a suite": ({"page": ["a", None]}, {"suite_column": "page"}, "has no suite"),
    "an invalid number": ({}, {"rows_per_suite": 0}, "positive"),
    "an overlap column": ({"TASK:overlap": [1, 2]}, {"rows_per_suite": 1}, "one overlap"),
    "too many bytes": ({"text": ["x" * 600_000] * 2}, {"rows_per_suite": 2}, "Put fewer rows"),
}


@pytest.mark.parametrize(("columns", "options", "message"), INVALID.values(), ids=INVALID)
def test_invalid_suites_are_rejected_before_anything_is_sent(
    columns: dict[str, Any],
    options: dict[str, Any],
    message: str,
    client: tf.AsyncTolokaClient,
    suite_pool: str,
    toloka: LocalToloka,
) -> None:
    with pytest.raises(tf.InputError, match=message):
        create_suites(frame_of(2, **columns), client, suite_pool, **options)
    assert [request for request in toloka.requests if request.path == "/api/v1/task-suites"] == []


def test_a_pool_takes_either_suites_or_tasks(client: tf.AsyncTolokaClient, pool_id: str, suite_pool: str) -> None:
    with pytest.raises(tf.InputError, match=r"create_tasks"):
        create_suites(frame_of(2), client, pool_id, rows_per_suite=1)
    with pytest.raises(tf.InputError, match=r"create_task_suites"):
        tf.create_tasks(frame_of(2), client, suite_pool, overlap=1, progress=False)
