"""Toloka-Kit's functional tests, which its authors run against Toloka itself, on the local service.

They are only in its repository: kit.mk clones them. Toloka's account has a project with a pool of answers for them, whose ids
and counts they know; `load_account` makes such a project.
"""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pandas as pd
import pytest

from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
KIT = HERE.parents[1] / ".venv-kit"
# they ask toloka.dev for its languages, and tb.yandex.net for its components
NEED_THE_INTERNET = {"test_verified_languages_to_skills_mapping_is_up_to_date", "test_component_is_implemented"}
PROJECT_ID, POOL_ID = "63424", 29078882
ASSIGNMENT_ID = "0001bbb562--617bfe98d17b912687d6d878"
ASSIGNMENTS, ROWS = 63, 606

pytestmark = pytest.mark.skipif(
    not (KIT / ".functional").is_file(), reason="Toloka-Kit's functional tests are not there: make interop"
)


def test_the_functional_tests_pass_that_need_no_internet(tmp_path: Path) -> None:
    report, settings = tmp_path / "report.xml", tmp_path / "pytest.ini"
    settings.touch()  # else they would have the settings of this project, which is above them
    with LocalToloka(operation_seconds=0.05) as toloka:
        load_account(toloka)
        path = os.pathsep.join((str(HERE), os.environ.get("PYTHONPATH", "")))
        environment = {**os.environ, "TOLOKA_URL": toloka.url, "TOLOKA_TOKEN": toloka.token, "PYTHONPATH": path}
        options = ("-p", "kit_here", "-p", "no:cacheprovider", "-c", str(settings), f"--junit-xml={report}")
        command = [KIT / "bin" / "python", "-m", "pytest", *options, "functional_tests"]
        ran = subprocess.run(
            command, cwd=KIT / "source", env=environment, capture_output=True, text=True, timeout=240, check=False
        )
    assert report.is_file(), ran.stdout + ran.stderr
    outcomes = {test: outcome for test, outcome in read(report) if test not in NEED_THE_INTERNET}
    assert [test for test, outcome in outcomes.items() if outcome != "passed"] == [], ran.stdout
    assert Counter(outcomes.values()) == {"passed": 112}


def read(report: Path) -> Iterator[tuple[str, str]]:
    for case in ET.parse(report).iter("testcase"):  # noqa: S314  # pytest has written it
        bad = [element.tag for element in case if element.tag in {"failure", "error", "skipped"}]
        yield (case.get("name") or ""), (bad[0] if bad else "passed")


def load_account(toloka: LocalToloka) -> None:
    """Load what the tests know of Toloka's account: the project, the pool, an assignment and the numbers of its answers."""
    toloka.load_export(pd.DataFrame([row(number) for number in range(ROWS)]))
    store = toloka._service.store
    store.execute_many("UPDATE projects SET body = json_set(body, '$.id', ?)", [(PROJECT_ID,)])
    store.execute_many("UPDATE pools SET body = json_set(body, '$.project_id', ?)", [(PROJECT_ID,)])


def row(number: int) -> dict[str, str]:
    """Return a row of the pool's export; every tenth is a control task."""
    page = number % ASSIGNMENTS
    return {
        "INPUT:image": f"https://example.com/{number}.jpg",
        "OUTPUT:result": "cat",
        "GOLDEN:result": "" if number % 10 else "cat",
        "ASSIGNMENT:task_id": object_id(number),
        "ASSIGNMENT:assignment_id": object_id(10_000 + page) if page else ASSIGNMENT_ID,
        "ASSIGNMENT:task_suite_id": object_id(20_000 + page),
        "ASSIGNMENT:worker_id": f"{page:032x}",
        "ASSIGNMENT:status": "APPROVED",
        "ASSIGNMENT:started": "2021-10-29T14:00:00",
        "ASSIGNMENT:submitted": "2021-10-29T14:01:00",
        "ASSIGNMENT:accepted": "2021-10-29T14:02:00",
    }


def object_id(number: int) -> str:
    return f"{POOL_ID:010x}--617bfe98d17b912687{number:06x}"
