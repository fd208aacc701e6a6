"""What Tolokers will do for the objects of an upload, and what that costs.

A Toloker gets the pool's `reward_per_assignment` for a page, which is a task suite with all its tasks (Toloka API,
Pool.reward_per_assignment). Where the service mixes the pages, the real tasks of a pool are put in order of their overlap, the
highest first, and cut into blocks of `mixer_config.real_tasks_count`. A block takes as many pages as its first task has
overlap. The last block may have fewer tasks, and its pages cost the same (MixerConfig.force_last_assignment, true by default).
Control and training tasks add no pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any

from toloka_frames._errors import InputError, PriceExceeded
from toloka_frames._schema.bulk import CREATE_TASKS, CREATE_USER_BONUSES
from toloka_frames._uploading.service_rules import overlap_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toloka_frames._schema.bulk import BulkCreation

NOTHING = Decimal(0)


@dataclass(frozen=True)
class ExpectedWork:
    """What Tolokers will do for some objects.

    Attributes:
        pages: The number of pages that Tolokers submit; None if it is not known.
        answers: The number of answers to tasks that are not control tasks; None if it is not known.
        rewards: What is paid for it, in US dollars; None if it is not known.
        unknown: Why something is not known, as a clause; "" if everything is.
    """

    pages: int | None = 0
    answers: int | None = 0
    rewards: Decimal | None = NOTHING
    unknown: str = ""

    def __add__(self, other: ExpectedWork) -> ExpectedWork:
        """Return the sum, in which unknown numbers stay unknown."""
        pages = None if self.pages is None or other.pages is None else self.pages + other.pages
        answers = None if self.answers is None or other.answers is None else self.answers + other.answers
        rewards = None if self.rewards is None or other.rewards is None else self.rewards + other.rewards
        return ExpectedWork(pages, answers, rewards, self.unknown or other.unknown)


def expected_work(
    kind: BulkCreation,
    sent: Mapping[str, Sequence[Mapping[str, Any]]],
    pools: Mapping[str, Mapping[str, Any]],
    *,
    allow_defaults: bool,
) -> ExpectedWork:
    """Return the work that tasks or task suites cause, or what bonuses cost.

    Args:
        kind: Their bulk creation.
        sent: The objects of each pool; bonuses have none.
        pools: The pools.
        allow_defaults: Whether objects may have the overlap of their pool.
    """
    if kind is CREATE_USER_BONUSES:
        amounts = (dollars(bonus.get("amount")) for bonuses in sent.values() for bonus in bonuses)
        return ExpectedWork(rewards=sum(amounts, NOTHING))
    work = ExpectedWork()
    for pool_id, objects in sent.items():
        work += _work_of_pool(kind, objects, pools[pool_id], allow_defaults=allow_defaults)
    return work


def pages_of(overlaps: Sequence[int], pool: Mapping[str, Any]) -> int:
    """Return the number of pages that the service mixes of real tasks with these overlaps."""
    size = max(1, (pool.get("mixer_config") or {}).get("real_tasks_count") or 1)
    return sum(sorted(overlaps, reverse=True)[::size])


def may_have_smaller_pages(pool: Mapping[str, Any]) -> bool:
    """Return whether a Toloker can get a page with fewer real tasks than the pool's number of them."""
    mixer = pool.get("mixer_config") or {}
    # the same number by default (Toloka API, MixerConfig.min_real_tasks_count)
    least = mixer.get("min_real_tasks_count")
    return least is not None and least < (mixer.get("real_tasks_count") or 0)


def dollars(amount: Any) -> Decimal:
    """Return an amount of money of the service as a decimal number of the same digits; 0 if there is none."""
    return Decimal(str(amount)) if isinstance(amount, int | float) else NOTHING


def price_limit(max_price: Any) -> Decimal:
    """Return the argument `max_price`.

    Raises:
        InputError: If it is not a number of dollars.
    """
    limit = decimal_number(max_price)
    if limit is None or limit < 0:
        raise InputError(f"max_price={max_price!r}: a number of US dollars is needed, 0 or more.", column="max_price")
    return limit


