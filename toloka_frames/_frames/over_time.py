"""Count assignments, money, workers and their quality by periods of time."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import pandas as pd
from pandas.tseries.frequencies import to_offset

from toloka_frames._errors import InputError
from toloka_frames._frames.columns import ASSIGNMENT_ID, ASSIGNMENT_STATUS, WORKER_ID, check_columns, names_with_prefix
from toloka_frames._frames.dollars import decimals, dollars
from toloka_frames._frames.summaries import ACCEPTED_STATUSES, REWARD, control_answers
from toloka_frames._schema.pandas_values import as_text
from toloka_frames._validation import check_frame

if TYPE_CHECKING:
    from datetime import timedelta

    from pandas.tseries.offsets import BaseOffset

    Frequency: TypeAlias = "str | timedelta | BaseOffset"

SUBMITTED, ACCEPTED, REJECTED = "ASSIGNMENT:submitted", "ASSIGNMENT:accepted", "ASSIGNMENT:rejected"
COUNTS = ("submitted", "accepted", "rejected", "control_answers", "right")
MOST_PERIODS = 1_000_000  # two years of minutes; more is a mistake in the unit
FREQ_HINT = "Give a length of pandas, for example '15min', '1h', '1D', 'W' or 'MS', or a timedelta."


def over_time(answers: pd.DataFrame, freq: Frequency = "1h") -> pd.DataFrame:
    """Count by periods of time: assignments submitted, accepted and rejected, money, quality and workers.

    Each event counts in the period in which it happened: an assignment that is submitted at 9:50 and accepted at 10:10 counts
    in two periods of an hour. An assignment counts once, whatever number of tasks it has. An assignment that is not submitted
    yet, or was skipped, does not count, nor does an event without a timestamp.

    Args:
        answers: Columns `ASSIGNMENT:assignment_id`, `ASSIGNMENT:status`, `ASSIGNMENT:worker_id` (text), `ASSIGNMENT:submitted`,
            `ASSIGNMENT:accepted`, `ASSIGNMENT:rejected` (timestamps, in UTC if they have no zone) and `ASSIGNMENT:reward` (US
            dollars), as `get_assignments` returns them. `ASSIGNMENT:rejected` is needed only if an assignment was rejected. For
            the quality also `GOLDEN:` and `OUTPUT:` of the same fields, as for `quality`.
        freq: The length of a period, as in pandas' `resample`: "15min", "1h", "1D", "W" for weeks from Monday to Sunday, "MS"
            for months; or a timedelta or offset.

    Returns:
        A row for each period from the first event to the last, also for those without events, with the start of the period as
        index (named `period`; datetime64[us, UTC]). Columns, of the events in the period: `submitted`, `accepted` and
        `rejected` (int64; assignments), `spent` (float64; US dollars of rewards for the accepted assignments, without bonuses
        and without Toloka's own fee), `control_answers` (int64; submitted answers to control tasks), `share_right` (float64,
        0 to 1; the share of these answers that is right, NaN if there are none), `workers` (int64; workers who submitted).

    Raises:
        InputError: If a column is missing, `freq` is not a length of time, or there would be more than a million periods.

    Example:
        >>> answers = pd.DataFrame(
        ...     {
        ...         "ASSIGNMENT:assignment_id": ["a1", "a2", "a3"],
        ...         "ASSIGNMENT:worker_id": ["anna", "boris", "anna"],
        ...         "ASSIGNMENT:status": ["ACCEPTED", "ACCEPTED", "SUBMITTED"],
        ...         "ASSIGNMENT:submitted": ["2026-01-31T09:50", "2026-01-31T09:55", "2026-01-31T11:10"],
        ...         "ASSIGNMENT:accepted": ["2026-01-31T09:51", "2026-01-31T10:05", None],
        ...         "ASSIGNMENT:reward": [0.02, 0.02, 0.02],
        ...     }
        ... )
        >>> answers.pipe(tf.over_time, "1h")[["submitted", "accepted", "spent", "workers"]]
                                   submitted  accepted  spent  workers
        period
        2026-01-31 09:00:00+00:00          2         1   0.02        2
        2026-01-31 10:00:00+00:00          0         1   0.02        0
        2026-01-31 11:00:00+00:00          1         0   0.00        1

    Source: Toloka API, "Get list of responses" (`submitted`, `accepted`, `rejected`, `reward`); pandas, `DataFrame.resample`.
    """
    answers = check_frame(answers)
    offset = check_freq(freq)
    events = _events(answers)
    _check_number_of_periods(events["period"], offset)
    periods = events.set_index("period").resample(offset)
    counts = periods[list(COUNTS)].sum().astype("int64")
    frame = counts.assign(
        spent=pd.Series(dollars(periods["spent"].sum()), counts.index, "float64"),
        share_right=counts["right"] / counts["control_answers"].where(counts["control_answers"] > 0),
        workers=periods["worker"].nunique().astype("int64"),
    )
    frame.index = _starts(pd.DatetimeIndex(frame.index), offset)
    return frame[["submitted", "accepted", "rejected", "spent", "control_answers", "share_right", "workers"]]


def check_freq(freq: Frequency) -> BaseOffset:
    """Return a length of time as pandas' offset.

    Raises:
        InputError: If it is none.
    """
    offset: BaseOffset | None = None
    with suppress(ValueError, TypeError):
        offset = to_offset(freq)
    if offset is None or offset.n <= 0:
        raise InputError(f"freq={freq!r} is not a positive length of time.", column="freq", hint=FREQ_HINT)
    return offset


def next_period(start: pd.Timestamp, offset: BaseOffset) -> pd.Timestamp:
    """Return the end of the period that starts at this time."""
    return start - _lead(offset) + offset + _lead(offset)


def _events(answers: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each submission, acceptance and rejection, and for each answer to a control task."""
    check_columns(answers, [ASSIGNMENT_ID, ASSIGNMENT_STATUS, WORKER_ID, SUBMITTED, ACCEPTED, REWARD])
    assignments = answers.dropna(subset=[ASSIGNMENT_ID]).drop_duplicates(ASSIGNMENT_ID)
    accepted = assignments[assignments[ASSIGNMENT_STATUS].isin(ACCEPTED_STATUSES)]
    rejected = assignments[assignments[ASSIGNMENT_STATUS].isin(["REJECTED"])]
    if not rejected.empty:
        check_columns(answers, [REJECTED])
    kinds = [
        pd.DataFrame({"period": times(assignments, SUBMITTED), "worker": as_text(assignments[WORKER_ID]), "submitted": 1}),
        pd.DataFrame({"period": times(accepted, ACCEPTED), "spent": decimals(accepted[REWARD]), "accepted": 1}),
        pd.DataFrame({"period": times(rejected, REJECTED), "rejected": 1}),
        _control_events(answers),
    ]
    events = pd.concat(kinds, ignore_index=True).dropna(subset=["period"])
    numbers = [*COUNTS, "spent"]
    return events.assign(**{name: events[name].where(events[name].notna(), 0) for name in numbers})


