"""A server on a real socket that sends scripted responses, valid or not."""

from __future__ import annotations

import asyncio
import json
import threading
import uuid
from typing import TYPE_CHECKING, Any, Self

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable


TOKEN = "token-that-nobody-may-see"  # noqa: S105 -- not a real token

STEPS_TO_ACCEPT = 10  # more than asyncio takes from an accepted connection to the first step of its task


def reply(body: bytes | str | dict[str, Any] | list[Any] = b"", status: int = 200, **headers: str) -> bytes:
    """Return the bytes of an HTTP response; dicts and lists are encoded as JSON."""
    raw = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    lines = [f"HTTP/1.1 {status} Reason", f"Content-Length: {len(raw)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + raw


class Scripted:
    """A server on a real socket that sends `answers` in order and repeats the last one.

    An answer is the bytes to send or a function from the head of the request to these bytes. After bytes that are not a
    complete response, the connection is closed.
    """

    def __init__(self) -> None:
        self.answers: list[bytes | Callable[[str], bytes]] = []
        self.requests: list[str] = []
        self.bodies: list[bytes] = []
        # a unique token: rate limits are kept per account for the life of the process, and ports are reused
        self.token = f"a-token-{uuid.uuid4().hex}"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop).result()
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *error: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def async_client(self, **options: Any) -> tf.AsyncTolokaClient:
        return tf.AsyncTolokaClient(self.token, url=self.url, **options)

    async def _stop(self) -> None:
        self._server.close()
        # a task that is cancelled before its first step closes nothing, so let those of new connections begin
        for _ in range(STEPS_TO_ACCEPT):
            await asyncio.sleep(0)
        connections = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._respond(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()  # close() would wait for a client that does not read
        finally:
            writer.close()

    async def _respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next((int(line[15:]) for line in head.splitlines() if line.lower().startswith("content-length:")), 0)
        self.bodies.append(await reader.readexactly(length))
        self.requests.append(head.split(" HTTP")[0])
        raw = await self._said(head)
        writer.write(raw)
        await writer.drain()
        head_end = raw.find(b"\r\n\r\n") + 4
        declared = next((int(line[16:]) for line in raw[:head_end].split(b"\r\n") if line.startswith(b"Content-Length: ")), -1)
        return declared == len(raw) - head_end

    async def _said(self, head: str) -> bytes:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer if isinstance(answer, bytes) else answer(head)
