"""Errors, ids, timestamps, field specifications and seeded randomness of the local service."""
