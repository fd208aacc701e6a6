"""Check the rules of a pool or project, and the training that a pool requires (Toloka API, PoolQualityControl).

That the service refuses these values is inferred from the required fields, the types and the values of its document.
Collectors, condition keys and actions with other names are not refused: they do nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toloka_frames.local._api.form_checks import (
    accept_anything,
    check_change,
    check_id,
    check_number_or_its_text,
    check_object,
    check_percentage,
    check_positive,
    check_text,
    list_errors,
    object_errors,
    one_of,
)
from toloka_frames.local._base.errors import field_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toloka_frames.local._api.form_checks import Fields
    from toloka_frames.local._base.errors import FieldErrors
    from toloka_frames.local._base.field_specs import Json


def quality_control_errors(value: Json) -> FieldErrors:
    """Return the errors of the quality control of a pool or project, by path; None has none."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        return {"quality_control": field_error("OBJECT_EXPECTED")}
    errors: FieldErrors = {}
    if value.get("training_requirement") is not None:
        errors |= object_errors(value["training_requirement"], "quality_control.training_requirement", _REQUIREMENT)
    return errors | list_errors(value.get("configs"), "quality_control.configs", _config_errors)


def _config_errors(config: Json, path: str) -> FieldErrors:
    errors = object_errors(config, path, {"collector_config": (check_object, True)})
    if not errors:
        collector, path_of_it = config["collector_config"], f"{path}.collector_config"
        errors |= object_errors(collector, path_of_it, {"type": (check_text, True)})
        errors |= object_errors(collector.get("parameters") or {}, f"{path_of_it}.parameters", _COLLECTOR_PARAMETERS)
        errors |= list_errors(config.get("rules"), f"{path}.rules", _rule_errors)
    return errors


def _rule_errors(rule: Json, path: str) -> FieldErrors:
    errors = object_errors(rule, path, {"action": (check_object, True)})
    if not errors:
        action, path_of_it = rule["action"], f"{path}.action"
        errors |= object_errors(action, path_of_it, {"type": (check_text, True)})
        fields = _ACTIONS.get(str(action.get("type")), {})
        errors |= object_errors(action.get("parameters") or {}, f"{path_of_it}.parameters", fields)
        errors |= list_errors(rule.get("conditions"), f"{path}.conditions", _condition_errors)
    return errors


def _condition_errors(condition: Json, path: str) -> FieldErrors:
    errors = object_errors(condition, path, _CONDITION)
    if not errors:
        key = condition["key"]
        check = check_number_or_its_text if key.endswith(_NUMERIC) else check_text if key in _TEXTS else accept_anything
        errors |= object_errors(condition, path, {"value": (check, True)})
    return errors


# -- what the objects have

_REQUIREMENT: Fields = {"training_pool_id": (check_id, True), "training_passing_skill_value": (check_percentage, False)}
_COLLECTOR_PARAMETERS: Fields = dict.fromkeys(
    ("history_size", "fast_submit_threshold_seconds", "answer_threshold"), (check_positive, False)
)
_CONDITION: Fields = {
    "key": (check_text, True),
    "operator": (one_of("EQ", "NE", "GT", "GTE", "LT", "LTE"), True),
    "value": (accept_anything, True),
}
# the ends of the keys whose statistics are numbers
_NUMERIC = ("_count", "_rate", "_for_last_24_hours")
_TEXTS = ("assessment_event", "pool_access_revoked_reason")
_SCOPE = one_of("POOL", "PROJECT", "ALL_PROJECTS")
_ACTIONS: Mapping[str, Fields] = {
    "RESTRICTION": {"scope": (_SCOPE, True), "duration_days": (check_positive, False)},
    "RESTRICTION_V2": {
        "scope": (_SCOPE, True),
        "duration": (check_positive, False),
        "duration_unit": (one_of("MINUTES", "HOURS", "DAYS", "PERMANENT"), False),
    },
    "SET_SKILL": {"skill_id": (check_id, True), "skill_value": (check_percentage, True)},
    "SET_SKILL_FROM_OUTPUT_FIELD": {"skill_id": (check_id, True), "from_field": (check_text, True)},
    "CHANGE_OVERLAP": {"delta": (check_change, True)},
}
