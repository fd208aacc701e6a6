"""Each chunk is sent once, whatever happens to responses and calls; unknown outcomes are looked up, never guessed."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from support.scripted_server import reply
from support.task_server import TaskServer

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from toloka_frames.local import LocalToloka

IMAGES = pd.DataFrame({"image": [f"https://example.com/{row:05}" for row in range(25_000)]})
TOO_LARGE = reply({"code": "ENTITY_TOO_LARGE", "message": "!"}, 413)
FORBIDDEN = reply({"code": "ACCESS_DENIED", "message": "no"}, 403)
QUOTA = reply({"code": "TOO_MANY_REQUESTS", "message": "no", "payload": {"interval": "DAY"}}, 429)
BROKEN = reply("<html>502 Bad Gateway</html>", 502, Retry_After="0")


@pytest.fixture
def service() -> Iterator[TaskServer]:
    with TaskServer() as service:
        yield service


def upload(frame: pd.DataFrame, client: tf.AsyncTolokaClient, **options: Any) -> pd.DataFrame:
    return tf.create_tasks(frame, client, "1", **({"allow_defaults": True, "progress": False} | options))


def counts(results: pd.DataFrame) -> dict[str, int]:
    return results["status"].value_counts().to_dict()


def test_a_completed_upload_is_returned_without_sending(service: TaskServer) -> None:
    first = upload(IMAGES, service.async_client())
    sent = len(service.requests)
    notes: list[tf.Progress] = []
    pd.testing.assert_frame_equal(upload(IMAGES, service.async_client(), progress=notes.append), first)
    assert [request for request in service.requests[sent:] if "operations" in request or "POST" in request] == []
    assert "nothing was sent" in str(notes[-1])
    assert notes[-1].rows == notes[-1].total == 25_000


def test_a_call_continues_with_unsettled_rows(service: TaskServer) -> None:
    service.respond = lambda number, _: FORBIDDEN if number == 2 else None
    with pytest.raises(tf.UploadError) as caught:
        upload(IMAGES, service.async_client(), concurrency=1)
    assert counts(caught.value.results) == {"CREATED": 10_000, "FAILED": 10_000, "NOT_SENT": 5_000}
    service.respond = lambda *_: None
    assert counts(upload(IMAGES, service.async_client())) == {"CREATED": 25_000}
    assert service.posts == 4
    assert service.created == IMAGES["image"].tolist()


def test_an_operation_without_a_response_is_looked_up_and_not_sent_again(service: TaskServer) -> None:
    service.respond = lambda *_: b"LOST"
    with pytest.raises(tf.UploadError) as caught:
        upload(IMAGES.head(5), service.async_client(retries=1))
    assert counts(caught.value.results) == {"UNKNOWN": 5}
    assert caught.value.results["operation_id"].notna().all()
    assert counts(upload(IMAGES.head(5), service.async_client())) == {"CREATED": 5}
    assert service.posts == 1


def test_an_invalid_response_makes_the_operation_looked_up_at_once(service: TaskServer) -> None:
    service.respond = lambda *_: b"LOST" + BROKEN
    assert counts(upload(IMAGES.head(5), service.async_client(retries=1))) == {"CREATED": 5}
    assert service.posts == 1


def test_a_request_that_never_arrived_is_sent_with_the_same_operation_id(service: TaskServer) -> None:
    service.respond = lambda *_: BROKEN
    with pytest.raises(tf.UploadError) as caught:
        upload(IMAGES.head(5), service.async_client(retries=1))
    assert counts(caught.value.results) == {"UNKNOWN": 5}
    service.respond = lambda *_: None
    results = upload(IMAGES.head(5), service.async_client())
    assert counts(results) == {"CREATED": 5}
    assert results["operation_id"].tolist() == caught.value.results["operation_id"].tolist()


def test_a_failed_connection_before_the_ledger_records_nothing(service: TaskServer) -> None:
    client = service.async_client(retries=1)
    tf.run(client.get_requester())
    upload(IMAGES.head(1), client)
    nobody = tf.AsyncTolokaClient("token-that-nobody-may-see", url="http://127.0.0.1:9", retries=1)
    with pytest.raises(tf.ConnectionFailed):  # the pool is requested first, so the ledger records nothing
        upload(IMAGES.head(5), nobody)
    assert len(tf.uploads()) == 1


def test_an_exhausted_daily_quota_leaves_rows_not_sent(service: TaskServer) -> None:
    service.respond = lambda number, _: QUOTA if number > 1 else None
    with pytest.raises(tf.UploadError) as caught:
        upload(IMAGES, service.async_client(), concurrency=1)
    assert counts(caught.value.results) == {"NOT_SENT": 15_000, "CREATED": 10_000}
    assert isinstance(caught.value.__cause__, tf.QuotaExceeded)
    assert tf.uploads()[["created", "unknown", "not_sent"]].iloc[0].tolist() == [10_000, 0, 15_000]


def test_a_failed_operation_is_reported_as_failed_on_every_call(service: TaskServer) -> None:
    def fail(_: int, __: list[Any]) -> bytes | None:
        service.failed = set(service.received) | {operation_of(service)}
        return None

    service.respond = fail
    for _ in range(2):
        with pytest.raises(tf.UploadError) as caught:
            upload(IMAGES.head(5), service.async_client())
        assert counts(caught.value.results) == {"FAILED": 5}
        assert isinstance(caught.value.__cause__, tf.OperationFailed)
    assert service.posts == 1


def test_a_failed_operation_does_not_hold_up_other_rows_in_the_next_call(service: TaskServer) -> None:
    def fail_the_first(number: int, _: list[Any]) -> bytes | None:
        if number == 1:
            service.failed = {operation_of(service)}
        return None

    service.respond = fail_the_first
    seen = []
    for _ in range(3):
        with pytest.raises(tf.UploadError) as caught:
            upload(IMAGES, service.async_client(), concurrency=1)
        seen.append(counts(caught.value.results))
    again = {"CREATED": 15_000, "FAILED": 10_000}
    assert seen == [{"FAILED": 10_000, "NOT_SENT": 15_000}, again, again]
    assert service.posts == 3


SURROGATES = [rb"\ud83d", rb"\uDE00 and \ud83d", b"\xed\xa0\xbd"]


@pytest.mark.parametrize("half", SURROGATES)
def test_text_of_the_service_that_nothing_can_encode_is_shown_without_it(service: TaskServer, half: bytes) -> None:
    for field in (b"message", b"code", b"payload"):
        body = {b"code": b"VALIDATION_ERROR", b"message": b"bad text", b"payload": b"none"} | {field: b"odd " + half}
        content = b"{%b}" % b",".join(b'"%b":"%b"' % item for item in body.items())
        service.respond = lambda *_, content=content: reply(content, 400)  # type: ignore[misc]
        with pytest.raises(tf.UploadError) as caught:
            upload(IMAGES.head(2), service.async_client(), upload_id=field.decode() + repr(half))
        assert counts(caught.value.results) == {"FAILED": 2}
        f"{caught.value} {caught.value.results.to_dict()}".encode()
        assert tf.uploads()["failed"].iloc[-1] == 2


@pytest.mark.parametrize("table", ["outcomes", "opened"])
def test_an_error_of_the_ledger_after_sending_comes_with_the_results(
    table: str, client: tf.AsyncTolokaClient, pool_id: str, toloka: LocalToloka, tmp_path: Path
) -> None:
    def break_ledger(_: object) -> None:
        with closing(sqlite3.connect(tmp_path / "ledger.db")) as sqlite, sqlite:
            sqlite.execute(f"drop table {table}")

    toloka.faults.call("POST /v1/tasks" if table == "outcomes" else "POST /v1/pools/*/open", break_ledger)
    options: dict[str, Any] = {"allow_defaults": True, "open_pool": True, "ledger": tmp_path / "ledger.db", "progress": False}
    with pytest.raises(tf.UploadError, match=f"no such table: main.{table}|no such table: {table}") as caught:
        tf.create_tasks(IMAGES.head(3), client, pool_id, **options)
    assert counts(caught.value.results) == {"CREATED": 3}
    assert isinstance(caught.value.__cause__, tf.LedgerError)


@pytest.mark.parametrize("skip", [None, True])
@pytest.mark.parametrize("way", ["the same call", "resume"])
def test_rows_of_a_failed_operation_are_sent_again_with_retry_failed(
    skip: bool | None, way: str, client: tf.AsyncTolokaClient, pool_id: str, toloka: LocalToloka
) -> None:
    toloka.faults.fail_operation("POST /v1/tasks", times=2)
    options: dict[str, Any] = {"allow_defaults": True, "skip_invalid_items": skip, "progress": False}
    posts: list[int] = []

    def call(**more: Any) -> pd.DataFrame:
        before = len(toloka.requests)
        try:
            if posts and way == "resume":
                return tf.resume(upload_id, client, progress=False, **more)
            return tf.create_tasks(IMAGES.head(3), client, pool_id, **options, **more)
        finally:
            posts.append(sum(request.method == "POST" for request in toloka.requests[before:]))

    with pytest.raises(tf.UploadError, match="retry_failed=True") as caught:
        call(retry_failed=True)
    assert isinstance(caught.value.__cause__, tf.OperationFailed)
    assert "retry_failed=True" in caught.value.__cause__.hint
    assert counts(caught.value.results) == {"FAILED": 3}
    upload_id = caught.value.upload_id
    with pytest.raises(tf.UploadError):
        call()
    with pytest.raises(tf.UploadError):
        call(retry_failed=True)
    assert counts(call(retry_failed=True)) == {"CREATED": 3}
    assert counts(call(retry_failed=True)) == {"CREATED": 3}
    assert posts == [1, 0, 1, 1, 0]
    assert len(client.get_tasks(pool_id).to_dataframe(progress=False)) == 3


def test_retry_failed_is_true_or_false(client: tf.AsyncTolokaClient) -> None:
    with pytest.raises(tf.InputError, match="retry_failed="):
        tf.create_tasks(IMAGES.head(3), client, "1", overlap=1, retry_failed=1)  # type: ignore[arg-type]


def test_reconcile_reports_a_failed_operation(service: TaskServer) -> None:
    def fail(_: int, __: list[Any]) -> bytes | None:
        service.failed = {operation_of(service)}
        return b"LOST"

    service.respond = fail
    with pytest.raises(tf.UploadError) as caught:
        upload(IMAGES.head(5), service.async_client(retries=1))
    assert counts(caught.value.results) == {"UNKNOWN": 5}
    assert counts(tf.reconcile(caught.value.upload_id, service.async_client(), progress=False)) == {"FAILED": 5}


def test_an_existing_failed_operation_is_reported_without_the_ledger(service: TaskServer, tmp_path: Path) -> None:
    def fail(_: int, __: list[Any]) -> bytes | None:
        service.failed = {operation_of(service)}
        return None

    service.respond = fail
    for ledger in ("one.db", "other.db"):
        with pytest.raises(tf.UploadError) as caught:
            upload(IMAGES.head(5), service.async_client(), ledger=tmp_path / ledger)
        assert counts(caught.value.results) == {"FAILED": 5}
    assert service.posts == 2
    assert service.created == []


def operation_of(service: TaskServer) -> str:
    return service.requests[-1].split("operation_id=")[1].split("&")[0]


def test_a_lost_ledger_creates_nothing_twice(service: TaskServer, tmp_path: Path) -> None:
    first = upload(IMAGES, service.async_client(), ledger=tmp_path / "one.db")
    pd.testing.assert_frame_equal(upload(IMAGES, service.async_client(), ledger=tmp_path / "other.db"), first)
    assert service.created == IMAGES["image"].tolist()


def test_the_halves_of_a_chunk_are_recorded(service: TaskServer) -> None:
    service.respond = lambda number, tasks: TOO_LARGE if len(tasks) > 6_000 else FORBIDDEN if number > 2 else None
    with pytest.raises(tf.UploadError):
        upload(IMAGES, service.async_client(), concurrency=1)
    service.respond = lambda *_: None  # whole chunks would be accepted now
    assert counts(upload(IMAGES, service.async_client())) == {"CREATED": 25_000}
    assert service.created == IMAGES["image"].tolist()


def test_a_single_row_that_is_too_large_is_an_error(service: TaskServer) -> None:
    service.respond = lambda *_: TOO_LARGE
    with pytest.raises(tf.UploadError) as caught:
        upload(IMAGES.head(4), service.async_client())
    assert counts(caught.value.results) == {"NOT_SENT": 3, "FAILED": 1}
    assert isinstance(caught.value.__cause__, tf.TooLarge)
    assert service.posts == 3


def test_a_row_missing_from_the_log_is_looked_up_by_the_next_call(service: TaskServer) -> None:
    whole_log: Callable[[str], list[Any]] = service._log
    service._log = lambda operation_id: whole_log(operation_id)[1:]  # type: ignore[method-assign]
    with pytest.raises(tf.UploadError) as caught:
        upload(IMAGES.head(5), service.async_client())
    assert counts(caught.value.results) == {"CREATED": 4, "UNKNOWN": 1}
    service._log = whole_log  # type: ignore[method-assign]
    assert counts(upload(IMAGES.head(5), service.async_client())) == {"CREATED": 5}
    assert service.posts == 1


def test_other_flags_find_the_effective_attempt_without_the_ledger(
    client: tf.AsyncTolokaClient,
    pool_id: str,
    make_frame: Callable[[int], pd.DataFrame],
    tmp_path: Path,
    toloka: LocalToloka,
) -> None:
    flags = {"allow_defaults": True, "progress": False}
    toloka.faults.fail_operation("POST /v1/tasks", nth=1)
    with pytest.raises(tf.UploadError):
        tf.create_tasks(make_frame(5), client, pool_id, ledger=tmp_path / "1.db", **flags)
    flags["skip_invalid_items"] = True
    first = tf.create_tasks(make_frame(5), client, pool_id, ledger=tmp_path / "1.db", **flags)
    flags["skip_invalid_items"] = False
    again = tf.create_tasks(make_frame(5), client, pool_id, ledger=tmp_path / "2.db", **flags)
    pd.testing.assert_frame_equal(again, first)
    assert len(client.get_tasks(pool_id).to_dataframe()) == 5


def test_a_404_from_a_proxy_proves_nothing(service: TaskServer) -> None:
    upload(IMAGES.head(5), service.async_client(), upload_id="mine")
    page, respond = reply("<html>not here</html>", 404), service.answers[0]
    service.answers = [lambda head: page if "/requester" in head else respond(head)]  # type: ignore[operator]
    with pytest.raises(tf.NotFound, match="not here"):
        upload(IMAGES.head(5), service.async_client(), upload_id="mine")
    service.answers = [lambda head: page if "GET /api/v1/operations" in head else respond(head)]  # type: ignore[operator]
    service.respond = lambda *_: b"LOST"
    with pytest.raises(tf.UploadError) as caught:
        upload(IMAGES.tail(9), service.async_client(retries=1))
    assert counts(caught.value.results) == {"UNKNOWN": 9}
    with pytest.raises(tf.NotFound, match="not here"):
        tf.reconcile(caught.value.upload_id, service.async_client(retries=1), progress=False)
    service.answers = [respond]
    assert counts(tf.reconcile(caught.value.upload_id, service.async_client(), progress=False)) == {"CREATED": 9}
    assert service.posts == 2


NOT_FOUND = reply({"code": "DOES_NOT_EXIST", "message": "not yet"}, 404)


@pytest.mark.parametrize("response", [NOT_FOUND, FORBIDDEN, BROKEN], ids=["404", "403", "502"])
def test_a_lost_response_stays_unknown_if_its_operation_cannot_be_looked_up(service: TaskServer, response: bytes) -> None:
    show_operation = service._operation
    service._operation = lambda _: response  # type: ignore[method-assign]
    service.respond = lambda number, _: b"LOST" if number == 1 else None
    with pytest.raises(tf.UploadError) as caught:
        upload(IMAGES.head(5), service.async_client(retries=2))
    assert counts(caught.value.results) == {"UNKNOWN": 5}
    service._operation = show_operation  # type: ignore[method-assign]
    assert counts(upload(IMAGES.head(5), service.async_client())) == {"CREATED": 5}
    assert len(service.created) == 5


class SlowLogServer(TaskServer):
    """Holds back logs until the next request arrives.

    Attributes:
        unread: For each POST, the number of chunks whose log was not returned yet.
    """

    def __init__(self) -> None:
        super().__init__()
        self._next_arrived = asyncio.Event()
        self.unread: list[int] = []
        self._logs = 0

    async def _said(self, head: str) -> bytes:
        raw = await super()._said(head)
        if head.startswith("POST"):
            self.unread.append(self.posts - self._logs)
            if self.posts == 2:
                self._next_arrived.set()
        elif "/log" in head:
            async with asyncio.timeout(20):
                await self._next_arrived.wait()
            self._logs += 1
        return raw


def test_a_log_is_read_while_the_next_request_is_sent_but_no_more_than_one() -> None:
    with SlowLogServer() as service:
        rows = pd.concat([IMAGES] * 2, ignore_index=True)
        assert counts(upload(rows, service.async_client(), concurrency=1)) == {"CREATED": 50_000}
        assert max(service.unread) == 2


def test_a_chunk_that_may_have_arrived_is_not_halved(service: TaskServer) -> None:
    show_operation = service._operation
    service._operation = lambda _: NOT_FOUND  # type: ignore[method-assign]
    service.respond = lambda number, _: b"LOST" if number == 1 else None
    service.repeated = TOO_LARGE
    with pytest.raises(tf.UploadError) as caught:
        upload(IMAGES.head(6), service.async_client(retries=2))
    assert counts(caught.value.results) == {"UNKNOWN": 6}
    service._operation, service.repeated = show_operation, None  # type: ignore[method-assign]
    assert counts(upload(IMAGES.head(6), service.async_client())) == {"CREATED": 6}
    assert len(service.created) == 6


def test_rejected_chunks_do_not_hold_up_the_others(service: TaskServer) -> None:
    service.respond = lambda _, tasks: FORBIDDEN if tasks[0]["__item_idx"] == "0" else None
    seen = []
    for _ in range(2):
        with pytest.raises(tf.UploadError) as caught:
            upload(IMAGES, service.async_client(), concurrency=1)
        seen.append(counts(caught.value.results))
    assert seen == [{"NOT_SENT": 15_000, "FAILED": 10_000}, {"CREATED": 15_000, "FAILED": 10_000}]


def test_rows_that_are_all_invalid_give_the_same_results_on_every_call(
    client: tf.AsyncTolokaClient, pool_id: str, make_frame: Callable[[int], pd.DataFrame]
) -> None:
    flags = {"allow_defaults": True, "skip_invalid_items": True, "open_pool": True, "progress": False}
    bad = make_frame(3).assign(image="no address")
    for _ in range(2):
        assert counts(tf.create_tasks(bad, client, pool_id, **flags)) == {"INVALID": 3}
    assert tf.uploads()["state"].tolist() == ["DONE"]
    assert tf.run(client.get_pool(pool_id))["status"] == "CLOSED"


def test_added_rows_make_a_new_upload_if_it_is_named(service: TaskServer) -> None:
    first = upload(IMAGES.head(15_000), service.async_client())
    with pytest.raises(tf.RowsAlreadyCreated, match="15,000 of 16,000 rows"):
        upload(IMAGES.head(16_000), service.async_client())
    more = upload(IMAGES.head(16_000), service.async_client(), upload_id="all again")
    assert not set(first["operation_id"]) & set(more["operation_id"])
    assert len(service.created) == 31_000
