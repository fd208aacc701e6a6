"""Ctrl-C at any request of any read: no thread, task, connection or partial file is left, and the same call works again."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import traceback
from typing import TYPE_CHECKING

import pytest
from support.assignment_list_server import AssignmentList
from support.leftovers import busy, left_on_our_loop, threads

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.scripted_server import Scripted

ROWS = 25
PAGE = 10

READS: dict[str, Callable[[tf.Scan, Path], object]] = {
    "to_dataframe": lambda scan, _: len(scan.to_dataframe()),
    "to_arrow": lambda scan, _: len(scan.to_arrow()),
    "to_reader": lambda scan, _: len(scan.to_reader().read_all()),
    "to_parquet": lambda scan, folder: scan.to_parquet(folder / "rows.parquet"),
    "to_parquet, resume": lambda scan, folder: scan.to_parquet(folder / "copy", resume=True),
    "sync": lambda scan, folder: tf.sync(scan, folder / "synced").rows,
    "iter_dataframes": lambda scan, _: sum(map(len, scan.iter_dataframes(7))),
    "rows": lambda scan, _: sum(1 for _row in scan),
    "aio.to_arrow": lambda scan, _: asyncio.run(tf.aio.to_arrow(scan)).num_rows,
    "aio.to_parquet": lambda scan, folder: asyncio.run(tf.aio.to_parquet(scan, folder / "aio.parquet")),
    "aio.sync": lambda scan, folder: asyncio.run(tf.aio.sync(scan, folder / "aio")).rows,
    "aio rows": lambda scan, _: asyncio.run(count(scan)),
}


# what Ctrl-C interrupts in the others is the caller's own loop, or an iterator of theirs
CALLS = [READS[name] for name in ("to_dataframe", "to_arrow", "to_parquet", "to_parquet, resume", "sync")]


def frames_of_the_package(error: BaseException) -> list[str]:
    """Return the functions of the package that a traceback shows."""
    shown = traceback.walk_tb(error.__traceback__)
    return [frame.f_code.co_qualname for frame, _ in shown if frame.f_globals["__name__"].startswith("toloka_frames.")]


async def count(scan: tf.Scan) -> int:
    return sum([1 async for _ in scan])


class InterruptAtRequest:
    """A list of assignments whose reader is interrupted while it waits for the n-th response."""

    def __init__(self, assignments: AssignmentList, at: int) -> None:
        self._assignments = assignments
        self._remaining = at
        self.released = threading.Event()

    def __call__(self, head: str) -> bytes:
        self._remaining -= 1
        if self._remaining == 0:
            os.kill(os.getpid(), signal.SIGINT)
            self.released.wait(120)
        return self._assignments(head)


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to the whole console")
@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_ctrl_c_at_each_request_leaves_nothing_and_the_same_call_works_again(
    scripted: Scripted, read: Callable[[tf.Scan, Path], object], tmp_path: Path
) -> None:
    assignments = AssignmentList()
    assignments.add([f"{number:03}" for number in range(ROWS)], "ACCEPTED")
    assignments.advance_clock(minutes=2)
    scripted.answers = [assignments]
    whole = tmp_path / "whole"
    whole.mkdir()
    result = read(scripted.async_client().get_assignments(pool_id="1", batch_size=PAGE), whole)
    requests, before = len(scripted.requests), threads()
    for at in range(1, requests + 1):
        client = scripted.async_client()
        scan, folder = client.get_assignments(pool_id="1", batch_size=PAGE), tmp_path / str(at)
        folder.mkdir()
        scripted.answers = [interrupt := InterruptAtRequest(assignments, at)]
        with pytest.raises(KeyboardInterrupt) as stop:
            read(scan, folder)
        assert len(frames_of_the_package(stop.value)) <= 1 or read not in CALLS
        assert left_on_our_loop() == set()
        assert threads() <= before
        assert busy(client) == []
        assert [file.name for file in folder.rglob("*") if file.name.startswith(".") or file.suffix in (".part", ".new")] == []
        interrupt.released.set()
        again = read(scan, folder)
        assert again == (folder / result.name if isinstance(result, os.PathLike) else result)  # type: ignore[attr-defined]
        assert same_files(folder, whole)


def same_files(folder: Path, whole: Path) -> bool:
    """Return whether both folders contain the same Parquet files."""
    return contents(folder) == contents(whole)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*.parquet")}
