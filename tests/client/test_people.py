"""Tolokers' skills, bans, bonuses, messages and files, subscriptions and the account."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING

import pytest
from support.scripted_server import Scripted, reply

import toloka_frames as tf

if TYPE_CHECKING:
    from pathlib import Path

    from toloka_frames.local import LocalToloka

TOLOKER = "a1b0b42923c429daa2c764d7ccfc364d"


def test_a_skill_is_made_changed_given_and_taken(client: tf.AsyncTolokaClient) -> None:
    skill = tf.run(client.create_skill({"name": "Cats", "public_name": {"EN": "Knows cats"}}))
    assert tf.run(client.update_skill(skill["id"], skill | {"name": "Dogs"}))["name"] == "Dogs"
    assert tf.run(client.get_skill(skill["id"]))["public_name"] == {"EN": "Knows cats"}
    for value in (10, 87.4):
        given = tf.run(client.set_user_skill(skill_id=skill["id"], user_id=TOLOKER, value=value, reason="a test"))
    assert (given["value"], given["exact_value"]) == (87, 87.4)
    assert tf.run(client.get_user_skill(given["id"]))["user_id"] == TOLOKER
    frame = client.get_user_skills(user_id=TOLOKER).to_dataframe()
    assert (frame["value"].tolist(), frame["exact_value"].tolist()) == ([87], [87.4])
    tf.run(client.delete_user_skill(given["id"]))
    assert client.get_user_skills().to_dataframe().empty
    with pytest.raises(tf.NotFound):
        tf.run(client.delete_user_skill(given["id"]))
    skills = client.get_skills(name="Dogs", global_=False).to_dataframe()
    assert skills["public_name"].tolist() == ['{"EN":"Knows cats"}']
    with pytest.raises(tf.ValidationFailed):
        tf.run(client.set_user_skill(skill_id=skill["id"], user_id=TOLOKER, value=101))


def test_a_toloker_is_banned_and_let_in(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    ban = tf.run(client.set_user_restriction({"scope": "POOL", "user_id": TOLOKER, "pool_id": pool_id}))
    assert tf.run(client.get_user_restriction(ban["id"])) == ban
    frame = client.get_user_restrictions(scope="POOL", pool_id=pool_id).to_dataframe()
    assert frame["user_id"].tolist() == [TOLOKER]
    tf.run(client.delete_user_restriction(ban["id"]))
    assert client.get_user_restrictions().to_dataframe().empty


def test_messages_are_sent_answered_and_put_into_folders(client: tf.AsyncTolokaClient) -> None:
    message = {
        "recipients_select_type": "DIRECT",
        "recipients_ids": [TOLOKER],
        "topic": {"EN": "Thank you"},
        "text": {"EN": "Good work"},
        "answerable": True,
    }
    thread = tf.run(client.compose_message_thread(message))
    answered = tf.run(client.reply_message_thread(thread["id"], {"text": {"EN": "And more"}}))
    assert [one["text"]["EN"] for one in answered["messages"]] == ["And more", "Good work"]
    tf.run(client.add_message_thread_to_folders(thread["id"], ["IMPORTANT"]))
    assert tf.run(client.get_message_thread(thread["id"]))["folders"] == ["OUTBOX", "IMPORTANT"]
    frame = client.get_message_threads(folder=["IMPORTANT"], folder_ne="INBOX").to_dataframe()
    assert frame["id"].tolist() == [thread["id"]]
    assert list(frame["folders"][0]) == ["OUTBOX", "IMPORTANT"]
    assert frame["compose_details.recipients_select_type"].tolist() == ["DIRECT"]
    assert frame["extra"].isna().all()
    tf.run(client.remove_message_thread_from_folders(thread["id"], ["IMPORTANT"]))
    assert client.get_message_threads(folder="IMPORTANT").to_dataframe().empty


def test_a_thread_that_is_not_there_is_not_found(client: tf.AsyncTolokaClient) -> None:
    with pytest.raises(tf.NotFound, match="643933af08583e0a19c2167e"):
        tf.run(client.get_message_thread("643933af08583e0a19c2167e"))


def test_subscriptions_that_were_made_at_once_are_all_listed(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    events = ["POOL_CLOSED", "ASSIGNMENT_CREATED", "ASSIGNMENT_SUBMITTED", "ASSIGNMENT_APPROVED", "ASSIGNMENT_REJECTED"]
    hooks = [{"event_type": event, "pool_id": pool_id, "webhook_url": "https://example.com/hook"} for event in events]
    made = tf.run(client.upsert_webhook_subscriptions(hooks))
    assert sorted(made["items"]) == ["0", "1", "2", "3", "4"]
    frame = client.get_webhook_subscriptions(pool_id=pool_id, batch_size=2).to_dataframe()
    assert sorted(frame["event_type"]) == sorted(events)
    one = frame["id"][0]
    assert tf.run(client.get_webhook_subscription(one))["pool_id"] == pool_id
    tf.run(client.delete_webhook_subscription(one))
    assert client.get_webhook_subscriptions().to_dataframe()["id"].tolist() == frame["id"].tolist()[1:]


def test_a_subscription_is_tried_out(client: tf.AsyncTolokaClient, pool_id: str) -> None:
    hook = {"event_type": "POOL_CLOSED", "pool_id": pool_id, "webhook_url": "https://example.com/hook"}
    one = tf.run(client.upsert_webhook_subscriptions([hook]))["items"]["0"]
    tried = tf.run(client.send_test_webhook(one["id"]))
    assert (tried["success"], tried["errorType"]) == (False, "CONNECTION_ERROR")  # the local service reaches nobody


def test_what_is_known_of_a_toloker_and_of_the_account(client: tf.AsyncTolokaClient) -> None:
    assert tf.run(client.get_user(TOLOKER))["id"] == TOLOKER
    assert tf.run(client.get_requester())["balance"] > 0


def test_bonuses_are_paid_once_though_an_answer_is_lost(toloka: LocalToloka, client: tf.AsyncTolokaClient) -> None:
    lost = toloka.faults.lose_reply("POST /v1/user-bonuses", times=1)
    bonuses = [{"user_id": TOLOKER, "amount": amount, "without_message": True} for amount in (0.5, 0.25)]
    operation = tf.run(client.create_user_bonuses_async(bonuses, str(uuid.uuid4())))
    tf.run(client.wait_operation(operation, progress=False))
    assert lost.struck == 1
    assert client.get_user_bonuses(user_id=TOLOKER).to_dataframe()["amount"].tolist() == [0.5, 0.25]
    with pytest.raises(tf.InputError, match="create_user_bonuses"):
        tf.run(client.create_user_bonuses_async("a bonus"))  # type: ignore[arg-type]


def test_a_bonus_is_read_as_it_was_paid(scripted: Scripted) -> None:
    scripted.answers = [reply({"id": "1", "amount": 0.0700})]
    assert tf.run(scripted.client().get_user_bonus("1"))["amount"] == 0.07


# Files

DATA = bytes(range(256)) * 4_000


@pytest.fixture
def file_id(toloka: LocalToloka, client: tf.AsyncTolokaClient, pool_id: str) -> str:
    """A file that a Toloker sent."""
    task = {"pool_id": pool_id, "input_values": {"image": "https://example.com/1.jpg"}, "overlap": 1}
    operation = tf.run(client.create_tasks_async([task] * 4, open_pool=True))  # type: ignore[list-item]
    tf.run(client.wait_operation(operation, progress=False))
    toloka.answer(pool_id)
    assignment = client.get_assignments(pool_id=pool_id).to_dataframe()["ASSIGNMENT:assignment_id"][0]
    return toloka.attach(assignment, "a cat.png", DATA, media_type="image/png")


def test_a_file_is_listed_and_fetched(client: tf.AsyncTolokaClient, file_id: str, pool_id: str, tmp_path: Path) -> None:
    frame = client.get_attachments(pool_id=pool_id, type="ASSIGNMENT_ATTACHMENT").to_dataframe()
    assert (frame["id"].tolist(), frame["name"].tolist(), frame["details.pool_id"].tolist()) == (
        [file_id],
        ["a cat.png"],
        [pool_id],
    )
    assert tf.run(client.get_attachment(file_id))["media_type"] == "image/png"
    (tmp_path / "cat.png").write_bytes(b"another")
    assert tf.run(client.download_attachment(file_id, tmp_path / "cat.png")) == tmp_path / "cat.png"
    assert (tmp_path / "cat.png").read_bytes() == DATA
    assert [each.name for each in tmp_path.iterdir()] == ["cat.png"]


def test_a_file_that_breaks_off_is_fetched_anew(
    client: tf.AsyncTolokaClient, toloka: LocalToloka, file_id: str, tmp_path: Path
) -> None:
    cut = toloka.faults.cut("GET /v1/attachments/*/download", times=1)
    tf.run(client.download_attachment(file_id, tmp_path / "cat.png"))
    assert cut.struck == 1
    assert (tmp_path / "cat.png").read_bytes() == DATA


def test_a_file_is_there_whole_or_not_at_all(toloka: LocalToloka, file_id: str, tmp_path: Path) -> None:
    toloka.faults.cut("GET /v1/attachments/*/download")
    client = toloka.client(retries=2)
    with pytest.raises(tf.ConnectionFailed):
        tf.run(client.download_attachment(file_id, tmp_path / "cat.png"))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_there_is_not_found(client: tf.AsyncTolokaClient, tmp_path: Path) -> None:
    with pytest.raises(tf.NotFound, match="DOES_NOT_EXIST"):
        tf.run(client.download_attachment("0983459b-e26f-42f3-a5fd-6e3feee913e7", tmp_path / "cat.png"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told_before_anything_is_asked(scripted: Scripted, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere" / "cat.png"):
        with pytest.raises(tf.InputError):
            tf.run(scripted.client().download_attachment("1", path))
    assert scripted.requests == []


def test_a_file_is_fetched_in_async_code(client: tf.AsyncTolokaClient, file_id: str, tmp_path: Path) -> None:
    asyncio.run(client.download_attachment(file_id, str(tmp_path / "cat.png")))  # type: ignore[arg-type]
    assert (tmp_path / "cat.png").read_bytes() == DATA
