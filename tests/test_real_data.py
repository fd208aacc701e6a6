"""Real exports and upload files of the platform survive a round trip through the local service."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from support.real_exports import EXPORTS, as_in_api, read_file

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toloka_frames.local import LocalToloka


def by_row(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values(["ASSIGNMENT:assignment_id", "ASSIGNMENT:task_id"], ignore_index=True)


@pytest.mark.parametrize("name", EXPORTS)
def test_loaded_export_is_pulled_with_the_same_columns_and_values(
    name: str, data: Path, toloka: LocalToloka, client: tf.AsyncTolokaClient
) -> None:
    pool_id = toloka.load_export(data / name)
    pulled = by_row(client.get_assignments(pool_id=pool_id).to_dataframe())
    file = by_row(read_file(data / name))
    assert [column for column in pulled if column in set(file)] == list(file)
    assert len(pulled) == len(file)
    for column in file:
        pd.testing.assert_series_equal(pulled[column], as_in_api(file[column]), check_names=False)


@pytest.mark.parametrize("name", EXPORTS)
def test_export_can_be_loaded_from_a_frame(name: str, data: Path, toloka: LocalToloka, client: tf.AsyncTolokaClient) -> None:
    pool_id = toloka.load_export(read_file(data / name))
    assert len(client.get_assignments(pool_id=pool_id).to_dataframe()) == len(read_file(data / name))


def text_fields(frame: pd.DataFrame, prefix: str) -> dict[str, Any]:
    names = [column.removeprefix(prefix) for column in frame if column.startswith(prefix)]
    return {name: {"type": "string", "required": False} for name in names}


@pytest.mark.parametrize(
    "name", ["headlinecause/honey_tasks.tsv", "headlinecause/training_tasks.tsv", "scratchplot/ending_training_tasks.tsv"]
)
def test_uploaded_file_is_pulled_unchanged(
    name: str, data: Path, client: tf.AsyncTolokaClient, make_pool: Callable[..., str]
) -> None:
    frame = read_file(data / name)
    specs = [text_fields(frame, "INPUT:"), text_fields(frame, "GOLDEN:")]
    if name.startswith("headlinecause"):
        folder = data / "headlinecause"
        specs = [json.loads((folder / f"{kind}_spec.json").read_text("utf-8")) for kind in ("input", "output")]
    pool_id = make_pool(*specs)
    results = frame.pipe(tf.create_tasks, client, pool_id, allow_defaults=True, progress=False)
    assert results["status"].eq("CREATED").all()
    tasks = client.get_tasks(pool_id).to_dataframe().set_index("id").loc[results["task_id"], list(frame)]
    pd.testing.assert_frame_equal(tasks.reset_index(drop=True), frame)
