"""A frame without rows, as loops over frames have them, sends nothing and has results without rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable

    from toloka_frames.local import LocalToloka

USER = "a" * 32
# a frame of one row, and the arguments after the client
VERBS: dict[str, tuple[Callable[..., pd.DataFrame], dict[str, Any], dict[str, Any]]] = {
    "tasks": (tf.create_tasks, {"image": "https://example.com/1.jpg"}, {"pool_id": "1", "overlap": 3, "open_pool": True}),
    "tasks of several pools": (tf.create_tasks, {"INPUT:image": "https://example.com/1.jpg", "pool_id": "1"}, {"overlap": 3}),
    "suites": (
        tf.create_task_suites,
        {"image": "https://example.com/1.jpg"},
        {"pool_id": "1", "rows_per_suite": 2, "overlap": 1},
    ),
    "bonuses": (tf.create_user_bonuses, {"user_id": USER, "amount": 0.1}, {}),
    "app items": (tf.create_app_items, {"image": "https://example.com/1.jpg"}, {"app_project_id": "1"}),
    "an app batch": (tf.create_app_batch, {"image": "https://example.com/1.jpg"}, {"app_project_id": "1", "start": True}),
    "skills": (tf.set_user_skills, {"user_id": USER, "skill_id": "1", "value": 50}, {}),
    "bans": (tf.set_user_restrictions, {"user_id": USER, "scope": "POOL", "pool_id": "1"}, {}),
    "accepted": (tf.accept_assignments, {"assignment_id": "1"}, {"public_comment": "Thank you"}),
    "rejected": (tf.reject_assignments, {"ASSIGNMENT:assignment_id": "1"}, {"public_comment": "No"}),
}


@pytest.mark.parametrize("name", VERBS)
def test_a_frame_without_rows_sends_nothing(name: str, toloka: LocalToloka, client: tf.AsyncTolokaClient) -> None:
    verb, row, options = VERBS[name]
    frame = pd.DataFrame([row])[:0]
    results = verb(frame, client, progress=False, **options)
    assert results.index.equals(frame.index)
    assert results.columns[0] == "status"
    assert (toloka.requests, len(tf.uploads())) == ([], 0)


@pytest.mark.parametrize("name", VERBS)
def test_its_columns_are_checked(name: str, toloka: LocalToloka, client: tf.AsyncTolokaClient) -> None:
    verb, row, options = VERBS[name]
    with pytest.raises(tf.InputError):
        verb(pd.DataFrame([{**row, "TASK:overlp": 1}])[:0], client, progress=False, **options)
    assert toloka.requests == []


def test_results_have_the_columns_of_a_frame_with_rows(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    frame = pd.DataFrame({"image": ["https://example.com/1.jpg"]})
    full = tf.create_tasks(frame, client, pool_id, overlap=1, progress=False)
    none = tf.create_tasks(frame[:0], client, pool_id, overlap=1, progress=False)
    pd.testing.assert_frame_equal(none, full[:0])
    new = frame.pipe(tf.new_rows, client, pool_id)
    assert tf.create_tasks(new, client, pool_id, overlap=1, progress=False).empty


def test_a_preflight_needs_rows(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    with pytest.raises(tf.InputError, match="no rows"):
        tf.preflight(pd.DataFrame({"image": []}), client, pool_id, overlap=1)
