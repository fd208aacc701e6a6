"""Columns of a list, and the field types of a specification."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from support.list_catalog import RESOURCES

from toloka_frames._schema.columns import Layout, Specification, column_name, expand_columns
from toloka_frames._schema.field_types import FIELD_TYPES
from toloka_frames._schema.lists import TASKS

if TYPE_CHECKING:
    from toloka_frames._schema.lists import Resource


@pytest.mark.parametrize(
    ("declared", "arrow", "json"),
    [
        ("string", pa.string(), None),
        ("url", pa.string(), None),
        ("file", pa.string(), None),
        ("coordinates", pa.string(), None),
        ("integer", pa.int64(), None),
        ("float", pa.float64(), None),
        ("boolean", pa.bool_(), None),
        ("array_url", pa.list_(pa.string()), None),
        ("array_integer", pa.list_(pa.int64()), None),
        ("json", pa.string(), "object"),
        ("array_json", pa.string(), "array"),
        ("an unknown type", pa.string(), "object"),
    ],
)
def test_field_type_sets_the_arrow_type_of_the_column(declared: str, arrow: pa.DataType, json: str | None) -> None:
    kind = FIELD_TYPES[declared]
    assert (kind.arrow, kind.json) == (arrow, json)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (("id",), "id"),
        (("input_values", "image"), "INPUT:image"),
        (("input_data", "a.b"), "INPUT:a.b"),
        (("output_values", "x-y"), "OUTPUT:x-y"),
        (("output_data",), "output_data"),
        (("last_items_import", "records_count"), "last_items_import.records_count"),
    ],
)
def test_column_names_are_those_of_the_platforms_files(path: tuple[str, ...], name: str) -> None:
    assert column_name(path) == name


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
def test_column_names_of_every_list_are_unique_and_end_with_extra(resource: Resource) -> None:
    specification = Specification({"a": {"type": "string"}}, {"a": {"type": "json"}})
    layout = Layout(resource.rows_key, resource.cursor, tuple(expand_columns(resource.columns, specification, "https://web")))
    assert len(set(layout.schema.names)) == len(layout.schema.names)
    assert layout.schema.names[-1] == "extra"
    assert layout.page_schema.names == [resource.rows_key, "has_more"]


def test_specification_fields_replace_their_placeholder() -> None:
    columns = expand_columns(TASKS.columns, Specification({"x": {"type": "float"}}, {"y": {}}), "https://web")
    assert [column.name for column in columns][:4] == ["id", "pool_id", "INPUT:x", "GOLDEN:y"]
