"""Uploads of a frame: every row has an outcome, none is created twice, and the results have the frame's index."""

from __future__ import annotations

import asyncio
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from support.child_process import child_process
from support.scripted_server import reply
from support.task_server import LONG_ROWS, TaskServer

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from toloka_frames.local import LocalToloka


def upload(frame: pd.DataFrame, client: tf.AsyncTolokaClient, pool_id: str | None = "1", **options: Any) -> pd.DataFrame:
    return frame.pipe(tf.create_tasks, client, pool_id, **({"allow_defaults": True, "progress": False} | options))


def posts(toloka: LocalToloka) -> list[Any]:
    return [request for request in toloka.requests if (request.method, request.path) == ("POST", "/api/v1/tasks")]


@pytest.fixture
def service() -> Iterator[TaskServer]:
    with TaskServer() as service:
        yield service


INDEXES = {
    "range": pd.RangeIndex(4),
    "duplicated": pd.Index([1, 1, 0, 0]),
    "text": pd.Index(list("dcba"), name="key"),
    "MultiIndex": pd.MultiIndex.from_product([["x", "y"], [2, 1]], names=["a", "b"]),
    "datetime": pd.date_range("2026-01-01", periods=4, freq="D", tz="Europe/Berlin"),
    "with a missing label": pd.Index([None, "a", np.nan, "a"], dtype=object),
}


@pytest.mark.parametrize("index", INDEXES.values(), ids=INDEXES)
def test_the_results_have_the_frames_index(
    index: pd.Index[Any], client: tf.AsyncTolokaClient, pool_id: str, make_frame: Callable[[int], pd.DataFrame]
) -> None:
    frame = make_frame(4).set_axis(index)
    results = upload(frame, client, pool_id)
    pd.testing.assert_index_equal(results.index, index)
    tasks = client.get_tasks(pool_id).to_dataframe().set_index("id")
    assert tasks.loc[results["task_id"], "INPUT:text"].tolist() == frame["text"].tolist()


def test_a_large_upload_reports_every_row_within_all_limits(
    client: tf.AsyncTolokaClient, pool_id: str, toloka: LocalToloka
) -> None:
    rows = 12_000
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "image": [f"https://example.com/{row}.jpg" for row in range(rows)],
            "text": ["ж" * size for size in random.integers(0, 300, rows)],
            "undeclared": pd.Series([None] * rows, dtype=object),
        }
    )
    missing, bad_url, unknown = (random.permutation(rows)[part] for part in (slice(100), slice(100, 250), slice(250, 300)))
    frame.loc[missing, "image"] = None
    frame.loc[bad_url, "image"] = "no address"
    frame.loc[unknown, "undeclared"] = "?"
    frame.loc[10_345, "text"] = "ж" * 500_000
    bad = {int(row) for part in (missing, bad_url, unknown) for row in part}

    results = upload(frame, client, pool_id, skip_invalid_items=True)

    assert len(results) == rows
    assert set(np.flatnonzero(results["status"] == "INVALID")) == bad
    assert set(results["status"]) == {"CREATED", "INVALID"}
    assert set(results["error_code"].dropna()) == {"VALUE_REQUIRED", "INVALID_URL_SYNTAX", "VALUE_NOT_ALLOWED"}
    assert set(results["error_field"].dropna()) == {"input_values.image", "input_values.undeclared"}
    assert results["task_id"].dropna().is_unique
    tasks = client.get_tasks(pool_id).to_dataframe(progress=False).set_index("id")
    assert len(tasks) == rows - len(bad)
    created = results["status"] == "CREATED"
    assert tasks.loc[results.loc[created, "task_id"], "INPUT:image"].tolist() == frame.loc[created, "image"].tolist()
    assert {request.status for request in posts(toloka)} == {202}
    assert results["chunk"].nunique() == len(posts(toloka)) > rows // 10_000


def test_the_same_call_again_creates_nothing_and_returns_the_same_results(
    client: tf.AsyncTolokaClient, pool_id: str, make_frame: Callable[[int], pd.DataFrame]
) -> None:
    frame = make_frame(50)
    first = upload(frame, client, pool_id)
    pd.testing.assert_frame_equal(upload(frame, client, pool_id), first)
    assert len(client.get_tasks(pool_id).to_dataframe()) == 50
    again = upload(frame, client, pool_id, upload_id="again")
    assert not set(again["task_id"]) & set(first["task_id"])
    assert len(client.get_tasks(pool_id).to_dataframe()) == 100


