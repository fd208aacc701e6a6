"""A frame goes up: every row is accounted for, none is created twice, and the result stands on the frame's index."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pytest
from scripted import Scripted, reply

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable

    from toloka_frames.local import LocalToloka

POOL = reply({"id": "1", "project_id": "2", "status": "OPEN", "mixer_config": {"real_tasks_count": 1}})
PROJECT = reply({"id": "2", "task_spec": {"input_spec": {"image": {"type": "url"}}, "output_spec": {}}})


def up(frame: pd.DataFrame, client: tf.AsyncTolokaClient, pool_id: str | None = "1", **options: Any) -> pd.DataFrame:
    return frame.pipe(tf.create_tasks, client, pool_id, **({"allow_defaults": True, "progress": False} | options))


def posts(toloka: LocalToloka) -> list[Any]:
    return [request for request in toloka.requests if (request.method, request.path) == ("POST", "/api/v1/tasks")]


INDEXES = {
    "range": pd.RangeIndex(4),
    "duplicated": pd.Index([1, 1, 0, 0]),
    "text": pd.Index(list("dcba"), name="key"),
    "MultiIndex": pd.MultiIndex.from_product([["x", "y"], [2, 1]], names=["a", "b"]),
    "datetime": pd.date_range("2026-01-01", periods=4, freq="D", tz="Europe/Berlin"),
    "with a missing label": pd.Index([None, "a", np.nan, "a"], dtype=object),
}


@pytest.mark.parametrize("index", INDEXES.values(), ids=INDEXES)
def test_the_result_stands_on_the_frames_index(
    index: pd.Index[Any], client: tf.AsyncTolokaClient, pool_id: str, make_frame: Callable[[int], pd.DataFrame]
) -> None:
    frame = make_frame(4).set_axis(index)
    results = up(frame, client, pool_id)
    pd.testing.assert_index_equal(results.index, index)
    tasks = client.get_tasks(pool_id).to_dataframe().set_index("id")
    assert tasks.loc[results["task_id"], "INPUT:text"].tolist() == frame["text"].tolist()


def test_an_upload_of_many_rows_accounts_for_each_and_keeps_every_limit(
    client: tf.AsyncTolokaClient, pool_id: str, toloka: LocalToloka
) -> None:
    rows = 25_000
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "image": [f"https://example.com/{row}.jpg" for row in range(rows)],
            "text": ["ж" * size for size in random.integers(0, 300, rows)],
            "unheard": pd.Series([None] * rows, dtype=object),
        }
    )
    missing, bad_url, unknown = (random.permutation(rows)[part] for part in (slice(100), slice(100, 250), slice(250, 300)))
    frame.loc[missing, "image"] = None
    frame.loc[bad_url, "image"] = "no address"
    frame.loc[unknown, "unheard"] = "?"
    frame.loc[12_345, "text"] = "ж" * 500_000
    bad = {int(row) for part in (missing, bad_url, unknown) for row in part}

    results = up(frame, client, pool_id, skip_invalid_items=True)

    assert len(results) == rows
    assert set(np.flatnonzero(results["status"] == "INVALID")) == bad
    assert set(results["status"]) == {"CREATED", "INVALID"}
    assert set(results["error_code"].dropna()) == {"VALUE_REQUIRED", "INVALID_URL_SYNTAX", "VALUE_NOT_ALLOWED"}
    assert set(results["error_field"].dropna()) == {"input_values.image", "input_values.unheard"}
    assert results["task_id"].dropna().is_unique
    tasks = client.get_tasks(pool_id).to_dataframe(progress=False).set_index("id")
    assert len(tasks) == rows - len(bad)
    created = results["status"] == "CREATED"
    assert tasks.loc[results.loc[created, "task_id"], "INPUT:image"].tolist() == frame.loc[created, "image"].tolist()
    assert {request.status for request in posts(toloka)} == {202}
    assert results["chunk"].nunique() == len(posts(toloka)) > rows // 10_000


def test_the_same_call_again_creates_nothing_and_gives_the_same_results(
    client: tf.AsyncTolokaClient, pool_id: str, make_frame: Callable[[int], pd.DataFrame]
) -> None:
    frame = make_frame(50)
    first = up(frame, client, pool_id)
    pd.testing.assert_frame_equal(up(frame, client, pool_id), first)
    assert len(client.get_tasks(pool_id).to_dataframe()) == 50
    again = up(frame, client, pool_id, upload_id="again")
    assert not set(again["task_id"]) & set(first["task_id"])
    assert len(client.get_tasks(pool_id).to_dataframe()) == 100


def test_columns_in_another_order_are_the_same_rows(
    client: tf.AsyncTolokaClient, pool_id: str, make_frame: Callable[[int], pd.DataFrame]
) -> None:
    frame = make_frame(5)
    first = up(frame, client, pool_id)
    pd.testing.assert_frame_equal(up(frame[["text", "number", "image"]], client, pool_id), first)


def test_rows_that_are_there_are_not_created_again_with_other_flags(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    frame = IMAGES.head(12_000).copy()
    frame.loc[0, "image"] = "no address"
    with pytest.raises(tf.UploadError) as caught:
        up(frame, client, pool_id)
    assert caught.value.results["status"].value_counts().to_dict() == {"FAILED": 9_999, "CREATED": 2_000, "INVALID": 1}
    results = up(frame, client, pool_id, skip_invalid_items=True)
    assert results["status"].value_counts().to_dict() == {"CREATED": 11_999, "INVALID": 1}
    again = up(frame, client, pool_id, skip_invalid_items=True, open_pool=True)
    pd.testing.assert_frame_equal(again, results)
    assert len(client.get_tasks(pool_id).to_dataframe(progress=False)) == 11_999
    assert tf.run(client.get_pool(pool_id))["status"] == "OPEN"


def test_rows_may_name_their_pools(
    client: tf.AsyncTolokaClient, make_pool: Callable[..., str], make_frame: Callable[[int], pd.DataFrame]
) -> None:
    pools = [make_pool(), make_pool()]
    frame = make_frame(6).assign(pool_id=[pools[row % 2] for row in range(6)])
    results = up(frame, client, None)
    assert results["status"].eq("CREATED").all()
    for number, pool_id in enumerate(pools):
        tasks = client.get_tasks(pool_id).to_dataframe()
        assert sorted(tasks["INPUT:number"]) == [number, number + 2, number + 4]


def test_the_pool_is_opened_when_all_tasks_are_there(client: tf.AsyncTolokaClient, pool_id: str, toloka: LocalToloka) -> None:
    frame = pd.DataFrame({"image": [f"https://example.com/{row}" for row in range(12_000)]})
    up(frame, client, pool_id, open_pool=True)
    assert [request.query.get("open_pool") for request in posts(toloka)] == [None, "true"]
    assert tf.run(client.get_pool(pool_id))["status"] == "OPEN"
    assert len(client.get_tasks(pool_id).to_dataframe(progress=False)) == 12_000


def test_a_pool_that_cannot_be_opened_is_an_error_with_the_created_tasks(
    client: tf.AsyncTolokaClient, make_pool: Callable[..., str], make_frame: Callable[[int], pd.DataFrame]
) -> None:
    expired = make_pool(will_expire="2020-01-01T00:00:00")
    with pytest.raises(tf.UploadError, match="the pool was not opened") as caught:
        up(make_frame(3), client, expired, open_pool=True)
    assert caught.value.results["status"].tolist() == ["CREATED"] * 3
    assert isinstance(caught.value.__cause__, tf.OperationFailed)


def test_without_skipping_one_bad_row_refuses_its_request_and_the_error_holds_every_row(
    client: tf.AsyncTolokaClient, pool_id: str, make_frame: Callable[[int], pd.DataFrame]
) -> None:
    frame = make_frame(3)
    frame.loc[1, "image"] = "no address"
    with pytest.raises(tf.UploadError, match="2 FAILED, 1 INVALID") as caught:
        up(frame, client, pool_id)
    results = caught.value.results
    assert results["status"].tolist() == ["FAILED", "INVALID", "FAILED"]
    assert results["error_code"][1] == "INVALID_URL_SYNTAX"
    assert len(client.get_tasks(pool_id).to_dataframe()) == 0
    assert isinstance(caught.value.__cause__, tf.OperationFailed)
    with pytest.raises(tf.UploadError):
        up(frame, client, pool_id)  # the operation that exists already ended with FAIL, and FAIL is FAIL
    frame.loc[1, "image"] = "https://example.com/mended.jpg"
    missing = frame[(results["status"] != "CREATED").to_numpy()]
    assert up(missing, client, pool_id)["status"].eq("CREATED").all()


def test_a_refused_request_stops_the_upload(client: tf.AsyncTolokaClient, pool_id: str, toloka: LocalToloka) -> None:
    frame = IMAGES.copy()
    frame.loc[0, "image"] = "no address"
    with pytest.raises(tf.UploadError) as caught:
        up(frame, client, pool_id, concurrency=1)
    assert caught.value.results["status"].value_counts().to_dict() == {"NOT_SENT": 15_000, "FAILED": 9_999, "INVALID": 1}
    assert len(posts(toloka)) == 1


def test_rows_without_a_reason_of_their_own_still_say_one(
    client: tf.AsyncTolokaClient, make_pool: Callable[..., str], make_frame: Callable[[int], pd.DataFrame]
) -> None:
    with pytest.raises(tf.UploadError) as caught:
        up(make_frame(2), client, make_pool(), allow_defaults=False)
    assert caught.value.results["error_field"].notna().all()


class Service(Scripted):
    """Takes tasks; what it says to each POST can be told."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = [self._route]
        self.refuse: Callable[[int, list[Any]], bytes | None] = lambda *_: None
        self.taken: dict[str, list[Any]] = {}
        self.posts = 0

    def _route(self, head: str) -> bytes:
        url = urlsplit(head.split(" ")[1])
        name = url.path.removeprefix("/api/v1/")
        if head.startswith("POST"):
            return self._take(parse_qs(url.query)["operation_id"][0])
        if name.endswith("/log"):
            return reply(self._log(name.split("/")[1]))
        if name.startswith("operations/"):
            return reply({"id": name.split("/")[1], "status": "SUCCESS", "type": "TASK.BATCH_CREATE"})
        return POOL if name.startswith("pools") else PROJECT

    def _take(self, operation_id: str) -> bytes:
        tasks = json.loads(self.bodies[-1])
        self.posts += 1
        if operation_id in self.taken:
            return reply({"code": "OPERATION_ALREADY_EXISTS", "message": "again"}, 409)
        refusal = self.refuse(self.posts, tasks)
        if refusal is None or refusal.startswith(b"LOST"):
            self.taken[operation_id] = tasks
        return reply({"id": operation_id, "status": "RUNNING"}, 202) if refusal is None else refusal.removeprefix(b"LOST")

    def _log(self, operation_id: str) -> list[Any]:
        tasks = self.taken[operation_id]
        return [
            {"type": "TASK_CREATE", "success": True, "input": task, "output": {"task_id": f"t{task['__item_idx']}"}}
            for task in tasks
        ]

    @property
    def created(self) -> list[str]:
        return sorted(task["input_values"]["image"] for tasks in self.taken.values() for task in tasks)


