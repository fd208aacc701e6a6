"""Send one request of the API; return its response, or raise an error with a hint.

A request waits for the account's rate limits, uses this process's connections and is retried where that is safe. One
`ApiClient` is one account.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import weakref
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Self, TypeAlias, TypeVar, cast

import anyio
import pyarrow as pa
import pyarrow.json as pa_json

from toloka_frames._errors import AccessDenied, ConfigurationError, NotFound, QuotaExceeded, TolokaError
from toloka_frames._runtime.event_loop import in_thread, start
from toloka_frames._schema.row import Row
from toloka_frames._transport.auth import TokenAuth, redact, remove_token, shown_content, without_frames
from toloka_frames._transport.connections import (
    ACT_UNDER,
    ENVIRONMENTS,
    WEB_HOSTS,
    ResponseLimits,
    Sources,
    normal_url,
    open_client,
    unpicklable,
)
from toloka_frames._transport.failures import ResponseTimeout, no_response, too_large, too_many_encodings, unknown_outcome
from toloka_frames._transport.faults import field_fault
from toloka_frames._transport.library import httpx
from toloka_frames._transport.rate_limits import RateLimiter
from toloka_frames._transport.responses import SURROGATE, bad_answer, encodable, not_json, rejection
from toloka_frames._transport.retries import Retries, retrying

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence

    from tenacity import AsyncRetrying, AttemptManager

# the fields that every operation has
OPERATION = ("id", "status")
NO_CONTENT = 204
Response: TypeAlias = httpx.Response
JsonT = TypeVar("JsonT", Row, list[Row])

# every other part of a path is an id: /v1/pools/1080020/open
ID = re.compile(r"(/[a-z-]+)/(?!v\d/)[^/]+")
ID_MASK = r"\1/*"
# Errors raised before anything was sent, so even a request that is not idempotent can be retried.
UNREACHED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
# Times near the first and last year of datetime cannot be calculated with.
YEARS = range(1970, 2200)
# a header may hold any number of digits, and no datetime is that far away
MAX_RETRY_AFTER_SECONDS = 365 * 86_400.0
# The bytes that a decoder gets at once, so that a step makes about 16 MiB at most: a byte of gzip becomes up to 1,032 bytes
# (zlib's manual), 4 bytes of Zstandard a block of 128 KiB (RFC 8878), 8 bytes of Brotli a meta-block of 16 MiB (RFC 7932).
STEP_BYTES = {"gzip": 16_384, "deflate": 16_384, "zstd": 512, "br": 8}
# after a step that made more than this, other requests get their turn
LARGE_STEP_BYTES = 1_000_000
# more than the headers of any encoding, which make a small body larger
ENCODING_OVERHEAD = 1_000
# as in urllib3; each encoding can multiply the size of a body
MAX_ENCODINGS = 5
MAX_LENGTH_DIGITS = 20
DAY_SECONDS = 86_400
NUMBER = re.compile(r"\d{1,9}(\.\d{1,9})?")
# What asyncio takes from a socket at once; httpcore asks for a quarter of it, and each chunk passes through many layers.
READ_BYTES = 256 * 1024
# these describe a body as it was sent
BODY_HEADERS = (b"content-encoding", b"content-length", b"transfer-encoding")


class ApiClient:
    """The API of one account, over connections that are kept open; pickled without its token.

    Args:
        token: The token.
        base_url: Host.
        headers: Headers of every request.
        web_url: Host of the web interface.
        retries: Attempts for each request.
        workers: The number of processes that send requests at the same time, each with its share of the rate limits.
        limits: The limits of each response.
        options: timeout, verify, proxy and transport of httpx.

    Attributes:
        clock_skew: The service's clock minus this computer's, by the Date header of the last response that had one.
        visible_after: The seconds after which lists show a new row, by the X-Visible-After header of the last response that had
            one; None if none had, as those of Toloka.
    """

    def __init__(
        self,
        token: TokenAuth,
        base_url: str,
        headers: Mapping[str, str],
        *,
        web_url: str = WEB_HOSTS["PRODUCTION"],
        retries: Retries | int = 5,
        workers: int = 1,
        limits: ResponseLimits | None = None,
        **options: Any,
    ) -> None:
        self.url = base_url
        self.normal_url = normal_url(base_url)
        self.web_url = web_url
        self._token = token
        self._headers = headers
        self._retries = retries if isinstance(retries, Retries) else Retries(retries)
        self._limits = limits or ResponseLimits()
        self._connections = Connections(token, base_url, headers, options)
        self.rate_limiter = RateLimiter(token, base_url, headers.get(ACT_UNDER, ""), self._retries, workers)
        self._requester: str | None = None
        self.clock_skew: timedelta | None = None
        self.visible_after: float | None = None
        self._account_locks: dict[int, asyncio.Lock] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        options = {
            "web_url": self.web_url,
            "retries": self._retries,
            "workers": self.rate_limiter.workers,
            "limits": self._limits,
        }
        return _unpickled, (self._token.source, self.url, self._headers, options | self._connections.picklable_options())

    @property
    def place(self) -> str:
        """The environment, if it is one of Toloka's, the URL, and the account that is acted for, if it was given."""
        account = self._headers.get(ACT_UNDER)
        return ", ".join(
            filter(None, [ENVIRONMENTS.get(self.normal_url), self.url, f"for account {account}" if account else ""])
        )

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def shared(self, workers: int) -> ApiClient:
        """Return this client, over the same connections, for one of `workers` processes that send requests at the same time."""
        # not by its constructor, which would open other connections
        shared = ApiClient.__new__(ApiClient)
        limiter = self.rate_limiter._replace(workers=workers * self.rate_limiter.workers)
        vars(shared).update(vars(self), rate_limiter=limiter)
        return shared

    def with_retries(self, retries: Retries) -> ApiClient:
        """Return this client, over the same connections, with other attempts for each request."""
        client = ApiClient.__new__(ApiClient)
        limiter = self.rate_limiter._replace(retries=retries)
        vars(client).update(vars(self), rate_limiter=limiter, _retries=retries)
        vars(client).pop("_attempts", None)
        return client

    @property
    def sources(self) -> Sources:
        """The arguments and variables that the connections depend on."""
        return self._connections.sources

    def now(self) -> datetime:
        """Return the time by the service's clock (UTC), never ahead of it.

        Until the service has responded, it is the time of this computer.
        """
        # the Date header is cut to a second and as old as its way here, so this clock can be late, but not early
        return datetime.now(UTC) + (self.clock_skew or timedelta())

    def latest_now(self) -> datetime:
        """Return the time by the later of the service's clock and this computer's (UTC), rounded up to a whole second.

        If one of the clocks is wrong, a time range that ends here still misses no row.
        """
        return (max(self.now(), datetime.now(UTC)) + timedelta(seconds=1)).replace(microsecond=0)

    async def account(self) -> str | None:
        """Return the id of the requester, which outlives a token; None if the service refuses to tell it to this token.

        For a client that acts under another account it is that account's id, without a request.

        Raises:
            ApiError: If the response is neither the requester nor the service's own refusal (403, 404).
            ConnectionFailed: If no response arrives.
        """
        return self._headers.get(ACT_UNDER) or await self.requester()

    async def known_account(self) -> str:
        """Return the id of the account; errors as in `account`.

        Raises:
            ConfigurationError: If the service refuses to tell it.
        """
        account = await self.account()
        if account is None:
            raise account_unknown()
        return account

    async def former_account(self) -> str | None:
        """Return the id by which version 0.1.0 recorded a client that acts under another account; None for other clients."""
        return await self.requester() if ACT_UNDER in self._headers else None

    async def requester(self) -> str | None:
        """Return the id that the service gives for the requester; None and errors as in `account`.

        Source: Toloka API, "Get account balance".
        """
        # a lock for each process: one that is held while another thread forks stays locked in the child for ever
        async with self._account_locks.setdefault(os.getpid(), asyncio.Lock()):
            if self._requester is None:
                # a refusal is not kept: the next request may succeed
                self._requester = await self._fetch_requester()
        return self._requester

    async def get(self, path: str, *, query: Mapping[str, str] | None = None) -> Row:
        """Request an object.

        Raises:
            ApiError: If the service rejects the request, or its response is not an object.
            ConnectionFailed: If no response arrives.
        """
        return decode_json(await self.send("GET", path, query=query, repeatable=True), Row)

    async def get_all(self, path: str) -> list[Row]:
        """Request a list that has no pages; errors as in `get`."""
        return decode_json(await self.send("GET", path, repeatable=True), list)

    async def download(self, path: str, file: BinaryIO) -> None:
        """Write the body of a response to a file, chunk by chunk; errors as in `get`."""
        await self.send("GET", path, repeatable=True, into=file)

    async def post(self, path: str, query: Mapping[str, str], content: bytes, *, repeatable: bool) -> Row:
        """Create an object.

        Raises:
            ApiError: If the service rejects the request, or its response is not an object.
            ConnectionFailed: If no response arrives.
            OutcomeUnknown: If no response arrives to a request that must not be repeated.
        """
        return decode_json(await self.send("POST", path, query=query, content=content, repeatable=repeatable), Row)

    async def act(self, path: str, returns: Sequence[str] = OPERATION) -> Row | None:
        """Start an action; return None if there is nothing to do (204).

        Args:
            path: As in `send`.
            returns: The fields of the response's object, those of an operation; empty for an action with any response.

        Raises:
            ApiError, ConnectionFailed, OutcomeUnknown: As in `post`.
        """
        response = await self.send("POST", path, repeatable=False)
        if not response.content and (response.status_code == NO_CONTENT or not returns):
            return None
        return decode_object(response, returns) if returns else decode_json(response, Row)

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | Callable[[], Mapping[str, str]] | None = None,
        content: bytes | None = None,
        repeatable: bool,
        into: BinaryIO | None = None,
        change: Callable[[TolokaError, Mapping[str, str]], bool] | None = None,
    ) -> httpx.Response:
        """Send a request and return its response, whose status is 2xx; the current progress shows what is waited for.

        Args:
            method: HTTP method.
            path: Path after `/api`, its parts already quoted.
            query: Query parameters as text, or a function that returns those of the next attempt.
            content: JSON text of the body.
            repeatable: Whether sending the request twice has the same effect as sending it once.
            into: File for the body of a 2xx response, which is then not kept in memory; each attempt starts it anew.
            change: Called with the error of an attempt and its query; returns whether `query` returns another one now. Such an
                attempt is not counted.

        The response's extension `waited` is the time until its last attempt began to arrive, in seconds.

        Raises:
            ApiError: If the service rejects the request.
            ConnectionFailed: If no response arrives.
            OutcomeUnknown: If a request that must not be repeated got no response, or one of a service in trouble.
        """
        headers = {} if content is None else {"Content-Type": "application/json"}
        call = f"{method} {ID.sub(ID_MASK, path)}"
        has_effect = False
        async for attempt in self._attempts[repeatable].copy():
            with attempt:
                params = query() if callable(query) else query
                request = self._connections.client().build_request(
                    method, path, params=params, content=content, headers=headers
                )
                try:
                    # for each attempt, because the service counts each
                    await self.rate_limiter.request(call)
                    scope = anyio.CancelScope()
                    exchange = asyncio.create_task(self._exchange(request, repeatable, into, scope))
                    response = await _finished(exchange, scope)
                    await self._raise_for_status(response, call, repeatable)
                except TolokaError as error:
                    # the error of the last attempt speaks for those before as well
                    error.earlier_attempt_may_have = has_effect
                    has_effect = error.may_have_taken_effect = has_effect or error.may_have_taken_effect
                    if change is not None and change(error, request.url.params):
                        uncount(attempt)
                    raise
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._connections.aclose()

    def attempts(self) -> AsyncRetrying:
        """Return the attempts of a request that is safe to repeat, for a caller that finds its body incomplete."""
        return self._attempts[True].copy()

    @cached_property
    def _attempts(self) -> dict[bool, AsyncRetrying]:
        return {repeatable: retrying(self._retries, repeatable=repeatable) for repeatable in (True, False)}

    async def _fetch_requester(self) -> str | None:
        try:
            response = await self.send("GET", "/v1/requester", repeatable=True)
        except (NotFound, AccessDenied) as error:
            if error.code is None:  # something between responded, which knows nothing of the account
                raise
            return None
        requester = decode_json(response, Row).get("id")
        if not isinstance(requester, str) or not requester:
            fault = field_fault(shown_content(response), decode_json(response, Row), {"id": "text"})
            raise bad_answer(
                response.status_code, shown_content(response), "the requester with its id was expected", fault=fault
            )
        return requester

    async def _exchange(
        self, request: httpx.Request, repeatable: bool, into: BinaryIO | None, scope: anyio.CancelScope
    ) -> httpx.Response:
        """Send a request once and receive its response, in a scope by which it can be cancelled."""
        with scope:
            try:
                clock = asyncio.get_running_loop().time
                begin = clock()
                with _deadline(self._limits.seconds):
                    response = await self._connections.client().send(request, stream=True)
                    response.extensions["waited"] = clock() - begin
                    response = await _receive(response, into, self._limits.bytes)
                if date := _http_date(response.headers.get("Date", "")):
                    self.clock_skew = date - datetime.now(UTC)
                self.visible_after = _seconds(response.headers.get("X-Visible-After", ""), self.visible_after)
                return response if into is not None and response.is_success else redact(response)
            except UNREACHED as error:
                raise no_response(request, error, self._connections.sources) from without_frames(error)
            except TolokaError:  # of the token's callable, or of a response that is too large
                raise
            except _FileError as error:
                raise error.cause from None
            # a custom transport can raise anything, even a cancellation that nobody requested
            except (Exception, asyncio.CancelledError) as error:
                if isinstance(error, asyncio.CancelledError) and scope.cancel_called:
                    raise
                sources = self._connections.sources
                failed = no_response(request, error, sources) if repeatable else unknown_outcome(request, error)
                failed.may_have_taken_effect = request.method != "GET"
                raise failed from without_frames(error)
            finally:
                remove_token(request)
        # anyio's scope swallows a cancellation of its own making
        raise asyncio.CancelledError

    async def _raise_for_status(self, response: httpx.Response, call: str, repeatable: bool) -> None:
        if response.is_success:
            return
        error = rejection(response, _retry_after(response))
        if isinstance(error, QuotaExceeded):
            await self.rate_limiter.record_rejection(call, error)
        # a 429 of the service proves that nothing was done: what exceeds a limit is not let in
        if not repeatable and error.retryable and error.may_have_taken_effect:
            raise unknown_outcome(response.request, error) from error
        raise error


