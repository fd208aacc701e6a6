"""Serve HTTP on a socket of 127.0.0.1, from a daemon thread."""

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

from toloka_frames.local._server.http_protocol import Connection, Protocol, reset_transport

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Receive, Scope, Send

    from toloka_frames.local._faults.exchange import Delivery

_HOST = "127.0.0.1"
_GRACE_SECONDS = 1


class Server:
    """A running server; `url` has the port, which the system chooses if `port` is 0.

    It combines uvicorn's protocol with its own listener, which can crash and restart, and which closes without delay.

    Raises:
        OSError: If the port is in use.
    """

    def __init__(self, dispatch: Callable[[Request, bytes], Awaitable[Delivery]], port: int) -> None:
        self._dispatch = dispatch
        self._socket = _bind(port)
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
        # not asyncio.run, which nest_asyncio may have replaced; not the loop of a policy, because _stop_listening relies on
        # how asyncio's selector loop accepts connections
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            try:
                runner.run(self._serve())
            finally:
                self._ready.set()  # also if the server failed to start, because the constructor waits for it

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
        # asyncio accepts each connection in a task, which leaks its socket if the listener closes before the task has run:
        # start no new tasks, give the existing ones an iteration of the loop, and their connections another one
        self._loop.remove_reader(self._socket)
        for _ in range(2):
            await asyncio.sleep(0)
        self._listener.close()

    async def _close_connections(self) -> None:
        """Close every connection and wait for it: the loop does not close sockets that are open when it ends."""
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
            reset_transport(connection.transport)

    async def _serve_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, connection = Request(scope, receive), Connection(scope, receive, send)
        try:
            delivery = await self._dispatch(request, await request.body())
            if delivery.outage is not None:
                await self._crash(delivery.outage)
            await connection.send(delivery)
        except ClientDisconnect:
            pass
        except asyncio.CancelledError:  # the server crashes, or closes and has waited long enough
            await connection.reset()

    async def _crash(self, seconds: float) -> None:
        """Stop at once, like a killed process, and restart after `seconds`."""
        if self._closing.is_set():
            return
        await self._stop_listening()
        self._socket = _bind(self._port)  # reserves the port; without a listener, connections are refused
        self._reset_connections()
        for task in self._state.tasks - {asyncio.current_task()}:
            task.cancel()
        # an event loop holds only weak references to its tasks
        self._restarting = asyncio.create_task(self._restart(seconds))

    async def _restart(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if not self._closing.is_set():
            await self._listen()


def _bind(port: int) -> socket.socket:
    # only with this protocol asyncio sets TCP_NODELAY, without which small responses are delayed
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name == "posix":
        # on Windows it would let two processes listen at one port
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((_HOST, port))
    except OSError:
        bound.close()
        raise
    return bound
