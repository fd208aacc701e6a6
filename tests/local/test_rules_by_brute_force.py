"""Rules of quality control, compared with brute force over the rows: each collector with each action, filters and bans."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from support.raw_client import RawClient, get_assignments, task, time_of

from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Rows = list[dict[str, Any]]
CONTROL = {"infinite_overlap": True, "known_solutions": [{"output_values": {"result": "cat"}}]}
MIXER = {"real_tasks_count": 4, "golden_tasks_count": 1, "training_tasks_count": 0}
WORKERS = 8


@pytest.fixture(scope="module")
def toloka() -> Iterator[LocalToloka]:
    with LocalToloka(operation_seconds=0) as service:
        yield service


def rule(collector: str, key: str, operator: str, value: Any, action: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    condition = {"key": key, "operator": operator, "value": value}
    return {
        "collector_config": {"type": collector, "parameters": parameters},
        "rules": [{"conditions": [condition], "action": action}],
    }


def create(api: RawClient, configs: Rows, count: int = 80, **pool: Any) -> str:
    """Return the id of an open pool with these rules, and control tasks."""
    form = {"mixer_config": MIXER, "quality_control": {"configs": configs, "captcha_frequency": "HIGH"}}
    pool_id = api.create_pool(**{**form, **pool})
    real = [{"pool_id": pool_id, "overlap": 3, **task(number)} for number in range(count)]
    control = [{"pool_id": pool_id, **task(1000 + number), **CONTROL} for number in range(40)]
    api.post("/v1/tasks", real + control)
    api.post(f"/v1/pools/{pool_id}/open")
    return pool_id


def get_bans(api: RawClient, pool_id: str) -> Rows:
    return api.get("/v1/user-restrictions", scope="POOL", pool_id=pool_id, limit=500)["items"]


def create_skill(api: RawClient, name: str) -> str:
    return str(api.post("/v1/skills", {"name": name}).json()["id"])


def get_skills(api: RawClient, skill_id: str) -> dict[str, float]:
    return {row["user_id"]: row["exact_value"] for row in api.get("/v1/user-skills", skill_id=skill_id, limit=100)["items"]}


def pages_of_workers(rows: Rows) -> dict[str, Rows]:
    pages = defaultdict(list)
    for row in rows:
        pages[row["user_id"]].append(row)
    return pages


def seconds(row: dict[str, Any]) -> float:
    return (time_of(row["submitted"]) - time_of(row["created"])).total_seconds()


def golden_share(pages: Rows) -> float:
    right = [
        solution["output_values"]["result"] == "cat"
        for row in pages
        for item, solution in zip(row["tasks"], row.get("solutions", []), strict=False)
        if "known_solutions" in item
    ]
    return 100 * sum(right) / len(right) if right else 100


def income(pages: Rows) -> float:
    return sum(row["reward"] for row in pages if row["status"] == "ACCEPTED")


def skipped_in_row(pages: Rows) -> int:
    """Return the number of pages skipped since the last one that was submitted."""
    ended = [row["status"] for row in reversed(pages) if row["status"] != "EXPIRED"]
    return len(list(itertools.takewhile(lambda status: status == "SKIPPED", ended)))


@dataclass(frozen=True)
class Kind:
    """A collector: a condition, and the pages after which it holds, brute force."""

    condition: tuple[str, str, Any]
    holds: Callable[[Rows], bool]
    parameters: dict[str, Any]
    dropouts: float = 0.0


KINDS = {
    "GOLDEN_SET": Kind(("correct_answers_rate", "LT", 60), lambda pages: golden_share(pages) < 60, {}),
    "ASSIGNMENT_SUBMIT_TIME": Kind(
        ("fast_submitted_count", "GTE", 2),
        lambda pages: sum(seconds(row) < 30 for row in pages) >= 2,
        {"fast_submit_threshold_seconds": 30},
    ),
    "ANSWER_COUNT": Kind(("assignments_accepted_count", "GTE", 6), lambda pages: len(pages) >= 6, {}),
    "INCOME": Kind(("income_sum_for_last_24_hours", "GTE", 0.25), lambda pages: round(income(pages), 6) >= 0.25, {}),
    "SKIPPED_IN_ROW_ASSIGNMENTS": Kind(("skipped_in_row_count", "GTE", 2), lambda pages: skipped_in_row(pages) >= 2, {}, 0.7),
}


def first_time(kind: Kind, pages: Rows) -> int | None:
    """Return the number of pages after which a condition holds for the first time."""
    ended = sorted(pages, key=lambda row: row.get("submitted") or row.get("skipped") or row["expired"])
    return next((count for count in range(1, len(ended) + 1) if kind.holds(ended[:count])), None)


@pytest.mark.parametrize("name", KINDS)
def test_a_collector_bans_at_the_first_page_after_which_its_condition_holds(
    toloka: LocalToloka, api: RawClient, name: str
) -> None:
    kind = KINDS[name]
    ban = {"type": "RESTRICTION_V2", "parameters": {"scope": "POOL", "duration": 3, "duration_unit": "DAYS"}}
    pool_id = create(api, [rule(name, *kind.condition, ban, **kind.parameters)])
    toloka.answer(pool_id, workers=WORKERS, accuracy=0.6, dropouts=kind.dropouts)
    pages = pages_of_workers(get_assignments(api, pool_id))
    banned = {row["user_id"]: row for row in get_bans(api, pool_id)}
    assert banned
    for user_id, own in pages.items():
        count = first_time(kind, own)
        assert (count is not None) == (user_id in banned)
        # a banned worker gets no more pages
        assert count in {None, len(own)}
        if user_id in banned:
            row = banned[user_id]
            assert time_of(row["will_expire"]) - time_of(row["created"]) == timedelta(days=3)
            assert time_of(row["created"]) <= datetime.now(UTC)


@pytest.mark.parametrize("name", KINDS)
def test_a_collector_sets_a_skill(toloka: LocalToloka, api: RawClient, name: str) -> None:
    kind = KINDS[name]
    skill_id = create_skill(api, f"Skill {name}")
    action = {"type": "SET_SKILL", "parameters": {"skill_id": skill_id, "skill_value": 7}}
    pool_id = create(api, [rule(name, *kind.condition, action, **kind.parameters)])
    toloka.answer(pool_id, workers=WORKERS, accuracy=0.6, dropouts=kind.dropouts)
    pages = pages_of_workers(get_assignments(api, pool_id))
    assert get_skills(api, skill_id) == {user_id: 7 for user_id, own in pages.items() if first_time(kind, own)}


@pytest.mark.parametrize(("type_", "status"), [("APPROVE_ALL_ASSIGNMENTS", "ACCEPTED"), ("REJECT_ALL_ASSIGNMENTS", "REJECTED")])
@pytest.mark.parametrize("name", ["GOLDEN_SET", "ASSIGNMENT_SUBMIT_TIME", "SKIPPED_IN_ROW_ASSIGNMENTS"])
def test_a_collector_accepts_or_rejects_all_pages_of_a_worker(
    toloka: LocalToloka, api: RawClient, name: str, type_: str, status: str
) -> None:
    kind = KINDS[name]
    action = {"type": type_, "parameters": {"public_comment": "By rule"}}
    pool_id = create(api, [rule(name, *kind.condition, action, **kind.parameters)], auto_accept_solutions=False)
    before = api.get("/v1/requester")["balance"]
    toloka.answer(pool_id, workers=WORKERS, accuracy=0.6, dropouts=kind.dropouts)
    rows = get_assignments(api, pool_id)
    for own in pages_of_workers(rows).values():
        ended = sorted(own, key=lambda row: row.get("submitted") or row.get("skipped") or row["expired"])
        # each event after which the condition holds judges what has been submitted until then
        hits = [count for count in range(1, len(ended) + 1) if kind.holds(ended[:count]) and is_event(name, ended[count - 1])]
        judged = ended[: max(hits, default=0)]
        assert [row["status"] for row in ended if "submitted" in row] == [
            status if row in judged else "SUBMITTED" for row in ended if "submitted" in row
        ]
    paid = sum(row["reward"] for row in rows if row["status"] == "ACCEPTED")
    assert api.get("/v1/requester")["balance"] == round(before - paid, 2)
    assert {row.get("public_comment") for row in rows if row["status"] == status} == {"By rule"}


def is_event(name: str, row: dict[str, Any]) -> bool:
    return ("skipped" in row) if name == "SKIPPED_IN_ROW_ASSIGNMENTS" else ("submitted" in row)


def test_the_rate_of_control_tasks_becomes_a_skill_that_a_filter_can_require(toloka: LocalToloka, api: RawClient) -> None:
    skill_id = create_skill(api, "Cats")
    action = {"type": "SET_SKILL_FROM_OUTPUT_FIELD", "parameters": {"skill_id": skill_id, "from_field": "correct_answers_rate"}}
    first = create(api, [rule("GOLDEN_SET", "total_answers_count", "GTE", 3, action)])
    toloka.answer(first, workers=WORKERS, accuracy=0.6)
    pages = pages_of_workers(get_assignments(api, first))
    skills = get_skills(api, skill_id)
    assert skills == {user_id: golden_share(own) for user_id, own in pages.items() if len(own) >= 3}
    condition = {"category": "skill", "key": skill_id, "operator": "GTE", "value": 60}
    second = create(api, [], filter={"and": [{"or": [condition]}]})
    toloka.answer(second, workers=WORKERS, accuracy=0.6)
    assert {row["user_id"] for row in get_assignments(api, second)} == {user for user, value in skills.items() if value >= 60}


def test_the_history_size_limits_what_counts(toloka: LocalToloka, api: RawClient) -> None:
    skill_id = create_skill(api, "Latest")
    action = {"type": "SET_SKILL_FROM_OUTPUT_FIELD", "parameters": {"skill_id": skill_id, "from_field": "correct_answers_rate"}}
    pool_id = create(api, [rule("GOLDEN_SET", "total_answers_count", "GTE", 1, action, history_size=3)])
    toloka.answer(pool_id, workers=WORKERS, accuracy=0.6)
    pages = pages_of_workers(get_assignments(api, pool_id))
    assert get_skills(api, skill_id) == {
        user_id: golden_share(sorted(own, key=lambda row: row["submitted"])[-3:]) for user_id, own in pages.items()
    }


def test_majority_votes_count_when_a_task_has_all_its_answers(toloka: LocalToloka, api: RawClient) -> None:
    skill_id = create_skill(api, "Majority")
    action = {"type": "SET_SKILL_FROM_OUTPUT_FIELD", "parameters": {"skill_id": skill_id, "from_field": "correct_answers_rate"}}
    pool_id = create(api, [rule("MAJORITY_VOTE", "total_answers_count", "GTE", 1, action, answer_threshold=2)])
    toloka.answer(pool_id, workers=WORKERS, accuracy=0.6)
    votes = defaultdict(list)
    for row in get_assignments(api, pool_id):
        for item, solution in zip(row["tasks"], row["solutions"], strict=True):
            if "known_solutions" not in item:
                votes[item["id"]].append((row["user_id"], solution["output_values"]["result"]))
    right = defaultdict(list)
    for given in votes.values():
        [(majority, _)] = Counter(label for _, label in given).most_common(1)
        for user_id, label in given:
            right[user_id].append(label == majority)
    assert get_skills(api, skill_id) == {user_id: 100 * sum(own) / len(own) for user_id, own in right.items()}


def test_captchas_are_shown_every_ten_tasks_where_the_pool_shows_them(toloka: LocalToloka, api: RawClient) -> None:
    skill_id = create_skill(api, "Captcha")
    action = {"type": "SET_SKILL_FROM_OUTPUT_FIELD", "parameters": {"skill_id": skill_id, "from_field": "success_rate"}}
    configs = [rule("CAPTCHA", "stored_results_count", "GTE", 1, action)]
    toloka.answer(create(api, configs, quality_control={"configs": configs}), workers=WORKERS)
    assert get_skills(api, skill_id) == {}
    pool_id = create(api, configs)
    toloka.answer(pool_id, workers=WORKERS)
    pages = pages_of_workers(get_assignments(api, pool_id))
    assert set(get_skills(api, skill_id)) == {
        user_id for user_id, own in pages.items() if sum(len(row["tasks"]) for row in own) >= 10
    }


@pytest.mark.parametrize("kind", ["mixed", "suites"])
def test_a_rejected_page_is_done_again_by_others(toloka: LocalToloka, api: RawClient, kind: str) -> None:
    again = {"type": "CHANGE_OVERLAP", "parameters": {"delta": 1, "open_pool": True}}
    configs = [rule("ASSIGNMENTS_ASSESSMENT", "assessment_event", "EQ", "REJECT", again)]
    single = {"real_tasks_count": 1, "golden_tasks_count": 0, "training_tasks_count": 0}
    mixer = single if kind == "mixed" else None
    pool_id = api.create_pool(mixer_config=mixer, auto_accept_solutions=False, quality_control={"configs": configs})
    sent = [{"pool_id": pool_id, "overlap": 1} | (task(number) if mixer else {"tasks": [task(number)]}) for number in range(3)]
    api.post("/v1/tasks" if mixer else "/v1/task-suites", sent)
    api.post(f"/v1/pools/{pool_id}/open")
    toloka.answer(pool_id)
    first, second, _ = get_assignments(api, pool_id)
    assert api.get(f"/v1/pools/{pool_id}")["status"] == "CLOSED"
    api.http.patch(f"/v1/assignments/{first['id']}", json={"status": "ACCEPTED"})
    assert api.get(f"/v1/pools/{pool_id}")["status"] == "CLOSED"
    api.http.patch(f"/v1/assignments/{second['id']}", json={"status": "REJECTED"})
    assert api.get(f"/v1/pools/{pool_id}")["status"] == "OPEN"
    assert toloka.answer(pool_id) == 1
    *_, last = get_assignments(api, pool_id)
    assert [item["id"] for item in last["tasks"]] == [item["id"] for item in second["tasks"]]
    assert last["user_id"] != second["user_id"]
    assert api.get(f"/v1/pools/{pool_id}")["status"] == "CLOSED"


def test_a_rejection_by_rule_lets_others_do_the_page_in_the_same_call(toloka: LocalToloka, api: RawClient) -> None:
    reject = {"type": "REJECT_ALL_ASSIGNMENTS", "parameters": {"public_comment": "Too many mistakes"}}
    ban = {"type": "RESTRICTION_V2", "parameters": {"scope": "POOL", "duration_unit": "PERMANENT"}}
    again = {"type": "CHANGE_OVERLAP", "parameters": {"delta": 1, "open_pool": True}}
    configs = [
        rule("GOLDEN_SET", "correct_answers_rate", "LT", 50, ban),
        rule("GOLDEN_SET", "correct_answers_rate", "LT", 50, reject),
        rule("ASSIGNMENTS_ASSESSMENT", "assessment_event", "EQ", "REJECT", again),
    ]
    pool_id = create(api, configs, auto_accept_solutions=False)
    toloka.answer(pool_id, workers=20, accuracy=0.7)
    rows = get_assignments(api, pool_id)
    answers = Counter(
        item["id"] for row in rows if row["status"] == "SUBMITTED" for item in row["tasks"] if "known_solutions" not in item
    )
    assert any(row["status"] == "REJECTED" for row in rows)
    assert set(answers.values()) == {3}
    assert len(answers) == 80
    assert all("will_expire" not in row for row in get_bans(api, pool_id))


def test_an_accepted_page_can_make_further_answers_unnecessary(toloka: LocalToloka, api: RawClient) -> None:
    enough = {"type": "CHANGE_OVERLAP", "parameters": {"delta": -1}}
    pool_id = create(api, [rule("ASSIGNMENTS_ASSESSMENT", "assessment_event", "EQ", "ACCEPT", enough)])
    toloka.answer(pool_id, workers=WORKERS)
    answers = Counter(item["id"] for row in get_assignments(api, pool_id) for item in row["tasks"])
    tasks = [row for row in api.get("/v1/tasks", pool_id=pool_id, limit=1000)["items"] if not row["infinite_overlap"]]
    assert {row["remaining_overlap"] for row in tasks} == {0}
    assert {row["id"]: row["overlap"] for row in tasks} == {row["id"]: answers[row["id"]] for row in tasks}
    assert 1 <= min(row["overlap"] for row in tasks) < 3
    assert api.get(f"/v1/pools/{pool_id}")["last_close_reason"] == "COMPLETED"


BANS: dict[str, tuple[dict[str, Any], bool]] = {
    "everywhere": ({"scope": "ALL_PROJECTS"}, False),
    "in the project": ({"scope": "PROJECT", "project_id": True}, False),
    "in the pool": ({"scope": "POOL", "pool_id": True}, False),
    "until tomorrow": ({"scope": "ALL_PROJECTS", "will_expire": "2099-01-01T00:00:00"}, False),
    "until yesterday": ({"scope": "ALL_PROJECTS", "will_expire": "2020-01-01T00:00:00"}, True),
    "in another pool": ({"scope": "POOL", "pool_id": False}, True),
}


@pytest.mark.parametrize(("ban", "works"), BANS.values(), ids=BANS)
def test_a_banned_worker_gets_no_page(api: RawClient, toloka: LocalToloka, ban: dict[str, Any], works: bool) -> None:
    seed = list(BANS.values()).index((ban, works)) + 100
    other = create(api, [], 12)
    toloka.answer(other, workers=6, seed=seed)
    user_id = get_assignments(api, other)[0]["user_id"]
    pool_id = create(api, [], 12)
    project_id = api.get(f"/v1/pools/{pool_id}")["project_id"]
    form = {**ban, "user_id": user_id}
    if "project_id" in form:
        form["project_id"] = project_id
    if "pool_id" in form:
        form["pool_id"] = pool_id if form["pool_id"] else other
    response = api.http.put("/v1/user-restrictions", json=form)
    assert response.is_success
    toloka.answer(pool_id, workers=6, seed=seed)
    assert (user_id in {row["user_id"] for row in get_assignments(api, pool_id)}) == works


FILTERS: dict[str, tuple[dict[str, Any], Callable[[dict[str, Any]], bool]]] = {
    "country": (
        {"category": "profile", "key": "country", "operator": "NE", "value": "US"},
        lambda user: user["country"] != "US",
    ),
    "languages": (
        {"category": "profile", "key": "languages", "operator": "IN", "value": ["PT", "HI"]},
        lambda user: bool({"PT", "HI"} & set(user["languages"])),
    ),
    "no language": (
        {"category": "profile", "key": "languages", "operator": "NOT_IN", "value": "PT"},
        lambda user: "PT" not in user["languages"],
    ),
    "client": (
        {"category": "computed", "key": "client_type", "operator": "EQ", "value": "TOLOKA_APP"},
        lambda user: user["attributes"]["client_type"] == "TOLOKA_APP",
    ),
    "version": (
        {"category": "computed", "key": "os_version_major", "operator": "GTE", "value": 11},
        lambda user: user["attributes"]["os_version_major"] >= 11,
    ),
    "no skill": ({"category": "skill", "key": "1", "operator": "EQ", "value": None}, lambda _user: True),
    "a skill": ({"category": "skill", "key": "1", "operator": "GT", "value": 0}, lambda _user: False),
}


@pytest.mark.filterwarnings("ignore:No worker may work")
@pytest.mark.parametrize(("condition", "fits"), FILTERS.values(), ids=FILTERS)
def test_a_filter_admits_those_who_fit(
    toloka: LocalToloka, api: RawClient, condition: dict[str, Any], fits: Callable[[dict[str, Any]], bool]
) -> None:
    everyone = create(api, [], 60)
    toloka.answer(everyone, workers=12, seed=3)
    users = sorted({row["user_id"] for row in get_assignments(api, everyone)})
    pool_id = create(api, [], 60, filter={"and": [{"or": [condition]}]})
    toloka.answer(pool_id, workers=12, seed=3)
    admitted = {user_id for user_id in users if fits(api.get(f"/v1/user-metadata/{user_id}"))}
    assert {row["user_id"] for row in get_assignments(api, pool_id)} == admitted