class Connections:
    """An httpx client for each process: a forked child must not use its parent's sockets.

    Args:
        token: The account's token.
        base_url: Host.
        headers: Headers of every request.
        options: timeout, verify, proxy and transport of httpx.

    Attributes:
        sources: The arguments and variables that the connections depend on.

    Raises:
        ConfigurationError: If an option, or a variable of the machine, is not valid.
    """

    def __init__(self, token: TokenAuth, base_url: str, headers: Mapping[str, str], options: Mapping[str, Any]) -> None:
        # closures, because displays of objects show attributes, and a proxy's URL may hold a password
        self._options: Callable[[], Mapping[str, Any]] = lambda: options
        self._open: Callable[[], tuple[httpx.AsyncClient, Sources]] = lambda: open_client(token, base_url, headers, options)
        self._client, self._process = self._open_here()

    def client(self) -> httpx.AsyncClient:
        """Return the httpx client of this process.

        Raises:
            ConfigurationError: If it was closed, or has a transport that belongs to the process that forked this one.
        """
        if self._client.is_closed:
            raise ConfigurationError("This client was closed.", hint="Make another one.")
        if self._process != os.getpid():
            # the inherited client is left as it is: closing it here would take its sockets from the parent's loop
            if self._options().get("transport") is not None:
                raise ConfigurationError("transport= belongs to another process.", hint="Make a client in each process.")
            self._client, self._process = self._open_here()
        return self._client

    def picklable_options(self) -> dict[str, Any]:
        """Return what another process needs to open the same connections.

        Raises:
            TypeError: If an option cannot be pickled, or must not be.
        """
        if names := unpicklable(self._options()):
            raise TypeError(f"A client with {' and '.join(names)} cannot be pickled: make one in each process.")
        return dict(self._options())

    async def aclose(self) -> None:
        """Close the connections."""
        if not self._client.is_closed:
            await self.client().aclose()

    def _open_here(self) -> tuple[httpx.AsyncClient, int]:
        client, self.sources = self._open()
        process = os.getpid()
        client.event_hooks = {"response": [_set_location_aside]}
        if self._options().get("transport") is None:
            _enlarge_reads(client)
        # a client that nobody closed closes its connections when it is collected; not at the end of Python, when nothing waits
        weakref.finalize(self, _close, client, process).atexit = False
        return client, process


