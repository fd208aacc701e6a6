"""Each public method of Toloka-Kit's client beside ours, and the table of docs/from_toloka_kit.md that is generated from them.

`python tests/support/kit_catalog.py` writes the table into the page, if Toloka-Kit is installed in .venv-kit (`make kit`).
"""

from __future__ import annotations

import inspect
import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "from_toloka_kit.md"
KIT = ROOT / ".venv-kit" / "bin" / "python"
BEGIN, END = "## Every method\n", "## Ten recipes\n"
COUNTS_BEGIN, COUNTS_END = "simulated Tolokers work:\n", "### Image classification\n"
# run by the interpreter in which Toloka-Kit is installed
LIST_METHODS = """
import inspect, json
from toloka.client import TolokaClient
members = inspect.getmembers(TolokaClient, inspect.isfunction)
signatures = {name: inspect.signature(method).parameters for name, method in members if name[0] != "_"}
defaults = {name: {key: repr(item.default) for key, item in keys.items() if key != "self"} for name, keys in signatures.items()}
print(json.dumps(defaults))
"""
SCAN = "A `Scan` instead of a generator of objects; filters are keywords"
PAGE_OF_ROWS = "A page as a `Row` with its rows; filters are keywords"
# what differs beyond names of parameters, rows instead of objects, and keywords that are ours alone
NOTES = {
    "get_assignments_df": "Typed; APPROVED of the file becomes ACCEPTED; `status=None, field=None` export everything",
    "download_attachment": "A path instead of the open file `out`; the file appears when it is complete",
    "wait_operation": "`op` is named `operation` and can be an id; no limit by default (Toloka-Kit: 10 minutes); "
    "`progress=False` instead of `disable_progress`",
    "get_operation_log": "Dicts instead of objects",
    "get_analytics": "Waits, and returns the statistics instead of the operation",
    "create_tasks": "For frames of any size, and once: `df.pipe(tf.create_tasks, client, pool)`",
    "create_task_suites": "For frames of any size, and once: `df.pipe(tf.create_task_suites, client, pool, rows_per_suite=10)`",
    "create_user_bonuses": "For frames, and once: `df.pipe(tf.create_user_bonuses, client)`",
    "create_app_items": "`request` is named `app_items`; for frames, and once: `df.pipe(tf.create_app_items, client, project)`",
    "create_app_batch": "`request` is named `batch`; for frames, and once: `df.pipe(tf.create_app_batch, client, project)`",
    "patch_pool": "`request` is named `patch`",
    "start_sync_batch_processing": "`request` is named `batch`",
    "accept_assignment": "For frames: `df.pipe(tf.accept_assignments, client)`",
    "reject_assignment": "For frames: `df.pipe(tf.reject_assignments, client)`",
    "set_user_skill": "For frames: `df.pipe(tf.set_user_skills, client)`",
    "set_user_restriction": "For frames: `df.pipe(tf.set_user_restrictions, client)`",
    "clone_project": "After an error, `CloneInterrupted` shows what exists already",
}
SECTIONS = {
    "Account and operations": ("requester", "operation", "analytics", "webhook"),
    "Aggregation": ("aggregat",),
    "Apps": ("app_", "_app", "_batch_"),
    "Projects": ("project",),
    "Pools": ("pool",),
    "Trainings": ("training",),
    "Task suites": ("task_suite",),
    "Tasks": ("task",),
    "Answers": ("assignment", "attachment"),
    "Tolokers": ("user", "skill", "message"),
}
ORDER = ["Projects", "Pools", "Trainings", "Tasks", "Task suites", "Answers", "Aggregation", "Tolokers", "Apps"]


def kit_methods() -> dict[str, dict[str, str]]:
    """Return the methods of the installed Toloka-Kit with the names and defaults of their parameters."""
    printed = subprocess.run([KIT, "-c", LIST_METHODS], capture_output=True, text=True, check=True).stdout
    methods: dict[str, dict[str, str]] = json.loads(printed)
    return methods


def table(methods: Mapping[str, Iterable[str]]) -> str:
    """Return the generated part of the page."""
    lines = [BEGIN]
    for section in [*ORDER, *(SECTIONS.keys() - set(ORDER))]:
        names = [name for name in sorted(methods, key=_sorted_by_object) if _section(name) == section]
        lines += [f"### {section}", "", "| Toloka-Kit | toloka_frames | what differs |", "|---|---|---|"]
        lines += [_line(name, methods[name]) for name in names]
        lines.append("")
    return "\n".join([*lines, ""])


def _section(name: str) -> str:
    return next(section for section, words in SECTIONS.items() if any(word in name for word in words))


def _sorted_by_object(name: str) -> tuple[bool, bool, str]:
    return not name.startswith("get_"), not name.startswith("find_"), name


def _line(name: str, parameters: Iterable[str]) -> str:
    return f"| `{name}({', '.join(parameters)})` | `{our_call(name)}` | {_difference(name, parameters)} |"


def our_call(name: str) -> str:
    """Return our method with its positional parameters, and `...` for those that must be keywords."""
    parameters = [item for item in inspect.signature(getattr(tf.TolokaClient, name)).parameters.values() if item.name != "self"]
    names = [item.name for item in parameters if item.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    more = ["..."] if len(names) < len(parameters) else []
    return f"{name}({', '.join([*names, *more])})"


def _difference(name: str, parameters: Iterable[str]) -> str:
    if name in NOTES:
        return NOTES[name]
    if "batch_size" in parameters:
        return SCAN
    return PAGE_OF_ROWS if name.startswith("find_") else ""


def line_counts(page: str) -> str:
    """Return the table of the lines of each job, with Toloka-Kit and here."""
    lines = [COUNTS_BEGIN, "| Job | Toloka-Kit | toloka_frames |", "|---|---|---|"]
    jobs = re.split(r"(?m)^### ", page.partition("## Six jobs")[2])[1:]
    lines += [f"| {job.splitlines()[0]} | {_count(job, 'py')} | {_count(job, 'python job-[a-z-]+')} |" for job in jobs]
    return "\n".join([*lines, "", ""])


def _count(job: str, language: str) -> int:
    """Return the number of lines of a job's block, without those that let simulated Tolokers work."""
    [code] = re.findall(rf"```{language}\n(.*?)```", job, re.DOTALL)
    return len([line for line in code.splitlines() if line.strip() and not line.startswith("toloka.")])


def replaced(text: str, begin: str, end: str, part: str) -> str:
    """Return a text with another part between two lines."""
    return text.partition(begin)[0] + part + end + text.partition(end)[2]


if __name__ == "__main__":
    text = replaced(PAGE.read_text("utf-8"), BEGIN, END, table(kit_methods()))
    PAGE.write_text(replaced(text, COUNTS_BEGIN, COUNTS_END, line_counts(text)), "utf-8")
