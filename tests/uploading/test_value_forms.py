"""Ids in every form in the functions that send rows: a call with another form is the same call, which creates nothing twice."""

from __future__ import annotations

import inspect
import uuid
from enum import Enum
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from support.sample_project import create_pool

import toloka_frames as tf
from toloka_frames._uploading.bonuses import payments
from toloka_frames._uploading.row_updates import restriction_calls, skill_calls, verdict_calls

if TYPE_CHECKING:
    from pathlib import Path

    from toloka_frames.local import LocalToloka

APP = "M1B0QY7kD5kie8wOyb44"  # takes a text and an image_url, both required
UPLOAD = "0b8f5b0e-4b42-4d4e-9f2b-0d7c6a5b4c3d"
FUNCTIONS = {name: getattr(tf, name) for name in tf.__all__ if inspect.isfunction(getattr(tf, name))}
TASKS = pd.DataFrame({"image": ["https://example.com/1.jpg", "https://example.com/2.jpg"]})
ITEMS = pd.DataFrame({"text": ["a", "b"], "image_url": ["https://example.com/1.jpg", "https://example.com/2.jpg"]})
BONUSES = pd.DataFrame({"user_id": ["a" * 32, "b" * 32], "amount": [0.5, 0.5], "without_message": [True, True]})


class Account:
    """Ids of an account, and the arguments of each function with them."""

    def __init__(self, client: tf.AsyncTolokaClient, ledger: Path) -> None:
        self.client, self.ledger = client, ledger
        project = tf.run(client.create_app_project({"app_id": APP, "name": "Pairs", "parameters": {}}))["id"]
        pool, suites = create_pool(client), create_pool(client, mixer_config=None)
        batch = tf.run(client.create_app_batch(project, {"items": []}))["id"]
        upload = {"upload_id": UPLOAD}
        self.calls: dict[str, list[tuple[pd.DataFrame | None, dict[str, Any], dict[str, str]]]] = {
            "create_tasks": [(TASKS, {"allow_defaults": True}, {"pool_id": pool} | upload)],
            "create_task_suites": [(TASKS, {"allow_defaults": True, "rows_per_suite": 2}, {"pool_id": suites} | upload)],
            "create_app_items": [(ITEMS, {}, {"app_project_id": project, "batch_id": batch} | upload)],
            "create_app_batch": [(ITEMS, {"name": "B"}, {"app_project_id": project} | upload)],
            "create_user_bonuses": [(BONUSES, {}, upload)],
            "preflight": [(TASKS, {"allow_defaults": True}, {"pool_id": pool} | upload)],
            "new_rows": [(TASKS, {}, {"pool_id": pool}), (ITEMS, {}, {"app_project_id": project})],
            "resume": [(None, {}, upload)],
            "reconcile": [(None, {}, upload)],
            "forget": [(None, {}, upload)],
            "pool_form": [(None, {}, {"project_id": project})],
            "training_form": [(None, {}, {"project_id": project})],
        }

    def call(self, name: str, frame: pd.DataFrame | None, options: dict[str, Any]) -> Any:
        function = FUNCTIONS[name]
        usual = {"client": self.client, "ledger": self.ledger, "progress": False}
        options = {key: value for key, value in usual.items() if key in inspect.signature(function).parameters} | options
        return function(**options) if frame is None else function(frame, **options)


@pytest.fixture
def account(client: tf.AsyncTolokaClient, tmp_path: Path) -> Account:
    return Account(client, tmp_path / "uploads.db")


def forms_of(text: str) -> list[Any]:
    """Return an id in every form that can stand for it."""
    forms: list[Any] = [text, np.str_(text), Enum("Ids", {"ID": text})["ID"], tf.Row(id=text), SimpleNamespace(id=text)]
    if text.isdecimal():
        forms += [int(text), np.int64(text), {"id": int(text)}]
    if len(text) == len(UPLOAD):
        forms += [uuid.UUID(text), {"id": uuid.UUID(text)}]
    return forms


CREATING = ["create_tasks", "create_task_suites", "create_app_items", "create_app_batch", "create_user_bonuses"]


@pytest.mark.parametrize("name", CREATING)
def test_a_call_with_ids_in_another_form_creates_nothing_twice(name: str, account: Account, toloka: LocalToloka) -> None:
    for frame, options, ids in account.calls[name]:
        results = account.call(name, frame, options | ids)
        assert set(results["status"]) == {"CREATED"}
        made = posts(toloka)
        for key, text in ids.items():
            for form in forms_of(text):
                again = account.call(name, frame, options | ids | {key: form})
                pd.testing.assert_frame_equal(again, results)
        assert posts(toloka) == made


