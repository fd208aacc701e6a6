"""A request of the API comes in, the bytes of its answer or an error that says what to do goes out.

Authorises, keeps the limit of requests, repeats what may be repeated, translates failures. One `Service` is one account.
"""

from __future__ import annotations

import json
import os
import weakref
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_random_exponential

from toloka_frames._errors import (
    AccessDenied,
    ApiError,
    AuthenticationFailed,
    BadAnswer,
    ConfigurationError,
    Conflict,
    ConnectionFailed,
    InputError,
    NotFound,
    OutcomeUnknown,
    QuotaExceeded,
    TooLarge,
    ValidationFailed,
)
from toloka_frames._quota import Quota
from toloka_frames._sync import start

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

Environment: TypeAlias = Literal["SANDBOX", "PRODUCTION"]
Interval: TypeAlias = Literal["MIN", "HOUR", "DAY"]

HOSTS = {"SANDBOX": "https://sandbox.toloka.dev", "PRODUCTION": "https://toloka.dev"}
WEB_HOSTS = {"SANDBOX": "https://sandbox.toloka.yandex.com", "PRODUCTION": "https://platform.toloka.ai"}
TIMEOUT = httpx.Timeout(120.0, connect=10.0, pool=None)
RETRYABLE = frozenset({408, 429, 500, 502, 503, 504})
INTERVAL_SECONDS = {"MIN": 60.0, "HOUR": 3_600.0, "DAY": 86_400.0}
EXCERPT_CHARS = 200
BACKOFF = wait_random_exponential(multiplier=0.5, max=30)

ERRORS: dict[int, type[ApiError]] = {
    400: ValidationFailed,
    401: AuthenticationFailed,
    403: AccessDenied,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    429: QuotaExceeded,
}
HINTS = {
    401: "Check the token, and that it belongs to this environment: sandbox and production have tokens of their own.",
    403: "The token is valid, but its account may not do this; see act_under_account_id= for a shared account.",
    404: "Check the id, and that it belongs to this environment and account.",
    413: "Send fewer rows at once; tf.create_tasks splits a frame by itself.",
    429: "Come back at {retry_at}, or let the client wait: retries=tf.Retries(wait_for=('MIN', 'HOUR', 'DAY')).",
}


