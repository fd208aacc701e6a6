"""Calls about Tolokers: metadata, skills, bans, bonuses, messages and files."""

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


def test_a_skill_is_created_updated_set_and_removed(client: tf.AsyncTolokaClient) -> None:
    skill = tf.run(client.create_skill({"name": "Cats", "public_name": {"EN": "Knows cats"}}))
    assert tf.run(client.update_skill(skill["id"], skill | {"name": "Dogs"}))["name"] == "Dogs"
    assert tf.run(client.get_skill(skill["id"]))["public_name"] == {"EN": "Knows cats"}
    for value in (10, 87.4):
        user_skill = tf.run(client.set_user_skill(skill_id=skill["id"], user_id=TOLOKER, value=value, reason="a test"))
    assert (user_skill["value"], user_skill["exact_value"]) == (87, 87.4)
    assert tf.run(client.get_user_skill(user_skill["id"]))["user_id"] == TOLOKER
    frame = client.get_user_skills(user_id=TOLOKER).to_dataframe()
    assert (frame["value"].tolist(), frame["exact_value"].tolist()) == ([87], [87.4])
    tf.run(client.delete_user_skill(user_skill["id"]))
    assert client.get_user_skills().to_dataframe().empty
    with pytest.raises(tf.NotFound):
        tf.run(client.delete_user_skill(user_skill["id"]))
    skills = client.get_skills(name="Dogs", global_=False).to_dataframe()
    assert skills["public_name"].tolist() == ['{"EN":"Knows cats"}']
    with pytest.raises(tf.ValidationFailed):
        tf.run(client.set_user_skill(skill_id=skill["id"], user_id=TOLOKER, value=101))


def test_a_toloker_is_banned_and_the_ban_is_lifted(client: tf.AsyncTolokaClient, pool_id: str) -> None:
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
    thread_with_reply = tf.run(client.reply_message_thread(thread["id"], {"text": {"EN": "And more"}}))
    assert [message["text"]["EN"] for message in thread_with_reply["messages"]] == ["And more", "Good work"]
    tf.run(client.add_message_thread_to_folders(thread["id"], ["IMPORTANT"]))
    assert tf.run(client.get_message_thread(thread["id"]))["folders"] == ["OUTBOX", "IMPORTANT"]
    frame = client.get_message_threads(folder=["IMPORTANT"], folder_ne="INBOX").to_dataframe()
    assert frame["id"].tolist() == [thread["id"]]
    assert list(frame["folders"][0]) == ["OUTBOX", "IMPORTANT"]
    assert frame["compose_details.recipients_select_type"].tolist() == ["DIRECT"]
    assert frame["extra"].isna().all()
    tf.run(client.remove_message_thread_from_folders(thread["id"], ["IMPORTANT"]))
    assert client.get_message_threads(folder="IMPORTANT").to_dataframe().empty


def test_a_thread_that_does_not_exist_is_not_found(client: tf.AsyncTolokaClient) -> None:
    with pytest.raises(tf.NotFound, match="643933af08583e0a19c2167e"):
        tf.run(client.get_message_thread("643933af08583e0a19c2167e"))


def test_the_metadata_of_a_toloker_is_returned(client: tf.AsyncTolokaClient) -> None:
    assert tf.run(client.get_user(TOLOKER))["id"] == TOLOKER


def test_bonuses_are_paid_once_even_if_a_response_is_lost(toloka: LocalToloka, client: tf.AsyncTolokaClient) -> None:
    lost = toloka.faults.lose_reply("POST /v1/user-bonuses", times=1)
    bonuses = [{"user_id": TOLOKER, "amount": amount, "without_message": True} for amount in (0.5, 0.25)]
    operation = tf.run(client.create_user_bonuses_async(bonuses, str(uuid.uuid4())))
    tf.run(client.wait_operation(operation, progress=False))
    assert lost.struck == 1
    assert client.get_user_bonuses(user_id=TOLOKER).to_dataframe()["amount"].tolist() == [0.5, 0.25]
    with pytest.raises(tf.InputError, match="create_user_bonuses"):
        tf.run(client.create_user_bonuses_async("a bonus"))  # type: ignore[arg-type]


