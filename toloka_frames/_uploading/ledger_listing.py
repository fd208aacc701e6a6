"""List and delete the uploads of a ledger."""

from __future__ import annotations

import json
from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from toloka_frames._schema.bulk import BULK_CREATIONS
from toloka_frames._uploading.ledger import LedgerFile

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

UPLOAD_COLUMNS = (
    *("id", "upload_id", "account", "url", "path", "destination", "pool_ids"),
    *("rows", "created", "invalid", "failed", "begun", "ended"),
)
# uploads that are settled have these sums in their own row
UNSETTLED = """
select upload, group_concat(distinct pool_id) as pool_ids, sum(created) as created, sum(invalid) as invalid,
    sum(failed) as failed, sum(iif(state = 'begun', rows, 0)) as unknown, sum(iif(state = 'waiting', rows, 0)) as not_sent,
    iif(sum(state in ('refused', 'failed')), 'FAILED', 'UNFINISHED') as state
from chunks where upload in (select id from uploads where ended is null) group by upload
"""


class UploadList(LedgerFile):
    """The uploads of a ledger."""

    def uploads(self) -> dict[str, list[Any]]:
        """Return all uploads with the number of their rows in each state, oldest first, as columns."""
        # one JSON text for each column: SQLite and json make it in half the time that rows of Python objects take
        arrays = ", ".join(f"json_group_array({name})" for name in UPLOAD_COLUMNS)
        with self.reading():
            # without an index, SQLite reads the table in the order of its ids; to sort a subquery would take as long again
            [texts] = self.rows(f"select {arrays} from uploads not indexed")
            unsettled = self.rows(UNSETTLED)
        with self.decoding("the list of uploads"):
            return _listing(texts, unsettled)

    def unsettled(self, upload_id: str) -> bool:
        """Return whether some of the rows of the uploads of this name are not settled."""
        rows = self.read("select 1 from uploads where upload_id = :upload_id and ended is null", upload_id=upload_id)
        return bool(rows)

    def forget(self, upload_id: str | None, before: str | None, *, unsettled: bool) -> int:
        """Delete uploads.

        Args:
            upload_id: The name of the uploads; None for any.
            before: A timestamp in UTC before which they were begun; None for any.
            unsettled: Whether to delete also those with rows that are not settled.

        Returns:
            The number of deleted uploads.
        """
        with self.change() as sqlite:
            rows = sqlite.execute(
                "delete from uploads where upload_id = coalesce(:upload_id, upload_id)"
                " and begun < coalesce(:before, '9999') and (:unsettled or ended is not null) returning id",
                {"upload_id": upload_id, "before": before, "unsettled": unsettled},
            ).fetchall()
            ids = {"ids": json.dumps([id_ for (id_,) in rows])}
            for table in ("chunks", "objects", "contents", "outcomes", "opened"):
                sqlite.execute(f"delete from {table} where upload in (select value from json_each(:ids))", ids)
        return len(rows)


def _listing(texts: Sequence[str], unsettled: Sequence[sqlite3.Row]) -> dict[str, list[Any]]:
    """Return the columns of `UploadList.uploads`.

    Args:
        texts: The JSON text of each column of the table.
        unsettled: The rows of UNSETTLED.
    """
    columns: dict[str, list[Any]] = dict(zip(UPLOAD_COLUMNS, map(json.loads, texts), strict=True))
    ids = columns.pop("id")
    columns |= {"unknown": [0] * len(ids), "not_sent": [0] * len(ids), "state": ["DONE"] * len(ids)}
    for summary in unsettled:
        position = bisect_left(ids, summary["upload"])
        for name in summary.keys()[1:]:
            columns[name][position] = summary[name]
    destinations = _decoded(columns.pop("destination"), json.loads)
    columns["app_project_id"] = [destination.get("app_project_id") for destination in destinations]
    columns["kind"] = _decoded(columns.pop("path"), lambda path: BULK_CREATIONS[path].name)
    return columns


def _decoded(texts: Sequence[str], decode: Callable[[str], Any]) -> list[Any]:
    """Return the decoded value of each text; texts that are equal are decoded once."""
    values = {text: decode(text) for text in set(texts)}
    return [values[text] for text in texts]
