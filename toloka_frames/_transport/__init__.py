"""One request: authentication, connections, retries, rate limits, responses, operations."""
