"""Forms of pools and projects: what the functions return, what they refuse, and how forms written by hand are checked."""

from __future__ import annotations

import asyncio
import json
import warnings
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from support.every_rule import every_rule

import toloka_frames as tf
from toloka_frames._schema.pool_filters import FILTER_KEYS

if TYPE_CHECKING:
    from collections.abc import Callable

    from toloka_frames.local import LocalToloka

CATS: dict[str, Any] = {"inputs": {"image": "url"}, "outputs": {"result": ["cat", "dog"]}}
CARELESS = tf.rule("GOLDEN_SET", "correct_answers_rate < 60 and total_answers_count >= 3", tf.ban(days=1))


# -- Pools


def test_a_pool_has_the_fields_that_the_api_requires_and_nothing_that_was_not_set() -> None:
    before = datetime.now(UTC)
    form = tf.pool_form("1080020")
    expires = datetime.fromisoformat(form.pop("will_expire")).replace(tzinfo=UTC)
    assert timedelta(days=30, seconds=-2) < expires - before < timedelta(days=30, seconds=60)
    assert form.pop("private_name").startswith("Pool of 20")
    assert form == {
        "project_id": "1080020",
        "may_contain_adult_content": False,
        "reward_per_assignment": 0.02,
        "assignment_max_duration_seconds": 600,
        "auto_accept_solutions": True,
        "defaults": {"default_overlap_for_new_tasks": 3, "default_overlap_for_new_task_suites": 3},
        "mixer_config": {"real_tasks_count": 5, "golden_tasks_count": 0, "training_tasks_count": 0},
    }


def test_every_keyword_of_a_pool_sets_its_field() -> None:
    form = tf.pool_form(
        {"id": "7"},
        reward=0.05,
        overlap=2,
        real=9,
        golden=1,
        filter=tf.filter("languages in EN"),
        rules=[CARELESS],
        training=tf.Row(id="21"),
        training_passing_skill_value=70,
        captcha="LOW",
        private_name="Monday",
        will_expire="2099-01-01",
        assignment_max_duration_seconds=60,
        auto_accept_solutions=False,
        may_contain_adult_content=True,
        priority=10,
        auto_accept_period_day=7,
    )
    assert form == {
        "project_id": "7",
        "private_name": "Monday",
        "may_contain_adult_content": True,
        "will_expire": "2099-01-01T00:00:00",
        "reward_per_assignment": 0.05,
        "assignment_max_duration_seconds": 60,
        "auto_accept_solutions": False,
        "defaults": {"default_overlap_for_new_tasks": 2, "default_overlap_for_new_task_suites": 2},
        "mixer_config": {"real_tasks_count": 9, "golden_tasks_count": 1, "training_tasks_count": 0},
        "filter": {"and": [{"or": [{"category": "profile", "key": "languages", "operator": "IN", "value": "EN"}]}]},
        "quality_control": {
            "captcha_frequency": "LOW",
            "training_requirement": {"training_pool_id": "21", "training_passing_skill_value": 70},
            "configs": [CARELESS],
        },
        "priority": 10,
        "auto_accept_period_day": 7,
    }


def test_rules_of_equal_collectors_share_one_and_the_rules_given_stay_as_they_are() -> None:
    fast = tf.rule("ASSIGNMENT_SUBMIT_TIME", "fast_submitted_count > 2", tf.ban(hours=1), fast_submit_threshold_seconds=5)
    faster = tf.rule("ASSIGNMENT_SUBMIT_TIME", "fast_submitted_count > 2", tf.ban(hours=1), fast_submit_threshold_seconds=3)
    good = tf.rule("GOLDEN_SET", "correct_answers_rate > 90", tf.set_skill("42", "correct_answers_rate"))
    configs = tf.pool_form(1, rules=[CARELESS, fast, good, faster])["quality_control"]["configs"]
    assert configs == [
        {"collector_config": {"type": "GOLDEN_SET"}, "rules": [*CARELESS["rules"], *good["rules"]]},
        fast,
        faster,
    ]
    assert len(CARELESS["rules"]) == 1


