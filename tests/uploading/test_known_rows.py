"""Rows are known by their content: what another upload has created is not sent again, whatever frame or flags it comes with."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.all_cases import examples
from support.sample_project import create_pool
from support.scripted_server import reply
from support.task_server import TaskServer

import toloka_frames as tf
from toloka_frames._uploading.ledger import Ledger
from toloka_frames._uploading.ledger_entry import CreatedRows
from toloka_frames._uploading.like_rows import find_like_rows, rows_of_chunks
from toloka_frames._uploading.requests import Chunk, content_hashes, text_array
from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Client: TypeAlias = tf.AsyncTolokaClient
APP = "M1B0QY7kD5kie8wOyb44"  # takes a text and an image_url, both required
USERS = [f"{number:032x}" for number in range(1, 9)]
REFUSED = reply({"code": "ACCESS_DENIED", "message": "no"}, 403)


@pytest.fixture(scope="module")
def service() -> Iterator[LocalToloka]:
    with LocalToloka(operation_seconds=0) as service:
        yield service


@pytest.fixture(scope="module")
def shared_client(service: LocalToloka) -> Client:
    return service.async_client()


class Kind:
    """Uploads of one kind to a pool or app project of its own.

    Attributes:
        rows: A frame of four rows.
        more: Four other rows.
        new_rows: `tf.new_rows` with the arguments of this kind.
    """

    def __init__(self, client: Client, number: int) -> None:
        self.client, self.number = client, number

    def create(self, frame: pd.DataFrame, client: Client | None = None, **options: Any) -> pd.DataFrame:
        raise NotImplementedError

    def new_rows(self, frame: pd.DataFrame, client: Client | None = None) -> pd.DataFrame:
        raise NotImplementedError

    @property
    def rows(self) -> pd.DataFrame:
        return pd.DataFrame({"image": [f"https://example.com/{row}.jpg" for row in range(4)]}, index=list("abcd"))

    @property
    def more(self) -> pd.DataFrame:
        return self.rows.map(lambda url: url + "?more").set_axis(list("efgh"))


class Tasks(Kind):
    def __init__(self, client: Client, number: int) -> None:
        super().__init__(client, number)
        self.pool_id = create_pool(client)

    def create(self, frame: pd.DataFrame, client: Client | None = None, **options: Any) -> pd.DataFrame:
        overlap = {} if "overlap" in options else {"allow_defaults": True}
        return tf.create_tasks(frame, client or self.client, self.pool_id, progress=False, **overlap, **options)

    def new_rows(self, frame: pd.DataFrame, client: Client | None = None) -> pd.DataFrame:
        return frame.pipe(tf.new_rows, client or self.client, self.pool_id)


class Suites(Kind):
    def __init__(self, client: Client, number: int) -> None:
        super().__init__(client, number)
        self.pool_id = create_pool(client, mixer_config=None)

    def create(self, frame: pd.DataFrame, client: Client | None = None, **options: Any) -> pd.DataFrame:
        overlap = {} if "overlap" in options else {"allow_defaults": True}
        common = {"rows_per_suite": 2, "progress": False, **overlap, **options}
        return tf.create_task_suites(frame, client or self.client, self.pool_id, **common)

    def new_rows(self, frame: pd.DataFrame, client: Client | None = None) -> pd.DataFrame:
        return frame.pipe(tf.new_rows, client or self.client, self.pool_id)


class Items(Kind):
    def __init__(self, client: Client, number: int) -> None:
        super().__init__(client, number)
        form = {"app_id": APP, "name": str(number), "parameters": {}}
        self.project_id = tf.run(client.create_app_project(form))["id"]

    def create(self, frame: pd.DataFrame, client: Client | None = None, **options: Any) -> pd.DataFrame:
        return tf.create_app_items(frame, client or self.client, self.project_id, progress=False, **options)

    def new_rows(self, frame: pd.DataFrame, client: Client | None = None) -> pd.DataFrame:
        return frame.pipe(tf.new_rows, client or self.client, app_project_id=self.project_id)

    @property
    def rows(self) -> pd.DataFrame:
        return super().rows.rename(columns={"image": "image_url"}).assign(text="the same")

    @property
    def more(self) -> pd.DataFrame:
        return self.rows.assign(text="another").set_axis(list("efgh"))


class Bonuses(Kind):
    def create(self, frame: pd.DataFrame, client: Client | None = None, **options: Any) -> pd.DataFrame:
        texts = {"public_title": "Thank you", "public_message": "Good work"}
        return tf.create_user_bonuses(frame, client or self.client, progress=False, **(texts | options))

    def new_rows(self, frame: pd.DataFrame, client: Client | None = None) -> pd.DataFrame:
        return frame.pipe(tf.new_rows, client or self.client)

    @property
    def rows(self) -> pd.DataFrame:
        return pd.DataFrame({"user_id": USERS[:4], "amount": 0.5 + self.number}, index=list("abcd"))

    @property
    def more(self) -> pd.DataFrame:
        return self.rows.assign(user_id=USERS[4:]).set_axis(list("efgh"))


KINDS = [Tasks, Suites, Items, Bonuses]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest, shared_client: Client) -> Kind:
    made: Kind = request.param(shared_client, KINDS.index(request.param))
    return made


@pytest.fixture
def after_one_upload(kind: Kind, data_home: Path) -> Kind:
    """A kind of which four rows are created."""
    assert data_home.exists()
    assert kind.create(kind.rows)["status"].eq("CREATED").all()
    return kind


def posts(service: LocalToloka) -> int:
    return sum(request.method == "POST" for request in service.requests)


# -- what is rejected before it is sent

OTHER_CALLS: dict[str, Callable[[Kind], tuple[pd.DataFrame, dict[str, Any], list[int]]]] = {
    "shuffled": lambda kind: (kind.rows.iloc[[2, 0, 3, 1]], {}, [0, 1, 2, 3]),
    "a part": lambda kind: (kind.rows.iloc[1:3], {}, [0, 1]),
    "with more after them": lambda kind: (pd.concat([kind.rows, kind.more]), {}, [0, 1, 2, 3]),
    "with more before them": lambda kind: (pd.concat([kind.more, kind.rows]), {}, [4, 5, 6, 7]),
    "one among others": lambda kind: (pd.concat([kind.more.head(1), kind.rows.head(1), kind.more.tail(1)]), {}, [1]),
}


@pytest.mark.parametrize("call", OTHER_CALLS.values(), ids=OTHER_CALLS)
def test_rows_that_were_created_are_rejected_with_the_ways_on(
    after_one_upload: Kind, call: Callable[[Kind], tuple[pd.DataFrame, dict[str, Any], list[int]]], service: LocalToloka
) -> None:
    kind, sent = after_one_upload, posts(service)
    frame, options, rows = call(kind)
    with pytest.raises(tf.RowsAlreadyCreated) as caught:
        kind.create(frame, **options)
    error = caught.value
    assert posts(service) == sent
    assert (list(error.rows), error.column) == (rows, None)
    uploads = tf.uploads()
    assert list(error.upload_ids) == uploads["upload_id"].tolist()
    assert error.since == uploads["begun"][0].to_pydatetime()
    assert f"{len(rows)} of {len(frame)} rows" in str(error)
    for expected in ("tf.new_rows(df, client", 'upload_id="..."', f"tf.resume({error.upload_ids[0]!r}, client)"):
        assert expected in error.hint
    assert len(uploads) == 1


def test_the_hint_works_when_it_is_followed(after_one_upload: Kind) -> None:
    kind, frame = after_one_upload, pd.concat([after_one_upload.more, after_one_upload.rows])
    with pytest.raises(tf.RowsAlreadyCreated) as caught:
        kind.create(frame)
    call = caught.value.hint.partition("new: ")[2].partition(" returns")[0]
    new = eval(call, {"tf": tf, "client": kind.client, "df": frame})  # noqa: S307 -- the hint of our own error
    pd.testing.assert_frame_equal(new, kind.more)
    assert kind.create(new)["status"].eq("CREATED").all()
    assert len(kind.new_rows(frame)) == 0
    again = tf.resume(caught.value.upload_ids[0], kind.client, progress=False)
    assert again.iloc[:, 1].tolist() == kind.create(kind.rows).iloc[:, 1].tolist()
    paid_again = kind.create(frame, upload_id="once more")
    assert paid_again["status"].eq("CREATED").all()
    assert set(paid_again.iloc[:, 1]).isdisjoint(again.iloc[:, 1])


FLAGS: dict[str, tuple[type[Kind], dict[str, Any], dict[str, Any]]] = {
    "another overlap": (Tasks, {}, {"overlap": 3}),
    "another overlap of suites": (Suites, {}, {"overlap": 3}),
    "other suites": (Suites, {}, {"rows_per_suite": 3}),
    "another title": (Bonuses, {}, {"public_title": "Again"}),
    "a column of comments": (Bonuses, {"private_comment": "once more"}, {}),
    "a column of hints": (Tasks, {"HINT:text": "look"}, {}),
    "a column of overlaps": (Tasks, {"TASK:overlap": 5}, {}),
}


@pytest.mark.parametrize("name", FLAGS)
def test_settings_do_not_make_rows_new(name: str, shared_client: Client, service: LocalToloka) -> None:
    made, columns, options = FLAGS[name]
    kind = made(shared_client, 10 + list(FLAGS).index(name))
    kind.create(kind.rows)
    sent = posts(service)
    with pytest.raises(tf.RowsAlreadyCreated):
        kind.create(kind.rows.assign(**columns), **options)
    assert posts(service) == sent


def test_flags_alone_continue_the_upload(after_one_upload: Kind, service: LocalToloka) -> None:
    sent, first = posts(service), after_one_upload.create(after_one_upload.rows)
    if not isinstance(after_one_upload, Items):
        again = after_one_upload.create(after_one_upload.rows, skip_invalid_items=True)
        pd.testing.assert_frame_equal(again, first)
    assert posts(service) == sent


def test_rows_that_occur_twice_in_a_frame_are_created_twice(kind: Kind) -> None:
    frame = pd.concat([kind.rows, kind.rows])
    if isinstance(kind, Bonuses):
        frame = frame.assign(private_comment=list("abcdefgh"))
    results = kind.create(frame)
    assert results["status"].eq("CREATED").all()
    assert results.iloc[:, 1].nunique() == (4 if isinstance(kind, Suites) else 8)
    assert len(kind.new_rows(kind.rows)) == 0


def test_rows_of_a_named_upload_are_known_to_others(kind: Kind) -> None:
    kind.create(kind.rows, upload_id="mine")
    with pytest.raises(tf.RowsAlreadyCreated) as caught:
        kind.create(kind.rows)
    assert caught.value.upload_ids == ("mine",)
    assert kind.create(kind.rows, upload_id="mine")["status"].eq("CREATED").all()


def test_control_tasks_of_suites_are_shown_again(shared_client: Client) -> None:
    kind = Suites(shared_client, 0)
    control = pd.DataFrame({"image": ["https://example.com/control.jpg"], "GOLDEN:result": ["cat"]})
    frames = [pd.concat([rows.head(1), control]).set_axis(range(2)) for rows in (kind.rows, kind.more)]
    first, second = (kind.create(frame) for frame in frames)
    assert set(first["task_suite_id"]).isdisjoint(second["task_suite_id"])
    assert kind.new_rows(pd.concat(frames, ignore_index=True)).index.tolist() == [1, 3]


def test_rows_in_doubt_are_rejected_and_failed_rows_are_not() -> None:
    images = pd.DataFrame({"image": [f"https://example.com/{row}" for row in range(4)]})
    with TaskServer() as server:
        client = server.async_client(retries=1)
        upload = partial(tf.create_tasks, client=client, pool_id="1", progress=False, allow_defaults=True)
        server.respond = lambda *_: REFUSED
        with pytest.raises(tf.UploadError):
            upload(images)
        assert len(images.pipe(tf.new_rows, client, "1")) == 4
        respond = server.answers[0]
        server.respond = lambda *_: b"LOST"
        server.answers = [lambda head: REFUSED if "GET /api/v1/operations" in head else respond(head)]  # type: ignore[operator]
        with pytest.raises(tf.UploadError) as caught:
            upload(images.iloc[::-1])
        assert caught.value.results["status"].eq("UNKNOWN").all()
        assert len(images.pipe(tf.new_rows, client, "1")) == 0
        with pytest.raises(tf.RowsAlreadyCreated):
            upload(images.head(2))
        with pytest.raises(tf.RowsAlreadyCreated):  # the first upload, whose rows were rejected, does not continue either
            upload(images)
        assert server.posts == 2


# -- two at once


def test_of_two_uploads_of_like_rows_at_the_same_moment_one_is_rejected(after_one_upload: Kind) -> None:
    kind, barrier = after_one_upload, threading.Barrier(4)

    def create(order: list[int]) -> str:
        barrier.wait()
        try:
            return str(kind.create(kind.more.iloc[order], concurrency=1)["status"].iloc[0])
        except tf.RowsAlreadyCreated as error:
            return type(error).__name__

    orders = [[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 2, 3], [2, 3, 0, 1]]
    with ThreadPoolExecutor(4) as threads:
        outcomes = sorted(threads.map(create, orders))
    assert outcomes == ["CREATED", "RowsAlreadyCreated", "RowsAlreadyCreated", "RowsAlreadyCreated"]
    created = tf.uploads()["created"].sum() - (2 if isinstance(kind, Suites) else 4)
    assert created == (2 if isinstance(kind, Suites) else 4)


# -- whose upload it is


def spelled(url: str) -> str:
    return url.replace("http://", "HTTP://") + "/"


def recorded_as(account: str, home: Path) -> None:
    """Change the account in the ledger, as if another version or token had recorded it."""
    with Ledger(home / "toloka_frames" / "uploads.db") as ledger:
        ledger.open().write("update uploads set account = :account", account=account)


ACCOUNTS: dict[str, tuple[str | None, bool, dict[str, Any], bool]] = {
    # the recorded account (None: as it is), whether the requester can be read, options of the client, whether bonuses are found
    "the same": (None, True, {}, True),
    "another spelling of the host": (None, True, {"spelled": True}, True),
    "a token that may not read the requester": (None, False, {}, False),
    "the url in version 3": ("", True, {}, True),
    "the url in version 3, and a token that may not read the requester": ("", False, {}, True),
    "another spelling of the url in version 3": ("", True, {"spelled": True}, True),
}


@pytest.mark.parametrize(("recorded", "readable", "options", "bonuses"), ACCOUNTS.values(), ids=ACCOUNTS)
def test_an_upload_is_found_under_every_spelling_of_its_account(
    after_one_upload: Kind,
    recorded: str | None,
    readable: bool,
    options: dict[str, Any],
    bonuses: bool,
    service: LocalToloka,
    data_home: Path,
) -> None:
    kind = after_one_upload
    first = kind.create(kind.rows)
    if recorded is not None:
        recorded_as(recorded, data_home)
    refusal = None if readable else service.faults.answer(403, "GET /v1/requester")
    client = tf.AsyncTolokaClient(service.token, url=spelled(service.url) if options else service.url)
    sent, upload_id = posts(service), tf.uploads()["upload_id"][0]
    try:
        if isinstance(kind, Bonuses) and not bonuses:
            with pytest.raises(tf.ConfigurationError, match="not known"):
                kind.create(kind.rows, client)
        else:
            pd.testing.assert_frame_equal(kind.create(kind.rows, client), first)
            resumed = tf.resume(upload_id, client, progress=False)
            pd.testing.assert_frame_equal(resumed.set_axis(first.index), first)
    finally:
        if refusal is not None:
            service.faults.clear()
    assert posts(service) == sent


def test_a_new_upload_waits_until_its_account_is_known(kind: Kind, service: LocalToloka) -> None:
    service.faults.answer(404, "GET /v1/requester", times=2)
    client, sent = service.async_client(), posts(service)
    with pytest.raises(tf.ConfigurationError, match="nothing was sent") as caught:
        kind.create(kind.rows, client)
    assert "Make the same call again" in caught.value.hint
    service.faults.clear()
    assert posts(service) == sent
    assert len(tf.uploads()) == 0
    assert kind.create(kind.rows, client)["status"].eq("CREATED").all()


def test_a_proxys_refusal_tells_nothing_about_the_account(kind: Kind, service: LocalToloka) -> None:
    service.faults.html("GET /v1/requester", status=403)
    sent = posts(service)
    with pytest.raises(tf.ApiError):
        kind.create(kind.rows, service.async_client(retries=1))
    service.faults.clear()
    assert posts(service) == sent


def test_bonuses_of_another_account_and_pools_of_another_service_are_not_compared(
    shared_client: Client, data_home: Path
) -> None:
    bonuses = Bonuses(shared_client, 30)
    bonuses.create(bonuses.rows)
    recorded_as("somebody else", data_home)
    assert bonuses.create(bonuses.rows)["status"].eq("CREATED").all()


# -- new rows


def test_new_rows_keep_index_and_dtypes(after_one_upload: Kind) -> None:
    kind = after_one_upload
    frame = pd.concat([kind.more, kind.rows, kind.more])
    expected = pd.concat([kind.more, kind.more])
    pd.testing.assert_frame_equal(kind.new_rows(frame), expected)
    pd.testing.assert_frame_equal(kind.new_rows(frame.iloc[:0]), frame.iloc[:0])
    levels = frame.set_axis(pd.MultiIndex.from_product([list("xy"), range(6)]))
    pd.testing.assert_frame_equal(kind.new_rows(levels), levels.iloc[[0, 1, 2, 3, 8, 9, 10, 11]])


def test_new_rows_are_chosen_in_async_code(shared_client: Client) -> None:
    kind = Tasks(shared_client, 0)
    kind.create(kind.rows)
    new = asyncio.run(tf.aio.new_rows(pd.concat([kind.rows, kind.more]), shared_client, kind.pool_id))
    pd.testing.assert_frame_equal(new, kind.more)


def test_new_rows_are_chosen_by_a_column_of_pools(shared_client: Client) -> None:
    one, other = Tasks(shared_client, 0), Tasks(shared_client, 0)
    one.create(one.rows)
    frame = pd.concat([one.rows.assign(pool_id=kind.pool_id) for kind in (one, other)], ignore_index=True)
    assert frame.pipe(tf.new_rows, shared_client).index.tolist() == [4, 5, 6, 7]


def test_new_rows_of_a_frame_with_a_column_for_suites(shared_client: Client) -> None:
    kind = Suites(shared_client, 0)
    frame = pd.concat([kind.rows, kind.more]).assign(page=[1, 1, 2, 2, 3, 3, 4, 4])
    create = partial(kind.create, rows_per_suite=None, suite_column="page")
    create(frame.head(4))
    with pytest.raises(tf.RowsAlreadyCreated, match=r"input_columns=\['image'\]"):
        create(frame)
    with pytest.raises(tf.InputError, match="no input field 'page'"):
        kind.new_rows(frame)
    new = frame.pipe(tf.new_rows, shared_client, kind.pool_id, input_columns=["image"])
    pd.testing.assert_frame_equal(new, frame.tail(4))
    assert create(new)["task_suite_id"].nunique() == 2


BAD_CALLS: dict[str, tuple[Callable[[], Any], dict[str, Any], str]] = {
    "not a frame": (lambda: [1], {"pool_id": "1"}, "DataFrame"),
    "neither pool nor bonuses": (lambda: pd.DataFrame({"image": ["a"]}), {}, "No pool"),
    "pool and app project": (lambda: pd.DataFrame({"image": ["a"]}), {"pool_id": "1", "app_project_id": "2"}, "exclude"),
    "duplicate columns": (lambda: pd.DataFrame([["a", "b"]], columns=["image", "image"]), {"pool_id": "1"}, "differ"),
    "MultiIndex columns": (
        lambda: pd.DataFrame([["a"]], columns=pd.MultiIndex.from_tuples([("x", "y")])),
        {"pool_id": "1"},
        "2 levels of names",
    ),
    "duplicate columns of bonuses": (
        lambda: pd.DataFrame([["a", 1, 1]], columns=["user_id", "amount", "amount"]),
        {},
        "differ",
    ),
    "a column without a meaning": (lambda: pd.DataFrame({"user_id": ["a"], "amount": [1], "x": [1]}), {}, "no meaning"),
}


@pytest.mark.parametrize(("frame", "arguments", "message"), BAD_CALLS.values(), ids=BAD_CALLS)
def test_rows_that_cannot_be_compared_are_an_error(
    frame: Callable[[], Any], arguments: dict[str, Any], message: str, shared_client: Client
) -> None:
    with pytest.raises(tf.InputError, match=message):
        tf.new_rows(frame(), shared_client, **arguments)


# -- a frame that changes meanwhile


@pytest.mark.parametrize("change", ["grows", "is overwritten"])
def test_the_frame_is_taken_when_the_function_is_called(kind: Kind, change: str, service: LocalToloka) -> None:
    frame, client = kind.rows, service.async_client()
    expected = frame.copy()

    def change_frame(_: Any) -> None:
        if change == "grows":
            frame.loc["z"] = frame.iloc[0]
        else:
            frame.iloc[:, 0] = frame.iloc[0, 0]

    struck = service.faults.call("GET /v1/requester", change_frame, times=1)
    results = kind.create(frame, client)
    service.faults.clear()
    assert struck.struck == 1
    assert not frame.equals(expected)
    assert results.index.equals(expected.index)
    assert len(kind.new_rows(expected)) == 0


# -- hashes

VALUES = st.one_of(st.none(), st.integers(-(2**53), 2**53), st.floats(-1e6, 1e6).map(lambda value: round(value, 3)))
EQUAL: list[Callable[[Any], Any]] = [float, Decimal, np.float64, lambda value: int(value) if value == int(value) else value]


@pytest.fixture(scope="module")
def task_server() -> Iterator[TaskServer]:
    with TaskServer() as server:
        project = {"image": {"type": "url"}, "share": {"type": "float"}, "meta": {"type": "json"}}
        optional = {name: spec | {"required": False} for name, spec in project.items()}
        answer, route = reply({"id": "2", "task_spec": {"input_spec": optional, "output_spec": {}}}), server.answers[0]
        server.answers = [lambda head: answer if "/projects/" in head else route(head)]  # type: ignore[operator]
        yield server


def test_the_largest_integer_that_every_float_equals_is_not_created_twice(task_server: TaskServer, tmp_path: Path) -> None:
    client, options = task_server.async_client(), {"ledger": tmp_path / "uploads.db"}
    integers = pd.DataFrame({"meta": [{"a": value} for value in (2**53, -(2**53))]})
    floats = pd.DataFrame({"meta": [{"a": float(value)} for value in (2**53, -(2**53))]})
    tf.create_tasks(integers, client, "1", allow_defaults=True, progress=False, **options)  # type: ignore[arg-type]
    assert len(tf.new_rows(floats, client, "1", **options)) == 0  # type: ignore[arg-type]


@settings(max_examples=examples(25), derandomize=True)
@given(values=st.lists(VALUES, min_size=1, max_size=6), data=st.data())
def test_rows_that_are_equal_in_pandas_are_not_created_twice(
    task_server: TaskServer, tmp_path_factory: pytest.TempPathFactory, values: list[Any], data: st.DataObject
) -> None:
    ledger, client = tmp_path_factory.mktemp("ledger") / "uploads.db", task_server.async_client()
    frame = pd.DataFrame({"share": pd.Series(values, dtype=object), "meta": [{"a": value, "b": [value]} for value in values]})
    options: dict[str, Any] = {"allow_defaults": True, "ledger": ledger, "progress": False}
    tf.create_tasks(frame, client, "1", **options)
    convert = data.draw(st.sampled_from(EQUAL))
    equal = [None if value is None else convert(value) for value in values]
    order = data.draw(st.permutations(range(len(values))))
    other = pd.DataFrame({"meta": [{"b": [value], "a": value} for value in equal], "share": pd.Series(equal, dtype=object)})
    assert len(other.iloc[order].pipe(tf.new_rows, client, "1", ledger=ledger)) == 0


@settings(max_examples=examples(200), derandomize=True)
@given(hashes=st.lists(st.integers(0, 12), max_size=8), created=st.lists(st.lists(st.integers(0, 12), max_size=5), max_size=4))
def test_like_rows_are_found_as_by_comparing_each_with_each(hashes: list[int], created: list[list[int]]) -> None:
    groups = [CreatedRows(str(number), None, "", np.array(rows, "<u8")) for number, rows in enumerate(created)]  # type: ignore[arg-type]
    known, of_upload = find_like_rows(np.array(hashes, "<u8"), groups)
    assert known.tolist() == [value != 0 and any(value in rows for rows in created) for value in hashes]
    assert [int(group.upload_id) for group in of_upload] == [
        number for number, rows in enumerate(created) if {value for value in rows if value} & set(hashes)
    ]


@settings(max_examples=examples(50), derandomize=True)
@given(texts=st.lists(st.binary(max_size=5).map(bytes.hex).map(str.encode), max_size=9))
def test_a_hash_depends_on_the_text_and_its_scope_only(texts: list[bytes]) -> None:
    one, again, other = (content_hashes(scope, [text_array(texts)]) for scope in ("pool 1", "pool 1", "pool 2"))
    assert one.tolist() == again.tolist()
    assert len(set(one.tolist())) == len(set(texts))
    assert not set(one.tolist()) & set(other.tolist())


def test_rows_of_suites_are_found_by_their_objects() -> None:
    suite_of_row = [1, 0, 1, 2, 0]
    hashes = [np.array(values, "<u8").tobytes() for values in ([11, 14], [10, 12, 13])]
    counts = [np.array(values, "<u4").tobytes() for values in ([2], [2, 1])]
    chunks = [
        Chunk(0, "1", [0], b"", "", contents=hashes[0], content_counts=counts[0]),
        Chunk(1, "1", [1, 2], b"", "", contents=hashes[1], content_counts=counts[1]),
        Chunk(2, "1", [3], b"", ""),
    ]
    rows, found = rows_of_chunks(chunks, suite_of_row)
    assert dict(zip(rows.tolist(), found.tolist(), strict=True)) == {1: 11, 4: 14, 0: 10, 2: 12, 3: 13}
    assert [part.tolist() for part in rows_of_chunks([], range(3))] == [[], []]
