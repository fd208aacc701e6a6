"""Calls that are written once, as coroutine methods: awaited on `AsyncTolokaClient`, run on `TolokaClient`."""

from __future__ import annotations

import functools
from functools import cached_property
from itertools import zip_longest
from types import MethodType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, cast, overload

from toloka_frames._client.form_checks import checked_pool, checked_project
from toloka_frames._runtime.call_coroutine import CallCoroutine
from toloka_frames._runtime.event_loop import arguments_checked, public_call, run
from toloka_frames._validation import id_or_none, id_text

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

P = ParamSpec("P")
T = TypeVar("T")
# by the annotation of a parameter; they get its name and value, and return the value that the method gets
CHECKS: Mapping[str, Callable[[str, Any], Any]] = {
    "Id": id_text,
    "Id | None": id_or_none,
    "PoolForm": checked_pool,
    "ProjectForm": checked_project,
}
INSTEAD = "tf.TolokaClient, whose calls return their results"


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
        self._decorated = method

    # made when the call is first used, because most programs use few of the calls
    @cached_property
    def _method(self) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]:
        # a function, or a `ListMethod`, which becomes one
        return cast("Any", self._decorated).__get__(None, type(self))  # type: ignore[no-any-return]

    @cached_property
    def _make(self) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]:
        return with_checked_arguments(self._method, arguments_checked(self._method))

    @cached_property
    def _run(self) -> Callable[..., T]:
        make = self._make

        @public_call
        @functools.wraps(self._method)
        def run_call(client: Any, *args: P.args, **kwargs: P.kwargs) -> T:
            return run(make(client.calls, *args, **kwargs))

        return run_call

    @cached_property
    def _await(self) -> AwaitedCall[P, T]:
        return AwaitedCall(self._method, self._make)

    @overload
    def __get__(self, client: None, owner: Any = None) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]: ...
    @overload
    def __get__(self, client: SynchronousCalls, owner: Any = None) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: object, owner: Any = None) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, client: Any, owner: Any = None) -> Any:
        is_synchronous = issubclass(owner or type(client), SynchronousCalls)
        if client is None:  # for documentation and for mocks, which expect a function
            return self._run if is_synchronous else self._method
        return MethodType(self._run if is_synchronous else self._await, client)


class AwaitedCall(Generic[P, T]):
    """A coroutine method that returns a `CallCoroutine`; for `inspect` it is the method, and so a coroutine function.

    Args:
        method: The method.
        make: Checks the arguments and returns the method's coroutine.
    """

    def __init__(self, method: Callable[..., Any], make: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]) -> None:
        functools.update_wrapper(self, method)
        # what inspect requires of a function that is not one of Python's
        for name in ("__code__", "__defaults__", "__kwdefaults__"):
            setattr(self, name, getattr(method, name))
        self._make = make
        self._name = f"client.{method.__name__}"

    def __call__(self, client: Any, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
        """Return the coroutine."""
        return CallCoroutine(self._make(client, *args, **kwargs), self._name, INSTEAD)


def with_checked_arguments(method: Any, call: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Make a call take ids in every form, as text reaches its method, and warn of forms that are not as in the API.

    Parameters are found by their annotations in the method (`CHECKS`). InputError is raised if an id is not valid; it names the
    parameter.
    """
    checks = {name: CHECKS[hint] for name, hint in method.__annotations__.items() if hint in CHECKS}
    if not checks:
        return call
    parameters = method.__code__.co_varnames[: method.__code__.co_argcount]

    @functools.wraps(call)
    def checked_call(*args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
        named = zip_longest(args, parameters[: len(args)])
        texts: Any = [checks[name](name, value) if name in checks else value for value, name in named]
        keywords: Any = {name: checks[name](name, value) if name in checks else value for name, value in kwargs.items()}
        return call(*texts, **keywords)

    return checked_call
