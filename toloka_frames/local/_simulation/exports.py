"""Load a pool-result export of the platform as a project, pool, tasks, suites and assignments, with the export's ids.

The columns are those of the platform's TSV: INPUT, OUTPUT, GOLDEN, HINT and ASSIGNMENT, each with the name of a field.
"""

from __future__ import annotations

import csv
import sqlite3
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pandas as pd

from toloka_frames.local._api.assignments import assignment_row
from toloka_frames.local._api.pool_lifecycle import next_pool_id
from toloka_frames.local._api.pools import add_pool
from toloka_frames.local._api.projects import add_project
from toloka_frames.local._api.task_suites import embedded_task, suite_row
from toloka_frames.local._api.tasks import task_row
from toloka_frames.local._base.export_format import API_STATUSES, TIMESTAMPS
from toloka_frames.local._base.ids_and_timestamps import creation_time, format_timestamp, parse_timestamp, pool_id_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping

    from toloka_frames.local._store.store import Row, Store

Cells = dict[str, str]

_YEAR_SECONDS = 365 * 24 * 3600
_UNANSWERED = frozenset({"ACTIVE", "SKIPPED", "EXPIRED"})


@dataclass
class _Assignment:
    """The rows of an assignment in the export, in their order."""

    id: str
    suite_id: str
    rows: list[Cells] = field(default_factory=list)

    def cell(self, name: str) -> str | None:
        """Return the first value of a column."""
        return next((row[name] for row in self.rows if name in row), None)

    def created(self, default: float) -> float:
        """Return when the work began, in Unix seconds."""
        started = self.cell("ASSIGNMENT:started")
        return parse_timestamp(started) if started else default


def load_export(store: Store, source: str | os.PathLike[str] | pd.DataFrame) -> str:
    """Load an export and return the pool's id.

    Raises:
        ValueError: If a required column is missing, or the service already has these ids.
    """
    rows = [row for row in (_frame_rows(source) if isinstance(source, pd.DataFrame) else _file_rows(source)) if row]
    if not rows:
        raise ValueError("The export has no rows")
    if any("ASSIGNMENT:task_id" not in row for row in rows):
        raise ValueError("Each row of the export needs an ASSIGNMENT:task_id")
    try:
        with store.transaction():
            return _load(store, rows)
    except sqlite3.IntegrityError as error:
        raise ValueError("The service already has these ids: the export, or another one of its pool, is loaded") from error


def _file_rows(path: str | os.PathLike[str]) -> Iterator[Cells]:
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file, delimiter="\t")
        header = next(lines, [])
        for line in lines:
            # not strict, because lines between assignments (addRowDelimiter) have no cells
            yield {name: cell for name, cell in zip(header, line, strict=False) if name and cell}


def _frame_rows(frame: pd.DataFrame) -> Iterator[Cells]:
    header = [str(name) for name in frame.columns]
    is_missing = frame.isna().to_numpy()
    for line, missing_cells in zip(frame.itertuples(index=False, name=None), is_missing, strict=True):
        cells = zip(header, line, missing_cells, strict=True)
        yield {name: str(cell) for name, cell, missing in cells if name and not missing and str(cell)}


def _load(store: Store, rows: list[Cells]) -> str:
    pool_id = _pool_id(rows) or next_pool_id(store)
    assignments = _assignments(store, rows, pool_id)
    now = time.time()
    start = min(assignment.created(now) for assignment in assignments)
    tasks = _task_rows(assignments, pool_id, start)
    project = add_project(store, _project_form(rows, pool_id), start)
    pool = add_pool(store, _pool_form(rows, project["id"], now), pool_id, start, last_close_reason="COMPLETED")
    store.insert("tasks", map(orjson.dumps, tasks.values()))
    store.insert("task_suites", map(orjson.dumps, _suite_rows(assignments, tasks, pool_id, start)))
    store.insert("assignments", (orjson.dumps(_assignment_row(item, tasks, pool, start)) for item in assignments))
    return pool_id


def _pool_id(rows: Iterable[Cells]) -> str | None:
    names = ("ASSIGNMENT:task_id", "ASSIGNMENT:assignment_id", "ASSIGNMENT:task_suite_id")
    for row in rows:
        found = next((prefix for name in names if (prefix := pool_id_of(row.get(name, "")))), None)
        # old ids are UUIDs without a pool id, but the link has it
        linked = row.get("ASSIGNMENT:link", "").split("/")[-2:-1]
        if found or (linked and linked[0].isdecimal()):
            return found or linked[0]
    return None


def _assignments(store: Store, rows: Iterable[Cells], pool_id: str) -> list[_Assignment]:
    found: dict[tuple[str, ...], _Assignment] = {}
    for row in rows:
        key = _assignment_key(row)
        if key not in found:
            started = row.get("ASSIGNMENT:started")
            at = parse_timestamp(started) if started else time.time()
            suite_id = row.get("ASSIGNMENT:task_suite_id") or store.object_ids.new(pool_id, at)
            found[key] = _Assignment(key[0] if len(key) == 1 else store.object_ids.new(pool_id, at), suite_id)
        found[key].rows.append(row)
    return list(found.values())


