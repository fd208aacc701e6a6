"""Let contenders do the same work in turns, and compare their figures as ratios to one of them."""

from __future__ import annotations

import contextlib
import gc
import json
import math
import os
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

HERE = Path(__file__).parent
KIT, DLT = ".venv-kit", ".venv-dlt"
WAKE_SECONDS = 0.005


@dataclass(frozen=True)
class Contender:
    """One way to do the work.

    Attributes:
        name: The name in the table.
        work: Does the work and returns its cost: seconds, CPU seconds, or MiB.
        limit: The target of this project for the ratio, if there is one.
        rounds: The number of rounds it takes part in, without the rehearsal; None for all, with the rehearsal.
    """

    name: str
    work: Callable[[], float]
    limit: float | None = None
    rounds: int | None = None


@dataclass(frozen=True)
class Figures:
    """The figures of a contender.

    Attributes:
        work: The work.
        name: The contender.
        base: The contender that the ratios refer to.
        unit: The unit of the figures.
        taken: A figure for each of its rounds.
        ratios: The same figures, divided by the base's figure of the same round.
        limit: The contender's limit.
        tally: The counts of the server in the last round.
    """

    work: str
    name: str
    base: str
    unit: str
    taken: Sequence[float]
    ratios: Sequence[float]
    limit: float | None
    tally: dict[str, int]

    @property
    def ratio(self) -> float:
        """Return the median of the ratios."""
        return statistics.median(self.ratios)


def in_turns(
    work: str,
    contenders: Sequence[Contender],
    rounds: int,
    *,
    base: str = "",
    unit: str = "s",
    server: str = "",
    rehearsal: bool = True,
) -> list[Figures]:
    """Let each contender do the work, one after another, round by round.

    Args:
        work: The name of the work in the table.
        contenders: The contenders.
        rounds: The number of rounds; one round alone is a trial, without a rehearsal.
        base: The name of the contender that the others are compared with; the first by default.
        unit: The unit of the figures that contenders return.
        server: The URL of a server that counts requests.
        rehearsal: Whether to run one more round first that is not counted.
    """
    base = base or contenders[0].name
    taken: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    tallies: dict[str, dict[str, int]] = {contender.name: {} for contender in contenders}
    for turn in range(0 if rehearsal and rounds > 1 else 1, rounds + 1):
        for contender in contenders:
            if contender.rounds is not None and not 0 < turn <= contender.rounds:
                continue
            gc.collect()
            tally(server)
            figure = contender.work()
            tallies[contender.name] = tally(server)
            if turn:
                taken[contender.name].append(figure)
    return [
        Figures(
            work,
            contender.name,
            base,
            unit,
            own,
            [_ratio(a, b) for a, b in zip(own, taken[base], strict=False)],
            contender.limit,
            counts,
        )
        for contender, own, counts in zip(contenders, taken.values(), tallies.values(), strict=True)
    ]


def _ratio(figure: float, base: float) -> float:
    # the clocks of some systems tick so rarely that short work takes no time
    return figure / base if base else math.nan


def seconds(work: Callable[[], Any]) -> float:
    """Return the seconds that work takes; its result is freed after the clock has stopped."""
    started = time.perf_counter()
    result = work()
    took = time.perf_counter() - started
    del result
    return took


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds that work takes in this process, in all threads."""
    started = time.process_time()
    work()
    return time.process_time() - started


def longest_wait(work: Callable[[], object]) -> float:
    """Return the longest time in seconds for which a thread that wakes every 5 ms could not run during the work."""
    waits, done = [0.0], threading.Event()

    def wake() -> None:
        while not done.is_set():
            waits.append(seconds(lambda: time.sleep(WAKE_SECONDS)) - WAKE_SECONDS)

    thread = threading.Thread(target=wake)
    thread.start()
    try:
        work()
    finally:
        done.set()
        thread.join()
    return max(waits)


@contextlib.contextmanager
def serving(script: str, *arguments: str) -> Iterator[str]:
    """Run a server of the benchmark in its own process; yields its URL."""
    command = [sys.executable, str(HERE / script), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


def tally(server: str) -> dict[str, int]:
    """Return what a server of the benchmark has counted since the last call."""
    if not server:
        return {}
    with urllib.request.urlopen(f"{server}/tally") as response:  # noqa: S310 -- a server of the benchmark
        counts: dict[str, int] = json.load(response)
    return counts


def elsewhere(environment: str, script: str, *arguments: str, rows: int) -> float:
    """Run a script in its own environment for `rows` rows; return the seconds that it reports."""
    command = [str(python_of(environment)), str(HERE / script), *arguments]
    environment_variables = os.environ | {"RUNTIME__DLTHUB_TELEMETRY": "false"}
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, env=environment_variables)
    reported: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    assert reported["rows"] == rows
    return reported["seconds"]


def python_of(environment: str) -> Path:
    """Return the Python of another environment in the project's folder."""
    return HERE.parent / environment / "bin" / "python"


def is_made(environment: str) -> bool:
    """Return whether an environment could be installed."""
    return (HERE.parent / environment / ".made").is_file()
