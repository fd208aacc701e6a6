"""Convert the columns of known solutions, hints, overlap and access to the members that follow a task's or suite's values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toloka_frames._schema.field_types import FIELD_TYPES
from toloka_frames._schema.field_values import json_values
from toloka_frames._schema.task_columns import ACCESS, MEMBER_TYPES, POSITION, TASK_COLUMNS, TASK_ONLY_COLUMNS, WEIGHT
from toloka_frames._uploading.requests import dumps, records
from toloka_frames._validation import without

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from toloka_frames._schema.columns import Specification
    from toloka_frames._uploading.cells import ColumnReader, ColumnRoles
    from toloka_frames._uploading.tasks import DefaultOverlap

MAX_OVERLAP = 30_000  # Toloka API, Task.overlap
KNOWN_WEIGHT, BASELINE_WEIGHT = "correctness_weight", "confidence_weight"
OVERLAP_HINT = (
    "Give overlap= or infinite_overlap=True for rows without one of their own, or allow_defaults=True for the default overlap "
    "of the pool."
)


def of_tasks(
    reader: ColumnReader, roles: ColumnRoles, specification: Specification, default: DefaultOverlap | None
) -> tuple[list[bytes], list[bytes] | None]:
    """Return the JSON text that follows the input values of each task, and of its known solutions; None if no task has any.

    Args:
        reader: Reads the rows.
        roles: The roles of the columns.
        specification: The project's fields.
        default: The overlap of tasks without one of their own; None for the tasks of suites.
    """
    extras = _extras(reader, roles.extra)
    solutions = _known_solutions(reader, roles, specification.output, extras)
    hints = {member: reader.task_column(roles.members[name], MEMBER_TYPES[member]) for name, member in _hints(roles)}
    if default is None:
        _reject_members_of_suites(reader, roles.members)
        rest: dict[str, list[Any]] = {}
    else:
        rest = _overlaps(reader, roles.members, "TASK:", default) | _lists(reader, roles.members, "TASK:")
    language = hints.pop("default_language", [None] * reader.height)
    members = {
        **{name: _texts(reader, values) for name, values in hints.items()},
        "known_solutions": solutions,
        "localization_config": _texts(reader, list(map(_localization, language, extras))),
        **{name: _texts(reader, values) for name, values in rest.items()},
        "baseline_solutions": _baseline_solutions(reader, roles.members.get("TASK:baseline_solutions"), specification.output),
    }
    # the members keep this order, so that uploads of earlier versions have the same content
    return _joined(members, reader.height, b"}"), [text or b"" for text in solutions] if any(solutions) else None


def of_suites(
    reader: ColumnReader, columns: Mapping[str, str], suite_of_row: Sequence[int], default: DefaultOverlap
) -> dict[int, bytes]:
    """Return the JSON text that follows the tasks of each suite.

    Raises:
        InputError: If the rows of a suite have different values for it.
    """
    members = _overlaps(reader, columns, "SUITE:", default) | _lists(reader, columns, "SUITE:")
    members |= {
        name: reader.task_column(columns[f"SUITE:{name}"], type_)
        for name, type_ in POSITION.items()
        if f"SUITE:{name}" in columns
    }
    for name, values in members.items():
        first: dict[int, Any] = {}
        differs = [first.setdefault(suite, value) != value for suite, value in zip(suite_of_row, values, strict=True)]
        column = columns.get(f"SUITE:{name}", "overlap")
        reader.reject_where(column, values, differs, "differs from the value in the first row of the same suite")
    texts = _joined({name: _texts(reader, values) for name, values in members.items()}, reader.height, b"}")
    return dict(zip(suite_of_row, texts, strict=True))


def extra_inputs(reader: ColumnReader, column: str, fields: Mapping[str, str]) -> dict[str, list[Any]]:
    """Return the values of input fields that a read frame has in `extra`, for each field that has some."""
    values = [extra.get("input_values") or {} for extra in _extras(reader, column)]
    found = {field for row in values for field in row if field in fields}
    return {field: [row.get(field) for row in values] for field in found}


def _extras(reader: ColumnReader, column: str | None) -> list[dict[str, Any]]:
    """Return what `extra` holds of each row's task."""
    if column is None:
        return [{}] * reader.height
    return [_task_in(extra) for extra in reader.task_column(column, "json")]


