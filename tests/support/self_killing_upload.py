"""Fork a process for each upload, which kills itself at a line of the package; killed_uploads.py runs this script.

Reads the arguments of `upload` as a line of JSON, and prints the upload's exit code and the number of lines that it executed.
All uploads are forked from one process, because the imports take longer than an upload.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from collections import Counter
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

# all but pandas are imported at the first request, which takes long in each traced child
import anyio.to_thread  # noqa: F401
import filelock  # noqa: F401
import httpcore  # noqa: F401
import pandas as pd
import tenacity.asyncio  # noqa: F401

import toloka_frames as tf

if TYPE_CHECKING:
    from types import FrameType

PACKAGE = Path(tf.__file__).parent
MODULES = {
    str(PACKAGE / f"{name}.py")
    for name in (
        *("_runtime/concurrency", "_transport/http", "_transport/operations"),
        *("_uploading/requests", "_uploading/upload", "_uploading/ledger", "_uploading/results"),
        *("_uploading/ledger_reading", "_uploading/ledger_app_items", "_uploading/like_rows"),
        *("_uploading/send", "_uploading/send_app_items"),
    )
}
assert all(map(os.path.isfile, MODULES)), MODULES
MAX_COUNTS = 50
MAX_SECONDS = 300  # of an upload, which takes two
PADDING = "x" * 7_500  # a request holds about 135 of these rows


def frame_of(rows: int) -> pd.DataFrame:
    """Return the rows to upload, each with its own text."""
    images = [f"https://example.com/{row}.jpg" for row in range(rows)]
    return pd.DataFrame({"image": images, "text": [f"{row} {PADDING}" for row in range(rows)]})


def create(kind: str, frame: pd.DataFrame, client: tf.AsyncTolokaClient, destination: str, **options: Any) -> pd.DataFrame:
    """Upload the rows of `frame_of`, as a kind of object, to a pool or an app project; bonuses need neither."""
    options = {"progress": False} | options
    match kind:
        case "tasks":
            return tf.create_tasks(frame, client, destination, allow_defaults=True, **options)
        case "task suites":
            return tf.create_task_suites(frame, client, destination, rows_per_suite=4, allow_defaults=True, **options)
        case "bonuses":
            users = [f"{row + 1:032x}" for row in range(len(frame))]
            bonuses = pd.DataFrame({"user_id": users, "amount": 0.05})
            return tf.create_user_bonuses(bonuses, client, public_title="Thanks", public_message="Good work", **options)
    verb = tf.create_app_items if kind == "app items" else tf.create_app_batch
    return verb(frame.rename(columns={"image": "image_url"}), client, destination, **options)


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


def upload(url: str, token: str, destination: str, rows: int, kill_at: int, kind: str, home: str) -> int:
    """Upload rows to a pool or an app project; return the number of lines executed.

    The process kills itself at line number `kill_at` of MODULES, or never if it is 0. Each line counts at most MAX_COUNTS
    times, so that loops over rows leave enough kills for the lines between requests. The ledger is in the data folder `home`.
    """
    os.environ["XDG_DATA_HOME"] = home
    client = tf.AsyncTolokaClient(token, url=url)
    frame = frame_of(rows)
    lines = kill_at_line(kill_at)
    create(kind, frame, client, destination)
    sys.settrace(None)
    return next(lines) - 1


def run_child(line: str) -> None:
    """Upload in this process, print the number of lines, and end."""
    signal.alarm(MAX_SECONDS)  # the end of an upload that waits for ever
    try:
        print(0, upload(*json.loads(line)), flush=True)
    except tf.TolokaError:
        traceback.print_exc()  # shown if the test fails
        os._exit(1)
    os._exit(0)


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if not child:
            run_child(line)
        if exit_code := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            print(exit_code, 0, flush=True)


if __name__ == "__main__":
    main()
