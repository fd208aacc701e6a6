"""Sort record batches that were fetched in any order by id."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Sequence

# rows are sorted in chunks of this Arrow size, because a chunk of a text column holds at most 2 GiB
MAX_CHUNK_BYTES = 2**28


def sort_by_id(batches: Sequence[pa.RecordBatch], schema: pa.Schema, id_column: str) -> pa.Table:
    """Return the rows sorted by id: as numbers if all ids are, else as text.

    If several batches hold an id, only its rows of the first such batch are kept. Rows with the same id stay in order.
    """
    table = pa.Table.from_batches(batches, schema)
    ids = table[id_column]
    keys = {"digits": pc.utf8_length(ids), "id": ids} if pc.all(pc.utf8_is_decimal(ids)).as_py() else {"id": ids}
    order = pc.sort_indices(pa.table(keys), sort_keys=[(name, "ascending") for name in keys]).to_numpy()
    batch_numbers = np.repeat(np.arange(len(batches)), list(map(len, batches)))
    order = order[_is_in_first_batch(ids, batch_numbers, order)]
    if table.nbytes <= MAX_CHUNK_BYTES:
        return _take(table, pa.array(order))
    ranks, chunk_rows = np.full(len(table), -1), len(table) * MAX_CHUNK_BYTES // table.nbytes + 1
    ranks[order] = np.arange(len(order))
    return pa.concat_tables([_chunk(table, ranks - start, chunk_rows) for start in range(0, len(order), chunk_rows)])


def _is_in_first_batch(ids: pa.ChunkedArray, batch_numbers: Any, order: Any) -> Any:
    """Return which of the sorted rows are in the first batch that holds their id."""
    codes = np.concatenate([chunk.indices.to_numpy() for chunk in ids.dictionary_encode().chunks])[order]
    is_new_id = np.r_[True, codes[1:] != codes[:-1]]
    sorted_numbers = batch_numbers[order]
    return sorted_numbers == sorted_numbers[is_new_id][np.cumsum(is_new_id) - 1]


def _chunk(table: pa.Table, ranks: Any, chunk_rows: int) -> pa.Table:
    """Return the rows with ranks from 0 to `chunk_rows`, in order."""
    is_inside = (ranks >= 0) & (ranks < chunk_rows)
    return _take(table.filter(pa.array(is_inside)), pa.array(ranks[is_inside].argsort()))


def _take(table: pa.Table, indices: pa.Array) -> pa.Table:
    """Return rows by index, several columns at a time: Arrow's `take` uses one thread."""
    with ThreadPoolExecutor() as threads:
        columns = threads.map(lambda column: column.combine_chunks().take(indices), table.columns)
    return pa.Table.from_arrays(list(columns), schema=table.schema)
