"""Skills, bans and verdicts are sent row by row; an invalid row stops no other, and the same rows again change nothing."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import pandas as pd
import pytest
from support.scripted_server import Scripted, reply

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable

    from toloka_frames.local import LocalToloka

USERS = [f"{number:032x}" for number in range(1, 31)]


@pytest.fixture
def skill_id(client: tf.AsyncTolokaClient) -> str:
    skill = tf.run(client.service.post("/v1/skills", {}, b'{"name":"careful"}', repeatable=False))
    return str(skill["id"])


def values_of(client: tf.AsyncTolokaClient) -> dict[str, float]:
    found = tf.run(client.service.get("/v1/user-skills", query={"limit": "300"}))
    return {row["user_id"]: row["exact_value"] for row in found["items"]}


def test_a_skill_is_set_for_each_row(client: tf.AsyncTolokaClient, skill_id: str) -> None:
    frame = pd.DataFrame({"user_id": USERS, "skill_id": skill_id, "value": range(30)}, index=range(5, 35))
    results = tf.set_user_skills(frame, client, progress=False)
    assert results["status"].tolist() == ["DONE"] * 30
    assert results["user_skill_id"].is_unique
    assert results.index.equals(frame.index)
    assert values_of(client) == dict(zip(USERS, range(30), strict=True))
    again = tf.set_user_skills(frame.assign(value=7.5), client, progress=False)
    assert again["user_skill_id"].tolist() == results["user_skill_id"].tolist()
    assert set(values_of(client).values()) == {7.5}


def test_a_rejected_row_is_reported_and_the_others_are_set(client: tf.AsyncTolokaClient, skill_id: str) -> None:
    frame = pd.DataFrame({"user_id": USERS[:3], "skill_id": [skill_id, "404404", skill_id], "value": [1.0, 2.0, 3.0]})
    with pytest.raises(tf.UploadError, match="2 DONE, 1 INVALID") as caught:
        tf.set_user_skills(frame, client, progress=False)
    assert caught.value.results["status"].tolist() == ["DONE", "INVALID", "DONE"]
    assert caught.value.results["error_code"].notna().tolist() == [False, True, False]
    results = tf.set_user_skills(frame, client, skip_invalid_items=True, progress=False)
    assert results["status"].tolist() == ["DONE", "INVALID", "DONE"]


def test_each_row_bans_its_user_from_its_scope(client: tf.AsyncTolokaClient, pool_id: str, toloka: LocalToloka) -> None:
    scopes = ["POOL", "ALL_PROJECTS"]
    frame = pd.DataFrame({"user_id": USERS[:2], "scope": scopes, "pool_id": [pool_id, None], "private_comment": "spam"})
    results = asyncio.run(tf.aio.set_user_restrictions(frame, client, progress=False))
    assert results["status"].tolist() == ["DONE", "DONE"]
    found = tf.run(client.service.get("/v1/user-restrictions"))["items"]
    assert sorted((row["scope"], row["user_id"]) for row in found) == [("ALL_PROJECTS", USERS[1]), ("POOL", USERS[0])]
    assert toloka.requests[-1].method == "GET"


@pytest.fixture
def submitted(client: tf.AsyncTolokaClient, make_pool: Callable[..., str], toloka: LocalToloka) -> pd.DataFrame:
    """Assignments that wait for a verdict."""
    pool_id = make_pool(auto_accept_solutions=False, auto_accept_period_day=7)
    frame = pd.DataFrame({"image": [f"https://example.com/{row}.jpg" for row in range(8)]})
    tf.create_tasks(frame, client, pool_id, allow_defaults=True, open_pool=True, progress=False)
    toloka.answer(pool_id, workers=4)
    return client.get_assignments(pool_id=pool_id, status="SUBMITTED").to_dataframe(progress=False)


def status_of(client: tf.AsyncTolokaClient, assignment_id: str) -> tuple[str, str | None]:
    row = tf.run(client.get_assignment(assignment_id))
    return row["status"], row.get("public_comment")


def test_assignments_are_accepted_and_rejected_with_a_comment(client: tf.AsyncTolokaClient, submitted: pd.DataFrame) -> None:
    ids = submitted[["ASSIGNMENT:assignment_id"]].drop_duplicates()
    good, bad = ids.head(1), ids.tail(1)
    accepted = tf.accept_assignments(good, client, progress=False)
    rejected = tf.reject_assignments(bad.assign(public_comment="Not what was asked"), client, progress=False)
    assert accepted["status"].tolist() == rejected["status"].tolist() == ["DONE"]
    assert status_of(client, good.iloc[0, 0]) == ("ACCEPTED", None)
    assert status_of(client, bad.iloc[0, 0]) == ("REJECTED", "Not what was asked")
    again = tf.accept_assignments(good, client, progress=False)
    assert again["status"].tolist() == ["DONE"]
    assert again["assignment_id"].tolist() == good.iloc[:, 0].tolist()


def test_a_verdict_that_the_status_does_not_allow_is_invalid(client: tf.AsyncTolokaClient, submitted: pd.DataFrame) -> None:
    ids = submitted[["ASSIGNMENT:assignment_id"]].drop_duplicates().head(1)
    tf.accept_assignments(ids, client, progress=False)
    with pytest.raises(tf.UploadError) as caught:
        tf.reject_assignments(ids, client, public_comment="too late", progress=False)
    assert caught.value.results["status"].tolist() == ["INVALID"]


def test_a_lost_response_is_requested_again(client: tf.AsyncTolokaClient, submitted: pd.DataFrame, toloka: LocalToloka) -> None:
    lost = toloka.faults.lose_reply("PATCH /v1/assignments/*", times=1)
    ids = submitted[["ASSIGNMENT:assignment_id"]].drop_duplicates()
    assert tf.accept_assignments(ids, client, progress=False)["status"].eq("DONE").all()
    assert lost.struck == 1


def user_skill(scripted: Scripted) -> bytes:
    """Return the response to a request that has set a user's skill."""
    sent = json.loads(scripted.bodies[-1])
    return reply({"id": "1", **sent, "exact_value": sent["value"]})


