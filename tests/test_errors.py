"""Errors: one tree of classes, each with attributes, a hint and its cause."""

from __future__ import annotations

import asyncio
import inspect
import pickle
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx
import pandas as pd
import pytest
from support.scripted_server import Scripted, reply

import toloka_frames as tf
from toloka_frames import _errors

if TYPE_CHECKING:
    from collections.abc import Callable

Kind: TypeAlias = type[BaseException]

UNUSED_URL = "http://127.0.0.1:9"
ERRORS = [kind for _, kind in inspect.getmembers(_errors, inspect.isclass) if kind.__module__ == "toloka_frames"]
ATTRIBUTES: dict[str, dict[str, Any]] = {
    "RowsAlreadyCreated": {"rows": (0, 2), "upload_ids": ("first",), "since": datetime(2026, 1, 1, tzinfo=UTC)},
    "PriceExceeded": {"price": 12.0, "max_price": 10.0},
    "ApiError": {"status": 418},
    "ScanInterrupted": {"cursor": "7", "rows": 7},
    "CloneInterrupted": {"made": {"project": {"id": "1"}, "trainings": [], "pools": []}},
    "OperationFailed": {"operation": {"id": "1"}},
    "OperationTimeout": {"operation": {"id": "1"}},
    "PoolFailed": {"pool_id": "1", "status": "CLOSED", "reason": "EXPIRED"},
    "PoolTimeout": {"pool_ids": ("1", "2")},
    "LedgerError": {"path": Path("uploads.db")},
    "CopyError": {"path": Path("copy")},
    "CursorError": {"path": Path("answers.json")},
    "WriteFailed": {"path": Path("file")},
    "UploadError": {"results": pd.DataFrame({"status": ["FAILED"]})},
    "UploadInterrupted": {"results": pd.DataFrame({"status": ["NOT_SENT"]})},
    "UploadCancelled": {"results": pd.DataFrame({"status": ["NOT_SENT"]})},
}


def attributes_of(kind: Kind) -> dict[str, Any]:
    return next((values for name, values in ATTRIBUTES.items() if issubclass(kind, getattr(tf, name))), {})


def documented_tree() -> dict[str, tuple[str | None, str]]:
    """Return the tree of the module's docstring: for each error, its parent and its description."""
    tree: dict[str, tuple[str | None, str]] = {}
    parents: list[str] = []
    for line in (_errors.__doc__ or "").splitlines()[1:]:
        found = re.fullmatch(r"((?:│   |├── |└── )*)(\w+)(.*)", line)
        if found:
            depth = len(found[1]) // 4
            parents = [*parents[:depth], found[2]]
            tree[found[2]] = (parents[depth - 1] if depth else None, found[3])
    return tree


def test_documented_tree_is_the_tree_of_the_classes() -> None:
    names = {kind.__name__ for kind in ERRORS}
    real = {kind.__name__: next((base.__name__ for base in kind.__bases__ if base.__name__ in names), None) for kind in ERRORS}
    assert {name: parent for name, (parent, _) in documented_tree().items()} == real


@pytest.mark.parametrize("kind", ERRORS)
def test_documented_tree_names_builtin_base_classes(kind: Kind) -> None:
    description = documented_tree()[kind.__name__][1]
    builtins = {base.__name__ for base in kind.__bases__ if base.__module__ == "builtins"} - {"Exception"}
    assert set(re.findall(r"\b(?:ValueError|RuntimeError|TimeoutError|OSError|KeyboardInterrupt)\b", description)) == builtins


def test_all_errors_except_stops_have_one_root() -> None:
    assert {kind for kind in ERRORS if not issubclass(kind, tf.TolokaError)} == {tf.UploadInterrupted, tf.UploadCancelled}
    assert issubclass(tf.UploadCancelled, asyncio.CancelledError)
    assert issubclass(tf.UploadInterrupted, KeyboardInterrupt)
    assert not issubclass(tf.UploadInterrupted, Exception)


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_is_public(kind: Kind) -> None:
    assert kind.__name__ in tf.__all__
    assert getattr(tf, kind.__name__) is kind


@pytest.mark.parametrize("kind", [kind for kind in ERRORS if issubclass(kind, tf.TolokaError)])
def test_message_ends_with_the_hint(kind: type[tf.TolokaError]) -> None:
    hinted = kind("It went wrong.", hint="Try again.", **attributes_of(kind))
    assert (str(hinted), hinted.hint) == ("It went wrong.\nTry again.", "Try again.")
    plain = kind("It went wrong.", **attributes_of(kind))
    assert (str(plain), plain.hint) == ("It went wrong.", "")


@pytest.mark.parametrize("kind", ERRORS)
def test_error_has_its_attributes(kind: Kind) -> None:
    error = kind("It went wrong.", **attributes_of(kind))
    for name, value in attributes_of(kind).items():
        assert getattr(error, name) is value


@pytest.mark.parametrize("kind", ERRORS)
def test_documented_attributes_exist_and_public_ones_are_documented(kind: Kind) -> None:
    error = kind("It went wrong.", **attributes_of(kind))
    documented = re.findall(r"^ {4}(\w+): ", inspect.getdoc(kind) or "", re.MULTILINE)
    assert [name for name in documented if not hasattr(error, name)] == []
    public = {name for name in vars(error) if not name.startswith("_")}
    inherited = {name for base in kind.__mro__ for name in re.findall(r"^\s+(\w+): ", base.__doc__ or "", re.MULTILINE)}
    assert public <= inherited


# -- Causes: responses, a call, the error that it raises, and the cause of the error

