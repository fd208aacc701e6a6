"""Summarise answers, batches, pools and bonuses: quality of workers, progress, and cost."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import pandas as pd

from toloka_frames._errors import InputError
from toloka_frames._frames.columns import (
    ASSIGNMENT_ID,
    ASSIGNMENT_STATUS,
    ITEMS_COUNT,
    ITEMS_PROCESSED,
    WORKER_ID,
    answers_once,
    check_columns,
    columns_with_prefix,
)
from toloka_frames._frames.comparison import have_values, matches
from toloka_frames._frames.dollars import decimals, dollars
from toloka_frames._schema.pandas_values import as_text
from toloka_frames._validation import check_frame, nearest_hint

if TYPE_CHECKING:
    from collections.abc import Sequence

CostKey: TypeAlias = Literal["pool", "day", "worker"]

ACCEPTED_STATUSES = ("ACCEPTED", "APPROVED")  # in the API, and in files of the platform
REWARD = "ASSIGNMENT:reward"
POOL_ID = "ASSIGNMENT:pool_id"
# the column of each key that cost is summed by, for answers and for bonuses
ANSWER_KEY_COLUMNS = {"pool": POOL_ID, "day": "ASSIGNMENT:accepted", "worker": WORKER_ID}
BONUS_KEY_COLUMNS = {"pool": "assignment_id", "day": "created", "worker": "user_id"}


def quality(answers: pd.DataFrame) -> pd.DataFrame:
    """Measure how well workers answer control tasks: a row for each worker who answered at least one.

    A task is a control task if one of its `GOLDEN:` columns holds a value, which empty text is not. An answer is right if every
    such value equals the value in the `OUTPUT:` column of the same field. Values are compared, not their spelling: numbers and
    booleans equal their text, and JSON objects are equal whatever the order of their keys; but two texts such as "007" and "7"
    differ. Rejected answers count too. If a task has several known solutions, the frame holds only the first.
    A task of an assignment counts once, also where the frame has it twice (`ASSIGNMENT:task_id`, `ASSIGNMENT:assignment_id`).

    Args:
        answers: Columns `ASSIGNMENT:worker_id` (text), and `GOLDEN:` and `OUTPUT:` (any) of the same fields, as
            `get_assignments` returns them.

    Returns:
        Columns `control_answers` and `right` (int64) and `share` (float64, 0 to 1), with the workers' ids as index (named
        `worker`), sorted. crowd-kit's MajorityVote takes `quality(answers)["share"]` as skills.

    Raises:
        InputError: If a column is missing, or no answer can be compared with its known solution, such as text with numbers.

    Example:
        >>> answers = pd.DataFrame(
        ...     {
        ...         "OUTPUT:result": ["cat", "dog", "dog"],
        ...         "GOLDEN:result": ["cat", "cat", None],
        ...         "ASSIGNMENT:worker_id": ["anna", "anna", "boris"],
        ...     }
        ... )
        >>> answers.pipe(tf.quality)
                control_answers  right  share
        worker
        anna                  2      1    0.5

    Source: Toloka's guide, "Control tasks" (correct responses of the completed control tasks).
    """
    control = control_answers(check_frame(answers))
    by_worker = control.rename(columns={WORKER_ID: "worker"}).groupby("worker")["right"]
    counts = pd.DataFrame({"control_answers": by_worker.size(), "right": by_worker.sum()}).astype("int64")
    return counts.assign(share=counts["right"] / counts["control_answers"])


def progress_by_status(frame: pd.DataFrame) -> pd.DataFrame:
    """Count batches, pools or assignments by status, and the processed items of app batches.

    Args:
        frame: A list of app batches or pools: column `status` (text), and for batches `items_count` and
            `items_processed_count` (integers). Or a list of assignments: columns `ASSIGNMENT:status` and
            `ASSIGNMENT:assignment_id` (text); an assignment counts once although it has a row for each task.

    Returns:
        Column `count` (int64); for batches also the sums `items_count` and `items_processed_count` (int64) and `share`
        (float64, 0 to 1; missing if there are no items). The statuses are the index (named `status`), the most frequent first.

    Raises:
        InputError: If a column is missing.

    Example:
        >>> batches = pd.DataFrame(
        ...     {
        ...         "status": ["COMPLETED", "PROCESSING", "COMPLETED"],
        ...         "items_count": [10, 20, 10],
        ...         "items_processed_count": [10, 5, 10],
        ...     }
        ... )
        >>> batches.pipe(tf.progress_by_status)
                    count  items_count  items_processed_count  share
        status
        COMPLETED       2           20                     20   1.00
        PROCESSING      1           20                      5   0.25

    Source: Apps API, "Get batch by ID" (`status`, `items_count`, `items_processed_count`); Toloka API, "Get list of pools",
    "Get list of responses".
    """
    rows = _with_status(check_frame(frame))
    by_status = rows.groupby("status", dropna=False)
    progress = by_status.size().astype("int64").to_frame("count")
    if len(rows.columns) > 1:
        progress = progress.join(by_status[[ITEMS_COUNT, ITEMS_PROCESSED]].sum().astype("int64"))
        items = progress[ITEMS_COUNT]
        progress["share"] = progress[ITEMS_PROCESSED] / items.where(items > 0)
    return progress.sort_values("count", ascending=False, kind="stable")


def cost(
    answers: pd.DataFrame, bonuses: pd.DataFrame | None = None, *, by: CostKey | Sequence[CostKey] = "pool"
) -> pd.DataFrame:
    """Sum up what workers were paid: the rewards of accepted assignments, and bonuses. Toloka's own fee is not included.

    An assignment's reward counts once, however many rows its tasks have. A bonus counts for the pool of its assignment.

    Args:
        answers: Columns `ASSIGNMENT:assignment_id`, `ASSIGNMENT:status` (text), `ASSIGNMENT:reward` (US dollars), and depending
            on `by`: `ASSIGNMENT:pool_id`, `ASSIGNMENT:accepted` (timestamps), `ASSIGNMENT:worker_id`; as `get_assignments`
            returns them.
        bonuses: Columns `amount` (US dollars), and depending on `by`: `assignment_id`, `created` (timestamps), `user_id`; as
            `get_user_bonuses` returns them.
        by: One or more of "pool", "day" (UTC, of the acceptance or of the bonus) and "worker".

    Returns:
        Columns `assignments` (int64), `reward`, `bonus` and `total` (float64; US dollars, added as decimal numbers and rounded
        to four digits), with `by` as index (text; datetime64[us, UTC] for days), sorted. Payments without a key, for example
        bonuses without an assignment if `by` is "pool", are in a row whose index is missing.

    Raises:
        InputError: If a column is missing, or `by` is not valid.

    Example:
        >>> answers = pd.DataFrame(
        ...     {
        ...         "ASSIGNMENT:assignment_id": ["a1", "a1", "a2", "a3"],
        ...         "ASSIGNMENT:worker_id": ["anna", "anna", "boris", "boris"],
        ...         "ASSIGNMENT:status": ["ACCEPTED", "ACCEPTED", "ACCEPTED", "REJECTED"],
        ...         "ASSIGNMENT:reward": [0.1, 0.1, 0.2, 0.2],
        ...     }
        ... )
        >>> bonuses = pd.DataFrame({"user_id": ["anna"], "amount": [0.2]})
        >>> answers.pipe(tf.cost, bonuses, by="worker")
                assignments  reward  bonus  total
        worker
        anna              1     0.1    0.2    0.3
        boris             1     0.2    0.0    0.2

    Source: Toloka API, "Get list of responses" (`reward`, `status`) and "Get list of bonuses" (`amount`).
    """
    answers, bonuses = check_frame(answers), None if bonuses is None else check_frame(bonuses)
    keys = _cost_keys(by)
    payments = [_rewards(answers, keys), *([] if bonuses is None else [_bonuses(bonuses, answers, keys)])]
    sums = pd.concat(payments, ignore_index=True).groupby(keys, dropna=False).sum()
    sums["total"] = sums["reward"] + sums["bonus"]
    rounded = {name: pd.Series(dollars(sums[name]), sums.index, "float64") for name in ("reward", "bonus", "total")}
    return sums.assign(**rounded)


def control_answers(answers: pd.DataFrame) -> pd.DataFrame:
    """Return the answers to control tasks, with all their columns and whether they are right in the column `right`.

    Raises:
        InputError: If there is no `GOLDEN:` column, or one of the columns that `quality` needs is missing.
    """
    fields = [name.removeprefix("GOLDEN:") for name in columns_with_prefix(answers, "GOLDEN:")]
    golden, outputs = ([f"{prefix}:{field}" for field in fields] for prefix in ("GOLDEN", "OUTPUT"))
    check_columns(answers, [WORKER_ID, *golden, *outputs])
    answers = answers_once(answers)
    is_answered = have_values(answers, columns_with_prefix(answers, "OUTPUT:"))
    control = answers[is_answered & have_values(answers, golden)].reset_index(drop=True)
    by_field = [matches(control[f"GOLDEN:{field}"], control[f"OUTPUT:{field}"]) for field in fields]
    return control.assign(right=[all(matches_of_row) for matches_of_row in zip(*by_field, strict=True)])


def _with_status(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each batch, pool or assignment: its status, and the item counts if the frame has them."""
    if ASSIGNMENT_STATUS in frame.columns:
        check_columns(frame, [ASSIGNMENT_ID])
        assignments = frame.dropna(subset=[ASSIGNMENT_ID]).drop_duplicates(ASSIGNMENT_ID)
        return assignments[[ASSIGNMENT_STATUS]].rename(columns={ASSIGNMENT_STATUS: "status"})
    names = ["status", *((ITEMS_COUNT, ITEMS_PROCESSED) if ITEMS_COUNT in frame.columns else ())]
    check_columns(frame, names)
    return frame[names]


