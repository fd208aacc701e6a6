"""Turn the service's rejection of a request, or a response that the API does not document, into an error."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

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
from toloka_frames._transport.auth import shown_content
from toloka_frames._transport.faults import Fault, excerpt, kind_of, shape_fault, syntax_fault
from toloka_frames._transport.redirects import CHECK, redirection
from toloka_frames._transport.retries import INTERVAL_SECONDS

if TYPE_CHECKING:
    from toloka_frames._transport.library import httpx

# The statuses of Toloka-Kit 1.2.3, and 502, which the Java SDK treats as an outage like 503.
RETRYABLE = frozenset({408, 429, 500, 502, 503, 504})

# an escaped surrogate, or one in UTF-8, which Python's JSON reader accepts
SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]")

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

FOREIGN_HINT = f"A proxy between you and Toloka may have sent it: {CHECK}"
# it does not advise to repeat the call, which may have created something
FAULTY_HINT = "If it happens again, send this message to Toloka's support."
NO_PROOF_HINT = "It may have taken effect all the same: a response without the service's own form can be that of a proxy."


def rejection(response: httpx.Response, retry_after: float | None) -> ApiError:
    """Return the error that a response with a status of 3xx, 4xx or 5xx means.

    Args:
        response: The response.
        retry_after: The seconds in its Retry-After header, or None.
    """
    status, body = response.status_code, _value_or_none(response.content)
    has_envelope = isinstance(body, dict) and isinstance(body.get("code"), str)
    if not has_envelope:
        may_have_taken_effect = _may_have_taken_effect(response, has_envelope=False)
        if redirected := redirection(response, NO_PROOF_HINT if may_have_taken_effect else ""):
            redirected.may_have_taken_effect = may_have_taken_effect
            return redirected
        if status not in ERRORS:
            return not_json(response, dict, retry_after)
        # some rejections have no envelope: 409 with an empty body (archived pool) or a map of fields (equal bonuses)
        body = {"message": _body_of_error(response.content), "payload": body}
    # Retry-After goes first: a part of the minute or day of a quota has already passed
    payload = body.get("payload")
    interval = _interval(payload)
    wait = INTERVAL_SECONDS[interval] if retry_after is None and interval is not None else retry_after
    retry_at = _after(wait)
    may_have_taken_effect = _may_have_taken_effect(response, has_envelope=has_envelope)
    hint = HINTS.get(status, "").format(retry_at=f"{retry_at:%Y-%m-%d %H:%M:%S} UTC")
    error = ERRORS.get(status, ApiError)(
        f"{status} {body.get('code') or ''}: {body.get('message') or response.reason_phrase}{_first_field(payload)}",
        status=status,
        code=body.get("code"),
        request_id=to_text(body.get("request_id")),
        payload=payload,
        retryable=status in RETRYABLE,
        hint=f"{hint} {NO_PROOF_HINT}".strip() if may_have_taken_effect and not has_envelope else hint,
    )
    error.retry_after, error.may_have_taken_effect = wait, may_have_taken_effect
    if isinstance(error, QuotaExceeded):
        error.interval, error.retry_at = interval, retry_at
    return error


def _body_of_error(content: bytes) -> str:
    """Return the text of an error without the service's form; if it is JSON with a fault, the text around that."""
    fault = syntax_fault(content)
    if fault is None or fault.is_whole:
        return excerpt(content)
    return f"the details cannot be read, because {fault.reason}{fault.place}: {excerpt(content, fault.position)}"


def used_up(what: str, interval: str | None, seconds: float) -> QuotaExceeded:
    """Return the error of a request that is not sent, because the service would reject it for `seconds` more."""
    retry_at = _after(seconds)
    error = QuotaExceeded(
        f"429 expected: the quota of {what} per {interval or 'second'} is used up.",
        status=429,
        retryable=True,
        hint=HINTS[429].format(retry_at=f"{retry_at:%Y-%m-%d %H:%M:%S} UTC"),
    )
    error.retry_after, error.interval, error.retry_at = seconds, interval, retry_at
    return error


def decode_ids(response: httpx.Response, count: int | None = None) -> list[str]:
    """Return the ids of the objects that a request created.

    Args:
        response: The response.
        count: The number of ids; None if the request may have created fewer objects than it holds.

    Raises:
        BadAnswer: If the body is not a list of ids; the objects may have been created.
    """
    ids = _value_or_none(response.content)
    if not isinstance(ids, list) or not all(isinstance(item, str) for item in ids) or count not in (None, len(ids)):
        fault = syntax_fault(response.content) or _ids_fault(ids, count)
        error = bad_answer(response.status_code, shown_content(response), "a list of ids was expected", fault=fault)
        error.may_have_taken_effect = True
        raise error
    return ids


