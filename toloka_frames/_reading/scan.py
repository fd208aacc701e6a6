"""A list and its filters come in; a frame, a table, a stream, a Parquet file or plain rows go out.

The way down: `_walk` asks for pages, `_page` makes record batches of them, `_sinks` are the ends of that one stream.
"""

from __future__ import annotations

from contextlib import aclosing
from copy import copy as copy_of
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from toloka_frames._errors import InputError
from toloka_frames._reading.list_request import list_request
from toloka_frames._reading.output_paths import FilePath, check_output_file
from toloka_frames._reading.pager import Source
from toloka_frames._reading.partitions import split
from toloka_frames._reading.resumable import pull_resumable
from toloka_frames._reading.sinks import DtypeBackend, ParquetFile, Rebatcher, check_dtype_backend, to_frame
from toloka_frames._reading.time_pull import fetch_table, record_batches
from toloka_frames._runtime.event_loop import aiterate, in_thread, iterate, run
from toloka_frames._runtime.progress import ProgressArg, track_progress
from toloka_frames._schema.columns import EXTRA, SpecFields
from toloka_frames._transport.rate_limits import REQUESTS_PER_SECOND
from toloka_frames._validation import flag_or_none, page_size, positive, validate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from pathlib import Path

    import pandas as pd

    from toloka_frames._schema.lists import Resource
    from toloka_frames._transport.http import ApiClient

# quick pulls leave the cell alone
QUIET_SECONDS = 0.5


