"""Select some columns of a list by name or by a function, as `usecols` of `pandas.read_csv` does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from toloka_frames._errors import InputError
from toloka_frames._validation import nearest_hint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

Columns: TypeAlias = Iterable[str] | Callable[[str], bool]

NO_OTHERS: Mapping[str, str] = MappingProxyType({})
HINT = "Give a list of names, as columns=['id'], or a function that says for each name whether to read it."


def check_columns(columns: Columns | None) -> None:
    """Check the type of an argument `columns`.

    Raises:
        InputError: If it is neither None, names nor a function.
    """
    is_names = isinstance(columns, Iterable) and not isinstance(columns, str | bytes)
    if columns is not None and not callable(columns) and not is_names:
        raise InputError(f"columns={columns!r} is not a list of names.", column="columns", hint=HINT)


def selected_names(columns: Columns, known: Sequence[str], other_names: Mapping[str, str] = NO_OTHERS) -> list[str]:
    """Return the selected names, in the order of the known ones.

    Args:
        columns: The selection.
        known: The names of the columns.
        other_names: Other names that a selection can have, with the columns' own names.

    Raises:
        InputError: If a name is unknown, or none is selected.
    """
    check_columns(columns)
    wanted = list(filter(columns, known)) if callable(columns) else list(columns)
    wanted = [other_names.get(name, name) if isinstance(name, str) else name for name in wanted]
    for name in wanted:
        if name not in known:
            nearest = nearest_hint(name, [*other_names, *known]) if isinstance(name, str) else ""
            hint = HINT if not isinstance(name, str) else f"The columns are {', '.join(known)}."
            raise InputError(f"columns: the list has no column {name!r}{nearest}.", column="columns", hint=hint)
    if not wanted:
        raise InputError("columns: no column is selected.", column="columns", hint=HINT)
    return [name for name in known if name in set(wanted)]


def select_columns(table: pa.Table, columns: Columns | None) -> pa.Table:
    """Return a table with the selected columns; None selects all.

    Raises:
        InputError: If a name is unknown, or none is selected.
    """
    return table if columns is None else table.select(selected_names(columns, table.column_names))


def reject_columns(columns: Columns | None) -> None:
    """Reject a selection for a file of rows that are not a scan: their columns are known only when all rows are.

    Raises:
        InputError: If columns are selected.
    """
    if columns is not None:
        hint = "Use tf.to_dataframe(rows, columns=...).to_parquet(path)."
        raise InputError("columns= needs a Scan; these rows have no declared columns.", column="columns", hint=hint)
