"""Docstrings with examples: the examples run, and those of helpers on frames state columns, result, errors and source."""

from __future__ import annotations

import doctest
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib import pyplot as plt

import toloka_frames as tf

HELPERS = (
    *("cost", "explode", "failed", "pending", "plot_progress", "plot_workers", "progress_by_status", "quality"),
    *("to_crowdkit", "wide"),
)


def test_the_example_of_the_package_runs() -> None:
    assert run_example(tf, "toloka_frames") == (0, 11)


@pytest.mark.parametrize("name", HELPERS)
def test_the_example_of_a_helper_runs(name: str) -> None:
    mpl.use("agg")
    failed, attempted = run_example(getattr(tf, name), name)
    plt.close("all")
    assert (failed, attempted >= 2) == (0, True)


def run_example(documented: object, name: str) -> tuple[int, int]:
    """Run the example in a docstring; return the number of failed and of all statements."""
    finder = doctest.DocTestFinder(recurse=False)
    (example,) = finder.find(documented, name, module=False, globs={"tf": tf, "pd": pd})  # type: ignore[arg-type]
    outcome = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example)
    return outcome.failed, outcome.attempted


@pytest.mark.parametrize("name", HELPERS)
def test_a_helper_documents_arguments_result_errors_and_source(name: str) -> None:
    text = getattr(tf, name).__doc__
    assert [part for part in ("Args:", "Returns:", "Raises:", "InputError", "Example:", "Source: ") if part not in text] == []


@pytest.mark.parametrize("name", HELPERS)
def test_a_helper_is_in_the_table_of_the_docs(name: str) -> None:
    assert f"| `{name}(" in (Path(__file__).parents[1] / "docs" / "frames.md").read_text("utf-8")