IMAGES = pd.DataFrame({"image": [f"https://example.com/{row:05}" for row in range(25_000)]})


def test_a_lost_answer_is_asked_for_again_and_nothing_is_created_twice() -> None:
    with Service() as service:
        service.refuse = lambda number, _: b"LOST" if number % 2 else None
        results = up(IMAGES, service.client())
        assert results["status"].eq("CREATED").all()
        assert service.created == IMAGES["image"].tolist()


def test_a_request_that_is_too_large_is_halved() -> None:
    with Service() as service:
        service.refuse = lambda _, tasks: (
            reply({"code": "ENTITY_TOO_LARGE", "message": "!"}, 413) if len(tasks) > 3_000 else None
        )
        results = up(IMAGES, service.client())
        assert results["status"].eq("CREATED").all()
        assert results["task_id"].tolist() == [f"t{row}" for row in range(len(IMAGES))]
        assert service.created == IMAGES["image"].tolist()
        assert max(len(tasks) for tasks in service.taken.values()) <= 3_000


def test_a_refusal_stops_the_upload_and_says_what_was_not_sent() -> None:
    with Service() as service:
        service.refuse = lambda number, _: reply({"code": "ACCESS_DENIED", "message": "no"}, 403) if number > 1 else None
        with pytest.raises(tf.UploadError, match="403 ACCESS_DENIED") as caught:
            up(IMAGES, service.client(), concurrency=1)
        assert isinstance(caught.value.__cause__, tf.AccessDenied)
        assert caught.value.results["status"].value_counts().to_dict() == {
            "CREATED": 10_000,
            "FAILED": 10_000,
            "NOT_SENT": 5_000,
        }
        service.refuse = lambda *_: None
        assert up(IMAGES, service.client())["status"].eq("CREATED").all()
        assert service.created == IMAGES["image"].tolist()


