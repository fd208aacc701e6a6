"""What the README says is run."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import toloka_frames as tf
from toloka_frames._client.lists import Lists
from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
CODE = re.findall(r"```python ?([a-z-]*)\n(.*?)```", README, re.DOTALL)


def test_the_code_runs_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    assert len(CODE) >= 5
    for how, code in CODE:
        if how == "no-run":  # needs an account
            compile(code, "README.md", "exec")
            continue
        ran = eval(compile(code, "README.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)  # noqa: S307 -- our own README
        if how == "await":
            assert inspect.iscoroutine(ran)
            asyncio.run(ran)
    assert (tmp_path / "tasks.parquet").exists()
    assert names["results"]["status"].tolist() == ["CREATED", "INVALID"]
    assert len(names["answers"]) == 3_000
    names["toloka"].close()


def test_the_table_names_everything_that_is_there() -> None:
    table = README.split("## What is there")[1].split("## A map")[0]
    lists = {name.removeprefix("get_") for name in vars(Lists) if name.startswith("get_")}
    calls = {name for name in dir(tf.AsyncTolokaClient) if not name.startswith("_")} - {"aclose"} - set(vars(Lists))
    local = {name for name in vars(LocalToloka) if not name.startswith("_")} - {"start", "close", "url", "token"}
    scan = {name for name in vars(tf.Scan) if not name.startswith("_")}
    assert {name for name in lists | calls | local | scan if not re.search(rf"\b{name}\b", table)} == set()


def test_the_map_shows_every_room() -> None:
    rooms = {path.name for path in (ROOT / "toloka_frames").glob("*.py")} - {"_version.py"}
    drawn = README.split("## A map of the house")[1]
    assert {room for room in rooms if room not in drawn} == set()


def test_the_changelog_tells_of_this_version() -> None:
    assert f"\n## {tf.__version__}\n" in (ROOT / "CHANGELOG.md").read_text("utf-8")
