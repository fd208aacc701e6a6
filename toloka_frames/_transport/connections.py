"""What a client was made with comes in, connections of the present process go out; the token is shown nowhere on the way."""

from __future__ import annotations

import asyncio
import os
import ssl
import weakref
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import httpx

from toloka_frames._errors import ConfigurationError
from toloka_frames._runtime.event_loop import start

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from toloka_frames._transport.auth import TokenAuth

T = TypeVar("T")


class Connections:
    """An httpx client for each process: a forked child must not talk on its parent's sockets.

    Args:
        token: Whose requests.
        base_url: Host.
        headers: Headers of every request.
        options: timeout, verify, proxy and transport of httpx.

    Raises:
        ConfigurationError: The options do not fit.
    """

    def __init__(self, token: TokenAuth, base_url: str, headers: Mapping[str, str], options: Mapping[str, Any]) -> None:
        # closures, because displays of objects show attributes, and the address of a proxy may hold a password
        self._options: Callable[[], Mapping[str, Any]] = lambda: options
        self._open: Callable[[], httpx.AsyncClient] = lambda: _opened(token, base_url, headers, options)
        self._client, self._process = self._opened_here()

    def client(self) -> httpx.AsyncClient:
        """The httpx client of this process.

        Raises:
            ConfigurationError: It was closed; or it has a transport that belongs to the process that this one was forked from.
        """
        if self._client.is_closed:
            raise ConfigurationError("This client was closed.", hint="Make another one.")
        if self._process != os.getpid():
            # the inherited client is left as it is: closing it here would take its sockets from the parent's loop
            if self._options().get("transport") is not None:
                raise ConfigurationError("transport= belongs to another process.", hint="Make a client in each process.")
            self._client, self._process = self._opened_here()
        return self._client

    def options(self) -> dict[str, Any]:
        """What another process needs to make the same connections.

        Raises:
            TypeError: Something cannot travel there, or must not.
        """
        stays = _staying(self._options())
        if stays:
            raise TypeError(f"A client with {' and '.join(stays)} is not pickled: make one in each process.")
        return dict(self._options())

    async def aclose(self) -> None:
        """Close them."""
        if not self._client.is_closed:
            await self.client().aclose()

    def _opened_here(self) -> tuple[httpx.AsyncClient, int]:
        client, process = self._open(), os.getpid()
        # a client that nobody closed closes its connections when it is forgotten; not when Python ends, as nobody waits for it
        weakref.finalize(self, _close, client, process).atexit = False
        return client, process


async def run_exchange(exchange: Coroutine[Any, Any, T]) -> T:
    """Await a request and its answer; a cancellation waits for its end.

    httpcore guards the end of an answer against anyio's cancellation only: one of asyncio's leaves a connection open for ever.
    """
    scope = anyio.CancelScope()
    task = asyncio.ensure_future(_within(scope, exchange))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        scope.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise


async def _within(scope: anyio.CancelScope, work: Coroutine[Any, Any, T]) -> T:
    with scope:
        return await work
    # anyio's scope swallows a cancellation of its own making
    raise asyncio.CancelledError


def _opened(token: TokenAuth, base_url: str, headers: Mapping[str, str], options: Mapping[str, Any]) -> httpx.AsyncClient:
    # the quota keeps requests few; a limit of connections would only make them fail
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=50)
    try:
        return httpx.AsyncClient(base_url=f"{base_url}/api", auth=token, headers=headers, limits=limits, **options)
    except (ValueError, TypeError, OSError, httpx.InvalidURL) as error:
        kind = type(error).__name__
    # neither told nor chained: httpx repeats the proxy's address, which may hold a password
    raise ConfigurationError(f"proxy=, verify= or timeout= do not fit ({kind}).")


def _staying(options: Mapping[str, Any]) -> list[str]:
    """What of the options belongs to this process, or is nobody else's to read."""
    proxy = options.get("proxy")
    facts = {
        "a transport": options.get("transport") is not None,
        "an SSLContext": isinstance(options.get("verify"), ssl.SSLContext),
        "a password for its proxy": proxy is not None and bool(httpx.URL(proxy).userinfo),
    }
    return [name for name, stays in facts.items() if stays]


def _close(client: httpx.AsyncClient, process: int) -> None:
    # a forked child has this call too, and the sockets are its parent's
    if os.getpid() == process:
        start(client.aclose)
