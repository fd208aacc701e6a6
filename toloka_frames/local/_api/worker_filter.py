"""Which Tolokers the filter of a pool admits (Toloka API, Pool.filter).

A condition on a field that the local service does not know of Tolokers holds for everyone.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from toloka_frames.local._api.language_skills import LANGUAGE_SKILLS
from toloka_frames.local._api.users import user_metadata
from toloka_frames.local._base.errors import field_error
from toloka_frames.local._base.ids_and_timestamps import parse_timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from toloka_frames.local._base.errors import FieldErrors
    from toloka_frames.local._base.field_specs import Json
    from toloka_frames.local._store.store import Row, Store

_HOUR_SECONDS = 3_600
_KNOWN_FIELDS = frozenset({"adult_allowed", "country", "languages", *user_metadata("")["attributes"]})
ORDERINGS: dict[str, Callable[[Any, Any], Any]] = {
    "GT": operator.gt,
    "GTE": operator.ge,
    "LT": operator.lt,
    "LTE": operator.le,
}
_NEGATIONS = ("NE", "NOT_IN")
_LANGUAGES = {skill_id: language for language, skill_id in LANGUAGE_SKILLS.items()}


def filter_errors(condition: Json, path: str) -> FieldErrors:
    """Return the errors of the shape of a filter, by path; None has none."""
    if condition is None:
        return {}
    if not isinstance(condition, dict):
        return {path: field_error("OBJECT_EXPECTED")}
    errors: FieldErrors = {}
    for name in ("and", "or"):
        parts = condition.get(name, [])
        if not isinstance(parts, list):
            errors[f"{path}.{name}"] = field_error("ARRAY_EXPECTED")
            continue
        for number, part in enumerate(parts):
            errors |= filter_errors(part, f"{path}.{name}.{number}")
    # Toloka-Kit's AutoQuality sends a whole skill in place of its id
    if condition.get("category") != "skill" and not isinstance(condition.get("key", ""), str | int | None):
        errors[f"{path}.key"] = field_error("STRING_EXPECTED")
    if any(isinstance(value, list | dict) for value in _values(condition.get("value"))):
        errors[f"{path}.value"] = field_error("VALUE_NOT_ALLOWED")
    return errors


def admits(store: Store, condition: Row | None, user_id: str, at: float) -> bool:
    """Return whether a filter admits a Toloker at a time (Unix seconds); None admits everyone."""
    if not condition:
        return True
    if "and" in condition:
        return all(admits(store, part, user_id, at) for part in condition["and"])
    if "or" in condition:
        return any(admits(store, part, user_id, at) for part in condition["or"])
    if condition.get("category") == "skill":
        return _holds(condition, _skill_value(store, str(condition.get("key")), user_id, at))
    metadata = user_metadata(user_id)
    fields = metadata | metadata["attributes"]
    return condition.get("key") not in _KNOWN_FIELDS or _holds(condition, fields[condition["key"]])


def unknown_fields(condition: Row | None) -> Iterator[str]:
    """Return the fields of a filter that the local service does not know of Tolokers."""
    if not condition:
        return
    for part in [*condition.get("and", ()), *condition.get("or", ())]:
        yield from unknown_fields(part)
    if "key" in condition and condition.get("category") != "skill" and condition["key"] not in _KNOWN_FIELDS:
        yield str(condition["key"])


def _holds(condition: Row, found: Any) -> bool:
    wanted, name = condition.get("value"), condition.get("operator", "EQ")
    if isinstance(found, int | float) and isinstance(wanted, str):
        wanted = _number(wanted)
    if name in ORDERINGS:
        are_numbers = isinstance(found, int | float) and isinstance(wanted, int | float)
        return are_numbers and bool(ORDERINGS[name](found, wanted))
    # languages are several, and so may be those that a condition names
    is_equal = bool({*_values(wanted)} & {*_values(found)})
    return is_equal != (name in _NEGATIONS)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _values(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _skill_value(store: Store, skill_id: str, user_id: str, at: float) -> float | None:
    """Return a Toloker's value of a skill; None without one, or if its time to live has ended."""
    row = store.find_by("user_skills", skill_id=int(skill_id), user_id=user_id) if skill_id.isdecimal() else None
    if row is None:
        # simulated Tolokers have passed the tests of the languages that they speak
        return 100.0 if _LANGUAGES.get(skill_id) in user_metadata(user_id)["languages"] else None
    hours = (store.find("skills", skill_id) or {}).get("skill_ttl_hours")
    if hours and parse_timestamp(row["modified"]) + hours * _HOUR_SECONDS <= at:
        return None
    return float(row["exact_value"])
