"""Explain a redirect, which is not followed: the token belongs to the host that the client was made for."""

from __future__ import annotations

from toloka_frames._errors import BadAnswer
from toloka_frames._transport.library import httpx

API = "/api/"
REDIRECTS = range(300, 400)
MAX_LOCATION_CHARS = 300
CHECK = "check url= and proxy=, or the variables that take their place (TOLOKA_URL, HTTPS_PROXY)."
ELSEWHERE_HINT = f"That is not an address of the API, it may be the login page of a proxy: {CHECK}"
SAME_HINT = f"That is the address that was requested: {CHECK}"
UNENCRYPTED_HINT = f"The token was not sent there, because it would not be encrypted: {CHECK}"
OTHER_HINT = (
    "The token was not sent there. If you trust this address and it is the API that you want, make the client with {url}."
)
ENCRYPTED_HINT = "Make the client with {url}, so that the token is encrypted on its way."
INVALID = "a Location that is not a URL"


def redirection(response: httpx.Response, more: str = "") -> BadAnswer | None:
    """Return the error of a redirect; None for any other response.

    Args:
        response: The response; its extension `location` is the header of this name.
        more: The end of the hint.
    """
    status, requested = response.status_code, response.request.url
    if "location" not in response.extensions or status not in REDIRECTS:
        return None
    location = _location(response.extensions["location"], requested)
    shown = INVALID if location is None else _shown(location)
    call = f"{response.request.method} {requested.copy_with(query=None)}"
    error = BadAnswer(
        f"{status}: {call} is redirected to {shown}, which is not followed.",
        status=status,
        hint=f"{ELSEWHERE_HINT if location is None else _hint(location, requested)} {more}".strip(),
    )
    error.location = None if location is None else shown
    return error


def _location(header: str, requested: httpx.URL) -> httpx.URL | None:
    try:
        location = requested.join(header)
    except (httpx.InvalidURL, ValueError):
        return None
    return location if location.scheme in ("http", "https") and location.host else None


def _shown(location: httpx.URL) -> str:
    """Return a URL without what may be secret: user and password, and the values of its query."""
    plain = str(location.copy_with(userinfo=b"", query=None, fragment=None))
    return f"{plain[:MAX_LOCATION_CHARS]}{'?…' if location.query else ''}"


def _hint(location: httpx.URL, requested: httpx.URL) -> str:
    base, own_base = _base_of(location, requested), _base_of(requested, requested)
    if base is None:
        return ELSEWHERE_HINT
    if base == own_base:
        return SAME_HINT
    if (requested.scheme, location.scheme) == ("https", "http"):
        return UNENCRYPTED_HINT
    is_same_host = (requested.scheme, requested.host) == ("http", location.host)
    return (ENCRYPTED_HINT if is_same_host and location.scheme == "https" else OTHER_HINT).format(url=f"url={base!r}")


def _base_of(url: httpx.URL, requested: httpx.URL) -> str | None:
    """Return the `url=` with which a client sends the same request to a URL; None if it has another path."""
    path = requested.path[requested.path.find(API) :]
    if not url.path.endswith(path):
        return None
    prefix = url.path.removesuffix(path)
    return str(url.copy_with(userinfo=b"", path=prefix or "/", query=None, fragment=None)).rstrip("/")
