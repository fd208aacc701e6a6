"""Proxies and certificates by the variables of the machine: which are used, and how an error names them."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import threading
import traceback
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from support.scripted_server import Scripted, reply

import toloka_frames as tf
from toloka_frames._transport.proxies import find_proxy, is_this_machine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toloka_frames.local import LocalToloka

HOST = "https://toloka.example.com"
PROXY = "http://proxy.example.com:3128"
PASSWORD = "pass-that-nobody-may-see"  # noqa: S105 -- not a real password
DAY = timedelta(days=1)
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the variables of the machine that runs the tests."""
    for name in (*VARIABLES, "REQUEST_METHOD", "SSL_CERT_FILE", "SSLKEYLOGFILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def set_all(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


# -- which proxy

CHOICES: dict[str, tuple[dict[str, str], str, tuple[str, str] | None]] = {
    "no variable": ({}, HOST, None),
    "https": ({"HTTPS_PROXY": PROXY}, HOST, ("HTTPS_PROXY", PROXY)),
    "http": ({"HTTP_PROXY": PROXY}, "http://a.example.com", ("HTTP_PROXY", PROXY)),
    "the other scheme": ({"HTTP_PROXY": PROXY}, HOST, None),
    "all": ({"ALL_PROXY": PROXY}, HOST, ("ALL_PROXY", PROXY)),
    "https before all": ({"ALL_PROXY": "http://other", "HTTPS_PROXY": PROXY}, HOST, ("HTTPS_PROXY", PROXY)),
    "lower case": ({"https_proxy": PROXY}, HOST, ("https_proxy", PROXY)),
    "lower case before upper case": ({"HTTPS_PROXY": "http://other", "https_proxy": PROXY}, HOST, ("https_proxy", PROXY)),
    "an empty value": ({"HTTPS_PROXY": ""}, HOST, None),
    "spaces": ({"HTTPS_PROXY": "  "}, HOST, None),
    "spaces around": ({"HTTPS_PROXY": f" {PROXY} "}, HOST, ("HTTPS_PROXY", PROXY)),
    "no scheme": ({"HTTPS_PROXY": "proxy.example.com:3128"}, HOST, ("HTTPS_PROXY", PROXY)),
}


@pytest.mark.skipif(os.name == "nt", reason="names of variables have no case on Windows")
@pytest.mark.parametrize(("variables", "url", "expected"), CHOICES.values(), ids=CHOICES)
def test_the_variables_name_a_proxy(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: str, expected: tuple[str, str] | None
) -> None:
    set_all(monkeypatch, variables)
    assert find_proxy(url) == expected


NO_PROXY: list[tuple[str, str, bool]] = [
    ("*", HOST, True),
    (" * ", HOST, True),
    ("a.example.com,*", HOST, True),
    ("toloka.example.com", HOST, True),
    ("TOLOKA.example.COM", HOST, True),
    ("toloka.example.com.", HOST, True),
    ("example.com", HOST, True),
    (".example.com", HOST, True),
    ("*.example.com", HOST, True),
    (".toloka.example.com", HOST, False),
    ("*.toloka.example.com", HOST, False),
    ("ple.com", HOST, False),
    ("a.example.com , toloka.example.com", HOST, True),
    ("a.example.com toloka.example.com", HOST, True),
    (",, ,", HOST, False),
    ("toloka.example.com:443", HOST, True),
    ("toloka.example.com:80", HOST, False),
    ("toloka.example.com:8443", f"{HOST}:8443", True),
    ("toloka.example.com", f"{HOST}:8443", True),
    ("toloka.example.com:port", HOST, False),
    ("https://toloka.example.com", HOST, True),
    ("http://toloka.example.com", HOST, False),
    ("all://toloka.example.com", HOST, True),
    ("10.1.2.3", "https://10.1.2.3", True),
    ("10.1.2.3:443", "https://10.1.2.3", True),
    ("10.1.2.3:80", "https://10.1.2.3", False),
    ("10.0.0.0/8", "https://10.1.2.3", True),
    ("10.9.9.9/8", "https://10.1.2.3", True),
    ("192.168.0.0/16", "https://10.1.2.3", False),
    ("10.0.0.0/99", "https://10.1.2.3", False),
    ("10.0.0.0/8", HOST, False),
    ("2001:db8::1", "https://[2001:db8::1]", True),
    ("[2001:db8::1]", "https://[2001:db8::1]", True),
    ("2001:0db8:0:0:0:0:0:1", "https://[2001:db8::1]", True),
    ("[2001:db8::1]:443", "https://[2001:db8::1]", True),
    ("[2001:0db8:0::1]:443", "https://[2001:db8::1]", True),
    ("[2001:db8::1]:80", "https://[2001:db8::1]", False),
    ("2001:db8::/32", "https://[2001:db8::1]", True),
    ("2001:db9::/32", "https://[2001:db8::1]", False),
    ("::/0", "https://10.1.2.3", False),
    # entries that cannot be read
    ("[::1", HOST, False),
    ("::1]", HOST, False),
    ("[::1]:x", HOST, False),
    ("fe80::1%eth0", HOST, False),
    ("http://[", HOST, False),
    ("://", HOST, False),
    (":443", HOST, False),
    (".", HOST, False),
    ("%", HOST, False),
    ("**", HOST, False),
    ("\u2603.example.com", HOST, False),
    ("[::1, toloka.example.com", HOST, True),
]


@pytest.mark.parametrize(("entries", "url", "is_direct"), NO_PROXY)
def test_no_proxy_names_hosts_without_a_proxy(monkeypatch: pytest.MonkeyPatch, entries: str, url: str, is_direct: bool) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        set_all(monkeypatch, {"ALL_PROXY": PROXY, name: entries})
        assert (find_proxy(url) is None) is is_direct
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("[::1]", True),
        ("128.0.0.1", False),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
        ("127.0.0.1.example.com", False),
        ("toloka.dev", False),
        ("", False),
    ],
)
def test_this_machine_is_its_loopback(host: str, expected: bool) -> None:
    assert is_this_machine(host) is expected