@dataclass(frozen=True)
class Retries:
    """How often and for what a request is repeated.

    Attributes:
        attempts: Tries in all, at least 1. Between them the client waits with exponential backoff and full jitter (up to 0.5 s,
            1 s, 2 s ... 30 s), or as long as the service's Retry-After says.
        wait_for: Quotas whose end is waited for (`payload.interval` of a 429, Toloka-Kit 1.2.3 `retry_quotas`): "MIN" is a
            minute, "HOUR" and "DAY" as much. Another quota raises `QuotaExceeded` at once.
    """

    attempts: int = 5
    wait_for: tuple[Interval, ...] = ("MIN",)


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
        self._client = httpx.AsyncClient(
            base_url=f"{base_url}/api",
            auth=Token(token),
            headers=headers,
            timeout=timeout,
            verify=verify,
            proxy=proxy,
            transport=transport,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=50),
        )
        # a client that nobody closed closes its connections when it is forgotten
        weakref.finalize(self, start, self._client.aclose).atexit = False

    async def get(self, path: str, *, query: Mapping[str, str] | None = None) -> Any:
        """Ask for an object or a list.

        Raises:
            ApiError: The service refused, or its answer is no JSON.
            ConnectionFailed: No answer came.
        """
        return _decoded(await self.send("GET", path, query=query, repeatable=True))

    async def post(
        self,
        path: str,
        query: Mapping[str, str],
        content: bytes | None,
        *,
        repeatable: bool,
        retried: Callable[[str], object] | None = None,
    ) -> Any:
        """Have something done; None where the answer has no body.

        Raises:
            ApiError: The service refused, or its answer is no JSON.
            ConnectionFailed: No answer came.
            OutcomeUnknown: No answer came to a request that must not be repeated.
        """
        answer = await self.send("POST", path, query=query, content=content, repeatable=repeatable, retried=retried)
        return _decoded(answer) if answer.content else None

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
        try:
            answer = await self._client.send(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            raise _no_answer(request, error) from error
        except httpx.TransportError as error:
            raise (_no_answer if repeatable else _unknown)(request, error) from error
        if answer.is_success:
            return answer
        refusal = _api_error(answer)
        if not repeatable and answer.status_code in RETRYABLE - {429}:
            raise _unknown(request, refusal) from refusal
        raise refusal


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
    token = (os.environ.get("TOLOKA_TOKEN") if token is None else token) or ""
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable():
        raise ConfigurationError(
            "There is no token." if not token else "The token holds characters that no token has.",
            hint="Give it as the first argument or in TOLOKA_TOKEN. Without an account: toloka_frames.local.LocalToloka.",
        )
    if bool(url) == bool(environment):
        raise ConfigurationError(
            "Exactly one of environment and url is needed.",
            hint='environment is "SANDBOX" or "PRODUCTION" (or TOLOKA_ENVIRONMENT); url is another host (or TOLOKA_URL).',
        )
    headers = {"User-Agent": user_agent}
    if act_under_account_id is not None:
        headers["X-Act-Under-Account-ID"] = act_under_account_id
    return Service(
        token,
        _base_url(url, environment),
        web_url=WEB_HOSTS.get(environment or "", WEB_HOSTS["PRODUCTION"]),
        headers=headers,
        **options,
    )


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
    except httpx.InvalidURL as error:
        raise ConfigurationError(f"url={url!r} is no URL.") from error
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo:
        raise ConfigurationError(
            f"url={str(parsed.copy_with(username=None, password=None))!r} is no URL of a host.",
            hint="As 'https://toloka.example.com'.",
        )
    return url.rstrip("/")


def _may_repeat(error: BaseException, repeatable: bool, retries: Retries) -> bool:
    if isinstance(error, QuotaExceeded):
        return error.interval is None or error.interval in retries.wait_for
    if isinstance(error, ApiError):
        return error.retryable and repeatable
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


def _api_error(answer: httpx.Response) -> ApiError:
    body = _envelope(answer)
    if body is None:
        return _bad_answer(answer)
    status = answer.status_code
    wait, interval = _retry_after(answer), _interval(body.get("payload"))
    if wait is None and interval is not None:
        wait = INTERVAL_SECONDS[interval]
    retry_at = datetime.now(UTC) + timedelta(seconds=wait or 1.0)
    error = ERRORS.get(status, ApiError)(
        f"{status} {body.get('code') or ''}: {body.get('message') or answer.reason_phrase}",
        status=status,
        code=body.get("code"),
        request_id=body.get("request_id"),
        payload=body.get("payload"),
        retryable=status in RETRYABLE,
        hint=HINTS.get(status, "").format(retry_at=f"{retry_at:%Y-%m-%d %H:%M:%S} UTC"),
    )
    error.retry_after = wait
    if isinstance(error, QuotaExceeded):
        error.interval, error.retry_at = interval, retry_at
    return error


def _envelope(answer: httpx.Response) -> dict[str, Any] | None:
    """The error as the service words it; None when something else answered."""
    try:
        body = json.loads(answer.content)
    except ValueError:
        body = None
    if isinstance(body, dict) and isinstance(body.get("code"), str):
        return body
    # some refusals come without the envelope: 409 with an empty body (archived pool) or a field map (equal bonuses)
    return {"message": _excerpt(answer), "payload": body} if answer.status_code in ERRORS else None


def _interval(payload: Any) -> str | None:
    interval = payload.get("interval") if isinstance(payload, dict) else None
    return interval if interval in INTERVAL_SECONDS else None


def _bad_answer(answer: httpx.Response) -> BadAnswer:
    status = answer.status_code
    error = BadAnswer(
        f"{status}: JSON was expected, and {_excerpt(answer)} came.",
        status=status,
        retryable=status in RETRYABLE,
        hint="Something between you and Toloka may have answered instead: check url= and proxy=.",
    )
    error.retry_after = _retry_after(answer)
    return error


def _decoded(answer: httpx.Response) -> Any:
    try:
        return json.loads(answer.content)
    except ValueError as error:
        raise _bad_answer(answer) from error


def _excerpt(answer: httpx.Response) -> str:
    text = answer.content[:EXCERPT_CHARS].decode("utf-8", "replace")
    return repr(text) if text else "an empty body"


def _retry_after(answer: httpx.Response) -> float | None:
    """Seconds until another try, from either form of Retry-After (RFC 9110, section 10.2.3)."""
    value = answer.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        return max((parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds(), 0.0)
    except (TypeError, ValueError):
        return None
