"""Displays: any report, in a terminal of any width, in a file, in a log; one line, no remains."""

from __future__ import annotations

import html
import io
import logging
import os
import re
import struct
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toloka_frames._runtime.displays import LineDisplay, LogDisplay, TextDisplay, _columns_of, choose, fitted, lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toloka_frames._runtime.cards import State


@dataclass(frozen=True)
class Named:
    """A report that is not a Progress."""

    text: str
    seconds: float = 0.0
    state: State = "running"

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return f"<b>{html.escape(self.text)}</b>"


class Terminal:
    """A terminal that is standard error, and what a screen of its width shows."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import pty  # noqa: PLC0415 -- not on Windows

        self._monkeypatch = monkeypatch
        self._keyboard, self._screen = pty.openpty()
        self.stderr = io.TextIOWrapper(io.FileIO(self._screen, "w"), encoding="utf-8", write_through=True)

    def resize(self, columns: int) -> None:
        # in the test: pytest captures standard error anew after the fixtures
        self._monkeypatch.setattr(sys, "stderr", self.stderr)
        import fcntl  # noqa: PLC0415 -- not on Windows
        import termios  # noqa: PLC0415 -- not on Windows

        fcntl.ioctl(self._screen, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def written(self) -> str:
        """Return what was written since the last call."""
        os.write(self._screen, b"\0")
        text = b""
        while not text.endswith(b"\0"):
            text += os.read(self._keyboard, 65_536)
        return text[:-1].decode().replace("\r\n", "\n")

    def close(self) -> None:
        self.stderr.close()
        os.close(self._keyboard)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    pytest.importorskip("termios", reason="Windows has no pseudo-terminals")
    terminal = Terminal(monkeypatch)
    yield terminal
    terminal.close()


def screen(written: str, columns: int) -> list[str]:
    """Return the lines of a terminal without a limit of height after some text; fail if a line is too long."""
    lines, at = [""], 0
    for piece in re.findall(r"[\r\n]|[^\r\n]+", written):
        if piece in "\r\n":
            at = 0
            lines += [""] * (piece == "\n")
        else:
            lines[-1] = lines[-1][:at] + piece + lines[-1][at + len(piece) :]
            at += len(piece)
            assert at < columns, "the line would continue in the next one"
    return [line.rstrip() for line in lines]


LONG = Named("tasks: 20,000 of 150,000 rows · 1 min 36 s left · 1,372 rows/s · requests: 11 waiting, 2 done")


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (200, str(LONG)),
        (80, "tasks: 20,000 of 150,000 rows · 1 min 36 s left · 1,372 rows/s"),
        (50, "tasks: 20,000 of 150,000 rows · 1 min 36 s left"),
        (48, "tasks: 20,000 of 150,000 rows · 1 min 36 s left"),
        (47, "tasks: 20,000 of 150,000 rows"),
        (20, "tasks: 20,000 of 1…"),
        (2, "…"),
    ],
)
def test_the_line_fits_in_the_terminal_and_keeps_its_first_parts(terminal: Terminal, columns: int, line: str) -> None:
    terminal.resize(columns)
    TextDisplay().show(LONG)
    assert screen(terminal.written(), columns) == [line]


def test_the_line_follows_the_width_of_the_terminal_and_leaves_no_remains(terminal: Terminal) -> None:
    display = TextDisplay()
    for second, columns in enumerate([200, 40, 90, 30, 200, 20, 20]):
        terminal.resize(columns)
        text = "tasks" if second == 6 else str(LONG)
        display.show(Named(text, seconds=float(second)))
        written = terminal.written()
        assert written.startswith("\r")
        assert screen(written, columns) == [fitted(text, columns - 1)]
    assert screen("\rtasks: 20,000 of 1…" + written, 20) == ["tasks"]


def test_the_last_report_is_whole_in_lines_that_fit(terminal: Terminal) -> None:
    display = TextDisplay()
    terminal.resize(60)
    display.show(Named("x" * 50))
    display.show(Named(f"{LONG} · done", seconds=0.01, state="done"))
    assert screen(terminal.written(), 60) == [
        "tasks: 20,000 of 150,000 rows · 1 min 36 s left",
        "1,372 rows/s · requests: 11 waiting, 2 done · done",
        "",
    ]


def test_a_terminal_is_not_written_to_more_often_than_it_can_show(terminal: Terminal) -> None:
    display = TextDisplay()
    terminal.resize(80)
    for tick in range(100):
        display.show(Named(f"tick {tick}", seconds=tick / 100))
    assert terminal.written().count("\r") == 5


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["C"])), min_size=1), st.integers(1, 100))
def test_no_line_is_wider_than_it_may_be(parts: list[str], width: int) -> None:
    line = fitted(" · ".join(parts), width)
    assert _columns_of(line) <= width
    assert " · ".join(lines_of(" · ".join(parts), width)).replace(" · ", "") == "".join(parts).replace(" · ", "")


@pytest.mark.parametrize(("text", "shown"), [("画像 12", "画…"), ("é" * 9, "éééé…"), ("e\u0301" * 5, "e\u0301" * 5)])
def test_wide_and_combining_characters_have_their_width(text: str, shown: str) -> None:
    assert fitted(text, 5 if len(text) > 6 else 4) == shown


@pytest.mark.parametrize("display", [LineDisplay(), LogDisplay()], ids=["standard error", "log"])
def test_a_file_gets_a_line_after_ten_seconds_then_rarer_ones_and_the_last(
    display: LineDisplay, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "toloka_frames"):
        for second in range(7_200):
            display.show(Named(f"{second} s", seconds=float(second)))
        display.show(Named("end", seconds=7_200.0, state="done"))
    lines = capsys.readouterr().err.splitlines() or [record.getMessage() for record in caplog.records]
    assert lines[:8] == ["10 s", "20 s", "40 s", "80 s", "160 s", "320 s", "640 s", "1240 s"]
    assert lines[8:10] == ["1840 s", "2440 s"]
    assert lines[-1] == "end"


def test_work_of_less_than_ten_seconds_writes_nothing_to_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    display = LineDisplay()
    display.show(Named("9 s", seconds=9.0))
    display.show(Named("end", seconds=9.5, state="failed"))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("TERM", "xterm"), ("NO_COLOR", "1")])
def test_a_dumb_terminal_gets_lines_and_no_terminal_gets_colours(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(name, value)
    terminal.resize(80)
    display = choose("auto")
    assert display is not None
    display.show(Named("begin"))
    display.show(Named("middle", seconds=10.0))
    display.show(Named("end", seconds=11.0, state="done"))
    written = terminal.written()
    assert screen(written, 80) == (["middle", "end", ""] if value == "dumb" else ["end", ""])
    assert "\x1b" not in written
    assert ("\r" in written) == (value != "dumb")
