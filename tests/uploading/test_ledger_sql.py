"""The ledger's SQL uses named parameters: Python 3.12.0 to 3.12.3 warn about numbered ones with a sequence of values."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
from array import array
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from toloka_frames._schema.bulk import CREATE_APP_ITEMS
from toloka_frames._uploading import ledger_app_items, ledger_reading
from toloka_frames._uploading.ledger import Ledger
from toloka_frames._uploading.ledger_listing import UploadList
from toloka_frames._uploading.requests import Chunk, UploadPlan

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FLAGS = {"ignore_errors": "true"}
REPLAY = """
import pickle, sqlite3, sys

sqlite = sqlite3.connect(":memory:", isolation_level=None)
statements = pickle.load(sys.stdin.buffer)
for method, sql, parameters in statements:
    getattr(sqlite, method)(sql, *parameters).fetchall()
print(len(statements))
"""


class RecordingConnection:
    """A connection that keeps the statements that it executes."""

    def __init__(self, sqlite: sqlite3.Connection, statements: list[tuple[str, str, list[Any]]]) -> None:
        self._sqlite = sqlite
        self._statements = statements

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        self._statements.append(("execute", sql, list(parameters)))
        return self._sqlite.execute(sql, *parameters)

    def executemany(self, sql: str, rows: Iterable[Any]) -> sqlite3.Cursor:
        rows = list(rows)
        self._statements.append(("executemany", sql, [rows]))
        return self._sqlite.executemany(sql, rows)


class RecordingLedger(Ledger, UploadList):
    """A ledger whose statements can be replayed.

    Attributes:
        statements: The connection's method, the SQL and the parameters of each statement.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.statements: list[tuple[str, str, list[Any]]] = []

    @property
    def _sqlite(self) -> sqlite3.Connection:
        return RecordingConnection(super()._sqlite, self.statements)  # type: ignore[return-value]


@pytest.fixture
def statements(tmp_path: Path) -> list[tuple[str, str, list[Any]]]:
    """All statements of the ledger, each with values."""
    with RecordingLedger(tmp_path / "uploads.db") as ledger:
        ledger.open()
        use_every_method(ledger)
        return ledger.statements


def use_every_method(ledger: RecordingLedger) -> None:
    chunks = [Chunk(number, "", range(number * 2, number * 2 + 2), b'{"a":1}\n{"b":%d}' % number, "key") for number in range(3)]
    plan = UploadPlan(CREATE_APP_ITEMS, "me", "mine", "key", "hash", 6, array("I", range(6)), chunks, range(6))
    entry = ledger.add(replace(plan, destination={"app_project_id": "P"}), {"ignore_errors": True})
    assert entry is not None
    assert ledger.find("me", "mine") == entry
    ledger.set_flags(entry.id, {"ignore_errors": None})
    for chunk in chunks:
        ledger.begin_chunk(entry.id, chunk, chunk.operation_id, FLAGS, NOW)
    assert ledger_app_items.begun_at(ledger, entry.id, chunks[0]) == NOW
    assert ledger_app_items.first_missing_at(ledger, entry.id, chunks[0], NOW) == NOW
    assert len(ledger_app_items.other_pending_chunks(ledger, entry.id, chunks[0])) == 2
    ledger_app_items.set_batch(ledger, entry.id, "B")
    ledger.withdraw_chunk(entry.id, chunks[1])
    ledger.split_chunk(entry.id, chunks[1], chunks[1].halves())
    ledger.end_chunk(entry.id, chunks[0], "done", ["i", None], [(1, "INVALID", "a", "CODE", "wrong")])
    ledger.end_chunk(entry.id, chunks[2], "failed", [None, None])
    assert len(ledger_reading.open_chunks(ledger, entry.id, {})) == 3
    assert len(ledger_reading.outcomes(ledger, entry.id)) == 3
    assert ledger_reading.failed_operations(ledger, entry.id, FLAGS) == [chunks[2].operation_id]
    assert ledger_app_items.created_app_ids(ledger, entry.id) == {"i"}
    assert ledger.pools_to_open(entry.id) == ["B"]
    ledger.pool_was_opened(entry.id, "B")
    assert len(ledger.created_contents(["app project P"], "me", 7)) == 2
    assert ledger_reading.read_again(ledger, entry.id, chunks[1], {})[0][0].number == 1
    ledger.begin_chunk(entry.id, chunks[1].halves()[0], "operation", FLAGS, NOW)
    ledger_app_items.hold_chunk(ledger, entry.id, chunks[1].halves()[0])
    assert ledger_app_items.batch_of(ledger, entry.id) == "B"
    assert ledger.find_name("mine") == ledger.find_content(CREATE_APP_ITEMS, "hash")
    assert ledger.uploads()["upload_id"] == ["mine"]
    assert ledger.unsettled("mine")
    assert ledger.forget("mine", None, unsettled=True) == 1


def test_every_value_is_a_named_parameter(statements: list[tuple[str, str, list[Any]]]) -> None:
    for _, sql, parameters in statements:
        assert "?" not in sql
        for values in parameters:
            assert all(isinstance(row, dict) for row in (values if isinstance(values, list) else [values])), sql


def early_python_312() -> str | None:
    """Return a Python that warns about numbered parameters, or None."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [shutil.which("python3.12"), *versions.glob("3.12.[0-3]/bin/python3.12")]
    check = "import sqlite3, sys; sys.exit(not (3, 12) <= sys.version_info < (3, 12, 4))"
    for python in filter(None, candidates):
        if subprocess.run([python, "-c", check], capture_output=True, check=False).returncode == 0:
            return str(python)
    return None


def test_no_statement_warns_in_early_releases_of_python_3_12(statements: list[tuple[str, str, list[Any]]]) -> None:
    if (python := early_python_312()) is None:
        pytest.skip("Python 3.12.0 to 3.12.3 is not installed")
    command = [python, "-W", "error", "-c", REPLAY]
    replayed = subprocess.run(command, input=pickle.dumps(statements), capture_output=True, check=False)
    assert replayed.stderr == b""
    assert int(replayed.stdout) == len(statements) > 40
