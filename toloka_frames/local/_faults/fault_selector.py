"""Which requests a fault sees, by method and path, and which of these it strikes, by number or by share."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toloka_frames.local._base.seeded_random import uniform

if TYPE_CHECKING:
    from toloka_frames.local._faults.exchange import Request

_PREFIX = "/api"
_METHODS = ("*", "DELETE", "GET", "PATCH", "POST", "PUT")


@dataclass(frozen=True)
class RequestPattern:
    """A method and a path after `/api`, such as `POST /v1/tasks`, in which `*` matches anything.

    Raises:
        ValueError: If `text` is not a pattern of this form.
    """

    text: str

    def __post_init__(self) -> None:
        method, _, path = self.text.partition(" ")
        if method not in _METHODS or not path.startswith("/") or path.startswith(f"{_PREFIX}/") or set(path) & set("? "):
            raise ValueError(
                f"{self.text!r} is not a method ({', '.join(_METHODS)}), a space and a path: the path starts after {_PREFIX},"
                " has no query, and * in it matches anything, such as 'POST /v1/tasks' or 'GET /v1/*'"
            )

    def matches(self, request: Request) -> bool:
        """Return whether a request has this method and path."""
        pattern = ".*".join(map(re.escape, self.text.split("*")))
        return re.fullmatch(pattern, f"{request.method} {request.path.removeprefix(_PREFIX)}") is not None


@dataclass(frozen=True)
class FaultSelector:
    """Which of the requests that a fault sees it strikes; by default all of them.

    Attributes:
        nth: The request with this number, or those with these numbers, counted from 1.
        times: The first `times` requests.
        share: Each request with this probability.
        seed: The seed for `share`; None is 0.

    Raises:
        ValueError: If a value is not valid, or more than one of `nth`, `times` and `share` is given.
    """

    nth: int | Collection[int] | None = None
    times: int | None = None
    share: float | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        if sum(value is not None for value in (self.nth, self.times, self.share)) > 1:
            raise ValueError(f"give one of nth, times and share, not{str(self)[1:]}")
        if not self._numbers or not all(map(_is_count, self._numbers)):
            raise ValueError(f"nth={self.nth!r} is not a request number, or a collection of them, counted from 1")
        if self.times is not None and not _is_count(self.times):
            raise ValueError(f"times={self.times!r} is not a number of requests, 1 or more")
        if self.share is not None and not (isinstance(self.share, int | float) and 0 < self.share <= 1):
            raise ValueError(f"share={self.share!r} is not a probability above 0 and at most 1")
        if self.seed is not None and self.share is None:
            raise ValueError(f"seed={self.seed!r} needs share")

    def __str__(self) -> str:
        given = {name: value for name, value in vars(self).items() if value is not None}
        return "".join(f", {name}={value!r}" for name, value in given.items())

    @property
    def _numbers(self) -> Collection[int]:
        if self.nth is None:
            return (1,)
        return self.nth if isinstance(self.nth, Collection) else (self.nth,)

    def selects(self, number: int, *key: str) -> bool:
        """Return whether the fault strikes the request with this number; `key` identifies the fault to `share`."""
        if self.nth is not None:
            return number in self._numbers
        if self.times is not None:
            return number <= self.times
        return self.share is None or uniform(self.seed or 0, *key, number) < self.share


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
