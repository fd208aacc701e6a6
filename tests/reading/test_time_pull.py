"""A pull over several connections gives the rows of the walk, each once and in its order, in hardly more requests."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import threading
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.bonus_list_server import YEAR, Listing, microseconds, moment
from support.leftovers import busy, left_on_our_loop
from support.scripted_server import Scripted, reply
from support.virtual_clock import api_clients, run_virtual

import toloka_frames as tf
from toloka_frames._reading.scan import Source, list_request
from toloka_frames._reading.time_pull import sort_by_id
from toloka_frames._runtime.progress import ProgressTracker
from toloka_frames._schema.lists import USER_BONUSES

if TYPE_CHECKING:
    from collections.abc import Callable

    from toloka_frames.local import LocalToloka

PAGE = 20
SECOND = 10**6
drawing = random.Random  # the same each time

# what microseconds of a year so many rows are made at
SHAPES: dict[str, Callable[[random.Random, int], list[int]]] = {
    "evenly": lambda draw, rows: [draw.randrange(YEAR) for _ in range(rows)],
    "all in one second": lambda draw, rows: [YEAR // 3 + draw.randrange(SECOND) for _ in range(rows)],
    "in a few milliseconds": lambda draw, rows: [YEAR // 3 + draw.randrange(5_000) for _ in range(rows)],
    "at one instant": lambda _, rows: [YEAR // 3] * rows,
    "at a few instants": lambda draw, rows: draw.choices([draw.randrange(YEAR) for _ in range(4)], k=rows),
    "in sessions": lambda draw, rows: [
        start + draw.randrange(SECOND) for start in draw.choices([draw.randrange(YEAR) for _ in range(6)], k=rows)
    ],
    "in one second, but for two rows": lambda draw, rows: [0, YEAR, *(YEAR // 3 + draw.randrange(SECOND) for _ in range(rows))],
}


def ids_of(scan: tf.Scan, concurrency: int | None) -> list[str]:
    return [str(each) for each in scan.to_arrow(concurrency=concurrency, progress=False)["id"].to_pylist()]


def by_brute_force(listing: Listing, **query: str) -> list[str]:
    return sorted(listing.passing(query), key=int)


@settings(max_examples=60, deadline=None)
@given(
    shape=st.sampled_from(list(SHAPES)),
    rows=st.one_of(st.sampled_from([0, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE]), st.integers(0, 400)),
    concurrency=st.integers(2, 12),
    digits=st.sampled_from([3, 6]),
    seed=st.integers(0, 2**32),
)
def test_whatever_a_list_is_like_the_rows_are_those_of_the_walk_in_its_order(
    shape: str, rows: int, concurrency: int, digits: int, seed: int
) -> None:
    listing = Listing(SHAPES[shape](drawing(seed), rows), digits=digits)
    with Scripted() as scripted:
        scripted.answers = [listing]
        scan = scripted.client().get_user_bonuses(batch_size=PAGE)
        table = scan.to_arrow(concurrency=concurrency, progress=False)
        assert table.equals(scan.to_arrow(concurrency=1, progress=False))
    assert table["id"].to_pylist() == by_brute_force(listing)


@settings(max_examples=30, deadline=None)
@given(
    bounds=st.dictionaries(
        st.sampled_from(["created_gt", "created_gte", "created_lt", "created_lte"]), st.integers(0, 9 * SECOND), max_size=3
    ),
    ids=st.dictionaries(st.sampled_from(["id_gt", "id_gte", "id_lt", "id_lte"]), st.integers(1, 9_999), max_size=1),
    seed=st.integers(0, 2**32),
)
def test_filters_of_the_user_stay(bounds: dict[str, int], ids: dict[str, int], seed: int) -> None:
    draw = drawing(seed)
    listing = Listing(draw.randrange(9 * SECOND) // 1_000 * 1_000 for _ in range(200))
    filters = {name: moment(value) for name, value in bounds.items()} | {name: str(value) for name, value in ids.items()}
    with Scripted() as scripted:
        scripted.answers = [listing]
        scan = scripted.client().get_user_bonuses(batch_size=PAGE, **filters)  # type: ignore[arg-type]
        assert ids_of(scan, 5) == by_brute_force(listing, **filters)
    for query in listing.asked:
        assert {name for name in filters if name not in query} == set()
        for name, value in bounds.items():
            tighter = microseconds(query[name]) - value
            assert tighter >= 0 if name == "created_gte" else tighter <= 0 if name == "created_lte" else tighter == 0


@settings(max_examples=25, deadline=None)
@given(
    shape=st.sampled_from(list(SHAPES)),
    concurrency=st.integers(2, 12),
    seed=st.integers(0, 2**32),
)
def test_while_rows_are_added_and_changed_each_row_that_was_there_comes_once(shape: str, concurrency: int, seed: int) -> None:
    draw = drawing(seed)
    listing = Listing(SHAPES[shape](draw, 300))
    before = set(listing.rows)

    def meanwhile(request: int) -> None:
        for number in range(5):
            new = str(20_000 + 5 * request + number)
            listing.rows[new], listing.users[new] = draw.randrange(YEAR), "a"
        for each in draw.sample(sorted(before), 30):
            listing.users[each] = "b"

    listing.at = meanwhile
    with Scripted() as scripted:
        scripted.answers = [listing]
        came = ids_of(scripted.client().get_user_bonuses(batch_size=PAGE), concurrency)
    assert before <= set(came) <= set(listing.rows)
    assert came == sorted(set(came), key=int)


@pytest.mark.parametrize("concurrency", [8, 16])
@pytest.mark.parametrize("shape", ["evenly", "all in one second"])
def test_a_hundred_pages_take_at_most_three_tenths_more_requests(shape: str, concurrency: int) -> None:
    listing = Listing(SHAPES[shape](drawing(1), 100 * PAGE))
    assert pulled(listing, concurrency, latency=LATENCY) == by_brute_force(listing)
    assert len(listing.asked) <= 130


LATENCY = 0.1


def pulled(listing: Listing, concurrency: int | None, *, latency: float) -> list[str]:
    """Ids that come from a service that begins each answer after so many seconds."""

    async def work() -> list[str]:
        async with api_clients(listing, latency=latency) as (service,):
            source = Source(service, list_request(USER_BONUSES, {}), str(PAGE))
            table = await source.fetch_table(concurrency, meter := ProgressTracker(""))
            assert meter.rows == len(table)
            return [str(each) for each in table["id"].to_pylist()]

    return run_virtual(work())


def test_a_short_list_is_pulled_in_one_request(scripted: Scripted) -> None:
    scripted.answers = [listing := Listing(range(0, PAGE * SECOND, SECOND))]
    assert ids_of(scripted.client().get_user_bonuses(batch_size=PAGE), 8) == by_brute_force(listing)
    assert [query["sort"] for query in listing.asked] == ["id"]


def as_ids_go(listing: Listing) -> Listing:
    """The list with its rows made in the order of their ids, so that without a sort its first rows are the oldest."""
    listing.rows = dict(zip(sorted(listing.rows, key=int), sorted(listing.rows.values()), strict=True))
    return listing


STEP = SECOND + 1_000
WITHOUT = {
    "order": Listing(range(0, 200 * STEP, STEP), ignores=["sort"]),
    "bounds": Listing(range(0, 200 * STEP, STEP), ignores=["created_gte", "created_lte"]),
    "order and bounds": Listing(range(0, 200 * STEP, STEP), ignores=["sort", "created_gte", "created_lte"]),
    "order, behind pages of one instant": as_ids_go(Listing([1_000] * 80 + list(range(0, 120 * STEP, STEP)), ignores=["sort"])),
    "fractions of a second": Listing(
        [each * 100 * SECOND + part for each in range(70) for part in (100_000, 400_000, 700_000)], digits=-1
    ),
}


@pytest.mark.parametrize("listing", WITHOUT.values(), ids=WITHOUT)
def test_a_service_that_does_not_keep_to_what_was_asked_for_is_walked(scripted: Scripted, listing: Listing) -> None:
    scripted.answers = [listing]
    assert ids_of(scripted.client().get_user_bonuses(batch_size=PAGE), 8) == by_brute_force(listing)
    sorts = [query["sort"] for query in listing.asked]
    assert {"created", "-created"} & set(sorts)
    assert sorts[-1] == "id"


@pytest.mark.parametrize("created", [None, "yesterday"])
def test_rows_that_do_not_tell_when_they_were_made_are_walked(scripted: Scripted, created: str | None) -> None:
    rows = [{"id": f"{number}", "created": created} for number in range(100, 100 + PAGE)]
    scripted.answers = [reply({"items": rows, "has_more": False})]
    assert len(ids_of(scripted.client().get_user_bonuses(batch_size=PAGE), 8)) == PAGE
    assert "sort=id" in scripted.requests[-1]


def test_a_row_that_a_page_holds_twice_is_one_row(scripted: Scripted) -> None:
    listing = Listing(range(0, 100 * STEP, STEP))

    def doubled(head: str) -> bytes:
        page = json.loads(listing(head).partition(b"\r\n\r\n")[2])
        return reply({**page, "items": [row for row in page["items"] for _ in range(2)]})

    scripted.answers = [lambda head: listing(head) if "sort=id" in head else doubled(head)]
    assert ids_of(scripted.client().get_user_bonuses(batch_size=PAGE), 8) == by_brute_force(listing)
    assert "created" in {query["sort"] for query in listing.asked}


def test_a_service_that_refuses_the_order_is_walked(scripted: Scripted) -> None:
    listing = Listing(range(0, 100 * SECOND, SECOND))
    refusal = reply({"code": "VALIDATION_ERROR", "message": "no such sort key"}, 400)
    scripted.answers = [lambda head: listing(head) if "sort=id" in head else refusal]
    assert ids_of(scripted.client().get_user_bonuses(batch_size=PAGE), 8) == by_brute_force(listing)


UNSPLITTABLE: dict[str, Callable[[tf.AsyncTolokaClient], tf.Scan]] = {
    "apps": lambda client: client.get_apps(batch_size=PAGE),
    "aggregated solutions": lambda client: client.get_aggregated_solutions("1", batch_size=PAGE),
    "rows behind another": lambda client: client.get_app_batches("1", after_id="a", batch_size=PAGE),
    "pages of few rows": lambda client: client.get_user_bonuses(batch_size=PAGE - 1),
}


@pytest.mark.parametrize("scan", UNSPLITTABLE.values(), ids=UNSPLITTABLE)
def test_what_cannot_be_shared_out_is_walked(scripted: Scripted, scan: Callable[[tf.AsyncTolokaClient], tf.Scan]) -> None:
    scripted.answers = [reply({"items": [], "content": [], "has_more": False, "id": "1", "app_id": "1"})]
    scan(scripted.client()).to_arrow(concurrency=8)
    assert "sort=-" not in "".join(scripted.requests)
    assert "sort=" in scripted.requests[-1]


@pytest.mark.parametrize("concurrency", [0, -1, 1.5, True, "8"])
def test_a_number_of_connections_that_is_none_is_refused_before_anything_is_asked(scripted: Scripted, concurrency: Any) -> None:
    scan = scripted.client().get_user_bonuses()
    with pytest.raises(tf.InputError, match="concurrency") as caught:
        scan.to_dataframe(concurrency=concurrency)
    assert caught.value.column == "concurrency"
    with pytest.raises(tf.InputError, match="concurrency"):
        asyncio.run(tf.aio.to_arrow(scan, concurrency=concurrency))
    assert scripted.requests == []


def test_every_verb_passes_it_on(scripted: Scripted) -> None:
    scripted.answers = [listing := Listing(range(0, 300 * SECOND, SECOND))]
    scan = scripted.client().get_user_bonuses(batch_size=PAGE)
    pulls: list[Callable[[], Any]] = [
        lambda: scan.to_dataframe(concurrency=4)["id"],
        lambda: tf.to_dataframe(scan, concurrency=4)["id"],
        lambda: tf.to_arrow(scan, concurrency=4).to_pandas()["id"],
        lambda: asyncio.run(tf.aio.to_dataframe(scan, concurrency=4))["id"],
        lambda: asyncio.run(tf.aio.to_arrow(scan, concurrency=4)).to_pandas()["id"],
    ]
    for pull in pulls:
        listing.asked.clear()
        assert list(pull()) == by_brute_force(listing)
        assert {"created", "-created"} <= {query["sort"] for query in listing.asked}


def test_a_slow_service_is_asked_over_several_connections_by_itself() -> None:
    listing = Listing(SHAPES["evenly"](drawing(1), 100 * PAGE))
    assert pulled(listing, None, latency=LATENCY) == by_brute_force(listing)
    sorts = [query["sort"] for query in listing.asked]
    assert sorts[:2] == ["id", "id"]
    assert sorts.count("id") <= 3
    assert len(listing.asked) <= 130


def test_a_service_that_answers_at_once_is_walked() -> None:
    listing = Listing(range(0, 200 * SECOND, SECOND))
    assert pulled(listing, None, latency=0.0) == by_brute_force(listing)
    assert [query["sort"] for query in listing.asked] == ["id"] * 10


def test_a_short_list_of_a_slow_service_is_walked() -> None:
    listing = Listing(range(0, 2 * PAGE * SECOND, SECOND))
    assert pulled(listing, None, latency=LATENCY) == by_brute_force(listing)
    assert [query["sort"] for query in listing.asked] == ["id"] * 2


REFUSED = reply({"code": "ACCESS_DENIED", "message": "no"}, 403)


def test_a_refusal_of_the_first_page_is_what_it_is(scripted: Scripted) -> None:
    scripted.answers = [REFUSED]
    with pytest.raises(tf.AccessDenied):
        scripted.client().get_user_bonuses().to_arrow(concurrency=8)


@pytest.mark.parametrize("shape", ["evenly", "at a few instants"])
@pytest.mark.parametrize("at", [4, 9, 17])
def test_after_an_error_nothing_is_asked_any_more(scripted: Scripted, shape: str, at: int) -> None:
    listing = Listing(SHAPES[shape](drawing(1), 600))
    scripted.answers = [lambda head: REFUSED if len(listing.asked) >= at else listing(head)]
    client = scripted.client()
    with pytest.raises(tf.ScanInterrupted, match=r"The pull ended after [\d,]+ rows: 403 ACCESS_DENIED") as caught:
        client.get_user_bonuses(batch_size=PAGE).to_arrow(concurrency=4)
    assert caught.value.cursor is None
    assert 0 < caught.value.rows < 600
    assert "run it again" in str(caught.value)
    assert isinstance(caught.value.__cause__, tf.TolokaError)
    assert left_on_our_loop() == set()
    assert busy(client) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to the whole console")
@pytest.mark.parametrize("at", [1, 2, 5, 11])
def test_stop_leaves_nothing_and_the_same_call_works_again(scripted: Scripted, at: int) -> None:
    listing, free = Listing(SHAPES["evenly"](drawing(1), 600)), threading.Event()

    def stop(request: int) -> None:
        if request == at:
            os.kill(os.getpid(), signal.SIGINT)
            free.wait(20)

    listing.at = stop
    scripted.answers = [listing]
    client = scripted.client()
    scan = client.get_user_bonuses(batch_size=PAGE)
    with pytest.raises(KeyboardInterrupt):
        scan.to_dataframe(concurrency=4)
    assert left_on_our_loop() == set()
    assert busy(client) == []
    free.set()
    assert ids_of(scan, 4) == by_brute_force(listing)


def test_more_text_than_a_column_holds_in_one_piece_is_put_in_order() -> None:
    ids = [str(each) for each in drawing(1).sample(range(10_000), 300)]
    batches = [
        pa.record_batch({"id": ids[start : start + 10], "text": [each * 2**18 for each in ids[start : start + 10]]})
        for start in range(0, 300, 10)
    ]
    again = pa.record_batch({"id": ids[:1], "text": ["second"]})
    table = sort_by_id([*batches, again], again.schema, "id")
    assert table["id"].to_pylist() == sorted(ids, key=int)
    assert all(text[:100].startswith(id_) for id_, text in zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True))
    assert pc.sum(pc.equal(table["text"], "second")).as_py() == 0


def test_of_an_id_that_several_pages_hold_the_rows_of_the_first_stay_together() -> None:
    batches = [
        pa.record_batch(
            {"id": pa.array(ids, pa.string()), "text": pa.array([f"{number}{place}" for place in range(len(ids))], pa.string())}
        )
        for number, ids in enumerate([["b", "b", "a"], ["c", "b"], [], ["a", "d", "d"]])
    ]
    table = sort_by_id(batches, batches[0].schema, "id")
    assert table["id"].to_pylist() == ["a", "b", "b", "c", "d", "d"]
    assert table["text"].to_pylist() == ["02", "00", "01", "10", "31", "32"]


def test_rows_of_several_tasks_stay_together(toloka: LocalToloka, client: tf.AsyncTolokaClient, make_pool: Any) -> None:
    pool_id = make_pool(mixer_config={"real_tasks_count": 4, "golden_tasks_count": 0, "training_tasks_count": 0})
    frame = pd.DataFrame({"image": [f"https://example.com/{number}.jpg" for number in range(202)]})
    frame.pipe(tf.create_tasks, client, pool_id, allow_defaults=True, open_pool=True, progress=False)
    toloka.answer(pool_id)
    for scan in (
        client.get_tasks(pool_id, batch_size=PAGE),
        client.get_task_suites(pool_id=pool_id, batch_size=PAGE),
        client.get_assignments(pool_id=pool_id, batch_size=PAGE),
    ):
        walked = scan.to_arrow(concurrency=1)
        assert len(walked) >= 202
        assert scan.to_arrow(concurrency=4).equals(walked)
    asked = [request.query.get("sort") for request in toloka.requests if request.path == "/api/v1/assignments"]
    assert asked.count("created") > 1
