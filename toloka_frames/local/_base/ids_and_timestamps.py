"""A moment or a pool -> an instant or an id in the spelling of the service (Toloka API, examples of each object)."""

from __future__ import annotations

import itertools
import re
import secrets
import string
from datetime import UTC, datetime

_OBJECT_ID = re.compile("([0-9a-f]{10})--([0-9a-f]{8})[0-9a-f]{16}", re.IGNORECASE)
_ALPHABET = (string.digits + string.ascii_letters).encode()
_BYTE_TO_LETTER = bytes(_ALPHABET[byte % len(_ALPHABET)] for byte in range(256))


def instant(at: float, digits: int = 3) -> str:
    """The UTC instant `at` (Unix seconds) with `digits` of fraction, or without fraction when that is zero."""
    moment = datetime.fromtimestamp(round(at, digits), UTC)
    fraction = f"{moment.microsecond:06}"[:digits]
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{fraction}" if fraction.strip("0") else text


def moment(text: str) -> float:
    """Unix seconds of an instant in any spelling: a bare date, no seconds, any fraction, with or without zone."""
    parsed = datetime.fromisoformat(text.strip())
    return parsed.replace(tzinfo=parsed.tzinfo or UTC).timestamp()


def comparable(text: str) -> str:
    """An instant in the 26 characters by which the tables compare instants."""
    parsed = datetime.fromisoformat(text.strip())
    return parsed.replace(tzinfo=parsed.tzinfo or UTC).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")


def app_id() -> str:
    """A new id of the Apps API: 20 letters and digits in no order."""
    return secrets.token_bytes(20).translate(_BYTE_TO_LETTER).decode()


def pool_prefix(row_id: str) -> str | None:
    """The decimal pool id that the id of a task, suite or assignment begins with; None for ids of another form."""
    found = _OBJECT_ID.fullmatch(row_id)
    return str(int(found[1], 16)) if found else None


def made_at(row_id: str) -> float | None:
    """Unix seconds at which a task, suite or assignment was made; None for ids of another form."""
    found = _OBJECT_ID.fullmatch(row_id)
    return float(int(found[2], 16)) if found else None


class ObjectIds:
    """Ids of tasks, suites, assignments and the like; a counter follows the second, so text order is time order."""

    def __init__(self) -> None:
        self._process = secrets.token_hex(5)
        # low in its 24 bits, so that it is long until it begins anew and text order is time order no more
        self._counter = itertools.count(secrets.randbelow(1 << 20))

    def new(self, pool_id: str, at: float) -> str:
        """The id of an object of the pool made at `at` (Unix seconds)."""
        return f"{int(pool_id):010x}--{self.plain(at)}"

    def plain(self, at: float) -> str:
        """The id of an object of no pool: a message thread, a webhook subscription."""
        return f"{int(at):08x}{self._process}{next(self._counter) & 0xFFFFFF:06x}"