def account_unknown() -> ConfigurationError:
    """Return the error for a call that must know its account, while the service refuses to tell it."""
    return ConfigurationError(
        "The account of this token is not known, because the service refuses GET /v1/requester (403 or 404); nothing was sent.",
        hint="Make the same call again if the refusal may pass. Otherwise use a token that may read the requester, or give the "
        "client the requester's id: act_under_account_id=.",
    )


def uncount(attempt: AttemptManager) -> None:
    """Let an attempt not count, because the next one requests something else."""
    attempt.retry_state.attempt_number -= 1


async def _finished(exchange: asyncio.Task[httpx.Response], scope: anyio.CancelScope) -> httpx.Response:
    """Wait for an exchange; cancellation cancels it and waits for its end.

    It is cancelled by anyio's scope: httpcore protects the end of a response against that only, and a cancellation of asyncio's
    would leave a connection open for ever.
    """
    try:
        return await asyncio.shield(exchange)
    except asyncio.CancelledError:
        scope.cancel()
        await asyncio.gather(exchange, return_exceptions=True)
        raise


@contextmanager
def _deadline(seconds: float | None) -> Iterator[None]:
    """Raise `ResponseTimeout` if the block takes longer; by a scope of anyio's, for the same reason as in `_finished`."""
    with anyio.move_on_after(seconds) as scope:
        yield
    if scope.cancelled_caught and seconds is not None:
        raise ResponseTimeout(seconds)


