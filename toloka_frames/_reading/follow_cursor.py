"""The cursor of `tf.follow`: a JSON file that says how far lists have been followed, and which frame is being worked on.

A frame is noted before it is handed over and struck off when the loop asks for the next one. After a kill in between, the same
rows are handed over once more, so that a call which continues by its rows, such as `create_tasks`, finds its own upload.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from toloka_frames._errors import CursorError
from toloka_frames._reading.atomic_write import write_durably
from toloka_frames._reading.follow_position import Position
from toloka_frames._runtime.concurrency import FileLock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

FORMAT = 1
OTHER_HINT = "Use another file for it; without this file, all rows are handed over again."
DAMAGED_HINT = "Restore the file, or delete it: then all rows are handed over again."


@dataclass(frozen=True)
class PendingFrame:
    """A frame that was handed over and whose loop body has not ended.

    Attributes:
        name: The name of its list.
        ids: The ids of its rows, in the order of the list.
        position: The position of the list after it.
    """

    name: str
    ids: Sequence[str]
    position: Position


class Cursor:
    """How far lists have been followed; on disk if there is a file, which is locked in a `with` block.

    Args:
        path: The file; None keeps the positions in memory only.
        identities: What identifies each list, by its name.

    Attributes:
        positions: The position of each list, by its name.
        pending: The frame whose loop body had not ended when the file was written; None if there was none.
    """

    def __init__(self, path: Path | None, identities: Mapping[str, Mapping[str, Any]]) -> None:
        # one file has one lock, whichever link leads to it
        self._path = None if path is None else path.resolve()
        self._identities = identities
        self._lock = None if self._path is None else FileLock(self._path.with_name(f"{self._path.name}.lock"))
        self.positions = dict.fromkeys(identities, Position())
        self.pending: PendingFrame | None = None

    def __enter__(self) -> Self:
        if self._path is not None and self._lock is not None:
            with _as_cursor_error(self._path):
                if not self._lock.acquire():
                    hint = (
                        "Wait until that loop ends. One of this process that was left ends with its iterator: frames.close()."
                    )
                    raise CursorError(f"{self._path} is in use by another tf.follow.", path=self._path, hint=hint)
            try:
                self._load(self._path)
            except BaseException:
                self._lock.release(remove=True)
                raise
        return self

    def __exit__(self, *error: object) -> None:
        if self._lock is not None:
            self._lock.release(remove=True)

    def begin(self, frame: PendingFrame) -> None:
        """Note a frame that is about to be handed over.

        Raises:
            CursorError: If the file cannot be written.
        """
        self.pending = frame
        self._save()

    def complete(self) -> None:
        """Strike off the frame whose loop body has ended; errors as in `begin`."""
        if self.pending is not None:
            self.positions[self.pending.name] = self.pending.position
            self.pending = None
            self._save()

    def _save(self) -> None:
        if self._path is None:
            return
        lists = {name: {**identity, "position": self.positions[name].to_json()} for name, identity in self._identities.items()}
        content = {"format": FORMAT, "lists": lists, "frame": None if self.pending is None else _frame_json(self.pending)}
        with _as_cursor_error(self._path):
            write_durably(self._path, json.dumps(content, indent=1).encode())

    def _load(self, path: Path) -> None:
        with _as_cursor_error(path):
            try:
                content = json.loads(path.read_bytes())
            except FileNotFoundError:
                return
            except (ValueError, RecursionError) as error:
                raise _damaged(path) from error
        try:
            if content["format"] > FORMAT:
                raise CursorError(f"{path} was written by a newer version of toloka_frames.", path=path, hint="Upgrade it.")
            self._check_lists(path, content["lists"])
            self.positions = {name: Position.from_json(content["lists"][name]["position"]) for name in self._identities}
            self.pending = None if content["frame"] is None else _frame_of(content["frame"], self._identities)
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
            raise _damaged(path) from error

    def _check_lists(self, path: Path, lists: Mapping[str, Mapping[str, Any]]) -> None:
        if lists.keys() != self._identities.keys():
            its, new = (", ".join(map(repr, names)) for names in (lists, self._identities))
            raise CursorError(f"{path} is the cursor of other lists: {its}, not {new}.", path=path, hint=OTHER_HINT)
        for name, identity in self._identities.items():
            for key, new in identity.items():
                if (its := lists[name][key]) != new:
                    message = f"{path} is the cursor of something else: its {key} is {its!r}, not {new!r}."
                    raise CursorError(message, path=path, hint=OTHER_HINT)


def _frame_json(frame: PendingFrame) -> dict[str, Any]:
    return {"list": frame.name, "ids": list(frame.ids), "position": frame.position.to_json()}


def _frame_of(value: Mapping[str, Any], names: Mapping[str, Any]) -> PendingFrame:
    ids = value["ids"]
    if value["list"] not in names or not ids or not all(isinstance(row_id, str) for row_id in ids):
        raise ValueError(value["list"])
    return PendingFrame(value["list"], ids, Position.from_json(value["position"]))


def _damaged(path: Path) -> CursorError:
    return CursorError(f"{path} is not a cursor of tf.follow, or is damaged.", path=path, hint=DAMAGED_HINT)


@contextmanager
def _as_cursor_error(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = f"{type(error).__name__}: {error}"
        hint = "Fix the cause and make the same call again: it goes on after the last frame whose loop body has ended."
        raise CursorError(f"The cursor {path} cannot be read or written ({why}).", path=path, hint=hint) from error