def _cost_keys(by: CostKey | Sequence[CostKey]) -> list[str]:
    keys = [by] if isinstance(by, str) else list(by)
    for key in keys:
        if key not in get_args(CostKey):
            similar = nearest_hint(str(key), get_args(CostKey))
            raise InputError(f"by={by!r}: {key!r} is not one of pool, day, worker{similar}.", column="by")
    if not keys or len(set(keys)) < len(keys):
        raise InputError(f"by={by!r}: it must be one or more of pool, day, worker, each at most once.", column="by")
    return [str(key) for key in keys]


def _rewards(answers: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return a row for each accepted assignment."""
    check_columns(answers, [ASSIGNMENT_ID, ASSIGNMENT_STATUS, REWARD, *(ANSWER_KEY_COLUMNS[key] for key in keys)])
    accepted = answers[answers[ASSIGNMENT_STATUS].isin(ACCEPTED_STATUSES)].drop_duplicates(ASSIGNMENT_ID)
    key_values = {key: _key_values(accepted[ANSWER_KEY_COLUMNS[key]], key) for key in keys}
    return pd.DataFrame(key_values | {"assignments": 1, "reward": decimals(accepted[REWARD]), "bonus": Decimal(0)})


def _bonuses(bonuses: pd.DataFrame, answers: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return a row for each bonus."""
    check_columns(bonuses, ["amount", *(BONUS_KEY_COLUMNS[key] for key in keys)])
    key_values = {key: _key_values(bonuses[BONUS_KEY_COLUMNS[key]], key) for key in keys}
    if "pool" in key_values:
        pool_of_assignment = answers.drop_duplicates(ASSIGNMENT_ID).set_index(ASSIGNMENT_ID)[POOL_ID]
        key_values["pool"] = _key_values(key_values["pool"].map(dict(pool_of_assignment)), "pool")
    return pd.DataFrame(key_values | {"assignments": 0, "reward": Decimal(0), "bonus": decimals(bonuses["amount"])})


def _key_values(cells: pd.Series[Any], key: str) -> pd.Series[Any]:
    """Return the values of a key in one dtype, for answers and for bonuses of any dtype."""
    if key == "day":
        # pandas before 3 parses text to nanoseconds
        return pd.to_datetime(cells, utc=True, format="ISO8601").dt.floor("D").dt.as_unit("us")
    return as_text(cells)
