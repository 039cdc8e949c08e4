"""The extractor `csv`."""
