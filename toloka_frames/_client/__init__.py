"""The client: a method for each call and each list of the API."""
