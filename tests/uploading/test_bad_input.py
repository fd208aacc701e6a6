"""Invalid input raises a clear error and sends nothing; an invalid response raises an error that describes it."""

from __future__ import annotations

import datetime as dt
import math
import ssl
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

import pandas as pd
import pytest
from support.scripted_server import Scripted, reply

import toloka_frames as tf
from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Client: TypeAlias = tf.AsyncTolokaClient
IMAGES = ["https://example.com/1.jpg", "https://example.com/2.jpg"]
ERROR_BODY = {"request_id": "3f1c", "code": "CODE", "message": "In the service's words", "payload": {"field": "reason"}}
HTML = "<html><title>502 Bad Gateway</title></html>"
LONE_SURROGATE = "\ud800"
TLS = ssl.create_default_context()  # shared by all clients, because loading the certificates takes long


@pytest.fixture(scope="module")
def toloka() -> Iterator[LocalToloka]:
    """Share one service in this file: its tests check only the requests that they add."""
    with LocalToloka(operation_seconds=0.01) as service:
        yield service


@pytest.fixture(scope="module")
def client(toloka: LocalToloka) -> Iterator[Client]:
    client = toloka.async_client()
    yield client
    tf.run(client.aclose())


def sent_tasks(toloka: LocalToloka) -> int:
    return sum(request.method == "POST" and request.path == "/api/v1/tasks" for request in toloka.requests)


def with_images(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"image": IMAGES, **columns})


# -- clients: arguments, and what the error says

CLIENTS = {
    "no token": ((None, "SANDBOX"), {}, "no token"),
    "an empty token": (("", "SANDBOX"), {}, "no token"),
    "a token of spaces": ((" \t", "SANDBOX"), {}, "no token"),
    "a token with a newline": (("secret\nword", "SANDBOX"), {}, "characters that no token has"),
    "a token beyond ASCII": (("secret\u2013word", "SANDBOX"), {}, "characters that no token has"),
    "a token as bytes": ((b"secret", "SANDBOX"), {}, "token"),
    "a token as a number": ((5, "SANDBOX"), {}, "token"),
    "both environment and url": (("secret", "SANDBOX"), {"url": "https://example.com"}, "url and environment are both given"),
    "an unknown environment": (("secret", "STAGING"), {}, "'STAGING' is neither 'PRODUCTION' nor 'SANDBOX'"),
    "an environment in small letters": (("secret", "sandbox"), {}, "'sandbox' is neither 'PRODUCTION' nor 'SANDBOX'"),
    "a url without scheme": (("secret",), {"url": "127.0.0.1:8080"}, "url='127.0.0.1:8080'"),
    "a host and a port without scheme": (("secret",), {"url": "localhost:8080"}, "url='localhost:8080'"),
    "a url of another scheme": (("secret",), {"url": "ftp://example.com"}, "url='ftp://example.com'"),
    "a url without host": (("secret",), {"url": "https://"}, "not the URL of a host"),
    "a url with a query": (("secret",), {"url": "https://example.com?x=1"}, "example.com"),
    "an invalid url": (("secret",), {"url": "http://[::1"}, "not a URL"),
    "a url that is not text": (("secret",), {"url": 8080}, "url=8080"),
    "a url with a password": (("secret",), {"url": "https://me:secret@example.com"}, "example.com"),
    "a url with a password and no port": (("secret",), {"url": "https://me:secret@example.com:port"}, "example.com"),
    "an account as a number": (("secret", "SANDBOX"), {"act_under_account_id": 5}, "act_under_account_id"),
    "an account with a newline": (("secret", "SANDBOX"), {"act_under_account_id": "5\n6"}, "act_under_account_id"),
    "an account beyond ASCII": (("secret", "SANDBOX"), {"act_under_account_id": "\u0665"}, "act_under_account_id"),
    "an invalid proxy": (("secret", "SANDBOX"), {"proxy": "nonsense"}, "proxy"),
    "no attempts": (("secret", "SANDBOX"), {"retries": 0}, "retries"),
    "attempts as text": (("secret", "SANDBOX"), {"retries": "5"}, "retries"),
}


