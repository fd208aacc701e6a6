"""Read a list as a Dask DataFrame whose partitions are those of the scan (the extra `dask`)."""

from __future__ import annotations

import sys
from secrets import token_hex
from typing import TYPE_CHECKING

from toloka_frames._reading.column_selection import select_columns
from toloka_frames._reading.scan import check_scan, column_names
from toloka_frames._reading.sinks import check_dtype_backend, to_frame
from toloka_frames._validation import positive, validate

if TYPE_CHECKING:
    import dask.dataframe as dd
    import pandas as pd

    from toloka_frames._reading.column_selection import Columns
    from toloka_frames._reading.scan import Scan
    from toloka_frames._reading.sinks import DtypeBackend


def to_dask(
    scan: Scan,
    npartitions: int,
    *,
    columns: Columns | None = None,
    workers: int | None = None,
    dtype_backend: DtypeBackend | None = None,
) -> dd.DataFrame:
    """Return a list as a Dask DataFrame; its rows are requested by the workers when Dask computes them.

    This call sends a few small requests that split the list into partitions (see `Scan.partitions`, also for the rows they
    include). Columns and types are those of `scan.to_dataframe()`. The graph does not contain the token: each worker reads it
    from its TOLOKA_TOKEN, or calls the callable that the client was created with.

    Args:
        scan: The list to read.
        npartitions: The maximum number of partitions; a list with fewer rows has fewer.
        columns: As in `Scan.to_dataframe`.
        workers: The number of processes that read at the same time, 1 to 300: each gets an equal share of the account's 300
            requests per second. Defaults to the processes of the current `dask.distributed.Client`; without one to 1, because
            Dask then computes in threads of this process. Pass it for `scheduler="processes"` and for a cluster that grows.
        dtype_backend: As in `Scan.to_dataframe`.

    Returns:
        The rows of `scan.to_dataframe()`, in partitions by id. Each partition has its own RangeIndex.

    Raises:
        InputError: If `scan` is not a scan, or a number is not valid.
        ApiError: If the service rejects a request.
        ImportError: If Dask is not installed.

    Example:
        >>> tasks = tf.to_dask(client.get_tasks(pool.id), npartitions=2)
        >>> len(tasks.compute())
        9

    Source: Dask, `dask.dataframe.from_map`; Toloka API, "Rate limiting", for the quota.
    """
    check_dtype_backend(dtype_backend)
    check_scan(scan, "tf.to_dask reads")
    try:
        import dask  # noqa: PLC0415 -- an optional dependency
        import dask.dataframe as dd  # noqa: PLC0415 -- an optional dependency
    except ImportError as error:
        raise ImportError("tf.to_dask needs Dask: pip install 'toloka_frames[dask]'") from error
    validate("npartitions", positive, npartitions)
    names = column_names(scan, columns) if columns is not None else None
    partitions = scan.partitions(npartitions, workers=_worker_processes() if workers is None else workers)
    meta = to_frame(select_columns(partitions[0].schema.empty_table(), names), dtype_backend)
    # a unique name: with equal names Dask would reuse rows that an earlier frame left in the cluster
    label = f"toloka_frames-{token_hex(4)}"
    # by default Dask converts text to another dtype of pandas, and tuples to text
    with dask.config.set({"dataframe.convert-string": False}):
        frame: dd.DataFrame = dd.from_map(  # type: ignore[no-untyped-call]
            _read, partitions, meta=meta, label=label, names=names, dtype_backend=dtype_backend
        )
    return frame


def _read(partition: Scan, names: list[str] | None, dtype_backend: DtypeBackend | None) -> pd.DataFrame:
    return partition.to_dataframe(columns=names, dtype_backend=dtype_backend, progress=False)


def _worker_processes() -> int:
    """Return the number of processes of the current Dask client, or 1 without one."""
    distributed = sys.modules.get("distributed")  # imported if there is a client
    try:
        return max(1, len(distributed.get_client().nthreads())) if distributed else 1
    except ValueError:  # there is no client
        return 1
