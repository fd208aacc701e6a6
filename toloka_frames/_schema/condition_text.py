"""Conditions as text, such as "correct_answers_rate < 60 and total_answers_count > 2"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toloka_frames._errors import InputError
from toloka_frames._schema.form_values import NUMBER

if TYPE_CHECKING:
    from collections.abc import Sequence

SIGNS = {"<": "LT", "<=": "LTE", ">": "GT", ">=": "GTE", "==": "EQ", "!=": "NE", "in": "IN", "not in": "NOT_IN"}
SIGN_OF = {operator: sign for sign, operator in SIGNS.items()}
CONDITION = re.compile(
    rf"([\w:]+)\s*(<=|>=|==|!=|<|>|=|(?<=\s)not\s+in(?=[\s\[])|(?<=\s)in(?=[\s\[])|(?<=\s)(?:{'|'.join(SIGN_OF)})(?=\s))\s*(.+)",
    re.DOTALL | re.IGNORECASE,
)
CONSTANTS = {"true": True, "false": False, "none": None, "null": None}


@dataclass(frozen=True)
class TextCondition:
    """A condition that was written as text.

    Attributes:
        text: The text.
        key: What is compared.
        operator: The operator's name in the API.
        values: The values: one, or those of a list after `in`; numbers, true, false and none as such, anything else as text.
    """

    text: str
    key: str
    operator: str
    values: Sequence[Any]


def parse_conditions(text: str) -> list[TextCondition]:
    """Parse conditions that are joined by "and".

    Raises:
        InputError: If the text has another form.
    """
    return [_parse(part.strip()) for part in re.split(r"\sand\s", text, flags=re.IGNORECASE)]


def _parse(text: str) -> TextCondition:
    match = CONDITION.fullmatch(text)
    if match is None or match[2] == "=":
        raise InputError(
            f"{text!r} is not a condition.",
            column=text,
            hint="Write a key, an operator and a value, as 'correct_answers_rate < 60'; operators: " + ", ".join(SIGNS) + ".",
        )
    if re.search(r"\sor\s", match[3], re.IGNORECASE):
        raise InputError(f"{text!r} has an 'or', which a condition cannot have.", column=text, hint=OR_HINT)
    sign = " ".join(match[2].split())
    operator = SIGNS.get(sign.lower(), sign.upper())
    parts = match[3].strip("[]() ").split(",") if operator in ("IN", "NOT_IN") else [match[3]]
    return TextCondition(text, match[1], operator, [_value(part.strip()) for part in parts])


OR_HINT = "In tf.filter, a list holds alternatives: tf.filter(['country == US', 'country == CA']). Rules can be given twice."


def _value(text: str) -> Any:
    unquoted = text.strip("'\"")
    if unquoted != text:
        return unquoted
    if text.lower() in CONSTANTS:
        return CONSTANTS[text.lower()]
    if not NUMBER.fullmatch(text):
        return text
    return float(text) if "." in text else int(text)