def not_json(response: httpx.Response, shape: type, retry_after: float | None, cause: Exception | None = None) -> BadAnswer:
    """Return the error of a body that is not JSON of a shape.

    Args:
        response: The response.
        shape: A type of dict, or list for a list of objects.
        retry_after: The seconds in its Retry-After header, or None.
        cause: The error of parsing it, if there was one.
    """
    status, is_object, body = response.status_code, issubclass(shape, dict), shown_content(response)
    expected = "an object" if is_object else "a list of objects"
    fault = syntax_fault(body, cause) or shape_fault(body, dict if is_object else list)
    error = bad_answer(status, body, f"JSON was expected ({expected})", fault=fault, retryable=status in RETRYABLE)
    error.retry_after = retry_after
    error.may_have_taken_effect = _may_have_taken_effect(response, has_envelope=False)
    return error


def _ids_fault(ids: Any, count: int | None) -> Fault:
    """Return why JSON is not a list of this number of ids."""
    if not isinstance(ids, list):
        return Fault(f"it is {kind_of(ids)}", is_whole=not isinstance(ids, dict))
    wrong = [item for item in ids if not isinstance(item, str)]
    return Fault(f"an item is {kind_of(wrong[0])}, not text" if wrong else f"it has {len(ids):,} items, not {count:,}")


def bad_answer(
    status: int,
    content: Any,
    expected: str,
    *,
    fault: Fault | None = None,
    hint: str | None = None,
    row: tuple[int, str | None] | None = None,
    retryable: bool = False,
) -> BadAnswer:
    """Return the error of a response that is not what the API promises, with the text around the fault.

    Args:
        status: The status of the response.
        content: Its body, or the value of its JSON.
        expected: What was expected, as a clause.
        fault: What is wrong; by default the body as a whole.
        hint: What to do, if not what follows from the fault.
        row: The position (from 0) of the row with the fault, and its id; None if the fault is in no row.
        retryable: Whether the same request may succeed later.
    """
    body = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")
    found = fault or Fault("", is_whole=True)
    what = f"{found.reason}{_place_of(found, row)}: " if found.reason and body.strip() else "the response was "
    error = BadAnswer(
        f"{status}: {expected}, but {what}{excerpt(body, found.position)}.",
        status=status,
        retryable=retryable,
        hint=hint or (FOREIGN_HINT if found.is_whole else FAULTY_HINT),
    )
    error.fault, error.position = found.reason, None if found.is_whole else found.position
    error.row, error.row_id = row or (None, None)
    return error


def _place_of(fault: Fault, row: tuple[int, str | None] | None) -> str:
    """Return where a fault is, as the end of a clause."""
    if row is None:
        return fault.place
    position, id_ = row
    return f"{fault.place}, in row {position + 1} of the page{'' if id_ is None else f' (id {id_!r})'}"


def _value_or_none(content: bytes) -> Any:
    try:
        value = json.loads(content)
        return encodable(value) if SURROGATE.search(content) else value
    except (ValueError, RecursionError):
        return None


def encodable(value: Any) -> Any:
    """Return a JSON value in which half a surrogate became "?": no file, table or database can hold it."""
    if isinstance(value, str):
        return to_text(value)
    if isinstance(value, dict):
        return type(value)((to_text(name), encodable(member)) for name, member in value.items())
    return list(map(encodable, value)) if isinstance(value, list) else value


def to_text(value: Any) -> str | None:
    """Return a value as text that UTF-8 can encode; None stays None."""
    return None if value is None else str(value).encode("utf-8", "replace").decode()


def _first_field(payload: Any) -> str:
    """Return the first field that a rejection names, as the end of a message."""
    for name, complaint in payload.items() if isinstance(payload, dict) else ():
        if isinstance(complaint, dict) and isinstance(complaint.get("code"), str):
            return f" ({name}: {complaint['code']})"
    return ""


def _interval(payload: Any) -> str | None:
    interval = payload.get("interval") if isinstance(payload, dict) else None
    return interval if isinstance(interval, str) and interval in INTERVAL_SECONDS else None


def _may_have_taken_effect(response: httpx.Response, *, has_envelope: bool) -> bool:
    """Return whether the request may have taken effect.

    Only a rejection (4xx, except 408) in the service's own envelope proves that it has not: a proxy can respond with any status
    to a request that it has forwarded.
    """
    is_rejection = 400 <= response.status_code < 500 and response.status_code != 408  # noqa: PLR2004 -- HTTP's own numbers
    return response.request.method != "GET" and not (has_envelope and is_rejection)


def _after(seconds: float | None) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=1.0 if seconds is None else seconds)
