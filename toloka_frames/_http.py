"""A request of the API comes in, the bytes of its answer or an error that says what to do goes out.

Authorises, keeps the limit of requests, repeats what may be repeated. One `Service` is one account.
"""

from __future__ import annotations

import json
import os
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_random_exponential

from toloka_frames._answers import INTERVAL_SECONDS, RETRYABLE, Interval, decoded, refusal
from toloka_frames._errors import (
    ApiError,
    ConfigurationError,
    ConnectionFailed,
    InputError,
    OutcomeUnknown,
    QuotaExceeded,
)
from toloka_frames._quota import Quota
from toloka_frames._sync import start

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

Environment: TypeAlias = Literal["SANDBOX", "PRODUCTION"]

HOSTS = {"SANDBOX": "https://sandbox.toloka.dev", "PRODUCTION": "https://toloka.dev"}
WEB_HOSTS = {"SANDBOX": "https://sandbox.toloka.yandex.com", "PRODUCTION": "https://platform.toloka.ai"}
# a page of many rows takes the service long; a wait for a free connection is no failure of it
TIMEOUT = httpx.Timeout(120.0, connect=10.0, pool=None)
MISSING_HINT = "Give it as the first argument or in TOLOKA_TOKEN. Without an account: toloka_frames.local.LocalToloka."
URL_HINT = "As 'https://toloka.example.com'."
BACKOFF = wait_random_exponential(multiplier=0.5, max=30)


@dataclass(frozen=True)
class Retries:
    """How often and for what a request is repeated.

    Attributes:
        attempts: Tries in all, at least 1. Between them the client waits with exponential backoff and full jitter (up to 0.5 s,
            1 s, 2 s ... 30 s), or as long as the service's Retry-After says; where that is longer than the longest of
            `wait_for`, the error is raised at once.
        wait_for: Quotas whose end is waited for (`payload.interval` of a 429, Toloka-Kit 1.2.3 `retry_quotas`): "MIN" is a
            minute, "HOUR" and "DAY" as much. Another quota raises `QuotaExceeded` at once.
    """

    attempts: int = 5
    wait_for: tuple[Interval, ...] = ("MIN",)

    def __post_init__(self) -> None:
        if not isinstance(self.attempts, int) or self.attempts < 1:
            raise ConfigurationError(f"retries={self.attempts!r}: tries are counted from 1.")
        if unknown := set(self.wait_for) - set(INTERVAL_SECONDS):
            raise ConfigurationError(f"wait_for={sorted(unknown)!r}: the service's quotas are of a MIN, an HOUR or a DAY.")


class Token(httpx.Auth):
    """Adds the token to a request; shows it nowhere.

    A token with exactly two dots, the first at position 22 to 24, is an API key, else OAuth (Toloka-Kit 1.2.3, Java SDK).
    """

    def __init__(self, token: str) -> None:
        dots = [index for index, char in enumerate(token) if char == "."]
        scheme = "ApiKey" if len(dots) == 2 and 22 <= dots[0] <= 24 else "OAuth"  # noqa: PLR2004 -- see the docstring
        # a closure, because displays of objects show attributes
        self.auth_flow = lambda request: _authorised(request, f"{scheme} {token}")  # type: ignore[method-assign]

    def __repr__(self) -> str:
        return "Token(...)"


def _authorised(request: httpx.Request, value: str) -> Generator[httpx.Request, httpx.Response, None]:
    request.headers["Authorization"] = value
    yield request


