"""A notebook shows `tf.uploads()` as a card that breaks no id; everything else is as with any DataFrame."""

from __future__ import annotations

import copy
import pickle
import re
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import toloka_frames as tf
from toloka_frames._uploading.listed_uploads import ListedUploads

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toloka_frames.local import LocalToloka

IMAGES = pd.DataFrame({"image": ["https://example.com/1.jpg", "https://example.com/2.jpg", "no address"]})


@pytest.fixture
def uploads(toloka: LocalToloka) -> pd.DataFrame:
    """Two uploads: one with an invalid row, one that failed."""
    with toloka.client() as client:
        pool = toloka.example_pool()
        IMAGES.pipe(tf.create_tasks, client, pool.id, overlap=1, skip_invalid_items=True, progress=False)
        with pytest.raises(tf.UploadError):
            IMAGES.tail(2).pipe(tf.create_tasks, client, pool.id, overlap=2, upload_id="$x$ & <b>", progress=False)
    return tf.uploads()


def html_of(uploads: pd.DataFrame) -> str:
    html = uploads._repr_html_()  # type: ignore[operator]
    assert isinstance(html, str)
    return html


def test_the_card_has_a_line_for_each_upload_with_its_whole_id_and_counts(uploads: pd.DataFrame) -> None:
    html = html_of(uploads)
    assert "2 uploads: 1 FAILED, 1 DONE" in html
    assert "tf.resume(upload_id, client)" in html
    header, first, second = (re.findall(r">([^<>]*)</t[hd]>", row) for row in re.findall(r"<tr.*?</tr>", html))
    assert header == ["begun (UTC)", "kind", "state", "rows", "created", "invalid", "failed", "pool", "upload_id"]
    assert first[1:7] == ["tasks", "DONE", "3", "2", "1", "0"]
    assert first[-1] == uploads["upload_id"].iloc[0]
    assert second[-1] == "$x$ &amp; &lt;b&gt;"
    assert len(re.findall("white-space:nowrap", html)) == 3 * 9
    assert "mathjax_ignore" in html


def test_a_card_of_settled_uploads_says_nothing_of_going_on(uploads: pd.DataFrame) -> None:
    html = html_of(ListedUploads(uploads.head(1)))
    assert "1 uploads" not in html
    assert "1 upload: 1 DONE" in html
    assert "tf.resume" not in html


def test_without_uploads_the_card_says_so() -> None:
    assert "no uploads" in html_of(tf.uploads())


def test_of_many_uploads_the_latest_are_shown(uploads: pd.DataFrame) -> None:
    many = ListedUploads(pd.concat([uploads] * 30, ignore_index=True))
    html = html_of(many)
    assert "60 uploads: 30 FAILED, 30 DONE" in html
    assert html.count("<tr") == 21
    assert "The latest 20 are shown" in html


def test_what_differs_between_uploads_is_a_column(uploads: pd.DataFrame) -> None:
    html = html_of(ListedUploads(uploads.assign(account=["one", "two"], app_project_id=[None, "app"], pool_ids=[None, None])))
    assert all(text in html for text in (">account<", ">two<", ">destination<", ">app<"))
    assert ">url<" not in html


MADE: dict[str, Callable[[pd.DataFrame, Path], Any]] = {
    "pickle": lambda frame, _: pickle.loads(pickle.dumps(frame)),  # noqa: S301 -- our own
    "copy": lambda frame, _: frame.copy(),
    "copy.copy": lambda frame, _: copy.copy(frame),
    "copy.deepcopy": lambda frame, _: copy.deepcopy(frame),
    "head": lambda frame, _: frame.head(9),
    "query": lambda frame, _: frame.query("rows >= 0"),
    "concat": lambda frame, _: pd.concat([frame]),
    "Parquet": lambda frame, path: (frame.to_parquet(path / "u.parquet"), pd.read_parquet(path / "u.parquet"))[1],
}


@pytest.mark.parametrize("how", MADE)
def test_what_is_made_of_it_is_a_plain_frame_with_the_same_rows(uploads: pd.DataFrame, how: str, tmp_path: Path) -> None:
    made = MADE[how](uploads, tmp_path)
    assert type(made) is pd.DataFrame
    pd.testing.assert_frame_equal(pd.DataFrame(uploads), made)


CHANGES: dict[str, Callable[[pd.DataFrame], Any]] = {
    "another column": lambda frame: frame.insert(0, "note", "x"),
    "a column of other values": lambda frame: frame.__setitem__("state", 1),
    "a column less": lambda frame: frame.pop("state"),
    "other names": lambda frame: setattr(frame, "columns", range(len(frame.columns))),
    "another index": lambda frame: frame.set_index("upload_id", inplace=True),  # noqa: PD002 -- what is tested
}


@pytest.mark.filterwarnings("ignore:The inplace keyword")
@pytest.mark.parametrize("how", CHANGES)
def test_with_other_columns_it_is_shown_as_any_frame(uploads: pd.DataFrame, how: str) -> None:
    CHANGES[how](uploads)
    assert html_of(uploads) == html_of(pd.DataFrame(uploads))
    assert "<table" in html_of(uploads)


def test_the_text_is_that_of_pandas_and_shows_state_and_id(uploads: pd.DataFrame) -> None:
    assert repr(uploads) == repr(pd.DataFrame(uploads))
    assert (uploads.columns[0], uploads.columns[-1]) == ("state", "upload_id")
    with pd.option_context("display.notebook_repr_html", False):
        assert uploads._repr_html_() is None  # type: ignore[operator]


def test_the_end_of_an_upload_says_which_rows_are_invalid_and_why(toloka: LocalToloka) -> None:
    shown: list[tf.Progress] = []
    with toloka.client() as client:
        pool = toloka.example_pool()
        results = IMAGES.pipe(tf.create_tasks, client, pool.id, overlap=1, skip_invalid_items=True, progress=shown.append)
    assert type(results) is pd.DataFrame
    assert shown[-1].note.startswith("1 INVALID, 2 CREATED. Most often: input_values.image: ")
    assert shown[-1].note.endswith("tf.failed(df, results) has these rows and the reasons.")
    assert len(IMAGES.pipe(tf.failed, results)) == 1
