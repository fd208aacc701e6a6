"""The code blocks of docs/*.md run as written: Python blocks in order, pytest blocks by pytest."""

from __future__ import annotations

import ast
import asyncio
import builtins
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import toloka_frames as tf

ROOT = Path(__file__).parents[1]
PACKAGE = Path(tf.__file__).parent
DOCS = ROOT / "docs"
CODE_SPANS = set(re.findall(r"`([^`\n]+)`", (ROOT / "CONTRIBUTING.md").read_text("utf-8")))
PAGES = sorted(DOCS.glob("**/*.md"))
TIMEOUT_SECONDS = 120


def code_of(page: Path) -> list[tuple[str, str]]:
    """Return how to run each code block (the word after `python`), and its code."""
    return re.findall(r"```python ?([a-z-]*)\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


def run(code: str, names: dict[str, Any]) -> None:
    result = eval(compile(code, "docs", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)  # noqa: S307 -- the code is from this repository
    if inspect.iscoroutine(result):
        asyncio.run(result)


def run_tests(code: str, folder: Path) -> None:
    (folder / "test_of_the_page.py").write_text(code, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    environment = os.environ | {"XDG_DATA_HOME": str(folder / "data")}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
    )
    assert (done.returncode, "passed" in done.stdout) == (0, True), done.stdout + done.stderr


def test_there_are_pages() -> None:
    assert PAGES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_code_of_a_page_runs_as_written(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if "crowdkit" in page.read_text("utf-8"):
        request.getfixturevalue("crowd_kit")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    blocks = code_of(page)
    assert blocks
    for how, code in blocks:
        if how == "pytest":
            run_tests(code, tmp_path)
        elif how == "no-run":
            compile(code, page.name, "exec")
        else:
            run(code, names)


def test_the_files_that_the_contributing_guide_names_exist() -> None:
    paths = {name for name in CODE_SPANS if re.fullmatch(r"[A-Za-z_.]+(/[A-Za-z_.-]*)+|[A-Za-z_]+\.(md|py|toml|png)", name)}
    # paths without a root are given relative to the package, to local/ or to the folder named before them
    roots = [ROOT, PACKAGE.parent, PACKAGE, PACKAGE / "local", PACKAGE / "_uploading", ROOT / "docs", ROOT / "benchmarks"]
    assert len(paths) >= 30
    assert {path for path in paths if not any((root / path).exists() for root in roots)} == set()


def test_the_names_of_code_in_the_contributing_guide_exist() -> None:
    files = [*PACKAGE.rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    words = set(re.findall(r"\w+", "\n".join(path.read_text("utf-8") for path in files)))
    names = {match[1] for name in CODE_SPANS if (match := re.fullmatch(r"@?([A-Za-z_]+)(=True)?(\(.*\))?", name))}
    assert len(names) >= 30
    assert names - words - set(dir(builtins)) == set()
