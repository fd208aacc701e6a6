"""Docstrings with examples: every public call and class has one that runs; helpers on frames state errors and source, too."""

from __future__ import annotations

import doctest
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import pytest
from matplotlib import pyplot as plt
from support.example_objects import ExampleAccount

import toloka_frames as tf
from toloka_frames import aio, local

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

HELPERS = (
    *("compare", "complete", "cost", "explode", "failed", "over_time", "pending", "plot_agreement", "plot_over_time"),
    *("plot_progress", "plot_workers", "progress_by_status", "quality", "replay_rules", "to_crowdkit", "wide"),
)


def public_objects() -> dict[str, Any]:
    """Return public functions and classes, and the methods and properties of these, by their names; the package, too."""
    found: dict[str, Any] = {"tf": tf}
    for prefix, module in (("tf", tf), ("tf.aio", aio), ("tf.local", local)):
        for name, member in public_members(module):
            found[f"{prefix}.{name}"] = member
    return found


def public_members(module: ModuleType) -> Iterator[tuple[str, Any]]:
    for name in module.__all__:
        member = getattr(module, name)
        if callable(member):
            yield name, member
        if inspect.isclass(member):
            yield from ((f"{name}.{method}", documented) for method, documented in own_methods(member))


def own_methods(cls: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties that this package adds to a class."""
    for name in dir(cls):
        holder = next((base for base in cls.__mro__ if name in vars(base)), None)
        if holder is None or name.startswith("_") or not holder.__module__.startswith("toloka_frames"):
            continue
        member = inspect.getattr_static(cls, name)
        if isinstance(member, property) or callable(getattr(cls, name)):
            yield name, member if isinstance(member, property) else getattr(cls, name)


PUBLIC = public_objects()
# the two clients share the docstrings of their calls, which run once
TEXTS = {inspect.getdoc(PUBLIC[name]) or "": name for name in sorted(PUBLIC, key=lambda name: "Async" not in name)}
EXAMPLES = {name: text for text, name in TEXTS.items() if ">>> " in text}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> ExampleAccount:
    return ExampleAccount(tmp_path_factory.mktemp("account"))


def test_every_public_name_has_an_example() -> None:
    assert len(PUBLIC) > 300
    assert [name for name, documented in PUBLIC.items() if ">>> " not in (inspect.getdoc(documented) or "")] == []


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_runs(
    name: str, account: ExampleAccount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")  # pandas prints frames as wide as the terminal
    mpl.use("agg")
    with account.names() as names:
        example = doctest.DocTestParser().get_doctest(with_run(EXAMPLES[name]), names, name, None, None)
        outcome = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example, clear_globs=False)
    plt.close("all")
    assert outcome.failed == 0, capsys.readouterr().out


def with_run(text: str) -> str:
    """Return the text of an example whose awaited calls are run: doctest knows no `await`."""
    return re.sub(r"^(\s*(?:>>>|\.\.\.) .*?)\bawait (.*)$", r"\1tf.run(\2)", text, flags=re.MULTILINE)


@pytest.mark.parametrize("name", HELPERS)
def test_a_helper_documents_arguments_result_errors_and_source(name: str) -> None:
    text = getattr(tf, name).__doc__
    assert [part for part in ("Args:", "Returns:", "Raises:", "InputError", "Example:", "Source: ") if part not in text] == []


@pytest.mark.parametrize("name", HELPERS)
def test_a_helper_is_in_the_table_of_the_docs(name: str) -> None:
    assert f"| `{name}(" in (Path(__file__).parents[1] / "docs" / "frames.md").read_text("utf-8")
