"""The package's event loop: sync code and every event loop share it, and Ctrl-C cancels the work and waits until it ends."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from support.child_process import child_process
from support.forked_scripts import run_script
from support.virtual_clock import run_virtual

import toloka_frames as tf
from toloka_frames._runtime.event_loop import AsyncItems, iterate, on_tick, run, run_on_loop, shield_until_done

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


async def where() -> tuple[asyncio.AbstractEventLoop, str]:
    return asyncio.get_running_loop(), threading.current_thread().name


async def count(to: int, closed: list[str] | None = None) -> AsyncIterator[int]:
    try:
        for number in range(to):
            await asyncio.sleep(0)
            yield number
    finally:
        if closed is not None:
            closed.append(threading.current_thread().name)


def test_all_coroutines_run_on_one_loop_in_its_own_thread() -> None:
    first = run(where())
    with ThreadPoolExecutor() as pool:
        others = list(pool.map(lambda _: run(where()), range(4)))
    assert {first, *others, asyncio.run(run_on_loop(where()))} == {first}
    assert first[1] == "toloka_frames"


def test_run_returns_the_result_or_raises_the_error() -> None:
    async def fail() -> None:
        raise KeyError("x")

    assert run(asyncio.sleep(0, "result")) == "result"
    with pytest.raises(KeyError):
        run(fail())


def test_run_works_inside_a_running_loop() -> None:
    async def cell() -> int:
        return run(asyncio.sleep(0, 5)) + await run_on_loop(asyncio.sleep(0, 6))

    assert asyncio.run(cell()) == 11


def test_run_on_the_package_loop_raises_an_error_with_a_hint() -> None:
    async def inside() -> None:
        run(asyncio.sleep(0))

    with pytest.raises(tf.LoopError, match="Await"):
        run(inside())


@pytest.mark.parametrize("work", [asyncio.sleep, tf.run, tf.AsyncTolokaClient])
def test_run_rejects_what_has_to_be_called_first(work: object) -> None:
    with pytest.raises(tf.InputError, match="needs a coroutine"):
        run(work)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()], ids=["SystemExit", "KeyboardInterrupt"])
def test_exceptions_that_end_other_loops_reach_the_caller_and_the_loop_continues(error: BaseException) -> None:
    async def end() -> None:
        raise error

    with pytest.raises(type(error)):
        run(end())
    assert run(asyncio.sleep(0, "still there")) == "still there"


def test_a_forked_child_starts_its_own_loop() -> None:
    code = """
import asyncio, os
import toloka_frames as tf
tf.run(asyncio.sleep(0))
child = os.fork()
if not child:
    os._exit(tf.run(asyncio.sleep(0, 7)))
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
"""
    assert run_script(code).returncode == 0


def test_run_on_loop_awaits_directly_on_the_package_loop() -> None:
    async def outer() -> bool:
        return (await run_on_loop(where())) == await where()

    assert run(outer())


def test_a_cancelled_caller_waits_until_the_work_has_ended() -> None:
    ended: list[str] = []

    async def work(started: threading.Event) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("work")

    async def caller() -> None:
        started = threading.Event()
        task = asyncio.create_task(run_on_loop(work(started)))
        while not started.is_set():
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        ended.append("caller")

    asyncio.run(caller())
    assert ended == ["work", "caller"]


INTERRUPTED = """
import asyncio, sys
import toloka_frames as tf

async def work():
    print("started", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0.05)
        print("work ended", flush=True)

try:
    tf.run(work())
except KeyboardInterrupt:
    print("stopped", flush=True)
print(tf.run(asyncio.sleep(0, "still usable")))
"""


def lines_after_ctrl_c(code: str) -> list[str]:
    """Return the lines that a child process prints after a Ctrl-C during its work."""
    with child_process([sys.executable, "-c", code]) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGINT)
        return process.communicate(timeout=120)[0].splitlines()


def test_ctrl_c_cancels_the_work_waits_for_its_end_and_keeps_the_loop_usable() -> None:
    assert lines_after_ctrl_c(INTERRUPTED) == ["work ended", "stopped", "still usable"]


AT_ONCE = """
import asyncio, os, signal
import toloka_frames as tf

async def work():
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.Event().wait()

async def cell():
    tf.run(work())

for _ in range(100):
    try:
        asyncio.run(cell())
    except KeyboardInterrupt:
        print("stopped", flush=True)
"""


def test_a_ctrl_c_at_the_first_moment_of_the_work_is_not_lost_inside_a_running_loop() -> None:
    assert run_script(AT_ONCE).stdout.splitlines() == ["stopped"] * 100


@pytest.mark.parametrize("runner", ["asyncio.run", "uvloop.run"])
def test_ctrl_c_stops_a_sync_call_inside_a_running_loop(runner: str) -> None:
    pytest.importorskip("uvloop", reason="uvloop is not available on this system")
    cell = INTERRUPTED.replace(
        "try:\n    tf.run(work())",
        f"""async def cell():
    tf.run(work())

