"""`replay_rules` finds what rules would have done: by tables, by brute force, and in every form of the same answers."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from support.all_cases import examples

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

NINE = pd.Timestamp("2026-01-31T09:00", tz="UTC")
COLUMNS = {
    "at": "datetime64[us, UTC]",
    "worker_id": "str",
    "pool_id": "str",
    "rule": "str",
    "reason": "str",
    "action": "str",
    "scope": "str",
    "until": "datetime64[us, UTC]",
    "skill_id": "str",
    "skill_value": "float64",
    "assignments": "int64",
    "dollars": "float64",
    "control_answers": "int64",
    "share_right": "float64",
    "assignment_ids": "object",
}
MORE = tf.change_overlap(2, open_pool=True)
SKILL = tf.set_skill("5", 1)
SHARE = tf.set_skill("5", "correct_answers_rate")
OPERATORS = {"==": "EQ", "!=": "NE", ">": "GT", ">=": "GTE", "<": "LT", "<=": "LTE"}


def rule(collector: str, conditions: str, action: Mapping[str, Any] | None = None, **parameters: Any) -> dict[str, Any]:
    """Return a rule whose conditions are written as "key > 1 and other < 2"; the action is a permanent ban by default."""
    texts = [condition.split() for condition in conditions.split(" and ")]
    values = [int(value) if value.isdigit() else value for _, _, value in texts]
    parts = [
        {"key": key, "operator": OPERATORS[sign], "value": value} for (key, sign, _), value in zip(texts, values, strict=True)
    ]
    config = {"type": collector, "parameters": parameters} if parameters else {"type": collector}
    return {"collector_config": config, "rules": [{"conditions": parts, "action": action or ban()}]}


def ban(minutes: int | None = None, scope: str = "POOL") -> dict[str, Any]:
    length = {"duration_unit": "PERMANENT"} if minutes is None else {"duration_unit": "MINUTES", "duration": minutes}
    return {"type": "RESTRICTION_V2", "parameters": {"scope": scope, **length}}


def page(worker: str, minute: float, *, control: str = "", labels: Mapping[str, str] | None = None, **values: Any) -> Any:
    """Return an assignment that is submitted at a minute after nine, started 50 seconds before and accepted 10 seconds after.

    Args:
        worker: Its worker.
        minute: When.
        control: "+" for a right and "-" for a wrong answer to a control task, "t" and "f" to a training task.
        labels: Answers to other tasks.
        values: Other cells; `rejected` and `skipped` are minutes, and it is then not accepted.
    """
    return {"worker": worker, "minute": minute, "control": control, "labels": labels or {}, **values}


def answers(pages: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the frame of assignments, a row for each task."""
    rows = [
        cells | common for number, one in enumerate(pages) for common in [_assignment(number, one)] for cells in _tasks(one)
    ]
    frame = pd.DataFrame(rows, columns=_columns())
    for name in ("started", "submitted", "accepted", "rejected", "skipped"):
        frame[f"ASSIGNMENT:{name}"] = pd.to_datetime(frame[f"ASSIGNMENT:{name}"], utc=True).astype("datetime64[us, UTC]")
    return frame


def _columns() -> list[str]:
    names = ("assignment_id", "worker_id", "task_suite_id", "task_id", "status", "reward", "pool_id")
    times = ("started", "submitted", "accepted", "rejected", "skipped")
    return ["OUTPUT:result", "GOLDEN:result", "HINT:text", *(f"ASSIGNMENT:{name}" for name in (*names, *times))]


def _assignment(number: int, one: Mapping[str, Any]) -> dict[str, Any]:
    at = NINE + timedelta(minutes=one["minute"])
    status = "REJECTED" if "rejected" in one else "SKIPPED" if "skipped" in one else one.get("status", "ACCEPTED")
    reviewed = {"ACCEPTED": {"accepted": at + timedelta(seconds=10)}, "REJECTED": {}, "SKIPPED": {}, "SUBMITTED": {}}[status]
    late = {name: NINE + timedelta(minutes=one[name]) for name in ("accepted", "rejected", "skipped") if name in one}
    times = {"started": at - timedelta(seconds=one.get("seconds", 50)), "submitted": at} | reviewed | late
    if status == "SKIPPED":
        del times["submitted"]
    ids = {"assignment_id": f"a{number:04}", "worker_id": one["worker"], "task_suite_id": one.get("suite", f"s{number}")}
    cells = ids | {"status": status, "reward": one.get("reward", 0.02), "pool_id": one.get("pool", "7")} | times
    return {f"ASSIGNMENT:{name}": value for name, value in cells.items()}


