"""An ASGI application -> the same on a real socket of 127.0.0.1, served by a daemon thread."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_HOST = "127.0.0.1"
_SHUTDOWN_SECONDS = 1


class Server:
    """A running server; `url` has the port that the system gave when `port` is 0.

    Raises:
        OSError: The port is taken.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._socket = _bound_socket(port)
        self.url = f"http://{_HOST}:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            app,
            loop="asyncio",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="toloka-local", daemon=True)
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.001)

    def _serve(self) -> None:
        # a runner of our own: asyncio.run may have been replaced (nest_asyncio), and uvicorn's own call would use that
        with asyncio.Runner() as runner:
            runner.run(self._server.serve(sockets=[self._socket]))

    def close(self) -> None:
        """Stop serving: idle connections are dropped, an answer in the making gets a second."""
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()


def _bound_socket(port: int) -> socket.socket:
    # asyncio sends small answers at once (TCP_NODELAY) only on sockets that say they are TCP
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name == "posix":
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((_HOST, port))
    except OSError:
        made.close()
        raise
    return made
