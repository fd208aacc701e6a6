"""Make and read ids and timestamps in the service's formats (Toloka API, examples of each object)."""

from __future__ import annotations

import itertools
import re
import secrets
import string
from datetime import UTC, datetime

_OBJECT_ID = re.compile("([0-9a-f]{10})--([0-9a-f]{8})[0-9a-f]{16}", re.IGNORECASE)
_ALPHABET = (string.digits + string.ascii_letters).encode()
_BYTE_TO_LETTER = bytes(_ALPHABET[byte % len(_ALPHABET)] for byte in range(256))


def format_timestamp(at: float, digits: int = 3) -> str:
    """Return Unix seconds as UTC text with `digits` of fraction, or without a fraction when that is zero."""
    time = datetime.fromtimestamp(round(at, digits), UTC)
    fraction = f"{time.microsecond:06}"[:digits]
    text = time.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{fraction}" if fraction.strip("0") else text


def parse_timestamp(text: str) -> float:
    """Return the Unix seconds of a timestamp in any ISO 8601 form: a date alone, no seconds, any fraction, any zone."""
    return _parse(text).timestamp()


def sortable_timestamp(text: str) -> str:
    """Return a timestamp in the 26 characters by which tables compare timestamps as text."""
    return _parse(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")


def _parse(text: str) -> datetime:
    parsed = datetime.fromisoformat(text.strip())
    return parsed.replace(tzinfo=parsed.tzinfo or UTC)


def new_app_id() -> str:
    """Return a new id of the Apps API: 20 random letters and digits."""
    return secrets.token_bytes(20).translate(_BYTE_TO_LETTER).decode()


def pool_id_of(row_id: str) -> str | None:
    """Return the pool id that the id of a task, suite or assignment starts with; None for ids of another form."""
    match = _OBJECT_ID.fullmatch(row_id)
    return str(int(match[1], 16)) if match else None


def creation_time(row_id: str) -> float | None:
    """Return the creation time, in Unix seconds, that the id of a task, suite or assignment holds; None for other ids."""
    match = _OBJECT_ID.fullmatch(row_id)
    return float(int(match[2], 16)) if match else None


class ObjectIds:
    """Generates ids of tasks, suites, assignments and the like; their text order is the order of creation."""

    def __init__(self) -> None:
        self._process = secrets.token_hex(5)
        # starts low in its 24 bits, because after an overflow text order is not the order of creation
        self._counter = itertools.count(secrets.randbelow(1 << 20))

    def new(self, pool_id: str, at: float) -> str:
        """Return the id of an object of a pool that is created at `at` (Unix seconds)."""
        return f"{int(pool_id):010x}--{self.new_without_pool(at)}"

    def new_without_pool(self, at: float) -> str:
        """Return the id of an object that belongs to no pool: a message thread, a webhook subscription."""
        return f"{int(at):08x}{self._process}{next(self._counter) & 0xFFFFFF:06x}"
