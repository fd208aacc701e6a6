"""The parts of a list: together the list, each row once, about equal, and small enough to be sent about."""

from __future__ import annotations

import json
import multiprocessing
import pickle
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from support.scripted_server import Scripted, reply

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from toloka_frames.local import LocalToloka

START = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = 1_000

SHAPES: dict[str, list[float]] = {
    "one row": [0],
    "two rows": [0, 86_400],
    "fewer rows than parts": [0, 1, 2],
    "two rows of one millisecond": [0.0001, 0.0002],
    "all at once": [0] * 150,
    "steady": [60 * number for number in range(ROWS)],
    "two bursts, a month apart": [month * 2_592_000 + number / 1_000 for month in (0, 1) for number in range(ROWS // 2)],
    "uploads of many rows at once": [3_600 * (number // 100) for number in range(ROWS)],
    "days of work": [86_400 * (number // 100) + 300 * (number % 100) for number in range(ROWS)],
    "ever denser": [1e7 * (1 - 0.99**number) for number in range(ROWS)],
    "ever sparser": [1e7 * 0.99**number for number in range(ROWS)],
}


def pools(seconds: Iterable[float]) -> list[dict[str, Any]]:
    """Pools that were made so long after the start."""
    made = ((START + timedelta(seconds=each)).replace(tzinfo=None).isoformat() for each in seconds)
    return [{"id": f"{number}", "project_id": "1", "status": "OPEN", "created": each} for number, each in enumerate(made)]


@pytest.fixture
def keep(toloka: LocalToloka) -> Callable[[Iterable[float]], None]:
    """Has the service keep pools that were made so long after the start, and no others."""

    def insert(seconds: Iterable[float]) -> None:
        toloka._now.store.change("DELETE FROM pools", [()])
        toloka._now.store.insert("pools", [json.dumps(row).encode() for row in pools(seconds)])

    return insert


def ids(scans: Iterable[tf.Scan]) -> list[list[str]]:
    return [[row["id"] for row in scan] for scan in scans]


@pytest.mark.parametrize("seconds", SHAPES.values(), ids=SHAPES)
def test_each_row_is_in_one_part(client: tf.AsyncTolokaClient, keep: Callable[..., None], seconds: list[float]) -> None:
    keep(seconds)
    parts = ids(client.get_pools().partitions(6))
    assert 1 <= len(parts) <= 6
    assert Counter(each for part in parts for each in part) == Counter(map(str, range(len(seconds))))


@pytest.mark.parametrize(
    ("shape", "most"),
    {"steady": 40, "days of work": 40, "two bursts, a month apart": 80, "uploads of many rows at once": 200}.items(),
)
def test_parts_are_about_equal_and_found_with_few_requests(
    client: tf.AsyncTolokaClient, toloka: LocalToloka, keep: Callable[..., None], shape: str, most: int
) -> None:
    keep(SHAPES[shape])
    before = len(toloka.requests)
    parts = client.get_pools().partitions(8)
    assert len(toloka.requests) - before <= most
    assert len(parts) == 8
    assert max(map(len, ids(parts))) <= 2 * ROWS / 8


def test_rows_that_are_few_are_in_parts_of_one(client: tf.AsyncTolokaClient, keep: Callable[..., None]) -> None:
    keep([0, 1, 1, 5, 86_400])
    assert ids(client.get_pools().partitions(10)) == [["0"], ["1", "2"], ["3"], ["4"]]


def test_one_part_is_the_whole_list(client: tf.AsyncTolokaClient, keep: Callable[..., None]) -> None:
    keep(range(150))
    (part,) = ids(client.get_pools().partitions(1))
    assert len(part) == 150


def test_a_list_without_rows_is_one_part_with_all_columns(client: tf.AsyncTolokaClient, keep: Callable[..., None]) -> None:
    keep([])
    (part,) = client.get_pools().partitions(8)
    pd.testing.assert_frame_equal(part.to_dataframe(), client.get_pools().to_dataframe())


@pytest.mark.parametrize(
    "filters",
    [
        {"created_gte": START + timedelta(seconds=9_000)},
        {"created_gt": START + timedelta(seconds=9_000)},
        {"created_lt": START + timedelta(seconds=9_000)},
        {"created_lte": START + timedelta(seconds=9_000)},
        {"created_gt": START + timedelta(seconds=3_000), "created_lte": START + timedelta(seconds=9_000), "id_gt": "70"},
        {"created_gt": START + timedelta(days=365)},
        {"status": "CLOSED"},
    ],
    ids=str,
)
def test_the_users_own_filters_hold(client: tf.AsyncTolokaClient, keep: Callable[..., None], filters: dict[str, Any]) -> None:
    keep(60 * number for number in range(300))
    parts = client.get_pools(**filters).partitions(5)
    assert sorted(each for part in ids(parts) for each in part) == sorted(row["id"] for row in client.get_pools(**filters))


def test_rows_behind_another_are_the_rows_of_the_walk_also_in_parts(toloka: LocalToloka, client: tf.AsyncTolokaClient) -> None:
    rows = [{"id": f"r{number * 37 % 100:03}", **project(number)} for number in range(100)]
    toloka._now.store.insert("app_projects", [json.dumps(row).encode() for row in rows])
    scan = client.get_app_projects(after_id="r030")
    assert sorted(each for part in ids(scan.partitions(4)) for each in part) == [row["id"] for row in scan]


def project(number: int) -> dict[str, str]:
    return {"app_id": "1", "name": "n", "status": "READY", "created": f"2026-01-01T00:{number % 60:02}:00"}


def test_rows_that_are_made_later_are_in_no_part_and_those_that_are_there_are_in_one(
    client: tf.AsyncTolokaClient, keep: Callable[..., None]
) -> None:
    ahead = (datetime(2090, 1, 1, tzinfo=UTC) - START).total_seconds()
    keep([0, 60, ahead])
    scan = client.get_pools()
    parts = scan.partitions(2)
    keep([0, 60, ahead, ahead + 1])
    assert ids(parts) == [["0", "1"], ["2"]]
    assert [row["id"] for row in scan] == ["0", "1", "2", "3"]


# -- sent about


def rows_of(part: tf.Scan) -> pd.DataFrame:
    return part.to_dataframe(progress=False)


@pytest.fixture
def tasks(client: tf.AsyncTolokaClient, pool_id: str, make_frame: Callable[[int], pd.DataFrame]) -> tf.Scan:
    make_frame(200).pipe(tf.create_tasks, client, pool_id, allow_defaults=True, progress=False)
    return client.get_tasks(pool_id)


def test_parts_go_to_spawned_processes_and_ask_for_rows_only(
    toloka: LocalToloka, tasks: tf.Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = tasks.partitions(2)
    monkeypatch.setenv("TOLOKA_TOKEN", toloka.token)
    before = len(toloka.requests)
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        frames = list(pool.map(rows_of, parts))
    asked = [request.path for request in toloka.requests[before:]]
    assert set(asked) == {"/api/v1/tasks"}
    assert len(asked) == len(parts)
    together = pd.concat(frames).sort_values("id", ignore_index=True)
    pd.testing.assert_frame_equal(together, tasks.to_dataframe())


def test_a_process_without_a_token_says_what_it_needs(tasks: tf.Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    (part, *_) = tasks.partitions(2)
    monkeypatch.delenv("TOLOKA_TOKEN", raising=False)
    with (
        ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool,
        pytest.raises(tf.ConfigurationError, match=r"this process has none.\nSet TOLOKA_TOKEN there too"),
    ):
        pool.submit(rows_of, part).result()


def test_parts_are_read_by_threads_of_this_process(tasks: tf.Scan) -> None:
    with ThreadPoolExecutor(4) as pool:
        together = pd.concat(pool.map(rows_of, tasks.partitions(4, workers=1))).sort_values("id", ignore_index=True)
    pd.testing.assert_frame_equal(together, tasks.to_dataframe())


def test_assignments_are_in_parts_with_all_their_tasks(
    client: tf.AsyncTolokaClient, toloka: LocalToloka, pool_id: str, tasks: tf.Scan
) -> None:
    assert len(tasks.to_arrow()) == 200
    tf.run(client.wait_operation(tf.run(client.open_pool(pool_id)), progress=False))
    toloka.answer(pool_id)
    assignments = client.get_assignments(pool_id=pool_id)
    parts = assignments.partitions(3, workers=1)
    assert len(parts) == 3
    together = pd.concat(map(rows_of, parts)).sort_values("ASSIGNMENT:assignment_id", ignore_index=True, kind="stable")
    pd.testing.assert_frame_equal(together, assignments.to_dataframe())


def test_app_items_are_in_parts(client: tf.AsyncTolokaClient) -> None:
    app = tf.run(client.find_apps(limit=1))["content"][0]
    project = tf.run(client.create_app_project({"app_id": app["id"], "name": "P", "parameters": {}}))
    spec = tf.run(client.get_app(app["id"]))["input_spec"]
    for batch in range(3):
        items = [dict.fromkeys(spec, f"https://example.com/{batch}-{number}") for number in range(5)]
        tf.run(client.create_app_batch(project["id"], {"items": items}))
    items = client.get_app_items(project["id"])
    together = pd.concat(map(rows_of, items.partitions(3))).sort_values("id", ignore_index=True)
    pd.testing.assert_frame_equal(together, items.to_dataframe())


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_part_is_small_and_holds_no_token(toloka: LocalToloka, tasks: tf.Scan, protocol: int) -> None:
    (part, *_) = tasks.partitions(4)
    before = len(pickle.dumps(part, protocol))
    rows_of(part)
    pickled = pickle.dumps(part, protocol)
    assert len(pickled) == before < 8_000
    assert toloka.token.encode() not in pickled
    assert pickle.loads(pickled).schema == tasks.schema  # noqa: S301 -- it was pickled here


def test_a_scan_that_was_not_read_yet_goes_into_a_pickle_too(
    toloka: LocalToloka, tasks: tf.Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    pickled = pickle.dumps(tasks)
    monkeypatch.setenv("TOLOKA_TOKEN", toloka.token)
    there = pickle.loads(pickled)  # noqa: S301 -- it was pickled here
    assert repr(there) == repr(tasks)
    pd.testing.assert_frame_equal(there.to_dataframe(), tasks.to_dataframe())


@pytest.mark.parametrize(("given", "workers"), [({}, 3), ({"workers": 20}, 20), ({"workers": 1}, 1)], ids=str)
def test_a_part_knows_its_share_of_the_quota(tasks: tf.Scan, given: dict[str, int], workers: int) -> None:
    part = tasks.partitions(3, **given)[0]
    for each in (part, pickle.loads(pickle.dumps(part))):  # noqa: S301 -- it was pickled here
        assert each._source.service.rate_limiter.workers == workers
    assert tasks._source.service.rate_limiter.workers == 1
    assert part.partitions(2, workers=2)[0]._source.service.rate_limiter.workers == 2 * workers


def test_more_parts_than_the_quota_has_requests_are_for_as_many_processes_as_it_can_serve(tasks: tf.Scan) -> None:
    assert tasks.partitions(1_000)[0]._source.service.rate_limiter.workers == 300


@pytest.mark.parametrize(("n", "workers"), [(0, None), (1.5, None), (True, None), (2, 0), (2, 301), (2, "2")])
def test_numbers_that_cannot_be_are_refused_before_anything_is_asked(scripted: Scripted, n: Any, workers: Any) -> None:
    scripted.answers = [reply({"items": [], "has_more": False})]
    with pytest.raises(tf.InputError, match="whole number"):
        scripted.client().get_pools().partitions(n, workers=workers)
    assert scripted.requests == []
