"""A value of the ledger that cannot be read is a LedgerError that names it; nothing more is sent or recorded."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from toloka_frames.local import LocalToloka

    Call = Callable[[pd.DataFrame, tf.AsyncTolokaClient, str, Path], object]


def list_uploads(_: pd.DataFrame, __: tf.AsyncTolokaClient, ___: str, ledger: Path) -> object:
    return tf.uploads(ledger)


def send_again(frame: pd.DataFrame, client: tf.AsyncTolokaClient, pool_id: str, ledger: Path) -> object:
    return tf.create_tasks(frame, client, pool_id, overlap=1, upload_id="mine", ledger=ledger, progress=False)


def send_more(frame: pd.DataFrame, client: tf.AsyncTolokaClient, pool_id: str, ledger: Path) -> object:
    return tf.create_tasks(frame[:1], client, pool_id, overlap=1, ledger=ledger, progress=False)


def resume(_: pd.DataFrame, client: tf.AsyncTolokaClient, __: str, ledger: Path) -> object:
    return tf.resume("mine", client, ledger=ledger, progress=False)


# the statement that damages a value, the calls that read it, and what the error names
DAMAGES: dict[str, tuple[str, list[Call], str]] = {
    "destination": ("update uploads set destination = '{'", [send_again, resume], "the upload 'mine'"),
    "destination, listed": ("update uploads set destination = '{'", [list_uploads], "the list of uploads"),
    "a destination that is a list": ("update uploads set destination = '[]'", [list_uploads], "the list of uploads"),
    "flags": ("update uploads set flags = x'ff'", [send_again, resume], "the upload 'mine'"),
    "path": ("update uploads set path = '/v1/other'", [resume], "the upload 'mine'"),
    "begun": ("update uploads set begun = 'yesterday'", [list_uploads], "the list of uploads"),
    "begun, of like rows": ("update uploads set begun = 'yesterday'", [send_more], "the rows of another upload"),
    "ended": ("update uploads set ended = 'soon'", [send_again, resume], "the upload 'mine'"),
    "digests": ("update uploads set digests = x'ff'", [send_again, resume], "the upload 'mine'"),
    "object_ids": ("update chunks set object_ids = '[1,'", [send_again, resume], "the ids of created objects"),
    "packed object_ids": ("update chunks set object_ids = x'ff'", [send_again, resume], "the ids of created objects"),
    "spans": ("update chunks set spans = 'x'", [send_again, resume], "the ids of created objects"),
    "spans that are nested": ("update chunks set spans = printf('%.*c', 100000, '[')", [resume], "the ids of created objects"),
    "hashes": ("update contents set hashes = x'ff'", [send_more], "the rows of another upload"),
}
CASES = [
    pytest.param(sql, call, what, id=f"{name}, {call.__name__}")
    for name, (sql, calls, what) in DAMAGES.items()
    for call in calls
]


@pytest.mark.parametrize(("sql", "call", "what"), CASES)
def test_a_damaged_value_is_named(
    sql: str,
    call: Call,
    what: str,
    client: tf.AsyncTolokaClient,
    toloka: LocalToloka,
    pool_id: str,
    make_frame: Any,
    tmp_path: Path,
) -> None:
    frame, ledger = make_frame(3), tmp_path / "uploads.db"
    send_again(frame, client, pool_id, ledger)
    before, posted = content_of(ledger, sql), [request for request in toloka.requests if request.method == "POST"]
    with pytest.raises(tf.LedgerError) as caught:
        call(frame, client, pool_id, ledger)
    assert f"The ledger {ledger} is damaged: {what} cannot be read (" in str(caught.value)
    assert caught.value.path == ledger
    assert caught.value.__cause__ is not None
    assert [request for request in toloka.requests if request.method == "POST"] == posted
    assert content_of(ledger) == before


def content_of(ledger: Path, change: str | None = None) -> list[str]:
    """Return all rows of the ledger, after a statement that changes one of them."""
    with sqlite3.connect(ledger) as sqlite:
        assert change is None or sqlite.execute(change).rowcount == 1
        content = list(sqlite.iterdump())
    sqlite.close()
    return content
