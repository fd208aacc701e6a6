"""Beginners' mistakes get an answer that says what to do, before anything is sent."""

from __future__ import annotations

import ast
import asyncio
import gc
import inspect
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import polars as pl
import pytest

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from toloka_frames.local import LocalToloka

AWAIT_IT = r"await it, or use tf\.TolokaClient"
NO_AWAIT = r"is not a coroutine: leave out `await`"
NEEDS_FRAME = "A DataFrame is needed, not a "

MISTAKES = {
    # a coroutine of AsyncTolokaClient used as its result
    "awaited.get_pool(pool_id)['status']": (TypeError, AWAIT_IT),
    "awaited.get_pool(pool_id).status": (AttributeError, rf"{AWAIT_IT}.*It has no 'status'"),
    "awaited.find_pools()['items']": (TypeError, AWAIT_IT),
    "list(awaited.find_pools())": (TypeError, AWAIT_IT),
    "len(awaited.find_pools())": (TypeError, AWAIT_IT),
    "'id' in awaited.get_pool(pool_id)": (TypeError, AWAIT_IT),
    "[row async for row in awaited.find_pools()]": (TypeError, AWAIT_IT),
    "tf.quality(awaited.get_assignments_df(pool_id))": (tf.InputError, "await it first"),
    # an ordinary call that is awaited
    "await client.get_pool(pool_id)": (tf.InputError, rf"get_pool\(\) {NO_AWAIT}"),
    "await client.get_pools()": (tf.InputError, rf"get_pools\(\) {NO_AWAIT}"),
    "await awaited.get_pools()": (tf.InputError, rf"get_pools\(\) {NO_AWAIT}"),
    "await scan.to_dataframe()": (tf.InputError, rf"to_dataframe\(\) {NO_AWAIT}.*tf\.aio\.to_dataframe\(scan\)"),
    "await scan.head(3)": (tf.InputError, rf"head\(\) {NO_AWAIT}"),
    "await tf.create_tasks(df, client, pool_id, allow_defaults=True)": (tf.InputError, rf"create_tasks\(\) {NO_AWAIT}"),
    "await tf.run(awaited.get_pool(pool_id))": (tf.InputError, rf"run\(\) {NO_AWAIT}"),
    # tf.run of what is not a coroutine
    "tf.run(scan)": (tf.InputError, r"(?s)not a Scan.*to_dataframe\(\)"),
    "tf.run(awaited.get_pool)": (tf.InputError, r"(?s)needs a coroutine.*tf\.run\(client\.get_pool\(pool_id\)\)"),
    # swapped arguments
    "tf.create_tasks(client, df)": (tf.InputError, r"(?s)client is a DataFrame.*The order of the arguments is df, client"),
    "tf.create_tasks(pool_id, client)": (tf.InputError, rf"{NEEDS_FRAME}str"),
    "df.pipe(tf.create_tasks, pool_id, client)": (tf.InputError, "(?s)client is a str.*is df, client"),
    "tf.resume(client, 'Monday')": (tf.InputError, "(?s)client is a str.*is upload_id, client"),
    "tf.new_rows(client, df, pool_id)": (tf.InputError, "(?s)client is a DataFrame.*is df, client"),
    "await tf.aio.create_tasks(awaited, df)": (tf.InputError, "(?s)client is a DataFrame.*is df, client"),
    # what is not a frame
    "tf.create_tasks([{'image': 'a'}], client, pool_id)": (tf.InputError, rf"(?s){NEEDS_FRAME}list.*pd\.DataFrame\(rows\)"),
    "tf.create_tasks({'image': 'a'}, client, pool_id)": (tf.InputError, rf"(?s){NEEDS_FRAME}dict.*pd\.DataFrame\(\[row\]\)"),
    "tf.create_tasks(df['image'], client, pool_id)": (tf.InputError, rf"(?s){NEEDS_FRAME}Series.*\.to_frame\(name\)"),
    "tf.create_tasks(pl.Series(['a']), client, pool_id)": (tf.InputError, rf"{NEEDS_FRAME}Series"),
    "tf.create_tasks('tasks.tsv', client, pool_id)": (tf.InputError, rf"(?s){NEEDS_FRAME}str.*pd\.read_csv\(path\)"),
    "tf.create_tasks(Path('tasks.tsv'), client, pool_id)": (tf.InputError, rf"(?s){NEEDS_FRAME}.*Path.*pd\.read_csv\(path\)"),
    "tf.create_tasks(scan, client, pool_id)": (tf.InputError, rf"(?s){NEEDS_FRAME}Scan.*\.to_dataframe\(\)"),
    "tf.quality(scan)": (tf.InputError, rf"(?s){NEEDS_FRAME}Scan.*\.to_dataframe\(\)"),
    "tf.create_tasks(pl.LazyFrame({'image': ['a']}), client, pool_id)": (tf.InputError, r"(?s)LazyFrame.*\.collect\(\)"),
    "tf.sync(df, 'copy')": (tf.InputError, r"(?s)a Scan, and this is DataFrame.*client\.get_tasks"),
    # misspelt arguments
    "tf.create_tasks(df, client, pool_id, allow_default=True)": (TypeError, "'allow_defaults'"),
    "client.get_pools(statuss='OPEN')": (TypeError, "'status'"),
    "client.get_pools(status='OPENED')": (tf.InputError, "'OPEN'"),
    "awaited.get_pool(pool='1')": (TypeError, "'pool_id'"),
    "scan.to_parquet('tasks.parquet', compresion='zstd')": (TypeError, "'compression'"),
    "tf.TolokaClient('token', enviroment='PRODUCTION')": (TypeError, "'environment'"),
    # a name of the package that is looked for on a client
    "client.wait_pool(pool_id)": (AttributeError, r"'TolokaClient' object.*tf\.wait_pool"),
    "awaited.create_user_skills": (AttributeError, "'AsyncTolokaClient' object has no attribute 'create_user_skills'$"),
    # other calls
    "toloka.answer(pool_id)": (ValueError, r"is CLOSED: open it first, by client\.open_pool\('\d+'\)"),
}


