"""A list and its filters come in; a frame, a table, a stream, a Parquet file or plain rows go out.

The way down: `_walk` asks for pages, `_page` makes record batches of them, `_sinks` are the ends of that one stream.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from toloka_frames import _specifications
from toloka_frames._columns import EXTRA, Fields, Layout, expanded
from toloka_frames._filters import checked, positive, within
from toloka_frames._page import DictPage, Page, read_dicts, read_page
from toloka_frames._progress import Meter, ProgressArg, showing
from toloka_frames._question import question
from toloka_frames._sinks import DtypeBackend, FilePath, ParquetFile, Regrouped, check_dtype_backend, parquet_place, to_frame
from toloka_frames._sync import aiterate, in_thread, iterate, run
from toloka_frames._walk import walk

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
    from pathlib import Path

    import pandas as pd

    from toloka_frames._http import Service
    from toloka_frames._resources import Resource

# quick pulls leave the cell alone
QUIET_SECONDS = 0.5
CURSOR = "id"


class Scan:
    """A list that will be asked for, page by page, when its rows are wanted; made by the client's `get_` methods.

    It can be used any number of times, and asks anew each time. Any Arrow consumer takes it as a stream (DuckDB, Polars,
    pyarrow: `__arrow_c_stream__`). Columns and types are known before the first page and are the same for every page: those of
    fixed fields are declared, those of `INPUT:`, `OUTPUT:` and `GOLDEN:` fields come from the project's or app's own
    specification, which is fetched once for the scan. The last column, `extra` (string), holds as JSON text what fits no
    column.
    """

    def __init__(self, service: Service, resource: Resource, given: Mapping[str, Any]) -> None:
        given = dict(given)
        batch_size = given.pop("batch_size", None)
        self._service = service
        self._limit = checked(
            "batch_size", within(resource.max_limit), resource.page_rows if batch_size is None else batch_size
        )
        self._question = question(resource, given)
        self._layout: Layout | None = None

    def __repr__(self) -> str:
        columns = [
            place.prefix + ":*" if isinstance(place, Fields) else place.name for place in self._question.resource.columns
        ]
        return f"<Scan of {self._question}, pages of {self._limit} rows>\ncolumns: {', '.join([*columns, EXTRA])}"

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of every batch; asks for the project's specification where the columns depend on it."""
        return run(self.alayout()).schema

    def to_dataframe(self, *, dtype_backend: DtypeBackend | None = None, progress: ProgressArg = "auto") -> pd.DataFrame:
        """All rows as a pandas frame with a RangeIndex.

        Args:
            dtype_backend: None gives string, Int64, boolean, float64 and datetime64[us, UTC] columns (lists stay Arrow-backed);
                "pyarrow" and "numpy_nullable" as in `pandas.read_*`.
            progress: "auto", "notebook", "text", "log", False or a callable that gets `tf.Progress`.

        Returns:
            One row per row of the list; of assignments, one per task of each.

        Raises:
            ApiError: The service refused.
            ScanInterrupted: The pull ended half-way; `.cursor` says where.
        """
        check_dtype_backend(dtype_backend)
        return to_frame(self.to_arrow(progress=progress), dtype_backend)

    def to_arrow(self, *, progress: ProgressArg = "auto") -> pa.Table:
        """All rows as an Arrow table of this scan's schema; arguments and errors as in `to_dataframe`."""
        return run(self.ato_arrow(progress))

    def to_parquet(self, path: FilePath, *, progress: ProgressArg = "auto") -> Path:
        """Stream all rows into a Parquet file, row group by row group; memory does not grow with the number of rows.

        Args:
            path: The file; it is there when it is whole, until then its rows are in `<path>.part`.
            progress: As in `to_dataframe`.

        Returns:
            The path.

        Raises:
            InputError: The path is a folder, or its folder is not there; nothing was asked.
            ApiError: The service refused.
            ScanInterrupted: The pull ended half-way; no file is left.
        """
        return run(self.ato_parquet(path, progress))

    def to_reader(self) -> pa.RecordBatchReader:
        """The rows as a stream of record batches, a page at a time as they are read; memory holds a few pages."""
        return pa.RecordBatchReader.from_batches(self.schema, iterate(self._batches()))

    def iter_dataframes(self, chunk_rows: int = 50_000, *, dtype_backend: DtypeBackend | None = None) -> Iterator[pd.DataFrame]:
        """Frames of at most `chunk_rows` rows each, one after another; all but the last have exactly so many.

        Raises:
            InputError: `chunk_rows` is not a positive whole number.
        """
        check_dtype_backend(dtype_backend)
        checked("chunk_rows", positive, chunk_rows)
        return self._frames(chunk_rows, dtype_backend)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Rows as the wire has them, in ordinary code."""
        for page in iterate(self._pages_of_dicts()):
            yield from page.rows

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        """Rows as the wire has them, in async code of any loop."""
        async for page in aiterate(self._pages_of_dicts()):
            for row in page.rows:
                yield row

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The rows as an Arrow C stream (Arrow PyCapsule interface)."""
        return self.to_reader().__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        """The schema as an Arrow C schema (Arrow PyCapsule interface)."""
        return self.schema.__arrow_c_schema__()

    async def ato_arrow(self, progress: ProgressArg) -> pa.Table:
        """`to_arrow` for async code, by `toloka_frames.aio`."""
        with showing(progress, self._question.resource.name, quiet=QUIET_SECONDS) as meter:
            schema = (await self.alayout()).schema
            return pa.Table.from_batches([batch async for batch in self._batches(meter)], schema)

    async def ato_parquet(self, path: FilePath, progress: ProgressArg) -> Path:
        """`to_parquet` for async code, by `toloka_frames.aio`."""
        parquet_place(path)
        with showing(progress, self._question.resource.name, quiet=QUIET_SECONDS) as meter:
            with ParquetFile(path, (await self.alayout()).schema) as file:
                async with aclosing(self._batches(meter)) as batches:
                    async for batch in batches:
                        await in_thread(file.write, batch)
            return file.path

    async def alayout(self) -> Layout:
        """What pages are read with; asks for the specification once."""
        if self._layout is None:
            specification = await _specifications.of_list(self._service, self._question)
            columns = tuple(expanded(self._question.resource.columns, specification, self._service.web_url))
            self._layout = Layout(self._question.resource.rows, CURSOR, columns)
        return self._layout

    async def _batches(self, meter: Meter | None = None) -> AsyncGenerator[pa.RecordBatch, None]:
        pages = walk(self._service, self._question.path, self._query(), await self.alayout(), read_page, Page.keep)
        async with aclosing(pages):
            async for page in pages:
                if meter:
                    meter.rows += len(page.batch)
                yield page.batch

    def _pages_of_dicts(self) -> AsyncGenerator[DictPage, None]:
        layout = Layout(self._question.resource.rows, CURSOR, ())
        return walk(self._service, self._question.path, self._query(), layout, read_dicts, DictPage.keep)

    def _query(self) -> dict[str, str]:
        return {**self._question.query, "sort": CURSOR, "limit": self._limit}

    def _frames(self, chunk_rows: int, dtype_backend: DtypeBackend | None) -> Iterator[pd.DataFrame]:
        regrouped = Regrouped(self.schema, chunk_rows)
        for batch in iterate(self._batches()):
            for table in regrouped.add(batch):
                yield to_frame(table, dtype_backend)
        for table in regrouped.rest():
            yield to_frame(table, dtype_backend)