def test_column_order_does_not_make_a_new_upload(
    client: tf.AsyncTolokaClient, pool_id: str, make_frame: Callable[[int], pd.DataFrame]
) -> None:
    frame = make_frame(5)
    first = upload(frame, client, pool_id)
    pd.testing.assert_frame_equal(upload(frame[["text", "number", "image"]], client, pool_id), first)


def test_existing_rows_are_not_created_again_with_other_flags(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    frame = IMAGES.head(12_000).copy()
    frame.loc[0, "image"] = "no address"
    with pytest.raises(tf.UploadError) as caught:
        upload(frame, client, pool_id)
    assert caught.value.results["status"].value_counts().to_dict() == {"FAILED": 9_999, "CREATED": 2_000, "INVALID": 1}
    results = upload(frame, client, pool_id, skip_invalid_items=True)
    assert results["status"].value_counts().to_dict() == {"CREATED": 11_999, "INVALID": 1}
    again = upload(frame, client, pool_id, skip_invalid_items=True, open_pool=True)
    pd.testing.assert_frame_equal(again, results)
    assert len(client.get_tasks(pool_id).to_dataframe(progress=False)) == 11_999
    assert tf.run(client.get_pool(pool_id))["status"] == "OPEN"


def test_rows_may_name_their_pools(
    client: tf.AsyncTolokaClient, make_pool: Callable[..., str], make_frame: Callable[[int], pd.DataFrame]
) -> None:
    pools = [make_pool(), make_pool()]
    frame = make_frame(6).assign(pool_id=[pools[row % 2] for row in range(6)])
    results = upload(frame, client, None)
    assert results["status"].eq("CREATED").all()
    for number, pool_id in enumerate(pools):
        tasks = client.get_tasks(pool_id).to_dataframe()
        assert sorted(tasks["INPUT:number"]) == [number, number + 2, number + 4]


def test_the_pool_is_opened_after_all_tasks_are_created(
    client: tf.AsyncTolokaClient, pool_id: str, toloka: LocalToloka
) -> None:
    frame = pd.DataFrame({"image": [f"https://example.com/{row}" for row in range(12_000)]})
    upload(frame, client, pool_id, open_pool=True)
    opened = [request.status for request in toloka.requests if request.path == f"/api/v1/pools/{pool_id}/open"]
    assert opened == [202]
    assert tf.run(client.get_pool(pool_id))["status"] == "OPEN"
    assert len(client.get_tasks(pool_id).to_dataframe(progress=False)) == 12_000


def test_a_pool_that_cannot_be_opened_is_an_error_with_all_results(
    client: tf.AsyncTolokaClient, make_pool: Callable[..., str], make_frame: Callable[[int], pd.DataFrame]
) -> None:
    expired = make_pool(will_expire="2020-01-01T00:00:00")
    with pytest.raises(tf.UploadError, match="the pool was not opened") as caught:
        upload(make_frame(3), client, expired, open_pool=True)
    assert caught.value.results["status"].tolist() == ["CREATED"] * 3
    assert isinstance(caught.value.__cause__, tf.Conflict)


def test_without_skipping_one_invalid_row_fails_its_request(
    client: tf.AsyncTolokaClient, pool_id: str, make_frame: Callable[[int], pd.DataFrame]
) -> None:
    frame = make_frame(3)
    frame.loc[1, "image"] = "no address"
    with pytest.raises(tf.UploadError, match="2 FAILED, 1 INVALID") as caught:
        upload(frame, client, pool_id)
    results = caught.value.results
    assert results["status"].tolist() == ["FAILED", "INVALID", "FAILED"]
    assert results["error_code"][1] == "INVALID_URL_SYNTAX"
    assert len(client.get_tasks(pool_id).to_dataframe()) == 0
    assert isinstance(caught.value.__cause__, tf.OperationFailed)
    with pytest.raises(tf.UploadError):
        upload(frame, client, pool_id)  # the operation exists and failed; equal flags do not repeat it
    frame.loc[1, "image"] = "https://example.com/corrected.jpg"
    missing = frame[(results["status"] != "CREATED").to_numpy()]
    assert upload(missing, client, pool_id)["status"].eq("CREATED").all()


def test_a_failed_request_stops_the_upload(client: tf.AsyncTolokaClient, pool_id: str, toloka: LocalToloka) -> None:
    frame = IMAGES.copy()
    frame.loc[0, "image"] = "no address"
    with pytest.raises(tf.UploadError) as caught:
        upload(frame, client, pool_id, concurrency=1)
    assert caught.value.results["status"].value_counts().to_dict() == {"NOT_SENT": 15_000, "FAILED": 9_999, "INVALID": 1}
    assert len(posts(toloka)) == 1


def test_rows_without_their_own_error_still_have_a_reason(
    client: tf.AsyncTolokaClient, make_pool: Callable[..., str], make_frame: Callable[[int], pd.DataFrame]
) -> None:
    with pytest.raises(tf.UploadError) as caught:
        upload(make_frame(2), client, make_pool(defaults={}))
    assert caught.value.results["error_field"].notna().all()


IMAGES = pd.DataFrame({"image": [f"https://example.com/{row:05}" for row in range(25_000)]})


def test_a_lost_response_is_requested_again_and_nothing_is_created_twice() -> None:
    with TaskServer() as service:
        service.respond = lambda number, _: b"LOST" if number % 2 else None
        results = upload(IMAGES, service.async_client())
        assert results["status"].eq("CREATED").all()
        assert service.created == IMAGES["image"].tolist()


def test_a_request_that_is_too_large_is_halved() -> None:
    with TaskServer() as service:
        service.respond = lambda _, tasks: (
            reply({"code": "ENTITY_TOO_LARGE", "message": "!"}, 413) if len(tasks) > 3_000 else None
        )
        results = upload(IMAGES, service.async_client())
        assert results["status"].eq("CREATED").all()
        assert results["task_id"].tolist() == [f"t{row}" for row in range(len(IMAGES))]
        assert service.created == IMAGES["image"].tolist()
        assert max(len(tasks) for tasks in service.received.values()) <= 3_000


def test_a_rejection_stops_the_upload_and_reports_unsent_rows() -> None:
    with TaskServer() as service:
        service.respond = lambda number, _: reply({"code": "ACCESS_DENIED", "message": "no"}, 403) if number > 1 else None
        with pytest.raises(tf.UploadError, match="403 ACCESS_DENIED") as caught:
            upload(IMAGES, service.async_client(), concurrency=1)
        assert isinstance(caught.value.__cause__, tf.AccessDenied)
        assert caught.value.results["status"].value_counts().to_dict() == {
            "CREATED": 10_000,
            "FAILED": 10_000,
            "NOT_SENT": 5_000,
        }
        service.respond = lambda *_: None
        assert upload(IMAGES, service.async_client())["status"].eq("CREATED").all()
        assert service.created == IMAGES["image"].tolist()


def test_rows_with_an_unknown_outcome_are_unknown() -> None:
    with TaskServer() as service:
        service.respond = lambda *_: b"LOST"
        with pytest.raises(tf.UploadError) as caught:
            upload(IMAGES.head(5), service.async_client(retries=1))
        assert caught.value.results["status"].tolist() == ["UNKNOWN"] * 5
        assert caught.value.results["operation_id"].notna().all()
        assert isinstance(caught.value.__cause__, tf.ConnectionFailed)
        assert upload(IMAGES.head(5), service.async_client())["status"].eq("CREATED").all()
        assert service.created == IMAGES["image"].tolist()[:5]


class CountingServer(TaskServer):
    """Delays responses to POSTs until the expected number is in flight, and records the maximum number in flight.

    Attributes:
        max_in_flight: The maximum number of POSTs in flight at once.
    """

    def __init__(self, expected: int) -> None:
        super().__init__()
        self._all_in_flight = asyncio.Barrier(expected)
        self._in_flight = self.max_in_flight = 0

    async def _said(self, head: str) -> bytes:
        if not head.startswith("POST"):
            return await super()._said(head)
        self._in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self._in_flight)
        raw = await super()._said(head)
        if self.posts <= self._all_in_flight.parties:
            async with asyncio.timeout(10):
                await self._all_in_flight.wait()
        self._in_flight -= 1
        return raw


