"""Give the methods of lists the signature and docstring that Shift+Tab and completion show."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args, get_origin
from uuid import UUID

from toloka_frames._runtime.event_loop import public_call

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toloka_frames._schema.lists import Resource

Method = TypeVar("Method", bound=Callable[..., Any])
REQUIRED = {
    "pool_id": "The pool.",
    "app_project_id": "The app project.",
    "operation_id": "The operation of `aggregate_solutions_by_pool`, which must have ended.",
}
SCAN_DOC = """Args:
{args}
    batch_size: Rows per page, at most {most:,}; default {usual:,}.

Returns:
    A `Scan`: to_dataframe, to_arrow, to_reader, iter_dataframes, to_parquet, iteration, Arrow stream.

Raises:
    InputError: If the list does not take a value; nothing was requested."""
PAGE_DOC = """The page is a dict as in the API: `{{"{rows}": [...], "has_more": bool}}`. Errors and source as in `{scan}`.

Args:
{args}
    sort: Sort keys ({keys}), the most important first; '-' in front for descending.
    limit: Rows of the page (at most {most:,})."""
# comparisons, which many lists share, are listed after a list's own filters
COMMON = ("_gt", "_gte", "_lt", "_lte", "owner_id", "owner_company_id")


class ListMethod:
    """A method of a client whose signature and docstring are made when it is first looked up; then it becomes a function.

    Args:
        method: The method, with `**filters`.
        resource: The list whose keywords they are.
    """

    def __init__(self, method: Callable[..., Any], resource: Resource) -> None:
        self._method, self._resource, self._text = method, resource, method.__doc__ or ""
        self._place: tuple[type, str] | None = None

    def __set_name__(self, owner: type, name: str) -> None:
        self._place = owner, name

    def __get__(self, client: object, owner: type | None = None) -> Any:
        method: Any = self.documented()
        if self._place is not None:
            method = public_call(method)
            setattr(*self._place, method)
        return method.__get__(client, owner)

    def documented(self) -> Callable[..., Any]:
        """Return the method with its signature and docstring; two threads may call it at once."""
        declared = self._resource.keyword_hints
        hints = {name: declared[name] for name in sorted(declared, key=lambda name: name.endswith(COMMON))}
        method: Any = self._method
        method.__doc__ = _doc(method.__name__, inspect.cleandoc(self._text), self._resource, hints)
        method.__signature__ = _signature(method, hints)
        return method  # type: ignore[no-any-return]


def with_list_signature(resource: Resource) -> Callable[[Method], Method]:
    """Replace the `**filters` of a method by the keywords of a list, in its signature and docstring."""
    return lambda method: cast("Any", ListMethod(method, resource))


def _signature(method: Callable[..., Any], hints: Mapping[str, Any]) -> inspect.Signature:
    """Return the method's signature with its keywords one by one."""
    written = inspect.signature(method)
    own = [parameter for parameter in written.parameters.values() if parameter.kind is not inspect.Parameter.VAR_KEYWORD]
    positional = [parameter for parameter in own if parameter.kind is not inspect.Parameter.KEYWORD_ONLY]
    names = {parameter.name for parameter in own}
    positional = [
        parameter.replace(annotation=_shown(hints[parameter.name].__origin__)) if parameter.name in hints else parameter
        for parameter in positional
    ]
    keys = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_shown(hint.__origin__))
        for name, hint in hints.items()
        if name not in names
    ]
    # as that of a coroutine function, which shows the type of its result
    returned = written.return_annotation.removeprefix("Coroutine[Any, Any, ").removesuffix("]")
    return written.replace(parameters=[*positional, *keys, *own[len(positional) :]], return_annotation=returned)


def _shown(hint: Any) -> Any:
    """Return the type to show for a keyword: by name for ids, whose forms are too many to list."""
    if UUID not in get_args(hint):
        return hint
    origins = [get_origin(member) for member in get_args(hint)]
    return "Id | Collection[Id] | None" if Collection in origins else "Id | None"


def _doc(name: str, text: str, resource: Resource, hints: Mapping[str, Any]) -> str:
    """Return the docstring of a method of this name with the parts that all lists share."""
    written, *source = text.partition("\n\nSource: ")
    text, *example = written.partition("\n\nExample:\n")
    sentences = {name: REQUIRED[name] for name in resource.required} | {
        name: hint.__metadata__[0] for name, hint in hints.items()
    }
    common = (SCAN_DOC if source[0] else PAGE_DOC).format(
        args="\n".join(f"    {name}: {sentence}" for name, sentence in sentences.items()),
        most=resource.max_limit,
        usual=resource.page_rows,
        rows=resource.rows_key,
        scan=name.replace("find_", "get_"),
        keys=", ".join(resource.sort),
    )
    return "".join([text, "\n\n", common, *example, *source])
