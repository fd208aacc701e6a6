"""Run scripts in processes forked from one that has imported the package: the import takes longer than most scripts.

For scripts that do not depend on how an interpreter starts or on what it has imported. Where there is no fork, each script gets
an interpreter of its own.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from types import ModuleType

# what the scripts import, and what they would import at their first request
import anyio.to_thread  # noqa: F401
import filelock  # noqa: F401
import httpcore  # noqa: F401
import pyarrow.parquet  # noqa: F401
import tenacity.asyncio  # noqa: F401

import toloka_frames.aio
import toloka_frames.local  # noqa: F401

TIMEOUT_SECONDS = 120

one_at_a_time = threading.Lock()


def run_script(
    script: str, *arguments: str | Path, folder: Path | None = None, warnings_are_errors: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a script in a folder, by default the current one; return its exit code and its output."""
    arguments = tuple(map(str, arguments))
    if not hasattr(os, "fork"):
        options = ["-W", "error"] if warnings_are_errors else []
        command = [sys.executable, *options, "-c", script, *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=TIMEOUT_SECONDS, check=False)
    request = {
        "script": script,
        "arguments": arguments,
        "environment": dict(os.environ),
        "folder": str(folder or Path.cwd()),
        "warnings_are_errors": warnings_are_errors,
    }
    with one_at_a_time:
        parent = parent_of_scripts()
        assert parent.stdin is not None
        assert parent.stdout is not None
        print(json.dumps(request), file=parent.stdin, flush=True)
        exit_code, output, errors = json.loads(parent.stdout.readline())
    return subprocess.CompletedProcess(script, exit_code, output, errors)


@cache
def parent_of_scripts() -> subprocess.Popen[str]:
    """Return the process from which scripts are forked; it ends with this one."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    parent = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    atexit.register(parent.kill)
    return parent


def run_here(script: str, arguments: list[str], environment: dict[str, str], folder: str, *, warnings_are_errors: bool) -> None:
    """Run a script in this process, as if it was the script of a new interpreter."""
    signal.alarm(TIMEOUT_SECONDS)  # the end of a script that waits for ever
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    if warnings_are_errors:
        warnings.simplefilter("error")
    sys.argv = ["-c", *arguments]
    sys.modules["__main__"] = module = ModuleType("__main__")
    exec(compile(script, "<script>", "exec", dont_inherit=True), module.__dict__)  # noqa: S102 -- a script of a test


def fork() -> tuple[int, list[int]]:
    """Fork a child whose output goes to two pipes; return its process id, 0 in the child, and the ends to read from."""
    pipes = [os.pipe(), os.pipe()]
    child = os.fork()
    for number, (_, writable) in enumerate(pipes, 1):
        if not child:
            os.dup2(writable, number)
        os.close(writable)
    return child, [readable for readable, _ in pipes]


def read(descriptor: int) -> str:
    with open(descriptor, encoding="utf-8") as file:
        return file.read()


def main() -> None:
    """Run the script of each line of input in a child; print its exit code and its output."""
    for line in sys.stdin:
        child, readable = fork()
        if not child:
            run_here(**json.loads(line))
            return  # and end like an interpreter whose script has ended
        with ThreadPoolExecutor(len(readable)) as pool:
            texts = list(pool.map(read, readable))
        print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), *texts]), flush=True)


if __name__ == "__main__":
    main()