def test_a_pool_without_a_mixer_takes_pages_that_are_made_by_hand(toloka: LocalToloka) -> None:
    client = toloka.client()
    project = client.create_project(tf.project_form(**CATS))
    pool = client.create_pool(tf.pool_form(project, real=0, overlap=1))
    pages = pd.DataFrame({"image": ["https://example.com/1.jpg", "https://example.com/2.jpg"], "page": [1, 1]})
    results = pages.pipe(tf.create_task_suites, client, pool.id, suite_column="page", allow_defaults=True, progress=False)
    assert results["status"].tolist() == ["CREATED", "CREATED"]
    assert "mixer_config" not in pool


WRONG_POOLS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "a reward below the minimum": (lambda: tf.pool_form(1, reward=0.001), tf.InputError, "at least 0.005"),
    "a negative reward": (lambda: tf.pool_form(1, reward=-1), tf.InputError, "at least 0.005"),
    "no overlap": (lambda: tf.pool_form(1, overlap=0), tf.InputError, "from 1 to 30,000"),
    "half an answer": (lambda: tf.pool_form(1, overlap=2.5), tf.InputError, "a whole number"),  # type: ignore[arg-type]
    "no time": (lambda: tf.pool_form(1, assignment_max_duration_seconds=1), tf.InputError, "of at least 5"),
    "a flag as text": (
        lambda: tf.pool_form(1, auto_accept_solutions="no"),  # type: ignore[arg-type]
        tf.InputError,
        "true or false",
    ),
    "a date that is none": (lambda: tf.pool_form(1, will_expire="tomorrow"), tf.InputError, "a timestamp is needed"),
    "a period that is too long": (lambda: tf.pool_form(1, auto_accept_period_day=30), tf.InputError, "from 1 to 21"),
    "a misspelt field": (
        lambda: tf.pool_form(1, auto_accept_solution=False),  # type: ignore[call-arg]
        TypeError,
        "the nearest is 'auto_accept_solutions'",
    ),
    "a misspelt keyword": (lambda: tf.pool_form(1, rewards=0.05), TypeError, "the nearest is 'reward'"),  # type: ignore[call-arg]
    "a field with a keyword": (
        lambda: tf.pool_form(1, reward_per_assignment=0.05),  # type: ignore[call-arg]
        tf.InputError,
        "has the keyword reward=",
    ),
    "an unknown captcha": (lambda: tf.pool_form(1, captcha="LOWER"), tf.InputError, "the nearest is 'LOW'"),  # type: ignore[arg-type]
    "a training that nobody passes": (
        lambda: tf.pool_form(1, training=2, training_passing_skill_value=101),
        tf.InputError,
        "from 0 to 100",
    ),
    "rules that are none": (lambda: tf.pool_form(1, rules=None), tf.InputError, "takes a list"),  # type: ignore[arg-type]
    "rules that are a number": (lambda: tf.pool_form(1, rules=5), tf.InputError, "takes a list"),  # type: ignore[arg-type]
    "a mixer that is a number": (lambda: tf.pool_form(1, mixer=5), tf.InputError, "takes what tf.mixer"),  # type: ignore[arg-type]
    "a rule that is not in a list": (lambda: tf.pool_form(1, rules=CARELESS), tf.InputError, "takes a list"),  # type: ignore[arg-type]
    "an action in place of a rule": (lambda: tf.pool_form(1, rules=[tf.ban(days=1)]), tf.InputError, "takes a list of rules"),
    "a filter as text": (lambda: tf.pool_form(1, filter="languages in EN"), tf.InputError, "what tf.filter returns"),  # type: ignore[arg-type]
    "a rule with a wrong name": (
        lambda: tf.pool_form(1, rules=[{"collector_config": {"type": "GOLD_SET"}, "rules": []}]),
        tf.InputError,
        "the nearest is 'GOLDEN_SET'",
    ),
    "a verdict where all is accepted": (
        lambda: tf.pool_form(1, rules=[tf.rule("INCOME", "income_sum_for_last_24_hours > 1", tf.reject_all("Enough"))]),
        tf.InputError,
        "(?s)REJECT_ALL_ASSIGNMENTS has no effect.*auto_accept_solutions=False",
    ),
    "two mixers": (lambda: tf.pool_form(1, real=3, mixer=tf.mixer(real=3)), tf.InputError, "set the same"),
    "a mixer with a wrong name": (
        lambda: tf.pool_form(1, mixer={"real_task_count": 3}),
        tf.InputError,
        "the nearest is 'real_tasks_count'",
    ),
    "an empty page": (tf.mixer, tf.InputError, "A page needs tasks"),
    "a large page": (lambda: tf.mixer(real=501), tf.InputError, "from 0 to 500"),
    "a last page larger than the others": (lambda: tf.mixer(real=3, min_real=4), tf.InputError, "more than real_tasks_count"),
    "no project": (lambda: tf.pool_form(""), tf.InputError, "project_id"),
}


