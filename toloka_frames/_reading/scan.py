"""The rows of a list as a DataFrame, an Arrow table or stream, a Parquet file, or dicts."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager, suppress
from copy import copy as copy_of
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar

import pyarrow as pa

from toloka_frames._errors import InputError, ScanInterrupted, TolokaError
from toloka_frames._reading import field_specs, scan_display
from toloka_frames._reading.column_selection import Columns, check_columns, selected_names
from toloka_frames._reading.interruptions import Handover
from toloka_frames._reading.outputs import Destination, check_output
from toloka_frames._reading.page import DictPage, Page, read_dicts, read_page
from toloka_frames._reading.pager import Concurrency, PageRequest, PageSize, PageT, pages_of
from toloka_frames._reading.parquet_file import ParquetFile, ParquetOptions
from toloka_frames._reading.partitions import split
from toloka_frames._reading.resumable import pull_resumable
from toloka_frames._reading.sinks import ROW_GROUP_ROWS, DtypeBackend, Rebatcher, check_dtype_backend, to_frame
from toloka_frames._runtime.event_loop import AsyncItems, in_thread, iterate, public_class, run, shield_until_done
from toloka_frames._runtime.tracker import track_progress
from toloka_frames._schema.columns import Column, Layout, SpecFields, expand_columns
from toloka_frames._schema.lists import APP_ITEMS
from toloka_frames._transport.rate_limits import REQUESTS_PER_SECOND
from toloka_frames._validation import flag_or_none, id_text, page_size, path_part, positive, validate

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from toloka_frames._runtime.progress import ProgressArg
    from toloka_frames._runtime.tracker import ProgressTracker
    from toloka_frames._schema.lists import Resource
    from toloka_frames._schema.row import Row
    from toloka_frames._transport.http import ApiClient

RowsT = TypeVar("RowsT", pa.RecordBatch, pa.Table)

# A display that appears and is over within half a second only flickers.
QUIET_SECONDS = 0.5


@public_class
class Scan:
    """A list, whose rows are requested page by page when they are wanted; returned by the client's `get_` methods.

    It can be used any number of times and requests its rows anew each time. Any Arrow consumer reads it as a stream (DuckDB,
    Polars, pyarrow: `__arrow_c_stream__`). Columns and types do not depend on the rows: fixed fields are declared; `INPUT:`,
    `OUTPUT:` and `GOLDEN:` fields come from the specification of the project or app, which is requested once per scan. The last
    column, `extra` (string), holds as JSON text what fits no column. If the specification cannot be read any more, the values
    of these fields are there too, and a warning says so.

    Example:
        >>> tasks = client.get_tasks(pool.id, created_gte="2026-01-01")
        >>> df = tasks.to_dataframe()
        >>> len(df), len([task for task in tasks])
        (9, 9)
    """

    def __init__(self, service: ApiClient, resource: Resource, given: Mapping[str, Any]) -> None:
        given = dict(given)
        batch_size = given.pop("batch_size", None)
        limit = validate("batch_size", page_size(resource.max_limit), resource.page_rows if batch_size is None else batch_size)
        self._source = Source(service, list_request(resource, given), int(limit))
        self._title = resource.name

    def __repr__(self) -> str:
        return scan_display.as_text(self._source.request, self._source.page_size.most, self._source.known_columns)

    def _repr_html_(self) -> str:
        return scan_display.as_html(self._source.request, self._source.page_size.most, self._source.known_columns)

    # not for type checkers, to which it would say that a scan has every attribute
    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            raise AttributeError(scan_display.frame_advice(name, [key for key in dir(Scan) if not key.startswith("_")]))

        def __len__(self) -> NoReturn:
            raise TypeError(scan_display.frame_advice("len", ()))

        def __getitem__(self, key: object) -> NoReturn:
            raise TypeError(
                f"A Scan has no rows yet, so there is no scan[{key!r}]: use scan.to_dataframe()[...] or scan.head()[...]."
            )

        def __array__(self, *_: object, **__: object) -> NoReturn:
            # pandas would make a frame of the rows as they are in the API: without types, and with dicts in its cells
            raise TypeError("A Scan is not an array: scan.to_dataframe() returns its rows as a DataFrame with typed columns.")

    def __bool__(self) -> bool:
        return True

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of every batch; requests the project's specification where the columns depend on it.

        Example:
            >>> client.get_tasks(pool.id).schema.field("INPUT:image").type
            DataType(string)
        """
        return run(self._source.layout()).schema

    def head(self, n: int = 5, *, columns: Columns | None = None, dtype_backend: DtypeBackend | None = None) -> pd.DataFrame:
        """Return the first rows as a DataFrame: those of `to_dataframe`, by one request for up to a page of rows.

        Args:
            n: The number of rows; fewer if the list has fewer.
            columns: As in `to_dataframe`.
            dtype_backend: As in `to_dataframe`.

        Raises:
            InputError: If `n` is not a positive whole number, or a column is unknown.
            ApiError: If the service refuses.

        Example:
            >>> client.get_tasks(pool.id).head(2)["INPUT:image"].tolist()
            ['https://example.com/0.jpg', 'https://example.com/1.jpg']
        """
        check_dtype_backend(dtype_backend)
        return to_frame(run(self._fetch_head(n, columns)), dtype_backend)

    def to_dataframe(
        self,
        *,
        columns: Columns | None = None,
        dtype_backend: DtypeBackend | None = None,
        concurrency: int | None = None,
        progress: ProgressArg = "auto",
    ) -> pd.DataFrame:
        """Return all rows as a pandas DataFrame with a RangeIndex.

        Args:
            columns: Names, or a function of a name, as `usecols` of `pandas.read_csv`. Only these columns are parsed, which
                saves time and memory; they are in the order of the frame. With `extra` all of them have to be parsed. The API's
                own name of a value selects its column, too: `id` of assignments is `ASSIGNMENT:assignment_id`.
            dtype_backend: None gives dtypes that all functions of pandas, NumPy and crowd-kit take: text in pandas' own dtype
                (`str` since pandas 3, object before), Int64, float64, datetime64[us, UTC], bool (object with True, False and
                None if a value is missing), and lists as tuples in object columns, because tuples have a hash.
                "numpy_nullable" gives `string`, Int64, Float64 and `boolean`, also with tuples; "pyarrow" gives Arrow's types
                without a copy; both as in `pandas.read_*`.
            concurrency: Maximum number of requests in flight. With None it is one, and 20 once a list has more than two pages
                and each response takes 25 ms or more to begin. Each request is for a page of a range of ids. Lists with
                `after_id`, with pages of fewer than 20 rows, or that the service does not return in the order of ids are
                pulled page after page.
            progress: "auto", "notebook", "text", "log", False or a callable that gets `tf.Progress`.

        Returns:
            One row per row of the list; of assignments and task suites, one per task of each. Rows are in the order of their
            ids (as numbers if all are numbers, else as text), whatever the concurrency. A row that exists from the beginning
            to the end of the pull is returned once, in its state of some moment between; a row created meanwhile may be
            missing.

        Raises:
            InputError: If `concurrency` is not a positive whole number, or a column is unknown.
            ApiError: If the service refuses.
            ScanInterrupted: If the pull ends half-way. Nothing is returned, so `.cursor` is None: make the same call again.

        Example:
            >>> answers = client.get_assignments(pool.id).to_dataframe(columns=["INPUT:image", "OUTPUT:result"])
            >>> list(answers)
            ['INPUT:image', 'OUTPUT:result']
        """
        check_dtype_backend(dtype_backend)
        return to_frame(run(self._fetch_table(columns, concurrency, progress)), dtype_backend)

    def to_arrow(
        self, *, columns: Columns | None = None, concurrency: int | None = None, progress: ProgressArg = "auto"
    ) -> pa.Table:
        """Return all rows as an Arrow table of this scan's schema; arguments and errors as in `to_dataframe`.

        Example:
            >>> client.get_tasks(pool.id).to_arrow(columns=["id", "INPUT:image"]).num_rows
            9
        """
        return run(self._fetch_table(columns, concurrency, progress))

    def to_parquet(
        self,
        path: Destination,
        *,
        columns: Columns | None = None,
        resume: bool = False,
        compression: str | None = "zstd",
        row_group_rows: int = ROW_GROUP_ROWS,
        filesystem: Any = None,
        progress: ProgressArg = "auto",
    ) -> Path | Any:
        """Stream all rows into a Parquet file, or with `resume=True` into a folder of them, in bounded memory.

        At most two pages are in memory; of a slow service whose ids are in no order of time (see `to_dataframe`), at most 40
        pages or 50,000 rows.

        A row group has `row_group_rows` rows or 64 MiB of Arrow, with dictionaries, statistics and a page index.
        Its rows follow each other by id, so a reader skips row groups by a filter on the id, and by one on `created` where ids
        ascend with it, as those of tasks, task suites and assignments do within a pool.

        Args:
            path: The file: a path, a URL such as `s3://bucket/tasks.parquet`, `gs://` or `file://`, or a file that is open for
                writing bytes. A local file appears when it is complete; until then its rows are in a `.part` file beside it.
                A file of an object store is written to this computer's temporary folder and uploaded when it is complete. A
                device, a FIFO or an open file is written to directly. With `resume=True` a local folder, which pandas and
                pyarrow read by its name, DuckDB and Polars as `<path>/*.parquet`.
            columns: As in `to_dataframe`; not with `resume=True`, because a copy has all columns.
            resume: Write parts of 100,000 rows or 64 MiB of Arrow, each moved into place when it is complete, and a manifest.
                After a kill, an error or Stop, the same call resumes after the last part: no row twice, no row lost. If the
                copy is complete, the call only checks whose account it is and returns. If the list can be filtered by
                `created` and you gave no upper bound, the copy holds the rows created before it began, by the later of
                the service's clock and this computer's. `tf.verify(path)` checks the copy.
            compression: "zstd", "snappy", "gzip", "brotli", "lz4", or None; not with `resume=True`.
            row_group_rows: Rows of a row group; not with `resume=True`.
            filesystem: The file system of pyarrow or fsspec that the path belongs to; not with `resume=True`. Without it, a URL
                is opened by pyarrow, or else by fsspec if it is installed.
            progress: As in `to_dataframe`.

        Returns:
            The absolute path of a local file; else the URL, the path or the open file as it was given.

        Raises:
            InputError: If the path is a folder or in a copy (with `resume=True`: a URL, a file, or a folder of other files), or
                its folder does not exist, or an option is not valid. Nothing was requested.
            ApiError: If the service refuses.
            ScanInterrupted: If the pull ends half-way; no file is left, or with `resume=True` the complete parts.
            CopyError: With `resume=True`: if the folder holds a copy of something else, is damaged, is being written by another
                call, or cannot be written; it is left as it is.
            WriteFailed: If the file cannot be written, for example because the disk is full; no file is left.

        Example:
            >>> path = client.get_tasks(pool.id).to_parquet("tasks.parquet")
            >>> len(pd.read_parquet(path))
            9
        """
        options = ParquetOptions(compression, row_group_rows, filesystem)
        return run(self._write_parquet(path, columns, resume, options, progress))

    def partitions(self, n: int, *, workers: int | None = None) -> list[Self]:
        """Split the rows into at most `n` scans of about equal size, for other processes and machines; each row is in one.

        Each partition is a range of ids besides the filters of this scan. A few small requests find the bounds. A list that
        the service does not return in the order of ids is one partition.

        The partitions end at the last row, or now, by the later of the service's clock and this computer's, if ids are in no
        order of time (those of the Apps API): read later or twice, they hold the same rows.

        A pickled partition is a few kilobytes. It holds the columns, which are not requested again, but no token: the process
        that reads it takes TOLOKA_TOKEN, or calls the callable that the client was made with.

        Args:
            n: Maximum number of partitions; there are fewer if there are fewer rows.
            workers: The number of processes that read at the same time, 1 to 300: each sends at most 300 / `workers` requests a
                second, so that together they keep the account's quota. Default: `n`, at most 300; 1 suits threads of this
                process.

        Raises:
            InputError: If `n` or `workers` is not such a number.
            ApiError: If the service refuses.

        Example:
            >>> parts = client.get_tasks(pool.id).partitions(2)
            >>> sum(len(part.to_dataframe()) for part in parts)  # each in a process of its own, for example
            9

        Source: Toloka API, "Rate limiting", for the quota.
        """
        parts = int(validate("n", positive, n))
        most = min(parts, REQUESTS_PER_SECOND) if workers is None else workers
        share = int(validate("workers", page_size(REQUESTS_PER_SECOND), most))
        return [self._with(source) for source in run(split(self._source, parts, share))]

    def to_reader(self, *, columns: Columns | None = None) -> pa.RecordBatchReader:
        """Return the rows as a stream of record batches, one per page; memory as in `to_parquet`, errors as in iteration.

        Args:
            columns: As in `to_dataframe`.

        Example:
            >>> sum(len(batch) for batch in client.get_tasks(pool.id).to_reader())
            9
        """
        source = run(self._source.selected(columns))
        return pa.RecordBatchReader.from_batches(run(source.schema()), iterate(source.batches()))

    def iter_dataframes(
        self, chunk_rows: int = 50_000, *, columns: Columns | None = None, dtype_backend: DtypeBackend | None = None
    ) -> Iterator[pd.DataFrame]:
        """Iterate over the rows as DataFrames of `chunk_rows` rows; the last one, also before an error, may have fewer.

        Args:
            chunk_rows: Rows of a frame.
            columns: As in `to_dataframe`.
            dtype_backend: As in `to_dataframe`.

        Raises:
            InputError: If `chunk_rows` is not a positive whole number, or a column is unknown.
            ScanInterrupted: As in iteration.

        Example:
            >>> [len(frame) for frame in client.get_tasks(pool.id).iter_dataframes(chunk_rows=4)]
            [4, 4, 1]
        """
        check_dtype_backend(dtype_backend)
        check_columns(columns)
        validate("chunk_rows", positive, chunk_rows)
        return self._frames(chunk_rows, columns, dtype_backend)

    def __iter__(self) -> Iterator[Row]:
        """Iterate over the rows as dicts, as in the API.

        Raises:
            ApiError: If the service refuses the first page.
            ScanInterrupted: If the pull ends half-way, after all rows before; `id_gt=error.cursor` continues after them.
        """
        for rows in iterate(self._source.rows()):
            yield from rows

    def __aiter__(self) -> AsyncIterator[Row]:
        """Iterate over the rows as dicts, as in the API, in async code of any event loop; errors as in iteration."""
        return AsyncItems(self._source.rows())

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return the rows as an Arrow C stream (Arrow PyCapsule interface)."""
        return self.to_reader().__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        """Return the schema as an Arrow C schema (Arrow PyCapsule interface)."""
        return self.schema.__arrow_c_schema__()

    def _with(self, source: Source) -> Self:
        scan = copy_of(self)
        scan._source = source  # noqa: SLF001 -- a copy of this
        return scan

    async def _fetch_head(self, n: int, columns: Columns | None) -> pa.Table:
        """`head`, awaited, as an Arrow table."""
        rows = int(validate("n", positive, n))
        return await (await self._source.selected(columns)).fetch_head(rows)

    async def _fetch_table(self, columns: Columns | None, concurrency: int | None, progress: ProgressArg) -> pa.Table:
        """`to_arrow`, awaited."""
        if concurrency is not None:
            validate("concurrency", positive, concurrency)
        source = await self._source.selected(columns)
        with track_progress(progress, self._title, quiet=QUIET_SECONDS) as tracker:
            async with _estimating(source, None if progress is False else tracker):
                return await source.fetch_table(concurrency, tracker)

    async def _write_parquet(
        self, path: Destination, columns: Columns | None, resume: bool, options: ParquetOptions, progress: ProgressArg
    ) -> Path | Any:
        """`to_parquet`, awaited."""
        if validate("resume", flag_or_none, resume) == "true":
            if columns is not None:
                hint = "Leave out columns=, and read the columns you need: pd.read_parquet(path, columns=[...])."
                raise InputError("A copy (resume=True) has all columns.", column="columns", hint=hint)
            folder = options.copy_path(path)
            with track_progress(progress, self._title) as tracker:
                return await pull_resumable(self._source, folder, tracker)
        output, source = check_output(path, options.filesystem), await self._source.selected(columns)
        with track_progress(progress, self._title, quiet=QUIET_SECONDS) as tracker:
            batches = source.batches(tracker, Handover.NOTHING)
            async with aclosing(batches), _estimating(source, None if progress is False else tracker):
                first = await anext(batches)  # an empty list has a page, too
                with ParquetFile(output, await source.schema(), options) as file:
                    await in_thread(file.write, first)
                    async for batch in batches:
                        await in_thread(file.write, batch)
            return file.path

    def _frames(self, chunk_rows: int, columns: Columns | None, dtype_backend: DtypeBackend | None) -> Iterator[pd.DataFrame]:
        source = run(self._source.selected(columns))
        rebatcher, interrupted = Rebatcher(run(source.schema()), chunk_rows), None
        try:
            for batch in iterate(source.batches()):
                for table in rebatcher.add(batch):
                    yield to_frame(table, dtype_backend)
        except ScanInterrupted as error:
            interrupted = error  # raised after the rows before it
        for table in rebatcher.rest():
            yield to_frame(table, dtype_backend)
        if interrupted is not None:
            raise interrupted


@asynccontextmanager
async def _estimating(source: Source, tracker: ProgressTracker | None) -> AsyncIterator[None]:
    """Request how many rows there are, where that is one request, once the progress of the block is shown."""
    request = source.request
    if tracker is None or request.resource is not APP_ITEMS or set(request.query) != {"batch_id"}:
        yield
        return

    async def estimate() -> None:
        await asyncio.sleep(QUIET_SECONDS)
        path = f"{request.path.removesuffix('items')}batches/{path_part(request.query['batch_id'])}"
        with suppress(TolokaError):  # the pull goes on without it
            count = (await source.service.get(path)).get("items_count")  # Apps API, "Get batch by ID"
            tracker.estimate = count if isinstance(count, int) else None

    estimating = asyncio.create_task(estimate())
    try:
        yield
    finally:
        estimating.cancel()
        await asyncio.wait({estimating})


def column_names(scan: Scan, columns: Columns | None) -> list[str]:
    """Return the names of the selected columns of a scan, in the order of its frame.

    Raises:
        InputError: If a column is unknown.
    """
    source = run(scan._source.selected(columns))  # noqa: SLF001 -- of this module
    names: list[str] = run(source.schema()).names
    return names


class Source:
    """The rows of a list, which can be requested any number of times.

    Attributes:
        service: The client of the API.
        request: What is requested.
        page_size: The rows per page: the most, and how many the service manages.
        unreadable: Why the specification of the fields cannot be read; None if it can, or was not requested yet.
    """

    def __init__(self, service: ApiClient, request: ListRequest, page_rows: int) -> None:
        self.service = service
        self.request = request
        self.page_size = PageSize(page_rows)
        self._layout: Layout | None = None
        self.unreadable: field_specs.UnreadableSpecification | None = None
        self._names: list[str] | None = None

    @property
    def known_columns(self) -> Sequence[Column | SpecFields]:
        """The columns, as far as they are known without a request."""
        return self.request.resource.columns if self._layout is None else self._layout.columns

    async def selected(self, columns: Columns | None) -> Source:
        """Return the rows with some of their columns only; None selects all.

        Raises:
            InputError: If a column is unknown.
        """
        if columns is None:
            return self
        layout, resource, selected = await self.layout(), self.request.resource, copy_of(self)
        names = selected_names(columns, layout.schema.names, layout.api_names)
        # the next page is requested by the id
        vars(selected).update(_names=names, _layout=layout.narrowed({*names, resource.life.id}))
        return selected

    async def schema(self) -> pa.Schema:
        """Return the schema of the selected columns."""
        schema = (await self.layout()).schema
        return schema if self._names is None else pa.schema([schema.field(name) for name in self._names])

    async def layout(self) -> Layout:
        """Return how pages are parsed; the project's field specifications are requested once."""
        if self._layout is None:
            resource = self.request.resource
            columns = tuple(column for column in resource.columns if isinstance(column, Column) and not column.link)
            if len(columns) < len(resource.columns):
                specification, self.unreadable = await field_specs.of_list(self.service, self.request)
                columns = tuple(expand_columns(resource.columns, specification, self.service.web_url))
            self._layout = Layout(resource.rows_key, resource.cursor, columns)
        return self._layout

    async def fetch_head(self, rows: int) -> pa.Table:
        """Return the first rows; one request returns up to a page of them."""
        head = copy_of(self)
        head.page_size = PageSize(min(rows, self.request.resource.max_limit))
        batches, fetched = list[pa.RecordBatch](), 0
        async with head.pages(concurrency=Concurrency(1, prefetches=False), handover=Handover.NOTHING) as pages:
            async for _, page in pages:
                batches.append(self._selection(page.batch))
                fetched += len(page.batch)
                if fetched >= rows:
                    break
        self._layout, self.unreadable = await head.layout(), head.unreadable
        return pa.Table.from_batches(batches, await self.schema()).slice(0, rows)

    async def fetch_table(self, concurrency: int | None, progress: ProgressTracker) -> pa.Table:
        """Return all rows in the order of their ids; `concurrency` as in `Scan.to_dataframe`.

        Pages are requested one after another until the service turns out to be slow, and then many at once.
        """
        requests, batches = Concurrency(concurrency, is_stream=False), list[pa.RecordBatch]()
        async with self.pages(concurrency=requests, handover=Handover.NOTHING) as pages:
            async for _, page in pages:
                batches.append(page.batch)
                progress.add_page(len(page.batch))
        return self._selection(pa.Table.from_batches(batches, (await self.layout()).schema))

    async def batches(
        self, progress: ProgressTracker | None = None, handover: Handover = Handover.STREAM
    ) -> AsyncGenerator[pa.RecordBatch, None]:
        """Yield the rows as record batches, page after page, and count them."""
        async with self.pages(handover=handover) as pages:
            async for _, page in pages:
                if progress:
                    progress.add_page(len(page.batch))
                yield self._selection(page.batch)

    @asynccontextmanager
    async def pages(
        self,
        filters: Mapping[str, str] | None = None,
        concurrency: Concurrency | None = None,
        handover: Handover = Handover.COPY,
    ) -> AsyncIterator[AsyncGenerator[tuple[str | None, Page], None]]:
        """Open an iterator over the pages as record batches, each with the cursor after it.

        Args:
            filters: Filters that replace those of the request.
            concurrency: How many requests are in flight at once; if not given, more than one where the service is slow.
            handover: What the caller does with the pages before an interruption.
        """
        # the first page is requested meanwhile
        lookup, has_rows = asyncio.create_task(self.layout()), False

        async def read(body: bytes, layout: Layout) -> Page:
            nonlocal has_rows
            page = await in_thread(read_page, body, layout)
            has_rows = has_rows or bool(page.ids)
            if page.ids and self.unreadable is not None:
                self.unreadable.report("their values are in `extra`, as JSON text")
            return page

        request = self._page_request(lookup, read, filters, handover)
        try:
            async with aclosing(pages_of(request, concurrency or Concurrency())) as pages:
                yield pages
        finally:
            lookup.cancel()
            await shield_until_done(asyncio.gather(lookup, return_exceptions=True))
        if self.unreadable is not None and not has_rows and not filters:
            self.unreadable.check_reference(self.request)

    async def rows(self) -> AsyncGenerator[list[Row], None]:
        """Yield the rows of each page as dicts as in the API."""
        layout = asyncio.get_running_loop().create_future()
        layout.set_result(Layout(self.request.resource.rows_key, self.request.resource.cursor, ()))

        async def read(body: bytes, layout: Layout) -> DictPage:
            return await in_thread(read_dicts, body, layout)

        async with aclosing(pages_of(self._page_request(layout, read), Concurrency())) as pages:
            async for _, page in pages:
                yield page.rows

    def _page_request(
        self,
        layout: asyncio.Future[Layout],
        read: Callable[[bytes, Layout], Awaitable[PageT]],
        filters: Mapping[str, str] | None = None,
        handover: Handover = Handover.STREAM,
    ) -> PageRequest[PageT]:
        request, query = self.request, self.query(filters)
        return PageRequest(self.service, request.path, query, self.page_size, request.resource.cursor, layout, read, handover)

    def _selection(self, rows: RowsT) -> RowsT:
        """Return a batch or table with the selected columns."""
        return rows if self._names is None else rows.select(self._names)

    def query(self, filters: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the query of pages in the order of the cursor, without their size; `filters` replace those of the request."""
        return {**self.request.query, **(filters or {}), "sort": self.request.resource.cursor}


@dataclass(frozen=True)
class ListRequest:
    """What is requested of a list.

    Attributes:
        resource: The list.
        path_params: Its path parameters.
        query: Its filters, as text.
    """

    resource: Resource
    path_params: Mapping[str, str]
    query: Mapping[str, str]

    @property
    def path(self) -> str:
        """The path after `/api`, ids quoted."""
        return self.resource.path.format(**{name: path_part(value) for name, value in self.path_params.items()})

    @property
    def given(self) -> Mapping[str, str]:
        """Path parameters and filters."""
        return {**self.path_params, **self.query}

    def __str__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.given.items())
        return f"{self.resource.name}({given})"


def list_request(resource: Resource, given: Mapping[str, Any]) -> ListRequest:
    """Validate the keywords of a list; a keyword that is None was not given.

    Raises:
        InputError: If the list does not take a value, or one that it needs is missing.
    """
    filters = resource.filters
    path_params = {name: id_text(name, value) for name, value in given.items() if name not in filters}
    query = {
        # the underscore only keeps a name from being a keyword of Python
        name.rstrip("_"): validate(name, filters[name], value)
        for name, value in given.items()
        if name in filters and value is not None
    }
    if resource.one_of and not any(name in query for name in resource.one_of):
        raise InputError(f"{resource.name}: {' or '.join(resource.one_of)} is needed.", column=resource.one_of[0])
    for (name, value), needed in resource.needs.items():
        if query.get(name) == value and needed not in query:
            raise InputError(f"{name}={value!r} needs {needed}.", column=needed)
    return ListRequest(resource, path_params, query)


def check_scan(scan: Any, use: str) -> None:
    """Reject what is not a scan.

    Args:
        scan: The argument.
        use: The beginning of the message, for example "tf.sync copies".

    Raises:
        InputError: If it is not a Scan.
    """
    if not isinstance(scan, Scan):
        hint = "Give a list of a client, as client.get_tasks(pool_id)."
        raise InputError(f"{use} a Scan, and this is {type(scan).__name__}.", column="scan", hint=hint)
