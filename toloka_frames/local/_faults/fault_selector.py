"""How a fault chooses: a method, a path and a few keywords -> which requests it sees, and which of these it strikes."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toloka_frames.local._base.seeded_random import chance

if TYPE_CHECKING:
    from toloka_frames.local._faults.exchange import Request

_PREFIX = "/api"
_METHODS = ("*", "DELETE", "GET", "PATCH", "POST", "PUT")


@dataclass(frozen=True)
class Target:
    """Requests of a method and a path behind `/api`, such as `POST /v1/tasks`; `*` stands for anything.

    Raises:
        ValueError: It is none.
    """

    text: str

    def __post_init__(self) -> None:
        method, _, path = self.text.partition(" ")
        if method not in _METHODS or not path.startswith("/") or path.startswith(f"{_PREFIX}/") or set(path) & set("? "):
            raise ValueError(
                f"{self.text!r} is no kind of request: a method ({', '.join(_METHODS)}), a space and a path behind {_PREFIX}"
                " without query, in which * stands for anything, such as 'POST /v1/tasks' or 'GET /v1/*'"
            )

    def matches(self, request: Request) -> bool:
        """Whether the request is one of these."""
        pattern = ".*".join(map(re.escape, self.text.split("*")))
        return re.fullmatch(pattern, f"{request.method} {request.path.removeprefix(_PREFIX)}") is not None


@dataclass(frozen=True)
class Choice:
    """Which of the requests that a fault sees it strikes; by default all of them.

    Attributes:
        nth: These, counted from 1.
        times: The first so many.
        share: Each with this probability.
        seed: Another seed strikes others; 0 if it is None.

    Raises:
        ValueError: They make no sense.
    """

    nth: int | Collection[int] | None = None
    times: int | None = None
    share: float | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        if sum(value is not None for value in (self.nth, self.times, self.share)) > 1:
            raise ValueError(f"nth, times and share exclude each other, not{str(self)[1:]}")
        if not self._numbers or not all(map(_is_count, self._numbers)):
            raise ValueError(f"nth={self.nth!r} is no number of a request and no collection of such: the first is 1")
        if self.times is not None and not _is_count(self.times):
            raise ValueError(f"times={self.times!r} is no number of requests: 1 is the least")
        if self.share is not None and not (isinstance(self.share, int | float) and 0 < self.share <= 1):
            raise ValueError(f"share={self.share!r} is no probability: above 0 and at most 1")
        if self.seed is not None and self.share is None:
            raise ValueError(f"seed={self.seed!r} is for share")

    def __str__(self) -> str:
        given = {name: value for name, value in vars(self).items() if value is not None}
        return "".join(f", {name}={value!r}" for name, value in given.items())

    @property
    def _numbers(self) -> Collection[int]:
        if self.nth is None:
            return (1,)
        return self.nth if isinstance(self.nth, Collection) else (self.nth,)

    def takes(self, number: int, *key: str) -> bool:
        """Whether the fault that `key` names strikes the request that is its `number`-th."""
        if self.nth is not None:
            return number in self._numbers
        if self.times is not None:
            return number <= self.times
        return self.share is None or chance(self.seed or 0, *key, number) < self.share


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
