"""A replay of the rules that were in force finds what the service has done: the same bans and skills, at the same times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import toloka_frames as tf

if TYPE_CHECKING:
    from toloka_frames.local import LocalToloka

LATENCY = pd.Timedelta(milliseconds=200)  # the service acts a moment after the event
RULES = {
    "control tasks": tf.rule("GOLDEN_SET", "correct_answers_rate < 70 and total_answers_count >= 3", tf.ban(permanent=True)),
    "the latest control tasks": tf.rule(
        "GOLDEN_SET", "incorrect_answers_rate >= 50 and total_answers_count > 1", tf.ban(minutes=3), history_size=3
    ),
    "the majority": tf.rule(
        "MAJORITY_VOTE", "incorrect_answers_rate > 40 and total_answers_count > 3", tf.ban(days=1), answer_threshold=2
    ),
    "fast answers": tf.rule(
        "ASSIGNMENT_SUBMIT_TIME",
        "fast_submitted_count > 1",
        tf.ban(hours=1, scope="POOL"),
        fast_submit_threshold_seconds=30,
        history_size=5,
    ),
    "skipped pages": tf.rule("SKIPPED_IN_ROW_ASSIGNMENTS", "skipped_in_row_count > 1", tf.ban(minutes=10)),
    "accepted pages": tf.rule("ANSWER_COUNT", "assignments_accepted_count >= 4", tf.ban(permanent=True)),
    "income": tf.rule("INCOME", "income_sum_for_last_24_hours > 0.05", tf.ban(days=1)),
}


def answered_pool(toloka: LocalToloka, rules: list[dict[str, Any]], **fields: Any) -> tf.Row:
    """Return a pool of ninety tasks and ten control tasks, on which twelve unequal workers have worked under these rules."""
    client = toloka.client()
    project = client.create_project(tf.project_form(inputs={"image": "url"}, outputs={"result": ["cat", "dog"]}))
    pool = client.create_pool(tf.pool_form(project, reward=0.02, real=3, golden=1, rules=rules, **fields))
    images = pd.DataFrame({"INPUT:image": [f"https://example.com/{number}.jpg" for number in range(100)]})
    images["GOLDEN:result"] = ["cat", "dog"] * 5 + [None] * 90
    images["TASK:infinite_overlap"] = images["GOLDEN:result"].notna()
    images.pipe(tf.create_tasks, client, pool_id=pool, allow_defaults=True, open_pool=True, progress=False)
    toloka.answer(pool, workers=12, accuracy=0.6, seed=3, dropouts=0.3)
    return pool


@pytest.mark.parametrize("name", [*RULES, "all of them"])
def test_bans_are_those_of_the_service(name: str, toloka: LocalToloka) -> None:
    pool = answered_pool(toloka, [RULES[name]] if name in RULES else list(RULES.values()))
    client = toloka.client()
    events = client.get_assignments(pool).to_dataframe().pipe(tf.replay_rules, client.get_pool(pool))
    bans = client.get_user_restrictions().to_dataframe()
    assert len(bans) > 2
    # a later ban of a worker changes the end of the first one
    keys = ["worker_id", "scope"]
    first, last = (events.drop_duplicates(keys, keep=keep).set_index(keys).sort_index() for keep in ("first", "last"))
    expected = bans.set_index(["user_id", "scope"]).sort_index()
    assert first.index.tolist() == expected.index.tolist()
    assert (first["at"] - expected["created"]).abs().max() < LATENCY
    assert last["until"].isna().equals(expected["will_expire"].isna())
    assert not (last["until"] - expected["will_expire"]).abs().gt(LATENCY).any()
    assert events["assignments"].sum() == 0


def test_skills_are_those_of_the_service(toloka: LocalToloka) -> None:
    client = toloka.client()
    skills = [client.create_skill(name=name) for name in ("Quality", "Agreement", "Regular")]
    rules = [
        tf.rule("GOLDEN_SET", "total_answers_count > 1", tf.set_skill(skills[0], "correct_answers_rate"), history_size=4),
        tf.rule(
            "MAJORITY_VOTE", "total_answers_count > 1", tf.set_skill(skills[1], "incorrect_answers_rate"), answer_threshold=2
        ),
        tf.rule("ANSWER_COUNT", "assignments_accepted_count > 2", tf.set_skill(skills[2], 7)),
    ]
    pool = answered_pool(toloka, rules)
    events = client.get_assignments(pool).to_dataframe().pipe(tf.replay_rules, rules)
    last = events.drop_duplicates(["worker_id", "skill_id"], keep="last").set_index(["worker_id", "skill_id"])["skill_value"]
    kept = client.get_user_skills().to_dataframe().set_index(["user_id", "skill_id"])["exact_value"]
    kept = kept[kept.index.get_level_values("skill_id").isin([skill.id for skill in skills])]
    assert len(kept) > 20
    pd.testing.assert_series_equal(last.sort_index(), kept.sort_index(), check_names=False, atol=1e-6)


def test_bans_by_reviews_are_those_of_the_service(toloka: LocalToloka) -> None:
    client = toloka.client()
    rules = [
        tf.rule("ACCEPTANCE_RATE", "rejected_assignments_rate >= 50 and total_assignments_count > 2", tf.ban(permanent=True)),
        tf.rule("ANSWER_COUNT", "assignments_accepted_count == 5", tf.ban(days=1, scope="POOL")),
    ]
    pool = answered_pool(toloka, rules, auto_accept_solutions=False)
    for number, answer in enumerate(list(client.get_assignments(pool, status="SUBMITTED"))):
        if number % 5 < 2:
            client.reject_assignment(answer.id, "Too many are wrong.")
        else:
            client.accept_assignment(answer.id, "Thank you.")
    events = client.get_assignments(pool).to_dataframe().pipe(tf.replay_rules, rules)
    bans = client.get_user_restrictions().to_dataframe()
    # a ban of the pool changes nothing after one of the project, and the replay does not list it
    first = bans.sort_values("created").drop_duplicates("user_id").set_index("user_id")["scope"]
    assert set(first) == {"POOL", "PROJECT"}
    assert events.drop_duplicates("worker_id").set_index("worker_id")["scope"].to_dict() == first.to_dict()
