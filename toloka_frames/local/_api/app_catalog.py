"""The apps that this service offers, as rows of the Apps API (format: Toloka Apps API, Apps)."""

from __future__ import annotations

from typing import Any

_PARAMETERS = {
    "name": {"type": "string", "required": True},
    "default_language": {"type": "string", "required": False},
    "instruction_classes": {"type": "array_json", "required": False},
}
_LABELS = {
    "result": {"type": "array_string", "required": True, "hidden": False},
    "confidence": {"type": "float", "required": True, "hidden": False},
}
_ID = {"type": "string", "required": False, "hidden": True}


def _app(app_id: str, name: str, description: str, price: float, inputs: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": app_id,
        "name": name,
        "image": f"https://example.com/{app_id}.png",
        "description": description,
        "constraints_description": "",
        "default_item_price": price,
        "param_spec": _PARAMETERS,
        "input_spec": {"id": _ID, **inputs},
        "output_spec": _LABELS,
        "examples": [],
        "input_format_info": {"input_fields": ["id", *inputs], "format_description": "An object for each item"},
    }


_URL = {"type": "url", "required": True, "hidden": False}
_TEXT = {"type": "string", "required": True, "hidden": False}

APPS = (
    _app("9lZaMl363jahzra1rrYq", "Image classification", "Sorts images", 0.07, {"image_url": _URL}),
    _app("B6rk5nqWQPTnbeY1MLVx", "Text classification", "Sorts texts", 0.05, {"text": _TEXT}),
    _app("M1B0QY7kD5kie8wOyb44", "Image + Text classification", "Pairs", 0.08, {"text": _TEXT, "image_url": _URL}),
)
