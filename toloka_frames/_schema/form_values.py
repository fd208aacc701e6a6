"""What fields of the API's forms accept, and what is wrong with a form, as data that a call raises or warns of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any

from toloka_frames._errors import InputError
from toloka_frames._validation import is_whole, nearest_hint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

EQUALITY = ("EQ", "NE")
COMPARISONS = (*EQUALITY, "LT", "LTE", "GT", "GTE")
NUMBER = re.compile(r"-?\d+(\.\d+)?")
MAX_PERCENTAGE = 100


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with a form.

    Attributes:
        message: What is wrong, as a sentence.
        hint: What to do about it.
        name: The name of the field, or the wrong name itself.
    """

    message: str
    hint: str
    name: str

    def error(self) -> InputError:
        """Return the error of a call that refuses the form."""
        return InputError(self.message, column=self.name, hint=self.hint)


@dataclass(frozen=True)
class ValueKind:
    """A kind of value.

    Attributes:
        needed: What is needed, to follow "needs".
        accepts: Whether a value of JSON is of this kind.
        operators: The operators that compare such a value in a condition.
        names: The values, if they are enumerated.
    """

    needed: str
    accepts: Callable[[Any], bool]
    operators: Sequence[str] = COMPARISONS
    names: Sequence[str] = ()


def refuse(problems: Iterable[Problem]) -> None:
    """Raise the first of some problems.

    Raises:
        InputError: If there is one.
    """
    for problem in problems:
        raise problem.error()


def unknown_name(owner: str, kind: str, name: object, known: Sequence[str]) -> Problem:
    """Return the problem of an unknown name, with the nearest known one, and all of them.

    Args:
        owner: What has the names, such as "GOLDEN_SET has"; "There is" for names of the API itself.
        kind: What the name is of, such as "condition".
        name: The unknown name.
        known: The known names.
    """
    message = f"{owner} no {kind} {name!r}{nearest_hint(str(name), known)}."
    return Problem(message, f"Known: {', '.join(known)}.", str(name))


def value_problems(owner: str, values: Mapping[str, Any], kinds: Mapping[str, ValueKind]) -> Iterator[Problem]:
    """Yield the problems of an object: unknown names, and values of another kind; None is a value that is not set."""
    for name, value in values.items():
        if name not in kinds:
            yield unknown_name(f"{owner} has", "field", name, list(kinds))
        elif value is not None and not kinds[name].accepts(value):
            yield wrong_value(name, value, kinds[name])


def wrong_value(name: str, value: object, kind: ValueKind) -> Problem:
    """Return the problem of a value that a field does not take."""
    return Problem(f"{name} needs {kind.needed}, not {value!r}{nearest_hint(str(value), kind.names)}.", "", name)


def accepts_in_condition(kind: ValueKind, value: object) -> bool:
    """Return whether a condition takes a value; numbers can be text there, as in examples of the API."""
    if isinstance(value, str) and NUMBER.fullmatch(value) and kind.accepts(float(value)):
        return True
    return kind.accepts(value)


def number(value: Any) -> float | None:
    """Return a number as a float; None for another value."""
    return float(value) if isinstance(value, Real | Decimal) and not isinstance(value, bool) else None


def whole(minimum: int, maximum: float = float("inf")) -> ValueKind:
    """Return the kind of whole numbers within bounds."""
    bounds = f"from {minimum} to {maximum:,}" if maximum < float("inf") else f"of at least {minimum}"
    return ValueKind(f"a whole number {bounds}", lambda value: is_whole(value) and minimum <= value <= maximum)


def one_of(*values: str) -> ValueKind:
    """Return the kind of enumerated text."""
    return ValueKind(f"one of {', '.join(values)}", values.__contains__, EQUALITY, values)


def _is_count(value: Any) -> bool:
    found = number(value)
    return found is not None and found.is_integer() and found >= 0


def _is_percentage(value: Any) -> bool:
    found = number(value)
    # more than nothing and less than 1 % is most likely a share
    return found is not None and (found == 0 or 1 <= found <= MAX_PERCENTAGE)


def _is_amount(value: Any) -> bool:
    found = number(value)
    return found is not None and found >= 0


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_id(value: Any) -> bool:
    return _is_text(value) or is_whole(value)


COUNT = ValueKind("a whole number of at least 0", _is_count)  # in conditions, whose numbers are often computed
POSITIVE = whole(1)
CHANGE = ValueKind("a whole number that is not 0", lambda value: is_whole(value) and value != 0)
PERCENTAGE = ValueKind("a percentage, from 0 to 100, such as 60 for 60 %", _is_percentage)
AMOUNT = ValueKind("a number of at least 0", _is_amount)
ANY_NUMBER = ValueKind("a number", lambda value: number(value) is not None)
TEXT = ValueKind("text that is not empty", _is_text, EQUALITY)
FLAG = ValueKind("true or false", lambda value: isinstance(value, bool), EQUALITY)
ID = ValueKind("an id", _is_id, EQUALITY)
