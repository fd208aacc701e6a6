"""`tf.complete` splits answers into groups that have all their answers and rows that wait, and keeps rows as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable

FORMS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "as they are": lambda frame: frame,
    "objects": lambda frame: frame.astype(object),
    "numpy_nullable": lambda frame: frame.convert_dtypes(dtype_backend="numpy_nullable"),
    "pyarrow": lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
    "categories": lambda frame: frame.astype({"INPUT:image": "category"}),
    "an index that repeats itself": lambda frame: frame.set_axis([0] * len(frame)),
    "no rows": lambda frame: frame.head(0),
}


def answers() -> pd.DataFrame:
    images = ["a", "b", "a", None, "c", "a", "b", None]
    return pd.DataFrame({"INPUT:image": images, "INPUT:size": [1, 2, 1, 1, 1, 2, 2, 1], "number": range(8)})


@pytest.mark.parametrize("overlap", [1, 2, 3, 4, np.int64(2)])
@pytest.mark.parametrize("by", ["INPUT:image", ["INPUT:image", "INPUT:size"], ("INPUT:size",)])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_groups_are_complete_as_counted_by_hand_and_rows_stay_as_they_are(
    form: Callable[[pd.DataFrame], pd.DataFrame], by: Any, overlap: int
) -> None:
    frame = form(answers())
    before = frame.copy(deep=True)
    ready, waiting = frame.pipe(tf.complete, by=by, overlap=overlap)
    names = [by] if isinstance(by, str) else list(by)
    keys = [tuple(row) for row in frame[names].to_numpy(dtype=object, na_value=None).tolist()]
    is_ready = np.array([None not in key and keys.count(key) >= overlap for key in keys], dtype=bool)
    pd.testing.assert_frame_equal(ready, frame[is_ready])
    pd.testing.assert_frame_equal(waiting, frame[~is_ready])
    pd.testing.assert_frame_equal(frame, before)


def test_both_are_copies() -> None:
    frame = answers()
    for part in tf.complete(frame, "INPUT:image", overlap=2):
        part.loc[:, "number"] = -1
    assert frame["number"].tolist() == list(range(8))


def test_batches_of_answers_are_complete_whatever_their_size() -> None:
    """A frame of answers is split again and again, as in a loop over `tf.follow`."""
    frame, waiting, ready = answers().dropna(), pd.DataFrame(), []
    for start in range(0, len(frame), 2):
        done, waiting = pd.concat([waiting, frame.iloc[start : start + 2]]).pipe(tf.complete, by="INPUT:image", overlap=2)
        ready.append(done)
    assert sorted(pd.concat(ready)["INPUT:image"]) == ["a", "a", "b", "b"]
    assert waiting["INPUT:image"].tolist() == ["c", "a"]


def test_the_group_of_a_row_is_its_task_by_default() -> None:
    frame = pd.DataFrame({"ASSIGNMENT:task_id": ["1", "2", "1"]})
    ready, waiting = frame.pipe(tf.complete, overlap=2)
    assert (len(ready), len(waiting)) == (2, 1)


def test_frames_of_polars_are_taken() -> None:
    ready, waiting = tf.complete(pl.DataFrame({"INPUT:image": ["a", "b", "a"]}), "INPUT:image", overlap=2)
    assert (len(ready), len(waiting)) == (2, 1)


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "a column that is missing": ({"by": "INPUT:imag"}, "INPUT:imag", "the nearest is 'INPUT:image'"),
    "one of several that is missing": ({"by": ["INPUT:image", "size"]}, "size", "There is no column 'size'"),
    "no column": ({"by": []}, "by", "the name of a column is needed"),
    "a number": ({"by": 3}, "by", "the name of a column is needed"),
    "an overlap of zero": ({"overlap": 0}, "overlap", "a positive whole number is needed"),
    "half an overlap": ({"overlap": 1.5}, "overlap", "a positive whole number is needed"),
    "a boolean": ({"overlap": True}, "overlap", "a positive whole number is needed"),
    "text": ({"overlap": "3"}, "overlap", "a positive whole number is needed"),
}


@pytest.mark.parametrize(("arguments", "column", "message"), REFUSED.values(), ids=REFUSED)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], column: str, message: str) -> None:
    with pytest.raises(tf.InputError, match=message) as raised:
        tf.complete(answers(), **{"by": "INPUT:image", "overlap": 2} | arguments)
    assert raised.value.column == column


def test_a_scan_is_refused(client: tf.AsyncTolokaClient) -> None:
    with pytest.raises(tf.InputError, match=r"A DataFrame is needed"):
        tf.complete(client.get_pools(), "INPUT:image", overlap=2)  # type: ignore[arg-type]
