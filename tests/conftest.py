"""What tests share: the service in this process, a server that says what it is told, the real data where it lies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from animals import INPUT_SPEC, OUTPUT_SPEC
from scripted import Scripted

import toloka_frames as tf
from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DATA = Path(__file__).parents[1].parent / "shared" / "data"


@pytest.fixture
def data() -> Path:
    """The folder of real exports, task files and API objects."""
    if not DATA.is_dir():
        pytest.skip(f"the real data is not part of the project and does not lie at {DATA.parent.name}/{DATA.name} beside it")
    return DATA


@pytest.fixture
def toloka() -> Iterator[LocalToloka]:
    with LocalToloka(operation_seconds=0.05) as service:
        yield service


@pytest.fixture
def client(toloka: LocalToloka) -> Iterator[tf.AsyncTolokaClient]:
    client = toloka.client()
    yield client
    tf.run(client.aclose())


@pytest.fixture
def make_pool(client: tf.AsyncTolokaClient) -> Callable[..., str]:
    """Makes a project of these fields and a pool in it; returns the pool's id."""

    def make(input_spec: dict[str, Any] = INPUT_SPEC, output_spec: dict[str, Any] = OUTPUT_SPEC, **fields: Any) -> str:
        spec = {"input_spec": input_spec, "output_spec": output_spec, "view_spec": {"type": "classic", "markup": ""}}
        project = {
            "public_name": "Animals",
            "public_description": "Which one?",
            "assignments_issuing_type": "AUTOMATED",
            "task_spec": spec,
        }
        pool = {
            "project_id": tf.run(client.create_project(project))["id"],
            "private_name": "Pool",
            "may_contain_adult_content": False,
            "will_expire": "2099-01-01T00:00:00",
            "reward_per_assignment": 0.02,
            "assignment_max_duration_seconds": 600,
            "auto_accept_solutions": True,
            "defaults": {"default_overlap_for_new_tasks": 2, "default_overlap_for_new_task_suites": 2},
            "mixer_config": {"real_tasks_count": 4, "golden_tasks_count": 1, "training_tasks_count": 0},
        }
        return str(tf.run(client.create_pool(pool | fields))["id"])

    return make


@pytest.fixture
def pool_id(make_pool: Callable[..., str]) -> str:
    return make_pool()


@pytest.fixture
def make_frame() -> Callable[[int], pd.DataFrame]:
    """Makes a frame of so many valid rows."""

    def make(rows: int) -> pd.DataFrame:
        images = [f"https://example.com/{row}.jpg" for row in range(rows)]
        return pd.DataFrame({"image": images, "text": [f"row {row}" for row in range(rows)], "number": list(range(rows))})

    return make


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    with Scripted() as server:
        yield server
