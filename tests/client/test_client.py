"""The client itself: accounts, closing, what it shows of itself, and ids that are not valid."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from support.scripted_server import Scripted, reply

import toloka_frames as tf

if TYPE_CHECKING:
    from toloka_frames.local import LocalToloka


def test_an_account_that_has_not_shared_its_access_is_denied(toloka: LocalToloka, client: tf.AsyncTolokaClient) -> None:
    own_id = tf.run(client.get_requester())["id"]
    assert tf.run(toloka.async_client(act_under_account_id=own_id).get_requester())["id"] == own_id
    with pytest.raises(tf.AccessDenied, match="act_under_account_id"):
        tf.run(toloka.async_client(act_under_account_id="another").get_requester())


def test_a_closed_client_says_so_and_can_be_closed_again(scripted: Scripted) -> None:
    client = scripted.async_client()
    for _ in range(2):
        tf.run(client.aclose())
    with pytest.raises(tf.ConfigurationError, match=r"was closed.\nMake another one"):
        tf.run(client.get_requester())
    assert scripted.requests == []


def test_a_client_is_a_context_manager(scripted: Scripted) -> None:
    scripted.answers = [reply({"id": "me"})]

    async def use() -> dict[str, object]:
        async with scripted.async_client() as client:
            return await client.get_requester()

    assert asyncio.run(use()) == {"id": "me"}


def test_data_that_contains_the_token_is_not_masked(scripted: Scripted) -> None:
    scripted.answers = [reply({"id": "1", "private_name": "token-that-nobody-may-see of thanks"})]
    assert tf.run(scripted.async_client().get_pool("1"))["private_name"] == "token-that-nobody-may-see of thanks"


def test_the_repr_of_a_client_is_its_url(scripted: Scripted) -> None:
    assert repr(scripted.async_client()) == f"<AsyncTolokaClient of {scripted.url}>"
    assert repr(tf.AsyncTolokaClient("token", "SANDBOX")) == "<AsyncTolokaClient of SANDBOX, https://sandbox.toloka.dev>"
    shared = tf.TolokaClient("token", act_under_account_id="requester-7")
    assert repr(shared) == "<TolokaClient of PRODUCTION, https://toloka.dev, for account requester-7>"


@pytest.mark.parametrize("value", ["", None, 5.0])
def test_an_id_that_is_not_valid_is_rejected(value: object, scripted: Scripted) -> None:
    with pytest.raises(tf.InputError, match="id="):
        tf.run(scripted.async_client().get_pool(value))  # type: ignore[arg-type]
    assert scripted.requests == []
