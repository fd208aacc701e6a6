"""Check the rules of a pool or project, and the training that a pool requires (Toloka API, PoolQualityControl).

That the service refuses these values is inferred from the required fields, the types and the values of its document.
Collectors, condition keys and actions with other names are not refused: they do nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from toloka_frames.local._base.errors import field_error
from toloka_frames.local._base.field_specs import check_number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from toloka_frames.local._base.errors import FieldError, FieldErrors
    from toloka_frames.local._base.field_specs import Json

Check: TypeAlias = "Callable[[Json], FieldError | None]"
Fields: TypeAlias = "Mapping[str, tuple[Check, bool]]"  # by name: its check, and whether it is required


def quality_control_errors(value: Json) -> FieldErrors:
    """Return the errors of the quality control of a pool or project, by path; None has none."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        return {"quality_control": field_error("OBJECT_EXPECTED")}
    errors: FieldErrors = {}
    if value.get("training_requirement") is not None:
        errors |= _object_errors(value["training_requirement"], "quality_control.training_requirement", _REQUIREMENT)
    return errors | _list_errors(value.get("configs"), "quality_control.configs", _config_errors)


def _config_errors(config: Json, path: str) -> FieldErrors:
    errors = _object_errors(config, path, {"collector_config": (_is_object, True)})
    if not errors:
        collector, path_of_it = config["collector_config"], f"{path}.collector_config"
        errors |= _object_errors(collector, path_of_it, {"type": (_is_text, True)})
        errors |= _object_errors(collector.get("parameters") or {}, f"{path_of_it}.parameters", _COLLECTOR_PARAMETERS)
        errors |= _list_errors(config.get("rules"), f"{path}.rules", _rule_errors)
    return errors


def _rule_errors(rule: Json, path: str) -> FieldErrors:
    errors = _object_errors(rule, path, {"action": (_is_object, True)})
    if not errors:
        action, path_of_it = rule["action"], f"{path}.action"
        errors |= _object_errors(action, path_of_it, {"type": (_is_text, True)})
        fields = _ACTIONS.get(str(action.get("type")), {})
        errors |= _object_errors(action.get("parameters") or {}, f"{path_of_it}.parameters", fields)
        errors |= _list_errors(rule.get("conditions"), f"{path}.conditions", _condition_errors)
    return errors


def _condition_errors(condition: Json, path: str) -> FieldErrors:
    errors = _object_errors(condition, path, _CONDITION)
    if not errors:
        key = condition["key"]
        check = _is_number_or_its_text if key.endswith(_NUMERIC) else _is_text if key in _TEXTS else _is_anything
        errors |= _object_errors(condition, path, {"value": (check, True)})
    return errors


def _list_errors(values: Json, path: str, check: Callable[[Json, str], FieldErrors]) -> FieldErrors:
    if values is None:
        return {}
    if not isinstance(values, list):
        return {path: field_error("ARRAY_EXPECTED")}
    errors: FieldErrors = {}
    for number, value in enumerate(values):
        errors |= check(value, f"{path}.{number}")
    return errors


def _object_errors(value: Json, path: str, fields: Fields) -> FieldErrors:
    if not isinstance(value, dict):
        return {path: field_error("OBJECT_EXPECTED")}
    errors: FieldErrors = {}
    for name, (check, is_required) in fields.items():
        missing = field_error("VALUE_REQUIRED") if is_required else None
        error = missing if value.get(name) is None else check(value[name])
        if error:
            errors[f"{path}.{name}"] = error
    return errors


# -- checks of one value


def _is_anything(_value: Json) -> FieldError | None:
    return None


def _is_object(value: Json) -> FieldError | None:
    return None if isinstance(value, dict) else field_error("OBJECT_EXPECTED")


def _is_text(value: Json) -> FieldError | None:
    return None if isinstance(value, str) else field_error("STRING_EXPECTED")


def _is_id(value: Json) -> FieldError | None:
    # clients send numbers, too
    return None if str(value).isdecimal() else field_error("STRING_EXPECTED")


def _is_positive(value: Json) -> FieldError | None:
    return check_number(value, 1, None, "integer")


def _is_change(value: Json) -> FieldError | None:
    return check_number(value, float("-inf"), None, "integer")


def _is_percentage(value: Json) -> FieldError | None:
    return check_number(value, 0, 100)


def _is_number_or_its_text(value: Json) -> FieldError | None:
    try:
        # in examples of the API, numbers are text
        return check_number(float(value) if isinstance(value, str) else value, float("-inf"), None)
    except ValueError:
        return field_error("FLOAT_EXPECTED")


def _one_of(*names: str) -> Check:
    def check(value: Json) -> FieldError | None:
        return None if value in names else field_error("UNKNOWN_ENUM_VALUE")

    return check


# -- what the objects have

_REQUIREMENT: Fields = {"training_pool_id": (_is_id, True), "training_passing_skill_value": (_is_percentage, False)}
_COLLECTOR_PARAMETERS: Fields = dict.fromkeys(
    ("history_size", "fast_submit_threshold_seconds", "answer_threshold"), (_is_positive, False)
)
_CONDITION: Fields = {
    "key": (_is_text, True),
    "operator": (_one_of("EQ", "NE", "GT", "GTE", "LT", "LTE"), True),
    "value": (_is_anything, True),
}
# the ends of the keys whose statistics are numbers
_NUMERIC = ("_count", "_rate", "_for_last_24_hours")
_TEXTS = ("assessment_event", "pool_access_revoked_reason")
_SCOPE = _one_of("POOL", "PROJECT", "ALL_PROJECTS")
_ACTIONS: Mapping[str, Fields] = {
    "RESTRICTION": {"scope": (_SCOPE, True), "duration_days": (_is_positive, False)},
    "RESTRICTION_V2": {
        "scope": (_SCOPE, True),
        "duration": (_is_positive, False),
        "duration_unit": (_one_of("MINUTES", "HOURS", "DAYS", "PERMANENT"), False),
    },
    "SET_SKILL": {"skill_id": (_is_id, True), "skill_value": (_is_percentage, True)},
    "SET_SKILL_FROM_OUTPUT_FIELD": {"skill_id": (_is_id, True), "from_field": (_is_text, True)},
    "CHANGE_OVERLAP": {"delta": (_is_change, True)},
}
