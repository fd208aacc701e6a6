"""The README is true: its code runs, its tables name everything, and the files that it names exist."""

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
PACKAGE = Path(tf.__file__).parent
README = (ROOT / "README.md").read_text("utf-8")
CODE = re.findall(r"```python ?([a-z-]*)\n(.*?)```", README, re.DOTALL)
API = README.split("## API at a glance")[1].split("\n## ")[0]
ORGANISATION = README.split("## How the code is organised")[1].split("\n## ")[0]


def test_the_code_blocks_run_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    assert len(CODE) >= 5
    for how, code in CODE:
        if how == "no-run":  # needs an account
            compile(code, "README.md", "exec")
            continue
        result = eval(compile(code, "README.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)  # noqa: S307 -- the code is from this repository
        if how == "await":
            assert inspect.iscoroutine(result)
            asyncio.run(result)
    assert (tmp_path / "tasks.parquet").exists()
    assert names["labels"]["status"].eq("CREATED").all()
    assert names["results"]["status"].tolist() == ["CREATED", "INVALID"]
    assert len(names["answers"]) == 3_000
    names["toloka"].close()


def test_the_api_table_names_every_public_method() -> None:
    lists = {name.removeprefix("get_") for name in vars(Lists) if name.startswith("get_")}
    calls = {name for name in dir(tf.AsyncTolokaClient) if not name.startswith("_")} - {"aclose"} - set(vars(Lists))
    local = {name for name in vars(LocalToloka) if not name.startswith("_")} - {"start", "close", "url", "token"}
    scan = {name for name in vars(tf.Scan) if not name.startswith("_")}
    assert {name for name in lists | calls | local | scan if not re.search(rf"\b{name}\b", API)} == set()


def test_the_api_table_names_every_public_function() -> None:
    functions = {name for name in tf.__all__ if inspect.isfunction(getattr(tf, name))}
    assert {name for name in functions if not re.search(rf"\b{name}\b", API)} == set()


def test_the_code_organisation_names_every_package() -> None:
    packages = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert {name for name in packages if not re.search(rf"(?<!\w){name}(?!\w)", ORGANISATION)} == set()


def test_every_module_that_the_code_organisation_names_exists() -> None:
    named = re.findall(r"\b(_[a-z]+)/([a-z_]+(?:, [a-z_]+)*)", ORGANISATION)
    modules = {f"{package}/{module}.py" for package, names in named for module in names.split(", ")}
    assert len(modules) >= 20
    assert {name for name in modules if not (PACKAGE / name).exists()} == set()


def test_every_file_that_the_readme_links_to_exists() -> None:
    links = {link.partition("#")[0] for link in re.findall(r"\]\(([^):]+)\)", README)}
    assert {link for link in links if not (ROOT / link).exists()} == set()


def test_the_changelog_describes_this_version() -> None:
    assert f"\n## {tf.__version__}\n" in (ROOT / "CHANGELOG.md").read_text("utf-8")
