"""Where a client connects: host, headers and httpx options, checked, and what of them can be pickled."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import urlsplit

import httpx

from toloka_frames._errors import ConfigurationError
from toloka_frames._transport.auth import fits_header

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toloka_frames._transport.auth import TokenAuth

Environment: TypeAlias = Literal["SANDBOX", "PRODUCTION"]

HOSTS = {"SANDBOX": "https://sandbox.toloka.dev", "PRODUCTION": "https://toloka.dev"}
WEB_HOSTS = {"SANDBOX": "https://sandbox.toloka.yandex.com", "PRODUCTION": "https://platform.toloka.ai"}
ACT_UNDER = "X-Act-Under-Account-ID"
# Timeouts of the Java SDK (Toloka-Kit 1.2.3 stops waiting after 10 s): the service needs long for a page of many rows. Waiting
# for a free connection is not a failure of the service, so it has no timeout.
TIMEOUT = httpx.Timeout(120.0, connect=10.0, pool=None)
# The account's quota keeps requests few; a limit of connections would only make requests wait and fail.
LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=50)
DEFAULT_PORTS = {"http": 80, "https": 443}
URL_HINT = "For example 'https://toloka.example.com'."


def find_host(url: str | None, environment: str | None) -> tuple[str, str]:
    """Return the host of the API and the host of the web interface.

    Without arguments both come from TOLOKA_URL or TOLOKA_ENVIRONMENT.

    Raises:
        ConfigurationError: If not exactly one of `url` and `environment` is given, or it is not valid.
    """
    if not url and not environment:
        url, environment = os.environ.get("TOLOKA_URL"), os.environ.get("TOLOKA_ENVIRONMENT")
    if bool(url) == bool(environment):
        raise ConfigurationError(
            "Exactly one of environment and url is needed.",
            hint='environment is "SANDBOX" or "PRODUCTION" (or TOLOKA_ENVIRONMENT); url is another host (or TOLOKA_URL).',
        )
    if url:
        return _checked_url(url), WEB_HOSTS["PRODUCTION"]
    if environment not in HOSTS:
        raise ConfigurationError(f"environment={environment!r} is neither 'SANDBOX' nor 'PRODUCTION'.")
    return HOSTS[environment], WEB_HOSTS[environment]


def normal_url(url: str) -> str:
    """Return one spelling of a host: lower case, without the scheme's default port and a slash at the end.

    What is not a URL is returned as it is.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return url
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        return url
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{'' if port in (None, DEFAULT_PORTS[parts.scheme]) else f':{port}'}{parts.path.rstrip('/')}"


def make_headers(user_agent: str, act_under_account_id: str | None) -> dict[str, str]:
    """Return the headers of every request.

    Raises:
        ConfigurationError: If `act_under_account_id` cannot be sent in a header.
    """
    if act_under_account_id is None:
        return {"User-Agent": user_agent}
    if not fits_header(act_under_account_id):
        raise ConfigurationError(f"act_under_account_id={act_under_account_id!r} is not the id of a requester.")
    return {"User-Agent": user_agent, ACT_UNDER: act_under_account_id}


def open_client(token: TokenAuth, base_url: str, headers: Mapping[str, str], options: Mapping[str, Any]) -> httpx.AsyncClient:
    """Return a new httpx client.

    Raises:
        ConfigurationError: If httpx does not accept the options.
    """
    try:
        return httpx.AsyncClient(base_url=f"{base_url}/api", auth=token, headers=headers, limits=LIMITS, **options)
    except (ValueError, TypeError, OSError, httpx.InvalidURL) as error:
        kind = type(error).__name__
    # neither quoted nor chained: httpx repeats the proxy's URL, which may hold a password
    raise ConfigurationError(f"proxy=, verify= or timeout= is not valid ({kind}).")


def unpicklable(options: Mapping[str, Any]) -> list[str]:
    """Name the options that belong to this process, or that a pickle must not expose."""
    proxy = options.get("proxy")
    found = {
        "a transport": options.get("transport") is not None,
        "an SSLContext": isinstance(options.get("verify"), ssl.SSLContext),
        "a password for its proxy": proxy is not None and bool(httpx.URL(proxy).userinfo),
    }
    return [name for name, is_there in found.items() if is_there]


def _checked_url(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        # not chained: the text before an @ may be a password
        shown = url.rpartition("@")[2] if isinstance(url, str) else url
        raise ConfigurationError(f"url={shown!r} is not a URL.", hint=URL_HINT) from None
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo or parsed.query or parsed.fragment:
        shown = str(parsed).replace(f"{parsed.userinfo.decode()}@", "")
        raise ConfigurationError(f"url={shown!r} is not the URL of a host.", hint=URL_HINT)
    return url.rstrip("/")
