"""A request and the service's answer -> what goes out on its connection, and the note that is kept of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toloka_frames.local._base.answers import Answer


@dataclass(frozen=True)
class Request:
    """One request that reached the service.

    Attributes:
        method: The HTTP method.
        path: The path without the query, such as `/api/v1/tasks`.
        query: The query's parameters.
        status: The HTTP status that went out; None while there is none, and when a fault kept the answer back.
        size: The bytes of the body that went out.
    """

    method: str
    path: str
    query: dict[str, str]
    status: int | None = None
    size: int = 0


@dataclass(frozen=True)
class Reply:
    """What goes out for a request.

    Attributes:
        answer: None when nothing goes out and the connection is reset.
        cut: Whether the connection is reset after the first half of the body.
        pause: Seconds between the two halves of the body.
        outage: Seconds for which the server is then away; None if it stays.
    """

    answer: Answer | None = None
    cut: bool = False
    pause: float = 0
    outage: float | None = None

    @property
    def half(self) -> int:
        """How many bytes are the first half of the body."""
        return len(self.answer.body) // 2 if self.answer else 0

    @property
    def status(self) -> int | None:
        """The status that goes out."""
        return None if self.answer is None else self.answer.status

    @property
    def size(self) -> int:
        """How many bytes of the body go out."""
        if self.answer is None:
            return 0
        return self.half if self.cut else len(self.answer.body)
