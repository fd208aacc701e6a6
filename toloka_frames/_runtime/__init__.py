"""Event loop, progress displays, worker pool: what runs under every call."""