@pytest.fixture
def names(toloka: LocalToloka, pool_id: str) -> Iterator[dict[str, Any]]:
    """Return the names of the mistakes, which share a service and a pool."""
    client, awaited = toloka.client(), toloka.async_client()
    df = pd.DataFrame({"image": ["https://example.com/1.jpg"]})
    yield {
        "tf": tf,
        "pl": pl,
        "Path": Path,
        "toloka": toloka,
        "pool_id": pool_id,
        "client": client,
        "awaited": awaited,
        "df": df,
        "row": client.get_pool(pool_id),
        "scan": client.get_tasks(pool_id),
    }
    client.close()


def result_of(code: str, names: dict[str, Any]) -> Any:
    """Return the value of an expression, which may await, as a cell of a notebook does."""
    result = eval(compile(code, "cell", "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)  # noqa: S307 -- written here
    return asyncio.run(result) if code.startswith("await ") or " async for " in code else result


# an attribute may only have been looked for, so its error does not close the coroutine
@pytest.mark.filterwarnings("ignore:.*get_pool' was never awaited:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:.*PoolCalls.get_pool:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:.*get_assignments_df' was never awaited:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:.*TaskCalls.get_assignments_df:pytest.PytestUnraisableExceptionWarning")
def test_each_mistake_gets_an_answer_before_anything_is_sent(names: dict[str, Any], toloka: LocalToloka) -> None:
    sent = len(toloka.requests)
    for code, (kind, sentence) in MISTAKES.items():
        with pytest.raises(kind) as caught:
            result_of(code, names)
        assert re.search(sentence, str(caught.value)), (code, str(caught.value))
    assert len(toloka.requests) == sent
    del caught
    gc.collect()  # coroutines that errors refer to warn here, and not in a later test


OFFLINE = {"token": "token", "url": "http://127.0.0.1:9"}


def public_methods(item: object) -> dict[str, Callable[..., Any]]:
    found = {
        name: getattr(item, name) for name in dir(type(item)) if not name.startswith("_") and name not in ("calls", "schema")
    }
    return {f"{type(item).__name__}.{name}": value for name, value in found.items() if callable(value)}


def public_callables() -> dict[str, Callable[..., Any]]:
    functions = {
        f"{module.__name__}.{name}": getattr(module, name)
        for module in (tf, tf.aio)
        for name in module.__all__
        if inspect.isfunction(getattr(module, name))
    }
    clients = [tf.TolokaClient(**OFFLINE), tf.AsyncTolokaClient(**OFFLINE)]
    constructors = {cls.__name__: cls for cls in (tf.TolokaClient, tf.AsyncTolokaClient, tf.Retries)}
    methods = [public_methods(item) for item in (*clients, clients[0].get_tasks("1"))]
    return functions | constructors | methods[0] | methods[1] | methods[2]


def misspelt(name: str, known: set[str]) -> str | None:
    """Return the name without one letter, if that is not another name."""
    shorter = name[0] + name[2:]
    return None if len(name) < 3 or shorter in known else shorter


@pytest.mark.parametrize(
    "owner", ["toloka_frames.aio", "toloka_frames", "TolokaClient", "AsyncTolokaClient", "Scan", "Retries"]
)
def test_a_keyword_without_one_letter_names_the_right_one(owner: str) -> None:
    unanswered, count = [], 0
    for name, function in public_callables().items():
        if name.rpartition(".")[0] != owner and name != owner:
            continue
        parameters = inspect.signature(function).parameters
        required = {
            key for key, item in parameters.items() if item.default is item.empty and item.kind is not item.VAR_POSITIONAL
        }
        for key in parameters:
            if wrong := misspelt(key, set(parameters)):
                count += 1
                message = error_of(function, dict.fromkeys(required - {key}, "1") | {wrong: "1"})
                if not re.search(rf"'{key}'", message):
                    unanswered.append((name, key, message))
    assert unanswered == []
    assert count


def error_of(function: Callable[..., Any], arguments: dict[str, Any]) -> str:
    try:
        result = function(**arguments)
        if inspect.isawaitable(result):
            asyncio.run(result)  # type: ignore[arg-type]
    except (TypeError, tf.InputError) as error:
        return str(error)
    return "no error"


AWAITING: dict[str, Callable[[Coroutine[Any, Any, tf.Row]], Any]] = {
    "tf.run": tf.run,
    "asyncio.run": asyncio.run,
    "await": lambda call: asyncio.run(awaiting(call)),
    "gather": lambda call: asyncio.run(gathered(call)),
    "create_task": lambda call: asyncio.run(in_a_task(call)),
    "wait_for": lambda call: asyncio.run(asyncio.wait_for(call, 60)),
    "another loop": lambda call: asyncio.run(in_another_loop(call)),
}


async def awaiting(call: Any) -> Any:
    return await call


async def gathered(call: Any) -> Any:
    return (await asyncio.gather(call, asyncio.sleep(0)))[0]


async def in_a_task(call: Any) -> Any:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(call)
    return task.result()


async def in_another_loop(call: Any) -> Any:
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(call, asyncio.get_running_loop()))


@pytest.mark.parametrize("wait", AWAITING.values(), ids=AWAITING)
@pytest.mark.parametrize("method", ["get_pool", "find_pools"])
def test_a_call_is_a_coroutine_for_everything_that_takes_one(
    wait: Callable[..., Any], method: str, client: tf.AsyncTolokaClient, pool_id: str
) -> None:
    call = client.get_pool(pool_id) if method == "get_pool" else client.find_pools()
    assert inspect.isawaitable(call)
    assert inspect.iscoroutine(call)
    assert asyncio.iscoroutine(call)
    assert "await it" in repr(call)
    result = wait(call)
    assert (result if method == "get_pool" else result["items"][0]).id == pool_id


def test_a_method_is_a_coroutine_function(client: tf.AsyncTolokaClient) -> None:
    assert inspect.iscoroutinefunction(client.get_pool)
    assert inspect.iscoroutinefunction(tf.aio.create_tasks)


@pytest.mark.parametrize("method", ["get_pool", "find_tasks"])
def test_a_call_that_was_never_awaited_warns_like_a_coroutine(method: str, client: tf.AsyncTolokaClient) -> None:
    with pytest.warns(RuntimeWarning, match="was never awaited") as warned:
        getattr(client, method)("1")
    assert len(warned) == 1


def test_a_call_is_awaited_once_and_can_be_closed_or_cancelled(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    call = client.get_pool(pool_id)
    assert tf.run(call).id == pool_id
    assert call
    with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
        tf.run(call)
    client.get_pool(pool_id).close()

    async def cancel_at_once() -> None:
        task = asyncio.ensure_future(client.get_pool(pool_id))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel_at_once())


@pytest.mark.parametrize("result", [tf.Row(id="1"), None, [], "1"])
def test_run_returns_what_is_already_a_result_so_that_it_works_with_either_client(result: object) -> None:
    assert tf.run(result) is result


def test_ids_are_taken_as_numbers_and_as_the_object_itself(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    pool = tf.run(client.get_pool(int(pool_id)))
    assert tf.run(client.get_pool(pool)) == tf.run(client.get_pool(dict(pool))) == pool


def test_bound_methods_of_both_clients_can_be_kept_and_called_from_threads(toloka: LocalToloka, pool_id: str) -> None:
    with toloka.client() as client:
        get_pool, statuses = client.get_pool, []
        threads = [threading.Thread(target=lambda: statuses.append(get_pool(pool_id).status)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses == ["CLOSED"] * 3
        assert client.get_pool == get_pool
