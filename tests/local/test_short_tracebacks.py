"""Errors of the local service show the caller's lines, one line of the package, and the message."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import toloka_frames as tf
from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.raw_client import RawClient

PACKAGE = Path(tf.__file__).parent


def solve(task: Any, _worker: Any) -> dict[str, Any]:
    return {"result": value_of(task)}


def value_of(task: Any) -> Any:
    return task["missing"]


MISTAKES: dict[str, Callable[[LocalToloka, str], object]] = {
    "no pool": lambda toloka, _: toloka.answer("1"),
    "a share that is none": lambda toloka, pool_id: toloka.answer(pool_id, accuracy=3),
    "a number that is none": lambda toloka, pool_id: toloka.answer(pool_id, workers="many"),  # type: ignore[arg-type]
    "an answer that is not allowed": lambda toloka, pool_id: toloka.answer(pool_id, solve=lambda *_: {"result": 5}),
    "an answer that is none": lambda toloka, pool_id: toloka.answer(pool_id, solve=lambda *_: "cat"),  # type: ignore[arg-type, return-value]
    "no speed": lambda toloka, pool_id: toloka.answer(pool_id, live=True, speed=0),
    "no assignment": lambda toloka, _: toloka.attach("1", "cat.jpg", b""),
    "an export without tasks": lambda toloka, _: toloka.load_export(pd.DataFrame({"a": [1]})),
    "a number of control tasks that is too large": lambda toloka, _: toloka.example_pool(9),
    "a port in use": lambda toloka, _: LocalToloka(port=int(toloka.url.rpartition(":")[2])).start(),
}


def files_of(error: BaseException) -> list[str]:
    """Return which files a traceback shows."""
    files = [Path(frame.filename) for frame in traceback.extract_tb(error.__traceback__)]
    return ["test" if file == Path(__file__) else "package" if PACKAGE in file.parents else str(file) for file in files]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_one_line_of_the_package_is_shown(toloka: LocalToloka, api: RawClient, mistake: str) -> None:
    with pytest.raises((ValueError, TypeError, OSError)) as raised:
        MISTAKES[mistake](toloka, api.open_pool(1))
    assert files_of(raised.value) == ["test", "test", "package"]


def test_the_lines_of_solve_are_shown(toloka: LocalToloka, api: RawClient) -> None:
    pool_id = api.open_pool(1)
    with pytest.raises(KeyError, match="missing") as raised:
        toloka.answer(pool_id, solve=solve)
    assert files_of(raised.value) == ["test", "package", "test", "test"]


def test_all_lines_are_shown_on_request(toloka: LocalToloka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOLOKA_FRAMES_TRACEBACK", "full")
    with pytest.raises(ValueError, match="no pool") as raised:
        toloka.answer("1")
    assert files_of(raised.value).count("package") > 2
