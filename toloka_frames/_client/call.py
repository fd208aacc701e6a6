"""Calls that are written once, as coroutine methods: awaited on `AsyncTolokaClient`, run on `TolokaClient`."""

from __future__ import annotations

import functools
import inspect
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from toloka_frames._runtime.event_loop import run
from toloka_frames._validation import id_or_none, id_text

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

P = ParamSpec("P")
T = TypeVar("T")


class SynchronousCalls:
    """A client whose calls return their results.

    Attributes:
        calls: The client of the same account whose calls are coroutines.
    """

    calls: Any


class api_call(Generic[P, T]):  # noqa: N801 -- a decorator of methods, like property
    """A coroutine method that a client with `SynchronousCalls` runs on the package's event loop.

    The method's `self` is always the client whose calls are coroutines, so that a method can await others.
    """

    def __init__(self, method: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]) -> None:
        self._method = with_text_ids(method)
        self.__doc__ = method.__doc__

    @overload
    def __get__(self, client: None, owner: Any = None) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]: ...
    @overload
    def __get__(self, client: SynchronousCalls, owner: Any = None) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: object, owner: Any = None) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, client: Any, owner: Any = None) -> Any:
        if not isinstance(client, SynchronousCalls):
            return self._method.__get__(client, owner)
        method: Callable[P, Coroutine[Any, Any, T]] = self._method.__get__(client.calls)

        @functools.wraps(method)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            return run(method(*args, **kwargs))

        vars(call).pop("__signature__", None)  # it has `self`; without it, the method's own is shown
        return call


def with_text_ids(method: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Make a coroutine method take ids in every form: parameters whose annotation is `Id` reach it as text.

    It raises InputError if an id is not valid; the error names the parameter.
    """
    parameters = inspect.signature(method).parameters
    checks: dict[str, Callable[[str, Any], Any]] = {"Id": id_text, "Id | None": id_or_none}
    ids = {name: checks[item.annotation] for name, item in parameters.items() if item.annotation in checks}
    if not ids:
        return method

    @functools.wraps(method)
    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        named = zip_longest(args, list(parameters)[: len(args)])
        texts: Any = [ids[name](name, value) if name in ids else value for value, name in named]
        keywords: Any = {name: ids[name](name, value) if name in ids else value for name, value in kwargs.items()}
        return await method(*texts, **keywords)

    return call
