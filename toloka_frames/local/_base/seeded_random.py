"""Random numbers and values that depend only on a key, such as (seed, worker, task): the same key gives the same value."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import orjson

from toloka_frames.local._base.field_specs import element_type, field_type

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toloka_frames.local._base.field_specs import Json, Spec

_MAX_NUMBER = 1_000_000


def content_key(values: Json) -> str:
    """Return a key that depends on values alone: ids of objects differ from service to service."""
    return orjson.dumps(values, option=orjson.OPT_SORT_KEYS).decode()


def uniform(*key: object) -> float:
    """Return a number from [0, 1)."""
    # not hash(), which for text differs from process to process
    digest = blake2b("\x1f".join(map(str, key)).encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def choose(options: Sequence[Json], *key: object) -> Json:
    """Return one of the options."""
    return options[int(uniform(*key) * len(options))]


def field_values(spec: Spec, *key: object) -> dict[str, Json]:
    """Return a value that the specification allows for each of its fields."""
    return {name: _field_value(field, *key, name) for name, field in spec.items()}


def different_field_values(spec: Spec, truth: Mapping[str, Json], *key: object) -> dict[str, Json]:
    """Return values like `field_values`, but different from `truth` in every field that allows another value."""
    return {name: _different_field_value(field, truth.get(name), *key, name) for name, field in spec.items()}


def _different_field_value(field: Mapping[str, Json], truth: Json, *key: object) -> Json:
    allowed = _allowed_values(field)
    if allowed and element_type(field) is None:
        return choose([option for option in allowed if option != truth] or allowed, *key)
    candidates = (_field_value(field, *key, attempt) for attempt in range(8))
    return next((candidate for candidate in candidates if candidate != truth), truth)


def _allowed_values(field: Mapping[str, Json]) -> Sequence[Json]:
    return field.get("allowed_values") or ([False, True] if field_type(field) == "boolean" else [])


def _field_value(field: Mapping[str, Json], *key: object) -> Json:
    element = element_type(field)
    if element is None:
        return _scalar(field, field_type(field), *key)
    min_size = field.get("min_size") or 1
    size = int(min_size + uniform(*key, "size") * (max(min_size, field.get("max_size") or 3) + 1 - min_size))
    items = [_scalar(field, element, *key, position) for position in range(size)]
    distinct = [item for position, item in enumerate(items) if item not in items[:position]]
    return distinct if len(distinct) >= min_size else items


def _scalar(field: Mapping[str, Json], type_: str, *key: object) -> Json:
    allowed = _allowed_values(field)
    if allowed:
        return choose(allowed, *key)
    number = int(uniform(*key) * _MAX_NUMBER)
    value: Json = _text(field, number)
    match type_:
        case "integer":
            value = int(_number_in_bounds(field, 100, *key))
        case "float":
            value = round(_number_in_bounds(field, 1, *key), 4)
        case "url":
            value = f"https://example.com/{number}"
        case "coordinates":
            value = f"{uniform(*key, 'latitude') * 180 - 90:.6f},{uniform(*key, 'longitude') * 360 - 180:.6f}"
        case "json":
            value = {"value": number}
    return value


def _number_in_bounds(field: Mapping[str, Json], span: float, *key: object) -> float:
    """Return a number between the field's bounds; a missing bound is `span` away from the other, or from 0."""
    minimum, maximum = field.get("min_value"), field.get("max_value")
    low = minimum if minimum is not None else min(0, (maximum if maximum is not None else span) - span)
    high = maximum if maximum is not None else low + span
    return float(low + uniform(*key) * (high - low))


def _text(field: Mapping[str, Json], number: int) -> str:
    text = f"answer {number}".ljust(field.get("min_length") or 0, ".")
    max_length = field.get("max_length")
    # the end of the text, because the number that distinguishes texts is there
    return text if max_length is None else text[-max_length:]
