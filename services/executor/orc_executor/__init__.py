"""Executor: claims runs and performs them in worker processes."""
