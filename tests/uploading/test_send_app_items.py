"""App items have no idempotency key: even if a response is lost, each is created once, or its row is UNKNOWN."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from support.killed_uploads import Uploads, killed_uploads
from support.scripted_server import Scripted, reply
from support.self_killing_upload import frame_of

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from toloka_frames.local import Fault, LocalToloka

APP = "M1B0QY7kD5kie8wOyb44"  # takes a text and an image_url, both required
BULK = "POST /app/v0/app-projects/*/items/bulk"
NEW_BATCH = "POST /app/v0/app-projects/*/batches"
KILLS = 3


@pytest.fixture
def project_id(client: tf.AsyncTolokaClient) -> str:
    return str(tf.run(client.create_app_project({"app_id": APP, "name": "Pairs", "parameters": {}}))["id"])


@pytest.fixture
def make_batch(client: tf.AsyncTolokaClient, project_id: str) -> Callable[[], str]:
    """Return a function that creates an empty batch."""
    return lambda: str(tf.run(client.create_app_batch(project_id, {"items": []}))["id"])


def pairs(rows: int) -> pd.DataFrame:
    frame = pd.DataFrame({"image_url": [f"https://example.com/{row}.jpg" for row in range(rows)]})
    return frame.assign(text="the same").set_axis(range(7, 7 + 3 * rows, 3))


def long_pairs(rows: int) -> pd.DataFrame:
    """Return rows so long that a request holds ten."""
    return pairs(rows).assign(text="x" * 100_000)


def counts(results: pd.DataFrame) -> dict[str, int]:
    return results["status"].value_counts().to_dict()


def items(client: tf.AsyncTolokaClient, project_id: str, **filters: Any) -> pd.DataFrame:
    return client.get_app_items(project_id, **filters).to_dataframe(progress=False)


def posts(toloka: LocalToloka) -> list[str]:
    return [request.path.rpartition("/")[2] for request in toloka.requests if request.method == "POST"]


def let_five_minutes_pass(data_home: Path) -> None:
    """Change the ledger as if each missing request had been looked for more than five minutes ago."""
    with closing(sqlite3.connect(data_home / "toloka_frames" / "uploads.db")) as sqlite, sqlite:
        sqlite.execute("update chunks set ended = '2026-01-01T00:00:00+00:00' where state = 'begun' and ended is not null")


def check_each_once(frame: pd.DataFrame, results: pd.DataFrame, listed: pd.DataFrame) -> None:
    """Check that each row has an item with its input, and that no other items exist."""
    assert counts(results) == {"CREATED": len(frame)}
    assert results.index.equals(frame.index)
    assert results["item_id"].is_unique
    assert sorted(listed["id"]) == sorted(results["item_id"])
    inputs = listed.set_index("id").loc[results["item_id"], ["INPUT:image_url", "INPUT:text"]]
    assert inputs.to_numpy().tolist() == frame[["image_url", "text"]].to_numpy().tolist()


def test_each_row_becomes_an_item_that_is_labelled_at_once(client: tf.AsyncTolokaClient, project_id: str) -> None:
    results = pairs(30).pipe(tf.create_app_items, client, project_id, progress=False)
    assert list(results) == ["status", "item_id", "error_field", "error_code", "error_message", "batch_id", "chunk"]
    assert results["batch_id"].isna().all()
    check_each_once(pairs(30), results, items(client, project_id))


def test_the_same_call_again_sends_nothing_and_returns_the_same_results(
    client: tf.AsyncTolokaClient, project_id: str, toloka: LocalToloka
) -> None:
    for create in (tf.create_app_items, partial(tf.create_app_batch, name="Monday", start=True, upload_id="monday")):
        again = partial(create, client=client, app_project_id=project_id, progress=False)
        first = pairs(30).pipe(again)
        sent = len(posts(toloka))
        pd.testing.assert_frame_equal(pairs(30).pipe(again), first)
        assert len(posts(toloka)) == sent
        other = pairs(30).pipe(again, upload_id=f"once more {sent}")
        assert set(other["item_id"]).isdisjoint(first["item_id"])


def test_rows_are_added_to_an_existing_batch(
    client: tf.AsyncTolokaClient, project_id: str, make_batch: Callable[[], str], toloka: LocalToloka
) -> None:
    batch_id = make_batch()
    results = long_pairs(25).pipe(tf.create_app_items, client, project_id, batch_id=batch_id, progress=False)
    assert results["batch_id"].eq(batch_id).all()
    assert results["chunk"].nunique() == 3
    assert posts(toloka)[-3:] == ["bulk"] * 3
    check_each_once(long_pairs(25), results, items(client, project_id, batch_id=batch_id))


def test_a_batch_of_more_rows_than_a_request_may_have_is_created_filled_and_started_once(
    client: tf.AsyncTolokaClient, project_id: str, toloka: LocalToloka
) -> None:
    options = {"name": "Monday", "priority_order": "ONE", "start": True, "progress": False}
    results = pairs(10_050).pipe(tf.create_app_batch, client, project_id, **options)
    batches = client.get_app_batches(project_id).to_dataframe(progress=False)
    assert batches[["name", "priority_order", "items_count"]].to_numpy().tolist() == [["Monday", "ONE", 10_050]]
    assert results["batch_id"].unique().tolist() == batches["id"].tolist()
    assert batches["status"][0] != "NEW"
    check_each_once(pairs(10_050), results, items(client, project_id))
    pairs(10_050).pipe(tf.create_app_batch, client, project_id, **options)
    assert posts(toloka)[-3:] == ["batches", "bulk", "start"]
    assert tf.uploads()[["kind", "state", "pool_ids", "created"]].to_numpy().tolist() == [
        ["app batch items", "DONE", batches["id"][0], 10_050]
    ]


def test_rows_of_a_project_are_not_created_again_in_another_batch_unless_the_upload_is_named(
    client: tf.AsyncTolokaClient, project_id: str, make_batch: Callable[[], str]
) -> None:
    create = partial(tf.create_app_items, progress=False)
    pairs(3).pipe(create, client, project_id)
    for batch_id in (make_batch(), make_batch()):
        with pytest.raises(tf.RowsAlreadyCreated):
            pairs(3).pipe(create, client, project_id, batch_id=batch_id)
        pairs(3).pipe(create, client, project_id, batch_id=batch_id, upload_id=batch_id)
    for name in (None, "Monday", "Tuesday"):
        with pytest.raises(tf.RowsAlreadyCreated):
            pairs(3).pipe(tf.create_app_batch, client, project_id, name=name, progress=False)
        pairs(3).pipe(tf.create_app_batch, client, project_id, name=name, upload_id=str(name), progress=False)
    assert len(items(client, project_id)) == 18
    pairs(3).pipe(create, client, project_id, upload_id="mine")
    with pytest.raises(tf.InputError, match="another app project or batch"):
        pairs(3).pipe(create, client, project_id, batch_id=make_batch(), upload_id="mine")


def test_one_invalid_row_fails_its_request_and_is_reported_with_its_field(
    client: tf.AsyncTolokaClient, project_id: str
) -> None:
    frame = long_pairs(20)
    frame.iloc[12, 0] = "no address"
    for create in (tf.create_app_items, partial(tf.create_app_batch, upload_id="a batch")):
        with pytest.raises(tf.UploadError, match="INVALID_URL_SYNTAX") as caught:
            frame.pipe(create, client, project_id, concurrency=1, progress=False)
        results = caught.value.results
        assert counts(results) == {"CREATED": 10, "FAILED": 9, "INVALID": 1}
        assert results.index.equals(frame.index)
        wrong = results.iloc[12]
        assert wrong[["error_field", "error_code"]].tolist() == ["input_data.image_url", "INVALID_URL_SYNTAX"]
        with pytest.raises(tf.UploadError):
            frame.pipe(create, client, project_id, progress=False)
    assert len(items(client, project_id)) == 20


def test_a_rejected_first_request_creates_no_batch_and_the_next_one_does(
    client: tf.AsyncTolokaClient, project_id: str, toloka: LocalToloka
) -> None:
    rejected = toloka.faults.answer(403, NEW_BATCH, nth=1)
    with pytest.raises(tf.UploadError) as caught:
        long_pairs(15).pipe(tf.create_app_batch, client, project_id, progress=False)
    assert counts(caught.value.results) == {"FAILED": 10, "NOT_SENT": 5}
    assert rejected.struck == 1
    results = long_pairs(15).pipe(tf.create_app_batch, client, project_id, progress=False)
    check_each_once(long_pairs(15), results, items(client, project_id))
    assert len(client.get_app_batches(project_id).to_dataframe(progress=False)) == 1


@pytest.mark.parametrize("hidden", [0.0, 0.4], ids=["at once", "listed late"])
def test_with_ignore_errors_items_are_matched_and_other_rows_have_reasons(
    hidden: float, client: tf.AsyncTolokaClient, project_id: str, make_batch: Callable[[], str], toloka: LocalToloka
) -> None:
    if hidden:
        toloka.faults.hide(seconds=hidden)
    frame = pairs(9)
    frame.iloc[[2, 5], 0] = "no address"
    frame.iloc[[6, 7], 0] = frame.iloc[0, 0]  # equal rows, which need an item each
    into = partial(tf.create_app_items, batch_id=make_batch())
    for create in (into, partial(tf.create_app_batch, upload_id="a batch")):
        results = frame.pipe(create, client, project_id, ignore_errors=True, progress=False)
        assert results["status"].eq("INVALID").to_numpy().nonzero()[0].tolist() == [2, 5]
        assert results["error_field"].dropna().tolist() == ["input_data.image_url"] * 2
        created = results["status"].eq("CREATED").to_numpy()
        listed = items(client, project_id, batch_id=results["batch_id"].iloc[0])
        if not hidden:
            check_each_once(frame[created], results[created], listed)


def test_each_of_many_requests_reports_its_own_invalid_rows(
    client: tf.AsyncTolokaClient, project_id: str, make_batch: Callable[[], str]
) -> None:
    frame = long_pairs(90)
    frame.iloc[::9, 0] = "no address"
    results = frame.pipe(
        tf.create_app_items, client, project_id, batch_id=make_batch(), ignore_errors=True, concurrency=3, progress=False
    )
    assert counts(results) == {"CREATED": 80, "INVALID": 10}
    assert results["error_code"].value_counts().to_dict() == {"INVALID_URL_SYNTAX": 10}
    created = results["status"].eq("CREATED")
    check_each_once(frame[created.to_numpy()], results[created], items(client, project_id))


def test_a_request_that_is_too_large_is_halved(client: tf.AsyncTolokaClient, project_id: str, toloka: LocalToloka) -> None:
    for path, create in ((BULK, tf.create_app_items), (NEW_BATCH, tf.create_app_batch)):
        large = toloka.faults.answer(413, path, nth=1)
        results = pairs(30).pipe(create, client, project_id, upload_id=path, progress=False)
        assert large.struck == 1
        assert counts(results) == {"CREATED": 30}
        assert results["chunk"].eq(0).all()
        assert results["batch_id"].nunique() == (create is tf.create_app_batch)
        pd.testing.assert_frame_equal(pairs(30).pipe(create, client, project_id, upload_id=path, progress=False), results)
    assert len(items(client, project_id)) == 60


def test_equal_rows_have_an_item_each(client: tf.AsyncTolokaClient, project_id: str) -> None:
    frame = long_pairs(20).assign(image_url="https://example.com/1.jpg")
    results = frame.pipe(tf.create_app_batch, client, project_id, progress=False)
    check_each_once(frame, results, items(client, project_id))


LOST: dict[str, Callable[[LocalToloka, str], Fault]] = {
    "no response": lambda toloka, path: toloka.faults.lose_reply(path, nth=1),
    "a cut response": lambda toloka, path: toloka.faults.cut(path, nth=1),
    "a proxy's HTML page": lambda toloka, path: toloka.faults.html(path, when="after", nth=1),
    "a restart": lambda toloka, path: toloka.faults.restart(path, nth=1),
}


@pytest.mark.parametrize("lose", LOST.values(), ids=LOST)
@pytest.mark.parametrize("kind", ["without a batch", "into a batch", "a new batch"])
def test_a_request_with_a_lost_response_is_found_among_the_items(
    lose: Callable[[LocalToloka, str], Fault],
    kind: str,
    client: tf.AsyncTolokaClient,
    project_id: str,
    make_batch: Callable[[], str],
    toloka: LocalToloka,
) -> None:
    long_pairs(30).pipe(
        tf.create_app_items, client, project_id, upload_id="others", progress=False
    )  # equal rows of another upload
    before = set(items(client, project_id)["id"])
    create: Any = partial(tf.create_app_items, batch_id=make_batch() if kind == "into a batch" else None, upload_id="mine")
    create = partial(tf.create_app_batch, name="Monday", upload_id="mine") if kind == "a new batch" else create
    fault = lose(toloka, NEW_BATCH if kind == "a new batch" else BULK)
    results = long_pairs(11).pipe(create, client, project_id, concurrency=1, progress=False)
    assert fault.struck == 1
    listed = items(client, project_id)
    check_each_once(long_pairs(11), results, listed[~listed["id"].isin(before)])


def test_several_requests_with_lost_responses_are_found(
    client: tf.AsyncTolokaClient, project_id: str, toloka: LocalToloka
) -> None:
    lost = toloka.faults.lose_reply(BULK, nth=(1, 2, 3))
    results = long_pairs(45).pipe(tf.create_app_items, client, project_id, concurrency=3, progress=False)
    assert lost.struck == 3
    check_each_once(long_pairs(45), results, items(client, project_id))


@pytest.mark.parametrize("kind", ["into a batch", "a new batch"])
def test_a_lost_response_for_invalid_rows_is_settled_by_the_batchs_errors(
    kind: str, client: tf.AsyncTolokaClient, project_id: str, make_batch: Callable[[], str], toloka: LocalToloka
) -> None:
    frame = long_pairs(15)
    frame.iloc[[2, 5, 11], 0] = "no address"
    create: Any = tf.create_app_batch if kind == "a new batch" else partial(tf.create_app_items, batch_id=make_batch())
    lost = toloka.faults.lose_reply(NEW_BATCH if kind == "a new batch" else BULK, nth=1)
    results = frame.pipe(create, client, project_id, ignore_errors=True, progress=False)
    assert lost.struck == 1
    assert results.loc[results["status"].eq("INVALID"), "error_code"].eq("INVALID_URL_SYNTAX").all()
    assert results["status"].eq("INVALID").to_numpy().nonzero()[0].tolist() == [2, 5, 11]
    created = results["status"].eq("CREATED").to_numpy()
    check_each_once(frame[created], results[created], items(client, project_id))


@pytest.mark.parametrize("kind", ["without a batch", "a new batch"])
def test_a_request_that_never_arrived_is_sent_again_only_once_that_is_certain(
    kind: str, client: tf.AsyncTolokaClient, project_id: str, toloka: LocalToloka, data_home: Path
) -> None:
    create = partial(tf.create_app_items if kind == "without a batch" else tf.create_app_batch, progress=False)
    lost = toloka.faults.lose_reply(BULK if kind == "without a batch" else NEW_BATCH, when="before", nth=1)
    for _ in range(2):
        with pytest.raises(tf.UploadError, match=r"at 20.* UTC, the same call sends the request again") as caught:
            pairs(10).pipe(create, client, project_id)
        assert counts(caught.value.results) == {"UNKNOWN": 10}
        assert isinstance(caught.value.__cause__, tf.OutcomeUnknown)
    name = caught.value.upload_id
    assert counts(tf.reconcile(name, client, progress=False)) == {"UNKNOWN": 10}
    assert tf.uploads()["unknown"].tolist() == [10]
    let_five_minutes_pass(data_home)
    assert counts(tf.reconcile(name, client, progress=False)) == {"NOT_SENT": 10}
    results = tf.resume(name, client, progress=False)
    assert counts(results) == {"CREATED": 10}
    assert lost.struck == 1
    check_each_once(pairs(10), pairs(10).pipe(create, client, project_id), items(client, project_id))


def test_unknown_rows_that_are_listed_later_are_created(
    client: tf.AsyncTolokaClient, project_id: str, toloka: LocalToloka
) -> None:
    toloka.faults.lose_reply(BULK, nth=1)
    unseen = toloka.faults.answer(403, "GET /app/v0/app-projects/*/items", nth=1)
    with pytest.raises(tf.UploadError) as caught:
        pairs(10).pipe(tf.create_app_items, client, project_id, progress=False)
    assert unseen.struck == 1
    assert counts(caught.value.results) == {"UNKNOWN": 10}
    results = tf.reconcile(caught.value.upload_id, client, progress=False)
    check_each_once(pairs(10), results.set_axis(pairs(10).index), items(client, project_id))
    assert posts(toloka).count("bulk") == 1


def test_an_unknown_request_does_not_hold_up_other_rows_in_the_next_call(
    client: tf.AsyncTolokaClient, project_id: str, toloka: LocalToloka, data_home: Path
) -> None:
    toloka.faults.lose_reply(BULK, when="before", nth=1)
    seen = []
    for is_later in (False, False, True):
        if is_later:
            let_five_minutes_pass(data_home)
        try:
            results = long_pairs(25).pipe(tf.create_app_items, client, project_id, concurrency=1, progress=False)
        except tf.UploadError as error:
            results = error.results
        seen.append(counts(results))
    assert seen == [{"NOT_SENT": 15, "UNKNOWN": 10}, {"CREATED": 15, "UNKNOWN": 10}, {"CREATED": 25}]
    check_each_once(long_pairs(25), results, items(client, project_id))


def test_a_request_that_is_listed_in_part_stays_unknown(
    client: tf.AsyncTolokaClient, project_id: str, toloka: LocalToloka, data_home: Path
) -> None:
    toloka.faults.lose_reply(BULK, when="before", nth=1)
    with pytest.raises(tf.UploadError) as caught:
        pairs(10).pipe(tf.create_app_items, client, project_id, progress=False)
    data = {"text": "the same", "image_url": "https://example.com/3.jpg"}
    tf.run(client.create_app_item(project_id, {"input_data": data}))  # another user's
    let_five_minutes_pass(data_home)
    with pytest.raises(tf.UploadError, match="1 items that it may have created are listed") as caught:
        pairs(10).pipe(tf.create_app_items, client, project_id, progress=False)
    assert counts(caught.value.results) == {"UNKNOWN": 10}
    assert posts(toloka).count("bulk") == 1


def test_another_users_batch_is_not_mistaken_for_the_lost_one(
    client: tf.AsyncTolokaClient, project_id: str, toloka: LocalToloka, data_home: Path
) -> None:
    frame = pairs(3)
    toloka.faults.lose_reply(NEW_BATCH, when="before", nth=1)
    with pytest.raises(tf.UploadError):
        frame.pipe(tf.create_app_batch, client, project_id, name="Monday", progress=False)
    for name, rows in (("Monday", pairs(4)), ("Tuesday", frame)):
        others = {"name": name, "items": rows[["image_url", "text"]].to_dict("records")}
        tf.run(client.create_app_batch(project_id, others))
    let_five_minutes_pass(data_home)
    results = frame.pipe(tf.create_app_batch, client, project_id, name="Monday", progress=False)
    batch_id = results["batch_id"].iloc[0]
    check_each_once(frame, results, items(client, project_id, batch_id=batch_id))
    assert len(client.get_app_batches(project_id).to_dataframe(progress=False)) == 3


def test_a_rejected_request_is_not_sent_or_failed_but_never_unknown(
    client: tf.AsyncTolokaClient, project_id: str, toloka: LocalToloka
) -> None:
    for status, row_status, options in ((403, "FAILED", {}), (413, "FAILED", {}), (429, "NOT_SENT", {"interval": "DAY"})):
        toloka.faults.clear()
        toloka.faults.answer(status, BULK, **options)
        with pytest.raises(tf.UploadError) as caught:
            pairs(1).pipe(tf.create_app_items, client, project_id, progress=False)
        assert counts(caught.value.results) == {row_status: 1}


def test_a_batch_start_with_a_lost_response_is_not_repeated(
    client: tf.AsyncTolokaClient, project_id: str, toloka: LocalToloka
) -> None:
    create = partial(tf.create_app_batch, start=True, progress=False)
    lost = toloka.faults.lose_reply("POST /app/v0/app-projects/*/batches/*/start", nth=1)
    with pytest.raises(tf.UploadError, match="was not started") as caught:
        pairs(3).pipe(create, client, project_id)
    assert counts(caught.value.results) == {"CREATED": 3}
    assert counts(pairs(3).pipe(create, client, project_id)) == {"CREATED": 3}
    assert lost.struck == 1
    assert posts(toloka).count("start") == 1


def test_the_async_function_keeps_known_results_when_cancelled(
    client: tf.AsyncTolokaClient, project_id: str, toloka: LocalToloka
) -> None:
    slow = toloka.faults.slow(BULK, seconds=60, nth=2)

    async def stopped() -> pd.DataFrame:
        task = asyncio.create_task(
            tf.aio.create_app_items(long_pairs(25), client, project_id, concurrency=1, progress=False)  # type: ignore[arg-type]
        )
        while not slow.struck:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(tf.UploadCancelled) as caught:
            await task
        return caught.value.results

    assert counts(asyncio.run(stopped())) == {"CREATED": 10, "UNKNOWN": 10, "NOT_SENT": 5}
    toloka.faults.clear()
    results = asyncio.run(tf.aio.create_app_items(long_pairs(25), client, project_id, progress=False))
    check_each_once(long_pairs(25), results, items(client, project_id))


RESPONSES = {
    "not a list": {"ids": ["a", "b", "c"]},
    "a list of numbers": [1, 2, 3],
    "more ids than rows": ["a", "b", "c", "d"],
    "fewer ids than rows": ["a"],
}


@pytest.mark.parametrize("response", RESPONSES.values(), ids=RESPONSES)
def test_an_implausible_response_leaves_rows_unknown(response: Any, scripted: Scripted) -> None:
    def respond(head: str) -> bytes:
        if "POST" in head:
            return reply(response)
        if "/items" in head:
            other = {"id": "a", "input_data": {"text": "nothing that was sent"}}
            return reply(
                {"content": [other, {**other, "id": "b"}, {**other, "id": "c"}, {**other, "id": "d"}], "has_more": False}
            )
        return reply({"id": "me", "app_id": "A", "input_spec": {"text": {"type": "string"}}})

    scripted.answers = [respond]
    with pytest.raises(tf.UploadError) as caught:
        tf.create_app_items(pd.DataFrame({"text": ["x", "y", "z"]}), scripted.async_client(), "P", progress=False)
    assert counts(caught.value.results) == {"UNKNOWN": 3}
    assert [json.loads(body)["items"][0] for body in scripted.bodies if body] == [{"text": "x"}]


@pytest.mark.parametrize("response", ["<html>", {"name": "no id"}, [], {"id": "B"}])
def test_a_batch_with_other_items_leaves_rows_unknown(response: Any, scripted: Scripted) -> None:
    item = {"batch_id": "B", "input_data": {"text": "nothing that was sent"}}

    def respond(head: str) -> bytes:
        if "POST" in head:
            return reply(response)
        if "/items" in head:
            return reply({"content": [{"id": "a", **item}, {"id": "b", **item}], "has_more": False})
        return reply({"id": "me", "app_id": "A", "input_spec": {"text": {"type": "string"}}, "content": [], "has_more": False})

    scripted.answers = [respond]
    with pytest.raises(tf.UploadError) as caught:
        tf.create_app_batch(pd.DataFrame({"text": ["x", "y"]}), scripted.async_client(), "P", progress=False)
    assert counts(caught.value.results) == {"UNKNOWN": 2}
    assert len([body for body in scripted.bodies if body]) == 1


@pytest.fixture(scope="module")
def uploads() -> Iterator[Uploads]:
    with killed_uploads() as uploads:
        yield uploads


@pytest.mark.parametrize("kind", ["app items", "app batch"])
def test_an_upload_killed_at_any_line_resumes_and_creates_each_row_once(
    kind: str, uploads: Uploads, toloka: LocalToloka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = toloka.async_client()
    frame = frame_of(300).rename(columns={"image": "image_url"})
    create = tf.create_app_items if kind == "app items" else tf.create_app_batch
    lines, exit_codes, statuses = 0, [], set()
    for number in range(KILLS + 1):  # the first one is not killed, and returns the number of lines
        project_id = str(tf.run(client.create_app_project({"app_id": APP, "name": "Pairs", "parameters": {}}))["id"])
        home = tmp_path / str(number)
        monkeypatch.setenv("XDG_DATA_HOME", str(home))
        kill_at = lines * number * 2 // (2 * KILLS + 1)
        ended = uploads.run(toloka.url, toloka.token, project_id, 300, home, kill_at, kind)
        lines = lines or ended.lines
        exit_codes.append(ended.exit_code)
        for _ in range(4):
            try:
                results = frame.pipe(create, client, project_id, progress=False)
            except tf.UploadError as error:
                statuses |= set(error.results["status"])
                let_five_minutes_pass(home)
            else:
                break
        check_each_once(frame, results, items(client, project_id))
    assert exit_codes == [0] + [-signal.SIGKILL] * KILLS
    assert statuses <= {"CREATED", "UNKNOWN", "NOT_SENT"}


def test_items_of_a_running_upload_are_not_matched_with_another(
    client: tf.AsyncTolokaClient, project_id: str, toloka: LocalToloka
) -> None:
    toloka.faults.lose_reply(BULK, when="before", nth=1)
    create = partial(tf.create_app_items, client=client, app_project_id=project_id, progress=False)
    with pytest.raises(tf.UploadError):
        pairs(5).pipe(create, upload_id="never arrived")
    toloka.faults.lose_reply(BULK, nth=1)
    toloka.faults.html("GET /app/v0/app-projects/*/items", times=9)
    with pytest.raises(tf.UploadError):
        pairs(5).pipe(create, upload_id="arrived")
    toloka.faults.clear()
    with pytest.raises(tf.UploadError) as caught:
        pairs(5).pipe(create, upload_id="never arrived")
    assert counts(caught.value.results) == {"UNKNOWN": 5}
    assert len(items(client, project_id)) == 5


def test_a_row_shared_by_two_lost_requests_leaves_neither_unknown(
    client: tf.AsyncTolokaClient, project_id: str, toloka: LocalToloka, data_home: Path
) -> None:
    frame = long_pairs(20)
    frame.iloc[15] = frame.iloc[5]
    toloka.faults.lose_reply(BULK, nth=1)
    toloka.faults.lose_reply(BULK, when="before", nth=1)
    create = partial(tf.create_app_items, client=client, app_project_id=project_id, progress=False)
    with pytest.raises(tf.UploadError):
        frame.pipe(create, concurrency=2)
    toloka.faults.clear()
    let_five_minutes_pass(data_home)
    check_each_once(frame, frame.pipe(create), items(client, project_id))


def test_a_created_batch_is_found_after_rows_were_added_to_it(
    client: tf.AsyncTolokaClient, project_id: str, toloka: LocalToloka
) -> None:
    toloka.faults.lose_reply(NEW_BATCH, nth=1)
    toloka.faults.html("GET /app/v0/app-projects/*/items", times=9)
    create = partial(tf.create_app_batch, client=client, app_project_id=project_id, name="Monday", progress=False)
    with pytest.raises(tf.UploadError):
        pairs(5).pipe(create)
    toloka.faults.clear()
    [batch_id] = client.get_app_batches(project_id).to_dataframe(progress=False)["id"]
    pairs(8).iloc[5:].pipe(tf.create_app_items, client, project_id, batch_id=batch_id, progress=False)
    assert pairs(5).pipe(create)["batch_id"].eq(batch_id).all()
    assert len(items(client, project_id)) == 8
