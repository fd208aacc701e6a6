"""Work that has just happened: its times, its pages and its ends, over pools of every kind."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.all_cases import examples
from support.raw_client import TRAINING, RawClient, get_assignments, task, time_of

from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTROL = {"infinite_overlap": True, "known_solutions": [{"output_values": {"result": "cat"}}]}
HINT = {"message_on_unknown_solution": "It is a cat"}
TIMES = ("created", "submitted", "accepted", "skipped", "expired")
ENDS = {"ACCEPTED": "submitted", "SUBMITTED": "submitted", "SKIPPED": "skipped", "EXPIRED": "expired"}


@dataclass(frozen=True)
class Case:
    kind: str
    overlaps: list[int]
    accepts: bool
    dropouts: float
    workers: int
    calls: int


CASES = st.builds(
    Case,
    kind=st.sampled_from(["mixed", "suites", "training"]),
    overlaps=st.lists(st.integers(1, 4), min_size=1, max_size=12),
    accepts=st.booleans(),
    dropouts=st.sampled_from([0.0, 0.4, 1.0]),
    workers=st.integers(0, 7),
    calls=st.integers(1, 3),
)


@pytest.fixture(scope="module")
def toloka() -> Iterator[LocalToloka]:
    with LocalToloka(operation_seconds=0, balance=1e6) as service:
        yield service


@pytest.fixture(scope="module")
def api(toloka: LocalToloka) -> Iterator[RawClient]:
    client = RawClient(toloka)
    with client.http:
        yield client


def create(api: RawClient, case: Case) -> str:
    """Return the id of an open pool or training of a case."""
    project = api.create_project()
    if case.kind == "training":
        pool_id: str = api.post("/v1/trainings", {**TRAINING, "project_id": project["id"]}).json()["id"]
        api.create_tasks(pool_id, len(case.overlaps), **CONTROL, **HINT)
        api.post(f"/v1/trainings/{pool_id}/open")
        return pool_id
    mixer = {"real_tasks_count": 3, "golden_tasks_count": 1, "training_tasks_count": 0} if case.kind == "mixed" else None
    pool_id = api.create_pool(project, mixer_config=mixer, auto_accept_solutions=case.accepts)
    rows = [{"pool_id": pool_id, "overlap": overlap} for overlap in case.overlaps]
    if mixer:
        sent = [row | task(number) for number, row in enumerate(rows)]
        sent += [{"pool_id": pool_id, **task(100 + number), **CONTROL} for number in range(3)]
        api.post("/v1/tasks", sent)
    else:
        api.post("/v1/task-suites", [row | {"tasks": [task(number), task(99)]} for number, row in enumerate(rows)])
    api.post(f"/v1/pools/{pool_id}/open")
    return pool_id


def read(api: RawClient, pool_id: str) -> dict[str, Any]:
    kind = "pools" if api.http.get(f"/v1/pools/{pool_id}").status_code == 200 else "trainings"
    return api.get(f"/v1/{kind}/{pool_id}")


@settings(max_examples=examples(60))
@given(case=CASES)
def test_work_of_every_kind_keeps_the_times_and_the_overlaps(case: Case) -> None:
    # a service of its own, because the rate limit of one is soon reached
    with LocalToloka(operation_seconds=0) as toloka:
        api = RawClient(toloka)
        with api.http:
            check_case(toloka, api, case)


def check_case(toloka: LocalToloka, api: RawClient, case: Case) -> None:
    pool_id = create(api, case)
    known: list[str] = []
    for seed in range(case.calls):
        if read(api, pool_id)["status"] != "OPEN":
            break
        made = toloka.answer(pool_id, workers=case.workers, seed=seed, dropouts=case.dropouts)
        rows = get_assignments(api, pool_id)
        assert len(rows) == len(known) + made
        check_times(rows, known)
        known = [row["id"] for row in rows]
    check_pages(rows)
    check_overlaps(api, pool_id, rows, case)


def check_times(rows: list[dict[str, Any]], known: list[str]) -> None:
    """Check that no time lies ahead of the clock, that a worker has one page at a time, and that later calls add later rows."""
    now = datetime.now(UTC)
    assert [row["id"] for row in rows[: len(known)]] == known
    assert [row["created"] for row in rows] == sorted(row["created"] for row in rows)
    pages = defaultdict(list)
    for row in rows:
        times = [time_of(row[name]) for name in TIMES if name in row]
        assert times == sorted(times)
        assert times[-1] <= now
        pages[row["user_id"]].append((time_of(row["created"]), time_of(row[ENDS[row["status"]]])))
    for own in pages.values():
        assert all(first[1] <= second[0] for first, second in itertools.pairwise(sorted(own)))


def check_pages(rows: list[dict[str, Any]]) -> None:
    """Check that no worker gets a task twice, and that only submitted pages have answers."""
    seen = [(row["user_id"], item["id"]) for row in rows for item in row["tasks"]]
    assert len(set(seen)) == len(seen)
    for row in rows:
        assert len(row.get("solutions", row["tasks"])) == len(row["tasks"])
        assert ("solutions" in row) == (row["status"] in {"SUBMITTED", "ACCEPTED"})


def check_overlaps(api: RawClient, pool_id: str, rows: list[dict[str, Any]], case: Case) -> None:
    """Check that a task has as many answers as its overlap says, and that exactly complete pools are closed."""
    if case.kind == "training":
        assert read(api, pool_id)["status"] == "OPEN"
        return
    answered = [row for row in rows if row["status"] in {"SUBMITTED", "ACCEPTED"}]
    table, key = ("tasks", "id") if case.kind == "mixed" else ("task-suites", "id")
    ids = [item["id"] for row in answered for item in row["tasks"]] if case.kind == "mixed" else None
    counts = Counter(ids or [row["task_suite_id"] for row in answered])
    stored = [row for row in api.get(f"/v1/{table}", pool_id=pool_id, limit=1000)["items"] if not row.get("mixed")]
    finite = [row for row in stored if not row["infinite_overlap"]]
    assert {row[key]: row["overlap"] - row["remaining_overlap"] for row in finite} == {
        row[key]: counts[row[key]] for row in finite
    }
    pool = read(api, pool_id)
    complete = all(row["remaining_overlap"] == 0 for row in finite)
    assert (pool["status"], pool.get("last_close_reason")) == (("CLOSED", "COMPLETED") if complete else ("OPEN", None))
    if complete:
        assert time_of(max(row[ENDS[row["status"]]] for row in rows)) <= time_of(pool["last_stopped"]) <= datetime.now(UTC)


def test_work_takes_the_time_of_people_and_ends_now(toloka: LocalToloka, api: RawClient) -> None:
    pool_id = create(api, Case("mixed", [3] * 30, True, 0.0, 5, 1))
    before = datetime.now(UTC)
    toloka.answer(pool_id, workers=5)
    rows = get_assignments(api, pool_id)
    last = time_of(max(row["accepted"] for row in rows))
    assert before - timedelta(milliseconds=1) <= last
    # 30 pages by five workers
    assert timedelta(minutes=3) < last - time_of(rows[0]["created"]) < timedelta(minutes=15)
    seconds = [(time_of(row["submitted"]) - time_of(row["created"])).total_seconds() for row in rows]
    assert 8 <= min(seconds) < max(seconds) <= 126


def test_workers_differ_in_accuracy_and_speed(toloka: LocalToloka, api: RawClient) -> None:
    pool_id = create(api, Case("mixed", [10] * 90, True, 0.0, 12, 1))
    toloka.answer(
        pool_id, workers=12, accuracy=0.7, solve=lambda _task, worker: {"result": ["dog", "cat"][worker.accuracy > 0.8]}
    )
    rows = get_assignments(api, pool_id)
    assert len({row["solutions"][0]["output_values"]["result"] for row in rows}) == 2
    pages = Counter(row["user_id"] for row in rows)
    assert max(pages.values()) > 1.3 * min(pages.values())


def test_a_drop_out_is_skipped_or_expires_and_others_do_its_tasks(toloka: LocalToloka, api: RawClient) -> None:
    pool_id = create(api, Case("mixed", [3] * 60, False, 0.3, 30, 1))
    toloka.answer(pool_id, workers=30, dropouts=0.3)
    rows = get_assignments(api, pool_id)
    counts = Counter(row["status"] for row in rows)
    assert counts["SUBMITTED"] == 60
    assert 5 <= counts["SKIPPED"] <= 25
    assert 5 <= counts["EXPIRED"] <= 25
    expired = [row for row in rows if row["status"] == "EXPIRED"]
    assert {time_of(row["expired"]) - time_of(row["created"]) for row in expired} <= {
        timedelta(seconds=600),
        timedelta(seconds=600, milliseconds=1),
        timedelta(seconds=600, milliseconds=-1),
    }
    assert len({row["user_id"] for row in rows}) > 20


@pytest.mark.parametrize("kind", ["mixed", "suites"])
def test_reserved_and_unavailable_tasks_go_to_the_right_workers(toloka: LocalToloka, api: RawClient, kind: str) -> None:
    first = create(api, Case("mixed", [5], True, 0.0, 5, 1))
    toloka.answer(first, workers=5, seed=8)
    users = sorted(row["user_id"] for row in get_assignments(api, first))
    mixer = {"real_tasks_count": 3, "golden_tasks_count": 0, "training_tasks_count": 0} if kind == "mixed" else None
    pool_id = api.create_pool(mixer_config=mixer)
    who: list[dict[str, Any]] = [{"reserved_for": users[:2]}, {"unavailable_for": users[:2]}, {}]
    sent = [{"pool_id": pool_id, "overlap": 5} | (task(n) if mixer else {"tasks": [task(n)]}) | who[n] for n in range(3)]
    api.post("/v1/tasks" if mixer else "/v1/task-suites", sent)
    api.post(f"/v1/pools/{pool_id}/open")
    toloka.answer(pool_id, workers=5, seed=8)
    given = defaultdict(set)
    for row in get_assignments(api, pool_id):
        for item in row["tasks"]:
            given[item["input_values"]["image"]].add(row["user_id"])
    images = [task(number)["input_values"]["image"] for number in range(3)]
    assert [given[image] for image in images] == [set(users[:2]), set(users[2:]), set(users)]
    assert read(api, pool_id)["status"] == "OPEN"


def test_suites_with_a_higher_order_come_first(toloka: LocalToloka, api: RawClient) -> None:
    pool_id = api.create_pool(mixer_config=None)
    orders = [0, 5, -1, 7.5]
    sent = [
        {"pool_id": pool_id, "overlap": 1, "tasks": [task(number)], "issuing_order_override": order}
        for number, order in enumerate(orders)
    ]
    api.post("/v1/task-suites", sent)
    api.post(f"/v1/pools/{pool_id}/open")
    toloka.answer(pool_id, workers=1)
    issued = [row["tasks"][0]["input_values"]["image"] for row in get_assignments(api, pool_id)]
    assert issued == [task(number)["input_values"]["image"] for number in (3, 1, 0, 2)]


@pytest.mark.parametrize(("force", "pages", "status"), [(True, 6, "CLOSED"), (False, 3, "OPEN")])
def test_an_incomplete_last_page_is_issued_unless_the_mixer_forbids_it(
    toloka: LocalToloka, api: RawClient, force: bool, pages: int, status: str
) -> None:
    mixer = {"real_tasks_count": 4, "golden_tasks_count": 0, "training_tasks_count": 0, "force_last_assignment": force}
    pool_id = api.create_pool(mixer_config=mixer)
    api.create_tasks(pool_id, 5)
    api.post(f"/v1/pools/{pool_id}/open")
    assert toloka.answer(pool_id) == pages
    assert read(api, pool_id)["status"] == status


@pytest.mark.parametrize("closed", [False, True])
def test_a_raised_overlap_is_worked_off_by_the_next_call(toloka: LocalToloka, api: RawClient, closed: bool) -> None:
    mixer = {"real_tasks_count": 4, "golden_tasks_count": 0, "training_tasks_count": 0}
    pool_id = api.create_pool(mixer_config=mixer, auto_close_after_complete_delay_seconds=0 if closed else 600)
    [first, *_] = api.create_tasks(pool_id, 8)
    api.post(f"/v1/pools/{pool_id}/open")
    assert toloka.answer(pool_id) == 6
    api.http.patch(f"/v1/tasks/{first['id']}", json={"overlap": 5}, params={"open_pool": str(closed).lower()})
    assert toloka.answer(pool_id) == 2
    assert [len(row["tasks"]) for row in get_assignments(api, pool_id)] == [4] * 6 + [1] * 2


def test_dynamic_overlap_asks_again_where_answers_disagree(toloka: LocalToloka, api: RawClient) -> None:
    skill = api.post("/v1/skills", {"name": "Cats"}).json()["id"]
    config = {
        "type": "BASIC",
        "max_overlap": 4,
        "min_confidence": 0.9,
        "answer_weight_skill_id": skill,
        "fields": [{"name": "result"}],
    }
    mixer = {"real_tasks_count": 2, "golden_tasks_count": 0, "training_tasks_count": 0}
    pool_id = api.create_pool(mixer_config=mixer, dynamic_overlap_config=config)
    sent = [{"pool_id": pool_id, "overlap": 2, **task(number)} for number in range(4)]
    api.post("/v1/tasks", sent)
    api.post(f"/v1/pools/{pool_id}/open")
    disputed = {task(number)["input_values"]["image"] for number in (1, 3)}
    answers = defaultdict(list)

    def solve(row: dict[str, Any], worker: Any) -> dict[str, Any]:
        given = answers[row["input_values"]["image"]]
        if worker.id not in given:
            given.append(worker.id)
        first = given.index(worker.id) % 2 == 0 or row["input_values"]["image"] not in disputed
        return {"result": "cat" if first else "dog"}

    toloka.answer(pool_id, solve=solve)
    overlaps = {row["input_values"]["image"]: row["overlap"] for row in api.get("/v1/tasks", pool_id=pool_id)["items"]}
    assert {image: 4 if image in disputed else 2 for image in overlaps} == overlaps
    assert {image: len(users) for image, users in answers.items()} == overlaps
    assert read(api, pool_id)["status"] == "CLOSED"
