"""The page for those who come from Toloka-Kit: its table of methods against the installed Toloka-Kit and against our client."""

from __future__ import annotations

import inspect
import re

import pytest
from support.kit_catalog import BEGIN, COUNTS_BEGIN, COUNTS_END, END, KIT, PAGE, kit_methods, line_counts, our_call, table

import toloka_frames as tf

TEXT = PAGE.read_text("utf-8")
ROWS = re.findall(r"^\| `(\w+)\(([^)]*)\)` \| `((\w+)\([^)]*\))` \| (.*) \|$", TEXT, re.MULTILINE)
needs_kit = pytest.mark.skipif(not (KIT.parents[1] / ".made").is_file(), reason="Toloka-Kit is not there: make interop")


@needs_kit
def test_the_table_is_that_of_the_installed_toloka_kit() -> None:
    assert BEGIN + TEXT.partition(BEGIN)[2].partition(END)[0] == table(kit_methods())


def test_the_table_has_our_method_of_each_name_with_its_parameters() -> None:
    assert len(ROWS) == 134
    assert [ours for _, _, ours, name, _ in ROWS if ours != our_call(name)] == []
    assert [name for name, _, _, ours, _ in ROWS if name != ours] == []
    assert all(callable(getattr(client, name)) for name, *_ in ROWS for client in (tf.TolokaClient, tf.AsyncTolokaClient))


def test_a_parameter_of_toloka_kit_that_we_do_not_have_is_mentioned() -> None:
    mentioned = {("get_", "request"), ("find_", "request")}  # filters of lists are keywords
    missing = [
        (name, parameter)
        for name, parameters, _, _, note in ROWS
        for parameter in re.findall(r"\w+", parameters)
        if parameter not in inspect.signature(getattr(tf.TolokaClient, name)).parameters
        and f"`{parameter}`" not in note
        and (f"{name.partition('_')[0]}_", parameter) not in mentioned
    ]
    assert missing == []


def test_the_functions_that_the_table_recommends_exist() -> None:
    recommended = set(re.findall(r"\btf\.(\w+)", TEXT))
    assert recommended <= set(tf.__all__)


@needs_kit
def test_toloka_kit_has_the_defaults_that_the_page_names() -> None:
    defaults = kit_methods()
    assert defaults["wait_operation"]["timeout"] == "datetime.timedelta(seconds=600)"
    assert defaults["get_assignments_df"].keys() == {"pool_id", "parameters"}


def test_the_numbers_of_lines_of_the_jobs_are_those_of_the_page() -> None:
    assert COUNTS_BEGIN + TEXT.partition(COUNTS_BEGIN)[2].partition(COUNTS_END)[0] == line_counts(TEXT)
    assert len(re.findall(r"```python job-", TEXT)) == 6
    assert len(re.findall(r"(?m)^### \d+\. ", TEXT)) == 10
