"""Run the benchmark: print a table of ratios, and with `--into` write it as Markdown with a plot."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from footprint import OWN, SINKS, STATUS, LargeUpload, imports, streams
from ledgers import listing, lookup
from overhead import calls, iteration, parsing
from pulls import DEFAULT, EIGHT, PARQUET, SEQUENTIAL, Pull
from results import NO_LATENCY, machine, table, together, write
from rows import LISTS, ListName
from stages import stages
from turns import DLT, KIT, Contender, Figures, in_turns, is_made, seconds, serving
from uploads import IDEAL, SMALL_SECONDS, SMOOTH_SECONDS, Upload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# for work that takes ten seconds and for memory: their figures hardly vary between rounds
FEW_ROUNDS = 2
LATENCY_MS = 100
SMALL_ROWS, SMALL_OPERATION_MS = 10, 50
MAX_REQUEST_RATIO = 1.1  # the target of this project, as are the limits of contenders
MAX_MISFIT_RATIO = 2.0
# with larger pages, a list of 100,000 rows has too few of them to be pulled eight times as fast
SMALL_PAGE_ROWS = 1_000


def main() -> None:
    """Run the requested groups."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"any of {', '.join(GROUPS)}; default: all")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--into", type=Path, help="folder to write results.md and results.png into")
    options = parser.parse_args()
    if unknown := set(options.groups) - set(GROUPS):
        parser.error(f"unknown group: {', '.join(unknown)}")
    figures: list[Figures] = []
    for name, group in GROUPS.items():
        if name in (options.groups or GROUPS):
            print(name, flush=True)
            figures += group(options.rows, options.rounds)
    figures = together(figures)
    summary = f"Medians of ratios, measured in turns, on {machine()}; {options.rows:,} rows.{_left_out()}"
    print(f"\n{summary}\n\n{table(figures)}")
    if options.into:
        write(options.into, figures, summary)


def pull(name: ListName, rows: int, rounds: int) -> Iterator[Figures]:
    """Measure pulls of one list without and with latency, and the stages of a pull."""
    with serving("pages.py", name, str(rows)) as server:
        what = _what(name, rows)
        short = LISTS[name].page_rows <= SMALL_PAGE_ROWS
        near, far = (Pull(name, f"{server}/{latency}/0", rows) for latency in (0, LATENCY_MS))
        contenders = [*near.bare(), *near.ours({DEFAULT: 1.0, PARQUET: 1.1})]
        yield from in_turns(f"pull {what}{NO_LATENCY}", contenders, rounds, server=server, rehearsal=short)
        yield from _slowly(f"pull {what}, {LATENCY_MS} ms latency", name, far, few(rounds), server)
        what = f"stages of a sequential pull of {what}, each alone"
        yield from in_turns(what, stages(near), 1, unit="s CPU", rehearsal=False)


def alternatives(rows: int, rounds: int) -> Iterator[Figures]:
    """Pull each list without latency by the alternatives, which take longer than all other groups together."""
    for name in LISTS:
        with serving("pages.py", name, str(rows)) as server:
            pull = Pull(name, f"{server}/0/0", rows)
            contenders, work = [pull.floor(), *pull.others()], f"pull {_what(name, rows)}{NO_LATENCY}"
            yield from in_turns(work, contenders, few(rounds), server=server, rehearsal=False)


def _what(name: ListName, rows: int) -> str:
    return f"{rows:,} {name.replace('_', ' ')}, pages of {LISTS[name].page_rows:,}"


def _slowly(what: str, name: ListName, far: Pull, rounds: int, server: str) -> Iterator[Figures]:
    """Measure pulls with latency, as ratios to the sequential pull of the same list."""
    fast = {EIGHT: 1 / 8, DEFAULT: 1 / 8} if LISTS[name].page_rows <= SMALL_PAGE_ROWS else {}
    figures = in_turns(what, far.ours(fast), rounds, server=server, rehearsal=False)
    yield from figures
    counted = {row.name: row.tally["requests"] for row in figures}
    for way in (EIGHT, DEFAULT):
        ratio = counted[way] / counted[SEQUENTIAL]
        yield Figures(f"{what}: requests", way, SEQUENTIAL, "requests", [counted[way]], [ratio], MAX_REQUEST_RATIO, {})


def misfits(rows: int, rounds: int) -> Iterator[Figures]:
    """Measure the cost of pages that do not fit the fast reader because they have an undeclared field."""
    with serving("pages.py", "app_batches", str(rows)) as server:
        ways = {"0 %": 0, "1 %": 100, "100 %": 1}
        pulls = {share: Pull("app_batches", f"{server}/0/{every}", rows) for share, every in ways.items()}
        limits = {"100 %": MAX_MISFIT_RATIO}
        contenders = [
            Contender(f"{share} of the pages", partial(seconds, pull.frame), limits.get(share)) for share, pull in pulls.items()
        ]
        yield from in_turns(f"pages with an unknown field, {rows:,} app batches", contenders, rounds, server=server)


