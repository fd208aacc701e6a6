"""If the service is slow and ids are uniform, many pages are requested at once; rows and order are those of one connection."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.all_cases import examples
from support.bonus_list_server import BatchList, app_ids
from support.leftovers import busy, left_on_our_loop
from support.scripted_server import Scripted, reply
from support.virtual_clock import api_clients, loop_time, run_virtual

import toloka_frames as tf
from toloka_frames._errors import ScanInterrupted
from toloka_frames._reading.page import Page, read_page
from toloka_frames._reading.pager import Concurrency, PageRequest, pages_of
from toloka_frames._reading.scan import Source, list_request
from toloka_frames._runtime.event_loop import in_thread
from toloka_frames._schema.lists import APP_BATCHES

if TYPE_CHECKING:
    from collections.abc import Callable

    from toloka_frames._schema.columns import Layout

PAGE = 400
LATENCY = 0.1
DENIED = reply({"code": "ACCESS_DENIED", "message": "no"}, 403)


class Pull:
    """The pages of a list of a service with a latency, fetched in virtual time.

    Attributes:
        ids: The ids of the rows, in order.
        cursors: The cursor after each page.
        seconds: The duration.
        error: The error that ended it.
    """

    def __init__(
        self,
        answer: Callable[[str], bytes],
        connections: int | None = None,
        *,
        latency: float = LATENCY,
        page: int = PAGE,
        **filters: Any,
    ) -> None:
        self.ids: list[str] = []
        self.cursors: list[str | None] = []
        self.error: ScanInterrupted | None = None
        run_virtual(self._work(answer, connections, latency, page, filters))

    async def _work(
        self, answer: Callable[[str], bytes], connections: int | None, latency: float, page: int, filters: dict[str, Any]
    ) -> None:
        async with api_clients(answer, latency=latency, retries=1) as (service,):
            source = Source(service, list_request(APP_BATCHES, {"app_project_id": "1", **filters}), page)
            start = loop_time()
            try:
                async with source.pages(concurrency=Concurrency(connections)) as pages:
                    async for cursor, batch in pages:
                        self.ids += batch.ids
                        self.cursors.append(cursor)
            except ScanInterrupted as error:
                self.error = error
            self.seconds = loop_time() - start


@settings(max_examples=examples(40))
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
    batches = BatchList(app_ids(rows, seed))
    pull = Pull(batches, connections, **bounds)
    assert pull.ids == sorted(batches.matching(bounds))
    assert pull.cursors[-1] == (pull.ids[-1] if pull.ids else bounds.get("id_gt"))


def test_a_slow_service_gets_many_connections_by_default() -> None:
    batches = BatchList(app_ids(40 * PAGE))
    one, many = Pull(batches, 1), Pull(batches)
    assert many.ids == one.ids == sorted(batches.rows)
    assert len(batches.queries) <= 40 + 52
    assert many.seconds <= one.seconds / 8


@pytest.mark.parametrize("connections", [None, 20])
def test_pages_of_300_rows_take_at_most_30_percent_more_requests(connections: int | None) -> None:
    batches = BatchList(app_ids(30 * 300))
    assert Pull(batches, connections, page=300).ids == sorted(batches.rows)
    assert len(batches.queries) <= 1.3 * 30


def test_the_concurrency_is_the_number_of_requests_in_flight() -> None:
    batches = BatchList(app_ids(40 * PAGE))
    eight, four = Pull(batches, 8), Pull(batches, 4)
    assert eight.ids == four.ids == sorted(batches.rows)
    requests = len(batches.queries) / 2
    assert four.seconds == pytest.approx((1 + (requests - 1) / 4) * LATENCY, abs=2 * LATENCY)
    assert eight.seconds == pytest.approx((1 + (requests - 1) / 8) * LATENCY, abs=2 * LATENCY)


def test_a_fast_service_is_fetched_page_by_page() -> None:
    batches = BatchList(app_ids(10 * PAGE))
    assert Pull(batches, latency=0.0).ids == sorted(batches.rows)
    assert len(batches.queries) == 10
    assert not any("id_lte" in query for query in batches.queries)


def test_a_list_of_two_pages_takes_two_requests() -> None:
    batches = BatchList(app_ids(2 * PAGE))
    assert Pull(batches).ids == sorted(batches.rows)
    assert len(batches.queries) == 2


def test_small_pages_take_few_more_requests() -> None:
    batches = BatchList(app_ids(500))
    assert Pull(batches, 8, page=50).ids == sorted(batches.rows)
    assert len(batches.queries) <= 12


def uniform_at_first(rows: int) -> list[str]:
    """Return ids that are uniform only at the beginning of the list."""
    return [id_ for id_ in app_ids(20 * PAGE) if id_ < "G"] + [f"h{id_}"[:20] for id_ in app_ids(rows, seed=1)]


IRREGULAR: dict[str, tuple[BatchList, int]] = {
    "a gap": (BatchList([id_ for id_ in app_ids(40 * PAGE) if not "G" < id_ < "h"]), 45),
    "a cluster": (BatchList(uniform_at_first(20 * PAGE)), 70),
    "numbers of one length": (BatchList(str(number) for number in range(10**6, 10**6 + 10 * PAGE)), 11),
    "an ignored upper bound": (BatchList(app_ids(20 * PAGE), ignores=["id_lte"]), 60),
}


@pytest.mark.parametrize("case", IRREGULAR.values(), ids=IRREGULAR)
def test_a_list_that_is_uniform_only_at_first_is_complete_in_few_more_requests(case: tuple[BatchList, int]) -> None:
    batches, max_requests = case
    assert Pull(batches, 8).ids == sorted(batches.rows)
    assert len(batches.queries) <= max_requests


@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_list_is_fetched_page_by_page_if_the_service_rejects_an_upper_bound(status: int) -> None:
    batches, rejection = BatchList(app_ids(10 * PAGE)), reply({"code": "NOT_SO", "message": "no such id"}, status)
    assert Pull(lambda head: rejection if "id_lte" in head else batches(head), 8).ids == sorted(batches.rows)


def test_the_bounds_of_the_user_are_compared_by_the_service() -> None:
    class CaseInsensitiveFilters(BatchList):
        def _keys(self) -> dict[str, Callable[[str], Any]]:
            return {"id": str.upper, "created": self.rows.__getitem__}

    batches = CaseInsensitiveFilters(str(uuid.uuid5(uuid.NAMESPACE_OID, str(number))).upper() for number in range(10 * PAGE))
    assert Pull(batches, 8, id_lte="c").ids == sorted(id_ for id_ in batches.rows if id_ <= "C")


def test_a_list_sorted_case_insensitively_is_fetched_page_by_page() -> None:
    class CaseInsensitiveOrder(BatchList):
        def _keys(self) -> dict[str, Callable[[str], Any]]:
            return {"id": lambda id_: (id_.lower(), id_), "created": self.rows.__getitem__}

    batches = CaseInsensitiveOrder(app_ids(10 * PAGE))
    assert Pull(batches, 8).ids == sorted(batches.rows, key=lambda id_: (id_.lower(), id_))


@pytest.mark.parametrize("request_number", [3, 8, 15])
def test_an_error_is_raised_after_all_rows_before_it_and_has_the_cursor_to_resume_from(request_number: int) -> None:
    batches = BatchList(app_ids(30 * PAGE))
    failed = Pull(lambda head: DENIED if len(batches.queries) >= request_number else batches(head), 4)
    assert failed.error
    assert failed.error.cursor == failed.cursors[-1] == failed.ids[-1]
    assert failed.error.rows == len(failed.ids)
    rest = Pull(batches, 4, id_gt=failed.error.cursor)
    assert failed.ids + rest.ids == sorted(batches.rows)


def test_existing_rows_are_returned_once_while_rows_are_added() -> None:
    batches = BatchList(app_ids(20 * PAGE))
    before, new = set(batches.rows), iter(app_ids(10_000, seed=2))
    batches.on_request = lambda _: batches.rows.update({next(new): 0 for _ in range(5)})
    pull = Pull(batches, 8)
    assert pull.ids == sorted(set(pull.ids))
    assert before <= set(pull.ids) <= set(batches.rows)


def test_a_slow_consumer_has_a_bounded_number_of_prefetched_pages(scripted: Scripted) -> None:
    batches = BatchList(app_ids(80 * PAGE))
    scripted.answers = [batches]
    source = scripted.async_client().get_app_batches("1", batch_size=PAGE)._source

    async def read() -> None:
        async with source.pages(concurrency=Concurrency(4)) as pages:
            for number in range(1, 20):
                await anext(pages)
                await asyncio.sleep(0)
                assert len(batches.queries) <= number + 2 * 4

    tf.run(read())
    assert left_on_our_loop() == set()


def test_cancelling_a_pull_waits_for_pages_that_are_being_parsed_even_if_cancelled_itself() -> None:
    is_reading, released, started, ended = asyncio.Event(), threading.Event(), list[int](), list[int]()

    async def work() -> None:
        loop = asyncio.get_running_loop()

        def read(body: bytes, layout: Layout) -> Page:
            started.append(len(body))
            if len(started) > 1:
                loop.call_soon_threadsafe(is_reading.set)
                released.wait(120)
            ended.append(len(body))
            return read_page(body, layout)

        async with api_clients(BatchList(app_ids(20 * PAGE)), latency=LATENCY) as (service,):
            source = Source(service, list_request(APP_BATCHES, {"app_project_id": "1"}), PAGE)
            layout, parse = asyncio.ensure_future(source.layout()), partial(in_thread, read)
            request = PageRequest(service, source.request.path, source.query(), source.page_size, "id", layout, parse)
            pages = pages_of(request, Concurrency(4))
            await anext(pages)
            next_page = asyncio.create_task(anext(pages))
            await is_reading.wait()
            next_page.cancel()
            await asyncio.sleep(0)  # it cancels the requests, and waits for the threads
            next_page.cancel()
            await asyncio.sleep(0)
            assert not next_page.done()
            released.set()
            with pytest.raises(asyncio.CancelledError):
                await next_page
            assert len(ended) == len(started)

    run_virtual(work())


PULLS: dict[str, Callable[[tf.Scan], Any]] = {
    "to_dataframe": lambda scan: list(scan.to_dataframe(concurrency=4)["id"]),
    "to_arrow": lambda scan: scan.to_arrow(concurrency=4)["id"].to_pylist(),
}


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to the whole console")
@pytest.mark.parametrize("pull", PULLS.values(), ids=PULLS)
@pytest.mark.parametrize("request_number", [1, 2, 7])
def test_no_request_is_left_running_after_a_keyboard_interrupt_and_the_same_call_works_again(
    scripted: Scripted, pull: Callable[[tf.Scan], list[str]], request_number: int
) -> None:
    batches, released = BatchList(app_ids(20 * PAGE)), threading.Event()

    def stop(request: int) -> None:
        if request == request_number:
            os.kill(os.getpid(), signal.SIGINT)
            released.wait(120)

    batches.on_request, scripted.answers = stop, [batches]
    client = scripted.async_client()
    scan = client.get_app_batches("1", batch_size=PAGE)
    with pytest.raises(KeyboardInterrupt):
        pull(scan)
    assert left_on_our_loop() == set()
    assert busy(client) == []
    released.set()
    assert pull(scan) == sorted(batches.rows)
    assert any("id_lte" in query for query in batches.queries)