@pytest.mark.parametrize("concurrency", [1, 2, 3])
def test_concurrency_is_the_number_of_requests_in_flight(concurrency: int) -> None:
    with CountingServer(concurrency) as service:
        upload(LONG_ROWS, service.async_client(), concurrency=concurrency)
        assert service.max_in_flight == concurrency


def test_the_async_function_returns_the_same_results(
    client: tf.AsyncTolokaClient, pool_id: str, make_frame: Callable[[int], pd.DataFrame]
) -> None:
    frame = make_frame(5)
    results = asyncio.run(tf.aio.create_tasks(frame, client, pool_id, allow_defaults=True, progress=False))
    pd.testing.assert_frame_equal(results, upload(frame, client, pool_id))


# a request with this response waits until the upload is stopped, however slow the machine is
BUSY = reply({"code": "UNAVAILABLE", "message": "busy"}, 503, Retry_After="60")


def test_a_cancelled_upload_keeps_known_results() -> None:
    async def stop_when_some_are_created(service: TaskServer) -> pd.DataFrame:
        some_are_created = asyncio.Event()

        def show(progress: tf.Progress) -> None:
            if progress.rows:
                some_are_created.set()

        call = tf.aio.create_tasks(IMAGES, service.async_client(), "1", allow_defaults=True, concurrency=1, progress=show)
        task = asyncio.create_task(call)
        await some_are_created.wait()
        task.cancel()
        with pytest.raises(tf.UploadCancelled, match="Run the same cell again") as caught:
            await task
        return caught.value.results

    with TaskServer() as service:
        service.respond = lambda number, _: BUSY if number > 1 else None
        results = asyncio.run(stop_when_some_are_created(service))
        service.respond = lambda *_: None
        assert results["status"].eq("CREATED").sum() >= 10_000
        assert len(results) == 25_000
        assert upload(IMAGES, service.async_client())["status"].eq("CREATED").all()
        assert service.created == IMAGES["image"].tolist()