@pytest.mark.parametrize("mistake", WRONG_POOLS)
def test_a_wrong_pool_is_refused_with_a_message_that_says_what_is_needed(mistake: str) -> None:
    make, kind, message = WRONG_POOLS[mistake]
    with pytest.raises(kind, match=message):
        make()


@pytest.mark.parametrize("reward", [0, 0.005, np.float64(0.02), np.float32(0.05), np.float16(0.1), Decimal("0.02"), 5])
def test_rewards_are_numbers_of_any_type(reward: Any, toloka: LocalToloka) -> None:
    client = toloka.client()
    project = client.create_project(tf.project_form(**CATS))
    assert client.create_pool(tf.pool_form(project, reward=reward)).reward_per_assignment == float(str(reward))


# -- Filters


def condition(category: str, key: str, operator: str, value: Any) -> dict[str, Any]:
    return {"category": category, "key": key, "operator": operator, "value": value}


ENGLISH = condition("profile", "languages", "IN", "EN")
GERMAN = condition("profile", "languages", "IN", "DE")
AMERICAN = condition("profile", "country", "EQ", "US")
PHONE = condition("computed", "device_category", "EQ", "SMARTPHONE")
FILTERS: dict[str, tuple[tuple[Any, ...], list[list[dict[str, Any]]]]] = {
    "one": (("languages in EN",), [[ENGLISH]]),
    "two": (("languages in EN", "country == US"), [[ENGLISH], [AMERICAN]]),
    "and": (("languages in EN and country EQ US",), [[ENGLISH], [AMERICAN]]),
    "list": ((["languages in EN", "country == US"],), [[ENGLISH, AMERICAN]]),
    "tuple": ((("languages in EN", "country == US"), "device_category == SMARTPHONE"), [[ENGLISH, AMERICAN], [PHONE]]),
    "several values": (("languages in EN, DE",), [[ENGLISH, GERMAN]]),
    "values in brackets": (("languages in ['EN', 'DE']",), [[ENGLISH, GERMAN]]),
    "equality of a language": (("languages == EN",), [[ENGLISH]]),
    "countries": (("country in US, CA",), [[AMERICAN, condition("profile", "country", "EQ", "CA")]]),
    "not in": (
        ("languages not in EN, DE",),
        [[condition("profile", "languages", "NOT_IN", code)] for code in ("EN", "DE")],
    ),
    "other countries": (
        ("country not in US, CA",),
        [[condition("profile", "country", "NE", code)] for code in ("US", "CA")],
    ),
    "skill": (("skill:1234 >= 80.5",), [[condition("skill", "1234", "GTE", 80.5)]]),
    "without a skill": (("skill:1234 == none",), [[condition("skill", "1234", "EQ", None)]]),
    "adults": (("adult_allowed == true",), [[condition("profile", "adult_allowed", "EQ", True)]]),
    "a region": (("region_by_ip in 84",), [[condition("computed", "region_by_ip", "IN", 84)]]),
    "born": (("date_of_birth < 820454400",), [[condition("profile", "date_of_birth", "LT", 820454400)]]),
    "the form of the API": ((AMERICAN, [PHONE, "languages in EN"]), [[AMERICAN], [PHONE, ENGLISH]]),
}


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_has_the_form_of_the_api(name: str) -> None:
    conditions, groups = FILTERS[name]
    assert tf.filter(*conditions) == {"and": [{"or": group} for group in groups]}


