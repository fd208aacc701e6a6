"""The state of the local service in SQLite."""