class Scan:
    """A list that will be asked for, page by page, when its rows are wanted; made by the client's `get_` methods.

    It can be used any number of times, and asks anew each time. Any Arrow consumer takes it as a stream (DuckDB, Polars,
    pyarrow: `__arrow_c_stream__`). Columns and types are known before the first page and are the same for every page: those of
    fixed fields are declared, those of `INPUT:`, `OUTPUT:` and `GOLDEN:` fields come from the project's or app's own
    specification, which is fetched once for the scan. The last column, `extra` (string), holds as JSON text what fits no
    column.
    """

    def __init__(self, service: ApiClient, resource: Resource, given: Mapping[str, Any]) -> None:
        given = dict(given)
        batch_size = given.pop("batch_size", None)
        limit = validate("batch_size", page_size(resource.max_limit), resource.page_rows if batch_size is None else batch_size)
        self._source = Source(service, list_request(resource, given), limit)
        self._title = resource.name

    def __repr__(self) -> str:
        asked = self._source.question
        columns = [place.prefix + ":*" if isinstance(place, SpecFields) else place.name for place in asked.resource.columns]
        return f"<Scan of {asked}, pages of {self._source.limit} rows>\ncolumns: {', '.join([*columns, EXTRA])}"

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of every batch; asks for the project's specification where the columns depend on it."""
        return run(self._source.layout()).schema

    def to_dataframe(
        self,
        *,
        dtype_backend: DtypeBackend | None = None,
        concurrency: int | None = None,
        progress: ProgressArg = "auto",
    ) -> pd.DataFrame:
        """All rows as a pandas frame with a RangeIndex.

        Args:
            dtype_backend: None gives string, Int64, boolean, float64 and datetime64[us, UTC] columns (lists stay Arrow-backed);
                "pyarrow" and "numpy_nullable" as in `pandas.read_*`.
            concurrency: Requests in flight at once, from 1. None begins with one and goes on with 20 when the list is longer
                than two pages and each answer takes 25 ms or more to begin. With more than one, a list whose ids lie in no
                order of time (those of the Apps API) is cut into stretches of ids that hold about a page, unless it has an
                `id_lte` of yours; another one that can be compared and sorted by `created` (operations: by `submitted`) is
                pulled from both ends and from points between them. What allows neither is pulled page after page all the
                same: aggregated solutions, what stands behind `after_id`, pages of few rows, lists that the service does not
                give in the order that was asked for. Rows that do not tell when they were made, of which the API knows none,
                are found with one only.
            progress: "auto", "notebook", "text", "log", False or a callable that gets `tf.Progress`.

        Returns:
            One row per row of the list; of assignments and task suites, one per task of each. They are in the order of their
            ids (as numbers where all are, else as text), whatever the concurrency. Rows that are there from the beginning to
            the end come once each, in the state of some moment between; rows that are made meanwhile may come or not.

        Raises:
            InputError: `concurrency` is not a positive whole number.
            ApiError: The service refused.
            ScanInterrupted: The pull ended half-way; `.cursor` says where, or is None if it had gone on from several points.
        """
        check_dtype_backend(dtype_backend)
        return to_frame(self.to_arrow(concurrency=concurrency, progress=progress), dtype_backend)

    def to_arrow(self, *, concurrency: int | None = None, progress: ProgressArg = "auto") -> pa.Table:
        """All rows as an Arrow table of this scan's schema; arguments and errors as in `to_dataframe`."""
        return run(self._awaited_arrow(concurrency, progress))

    def to_parquet(self, path: FilePath, *, resume: bool = False, progress: ProgressArg = "auto") -> Path:
        """Stream all rows into a Parquet file, or with `resume=True` into a folder of them; memory does not grow with the rows.

        Two pages are held at once; of a slow service, where ids lie in no order of time (see `to_dataframe`), up to 40 pages,
        or 50,000 rows.

        Row groups have 100,000 rows or 64 MiB of Arrow, zstd, dictionaries, statistics and an index of their pages, and hold
        rows that follow each other by id: a reader skips those that a filter by id cannot match, and by `created` where ids
        ascend with it, as those of tasks, task suites and assignments do within a pool.

        Args:
            path: The file; it is there when it is whole, until then its rows are in a `.part` file beside it. With
                `resume=True` a folder, which pandas and pyarrow read by its name, DuckDB and Polars as `<path>/*.parquet`.
            resume: Pull into parts of 100,000 rows or 64 MiB of Arrow, each in place when it is whole, with a manifest. After a
                kill, an error or Stop, the same call goes on where the parts end: nothing twice, nothing lost. When the copy
                is complete, the call asks only whose account it is and returns. Where a list can be compared by `created` and
                no upper bound was given, the copy holds what was created until its beginning, by the later of the
                service's clock and this computer's. `tf.verify(path)` checks it.
            progress: As in `to_dataframe`.

        Returns:
            The path.

        Raises:
            InputError: The path is a folder or in a copy (with `resume=True`: a file, or a folder of other things), or its
                folder is not there; nothing was asked.
            ApiError: The service refused.
            ScanInterrupted: The pull ended half-way; no file is left, or with `resume=True` the parts that are whole.
            CopyError: With `resume=True`: the folder holds a copy of something else, is damaged, is being written by another
                call, or cannot be written; it is left as it is.
        """
        return run(self._awaited_parquet(path, resume, progress))

    def partitions(self, n: int, *, workers: int | None = None) -> list[Self]:
        """The rows in at most `n` scans, for other processes and machines: each row in exactly one, about as many in each.

        Each is a window of `created` (operations: `submitted`) besides the filters of this scan, cut where some small requests
        find as many rows on both sides; rows of the same millisecond stay together. Apps and aggregated solutions, which
        cannot be asked for by it, are one partition.

        The last ends now, by the later of the service's clock and this computer's, or behind the row that is last, unless the
        scan has an upper bound: read late or twice, the partitions are the same rows.

        A partition is a few kilobytes when it is pickled. It has the columns inside, which are not asked for again, but no
        token: where it is read, TOLOKA_TOKEN has it, or the callable returns it that the client was made with.

        Args:
            n: How many at most; there are fewer where there are fewer rows.
            workers: How many processes read at the same time, 1 to 300: each sends at most 300 / `workers` requests a second,
                so that together they keep the account's quota. When not given, `n` or 300; 1 suits threads of this process.

        Raises:
            InputError: `n` or `workers` is no such number.
            ApiError: The service refused.

        Source: Toloka API, "Rate limiting", for the quota.
        """
        parts = int(validate("n", positive, n))
        most = min(parts, REQUESTS_PER_SECOND) if workers is None else workers
        share = int(validate("workers", page_size(REQUESTS_PER_SECOND), most))
        return [self._of(source) for source in run(split(self._source, parts, share))]

    def to_reader(self) -> pa.RecordBatchReader:
        """The rows as a stream of record batches, a page at a time as they are read; memory as in `to_parquet`."""
        return pa.RecordBatchReader.from_batches(self.schema, iterate(record_batches(self._source)))

    def iter_dataframes(self, chunk_rows: int = 50_000, *, dtype_backend: DtypeBackend | None = None) -> Iterator[pd.DataFrame]:
        """Frames of at most `chunk_rows` rows each, one after another; all but the last have exactly so many.

        Raises:
            InputError: `chunk_rows` is not a positive whole number.
        """
        check_dtype_backend(dtype_backend)
        validate("chunk_rows", positive, chunk_rows)
        return self._frames(chunk_rows, dtype_backend)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Rows as the wire has them, in ordinary code."""
        for page in iterate(self._source.dicts()):
            yield from page.rows

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        """Rows as the wire has them, in async code of any loop."""
        # whoever stops half-way closes this one only, and the loop may end before it finds the inner one
        async with aclosing(aiterate(self._source.dicts())) as pages:
            async for page in pages:
                for row in page.rows:
                    yield row

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The rows as an Arrow C stream (Arrow PyCapsule interface)."""
        return self.to_reader().__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        """The schema as an Arrow C schema (Arrow PyCapsule interface)."""
        return self.schema.__arrow_c_schema__()

    def _of(self, source: Source) -> Self:
        scan = copy_of(self)
        scan._source = source  # noqa: SLF001 -- a copy of this
        return scan

    async def _awaited_arrow(self, concurrency: int | None, progress: ProgressArg) -> pa.Table:
        """`to_arrow` for async code, by `toloka_frames.aio`."""
        if concurrency is not None:
            validate("concurrency", positive, concurrency)
        with track_progress(progress, self._title, quiet=QUIET_SECONDS) as meter:
            return await fetch_table(self._source, concurrency, meter)

    async def _awaited_parquet(self, path: FilePath, resume: bool, progress: ProgressArg) -> Path:
        """`to_parquet` for async code, by `toloka_frames.aio`."""
        if validate("resume", flag_or_none, resume) == "true":
            with track_progress(progress, self._title) as meter:
                return await pull_resumable(self._source, path, meter)
        place = check_output_file(path)
        with track_progress(progress, self._title, quiet=QUIET_SECONDS) as meter:
            with ParquetFile(place, (await self._source.layout()).schema) as file:
                async with aclosing(record_batches(self._source, meter)) as batches:
                    async for batch in batches:
                        await in_thread(file.write, batch)
            return file.path

    def _frames(self, chunk_rows: int, dtype_backend: DtypeBackend | None) -> Iterator[pd.DataFrame]:
        regrouped = Rebatcher(self.schema, chunk_rows)
        for batch in iterate(record_batches(self._source)):
            for table in regrouped.add(batch):
                yield to_frame(table, dtype_backend)
        for table in regrouped.rest():
            yield to_frame(table, dtype_backend)


def check_scan(scan: Any, does: str) -> None:
    """Refuse what is no scan; `does` begins the sentence that says what was wanted of it.

    Raises:
        InputError: It is none.
    """
    if not isinstance(scan, Scan):
        hint = "Give a list that is asked for by a client, as client.get_tasks(pool_id)."
        raise InputError(f"{does} a Scan, and this is {type(scan).__name__}.", column="scan", hint=hint)
