"""Functions from frames to frames and plots."""
