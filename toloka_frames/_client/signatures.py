"""A list's keywords come in, the methods that take them go out with each of them in signature and docstring."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from toloka_frames._validation import nearest_hint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toloka_frames._schema.lists import Resource

Method = TypeVar("Method", bound=Callable[..., Any])
NEEDED = {
    "pool_id": "The pool.",
    "app_project_id": "The app project.",
    "operation_id": "The operation of `aggregate_solutions_by_pool`, which must have ended.",
}
SCAN_DOC = """Args:
{args}
    batch_size: Rows a page, at most {most:,}; {usual:,} unless given.

Returns:
    A `Scan`: to_dataframe, to_arrow, to_reader, iter_dataframes, to_parquet, iteration, Arrow stream.

Raises:
    InputError: A value is none that the list takes; nothing was asked."""
PAGE_DOC = """As the wire has it: `{{"{rows}": [...], "has_more": bool}}`. Errors and source are those of `{scan}`.

Args:
{args}
    sort: Sort keys ({keys}), earlier ones weigh more; '-' in front for descending.
    limit: Rows of the page (at most {most:,})."""


def with_list_signature(resource: Resource) -> Callable[[Method], Method]:
    """Have a method tell of a list's keywords, and answer one that is none of them with the nearest."""
    told = resource.keyword_hints
    # what is a list's own before what many have
    common = ("_gt", "_gte", "_lt", "_lte", "owner_id", "owner_company_id")
    hints = {name: told[name] for name in sorted(told, key=lambda name: name.endswith(common))}

    def telling(method: Method) -> Method:
        signature = _signature(method, hints)
        known = list(signature.parameters)[1:]

        @functools.wraps(method)
        def called(*args: Any, **kwargs: Any) -> Any:
            for name in kwargs:
                if name not in known:
                    meant = nearest_hint(name, known) or f"; it takes {', '.join(known)}"
                    raise TypeError(f"{method.__name__}() got an unexpected keyword argument {name!r}{meant}")
            return method(*args, **kwargs)

        called.__signature__ = signature  # type: ignore[attr-defined]
        called.__doc__ = _doc(method, resource, hints)
        return cast("Method", called)

    return telling


def _signature(method: Callable[..., Any], hints: Mapping[str, Any]) -> inspect.Signature:
    """The method's signature with its keywords one by one."""
    written = inspect.signature(method)
    own = [each for each in written.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
    needed = [each for each in own if each.kind is not inspect.Parameter.KEYWORD_ONLY]
    keys = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=hint.__origin__)
        for name, hint in hints.items()
    ]
    return written.replace(parameters=[*needed, *keys, *own[len(needed) :]])


def _doc(method: Callable[..., Any], resource: Resource, hints: Mapping[str, Any]) -> str:
    """The method's docstring with what all lists have in common."""
    text, *source = (inspect.getdoc(method) or "").partition("\n\nSource: ")
    sentences = {name: NEEDED[name] for name in resource.required} | {
        name: hint.__metadata__[0] for name, hint in hints.items()
    }
    common = (SCAN_DOC if source[0] else PAGE_DOC).format(
        args="\n".join(f"    {name}: {sentence}" for name, sentence in sentences.items()),
        most=resource.max_limit,
        usual=resource.page_rows,
        rows=resource.rows_key,
        scan=method.__name__.replace("find_", "get_"),
        keys=", ".join(resource.sort),
    )
    return "".join([text, "\n\n", common, *source])