async def _receive(response: httpx.Response, into: BinaryIO | None, limit: int | None) -> httpx.Response:
    """Read the body into the file, or return a response that has it; the body of an error is never written to the file.

    Raises:
        BadAnswer: If the body is larger than the limit.
    """
    async with aclosing(response):
        if into is None or not response.is_success:
            return _with_body(response, b"".join([chunk async for chunk in _decoded(response, limit)]))
        await _in_file(into.seek, 0)
        await _in_file(into.truncate)
        async for chunk in _decoded(response, limit):
            await _in_file(into.write, chunk)
        return response


def _with_body(response: httpx.Response, body: bytes) -> httpx.Response:
    headers = [(name, value) for name, value in response.headers.raw if name.lower() not in BODY_HEADERS]
    status, extensions = response.status_code, response.extensions
    return httpx.Response(status, headers=headers, content=body, request=response.request, extensions=extensions)


async def _decoded(response: httpx.Response, limit: int | None) -> AsyncIterator[bytes]:
    """Iterate over the decoded body, in chunks of bounded size.

    It is counted while it is decoded, because a small compressed body can be one of gigabytes, and before each further decoder.
    """
    encodings = response.headers.get_list("Content-Encoding", split_commas=True)
    if len(encodings) > MAX_ENCODINGS:
        raise too_many_encodings(response, MAX_ENCODINGS)
    body = _Body(response, limit)
    body.count(_declared_size(response))
    chunks = body.received()
    # a transport that is not httpx's own can return a response that was read and decoded
    for encoding in [] if response.is_stream_consumed else reversed(encodings):
        # a response for each encoding, because httpx decodes the chunks of several at once, without a bound between them
        steps = _Steps(chunks, STEP_BYTES.get(encoding.strip().lower(), STEP_BYTES["gzip"]), body)
        chunks = httpx.Response(200, headers={"Content-Encoding": encoding}, stream=steps).aiter_bytes()
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if not body.count(size):
            yield chunk
    body.check()


