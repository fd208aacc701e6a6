"""What the service checks of an object of a bulk creation, by the specification of its fields.

These checks are made before an upload to show which rows the service would report as INVALID. The service alone decides.

Sources: Toloka API, "Create project" (field types and limits), "Create single/multiple tasks", "Create single/multiple task
suites", "Issue bonuses"; Apps API, App.input_spec; Toloka-Kit 1.2.3 for the codes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from toloka_frames._schema.bulk import CREATE_TASK_SUITES, CREATE_TASKS, CREATE_USER_BONUSES
from toloka_frames._uploading.task_members import MAX_OVERLAP
from toloka_frames._validation import short_repr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from toloka_frames._schema.bulk import BulkCreation
    from toloka_frames._schema.columns import Specification

# the code of an error, and its limit if it has one
Finding: TypeAlias = "tuple[str, Any]"
Fields: TypeAlias = "Mapping[str, Mapping[str, Any]]"

ARRAY = "array_"
URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:/)?/\S+")
DECIMAL = re.compile(r"-?\d+(\.\d+)?")
MAX_LATITUDE, MAX_LONGITUDE = 90, 180
MAX_ORDER = 99_999.99999  # Toloka API, TaskSuite.issuing_order_override
# the pool's defaults that apply, the first of them that it has; tasks take that of task suites in the pools of Toloka-Kit's
# executed notebooks, which have no other
DEFAULT_OVERLAPS = {
    CREATE_TASKS: ("default_overlap_for_new_tasks", "default_overlap_for_new_task_suites"),
    CREATE_TASK_SUITES: ("default_overlap_for_new_task_suites",),
}
MESSAGES = {
    "ARRAY_EXPECTED": "is not a list",
    "ARRAY_SIZE_GREATER_THAN_MAX": "has more than {} elements",
    "ARRAY_SIZE_LESS_THAN_MIN": "has fewer than {} elements",
    "BOOLEAN_EXPECTED": "is not true or false",
    "ENTITY_CONFLICT": "is equal to another bonus of the same request in user, amount, title, message and comment",
    "FLOAT_EXPECTED": "is not a number",
    "INTEGER_EXPECTED": "is not a whole number",
    "INVALID_COORDINATES_SYNTAX": "is not a latitude and a longitude such as 52.5,13.4",
    "INVALID_URL_SYNTAX": "is not a URL",
    "OBJECT_EXPECTED": "is not an object by language",
    "STRING_EXPECTED": "is not text",
    "STRING_LENGTH_GREATER_THAN_MAX": "has more than {} characters",
    "STRING_LENGTH_LESS_THAN_MIN": "has fewer than {} characters",
    "VALUE_GREATER_THAN_MAX": "is greater than {}",
    "VALUE_LESS_THAN_MIN": "is less than {}",
    "VALUE_NOT_ALLOWED": "is not allowed",
    "VALUE_REQUIRED": "is required, and missing",
}


class Fault(NamedTuple):
    """What the service would report of a value.

    Attributes:
        code: The code of the error.
        limit: The limit that the value exceeds, if the error has one.
        value: The value; None if it is missing.
    """

    code: str
    limit: Any
    value: Any = None

    @property
    def message(self) -> str:
        """What is wrong, as a sentence."""
        shown = "" if self.value is None else f" (as {short_repr(self.value)})"
        return f"The value {MESSAGES[self.code].format(self.limit)}{shown}."


def faults_of(
    kind: BulkCreation, sent: Mapping[str, Any], pool: Mapping[str, Any], fields: Specification, *, allow_defaults: bool
) -> dict[str, Fault]:
    """Return what the service would report of an object: path of the value to the fault.

    Args:
        kind: The bulk creation.
        sent: The object, as in the request.
        pool: Its pool; empty for objects without one.
        fields: The fields of the project or app.
        allow_defaults: Whether the object may have its overlap from the pool.
    """
    if kind is CREATE_USER_BONUSES:
        return dict(_message_faults(sent))
    if kind not in DEFAULT_OVERLAPS:
        return dict(_value_faults(sent["input_data"], fields.input, "input_data"))
    tasks = {"": sent} if kind is CREATE_TASKS else {f"tasks.{number}.": task for number, task in enumerate(sent["tasks"])}
    faults = {path: fault for prefix, task in tasks.items() for path, fault in _task_faults(task, fields, prefix)}
    overlap, is_infinite = overlap_of(kind, sent, pool, allow_defaults=allow_defaults)
    if finding := _overlap_fault(overlap, is_infinite):
        faults["overlap"] = Fault(*finding, overlap)
    order = sent.get("issuing_order_override") or 0
    if finding := _number_fault(order, -MAX_ORDER, MAX_ORDER):
        faults["issuing_order_override"] = Fault(*finding, order)
    return faults


def overlap_of(
    kind: BulkCreation, sent: Mapping[str, Any], pool: Mapping[str, Any], *, allow_defaults: bool
) -> tuple[Any, bool]:
    """Return the overlap of a task or suite, its own or that of its pool, and whether it is infinite."""
    if sent.get("overlap") is not None or sent.get("infinite_overlap"):
        return sent.get("overlap"), bool(sent.get("infinite_overlap"))
    if not allow_defaults:
        return None, False
    # a training has no defaults, and each of its tasks is given to every Toloker
    defaults = pool.get("defaults")
    if not isinstance(defaults, dict):
        return None, True
    given = (defaults.get(name) for name in DEFAULT_OVERLAPS[kind])
    return next((overlap for overlap in given if overlap is not None), None), False


def _overlap_fault(overlap: Any, is_infinite: bool) -> Finding | None:
    if is_infinite:
        return None if overlap is None else ("VALUE_NOT_ALLOWED", None)
    if overlap is None:
        return "VALUE_REQUIRED", None
    return ("INTEGER_EXPECTED", None) if type(overlap) is not int else _number_fault(overlap, 1, MAX_OVERLAP)


def _number_fault(value: Any, least: float, most: float) -> Finding | None:
    return ("FLOAT_EXPECTED", None) if not _is_number(value) else _bounds_fault(value, least, most, "VALUE")


def _message_faults(bonus: Mapping[str, Any]) -> Iterator[tuple[str, Fault]]:
    for name in ("public_title", "public_message"):
        text = bonus.get(name)
        if bonus.get("without_message"):
            if text is not None:
                yield name, Fault("VALUE_NOT_ALLOWED", None, text)
        elif not isinstance(text, dict):
            yield name, Fault("VALUE_REQUIRED" if text is None else "OBJECT_EXPECTED", None, text)


def _task_faults(task: Mapping[str, Any], fields: Specification, prefix: str) -> Iterator[tuple[str, Fault]]:
    yield from _value_faults(task["input_values"], fields.input, f"{prefix}input_values")
    for name in ("known_solutions", "baseline_solutions"):
        for number, solution in enumerate(task.get(name) or ()):
            path = f"{prefix}{name}.{number}.output_values"
            yield from _value_faults(solution["output_values"], fields.output, path, complete=False)


def _value_faults(
    values: Mapping[str, Any], fields: Fields, path: str, *, complete: bool = True
) -> Iterator[tuple[str, Fault]]:
    """Yield the faults of an object of values; if it is complete, required fields must have a value."""
    for name, field in fields.items():
        value = values.get(name)
        if value is None:
            if complete and field.get("required", True):
                yield f"{path}.{name}", Fault("VALUE_REQUIRED", None)
        elif finding := _value_fault(value, field):
            yield f"{path}.{name}", Fault(*finding, value)
    for name, value in values.items():
        if name not in fields:
            yield f"{path}.{name}", Fault("VALUE_NOT_ALLOWED", None, value)


def _value_fault(value: Any, field: Mapping[str, Any]) -> Finding | None:
    type_name = str(field.get("type")).lower()
    if not type_name.startswith(ARRAY):
        return _scalar_fault(value, type_name, field)
    if not isinstance(value, list):
        return "ARRAY_EXPECTED", None
    if fault := _bounds_fault(len(value), field.get("min_size"), field.get("max_size"), "ARRAY_SIZE"):
        return fault
    element = type_name.removeprefix(ARRAY)
    return next((fault for item in value if (fault := _scalar_fault(item, element, field))), None)


def _scalar_fault(value: Any, type_name: str, field: Mapping[str, Any]) -> Finding | None:
    if type_name in TYPE_CODES and (code := TYPE_CODES[type_name](value)):
        return code, None
    if (allowed := field.get("allowed_values")) and value not in allowed:
        return "VALUE_NOT_ALLOWED", None
    if isinstance(value, str):
        return _bounds_fault(len(value), field.get("min_length"), field.get("max_length"), "STRING_LENGTH")
    return _bounds_fault(value, field.get("min_value"), field.get("max_value"), "VALUE") if _is_number(value) else None


def _bounds_fault(value: float, least: Any, most: Any, what: str) -> Finding | None:
    if _is_number(least) and value < least:
        return f"{what}_LESS_THAN_MIN", least
    return (f"{what}_GREATER_THAN_MAX", most) if _is_number(most) and value > most else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _url_code(value: Any) -> str | None:
    if not isinstance(value, str):
        return "STRING_EXPECTED"
    return None if URL.fullmatch(value) else "INVALID_URL_SYNTAX"


def _coordinates_code(value: Any) -> str | None:
    if not isinstance(value, str):
        return "STRING_EXPECTED"
    numbers = [part.strip() for part in value.split(",")]
    limits = (MAX_LATITUDE, MAX_LONGITUDE)
    is_valid = len(numbers) == len(limits) and all(
        DECIMAL.fullmatch(number) and abs(float(number)) <= limit for number, limit in zip(numbers, limits, strict=True)
    )
    return None if is_valid else "INVALID_COORDINATES_SYNTAX"


TYPE_CODES: dict[str, Callable[[Any], str | None]] = {
    "boolean": lambda value: None if isinstance(value, bool) else "BOOLEAN_EXPECTED",
    "string": lambda value: None if isinstance(value, str) else "STRING_EXPECTED",
    "file": lambda value: None if isinstance(value, str) else "STRING_EXPECTED",
    "integer": lambda value: None if type(value) is int else "INTEGER_EXPECTED",
    "float": lambda value: None if _is_number(value) else "FLOAT_EXPECTED",
    "url": _url_code,
    "coordinates": _coordinates_code,
}