def _task_in(extra: Any) -> dict[str, Any]:
    if not isinstance(extra, dict):
        return {}
    # a row of a suite or of an assignment has its task in place of the list of tasks
    task = extra.get("tasks", extra)
    return task if isinstance(task, dict) else {}


def _hints(roles: ColumnRoles) -> Iterator[tuple[str, str]]:
    return ((name, member) for name, member in TASK_COLUMNS.items() if name.startswith("HINT:") and name in roles.members)


def _localization(language: str | None, extra: Mapping[str, Any]) -> dict[str, Any] | None:
    config = extra.get("localization_config")
    config = dict(config) if isinstance(config, dict) else {}
    return config | ({} if language is None else {"default_language": language}) or None


def _reject_members_of_suites(reader: ColumnReader, columns: Mapping[str, str]) -> None:
    for name, column in columns.items():
        if name in TASK_ONLY_COLUMNS:
            member = TASK_COLUMNS[name]
            why = f"is for one task, and a suite has one {member.replace('_', ' ')} for all of its tasks"
            hint = f"Name the column SUITE:{member}" + (", or give overlap=." if member == "overlap" else ".")
            reader.reject(column, reader.task_column(column, MEMBER_TYPES[member]), bool, why, hint)


def _overlaps(reader: ColumnReader, columns: Mapping[str, str], prefix: str, default: DefaultOverlap) -> dict[str, list[Any]]:
    """Return the overlap of each row, and whether it is infinite: True or None."""
    column, flag_column = columns.get(f"{prefix}overlap"), columns.get(f"{prefix}infinite_overlap")
    overlaps = reader.task_column(column, "integer") if column else [None] * reader.height
    flags = reader.task_column(flag_column, "boolean") if flag_column else [None] * reader.height
    why = f"is not from 1 to {MAX_OVERLAP:,}"
    reader.reject(str(column), overlaps, lambda value: value is not None and not is_overlap(value), why)
    both = [overlap is not None and flag is True for overlap, flag in zip(overlaps, flags, strict=True)]
    reader.reject_where(str(column), overlaps, both, f"is given next to {prefix}infinite_overlap True")
    infinite = [
        True if flag or (overlap is None and flag is None and default.is_infinite) else None
        for overlap, flag in zip(overlaps, flags, strict=True)
    ]
    finite = [default.overlap if value is None and not flag else value for value, flag in zip(overlaps, infinite, strict=True)]
    if default.is_required:
        missing = [value is None and not flag for value, flag in zip(finite, infinite, strict=True)]
        why = f"is {'missing' if column else 'not True'}, and neither allow_defaults=True nor overlap= is given"
        reader.reject_where(str(column or flag_column), overlaps if column else flags, missing, why, OVERLAP_HINT)
    return {"overlap": finite, "infinite_overlap": infinite}


def _lists(reader: ColumnReader, columns: Mapping[str, str], prefix: str) -> dict[str, list[Any]]:
    """Return the lists of Tolokers and traits; None for empty ones, which have no effect."""
    given = {name: columns[f"{prefix}{name}"] for name in ACCESS if f"{prefix}{name}" in columns}
    return {name: [value or None for value in reader.task_column(column, ACCESS[name])] for name, column in given.items()}


def _known_solutions(
    reader: ColumnReader, roles: ColumnRoles, specs: Mapping[str, Mapping[str, Any]], extras: Sequence[Mapping[str, Any]]
) -> list[bytes | None]:
    """Return the JSON text of each row's known solutions, None if there are none."""
    golden = list(records(reader.golden(roles.golden, specs), reader.height))
    weights = _weights(reader, roles.members.get(f"TASK:{WEIGHT}"))
    column = roles.members.get("TASK:known_solutions")
    if column is not None:
        lists = _solution_lists(reader, column, reader.task_column(column, "array_json"), KNOWN_WEIGHT, specs)
        _reject_other_golden(reader, column, golden, lists)
    else:
        column = str(roles.extra)
        lists = _solution_lists(reader, column, [extra.get("known_solutions") for extra in extras], KNOWN_WEIGHT, specs)
        # values that were removed from GOLDEN: columns must not return from `extra`
        _reject_other_golden(reader, column, [row or {"": True} for row in golden], lists)
    one = ([Solution(row, weight)] if row else None for row, weight in zip(golden, weights, strict=True))
    both = [several or single for several, single in zip(lists, one, strict=True)]
    return reader.dump(lambda: [None if row is None else _solutions_text(row, KNOWN_WEIGHT) for row in both])