def _declared_size(response: httpx.Response) -> int:
    """Return the size of a body that is not encoded, if the response declares it; else 0."""
    size = response.headers.get("Content-Length", "")
    # at most as many digits as h11 accepts, because int() rejects thousands of them
    return (
        int(size) if size.isdecimal() and len(size) <= MAX_LENGTH_DIGITS and "Content-Encoding" not in response.headers else 0
    )


class _Body:
    """The body of a response as it is received, until it or what a decoder makes of it is too large."""

    def __init__(self, response: httpx.Response, limit: int | None) -> None:
        self._response = response
        self._limit = limit
        self._is_too_large = False

    def count(self, size: int) -> bool:
        """Return whether the body is too large, now that a decoder has made `size` bytes of it."""
        self._is_too_large = self._is_too_large or (self._limit is not None and size > self._limit)
        return self._is_too_large

    def check(self) -> None:
        if self._is_too_large:
            raise too_large(self._response, self._limit or 0)

    async def received(self) -> AsyncIterator[bytes]:
        # raised here, the error ends every generator that waits for the next chunk
        self.check()
        response = self._response
        # generators, though httpx types them as iterators
        source = cast("AsyncGenerator[bytes]", response.aiter_bytes() if response.is_stream_consumed else response.aiter_raw())
        async with aclosing(source) as chunks:
            async for chunk in chunks:
                yield chunk
                self.check()


