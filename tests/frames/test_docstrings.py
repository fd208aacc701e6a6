"""Docstrings of the helpers: their examples run, and they state columns, result, errors and source."""

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


@pytest.mark.parametrize("name", HELPERS)
def test_the_example_of_a_helper_runs(name: str) -> None:
    (doctest_of_helper,) = doctest.DocTestFinder().find(getattr(tf, name), name, module=False, globs={"tf": tf, "pd": pd})
    mpl.use("agg")
    outcome = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(doctest_of_helper)
    plt.close("all")
    assert (outcome.failed, outcome.attempted >= 2) == (0, True)


@pytest.mark.parametrize("name", HELPERS)
def test_a_helper_documents_arguments_result_errors_and_source(name: str) -> None:
    text = getattr(tf, name).__doc__
    assert [part for part in ("Args:", "Returns:", "Raises:", "InputError", "Example:", "Source: ") if part not in text] == []


@pytest.mark.parametrize("name", HELPERS)
def test_a_helper_is_in_the_table_of_the_docs(name: str) -> None:
    assert f"| `{name}(" in (Path(__file__).parents[2] / "docs" / "frames.md").read_text("utf-8")
