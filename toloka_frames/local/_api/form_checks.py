"""Check the objects and lists of a form, and single values in them; errors are keyed by path."""

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


def list_errors(values: Json, path: str, check: Callable[[Json, str], FieldErrors]) -> FieldErrors:
    """Return the errors of a list, each of whose values is checked; None has none."""
    if values is None:
        return {}
    if not isinstance(values, list):
        return {path: field_error("ARRAY_EXPECTED")}
    errors: FieldErrors = {}
    for number, value in enumerate(values):
        errors |= check(value, f"{path}.{number}")
    return errors


def object_errors(value: Json, path: str, fields: Fields) -> FieldErrors:
    """Return the errors of an object with these fields; others are not checked."""
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


def accept_anything(_value: Json) -> FieldError | None:
    """Take every value."""
    return None


def check_object(value: Json) -> FieldError | None:
    """Return the error of a value that is not an object."""
    return None if isinstance(value, dict) else field_error("OBJECT_EXPECTED")


def check_text(value: Json) -> FieldError | None:
    """Return the error of a value that is not text."""
    return None if isinstance(value, str) else field_error("STRING_EXPECTED")


def check_id(value: Json) -> FieldError | None:
    """Return the error of a value that is not an id."""
    # clients send numbers, too
    return None if str(value).isdecimal() else field_error("STRING_EXPECTED")


def check_positive(value: Json) -> FieldError | None:
    """Return the error of a value that is not a whole number above 0."""
    return check_number(value, 1, None, "integer")


def check_change(value: Json) -> FieldError | None:
    """Return the error of a value that is not a whole number."""
    return check_number(value, float("-inf"), None, "integer")


def check_percentage(value: Json) -> FieldError | None:
    """Return the error of a value that is not a percentage."""
    return check_number(value, 0, 100)


def check_number_or_its_text(value: Json) -> FieldError | None:
    """Return the error of a value that is not a number."""
    try:
        # in examples of the API, numbers are text
        return check_number(float(value) if isinstance(value, str) else value, float("-inf"), None)
    except ValueError:
        return field_error("FLOAT_EXPECTED")


def one_of(*names: str) -> Check:
    """Return the check whether a value is one of these texts."""

    def check(value: Json) -> FieldError | None:
        return None if value in names else field_error("UNKNOWN_ENUM_VALUE")

    return check


def check_flag(value: Json) -> FieldError | None:
    """Return the error of a value that is not true or false."""
    return None if isinstance(value, bool) else field_error("BOOLEAN_EXPECTED")


def number_within(minimum: float, maximum: float) -> Check:
    """Return the check of a number within bounds."""
    return lambda value: check_number(value, minimum, maximum)


def whole_within(minimum: int, maximum: int) -> Check:
    """Return the check of a whole number within bounds."""
    return lambda value: check_number(value, minimum, maximum, "integer")
