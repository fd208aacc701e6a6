"""A redirect is not followed; its error shows where it leads, and what to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
import pytest
from support.scripted_server import Scripted, reply

import toloka_frames as tf
from toloka_frames._transport.redirects import redirection

if TYPE_CHECKING:
    from collections.abc import Callable

REQUESTED = "https://toloka.example.com/api/v1/pools/1?secret=1"
OTHER = "The token was not sent there. If you trust this address and it is the API that you want, make the client with "
CHECK = "check url= and proxy=, or the variables that take their place (TOLOKA_URL, HTTPS_PROXY)."
NO_API = f"That is not an address of the API, it may be the login page of a proxy: {CHECK}"
SAME = f"That is the address that was requested: {CHECK}"
# the requested URL, the Location, what is shown of it, the hint
LOCATIONS = {
    "another host": (REQUESTED, "https://b.com/api/v1/pools/1", "https://b.com/api/v1/pools/1", f"{OTHER}url='https://b.com'."),
    "another port": (
        REQUESTED,
        "https://toloka.example.com:8443/api/v1/pools/1",
        "https://toloka.example.com:8443/api/v1/pools/1",
        f"{OTHER}url='https://toloka.example.com:8443'.",
    ),
    "a path before the API": (
        REQUESTED,
        "https://b.com/toloka/api/v1/pools/1",
        "https://b.com/toloka/api/v1/pools/1",
        f"{OTHER}url='https://b.com/toloka'.",
    ),
    "an address of IPv6": (
        REQUESTED,
        "https://[::1]:8443/api/v1/pools/1",
        "https://[::1]:8443/api/v1/pools/1",
        f"{OTHER}url='https://[::1]:8443'.",
    ),
    "TLS": (
        "http://b.com/api/v1/pools/1",
        "https://b.com/api/v1/pools/1",
        "https://b.com/api/v1/pools/1",
        "Make the client with url='https://b.com', so that the token is encrypted on its way.",
    ),
    "no TLS any more": (
        REQUESTED,
        "http://toloka.example.com/api/v1/pools/1",
        "http://toloka.example.com/api/v1/pools/1",
        f"The token was not sent there, because it would not be encrypted: {CHECK}",
    ),
    "credentials and a query": (
        REQUESTED,
        "https://me:password@b.com/api/v1/pools/1?session=password#password",
        "https://b.com/api/v1/pools/1?…",
        f"{OTHER}url='https://b.com'.",
    ),
    "a login page": (REQUESTED, "https://login.b.com/sso?back=password", "https://login.b.com/sso?…", NO_API),
    "a path alone": (REQUESTED, "/login", "https://toloka.example.com/login", NO_API),
    "a slash more": (REQUESTED, "/api/v1/pools/1/", "https://toloka.example.com/api/v1/pools/1/", NO_API),
    "itself": (REQUESTED, "/api/v1/pools/1?password", "https://toloka.example.com/api/v1/pools/1?…", SAME),
    "no web address": (REQUESTED, "javascript:password", "a Location that is not a URL", NO_API),
    "no port": (REQUESTED, "http://b.com:password", "a Location that is not a URL", NO_API),
    "an empty one": (REQUESTED, "", "https://toloka.example.com/api/v1/pools/1?…", SAME),
    "a long one": (REQUESTED, f"https://b.com/{'x' * 900}", f"https://b.com/{'x' * 286}", NO_API),
}


@pytest.mark.parametrize(("requested", "location", "shown", "hint"), LOCATIONS.values(), ids=LOCATIONS)
def test_error_shows_the_location_without_secrets(requested: str, location: str, shown: str, hint: str) -> None:
    response = httpx.Response(302, extensions={"location": location}, request=httpx.Request("GET", requested))
    error = redirection(response)
    assert error is not None
    call = f"GET {requested.partition('?')[0]}"
    assert str(error) == f"302: {call} is redirected to {shown}, which is not followed.\n{hint}"
    assert error.location == (None if shown == "a Location that is not a URL" else shown)
    assert "password" not in str(error)


WAYS: dict[str, Callable[[tf.AsyncTolokaClient], object]] = {
    "a single answer": lambda client: tf.run(client.get_pool("1")),
    "a list": lambda client: client.get_pools().to_dataframe(progress=False),
    "dicts": lambda client: list(client.get_pools()),
    "a creation": lambda client: tf.run(client.create_project({"public_name": "p"})),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_every_call_states_where_it_is_redirected(scripted: Scripted, status: int, way: str) -> None:
    scripted.answers = [
        lambda head: reply("<html>", status, Location=f"https://b.com/api{head.split('/api')[1].split(' ')[0]}")
    ]
    with pytest.raises(tf.BadAnswer, match=r"is redirected to https://b\.com/api/v1/") as caught:
        WAYS[way](scripted.async_client())
    assert (caught.value.status, caught.value.retryable, len(scripted.requests)) == (status, False, 1)
    assert caught.value.hint.startswith(f"{OTHER}url='https://b.com'.")
    assert caught.value.may_have_taken_effect == (way == "a creation")
    assert ("It may have taken effect all the same" in str(caught.value)) == (way == "a creation")


def test_a_client_made_as_the_hint_says_gets_the_response(scripted: Scripted) -> None:
    with Scripted() as target:
        target.answers = [reply({"id": "1"})]
        scripted.answers = [reply(status=308, Location=f"{target.url}/prefix/api/v1/pools/1")]
        with pytest.raises(tf.BadAnswer) as caught:
            tf.run(scripted.async_client().get_pool("1"))
        url = re.search("url='(.*)'", caught.value.hint)
        assert url is not None
        assert tf.run(tf.AsyncTolokaClient(scripted.token, url=url[1]).get_pool("1")) == {"id": "1"}
        assert target.requests == ["GET /prefix/api/v1/pools/1"]


def test_a_status_of_3xx_without_location_is_a_bad_answer(scripted: Scripted) -> None:
    scripted.answers = [reply("moved", 302)]
    with pytest.raises(tf.BadAnswer, match=r"302: JSON was expected .*but the response was 'moved'") as caught:
        tf.run(scripted.async_client().get_pool("1"))
    assert caught.value.location is None


@pytest.mark.parametrize("location", ["http://b.com:password", "javascript:password", "http://b.com\x7f", "/\xff"])
def test_a_location_that_httpx_cannot_read_is_a_redirect_all_the_same(scripted: Scripted, location: str) -> None:
    scripted.answers = [b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location.encode("latin-1") + b"\r\n\r\n"]
    with pytest.raises(tf.BadAnswer, match=r"is redirected to .*, which is not followed") as caught:
        tf.run(scripted.async_client().get_pool("1"))
    assert (len(scripted.requests), "password" in str(caught.value)) == (1, False)


def test_the_token_in_a_location_is_not_shown(scripted: Scripted) -> None:
    scripted.answers = [reply(status=302, Location=f"https://b.com/login/{scripted.token}")]
    with pytest.raises(tf.BadAnswer, match=r"b\.com/login/\*\*\*") as caught:
        tf.run(scripted.async_client().get_pool("1"))
    assert scripted.token not in str(caught.value)