STOPPED = """
import sys
import pandas as pd
import toloka_frames as tf

client = tf.AsyncTolokaClient("token-that-nobody-may-see", url=sys.argv[1])
frame = pd.DataFrame({"image": [f"https://example.com/{row}" for row in range(40_000)]})
try:
    frame.pipe(tf.create_tasks, client, "1", allow_defaults=True, concurrency=1, progress=lambda p: print(p.rows, flush=True))
except tf.UploadInterrupted as stop:
    counts = stop.results["status"].value_counts()
    print("stopped", counts["CREATED"] >= 10_000, counts["NOT_SENT"] >= 10_000, len(stop.results), "again" in str(stop))
"""


def test_ctrl_c_stops_sending_and_keeps_known_results() -> None:
    with TaskServer() as service:
        service.respond = lambda number, _: BUSY if number > 1 else None
        command = [sys.executable, "-c", STOPPED, service.url]
        with child_process(command) as process:
            assert process.stdout is not None
            assert "10000\n" in iter(process.stdout.readline, "")
            process.send_signal(signal.SIGINT)
            last = process.communicate(timeout=120)[0].splitlines()[-1]
        assert last == "stopped True True 40000 True"
        sent = service.posts
        assert sent <= 8


def test_an_upload_id_names_the_upload(
    client: tf.AsyncTolokaClient, pool_id: str, make_frame: Callable[[int], pd.DataFrame], toloka: LocalToloka
) -> None:
    first = upload(make_frame(5), client, pool_id, upload_id="monday")
    pd.testing.assert_frame_equal(upload(make_frame(5), client, pool_id, upload_id="monday"), first)
    assert len(posts(toloka)) == 1
    assert tf.uploads()["upload_id"].tolist() == ["monday"]


CHANGED: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "a value": (lambda frame: frame.assign(text=frame["text"].where(frame["number"] != 3, "other")), "tasks 3 "),
    "many values": (lambda frame: frame.assign(text="other"), r"tasks 0, 1, 2, 3, 4 and 5 more"),
    "more rows": (lambda frame: pd.concat([frame, frame.head(1)]), "had 10 tasks, and this call has 11 tasks"),
    "the overlap": (lambda frame: frame.assign(**{"TASK:overlap": 7}), "overlap"),
}


