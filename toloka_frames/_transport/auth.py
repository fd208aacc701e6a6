"""Token authentication that never exposes the token.

A token buys work in the account's name, and a notebook shows much: reprs, tracebacks with variables, debuggers, logs, pickles.
So the token lives in one closure, made as early as possible and called only when a header is written. No attribute, repr,
message or pickle holds it; the header is removed from a request once it was sent, because errors and responses keep their
request; and errors of httpx lose the frames whose variables held it (`http.py`). Another process takes its token from
TOLOKA_TOKEN, or from the callable that the client was made with.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any, TypeVar

from toloka_frames._errors import ConfigurationError
from toloka_frames._runtime.event_loop import in_thread
from toloka_frames._transport.library import httpx

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

ErrorT = TypeVar("ErrorT", bound=BaseException)

MISSING_HINT = "Give it as the first argument or in TOLOKA_TOKEN. Without an account: toloka_frames.local.LocalToloka."
UNPICKLED_HINT = "Set TOLOKA_TOKEN there too, or make the client with token=callable, which is pickled and called there."
CALLABLE_HINT = "It is called without arguments in each process that sends requests, and returns the token as text."


class TokenAuth(httpx.Auth):
    """Add the token to a request.

    A token with exactly two dots, the first at position 22 to 24, is an API key, any other an OAuth token (Toloka-Kit 1.2.3,
    Java SDK).

    Args:
        given: The token, or a callable that returns it and is called before each request; None takes TOLOKA_TOKEN.

    Attributes:
        source: Where another process takes the token from.
    """

    def __init__(self, given: Any) -> None:
        self.source: Callable[[], Any] = given if callable(given) else from_environment
        self._digest: str | None = None
        self._fixed = None if callable(given) else _AuthHeader(from_environment() if given is None else given)

    def __repr__(self) -> str:
        return "TokenAuth(...)"

    def check(self) -> None:
        """Reject a token that cannot be sent.

        It is called after construction: a traceback of the constructor would show the token among its variables.

        Raises:
            ConfigurationError: If there is no token, or it cannot be sent. A callable is not called yet.
        """
        if self._fixed:
            self._fixed.check("There is no token.", MISSING_HINT)

    async def digest(self) -> str:
        """Return a digest that identifies the account's token; it stays when a callable returns another token later.

        Raises:
            ConfigurationError: If a callable failed, or what it returned is not a token.
        """
        if self._digest is None:
            self._digest = (await self._header()).digest
        return self._digest

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Authorise a request; httpx calls it."""
        (await self._header()).write(request)
        yield request

    async def _header(self) -> _AuthHeader:
        if self._fixed:
            return self._fixed
        # In a thread, because the callable may block on a secret store.
        header = await in_thread(self._call_source)
        if self.source is from_environment:
            header.check("A pickled client leaves its token behind, and this process has none.", UNPICKLED_HINT)
        header.check("The callable given as token= returned no token.", CALLABLE_HINT)
        return header

    def _call_source(self) -> _AuthHeader:
        try:
            return _AuthHeader(self.source())
        except Exception as error:
            raise ConfigurationError(
                f"The callable given as token= failed ({type(error).__name__}).", hint=CALLABLE_HINT
            ) from error


class _AuthHeader:
    """The Authorization header; a closure holds its value, because displays of objects show attributes."""

    def __init__(self, token: Any) -> None:
        token = token.strip() if isinstance(token, str) else token
        self._missing, self._valid = not token, fits_header(token)
        value = f"{_scheme(token)} {token}" if self._valid else ""
        self.digest = hashlib.sha256(value.encode()).hexdigest()
        self.write: Callable[[httpx.Request], None] = lambda request: request.headers.update({"Authorization": value})

    def check(self, missing: str, hint: str) -> None:
        if self._missing:
            raise ConfigurationError(missing, hint=hint)
        if not self._valid:
            raise ConfigurationError("The token is not text, or holds characters that no token has.", hint=hint)


def remove_token(request: httpx.Request) -> None:
    """Remove the token from a request that was sent: errors and responses keep their request."""
    request.headers.pop("Authorization", None)


def redact(response: httpx.Response) -> httpx.Response:
    """Return the response without the token, which a page or a redirect that repeats it would bring into a message.

    In a response of 2xx only the header's whole value counts: a token may be a word that occurs in somebody's data. Messages
    show such a body by `shown_content`.
    """
    value = response.request.headers["Authorization"].encode()
    token = value.partition(b" ")[2]
    secret, location = value if response.is_success else token, response.extensions.get("location", "")
    if token not in response.content and token.decode() not in location:
        return response
    content = response.content.replace(secret, b"***")
    # of the same length, so that positions stay
    extensions = {"shown": content.replace(token, b"*" * len(token))} if token in content else {}
    if location:
        extensions["location"] = location.replace(token.decode(), "***")
    # the other headers describe the body as it was: httpx would decompress this one again by its Content-Encoding
    headers = {name: text for name, text in response.headers.items() if name in ("date", "retry-after")}
    return httpx.Response(
        response.status_code, headers=headers, content=content, request=response.request, extensions=extensions
    )


def shown_content(response: httpx.Response) -> bytes:
    """Return the body of a response as a message may show it: without the token."""
    content: bytes = response.extensions.get("shown", response.content)
    return content


def without_frames(error: ErrorT) -> ErrorT:
    """Return the error without its traceback and causes: the variables of those frames hold the token."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def from_environment() -> str:
    """Return the token of this process; empty if it has none."""
    return os.environ.get("TOLOKA_TOKEN", "")


def fits_header(value: Any) -> bool:
    """Return whether a value can be sent in a header."""
    return isinstance(value, str) and bool(value) and value.isascii() and value.isprintable() and value == value.strip()


def _scheme(token: str) -> str:
    dots = [index for index, char in enumerate(token) if char == "."]
    return "ApiKey" if len(dots) == 2 and 22 <= dots[0] <= 24 else "OAuth"  # noqa: PLR2004 -- see `TokenAuth`