@pytest.mark.parametrize(("given", "options", "says"), CLIENTS.values(), ids=CLIENTS)
def test_a_client_rejects_invalid_arguments(
    given: tuple[Any, ...], options: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TOLOKA_TOKEN", "TOLOKA_ENVIRONMENT", "TOLOKA_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(tf.ConfigurationError) as caught:
        tf.AsyncTolokaClient(*given, **options)
    assert says in str(caught.value)
    assert "secret" not in str(caught.value)


def test_retries_of_an_unknown_quota_are_rejected() -> None:
    with pytest.raises(tf.ConfigurationError, match="WEEK"):
        tf.AsyncTolokaClient("secret", "SANDBOX", retries=tf.Retries(wait_for=("WEEK",)))  # type: ignore[arg-type]


# -- lists: the call, the parameter in the error, and what the error says

Call: TypeAlias = "Callable[[Client], object]"

VALUES: dict[str, tuple[Call, str | None, str]] = {
    "a status in small letters": (lambda c: c.get_pools(status="open"), "status", "nearest is 'OPEN'"),
    "a misspelt status": (lambda c: c.get_app_batches("1", status="PROCESING"), "status", "nearest is 'PROCESSING'"),
    "an unknown status": (lambda c: c.get_projects(status="DELETED"), "status", "one of ACTIVE, ARCHIVED"),
    "one wrong status of two": (
        lambda c: c.get_assignments(pool_id="1", status=["ACCEPTED", "APPROVED"]),
        "status",
        "one of ACTIVE, SUBMITTED",
    ),
    "two statuses for a filter that takes one": (lambda c: c.get_pools(status=["OPEN", "CLOSED"]), "status", "one of OPEN"),
    "no status in a list": (lambda c: c.get_assignments(pool_id="1", status=[]), "status", "at least one"),
    "an unknown operation type": (lambda c: c.get_operations(type="POOL.OPENS"), "type", "nearest is 'POOL.OPEN'"),
    "an empty id": (lambda c: c.get_pools(id_gt=""), "id_gt", "not empty"),
    "an id as a float": (lambda c: c.get_pools(project_id=10.0), "project_id", "not a float: convert it with int()"),
    "an id that is missing": (lambda c: c.get_pools(project_id=float("nan")), "project_id", "the id is missing"),
    "an id that is not Unicode": (lambda c: c.get_pools(id_gt=LONE_SURROGATE), "id_gt", "text"),
    "a path id that is not Unicode": (lambda c: c.get_app_batches(LONE_SURROGATE), "app_project_id", "text"),
    "a path id that is missing": (lambda c: c.get_app_items(None), "app_project_id", "text"),
    "a path id that is empty": (lambda c: c.get_app_items(""), "app_project_id", "text"),
    "a path id of two dots": (lambda c: c.get_app_items("..").to_arrow(progress=False), "app_project_id", ".."),
    "an invalid timestamp": (lambda c: c.get_pools(created_gte="yesterday"), "created_gte", "timestamp"),
    "a timestamp of no calendar day": (lambda c: c.get_pools(created_gte="2026-02-30"), "created_gte", "timestamp"),
    "a timestamp as a number": (lambda c: c.get_pools(created_gte=1767225600), "created_gte", "timestamp"),
    "a missing timestamp": (lambda c: c.get_pools(created_gte=pd.NaT), "created_gte", "timestamp"),
    "a timestamp before year 1": (
        lambda c: c.get_pools(created_gte="0001-01-01T00:00:00+10:00"),
        "created_gte",
        "timestamp",
    ),
    "a timestamp in nanoseconds": (
        lambda c: c.get_pools(created_gte=pd.Timestamp("2026-01-01T00:00:00.000000001")),
        "created_gte",
        "timestamp",
    ),
    "an overlap as text": (lambda c: c.get_tasks("1", overlap="3"), "overlap", "whole number"),
    "an overlap as a boolean": (lambda c: c.get_tasks("1", overlap_gt=True), "overlap_gt", "whole number"),
    "a page of no rows": (lambda c: c.get_pools(batch_size=0), "batch_size", "from 1 to 300"),
    "a page over the list's limit": (lambda c: c.get_app_batches("1", batch_size=1_001), "batch_size", "from 1 to 1,000"),
    "a fractional page size": (lambda c: c.get_pools(batch_size=0.5), "batch_size", "whole number"),
    "a page of a find method over the limit": (lambda c: tf.run(c.find_operations(limit=501)), "limit", "from 1 to 500"),
    "an unknown sort key": (lambda c: tf.run(c.find_pools(sort="name")), "sort", "one of id, created, last_started"),
    "a misspelt sort key": (lambda c: tf.run(c.find_pools(sort="-creatd")), "sort", "nearest is 'created'"),
    "assignments without a pool": (lambda c: c.get_assignments(status="ACCEPTED"), "pool_id", "task_id or task_suite_id"),
    "tasks without a pool": (lambda c: c.get_tasks(None), "pool_id", "tasks: pool_id is needed"),
    "an object with an empty id": (lambda c: tf.run(c.get_pool("")), "pool_id", "text"),
    "an object with a float for an id": (lambda c: tf.run(c.get_pool(1080020.0)), "pool_id", "float"),
    "an object with an id of two dots": (lambda c: tf.run(c.get_pool("..")), "pool_id", ".."),
    "an object with an id that is not Unicode": (lambda c: tf.run(c.get_pool(LONE_SURROGATE)), "pool_id", "text"),
    "an operation without id": (lambda c: tf.run(c.wait_operation({"status": "RUNNING"})), "operation", "not an operation"),
    "a backend that pandas does not have": (
        lambda c: c.get_pools().to_dataframe(dtype_backend="polars"),
        None,
        "dtype_backend='polars'",
    ),
    "a backend for chunks": (lambda c: c.get_pools().iter_dataframes(dtype_backend="arrow"), None, "dtype_backend='arrow'"),
    "a backend for other rows": (lambda _: tf.to_dataframe([{"a": 1}], dtype_backend="arrow"), None, "dtype_backend"),
    "chunks of no rows": (lambda c: c.get_pools().iter_dataframes(0), "chunk_rows", "positive whole number"),
    "chunks as text": (lambda c: c.get_pools().iter_dataframes("100"), "chunk_rows", "positive whole number"),
    "an invalid progress": (lambda c: c.get_pools().to_arrow(progress="loud"), None, "progress='loud'"),
    "a progress that is True": (lambda c: c.get_pools().to_arrow(progress=True), None, "progress=True"),
    "a progress that is a list": (lambda c: c.get_pools().to_arrow(progress=["text"]), None, "progress=['text']"),
    "an invalid progress of a wait": (
        lambda c: tf.run(c.wait_operation({"id": "1"}, progress="loud")),
        None,
        "progress='loud'",
    ),
    "tasks as bytes": (lambda c: tf.run(c.create_tasks_async(b"[]")), None, "bytes"),
    "a task that holds bytes": (lambda c: tf.run(c.create_tasks_async({"input_values": {"a": b""}})), None, "bytes"),
    "a task that holds NaN": (lambda c: tf.run(c.create_tasks_async({"input_values": {"a": math.nan}})), None, "JSON"),
    "a task that holds a lone surrogate": (
        lambda c: tf.run(c.create_tasks_async({"input_values": {"a": LONE_SURROGATE}})),
        None,
        "surrogates",
    ),
    "a frame for tasks": (lambda c: tf.run(c.create_tasks_async(with_images())), None, "DataFrame"),
    "a project that holds a set": (lambda c: tf.run(c.create_project({"public_name": {"a"}})), None, "set"),
}


@pytest.mark.parametrize(("call", "column", "says"), VALUES.values(), ids=VALUES)
def test_an_invalid_argument_is_rejected_before_any_request(
    toloka: LocalToloka, client: Client, call: Call, column: str | None, says: str
) -> None:
    before = len(toloka.requests)
    with pytest.raises(tf.InputError) as caught:
        call(client)
    assert says in str(caught.value)
    assert caught.value.column == column
    assert len(toloka.requests) == before


def test_an_invalid_progress_argument_leaves_no_file(toloka: LocalToloka, client: Client, tmp_path: Path) -> None:
    before = len(toloka.requests)
    with pytest.raises(tf.InputError, match="loud"):
        client.get_pools().to_parquet(tmp_path / "pools.parquet", progress="loud")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
    assert len(toloka.requests) == before


# -- uploads: an invalid frame, the options, the column and rows in the error, and what the error says

FRAMES: dict[str, tuple[Any, dict[str, Any], str | None, tuple[int, ...], str]] = {
    "not a frame": ([{"image": IMAGES[0]}], {}, None, (), "not a list"),
    "a misspelt field of no rows": (
        pd.DataFrame({"INPUT:image": [], "GOLDN:result": []}),
        {},
        "GOLDN:result",
        (),
        "no meaning",
    ),
    "a frame of no columns": (pd.DataFrame(index=[0, 1]), {}, None, (), "No column"),
    "two columns of one name": (pd.DataFrame([IMAGES], columns=["image", "image"]), {}, "image", (), "occur twice: ['image']"),
    "columns named by numbers": (pd.DataFrame([IMAGES]), {}, None, (), "not: [0, 1]"),
    "columns named by pairs": (pd.concat({"a": with_images()}, axis=1), {}, None, (), "2 levels of names"),
    "a column without a name": (pd.DataFrame({"": IMAGES}), {}, None, (), "such a column has no name"),
    "INPUT: without a name": (pd.DataFrame({"INPUT:": IMAGES}), {}, None, (), "such a column has no name"),
    "answers and no input": (pd.DataFrame({"GOLDEN:result": ["cat", "dog"]}), {}, None, (), "No column holds input values"),
    "a misspelt field": (pd.DataFrame({"imgae": IMAGES}), {}, "imgae", (), "the nearest is 'image'"),
    "an unknown field": (with_images(zzz=["a", "b"]), {}, "zzz", (), "Its input fields are image, text"),
    "a misspelt answer": (
        pd.DataFrame({"INPUT:image": IMAGES, "GOLDEN:resutl": ["cat", "dog"]}),
        {},
        "GOLDEN:resutl",
        (),
        "output field 'resutl'; the nearest is 'result'",
    ),
    "a plain column next to INPUT: columns": (
        pd.DataFrame({"INPUT:image": IMAGES, "text": ["a", "b"]}),
        {},
        "text",
        (),
        "In a frame with INPUT: columns",
    ),
    "a required field that no column holds": (pd.DataFrame({"text": ["a", "b"]}), {}, "image", (), "'image' is required"),
    "None in a required field": (pd.DataFrame({"image": [IMAGES[0], None]}), {}, "image", (1,), "is missing"),
    "NaN in a required field": (pd.DataFrame({"image": [math.nan, IMAGES[0]]}), {}, "image", (0,), "is missing"),
    "NA in a required field": (pd.DataFrame({"image": [IMAGES[0], pd.NA]}, dtype="string"), {}, "image", (1,), "is missing"),
    "bytes": (with_images(text=["a", b"b"]), {}, "text", (1,), "type that JSON cannot represent (as \"b'b'\", bytes)"),
    "infinity": (with_images(share=[math.inf, 0.5]), {}, "share", (0,), "infinite"),
    "minus infinity": (with_images(share=[0.5, -math.inf]), {}, "share", (1,), "infinite"),
    "a datetime": (with_images(meta=pd.to_datetime(["2026-01-01"] * 2)), {}, "meta", (0, 1), ".astype('string')"),
    "a date": (with_images(meta=["2026-01-01", dt.date(2026, 1, 1)]), {}, "meta", (1,), "date"),
    "a timedelta": (with_images(text=pd.to_timedelta([1, 2])), {}, "text", (0, 1), "type that JSON cannot represent"),
    "an infinite Decimal": (with_images(share=[Decimal("0.1"), Decimal("-Infinity")]), {}, "share", (1,), "infinite"),
    "a complex number": (with_images(share=[1j, 2j]), {}, "share", (0, 1), "complex"),
    "a set": (with_images(meta=[{"a"}, None]), {}, "meta", (0,), "set"),
    "bytes inside a json cell": (
        with_images(meta=[{"a": 1}, {"a": [b"b"]}]),
        {},
        "meta",
        (1,),
        "holds a value that JSON cannot represent",
    ),
    "NaN inside a json cell": (
        with_images(meta=[[1, math.nan], {}]),
        {},
        "meta",
        (0,),
        "holds a value that JSON cannot represent",
    ),
    "a key that is not text": (with_images(meta=[{}, {1: "a"}]), {}, "meta", (1,), "holds a value that JSON cannot represent"),
    "numbers in a string field": (with_images(text=[1, 2]), {}, "text", (0, 1), "is not of type string (as '1', int)"),
    "floats in a string field": (with_images(text=[1.0, None]), {}, "text", (0,), "is not of type string"),
    "booleans in a string field": (with_images(text=[True, False]), {}, "text", (0, 1), "is not of type string"),
    "a list in a string field": (with_images(text=["a", ["b"]]), {}, "text", (1,), "is not of type string"),
    "numbers in a url field": (pd.DataFrame({"image": [1, 2]}), {}, "image", (0, 1), "is not of type url"),
    "text in an integer field": (with_images(number=["1", "2"]), {}, "number", (0, 1), "is not of type integer"),
    "a fraction in an integer field": (with_images(number=[1.5, 2.0]), {}, "number", (0,), "is not of type integer"),
    "booleans in an integer field": (with_images(number=[True, False]), {}, "number", (0, 1), "is not of type integer"),
    "text in a float field": (with_images(share=["0.5", "0.5"]), {}, "share", (0, 1), "is not of type float"),
    "numbers in a boolean field": (with_images(flag=[1, 0]), {}, "flag", (0, 1), "is not of type boolean"),
    "text in a boolean field": (with_images(flag=["true", "false"]), {}, "flag", (0, 1), "is not of type boolean"),
    "text in a list field": (with_images(tags=["a,b", "c"]), {}, "tags", (0, 1), "is not of type array_string"),
    "a number in a list of texts": (with_images(tags=[["a"], ["b", 1]]), {}, "tags", (1,), "is not of type array_string"),
    "a lone surrogate": (with_images(text=pd.Series(["a", LONE_SURROGATE], dtype=object)), {}, "text", (1,), "text"),
    "an integer over 64 bits": (with_images(number=[2**64, 1]), {}, "number", (0,), "number"),
    "a cell over the limit": (with_images(text=["a", "b" * 1_048_577]), {}, None, (1,), "1,048,576 bytes"),
    "many wrong rows": (
        pd.DataFrame({"image": [None] * 7}),
        {},
        "image",
        (0, 1, 2, 3, 4),
        "rows 0, 1, 2, 3, 4 and 2 more",
    ),
    "no pool": (with_images(), {"pool_id": None}, None, (), "No pool"),
    "an empty pool": (with_images(), {"pool_id": ""}, "pool_id", (), "not empty"),
    "a pool as a float": (with_images(), {"pool_id": 1080020.0}, "pool_id", (), "float"),
    "a pool column with a missing value": (with_images(pool_id=["1", None]), {"pool_id": None}, "pool_id", (1,), "text"),
    "a pool column of floats": (with_images(pool_id=[1.0, 1.0]), {"pool_id": None}, "pool_id", (0,), "Int64"),
    "a pool and a pool column": (with_images(pool_id=["1", "1"]), {}, "pool_id", (), "no input field 'pool_id'"),
    "no overlap": (with_images(), {"allow_defaults": None}, "overlap", (), "Neither allow_defaults=True nor overlap= is given"),
    "no overlap and no default": (with_images(), {"allow_defaults": False}, "overlap", (), "Neither allow_defaults=True"),
    "no overlap in one row": (
        with_images(**{"TASK:overlap": ["", 3]}),
        {"allow_defaults": None},
        "TASK:overlap",
        (0,),
        "the value is missing, and neither allow_defaults=True nor overlap= is given.",
    ),
    "no infinite overlap in one row": (
        with_images(**{"TASK:infinite_overlap": [True, False]}),
        {"allow_defaults": None},
        "TASK:infinite_overlap",
        (1,),
        "the value is not True, and neither allow_defaults=True nor overlap= is given",
    ),
    "two overlaps": (with_images(), {"overlap": 1, "infinite_overlap": True}, "overlap", (), "a task has one of them"),
    "two overlaps in one row": (
        with_images(**{"TASK:infinite_overlap": [True, True], "TASK:overlap": [None, 3]}),
        {},
        "TASK:overlap",
        (1,),
        "next to TASK:infinite_overlap",
    ),
    "an infinite overlap as text": (with_images(), {"infinite_overlap": "yes"}, "infinite_overlap", (), "True, False or None"),
    "a misspelt column of tasks": (
        with_images(**{"TASK:overlp": [1, 1]}),
        {},
        "TASK:overlp",
        (),
        "the nearest is 'TASK:overlap'",
    ),
    "answers without assignments": (with_images(**{"OUTPUT:result": ["a", "b"]}), {}, "OUTPUT:result", (), "no meaning"),
    "an overlap in two columns": (
        pd.DataFrame({"INPUT:image": IMAGES, "overlap": 1, "TASK:overlap": 2}),
        {},
        "overlap",
        (),
        "'overlap' and 'TASK:overlap' are the same",
    ),
    "known solutions of another form": (
        with_images(**{"TASK:known_solutions": [None, [{"result": "cat"}]]}),
        {},
        "TASK:known_solutions",
        (1,),
        "is not a list of solutions",
    ),
    "a known solution of another weight": (
        with_images(**{"TASK:known_solutions": [None, [{"output_values": {"result": "cat"}, "correctness_weight": 2}]]}),
        {},
        "TASK:known_solutions",
        (1,),
        "is not a list of solutions",
    ),
    "known solutions that differ": (
        with_images(
            **{"GOLDEN:result": ["cat", "dog"], "TASK:known_solutions": ['[{"output_values": {"result": "cat"}}]'] * 2}
        ),
        {},
        "TASK:known_solutions",
        (1,),
        "another first solution than the GOLDEN: columns",
    ),
    "a weight over 1": (
        with_images(**{"GOLDEN:result": ["cat", "dog"], "TASK:known_solutions.correctness_weight": [1, 1.5]}),
        {},
        "TASK:known_solutions.correctness_weight",
        (1,),
        "from 0 to 1",
    ),
    "input_columns that the frame does not have": (
        with_images(),
        {"input_columns": ["imgae"]},
        "imgae",
        (),
        "the frame has no column 'imgae'; the nearest is 'image'",
    ),
    "input_columns of nothing": (with_images(), {"input_columns": []}, None, (), "No column"),
    "input_columns by position": (with_images(), {"input_columns": [0]}, None, (), "input_columns"),
    "input_columns as text": (with_images(), {"input_columns": "image"}, None, (), "list"),
    "an overlap of zero": (with_images(), {"overlap": 0}, "overlap", (), "from 1 to 30,000"),
    "an overlap over the limit": (with_images(), {"overlap": 30_001}, "overlap", (), "from 1 to 30,000"),
    "an overlap as text": (with_images(), {"overlap": "3"}, "overlap", (), "whole number"),
    "an overlap as a boolean": (with_images(), {"overlap": True}, "overlap", (), "whole number"),
    "an overlap column over the limit": (
        pd.DataFrame({"INPUT:image": IMAGES, "TASK:overlap": [3, 30_001]}),
        {},
        "TASK:overlap",
        (1,),
        "from 1 to 30,000",
    ),
    "an overlap column of text": (
        pd.DataFrame({"INPUT:image": IMAGES, "TASK:overlap": ["3", "3"]}),
        {},
        "TASK:overlap",
        (0, 1),
        "is not of type integer",
    ),
    "a hint that is not text": (
        pd.DataFrame({"INPUT:image": IMAGES, "HINT:text": [1, 2]}),
        {},
        "HINT:text",
        (0, 1),
        "not of type string",
    ),
    "a concurrency of zero": (with_images(), {"concurrency": 0}, "concurrency", (), "positive whole number"),
    "a fractional concurrency": (with_images(), {"concurrency": 0.5}, "concurrency", (), "positive whole number"),
    "a concurrency as text": (with_images(), {"concurrency": "4"}, "concurrency", (), "positive whole number"),
    "a flag as text": (with_images(), {"skip_invalid_items": "false"}, "skip_invalid_items", (), "skip_invalid_items='false'"),
    "an invalid progress": (with_images(), {"progress": "loud"}, None, (), "progress='loud'"),
}


@pytest.mark.parametrize(("frame", "options", "column", "rows", "says"), FRAMES.values(), ids=FRAMES)
def test_an_invalid_frame_creates_nothing(
    toloka: LocalToloka,
    client: Client,
    pool_id: str,
    frame: Any,
    options: dict[str, Any],
    column: str | None,
    rows: tuple[int, ...],
    says: str,
) -> None:
    before = sent_tasks(toloka)
    with pytest.raises(tf.InputError) as caught:
        tf.create_tasks(frame, client, **{"pool_id": pool_id, "allow_defaults": True, "progress": False} | options)
    assert says in str(caught.value)
    assert (caught.value.column, caught.value.rows) == (column, rows)
    assert sent_tasks(toloka) == before


def test_errors_name_rows_by_their_position_in_the_whole_frame(client: Client, make_pool: Callable[..., str]) -> None:
    pools = [make_pool(), make_pool()]
    frame = pd.DataFrame({"image": [*IMAGES, None], "pool_id": [pools[0], pools[1], pools[1]]}, index=[7, 8, 9])
    with pytest.raises(tf.InputError) as caught:
        tf.create_tasks(frame, client, overlap=1, progress=False)
    assert caught.value.rows == (2,)


# -- pools that reject tasks


def archived(client: Client, pool_id: str) -> str:
    operation = tf.run(client.service.post(f"/v1/pools/{pool_id}/archive", {}, None, repeatable=False))
    tf.run(client.wait_operation(operation, progress=False))
    return pool_id


def test_an_archived_pool_is_rejected(toloka: LocalToloka, client: Client, pool_id: str) -> None:
    before = sent_tasks(toloka)
    with pytest.raises(tf.InputError, match=f"{pool_id}.*is archived") as caught:
        tf.create_tasks(with_images(), client, archived(client, pool_id), overlap=1, progress=False)
    assert caught.value.column == "pool_id"
    assert sent_tasks(toloka) == before


def test_a_pool_without_smart_mixing_is_rejected_for_tasks(
    toloka: LocalToloka, client: Client, make_pool: Callable[..., str]
) -> None:
    before = sent_tasks(toloka)
    with pytest.raises(tf.InputError, match="mixer_config") as caught:
        tf.create_tasks(with_images(), client, make_pool(mixer_config=None), overlap=1, progress=False)
    assert caught.value.column == "pool_id"
    assert sent_tasks(toloka) == before


@pytest.mark.parametrize("pool_id", ["999999999", "no-number", "1?x=1"])
def test_an_unknown_pool_raises_not_found(toloka: LocalToloka, client: Client, pool_id: str) -> None:
    before = sent_tasks(toloka)
    with pytest.raises(tf.NotFound, match="Check the id") as caught:
        tf.create_tasks(with_images(), client, pool_id, overlap=1, progress=False)
    assert caught.value.status == 404
    assert sent_tasks(toloka) == before


def test_one_unknown_pool_of_two_creates_nothing_in_the_other(toloka: LocalToloka, client: Client, pool_id: str) -> None:
    before = sent_tasks(toloka)
    with pytest.raises(tf.NotFound):
        tf.create_tasks(with_images(pool_id=[pool_id, "999999999"]), client, overlap=1, progress=False)
    assert sent_tasks(toloka) == before


def test_a_wrong_token_creates_nothing(toloka: LocalToloka, pool_id: str) -> None:
    before = sent_tasks(toloka)
    stranger = tf.AsyncTolokaClient("another-token", url=toloka.url)
    with pytest.raises(tf.AuthenticationFailed) as caught:
        tf.create_tasks(with_images(), stranger, pool_id, overlap=1, progress=False)
    assert (caught.value.status, caught.value.code) == (401, "AUTHENTICATION_ERROR")
    assert sent_tasks(toloka) == before
    tf.run(stranger.aclose())


# -- error responses of the API: status, error class, whether a retry may help, and what the message says

API_ERRORS = {
    "400": (400, tf.ValidationFailed, False, "400 CODE"),
    "401": (401, tf.AuthenticationFailed, False, "sandbox and production have tokens of their own"),
    "403": (403, tf.AccessDenied, False, "act_under_account_id"),
    "404": (404, tf.NotFound, False, "Check the id"),
    "405": (405, tf.ApiError, False, "405 CODE"),
    "409": (409, tf.Conflict, False, "409 CODE"),
    "413": (413, tf.TooLarge, False, "fewer rows"),
    "415": (415, tf.ApiError, False, "415 CODE"),
    "429": (429, tf.QuotaExceeded, True, "Come back at"),
    "500": (500, tf.ApiError, True, "500 CODE"),
    "503": (503, tf.ApiError, True, "503 CODE"),
}


@pytest.mark.parametrize(("status", "kind", "retryable", "says"), API_ERRORS.values(), ids=API_ERRORS)
def test_an_api_error_has_all_details_of_the_response(
    scripted: Scripted, status: int, kind: type[tf.ApiError], retryable: bool, says: str
) -> None:
    scripted.answers = [reply(ERROR_BODY, status)]
    client = scripted.async_client(retries=1, verify=TLS)
    with pytest.raises(tf.ApiError) as caught:
        tf.run(client.get_pool("1"))
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.code, error.request_id) == (status, "CODE", "3f1c")
    assert (error.payload, error.retryable) == ({"field": "reason"}, retryable)
    assert f"{status} CODE: In the service's words" in str(error)
    assert says in str(error)
    tf.run(client.aclose())