@pytest.mark.parametrize(("change", "message"), CHANGED.values(), ids=CHANGED)
def test_other_rows_under_an_existing_upload_id_are_rejected_with_the_difference(
    change: Callable[[pd.DataFrame], pd.DataFrame],
    message: str,
    client: tf.AsyncTolokaClient,
    pool_id: str,
    make_frame: Callable[[int], pd.DataFrame],
    toloka: LocalToloka,
) -> None:
    upload(make_frame(10), client, pool_id, upload_id="monday")
    with pytest.raises(tf.InputError, match=message) as caught:
        upload(change(make_frame(10)), client, pool_id, upload_id="monday")
    assert caught.value.column == "upload_id"
    assert len(posts(toloka)) == 1


def test_an_upload_resumes_without_its_frame(service: TaskServer) -> None:
    service.respond = lambda number, _: reply({"code": "ACCESS_DENIED", "message": "no"}, 403) if number > 1 else None
    with pytest.raises(tf.UploadError) as caught:
        upload(IMAGES.set_index("image", drop=False), service.async_client(), concurrency=1)
    service.respond = lambda *_: None
    results = tf.resume(caught.value.upload_id, service.async_client(), progress=False)
    assert results["status"].eq("CREATED").all()
    assert results.index.equals(pd.RangeIndex(25_000))
    assert service.created == IMAGES["image"].tolist()
    pd.testing.assert_frame_equal(tf.resume(caught.value.upload_id, service.async_client(), progress=False), results)
    assert service.posts == 4


@pytest.mark.parametrize("verb", [tf.resume, tf.reconcile])
def test_an_upload_that_the_account_does_not_have_is_an_error(verb: Callable[..., Any], service: TaskServer) -> None:
    with pytest.raises(tf.InputError, match="no upload 'mine'"):
        verb("mine", service.async_client())


def test_unknown_rows_are_looked_up_without_sending(service: TaskServer) -> None:
    service.respond = lambda number, _: b"LOST" if number == 1 else reply("<html>", 502, Retry_After="0")
    with pytest.raises(tf.UploadError) as caught:
        upload(IMAGES, service.async_client(retries=1), concurrency=2)
    assert set(caught.value.results["status"]) <= {"UNKNOWN", "NOT_SENT"}
    sent = service.posts
    results = tf.reconcile(caught.value.upload_id, service.async_client(), progress=False)
    assert results["status"].value_counts().to_dict() == {"NOT_SENT": 15_000, "CREATED": 10_000}
    assert service.posts == sent
    state = tf.uploads().iloc[0]
    assert (state["state"], state["created"], state["unknown"], state["not_sent"]) == ("UNFINISHED", 10_000, 0, 15_000)


def test_the_async_functions_resume_and_reconcile(service: TaskServer) -> None:
    async def both() -> list[pd.DataFrame]:
        client = service.async_client()
        first = await tf.aio.create_tasks(IMAGES, client, "1", allow_defaults=True, upload_id="mine", progress=False)
        return [
            first,
            await tf.aio.resume("mine", client, progress=False),
            await tf.aio.reconcile("mine", client, progress=False),
        ]

    first, resumed, reconciled = asyncio.run(both())
    pd.testing.assert_frame_equal(resumed, first)
    pd.testing.assert_frame_equal(reconciled, first)


def test_the_pool_is_opened_once_for_an_upload(
    client: tf.AsyncTolokaClient, pool_id: str, make_frame: Callable[[int], pd.DataFrame]
) -> None:
    upload(make_frame(3), client, pool_id, open_pool=True)
    tf.run(client.close_pool(pool_id))
    upload(make_frame(3), client, pool_id, open_pool=True)
    assert tf.run(client.get_pool(pool_id))["status"] == "CLOSED"


def test_results_of_a_completed_upload_are_returned_although_its_pool_is_archived(
    client: tf.AsyncTolokaClient, pool_id: str, make_frame: Callable[[int], pd.DataFrame]
) -> None:
    first = upload(make_frame(3), client, pool_id)
    tf.run(client.wait_operation(tf.run(client.service.act(f"/v1/pools/{pool_id}/archive"))))
    pd.testing.assert_frame_equal(upload(make_frame(3), client, pool_id), first)
    with pytest.raises(tf.InputError, match="archived"):
        upload(make_frame(4), client, pool_id)


def test_a_renewed_token_is_the_same_account(service: TaskServer) -> None:
    first = upload(IMAGES.head(5), service.async_client())
    renewed = tf.AsyncTolokaClient("another-token", url=service.url)
    pd.testing.assert_frame_equal(upload(IMAGES.head(5), renewed), first)
    assert service.posts == 1


