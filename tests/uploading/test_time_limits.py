"""`timeout=` bounds every function that sends rows: the rest is NOT_SENT or UNKNOWN, and the same call continues."""

from __future__ import annotations

import asyncio
import inspect
import time
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import toloka_frames as tf
from toloka_frames import aio

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.scripted_server import Scripted

    from toloka_frames.local import LocalToloka

FRAME = pd.DataFrame({"image": [f"https://example.com/{row}.jpg" for row in range(4)]})
VERBS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "create_tasks": (tf.create_tasks, (FRAME,)),
    "create_task_suites": (tf.create_task_suites, (FRAME,)),
    "create_user_bonuses": (tf.create_user_bonuses, (pd.DataFrame({"user_id": ["a" * 32], "amount": [1.0]}),)),
    "create_app_items": (tf.create_app_items, (FRAME,)),
    "create_app_batch": (tf.create_app_batch, (FRAME,)),
    "set_user_skills": (tf.set_user_skills, (pd.DataFrame({"user_id": ["u"], "skill_id": ["1"], "value": [1]}),)),
    "set_user_restrictions": (tf.set_user_restrictions, (pd.DataFrame({"user_id": ["u"], "scope": ["ALL_PROJECTS"]}),)),
    "accept_assignments": (tf.accept_assignments, (pd.DataFrame({"assignment_id": ["a"]}),)),
    "reject_assignments": (tf.reject_assignments, (pd.DataFrame({"assignment_id": ["a"], "public_comment": ["no"]}),)),
    "resume": (tf.resume, ("an upload",)),
    "reconcile": (tf.reconcile, ("an upload",)),
}
OPTIONS = {
    "create_tasks": {"pool_id": "1", "allow_defaults": True},
    "create_task_suites": {"pool_id": "1", "rows_per_suite": 2, "allow_defaults": True},
    "create_user_bonuses": {"public_title": "Thanks", "public_message": "Good work"},
    "create_app_items": {"app_project_id": "p"},
    "create_app_batch": {"app_project_id": "p"},
}


OTHERS = {"follow", "head", "new_rows", "pool_metrics", "preflight", "sync", "to_arrow", "to_dataframe", "to_parquet"}
OTHERS |= {"wait_pool", "watch"}


def test_every_function_that_sends_rows_is_in_the_table() -> None:
    names = {name for name in aio.__all__ if "timeout" in inspect.signature(getattr(aio, name)).parameters}
    assert names - OTHERS == set(VERBS) == set(aio.__all__) - OTHERS


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), "5", True])
def test_a_timeout_that_is_not_a_number_of_seconds_is_rejected(timeout: Any, scripted: Scripted) -> None:
    client = scripted.async_client()
    for name, (verb, rows) in VERBS.items():
        with pytest.raises(tf.InputError, match="timeout="):
            verb(*rows, client, **OPTIONS.get(name, {}), timeout=timeout)
    assert scripted.requests == []


@pytest.mark.parametrize("timeout", [60, 60.0, np.int64(60), np.float32(60), Fraction(60)], ids=repr)
def test_a_timeout_is_a_number_of_python_or_numpy(timeout: Any, toloka: LocalToloka) -> None:
    client, pool = toloka.client(), toloka.example_pool()
    results = tf.create_tasks(FRAME, client, pool.id, overlap=1, timeout=timeout, progress=False)
    assert results["status"].eq("CREATED").all()
    operation = client.open_pool_async(pool.id)
    assert client.wait_operation(operation, timeout=timeout, progress=False).status == "SUCCESS"


@pytest.mark.parametrize("name", VERBS)
def test_a_call_to_a_service_that_does_not_respond_ends(name: str, toloka: LocalToloka) -> None:
    toloka.faults.call("* /*", lambda _: time.sleep(30))
    verb, rows = VERBS[name]
    with pytest.raises(tf.UploadError, match=r"did not end in 0\.1 s") as caught:
        verb(*rows, toloka.async_client(), **OPTIONS.get(name, {}), timeout=0.1, progress=False)
    error = caught.value
    assert set(error.results["status"]) <= {"UNKNOWN", "NOT_SENT"}
    assert "The same call again" in error.hint
    assert error.__cause__ is None


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_the_same_call_continues_after_a_timeout(is_async: bool, pool_id: str, toloka: LocalToloka) -> None:
    options: dict[str, Any] = {"allow_defaults": True, "progress": False}
    client = toloka.async_client()
    # the tasks are created, and the operation is never seen to end
    slow = toloka.faults.call("GET /v1/operations/*", lambda _: time.sleep(30))
    call = partial(tf.aio.create_tasks if is_async else tf.create_tasks, FRAME, client, pool_id, **options)
    for seconds in (1, 10):  # a busy machine may take longer than a second until it asks for the operation
        with pytest.raises(tf.UploadError, match="did not end") as caught:
            asyncio.run(call(timeout=seconds)) if is_async else call(timeout=seconds)
        if slow.struck:
            break
    assert caught.value.results["status"].tolist() == ["UNKNOWN"] * 4
    assert caught.value.upload_id
    assert slow.struck
    toloka.faults.clear()
    assert tf.create_tasks(FRAME, toloka.async_client(), pool_id, **options)["status"].tolist() == ["CREATED"] * 4
    assert len(client.get_tasks(pool_id).to_dataframe(progress=False)) == 4


def test_a_call_that_ends_in_time_is_not_affected(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    results = tf.create_tasks(FRAME, client, pool_id, allow_defaults=True, progress=False, timeout=600)
    assert results["status"].tolist() == ["CREATED"] * 4