# -- responses that the API does not document: bytes, error class, status, and what the message says

INVALID_RESPONSES = {
    "HTML with 502": (reply(HTML, 502), tf.BadAnswer, 502, "502 Bad Gateway</title>"),
    "HTML with 200": (reply(HTML), tf.BadAnswer, 200, "<html>"),
    "HTML with 403": (reply(HTML, 403), tf.AccessDenied, 403, "<html>"),
    "HTML with 404": (reply(HTML, 404), tf.NotFound, 404, "<html>"),
    "HTML with 429": (reply(HTML, 429), tf.QuotaExceeded, 429, "<html>"),
    "HTML with 418": (reply(HTML, 418), tf.BadAnswer, 418, "<html>"),
    "a redirect to a login page": (reply(b"", 302, Location="/login"), tf.BadAnswer, 302, "is redirected to http://127.0.0.1:"),
    "truncated JSON": (reply('{"id": "1", "na'), tf.BadAnswer, 200, '{"id": "1", "na'),
    "truncated JSON with 500": (reply('{"code": "INT', 500), tf.BadAnswer, 500, '{"code": "INT'),
    "an empty body": (reply(), tf.BadAnswer, 200, "an empty body"),
    "an empty body with 409": (reply(b"", 409), tf.Conflict, 409, "an empty body"),
    "an empty body with 503": (reply(b"", 503), tf.BadAnswer, 503, "an empty body"),
    "bytes that are not text": (reply(b"\xff\xfe\x00"), tf.BadAnswer, 200, "JSON was expected"),
    "a list for an object": (reply([1]), tf.BadAnswer, 200, "[1]"),
    "null for an object": (reply("null"), tf.BadAnswer, 200, "null"),
    "text for an object": (reply('"pool"'), tf.BadAnswer, 200, "pool"),
    "unclosed brackets": (reply(b"[" * 100_000), tf.BadAnswer, 200, "[[["),
    "a body that cannot be decompressed": (reply(b"not gzip", Content_Encoding="gzip"), tf.TolokaError, None, "decompressing"),
    "a field map with 409": (reply({"0": {"code": "EQUAL"}}, 409), tf.Conflict, 409, "EQUAL"),
    "an error body with an invalid interval": (
        reply({"code": "CODE", "message": "m", "payload": {"interval": {}}}, 429),
        tf.QuotaExceeded,
        429,
        "429 CODE",
    ),
    "a wait of 30,000 years": (
        reply({"code": "CODE", "message": "m"}, 429, Retry_After="999999999999"),
        tf.QuotaExceeded,
        429,
        "429 CODE",
    ),
}


