"""Our forms are those that Toloka-Kit sends, and our tables have what its collectors and filters have."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.every_rule import every_rule

import toloka_frames as tf
from toloka_frames._schema.pool_filters import FILTER_KEYS
from toloka_frames._schema.quality_control import COLLECTORS

HERE = Path(__file__).parent
KIT = HERE.parents[1] / ".venv-kit" / "bin" / "python"

pytestmark = pytest.mark.skipif(not (KIT.parents[1] / ".made").is_file(), reason="Toloka-Kit is not there: make interop")

WRITTEN = {
    "golden": tf.rule(
        "GOLDEN_SET",
        "total_answers_count > 2 and correct_answers_rate < 60.5",
        tf.ban(days=1, comment="careless"),
        history_size=10,
    ),
    "skill": tf.rule("MAJORITY_VOTE", "total_answers_count > 4", tf.set_skill(42, "correct_answers_rate"), answer_threshold=2),
    "reject": tf.rule("ASSIGNMENTS_ASSESSMENT", "assessment_event == REJECT", tf.change_overlap(1, open_pool=True)),
    "fast": tf.rule(
        "ASSIGNMENT_SUBMIT_TIME",
        "fast_submitted_count > 3",
        tf.reject_all("Too fast responses."),
        history_size=5,
        fast_submit_threshold_seconds=20,
    ),
    "one page": tf.rule("ANSWER_COUNT", "assignments_accepted_count > 0", tf.set_skill(42, 1)),
    "skipped": tf.rule("SKIPPED_IN_ROW_ASSIGNMENTS", "skipped_in_row_count >= 10", tf.ban(permanent=True, scope="POOL")),
    "income": tf.rule("INCOME", "income_sum_for_last_24_hours >= 20", tf.approve_all()),
    "access": tf.rule(
        "USERS_ASSESSMENT", ["pool_access_revoked_reason == SKILL_CHANGE", "skill_id == 2626"], tf.change_overlap(1)
    ),
}
FILTERS = {
    "language": tf.filter("languages in EN"),
    "languages": tf.filter("languages in EN, DE"),
    "no languages": tf.filter("languages not in EN, DE"),
    "both": tf.filter("languages in EN", "device_category == SMARTPHONE"),
    "either": tf.filter(["languages in EN", "device_category == SMARTPHONE"]),
    "skill": tf.filter("skill:42 >= 80", "languages in EN", "country in US, CA"),
    "no skill": tf.filter("skill:42 == none"),
    "adult": tf.filter("adult_allowed == true", "os_version >= 12"),
}
POOLS = [
    tf.pool_form(1, will_expire="2099-01-01"),
    tf.pool_form(
        1,
        rules=list(WRITTEN.values()),
        auto_accept_solutions=False,
        training=21,
        captcha="LOW",
        golden=1,
        auto_accept_period_day=7,
    ),
    *(tf.pool_form(1, filter=made) for made in FILTERS.values()),
    tf.pool_form(1, mixer=tf.mixer(real=9, golden=1, min_real=1, force_last_assignment=False), private_comment="a comment"),
]
PROJECTS = [
    tf.project_form("Cat or dog?", inputs={"image": "url"}, outputs={"result": ["cat", "dog"]}),
    tf.project_form(
        inputs={"text": "string", "audio": "url", "video": "url?", "page": "url", "number": "integer?"},
        outputs={
            "class": [1, 2, 3],
            "why": "string?",
            "count": "integer",
            "share": "float",
            "sure": "boolean",
            "photo": "file",
        },
        quality_control={"configs": [WRITTEN["golden"]]},
        private_comment="a comment",
    ),
]


@pytest.fixture(scope="module")
def kit() -> dict[str, Any]:
    """What Toloka-Kit returns."""
    asked = {"configs": every_rule(), "pools": POOLS, "projects": PROJECTS}
    command = [str(KIT), str(HERE / "kit_forms.py")]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_every_rule_is_what_toloka_kit_sends_for_it(kit: dict[str, Any]) -> None:
    assert len(kit["configs"]) > 800
    assert kit["configs"] == every_rule()


def test_rules_of_notebooks_of_toloka_kit_are_the_same_in_our_words(kit: dict[str, Any]) -> None:
    assert kit["written"] == WRITTEN


def test_rules_are_joined_as_toloka_kit_joins_them(kit: dict[str, Any]) -> None:
    twice = [*WRITTEN.values(), *WRITTEN.values()]
    joined = tf.pool_form(1, rules=list(WRITTEN.values()), auto_accept_solutions=False)["quality_control"]["configs"]
    assert kit["joined"] == joined
    form = tf.pool_form(1, rules=twice, auto_accept_solutions=False)
    assert [len(config["rules"]) for config in form["quality_control"]["configs"]] == [2] * len(WRITTEN)


def test_filters_of_toloka_kit_are_the_same_in_our_words(kit: dict[str, Any]) -> None:
    assert kit["filters"] == FILTERS


def test_pools_and_projects_have_the_structure_of_toloka_kit(kit: dict[str, Any]) -> None:
    # Toloka-Kit sends an empty list of rules where there are none
    assert kit["pools"] == [{"quality_control": {"configs": []}} | form for form in POOLS]
    for theirs, ours in zip(kit["projects"], PROJECTS, strict=True):
        views = [form["task_spec"]["view_spec"] for form in (theirs, ours)]
        configs = [json.loads(view["config"]) for view in views]
        assert configs[0] == configs[1]
        assert [{**view, "config": None} for view in views[:1]] == [{**view, "config": None} for view in views[1:]]
        spec = {name: with_defaults(ours["task_spec"][name]) for name in ("input_spec", "output_spec")}
        assert theirs == {**ours, "task_spec": {**spec, "view_spec": views[0]}}


def with_defaults(spec: dict[str, Any]) -> dict[str, Any]:
    """Return fields with the defaults of the API, which Toloka-Kit sends."""
    return {name: {"required": True, "hidden": False} | field for name, field in spec.items()}


def test_our_collectors_have_the_conditions_and_parameters_of_toloka_kit(kit: dict[str, Any]) -> None:
    # the API's document gives these two a history_size
    more = {"ASSIGNMENTS_ASSESSMENT": ["history_size"], "USERS_ASSESSMENT": ["history_size"]}
    assert {
        name: [sorted(collector.conditions), [key for key in sorted(collector.parameters) if key not in more.get(name, ())]]
        for name, collector in COLLECTORS.items()
    } == kit["collectors"]


def test_our_filters_have_the_keys_and_operators_of_toloka_kit(kit: dict[str, Any]) -> None:
    assert {name: [key.category, sorted(key.operators)] for name, key in FILTER_KEYS.items()} == kit["filter_keys"]
