"""The response to a request: status, body, headers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Answer:
    """A status and a body, which is JSON unless the headers say otherwise, and empty where the service says nothing."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def answer(row: object, status: int = 200) -> Answer:
    """The answer that shows a row."""
    return Answer(status, orjson.dumps(row))