class Service:
    """The API of one account, over connections that are kept."""

    def __init__(
        self,
        token: str,
        base_url: str,
        *,
        web_url: str = WEB_HOSTS["PRODUCTION"],
        headers: Mapping[str, str] | None = None,
        timeout: float | httpx.Timeout | None = TIMEOUT,
        retries: Retries | int = 5,
        verify: Any = True,
        proxy: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.url = base_url
        self.web_url = web_url
        self.quota = Quota()
        self._retries = retries if isinstance(retries, Retries) else Retries(retries)
        try:
            self._client = httpx.AsyncClient(
                base_url=f"{base_url}/api",
                auth=Token(token),
                headers=headers,
                timeout=timeout,
                verify=verify,
                proxy=proxy,
                transport=transport,
                # the quota keeps requests few; a limit of connections would only make them fail
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=50),
            )
        except (ValueError, TypeError, httpx.InvalidURL) as error:
            # neither told nor chained: httpx repeats the proxy's address, which may hold a password
            raise ConfigurationError(f"proxy=, verify= or timeout= do not fit ({type(error).__name__}).") from None
        # a client that nobody closed closes its connections when it is forgotten
        weakref.finalize(self, start, self._client.aclose).atexit = False

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

    async def post(
        self,
        path: str,
        query: Mapping[str, str],
        content: bytes,
        *,
        repeatable: bool,
        retried: Callable[[str], object] | None = None,
    ) -> dict[str, Any]:
        """Have an object made.

        Raises:
            ApiError: The service refused, or its answer is no object.
            ConnectionFailed: No answer came.
            OutcomeUnknown: No answer came to a request that must not be repeated.
        """
        answer = await self.send("POST", path, query=query, content=content, repeatable=repeatable, retried=retried)
        return decoded(answer, dict)

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
        retried: Callable[[str], object] | None = None,
    ) -> httpx.Response:
        """Send a request and return its answer with a status of 2xx.

        Args:
            method: HTTP method.
            path: Path behind `/api`, its parts already quoted.
            query: Query parameters as text.
            content: JSON text of the body.
            repeatable: Whether sending it twice does what sending it once does.
            retried: Called with a word before each wait for another try.

        Raises:
            ApiError: The service refused.
            ConnectionFailed: No answer came.
            OutcomeUnknown: No answer came, or one of a service in trouble, to a request that must not be repeated.
        """
        headers = {} if content is None else {"Content-Type": "application/json"}
        request = self._client.build_request(method, path, params=query, content=content, headers=headers)
        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: _may_repeat(error, repeatable, self._retries)),
            wait=_wait,
            stop=stop_after_attempt(self._retries.attempts),
            before_sleep=None if retried is None else lambda state: _tell(retried, state),
            reraise=True,
        )
        answer: httpx.Response = await retrying(self._once, request, repeatable)
        return answer

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _once(self, request: httpx.Request, repeatable: bool) -> httpx.Response:
        await self.quota.request()
        if self._client.is_closed:
            raise ConfigurationError("This client was closed.", hint="Make another one.")
        try:
            answer = _without_token(await self._client.send(request))
        # of these none has reached the service, so that even a request without a key may go again
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            raise _no_answer(request, error) from error
        except httpx.RequestError as error:
            raise (_no_answer if repeatable else _unknown)(request, error) from error
        if answer.is_success:
            return answer
        refused = refusal(answer)
        if not repeatable and answer.status_code in RETRYABLE - {429}:
            raise _unknown(request, refused) from refused
        raise refused


def _without_token(answer: httpx.Response) -> httpx.Response:
    """The answer; a page that repeats the request's headers does not get the token into a message.

    In an answer of 2xx only the header's whole value counts: a token may be a word that stands in somebody's data.
    """
    value = answer.request.headers["Authorization"].encode()
    secret = value if answer.is_success else value.partition(b" ")[2]
    if secret not in answer.content:
        return answer
    content = answer.content.replace(secret, b"***")
    headers = {name: text for name, text in answer.headers.items() if name == "retry-after"}
    return httpx.Response(answer.status_code, headers=headers, content=content, request=answer.request)


def service(
    token: str | None,
    environment: str | None,
    *,
    url: str | None,
    act_under_account_id: str | None,
    user_agent: str,
    **options: Any,
) -> Service:
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
    token = _token(os.environ.get("TOLOKA_TOKEN", "") if token is None else token)
    headers = {"User-Agent": user_agent}
    if act_under_account_id is not None:
        if not _fits_header(act_under_account_id):
            raise ConfigurationError(f"act_under_account_id={act_under_account_id!r} is no id of a requester.")
        headers["X-Act-Under-Account-ID"] = act_under_account_id
    web_url = WEB_HOSTS.get(environment or "", WEB_HOSTS["PRODUCTION"])
    return Service(token, _base_url(url, environment), web_url=web_url, headers=headers, **options)


def json_body(body: Any) -> bytes:
    """The JSON text of a body.

    Raises:
        InputError: It holds what JSON cannot say.
    """
    try:
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


def _token(given: Any) -> str:
    token = given.strip() if isinstance(given, str) else given
    if not token:
        raise ConfigurationError("There is no token.", hint=MISSING_HINT)
    if not _fits_header(token):
        raise ConfigurationError("The token holds characters that no token has, or is no text.", hint=MISSING_HINT)
    return str(token)


def _fits_header(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and value.isascii() and value.isprintable()


def _may_repeat(error: BaseException, repeatable: bool, retries: Retries) -> bool:
    if isinstance(error, ApiError):
        patience = max((INTERVAL_SECONDS[interval] for interval in retries.wait_for), default=INTERVAL_SECONDS["MIN"])
        if (error.retry_after or 0.0) > patience:
            return False
        if isinstance(error, QuotaExceeded) and error.interval is not None:
            return error.interval in retries.wait_for
        return error.retryable and (repeatable or isinstance(error, QuotaExceeded))
    return isinstance(error, ConnectionFailed)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, ApiError) and error.retry_after is not None:
        return error.retry_after
    return BACKOFF(state)


def _tell(retried: Callable[[str], object], state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    what = "quota" if isinstance(error, QuotaExceeded) else "the service"
    retried(f"{what}, {state.upcoming_sleep:,.0f} s")


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
