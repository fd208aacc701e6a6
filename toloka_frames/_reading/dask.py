"""A scan comes in, a Dask DataFrame goes out, whose partitions are those of the scan (the extra `dask`)."""

from __future__ import annotations

import sys
from secrets import token_hex
from typing import TYPE_CHECKING

from toloka_frames._reading.scan import check_scan
from toloka_frames._reading.sinks import check_dtype_backend, to_frame
from toloka_frames._validation import positive, validate

if TYPE_CHECKING:
    import dask.dataframe as dd
    import pandas as pd

    from toloka_frames._reading.scan import Scan
    from toloka_frames._reading.sinks import DtypeBackend


def to_dask(
    scan: Scan, npartitions: int, *, workers: int | None = None, dtype_backend: DtypeBackend | None = None
) -> dd.DataFrame:
    """A list as a Dask DataFrame: its rows are asked for where and when Dask computes them.

    Now a few small requests cut the list into partitions (`Scan.partitions` tells how, and until when); columns and types are
    those of `scan.to_dataframe()`. No token is in the graph: each worker takes it from its TOLOKA_TOKEN, or from the callable
    that the client was made with.

    Args:
        scan: What to read.
        npartitions: How many partitions at most; there are fewer where there are fewer rows.
        workers: How many processes read at the same time, 1 to 300: each gets an equal share of the account's 300 requests a
            second. By default those of the present `dask.distributed.Client`, or 1 where there is none and Dask computes in
            threads of this process. Give it for `scheduler="processes"`, and for a cluster that grows.
        dtype_backend: As in `Scan.to_dataframe`.

    Returns:
        A row per row of `scan.to_dataframe()`, in partitions by time of creation, each with a RangeIndex of its own.

    Raises:
        InputError: This is no scan, or a number is none that is possible.
        ApiError: The service refused.
        ImportError: There is no Dask.

    Source: Dask, `dask.dataframe.from_map`; Toloka API, "Rate limiting", for the quota.
    """
    check_dtype_backend(dtype_backend)
    check_scan(scan, "tf.to_dask reads")
    try:
        import dask.dataframe as dd  # noqa: PLC0415 -- an extra, and only who uses it pays for it
    except ImportError as error:
        raise ImportError("tf.to_dask needs Dask: pip install 'toloka_frames[dask]'") from error
    validate("npartitions", positive, npartitions)
    partitions = scan.partitions(npartitions, workers=_processes() if workers is None else workers)
    meta = to_frame(partitions[0].schema.empty_table(), dtype_backend)
    # a name of its own: each frame asks anew, also while rows of an earlier one are kept in the cluster
    label = f"toloka_frames-{token_hex(4)}"
    frame: dd.DataFrame = dd.from_map(_read, partitions, meta=meta, label=label, dtype_backend=dtype_backend)  # type: ignore[no-untyped-call]
    return frame


def _read(partition: Scan, dtype_backend: DtypeBackend | None) -> pd.DataFrame:
    return partition.to_dataframe(dtype_backend=dtype_backend, progress=False)


def _processes() -> int:
    """How many processes Dask's present client has."""
    distributed = sys.modules.get("distributed")  # whoever has a cluster has imported it
    try:
        return max(1, len(distributed.get_client().nthreads())) if distributed else 1
    except ValueError:  # it has no client
        return 1
