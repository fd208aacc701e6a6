"""What workers answer: by default the hidden truth or a mistake, else what the caller's `solve` returns; files included."""

from __future__ import annotations

import mimetypes
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toloka_frames.local._api.attachments import add_attachment
from toloka_frames.local._base import seeded_random
from toloka_frames.local._base.field_specs import check_values, element_type, field_type
from toloka_frames.local._simulation.issuing import content_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toloka_frames.local._base.field_specs import Spec
    from toloka_frames.local._simulation.workers import Worker
    from toloka_frames.local._store.store import Row, Store

Values = dict[str, Any]
Solve = Callable[[Any, Any], Mapping[str, Any]]

_MEDIA_TYPES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"%PDF": "application/pdf"}
_OTHER_MEDIA_TYPE = "application/octet-stream"


@dataclass(frozen=True)
class GeneratedFile:
    """The content of a file that a worker makes, and its name."""

    name: str
    data: bytes
    media_type: str


class Answers:
    """The answers of workers to the tasks of a pool.

    Every task has a hidden true answer that depends on its input values; for a control task it is the known solution. A worker
    gives it with the probability of the worker's accuracy, otherwise a wrong one.
    """

    def __init__(self, store: Store, pool: Row, seed: int, solve: Solve | None) -> None:
        self._store = store
        self._spec: Spec = store.get("projects", pool["project_id"])["task_spec"]["output_spec"]
        self._files = {name for name, field in self._spec.items() if "file" in (field_type(field), element_type(field))}
        self._seed = seed
        self._solve = solve
        self._solved: dict[tuple[str, str], Values] = {}

    def give(self, worker: Worker, task: Row) -> Values:
        """Return the output values of a task; values of file fields are `GeneratedFile`s, alone or in lists."""
        if self._solve is None:
            values = self._simulated(worker, task)
            return {name: _drawn(values[name], name) if name in self._files else values[name] for name in values}
        key = (worker.id, task["id"])
        if key not in self._solved:
            self._solved[key] = self._checked(self._solve(task, worker))
        return self._solved[key]

    def is_right(self, task: Row, values: Values) -> bool:
        """Return whether an answer equals one of the task's known solutions."""
        known = [solution["output_values"] for solution in task.get("known_solutions") or ()]
        return not known or any(all(values.get(name) == value for name, value in solution.items()) for solution in known)

    def correct(self, task: Row, values: Values) -> Values:
        """Return an answer with the values of the first known solution."""
        return {**values, **task["known_solutions"][0]["output_values"]}

    def attach(self, assignment: Row, solutions: Sequence[Values], at: float) -> list[Values]:
        """Store the files of an assignment's answers, and return the answers with the ids of the attachments."""
        if not self._files:
            return list(solutions)
        return [
            {name: self._attached(assignment, value, at) if name in self._files else value for name, value in values.items()}
            for values in solutions
        ]

    def _attached(self, assignment: Row, value: Any, at: float) -> Any:
        if isinstance(value, list):
            return [self._attached(assignment, item, at) for item in value]
        if isinstance(value, GeneratedFile):
            return add_attachment(self._store, assignment, value.name, value.data, value.media_type, at)
        return value

    def _simulated(self, worker: Worker, task: Row) -> Values:
        content = content_key(task)
        truth: Values = seeded_random.field_values(self._spec, content)
        if task.get("known_solutions"):
            truth |= task["known_solutions"][0]["output_values"]
        if seeded_random.uniform(self._seed, worker.id, content) < worker.accuracy:
            return truth
        return seeded_random.different_field_values(self._spec, truth, self._seed, worker.id, content)

    def _checked(self, answered: Mapping[str, Any]) -> Values:
        """Return what `solve` has returned, with files read; raise if the project does not allow it."""
        if not isinstance(answered, Mapping):
            raise TypeError(f"solve returned {answered!r}, not a dict of output values")
        values = {name: _file(value, name) if name in self._files else value for name, value in answered.items()}
        ids = {name: _without_files(value) for name, value in values.items()}
        errors = check_values(ids, self._spec, "output_values")
        if errors:
            wrong = "; ".join(f"{path}: {error['code']}" for path, error in errors.items())
            raise ValueError(f"solve returned {answered!r}, which the project does not allow: {wrong}")
        for name in self._files & values.keys():
            self._check_attachments(name, values[name])
        return values

    def _check_attachments(self, name: str, value: Any) -> None:
        """Raise if a text in a file field is not the id of an attachment."""
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and self._store.find("attachments", text) is None:
                raise ValueError(
                    f"solve returned {text!r} for the file field {name!r}, and no attachment has this id. "
                    "Return the id of an attachment, or a file as a pathlib.Path or bytes."
                )


def _file(value: Any, name: str) -> Any:
    """Return the file of a path or of bytes, or the files of a list; other values unchanged."""
    if isinstance(value, list | tuple):
        return [_file(item, name) for item in value]
    if isinstance(value, Path):
        return GeneratedFile(value.name, value.read_bytes(), mimetypes.guess_type(value.name)[0] or _OTHER_MEDIA_TYPE)
    if isinstance(value, bytes):
        media_type = next((found for magic, found in _MEDIA_TYPES.items() if value.startswith(magic)), _OTHER_MEDIA_TYPE)
        return GeneratedFile(name, value, media_type)
    return value


def _without_files(value: Any) -> Any:
    """Return a value in which a text, as the id of an attachment is, stands for each file."""
    if isinstance(value, list):
        return [_without_files(item) for item in value]
    return "" if isinstance(value, GeneratedFile) else value


def _drawn(value: Any, name: str) -> Any:
    """Return a small picture for a generated value of a file field, or a list of them for a list."""
    if isinstance(value, list):
        return [_drawn(item, name) for item in value]
    return GeneratedFile(f"{name}.png", _picture(str(value)), "image/png")


def _picture(key: str) -> bytes:
    """Return a PNG of 16 x 16 pixels, whose color depends on the key."""
    size = 16
    color = bytes(int(seeded_random.uniform(key, channel) * 256) for channel in "rgb")
    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress((b"\x00" + color * size) * size)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
