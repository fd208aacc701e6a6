"""Where a client connects: host, headers and httpx options, checked, and what of them can be pickled."""

from __future__ import annotations

import os
import ssl
import warnings
from functools import partial
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from toloka_frames._errors import ConfigurationError
from toloka_frames._transport.auth import fits_header
from toloka_frames._transport.library import check_library, httpx
from toloka_frames._transport.proxies import DEFAULT_PORTS, check_proxy, find_proxy, is_this_machine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from toloka_frames._transport.auth import TokenAuth

Environment: TypeAlias = Literal["SANDBOX", "PRODUCTION"]

# Toloka closed its sandbox on 2024-07-01
HOSTS = {"SANDBOX": "https://sandbox.toloka.dev", "PRODUCTION": "https://toloka.dev"}
WEB_HOSTS = {"SANDBOX": "https://sandbox.toloka.yandex.com", "PRODUCTION": "https://platform.toloka.ai"}
ACT_UNDER = "X-Act-Under-Account-ID"
# Timeouts of the Java SDK (Toloka-Kit 1.2.3 stops waiting after 10 s): the service needs long for a page of many rows. Waiting
# for a free connection is not a failure of the service, so it has no timeout.
TIMEOUT = httpx.Timeout(120.0, connect=10.0, pool=None)
# The account's quota keeps requests few; a limit of connections would only make requests wait and fail.
LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=50)
# The variables with certificates to trust, as httpx reads them: the first one that is set counts.
CERTIFICATE_VARIABLES: dict[str, Callable[[str], ssl.SSLContext]] = {
    "SSL_CERT_FILE": lambda path: ssl.create_default_context(cafile=path),
    "SSL_CERT_DIR": lambda path: ssl.create_default_context(capath=path),
}
# Codings of a body that are decoded in steps of bounded size and at full speed (`http.STEP_BYTES`); httpx would also request
# Brotli and Zstandard where a package for them is installed.
ENCODINGS = "gzip, deflate"
# Toloka's largest responses are exports and attachments of some hundred MB.
MAX_RESPONSE_BYTES = 2**30
# At 5 Mbit/s, 2**30 bytes arrive in this time.
MAX_RESPONSE_SECONDS = 1_800.0
URL_HINT = "For example 'https://toloka.example.com'."


def find_host(url: str | None, environment: str | None) -> tuple[str, str]:
    """Return the host of the API and the host of the web interface.

    Without arguments both come from TOLOKA_URL or TOLOKA_ENVIRONMENT, and without these from PRODUCTION.

    Raises:
        ConfigurationError: If both `url` and `environment` are given, or one is not valid.
    """
    names = ("url", "environment")
    if not url and not environment:
        names = ("TOLOKA_URL", "TOLOKA_ENVIRONMENT")
        url, environment = os.environ.get("TOLOKA_URL"), os.environ.get("TOLOKA_ENVIRONMENT")
    if url and environment:
        raise ConfigurationError(
            f"{names[0]} and {names[1]} are both given.",
            hint=f"{names[1]} is for Toloka's own hosts, {names[0]} for another one: give one of them.",
        )
    if url:
        return _checked_url(url, names[0]), WEB_HOSTS["PRODUCTION"]
    environment = environment or "PRODUCTION"
    if environment not in HOSTS:
        raise ConfigurationError(f"{names[1]}={environment!r} is neither 'PRODUCTION' nor 'SANDBOX'.")
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


# the names of the environments by their hosts as `normal_url` returns them
ENVIRONMENTS = {normal_url(host): environment for environment, host in HOSTS.items()}


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


class Sources(NamedTuple):
    """The arguments and variables that a connection depends on, as the hints of errors name them; None for the defaults."""

    proxy: str | None = None
    certificates: str | None = None


class ResponseLimits:
    """The limits of a response as a whole; None for no limit.

    Attributes:
        bytes: The size of its body, decoded.
        seconds: The time from sending the request until the body has arrived.
    """

    def __init__(self, bytes_: int | None = MAX_RESPONSE_BYTES, seconds: float | None = MAX_RESPONSE_SECONDS) -> None:
        if not (bytes_ is None or (isinstance(bytes_, Integral) and bytes_ > 0)):
            raise ConfigurationError(f"max_response_bytes={bytes_!r} is neither a whole number above 0 nor None.")
        if not (seconds is None or (isinstance(seconds, Real) and seconds > 0)):
            raise ConfigurationError(f"max_response_seconds={seconds!r} is neither a number above 0 nor None.")
        self.bytes, self.seconds = bytes_, seconds


def open_client(
    token: TokenAuth, base_url: str, headers: Mapping[str, str], options: Mapping[str, Any]
) -> tuple[httpx.AsyncClient, Sources]:
    """Return a new httpx client, and what its connections depend on.

    Raises:
        ConfigurationError: If an argument or a variable of the machine is not valid.
    """
    for name in ("timeout", "transport"):
        check_library(name, options.get(name))
    # httpx does not read the variables itself (trust_env), because its errors do not name them
    proxy_source, proxy = _proxy(base_url, options)
    certificate_source, verify = _certificates(base_url, options)
    arguments = {**options, "proxy": proxy, "verify": verify}
    try:
        client = httpx.AsyncClient(
            base_url=f"{base_url}/api",
            auth=token,
            headers={"Accept-Encoding": ENCODINGS, **headers},
            limits=LIMITS,
            trust_env=False,
            **arguments,
        )
    except (ValueError, TypeError, OSError, httpx.InvalidURL) as error:
        kind = type(error).__name__
    else:
        return client, Sources(proxy_source, certificate_source)
    # neither quoted nor chained: an error of httpx repeats its arguments
    given = " or ".join(f"{name}=" for name in ("verify", "timeout", "transport") if options.get(name) not in (None, True))
    raise ConfigurationError(f"{given or 'An option of httpx'} is not valid ({kind}).")


