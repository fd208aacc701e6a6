from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.raw_client import PROJECT

if TYPE_CHECKING:
    import httpx
    from support.raw_client import RawClient

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
def api(module_api: RawClient) -> RawClient:
    return module_api


def test_values_are_checked_against_their_field(api: RawClient) -> None:
    for field, valid, invalid in CASES:
        spec = {**PROJECT["task_spec"], "input_spec": {"value": field}}
        pool_id = api.create_pool(api.create_project(task_spec=spec))
        for value in valid:
            assert post_value(api, pool_id, value).status_code == 201, (field, value)
        for code, values in invalid.items():
            for value in values:
                payload = post_value(api, pool_id, value).json()["payload"]
                assert payload["input_values.value"]["code"] == code, (field, value)


def post_value(api: RawClient, pool_id: str, value: object) -> httpx.Response:
    return api.post("/v1/tasks", {"pool_id": pool_id, "overlap": 1, "input_values": {"value": value}})


def test_an_error_has_its_bound_as_parameter(api: RawClient) -> None:
    field = {"type": "integer", "min_value": 5, "required": False}
    pool_id = api.create_pool(api.create_project(task_spec={**PROJECT["task_spec"], "input_spec": {"value": field}}))
    response = api.post("/v1/tasks", {"pool_id": pool_id, "overlap": 1, "input_values": {"value": 1}})
    assert response.json()["payload"]["input_values.value"] == {
        "code": "VALUE_LESS_THAN_MIN",
        "message": "Value must be greater than or equal to 5",
        "params": [5],
    }
    for values in ({}, {"value": None}):
        assert api.post("/v1/tasks", {"pool_id": pool_id, "overlap": 1, "input_values": values}).status_code == 201
