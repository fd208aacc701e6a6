"""Pull a list into Parquet files with dlt, and print seconds and rows as a line of JSON.

Run in .venv-dlt as `dlt_pull.py URL PATH ROWS_KEY QUERY`, with PATH after the host and QUERY as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any

import dlt
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator

if TYPE_CHECKING:
    from collections.abc import Iterator


def main() -> None:
    """Extract, normalize and load with dlt's default settings."""
    url, path, key, query = sys.argv[1:]
    paginator = JSONResponseCursorPaginator(cursor_path=f"{key}[-1].id", cursor_param="id_gt", has_more_path="has_more")
    service = RESTClient(url, paginator=paginator, data_selector=key)
    count = 0

    def pages() -> Iterator[Any]:
        nonlocal count
        for page in service.paginate(path, params=json.loads(query)):
            count += len(page)
            yield page

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        files = dlt.destinations.filesystem(bucket_url=f"file://{folder}/files")
        pipeline = dlt.pipeline("bench", pipelines_dir=f"{folder}/pipelines", destination=files, dataset_name="pulled")
        started = time.perf_counter()
        pipeline.run(dlt.resource(pages, name="rows"), loader_file_format="parquet")
        print(json.dumps({"seconds": time.perf_counter() - started, "rows": count}))


if __name__ == "__main__":
    main()