class _Steps(httpx.AsyncByteStream):
    """The input of a decoder, in steps; it can be a little larger than the body that the decoder makes of it."""

    def __init__(self, chunks: AsyncIterator[bytes], step: int, body: _Body) -> None:
        self._chunks = chunks
        self._step = step
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._chunks:
            size += len(chunk)
            for offset in range(0, len(chunk), self._step):
                if self._body.count(size - size // 100 - ENCODING_OVERHEAD):
                    break
                if len(chunk) > LARGE_STEP_BYTES:
                    await asyncio.sleep(0)
                yield chunk[offset : offset + self._step]


async def _set_location_aside(response: httpx.Response) -> None:
    """Move the Location to the extensions: httpx raises if it is not a URL, and else prepares a request with the token."""
    if "Location" in response.headers:
        response.extensions["location"] = response.headers.pop("Location")


def _enlarge_reads(client: httpx.AsyncClient) -> None:
    """Let connections of a client read more at once; nothing happens where its transports have no pool of httpcore."""
    # httpx has no argument for httpcore's network backend
    for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001 -- see above
        pool: Any = getattr(transport, "_pool", None)
        if (backend := getattr(pool, "_network_backend", None)) is not None:
            pool._network_backend = _Backend(backend)  # noqa: SLF001 -- see above


class _Wrapper:
    """An object of httpcore, of which some methods are replaced."""

    def __init__(self, wrapped: Any) -> None:
        self._wrapped = wrapped

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wrapped, name)


class _Backend(_Wrapper):
    async def connect_tcp(self, *args: Any, **kwargs: Any) -> LargeReads:
        return LargeReads(await self._wrapped.connect_tcp(*args, **kwargs))


class LargeReads(_Wrapper):
    """A connection that reads up to READ_BYTES where httpcore asks for less."""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 -- of httpcore's interface
        received: bytes = await self._wrapped.read(max(max_bytes, READ_BYTES), timeout)
        return received

    async def start_tls(self, *args: Any, **kwargs: Any) -> LargeReads:
        return LargeReads(await self._wrapped.start_tls(*args, **kwargs))