def warn_of_exposure(base_url: str, verify: Any, transport: httpx.AsyncBaseTransport | None, stacklevel: int) -> None:
    """Warn if others can read the token on its way: it is sent unencrypted, or to a host whose certificate is not checked.

    Args:
        base_url: The host; this machine itself is never warned of.
        verify: As in httpx.
        transport: A transport of httpx, which has a TLS configuration of its own; None for the default one.
        stacklevel: The number of frames between the caller's line and this function, as in `warnings.warn`.
    """
    url = httpx.URL(base_url)
    if is_this_machine(url.host):
        return
    if url.scheme == "http":
        message = (
            f"The token is sent unencrypted to {base_url}: everybody on the way can read it. Use https:// for another machine."
        )
        warnings.warn(message, UserWarning, stacklevel + 1)
    elif transport is None and (verify is False or getattr(verify, "verify_mode", None) == ssl.CERT_NONE):
        message = (
            f"The certificate of {base_url} is not checked (verify=), so another machine can pose as it and read the token. "
            "For an authority of your own use verify=ssl.create_default_context(cafile=...)."
        )
        warnings.warn(message, UserWarning, stacklevel + 1)


def unpicklable(options: Mapping[str, Any]) -> list[str]:
    """Name the options that belong to this process, or that a pickle must not expose."""
    proxy = options.get("proxy")
    found = {
        "a transport": options.get("transport") is not None,
        "an SSLContext": isinstance(options.get("verify"), ssl.SSLContext),
        "a password for its proxy": proxy is not None and bool(httpx.URL(proxy).userinfo),
    }
    return [name for name, is_there in found.items() if is_there]


def _checked_url(url: str, name: str) -> str:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        # not chained: the text before an @ may be a password
        shown = url.rpartition("@")[2] if isinstance(url, str) else url
        raise ConfigurationError(f"{name}={shown!r} is not a URL.", hint=URL_HINT) from None
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo or parsed.query or parsed.fragment:
        shown = str(parsed).replace(f"{parsed.userinfo.decode()}@", "")
        raise ConfigurationError(f"{name}={shown!r} is not the URL of a host.", hint=URL_HINT)
    return url.rstrip("/")


def _proxy(base_url: str, options: Mapping[str, Any]) -> tuple[str | None, httpx.Proxy | None]:
    """Return the proxy of the argument or of the variables, and which of them it is from; None without a proxy."""
    if options.get("proxy") is not None:
        return "proxy=", check_proxy("proxy=", options["proxy"])
    found = find_proxy(base_url) if options.get("transport") is None else None
    if found is None:
        return None, None
    return found[0], check_proxy(*found)


def _certificates(base_url: str, options: Mapping[str, Any]) -> tuple[str | None, Any]:
    """Return `verify` of httpx, and the argument or variable that it is from; None for the default certificates."""
    verify = options.get("verify", True)
    if not isinstance(verify, bool | str | ssl.SSLContext):
        raise ConfigurationError(f"verify={verify!r} is neither True, False nor an ssl.SSLContext.")
    if verify is not True:
        return "verify=", verify
    if options.get("transport") is not None or not base_url.lower().startswith("https://"):
        # loading certificates takes 50 ms; this context, which has none, trusts no host
        return None, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for name, load in CERTIFICATE_VARIABLES.items():
        if path := os.environ.get(name):
            return name, _named_certificates(name, path, load)
    # made here, because httpx would make one for itself and one for its proxy
    return None, _with_key_log(partial(httpx.create_ssl_context, trust_env=False))


def _named_certificates(variable: str, path: str, load: Callable[[str], ssl.SSLContext]) -> ssl.SSLContext:
    """Return a context that trusts the certificates which a variable names.

    Raises:
        ConfigurationError: If they do not exist or cannot be read.
    """
    try:
        # OpenSSL accepts a folder that does not exist, and then trusts no host; a value can list several folders
        exists = any(Path(part).exists() for part in (path, *path.split(os.pathsep)))
        context = _with_key_log(partial(load, path))
    except OSError as error:
        exists, fault = not isinstance(error, FileNotFoundError), f"cannot be read as certificates ({error})"
    else:
        fault = ""
    if fault or not exists:
        raise ConfigurationError(
            f"{variable}={path!r} {fault if exists else 'does not exist'}.",
            hint=f"Set {variable} to certificates in PEM form, or unset it.",
        )
    return context


def _with_key_log(make: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """Return a new context, which opens the file of SSLKEYLOGFILE.

    Raises:
        ConfigurationError: If that file cannot be written.
    """
    try:
        return make()
    except OSError as error:
        if (key_log := os.environ.get("SSLKEYLOGFILE")) is None or error.filename != key_log:
            raise
        raise ConfigurationError(
            f"SSLKEYLOGFILE={key_log!r} cannot be written ({error.strerror}).", hint="Set it to a file, or unset it."
        ) from error
