"""What a caller lets simulated Tolokers answer: values, files, and errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.raw_client import PROJECT, RawClient, get_assignments

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toloka_frames.local import LocalToloka

PNG = b"\x89PNG\r\n\x1a\n and more"


class TiredError(Exception):
    """An error of the caller's own."""


def open_pool(api: RawClient, outputs: dict[str, Any] | None = None, count: int = 5, **pool: Any) -> str:
    spec = {**PROJECT["task_spec"], "output_spec": outputs or {"result": {"type": "string"}}}
    mixer = {"real_tasks_count": 2, "golden_tasks_count": 0, "training_tasks_count": 0}
    return api.open_pool(count, api.create_project(task_spec=spec), mixer_config=mixer, **pool)


def test_solve_is_called_once_for_each_task_of_each_worker(toloka: LocalToloka, api: RawClient) -> None:
    pool_id = open_pool(api)
    calls: list[tuple[str, str]] = []

    def solve(task: Any, worker: Any) -> dict[str, Any]:
        calls.append((task["id"], worker.id))
        assert (task.id, task.input_values.image) == (task["id"], task["input_values"]["image"])
        assert 0 < worker.accuracy <= 1
        return {"result": f"{worker.id} {task['input_values']['image']}"}

    toloka.answer(pool_id, solve=solve)
    rows = get_assignments(api, pool_id)
    given = [(item["id"], row["user_id"]) for row in rows for item in row["tasks"]]
    assert sorted(calls) == sorted(given)
    for row in rows:
        values = [solution["output_values"]["result"] for solution in row["solutions"]]
        assert values == [f"{row['user_id']} {item['input_values']['image']}" for item in row["tasks"]]


def test_an_error_of_solve_reaches_the_caller_and_nothing_stays(toloka: LocalToloka, api: RawClient) -> None:
    pool_id = open_pool(api, {"result": {"type": "file"}})
    error = TiredError()
    calls: list[str] = []

    def solve(task: dict[str, Any], _worker: Any) -> dict[str, Any]:
        calls.append(task["id"])
        if len(calls) == 8:
            raise error
        return {"result": b"a photo"}

    balance = api.get("/v1/requester")["balance"]
    with pytest.raises(TiredError) as raised:
        toloka.answer(pool_id, solve=solve)
    assert raised.value is error
    assert get_assignments(api, pool_id) == []
    assert api.get("/v1/attachments", pool_id=pool_id)["items"] == []
    assert api.get("/v1/task-suites", pool_id=pool_id)["items"] == []
    assert {row["remaining_overlap"] for row in api.get("/v1/tasks", pool_id=pool_id)["items"]} == {3}
    assert api.get("/v1/requester")["balance"] == balance
    assert toloka.answer(pool_id) == 9


NOT_ALLOWED: dict[str, tuple[Any, type[Exception], str]] = {
    "a text": ("cat", TypeError, "solve returned 'cat', not a dict of output values"),
    "no value": ({}, ValueError, "output_values.result: VALUE_REQUIRED"),
    "another field": ({"result": "cat", "more": 1}, ValueError, "output_values.more: VALUE_NOT_ALLOWED"),
    "another type": ({"result": 5}, ValueError, "output_values.result: STRING_EXPECTED"),
}


@pytest.mark.parametrize(("value", "error", "message"), NOT_ALLOWED.values(), ids=NOT_ALLOWED)
def test_values_that_the_project_does_not_allow_are_refused(
    toloka: LocalToloka, api: RawClient, value: Any, error: type[Exception], message: str
) -> None:
    pool_id = open_pool(api)
    with pytest.raises(error, match=message):
        toloka.answer(pool_id, solve=lambda _task, _worker: value)
    assert get_assignments(api, pool_id) == []


FILES: dict[str, tuple[Callable[[Path], Any], list[tuple[str, str, bytes]]]] = {
    "bytes": (lambda _folder: b"anything", [("photo", "application/octet-stream", b"anything")]),
    "bytes of a picture": (lambda _folder: PNG, [("photo", "image/png", PNG)]),
    "a path": (lambda folder: folder / "cat.jpg", [("cat.jpg", "image/jpeg", b"a cat")]),
    "a list": (
        lambda folder: [folder / "cat.jpg", PNG],
        [("cat.jpg", "image/jpeg", b"a cat"), ("photo", "image/png", PNG)],
    ),
}


