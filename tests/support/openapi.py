"""An OpenAPI document and an answer -> what the document says otherwise, as sentences."""

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
    """One OpenAPI document: what it says of an answer."""

    def __init__(self, path: Path) -> None:
        self._document = without_placeholders(json.loads(path.read_text("utf-8")))
        # literal parts before parameters: /batches/sync is not /batches/{id}
        self._paths = sorted(self._document["paths"], key=lambda path: [part.startswith("{") for part in path.split("/")])
        self.calls = {(path, method) for path, methods in self._document["paths"].items() for method in methods}

    def call(self, method: str, path: str) -> tuple[str, str]:
        """The document's path that this path is one of, and the method."""
        patterns = ((template, re.sub(r"\{[^}]*\}", "[^/]+", template)) for template in self._paths)
        return next((template for template, pattern in patterns if re.fullmatch(pattern, path)), path), method.lower()

    def problems(self, method: str, path: str, answer: httpx.Response) -> Iterator[str]:
        """What the document says otherwise, of a refusal its prose on errors."""
        template, verb = self.call(method, path)
        if (template, verb) not in self.calls:
            yield f"{method} {template}: not in the document"
            return
        foreseen = self._document["paths"][template][verb]["responses"]
        if answer.status_code >= 400:
            wrong = self._wrong(answer.json() if answer.content else None, ENVELOPE)
            yield from (f"{method} {template}: {answer.status_code} {problem}" for problem in wrong)
            return
        if str(answer.status_code) not in foreseen:
            yield f"{method} {template}: {answer.status_code}"
        content = next(iter(foreseen.values())).get("content")
        if content and answer.content:
            wrong = self._wrong(answer.json(), next(iter(content.values()))["schema"])
            yield from (f"{method} {template}: {problem}" for problem in wrong)

    def _wrong(self, value: Json, schema: Json) -> list[str]:
        """Of alternatives, what is wrong with the nearest: as each admits almost anything, `oneOf` itself says nothing."""
        schema = self._resolved(schema)
        if "oneOf" in schema:
            return min((self._wrong(value, one) for one in schema["oneOf"]), key=len)
        whole = {"allOf": [schema], "components": self._document["components"]}
        broken = [
            f"{where(error.absolute_path)}: {said(error)}" for error in jsonschema.Draft4Validator(whole).iter_errors(value)
        ]
        if isinstance(value, dict) and schema.get("type") == "array":
            return broken + self._wrong(value, schema["items"])
        return broken + list(self._undocumented(value, schema, "$"))

    def _resolved(self, schema: Json) -> Json:
        while "$ref" in schema:
            schema = self._document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return schema

    def _undocumented(self, value: Json, schema: Json, path: str) -> Iterator[str]:
        """Fields that the document does not have."""
        schema = self._resolved(schema)
        if isinstance(value, list):
            for one in value:
                yield from self._undocumented(one, schema.get("items", {}), f"{path}[]")
        fields, other = self._fields(schema), schema.get("additionalProperties")
        if isinstance(value, dict) and (fields or other):
            for name, one in value.items():
                if name in fields or other:
                    yield from self._undocumented(one, fields.get(name, other), f"{path}.{name}")
                else:
                    yield f"{path}.{name}: undocumented"

    def _fields(self, schema: Json) -> dict[str, Json]:
        """The fields of an object, also those of its parts and alternatives."""
        schema = self._resolved(schema)
        parts = [part for kind in ("allOf", "oneOf", "anyOf") for part in schema.get(kind, ())]
        return {name: field for part in parts for name, field in self._fields(part).items()} | schema.get("properties", {})


def without_placeholders(schema: Json) -> Json:
    """The document's way to write a field of any name, such as `<n>`, in the way of JSON Schema."""
    if isinstance(schema, list):
        return [without_placeholders(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: without_placeholders(one) for name, one in schema.items()}
    fields = plain.get("properties")
    if isinstance(fields, dict) and (names := [name for name in fields if name.startswith("<")]):
        plain["additionalProperties"] = fields.pop(names[0])
        plain.pop("required", None)
    return plain


def where(path: Any) -> str:
    return "$" + "".join("[]" if isinstance(part, int) else f".{part}" for part in path)


def said(error: jsonschema.ValidationError) -> str:
    """The rule that is broken, without the value that breaks it."""
    return f"{error.validator} {json.dumps(error.validator_value)}"
