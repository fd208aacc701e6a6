"""The account's balance, which falls with accepted assignments and bonuses.

Toloka's fees are in no answer of the API, so the local service takes none.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toloka_frames.local._store.store import Store


def balance(store: Store) -> Decimal:
    """Return the balance in US dollars."""
    return Decimal(store.find_setting("balance") or 0)


def spend(store: Store, amount: float) -> None:
    """Take an amount from the balance, which can become negative: work that is done is paid."""
    if amount:
        # not as floats, because 0.1 + 0.2 dollars are 0.3
        store.change_setting("balance", str(balance(store) - Decimal(str(amount))))
