"""A card in a notebook that can be replaced at any time: while other cells run, and after its own cell has ended."""

from __future__ import annotations

import contextvars
import uuid
from typing import TYPE_CHECKING, Any, Protocol

from toloka_frames._runtime.displays import in_notebook

if TYPE_CHECKING:
    from typing import Self


class Shown(Protocol):
    """What a card shows: text, and HTML."""

    def _repr_html_(self) -> str: ...


class LiveCard:
    """An output of the cell that is running. Any thread can replace it; it stays where it is, whichever cell runs then."""

    def __init__(self, shown: Shown) -> None:
        from IPython import get_ipython  # noqa: PLC0415 -- only a notebook has it

        self._shell: Any = get_ipython()
        # kept, because `%%capture` puts another in its place for the time of a cell
        self._publisher = self._shell.display_pub
        self._cell = self._shell.execution_count
        self._id = uuid.uuid4().hex
        self.show(shown)

    @classmethod
    def open(cls, shown: Shown) -> Self | None:
        """Return a card in the cell that is running; None outside a notebook."""
        return cls(shown) if in_notebook() else None

    @property
    def is_in_this_cell(self) -> bool:
        """Whether the cell that is running is the one that has the card."""
        return bool(self._cell == self._shell.execution_count)

    def show(self, shown: Shown) -> None:
        """Show the card in the cell that is running, too."""
        self._publish(shown, update=False)

    def update(self, shown: Shown) -> None:
        """Replace the card, from any thread.

        The context of the caller may name the cell in which its work was started, and a front end that only follows the running
        cell, as nbclient does, would leave out the message.
        """
        contextvars.Context().run(self._publish, shown, update=True)

    def _publish(self, shown: Shown, *, update: bool) -> None:
        data = {"text/plain": str(shown), "text/html": shown._repr_html_()}
        self._publisher.publish(data=data, metadata={}, transient={"display_id": self._id}, update=update)