def test_an_alternative_can_be_several_conditions() -> None:
    found = tf.filter(["languages in EN and country == US", "languages in DE"])
    assert found == {"and": [{"or": [{"and": [{"or": [ENGLISH]}, {"or": [AMERICAN]}]}, GERMAN]}]}


SAMPLES = {"country": "US", "citizenship": "US", "languages": "EN", "adult_allowed": "true", "verified": "true"}
SIGNS = {"EQ": "==", "NE": "!=", "IN": "in", "NOT_IN": "not in", "LT": "<", "LTE": "<=", "GT": ">", "GTE": ">="}


@pytest.mark.parametrize("key", FILTER_KEYS)
def test_a_key_is_accepted_with_each_of_its_operators_and_a_misspelt_one_is_refused_with_the_right_one(key: str) -> None:
    known = FILTER_KEYS[key]
    value = SAMPLES.get(key, known.kind.names[0] if known.kind.names else "12")
    for operator in known.operators:
        found = tf.filter(f"{key} {SIGNS[operator]} {value}")["and"][0]["or"][0]
        assert (found["category"], found["key"], found["operator"]) == (known.category, key, operator)
    for wrong in (key[:2] + key[3:], key + "s", key.upper()):
        with pytest.raises(tf.InputError, match=f"the nearest is '{key}'"):
            tf.filter(f"{wrong} == {value}")
    for sign in set(SIGNS.values()) - {SIGNS[operator] for operator in known.operators} - {"==", "!=", "in", "not in"}:
        with pytest.raises(tf.InputError, match=f"{key} has no operator"):
            tf.filter(f"{key} {sign} {value}")


@pytest.mark.parametrize(
    ("text", "message"),
    {
        "device_category == PHONE": "one of PERSONAL_COMPUTER",
        "device_category == SMARTPHONES": "the nearest is 'SMARTPHONE'",
        "country == us": "two capital letters",
        "languages in English": "capital letters",
        "skill:12 >= 101": "from 0 to 100",
        "city in Berlin": "a region's id",
        "adult_allowed == yes": "true or false",
        "English": "not a condition",
        "country == US or country == CA": "an 'or'",
        "": "not a condition",
    }.items(),
)
def test_a_wrong_filter_is_refused_with_what_is_needed(text: str, message: str) -> None:
    with pytest.raises(tf.InputError, match=message):
        tf.filter(text)


@pytest.mark.parametrize("conditions", [(), ([],), (3,)])
def test_a_filter_needs_conditions(conditions: Any) -> None:
    with pytest.raises(tf.InputError, match="condition"):
        tf.filter(*conditions)


# -- Projects


