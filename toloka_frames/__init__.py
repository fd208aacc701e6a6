"""Toloka's lists as DataFrames, and DataFrames as Toloka's tasks."""

__version__ = "0.1.0"
