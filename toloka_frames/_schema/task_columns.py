"""The columns of tasks and task suites besides their input values: those that an upload sends, and those that it ignores.

An upload takes the frames that `get_tasks`, `get_task_suites` and `get_assignments` return, so both sides use the same names.

Sources: Toloka API, "Create single/multiple tasks", "Create single/multiple task suites"; Toloka-Kit 1.2.3 for traits and
coordinates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toloka_frames._schema.columns import EXTRA, Column
from toloka_frames._schema.lists import ASSIGNMENTS, TASK_SUITES, TASKS

if TYPE_CHECKING:
    from collections.abc import Mapping

OVERLAPS = {"overlap": "integer", "infinite_overlap": "boolean"}
ACCESS = dict.fromkeys(
    ("reserved_for", "unavailable_for", "traits_all_of", "traits_any_of", "traits_none_of_any"), "array_string"
)
HINTS = {"message_on_unknown_solution": "string", "default_language": "string"}
WEIGHT = "known_solutions.correctness_weight"
SOLUTIONS = {"known_solutions": "array_json", WEIGHT: "float", "baseline_solutions": "array_json"}
POSITION = {"issuing_order_override": "float", "longitude": "float", "latitude": "float"}

# columns to members and their field types
HINT_COLUMNS = {"HINT:text": "message_on_unknown_solution", "HINT:default_language": "default_language"}
TASK_COLUMNS = HINT_COLUMNS | {f"TASK:{name}": name for name in (*OVERLAPS, *ACCESS, *SOLUTIONS)}
SUITE_COLUMNS = {f"SUITE:{name}": name for name in (*OVERLAPS, *ACCESS, *POSITION)}
MEMBER_TYPES: Mapping[str, str] = OVERLAPS | ACCESS | HINTS | SOLUTIONS | POSITION
# in a suite, only the suite has these members
TASK_ONLY_COLUMNS = frozenset(f"TASK:{name}" for name in (*OVERLAPS, *ACCESS, "baseline_solutions"))

# the columns of the read frames, except those of the project's fields
READ_COLUMNS = frozenset(
    column.name for resource in (TASKS, TASK_SUITES, ASSIGNMENTS) for column in resource.columns if isinstance(column, Column)
) | {EXTRA}
RESERVED_PREFIXES = ("GOLDEN:", "HINT:", "TASK:", "SUITE:", "ASSIGNMENT:", "OUTPUT:")