@pytest.mark.parametrize(("response", "kind", "status", "says"), INVALID_RESPONSES.values(), ids=INVALID_RESPONSES)
def test_a_response_that_is_not_from_the_api_is_described_by_its_content(
    scripted: Scripted, response: bytes, kind: type[tf.TolokaError], status: int | None, says: str
) -> None:
    scripted.answers = [response]
    client = scripted.async_client(retries=1, verify=TLS)
    with pytest.raises(kind) as caught:
        tf.run(client.get_pool("1"))
    assert says in str(caught.value)
    assert getattr(caught.value, "status", None) == status
    assert len(str(caught.value)) < 1_000
    tf.run(client.aclose())


PAGES = {
    "HTML": HTML,
    "an empty body": "",
    "truncated JSON": '{"items": [{"id": "1"}], "has_mo',
    "a list": "[]",
    "no rows": '{"has_more": false}',
    "null for rows": '{"items": null, "has_more": false}',
    "an object for rows": '{"items": {}, "has_more": false}',
    "a row that is null": '{"items": [null], "has_more": false}',
    "a row that is text": '{"items": ["1"], "has_more": false}',
    "a row without id": '{"items": [{"status": "OPEN"}], "has_more": false}',
    "a row with a number for an id": '{"items": [{"id": 1}], "has_more": false}',
    "no has_more": '{"items": []}',
    "text for has_more": '{"items": [], "has_more": "false"}',
    "an error for a page": '{"code": "CODE", "message": "m"}',
}


