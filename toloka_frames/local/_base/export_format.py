"""Spellings of the platform's pool-result export (TSV) that differ from the API's."""

from __future__ import annotations

API_STATUSES = {"APPROVED": "ACCEPTED"}


TIMESTAMPS = ("submitted", "accepted", "rejected", "skipped", "expired")
