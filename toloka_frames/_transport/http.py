"""A request of the API comes in, the bytes of its answer or an error that says what to do goes out.

On its way it waits for the account's limits (`_quota`), goes over connections of this process (`_connections`), and is repeated
where that may help (`_retries`). One `ApiClient` is one account.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Self, TypeAlias

import httpx

from toloka_frames._errors import (
    AccessDenied,
    ConfigurationError,
    ConnectionFailed,
    InputError,
    NotFound,
    OutcomeUnknown,
    QuotaExceeded,
    TolokaError,
)
from toloka_frames._runtime.event_loop import in_thread
from toloka_frames._transport.auth import TokenAuth, fits_header
from toloka_frames._transport.connections import Connections, run_exchange
from toloka_frames._transport.rate_limits import RateLimiter, usage_of
from toloka_frames._transport.responses import RETRYABLE, date_of, decoded, refusal
from toloka_frames._transport.retries import Retries, retrying

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from toloka_frames._transport.rate_limits import AccountUsage

Environment: TypeAlias = Literal["SANDBOX", "PRODUCTION"]

HOSTS = {"SANDBOX": "https://sandbox.toloka.dev", "PRODUCTION": "https://toloka.dev"}
WEB_HOSTS = {"SANDBOX": "https://sandbox.toloka.yandex.com", "PRODUCTION": "https://platform.toloka.ai"}
ACT_UNDER = "X-Act-Under-Account-ID"
# those of the Java SDK (Toloka-Kit 1.2.3 gives up after 10 s): a page of many rows takes the service long; a wait for a free
# connection is no failure of it
TIMEOUT = httpx.Timeout(120.0, connect=10.0, pool=None)
URL_HINT = "As 'https://toloka.example.com'."
# every other part of a path is an id: /v1/pools/1080020/open
ID = re.compile(r"(/[a-z-]+)/(?!v\d/)[^/]+")
# of these none has reached the service, so that even a request without a key may go again
UNREACHED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


class ApiClient:
    """The API of one account, over connections that are kept; goes into a pickle without its token.

    Args:
        token: The token.
        base_url: Host.
        headers: Headers of every request.
        web_url: Host of the pages for people.
        retries: Tries for each request.
        workers: How many processes ask at the same time, each its share of what the account may.
        options: timeout, verify, proxy and transport of httpx.
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
        **options: Any,
    ) -> None:
        self.url = base_url
        self.web_url = web_url
        self._token = token
        self._headers = headers
        self._retries = retries if isinstance(retries, Retries) else Retries(retries)
        self._connections = Connections(token, base_url, headers, options)
        self.quota = RateLimiter(partial(_limits, token, base_url, headers.get(ACT_UNDER, "")), self._retries, workers)
        self._account: str | None = None
        self._ahead = timedelta()
        self._asking: dict[int, asyncio.Lock] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        facts = {"web_url": self.web_url, "retries": self._retries, "workers": self.quota.workers}
        return _unpickled, (self._token.source, self.url, self._headers, facts | self._connections.options())

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def shared(self, workers: int) -> ApiClient:
        """The same over the same connections, for one of so many processes that ask at the same time."""
        # not by its constructor, which would open other connections
        shared = ApiClient.__new__(ApiClient)
        vars(shared).update(vars(self), quota=replace(self.quota, workers=workers * self.quota.workers))
        return shared

    def now(self) -> datetime:
        """The time by the service's clock (UTC), never ahead of it; by ours while the service has not told its own."""
        # the header is cut to a second and as old as its way here, so that this clock can be late, but not early
        return datetime.now(UTC) + self._ahead

    def latest_now(self) -> datetime:
        """The time by the later of the service's clock and this computer's (UTC), rounded up to a whole second.

        If one of the clocks is wrong, a time range that ends here still misses no row.
        """
        return (max(self.now(), datetime.now(UTC)) + timedelta(seconds=1)).replace(microsecond=0)

    async def account(self) -> str:
        """The id of the requester, which outlives a token; where the service does not tell it, what stands for it.

        Source: Toloka API, "Get account balance".
        """
        # a lock for each process: one that is held while another thread forks stays locked in the child for ever
        async with self._asking.setdefault(os.getpid(), asyncio.Lock()):
            if self._account is None:
                self._account = await self._requester() or self._headers.get(ACT_UNDER, self.url)
        return self._account

    async def get(self, path: str, *, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Ask for an object.

        Raises:
            ApiError: The service refused, or its answer is no object.
            ConnectionFailed: No answer came.
        """
        return decoded(await self.send("GET", path, query=query, repeatable=True), dict)

    async def get_all(self, path: str) -> list[dict[str, Any]]:
        """Ask for a list that has no pages; errors as in `get`."""
        return decoded(await self.send("GET", path, repeatable=True), list)

    async def download(self, path: str, file: BinaryIO) -> None:
        """Write what a path answers into a file, piece by piece; errors as in `get`."""
        await self.send("GET", path, repeatable=True, into=file)

    async def post(self, path: str, query: Mapping[str, str], content: bytes, *, repeatable: bool) -> dict[str, Any]:
        """Have an object made.

        Raises:
            ApiError: The service refused, or its answer is no object.
            ConnectionFailed: No answer came.
            OutcomeUnknown: No answer came to a request that must not be repeated.
        """
        return decoded(await self.send("POST", path, query=query, content=content, repeatable=repeatable), dict)

    async def act(self, path: str) -> dict[str, Any] | None:
        """Have something done; None where the answer has no body. Errors as in `post`."""
        answer = await self.send("POST", path, repeatable=False)
        return decoded(answer, dict) if answer.content else None

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        content: bytes | None = None,
        repeatable: bool,
        into: BinaryIO | None = None,
    ) -> httpx.Response:
        """Send a request and return its answer with a status of 2xx; the present meter shows what is waited for.

        Args:
            method: HTTP method.
            path: Path behind `/api`, its parts already quoted.
            query: Query parameters as text.
            content: JSON text of the body.
            repeatable: Whether sending it twice does what sending it once does.
            into: Where the body of an answer of 2xx goes instead of into memory, each try from the beginning.

        The answer's extension `waited` is how long its last try took to begin, in seconds.

        Raises:
            ApiError: The service refused.
            ConnectionFailed: No answer came.
            OutcomeUnknown: No answer came, or one of a service in trouble, to a request that must not be repeated.
        """
        headers = {} if content is None else {"Content-Type": "application/json"}
        request = self._connections.client().build_request(method, path, params=query, content=content, headers=headers)
        call = " ".join([method, ID.sub(r"\1/*", path)])
        tries = retrying(self._retries, repeatable=repeatable)
        answer: httpx.Response = await tries(self._try, request, call, repeatable, into, [])
        return answer

    async def aclose(self) -> None:
        """Close the connections."""
        await self._connections.aclose()

    async def _requester(self) -> str | None:
        try:
            requester = (await self.get("/v1/requester")).get("id")
        except (NotFound, AccessDenied) as error:
            if error.code is None:  # somebody between answered, who knows nothing of the account
                raise
            return None
        return requester if isinstance(requester, str) else None

    async def _try(
        self, request: httpx.Request, call: str, repeatable: bool, into: BinaryIO | None, effects: list[bool]
    ) -> httpx.Response:
        """One of several tries, whose error tells of those before as well."""
        try:
            return await self._once(request, call, repeatable, into)
        except TolokaError as error:
            effects.append(error.may_have_taken_effect)
            error.may_have_taken_effect = any(effects)
            raise

    async def _once(self, request: httpx.Request, call: str, repeatable: bool, into: BinaryIO | None) -> httpx.Response:
        # for each try, as the service counts each
        await self.quota.request(call)
        answer = await run_exchange(self._answer(request, repeatable, into))
        if answer.is_success:
            return answer
        refused = refusal(answer)
        if isinstance(refused, QuotaExceeded):
            await self.quota.refused(call, refused)
        # what was over a limit was not let in, so that of a 429 it is known that nothing was done
        if not repeatable and answer.status_code in RETRYABLE - {429}:
            raise _unknown(request, refused) from refused
        raise refused

    async def _answer(self, request: httpx.Request, repeatable: bool, into: BinaryIO | None) -> httpx.Response:
        try:
            clock = asyncio.get_running_loop().time
            asked = clock()
            answer = await self._connections.client().send(request, stream=True)
            answer.extensions["waited"] = clock() - asked
            await _received(answer, into)
            if date := date_of(answer):
                self._ahead = date - datetime.now(UTC)
            return answer if into is not None and answer.is_success else _without_token(answer)
        except UNREACHED as error:
            raise _no_answer(request, error) from _bare(error)
        except httpx.RequestError as error:
            failed = (_no_answer if repeatable else _unknown)(request, error)
            failed.may_have_taken_effect = request.method != "GET"
            raise failed from _bare(error)
        finally:
            # answers and errors hold the request, and are looked into
            request.headers.pop("Authorization", None)


async def _received(answer: httpx.Response, into: BinaryIO | None) -> None:
    """Have the body in the file; that of a refusal in memory, as any other."""
    async with aclosing(answer):
        if into is None or not answer.is_success:
            await answer.aread()
            return
        into.seek(0)
        into.truncate()
        async for part in answer.aiter_bytes():
            await in_thread(into.write, part)


def _without_token(answer: httpx.Response) -> httpx.Response:
    """The answer; a page that repeats the request's headers does not get the token into a message.

    In an answer of 2xx only the header's whole value counts: a token may be a word that stands in somebody's data.
    """
    value = answer.request.headers["Authorization"].encode()
    secret = value if answer.is_success else value.partition(b" ")[2]
    if secret not in answer.content:
        return answer
    content = answer.content.replace(secret, b"***")
    # the others tell of the body as it was: httpx would unpack this one again by its Content-Encoding
    headers = {name: text for name, text in answer.headers.items() if name in ("date", "retry-after")}
    return httpx.Response(answer.status_code, headers=headers, content=content, request=answer.request)


def api_client(
    token: TokenAuth,
    environment: str | None,
    *,
    url: str | None,
    act_under_account_id: str | None,
    user_agent: str,
    **options: Any,
) -> ApiClient:
    """The service for what a client was made with; the environment's variables fill in what was not given.

    Raises:
        ConfigurationError: They do not fit together.
    """
    if not url and not environment:
        url, environment = os.environ.get("TOLOKA_URL"), os.environ.get("TOLOKA_ENVIRONMENT")
    if bool(url) == bool(environment):
        raise ConfigurationError(
            "Exactly one of environment and url is needed.",
            hint='environment is "SANDBOX" or "PRODUCTION" (or TOLOKA_ENVIRONMENT); url is another host (or TOLOKA_URL).',
        )
    token.check()
    headers = {"User-Agent": user_agent}
    if act_under_account_id is not None:
        if not fits_header(act_under_account_id):
            raise ConfigurationError(f"act_under_account_id={act_under_account_id!r} is no id of a requester.")
        headers[ACT_UNDER] = act_under_account_id
    web_url = WEB_HOSTS.get(environment or "", WEB_HOSTS["PRODUCTION"])
    return ApiClient(token, _base_url(url, environment), headers, web_url=web_url, **options)


def _unpickled(source: Callable[[], str], url: str, headers: Mapping[str, str], facts: Mapping[str, Any]) -> ApiClient:
    return ApiClient(TokenAuth(source), url, headers, **facts)


async def _limits(token: TokenAuth, *account: str) -> AccountUsage:
    return usage_of(await token.digest(), *account)


def json_body(body: Any) -> bytes:
    """The JSON text of a body.

    Raises:
        InputError: It holds what JSON cannot say.
    """
    try:
        # beyond ASCII a letter of two bytes would become six, and the service's limits are in bytes
        return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError) as error:
        raise InputError(
            f"The body cannot be sent as JSON: {error}.", hint="Use text, numbers, booleans, lists and dicts."
        ) from error


def _base_url(url: str | None, environment: str | None) -> str:
    if not url:
        if environment not in HOSTS:
            raise ConfigurationError(f"environment={environment!r} is neither 'SANDBOX' nor 'PRODUCTION'.")
        return HOSTS[environment]
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        # not chained: what stands before an @ may be a password
        shown = url.rpartition("@")[2] if isinstance(url, str) else url
        raise ConfigurationError(f"url={shown!r} is no URL.", hint=URL_HINT) from None
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo or parsed.query or parsed.fragment:
        shown = str(parsed).replace(f"{parsed.userinfo.decode()}@", "")
        raise ConfigurationError(f"url={shown!r} is no URL of a host.", hint=URL_HINT)
    return url.rstrip("/")


def _bare(error: httpx.RequestError) -> httpx.RequestError:
    """An error without the frames that it came through, whose variables hold the token: tracebacks may show variables."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _no_answer(request: httpx.Request, error: Exception) -> ConnectionFailed:
    return ConnectionFailed(
        f"{request.method} {request.url.copy_with(query=None)}: no answer ({type(error).__name__}: {error}).",
        hint="Check the network, url= and proxy=, or give a longer timeout=.",
    )


def _unknown(request: httpx.Request, error: Exception) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"{request.method} {request.url.copy_with(query=None)} may have taken effect or not ({type(error).__name__}: {error}).",
        hint="This request has no idempotency key, so it was not repeated: look whether its object is there first.",
    )
