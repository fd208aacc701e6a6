"""Contenders for the same work come in, the figures that they reached in turns go out, as ratios to one of them."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

HERE = Path(__file__).parent
KIT, DLT = ".venv-kit", ".venv-dlt"


@dataclass(frozen=True)
class Contender:
    """One way to do the work.

    Attributes:
        name: What it is called in the table.
        work: Does it, and returns what it took: seconds, seconds of CPU, or MiB.
        limit: The most that its ratio may be, where the project has set itself one.
        rounds: In how many rounds it takes part; None for all, and for the rehearsal.
    """

    name: str
    work: Callable[[], float]
    limit: float | None = None
    rounds: int | None = None


@dataclass(frozen=True)
class Figures:
    """What a contender took.

    Attributes:
        work: What was to be done.
        name: By whom.
        base: Whose figures the ratios are to.
        unit: Of the figures.
        taken: A figure for each of its rounds.
        ratios: The same as ratios to the base's figure in the same round.
        limit: As of the contender.
        tally: What the server counted in the last round.
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
        """The median of the ratios."""
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
    """Have each contender do the work, one after another, round by round.

    Args:
        work: What is to be done.
        contenders: Who do it.
        rounds: How often.
        base: The name of whom the others are compared with; the first by default.
        unit: What they return.
        server: An address that counts requests.
        rehearsal: Whether there is a round before the others that is not counted.
    """
    base = base or contenders[0].name
    taken: dict[str, list[float]] = {one.name: [] for one in contenders}
    tallies: dict[str, dict[str, int]] = {one.name: {} for one in contenders}
    for turn in range(0 if rehearsal else 1, rounds + 1):
        for one in contenders:
            if one.rounds is not None and not 0 < turn <= one.rounds:
                continue
            gc.collect()
            tally(server)
            figure = one.work()
            tallies[one.name] = tally(server)
            if turn:
                taken[one.name].append(figure)
    return [
        Figures(work, one.name, base, unit, mine, [a / b for a, b in zip(mine, taken[base], strict=False)], one.limit, counted)
        for one, mine, counted in zip(contenders, taken.values(), tallies.values(), strict=True)
    ]


def seconds(work: Callable[[], Any]) -> float:
    """How long a piece of work takes; what it returns is thrown away when the clock has stopped."""
    started = time.perf_counter()
    result = work()
    took = time.perf_counter() - started
    del result
    return took


def cpu_seconds(work: Callable[[], object]) -> float:
    """Seconds of CPU that this process takes for it, all threads together."""
    started = time.process_time()
    work()
    return time.process_time() - started


@contextlib.contextmanager
def serving(script: str, *arguments: str) -> Iterator[str]:
    """A server of the benchmark's own, in a process of its own; its address."""
    command = [sys.executable, str(HERE / script), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


def tally(server: str) -> dict[str, int]:
    """What a server of ours has counted since it was last asked."""
    if not server:
        return {}
    with urllib.request.urlopen(f"{server}/tally") as answer:  # noqa: S310 -- our own server
        counted: dict[str, int] = json.load(answer)
    return counted


def elsewhere(environment: str, script: str, *arguments: str, rows: int) -> float:
    """Seconds that a script in an environment of its own says it took for so many rows."""
    command = [str(python_of(environment)), str(HERE / script), *arguments]
    quietly = os.environ | {"RUNTIME__DLTHUB_TELEMETRY": "false"}
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, env=quietly)
    said: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    assert said["rows"] == rows
    return said["seconds"]


def python_of(environment: str) -> Path:
    """The Python of an environment beside this project's."""
    return HERE.parent / environment / "bin" / "python"


def is_made(environment: str) -> bool:
    """Whether an environment could be made."""
    return (HERE.parent / environment / ".made").is_file()
