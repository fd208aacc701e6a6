"""A client warns once if others can read its token on its way to another machine."""

from __future__ import annotations

import ssl
import warnings
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import toloka_frames as tf

if TYPE_CHECKING:
    from toloka_frames.local import LocalToloka

UNCHECKED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
UNCHECKED.check_hostname = False
UNCHECKED.verify_mode = ssl.CERT_NONE
TRANSPORT = httpx.MockTransport(lambda _: httpx.Response(200, json={"id": "1"}))
UNENCRYPTED, NOT_CHECKED = "is sent unencrypted to", r"certificate of .* is not checked \(verify=\)"


def name_of(options: Any) -> str | None:
    """Return the name of a test, without the addresses of objects, which differ between the processes that run the tests."""
    if not isinstance(options, dict):
        return None
    return " ".join(
        f"{name}={value if isinstance(value, str | bool) else type(value).__name__}" for name, value in options.items()
    )


EXPOSED: list[tuple[dict[str, Any], str]] = [
    ({"url": "http://toloka.example.com"}, UNENCRYPTED),
    ({"url": "HTTP://toloka.example.com:8080/"}, UNENCRYPTED),
    ({"url": "http://10.0.0.1"}, UNENCRYPTED),
    ({"url": "http://[2001:db8::1]"}, UNENCRYPTED),
    ({"url": "http://localhost.example.com"}, UNENCRYPTED),
    ({"url": "http://toloka.example.com", "verify": False}, UNENCRYPTED),
    ({"url": "http://toloka.example.com", "transport": TRANSPORT}, UNENCRYPTED),
    ({"url": "https://toloka.example.com", "verify": False}, NOT_CHECKED),
    ({"url": "https://toloka.example.com", "verify": UNCHECKED}, NOT_CHECKED),
    ({"environment": "PRODUCTION", "verify": False}, NOT_CHECKED),
]


@pytest.mark.parametrize(("options", "message"), EXPOSED, ids=name_of)
def test_a_client_that_exposes_its_token_warns_once_at_the_line_that_makes_it(options: dict[str, Any], message: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        client = tf.AsyncTolokaClient("token-that-nobody-may-see", **options)
        client.get_pools()
        repr(client)
        if "transport" in options:
            tf.run(client.get_pool("1"))
        tf.run(client.aclose())
    (warning,) = caught
    assert warning.category is UserWarning
    assert warning.filename == __file__
    text = str(warning.message)
    assert "token-that-nobody-may-see" not in text
    with pytest.warns(UserWarning, match=message):
        tf.AsyncTolokaClient("token", **options)


PRIVATE: list[dict[str, Any]] = [
    {"url": "http://localhost:8080"},
    {"url": "http://LOCALHOST:8080"},
    {"url": "http://127.0.0.1:8080"},
    {"url": "http://127.1.2.3"},
    {"url": "http://[::1]:8080"},
    {"url": "https://localhost:8443", "verify": False},
    {"url": "https://127.0.0.1:8443", "verify": UNCHECKED},
    {"url": "https://toloka.example.com"},
    {"url": "https://toloka.example.com", "verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)},
    {"url": "https://toloka.example.com", "verify": False, "transport": TRANSPORT},
    {"environment": "SANDBOX"},
]


@pytest.mark.parametrize("options", PRIVATE, ids=name_of)
def test_no_other_client_warns(options: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tf.AsyncTolokaClient("token", **options)


def test_a_client_of_the_local_service_does_not_warn(toloka: LocalToloka) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client = toloka.async_client(verify=False)
    tf.run(client.aclose())
