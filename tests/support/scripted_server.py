"""A server on a real socket that says what a test tells it to say, however wrong that is."""

from __future__ import annotations

import asyncio
import json
import threading
import uuid
from typing import TYPE_CHECKING, Any, Self

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable


TOKEN = "token-that-nobody-may-see"  # noqa: S105 -- it opens nothing


def reply(body: bytes | str | dict[str, Any] | list[Any] = b"", status: int = 200, **headers: str) -> bytes:
    """The bytes of an HTTP answer; dicts and lists travel as JSON."""
    raw = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    lines = [f"HTTP/1.1 {status} Reason", f"Content-Length: {len(raw)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + raw


class Scripted:
    """A server on a real socket that gives the answers it is told, in order, the last one again and again.

    An answer is the bytes to send, or a function from the request's head to these bytes; the connection is closed behind bytes
    that are no whole answer.
    """

    def __init__(self) -> None:
        self.answers: list[bytes | Callable[[str], bytes]] = []
        self.requests: list[str] = []
        self.bodies: list[bytes] = []
        # a server that gets the port of an earlier one is another account: limits are kept for the life of the process
        self.token = f"a-token-{uuid.uuid4().hex}"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._talk, "127.0.0.1", 0), self._loop).result()
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *error: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def client(self, **options: Any) -> tf.AsyncTolokaClient:
        return tf.AsyncTolokaClient(self.token, url=self.url, **options)

    async def _stop(self) -> None:
        self._server.close()
        talks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._answer(reader, writer):
                pass
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
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
