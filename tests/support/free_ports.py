"""Ports for servers that start later, or a second time."""

from __future__ import annotations

import random
import socket

# Systems take the ports of other servers and of connections from above: nobody takes one of these before it is used.
PORTS = range(10_000, 30_000)


def free_port() -> int:
    """Return a port at which nobody listens."""
    chance = random.SystemRandom()  # pytest-randomly makes the others choose the same in each process
    while True:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port := chance.choice(PORTS)))
            except OSError:
                continue
            return port
