"""An event loop with virtual time: instead of waiting it advances its clock, so tests of hours run in milliseconds."""

from __future__ import annotations

import asyncio
import selectors
import uuid
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from toloka_frames._transport.http import ApiClient

T = TypeVar("T")

LOOPBACK_SECONDS = 0.005  # within this time, bytes sent on a connection of this process arrive at its other end


class VirtualTimeSelector(selectors.DefaultSelector):
    """Returns at once where it would wait, and adds up the time not waited; waits only for threads and connections.

    Attributes:
        skipped_seconds: The time not waited.
        threads: The number of threads that work for the loop. Time stands still while they work, on any machine.
    """

    def __init__(self) -> None:
        super().__init__()
        self.skipped_seconds = 0.0
        self.threads = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.threads and timeout:
            return super().select(None)  # the end of a thread wakes the loop
        has_connections = len(self.get_map()) > 1  # the first is the loop's own
        ready = super().select(timeout and min(timeout, LOOPBACK_SECONDS if has_connections else 0.0))
        if timeout and not ready:
            self.skipped_seconds += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock starts at 0 and advances only while the loop is idle."""

    def __init__(self) -> None:
        self._virtual_selector = VirtualTimeSelector()
        super().__init__(self._virtual_selector)

    def time(self) -> float:
        return self._virtual_selector.skipped_seconds

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        self._virtual_selector.threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._thread_ended)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109 -- as of the base
        # without the limit that Python 3.12 sets: threads end in real time
        await super().shutdown_default_executor()

    def _thread_ended(self, _: object) -> None:
        self._virtual_selector.threads -= 1


def run_virtual(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(work)


def loop_time() -> float:
    """Return the running loop's time, in seconds."""
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def serve(respond: Callable[[str], bytes], latency: float = 0.0) -> AsyncIterator[str]:
    """Serve on the running loop and yield the URL.

    `respond` maps the head of a request to the bytes of its response; no bytes close the connection.
    """
    connections: list[Any] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(asyncio.current_task())
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                lengths = [int(line[15:]) for line in head.splitlines() if line.lower().startswith("content-length:")]
                await reader.readexactly(sum(lengths))
                await asyncio.sleep(latency)
                if not (response := respond(head)):
                    break
                writer.write(response)
        with suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        if connections:
            await asyncio.wait(connections, timeout=1)  # they end by themselves, because the clients are closed first


class ScriptedResponses:
    """Responds to requests with the given responses in order, repeating the last; records each request with its time."""

    def __init__(self, *responses: bytes) -> None:
        self._responses = list(responses)
        self.calls: list[tuple[float, str]] = []

    def __call__(self, head: str) -> bytes:
        self.calls.append((loop_time(), head.partition(" HTTP")[0].replace("/api", "")))
        return self._responses.pop(0) if len(self._responses) > 1 else self._responses[0]

    @property
    def times(self) -> list[float]:
        return [time for time, _ in self.calls]


@asynccontextmanager
async def api_clients(
    respond: Callable[[str], bytes], *, clients: int = 1, latency: float = 0.0, **options: Any
) -> AsyncIterator[list[ApiClient]]:
    """Yield API clients that share one new account, at a server on the running loop."""
    async with serve(respond, latency) as url:
        token = uuid.uuid4().hex
        made = [tf.AsyncTolokaClient(token, url=url, timeout=None, **options).service for _ in range(clients)]
        try:
            yield made
        finally:
            for client in made:
                await client.aclose()
