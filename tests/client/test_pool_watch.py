"""`tf.watch`: what it knows and shows, what it requests, and what ends it."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from support.leftovers import never_ends_on_our_loop, threads
from support.scripted_server import Scripted, reply

import toloka_frames as tf
from toloka_frames._client.pool_answers import PoolAnswers, answered
from toloka_frames._runtime.line_charts import Chart, Line, chart_row

if TYPE_CHECKING:
    from collections.abc import Callable

    from toloka_frames.local import LocalToloka

OPEN = {"id": "1", "private_name": "Cats", "status": "OPEN", "last_started": "2026-01-01T00:00:00"}
COMPLETE = OPEN | {"status": "CLOSED", "last_close_reason": "COMPLETED", "last_stopped": "2026-01-01T05:00:00"}
GOLDEN = ["cat", "dog"] + [None] * 8


def open_pool(toloka: LocalToloka, *, is_open: bool = True) -> tf.Row:
    """Return a pool of eight tasks and two control tasks."""
    pool = toloka.example_pool(control_tasks=1)
    images = pd.DataFrame({"image": [f"https://example.com/{row}.jpg" for row in range(10)], "GOLDEN:result": GOLDEN})
    options: Any = {"overlap": 3, "open_pool": is_open, "progress": False}
    images.pipe(tf.create_tasks, toloka.client(), pool_id=pool, **options)
    return pool


def until(is_true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# -- What it knows


def test_a_watch_follows_pools_until_every_pool_is_closed(toloka: LocalToloka) -> None:
    client, pools = toloka.client(), [open_pool(toloka), open_pool(toloka)]
    watch = tf.watch(client, pools, every=1)
    assert watch.state == "running"
    assert watch.pools[["status", "percent", "submitted"]].to_numpy().tolist() == [["OPEN", 0, 0]] * 2
    for number, pool in enumerate(pools, 1):
        toloka.answer(pool, accuracy=0.7)
        until(lambda count=number: (watch.pools["status"] == "CLOSED").sum() == count)
    until(lambda: watch.state == "done")
    assert watch.pools["pool_id"].tolist() == [pool.id for pool in pools]
    assert watch.pools["last_close_reason"].tolist() == ["COMPLETED"] * 2
    assert len(watch.history) >= 6
    assert watch.history["time"].is_monotonic_increasing
    assert {str(dtype) for dtype in watch.history.dtypes} <= {"datetime64[us, UTC]", "float64", "Int64", "object", "str"}
    assert not never_ends_on_our_loop()


def test_the_share_on_control_tasks_is_that_of_quality(toloka: LocalToloka) -> None:
    client, pool = toloka.client(), open_pool(toloka)
    toloka.answer(pool, accuracy=0.6, seed=5)
    row = tf.watch(client, pool).pools.iloc[0]
    quality = client.get_assignments(pool).to_dataframe().pipe(tf.quality)
    assert 0 < quality["right"].sum() < quality["control_answers"].sum()
    assert (row["control_answers"], row["control_right"]) == (quality["control_answers"].sum(), quality["right"].sum())
    assert row["control_share"] == row["control_right"] / row["control_answers"]


SOLUTIONS: dict[str, tuple[list[Any], dict[str, Any], tuple[int, int]]] = {
    "right": ([{"output_values": {"a": "cat"}}], {"a": "cat"}, (1, 1)),
    "wrong": ([{"output_values": {"a": "cat"}}], {"a": "dog"}, (1, 0)),
    "one of several": ([{"output_values": {"a": "cat"}}, {"output_values": {"a": "dog"}}], {"a": "dog"}, (1, 1)),
    "equal number": ([{"output_values": {"a": 1}}], {"a": 1.0}, (1, 1)),
    "another field": ([{"output_values": {"a": "cat"}}], {"a": "cat", "b": "x"}, (1, 1)),
    "without the field": ([{"output_values": {"a": "cat"}}], {"b": "x"}, (1, 0)),
    "empty": ([{"output_values": {"a": ""}}], {"a": "cat"}, (0, 0)),
    "no control task": ([], {"a": "cat"}, (0, 0)),
    "not answered": ([{"output_values": {"a": "cat"}}], {}, (0, 0)),
}


@pytest.mark.parametrize(("known", "answer", "counts"), SOLUTIONS.values(), ids=SOLUTIONS)
def test_an_answer_to_a_control_task_is_right_by_its_values(known: Any, answer: Any, counts: tuple[int, int]) -> None:
    row = {"submitted": "2026-01-01T00:00:00", "tasks": [{"known_solutions": known}], "solutions": [{"output_values": answer}]}
    assert answered(row)[2:] == counts


def test_each_answer_is_in_one_part_of_the_time() -> None:
    answers, begin = PoolAnswers("1"), datetime(2026, 1, 1, tzinfo=UTC)
    for minute in range(301):
        at = (begin + timedelta(minutes=minute)).isoformat()
        answers._answers[str(minute)] = answered({"submitted": at, "reward": 0.5})
    slices = answers.slices(begin, begin + timedelta(hours=5))
    assert len(slices) == 24
    assert sum(one.answers_an_hour * 5 / 24 for one in slices) == pytest.approx(301)
    assert {round(one.answers_an_hour) for one in slices} <= {53, 58, 62, 67}
    assert slices[-1].rewards == 150.5
    assert [one.rewards for one in slices] == sorted(one.rewards for one in slices)
    assert [len(answers.slices(begin, begin + timedelta(seconds=end))) for end in (0, 30, 61, 150)] == [1, 1, 1, 2]


def test_only_new_answers_are_requested_again(toloka: LocalToloka) -> None:
    client, pool = toloka.client(), open_pool(toloka)
    toloka.answer(pool, workers=2)
    watch = tf.watch(client, pool, every=1)
    until(lambda: len(watch.history) >= 3)
    watch.stop()
    begins = [request.query["submitted_gte"] for request in toloka.requests if request.path == "/api/v1/assignments"]
    newest = max(row.submitted for row in client.get_assignments(pool))
    assert pd.Timestamp(begins[0]) == pd.Timestamp(client.get_pool(pool.id).last_started)
    assert begins[1] == begins[2] == begins[-1]
    assert timedelta(0) < pd.Timestamp(newest) - pd.Timestamp(begins[1]) <= timedelta(minutes=1)


def test_answers_of_work_in_the_past_are_seen_by_a_watch_that_began_before(toloka: LocalToloka) -> None:
    client, pool = toloka.client(), open_pool(toloka)
    watch = tf.watch(client, pool, every=1)
    until(lambda: len(watch.history) >= 2)
    toloka.answer(pool)
    until(lambda: watch.state == "done")
    quality = client.get_assignments(pool).to_dataframe().pipe(tf.quality)
    assert watch.pools.iloc[0]["control_answers"] == quality["control_answers"].sum()


def test_it_sends_only_get_requests_and_the_one_for_statistics(toloka: LocalToloka) -> None:
    client, pool = toloka.client(), open_pool(toloka)
    before = len(toloka.requests)
    watch = tf.watch(client, pool, every=1)
    until(lambda: len(watch.history) >= 2)
    watch.stop()
    sent = {(request.method, request.path) for request in toloka.requests[before:] if request.method != "GET"}
    assert sent == {("POST", "/api/staging/analytics-2")}


# -- What it shows


def test_its_card_has_a_line_and_charts_of_each_pool(toloka: LocalToloka) -> None:
    client, pools = toloka.client(), [open_pool(toloka), open_pool(toloka)]
    for pool in pools:
        toloka.answer(pool, workers=3)  # two pages each, which take some minutes
    watch = tf.watch(client, pools)
    html = watch._repr_html_()
    assert re.findall(r"Example \((\d+)\): complete", html) == [pool.id for pool in pools]
    assert re.findall(r'font-weight="600" fill="currentColor">([^<]+)<', html) == [
        "Answers an hour",
        "Right on control tasks",
        "Rewards of the answers",
    ]
    assert html.count("<polyline") == 6
    lines = repr(watch).splitlines()
    assert len(lines) == 3
    assert re.fullmatch(r"Example \(\d+\): complete · 100 % · 6 submitted · .* · \d+ % right on control tasks", lines[0])
    assert lines[2].startswith("ended · status of 20")


def test_outside_a_notebook_each_state_is_a_line_of_the_log(toloka: LocalToloka, caplog: pytest.LogCaptureFixture) -> None:
    pool = open_pool(toloka)
    with caplog.at_level(logging.INFO, logger="toloka_frames"):
        watch = tf.watch(toloka.client(), pool, every=1)
        toloka.answer(pool)
        until(lambda: watch.state == "done")
    lines = [record.getMessage() for record in caplog.records if record.name == "toloka_frames"]
    assert [line for line in lines if ": complete · 100 %" in line]
    assert not [line for line in lines if "\n" in line]


def test_the_axis_of_a_chart_ends_above_all_points() -> None:
    ends = {0.0: "1", 0.3: "0.5", 1.0: "1", 7.0: "10", 10.0: "10", 101.0: "200", 4_999.0: "5000"}
    for value, end in ends.items():
        html = chart_row([Chart("<Answers>", [Line("#000", [(0, 0), (1, value)])], "{:g}".format, ("09:00", "10:00"))])
        assert f">{end}</text>" in html
        assert "&lt;Answers&gt;" in html


# -- What ends it


def test_stop_ends_it_and_leaves_no_task_and_no_thread(toloka: LocalToloka) -> None:
    client, pool = toloka.client(), open_pool(toloka)
    client.get_requester()
    before = threads()
    watches = [tf.watch(client, pool, every=every) for every in (1, timedelta(hours=1))]
    assert [watch.state for watch in watches] == ["stopped", "running"]  # of equal pools, the later one is kept
    assert "Continued by a later watch" in repr(watches[0])
    other = tf.watch(client, open_pool(toloka))
    for watch in (*watches, other, other):
        watch.stop()
    assert {watch.state for watch in (*watches, other)} == {"stopped"}
    assert "Stopped watching" in repr(other)
    assert not never_ends_on_our_loop()
    assert threads() <= before
    assert client.get_pool(pool.id).status == "OPEN"


def test_a_pool_that_was_not_opened_yet_is_watched_until_it_is_closed(toloka: LocalToloka) -> None:
    client, pool = toloka.client(), open_pool(toloka, is_open=False)
    watch = tf.watch(client, pool, every=1)
    assert (watch.state, "never opened" in repr(watch)) == ("running", True)
    client.open_pool(pool.id, progress=False)
    toloka.answer(pool)
    until(lambda: watch.state == "done")


def responses(*pools: Any) -> Callable[[str], bytes]:
    """Return a response to each request: these pools in order, no assignments and no statistics."""
    left = list(pools)

    def respond(head: str) -> bytes:
        if "/v1/pools/" in head:
            pool = left.pop(0) if len(left) > 1 else left[0]
            return pool if isinstance(pool, bytes) else reply(pool)
        if "/v1/assignments" in head:
            return reply({"items": [], "has_more": False})
        return reply({"id": "1", "status": "FAIL"})

    return respond


def test_a_failure_is_shown_and_waited_out(scripted: Scripted) -> None:
    scripted.answers = [responses(OPEN, b"")]
    watch = tf.watch(scripted.async_client(retries=1), 1, every=1)
    until(lambda: "Trying again" in repr(watch))
    assert watch.state == "running"
    rows = len(watch.history)
    scripted.answers = [responses(COMPLETE)]
    until(lambda: watch.state == "done")
    assert ("Trying again" in repr(watch), len(watch.history)) == (False, rows + 1)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_of_the_service_ends_it(status: int, scripted: Scripted) -> None:
    refusal = reply({"code": "SOME_CODE", "message": "No"}, status)
    scripted.answers = [responses(refusal)]
    with pytest.raises(tf.ApiError):
        tf.watch(scripted.async_client(), 1)
    scripted.answers = [responses(OPEN, refusal)]
    watch = tf.watch(scripted.async_client(), 1, every=1)
    until(lambda: watch.state == "failed")
    assert "SOME_CODE" in repr(watch)
    assert not never_ends_on_our_loop()


@pytest.mark.parametrize("reason", ["NOT_ENOUGH_BALANCE", "EXPIRED", "BLOCKED", "ECLIPSE"])
def test_a_pool_that_will_not_be_completed_makes_it_failed_and_raises_nothing(reason: str, scripted: Scripted) -> None:
    scripted.answers = [responses(COMPLETE | {"last_close_reason": reason})]
    assert tf.watch(scripted.async_client(), 1).state == "failed"


def test_it_fails_where_its_client_is_closed(toloka: LocalToloka) -> None:
    client, pool = toloka.client(), open_pool(toloka)
    watch = tf.watch(client, pool, every=1)
    client.close()
    until(lambda: watch.state == "failed")
    assert "This client was closed." in repr(watch)


ODD_LISTS: dict[str, bytes] = {
    "refused": reply({"code": "ACCESS_DENIED", "message": "No"}, 403),
    "lost": b"",
    "page of a proxy": b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>",
    "another form": reply({"items": [{"id": "a", "submitted": "2026-01-01T00:00:00", "tasks": [1], "solutions": [2]}]}),
    "not a time": reply({"items": [{"id": "a", "submitted": "today"}], "has_more": False}),
}


@pytest.mark.parametrize("answer", ODD_LISTS.values(), ids=ODD_LISTS)
def test_a_watch_without_answers_is_a_watch_without_charts(answer: bytes, scripted: Scripted) -> None:
    respond = responses(COMPLETE)
    scripted.answers = [lambda head: answer if "/v1/assignments" in head else respond(head)]
    watch = tf.watch(scripted.async_client(retries=1), 1)
    assert watch.state == "done"
    assert "Cats (1): complete" in watch._repr_html_()
    assert "<polyline" not in watch._repr_html_()
    assert watch.pools[["answers_an_hour", "control_answers", "control_share"]].isna().all(axis=None)


def test_it_is_started_in_async_code(toloka: LocalToloka) -> None:
    pool = open_pool(toloka)

    async def work() -> tf.PoolWatch:
        watch = await tf.aio.watch(toloka.async_client(), [pool], every=1)
        await asyncio.to_thread(toloka.answer, pool)
        while watch.state == "running":
            await asyncio.sleep(0.01)
        return watch

    assert asyncio.run(work()).pools["submitted"].tolist() == [6]


def test_of_watches_that_begin_in_several_threads_one_goes_on(toloka: LocalToloka) -> None:
    client, pool = toloka.client(), open_pool(toloka)
    with ThreadPoolExecutor(8) as executor:
        watches = list(executor.map(lambda _: tf.watch(client, pool, every=1), range(8)))
    assert sorted(watch.state for watch in watches) == ["running"] + ["stopped"] * 7
    for watch in watches:
        watch.stop()


@pytest.mark.parametrize(
    ("args", "keywords"), [(([],), {}), ((1.5,), {}), ((1,), {"every": 0.9}), ((1,), {"every": None})], ids=str
)
def test_bad_arguments_are_refused_before_anything_is_sent(
    args: tuple[Any, ...], keywords: dict[str, Any], scripted: Scripted
) -> None:
    with pytest.raises(tf.InputError):
        tf.watch(scripted.async_client(), *args, **keywords)
    with pytest.raises(tf.InputError, match="client, pool_ids"):
        tf.watch(1, scripted.async_client())  # type: ignore[arg-type]
    assert scripted.requests == []
