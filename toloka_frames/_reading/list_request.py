"""A list and what the user gave for it come in, its path and query go out, or an error before any request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toloka_frames._errors import InputError
from toloka_frames._validation import path_part, validate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toloka_frames._schema.lists import Resource


@dataclass(frozen=True)
class ListRequest:
    """What will be asked of a list.

    Attributes:
        resource: The list.
        places: Its path parameters.
        query: Its filters, as text.
    """

    resource: Resource
    places: Mapping[str, str]
    query: Mapping[str, str]

    @property
    def path(self) -> str:
        """The path behind `/api`, ids quoted."""
        return self.resource.path.format(**{name: path_part(value) for name, value in self.places.items()})

    def __str__(self) -> str:
        asked = ", ".join(f"{name}={value!r}" for name, value in {**self.places, **self.query}.items())
        return f"{self.resource.name}({asked})"


def list_request(resource: Resource, given: Mapping[str, Any]) -> ListRequest:
    """Check what was given; None is not given.

    Raises:
        InputError: A value is none that the list takes, or one that it needs is missing.
    """
    filters = resource.filters
    places = {name: value for name, value in given.items() if name not in filters}
    for name, value in places.items():
        validate(name, path_part, value)
    query = {
        # an underscore keeps a name from being a word of Python's own
        name.rstrip("_"): validate(name, filters[name], value)
        for name, value in given.items()
        if name in filters and value is not None
    }
    if resource.one_of and not any(name in query for name in resource.one_of):
        raise InputError(f"{resource.name} are asked for with {' or '.join(resource.one_of)}.", column=resource.one_of[0])
    for (name, value), needed in resource.needs.items():
        if query.get(name) == value and needed not in query:
            raise InputError(f"{name}={value!r} is asked for with {needed}.", column=needed)
    return ListRequest(resource, places, query)
