"""Of a slow service many pages are asked for at once, where ids lie evenly; the rows and their order are those of the walk."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import uuid
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.bonus_list_server import Batches, app_ids
from support.leftovers import busy, left_on_our_loop
from support.scripted_server import Scripted, reply
from support.virtual_clock import api_clients, loop_time, run_virtual

import toloka_frames as tf
from toloka_frames._errors import ScanInterrupted
from toloka_frames._reading.page import Page, read_page
from toloka_frames._reading.pager import Concurrency, PageRequest, Prefetcher
from toloka_frames._reading.scan import Source, list_request
from toloka_frames._schema.lists import APP_BATCHES

if TYPE_CHECKING:
    from collections.abc import Callable

    from toloka_frames._schema.columns import Layout

PAGE = 400
LATENCY = 0.1
REFUSED = reply({"code": "ACCESS_DENIED", "message": "no"}, 403)


class Walked:
    """What a walk over a service with a latency brought, by the clock of a leaping loop.

    Attributes:
        ids: Those of the rows, as they came.
        cursors: That behind each page.
        seconds: How long it took.
        error: What ended it.
    """

    def __init__(
        self,
        answer: Callable[[str], bytes],
        connections: int | None = None,
        *,
        latency: float = LATENCY,
        page: int = PAGE,
        **given: Any,
    ) -> None:
        self.ids: list[str] = []
        self.cursors: list[str | None] = []
        self.error: ScanInterrupted | None = None
        run_virtual(self._work(answer, connections, latency, page, given))

    async def _work(
        self, answer: Callable[[str], bytes], connections: int | None, latency: float, page: int, given: dict[str, Any]
    ) -> None:
        async with api_clients(answer, latency=latency, retries=1) as (service,):
            source = Source(service, list_request(APP_BATCHES, {"app_project_id": "1", **given}), str(page))
            begun = loop_time()
            try:
                async with aclosing(await source.pages(concurrency=Concurrency(connections))) as pages:
                    async for cursor, came in pages:
                        self.ids += came.ids
                        self.cursors.append(cursor)
            except ScanInterrupted as error:
                self.error = error
            self.seconds = loop_time() - begun


@settings(max_examples=40, deadline=None)
@given(
    rows=st.sampled_from([0, 1, PAGE, PAGE + 1, 2 * PAGE, 2 * PAGE + 1, 3 * PAGE, 3_000]),
    connections=st.one_of(st.none(), st.integers(1, 12)),
    seed=st.integers(0, 2**32),
    bounds=st.dictionaries(
        st.sampled_from(["id_gt", "id_gte", "id_lt", "id_lte"]), st.sampled_from(["0", "3x", "Zz", "zzz"]), max_size=2
    ),
)
def test_rows_and_their_order_are_those_of_one_connection(
    rows: int, connections: int | None, seed: int, bounds: dict[str, str]
) -> None:
    listing = Batches(app_ids(rows, seed))
    came = Walked(listing, connections, **bounds)
    assert came.ids == sorted(listing.passing(bounds))
    assert came.cursors[-1] == (came.ids[-1] if came.ids else bounds.get("id_gt"))


def test_a_slow_service_is_asked_over_many_connections_by_itself() -> None:
    listing = Batches(app_ids(40 * PAGE))
    one, many = Walked(listing, 1), Walked(listing)
    assert many.ids == one.ids == sorted(listing.rows)
    assert len(listing.asked) <= 40 + 52
    assert many.seconds <= one.seconds / 8


@pytest.mark.parametrize("connections", [None, 20])
def test_pages_of_300_rows_take_at_most_three_tenths_more_requests(connections: int | None) -> None:
    listing = Batches(app_ids(30 * 300))
    assert Walked(listing, connections, page=300).ids == sorted(listing.rows)
    assert len(listing.asked) <= 1.3 * 30


def test_so_many_at_once_as_is_said() -> None:
    listing = Batches(app_ids(40 * PAGE))
    eight, four = Walked(listing, 8), Walked(listing, 4)
    assert eight.ids == four.ids == sorted(listing.rows)
    requests = len(listing.asked) / 2
    assert four.seconds == pytest.approx((1 + (requests - 1) / 4) * LATENCY, abs=2 * LATENCY)
    assert eight.seconds == pytest.approx((1 + (requests - 1) / 8) * LATENCY, abs=2 * LATENCY)


def test_a_service_that_answers_at_once_is_asked_for_page_after_page() -> None:
    listing = Batches(app_ids(10 * PAGE))
    assert Walked(listing, latency=0.0).ids == sorted(listing.rows)
    assert len(listing.asked) == 10
    assert not any("id_lte" in query for query in listing.asked)


def test_a_list_of_two_pages_takes_two_requests() -> None:
    listing = Batches(app_ids(2 * PAGE))
    assert Walked(listing).ids == sorted(listing.rows)
    assert len(listing.asked) == 2


def test_small_pages_are_walked() -> None:
    listing = Batches(app_ids(500))
    assert Walked(listing, 8, page=50).ids == sorted(listing.rows)
    assert len(listing.asked) == 10


def after_even_ones(rows: int) -> list[str]:
    """Ids that lie evenly at the beginning of the list only."""
    return [each for each in app_ids(20 * PAGE) if each < "G"] + [f"h{each}"[:20] for each in app_ids(rows, seed=1)]


ODD: dict[str, tuple[Batches, int]] = {
    "a gap": (Batches([each for each in app_ids(40 * PAGE) if not "G" < each < "h"]), 45),
    "a crowd": (Batches(after_even_ones(20 * PAGE)), 70),
    "numbers of one length": (Batches(str(number) for number in range(10**6, 10**6 + 10 * PAGE)), 10),
    "no upper bound is kept to": (Batches(app_ids(20 * PAGE), ignores=["id_lte"]), 60),
}


@pytest.mark.parametrize("listing", ODD.values(), ids=ODD)
def test_a_list_that_is_not_as_it_began_comes_whole_in_not_many_more_requests(listing: tuple[Batches, int]) -> None:
    batches, requests = listing
    assert Walked(batches, 8).ids == sorted(batches.rows)
    assert len(batches.asked) <= requests


@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_service_that_refuses_an_upper_bound_is_walked(status: int) -> None:
    listing, refusal = Batches(app_ids(10 * PAGE)), reply({"code": "NOT_SO", "message": "no such id"}, status)
    assert Walked(lambda head: refusal if "id_lte" in head else listing(head), 8).ids == sorted(listing.rows)


def test_bounds_of_the_user_are_compared_as_the_service_does() -> None:
    class Upper(Batches):
        def _keys(self) -> dict[str, Callable[[str], Any]]:
            return {"id": str.upper, "created": self.rows.__getitem__}

    listing = Upper(str(uuid.uuid5(uuid.NAMESPACE_OID, str(number))).upper() for number in range(10 * PAGE))
    assert Walked(listing, 8, id_lte="c").ids == sorted(each for each in listing.rows if each <= "C")


def test_an_order_that_is_not_that_of_the_symbols_is_walked() -> None:
    class CaseBlind(Batches):
        def _keys(self) -> dict[str, Callable[[str], Any]]:
            return {"id": lambda each: (each.lower(), each), "created": self.rows.__getitem__}

    listing = CaseBlind(app_ids(10 * PAGE))
    assert Walked(listing, 8).ids == sorted(listing.rows, key=lambda each: (each.lower(), each))


@pytest.mark.parametrize("at", [3, 8, 15])
def test_an_error_comes_behind_all_rows_before_it_and_says_where_to_go_on(at: int) -> None:
    listing = Batches(app_ids(30 * PAGE))
    refusing = Walked(lambda head: REFUSED if len(listing.asked) >= at else listing(head), 4)
    assert refusing.error
    assert refusing.error.cursor == refusing.cursors[-1] == refusing.ids[-1]
    assert refusing.error.rows == len(refusing.ids)
    behind = Walked(listing, 4, id_gt=refusing.error.cursor)
    assert refusing.ids + behind.ids == sorted(listing.rows)


def test_rows_that_are_added_meanwhile_leave_the_others_as_they_are() -> None:
    listing = Batches(app_ids(20 * PAGE))
    before, new = set(listing.rows), iter(app_ids(10_000, seed=2))
    listing.at = lambda _: listing.rows.update({next(new): 0 for _ in range(5)})
    came = Walked(listing, 8)
    assert came.ids == sorted(set(came.ids))
    assert before <= set(came.ids) <= set(listing.rows)


def test_who_reads_slowly_has_a_bounded_number_of_pages_ahead(scripted: Scripted) -> None:
    listing = Batches(app_ids(80 * PAGE))
    scripted.answers = [listing]
    source = scripted.client().get_app_batches("1", batch_size=PAGE)._source

    async def read() -> None:
        pages = await source.pages(concurrency=Concurrency(4))
        for number in range(1, 20):
            await anext(pages)
            await asyncio.sleep(0)
            assert len(listing.asked) <= number + 2 * 4
        await pages.aclose()

    tf.run(read())
    assert left_on_our_loop() == set()


def test_a_cancellation_while_pages_are_given_up_waits_for_those_that_are_being_read() -> None:
    reading, free, begun, ended = asyncio.Event(), threading.Event(), list[int](), list[int]()

    async def work() -> None:
        loop = asyncio.get_running_loop()

        def read(body: bytes, layout: Layout) -> Page:
            begun.append(len(body))
            if len(begun) > 1:
                loop.call_soon_threadsafe(reading.set)
                free.wait(20)
            ended.append(len(body))
            return read_page(body, layout)

        async with api_clients(Batches(app_ids(20 * PAGE)), latency=LATENCY) as (service,):
            source = Source(service, list_request(APP_BATCHES, {"app_project_id": "1"}), str(PAGE))
            query = {"sort": "id", "limit": str(PAGE)}
            ahead = Prefetcher(PageRequest(service, source.request.path, query, await source.layout(), read), Concurrency(4))
            await ahead.page_after(None)
            await reading.wait()
            forgetting = asyncio.create_task(ahead.cancel_pending())
            loop.call_later(LATENCY, forgetting.cancel)
            loop.call_later(2 * LATENCY, free.set)
            with pytest.raises(asyncio.CancelledError):
                await forgetting
            assert len(ended) == len(begun)

    run_virtual(work())


PULLS: dict[str, Callable[[tf.Scan], Any]] = {
    "to_dataframe": lambda scan: list(scan.to_dataframe(concurrency=4)["id"]),
    "to_arrow": lambda scan: scan.to_arrow(concurrency=4)["id"].to_pylist(),
}


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to the whole console")
@pytest.mark.parametrize("pull", PULLS.values(), ids=PULLS)
@pytest.mark.parametrize("at", [1, 2, 7])
def test_stop_leaves_nothing_and_the_same_call_works_again(
    scripted: Scripted, pull: Callable[[tf.Scan], list[str]], at: int
) -> None:
    listing, free = Batches(app_ids(20 * PAGE)), threading.Event()

    def stop(request: int) -> None:
        if request == at:
            os.kill(os.getpid(), signal.SIGINT)
            free.wait(20)

    listing.at, scripted.answers = stop, [listing]
    client = scripted.client()
    scan = client.get_app_batches("1", batch_size=PAGE)
    with pytest.raises(KeyboardInterrupt):
        pull(scan)
    assert left_on_our_loop() == set()
    assert busy(client) == []
    free.set()
    assert pull(scan) == sorted(listing.rows)
    assert sum("id_lte" in query for query in listing.asked) > 10
