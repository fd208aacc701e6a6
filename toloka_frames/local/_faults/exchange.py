"""The record of one request, and the way its response is delivered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toloka_frames.local._base.responses import Response


@dataclass(frozen=True)
class Request:
    """One request that reached the service.

    Attributes:
        method: The HTTP method.
        path: The path without the query, such as `/api/v1/tasks`.
        query: The parameters of the query.
        status: The HTTP status that was sent; None before that, and if a fault suppressed the response.
        size: The number of bytes of the body that were sent.

    Example:
        >>> status = client.get_pool(pool.id).status
        >>> toloka.requests[-1].path == f"/api/v1/pools/{pool.id}"
        True
    """

    method: str
    path: str
    query: dict[str, str]
    status: int | None = None
    size: int = 0


@dataclass(frozen=True)
class Delivery:
    """What is sent for a request, and how.

    Attributes:
        response: The response; None to reset the connection without sending one.
        cut: Whether to reset the connection after the first half of the body.
        pause: Seconds between the two halves of the body.
        outage: Seconds for which the server is away; None if it keeps serving.
    """

    response: Response | None = None
    cut: bool = False
    pause: float = 0
    outage: float | None = None

    @property
    def half(self) -> int:
        """The number of bytes in the first half of the body."""
        return len(self.response.body) // 2 if self.response else 0

    @property
    def status(self) -> int | None:
        """The status that is sent."""
        return None if self.response is None else self.response.status

    @property
    def size(self) -> int:
        """The number of bytes of the body that are sent."""
        if self.response is None:
            return 0
        return self.half if self.cut else len(self.response.body)
