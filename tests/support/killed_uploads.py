"""Uploads in processes of their own, which can be killed at a line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from support.child_process import child_process

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = Path(__file__).with_name("self_killing_upload.py")


class Ended(NamedTuple):
    """The exit code of an upload, and if that is 0 the number of lines that it executed."""

    exit_code: int
    lines: int


class Uploads:
    """Uploads in processes forked from `parent`, one after another."""

    def __init__(self, parent: subprocess.Popen[str]) -> None:
        self._parent = parent

    def run(
        self, url: str, token: str, destination: str, rows: int, home: Path, kill_at: int = 0, kind: str = "tasks"
    ) -> Ended:
        """Upload rows; kill the process at the line `kill_at`, or let it live if that is 0."""
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        print(json.dumps([url, token, destination, rows, kill_at, kind, str(home)]), file=self._parent.stdin, flush=True)
        exit_code, lines = self._parent.stdout.readline().split()
        return Ended(int(exit_code), int(lines))


@contextmanager
def killed_uploads() -> Iterator[Uploads]:
    """Run the process from which uploads are forked."""
    if not hasattr(os, "fork"):
        pytest.skip("this system cannot fork")
    with child_process([sys.executable, SCRIPT], stdin=subprocess.PIPE) as parent:
        yield Uploads(parent)
