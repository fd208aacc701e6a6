"""A local service in a process of its own, with faults, that says afterwards when it got each request and created each row.

As a script it prints its URL and its pool as JSON, and answers each line of its input with what it has recorded so far.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from bisect import bisect_right
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.child_process import child_process

from toloka_frames.local import LocalToloka

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toloka_frames.local._faults.exchange import Request

# Unix seconds of SQLite's Julian day 0, and seconds in a day
JULIAN_EPOCH, DAY_SECONDS = 2_440_587.5, 86_400
CREATED = f"select (made - {JULIAN_EPOCH}) * {DAY_SECONDS}, count(*) from tasks group by made order by made"  # noqa: S608 -- numbers


@dataclass(frozen=True)
class Record:
    """What the service did; times are Unix seconds.

    Attributes:
        created: When rows were created, and how many at each time.
        received: When it received each request that creates rows.
        images: The images of all tasks.
    """

    created: Sequence[tuple[float, int]]
    received: Sequence[float]
    images: Sequence[str]

    def created_until(self, moment: float) -> int:
        """Return how many rows there were at a moment."""
        return sum(count for at, count in self.created if at <= moment)

    def received_until(self, moment: float) -> int:
        """Return how many requests had reached the service at a moment."""
        return bisect_right(self.received, moment)


@dataclass(frozen=True)
class WatchedService:
    """A running service.

    Attributes:
        url: Its URL.
        pool_id: The id of a pool without tasks.
    """

    url: str
    pool_id: str
    _process: subprocess.Popen[str]

    def record(self) -> Record:
        """Return what the service has recorded so far."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(file=self._process.stdin, flush=True)
        return Record(**json.loads(self._process.stdout.readline()))


@contextmanager
def watched_service(token: str, *faults: Sequence[Any], operation_seconds: float) -> Iterator[WatchedService]:
    """Start a service; a fault is the name of a method of `toloka.faults`, its arguments and its keywords."""
    command = [sys.executable, "-m", "support.watched_service", str(operation_seconds), json.dumps(faults)]
    path = os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")]))
    variables = os.environ | {"PYTHONPATH": path, "TOLOKA_TOKEN": token}
    with child_process(command, stdin=subprocess.PIPE, env=variables) as process:
        assert process.stdout is not None
        yield WatchedService(**json.loads(process.stdout.readline()), _process=process)


def serve(operation_seconds: float, faults: Sequence[tuple[str, list[Any], dict[str, Any]]]) -> None:
    """Run the service until the end of the input."""
    received: list[float] = []
    with LocalToloka(operation_seconds=operation_seconds, token=os.environ["TOLOKA_TOKEN"]) as toloka:
        pool_id = toloka.example_pool()["id"]
        toloka.faults.call("POST /v1/tasks", lambda request: note(received, request))
        for name, arguments, keywords in faults:
            getattr(toloka.faults, name)(*arguments, **keywords)
        print(json.dumps({"url": toloka.url, "pool_id": pool_id}), flush=True)
        for _ in sys.stdin:
            print(json.dumps(recorded(toloka, received)), flush=True)


def note(received: list[float], request: Request) -> None:  # noqa: ARG001 -- what faults.call passes
    received.append(time.time())


def recorded(toloka: LocalToloka, received: list[float]) -> dict[str, Any]:
    store = toloka._store_up_to_date()
    images = store.select("select body ->> '$.input_values.image' from tasks")
    return {"created": store.select(CREATED), "received": received, "images": [image for (image,) in images]}


if __name__ == "__main__":
    serve(float(sys.argv[1]), json.loads(sys.argv[2]))
