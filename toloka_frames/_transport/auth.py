"""Token authentication that never exposes the token."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

import httpx

from toloka_frames._errors import ConfigurationError
from toloka_frames._runtime.event_loop import in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

MISSING_HINT = "Give it as the first argument or in TOLOKA_TOKEN. Without an account: toloka_frames.local.LocalToloka."


UNPICKLED_HINT = "Set TOLOKA_TOKEN there too, or make the client with token=callable, which goes along and is called there."


SOURCE_HINT = "It is called without arguments in each process that asks, and returns the token as text."


class TokenAuth(httpx.Auth):
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
        self._fixed = None if callable(given) else _AuthHeader(from_environment() if given is None else given)

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

    async def _header(self) -> _AuthHeader:
        if self._fixed:
            return self._fixed
        # in a thread, because a store of secrets may be asked, which takes its time
        header = await in_thread(self._asked)
        if self.source is from_environment:
            header.check("A client leaves its token behind when it is pickled, and this process has none.", UNPICKLED_HINT)
        header.check("The callable given as token= returned none.", SOURCE_HINT)
        return header

    def _asked(self) -> _AuthHeader:
        try:
            return _AuthHeader(self.source())
        except Exception as error:
            raise ConfigurationError(
                f"The callable given as token= failed ({type(error).__name__}).", hint=SOURCE_HINT
            ) from error


class _AuthHeader:
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


def from_environment() -> str:
    """The token of the process that asks; empty when it has none."""
    return os.environ.get("TOLOKA_TOKEN", "")


def fits_header(value: Any) -> bool:
    """Whether a value can be that of a header."""
    return isinstance(value, str) and bool(value) and value.isascii() and value.isprintable() and value == value.strip()


def _scheme(token: str) -> str:
    dots = [index for index, char in enumerate(token) if char == "."]
    return "ApiKey" if len(dots) == 2 and 22 <= dots[0] <= 24 else "OAuth"  # noqa: PLR2004 -- see `TokenAuth`
