"""Frames as requests, recorded in a ledger, sent once, with a result for each row."""
