"""Print through which files and frames of the client a pull and an upload pass, as JSON; run as a script, in a fresh process.

A frame counts when it is on the stack, or on the stack of the code that started the current task, at the moment when httpx
sends a request. The frame of the event loop itself is left out.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from support.sample_project import create_pool

import toloka_frames as tf
from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

PACKAGE = Path(tf.__file__).parent
STARTERS = ("create_task", "ensure_future", "_ensure_future")


class Trace:
    """A profile function that collects files, and the longest stack that leads to a request."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.frames: tuple[str, ...] = ()
        self._stack: contextvars.ContextVar[tuple[str, ...]] = contextvars.ContextVar("stack", default=())
        # by task, which is kept so that its id stays its own
        self._inherited: dict[int, tuple[object, tuple[str, ...]]] = {}

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        if event != "call":
            return
        code = frame.f_code
        if is_ours(code):
            self.files.add(Path(code.co_filename).relative_to(PACKAGE).as_posix())
        elif "asyncio" in code.co_filename and code.co_name in STARTERS:
            self._stack.set(self._whole_stack(frame))
        elif code.co_name == "call_soon_threadsafe" and (context := frame.f_locals.get("context")):
            context.run(self._stack.set, self._whole_stack(frame))
        elif code.co_name == "send" and code.co_filename.endswith("httpx/_client.py"):
            self.frames = max(self.frames, self._whole_stack(frame), key=len)

    def _whole_stack(self, frame: FrameType) -> tuple[str, ...]:
        task = task_now()
        if task is None:
            return self._stack.get() + stack_of(frame)
        _, inherited = self._inherited.setdefault(id(task), (task, self._stack.get()))
        return inherited + stack_of(frame)


def is_ours(code: CodeType) -> bool:
    path = Path(code.co_filename)
    return path.is_relative_to(PACKAGE) and not path.is_relative_to(PACKAGE / "local")


def stack_of(frame: FrameType | None) -> tuple[str, ...]:
    names: list[str] = []
    while frame:
        if is_ours(frame.f_code) and frame.f_code.co_name != "_run_for_ever":
            names.append(f"{Path(frame.f_code.co_filename).stem}.{frame.f_code.co_qualname}")
        frame = frame.f_back
    return tuple(reversed(names))


def task_now() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def traced(call: Callable[[], object]) -> dict[str, Any]:
    trace = Trace()
    current[0] = trace
    sys.setprofile(trace)
    try:
        call()
    finally:
        sys.setprofile(None)
        current[0] = None
    return {"files": sorted(trace.files), "frames": list(trace.frames)}


# the trace that the event loop's thread writes to; its profile function is set once, when the thread starts
current: list[Trace | None] = [None]


def forward(frame: FrameType, event: str, argument: object) -> None:
    if (trace := current[0]) is not None:
        trace(frame, event, argument)


def main() -> None:
    threading.setprofile(forward)
    with LocalToloka(operation_seconds=0.05) as toloka, tempfile.TemporaryDirectory() as folder:
        client = toloka.async_client()
        pool_id = create_pool(client, {"image": {"type": "url"}})
        app = client.get_apps().to_dataframe().set_index("name")["id"]["Image classification"]
        project = tf.run(client.create_app_project({"app_id": app, "name": "Cats", "parameters": {"name": "Cats"}}))
        frame = pd.DataFrame({"image": [f"https://example.com/{number}.jpg" for number in range(20)]})
        ledger = Path(folder) / "uploads.db"
        # load modules and make the methods of a list, which is not a part of a call
        create_tasks = tf.create_tasks
        client.get_app_batches(project["id"]).to_dataframe()
        print(
            json.dumps(
                {
                    "pull": traced(lambda: client.get_app_batches(project["id"]).to_dataframe(progress=False)),
                    "upload": traced(
                        lambda: create_tasks(frame, client, pool_id, allow_defaults=True, ledger=ledger, progress=False)
                    ),
                }
            )
        )
        tf.run(client.aclose())


if __name__ == "__main__":
    main()
