"""The code blocks of docs/*.md run as written: Python blocks in order, pytest blocks by pytest."""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[1] / "docs"
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
