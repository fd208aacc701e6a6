"""Toloka's field types: the Arrow type of a field's column, and the JSON values that a field accepts.

Source: Toloka API, "Create project": boolean, string, integer, float, url, file, coordinates, json, array_*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import pyarrow as pa

JsonShape: TypeAlias = Literal["object", "array"]


@dataclass(frozen=True)
class FieldType:
    """A field type of a specification.

    Attributes:
        arrow: The Arrow type of the field's column.
        json_types: The Python types of a scalar field's JSON values; empty for arrays and for free-form values.
        element: For an array, the field type of its elements.
        json: If the column has the values as JSON text, the shape of an empty value.
    """

    arrow: pa.DataType
    json_types: frozenset[type] = frozenset()
    element: FieldType | None = None
    json: JsonShape | None = None


TEXT_FIELD = FieldType(pa.string(), frozenset({str}))
SCALAR_TYPES = {
    "boolean": FieldType(pa.bool_(), frozenset({bool})),
    "integer": FieldType(pa.int64(), frozenset({int})),
    "float": FieldType(pa.float64(), frozenset({int, float})),
    "string": TEXT_FIELD,
    "url": TEXT_FIELD,
    "file": TEXT_FIELD,
    "coordinates": TEXT_FIELD,
}
FREE_FORM = FieldType(pa.string(), json="object")


def field_type(name: str) -> FieldType:
    """Return the field type of a name; `json` and names that are not known here are free-form."""
    if not name.startswith("array_"):
        return SCALAR_TYPES.get(name, FREE_FORM)
    element = field_type(name.removeprefix("array_"))
    if element.json_types:
        return FieldType(pa.list_(element.arrow), element=element)
    return FieldType(pa.string(), element=element, json="array")
