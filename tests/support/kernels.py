"""Jupyter kernels whose channels are Unix sockets.

The ports of TCP that Jupyter finds for a kernel are free until the kernel has started, a second or more later; by then another
process may have taken one, as the local service of another test does.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_client.manager import KernelManager
from traitlets.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_client.blocking import BlockingKernelClient

CONFIG = Config({"KernelManager": {"transport": "tcp" if os.name == "nt" else "ipc"}})
START_SECONDS = 300


@contextmanager
def runtime_folder() -> Iterator[None]:
    """Let the sockets be in a folder whose path is short: that of a socket has at most 103 characters."""
    with TemporaryDirectory(dir=None if os.name == "nt" else "/tmp") as folder, pytest.MonkeyPatch.context() as environment:  # noqa: S108 -- a short path
        environment.setenv("JUPYTER_RUNTIME_DIR", folder)
        yield


def start_kernel(name: str = "python3", **options: Any) -> tuple[KernelManager, BlockingKernelClient]:
    """Start a kernel; the caller stops its client and shuts it down."""
    manager = KernelManager(kernel_name=name, config=CONFIG)
    manager.start_kernel(**options)
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=START_SECONDS)
    except RuntimeError:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        raise
    return manager, client
