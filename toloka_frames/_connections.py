"""What a client was made with comes in, connections of the present process go out; the token is shown nowhere on the way."""

from __future__ import annotations

import asyncio
import hashlib
import os
import ssl
import weakref
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import httpx

from toloka_frames._errors import ConfigurationError
from toloka_frames._sync import start

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Mapping

T = TypeVar("T")

MISSING_HINT = "Give it as the first argument or in TOLOKA_TOKEN. Without an account: toloka_frames.local.LocalToloka."


class Token(httpx.Auth):
    """Adds the token to a request; shows it nowhere.

    A token with exactly two dots, the first at position 22 to 24, is an API key, else OAuth (Toloka-Kit 1.2.3, Java SDK).

    Args:
        given: The token; None takes TOLOKA_TOKEN.
    """

    def __init__(self, given: Any) -> None:
        token = os.environ.get("TOLOKA_TOKEN", "") if given is None else given
        token = token.strip() if isinstance(token, str) else token
        self._missing, self._valid = not token, fits_header(token)
        value = f"{_scheme(token)} {token}" if self._valid else ""
        self.digest = hashlib.sha256(value.encode()).hexdigest()
        # a closure, because displays of objects show attributes
        self.auth_flow = lambda request: _authorised(request, value)  # type: ignore[method-assign]

    def __repr__(self) -> str:
        return "Token(...)"

    def check(self) -> None:
        """Refuse what is no token; not when it is made, where tracebacks with variables would show it.

        Raises:
            ConfigurationError: There is none, or it cannot be sent.
        """
        if self._missing:
            raise ConfigurationError("There is no token.", hint=MISSING_HINT)
        if not self._valid:
            raise ConfigurationError("The token holds characters that no token has, or is no text.", hint=MISSING_HINT)


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

    def __init__(self, token: Token, base_url: str, headers: Mapping[str, str], options: Mapping[str, Any]) -> None:
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
        # a client that nobody closed closes its connections when it is forgotten
        weakref.finalize(self, _close, client, process).atexit = False
        return client, process


async def whole(exchange: Coroutine[Any, Any, T]) -> T:
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
    raise asyncio.CancelledError


def fits_header(value: Any) -> bool:
    """Whether a value can be that of a header."""
    return isinstance(value, str) and bool(value) and value.isascii() and value.isprintable() and value == value.strip()


def _scheme(token: str) -> str:
    dots = [index for index, char in enumerate(token) if char == "."]
    return "ApiKey" if len(dots) == 2 and 22 <= dots[0] <= 24 else "OAuth"  # noqa: PLR2004 -- see `Token`


def _authorised(request: httpx.Request, value: str) -> Generator[httpx.Request, httpx.Response, None]:
    request.headers["Authorization"] = value
    yield request


def _opened(token: Token, base_url: str, headers: Mapping[str, str], options: Mapping[str, Any]) -> httpx.AsyncClient:
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
    if os.getpid() == process:
        start(client.aclose)
