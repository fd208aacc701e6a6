"""An answer of the service comes in, what its JSON says or the error that it means goes out."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from toloka_frames._errors import (
    AccessDenied,
    ApiError,
    AuthenticationFailed,
    BadAnswer,
    Conflict,
    NotFound,
    QuotaExceeded,
    TooLarge,
    ValidationFailed,
)

if TYPE_CHECKING:
    import httpx

Interval: TypeAlias = Literal["MIN", "HOUR", "DAY"]

T = TypeVar("T", dict[str, Any], list[dict[str, Any]])

# those of Toloka-Kit 1.2.3, and 502, which the Java SDK takes for an outage like 503
RETRYABLE = frozenset({408, 429, 500, 502, 503, 504})
INTERVAL_SECONDS = {"MIN": 60.0, "HOUR": 3_600.0, "DAY": 86_400.0}
# a header may have any number of digits, and no datetime is so far away
YEAR_SECONDS = 365 * 86_400.0
EXCERPT_CHARS = 200

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


def refusal(answer: httpx.Response) -> ApiError:
    """The error that an answer with a status of 4xx or 5xx means."""
    body = _envelope(answer)
    if body is None:
        return _bad_answer(answer)
    status = answer.status_code
    wait, interval = _retry_after(answer), _interval(body.get("payload"))
    # Retry-After goes before it: of a minute's or a day's quota a part is over already
    if wait is None and interval is not None:
        wait = INTERVAL_SECONDS[interval]
    retry_at = _after(wait)
    error = ERRORS.get(status, ApiError)(
        f"{status} {body.get('code') or ''}: {body.get('message') or answer.reason_phrase}{_first_field(body.get('payload'))}",
        status=status,
        code=body.get("code"),
        request_id=body.get("request_id"),
        payload=body.get("payload"),
        retryable=status in RETRYABLE,
        hint=HINTS.get(status, "").format(retry_at=f"{retry_at:%Y-%m-%d %H:%M:%S} UTC"),
    )
    error.retry_after = wait
    error.may_have_taken_effect = _may_have_changed(answer)
    if isinstance(error, QuotaExceeded):
        error.interval, error.retry_at = interval, retry_at
    return error


def used_up(what: str, interval: str | None, seconds: float) -> QuotaExceeded:
    """The error of a request that is not sent, because the service would refuse it for so long."""
    retry_at = _after(seconds)
    error = QuotaExceeded(
        f"429 is to be expected: the quota of {what} a {interval or 'second'} is used up.",
        status=429,
        retryable=True,
        hint=HINTS[429].format(retry_at=f"{retry_at:%Y-%m-%d %H:%M:%S} UTC"),
    )
    error.retry_after, error.interval, error.retry_at = seconds, interval, retry_at
    return error


def date_of(answer: httpx.Response) -> datetime | None:
    """When the service sent an answer, to the second, by its own clock (RFC 9110, section 6.6.1)."""
    return _http_date(answer.headers.get("Date", ""))


def decoded(answer: httpx.Response, shape: type[T]) -> T:
    """What an answer's JSON says.

    Args:
        answer: The answer.
        shape: dict for an object, list for a list of objects.

    Raises:
        BadAnswer: It is no JSON, or of another shape.
    """
    try:
        said = json.loads(answer.content)
    except (ValueError, RecursionError) as error:
        raise _bad_answer(answer, shape) from error
    if not isinstance(said, shape) or (isinstance(said, list) and not all(isinstance(each, dict) for each in said)):
        raise _bad_answer(answer, shape)
    return said


def decoded_ids(answer: httpx.Response) -> list[str]:
    """The ids of what a request has made.

    Raises:
        BadAnswer: It is no list of ids; what was to be made may be there.
    """
    try:
        ids = json.loads(answer.content)
    except (ValueError, RecursionError):
        ids = None
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
        error = bad_answer(answer.status_code, answer.content, "a list of ids was expected")
        error.may_have_taken_effect = True
        raise error
    return ids


def bad_answer(status: int, content: bytes, expected: str, *, retryable: bool = False) -> BadAnswer:
    """The error of an answer that is not what the API promises, with the beginning of what came."""
    return BadAnswer(
        f"{status}: {expected}, and {_excerpt(content)} came.",
        status=status,
        retryable=retryable,
        hint="Something between you and Toloka may have answered instead: check url= and proxy=.",
    )


def _envelope(answer: httpx.Response) -> dict[str, Any] | None:
    """The error as the service words it; None when something else answered."""
    try:
        body = json.loads(answer.content)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict) and isinstance(body.get("code"), str):
        return body
    # some refusals come without the envelope: 409 with an empty body (archived pool) or a field map (equal bonuses)
    return {"message": _excerpt(answer.content), "payload": body} if answer.status_code in ERRORS else None


def _first_field(payload: Any) -> str:
    """The first field that a refusal complains about."""
    for name, complaint in payload.items() if isinstance(payload, dict) else ():
        if isinstance(complaint, dict) and isinstance(complaint.get("code"), str):
            return f" ({name}: {complaint['code']})"
    return ""


def _interval(payload: Any) -> str | None:
    interval = payload.get("interval") if isinstance(payload, dict) else None
    return interval if isinstance(interval, str) and interval in INTERVAL_SECONDS else None


def _bad_answer(answer: httpx.Response, shape: type = dict) -> BadAnswer:
    status, expected = answer.status_code, "an object" if shape is dict else "a list of objects"
    error = bad_answer(status, answer.content, f"JSON was expected ({expected})", retryable=status in RETRYABLE)
    error.retry_after = _retry_after(answer)
    error.may_have_taken_effect = _may_have_changed(answer)
    return error


def _may_have_changed(answer: httpx.Response) -> bool:
    """Whether the request may have taken effect: what the service refuses (4xx) has not, a gateway's 408 may."""
    refused = 400 <= answer.status_code < 500 and answer.status_code != 408  # noqa: PLR2004 -- HTTP's own numbers
    return answer.request.method != "GET" and not refused


def _excerpt(content: bytes) -> str:
    text = content[:EXCERPT_CHARS].decode("utf-8", "replace")
    return repr(text) if text else "an empty body"


def _retry_after(answer: httpx.Response) -> float | None:
    """Seconds until another try, from either form of Retry-After (RFC 9110, section 10.2.3); at most a year."""
    value = answer.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return min(float(value), YEAR_SECONDS)
    # by the clock that wrote it, as ours may be hours wrong
    then, now = _http_date(value), date_of(answer) or datetime.now(UTC)
    return None if then is None else min(max((then - now).total_seconds(), 0.0), YEAR_SECONDS)


def _http_date(value: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    # UTC spelt as -0000 is read as naive
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _after(seconds: float | None) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=1.0 if seconds is None else seconds)