ASSIGNMENT = {"id": "a1", "status": "ACCEPTED", "public_comment": "Good"}
SKILL_OF_U = {"id": "7", "user_id": "u", "skill_id": "1", "value": 6, "exact_value": 5.5}
BAN_OF_U = {"id": "8", "user_id": "u", "scope": "POOL", "pool_id": "1"}
BANS = {"user_id": ["u"], "scope": ["POOL"], "pool_id": ["1"]}
# verb, columns, the object afterwards, objects that are not it, and whether it is found in a list
UPDATES: dict[str, tuple[Callable[..., Any], dict[str, Any], dict[str, Any], list[dict[str, Any]], bool]] = {
    "accept": (
        partial(tf.accept_assignments, public_comment="Good"),
        {"assignment_id": ["a1"]},
        ASSIGNMENT,
        [{"status": "SUBMITTED"}, {"status": "ACCEPTED"}, ASSIGNMENT | {"id": "a2"}, ASSIGNMENT | {"status": "SUBMITTED"}],
        False,
    ),
    "reject": (
        partial(tf.reject_assignments, public_comment="Bad"),
        {"assignment_id": ["a1"]},
        ASSIGNMENT | {"status": "REJECTED"},
        [ASSIGNMENT, ASSIGNMENT | {"status": None}, ASSIGNMENT | {"id": 5, "status": "REJECTED"}],
        False,
    ),
    "skill": (
        tf.set_user_skills,
        {"user_id": ["u"], "skill_id": ["1"], "value": [5.5]},
        SKILL_OF_U,
        [{"id": "7"}, SKILL_OF_U | {"user_id": "v"}, SKILL_OF_U | {"exact_value": 5}, SKILL_OF_U | {"exact_value": 10**400}],
        True,
    ),
    "restriction": (
        tf.set_user_restrictions,
        BANS,
        BAN_OF_U,
        [{"id": "8"}, BAN_OF_U | {"scope": "PROJECT"}, BAN_OF_U | {"pool_id": "2"}, BAN_OF_U | {"user_id": None}],
        True,
    ),
}
PAGES = [reply({}), reply([]), reply(b"null"), reply(b""), reply("<html>"), reply(b"", 204), reply("<html>", 400)]
PAGES += [reply("<html>", 404), reply(b"", 409), reply({"code": 5}, 409), reply("<html>", 302), reply("<html>", 413)]


@pytest.mark.parametrize("name", UPDATES)
def test_a_row_is_done_only_if_the_object_shows_it(name: str, scripted: Scripted) -> None:
    verb, columns, done, others, is_listed = UPDATES[name]
    client = scripted.async_client(retries=1)

    def call(changed: bytes, found: bytes) -> tuple[str, str | None]:
        scripted.answers = [lambda head: found if head.startswith("GET") else changed]
        try:
            results = verb(pd.DataFrame(columns), client, progress=False)
        except tf.UploadError as error:
            results = error.results
        return results["status"].iloc[0], results.iloc[0, 1]

    def found(row: Any) -> bytes:
        return reply({"items": [others[-1], row], "has_more": False} if is_listed else row)

    assert call(reply(done), reply("<html>", 404)) == ("DONE", done["id"])
    for odd in (*map(reply, others), *PAGES):
        assert call(odd, found(done)) == ("DONE", done["id"])
        assert call(odd, found(others[0]))[0] == "UNKNOWN"
    for missing in (*map(found, others), *PAGES, found(None), reply({"items": 5}), reply({"code": "DOES_NOT_EXIST"}, 404)):
        assert call(PAGES[0], missing)[0] == "UNKNOWN"
    rejected = reply({"code": "DOES_NOT_EXIST", "message": "no"}, 404)
    assert call(rejected, found(done))[0] == "INVALID"