def test_an_unknown_end_is_called_unknown() -> None:
    with Service() as service:
        service.refuse = lambda *_: b"LOST"
        with pytest.raises(tf.UploadError) as caught:
            up(IMAGES.head(5), service.client(retries=1))
        assert caught.value.results["status"].tolist() == ["UNKNOWN"] * 5
        assert caught.value.results["operation_id"].notna().all()
        assert isinstance(caught.value.__cause__, tf.ConnectionFailed)
        assert up(IMAGES.head(5), service.client())["status"].eq("CREATED").all()
        assert service.created == IMAGES["image"].tolist()[:5]


class Counting(Service):
    """Counts the connections that are open at once."""

    def __init__(self) -> None:
        super().__init__()
        self.open = self.most = 0

    async def _talk(self, *streams: Any) -> None:
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            await super()._talk(*streams)
        finally:
            self.open -= 1


@pytest.mark.parametrize("concurrency", [1, 2, 3])
def test_as_many_requests_are_in_flight_as_asked_for(concurrency: int) -> None:
    with Counting() as service:
        up(IMAGES, service.client(), concurrency=concurrency)
        assert service.most == concurrency


def test_async_code_awaits_the_same(
    client: tf.AsyncTolokaClient, pool_id: str, make_frame: Callable[[int], pd.DataFrame]
) -> None:
    frame = make_frame(5)
    results = asyncio.run(tf.aio.create_tasks(frame, client, pool_id, allow_defaults=True, progress=False))
    pd.testing.assert_frame_equal(results, up(frame, client, pool_id))


