"""The fields of a list are those of the project that its filters refer to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.scripted_server import Scripted, reply

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from toloka_frames.local import LocalToloka


def test_assignments_of_a_task_or_suite_have_the_fields_of_its_pool(
    client: tf.AsyncTolokaClient, pool_id: str, toloka: LocalToloka, make_frame: Callable[[int], pd.DataFrame]
) -> None:
    make_frame(8).pipe(tf.create_tasks, client, pool_id, overlap=2, open_pool=True, progress=False)
    toloka.answer(pool_id)
    of_pool = client.get_assignments(pool_id=pool_id)
    row = of_pool.to_dataframe().iloc[0]
    of_task = client.get_assignments(task_id=row["ASSIGNMENT:task_id"])
    of_suite = client.get_assignments(task_suite_id=row["ASSIGNMENT:task_suite_id"])
    assert of_task.schema == of_suite.schema == of_pool.schema
    assert of_task.to_dataframe()["ASSIGNMENT:assignment_id"].nunique() == 2
    assert len(of_suite.to_dataframe()) == 4


def test_a_list_without_field_columns_requests_no_specification(scripted: Scripted) -> None:
    assert "items_per_state.NEW" in scripted.client().get_app_batches("P").schema.names
    assert scripted.requests == []


def test_a_pool_that_is_not_an_object_is_a_bad_answer(scripted: Scripted) -> None:
    scripted.answers = [reply([1])]
    with pytest.raises(tf.BadAnswer, match="an object"):
        tf.run(tf.aio.to_arrow(scripted.client().get_tasks("1")))


def test_a_project_without_a_specification_has_no_field_columns(scripted: Scripted) -> None:
    scripted.answers = [reply({"id": "1", "project_id": "2"}), reply({"id": "2", "task_spec": None})]
    assert [name for name in scripted.client().get_tasks("1").schema.names if ":" in name] == [
        "HINT:text",
        "HINT:default_language",
    ]


def test_aggregated_solutions_have_the_fields_of_the_operations_pool(scripted: Scripted) -> None:
    operation = {"id": "op", "status": "SUCCESS", "parameters": {"pool_id": "1"}}
    spec = {"output_spec": {"result": {"type": "string"}, "sure": {"type": "float"}}}
    scripted.answers = [reply(operation), reply({"id": "1", "project_id": "2"}), reply({"id": "2", "task_spec": spec})]
    names = scripted.client().get_aggregated_solutions("op").schema.names
    assert names == ["task_id", "pool_id", "OUTPUT:result", "OUTPUT:sure", "confidence", "extra"]
    assert [request.partition("/v1/")[2] for request in scripted.requests] == ["operations/op", "pools/1", "projects/2"]


def test_task_suites_of_a_task_have_the_fields_of_its_pool(scripted: Scripted) -> None:
    spec = {"input_spec": {"image": {"type": "url"}}}
    task = {"id": "t", "pool_id": "1"}
    scripted.answers = [reply(task), reply({"id": "1", "project_id": "2"}), reply({"id": "2", "task_spec": spec})]
    assert "INPUT:image" in scripted.client().get_task_suites(task_id="t").schema.names
