"""`example_pool` is ready for a trial: tasks can be created in it, answered and measured."""

from __future__ import annotations

import doctest
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import toloka_frames as tf
from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Iterator

IMAGES = pd.DataFrame({"image": [f"https://example.com/{number}.jpg" for number in range(20)]})


@pytest.fixture
def calls(toloka: LocalToloka) -> Iterator[tf.TolokaClient]:
    with toloka.client() as client:
        yield client


def test_it_is_what_the_client_returns_for_a_pool(toloka: LocalToloka, calls: tf.TolokaClient) -> None:
    pool = toloka.example_pool()
    assert type(pool) is tf.Row
    assert pool == calls.get_pool(pool.id)
    assert pool.status == "CLOSED"
    project = calls.get_project(pool.project_id)
    assert list(project.task_spec.input_spec) == ["image"]
    assert list(project.task_spec.output_spec) == ["result"]


def test_its_tasks_get_three_answers_each(toloka: LocalToloka, calls: tf.TolokaClient) -> None:
    pool = toloka.example_pool()
    results = IMAGES.pipe(tf.create_tasks, calls, pool_id=pool.id, allow_defaults=True, open_pool=True, progress=False)
    assert results["status"].eq("CREATED").all()
    assert toloka.answer(pool) == 12
    answers = calls.get_assignments(pool_id=pool.id).to_dataframe(progress=False)
    assert answers.groupby("INPUT:image").size().tolist() == [3] * 20
    assert set(answers["OUTPUT:result"]) == {"cat", "dog"}


def test_with_control_tasks_the_quality_of_workers_can_be_measured(toloka: LocalToloka, calls: tf.TolokaClient) -> None:
    pool = toloka.example_pool(control_tasks=1)
    known = IMAGES.assign(**{"GOLDEN:result": ["cat", "dog"] * 3 + [None] * 14})
    known.pipe(tf.create_tasks, calls, pool_id=pool.id, allow_defaults=True, open_pool=True, progress=False)
    toloka.answer(pool, workers=5)
    workers = calls.get_assignments(pool_id=pool.id).to_dataframe(progress=False).pipe(tf.quality)
    assert workers["control_answers"].sum() > 0


def test_each_call_makes_another_pool_of_another_project(toloka: LocalToloka) -> None:
    pools = [toloka.example_pool() for _ in range(2)]
    assert pools[0].id != pools[1].id
    assert pools[0].project_id != pools[1].project_id


@pytest.mark.parametrize("control_tasks", [-1, 5, 0.5, True, "1", None])
def test_a_wrong_number_of_control_tasks_is_rejected_before_anything_is_created(
    toloka: LocalToloka, control_tasks: Any
) -> None:
    with pytest.raises(ValueError, match=r"control_tasks=.* whole number from 0 to 4"):
        toloka.example_pool(control_tasks)
    assert toloka.requests == []


def test_its_documented_example_runs() -> None:
    (example,) = doctest.DocTestFinder(recurse=False).find(LocalToloka.example_pool, "example_pool", module=False, globs={})
    assert doctest.DocTestRunner().run(example) == (0, 11)
