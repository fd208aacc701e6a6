"""What the platform's pool-result export (TSV) spells in its own way."""

from __future__ import annotations

API_STATUSES = {"APPROVED": "ACCEPTED"}


TIMESTAMPS = ("submitted", "accepted", "rejected", "skipped", "expired")
