"""Rows become app items unchanged; rows that cannot be sent are rejected before anything is sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from support.scripted_server import Scripted, reply

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Iterator

SPEC = {
    "text": {"type": "string", "required": True},
    "share": {"type": "float", "required": False},
    "tags": {"type": "array_string", "required": False},
    "id": {"type": "string", "required": False, "hidden": True},
}


class AppServer(Scripted):
    """A server with an app project whose app has the input fields of SPEC."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = [self._route]

    def _route(self, head: str) -> bytes:
        if head.startswith("POST"):
            return reply([f"item {row}" for row in range(len(json.loads(self.bodies[-1])["items"]))])
        return reply({"id": "me", "app_id": "A", "input_spec": SPEC})

    @property
    def posted(self) -> list[Any]:
        return [json.loads(body) for body in self.bodies if body]


@pytest.fixture
def apps() -> Iterator[AppServer]:
    with AppServer() as server:
        yield server


def test_input_fields_are_sent_unchanged_without_missing_cells(apps: AppServer) -> None:
    frame = pd.DataFrame({"text": ["007", "NA"], "share": [0.5, None], "tags": [None, ["a", "b"]]}, index=["a", "a"])
    results = frame.pipe(tf.create_app_items, apps.async_client(), "P", progress=False)
    assert apps.posted == [{"items": [{"share": 0.5, "text": "007"}, {"tags": ["a", "b"], "text": "NA"}]}]
    assert results.index.tolist() == ["a", "a"]
    assert results["item_id"].tolist() == ["item 0", "item 1"]


def test_columns_may_be_named_as_in_the_platforms_files(apps: AppServer) -> None:
    frame = pd.DataFrame({"INPUT:id": ["1"], "INPUT:text": ["a"]})
    frame.pipe(tf.create_app_items, apps.async_client(), "P", progress=False)
    assert apps.posted == [{"items": [{"id": "1", "text": "a"}]}]


def test_options_are_sent_next_to_the_items(apps: AppServer) -> None:
    options = {"batch_id": "B", "ignore_errors": True, "force_new_original": True, "progress": False}
    pd.DataFrame({"text": ["a"]}).pipe(tf.create_app_items, apps.async_client(), "P/1", **options)
    assert apps.posted == [{"items": [{"text": "a"}], "batch_id": "B", "ignore_errors": True, "force_new_original": True}]
    assert apps.requests[-1] == "POST /api/app/v0/app-projects/P%2F1/items/bulk"


INVALID: dict[str, tuple[dict[str, list[Any]], dict[str, Any], str]] = {
    "an unknown field": ({"txet": ["a"]}, {}, "'text'"),
    "a required field is missing": ({"share": [0.5]}, {}, "'text' is required"),
    "a required value is missing": ({"text": ["a", None]}, {}, "rows 1"),
    "a value of another type": ({"text": ["a", 1]}, {}, "rows 1: the value is not of type string"),
    "bytes": ({"text": [b"a"]}, {"batch_id": "B", "ignore_errors": True}, "a type that JSON cannot represent"),
    "a known solution": ({"INPUT:text": ["a"], "GOLDEN:result": ["b"]}, {}, "GOLDEN:result"),
    "an overlap": ({"text": ["a"], "TASK:overlap": [3]}, {}, "TASK:overlap"),
    "ignore_errors without a batch": ({"text": ["a"]}, {"ignore_errors": True}, "batch only"),
    "an invalid flag": ({"text": ["a"]}, {"force_new_original": 1}, "force_new_original"),
    "an empty batch id": ({"text": ["a"]}, {"batch_id": ""}, "batch_id"),
    "an invalid number": ({"text": ["a"]}, {"concurrency": 0}, "concurrency"),
}


@pytest.mark.parametrize(("columns", "options", "message"), INVALID.values(), ids=INVALID)
def test_rows_that_cannot_be_sent_are_rejected(
    columns: dict[str, list[Any]], options: dict[str, Any], message: str, apps: AppServer
) -> None:
    with pytest.raises(tf.InputError, match=message):
        tf.create_app_items(pd.DataFrame(columns), apps.async_client(), "P", **{"progress": False} | options)
    assert apps.posted == []


@pytest.mark.parametrize("options", [{"priority_order": "SIX"}, {"name": ""}, {"name": 1}, {"start": "yes"}])
def test_invalid_options_of_a_batch_are_rejected(options: dict[str, Any], apps: AppServer) -> None:
    with pytest.raises(tf.InputError, match=next(iter(options))):
        tf.create_app_batch(pd.DataFrame({"text": ["a"]}), apps.async_client(), "P", **options, progress=False)
    assert apps.requests == []


@pytest.mark.parametrize("project", ["", None, ".", 7.0])
def test_an_invalid_app_project_id_is_rejected(project: Any, apps: AppServer) -> None:
    with pytest.raises(tf.InputError, match="app_project_id"):
        tf.create_app_items(pd.DataFrame({"text": ["a"]}), apps.async_client(), project, progress=False)
    assert apps.requests == []
