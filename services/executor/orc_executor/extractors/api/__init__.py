"""The extractor `api`: records of an HTTP API."""
