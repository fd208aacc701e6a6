"""Find the fault in the body of a response: the byte where it is not JSON, and the value and the row that hold it.

Only the bodies of errors are searched.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

JsonPath: TypeAlias = tuple["str | int", ...]

# A line or two around the fault show whose text it is.
EXCERPT_BYTES = 200
# A value that is nested more deeply is named by its beginning.
MAX_STEPS = 5
MAX_VALUE_CHARS = 40
# a string, which may lack its end; punctuation; anything else without spaces
SYMBOL = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{},:]|[^\s"\[\]{},:]+', re.DOTALL)
# what the decoder leaves of a word or a number that is cut
WORDS = ("true", "false", "null", "NaN", "-Infinity", "Infinity")
NUMBER_END = re.compile(r"\.|[eE][+-]?")
SPACES = b" \t\r\n"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Fault(NamedTuple):
    """What is wrong with the body of a response.

    Attributes:
        reason: The fault, as a clause: "the byte 0xff at position 17 is not UTF-8".
        position: The byte where it is.
        path: Keys and positions from the outermost value to the one that holds the fault; at most MAX_STEPS of them.
        is_whole: Whether the body has nothing of what was expected, for example HTML.
        ends_early: Whether it is valid up to its end, but not complete.
    """

    reason: str
    position: int = 0
    path: JsonPath = ()
    is_whole: bool = False
    ends_early: bool = False

    @property
    def place(self) -> str:
        """The path, as the end of a clause: ", at items[3].input_values.text"."""
        return f", at {path_text(self.path)}" if self.path else ""


class Member(NamedTuple):
    """A value in a JSON text.

    Attributes:
        position: The byte where it begins.
        path: Keys and positions that lead to it; at most MAX_STEPS of them.
        depth: The number of objects and lists around it.
        symbol: Its text, decoded as Latin-1; of an object or list, the opening bracket.
    """

    position: int
    path: JsonPath
    depth: int
    symbol: str


def syntax_fault(body: bytes, error: Exception | None = None) -> Fault | None:
    """Return why a body cannot be parsed as JSON; None if it can.

    Args:
        body: The body.
        error: The error of parsing it, or of using its value, if there was one.
    """
    if isinstance(error, RecursionError):
        return _depth_fault(body)
    try:
        text = body.decode("utf-8", "surrogatepass")  # as Python's reader does
        json.loads(text.removeprefix("\ufeff"))
    except UnicodeDecodeError as undecodable:
        return _located(body, _encoding_fault(body, undecodable))
    except json.JSONDecodeError as invalid:
        return _located(body, _notation_fault(body, invalid))
    except RecursionError:
        return _depth_fault(body)
    except ValueError:  # Python limits the digits of an integer, so that its conversion does not take long
        return _digits_fault(body)
    return None


def _encoding_fault(body: bytes, error: UnicodeDecodeError) -> Fault:
    if error.reason == "unexpected end of data":
        return Fault(f"it ends early, after {len(body):,} bytes", error.start, ends_early=True)
    return Fault(f"the byte 0x{body[error.start]:02x} at position {error.start:,} is not UTF-8", error.start)


def _notation_fault(body: bytes, error: json.JSONDecodeError) -> Fault:
    ends_early = _ends_early(error)
    if not _begins_like_json(body):
        return Fault("", ends_early=ends_early)
    # the decoder did not get a byte order mark
    position = len(body) - len(error.doc[error.pos :].encode("utf-8", "surrogatepass"))
    if ends_early:
        return Fault(f"it ends early, after {len(body):,} bytes", position, ends_early=True)
    return Fault(f"it is not JSON from position {position:,} on ({error.msg.removesuffix(' at')})", position)


def _ends_early(error: json.JSONDecodeError) -> bool:
    """Return whether text is the beginning of JSON: a part of the response is missing."""
    rest = error.doc[error.pos :]
    if error.msg.startswith("Invalid \\uXXXX"):
        return '"' not in rest
    is_cut = not rest or NUMBER_END.fullmatch(rest) is not None or any(word.startswith(rest) for word in WORDS)
    # an unterminated string is reported where it begins
    return error.msg.startswith("Unterminated string") or (is_cut and error.msg != "Extra data")


def _depth_fault(body: bytes) -> Fault:
    deepest = max(members(body), key=lambda member: member.depth)
    return Fault(f"a value is nested {deepest.depth:,} levels deep, too deep to be parsed", deepest.position, deepest.path)


def _digits_fault(body: bytes) -> Fault:
    longest = max(members(body), key=lambda member: len(member.symbol) * member.symbol.lstrip("-").isdecimal())
    reason = f"a number has {len(longest.symbol):,} digits, more than can be parsed"
    return Fault(reason, longest.position, longest.path)


def _located(body: bytes, fault: Fault) -> Fault:
    """Return the fault with the path of the value that holds it."""
    path: JsonPath = ()
    for member in members(body):
        if member.position > fault.position:
            break
        path = member.path
    return fault._replace(path=path, is_whole=not _begins_like_json(body))


def _begins_like_json(body: bytes) -> bool:
    return body.removeprefix(BYTE_ORDER_MARK).lstrip(SPACES)[:1] in (b"{", b"[")


def shape_fault(body: bytes, shape: type) -> Fault | None:
    """Return why valid JSON is not an object (dict), or not a list of objects (list); None if it is."""
    value = json.loads(body)
    if not isinstance(value, shape):
        return Fault(f"it is {kind_of(value)}", is_whole=not isinstance(value, dict | list))
    items: list[Any] = value if isinstance(value, list) else []
    wrong = next((position for position, item in enumerate(items) if not isinstance(item, dict)), None)
    return None if wrong is None else member_fault(body, (wrong,), f"an item is {kind_of(items[wrong])}, not an object")


def member_fault(body: bytes, path: JsonPath, reason: str) -> Fault:
    """Return the fault of the value with a path; of a key that an object repeats, the last value counts."""
    positions = [member.position for member in members(body) if member.path == path and member.depth == len(path)]
    repeated = f" (the last of {len(positions)} values of this key)" if len(positions) > 1 else ""
    return Fault(reason + repeated, positions[-1] if positions else 0, path)


def field_fault(body: bytes, value: Mapping[str, Any], expected: Mapping[str, str], at: JsonPath = ()) -> Fault | None:
    """Return the fault of the first field of an object that is missing or not what it has to be; None if there is none.

    Args:
        body: The JSON text of the response.
        value: The object.
        expected: What each field has to be: "text", "a list", "true or false", "" for anything, or a text with quotes.
        at: The path of the object in the response.
    """
    for name, kind in expected.items():
        if name not in value:
            return member_fault(body, at, f'it has no "{name}"')
        if kind and not _is_of_kind(value[name], kind):
            return member_fault(body, (*at, name), f'"{name}" is {kind_of(value[name])}, not {kind}')
    return None


def _is_of_kind(value: Any, kind: str) -> bool:
    kinds = {"text": str, "a list": list, "an object": dict, "true or false": bool}
    return isinstance(value, kinds[kind]) if kind in kinds else repr(value) == kind


def members(body: bytes) -> Iterator[Member]:
    """Yield the values of a JSON text in their order, also of one that is not valid."""
    # one character for each byte, so that positions are those of the bytes
    text, path, before = body.decode("latin-1"), list["str | int"](), ""
    for found in SYMBOL.finditer(text):
        symbol = found[0]
        if symbol[0] == '"' and path and isinstance(path[-1], str) and before in ("{", ","):
            path[-1] = text_of(symbol)
        elif symbol in ("]", "}"):
            del path[-1:]
        elif symbol == "," and path and isinstance(path[-1], int):
            path[-1] += 1
        elif symbol not in (",", ":"):
            if before in ("", ":", "[", ","):  # a value follows nothing else
                yield Member(found.start(), tuple(path[:MAX_STEPS]), len(path), symbol)
            if symbol in ("[", "{"):
                path.append(0 if symbol == "[" else "")
        before = symbol


def text_of(symbol: str) -> str:
    """Return the text of a symbol of `members` that is a string."""
    raw = symbol.encode("latin-1").decode("utf-8", "replace")
    try:
        return str(json.loads(raw))
    except ValueError:
        return raw.strip('"')


def path_text(path: JsonPath) -> str:
    """Return a path in the notation of JavaScript: items[3].input_values.text."""
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    return "".join(steps).removeprefix(".").encode("utf-8", "replace").decode()


def kind_of(value: Any) -> str:
    """Return what a JSON value is, in words."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, str):
        return f"the text {value[:MAX_VALUE_CHARS]!r}"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return f"the number {value}"[:MAX_VALUE_CHARS]


def excerpt(body: bytes, position: int = 0) -> str:
    """Return the text around a position, quoted."""
    if not body:
        return "an empty body"
    start = max(position - EXCERPT_BYTES // 2, 0) if len(body) > EXCERPT_BYTES else 0
    start, stop = _character_start(body, start), _character_start(body, start + EXCERPT_BYTES)
    text = body[start:stop].decode("utf-8", "replace")
    return repr(f"{'…' if start else ''}{text}{'…' if stop < len(body) else ''}")


def _character_start(body: bytes, position: int) -> int:
    """Return the position, or up to three bytes later, so that no character is cut."""
    continuation = range(0x80, 0xC0)
    return next((at for at in range(position, position + 4) if at >= len(body) or body[at] not in continuation), position)
