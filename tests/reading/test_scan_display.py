"""What a Scan shows and says where a DataFrame is expected: nothing is requested for it."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from support.list_catalog import RESOURCES
from support.scripted_server import Scripted, reply

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable

PANDAS_NAMES = [
    name for name in dir(pd.DataFrame) if not name.startswith("_") and name not in {"head", "to_parquet", *dir(tf.Scan)}
]
HARD = "<b>&\"'" + "x" * 100 + "\n"


@pytest.fixture
def scan(scripted: Scripted) -> tf.Scan:
    """A scan of two skills in pages of one."""

    def serve(head: str) -> bytes:
        return reply({"items": [{"id": "2" if "id_gt=1" in head else "1", "new": 1}], "has_more": "id_gt" not in head})

    scripted.answers = [serve]
    return scripted.async_client().get_skills(batch_size=1)


@pytest.mark.parametrize("name", RESOURCES)
def test_text_has_at_most_80_characters_a_line_and_names_filters_and_columns(name: str, scripted: Scripted) -> None:
    resource = RESOURCES[name]
    given = dict.fromkeys(resource.required or resource.one_of[:1], HARD)
    shown = repr(getattr(scripted.async_client(), f"get_{name}")(**given))
    assert max(map(len, shown.splitlines())) <= 80
    words = " ".join(shown.split())
    assert all(f"{key}=" in words for key in given)
    assert resource.name in words
    assert "extra" in words
    assert ".to_dataframe()" in words
    assert scripted.requests == []


@pytest.mark.parametrize("name", RESOURCES)
def test_html_is_well_formed_and_escaped(name: str, scripted: Scripted) -> None:
    resource = RESOURCES[name]
    scan = getattr(scripted.async_client(), f"get_{name}")(**dict.fromkeys(resource.required or resource.one_of[:1], HARD))
    markup, opened = scan._repr_html_(), list[str]()

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, _attrs: Any) -> None:
            if tag != "br":
                opened.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert opened.pop() == tag

    Parser().feed(markup)
    assert opened == []
    assert "<b>&" not in markup
    assert ".head()" in markup
    assert scripted.requests == []


def test_html_shows_types_and_after_the_first_request_those_of_the_fields(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    scan = client.get_tasks(pool_id)
    assert "timestamp[us, tz=UTC]" in scan._repr_html_()
    assert "INPUT:*" in scan._repr_html_()
    assert scan.schema
    assert "INPUT:image" in scan._repr_html_()


def test_head_is_one_request_for_the_first_rows(scan: tf.Scan, scripted: Scripted) -> None:
    frame = scan.head(1)
    assert len(scripted.requests) == 1
    assert "limit=1" in scripted.requests[0]
    pd.testing.assert_frame_equal(frame, scan.to_dataframe().head(1))
    assert len(scan.head(2)) == 2
    assert len(scan.head(100)) == 2


def test_head_has_rows_of_the_frame_if_a_row_of_the_list_has_several(
    client: tf.AsyncTolokaClient, pool_id: str, toloka: Any
) -> None:
    frame = pd.DataFrame({"image": [f"https://example.com/{number}.jpg" for number in range(20)]})
    frame.pipe(tf.create_tasks, client, pool_id, allow_defaults=True, open_pool=True, progress=False)
    toloka.answer(pool_id)
    scan = client.get_assignments(pool_id=pool_id)
    pd.testing.assert_frame_equal(scan.head(7), scan.to_dataframe().head(7))


@pytest.mark.parametrize("n", [0, -1, 1.5, True, "5", None])
def test_a_head_of_no_rows_is_rejected(scan: tf.Scan, n: Any, scripted: Scripted) -> None:
    with pytest.raises(tf.InputError, match="positive whole number"):
        scan.head(n)
    assert scripted.requests == []


@pytest.mark.parametrize("name", PANDAS_NAMES)
def test_a_name_of_pandas_says_what_to_do(scan: tf.Scan, name: str) -> None:
    assert not hasattr(scan, name)
    with pytest.raises(AttributeError, match=f"A Scan has no '{name}': .*scan\\.") as caught:
        getattr(scan, name)
    assert "\n" not in str(caught.value)


EXPRESSIONS: dict[str, Callable[[Any], Any]] = {
    "len": len,
    "a column": lambda scan: scan["id"],
    "a slice": lambda scan: scan[:5],
    "pd.DataFrame": pd.DataFrame,
    "pd.DataFrame.from_records": pd.DataFrame.from_records,
    "pd.Series": pd.Series,
    "np.asarray": np.asarray,
}


@pytest.mark.parametrize("use", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_a_scan_in_place_of_a_frame_is_a_type_error_that_names_to_dataframe(
    scan: tf.Scan, use: Callable[[Any], Any], scripted: Scripted
) -> None:
    with pytest.raises(TypeError, match=r"scan\.to_dataframe\(\)"):
        use(scan)
    assert scripted.requests == []


def test_an_unknown_name_is_an_attribute_error_that_names_the_nearest(scan: tf.Scan) -> None:
    with pytest.raises(AttributeError, match="no attribute 'to_datafame'; the nearest is 'to_dataframe'"):
        scan.to_datafame  # type: ignore[attr-defined]  # noqa: B018 -- it raises


def test_a_scan_can_be_copied_pickled_inspected_and_tested(scan: tf.Scan, scripted: Scripted) -> None:
    for other in (copy.copy(scan), copy.deepcopy(scan), pickle.loads(pickle.dumps(scan))):  # noqa: S301 -- our own pickle
        assert repr(other) == repr(scan)
    assert inspect.getmembers(scan.to_dataframe)
    assert not inspect.isgeneratorfunction(scan)
    assert scan
    public = [name for name in dir(scan) if not name.startswith("_")]
    assert {"head", "schema", "to_dataframe"} <= set(public)
    assert set(public).isdisjoint(PANDAS_NAMES)
    assert scripted.requests == []


READERS: dict[str, Callable[[Any], int]] = {
    "list": lambda scan: len(list(scan)),
    "polars": lambda scan: len(pl.DataFrame(scan)),
    "pyarrow": lambda scan: len(pa.table(scan)),
    "duckdb": lambda scan: len(duckdb.from_arrow(scan).fetchall()),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_arrow_consumers_and_loops_read_a_scan(scan: tf.Scan, read: Callable[[Any], int]) -> None:
    assert read(scan) == 2


def test_a_name_of_a_list_is_shown_as_given(scripted: Scripted) -> None:
    shown = " ".join(repr(scripted.async_client().get_app_batches("Q2d", status="NEW", created_gte="2026-01-01")).split())
    assert re.search(r"filters: app_project_id='Q2d', status='NEW', created_gte='2026-01-01T00:00:00' columns", shown)