def test_a_bonus_is_returned_with_its_amount(scripted: Scripted) -> None:
    scripted.answers = [reply({"id": "1", "amount": 0.0700})]
    assert tf.run(scripted.async_client().get_user_bonus("1"))["amount"] == 0.07


DATA = bytes(range(256)) * 4_000


@pytest.fixture
def file_id(toloka: LocalToloka, client: tf.AsyncTolokaClient, pool_id: str) -> str:
    """Return the id of a file that a Toloker sent."""
    task = {"pool_id": pool_id, "input_values": {"image": "https://example.com/1.jpg"}, "overlap": 1}
    operation = tf.run(client.create_tasks_async([task] * 4, open_pool=True))  # type: ignore[list-item]
    tf.run(client.wait_operation(operation, progress=False))
    toloka.answer(pool_id)
    assignment = client.get_assignments(pool_id=pool_id).to_dataframe()["ASSIGNMENT:assignment_id"][0]
    return toloka.attach(assignment, "a cat.png", DATA, media_type="image/png")


def test_a_file_is_listed_and_downloaded(client: tf.AsyncTolokaClient, file_id: str, pool_id: str, tmp_path: Path) -> None:
    frame = client.get_attachments(pool_id=pool_id, type="ASSIGNMENT_ATTACHMENT").to_dataframe()
    assert (frame["id"].tolist(), frame["name"].tolist(), frame["details.pool_id"].tolist()) == (
        [file_id],
        ["a cat.png"],
        [pool_id],
    )
    assert tf.run(client.get_attachment(file_id))["media_type"] == "image/png"
    (tmp_path / "cat.png").write_bytes(b"another file")
    assert tf.run(client.download_attachment(file_id, tmp_path / "cat.png")) == tmp_path / "cat.png"
    assert (tmp_path / "cat.png").read_bytes() == DATA
    assert [path.name for path in tmp_path.iterdir()] == ["cat.png"]


def test_a_download_that_breaks_off_is_repeated(
    client: tf.AsyncTolokaClient, toloka: LocalToloka, file_id: str, tmp_path: Path
) -> None:
    cut = toloka.faults.cut("GET /v1/attachments/*/download", times=1)
    tf.run(client.download_attachment(file_id, tmp_path / "cat.png"))
    assert cut.struck == 1
    assert (tmp_path / "cat.png").read_bytes() == DATA


def test_no_file_is_left_if_every_attempt_breaks_off(toloka: LocalToloka, file_id: str, tmp_path: Path) -> None:
    toloka.faults.cut("GET /v1/attachments/*/download")
    client = toloka.async_client(retries=2)
    with pytest.raises(tf.ConnectionFailed):
        tf.run(client.download_attachment(file_id, tmp_path / "cat.png"))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_does_not_exist_is_not_found(client: tf.AsyncTolokaClient, tmp_path: Path) -> None:
    with pytest.raises(tf.NotFound, match="DOES_NOT_EXIST"):
        tf.run(client.download_attachment("0983459b-e26f-42f3-a5fd-6e3feee913e7", tmp_path / "cat.png"))
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_an_error_before_anything_is_sent(scripted: Scripted, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere" / "cat.png"):
        with pytest.raises(tf.InputError):
            tf.run(scripted.async_client().download_attachment("1", path))
    assert scripted.requests == []


def test_a_file_is_downloaded_in_async_code(client: tf.AsyncTolokaClient, file_id: str, tmp_path: Path) -> None:
    asyncio.run(client.download_attachment(file_id, str(tmp_path / "cat.png")))  # type: ignore[arg-type]
    assert (tmp_path / "cat.png").read_bytes() == DATA
