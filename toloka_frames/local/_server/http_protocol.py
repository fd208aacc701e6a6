"""A reply -> bytes on the connection of its request: at once, with a pause, in part, or a reset."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from contextlib import suppress
from email.utils import formatdate
from typing import TYPE_CHECKING

from starlette.responses import Response
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from toloka_frames.local._base.answers import Answer
    from toloka_frames.local._faults.exchange import Reply

# on, and for 0 seconds; a struct linger has two shorts on Windows, two ints elsewhere
_AT_ONCE = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


class Protocol(H11Protocol):
    """HTTP/1.1 whose applications find the transport of their connection in the scope's `state`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in H11Protocol
        """A client has come."""
        super().connection_made(transport)
        self.app_state = {"transport": transport}


class Wire:
    """The connection of one request."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send

    async def send(self, reply: Reply) -> None:
        """Let the client have the reply, as far as it goes out."""
        if reply.answer is None:
            await self.reset()
        elif reply.cut or reply.pause:
            await self._send_halves(reply, reply.answer)
        else:
            await _response(reply.answer)(self._scope, self._receive, self._send)

    async def _send_halves(self, reply: Reply, answer: Answer) -> None:
        headers = _response(answer).raw_headers
        await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": answer.body[: reply.half], "more_body": True})
        with suppress(TimeoutError):
            async with asyncio.timeout(reply.pause):
                await self._gone()
        if reply.cut:
            await self.reset()
        else:
            await self._send({"type": "http.response.body", "body": answer.body[reply.half :]})

    async def reset(self) -> None:
        """End the connection without another byte."""
        reset(self._scope["state"]["transport"])
        await self._gone()

    async def _gone(self) -> None:
        # until uvicorn knows of it: else it logs an answer that is not complete, or sends a 500
        while (await self._receive())["type"] != "http.disconnect":
            pass


def reset(transport: asyncio.Transport) -> None:
    """Close the connection so that its peer sees a reset (RST) and not an orderly end."""
    if not transport.is_closing():
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        transport.abort()


def _response(answer: Answer) -> Response:
    # uvicorn's own Date is kept by its Server, which is not used here
    headers = {"Date": formatdate(usegmt=True), "Content-Type": "application/json", **answer.headers}
    return Response(answer.body, answer.status, headers)
