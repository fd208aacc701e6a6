"""List and delete the uploads of a ledger."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from toloka_frames._schema.bulk import BULK_CREATIONS
from toloka_frames._uploading.ledger import LedgerFile

if TYPE_CHECKING:
    from collections.abc import Sequence

UPLOAD_SUMMARY = """
select upload, group_concat(distinct pool_id) as pool_ids, sum(created) as created, sum(invalid) as invalid,
    sum(failed) as failed, sum(iif(state = 'begun', rows, 0)) as unknown, sum(iif(state = 'waiting', rows, 0)) as not_sent,
    iif(sum(state in ('refused', 'failed')), 'FAILED', 'UNFINISHED') as state
from chunks where upload in (select id from uploads where ended is null) group by upload
"""


class UploadList(LedgerFile):
    """The uploads of a ledger."""

    def uploads(self) -> dict[str, Any]:
        """Return all uploads with the number of their rows in each state, oldest first, as columns."""
        rows = self.read(
            f"""
            select upload_id, uploads.rows, coalesce(uploads.created, summary.created) as created,
                coalesce(uploads.invalid, summary.invalid) as invalid, substr(begun, 1, 23) as begun,
                substr(ended, 1, 23) as ended,
                json_array(account, url, path, json_extract(destination, '$.app_project_id'),
                    coalesce(uploads.pool_ids, summary.pool_ids), coalesce(uploads.failed, summary.failed),
                    coalesce(unknown, 0), coalesce(not_sent, 0), iif(ended is null, state, 'DONE')) as common
            from uploads left join ({UPLOAD_SUMMARY}) summary on upload = id order by id
            """
        )
        names = ("upload_id", "rows", "created", "invalid", "begun", "ended", "common")
        columns: dict[str, Any] = dict(zip(names, zip(*rows, strict=True) if rows else [()] * len(names), strict=True))
        columns |= _common_columns(columns.pop("common"))
        return {**columns, "kind": [BULK_CREATIONS[path].name for path in columns.pop("path")]}

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


def _common_columns(texts: Sequence[str]) -> dict[str, Sequence[Any]]:
    """Return the columns of `UploadList.uploads` that are equal in many rows, from the JSON text of each row."""
    values = {text: json.loads(text) for text in set(texts)}
    rows = [values[text] for text in texts]
    names = ("account", "url", "path", "app_project_id", "pool_ids", "failed", "unknown", "not_sent", "state")
    return dict(zip(names, zip(*rows, strict=True) if rows else [()] * len(names), strict=True))
