"""The fields of the project that tests use: one of each type."""

from __future__ import annotations

INPUT_SPEC = {
    "image": {"type": "url", "required": True},
    "text": {"type": "string", "required": False},
    "number": {"type": "integer", "required": False},
    "share": {"type": "float", "required": False},
    "flag": {"type": "boolean", "required": False},
    "tags": {"type": "array_string", "required": False},
    "meta": {"type": "json", "required": False},
}
OUTPUT_SPEC = {"result": {"type": "string", "required": True, "allowed_values": ["cat", "dog"]}}