def test_a_cancelled_upload_keeps_what_is_known() -> None:
    async def stop_when_some_are_there(service: Service) -> pd.DataFrame:
        some_are_there = asyncio.Event()

        def look(progress: tf.Progress) -> None:
            if progress.rows:
                some_are_there.set()

        upload = tf.aio.create_tasks(IMAGES, service.client(), "1", concurrency=1, progress=look)
        task = asyncio.create_task(upload)
        await some_are_there.wait()
        task.cancel()
        with pytest.raises(tf.UploadCancelled, match="goes on") as caught:
            await task
        return caught.value.results

    with Service() as service:
        service.refuse = lambda number, _: b"LOST" if number > 1 else None
        counts = asyncio.run(stop_when_some_are_there(service))["status"].value_counts()
        assert counts["CREATED"] == 10_000
        assert counts.sum() == 25_000


STOPPED = """
import sys
import pandas as pd
import toloka_frames as tf

client = tf.AsyncTolokaClient("a-token", url=sys.argv[1])
frame = pd.DataFrame({"image": [f"https://example.com/{row}" for row in range(40_000)]})
try:
    frame.pipe(tf.create_tasks, client, "1", concurrency=1, progress=lambda p: print(p.rows, flush=True))
except tf.UploadInterrupted as stop:
    counts = stop.results["status"].value_counts()
    print("stopped", counts["CREATED"] >= 10_000, counts["NOT_SENT"] >= 10_000, len(stop.results), "again" in str(stop))
"""


def test_ctrl_c_stops_sending_and_keeps_what_is_known() -> None:
    with Service() as service:

        def hang(number: int, _: list[Any]) -> bytes | None:
            return b"LOST" if number > 1 else None

        service.refuse = hang
        command = [sys.executable, "-c", STOPPED, service.url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            while process.stdout.readline() != "10000\n":
                pass
            process.send_signal(signal.SIGINT)
            last = process.communicate(timeout=20)[0].splitlines()[-1]
        assert last == "stopped True True 40000 True"
        sent = service.posts
        assert sent <= 8
