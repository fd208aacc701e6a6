"""The calls of the API, a function for each."""