def _tasks(one: Mapping[str, Any]) -> list[dict[str, Any]]:
    control = [
        {
            "OUTPUT:result": "cat" if mark in "+t" else "dog",
            "GOLDEN:result": "cat",
            "HINT:text": "Look again" if mark in "tf" else None,
            "ASSIGNMENT:task_id": f"control-{number}",
        }
        for number, mark in enumerate(one["control"])
    ]
    others = [{"OUTPUT:result": label, "ASSIGNMENT:task_id": task} for task, label in one["labels"].items()]
    return [*control, *others] or [{"OUTPUT:result": None, "ASSIGNMENT:task_id": "other"}]


def found(frame: pd.DataFrame, rules: Any) -> list[tuple[str, float, str]]:
    """Return worker, minute and reason of each event."""
    events = frame.pipe(tf.replay_rules, rules)
    minutes = (events["at"] - NINE) / timedelta(minutes=1)
    return [
        (worker, round(minute, 4), reason)
        for worker, minute, reason in zip(events["worker_id"], minutes, events["reason"], strict=True)
    ]


# -- Each collector, by tables whose results were found by hand

TABLES: dict[str, tuple[Any, list[Any], list[tuple[str, float, str]]]] = {
    "the share of right answers to control tasks": (
        rule("GOLDEN_SET", "correct_answers_rate < 60 and total_answers_count > 2"),
        [page("a", 1, control="-"), page("a", 2, control="-"), page("b", 3, control="+"), page("a", 4, control="+")],
        [("a", 4, "correct_answers_rate = 33.33, total_answers_count = 3")],
    ),
    "each control task of a page counts": (
        rule("GOLDEN_SET", "correct_answers_rate < 60 and total_answers_count > 2"),
        [page("a", 1, control="+--")],
        [("a", 1, "correct_answers_rate = 33.33, total_answers_count = 3")],
    ),
    "a page is a single event": (
        rule("GOLDEN_SET", "incorrect_answers_rate >= 50"),
        [page("a", 1, control="-++")],
        [],
    ),
    "pages without control tasks change nothing": (
        rule("GOLDEN_SET", "correct_answers_rate <= 100"),
        [page("a", 1, labels={"t": "x"})],
        [],
    ),
    "only the latest answers count": (
        rule("GOLDEN_SET", "correct_answers_rate <= 50", history_size=2),
        [page("a", 1, control="+"), page("a", 2, control="+"), page("a", 3, control="+"), page("a", 4, control="-")],
        [("a", 4, "correct_answers_rate = 50")],
    ),
    "the history holds no more answers than its size": (
        rule("GOLDEN_SET", "total_answers_count > 2", history_size=2),
        [page("a", minute, control="+") for minute in range(9)],
        [],
    ),
    "training tasks count, except in what is of control tasks": (
        rule("GOLDEN_SET", "total_answers_count >= 3 and golden_set_answers_count == 1"),
        [page("a", 1, control="tt-")],
        [("a", 1, "total_answers_count = 3, golden_set_answers_count = 1")],
    ),
    "the answers of the majority, when a task has all its answers": (
        rule("MAJORITY_VOTE", "incorrect_answers_rate > 50", answer_threshold=2),
        [page("a", 1, labels={"t": "x"}), page("b", 2, labels={"t": "y"}), page("c", 3, labels={"t": "y"})],
        [("a", 3, "incorrect_answers_rate = 100")],
    ),
    "two answers can be those of a majority": (
        rule("MAJORITY_VOTE", "correct_answers_rate == 100", answer_threshold=2),
        [page(worker, at, labels={"t": label}) for at, (worker, label) in enumerate(zip("abcde", "xyzxy", strict=True))],
        [(worker, 4, "correct_answers_rate = 100") for worker in "abde"],
    ),
    "control tasks have no majority": (
        rule("MAJORITY_VOTE", "total_answers_count > 0", answer_threshold=1),
        [page("a", 1, control="++"), page("b", 2, control="++")],
        [],
    ),
    "a task without a majority does not count": (
        rule("MAJORITY_VOTE", "total_answers_count > 0", answer_threshold=3),
        [page("a", 1, labels={"t": "y"}), page("b", 2, labels={"t": "y"}), page("c", 3, labels={"t": "x"})],
        [],
    ),
    "accepted assignments": (
        rule("ANSWER_COUNT", "assignments_accepted_count >= 2"),
        [page("a", 1), page("a", 2, rejected=5), page("b", 3), page("a", 4)],
        [("a", 4.1667, "assignments_accepted_count = 2")],
    ),
    "fast answers": (
        rule("ASSIGNMENT_SUBMIT_TIME", "fast_submitted_count > 1", fast_submit_threshold_seconds=20),
        [page("a", 1, seconds=19), page("a", 2, seconds=20), page("a", 3, seconds=5)],
        [("a", 3, "fast_submitted_count = 2")],
    ),
    "fast answers among the latest": (
        rule("ASSIGNMENT_SUBMIT_TIME", "fast_submitted_count > 1", fast_submit_threshold_seconds=20, history_size=2),
        [page("a", 1, seconds=5), page("a", 2), page("a", 3, seconds=5), page("a", 4, seconds=5)],
        [("a", 4, "fast_submitted_count = 2")],
    ),
    "skipped in a row": (
        rule("SKIPPED_IN_ROW_ASSIGNMENTS", "skipped_in_row_count > 1"),
        [page("a", 1, skipped=1), page("a", 2), page("a", 3, skipped=3), page("a", 4, skipped=4), page("b", 5, skipped=5)],
        [("a", 4, "skipped_in_row_count = 2")],
    ),
    "the rate of accepted assignments": (
        rule("ACCEPTANCE_RATE", "rejected_assignments_rate > 35 and total_assignments_count > 2"),
        [page("a", 1), page("a", 2, rejected=10), page("a", 3, rejected=20), page("b", 4, rejected=30)],
        [("a", 20, "rejected_assignments_rate = 66.67, total_assignments_count = 3")],
    ),
    "income of 24 hours": (
        rule("INCOME", "income_sum_for_last_24_hours >= 1"),
        [page("a", 60 * hour, reward=reward) for hour, reward in ((0, 0.5), (23, 0.4), (25, 0.5), (26, 0.2))],
        [("a", 26 * 60 + 0.1667, "income_sum_for_last_24_hours = 1.1")],
    ),
    "reviews of a page": (
        rule(
            "ASSIGNMENTS_ASSESSMENT",
            "assessment_event == REJECT and pending_assignments_count == 1",
            MORE,
        ),
        [page("a", 1, suite="s", rejected=9), page("b", 2, suite="s", status="SUBMITTED"), page("c", 3, rejected=8)],
        [("a", 9, "assessment_event = REJECT, pending_assignments_count = 1")],
    ),
    "a rejected page that is accepted after all": (
        rule(
            "ASSIGNMENTS_ASSESSMENT",
            "assessment_event == ACCEPT_AFTER_REJECT",
            MORE,
        ),
        [page("a", 1), page("b", 2, rejected=5, accepted=7)],
        [("b", 7, "assessment_event = ACCEPT_AFTER_REJECT")],
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_rule_acts_when_the_table_says(name: str) -> None:
    rules, pages, expected = TABLES[name]
    assert found(answers(pages), rules) == expected


VOTES = (
    ("OK", "BAD", "OK", "BAD", "OK"),
    ("BAD", "OK", "OK", "BAD", "404"),
    ("404", "OK", "404", "OK", "OK"),
    ("OK", "BAD", "OK", "404", "404"),
    ("OK", "BAD", "OK", "404", "OK"),
)


def test_majority_votes_are_those_of_the_example_in_tolokas_guide() -> None:
    """The guide, "Majority vote": five tasks, each completed by five Tolokers, three of whom must agree."""
    pages = [
        page(f"Toloker {number + 1}", number, labels={f"task {task}": row[number] for task, row in enumerate(VOTES)})
        for number in range(5)
    ]
    votes = rule("MAJORITY_VOTE", "total_answers_count >= 3", SHARE, answer_threshold=3)
    skills = answers(pages).pipe(tf.replay_rules, votes).set_index("worker_id")["skill_value"]
    assert skills.astype(int).to_dict() == {f"Toloker {n}": value for n, value in enumerate((66, 33, 66, 33, 100), 1)}


@pytest.mark.parametrize(("overlap", "minutes"), [(2, [2, 2, 3, 4]), (3, [3, 3, 3, 4]), (4, [4, 4, 4, 4]), (5, [])])
def test_a_task_has_all_its_answers_when_these_are_as_many_as_its_overlap(overlap: int, minutes: list[int]) -> None:
    frame = answers([page(worker, at, labels={"t": "x"}) for at, worker in enumerate("abcd", 1)])
    votes = rule("MAJORITY_VOTE", "total_answers_count > 0", answer_threshold=1)
    assert [at for _, at, _ in found(frame.assign(**{"TASK:overlap": overlap}), votes)] == minutes
    assert found(frame.assign(**{"TASK:overlap": None}), votes) == found(frame, votes)


# -- Bans

WRONG = rule("GOLDEN_SET", "correct_answers_rate < 50")


def test_pages_that_are_started_during_a_ban_would_not_exist() -> None:
    pages = [
        page("a", 1, control="-"),
        page("a", 1.5, control="+"),  # started before the ban
        page("a", 3, control="+"),
        page("b", 4, control="+"),
        page("a", 5, control="-", rejected=9),
    ]
    events = answers(pages).pipe(tf.replay_rules, WRONG)
    assert events["assignment_ids"].tolist() == [("a0002", "a0004")]
    assert events.loc[0, ["assignments", "dollars", "control_answers", "share_right"]].tolist() == [2, 0.02, 2, 0.5]
    assert events.attrs["summary"] == {
        "workers": 2,
        "banned": 1,
        "assignments": 5,
        "assignments_left": 3,
        "dollars": 0.08,
        "dollars_left": 0.06,
        "share_right": 3 / 5,
        "share_right_left": 2 / 3,
    }


def test_a_ban_for_a_time_ends_and_the_statistics_begin_anew() -> None:
    pages = [
        page("a", minute, control=mark) for minute, mark in ((1, "-"), (3, "+"), (10.9, "-"), (12, "+"), (30, "-"), (31, "-"))
    ]
    events = answers(pages).pipe(tf.replay_rules, rule("GOLDEN_SET", "correct_answers_rate < 50", ban(10)))
    assert events["assignment_ids"].tolist() == [("a0001", "a0002"), ()]
    assert events["reason"].tolist() == ["correct_answers_rate = 0", "correct_answers_rate = 33.33"]
    assert ((events["until"] - NINE) / timedelta(minutes=1)).tolist() == [11, 41]


@pytest.mark.parametrize(("scope", "first"), [("POOL", 2), ("PROJECT", 1), ("ALL_PROJECTS", 1)])
def test_the_scope_of_a_ban_says_where_it_holds(scope: str, first: int) -> None:
    pages = [page("a", 1, control="-"), page("a", 3, control="+", pool="8"), page("a", 5, control="+")]
    events = answers(pages).pipe(tf.replay_rules, rule("GOLDEN_SET", "correct_answers_rate < 50", ban(scope=scope)))
    assert events["assignment_ids"].tolist() == [("a0001", "a0002")[first - 1 :]]


@pytest.mark.parametrize(("parameters", "events"), [({}, 0), ({"history_size": 10}, 1)])
def test_statistics_are_those_of_one_pool_unless_they_have_a_size(parameters: dict[str, int], events: int) -> None:
    pages = [page("a", 1, control="-"), page("a", 2, control="-", pool="8")]
    assert len(found(answers(pages), rule("GOLDEN_SET", "total_answers_count > 1", **parameters))) == events


def test_answers_that_would_not_exist_count_for_nobody() -> None:
    """Without the second answer of `a`, no two workers agree on the task."""
    pages = [page("a", 1, control="-"), page("a", 3, labels={"u": "x"}), page("b", 4, labels={"u": "x"})]
    majority = rule("MAJORITY_VOTE", "total_answers_count > 0", SKILL, answer_threshold=2)
    assert [worker for worker, _, _ in found(answers(pages), [majority])] == ["a", "b"]
    assert [worker for worker, _, _ in found(answers(pages), [majority, WRONG])] == ["a"]


def test_a_task_is_complete_although_an_answer_would_not_exist() -> None:
    """Somebody else would have given it."""
    labels = {"u": "x"}
    pages = [page("b", 1, labels=labels), page("c", 2, labels=labels), page("a", 3, control="-"), page("a", 5, labels=labels)]
    majority = rule("MAJORITY_VOTE", "correct_answers_rate == 100", SKILL, answer_threshold=2)
    assert [event[:2] for event in found(answers(pages), [majority, WRONG])] == [("a", 3), ("b", 5), ("c", 5)]


def test_an_assignment_counts_for_the_first_ban_that_prevents_it() -> None:
    pages = [page("a", 1, control="-", seconds=5), page("a", 3, control="-")]
    fast = rule("ASSIGNMENT_SUBMIT_TIME", "fast_submitted_count > 0", ban(60, "PROJECT"), fast_submit_threshold_seconds=20)
    assert answers(pages).pipe(tf.replay_rules, [fast, WRONG])["assignments"].tolist() == [1, 0]
    assert answers(pages).pipe(tf.replay_rules, [WRONG, fast])["assignments"].tolist() == [1, 0]


# -- Other actions


def test_a_skill_is_listed_when_it_changes_with_the_assignments_that_follow() -> None:
    pages = [page("a", minute, control=mark) for minute, mark in ((1, "+"), (3, "+"), (5, "-"), (7, "-"))]
    events = answers(pages).pipe(tf.replay_rules, rule("GOLDEN_SET", "total_answers_count > 0", SHARE))
    assert events["skill_value"].round(2).tolist() == [100, 66.67, 50]
    assert events["skill_id"].tolist() == ["5"] * 3
    assert events["assignment_ids"].tolist() == [("a0001", "a0002"), ("a0003",), ()]


@pytest.mark.parametrize("action", [tf.approve_all(), tf.reject_all("Too many are wrong.")])
def test_a_review_of_all_touches_what_waits_for_a_review(action: dict[str, Any]) -> None:
    pages = [
        page("a", 1, control="+"),  # accepted before
        page("a", 2, control="+", status="SUBMITTED"),
        page("b", 3, control="+", status="SUBMITTED"),
        page("a", 4, control="+", accepted=60),
        page("a", 5, control="+", status="SUBMITTED"),
    ]
    events = answers(pages).pipe(tf.replay_rules, rule("GOLDEN_SET", "total_answers_count > 2", action))
    assert events["assignment_ids"].tolist() == [("a0001", "a0003"), ("a0004",)]


def test_more_overlap_costs_its_pages() -> None:
    rules = rule("ASSIGNMENTS_ASSESSMENT", "assessment_event == REJECT", MORE)
    events = answers([page("a", 1, rejected=2)]).pipe(tf.replay_rules, rules)
    assert events.loc[0, ["assignments", "dollars", "assignment_ids"]].tolist() == [2, 0.04, ()]


# -- Forms of the same answers and rules


def many_pages(seed: int, pages: int = 200) -> list[Any]:
    """Return pages of ten workers that differ in how good and how fast they are, and that skip and are rejected at times."""
    chance = random.Random(seed)  # noqa: S311 -- no secrets
    made = []
    for number in range(pages):
        worker = chance.randrange(10)
        minute = number * 7 + chance.random() * 3
        control = "".join(chance.choices("+-tf", (worker + 1, 10 - worker, 1, 1), k=chance.randrange(4)))
        labels = {f"t{chance.randrange(60)}": chance.choice("xxyz") for _ in range(2)}
        late = chance.random()
        review = {"rejected": minute + 40 * chance.random()} if late < 0.1 else {"skipped": minute} if late < 0.25 else {}
        made.append(
            page(f"w{worker}", minute, control=control, labels=labels, seconds=chance.randrange(5, 60), reward=0.05, **review)
        )
    return made


RULES = [
    rule("GOLDEN_SET", "correct_answers_rate < 40 and total_answers_count > 3", ban(120), history_size=6),
    rule("MAJORITY_VOTE", "incorrect_answers_rate > 60 and total_answers_count > 4", ban(300, "PROJECT"), answer_threshold=2),
    rule("SKIPPED_IN_ROW_ASSIGNMENTS", "skipped_in_row_count > 1", ban(60)),
    rule("ASSIGNMENT_SUBMIT_TIME", "fast_submitted_count > 2", ban(600), fast_submit_threshold_seconds=15, history_size=5),
    rule(
        "ANSWER_COUNT",
        "assignments_accepted_count == 4",
        SKILL,
    ),
    rule("INCOME", "income_sum_for_last_24_hours > 1", ban(60)),
]
FORMS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "objects": lambda frame: frame.astype(object),
    "numpy_nullable": lambda frame: frame.convert_dtypes(dtype_backend="numpy_nullable"),
    "pyarrow": lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
    "text": lambda frame: frame.astype("string"),
    "another index": lambda frame: frame.set_index(pd.Index(range(len(frame), 0, -1))),
    "other columns": lambda frame: frame.assign(**{"INPUT:image": "https://example.com", "extra": None}),
    "other names of statuses": lambda frame: frame.replace({"ASSIGNMENT:status": {"ACCEPTED": "APPROVED"}}),
    "another zone": lambda frame: frame.assign(
        **{name: frame[name].dt.tz_convert("Asia/Tokyo") for name in frame if frame[name].dtype.kind == "M"}
    ),
    "all rows twice": lambda frame: pd.concat([frame, frame]),
    "the last rows of one pull in the next one": lambda frame: pd.concat([frame, frame.tail(100)], ignore_index=True),
    "each row after itself": lambda frame: frame.loc[frame.index.repeat(2)],
    "assignments in another order": lambda frame: pd.concat(
        [rows for _, rows in sorted(frame.groupby("ASSIGNMENT:assignment_id"), key=lambda group: str(group[0])[::-1])]
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_same_answers_has_the_same_result(form: str) -> None:
    frame = answers(many_pages(1))
    expected = frame.pipe(tf.replay_rules, RULES)
    assert expected["action"].value_counts().min() > 5
    events = FORMS[form](frame).pipe(tf.replay_rules, RULES)
    pd.testing.assert_frame_equal(events, expected)
    assert events.attrs == expected.attrs


@pytest.mark.parametrize("pages", [[], [page("a", 1, control="+")], many_pages(2)])
def test_the_columns_have_their_dtypes_also_without_events(pages: list[Any]) -> None:
    frame = answers(pages).pipe(tf.replay_rules, RULES)
    texts = {"str": str(pd.Series(["text"]).dtype)}
    assert frame.dtypes.astype(str).to_dict() == {name: texts.get(dtype, dtype) for name, dtype in COLUMNS.items()}
    assert frame.index.equals(pd.RangeIndex(len(frame)))
    assert frame["at"].is_monotonic_increasing


@pytest.mark.parametrize(
    "form",
    [
        lambda rules: rules,
        tuple,
        lambda rules: {"configs": rules},
        lambda rules: {"captcha_frequency": "LOW", "configs": rules},
        lambda rules: {"id": "7", "private_name": "A pool", "quality_control": {"configs": rules}},
        lambda rules: tf.Row({"quality_control": {"configs": rules}}),
        lambda rules: SimpleNamespace(unstructure=lambda: {"configs": rules}),  # as objects of Toloka-Kit are
        lambda rules: [SimpleNamespace(unstructure=lambda one=one: one) for one in rules],
    ],
)
def test_rules_are_taken_in_every_form(form: Callable[[Any], Any]) -> None:
    frame = answers(many_pages(3))
    pd.testing.assert_frame_equal(frame.pipe(tf.replay_rules, form(RULES)), frame.pipe(tf.replay_rules, RULES))
    pd.testing.assert_frame_equal(frame.pipe(tf.replay_rules, form([WRONG])), frame.pipe(tf.replay_rules, WRONG))


def test_numbers_of_rules_can_be_text_as_in_examples_of_the_api() -> None:
    frame = answers(many_pages(3))
    texts = [
        one
        | {
            "rules": [
                part | {"conditions": [cond | {"value": str(cond["value"])} for cond in part["conditions"]]}
                for part in one["rules"]
            ]
        }
        for one in RULES
    ]
    pd.testing.assert_frame_equal(frame.pipe(tf.replay_rules, texts), frame.pipe(tf.replay_rules, RULES))


def test_the_result_is_a_plain_frame() -> None:
    events = answers(many_pages(4)).pipe(tf.replay_rules, RULES)
    assert type(events) is pd.DataFrame
    assert pd.concat([events, events]).attrs == events.attrs
    assert {type(value) for value in events.attrs["summary"].values()} <= {int, float}


# -- By brute force


@pytest.mark.parametrize("seed", range(examples(25)))
def test_statistics_equal_those_by_brute_force(seed: int) -> None:
    pages = many_pages(seed, 150)
    bans = [RULES[number] for number in (0, 1, 2, 3, 5)]
    # one answer can change the statistics of several workers, in no order
    assert sorted(found(answers(pages), bans)) == sorted(brute_force(pages, bans))


def brute_force(pages: list[Any], rules: list[dict[str, Any]]) -> list[tuple[str, float, str]]:
    """Replay by counting everything anew after each event."""
    events = sorted((minute, number, kind) for number, one in enumerate(pages) for kind, minute in times_of(one).items())
    bans: list[tuple[str, str, float, float]] = []
    existing: set[int] = set()
    past: list[tuple[float, Any, str, bool]] = []
    begins: dict[str, int] = {}  # where in the past the history of a worker begins
    results = []
    for minute, number, kind in events:
        worker = pages[number]["worker"]
        if kind == "a started":
            if not any(who == worker and begin <= minute < end for who, _, begin, end in bans):
                existing.add(number)
            continue
        if number in existing:
            ends = [end for who, _, _, end in bans if who == worker and end <= minute]
            own = [when for when, one, _, exists in past if one["worker"] == worker and exists]
            if any(not own or own[-1] < end for end in ends):
                begins[worker] = len(past)
        past.append((minute, pages[number], kind, number in existing))
        for config in rules:
            for who, statistics in changed_statistics(pages, past, config["collector_config"], begins):
                (one,) = config["rules"]
                if not all(holds(condition, statistics) for condition in one["conditions"]):
                    continue
                parameters = one["action"]["parameters"]
                new = (who, parameters["scope"], minute, minute + parameters["duration"])
                if not any(is_included(new, earlier) for earlier in bans):
                    bans.append(new)
                    reason = ", ".join(f"{part['key']} = {round(statistics[part['key']], 2):g}" for part in one["conditions"])
                    results.append((who, round(minute, 4), reason))
    return results


def is_included(ban: tuple[str, str, float, float], earlier: tuple[str, str, float, float]) -> bool:
    return ban[0] == earlier[0] and ban[3] <= earlier[3] and earlier[1] in ("PROJECT", ban[1])


def times_of(one: Mapping[str, Any]) -> dict[str, float]:
    started = one["minute"] - one["seconds"] / 60
    if "skipped" in one:
        return {"a started": started, "skipped": one["skipped"]}
    review = {"rejected": one["rejected"]} if "rejected" in one else {"accepted": one["minute"] + 1 / 6}
    return {"a started": started, "b submitted": one["minute"]} | review


def holds(condition: Mapping[str, Any], statistics: Mapping[str, float]) -> bool:
    value = statistics[condition["key"]]
    return value > condition["value"] if condition["operator"] == "GT" else value < condition["value"]


def changed_statistics(
    pages: list[Any], past: list[tuple[float, Any, str, bool]], config: Mapping[str, Any], begins: Mapping[str, int]
) -> list[tuple[str, dict[str, float]]]:
    _, page, kind, exists = past[-1]
    if config["type"] == "MAJORITY_VOTE" and kind == "b submitted":
        outcomes = majority_outcomes(pages, past, config["parameters"]["answer_threshold"])
        valid = [(at, who, is_right) for at, who, is_right in outcomes if at >= begins.get(who, 0)]
        now = {who for at, who, _ in outcomes if at == len(past) - 1}
        return [(who, shares([is_right for _, other, is_right in valid if other == who])) for who in now]
    own = [entry for entry in past[begins.get(page["worker"], 0) :] if entry[3] and entry[1]["worker"] == page["worker"]]
    statistics = own_statistics(own, config["type"], config.get("parameters", {})) if exists else None
    return [(page["worker"], statistics)] if statistics else []


def own_statistics(
    own: list[tuple[float, Any, str, bool]], collector: str, parameters: Mapping[str, Any]
) -> dict[str, float] | None:
    now, page, kind, _ = own[-1]
    submitted = [one for _, one, what, _ in own if what == "b submitted"]
    size = parameters.get("history_size", 1_000_000)
    if collector == "GOLDEN_SET" and kind == "b submitted" and page["control"]:
        return shares([mark in "+t" for mark in "".join(one["control"] for one in submitted)[-size:]])
    if collector == "ASSIGNMENT_SUBMIT_TIME" and kind == "b submitted":
        fast = sum(one["seconds"] < parameters["fast_submit_threshold_seconds"] for one in submitted[-size:])
        return {"total_submitted_count": len(submitted[-size:]), "fast_submitted_count": fast}
    if collector == "SKIPPED_IN_ROW_ASSIGNMENTS" and kind == "skipped":
        kinds = [what == "skipped" for _, _, what, _ in own if what in ("skipped", "b submitted")]
        return {"skipped_in_row_count": [*kinds[::-1], False].index(False)}
    if collector == "INCOME" and kind == "accepted":
        income = sum(one["reward"] for at, one, what, _ in own if what == "accepted" and at > now - 24 * 60)
        return {"income_sum_for_last_24_hours": round(income, 4)}
    return None


def majority_outcomes(
    pages: list[Any], past: list[tuple[float, Any, str, bool]], threshold: int
) -> list[tuple[int, str, bool]]:
    """Return when each answer was found to be right or wrong, of which worker, and whether it is right."""
    overlaps = Counter(task for one in pages if "skipped" not in one for task in one["labels"])
    given: dict[str, list[tuple[int, str, str, bool]]] = {}
    for at, (_, one, kind, exists) in enumerate(past):
        for task, label in one["labels"].items() if kind == "b submitted" else ():
            given.setdefault(task, []).append((at, one["worker"], label, exists))
    outcomes = []
    for task, votes in given.items():
        counts = Counter(label for _, _, label, exists in votes if exists)
        if len(votes) == overlaps[task] and max(counts.values(), default=0) >= threshold:
            outcomes += [(votes[-1][0], worker, counts[label] >= threshold) for _, worker, label, exists in votes if exists]
    return outcomes


def shares(outcomes: Sequence[bool]) -> dict[str, float]:
    right = 100 * sum(outcomes) / len(outcomes)
    return {"total_answers_count": len(outcomes), "correct_answers_rate": right, "incorrect_answers_rate": 100 - right}


# -- What is refused

GOOD = WRONG["rules"][0]
INCOME = "income_sum_for_last_24_hours > 1"
BAD_RULES: dict[str, tuple[Any, str]] = {
    "no rules": ([], "There are no rules"),
    "none": (None, "There are no rules"),
    "text": ("GOLDEN_SET", "There are no rules"),
    "a rule without its collector": (GOOD, "collector_config is missing"),
    "an unknown collector": (rule("GOLDEN_SETS", "x == 1"), "There is no collector 'GOLDEN_SETS'; the nearest is 'GOLDEN_SET'"),
    "an unknown statistic": (
        rule("GOLDEN_SET", "corect_answers_rate < 60"),
        "has no condition 'corect_answers_rate'; the nearest is 'correct_answers_rate'",
    ),
    "a statistic of another collector": (rule("INCOME", "fast_submitted_count > 1"), "has no condition 'fast_submitted_count'"),
    "an unknown operator": (
        WRONG | {"rules": [{"conditions": [{"key": "total_answers_count", "operator": "<"}]}]},
        "has no operator '<'",
    ),
    "a value that is no number": (rule("GOLDEN_SET", "correct_answers_rate < sixty"), "not 'sixty'"),
    "an unknown event": (rule("ASSIGNMENTS_ASSESSMENT", "assessment_event == REJECTED"), "the nearest is 'REJECT'"),
    "a missing parameter": (rule("MAJORITY_VOTE", "total_answers_count > 1"), "needs answer_threshold"),
    "an unknown action": (rule("INCOME", INCOME, {"type": "BAN"}), "There is no action 'BAN'"),
    "a ban without a length": (
        rule("INCOME", INCOME, {"type": "RESTRICTION_V2", "parameters": {"scope": "POOL", "duration_unit": "DAYS"}}),
        "needs a duration",
    ),
    "an undocumented action": (rule("INCOME", INCOME, {"type": "CLEAN_COLLECTOR"}), "the API does not document what it does"),
    "captchas": (rule("CAPTCHA", "success_rate < 60"), "cannot be replayed: answers do not say which captchas"),
}


@pytest.mark.parametrize("name", BAD_RULES)
def test_rules_that_are_not_valid_are_refused(name: str) -> None:
    rules, message = BAD_RULES[name]
    with pytest.raises(tf.InputError) as refused:
        answers([page("a", 1, control="+")]).pipe(tf.replay_rules, rules)
    assert message in str(refused.value)


def test_rules_that_cannot_be_replayed_are_left_out_with_a_warning_at_the_line_of_the_call() -> None:
    with pytest.warns(UserWarning, match=r"A rule of CAPTCHA cannot be replayed: .* It is left out\.") as warned:
        events = tf.replay_rules(answers(many_pages(5)), [rule("CAPTCHA", "success_rate < 60"), *RULES])
    pd.testing.assert_frame_equal(events, answers(many_pages(5)).pipe(tf.replay_rules, RULES))
    assert [one.filename for one in warned] == [__file__]


@pytest.mark.parametrize(
    ("missing", "rules"),
    [
        ("ASSIGNMENT:submitted", WRONG),
        ("GOLDEN:result", WRONG),
        ("OUTPUT:result", WRONG),
        ("ASSIGNMENT:task_id", RULES[1]),
        ("ASSIGNMENT:skipped", RULES[2]),
        ("ASSIGNMENT:started", RULES[3]),
        ("ASSIGNMENT:accepted", RULES[4]),
        ("ASSIGNMENT:reward", RULES[5]),
    ],
)
def test_a_column_that_a_rule_needs_is_missed(missing: str, rules: Any) -> None:
    frame = answers(many_pages(6)).drop(columns=missing)
    with pytest.raises(tf.InputError, match="column") as refused:
        frame.pipe(tf.replay_rules, rules)
    assert missing.split(":", maxsplit=1)[0] in str(refused.value)
    if missing.startswith("ASSIGNMENT:") and missing != "ASSIGNMENT:task_id":
        assert f"get_assignments_df with field=[..., {missing!r}]" in str(refused.value)


def test_without_rewards_nothing_is_said_of_money() -> None:
    frame = answers([page("a", 1, control="-"), page("a", 3, control="-")]).drop(
        columns=["ASSIGNMENT:reward", "ASSIGNMENT:pool_id"]
    )
    events = frame.pipe(tf.replay_rules, WRONG)
    assert events["assignments"].tolist() == [1]
    assert events["pool_id"].isna().all()
    np.testing.assert_equal(events["dollars"].tolist(), [np.nan])