def posts(toloka: LocalToloka) -> int:
    return sum(request.method == "POST" for request in toloka.requests)


@pytest.mark.parametrize("name", ["create_tasks", "create_app_items"])
def test_new_rows_takes_ids_in_every_form(name: str, account: Account) -> None:
    frame, options, ids = account.calls[name][0]
    account.call(name, frame, options | ids)
    for frame, _, destination in account.calls["new_rows"]:
        for key, text in destination.items() if destination.keys() <= ids.keys() else ():
            assert [len(account.call("new_rows", frame, {key: form})) for form in forms_of(text)] == [0] * len(forms_of(text))


@pytest.mark.parametrize("name", ["resume", "reconcile", "forget"])
def test_the_name_of_an_upload_is_taken_in_every_form(name: str, account: Account) -> None:
    for form in forms_of(UPLOAD):
        results = account.call("create_user_bonuses", BONUSES, {"upload_id": UPLOAD})
        found = account.call(name, None, {"upload_id": form})
        assert found == 1 if name == "forget" else found.equals(results)


def test_the_functions_with_ids_are_those_of_these_tests(account: Account) -> None:
    with_ids = {name: ids_of(function) for name, function in FUNCTIONS.items() if ids_of(function)}
    assert with_ids == {name: {key for _, _, ids in calls for key in ids} for name, calls in account.calls.items()}


def ids_of(function: Any) -> set[str]:
    return {key for key in inspect.signature(function).parameters if key.endswith("_id")}


@pytest.mark.parametrize("name", [name for name, function in FUNCTIONS.items() if ids_of(function)])
def test_what_is_not_an_id_is_rejected_by_its_name_before_anything_is_sent(
    name: str, account: Account, toloka: LocalToloka
) -> None:
    before = len(toloka.requests)
    for frame, options, ids in account.calls[name]:
        for key in ids:
            for wrong in (1080020.0, True, -1, "", b"1", tf.Row(), SimpleNamespace(id=None), ["1"]):
                with pytest.raises(tf.InputError) as caught:
                    account.call(name, frame, options | ids | {key: wrong})
                assert caught.value.column == key
    assert len(toloka.requests) == before


IDS_IN_A_COLUMN: dict[str, Any] = {
    "numbers": [1, 2],
    "numbers of NumPy": np.array([1, 2], np.uint16),
    "nullable numbers": pd.array([1, 2], "Int64"),
    "Arrow numbers": pd.array([1, 2], "int64[pyarrow]"),
    "rows": [tf.Row(id="1"), {"id": 2}],
    "categories": pd.Categorical(["1", "2"]),
}


@pytest.mark.parametrize("ids", IDS_IN_A_COLUMN.values(), ids=IDS_IN_A_COLUMN)
def test_ids_in_a_column_are_sent_as_text(ids: Any) -> None:
    names = ("user_id", "skill_id", "pool_id", "assignment_id")
    frame = pd.DataFrame(dict.fromkeys(names, ids) | {"value": [1, 2], "scope": [Scope.POOL, "POOL"]})
    text = frame.assign(scope="POOL", **{name: ["1", "2"] for name in names})
    skills, bans, bonus = ["user_id", "skill_id", "value"], ["user_id", "scope", "pool_id"], ["user_id", "assignment_id"]
    assert skill_calls(frame[skills]) == skill_calls(text[skills])
    assert restriction_calls(frame[bans]) == restriction_calls(text[bans])
    assert verdict_calls(frame[["assignment_id"]], "ACCEPTED", None) == verdict_calls(text[["assignment_id"]], "ACCEPTED", None)
    assert payments(frame[bonus].assign(amount=0.5)) == payments(text[bonus].assign(amount=0.5))


class Scope(Enum):
    """A scope as Toloka-Kit has it."""

    POOL = "POOL"


def test_pools_in_a_column_are_taken_in_every_form(account: Account) -> None:
    frame, options, ids = account.calls["create_tasks"][0]
    account.call("create_tasks", frame, options | ids)
    for form in forms_of(ids["pool_id"]):
        assert len(account.call("new_rows", frame.assign(pool_id=[form, form]), {})) == 0


def test_floats_are_no_ids_in_a_column(account: Account) -> None:
    with pytest.raises(tf.InputError, match=r"rows 0: the value is not an id \(as '1.0', float\)") as caught:
        tf.create_user_bonuses(BONUSES.assign(assignment_id=[1.0, None]), account.client, progress=False)
    assert "df['assignment_id'].astype('Int64')" in str(caught.value)
