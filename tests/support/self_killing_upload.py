"""A process that uploads a frame and kills itself at a line of the package; test_exactly_once and test_send_app_items run it.

    python self_killing_upload.py URL TOKEN DESTINATION ROWS KILL_AT [KIND]

DESTINATION is a pool, or an app project if KIND is "app items" or "app batch".
KILL_AT counts the executed lines of the modules from the plan to the results; with 0 the process lives and prints their number.
Each line counts at most MAX_COUNTS counts, so that loops over rows leave enough kills for the lines between requests.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import Counter
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

import toloka_frames as tf

if TYPE_CHECKING:
    from types import FrameType

PACKAGE = Path(tf.__file__).parent
MODULES = {
    str(PACKAGE / f"{name}.py")
    for name in (
        *("_runtime/concurrency", "_transport/http", "_transport/operations"),
        *("_uploading/requests", "_uploading/upload", "_uploading/ledger", "_uploading/results"),
        *("_uploading/send", "_uploading/send_app_items"),
    )
}
MAX_COUNTS = 50
PADDING = "x" * 1_500  # a request holds about 650 of these rows


def frame_of(rows: int) -> pd.DataFrame:
    """Return the rows to upload, each with its own text."""
    images = [f"https://example.com/{row}.jpg" for row in range(rows)]
    return pd.DataFrame({"image": images, "text": [f"{row} {PADDING}" for row in range(rows)]})


def kill_at_line(line: int) -> count[int]:
    """Kill this process at its n-th executed line of these modules, and return the counter of lines."""
    lines, counts = count(1), Counter[tuple[object, int]]()

    def trace(frame: FrameType, event: str, _: object) -> object:
        if event == "call":
            return trace if frame.f_code.co_filename in MODULES else None
        if event == "line":
            counts[frame.f_code, frame.f_lineno] += 1
            if counts[frame.f_code, frame.f_lineno] <= MAX_COUNTS and next(lines) == line:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    threading.settrace(trace)  # type: ignore[arg-type]
    sys.settrace(trace)  # type: ignore[arg-type]
    return lines


def main(url: str, token: str, destination: str, rows: str, kill_at: str, kind: str = "tasks") -> None:
    client = tf.AsyncTolokaClient(token, url=url)
    frame = frame_of(int(rows))
    lines = kill_at_line(int(kill_at))
    if kind == "tasks":
        tf.create_tasks(frame, client, destination, allow_defaults=True, progress=False)
    else:
        create = tf.create_app_items if kind == "app items" else tf.create_app_batch
        create(frame.rename(columns={"image": "image_url"}), client, destination, progress=False)
    sys.settrace(None)
    print(next(lines))  # noqa: T201 -- the test reads it


if __name__ == "__main__":
    main(*sys.argv[1:])
