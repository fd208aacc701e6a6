"""A loop whose time leaps: where nothing is to be done it does not wait, and its clock says that it has."""

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

LOOPBACK_SECONDS = 0.005  # what one end of a connection of this process has sent is at the other end by then


class LeapingSelector(selectors.DefaultSelector):
    """Adds up the time that nobody had to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.leapt = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        talks = len(self.get_map()) > 1  # the first is the loop's own
        ready = super().select(timeout and min(timeout, LOOPBACK_SECONDS if talks else 0.0))
        if timeout and not ready:
            self.leapt += timeout
        return ready


class LeapingLoop(asyncio.SelectorEventLoop):
    """Its clock begins at 0 and stands still while there is something to be done."""

    def __init__(self) -> None:
        self._leaping = LeapingSelector()
        super().__init__(self._leaping)

    def time(self) -> float:
        return self._leaping.leapt


def leap(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a leaping loop."""
    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        return runner.run(work)


def clock() -> float:
    """Seconds by the present loop."""
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def serving(answer: Callable[[str], bytes], latency: float = 0.0) -> AsyncIterator[str]:
    """The address of a server on the present loop, which asks a function what to send to each request; nothing is a hang-up."""

    talks: list[Any] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.append(asyncio.current_task())
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                lengths = [int(line[15:]) for line in head.splitlines() if line.lower().startswith("content-length:")]
                await reader.readexactly(sum(lengths))
                await asyncio.sleep(latency)
                if not (raw := answer(head)):
                    break
                writer.write(raw)
        with suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        if talks:
            await asyncio.wait(talks, timeout=1)  # the clients are closed before, and so the talks end


class Answers:
    """What a service says to each request, in order, the last again and again; and when each came."""

    def __init__(self, *answers: bytes) -> None:
        self._answers = list(answers)
        self.calls: list[tuple[float, str]] = []

    def __call__(self, head: str) -> bytes:
        self.calls.append((clock(), head.partition(" HTTP")[0].replace("/api", "")))
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    @property
    def times(self) -> list[float]:
        return [time for time, _ in self.calls]


@asynccontextmanager
async def asking(
    answer: Callable[[str], bytes], *, clients: int = 1, latency: float = 0.0, **options: Any
) -> AsyncIterator[list[ApiClient]]:
    """Services of one new account at a server on this loop."""
    async with serving(answer, latency) as url:
        token = uuid.uuid4().hex
        services = [tf.AsyncTolokaClient(token, url=url, timeout=None, **options).service for _ in range(clients)]
        try:
            yield services
        finally:
            for service in services:
                await service.aclose()