@pytest.mark.parametrize("names", [("HTTP_PROXY", "HTTPS_PROXY"), ("ALL_PROXY",)], ids=str)
def test_requests_go_through_the_proxy_of_a_variable(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    set_all(monkeypatch, dict.fromkeys(names, scripted.url.replace("http://", f"http://me:{PASSWORD}@")))
    heads: list[str] = []

    def respond(head: str) -> bytes:
        heads.append(head)
        return reply({"id": "1"})

    scripted.answers = [respond]
    with pytest.warns(UserWarning, match="unencrypted"):
        client = tf.AsyncTolokaClient("token", url="http://toloka.invalid")
    assert tf.run(client.get_pool("1")) == {"id": "1"}
    assert heads[0].startswith("GET http://toloka.invalid/api/v1/pools/1 ")
    assert "Proxy-Authorization: Basic" in heads[0]
    tf.run(client.aclose())


BAD_VALUES = ["nowhere://a", "http://a:port", "http://", "socks5://127.0.0.1:9", "http://127.0.0.1:9", "127.0.0.1:9", "[", "::"]


@pytest.mark.parametrize("entries", ["", "*", "::1", "[::1", "10.0.0.0/8,, localhost:80"])
def test_the_local_service_is_reached_directly_whatever_the_variables_are(
    toloka: LocalToloka, monkeypatch: pytest.MonkeyPatch, entries: str, tmp_path: Path
) -> None:
    for value in BAD_VALUES:
        set_all(monkeypatch, dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"), value))
        set_all(monkeypatch, {"NO_PROXY": entries, "SSL_CERT_FILE": str(tmp_path / "none"), "SSLKEYLOGFILE": "/no/folder/x"})
        client = toloka.async_client(retries=1)
        assert tf.run(client.get_requester())["id"]
        tf.run(client.aclose())


IN_A_PROCESS = """
import toloka_frames as tf
from toloka_frames.local import LocalToloka
with LocalToloka() as toloka:
    print(len(toloka.async_client().get_projects().to_dataframe()))
"""


def test_the_local_service_works_in_a_process_with_variables(tmp_path: Path) -> None:
    variables = {**dict.fromkeys(VARIABLES, "nowhere://[a"), "SSL_CERT_FILE": str(tmp_path / "none"), "NO_PROXY": "[::1, ::1"}
    command = [sys.executable, "-W", "error", "-c", IN_A_PROCESS]
    done = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=False, timeout=120)
    assert (done.stdout, done.stderr) == ("0\n", "")


# -- errors name the variable

INVALID = {
    "nowhere://me:{}@a": "its scheme is not one of http, https, socks5, socks5h",
    "socks4://me:{}@a": "its scheme is not one of http, https, socks5, socks5h",
    "http://me:{}@a:port": "its port is not a number from 1 to 65535",
    "http://me:{}@a:99999": "its port is not a number from 1 to 65535",
    "http://me:{}": "its port is not a number from 1 to 65535",
    "http://me:{}@": "it has no host",
    "http://me:{}@a b": "its host is not valid",
    "http://me:{}@a\x7f": "it is not a URL",
    "http://me:{}/@a:1": "its port is not a number from 1 to 65535",
}


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "proxy="])
@pytest.mark.parametrize(("value", "fault"), INVALID.items(), ids=INVALID)
def test_an_error_names_the_variable_or_the_argument_with_the_proxy(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, fault: str
) -> None:
    value = value.format(PASSWORD)
    options = {"proxy": value} if name == "proxy=" else {}
    set_all(monkeypatch, {} if options else {name: value})
    with pytest.raises(tf.ConfigurationError) as caught:
        tf.AsyncTolokaClient("token", url=HOST, **options)
    message = str(caught.value)
    assert message.startswith(f"{name} is not the URL of a proxy: {fault}.\n")
    assert "verify=" not in message
    assert ("proxy=" in message) is bool(options)
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


