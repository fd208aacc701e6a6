"""A bonus is paid once for each row; likely mistakes are rejected before anything is sent."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import toloka_frames as tf

if TYPE_CHECKING:
    from toloka_frames.local import LocalToloka

USERS = [f"{number:032x}" for number in range(1, 251)]


def pay(frame: pd.DataFrame, client: tf.AsyncTolokaClient, **options: Any) -> pd.DataFrame:
    texts = {"public_title": "Thank you", "public_message": "Good work"}
    return tf.create_user_bonuses(frame, client, **({"progress": False} | texts | options))


def paid(client: tf.AsyncTolokaClient) -> list[dict[str, Any]]:
    found = tf.run(client.service.get("/v1/user-bonuses", query={"limit": "300", "sort": "id"}))
    return list(found["items"])


def test_each_row_is_paid_once_in_requests_of_a_hundred(client: tf.AsyncTolokaClient, toloka: LocalToloka) -> None:
    frame = pd.DataFrame({"user_id": USERS, "amount": [Decimal("0.05")] * 250}, index=range(1, 251))
    results = pay(frame, client)
    assert results["status"].eq("CREATED").all()
    assert results["user_bonus_id"].is_unique
    assert results.index.equals(frame.index)
    assert sorted(row["user_id"] for row in paid(client)) == USERS
    assert {(row["amount"], row["public_title"]["EN"]) for row in paid(client)} == {(0.05, "Thank you")}
    posts = [request for request in toloka.requests if request.method == "POST"]
    assert len(posts) == 3
    pd.testing.assert_frame_equal(pay(frame, client), results)
    assert len(paid(client)) == 250


def test_a_lost_response_pays_nobody_twice(client: tf.AsyncTolokaClient, toloka: LocalToloka) -> None:
    lost = toloka.faults.lose_reply("POST /v1/user-bonuses", times=2)
    results = pay(pd.DataFrame({"user_id": USERS, "amount": 1}), client)
    assert lost.struck == 2
    assert results["status"].eq("CREATED").all()
    assert len(paid(client)) == 250


def test_invalid_bonuses_are_reported_row_by_row(client: tf.AsyncTolokaClient) -> None:
    frame = pd.DataFrame({"user_id": [USERS[0], "nobody", USERS[1]], "amount": [1.0, 1.0, 2.0]})
    results = pay(frame, client, skip_invalid_items=True)
    assert results["status"].tolist() == ["CREATED", "INVALID", "CREATED"]
    assert results["error_field"][1] == "user_id"


def test_the_async_function_pays_bonuses(client: tf.AsyncTolokaClient) -> None:
    frame = pd.DataFrame({"user_id": USERS[:2], "amount": [1.0, 2.0], "without_message": [True, True]})
    results = asyncio.run(tf.aio.create_user_bonuses(frame, client, progress=False))
    assert results["status"].tolist() == ["CREATED", "CREATED"]
    assert [row["without_message"] for row in paid(client)] == [True, True]


INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "no amount": ({"user_id": ["u"]}, "'amount'"),
    "no user": ({"user_id": [None], "amount": [1.0]}, "missing"),
    "zero": ({"user_id": ["u"], "amount": [0.0]}, "not an amount"),
    "too high": ({"user_id": ["u"], "amount": [100.01]}, "not an amount"),
    "text": ({"user_id": ["u"], "amount": ["1.00"]}, "not an amount"),
    "true": ({"user_id": ["u"], "amount": [True]}, "not an amount"),
    "an unknown column": ({"user_id": ["u"], "amount": [1.0], "private_coment": ["x"]}, "private_comment"),
    "the same twice": ({"user_id": ["u", "v", "u"], "amount": [1.0, 1.0, 1]}, "Rows 0 and 2"),
}
SILENT: list[tuple[dict[str, Any], str | None]] = [
    ({}, "public_title"),
    ({"public_title": ["Thanks"]}, "public_message"),
    ({"public_message": [{"EN": "Good work"}]}, "public_title"),
    ({"public_title": [""], "public_message": ["Good work"]}, "public_title"),
    ({"without_message": [False]}, "public_title"),
    ({"without_message": [True]}, None),
    ({"public_title": ["Thanks"], "public_message": [{"EN": "Good work"}]}, None),
]


@pytest.mark.parametrize(("columns", "missing"), SILENT)
def test_a_bonus_needs_a_title_and_a_message_or_neither_on_purpose(
    columns: dict[str, Any], missing: str | None, client: tf.AsyncTolokaClient, toloka: LocalToloka
) -> None:
    frame = pd.DataFrame({"user_id": USERS[:1], "amount": [1.0], **columns})
    if missing is None:
        assert tf.create_user_bonuses(frame, client, progress=False)["status"].tolist() == ["CREATED"]
        return
    with pytest.raises(tf.InputError, match="without_message") as caught:
        tf.create_user_bonuses(frame, client, progress=False)
    assert caught.value.column == missing
    assert toloka.requests == []


@pytest.mark.parametrize(("columns", "message"), INVALID.values(), ids=INVALID)
def test_invalid_bonuses_are_rejected_before_any_request(
    columns: dict[str, Any], message: str, client: tf.AsyncTolokaClient, toloka: LocalToloka
) -> None:
    with pytest.raises(tf.InputError, match=message):
        pay(pd.DataFrame(columns), client)
    assert toloka.requests == []


def test_equal_bonuses_need_different_comments(client: tf.AsyncTolokaClient) -> None:
    frame = pd.DataFrame({"user_id": ["u" * 32] * 2, "amount": 1.0, "private_comment": ["May", "June"]})
    frame["user_id"] = USERS[0]
    assert pay(frame, client)["status"].tolist() == ["CREATED", "CREATED"]
