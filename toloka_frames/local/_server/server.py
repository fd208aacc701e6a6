"""What answers HTTP requests -> the same on a real socket of 127.0.0.1, served by a daemon thread."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect, Request
from uvicorn import Config
from uvicorn.server import ServerState

from toloka_frames.local._server.http_protocol import Protocol, Wire, reset

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Receive, Scope, Send

    from toloka_frames.local._faults.exchange import Reply

_HOST = "127.0.0.1"
_GRACE_SECONDS = 1


class Server:
    """A running server; `url` has the port that the system gave when `port` is 0.

    It is uvicorn's protocol under a listener of our own, which can be killed and come back, and which ends without delay.

    Raises:
        OSError: The port is taken.
    """

    def __init__(self, answer: Callable[[Request, bytes], Awaitable[Reply]], port: int) -> None:
        self._answer = answer
        self._socket = _bound_socket(port)
        self._port = self._socket.getsockname()[1]
        self.url = f"http://{_HOST}:{self._port}"
        self._config = Config(
            self._serve_request, interface="asgi3", ws="none", proxy_headers=False, log_config=None, access_log=False
        )
        self._config.load()
        self._state = ServerState()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="toloka-local", daemon=True)
        self._thread.start()
        self._ready.wait()

    def close(self) -> None:
        """Stop serving and close every socket: idle connections at once, those with a response in progress within a second."""
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()

    def _run(self) -> None:
        # not asyncio.run, which nest_asyncio may have replaced, and not the loop of a policy, whose accepting may differ
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            try:
                runner.run(self._serve())
            finally:
                self._ready.set()  # also where it could not begin: whoever made it waits for this

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._closing = asyncio.Event()
        await self._listen()
        self._ready.set()
        await self._closing.wait()
        await self._stop_listening()
        self._socket.close()
        await self._close_connections()

    async def _listen(self) -> None:
        self._listener = await self._loop.create_server(
            lambda: Protocol(config=self._config, server_state=self._state, app_state={}), sock=self._socket
        )

    async def _stop_listening(self) -> None:
        # asyncio accepts a connection in a task, which would fail and leak its socket if the listener were closed first: no
        # new tasks, one iteration of the loop for those that there are, and one for the connections that they make
        self._loop.remove_reader(self._socket)
        for _ in range(2):
            await asyncio.sleep(0)
        self._listener.close()

    async def _close_connections(self) -> None:
        """Return when every socket is closed: one that is still open when the loop ends is never closed by it."""
        for connection in list(self._state.connections):
            connection.shutdown()
        await self._wait_for_disconnects()
        self._reset_connections()
        await self._wait_for_disconnects()

    async def _wait_for_disconnects(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_SECONDS):
                while self._state.connections:  # noqa: ASYNC110  # uvicorn has no event for the end of a connection
                    await asyncio.sleep(0.001)

    def _reset_connections(self) -> None:
        for connection in list(self._state.connections):
            reset(connection.transport)

    async def _serve_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, wire = Request(scope, receive), Wire(scope, receive, send)
        try:
            reply = await self._answer(request, await request.body())
            if reply.outage is not None:
                await self._die(reply.outage)
            await wire.send(reply)
        except ClientDisconnect:
            pass
        except asyncio.CancelledError:  # the server is killed, or has waited long enough
            await wire.reset()

    async def _die(self, seconds: float) -> None:
        """Be gone at once, as if killed, and come back after so many seconds."""
        if self._closing.is_set():
            return
        await self._stop_listening()
        self._socket = _bound_socket(self._port)  # kept from others; as nobody listens at it, it refuses
        self._reset_connections()
        for task in self._state.tasks - {asyncio.current_task()}:
            task.cancel()
        # kept, because an event loop holds its tasks by weak references only
        self._return = asyncio.create_task(self._come_back(seconds))

    async def _come_back(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if not self._closing.is_set():
            await self._listen()


def _bound_socket(port: int) -> socket.socket:
    # asyncio sends small answers at once (TCP_NODELAY) only on sockets that say they are TCP
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name == "posix":
        # on Windows this would let two listen at one port
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((_HOST, port))
    except OSError:
        made.close()
        raise
    return made