def test_a_proxy_argument_needs_a_scheme() -> None:
    with pytest.raises(tf.ConfigurationError, match=r"^proxy= is not the URL of a proxy: it has no scheme\.\n"):
        tf.AsyncTolokaClient("token", url=HOST, proxy="proxy.example.com:3128")


@pytest.mark.skipif(find_spec("socksio") is not None, reason="socksio is installed")
@pytest.mark.parametrize("scheme", ["socks5", "SOCKS5"])
def test_a_socks_proxy_without_its_package_is_an_error(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setenv("ALL_PROXY", f"{scheme}://me:{PASSWORD}@127.0.0.1:9")
    pattern = rf"^ALL_PROXY is a SOCKS proxy.*\npip install '{httpx.__name__}\[socks\]'$"
    with pytest.raises(tf.ConfigurationError, match=pattern) as caught:
        tf.AsyncTolokaClient("token", url=HOST)
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "ALL_PROXY", "proxy="])
@pytest.mark.parametrize("response", [None, reply(b"", 407), reply(b"", 502), b""], ids=["refused", "407", "502", "nothing"])
def test_an_error_of_the_proxy_names_where_it_is_from(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch, name: str, response: bytes | None
) -> None:
    scripted.answers = [response or b""]
    proxy = (scripted.url if response is not None else "http://127.0.0.1:9").replace("://", f"://me:{PASSWORD}@")
    options = {"proxy": proxy} if name == "proxy=" else {}
    set_all(monkeypatch, {} if options else {name: proxy})
    client = tf.AsyncTolokaClient("token", url=HOST, retries=1, **options)
    with pytest.raises(tf.ConnectionFailed) as caught:
        tf.run(client.get_pool("1"))
    assert caught.value.hint == f"Check the network, the host, and {name} (the requests go through this proxy)."
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))
    tf.run(client.aclose())


def test_an_error_without_a_proxy_names_none(scripted: Scripted) -> None:
    scripted.answers = [b""]
    client = scripted.async_client(retries=1)
    with pytest.raises(tf.ConnectionFailed) as caught:
        tf.run(client.get_pool("1"))
    assert caught.value.hint == "Check the network and the host."
    tf.run(client.aclose())


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("TOLOKA_URL", "ftp://toloka", "is not the URL of a host"),
        ("TOLOKA_URL", "http://a:port", "is not a URL"),
        ("TOLOKA_ENVIRONMENT", "MOON", "is neither 'PRODUCTION' nor 'SANDBOX'"),
    ],
)
def test_an_error_of_the_host_names_the_variable_or_the_argument(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, fault: str
) -> None:
    argument = name.removeprefix("TOLOKA_").lower()
    for other in ("TOLOKA_URL", "TOLOKA_ENVIRONMENT"):
        monkeypatch.delenv(other, raising=False)
    with pytest.raises(tf.ConfigurationError) as caught:
        tf.AsyncTolokaClient("token", **{argument: value})  # type: ignore[arg-type]
    assert str(caught.value).startswith(f"{argument}={value!r} {fault}.")
    monkeypatch.setenv(name, value)
    with pytest.raises(tf.ConfigurationError) as caught:
        tf.AsyncTolokaClient("token")
    assert str(caught.value).startswith(f"{name}={value!r} {fault}.")


