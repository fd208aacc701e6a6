"""A service leaves no socket open when it ends, and a script that uses it ends without a ResourceWarning."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

START = """
import asyncio, atexit, gc, logging, os, socket, sys, threading

process = os.getpid()

@atexit.register  # before those of the package, so it runs after them
def show_open_sockets():
    gc.collect()
    for found in gc.get_objects() if os.getpid() == process else ():
        if isinstance(found, socket.socket) and found.family == socket.AF_INET and found.fileno() != -1:
            print(found, file=sys.stderr)

import httpx
import toloka_frames as tf
from toloka_frames.local import LocalToloka

# -X dev makes asyncio log each callback that takes more than 0.1 s, as it can on a busy machine
logging.getLogger("asyncio").setLevel(logging.ERROR)


def request(url):
    with httpx.Client() as http:
        try:
            http.get(f"{url}/api/v1/requester")
        except httpx.TransportError:
            pass
"""
CLOSED = {
    "with": """
with LocalToloka() as toloka:
    client = toloka.async_client()
    client.get_projects().to_dataframe()
    tf.run(toloka.async_client().get_requester())
""",
    "start and close": """
toloka = LocalToloka().start()
client = toloka.async_client()
tf.run(client.get_requester())
toloka.close()
""",
    "closed twice": """
toloka = LocalToloka()
for _ in range(2):
    toloka.start()
    client = toloka.async_client()
    tf.run(client.get_requester())
    tf.run(client.aclose())
    toloka.close()
toloka.close()
""",
    "in a coroutine": """
async def work():
    with LocalToloka() as toloka:
        client = toloka.async_client()
        await client.get_requester()
    return client

client = asyncio.run(work())
""",
    "on the package's own loop": """
async def work():
    with LocalToloka() as toloka:
        return toloka.async_client()

client = tf.run(work())
""",
    "request in progress": """
asked = threading.Event()
with LocalToloka() as toloka:
    toloka.faults.slow("GET /v1/requester", seconds=60)
    toloka.faults.call("GET /v1/requester", lambda _: asked.set(), when="after")
    waiting = threading.Thread(target=request, args=(toloka.url,))
    waiting.start()
    asked.wait()
waiting.join()
""",
    "restart": """
with LocalToloka() as toloka:
    client = toloka.async_client()
    tf.run(client.get_requester())
    toloka.faults.restart("GET /v1/requester", seconds=0.1, times=1)
    tf.run(client.get_requester())
""",
    "away": """
with LocalToloka() as toloka:
    toloka.faults.restart("* /*", seconds=60)
    request(toloka.url)
""",
    "cut": """
with LocalToloka() as toloka:
    toloka.faults.cut("GET /v1/requester")
    request(toloka.url)
    toloka.faults.lose_reply("GET /v1/requester")
    request(toloka.url)
""",
    "idle connections": """
with httpx.Client() as http, LocalToloka() as toloka:
    http.get(f"{toloka.url}/api/v1/requester")
    address = ("127.0.0.1", int(toloka.url.rpartition(":")[2]))
    idle = [socket.create_connection(address) for _ in range(20)]
    idle[0].sendall(b"GET / HT")
    idle[1].sendall(b"POST /api/v1/tasks HTTP/1.1\\r\\nHost: local\\r\\nContent-Length: 100\\r\\n\\r\\nabc")
for connection in idle:
    connection.close()
""",
}
NEVER_CLOSED = {
    "never closed": """
toloka = LocalToloka().start()
client = toloka.async_client()
tf.run(client.get_requester())
""",
    "forgotten": """
client = LocalToloka().start().async_client()
tf.run(client.get_requester())
tf.run(client.aclose())
""",
    "after a fork": """
toloka = LocalToloka().start()
client = toloka.async_client()
tf.run(client.get_requester())
if child := os.fork():
    assert os.waitpid(child, 0)[1] == 0
    tf.run(client.create_skill({"name": "Cats"}))
else:
    tf.run(client.aclose())
    sys.exit()
""",
}
# the variables of each script live until the process ends, like those of a notebook
ALL_CLOSED = f"""
namespaces = []
for way, script in {CLOSED!r}.items():
    print(way, file=sys.stderr)
    namespaces.append({{**globals()}})
    exec(script, namespaces[-1])
    gc.collect()
"""


def errors_of(script: str) -> list[str]:
    # Python 3.12 and later warn of a fork beside threads, which one of the scripts does on purpose
    warnings = ["-W", "error::ResourceWarning", "-W", "ignore:This process"]
    command = [sys.executable, "-X", "dev", *warnings, "-c", START + script]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stderr.splitlines()


def test_a_closed_service_leaves_no_socket_open() -> None:
    assert errors_of(ALL_CLOSED) == list(CLOSED)


@pytest.mark.parametrize("way", [way for way in NEVER_CLOSED if hasattr(os, "fork") or way != "after a fork"])
def test_a_service_that_nobody_closed_is_closed_at_exit(way: str) -> None:
    assert errors_of(NEVER_CLOSED[way]) == []
