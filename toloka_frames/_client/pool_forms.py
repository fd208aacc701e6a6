"""Forms of pools in a call: the form itself, its page of tasks and its filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, Unpack

from toloka_frames._client import pool_settings
from toloka_frames._client.form_checks import check_field_names, with_fields
from toloka_frames._errors import InputError
from toloka_frames._schema.form_fields import OVERLAP, POOL_VALUES, PoolFields, pool_problems
from toloka_frames._schema.form_values import PERCENTAGE, refuse, value_problems, wrong_value
from toloka_frames._schema.timestamps import format_timestamp
from toloka_frames._validation import id_text, one_of, validate

if TYPE_CHECKING:
    from toloka_frames._schema.timestamps import TimestampLike
    from toloka_frames._validation import Id

Captcha: TypeAlias = Literal["LOW", "MEDIUM", "HIGH"]
REAL_TASKS = 5
DAYS = timedelta(days=30)
# fields of the API that a shorter keyword sets
SHORT_NAMES = {
    "reward_per_assignment": "reward",
    "defaults": "overlap",
    "mixer_config": "mixer",
    "quality_control": "rules",
}
EXAMPLES = {"filter": "tf.filter('languages in EN')", "mixer": "tf.mixer(real=4, golden=1)"}


@with_fields(PoolFields)
def pool_form(
    project_id: Id,
    *,
    reward: float = 0.02,
    overlap: int = 3,
    real: int | None = None,
    golden: int | None = None,
    mixer: Mapping[str, Any] | None = None,
    filter: Mapping[str, Any] | None = None,  # noqa: A002 -- the API's name
    rules: Sequence[Mapping[str, Any]] = (),
    training: Id | None = None,
    training_passing_skill_value: int = 80,
    captcha: Captcha | None = None,
    private_name: str | None = None,
    will_expire: TimestampLike | timedelta = DAYS,
    assignment_max_duration_seconds: int = 600,
    auto_accept_solutions: bool = True,
    may_contain_adult_content: bool = False,
    **more: Unpack[PoolFields],
) -> dict[str, Any]:
    """Return the form of a pool, for `client.create_pool`.

    It is a dict with the names of the API, which can be changed before it is sent.

    Args:
        project_id: The pool's project.
        reward: What a page of tasks pays, in US dollars.
        overlap: How many answers each task, or page, gets.
        real: The number of tasks on a page that are not control tasks; 5 by default. With `real=0` and no control tasks the
            pool has no mixer, and takes pages that you make (`tf.create_task_suites`).
        golden: The number of control tasks on a page; 0 by default.
        mixer: All settings of a page (`tf.mixer`), in place of `real` and `golden`.
        filter: Which Tolokers get the tasks (`tf.filter`); all by default.
        rules: Quality control rules (`tf.rule`). Rules of the same collector with the same parameters share one.
        training: The training that Tolokers must have passed.
        training_passing_skill_value: The percentage of right answers in the training that is needed.
        captcha: How often captchas are shown: "LOW", "MEDIUM" or "HIGH". The API says that this is deprecated.
        private_name: The pool's name, which only you see; by default, it has today's date.
        will_expire: When the pool closes at the latest: a timestamp (UTC) or a timedelta from now.
        assignment_max_duration_seconds: The time for a page, in seconds.
        auto_accept_solutions: Whether answers are accepted, and paid, without your review.
        may_contain_adult_content: Whether tasks may have content for adults only.
        **more: Other fields of the API, such as `auto_accept_period_day=7` or `priority=10`.

    Returns:
        The form.

    Raises:
        InputError: If a value is out of range, or a rule, the filter or the mixer is not valid.
        TypeError: If there is no field of a name; the message has the nearest.

    Example:
        >>> rule = tf.rule("GOLDEN_SET", "correct_answers_rate < 60 and total_answers_count >= 3", tf.ban(days=1))
        >>> form = tf.pool_form(project.id, reward=0.05, golden=1, rules=[rule], private_name="Tuesday")
        >>> form["mixer_config"]
        {'real_tasks_count': 5, 'golden_tasks_count': 1, 'training_tasks_count': 0}
        >>> client.create_pool(form).private_name
        'Tuesday'

    Source: Toloka API, "Create pool".
    """
    _check_names(more)
    project_id = id_text("project_id", project_id)
    defaults, page = _defaults(overlap), _page(real, golden, mixer)
    admitted = _object("filter", filter)
    quality_control = _quality_control(rules, _requirement(training, training_passing_skill_value), captcha)
    form = {
        "project_id": project_id,
        "private_name": f"Pool of {datetime.now(UTC):%Y-%m-%d}" if private_name is None else private_name,
        "may_contain_adult_content": may_contain_adult_content,
        "will_expire": _moment(will_expire),
        "reward_per_assignment": reward,
        "assignment_max_duration_seconds": assignment_max_duration_seconds,
        "auto_accept_solutions": auto_accept_solutions,
        "defaults": defaults,
        "mixer_config": page,
        "filter": admitted,
        "quality_control": quality_control,
    }
    # a copy of all of it, so that a change of the form does not change the rules that it was made of
    form = deepcopy({name: value for name, value in form.items() if value is not None} | more)
    refuse(value_problems("A pool", {name: form[name] for name in POOL_VALUES if name in form}, POOL_VALUES))
    refuse(pool_problems(form))
    return form


def _check_names(more: Mapping[str, Any]) -> None:
    for name, keyword in SHORT_NAMES.items():
        if name in more:
            raise InputError(f"pool_form() has the keyword {keyword}= for {name}.", column=name, hint=f"Use {keyword}=.")
    check_field_names(pool_form, more)


def _moment(value: TimestampLike | timedelta) -> str:
    if isinstance(value, timedelta):
        value = (datetime.now(UTC) + value).replace(microsecond=0)
    return validate("will_expire", format_timestamp, value)


def _defaults(overlap: int) -> dict[str, int]:
    if not OVERLAP.accepts(overlap):
        raise wrong_value("overlap", overlap, OVERLAP).error()
    return {"default_overlap_for_new_tasks": int(overlap), "default_overlap_for_new_task_suites": int(overlap)}


def _page(real: int | None, golden: int | None, mixer: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if mixer is not None:
        if real is not None or golden is not None:
            raise InputError("mixer= and real= or golden= set the same.", column="mixer", hint="Use one of them.")
        return _object("mixer", mixer)
    if real == 0 and not golden:
        return None
    return pool_settings.mixer(real=REAL_TASKS if real is None else real, golden=golden or 0)


def _object(name: str, value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if value is not None and not isinstance(value, Mapping):
        hint = f"{name}={EXAMPLES[name]}"
        raise InputError(f"{name}= takes what tf.{name} returns.", column=name, hint=hint)
    return None if value is None else dict(value)


def _requirement(training: Id | None, value: int) -> dict[str, Any] | None:
    if training is None:
        return None
    if not PERCENTAGE.accepts(value):
        raise wrong_value("training_passing_skill_value", value, PERCENTAGE).error()
    return {"training_pool_id": id_text("training", training), "training_passing_skill_value": value}


def _quality_control(
    rules: Sequence[Mapping[str, Any]], requirement: dict[str, Any] | None, captcha: Captcha | None
) -> dict[str, Any] | None:
    if not isinstance(rules, Sequence) or not all(_is_rule(rule) for rule in rules):
        raise InputError("rules= takes a list of rules.", column="rules", hint="rules=[tf.rule(...), ...]")
    found: dict[str, Any] = {}
    if captcha is not None:
        found["captcha_frequency"] = validate("captcha", one_of(Captcha), captcha)
    if requirement is not None:
        found["training_requirement"] = requirement
    return {**found, "configs": _joined(rules)} if found or rules else None


def _is_rule(value: Any) -> bool:
    return isinstance(value, Mapping) and "collector_config" in value


def _joined(rules: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Put the rules of equal collectors together, as Toloka-Kit does: each collector counts once."""
    configs: list[dict[str, Any]] = []
    for rule in rules:
        same = next((config for config in configs if config["collector_config"] == rule.get("collector_config")), None)
        if same is None:
            configs.append({**rule, "rules": list(rule.get("rules", ()))})
        else:
            same["rules"] += rule.get("rules", ())
    return configs