def _assignment_key(row: Cells) -> tuple[str, ...]:
    own = row.get("ASSIGNMENT:assignment_id") or row.get("ASSIGNMENT:link", "").rstrip("/").rpartition("/")[2]
    if own:
        return (own,)
    names = ("ASSIGNMENT:task_suite_id", "ASSIGNMENT:worker_id", "ASSIGNMENT:started")
    key = tuple(row.get(name, "") for name in names)
    if not any(key):
        raise ValueError(f"No column identifies the assignment of task {row['ASSIGNMENT:task_id']}")
    return key


def _fields(row: Cells, prefix: str) -> Cells:
    return {name.removeprefix(prefix): cell for name, cell in row.items() if name.startswith(prefix)}


def _task_rows(assignments: Iterable[_Assignment], pool_id: str, start: float) -> dict[str, Row]:
    """Return tasks by id; the overlap is infinite with a known solution, else the number of assignments."""
    rows = [row for assignment in assignments for row in assignment.rows]
    answer_counts = Counter(row["ASSIGNMENT:task_id"] for row in rows)
    tasks: dict[str, Row] = {}
    for row in rows:
        task_id = row["ASSIGNMENT:task_id"]
        if task_id not in tasks:
            created = creation_time(task_id) or start
            overlap = None if _fields(row, "GOLDEN:") else answer_counts[task_id]
            tasks[task_id] = task_row(task_id, _task(row, pool_id), overlap, format_timestamp(created))
            if overlap is not None:
                tasks[task_id]["remaining_overlap"] = 0
    return tasks


def _task(row: Cells, pool_id: str) -> Row:
    golden = _fields(row, "GOLDEN:")
    language = row.get("HINT:default_language")
    return {
        "pool_id": pool_id,
        "input_values": _fields(row, "INPUT:"),
        "known_solutions": [{"output_values": golden}] if golden else None,
        "message_on_unknown_solution": row.get("HINT:text"),
        "localization_config": {"default_language": language} if language else None,
    }


def _spec(rows: list[Cells], prefix: str) -> Row:
    counts = Counter(name for row in rows for name in _fields(row, prefix))
    return {name: {"type": "string", "required": count == len(rows), "hidden": False} for name, count in counts.items()}


def _project_form(rows: list[Cells], pool_id: str) -> Row:
    outputs = _spec(rows, "OUTPUT:")
    for name in _spec(rows, "GOLDEN:"):
        outputs.setdefault(name, {"type": "string", "required": False, "hidden": False})
    return {
        "public_name": f"Export of pool {pool_id}",
        "public_description": f"Made from a pool-result export of {len(rows)} rows",
        "task_spec": {"input_spec": _spec(rows, "INPUT:"), "output_spec": outputs, "view_spec": {"type": "classic"}},
        "assignments_issuing_type": "AUTOMATED",
    }


def _rewards(rows: Iterable[Cells]) -> Counter[float]:
    return Counter(float(row["ASSIGNMENT:reward"]) for row in rows if "ASSIGNMENT:reward" in row)


def _pool_form(rows: list[Cells], project_id: str, now: float) -> Row:
    rewards = _rewards(rows)
    return {
        "project_id": project_id,
        "private_name": f"Export of {len(rows)} rows",
        # in the future, so that the pool can be opened
        "will_expire": format_timestamp(now + _YEAR_SECONDS),
        "reward_per_assignment": rewards.most_common(1)[0][0] if rewards else 0.0,
        "assignment_max_duration_seconds": 3600,
        "mixer_config": {"real_tasks_count": 1, "golden_tasks_count": 0, "training_tasks_count": 0},
        "defaults": {"default_overlap_for_new_task_suites": 1, "default_overlap_for_new_tasks": 1},
    }


def _suite_rows(assignments: Iterable[_Assignment], tasks: Mapping[str, Row], pool_id: str, start: float) -> Iterator[Row]:
    by_suite: dict[str, list[_Assignment]] = {}
    for assignment in assignments:
        by_suite.setdefault(assignment.suite_id, []).append(assignment)
    for suite_id, same_suite in by_suite.items():
        created = creation_time(suite_id) or same_suite[0].created(start)
        embedded = [embedded_task(tasks[row["ASSIGNMENT:task_id"]]) for row in same_suite[0].rows]
        yield suite_row(suite_id, pool_id, embedded, format_timestamp(created), len(same_suite), remaining=0, mixed=True)


def _assignment_row(assignment: _Assignment, tasks: Mapping[str, Row], pool: Row, start: float) -> Row:
    status = assignment.cell("ASSIGNMENT:status") or "APPROVED"
    reward = assignment.cell("ASSIGNMENT:reward")
    cells = {name: assignment.cell(f"ASSIGNMENT:{name}") for name in TIMESTAMPS}
    timestamps = {name: format_timestamp(parse_timestamp(cell)) for name, cell in cells.items() if cell}
    return assignment_row(
        assignment.id,
        assignment.suite_id,
        pool,
        user_id=assignment.cell("ASSIGNMENT:worker_id") or "",
        status=API_STATUSES.get(status, status),
        tasks=[tasks[row["ASSIGNMENT:task_id"]] for row in assignment.rows],
        solutions=None if status in _UNANSWERED else [_fields(row, "OUTPUT:") for row in assignment.rows],
        timestamps={"created": format_timestamp(assignment.created(start)), **timestamps},
        reward=float(reward) if reward else pool["reward_per_assignment"],
    )
