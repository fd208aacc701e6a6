"""The official client at work on the local service: Toloka-Kit 1.2.3, in an environment of its own (kit.mk).

Every public method of `TolokaClient` is called, by it and by `AsyncTolokaClient`. `toloka.streaming`, `toloka.metrics` and
`toloka.autoquality` do whole jobs. Not driven: the dashboard of `toloka.metrics`, storage in S3, locks of ZooKeeper, and
clients of an account that shared its access.
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
MAX_SECONDS = 300
CLIENT = (
    *("projects", "cloned_projects", "pools", "trainings", "tasks", "suites", "assignments", "exports", "analytics"),
    *("skills", "bonuses", "restrictions", "operations", "aggregation", "messages", "webhooks", "attachments", "apps"),
)
STREAMING = (
    *("find_and_check", "async_find_and_check", "live_find_and_check"),
    *("restarted_pipeline", "replaced_pipeline", "changing_pipeline"),
    *("status_observer", "events_observer", "cursors_of_answers", "cursors_of_other_lists", "cursor_of_tasks"),
)
# scripts and their arguments -> scenarios
SESSIONS = {
    ("kit_session.py", "sync"): CLIENT,
    ("kit_session.py", "async"): CLIENT,
    ("kit_streaming.py",): STREAMING,
    ("kit_metrics.py",): ("collector",),
    ("kit_autoquality.py",): ("default_distributions", "own_distributions"),
}

Script = tuple[str, ...]
Said = list[dict[str, Any]]

pytestmark = [
    pytest.mark.skipif(not (KIT.parents[1] / ".made").is_file(), reason="Toloka-Kit is not there: make interop"),
    pytest.mark.filterwarnings("ignore:Pool [0-9]+ uses what simulated Tolokers do not know"),
]


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[Script, Said]:
    """What each script said, all at work at once on services of their own."""
    folder = tmp_path_factory.mktemp("interop")
    with ThreadPoolExecutor(len(SESSIONS)) as pool:
        return dict(zip(SESSIONS, pool.map(lambda script: session(script, folder / "-".join(script)), SESSIONS), strict=True))


def session(script: Script, log: Path) -> Said:
    said = []
    with LocalToloka(operation_seconds=0.05) as toloka, log.open("w", encoding="utf-8") as errors:
        command = [KIT, HERE / script[0], *script[1:], toloka.url]
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
            return toloka.answer(asked.pop("pool_id"), **asked)
        case "attach":
            return toloka.attach(asked["assignment_id"], asked["name"], asked["text"].encode())
    raise AssertionError(asked)


@pytest.mark.parametrize(("script", "scenario"), [(script, name) for script, names in SESSIONS.items() for name in names])
def test_the_official_client_works(reports: dict[Script, Said], script: Script, scenario: str) -> None:
    [error] = [one["error"] for one in reports[script] if one.get("scenario") == scenario]
    assert error is None, error


@pytest.mark.parametrize("script", SESSIONS)
def test_every_scenario_is_listed(reports: dict[Script, Said], script: Script) -> None:
    assert [one["scenario"] for one in reports[script] if "scenario" in one] == list(SESSIONS[script])


@pytest.mark.parametrize("script", [script for script, names in SESSIONS.items() if names is CLIENT])
def test_every_method_of_the_official_client_was_called(reports: dict[Script, Said], script: Script) -> None:
    assert reports[script][-1] == {"untouched": []}