def test_the_object_of_an_odd_response_is_looked_up_in_the_list_of_its_user(skill_id: str, toloka: LocalToloka) -> None:
    class NothingInResponses(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            response = await super().handle_async_request(request)
            return response if request.method == "GET" else httpx.Response(200, content=b"{}", request=request)

    frame = pd.DataFrame({"user_id": USERS[:3], "skill_id": skill_id, "value": [1.0, 2.0, 3.5]})
    odd = toloka.async_client(transport=NothingInResponses())
    assert tf.set_user_skills(frame, odd, progress=False)["status"].tolist() == ["DONE"] * 3


def test_a_server_error_leaves_rows_unknown_or_not_sent(scripted: Scripted) -> None:
    scripted.answers = [lambda _: user_skill(scripted), reply("<html>", 502)]
    frame = pd.DataFrame({"user_id": USERS, "skill_id": "1", "value": 1})
    with pytest.raises(tf.UploadError) as caught:
        tf.set_user_skills(frame, scripted.async_client(retries=1), concurrency=1, progress=False)
    assert caught.value.results["status"].tolist() == ["DONE", "UNKNOWN"] + ["NOT_SENT"] * 28


def test_a_stopped_call_keeps_known_results(scripted: Scripted) -> None:
    async def stop_when_some_are_set() -> pd.DataFrame:
        loop = asyncio.get_running_loop()

        def respond(_: str) -> bytes:
            if len(scripted.requests) == 5:
                loop.call_soon_threadsafe(task.cancel)
            return user_skill(scripted)

        scripted.answers = [respond]
        frame = pd.DataFrame({"user_id": [f"{row:032x}" for row in range(5_000)], "skill_id": "1", "value": 1})
        work = tf.aio.set_user_skills(frame, scripted.async_client(), concurrency=2, progress=False)
        task = asyncio.ensure_future(work)
        with pytest.raises(tf.UploadCancelled, match="Run the same cell again") as caught:
            await task
        return caught.value.results

    results = asyncio.run(stop_when_some_are_set())
    assert 4 <= results["status"].eq("DONE").sum() <= len(scripted.requests)
    assert results["status"].eq("NOT_SENT").sum() >= 4_000


SKILL = {"user_id": ["u"], "skill_id": ["1"], "value": [5]}
INVALID: dict[str, tuple[Callable[..., Any], dict[str, Any], str]] = {
    "no value": (tf.set_user_skills, {"user_id": ["u"], "skill_id": ["1"]}, "'value'"),
    "too high": (tf.set_user_skills, SKILL | {"value": [101]}, "from 0 to 100"),
    "text": (tf.set_user_skills, SKILL | {"value": ["5"]}, "from 0 to 100"),
    "an unknown column": (tf.set_user_skills, SKILL | {"skil_id": ["1"]}, "skill_id"),
    "a skill twice": (tf.set_user_skills, {name: values * 2 for name, values in SKILL.items()}, "same user"),
    "no pool": (tf.set_user_restrictions, {"user_id": ["u"], "scope": ["POOL"]}, "pool_id"),
    "a number of thousands of digits": (
        tf.set_user_skills,
        {"user_id": ["u"], "skill_id": ["s"], "value": pd.Series([10**5_000], dtype=object)},
        r"rows 0: the value is not a number from 0 to 100 \(as '\.\.\.', int\)",
    ),
    "no such scope": (tf.set_user_restrictions, {"user_id": ["u"], "scope": ["SYSTEM"]}, "not one of"),
    "no assignment": (tf.accept_assignments, {"assignment_id": [None]}, "missing"),
    "an assignment twice": (tf.accept_assignments, {"assignment_id": ["a", "a"]}, "drop_duplicates"),
    "no comment": (tf.reject_assignments, {"assignment_id": ["a"]}, "needs a reason"),
}


@pytest.mark.parametrize(("verb", "columns", "message"), INVALID.values(), ids=INVALID)
def test_invalid_rows_are_rejected_before_anything_is_sent(
    verb: Callable[..., Any], columns: dict[str, Any], message: str, scripted: Scripted
) -> None:
    with pytest.raises(tf.InputError, match=message):
        verb(pd.DataFrame(columns), scripted.async_client(), progress=False)
    assert scripted.requests == []