def test_a_project_has_its_fields_and_a_view_of_them() -> None:
    form = tf.project_form(
        "Cat or dog?",
        inputs={"image": "url", "source": "url", "title": "string?", "id": {"type": "string", "hidden": True}},
        outputs={"result": ["cat", "dog"], "count": {"type": "integer", "min_value": 1}, "sure": "boolean", "why": "string?"},
        public_instructions="Look.",
    )
    view = form["task_spec"].pop("view_spec")
    assert form == {
        "public_name": "Cat or dog?",
        "public_description": "Cat or dog?",
        "public_instructions": "Look.",
        "assignments_issuing_type": "AUTOMATED",
        "task_spec": {
            "input_spec": {
                "image": {"type": "url"},
                "source": {"type": "url"},
                "title": {"type": "string", "required": False},
                "id": {"type": "string", "hidden": True},
            },
            "output_spec": {
                "result": {"type": "string", "allowed_values": ["cat", "dog"]},
                "count": {"type": "integer", "min_value": 1},
                "sure": {"type": "boolean"},
                "why": {"type": "string", "required": False},
            },
        },
    }
    items = json.loads(view["config"])["view"]["items"]
    assert [item["type"] for item in items] == [
        *("view.image", "view.link", "view.text"),
        *("field.radio-group", "field.number", "field.checkbox", "field.text"),
    ]
    required = {"type": "condition.required"}
    assert items[3] == {
        "type": "field.radio-group",
        "options": [{"label": "cat", "value": "cat"}, {"label": "dog", "value": "dog"}],
        "data": {"type": "data.output", "path": "result"},
        "label": "result",
        "validation": required,
    }
    assert (items[4]["minimum"], "validation" in items[5], "validation" in items[6]) == (1, False, False)
    assert (view["type"], view["inferDataSpec"]) == ("tb", False)
    used = ("view.list", "condition.required", *(item["type"] for item in items))
    assert view["lock"] == {"core": "1.0.0"} | dict.fromkeys(used, "1.0.0")


def test_a_view_of_ones_own_is_taken_as_it_is() -> None:
    view = {"type": "classic", "markup": "{{img src=image}}"}
    form = tf.project_form(inputs={"boxes": "json"}, outputs={"areas": "array_string"}, view_spec=view)
    assert form["task_spec"]["view_spec"] == view
    assert form["public_name"] == "areas of boxes"


@pytest.mark.parametrize("type_", ["boolean", "string", "integer", "float", "url", "file"])
def test_each_type_of_an_answer_has_a_field_in_the_view(type_: str) -> None:
    form = tf.project_form(inputs={"text": "string"}, outputs={"answer": type_})
    items = json.loads(form["task_spec"]["view_spec"]["config"])["view"]["items"]
    assert items[1]["data"] == {"type": "data.output", "path": "answer"}


WRONG_PROJECTS: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "an unknown type": ({"inputs": {"image": "urls"}}, tf.InputError, "inputs, field 'image': .*the nearest is 'url'"),
    "a file as an input": ({"inputs": {"image": "file"}}, tf.InputError, "no type 'file'"),
    "no fields": ({"outputs": {}}, tf.InputError, "at least one field"),
    "values of two types": ({"outputs": {"result": [1, "2"]}}, tf.InputError, "values of one type"),
    "no values": ({"outputs": {"result": []}}, tf.InputError, "values of one type"),
    "a type of Python": ({"outputs": {"result": int}}, tf.InputError, "values of one type"),
    "an answer without a view": ({"outputs": {"boxes": "json"}}, tf.InputError, "cannot show the type json"),
    "a task without a view": ({"inputs": {"images": "array_url"}}, tf.InputError, "cannot show the type array_url"),
    "a misspelt field": ({"public_instruction": "Look."}, TypeError, "the nearest is 'public_instructions'"),
    "a rule with a wrong name": (
        {"quality_control": {"configs": [{"collector_config": {"type": "GOLDENSET"}, "rules": []}]}},
        tf.InputError,
        "the nearest is 'GOLDEN_SET'",
    ),
}


@pytest.mark.parametrize("mistake", WRONG_PROJECTS)
def test_a_wrong_project_is_refused_with_a_message_that_says_what_is_needed(mistake: str) -> None:
    arguments, kind, message = WRONG_PROJECTS[mistake]
    with pytest.raises(kind, match=message):
        tf.project_form(**(CATS | arguments))


# -- Trainings

