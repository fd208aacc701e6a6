"""Toloka-Kit's forms: JSON on standard input -> JSON on standard output.

Runs inside .venv-kit, driven by test_kit_forms.py: it returns the forms that it gets as Toloka-Kit sends them, what its own
collectors and filters have, and forms that are written with its own classes.
"""

from __future__ import annotations

import json
import logging
import sys

import attr
import toloka.client as tk
from toloka.client import actions, collectors, conditions
from toloka.client import filter as filters
from toloka.client.quality_control import QualityControl

logging.disable(logging.CRITICAL)  # captchas are deprecated, and each use of them says so


def added(rules):
    """Return the rules as `add_action` puts them together."""
    quality_control = QualityControl()
    for collector, conditions_, action in rules:
        quality_control.add_action(collector=collector, conditions=conditions_, action=action)
    return quality_control.unstructure()["configs"]


def structured(config):
    """Return a config as `add_action` makes it of its parts."""
    return added(
        (
            collectors.CollectorConfig.structure(config["collector_config"]),
            [conditions.RuleCondition.structure(condition) for condition in rule["conditions"]],
            actions.RuleAction.structure(rule["action"]),
        )
        for rule in config["rules"]
    )[0]


def written():
    """Return rules as the notebooks of Toloka-Kit have them, by the names that test_kit_forms.py gives ours."""
    ban = actions.RestrictionV2(scope="PROJECT", duration=1, duration_unit="DAYS", private_comment="careless")
    return {
        "golden": (
            collectors.GoldenSet(history_size=10),
            [conditions.TotalAnswersCount > 2, conditions.CorrectAnswersRate < 60.5],
            ban,
        ),
        "skill": (
            collectors.MajorityVote(answer_threshold=2),
            [conditions.TotalAnswersCount > 4],
            actions.SetSkillFromOutputField(skill_id="42", from_field="correct_answers_rate"),
        ),
        "reject": (
            collectors.AssignmentsAssessment(),
            [conditions.AssessmentEvent == conditions.AssessmentEvent.REJECT],
            actions.ChangeOverlap(delta=1, open_pool=True),
        ),
        "fast": (
            collectors.AssignmentSubmitTime(history_size=5, fast_submit_threshold_seconds=20),
            [conditions.FastSubmittedCount > 3],
            actions.RejectAllAssignments(public_comment="Too fast responses."),
        ),
        "one page": (
            collectors.AnswerCount(),
            [conditions.AssignmentsAcceptedCount > 0],
            actions.SetSkill(skill_id="42", skill_value=1),
        ),
        "skipped": (
            collectors.SkippedInRowAssignments(),
            [conditions.SkippedInRowCount >= 10],
            actions.RestrictionV2(scope="POOL", duration_unit="PERMANENT"),
        ),
        "income": (collectors.Income(), [conditions.IncomeSumForLast24Hours >= 20], actions.ApproveAllAssignments()),
        "access": (
            collectors.UsersAssessment(),
            [conditions.PoolAccessRevokedReason == "SKILL_CHANGE", conditions.SkillId == "2626"],
            actions.ChangeOverlap(delta=1),
        ),
    }


def written_filters():
    """Return filters of pools, as pools send them."""
    english, phone = filters.Languages.in_("EN"), filters.DeviceCategory == "SMARTPHONE"
    return {
        "language": english,
        "languages": filters.Languages.in_(["EN", "DE"]),
        "no languages": filters.Languages.not_in(["EN", "DE"]),
        "both": english & phone,
        "either": english | phone,
        "skill": (filters.Skill("42") >= 80) & english & ((filters.Country == "US") | (filters.Country == "CA")),
        "no skill": filters.Skill("42") == None,  # noqa: E711 -- how Toloka-Kit writes it
        "adult": (filters.AdultAllowed == True) & (filters.OSVersion >= 12),  # noqa: E712 -- how Toloka-Kit writes it
    }


def filter_keys():
    """Return the category and the operators of each key of a filter."""
    found = {}
    for cls in vars(filters).values():
        if isinstance(cls, type) and attr.has(cls) and "key" in vars(cls).get("__annotations__", {}) | vars(cls):
            operators = attr.fields(cls).operator.type
            key = getattr(cls, "key", None)
            if hasattr(key, "value") and not isinstance(operators, str) and hasattr(operators, "__members__"):
                found[key.value] = [cls.category.value, sorted(member.value for member in operators)]
    return found


def collector_conditions():
    """Return the conditions of each collector, and its parameters."""
    found = {}
    for name in collectors.__all__[1:]:
        cls = getattr(collectors, name)
        parameters = [field.name for field in attr.fields(cls.Parameters)] if hasattr(cls, "Parameters") else []
        keys = sorted(key.value for key in cls._compatible_conditions)
        found[cls.type.value] = [keys, sorted(name for name in parameters if not name.startswith("_"))]
    return found


def main():
    """Answer the one request."""
    asked = json.load(sys.stdin)
    print(
        json.dumps(
            {
                "collectors": collector_conditions(),
                "filter_keys": filter_keys(),
                "configs": [structured(config) for config in asked["configs"]],
                "pools": [tk.Pool.structure(form).unstructure() for form in asked["pools"]],
                "projects": [tk.Project.structure(form).unstructure() for form in asked["projects"]],
                "written": {name: added([rule])[0] for name, rule in written().items()},
                "joined": added(written().values()),
                "filters": {name: tk.Pool(filter=made).unstructure()["filter"] for name, made in written_filters().items()},
            },
            default=str,
        )
    )


if __name__ == "__main__":
    main()
