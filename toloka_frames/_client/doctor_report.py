"""The report of `doctor`: findings in sections, as plain text that can be published."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from toloka_frames._errors import BadAnswer
from toloka_frames._runtime.event_loop import public_class

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

WIDTH = 110
INDENT = " " * 7
NAME_WIDTH = 22
HEAD = (
    "This report has no token and no values of rows. It names hosts, paths, columns of your projects and the account's "
    "balance: read it before you publish it."
)
# what the faults of a response quote from a row (`faults.kind_of`)
QUOTED = re.compile(r"the text (['\"]).*\1|the number \S+")


class Level(StrEnum):
    """How a check ended."""

    OK = "ok"
    NOTE = "note"
    FAIL = "FAIL"
    SKIPPED = "-"


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        name: What was checked.
        text: The result; line breaks separate its parts.
        level: How the check ended.
    """

    name: str
    text: str
    level: Level = Level.OK

    def lines(self) -> Iterator[str]:
        """Yield the lines of the report."""
        first, *rest = self.text.splitlines() or [""]
        initial = f"  {self.level:<5}{self.name:<{NAME_WIDTH}} "
        # an error is one line, however long, so that it can be searched for
        yield f"{initial}{printable(first)}".rstrip()
        for part in rest:
            yield from textwrap.wrap(printable(part), WIDTH, initial_indent=INDENT, subsequent_indent=INDENT + "  ")


@public_class
@dataclass(frozen=True, repr=False)
class DoctorReport:
    """What `doctor` has found; it is shown as text.

    Attributes:
        sections: The findings by the title of their section.
        written: When the report was made (UTC).

    Example:
        >>> print(str(tf.doctor(client)).splitlines()[-1])
        No check failed.
    """

    sections: dict[str, list[Finding]]
    written: datetime

    @property
    def is_well(self) -> bool:
        """Whether no check failed.

        Example:
            >>> tf.doctor(client).is_well
            True
        """
        return not any(finding.level is Level.FAIL for findings in self.sections.values() for finding in findings)

    def __str__(self) -> str:
        lines = [f"toloka-frames doctor, {self.written:%Y-%m-%d %H:%M} UTC", *textwrap.wrap(HEAD, WIDTH)]
        for title, findings in self.sections.items():
            lines += ["", title, *(line for finding in findings for line in finding.lines())]
        failed = sum(finding.level is Level.FAIL for findings in self.sections.values() for finding in findings)
        return "\n".join([*lines, "", f"{failed} of these checks failed." if failed else "No check failed."])

    __repr__ = __str__


def report(**sections: list[Finding]) -> DoctorReport:
    """Return the report of these sections; their names are the titles, with spaces for underscores."""
    titled = {f"{name[:1].upper()}{name[1:].replace('_', ' ')}": findings for name, findings in sections.items()}
    return DoctorReport(titled, datetime.now(UTC))


def failure(name: str, error: Exception, ids: Mapping[str, str | None] | None = None) -> Finding:
    """Return the finding of a check that raised an error: its sentence and hint, without values of rows.

    Args:
        name: What was checked.
        error: The error.
        ids: Ids by the name of their parameter, which the report has instead of the id.
    """
    text = _sentence(error)
    for parameter, id_ in (ids or {}).items():
        text = re.sub(rf"(?<!\w){re.escape(str(id_))}(?!\w)", f"<{parameter}>", text)
    return Finding(name, text, Level.FAIL)


def mask(id_: object) -> str:
    """Return the beginning of an id: enough to compare two reports, too little to find the account."""
    return f"{id_[:4]}***" if isinstance(id_, str) and id_ else "no id"


def printable(text: str) -> str:
    """Return text on one line, without control characters."""
    return "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))


def _sentence(error: Exception) -> str:
    if isinstance(error, BadAnswer) and error.fault:
        return printable(f"{error.status}: {_fault(error)}. {error.hint if error.row is None else ''}")
    return printable(str(error))


def _fault(error: BadAnswer) -> str:
    """Return what is wrong with a response, without the text around it and the values that it quotes."""
    row = "" if error.row is None else f", in row {error.row + 1} of the page"
    return f"the response is not valid, because {QUOTED.sub('another value', error.fault)}{row}"
