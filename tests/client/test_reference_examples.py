"""The examples of the API's reference run as they are written there, except for the ids and the client."""

from __future__ import annotations

import asyncio
import contextlib
import io
import textwrap
import uuid
from enum import Enum
from typing import TYPE_CHECKING, Any

import pytest
from support.sample_project import create_pool

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable

    from toloka_frames.local import LocalToloka

APP = "M1B0QY7kD5kie8wOyb44"
BATCHES = """
batches = {awaited}client.get_app_batches(app_project_id=project_id, status="NEW")
{iterate} batch in batches:
    print(batch.id, batch.status, batch.items_count)
"""
TASKS = """
tasks = [
    tf.Task(input_values={{"image": "https://some.url/img0.png"}}, pool_id=pool_id),
    tf.Task(input_values={{"image": "https://some.url/img1.png"}}, pool_id=pool_id),
]
operation = {awaited}client.create_tasks_async(tasks, operation_id={operation_id}, allow_defaults=True)
print({awaited}client.wait_operation(operation))
"""


class Status(Enum):
    """Statuses as Toloka-Kit has them."""

    NEW = "NEW"


EXAMPLES = {
    "batches": BATCHES,
    "batches by a status of Toloka-Kit": BATCHES.replace('"NEW"', "Status.NEW"),
    "tasks": TASKS.replace("{operation_id}", "None"),
    "tasks with a UUID": TASKS.replace("{operation_id}", "uuid.uuid4()"),
    "tasks with the text of a UUID": TASKS.replace("{operation_id}", "str(uuid.uuid4())"),
}


def in_a_script(example: str, toloka: LocalToloka, names: dict[str, Any]) -> None:
    exec(example.format(awaited="", iterate="for"), names | {"client": toloka.client()})  # noqa: S102 -- an example above


def in_a_running_loop(example: str, toloka: LocalToloka, names: dict[str, Any]) -> None:
    async def cell() -> None:
        in_a_script(example, toloka, names)

    asyncio.run(cell())


def awaited(example: str, toloka: LocalToloka, names: dict[str, Any]) -> None:
    body = example.format(awaited="await ", iterate="async for").replace("await client.get_", "client.get_")
    scope = names | {"client": toloka.async_client()}
    exec(f"async def cell():{textwrap.indent(body, '    ')}", scope)  # noqa: S102 -- an example above
    asyncio.run(scope["cell"]())


@pytest.mark.parametrize("run", [in_a_script, in_a_running_loop, awaited])
@pytest.mark.parametrize("example", EXAMPLES)
def test_a_reference_example_runs(
    example: str, run: Callable[[str, LocalToloka, dict[str, Any]], None], toloka: LocalToloka
) -> None:
    client = toloka.client()
    project = client.create_app_project({"app_id": APP, "name": "Cats", "parameters": {}})
    item = {"image_url": "https://some.url/img0.png", "text": "cat"}
    batch = client.create_app_batch(project.id, {"name": "Monday", "items": [item] * 3})
    names = {"tf": tf, "uuid": uuid, "Status": Status, "project_id": project.id, "pool_id": create_pool(toloka.async_client())}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        run(EXAMPLES[example], toloka, names)
    if example.startswith("batches"):
        assert printed.getvalue() == f"{batch.id} NEW 3\n"
    else:
        assert "'status': 'SUCCESS'" in printed.getvalue()
        tasks = client.find_tasks(pool_id=names["pool_id"], sort="created")["items"]
        assert [task.input_values.image for task in tasks] == ["https://some.url/img0.png", "https://some.url/img1.png"]