# -- certificates


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_certificates_that_do_not_exist_are_an_error_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    path = str(tmp_path / "none")
    monkeypatch.setenv(name, path)
    with pytest.raises(tf.ConfigurationError) as caught:
        tf.AsyncTolokaClient("token", url=HOST)
    assert str(caught.value) == f"{name}={path!r} does not exist.\nSet {name} to certificates in PEM form, or unset it."


@pytest.mark.parametrize("content", [b"", b"no certificate", bytes(range(256)), None], ids=["empty", "text", "bytes", "folder"])
def test_a_file_without_certificates_is_an_error_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "certificates.pem"
    path.mkdir() if content is None else path.write_bytes(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with pytest.raises(tf.ConfigurationError, match=r"^SSL_CERT_FILE=.* cannot be read as certificates \(.*\)\.\n"):
        tf.AsyncTolokaClient("token", url=HOST)


@pytest.fixture
def tls_server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Yield the URL of a server with TLS, and the file of the only certificate that signs it."""
    x509 = pytest.importorskip("cryptography.x509", reason="cryptography, which moto brings, makes the certificate")
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 -- as above
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 -- as above

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - DAY, now + DAY)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    certificate = (
        builder.add_extension(names, critical=False).sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "certificate.pem").write_bytes(certificate)
    (tmp_path / "both.pem").write_bytes(key.private_bytes(*form) + certificate)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "both.pem")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve_tls, args=(listener, context), daemon=True)
        thread.start()
        yield f"https://localhost:{listener.getsockname()[1]}", tmp_path / "certificate.pem"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def serve_tls(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Send the same response on each connection."""
    while True:
        try:
            accepted, _ = listener.accept()
        except OSError:  # the test has ended
            return
        with accepted, suppress(OSError), context.wrap_socket(accepted, server_side=True) as connection:
            connection.recv(65_536)
            connection.sendall(reply({"id": "1"}, Connection="close"))


def test_the_certificates_of_a_variable_are_trusted(tls_server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    url, certificate = tls_server
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    client = tf.AsyncTolokaClient("token", url=url, retries=1)
    assert tf.run(client.get_pool("1")) == {"id": "1"}
    tf.run(client.aclose())


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("SSL_CERT_DIR", "The certificates to trust are those of SSL_CERT_DIR: check that they include the host's authority."),
        (
            None,
            "If the host has an authority of its own, pass verify=ssl.create_default_context(cafile=...) or set SSL_CERT_FILE.",
        ),
    ],
)
def test_an_error_of_certificates_names_where_they_are_from(
    tls_server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str | None, hint: str
) -> None:
    monkeypatch.delenv("SSL_CERT_DIR")
    if variable:
        monkeypatch.setenv(variable, str(tmp_path))  # without the names that OpenSSL looks for
    client = tf.AsyncTolokaClient("token", url=tls_server[0], retries=1)
    with pytest.raises(tf.ConnectionFailed, match="CERTIFICATE_VERIFY_FAILED") as caught:
        tf.run(client.get_pool("1"))
    assert caught.value.hint == hint
    tf.run(client.aclose())


def test_certificates_are_not_read_for_a_host_without_tls(monkeypatch: pytest.MonkeyPatch, scripted: Scripted) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/none")
    scripted.answers = [reply({"id": "1"})]
    client = scripted.async_client()
    assert tf.run(client.get_pool("1")) == {"id": "1"}
    tf.run(client.aclose())


def test_a_transport_has_its_own_proxy_and_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, {"SSL_CERT_FILE": "/none", "HTTPS_PROXY": "nowhere://"})
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"id": "1"}))
    client = tf.AsyncTolokaClient("token", url=HOST, transport=transport)
    assert tf.run(client.get_pool("1")) == {"id": "1"}
    tf.run(client.aclose())


def test_a_key_log_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = str(tmp_path / "none" / "keys")
    monkeypatch.setenv("SSLKEYLOGFILE", path)
    with pytest.raises(tf.ConfigurationError) as caught:
        tf.AsyncTolokaClient("token", url=HOST)
    assert str(caught.value).startswith(f"SSLKEYLOGFILE={path!r} cannot be written (No such file or directory).")


@pytest.mark.parametrize("verify", [5, None, [], Path("certificates.pem")], ids=str)
def test_an_error_of_verify_names_no_other_argument(verify: Any) -> None:
    with pytest.raises(tf.ConfigurationError, match=r"^verify=.* is neither True, False nor an ssl\.SSLContext\.$"):
        tf.AsyncTolokaClient("token", url=HOST, verify=verify)