def _control_events(answers: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each answer to a control task, at the time when it was submitted."""
    if not names_with_prefix(answers, "GOLDEN:"):
        answers = answers.iloc[:0].assign(**{"GOLDEN:": None, "OUTPUT:": None})
    control = control_answers(answers)
    right = control["right"].astype("int64")
    return pd.DataFrame({"period": times(control, SUBMITTED), "control_answers": 1, "right": right})


def times(frame: pd.DataFrame, name: str) -> pd.Series[Any]:
    """Return timestamps of any dtype in UTC."""
    cells = frame[name] if name in frame.columns else pd.Series(pd.NaT, frame.index)
    try:
        times = pd.to_datetime(cells, utc=True, format="ISO8601")
    except (ValueError, TypeError) as error:
        raise InputError(f"Column {name!r} has values that are no timestamps: {error}", column=name) from error
    return times.astype("datetime64[us, UTC]")


def _check_number_of_periods(times: pd.Series[Any], offset: BaseOffset) -> None:
    if isinstance(offset, pd.offsets.Tick) and not times.empty:
        number = (times.max() - times.min()) // pd.Timedelta(offset)
        if number > MOST_PERIODS:
            raise InputError(f"freq={offset.freqstr!r} makes {number:,} periods.", column="freq", hint=FREQ_HINT)


def _starts(labels: pd.DatetimeIndex, offset: BaseOffset) -> pd.DatetimeIndex:
    """Return the starts of periods; pandas names weeks and months by their last day, unless the offset is the first one."""
    lead = _lead(offset)
    return (labels - offset + lead if lead else labels).as_unit("us").rename("period")


def _lead(offset: BaseOffset) -> pd.Timedelta:
    """Return how long after the offset's own dates its periods start: a day if these are the last days of periods."""
    is_last_day = pd.Grouper(freq=offset).label == "right"
    return pd.Timedelta(days=1 if is_last_day else 0)
