"""The README is true: its code runs, its commands exist, and its figures are those of the benchmark."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import toloka_frames as tf

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = Path(tf.__file__).parent
README = (ROOT / "README.md").read_text("utf-8")
CODE = re.findall(r"```python ?([a-z-]*)\n(.*?)```", README, re.DOTALL)
GUIDE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
ORGANISATION = GUIDE.split("## How the code is organised")[1].split("\n## ")[0]


def test_it_is_short() -> None:
    assert len(README.splitlines()) <= 120


def test_the_code_blocks_run_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    assert [how for how, _ in CODE] == ["", "no-run"]  # the second needs an account
    for how, code in CODE:
        compiled = compile(code, "README.md", "exec")
        if how != "no-run":
            exec(compiled, names)  # noqa: S102 -- the code is from this repository
    assert names["results"]["status"].eq("CREATED").all()
    assert len(names["labels"]) == 1_000
    names["toloka"].close()


def test_the_commands_that_it_names_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {"".join(pair) for pair in re.findall(r"^make ([a-z-]+)|`make ([a-z-]+)`", README, re.MULTILINE)}
    assert {"demo", "test", "docs"} <= named
    assert named - targets == set()


def test_its_figures_are_those_of_the_benchmark() -> None:
    results = (ROOT / "benchmarks" / "results.md").read_text("utf-8")
    figures = {figure.strip("*") for figure in re.findall(r"\*\*[\d.]+\*\*|\b\d+\.\d+\b", README.split("## Why")[1])}
    measured = {float(figure) for figure in re.findall(r"\d+\.\d+", results)}
    versions = {"1.2"}
    assert len(figures) >= 8
    assert {figure for figure in figures - versions if not _is_rounded(figure, measured)} == set()


def _is_rounded(figure: str, measured: set[float]) -> bool:
    digits = len(figure.partition(".")[2])
    return any(round(value, digits) == float(figure) for value in measured)


def test_the_code_organisation_names_every_package() -> None:
    packages = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert {name for name in packages if not re.search(rf"(?<!\w){name}(?!\w)", ORGANISATION)} == set()


def test_every_module_that_the_code_organisation_names_exists() -> None:
    named = re.findall(r"\b(_[a-z]+)/([a-z_]+(?:, [a-z_]+)*)", ORGANISATION)
    modules = {f"{package}/{module}.py" for package, names in named for module in names.split(", ")}
    assert len(modules) >= 15
    assert {name for name in modules if not (PACKAGE / name).exists()} == set()


def test_the_changelog_describes_this_version() -> None:
    assert f"\n## {tf.__version__}\n" in (ROOT / "CHANGELOG.md").read_text("utf-8")
