"""Toloka's field types: the Arrow type of a field's column, and the JSON values that a field accepts.

Source: Toloka API, "Create project": boolean, string, integer, float, url, file, coordinates, json, array_*.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

import pyarrow as pa

JsonShape: TypeAlias = Literal["object", "array"]


class FieldType(NamedTuple):
    """A field type of a specification.

    Attributes:
        arrow: The Arrow type of the field's column.
        json_types: The Python types of a scalar field's JSON values; empty for arrays and for free-form values.
        element: For an array, the field type of its elements.
        json: If the column has the values as JSON text, the shape of an empty value.
        is_coordinates: Whether the text is a latitude and a longitude.
    """

    arrow: pa.DataType
    json_types: frozenset[type] = frozenset()
    element: FieldType | None = None
    json: JsonShape | None = None
    is_coordinates: bool = False


class _FieldTypes(dict[str, FieldType]):
    """The field types by name; names that are not known here are free-form."""

    def __missing__(self, name: str) -> FieldType:
        return FREE_FORM_ARRAY if name.startswith("array_") else FREE_FORM


TEXT_FIELD = FieldType(pa.string(), frozenset({str}))
FREE_FORM = FieldType(pa.string(), json="object")
FREE_FORM_ARRAY = FieldType(pa.string(), element=FREE_FORM, json="array")
SCALAR_TYPES = {
    "boolean": FieldType(pa.bool_(), frozenset({bool})),
    "integer": FieldType(pa.int64(), frozenset({int})),
    "float": FieldType(pa.float64(), frozenset({int, float})),
    "string": TEXT_FIELD,
    "url": TEXT_FIELD,
    "file": TEXT_FIELD,
    "coordinates": FieldType(pa.string(), frozenset({str}), is_coordinates=True),
}
ARRAY_TYPES = {f"array_{name}": FieldType(pa.list_(scalar.arrow), element=scalar) for name, scalar in SCALAR_TYPES.items()}
FIELD_TYPES = _FieldTypes(SCALAR_TYPES | ARRAY_TYPES)
