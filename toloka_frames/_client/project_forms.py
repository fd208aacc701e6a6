"""The form of a project from its fields, with a default view of its tasks."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, TypeAlias, Unpack

from toloka_frames._client.form_checks import check_field_names, with_fields
from toloka_frames._errors import InputError
from toloka_frames._schema.field_types import ARRAY_TYPES, SCALAR_TYPES
from toloka_frames._schema.form_fields import ProjectFields, project_problems
from toloka_frames._schema.form_values import refuse, unknown_name

# "url", "string?", ["cat", "dog"], or a specification of the API
Field: TypeAlias = str | Sequence[Any] | Mapping[str, Any]
Spec: TypeAlias = dict[str, Any]
FIELD_TYPES = (*SCALAR_TYPES, "json", *ARRAY_TYPES, "array_json")
VALUE_TYPES = {str: "string", int: "integer", float: "float"}
COMPONENT_VERSION = "1.0.0"  # of all components of Toloka-Kit 1.2.3
# by words in the names of fields of type url
MEDIA = {
    "view.image": re.compile(r"image|img|photo|picture|\bpic\b|screenshot", re.IGNORECASE),
    "view.audio": re.compile(r"audio|sound|voice|speech", re.IGNORECASE),
    "view.video": re.compile(r"video|movie|clip", re.IGNORECASE),
}
SHOWN_AS_TEXT = ("string", "integer", "float", "boolean", "coordinates")
FIELD_COMPONENTS: Mapping[str, Mapping[str, Any]] = {
    "string": {"type": "field.text"},
    "url": {"type": "field.text"},
    "integer": {"type": "field.number"},
    "float": {"type": "field.number"},
    "boolean": {"type": "field.checkbox", "preserveFalse": True},
    "file": {"type": "field.media-file", "accept": {"fileSystem": True, "gallery": True, "photo": True}},
}


@with_fields(ProjectFields)
def project_form(
    public_name: str | None = None,
    *,
    inputs: Mapping[str, Field],
    outputs: Mapping[str, Field],
    public_instructions: str = "",
    public_description: str | None = None,
    view_spec: Mapping[str, Any] | None = None,
    **more: Unpack[ProjectFields],
) -> dict[str, Any]:
    """Return the form of a project, for `client.create_project`.

    It is a dict with the names of the API, which can be changed before it is sent.

    Args:
        public_name: The project's name, which Tolokers see; by default, it is made of the names of the fields.
        inputs: The fields of a task by name. A field is a type, such as "url" or "string" ("string?" if it may be missing), a
            list of the values that it can have, or a specification of the API, such as `{"type": "string", "hidden": True}`.
            Types: boolean, string, integer, float, url, coordinates, json and `array_` of these.
        outputs: The fields of an answer, in the same form; of type file, too.
        public_instructions: What Tolokers read before they start; may be HTML.
        public_description: What Tolokers read in the list of tasks; the name by default.
        view_spec: What a task looks like, as in the API. By default, it shows the inputs one below the other: URLs as images,
            sounds and videos if the field's name says so ("image", "photo", "audio", "video", ...), other URLs as links,
            anything else as text. Outputs are a choice of their values, or text, a number, a checkbox or a file.
        **more: Other fields of the API, such as `private_comment="..."`.

    Returns:
        The form.

    Raises:
        InputError: If a field's type is not known, or the default view cannot show it: arrays and json need a `view_spec`.
        TypeError: If there is no field of a name; the message has the nearest.

    Example:
        >>> form = tf.project_form("Cat or dog?", inputs={"image": "url"}, outputs={"result": ["cat", "dog"], "why": "string?"})
        >>> form["task_spec"]["output_spec"]["why"]
        {'type': 'string', 'required': False}
        >>> client.create_project(form).status
        'ACTIVE'

    Source: Toloka API, "Create project"; Toloka-Kit 1.2.3 for the components of the view.
    """
    check_field_names(project_form, more)
    input_spec, output_spec = _spec("inputs", inputs), _spec("outputs", outputs)
    name = public_name or f"{', '.join(outputs)} of {', '.join(inputs)}"
    form = {
        "public_name": name,
        "public_description": public_description or name,
        "public_instructions": public_instructions,
        "assignments_issuing_type": "AUTOMATED",
        "task_spec": {
            "input_spec": input_spec,
            "output_spec": output_spec,
            "view_spec": _view(input_spec, output_spec) if view_spec is None else deepcopy(dict(view_spec)),
        },
        **deepcopy(more),
    }
    refuse(project_problems(form))
    return form


def _spec(argument: str, fields: Mapping[str, Field]) -> Spec:
    if not isinstance(fields, Mapping) or not fields:
        hint = f'{argument}={{"image": "url"}}' if argument == "inputs" else f'{argument}={{"result": ["cat", "dog"]}}'
        raise InputError(f"{argument} must be a dict with at least one field.", column=argument, hint=hint)
    return {str(name): _field(argument, str(name), field) for name, field in fields.items()}


def _field(argument: str, name: str, field: Field) -> dict[str, Any]:
    if isinstance(field, str):
        spec = {"type": field.removesuffix("?"), **({"required": False} if field.endswith("?") else {})}
    elif isinstance(field, Mapping):
        spec = deepcopy(dict(field))
    else:
        spec = {"type": _type_of_values(name, field), "allowed_values": list(field)}
    known = [type_ for type_ in FIELD_TYPES if argument == "outputs" or not type_.endswith("file")]
    if spec.get("type") not in known:
        raise unknown_name(f"{argument}, field {name!r}: there is", "type", spec.get("type"), known).error()
    return spec


def _type_of_values(name: str, values: Sequence[Any]) -> str:
    types = {type(value) for value in values} if isinstance(values, Sequence) else set()
    if len(types) != 1 or not types <= VALUE_TYPES.keys():
        raise InputError(
            f"The field {name!r} is {values!r}: a type, or a list of values of one type, is needed.",
            column=name,
            hint='For example "url", "string?", ["cat", "dog"] or {"type": "string", "required": False}.',
        )
    return VALUE_TYPES[types.pop()]


def _view(inputs: Spec, outputs: Spec) -> dict[str, Any]:
    """Return a view of Template Builder: all fields that are not hidden, one below the other."""
    shown = [_input_view(name, spec) for name, spec in inputs.items() if not spec.get("hidden")]
    shown += [_output_view(name, spec) for name, spec in outputs.items() if not spec.get("hidden")]
    config = {"view": {"type": "view.list", "items": shown}}
    # the service takes the configuration as text
    text = json.dumps(config, ensure_ascii=False, indent=2)
    used = dict.fromkeys(re.findall(r'"type": "((?:view|field|condition)\.[\w-]+)"', text), COMPONENT_VERSION)
    return {"type": "tb", "config": text, "lock": {"core": COMPONENT_VERSION, **used}, "inferDataSpec": False}


def _input_view(name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    data = {"type": "data.input", "path": name}
    if spec["type"] == "url":
        media = next((view for view, words in MEDIA.items() if words.search(name)), "view.link")
        return {"type": media, "url": data}
    if spec["type"] in SHOWN_AS_TEXT:
        return {"type": "view.text", "content": data, "label": name}
    raise _no_view("inputs", name, spec)


def _output_view(name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    shared: dict[str, Any] = {"data": {"type": "data.output", "path": name}, "label": name}
    if spec.get("required", True) and spec["type"] != "boolean":
        shared["validation"] = {"type": "condition.required"}
    if spec.get("allowed_values") and spec["type"] in VALUE_TYPES.values():
        options = [{"label": str(value), "value": value} for value in spec["allowed_values"]]
        return {"type": "field.radio-group", "options": options, **shared}
    if spec["type"] not in FIELD_COMPONENTS:
        raise _no_view("outputs", name, spec)
    if spec["type"] in ("integer", "float"):
        bounds = {"minimum": spec.get("min_value"), "maximum": spec.get("max_value")}
        shared |= {name: value for name, value in bounds.items() if value is not None}
    return {**FIELD_COMPONENTS[spec["type"]], **shared}


def _no_view(argument: str, name: str, spec: Mapping[str, Any]) -> InputError:
    message = f"{argument}, field {name!r}: the default view cannot show the type {spec['type']}."
    hint = 'Pass view_spec=, or {"type": ..., "hidden": True} for a field that Tolokers do not see.'
    return InputError(message, column=name, hint=hint)
