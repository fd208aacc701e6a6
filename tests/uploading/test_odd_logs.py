"""A log that is not complete yet is read again, and one that ties ids to other rows than were sent gives no ids."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pandas as pd
import pytest
from support.sample_project import create_pool

import toloka_frames as tf
from toloka_frames._transport.operations import parse_log
from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def toloka() -> Iterator[LocalToloka]:
    with LocalToloka(operation_seconds=0) as service:
        yield service


@pytest.fixture(scope="module")
def pools(toloka: LocalToloka) -> dict[str, str]:
    client = toloka.async_client()
    return {"tasks": create_pool(client), "suites": create_pool(client, mixer_config=None)}


class OddLogs(httpx.AsyncHTTPTransport):
    """A connection that changes the first responses to requests for a log.

    Attributes:
        reads: The number of these requests.
    """

    def __init__(self, change: Callable[[httpx.Response, bytes], httpx.Response], times: int) -> None:
        super().__init__(verify=False)
        self._change, self._times = change, times
        self.reads = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        if not request.url.path.endswith("/log"):
            return response
        self.reads += 1
        if self.reads > self._times:
            return response
        response.request = request
        return self._change(response, await response.aread())


def upload(kind: str, mark: str, client: tf.AsyncTolokaClient, pools: dict[str, str], ledger: Path) -> pd.DataFrame:
    options: dict[str, Any] = {"ledger": ledger, "progress": False}
    frame = pd.DataFrame({"image": [f"https://example.com/{mark}/{row}" for row in range(40)]})
    if kind == "tasks":
        return tf.create_tasks(frame, client, pools["tasks"], allow_defaults=True, **options)
    if kind == "suites":
        return tf.create_task_suites(frame, client, pools["suites"], rows_per_suite=2, allow_defaults=True, **options)
    bonuses = pd.DataFrame({"user_id": [f"{row:032x}" for row in range(40)], "amount": 1.0, "private_comment": mark})
    return tf.create_user_bonuses(bonuses, client, public_title="Thanks", public_message="Good", **options)


def instead(status: int, content: bytes) -> Callable[[httpx.Response, bytes], httpx.Response]:
    return lambda response, _: httpx.Response(status, content=content, request=response.request)


def changed(change: Callable[[list[Any]], list[Any]]) -> Callable[[httpx.Response, bytes], httpx.Response]:
    return lambda response, body: instead(200, json.dumps(change(json.loads(body))).encode())(response, body)


NOT_YET = {
    "404": instead(404, b'{"code": "DOES_NOT_EXIST", "message": "not yet"}'),
    "404 of a proxy": instead(404, b"<html>"),
    "nothing": instead(200, b""),
    "an empty list": instead(200, b"[]"),
    "HTML": instead(200, b"<html>"),
    "cut": lambda response, body: instead(200, body[: len(body) // 2])(response, body),
    "fewer entries": changed(lambda log: log[1:]),
    "entries without positions": changed(lambda log: [entry | {"input": {}} for entry in log]),
}


@pytest.mark.parametrize("name", NOT_YET)
def test_a_log_that_is_not_there_yet_is_read_again(
    name: str, toloka: LocalToloka, pools: dict[str, str], tmp_path: Path
) -> None:
    for kind in ("tasks", "suites", "bonuses"):
        logs = OddLogs(NOT_YET[name], times=2)
        results = upload(kind, name.replace(" ", "-"), toloka.async_client(transport=logs, retries=1), pools, tmp_path / kind)
        assert results["status"].eq("CREATED").all()
        assert logs.reads == 3


def shift_inputs(log: list[Any]) -> list[Any]:
    """Return a log whose positions are those of the entry before."""
    positions = [entry["input"]["__item_idx"] for entry in log]
    moved = [positions[-1], *positions[:-1]]
    return [entry | {"input": entry["input"] | {"__item_idx": at}} for entry, at in zip(log, moved, strict=True)]


def repeat_ids(log: list[Any]) -> list[Any]:
    return [entry | {"output": log[0]["output"]} for entry in log]


def repeat_positions(log: list[Any]) -> list[Any]:
    return [*log, log[0] | {"output": dict.fromkeys(log[0]["output"], "another")}]


LIES = {"positions of other entries": shift_inputs, "one id for all rows": repeat_ids, "a row twice": repeat_positions}


@pytest.mark.parametrize("name", LIES)
def test_ids_of_a_log_that_names_other_rows_are_not_used(
    name: str, toloka: LocalToloka, pools: dict[str, str], tmp_path: Path
) -> None:
    for kind in ("tasks", "suites", "bonuses"):
        logs, mark = OddLogs(changed(LIES[name]), times=1), name.replace(" ", "-")
        client = toloka.async_client(transport=logs, retries=1)
        with pytest.raises(tf.UploadError, match="The log of the operation") as caught:
            upload(kind, mark, client, pools, tmp_path / kind)
        assert set(caught.value.results["status"]) == {"UNKNOWN"}
        assert caught.value.results.iloc[:, 1].isna().all()
        # the next call reads the log again, and sends nothing
        assert upload(kind, mark, client, pools, tmp_path / kind)["status"].eq("CREATED").all()


ENTRIES = [
    {"input": {"__item_idx": "0", "input_values": {"input": {"a": '"__item_idx":"1"'}}}, "output": {"task_id": "a"}},
    {"input": {"input_values": {"input": "x", "__item_idx": "2"}, "__item_idx": "1"}, "output": {"task_id": "b"}},
    {"input": {"input_values": {"text": "ж" * 20_000}, "__item_idx": "2"}, "output": {"task_id": "c"}},
    {"input": None, "output": {"task_id": "d"}},
]


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_the_inputs_of_a_sample_are_found_in_a_log(separators: tuple[str, str], ensure_ascii: bool) -> None:
    body = json.dumps(ENTRIES, separators=separators, ensure_ascii=ensure_ascii).encode()
    inputs = parse_log(body, "task_id", [0, 1, 2, 3, 77]).inputs
    assert inputs.keys() <= {0, 1, 2}
    assert inputs.items() >= {0: ENTRIES[0]["input"], 2: ENTRIES[2]["input"]}.items() or 2 not in inputs
    assert all(sent == ENTRIES[position]["input"] for position, sent in inputs.items())
    assert 0 in inputs
