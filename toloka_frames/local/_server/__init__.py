"""The HTTP server, routing, and work that becomes due."""