class _FileError(Exception):
    """An error of the file for a response's body, which is not an error of the connection."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


async def _in_file(call: Callable[..., object], *args: object) -> None:
    try:
        await in_thread(call, *args)
    except Exception as error:
        raise _FileError(error) from error


def decode_json(response: httpx.Response, shape: type[JsonT]) -> JsonT:
    """Return the value of a response's JSON.

    Raises:
        BadAnswer: If the body is not JSON, or of another shape.
    """
    try:
        value = json.loads(response.content, object_hook=Row)
        if SURROGATE.search(response.content):
            value = encodable(value)
    except (ValueError, RecursionError) as error:
        raise not_json(response, shape, _retry_after(response), error) from error
    if not isinstance(value, shape) or (isinstance(value, list) and not all(isinstance(item, dict) for item in value)):
        raise not_json(response, shape, _retry_after(response))
    return value


def decode_object(response: httpx.Response, returns: Sequence[str] = ("id",), **values: Any) -> Row:
    """Return the object of a response that has changed something.

    Args:
        response: The response.
        returns: The fields that the object must have; `id` and `status` are text.
        values: Values of fields that it must have.

    Raises:
        BadAnswer: If it is not this object; the request may have taken effect.
    """
    body = decode_json(response, Row)
    has_fields = all(isinstance(body[name], str) if name in OPERATION else True for name in returns if name in body)
    if not has_fields or not body.keys() >= set(returns) or any(body.get(name) != value for name, value in values.items()):
        kinds = {name: "text" if name in OPERATION else "" for name in returns} | {name: repr(values[name]) for name in values}
        fault = field_fault(shown_content(response), body, kinds)
        fields = ", ".join([*returns, *(f"{name}={value!r}" for name, value in values.items())])
        error = bad_answer(response.status_code, shown_content(response), f"an object with {fields} was expected", fault=fault)
        error.may_have_taken_effect = True
        raise error
    return body


def decode_arrow(body: bytes, schema: pa.Schema, *, unknown_fields: Literal["error", "ignore"]) -> pa.Table:
    """Parse a JSON object into a table of one row with Arrow's reader, which creates no Python objects and releases the GIL.

    Raises:
        pa.ArrowInvalid: If the object does not fit the schema or is not valid UTF-8.
    """
    table = pa_json.read_json(
        pa.BufferReader(body),
        # one block, because an object must not be split; no threads, because the caller reads objects in parallel
        read_options=pa_json.ReadOptions(use_threads=False, block_size=len(body) + 1),
        parse_options=pa_json.ParseOptions(
            schema,
            # if this is set, the reader first scans the text for the end of the object
            newlines_in_values=b"\n" in body or b"\r" in body,
            unexpected_field_behavior=unknown_fields,
        ),
        # Arrow's default pool keeps freed memory for the thread that used it, and many threads read objects
        memory_pool=pa.system_memory_pool(),
    )
    table.validate(full=True)  # the reader accepts bytes that are not UTF-8
    return table


def _unpickled(source: Callable[[], str], url: str, headers: Mapping[str, str], options: Mapping[str, Any]) -> ApiClient:
    return ApiClient(TokenAuth(source), url, headers, **options)


def _close(client: httpx.AsyncClient, process: int) -> None:
    # a forked child runs this too, and the sockets are its parent's
    if os.getpid() == process:
        start(client.aclose)


def _retry_after(response: httpx.Response) -> float | None:
    """Return the seconds until another attempt, from either form of Retry-After (RFC 9110, section 10.2.3); at most a year."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return min(float(value), MAX_RETRY_AFTER_SECONDS)
    # by the clock that wrote it, because ours may be hours wrong
    then, now = _http_date(value), _http_date(response.headers.get("Date", "")) or datetime.now(UTC)
    return None if then is None else min(max((then - now).total_seconds(), 0.0), MAX_RETRY_AFTER_SECONDS)


def _seconds(value: str, otherwise: float | None) -> float | None:
    """Return a number of seconds in a header, up to a day."""
    return float(value) if NUMBER.fullmatch(value) and float(value) <= DAY_SECONDS else otherwise


def _http_date(value: str) -> datetime | None:
    """Parse the date of a header, to the second (RFC 9110, section 5.6.7); None if it is not one of our time."""
    try:
        date = parsedate_to_datetime(value)
    except (TypeError, ValueError, ArithmeticError, LookupError):
        return None
    if date.year not in YEARS:
        return None
    # UTC written as -0000 is parsed as naive
    return date if date.tzinfo else date.replace(tzinfo=UTC)
