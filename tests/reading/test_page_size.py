"""A page that the service cannot manage is requested again with half the rows; each row is fetched once all the same."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pyarrow.parquet as pq
import pytest
from support.assignment_list_server import AssignmentList
from support.bonus_list_server import BatchList, BonusList, app_ids
from support.scripted_server import Scripted, reply
from support.virtual_clock import api_clients, run_virtual

import toloka_frames as tf
from toloka_frames._reading.pager import MIN_ROWS, PAGES_BEFORE_GROWTH, Concurrency
from toloka_frames._reading.scan import Source, list_request
from toloka_frames._runtime.tracker import track_progress
from toloka_frames._schema.lists import APP_BATCHES, USER_BONUSES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MOST = 1_600
SECOND = 10**6

# what becomes of a page that is too large, given its right response
FAULTS: dict[str, Callable[[bytes], bytes]] = {
    "504": lambda _: reply({"code": "GATEWAY_TIMEOUT", "message": "too slow"}, 504),
    "504 of a proxy": lambda _: reply("<html>504 Gateway Time-out</html>", 504),
    "no response": lambda _: b"",
    "a cut connection": lambda response: response[:-100],
    "cut JSON": lambda response: reply(response.partition(b"\r\n\r\n")[2][:-100]),
}


class Limited:
    """A service that does not manage pages of more than so many rows.

    Attributes:
        managed: The most rows of a page.
        limits: The rows that each request of a page asked for.
    """

    def __init__(self, rows: Callable[[str], bytes], managed: int, fault: str = "504") -> None:
        self.managed = managed
        self.limits: list[int] = []
        self._rows, self._fault = rows, FAULTS[fault]

    def __call__(self, head: str) -> bytes:
        query = dict(parse_qsl(urlsplit(head.split(" ")[1]).query))
        if "limit" not in query:
            return self._rows(head)
        self.limits.append(int(query["limit"]))
        return self._rows(head) if self.limits[-1] <= self.managed else self._fault(self._rows(head))


def bonus_list(rows: int = 20 * MOST) -> BonusList:
    return BonusList(range(0, min(rows, 9_000) * SECOND, SECOND))


LISTS: dict[str, tuple[Any, dict[str, Any], Callable[[], BonusList]]] = {
    "ids in no order of time": (APP_BATCHES, {"app_project_id": "1"}, lambda: BatchList(app_ids(10 * MOST))),
    "rows in order of time": (USER_BONUSES, {}, bonus_list),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("latency", [0.0, 0.1])
@pytest.mark.parametrize("name", LISTS)
def test_each_row_is_fetched_once_however_large_pages_fail(name: str, latency: float, fault: str) -> None:
    resource, given, make = LISTS[name]
    rows = make()
    limited = Limited(rows, 500, fault)

    async def fetch() -> list[str]:
        # the first page's own retries are few, so each reduction has to be free
        async with api_clients(limited, latency=latency, retries=2) as (service,):
            source = Source(service, list_request(resource, given), MOST)
            with track_progress(False, "") as tracker:  # as in the public functions
                table = await source.fetch_table(None, tracker)
            assert tracker.rows == len(table)
            assert "rows were too large for the service, so smaller ones were requested" in tracker.note
            return [str(id_) for id_ in table["id"].to_pylist()]

    fetched = run_virtual(fetch())
    assert sorted(fetched) == sorted(rows.rows)
    assert max(limited.limits) == MOST
    assert len(set(fetched)) == len(fetched)


def walk(limited: Limited, rows: int = MOST, *, retries: int = 2) -> tuple[list[str], tf.TolokaError | None]:
    """Return the ids of a list of batches, page after page in virtual time, and the error that ended it."""
    ids: list[str] = []

    async def pages() -> None:
        async with api_clients(limited, retries=retries) as (service,):
            source = Source(service, list_request(APP_BATCHES, {"app_project_id": "1"}), rows)
            async with source.pages(concurrency=Concurrency(1)) as fetched:
                async for _, page in fetched:
                    ids.extend(page.ids)

    try:
        run_virtual(pages())
    except tf.TolokaError as error:
        return ids, error
    return ids, None


def test_the_rows_that_work_are_kept_and_more_are_tried_ever_more_rarely() -> None:
    batches = BatchList(app_ids(60 * 400))
    limited = Limited(batches, 400)
    assert walk(limited) == (sorted(batches.rows), None)
    failed = [number for number, limit in enumerate(limited.limits) if limit > 400]
    assert limited.limits[:3] == [1_600, 800, 400]
    # a page is prefetched, so a try is followed by one more of its size at most
    tries = [number for number in failed[2:] if number - 1 not in failed]
    assert len(tries) <= 3
    assert tries[0] >= PAGES_BEFORE_GROWTH
    assert all(later - earlier > PAGES_BEFORE_GROWTH for earlier, later in pairwise(tries))


def test_pages_grow_to_the_most_again_once_the_service_manages_them() -> None:
    batches = BatchList(app_ids(100 * 400))
    limited = Limited(batches, 400)
    batches.on_request = lambda number: vars(limited).update(managed=MOST if number > 12 else 400)
    assert walk(limited) == (sorted(batches.rows), None)
    assert limited.limits[-3:] == [MOST] * 3
    assert max(limited.limits) == MOST


@pytest.mark.parametrize(("rows", "smallest"), [(MOST, MIN_ROWS), (130, MIN_ROWS), (MIN_ROWS, MIN_ROWS), (30, 30)])
def test_a_service_that_manages_no_page_gets_the_usual_attempts_with_the_smallest(rows: int, smallest: int) -> None:
    limited = Limited(BatchList(app_ids(500)), 0)
    ids, error = walk(limited, rows, retries=3)
    assert ids == []
    assert isinstance(error, tf.ApiError)
    assert limited.limits[-3:] == [smallest] * 3
    assert limited.limits.count(smallest) == 3
    assert ("Smaller pages did not help" in str(error)) == (rows > smallest)


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_other_failures_are_retried_with_as_many_rows(status: int) -> None:
    batches, failing = BatchList(app_ids(3_000)), iter([True, False, True, False, False])
    failure = reply({"code": "NO", "message": "later"}, status)
    limited = Limited(lambda head: failure if next(failing, False) else batches(head), MOST)
    assert walk(limited) == (sorted(batches.rows), None)
    assert set(limited.limits) == {MOST}


# -- every sink


def sync(scan: tf.Scan, path: Path) -> int:
    return tf.sync(scan, path / "copy").rows


SINKS: dict[str, Callable[[tf.Scan, Path], int]] = {
    "to_dataframe": lambda scan, _: len(scan.to_dataframe()),
    "iter_dataframes": lambda scan, _: sum(map(len, scan.iter_dataframes())),
    "to_reader": lambda scan, _: scan.to_reader().read_all().num_rows,
    "rows": lambda scan, _: sum(1 for _row in scan),
    "to_parquet": lambda scan, path: pq.read_metadata(scan.to_parquet(path / "rows.parquet")).num_rows,
    "to_parquet, resume": lambda scan, path: pq.read_table(scan.to_parquet(path / "copy", resume=True)).num_rows,
    "sync": sync,
    "partitions": lambda scan, _: sum(part.to_arrow().num_rows for part in scan.partitions(2)),
    "head": lambda scan, _: len(scan.head(700)),
}


@pytest.mark.parametrize("sink", SINKS)
def test_every_sink_gets_each_row_once(sink: str, scripted: Scripted, tmp_path: Path) -> None:
    assignments = AssignmentList()
    assignments.add([f"{number:04}" for number in range(700)], "ACCEPTED")
    assignments.advance_clock(minutes=2)
    scripted.answers = [limited := Limited(assignments, 250)]
    scan = scripted.async_client().get_assignments(pool_id="1", batch_size=400)
    assert SINKS[sink](scan, tmp_path) == 700
    assert max(limited.limits) > limited.managed