@pytest.mark.parametrize("body", PAGES.values(), ids=PAGES)
@pytest.mark.parametrize("read", [lambda scan: scan.to_arrow(progress=False), list], ids=["as a table", "as JSON rows"])
def test_an_invalid_page_raises_bad_answer(scripted: Scripted, body: str, read: Callable[[tf.Scan], object]) -> None:
    scripted.answers = [reply(body)]
    client = scripted.async_client(retries=1, verify=TLS)
    with pytest.raises(tf.BadAnswer) as caught:
        read(client.get_pools())
    assert caught.value.status == 200
    assert (body[:20] or "an empty body") in str(caught.value)
    tf.run(client.aclose())


@pytest.mark.parametrize("body", [HTML, "", "[]", "null"])
def test_an_invalid_page_of_a_find_method_raises_bad_answer(scripted: Scripted, body: str) -> None:
    scripted.answers = [reply(body)]
    client = scripted.async_client(retries=1, verify=TLS)
    with pytest.raises(tf.BadAnswer):
        tf.run(client.find_pools())
    tf.run(client.aclose())


@pytest.mark.parametrize("body", ["", "[]", "null", '"1"'])
def test_a_created_project_without_an_object_raises_bad_answer(scripted: Scripted, body: str) -> None:
    scripted.answers = [reply(body, 201)]
    client = scripted.async_client(retries=1, verify=TLS)
    with pytest.raises(tf.BadAnswer) as caught:
        tf.run(client.create_project({"public_name": "Animals"}))
    assert caught.value.status == 201
    tf.run(client.aclose())


