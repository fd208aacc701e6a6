"""The API as data: lists, bulk creations, columns, filters, timestamps. No I/O."""
