"""Checks of forms: names of keywords, and warnings of forms that were written by hand."""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from toloka_frames._errors import InputError
from toloka_frames._runtime.event_loop import unknown_keyword
from toloka_frames._transport.bodies import JsonObject, Unstructurable, as_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toloka_frames._schema.form_values import Problem

Function = TypeVar("Function", bound=Callable[..., Any])
# parameters of these types are checked when a call is made (`call.py`)
PoolForm: TypeAlias = JsonObject
ProjectForm: TypeAlias = JsonObject
# only the caller's own line is of use; contextlib runs the decorators of public calls
PLUMBING = (__name__.partition(".")[0], "contextlib")


def with_fields(fields: type) -> Callable[[Function], Function]:
    """Replace the last parameter of a function, which takes fields of the API, by these fields, in its signature.

    Args:
        fields: A TypedDict with the fields.
    """

    def document(function: Function) -> Function:
        written = inspect.signature(function)
        own = list(written.parameters.values())[:-1]
        keys = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=hint)
            for name, hint in fields.__annotations__.items()
        ]
        function.__signature__ = written.replace(parameters=[*own, *keys])  # type: ignore[attr-defined]
        return function

    return document


def check_field_names(function: Callable[..., Any], names: Mapping[str, Any]) -> None:
    """Reject keywords that a function with fields does not have, as Python does, and name the nearest one."""
    signature = inspect.signature(function)
    for name in names:
        if name not in signature.parameters:
            raise unknown_keyword(function.__name__, name, signature)


def checked_pool(_name: str, form: Any) -> Any:
    """Return the form of a pool; warn of names and values that the API does not have."""
    from toloka_frames._schema.form_fields import pool_problems  # noqa: PLC0415 -- only calls with forms need its tables

    return _checked(form, "pool", pool_problems)


def checked_project(_name: str, form: Any) -> Any:
    """Return the form of a project; warn of names and values that the API does not have."""
    from toloka_frames._schema.form_fields import project_problems  # noqa: PLC0415 -- as above

    return _checked(form, "project", project_problems)


def _checked(form: Any, what: str, find: Callable[[Mapping[str, Any]], Iterator[Problem]]) -> Any:
    """Warn once, at the caller's line, of everything that is wrong with a form; it is sent all the same."""
    problems = dict.fromkeys(_sentence(problem) for problem in find(_as_sent(form)))
    if problems:
        # not an error: the service may have names that its documents do not mention
        warnings.warn(f"The {what} is sent as it is, but: {' '.join(problems)}", UserWarning, _caller_level())
    return form


def _sentence(problem: Problem) -> str:
    """Return what is wrong; the names that would be right only if none of them is near."""
    return problem.message if "the nearest is" in problem.message else f"{problem.message} {problem.hint}".strip()


def _as_sent(form: Any) -> Mapping[str, Any]:
    """Return a form in the types of JSON; empty if it cannot be sent, which the call itself reports."""
    if not isinstance(form, Mapping | Unstructurable) or isinstance(form, type):
        return {}
    try:
        sent = as_json(form)
    except InputError:
        return {}
    return sent if isinstance(sent, Mapping) else {}


def _caller_level() -> int:
    """Return the `stacklevel` of the first frame outside this package, for a warning of the function that asks."""
    frame, level = sys._getframe(1), 1  # noqa: SLF001 -- skip_file_prefixes of warnings.warn needs Python 3.12
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).partition(".")[0] in PLUMBING:
        frame, level = frame.f_back, level + 1
    return level
