"""Rules of quality control at work: who is banned, who gets a skill, whose answers are paid, and what is done again."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import toloka_frames as tf
from toloka_frames.local._api.users import user_metadata
from toloka_frames.local._api.worker_filter import admits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from toloka_frames.local import LocalToloka

REWARD = 0.05
PAGES = 6
# whose answers are wrong: the first Toloker's
WORKERS = 4


@dataclass
class Scene:
    """A pool of PAGES pages with a control task each, all of which every Toloker may do.

    Attributes:
        toloka: The service.
        project: The project.
        skill: A skill that rules set.
        bad: The id of the only Toloker who gives wrong answers.
        pool: The pool that was made last.
    """

    toloka: LocalToloka
    project: Any = None
    skill: Any = None
    bad: str = ""
    pool: Any = field(default=None)

    def __post_init__(self) -> None:
        self.client = self.toloka.client()
        form = tf.project_form("Cats", inputs={"image": "url"}, outputs={"result": ["cat", "dog"]})
        self.project = self.client.create_project(form)
        self.skill = self.client.create_skill({"name": "Careful"})

    def make_pool(self, *rules: Mapping[str, Any], **more: Any) -> Any:
        """Make an open pool with these rules."""
        form = tf.pool_form(self.project.id, reward=REWARD, overlap=WORKERS, real=1, golden=1, rules=list(rules), **more)
        self.pool = self.client.create_pool(form)
        names = [f"https://example.com/{number}" for number in range(PAGES)]
        tasks = pd.DataFrame({"image": names})
        control = pd.DataFrame({"image": [f"{name}/known" for name in names], "GOLDEN:result": "cat"})
        for frame, is_last in ((tasks, False), (control, True)):
            frame.pipe(tf.create_tasks, self.client, self.pool.id, allow_defaults=True, open_pool=is_last, progress=False)
        return self.pool

    def answer(self, **more: Any) -> int:
        """Let the Tolokers work; the first one who asks is the bad one."""

        def solve(_task: Any, worker: Any) -> dict[str, str]:
            self.bad = self.bad or worker.id
            return {"result": "dog" if worker.id == self.bad else "cat"}

        return self.toloka.answer(self.pool, workers=WORKERS, solve=solve, **more)

    @property
    def assignments(self) -> list[Any]:
        return sorted(self.client.get_assignments(self.pool.id), key=lambda row: row.created)

    def pages(self, status: str = "ACCEPTED") -> dict[str, int]:
        """Return the number of assignments with a status, of the bad Toloker, and of each other one if they are equal."""
        counts = Counter(dict.fromkeys(self.users, 0))
        counts.update(row.user_id for row in self.assignments if row.status == status)
        others = {count for user_id, count in counts.items() if user_id != self.bad}
        return {"bad": counts[self.bad], "others": others.pop() if len(others) == 1 else -1}

    @property
    def users(self) -> set[str]:
        return {row.user_id for row in self.assignments}

    @property
    def bans(self) -> list[Any]:
        scopes = {"POOL": {"pool_id": self.pool.id}, "PROJECT": {"project_id": self.project.id}, "ALL_PROJECTS": {}}
        return [ban for scope, of in scopes.items() for ban in self.client.get_user_restrictions(scope=scope, **of)]

    @property
    def banned(self) -> set[str]:
        return {ban.user_id for ban in self.bans}

    @property
    def skills(self) -> dict[str, float]:
        """Return the value of each Toloker who has the skill."""
        return {row.user_id: row.exact_value for row in self.client.get_user_skills(skill_id=self.skill.id)}

    def judge(self, status: str, user_id: str) -> None:
        """Accept or reject the submitted assignments of a Toloker one by one."""
        for row in self.assignments:
            if row.user_id == user_id and row.status == "SUBMITTED":
                self.client.patch_assignment(row.id, {"status": status, "public_comment": "."})


@pytest.fixture
def scene(toloka: LocalToloka) -> Scene:
    return Scene(toloka)


BAN = tf.ban(days=1)
OLD_BAN = {"type": "RESTRICTION", "parameters": {"scope": "POOL", "duration_days": 3}}
FOREVER = tf.ban(permanent=True)
ALL = {"bad": PAGES, "others": PAGES}


# -- collectors: whom they find


@dataclass(frozen=True)
class Case:
    """A rule that bans, and the number of pages that Tolokers then do."""

    rule: Callable[[], Mapping[str, Any]]
    pages: Mapping[str, int]
    form: Mapping[str, Any] = field(default_factory=dict)
    answer: Mapping[str, Any] = field(default_factory=dict)


CASES = {
    "GOLDEN_SET": Case(
        lambda: tf.rule("GOLDEN_SET", "total_answers_count >= 3 and correct_answers_rate < 60", BAN),
        {"bad": 3, "others": PAGES},
    ),
    "GOLDEN_SET, control tasks alone": Case(
        lambda: tf.rule("GOLDEN_SET", "golden_set_incorrect_answers_rate > 50", BAN), {"bad": 1, "others": PAGES}
    ),
    "GOLDEN_SET, a count that is never reached": Case(lambda: tf.rule("GOLDEN_SET", "golden_set_answers_count > 99", BAN), ALL),
    "ANSWER_COUNT": Case(lambda: tf.rule("ANSWER_COUNT", "assignments_accepted_count >= 2", BAN), {"bad": 2, "others": 2}),
    "INCOME": Case(lambda: tf.rule("INCOME", "income_sum_for_last_24_hours >= 0.15", BAN), {"bad": 3, "others": 3}),
    "ASSIGNMENT_SUBMIT_TIME": Case(
        lambda: tf.rule("ASSIGNMENT_SUBMIT_TIME", "fast_submitted_count >= 2", BAN, fast_submit_threshold_seconds=600),
        {"bad": 2, "others": 2},
    ),
    "ASSIGNMENT_SUBMIT_TIME, nobody is that fast": Case(
        lambda: tf.rule("ASSIGNMENT_SUBMIT_TIME", "fast_submitted_count >= 1", BAN, fast_submit_threshold_seconds=1), ALL
    ),
    "ACCEPTANCE_RATE": Case(lambda: tf.rule("ACCEPTANCE_RATE", "total_assignments_count >= 4", BAN), {"bad": 4, "others": 4}),
    "a rule of the form that was used before": Case(
        lambda: tf.rule(
            "ANSWER_COUNT",
            "assignments_accepted_count >= 1",
            {"type": "RESTRICTION", "parameters": {"scope": "POOL", "duration_days": 3}},
        ),
        {"bad": 1, "others": 1},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_collector_finds_whom_it_is_about_and_they_get_no_more_pages(scene: Scene, case: Case) -> None:
    scene.make_pool(case.rule(), **case.form)
    scene.answer(**case.answer)
    assert scene.pages() == case.pages
    expected = {user for user in scene.users if case.pages["bad" if user == scene.bad else "others"] < PAGES}
    assert scene.banned == expected


def test_a_majority_finds_the_one_who_disagrees_when_tasks_have_all_their_answers(scene: Scene) -> None:
    scene.make_pool(tf.rule("MAJORITY_VOTE", "total_answers_count >= 2 and correct_answers_rate == 0", BAN, answer_threshold=3))
    scene.answer()
    assert scene.banned == {scene.bad}


def test_no_majority_counts_for_nobody(scene: Scene) -> None:
    scene.make_pool(tf.rule("MAJORITY_VOTE", "total_answers_count >= 1", BAN, answer_threshold=WORKERS))
    scene.answer()
    assert scene.banned == set()


def test_pages_skipped_in_a_row_are_counted_since_the_last_submitted_one(scene: Scene) -> None:
    scene.make_pool(tf.rule("SKIPPED_IN_ROW_ASSIGNMENTS", "skipped_in_row_count >= 2", BAN))
    scene.answer(dropouts=0.7)
    in_row: dict[str, list[int]] = defaultdict(lambda: [0])
    for row in sorted(scene.assignments, key=lambda row: row.get("submitted") or row.get("skipped") or row.created):
        if row.status == "SKIPPED":
            in_row[row.user_id][-1] += 1
        elif row.status == "ACCEPTED":
            in_row[row.user_id].append(0)
    assert scene.banned == {user_id for user_id, rows in in_row.items() if max(rows) >= 2}
    assert scene.banned
    assert {rows[-1] for user_id, rows in in_row.items() if user_id in scene.banned} == {2}


def test_captchas_are_shown_after_every_ten_tasks(scene: Scene) -> None:
    rule = tf.rule("CAPTCHA", "stored_results_count >= 1", tf.set_skill(scene.skill.id, "success_rate"))
    scene.make_pool(rule, captcha="HIGH")
    scene.answer()
    # six pages of two tasks: one captcha
    assert set(scene.skills) == scene.users
    assert set(scene.skills.values()) <= {0.0, 100.0}


def test_no_captcha_is_shown_without_a_frequency(scene: Scene) -> None:
    scene.make_pool(tf.rule("CAPTCHA", "stored_results_count >= 0", BAN))
    scene.answer()
    assert scene.banned == set()


# -- actions: what they do

DURATIONS = {
    "minutes": (tf.ban(minutes=90), timedelta(minutes=90)),
    "hours": (tf.ban(hours=5), timedelta(hours=5)),
    "days": (tf.ban(days=2, scope="ALL_PROJECTS", comment="wrong"), timedelta(days=2)),
    "for ever": (tf.ban(permanent=True, scope="POOL"), None),
}


@pytest.mark.parametrize("name", DURATIONS)
def test_a_ban_lasts_as_long_as_the_rule_says_from_the_answer_that_caused_it(scene: Scene, name: str) -> None:
    action, duration = DURATIONS[name]
    scene.make_pool(tf.rule("GOLDEN_SET", "correct_answers_rate < 50", action))
    scene.answer()
    [ban] = scene.bans
    last = max(row.submitted for row in scene.assignments if row.user_id == scene.bad)
    created = datetime.fromisoformat(ban.created)
    assert timedelta(0) <= created - datetime.fromisoformat(last) <= timedelta(seconds=1)
    assert (datetime.fromisoformat(ban.will_expire) - created if "will_expire" in ban else None) == duration
    assert (ban.scope, ban.get("private_comment")) == (
        action["parameters"]["scope"],
        action["parameters"].get("private_comment"),
    )


def test_a_skill_is_set_to_a_value_of_the_rule_or_to_a_rate(scene: Scene) -> None:
    fixed = tf.rule("GOLDEN_SET", "correct_answers_rate >= 90", tf.set_skill(scene.skill.id, 80))
    scene.make_pool(fixed)
    scene.answer()
    assert scene.skills == dict.fromkeys(scene.users - {scene.bad}, 80.0)
    scene.make_pool(tf.rule("GOLDEN_SET", "total_answers_count >= 1", tf.set_skill(scene.skill.id, "incorrect_answers_rate")))
    scene.answer()
    assert scene.skills == {user: 100.0 if user == scene.bad else 0.0 for user in scene.users}


def test_answers_are_accepted_and_paid_or_rejected_by_rules(scene: Scene) -> None:
    accept = tf.rule("GOLDEN_SET", "total_answers_count >= 4 and correct_answers_rate > 90", tf.approve_all())
    reject = tf.rule("GOLDEN_SET", "total_answers_count >= 4 and correct_answers_rate < 10", tf.reject_all("All wrong"))
    before = scene.client.get_requester().balance
    scene.make_pool(accept, reject, auto_accept_solutions=False)
    scene.answer()
    assert scene.pages("ACCEPTED") == {"bad": 0, "others": PAGES}
    assert scene.pages("REJECTED") == {"bad": PAGES, "others": 0}
    assert {row.public_comment for row in scene.assignments if row.status == "REJECTED"} == {"All wrong"}
    paid = (WORKERS - 1) * PAGES * REWARD
    assert scene.client.get_requester().balance == pytest.approx(before - paid)


def test_a_verdict_of_the_requester_counts(scene: Scene) -> None:
    scene.make_pool(tf.rule("ACCEPTANCE_RATE", "rejected_assignments_rate > 50", BAN), auto_accept_solutions=False)
    scene.answer()
    [good, *_] = scene.users - {scene.bad}
    scene.judge("ACCEPTED", good)
    assert scene.banned == set()
    scene.judge("REJECTED", scene.bad)
    assert scene.banned == {scene.bad}


def test_what_was_rejected_is_done_again_by_others(scene: Scene) -> None:
    rule = tf.rule("ASSIGNMENTS_ASSESSMENT", "assessment_event == REJECT", tf.change_overlap(1, open_pool=True))
    scene.make_pool(rule, auto_accept_solutions=False)
    scene.answer()
    assert scene.client.get_pool(scene.pool.id).status == "CLOSED"
    scene.judge("REJECTED", scene.bad)
    assert scene.client.get_pool(scene.pool.id).status == "OPEN"
    tasks = [task for task in scene.client.get_tasks(scene.pool.id) if "known_solutions" not in task]
    assert {(task.overlap, task.remaining_overlap) for task in tasks} == {(WORKERS + 1, 1)}
    assert scene.toloka.answer(scene.pool, workers=WORKERS + 1) == PAGES
    assert scene.client.get_pool(scene.pool.id).status == "CLOSED"
    assert Counter(row.status for row in scene.assignments) == {"SUBMITTED": WORKERS * PAGES, "REJECTED": PAGES}


ASSESSMENTS = {
    "accepted": ("assessment_event == ACCEPT", ["ACCEPTED"], 1),
    "rejected": ("assessment_event == REJECT", ["ACCEPTED"], 0),
    "accepted after all": ("assessment_event == ACCEPT_AFTER_REJECT", ["REJECTED", "ACCEPTED"], 1),
    "the last that waits": ("pending_assignments_count == 0", ["ACCEPTED"], 1),
    "rejected twice": ("rejected_assignments_count >= 2", ["REJECTED"], 0),
}


@pytest.mark.parametrize("name", ASSESSMENTS)
def test_assessments_are_of_the_assignments_of_a_suite(scene: Scene, name: str) -> None:
    condition, verdicts, more = ASSESSMENTS[name]
    scene.make_pool(tf.rule("ASSIGNMENTS_ASSESSMENT", condition, tf.change_overlap(1)), auto_accept_solutions=False)
    scene.answer()
    assignment = scene.assignments[0]
    for verdict in verdicts:
        scene.client.patch_assignment(assignment.id, {"status": verdict, "public_comment": "."})
    [task] = [task for task in assignment.tasks if "known_solutions" not in task]
    assert scene.client.get_task(task.id).overlap == WORKERS + more


def test_rules_of_the_project_act_in_its_pools(scene: Scene) -> None:
    control = {"configs": [tf.rule("GOLDEN_SET", "correct_answers_rate < 60", BAN)]}
    scene.client.update_project(scene.project.id, {**scene.project, "quality_control": control})
    scene.make_pool()
    scene.answer()
    assert scene.banned == {scene.bad}


@pytest.mark.parametrize(("more", "pages"), [({}, 5), ({"history_size": 8}, 3)])
def test_a_history_with_a_size_is_of_the_project_and_without_one_of_the_pool(
    scene: Scene, more: dict[str, int], pages: int
) -> None:
    scene.make_pool()
    scene.toloka.answer(scene.pool, workers=1, solve=lambda *_: {"result": "cat"})
    # two right answers of the first pool are in the history until it is full
    scene.client.close_pool(scene.pool.id)
    scene.make_pool(tf.rule("GOLDEN_SET", "total_answers_count >= 5 and correct_answers_rate < 70", BAN, **more))
    scene.toloka.answer(scene.pool, workers=1, solve=lambda *_: {"result": "dog"})
    assert len(scene.assignments) == pages


def test_statistics_continue_in_a_later_call(scene: Scene) -> None:
    scene.make_pool(tf.rule("ANSWER_COUNT", f"assignments_accepted_count >= {PAGES + 2}", BAN))
    scene.answer()
    assert scene.banned == set()
    more = pd.DataFrame({"image": [f"https://example.com/more/{number}" for number in range(PAGES)]})
    more.pipe(tf.create_tasks, scene.client, scene.pool.id, allow_defaults=True, open_pool=True, progress=False)
    scene.answer()
    assert scene.pages() == {"bad": PAGES + 2, "others": PAGES + 2}
    assert scene.banned == scene.users


def test_work_that_is_faster_than_people_is_not_too_fast(scene: Scene) -> None:
    rule = tf.rule("ASSIGNMENT_SUBMIT_TIME", "fast_submitted_count >= 1", BAN, fast_submit_threshold_seconds=5)
    scene.make_pool(rule)
    scene.answer()
    more = pd.DataFrame({"image": [f"https://example.com/more/{number}" for number in range(PAGES)]})
    more.pipe(tf.create_tasks, scene.client, scene.pool.id, allow_defaults=True, open_pool=True, progress=False)
    scene.answer()
    assert scene.pages() == {"bad": 2 * PAGES, "others": 2 * PAGES}
    scene.make_pool(rule)
    scene.answer(live=True, speed=1_000)
    tf.wait_pool(scene.client, scene.pool, every=1, progress=False)
    assert scene.banned == set()


# -- replayed rules say the same

REPLAYED = {
    "GOLDEN_SET": lambda: tf.rule("GOLDEN_SET", "total_answers_count >= 3 and correct_answers_rate < 70", FOREVER),
    "ANSWER_COUNT": lambda: tf.rule("ANSWER_COUNT", "assignments_accepted_count >= 4", FOREVER),
    "INCOME": lambda: tf.rule("INCOME", "income_sum_for_last_24_hours > 0.12", FOREVER),
    "ASSIGNMENT_SUBMIT_TIME": lambda: tf.rule(
        "ASSIGNMENT_SUBMIT_TIME", "fast_submitted_count >= 2", FOREVER, fast_submit_threshold_seconds=40
    ),
}


@pytest.mark.parametrize("name", REPLAYED)
def test_a_replay_of_the_rule_over_answers_without_it_bans_whom_the_rule_bans_after_as_many_pages(
    toloka: LocalToloka, name: str
) -> None:
    """Every Toloker may do every page, so that a ban changes nothing for the others."""
    rule, found = REPLAYED[name](), {}
    for rules in ([], [rule]):
        scene = Scene(toloka)
        scene.make_pool(*rules)
        toloka.answer(scene.pool, workers=WORKERS, accuracy=0.7)
        found[len(rules)] = scene
    answers = found[0].client.get_assignments(found[0].pool.id).to_dataframe()
    replayed = answers.pipe(tf.replay_rules, rule)
    assert set(replayed["worker_id"]) == found[1].banned
    left = (
        answers.groupby("ASSIGNMENT:worker_id")["ASSIGNMENT:assignment_id"]
        .nunique()
        .sub(replayed.set_index("worker_id")["assignments"], fill_value=0)
    )
    assert left.astype(int).to_dict() == dict(Counter(row.user_id for row in found[1].assignments))


# -- filters: who may work


def knows(user: str, language: str) -> bool:
    return language in user_metadata(user)["languages"]


def attribute(user: str, name: str) -> Any:
    return user_metadata(user)["attributes"][name]


FILTERS: dict[str, tuple[Callable[[Any], Any], Callable[[str, Mapping[str, float]], bool]]] = {
    "a language": (lambda _: tf.filter("languages in ES"), lambda user, _: knows(user, "ES")),
    "not a language": (
        lambda _: tf.filter("languages not in ES"),
        lambda user, _: not knows(user, "ES"),
    ),
    "a country": (lambda _: tf.filter("country == US"), lambda user, _: user_metadata(user)["country"] == "US"),
    "one of two": (
        lambda _: tf.filter(["country == US", "client_type == BROWSER"]),
        lambda user, _: user_metadata(user)["country"] == "US" or attribute(user, "client_type") == "BROWSER",
    ),
    "both": (
        lambda _: tf.filter("languages in EN", "device_category == SMARTPHONE"),
        lambda user, _: attribute(user, "device_category") == "SMARTPHONE",
    ),
    "a version": (
        lambda _: tf.filter("os_version_major >= 13"),
        lambda user, _: attribute(user, "os_version_major") >= 13,
    ),
    "a skill": (lambda skill: tf.filter(f"skill:{skill} > 60"), lambda user, values: values.get(user, 0) > 60),
    "no skill": (
        lambda skill: {"and": [{"or": [{"category": "skill", "key": skill, "operator": "EQ", "value": None}]}]},
        lambda user, values: user not in values,
    ),
    "a test of a language": (
        lambda _: tf.filter("skill:32346 == 100"),
        lambda user, _: knows(user, "ES"),
    ),
    "a field that is not known": (lambda _: tf.filter("gender == FEMALE"), lambda *_: True),
}


@pytest.mark.filterwarnings("ignore:Pool .* uses what simulated Tolokers do not know:UserWarning")
@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_admits_exactly_those_who_pass_it(scene: Scene, name: str) -> None:
    make_filter, passes = FILTERS[name]
    scene.make_pool()
    scene.toloka.answer(scene.pool, workers=30)
    users = {row.user_id for row in scene.assignments}
    for number, user in enumerate(sorted(users)[::2]):
        scene.client.set_user_skill({"skill_id": scene.skill.id, "user_id": user, "value": 30 + 5 * number % 70})
    values = scene.skills
    everyone = pool_of(scene)
    admitted = pool_of(scene, filter=make_filter(scene.skill.id))
    expected = {user for user in everyone if passes(user, values)}
    assert admitted == expected
    assert expected


def pool_of(scene: Scene, **more: Any) -> set[str]:
    """Return who works on a pool with 40 places."""
    form = tf.pool_form(scene.project.id, reward=REWARD, overlap=40, real=1, **more)
    pool = scene.client.create_pool(form)
    frame = pd.DataFrame({"image": ["https://example.com/1"]})
    frame.pipe(tf.create_tasks, scene.client, pool.id, allow_defaults=True, open_pool=True, progress=False)
    scene.toloka.answer(pool, workers=40)
    return {row.user_id for row in scene.client.get_assignments(pool.id)}


def test_a_skill_whose_time_to_live_has_ended_is_none(scene: Scene) -> None:
    skill = scene.client.create_skill({"name": "For an hour", "skill_ttl_hours": 1})
    user = min(pool_of(scene))
    set_at = scene.client.set_user_skill({"skill_id": skill.id, "user_id": user, "value": 100}).modified
    store, only = scene.toloka._service.store, tf.filter(f"skill:{skill.id} == 100")
    at = datetime.fromisoformat(set_at).replace(tzinfo=UTC).timestamp()
    assert [admits(store, only, user, at + seconds) for seconds in (0, 3_599, 3_600)] == [True, True, False]


def test_a_ban_that_is_lifted_or_has_ended_bans_no_longer(scene: Scene) -> None:
    users = sorted(pool_of(scene))
    bans = {
        users[0]: {"scope": "ALL_PROJECTS"},
        users[1]: {"scope": "PROJECT", "project_id": scene.project.id},
        users[2]: {"scope": "ALL_PROJECTS", "will_expire": "2020-01-01T00:00:00"},
    }
    made = [scene.client.set_user_restriction({"user_id": user, **ban}) for user, ban in bans.items()]
    assert set(users) - pool_of(scene) == set(users[:2])
    for ban in made:
        scene.client.delete_user_restriction(ban.id)
    assert pool_of(scene) == set(users)
