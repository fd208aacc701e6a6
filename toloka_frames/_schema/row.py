"""Rows of lists and single objects of the API."""

from __future__ import annotations

from pprint import pformat
from typing import Any

from toloka_frames._runtime.event_loop import public_class


@public_class
class Row(dict[str, Any]):
    """A JSON object of the API: a dict whose keys are also attributes, as are those of the objects in it.

    `row.status` is `row["status"]`, and can be set and deleted. The names of dict's own methods (`items`, `keys`, `values`,
    `get`, `pop`, `update`, `copy`, `clear`, `setdefault`, `popitem`) stay dict's: use `row["items"]` for a key of such a name.

    Example:
        >>> pool = client.get_pool(pool.id)
        >>> pool.status, pool["status"]
        ('CLOSED', 'CLOSED')
        >>> tf.Row(status="NEW", etd=None) == {"status": "NEW", "etd": None}
        True
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise _unknown(self, name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise _unknown(self, name) from None

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Show the object in IPython and notebooks with each key in a line, and nested objects aligned below their own keys."""
        first, *others = ["{...}"] if cycle else pformat(dict(self), sort_dicts=False).splitlines()
        printer.text(first)
        for line in others:
            printer.break_()  # a new line at the indentation of a list around this object
            printer.text(line)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *filter(str.isidentifier, self)]


def _unknown(row: Row, name: str) -> AttributeError:
    # name and obj make Python suggest the nearest key
    return AttributeError(f"this object of the API has no {name!r}", name=name, obj=row)
