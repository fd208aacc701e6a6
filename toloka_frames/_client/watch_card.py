"""The card of a watch: a line for each pool, and charts of their work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from toloka_frames._client.pool_answers import PoolAnswers, Slice, timestamp_of
from toloka_frames._client.pool_progress import STATES, Figures, describe, numbers_text, pool_title, state_of
from toloka_frames._runtime import cards
from toloka_frames._runtime.line_charts import Chart, Line, chart_row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toloka_frames._runtime.cards import State
    from toloka_frames._schema.row import Row


@dataclass(frozen=True)
class WatchedPool:
    """A pool of a watch.

    Attributes:
        pool: The pool, as in the API.
        answers: Its answers.
        colour: The colour of its lines.
        history: Its rows of the watch's history.
    """

    pool: Row
    answers: PoolAnswers
    colour: str
    history: Sequence[Mapping[str, Any]]

    def text(self) -> str:
        """Return the pool's numbers in words."""
        last = self.history[-1]
        texts = numbers_text(self.pool, Figures(last["percent"], last["submitted"], last["accepted"], last["spent"]))
        if state_of(self.pool) == "open" and last["answers_an_hour"] is not None:
            texts.append(f"{last['answers_an_hour']:,.0f} answers an hour")
        if last["control_share"] is not None:
            texts.append(f"{percent(last['control_share'])} right on control tasks")
        return " · ".join(texts)

    def end(self) -> datetime:
        """Return the time of the pool's last event: its close or its newest answer; the last look at an open pool."""
        stopped = None if state_of(self.pool) == "open" else timestamp_of(self.pool, "last_stopped")
        last = stopped or self.history[-1]["time"]
        return max(last, self.answers.newest() or last)

    def slices(self, span: Span) -> list[Slice]:
        """Return the answers of the parts of a time, until the pool's end; empty if they were not read."""
        if self.answers.since is None:
            return []
        return [one for one in self.answers.slices(span.begin, span.end) if one.middle <= self.end()]

    def blocks(self, *, dot: str) -> list[str]:
        """Return the HTML of the pool, with a dot in the colour of its lines where there are several."""
        done = self.history[-1]["percent"]
        bar = [] if done is None else [cards.bar(done / 100, STATES[state_of(self.pool)])]
        return [
            cards.line(f"{pool_title(self.pool)}: {describe(self.pool)}", strong=True, dot=dot),
            *bar,
            *([cards.line(self.text())] if self.text() else []),
        ]


@dataclass(frozen=True)
class WatchReport:
    """What is known of watched pools at a time.

    Attributes:
        state: The state of the watch.
        pools: The pools.
        note: A remark, or "".
    """

    state: State
    pools: Sequence[WatchedPool]
    note: str

    def __str__(self) -> str:
        lines = [f"{pool_title(pool.pool)}: {describe(pool.pool)} · {pool.text()}".rstrip(" ·") for pool in self.pools]
        return "\n".join([*lines, *filter(None, [self.note]), self._remark()])

    def _repr_html_(self) -> str:
        several = len(self.pools) > 1
        blocks = [block for pool in self.pools for block in pool.blocks(dot=pool.colour if several else "")]
        note = [cards.line(self.note)] if self.note else []
        return cards.card(self.state, *blocks, chart_row(self.charts()), *note, cards.line(self._remark(), muted=True))

    def _remark(self) -> str:
        states = {"running": "watching", "stopped": "stopped"}
        return f"{states.get(self.state, 'ended')} · status of {self.pools[0].history[-1]['time']:%Y-%m-%d %H:%M:%S} UTC"

    def charts(self) -> list[Chart]:
        """Return the charts for which there is data."""
        times = [pool.answers.since for pool in self.pools if pool.answers.since]
        begin = min([*times, *(pool.history[0]["time"] for pool in self.pools)])
        span = Span(begin, max(begin, *(pool.end() for pool in self.pools)))
        slices = [(pool.colour, pool.slices(span)) for pool in self.pools]
        rate = [Line(colour, [(span.x(one.middle), one.answers_an_hour) for one in found]) for colour, found in slices]
        share = [
            Line(colour, [(span.x(one.middle), one.share_right) for one in found if one.share_right is not None])
            for colour, found in slices
        ]
        money = [Line(colour, [(span.x(one.end), one.rewards) for one in found]) for colour, found in slices]
        charts = [
            Chart("Answers an hour", rate, "{:,.0f}".format, span.ends()),
            Chart("Right on control tasks", share, percent, span.ends(), top=1.0),
            Chart("Rewards of the answers", money, "${:,.2f}".format, span.ends()),
        ]
        return [chart for chart in charts if any(len(line.points) > 1 for line in chart.lines)]


def percent(share: float) -> str:
    """Return a share in percent."""
    return f"{100 * share:.0f} %"


@dataclass(frozen=True)
class Span:
    """The time that charts show."""

    begin: datetime
    end: datetime

    def x(self, time: datetime) -> float:
        """Return the place of a time on the x axis, from 0 to 1."""
        return (time - self.begin) / (self.end - self.begin) if self.end > self.begin else 1.0

    def ends(self) -> tuple[str, str]:
        """Return the texts of the ends of the x axis."""
        date = "" if self.begin.date() == self.end.date() else "%d %b "
        return f"{self.begin.astimezone(UTC):{date}%H:%M}", f"{self.end.astimezone(UTC):{date}%H:%M} UTC"
