"""The API as data: lists, bulk creations, field types, columns, filters and timestamps. No I/O."""
