"""The code blocks of docs/ run as written, its pages name everything, and their links lead somewhere.

Python blocks run in order, pytest blocks by pytest. `make docs` checks what only the built site has.
"""

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
from toloka_frames import aio, local

ROOT = Path(__file__).parents[1]
PACKAGE = Path(tf.__file__).parent
DOCS = ROOT / "docs"
CODE_SPANS = set(re.findall(r"`([^`\n]+)`", (ROOT / "CONTRIBUTING.md").read_text("utf-8")))
PAGES = sorted(DOCS.glob("**/*.md"))
GUIDES = sorted([*ROOT.glob("*.md"), ROOT / "benchmarks" / "results.md", *PAGES])
TIMEOUT_SECONDS = 120
API_NAME = r"^::: ([\w.]+)"
# of Markdown and of HTML, without those of other hosts
LINK = re.compile(r"""(?:\]\(|(?:src|srcset|href)=")(?![a-z]+:)([^)"#\s]*)#?([^)"\s]*)[)"]""")
# blocks that do not run, by page, and why
NOT_RUN = {
    "how_to/secrets": (2, "a token of one's own, and a token that is typed"),
    "real_account": (1, "a token of one's own"),
    "scale": (2, "a secret store, and Ray, which is large"),
}


def name_of(page: Path) -> str:
    return page.relative_to(DOCS).with_suffix("").as_posix()


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


def test_there_are_pages_and_most_have_code_that_runs() -> None:
    assert len(PAGES) >= 35
    assert len([page for page in PAGES if code_of(page)]) >= 20


def test_only_code_with_a_reason_does_not_run() -> None:
    not_run = [name_of(page) for page in PAGES for how, _ in code_of(page) if how == "no-run"]
    assert {name: not_run.count(name) for name in not_run} == {name: count for name, (count, _) in NOT_RUN.items()}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_code_of_a_page_runs_as_written(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if "crowdkit" in page.read_text("utf-8"):
        request.getfixturevalue("crowd_kit")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for how, code in code_of(page):
        if how == "pytest":
            run_tests(code, tmp_path)
        elif how == "no-run":
            compile(code, page.name, "exec")
        else:
            run(code, names)


def test_every_public_name_is_described_on_a_page_of_the_api() -> None:
    modules = {"toloka_frames": tf, "toloka_frames.aio": aio, "toloka_frames.local": local}
    public = {f"{name}.{member}" for name, module in modules.items() for member in module.__all__}
    assert public - described() == {"toloka_frames.__version__", "toloka_frames.aio"}


def test_every_public_method_is_described_on_a_page_of_the_api() -> None:
    described_on = {tf.TolokaClient: ["calls", "service"], tf.Scan: []}
    methods = {
        f"toloka_frames.{cls.__name__}.{name}"
        for cls, internal in described_on.items()
        for name in dir(cls)
        if not name.startswith("_") and name not in internal
    }
    assert len(methods) >= 140
    assert methods - described() == set()


def test_every_public_function_is_in_the_overview_of_the_api() -> None:
    overview = (DOCS / "reference" / "index.md").read_text("utf-8")
    functions = {name for name in tf.__all__ if inspect.isfunction(getattr(tf, name))}
    assert {name for name in functions if f"#toloka_frames.{name})" not in overview} == set()


def test_every_page_is_in_the_navigation() -> None:
    listed = set(re.findall(r"[\w/]+\.md$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE))
    assert {f"{name_of(page)}.md" for page in PAGES} - listed == set()


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file_and_a_heading_of_the_repository(page: Path) -> None:
    broken = set()
    for target, anchor in LINK.findall(text_of(page)):
        file = page.parent / target if target else page
        if not file.exists() or (file.suffix == ".md" and anchor not in anchors(file)):
            broken.add(f"{target}#{anchor}")
    assert broken == set()


def text_of(page: Path) -> str:
    """Return the text of a page without its code blocks."""
    return re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page: its headings, as GitHub and the site name them, and names of the API."""
    text = text_of(page)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    names = re.findall(API_NAME, text, re.MULTILINE)
    return {"", *names, *(re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings)}


def described() -> set[str]:
    """Return the names that the pages of the API describe: are those that mkdocstrings fetches."""
    text = "\n".join(page.read_text("utf-8") for page in (DOCS / "reference").glob("*.md"))
    return set(re.findall(API_NAME, text, re.MULTILINE))


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
