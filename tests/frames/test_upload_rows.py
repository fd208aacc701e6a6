"""Rows of an upload that failed or are pending, matched to their results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def results_of(statuses: list[str], index: list[Any] | None = None) -> pd.DataFrame:
    frame = pd.DataFrame({"status": statuses, "error_field": None, "error_code": None, "error_message": None}, index=index)
    frame.loc[(frame["status"] == "INVALID").to_numpy(), ["error_field", "error_code"]] = ["image", "BAD_URL"]
    return frame.assign(task_id=None, operation_id="o", chunk=0)


STATUSES = ["CREATED", "INVALID", "FAILED", "UNKNOWN", "NOT_SENT"]


def test_failed_rows_have_their_reasons_and_pending_rows_their_status() -> None:
    frame = pd.DataFrame({"image": list("abcde")})
    rejected = frame.pipe(tf.failed, results_of(STATUSES))
    assert list(rejected) == ["image", "status", "error_field", "error_code", "error_message"]
    assert rejected["image"].tolist() == ["b", "c"]
    assert rejected["status"].tolist() == ["INVALID", "FAILED"]
    assert rejected["error_code"].isna().tolist() == [False, True]
    assert rejected.index.tolist() == [1, 2]
    assert frame.pipe(tf.pending, results_of(STATUSES))[["image", "status"]].to_numpy().tolist() == [
        ["d", "UNKNOWN"],
        ["e", "NOT_SENT"],
    ]


def test_rows_and_results_are_matched_by_position_not_by_label() -> None:
    index = [7, 7, 7, 7, 7]
    frame = pd.DataFrame({"image": list("abcde")}, index=index)
    rejected = frame.pipe(tf.failed, results_of(STATUSES, index))
    assert rejected["image"].tolist() == ["b", "c"]
    assert rejected["status"].tolist() == ["INVALID", "FAILED"]
    assert rejected.index.tolist() == [7, 7]


@pytest.mark.parametrize("helper", [tf.failed, tf.pending])
def test_results_of_another_frame_are_rejected(helper: Callable[..., pd.DataFrame]) -> None:
    frame = pd.DataFrame({"image": list("abcde")})
    with pytest.raises(tf.InputError, match=r"not the results of this frame: the results have 5 rows, the frame has 4\."):
        frame.iloc[:4].pipe(helper, results_of(STATUSES))
    with pytest.raises(tf.InputError, match=r"5 rows, the frame has 5, with another index\."):
        frame.iloc[::-1].pipe(helper, results_of(STATUSES))
    with pytest.raises(tf.InputError, match="no column 'status'"):
        frame.pipe(helper, results_of(STATUSES).drop(columns="status"))


def test_a_column_of_the_frame_is_not_overwritten_by_a_reason() -> None:
    frame = pd.DataFrame({"status": list("abcde")})
    with pytest.raises(tf.InputError, match=r"The frame already has a column 'status'\.\nRename it first\.") as caught:
        frame.pipe(tf.failed, results_of(STATUSES))
    assert caught.value.column == "status"


def test_failed_rows_can_be_corrected_and_uploaded(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    mixed = pd.DataFrame({"image": ["https://example.com/a.jpg", "none", "https://example.com/b.jpg"]}, index=[3, 3, 4])
    results = mixed.pipe(tf.create_tasks, client, pool_id, allow_defaults=True, skip_invalid_items=True, progress=False)
    rejected = mixed.pipe(tf.failed, results)
    assert rejected[["image", "error_field"]].to_numpy().tolist() == [["none", "input_values.image"]]
    assert len(mixed.pipe(tf.pending, results)) == 0
    corrected = rejected[mixed.columns].assign(image="https://example.com/c.jpg")
    again = corrected.pipe(tf.create_tasks, client, pool_id, allow_defaults=True, progress=False)
    assert again["status"].tolist() == ["CREATED"]
    assert len(corrected.pipe(tf.failed, again)) == 0


def test_results_read_back_from_a_file_match_their_frame(tmp_path: Path) -> None:
    frame = pd.DataFrame({"image": list("abcde")}, index=[f"row {number}" for number in range(5)])
    results_of(STATUSES, list(frame.index)).to_parquet(tmp_path / "results.parquet")
    for backend in ({}, {"dtype_backend": "pyarrow"}, {"dtype_backend": "numpy_nullable"}):
        results = pd.read_parquet(tmp_path / "results.parquet", **backend)
        assert frame.pipe(tf.failed, results)["error_code"].fillna("").tolist() == ["BAD_URL", ""]
