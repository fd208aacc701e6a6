"""Simulated Tolokers, and pool-result exports loaded as state."""