@pytest.mark.parametrize(("value", "files"), FILES.values(), ids=FILES)
def test_files_become_attachments(
    toloka: LocalToloka,
    api: RawClient,
    tmp_path: Path,
    value: Callable[[Path], Any],
    files: list[tuple[str, str, bytes]],
) -> None:
    (tmp_path / "cat.jpg").write_bytes(b"a cat")
    kind = "array_file" if isinstance(value(tmp_path), list) else "file"
    pool_id = open_pool(api, {"photo": {"type": kind}}, 1)
    toloka.answer(pool_id, solve=lambda _task, _worker: {"photo": value(tmp_path)})
    for row in get_assignments(api, pool_id):
        given = row["solutions"][0]["output_values"]["photo"]
        ids = given if kind == "array_file" else [given]
        attachments = [api.get(f"/v1/attachments/{attachment_id}") for attachment_id in ids]
        found = [
            (each["name"], each["media_type"], api.http.get(f"/v1/attachments/{each['id']}/download").content)
            for each in attachments
        ]
        assert found == files
        assert {each["details"]["assignment_id"] for each in attachments} == {row["id"]}
        assert {each["created"] for each in attachments} == {row["submitted"]}


def test_a_file_can_be_an_attachment_that_exists(toloka: LocalToloka, api: RawClient) -> None:
    first = open_pool(api, {"photo": {"type": "file"}}, 1)
    toloka.answer(first, solve=lambda _task, _worker: {"photo": PNG})
    attachment_id = get_assignments(api, first)[0]["solutions"][0]["output_values"]["photo"]
    second = open_pool(api, {"photo": {"type": "file", "required": False}}, 1)
    answers = iter([attachment_id, None, attachment_id])
    toloka.answer(second, workers=3, solve=lambda _task, _worker: {"photo": next(answers)})
    given = [row["solutions"][0]["output_values"].get("photo") for row in get_assignments(api, second)]
    assert sorted(given, key=str) == sorted([attachment_id, attachment_id, None], key=str)


NO_FILES: dict[str, tuple[Callable[[Path], Any], type[Exception], str]] = {
    "the path of a missing file": (lambda folder: folder / "cat.jpg", FileNotFoundError, r"cat\.jpg"),
    "the path of a folder": (lambda folder: folder, OSError, "test_what_is_no_file"),
    "the path of a missing file, as text": (
        lambda _folder: "photos/cat.jpg",
        ValueError,
        r"'photos/cat\.jpg' for the file field 'photo', and no attachment .* id of an attachment, or a file as a pathlib\.Path",
    ),
    "the path of a file, as text": (
        lambda folder: str(folder / "dog.jpg"),
        ValueError,
        r"dog\.jpg' for .* pathlib",
    ),
    "an unknown id": (lambda _folder: "00000000-0000-0000-0000-000000000000", ValueError, "no attachment has this id"),
    "empty text": (lambda _folder: "", ValueError, "solve returned ''"),
}


@pytest.mark.parametrize("kind", ["file", "array_file"])
@pytest.mark.parametrize(("value", "error", "message"), NO_FILES.values(), ids=NO_FILES)
def test_what_is_no_file_is_refused(
    toloka: LocalToloka,
    api: RawClient,
    tmp_path: Path,
    value: Callable[[Path], Any],
    error: type[Exception],
    message: str,
    kind: str,
) -> None:
    (tmp_path / "dog.jpg").write_bytes(b"a dog")
    pool_id = open_pool(api, {"photo": {"type": kind}})
    photo = value(tmp_path) if kind == "file" else [PNG, value(tmp_path)]
    with pytest.raises(error, match=message):
        toloka.answer(pool_id, solve=lambda _task, _worker: {"photo": photo})
    assert get_assignments(api, pool_id) == []


@pytest.mark.parametrize("kind", ["file", "array_file"])
def test_without_solve_every_file_is_a_small_picture(toloka: LocalToloka, api: RawClient, kind: str) -> None:
    pool_id = open_pool(api, {"photo": {"type": kind}})
    toloka.answer(pool_id)
    ids = [solution["output_values"]["photo"] for row in get_assignments(api, pool_id) for solution in row["solutions"]]
    flat = ids if kind == "file" else [each for group in ids for each in group]
    listed = {row["id"]: row for row in api.get("/v1/attachments", pool_id=pool_id, limit=100)["items"]}
    assert len(flat) == len(listed) >= 15
    assert set(flat) == set(listed)
    response = api.http.get(f"/v1/attachments/{flat[0]}/download")
    assert response.headers["Content-Type"] == "image/png"
    assert response.content.startswith(b"\x89PNG\r\n\x1a\n")
