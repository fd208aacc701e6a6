"""Compare responses with an OpenAPI document."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import jsonschema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

Json = Any
ENVELOPE = {
    "type": "object",
    "required": ["request_id", "code", "message"],
    "properties": {"request_id": {"type": "string"}, "code": {"type": "string"}, "message": {"type": "string"}, "payload": {}},
    "additionalProperties": False,
}


class Document:
    """An OpenAPI document, and the differences of responses from it."""

    def __init__(self, path: Path) -> None:
        self._document = without_placeholders(json.loads(path.read_text("utf-8")))
        # literal parts before parameters, because /batches/sync is not /batches/{id}
        self._paths = sorted(self._document["paths"], key=lambda path: [part.startswith("{") for part in path.split("/")])
        self.calls = {(path, method) for path, methods in self._document["paths"].items() for method in methods}

    def call(self, method: str, path: str) -> tuple[str, str]:
        """Return the document's path template for a path, and the method in lower case."""
        patterns = ((template, re.sub(r"\{[^}]*\}", "[^/]+", template)) for template in self._paths)
        return next((template for template, pattern in patterns if re.fullmatch(pattern, path)), path), method.lower()

    def problems(self, method: str, path: str, response: httpx.Response) -> Iterator[str]:
        """Yield the differences; errors are compared with the envelope that the document's prose describes."""
        template, verb = self.call(method, path)
        if (template, verb) not in self.calls:
            yield f"{method} {template}: not in the document"
            return
        documented = self._document["paths"][template][verb]["responses"]
        if response.status_code >= 400:
            problems = self._compare(response.json() if response.content else None, ENVELOPE)
            yield from (f"{method} {template}: {response.status_code} {problem}" for problem in problems)
            return
        if str(response.status_code) not in documented:
            yield f"{method} {template}: {response.status_code}"
        content = next(iter(documented.values())).get("content")
        if content and response.content:
            problems = self._compare(response.json(), next(iter(content.values()))["schema"])
            yield from (f"{method} {template}: {problem}" for problem in problems)

    def _compare(self, value: Json, schema: Json) -> list[str]:
        """Return the differences; for `oneOf`, those from the nearest alternative, because nearly every value matches one."""
        schema = self._resolved(schema)
        if "oneOf" in schema:
            return min((self._compare(value, alternative) for alternative in schema["oneOf"]), key=len)
        whole = {"allOf": [schema], "components": self._document["components"]}
        problems = [
            f"{format_path(error.absolute_path)}: {broken_rule(error)}"
            for error in jsonschema.Draft4Validator(whole).iter_errors(value)
        ]
        if isinstance(value, dict) and schema.get("type") == "array":
            return problems + self._compare(value, schema["items"])
        return problems + list(self._undocumented(value, schema, "$"))

    def _resolved(self, schema: Json) -> Json:
        while "$ref" in schema:
            schema = self._document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return schema

    def _undocumented(self, value: Json, schema: Json, path: str) -> Iterator[str]:
        """Yield the fields that the document does not have."""
        schema = self._resolved(schema)
        if isinstance(value, list):
            for item in value:
                yield from self._undocumented(item, schema.get("items", {}), f"{path}[]")
        fields, other = self._fields(schema), schema.get("additionalProperties")
        if isinstance(value, dict) and (fields or other):
            for name, field in value.items():
                if name in fields or other:
                    yield from self._undocumented(field, fields.get(name, other), f"{path}.{name}")
                else:
                    yield f"{path}.{name}: undocumented"

    def _fields(self, schema: Json) -> dict[str, Json]:
        """Return the fields of an object, including those of its parts and alternatives."""
        schema = self._resolved(schema)
        parts = [part for kind in ("allOf", "oneOf", "anyOf") for part in schema.get(kind, ())]
        return {name: field for part in parts for name, field in self._fields(part).items()} | schema.get("properties", {})


def without_placeholders(schema: Json) -> Json:
    """Replace fields such as `<n>`, by which the document means any name, by `additionalProperties`."""
    if isinstance(schema, list):
        return [without_placeholders(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: without_placeholders(value) for name, value in schema.items()}
    fields = plain.get("properties")
    if isinstance(fields, dict) and (names := [name for name in fields if name.startswith("<")]):
        plain["additionalProperties"] = fields.pop(names[0])
        plain.pop("required", None)
    return plain


def format_path(path: Any) -> str:
    return "$" + "".join("[]" if isinstance(part, int) else f".{part}" for part in path)


def broken_rule(error: jsonschema.ValidationError) -> str:
    """Return the broken rule, without the value that breaks it."""
    return f"{error.validator} {json.dumps(error.validator_value)}"
