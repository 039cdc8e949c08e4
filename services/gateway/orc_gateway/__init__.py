"""Gateway: REST, live events and read tables."""
