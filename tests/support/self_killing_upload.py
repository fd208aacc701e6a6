"""A process that uploads a frame and kills itself at a line of our code; run by test_exactly_once.py and test_app_sending.py.

    python self_killing_upload.py URL TOKEN PLACE ROWS KILL_AT [KIND]

PLACE is a pool, or an app project where KIND is "app items" or "app batch".
KILL_AT counts the lines that are run in the modules from the plan to the results; 0 lets it live and prints their number. A
line counts so many times only, so that a loop over rows takes no kills away from the lines between requests.
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
TIMES = 50
PADDING = "x" * 1_500  # so that a request holds some 650 rows


def frame_of(rows: int) -> pd.DataFrame:
    """The rows that are uploaded, each with a text of its own."""
    images = [f"https://example.com/{row}.jpg" for row in range(rows)]
    return pd.DataFrame({"image": images, "text": [f"{row} {PADDING}" for row in range(rows)]})


def die_at(line: int) -> count[int]:
    """Have this process killed at the n-th line that it runs in these modules; returns the counter."""
    lines, times = count(1), Counter[tuple[object, int]]()

    def trace(frame: FrameType, event: str, _: object) -> object:
        if event == "call":
            return trace if frame.f_code.co_filename in MODULES else None
        if event == "line":
            times[frame.f_code, frame.f_lineno] += 1
            if times[frame.f_code, frame.f_lineno] <= TIMES and next(lines) == line:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    threading.settrace(trace)  # type: ignore[arg-type]
    sys.settrace(trace)  # type: ignore[arg-type]
    return lines


def main(url: str, token: str, place: str, rows: str, kill_at: str, kind: str = "tasks") -> None:
    client = tf.AsyncTolokaClient(token, url=url)
    frame = frame_of(int(rows))
    lines = die_at(int(kill_at))
    if kind == "tasks":
        tf.create_tasks(frame, client, place, allow_defaults=True, progress=False)
    else:
        create = tf.create_app_items if kind == "app items" else tf.create_app_batch
        create(frame.rename(columns={"image": "image_url"}), client, place, progress=False)
    sys.settrace(None)
    print(next(lines))  # noqa: T201 -- this is what it is asked for


if __name__ == "__main__":
    main(*sys.argv[1:])
