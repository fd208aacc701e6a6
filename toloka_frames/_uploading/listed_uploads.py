"""How a notebook shows the list of uploads."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pandas as pd

from toloka_frames._runtime import cards
from toloka_frames._runtime.progress import counted

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_SHOWN = 20
IF_ANY = ("invalid", "failed", "unknown", "not_sent")
IF_SEVERAL = ("environment", "url", "account")


class ListedUploads(pd.DataFrame):
    """A DataFrame that a notebook shows as a card, because pandas' table breaks the ids into four lines.

    Only `tf.uploads()` itself is one: what is made of it, also by copying and pickling, is a plain DataFrame. It is shown as
    one when its columns were changed in place.
    """

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        # not as an ordinary attribute, of which pandas warns that it makes no column
        object.__setattr__(self, "_listed", self.dtypes)

    @property
    def _constructor(self) -> Callable[..., pd.DataFrame]:
        return pd.DataFrame

    def __reduce__(self) -> Any:
        return pd.DataFrame, (pd.DataFrame(self),)

    def _repr_html_(self) -> str | None:
        if not pd.get_option("display.notebook_repr_html"):
            return None
        if not self.dtypes.equals(self.__dict__["_listed"]):
            return pd.DataFrame(self)._repr_html_()  # type: ignore[operator, no-any-return]
        if self.empty:
            return cards.card("done", cards.line("no uploads"))
        states = Counter(self["state"])
        counts = ", ".join(f"{states[state]:,} {state}" for state in ("FAILED", "UNFINISHED", "DONE") if states[state])
        is_settled = states["DONE"] == len(self)
        blocks = [cards.line(f"{counted(len(self), 'upload')}: {counts}", strong=True), _table(self.tail(MOST_SHOWN))]
        if len(self) > MOST_SHOWN:
            blocks.append(cards.line(f"The latest {MOST_SHOWN} are shown; the frame has all.", muted=True))
        if not is_settled:
            how = "tf.resume(upload_id, client) continues an UNFINISHED upload, and with retry_failed=True a FAILED one."
            blocks.append(cards.line(how, muted=True))
        return cards.card("done" if is_settled else "stopped", *blocks)


def _table(uploads: pd.DataFrame) -> str:
    """Return the columns that say something, short ones first, and the ids at the end."""
    numbers = ["rows", "created", *(name for name in IF_ANY if uploads[name].any())]
    several = [name for name in IF_SEVERAL if len(uploads[name].unique()) > 1]
    destination = "pool" if uploads["app_project_id"].isna().all() else "destination"
    shown = {
        "begun (UTC)": uploads["begun"].dt.strftime("%Y-%m-%d %H:%M"),
        "kind": uploads["kind"],
        "state": uploads["state"],
        **{name: uploads[name].map("{:,}".format) for name in numbers},
        destination: uploads["pool_ids"].where(uploads["pool_ids"].notna(), uploads["app_project_id"]),
        **{name: uploads[name] for name in several},
        "upload_id": uploads["upload_id"],
    }
    columns = [column.fillna("").tolist() for column in shown.values()]
    return cards.table(list(shown), zip(*columns, strict=True), numbers=range(3, 3 + len(numbers)), one_line=True)
