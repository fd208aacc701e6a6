"""Frames of answers, batches, pools and bonuses come in; how good, how far and how much it is goes out, counted."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import pandas as pd

from toloka_frames._errors import InputError
from toloka_frames._frames.labels import STATUS, WORKER, named, need
from toloka_frames._schema.pandas_values import STRING_DTYPE, plain_values
from toloka_frames._validation import nearest_hint

if TYPE_CHECKING:
    from collections.abc import Sequence

CostKey: TypeAlias = Literal["pool", "day", "worker"]

ASSIGNMENT = "ASSIGNMENT:assignment_id"
REWARD = "ASSIGNMENT:reward"
ITEMS = ("items_count", "items_processed_count")

ACCEPTED = ("ACCEPTED", "APPROVED")  # the API's word and that of the platform's files
REWARD_KEYS = {"pool": "ASSIGNMENT:pool_id", "day": "ASSIGNMENT:accepted", "worker": WORKER}
BONUS_KEYS = {"pool": "assignment_id", "day": "created", "worker": "user_id"}
FOUR_DIGITS = Decimal("0.0001")


def quality(answers: pd.DataFrame) -> pd.DataFrame:
    """How well workers do on control tasks: a row for each worker who answered one.

    A task is a control task where a `GOLDEN:` column holds a value. The answer is right when every such value is that of the
    `OUTPUT:` column of the same field. Rejected answers count too. Of several known solutions a frame has the first.

    Args:
        answers: Columns `ASSIGNMENT:worker_id` (text), and `GOLDEN:` and `OUTPUT:` (any) of the same fields, as
            `get_assignments` gives them.

    Returns:
        Columns `control_answers` and `right` (int64) and `share` (float64, 0 to 1), on the workers' ids as index (named
        `worker`), sorted. `quality(answers)["share"]` are skills as crowd-kit's MajorityVote takes them.

    Raises:
        InputError: A column is missing.

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
    fields = [name.removeprefix("GOLDEN:") for name in named(answers, "GOLDEN:")]
    control = _control_answers(answers, fields)
    agreed = [_agree(control[f"GOLDEN:{field}"], control[f"OUTPUT:{field}"]) for field in fields]
    right = [all(fields_agree) for fields_agree in zip(*agreed, strict=True)]
    by_worker = pd.DataFrame({"worker": control[WORKER], "right": right}).groupby("worker")["right"]
    counts = pd.DataFrame({"control_answers": by_worker.size(), "right": by_worker.sum()}).astype("int64")
    return counts.assign(share=counts["right"] / counts["control_answers"])


def progress_by_status(frame: pd.DataFrame) -> pd.DataFrame:
    """How many batches, pools or assignments are in which state, and how many items of app batches are done.

    Args:
        frame: A list of app batches or pools: column `status` (text); of batches also `items_count` and
            `items_processed_count` (integers). Or one of assignments: columns `ASSIGNMENT:status` and
            `ASSIGNMENT:assignment_id` (text), each counted once though it has a row for each task.

    Returns:
        Column `count` (int64); of batches also the sums `items_count` and `items_processed_count` (int64) and `share`
        (float64, 0 to 1; missing without items). The states are the index (named `status`), the commonest first.

    Raises:
        InputError: A column is missing.

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
    rows = _with_status(frame)
    by_status = rows.groupby("status", dropna=False)
    progress = by_status.size().astype("int64").to_frame("count")
    if len(rows.columns) > 1:
        items, processed = ITEMS
        progress = progress.join(by_status[list(ITEMS)].sum().astype("int64"))
        progress["share"] = progress[processed] / progress[items].where(progress[items] > 0)
    return progress.sort_values("count", ascending=False, kind="stable")


def cost(
    answers: pd.DataFrame, bonuses: pd.DataFrame | None = None, *, by: CostKey | Sequence[CostKey] = "pool"
) -> pd.DataFrame:
    """What workers were paid: the rewards of accepted assignments, and bonuses; without what Toloka itself takes.

    The reward is that of an assignment, however many rows its tasks have. A bonus belongs to the pool of its assignment.

    Args:
        answers: Columns `ASSIGNMENT:assignment_id`, `ASSIGNMENT:status` (text), `ASSIGNMENT:reward` (dollars), and for `by`
            `ASSIGNMENT:pool_id`, `ASSIGNMENT:accepted` (instants), `ASSIGNMENT:worker_id`; as `get_assignments` gives them.
        bonuses: Columns `amount` (dollars), and for `by` `assignment_id`, `created` (instants), `user_id`; as
            `get_user_bonuses` gives them.
        by: One or more of "pool", "day" (UTC, of the acceptance or of the bonus) and "worker".

    Returns:
        Columns `assignments` (int64), `reward`, `bonus` and `total` (float64; dollars, added as decimal numbers, then rounded
        to four digits), on `by` as index (text; datetime64[us, UTC] for days), sorted. What belongs to none, as to no pool a
        bonus without an assignment, is in a row whose index is missing.

    Raises:
        InputError: A column is missing, or `by` is not one of these.

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
    keys = _cost_keys(by)
    paid = [_rewards(answers, keys), *([] if bonuses is None else [_bonuses(bonuses, answers, keys)])]
    sums = pd.concat(paid, ignore_index=True).groupby(keys, dropna=False).sum()
    sums["total"] = sums["reward"] + sums["bonus"]
    dollars = {name: sums[name].map(_dollars).astype("float64") for name in ("reward", "bonus", "total")}
    return sums.assign(**dollars)


