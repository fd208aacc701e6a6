"""A key such as (seed, worker, task) -> a number or value that is always the same for it; nothing is rolled twice."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from toloka_frames.local._base.field_specs import element_type, field_type

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toloka_frames.local._base.field_specs import Json, Spec

_MANY = 1_000_000


def chance(*key: object) -> float:
    """A number of [0, 1) that belongs to the key."""
    # not hash(), which differs from process to process for text
    digest = blake2b("\x1f".join(map(str, key)).encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def pick(choices: Sequence[Json], *key: object) -> Json:
    """The choice that belongs to the key."""
    return choices[int(chance(*key) * len(choices))]


def values(spec: Spec, *key: object) -> dict[str, Json]:
    """A value for every field of the specification that belongs to the key and that the specification allows."""
    return {name: value(field, *key, name) for name, field in spec.items()}


def other_values(spec: Spec, truth: Mapping[str, Json], *key: object) -> dict[str, Json]:
    """As `values`, but unlike `truth` in every field that allows another value."""
    return {name: _other_value(field, truth.get(name), *key, name) for name, field in spec.items()}


def _other_value(field: Mapping[str, Json], truth: Json, *key: object) -> Json:
    allowed = _allowed(field)
    if allowed and element_type(field) is None:
        return pick([choice for choice in allowed if choice != truth] or allowed, *key)
    tries = (value(field, *key, attempt) for attempt in range(8))
    return next((found for found in tries if found != truth), truth)


def _allowed(field: Mapping[str, Json]) -> Sequence[Json]:
    return field.get("allowed_values") or ([False, True] if field_type(field) == "boolean" else [])


def value(field: Mapping[str, Json], *key: object) -> Json:
    """A value for one field."""
    element = element_type(field)
    if element is None:
        return _scalar(field, field_type(field), *key)
    least = field.get("min_size") or 1
    size = int(least + chance(*key, "size") * (max(least, field.get("max_size") or 3) + 1 - least))
    drawn = [_scalar(field, element, *key, position) for position in range(size)]
    distinct = [item for position, item in enumerate(drawn) if item not in drawn[:position]]
    return distinct if len(distinct) >= least else drawn


def _scalar(field: Mapping[str, Json], type_: str, *key: object) -> Json:
    allowed = _allowed(field)
    if allowed:
        return pick(allowed, *key)
    number = int(chance(*key) * _MANY)
    found: Json = _text(field, number)
    match type_:
        case "integer":
            found = int(_between(field, 100, *key))
        case "float":
            found = round(_between(field, 1, *key), 4)
        case "url":
            found = f"https://example.com/{number}"
        case "coordinates":
            found = f"{chance(*key, 'latitude') * 180 - 90:.6f},{chance(*key, 'longitude') * 360 - 180:.6f}"
        case "json":
            found = {"value": number}
    return found


def _between(field: Mapping[str, Json], span: float, *key: object) -> float:
    least = field.get("min_value")
    most = field.get("max_value")
    low = least if least is not None else min(0, (most if most is not None else span) - span)
    high = most if most is not None else low + span
    return float(low + chance(*key) * (high - low))


def _text(field: Mapping[str, Json], number: int) -> str:
    text = f"answer {number}".ljust(field.get("min_length") or 0, ".")
    longest = field.get("max_length")
    # the end of it, where the number is that makes texts differ
    return text if longest is None else text[-longest:]