def decimal_number(value: Any) -> Decimal | None:
    """Return a number of Python or NumPy as a decimal number of the digits that it is shown with; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        return None
    if isinstance(value, Decimal | int):
        number = Decimal(value)
    else:  # the text of numpy.float32(0.06) is 0.06, and its value is less
        number = Decimal(str(value if hasattr(value, "dtype") else float(value)))
    return number if number.is_finite() else None


def dollars_text(amount: Any) -> str:
    """Return an amount with at least two decimals, and with all that it has: a reward may be half a cent."""
    text = f"{amount:,.6f}".rstrip("0")
    whole, _, decimals = text.partition(".")
    return f"${whole}.{decimals:<02}"


def check_price(
    kind: BulkCreation,
    sent: Mapping[str, Sequence[Mapping[str, Any]]],
    pools: Mapping[str, Mapping[str, Any]],
    max_price: Decimal,
    *,
    allow_defaults: bool,
) -> None:
    """Raise PriceExceeded if the price of objects is above a limit, or not known; arguments as in `expected_work`."""
    work = expected_work(kind, sent, pools, allow_defaults=allow_defaults)
    given = f"max_price={max_price.normalize():f} is given"
    if work.rewards is None:
        raise PriceExceeded(
            f"The price is not known, because {work.unknown}, and {given}. Nothing was sent.",
            price=None,
            max_price=float(max_price),
            hint="Leave out max_price= to create these rows without a limit, or change what makes the price unknown.",
        )
    if work.rewards > max_price:
        raise PriceExceeded(
            f"The rewards for these rows are {dollars_text(work.rewards)}, and {given}. Nothing was sent.",
            price=float(work.rewards),
            max_price=float(max_price),
            hint="Give a higher max_price=, or send fewer rows, or rows with a lower overlap. tf.preflight with the same "
            "arguments shows pages and price.",
        )


def _work_of_pool(
    kind: BulkCreation, objects: Sequence[Mapping[str, Any]], pool: Mapping[str, Any], *, allow_defaults: bool
) -> ExpectedWork:
    if kind is CREATE_TASKS:
        objects = [task for task in objects if not task.get("known_solutions")]
    reward = dollars(pool.get("reward_per_assignment"))  # a training has none
    overlaps = [overlap_of(kind, each, pool, allow_defaults=allow_defaults) for each in objects]
    if unknown := _unknown(pool, is_infinite=any(is_infinite for _, is_infinite in overlaps)) if objects else "":
        return ExpectedWork(None, None, None if reward else NOTHING, unknown)
    # an object without a valid overlap is refused by the service
    counts = [overlap if type(overlap) is int else 0 for overlap, _ in overlaps]
    if kind is CREATE_TASKS:
        pages, answers = pages_of(counts, pool), sum(counts)
    else:
        tasks = [sum(not task.get("known_solutions") for task in suite["tasks"]) for suite in objects]
        pages, answers = sum(counts), sum(count * size for count, size in zip(counts, tasks, strict=True))
    # what Tolokers earn by their skill is not known before they come
    if pool.get("dynamic_pricing_config"):
        return ExpectedWork(pages, answers, None, f"the pool {pool.get('id')} has a dynamic price (dynamic_pricing_config)")
    return ExpectedWork(pages, answers, pages * reward)


def _unknown(pool: Mapping[str, Any], *, is_infinite: bool) -> str:
    """Return why the number of pages is not known, as a clause; "" if it is."""
    if is_infinite:
        return "tasks have infinite overlap: each Toloker who comes gets them"
    dynamic = pool.get("dynamic_overlap_config")
    if not dynamic:
        return ""
    most = f", up to {dynamic['max_overlap']}" if isinstance(dynamic, dict) and dynamic.get("max_overlap") else ""
    return f"the pool {pool.get('id')} has a dynamic overlap{most} (dynamic_overlap_config)"
