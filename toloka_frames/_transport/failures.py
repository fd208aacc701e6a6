"""Errors of requests that got no response: what failed, and which argument or variable can mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toloka_frames._errors import ApiError, BadAnswer, ConnectionFailed, OutcomeUnknown
from toloka_frames._transport.library import httpx

if TYPE_CHECKING:
    from toloka_frames._errors import TolokaError
    from toloka_frames._transport.connections import Sources

# the timeouts of httpx, and what did not happen in time
TIMEOUTS: dict[type[BaseException], tuple[str, str]] = {
    httpx.ConnectTimeout: ("connect", "no connection"),
    httpx.ReadTimeout: ("read", "nothing was received"),
    httpx.WriteTimeout: ("write", "nothing could be sent"),
    httpx.PoolTimeout: ("pool", "no connection was free"),
}
CUT = (httpx.ReadTimeout, httpx.ReadError, httpx.RemoteProtocolError)
OK, GATEWAY_TIMEOUT = 200, 504


class ResponseTimeout(httpx.ReadTimeout):
    """A response did not arrive as a whole in time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the whole response took longer than {seconds:,g} s, the limit of max_response_seconds=")


def no_response(request: httpx.Request, error: BaseException, sources: Sources) -> ConnectionFailed:
    """Return the error of a request that is safe to repeat."""
    return ConnectionFailed(
        f"{request.method} {request.url.copy_with(query=None)}: no response ({_describe(request, error)}).",
        hint=_hint(error, sources),
    )


def unknown_outcome(request: httpx.Request, error: BaseException) -> OutcomeUnknown:
    """Return the error of a request that must not be repeated."""
    return OutcomeUnknown(
        f"{request.method} {request.url.copy_with(query=None)} may have taken effect or not ({_describe(request, error)}).",
        hint="This request has no idempotency key, so it was not repeated: check first whether its object exists.",
    )


def was_late_or_cut(error: TolokaError) -> bool:
    """Return whether a response was late or ended early, as one does that is too large for a service or a proxy."""
    if isinstance(error, ApiError):
        return error.status == GATEWAY_TIMEOUT or (isinstance(error, BadAnswer) and error.status == OK and error.retryable)
    return isinstance(error.__cause__, CUT)


def too_many_encodings(response: httpx.Response, limit: int) -> BadAnswer:
    """Return the error of a response whose body is encoded more often than the limit."""
    return _undecoded(response, f"the body has more than {limit} encodings", "A proxy between you and Toloka may have sent it.")


def too_large(response: httpx.Response, limit: int) -> BadAnswer:
    """Return the error of a response whose body exceeds the limit."""
    encoding = response.headers.get("Content-Encoding", "identity")
    return _undecoded(
        response,
        f"the response has more than {limit:,} bytes, the limit of max_response_bytes= "
        f"({response.num_bytes_downloaded:,} bytes were received, Content-Encoding: {encoding})",
        "Request less at once, as with a smaller batch_size=, or give the client a larger max_response_bytes=.",
    )


def _undecoded(response: httpx.Response, fault: str, hint: str) -> BadAnswer:
    error = BadAnswer(f"{response.status_code}: {fault}.", status=response.status_code, hint=hint)
    error.may_have_taken_effect = response.request.method != "GET"
    return error


def _describe(request: httpx.Request, error: BaseException) -> str:
    """Return the class of an error and its message; for a timeout without a message, which limit was exceeded."""
    text = str(error)
    name, what = TIMEOUTS.get(type(error), ("", ""))
    seconds = request.extensions.get("timeout", {}).get(name)
    if not text and seconds is not None:
        text = f"{what} for {seconds:g} s, the limit of timeout="
    return f"{type(error).__name__}: {text}"


def _hint(error: BaseException, sources: Sources) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        if sources.certificates:
            return (
                f"The certificates to trust are those of {sources.certificates}: check that they include the host's authority."
            )
        return (
            "If the host has an authority of its own, pass verify=ssl.create_default_context(cafile=...) or set SSL_CERT_FILE."
        )
    proxy = f", the host, and {sources.proxy} (the requests go through this proxy)" if sources.proxy else " and the host"
    longer = ""
    if isinstance(error, httpx.TimeoutException):
        longer = f", or give a longer {'max_response_seconds' if isinstance(error, ResponseTimeout) else 'timeout'}="
    return f"Check the network{proxy}{longer}."