REQUESTER = reply({"id": "me"})
POOL = reply({"id": "1", "project_id": "2", "status": "CLOSED", "mixer_config": {"real_tasks_count": 1}})
PROJECT = reply({"id": "2", "task_spec": {"input_spec": {"image": {"type": "url"}}, "output_spec": {}}})
STARTED = reply({"id": "3", "status": "RUNNING"}, 202)
DONE = reply({"id": "3", "status": "SUCCESS"}, 202)

INVALID_UPLOAD_RESPONSES = {
    "an empty body for an operation": [REQUESTER, POOL, PROJECT, reply(b"", 202)],
    "a list for an operation": [REQUESTER, POOL, PROJECT, reply([1], 202)],
    "an operation without id": [REQUESTER, POOL, PROJECT, reply({"status": "RUNNING"}, 202)],
    "HTML for an operation": [REQUESTER, POOL, PROJECT, reply(HTML)],
    "a list for a running operation": [REQUESTER, POOL, PROJECT, STARTED, reply([1])],
    "an object for a log": [REQUESTER, POOL, PROJECT, DONE, reply({"a": 1})],
    "null in a log": [REQUESTER, POOL, PROJECT, DONE, reply([None])],
    "HTML for a log": [REQUESTER, POOL, PROJECT, DONE, reply(HTML)],
}


@pytest.mark.parametrize("responses", INVALID_UPLOAD_RESPONSES.values(), ids=INVALID_UPLOAD_RESPONSES)
def test_an_upload_reports_every_row_if_the_response_is(scripted: Scripted, responses: list[bytes]) -> None:
    scripted.answers = list(responses)
    client = scripted.async_client(retries=1, verify=TLS)
    with pytest.raises(tf.UploadError) as caught:
        tf.create_tasks(with_images(), client, "1", overlap=1, progress=False)
    assert caught.value.results["status"].tolist() == ["UNKNOWN", "UNKNOWN"]
    assert isinstance(caught.value.__cause__, tf.BadAnswer)
    tf.run(client.aclose())
