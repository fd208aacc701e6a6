"""Partitions: together they are the list, each row once; they are about equal, and small when pickled."""

from __future__ import annotations

import json
import multiprocessing
import pickle
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
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
    "fewer rows than partitions": [0, 1, 2],
    "two rows of one millisecond": [0.0001, 0.0002],
    "all rows at once": [0] * 150,
    "steady": [60 * number for number in range(ROWS)],
    "two bursts, a month apart": [month * 2_592_000 + number / 1_000 for month in (0, 1) for number in range(ROWS // 2)],
    "uploads of many rows at once": [3_600 * (number // 100) for number in range(ROWS)],
    "days of work": [86_400 * (number // 100) + 300 * (number % 100) for number in range(ROWS)],
    "denser and denser": [1e7 * (1 - 0.99**number) for number in range(ROWS)],
    "sparser and sparser": [1e7 * 0.99**number for number in range(ROWS)],
}


def pools(seconds: Iterable[float]) -> list[dict[str, Any]]:
    """Return pools created this many seconds after START; their ids ascend with time, 1,000 a second."""
    times = sorted(seconds)
    ids = [round(1_000 * second) + number for number, second in enumerate(times)]
    created = ((START + timedelta(seconds=second)).replace(tzinfo=None).isoformat() for second in times)
    return [
        {"id": f"{id_}", "project_id": "1", "status": "OPEN", "created": time} for id_, time in zip(ids, created, strict=True)
    ]


@pytest.fixture
def set_pools(toloka: LocalToloka) -> Callable[[Iterable[float]], None]:
    """Replace the pools of the service with pools created this many seconds after START."""

    def insert(seconds: Iterable[float]) -> None:
        toloka._service.store.execute_many("DELETE FROM pools", [()])
        toloka._service.store.insert("pools", [json.dumps(row).encode() for row in pools(seconds)])

    return insert


def ids(scans: Iterable[tf.Scan]) -> list[list[str]]:
    return [[row["id"] for row in scan] for scan in scans]


@pytest.mark.parametrize("seconds", SHAPES.values(), ids=SHAPES)
def test_each_row_is_in_one_partition(
    client: tf.AsyncTolokaClient, set_pools: Callable[..., None], seconds: list[float]
) -> None:
    set_pools(seconds)
    partitions = ids(client.get_pools().partitions(6))
    assert 1 <= len(partitions) <= 6
    assert Counter(id_ for partition in partitions for id_ in partition) == Counter(row["id"] for row in pools(seconds))


@pytest.mark.parametrize(
    ("shape", "max_requests"),
    {"steady": 40, "days of work": 40, "two bursts, a month apart": 40, "uploads of many rows at once": 80}.items(),
)
def test_partitions_are_about_equal_and_take_few_requests(
    client: tf.AsyncTolokaClient, toloka: LocalToloka, set_pools: Callable[..., None], shape: str, max_requests: int
) -> None:
    set_pools(SHAPES[shape])
    before = len(toloka.requests)
    partitions = client.get_pools().partitions(8)
    assert len(toloka.requests) - before <= max_requests
    assert len(partitions) == 8
    assert max(map(len, ids(partitions))) <= 2 * ROWS / 8


def test_few_rows_are_in_partitions_of_one_row(client: tf.AsyncTolokaClient, set_pools: Callable[..., None]) -> None:
    set_pools([0, 1, 1, 5, 86_400])
    assert ids(client.get_pools().partitions(10)) == [["0"], ["1001"], ["1002"], ["5003"], ["86400004"]]


def test_a_single_partition_is_the_whole_list(client: tf.AsyncTolokaClient, set_pools: Callable[..., None]) -> None:
    set_pools(range(150))
    (partition,) = ids(client.get_pools().partitions(1))
    assert len(partition) == 150


def test_a_list_whose_order_the_service_ignores_is_one_partition(scripted: Scripted) -> None:
    rows = [{**row, "id": f"{int(row['id']) + 1_000_000}"} for row in pools(range(150))]
    page = reply({"items": rows, "has_more": False})
    scripted.answers = [page]
    (partition,) = scripted.async_client().get_pools().partitions(4)
    assert "id_lte" not in partition._source.request.query


def test_an_empty_list_is_one_partition_with_all_columns(client: tf.AsyncTolokaClient, set_pools: Callable[..., None]) -> None:
    set_pools([])
    (partition,) = client.get_pools().partitions(8)
    pd.testing.assert_frame_equal(partition.to_dataframe(), client.get_pools().to_dataframe())


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
def test_the_filters_of_the_scan_apply_to_the_partitions(
    client: tf.AsyncTolokaClient, set_pools: Callable[..., None], filters: dict[str, Any]
) -> None:
    set_pools(60 * number for number in range(300))
    partitions = client.get_pools(**filters).partitions(5)
    assert sorted(id_ for partition in ids(partitions) for id_ in partition) == sorted(
        row["id"] for row in client.get_pools(**filters)
    )


def test_after_id_applies_to_the_partitions(toloka: LocalToloka, client: tf.AsyncTolokaClient) -> None:
    rows = [{"id": f"r{number * 37 % 100:03}", **project(number)} for number in range(100)]
    toloka._service.store.insert("app_projects", [json.dumps(row).encode() for row in rows])
    scan = client.get_app_projects(after_id="r030")
    assert sorted(id_ for partition in ids(scan.partitions(4)) for id_ in partition) == [row["id"] for row in scan]


def project(number: int) -> dict[str, str]:
    return {"app_id": "1", "name": "n", "status": "READY", "created": f"2026-01-01T00:{number % 60:02}:00"}


def test_existing_rows_are_in_a_partition_and_rows_created_later_are_not(
    client: tf.AsyncTolokaClient, set_pools: Callable[..., None]
) -> None:
    future = (datetime(2090, 1, 1, tzinfo=UTC) - START).total_seconds()
    set_pools(existing := [0, 60, future])
    scan = client.get_pools()
    partitions = scan.partitions(2)
    set_pools([*existing, future + 1])
    assert [id_ for partition in ids(partitions) for id_ in partition] == [row["id"] for row in pools(existing)]
    assert len([*scan]) == 4


# Partitions in other processes


def rows_of(partition: tf.Scan) -> pd.DataFrame:
    return partition.to_dataframe(progress=False)


@pytest.fixture
def tasks(client: tf.AsyncTolokaClient, pool_id: str, make_frame: Callable[[int], pd.DataFrame]) -> tf.Scan:
    make_frame(200).pipe(tf.create_tasks, client, pool_id, allow_defaults=True, progress=False)
    return client.get_tasks(pool_id)


def test_spawned_processes_request_only_pages_of_their_partition(
    toloka: LocalToloka, tasks: tf.Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    partitions = tasks.partitions(2)
    monkeypatch.setenv("TOLOKA_TOKEN", toloka.token)
    before = len(toloka.requests)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        frames = pool.map(rows_of, partitions)
    paths = [request.path for request in toloka.requests[before:]]
    assert set(paths) == {"/api/v1/tasks"}
    assert len(paths) == len(partitions)
    together = pd.concat(frames).sort_values("id", ignore_index=True)
    pd.testing.assert_frame_equal(together, tasks.to_dataframe())


def test_the_error_in_a_process_without_a_token_says_to_set_it(tasks: tf.Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    (partition, *_) = tasks.partitions(2)
    monkeypatch.delenv("TOLOKA_TOKEN", raising=False)
    with (
        multiprocessing.get_context("spawn").Pool(1) as pool,
        pytest.raises(tf.ConfigurationError, match=r"this process has none.\nSet TOLOKA_TOKEN there too"),
    ):
        pool.apply(rows_of, (partition,))


def test_threads_of_this_process_can_read_partitions(tasks: tf.Scan) -> None:
    with ThreadPoolExecutor(4) as pool:
        together = pd.concat(pool.map(rows_of, tasks.partitions(4, workers=1))).sort_values("id", ignore_index=True)
    pd.testing.assert_frame_equal(together, tasks.to_dataframe())


def test_an_assignment_is_in_one_partition_with_all_its_tasks(
    client: tf.AsyncTolokaClient, toloka: LocalToloka, pool_id: str, tasks: tf.Scan
) -> None:
    assert len(tasks.to_arrow()) == 200
    tf.run(client.open_pool(pool_id, progress=False))
    toloka.answer(pool_id)
    assignments = client.get_assignments(pool_id=pool_id)
    partitions = assignments.partitions(3, workers=1)
    assert len(partitions) == 3
    together = pd.concat(map(rows_of, partitions)).sort_values("ASSIGNMENT:assignment_id", ignore_index=True, kind="stable")
    pd.testing.assert_frame_equal(together, assignments.to_dataframe())


def test_app_items_can_be_partitioned(client: tf.AsyncTolokaClient) -> None:
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
def test_a_pickled_partition_is_small_and_has_no_token(toloka: LocalToloka, tasks: tf.Scan, protocol: int) -> None:
    (partition, *_) = tasks.partitions(4)
    before = len(pickle.dumps(partition, protocol))
    rows_of(partition)
    pickled = pickle.dumps(partition, protocol)
    assert len(pickled) == before < 8_000
    assert toloka.token.encode() not in pickled
    assert pickle.loads(pickled).schema == tasks.schema  # noqa: S301 -- pickled by this test


def test_a_scan_can_be_pickled_before_its_first_request(
    toloka: LocalToloka, tasks: tf.Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    pickled = pickle.dumps(tasks)
    monkeypatch.setenv("TOLOKA_TOKEN", toloka.token)
    unpickled = pickle.loads(pickled)  # noqa: S301 -- pickled by this test
    assert repr(unpickled) == repr(tasks)
    pd.testing.assert_frame_equal(unpickled.to_dataframe(), tasks.to_dataframe())


@pytest.mark.parametrize(("arguments", "workers"), [({}, 3), ({"workers": 20}, 20), ({"workers": 1}, 1)], ids=str)
def test_a_partition_has_its_share_of_the_quota(tasks: tf.Scan, arguments: dict[str, int], workers: int) -> None:
    partition = tasks.partitions(3, **arguments)[0]
    for scan in (partition, pickle.loads(pickle.dumps(partition))):  # noqa: S301 -- pickled by this test
        assert scan._source.service.rate_limiter.workers == workers
    assert tasks._source.service.rate_limiter.workers == 1
    assert partition.partitions(2, workers=2)[0]._source.service.rate_limiter.workers == 2 * workers


def test_the_default_number_of_workers_is_at_most_the_requests_per_second_of_the_quota(tasks: tf.Scan) -> None:
    assert tasks.partitions(1_000)[0]._source.service.rate_limiter.workers == 300


@pytest.mark.parametrize(("n", "workers"), [(0, None), (1.5, None), (True, None), (2, 0), (2, 301), (2, "2")])
def test_invalid_numbers_are_rejected_before_the_first_request(scripted: Scripted, n: Any, workers: Any) -> None:
    scripted.answers = [reply({"items": [], "has_more": False})]
    with pytest.raises(tf.InputError, match="whole number"):
        scripted.async_client().get_pools().partitions(n, workers=workers)
    assert scripted.requests == []
