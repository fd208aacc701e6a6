from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.raw_client import PROJECT

if TYPE_CHECKING:
    import httpx
    from support.raw_client import Wire

CASES = [
    ({"type": "string"}, ["", "a", "007"], {"STRING_EXPECTED": [1, True, []]}),
    ({"type": "string", "min_length": 2, "max_length": 3}, ["ab"], {"STRING_LENGTH_LESS_THAN_MIN": ["a"]}),
    ({"type": "string", "max_length": 3}, ["abc"], {"STRING_LENGTH_GREATER_THAN_MAX": ["abcd"]}),
    ({"type": "string", "allowed_values": ["a"]}, ["a"], {"VALUE_NOT_ALLOWED": ["b", ""]}),
    ({"type": "integer"}, [0, -5], {"INTEGER_EXPECTED": [1.5, "1", True]}),
    ({"type": "integer", "min_value": 1, "max_value": 3}, [1, 3], {"VALUE_LESS_THAN_MIN": [0]}),
    ({"type": "integer", "max_value": 3}, [3], {"VALUE_GREATER_THAN_MAX": [4]}),
    ({"type": "float"}, [1, 1.5], {"FLOAT_EXPECTED": ["1", False]}),
    ({"type": "boolean"}, [True, False], {"BOOLEAN_EXPECTED": [1, "true"]}),
    ({"type": "URL"}, ["https://a.b/c", "/proxy/a.png"], {"INVALID_URL_SYNTAX": ["a b", "x.png", ""]}),
    ({"type": "url"}, ["http://a"], {"STRING_EXPECTED": [1]}),
    ({"type": "coordinates"}, ["55.7,37.6", "-1, 2"], {"INVALID_COORDINATES_SYNTAX": ["55.7", "91,0", "0,181"]}),
    ({"type": "json"}, [{"a": [1]}, "x", 1], {}),
    ({"type": "array_string"}, [[], ["a"]], {"ARRAY_EXPECTED": ["a", {}], "STRING_EXPECTED": [[1]]}),
    ({"type": "array_integer", "min_size": 1, "max_size": 2}, [[1]], {"ARRAY_SIZE_LESS_THAN_MIN": [[]]}),
    ({"type": "array_integer", "max_size": 2}, [[1, 2]], {"ARRAY_SIZE_GREATER_THAN_MAX": [[1, 2, 3]]}),
]


@pytest.fixture
def wire(wire_of_module: Wire) -> Wire:
    return wire_of_module


def test_values_are_held_against_their_field(wire: Wire) -> None:
    for field, good, bad in CASES:
        spec = {**PROJECT["task_spec"], "input_spec": {"value": field}}
        pool_id = wire.pool(wire.project(task_spec=spec))
        for value in good:
            assert posted(wire, pool_id, value).status_code == 201, (field, value)
        for code, values in bad.items():
            for value in values:
                payload = posted(wire, pool_id, value).json()["payload"]
                assert payload["input_values.value"]["code"] == code, (field, value)


def posted(wire: Wire, pool_id: str, value: object) -> httpx.Response:
    return wire.post("/v1/tasks", {"pool_id": pool_id, "overlap": 1, "input_values": {"value": value}})


def test_a_bound_is_in_the_params(wire: Wire) -> None:
    field = {"type": "integer", "min_value": 5, "required": False}
    pool_id = wire.pool(wire.project(task_spec={**PROJECT["task_spec"], "input_spec": {"value": field}}))
    reply = wire.post("/v1/tasks", {"pool_id": pool_id, "overlap": 1, "input_values": {"value": 1}})
    assert reply.json()["payload"]["input_values.value"] == {
        "code": "VALUE_LESS_THAN_MIN",
        "message": "Value must be greater than or equal to 5",
        "params": [5],
    }
    for values in ({}, {"value": None}):
        assert wire.post("/v1/tasks", {"pool_id": pool_id, "overlap": 1, "input_values": values}).status_code == 201