WRONG_TRAININGS: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "no tasks": ({"tasks": 0}, tf.InputError, "tasks needs a whole number from 1 to 500, not 0"),
    "no pages": ({"pages": 0}, tf.InputError, "pages needs a whole number from 1 to 500, not 0"),
    "a share of a page": ({"pages": 0.5}, tf.InputError, "pages needs a whole number .*, not 0.5"),
    "too short a time": (
        {"assignment_max_duration_seconds": 1},
        tf.InputError,
        "assignment_max_duration_seconds needs a whole number",
    ),
    "text for a flag": ({"inherited_instructions": "yes"}, tf.InputError, "inherited_instructions needs true or false"),
    "a misspelt field": ({"retry_training_after_day": 5}, TypeError, "the nearest is 'retry_training_after_days'"),
}


@pytest.mark.parametrize("mistake", WRONG_TRAININGS)
def test_a_wrong_training_is_refused_with_a_message_that_says_what_is_needed(mistake: str) -> None:
    arguments, kind, message = WRONG_TRAININGS[mistake]
    with pytest.raises(kind, match=message):
        tf.training_form(1, **arguments)


def test_a_training_of_a_form_trains_for_a_pool_of_a_form(toloka: LocalToloka) -> None:
    client = toloka.client()
    project = client.create_project(tf.project_form(**CATS))
    training = client.create_training(tf.training_form(project, tasks=2, public_instructions="Look."))
    lessons = pd.DataFrame({"image": ["https://example.com/1.jpg", "https://example.com/2.jpg"], "GOLDEN:result": "cat"})
    lessons.pipe(tf.create_tasks, client, training, infinite_overlap=True, progress=False)
    client.open_training(training)
    toloka.answer(training, accuracy=1)
    pool = client.create_pool(tf.pool_form(project, real=1, training=training))
    images = pd.DataFrame({"image": ["https://example.com/3.jpg"]})
    images.pipe(tf.create_tasks, client, pool, allow_defaults=True, open_pool=True, progress=False)
    assert toloka.answer(pool) == 3
    assert client.get_training(training).public_instructions == "Look."


# -- Both at work


def test_a_pool_of_forms_is_filled_answered_and_read(toloka: LocalToloka) -> None:
    client = toloka.client()
    skill = client.create_skill(name="Cats")
    project = client.create_project(tf.project_form("Cat or dog?", **CATS))
    rules = [CARELESS, tf.rule("GOLDEN_SET", "total_answers_count > 0", tf.set_skill(skill, "correct_answers_rate"))]
    pool = client.create_pool(tf.pool_form(project, real=4, golden=1, rules=rules))
    images = pd.DataFrame({"INPUT:image": [f"https://example.com/{number}.jpg" for number in range(22)]})
    images.loc[:1, "GOLDEN:result"] = "cat"
    images["TASK:infinite_overlap"] = images["GOLDEN:result"].notna()
    images.pipe(tf.create_tasks, client, pool_id=pool.id, allow_defaults=True, open_pool=True, progress=False)
    toloka.answer(pool.id)
    answers = client.get_assignments(pool.id).to_dataframe()
    assert answers["GOLDEN:result"].notna().any()
    assert set(answers["OUTPUT:result"]) <= {"cat", "dog"}


# -- Forms written by hand


def wrong_pool(project_id: str) -> dict[str, Any]:
    """Return the form of a pool with a misspelt field, collector, key of a filter and count of a mixer."""
    form = tf.pool_form(project_id, filter=tf.filter("languages in EN"), rules=[CARELESS], will_expire="2099-01-01")
    form["auto_accept_solution"] = False
    form["quality_control"]["configs"][0]["collector_config"]["type"] = "GOLDENSET"
    form["filter"]["and"][0]["or"][0]["key"] = "language"
    form["mixer_config"]["min_real_task_count"] = 1
    return form


NEAREST = ("'auto_accept_solutions'", "'GOLDEN_SET'", "'languages'", "'min_real_tasks_count'")


