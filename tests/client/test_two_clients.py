"""TolokaClient returns results where AsyncTolokaClient returns coroutines; both are made from the same methods."""

from __future__ import annotations

import asyncio
import inspect
import pickle
import threading
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from support.sample_project import create_pool

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from toloka_frames.local import LocalToloka

APP = "M1B0QY7kD5kie8wOyb44"
OWN = {"aclose", "close", "calls"}
NAMES = sorted({name for name in dir(tf.AsyncTolokaClient) if not name.startswith("_")} - OWN)


@pytest.fixture
def sync_client(toloka: LocalToloka) -> Iterator[tf.TolokaClient]:
    with tf.TolokaClient(toloka.token, url=toloka.url) as client:
        yield client


@pytest.mark.parametrize("name", NAMES)
def test_both_clients_have_each_method_with_one_signature_and_docstring(
    name: str, sync_client: tf.TolokaClient, client: tf.AsyncTolokaClient
) -> None:
    if name == "service":
        return
    one, other = getattr(sync_client, name), getattr(client, name)
    assert inspect.signature(one) == inspect.signature(other)
    assert inspect.getdoc(one) == inspect.getdoc(other)
    assert not inspect.iscoroutinefunction(one)
    assert "self" not in inspect.signature(one).parameters


def test_both_clients_have_the_same_methods() -> None:
    assert {name for name in dir(tf.TolokaClient) if not name.startswith("_")} - OWN == set(NAMES)


def test_a_single_call_returns_its_result(sync_client: tf.TolokaClient) -> None:
    skill = sync_client.create_skill({"name": "cats"})
    assert sync_client.get_skill(skill["id"]).name == "cats"
    assert sync_client.find_skills(global_=False, limit=1)["items"] == [skill]
    assert [row.id for row in sync_client.get_skills(global_=False)] == [skill.id]


def in_a_script(call: Callable[[], Any]) -> Any:
    return call()


def in_a_running_loop(call: Callable[[], Any]) -> Any:
    async def cell() -> Any:
        return call()

    return asyncio.run(cell())


def in_a_thread(call: Callable[[], Any]) -> Any:
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(call()))
    thread.start()
    thread.join()
    return results[0]


@pytest.mark.parametrize("where", [in_a_script, in_a_running_loop, in_a_thread])
def test_calls_work_everywhere(where: Callable[[Callable[[], Any]], Any], sync_client: tf.TolokaClient) -> None:
    assert where(lambda: sync_client.get_requester()["id"])
    with pytest.raises(tf.NotFound):
        sync_client.get_pool("nowhere")


def test_a_call_that_makes_other_calls_returns_its_result(sync_client: tf.TolokaClient, pool_id: str) -> None:
    project_id = sync_client.get_pool(pool_id).project_id
    cloned = sync_client.clone_project(project_id)
    assert cloned.project.id != project_id
    assert len(cloned.pools) == 1


@pytest.mark.parametrize("kind", [tf.TolokaClient, tf.AsyncTolokaClient])
def test_functions_that_send_rows_take_either_client(kind: type[Any], toloka: LocalToloka, pool_id: str) -> None:
    client = kind(toloka.token, url=toloka.url)
    frame = pd.DataFrame({"image": ["https://example.com/1.jpg"]})
    assert frame.pipe(tf.create_tasks, client, pool_id, allow_defaults=True)["status"].tolist() == ["CREATED"]
    assert len(client.get_tasks(pool_id).to_dataframe()) == 1


def test_both_clients_are_one_account_to_the_ledger(
    sync_client: tf.TolokaClient, client: tf.AsyncTolokaClient, pool_id: str
) -> None:
    frame = pd.DataFrame({"image": ["https://example.com/1.jpg"]})
    for either in (sync_client, client):
        frame.pipe(tf.create_tasks, either, pool_id, allow_defaults=True)
    assert len(sync_client.get_tasks(pool_id).to_dataframe()) == 1


def test_a_pickled_client_works(sync_client: tf.TolokaClient, toloka: LocalToloka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOLOKA_TOKEN", toloka.token)
    copy = pickle.loads(pickle.dumps(sync_client))  # noqa: S301 -- made here
    assert copy.get_requester() == sync_client.get_requester()
    copy.close()


def test_neither_client_shows_its_token(sync_client: tf.TolokaClient, toloka: LocalToloka) -> None:
    assert repr(sync_client) == f"<TolokaClient of {toloka.url}>"


def test_tf_run_takes_a_call_of_either_client(sync_client: tf.TolokaClient, client: tf.AsyncTolokaClient) -> None:
    assert tf.run(sync_client.get_requester()) == tf.run(client.get_requester())


def test_a_misspelled_keyword_is_an_error_at_the_call(sync_client: tf.TolokaClient) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'limits'"):
        sync_client.find_pools(limits=5)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword argument 'pool'"):
        sync_client.get_pool(pool="1")  # type: ignore[call-arg]


@pytest.fixture
def app_project_id(sync_client: tf.TolokaClient) -> str:
    return str(sync_client.create_app_project({"app_id": APP, "name": "Pairs", "parameters": {}})["id"])


def test_the_loop_of_the_reference_page_runs(sync_client: tf.TolokaClient, app_project_id: str) -> None:
    pairs = pd.DataFrame({"image_url": ["https://example.com/1.jpg"], "text": ["a cat"]})
    pairs.pipe(tf.create_app_batch, sync_client, app_project_id)
    printed = [
        (batch.id, batch.status, batch.items_count) for batch in sync_client.get_app_batches(app_project_id=app_project_id)
    ]
    assert [row[1:] for row in printed] == [("NEW", 1)]


def test_create_pool_of_the_support_module_takes_the_async_client(client: tf.AsyncTolokaClient) -> None:
    assert tf.run(client.get_pool(create_pool(client))).status == "CLOSED"