def test_without_a_ledger_nothing_is_sent(service: TaskServer, tmp_path: Path) -> None:
    (tmp_path / "uploads.db").write_text("not a database " * 100)
    for ledger in (tmp_path / "uploads.db", tmp_path, tmp_path / "missing" / "uploads.db"):
        with pytest.raises(tf.LedgerError):
            upload(IMAGES.head(5), service.async_client(), ledger=ledger)
    assert service.posts == 0


TWICE = """
import sys
import pandas as pd
import toloka_frames as tf

client = tf.AsyncTolokaClient("token-that-nobody-may-see", url=sys.argv[1])
frame = pd.DataFrame({"image": [f"https://example.com/{row:03}/{'x' * 100_000}" for row in range(30)]})
print(tf.create_tasks(frame, client, "1", allow_defaults=True, progress=False)["status"].eq("CREATED").all())
"""


def test_two_processes_that_upload_the_same_rows_send_them_once(service: TaskServer) -> None:
    command = [sys.executable, "-c", TWICE, service.url]
    with child_process(command) as one, child_process(command) as other:
        assert [process.communicate(timeout=120)[0] for process in (one, other)] == ["True\n"] * 2
    assert service.posts == 3
    assert service.created == LONG_ROWS["image"].tolist()


def test_two_threads_that_upload_the_same_rows_send_them_once(service: TaskServer) -> None:
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda client: upload(LONG_ROWS, client), [service.async_client(), service.async_client()])
    pd.testing.assert_frame_equal(one, other)
    assert service.posts == 3


def stopped_at(number: int, service: TaskServer, shown: list[tf.Progress]) -> tf.UploadCancelled | None:
    """Return the error of an upload that is stopped at the n-th request; None if it ended before."""

    async def upload_and_stop() -> pd.DataFrame:
        task = asyncio.ensure_future(
            tf.aio.create_tasks(
                LONG_ROWS, service.async_client(), "1", allow_defaults=True, concurrency=2, progress=shown.append
            )
        )
        loop, respond = asyncio.get_running_loop(), service.answers[0]

        def respond_and_stop(head: str) -> bytes:
            if len(service.requests) == number:
                loop.call_soon_threadsafe(task.cancel)
            return respond(head)  # type: ignore[operator]

        service.answers = [respond_and_stop]
        return await task

    try:
        asyncio.run(upload_and_stop())
    except tf.UploadCancelled as stopped:
        return stopped
    return None


async def still_running() -> list[str]:
    """Return the tasks on the package's event loop, after clients that were garbage-collected have closed."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    closing = [task for task in tasks if "aclose" in str(task)]
    await asyncio.gather(*closing)
    return [str(task) for task in tasks if task not in closing]


@pytest.mark.parametrize("number", range(1, 16))
def test_a_stop_at_any_request_keeps_known_results_and_leaves_no_task_running(number: int, service: TaskServer) -> None:
    shown: list[tf.Progress] = []
    stopped = stopped_at(number, service, shown)
    assert (stopped is None) == (len(service.requests) < number)
    sent = service.posts
    assert tf.run(still_running()) == []
    assert service.posts == sent
    if stopped is not None and stopped.upload_id and "This call sent nothing" not in str(stopped):
        results = stopped.results
        assert (shown[-1].state, shown[-1].rows) == ("stopped", results["status"].eq("CREATED").sum())
        assert "Run the same cell again" in shown[-1].note
        assert stopped.upload_id in str(stopped)
        assert set(results["status"]) <= {"CREATED", "UNKNOWN", "NOT_SENT"}
        assert results["status"].eq("CREATED").sum() <= len(service.created)
        assert results["status"].ne("NOT_SENT").sum() >= len(service.created)
    assert upload(LONG_ROWS, service.async_client())["status"].eq("CREATED").all()
    assert service.created == LONG_ROWS["image"].tolist()
    assert service.posts <= 5


def test_a_stop_before_the_ledger_is_read_leaves_rows_unknown(service: TaskServer) -> None:
    upload(LONG_ROWS, service.async_client())
    service.requests.clear()
    stopped = stopped_at(2, service, [])
    assert stopped is not None
    assert set(stopped.results["status"]) == {"UNKNOWN"}
    assert "This call sent nothing" in str(stopped)
