"""Filters of a pool: which Tolokers get its tasks. What each key compares, and the problems of a filter.

Source: Toloka API, "Create pool" (filters); Toloka-Kit 1.2.3 (`filter`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toloka_frames._schema.form_values import (
    ANY_NUMBER,
    COMPARISONS,
    COUNT,
    EQUALITY,
    FLAG,
    Problem,
    ValueKind,
    accepts_in_condition,
    number,
    one_of,
    unknown_name,
    wrong_value,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

INCLUSION = ("IN", "NOT_IN")
SKILL = "skill"
CODE_LENGTH = 2  # of ISO 3166-1 alpha-2


@dataclass(frozen=True)
class FilterKey:
    """A property of Tolokers.

    Attributes:
        category: Its category in the API.
        kind: Its values.
        operators: Its operators in the API.
    """

    category: str
    kind: ValueKind
    operators: Sequence[str]


def _is_country(value: Any) -> bool:
    return isinstance(value, str) and len(value) == CODE_LENGTH and value.isalpha() and value.isupper()


def _is_language(value: Any) -> bool:
    codes = value if isinstance(value, list) else [value]
    return all(isinstance(code, str) and code.replace("-", "").isalpha() and code.isupper() for code in codes)


def _is_skill_value(value: Any) -> bool:
    found = number(value)
    # without a value, the condition is about Tolokers without the skill
    return value is None or (found is not None and 0 <= found <= 100)  # noqa: PLR2004 -- a skill's range


COUNTRY = ValueKind("a country's code of two capital letters, such as US", _is_country)
LANGUAGE = ValueKind("a language's code in capital letters, such as EN", _is_language)
REGION = ValueKind("a region's id, a whole number", COUNT.accepts)
TIMESTAMP = ValueKind(
    "seconds since 1970, a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool)
)
SKILL_VALUE = ValueKind("a number from 0 to 100, or none for Tolokers without the skill", _is_skill_value)


def _profile(kind: ValueKind, operators: Sequence[str] = EQUALITY) -> FilterKey:
    return FilterKey("profile", kind, operators)


def _computed(kind: ValueKind, operators: Sequence[str] = EQUALITY) -> FilterKey:
    return FilterKey("computed", kind, operators)


OS_FAMILIES = ("WINDOWS", "OS_X", "MAC_OS", "LINUX", "BSD", "ANDROID", "IOS", "BLACKBERRY")
BROWSERS = (
    *("IE", "CHROMIUM", "CHROME", "FIREFOX", "SAFARI", "YANDEX_BROWSER"),
    *("IE_MOBILE", "CHROME_MOBILE", "MOBILE_FIREFOX", "MOBILE_SAFARI"),
)
VERSIONS = ("version", "version_major", "version_minor", "version_bugfix")
FILTER_KEYS: Mapping[str, FilterKey] = {
    "gender": _profile(one_of("MALE", "FEMALE")),
    "country": _profile(COUNTRY),
    "citizenship": _profile(COUNTRY),
    "education": _profile(one_of("BASIC", "MIDDLE", "HIGH")),
    "adult_allowed": _profile(FLAG),
    "date_of_birth": _profile(TIMESTAMP, COMPARISONS),
    "city": _profile(REGION, INCLUSION),
    "languages": _profile(LANGUAGE, INCLUSION),
    "verified": _profile(FLAG),
    "client_type": _computed(one_of("BROWSER", "TOLOKA_APP")),
    "region_by_phone": _computed(REGION, INCLUSION),
    "region_by_ip": _computed(REGION, INCLUSION),
    "device_category": _computed(one_of("PERSONAL_COMPUTER", "SMARTPHONE", "TABLET", "WEARABLE_COMPUTER")),
    "os_family": _computed(one_of(*OS_FAMILIES)),
    "user_agent_type": _computed(one_of("BROWSER", "MOBILE_BROWSER", "OTHER")),
    "user_agent_family": _computed(one_of(*BROWSERS)),
    **{f"os_{version}": _computed(ANY_NUMBER, COMPARISONS) for version in VERSIONS},
    **{f"user_agent_{version}": _computed(ANY_NUMBER, COMPARISONS) for version in VERSIONS},
}
ANY_SKILL = FilterKey(SKILL, SKILL_VALUE, COMPARISONS)
CATEGORIES = ("profile", "computed", SKILL)


def filter_problems(filter_: Any) -> Iterator[Problem]:
    """Yield the problems of a filter; values of other shapes are left to the service."""
    if not isinstance(filter_, Mapping):
        return
    inner = [part for name in ("and", "or") for part in filter_.get(name) or ()]
    if inner or filter_.keys() & {"and", "or"}:
        for part in inner:
            yield from filter_problems(part)
    elif filter_:
        yield from _condition_problems(filter_)


def _condition_problems(condition: Mapping[str, Any]) -> Iterator[Problem]:
    category, name = condition.get("category"), condition.get("key")
    if category not in CATEGORIES:
        yield unknown_name("A filter has", "category", category, CATEGORIES)
        return
    key = ANY_SKILL if category == SKILL else FILTER_KEYS.get(str(name))
    if key is None or key.category != category:
        known = [other for other, found in FILTER_KEYS.items() if found.category == category]
        yield unknown_name(f"The category {category} has", "key", name, known)
        return
    if condition.get("operator") not in key.operators:
        yield unknown_name(f"{name} has", "operator", condition.get("operator"), key.operators)
    if not accepts_in_condition(key.kind, condition.get("value")):
        yield wrong_value(str(name), condition.get("value"), key.kind)
