"""The official client at work on the local service: Toloka-Kit 1.2.3, in an environment of its own (kit.mk).

Every public method of `TolokaClient` is called, by it and by `AsyncTolokaClient`. Not driven: what the package has beside the
two clients (`toloka.streaming`, `toloka.metrics`, `toloka.autoquality`), and clients of an account that shared its access.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.child_process import child_process

from toloka_frames.local import LocalToloka

HERE = Path(__file__).parent
KIT = HERE.parents[1] / ".venv-kit" / "bin" / "python"
CLIENTS = ("sync", "async")
MAX_SECONDS = 300
SCENARIOS = (
    *("projects", "cloned_projects", "pools", "trainings", "tasks", "suites", "assignments", "exports", "analytics"),
    *("skills", "bonuses", "restrictions", "operations", "aggregation", "messages", "webhooks", "attachments", "apps"),
)

pytestmark = pytest.mark.skipif(not (KIT.parents[1] / ".made").is_file(), reason="Toloka-Kit is not there: make interop")


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """What each of the two clients said, both at work at once on services of their own."""
    folder = tmp_path_factory.mktemp("interop")
    with ThreadPoolExecutor() as pool:
        return dict(zip(CLIENTS, pool.map(lambda kind: session(kind, folder / kind), CLIENTS), strict=True))


def session(kind: str, log: Path) -> list[dict[str, Any]]:
    said = []
    with LocalToloka(operation_seconds=0.05) as toloka, log.open("w", encoding="utf-8") as errors:
        command = [KIT, HERE / "kit_session.py", kind, toloka.url]
        environment = {**os.environ, "TOLOKA_TOKEN": toloka.token}
        with child_process(command, stdin=subprocess.PIPE, stderr=errors, env=environment) as kit:
            assert kit.stdin
            assert kit.stdout
            killer = threading.Timer(MAX_SECONDS, kit.kill)  # pytest's timeout only interrupts the main thread
            killer.start()
            for line in kit.stdout:
                message = json.loads(line)
                if "ask" not in message:
                    said.append(message)
                    continue
                print(json.dumps(done(toloka, message)), file=kit.stdin, flush=True)
            kit.wait()
            killer.cancel()
    assert kit.returncode == 0, log.read_text("utf-8")
    return said


def done(toloka: LocalToloka, asked: dict[str, Any]) -> object:
    """What only the owner of the service can do."""
    match asked.pop("ask"):
        case "answer":
            return toloka.answer(asked["pool_id"])
        case "attach":
            return toloka.attach(asked["assignment_id"], asked["name"], asked["text"].encode())
    raise AssertionError(asked)


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_official_client_works(reports: dict[str, list[dict[str, Any]]], kind: str, scenario: str) -> None:
    [error] = [one["error"] for one in reports[kind] if one.get("scenario") == scenario]
    assert error is None, error


@pytest.mark.parametrize("kind", CLIENTS)
def test_every_method_of_the_official_client_was_called(reports: dict[str, list[dict[str, Any]]], kind: str) -> None:
    assert [one["scenario"] for one in reports[kind] if "scenario" in one] == list(SCENARIOS)
    assert reports[kind][-1] == {"untouched": []}
