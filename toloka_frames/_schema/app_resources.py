"""The lists of apps, their projects, items and batches, as data.

Source: the Apps API's OpenAPI document.
"""

from __future__ import annotations

from toloka_frames._schema import keywords as keywords
from toloka_frames._schema.columns import BOOLEAN, FLOAT, INSTANT, INTEGER, TEXT, Fields
from toloka_frames._schema.resources import Life, Resource, flat

APPS = Resource(
    name="apps",
    path="/app/v0/apps",
    rows="content",
    max_limit=1_000,
    keywords=keywords.Apps,
    sort=("id",),
    columns=(
        *flat(TEXT, "id", "name", "image", "description"),
        *flat(FLOAT, "default_item_price"),
        *flat(TEXT, "examples", json="array"),
    ),
)

APP_PROJECTS = Resource(
    name="app projects",
    path="/app/v0/app-projects",
    rows="content",
    max_limit=5_000,
    keywords=keywords.AppProjects,
    sort=("id", "name", "created"),
    columns=(
        *flat(TEXT, "id", "app_id", "parent_app_project_id", "name", "status"),
        *flat(INSTANT, "created"),
        *flat(FLOAT, "item_price"),
        *flat(TEXT, "parameters", json="object"),
        *flat(TEXT, "errors", json="array"),
        *flat(BOOLEAN, "read_only"),
        *flat(TEXT, "app.id", "app.name"),
    ),
    # the Apps API's document has both spellings of the archive
    life=Life(created="created", status="status", final=("ARCHIVED", "ARCHIVE", "ERROR")),
)

APP_ITEMS = Resource(
    name="app items",
    path="/app/v0/app-projects/{app_project_id}/items",
    rows="content",
    max_limit=1_000,
    keywords=keywords.AppItems,
    sort=("id", "created", "finished", "status"),
    columns=(
        *flat(TEXT, "id", "app_project_id", "batch_id", "status"),
        Fields("INPUT", ("input_data",), "input"),
        Fields("OUTPUT", ("output_data",), "output"),
        *flat(TEXT, "errors", json="array"),
        *flat(INSTANT, "created_at", "started_at", "finished_at"),
    ),
    life=Life(created="created_at", status="status", final=("COMPLETED", "ERROR", "CANCELLED", "ARCHIVE")),
)

ITEM_STATES = ("NEW", "QUEUED", "PROCESSING", "COMPLETED", "ERROR", "CANCELLED", "NO_MONEY", "ARCHIVE", "STOPPED")

APP_BATCHES = Resource(
    name="app batches",
    path="/app/v0/app-projects/{app_project_id}/batches",
    rows="content",
    max_limit=1_000,
    keywords=keywords.AppBatches,
    sort=("id", "name", "created", "status"),
    columns=(
        *flat(TEXT, "id", "app_project_id", "name", "status"),
        # so in nearly all examples of the Apps API and in Toloka-Kit 1.2.3; the schema has item_count
        *flat(INTEGER, "items_count", "items_processed_count"),
        *flat(FLOAT, "item_price", "cost", "cost_of_processed", "confidence_avg"),
        *flat(INSTANT, "created_at", "started_at", "finished_at"),
        *flat(BOOLEAN, "read_only"),
        *flat(TEXT, "priority_order"),
        *flat(INTEGER, *(f"items_per_state.{state}" for state in ITEM_STATES)),
        *flat(TEXT, "last_items_import.id"),
        *flat(
            INTEGER,
            "last_items_import.records_count",
            "last_items_import.records_processed",
            "last_items_import.records_skipped",
        ),
        *flat(TEXT, "last_items_import.errors", "validation_errors", json="object"),
        *flat(INSTANT, "eta", "etd", "app_project_eta", "current_time"),
    ),
    life=Life(
        created="created_at",
        status="status",
        final=("COMPLETED", "ERROR", "CANCELLED", "ARCHIVE"),
        # the service's clock when it answered
        passing=("current_time",),
    ),
)
