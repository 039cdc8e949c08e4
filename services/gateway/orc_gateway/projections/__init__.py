"""Folds of events into the read tables."""