try:
    import uvloop
    {runner}(cell())""",
    )
    assert lines_after_ctrl_c(cell) == ["work ended", "stopped", "still usable"]


def test_an_async_iterator_is_read_and_closed_from_sync_code() -> None:
    closed: list[str] = []
    numbers = iterate(count(10, closed))
    assert [next(numbers), next(numbers)] == [0, 1]
    numbers.close()
    assert closed == ["toloka_frames"]
    assert list(iterate(count(5))) == [0, 1, 2, 3, 4]


def test_an_async_iterator_on_the_package_loop_is_read_item_by_item_from_any_loop() -> None:
    async def ranges() -> AsyncIterator[range]:
        async for number in count(4):
            yield range(number)

    async def read() -> list[int]:
        return [number async for number in AsyncItems(ranges())]

    assert asyncio.run(read()) == [0, 0, 1, 0, 1, 2]


# nest_asyncio replaces asyncio.run and the default loops of a whole process, so it is used in processes of their own
NESTED = """
import asyncio, sys
import toloka_frames as tf

loops = []

async def rows():
    loops.append(asyncio.get_running_loop())
    for number in range(3):
        await asyncio.sleep(0)
        yield {"a": number}

async def cell():
    loops.append(asyncio.get_running_loop())
    return tf.to_dataframe(rows())["a"].tolist()

if sys.argv[1] == "asyncio":
    print(asyncio.run(cell()), loops[0] is loops[1])
    print(tf.to_dataframe(rows())["a"].tolist(), loops[2] is loops[0])
else:
    import uvloop
    try:
        uvloop.run(cell())
    except tf.LoopError as error:
        print(error)
"""


def test_an_async_generator_of_the_caller_is_read_on_the_loop_of_the_caller() -> None:
    assert run_script(NESTED, "asyncio").stdout.splitlines() == ["[0, 1, 2] True", "[0, 1, 2] False"]


def test_a_loop_that_cannot_be_nested_raises_an_error_with_a_hint() -> None:
    pytest.importorskip("uvloop", reason="uvloop is not available on this system")
    assert "await tf.aio.to_dataframe" in run_script(NESTED, "uvloop").stdout


def test_importing_and_using_the_package_does_not_patch_asyncio() -> None:
    code = """
import asyncio
before = (asyncio.run, asyncio.Task, asyncio.BaseEventLoop.run_forever)
import toloka_frames as tf
tf.run(asyncio.sleep(0))
assert before == (asyncio.run, asyncio.Task, asyncio.BaseEventLoop.run_forever)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_ticks_are_called_in_the_waiting_thread_and_once_at_the_end() -> None:
    calls: list[str] = []

    async def work() -> None:
        on_tick(lambda: calls.append(threading.current_thread().name))
        while not calls:
            await asyncio.sleep(0.01)

    run(work())
    assert len(calls) >= 2
    assert set(calls) == {threading.current_thread().name}


def test_a_script_with_open_connections_exits_at_once() -> None:
    code = """
import toloka_frames as tf
from toloka_frames.local import LocalToloka
with LocalToloka() as toloka:
    client = toloka.async_client()
    tf.run(client.get_requester())
"""
    assert run_script(code, warnings_are_errors=True).stderr == ""


def test_cancellation_waits_for_shielded_work() -> None:
    ended = []

    async def slow() -> None:
        await asyncio.sleep(1)
        ended.append("slow")

    async def work() -> None:
        waiting = asyncio.create_task(shield_until_done(slow()))
        asyncio.get_running_loop().call_later(0.5, waiting.cancel)
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert ended == ["slow"]

    run_virtual(work())


LOST_LOOP = """
import asyncio, threading
import toloka_frames as tf

async def break_the_loop():
    loop = asyncio.get_running_loop()
    loop.call_soon(loop._selector.close)
    await asyncio.sleep(60)

async def on_another_loop():
    try:
        await tf.aio.to_dataframe([{"a": 1}])
        from toloka_frames._runtime.event_loop import run_on_loop
        await run_on_loop(break_the_loop())
    except tf.LoopError as error:
        print("LoopError", "event loop" in str(error))

errors = []
waiting = threading.Thread(target=lambda: errors.append(run_and_catch(asyncio.sleep(60))))

def run_and_catch(work):
    try:
        tf.run(work)
    except Exception as error:
        return error

waiting.start()
errors.append(run_and_catch(break_the_loop()))
waiting.join(30)
print(*(type(error).__name__ for error in errors))
asyncio.run(on_another_loop())
print(tf.run(asyncio.sleep(0, "a new loop")))
"""


def test_a_loop_that_fails_ends_what_waits_for_it_and_the_next_call_makes_another() -> None:
    done = run_script(LOST_LOOP)
    assert done.stdout.split("\n") == ["LoopError LoopError", "LoopError True", "a new loop", ""]
