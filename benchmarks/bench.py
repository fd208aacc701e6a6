"""A number of rows and of rounds come in; a table of ratios goes out, printed, and with `--into` as Markdown and a plot."""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from footprint import SINKS, STATUS, imports, streams
from pulls import DEFAULT, EIGHT, FLOOR, SEQUENTIAL, Pull
from results import NO_LATENCY, machine, table, write
from rows import LISTS, ListName
from stages import stages
from turns import DLT, KIT, Contender, Figures, in_turns, is_made, seconds, serving
from uploads import IDEAL, Up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# of work that takes ten seconds or tells of memory, whose figures hardly differ
FEW_ROUNDS = 2
LATENCY = 100
MOST_REQUESTS = 1.3
# more than so many rows a page, and a list of 100,000 rows has too few pages to be pulled eight times as fast
SMALL_PAGE = 1_000


def main() -> None:
    """Run the groups that are wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)}; all by default")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--into", type=Path, help="folder to write results.md and results.png into")
    options = parser.parse_args()
    if unknown := set(options.groups) - set(GROUPS):
        parser.error(f"no group: {', '.join(unknown)}")
    figures: list[Figures] = []
    for name, group in GROUPS.items():
        if name in (options.groups or GROUPS):
            print(name, flush=True)
            figures += group(options.rows, options.rounds)
    said = f"Medians of ratios, measured in turns, on {machine()}; {options.rows:,} rows.{_left_out()}"
    print(f"\n{said}\n\n{table(figures)}")
    if options.into:
        write(options.into, figures, said)


def pull(name: ListName, rows: int, rounds: int) -> Iterator[Figures]:
    """One list, without latency and with it, and the stages of which its time is made."""
    with serving("pages.py", name, str(rows)) as server:
        what = f"{rows:,} {name.replace('_', ' ')}, pages of {LISTS[name].page_rows:,}"
        short = LISTS[name].page_rows <= SMALL_PAGE
        near, far = (Pull(name, f"{server}/{latency}/0", rows) for latency in (0, LATENCY))
        contenders = [*near.bare(), *near.ours({SEQUENTIAL: 1.0, DEFAULT: 1.0}), *near.others()]
        yield from in_turns(f"pull {what}{NO_LATENCY}", contenders, rounds, server=server, rehearsal=short)
        yield from _slowly(f"pull {what}, {LATENCY} ms latency", name, far, few(rounds), server)
        what = f"stages of a sequential pull of {what}, each alone"
        yield from in_turns(what, stages(near), few(rounds), unit="s CPU", rehearsal=False)


def _slowly(what: str, name: ListName, far: Pull, rounds: int, server: str) -> Iterator[Figures]:
    """With latency, beside the list's own sequential walk."""
    fast = {EIGHT: 1 / 8, DEFAULT: 1 / 8} if LISTS[name].page_rows <= SMALL_PAGE else {}
    contenders = [*far.ours(fast), *(replace(one, rounds=1) for one in far.bare() if one.name == FLOOR)]
    figures = in_turns(what, contenders, rounds, server=server, rehearsal=False)
    yield from figures
    counted = {one.name: one.tally["requests"] for one in figures}
    for way in (EIGHT, DEFAULT):
        ratio = counted[way] / counted[SEQUENTIAL]
        yield Figures(f"{what}: requests", way, SEQUENTIAL, "requests", [counted[way]], [ratio], MOST_REQUESTS, {})


def misfits(rows: int, rounds: int) -> Iterator[Figures]:
    """What it costs that pages do not fit the fast reader: they hold a field that nobody declared."""
    with serving("pages.py", "app_batches", str(rows)) as server:
        ways = {"0 %": 0, "1 %": 100, "100 %": 1}
        pulls = {share: Pull("app_batches", f"{server}/0/{every}", rows) for share, every in ways.items()}
        contenders = [Contender(f"{share} of the pages", partial(seconds, pull.frame)) for share, pull in pulls.items()]
        yield from in_turns(f"pages with an unknown field, {rows:,} app batches", contenders, rounds, server=server)


def upload(rows: int, rounds: int) -> Iterator[Figures]:
    """Rows of ten fields up to a sink that takes no time, and to one that takes 2 s for each request."""
    with serving("sink.py") as server:
        at_once, slowly = Up(server, 0, rows), Up(server, 2_000, rows)
        what = f"upload {rows:,} rows of ten fields"
        yield from in_turns(f"{what}, to JSON chunks: CPU", at_once.chunks(), rounds, unit="s CPU")
        yield from in_turns(f"{what}, operations of 0 s: client CPU", at_once.client_cpu(), rounds, unit="s CPU", server=server)
        yield from in_turns(f"{what}, operations of 2 s: total time", slowly.total(), few(rounds), base=IDEAL, rehearsal=False)


def imported(rows: int, rounds: int) -> Iterator[Figures]:
    """The time that the import takes in a process that is new."""
    del rows
    yield from in_turns("import", imports(), rounds**2)  # short, so that more rounds are needed


def memory(rows: int, rounds: int) -> Iterator[Figures]:
    """The most memory of streams, of so many rows and of ten times as many."""
    if not STATUS.exists():
        print("memory: left out, only Linux tells the most memory that a process had")
        return
    with serving("pages.py", "app_items", str(rows)) as near, serving("pages.py", "app_items", str(rows * 10)) as far:
        for sink in SINKS:
            contenders = streams(sink, f"{near}/0/0", f"{far}/0/0", rows)
            yield from in_turns(f"peak memory of {sink}, app items", contenders, few(rounds), unit="MiB", rehearsal=False)


def few(rounds: int) -> int:
    """Fewer of them where each is long."""
    return min(rounds, FEW_ROUNDS)


def _left_out() -> str:
    names = {KIT: "Toloka-Kit", DLT: "dlt"}
    missing = [name for environment, name in names.items() if not is_made(environment)]
    return f" Left out, because they could not be installed: {', '.join(missing)}." if missing else ""


GROUPS: dict[str, Callable[[int, int], Iterator[Figures]]] = {
    **{name: partial(pull, name) for name in LISTS},
    "misfits": misfits,
    "upload": upload,
    "imports": imported,
    "memory": memory,
}

if __name__ == "__main__":
    main()
