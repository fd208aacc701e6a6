"""Choose the proxy for a host by the variables of the machine, and check a proxy's URL.

httpx reads the same variables, but rejects entries of NO_PROXY that it cannot parse, and its errors do not name the variable.
"""

from __future__ import annotations

import ipaddress
import os
import re
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from toloka_frames._errors import ConfigurationError
from toloka_frames._transport.library import NAME, check_library, httpx

SCHEMES = ("http", "https", "socks5", "socks5h")
DEFAULT_PORTS = {"http": 80, "https": 443}
PORTS = range(1, 65_536)
PORT_FAULT = "its port is not a number from 1 to 65535"
PROXY_HINT = "For example 'http://proxy.example.com:3128'. Write special characters of a password in percent-encoding, as %2F."


def is_this_machine(host: str) -> bool:
    """Return whether a host of a URL is a name or an address of this machine's loopback."""
    address = _network(host)
    return host.lower().rstrip(".") == "localhost" or (address is not None and address.is_loopback)


def find_proxy(url: str) -> tuple[str, str] | None:
    """Return the proxy that the machine's variables name for a host: the name of the variable, and its value as a URL.

    The variables are HTTP_PROXY or HTTPS_PROXY by the scheme of `url`, then ALL_PROXY, in lower or upper case; on macOS and
    Windows the system's settings if there are none. This machine itself (localhost) is never reached through a proxy, as in
    Go: a proxy elsewhere would connect to its own machine. NO_PROXY lists other hosts without a proxy, separated by commas or
    spaces: `*` (all hosts), a domain (with its subdomains), `.domain` or `*.domain` (only the subdomains), an IP address, or a
    network as `10.0.0.0/8`; each may have a scheme (`http://`) and, except for networks, a port. Other entries match no host.
    """
    target = httpx.URL(url)
    if is_this_machine(target.host):
        return None
    proxies = getproxies()
    if any(_matches(entry, target) for entry in re.split(r"[,\s]+", proxies.get("no", "")) if entry):
        return None
    for scheme in (target.scheme, "all"):
        if value := proxies.get(scheme, "").strip():
            return _variable(scheme, value), value if "://" in value else f"http://{value}"
    return None


def check_proxy(source: str, proxy: Any) -> httpx.Proxy:
    """Return the proxy that a value describes.

    Args:
        source: The argument or variable that has the value, for the message, which does not show the value: it may hold a
            password.
        proxy: The URL.

    Raises:
        ConfigurationError: If it is not the URL of a proxy, or needs a package that is not installed.
    """
    check_library(source.removesuffix("="), proxy)
    if isinstance(proxy, httpx.Proxy):
        return proxy
    fault, checked = _fault(str(proxy)), None
    if not fault:
        try:
            checked = httpx.Proxy(str(proxy))
        except ValueError:  # httpx 0.27 has no socks5h
            fault = f"{NAME} {httpx.__version__} does not support its scheme"
    if checked is None:
        # not chained: httpx repeats the URL
        raise ConfigurationError(f"{source} is not the URL of a proxy: {fault}.", hint=PROXY_HINT)
    if checked.url.scheme.startswith("socks") and find_spec("socksio") is None:
        raise ConfigurationError(
            f"{source} is a SOCKS proxy, which needs a package that is not installed.", hint=f"pip install '{NAME}[socks]'"
        )
    return checked


def _fault(proxy: str) -> str:
    """Return what is wrong with a proxy's URL; "" if nothing is."""
    scheme, separator, _ = proxy.partition("://")
    if not separator:
        return "it has no scheme"
    if scheme.lower() not in SCHEMES:
        return f"its scheme is not one of {', '.join(SCHEMES)}"
    try:
        url = httpx.URL(proxy)
    except httpx.InvalidURL as error:
        return PORT_FAULT if "port" in str(error) else "it is not a URL"
    if not url.host or "%" in url.host:  # httpx quotes what no host contains
        return "its host is not valid" if url.host else "it has no host"
    return PORT_FAULT if url.port is not None and url.port not in PORTS else ""


def _variable(scheme: str, value: str) -> str:
    """Return the name of the variable that holds the proxy of a scheme."""
    name = f"{scheme}_proxy"
    spellings = (name, *(found for found in os.environ if found.lower() == name))
    # a lower-case name takes precedence (urllib.request.getproxies)
    return next(
        (found for found in spellings if os.environ.get(found, "").strip() == value), "The proxy of the system's settings"
    )


def _matches(entry: str, target: httpx.URL) -> bool:
    """Return whether an entry of NO_PROXY names a host."""
    scheme, separator, name = entry.lower().rpartition("://")
    if separator and scheme not in ("all", target.scheme):
        return False
    pattern, port = _split_port(name)
    return port in (None, target.port or DEFAULT_PORTS.get(target.scheme)) and _contains(pattern, target.host.lower())


def _split_port(name: str) -> tuple[str, int | None]:
    """Split a port from a domain or address; return an empty text for what is neither."""
    if name == "*" or _network(name) is not None:
        return name, None
    try:
        parts = urlsplit(f"//{name}")
        port = parts.port
    except ValueError:
        return "", None
    return parts.hostname or "", port


def _contains(pattern: str, host: str) -> bool:
    """Return whether a pattern of NO_PROXY stands for a host."""
    if (network := _network(pattern)) is not None:
        address = _network(host)
        return address is not None and address.version == network.version and address.network_address in network
    domain, host = pattern.rstrip("."), host.rstrip(".")
    if domain.startswith((".", "*.")):
        return host.endswith(domain.removeprefix("*"))
    return domain == "*" or (bool(domain) and (host == domain or host.endswith(f".{domain}")))


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Return an IP address, in brackets or not, or a network as `10.0.0.0/8`; None if the text is neither."""
    try:
        return ipaddress.ip_network(text[1:-1] if text.startswith("[") and text.endswith("]") else text, strict=False)
    except ValueError:
        return None