def upload(rows: int, rounds: int) -> Iterator[Figures]:
    """Upload rows of ten fields to a sink whose operations end at once, and to one whose operations take 2 s."""
    with serving("sink.py") as server:
        at_once, slowly = Upload(server, 0, rows), Upload(server, 2_000, rows)
        what = f"upload {rows:,} rows of ten fields"
        yield from in_turns(f"{what}, to JSON chunks: CPU", at_once.chunks(), rounds, unit="s CPU")
        yield from in_turns(f"{what}, operations of 0 s: client CPU", at_once.client_cpu(), rounds, unit="s CPU", server=server)
        smooth, most = at_once.smooth(), f"{SMOOTH_SECONDS:g} s"
        yield from in_turns(f"{what}, operations of 0 s: other threads", smooth, rounds, base=most)
        yield from in_turns(f"{what}, operations of 2 s: total time", slowly.total(), few(rounds), base=IDEAL, rehearsal=False)


def small(rows: int, rounds: int) -> Iterator[Figures]:
    """Upload ten rows to a sink whose operations take 50 ms."""
    del rows
    with serving("sink.py") as server:
        what = f"upload {SMALL_ROWS} rows, operation of {SMALL_OPERATION_MS} ms: total time"
        small = Upload(server, SMALL_OPERATION_MS, SMALL_ROWS).small()
        yield from in_turns(what, small, rounds**2, base=f"{SMALL_SECONDS:g} s", server=server)


def ledger(rows: int, rounds: int) -> Iterator[Figures]:
    """Find `rows` rows in a ledger of ten times as many, and list half as many uploads."""
    with TemporaryDirectory() as folder:
        what = f"find {rows:,} rows in a ledger of {rows * 10:,}: CPU"
        yield from in_turns(what, lookup(Path(folder), rows, rows * 10), rounds, unit="s CPU")
        yield from in_turns(f"list {rows // 2:,} uploads: CPU", listing(Path(folder), rows // 2), rounds, unit="s CPU")


def large(rows: int, rounds: int) -> Iterator[Figures]:
    """Measure the peak memory of an upload of ten times `rows` rows, and its ledger."""
    del rounds
    if not STATUS.exists():
        print("large: skipped, only Linux reports the peak memory of a process")
        return
    with serving("sink.py") as server:
        upload = LargeUpload(f"{server}/0", rows * 10)
        what = f"upload {rows * 10:,} rows of ten fields"
        yield from in_turns(f"{what}: peak memory", upload.memory(), 1, base=OWN, unit="MiB")
        yield from in_turns(f"{what}: size of the ledger", upload.ledger(), 1, base=upload.ledger()[1].name, unit="MiB")


def imported(rows: int, rounds: int) -> Iterator[Figures]:
    """Measure the import in a new process."""
    del rows
    yield from in_turns("import: CPU", imports(), rounds**2, unit="s CPU")  # an import is short, so it needs more rounds


def memory(rows: int, rounds: int) -> Iterator[Figures]:
    """Measure the peak memory of streams of `rows` rows, and of ten times as many."""
    if not STATUS.exists():
        print("memory: skipped, only Linux reports the peak memory of a process")
        return
    with serving("pages.py", "app_items", str(rows)) as near, serving("pages.py", "app_items", str(rows * 10)) as far:
        # one round alone is a trial, and each figure takes a new process
        for sink in SINKS if rounds > 1 else [next(iter(SINKS))]:
            contenders = streams(sink, f"{near}/0/0", f"{far}/0/0", rows)
            yield from in_turns(f"peak memory of {sink}, app items", contenders, few(rounds), unit="MiB", rehearsal=False)


def rows_overhead(rows: int, rounds: int) -> Iterator[Figures]:
    """Iterate over the rows of a list, and parse its pages, into rows with attributes and into plain dicts."""
    names: tuple[ListName, ...] = ("app_batches", "assignments")
    for name in names:
        with serving("pages.py", name, str(rows)) as server:
            pull, what = Pull(name, f"{server}/0/0", rows), f"{rows:,} {name.replace('_', ' ')} as rows"
            yield from in_turns(f"iterate over {what}", iteration(pull), rounds, server=server)
            yield from in_turns(f"parse {what}: CPU", parsing(pull), rounds, unit="s CPU")


def call_overhead(rows: int, rounds: int) -> Iterator[Figures]:
    """Call the two clients for a small object."""
    del rows
    with serving("pages.py", "app_batches", "1") as server:
        yield from in_turns("a call without latency", calls(f"{server}/0/0"), rounds, unit="µs")


def few(rounds: int) -> int:
    """Return the number of rounds for work whose rounds are long."""
    return min(rounds, FEW_ROUNDS)


def _left_out() -> str:
    names = {KIT: "Toloka-Kit", DLT: "dlt"}
    missing = [name for environment, name in names.items() if not is_made(environment)]
    return f" Left out, because they could not be installed: {', '.join(missing)}." if missing else ""


GROUPS: dict[str, Callable[[int, int], Iterator[Figures]]] = {
    **{name: partial(pull, name) for name in LISTS},
    "alternatives": alternatives,
    "misfits": misfits,
    "upload": upload,
    "small": small,
    "large": large,
    "ledger": ledger,
    "imports": imported,
    "memory": memory,
    "rows_overhead": rows_overhead,
    "call_overhead": call_overhead,
}

if __name__ == "__main__":
    main()