def test_a_wrong_form_of_a_pool_is_sent_with_one_warning_at_the_line_of_the_caller(toloka: LocalToloka) -> None:
    client, awaited = toloka.client(), toloka.async_client()
    project = client.create_project(tf.project_form(**CATS))
    form = wrong_pool(project.id)

    async def create() -> tf.Row:
        return await awaited.create_pool(form)

    async def create_in_a_task() -> tf.Row:
        return await asyncio.create_task(awaited.create_pool(form))

    calls: list[Callable[[], Any]] = [
        lambda: client.create_pool(form),
        lambda: client.update_pool(client.create_pool(tf.pool_form(project)).id, form),
        lambda: client.update_pool(pool=form, pool_id=client.create_pool(tf.pool_form(project)).id),
        lambda: tf.run(awaited.create_pool(form)),
        lambda: asyncio.run(create()),
        lambda: asyncio.run(create_in_a_task()),
    ]
    for call in calls:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert call().auto_accept_solution is False
        assert len(caught) == 1
        assert Path(caught[0].filename) == Path(__file__)
        assert "form" in Path(__file__).read_text("utf-8").splitlines()[caught[0].lineno - 1]
        assert [name for name in NEAREST if f"the nearest is {name}" not in str(caught[0].message)] == []


def test_a_wrong_rule_of_a_project_warns(toloka: LocalToloka) -> None:
    client = toloka.client()
    form = tf.project_form(**CATS, quality_control={"configs": [CARELESS]})
    form["quality_control"]["configs"] = [json.loads(json.dumps(CARELESS).replace("correct_answers_rate", "correct_rate"))]
    with pytest.warns(UserWarning, match="GOLDEN_SET has no condition 'correct_rate'; the nearest is 'correct_answers_rate'"):
        project = client.create_project(form)
    with pytest.warns(UserWarning, match="'correct_rate'"):
        client.update_project(project.id, form)


@pytest.mark.filterwarnings("error")
def test_what_the_service_returns_can_be_sent_back_without_a_warning(toloka: LocalToloka) -> None:
    client = toloka.client()
    project = client.create_project(tf.project_form(**CATS, quality_control={"configs": [CARELESS]}))
    client.update_project(project.id, project | {"a_field_of_next_year": 1})
    pool = client.create_pool(tf.pool_form(project, rules=[CARELESS], filter=tf.filter("languages in EN")))
    client.update_pool(pool.id, pool | {"a_field_of_next_year": 1})


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("form", [None, [], "pool", {"filter": [], "quality_control": 3, "mixer_config": "x"}, {"x": object()}])
def test_a_form_of_another_shape_is_left_to_the_call(form: Any, toloka: LocalToloka) -> None:
    with pytest.raises((tf.TolokaError, TypeError)):
        toloka.client().create_pool(form)


def test_every_rule_is_taken_by_the_local_service_and_lets_tolokers_work(toloka: LocalToloka) -> None:
    client = toloka.client()
    skill = client.create_skill(name="Cats")
    rules = json.loads(json.dumps(every_rule()).replace('"skill_id": "42"', f'"skill_id": "{skill.id}"'))
    assert len(rules) > 800
    project = client.create_project(tf.project_form(**CATS))
    form = tf.pool_form(project, real=1, overlap=2, rules=rules, auto_accept_solutions=False)
    pool = client.create_pool(form)
    assert pool.quality_control == form["quality_control"]
    images = pd.DataFrame({"image": [f"https://example.com/{number}.jpg" for number in range(3)]})
    images.pipe(tf.create_tasks, client, pool.id, allow_defaults=True, open_pool=True, progress=False)
    with pytest.warns(UserWarning, match="configs with TRAINING or USERS_ASSESSMENT") as warned:
        assert toloka.answer(pool.id) > 0
    assert len(warned) == 1
    # each Toloker who has answered was banned, and has a skill
    workers = {row.user_id for row in client.get_assignments(pool.id)}
    assert {row.user_id for row in client.get_user_restrictions()} == workers
    assert {row.user_id for row in client.get_user_skills(skill_id=skill.id)} == workers
