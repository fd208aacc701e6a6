"""A pull over several connections has the rows and the order of a pull over one, in few more requests."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import threading
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.all_cases import examples
from support.bonus_list_server import YEAR, BonusList, format_created, parse_created
from support.leftovers import busy, left_on_our_loop
from support.scripted_server import Scripted, reply
from support.virtual_clock import api_clients, run_virtual

import toloka_frames as tf
from toloka_frames._reading.scan import Source, list_request
from toloka_frames._runtime.tracker import ProgressTracker
from toloka_frames._schema.lists import USER_BONUSES

if TYPE_CHECKING:
    from collections.abc import Callable

    from toloka_frames.local import LocalToloka

PAGE = 20
SECOND = 10**6
seeded = random.Random

# the creation times of a number of rows, in microseconds of a year
SHAPES: dict[str, Callable[[random.Random, int], list[int]]] = {
    "evenly": lambda generator, rows: [generator.randrange(YEAR) for _ in range(rows)],
    "all in one second": lambda generator, rows: [YEAR // 3 + generator.randrange(SECOND) for _ in range(rows)],
    "in a few milliseconds": lambda generator, rows: [YEAR // 3 + generator.randrange(5_000) for _ in range(rows)],
    "at one timestamp": lambda _, rows: [YEAR // 3] * rows,
    "at a few timestamps": lambda generator, rows: generator.choices([generator.randrange(YEAR) for _ in range(4)], k=rows),
    "in sessions": lambda generator, rows: [
        start + generator.randrange(SECOND)
        for start in generator.choices([generator.randrange(YEAR) for _ in range(6)], k=rows)
    ],
    "all but two rows in one second": lambda generator, rows: [
        0,
        YEAR,
        *(YEAR // 3 + generator.randrange(SECOND) for _ in range(rows)),
    ],
}


def ids_of(scan: tf.Scan, concurrency: int | None) -> list[str]:
    return [str(id_) for id_ in scan.to_arrow(concurrency=concurrency, progress=False)["id"].to_pylist()]


def expected_ids(bonuses: BonusList, **query: str) -> list[str]:
    return sorted(bonuses.matching(query), key=int)


@settings(max_examples=examples(60))
@given(
    shape=st.sampled_from(list(SHAPES)),
    rows=st.one_of(st.sampled_from([0, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE]), st.integers(0, 400)),
    concurrency=st.integers(2, 12),
    digits=st.sampled_from([3, 6]),
    seed=st.integers(0, 2**32),
)
def test_rows_and_order_are_those_of_one_connection_however_rows_are_distributed(
    shape: str, rows: int, concurrency: int, digits: int, seed: int
) -> None:
    bonuses = BonusList(SHAPES[shape](seeded(seed), rows), digits=digits)
    with Scripted() as scripted:
        scripted.answers = [bonuses]
        scan = scripted.async_client().get_user_bonuses(batch_size=PAGE)
        table = scan.to_arrow(concurrency=concurrency, progress=False)
        assert table.equals(scan.to_arrow(concurrency=1, progress=False))
    assert table["id"].to_pylist() == expected_ids(bonuses)


@settings(max_examples=examples(30))
@given(
    bounds=st.dictionaries(
        st.sampled_from(["created_gt", "created_gte", "created_lt", "created_lte"]), st.integers(0, 9 * SECOND), max_size=3
    ),
    ids=st.dictionaries(st.sampled_from(["id_gt", "id_gte", "id_lt", "id_lte"]), st.integers(1, 9_999), max_size=1),
    seed=st.integers(0, 2**32),
)
def test_the_filters_of_the_user_apply(bounds: dict[str, int], ids: dict[str, int], seed: int) -> None:
    generator = seeded(seed)
    bonuses = BonusList(generator.randrange(9 * SECOND) // 1_000 * 1_000 for _ in range(200))
    filters = {name: format_created(value) for name, value in bounds.items()} | {
        name: str(value) for name, value in ids.items()
    }
    with Scripted() as scripted:
        scripted.answers = [bonuses]
        scan = scripted.async_client().get_user_bonuses(batch_size=PAGE, **filters)  # type: ignore[arg-type]
        assert ids_of(scan, 5) == expected_ids(bonuses, **filters)
    for query in bonuses.queries:
        assert {name for name in filters if name not in query} == set()
        for name, value in bounds.items():
            difference = parse_created(query[name]) - value
            assert difference >= 0 if name == "created_gte" else difference <= 0 if name == "created_lte" else difference == 0


@settings(max_examples=examples(25))
@given(
    shape=st.sampled_from(list(SHAPES)),
    concurrency=st.integers(2, 12),
    seed=st.integers(0, 2**32),
)
def test_each_existing_row_is_returned_once_while_rows_are_added_and_changed(shape: str, concurrency: int, seed: int) -> None:
    generator = seeded(seed)
    bonuses = BonusList(SHAPES[shape](generator, 300))
    before = set(bonuses.rows)

    def change_rows(request: int) -> None:
        for number in range(5):
            new = str(20_000 + 5 * request + number)
            bonuses.rows[new], bonuses.users[new] = generator.randrange(YEAR), "a"
        for id_ in generator.sample(sorted(before), 30):
            bonuses.users[id_] = "b"

    bonuses.on_request = change_rows
    with Scripted() as scripted:
        scripted.answers = [bonuses]
        fetched = ids_of(scripted.async_client().get_user_bonuses(batch_size=PAGE), concurrency)
    assert before <= set(fetched) <= set(bonuses.rows)
    assert fetched == sorted(set(fetched), key=int)


@pytest.mark.parametrize(("shape", "concurrency"), [("evenly", 16), ("all in one second", 8)])
def test_100_pages_take_at_most_130_requests(shape: str, concurrency: int) -> None:
    bonuses = BonusList(SHAPES[shape](seeded(1), 100 * PAGE))
    assert fetched_ids(bonuses, concurrency, latency=LATENCY) == expected_ids(bonuses)
    assert len(bonuses.queries) <= 130


LATENCY = 0.1


class Counts(ProgressTracker):
    """A tracker that keeps every count of rows that it ever showed."""

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name == "rows":
            self.__dict__.setdefault("shown", []).append(value)


def fetched_ids(bonuses: BonusList, concurrency: int | None, *, latency: float) -> list[str]:
    """Fetch the list with this latency, in virtual time; check that the count of rows was always true; return the ids."""

    async def fetch() -> list[str]:
        async with api_clients(bonuses, latency=latency) as (service,):
            source = Source(service, list_request(USER_BONUSES, {}), PAGE)
            table = await source.fetch_table(concurrency, tracker := Counts(""))
            shown = tracker.__dict__["shown"]
            assert shown == sorted(shown)
            assert shown[-1] == tracker.rows == len(table)
            return [str(id_) for id_ in table["id"].to_pylist()]

    return run_virtual(fetch())


@pytest.mark.parametrize("shape", SHAPES)
def test_the_count_of_rows_never_goes_back_and_never_exceeds_the_list(shape: str) -> None:
    bonuses = BonusList(SHAPES[shape](seeded(1), 30 * PAGE))
    assert fetched_ids(bonuses, 8, latency=LATENCY) == expected_ids(bonuses)


def test_a_short_list_is_pulled_in_one_request(scripted: Scripted) -> None:
    scripted.answers = [bonuses := BonusList(range(0, PAGE * SECOND, SECOND))]
    assert ids_of(scripted.async_client().get_user_bonuses(batch_size=PAGE), 8) == expected_ids(bonuses)
    assert [query["sort"] for query in bonuses.queries] == ["id"]


def served(*ignores: str) -> BonusList:
    return BonusList(range(0, 200 * SECOND, SECOND), ignores=ignores)


IGNORING = {
    "order": served("sort"),
    "bounds": served("id_lte"),
    "order and bounds": served("sort", "id_lte"),
}


@pytest.mark.parametrize("bonuses", IGNORING.values(), ids=IGNORING)
def test_a_list_is_fetched_page_by_page_if_the_service_ignores_the_request(scripted: Scripted, bonuses: BonusList) -> None:
    scripted.answers = [bonuses]
    assert ids_of(scripted.async_client().get_user_bonuses(batch_size=PAGE), 8) == expected_ids(bonuses)
    assert "-id" in {query["sort"] for query in bonuses.queries}
    assert "id_lte" not in bonuses.queries[-1]


@pytest.mark.parametrize("bonuses", IGNORING.values(), ids=IGNORING)
def test_the_count_of_rows_never_goes_back_after_a_split_that_failed(bonuses: BonusList) -> None:
    assert fetched_ids(bonuses, 8, latency=LATENCY) == expected_ids(bonuses)


@pytest.mark.parametrize("created", [None, "yesterday"])
def test_rows_without_a_creation_time_are_fetched(scripted: Scripted, created: str | None) -> None:
    rows = [{"id": f"{number}", "created": created} for number in range(100, 100 + PAGE)]
    scripted.answers = [reply({"items": rows, "has_more": False})]
    assert len(ids_of(scripted.async_client().get_user_bonuses(batch_size=PAGE), 8)) == PAGE
    assert "sort=id" in scripted.requests[-1]


def test_a_row_repeated_in_a_page_is_returned_once(scripted: Scripted) -> None:
    bonuses = BonusList(range(0, 200 * SECOND, SECOND))

    def with_duplicates(head: str) -> bytes:
        page = json.loads(bonuses(head).partition(b"\r\n\r\n")[2])
        return reply({**page, "items": [row for row in page["items"] for _ in range(2)]})

    scripted.answers = [lambda head: with_duplicates(head) if "id_lte" in head else bonuses(head)]
    assert ids_of(scripted.async_client().get_user_bonuses(batch_size=PAGE), 8) == expected_ids(bonuses)
    assert any("id_lte" in query for query in bonuses.queries)


def test_a_list_is_fetched_page_by_page_if_the_service_rejects_the_sort_order(scripted: Scripted) -> None:
    bonuses = BonusList(range(0, 200 * SECOND, SECOND))
    rejection = reply({"code": "VALIDATION_ERROR", "message": "no such sort key"}, 400)
    scripted.answers = [lambda head: bonuses(head) if "sort=id" in head else rejection]
    assert ids_of(scripted.async_client().get_user_bonuses(batch_size=PAGE), 8) == expected_ids(bonuses)


UNSPLITTABLE: dict[str, Callable[[tf.AsyncTolokaClient], tf.Scan]] = {
    "apps": lambda client: client.get_apps(batch_size=PAGE),
    "aggregated solutions": lambda client: client.get_aggregated_solutions("1", batch_size=PAGE),
    "rows after another": lambda client: client.get_app_batches("1", after_id="a", batch_size=PAGE),
    "pages of few rows": lambda client: client.get_user_bonuses(batch_size=PAGE - 1),
}


@pytest.mark.parametrize("scan", UNSPLITTABLE.values(), ids=UNSPLITTABLE)
def test_lists_that_cannot_be_split_are_fetched_page_by_page(
    scripted: Scripted, scan: Callable[[tf.AsyncTolokaClient], tf.Scan]
) -> None:
    scripted.answers = [reply({"items": [], "content": [], "has_more": False, "id": "1", "app_id": "1"})]
    scan(scripted.async_client()).to_arrow(concurrency=8)
    (page,) = [request for request in scripted.requests if "sort=" in request]
    assert "sort=-" not in page


@pytest.mark.parametrize("concurrency", [0, -1, 1.5, True, "8"])
def test_an_invalid_concurrency_is_rejected_before_the_first_request(scripted: Scripted, concurrency: Any) -> None:
    scan = scripted.async_client().get_user_bonuses()
    with pytest.raises(tf.InputError, match="concurrency") as caught:
        scan.to_dataframe(concurrency=concurrency)
    assert caught.value.column == "concurrency"
    with pytest.raises(tf.InputError, match="concurrency"):
        asyncio.run(tf.aio.to_arrow(scan, concurrency=concurrency))
    assert scripted.requests == []


def test_every_function_passes_the_concurrency_on(scripted: Scripted) -> None:
    scripted.answers = [bonuses := BonusList(range(0, 300 * SECOND, SECOND))]
    scan = scripted.async_client().get_user_bonuses(batch_size=PAGE)
    pulls: list[Callable[[], Any]] = [
        lambda: scan.to_dataframe(concurrency=4)["id"],
        lambda: tf.to_dataframe(scan, concurrency=4)["id"],
        lambda: tf.to_arrow(scan, concurrency=4).to_pandas()["id"],
        lambda: asyncio.run(tf.aio.to_dataframe(scan, concurrency=4))["id"],
        lambda: asyncio.run(tf.aio.to_arrow(scan, concurrency=4)).to_pandas()["id"],
    ]
    for pull in pulls:
        bonuses.queries.clear()
        assert list(pull()) == expected_ids(bonuses)
        assert any("id_lte" in query for query in bonuses.queries)


def test_a_slow_service_gets_several_connections_by_default() -> None:
    bonuses = BonusList(SHAPES["evenly"](seeded(1), 100 * PAGE))
    assert fetched_ids(bonuses, None, latency=LATENCY) == expected_ids(bonuses)
    assert ["id_lte" in query for query in bonuses.queries[:2]] == [False, False]
    assert sum("id_lte" in query for query in bonuses.queries) > 50
    assert len(bonuses.queries) <= 130


def test_a_fast_service_gets_one_connection_by_default() -> None:
    bonuses = BonusList(range(0, 200 * SECOND, SECOND))
    assert fetched_ids(bonuses, None, latency=0.0) == expected_ids(bonuses)
    assert [query["sort"] for query in bonuses.queries] == ["id"] * 10


def test_a_short_list_of_a_slow_service_is_fetched_page_by_page() -> None:
    bonuses = BonusList(range(0, 2 * PAGE * SECOND, SECOND))
    assert fetched_ids(bonuses, None, latency=LATENCY) == expected_ids(bonuses)
    assert [query["sort"] for query in bonuses.queries] == ["id"] * 2


DENIED = reply({"code": "ACCESS_DENIED", "message": "no"}, 403)


def test_an_error_of_the_first_page_is_raised_as_it_is(scripted: Scripted) -> None:
    scripted.answers = [DENIED]
    with pytest.raises(tf.AccessDenied):
        scripted.async_client().get_user_bonuses().to_arrow(concurrency=8)


@pytest.mark.parametrize("shape", ["evenly", "at a few timestamps"])
@pytest.mark.parametrize("request_number", [4, 9, 17])
def test_no_request_is_left_running_after_an_error(scripted: Scripted, shape: str, request_number: int) -> None:
    bonuses = BonusList(SHAPES[shape](seeded(1), 600))
    scripted.answers = [lambda head: DENIED if len(bonuses.queries) >= request_number else bonuses(head)]
    client = scripted.async_client()
    with pytest.raises(tf.ScanInterrupted, match=r"The pull ended after [\d,]+ rows: 403 ACCESS_DENIED") as caught:
        client.get_user_bonuses(batch_size=PAGE).to_arrow(concurrency=4)
    assert caught.value.cursor is None
    assert 0 < caught.value.rows < 600
    assert "make the same call again" in str(caught.value)
    assert isinstance(caught.value.__cause__, tf.TolokaError)
    assert left_on_our_loop() == set()
    assert busy(client) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to the whole console")
@pytest.mark.parametrize("request_number", [1, 2, 5, 11])
def test_no_request_is_left_running_after_a_keyboard_interrupt_and_the_same_call_works_again(
    scripted: Scripted, request_number: int
) -> None:
    bonuses, released = BonusList(SHAPES["evenly"](seeded(1), 600)), threading.Event()

    def stop(request: int) -> None:
        if request == request_number:
            os.kill(os.getpid(), signal.SIGINT)
            released.wait(120)

    bonuses.on_request = stop
    scripted.answers = [bonuses]
    client = scripted.async_client()
    scan = client.get_user_bonuses(batch_size=PAGE)
    with pytest.raises(KeyboardInterrupt):
        scan.to_dataframe(concurrency=4)
    assert left_on_our_loop() == set()
    assert busy(client) == []
    released.set()
    assert ids_of(scan, 4) == expected_ids(bonuses)


def test_the_rows_of_an_assignments_tasks_stay_together(
    toloka: LocalToloka, client: tf.AsyncTolokaClient, make_pool: Any
) -> None:
    pool_id = make_pool(mixer_config={"real_tasks_count": 4, "golden_tasks_count": 0, "training_tasks_count": 0})
    frame = pd.DataFrame({"image": [f"https://example.com/{number}.jpg" for number in range(802)]})
    frame.pipe(tf.create_tasks, client, pool_id, allow_defaults=True, open_pool=True, progress=False)
    toloka.answer(pool_id)
    for scan in (
        client.get_tasks(pool_id, batch_size=PAGE),
        client.get_task_suites(pool_id=pool_id, batch_size=PAGE),
        client.get_assignments(pool_id=pool_id, batch_size=PAGE),
    ):
        expected = scan.to_arrow(concurrency=1)
        assert len(expected) >= 802
        assert scan.to_arrow(concurrency=4).equals(expected)
    assert any("id_lte" in request.query for request in toloka.requests if request.path == "/api/v1/assignments")
