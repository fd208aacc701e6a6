"""Check the fields of a pool on which the work of Tolokers depends; other fields are stored as they are.

Bounds: Toloka API, `PoolFormV1`, `MixerConfig`, `BasicDynamicOverlapConfig`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toloka_frames.local._api.form_checks import (
    check_flag,
    check_id,
    check_object,
    check_text,
    list_errors,
    number_within,
    object_errors,
    whole_within,
)
from toloka_frames.local._base.errors import field_error

if TYPE_CHECKING:
    from toloka_frames.local._api.form_checks import Fields
    from toloka_frames.local._base.errors import FieldError, FieldErrors
    from toloka_frames.local._base.field_specs import Json
    from toloka_frames.local._store.store import Row

_MAX_OVERLAP = 30_000
_MAX_TASKS = 500


def pool_field_errors(form: Row) -> FieldErrors:
    """Return the errors of a pool's fields, by path."""
    errors = {path.removeprefix("."): error for path, error in object_errors(form, "", _FIELDS).items()}
    if form.get("mixer_config") is not None:
        errors |= object_errors(form["mixer_config"], "mixer_config", _MIXER)
    if form.get("dynamic_overlap_config") is not None:
        errors |= object_errors(form["dynamic_overlap_config"], "dynamic_overlap_config", _DYNAMIC_OVERLAP)
    return errors


def _check_fields(value: Json) -> FieldError | None:
    if not isinstance(value, list):
        return field_error("ARRAY_EXPECTED")
    return next(iter(list_errors(value, "", lambda part, path: object_errors(part, path, _FIELD)).values()), None)


_FIELDS: Fields = {
    "auto_accept_solutions": (check_flag, False),
    "auto_accept_period_day": (whole_within(1, 21), False),
    "auto_close_after_complete_delay_seconds": (whole_within(0, 259_200), False),
    "priority": (whole_within(0, 100), False),
}
_TASKS = whole_within(0, _MAX_TASKS)
_MIXER: Fields = {
    "real_tasks_count": (_TASKS, True),
    "golden_tasks_count": (_TASKS, True),
    "training_tasks_count": (_TASKS, True),
    "min_real_tasks_count": (_TASKS, False),
    "min_golden_tasks_count": (_TASKS, False),
    "min_training_tasks_count": (_TASKS, False),
    "force_last_assignment": (check_flag, False),
    "golden_task_distribution_function": (check_object, False),
    "training_task_distribution_function": (check_object, False),
}
_FIELD: Fields = {"name": (check_text, True)}
_DYNAMIC_OVERLAP: Fields = {
    "max_overlap": (whole_within(1, _MAX_OVERLAP), True),
    "min_confidence": (number_within(0, 1), True),
    "answer_weight_skill_id": (check_id, True),
    "fields": (_check_fields, True),
}
