"""Planned faults: which requests they hit and what they do to the response."""