def _control_answers(answers: pd.DataFrame, fields: list[str]) -> pd.DataFrame:
    """The answers to tasks with a known solution."""
    golden, outputs = ([f"{prefix}:{field}" for field in fields] for prefix in ("GOLDEN", "OUTPUT"))
    need(answers, [WORKER, *outputs])
    answered = answers[named(answers, "OUTPUT:")].notna().any(axis="columns")
    return answers[answered & answers[golden].notna().any(axis="columns")].reset_index(drop=True)


def _agree(golden: pd.Series[Any], given: pd.Series[Any]) -> list[bool]:
    """Whether each answer is the known one; where none is known, any is."""
    return [known is None or known == answer for known, answer in zip(plain_values(golden), plain_values(given), strict=True)]


def _with_status(frame: pd.DataFrame) -> pd.DataFrame:
    """A row for each thing that has a status, with the counts of its items where it has them."""
    if STATUS in frame.columns:
        need(frame, [ASSIGNMENT])
        once = frame.dropna(subset=[ASSIGNMENT]).drop_duplicates(ASSIGNMENT)
        return once[[STATUS]].rename(columns={STATUS: "status"})
    names = ["status", *(ITEMS if ITEMS[0] in frame.columns else ())]
    need(frame, names)
    return frame[names]


def _cost_keys(by: CostKey | Sequence[CostKey]) -> list[str]:
    keys = [by] if isinstance(by, str) else list(by)
    for key in keys:
        if key not in get_args(CostKey):
            raise InputError(
                f"by={by!r}: {key!r} is none of pool, day, worker{nearest_hint(str(key), REWARD_KEYS)}.", column="by"
            )
    if not keys or len(set(keys)) < len(keys):
        raise InputError(f"by={by!r}: one or more of pool, day, worker are needed, each once.", column="by")
    return [str(key) for key in keys]


def _rewards(answers: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """A row for each assignment that is paid for."""
    need(answers, [ASSIGNMENT, STATUS, REWARD, *(REWARD_KEYS[key] for key in keys)])
    paid = answers[answers[STATUS].isin(ACCEPTED)].drop_duplicates(ASSIGNMENT)
    values = {key: _key(paid[REWARD_KEYS[key]], key) for key in keys}
    return pd.DataFrame(values | {"assignments": 1, "reward": _decimals(paid[REWARD]), "bonus": Decimal(0)})


def _bonuses(bonuses: pd.DataFrame, answers: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """A row for each bonus."""
    need(bonuses, ["amount", *(BONUS_KEYS[key] for key in keys)])
    values = {key: _key(bonuses[BONUS_KEYS[key]], key) for key in keys}
    if "pool" in values:
        pools = answers.drop_duplicates(ASSIGNMENT).set_index(ASSIGNMENT)[REWARD_KEYS["pool"]]
        values["pool"] = _key(values["pool"].map(dict(pools)), "pool")
    return pd.DataFrame(values | {"assignments": 0, "reward": Decimal(0), "bonus": _decimals(bonuses["amount"])})


def _key(cells: pd.Series[Any], key: str) -> pd.Series[Any]:
    """What is summed by, in one dtype wherever it is from."""
    if key == "day":
        # pandas before 3 makes nanoseconds of text
        return pd.to_datetime(cells, utc=True, format="ISO8601").dt.floor("D").dt.as_unit("us")
    return cells.astype(STRING_DTYPE)


def _decimals(amounts: pd.Series[Any]) -> pd.Series[Any]:
    """Dollars as they are written, because 0.1 + 0.2 is not 0.3 in binary numbers; none where they are missing."""
    written = [Decimal(0) if amount is None else Decimal(str(amount)) for amount in plain_values(amounts)]
    return pd.Series(written, amounts.index, dtype=object)


def _dollars(amount: Decimal) -> float:
    # as money is rounded; a Decimal by itself takes a half to the even digit
    return float(amount.quantize(FOUR_DIGITS, ROUND_HALF_UP))