def _baseline_solutions(reader: ColumnReader, column: str | None, specs: Mapping[str, Mapping[str, Any]]) -> list[bytes | None]:
    if column is None:
        return [None] * reader.height
    lists = _solution_lists(reader, column, reader.task_column(column, "array_json"), BASELINE_WEIGHT, specs)
    return reader.dump(lambda: [None if row is None else _solutions_text(row, BASELINE_WEIGHT) for row in lists])


@dataclass(frozen=True)
class Solution:
    """A known or preliminary answer to a task.

    Attributes:
        values: The values of output fields.
        weight: From 0 to 1.
    """

    values: Mapping[str, Any]
    weight: float


def _weights(reader: ColumnReader, column: str | None) -> list[float]:
    """Return the weight of each row's known solution."""
    if column is None:
        return [1] * reader.height
    weights = reader.task_column(column, "float")
    wrong = reader.reject(column, weights, lambda value: value is not None and not _is_weight(value), "is not from 0 to 1")
    return [1 if weight is None else weight for weight in without(weights, wrong)]


def _solution_lists(
    reader: ColumnReader, column: str, cells: Sequence[Any], weight: str, specs: Mapping[str, Mapping[str, Any]]
) -> list[list[Solution] | None]:
    """Return the solutions of each row, None for those without any."""
    why = f"is not a list of solutions {{'output_values': {{...}}, {weight!r}: 0 to 1}}"
    wrong = reader.reject(column, cells, lambda cell: cell is not None and not _is_solution_list(cell, weight), why)
    return [
        [Solution(_output_values(item["output_values"], specs), item.get(weight, 1)) for item in cell] if cell else None
        for cell in without(list(cells), wrong)
    ]


def _is_solution_list(cell: Any, weight: str) -> bool:
    return isinstance(cell, list) and all(
        isinstance(item, dict)
        and isinstance(item.get("output_values"), dict)
        and _is_weight(item.get(weight, 1))
        and item.keys() <= {"output_values", weight}
        for item in cell
    )


def _is_weight(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _output_values(values: Mapping[str, Any], specs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    fields = {name: FIELD_TYPES[str(specs.get(name, {}).get("type", "json"))] for name in values}
    return {name: json_values([value], fields[name], parse=False)[0] for name, value in values.items() if value is not None}


def _reject_other_golden(
    reader: ColumnReader, column: str, golden: Sequence[Mapping[str, Any]], lists: Sequence[list[Solution] | None]
) -> None:
    """Reject rows whose GOLDEN: columns differ from the first of their known solutions in another column."""
    differs = [
        solutions is not None and any(dumps(solutions[0].values.get(name)) != dumps(value) for name, value in row.items())
        for row, solutions in zip(golden, lists, strict=True)
    ]
    hint = (
        f"Drop the column {column!r} to send the solutions in the GOLDEN: columns, or the GOLDEN: columns to send all others."
    )
    reader.reject_where(column, lists, differs, "has another first solution than the GOLDEN: columns", hint)


def _solutions_text(solutions: Sequence[Solution], weight: str) -> bytes:
    texts = [
        b'{"output_values":%b,"%b":%b}' % (dumps(solution.values), weight.encode(), dumps(_short(solution.weight)))
        for solution in solutions
    ]
    return b"[%b]" % b",".join(texts)


def _short(weight: float) -> float:
    return int(weight) if weight == int(weight) else weight


def _texts(reader: ColumnReader, values: Sequence[Any]) -> list[bytes | None]:
    return reader.dump(lambda: [None if value is None else dumps(value) for value in values])


def _joined(members: Mapping[str, Sequence[bytes | None]], height: int, end: bytes) -> list[bytes]:
    """Return the JSON text that adds the members of each row to an object and closes it."""
    columns = [
        [b"" if text is None else b',"%b":%b' % (name.encode(), text) for text in texts]
        for name, texts in members.items()
        if any(texts)
    ]
    if not columns:
        return [end] * height
    return [b"".join(row) + end for row in zip(*columns, strict=True)]


def is_overlap(value: Any) -> bool:
    """Return whether a value is a finite overlap that the API accepts."""
    return type(value) is int and 1 <= value <= MAX_OVERLAP
