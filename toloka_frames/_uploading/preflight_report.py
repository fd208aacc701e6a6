"""The report of `preflight`, as text and as a card."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toloka_frames._runtime import cards
from toloka_frames._runtime.event_loop import public_class
from toloka_frames._runtime.progress import counted
from toloka_frames._schema.pandas_values import TEXT_DTYPE
from toloka_frames._uploading.price import dollars_text
from toloka_frames._validation import format_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

WIDTH = 80
NAME_WIDTH = 10
MINUTE = 60
ALREADY_CREATED = "ALREADY_CREATED"  # the code of a row that another upload has created
MAX_LISTED = 5  # kinds of problems in a text or card
VALUE = " (as "  # what a message has before the wrong value
DTYPES: dict[str, Any] = {
    "position": "Int64",
    "label": object,
    **dict.fromkeys(("column", "field", "code", "message"), TEXT_DTYPE),
}


@public_class
@dataclass(frozen=True, repr=False, eq=False)
class Preflight:
    """What an upload would do, as `tf.preflight` has found it; shown as text, in a notebook as a card.

    All numbers are those of the call as it is: if the call would be refused, nothing is created and nothing is paid.

    Attributes:
        kind: What would be created: "tasks", "task suites", "user bonuses", "app items" or "app batch items".
        rows: The number of rows in the frame.
        sent: The number of rows that an earlier call of the same upload has sent; they are not sent and paid again.
        failed: The number of these that were not created. The call would raise an error about them.
        refused: The number of rows that would be refused, with the other rows of their suites.
        created: The number of rows that would be created, at most: after a request that the service refuses, later ones may
            not be sent.
        requests: The number of requests that would be sent, at most likewise.
        bytes: The size of these requests' rows as JSON.
        problems: What is wrong, a row for each value: `position` (Int64) and `label` in the index of the row, missing for what
            concerns the whole frame; `column` of the frame; `field` (its path in the API) and `code` of the service's error,
            missing for what only this package refuses; `message`. The code of a row that another upload in the ledger has
            created is ALREADY_CREATED. In the order of the frame.
        pages: The number of pages that Tolokers submit for the rows; None if it is not known, and for bonuses and app items.
        answers: The number of their answers to tasks that are not control tasks; None as for `pages`.
        rewards: The rewards, bonuses or prices of app items, in US dollars; None if they are not known.
        fee: The share of the rewards that the platform takes, as it was given; None if it was not given.
        balance: The money in the account, in US dollars; None if the service does not tell it.
        control_tasks_missing: The number of uses of control tasks that the pages need and the pools do not have; None if it is
            not known.
        seconds: The time that the quotas for requests and tasks take, if nothing else uses them. The service needs more.
        notes: What else there is to know, as sentences.
        valid: The report for the rows without problems, if this call would not create them; otherwise None.

    Example:
        >>> odd = pd.concat([df, pd.DataFrame({"image": ["no address"]})], ignore_index=True)
        >>> report = odd.pipe(tf.preflight, client, pool.id, overlap=3)
        >>> report.problems[["position", "column", "code"]].values.tolist()
        [[3, 'image', 'INVALID_URL_SYNTAX']]
        >>> report.created, report.valid.created  # of this call, and of one without that row
        (0, 3)
    """

    kind: str
    rows: int
    sent: int
    failed: int
    refused: int
    created: int
    requests: int
    bytes: int
    problems: pd.DataFrame
    pages: int | None
    answers: int | None
    rewards: float | None
    fee: float | None
    balance: float | None
    control_tasks_missing: int | None
    seconds: float
    notes: tuple[str, ...]
    valid: Preflight | None

    @property
    def price(self) -> float | None:
        """The rewards with the fee, if it was given, in US dollars; None if the rewards are not known.

        Example:
            >>> df.pipe(tf.preflight, client, pool.id, overlap=3, fee=0.3).price  # of 0.15, and 30 percent of it
            0.195
        """
        return None if self.rewards is None else round(self.rewards * (1 + (self.fee or 0.0)), 10)

    @property
    def ok(self) -> bool:
        """Whether no row was or would be refused, the balance covers the price and control tasks suffice, as far as is known.

        Example:
            >>> if df.pipe(tf.preflight, client, pool.id, overlap=3).ok:
            ...     results = df.pipe(tf.create_tasks, client, pool.id, overlap=3)
        """
        return self.problems.empty and not self.failed and not self.control_tasks_missing and not self._is_too_expensive

    @property
    def _is_too_expensive(self) -> bool:
        return self.price is not None and self.balance is not None and self.price > self.balance

    def __repr__(self) -> str:
        lines = [self._title]
        for name, text in self._facts():
            start = f"  {name:<{NAME_WIDTH}}"
            lines += textwrap.wrap(text, WIDTH, initial_indent=start, subsequent_indent=" " * len(start))
        reasons = self._reasons()
        for cells in reasons[:MAX_LISTED]:
            lines += textwrap.wrap("  ".join(filter(None, cells)), WIDTH, initial_indent="  ! ", subsequent_indent="    ")
        for note in (*_others(reasons), *self.notes):
            lines += textwrap.wrap(note, WIDTH, initial_indent="  ", subsequent_indent="  ")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        blocks, reasons = [cards.line(self._title, strong=True), cards.table((), self._facts())], self._reasons()
        if reasons:
            blocks.append(cards.table(("rows", "column", "problem"), reasons[:MAX_LISTED]))
        blocks += [cards.line(note, muted=True) for note in (*_others(reasons), *self.notes)]
        return cards.card("done" if self.ok else "stopped" if self.problems.empty else "failed", *blocks)

    @property
    def _title(self) -> str:
        return f"Preflight of {counted(self.rows, 'row')} for {self.kind}: {self._verdict}"

    @property
    def _verdict(self) -> str:
        if self.ok:
            return "ready" if self.requests else "nothing is left to send"
        if self.problems.empty:
            if self.failed:
                return "rows of an earlier call were not created"
            return "the balance is too low" if self._is_too_expensive else "too few control tasks"
        return "some rows would be refused" if self.created else "the call would be refused"

    def _facts(self) -> Iterator[tuple[str, str]]:
        """Yield the facts, each with its name."""
        yield "rows", ", ".join(self._outcomes())
        if self.requests:
            yield "requests", f"{self.requests:,}, {_size(self.bytes)}{_duration(self.seconds)}"
        if self.pages is not None and self.created:
            yield "pages", f"{self.pages:,}, with {counted(self.answers or 0, 'answer')}"
        if self.control_tasks_missing:
            yield "controls", f"{self.control_tasks_missing:,} uses of control tasks are missing"
        yield "price", _price(self)
        if self.valid is not None:
            refused = counted(self.refused, "row")
            yield "without", f"the {refused} with problems: {self.valid.created:,} would be created, {_price(self.valid)}"
        if self.balance is not None:
            yield "balance", dollars_text(self.balance) + (", less than the price" if self._is_too_expensive else "")

    def _outcomes(self) -> Iterator[str]:
        yield f"{self.created:,} would be created"
        known = self.problems.loc[self.problems["code"].eq(ALREADY_CREATED), "position"].nunique()
        if self.problems["position"].isna().any():
            yield "the frame as a whole has problems"
        elif self.refused > known:
            yield f"{self.refused - known:,} have problems"
        if known:
            yield f"{known:,} are there already"
        if self.sent:
            failed = f", and {self.failed:,} of them not created" if self.failed else ""
            yield f"{self.sent:,} were sent by an earlier call{failed}"

    def _reasons(self) -> list[Sequence[str]]:
        """Return the rows, the column and the first message of each kind of problem."""
        problems = self.problems
        kinds = problems.groupby([problems["column"], problems["message"].str.split(VALUE, regex=False).str[0]], sort=False)
        return [(_rows(group["position"]), group["column"].iloc[0], group["message"].iloc[0]) for _, group in kinds]


def _rows(positions: pd.Series[int]) -> str:
    """Return row positions as text; "" for a problem of the whole frame."""
    known = positions.dropna().tolist()
    return f"{'row' if len(known) == 1 else 'rows'} {format_rows(known)}" if known else ""


def _others(reasons: Sequence[object]) -> Iterator[str]:
    if len(reasons) > MAX_LISTED:
        yield f"{counted(len(reasons) - MAX_LISTED, 'more kind')} of problems in .problems, a DataFrame."


def _price(report: Preflight) -> str:
    """Return the price as text."""
    if report.price is None or report.rewards is None:
        return "not known"
    if report.fee is None or not report.rewards:
        return dollars_text(report.price)
    return f"{dollars_text(report.price)}: {dollars_text(report.rewards)} and a fee of {100 * report.fee:g} %"


def _size(size: int) -> str:
    return f"{size:,} bytes" if size < 10_000 else f"{size / 1e6:,.2f} MB"  # noqa: PLR2004 -- more digits than are of use


def _duration(seconds: float) -> str:
    if seconds < MINUTE:
        return ""
    return f", at least {counted(math.ceil(seconds / MINUTE), 'minute')} by the quotas"
