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
from toloka_frames._runtime.event_loop import in_thread, start

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping

T = TypeVar("T")

MISSING_HINT = "Give it as the first argument or in TOLOKA_TOKEN. Without an account: toloka_frames.local.LocalToloka."
UNPICKLED_HINT = "Set TOLOKA_TOKEN there too, or make the client with token=callable, which goes along and is called there."
SOURCE_HINT = "It is called without arguments in each process that asks, and returns the token as text."


class Token(httpx.Auth):
    """Adds the token to a request; shows it nowhere.

    A token with exactly two dots, the first at position 22 to 24, is an API key, else OAuth (Toloka-Kit 1.2.3, Java SDK).

    Args:
        given: The token, or a callable that returns it and is called before each request; None takes TOLOKA_TOKEN.

    Attributes:
        source: Where another process takes the token from.
    """

    def __init__(self, given: Any) -> None:
        self.source: Callable[[], Any] = given if callable(given) else from_environment
        self._digest: str | None = None
        self._fixed = None if callable(given) else _Header(from_environment() if given is None else given)

    def __repr__(self) -> str:
        return "Token(...)"

    def check(self) -> None:
        """Refuse what is no token; not when it is made, where tracebacks with variables would show it.

        Raises:
            ConfigurationError: There is none, or it cannot be sent. A callable is not asked yet.
        """
        if self._fixed:
            self._fixed.check("There is no token.", MISSING_HINT)

    async def digest(self) -> str:
        """What the account is told by; it stays when a callable returns another token later.

        Raises:
            ConfigurationError: A callable failed, or what it returned is no token.
        """
        if self._digest is None:
            self._digest = (await self._header()).digest
        return self._digest

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Authorise a request, as httpx wants it done."""
        (await self._header()).put(request)
        yield request

    async def _header(self) -> _Header:
        if self._fixed:
            return self._fixed
        # in a thread, because a store of secrets may be asked, which takes its time
        header = await in_thread(self._asked)
        if self.source is from_environment:
            header.check("A client leaves its token behind when it is pickled, and this process has none.", UNPICKLED_HINT)
        header.check("The callable given as token= returned none.", SOURCE_HINT)
        return header

    def _asked(self) -> _Header:
        try:
            return _Header(self.source())
        except Exception as error:
            raise ConfigurationError(
                f"The callable given as token= failed ({type(error).__name__}).", hint=SOURCE_HINT
            ) from error


class _Header:
    """The value of the header; a closure has it, because displays of objects show attributes."""

    def __init__(self, token: Any) -> None:
        token = token.strip() if isinstance(token, str) else token
        self._missing, self._valid = not token, fits_header(token)
        value = f"{_scheme(token)} {token}" if self._valid else ""
        self.digest = hashlib.sha256(value.encode()).hexdigest()
        self.put: Callable[[httpx.Request], None] = lambda request: request.headers.update({"Authorization": value})

    def check(self, missing: str, hint: str) -> None:
        if self._missing:
            raise ConfigurationError(missing, hint=hint)
        if not self._valid:
            raise ConfigurationError("The token holds characters that no token has, or is no text.", hint=hint)


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
        # a client that nobody closed closes its connections when it is forgotten; not when Python ends, as nobody waits for it
        weakref.finalize(self, _close, client, process).atexit = False
        return client, process


def from_environment() -> str:
    """The token of the process that asks; empty when it has none."""
    return os.environ.get("TOLOKA_TOKEN", "")


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
    # anyio's scope swallows a cancellation of its own making
    raise asyncio.CancelledError


def fits_header(value: Any) -> bool:
    """Whether a value can be that of a header."""
    return isinstance(value, str) and bool(value) and value.isascii() and value.isprintable() and value == value.strip()


def _scheme(token: str) -> str:
    dots = [index for index, char in enumerate(token) if char == "."]
    return "ApiKey" if len(dots) == 2 and 22 <= dots[0] <= 24 else "OAuth"  # noqa: PLR2004 -- see `Token`


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
    # a forked child has this call too, and the sockets are its parent's
    if os.getpid() == process:
        start(client.aclose)
