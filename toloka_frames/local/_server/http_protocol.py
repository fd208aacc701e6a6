"""Send a response on the connection of its request: at once, with a pause, cut short, or not at all."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from contextlib import suppress
from email.utils import formatdate
from typing import TYPE_CHECKING

from starlette import responses
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from toloka_frames.local._base.responses import Response
    from toloka_frames.local._faults.exchange import Delivery

# struct linger, on with 0 seconds; it has two shorts on Windows, two ints elsewhere
_LINGER_ZERO = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


class Protocol(H11Protocol):
    """HTTP/1.1, with the connection's transport in the scope's `state`, so that a request can reset its connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in H11Protocol
        """Pass the transport of a new connection to its requests."""
        super().connection_made(transport)
        self.app_state = {"transport": transport}


class Connection:
    """The connection of one request."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send

    async def send(self, delivery: Delivery) -> None:
        """Send the response in the way that the delivery says."""
        if delivery.response is None:
            await self.reset()
        elif delivery.cut or delivery.pause:
            await self._send_in_halves(delivery, delivery.response)
        else:
            await _to_starlette(delivery.response)(self._scope, self._receive, self._send)

    async def _send_in_halves(self, delivery: Delivery, response: Response) -> None:
        headers = _to_starlette(response).raw_headers
        await self._send({"type": "http.response.start", "status": response.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": response.body[: delivery.half], "more_body": True})
        with suppress(TimeoutError):
            async with asyncio.timeout(delivery.pause):
                await self._wait_for_disconnect()
        if delivery.cut:
            await self.reset()
        else:
            await self._send({"type": "http.response.body", "body": response.body[delivery.half :]})

    async def reset(self) -> None:
        """Close the connection without sending another byte."""
        reset_transport(self._scope["state"]["transport"])
        await self._wait_for_disconnect()

    async def _wait_for_disconnect(self) -> None:
        # if the application returned before, uvicorn would log an incomplete response or send a 500
        while (await self._receive())["type"] != "http.disconnect":
            pass


def reset_transport(transport: asyncio.Transport) -> None:
    """Close a connection so that its peer receives a reset (RST) instead of an orderly end (FIN)."""
    if not transport.is_closing():
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        transport.abort()


def _to_starlette(response: Response) -> responses.Response:
    # uvicorn sets the Date header in its Server, which is not used here
    headers = {"Date": formatdate(usegmt=True), "Content-Type": "application/json", **response.headers}
    return responses.Response(response.body, response.status, headers)
