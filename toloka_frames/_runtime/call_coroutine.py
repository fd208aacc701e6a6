"""The coroutine that a call of `AsyncTolokaClient` and a function of `tf.aio` returns."""

from __future__ import annotations

import types
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from toloka_frames._runtime.event_loop import ShortTracebacks

if TYPE_CHECKING:
    from collections.abc import Generator

T = TypeVar("T")


class CallCoroutine(Coroutine[Any, Any, T]):
    """A coroutine that says what to do where it is used as the result that awaiting it would return.

    It is a coroutine for `await`, `asyncio.run`, `asyncio.gather`, tasks and `tf.run`, and warns if it was never awaited.

    Args:
        coroutine: The coroutine.
        name: What was called, for messages.
        instead: What returns the result without `await`, for messages.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, T], name: str, instead: str) -> None:
        self._coroutine = coroutine
        self._running: Coroutine[Any, Any, T] | None = None
        self._name = name
        self._instead = instead

    # inspect.iscoroutine checks the class
    @property
    def __class__(self) -> type:
        return types.CoroutineType

    @__class__.setter
    def __class__(self, _: type) -> NoReturn:
        raise TypeError("the class of a coroutine cannot be changed")

    def __repr__(self) -> str:
        return f"<coroutine {self._name}(): await it for its result>"

    def __await__(self) -> Generator[Any, Any, T]:
        return self._started().__await__()

    def send(self, value: Any) -> Any:
        """Continue the coroutine."""
        return self._started().send(value)

    def throw(self, *error: Any) -> Any:
        """Raise an error in the coroutine."""
        return (self._running or self._coroutine).throw(*error)

    def close(self) -> None:
        """End the coroutine."""
        (self._running or self._coroutine).close()

    def _started(self) -> Coroutine[Any, Any, T]:
        # not before it is awaited: then only the call's own coroutine warns that it was never awaited
        self._running = self._running or _with_short_tracebacks(self._coroutine)
        return self._running

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("_", "cr_")):  # what Python reads of coroutines
            return getattr(self._coroutine, name)
        # without the object, or Python would suggest one of its names
        raise AttributeError(f"{self._advice()} It has no {name!r}.", name=name, obj=None)

    def __getitem__(self, key: object) -> NoReturn:
        raise self._misuse()

    def __iter__(self) -> NoReturn:
        raise self._misuse()

    def __aiter__(self) -> NoReturn:
        raise self._misuse()

    def __contains__(self, item: object) -> NoReturn:
        raise self._misuse()

    def __len__(self) -> NoReturn:
        raise self._misuse()

    def __bool__(self) -> bool:
        return True  # asyncio tests it where it shows a task

    def _misuse(self) -> TypeError:
        self.close()  # after the error, a warning that it was never awaited would only come later
        return TypeError(self._advice())

    def _advice(self) -> str:
        return f"{self._name}() is a coroutine, not yet its result: await it, or use {self._instead}."


async def _with_short_tracebacks(coroutine: Coroutine[Any, Any, T]) -> T:
    with ShortTracebacks():
        return await coroutine
