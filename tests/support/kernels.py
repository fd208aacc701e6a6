"""Jupyter kernels whose channels are Unix sockets.

The ports of TCP that Jupyter finds for a kernel are free until the kernel has started, a second or more later; by then another
process may have taken one, as the local service of another test does.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from jupyter_client.manager import KernelManager
from traitlets.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_client.blocking import BlockingKernelClient

START_SECONDS = 300


@contextmanager
def kernel_config() -> Iterator[Config]:
    """Make a folder for the sockets, and yield the settings of kernels that use it."""
    if os.name == "nt":  # it has no Unix sockets
        yield Config()
        return
    # the path of a socket has at most 103 characters, so it is not in the folder of the tests
    with TemporaryDirectory(dir="/tmp") as folder:
        yield Config({"KernelManager": {"transport": "ipc", "ip": f"{folder}/kernel"}})


@contextmanager
def kernel(config: Config, name: str = "python3", **options: Any) -> Iterator[tuple[KernelManager, BlockingKernelClient]]:
    """Start a kernel, and shut it down at the end."""
    manager = KernelManager(kernel_name=name, config=config)
    manager.start_kernel(**options)
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=START_SECONDS)
        yield manager, client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