POOL = reply({"id": "1", "project_id": "2", "status": "CLOSED", "mixer_config": {"real_tasks_count": 1}})
REQUESTER = reply({"id": "me"})
NO_PROJECT = reply({"id": "2", "task_spec": {}})
PAGE = reply({"items": [{"id": "1"}], "has_more": True})
REJECTED = reply({"code": "CODE", "message": "m"}, 403)
Call: TypeAlias = "Callable[[tf.AsyncTolokaClient], object]"

CHAINS: dict[str, tuple[list[bytes], Call, Kind, Kind]] = {
    "a broken connection": ([b""], lambda c: tf.run(c.get_pool("1")), tf.ConnectionFailed, httpx.TransportError),
    "a lost response": ([b""], lambda c: tf.run(c.open_pool_async("1")), tf.OutcomeUnknown, httpx.TransportError),
    "a failing gateway": ([reply(b"", 502)], lambda c: tf.run(c.open_pool_async("1")), tf.OutcomeUnknown, tf.BadAnswer),
    "invalid JSON": ([reply("{")], lambda c: tf.run(c.get_pool("1")), tf.BadAnswer, ValueError),
    "an invalid page": ([reply("{")], lambda c: c.get_pools().to_arrow(progress=False), tf.BadAnswer, ValueError),
    "a rejected second page": (
        [PAGE, REJECTED],
        lambda c: c.get_pools().to_arrow(progress=False),
        tf.ScanInterrupted,
        tf.AccessDenied,
    ),
    "a wrong filter": ([b""], lambda c: c.get_pools(status="open"), tf.InputError, ValueError),
    "a body that JSON cannot represent": ([b""], lambda c: tf.run(c.create_project({"a": b""})), tf.InputError, TypeError),
    "a rejected upload": (
        [REQUESTER, POOL, NO_PROJECT, REJECTED],
        lambda c: tf.create_tasks(pd.DataFrame({"a": ["b"]}), c, "1", overlap=1, skip_invalid_items=True, progress=False),
        tf.UploadError,
        tf.AccessDenied,
    ),
}


@pytest.mark.parametrize(("responses", "call", "kind", "cause"), CHAINS.values(), ids=CHAINS)
def test_error_has_its_cause(scripted: Scripted, responses: list[bytes], call: Call, kind: Kind, cause: Kind) -> None:
    scripted.answers = list(responses)
    client = scripted.async_client(retries=1)
    with pytest.raises(kind) as caught:
        call(client)
    assert type(caught.value) is kind
    assert isinstance(caught.value.__cause__, cause)
    tf.run(client.aclose())


def test_error_has_the_failed_operation(scripted: Scripted) -> None:
    operation = {"id": "1", "type": "POOL.OPEN", "status": "FAIL", "details": {"why": "empty"}}
    scripted.answers = [reply(operation)]
    client = scripted.async_client()
    with pytest.raises(tf.OperationFailed, match=r"POOL\.OPEN(.|\n)*get_operation_log") as caught:
        tf.run(client.wait_operation("1", progress=False))
    assert caught.value.operation == operation
    tf.run(client.aclose())


def test_timeout_error_has_the_operation(scripted: Scripted) -> None:
    scripted.answers = [reply({"id": "1", "status": "RUNNING"})]
    client = scripted.async_client()
    with pytest.raises(TimeoutError, match=r"0\.01 s(.|\n)*continues at the service") as caught:
        tf.run(client.wait_operation("1", timeout=0.01, progress=False))
    assert isinstance(caught.value, tf.OperationTimeout)
    assert caught.value.operation == {"id": "1", "status": "RUNNING"}
    tf.run(client.aclose())


def test_interrupted_pull_reports_its_cursor(scripted: Scripted) -> None:
    scripted.answers = [PAGE, REJECTED]
    client = scripted.async_client(retries=1)
    with pytest.raises(tf.ScanInterrupted, match="id_gt='1'") as caught:
        list(client.get_pools())
    assert (caught.value.cursor, caught.value.rows) == ("1", 1)
    tf.run(client.aclose())


@pytest.mark.parametrize(
    ("call", "builtin"),
    [
        (lambda: tf.AsyncTolokaClient("t", "NOWHERE"), ValueError),  # type: ignore[arg-type]
        (lambda: tf.AsyncTolokaClient("t", url=UNUSED_URL).get_pools(batch_size=0), ValueError),
        (lambda: tf.create_tasks(pd.DataFrame(), tf.AsyncTolokaClient("t", url=UNUSED_URL), "1"), ValueError),
    ],
)
def test_error_is_also_the_builtin_error(call: Callable[[], object], builtin: type[Exception]) -> None:
    with pytest.raises(builtin) as caught:
        call()
    assert isinstance(caught.value, tf.TolokaError)


def test_error_can_be_pickled() -> None:
    error = tf.ScanInterrupted("ended", cursor="a", rows=3, hint="Go on.")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 -- our own pickle
    assert (type(copy), str(copy), copy.cursor, copy.rows, copy.hint) == (tf.ScanInterrupted, str(error), "a", 3, "Go on.")
    not_found = tf.NotFound("404", status=404, code="DOES_NOT_EXIST")
    assert pickle.loads(pickle.dumps(not_found)).code == "DOES_NOT_EXIST"  # noqa: S301 -- our own pickle
    upload = tf.UploadError("failed", results=pd.DataFrame({"status": ["FAILED"]}), upload_id="u", hint="Go on.")
    restored = pickle.loads(pickle.dumps(upload))  # noqa: S301 -- our own pickle
    assert (str(restored), restored.upload_id, restored.hint) == ("failed\nGo on.", "u", "Go on.")
    pd.testing.assert_frame_equal(restored.results, upload.results)
